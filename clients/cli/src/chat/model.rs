//! What the chat knows. No terminal, no network.

use std::collections::{BTreeMap, HashMap};

use tidings_sdk::{
    DisconnectReason, Event, SendError,
    protocol::{MessageEvent, MessageNew, MessageSent, PresenceState, UserPresence},
};

use tidings_secure::Event as SecureEvent;

use super::editor::Editor;
use crate::{names, render};

/// An entry of the log.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    message_id: String,
    pub(crate) sender: String,
    pub(crate) text: String,
    pub(crate) ts: u64,
    /// Said about the conversation, not in it.
    pub(crate) is_notice: bool,
}

/// A message of this device that the service has not accepted.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    pub(crate) client_msg_id: String,
    pub(crate) text: String,
    pub(crate) ts: u64,
    pub(crate) failure: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Connection {
    Connecting,
    Online,
    /// Tried again at this time; never, where there is none.
    Offline {
        reason: String,
        retry_at_ms: Option<u64>,
    },
}

/// How far an own message has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tick {
    Sent,
    Delivered,
    Read,
}

/// What was said about a message.
#[derive(Clone, Debug)]
enum Said {
    Edit(String),
    Deletion,
    Reaction { by: String, reaction: Option<String> },
}

pub(crate) struct Chat {
    pub(crate) me: String,
    pub(crate) conversation: String,
    pub(crate) entries: BTreeMap<u64, Entry>,
    /// By message, then in the order in which it was said.
    said: BTreeMap<u64, BTreeMap<u64, Said>>,
    pub(crate) pending: Vec<Pending>,
    pub(crate) connection: Connection,
    pub(crate) presence: Option<UserPresence>,
    pub(crate) editor: Editor,
    pub(crate) notice: Option<String>,
    /// How many rows below the screen there are.
    pub(crate) offset: usize,
    /// Messages that came while the end was out of sight.
    pub(crate) unseen: usize,
    /// Whether there may be older entries than those that are here.
    pub(crate) has_older: bool,
    pub(crate) loading: bool,
    /// `deliveredUpTo` and `readUpTo` of the members that were heard of.
    marks: HashMap<String, (u64, u64)>,
    read_up_to: u64,
    pub(crate) focused: bool,
    /// Whether the last message was encrypted; none before there is one.
    pub(crate) is_encrypted: Option<bool>,
}

impl Chat {
    pub(crate) fn new(me: &str, conversation: &str) -> Self {
        let marks = names::peer(me, conversation).filter(|peer| *peer != me);
        Self {
            me: me.to_owned(),
            conversation: conversation.to_owned(),
            entries: BTreeMap::new(),
            said: BTreeMap::new(),
            pending: Vec::new(),
            connection: Connection::Connecting,
            presence: None,
            editor: Editor::default(),
            notice: None,
            offset: 0,
            unseen: 0,
            has_older: false,
            loading: false,
            marks: marks.into_iter().map(|peer| (peer.to_owned(), (0, 0))).collect(),
            read_up_to: 0,
            focused: true,
            is_encrypted: None,
        }
    }

    /// The other side of a 1:1 conversation.
    pub(crate) fn peer(&self) -> Option<&str> {
        names::peer(&self.me, &self.conversation)
    }

    /// Takes in what encryption has to say.
    pub(crate) fn tell(&mut self, event: &SecureEvent) {
        let is_ours = match event {
            SecureEvent::Waiting { conversation_id, .. }
            | SecureEvent::Joined { conversation_id }
            | SecureEvent::Devices { conversation_id, .. } => *conversation_id == self.conversation,
            SecureEvent::SafetyNumberChanged { user_id, was_verified } => {
                *was_verified || Some(user_id.as_str()) == self.peer()
            }
            _ => true,
        };
        if !is_ours {
            return;
        }
        match event {
            SecureEvent::Joined { .. } => {
                self.is_encrypted = Some(true);
                self.notice = None;
            }
            SecureEvent::Waiting { reason, .. } => self.notice = Some(render::waiting(reason)),
            event => self.notice = render::note(event).or(self.notice.take()),
        }
    }

