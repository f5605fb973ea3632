//! `tidings admin`: bans, reports, the audit log, and keys of machines; for those whom the deployment names.

use clap::Subcommand;
use tidings_sdk::protocol::abuse::{AdminKeyMake, BanInfo, BanMake, DeedInfo, ReportInfo, ReportResolve};

use crate::{
    clock::{Zone, now_ms},
    failure::Result,
    output,
    service::ServiceArgs,
};

const DAY_SECONDS: u64 = 24 * 3600;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
    /// Print JSON, a line each.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Action {
    /// Ban a user: every token is refused and every socket closed, at once.
    Ban {
        /// The user.
        #[arg(value_name = "USER")]
        other: String,
        /// Why, for other administrators to read.
        #[arg(long)]
        reason: String,
        /// For so many days; else for good.
        #[arg(long)]
        days: Option<u64>,
    },
    /// End a ban.
    Unban {
        /// The user.
        #[arg(value_name = "USER")]
        other: String,
    },
    /// Print what is known of a user.
    Show {
        /// The user.
        #[arg(value_name = "USER")]
        other: String,
    },
    /// Print what was reported, the latest first.
    Reports {
        /// So many days ago; 0 is today.
        #[arg(long, default_value_t = 0)]
        ago: u64,
    },
    /// Say what became of a report.
    Resolve {
        /// The report.
        report: String,
        /// What became of it.
        note: String,
    },
    /// Print what administrators did, the latest first.
    Audit {
        /// So many days ago; 0 is today.
        #[arg(long, default_value_t = 0)]
        ago: u64,
    },
    /// Make a key for a machine that administrates, and print it, this once.
    MakeKey {
        /// What to call it.
        name: String,
        /// Its life in days.
        #[arg(long, default_value_t = 90)]
        days: u64,
    },
    /// Print the keys that are good.
    Keys,
    /// Forget a key.
    DropKey {
        /// What it is called.
        name: String,
    },
}

pub(crate) async fn run(service: &ServiceArgs, args: &Args) -> Result<()> {
    let http = service.find()?.http("admin").await?;
    let zone = Zone::local();
    match &args.action {
        Action::Ban { other, reason, days } => {
            let ban = BanMake { reason: reason.clone(), seconds: days.map(|days| days.saturating_mul(DAY_SECONDS)) };
            let made = http.ban(other, &ban).await?;
            if args.json {
                output::json(&made)?;
            } else {
                let text = ban_line(&made.ban, &zone);
                output::line(&format!("{other} {text}; {} sockets closed", made.sockets_closed))?;
            }
        }
        Action::Unban { other } => http.unban(other).await?,
        Action::Show { other } => {
            let file = http.user_file(other).await?;
            if args.json {
                output::json(&file)?;
            } else {
                let ban = file.ban.as_ref().map_or_else(|| "not banned".to_owned(), |ban| ban_line(ban, &zone));
                let (devices, sockets, reporters) = (file.devices, file.sockets, file.reporters);
                output::line(&format!(
                    "{other}: {ban}; {devices} devices, {sockets} sockets, reported by {reporters}"
                ))?;
            }
        }
        Action::Reports { ago } => {
            let mut before = None;
            loop {
                let page = http.reports(Some(day(*ago)), before.as_deref()).await?;
                for report in &page.reports {
                    if args.json { output::json(report)? } else { output::line(&report_line(report, &zone))? }
                }
                before = page.next;
                if before.is_none() {
                    break;
                }
            }
        }
        Action::Resolve { report, note } => {
            http.resolve_report(report, &ReportResolve { note: note.clone() }).await?;
        }
        Action::Audit { ago } => {
            let mut before = None;
            loop {
                let page = http.audit(Some(day(*ago)), before.as_deref()).await?;
                for deed in &page.deeds {
                    if args.json { output::json(deed)? } else { output::line(&deed_line(deed, &zone))? }
                }
                before = page.next;
                if before.is_none() {
                    break;
                }
            }
        }
        Action::MakeKey { name, days } => {
            let seconds = days.saturating_mul(DAY_SECONDS);
            let made = http.make_admin_key(name, &AdminKeyMake { seconds }).await?;
            if args.json { output::json(&made)? } else { output::line(&made.key)? }
        }
        Action::Keys => {
            for key in http.admin_keys().await?.keys {
                let text = || format!("{} by {}, until {}", key.name, key.by, zone.moment(key.until));
                if args.json { output::json(&key)? } else { output::line(&text())? }
            }
        }
        Action::DropKey { name } => http.drop_admin_key(name).await?,
    }
    Ok(())
}

fn day(ago: u64) -> u64 {
    now_ms().saturating_sub(ago.saturating_mul(DAY_SECONDS * 1000))
}

fn ban_line(ban: &BanInfo, zone: &Zone) -> String {
    let until = ban.until.map_or_else(|| "for good".to_owned(), |until| format!("until {}", zone.moment(until)));
    format!("is banned {until} by {}: {}", ban.by, ban.reason)
}

fn report_line(report: &ReportInfo, zone: &Zone) -> String {
    let said = report.plaintext.as_ref().or(report.content.as_ref()).map_or("(content is gone)", String::as_str);
    let became = report.resolution.as_ref().map(|resolution| format!(" → {}: {}", resolution.by, resolution.note));
    format!(
        "{} {} {} reports {} for {:?} in {}: {said}{}{}",
        report.report_id,
        zone.moment(report.at),
        report.by_user_id,
        report.sender_user_id,
        report.ground,
        report.conversation_id,
        report.comment.as_ref().map(|comment| format!(" ({comment})")).unwrap_or_default(),
        became.unwrap_or_default(),
    )
}

fn deed_line(deed: &DeedInfo, zone: &Zone) -> String {
    let detail = if deed.detail.is_empty() { String::new() } else { format!(": {}", deed.detail) };
    format!("{} {} {} {}{detail}", zone.moment(deed.at), deed.by, deed.action, deed.subject)
}
