//! What arrived, put in order.
//!
//! Each conversation has a place: the last sequence up to which everything was handed to the
//! application. What arrives beyond it waits until the gap is filled by a pull. A conversation
//! that was never heard of has no place yet; what arrives for it waits until it is placed.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

use tidings_protocol::{MessageNew, SyncPage};

use super::{Moment, backoff::full_jitter, earliest};

/// Two frames may overtake each other: a gap is given this long to close by itself.
const GAP_GRACE: Duration = Duration::from_millis(150);
/// Messages kept per conversation beyond a gap. Later ones come by the pull.
const AHEAD_MAX: usize = 1_000;
const RETRY_BASE: Duration = Duration::from_millis(500);
const RETRY_CAP: Duration = Duration::from_secs(30);
/// Pulls at once.
const PULLS_MAX: usize = 4;

/// What is handed to the application: messages in order, and the new place.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Delivery {
    pub(crate) messages: Vec<MessageNew>,
    /// The place afterwards; none while the conversation has none.
    pub(crate) held: Option<u64>,
}

#[derive(Debug, Default)]
struct Track {
    place: Option<u64>,
    ahead: BTreeMap<u64, Held>,
    /// The last sequence known to exist.
    target: u64,
    pull: Pull,
    failures: u32,
    touched: u64,
}

#[derive(Debug)]
enum Held {
    Message(Box<MessageNew>),
    /// Sent by this device and known to the application already.
    Own,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Pull {
    #[default]
    Idle,
    Due(Moment),
    InFlight,
}

#[derive(Debug, Default)]
pub(crate) struct Inbox {
    tracks: HashMap<String, Track>,
    /// Conversations with a place and something missing.
    behind: BTreeSet<String>,
    /// Conversations with messages and no place.
    unplaced: BTreeSet<String>,
    /// The service still says what was missed: gaps are no gaps yet.
    draining: bool,
    touches: u64,
}

impl Inbox {
    pub(crate) fn new(cursors: impl IntoIterator<Item = (String, u64)>) -> Self {
        let tracks = cursors
            .into_iter()
            .map(|(conversation, held)| (conversation, Track { place: Some(held), target: held, ..Track::default() }))
            .collect();
        Self { tracks, ..Self::default() }
    }

    /// Everything up to here was handed over; none where the conversation has no place.
    pub(crate) fn held(&self, conversation: &str) -> Option<u64> {
        self.tracks.get(conversation)?.place
    }

    /// The places for `session.hello`, the latest conversations first, as far as they fit into
    /// `bytes_max` of JSON; and whether all did.
    pub(crate) fn cursors(&self, bytes_max: usize) -> (BTreeMap<String, u64>, bool) {
        let mut placed: Vec<_> =
            self.tracks.iter().filter_map(|(name, track)| Some((track.touched, name, track.place?))).collect();
        placed.sort_unstable_by(|one, other| other.cmp(one));
        let mut bytes = 0;
        let mut cursors = BTreeMap::new();
        for (_, conversation, place) in &placed {
            // Quotes, colon, comma and up to 20 digits.
            bytes += conversation.len() + 24;
            if bytes > bytes_max {
                break;
            }
            cursors.insert((*conversation).clone(), *place);
        }
        let all = cursors.len() == placed.len();
        (cursors, all)
    }

    /// A message arrived.
    pub(crate) fn message(&mut self, message: Box<MessageNew>, now: Moment) -> Delivery {
        let (conversation, sequence) = (message.conversation_id.clone(), message.sequence);
        self.hold(&conversation, sequence, Held::Message(message), now)
    }

    /// A message of this device was accepted; the application learns that otherwise.
    pub(crate) fn own(&mut self, conversation: &str, sequence: u64, now: Moment) -> Delivery {
        self.hold(conversation, sequence, Held::Own, now)
    }

