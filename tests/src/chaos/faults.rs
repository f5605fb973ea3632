//! What breaks, when, and what did.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use rand::{Rng, rngs::StdRng};
use serde_json::{Value, json};
use tokio::{sync::watch, task::JoinHandle, time::sleep};

use super::{plan::Plan, wire::Wire};
use crate::{http::http_client, stack::Stack};

/// The pause between two things that the driver breaks, in seconds.
const PAUSE_S: std::ops::Range<f64> = 0.2..1.2;

/// A rule of the proxy, with the kind of fault under which it is counted.
fn rules() -> Vec<(&'static str, Value)> {
    let mut rules = Vec::new();
    // What a service says when it is asked for too much.
    for (service, code) in [
        ("dynamodb", "ProvisionedThroughputExceededException"),
        ("kinesis", "ProvisionedThroughputExceededException"),
        ("apigatewaymanagementapi", "LimitExceededException"),
    ] {
        rules.push(("throttle", json!({ "service": service, "probability": 0.02, "error": { "code": code } })));
    }
    rules.push((
        "server error",
        json!({ "service": "dynamodb", "probability": 0.005, "error": { "code": "InternalServerError", "status": 500 } }),
    ));
    for service in ["dynamodb", "kinesis", "apigatewaymanagementapi"] {
        // Longer than an attempt may take, now and then.
        let latency = json!({ "min": 100, "max": 3_200 });
        rules.push(("slow answer", json!({ "service": service, "probability": 0.01, "latency": latency })));
        rules.push(("reset before the work", json!({ "service": service, "probability": 0.01, "reset": true })));
    }
    for (service, operation) in
        [("dynamodb", Some("PutItem")), ("dynamodb", Some("UpdateItem")), ("kinesis", Some("PutRecord"))]
            .into_iter()
            .chain([("apigatewaymanagementapi", None)])
    {
        let mut rule = json!({ "service": service, "probability": 0.02, "response": { "abort_bytes": 1 } });
        if let Some(operation) = operation {
            rule["operation"] = json!(operation);
        }
        rules.push(("answer lost after the work", rule));
    }
    rules
}

/// What the driver breaks itself.
#[derive(Clone, Copy)]
enum Hit {
    Function,
    GatewayConnection,
    Cut,
    Stall,
}

impl Hit {
    const ALL: [Self; 4] = [Self::Function, Self::GatewayConnection, Self::Cut, Self::Stall];

    fn draw(chance: &mut StdRng) -> Self {
        match chance.random_range(0..10) {
            0..5 => Self::Function,
            5..6 => Self::GatewayConnection,
            6..8 => Self::Cut,
            _ => Self::Stall,
        }
    }

    /// Under which it is counted.
    fn kind(self) -> &'static str {
        match self {
            Self::Function => "function killed in an invocation",
            Self::GatewayConnection => "connection lost by the gateway",
            Self::Cut => "socket reset",
            Self::Stall => "socket stalled",
        }
    }
}

/// How often each kind of fault has struck.
#[derive(Clone, Debug, Default)]
pub(super) struct Struck {
    pub(super) by_kind: BTreeMap<String, u64>,
    pub(super) killed: BTreeMap<String, u64>,
}

impl Struck {
    fn add(&mut self, kind: &str, count: u64) {
        *self.by_kind.entry(kind.to_owned()).or_default() += count;
    }
}

/// The trouble, until it is ended.
pub(super) struct Trouble {
    proxy: Proxy,
    stop: watch::Sender<bool>,
    driver: JoinHandle<Struck>,
}

impl Trouble {
    pub(super) async fn start(plan: &Plan, proxy: &str, wires: Vec<Arc<Wire>>) -> Self {
        let proxy = Proxy::with_rules(proxy).await;
        let (stop, stopped) = watch::channel(false);
        let driver = tokio::spawn(breaking(plan.chance(2), wires, stopped));
        Self { proxy, stop, driver }
    }

