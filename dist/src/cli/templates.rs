//! The templates under `docs/ci` are what their systems read, and each `dist` in them is one that this command line takes.

use std::collections::BTreeSet;
use std::path::PathBuf;

use saphyr::{LoadableYamlNode, Yaml};

use super::*;

fn read(path: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/ci").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn parse(text: &str) -> Yaml<'_> {
    let mut documents = Yaml::load_from_str(text).unwrap();
    assert_eq!(documents.len(), 1);
    documents.remove(0)
}

fn get<'a, 'y>(yaml: &'a Yaml<'y>, key: &str) -> &'a Yaml<'y> {
    find(yaml, key).unwrap_or_else(|| panic!("{key} is missing in {yaml:?}"))
}

fn find<'a, 'y>(yaml: &'a Yaml<'y>, key: &str) -> Option<&'a Yaml<'y>> {
    yaml.as_mapping().and_then(|map| map.iter().find(|(name, _)| name.as_str() == Some(key))).map(|(_, value)| value)
}

fn text<'a>(yaml: &'a Yaml<'_>) -> &'a str {
    yaml.as_str().unwrap_or_else(|| panic!("{yaml:?} is no text"))
}

fn entries<'a, 'y>(yaml: &'a Yaml<'y>) -> Vec<(&'a str, &'a Yaml<'y>)> {
    let map = yaml.as_mapping().unwrap_or_else(|| panic!("{yaml:?} is no mapping"));
    map.iter().map(|(key, value)| (text(key), value)).collect()
}

fn keys<'a>(yaml: &'a Yaml<'_>) -> BTreeSet<&'a str> {
    entries(yaml).into_iter().map(|(key, _)| key).collect()
}

/// One value, or several.
fn values<'a>(yaml: &'a Yaml<'_>) -> Vec<&'a str> {
    yaml.as_sequence().map_or_else(|| vec![text(yaml)], |list| list.iter().map(text).collect())
}

fn assert_known(yaml: &Yaml<'_>, known: &[&str]) {
    let unknown: Vec<&str> = keys(yaml).into_iter().filter(|key| !known.contains(key)).collect();
    assert!(unknown.is_empty(), "{unknown:?} are not of this format");
}

/// The words of the `dist` commands in a script, with something that fits in place of variables.
fn commands(script: &str) -> Vec<Vec<String>> {
    let lines = script.replace("\\\n", " ");
    lines.lines().map(str::trim).filter(|line| line.starts_with("dist ")).map(words).collect()
}

fn words(line: &str) -> Vec<String> {
    let (mut words, mut quote, mut word) = (Vec::new(), None, String::new());
    for c in line.chars().chain([' ']) {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, ' ') if !word.is_empty() => words.push(std::mem::take(&mut word)),
            (None, ' ') => {}
            (_, c) => word.push(c),
        }
    }
    assert_eq!(quote, None, "a quote is open: {line}");
    // A redirection ends the command; an array of options may be empty.
    let own = words.into_iter().take_while(|word| word != ">" && word != "|").filter(|word| !word.contains("[@]"));
    own.map(|word| if word.starts_with('$') || word.starts_with('%') { "1.0".to_owned() } else { word }).collect()
}

/// Checks that the command line takes every `dist` of a script, and tells which they are.
fn assert_taken(script: &str) -> Vec<String> {
    let told = |words: Vec<String>| {
        Cli::try_parse_from(&words).unwrap_or_else(|error| panic!("{words:?}: {error}"));
        words[1..3].join(" ")
    };
    commands(script).into_iter().map(told).collect()
}

/// A workflow of GitHub or Forgejo: its jobs, and the scripts in them.
fn assert_workflow(workflow: &Yaml<'_>, known: &[&str]) -> Vec<String> {
    assert_known(workflow, known);
    assert!(find(get(workflow, "on"), "push").is_some());
    let jobs = get(workflow, "jobs");
    let mut scripts = Vec::new();
    for (name, job) in entries(jobs) {
        assert_known(job, &["needs", "runs-on", "strategy", "steps", "env", "permissions"]);
        get(job, "runs-on");
        for needed in find(job, "needs").map(values).unwrap_or_default() {
            assert!(keys(jobs).contains(needed), "{name} needs {needed}");
        }
        for step in get(job, "steps").as_sequence().unwrap() {
            assert_known(step, &["id", "name", "uses", "with", "run", "shell", "env", "if"]);
            assert_ne!(find(step, "uses").is_some(), find(step, "run").is_some(), "{name}: one of both");
            scripts.extend(find(step, "run").map(|run| text(run).to_owned()));
        }
    }
    scripts
}

