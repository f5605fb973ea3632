//! The queued form of a push.

use serde::{Deserialize, Serialize};
use tidings_domain::{
    ids::{ConversationId, Sequence, UserId},
    limits::SEQUENCE_MAX,
    push::PushJob,
};

use crate::{RecordError, VERSION};

#[derive(Debug, Serialize, Deserialize)]
struct PushRecord {
    v: u8,
    cid: String,
    user: String,
    seq: u64,
}

/// Writes a push for its queue.
pub fn push_job_to_text(job: &PushJob) -> String {
    let (cid, user) = (job.conversation.to_string(), job.user.to_string());
    let record = PushRecord { v: VERSION, cid, user, seq: job.sequence.0 };
    // Numbers and texts always are JSON.
    serde_json::to_string(&record).unwrap_or_default()
}

/// Reads a push from its queue.
pub fn push_job_from_text(text: &str) -> Result<PushJob, RecordError> {
    let record: PushRecord = serde_json::from_str(text)?;
    if record.v != VERSION {
        return Err(RecordError::Version(record.v));
    }
    if !(1..=SEQUENCE_MAX).contains(&record.seq) {
        return Err(RecordError::Sequence(record.seq));
    }
    Ok(PushJob {
        conversation: ConversationId::parse(&record.cid)?,
        user: UserId::parse(&record.user)?,
        sequence: Sequence(record.seq),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_push_reads_back_and_a_bad_one_is_refused() {
        let job = PushJob {
            conversation: ConversationId::parse("u:alice|u:bob").unwrap(),
            user: UserId::parse("bob").unwrap(),
            sequence: Sequence(7),
        };
        assert_eq!(push_job_from_text(&push_job_to_text(&job)).unwrap(), job);
        for bad in [
            "",
            "{}",
            r#"{"v":2,"cid":"g:a","user":"bob","seq":1}"#,
            r#"{"v":1,"cid":"g:a","user":"bob","seq":0}"#,
            r#"{"v":1,"cid":"nobody","user":"bob","seq":1}"#,
            r#"{"v":1,"cid":"g:a","user":"b b","seq":1}"#,
        ] {
            assert!(push_job_from_text(bad).is_err(), "{bad}");
        }
    }
}
