//! How a client is made.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use rand::{SeedableRng, rngs::SmallRng};
use tokio::sync::{mpsc, watch};

use crate::{
    actor::{Actor, ActorConfig},
    client::Client,
    engine::{Engine, EngineConfig},
    error::BuildError,
    event::{Events, Status},
    http::Http,
    machine::{backoff::Backoff, outbox::OutboxConfig},
    socket::Dialer,
    tls,
    token::TokenProvider,
};

const COMMANDS_WAITING_MAX: usize = 256;
const EVENTS_READY_MAX: usize = 256;

/// Makes a client.
#[must_use]
pub struct ClientBuilder {
    url: Option<String>,
    http: Option<String>,
    device: Option<String>,
    tokens: Option<Arc<dyn TokenProvider>>,
    cursors: BTreeMap<String, u64>,
    tickets: bool,
    auto_ack: bool,
    answer_timeout: Duration,
    request_timeout: Duration,
    connect_timeout: Duration,
    ack_delay: Duration,
    backoff_base: Duration,
    backoff_cap: Duration,
    ping_interval: Duration,
    pong_timeout: Duration,
    queue_capacity: usize,
    fallback_after: u32,
    probe_interval: Duration,
}

impl Default for ClientBuilder {
    fn default() -> Self {
        Self {
            url: None,
            http: None,
            device: None,
            tokens: None,
            cursors: BTreeMap::new(),
            tickets: false,
            auto_ack: true,
            answer_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(15),
            ack_delay: Duration::from_millis(300),
            backoff_base: Duration::from_millis(250),
            backoff_cap: Duration::from_secs(30),
            ping_interval: Duration::from_secs(50),
            pong_timeout: Duration::from_secs(20),
            queue_capacity: 1_000,
            fallback_after: 3,
            probe_interval: Duration::from_secs(30),
        }
    }
}

