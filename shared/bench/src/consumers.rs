//! The functions that consume streams, each as Lambda runs it.

use std::{
    collections::VecDeque,
    hash::{DefaultHasher, Hash, Hasher},
    rc::Rc,
    time::Duration,
};

use tidings_domain::{
    fanout::{FanoutPorts, fan_out},
    log::Entry,
    repair::{RepairPorts, repair},
    send::Pending,
    sequencer::{SequencerPorts, sequence},
    stream::StreamRecord,
};
use tidings_memory::latency::DYNAMODB_STREAM_TO_LAMBDA;
use tokio::{
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    task::spawn_local,
};

use crate::{ports::Put, system::System};

/// Records of one batch of the fan-out and of the repair lane at most.
const BATCH_RECORDS_MAX: usize = 100;
/// How long the repair lane gathers a batch.
const REPAIR_WINDOW: Duration = Duration::from_secs(3);

/// Something on its way in a stream: from when on a function may have it.
type Waiting<T> = (Duration, T);

impl System {
    /// Takes what was put to each stream to the function that consumes it.
    pub(crate) async fn run_streams(self: Rc<Self>, mut puts: UnboundedReceiver<Put>) {
        let lane = || {
            let (lane, records) = unbounded_channel();
            spawn_local(self.clone().run_fanout(records));
            lane
        };
        let lanes: Vec<_> = (0..self.choices.lanes.max(1)).map(|_| lane()).collect();
        let (sends, waiting_sends) = unbounded_channel();
        spawn_local(self.clone().run_sequencer(waiting_sends));
        let (rows, appended_rows) = unbounded_channel();
        spawn_local(self.clone().run_repair(appended_rows));
        while let Some(put) = puts.recv().await {
            if !self.choices.has_consumers {
                continue;
            }
            let after = |time| self.world.elapsed() + self.draw(time);
            let taken = match put {
                Put::Row(entry) => rows.send((after(DYNAMODB_STREAM_TO_LAMBDA), entry)).is_ok(),
                Put::Send(pending) => sends.send((after(self.choices.stream), pending)).is_ok(),
                Put::Event(record) => {
                    let mut hasher = DefaultHasher::new();
                    record.conversation().hash(&mut hasher);
                    let lane = usize::try_from(hasher.finish() % lanes.len() as u64).unwrap_or_default();
                    lanes[lane].send((after(self.choices.stream), record)).is_ok()
                }
            };
            assert!(taken, "a consumer runs as long as its stream");
        }
    }

    async fn run_fanout(self: Rc<Self>, mut records: UnboundedReceiver<Waiting<StreamRecord>>) {
        let world = self.world.called_by("fanout");
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
        let mut waiting = VecDeque::new();
        while let Some(batch) = self.next_batch(&mut records, &mut waiting, BATCH_RECORDS_MAX, Duration::ZERO).await {
            let failed = self.run("fanout", fan_out(ports, self.choices.announce_max, batch)).await;
            assert!(failed.is_empty(), "nothing fails here");
        }
    }

    async fn run_sequencer(self: Rc<Self>, mut sends: UnboundedReceiver<Waiting<Pending>>) {
        let (world, streams) = self.as_function("sequencer");
        let ports = SequencerPorts {
            log: &streams,
            conversations: &world,
            sessions: &world,
            bus: &streams,
            gateway: &world,
            clock: &world,
        };
        let mut waiting = VecDeque::new();
        while let Some(batch) =
            self.next_batch(&mut sends, &mut waiting, self.choices.sequencer_batch, Duration::ZERO).await
        {
            let failed = self.run("sequencer", sequence(ports, batch)).await;
            assert!(failed.is_empty(), "nothing fails here");
        }
    }

    async fn run_repair(self: Rc<Self>, mut rows: UnboundedReceiver<Waiting<Entry>>) {
        let (world, streams) = self.as_function("repair");
        let ports = RepairPorts { conversations: &world, sessions: &world, bus: &streams, clock: &world };
        let mut waiting = VecDeque::new();
        while let Some(batch) = self.next_batch(&mut rows, &mut waiting, BATCH_RECORDS_MAX, REPAIR_WINDOW).await {
            let failed = self.run("repair", repair(ports, batch)).await;
            assert!(failed.is_empty(), "nothing fails here");
        }
    }

    /// What a function gets next: as much as is there when it is free, and comes within the window.
    async fn next_batch<T>(
        &self,
        source: &mut UnboundedReceiver<Waiting<T>>,
        waiting: &mut VecDeque<Waiting<T>>,
        records_max: usize,
        window: Duration,
    ) -> Option<Vec<T>> {
        if waiting.is_empty() {
            waiting.push_back(source.recv().await?);
        }
        let due = waiting.front()?.0 + window;
        self.world.wait(due.saturating_sub(self.world.elapsed())).await;
        while let Ok(next) = source.try_recv() {
            waiting.push_back(next);
        }
        // What stands behind another does not overtake it.
        let now = self.world.elapsed();
        let ready = waiting.iter().take(records_max).take_while(|(at, _)| *at <= now).count();
        Some(waiting.drain(..ready.max(1)).map(|(_, item)| item).collect())
    }
}
