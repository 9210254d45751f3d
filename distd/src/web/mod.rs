//! The pages that people open.

mod console;
mod files;
mod install;
mod language;
mod link;
mod page;
mod reader;
mod signin;
mod words;

use axum::Router;
use axum::routing::{MethodRouter, get, post};
use tower_http::csrf::CsrfLayer;

use crate::Server;

/// Every page there is: its address, what it takes to see it, and who makes it.
fn table() -> Vec<(&'static str, &'static str, MethodRouter<Server>)> {
    let mut pages = vec![
        ("/install/{app}/{channel}", "read:{app}", get(install::channel)),
        ("/install/{app}/r/{revision}", "read:{app}", get(install::release)),
        ("/download/{app}/{channel}/{platform}", "read:{app}", get(files::current)),
        ("/download/{app}/{channel}/{platform}/{arch}", "read:{app}", get(files::current_arch)),
        ("/artifacts/{app}/{release}/{filename}", "read:{app}", get(files::artifact)),
        ("/l/{link}", "link", get(link::show)),
        ("/l/{link}/get/{digest}", "link", get(link::begin)),
        ("/f/{file}/{filename}", "link", get(files::fetched)),
        ("/signin", "none", get(signin::show).post(signin::begin)),
        ("/signout", "session", post(signin::end)),
        ("/assets/style.css", "none", get(page::style)),
        ("/assets/page.js", "none", get(page::script)),
        ("/assets/icon.svg", "none", get(page::icon)),
    ];
    pages.extend(console::table());
    pages
}

/// The routes of all pages. What changes something is taken only from pages of this server.
pub(crate) fn routes(server: &Server) -> Router<Server> {
    let routes = table().into_iter().fold(Router::new(), |router, (path, _, method)| router.route(path, method));
    routes.layer(own_origin(server))
}

/// A proxy may tell us another host than browsers see.
fn own_origin(server: &Server) -> CsrfLayer {
    let settings = server.settings();
    let Some(url) = &settings.site.public_url else { return CsrfLayer::new() };
    CsrfLayer::new().add_trusted_origin(url.origin()).unwrap_or_else(|error| {
        tracing::warn!(%error, "the public address is not taken as an origin of forms");
        CsrfLayer::new()
    })
}

/// The address of every page, and what it takes to see it: a scope, `link` for a capability in the path, `session` for a form
/// of a session, `token` for any token that works, `none`, or a word of its own where what it takes depends on more.
pub fn pages() -> impl Iterator<Item = (&'static str, &'static str)> {
    table().into_iter().map(|(path, requires, _)| (path, requires))
}
