//! The queued form of a look at a user.

use serde::{Deserialize, Serialize};
use tidings_domain::{
    ids::{Timestamp, UserId},
    watching::Look,
};

use crate::{RecordError, VERSION};

#[derive(Debug, Serialize, Deserialize)]
struct LookRecord {
    v: u8,
    user: String,
    /// When it was to be made because nobody may have said that the user went.
    #[serde(default)]
    ck: u64,
}

/// Writes a look for its queue.
pub fn look_to_text(look: &Look) -> String {
    let record = LookRecord { v: VERSION, user: look.user.to_string(), ck: look.check_at.0 };
    // Numbers and texts always are JSON.
    serde_json::to_string(&record).unwrap_or_default()
}

/// Reads a look from its queue.
pub fn look_from_text(text: &str) -> Result<Look, RecordError> {
    let record: LookRecord = serde_json::from_str(text)?;
    if record.v != VERSION {
        return Err(RecordError::Version(record.v));
    }
    Ok(Look { user: UserId::parse(&record.user)?, check_at: Timestamp(record.ck) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_reads_back_and_a_bad_one_is_refused() {
        let look = Look { user: UserId::parse("bob").unwrap(), check_at: Timestamp(7) };
        assert_eq!(look_from_text(&look_to_text(&look)).unwrap(), look);
        for bad in ["", "{}", r#"{"v":2,"user":"bob"}"#, r#"{"v":1,"user":"b b"}"#] {
            assert!(look_from_text(bad).is_err(), "{bad}");
        }
    }
}
