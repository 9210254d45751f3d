//! `/api/v1/audit`.

use axum::Json;
use axum::extract::State;
use protocol::ErrorBody;
use protocol::api::{AuditPage, AuditQuery};

use super::extract::{Answer, QueryOf};
use crate::Server;
use crate::ops::{self, Caller};

/// Who changed what, newest first; oldest first after `from`. Needs `admin`, or `admin:APP` for the events of one app.
#[utoipa::path(get, path = "/api/v1/audit", tag = "audit", operation_id = "audit_list", extensions(("x-requires" = json!("admin"))), params(AuditQuery), security(("token" = [])),
    responses((status = 200, body = AuditPage), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody)))]
pub(super) async fn list(
    State(server): State<Server>,
    caller: Caller,
    QueryOf(query): QueryOf<AuditQuery>,
) -> Answer<AuditPage> {
    Ok(Json(ops::audit::list(&server, caller, query).await?))
}
