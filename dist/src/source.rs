//! What a release was built from, as the CI's environment or the local git repository says.
//!
//! [`from_environment`] is pure: it is handed a way to look variables up. Credentials that some systems put into repository
//! addresses never get into a release.

use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use protocol::manifest::Source;
use url::Url;

type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The source of what is built in `folder`: from the CI, or else from its git repository, or else unknown.
pub(crate) fn find_source(folder: &Path) -> Source {
    let lookup = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
    from_environment(&lookup).unwrap_or_else(|| from_git(folder))
}

/// The source as a CI system's variables tell it; `None` outside of any known CI.
pub(crate) fn from_environment(lookup: Lookup<'_>) -> Option<Source> {
    let is_set = |name: &str| lookup(name).is_some();
    let source = if is_set("FORGEJO_ACTIONS") || is_set("GITEA_ACTIONS") {
        // Their pages count the runs of a repository; the run id is internal.
        github(lookup, "GITHUB_RUN_NUMBER")
    } else if is_set("GITHUB_ACTIONS") {
        github(lookup, "GITHUB_RUN_ID")
    } else if is_set("GITLAB_CI") {
        gitlab(lookup)
    } else if is_set("BITBUCKET_BUILD_NUMBER") {
        bitbucket(lookup)
    } else if is_set("CIRCLECI") {
        circleci(lookup)
    } else if is_set("TF_BUILD") {
        azure(lookup)
    } else if is_set("JENKINS_URL") {
        jenkins(lookup)
    } else {
        return None;
    };
    Some(Source { repository: source.repository.map(|address| without_credentials(&address)), ..source })
}

fn github(lookup: Lookup<'_>, run: &str) -> Source {
    let repository = lookup("GITHUB_SERVER_URL")
        .zip(lookup("GITHUB_REPOSITORY"))
        .map(|(server, path)| format!("{}/{path}", server.trim_end_matches('/')));
    Source {
        commit: lookup("GITHUB_SHA"),
        branch: lookup("GITHUB_HEAD_REF").or_else(|| lookup("GITHUB_REF_NAME")),
        run_url: repository
            .as_ref()
            .zip(lookup(run))
            .map(|(repository, run)| format!("{repository}/actions/runs/{run}")),
        repository,
    }
}

fn gitlab(lookup: Lookup<'_>) -> Source {
    Source {
        commit: lookup("CI_COMMIT_SHA"),
        branch: lookup("CI_COMMIT_REF_NAME"),
        repository: lookup("CI_PROJECT_URL"),
        run_url: lookup("CI_PIPELINE_URL").or_else(|| lookup("CI_JOB_URL")),
    }
}

fn bitbucket(lookup: Lookup<'_>) -> Source {
    let repository = lookup("BITBUCKET_GIT_HTTP_ORIGIN")
        .or_else(|| lookup("BITBUCKET_REPO_FULL_NAME").map(|path| format!("https://bitbucket.org/{path}")))
        .map(|address| address.replacen("http://", "https://", 1));
    Source {
        commit: lookup("BITBUCKET_COMMIT"),
        branch: lookup("BITBUCKET_BRANCH").or_else(|| lookup("BITBUCKET_TAG")),
        run_url: repository
            .as_ref()
            .zip(lookup("BITBUCKET_BUILD_NUMBER"))
            .map(|(repository, build)| format!("{repository}/pipelines/results/{build}")),
        repository,
    }
}

fn circleci(lookup: Lookup<'_>) -> Source {
    Source {
        commit: lookup("CIRCLE_SHA1"),
        branch: lookup("CIRCLE_BRANCH").or_else(|| lookup("CIRCLE_TAG")),
        repository: lookup("CIRCLE_REPOSITORY_URL"),
        run_url: lookup("CIRCLE_BUILD_URL"),
    }
}

fn azure(lookup: Lookup<'_>) -> Source {
    let run_url = match (lookup("SYSTEM_COLLECTIONURI"), lookup("SYSTEM_TEAMPROJECT"), lookup("BUILD_BUILDID")) {
        (Some(collection), Some(project), Some(build)) => {
            let project = utf8_percent_encode(&project, NON_ALPHANUMERIC);
            Some(format!("{}/{project}/_build/results?buildId={build}", collection.trim_end_matches('/')))
        }
        _ => None,
    };
    let strip = |name: String| {
        ["refs/heads/", "refs/tags/"].iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(&name).to_owned()
    };
    Source {
        commit: lookup("BUILD_SOURCEVERSION"),
        branch: lookup("BUILD_SOURCEBRANCH").map(strip),
        repository: lookup("BUILD_REPOSITORY_URI"),
        run_url,
    }
}

fn jenkins(lookup: Lookup<'_>) -> Source {
    let local = |name: String| name.strip_prefix("origin/").unwrap_or(&name).to_owned();
    Source {
        commit: lookup("GIT_COMMIT"),
        branch: lookup("BRANCH_NAME").or_else(|| lookup("GIT_BRANCH").map(local)),
        repository: lookup("GIT_URL"),
        run_url: lookup("BUILD_URL"),
    }
}

/// The source as the git repository around `folder` tells it. Whatever git does not know stays unknown.
fn from_git(folder: &Path) -> Source {
    const QUESTIONS: [&[&str]; 3] = [
        &["rev-parse", "--verify", "--quiet", "HEAD"],
        &["symbolic-ref", "--quiet", "--short", "HEAD"],
        &["remote", "get-url", "origin"],
    ];
    // Each is a process of its own: they run at the same time.
    let [commit, branch, repository] = thread::scope(|scope| {
        let asked = QUESTIONS.map(|question| scope.spawn(move || git(folder, question)));
        asked.map(|answer| answer.join().ok().flatten())
    });
    Source { commit, branch, repository: repository.map(|address| without_credentials(&address)), run_url: None }
}

