//! What is to be sent: ciphertexts, written together with the MLS state that made them.

use rusqlite::{Connection, params};

use crate::error::VaultError;
use crate::messages::{number, of_number};
use crate::vault::{Transaction, Vault};

/// Something to send. Once it is encrypted it is sent, and sent again until the service has answered, as the same bytes
/// under the same id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// The conversation.
    pub conversation_id: String,
    /// The sender's id for it, by which the service knows a second attempt.
    pub client_msg_id: String,
    /// Whether it is a commit, and not a message.
    pub is_commit: bool,
    /// The ciphertext; none before it is encrypted.
    pub sealed: Option<Sealed>,
    /// What is in it, as JSON. One's own message cannot be decrypted when it comes back: this is what it was.
    pub body: Option<String>,
}

/// A ciphertext.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// The epoch that it was made in.
    pub epoch: u64,
    /// The payload.
    pub payload: String,
}

impl Outgoing {
    /// A message.
    pub fn message(conversation_id: &str, client_msg_id: &str, payload: &str, epoch: u64) -> Self {
        Self {
            conversation_id: conversation_id.to_owned(),
            client_msg_id: client_msg_id.to_owned(),
            is_commit: false,
            sealed: Some(Sealed { epoch, payload: payload.to_owned() }),
            body: None,
        }
    }
}

impl Transaction<'_> {
    /// Puts something into the outbox. One that is there already under this id is an error.
    pub fn queue(&self, outgoing: &Outgoing) -> Result<(), VaultError> {
        let event = if outgoing.is_commit { "commit" } else { "message" };
        let sql = "INSERT INTO outbox (conversation_id, client_msg_id, event, epoch, payload, body)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        self.inner.execute(
            sql,
            params![
                outgoing.conversation_id,
                outgoing.client_msg_id,
                event,
                outgoing.sealed.as_ref().map(|sealed| number(sealed.epoch)),
                outgoing.sealed.as_ref().map(|sealed| &sealed.payload),
                outgoing.body
            ],
        )?;
        Ok(())
    }

    /// Gives what is queued a ciphertext, or takes away one that the service has refused: it is to be encrypted anew.
    pub fn seal(&self, conversation_id: &str, client_msg_id: &str, sealed: Option<&Sealed>) -> Result<(), VaultError> {
        let sql = "UPDATE outbox SET epoch = ?3, payload = ?4 WHERE conversation_id = ?1 AND client_msg_id = ?2";
        let (epoch, payload) = sealed.map(|sealed| (number(sealed.epoch), &sealed.payload)).unzip();
        self.inner.execute(sql, params![conversation_id, client_msg_id, epoch, payload])?;
        Ok(())
    }

    /// Takes out what the service has answered for, and gives it back; `None` where it was not there.
    pub fn unqueue(&self, conversation_id: &str, client_msg_id: &str) -> Result<Option<Outgoing>, VaultError> {
        let sql = "DELETE FROM outbox WHERE conversation_id = ?1 AND client_msg_id = ?2
                   RETURNING conversation_id, client_msg_id, event, epoch, payload, body";
        let mut delete = self.inner.prepare_cached(sql)?;
        let mut rows = delete.query_map(params![conversation_id, client_msg_id], read)?;
        Ok(rows.next().transpose()?)
    }

    /// All that is to be sent, in the order in which it was queued.
    pub fn outbox(&self) -> Result<Vec<Outgoing>, VaultError> {
        all(&self.inner)
    }
}

impl Vault {
    /// All that is to be sent, in the order in which it was queued.
    pub fn outbox(&self) -> Result<Vec<Outgoing>, VaultError> {
        all(&self.database)
    }
}

fn all(database: &Connection) -> Result<Vec<Outgoing>, VaultError> {
    let sql = "SELECT conversation_id, client_msg_id, event, epoch, payload, body FROM outbox ORDER BY number";
    let mut select = database.prepare_cached(sql)?;
    let rows = select.query_map([], read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Outgoing> {
    let event: String = row.get(2)?;
    let epoch: Option<i64> = row.get(3)?;
    let payload: Option<String> = row.get(4)?;
    Ok(Outgoing {
        conversation_id: row.get(0)?,
        client_msg_id: row.get(1)?,
        is_commit: event == "commit",
        sealed: epoch.zip(payload).map(|(epoch, payload)| Sealed { epoch: of_number(epoch), payload }),
        body: row.get(5)?,
    })
}