impl ClientBuilder {
    /// The address of the WebSocket API, `wss://HOST/v1`.
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.url = Some(url.into());
        self
    }

    /// The address of the HTTP API, `https://HOST/v1`. Without it there is no [`Client::http`],
    /// and no check at each heartbeat that nothing was lost.
    pub fn http(mut self, url: impl Into<String>) -> Self {
        self.http = Some(url.into());
        self
    }

    /// The device id: 1 to 64 of `[A-Za-z0-9._:-]`, the same at every start.
    pub fn device(mut self, device: impl Into<String>) -> Self {
        self.device = Some(device.into());
        self
    }

    /// Where access tokens come from.
    pub fn token_provider(mut self, tokens: impl TokenProvider) -> Self {
        self.tokens = Some(Arc::new(tokens));
        self
    }

    /// The last sequence held of each conversation, for an application with a store of its own.
    pub fn cursors(mut self, cursors: impl IntoIterator<Item = (String, u64)>) -> Self {
        self.cursors.extend(cursors);
        self
    }

    /// Connects as a browser does, with a ticket from `POST /tickets` in place of a header.
    pub fn tickets(mut self, on: bool) -> Self {
        self.tickets = on;
        self
    }

    /// Whether messages are acknowledged when they are handed over (the default). An application
    /// with a store of its own turns it off and calls [`Client::ack`] when it has stored them.
    pub fn auto_ack(mut self, on: bool) -> Self {
        self.auto_ack = on;
        self
    }

    /// How long a message may be unanswered before it is sent again; 10 s.
    pub fn answer_timeout(mut self, timeout: Duration) -> Self {
        self.answer_timeout = timeout;
        self
    }

    /// How long a pull, a heartbeat or an HTTP call may be unanswered; 10 s.
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = timeout;
        self
    }

    /// How long connecting may take; 15 s.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long an acknowledgement waits for the next message; 300 ms.
    pub fn ack_delay(mut self, delay: Duration) -> Self {
        self.ack_delay = delay;
        self
    }

    /// The first and the longest pause before a reconnect; 250 ms and 30 s.
    pub fn backoff(mut self, base: Duration, cap: Duration) -> Self {
        (self.backoff_base, self.backoff_cap) = (base, cap);
        self
    }

    /// How often the socket is pinged, and how long it may be silent after that; 50 s and 20 s.
    pub fn ping(mut self, interval: Duration, timeout: Duration) -> Self {
        (self.ping_interval, self.pong_timeout) = (interval, timeout);
        self
    }

    /// After how many sockets that failed in a row the HTTP API is used in their place, if its address is known, and how often a
    /// socket is tried meanwhile; 3 and 30 s.
    pub fn fallback(mut self, after: u32, probe_interval: Duration) -> Self {
        (self.fallback_after, self.probe_interval) = (after, probe_interval);
        self
    }

    /// How many messages may be queued; 1,000.
    pub fn queue_capacity(mut self, capacity: usize) -> Self {
        self.queue_capacity = capacity;
        self
    }

    /// The HTTP API alone, for an application without a socket.
    pub fn http_only(self) -> Result<Http, BuildError> {
        let address = checked(self.http, "an HTTP address", &["http://", "https://"])?;
        let tokens = self.tokens.ok_or(BuildError::Missing("a token provider"))?;
        let device = self.device.ok_or(BuildError::Missing("a device id"))?;
        let tls = tls::config(address.starts_with("https"))?;
        Http::new(&address, device, tokens, &tls, self.request_timeout)
    }

    /// Starts the client. It connects in the background and needs a tokio runtime;
    /// [`Client::ready`] waits for the connection.
    pub fn connect(self) -> Result<(Client, Events), BuildError> {
        let url = checked(self.url, "a WebSocket address", &["ws://", "wss://"])?;
        let address = match self.http {
            Some(http) => Some(checked(Some(http), "an HTTP address", &["http://", "https://"])?),
            None if self.tickets => return Err(BuildError::Missing("an HTTP address, for tickets")),
            None => None,
        };
        let device = self.device.ok_or(BuildError::Missing("a device id"))?;
        let tokens = self.tokens.ok_or(BuildError::Missing("a token provider"))?;
        let secure = url.starts_with("wss") || address.as_deref().is_some_and(|http| http.starts_with("https"));
        let tls = tls::config(secure)?;
        let http = address
            .map(|base| Http::new(&base, device.clone(), Arc::clone(&tokens), &tls, self.request_timeout))
            .transpose()?;

        let engine = Engine::new(
            EngineConfig {
                device: device.clone(),
                outbox: OutboxConfig { capacity: self.queue_capacity, answer_timeout: self.answer_timeout },
                ack_delay: self.ack_delay,
                auto_ack: self.auto_ack,
                request_timeout: self.request_timeout,
                cursors: self.cursors.into_iter().collect(),
                lists: http.is_some(),
            },
            SmallRng::from_os_rng(),
        );
        let dialer = Dialer {
            url,
            device: device.clone(),
            tokens,
            tls,
            tickets: http.clone().filter(|_| self.tickets),
            timeout: self.connect_timeout,
        };
        let config = ActorConfig {
            ping_interval: self.ping_interval,
            pong_timeout: self.pong_timeout,
            // A connection that lived for as long as the longest pause is a stable one.
            backoff: Backoff::new(self.backoff_base, self.backoff_cap, self.backoff_cap),
            fallback_after: self.fallback_after,
            probe_interval: self.probe_interval,
        };
        let (commands, commands_received) = mpsc::channel(COMMANDS_WAITING_MAX);
        let (events_sent, events) = mpsc::channel(EVENTS_READY_MAX);
        let (status_sent, status) = watch::channel(Status::Connecting);
        let actor = Actor::new(config, engine, dialer, http.clone(), commands_received, events_sent, status_sent);
        tokio::spawn(actor.run());
        Ok((Client { commands, status, http, device }, Events::new(events)))
    }
}

fn checked(url: Option<String>, expected: &'static str, schemes: &[&'static str]) -> Result<String, BuildError> {
    let url = url.ok_or(BuildError::Missing(expected))?;
    if schemes.iter().any(|scheme| url.len() > scheme.len() && url.starts_with(scheme)) {
        return Ok(url);
    }
    let expected = schemes.last().copied().unwrap_or_default();
    Err(BuildError::Url { url, expected })
}
