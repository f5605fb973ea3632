//! The system around the use cases: clients, API Gateway, the streams and the functions they start.

use std::{
    cell::RefCell,
    collections::{BTreeMap, HashMap},
    future::Future,
    rc::Rc,
    time::Duration,
};

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use tidings_domain::{
    conversation::Watermark,
    ids::{ClientMsgId, ConversationId, MessageId, Sender, Sequence, Timestamp},
    limits::{RACES_LOST_MAX, TAIL_ROWS},
    log::{Content, ContentKind, EventKind},
    notice::Notice,
    receipts::{MarkAt, ReceiptPorts, raise},
    send::{AnswerTo, Draft, KnownTails, Outcome, SendError, SendPorts, SendRequest, SendTerms, send},
    strangers::AnyStranger,
    sync::{SessionTerms, SyncPorts, heartbeat},
};
use tidings_memory::{
    World,
    latency::{API_GATEWAY_TO_LAMBDA, KINESIS_ENHANCED_TO_LAMBDA, Latencies, Percentiles},
};
use tokio::{
    sync::{
        Notify,
        mpsc::{UnboundedSender, unbounded_channel},
    },
    task::spawn_local,
};

use crate::{
    cast::{TEXT_BYTES, payload, socket},
    ledger::Ledger,
    ports::{Put, Streams},
};

/// What can be chosen otherwise.
#[derive(Clone, Copy, Debug)]
pub struct Choices {
    /// Sockets that the express lane posts to at most; zero: there is none.
    pub express_sockets_max: usize,
    /// Members from which on a group is pulled.
    pub push_members_max: usize,
    /// Subscribers of a pulled group that a message is announced to at most.
    pub announce_max: usize,
    /// In groups of more members nobody hears of another's receipts.
    pub aggregate_members: u64,
    /// From the stream to the fan-out.
    pub stream: Percentiles,
    /// How long calls take.
    pub latencies: Latencies,
    /// Rows of the tail that a send reads.
    pub tail_rows: usize,
    /// The append is part of a transaction, which costs twice.
    pub is_transaction: bool,
    /// Races that a send may lose before the batch sequencer has it; zero: there is none.
    pub races_lost_max: u32,
    /// Sends that the batch sequencer gets at once, at most.
    pub sequencer_batch: usize,
    /// Batches of a shard that run at once.
    pub lanes: usize,
    /// Whether anything consumes the streams: off where only the sender is looked at.
    pub has_consumers: bool,
}

impl Choices {
    /// As in the template.
    pub const TEMPLATE: Self = Self {
        express_sockets_max: 16,
        push_members_max: 256,
        announce_max: 256,
        aggregate_members: 32,
        stream: KINESIS_ENHANCED_TO_LAMBDA,
        latencies: Latencies::PUBLISHED,
        tail_rows: TAIL_ROWS,
        is_transaction: false,
        races_lost_max: RACES_LOST_MAX,
        sequencer_batch: 500,
        lanes: 10,
        has_consumers: true,
    };
}

/// The running system.
#[derive(Debug)]
pub struct System {
    /// Tables, streams and sockets.
    pub world: World,
    /// What was chosen.
    pub choices: Choices,
    chance: RefCell<ChaCha8Rng>,
    known: KnownTails,
    ledger: RefCell<Ledger>,
    puts: UnboundedSender<Put>,
    /// When each message left its client.
    started: RefCell<HashMap<MessageId, Duration>>,
    /// The same by device, of those that the batch sequencer has yet to answer: a device has one.
    queued: RefCell<BTreeMap<Sender, (ClientMsgId, Duration)>>,
    answers: Notify,
    sent: RefCell<Vec<Duration>>,
    delivered: RefCell<Vec<Duration>>,
}

