//! `distd serve`: from options to a server that runs, is told anew, and ends.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use jiff::SignedDuration;
use objstore::Options;
use protocol::api::CreatedToken;
use protocol::{ServerUrl, paths};
use tokio::signal::unix::{SignalKind, signal};

use super::care::Caring;
use super::log::{Log, Logging};
use super::mail::Mailing;
use super::{Cli, Command, Data, eprint, parse_duration, print};
use crate::config::{RELOADED, Setting};
use crate::exit::{self, Ended, Exit};
use crate::ops::care::schedule;
use crate::ops::webhooks::queue;
use crate::ops::{audit, staging, tokens};
use crate::proxies::Network;
use crate::tls::Tls;
use crate::webhooks::{Reach, Sender};
use crate::{Clock, Handover, Inspector, Listening, Server, Settings, Site, ownership};

/// How far the clock may be behind the newest audit event.
const CLOCK_STEP: SignedDuration = SignedDuration::from_hours(24);

#[derive(Debug, Args)]
pub(super) struct Serve {
    #[command(flatten)]
    data: Data,
    /// The configuration file, in place of config/distd.toml in the data directory.
    #[arg(long, value_name = "FILE", env = "DISTD_CONFIG")]
    config: Option<PathBuf>,
    /// Address and port to listen on. Port 0 takes a free one, which the line on stdout tells.
    #[arg(long, value_name = "ADDR", env = "DISTD_LISTEN", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Free space that is never used up, in MiB. Uploads that would are refused before they start.
    #[arg(long, value_name = "MIB", env = "DISTD_RESERVE_MIB", default_value_t = 512)]
    reserve_mib: u64,
    /// For how long a part of a release is kept that was staged and not published, such as 7d, 12h.
    #[arg(long, value_name = "DURATION", env = "DISTD_STAGE_TTL", default_value = "7d", value_parser = parse_duration)]
    stage_ttl: Duration,
    /// The address that people reach the server at, such as `https://dist.example.com`. Install pages need it: iPhones install
    /// from https only, and codes to scan hold a whole address.
    #[arg(long, value_name = "URL", env = "DISTD_PUBLIC_URL")]
    public_url: Option<ServerUrl>,
    /// A proxy, or a network of proxies, whose `X-Forwarded-For` says who the client is. May be repeated, or separated by
    /// commas.
    #[arg(long, value_name = "NETWORK", env = "DISTD_TRUSTED_PROXY", value_delimiter = ',', default_values = ["127.0.0.0/8", "::1"])]
    trusted_proxy: Vec<Network>,
    /// Let nginx send whole downloads: the internal location that is an alias of the data directory's `objects`, such as
    /// /objects/.
    #[arg(long, value_name = "LOCATION", env = "DISTD_X_ACCEL_REDIRECT")]
    x_accel_redirect: Option<String>,
    /// Let Apache or lighttpd send whole downloads: the data directory's `objects` as the proxy sees it.
    #[arg(long, value_name = "DIR", env = "DISTD_X_SENDFILE")]
    x_sendfile: Option<String>,
    /// Speak TLS: the file with the certificate chain, PEM. Read again when it changes.
    #[arg(long, value_name = "FILE", env = "DISTD_TLS_CERT")]
    tls_cert: Option<PathBuf>,
    /// The file with the certificate's key, PEM.
    #[arg(long, value_name = "FILE", env = "DISTD_TLS_KEY")]
    tls_key: Option<PathBuf>,
    /// Answer /metrics at this address too, without a token: for a network that only the monitoring reaches.
    #[arg(long, value_name = "ADDR", env = "DISTD_METRICS_LISTEN")]
    metrics_listen: Option<SocketAddr>,
    /// Let webhooks go to private addresses too, and over plain http: to this machine and to its network. Whoever
    /// administers an app chooses these addresses.
    #[arg(long, env = "DISTD_WEBHOOK_ALLOW_PRIVATE")]
    webhook_allow_private: bool,
    #[command(flatten)]
    mailing: Mailing,
    /// Start although the clock is far behind the newest audit event.
    #[arg(long, env = "DISTD_ACCEPT_CLOCK")]
    accept_clock: bool,
    #[command(flatten)]
    logging: Logging,
    #[command(flatten)]
    caring: Caring,
    /// Where each of these has its value from.
    #[arg(skip)]
    pub(super) configuration: Vec<Setting>,
}

