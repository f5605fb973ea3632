//! Batches of the queue of previews. The input is as that of `object_event`.

use tidings_domain::ids::MediaHandle;
use tidings_events::queued_previews;
use tidings_record::{preview_job_from_text, preview_job_to_text};

use crate::{Seed, queue_event};

pub(crate) fn check(data: &[u8]) -> bool {
    let event = queue_event(data);
    let messages = event["Records"].as_array().map_or(0, Vec::len);
    let Ok(previews) = queued_previews(event) else { return false };
    assert_eq!(previews.len(), messages, "each is read or refused");
    let mut taken = false;
    for preview in &previews {
        match &preview.handle {
            Ok(handle) => {
                taken = true;
                assert_eq!(preview_job_from_text(&preview_job_to_text(*handle)).unwrap(), *handle);
            }
            Err(reason) => assert!(!reason.is_empty()),
        }
    }
    taken
}

pub(crate) fn seeds() -> Vec<Seed> {
    let one = preview_job_to_text(MediaHandle::parse("md:0a1b2c3d-4e5f-5a6b-8c7d-9e0f1a2b3c4d").unwrap());
    let batch = format!("{one}\nwhat?\n{one}");
    vec![Seed::new("event", queue_event(batch.as_bytes())), Seed::new("batch", batch), Seed::new("one", one)]
}
