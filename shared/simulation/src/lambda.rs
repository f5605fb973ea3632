//! Lambda: instances that take one invocation at a time, are thrown away and made anew, have
//! their own clocks, and may be killed between any two awaits.

use std::{
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use tidings_domain::{
    ids::Timestamp,
    media::Claims,
    ports::{
        BoxFuture, Bus, Clock, Conversations, DeviceSets, Devices, Gateway, Ingest, Invites, Log, Mailboxes, Personal,
        PrivacyRules, PushQueue, Sessions,
    },
    send::KnownTails,
};
use tidings_memory::World;
use tokio::time::timeout;

use crate::{chance::Chance, sim::Sim};

/// An instance that is idle is kept no longer than until so many others are.
const IDLE_INSTANCES_MAX: usize = 3;
/// One invocation in so many finds its instance gone.
const RETIRED_ONE_IN: u64 = 20;

/// A function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Function {
    Connect,
    Disconnect,
    Send,
    Ack,
    Presence,
    Sync,
    Api,
    Fanout,
    Repair,
    Sequencer,
    Groups,
}

impl Function {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Disconnect => "disconnect",
            Self::Send => "send",
            Self::Ack => "ack",
            Self::Presence => "presence",
            Self::Sync => "sync",
            Self::Api => "api",
            Self::Fanout => "fanout",
            Self::Repair => "repair",
            Self::Sequencer => "sequencer",
            Self::Groups => "groups",
        }
    }

    /// As the template has it.
    fn timeout(self) -> Duration {
        Duration::from_secs(match self {
            Self::Send => SEND_WITHIN_MS / 1_000,
            Self::Sync | Self::Api => 29,
            Self::Fanout | Self::Repair | Self::Sequencer => 60,
            _ => 10,
        })
    }
}

/// How long an invocation of `send` may last, in milliseconds.
pub(crate) const SEND_WITHIN_MS: u64 = 15_000;

/// What a function is given to work with.
pub(crate) struct Ports {
    pub(crate) log: Box<dyn Log>,
    pub(crate) conversations: Box<dyn Conversations>,
    pub(crate) invites: Box<dyn Invites>,
    pub(crate) personal: Box<dyn Personal>,
    pub(crate) sessions: Box<dyn Sessions>,
    pub(crate) devices: Box<dyn Devices>,
    pub(crate) bus: Box<dyn Bus>,
    pub(crate) ingest: Box<dyn Ingest>,
    pub(crate) media: Box<dyn Claims>,
    pub(crate) gateway: Box<dyn Gateway>,
    pub(crate) pushes: Box<dyn PushQueue>,
    pub(crate) keys: Box<dyn DeviceSets>,
    pub(crate) mailboxes: Box<dyn Mailboxes>,
    pub(crate) privacy: Box<dyn PrivacyRules>,
}

/// A running copy of a function.
pub(crate) struct Instance {
    pub(crate) number: u64,
    pub(crate) ports: Ports,
    pub(crate) clock: SkewedClock,
    pub(crate) known: KnownTails,
}

/// A clock that is off, and jumps.
pub(crate) struct SkewedClock {
    world: World,
    starts_at_ms: u64,
    offset_ms: AtomicI64,
    /// Set where clocks are right again.
    is_true: Arc<AtomicI64>,
}

impl SkewedClock {
    fn jump(&self, chance: &mut Chance, skew_ms_max: u64) {
        let skew = i64::try_from(chance.below(2 * skew_ms_max + 1)).unwrap_or_default();
        let most = i64::try_from(skew_ms_max).unwrap_or_default();
        self.offset_ms.store(skew - most, Ordering::Relaxed);
    }
}

impl Clock for SkewedClock {
    fn now(&self) -> Timestamp {
        let now = self.world.now().plus_ms(self.starts_at_ms);
        let offset = self.offset_ms.load(Ordering::Relaxed) * self.is_true.load(Ordering::Relaxed);
        Timestamp(now.0.saturating_add_signed(offset))
    }