/// Options that more than the server itself looks at.
pub(super) struct About<'a> {
    pub(super) data: &'a Path,
    pub(super) public_url: Option<String>,
    pub(super) reserve_bytes: u64,
    pub(super) certificate: Option<&'a Path>,
}

impl Serve {
    pub(super) fn run(self) -> Result<()> {
        let log = self.logging.start(&self.data.data)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(self.serve(log))
    }

    /// Whether a server would start with these options, as far as that can be told without starting it.
    pub(super) async fn check(&self) -> Result<()> {
        let refuse = |fault: &str| Err(Ended::new(Exit::Configuration, fault).into());
        if self.x_accel_redirect.is_some() && self.x_sendfile.is_some() {
            return refuse("x_accel_redirect and x_sendfile exclude each other: one proxy sends the bytes");
        }
        if self.tls_cert.is_some() != self.tls_key.is_some() {
            return refuse("tls_cert and tls_key belong together");
        }
        self.mailing.mailer()?;
        self.tls().await.map(drop)
    }

    /// What is looked at from outside.
    pub(super) fn about(&self) -> About<'_> {
        About {
            data: &self.data.data,
            public_url: self.public_url.as_ref().map(ToString::to_string),
            reserve_bytes: self.reserve_mib.saturating_mul(1024 * 1024),
            certificate: self.tls_cert.as_deref(),
        }
    }

    async fn tls(&self) -> Result<Option<Tls>> {
        let (Some(certificate), Some(key)) = (&self.tls_cert, &self.tls_key) else { return Ok(None) };
        let loaded = Tls::load(certificate.clone(), key.clone()).await;
        loaded.map(Some).map_err(|error| {
            let message = format!("cannot use {} with {}: {error}", certificate.display(), key.display());
            Ended::new(Exit::Configuration, message).into()
        })
    }

    /// What a running server can be told anew.
    fn settings(&self) -> Result<Settings> {
        let handover = match (&self.x_accel_redirect, &self.x_sendfile) {
            (Some(location), _) => Handover::AccelRedirect(location.clone()),
            (None, Some(folder)) => Handover::Sendfile(folder.clone()),
            (None, None) => Handover::Never,
        };
        Ok(Settings {
            site: Site { public_url: self.public_url.clone(), handover, proxies: self.trusted_proxy.clone() },
            policy: self.caring.policy(),
            stage_ttl: self.stage_ttl.try_into()?,
            configuration: self.configuration.clone(),
        })
    }

    async fn serve(self, log: Log) -> Result<()> {
        self.check().await?;
        let server = self.open()?;
        check_clock(&server, self.accept_clock).await?;
        staging::expire(&server).await?;
        let tls = self.tls().await?;
        let listening = bind(self.listen)?.speaking(tls.as_ref());
        let url = listening.url();
        if let Some(address) = self.metrics_listen {
            tokio::spawn(bind(address)?.serve_routes(crate::http::metrics::routes(&server)));
        }
        if let Some(first) = tokens::create_first(&server).await? {
            tell_first_token(&first, &self.public_url.as_ref().map_or(url.clone(), ToString::to_string))?;
        }
        let stop = listening.stopper();
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        tokio::spawn(async move {
            tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
            tracing::info!("stopping; requests in flight finish first");
            stop();
        });
        print(&format!("listening on {url}\n"))?;
        tracing::info!(%url, data = %self.data.data.display(), "serving");
        let mut tasks = schedule::start(&server, self.caring.clone().schedule());
        tasks.push(tokio::spawn(queue::run(server.clone())));
        tasks.extend(tls.clone().map(|tls| tokio::spawn(tls.follow())));
        tasks.push(tokio::spawn(reload_on_signal(self, server.clone(), log, tls)));
        listening.serve(server).await.context("the server failed")?;
        tasks.iter().for_each(tokio::task::JoinHandle::abort);
        tracing::info!("stopped");
        Ok(())
    }

    fn open(&self) -> Result<Server> {
        let options = Options { reserve_bytes: self.reserve_mib.saturating_mul(1024 * 1024) };
        let opened = Server::open(&self.data.data, options, Clock::system(), Inspector::of_this_program()?);
        let server = opened.map_err(|error| {
            let code = exit::of_open(&error);
            Ended::new(code, ownership::explain(error, &self.data.data).to_string())
        })?;
        server.change(self.settings()?);
        let reach = if self.webhook_allow_private { Reach::Anywhere } else { Reach::Public };
        Ok(server.with_webhooks(Sender::new(reach).mailing(self.mailing.mailer()?)))
    }
}

