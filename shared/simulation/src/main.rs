//! `simulate`: runs seeds, and says what came of them.
#![expect(clippy::print_stdout, reason = "a command line tool speaks on it")]

use std::{
    process::ExitCode,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use clap::Parser;
use tidings_simulation::{MUTATION_SEEDS_MAX, Mutation, Options, Outcome, Totals, about, fixed_seeds, hunt, run};

/// Lines of a trace that are shown without `--trace`.
const LINES_SHOWN: usize = 120;
/// New seeds are taken from here on, so that a seed stays short to type.
const NEW_SEEDS: std::ops::Range<u64> = 1_000_000..1_000_000_000;

#[derive(Parser)]
#[command(name = "simulate", about = "The delivery core under faults, from one seed, in virtual time")]
struct Cli {
    /// Run this seed alone.
    #[arg(long)]
    seed: Option<u64>,
    /// After the fixed set, run so many new seeds.
    #[arg(long, value_name = "N", conflicts_with = "seed")]
    seeds: Option<u64>,
    /// The first of the new seeds; any, if not said.
    #[arg(long, value_name = "N", conflicts_with = "seed")]
    first: Option<u64>,
    /// After the fixed set, run new seeds for so long: 90s, 2m, 8h.
    #[arg(long = "for", value_name = "TIME", value_parser = parse_time, conflicts_with_all = ["seed", "seeds"])]
    time: Option<Duration>,
    /// Show the whole trace: of --seed, or of a seed that fails.
    #[arg(long)]
    trace: bool,
    /// Switch on one bug after another, and tell which promise each breaks.
    #[arg(long, conflicts_with_all = ["seed", "seeds", "first", "time", "trace", "keep_going"])]
    mutations: bool,
    /// Go on after a seed that fails, with one line for each instead of a trace.
    #[arg(long, conflicts_with_all = ["seed", "trace"])]
    keep_going: bool,
}

/// How much is told of a seed that fails.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Telling {
    /// The whole trace.
    Whole,
    /// The end of the trace.
    End,
    /// What was broken; other seeds are run on.
    Line,
}

