//! Networks: on real engines, and on the fake one what no real one can be made to do.

use std::collections::BTreeMap;

use longshore_core::{
    EndpointSpec, InvalidRef, IpamPool, Network, NetworkDriver, NetworkSpec, ObjectRef, Scope,
};
use longshore_engine::{ApiVersion, Engine, ErrorKind, InspectNetwork, ListNetworks, PruneFilter};
use longshore_testkit::fake::{Fault, Spec};
use longshore_testkit::lease::{LABEL, Lease, on_each};
use longshore_testkit::{FakeConfig, FakeEngine};

use crate::support::{careless, client, is_podman, nobody, spec, start, unless_busy};

/// A spec that belongs to the lease.
fn net(lease: &Lease, suffix: &str) -> NetworkSpec {
    NetworkSpec::new(lease.name(suffix)).label(LABEL, lease.run_id())
}

/// Two subnets that no other lease uses now: one of 10.128.0.0/10 and one of a local IPv6 range.
fn subnets(lease: &Lease) -> (String, String) {
    let hash = lease.run_id().bytes().fold(7_u32, |hash, byte| {
        hash.wrapping_mul(31).wrapping_add(u32::from(byte))
    });
    let (a, b) = (hash >> 8 & 0x3f, hash & 0xff);
    (
        format!("10.{}.{b}.0/24", 64 + a),
        format!("fd64:{a:x}:{b:x}::/64"),
    )
}

async fn ours(engine: &Engine, lease: &Lease) -> Vec<String> {
    let list = ListNetworks::default().label(lease.label());
    let mut names: Vec<_> = engine.list_networks(&list).await.unwrap();
    names.sort_by(|a, b| a.name.cmp(&b.name));
    names.into_iter().map(|network| network.name).collect()
}

#[tokio::test]
async fn a_network_lives_its_whole_life() {
    on_each(|lease| async move {
        let engine = client(&lease).await;
        let (v4, v6) = subnets(&lease);
        let base = v4.strip_suffix("0/24").unwrap().to_owned();
        let spec = net(&lease, "life")
            .internal(true)
            .pool(IpamPool {
                subnet: v4.clone(),
                range: Some(format!("{base}128/25")),
                gateway: Some(format!("{base}1")),
                reserved: BTreeMap::from([("router".to_owned(), format!("{base}5"))]),
            })
            .subnet(&v6)
            .option("com.docker.network.driver.mtu", "1400")
            .label("note", "x y/z");
        let created = engine.create_network(&spec).await.unwrap();
        assert!(created.warnings.is_empty(), "{:?}", created.warnings);
        let again = engine.create_network(&spec).await.unwrap_err();
        assert!(again.is_conflict(), "{again:?}");

        let id = ObjectRef::from(&created.id);
        let name = ObjectRef::new(&spec.name).unwrap();
        for one in [&id, &name] {
            let network = engine.inspect_network(one).await.unwrap();
            assert_eq!((&network.id, &network.name), (&created.id, &spec.name));
            assert_eq!(
                (&network.driver, &network.scope),
                (&NetworkDriver::Bridge, &Scope::Local)
            );
            assert!(network.internal && network.ipv6 && !network.attachable && network.created.is_some());
            if is_podman(&lease) {
                // It has both, and tells neither the range nor the driver's options in Docker's words.
                let text = spec.difference(&network).unwrap();
                assert!(
                    text.contains("range") && text.contains("driver.mtu is None"),
                    "{text}"
                );
            } else {
                assert_eq!(spec.difference(&network), None);
                assert_eq!(network.pools[0], spec.pools[0]);
            }
            assert_eq!(network.labels["note"], "x y/z");
        }
        let swarm = InspectNetwork {
            scope: Some(Scope::Swarm),
            verbose: true,
        };
        let elsewhere = engine.inspect_network_with(&id, &swarm).await;
        if is_podman(&lease) {
            elsewhere.unwrap();
        } else {
            let error = elsewhere.unwrap_err();
            assert!(error.is_not_found(), "it is local: {error:?}");
        }

        engine.remove_network(&id).await.unwrap();
        assert!(engine.remove_network(&name).await.unwrap_err().is_not_found());
    })
    .await;
}