#[test]
fn the_github_workflow_calls_its_action_with_what_the_action_takes() {
    let (workflow, action) = (read("github/workflows/release.yml"), read("github/actions/dist/action.yml"));
    let (workflow, action) = (parse(&workflow), parse(&action));
    let known = ["name", "on", "permissions", "concurrency", "env", "jobs"];
    for script in assert_workflow(&workflow, &known) {
        assert!(assert_taken(&script).is_empty(), "the action does that");
    }
    assert_eq!(text(get(get(&workflow, "permissions"), "id-token")), "write");

    assert_known(&action, &["name", "description", "inputs", "outputs", "runs"]);
    let inputs = get(&action, "inputs");
    let mut calls = 0;
    for (_, job) in entries(get(&workflow, "jobs")) {
        for step in get(job, "steps").as_sequence().unwrap() {
            if find(step, "uses").map(text) == Some("./.github/actions/dist") {
                let given = keys(get(step, "with"));
                assert!(given.is_subset(&keys(inputs)), "{given:?}");
                assert!(given.contains("command"));
                calls += 1;
            }
        }
    }
    assert_eq!(calls, 2);
    let runs = get(&action, "runs");
    assert_eq!(text(get(runs, "using")), "composite");
    let mut taken = Vec::new();
    for step in get(runs, "steps").as_sequence().unwrap() {
        assert_eq!(text(get(step, "shell")), "bash", "a composite action names its shell");
        for (_, value) in entries(get(step, "env")) {
            let name = text(value).trim_start_matches("${{ inputs.").trim_end_matches(" }}");
            assert!(keys(inputs).contains(name), "{name} is no input");
        }
        taken.extend(assert_taken(text(get(step, "run"))));
    }
    assert_eq!(taken, ["ci publish", "ci stage", "ci finalize"]);
}

#[test]
fn the_forgejo_workflow_is_one() {
    let file = read("forgejo/workflows/release.yml");
    let workflow = parse(&file);
    let scripts = assert_workflow(&workflow, &["name", "on", "enable-openid-connect", "env", "jobs"]);
    assert_eq!(get(&workflow, "enable-openid-connect").as_bool(), Some(true));
    let taken: Vec<String> = scripts.iter().flat_map(|script| assert_taken(script)).collect();
    assert_eq!(taken, ["ci stage", "ci stage", "ci finalize"]);
}

#[test]
fn the_gitlab_pipeline_is_one() {
    let file = read("gitlab/.gitlab-ci.yml");
    let pipeline = parse(&file);
    let stages = values(get(&pipeline, "stages"));
    let mut taken = Vec::new();
    let jobs = entries(&pipeline).into_iter().filter(|(name, _)| !["stages", "workflow", "variables"].contains(name));
    for (name, job) in jobs {
        assert_known(job, &["extends", "stage", "script", "tags", "needs", "variables", "id_tokens", "rules"]);
        for field in ["extends", "needs"] {
            for other in find(job, field).map(values).unwrap_or_default() {
                assert!(keys(&pipeline).contains(other), "{name} {field} {other}");
            }
        }
        assert!(find(job, "stage").is_none_or(|stage| stages.contains(&text(stage))), "{name}");
        for line in find(job, "script").map(values).unwrap_or_default() {
            taken.extend(assert_taken(line));
        }
    }
    assert_eq!(taken, ["ci stage", "ci finalize"]);
    let identity = get(get(get(&pipeline, ".dist"), "id_tokens"), "DIST_ID_TOKEN");
    assert_eq!(text(get(identity, "aud")), protocol::api::DEFAULT_AUDIENCE);
}

#[test]
fn the_jenkinsfile_is_groovy() {
    let file = read("jenkins/Jenkinsfile");
    let mut parser = tree_sitter::Parser::new();
    parser.set_language(&tree_sitter_groovy::LANGUAGE.into()).unwrap();
    let tree = parser.parse(&file, None).unwrap();
    assert!(!tree.root_node().has_error(), "{}", tree.root_node().to_sexp());
    let mut taken = Vec::new();
    for line in file.lines().map(str::trim) {
        let script = line.strip_prefix("sh '").or(line.strip_prefix("bat '"));
        taken.extend(script.and_then(|script| script.strip_suffix('\'')).map(assert_taken).unwrap_or_default());
    }
    assert_eq!(taken, ["ci stage", "ci stage", "ci stage", "ci finalize"]);
}

#[test]
fn words_are_split_as_a_shell_does() {
    let check = |line: &str, expected: &[&str]| assert_eq!(words(line), expected, "{line}");
    check(
        r#"dist ci stage --part "$PART" --json "${options[@]}" > "$file""#,
        &["dist", "ci", "stage", "--part", "1.0", "--json"],
    );
    check("dist 'a b'  c | tee x", &["dist", "a b", "c"]);
}
