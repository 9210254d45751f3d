//! What handlers take in: the caller, path parameters, queries and bounded JSON, each with our own errors.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, FailedToBufferBody};
use axum::extract::{ConnectInfo, FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, StatusCode, header};
use protocol::{ErrorCode, limits};
use serde::de::DeserializeOwned;

use super::error::ApiError;
use super::layer::RequestId;
use super::refusal::CallerSlot;
use crate::Server;
use crate::ops::authenticate::{Credential, authenticate};
use crate::ops::{self, Caller, OpError};
use crate::proxies::{self, Network};

impl FromRequestParts<Server> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, server: &Server) -> Result<Self, ApiError> {
        let address = address(&parts.extensions);
        let caller = authenticate(server, credential(&parts.headers), address).await?;
        let request_id = parts.extensions.get::<RequestId>().map(|id| id.0.clone());
        let caller = caller.from_request(address.map(|address| address.to_string()), request_id);
        if let Some(slot) = parts.extensions.get::<CallerSlot>() {
            slot.fill(&caller);
        }
        ops::tokens::note_use(server, &caller).await?;
        Ok(caller)
    }
}

/// Where a request came from, through proxies that are trusted.
#[derive(Clone, Copy)]
pub(super) struct ClientAddress(IpAddr);

impl ClientAddress {
    /// Reads it from the connection and from what proxies said.
    pub(super) fn of(request: &Request, proxies: &[Network]) -> Option<Self> {
        let ConnectInfo(peer) = request.extensions().get::<ConnectInfo<SocketAddr>>()?;
        Some(Self(proxies::client(peer.ip(), request.headers(), proxies)))
    }
}

/// The address that the request came from.
pub(super) fn address(extensions: &Extensions) -> Option<IpAddr> {
    extensions.get::<ClientAddress>().map(|client| client.0)
}

/// What the `Authorization` header presents.
pub(super) fn credential(headers: &HeaderMap) -> Credential<'_> {
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Credential::None };
    match value.to_str().ok().and_then(|text| text.split_once(' ')) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Credential::Token(token.trim()),
        _ => Credential::Other,
    }
}

/// Path parameters, parsed into validated types.
pub(crate) struct Params<T>(pub(crate) T);

impl<T: DeserializeOwned + Send> FromRequestParts<Server> for Params<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, server: &Server) -> Result<Self, ApiError> {
        match <Path<T> as FromRequestParts<Server>>::from_request_parts(parts, server).await {
            Ok(Path(params)) => Ok(Self(params)),
            Err(rejection) => Err(invalid(rejection.body_text())),
        }
    }
}

/// The query string, parsed.
pub(crate) struct QueryOf<T>(pub(crate) T);

impl<T: DeserializeOwned + Send> FromRequestParts<Server> for QueryOf<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, server: &Server) -> Result<Self, ApiError> {
        match Query::from_request_parts(parts, server).await {
            Ok(Query(query)) => Ok(Self(query)),
            Err(rejection) => Err(invalid(rejection.body_text())),
        }
    }
}

/// A JSON body of at most [`limits::JSON_BODY_BYTES`], whole within [`limits::JSON_BODY_SECONDS`].
pub(crate) struct JsonOf<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<Server> for JsonOf<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &Server) -> Result<Self, ApiError> {
        let bytes = read_whole(request, Duration::from_secs(limits::JSON_BODY_SECONDS)).await?;
        serde_json::from_slice(&bytes).map(Self).map_err(|error| invalid(format!("the JSON body: {error}")))
    }
}

/// A body that arrives whole within so much time.
async fn read_whole(request: Request, limit: Duration) -> Result<Bytes, ApiError> {
    let arrived = tokio::time::timeout(limit, Bytes::from_request(request, &())).await;
    arrived.map_err(|_| too_slow(limit))?.map_err(|rejection| match rejection {
        BytesRejection::FailedToBufferBody(FailedToBufferBody::LengthLimitError(_)) => {
            let message = format!("the body is over {} bytes", limits::JSON_BODY_BYTES);
            ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::BodyTooLarge, message)
        }
        other => invalid(other.body_text()),
    })
}

fn too_slow(limit: Duration) -> ApiError {
    let message = format!("the body did not arrive within {} s", limit.as_secs());
    ApiError::new(StatusCode::REQUEST_TIMEOUT, ErrorCode::RequestTimeout, message)
}

fn invalid(message: String) -> ApiError {
    OpError::RequestInvalid(message).into()
}

/// The answer of a handler that gives JSON.
pub(crate) type Answer<T> = Result<Json<T>, ApiError>;

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use axum::body::Body;
    use axum::response::IntoResponse;
    use futures_util::StreamExt;
    use futures_util::stream::{once, pending};

    use super::*;

    #[tokio::test]
    async fn a_json_body_that_does_not_arrive_is_given_up() {
        let begun = once(async { Ok::<_, Infallible>("{") }).chain(pending());
        let request = Request::new(Body::from_stream(begun));
        let error = read_whole(request, Duration::from_millis(1)).await.unwrap_err();
        assert_eq!(error.into_response().status(), StatusCode::REQUEST_TIMEOUT);
        let whole = read_whole(Request::new(Body::from("{}")), Duration::from_mins(1)).await.unwrap();
        assert_eq!(whole.as_ref(), b"{}");
    }
}
