//! The background task: owns the socket and moves bytes, time and chance between it and the engine.

use std::{future::Future, pin::Pin, time::Duration};

use tidings_protocol::SessionReady;
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
    time::{Instant, sleep_until, timeout},
};
use tokio_tungstenite::tungstenite::{Error as WsError, Message};

use crate::{
    calls::Calls,
    engine::{Command, Engine, List, ListRequest, Verdict},
    error::ConnectError,
    event::{DisconnectReason, Event, Status},
    http::Http,
    machine::{Moment, backoff::Backoff, earliest},
    socket::{DialError, Dialer, Way},
};

/// A socket that does not take a frame for so long is dead.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// The other side has this long to answer our closing.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// Events that may wait for the application before the socket is read no further.
const EVENTS_WAITING_MAX: usize = 256;
/// With nothing to wait for.
const IDLE_MAX: Duration = Duration::from_hours(1);
/// Pages of one list.
const LIST_PAGES_MAX: usize = 200;
/// How late in its life a connection is renewed: at a random part between, so that the many that
/// began together do not end together.
const RENEW_BETWEEN: (f64, f64) = (0.80, 0.95);
/// Answers that are due are waited for up to this part of its life.
const RENEW_LATEST: f64 = 0.98;

/// A socket is tried beside calls so soon after they work; then at the interval.
const FIRST_PROBE_AFTER: Duration = Duration::from_secs(1);

pub(crate) struct ActorConfig {
    pub(crate) ping_interval: Duration,
    pub(crate) pong_timeout: Duration,
    pub(crate) backoff: Backoff,
    /// Sockets that fail in a row before calls are tried in their place, every other time.
    pub(crate) fallback_after: u32,
    /// How often a socket is tried while calls are in its place.
    pub(crate) probe_interval: Duration,
}

pub(crate) struct Actor {
    config: ActorConfig,
    engine: Engine,
    dialer: Dialer,
    http: Option<Http>,
    commands: mpsc::Receiver<Command>,
    events: mpsc::Sender<Event>,
    status: watch::Sender<Status>,
    started: Instant,
    link: Link,
    listing: Option<JoinHandle<Option<List>>>,
    /// Connections in a row of which nothing came, since a socket worked.
    failures: u32,
    probe: Option<Opening>,
    /// The last handshake was refused for its token.
    token_refused: bool,
}

type Opening = Pin<Box<dyn Future<Output = Result<Way, DialError>> + Send>>;

enum Link {
    Waiting(Moment),
    Opening(Opening),
    Up(Box<Up>),
}

struct Up {
    way: Way,
    /// When a socket is to be tried, where calls are in its place.
    probe_due: Option<Moment>,
    ping_due: Moment,
    /// The other side must have been heard of by then.
    pong_due: Option<Moment>,
    renew: Option<(Moment, Moment)>,
}

/// What woke the task.
enum Woken {
    Command(Option<Command>),
    /// The application has room for an event, or will not listen any more.
    Room(bool),
    Link(Step),
    Listed(Option<List>),
    Probed(Result<Way, DialError>),
    Time,
}

/// What the link did.
enum Step {
    Retry,
    Opened(Result<Way, DialError>),
    Frame(Option<Result<Message, WsError>>),
}

/// Why the task ends.
enum End {
    Refused(ConnectError),
    Closed(Option<oneshot::Sender<()>>),
}

impl Actor {
    pub(crate) fn new(
        config: ActorConfig,
        engine: Engine,
        dialer: Dialer,
        http: Option<Http>,
        commands: mpsc::Receiver<Command>,
        events: mpsc::Sender<Event>,
        status: watch::Sender<Status>,
    ) -> Self {
        let link = Link::Waiting(Moment::ZERO);
        let (started, listing, token_refused) = (Instant::now(), None, false);
        let (failures, probe) = (0, None);
        Self {
            config,
            engine,
            dialer,
            http,
            commands,
            events,
            status,
            started,
            link,
            listing,
            failures,
            probe,
            token_refused,
        }
    }

