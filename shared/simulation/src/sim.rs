//! One run: the world, who acts in it, and the checks.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    rc::Rc,
    time::Duration,
};

use tidings_domain::{
    ids::{ConnectionId, ConversationId, Sender, Timestamp},
    log::Entry,
    send::Pending,
    stream::StreamRecord,
};
use tidings_memory::{Change, FaultKind, What, World};
use tokio::task::spawn_local;

use crate::{
    Options, Outcome, admin,
    client::{Client, Holdings},
    edge::Edge,
    invariants::Checker,
    lambda::{Function, Lambda, Ports, invoke},
    mapping::{Mapping, Source},
    mutations::{Mutation, Mutations},
    plan::Plan,
    promises::{Promise, Violation},
    totals::Totals,
    trace::{Line, Trace},
    weather::{self, Weather},
};

/// Once faults have ended, every live device holds every message within so long, in milliseconds.
///
/// It adds up, all in the times of the simulation: a device finds out by its next heartbeat that
/// its socket is dead (10 s), waits 5 s for an answer that does not come, comes back within 2 s
/// and says hello, which may race the lanes; a batch that failed under the faults waits up to
/// 3.2 s for its next try; the repair lane is 1 s behind its stream and 3 s behind a batch, and
/// what it publishes takes the durable lane 0.1 s; a device that is told pulls at once. A send
/// that had no answer is sent again after 5 s. Twice over for what begins at the very end. A lane
/// that was overloaded, and then is given again what it had given up, has a backlog to work off: 82 s
/// are the most that was seen.
pub const FRESH_WITHIN_MS: u64 = 120_000;

/// What a run is in the middle of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Faults, and devices that come and go.
    Storm,
    /// No faults; every device comes, stays and says nothing new.
    Quiet,
    /// Every device comes back once more.
    Reconnect,
}

/// One run.
pub(crate) struct Sim {
    pub(crate) seed: u64,
    pub(crate) plan: Plan,
    pub(crate) world: World,
    pub(crate) lambda: RefCell<Lambda>,
    pub(crate) edge: RefCell<Edge>,
    pub(crate) weather: RefCell<Weather>,
    pub(crate) checker: RefCell<Checker>,
    pub(crate) events: Rc<Source<StreamRecord>>,
    pub(crate) rows: Rc<Source<Vec<Entry>>>,
    pub(crate) ingest: Rc<Source<Pending>>,
    pub(crate) holdings: Vec<Rc<RefCell<Holdings>>>,
    pub(crate) phase: Cell<Phase>,
    pub(crate) mutations: Mutations,
    finished: RefCell<BTreeMap<(&'static str, usize), u64>>,
    trace: RefCell<Trace>,
    totals: RefCell<Totals>,
    violation: RefCell<Option<Violation>>,
    start: Timestamp,
}

/// How a device is called in a trace.
pub(crate) fn name_of(device: &Sender) -> String {
    format!("{}/{}", device.user, device.device)
}

impl Sim {
    fn new(seed: u64, options: Options) -> Rc<Self> {
        let plan = Plan::of(seed);
        let world = World::new(seed);
        world.watch();
        let start = world.now();
        Rc::new(Self {
            lambda: RefCell::new(Lambda::new(seed)),
            edge: RefCell::new(Edge::new(seed)),
            weather: RefCell::default(),
            checker: RefCell::default(),
            events: Rc::new(Source::new()),
            rows: Rc::new(Source::new()),
            ingest: Rc::new(Source::new()),
            holdings: plan.devices.iter().map(|owner| Rc::new(RefCell::new(Holdings::new(owner)))).collect(),
            phase: Cell::new(Phase::Storm),
            mutations: Mutations::of(options.mutation),
            finished: RefCell::default(),
            trace: RefCell::new(Trace::new(options.trace)),
            totals: RefCell::default(),
            violation: RefCell::default(),
            seed,
            plan,
            world,
            start,
        })
    }

