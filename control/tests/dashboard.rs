//! The Grafana dashboard, as far as can be told without a Grafana (no Debian repository has one): what its loader refuses, or
//! shows as an empty panel. What its expressions answer is asked of a real Prometheus in tests/smoke/prometheus.sh.
#![forbid(unsafe_code)]

use std::collections::HashSet;

use serde_json::Value;

const DASHBOARD: &str = include_str!("../../scripts/grafana/gate25.json");
const DATASOURCES: &str = include_str!("../../scripts/grafana/provisioning/datasources/gate25.yaml");
const PROVIDERS: &str = include_str!("../../scripts/grafana/provisioning/dashboards/gate25.yaml");

fn dashboard() -> Value {
    serde_json::from_str(DASHBOARD).unwrap()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// The value of a key that stands once in a YAML file.
fn yaml<'a>(text: &'a str, key: &str) -> &'a str {
    let lines = text.lines().filter_map(|line| line.trim().trim_start_matches("- ").strip_prefix(key));
    let values: Vec<&str> = lines.filter_map(|rest| rest.strip_prefix(": ")).collect();
    assert_eq!(values.len(), 1, "{key} in {text}");
    values[0]
}

#[test]
fn it_has_what_a_loader_wants() {
    let dashboard = dashboard();
    assert!(dashboard["id"].is_null(), "an id is the database's: one from elsewhere overwrites another dashboard");
    assert!(dashboard["uid"].as_str().is_some_and(|uid| (1..=40).contains(&uid.len())));
    assert!(dashboard["title"].as_str().is_some_and(|title| !title.is_empty()));
    assert!(dashboard["schemaVersion"].as_u64().is_some_and(|version| version >= 36), "older ones are converted");
    assert_eq!((&dashboard["timezone"], &dashboard["time"]["to"]), (&"browser".into(), &"now".into()));
    assert_eq!(yaml(PROVIDERS, "type"), "file");
    assert_eq!(yaml(PROVIDERS, "path"), "/usr/share/gate25/grafana", "where the package puts it");
}

#[test]
fn panels_have_ids_and_places_of_their_own() {
    let dashboard = dashboard();
    let panels = list(&dashboard["panels"]);
    let mut ids = HashSet::new();
    let mut taken = HashSet::new();
    for panel in panels {
        let title = panel["title"].as_str().unwrap();
        assert!(panel["id"].as_u64().is_some_and(|id| id > 0 && ids.insert(id)), "{title}: its id");
        assert!(
            ["row", "stat", "timeseries"].contains(&panel["type"].as_str().unwrap()),
            "{title}: a plugin by itself"
        );
        let place = |key: &str| panel["gridPos"][key].as_u64().unwrap_or_else(|| panic!("{title}: gridPos.{key}"));
        assert!(place("w") > 0 && place("h") > 0 && place("x") + place("w") <= 24, "{title}: 24 columns");
        for x in place("x")..place("x") + place("w") {
            for y in place("y")..place("y") + place("h") {
                assert!(taken.insert((x, y)), "{title}: lies on another");
            }
        }
    }
    assert!(ids.len() > 20);
}

#[test]
fn whatever_asks_asks_the_data_source_that_is_provisioned() {
    let dashboard = dashboard();
    let source = (yaml(DATASOURCES, "uid"), yaml(DATASOURCES, "type"));
    let asks = |one: &Value, what: &str| {
        let found = (one["datasource"]["uid"].as_str(), one["datasource"]["type"].as_str());
        assert_eq!(found, (Some(source.0), Some(source.1)), "{what}");
    };
    for panel in list(&dashboard["panels"]).iter().filter(|panel| panel["type"] != "row") {
        let title = panel["title"].as_str().unwrap();
        asks(panel, title);
        let mut refs = HashSet::new();
        assert!(!list(&panel["targets"]).is_empty(), "{title}: nothing to show");
        for target in list(&panel["targets"]) {
            asks(target, title);
            assert!(target["refId"].as_str().is_some_and(|id| !id.is_empty() && refs.insert(id)), "{title}: refId");
            known_variables(target["expr"].as_str().unwrap(), &dashboard);
        }
        assert!(panel["fieldConfig"]["defaults"]["unit"].is_string(), "{title}: no unit");
        assert!(panel["fieldConfig"]["overrides"].is_array(), "{title}: overrides");
    }
    list(&dashboard["templating"]["list"]).iter().for_each(|one| asks(one, "a variable"));
    for one in list(&dashboard["annotations"]["list"]) {
        asks(one, "an annotation");
        known_variables(one["expr"].as_str().unwrap(), &dashboard);
    }
}

/// Every `$variable` of an expression is defined, or Grafana's own.
fn known_variables(expression: &str, dashboard: &Value) {
    let defined: Vec<&str> =
        list(&dashboard["templating"]["list"]).iter().filter_map(|one| one["name"].as_str()).collect();
    assert!(!expression.is_empty());
    for rest in expression.split('$').skip(1) {
        let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        assert!(defined.contains(&name.as_str()) || name == "__rate_interval", "${name} in {expression}");
    }
    assert!(expression.contains("$instance"), "every box at once: {expression}");
}
