//! What a soak showed, and whether it is as it has to be.

use std::sync::atomic::Ordering;

use anyhow::{Result, ensure};
use serde::Serialize;

use super::{ARENAS, Collected, Found, Options, Push, Shared};
use crate::bench::table;

/// By how much the memory of the last quarter may be above that of the second, where the time is long. The first is not judged:
/// the store begins empty, and caches and threads are yet to come.
const GROWTH: f64 = 1.15;

/// How many times as long the slowest of a hundred pushes may take beside gc and fsck, where the time is long.
const CARE: f64 = 1.2;

/// From how many seconds on gc has to have deleted something.
const CARE_SECONDS: u64 = 60;

/// From how many seconds on a time is long: by then all caches are as large as they get.
const LONG_SECONDS: u64 = 600;

/// The most that the server may take at any time: the budget of a busy server, in bytes.
const MOST: f64 = 128.0 * 1024.0 * 1024.0;

/// All figures.
#[derive(Serialize)]
struct Report {
    schema: &'static str,
    seconds: f64,
    downloads: u64,
    downloaded_mb_per_second: f64,
    pushes: usize,
    /// Of all pushes, in seconds.
    push: Latency,
    /// Of those without gc and fsck, and of those beside them; where there was care.
    care: Option<[Latency; 2]>,
    /// How many times as long the slowest of a hundred pushes takes beside gc and fsck.
    care_p99_ratio: Option<f64>,
    /// Runs of gc and fsck that came to their end.
    cares: u64,
    collected: Collected,
    /// Means over quarters of the time, and the most; in bytes.
    memory: Memory,
    errors: usize,
    first_errors: Vec<String>,
}

