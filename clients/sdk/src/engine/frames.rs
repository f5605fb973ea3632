//! What the service says.

use std::time::Duration;

use serde::Deserialize;
use tidings_protocol::{
    ErrorFrame, MessageNew, MessageSent, Packed, ParseError, SEQUENCE_MAX, ServerFrame, SessionReady, SyncPage,
    UserPresence, convert,
};
use tokio::sync::oneshot;

use super::{DRAIN_SILENCE_MAX, Engine, Phase, heartbeat_interval};
use crate::{
    error::{RequestError, SendError, retry_after},
    event::Event,
    machine::{Moment, outbox::Refusal},
};

/// Who waits for the answer to a frame.
#[derive(Debug)]
pub(super) enum Waiter {
    Heartbeat,
    /// The inbox, for what is missing.
    Gap {
        conversation: String,
        since: u64,
    },
    /// The application, for a page.
    Page(oneshot::Sender<Result<SyncPage, RequestError>>),
    /// The application, for the presence of users; nobody, after a reconnect.
    Watch(Option<oneshot::Sender<Result<Vec<UserPresence>, RequestError>>>),
}

impl Waiter {
    fn fail(self, error: RequestError) {
        // The caller may not wait any more.
        match self {
            Self::Page(reply) => drop(reply.send(Err(error))),
            Self::Watch(Some(reply)) => drop(reply.send(Err(error))),
            Self::Heartbeat | Self::Gap { .. } | Self::Watch(None) => {}
        }
    }

    pub(super) fn not_connected(self) {
        self.fail(RequestError::NotConnected);
    }

    pub(super) fn stopped(self) {
        self.fail(RequestError::Stopped);
    }
}

/// A longer resume token is not kept, in bytes.
const RESUME_TOKEN_BYTES_MAX: usize = 512;

/// Whether this names a conversation.
pub(super) fn names(conversation: &str) -> bool {
    convert::conversation_id("conversationId", conversation).is_ok()
}

/// Whether a frame speaks of conversations and places that there can be: who counts on from a place
/// needs room to.
fn is_sound(frame: &ServerFrame) -> bool {
    let entry = |sequence: u64| (1..=SEQUENCE_MAX).contains(&sequence);
    match frame {
        ServerFrame::New(message) => names(&message.conversation_id) && entry(message.sequence),
        ServerFrame::Sent(sent) => names(&sent.conversation_id) && entry(sent.sequence),
        ServerFrame::ConversationUpdated(updated) => {
            names(&updated.conversation_id) && updated.last_sequence <= SEQUENCE_MAX
        }
        ServerFrame::Page(page) => {
            let of_page =
                |message: &MessageNew| message.conversation_id == page.conversation_id && entry(message.sequence);
            names(&page.conversation_id) && page.next <= SEQUENCE_MAX && page.messages.iter().all(of_page)
        }
        _ => true,
    }
}

/// The frame that another one carries; none where its type is of a later version.
fn unpacked(packed: &Packed) -> Result<Option<ServerFrame>, ParseError> {
    ServerFrame::parse(&packed.unpack()?)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    #[serde(default)]
    reply_to: Option<String>,
}

