//! The functions, each a thin shell around its use case, as those in `functions/` are.

use std::collections::BTreeMap;

use tidings_auth::{DeviceResumeTokens, up_to_date_at};
use tidings_domain::{
    conversation::Watermark,
    fanout::{FanoutPorts, fan_out},
    group::{Group, GroupSettings},
    history::{Page, ReadError, ReadPorts, Span, page},
    ids::{ClientMsgId, ConversationId, MessageId, Sender, Sequence, Timestamp, UserId},
    invites::{Invite, InviteSecret, InviteTerms, make_invite},
    log::{Content, ContentKind, Entry, EventKind},
    membership::{Command, GroupError, GroupPorts, change, create},
    ports::{Clock, Unavailable},
    receipts::{MarkAt, ReceiptError, ReceiptPorts, raise},
    repair::{RepairPorts, repair},
    send::{AnswerTo, Draft, Outcome, Pending, SendError, SendPorts, SendRequest, SendTerms, send},
    sequencer::{SequencerPorts, sequence},
    sessions::{Socket, end},
    strangers::AnyStranger,
    stream::StreamRecord,
    sync::{Drained, HelloRequest, ListCursor, ListPage, SessionTerms, SyncError, SyncPorts, heartbeat, hello, list},
};

use crate::lambda::Instance;

/// Short times, so that sessions run out within a run.
pub(crate) const TERMS: SessionTerms =
    SessionTerms { heartbeat_seconds: HEARTBEAT_SECONDS, session_ttl_seconds: 15, send_window: 4 };
/// How often a device says that it is there.
pub(crate) const HEARTBEAT_SECONDS: u64 = 10;
const EXPRESS_SOCKETS_MAX: usize = 4;
/// Groups of so many members are pulled, not pushed to.
pub(crate) const PUSH_MEMBERS_MAX: usize = 3;
/// Subscribers of a group that is pulled that one message is announced to: not to all.
const ANNOUNCE_MAX: usize = 3;
/// In groups of more members nobody hears of another's receipts.
const AGGREGATE_MEMBERS: u64 = 3;
/// A conversation is hot after so many lost races.
const RACES_LOST_MAX: u32 = 2;

/// What a device asks to be appended.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) conversation: ConversationId,
    pub(crate) id: ClientMsgId,
    pub(crate) ttl_seconds: Option<u64>,
    /// For a marked resend, the last sequence that the device held at its first attempt.
    pub(crate) base: Option<Sequence>,
}

impl Message {
    pub(crate) fn message_id(&self, sender: &Sender) -> MessageId {
        MessageId::of(&self.conversation, sender, &self.id)
    }

    pub(crate) fn content(&self) -> Content {
        Content {
            kind: ContentKind::Text,
            payload: format!("\"{}\"", self.id).into(),
            client_ts: Timestamp::default(),
            media_handle: None,
            in_reply_to: None,
            thread_root: None,
            mentions: Vec::new(),
            mentions_all: false,
            is_view_once: false,
            forwards: 0,
            choices: Vec::new(),
            ttl_seconds: self.ttl_seconds,
            envelopes: BTreeMap::new(),
            welcome: None,
            is_withheld: false,
        }
    }
}

