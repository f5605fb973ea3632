//! A device, as `docs/protocol.md` has one behave, and as people treat it: it goes away, crashes,
//! forgets, and says things twice.

mod deeds;
mod store;

use std::{cell::RefCell, collections::BTreeMap, rc::Rc, time::Duration};

use tidings_domain::{
    history::{Page, Span},
    ids::{ConnectionId, ConversationId, Sender, Sequence},
    notice::Notice,
    sync::{Drained, ListCursor, ListPage},
};
use tokio::{sync::mpsc::UnboundedReceiver, time::timeout};

pub(crate) use store::{Holdings, Outgoing};

use crate::{
    chance::Chance,
    client::store::Store,
    edge::{Answer, Frame, Heard},
    functions::{HEARTBEAT_SECONDS, TERMS},
    sim::{Phase, Sim, name_of},
};

/// How long a device waits for an answer.
const ANSWER_WITHIN_MS: u64 = 5_000;
/// How long it waits for the drain of its hello.
const SYNC_WITHIN_MS: u64 = 30_000;
/// A device marks resends of a message after which so many may have come, in whatever conversation.
const SENT_SINCE_MAX: u64 = 60;
/// A device looks around at least so often.
const IDLE_MS: u64 = 1_000;

/// A device.
pub(crate) struct Client {
    sim: Rc<Sim>,
    owner: Sender,
    name: String,
    holdings: Rc<RefCell<Holdings>>,
    chance: Chance,
    link: Option<Link>,
    requests: BTreeMap<u64, Request>,
    next_request: u64,
    /// Messages are numbered for ever: a number is not used twice, whatever the device forgets.
    next_message: u64,
    /// How many messages it has sent and then forgotten.
    dropped: u64,
    think_due_ms: u64,
    backup: Option<Store>,
    /// It has set out to come back in the last phase.
    is_returning: bool,
}

/// A socket.
struct Link {
    connection: ConnectionId,
    inbox: UnboundedReceiver<Heard>,
    hello_due_ms: Option<u64>,
    beat_due_ms: u64,
}

/// A frame that waits for its answer.
#[derive(Debug)]
struct Request {
    what: Asked,
    due_ms: u64,
}

#[derive(Debug)]
enum Asked {
    Hello,
    Beat,
    Send(tidings_domain::ids::ClientMsgId, ConversationId),
    Pull(ConversationId),
    List,
    Nothing,
}

impl Client {
    pub(crate) fn new(sim: Rc<Sim>, holdings: Rc<RefCell<Holdings>>) -> Self {
        let owner = holdings.borrow().owner.clone();
        let name = name_of(&owner);
        let mut chance = Chance::of(sim.seed, &name);
        Self {
            think_due_ms: chance.below(2_000),
            sim,
            owner,
            name,
            holdings,
            chance,
            link: None,
            requests: BTreeMap::new(),
            next_request: 1,
            next_message: 1,
            dropped: 0,
            backup: None,
            is_returning: false,
        }
    }

    /// Lives for as long as the run.
    pub(crate) async fn live(mut self) {
        self.sim.wait_ms(self.chance.below(3_000)).await;
        loop {
            let Some(wake_ms) = self.next_wake_ms() else {
                self.come_back().await;
                continue;
            };
            let wait = Duration::from_millis(wake_ms.saturating_sub(self.sim.now_ms()));
            let Some(link) = &mut self.link else { continue };
            match timeout(wait, link.inbox.recv()).await {
                Ok(Some(heard)) => self.hear(heard),
                Ok(None) => self.lose_link(),
                Err(_) => {}
            }
            self.act();
        }
    }

    fn now_ms(&self) -> u64 {
        self.sim.now_ms()
    }

    /// When there is something to do of its own accord; none without a socket.
    fn next_wake_ms(&self) -> Option<u64> {
        let link = self.link.as_ref()?;
        let store = &self.holdings.borrow().store;
        let idle = self.now_ms() + IDLE_MS;
        let requests = self.requests.values().map(|request| request.due_ms);
        let acks = store.conversations.values().filter_map(|held| held.ack_due_ms);
        let pulls = store.conversations.values().filter(|held| held.is_behind()).map(|held| held.pull_due_ms);
        let sends = store.outbox.iter().filter(|o| !o.is_in_flight).map(|o| o.due_ms);
        let sends = sends.filter(|due| *due > self.now_ms());
        let think = self.sim.is_stormy().then_some(self.think_due_ms);
        let all = requests.chain(acks).chain(pulls).chain(sends).chain(think).chain(link.hello_due_ms);
        all.chain([idle, link.beat_due_ms]).min()
    }

