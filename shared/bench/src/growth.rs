//! How costs and times grow with members, conversations, the log and what was missed.

use std::rc::Rc;

use serde::Serialize;
use tidings_domain::{
    conversation::{Advance, Member, Watermark},
    fanout::{FanoutPorts, fan_out},
    history::{ReadPorts, Span, page},
    ids::{ConversationId, Sender, Sequence, Timestamp},
    log::{ConversationState, Entry},
    ports::{Conversations, Log},
    receipts::{MarkAt, ReceiptPorts, raise},
    ring::RingEntry,
    send::Outcome,
    sessions::Socket,
    stream::StreamRecord,
    sync::{HelloRequest, ListCursor, ResumeTokens, SessionTerms, SyncPorts, hello, list},
};
use tidings_memory::{Units, World};

use crate::{
    cast::{Chat, device, session, socket, user},
    system::{Choices, System, in_virtual_time},
};

/// What one piece of work takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cost {
    /// What grows.
    pub x: usize,
    /// Requests to AWS.
    pub requests: usize,
    /// Read units.
    pub read_units: f64,
    /// Write units.
    pub write_units: usize,
    /// Frames to clients.
    pub frames: usize,
    /// Time in the function, in milliseconds: the median of several runs.
    pub ms: f64,
}

impl Cost {
    /// Everything but the place and the time: what does not depend on chance.
    pub fn counts(&self) -> (usize, f64, usize, usize) {
        (self.requests, self.read_units, self.write_units, self.frames)
    }
}

/// One kind of work along one axis.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Curve {
    /// What is done.
    pub work: &'static str,
    /// At each place of the axis.
    pub costs: Vec<Cost>,
}

/// Curves along one axis.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Growth {
    /// For a file's name.
    pub id: &'static str,
    /// What grows.
    pub axis: &'static str,
    /// The curves.
    pub curves: Vec<Curve>,
}

impl Growth {
    /// The costs of a kind of work, place by place.
    pub fn costs(&self, work: &str) -> &[Cost] {
        self.curves.iter().find(|curve| curve.work == work).map_or(&[], |curve| &curve.costs)
    }
}

/// Runs for the median of a time.
const RUNS: usize = 25;
/// Of work that takes long to model, fewer.
const RUNS_OF_LARGE: usize = 3;

/// All of it.
pub fn all() -> Vec<Growth> {
    vec![
        members(&[2, 10, 16, 17, 50, 100, 200, 255, 256, 1_000, 10_000, 100_000]),
        conversations(&[1, 10, 100, 1_000, 10_000]),
        log_length(&[10, 100, 1_000, 4_096, 10_000, 100_000, 1_000_000]),
        backlog(&[0, 1, 10, 100, 1_000, 1_001, 10_000, 100_000]),
    ]
}

/// Along the members of a conversation, all of them connected, or, where it is pulled, a tenth.
pub fn members(sizes: &[usize]) -> Growth {
    let at = |&x: &usize| {
        in_virtual_time(async move {
            let system = System::start(1, Choices { has_consumers: false, ..Choices::TEMPLATE });
            let is_pulled = x >= system.choices.push_members_max;
            let chat = Chat::open_to(&system.world, 0, x, if is_pulled { x / 10 } else { x });
            let runs = if x > 1_000 { RUNS_OF_LARGE } else { RUNS };
            let (sender, reader) = (&chat.devices[0], &chat.devices[1]);
            let (world, streams) = system.as_function("ack");
            let mut fanned_out = Probe::new(&system, x);
            for n in 0..runs {
                let outcome = system.send(sender, &chat.conversation, &format!("f-{n}")).await;
                let Outcome::Sent(sent) = outcome else { unreachable!("nothing is hot here") };
                let conversation = chat.conversation.clone();
                let record = StreamRecord::Appended { conversation, entries: vec![sent.entry], reached: Vec::new() };
                fanned_out.run(fan_out_one(&system, record)).await;
            }
            let sent = cost_of_sending(&system, x, RUNS, &chat).await;
            let aggregate_members = system.choices.aggregate_members;
            let ports =
                ReceiptPorts { log: &streams, conversations: &world, bus: &streams, clock: &world, aggregate_members };
            let marked = cost(&system, x, RUNS, async |n| {
                let at = MarkAt::Sequence(Sequence(1 + n as u64));
                raise(ports, reader, &chat.conversation, Watermark::Read, at).await.expect("a mark");
            })
            .await;
            let receipt_fanned_out = cost(&system, x, runs, async |n| {
                let receipt = tidings_domain::stream::Receipt {
                    conversation: chat.conversation.clone(),
                    by: reader.clone(),
                    mark: Watermark::Read,
                    up_to: Sequence(1 + n as u64),
                    message_id: system.request(sender, &chat.conversation, "s-1").draft.message_id(),
                    membership_version: Sequence(1),
                    ts: system.world.now(),
                    is_own_alone: x as u64 > aggregate_members,
                };
                fan_out_one(&system, StreamRecord::Raised(receipt)).await;
            })
            .await;
            [sent, fanned_out.cost(), marked, receipt_fanned_out]
        })
    };
    let works =
        ["send, until its answer", "fan-out of a message", "receipt, until it is stored", "fan-out of a receipt"];
    growth("members", "members", works, &sizes.iter().map(at).collect::<Vec<_>>())
}