    /// Runs a seed.
    pub(crate) async fn run(seed: u64, options: Options) -> Outcome {
        let sim = Self::new(seed, options);
        sim.start_all();
        let checked = sim.story().await;
        sim.hold(checked);
        sim.totals.borrow_mut().count("messages in the log", sim.messages());
        Outcome {
            seed,
            violation: sim.violation.take(),
            lines: sim.trace.borrow_mut().take(),
            totals: sim.totals.take(),
            virtual_ms: sim.now_ms(),
        }
    }

    fn start_all(self: &Rc<Self>) {
        spawn_local(admin::run_groups(self.clone()));
        spawn_local(pump(self.clone()));
        spawn_local(weather::make(self.clone()));
        for holdings in &self.holdings {
            spawn_local(Client::new(self.clone(), holdings.clone()).live());
        }
        if self.mutations.has(Mutation::TtlOnTheLog) {
            spawn_local(expire_rows(self.clone()));
        }
        self.start_consumers();
    }

    /// The event source mappings, as template.yaml has them, with smaller batches: there is less to be had.
    fn start_consumers(self: &Rc<Self>) {
        let fanout = Mapping {
            name: "fanout",
            batch_max: 20,
            window_ms: 0,
            lanes: 3,
            retries_max: 5,
            is_redriven: true,
            lag_ms: (20, 80),
        };
        if !self.mutations.has(Mutation::SkipFanout) {
            spawn_local(fanout.run(self.clone(), self.events.clone(), async move |sim: Rc<Sim>, records| {
                let keys = keys(&records, |record: &StreamRecord| Some(record.conversation()));
                let failed = invoke(&sim, Function::Fanout, async |i| i.fan_out(records).await).await?;
                Some(failed_places(&keys, |c| failed.contains_key(c)))
            }));
        }
        let repair = Mapping {
            name: "repair",
            batch_max: 20,
            window_ms: 3000,
            lanes: 1,
            retries_max: 10,
            is_redriven: true,
            lag_ms: (150, 900),
        };
        if !self.mutations.has(Mutation::SkipRepair) {
            spawn_local(repair.run(self.clone(), self.rows.clone(), async move |sim: Rc<Sim>, rows| {
                let keys = keys(&rows, |row: &Vec<Entry>| Some(&row.first()?.conversation));
                let entries = rows.into_iter().flatten().collect();
                let failed = invoke(&sim, Function::Repair, async |i| i.repair(entries).await).await?;
                Some(failed_places(&keys, |c| failed.contains_key(c)))
            }));
        }
        let sequencer = Mapping {
            name: "sequencer",
            batch_max: 20,
            window_ms: 0,
            lanes: 3,
            retries_max: 5,
            is_redriven: false,
            lag_ms: (20, 80),
        };
        spawn_local(sequencer.run(self.clone(), self.ingest.clone(), async move |sim: Rc<Sim>, batch| {
            let keys = keys(&batch, |pending: &Pending| Some(&pending.draft.conversation));
            let failed = invoke(&sim, Function::Sequencer, async |i| i.sequence(batch).await).await?;
            Some(failed_places(&keys, |c| failed.contains_key(c)))
        }));
    }

    /// The storm, the quiet after it, and every device's return.
    async fn story(self: &Rc<Self>) -> Result<(), Violation> {
        self.wait_unless_broken(self.plan.storm_ms, |_| false).await;
        self.phase.set(Phase::Quiet);
        self.trace("world", None, || "the faults end".into());
        self.wait_unless_broken(FRESH_WITHIN_MS, Self::is_settled).await;
        self.check_holdings(Promise::Fresh)?;
        self.phase.set(Phase::Reconnect);
        self.trace("world", None, || "every device comes back".into());
        self.wait_unless_broken(FRESH_WITHIN_MS, |sim| sim.is_settled() && sim.all_are_back()).await;
        self.check_holdings(Promise::WholeLog)?;
        self.catch_up();
        for conversation in self.plan.conversations() {
            self.checker.borrow().unchanged(conversation, &self.world.log(conversation))?;
        }
        Ok(())
    }

