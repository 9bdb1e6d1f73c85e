//! The labels that everything bears which Longshore creates on an engine. They are set before a create is sent;
//! only what bears them is ever swept.

/// The prefix of all of them.
pub const PREFIX: &str = "io.longshore.";
/// `true` on everything that Longshore made.
pub const MANAGED: &str = "io.longshore.managed";
/// Which program or installation made it.
pub const OWNER: &str = "io.longshore.owner";
/// The test run that made it, and that sweeps it.
pub const TEST: &str = "io.longshore.test";
/// Version of the meaning of the other labels; see [`SCHEMA_VERSION`].
pub const SCHEMA: &str = "io.longshore.schema";
/// The value of [`SCHEMA`] that this version writes.
pub const SCHEMA_VERSION: &str = "1";
/// One create call, by a random number: a call whose answer was lost knows by it what it made.
pub const CREATE: &str = "io.longshore.create";
/// What a container was made from, as one number: the same spec, the same number.
pub const SPEC: &str = "io.longshore.spec";
/// The project that Compose tools put a container in.
pub const COMPOSE_PROJECT: &str = "com.docker.compose.project";

/// The labels that a new spec begins with.
pub fn ours() -> std::collections::BTreeMap<String, String> {
    [(MANAGED, "true"), (SCHEMA, SCHEMA_VERSION)]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
}
