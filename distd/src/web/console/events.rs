//! What changes while a screen is open, as server-sent events: where channels are and which release is newest.
//!
//! A stream says what its reader may see, asked of the same operations as the screens, and says it again only when it has
//! changed. It ends after a while, so that who lost their rights loses it; browsers come back by themselves.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

use axum::http::{HeaderValue, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use protocol::AppSlug;
use protocol::api::PageQuery;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::desk::{Desk, parse_opt};
use crate::Server;
use crate::ops::{self, Caller, OpError};

/// How often it is looked.
const EVERY: Duration = Duration::from_secs(2);

/// For how long one stream lasts.
const LASTS: Duration = Duration::from_mins(5);

/// Apps that a stream of all apps tells.
const APPS: usize = 50;

struct Watch {
    server: Server,
    caller: Caller,
    app: Option<AppSlug>,
    told: Value,
    ends: Instant,
}

pub(super) async fn stream(desk: Desk) -> Response {
    let app = match parse_opt::<AppSlug>("app", desk.asked("app")) {
        Ok(app) => app,
        Err(error) => return desk.give(Err(error)),
    };
    let Desk { server, caller, .. } = desk;
    let watch = Watch { server, caller, app, told: Value::Null, ends: Instant::now() + LASTS };
    let events = stream::unfold(watch, |watch| async { watch.next().await });
    let mut response = Sse::new(events).keep_alive(KeepAlive::new()).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

impl Watch {
    /// Waits for what is new; `None` where the stream is over.
    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        loop {
            let state = self.state().await.ok()?;
            if state != self.told {
                self.told = state;
                let event = Event::default().event("state").data(self.told.to_string());
                return Some((Ok(event), self));
            }
            tokio::select! {
                () = sleep(EVERY) => {}
                () = self.server.ending.wait() => return None,
            }
            if Instant::now() >= self.ends {
                return None;
            }
        }
    }

    async fn state(&self) -> Result<Value, OpError> {
        if let Some(app) = &self.app {
            return self.of_app(app).await;
        }
        let mut apps = BTreeMap::new();
        for app in ops::apps::list(&self.server, self.caller.clone()).await?.apps.into_iter().take(APPS) {
            apps.insert(app.slug.to_string(), self.of_app(&app.slug).await?);
        }
        Ok(json!({ "apps": apps }))
    }

    async fn of_app(&self, app: &AppSlug) -> Result<Value, OpError> {
        let channels = ops::channels::list(&self.server, self.caller.clone(), app.clone()).await?.channels;
        let channels: BTreeMap<String, Value> = channels
            .into_iter()
            .map(|it| {
                (it.name.to_string(), json!({"id": it.release.id, "name": it.release.name, "pinned": it.pin.is_some()}))
            })
            .collect();
        let query = PageQuery { after: None, limit: Some(1) };
        let newest = ops::releases::list(&self.server, self.caller.clone(), app.clone(), query).await?.releases;
        Ok(json!({"channels": channels, "newest": newest.first().map(|release| release.id)}))
    }
}
