//! One device: a real client, a store that outlives it, and a life full of interruptions.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, Instant},
};

use rand::{Rng, rngs::StdRng};
use tidings_sdk::{Client, Draft, Event, Events, SendError, protocol::MessageNew};
use tokio::{
    sync::{mpsc, watch},
    time::{sleep, timeout},
};

use super::{
    Phase,
    ledger::Ledger,
    plan::{DeviceName, Message, Plan},
    wire::Wire,
};
use crate::{stack::Stack, user::User};

/// How long a client runs until something ends it, in seconds for each device of the run: so that,
/// however many there are, about one a second comes back.
const LIFE_S_PER_DEVICE: std::ops::Range<f64> = 0.3..2.0;
/// How long a device is away, in seconds.
const AWAY_S: std::ops::Range<f64> = 0.3..6.0;
/// How many of the messages are read by a user who looks.
const READ_SHARE: f64 = 0.1;
/// Acknowledgements wait for the next message: they are the larger half of the load.
const ACK_DELAY: Duration = Duration::from_secs(2);

/// What a device keeps over its starts.
#[derive(Default)]
pub(super) struct Store {
    /// The message ids held, by conversation and sequence.
    pub(super) held: BTreeMap<String, BTreeMap<u64, String>>,
    /// Not known to be accepted yet, by clientMsgId.
    pending: BTreeMap<String, Message>,
    pub(super) ends: BTreeMap<&'static str, usize>,
    pub(super) disconnects: usize,
}

impl Store {
    /// Everything up to here is held.
    pub(super) fn place(&self, conversation: &str) -> u64 {
        let held = self.held.get(conversation);
        let gapless = held.into_iter().flat_map(BTreeMap::keys).zip(1..).take_while(|(at, n)| **at == *n);
        gapless.count() as u64
    }
}

/// How a life ends.
#[derive(Clone, Copy)]
enum End {
    /// The application says goodbye.
    Close,
    /// It is killed: nothing more is said, and what it was told in the last moment is lost.
    Crash,
    /// It stays, and has no network for a while.
    Outage,
}

pub(super) struct Device {
    plan: Arc<Plan>,
    index: usize,
    ledger: Arc<Ledger>,
    pub(super) wire: Arc<Wire>,
    store: Mutex<Store>,
}

impl Device {
    pub(super) async fn new(plan: Arc<Plan>, index: usize, ledger: Arc<Ledger>) -> Self {
        let wire = Wire::to(gateway()).await;
        // A store that says what it has: a conversation of which nothing is held starts at its beginning.
        let held = plan.conversations_of(index).map(|found| (found.id.clone(), BTreeMap::new())).collect();
        let store = Store { held, ..Store::default() };
        Self { plan, index, ledger, wire, store: Mutex::new(store) }
    }

