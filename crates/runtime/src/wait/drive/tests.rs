//! What a wait makes of signals in an order that real engines bring about by chance.

use longshore_engine::EngineConfig;
use longshore_testkit::fake::{FakeConfig, FakeEngine, SAMPLE_IMAGE, Spec};

use super::*;

#[tokio::test]
async fn the_end_of_the_run_before_is_not_the_end_of_a_run_that_nobody_saw_running() {
    let fake = FakeEngine::start(FakeConfig::default()).await.unwrap();
    let name = fake.create(Spec::new(SAMPLE_IMAGE)).await.unwrap();
    let run = async || {
        fake.start_container(&name).await.unwrap();
        fake.exit(&name, 0).await.unwrap();
    };
    run().await;
    let engine = Engine::new(fake.endpoint().parse().unwrap(), EngineConfig::default());
    let id = ContainerId::new(&name).unwrap();
    let (wait, config) = (Wait::log_line("ready"), WaitConfig::default());
    let mut drive = Drive::prepare(&wait, &engine, &id, &config, true).await.unwrap();
    let ended = |container: &Container| {
        Signal::Log(Ok(LogItem::Ended {
            exit_code: Some(0),
            at: container.finished_at,
        }))
    };
    let before = Arc::clone(&drive.first);
    drive.take(ended(&before));

    run().await;
    let after = engine.inspect_container(&(&id).into()).await.unwrap();
    assert_ne!(after.finished_at, before.finished_at);
    drive.take(Signal::Sight(Sight::Is(Box::new(after.clone()), Some(0))));
    assert_eq!(drive.leaves[0].value, Value::No, "its lines may still come");
    drive.take(ended(&after));
    assert_eq!(drive.leaves[0].value, Value::Never);
    fake.stop().await;
}