    /// Takes in what happened; true where it is a message of this conversation.
    pub(crate) fn event(&mut self, event: Event, now_ms: u64) -> bool {
        match event {
            Event::Message(message) if message.conversation_id == self.conversation => {
                if self.insert(&message) && self.offset > 0 {
                    self.unseen += 1;
                }
                return true;
            }
            Event::Hidden(hidden) if hidden.conversation_id == self.conversation => {
                self.entries.retain(|_, entry| entry.message_id != hidden.message_id);
            }
            Event::MessageSent(sent) if sent.conversation_id == self.conversation => self.sent(&sent),
            Event::SendFailed { client_msg_id, error, .. } => self.failed(&client_msg_id, &error),
            Event::Delivered(receipt) if receipt.conversation_id == self.conversation => {
                self.mark(&receipt.user_id, receipt.up_to, 0);
            }
            Event::Read(receipt) if receipt.conversation_id == self.conversation => {
                self.mark(&receipt.user_id, receipt.up_to, receipt.up_to);
            }
            Event::Presence(users) => {
                let peer = self.peer().map(str::to_owned);
                if let Some(found) = users.into_iter().find(|user| Some(&user.user_id) == peer.as_ref()) {
                    self.presence = Some(found);
                }
            }
            Event::Ready(_) => self.connection = Connection::Online,
            Event::Connected | Event::Disconnected { reason: DisconnectReason::Renewed, .. } => {
                self.connection = Connection::Connecting;
            }
            Event::Disconnected { reason, retry_in } => {
                let wait = |delay: std::time::Duration| u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
                let retry_at_ms = retry_in.map(|delay| now_ms.saturating_add(wait(delay)));
                self.connection = Connection::Offline { reason: reason.to_string(), retry_at_ms };
                // Nobody says how they are any more.
                self.presence = None;
            }
            _ => {}
        }
        false
    }

    /// Adds older entries.
    pub(crate) fn history(&mut self, messages: &[MessageNew], has_older: bool) {
        // New keys are no news to a person.
        for message in messages.iter().filter(|message| message.event != MessageEvent::Commit) {
            self.insert(message);
        }
        self.has_older = has_older;
        self.loading = false;
    }

    /// The first sequence that is here.
    pub(crate) fn first(&self) -> Option<u64> {
        self.entries.first_key_value().map(|(sequence, _)| *sequence)
    }

    /// A message is on its way out.
    pub(crate) fn queued(&mut self, client_msg_id: &str, text: &str, now_ms: u64) {
        self.offset = 0;
        self.unseen = 0;
        self.pending.push(Pending {
            client_msg_id: client_msg_id.to_owned(),
            text: render::clean(text),
            ts: now_ms,
            failure: None,
        });
    }

    /// A member is this far; marks only rise.
    pub(crate) fn mark(&mut self, user: &str, delivered: u64, read: u64) {
        if user == self.me {
            return;
        }
        let marks = self.marks.entry(user.to_owned()).or_default();
        *marks = (marks.0.max(delivered), marks.1.max(read));
    }

    /// How far a message has come with all members that were heard of.
    pub(crate) fn tick(&self, sequence: u64) -> Tick {
        let lowest = |mark: fn(&(u64, u64)) -> u64| self.marks.values().map(mark).min().unwrap_or(0);
        if lowest(|marks| marks.1) >= sequence {
            Tick::Read
        } else if lowest(|marks| marks.0) >= sequence {
            Tick::Delivered
        } else {
            Tick::Sent
        }
    }

    /// The last own message, by its id, if it is not known to be read.
    pub(crate) fn own_unread(&self) -> Option<String> {
        let (sequence, entry) = self.entries.iter().rev().find(|(_, entry)| entry.sender == self.me)?;
        (self.tick(*sequence) != Tick::Read).then(|| entry.message_id.clone())
    }

    /// The user sees everything up to here. Answers what is to be said to have been read, if
    /// that is more than before.
    pub(crate) fn seen(&mut self, up_to: u64) -> Option<u64> {
        if !self.focused {
            return None;
        }
        let (last, _) = self.entries.range(..=up_to).rev().find(|(_, entry)| entry.sender != self.me)?;
        let news = (*last > self.read_up_to).then_some(*last);
        self.read_up_to = self.read_up_to.max(*last);
        news
    }

    pub(crate) fn is_online(&self) -> bool {
        self.connection == Connection::Online
    }

    /// Whether an event says that the other user is there.
    pub(crate) fn is_from_peer(&self, event: &Event) -> bool {
        let by = match event {
            Event::Message(message) => &message.sender_user_id,
            Event::Delivered(receipt) | Event::Read(receipt) => &receipt.user_id,
            _ => return false,
        };
        self.peer() == Some(by.as_str())
    }

    pub(crate) fn is_peer_online(&self) -> bool {
        self.presence.as_ref().is_some_and(|presence| presence.state == PresenceState::Online)
    }

    /// What an entry says by now: its last edit, or that it was deleted, and the reactions to it.
    pub(crate) fn shown(&self, sequence: u64, entry: &Entry) -> String {
        let Some(said) = self.said.get(&sequence) else { return entry.text.clone() };
        let mut text = entry.text.clone();
        let mut reactions: BTreeMap<&str, &str> = BTreeMap::new();
        for said in said.values() {
            match said {
                Said::Edit(edited) => text = format!("{edited} (edited)"),
                Said::Deletion => return "[deleted]".to_owned(),
                Said::Reaction { by, reaction: Some(reaction) } => drop(reactions.insert(by, reaction)),
                Said::Reaction { by, reaction: None } => drop(reactions.remove(by.as_str())),
            }
        }
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for reaction in reactions.into_values() {
            *counts.entry(reaction).or_default() += 1;
        }
        for (reaction, count) in counts {
            text.push_str("  ");
            text.push_str(reaction);
            if count > 1 {
                text.push_str(&count.to_string());
            }
        }
        text
    }

