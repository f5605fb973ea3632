//! Messages on their way out.
//!
//! Frames of one socket run concurrently in the service, so the order of two unanswered messages
//! of a conversation is not given. Therefore each conversation has at most one message unanswered,
//! and conversations go in parallel up to the service's window.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    time::Duration,
};

use tidings_protocol::MessageSend;

use super::{Moment, backoff::full_jitter, earliest};

#[derive(Clone, Debug)]
pub(crate) struct OutboxConfig {
    /// Messages held at most.
    pub(crate) capacity: usize,
    /// Unanswered for so long, a message is sent again.
    pub(crate) answer_timeout: Duration,
}

#[derive(Debug)]
struct Entry {
    /// With `attempt` and `base_sequence` of the last transmission.
    send: MessageSend,
    state: State,
    /// Refusals for lack of capacity in a row.
    refusals: u32,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    /// May go, from this moment on.
    Waiting(Moment),
    /// Sent and not answered; to be sent again at this moment.
    InFlight(Moment),
}

/// Why a message was not taken.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum NotQueued {
    /// The queue is full.
    Full,
    /// A message of that `clientMsgId` is queued.
    Duplicate,
}

/// What became of an error of the service.
#[derive(Debug, PartialEq)]
pub(crate) enum Refusal {
    /// It is sent again later.
    Retry,
    /// It was given up.
    Failed(Box<MessageSend>),
    /// No such message is queued.
    Unknown,
}

#[derive(Debug)]
pub(crate) struct Outbox {
    config: OutboxConfig,
    queues: HashMap<String, VecDeque<Entry>>,
    /// Which conversation is next; each conversation with a queue is here once.
    turns: VecDeque<String>,
    /// Conversation by `clientMsgId`: an answer may name only the latter.
    by_id: BTreeMap<String, String>,
    in_flight: usize,
    window: usize,
    paused_until: Moment,
}

