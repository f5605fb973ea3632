//! `cargo dev push`

use std::thread;
use std::time::Duration;

use clap::Subcommand;
use serde_json::Value;

use crate::clock::time_of_day;
use crate::failure::{Context, Failure, Result};
use crate::interrupt;
use crate::paths::Paths;
use crate::state::State;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Print what devices are pushed, as a phone would show it, until Ctrl-C.
    Tail {
        /// Only what has this in it: a token, a conversation.
        #[arg(default_value = "")]
        contains: String,
        /// Return after what there is so far.
        #[arg(long)]
        once: bool,
    },
}

pub(crate) fn run(paths: &Paths, args: &Args) -> Result<()> {
    let Action::Tail { contains, once } = &args.action;
    let state = State::load(paths)?;
    let state = state.ok_or_else(|| Failure::new("no stack is up").with_help("start it: `cargo dev up --detach`"))?;
    interrupt::listen()?;
    let mut told = 0;
    loop {
        let pushes = read(&state.endpoint(), contains)?;
        for push in pushes.iter().skip(told) {
            println!("{}", line(push));
        }
        told = told.max(pushes.len());
        if *once || interrupt::requested() {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(500));
    }
}

fn read(endpoint: &str, contains: &str) -> Result<Vec<Value>> {
    let failed = || format!("cannot read what was pushed at {endpoint}");
    let agent: ureq::Agent = ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(10))).build().into();
    let mut answer =
        agent.get(format!("{endpoint}/_tidings/pushes")).query("contains", contains).call().context(failed)?;
    let text = answer.body_mut().read_to_string().context(failed)?;
    text.lines().map(|line| serde_json::from_str(line).context(failed)).collect()
}

/// What a phone shows, and what it does not.
fn line(push: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (payload, headers) = (&push["payload"], &push["headers"]);
    let message = &payload["fcmV1Message"]["message"];
    let shown = match push["service"].as_str() {
        Some("webpush") => format!("(encrypted for the browser, {})", text(&headers["urgency"])),
        Some("fcm") if message["notification"].is_null() => "(woken)".to_owned(),
        Some("fcm") => {
            let (notification, android) = (&message["notification"], &message["android"]);
            let badge = &android["notification"]["notification_count"];
            let (title, body) = (text(&notification["title"]), text(&notification["body"]));
            format!("[{badge}] {title}: {body} ({})", text(&android["priority"]))
        }
        _ if payload["aps"]["alert"].is_null() => "(woken)".to_owned(),
        _ => {
            let (alert, badge) = (&payload["aps"]["alert"], &payload["aps"]["badge"]);
            let is_high = headers["AWS.SNS.MOBILE.APNS.PRIORITY"] == "10";
            let priority = if is_high { "high" } else { "normal" };
            format!("[{badge}] {}: {} ({priority})", text(&alert["title"]), text(&alert["body"]))
        }
    };
    let at = time_of_day(push["tMs"].as_u64().unwrap_or_default());
    format!("{at} {:<12} {}  {shown}", text(&push["service"]), text(&push["token"]))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn says_what_a_phone_shows() {
        let aps = json!({ "alert": { "title": "Crew", "body": "New message" }, "badge": 3 });
        let apns = json!({ "tMs": 0, "service": "apns", "token": "t1", "payload": { "aps": aps },
            "headers": { "AWS.SNS.MOBILE.APNS.PRIORITY": "10" } });
        assert!(line(&apns).ends_with("t1  [3] Crew: New message (high)"), "{}", line(&apns));
        let wake = json!({ "service": "fcm", "token": "t2", "payload": { "fcmV1Message": { "message": {} } } });
        assert!(line(&wake).ends_with("t2  (woken)"), "{}", line(&wake));
    }
}