    /// Connects, after a while.
    async fn come_back(&mut self) {
        let away_ms = if self.sim.is_stormy() { self.chance.below(1_500) } else { self.chance.below(500) };
        self.sim.wait_ms(away_ms).await;
        let sim = self.sim.clone();
        let Some((connection, inbox)) = sim.connect(&self.owner).await else { return };
        let beat_due_ms = self.now_ms() + HEARTBEAT_SECONDS * 1000;
        let hello_due_ms = Some(self.now_ms());
        self.link = Some(Link { connection, inbox, hello_due_ms, beat_due_ms });
    }

    /// The socket is gone, and with it every answer that was on its way.
    fn lose_link(&mut self) {
        self.holdings.borrow_mut().synced_on = None;
        if let Some(link) = self.link.take() {
            self.sim.line_ends(&link.connection);
        }
        for (_, request) in std::mem::take(&mut self.requests) {
            self.unanswered(request.what);
        }
    }

    fn say(&mut self, what: Asked, within_ms: u64, frame: Frame) {
        let Some(link) = &self.link else { return };
        self.next_request += 1;
        let due_ms = self.now_ms() + within_ms;
        if !matches!(what, Asked::Nothing) {
            self.requests.insert(self.next_request, Request { what, due_ms });
        }
        self.sim.say(&link.connection, self.next_request, frame);
    }

    fn hear(&mut self, heard: Heard) {
        match heard {
            Heard::Closed => self.lose_link(),
            Heard::Notice(notice) => self.hear_notice(notice),
            Heard::Answer { request, answer } => {
                let asked = self.requests.remove(&request).map(|request| request.what);
                self.hear_answer(asked, answer);
            }
        }
    }

    fn hear_notice(&mut self, notice: Notice) {
        let now_ms = self.now_ms();
        let store = &mut self.holdings.borrow_mut().store;
        match notice {
            Notice::Ready(ready) => {
                // Where the drain is cut off, the next one starts where this did.
                store.token = Some(ready.resume_token);
            }
            Notice::Entry(entry) => store.of(&entry.conversation).take(entry.sequence, entry.message_id(), now_ms),
            Notice::Updated { conversation, last_sequence } => {
                let held = store.of(&conversation);
                held.told = held.told.max(last_sequence);
                if !held.is_behind() {
                    // The service has not heard that it is held.
                    held.acked = Sequence::ZERO;
                    held.ack_due_ms.get_or_insert(now_ms);
                }
            }
            // The edge has made an answer of it; nobody here sets anything, or encrypts.
            Notice::Answer(_)
            | Notice::Settings(_)
            | Notice::Draft(_)
            | Notice::Hidden { .. }
            | Notice::Mail(_)
            | Notice::Device { .. }
            | Notice::Slower(_)
            | Notice::Presence(_)
            | Notice::Typing { .. }
            | Notice::KeysLow { .. } => {}
            // A receipt of more than is held tells of a gap, as an entry does.
            Notice::Receipt(receipt) => {
                let held = store.of(&receipt.conversation);
                held.told = held.told.max(receipt.up_to);
            }
        }
    }

    fn hear_answer(&mut self, asked: Option<Asked>, answer: Answer) {
        match (asked, answer) {
            (Some(Asked::Hello), Answer::Synced(drained)) => self.synced(drained),
            (Some(Asked::Hello), _) => {
                let again_ms = self.now_ms() + self.chance.within(100..1_000);
                if let Some(link) = &mut self.link {
                    link.hello_due_ms = Some(again_ms);
                }
            }
            (Some(Asked::Pull(conversation)), Answer::Page(page)) => self.take_page(&conversation, &page),
            (Some(Asked::Pull(conversation)), Answer::NotAMember) => {
                let store = &mut self.holdings.borrow_mut().store;
                let held = store.of(&conversation);
                held.told = held.cursor;
            }
            (Some(Asked::List), Answer::List(page)) => self.take_list(page),
            // What comes after the device has given up waiting is as good.
            (_, Answer::Sent { id, sequence }) => self.accepted(id, sequence),
            (Some(Asked::Send(id, conversation)), Answer::NotAMember) => {
                self.sim.count("sends of non-members refused");
                let store = &mut self.holdings.borrow_mut().store;
                store.outbox.retain(|o| o.message.id != id || o.message.conversation != conversation);
            }
            (Some(asked), Answer::Unavailable) => self.unanswered(asked),
            _ => {}
        }
    }

    fn synced(&mut self, drained: Drained) {
        let mut holdings = self.holdings.borrow_mut();
        holdings.synced_on = self.link.as_ref().map(|link| link.connection.clone());
        holdings.store.token = Some(drained.resume_token);
        holdings.is_back |= self.is_returning;
        let has_listed = holdings.store.has_listed;
        drop(holdings);
        if !has_listed {
            self.say(Asked::List, ANSWER_WITHIN_MS, Frame::List(ListCursor::default()));
        }
    }

