//! What the tests share.

use std::collections::BTreeMap;

use tidings_domain::{
    fanout::FanoutPorts,
    ids::{ClientMsgId, ConnectionId, ConversationId, DeviceId, Sender, Sequence, Timestamp, UserId},
    log::{Content, ContentKind, EventKind},
    receipts::ReceiptPorts,
    repair::RepairPorts,
    send::{SendPorts, SendRequest},
    session::Session,
    sync::SyncPorts,
};
use tidings_memory::World;

pub(crate) fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

pub(crate) fn device(user_name: &str, device: &str) -> Sender {
    Sender { user: user(user_name), device: DeviceId::parse(device).unwrap() }
}

pub(crate) fn alice_and_bob() -> ConversationId {
    ConversationId::direct(user("alice"), user("bob"))
}

pub(crate) fn session(owner: &Sender, connection: &str, world: &World) -> Session {
    Session {
        owner: owner.clone(),
        connection: ConnectionId::parse(connection).unwrap(),
        endpoint: "https://cell".into(),
        connected_at: world.now(),
        active_at: world.now(),
        expires_at: world.now().plus_ms(3_600_000),
    }
}

pub(crate) fn message(sender: &Sender, conversation: &ConversationId, id: &str) -> SendRequest {
    SendRequest {
        sender: sender.clone(),
        conversation: conversation.clone(),
        client_msg_id: ClientMsgId::parse(id).unwrap(),
        event: EventKind::Message,
        target: None,
        content: Content {
            kind: ContentKind::Text,
            payload: r#"{"text":"hey"}"#.into(),
            client_ts: Timestamp::default(),
            media_handle: None,
            in_reply_to: None,
            thread_root: None,
            mentions: Vec::new(),
            ttl_seconds: None,
            envelopes: BTreeMap::default(),
        },
        epoch: None,
        resend_after: None,
        known: Sequence::ZERO,
        express_sockets_max: 16,
    }
}

pub(crate) fn send_ports(world: &World) -> SendPorts<'_> {
    SendPorts { log: world, conversations: world, sessions: world, bus: world, gateway: world, clock: world }
}

pub(crate) fn fanout_ports(world: &World) -> FanoutPorts<'_> {
    FanoutPorts { conversations: world, sessions: world, gateway: world, clock: world }
}

pub(crate) fn repair_ports(world: &World) -> RepairPorts<'_> {
    RepairPorts { conversations: world, sessions: world, bus: world, clock: world }
}

pub(crate) fn receipt_ports(world: &World) -> ReceiptPorts<'_> {
    ReceiptPorts { log: world, conversations: world, bus: world, clock: world }
}

pub(crate) fn sync_ports(world: &World) -> SyncPorts<'_> {
    SyncPorts { log: world, conversations: world, sessions: world, gateway: world, clock: world }
}