    /// This conversation is known to go up to here.
    pub(crate) fn exists(&mut self, conversation: &str, last_sequence: u64, now: Moment) {
        let track = self.tracks.entry(conversation.to_owned()).or_default();
        track.target = track.target.max(last_sequence);
        if track.place.is_none() && track.target > 0 {
            self.unplaced.insert(conversation.to_owned());
        }
        self.look_behind(conversation, now, Duration::ZERO);
    }

    /// Places a conversation that has no place: after `start`, and before anything that arrived.
    pub(crate) fn place(&mut self, conversation: &str, start: u64, now: Moment) -> Delivery {
        let track = self.tracks.entry(conversation.to_owned()).or_default();
        if track.place.is_none() {
            let first = track.ahead.keys().next().map_or(start, |first| first - 1);
            track.place = Some(start.min(first));
            self.unplaced.remove(conversation);
        }
        self.advance(conversation, now)
    }

    /// Conversations that wait for a place, with the first sequence that arrived for each.
    pub(crate) fn unplaced(&self) -> Vec<(String, Option<u64>)> {
        self.unplaced
            .iter()
            .map(|conversation| {
                let first = self.tracks.get(conversation).and_then(|track| track.ahead.keys().next().copied());
                (conversation.clone(), first)
            })
            .collect()
    }

    pub(crate) fn has_unplaced(&self) -> bool {
        !self.unplaced.is_empty()
    }

    /// A connection is ready and the service begins to say what was missed.
    pub(crate) fn drain_begins(&mut self) {
        self.draining = true;
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining
    }

    /// All that was missed has been said: what is missing now is pulled.
    pub(crate) fn drain_ends(&mut self, now: Moment) {
        self.draining = false;
        self.reschedule(now);
    }

    /// Pulls that were unanswered will not be.
    pub(crate) fn disconnected(&mut self, now: Moment) {
        for track in self.tracks.values_mut() {
            track.pull = Pull::Idle;
        }
        self.reschedule(now);
    }

    fn reschedule(&mut self, now: Moment) {
        for conversation in &self.behind {
            if let Some(track) = self.tracks.get_mut(conversation) {
                track.pull = Pull::Due(now);
            }
        }
    }

    /// Pulls to make now: conversation and `since`.
    pub(crate) fn pulls(&mut self, now: Moment) -> Vec<(String, u64)> {
        if self.draining {
            return Vec::new();
        }
        let mut room = PULLS_MAX.saturating_sub(self.pulls_in_flight());
        let mut pulls = Vec::new();
        for conversation in &self.behind {
            let Some(track) = self.tracks.get_mut(conversation) else { continue };
            if let (Pull::Due(at), Some(place)) = (track.pull, track.place)
                && at <= now
                && room > 0
            {
                room -= 1;
                track.pull = Pull::InFlight;
                pulls.push((conversation.clone(), place));
            }
        }
        pulls
    }

    /// The answer to a pull of `since`.
    pub(crate) fn page(&mut self, since: u64, page: SyncPage, now: Moment) -> Delivery {
        let conversation = page.conversation_id;
        let Some(track) = self.tracks.get_mut(&conversation) else { return Delivery::default() };
        track.pull = Pull::Idle;
        for message in page.messages {
            track.target = track.target.max(message.sequence);
            if track.place.is_some_and(|place| message.sequence > place) {
                track.ahead.entry(message.sequence).or_insert_with(|| Held::Message(Box::new(message)));
            }
        }
        // The page is the truth for its range: a sequence before `next` that is not in it does
        // not exist for this user, who joined later.
        let mut skipped = Vec::new();
        if page.next > since {
            track.failures = 0;
            let rest = track.ahead.split_off(&(page.next + 1));
            skipped = std::mem::replace(&mut track.ahead, rest).into_values().collect();
            track.place = track.place.map(|place| place.max(page.next));
        } else {
            // Told of a message that the log does not show yet.
            track.failures = track.failures.saturating_add(1);
        }
        let pause = if page.next > since { Duration::ZERO } else { retry_delay(track.failures) };
        let mut delivery = self.advance_after(&conversation, now, pause);
        let mut messages: Vec<MessageNew> = skipped.into_iter().filter_map(Held::into_message).collect();
        messages.append(&mut delivery.messages);
        Delivery { messages, held: delivery.held }
    }

