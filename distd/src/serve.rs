//! Serving: from a listening socket to a graceful end.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use axum::Router;
use axum_server::Handle;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use hyper_util::rt::TokioTimer;
use protocol::limits;

use crate::ending::Ending;
use crate::ops::install::counts;
use crate::ops::refusals;
use crate::tls::Tls;
use crate::{Server, http};

/// How long a client may take for its request line and headers.
const HEADER_TIMEOUT: Duration = Duration::from_secs(15);

/// How often a client over HTTP/2 is asked whether it is still there.
const PING: Duration = Duration::from_secs(30);

/// How long requests in flight may take to finish once the server is to stop.
const GRACE: Duration = Duration::from_mins(1);

/// A server that listens and does not serve yet.
pub struct Listening {
    listener: TcpListener,
    address: SocketAddr,
    handle: Handle<SocketAddr>,
    tls: Option<RustlsConfig>,
    ending: Ending,
}

impl Listening {
    /// Binds the address. Port 0 takes any free one.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address, handle: Handle::new(), tls: None, ending: Ending::default() })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Has it speak TLS where there is a certificate.
    #[must_use]
    pub fn speaking(self, tls: Option<&Tls>) -> Self {
        Self { tls: tls.map(|tls| tls.config.clone()), ..self }
    }

    /// The address that it answers at.
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// Ends [`Listening::serve`] gracefully: no new connection, requests in flight finish.
    pub fn stopper(&self) -> impl Fn() + Send + Sync + 'static + use<> {
        let (handle, ending) = (self.handle.clone(), self.ending.clone());
        move || {
            ending.begin();
            handle.graceful_shutdown(Some(GRACE));
        }
    }

    /// Serves until it is stopped.
    ///
    /// # Errors
    /// When the socket fails.
    pub async fn serve(self, server: Server) -> io::Result<()> {
        let server = server.told_by(self.ending.clone());
        let outcome = self.serve_routes(http::router(server.clone())).await;
        refusals::flush(&server).await;
        counts::flush_at_end(&server).await;
        outcome
    }

    /// Serves these routes until it is stopped.
    ///
    /// # Errors
    /// When the socket fails.
    pub async fn serve_routes(self, routes: Router) -> io::Result<()> {
        let service = routes.into_make_service_with_connect_info::<SocketAddr>();
        let serving = axum_server::from_tcp(self.listener)?.handle(self.handle);
        match self.tls {
            None => bounded(serving).serve(service).await,
            Some(tls) => bounded(serving.acceptor(RustlsAcceptor::new(tls))).serve(service).await,
        }
    }
}

/// Bounds what one connection may ask for before a request of it is looked at.
fn bounded<A>(mut serving: axum_server::Server<SocketAddr, A>) -> axum_server::Server<SocketAddr, A> {
    serving
        .http_builder()
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_headers(limits::HEADER_COUNT)
        .max_buf_size(limits::HEADER_BUFFER_BYTES)
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(limits::HEADER_LIST_BYTES)
        .max_concurrent_streams(limits::CONCURRENT_STREAMS)
        .keep_alive_interval(PING)
        .keep_alive_timeout(HEADER_TIMEOUT);
    serving
}
