//! `cargo dev chaos`

use crate::STATE_DIR;
use crate::artifact;
use crate::commands::test::succeeded;
use crate::failure::{Failure, Result};
use crate::interrupt;
use crate::paths::Paths;
use crate::stack::{self, Options};
use crate::state::{PORT_DEFAULT, State, Target};

/// Its stack stands beside the usual one, which it leaves alone.
const PORT_OFFSET: u16 = 20;
const FOLDER: &str = "chaos";

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Messages to be sent.
    #[arg(long, default_value_t = 10_000)]
    messages: usize,
    /// Conversations that they go to.
    #[arg(long, default_value_t = 50)]
    conversations: usize,
    /// Devices, two of each user.
    #[arg(long, default_value_t = 100)]
    devices: usize,
    /// Repeats the plan of an earlier run: who sends what, and when what breaks.
    #[arg(long)]
    seed: Option<u64>,
    /// Port of the emulator: 20 above that of the usual stack.
    #[arg(long)]
    port: Option<u16>,
}

impl Args {
    /// A run that takes about a minute.
    pub(crate) fn short() -> Self {
        Self { messages: 400, conversations: 10, devices: 20, seed: None, port: None }
    }
}

pub(crate) fn run(paths: &Paths, args: &Args) -> Result<()> {
    interrupt::listen()?;
    run_once(paths, args)
}

/// Starts a stack of its own, runs the driver against it, and takes it down.
pub(crate) fn run_once(paths: &Paths, args: &Args) -> Result<()> {
    let usual = State::load(paths)?.map_or(PORT_DEFAULT, |state| state.port);
    let port = args.port.unwrap_or(usual.saturating_add(PORT_OFFSET));
    let own = paths.beneath(FOLDER);
    // What an interrupted run left behind is not the stack to begin with.
    stack::down(&own)?;
    let options = Options { port: Some(port), target: Target::Emulator, release: false, persist: false, faults: true };
    let outcome = stack::up(&own, options)?;
    let done = drive(&own, &outcome.state, args);
    stack::down(&own)?;
    interrupt::check()?;
    if done? {
        return Ok(());
    }
    let report = own.state_dir().join("report.md");
    Err(Failure::new("a promise was broken under faults").with_help(format!("see {}", report.display())))
}

fn drive(own: &Paths, state: &State, args: &Args) -> Result<bool> {
    let mut command = artifact::cargo(own);
    command
        .env(STATE_DIR, own.state_dir())
        .args(["run", "--quiet", "--bin=chaos", "--"])
        .args(["--messages", &args.messages.to_string()])
        .args(["--conversations", &args.conversations.to_string()])
        .args(["--devices", &args.devices.to_string()])
        .args(["--proxy", &state.proxy_url()])
        .arg("--report")
        .arg(own.state_dir());
    if let Some(seed) = args.seed {
        command.args(["--seed", &seed.to_string()]);
    }
    succeeded(&mut command)
}
