//! The streamed form of sends that wait for the batch sequencer.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tidings_domain::{
    ids::{ConnectionId, ConversationId, Timestamp},
    log::{ConversationState, Entry},
    send::{AnswerTo, Draft, Pending},
    sessions::Socket,
};

use crate::{EntryRecord, RecordError};

/// The entry stands at the place up to which the sender has looked, with the membership version
/// that the sender was checked at.
#[derive(Serialize, Deserialize)]
struct PendingForm {
    cid: String,
    entry: EntryRecord,
    /// The entry's epoch is one that the content was made in.
    #[serde(default)]
    bound: bool,
    hot: u64,
    /// The sender's pause, in milliseconds.
    #[serde(default)]
    pause: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    to: Option<AnswerForm>,
}

#[derive(Serialize, Deserialize)]
struct AnswerForm {
    conn: String,
    at: Arc<str>,
    since: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<Arc<str>>,
}

/// The bytes of a send that waits.
pub fn to_ingest(pending: &Pending) -> Result<Vec<u8>, RecordError> {
    let draft = &pending.draft;
    let state = ConversationState {
        epoch: draft.epoch.unwrap_or_default(),
        membership_version: pending.membership_version,
        indexes_text: false,
    };
    // As it was made: the epoch that a commit begins is told by the place that it gets.
    let entry = Entry { state, ..draft.entry_at(pending.after, Timestamp::default(), state) };
    let form = PendingForm {
        cid: draft.conversation.to_string(),
        entry: EntryRecord::from(&entry),
        bound: draft.epoch.is_some(),
        hot: pending.hot_until.0,
        pause: pending.pause_ms,
        to: pending.answer_to.as_ref().map(|to| AnswerForm {
            conn: to.socket.connection.to_string(),
            at: to.socket.endpoint.clone(),
            since: to.socket.connected_at.0,
            id: to.reply_to.clone(),
        }),
    };
    Ok(serde_json::to_vec(&form)?)
}

/// The send of these bytes.
pub fn from_ingest(bytes: &[u8]) -> Result<Pending, RecordError> {
    let form: PendingForm = serde_json::from_slice(bytes)?;
    let entry = form.entry.into_entry(ConversationId::parse(&form.cid)?)?;
    let answer_to = form.to.map(|to| {
        let socket = Socket {
            owner: entry.sender.clone(),
            connection: ConnectionId::parse(&to.conn)?,
            endpoint: to.at,
            connected_at: Timestamp(to.since),
        };
        Ok::<_, RecordError>(AnswerTo { socket, reply_to: to.id })
    });
    Ok(Pending {
        after: entry.sequence,
        membership_version: entry.state.membership_version,
        hot_until: Timestamp(form.hot),
        pause_ms: form.pause,
        answer_to: answer_to.transpose()?,
        draft: Draft {
            sender: entry.sender,
            conversation: entry.conversation,
            client_msg_id: entry.client_msg_id,
            event: entry.event,
            target: entry.target,
            content: entry.content,
            epoch: form.bound.then_some(entry.state.epoch),
        },
    })
}
