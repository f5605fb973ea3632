//! Chats of several kinds, and what a message of each comes to.

use std::{rc::Rc, time::Duration};

use futures_util::future::join_all;
use serde::Serialize;
use tidings_domain::{
    conversation::Watermark,
    ids::{Sender, Sequence},
    ports::Conversations,
    send::Outcome,
};
use tidings_memory::latency::{KINESIS_TO_LAMBDA, Latencies, TRANSACTION};

use crate::{
    cast::Chat,
    ledger::Ledger,
    prices::Bill,
    system::{Choices, System, in_virtual_time},
    times::Times,
};

/// Between two messages of one burst: four come within the 0.3 s that a client may wait.
const IN_BURST: Duration = Duration::from_millis(100);
/// A burst is read so long after it.
const READING: Duration = Duration::from_millis(200);
/// Between the reading of one burst and the next burst.
const PAUSE: Duration = Duration::from_millis(2_800);
/// After the last message, until every lane is done with it.
const REST: Duration = Duration::from_secs(30);
/// Senders of a group take turns: so many of its members.
const SENDERS_MAX: usize = 8;

/// What readers say of what they get.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Receipts {
    /// Nothing that is counted: their marks rise of themselves, for a message alone.
    Free,
    /// Nothing, which the repair lane takes for a loss.
    Nothing,
    /// Each message is acknowledged, and then read.
    AckAndRead,
    /// A burst is read, which says that it was received.
    Read,
}

/// Chats of one kind.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// What it is called.
    pub name: &'static str,
    /// Members of each.
    pub members: usize,
    /// Chats at once, which share a shard.
    pub chats: usize,
    /// Messages of all together.
    pub messages: usize,
    /// Messages that come close together, and share their receipts.
    pub burst: usize,
    /// What readers say.
    pub receipts: Receipts,
    /// Messages of each chat before anything is counted.
    pub warm_up: usize,
    /// What is chosen.
    pub choices: Choices,
}

/// What became of it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The name of the scenario.
    pub name: &'static str,
    /// Members of a chat.
    pub members: usize,
    /// Messages that were counted.
    pub messages: usize,
    /// From send to `message.sent`.
    pub sent: Times,
    /// From send until a reader's socket has it, of each reader.
    pub delivered: Times,
    /// A message's part of everything.
    pub message: Ledger,
    /// A million of them with functions of 512 MB.
    pub bill: Bill,
    /// The same with functions of 256 MB.
    pub bill_256: Bill,
}

impl Report {
    /// Frames, write units and read units of a message, rounded to hundredths.
    pub fn counts(&self) -> [f64; 3] {
        let total = self.message.total();
        [self.message.frames(), total.write_units, total.read_units].map(|n| (n * 100.0).round() / 100.0)
    }
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            name: "1:1, read at once",
            members: 2,
            chats: 1,
            messages: 10_000,
            burst: 1,
            receipts: Receipts::Read,
            warm_up: 100,
            choices: Choices::TEMPLATE,
        }
    }
}

impl Scenario {
    /// Runs it, in virtual time.
    pub fn run(&self) -> Report {
        in_virtual_time(async {
            let system = System::start(1, self.choices);
            let chats: Vec<Chat> =
                (0..self.chats).map(|n| Chat::open(&system.world, n * self.members, self.members)).collect();
            self.talk(&system, &chats, "w", self.warm_up).await;
            system.forget();
            self.talk(&system, &chats, "m", self.messages / self.chats).await;
            let message = system.ledger().per_message(self.messages);
            Report {
                name: self.name,
                members: self.members,
                messages: self.messages,
                sent: Times::of(&system.sent()),
                delivered: Times::of(&system.delivered()),
                bill: Bill::per_million(&message, 512.0),
                bill_256: Bill::per_million(&message, 256.0),
                message,
            }
        })
    }

    async fn talk(&self, system: &Rc<System>, chats: &[Chat], prefix: &str, messages: usize) {
        let talks = chats.iter().enumerate().map(|(n, chat)| async move {
            // Chats do not keep time with one another.
            system.world.wait(PAUSE * u32::try_from(n).unwrap_or(0) / u32::try_from(chats.len()).unwrap_or(1)).await;
            let mut left = messages;
            while left > 0 {
                let burst = self.burst.min(left);
                self.burst(system, chat, prefix, left, burst).await;
                left -= burst;
            }
        });
        join_all(talks).await;
        system.world.wait(REST).await;
    }

