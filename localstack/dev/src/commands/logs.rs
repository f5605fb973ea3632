//! `cargo dev logs`

use std::thread;
use std::time::Duration;

use crate::clock::now_ms;
use crate::failure::{Failure, Result};
use crate::function_logs::Reader;
use crate::interrupt;
use crate::paths::Paths;
use crate::state::{Function, State};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// One function, for example `send`; all of them without.
    function: Option<String>,
    /// Go on as new lines come.
    #[arg(short, long)]
    follow: bool,
    /// How far back: 30s, 10m, 2h.
    #[arg(long, default_value = "10m", value_parser = duration)]
    since: Duration,
}

pub(crate) fn run(paths: &Paths, args: &Args) -> Result<()> {
    let mut reader = reader(paths, args.function.as_deref(), args.since)?;
    interrupt::listen()?;
    loop {
        for line in reader.next()? {
            println!("{line}");
        }
        if !args.follow || interrupt::requested() {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(500));
    }
}

/// A reader of the logs of one function of the stack that is up, or of all of them.
pub(super) fn reader(paths: &Paths, function: Option<&str>, since: Duration) -> Result<Reader> {
    let (endpoint, functions) = State::load(paths)?
        .and_then(|state| Some((state.endpoint(), state.deployment?.functions)))
        .ok_or_else(|| Failure::new("no stack is up").with_help("start it: `cargo dev up --detach`"))?;
    let since_ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
    Ok(Reader::new(endpoint, select(functions, function)?, now_ms().saturating_sub(since_ms)))
}

fn select(functions: Vec<Function>, name: Option<&str>) -> Result<Vec<Function>> {
    let Some(name) = name else {
        return Ok(functions);
    };
    let names: Vec<String> = functions.iter().map(|function| function.name.clone()).collect();
    let selected: Vec<Function> = functions.into_iter().filter(|function| function.name == name).collect();
    if selected.is_empty() {
        return Err(
            Failure::new(format!("there is no function {name:?}")).with_help(format!("one of: {}", names.join(" ")))
        );
    }
    Ok(selected)
}

pub(crate) fn duration(text: &str) -> std::result::Result<Duration, String> {
    let expected = || format!("{text:?} is no duration; expected for example 30s, 10m or 2h");
    let unit = text.chars().last().ok_or_else(expected)?;
    let seconds_per_unit = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        _ => return Err(expected()),
    };
    let number: u32 = text[..text.len() - 1].parse().map_err(|_| expected())?;
    Ok(Duration::from_secs(u64::from(number) * seconds_per_unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit() {
        assert_eq!(duration("90s").unwrap(), Duration::from_secs(90));
        assert_eq!(duration("10m").unwrap(), Duration::from_mins(10));
        assert_eq!(duration("2h").unwrap(), Duration::from_hours(2));
        for bad in ["", "10", "m", "-1s", "1d", "1é"] {
            duration(bad).unwrap_err();
        }
    }

    #[test]
    fn an_unknown_function_is_refused_with_those_there_are() {
        let function =
            |name: &str| Function { name: name.into(), function_name: String::new(), log_group: String::new() };
        let all = vec![function("send"), function("ack")];
        assert_eq!(select(all.clone(), Some("ack")).unwrap(), [function("ack")]);
        let failure = select(all, Some("snd")).unwrap_err();
        assert_eq!(failure.help(), Some("one of: send ack"));
    }
}