    /// A pull failed; it is made again later.
    pub(crate) fn pull_failed(&mut self, conversation: &str, retry_after: Option<Duration>, now: Moment, chance: f64) {
        let behind = self.behind.contains(conversation);
        if let Some(track) = self.tracks.get_mut(conversation) {
            let jitter = full_jitter(RETRY_BASE, RETRY_CAP, track.failures, chance);
            track.failures = track.failures.saturating_add(1);
            track.pull = if behind { Pull::Due(now + retry_after.unwrap_or(RETRY_BASE) + jitter) } else { Pull::Idle };
        }
    }

    /// When to look again, if nothing else happens before.
    pub(crate) fn wake(&self) -> Option<Moment> {
        if self.draining || self.pulls_in_flight() >= PULLS_MAX {
            return None;
        }
        self.behind.iter().filter_map(|conversation| self.tracks.get(conversation)).fold(
            None,
            |wake, track| match track.pull {
                Pull::Due(at) => earliest(wake, Some(at)),
                Pull::Idle | Pull::InFlight => wake,
            },
        )
    }

    fn pulls_in_flight(&self) -> usize {
        let pulling = |name: &&String| self.tracks.get(*name).is_some_and(|track| track.pull == Pull::InFlight);
        self.behind.iter().filter(pulling).count()
    }

    fn hold(&mut self, conversation: &str, sequence: u64, held: Held, now: Moment) -> Delivery {
        self.touches += 1;
        let touched = self.touches;
        let track = self.tracks.entry(conversation.to_owned()).or_default();
        track.touched = touched;
        track.target = track.target.max(sequence);
        if track.place.is_some_and(|place| sequence <= place) {
            return Delivery { messages: Vec::new(), held: track.place };
        }
        track.ahead.entry(sequence).or_insert(held);
        if track.place.is_none() {
            if sequence == 1 {
                return self.place(conversation, 0, now);
            }
            self.unplaced.insert(conversation.to_owned());
        }
        let delivery = self.advance(conversation, now);
        if let Some(track) = self.tracks.get_mut(conversation)
            && track.ahead.len() > AHEAD_MAX
        {
            track.ahead.pop_last();
        }
        delivery
    }

    fn advance(&mut self, conversation: &str, now: Moment) -> Delivery {
        self.advance_after(conversation, now, GAP_GRACE)
    }

    /// Hands over what follows the place without a gap.
    fn advance_after(&mut self, conversation: &str, now: Moment, pause: Duration) -> Delivery {
        let Some(track) = self.tracks.get_mut(conversation) else { return Delivery::default() };
        let mut messages = Vec::new();
        while let Some(place) = track.place
            && let Some(held) = track.ahead.remove(&(place + 1))
        {
            track.place = Some(place + 1);
            messages.extend(held.into_message());
        }
        let held = track.place;
        self.look_behind(conversation, now, pause);
        Delivery { messages, held }
    }

    /// Plans a pull where something is missing.
    fn look_behind(&mut self, conversation: &str, now: Moment, pause: Duration) {
        let Some(track) = self.tracks.get_mut(conversation) else { return };
        if track.place.is_some_and(|place| place < track.target) {
            self.behind.insert(conversation.to_owned());
            if track.pull == Pull::Idle {
                track.pull = Pull::Due(now + pause);
            }
        } else {
            self.behind.remove(conversation);
            track.failures = 0;
            if track.pull != Pull::InFlight {
                track.pull = Pull::Idle;
            }
        }
    }
}

impl Held {
    fn into_message(self) -> Option<MessageNew> {
        match self {
            Self::Message(message) => Some(*message),
            Self::Own => None,
        }
    }
}

fn retry_delay(failures: u32) -> Duration {
    full_jitter(RETRY_BASE, RETRY_CAP, failures.saturating_sub(1), 1.0)
}

#[cfg(test)]
mod tests;
