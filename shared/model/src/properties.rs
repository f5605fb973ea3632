//! What must hold in every state, and what must be reached so that the check says something.

use stateright::{Model, Property};

use crate::{
    config::{Config, Marks},
    log::{Seq, What},
    state::{Flight, How, Outcome, Sequencer, State, Step, bit},
};

pub(crate) fn all(config: &Config) -> Vec<Property<Config>> {
    let mut all = vec![
        Property::always("rows have no gap and no overlap", |_, state: &State| !state.log.is_torn),
        Property::always("a message is appended once", |config, state: &State| is_appended_once(config, state)),
        Property::always("what is acknowledged is in the log at its sequence", |_, state: &State| {
            are_answers_true(state)
        }),
        Property::always("a sender is a member where the message stands", |config, state: &State| {
            are_members(config, state)
        }),
        Property::always("an entry is of the epoch before it", |config, state: &State| are_epochs_exact(config, state)),
        Property::always("a client's own order is kept", |config, state: &State| is_order_kept(config, state)),
        Property::always("at rest every message is answered", |config, state: &State| {
            !config.is_at_rest(state) || are_all_answered(config, state)
        }),
        Property::always("at rest every entry is fanned out", |config, state: &State| {
            !config.is_at_rest(state) || (1..=state.log.end()).all(|s| state.fanned_out & bit(s) != 0)
        }),
        Property::always("at rest what was handed over is in the log or refused", |config, state: &State| {
            !config.is_at_rest(state) || is_handed_over_settled(state)
        }),
        Property::sometimes("it comes to rest", |config, state: &State| config.is_at_rest(state)),
        Property::sometimes("a race is lost", |_, state: &State| {
            any(state, |flight| matches!(flight.step, Step::Lost { .. } | Step::HandingOver { .. }))
        }),
        Property::sometimes("found since the first tail", |_, state: &State| is_known_by(state, How::Since)),
    ];
    if config.messages.iter().any(|m| m.attempts_max > 1) {
        all.push(Property::sometimes("found in the tail", |_, state: &State| is_known_by(state, How::Tail)));
        all.push(Property::sometimes("found by the ring", |_, state: &State| is_known_by(state, How::Ring)));
        match config.marks {
            Marks::Resends => all.push(Property::sometimes("found by a marked read", |_, state: &State| {
                is_known_by(state, How::Marked)
            })),
            Marks::Never => all.push(Property::sometimes("found beyond the ring", |_, state: &State| {
                is_known_by(state, How::BeyondRing)
            })),
        }
    }
    if config.member_changes > 0 {
        all.push(Property::sometimes("the members change between read and put", |_, state: &State| {
            any(state, |f| matches!(f.step, Step::Putting { version, .. } if version != state.head_version))
        }));
    }
    if config.sequencer {
        all.extend([
            Property::sometimes("a row of several beside a row of one", |_, state: &State| state.log.has_mixed_rows()),
            Property::sometimes("it turns hot under an append", |_, state: &State| {
                state.is_hot && any(state, |flight| matches!(flight.step, Step::Putting { .. }))
            }),
            Property::sometimes("it cools under a hand-over", |_, state: &State| {
                !state.is_hot && any(state, |flight| matches!(flight.step, Step::HandingOver { .. }))
            }),
            Property::sometimes("found by the sequencer", |_, state: &State| is_known_by(state, How::BatchDuplicate)),
            Property::sometimes("a row is put after its sequencer gave it up", |_, state: &State| {
                state.floating.as_ref().is_some_and(|row| row.key == state.log.end() + 1)
            }),
        ]);
    }
    all
}

fn any(state: &State, is_it: impl Fn(&Flight) -> bool) -> bool {
    state.flights.iter().any(is_it)
}

fn is_known_by(state: &State, by: How) -> bool {
    state.clients.iter().any(|client| matches!(client.outcome, Outcome::Sent { how, .. } if how == by))
}

/// Promise 2. Where an append may have come from an attempt without a mark, it holds for the
/// device's last messages: between the two stand as many others of the device as a ring has.
fn is_appended_once(config: &Config, state: &State) -> bool {
    let messages = || state.log.entries().filter_map(|(s, entry)| message_of(entry.what).map(|m| (s, m)));
    messages().all(|(second_at, message)| {
        let Some(first_at) = state.log.find(message, 0, second_at - 1) else { return true };
        let sender = config.message(message).sender;
        let others = messages()
            .filter(|(s, m)| (first_at..second_at).contains(s) && *m != message && config.message(*m).sender == sender);
        others.count() >= usize::from(config.forgets_after)
    })
}

fn are_answers_true(state: &State) -> bool {
    state.clients.iter().zip(0..).all(|(client, message)| match client.outcome {
        Outcome::Sent { sequence, .. } => state.log.at(sequence).is_some_and(|e| e.what == What::Message(message)),
        _ => true,
    })
}

/// Each fault can cut off one attempt, so those that are sent oftener than there are faults get an answer.
fn are_all_answered(config: &Config, state: &State) -> bool {
    let with_clients = config.messages.iter().zip(&state.clients);
    with_clients
        .filter(|(m, _)| m.attempts_max > config.faults)
        .all(|(_, c)| c.outcome != Outcome::Unknown || c.attempts == 0)
}

/// By the log alone: who had come and not gone before the entry.
fn are_members(config: &Config, state: &State) -> bool {
    state.log.entries().all(|(sequence, entry)| {
        message_of(entry.what)
            .is_none_or(|message| state.members_at(sequence) & (1 << config.message(message).sender) != 0)
    })
}

/// What is encrypted stands in the epoch that it was made in, and a commit ends that one alone.
/// So no epoch is ended twice.
fn are_epochs_exact(config: &Config, state: &State) -> bool {
    state.log.entries().all(|(sequence, entry)| {
        let before: Seq = state.log.carried_at(sequence - 1).epoch;
        message_of(entry.what).is_none_or(|message| {
            let message = config.message(message);
            message.epoch.is_none_or(|made_in| made_in == before)
                && entry.carried.epoch == before + u8::from(message.is_commit)
        })
    })
}

fn is_order_kept(config: &Config, state: &State) -> bool {
    config.messages.iter().zip(0..).all(|(message, number)| {
        let at = |m: u8| state.log.find(m, 0, state.log.end());
        match (message.after.and_then(at), at(number)) {
            (Some(earlier), Some(later)) => {
                let was_sent = matches!(
                    state.clients.get(usize::from(message.after.unwrap_or_default())).map(|c| c.outcome),
                    Some(Outcome::Sent { .. })
                );
                !was_sent || earlier < later
            }
            _ => true,
        }
    })
}

fn is_handed_over_settled(state: &State) -> bool {
    let is_settled = |message: u8| {
        let is_refused =
            state.clients.get(usize::from(message)).is_some_and(|client| client.outcome == Outcome::Refused);
        is_refused || state.log.find(message, 0, state.log.end()).is_some()
    };
    state.ingest.iter().all(|pending| is_settled(pending.message))
}

fn message_of(what: What) -> Option<u8> {
    match what {
        What::Message(message) => Some(message),
        What::MembersChange => None,
    }
}

impl Config {
    /// Nothing more can happen. Cheap where something is under way.
    fn is_at_rest(&self, state: &State) -> bool {
        let is_busy = !state.flights.is_empty() || state.sequencer != Sequencer::Idle || state.floating.is_some();
        if is_busy {
            return false;
        }
        let mut actions = Vec::new();
        self.actions(state, &mut actions);
        actions.is_empty()
    }
}
