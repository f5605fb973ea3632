//! Lambda's event source mapping: reads a stream shard by shard, parents first, in batches; what
//! failed comes again, halved where the function failed as a whole, and in the end is given up.

use std::{cell::RefCell, rc::Rc};

use tidings_memory::streams::{Record, Stream, hash_of};
use tokio::{sync::Notify, task::spawn_local};

use crate::{chance::Chance, mutations::Mutation, sim::Sim};

/// How a stream is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mapping {
    pub(crate) name: &'static str,
    pub(crate) batch_max: usize,
    /// A batch waits so long to fill, counted from its first record.
    pub(crate) window_ms: u64,
    /// Batches of one shard that are in flight at once; a key is always in the same lane.
    pub(crate) lanes: u64,
    pub(crate) retries_max: u32,
    /// What was given up is put on the stream again once the faults are over, as the runbook has it.
    pub(crate) is_redriven: bool,
    /// A record is seen by the reader so long after it was put, at least and at most.
    pub(crate) lag_ms: (u64, u64),
}

/// A stream, and who is told of news.
pub(crate) struct Source<T> {
    pub(crate) stream: RefCell<Stream<T>>,
    pub(crate) news: Notify,
}

impl<T> Source<T> {
    pub(crate) fn new() -> Self {
        Self { stream: RefCell::new(Stream::new()), news: Notify::new() }
    }
}

/// What is done with a batch: the places of the records that failed; none where the function died.
pub(crate) trait Handler<T>: AsyncFn(Rc<Sim>, Vec<T>) -> Option<Vec<usize>> + Clone + 'static {}
impl<T, H: AsyncFn(Rc<Sim>, Vec<T>) -> Option<Vec<usize>> + Clone + 'static> Handler<T> for H {}

impl Mapping {
    /// Reads a stream for ever: a reader for each lane of each shard, as shards come.
    pub(crate) async fn run<T: Clone + 'static>(self, sim: Rc<Sim>, source: Rc<Source<T>>, handler: impl Handler<T>) {
        let mut started = 0;
        loop {
            while started < source.stream.borrow().shards() {
                for lane in 0..self.lanes {
                    let reader = Reader {
                        mapping: self,
                        sim: sim.clone(),
                        source: source.clone(),
                        shard: started,
                        lane,
                        position: 0,
                        chance: Chance::of(sim.seed, &format!("{} {started}/{lane}", self.name)),
                    };
                    spawn_local(reader.run(handler.clone()));
                }
                started += 1;
            }
            source.news.notified().await;
        }
    }
}

/// `cargo dev dlq redrive`, by somebody who waits for the end of the faults.
async fn redrive<T: Clone + 'static>(sim: Rc<Sim>, source: Rc<Source<T>>, batch: Vec<Record<T>>) {
    while sim.is_stormy() {
        sim.wait_ms(REDRIVE_MS).await;
    }
    sim.count_named("operator", "records redriven", batch.len() as u64);
    for record in batch {
        source.stream.borrow_mut().put(&record.key, sim.now(), record.data);
    }
    source.news.notify_waiters();
}

/// How often somebody looks whether the faults are over.
const REDRIVE_MS: u64 = 1_000;

/// Reads one lane of one shard.
struct Reader<T> {
    mapping: Mapping,
    sim: Rc<Sim>,
    source: Rc<Source<T>>,
    shard: usize,
    lane: u64,
    /// Records of the shard before this place are done with, or another lane's.
    position: usize,
    chance: Chance,
}

impl<T: Clone + 'static> Reader<T> {
    async fn run(mut self, handler: impl Handler<T>) {
        self.wait_for_parents().await;
        loop {
            let Some(first_at) = self.next_at() else {
                if self.source.stream.borrow().is_read(self.shard, self.position) {
                    self.sim.finished(self.mapping.name, self.shard);
                    self.source.news.notify_waiters();
                    return;
                }
                self.source.news.notified().await;
                continue;
            };
            let lag_ms = self.chance.within(self.mapping.lag_ms.0..self.mapping.lag_ms.1 + 1);
            let lag_ms = lag_ms + self.sim.weather.borrow().stream_lag_ms;
            let seen_at = first_at + lag_ms + self.mapping.window_ms;
            self.sim.wait_ms(seen_at.saturating_sub(self.sim.now_ms())).await;
            let (batch, end) = self.batch(self.sim.now_ms().saturating_sub(lag_ms));
            self.work_off(batch.clone(), &handler).await;
            if self.chance.hits(self.sim.weather.borrow().repeat_batch_chance) {
                // The reader died before it had noted how far it was.
                self.sim.count("batches read twice");
                continue;
            }
            self.position = end;
        }
    }

    async fn wait_for_parents(&self) {
        loop {
            let parents = self.source.stream.borrow().parents(self.shard).to_vec();
            let lanes = self.mapping.lanes;
            if parents.iter().all(|parent| self.sim.is_finished(self.mapping.name, *parent, lanes)) {
                return;
            }
            self.source.news.notified().await;
        }
    }

    fn is_mine(&self, record: &Record<T>) -> bool {
        hash_of(&record.key) % self.mapping.lanes == self.lane
    }

    /// When the next record of this lane was put.
    fn next_at(&mut self) -> Option<u64> {
        let stream = self.source.stream.borrow();
        let records = stream.records(self.shard);
        while let Some(record) = records.get(self.position) {
            if hash_of(&record.key) % self.mapping.lanes == self.lane {
                return Some(self.sim.since_start_ms(record.at));
            }
            self.position += 1;
        }
        None
    }

    /// The records that were put until then, and the place after them.
    fn batch(&self, until_ms: u64) -> (Vec<Record<T>>, usize) {
        let stream = self.source.stream.borrow();
        let mut batch = Vec::new();
        let mut end = self.position;
        for record in &stream.records(self.shard)[self.position..] {
            if batch.len() == self.mapping.batch_max || self.sim.since_start_ms(record.at) > until_ms {
                break;
            }
            if self.is_mine(record) {
                batch.push(record.clone());
            }
            end += 1;
        }
        (batch, end)
    }

    async fn work_off(&mut self, batch: Vec<Record<T>>, handler: &impl Handler<T>) {
        let mut waiting = vec![(batch, 0)];
        while let Some((batch, tries)) = waiting.pop() {
            if batch.is_empty() {
                continue;
            }
            if tries > self.mapping.retries_max {
                self.sim.count_named(self.mapping.name, "records given up", batch.len() as u64);
                if self.mapping.is_redriven {
                    spawn_local(redrive(self.sim.clone(), self.source.clone(), batch));
                }
                continue;
            }
            if tries > 0 {
                self.sim.wait_ms(self.chance.within(20..100) << tries.min(5)).await;
            }
            let data = batch.iter().map(|record| record.data.clone()).collect();
            let failed = handler(self.sim.clone(), data).await;
            if self.sim.mutations.has(Mutation::CheckpointPastFailures) {
                continue;
            }
            match failed {
                // Everything from the first that failed on comes again.
                Some(failed) => {
                    if let Some(first) = failed.into_iter().min() {
                        self.sim.count("batches failed in part");
                        waiting.push((batch[first..].to_vec(), tries + 1));
                    }
                }
                None if batch.len() > 1 => {
                    self.sim.count("batches halved");
                    let later = batch[batch.len() / 2..].to_vec();
                    let earlier = batch[..batch.len() / 2].to_vec();
                    waiting.push((later, tries));
                    waiting.push((earlier, tries));
                }
                None => waiting.push((batch, tries + 1)),
            }
        }
    }
}