    pub(super) fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().expect("a whole store")
    }

    pub(super) fn user(&self) -> &User {
        &self.plan.users[self.name().user]
    }

    fn name(&self) -> &DeviceName {
        &self.plan.devices[self.index]
    }

    /// As reports call it.
    pub(super) fn label(&self) -> String {
        format!("{} on {}", self.user().id, self.name().id)
    }

    /// Lives until the run is over. In trouble its lives are short; in calm the last one lasts.
    pub(super) async fn live(
        self: Arc<Self>,
        mut orders: mpsc::UnboundedReceiver<Message>,
        mut phases: watch::Receiver<Phase>,
    ) {
        let mut chance = self.plan.chance(1_000 + self.index as u64);
        while *phases.borrow() != Phase::Over {
            let started = Instant::now();
            let (client, mut events) = self.start();
            let pending: Vec<Message> = self.store().pending.values().cloned().collect();
            for message in pending {
                self.say(&client, message).await;
            }
            let mut life = Box::pin(sleep(self.life(&mut chance)));
            let end = loop {
                tokio::select! {
                    event = events.next() => {
                        let Some(event) = event else {
                            self.ledger.violation(format!("{} was stopped for good", self.label()));
                            break End::Crash;
                        };
                        self.hear(&client, event, started, &mut chance);
                    }
                    Some(message) = orders.recv() => {
                        self.ledger.sending(message.clone());
                        self.store().pending.insert(message.client_msg_id.clone(), message.clone());
                        self.say(&client, message).await;
                    }
                    () = &mut life, if *phases.borrow() == Phase::Trouble => match draw(&mut chance) {
                        End::Outage => {
                            self.outage(seconds(&mut chance, AWAY_S));
                            life = Box::pin(sleep(self.life(&mut chance)));
                        }
                        end => break end,
                    },
                    _ = phases.changed() => if *phases.borrow() == Phase::Over { break End::Close },
                }
            };
            self.end(client, events, end, started, &mut chance).await;
            if *phases.borrow() == Phase::Trouble {
                // It comes back at once when the trouble is over.
                let _ = timeout(seconds(&mut chance, AWAY_S), phases.changed()).await;
            }
        }
    }

    fn life(&self, chance: &mut StdRng) -> Duration {
        seconds(chance, LIFE_S_PER_DEVICE) * u32::try_from(self.plan.devices.len()).expect("not that many devices")
    }

    fn start(&self) -> (Client, Events) {
        let path = Stack::get().ws_url.splitn(4, '/').nth(3).expect("a path").to_owned();
        let cursors: Vec<(String, u64)> = {
            let store = self.store();
            store.held.keys().map(|conversation| (conversation.clone(), store.place(conversation))).collect()
        };
        self.user()
            .sdk(&self.name().id)
            .url(format!("ws://127.0.0.1:{}/{path}", self.wire.port()))
            .cursors(cursors)
            .auto_ack(false)
            .ack_delay(ACK_DELAY)
            .backoff(Duration::from_millis(100), Duration::from_secs(3))
            .ping(Duration::from_secs(6), Duration::from_secs(4))
            .connect()
            .expect("a client")
    }

    async fn say(&self, client: &Client, message: Message) {
        let draft = Draft::text(message.text).client_msg_id(message.client_msg_id);
        // What becomes of it is told by events.
        drop(client.send(&self.plan.conversations[message.conversation].id, draft).await);
    }

    fn hear(&self, client: &Client, event: Event, started: Instant, chance: &mut StdRng) {
        match event {
            Event::Message(message) => self.message(client, &message, started, chance),
            Event::MessageSent(sent) => {
                self.ledger.accepted(&self.label(), &sent);
                let mut store = self.store();
                store.pending.remove(&sent.client_msg_id);
                store.held.entry(sent.conversation_id).or_default().insert(sent.sequence, sent.message_id);
            }
            Event::SendFailed { error: SendError::Stopped, .. } => {}
            Event::SendFailed { conversation_id, client_msg_id, error } => {
                let what = format!("refused: {client_msg_id} of {}, in {conversation_id}: {error}", self.label());
                self.ledger.violation(what);
            }
            Event::Delivered(_) | Event::Read(_) => self.ledger.book().receipts += 1,
            Event::Disconnected { .. } => self.store().disconnects += 1,
            _ => {}
        }
    }

    /// The client promises: each message once, in order, without a gap.
    fn message(&self, client: &Client, message: &MessageNew, started: Instant, chance: &mut StdRng) {
        let conversation = &message.conversation_id;
        let mut store = self.store();
        let is_own = message.sender_user_id == self.user().id && message.sender_device_id == self.name().id;
        if is_own && store.held[conversation].get(&message.sequence) == Some(&message.message_id) {
            // Accepted in an earlier life and stored then, while something before it was still missing.
            return;
        }
        let expected = store.place(conversation) + 1;
        if message.sequence != expected {
            let what =
                if message.sequence < expected { "handed over twice" } else { "handed over before what is missing" };
            self.ledger.violation(format!(
                "{what}: {conversation} at {}, to {}, which expected {expected}",
                message.sequence,
                self.label()
            ));
        }
        let held = store.held.entry(conversation.clone()).or_default();
        held.insert(message.sequence, message.message_id.clone());
        let place = store.place(conversation);
        drop(store);
        self.ledger.delivered(&self.label(), message, started);
        client.ack(conversation, place);
        if chance.random_bool(READ_SHARE) {
            client.mark_read(conversation, place);
        }
    }

    fn outage(self: &Arc<Self>, length: Duration) {
        *self.store().ends.entry("outages").or_default() += 1;
        self.wire.set_down(true);
        let this = Arc::clone(self);
        tokio::spawn(async move {
            sleep(length).await;
            this.wire.set_down(false);
        });
    }

    async fn end(&self, client: Client, mut events: Events, end: End, started: Instant, chance: &mut StdRng) {
        if matches!(end, End::Crash) {
            *self.store().ends.entry("crashes").or_default() += 1;
            // Its network goes first, so that it cannot say goodbye.
            self.wire.cut();
            return;
        }
        *self.store().ends.entry("closes").or_default() += 1;
        let closing = client.clone();
        let closed = tokio::spawn(async move { closing.close().await });
        // An application that closes takes what it is still told.
        while let Some(event) = events.next().await {
            self.hear(&client, event, started, chance);
        }
        closed.await.expect("a close");
    }
}

fn draw(chance: &mut StdRng) -> End {
    match chance.random_range(0..10) {
        0..4 => End::Crash,
        4..7 => End::Outage,
        _ => End::Close,
    }
}

fn seconds(chance: &mut StdRng, range: std::ops::Range<f64>) -> Duration {
    Duration::from_secs_f64(chance.random_range(range))
}

/// Where the WebSocket API listens.
fn gateway() -> SocketAddr {
    let host = Stack::get().ws_url.split('/').nth(2).expect("a host");
    host.parse().expect("the address of the local AWS")
}
