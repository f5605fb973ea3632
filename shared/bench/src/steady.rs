//! A 1:1 message in the steady state, step by step as the end-to-end test of costs takes them, so
//! that the model can be held against what the running stack meters.

use serde::Serialize;
use tidings_domain::{conversation::Watermark, ids::Sequence, send::Outcome};

use crate::{
    cast::Chat,
    ledger::Ledger,
    system::{Choices, System, in_virtual_time},
};

/// As many as that test sends: they fill tail and ring, and none of those counted trims it.
const WARM_UP_MESSAGES: usize = 90;

/// What a step comes to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// Requests to AWS.
    pub requests: f64,
    /// Read units.
    pub read_units: f64,
    /// Write units.
    pub write_units: f64,
    /// Frames in both directions.
    pub frames: f64,
}

impl Step {
    fn of(ledger: &Ledger) -> Self {
        let total = ledger.total();
        Self {
            requests: total.requests,
            read_units: total.read_units,
            write_units: total.write_units,
            frames: ledger.frames(),
        }
    }
}

/// A message that is acknowledged; the receipt when it is read; a message that is read at once.
pub fn steps() -> [Step; 3] {
    in_virtual_time(async {
        let system = System::start(1, Choices::TEMPLATE);
        let chat = Chat::open(&system.world, 0, 2);
        for n in 0..WARM_UP_MESSAGES {
            let last = say(&system, &chat, &format!("w{n}")).await;
            read(&system, &chat, Watermark::Read, last).await;
        }
        let mut last = Sequence::ZERO;
        let acknowledged = step(&system, async || {
            last = say(&system, &chat, "1").await;
            read(&system, &chat, Watermark::Delivered, last).await;
        })
        .await;
        let receipt = step(&system, async || read(&system, &chat, Watermark::Read, last).await).await;
        let read_at_once = step(&system, async || {
            let last = say(&system, &chat, "2").await;
            read(&system, &chat, Watermark::Read, last).await;
        })
        .await;
        [acknowledged, receipt, read_at_once]
    })
}

/// Every lane is at rest before and after.
async fn step(system: &System, work: impl AsyncFnOnce()) -> Step {
    let rest = std::time::Duration::from_secs(10);
    system.world.wait(rest).await;
    system.forget();
    work().await;
    system.world.wait(rest).await;
    Step::of(&system.ledger())
}

async fn say(system: &System, chat: &Chat, id: &str) -> Sequence {
    match system.send(&chat.devices[0], &chat.conversation, id).await {
        Outcome::Sent(sent) => sent.entry.sequence,
        Outcome::Queued => unreachable!("nothing is hot here"),
    }
}

async fn read(system: &System, chat: &Chat, mark: Watermark, up_to: Sequence) {
    system.mark(&chat.devices[1], &chat.conversation, mark, up_to).await;
}
