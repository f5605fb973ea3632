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
    http::http_client,
    socket::{Opening, Socket, message},
    stack::Stack,
    user::{User, direct},
};

/// Frames that a device that floods has unanswered at once.
const UNANSWERED: usize = 32;
/// So many times as long as a frame of a flooding device took, the next one waits, while others send.
const WS_REST: u32 = 3;
/// A pair says something this often.
const PACE: Duration = Duration::from_millis(400);
/// Who chats waits so long for a message at most.
const PATIENCE: Duration = Duration::from_mins(1);
/// An answer that takes longer is taken for lost.
const ANSWERED_WITHIN: Duration = Duration::from_secs(15);
/// Between two handshakes of a device that floods, at first and at most: it comes back as clients do.
const AGAIN: Duration = Duration::from_secs(1);
const AGAIN_MAX: Duration = Duration::from_secs(30);

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

/// Has the local gateway share two cores as AWS need not: see the emulator's setting `wsRest`.
async fn rest(ratio: u32) {
    let url = format!("{}/_tidings/settings", Stack::get().endpoint_url);
    let response = http_client().post(url).json(&json!({ "wsRest": ratio })).send().await.unwrap();
    assert!(response.status().is_success(), "the flood is measured on the local AWS");
}

/// Runs the plan against the stack.
pub async fn run(plan: Plan) -> Outcome {
    let counts = Arc::new(Counts::default());
    let samples = Arc::new(Mutex::new(Vec::new()));
    let mut tasks = JoinSet::new();
    // They are connected before anything is measured: what it costs to have a hundred sockets more is none of the flood's.
    let mut flooders = Vec::new();
    for _ in 0..plan.flooders {
        let user = User::new("flood");
        let socket = user.connect("a").await;
        flooders.push((user, socket));
    }
    for _ in 0..plan.pairs {
        tasks.spawn(chat(Arc::clone(&counts), Arc::clone(&samples)));
    }
    rest(WS_REST).await;
    sleep(plan.quiet).await;
    let began = Instant::now();
    for (user, socket) in flooders {
        counts.connected.fetch_add(1, Relaxed);
        tasks.spawn(flood(user, socket, Arc::clone(&counts)));
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
    rest(0).await;
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
async fn flood(user: User, socket: Socket, counts: Arc<Counts>) {
    let notes = user.notes();
    let mut number = 0_u64;
    let mut open = Some(socket);
    let mut again = AGAIN;
    loop {
        if let Some(mut socket) = open {
            send_on(&mut socket, &notes, &mut number, &counts).await;
            socket.forget();
            again = AGAIN;
        } else {
            counts.shut_out.fetch_add(1, Relaxed);
            again = AGAIN_MAX.min(again * 2);
        }
        if counts.is_over.load(Relaxed) {
            return;
        }
        counts.connected.fetch_sub(1, Relaxed);
        sleep(again).await;
        counts.connected.fetch_add(1, Relaxed);
        // One that is not answered in time ends its task, and counts as refused.
        let token = user.token().to_owned();
        open =
            tokio::spawn(async move { Opening::with_token(&token, "a").open().await }).await.ok().and_then(Result::ok);
        if let Some(socket) = &mut open {
            socket.send(json!({ "type": "session.hello" })).await;
        }
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
        match timeout(ANSWERED_WITHIN, socket.heard()).await.map(|heard| heard.map(|frame| frame["type"].clone())) {
            Ok(None) => return,
            Ok(Some(kind)) if kind == "message.sent" => _ = counts.taken.fetch_add(1, Relaxed),
            Ok(Some(kind)) if kind == "error" => _ = counts.refused.fetch_add(1, Relaxed),
            Ok(Some(_)) => continue,
            Err(_) => {}
        }
        unanswered -= 1;
    }
}
