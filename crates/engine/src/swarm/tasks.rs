//! What the services of a Swarm run.

use longshore_core::ObjectRef;
use longshore_core::swarm::Task;

use super::{SwarmFilter, one};
use crate::call::Call;
use crate::path::PathQuery;
use crate::wire::swarm::task;
use crate::{Engine, Error};

impl Engine {
    /// The tasks of the Swarm, those that have ended included.
    ///
    /// An entry that cannot be read is left out and logged, never the whole list.
    ///
    /// # Errors
    /// [`Error::is_conflict`] when the engine is no manager.
    pub async fn list_tasks(&self, filter: &SwarmFilter) -> Result<Vec<Task>, Error> {
        let call = Call::get("list tasks", PathQuery::new("/tasks").filters(&filter.filters));
        let answer = self.client.collect(&call).await?;
        task::tasks(&answer.body).map_err(|error| call.malformed(error))
    }

    /// One task.
    ///
    /// # Errors
    /// [`Error::is_not_found`] when there is none; [`Error::is_conflict`] when the engine is no manager.
    pub async fn inspect_task(&self, task: &ObjectRef) -> Result<Task, Error> {
        let call = Call::get("inspect the task", PathQuery::object("/tasks", task, "")).on(task.as_str());
        let answer = self.client.collect(&call).await?;
        one(&call, task::task(&answer.body))
    }
}
