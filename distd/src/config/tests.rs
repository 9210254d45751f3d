use std::fs;

use clap::CommandFactory;

use super::*;
use crate::cli::Cli;

/// Loads a command line on a data directory whose file says `text`.
fn load_with(text: &str, command: &[&str], flags: &[&str]) -> Result<Loaded, LoadError> {
    let data = tempfile::tempdir().unwrap();
    fs::create_dir(data.path().join("config")).unwrap();
    fs::write(data.path().join("config/distd.toml"), text).unwrap();
    let data = data.path().to_str().unwrap();
    let words = [["distd"].as_slice(), command, &["--data", data], flags].concat();
    load(&Cli::command(), &words.iter().map(OsString::from).collect::<Vec<_>>())
}

fn value(loaded: &Loaded, key: &str) -> (Option<String>, Source) {
    let setting = loaded.settings.iter().find(|setting| setting.key == key).unwrap();
    (setting.value.clone(), setting.source.clone())
}

#[test]
fn the_command_line_wins_over_the_file_and_the_file_over_defaults() {
    let file = "listen = '127.0.0.1:7000'\nreserve_mib = 7\ntrusted_proxy = ['10.0.0.0/8', '::1']\n";
    let loaded = load_with(file, &["serve"], &["--listen", "127.0.0.1:9"]).ok().unwrap();
    assert_eq!(value(&loaded, "listen"), (Some("127.0.0.1:9".to_owned()), Source::Flag));
    assert_eq!(value(&loaded, "reserve_mib"), (Some("7".to_owned()), Source::File));
    assert_eq!(value(&loaded, "trusted_proxy"), (Some("10.0.0.0/8,::1".to_owned()), Source::File));
    assert_eq!(value(&loaded, "gc_every"), (Some("24h".to_owned()), Source::Default));
    assert_eq!(value(&loaded, "public_url"), (None, Source::Default));
}

#[test]
fn a_command_takes_from_the_file_what_it_shares_with_serve() {
    let check = |command: &[&str], key: &str, expect: &str| {
        let loaded = load_with("gc_grace = '3d'\nlisten = '127.0.0.1:7000'\n", command, &[]).ok().unwrap();
        assert_eq!(value(&loaded, key), (Some(expect.to_owned()), Source::File), "{command:?}");
    };
    check(&["gc"], "gc_grace", "3d");
    check(&["healthcheck"], "listen", "127.0.0.1:7000");
    check(&["config", "show"], "listen", "127.0.0.1:7000");
    let loaded = load_with("nonsense", &["fsck"], &[]).ok().unwrap();
    assert!(loaded.settings.is_empty(), "what asks the file nothing works whatever it says");
}

#[test]
fn every_fault_is_told_with_its_line() {
    let check = |text: &str, expect: &[&str]| match load_with(text, &["serve"], &[]) {
        Err(LoadError::File(faults)) => {
            let told: Vec<&str> = faults.iter().map(|fault| fault.split_once("distd.toml:").unwrap().1).collect();
            assert_eq!(told, expect);
        }
        _ => panic!("{text:?} was taken"),
    };
    check("lissten = '127.0.0.1:1'", &["1: `lissten` is no option of `distd serve`; did you mean `listen`?"]);
    check("data = '/x'", &["1: `data` says where this file is; set it by --data or the environment"]);
    check(
        "listen = 'here'\n\nreserve_mib = -1\nlog_format = 'xml'\n",
        &[
            "1: `listen` cannot be \"here\": invalid socket address syntax",
            "3: `reserve_mib` cannot be \"-1\": invalid digit found in string",
            "4: `log_format` cannot be \"xml\": it is one of text, json",
        ],
    );
    check("listen = ['a', 'b']", &["1: `listen` takes one value"]);
    check("listen = {}", &["1: `listen` must be a text, a number, true or false, or a list of texts"]);
    check("a = ", &["1: string values must be quoted, expected literal string"]);
}

#[test]
fn a_file_that_is_not_there_says_nothing() {
    let data = tempfile::tempdir().unwrap();
    let words = ["distd", "serve", "--data", data.path().to_str().unwrap()].map(OsString::from);
    let loaded = load(&Cli::command(), &words).ok().unwrap();
    assert_eq!(value(&loaded, "reserve_mib"), (Some("512".to_owned()), Source::Default));
}