    pub(super) async fn end(self) -> Struck {
        self.stop.send_replace(true);
        let mut struck = self.driver.await.expect("the driver of faults");
        for (kind, count) in self.proxy.end().await {
            struck.add(kind, count);
        }
        struck
    }
}

async fn breaking(mut chance: StdRng, wires: Vec<Arc<Wire>>, mut stopped: watch::Receiver<bool>) -> Struck {
    let mut struck = Struck::default();
    for hit in Hit::ALL {
        struck.add(hit.kind(), 0);
    }
    loop {
        tokio::select! {
            () = sleep(Duration::from_secs_f64(chance.random_range(PAUSE_S))) => {}
            _ = stopped.changed() => return struck,
        }
        let drawn = Hit::draw(&mut chance);
        // Each kind strikes, however short the run.
        let hit = Hit::ALL.into_iter().find(|hit| struck.by_kind[hit.kind()] == 0).unwrap_or(drawn);
        let any = chance.random_range(0..wires.len());
        strike(hit, &wires[any], &mut struck).await;
    }
}

async fn strike(hit: Hit, wire: &Wire, struck: &mut Struck) {
    match hit {
        Hit::Function => {
            for killed in inject("kill-functions").await {
                let function = killed["function"].as_str().unwrap_or_default().to_owned();
                if killed["inInvocation"] == true {
                    struck.add(hit.kind(), 1);
                    *struck.killed.entry(function).or_default() += 1;
                } else {
                    struck.add("function killed between invocations", 1);
                }
            }
        }
        Hit::GatewayConnection => {
            let cut = inject("cut-sockets").await.len();
            struck.add(hit.kind(), cut as u64);
        }
        Hit::Cut if wire.is_open() => {
            wire.cut();
            struck.add(hit.kind(), 1);
        }
        Hit::Stall if wire.is_open() => {
            wire.stall();
            struck.add(hit.kind(), 1);
        }
        Hit::Cut | Hit::Stall => {}
    }
}

/// Has the launcher of the local AWS break something, and answers what it hit.
async fn inject(fault: &str) -> Vec<Value> {
    let url = format!("{}/_tidings/faults", Stack::get().endpoint_url);
    let answer = http_client().post(url).json(&json!({ "fault": fault, "count": 1 })).send().await.expect("a fault");
    let mut answer: Value = answer.json().await.expect("what it hit");
    match answer["hit"].take() {
        Value::Array(hit) => hit,
        other => panic!("{fault}: {other} {answer}"),
    }
}

struct Proxy {
    url: String,
    /// The rules' ids, with the kind of fault of each.
    kinds: BTreeMap<u64, &'static str>,
}

impl Proxy {
    async fn with_rules(url: &str) -> Self {
        let url = format!("{url}/_microburst");
        let (kinds, rules): (Vec<_>, Vec<_>) = rules().into_iter().unzip();
        let answer = http_client().post(format!("{url}/rules")).json(&rules).send().await.expect("the proxy");
        let taken: Vec<Value> = answer.json().await.expect("the rules");
        let ids = taken.iter().map(|rule| rule["id"].as_u64().expect("an id"));
        Self { url, kinds: ids.zip(kinds).collect() }
    }

    /// Lets all calls pass from now on, and answers what was fired.
    async fn end(&self) -> Vec<(&'static str, u64)> {
        let none: [Value; 0] = [];
        http_client().post(format!("{}/rules", self.url)).json(&none).send().await.expect("the proxy");
        let answer = http_client().get(format!("{}/stats", self.url)).send().await.expect("the proxy");
        let stats: Value = answer.json().await.expect("what was fired");
        let fired = |id: u64| {
            let rules = stats["by_rule"].as_array().into_iter().flatten();
            rules.filter(|rule| rule["id"] == id).filter_map(|rule| rule["fired"].as_u64()).sum()
        };
        self.kinds.iter().map(|(id, kind)| (*kind, fired(*id))).collect()
    }
}