    async fn wait_unless_broken(self: &Rc<Self>, ms: u64, is_done: impl Fn(&Self) -> bool) {
        let end = self.now_ms() + ms;
        while self.now_ms() < end && self.violation.borrow().is_none() && !is_done(self) {
            self.wait_ms(250.min(end - self.now_ms())).await;
        }
    }

    fn all_are_back(&self) -> bool {
        self.holdings.iter().all(|holdings| holdings.borrow().is_back)
    }

    /// Nothing is left to be done: all devices hold all, and wait for no answer.
    fn is_settled(&self) -> bool {
        self.check_holdings(Promise::Fresh).is_ok()
    }

    fn check_holdings(&self, promise: Promise) -> Result<(), Violation> {
        if self.violation.borrow().is_some() {
            return Ok(());
        }
        let checker = self.checker.borrow();
        for holdings in &self.holdings {
            let holdings = holdings.borrow();
            for conversation in self.plan.conversations() {
                checker.holds_all(promise, conversation, &holdings.owner, holdings.held(conversation))?;
            }
            if let Some(connection) = &holdings.synced_on {
                self.has_session(&holdings.owner, connection)?;
            }
            if let Some(message) = holdings.unsent() {
                let what = format!("{} has no answer for {}", name_of(&holdings.owner), message.id);
                return Err(Violation { promise, conversation: Some(message.conversation.clone()), what });
            }
        }
        Ok(())
    }

    /// Promise 4: a device that has said hello and is there can be posted to.
    fn has_session(&self, owner: &Sender, connection: &ConnectionId) -> Result<(), Violation> {
        let is_live = self.edge.borrow().is_live(connection);
        if !is_live || self.world.sessions().get(owner).is_some_and(|session| session.connection == *connection) {
            return Ok(());
        }
        let what = format!("{} has said hello on {connection} and has no session", name_of(owner));
        Err(Violation { promise: Promise::AtLeastOnce, conversation: None, what })
    }

    /// Takes in what has changed: checks it, and hands it on to streams and sockets.
    pub(crate) fn catch_up(self: &Rc<Self>) {
        for change in self.world.take_changes() {
            self.take_in(change);
        }
    }

    fn take_in(self: &Rc<Self>, change: Change) {
        self.trace_change(&change);
        match change.what {
            What::Appended(entries) => {
                let now_ms = self.now_ms();
                for entry in &entries {
                    let checked = self.checker.borrow_mut().appended(entry, now_ms);
                    self.hold(checked);
                }
                if entries.len() > 1 {
                    self.count("rows of several messages");
                }
                let key = entries.first().map(|entry| entry.conversation.to_string()).unwrap_or_default();
                self.rows.stream.borrow_mut().put(&key, change.at, entries);
                self.rows.news.notify_waiters();
            }
            What::Ingested(pending) => {
                let key = pending.draft.conversation.to_string();
                self.ingest.stream.borrow_mut().put(&key, change.at, *pending);
                self.ingest.news.notify_waiters();
            }
            What::Erased(entry) => self.hold(Checker::erased(&entry)),
            What::Member { conversation, user, before, after } => {
                let checked =
                    self.checker.borrow().member_changed(&conversation, &user, before.as_deref(), after.as_deref());
                self.hold(checked);
            }
            What::Reach { conversation, before, after } => {
                self.count(match (before, after) {
                    (None, _) => "groups brought into being pulled",
                    (_, None) => "groups brought back to being pushed",
                    _ => "reaches that rose",
                });
                let checked = self.checker.borrow().reach_changed(&conversation, after);
                self.hold(checked);
            }
            What::Session { before, after, .. } => {
                if let (Some(before), None) = (before, after) {
                    let is_live = self.edge.borrow().is_live(&before.connection);
                    let checked = self.checker.borrow_mut().session_removed(&before, is_live, self.now_ms());
                    self.hold(checked);
                }
            }
            What::Published(record) => {
                let key = record.conversation().to_string();
                self.events.stream.borrow_mut().put(&key, change.at, *record);
                self.events.news.notify_waiters();
            }
            What::Posted(posted) => {
                let checked = self.checker.borrow().posted(&posted.to, &posted.notice);
                self.hold(checked);
                self.count("posts");
                self.deliver(*posted);
            }
            What::Closed(session) => {
                self.count("sockets closed by a function");
                self.closed_by_function(&session.connection);
            }
            What::Fault { kind, .. } => {
                if kind == FaultKind::StrayGone {
                    self.checker.borrow_mut().stray_gone();
                }
                self.totals.borrow_mut().fault(kind);
            }
        }
    }