/// The one line that a git command prints; `None` when it fails or there is no git.
pub(crate) fn git(folder: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let line = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (!line.is_empty() && !line.contains('\n')).then_some(line)
}

/// An http address without the user name and password that some systems put into it. `git@host:path` has no secret.
fn without_credentials(address: &str) -> String {
    match Url::parse(address) {
        Ok(mut url)
            if matches!(url.scheme(), "http" | "https") && (!url.username().is_empty() || url.password().is_some()) =>
        {
            // Both only fail for addresses that cannot have credentials, and those have none.
            let _ = url.set_username("");
            let _ = url.set_password(None);
            url.to_string()
        }
        _ => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(variables: &[(&str, &str)], expected: [&str; 4]) {
        let lookup =
            |name: &str| variables.iter().find(|(variable, _)| *variable == name).map(|(_, value)| (*value).to_owned());
        let source = from_environment(&lookup).unwrap();
        let found = [source.commit, source.branch, source.repository, source.run_url];
        assert_eq!(found.map(Option::unwrap_or_default), expected.map(str::to_owned));
    }

    const GITHUB: &[(&str, &str)] = &[
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_SHA", "a1b2"),
        ("GITHUB_REF_NAME", "main"),
        ("GITHUB_SERVER_URL", "https://github.com"),
        ("GITHUB_REPOSITORY", "acme/app"),
        ("GITHUB_RUN_ID", "901"),
        ("GITHUB_RUN_NUMBER", "7"),
    ];

    #[test]
    fn github_and_its_relatives_name_their_runs_differently() {
        check(GITHUB, ["a1b2", "main", "https://github.com/acme/app", "https://github.com/acme/app/actions/runs/901"]);
        let forgejo = [GITHUB, &[("FORGEJO_ACTIONS", "true")]].concat();
        check(&forgejo, ["a1b2", "main", "https://github.com/acme/app", "https://github.com/acme/app/actions/runs/7"]);
        let gitea = [GITHUB, &[("GITEA_ACTIONS", "true"), ("GITHUB_HEAD_REF", "fix")]].concat();
        check(&gitea, ["a1b2", "fix", "https://github.com/acme/app", "https://github.com/acme/app/actions/runs/7"]);
    }

    #[test]
    fn each_system_is_read_from_its_own_variables() {
        check(
            &[
                ("GITLAB_CI", "true"),
                ("CI_COMMIT_SHA", "c0"),
                ("CI_COMMIT_REF_NAME", "v2"),
                ("CI_PROJECT_URL", "https://gitlab.com/a/b"),
                ("CI_PIPELINE_URL", "https://gitlab.com/a/b/-/pipelines/3"),
                ("CI_JOB_URL", "https://gitlab.com/a/b/-/jobs/4"),
            ],
            ["c0", "v2", "https://gitlab.com/a/b", "https://gitlab.com/a/b/-/pipelines/3"],
        );
        check(
            &[
                ("BITBUCKET_BUILD_NUMBER", "12"),
                ("BITBUCKET_COMMIT", "b0"),
                ("BITBUCKET_TAG", "1.0"),
                ("BITBUCKET_GIT_HTTP_ORIGIN", "http://bitbucket.org/a/b"),
            ],
            ["b0", "1.0", "https://bitbucket.org/a/b", "https://bitbucket.org/a/b/pipelines/results/12"],
        );
        check(
            &[
                ("CIRCLECI", "true"),
                ("CIRCLE_SHA1", "d0"),
                ("CIRCLE_BRANCH", "main"),
                ("CIRCLE_REPOSITORY_URL", "git@github.com:a/b.git"),
                ("CIRCLE_BUILD_URL", "https://circleci.com/gh/a/b/9"),
            ],
            ["d0", "main", "git@github.com:a/b.git", "https://circleci.com/gh/a/b/9"],
        );
        check(
            &[
                ("TF_BUILD", "True"),
                ("BUILD_SOURCEVERSION", "e0"),
                ("BUILD_SOURCEBRANCH", "refs/heads/feature/x"),
                ("BUILD_REPOSITORY_URI", "https://acme@dev.azure.com/acme/app/_git/app"),
                ("SYSTEM_COLLECTIONURI", "https://dev.azure.com/acme/"),
                ("SYSTEM_TEAMPROJECT", "My App"),
                ("BUILD_BUILDID", "5"),
            ],
            [
                "e0",
                "feature/x",
                "https://dev.azure.com/acme/app/_git/app",
                "https://dev.azure.com/acme/My%20App/_build/results?buildId=5",
            ],
        );
        check(
            &[
                ("JENKINS_URL", "https://ci/"),
                ("GIT_COMMIT", "f0"),
                ("GIT_BRANCH", "origin/main"),
                ("GIT_URL", "https://bot:secret@git.example.com/a.git"),
                ("BUILD_URL", "https://ci/job/a/1/"),
            ],
            ["f0", "main", "https://git.example.com/a.git", "https://ci/job/a/1/"],
        );
    }

    #[test]
    fn outside_of_ci_the_environment_says_nothing() {
        assert_eq!(from_environment(&|_| None), None);
    }

    #[test]
    fn a_folder_without_git_has_an_unknown_source() {
        let folder = tempfile::tempdir().unwrap();
        assert!(from_git(folder.path()).is_empty());
    }
}