fn bind(address: SocketAddr) -> Result<Listening> {
    Listening::bind(address).map_err(|error| {
        let message = format!("cannot listen on {address}: {error}");
        Ended::new(exit::of_listen(&error), message).into()
    })
}

/// A clock that is far behind would make tokens work again that have expired, and date releases before their parents.
async fn check_clock(server: &Server, is_accepted: bool) -> Result<()> {
    let Some(newest) = audit::newest(server).await? else { return Ok(()) };
    let now = Clock::system().now();
    if is_accepted || now >= newest - CLOCK_STEP {
        return Ok(());
    }
    let message = format!(
        "the clock says {now:.0}, and the newest audit event is of {newest:.0}\n\
         hint: set the clock; if the event's time is the wrong one, start with --accept-clock"
    );
    Err(Ended::new(Exit::Clock, message).into())
}

/// Reads the configuration again at every SIGHUP. What is no good changes nothing. Never ends.
async fn reload_on_signal(mut running: Serve, server: Server, log: Log, tls: Option<Tls>) {
    let mut hangup = match signal(SignalKind::hangup()) {
        Ok(hangup) => hangup,
        Err(error) => return tracing::error!(%error, "SIGHUP cannot be waited for"),
    };
    while hangup.recv().await.is_some() {
        match reload(&server, &log, tls.as_ref()).await {
            Ok(fresh) => {
                tell_changes(&running.configuration, &fresh.configuration);
                running = fresh;
            }
            Err(error) => tracing::error!("the configuration stays as it is: {error:#}"),
        }
    }
}

/// Reads all layers again and tells the server what can be told while it runs.
async fn reload(server: &Server, log: &Log, tls: Option<&Tls>) -> Result<Serve> {
    let Command::Serve(fresh) = Cli::load_again()?.command else { anyhow::bail!("this process does not serve") };
    fresh.check().await?;
    if let Some(tls) = tls {
        tls.reload().await?;
    }
    let mut settings = fresh.settings()?;
    // Which forms are taken as our own was decided by it when the routes were made.
    settings.site.public_url.clone_from(&server.settings().site.public_url);
    server.change(settings);
    log.change(&fresh.logging);
    Ok(*fresh)
}

fn tell_changes(before: &[Setting], after: &[Setting]) {
    let changed = after.iter().filter(|setting| !before.contains(setting));
    let (now, later): (Vec<_>, Vec<_>) =
        changed.map(|setting| setting.key.as_str()).partition(|key| RELOADED.contains(key));
    tracing::info!(in_force = now.join(","), at_next_start = later.join(","), "the configuration was read again");
}

fn tell_first_token(first: &CreatedToken, url: &str) -> Result<()> {
    eprint(&format!(
        "\nNo administrator's token works here yet, so this one was made. It is shown only now:\n\n  {token}\n\n\
         Use it from your machine:\n\n  export DIST_SERVER={url}\n  export DIST_TOKEN={token}\n  dist whoami\n\n\
         Make narrower ones for CI with `dist token create`, then revoke this one with `dist token revoke {id}`.\n\
         The API is described at {url}{openapi}\n\n",
        token = first.token,
        id = first.about.id,
        openapi = paths::OPENAPI,
    ))
}