fn parse_time(text: &str) -> Result<Duration, String> {
    let (number, unit_seconds) = match text.strip_suffix(['s', 'm', 'h']) {
        Some(number) => (
            number,
            if text.ends_with('s') {
                1
            } else if text.ends_with('m') {
                60
            } else {
                3600
            },
        ),
        None => (text, 1),
    };
    let number: u64 = number.parse().map_err(|_| format!("{text}: not a time such as 90s, 2m or 8h"))?;
    Ok(Duration::from_secs(number * unit_seconds))
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let is_whole = match (cli.seed, cli.time) {
        _ if cli.mutations => mutations(),
        (Some(seed), _) => show(seed, cli.trace),
        (None, time) => {
            let telling = match (cli.trace, cli.keep_going) {
                (true, _) => Telling::Whole,
                (_, true) => Telling::Line,
                _ => Telling::End,
            };
            fixed_set(telling) & new_seeds(cli.first, cli.seeds, time, telling)
        }
    };
    if is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn show(seed: u64, is_whole: bool) -> bool {
    let Ok(outcome) = run(seed, Options { trace: true, ..Options::default() }) else { return false };
    if is_whole || outcome.violation.is_some() {
        report(&outcome, is_whole);
    }
    println!("seed {seed}: {} ms of virtual time", outcome.virtual_ms);
    print_totals(&outcome.totals);
    outcome.violation.is_none()
}

fn mutations() -> bool {
    println!("| bug | promise that it breaks | seeds |\n|---|---|---|");
    let mut all_found = true;
    for mutation in Mutation::ALL {
        let Ok(found) = hunt(*mutation, MUTATION_SEEDS_MAX) else { return false };
        all_found &= found.is_some();
        let (promise, seeds) = match found {
            Some(found) => (found.violation.promise.label(), found.seeds.to_string()),
            None => ("none", format!("not in {MUTATION_SEEDS_MAX}")),
        };
        println!("| {} | {promise} | {seeds} |", mutation.text());
    }
    all_found
}

fn fixed_set(telling: Telling) -> bool {
    let seeds = fixed_seeds();
    println!("the fixed set: {} seeds", seeds.len());
    let at = AtomicU64::new(0);
    Batch::run(telling, || {
        seeds.get(usize::try_from(at.fetch_add(1, Ordering::Relaxed)).unwrap_or(usize::MAX)).copied()
    })
}

fn new_seeds(first: Option<u64>, count: Option<u64>, time: Option<Duration>, telling: Telling) -> bool {
    if count.is_none() && time.is_none() {
        return true;
    }
    let first = first.unwrap_or_else(|| rand::Rng::random_range(&mut rand::rng(), NEW_SEEDS));
    let started = Instant::now();
    println!("new seeds, from {first} on");
    let at = AtomicU64::new(first);
    Batch::run(telling, || {
        let seed = at.fetch_add(1, Ordering::Relaxed);
        let goes_on =
            count.is_none_or(|count| seed - first < count) && time.is_none_or(|time| started.elapsed() < time);
        goes_on.then_some(seed)
    })
}

/// Seeds that are run on all processors until one fails.
#[derive(Default)]
struct Batch {
    totals: Mutex<Totals>,
    seeds: AtomicU64,
    virtual_ms: AtomicU64,
    has_failed: AtomicBool,
}

impl Batch {
    fn run(telling: Telling, next: impl Fn() -> Option<u64> + Sync) -> bool {
        let batch = Self::default();
        let started = Instant::now();
        let threads = thread::available_parallelism().map_or(1, std::num::NonZero::get);
        thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| batch.work(telling, &next));
            }
        });
        let seeds = batch.seeds.load(Ordering::Relaxed);
        let elapsed = started.elapsed();
        let per_second = u128::from(seeds) * 1000 / elapsed.as_millis().max(1);
        let virtual_hours = batch.virtual_ms.load(Ordering::Relaxed) / 3_600_000;
        println!("{seeds} seeds in {elapsed:.1?}, {per_second} a second, {virtual_hours} h of virtual time");
        print_totals(&batch.totals.lock().unwrap_or_else(PoisonError::into_inner));
        !batch.has_failed.load(Ordering::Relaxed)
    }

    fn work(&self, telling: Telling, next: &(impl Fn() -> Option<u64> + Sync)) {
        while telling == Telling::Line || !self.has_failed.load(Ordering::Relaxed) {
            let Some(seed) = next() else { return };
            let Ok(outcome) = run(seed, Options::default()) else { return };
            self.seeds.fetch_add(1, Ordering::Relaxed);
            self.virtual_ms.fetch_add(outcome.virtual_ms, Ordering::Relaxed);
            self.totals.lock().unwrap_or_else(PoisonError::into_inner).add(&outcome.totals);
            let Some(violation) = outcome.violation else { continue };
            let is_first = !self.has_failed.swap(true, Ordering::Relaxed);
            if telling == Telling::Line {
                println!("seed {seed} breaks {violation}");
            } else if is_first && let Ok(outcome) = run(seed, Options { trace: true, ..Options::default() }) {
                // Once more, with every line kept: equal seeds give equal runs.
                report(&outcome, telling == Telling::Whole);
            }
        }
    }
}

/// Shows a run: its trace, as far as it is about the conversation in question, and what was broken.
fn report(outcome: &Outcome, is_whole: bool) {
    let conversation = outcome.violation.as_ref().and_then(|violation| violation.conversation.as_ref());
    let lines: Vec<_> = about(&outcome.lines, conversation).collect();
    let shown = if is_whole { lines.len() } else { LINES_SHOWN };
    let left_out = lines.len().saturating_sub(shown);
    if left_out > 0 {
        println!("({left_out} earlier lines are left out; --trace shows them)");
    }
    for line in &lines[left_out..] {
        println!("{line}");
    }
    if let Some(violation) = &outcome.violation {
        println!("\nseed {} breaks {violation}", outcome.seed);
        println!("again: cargo dev simulate --seed {}", outcome.seed);
    }
}

fn print_totals(totals: &Totals) {
    for (what, times) in totals.all() {
        println!("{times:>12}  {what}");
    }
}
