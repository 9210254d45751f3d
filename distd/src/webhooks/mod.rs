//! Webhooks on their way out: what is sent, how it is signed, where it may go and when it goes again.
//!
//! Everything but [`Sender`] and [`Mailer`] is pure. What is sent, and what becomes of it, `ops::webhooks` decides.

pub(crate) mod address;
pub(crate) mod format;
mod letter;
mod mailer;
mod reply;
pub(crate) mod retry;
mod sender;
pub(crate) mod sign;

pub use address::Reach;
pub use mailer::{Mailer, SmtpUrl};
pub(crate) use reply::{Reply, Verdict};
pub use sender::Sender;
