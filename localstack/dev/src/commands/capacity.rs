//! `cargo dev capacity`

use tidings_capacity::{
    Assumptions, Backoff, Load, MARGIN, Message, Storm, bill, cells, demands, first_hit, total, weather,
};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Users who are there on a day.
    #[arg(long, value_name = "N", default_value_t = 50e6, value_parser = positive)]
    users: f64,
    /// What each of them sends on a day.
    #[arg(long, value_name = "N", default_value_t = 40.0, value_parser = positive)]
    messages: f64,
    /// The share of messages with media, from 0 to 1.
    #[arg(long, value_name = "SHARE", default_value_t = 0.15, value_parser = share)]
    media: f64,
    /// The share of users who are connected at once, from 0 to 1.
    #[arg(long, value_name = "SHARE", default_value_t = 0.10, value_parser = share)]
    connected: f64,
    /// How much more than the average the busiest second has.
    #[arg(long, value_name = "FACTOR", default_value_t = 5.0, value_parser = positive)]
    peak: f64,
    /// Divide them into so many cells; as many as default quotas need, if not said.
    #[arg(long, value_name = "N", value_parser = positive)]
    cells: Option<f64>,
}

fn positive(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| format!("{text:?} is no number"))?;
    (number.is_finite() && number > 0.0).then_some(number).ok_or_else(|| format!("{text} is not above 0"))
}

fn share(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| format!("{text:?} is no number"))?;
    (0.0..=1.0).contains(&number).then_some(number).ok_or_else(|| format!("{text} is not from 0 to 1"))
}

/// Says what a number of users needs. It needs no stack.
pub(crate) fn run(args: &Args) {
    let users = Assumptions {
        daily_users: args.users,
        messages_per_user: args.messages,
        media_share: args.media,
        connected_share: args.connected,
        peak_factor: args.peak,
        ..Assumptions::default()
    };
    let message = Message::default();
    let load = Load::of(&users, &message);
    print_load(&load);
    let needed = demands(&load);
    let cells = args.cells.unwrap_or_else(|| cells(&needed));
    println!("\n{:<58}{:>14}{:>14}{:>10}", "limit of an account and region", "default", "needed", "times");
    for demand in &needed {
        let (default, ratio) = (number(demand.limit.default), demand.ratio());
        println!("{:<58}{default:>14}{:>14}{ratio:>10.2}", demand.limit.name, number(demand.needed));
    }
    if let Some(first) = first_hit(&needed) {
        let users_at = args.users / first.ratio();
        println!("\nfirst met: {}, at {} daily users", first.limit.name, number(users_at));
    }
    println!("cells, with {:.0} % to spare: {}", MARGIN * 100.0, number(cells));
    for demand in &needed {
        if let Some(to_ask_for) = demand.to_ask_for(cells) {
            let how = if demand.limit.can_be_raised { "ask for" } else { "cannot be raised; needed" };
            println!("  in each: {}: {how} {}", demand.limit.name, number(to_ask_for));
        }
    }
    let lines = bill(&users, &message, &load);
    println!("\n{:<40}{:>16} {:<14}{:>14}", "a month", "amount", "", "dollars");
    for line in &lines {
        println!("{:<40}{:>16} {:<14}{:>14}", line.what, number(line.amount), line.unit, number(line.dollars));
    }
    println!("{:<40}{:>16} {:<14}{:>14}", "all", "", "", number(total(&lines)));
    print_storms(load.sockets, cells);
}

fn print_load(load: &Load) {
    for (what, value) in [
        ("messages a day", load.messages_per_day),
        ("messages a second", load.messages_per_second),
        ("messages a second, peak", load.peak_messages_per_second),
        ("sockets", load.sockets),
        ("text, GiB a day", load.text_gib_per_day),
        ("media, TiB a day", load.media_tib_per_day),
        ("heartbeats a second", load.heartbeats_per_second),
        ("reconnects a second", load.reconnects_per_second),
        ("write units a second, peak", load.peak_write_units),
        ("read units a second, peak", load.peak_read_units),
        ("executions at once, peak", load.peak_concurrency),
        ("shards, peak", load.peak_shards),
    ] {
        println!("{what:<40}{:>16}", number(value));
    }
}

/// All sockets are lost at once, and come back.
fn print_storms(sockets: f64, cells: f64) {
    println!(
        "\n{:<58}{:>9}{:>10}{:>9}{:>14}",
        "all sockets lost at once", "half, s", "99 %, s", "tries", "worst second"
    );
    for (what, accounts, first_seconds) in [
        ("one account, 500 connections a second", 1.0, 1),
        ("the cells, an account each", cells, 1),
        ("the same, the first try within 5 minutes", cells, 300),
    ] {
        let backoff = Backoff { first_seconds, base_seconds: 1, cap_seconds: 30 };
        let outcome = weather(&Storm { clients: sockets, accepted_per_second: 500.0 * accounts, backoff });
        println!(
            "{what:<58}{:>9}{:>10}{:>9.1}{:>14}",
            outcome.half_seconds,
            outcome.most_seconds,
            outcome.tries,
            number(outcome.peak_tries)
        );
    }
}

/// A number with commas, and two places where it is small.
fn number(value: f64) -> String {
    if value < 1000.0 && value.fract() != 0.0 {
        return format!("{value:.2}");
    }
    let digits = format!("{value:.0}");
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}
