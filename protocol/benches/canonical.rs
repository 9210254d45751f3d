//! Manifests: written in their canonical form (RFC 8785), read with its checks, and read again.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on ends")]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use protocol::manifest::{SCHEMA, Source};
use protocol::{Arch, ArtifactLine, Digest, Kind, Platform, ReleaseManifest};

fn manifest(artifacts: u32) -> ReleaseManifest {
    let line = |number: u32| ArtifactLine {
        platform: Platform::Linux,
        arch: Arch::universal(),
        kind: Kind::File,
        filename: format!("acme-{number}.bin").parse().unwrap(),
        size: u64::from(number) << 20,
        sha256: Digest::of(&number.to_le_bytes()),
    };
    ReleaseManifest {
        schema: SCHEMA.to_owned(),
        app: "acme".parse().unwrap(),
        version: "2.4.0".parse().unwrap(),
        build: Some("241".parse().unwrap()),
        parent: Some(Digest::of(b"parent")),
        created_at: "2026-11-22T09:00:00Z".parse().unwrap(),
        source: Source::default(),
        notes: Some("* Faster.\n* Überall.\n".repeat(10)),
        artifacts: (0..artifacts).map(line).collect(),
        links: Vec::new(),
    }
}

fn canonical(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("manifest");
    for artifacts in [1, 10, 100, 1_000] {
        let manifest = manifest(artifacts);
        let bytes = manifest.canonical_bytes();
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function(BenchmarkId::new("canonical bytes", artifacts), |bencher| {
            bencher.iter(|| black_box(&manifest).canonical_bytes());
        });
        group.bench_function(BenchmarkId::new("read and checked", artifacts), |bencher| {
            bencher.iter(|| ReleaseManifest::parse(black_box(&bytes)).unwrap());
        });
        group.bench_function(BenchmarkId::new("read again", artifacts), |bencher| {
            bencher.iter(|| ReleaseManifest::parse_again(black_box(&bytes)).unwrap());
        });
    }
    group.finish();
}

criterion_group!(benches, canonical);
criterion_main!(benches);
