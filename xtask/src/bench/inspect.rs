//! Inspecting a large APK and a large IPA, beside hashing and reading the same file.

use std::{
    fs::{self, File},
    io::{Read, Write},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use clap::Args;
use zip::{CompressionMethod, ZipArchive, ZipWriter, write::SimpleFileOptions};

use super::{
    programs::Programs,
    table::{self, Row},
    time,
};
use crate::{
    fixtures, process,
    tools::{self, OPENSSL, STRACE, Tool},
};

/// Lists an archive by its directory.
const UNZIP: Tool = Tool { program: "unzip", package: "unzip" };
/// Says how much memory a program took.
const TIME: Tool = Tool { program: "time", package: "time" };

/// What `cargo xtask bench inspect` is told.
#[derive(Args, Debug)]
pub(super) struct Options {
    /// How often each is timed
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    runs: u32,
    /// The size of each file, in 10⁶ bytes
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=2000))]
    size_mb: u64,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

/// One entry of the padding.
const PADDING_BYTES: u64 = 4_000_000;

/// What is measured of one file.
struct Figures {
    name: &'static str,
    bytes: u64,
    rows: Vec<Row>,
    /// Bytes that one inspection reads of the file.
    read_bytes: u64,
    /// Most memory that one inspection takes.
    peak_bytes: u64,
}

pub(super) fn run(options: &Options, programs: &Programs) -> Result<()> {
    tools::ensure(&[OPENSSL, STRACE, UNZIP, TIME])?;
    let dist = programs.find_client()?;
    let folder = super::folder()?;
    let bytes = options.size_mb * 1_000_000;
    let files = [
        ("apk, signed with v2 and v3", make_apk(&folder, bytes)?),
        ("ipa", make_padded(&folder, "TestApp7.1.ipa", "padded.ipa", bytes)?),
    ];
    let mut all = Vec::new();
    for (name, file) in files {
        let bytes = fs::metadata(&file).with_context(|| format!("cannot look at {}", file.display()))?.len();
        let rows = ["dist inspect --json", "openssl dgst -sha256", "cat", "unzip -l"].map(|name| Row::new(name, bytes));
        let mut figures = Figures { name, bytes, rows: rows.to_vec(), read_bytes: 0, peak_bytes: 0 };
        for _ in 0..options.runs {
            measure(&dist, &file, &mut figures)?;
        }
        figures.read_bytes = count_read_bytes(&dist, &file)?;
        figures.peak_bytes = read_peak_bytes(&dist, &file)?;
        all.push(figures);
    }
    print_figures(&all, options);
    Ok(())
}

/// The APK of the fixtures, padded and signed again where there is an `apksigner`.
fn make_apk(folder: &Path, bytes: u64) -> Result<PathBuf> {
    let padded = make_padded(folder, "HelloActivity.apk", "padded.apk", bytes)?;
    if tools::find_program("apksigner").is_none() {
        println!(
            "apksigner is not installed: the APK is measured without a v2 signature, which hides what hashing takes"
        );
        return Ok(padded);
    }
    let (key, certificate) = (folder.join("bench.pk8"), folder.join("bench.pem"));
    let request = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=Bench", "-keyout"];
    let plain = folder.join("bench.key");
    process::read(Command::new("openssl").args(request).arg(&plain).arg("-out").arg(&certificate))?;
    let convert = ["pkcs8", "-topk8", "-nocrypt", "-outform", "DER", "-in"];
    process::read(Command::new("openssl").args(convert).arg(&plain).arg("-out").arg(&key))?;
    let signed = folder.join("signed.apk");
    let mut sign = Command::new("apksigner");
    sign.args(["sign", "--min-sdk-version", "24", "--v1-signing-enabled", "false", "--key"]).arg(&key);
    process::read(sign.arg("--cert").arg(&certificate).arg("--out").arg(&signed).arg(&padded))?;
    Ok(signed)
}

/// The entries of a fixture, then noise, every second entry of it deflated, up to about `bytes` bytes.
fn make_padded(folder: &Path, fixture: &str, name: &str, bytes: u64) -> Result<PathBuf> {
    let source = fixtures::find_committed(&[fixture])?.remove(0);
    let mut archive = ZipArchive::new(File::open(&source)?).with_context(|| format!("cannot read {fixture}"))?;
    let file = folder.join(name);
    let created = File::create(&file).with_context(|| format!("cannot create {}", file.display()))?;
    let mut writer = ZipWriter::new(created);
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index)?;
        writer.raw_copy_file(entry)?;
    }
    let noise = folder.join("noise.part");
    for index in 0..bytes / PADDING_BYTES {
        super::write_noise(&noise, PADDING_BYTES, index)?;
        let method = if index % 2 == 0 { CompressionMethod::Stored } else { CompressionMethod::Deflated };
        let options = SimpleFileOptions::default().compression_method(method);
        writer.start_file(format!("padding/{index:04}.bin"), options)?;
        let mut content = Vec::new();
        File::open(&noise)?.read_to_end(&mut content)?;
        writer.write_all(&content)?;
    }
    writer.finish()?.sync_all()?;
    Ok(file)
}

