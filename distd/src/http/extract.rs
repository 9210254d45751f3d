//! What handlers take in: the caller, path parameters, queries and bounded JSON, each with our own errors.

use std::net::SocketAddr;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, FailedToBufferBody};
use axum::extract::{ConnectInfo, FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use protocol::{ErrorCode, limits};
use serde::de::DeserializeOwned;

use super::error::ApiError;
use super::layer::RequestId;
use crate::Server;
use crate::ops::{self, Caller, OpError};

impl FromRequestParts<Server> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, server: &Server) -> Result<Self, ApiError> {
        let caller = match bearer(parts)? {
            Some(token) => Caller::of_token(server, token).await?,
            None => Caller::anonymous(),
        };
        let address = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip().to_string());
        let request_id = parts.extensions.get::<RequestId>().map(|id| id.0.clone());
        let caller = caller.from_request(address, request_id);
        ops::tokens::note_use(server, &caller).await?;
        Ok(caller)
    }
}

/// The token of an `Authorization: Bearer` header; `None` without the header.
fn bearer(parts: &Parts) -> Result<Option<&str>, OpError> {
    let Some(value) = parts.headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let text = value.to_str().ok().and_then(|text| text.split_once(' '));
    match text {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(Some(token.trim())),
        _ => Err(OpError::Unauthenticated("the Authorization header is not a bearer token")),
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

/// A JSON body of at most [`limits::JSON_BODY_BYTES`].
pub(crate) struct JsonOf<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<Server> for JsonOf<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, server: &Server) -> Result<Self, ApiError> {
        let bytes = Bytes::from_request(request, server).await.map_err(|rejection| match rejection {
            BytesRejection::FailedToBufferBody(FailedToBufferBody::LengthLimitError(_)) => {
                let message = format!("the body is over {} bytes", limits::JSON_BODY_BYTES);
                ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::BodyTooLarge, message)
            }
            other => invalid(other.body_text()),
        })?;
        serde_json::from_slice(&bytes).map(Self).map_err(|error| invalid(format!("the JSON body: {error}")))
    }
}

fn invalid(message: String) -> ApiError {
    OpError::RequestInvalid(message).into()
}

/// The answer of a handler that gives JSON.
pub(crate) type Answer<T> = Result<Json<T>, ApiError>;