/// Along the conversations of a user, none of which has anything new.
pub fn conversations(sizes: &[usize]) -> Growth {
    let at = |&x: &usize| {
        in_virtual_time(async move {
            let system = System::start(1, Choices { has_consumers: false, ..Choices::TEMPLATE });
            let me = device(0, "phone");
            let world = &system.world;
            // The first is a minute old, the others are of days before.
            world.wait(std::time::Duration::from_hours(24)).await;
            let now = world.now();
            for n in 0..x {
                let conversation = ConversationId::direct(me.user.clone(), user(n + 1));
                let age_ms = if n == 0 { 60_000 } else { 3_600_000 + n as u64 * 7_000 };
                let row = Member {
                    last_sequence: Sequence(10),
                    last_ts: Timestamp(now.0 - age_ms),
                    delivered_up_to: Sequence(10),
                    read_up_to: Sequence(10),
                    ..Member::new(me.user.clone())
                };
                world.set_member(&conversation, &me.user, Some(row));
                world.overwrite_entry(&last_entry(&system, &me, &conversation, now));
            }
            let resumed = HelloRequest { up_to_date_at: Some(now), ..HelloRequest::default() };
            [
                cost(&system, x, RUNS, async |_| said_hello(&system, &me, &resumed).await).await,
                cost(&system, x, RUNS_OF_LARGE, async |_| said_hello(&system, &me, &HelloRequest::default()).await)
                    .await,
                cost(&system, x, RUNS, async |_| listed(&system, &me, now, 100).await).await,
                cost(&system, x, RUNS, async |_| listed(&system, &me, Timestamp::default(), 20).await).await,
                cost_of_a_later_page(&system, &me, x).await,
            ]
        })
    };
    let works = [
        "hello, resumed",
        "hello of a new device",
        "list since the last list",
        "first page of 20",
        "page of 20 in the middle",
    ];
    growth("conversations", "conversations of the user", works, &sizes.iter().map(at).collect::<Vec<_>>())
}

/// The row of a conversation whose member row says that it has ten entries: the last one.
fn last_entry(system: &System, sender: &Sender, conversation: &ConversationId, now: Timestamp) -> Entry {
    system.request(sender, conversation, "last").draft.entry_at(Sequence(10), now, ConversationState::default())
}

/// A page of the list that begins half way down, where there is one; else the first.
async fn cost_of_a_later_page(system: &System, me: &Sender, conversations: usize) -> Cost {
    let world = &system.world;
    let half = (conversations / 2).max(1);
    let page = world.by_activity(&me.user, Timestamp::default(), None, half).await.expect("a page");
    let cursor = ListCursor { since: Timestamp::default(), middle: page.next.map(|key| (key, world.now())) };
    cost(system, conversations, RUNS, async |_| {
        let world = system.world.called_by("api");
        let ports = SyncPorts {
            log: &world,
            conversations: &world,
            personal: &world,
            sessions: &world,
            gateway: &world,
            clock: &world,
        };
        list(ports, &me.user, &cursor, 20).await.expect("a list");
    })
    .await
}

