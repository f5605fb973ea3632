//! Batches of the queue of pushes. The input is as that of `object_event`; one message that cannot be read is no others'
//! business.

use tidings_domain::{
    ids::{ConversationId, Sequence, UserId},
    push::PushJob,
};
use tidings_events::queued_pushes;
use tidings_record::{push_job_from_text, push_job_to_text};

use crate::{Seed, queue_event};

pub(crate) fn check(data: &[u8]) -> bool {
    let event = queue_event(data);
    let messages = event["Records"].as_array().map_or(0, Vec::len);
    let Ok(pushes) = queued_pushes(event) else { return false };
    assert_eq!(pushes.len(), messages, "each is read or refused");
    let mut taken = false;
    for push in &pushes {
        match &push.job {
            Ok(job) => {
                taken = true;
                assert_eq!(push_job_from_text(&push_job_to_text(job)).unwrap(), *job);
            }
            Err(reason) => assert!(!reason.is_empty()),
        }
    }
    taken
}

pub(crate) fn seeds() -> Vec<Seed> {
    let text = |conversation: &str, user: &str, at: u64| {
        push_job_to_text(&PushJob {
            conversation: ConversationId::parse(conversation).unwrap(),
            user: UserId::parse(user).unwrap(),
            sequence: Sequence(at),
        })
    };
    let (direct, group) = (text("u:alice|u:bob", "bob", 1), text("g:team", "carol", 4_097));
    let batch = format!("{direct}\n{group}\nwhat?");
    let mut event = queue_event(batch.as_bytes());
    event["Records"][1]["attributes"]["ApproximateReceiveCount"] = "3".into();
    vec![Seed::new("event", event), Seed::new("batch", batch), Seed::new("direct", direct), Seed::new("group", group)]
}