    pub(crate) async fn run(mut self) {
        let end = loop {
            self.act().await;
            if let Some(end) = self.step().await {
                break end;
            }
        };
        let (error, reply) = match end {
            End::Refused(error) => (error, None),
            End::Closed(reply) => {
                self.close().await;
                (ConnectError::Closed, reply)
            }
        };
        if let Some(listing) = self.listing.take() {
            listing.abort();
        }
        self.engine.stop();
        self.engine.push_event(Event::Disconnected { reason: DisconnectReason::Stopped(error), retry_in: None });
        self.status.send_replace(Status::Stopped(error));
        if let Some(reply) = reply {
            // Whoever asked may have gone.
            let _ = reply.send(());
        }
        while let Some(event) = self.engine.next_event() {
            if self.events.send(event).await.is_err() {
                break;
            }
        }
    }

    fn now(&self) -> Moment {
        self.started.elapsed()
    }

    /// Does what is due: timers, frames, the list.
    async fn act(&mut self) {
        let now = self.now();
        if let Some(request) = self.engine.list_request(now) {
            self.listing = self.http.clone().map(|http| tokio::spawn(list(http, request)));
        }
        if let Link::Up(up) = &mut self.link {
            if up.pong_due.is_some_and(|at| at <= now) || self.engine.tick(now) == Verdict::Dead {
                return self.lost(DisconnectReason::TimedOut);
            }
            if up.probe_due.is_some_and(|at| at <= now) {
                up.probe_due = None;
                self.probe = Some(Box::pin(self.dialer.clone().open(false)));
            }
            if up.renew.is_some_and(|(at, latest)| latest <= now || (at <= now && self.engine.is_idle())) {
                return self.renew().await;
            }
        } else {
            self.engine.tick(now);
        }
        if let Err(error) = self.write().await {
            self.lost(reason_of(&error));
        }
    }

    /// Writes what the engine wants written.
    async fn write(&mut self) -> Result<(), WsError> {
        let now = self.now();
        let Link::Up(up) = &mut self.link else { return Ok(()) };
        let mut wrote = false;
        while let Some(frame) = self.engine.next_frame() {
            within(WRITE_TIMEOUT, up.way.feed(frame)).await?;
            wrote = true;
        }
        if up.ping_due <= now {
            up.ping_due = now + self.config.ping_interval;
            if within(WRITE_TIMEOUT, up.way.ping()).await? {
                up.pong_due.get_or_insert(now + self.config.pong_timeout);
                wrote = true;
            }
        }
        if wrote {
            within(WRITE_TIMEOUT, up.way.flush()).await?;
        }
        Ok(())
    }

    /// Waits for the next thing to happen, and takes it in.
    async fn step(&mut self) -> Option<End> {
        let wake = self.wake();
        let started = self.started;
        let readable = self.engine.events_waiting() < EVENTS_WAITING_MAX;
        let has_events = self.engine.events_waiting() > 0;
        let woken = tokio::select! {
            command = self.commands.recv() => Woken::Command(command),
            room = self.events.reserve(), if has_events => Woken::Room(room.is_ok()),
            step = self.link.next(started, readable) => Woken::Link(step),
            list = finished(&mut self.listing) => Woken::Listed(list),
            probed = probed(&mut self.probe) => Woken::Probed(probed),
            () = sleep_until(started + wake.unwrap_or(IDLE_MAX)) => Woken::Time,
        };
        let now = self.now();
        match woken {
            Woken::Command(Some(Command::Close(reply))) => return Some(End::Closed(Some(reply))),
            Woken::Command(None) => return Some(End::Closed(None)),
            Woken::Command(Some(Command::Reconnect)) => self.renew().await,
            Woken::Command(Some(command)) => self.engine.command(command, now),
            Woken::Room(true) => self.hand_over(),
            // Nobody listens: the client works on for its handle.
            Woken::Room(false) => while self.engine.next_event().is_some() {},
            Woken::Link(step) => return self.take(step),
            Woken::Listed(list) => {
                self.listing = None;
                self.engine.listed(list, now);
            }
            Woken::Probed(probed) => self.probed(probed),
            Woken::Time => {}
        }
        None
    }

    /// Gives the application the events that it has room for.
    fn hand_over(&mut self) {
        while self.engine.events_waiting() > 0
            && let Ok(permit) = self.events.try_reserve()
        {
            if let Some(event) = self.engine.next_event() {
                permit.send(event);
            }
        }
    }

