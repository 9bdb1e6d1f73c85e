//! Images.

use longshore_core::ImageSummary;

use crate::call::Call;
use crate::path::PathQuery;
use crate::{Engine, Error, wire};

impl Engine {
    /// The images there are, intermediate layers of builds left out.
    ///
    /// # Errors
    /// As [`Engine::ping`].
    pub async fn list_images(&self) -> Result<Vec<ImageSummary>, Error> {
        let call = Call::get("list images", PathQuery::new("/images/json"));
        let answer = self.client.collect(&call).await?;
        wire::list::images(&answer.body).map_err(|error| call.malformed(error))
    }
}
