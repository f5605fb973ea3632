//! The running stack under faults: what was promised must hold all the same.
//!
//! Devices are real clients, each behind a relay that can cut or stall its connection. Between the
//! functions and the local AWS stands a proxy that lets calls fail. The run has two parts: trouble,
//! until every message is accepted; and calm, until every device holds every message. Then the log,
//! the devices and the marks are compared.

mod check;
mod device;
mod faults;
mod ledger;
mod marks;
mod pace;
mod plan;
mod report;
mod wire;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::Value;
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time::{sleep, timeout},
};

pub use plan::Size;

use self::{
    device::Device,
    faults::Trouble,
    ledger::Ledger,
    pace::Pace,
    plan::{Message, Plan},
    report::Outcome,
};
use crate::{aws::failures, user::now_ms};

/// Devices are started one after another: a hundred at once would only show how many processes
/// this machine can start.
const START_PAUSE: Duration = Duration::from_millis(100);
/// The last messages may stand in the queue of a device that is away.
const ACCEPTED_WITHIN: Duration = Duration::from_mins(4);
const CONVERGED_WITHIN: Duration = Duration::from_mins(3);
/// No progress for so long is the end of the run: something is stuck.
const PROGRESS_WITHIN: Duration = Duration::from_mins(3);

/// Which part of the run it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Trouble,
    Calm,
    Over,
}

/// Runs it, and answers the report: as JSON, as text, and whether every promise held.
pub async fn run(size: Size, seed: u64, proxy: &str) -> (Value, String, bool) {
    let mut plan = Plan::new(size, seed);
    plan.make_groups().await;
    let plan = Arc::new(plan);
    let started_ms = now_ms();
    let ledger = Arc::new(Ledger::default());
    let (phase, phases) = watch::channel(Phase::Trouble);
    let (devices, mailboxes, lives) = start(&plan, &ledger, &phases).await;
    let trouble = Trouble::start(&plan, proxy, devices.iter().map(|device| device.wire.clone()).collect()).await;
    let marks = tokio::spawn(marks::watch(Arc::clone(&plan), phases.clone()));

    let began = Instant::now();
    let accepted = send_all(&plan, &ledger, &mailboxes).await;
    let sending = began.elapsed();
    let struck = trouble.end().await;
    phase.send_replace(Phase::Calm);
    let calm = Instant::now();
    let converged = timeout(CONVERGED_WITHIN, check::converged(&plan, &devices, &ledger)).await.is_ok();
    let convergence = calm.elapsed();
    let unsettled = check::settled(&plan, &ledger).await;
    let settling = calm.elapsed();
    phase.send_replace(Phase::Over);
    drop(mailboxes);
    for life in lives {
        life.await.expect("a device");
    }
    let mut outcome = Outcome::new(&plan, struck);
    outcome.times(sending, convergence, settling);
    if !accepted {
        outcome.broken("", vec!["not every message was accepted in time".to_owned()]);
    }
    if !converged {
        outcome.broken("", vec!["not every device had every message in time".to_owned()]);
    }
    outcome.broken("", unsettled);
    outcome.looked_at(marks.await.expect("the watch over the marks"));
    outcome.failures = failures().await;
    check::everything(&plan, &devices, &ledger, &mut outcome).await;
    outcome.finish(&ledger, &devices, started_ms)
}

type Started = (Vec<Arc<Device>>, Vec<mpsc::UnboundedSender<Message>>, Vec<JoinHandle<()>>);

async fn start(plan: &Arc<Plan>, ledger: &Arc<Ledger>, phases: &watch::Receiver<Phase>) -> Started {
    let (mut devices, mut mailboxes, mut lives) = (Vec::new(), Vec::new(), Vec::new());
    for index in 0..plan.devices.len() {
        let device = Arc::new(Device::new(Arc::clone(plan), index, Arc::clone(ledger)).await);
        let (mailbox, orders) = mpsc::unbounded_channel();
        lives.push(tokio::spawn(Arc::clone(&device).live(orders, phases.clone())));
        devices.push(device);
        sleep(START_PAUSE).await;
        mailboxes.push(mailbox);
    }
    (devices, mailboxes, lives)
}

/// Has every message sent, and waits until each is accepted; false where some are not in time.
async fn send_all(plan: &Plan, ledger: &Ledger, mailboxes: &[mpsc::UnboundedSender<Message>]) -> bool {
    let mut pace = Pace::default();
    let mut said = Instant::now();
    for (n, message) in plan.messages.iter().enumerate() {
        let accepted_before = (n + 1).saturating_sub(pace.window(ledger));
        if timeout(PROGRESS_WITHIN, ledger.have_accepted(accepted_before)).await.is_err() {
            return false;
        }
        if said.elapsed() > Duration::from_secs(10) {
            said = Instant::now();
            progress(&format!("{n} of {} messages sent", plan.messages.len()));
        }
        mailboxes[message.device].send(message.clone()).expect("a device that lives");
    }
    timeout(ACCEPTED_WITHIN, ledger.have_accepted(plan.messages.len())).await.is_ok()
}

#[expect(clippy::print_stderr, reason = "a run of minutes says how far it is")]
fn progress(text: &str) {
    eprintln!("{text}");
}