    fn wake(&self) -> Option<Moment> {
        let link = match &self.link {
            Link::Up(up) => {
                let renew = up.renew.map(|(at, latest)| if at > self.now() { at } else { latest });
                earliest(earliest(Some(up.ping_due), up.probe_due), earliest(up.pong_due, renew))
            }
            Link::Waiting(_) | Link::Opening(_) => None,
        };
        earliest(link, self.engine.wake())
    }

    fn take(&mut self, step: Step) -> Option<End> {
        match step {
            Step::Retry => self.open(),
            Step::Opened(Ok(way)) => self.opened(way),
            Step::Opened(Err(error)) => return self.not_opened(error),
            Step::Frame(frame) => {
                if let Link::Up(up) = &mut self.link {
                    up.pong_due = None;
                }
                match frame {
                    Some(Ok(Message::Text(text))) => self.frame(&text),
                    Some(Ok(Message::Close(frame))) => {
                        let code = frame.as_ref().map(|frame| u16::from(frame.code));
                        let reason = frame.map(|frame| frame.reason.to_string()).unwrap_or_default();
                        self.lost(DisconnectReason::Closed { code, reason });
                    }
                    Some(Ok(_)) => {}
                    Some(Err(error)) => self.lost(reason_of(&error)),
                    None => self.lost(DisconnectReason::Closed { code: None, reason: String::new() }),
                }
            }
        }
        None
    }

    fn open(&mut self) {
        // Every other time: what is away may be all of it.
        let is_by_calls = self.failures.checked_sub(self.config.fallback_after).is_some_and(|more| more % 2 == 0);
        self.link = match self.http.clone().filter(|_| is_by_calls) {
            Some(http) => Link::Opening(Box::pin(async { Ok(Way::Calls(Calls::start(http))) })),
            None => Link::Opening(Box::pin(self.dialer.clone().open(self.token_refused))),
        };
        self.set_status(Status::Connecting);
    }

    fn opened(&mut self, way: Way) {
        let now = self.now();
        self.token_refused = false;
        let ping_due = now + self.config.ping_interval;
        self.probe = None;
        self.link = Link::Up(Box::new(Up { way, probe_due: None, ping_due, pong_due: None, renew: None }));
        self.engine.opened(now);
    }

    fn not_opened(&mut self, error: DialError) -> Option<End> {
        let reason = match error {
            DialError::Forbidden => return Some(End::Refused(ConnectError::Forbidden)),
            DialError::Unauthorized if self.token_refused => return Some(End::Refused(ConnectError::Unauthorized)),
            DialError::Unauthorized => {
                self.token_refused = true;
                self.open();
                return None;
            }
            DialError::Refused(status) => DisconnectReason::Refused { status },
            DialError::NoToken(error) => DisconnectReason::NoToken(error),
            DialError::Network(why) => DisconnectReason::Lost(why),
            DialError::TimedOut => DisconnectReason::TimedOut,
        };
        self.wait(reason);
        None
    }

    fn frame(&mut self, text: &str) {
        let now = self.now();
        let was_ready = self.engine.session().is_some();
        self.engine.frame(text, now);
        if !was_ready && let Some(session) = self.engine.session().cloned() {
            self.config.backoff.up(now);
            let chance = self.engine.chance();
            if let Link::Up(up) = &mut self.link {
                match up.way {
                    Way::Socket(_) => {
                        self.failures = 0;
                        up.renew = renewal(&session, now, chance);
                    }
                    Way::Calls(_) => up.probe_due = Some(now + FIRST_PROBE_AFTER),
                }
            }
            self.set_status(Status::Ready(session));
        }
    }

    /// Takes a socket in the place of calls where one came through; else tries again after a while.
    fn probed(&mut self, probed: Result<Way, DialError>) {
        let now = self.now();
        self.probe = None;
        let Link::Up(up) = &mut self.link else { return };
        match probed {
            Err(error) => {
                tracing::debug!(?error, "no socket yet");
                up.probe_due = Some(now + self.config.probe_interval);
            }
            Ok(socket) => {
                self.engine.lost(now);
                let reason = DisconnectReason::Renewed;
                self.engine.push_event(Event::Disconnected { reason, retry_in: Some(Duration::ZERO) });
                self.set_status(Status::Connecting);
                self.opened(socket);
            }
        }
    }

