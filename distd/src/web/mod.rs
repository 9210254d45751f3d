//! The pages that people open.

mod install;
mod link;
mod page;

use axum::Router;
use axum::routing::get;

use crate::Server;

/// Every page there is.
pub(crate) fn routes() -> Router<Server> {
    Router::new()
        .route("/install/{app}/{channel}", get(install::channel))
        .route("/install/{app}/r/{revision}", get(install::release))
        .route("/l/{link}", get(link::show))
        .route("/l/{link}/get/{digest}", get(link::begin))
        .route("/f/{file}/{filename}", get(link::file))
        .route("/assets/style.css", get(page::style))
}