fn measure(dist: &Path, file: &Path, figures: &mut Figures) -> Result<()> {
    let mut commands = [Command::new(dist), Command::new("openssl"), Command::new("cat"), Command::new("unzip")];
    commands[0].args(["inspect", "--json"]);
    commands[1].args(["dgst", "-sha256"]);
    commands[3].arg("-l");
    for (row, command) in figures.rows.iter_mut().zip(&mut commands) {
        let (seconds, status) = time(|| {
            command.arg(file).stdout(std::process::Stdio::null());
            command.status().with_context(|| format!("cannot start `{}`", process::describe(command)))
        })?;
        // Exit code 3 says that there are findings, such as a missing signature.
        ensure!(
            status.code().is_some_and(|code| code == 0 || code == 3),
            "`{}` ended with {status}",
            process::describe(command)
        );
        row.seconds.push(seconds);
    }
    Ok(())
}

/// Sums what the kernel answered to the reads of this one file.
fn count_read_bytes(dist: &Path, file: &Path) -> Result<u64> {
    let trace = file.with_extension("strace");
    let mut command = Command::new("strace");
    command.args(["-f", "-y", "-e", "trace=read,pread64,readv", "-o"]).arg(&trace);
    process::capture(command.arg(dist).args(["inspect", "--json"]).arg(file))?;
    let text = fs::read_to_string(&trace).with_context(|| format!("cannot read {}", trace.display()))?;
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let total = sum_reads(&text, &name);
    ensure!(total > 0, "no read of {name} was seen");
    Ok(total)
}

fn sum_reads(trace: &str, name: &str) -> u64 {
    let of_file = trace.lines().filter(|line| line.contains(&format!("/{name}>")));
    of_file.filter_map(|line| line.rsplit_once(" = ")?.1.trim().parse::<u64>().ok()).sum()
}

/// The "Maximum resident set size" of GNU time, which it gives in KiB.
fn read_peak_bytes(dist: &Path, file: &Path) -> Result<u64> {
    let program = tools::find_program("time").context("GNU time is not installed")?;
    let mut command = Command::new(program);
    let output = process::capture(command.args(["-f", "%M"]).arg(dist).args(["inspect", "--json"]).arg(file))?;
    let text = String::from_utf8_lossy(&output.stderr);
    let kib: u64 = text.lines().last().and_then(|line| line.trim().parse().ok()).context("GNU time said no number")?;
    Ok(kib * 1024)
}

fn print_figures(all: &[Figures], options: &Options) {
    if options.json {
        let files = all.iter().map(|figures| {
            serde_json::json!({
                "name": figures.name,
                "bytes": figures.bytes,
                "rows": table::to_json(&figures.rows),
                "read_bytes": figures.read_bytes,
                "peak_bytes": figures.peak_bytes,
            })
        });
        let document = serde_json::json!({
            "schema": "dist.bench.inspect/1",
            "runs": options.runs,
            "files": files.collect::<Vec<_>>(),
        });
        println!("{document:#}");
        return;
    }
    for figures in all {
        println!("\n{}: {} bytes, {} runs, in the page cache\n", figures.name, figures.bytes, options.runs);
        for row in &figures.rows {
            let spread = row.time();
            println!("{:<24} {:>8.3} s median, {:.3} to {:.3}", row.name, spread.median, spread.min, spread.max);
        }
        println!(
            "dist inspect reads {} bytes and takes at most {} KiB of memory",
            figures.read_bytes,
            figures.peak_bytes / 1024
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_reads_of_the_file_are_summed() {
        let trace = "7 read(3</a/padded.ipa>, \"PK\", 4096) = 4096\n7 read(4</etc/passwd>, \"\", 9) = 9\n\
                     7 pread64(3</a/padded.ipa>, \"x\", 10, 0) = 10\n7 read(3</a/padded.ipa>, 0x1, 1) = -1 EIO\n";
        assert_eq!(sum_reads(trace, "padded.ipa"), 4106);
    }
}
