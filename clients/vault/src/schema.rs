//! The tables, and how they came to be what they are.

use rusqlite::Connection;

use crate::error::OpenError;

/// Each brings the database one version further, and is never changed again.
const MIGRATIONS: [&str; 2] = [
    r#"
CREATE TABLE mls (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID, STRICT;

CREATE TABLE conversations (
    id TEXT PRIMARY KEY,
    title TEXT,
    cursor INTEGER NOT NULL DEFAULT 0,
    read_up_to INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID, STRICT;

CREATE TABLE messages (
    row INTEGER PRIMARY KEY,
    conversation_id TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    message_id TEXT NOT NULL,
    sender_user_id TEXT NOT NULL,
    sender_device_id TEXT NOT NULL,
    sent_ms INTEGER NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    text TEXT,
    UNIQUE (conversation_id, sequence)
) STRICT;
CREATE INDEX messages_by_time ON messages (sent_ms);

CREATE TABLE mentions (
    row INTEGER NOT NULL REFERENCES messages (row) ON DELETE CASCADE,
    user_id TEXT NOT NULL,
    PRIMARY KEY (user_id, row)
) WITHOUT ROWID, STRICT;

CREATE TABLE outbox (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    conversation_id TEXT NOT NULL,
    client_msg_id TEXT NOT NULL,
    event TEXT NOT NULL CHECK (event IN ('message', 'commit')),
    epoch INTEGER NOT NULL,
    payload TEXT NOT NULL,
    body TEXT,
    UNIQUE (conversation_id, client_msg_id)
) STRICT;

CREATE TABLE verified (
    user_id TEXT PRIMARY KEY,
    safety_number TEXT NOT NULL,
    verified_ms INTEGER NOT NULL
) WITHOUT ROWID, STRICT;

CREATE VIRTUAL TABLE words USING fts5 (
    text, content = '', contentless_delete = 1, prefix = '2 3', tokenize = "unicode61 remove_diacritics 2"
);
CREATE VIRTUAL TABLE vocabulary USING fts5vocab (words, row);
"#,
    r"
-- Whether a conversation is in the clear by the user's own word, and whether this device has to be added anew.
ALTER TABLE conversations ADD COLUMN is_clear INTEGER NOT NULL DEFAULT 0;
ALTER TABLE conversations ADD COLUMN is_lost INTEGER NOT NULL DEFAULT 0;

-- What is to be sent may wait for its keys: it has no payload until it is encrypted.
CREATE TABLE queued (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    conversation_id TEXT NOT NULL,
    client_msg_id TEXT NOT NULL,
    event TEXT NOT NULL CHECK (event IN ('message', 'commit')),
    epoch INTEGER,
    payload TEXT,
    body TEXT,
    UNIQUE (conversation_id, client_msg_id)
) STRICT;
INSERT INTO queued SELECT number, conversation_id, client_msg_id, event, epoch, payload, body FROM outbox;
DROP TABLE outbox;
ALTER TABLE queued RENAME TO outbox;

-- Entries of the log that cannot be read before this device is in the group.
CREATE TABLE held (
    conversation_id TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    entry TEXT NOT NULL,
    PRIMARY KEY (conversation_id, sequence)
) WITHOUT ROWID, STRICT;

-- The devices of users, as the directory last said.
CREATE TABLE device_sets (user_id TEXT PRIMARY KEY, version INTEGER NOT NULL) WITHOUT ROWID, STRICT;
CREATE TABLE devices (
    user_id TEXT NOT NULL REFERENCES device_sets (user_id) ON DELETE CASCADE,
    device_id TEXT NOT NULL,
    identity_key BLOB NOT NULL,
    PRIMARY KEY (user_id, device_id)
) WITHOUT ROWID, STRICT;

-- Devices that have lost the state of a group, and asked to be added anew.
CREATE TABLE rejoins (
    conversation_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    device_id TEXT NOT NULL,
    PRIMARY KEY (conversation_id, user_id, device_id)
) WITHOUT ROWID, STRICT;
",
];

/// The version that the tables have when all migrations have run.
pub(crate) const VERSION: u32 = 2;
const _: () = assert!(MIGRATIONS.len() == VERSION as usize);

pub(crate) fn migrate(database: &mut Connection) -> Result<(), OpenError> {
    let found: u32 =
        database.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(OpenError::Database)?;
    if found > VERSION {
        return Err(OpenError::Newer { found, known: VERSION });
    }
    for (migration, version) in MIGRATIONS.iter().zip(1u32..).skip(found as usize) {
        let run = |database: &mut Connection| {
            let transaction = database.transaction()?;
            transaction.execute_batch(migration)?;
            transaction.pragma_update(None, "user_version", version)?;
            transaction.commit()
        };
        run(database).map_err(OpenError::Database)?;
    }
    Ok(())
}
