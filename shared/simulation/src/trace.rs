//! What happened, one line each, for a person to follow.

use std::fmt;

use tidings_domain::ids::ConversationId;
use tidings_memory::streams::hash_of;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Milliseconds since the start.
    pub at_ms: u64,
    /// Who did it.
    pub actor: String,
    /// The conversation that it is about.
    pub conversation: Option<ConversationId>,
    /// What was done.
    pub text: String,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>8}  {:<16} ", self.at_ms, self.actor)?;
        if let Some(conversation) = &self.conversation {
            write!(f, "{conversation}  ")?;
        }
        f.write_str(&self.text)
    }
}

/// The lines of a run. Writing them costs more than the run, so it is done where they are asked for.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    lines: Option<Vec<Line>>,
}

impl Trace {
    pub(crate) fn new(is_on: bool) -> Self {
        Self { lines: is_on.then(Vec::new) }
    }

    pub(crate) fn add(&mut self, line: impl FnOnce() -> Line) {
        if let Some(lines) = &mut self.lines {
            lines.push(line());
        }
    }

    pub(crate) fn take(&mut self) -> Vec<Line> {
        self.lines.take().unwrap_or_default()
    }
}

/// One number for all lines: equal runs have equal ones.
pub fn trace_hash(lines: &[Line]) -> u64 {
    lines.iter().fold(0, |hash, line| hash_of(&format!("{hash}{line}")))
}

/// The lines about a conversation, and those about none: sockets, functions, faults of the time.
pub fn about<'a>(lines: &'a [Line], conversation: Option<&'a ConversationId>) -> impl Iterator<Item = &'a Line> {
    lines.iter().filter(move |line| match (&line.conversation, conversation) {
        (Some(of_line), Some(wanted)) => of_line == wanted,
        _ => true,
    })
}
