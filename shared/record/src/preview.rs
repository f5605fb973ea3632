//! The queued form of a preview that is to be made.

use serde::{Deserialize, Serialize};
use tidings_domain::ids::MediaHandle;

use crate::{RecordError, VERSION};

#[derive(Debug, Serialize, Deserialize)]
struct PreviewRecord {
    v: u8,
    md: String,
}

/// Writes a preview for its queue.
pub fn preview_job_to_text(handle: MediaHandle) -> String {
    // Numbers and texts always are JSON.
    serde_json::to_string(&PreviewRecord { v: VERSION, md: handle.to_string() }).unwrap_or_default()
}

/// Reads a preview from its queue.
pub fn preview_job_from_text(text: &str) -> Result<MediaHandle, RecordError> {
    let record: PreviewRecord = serde_json::from_str(text)?;
    if record.v != VERSION {
        return Err(RecordError::Version(record.v));
    }
    Ok(MediaHandle::parse(&record.md)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preview_reads_back_and_a_bad_one_is_refused() {
        let handle = MediaHandle::parse("md:0a1b2c3d-4e5f-5a6b-8c7d-9e0f1a2b3c4d").unwrap();
        assert_eq!(preview_job_from_text(&preview_job_to_text(handle)).unwrap(), handle);
        for bad in ["", "{}", r#"{"v":2,"md":"md:0a1b2c3d-4e5f-5a6b-8c7d-9e0f1a2b3c4d"}"#, r#"{"v":1,"md":"../x"}"#] {
            assert!(preview_job_from_text(bad).is_err(), "{bad}");
        }
    }
}
