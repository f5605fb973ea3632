//! What the tests share.

use std::collections::BTreeMap;

use tidings_domain::{
    fanout::{FanoutPorts, fan_out},
    ids::{ClientMsgId, ConnectionId, ConversationId, DeviceId, Sender, Timestamp, UserId},
    log::{Content, ContentKind, EventKind},
    receipts::ReceiptPorts,
    repair::RepairPorts,
    send::{Draft, KnownTails, Outcome, SendError, SendPorts, SendRequest, SendTerms, Sent},
    session::Session,
    strangers::AnyStranger,
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
    let content = Content {
        kind: ContentKind::Text,
        payload: r#"{"text":"hey"}"#.into(),
        client_ts: Timestamp::default(),
        media_handle: None,
        in_reply_to: None,
        thread_root: None,
        mentions: Vec::new(),
        mentions_all: false,
        is_view_once: false,
        forwards: 0,
        choices: Vec::new(),
        ttl_seconds: None,
        envelopes: BTreeMap::default(),
        welcome: None,
        is_withheld: false,
    };
    let draft = Draft {
        sender: sender.clone(),
        conversation: conversation.clone(),
        client_msg_id: ClientMsgId::parse(id).unwrap(),
        event: EventKind::Message,
        target: None,
        content,
        epoch: None,
    };
    SendRequest { draft, devices: BTreeMap::new(), resend_after: None, answer_to: None }
}

/// Sends as a function does that has just started and knows no batch sequencer.
pub(crate) async fn send(world: &World, request: &SendRequest) -> Result<Sent, SendError> {
    send_knowing(world, &KnownTails::default(), request).await
}

/// Sends as a function does that knows some tails.
pub(crate) async fn send_knowing(world: &World, known: &KnownTails, request: &SendRequest) -> Result<Sent, SendError> {
    let terms = SendTerms { known, express_sockets_max: 16, races_lost_max: 0 };
    match tidings_domain::send::send(send_ports(world), terms, request).await? {
        Outcome::Sent(sent) => Ok(*sent),
        Outcome::Queued => panic!("left to the batch sequencer"),
    }
}

pub(crate) fn send_ports(world: &World) -> SendPorts<'_> {
    SendPorts {
        log: world,
        conversations: world,
        sessions: world,
        keys: world,
        bus: world,
        ingest: world,
        strangers: &AnyStranger,
        media: world,
        gateway: world,
        clock: world,
    }
}

pub(crate) fn fanout_ports(world: &World) -> FanoutPorts<'_> {
    FanoutPorts {
        log: world,
        conversations: world,
        sessions: world,
        gateway: world,
        pushes: world,
        mailboxes: world,
        rules: world,
        clock: world,
    }
}

pub(crate) fn repair_ports(world: &World) -> RepairPorts<'_> {
    RepairPorts { conversations: world, sessions: world, bus: world, clock: world }
}

/// In groups of more members nobody hears of another's receipts.
pub(crate) const AGGREGATE_MEMBERS: u64 = 4;

pub(crate) fn receipt_ports(world: &World) -> ReceiptPorts<'_> {
    let aggregate_members = AGGREGATE_MEMBERS;
    ReceiptPorts { log: world, conversations: world, bus: world, clock: world, aggregate_members }
}

pub(crate) fn sync_ports(world: &World) -> SyncPorts<'_> {
    SyncPorts { log: world, conversations: world, personal: world, sessions: world, gateway: world, clock: world }
}

/// Runs the durable lane until the stream is empty, as Lambda does: failed records come again.
pub(crate) async fn drain_stream(world: &World) {
    let mut records = world.take_published();
    for _ in 0..100 {
        let failed = fan_out(fanout_ports(world), 256, records.clone()).await;
        records.retain(|r| failed.contains_key(r.conversation()));
        records.extend(world.take_published());
        if records.is_empty() {
            return;
        }
    }
    panic!("the stream never drained");
}
