//! `distd healthcheck`: asks a server on this machine whether it is ready. An image without a shell has nothing else to ask
//! with. Speaks just enough HTTP, so that it costs a few milliseconds and no runtime.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::tls;

/// How long each of connecting, asking and answering may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The status line and headers; what follows is not read.
const ANSWER_BYTES: u64 = 4 * 1024;

/// What `distd healthcheck` is told.
#[derive(Debug, Args)]
pub(crate) struct Healthcheck {
    /// Address that the server listens on, as it was given to `distd serve`.
    #[arg(long, value_name = "ADDR", env = "DISTD_LISTEN", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// The certificate, where it speaks TLS. Who answers on this machine is not checked.
    #[arg(long, value_name = "FILE", env = "DISTD_TLS_CERT")]
    tls_cert: Option<PathBuf>,
    /// The data directory, whose config/distd.toml may say both.
    #[arg(long, value_name = "DIR", env = "DISTD_DATA", default_value = "/data")]
    data: PathBuf,
    /// The configuration file, in place of that one.
    #[arg(long, value_name = "FILE", env = "DISTD_CONFIG")]
    config: Option<PathBuf>,
}

impl Healthcheck {
    /// Succeeds where the server is ready to work.
    ///
    /// # Errors
    /// When it does not answer, or says that it is not ready.
    pub(crate) fn run(&self) -> Result<()> {
        let address = reachable(self.listen);
        let asked = if self.tls_cert.is_some() { ask_by_tls(address) } else { ask(address).map_err(Into::into) };
        let status = asked.with_context(|| format!("no server answers at {address}"))?;
        ensure!(status == "200", "the server at {address} is not ready: it answered {status}");
        Ok(())
    }
}

/// Who listens on all addresses is asked on the machine's own.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

/// The status that `/readyz` answers with.
fn ask(address: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    let request = format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES).read_to_end(&mut answer)?;
    let line = String::from_utf8_lossy(&answer);
    let status = line.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.split_whitespace().next());
    status
        .map(str::to_owned)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "what answers is no HTTP server"))
}

/// The same over TLS.
fn ask_by_tls(address: SocketAddr) -> Result<String> {
    tls::install_provider();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let client =
        reqwest::Client::builder().timeout(TIMEOUT).tls_danger_accept_invalid_certs(true).no_proxy().build()?;
    let answer = runtime.block_on(async { client.get(format!("https://{address}/readyz")).send().await })?;
    Ok(answer.status().as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    fn of(listen: SocketAddr) -> Healthcheck {
        Healthcheck { listen, tls_cert: None, data: PathBuf::new(), config: None }
    }

    /// Asks a listener that gives this answer to the first request.
    fn check(answer: &'static str) -> Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let head: Vec<String> =
                BufReader::new(&stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
            assert_eq!(head[0], "GET /readyz HTTP/1.1");
            stream.write_all(answer.as_bytes()).unwrap();
        });
        let outcome = of(format!("0.0.0.0:{port}").parse().unwrap()).run();
        server.join().unwrap();
        outcome
    }

    #[test]
    fn only_a_server_that_is_ready_is_healthy() {
        check("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").unwrap();
        let error = check("HTTP/1.1 500 Internal Server Error\r\n\r\n").unwrap_err();
        assert!(error.to_string().ends_with("it answered 500"), "{error}");
        let error = check("SSH-2.0-something\r\n").unwrap_err();
        assert!(format!("{error:#}").ends_with("no HTTP server"), "{error:#}");
    }

    #[test]
    fn nobody_there_is_not_healthy() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let listen = listener.local_addr().unwrap();
        drop(listener);
        let error = of(listen).run().unwrap_err();
        assert!(error.to_string().starts_with("no server answers at 127.0.0.1:"), "{error}");
    }
}