/// Along the log of a 1:1 conversation.
pub fn log_length(sizes: &[usize]) -> Growth {
    let at = |&x: &usize| {
        in_virtual_time(async move {
            let end = Sequence(x as u64);
            let (system, chat) = long_chat(1, end, end).await;
            let reader = &chat.devices[1];
            let (world, streams) = system.as_function("read");
            let id = message_id_at(&world, &chat.conversation, Sequence(end.0 - 9)).await;
            let aggregate_members = system.choices.aggregate_members;
            let receipts =
                ReceiptPorts { log: &streams, conversations: &world, bus: &streams, clock: &world, aggregate_members };
            let reads = ReadPorts { log: &world, conversations: &world, personal: &world, clock: &world };
            let by_sequence = cost(&system, x, RUNS, async |_| {
                let at = MarkAt::Sequence(end);
                raise(receipts, reader, &chat.conversation, Watermark::Read, at).await.expect("a mark");
            })
            .await;
            let by_id = cost(&system, x, RUNS, async |_| {
                let at = MarkAt::Message(id);
                raise(receipts, reader, &chat.conversation, Watermark::Read, at).await.expect("a mark");
            })
            .await;
            let last_page = cost(&system, x, RUNS, async |_| {
                let span = Span::Before(end.next());
                page(reads, &reader.user, &chat.conversation, span, 50).await.expect("a page");
            })
            .await;
            let cold = cost_of_first_send(x).await;
            let warm = cost_of_sending(&system, x, RUNS, &chat).await;
            [warm, cold, by_sequence, by_id, last_page]
        })
    };
    let works = [
        "send",
        "send, the first of a new function",
        "read up to a sequence",
        "read up to a message id",
        "last page of 50",
    ];
    growth("log", "messages in the log", works, &sizes.iter().map(at).collect::<Vec<_>>())
}

/// What the first send of a function takes: each time of a new one.
async fn cost_of_first_send(x: usize) -> Cost {
    let mut costs = Vec::new();
    for seed in 0..RUNS {
        let end = Sequence(x as u64);
        let (system, chat) = long_chat(seed as u64, end, end).await;
        costs.push(cost_of_sending(&system, x, 1, &chat).await);
    }
    costs.sort_by(|a, b| a.ms.total_cmp(&b.ms));
    costs[costs.len() / 2]
}

/// Along the messages that a device has missed in a 1:1 conversation.
pub fn backlog(sizes: &[usize]) -> Growth {
    let at = |&x: &usize| {
        in_virtual_time(async move {
            let end = Sequence(200_000);
            let (system, chat) = long_chat(1, end, Sequence(end.0 - x as u64)).await;
            let reader = &chat.devices[1];
            let before = system.world.member(&chat.conversation, &reader.user);
            let mut costs = [Cost::default(); 3];
            costs[0] = cost(&system, x, RUNS_OF_LARGE, async |_| {
                said_hello(&system, reader, &HelloRequest::default()).await;
            })
            .await;
            system.world.set_member(&chat.conversation, &reader.user, before);
            costs[1] = cost(&system, x, RUNS, async |_| listed(&system, reader, Timestamp::default(), 20).await).await;
            costs[2] = cost_of_sending(&system, x, RUNS, &chat).await;
            costs
        })
    };
    let works = ["hello, with the drain", "list with unread counts", "send to who is behind"];
    growth("backlog", "messages not delivered", works, &sizes.iter().map(at).collect::<Vec<_>>())
}

/// Puts the costs of several kinds of work at several places in order, by work.
fn growth<const WORKS: usize>(
    id: &'static str,
    axis: &'static str,
    works: [&'static str; WORKS],
    costs: &[[Cost; WORKS]],
) -> Growth {
    let curve = |n: usize| Curve { work: works[n], costs: costs.iter().map(|of_place| of_place[n]).collect() };
    Growth { id, axis, curves: (0..WORKS).map(curve).collect() }
}

/// Adds up what some work takes: counted at its last run, timed over all.
struct Probe<'a> {
    system: &'a System,
    cost: Cost,
    times: Vec<f64>,
}

impl<'a> Probe<'a> {
    fn new(system: &'a System, x: usize) -> Self {
        Self { system, cost: Cost { x, ..Cost::default() }, times: Vec::new() }
    }

    async fn run(&mut self, work: impl Future<Output = ()>) {
        self.system.forget();
        let started = self.system.world.elapsed();
        work.await;
        self.times.push(self.system.world.elapsed().saturating_sub(started).as_secs_f64() * 1e3);
        let calls = self.system.world.calls();
        let sum = |of: fn(&Units) -> usize| calls.iter().map(|call| of(&call.units)).sum::<usize>();
        #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
        let read_units = sum(|units| units.half_reads) as f64 / 2.0;
        self.cost = Cost {
            requests: sum(|units| units.requests),
            read_units,
            write_units: sum(|units| units.writes),
            frames: calls.iter().filter(|call| call.operation == "post").count(),
            ..self.cost
        };
    }

    fn cost(mut self) -> Cost {
        self.times.sort_by(f64::total_cmp);
        Cost { ms: self.times[self.times.len() / 2], ..self.cost }
    }
}

/// What some work takes.
async fn cost(system: &System, x: usize, runs: usize, mut work: impl AsyncFnMut(usize)) -> Cost {
    let mut probe = Probe::new(system, x);
    for n in 0..runs {
        probe.run(work(n)).await;
    }
    probe.cost()
}

