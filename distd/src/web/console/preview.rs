//! The install page as other devices see it.

use axum::extract::Path;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use maud::{Markup, html};
use protocol::api::Channel;
use protocol::{AppSlug, ChannelName, paths};

use super::desk::{Desk, parse};
use super::frame::Screen;
use super::{at, bits};
use crate::ops::{self, OpError};
use crate::web::install;
use crate::web::reader::Reader;

/// Devices: word, name, what its browser says of itself.
const DEVICES: [(&str, &str, &str); 5] = [
    (
        "iphone",
        "iPhone",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1",
    ),
    (
        "ipad",
        "iPad",
        "Mozilla/5.0 (iPad; CPU OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1",
    ),
    (
        "pixel",
        "Pixel",
        "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile Safari/537.36",
    ),
    (
        "windows",
        "Windows",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
    ),
    (
        "mac",
        "Mac",
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15",
    ),
];

pub(super) async fn page(desk: Desk, Path(app): Path<String>) -> Response {
    let made = load(&desk, &app)
        .await
        .map(|(app, channels)| Screen::new(format!("Install pages of {app}"), draw(&app, &channels)).of(&app));
    desk.give(made)
}

/// The page of a channel, drawn for a device.
pub(super) async fn show(desk: Desk, Path((app, channel, device)): Path<(String, String, String)>) -> Response {
    let found = async {
        let (app, channel): (AppSlug, ChannelName) = (parse("app", &app)?, parse("channel", &channel)?);
        let agent = DEVICES.iter().find(|(word, _, _)| *word == device).map(|(_, _, agent)| *agent);
        let agent = agent.ok_or_else(|| OpError::RequestInvalid(format!("{device:?} is not one of the devices")))?;
        let path = paths::install(&app, &channel);
        let shown = ops::install::of_channel(&desk.server, desk.caller.clone(), app, channel).await?;
        Ok((shown, agent, path))
    };
    match found.await {
        Ok((shown, agent, path)) => {
            let mut headers = desk.headers.clone();
            for hint in ["sec-ch-ua-arch", "sec-ch-ua-bitness"] {
                headers.remove(hint);
            }
            headers.insert(header::USER_AGENT, HeaderValue::from_static(agent));
            let reader = Reader::of(&headers, path, desk.query.clone());
            install::respond(&desk.server, &reader, desk.session.as_ref(), &shown, None)
        }
        Err(error) => desk.give(Err(error)),
    }
}

async fn load(desk: &Desk, app: &str) -> Result<(AppSlug, Vec<Channel>), OpError> {
    let app: AppSlug = parse("app", app)?;
    let channels = ops::channels::list(&desk.server, desk.caller.clone(), app.clone()).await?.channels;
    Ok((app, channels))
}

fn draw(app: &AppSlug, channels: &[Channel]) -> Markup {
    html! {
        h1 { "Install pages" }
        p.muted { "Each channel's page, as the browser of a device gets it." }
        @if channels.is_empty() { (bits::empty("No channel yet.", &html! { p { "A channel's first release makes its page." } })) }
        @else {
            table data-rows="" {
                thead { tr { th { "channel" } th { "release" } th { "as" } th { "page" } } }
                tbody { @for channel in channels { tr {
                    td.first { (bits::channel(app, &channel.name)) }
                    td data-label="release" { (bits::release(app, &channel.release)) }
                    td data-label="as" { @for (word, name, _) in &DEVICES {
                        a.button.quiet href=(at::preview(app, &channel.name, word)) aria-label={ (channel.name) " as " (name) } { (name) } " " } }
                    td data-label="page" { a data-open="" href=(paths::install(app, &channel.name)) { (paths::install(app, &channel.name)) } }
                } } }
            }
        }
    }
}
