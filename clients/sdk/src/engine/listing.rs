//! The list of conversations: where those begin that this device has never heard of, and the
//! check that nothing was lost on the way.

use std::{collections::BTreeSet, time::Duration};

use tidings_protocol::{SEQUENCE_MAX, http::ConversationSummary};

use super::{Engine, frames::names};
use crate::machine::Moment;

const RETRY_AFTER: Duration = Duration::from_secs(5);
/// Messages wait no longer than this for the first list.
const PATIENCE: Duration = Duration::from_secs(3);

/// What to ask for: conversations that changed since this cursor, or all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListRequest {
    pub(crate) since: Option<String>,
}

/// The answer, all pages of it.
#[derive(Debug)]
pub(crate) struct List {
    pub(crate) conversations: Vec<ConversationSummary>,
    pub(crate) next: String,
}

#[derive(Debug)]
pub(super) struct Listing {
    possible: bool,
    /// To be asked for from this moment on.
    due: Option<Moment>,
    running: bool,
    /// Has been answered, or has failed, once.
    settled: bool,
    /// Not waited for any longer from this moment on.
    patience_ends: Option<Moment>,
    cursor: Option<String>,
    /// Conversations without a place when the list was asked for.
    asked_for: BTreeSet<String>,
}

impl Listing {
    pub(super) fn new(possible: bool) -> Self {
        Self {
            possible,
            // The first at once, beside the connecting: no mark of this user moves before it is read.
            due: possible.then_some(Moment::ZERO),
            running: false,
            settled: !possible,
            patience_ends: None,
            cursor: None,
            asked_for: BTreeSet::new(),
        }
    }

    pub(super) fn want(&mut self, now: Moment) {
        if self.possible && self.due.is_none_or(|due| due > now) {
            self.due = Some(now);
        }
    }

    pub(super) fn wake(&self) -> Option<Moment> {
        if self.running { None } else { self.due }
    }

    /// A connection is ready: whoever waits for the first list waits a little longer.
    pub(super) fn lose_patience_soon(&mut self, now: Moment) {
        self.patience_ends.get_or_insert(now + PATIENCE);
    }

    /// From when on the places of all conversations are known, as far as they can be.
    pub(super) fn settled_at(&self) -> Option<Moment> {
        if self.settled { Some(Moment::ZERO) } else { self.patience_ends }
    }
}

/// As for frames: of conversations and places that there can be.
fn is_sound(summary: &ConversationSummary) -> bool {
    let places = [summary.last_sequence, summary.delivered_up_to, summary.read_up_to];
    names(&summary.conversation_id) && places.into_iter().all(|place| place <= SEQUENCE_MAX)
}

impl Engine {
    /// A list to ask for now.
    pub(crate) fn list_request(&mut self, now: Moment) -> Option<ListRequest> {
        if self.listing.running || self.listing.due.is_none_or(|due| due > now) {
            return None;
        }
        self.listing.running = true;
        self.listing.due = None;
        self.listing.asked_for = self.inbox.unplaced().into_iter().map(|(conversation, _)| conversation).collect();
        Some(ListRequest { since: self.listing.cursor.clone() })
    }

    /// The list came, or did not.
    pub(crate) fn listed(&mut self, list: Option<List>, now: Moment) {
        self.listing.running = false;
        self.listing.settled = true;
        let Some(list) = list else {
            self.listing.due = Some(now + RETRY_AFTER);
            return;
        };
        self.listing.cursor = Some(list.next);
        for summary in list.conversations.into_iter().filter(is_sound) {
            let conversation = summary.conversation_id;
            if self.inbox.held(&conversation).is_none() {
                let delivery = self.inbox.place(&conversation, summary.delivered_up_to, now);
                self.deliver(&conversation, delivery, now);
            }
            let held = self.inbox.held(&conversation).unwrap_or(0);
            self.receipts.known(&conversation, held, summary.delivered_up_to, summary.read_up_to, now);
            self.inbox.exists(&conversation, summary.last_sequence, now);
        }
        // A conversation that is not in the list is newer than the list, and so all of it is new.
        for (conversation, _) in self.inbox.unplaced() {
            if self.listing.asked_for.contains(&conversation) {
                let delivery = self.inbox.place(&conversation, 0, now);
                self.deliver(&conversation, delivery, now);
            } else {
                self.listing.want(now);
            }
        }
    }

    /// Gives a place to conversations without one: by asking for the list, or, where that is
    /// impossible, before what arrived first.
    pub(super) fn place_without_list(&mut self, now: Moment) {
        if !self.inbox.has_unplaced() {
            return;
        }
        if self.listing.possible {
            if !self.listing.running && self.listing.due.is_none() {
                self.listing.want(now);
            }
            return;
        }
        if self.inbox.is_draining() {
            return;
        }
        for (conversation, first) in self.inbox.unplaced() {
            let delivery = self.inbox.place(&conversation, first.map_or(0, |first| first - 1), now);
            self.deliver(&conversation, delivery, now);
        }
    }
}
