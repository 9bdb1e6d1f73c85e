//! The description as the code gives it, and the test that holds the committed file to it.

use std::collections::BTreeSet;

use longshore_api::{monitor as plain, stream as live};
use utoipa::{
    Modify, OpenApi,
    openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
};

use super::COMMITTED;
use crate::{auth, health, metrics, monitor, rest, stream};

#[derive(OpenApi)]
#[openapi(
    info(title = "Longshore", description = "Containers of many engines, live. Errors are one body with a stable code; \
        times are RFC 3339 in UTC; what is unknown is null."),
    paths(
        health::healthz, health::readyz, metrics::show, super::show,
        auth::login, auth::setup, auth::session, auth::logout,
        rest::list_containers, rest::show_container, rest::act, rest::remove, rest::logs, rest::stats,
        rest::list_hosts, rest::list_images, rest::system, rest::list_events, rest::container_events,
        rest::list_deaths, rest::container_deaths,
        stream::open, monitor::open,
    ),
    components(schemas(
        longshore_api::ErrorCode, live::ClientMessage, live::ServerMessage, live::Channel, live::ContainersData,
        live::EventsData, live::StatsData, live::HostMetricsData, live::LogsData, live::DeathsData,
        plain::MonitorMessage, plain::MessageType, plain::MonitorRequest, plain::EventPayload, plain::EventActor,
        plain::ErrorPayload, plain::RestoredPayload, plain::GapPayload, plain::LaggedPayload,
    )),
    security(("session" = []), ("token" = [])),
    modifiers(&Schemes),
)]
struct Description;

struct Schemes;

impl Modify for Schemes {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let components = api.components.get_or_insert_default();
        let cookie = ApiKeyValue::with_description("longshore_<port>", "the session cookie, for browsers");
        components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("an API token, for programs"));
        components.add_security_scheme("token", SecurityScheme::Http(bearer.build()));
    }
}

#[test]
fn the_committed_file_is_what_the_code_says() {
    let made = Description::openapi().to_pretty_json().unwrap() + "\n";
    if std::env::var_os("LONGSHORE_BLESS").is_some() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
        std::fs::write(file, &made).unwrap();
    } else {
        assert!(
            made == COMMITTED,
            "openapi.json is old: LONGSHORE_BLESS=1 cargo test -p longshore-server openapi"
        );
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let made = Description::openapi().to_pretty_json().unwrap();
    let refs: BTreeSet<&str> = made
        .split("\"#/components/schemas/")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    let described = Description::openapi().components.unwrap();
    let lost: Vec<_> = refs
        .into_iter()
        .filter(|name| !described.schemas.contains_key(*name))
        .collect();
    assert!(lost.is_empty(), "no schema for {lost:?}");
}

#[test]
fn every_route_is_described_and_nothing_else() {
    let described: BTreeSet<String> = Description::openapi()
        .paths
        .paths
        .iter()
        .flat_map(|(path, item)| {
            let methods = [("GET", &item.get), ("POST", &item.post), ("DELETE", &item.delete)];
            methods
                .into_iter()
                .filter(|(_, op)| op.is_some())
                .map(move |(m, _)| format!("{m} {path}"))
        })
        .collect();
    let mounted: BTreeSet<String> = crate::routes::table()
        .iter()
        .map(|route| format!("{} {}", route.method, route.path))
        .collect();
    assert_eq!(described, mounted);
}
