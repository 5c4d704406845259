//! Metric families: names by the conventions of Prometheus out of include's table of counters.
//!
//! A name is `gate25_`, the scope, the counter's name, its unit if that is a base unit, and `_total` for
//! what only rises. Nanoseconds become seconds, megabits per second bytes per second.

use gate25_include::counters::{Counter, Kind, Scope};
use prometheus::core::Desc;
use prometheus::proto::{self, LabelPair, Metric, MetricFamily, MetricType};

/// How a counter is exported.
#[derive(Clone, Debug, PartialEq)]
pub struct Family {
    /// Its name.
    pub name: String,
    /// What its values are multiplied with.
    pub factor: f64,
    /// What may be done with it.
    pub kind: Kind,
    /// One sentence for people.
    pub help: &'static str,
}

/// How a counter of the table is exported.
pub fn family<S: Scope>(counter: S) -> Family {
    let &Counter { name, unit, help, kind, .. } = counter.counter();
    let (stem, unit, factor) = match unit {
        "nanoseconds" => (name.trim_end_matches("_nanoseconds"), "seconds", 1e-9),
        "megabits per second" => (name.trim_end_matches("_mbps"), "bytes_per_second", 125_000.0),
        "bytes" => (name.trim_end_matches("_bytes"), "bytes", 1.0),
        "cycles" => (name.trim_end_matches("_cycles"), "cycles", 1.0),
        _ => (name, "", 1.0),
    };
    let parts = ["gate25", S::SCOPE, stem, unit, if kind == Kind::Counter { "total" } else { "" }];
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    Family { name: parts.join("_"), factor, kind, help }
}

impl Family {
    /// A gauge of control itself.
    pub(super) fn gauge(name: &str, help: &'static str) -> Family {
        Family { name: format!("gate25_{name}"), factor: 1.0, kind: Kind::Gauge, help }
    }

    /// A counter of control itself; the name without `_total`.
    pub(super) fn counter(name: &str, help: &'static str) -> Family {
        Family { name: format!("gate25_{name}_total"), factor: 1.0, kind: Kind::Counter, help }
    }

    /// The family with these values, each with its labels.
    pub(super) fn with(self, values: impl IntoIterator<Item = (Vec<LabelPair>, f64)>) -> MetricFamily {
        let metric = |(labels, value): (Vec<LabelPair>, f64)| {
            let mut metric = Metric::from_label(labels);
            if self.kind == Kind::Counter {
                let mut counter = proto::Counter::default();
                counter.set_value(value * self.factor);
                metric.set_counter(counter);
            } else {
                let mut gauge = proto::Gauge::default();
                gauge.set_value(value * self.factor);
                metric.set_gauge(gauge);
            }
            metric
        };
        let metrics = values.into_iter().map(metric).collect();
        let kind = if self.kind == Kind::Counter { MetricType::COUNTER } else { MetricType::GAUGE };
        assemble(self.name, self.help, kind, metrics)
    }

    /// The family with one value.
    pub(super) fn one(self, value: f64) -> MetricFamily {
        self.with([(Vec::new(), value)])
    }

    /// What a registry wants to know of it.
    pub(super) fn desc(&self, labels: &[&str]) -> Option<Desc> {
        let labels = labels.iter().map(|label| (*label).to_owned()).collect();
        Desc::new(self.name.clone(), self.help.to_owned(), labels, Default::default()).ok()
    }
}

/// A family of this name.
pub(super) fn assemble(name: String, help: &str, kind: MetricType, metrics: Vec<Metric>) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(name);
    family.set_help(help.to_owned());
    family.set_field_type(kind);
    family.set_metric(metrics);
    family
}

/// Labels by name, in this order.
pub(super) fn labels(pairs: &[(&str, &str)]) -> Vec<LabelPair> {
    let label = |(name, value): &(&str, &str)| {
        let mut label = LabelPair::default();
        label.set_name((*name).to_owned());
        label.set_value((*value).to_owned());
        label
    };
    pairs.iter().map(label).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use gate25_include::counters::{LinkCounter, PortCounter, ProcessCounter, WorkerCounter};

    #[test]
    fn names_follow_the_conventions() {
        assert_eq!(family(LinkCounter::RxFrames).name, "gate25_link_rx_frames_total");
        assert_eq!(family(LinkCounter::RxBytes).name, "gate25_link_rx_bytes_total");
        assert_eq!(family(WorkerCounter::BusyCycles).name, "gate25_worker_busy_cycles_total");
        assert_eq!(family(WorkerCounter::Heartbeat).name, "gate25_worker_heartbeat_cycles");
        assert_eq!(family(PortCounter::Mtu).name, "gate25_port_mtu_bytes");
        let speed = family(PortCounter::SpeedMbps);
        assert_eq!((speed.name.as_str(), speed.factor), ("gate25_port_speed_bytes_per_second", 125_000.0));
        let adopt = family(ProcessCounter::AdoptNanoseconds);
        assert_eq!((adopt.name.as_str(), adopt.factor), ("gate25_dataplane_adopt_seconds", 1e-9));
    }
}
