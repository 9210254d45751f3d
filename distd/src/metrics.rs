//! `/metrics`: what the server does and how it is, as Prometheus reads it (`OpenMetrics` 1.0).
//!
//! Requests are counted as they end; everything else is asked when someone asks.

use std::fmt;
use std::time::Instant;

use axum::http::Method;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::ops::gauges::Gauges;

/// The media type of `OpenMetrics` text.
pub(crate) const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// Bounds of the buckets of durations, in seconds: from a page to an upload of many gigabytes.
const SECONDS: [f64; 14] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 120.0, 600.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfRequest {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfRoute {
    method: &'static str,
    route: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfDirection {
    direction: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfBuild {
    version: &'static str,
}

/// Counts of requests since the start.
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<OfRequest, Counter>,
    seconds: Family<OfRoute, Histogram>,
    bytes: Family<OfDirection, Counter>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("dist");
        let requests = Family::default();
        let seconds = Family::<OfRoute, Histogram>::new_with_constructor(|| Histogram::new(SECONDS));
        let bytes = Family::default();
        registry.register("http_requests", "Requests that were answered", requests.clone());
        let until = "Time until the answer began, and for uploads until the bytes were durable";
        registry.register_with_unit("http_request_duration", until, Unit::Seconds, seconds.clone());
        let bodies = "Bytes of bodies whose length was told beforehand";
        registry.register_with_unit("http_body", bodies, Unit::Bytes, bytes.clone());
        let build = Family::<OfBuild, ConstGauge<u64>>::new_with_constructor(|| ConstGauge::new(1));
        drop(build.get_or_create(&OfBuild { version: env!("CARGO_PKG_VERSION") }));
        registry.register("build_info", "The version that runs", build);
        Self { registry, requests, seconds, bytes }
    }
}

/// One request, from its beginning to the beginning of its answer.
pub(crate) struct Measured {
    begun: Instant,
    method: &'static str,
    route: String,
    bytes_in: u64,
}

impl Measured {
    /// Begins to measure. What no route takes counts as one route: anybody can ask for anything.
    pub(crate) fn begin(method: &Method, route: Option<&str>, bytes_in: Option<u64>) -> Self {
        let route = route.unwrap_or("none").to_owned();
        Self { begun: Instant::now(), method: known(method), route, bytes_in: bytes_in.unwrap_or(0) }
    }

    /// Counts the request and how it was answered.
    pub(crate) fn end(self, metrics: &Metrics, status: u16, bytes_out: Option<u64>) {
        let Self { begun, method, route, bytes_in } = self;
        metrics.requests.get_or_create(&OfRequest { method, route: route.clone(), status }).inc();
        metrics.seconds.get_or_create(&OfRoute { method, route }).observe(begun.elapsed().as_secs_f64());
        metrics.bytes.get_or_create(&OfDirection { direction: "in" }).inc_by(bytes_in);
        metrics.bytes.get_or_create(&OfDirection { direction: "out" }).inc_by(bytes_out.unwrap_or(0));
    }
}

/// Methods are a label, and anybody can invent one.
fn known(method: &Method) -> &'static str {
    ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"].into_iter().find(|it| method == it).unwrap_or("other")
}

impl Metrics {
    /// Everything as one document: what was counted, and how things are now.
    pub(crate) fn document(&self, now: &Gauges) -> String {
        let mut document = String::new();
        encode(&mut document, self, now).expect("a text takes what is written to it");
        document
    }
}

fn encode(document: &mut String, metrics: &Metrics, now: &Gauges) -> fmt::Result {
    text::encode_registry(document, &metrics.registry)?;
    let mut registry = Registry::with_prefix("dist");
    for gauge in &now.counts {
        registry.register(gauge.name, gauge.help, ConstGauge::new(gauge.value));
    }
    for gauge in &now.times {
        #[expect(clippy::cast_precision_loss, reason = "milliseconds are exact until the year 287396")]
        let seconds = gauge.value.as_millisecond() as f64 / 1e3;
        registry.register(gauge.name, gauge.help, ConstGauge::new(seconds));
    }
    text::encode_registry(document, &registry)?;
    text::encode_eof(document)
}