    fn trace_change(&self, change: &Change) {
        self.trace.borrow_mut().add(|| {
            let (conversation, text) = crate::describe::describe(&change.what);
            Line { at_ms: self.since_start_ms(change.at), actor: "world".into(), conversation, text }
        });
    }

    /// Keeps the first broken promise; the run ends with it.
    pub(crate) fn hold(&self, checked: Result<(), Violation>) {
        if let Err(violation) = checked {
            let mut first = self.violation.borrow_mut();
            if first.is_none() {
                self.trace("checker", violation.conversation.as_ref(), || format!("BROKEN {violation}"));
                *first = Some(violation);
            }
        }
    }

    pub(crate) fn trace(&self, actor: &str, conversation: Option<&ConversationId>, text: impl FnOnce() -> String) {
        self.trace.borrow_mut().add(|| Line {
            at_ms: self.now_ms(),
            actor: actor.to_owned(),
            conversation: conversation.cloned(),
            text: text(),
        });
    }

    pub(crate) fn count(&self, what: &'static str) {
        self.totals.borrow_mut().count(what, 1);
    }

    pub(crate) fn count_named(&self, whose: &'static str, what: &'static str, times: u64) {
        self.totals.borrow_mut().count_named(whose, what, times);
    }

    /// A reader has come to the end of its lane of a shard.
    pub(crate) fn finished(&self, mapping: &'static str, shard: usize) {
        *self.finished.borrow_mut().entry((mapping, shard)).or_default() += 1;
    }

    pub(crate) fn is_finished(&self, mapping: &'static str, shard: usize, lanes: u64) -> bool {
        self.finished.borrow().get(&(mapping, shard)).is_some_and(|done| *done >= lanes)
    }

    /// What a new instance of a function works with.
    pub(crate) fn ports(&self) -> Ports {
        self.mutations.ports(&self.world)
    }

    pub(crate) async fn wait_ms(&self, ms: u64) {
        self.world.wait(Duration::from_millis(ms)).await;
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.world.now()
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.since_start_ms(self.now())
    }

    pub(crate) fn since_start_ms(&self, at: Timestamp) -> u64 {
        at.ms_since(self.start)
    }

    pub(crate) fn is_stormy(&self) -> bool {
        self.phase.get() == Phase::Storm
    }

    fn messages(&self) -> u64 {
        let checker = self.checker.borrow();
        self.plan.conversations().map(|c| checker.log(c).len() as u64).sum()
    }
}

/// What no table does that has no TTL: takes away the rows of what has expired.
async fn expire_rows(sim: Rc<Sim>) {
    loop {
        sim.wait_ms(1_000).await;
        let now = sim.world.now().plus_ms(sim.plan.starts_at_ms);
        for conversation in sim.plan.conversations() {
            sim.world.log(conversation).iter().filter(|e| e.is_expired(now)).for_each(|e| sim.world.erase_entry(e));
        }
    }
}

/// Hands on what changes, as it changes.
async fn pump(sim: Rc<Sim>) {
    loop {
        sim.world.changed().await;
        sim.catch_up();
    }
}

fn keys<T>(items: &[T], key: impl Fn(&T) -> Option<&ConversationId>) -> Vec<Option<ConversationId>> {
    items.iter().map(|item| key(item).cloned()).collect()
}

fn failed_places(keys: &[Option<ConversationId>], is_failed: impl Fn(&ConversationId) -> bool) -> Vec<usize> {
    (0..keys.len()).filter(|place| keys[*place].as_ref().is_some_and(&is_failed)).collect()
}