    fn take_page(&mut self, conversation: &ConversationId, page: &Page) {
        let now_ms = self.now_ms();
        let store = &mut self.holdings.borrow_mut().store;
        let held = store.of(conversation);
        let is_first_empty = page.entries.is_empty();
        held.take_page(page.entries.iter().map(|e| (e.sequence, e.message_id())), page.next, now_ms);
        // An empty page though there is more: ask again, but not at once.
        held.pull_due_ms = if is_first_empty { now_ms + 500 } else { now_ms };
    }

    fn take_list(&mut self, page: ListPage) {
        {
            let store = &mut self.holdings.borrow_mut().store;
            for summary in &page.conversations {
                let held = store.of(&summary.conversation);
                // A mark may be ahead of what the durable lane has come to.
                held.told = held.told.max(summary.member.last_sequence).max(summary.member.delivered_up_to);
            }
            store.has_listed |= !page.has_more;
        }
        if page.has_more {
            self.say(Asked::List, ANSWER_WITHIN_MS, Frame::List(page.next));
        }
    }

    fn accepted(&mut self, id: tidings_domain::ids::MessageId, sequence: Sequence) {
        let now_ms = self.now_ms();
        self.sim.trace(&self.name, None, || format!("hears that {id} is {sequence}"));
        let store = &mut self.holdings.borrow_mut().store;
        // All copies of it: it may have been sent again before this answer came.
        let (accepted, waiting): (Vec<Outgoing>, Vec<Outgoing>) =
            std::mem::take(&mut store.outbox).into_iter().partition(|o| o.id == id);
        store.outbox = waiting;
        let Some(outgoing) = accepted.into_iter().next() else { return };
        store.of(&outgoing.message.conversation).take(sequence, id, now_ms);
        if store.accepted.iter().all(|o| o.id != id) {
            store.accepted.push(outgoing);
        }
    }

    /// There was no answer, or one to come back later.
    fn unanswered(&mut self, asked: Asked) {
        let again_ms = self.now_ms() + self.chance.within(50..600);
        self.sim.trace(&self.name, None, || format!("has no answer, or none that helps: {asked:?}"));
        match asked {
            Asked::Send(id, conversation) => {
                let store = &mut self.holdings.borrow_mut().store;
                for outgoing in &mut store.outbox {
                    if outgoing.message.id == id && outgoing.message.conversation == conversation {
                        outgoing.is_in_flight = false;
                        outgoing.due_ms = again_ms;
                    }
                }
            }
            Asked::Pull(conversation) => {
                self.holdings.borrow_mut().store.of(&conversation).pull_due_ms = again_ms;
            }
            Asked::List => self.say(Asked::List, ANSWER_WITHIN_MS, Frame::List(ListCursor::default())),
            Asked::Hello | Asked::Beat | Asked::Nothing => {}
        }
    }

    /// Does what is due.
    fn act(&mut self) {
        self.give_up_waiting();
        if self.sim.phase.get() == Phase::Reconnect && !self.is_returning {
            self.is_returning = true;
            self.lose_link();
        }
        if self.link.is_none() {
            return;
        }
        self.greet();
        self.acknowledge();
        self.pull();
        self.send();
        if self.sim.is_stormy() && self.think_due_ms <= self.now_ms() {
            self.think_due_ms = self.now_ms() + 1 + self.chance.below(self.sim.plan.think_ms_max);
            self.do_something();
        }
    }

    fn give_up_waiting(&mut self) {
        let now_ms = self.now_ms();
        let late: Vec<u64> = self.requests.iter().filter(|(_, r)| r.due_ms <= now_ms).map(|(id, _)| *id).collect();
        for id in late {
            let Some(request) = self.requests.remove(&id) else { continue };
            if matches!(request.what, Asked::Hello | Asked::Beat) {
                self.sim.trace(&self.name, None, || format!("has no answer: {:?}", request.what));
                self.lose_link();
                return;
            }
            self.unanswered(request.what);
        }
    }

    /// Hello where it has not been said, and heartbeats.
    fn greet(&mut self) {
        let now_ms = self.now_ms();
        let Some(link) = &mut self.link else { return };
        if link.hello_due_ms.is_some_and(|due| due <= now_ms) {
            link.hello_due_ms = None;
            let (token, cursors) = {
                let store = &self.holdings.borrow().store;
                let cursors = store.conversations.iter().map(|(c, held)| (c.clone(), held.cursor)).collect();
                (store.token.clone(), cursors)
            };
            self.sim.trace(&self.name, None, || format!("hello, with {cursors:?}"));
            self.say(Asked::Hello, SYNC_WITHIN_MS, Frame::Hello { token, cursors });
        }
        let Some(link) = &mut self.link else { return };
        if link.beat_due_ms <= now_ms {
            link.beat_due_ms = now_ms + HEARTBEAT_SECONDS * 1000;
            let active = self.chance.hits(0.5);
            self.say(Asked::Beat, ANSWER_WITHIN_MS, Frame::Heartbeat { active });
        }
    }

