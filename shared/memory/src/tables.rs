//! Writes to the tables that no adapter does, to show that they would be noticed; and what is kept
//! and told of every write.

use tidings_domain::{
    conversation::Member,
    ids::{ConversationId, UserId},
    log::Entry,
};

use crate::{World, changes::What, consistency::Old, state::State};

impl World {
    /// Writes a member row, whatever is there.
    pub fn overwrite_member(&self, conversation: &ConversationId, row: Member) {
        let mut state = self.state();
        state.now = self.now();
        let user = row.user.clone();
        state.set_row(conversation, &user, Some(row));
    }

    /// Writes a row of the log, whatever is there.
    pub fn overwrite_entry(&self, entry: &Entry) {
        let mut state = self.state();
        state.now = self.now();
        let log = state.logs.entry(entry.conversation.clone()).or_default();
        match log.binary_search_by_key(&entry.sequence, |e| e.sequence) {
            Ok(at) => log[at] = entry.clone(),
            Err(at) => log.insert(at, entry.clone()),
        }
        state.note(|| What::Appended(vec![entry.clone()]));
    }

    /// Takes a row of the log away.
    pub fn erase_entry(&self, entry: &Entry) {
        let mut state = self.state();
        state.now = self.now();
        let log = state.logs.entry(entry.conversation.clone()).or_default();
        log.retain(|e| e.sequence != entry.sequence);
        state.note(|| What::Erased(Box::new(entry.clone())));
    }
}

impl State {
    /// What is kept and told of a row of the log that was put.
    pub(crate) fn row_appended(&mut self, entries: &[Entry]) {
        let now = self.now;
        for entry in entries {
            self.past.keep(now, || Old::NoEntry(entry.conversation.clone()));
        }
        self.note(|| What::Appended(entries.to_vec()));
    }

    pub(crate) fn set_row(&mut self, conversation: &ConversationId, user: &UserId, row: Option<Member>) {
        let rows = self.members.entry(conversation.clone()).or_default();
        let before = match row.clone() {
            Some(row) => rows.insert(user.clone(), row),
            None => rows.remove(user),
        };
        self.row_changed(conversation, user, before, row);
    }

    /// What is kept and told of a member row that was changed.
    pub(crate) fn row_changed(
        &mut self,
        conversation: &ConversationId,
        user: &UserId,
        before: Option<Member>,
        after: Option<Member>,
    ) {
        if before == after {
            return;
        }
        let now = self.now;
        self.past.keep(now, || Old::Member(conversation.clone(), user.clone(), before.clone()));
        self.note(|| What::Member {
            conversation: conversation.clone(),
            user: user.clone(),
            before: before.map(Box::new),
            after: after.map(Box::new),
        });
    }
}
