//! The pages that people open.

mod install;
mod link;
mod page;

use axum::Router;
use axum::routing::{MethodRouter, get};

use crate::Server;

/// Every page there is: its address, what it takes to see it, and who makes it.
fn table() -> [(&'static str, &'static str, MethodRouter<Server>); 6] {
    [
        ("/install/{app}/{channel}", "read:{app}", get(install::channel)),
        ("/install/{app}/r/{revision}", "read:{app}", get(install::release)),
        ("/l/{link}", "link", get(link::show)),
        ("/l/{link}/get/{digest}", "link", get(link::begin)),
        ("/f/{file}/{filename}", "link", get(link::file)),
        ("/assets/style.css", "none", get(page::style)),
    ]
}

/// The routes of all pages.
pub(crate) fn routes() -> Router<Server> {
    table().into_iter().fold(Router::new(), |router, (path, _, method)| router.route(path, method))
}

/// The address of every page, and what it takes to see it: a scope, `link` for a capability in the path, or `none`.
pub fn pages() -> impl Iterator<Item = (&'static str, &'static str)> {
    table().into_iter().map(|(path, requires, _)| (path, requires))
}
