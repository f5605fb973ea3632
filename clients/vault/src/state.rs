//! Where the client stands: conversations with their cursors, and people whose safety number was compared.

use rusqlite::{OptionalExtension as _, params};

use crate::error::VaultError;
use crate::messages::{number, of_number};
use crate::vault::{Transaction, Vault};

/// A conversation, as far as this device has got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conversation {
    /// Its id.
    pub id: String,
    /// Its title, if it has one.
    pub title: Option<String>,
    /// The last entry of the log that was processed.
    pub cursor: u64,
    /// The last that the user has read.
    pub read_up_to: u64,
    /// The user has said that it is to be in the clear.
    pub is_clear: bool,
    /// This device has lost the group, and has to be added to it anew.
    pub is_lost: bool,
}

/// Somebody whose safety number the user has compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Who.
    pub user_id: String,
    /// The digits that were compared. Another number now means that a device of either has changed since.
    pub safety_number: String,
    /// When, in milliseconds since the epoch.
    pub verified_ms: u64,
}

impl Transaction<'_> {
    /// Moves the cursor of a conversation, which only rises; the conversation is made where there is none.
    pub fn set_cursor(&self, conversation_id: &str, sequence: u64) -> Result<(), VaultError> {
        let sql = "INSERT INTO conversations (id, cursor) VALUES (?1, ?2)
                   ON CONFLICT DO UPDATE SET cursor = max(cursor, excluded.cursor)";
        self.inner.execute(sql, params![conversation_id, number(sequence)])?;
        Ok(())
    }

    /// Moves what the user has read, which only rises.
    pub fn set_read(&self, conversation_id: &str, sequence: u64) -> Result<(), VaultError> {
        let sql = "INSERT INTO conversations (id, read_up_to) VALUES (?1, ?2)
                   ON CONFLICT DO UPDATE SET read_up_to = max(read_up_to, excluded.read_up_to)";
        self.inner.execute(sql, params![conversation_id, number(sequence)])?;
        Ok(())
    }

    /// Names a conversation.
    pub fn set_title(&self, conversation_id: &str, title: Option<&str>) -> Result<(), VaultError> {
        let sql = "INSERT INTO conversations (id, title) VALUES (?1, ?2)
                   ON CONFLICT DO UPDATE SET title = excluded.title";
        self.inner.execute(sql, params![conversation_id, title])?;
        Ok(())
    }

    /// Keeps whether the user wants a conversation in the clear.
    pub fn set_clear(&self, conversation_id: &str, is_clear: bool) -> Result<(), VaultError> {
        let sql = "INSERT INTO conversations (id, is_clear) VALUES (?1, ?2)
                   ON CONFLICT DO UPDATE SET is_clear = excluded.is_clear";
        self.inner.execute(sql, params![conversation_id, is_clear])?;
        Ok(())
    }

    /// Keeps whether this device has lost the group of a conversation.
    pub fn set_lost(&self, conversation_id: &str, is_lost: bool) -> Result<(), VaultError> {
        let sql = "INSERT INTO conversations (id, is_lost) VALUES (?1, ?2)
                   ON CONFLICT DO UPDATE SET is_lost = excluded.is_lost";
        self.inner.execute(sql, params![conversation_id, is_lost])?;
        Ok(())
    }

    /// Whether this device has lost the group of a conversation.
    pub fn is_lost(&self, conversation_id: &str) -> Result<bool, VaultError> {
        let sql = "SELECT is_lost FROM conversations WHERE id = ?1";
        let is_lost = self.inner.query_row(sql, params![conversation_id], |row| row.get(0)).optional()?;
        Ok(is_lost.unwrap_or(false))
    }

    /// The last entry of a conversation's log that was processed.
    pub fn cursor(&self, conversation_id: &str) -> Result<u64, VaultError> {
        let sql = "SELECT cursor FROM conversations WHERE id = ?1";
        let cursor = self.inner.query_row(sql, params![conversation_id], |row| row.get(0)).optional()?;
        Ok(of_number(cursor.unwrap_or(0)))
    }

    /// Keeps that a safety number was compared.
    pub fn verify(&self, user_id: &str, safety_number: &str, verified_ms: u64) -> Result<(), VaultError> {
        let sql = "INSERT OR REPLACE INTO verified (user_id, safety_number, verified_ms) VALUES (?1, ?2, ?3)";
        self.inner.execute(sql, params![user_id, safety_number, number(verified_ms)])?;
        Ok(())
    }

    /// Takes it back.
    pub fn unverify(&self, user_id: &str) -> Result<(), VaultError> {
        self.inner.execute("DELETE FROM verified WHERE user_id = ?1", params![user_id])?;
        Ok(())
    }
}

impl Vault {
    /// All conversations, by id.
    pub fn conversations(&self) -> Result<Vec<Conversation>, VaultError> {
        let sql = "SELECT id, title, cursor, read_up_to, is_clear, is_lost FROM conversations ORDER BY id";
        let mut select = self.database.prepare_cached(sql)?;
        let rows = select.query_map([], |row| {
            Ok(Conversation {
                id: row.get(0)?,
                title: row.get(1)?,
                cursor: of_number(row.get(2)?),
                read_up_to: of_number(row.get(3)?),
                is_clear: row.get(4)?,
                is_lost: row.get(5)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Everybody who was verified, by user id.
    pub fn verified(&self) -> Result<Vec<Verified>, VaultError> {
        let sql = "SELECT user_id, safety_number, verified_ms FROM verified ORDER BY user_id";
        let mut select = self.database.prepare_cached(sql)?;
        let rows = select.query_map([], |row| {
            Ok(Verified { user_id: row.get(0)?, safety_number: row.get(1)?, verified_ms: of_number(row.get(2)?) })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
