//! Who reads a page: which language, which device, and which page it is.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};

use super::language;
use super::words::Words;
use crate::Server;

/// A request for a page, as far as pages are drawn from it.
pub(super) struct Reader {
    pub(super) words: &'static Words,
    /// The path that was asked for, percent-encoded.
    pub(super) path: String,
    /// What follows it, in pairs.
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: HeaderMap,
}

impl FromRequestParts<Server> for Reader {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Server) -> Result<Self, Infallible> {
        let query = parts.uri.query().unwrap_or_default();
        let query = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Ok(Self::of(&parts.headers, parts.uri.path().to_owned(), query))
    }
}

impl Reader {
    /// Who has these headers, at the page of this path.
    pub(super) fn of(headers: &HeaderMap, path: String, query: Vec<(String, String)>) -> Self {
        let chosen = query.iter().find(|(name, _)| name == "lang").map(|(_, tag)| tag.as_str());
        let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        let words = language::choose(chosen, accepted.unwrap_or_default());
        Self { words, path, query, headers: headers.clone() }
    }

    /// A value of the query.
    pub(super) fn asked(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The language, where it was chosen rather than negotiated: links carry it on.
    pub(super) fn chosen_language(&self) -> Option<&'static str> {
        self.asked("lang").filter(|tag| *tag == self.words.tag).map(|_| self.words.tag)
    }
}
