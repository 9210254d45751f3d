//! Every route there is.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use protocol::limits;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use super::{
    apps, audit, care, channels, compare, doctor, health, installs, layer, links, metrics, objects, openapi, promotion,
    publishers, push, releases, reports, staging, subpath, tokens, webhooks,
};
use crate::{Server, web};

/// The routes of the API, with their description.
pub(super) fn api() -> OpenApiRouter<Server> {
    OpenApiRouter::with_openapi(openapi::base())
        .routes(routes!(tokens::whoami))
        .routes(routes!(apps::list, apps::create))
        .routes(routes!(apps::show, apps::update))
        .routes(routes!(links::list, links::create))
        .routes(routes!(links::revoke))
        .routes(routes!(links::rotate_key))
        .routes(routes!(reports::rules, reports::replace_rules))
        .routes(routes!(publishers::list, publishers::add))
        .routes(routes!(publishers::remove))
        .routes(routes!(publishers::exchange))
        .routes(routes!(webhooks::list, webhooks::create))
        .routes(routes!(webhooks::show, webhooks::delete))
        .routes(routes!(webhooks::test))
        .routes(routes!(webhooks::deliveries))
        .routes(routes!(webhooks::redeliver))
        .routes(routes!(push::negotiate))
        .routes(routes!(push::commit))
        .routes(routes!(objects::download, objects::head, objects::upload).layer(DefaultBodyLimit::disable()))
        .routes(routes!(releases::refs))
        .routes(routes!(releases::list))
        .routes(routes!(releases::show))
        .routes(routes!(releases::log))
        .routes(routes!(compare::compare))
        .routes(routes!(reports::show))
        .routes(routes!(reports::icon))
        .routes(routes!(channels::list))
        .routes(routes!(channels::show))
        .routes(routes!(channels::reflog))
        .routes(routes!(installs::update))
        .routes(routes!(installs::downloads))
        .routes(routes!(channels::promote))
        .routes(routes!(channels::rollback))
        .routes(routes!(promotion::plan))
        .routes(routes!(promotion::pin, promotion::unpin))
        .routes(routes!(promotion::revoke))
        .routes(routes!(promotion::restore))
        .routes(routes!(staging::list))
        .routes(routes!(staging::put))
        .routes(routes!(staging::finalize))
        .routes(routes!(tokens::list, tokens::create))
        .routes(routes!(tokens::revoke))
        .routes(routes!(tokens::rotate))
        .routes(routes!(audit::list))
        .routes(routes!(care::show))
        .routes(routes!(care::check))
        .routes(routes!(care::gc))
        .routes(routes!(doctor::show))
        .routes(routes!(doctor::echo).layer(DefaultBodyLimit::disable()))
        .routes(routes!(doctor::bytes))
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(metrics::show))
        .routes(routes!(openapi::serve))
}

/// Everything the server answers to.
pub fn router(server: Server) -> Router {
    let (api, _) = api().split_for_parts();
    let settings = server.settings();
    let routes = api
        .merge(web::routes(&server))
        .fallback(layer::not_found)
        .method_not_allowed_fallback(layer::method_not_allowed)
        .layer(DefaultBodyLimit::max(limits::JSON_BODY_BYTES))
        .layer(CatchPanicLayer::custom(layer::panicked))
        .layer(from_fn_with_state(server.clone(), layer::surround))
        .with_state(server);
    subpath::mount(routes, settings.site.public_url.as_ref())
}
