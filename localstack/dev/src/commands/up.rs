//! `cargo dev up`

use std::thread;
use std::time::{Duration, Instant};

use crate::clock::now_ms;
use crate::failure::{Failure, Result};
use crate::function_logs::Reader;
use crate::interrupt;
use crate::paths::Paths;
use crate::services;
use crate::site;
use crate::stack::{self, Change, Options, Outcome};
use crate::state::{State, Target};
use crate::web::{self, Web};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Return when the stack is up, instead of following its logs.
    #[arg(long)]
    detach: bool,
    /// Port of the emulator (4566); the identity provider takes the fourth after it.
    #[arg(long)]
    port: Option<u16>,
    /// Where to deploy.
    #[arg(long, value_enum, default_value_t = Target::Emulator)]
    target: Target,
    /// Build the functions as for AWS: slower to build, faster to run.
    #[arg(long)]
    release: bool,
    /// Keep the data of an earlier `up --persist`.
    #[arg(long)]
    persist: bool,
}

pub(crate) fn run(paths: &Paths, args: &Args) -> Result<()> {
    interrupt::listen()?;
    let started = Instant::now();
    let outcome = stack::up(
        paths,
        Options { port: args.port, target: args.target, release: args.release, persist: args.persist, faults: false },
    )?;
    let web = web::build(paths)?;
    println!("{}", summary(&outcome, &web, started.elapsed()));
    if args.detach || !outcome.started {
        return Ok(());
    }
    println!("\nThe functions' logs follow. Ctrl-C stops the stack.");
    let followed = follow(paths, &outcome.state);
    if interrupt::requested() {
        eprintln!("Stopping …");
        stack::down(paths)?;
    }
    followed
}

fn summary(outcome: &Outcome, web: &Web, elapsed: Duration) -> String {
    let what = match (outcome.started, outcome.change) {
        (true, _) => "Tidings is up",
        (false, Change::Nothing) => "Tidings runs already, and nothing changed",
        (false, Change::Code) => "Tidings runs already; its functions were updated",
        (false, _) => "Tidings runs already; it was deployed again",
    };
    let state = &outcome.state;
    let deployment = &outcome.deployment;
    let web = match (web, state.target) {
        (Web::Missing(reason), _) => format!("not here: {reason}"),
        (Web::Built, Target::Localstack) => "not served beside LocalStack".to_owned(),
        (Web::Built, Target::Emulator) => {
            let users = site::USERS.map(|user| format!("{}/#user={user}", state.issuer_url()));
            format!("{} or, to try two side by side,\n             {} and {}", state.issuer_url(), users[0], users[1])
        }
    };
    format!(
        "{what} ({:.1} s)

  WebSocket  {}
  HTTP       {}
  AWS        {}
  Identity   {}
  Web client {web}

Try, in two terminals:
  cargo tidings chat bob --as alice
  cargo tidings chat alice --as bob
Also: cargo dev logs -f · cargo dev status · cargo dev token alice · cargo dev down",
        elapsed.as_secs_f32(),
        deployment.ws_url,
        deployment.http_url,
        state.endpoint(),
        state.issuer_url(),
    )
}

/// Shows the logs until Ctrl-C, or until the stack ends otherwise.
fn follow(paths: &Paths, state: &State) -> Result<()> {
    let functions = state.deployment.as_ref().map_or_else(Vec::new, |deployment| deployment.functions.clone());
    let mut reader = Reader::new(state.endpoint(), functions, now_ms());
    while !interrupt::requested() {
        thread::sleep(Duration::from_millis(500));
        if !services::emulator_answers(paths, state, Duration::from_secs(10)) {
            if interrupt::requested() {
                break;
            }
            return match State::load(paths)? {
                Some(now) if now.launcher_pid == state.launcher_pid => Err(Failure::new("the emulator has stopped")
                    .with_help(format!("see {}; `cargo dev up` starts it again", paths.log("emulator").display()))),
                _ => {
                    println!("The stack was stopped by another command.");
                    Ok(())
                }
            };
        }
        for line in reader.next()? {
            println!("{line}");
        }
    }
    Ok(())
}