impl System {
    /// Starts a system without users.
    pub fn start(seed: u64, choices: Choices) -> Rc<Self> {
        let (puts, puts_taken) = unbounded_channel();
        let system = Rc::new(Self {
            world: World::modelled(seed, choices.latencies),
            choices,
            chance: RefCell::new(ChaCha8Rng::seed_from_u64(seed)),
            known: KnownTails::default(),
            ledger: RefCell::default(),
            puts,
            started: RefCell::default(),
            queued: RefCell::default(),
            answers: Notify::new(),
            sent: RefCell::default(),
            delivered: RefCell::default(),
        });
        spawn_local(system.clone().run_streams(puts_taken));
        system
    }

    /// A client sends a message; done when it is answered, or left to the batch sequencer.
    pub async fn send(&self, sender: &Sender, conversation: &ConversationId, id: &str) -> Outcome {
        self.try_send(sender, conversation, id).await.expect("a send")
    }

    /// As [`Self::send`], where others may be in the way.
    pub async fn try_send(
        &self,
        sender: &Sender,
        conversation: &ConversationId,
        id: &str,
    ) -> Result<Outcome, SendError> {
        let started = self.world.elapsed();
        self.ledger.borrow_mut().frames_in += 1.0;
        let request = self.request(sender, conversation, id);
        self.started.borrow_mut().insert(request.draft.message_id(), started);
        self.hop(API_GATEWAY_TO_LAMBDA).await;
        let (world, streams) = self.as_function("send");
        let ports = SendPorts {
            log: &streams,
            conversations: &world,
            sessions: &world,
            keys: &world,
            bus: &streams,
            ingest: &streams,
            strangers: &AnyStranger,
            media: &world,
            gateway: &world,
            clock: &world,
        };
        let terms = SendTerms {
            known: &self.known,
            express_sockets_max: self.choices.express_sockets_max,
            races_lost_max: self.choices.races_lost_max,
        };
        let outcome = Box::pin(self.run("send", send(ports, terms, &request))).await?;
        match &outcome {
            Outcome::Sent(_) => {
                self.ledger.borrow_mut().frames_out += 1.0;
                self.sent.borrow_mut().push(self.since(started));
            }
            Outcome::Queued => {
                self.queued.borrow_mut().insert(sender.clone(), (request.draft.client_msg_id, started));
            }
        }
        Ok(outcome)
    }

    /// Waits until the batch sequencer has answered all that a device has sent.
    pub async fn answered(&self, sender: &Sender) {
        while self.queued.borrow().contains_key(sender) {
            self.answers.notified().await;
        }
    }

    /// What a client asks for.
    pub fn request(&self, sender: &Sender, conversation: &ConversationId, id: &str) -> SendRequest {
        let socket = socket(sender, Timestamp::default());
        let content = Content {
            kind: ContentKind::Text,
            payload: payload(TEXT_BYTES).into(),
            client_ts: self.world.now(),
            media_handle: None,
            in_reply_to: None,
            thread_root: None,
            mentions: Vec::new(),
            mentions_all: false,
            is_view_once: false,
            forwards: 0,
            choices: Vec::new(),
            ttl_seconds: None,
            envelopes: BTreeMap::new(),
            welcome: None,
            is_withheld: false,
        };
        let draft = Draft {
            sender: sender.clone(),
            conversation: conversation.clone(),
            client_msg_id: ClientMsgId::parse(id).expect("a client's id"),
            event: EventKind::Message,
            target: None,
            content,
            epoch: None,
        };
        SendRequest {
            draft,
            devices: BTreeMap::new(),
            resend_after: None,
            answer_to: Some(AnswerTo { socket, reply_to: None }),
        }
    }

    /// A client says what it has received or read.
    pub async fn mark(&self, reader: &Sender, conversation: &ConversationId, mark: Watermark, up_to: Sequence) {
        self.ledger.borrow_mut().frames_in += 1.0;
        self.hop(API_GATEWAY_TO_LAMBDA).await;
        let (world, streams) = self.as_function("ack");
        let aggregate_members = self.choices.aggregate_members;
        let ports =
            ReceiptPorts { log: &streams, conversations: &world, bus: &streams, clock: &world, aggregate_members };
        let raising = raise(ports, reader, conversation, mark, MarkAt::Sequence(up_to));
        self.run("ack", raising).await.expect("a receipt");
    }

