//! What was found, as tables of up to a hundred columns.

use std::fmt::Write;

use crate::{
    code::{Way, Work},
    growth::Growth,
    hot,
    modelled::Modelled,
    scenarios::Report,
};

/// The modelled part.
pub fn modelled(modelled: &Modelled) -> String {
    let mut out = String::from("MODELLED: the use cases in virtual time, calls as long and as dear as AWS publishes\n");
    for (title, reports) in
        [("1:1", &modelled.direct), ("groups", &modelled.groups), ("1:1, by choice", &modelled.choices)]
    {
        times(&mut out, title, reports);
    }
    for (title, reports) in [("1:1", &modelled.direct), ("groups", &modelled.groups)] {
        bills(&mut out, title, reports);
    }
    functions(&mut out, &modelled.direct);
    let idle = modelled.idle;
    line(
        &mut out,
        &format!(
            "\nconnections that nothing is said on: {:.1} min for each message; of a million messages ${:.2},\n\
             and ${:.2} for heartbeats",
            idle.minutes_per_message, idle.minutes, idle.heartbeats
        ),
    );
    hot_conversation(&mut out, &modelled.hot);
    for growth in &modelled.growth {
        curves(&mut out, growth);
    }
    targets(&mut out, modelled);
    out
}

/// The part about our own code.
pub fn code(works: &[(Way, Work)]) -> String {
    let mut out = String::from("CODE: our own, without AWS and its SDK, for one message or receipt\n");
    line(&mut out, &format!("\n{:<52}{:>14}{:>13}{:>12}", "", "instructions", "allocations", "bytes"));
    for (way, work) in works {
        let instructions = work.instructions.map_or("no valgrind".into(), |n| n.to_string());
        line(
            &mut out,
            &format!("{:<52}{instructions:>14}{:>13}{:>12}", way.name(), work.allocations, work.allocated_bytes),
        );
    }
    out
}

fn line(out: &mut String, text: &str) {
    // Writing to a string does not fail.
    let _ = writeln!(out, "{text}");
}

fn times(out: &mut String, title: &str, reports: &[Report]) {
    line(out, "");
    line(
        out,
        &format!("{:<34}{:>20}{:>22}{:>24}", title, "send to sent, ms", "send to delivered, ms", "of each message"),
    );
    line(
        out,
        &format!(
            "{:<34}{:>8}{:>6}{:>6}{:>10}{:>6}{:>6}{:>8}{:>8}{:>8}",
            "", "p50", "p95", "p99", "p50", "p95", "p99", "frames", "WU", "RU"
        ),
    );
    for report in reports {
        let [frames, writes, reads] = report.counts();
        let (sent, delivered) = (report.sent, report.delivered);
        let delivered = if delivered.count == 0 {
            format!("{:>10}{:>6}{:>6}", "pulled", "", "")
        } else {
            format!("{:>10.0}{:>6.0}{:>6.0}", delivered.p50_ms, delivered.p95_ms, delivered.p99_ms)
        };
        line(
            out,
            &format!(
                "{:<34}{:>8.0}{:>6.0}{:>6.0}{delivered}{:>8}{:>8}{:>8}",
                report.name,
                sent.p50_ms,
                sent.p95_ms,
                sent.p99_ms,
                count(frames),
                count(writes),
                count(reads)
            ),
        );
    }
}

fn count(n: f64) -> String {
    if n >= 100.0 { format!("{n:.0}") } else { format!("{n:.2}") }
}

fn bills(out: &mut String, title: &str, reports: &[Report]) {
    line(out, "");
    line(
        out,
        &format!(
            "{:<36}{:>9}{:>8}{:>8}{:>9}{:>9}{:>8}{:>11}",
            format!("{title}: $ of a million"),
            "frames",
            "writes",
            "reads",
            "requests",
            "time",
            "streams",
            "all"
        ),
    );
    for report in reports {
        let bill = report.bill;
        let parts = [bill.frames, bill.writes, bill.reads, bill.requests, bill.time, bill.streams, bill.total()];
        let [frames, writes, reads, requests, time, streams, all] = parts.map(count);
        line(
            out,
            &format!("{:<36}{frames:>9}{writes:>8}{reads:>8}{requests:>9}{time:>9}{streams:>8}{all:>11}", report.name),
        );
    }
    line(out, "(functions of 512 MB; time is Lambda's GB-seconds)");
}

fn functions(out: &mut String, reports: &[Report]) {
    for report in reports.iter().take(2) {
        line(out, "");
        line(
            out,
            &format!("{:<36}{:>12}{:>10}{:>10}{:>10}{:>10}", report.name, "invocations", "ms", "requests", "RU", "WU"),
        );
        for (name, part) in &report.message.functions {
            line(
                out,
                &format!(
                    "{name:<36}{:>12.2}{:>10.1}{:>10.2}{:>10.2}{:>10.2}",
                    part.invocations, part.duration_ms, part.requests, part.read_units, part.write_units
                ),
            );
        }
    }
}

fn hot_conversation(out: &mut String, reports: &[hot::Report]) {
    line(out, "");
    line(
        out,
        &format!(
            "{:<31}{:>8}{:>12}{:>10}{:>8}{:>12}{:>10}",
            "one hot conversation", "senders", "messages/s", "sent p50", "p95", "log WU/s", "records/s"
        ),
    );
    for report in reports {
        line(
            out,
            &format!(
                "{:<31}{:>8}{:>12.0}{:>10.0}{:>8.0}{:>12}{:>10}{}",
                report.name(),
                report.senders,
                report.messages_per_second,
                report.sent.p50_ms,
                report.sent.p95_ms,
                report.log_write_units,
                report.records,
                if report.is_within_a_partition() { "" } else { "  beyond" }
            ),
        );
    }
    line(out, "(of the busiest second; a partition takes 1,000 WU, a shard 1,000 records: beyond, AWS throttles)");
}

fn curves(out: &mut String, growth: &Growth) {
    line(out, "");
    line(
        out,
        &format!(
            "{:<42}{:>10}{:>10}{:>10}{:>9}{:>9}{:>8}",
            format!("by {}", growth.axis),
            "",
            "requests",
            "RU",
            "WU",
            "frames",
            "ms"
        ),
    );
    for curve in &growth.curves {
        for (n, cost) in curve.costs.iter().enumerate() {
            let work = if n == 0 { curve.work } else { "" };
            line(
                out,
                &format!(
                    "{work:<42}{:>10}{:>10}{:>10}{:>9}{:>9}{:>8.0}",
                    cost.x, cost.requests, cost.read_units, cost.write_units, cost.frames, cost.ms
                ),
            );
        }
    }
}

fn targets(out: &mut String, modelled: &Modelled) {
    line(out, "");
    line(out, &format!("{:<48}{:>12}{:>12}", "targets", "wanted", "found"));
    for target in &modelled.targets {
        let (sign, met) = (if target.is_floor { "≥" } else { "≤" }, if target.is_met() { "" } else { "missed" });
        let row =
            format!("{:<48}{:>12}{:>12.2}  {met}", target.what, format!("{sign} {}", target.wanted), target.found);
        line(out, row.trim_end());
    }
}
