//! What is checked: always two senders and three messages. Where members change, the second
//! sender comes or goes once.

use tidings_model::{Config, Marks, Message};

pub(crate) const A1: Message = Message::new("a1", 0);
pub(crate) const A2: Message = Message::new("a2", 0).after(0);
pub(crate) const B1: Message = Message::new("b1", 1);

const SAID: Message = A1.in_epoch(0);
const COMMIT_A: Message = A2.in_epoch(0).commit();
const COMMIT_B: Message = B1.in_epoch(0).commit();

/// Resends, early and late, among others' messages.
pub(crate) fn dedupe() -> Config {
    Config::new(&[A1.attempts(2), A2, B1.attempts(2)])
}

/// The same by clients that do not mark their resends.
pub(crate) fn unmarked() -> Config {
    Config { marks: Marks::Never, ..dedupe() }
}

/// Somebody comes or goes.
pub(crate) fn members() -> Config {
    Config { member_changes: 1, ..Config::new(&[A1, A2, B1.attempts(2)]) }
}

/// Somebody goes and comes back, or comes and goes, and does not mark resends.
pub(crate) fn rejoin() -> Config {
    Config { member_changes: 2, marks: Marks::Never, ..Config::new(&[A1, B1.attempts(2)]) }
}

/// Two commits that end one epoch, a message of that epoch, and somebody comes or goes.
pub(crate) fn epoch() -> Config {
    Config { member_changes: 1, ..Config::new(&[SAID.attempts(2), COMMIT_A, COMMIT_B]) }
}

/// Both paths at once.
pub(crate) fn sequencer() -> Config {
    Config { sequencer: true, ..Config::new(&[A1.attempts(2), A2, B1]) }
}

/// The same by clients that do not mark their resends.
pub(crate) fn sequencer_unmarked() -> Config {
    Config { marks: Marks::Never, ..sequencer() }
}

/// Both paths at once, somebody comes or goes, and head and member row are read apart.
pub(crate) fn sequencer_members() -> Config {
    Config { sequencer: true, member_changes: 1, reads_tear: true, ..Config::new(&[A1, A2, B1]) }
}

/// Both paths at once, two commits that end one epoch, and somebody comes or goes.
pub(crate) fn sequencer_epoch() -> Config {
    Config { sequencer: true, member_changes: 1, ..Config::new(&[SAID, COMMIT_A, COMMIT_B]) }
}