    /// Keeps what is said about another message; the service has seen to it that it may be said.
    fn note(&mut self, message: &MessageNew) {
        let Some(target) = message.target_sequence else { return };
        let by = message.sender_user_id.clone();
        let said = match message.event {
            MessageEvent::Edit if message.deleted => return,
            MessageEvent::Edit => {
                Said::Edit(render::clean(message.payload.value()["text"].as_str().unwrap_or_default()))
            }
            MessageEvent::Delete => Said::Deletion,
            MessageEvent::Reaction => Said::Reaction { by, reaction: message.reaction.as_deref().map(render::clean) },
            _ => return,
        };
        self.said.entry(target).or_default().insert(message.sequence, said);
    }

    /// True where it was not here before.
    fn insert(&mut self, message: &MessageNew) -> bool {
        if message.sender_user_id != self.me {
            // Whoever writes is a member, and has read nothing that is known of.
            self.marks.entry(message.sender_user_id.clone()).or_default();
        }
        self.note(message);
        if message.event == MessageEvent::Message && self.entries.range(message.sequence..).next().is_none() {
            self.is_encrypted = Some(message.epoch.is_some());
        }
        let sender = render::clean(&message.sender_user_id);
        let text = render::text(message);
        let entry = Entry {
            message_id: message.message_id.clone(),
            text: match message.event {
                MessageEvent::Message | MessageEvent::Membership => text,
                _ => format!("{sender}: {text}"),
            },
            sender,
            ts: message.ts,
            is_notice: message.event != MessageEvent::Message,
        };
        self.pending
            .retain(|pending| message.sender_user_id != self.me || pending.client_msg_id != message.client_msg_id);
        self.entries.insert(message.sequence, entry).is_none()
    }

    fn sent(&mut self, sent: &MessageSent) {
        let Some(at) = self.pending.iter().position(|pending| pending.client_msg_id == sent.client_msg_id) else {
            return;
        };
        let pending = self.pending.remove(at);
        let entry = Entry {
            message_id: sent.message_id.clone(),
            sender: self.me.clone(),
            text: pending.text,
            ts: sent.ts,
            is_notice: false,
        };
        self.entries.insert(sent.sequence, entry);
        if self.notice.as_deref().is_some_and(|notice| notice.starts_with("waiting")) {
            self.notice = None;
        }
    }