#[tokio::test]
async fn containers_join_and_leave() {
    on_each(|lease| async move {
        let engine = client(&lease).await;
        let (v4, v6) = subnets(&lease);
        let base = v4.strip_suffix("0/24").unwrap().to_owned();
        let made = engine
            .create_network(&net(&lease, "join").subnet(&v4).subnet(&v6))
            .await
            .unwrap();
        let network = ObjectRef::from(&made.id);
        let mut bridged = spec(&lease, "joins", &["sleep", "60"]);
        bridged.network_mode = None;
        let container = start(&engine, &bridged).await;
        let address: std::net::Ipv4Addr = format!("{base}9").parse().unwrap();
        let mut endpoint = EndpointSpec::default()
            .alias("db")
            .ipv4(address)
            .ipv6(v6.replace("/64", "9").parse::<std::net::Ipv6Addr>().unwrap());
        endpoint.link_local = vec!["169.254.3.4".parse().unwrap()];
        engine
            .connect_network(&network, &container, &endpoint)
            .await
            .unwrap();
        let seen = engine.inspect_network(&network).await.unwrap();
        let member = &seen.containers[0];
        assert_eq!(member.name, lease.name("joins"));
        assert_eq!(member.ipv4.as_deref(), Some(&*address.to_string()));
        assert!(member.ipv6.as_deref().unwrap().ends_with("::9") && member.mac.contains(':'));
        let inspected = engine.inspect_container(&container).await.unwrap();
        assert_eq!(inspected.networks.len(), 2);

        let twice = engine.connect_network(&network, &container, &endpoint).await;
        assert!(twice.unwrap_err().is_conflict());
        // Podman refuses by the name only: by the id it takes the network away from under the container.
        let name = ObjectRef::new(&lease.name("join")).unwrap();
        let used = engine.remove_network(&name).await.unwrap_err();
        assert!(used.is_conflict(), "{used:?}");
        engine
            .disconnect_network(&network, &container, false)
            .await
            .unwrap();
        let twice = engine.disconnect_network(&network, &container, false).await;
        assert!(twice.unwrap_err().is_conflict());
        let none = engine.disconnect_network(&network, &nobody(), true).await;
        assert!(none.unwrap_err().is_not_found());
        // Podman 4.3 refuses it too, but keeps it: from then on it cannot list its containers.
        if !is_podman(&lease) {
            let outside = EndpointSpec::default().ipv4([9, 9, 9, 9]);
            let error = engine.connect_network(&network, &container, &outside).await;
            assert!(!error.unwrap_err().is_transient());
        }
        engine.remove_network(&network).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_container_without_a_network_joins_none_beside_it() {
    on_each(|lease| async move {
        let engine = client(&lease).await;
        let made = engine.create_network(&net(&lease, "other")).await.unwrap();
        let network = ObjectRef::from(&made.id);
        let container = start(&engine, &spec(&lease, "alone", &["sleep", "60"])).await;
        let plain = EndpointSpec::default();
        let error = engine
            .connect_network(&network, &container, &plain)
            .await
            .unwrap_err();
        assert!(
            error.is_conflict() && error.hint().unwrap().contains("none"),
            "{error:?}"
        );
        let none = ObjectRef::new("none").unwrap();
        if is_podman(&lease) {
            let error = engine.disconnect_network(&none, &container, false).await;
            assert!(error.unwrap_err().is_conflict(), "there it is for good");
            return;
        }
        engine.disconnect_network(&none, &container, false).await.unwrap();
        engine
            .connect_network(&network, &container, &plain)
            .await
            .unwrap();
    })
    .await;
}

#[tokio::test]
async fn lists_are_filtered_by_the_engine() {
    on_each(|lease| async move {
        let engine = client(&lease).await;
        let unused = engine.create_network(&net(&lease, "unused")).await.unwrap();
        let macvlan = NetworkSpec::macvlan(lease.name("lan"), "eth0").label(LABEL, lease.run_id());
        engine.create_network(&macvlan).await.unwrap();
        assert_eq!(
            ours(&engine, &lease).await,
            [lease.name("lan"), lease.name("unused")]
        );
        let label = lease.label();
        for (list, expected) in [
            (ListNetworks::default().driver(&NetworkDriver::Macvlan), 1),
            (ListNetworks::default().name("unused"), 1),
            (ListNetworks::default().scope(&Scope::Local), 2),
            (ListNetworks::default().scope(&Scope::Swarm), 0),
            (ListNetworks::default().unused(true), 2),
            (ListNetworks::default().unused(false), 0),
            (ListNetworks::default().predefined(false), 2),
            (ListNetworks::default().predefined(true), 0),
            (ListNetworks::default().filter("id", unused.id.as_str()), 1),
        ] {
            let found = engine.list_networks(&list.clone().label(&label)).await;
            let unknown = ["scope", "type"]
                .iter()
                .any(|key| list.filters.contains_key(*key));
            if is_podman(&lease) && unknown {
                assert_eq!(found.unwrap_err().kind(), ErrorKind::Status);
                continue;
            }
            assert_eq!(found.unwrap().len(), expected, "{list:?}");
        }
        if is_podman(&lease) {
            return;
        }
        let predefined = engine
            .list_networks(&ListNetworks::default().predefined(true))
            .await
            .unwrap();
        let mut names: Vec<_> = predefined.iter().map(|network| network.name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["bridge", "host", "none"]);
        for (key, value) in [("nonsense", "x"), ("type", "rubbish"), ("dangling", "rubbish")] {
            let list = ListNetworks::default().filter(key, value);
            let bad = engine.list_networks(&list).await.unwrap_err();
            assert!(
                matches!(bad.kind(), ErrorKind::BadInput | ErrorKind::Status) && !bad.is_transient(),
                "{key}: {bad:?}"
            );
        }
        let part = engine.find_network(&lease.name("unu")).await.unwrap();
        assert_eq!(part, None, "a part of a name is no name");
    })
    .await;
}

#[tokio::test]
async fn only_what_bears_the_label_is_pruned() {
    on_each(|lease| async move {
        let engine = client(&lease).await;
        engine.create_network(&net(&lease, "gone")).await.unwrap();
        let kept = net(&lease, "kept").label("keep", "");
        engine.create_network(&kept).await.unwrap();
        let filter = PruneFilter::default().label(lease.label()).without_label("keep");
        let pruned = unless_busy(|| engine.prune_networks(&filter)).await;
        assert_eq!(pruned.removed, [lease.name("gone")]);
        let young = PruneFilter::default()
            .label(lease.label())
            .older_than(std::time::Duration::from_secs(3_600));
        let pruned = unless_busy(|| engine.prune_networks(&young)).await;
        assert!(pruned.removed.is_empty());
        assert_eq!(ours(&engine, &lease).await, [lease.name("kept")]);
    })
    .await;
}

#[tokio::test]
async fn however_many_ask_for_a_network_there_is_one() {
    on_each(|lease| async move {
        let engine = client(&lease).await;
        let wanted = net(&lease, "one").label("app", "shop");
        let asking = (0..8).map(|_| engine.ensure_network(&wanted));
        let all: Vec<Network> = futures_util::future::join_all(asking)
            .await
            .into_iter()
            .map(Result::unwrap)
            .collect();
        assert!(all.iter().all(|network| network.id == all[0].id));
        assert_eq!(ours(&engine, &lease).await, [lease.name("one")]);
        let later = engine.ensure_network(&wanted).await.unwrap();
        assert_eq!(later.id, all[0].id);

        let other = wanted.clone().internal(true).label("app", "bank");
        let error = engine.ensure_network(&other).await.unwrap_err();
        assert!(error.is_conflict(), "{error:?}");
        let text = error.to_string();
        assert!(
            text.contains("internal is false, not true") && text.contains("label app"),
            "{text}"
        );
    })
    .await;
}

#[tokio::test]
async fn creates_at_the_same_moment_make_one_network() {
    on_each(|lease| async move {
        let engine = client(&lease).await;
        let wanted = net(&lease, "race");
        let making = (0..8).map(|_| engine.create_network(&wanted));
        let results = futures_util::future::join_all(making).await;
        let (made, refused): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
        assert_eq!((made.len(), refused.len()), (1, 7));
        for refusal in refused {
            assert!(refusal.unwrap_err().is_conflict());
        }
        assert_eq!(ours(&engine, &lease).await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn what_is_not_there_or_not_possible_is_said() {
    on_each(|lease| async move {
        let engine = client(&lease).await;
        for error in [
            engine.inspect_network(&nobody()).await.unwrap_err(),
            engine.remove_network(&nobody()).await.unwrap_err(),
            engine
                .connect_network(&nobody(), &nobody(), &EndpointSpec::default())
                .await
                .unwrap_err(),
            engine
                .disconnect_network(&nobody(), &nobody(), false)
                .await
                .unwrap_err(),
        ] {
            assert!(error.is_not_found(), "{error:?}");
        }
        let bridge = ObjectRef::new("bridge").unwrap();
        assert!(engine.remove_network(&bridge).await.unwrap_err().is_conflict());
        let (v4, _) = subnets(&lease);
        engine
            .create_network(&net(&lease, "first").subnet(&v4))
            .await
            .unwrap();
        let overlap = engine.create_network(&net(&lease, "second").subnet(&v4)).await;
        assert!(overlap.unwrap_err().is_conflict());
        if is_podman(&lease) {
            return;
        }
        // Nobody else turns this engine into a Swarm: those tests have their own.
        let overlay = NetworkSpec::overlay(lease.name("overlay")).label(LABEL, lease.run_id());
        let error = engine.create_network(&overlay).await.unwrap_err();
        assert!(error.is_conflict() && !error.is_transient(), "{error:?}");
    })
    .await;
}

#[tokio::test]
async fn what_no_engine_takes_is_refused_before_it_is_sent() {
    let engine = Engine::new("/nowhere/docker.sock".parse().unwrap(), Default::default());
    let container = nobody();
    for name in ["../x", "a/b", "", "bridge"] {
        let error = engine.create_network(&NetworkSpec::new(name)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BadInput, "{name}");
    }
    for network in ["host", "none"] {
        let network = ObjectRef::new(network).unwrap();
        let error = engine
            .connect_network(&network, &container, &EndpointSpec::default())
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BadInput);
    }
    let odd = EndpointSpec::default().alias("a b");
    let error = engine
        .connect_network(&nobody(), &container, &odd)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadInput);
    assert!(ObjectRef::new("../x").is_err_and(|_: InvalidRef| true));
}

#[tokio::test]
async fn what_an_engine_is_too_old_for_names_the_version() {
    let fake = FakeEngine::start(FakeConfig::default().versions((1, 24), (1, 41)))
        .await
        .unwrap();
    let engine = careless(&fake);
    let mut v6_only = NetworkSpec::new("six").ipv6(true);
    v6_only.ipv4 = Some(false);
    let network = ObjectRef::new("bridge").unwrap();
    let mac = EndpointSpec {
        mac: Some("02:42:0a:09:00:07".to_owned()),
        ..EndpointSpec::default()
    };
    let first = EndpointSpec {
        gateway_priority: Some(1),
        ..EndpointSpec::default()
    };
    for (error, needed) in [
        (engine.create_network(&v6_only).await.unwrap_err(), "1.48"),
        (
            engine
                .connect_network(&network, &nobody(), &mac)
                .await
                .unwrap_err(),
            "1.52",
        ),
        (
            engine
                .connect_network(&network, &nobody(), &first)
                .await
                .unwrap_err(),
            "1.48",
        ),
    ] {
        assert_eq!(error.kind(), ErrorKind::Version);
        let text = error.to_string();
        assert!(text.contains(needed) && text.contains("1.41"), "{text}");
    }
    assert_eq!(engine.api_version(), Some(ApiVersion::new(1, 41)));
    fake.stop().await;
}

#[tokio::test]
async fn a_create_whose_answer_is_lost_is_found() {
    let fake = FakeEngine::start(FakeConfig::default()).await.unwrap();
    let engine = careless(&fake);
    engine.ping().await.unwrap();
    for after in [0, 1, 20, 100] {
        fake.faults().cut_after("POST /networks/create", after);
        let name = format!("cut-{after}");
        let created = engine.create_network(&NetworkSpec::new(&name)).await.unwrap();
        let found = engine.find_network(&name).await.unwrap().unwrap();
        assert_eq!(found.id, created.id);
        assert_eq!(fake.faults().left(), 0);
    }
    fake.faults().once("POST /networks/create", Fault::Hangup);
    let lost = engine
        .create_network(&NetworkSpec::new("never"))
        .await
        .unwrap_err();
    assert_eq!(lost.kind(), ErrorKind::Interrupted, "looked for, and not there");
    assert_eq!(engine.find_network("never").await.unwrap(), None);
    fake.stop().await;
}

#[tokio::test]
async fn two_networks_of_one_name_are_told_and_never_chosen_from() {
    let fake = FakeEngine::start(FakeConfig::default().versions((1, 24), (1, 41)))
        .await
        .unwrap();
    let engine = careless(&fake);
    let body = serde_json::json!({"Name": "twice"});
    let mut raw = longshore_testkit::raw::Connection::connect(&fake.target())
        .await
        .unwrap();
    for _ in 0..2 {
        let body = serde_json::to_vec(&body).unwrap();
        raw.call("POST", "/networks/create", Some(&body)).await.unwrap();
    }
    let name = ObjectRef::new("twice").unwrap();
    for error in [
        engine.find_network("twice").await.unwrap_err(),
        engine
            .ensure_network(&NetworkSpec::new("twice"))
            .await
            .unwrap_err(),
        engine.inspect_network(&name).await.unwrap_err(),
    ] {
        assert!(error.is_conflict(), "{error:?}");
    }
    fake.stop().await;
}

#[tokio::test]
async fn a_network_that_the_swarm_has_not_seen_to_yet_is_waited_for() {
    let fake = FakeEngine::start(FakeConfig::default()).await.unwrap();
    let engine = careless(&fake);
    let unfinished =
        serde_json::json!({"Id": "0".repeat(25), "Name": "mesh", "Driver": "", "Scope": "swarm"});
    let answer = |body: serde_json::Value| Fault::Answer {
        status: 200,
        body: body.to_string(),
    };
    let whole = (NetworkDriver::Bridge, Scope::Local);
    fake.faults().once("GET /networks/", answer(unfinished.clone()));
    let made = engine.ensure_network(&NetworkSpec::new("mesh")).await.unwrap();
    assert_eq!((&made.driver, &made.scope), (&whole.0, &whole.1));
    // The list's path is the only one that now matches.
    fake.faults()
        .once("GET /networks", answer(serde_json::json!([unfinished])));
    let found = engine.ensure_network(&NetworkSpec::new("mesh")).await.unwrap();
    assert_eq!(found, made);
    assert_eq!(fake.faults().left(), 0);
    fake.stop().await;
}

#[tokio::test]
async fn the_fake_engine_has_networks_too() {
    let fake = FakeEngine::start(FakeConfig::default()).await.unwrap();
    let engine = careless(&fake);
    let id = fake.create(Spec::new("sample").name("web")).await.unwrap();
    let container = ObjectRef::new(&id).unwrap();
    let network = engine.ensure_network(&NetworkSpec::new("shop")).await.unwrap();
    let network = ObjectRef::from(&network.id);
    engine
        .connect_network(
            &network,
            &container,
            &EndpointSpec::default().ipv4([172, 18, 0, 7]),
        )
        .await
        .unwrap();
    let seen = engine.inspect_network(&network).await.unwrap();
    assert_eq!(seen.containers[0].ipv4.as_deref(), Some("172.18.0.7"));
    assert!(engine.remove_network(&network).await.unwrap_err().is_conflict());
    engine
        .disconnect_network(&network, &container, false)
        .await
        .unwrap();
    let pruned = engine.prune_networks(&PruneFilter::default()).await.unwrap();
    assert_eq!(pruned.removed, ["shop"]);
    let actions: Vec<_> = fake
        .truth()
        .iter()
        .filter(|event| event.kind == "network")
        .map(|event| event.action.clone())
        .collect();
    assert_eq!(actions, ["create", "connect", "disconnect", "destroy"]);
    fake.stop().await;
}