    /// A client says that its user is there.
    pub async fn heartbeat(&self, owner: &Sender, terms: SessionTerms) {
        self.ledger.borrow_mut().frames_in += 1.0;
        self.hop(API_GATEWAY_TO_LAMBDA).await;
        let world = self.world.called_by("presence");
        let ports = SyncPorts {
            log: &world,
            conversations: &world,
            personal: &world,
            sessions: &world,
            gateway: &world,
            clock: &world,
        };
        let socket = socket(owner, Timestamp::default());
        self.run("presence", heartbeat(ports, &world, terms, &socket, true)).await.expect("a heartbeat");
        self.ledger.borrow_mut().frames_out += 1.0;
    }

    /// One function's work, timed.
    pub async fn run<T>(&self, function: &'static str, work: impl Future<Output = T>) -> T {
        let started = self.world.elapsed();
        let done = work.await;
        self.ledger.borrow_mut().ran(function, self.since(started));
        done
    }

    fn since(&self, started: Duration) -> Duration {
        self.world.elapsed().saturating_sub(started)
    }

    async fn hop(&self, time: Percentiles) {
        self.world.wait(self.draw(time)).await;
    }

    pub(crate) fn draw(&self, time: Percentiles) -> Duration {
        Duration::from_secs_f64(time.draw(&mut *self.chance.borrow_mut()) / 1e3)
    }

    /// The world and its streams as a function calls them.
    pub(crate) fn as_function(&self, name: &'static str) -> (World, Streams) {
        let world = self.world.called_by(name);
        (world.clone(), Streams { world, puts: self.puts.clone(), tail_rows: self.choices.tail_rows })
    }

    /// Enters what was called and posted since the last time, and lets the world forget it.
    pub fn settle(&self) {
        let mut ledger = self.ledger.borrow_mut();
        for call in self.world.take_calls() {
            let factor = if self.choices.is_transaction && call.operation == "append" { 2.0 } else { 1.0 };
            ledger.called(&call, factor);
        }
        drop(ledger);
        self.settle_posts();
    }

    /// Enters what was posted.
    pub fn settle_posts(&self) {
        self.world.take_published();
        self.world.take_ingested();
        let started = self.started.borrow();
        for posted in self.world.take_posted() {
            self.ledger.borrow_mut().frames_out += 1.0;
            match &posted.notice {
                Notice::Entry(entry) => {
                    if let Some(started) = started.get(&entry.message_id()) {
                        self.delivered.borrow_mut().push(posted.at.saturating_sub(*started));
                    }
                }
                Notice::Answer(answer) => {
                    let mut queued = self.queued.borrow_mut();
                    if queued.get(&posted.to).is_some_and(|(id, _)| *id == answer.client_msg_id)
                        && let Some((_, started)) = queued.remove(&posted.to)
                    {
                        self.sent.borrow_mut().push(posted.at.saturating_sub(started));
                        self.answers.notify_waiters();
                    }
                }
                _ => {}
            }
        }
    }

    /// Forgets what was counted so far: the warm-up is over.
    pub fn forget(&self) {
        self.settle();
        *self.ledger.borrow_mut() = Ledger::default();
        self.started.borrow_mut().clear();
        self.sent.borrow_mut().clear();
        self.delivered.borrow_mut().clear();
    }

    /// What was counted.
    pub fn ledger(&self) -> Ledger {
        self.settle();
        self.ledger.borrow().clone()
    }

    /// From send to `message.sent`, of each message.
    pub fn sent(&self) -> Vec<Duration> {
        self.sent.borrow().clone()
    }

    /// From send until a socket has it, of each socket.
    pub fn delivered(&self) -> Vec<Duration> {
        self.settle();
        self.delivered.borrow().clone()
    }
}

/// Runs something in virtual time, on one thread.
pub fn in_virtual_time<T>(work: impl Future<Output = T>) -> T {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
    tokio::task::LocalSet::new().block_on(&runtime, work)
}
