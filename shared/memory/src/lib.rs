//! The ports in memory, in virtual time, with seeded faults: for tests and simulation.
//!
//! Each port call takes time on tokio's clock, which a test pauses: the time that a use case
//! takes is then the number of its sequential trips, and the order in which concurrent ones
//! interleave follows from the seed alone.

mod abuse;
mod annotations;
mod buckets;
mod changes;
mod consistency;
mod faults;
mod groups;
mod invites;
mod keys;
pub mod latency;
mod media;
mod personal;
mod ports;
mod push;
mod sockets;
mod state;
pub mod streams;
mod tables;
mod units;
mod watching;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tidings_domain::{
    conversation::{Member, PULLED_BUCKET, Reach},
    ids::{ConversationId, Sender, Sequence, Timestamp, UserId},
    log::Entry,
    ports::Unavailable,
    send::Pending,
    session::Session,
    stream::StreamRecord,
};
use tokio::time::{Instant, sleep};

pub use crate::{
    changes::{Change, What},
    faults::{FaultKind, Faults},
    push::Pushed,
    state::{Call, Posted},
    units::Units,
    watching::QueuedLook,
};
use crate::{
    faults::{Fault, may_conflict},
    latency::Latencies,
    state::State,
};

/// Tokio's timers count whole milliseconds. A world that is modelled on AWS needs finer times, so
/// there a microsecond takes a millisecond of tokio's clock.
const MODELLED_TICKS_PER_MS: u32 = 1000;

/// The moment at which virtual time starts, in milliseconds since the epoch.
const EPOCH_MS: u64 = 1_800_000_000_000;

/// The world in memory. Clones are the same world.
#[derive(Clone)]
pub struct World {
    state: Arc<Mutex<State>>,
    chance: Arc<Mutex<ChaCha8Rng>>,
    faults: Arc<Mutex<Faults>>,
    started_at: Instant,
    /// Milliseconds of tokio's clock in one of this world's.
    ticks_per_ms: u32,
    latencies: Option<Latencies>,
    caller: &'static str,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").finish_non_exhaustive()
    }
}

impl World {
    /// A world without faults in which each call takes one millisecond.
    pub fn new(seed: u64) -> Self {
        Self {
            state: Arc::default(),
            chance: Arc::new(Mutex::new(ChaCha8Rng::seed_from_u64(seed))),
            faults: Arc::default(),
            started_at: Instant::now(),
            ticks_per_ms: 1,
            latencies: None,
            caller: "",
        }
    }

    /// A world in which calls take the times of AWS, and what they cost is counted. Its time runs
    /// a thousand times slower than tokio's.
    pub fn modelled(seed: u64, latencies: Latencies) -> Self {
        let world = Self { ticks_per_ms: MODELLED_TICKS_PER_MS, latencies: Some(latencies), ..Self::new(seed) };
        world.state().meter.is_on = true;
        world
    }

    /// The same world, for a caller that its calls are to name.
    #[must_use]
    pub fn called_by(&self, caller: &'static str) -> Self {
        Self { caller, ..self.clone() }
    }