impl Engine {
    /// A frame arrived.
    pub(crate) fn frame(&mut self, text: &str, now: Moment) {
        let frame = match ServerFrame::parse(text) {
            Ok(Some(frame)) => frame,
            Ok(None) => return tracing::debug!("a frame of a later version"),
            // API Gateway's own errors have no type: {"message": "Internal server error", …}.
            Err(error) => return tracing::warn!(%error, text, "not a frame"),
        };
        let reply_to = serde_json::from_str::<Answer>(text).ok().and_then(|answer| answer.reply_to);
        let frame = match frame {
            ServerFrame::Packed(packed) => match unpacked(&packed) {
                Ok(Some(frame)) => frame,
                Ok(None) => return tracing::debug!("a packed frame of a later version"),
                Err(error) => return tracing::warn!(%error, "not a packed frame"),
            },
            frame => frame,
        };
        if !is_sound(&frame) {
            return tracing::warn!(text, "a frame of what no conversation has");
        }
        match frame {
            ServerFrame::Ready(session) => self.ready(session, now),
            ServerFrame::New(message) => self.message(message, now),
            ServerFrame::Sent(sent) => self.sent(sent, now),
            ServerFrame::Page(page) => self.page(page, reply_to.as_deref(), now),
            ServerFrame::SyncComplete(complete) => {
                self.drained(now);
                // It spares the service to look again at what this drain has said.
                self.keep_resume_token(complete.resume_token);
                self.events.push_back(Event::Synced { conversations: complete.conversations });
            }
            ServerFrame::ConversationUpdated(updated) => {
                self.inbox.exists(&updated.conversation_id, updated.last_sequence, now);
                self.events.push_back(Event::ConversationUpdated(updated));
            }
            ServerFrame::FlowControl(flow) => {
                self.outbox.flow_control(flow.window, Duration::from_millis(flow.retry_after_ms), now);
            }
            ServerFrame::Presence(update) => {
                let waiter = reply_to.and_then(|id| self.requests.close(&id));
                if let Some(Waiter::Watch(Some(reply))) = waiter {
                    drop(reply.send(Ok(update.users.clone())));
                }
                self.events.push_back(Event::Presence(update.users));
            }
            ServerFrame::PresenceOk(_) => {
                if let Some(id) = reply_to {
                    self.requests.close(&id);
                }
            }
            ServerFrame::Error(error) => self.refused(error, now),
            ServerFrame::Delivered(receipt) => self.events.push_back(Event::Delivered(receipt)),
            ServerFrame::Read(receipt) => self.events.push_back(Event::Read(receipt)),
            ServerFrame::Hidden(hidden) => self.events.push_back(Event::Hidden(hidden)),
            ServerFrame::Draft(draft) => self.events.push_back(Event::Draft(draft)),
            ServerFrame::Settings(settings) => self.events.push_back(Event::Settings(settings)),
            ServerFrame::Typing(typing) => self.events.push_back(Event::Typing(typing)),
            ServerFrame::Mail(mail) => self.events.push_back(Event::Mail(mail)),
            ServerFrame::KeysLow(low) => self.events.push_back(Event::KeysLow(low)),
            ServerFrame::DeviceChanged(changed) => self.events.push_back(Event::DeviceChanged(changed)),
            ServerFrame::Packed(_) => tracing::warn!("a frame packed twice"),
        }
    }

    /// An answer did not come in time.
    pub(super) fn expired(&mut self, waiter: Waiter, now: Moment) {
        match waiter {
            Waiter::Heartbeat => self.dead = true,
            Waiter::Gap { conversation, .. } => {
                let chance = self.chance();
                self.inbox.pull_failed(&conversation, None, now, chance);
            }
            waiter => waiter.fail(RequestError::TimedOut),
        }
    }

    fn ready(&mut self, session: SessionReady, now: Moment) {
        self.phase = Phase::Draining(now + DRAIN_SILENCE_MAX);
        self.keep_resume_token(Some(session.resume_token.clone()));
        self.heartbeat_due = Some(now + heartbeat_interval(&session));
        self.outbox.connected(session.send_window);
        self.inbox.drain_begins();
        self.listing.lose_patience_soon(now);
        self.session = Some(session.clone());
        self.events.push_back(Event::Ready(session));
        self.watch_again(now);
    }

    /// One that would not leave room in a hello for what is held is of no use.
    fn keep_resume_token(&mut self, token: Option<String>) {
        self.resume_token = token.filter(|token| token.len() <= RESUME_TOKEN_BYTES_MAX).or(self.resume_token.take());
    }

