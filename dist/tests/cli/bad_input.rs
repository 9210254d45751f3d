use crate::harness::{Project, Run};

/// No server is there: whatever is wrong is found before one is asked.
fn run(project: &Project, arguments: &[&str]) -> Run {
    let nowhere = ["--json", "--server", "http://127.0.0.1:9", "--retries", "0"];
    Run::of(project.command(&[arguments, &nowhere].concat()))
}

#[test]
fn every_bad_manifest_exits_3_with_its_own_code_before_a_byte_is_sent() {
    let project = Project::acme(b"one");
    project.write("two.bin", b"two");
    let check = |manifest: &str, code: &str| {
        project.manifest(manifest);
        for command in [&["ci", "publish"][..], &["push"], &["check"]] {
            let error = run(&project, command).fails(3, code);
            assert_eq!(error["details"]["problems"][0]["code"], code, "{error}");
        }
    };
    let artifact = |entry: &str, code: &str| {
        check(&format!(r#"{{"app":"acme","version":"1.0","artifacts":[{entry}]}}"#), code);
    };
    check("{", "manifest_syntax");
    check(r#"{"app":1}"#, "manifest_field");
    check(&" ".repeat(1024 * 1024 + 1), "manifest_too_large");
    check(r#"{"app":"A","version":"1.0"}"#, "app_invalid");
    check(r#"{"app":"acme","version":"one"}"#, "version_invalid");
    check(r#"{"app":"acme","version":"1.0","channel":"Beta"}"#, "channel_invalid");
    check(r#"{"app":"acme","version":"1.0"}"#, "release_empty");
    artifact(r#"{"path":"nope"}"#, "artifact_missing");
    artifact(r#"{"path":"*.bin"}"#, "artifact_ambiguous");
    artifact(r#"{"path":"../x"}"#, "path_outside");
    artifact(r#"{"path":"app.bin"}"#, "platform_missing");
    artifact(r#"{"path":"app.bin","platform":"beos"}"#, "platform_unknown");
    artifact(r#"{"path":"app.bin","kind":"apkx"}"#, "kind_unknown");
    artifact(r#"{"path":"app.bin","platform":"any"},{"path":"./app.bin","platform":"any"}"#, "artifact_duplicate");
}

#[test]
fn the_place_of_a_syntax_error_is_told() {
    let project = Project::acme(b"one");
    project.manifest("{\n  \"app\": \"acme\",\n  \"version\": }");
    let error = run(&project, &["push"]).fails(3, "manifest_syntax");
    assert!(error["message"].as_str().unwrap().contains("line 3 column 14"), "{error}");
}

#[test]
fn a_missing_manifest_has_its_code_and_a_way_out() {
    let project = Project::acme(b"one");
    std::fs::remove_file(project.path("dist.json")).unwrap();
    let error = run(&project, &["push"]).fails(3, "manifest_missing");
    assert!(error["hint"].as_str().unwrap().contains("dist init"));
    // Flags that say everything need no manifest.
    let flags = ["check", "--app", "acme", "--version", "1.0", "--artifact", "app.bin,platform=any"];
    let checked = run(&project, &flags).json();
    assert_eq!((&checked["schema"], &checked["artifacts"][0]["size"]), (&"dist.check/1".into(), &3.into()));
}

#[test]
fn init_writes_what_push_reads_and_replaces_nothing() {
    let project = Project::acme(b"one");
    run(&project, &["init"]).fails(5, "file_exists");
    std::fs::remove_file(project.path("dist.json")).unwrap();
    project.write("out/acme_amd64.deb", include_bytes!("../../../fixtures/ripgrep_13.0.0-4+b2_amd64.deb"));
    let written = run(&project, &["init", "--app", "acme"]).json();
    assert_eq!(written["manifest"]["artifacts"][0]["path"], "out/acme_amd64.deb");
    let checked = run(&project, &["check"]).json();
    assert_eq!((&checked["name"], &checked["artifacts"][0]["kind"]), (&"0.1.0".into(), &"deb".into()));
    run(&project, &["init", "--force"]).ok();
}

#[test]
fn a_configuration_with_an_unknown_key_is_refused_by_name() {
    let project = Project::acme(b"one");
    project.write(".config/dist/config.toml", b"server = \"http://127.0.0.1:9\"\ntoken_file = \"x\"\n");
    let error = Run::of(project.command(&["whoami", "--json"])).fails(2, "config_invalid");
    assert!(error["message"].as_str().unwrap().contains("token_file"), "{error}");
    project.write(".config/dist/config.toml", b"server = \"http://127.0.0.1:9\"\n");
    Run::of(project.command(&["whoami", "--json", "--retries", "0"])).fails(7, "server_unreachable");
    std::fs::remove_file(project.path(".config/dist/config.toml")).unwrap();
    Run::of(project.command(&["whoami", "--json"])).fails(2, "usage");
}

#[test]
fn documents_for_people_and_shells_are_complete() {
    let project = Project::acme(b"one");
    let print = |arguments: &[&str]| Run::of(project.command(arguments)).ok().stdout;
    assert!(print(&["completions", "bash"]).contains("_dist"));
    assert!(print(&["man"]).contains(".TH dist 1"));
    assert!(print(&["--help"]).contains("Exit codes:"));
    let schema: serde_json::Value = serde_json::from_str(&print(&["generate", "schema"])).unwrap();
    assert!(schema["properties"]["artifacts"].is_object());
    run(&project, &["man", "pages"]).ok();
    assert!(project.path("pages/dist-token-create.1").exists());
}
