//! A path in words.

use std::fmt::Write as _;

use stateright::Path;

use crate::{
    config::Config,
    log::What,
    model::{Action, Do, PutOutcome, SequencerDo},
    state::{Flight, Outcome, State, Step},
};

/// A path, one line a step, and what it ends in.
pub fn story(config: &Config, path: Path<State, Action>) -> String {
    let mut story = String::new();
    let last = path.last_state().clone();
    for (number, (before, action)) in (1..).zip(path.into_vec()) {
        if number == 1 {
            let _ = writeln!(story, "    start: members {:02b}, hot: {}", before.members, before.is_hot);
        }
        if let Some(does) = action {
            let _ = writeln!(story, "{number:>3} {}", self::action(config, &does));
        }
    }
    let _ = writeln!(story, "    log: {}", log(config, &last));
    for (client, message) in last.clients.iter().zip(&config.messages) {
        let told = match client.outcome {
            Outcome::Unknown => "nothing".to_owned(),
            Outcome::Sent { sequence, how } => format!("sent at {sequence} ({how:?})"),
            Outcome::Refused => "refused".to_owned(),
        };
        let _ = writeln!(story, "    {}: told {told}", message.name);
    }
    story
}

pub(crate) fn action(config: &Config, action: &Action) -> String {
    match action {
        Action::Send { message, remembers_hot } => {
            let by = if *remembers_hot { ", to a function that remembers it to be hot" } else { "" };
            format!("{}: the client sends it{by}", name(config, *message))
        }
        Action::Flight(flight, what) => format!("{}: {}", attempt(config, *flight), does(*flight, *what)),
        Action::Sequencer(what) => format!("sequencer: {}", sequencer_does(*what)),
        Action::Land => "the row that the sequencer gave up arrives".to_owned(),
        Action::FanOut(sequence) => format!("durable lane: moves the member rows for {sequence}"),
        Action::Repair(sequence) => format!("repair: publishes {sequence}"),
        Action::ChangeMembers => "the second sender comes or goes".to_owned(),
        Action::ChangeRows => "head and member row follow".to_owned(),
        Action::Cool => "the conversation is hot no longer".to_owned(),
    }
}

fn name(config: &Config, message: u8) -> &'static str {
    config.message(message).name
}

fn attempt(config: &Config, flight: Flight) -> String {
    match flight.base {
        Some(base) => format!("{} (marked, base {base})", name(config, flight.message)),
        None => name(config, flight.message).to_owned(),
    }
}

fn does(flight: Flight, what: Do) -> String {
    match (flight.step, what) {
        (_, Do::ReadTail) => "reads the tail".to_owned(),
        (_, Do::ReadStanding) => "reads head and member row".to_owned(),
        (_, Do::ReadHead) => "reads the head row".to_owned(),
        (_, Do::ReadRow) => "reads the member row".to_owned(),
        (Step::Putting { tail, .. }, Do::Put(outcome)) => {
            let then = match outcome {
                PutOutcome::Answered => "",
                PutOutcome::NotPublished => ", the stream refuses the record",
                PutOutcome::NotAnswered => ", the answer is lost",
                PutOutcome::CrashedAfter => ", and dies",
                PutOutcome::Crowded => ", one race too many, and turns it hot",
            };
            format!("puts row {}{then}", tail + 1)
        }
        (Step::Lost { first, .. } | Step::Unanswered { first }, Do::ReadSince) => format!("reads on from {first}"),
        (Step::HandingOver { after, version }, Do::HandOver) => {
            format!("hands it to the sequencer: not in the log up to {after}, member at version {version}")
        }
        (_, Do::Crash) => "dies".to_owned(),
        (step, what) => format!("{what:?} at {step:?}"),
    }
}

fn sequencer_does(what: SequencerDo) -> String {
    match what {
        SequencerDo::Take(count) => format!("takes {count}"),
        SequencerDo::Read => "reads the log".to_owned(),
        SequencerDo::ReadStanding => "reads how the senders stand".to_owned(),
        SequencerDo::Put => "puts its row and answers".to_owned(),
        SequencerDo::PutFloats => "puts its row, gets no answer and gives it up".to_owned(),
        SequencerDo::PutAndCrash => "puts its row and dies".to_owned(),
        SequencerDo::PutAndCrashBeforeCheckpoint => "puts its row, answers, and dies before the checkpoint".to_owned(),
        SequencerDo::Crash => "dies".to_owned(),
    }
}

fn log(config: &Config, state: &State) -> String {
    let entries = state.log.entries().map(|(sequence, entry)| {
        let what = match entry.what {
            What::Message(message) => name(config, message),
            What::MembersChange => "members change",
        };
        format!("{sequence} {what} (epoch {}, version {})", entry.carried.epoch, entry.carried.version)
    });
    entries.collect::<Vec<_>>().join(", ")
}

/// A shorter way to the same: steps that can be left out are.
pub fn shortened(config: &Config, path: Path<State, Action>, is_it: impl Fn(&State) -> bool) -> Path<State, Action> {
    let Some(start) = path.clone().into_states().into_iter().next() else { return path };
    let mut shortest = path;
    let mut place = 0;
    loop {
        let mut actions = shortest.clone().into_actions();
        if place >= actions.len() {
            return shortest;
        }
        actions.remove(place);
        match Path::from_actions(config, start.clone(), &actions) {
            Some(shorter) if is_it(shorter.last_state()) => shortest = shorter,
            _ => place += 1,
        }
    }
}
