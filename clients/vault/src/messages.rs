//! The history: messages as they were decrypted.

use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde_json::Value;

use crate::error::VaultError;
use crate::text::indexed;
use crate::vault::{Transaction, Vault};

/// A message to keep.
#[derive(Clone, Debug, PartialEq)]
pub struct NewMessage {
    /// The conversation.
    pub conversation_id: String,
    /// Its number in the conversation's log.
    pub sequence: u64,
    /// Its id.
    pub message_id: String,
    /// Who sent it.
    pub sender_user_id: String,
    /// From which device.
    pub sender_device_id: String,
    /// When, in milliseconds since the epoch.
    pub sent_ms: u64,
    /// Its kind.
    pub kind: String,
    /// What was in it.
    pub body: Value,
    /// What of it can be searched for: a text, a caption, a file's name.
    pub text: Option<String>,
    /// Users who are mentioned in it.
    pub mentions: Vec<String>,
}

/// The kind of a message that could not be read when it came.
pub const UNREADABLE: &str = "unreadable";

/// A message that is kept.
pub type Message = NewMessage;

impl Transaction<'_> {
    /// Keeps a message. One of this number that is there already stays as it is, and the answer is `false`: an entry of
    /// the log is delivered at least once. Only one that was [`UNREADABLE`] gives way to what can be read.
    pub fn keep(&self, message: &NewMessage) -> Result<bool, VaultError> {
        if message.conversation_id.is_empty() {
            return Err(VaultError::Field("conversation_id"));
        }
        let sql = "INSERT INTO messages
                   (conversation_id, sequence, message_id, sender_user_id, sender_device_id, sent_ms, kind, body, text)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) 
                   ON CONFLICT (conversation_id, sequence) DO UPDATE SET message_id = excluded.message_id,
                   sender_user_id = excluded.sender_user_id, sender_device_id = excluded.sender_device_id,
                   sent_ms = excluded.sent_ms, kind = excluded.kind, body = excluded.body, text = excluded.text
                   WHERE messages.kind = ?10 AND excluded.kind <> ?10 RETURNING row";
        let mut insert = self.inner.prepare_cached(sql)?;
        let row: Option<i64> = insert
            .query_row(
                params![
                    message.conversation_id,
                    number(message.sequence),
                    message.message_id,
                    message.sender_user_id,
                    message.sender_device_id,
                    number(message.sent_ms),
                    message.kind,
                    message.body.to_string(),
                    message.text,
                    UNREADABLE
                ],
                |row| row.get(0),
            )
            .optional()?;
        let Some(row) = row else { return Ok(false) };
        self.index(row, message.text.as_deref())?;
        let mut insert = self.inner.prepare_cached("INSERT OR IGNORE INTO mentions (row, user_id) VALUES (?1, ?2)")?;
        for user_id in &message.mentions {
            insert.execute(params![row, user_id])?;
        }
        Ok(true)
    }

    /// Changes what a message says, as an edit does. `false` where it is not kept.
    pub fn edit(
        &self,
        conversation_id: &str,
        sequence: u64,
        body: &Value,
        text: Option<&str>,
    ) -> Result<bool, VaultError> {
        let Some(row) = self.row_of(conversation_id, sequence)? else { return Ok(false) };
        self.inner
            .execute("UPDATE messages SET body = ?2, text = ?3 WHERE row = ?1", params![row, body.to_string(), text])?;
        self.inner.execute("DELETE FROM words WHERE rowid = ?1", params![row])?;
        self.index(row, text)?;
        Ok(true)
    }

    /// Forgets a message, in the index too. `false` where it is not kept.
    pub fn forget(&self, conversation_id: &str, sequence: u64) -> Result<bool, VaultError> {
        let Some(row) = self.row_of(conversation_id, sequence)? else { return Ok(false) };
        self.inner.execute("DELETE FROM words WHERE rowid = ?1", params![row])?;
        self.inner.execute("DELETE FROM messages WHERE row = ?1", params![row])?;
        Ok(true)
    }

    /// The message of a number, if it is kept.
    pub fn message(&self, conversation_id: &str, sequence: u64) -> Result<Option<Message>, VaultError> {
        one(&self.inner, conversation_id, sequence)
    }

    fn row_of(&self, conversation_id: &str, sequence: u64) -> Result<Option<i64>, VaultError> {
        let sql = "SELECT row FROM messages WHERE conversation_id = ?1 AND sequence = ?2";
        Ok(self.inner.query_row(sql, params![conversation_id, number(sequence)], |row| row.get(0)).optional()?)
    }

    fn index(&self, row: i64, text: Option<&str>) -> Result<(), VaultError> {
        if let Some(text) = text {
            let mut insert = self.inner.prepare_cached("INSERT INTO words (rowid, text) VALUES (?1, ?2)")?;
            insert.execute(params![row, indexed(text)])?;
        }
        Ok(())
    }
}

pub(crate) const COLUMNS: &str = "messages.conversation_id, messages.sequence, messages.message_id, \
    messages.sender_user_id, messages.sender_device_id, messages.sent_ms, messages.kind, messages.body, messages.text, \
    (SELECT json_group_array(user_id) FROM mentions WHERE mentions.row = messages.row)";

impl Vault {
    /// Messages of a conversation before a number, the latest first.
    pub fn messages(&self, conversation_id: &str, before: u64, limit: usize) -> Result<Vec<Message>, VaultError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM messages WHERE conversation_id = ?1 AND sequence < ?2 ORDER BY sequence DESC LIMIT ?3"
        );
        let mut select = self.database.prepare_cached(&sql)?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = select.query_map(params![conversation_id, number(before), limit], |row| Ok(read(row)))?;
        rows.map(|row| row?).collect()
    }

    /// The message of a number, if it is kept.
    pub fn message(&self, conversation_id: &str, sequence: u64) -> Result<Option<Message>, VaultError> {
        one(&self.database, conversation_id, sequence)
    }
}

fn one(database: &Connection, conversation_id: &str, sequence: u64) -> Result<Option<Message>, VaultError> {
    let sql = format!("SELECT {COLUMNS} FROM messages WHERE conversation_id = ?1 AND sequence = ?2");
    let mut select = database.prepare_cached(&sql)?;
    select.query_row(params![conversation_id, number(sequence)], |row| Ok(read(row))).optional()?.transpose()
}

pub(crate) fn read(row: &Row<'_>) -> Result<Message, VaultError> {
    let json = |text: String| serde_json::from_str(&text).map_err(|_| VaultError::Malformed("messages"));
    let mentions: String = row.get(9)?;
    Ok(Message {
        conversation_id: row.get(0)?,
        sequence: of_number(row.get(1)?),
        message_id: row.get(2)?,
        sender_user_id: row.get(3)?,
        sender_device_id: row.get(4)?,
        sent_ms: of_number(row.get(5)?),
        kind: row.get(6)?,
        body: json(row.get(7)?)?,
        text: row.get(8)?,
        mentions: serde_json::from_str(&mentions).map_err(|_| VaultError::Malformed("mentions"))?,
    })
}

/// SQLite's integers have a sign.
pub(crate) fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

pub(crate) fn of_number(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}
