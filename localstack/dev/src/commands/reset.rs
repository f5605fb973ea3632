//! `cargo dev reset`

use std::time::Duration;

use crate::failure::{Context, Failure, Result};
use crate::interrupt;
use crate::paths::Paths;
use crate::stack::{self, Options};
use crate::state::{State, Target};

/// Wipes all data. The stack runs afterwards, new and empty.
pub(crate) fn run(paths: &Paths) -> Result<()> {
    interrupt::listen()?;
    let options = Options::as_before(paths)?;
    match options.target {
        Target::Emulator => {
            stack::down(paths)?;
            stack::wipe_data(paths)?;
        }
        Target::Localstack => {
            if let Some(state) = State::load(paths)? {
                wipe_localstack(&state)?;
            }
            stack::down(paths)?;
        }
    }
    stack::up(paths, options)?;
    println!("All data is gone, and the stack is up.");
    Ok(())
}

/// `LocalStack` is not ours to start again: it forgets by request.
fn wipe_localstack(state: &State) -> Result<()> {
    let url = format!("{}/_localstack/state/reset", state.endpoint());
    let agent: ureq::Agent = ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(30))).build().into();
    agent.post(&url).send_empty().context(|| format!("cannot reset LocalStack at {url}")).map_err(
        |failure: Failure| {
            failure.with_help("start it again: `docker compose -f localstack/docker-compose.yml restart`")
        },
    )?;
    Ok(())
}
