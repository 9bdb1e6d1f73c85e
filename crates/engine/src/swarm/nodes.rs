//! The engines of a Swarm.

use longshore_core::ObjectRef;
use longshore_core::swarm::{Node, NodeSpec};

use super::{SwarmFilter, one};
use crate::call::Call;
use crate::path::PathQuery;
use crate::wire::swarm::node;
use crate::{Engine, Error};

impl Engine {
    /// The nodes of the Swarm.
    ///
    /// An entry that cannot be read is left out and logged, never the whole list.
    ///
    /// # Errors
    /// [`Error::is_conflict`] when the engine is no manager.
    pub async fn list_nodes(&self, filter: &SwarmFilter) -> Result<Vec<Node>, Error> {
        let call = Call::get("list nodes", PathQuery::new("/nodes").filters(&filter.filters));
        let answer = self.client.collect(&call).await?;
        node::nodes(&answer.body).map_err(|error| call.malformed(error))
    }

    /// One node, by id or host name.
    ///
    /// # Errors
    /// [`Error::is_not_found`] when there is none; [`Error::is_conflict`] when the engine is no manager.
    pub async fn inspect_node(&self, node: &ObjectRef) -> Result<Node, Error> {
        let call = Call::get("inspect the node", PathQuery::object("/nodes", node, "")).on(node.as_str());
        let answer = self.client.collect(&call).await?;
        one(&call, node::node(&answer.body))
    }

    /// Changes the node that was seen to `spec`: its name, labels, role, and whether it takes tasks.
    ///
    /// # Errors
    /// [`Error::is_conflict`] when it has changed since, and nothing is done.
    pub async fn update_node(&self, seen: &Node, spec: &NodeSpec) -> Result<(), Error> {
        let path =
            PathQuery::object("/nodes", &seen.id, "update").query("version", &seen.version.to_string());
        let call = Call::post("update the node", path)
            .on(seen.id.as_str())
            .json(&node::Spec::new(spec))?;
        self.client.collect(&call).await.map(drop)
    }

    /// Removes a node that has left; with `force` one that has not.
    ///
    /// # Errors
    /// [`Error::is_not_found`] when there is none; any other when it is not down, or a manager.
    pub async fn remove_node(&self, node: &ObjectRef, force: bool) -> Result<(), Error> {
        let path = PathQuery::object("/nodes", node, "").flag("force", force);
        let call = Call::delete("remove the node", path).on(node.as_str());
        self.client.collect(&call).await.map(drop)
    }
}
