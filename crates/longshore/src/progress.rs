//! What a client with a reporter tells of its calls.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use longshore_core::{ContainerSpec, ImageName, Progress, ProgressEvent, ProgressStatus, TransferProgress};
use longshore_engine::{PullImage, TransferEvent, Transferred};
use longshore_runtime::ProgressReporter;
use tokio::time::Instant;

use crate::{DockerClient, DockerError, DockerErrorKind};

/// Between two events of moving bytes: nobody reads faster, and an engine tells hundreds a second.
const THROTTLE: Duration = Duration::from_millis(100);

/// One piece of work: it begins when this is made, and ends once, also when its future is dropped.
struct Work<F: Fn(ProgressStatus) -> ProgressEvent> {
    reporter: ProgressReporter,
    event: F,
    ended: bool,
}

impl<F: Fn(ProgressStatus) -> ProgressEvent> Work<F> {
    fn begin(reporter: &ProgressReporter, event: F) -> Self {
        reporter.report(event(ProgressStatus::Started));
        Self {
            reporter: reporter.clone(),
            event,
            ended: false,
        }
    }

    fn end<T>(mut self, result: &Result<T, DockerError>) {
        self.ended = true;
        self.reporter.report((self.event)(match result {
            Ok(_) => ProgressStatus::Done,
            Err(error) if error.kind() == DockerErrorKind::Cancelled => ProgressStatus::Cancelled,
            Err(error) => ProgressStatus::Failed(error.to_string().into()),
        }));
    }
}

impl<F: Fn(ProgressStatus) -> ProgressEvent> Drop for Work<F> {
    fn drop(&mut self) {
        if !self.ended {
            self.reporter.report((self.event)(ProgressStatus::Cancelled));
        }
    }
}

impl DockerClient {
    /// A call, told from its beginning to its end where somebody wants to hear of it.
    async fn told<T, E: Into<DockerError>>(
        &self,
        event: impl Fn(ProgressStatus) -> ProgressEvent,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, DockerError> {
        let Some(reporter) = &self.progress else {
            return self.run(call).await;
        };
        let work = Work::begin(reporter, event);
        let result = self.run(call).await;
        work.end(&result);
        result
    }

    /// The making of a container.
    pub(crate) async fn creates<T, E: Into<DockerError>>(
        &self,
        spec: &ContainerSpec,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, DockerError> {
        let name = spec.name.as_deref().map(Arc::<str>::from);
        let image = Arc::<str>::from(&*spec.image);
        let event = |status| ProgressEvent::ContainerCreate {
            name: name.clone(),
            image: Arc::clone(&image),
            status,
        };
        self.told(event, call).await
    }

    /// Something that is done to a container.
    pub(crate) async fn does<T, E: Into<DockerError>>(
        &self,
        container: &str,
        action: &'static str,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, DockerError> {
        let container = Arc::<str>::from(container);
        let event = |status| ProgressEvent::ContainerLifecycle {
            container: Arc::clone(&container),
            action,
            status,
        };
        self.told(event, call).await
    }

    /// A pull to its end.
    pub(crate) async fn pulls(
        &self,
        image: &ImageName,
        options: &PullImage,
    ) -> Result<Transferred, DockerError> {
        let image_name = Arc::<str>::from(image.to_string());
        let event = |status, now: Option<&TransferProgress>| ProgressEvent::ImageDownload {
            image_name: Arc::clone(&image_name),
            status,
            progress: now.and_then(Progress::of),
            layer: now.and_then(|now| now.layer.clone()),
        };
        let pulling = async {
            let mut transfer = self.engine().pull_image(image, options).await?;
            let Some(reporter) = &self.progress else {
                return transfer.finish().await;
            };
            let mut quiet_until = Instant::now();
            while let Some(item) = transfer.next().await {
                match item? {
                    TransferEvent::Done(done) => return Ok(done),
                    TransferEvent::Progress(now) if now.is_step() || Instant::now() >= quiet_until => {
                        quiet_until = Instant::now() + THROTTLE;
                        let status = ProgressStatus::Running(now.status.as_str().into());
                        reporter.report(event(status, Some(&now)));
                    }
                    _ => {}
                }
            }
            // Its stream ends with done or an error: one that was read to its end says so.
            transfer.finish().await
        };
        self.told(|status| event(status, None), pulling).await
    }
}
