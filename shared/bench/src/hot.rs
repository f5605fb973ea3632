//! One conversation that very many write to at once.

use std::{rc::Rc, time::Duration};

use serde::Serialize;
use tidings_domain::{
    ids::Sender,
    send::{Outcome, SendError},
};
use tidings_memory::Call;
use tokio::task::spawn_local;

use crate::{
    cast::Chat,
    system::{Choices, System, in_virtual_time},
    times::Times,
};

/// Before anything is counted: by then the conversation is hot, if it may be.
const WARM_UP: Duration = Duration::from_secs(5);
/// What is counted.
const COUNTED: Duration = Duration::from_secs(20);
/// What a partition of a table takes in a second.
const PARTITION_WRITE_UNITS_MAX: usize = 1_000;
const PARTITION_READ_UNITS_MAX: usize = 3_000;

/// What a conversation bears.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// How it is written to.
    pub name: &'static str,
    /// Sends that the batch sequencer gets at once, at most.
    pub batch: usize,
    /// Devices that send, each its next message when the one before is answered.
    pub senders: usize,
    /// Messages appended in a second.
    pub messages_per_second: f64,
    /// From send to `message.sent`.
    pub sent: Times,
    /// In the busiest second: write units of the log's partition.
    pub log_write_units: usize,
    /// Read units of the log's partition.
    pub log_read_units: usize,
    /// Read units of the conversation's rows.
    pub rows_read_units: usize,
    /// Records put to the stream of the batch sequencer; a shard takes 1,000, and 1 MB.
    pub records: usize,
    /// Bytes put to it.
    pub bytes: usize,
}

impl Report {
    /// How it is written to, and in what batches.
    pub fn name(&self) -> String {
        if self.batch > 0 { format!("{}, batches of {}", self.name, self.batch) } else { self.name.to_owned() }
    }

    /// Whether the tables bear it: a partition takes so much in a second.
    pub fn is_within_a_partition(&self) -> bool {
        self.log_write_units <= PARTITION_WRITE_UNITS_MAX
            && self.log_read_units <= PARTITION_READ_UNITS_MAX
            && self.rows_read_units <= PARTITION_READ_UNITS_MAX
    }
}

/// One after another, however many there are.
pub fn one_by_one(senders: usize) -> Report {
    run("one after another", senders, Choices { races_lost_max: 0, sequencer_batch: 0, ..Choices::TEMPLATE })
}

/// With the batch sequencer, which gets so many sends at once.
pub fn in_batches(senders: usize, batch: usize) -> Report {
    run("batch sequencer", senders, Choices { sequencer_batch: batch, ..Choices::TEMPLATE })
}

/// Senders are members of a group that is pulled: no socket could take a thousand frames a second.
fn run(name: &'static str, senders: usize, choices: Choices) -> Report {
    in_virtual_time(async {
        let system = System::start(1, choices);
        let chat = Chat::open(&system.world, 0, senders.max(choices.push_members_max));
        for sender in chat.devices.iter().take(senders) {
            spawn_local(send_on(system.clone(), sender.clone(), chat.clone()));
        }
        spawn_local(watch(system.clone()));
        system.world.wait(WARM_UP).await;
        system.forget();
        let before = system.world.log(&chat.conversation).len();
        system.world.wait(COUNTED).await;
        let appended = system.world.log(&chat.conversation).len() - before;
        let calls = system.world.calls();
        let busiest = |of: &dyn Fn(&Call) -> usize| busiest_second(&calls, of);
        let log_reads = ["read_tail", "read_after", "read_before", "read_one"];
        Report {
            name,
            batch: choices.sequencer_batch,
            senders,
            messages_per_second: f64::from(u32::try_from(appended).unwrap_or(u32::MAX)) / COUNTED.as_secs_f64(),
            log_write_units: busiest(&|c| if c.operation == "append" { c.units.writes } else { 0 }),
            log_read_units: busiest(&|c| if log_reads.contains(&c.operation) { c.units.half_reads / 2 } else { 0 }),
            rows_read_units: busiest(&|c| if c.operation == "standing" { c.units.half_reads / 2 } else { 0 }),
            records: busiest(&|c| usize::from(c.operation == "ingest")),
            bytes: busiest(&|c| if c.operation == "ingest" { c.units.stream_bytes } else { 0 }),
            sent: Times::of(&system.sent()),
        }
    })
}

/// A client: its next message when the one before is answered, and each until it is accepted.
async fn send_on(system: Rc<System>, sender: Sender, chat: Chat) {
    for n in 0.. {
        let id = n.to_string();
        loop {
            match system.try_send(&sender, &chat.conversation, &id).await {
                Ok(Outcome::Sent(_)) => break,
                Ok(Outcome::Queued) => {
                    system.answered(&sender).await;
                    break;
                }
                Err(SendError::Contended { .. }) => {}
                Err(error) => unreachable!("{error}"),
            }
        }
    }
}

/// Lets senders know that they were answered.
async fn watch(system: Rc<System>) {
    loop {
        system.world.wait(Duration::from_millis(1)).await;
        system.settle_posts();
    }
}

fn busiest_second(calls: &[Call], of: &dyn Fn(&Call) -> usize) -> usize {
    let mut seconds = std::collections::BTreeMap::<u64, usize>::new();
    for call in calls {
        *seconds.entry(call.at.as_seconds()).or_default() += of(call);
    }
    seconds.into_values().max().unwrap_or_default()
}
