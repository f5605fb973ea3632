//! Changes of the world, in words.

use tidings_domain::{
    conversation::{Member, Watermark},
    ids::ConversationId,
    log::Entry,
    notice::Notice,
    ring::Ring,
    stream::StreamRecord,
};
use tidings_memory::What;

use crate::sim::name_of;

/// The conversation that a change is about, and the change in words.
pub(crate) fn describe(what: &What) -> (Option<ConversationId>, String) {
    match what {
        What::Appended(entries) => {
            let text = |e: &Entry| {
                let event = e.membership.as_ref().map(|event| format!(" ({:?} {:?})", event.change, event.users));
                let (id, sender) = (&e.client_msg_id, name_of(&e.sender));
                format!("{} is {id} of {sender}{}", e.sequence, event.unwrap_or_default())
            };
            let texts: Vec<String> = entries.iter().map(text).collect();
            (entries.first().map(|e| e.conversation.clone()), format!("log: {}", texts.join(", ")))
        }
        What::Erased(entry) => (Some(entry.conversation.clone()), format!("log: {} is gone", entry.sequence)),
        What::Member { conversation, user, after, .. } => {
            (Some(conversation.clone()), format!("row of {user}: {}", row_text(after.as_deref())))
        }
        What::Reach { conversation, after, .. } => {
            let to = after.map_or("none".to_owned(), |reach| reach.last_sequence.to_string());
            (Some(conversation.clone()), format!("reach: {to}"))
        }
        What::Session { owner, after, .. } => {
            let now =
                after.as_deref().map_or("none".to_owned(), |s| format!("{} until {}", s.connection, s.expires_at.0));
            (None, format!("session of {}: {now}", name_of(owner)))
        }
        What::Published(record) => (Some(record.conversation().clone()), format!("stream: {}", record_text(record))),
        What::Ingested(pending) => {
            let text = format!("ingest: {} of {}", pending.draft.client_msg_id, name_of(&pending.draft.sender));
            (Some(pending.draft.conversation.clone()), text)
        }
        What::Posted(posted) => {
            let (conversation, text) = notice_text(&posted.notice);
            (conversation, format!("posted to {} on {}: {text}", name_of(&posted.to), posted.connection))
        }
        What::Closed(session) => (None, format!("closes {} of {}", session.connection, name_of(&session.owner))),
        What::Fault { operation, kind } => (None, format!("fault: {operation}: {kind}")),
    }
}

fn row_text(row: Option<&Member>) -> String {
    let Some(row) = row else { return "none".into() };
    let ring = |ring: &Ring| ring.entries().iter().map(|e| e.sequence().to_string()).collect::<Vec<_>>().join(" ");
    let rings: Vec<String> =
        row.rings.iter().map(|(device, of_device)| format!("{device}: {}", ring(of_device))).collect();
    format!(
        "last {}, delivered {}, read {}, joined {}, rings [{}]",
        row.last_sequence,
        row.delivered_up_to,
        row.read_up_to,
        row.joined_at,
        rings.join(", ")
    )
}

fn record_text(record: &StreamRecord) -> String {
    match record {
        StreamRecord::Appended { entries, reached, .. } => {
            let reached: Vec<String> = reached.iter().map(name_of).collect();
            let entries: Vec<String> = entries.iter().map(|e| e.sequence.to_string()).collect();
            format!("appended {}, reached [{}]", entries.join(", "), reached.join(", "))
        }
        StreamRecord::Raised(receipt) => {
            let mark = if receipt.mark == Watermark::Read { "read" } else { "delivered" };
            format!("{} has {mark} {}", receipt.by.user, receipt.up_to)
        }
        StreamRecord::Behind { user, last_sequence, .. } => format!("{user} may be behind {last_sequence}"),
    }
}

fn notice_text(notice: &Notice) -> (Option<ConversationId>, String) {
    match notice {
        Notice::Ready(_) => (None, "ready".into()),
        Notice::Answer(answer) => {
            let text = match &answer.outcome {
                Ok(sent) => format!("{} is sent as {}", answer.client_msg_id, sent.entry.sequence),
                Err(refusal) => format!("{} is refused: {refusal}", answer.client_msg_id),
            };
            (answer.outcome.as_ref().ok().map(|sent| sent.entry.conversation.clone()), text)
        }
        Notice::Entry(entry) => (Some(entry.conversation.clone()), format!("entry {}", entry.sequence)),
        Notice::Receipt(receipt) => {
            let mark = if receipt.mark == Watermark::Read { "read" } else { "delivered" };
            (Some(receipt.conversation.clone()), format!("{} has {mark} {}", receipt.by.user, receipt.up_to))
        }
        Notice::Draft(draft) => (Some(draft.key.conversation().clone()), "a draft".into()),
        Notice::Hidden { conversation, message } => (Some(conversation.clone()), format!("{message} is hidden")),
        Notice::Mail(mail) => (mail.conversation.clone(), format!("mail {}", mail.id)),
        Notice::Device { device, change } => (None, format!("{} of {} has {change:?}", device.device, device.user)),
        Notice::Typing { conversation, user, .. } => (Some(conversation.clone()), format!("{user} types")),
        Notice::Presence(users) => (None, format!("how {} users are", users.len())),
        Notice::Slower(slower) => (None, format!("{} frames at once, in {} ms", slower.window, slower.retry_after_ms)),
        Notice::KeysLow { count } => (None, format!("{count} key packages are left")),
        Notice::Settings(settings) => (Some(settings.conversation.clone()), "settings".into()),
        Notice::Updated { conversation, last_sequence } => {
            (Some(conversation.clone()), format!("the end is {last_sequence}"))
        }
    }
}
