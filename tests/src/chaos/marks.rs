//! The marks of members, looked at again and again: they may only rise.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde_json::{Value, json};
use tokio::{sync::watch, time::sleep};

use super::{Phase, ledger::Violation, plan::Plan};
use crate::aws::dynamodb;

const PAUSE: Duration = Duration::from_secs(3);

/// Of a member row: last sequence, delivered up to, read up to.
const MARKS: [&str; 3] = ["ls", "dl", "rd"];

/// What the watch has seen.
#[derive(Default)]
pub(super) struct Marks {
    pub(super) looks: usize,
    pub(super) violations: Vec<Violation>,
    /// By conversation and user.
    pub(super) last: BTreeMap<(String, String), [u64; 3]>,
}

/// Looks until the run is over, and once more.
pub(super) async fn watch(plan: Arc<Plan>, mut phases: watch::Receiver<Phase>) -> Marks {
    let mut marks = Marks::default();
    while *phases.borrow() != Phase::Over {
        for conversation in &plan.conversations {
            marks.look(&conversation.id).await;
        }
        tokio::select! {
            () = sleep(PAUSE) => {}
            _ = phases.wait_for(|phase| *phase == Phase::Over) => {}
        }
    }
    for conversation in &plan.conversations {
        marks.look(&conversation.id).await;
    }
    marks
}

impl Marks {
    /// The marks as they are.
    pub(super) async fn now(plan: &Plan) -> Self {
        let mut marks = Self::default();
        for conversation in &plan.conversations {
            marks.look(&conversation.id).await;
        }
        marks
    }

    async fn look(&mut self, conversation: &str) {
        let query = json!({
            "ConsistentRead": true,
            "KeyConditionExpression": "cid = :cid",
            "ExpressionAttributeValues": { ":cid": { "S": conversation } },
        });
        let rows = dynamodb("Query", "ConversationsTable", query).await;
        for row in rows["Items"].as_array().into_iter().flatten() {
            if let Some(user) = row["sk"]["S"].as_str().and_then(|key| key.strip_prefix("m#")) {
                self.compare(conversation, user, MARKS.map(|name| number(&row[name])));
            }
        }
        self.looks += 1;
    }

    fn compare(&mut self, conversation: &str, user: &str, now: [u64; 3]) {
        let before = self.last.insert((conversation.to_owned(), user.to_owned()), now).unwrap_or_default();
        for ((name, before), now) in MARKS.iter().zip(before).zip(now) {
            if now < before {
                self.violations.push(format!("{name} of {user} in {conversation} fell from {before} to {now}"));
            }
        }
        if now[2] > now[1] {
            let what = format!("{user} in {conversation} has read up to {} and received up to {}", now[2], now[1]);
            self.violations.push(what);
        }
    }
}

fn number(attribute: &Value) -> u64 {
    attribute["N"].as_str().and_then(|text| text.parse().ok()).unwrap_or_default()
}