    fn message(&mut self, message: Box<MessageNew>, now: Moment) {
        if let Phase::Draining(by) = &mut self.phase {
            *by = now + DRAIN_SILENCE_MAX;
        }
        let conversation = message.conversation_id.clone();
        let delivery = match self.own_echo(&message) {
            Some(sent) => return self.sent(sent, now),
            None => self.inbox.message(message, now),
        };
        self.deliver(&conversation, delivery, now);
    }

    fn page(&mut self, page: SyncPage, reply_to: Option<&str>, now: Moment) {
        match reply_to.and_then(|id| self.requests.close(id)) {
            Some(Waiter::Gap { conversation, since }) if conversation == page.conversation_id => {
                for message in &page.messages {
                    if let Some(sent) = self.own_echo(message) {
                        self.sent(sent, now);
                    }
                }
                let delivery = self.inbox.page(since, page, now);
                self.deliver(&conversation, delivery, now);
            }
            // The caller may not wait any more.
            Some(Waiter::Page(reply)) => drop(reply.send(Ok(page))),
            _ => tracing::debug!("a page that nobody waits for"),
        }
    }

    /// A message of this device that is still unanswered: its `message.sent` was lost.
    fn own_echo(&self, message: &MessageNew) -> Option<MessageSent> {
        let session = self.session.as_ref()?;
        let own = message.sender_user_id == session.user_id
            && message.sender_device_id == self.config.device
            && self.outbox.holds(&message.conversation_id, &message.client_msg_id);
        own.then(|| MessageSent {
            conversation_id: message.conversation_id.clone(),
            client_msg_id: message.client_msg_id.clone(),
            message_id: message.message_id.clone(),
            sequence: message.sequence,
            ts: message.ts,
            duplicate: false,
        })
    }

    fn sent(&mut self, sent: MessageSent, now: Moment) {
        let conversation = sent.conversation_id.clone();
        let delivery = self.inbox.own(&conversation, sent.sequence, now);
        // A second answer, to a resend, is no news.
        if self.outbox.accepted(&conversation, &sent.client_msg_id) {
            if let Some(reply) = self.sends.remove(&sent.client_msg_id) {
                // The caller may not wait for it.
                let _ = reply.send(Ok(sent.clone()));
            }
            self.events.push_back(Event::MessageSent(sent));
        }
        self.deliver(&conversation, delivery, now);
    }

    fn refused(&mut self, error: ErrorFrame, now: Moment) {
        let chance = self.chance();
        let again = retry_after(&error);
        let named = error.client_msg_id.as_deref().or(error.reply_to.as_deref());
        if let Some(id) = named {
            match self.outbox.refused(id, again, now, chance) {
                Refusal::Retry => return,
                Refusal::Failed(send) => {
                    return self.fail(&send.conversation_id, send.client_msg_id, SendError::Rejected(Box::new(error)));
                }
                Refusal::Unknown => {}
            }
        }
        let Some(id) = error.reply_to.clone() else { return tracing::warn!(?error, "the service reports an error") };
        if let Some(at) = self.marks_sent.iter().position(|(sent, _)| *sent == id) {
            if let Some((_, mark)) = self.marks_sent.remove(at) {
                tracing::warn!(?error, ?mark, "the service refused a mark");
                self.receipts.refused(&mark, again, now);
            }
            return;
        }
        match self.requests.close(&id) {
            Some(Waiter::Gap { conversation, .. }) => {
                self.inbox.pull_failed(&conversation, again, now, chance);
                tracing::warn!(?error, conversation, "the service refused a pull");
            }
            Some(Waiter::Heartbeat) => tracing::warn!(?error, "the service refused a heartbeat"),
            Some(waiter) => waiter.fail(RequestError::Rejected(Box::new(error))),
            None if id == "hello" => {
                tracing::warn!(?error, "the service refused the hello");
                self.dead = true;
            }
            None => tracing::debug!(?error, "an error that nobody waits for"),
        }
    }
}
