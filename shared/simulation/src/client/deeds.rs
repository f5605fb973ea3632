//! What people do with a device.

use tidings_domain::{
    conversation::Watermark,
    history::Span,
    ids::{ClientMsgId, ConversationId, Sequence},
};

use super::{Asked, Client, Outgoing, store::Store};
use crate::{edge::Frame, functions::Message};

/// A mark beyond the end of any log.
const BEYOND_EVERY_END: Sequence = Sequence(1_000_000);
impl Client {
    /// One thing, by chance.
    pub(super) fn do_something(&mut self) {
        let roll = self.chance.below(1_000);
        let sends = if self.sim.plan.is_busy { 900 } else { 550 };
        match roll {
            _ if roll < sends => self.write(),
            _ if roll < sends + (1_000 - sends) / 2 => self.look_around(roll),
            _ => self.mishap(),
        }
    }

    fn any_conversation(&mut self) -> Option<ConversationId> {
        let user = &self.owner.user;
        let is_mine = |c: &&ConversationId| c.direct_members().is_none_or(|members| members.contains(user));
        let mine: Vec<ConversationId> = self.sim.plan.conversations().filter(is_mine).cloned().collect();
        // Who was never in a conversation, or is no more, tries all the same.
        let all: Vec<ConversationId> = self.sim.plan.conversations().cloned().collect();
        let some = if self.chance.hits(0.03) { all } else { mine };
        self.chance.pick(&some).cloned()
    }

    fn write(&mut self) {
        let Some(conversation) = self.any_conversation() else { return };
        let Ok(id) = ClientMsgId::parse(&format!("{}-{}", self.owner.device, self.next_message)) else { return };
        self.next_message += 1;
        let ttl_seconds = self.chance.hits(0.1).then(|| self.chance.within(1..6));
        let message = Message { conversation, id, ttl_seconds, base: None };
        let open_before = self.holdings.borrow().store.outbox.len() as u64 + self.dropped;
        self.enqueue(Outgoing {
            id: message.message_id(&self.owner),
            number: self.next_message - 1,
            open_before,
            message,
            attempts: 0,
            held_at_first: Sequence::ZERO,
            due_ms: self.now_ms(),
            is_in_flight: false,
        });
    }

    fn enqueue(&mut self, outgoing: Outgoing) {
        self.holdings.borrow_mut().store.outbox.push(outgoing);
        self.send();
    }

    fn look_around(&mut self, roll: u64) {
        let Some(conversation) = self.any_conversation() else { return };
        let cursor = self.holdings.borrow_mut().store.of(&conversation).cursor;
        match roll % 4 {
            0 | 1 if cursor > Sequence::ZERO => self.mark(&conversation, Watermark::Read, cursor),
            2 => {
                // Any page, from anywhere, as one scrolls.
                let (one, other) = (self.chance.below(cursor.0 + 3), self.chance.below(cursor.0 + 3));
                let span = match self.chance.below(3) {
                    0 => Span::After(Sequence(one)),
                    1 => Span::Before(Sequence(one + 1)),
                    _ => Span::Between(Sequence(one.min(other)), Sequence(one.max(other))),
                };
                self.say(Asked::Nothing, 0, Frame::Pull { conversation, span });
            }
            _ => {
                // Nobody can have received that: it is to be refused.
                let (mark, up_to) = (Watermark::Delivered, BEYOND_EVERY_END);
                self.say(Asked::Nothing, 0, Frame::Mark { conversation, mark, up_to });
            }
        }
    }

    fn mishap(&mut self) {
        match self.chance.below(10) {
            0..3 => self.say_again(),
            3..5 => {
                self.sim.count("devices offline");
                self.sim.trace(&self.name, None, || "goes offline".into());
                self.lose_link();
            }
            5 => self.crash(),
            6 => self.forget(),
            7..9 => self.back_up(),
            _ => self.restore(),
        }
    }

    /// Sends again what was accepted before, as one does who did not get to note it.
    fn say_again(&mut self) {
        let accepted = self.holdings.borrow().store.accepted.clone();
        if let Some(outgoing) = self.chance.pick(&accepted).cloned() {
            let due_ms = self.now_ms();
            self.sim.count("resends of what was accepted");
            self.enqueue(Outgoing { is_in_flight: false, due_ms, ..outgoing });
        }
    }

    /// The process dies; what was on its way is not known, what is on the disk is.
    fn crash(&mut self) {
        self.sim.count("devices crashed");
        self.sim.trace(&self.name, None, || "crashes".into());
        self.lose_link();
    }

    /// Everything on the device is lost.
    fn forget(&mut self) {
        self.sim.count("devices emptied");
        self.sim.trace(&self.name, None, || "loses all that it has".into());
        self.lose_link();
        self.drop_store(Store::default());
        self.backup = None;
    }

    fn back_up(&mut self) {
        self.backup = Some(self.holdings.borrow().store.clone());
    }

    /// The device is set back to an earlier state of itself.
    fn restore(&mut self) {
        let Some(mut store) = self.backup.take() else { return };
        self.sim.count("devices set back");
        self.sim.trace(&self.name, None, || "is set back to an earlier state".into());
        self.lose_link();
        for outgoing in &mut store.outbox {
            outgoing.is_in_flight = false;
            outgoing.due_ms = self.now_ms();
            // It may have been sent since: what is sent now is marked.
            outgoing.attempts = outgoing.attempts.max(1);
        }
        for held in store.conversations.values_mut() {
            held.pull_due_ms = self.now_ms();
        }
        // What it has acknowledged and lost again, no hello brings: it asks what there is.
        store.has_listed = false;
        self.drop_store(store);
    }

    /// What was sent and is no longer known may come to the log at any time.
    fn drop_store(&mut self, next: Store) {
        let dropped = std::mem::replace(&mut self.holdings.borrow_mut().store, next);
        self.dropped += dropped.outbox.iter().filter(|outgoing| outgoing.attempts > 0).count() as u64;
    }
}