    /// Some messages of one sender, and what the others say to them.
    async fn burst(&self, system: &System, chat: &Chat, prefix: &str, left: usize, messages: usize) {
        let sender = &chat.devices[left / self.burst.max(1) % chat.devices.len().min(SENDERS_MAX)];
        let mut last = Sequence::ZERO;
        for n in 0..messages {
            let started = system.world.elapsed();
            let id = format!("{prefix}-{:08}", left - n);
            let outcome = system.send(sender, &chat.conversation, &id).await;
            if let Outcome::Sent(sent) = outcome {
                last = sent.entry.sequence;
            }
            system.world.wait((started + IN_BURST).saturating_sub(system.world.elapsed())).await;
        }
        system.world.wait(READING).await;
        let readers = chat.devices.iter().filter(|device| *device != sender);
        join_all(readers.map(|reader| self.hear(system, chat, reader, last))).await;
        system.world.wait(PAUSE).await;
        system.settle();
    }

    async fn hear(&self, system: &System, chat: &Chat, reader: &Sender, up_to: Sequence) {
        match self.receipts {
            Receipts::Free => {
                let now = system.world.now();
                let raised = system.world.raise(&chat.conversation, &reader.user, Watermark::Read, up_to, now).await;
                assert!(raised.expect("a mark"), "each is read once");
            }
            Receipts::Nothing => {}
            Receipts::AckAndRead => {
                system.mark(reader, &chat.conversation, Watermark::Delivered, up_to).await;
                system.world.wait(READING).await;
                system.mark(reader, &chat.conversation, Watermark::Read, up_to).await;
            }
            Receipts::Read => system.mark(reader, &chat.conversation, Watermark::Read, up_to).await,
        }
    }
}

/// The lively chat of the design: of four messages that come within 0.3 s, one receipt.
pub const LIVELY: Scenario = Scenario {
    name: "1:1, one read for four messages",
    members: 2,
    chats: 1,
    messages: 10_000,
    burst: 4,
    receipts: Receipts::Read,
    warm_up: 100,
    choices: Choices::TEMPLATE,
};

/// Chats of two.
pub fn direct() -> Vec<Scenario> {
    let base = Scenario::default();
    vec![
        Scenario { name: "1:1, without receipts", receipts: Receipts::Free, ..base },
        base,
        Scenario { name: "1:1, acknowledged, then read", receipts: Receipts::AckAndRead, ..base },
        LIVELY,
        Scenario { name: "the same, 200 chats in a shard", chats: 200, ..LIVELY },
        Scenario { name: "1:1, never acknowledged", receipts: Receipts::Nothing, ..base },
    ]
}

/// Groups.
pub fn groups() -> Vec<Scenario> {
    let group = |name, members, messages, receipts| Scenario {
        name,
        members,
        messages,
        receipts,
        warm_up: if members > 1000 { 1 } else { 3 },
        ..Scenario::default()
    };
    vec![
        group("group of 10, without receipts", 10, 10_000, Receipts::Free),
        group("group of 10, each reads", 10, 10_000, Receipts::Read),
        group("group of 200, without receipts", 200, 10_000, Receipts::Free),
        group("group of 200, each reads", 200, 10, Receipts::Read),
        group("group of 10,000, without receipts", 10_000, 5, Receipts::Free),
        group("group of 10,000, each reads", 10_000, 1, Receipts::Read),
    ]
}

/// A 1:1 chat that is read at once, with one thing chosen otherwise.
pub fn choices() -> Vec<Scenario> {
    let with = |name, choices| Scenario { name, choices, ..Scenario::default() };
    let template = Choices::TEMPLATE;
    let transaction = Latencies { append: TRANSACTION, ..Latencies::PUBLISHED };
    let no_express = Choices { express_sockets_max: 0, ..template };
    vec![
        with("as it is", template),
        with("no express lane", no_express),
        with("no express, no enhanced fan-out", Choices { stream: KINESIS_TO_LAMBDA, ..no_express }),
        with("a tail of one row", Choices { tail_rows: 1, ..template }),
        with("append in a transaction", Choices { is_transaction: true, latencies: transaction, ..template }),
        Scenario { name: "delivered and read, one each", receipts: Receipts::AckAndRead, ..Scenario::default() },
        Scenario { name: "one read for two messages", burst: 2, ..LIVELY },
        Scenario { name: "one read for four messages", ..LIVELY },
    ]
}
