//! `/install/{app}/…`: from a link to an installed app, on whatever device opens it.
//!
//! `device` reads who asks, `view` decides what comes first, `sheet` and `platforms` write it down in the words of `web::words`.
//! The page is whole without script, and small.

mod device;
pub(super) mod notes;
mod platforms;
mod qr;
mod sheet;
mod view;

use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use objstore::Digest;
use protocol::api::{Install, InstallMode};
use protocol::{ArtifactLine, ChannelName, paths};

use self::device::Device;
use self::view::{Place, View};
use super::page::{self, Page};
use super::reader::Reader;
use crate::Server;
use crate::capability::{Audience, What};
use crate::http::Visitor;
use crate::ops::OpError;
use crate::ops::install::fetch::Mint;
use crate::ops::install::{self, Shown, files};
use crate::ops::sessions::Session;

/// What a channel points at.
pub(super) async fn channel(
    State(server): State<Server>,
    visitor: Visitor,
    reader: Reader,
    Path((app, channel)): Path<(String, String)>,
) -> Response {
    let found = match (app.parse(), channel.parse::<ChannelName>()) {
        (Ok(app), Ok(channel)) => install::of_channel(&server, visitor.caller, app, channel).await,
        _ => Err(no_such_page(&app)),
    };
    answer(&server, &reader, visitor.session.as_ref(), found)
}

/// One release.
pub(super) async fn release(
    State(server): State<Server>,
    visitor: Visitor,
    reader: Reader,
    Path((app, revision)): Path<(String, String)>,
) -> Response {
    let found = match (app.parse(), revision.parse()) {
        (Ok(app), Ok(revision)) => install::of_release(&server, visitor.caller, app, revision).await,
        _ => Err(no_such_page(&app)),
    };
    answer(&server, &reader, visitor.session.as_ref(), found)
}

fn no_such_page(app: &str) -> OpError {
    OpError::RequestInvalid(format!("{app} has no such page"))
}

fn answer(server: &Server, reader: &Reader, session: Option<&Session>, found: Result<Shown, OpError>) -> Response {
    match found {
        Ok(shown) => respond(server, reader, session, &shown, None),
        Err(error) => page::problem(reader, session, &error),
    }
}

/// The page, for the device that asks. `link` is the text of the link that it was opened by.
pub(super) fn respond(
    server: &Server,
    reader: &Reader,
    session: Option<&Session>,
    shown: &Shown,
    link: Option<&str>,
) -> Response {
    let device = Device::of(&reader.headers);
    let maker = Addresses { server, shown, link };
    let places = maker.places();
    let is_for_makers = matches!(shown.audience, Audience::Token(_));
    let view = View { shown, device: &device, places: &places, is_for_makers };
    let icon = maker.icon(&view);
    let sheet = sheet::Sheet {
        view: &view,
        words: reader.words,
        now: server.clock.now(),
        page_url: server.settings().site.address(&reader.path),
        icon_url: icon.as_deref().and_then(|path| server.settings().site.address(path)),
        icon,
        path: &reader.path,
        language: reader.chosen_language(),
        shows_all_notes: reader.asked("notes") == Some("all"),
        session,
    };
    let title = format!("{} {}", shown.name, shown.release.name);
    let mut response = Page { title: &title, head: sheet.head(), content: sheet.content() }.respond(reader);
    ask_for_hints(&mut response);
    response
}

/// Has browsers that know it say which processor the device has, at once.
fn ask_for_hints(response: &mut Response) {
    const HINTS: HeaderValue = HeaderValue::from_static("Sec-CH-UA-Arch, Sec-CH-UA-Bitness");
    let headers = response.headers_mut();
    headers.insert("accept-ch", HINTS);
    headers.insert("critical-ch", HINTS);
    headers.insert(
        header::VARY,
        HeaderValue::from_static(
            "Accept-Language, User-Agent, Sec-CH-UA-Arch, Sec-CH-UA-Bitness, Cookie, Authorization",
        ),
    );
}

/// Where everything of a page is, for whom it is made.
struct Addresses<'a> {
    server: &'a Server,
    shown: &'a Shown,
    link: Option<&'a str>,
}

impl Addresses<'_> {
    fn mint(&self) -> Mint<'_> {
        let (audience, app) = (&self.shown.audience, &self.shown.release.app);
        Mint { keys: &self.server.keys, audience, app, now: self.server.clock.now() }
    }

    fn places(&self) -> Vec<Place> {
        let release = &self.shown.release;
        release.manifest.artifacts.iter().zip(&release.install).map(|(line, way)| self.place(line, way)).collect()
    }

    fn place(&self, line: &ArtifactLine, way: &Install) -> Place {
        let release = &self.shown.release;
        let file = match self.link {
            Some(text) => paths::link_download(text, &line.sha256),
            None => files::address(&release.app, &release.name, &release.manifest.artifacts, line),
        };
        let is_over_the_air = matches!(way.mode, InstallMode::Enterprise | InstallMode::AdHoc);
        let settings = self.server.settings();
        let site = settings.site.https().filter(|_| is_over_the_air);
        Place { file, install: site.map(|site| self.mint().install_url(site, &line.sha256)) }
    }

    /// The icon of the platform that comes first, else any.
    fn icon(&self, view: &View<'_>) -> Option<String> {
        let sections = view.sections();
        let lines = sections.iter().flat_map(|section| section.items.iter().map(|item| item.line.sha256));
        let digest = lines.into_iter().find(|digest| self.shown.icons.contains(digest))?;
        Some(self.icon_path(&digest))
    }

    /// Browsers send no token for a picture; anyone may have that of a public app under an address that stays.
    fn icon_path(&self, digest: &Digest) -> String {
        match self.shown.audience {
            Audience::Anyone => paths::icon(&self.shown.release.app, digest),
            Audience::Link(_) | Audience::Token(_) => self.mint().path(What::Icon, digest, "icon.png"),
        }
    }
}