    fn sleep_ms(&self, ms: u64) -> BoxFuture<'_, ()> {
        self.world.sleep_ms(ms)
    }

    fn random_below(&self, bound: u64) -> u64 {
        Clock::random_below(&self.world, bound)
    }
}

/// The instances that are idle.
pub(crate) struct Lambda {
    idle: BTreeMap<Function, Vec<Instance>>,
    next: u64,
    chance: Chance,
    /// One where clocks may be off, zero where they are right.
    skews: Arc<AtomicI64>,
}

impl Lambda {
    pub(crate) fn new(seed: u64) -> Self {
        Self { idle: BTreeMap::new(), next: 1, chance: Chance::of(seed, "lambda"), skews: Arc::new(AtomicI64::new(1)) }
    }

    /// From now on all clocks are right.
    pub(crate) fn set_clocks(&self) {
        self.skews.store(0, Ordering::Relaxed);
    }

    fn take(&mut self, sim: &Sim, function: Function) -> (Instance, bool) {
        let is_retired = self.chance.below(RETIRED_ONE_IN) == 0;
        let idle = self.idle.entry(function).or_default().pop().filter(|_| !is_retired);
        let is_cold = idle.is_none();
        let instance = idle.unwrap_or_else(|| {
            let number = self.next;
            self.next += 1;
            let clock = SkewedClock {
                world: sim.world.clone(),
                starts_at_ms: sim.plan.starts_at_ms,
                offset_ms: AtomicI64::new(0),
                is_true: self.skews.clone(),
            };
            Instance { number, ports: sim.ports(), clock, known: KnownTails::default() }
        });
        if is_cold || self.chance.below(50) == 0 {
            instance.clock.jump(&mut self.chance, sim.weather.borrow().skew_ms_max);
        }
        (instance, is_cold)
    }

    fn give_back(&mut self, function: Function, instance: Instance) {
        let idle = self.idle.entry(function).or_default();
        if idle.len() < IDLE_INSTANCES_MAX {
            idle.push(instance);
        }
    }

    fn start_ms(&mut self, is_cold: bool) -> u64 {
        self.chance.within(if is_cold { 40..200 } else { 1..15 })
    }

    /// After how many polls the invocation is killed; none where it is not.
    fn fate(&mut self, kill_chance: f64) -> Option<u64> {
        self.chance.hits(kill_chance).then(|| self.chance.below(40))
    }
}

/// Runs a function; none where it was killed or has run out of time.
pub(crate) async fn invoke<T>(sim: &Rc<Sim>, function: Function, work: impl AsyncFnOnce(&Instance) -> T) -> Option<T> {
    let (instance, is_cold) = sim.lambda.borrow_mut().take(sim, function);
    let (start_ms, polls_left) = {
        let mut lambda = sim.lambda.borrow_mut();
        (lambda.start_ms(is_cold), lambda.fate(sim.weather.borrow().kill_chance))
    };
    sim.wait_ms(start_ms).await;
    let outcome = {
        let work = Box::pin(timeout(function.timeout(), work(&instance)));
        Mortal { work, polls_left }.await
    };
    let actor = || format!("{}#{}", function.name(), instance.number);
    match outcome {
        Some(Ok(answer)) => {
            sim.lambda.borrow_mut().give_back(function, instance);
            Some(answer)
        }
        Some(Err(_)) => {
            sim.count("invocations out of time");
            sim.trace(&actor(), None, || "runs out of time".into());
            None
        }
        None => {
            sim.count("invocations killed");
            sim.trace(&actor(), None, || "is killed".into());
            None
        }
    }
}

/// Work that is dropped after so many polls: between two awaits, wherever that is.
struct Mortal<F> {
    work: Pin<Box<F>>,
    polls_left: Option<u64>,
}

impl<F: Future> Future for Mortal<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(left) = &mut self.polls_left {
            if *left == 0 {
                return Poll::Ready(None);
            }
            *left -= 1;
        }
        self.work.as_mut().poll(context).map(Some)
    }
}
