//! `POST /containers/{id}/wait`: the head at once, the exit code when it comes.

use std::sync::Arc;

use serde_json::json;

use super::http::Conn;
use super::request::Request;
use super::route::{Reply, Trouble};
use super::world::Refusal;
use super::{Shared, lock};

pub(super) async fn serve(
    shared: &Arc<Shared>,
    conn: &mut Conn,
    request: &Request,
    reference: &str,
) -> Result<Reply, Trouble> {
    let (id, exits, code) = {
        let world = lock(&shared.world);
        let container = world.container(reference)?;
        (container.id.clone(), container.exits, container.exit_code)
    };
    let condition = request.query("condition").unwrap_or("not-running");
    if !matches!(condition, "" | "not-running" | "next-exit" | "removed") {
        return Err(Refusal::new(400, format!("invalid condition: {condition:?}")).into());
    }
    conn.start_chunks("application/json").await?;
    let mut last = code;
    let code = loop {
        let changed = shared.changed.notified();
        tokio::pin!(changed);
        changed.as_mut().enable();
        let now = lock(&shared.world)
            .containers
            .get(&id)
            .map(|c| (c.is_up(), c.exits, c.exit_code));
        match (condition, now) {
            (_, None) => break last,
            ("removed", Some((_, _, code))) => last = code,
            ("next-exit", Some((_, now, code))) if now > exits => break code,
            ("next-exit", Some(_)) => {}
            (_, Some((false, _, code))) => break code,
            (_, Some(_)) => {}
        }
        tokio::select! {
            () = changed => {}
            read = conn.incoming() => {
                if read?.is_empty() {
                    return Ok(Reply::Taken);
                }
            }
        }
    };
    conn.chunk(format!("{}\n", json!({"StatusCode": code})).as_bytes())
        .await?;
    conn.end_chunks().await?;
    Ok(Reply::Written)
}