    fn acknowledge(&mut self) {
        let now_ms = self.now_ms();
        let due: Vec<(ConversationId, Sequence)> = {
            let store = &mut self.holdings.borrow_mut().store;
            let due = store.conversations.iter_mut().filter(|(_, h)| h.ack_due_ms.is_some_and(|at| at <= now_ms));
            due.filter_map(|(conversation, held)| {
                held.ack_due_ms = None;
                (held.cursor > held.acked).then(|| {
                    held.acked = held.cursor;
                    (conversation.clone(), held.cursor)
                })
            })
            .collect()
        };
        for (conversation, up_to) in due {
            self.mark(&conversation, tidings_domain::conversation::Watermark::Delivered, up_to);
        }
    }

    fn mark(&mut self, conversation: &ConversationId, mark: tidings_domain::conversation::Watermark, up_to: Sequence) {
        self.sim.checker.borrow_mut().asked(conversation, &self.owner.user, mark, up_to);
        self.sim.trace(&self.name, Some(conversation), || format!("has {mark:?} {up_to}"));
        self.say(Asked::Nothing, 0, Frame::Mark { conversation: conversation.clone(), mark, up_to });
    }

    fn pull(&mut self) {
        let now_ms = self.now_ms();
        let due: Vec<(ConversationId, Sequence)> = {
            let store = &mut self.holdings.borrow_mut().store;
            let due = store.conversations.iter_mut().filter(|(_, h)| h.is_behind() && h.pull_due_ms <= now_ms);
            due.map(|(conversation, held)| {
                held.pull_due_ms = now_ms + ANSWER_WITHIN_MS + 1;
                (conversation.clone(), held.cursor)
            })
            .collect()
        };
        for (conversation, since) in due {
            self.sim.trace(&self.name, Some(&conversation), || format!("pulls after {since}"));
            let asked = Asked::Pull(conversation.clone());
            self.say(asked, ANSWER_WITHIN_MS, Frame::Pull { conversation, span: Span::After(since) });
        }
    }

    /// Sends what is due, within the window.
    fn send(&mut self) {
        let now_ms = self.now_ms();
        let window = TERMS.send_window as usize;
        loop {
            let outgoing = {
                let store = &mut self.holdings.borrow_mut().store;
                if store.outbox.iter().filter(|o| o.is_in_flight).count() >= window {
                    return;
                }
                let Some(place) = store.outbox.iter().position(|o| !o.is_in_flight && o.due_ms <= now_ms) else {
                    return;
                };
                let cursor = store.of(&store.outbox[place].message.conversation.clone()).cursor;
                let outgoing = &mut store.outbox[place];
                if outgoing.attempts == 0 {
                    outgoing.held_at_first = cursor;
                }
                outgoing.attempts += 1;
                outgoing.is_in_flight = true;
                outgoing.clone()
            };
            self.send_one(outgoing);
        }
    }

    fn send_one(&mut self, outgoing: Outgoing) {
        let mut message = outgoing.message;
        let is_resend = outgoing.attempts > 1;
        // Unmarked, a resend is known for the device's last 64 messages, by their place in the log and
        // not by when they were written: what was open then may have come after it.
        let sent_after = self.next_message - outgoing.number + outgoing.open_before;
        // Who was taken out of a group and came back has a new row and no ring: what they sent before
        // is marked.
        let seen_from = self.sim.checker.borrow().sees_from(&message.conversation, &self.owner.user);
        let is_known =
            sent_after < SENT_SINCE_MAX && seen_from.is_some_and(|from| from.previous() <= outgoing.held_at_first);
        let is_marked = is_resend && !(is_known && self.chance.hits(0.5));
        message.base = is_marked.then_some(outgoing.held_at_first);
        if !is_marked {
            self.sim.checker.borrow_mut().sent_unmarked(outgoing.id, self.now_ms());
        }
        self.sim.count(match (is_resend, is_marked) {
            (false, _) => "first sends",
            (true, true) => "marked resends",
            (true, false) => "unmarked resends",
        });
        self.sim.trace(&self.name, Some(&message.conversation), || {
            format!("sends {} (attempt {}, base {:?})", message.id, outgoing.attempts, message.base)
        });
        let asked = Asked::Send(message.id.clone(), message.conversation.clone());
        self.say(asked, ANSWER_WITHIN_MS, Frame::Send(message));
    }
}
