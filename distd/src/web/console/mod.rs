//! `/console`: the release desk. Pages on the operations that the API uses; there is no second path to any change.
//!
//! One file a screen: its view model, how it is loaded from `ops`, how it is drawn, and the forms that lead from it. Screens are
//! whole without script; `console.js` adds keys, the palette, times that go on and marks on what changed. Every state is in the
//! address. `desk.rs` is who asks, `frame.rs` what is around every screen, `bits.rs` what stands on several.

mod app;
mod apps;
mod assets;
mod at;
mod audit;
mod bits;
mod channel;
mod desk;
mod diff;
mod events;
mod frame;
mod jump;
mod keys;
mod links;
mod preview;
mod promote;
mod publishers;
mod release;
mod revoke;
mod rollback;
mod sessions;
mod storage;
mod tokens;
mod uploads;

use axum::routing::{MethodRouter, get, post};

use crate::Server;

/// A route: its address, what it takes to see it, and who makes it.
type Route = (&'static str, &'static str, MethodRouter<Server>);

/// Every screen and form there is. `token` is any token that works.
pub(super) fn table() -> Vec<Route> {
    let mut routes = screens();
    routes.extend(screens_of_app());
    routes.extend(forms());
    routes
}

fn screens() -> Vec<Route> {
    vec![
        ("/console", "token", get(apps::page)),
        ("/console/uploads", "token", get(uploads::page)),
        ("/console/tokens", "admin", get(tokens::page).post(tokens::create)),
        ("/console/audit", "admin", get(audit::page)),
        ("/console/storage", "admin", get(storage::page)),
        ("/console/sessions", "token", get(sessions::page)),
        ("/console/jump", "token", get(jump::page)),
        ("/console/keys", "token", get(keys::page)),
        ("/console/events", "token", get(events::stream)),
        ("/console/assets/{name}", "asset", get(assets::serve)),
    ]
}

fn screens_of_app() -> Vec<Route> {
    vec![
        ("/console/apps/{app}", "read:{app}", get(app::page)),
        ("/console/apps/{app}/diff", "read:{app}", get(diff::page)),
        ("/console/apps/{app}/icons/{digest}", "icon", get(release::icon)),
        ("/console/apps/{app}/releases/{revision}", "read:{app}", get(release::page)),
        ("/console/apps/{app}/releases/{revision}/manifest", "read:{app}", get(release::manifest)),
        ("/console/apps/{app}/releases/{revision}/revoke", "read:{app}", get(revoke::page).post(revoke::act)),
        (
            "/console/apps/{app}/releases/{revision}/restore",
            "read:{app}",
            get(revoke::restore_page).post(revoke::restore),
        ),
        ("/console/apps/{app}/channels/{channel}", "read:{app}", get(channel::page)),
        ("/console/apps/{app}/channels/{channel}/promote", "promotion", get(promote::page).post(promote::act)),
        ("/console/apps/{app}/channels/{channel}/rollback", "read:{app}", get(rollback::page).post(rollback::act)),
        ("/console/apps/{app}/links", "read:{app}", get(links::page).post(links::create)),
        ("/console/apps/{app}/publishers", "admin:{app}", get(publishers::page).post(publishers::add)),
        ("/console/apps/{app}/preview", "read:{app}", get(preview::page)),
        ("/console/apps/{app}/preview/{channel}/{device}", "read:{app}", get(preview::show)),
    ]
}

fn forms() -> Vec<Route> {
    vec![
        ("/console/theme", "session", post(keys::theme)),
        ("/console/tokens/{id}/rotate", "session", post(tokens::rotate)),
        ("/console/tokens/{id}/revoke", "session", post(tokens::revoke)),
        ("/console/sessions/{id}/end", "session", post(sessions::end)),
        ("/console/apps/{app}/channels/{channel}/pin", "session", post(channel::pin)),
        ("/console/apps/{app}/channels/{channel}/unpin", "session", post(channel::unpin)),
        ("/console/apps/{app}/links/{id}/revoke", "session", post(links::revoke)),
        ("/console/apps/{app}/publishers/{id}/remove", "session", post(publishers::remove)),
    ]
}