impl Outbox {
    pub(crate) fn new(config: OutboxConfig) -> Self {
        Self {
            config,
            queues: HashMap::new(),
            turns: VecDeque::new(),
            by_id: BTreeMap::new(),
            in_flight: 0,
            window: 1,
            paused_until: Moment::ZERO,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether this message is queued or unanswered.
    pub(crate) fn holds(&self, conversation: &str, client_msg_id: &str) -> bool {
        self.by_id.get(client_msg_id).is_some_and(|held| held == conversation)
    }

    /// Whether anything is unanswered.
    pub(crate) fn is_in_flight(&self) -> bool {
        self.in_flight > 0
    }

    /// Takes a message.
    pub(crate) fn push(&mut self, send: MessageSend) -> Result<(), NotQueued> {
        if self.by_id.contains_key(&send.client_msg_id) {
            return Err(NotQueued::Duplicate);
        }
        if self.len() >= self.config.capacity {
            return Err(NotQueued::Full);
        }
        self.by_id.insert(send.client_msg_id.clone(), send.conversation_id.clone());
        let queue = self.queues.entry(send.conversation_id.clone()).or_default();
        if queue.is_empty() {
            self.turns.push_back(send.conversation_id.clone());
        }
        queue.push_back(Entry { send, state: State::Waiting(Moment::ZERO), refusals: 0 });
        Ok(())
    }

    /// A connection is ready.
    pub(crate) fn connected(&mut self, window: u32) {
        self.window = usize::try_from(window).unwrap_or(usize::MAX).max(1);
        self.paused_until = Moment::ZERO;
    }

    /// What was unanswered will be sent again on the next connection.
    pub(crate) fn disconnected(&mut self) {
        for entry in self.queues.values_mut().filter_map(VecDeque::front_mut) {
            if matches!(entry.state, State::InFlight(_)) {
                entry.state = State::Waiting(Moment::ZERO);
            }
        }
        self.in_flight = 0;
    }

    /// The service asks for less.
    pub(crate) fn flow_control(&mut self, window: u32, retry_after: Duration, now: Moment) {
        self.window = usize::try_from(window).unwrap_or(usize::MAX).max(1);
        self.paused_until = now + retry_after;
    }

    /// The next message to transmit, if one may go now. `held` is the last sequence held of a
    /// conversation, or none where the conversation has to wait for it.
    pub(crate) fn next(&mut self, now: Moment, held: impl Fn(&str) -> Option<u64>) -> Option<MessageSend> {
        if now < self.paused_until {
            return None;
        }
        for _ in 0..self.turns.len() {
            let conversation = self.turns.pop_front()?;
            let sent = self.transmit(&conversation, now, &held);
            self.turns.push_back(conversation);
            if sent.is_some() {
                return sent;
            }
        }
        None
    }

    fn transmit(&mut self, conversation: &str, now: Moment, held: impl Fn(&str) -> Option<u64>) -> Option<MessageSend> {
        let entry = self.queues.get_mut(conversation)?.front_mut()?;
        let counted = match entry.state {
            State::Waiting(at) if at <= now && self.in_flight < self.window => false,
            State::InFlight(resend_at) if resend_at <= now => true,
            _ => return None,
        };
        if entry.send.attempt.is_none() {
            entry.send.base_sequence = Some(held(conversation)?);
        }
        entry.send.attempt = Some(entry.send.attempt.unwrap_or(0).saturating_add(1));
        entry.state = State::InFlight(now + self.config.answer_timeout);
        if !counted {
            self.in_flight += 1;
        }
        Some(entry.send.clone())
    }

    /// The service has the message. True where it was queued.
    pub(crate) fn accepted(&mut self, conversation: &str, client_msg_id: &str) -> bool {
        self.holds(conversation, client_msg_id) && self.remove(client_msg_id).is_some()
    }

    /// The service answered with an error. `retry_after` is its word for errors that pass, and
    /// none for those that do not.
    pub(crate) fn refused(
        &mut self,
        client_msg_id: &str,
        retry_after: Option<Duration>,
        now: Moment,
        chance: f64,
    ) -> Refusal {
        let Some(entry) = self.find(client_msg_id) else { return Refusal::Unknown };
        let Some(retry_after) = retry_after else {
            return self.remove(client_msg_id).map_or(Refusal::Unknown, |send| Refusal::Failed(Box::new(send)));
        };
        let jitter = full_jitter(Duration::from_millis(100), Duration::from_secs(10), entry.refusals, chance);
        entry.refusals = entry.refusals.saturating_add(1);
        let was_in_flight = matches!(entry.state, State::InFlight(_));
        entry.state = State::Waiting(now + retry_after + jitter);
        if was_in_flight {
            self.in_flight -= 1;
        }
        Refusal::Retry
    }

    /// Gives all up, in order of conversation.
    pub(crate) fn drain(&mut self) -> Vec<MessageSend> {
        self.by_id.clear();
        self.turns.clear();
        self.in_flight = 0;
        self.queues.drain().flat_map(|(_, queue)| queue.into_iter().map(|entry| entry.send)).collect()
    }

    /// When to look again, if nothing else happens before.
    pub(crate) fn wake(&self) -> Option<Moment> {
        let room = self.in_flight < self.window;
        let due = self.queues.values().filter_map(VecDeque::front).fold(None, |wake, entry| match entry.state {
            State::Waiting(at) if room => earliest(wake, Some(at)),
            State::Waiting(_) => wake,
            State::InFlight(at) => earliest(wake, Some(at)),
        });
        due.map(|at| at.max(self.paused_until))
    }

    fn find(&mut self, client_msg_id: &str) -> Option<&mut Entry> {
        let queue = self.queues.get_mut(self.by_id.get(client_msg_id)?)?;
        queue.iter_mut().find(|entry| entry.send.client_msg_id == client_msg_id)
    }

    fn remove(&mut self, client_msg_id: &str) -> Option<MessageSend> {
        let conversation = self.by_id.remove(client_msg_id)?;
        let queue = self.queues.get_mut(&conversation)?;
        let at = queue.iter().position(|entry| entry.send.client_msg_id == client_msg_id)?;
        let entry = queue.remove(at)?;
        if queue.is_empty() {
            self.queues.remove(&conversation);
            self.turns.retain(|turn| *turn != conversation);
        }
        if matches!(entry.state, State::InFlight(_)) {
            self.in_flight -= 1;
        }
        Some(entry.send)
    }
}

#[cfg(test)]
mod tests;