/// What a send takes up to its answer, where the fan-out keeps up.
async fn cost_of_sending(system: &System, x: usize, runs: usize, chat: &Chat) -> Cost {
    let sender = &chat.devices[0];
    let mut probe = Probe::new(system, x);
    for n in 0..runs {
        let mut outcome = None;
        probe.run(async { outcome = Some(system.send(sender, &chat.conversation, &format!("s-{n}")).await) }).await;
        let Some(Outcome::Sent(sent)) = outcome else { unreachable!("nothing is hot here") };
        let ring_entry = RingEntry::of(sent.entry.message_id(), sent.entry.sequence);
        let advance = Advance {
            after: sent.entry.sequence.previous(),
            sent_at: Some(sent.entry.ts),
            last_sequence: sent.entry.sequence,
            last_ts: sent.entry.ts,
            moved_at: sent.entry.ts,
            sent: [(sender.device.clone(), vec![ring_entry])].into(),
        };
        system.world.advance(&chat.conversation, &sender.user, &advance).await.expect("a row");
    }
    probe.cost()
}

async fn fan_out_one(system: &System, record: StreamRecord) {
    let world = system.world.called_by("fanout");
    let ports = FanoutPorts {
        log: &world,
        conversations: &world,
        sessions: &world,
        gateway: &world,
        pushes: &world,
        mailboxes: &world,
        rules: &world,
        clock: &world,
    };
    assert!(fan_out(ports, system.choices.announce_max, [record]).await.is_empty(), "nothing fails here");
}

/// A 1:1 conversation with a log of such an end, of which the second member has received so much.
/// Only rows that anything looks at are there.
async fn long_chat(seed: u64, end: Sequence, delivered: Sequence) -> (Rc<System>, Chat) {
    let system = System::start(seed, Choices { has_consumers: false, ..Choices::TEMPLATE });
    let chat = Chat::open(&system.world, 0, 2);
    let near = |from: Sequence, count: u64| from.0.saturating_sub(count).max(1)..=from.0.min(end.0);
    let after_delivered = delivered.0 + 1..=(delivered.0 + 1_100).min(end.0);
    let mut sequences: Vec<u64> = near(end, 200).chain(near(tidings_domain::log::partition_end(0), 10)).collect();
    sequences.extend(after_delivered);
    sequences.sort_unstable();
    sequences.dedup();
    for sequence in sequences {
        let request = system.request(&chat.devices[0], &chat.conversation, &format!("s{sequence}"));
        let entry = request.draft.entry_at(Sequence(sequence), system.world.now(), ConversationState::default());
        system.world.append(&[entry]).await.expect("a row");
    }
    for (n, owner) in chat.devices.iter().enumerate() {
        let up_to = if n == 0 { end } else { delivered };
        let row = Member {
            last_sequence: end,
            last_ts: system.world.now(),
            delivered_up_to: up_to,
            read_up_to: up_to,
            ..Member::new(owner.user.clone())
        };
        system.world.set_member(&chat.conversation, &owner.user, Some(row));
    }
    (system, chat)
}

async fn message_id_at(
    world: &World,
    conversation: &ConversationId,
    sequence: Sequence,
) -> tidings_domain::ids::MessageId {
    let consistency = tidings_domain::ports::Consistency::Strong;
    let entry = world.read_one(conversation, sequence, consistency).await.expect("a read").expect("a row");
    entry.message_id()
}

/// Resume tokens are not looked at here.
struct NoTokens;

impl ResumeTokens for NoTokens {
    fn issue(&self, _: &Socket, _: Timestamp) -> String {
        String::new()
    }
}

async fn said_hello(system: &System, owner: &Sender, request: &HelloRequest) {
    let session = session(owner, system.world.now());
    system.world.open(&session);
    let socket = socket(owner, session.connected_at);
    let world = system.world.called_by("sync");
    let ports = SyncPorts {
        log: &world,
        conversations: &world,
        personal: &world,
        sessions: &world,
        gateway: &world,
        clock: &world,
    };
    let terms = SessionTerms { heartbeat_seconds: 240, session_ttl_seconds: 300, send_window: 32 };
    hello(ports, &NoTokens, terms, &socket, request).await.expect("a hello");
}

async fn listed(system: &System, owner: &Sender, since: Timestamp, limit: usize) {
    let world = system.world.called_by("api");
    let ports = SyncPorts {
        log: &world,
        conversations: &world,
        personal: &world,
        sessions: &world,
        gateway: &world,
        clock: &world,
    };
    let cursor = ListCursor { since: tidings_domain::conversation::activity_bucket(since), middle: None };
    list(ports, &owner.user, &cursor, limit).await.expect("a list");
}