    fn failed(&mut self, client_msg_id: &str, error: &SendError) {
        if let Some(pending) = self.pending.iter_mut().find(|pending| pending.client_msg_id == client_msg_id) {
            pending.failure = Some(render::clean(&error.to_string()));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tidings_sdk::protocol::Receipt;

    use super::*;
    use crate::render::tests::message;

    fn chat() -> Chat {
        Chat::new("alice", "u:alice|u:bob")
    }

    fn receipt(up_to: u64) -> Receipt {
        let conversation_id = "u:alice|u:bob".into();
        Receipt { conversation_id, user_id: "bob".into(), up_to, message_id: "m".into(), ts: 1 }
    }

    fn sent(id: &str, sequence: u64) -> Event {
        Event::MessageSent(MessageSent {
            conversation_id: "u:alice|u:bob".into(),
            client_msg_id: id.into(),
            message_id: format!("m{sequence}"),
            sequence,
            ts: 5,
            duplicate: false,
        })
    }

    #[test]
    fn a_message_goes_from_queued_to_read() {
        let mut chat = chat();
        chat.queued("c1", "hello", 1);
        assert_eq!(chat.pending.len(), 1);
        assert!(!chat.event(sent("c1", 1), 2));
        assert!(chat.pending.is_empty());
        assert_eq!((chat.entries[&1].text.as_str(), chat.tick(1)), ("hello", Tick::Sent));
        chat.event(Event::Delivered(receipt(1)), 3);
        assert_eq!(chat.tick(1), Tick::Delivered);
        chat.event(Event::Read(receipt(1)), 4);
        assert_eq!((chat.tick(1), chat.tick(2)), (Tick::Read, Tick::Sent));
    }

    #[test]
    fn a_group_is_as_far_as_its_slowest_known_member() {
        let mut chat = Chat::new("alice", "g:team");
        assert_eq!(chat.tick(1), Tick::Sent, "nobody is known yet");
        chat.mark("bob", 5, 5);
        chat.mark("alice", 9, 9);
        assert_eq!(chat.tick(5), Tick::Read);
        chat.mark("carol", 5, 0);
        assert_eq!(chat.tick(5), Tick::Delivered);
    }

    #[test]
    fn messages_are_kept_once_and_acknowledged() {
        let mut chat = chat();
        let other = message(9, &json!({"conversationId": "g:other"}));
        assert!(!chat.event(Event::Message(Box::new(other)), 1));
        assert!(chat.event(Event::Message(Box::new(message(2, &json!({})))), 1));
        let hidden = tidings_sdk::protocol::MessageHidden {
            conversation_id: chat.conversation.clone(),
            message_id: chat.entries[&2].message_id.clone(),
        };
        chat.event(Event::Hidden(hidden), 1);
        assert_eq!(chat.entries.len(), 0, "deleted for oneself, on any device");
        chat.history(&[message(1, &json!({})), message(2, &json!({}))], true);
        assert_eq!((chat.entries.len(), chat.first(), chat.has_older), (2, Some(1), true));
    }

    #[test]
    fn a_queued_message_that_comes_back_is_not_shown_twice() {
        let mut chat = chat();
        chat.queued("c7", "hello", 1);
        let own = message(7, &json!({"senderUserId": "alice", "clientMsgId": "c7"}));
        chat.event(Event::Message(Box::new(own)), 2);
        assert!(chat.pending.is_empty());
        assert_eq!(chat.entries.len(), 1);
    }

    #[test]
    fn reading_is_told_once_and_only_with_the_eyes_on_it() {
        let mut chat = chat();
        chat.history(&[message(1, &json!({})), message(2, &json!({"senderUserId": "alice"}))], false);
        chat.focused = false;
        assert_eq!(chat.seen(2), None);
        chat.focused = true;
        assert_eq!(chat.seen(2), Some(1), "the last of another");
        assert_eq!(chat.seen(2), None);
    }

    #[test]
    fn the_marks_of_others_are_asked_for_while_something_is_unread() {
        let mut chat = chat();
        let own = |sequence| message(sequence, &json!({"senderUserId": "alice"}));
        chat.history(&[message(1, &json!({}))], false);
        assert_eq!(chat.own_unread(), None);
        chat.history(&[own(2), own(3), message(4, &json!({}))], false);
        assert_eq!(chat.own_unread().as_deref(), Some("m3"));
        chat.mark("bob", 3, 2);
        assert_eq!(chat.own_unread().as_deref(), Some("m3"));
        chat.mark("bob", 3, 3);
        assert_eq!(chat.own_unread(), None);
    }

    #[test]
    fn a_failure_is_kept_with_its_message() {
        let mut chat = chat();
        chat.queued("c1", "hello", 1);
        let error = SendError::QueueFull;
        chat.event(Event::SendFailed { conversation_id: "u:alice|u:bob".into(), client_msg_id: "c1".into(), error }, 2);
        assert_eq!(chat.pending[0].failure.as_deref(), Some("the send queue is full"));
    }

    #[test]
    fn a_loss_is_shown_with_the_time_of_the_next_try() {
        let mut chat = chat();
        chat.presence = Some(UserPresence { user_id: "bob".into(), state: PresenceState::Online, last_seen: None });
        let reason = DisconnectReason::TimedOut;
        chat.event(Event::Disconnected { reason, retry_in: Some(std::time::Duration::from_secs(3)) }, 1_000);
        let expected = Connection::Offline { reason: "no answer".into(), retry_at_ms: Some(4_000) };
        assert_eq!((&chat.connection, chat.is_peer_online()), (&expected, false));
    }

    #[test]
    fn a_message_is_shown_as_it_is_by_now() {
        let mut chat = chat();
        let about = |sequence: u64, mut fields: serde_json::Value| {
            fields["targetSequence"] = json!(1);
            Event::Message(Box::new(message(sequence, &fields)))
        };
        // What is said about a message may be known before it.
        chat.event(about(2, json!({ "event": "edit", "payload": { "text": "hello" } })), 1);
        chat.event(about(3, json!({ "event": "reaction", "reaction": "👍", "senderUserId": "bob" })), 1);
        chat.event(about(4, json!({ "event": "reaction", "reaction": "👍", "senderUserId": "carl" })), 1);
        chat.event(Event::Message(Box::new(message(1, &json!({ "payload": { "text": "hallo" } })))), 1);
        let shown = |chat: &Chat| chat.shown(1, &chat.entries[&1]);
        assert_eq!(shown(&chat), "hello (edited)  👍2");
        chat.event(about(5, json!({ "event": "reaction", "senderUserId": "bob" })), 1);
        assert_eq!(shown(&chat), "hello (edited)  👍");
        chat.event(about(6, json!({ "event": "delete" })), 1);
        assert_eq!(shown(&chat), "[deleted]");
        assert!(chat.entries[&6].is_notice);
    }
}
