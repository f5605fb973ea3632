//! Searching the history.

use rusqlite::types::Value;
use rusqlite::{params, params_from_iter};

use crate::error::VaultError;
use crate::messages::{COLUMNS, Message, number, read};
use crate::text::{Term, edits, edits_allowed, terms};
use crate::vault::Vault;

/// Words of a search that are looked for.
const TERMS_MAX: usize = 16;
/// Words of the history that one misspelt word may stand for.
const LIKE_WORDS_MAX: usize = 64;

/// What to look for. What is not given does not matter; with nothing given, everything is found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Words, all of which must be there. Case and accents do not matter; in scripts without spaces, characters that
    /// follow each other.
    pub text: String,
    /// The last word may go on: for searching while it is typed.
    pub is_prefix: bool,
    /// Letters in which a word may be misspelt, 0 to 2: one in words of four letters and more, two from eight.
    pub edits_max: u8,
    /// In this conversation.
    pub conversation_id: Option<String>,
    /// By this user.
    pub from_user_id: Option<String>,
    /// Mentioning this user.
    pub mention: Option<String>,
    /// Of one of these kinds.
    pub kinds: Vec<String>,
    /// Sent at this time or later, in milliseconds since the epoch.
    pub after_ms: Option<u64>,
    /// Sent before this time.
    pub before_ms: Option<u64>,
}

/// A message that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// The message.
    pub message: Message,
}

impl Vault {
    /// Messages that a query finds, the latest first.
    pub fn search(&self, query: &Query, limit: usize) -> Result<Vec<Hit>, VaultError> {
        let mut conditions: Vec<&str> = Vec::new();
        let mut values: Vec<Value> = Vec::new();
        let terms = terms(&query.text);
        if !terms.is_empty() {
            let Some(expression) = self.expression(&terms, query)? else { return Ok(Vec::new()) };
            conditions.push("messages.row IN (SELECT rowid FROM words WHERE words MATCH ?)");
            values.push(expression.into());
        } else if !query.text.trim().is_empty() {
            // Nothing but signs: there is no word of that kind.
            return Ok(Vec::new());
        }
        let mut filter = |condition, value: Option<Value>| {
            if let Some(value) = value {
                conditions.push(condition);
                values.push(value);
            }
        };
        let text = |value: &Option<String>| value.clone().map(Value::from);
        filter("messages.conversation_id = ?", text(&query.conversation_id));
        filter("messages.sender_user_id = ?", text(&query.from_user_id));
        filter("messages.row IN (SELECT row FROM mentions WHERE user_id = ?)", text(&query.mention));
        filter("messages.sent_ms >= ?", query.after_ms.map(|ms| number(ms).into()));
        filter("messages.sent_ms < ?", query.before_ms.map(|ms| number(ms).into()));
        if !query.kinds.is_empty() {
            let kinds = serde_json::to_string(&query.kinds).map_err(|_| VaultError::Field("kinds"))?;
            filter("messages.kind IN (SELECT value FROM json_each(?))", Some(kinds.into()));
        }
        let wanted = if conditions.is_empty() { "TRUE".to_owned() } else { conditions.join(" AND ") };
        let sql =
            format!("SELECT {COLUMNS} FROM messages WHERE {wanted} ORDER BY sent_ms DESC, messages.row DESC LIMIT ?");
        values.push(i64::try_from(limit).unwrap_or(i64::MAX).into());
        let mut select = self.database.prepare_cached(&sql)?;
        let rows = select.query_map(params_from_iter(values), |row| Ok(read(row)))?;
        rows.map(|row| Ok(Hit { message: row?? })).collect()
    }

    /// The query of the index; `None` where a word is like none that was ever written.
    fn expression(&self, terms: &[Term], query: &Query) -> Result<Option<String>, VaultError> {
        let count = terms.len().min(TERMS_MAX);
        let mut parts = Vec::with_capacity(count);
        for (at, term) in terms.iter().take(count).enumerate() {
            let goes_on = if query.is_prefix && at + 1 == terms.len() { " *" } else { "" };
            let exact = format!("\"{}\"{goes_on}", term.tokens.join(" ").replace('"', "\"\""));
            let [word] = term.tokens.as_slice() else {
                parts.push(exact);
                continue;
            };
            let letters = word.chars().count();
            let allowed = edits_allowed(letters, query.edits_max);
            if allowed == 0 {
                parts.push(exact);
                continue;
            }
            let mut choices = vec![exact];
            choices.extend(self.like(word, allowed)?.iter().map(|word| format!("\"{}\"", word.replace('"', "\"\""))));
            parts.push(format!("({})", choices.join(" OR ")));
        }
        Ok((!parts.is_empty()).then(|| parts.join(" AND ")))
    }

    /// Words of the index that differ from one in few letters, the most alike first.
    fn like(&self, word: &str, allowed: usize) -> Result<Vec<String>, VaultError> {
        let letters: Vec<char> = word.chars().collect();
        let (least, most) = (letters.len().saturating_sub(allowed), letters.len() + allowed);
        let mut select = self
            .database
            .prepare_cached("SELECT term, doc FROM vocabulary WHERE length(term) BETWEEN ?1 AND ?2 AND term <> ?3")?;
        let bounds = |value: usize| i64::try_from(value).unwrap_or(i64::MAX);
        let mut rows = select.query(params![bounds(least), bounds(most), word])?;
        let mut found: Vec<(usize, i64, String)> = Vec::new();
        while let Some(row) = rows.next()? {
            let term: String = row.get(0)?;
            let other: Vec<char> = term.chars().collect();
            if let Some(count) = edits(&letters, &other, allowed) {
                found.push((count, -row.get::<_, i64>(1)?, term));
            }
        }
        found.sort();
        found.truncate(LIKE_WORDS_MAX);
        Ok(found.into_iter().map(|(_, _, term)| term).collect())
    }
}