#[derive(Clone, Copy, Serialize)]
struct Latency {
    count: usize,
    median: f64,
    p99: f64,
    max: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
struct Memory {
    first_quarter: f64,
    second_quarter: f64,
    last_quarter: f64,
    max: f64,
}

/// Prints what was found.
///
/// # Errors
/// When something is not as it has to be.
pub(super) fn finish(shared: &Shared, options: &Options) -> Result<()> {
    let found = std::mem::take(&mut *shared.found.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    let report = summarize(shared, &found);
    if options.json {
        println!("{:#}", serde_json::to_value(&report)?);
    } else {
        print(&report, options);
    }
    check(&report, options)
}

fn check(report: &Report, options: &Options) -> Result<()> {
    ensure!(report.errors == 0, "{} errors, the first: {}", report.errors, report.first_errors.join("; "));
    ensure!(report.pushes > 0, "nothing was pushed");
    ensure!(report.downloads > 0 || options.downloading == 0, "nothing was downloaded");
    let has_deleted = report.collected.deleted > 0;
    ensure!(has_deleted || !options.care || options.seconds < CARE_SECONDS, "gc deleted nothing");
    let Memory { second_quarter, last_quarter, max, .. } = report.memory;
    ensure!(max <= MOST, "the server took {max} bytes of memory");
    if options.seconds < LONG_SECONDS {
        return Ok(());
    }
    ensure!(last_quarter <= second_quarter * GROWTH, "the server's memory grew more than {GROWTH} times");
    let is_fast = report.care_p99_ratio.is_none_or(|ratio| ratio <= CARE);
    ensure!(is_fast, "p99 of a push beside gc and fsck is more than {CARE} times as long");
    Ok(())
}

#[allow(clippy::cast_precision_loss, reason = "counts and bytes are far below 2⁵³")]
fn summarize(shared: &Shared, found: &Found) -> Report {
    let seconds = shared.begun.elapsed().as_secs_f64();
    let of = |beside: bool| latency(found.pushes.iter().filter(|push| push.beside_care == Some(beside)));
    let care = shared.care.then(|| [of(false), of(true)]);
    Report {
        schema: "dist.bench.soak/1",
        seconds,
        downloads: shared.downloads.load(Ordering::Relaxed),
        downloaded_mb_per_second: shared.downloaded_bytes.load(Ordering::Relaxed) as f64 / seconds / 1e6,
        pushes: found.pushes.len(),
        push: latency(found.pushes.iter()),
        care,
        care_p99_ratio: care.map(|[without, with]| with.p99 / without.p99),
        collected: found.collected,
        cares: shared.cares.load(Ordering::Relaxed),
        memory: quarters(&found.memory.iter().map(|&bytes| bytes as f64).collect::<Vec<_>>()),
        errors: found.errors.len(),
        first_errors: found.errors.iter().take(5).cloned().collect(),
    }
}

fn latency<'a>(pushes: impl Iterator<Item = &'a Push>) -> Latency {
    let mut seconds: Vec<f64> = pushes.map(|push| push.seconds).collect();
    seconds.sort_by(f64::total_cmp);
    let [median, p99, max] = [0.5, 0.99, 1.0].map(|part| table::percentile(&seconds, part));
    Latency { count: seconds.len(), median, p99, max }
}

#[allow(clippy::cast_precision_loss, reason = "a soak has few samples")]
fn quarters(samples: &[f64]) -> Memory {
    let quarter = samples.len().div_ceil(4);
    let mean = |samples: &[f64]| samples.iter().sum::<f64>() / samples.len() as f64;
    Memory {
        first_quarter: mean(&samples[..quarter]),
        second_quarter: mean(samples.get(quarter..quarter * 2).unwrap_or(samples)),
        last_quarter: mean(&samples[samples.len() - quarter..]),
        max: samples.iter().copied().fold(0.0, f64::max),
    }
}

fn print(report: &Report, options: &Options) {
    let mib = |bytes: f64| bytes / f64::from(1 << 20);
    println!(
        "\n{:.0} s, {} downloading and {} pushing clients\n",
        report.seconds, options.downloading, options.pushing
    );
    println!("downloads    {}, {:.0} MB/s of all together", report.downloads, report.downloaded_mb_per_second);
    print_latency("pushes", report.push);
    if let (Some([without, with]), Some(ratio)) = (report.care, report.care_p99_ratio) {
        print_latency("  alone", without);
        print_latency("  with care", with);
        println!(
            "             p99 beside gc and fsck is {ratio:.2} times as long; {} runs of them ended",
            report.cares
        );
    }
    if options.care {
        let Collected { runs, deleted, deleted_bytes, dropped } = report.collected;
        println!(
            "gc           {runs} runs: {deleted} objects of {deleted_bytes} bytes deleted, {dropped} uploads dropped"
        );
    }
    let Memory { first_quarter, second_quarter, last_quarter, max } = report.memory;
    let [first, second, last, max] = [first_quarter, second_quarter, last_quarter, max].map(mib);
    println!(
        "memory       {first:.1} MiB in the first quarter, {second:.1} in the second, {last:.1} in the last, {max:.1} at most; {}={}",
        ARENAS.0, ARENAS.1
    );
    println!("errors       {}", report.errors);
}

fn print_latency(name: &str, latency: Latency) {
    let Latency { count, median, p99, max } = latency;
    println!("{name:<12} {count}, seconds: median {median:.3}, p99 {p99:.3}, max {max:.3}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_compared_by_quarters() {
        let memory = quarters(&[1.0, 3.0, 9.0, 9.0, 9.0, 9.0, 5.0, 7.0]);
        assert_eq!(memory, Memory { first_quarter: 2.0, second_quarter: 9.0, last_quarter: 6.0, max: 9.0 });
        assert_eq!(quarters(&[4.0]), Memory { first_quarter: 4.0, second_quarter: 4.0, last_quarter: 4.0, max: 4.0 });
    }

    /// A report of a soak with care in which all is well.
    fn report() -> Report {
        let latency = Latency { count: 9, median: 0.1, p99: 0.2, max: 0.3 };
        Report {
            schema: "",
            seconds: 600.0,
            downloads: 9,
            downloaded_mb_per_second: 9.0,
            pushes: 18,
            push: latency,
            care: Some([latency; 2]),
            care_p99_ratio: Some(1.1),
            cares: 9,
            collected: Collected { runs: 9, deleted: 9, deleted_bytes: 9, dropped: 9 },
            memory: Memory { first_quarter: 10.0, second_quarter: 20.0, last_quarter: 22.0, max: 30.0 },
            errors: 0,
            first_errors: Vec::new(),
        }
    }

    #[test]
    fn what_has_to_be_so_is_checked_for_as_long_as_the_time_is() {
        let long = Options { seconds: 600, ..super::super::SHORT };
        let short = super::super::SHORT;
        check(&report(), &long).unwrap();
        let fails = |report: Report, options: &Options| check(&report, options).unwrap_err().to_string();
        let slow = || Report { care_p99_ratio: Some(1.3), ..report() };
        assert!(fails(slow(), &long).contains("more than 1.2 times as long"));
        check(&slow(), &short).unwrap();
        let grown = || Report { memory: Memory { last_quarter: 24.0, ..report().memory }, ..report() };
        assert!(fails(grown(), &long).contains("grew"));
        check(&grown(), &short).unwrap();
        let idle = || Report { collected: Collected::default(), ..report() };
        assert_eq!(fails(idle(), &short), "gc deleted nothing");
        check(&idle(), &Options { care: false, ..short }).unwrap();
        assert!(fails(Report { errors: 1, ..report() }, &short).starts_with("1 errors"));
    }

    #[test]
    fn a_push_across_a_change_counts_for_neither_side() {
        let pushes = [(1.0, Some(true)), (2.0, None), (3.0, Some(false))];
        let pushes = pushes.map(|(seconds, beside_care)| Push { seconds, beside_care });
        let beside = latency(pushes.iter().filter(|push| push.beside_care == Some(true)));
        assert_eq!((beside.count, beside.max.to_bits()), (1, 1.0_f64.to_bits()));
        assert_eq!(latency(pushes.iter()).count, 3);
    }
}
