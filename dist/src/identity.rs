//! Publishing without a secret: the identity that a CI system gives a job, and the token that the server gives for it.
//!
//! GitHub and Forgejo hand a job an address and a password for identity tokens; GitLab, and whoever else, puts a finished one
//! into the variable `DIST_ID_TOKEN`. [`find_identity`] is pure: it is handed a way to look variables up.

use std::sync::Arc;

use protocol::api::{CreatedToken, ExchangeRequest};
use protocol::{AppSlug, ErrorCode, ServerUrl, paths};
use serde::Deserialize;
use url::Url;

use crate::client::{Client, Repeat, RetryPolicy};
use crate::error::CliError;
use crate::ui::Terminal;

type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// How a job proves who it is. Holds secrets.
pub(crate) enum Identity {
    /// An identity token that is there already.
    Given(String),
    /// Where one is to be had.
    Offered {
        /// The address that gives one.
        url: String,
        /// What it asks for.
        password: String,
    },
}

/// The answer of the address that gives identity tokens.
#[derive(Deserialize)]
struct Offer {
    value: String,
}

/// The identity that the job's variables hold; `None` where they hold none.
pub(crate) fn find_identity(lookup: Lookup<'_>) -> Option<Identity> {
    if let Some(token) = lookup("DIST_ID_TOKEN") {
        return Some(Identity::Given(token.trim().to_owned()));
    }
    let (url, password) = lookup("ACTIONS_ID_TOKEN_REQUEST_URL").zip(lookup("ACTIONS_ID_TOKEN_REQUEST_TOKEN"))?;
    Some(Identity::Offered { url, password })
}

/// What to tell where there is neither a token nor an identity.
pub(crate) fn no_credential(lookup: Lookup<'_>) -> CliError {
    let is_set = |name: &str| lookup(name).is_some();
    let hint = if is_set("FORGEJO_ACTIONS") || is_set("GITEA_ACTIONS") {
        FORGEJO_HINT
    } else if is_set("GITHUB_ACTIONS") {
        GITHUB_HINT
    } else if is_set("GITLAB_CI") {
        "give the job an identity with id_tokens: DIST_ID_TOKEN: aud: dist, or set DIST_TOKEN"
    } else {
        "set DIST_TOKEN; `dist token create` makes one"
    };
    let message = "there is neither a token to publish with nor an identity of a CI job";
    CliError::new(ErrorCode::Unauthenticated, message).hint(hint)
}

const GITHUB_HINT: &str = "give the job an identity with permissions: id-token: write, or set DIST_TOKEN";
const FORGEJO_HINT: &str = "give the job an identity with enable-openid-connect: true, or set DIST_TOKEN";

/// Who asks, and how patiently.
pub(crate) struct Asking<'a> {
    /// The server to publish to.
    pub(crate) server: &'a ServerUrl,
    /// How failures are retried.
    pub(crate) policy: RetryPolicy,
    /// Where waiting is told.
    pub(crate) terminal: &'a Arc<Terminal>,
}

impl Asking<'_> {
    /// Turns an identity into a token that may publish `app`.
    ///
    /// # Errors
    /// When the CI system gives no identity token, or the server refuses it.
    pub(crate) async fn exchange(
        &self,
        identity: Identity,
        app: &AppSlug,
        audience: &str,
    ) -> Result<CreatedToken, CliError> {
        let identity_token = match identity {
            Identity::Given(token) => token,
            Identity::Offered { url, password } => self.fetch(&url, &password, audience).await?,
        };
        let client = Client::new(self.server.clone(), None, self.policy, Arc::clone(self.terminal))?;
        let request = ExchangeRequest { app: app.clone(), identity_token };
        // A lost answer may have used the identity token up.
        let answer = client.post(paths::OIDC_EXCHANGE, &request, Repeat::OnlyUnsent).await?;
        Ok(answer.value)
    }

    async fn fetch(&self, url: &str, password: &str, audience: &str) -> Result<String, CliError> {
        let (server, path) = split(url, audience)?;
        let client = Client::new(server, Some(password), self.policy, Arc::clone(self.terminal))?;
        let offer: Offer = client.get(&path).await.map_err(|error| {
            let message = format!("the CI system gives no identity token: {}", error.full_message());
            CliError::new(error.code(), message)
                .hint("check what the job may do; on GitHub, permissions: id-token: write")
        })?;
        Ok(offer.value)
    }
}

/// The server of an address, and the rest of it with the audience.
fn split(url: &str, audience: &str) -> Result<(ServerUrl, String), CliError> {
    let wrong = || CliError::usage("ACTIONS_ID_TOKEN_REQUEST_URL is not an address that gives identity tokens");
    let mut url = Url::parse(url).map_err(|_| wrong())?;
    url.query_pairs_mut().append_pair("audience", audience);
    let server = url.origin().ascii_serialization().parse().map_err(|_| wrong())?;
    Ok((server, format!("{}?{}", url.path(), url.query().unwrap_or_default())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup<'a>(variables: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
        |name| variables.iter().find(|(variable, _)| *variable == name).map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn an_identity_is_taken_from_the_variables_of_each_system() {
        let actions = [("ACTIONS_ID_TOKEN_REQUEST_URL", "https://a/?x=1"), ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "p")];
        let found = find_identity(&lookup(&actions));
        assert!(matches!(found, Some(Identity::Offered { url, .. }) if url == "https://a/?x=1"));
        assert!(find_identity(&lookup(&actions[..1])).is_none());
        let given = find_identity(&lookup(&[("DIST_ID_TOKEN", " a.b.c\n"), actions[0], actions[1]]));
        assert!(matches!(given, Some(Identity::Given(token)) if token == "a.b.c"));
    }

    #[test]
    fn whoever_has_none_is_told_how_to_get_one() {
        let check = |variables: &[(&str, &str)], hint: &str| {
            let error = no_credential(&lookup(variables));
            assert_eq!(error.code(), ErrorCode::Unauthenticated);
            assert!(error.hint_text().unwrap().contains(hint), "{:?}", error.hint_text());
        };
        check(&[("GITHUB_ACTIONS", "true")], "id-token: write");
        check(&[("GITHUB_ACTIONS", "true"), ("FORGEJO_ACTIONS", "true")], "enable-openid-connect");
        check(&[("GITLAB_CI", "true")], "id_tokens");
        check(&[], "dist token create");
    }

    #[test]
    fn the_audience_is_added_to_the_address() {
        let check = |url: &str, server: &str, path: &str| {
            let (found, rest) = split(url, "https://dist.example.com").unwrap();
            assert_eq!((found.to_string().as_str(), rest.as_str()), (server, path));
        };
        let audience = "audience=https%3A%2F%2Fdist.example.com";
        check("https://ci:8443/x/y?v=2.0", "https://ci:8443", &format!("/x/y?v=2.0&{audience}"));
        check("http://ci/x", "http://ci", &format!("/x?{audience}"));
        assert_eq!(split("ci", "dist").unwrap_err().code(), ErrorCode::Usage);
        assert_eq!(split("data:x", "dist").unwrap_err().code(), ErrorCode::Usage);
    }
}
