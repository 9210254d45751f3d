//! Bounds on what either side accepts. Every number is checked where the bytes come in.

/// Largest `dist.json` and largest release manifest, in bytes.
pub const MANIFEST_BYTES: u64 = 1024 * 1024;

/// Largest JSON request body, in bytes. A commit carries one manifest and its ref updates.
pub const JSON_BODY_BYTES: usize = 2 * 1024 * 1024;

/// How long a JSON request body may take to arrive, in seconds.
pub const JSON_BODY_SECONDS: u64 = 60;

/// Header lines of one request over HTTP/1.1.
pub const HEADER_COUNT: usize = 64;

/// Names and values of the headers of one request over HTTP/2, in bytes.
pub const HEADER_LIST_BYTES: u32 = 32 * 1024;

/// Request line and headers of one request over HTTP/1.1, in bytes.
pub const HEADER_BUFFER_BYTES: usize = 128 * 1024;

/// Requests at a time on one connection over HTTP/2.
pub const CONCURRENT_STREAMS: u32 = 128;

/// Requests with a credential that does not work, in a minute, from one address. Beyond it they are answered 429.
pub const FAILED_ATTEMPTS_OF_ADDRESS: u32 = 20;

/// The same for one token id from one address.
pub const FAILED_ATTEMPTS_OF_TOKEN: u32 = 10;

/// The rules of one app, in bytes of JSON.
pub const RULES_BYTES: usize = 64 * 1024;

/// Trusted publishers of one app.
pub const PUBLISHERS: usize = 64;

/// One text of a trusted publisher's rule, in bytes of UTF-8.
pub const PUBLISHER_TEXT_BYTES: usize = 512;

/// Claims that a trusted publisher's rule names, and channels that it may move.
pub const PUBLISHER_ITEMS: usize = 32;

/// Webhooks of one app.
pub const WEBHOOKS: usize = 32;

/// The address of a webhook, in bytes.
pub const WEBHOOK_URL_BYTES: usize = 2048;

/// Deliveries of one webhook that are kept; the oldest go first, sent or not.
pub const WEBHOOK_DELIVERIES: u32 = 1_000;

/// For how many days a delivery is kept that is not waiting.
pub const WEBHOOK_DELIVERY_DAYS: u32 = 30;

/// What is kept of a webhook's answer, in bytes.
pub const WEBHOOK_ANSWER_BYTES: usize = 512;

/// A pipeline's identity token, in bytes.
pub const IDENTITY_TOKEN_BYTES: usize = 16 * 1024;

/// For how long the token works that an identity token is exchanged for, in seconds: 15 minutes.
pub const EXCHANGED_TOKEN_SECONDS: u32 = 15 * 60;

/// Objects in one negotiation.
pub const NEGOTIATED_OBJECTS: usize = 10_000;

/// Ref updates in one commit: the release's own ref and the channels that move with it.
pub const COMMIT_UPDATES: usize = 16;

/// Parts of one release that are staged.
pub const STAGED_PARTS: usize = 64;

/// Release notes, in bytes of UTF-8.
pub const NOTES_BYTES: usize = 64 * 1024;

/// A file name inside a release, in bytes of UTF-8.
pub const FILE_NAME_BYTES: usize = 255;

/// A reason given for a change, in bytes of UTF-8.
pub const REASON_BYTES: usize = 1024;

/// Largest artifact, in bytes: 64 GiB. Every size in a manifest is also an exact JSON number.
pub const ARTIFACT_BYTES: u64 = 64 * 1024 * 1024 * 1024;

/// Rows on one page of a listing, unless asked otherwise.
pub const PAGE_ROWS: u32 = 50;

/// Most rows on one page of a listing.
pub const PAGE_ROWS_MAX: u32 = 500;

/// Steps (`~N`, `@{N}`) in one revision.
pub const REVISION_STEPS: usize = 16;

/// Most parents or moves that one step of a revision may go back.
pub const REVISION_DISTANCE: u32 = 10_000;

/// Files of each archive that a comparison lists, unless asked otherwise.
pub const COMPARED_FILES: usize = 20;

/// Largest body that is taken in to be looked at on its way, in bytes.
pub const DOCTOR_BODY_BYTES: u64 = 64 * 1024 * 1024;

/// Most bytes that are sent to be looked at on their way.
pub const DOCTOR_ANSWER_BYTES: u64 = 1024 * 1024;

/// The description of a bundle, in bytes of JSON: enough for half a million objects.
pub const BUNDLE_JSON_BYTES: u64 = 64 * 1024 * 1024;
