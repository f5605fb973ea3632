//! The modelled part, whole: what is run, and what is asked of it.

use serde::Serialize;
use tidings_domain::sync::SessionTerms;

use crate::{
    cast::Chat,
    growth::{self, Growth},
    hot,
    prices::{Bill, Idle},
    scenarios::{self, Report, Scenario},
    steady::{self, Step},
    system::{Choices, System, in_virtual_time},
};

/// Connections at once, and messages a day, that the reference design counts with.
const CONNECTIONS: f64 = 5e6;
const MESSAGES_PER_DAY: f64 = 50e6 * 40.0;
/// As in the template.
const HEARTBEAT_SECONDS: u32 = 240;

/// Everything.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Modelled {
    /// Chats of two.
    pub direct: Vec<Report>,
    /// Groups.
    pub groups: Vec<Report>,
    /// One thing chosen otherwise.
    pub choices: Vec<Report>,
    /// One conversation that many write to.
    pub hot: Vec<hot::Report>,
    /// The steps that the running stack is held against.
    pub steady: [Step; 3],
    /// Connections that nothing is said on.
    pub idle: Idle,
    /// How it grows.
    pub growth: Vec<Growth>,
    /// What was asked.
    pub targets: Vec<Target>,
}

/// Something that was asked of the design.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// What.
    pub what: &'static str,
    /// At most this, or, where more is better, at least.
    pub wanted: f64,
    /// What it is.
    pub found: f64,
    /// Whether more is better.
    pub is_floor: bool,
}

impl Target {
    /// Whether it is reached.
    pub fn is_met(&self) -> bool {
        if self.is_floor { self.found >= self.wanted } else { self.found <= self.wanted }
    }
}

/// Runs all of it.
pub fn run() -> Modelled {
    let reports = |scenarios: Vec<Scenario>| scenarios.iter().map(Scenario::run).collect::<Vec<_>>();
    let (direct, groups, choices) =
        (reports(scenarios::direct()), reports(scenarios::groups()), reports(scenarios::choices()));
    let mut hot: Vec<hot::Report> = [4, 16].map(hot::one_by_one).into();
    hot.extend([(64, 500), (256, 100), (256, 500), (512, 500)].map(|(senders, batch)| hot::in_batches(senders, batch)));
    let steady = steady::steps();
    let targets = targets(&direct, &groups, &hot, &steady);
    let idle = Idle::per_million(CONNECTIONS, MESSAGES_PER_DAY, f64::from(HEARTBEAT_SECONDS), &heartbeat());
    Modelled { direct, groups, choices, hot, steady, idle, growth: growth::all(), targets }
}

fn targets(direct: &[Report], groups: &[Report], hot: &[hot::Report], steady: &[Step; 3]) -> Vec<Target> {
    let ceiling = |what, wanted, found| Target { what, wanted, found, is_floor: false };
    let of = |reports: &[Report], name: &str| reports.iter().find(|r| r.name == name).cloned().expect("a scenario");
    let alone = of(direct, "1:1, without receipts");
    let lively = of(direct, scenarios::LIVELY.name);
    let group = of(groups, "group of 10, without receipts");
    let [acknowledged, receipt, _] = steady;
    let as_built = hot.iter().filter(|r| r.batch == Choices::TEMPLATE.sequencer_batch);
    let fastest = as_built.map(|r| r.messages_per_second).fold(0.0, f64::max);
    vec![
        ceiling("1:1, send to sent, p50 in ms", 40.0, alone.sent.p50_ms),
        ceiling("1:1, send to delivered, p50 in ms", 50.0, alone.delivered.p50_ms),
        ceiling("1:1, send to delivered, p95 in ms", 85.0, alone.delivered.p95_ms),
        ceiling("group push, p50 in ms", 115.0, group.delivered.p50_ms),
        ceiling("frames of a message alone", 3.0, acknowledged.frames - receipt.frames),
        ceiling("write units of a message alone", 3.0, acknowledged.write_units - receipt.write_units),
        ceiling("read units of a message alone", 5.0, acknowledged.read_units - receipt.read_units),
        ceiling("frames of a message in a lively chat", 3.5, lively.counts()[0]),
        ceiling("$ of a million in a lively chat", 7.5, lively.bill.total()),
        Target { is_floor: true, ..ceiling("messages/s in one hot conversation", 1000.0, fastest) },
    ]
}

/// What a heartbeat costs, in dollars per million: of a user who is active, which two rows tell.
fn heartbeat() -> Bill {
    in_virtual_time(async {
        let system = System::start(1, Choices { has_consumers: false, ..Choices::TEMPLATE });
        let chat = Chat::open(&system.world, 0, 2);
        system
            .heartbeat(
                &chat.devices[0],
                SessionTerms { heartbeat_seconds: HEARTBEAT_SECONDS.into(), session_ttl_seconds: 300, send_window: 32 },
            )
            .await;
        Bill::per_million(&system.ledger(), 512.0)
    })
}
