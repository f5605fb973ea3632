//! `cargo dev bench`: latencies of a 1:1 chat on the running stack, beside a baseline of the same
//! run, and the cold start of the artifact. Times are the machine's; quote the ratios.
#![expect(clippy::print_stdout, reason = "a command says what it found")]
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a bench that cannot go on has failed")]

use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use clap::Parser;
use serde_json::{Value, json};
use tidings_tests::{Socket, Stack, User, cold_start::init_time, direct, flood, message, repository};

/// The function whose init is the largest that a message waits for.
const COLD_HANDLER: &str = "send";

#[derive(Parser)]
struct Arguments {
    /// Messages, one after another.
    #[arg(long, default_value_t = 500)]
    messages: usize,
    /// Cold starts.
    #[arg(long, default_value_t = 20)]
    starts: usize,
    /// The artifact whose cold start is measured; target/lambda/bootstrap/bootstrap is what is deployed to AWS.
    #[arg(long)]
    artifact: Option<PathBuf>,
    /// So many devices flood, and nothing else is measured: what ten notice who chat meanwhile.
    #[arg(long, value_name = "DEVICES")]
    flood: Option<usize>,
    /// For how long they flood.
    #[arg(long, default_value_t = 90, value_name = "SECONDS")]
    flood_seconds: u64,
    /// One JSON object in place of the table.
    #[arg(long)]
    json: bool,
}

/// Times of one thing, sorted.
struct Times(Vec<Duration>);

impl Times {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        Self(times)
    }

    fn percentile_ms(&self, percent: usize) -> f64 {
        self.0[(self.0.len() - 1) * percent / 100].as_secs_f64() * 1e3
    }

    fn row(&self, name: &str, baseline: &Self) -> Value {
        json!({
            "name": name,
            "p50Ms": self.percentile_ms(50),
            "p95Ms": self.percentile_ms(95),
            "p99Ms": self.percentile_ms(99),
            "p50ToBaseline": self.percentile_ms(50) / baseline.percentile_ms(50),
        })
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments = Arguments::parse();
    if let Some(flooders) = arguments.flood {
        return measure_flood(flooders, Duration::from_secs(arguments.flood_seconds), arguments.json).await;
    }
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    let (mut a, mut b) = (alice.connect("a").await, bob.connect("b").await);
    let (mut heartbeats, mut sent, mut delivered) = (Vec::new(), Vec::new(), Vec::new());
    // The first few find functions cold.
    for n in 0..arguments.messages + 10 {
        let heartbeat = heartbeat(&mut a).await;
        let (to_sent, to_delivered) = chat(&mut a, &mut b, &conversation, n).await;
        if n >= 10 {
            heartbeats.push(heartbeat);
            sent.push(to_sent);
            delivered.push(to_delivered);
        }
    }
    let baseline = Times::of(heartbeats);
    let rows = [
        baseline.row("heartbeat (baseline)", &baseline),
        Times::of(sent).row("send to sent", &baseline),
        Times::of(delivered).row("send to delivered", &baseline),
    ];
    let artifact = arguments.artifact.unwrap_or_else(|| repository().join("target/debug/bootstrap"));
    let starts = (0..arguments.starts.max(1))
        .map(|_| init_time(&artifact, COLD_HANDLER, &Stack::get().endpoint_url).expect("a cold start"));
    let starts = Times::of(starts.collect());
    let bytes = fs::metadata(&artifact).expect("the artifact").len();
    let cold = json!({ "bytes": bytes, "initP50Ms": starts.percentile_ms(50), "initP95Ms": starts.percentile_ms(95) });
    if arguments.json {
        println!("{}", json!({ "messages": arguments.messages, "latency": rows, "coldStart": cold }));
    } else {
        print_table(arguments.messages, &rows, &cold, &artifact.display().to_string());
    }
}

/// Prints what those notice who chat: their latencies as ratios to those of the same run while nobody flooded.
async fn measure_flood(flooders: usize, flood: Duration, json: bool) {
    let outcome = flood::run(flood::Plan { flooders, pairs: 5, quiet: Duration::from_secs(30), flood }).await;
    let quiet = Times::of(outcome.quiet);
    let row = |name: &str, times: Vec<Duration>| {
        if times.is_empty() { Value::Null } else { Times::of(times).row(name, &quiet) }
    };
    let rows = [
        quiet.row("quiet (baseline)", &quiet),
        row("while they are connected", outcome.flooded),
        row("when they are out", outcome.after),
    ];
    let until_out = outcome.until_out.map(|time| time.as_secs_f64());
    let (taken, refused, shut_out) = (outcome.taken, outcome.refused, outcome.shut_out);
    if json {
        let counts = json!({ "taken": taken, "refused": refused, "shutOut": shut_out, "untilOutS": until_out });
        return println!("{}", json!({ "flooders": flooders, "latency": rows, "flood": counts }));
    }
    println!("5 pairs chat, {flooders} devices flood; send to delivered, ms");
    print_rows(&rows);
    println!();
    println!("of the flood: {taken} messages taken, {refused} refused, {shut_out} handshakes refused");
    match until_out {
        Some(seconds) => println!("all of them out after {seconds:.0} s"),
        None => println!("not all of them were out in the end"),
    }
}

fn print_table(messages: usize, rows: &[Value], cold: &Value, artifact: &str) {
    println!("{messages} messages, 1:1, both connected; ms");
    print_rows(rows);
    println!();
    println!(
        "cold start of {COLD_HANDLER}: init {:.1} ms (p95 {:.1}), {} bytes, {artifact}",
        cold["initP50Ms"].as_f64().unwrap(),
        cold["initP95Ms"].as_f64().unwrap(),
        cold["bytes"]
    );
}

fn print_rows(rows: &[Value]) {
    println!("{:<24} {:>8} {:>8} {:>8} {:>14}", "", "p50", "p95", "p99", "p50 / baseline");
    for row in rows.iter().filter(|row| !row.is_null()) {
        let number = |name: &str| row[name].as_f64().unwrap();
        println!(
            "{:<24} {:>8.1} {:>8.1} {:>8.1} {:>14.2}",
            row["name"].as_str().unwrap(),
            number("p50Ms"),
            number("p95Ms"),
            number("p99Ms"),
            number("p50ToBaseline")
        );
    }
}

async fn heartbeat(socket: &mut Socket) -> Duration {
    let started = Instant::now();
    socket.ask(json!({ "type": "presence.heartbeat", "active": false })).await;
    started.elapsed()
}

/// One message: the time until its sender knows that it was accepted, and until its reader has it.
async fn chat(a: &mut Socket, b: &mut Socket, conversation: &str, n: usize) -> (Duration, Duration) {
    let started = Instant::now();
    let sending = async {
        a.ask(message(conversation, &n.to_string(), "hello")).await;
        started.elapsed()
    };
    let receiving = async {
        b.expect_message(conversation, n as u64 + 1).await;
        started.elapsed()
    };
    let times = tokio::join!(sending, receiving);
    // Read at once, as by who looks at the screen.
    b.send(json!({ "type": "message.read", "conversationId": conversation, "upTo": n + 1 })).await;
    a.expect("message.read").await;
    times
}
