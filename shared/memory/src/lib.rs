//! The ports in memory, in virtual time, with seeded faults: for tests and simulation.
//!
//! Each port call takes time on tokio's clock, which a test pauses: the time that a use case
//! takes is then the number of its sequential trips, and the order in which concurrent ones
//! interleave follows from the seed alone.

mod ports;
mod state;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tidings_domain::{
    conversation::Member,
    ids::{ConversationId, Sender, Timestamp, UserId},
    log::Entry,
    ports::Unavailable,
    session::Session,
    stream::StreamRecord,
};
use tokio::time::{Instant, sleep};

use crate::state::State;
pub use crate::state::{Call, Posted};

/// The moment at which virtual time starts, in milliseconds since the epoch.
const EPOCH_MS: u64 = 1_800_000_000_000;

/// How the world misbehaves. Chances are per call, from 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Faults {
    /// Nothing happened, and the caller is told so.
    pub refused: f64,
    /// It happened, and the caller is told that it failed.
    pub answer_lost: f64,
    /// Each call takes a time up to this, in milliseconds; at least one.
    pub latency_ms_max: u64,
}

/// The world in memory. Clones are the same world.
#[derive(Clone)]
pub struct World {
    state: Arc<Mutex<State>>,
    chance: Arc<Mutex<ChaCha8Rng>>,
    faults: Arc<Mutex<Faults>>,
    started_at: Instant,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").finish_non_exhaustive()
    }
}

/// A call that failed by chance.
#[derive(Debug)]
struct Fault(&'static str);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Fault {}

impl World {
    /// A world without faults in which each call takes one millisecond.
    pub fn new(seed: u64) -> Self {
        Self {
            state: Arc::default(),
            chance: Arc::new(Mutex::new(ChaCha8Rng::seed_from_u64(seed))),
            faults: Arc::default(),
            started_at: Instant::now(),
        }
    }

    /// Sets how the world misbehaves from now on.
    pub fn set_faults(&self, faults: Faults) {
        *self.faults.lock().unwrap_or_else(PoisonError::into_inner) = faults;
    }

    /// These calls never answer from now on.
    pub fn stall(&self, operations: &[&'static str]) {
        self.state().stalled.extend(operations);
    }

    /// A conversation's log.
    pub fn log(&self, conversation: &ConversationId) -> Vec<Entry> {
        self.state().logs.get(conversation).cloned().unwrap_or_default()
    }

    /// A member's row.
    pub fn member(&self, conversation: &ConversationId, user: &UserId) -> Option<Member> {
        self.state().members.get(&(conversation.clone(), user.clone())).cloned()
    }

    /// Makes a user a member of a group, or takes them out: row and head together.
    pub fn set_member(&self, conversation: &ConversationId, user: &UserId, row: Option<Member>) {
        let key = (conversation.clone(), user.clone());
        let mut state = self.state();
        match row {
            Some(row) => state.members.insert(key, row),
            None => state.members.remove(&key),
        };
    }

    /// Opens a socket that posts are kept for, and registers its session.
    pub fn open(&self, session: &Session) {
        let mut state = self.state();
        state.sockets.insert(session.connection.clone());
        state.sessions.insert(session.owner.clone(), session.clone());
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
        self.state().sessions.clone()
    }

    /// What sockets were posted, in order.
    pub fn posted(&self) -> Vec<Posted> {
        self.state().posted.clone()
    }

    /// Takes the records that were published since the last time.
    pub fn take_published(&self) -> Vec<StreamRecord> {
        std::mem::take(&mut self.state().published)
    }

    /// The calls that were made, in order.
    pub fn calls(&self) -> Vec<Call> {
        self.state().calls.clone()
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        Timestamp(EPOCH_MS + u64::try_from(self.started_at.elapsed().as_millis()).unwrap_or(u64::MAX))
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
        deed: impl FnOnce(&mut State) -> T + Send,
    ) -> Result<T, Unavailable> {
        let failed = |why| Unavailable { operation, source: Box::new(Fault(why)) };
        if self.state().stalled.contains(operation) {
            std::future::pending::<()>().await;
        }
        let faults = *self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        let there = 1 + self.random_below(faults.latency_ms_max);
        sleep(Duration::from_millis(there)).await;
        if self.chance().random_bool(faults.refused) {
            return Err(failed("refused"));
        }
        let answer = {
            let mut state = self.state();
            state.calls.push(Call { operation, at: self.now() });
            deed(&mut state)
        };
        let back = self.random_below(faults.latency_ms_max);
        sleep(Duration::from_millis(back)).await;
        if self.chance().random_bool(faults.answer_lost) {
            return Err(failed("the answer was lost"));
        }
        Ok(answer)
    }
}