    /// Sets how the world misbehaves from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.state().past.lag_ms_max = faults.stale_ms_max;
        *self.faults.lock().unwrap_or_else(PoisonError::into_inner) = faults;
    }

    /// These calls never answer from now on.
    pub fn stall(&self, operations: &[&'static str]) {
        self.state().stalled.extend(operations);
    }

    /// These calls are refused from now on, and no others.
    pub fn set_outage(&self, operations: &[&'static str]) {
        self.state().refusing = operations.iter().copied().collect();
    }

    /// A conversation's log.
    pub fn log(&self, conversation: &ConversationId) -> Vec<Entry> {
        self.state().logs.get(conversation).cloned().unwrap_or_default()
    }

    /// A member's row.
    pub fn member(&self, conversation: &ConversationId, user: &UserId) -> Option<Member> {
        self.state().member(conversation, user).cloned()
    }

    /// Makes a user a member of a group, or takes them out, without an event: the group is made with
    /// its first member.
    pub fn set_member(&self, conversation: &ConversationId, user: &UserId, row: Option<Member>) {
        let mut state = self.state();
        state.ensure_group(conversation, user);
        state.set_row(conversation, user, row);
        state.count_members(conversation);
    }

    /// Makes many users members of a group, without an event; the first of them has it.
    pub fn set_members(&self, conversation: &ConversationId, rows: Vec<Member>) {
        let mut state = self.state();
        for row in rows {
            let user = row.user.clone();
            state.ensure_group(conversation, &user);
            state.set_row(conversation, &user, Some(row));
        }
        state.count_members(conversation);
    }

    /// Lets a group that was made by hand be pulled, as one whose rows have been brought into that
    /// mode where there is a reach.
    pub fn pull(&self, conversation: &ConversationId, since: Sequence, reach: Option<Reach>) {
        let mut state = self.state();
        if let Some((_, group)) = state.groups.get_mut(conversation) {
            group.pulled_since = Some(since);
        }
        if let Some(reach) = reach {
            state.reaches.insert(conversation.clone(), reach);
            let rows = state.members.get_mut(conversation);
            rows.into_iter().flat_map(BTreeMap::values_mut).for_each(|row| row.active_at = PULLED_BUCKET);
        }
    }

    /// How far a group that is pulled has been seen.
    pub fn reach(&self, conversation: &ConversationId) -> Option<Reach> {
        self.state().reaches.get(conversation).copied()
    }

    /// Registers a subscriber, at no cost.
    pub fn enlist(&self, conversation: &ConversationId, session: &Session) {
        let mut state = self.state();
        let of_group = state.subscribers.entry(conversation.clone()).or_default();
        of_group.insert((session.place(), session.owner.clone()), session.clone());
    }

    /// The subscribers of a group, in the order of their places.
    pub fn enlisted(&self, conversation: &ConversationId) -> Vec<Sender> {
        let state = self.state();
        state
            .subscribers
            .get(conversation)
            .into_iter()
            .flat_map(BTreeMap::keys)
            .map(|(_, owner)| owner.clone())
            .collect()
    }

    /// Opens a socket that posts are kept for, and registers its session.
    pub fn open(&self, session: &Session) {
        let mut state = self.state();
        state.sockets.insert(session.connection.clone());
        state.put_session(session);
    }

    /// The socket goes away, and its session row stays behind.
    pub fn cut(&self, session: &Session) {
        self.state().sockets.remove(&session.connection);
    }

    /// A known device may not connect any more.
    pub fn revoke(&self, device: &Sender) {
        if let Some(device) = self.state().devices.get_mut(device) {
            device.revoked = true;
        }
    }

    /// The session rows there are.
    pub fn sessions(&self) -> BTreeMap<Sender, Session> {
        let state = self.state();
        let sessions = state.sessions.values().flat_map(BTreeMap::values);
        sessions.map(|session| (session.owner.clone(), session.clone())).collect()
    }

    /// What sockets were posted, in order.
    pub fn posted(&self) -> Vec<Posted> {
        self.state().posted.clone()
    }

    /// Takes what sockets were posted since the last time.
    pub fn take_posted(&self) -> Vec<Posted> {
        std::mem::take(&mut self.state().posted)
    }

    /// Takes the records that were published since the last time.
    pub fn take_published(&self) -> Vec<StreamRecord> {
        std::mem::take(&mut self.state().published)
    }

    /// Takes the sends that were left to the batch sequencer since the last time.
    pub fn take_ingested(&self) -> Vec<Pending> {
        std::mem::take(&mut self.state().ingested)
    }

    /// The calls that were made, in order.
    pub fn calls(&self) -> Vec<Call> {
        self.state().calls.clone()
    }

    /// Takes the calls that were made since the last time.
    pub fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.state().calls)
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        Timestamp(EPOCH_MS + u64::try_from(self.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    /// The time since the start of the world.
    pub fn elapsed(&self) -> Duration {
        self.started_at.elapsed() / self.ticks_per_ms
    }

    /// Waits, in the world's time.
    pub async fn wait(&self, time: Duration) {
        sleep(time * self.ticks_per_ms).await;
    }

    /// A number below a bound, by the seed.
    pub fn random_below(&self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.chance().random_range(0..bound) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn chance(&self) -> MutexGuard<'_, ChaCha8Rng> {
        self.chance.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One call: takes its time, may fail before, does the deed in one step, may lose the answer.
    async fn call<T>(
        &self,
        operation: &'static str,
        mut deed: impl FnMut(&mut State) -> T + Send,
    ) -> Result<T, Unavailable> {
        if self.state().stalled.contains(operation) {
            std::future::pending::<()>().await;
        }
        let faults = *self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        let (there, back) = self.times(operation, &faults);
        self.wait(there + self.slowness(operation, &faults)).await;
        if let Some(kind) = self.refusal(operation, &faults) {
            return Err(self.failed(operation, kind));
        }
        if self.hits(faults.repeated) {
            self.note_fault(operation, FaultKind::Repeated);
            self.do_deed(operation, &faults, &mut deed);
            let (again, _) = self.times(operation, &faults);
            self.wait(again).await;
        }
        let (answer, units) = self.do_deed(operation, &faults, &mut deed);
        self.wait(back).await;
        for _ in 1..units.trips {
            let (there, back) = self.times(operation, &faults);
            self.wait(there + back).await;
        }
        if self.hits(faults.answer_lost) {
            return Err(self.failed(operation, FaultKind::AnswerLost));
        }
        Ok(answer)
    }

    fn do_deed<T>(
        &self,
        operation: &'static str,
        faults: &Faults,
        deed: &mut impl FnMut(&mut State) -> T,
    ) -> (T, Units) {
        let now = self.now();
        let lag_ms = if self.hits(faults.stale) { self.random_below(faults.stale_ms_max) } else { 0 };
        let has_stray_gone = operation == "post" && self.hits(faults.stray_gone);
        let mut state = self.state();
        (state.now, state.operation, state.has_stray_gone) = (now, operation, has_stray_gone);
        state.seen_at = (lag_ms > 0).then(|| Timestamp(now.0 - lag_ms));
        let answer = deed(&mut state);
        let units = state.meter.take();
        if !state.is_watched() {
            state.calls.push(Call { operation, caller: self.caller, at: now, units });
        }
        (answer, units)
    }

    /// Whether the call is refused, and how.
    fn refusal(&self, operation: &str, faults: &Faults) -> Option<FaultKind> {
        if self.state().refusing.contains(operation) {
            return Some(FaultKind::Outage);
        }
        let chances = [
            (FaultKind::Refused, faults.refused),
            (FaultKind::Throttled, faults.throttled),
            (FaultKind::Conflict, if may_conflict(operation) { faults.conflict } else { 0.0 }),
        ];
        chances.into_iter().find(|(_, chance)| self.hits(*chance)).map(|(kind, _)| kind)
    }

    fn slowness(&self, operation: &'static str, faults: &Faults) -> Duration {
        if !self.hits(faults.slow) {
            return Duration::ZERO;
        }
        self.note_fault(operation, FaultKind::Slow);
        Duration::from_millis(self.random_below(faults.slow_ms_max))
    }

    fn hits(&self, chance: f64) -> bool {
        chance > 0.0 && self.chance().random_bool(chance)
    }

    fn failed(&self, operation: &'static str, kind: FaultKind) -> Unavailable {
        self.note_fault(operation, kind);
        Unavailable { operation, source: Box::new(Fault(kind)) }
    }

    fn note_fault(&self, operation: &'static str, kind: FaultKind) {
        let mut state = self.state();
        state.now = self.now();
        state.note(|| What::Fault { operation, kind });
    }

    /// How long a call takes until its deed, and from there until its answer.
    fn times(&self, operation: &'static str, faults: &Faults) -> (Duration, Duration) {
        let Some(latencies) = &self.latencies else {
            let (there, back) =
                (1 + self.random_below(faults.latency_ms_max), self.random_below(faults.latency_ms_max));
            return (Duration::from_millis(there), Duration::from_millis(back));
        };
        let time = Duration::from_secs_f64(latencies.of(operation).draw(&mut *self.chance()) / 1e3);
        // A socket has a frame when the post is answered, at the latest.
        if operation == "post" { (time, Duration::ZERO) } else { (time / 2, time / 2) }
    }
}
