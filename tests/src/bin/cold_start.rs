//! The size of the artifact, and the time from the start of a function until it asks for its
//! first event: `cargo run -p tidings-tests --bin cold_start -- PATH [RUNS]`.
#![expect(clippy::print_stdout, reason = "a command says what it found")]

use std::{env, fs, io, path::PathBuf, time::Duration};

use tidings_tests::cold_start::init_time;

const HANDLERS: [&str; 10] =
    ["authorizer", "connect", "disconnect", "send", "ack", "presence", "sync", "fanout", "repair", "api"];

fn main() -> io::Result<()> {
    let mut arguments = env::args().skip(1);
    let artifact = PathBuf::from(arguments.next().unwrap_or_else(|| "target/debug/bootstrap".into()));
    let runs: usize = arguments.next().and_then(|runs| runs.parse().ok()).unwrap_or(20);
    println!("{}: {:.1} MB", artifact.display(), fs::metadata(&artifact)?.len() as f64 / 1e6);
    println!("{:<12} {:>8} {:>8}", "init, ms", "p50", "max");
    for handler in HANDLERS {
        let mut times = (0..runs.max(1)).map(|_| init_time(&artifact, handler)).collect::<io::Result<Vec<_>>>()?;
        times.sort();
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        println!("{handler:<12} {:>8.1} {:>8.1}", ms(times[times.len() / 2]), ms(times[times.len() - 1]));
    }
    Ok(())
}