    /// The connection is gone: tries again after a while.
    fn lost(&mut self, reason: DisconnectReason) {
        let now = self.now();
        self.engine.lost(now);
        self.wait(reason);
    }

    fn wait(&mut self, reason: DisconnectReason) {
        let now = self.now();
        let chance = self.engine.chance();
        let delay = self.config.backoff.down(now, chance);
        self.failures = self.failures.saturating_add(1);
        tracing::debug!(%reason, ?delay, "no connection");
        self.link = Link::Waiting(now + delay);
        self.set_status(Status::Waiting);
        self.engine.push_event(Event::Disconnected { reason, retry_in: Some(delay) });
    }

    /// A new connection in place of this one, or at once where there is none.
    async fn renew(&mut self) {
        if let Link::Up(up) = &mut self.link {
            close_way(&mut up.way).await;
            let now = self.now();
            self.engine.lost(now);
            let reason = DisconnectReason::Renewed;
            self.engine.push_event(Event::Disconnected { reason, retry_in: Some(Duration::ZERO) });
        }
        if !matches!(self.link, Link::Opening(_)) {
            self.open();
        }
    }

    async fn close(&mut self) {
        self.engine.flush();
        // What cannot be written any more is lost with the connection, as ever.
        let _ = self.write().await;
        if let Link::Up(up) = &mut self.link {
            close_way(&mut up.way).await;
        }
    }

    fn set_status(&self, status: Status) {
        self.status.send_replace(status);
    }
}

impl Link {
    async fn next(&mut self, started: Instant, readable: bool) -> Step {
        match self {
            Self::Waiting(at) => {
                sleep_until(started + *at).await;
                Step::Retry
            }
            Self::Opening(opening) => Step::Opened(opening.await),
            Self::Up(up) if readable => Step::Frame(up.way.next().await),
            Self::Up(_) => std::future::pending().await,
        }
    }
}

/// When to renew a connection: from the first moment on if it is idle, at the second in any case.
fn renewal(session: &SessionReady, now: Moment, chance: f64) -> Option<(Moment, Moment)> {
    let life = Duration::from_millis(session.reconnect_before.checked_sub(session.server_ts)?);
    let (from, to) = RENEW_BETWEEN;
    Some((now + life.mul_f64(from + (to - from) * chance), now + life.mul_f64(RENEW_LATEST)))
}

async fn within<T>(limit: Duration, work: impl Future<Output = Result<T, WsError>>) -> Result<T, WsError> {
    timeout(limit, work).await.unwrap_or_else(|_| Err(WsError::Io(std::io::ErrorKind::TimedOut.into())))
}

async fn close_way(way: &mut Way) {
    // Best effort on both sides: the service does not count on a goodbye.
    let _ = timeout(CLOSE_TIMEOUT, way.close()).await;
}

async fn probed(probe: &mut Option<Opening>) -> Result<Way, DialError> {
    match probe {
        Some(opening) => opening.await,
        None => std::future::pending().await,
    }
}

async fn finished(listing: &mut Option<JoinHandle<Option<List>>>) -> Option<List> {
    match listing {
        Some(task) => task.await.ok().flatten(),
        None => std::future::pending().await,
    }
}

/// All pages of the list.
async fn list(http: Http, request: ListRequest) -> Option<List> {
    let mut list = List { conversations: Vec::new(), next: request.since.unwrap_or_default() };
    for _ in 0..LIST_PAGES_MAX {
        let since = Some(list.next.as_str()).filter(|next| !next.is_empty());
        let page = match http.conversations(since, None).await {
            Ok(page) => page,
            Err(error) => {
                tracing::warn!(%error, "the list of conversations was not to be had");
                return None;
            }
        };
        list.conversations.extend(page.conversations);
        list.next = page.next;
        if !page.has_more {
            break;
        }
    }
    Some(list)
}

fn reason_of(error: &WsError) -> DisconnectReason {
    match error {
        WsError::ConnectionClosed | WsError::AlreadyClosed => {
            DisconnectReason::Closed { code: None, reason: String::new() }
        }
        WsError::Io(io) if io.kind() == std::io::ErrorKind::TimedOut => DisconnectReason::TimedOut,
        WsError::Io(io) => DisconnectReason::Lost(io.to_string()),
        other => DisconnectReason::Lost(crate::http::chain(other)),
    }
}
