//! What the server can say of the way between it and a client. Nothing is kept, and no object is touched.

use super::{Caller, OpError};

/// Refuses who holds no token: a body that is taken in costs something.
///
/// # Errors
/// [`OpError::Unauthenticated`] for anyone without a token.
pub(crate) fn check_caller(caller: &Caller) -> Result<(), OpError> {
    match caller.token_id() {
        Some(_) => Ok(()),
        None => Err(OpError::Unauthenticated("this needs a token")),
    }
}