impl Instance {
    fn sync_ports(&self) -> SyncPorts<'_> {
        SyncPorts {
            log: &*self.ports.log,
            conversations: &*self.ports.conversations,
            personal: &*self.ports.personal,
            sessions: &*self.ports.sessions,
            gateway: &*self.ports.gateway,
            clock: &self.clock,
        }
    }

    pub(crate) async fn connect(&self, owner: &Sender) -> Result<(), Unavailable> {
        self.ports.devices.touch(owner, self.clock.now()).await?;
        Ok(())
    }

    pub(crate) async fn disconnect(&self, socket: &Socket) -> Result<(), Unavailable> {
        let ports = &self.ports;
        end(&*ports.sessions, &*ports.devices, &self.clock, &socket.owner, &socket.connection).await
    }

    pub(crate) async fn send(&self, message: &Message, answer_to: AnswerTo) -> Result<Outcome, SendError> {
        let request = SendRequest {
            draft: Draft {
                sender: answer_to.socket.owner.clone(),
                conversation: message.conversation.clone(),
                client_msg_id: message.id.clone(),
                event: EventKind::Message,
                target: None,
                content: message.content(),
                epoch: None,
            },
            devices: BTreeMap::new(),
            resend_after: message.base,
            answer_to: Some(answer_to),
        };
        let ports = SendPorts {
            log: &*self.ports.log,
            conversations: &*self.ports.conversations,
            sessions: &*self.ports.sessions,
            keys: &*self.ports.keys,
            bus: &*self.ports.bus,
            ingest: &*self.ports.ingest,
            strangers: &AnyStranger,
            media: &*self.ports.media,
            gateway: &*self.ports.gateway,
            clock: &self.clock,
        };
        let terms =
            SendTerms { known: &self.known, express_sockets_max: EXPRESS_SOCKETS_MAX, races_lost_max: RACES_LOST_MAX };
        send(ports, terms, &request).await
    }

    fn group_ports(&self) -> GroupPorts<'_> {
        GroupPorts {
            log: &*self.ports.log,
            conversations: &*self.ports.conversations,
            invites: &*self.ports.invites,
            media: &*self.ports.media,
            bus: &*self.ports.bus,
            clock: &self.clock,
            push_members_max: PUSH_MEMBERS_MAX,
        }
    }

    pub(crate) async fn create_group(
        &self,
        owner: &Sender,
        group: &ConversationId,
        settings: GroupSettings,
        members: Vec<UserId>,
    ) -> Result<Group, GroupError> {
        create(self.group_ports(), owner, group, settings, members).await
    }

    pub(crate) async fn invite(
        &self,
        owner: &UserId,
        group: &ConversationId,
        secret: InviteSecret,
    ) -> Result<Invite, GroupError> {
        let terms = InviteTerms {
            client_id: Some("simulated".into()),
            life_seconds: None,
            uses_max: None,
            needs_approval: false,
        };
        make_invite(self.group_ports(), owner, group, terms, secret).await
    }

    pub(crate) async fn change_group(
        &self,
        actor: &Sender,
        group: &ConversationId,
        command: &Command,
    ) -> Result<Group, GroupError> {
        change(self.group_ports(), actor, group, command).await
    }

    pub(crate) async fn sequence(&self, batch: Vec<Pending>) -> BTreeMap<ConversationId, Unavailable> {
        let ports = SequencerPorts {
            log: &*self.ports.log,
            conversations: &*self.ports.conversations,
            sessions: &*self.ports.sessions,
            bus: &*self.ports.bus,
            gateway: &*self.ports.gateway,
            clock: &self.clock,
        };
        sequence(ports, batch).await
    }

    pub(crate) async fn mark(
        &self,
        by: &Sender,
        conversation: &ConversationId,
        mark: Watermark,
        up_to: Sequence,
    ) -> Result<(), ReceiptError> {
        let ports = ReceiptPorts {
            log: &*self.ports.log,
            conversations: &*self.ports.conversations,
            bus: &*self.ports.bus,
            clock: &self.clock,
            aggregate_members: AGGREGATE_MEMBERS,
        };
        raise(ports, by, conversation, mark, MarkAt::Sequence(up_to)).await.map(drop)
    }

    pub(crate) async fn hello(
        &self,
        socket: &Socket,
        token: Option<&str>,
        cursors: BTreeMap<ConversationId, Sequence>,
    ) -> Result<Drained, SyncError> {
        let up_to_date_at = token.and_then(|token| up_to_date_at(token, &socket.owner, self.clock.now()));
        let request = HelloRequest { up_to_date_at, cursors };
        hello(self.sync_ports(), &DeviceResumeTokens, TERMS, socket, &request).await
    }

    pub(crate) async fn heartbeat(&self, socket: &Socket, active: bool) -> Result<Timestamp, SyncError> {
        heartbeat(self.sync_ports(), &*self.ports.devices, TERMS, socket, active).await.map(|(now, _)| now)
    }

    pub(crate) async fn pull(&self, by: &Sender, of: &ConversationId, span: Span) -> Result<Page, ReadError> {
        let ports = ReadPorts {
            log: &*self.ports.log,
            conversations: &*self.ports.conversations,
            personal: &*self.ports.personal,
            clock: &self.clock,
        };
        page(ports, &by.user, of, span, 20).await
    }

    pub(crate) async fn list(&self, by: &Sender, cursor: &ListCursor) -> Result<ListPage, Unavailable> {
        list(self.sync_ports(), &by.user, cursor, 3).await
    }

    pub(crate) async fn fan_out(&self, records: Vec<StreamRecord>) -> BTreeMap<ConversationId, Unavailable> {
        let ports = FanoutPorts {
            log: &*self.ports.log,
            conversations: &*self.ports.conversations,
            sessions: &*self.ports.sessions,
            gateway: &*self.ports.gateway,
            pushes: &*self.ports.pushes,
            mailboxes: &*self.ports.mailboxes,
            rules: &*self.ports.privacy,
            clock: &self.clock,
        };
        fan_out(ports, ANNOUNCE_MAX, records).await
    }

    pub(crate) async fn repair(&self, entries: Vec<Entry>) -> BTreeMap<ConversationId, Unavailable> {
        let ports = RepairPorts {
            conversations: &*self.ports.conversations,
            sessions: &*self.ports.sessions,
            bus: &*self.ports.bus,
            clock: &self.clock,
        };
        repair(ports, entries).await
    }
}
