//! Whether all that was promised was kept.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::Value;
use tokio::time::sleep;

use super::{
    device::Device,
    ledger::{Ledger, Violation},
    marks::Marks,
    plan::{Conversation, Plan},
    report::Outcome,
};

const PAUSE: Duration = Duration::from_millis(100);
/// Acknowledgements are cumulative, and a lost one is made up for by a later one or by the repair lane.
const SETTLED_WITHIN: Duration = Duration::from_mins(1);

/// Waits until every device holds as many messages of each of its conversations as were accepted.
pub(super) async fn converged(plan: &Plan, devices: &[Arc<Device>], ledger: &Ledger) {
    let expected = ends(plan, ledger);
    loop {
        let lags = |device: &Arc<Device>| {
            let store = device.store();
            store.held.keys().any(|conversation| store.place(conversation) < expected[conversation])
        };
        if !devices.iter().any(lags) {
            return;
        }
        sleep(PAUSE).await;
    }
}

/// The last sequence of each conversation, as it follows from what was accepted.
fn ends(plan: &Plan, ledger: &Ledger) -> BTreeMap<String, u64> {
    let mut ends: BTreeMap<String, u64> =
        plan.conversations.iter().map(|found| (found.id.clone(), found.events)).collect();
    for entry in ledger.book().entries.values().filter(|entry| entry.accepted.is_some()) {
        *ends.entry(plan.conversations[entry.message.conversation].id.clone()).or_default() += 1;
    }
    ends
}

/// Compares the log, the devices and the marks with what was accepted.
pub(super) async fn everything(plan: &Plan, devices: &[Arc<Device>], ledger: &Ledger, outcome: &mut Outcome) {
    for (index, conversation) in plan.conversations.iter().enumerate() {
        let log = plan.users[conversation.members[0]].http("check").log(&conversation.id).await;
        let mut found = log_is_what_was_accepted(plan, index, &log, ledger);
        for device in devices.iter().filter(|device| device.store().held.contains_key(&conversation.id)) {
            found.extend(device_holds(device, conversation, &log));
        }
        outcome.log_entries += log.len();
        outcome.broken(&conversation.id, found);
    }
}

/// Each accepted message is in the log once, at its sequence and as it was sent, and nothing else is.
fn log_is_what_was_accepted(plan: &Plan, conversation: usize, log: &[Value], ledger: &Ledger) -> Vec<Violation> {
    let Conversation { id, events, .. } = &plan.conversations[conversation];
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    let book = ledger.book();
    for (entry, expected) in log.iter().zip(1_u64..) {
        if entry["sequence"] != expected {
            found.push(format!("the log of {id} has {} where {expected} should be", entry["sequence"]));
            break;
        }
        if expected <= *events && entry["event"] == "membership" {
            continue;
        }
        let name = entry["clientMsgId"].as_str().unwrap_or_default();
        let Some(sent) = book.entries.get(name).filter(|sent| sent.message.conversation == conversation) else {
            found.push(format!("the log of {id} has {name} at {expected}, which nobody has sent"));
            continue;
        };
        if !seen.insert(name) {
            found.push(format!("the log of {id} has {name} a second time, at {expected}"));
        }
        let device = &plan.devices[sent.message.device];
        let sender = (plan.users[device.user].id.as_str(), device.id.as_str());
        if (entry["senderUserId"].as_str(), entry["senderDeviceId"].as_str()) != (Some(sender.0), Some(sender.1))
            || entry["payload"]["text"] != sent.message.text.as_str()
        {
            found.push(format!("the log of {id} has another {name} at {expected} than was sent: {entry}"));
        }
        if let Some(accepted) = &sent.accepted
            && (accepted.sequence != expected || entry["messageId"] != accepted.message_id.as_str())
        {
            found.push(format!("{name} of {id} was accepted at {} and is at {expected}", accepted.sequence));
        }
    }
    let lost = book.entries.iter().filter(|(name, sent)| {
        sent.message.conversation == conversation && sent.accepted.is_some() && !seen.contains(name.as_str())
    });
    found.extend(lost.map(|(name, _)| format!("{name} of {id} was accepted and is not in the log")));
    let open =
        book.entries.values().filter(|sent| sent.message.conversation == conversation && sent.accepted.is_none());
    found.extend(open.map(|sent| format!("{} of {id} was never accepted", sent.message.client_msg_id)));
    found
}

fn device_holds(device: &Device, conversation: &Conversation, log: &[Value]) -> Vec<Violation> {
    let store = device.store();
    let held = &store.held[&conversation.id];
    let mut missing = Vec::new();
    let mut found = Vec::new();
    for entry in log {
        let sequence = entry["sequence"].as_u64().unwrap_or_default();
        match held.get(&sequence) {
            None => missing.push(sequence),
            Some(id) if entry["messageId"] != id.as_str() => {
                found.push(format!("{} holds {id} of {} at {sequence}", device.label(), conversation.id));
            }
            Some(_) => {}
        }
    }
    if !missing.is_empty() {
        found.push(format!("{} lacks {missing:?} of {}", device.label(), conversation.id));
    }
    if held.len() > log.len() {
        found.push(format!("{} holds more of {} than there is", device.label(), conversation.id));
    }
    found
}

/// Waits until the service knows, of every member, that they have received what others wrote.
/// Answers what it does not know in time.
pub(super) async fn settled(plan: &Plan, ledger: &Ledger) -> Vec<Violation> {
    let ends = ends(plan, ledger);
    let deadline = Instant::now() + SETTLED_WITHIN;
    loop {
        let marks = Marks::now(plan).await;
        let behind = marks_behind(plan, &ends, &marks, ledger);
        if behind.is_empty() || Instant::now() >= deadline {
            return behind;
        }
        sleep(PAUSE * 10).await;
    }
}

fn marks_behind(plan: &Plan, ends: &BTreeMap<String, u64>, marks: &Marks, ledger: &Ledger) -> Vec<Violation> {
    let book = ledger.book();
    let mut found = Vec::new();
    for (index, conversation) in plan.conversations.iter().enumerate() {
        let of_it = book.entries.values().filter(|entry| entry.message.conversation == index);
        let accepted: Vec<(usize, u64)> = of_it
            .filter_map(|entry| Some((plan.devices[entry.message.device].user, entry.accepted.as_ref()?.sequence)))
            .collect();
        for user in &conversation.members {
            let foreign = accepted.iter().filter(|(sender, _)| sender != user).map(|(_, sequence)| *sequence).max();
            let (user, expected) = (&plan.users[*user].id, foreign.unwrap_or_default());
            let key = (conversation.id.clone(), user.clone());
            let [last, delivered, _] = marks.last.get(&key).copied().unwrap_or_default();
            if delivered < expected {
                found.push(format!("{user} holds {expected} of {}, and is marked at {delivered}", conversation.id));
            }
            let end = ends[&conversation.id];
            if last < end {
                found.push(format!("the row of {user} in {} stands at {last} of {end}", conversation.id));
            }
        }
    }
    found
}
