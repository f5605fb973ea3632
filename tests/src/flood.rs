//! What those notice who chat while others flood.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use serde_json::json;
use tokio::{
    sync::Mutex,
    task::JoinSet,
    time::{interval, sleep, timeout},
};

use crate::{
    socket::{Opening, Socket, message},
    user::{User, direct},
};

/// Frames that a device that floods has unanswered at once.
const UNANSWERED: usize = 32;
/// A pair says something this often.
const PACE: Duration = Duration::from_millis(400);
/// Who chats waits so long for a message at most.
const PATIENCE: Duration = Duration::from_mins(1);
/// A device that floods and is not answered for so long connects anew.
const ANSWERED_WITHIN: Duration = Duration::from_secs(15);
/// A refused handshake is tried again after this.
const AGAIN: Duration = Duration::from_secs(1);

/// What is tried.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Devices that flood, each of a user of its own: whatever they are answered they send on.
    pub flooders: usize,
    /// Pairs that chat.
    pub pairs: usize,
    /// For how long they chat alone.
    pub quiet: Duration,
    /// For how long others flood.
    pub flood: Duration,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Outcome {
    /// From send to delivery, while nobody flooded.
    pub quiet: Vec<Duration>,
    /// While devices that flood were connected.
    pub flooded: Vec<Duration>,
    /// When all of them were out.
    pub after: Vec<Duration>,
    /// Until the last of them was out, if they were all.
    pub until_out: Option<Duration>,
    /// Messages of theirs that were taken.
    pub taken: u64,
    /// That were refused.
    pub refused: u64,
    /// Handshakes that were refused.
    pub shut_out: u64,
}

#[derive(Debug, Default)]
struct Counts {
    is_over: AtomicBool,
    connected: AtomicU64,
    taken: AtomicU64,
    refused: AtomicU64,
    shut_out: AtomicU64,
}

/// Runs the plan against the stack.
pub async fn run(plan: Plan) -> Outcome {
    let counts = Arc::new(Counts::default());
    let samples = Arc::new(Mutex::new(Vec::new()));
    let mut tasks = JoinSet::new();
    for _ in 0..plan.pairs {
        tasks.spawn(chat(Arc::clone(&counts), Arc::clone(&samples)));
    }
    sleep(plan.quiet).await;
    let began = Instant::now();
    let flooders: Vec<User> = (0..plan.flooders).map(|_| User::new("flood")).collect();
    for flooder in flooders {
        counts.connected.fetch_add(1, Relaxed);
        tasks.spawn(flood(flooder, Arc::clone(&counts)));
    }
    let mut until_out = None;
    while began.elapsed() < plan.flood {
        sleep(Duration::from_millis(100)).await;
        if counts.connected.load(Relaxed) > 0 {
            until_out = None;
        } else if until_out.is_none() {
            until_out = Some(began.elapsed());
        }
    }
    counts.is_over.store(true, Relaxed);
    tasks.join_all().await;
    let mut outcome = Outcome {
        until_out,
        taken: counts.taken.load(Relaxed),
        refused: counts.refused.load(Relaxed),
        shut_out: counts.shut_out.load(Relaxed),
        ..Outcome::default()
    };
    for (at, took) in samples.lock().await.drain(..) {
        let of = if at < began {
            &mut outcome.quiet
        } else if until_out.is_some_and(|out| at >= began + out) {
            &mut outcome.after
        } else {
            &mut outcome.flooded
        };
        of.push(took);
    }
    outcome
}

/// Two people; each message is noted by when it was sent.
async fn chat(counts: Arc<Counts>, samples: Arc<Mutex<Vec<(Instant, Duration)>>>) {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let (mut a, mut b) = (alice.connect("a").await, bob.connect("b").await);
    let mut pace = interval(PACE);
    for sequence in 1.. {
        pace.tick().await;
        if counts.is_over.load(Relaxed) {
            return;
        }
        let began = Instant::now();
        a.send(message(&conversation, &sequence.to_string(), "hello")).await;
        // What takes longer counts as so long.
        if timeout(PATIENCE, hears(&mut b, sequence)).await.is_err() {
            b.forget();
        }
        samples.lock().await.push((began, began.elapsed()));
        a.forget();
    }
}

/// Until a message has come, or a later one.
async fn hears(socket: &mut Socket, sequence: u64) {
    while let Some(frame) = socket.heard().await {
        if frame["type"] == "message.new" && frame["sequence"].as_u64() >= Some(sequence) {
            return;
        }
    }
}

/// Sends on, whatever it is answered; comes back whenever it is let in.
async fn flood(user: User, counts: Arc<Counts>) {
    let notes = user.notes();
    let mut number = 0_u64;
    loop {
        // One that is not answered in time ends its task, and counts as refused.
        let token = user.token().to_owned();
        let opening = tokio::spawn(async move { Opening::with_token(&token, "a").open().await });
        if let Ok(Ok(mut socket)) = opening.await {
            socket.send(json!({ "type": "session.hello" })).await;
            send_on(&mut socket, &notes, &mut number, &counts).await;
            socket.forget();
        } else {
            counts.shut_out.fetch_add(1, Relaxed);
        }
        if counts.is_over.load(Relaxed) {
            return;
        }
        counts.connected.fetch_sub(1, Relaxed);
        sleep(AGAIN).await;
        counts.connected.fetch_add(1, Relaxed);
    }
}

async fn send_on(socket: &mut Socket, notes: &str, number: &mut u64, counts: &Counts) {
    let mut unanswered = 0;
    while !counts.is_over.load(Relaxed) {
        while unanswered < UNANSWERED {
            *number += 1;
            if !socket.send_raw(message(notes, &number.to_string(), "flood").to_string().into()).await {
                return;
            }
            unanswered += 1;
        }
        // An answer that is lost would be waited for without end.
        let Ok(Some(frame)) = timeout(ANSWERED_WITHIN, socket.heard()).await else { return };
        match frame["type"].as_str() {
            Some("message.sent") => counts.taken.fetch_add(1, Relaxed),
            Some("error") => counts.refused.fetch_add(1, Relaxed),
            _ => continue,
        };
        unanswered -= 1;
    }
}
