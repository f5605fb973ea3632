//! Messages as text that is safe to show.

use serde_json::Value;
use tidings_sdk::protocol::{Kind, MessageEvent, MessageNew};
use tidings_secure::{Event, Waiting};

use crate::{clock::Zone, names};

/// What a message says, over as many lines as it has.
pub(crate) fn text(message: &MessageNew) -> String {
    if message.expired {
        return "[expired]".to_owned();
    }
    if message.deleted {
        return "[deleted]".to_owned();
    }
    if message.viewed {
        return "[opened]".to_owned();
    }
    if message.view_once {
        return "[to be opened once]".to_owned();
    }
    content(message)
}

/// What a message says, whatever stands in the way of showing it.
pub(crate) fn content(message: &MessageNew) -> String {
    let payload = message.payload.value();
    let said = payload.get("text").and_then(Value::as_str);
    let about = message.target_sequence.map_or_else(|| "a message".to_owned(), |number| format!("number {number}"));
    let text = match (message.event, said) {
        (MessageEvent::Message, Some(text)) => return clean(text),
        (MessageEvent::Message, None) if matches!(&message.kind, Kind::Other(kind) if kind == "unreadable") => {
            let reason = payload.get("reason").and_then(Value::as_str).unwrap_or("nobody knows why");
            format!("[cannot be read: {reason}]")
        }
        (MessageEvent::Message, None) => format!("[{}]", kind(&message.kind)),
        (MessageEvent::Membership, _) => return membership(&payload),
        (MessageEvent::Edit, Some(text)) => format!("[edit of {about}] {text}"),
        (MessageEvent::Edit, None) => format!("[edit of {about}]"),
        (MessageEvent::Delete, _) => format!("[deleted {about}]"),
        (MessageEvent::Reaction, _) => match &message.reaction {
            Some(reaction) => format!("[reacted {reaction} to {about}]"),
            None => format!("[took the reaction to {about} back]"),
        },
        (MessageEvent::Vote, _) if message.choices.is_empty() => format!("[took the vote in {about} back]"),
        (MessageEvent::Vote, _) => format!("[voted {} in {about}]", message.choices.join(", ")),
        (MessageEvent::Pin, _) => format!("[pinned {about}]"),
        (MessageEvent::Unpin, _) => format!("[unpinned {about}]"),
        (MessageEvent::Unknown, _) => "[something that this client does not know]".to_owned(),
        (MessageEvent::Commit, _) => "[new keys]".to_owned(),
    };
    clean(&text)
}

/// One message in one line, for lists and scripts.
pub(crate) fn line(message: &MessageNew, me: &str, zone: &Zone, with_conversation: bool) -> String {
    let text = text(message).replace('\n', " ⏎ ");
    let sender = clean(&message.sender_user_id);
    let moment = zone.moment(message.ts);
    if with_conversation && names::peer(me, &message.conversation_id) != Some(&message.sender_user_id) {
        let title = clean(names::title(me, &message.conversation_id));
        format!("{moment}  {sender} → {title}: {text}")
    } else {
        format!("{moment}  {sender}: {text}")
    }
}

/// What encryption has to say to a person, in one line.
pub(crate) fn note(event: &Event) -> Option<String> {
    let title = |conversation: &str| clean(conversation);
    Some(match event {
        Event::Waiting { conversation_id, reason } => format!("{}: {}", title(conversation_id), waiting(reason)),
        Event::Joined { conversation_id } => format!("{}: encrypted from here on", title(conversation_id)),
        Event::Devices { conversation_id, added, removed } => {
            let names = |devices: &[tidings_secure::Device]| {
                devices.iter().map(|device| clean(&device.to_string())).collect::<Vec<_>>().join(", ")
            };
            let facts = [
                (!added.is_empty()).then(|| format!("{} can read from here on", names(added))),
                (!removed.is_empty()).then(|| format!("{} can no more", names(removed))),
            ];
            let facts: Vec<String> = facts.into_iter().flatten().collect();
            format!("{}: {}", title(conversation_id), facts.join("; "))
        }
        Event::SafetyNumberChanged { user_id, was_verified: true } => {
            format!("the safety number with {} has changed since you compared it: `tidings verify`", clean(user_id))
        }
        Event::SafetyNumberChanged { user_id, was_verified: false } => {
            format!("the devices of {} have changed", clean(user_id))
        }
        _ => return None,
    })
}

/// What a conversation waits for.
pub(crate) fn waiting(reason: &Waiting) -> String {
    match reason {
        Waiting::Keys { user_id } => format!("waiting for {} to have a device with keys", clean(user_id)),
        Waiting::BeingAdded => "waiting for a device of a member to add this one".to_owned(),
        Waiting::Founding => "waiting for an admin to encrypt the group".to_owned(),
        Waiting::Service(why) => format!("waiting for the service: {}", clean(why)),
        _ => "waiting".to_owned(),
    }
}

fn membership(payload: &Value) -> String {
    let field = |name: &str| clean(payload.get(name).and_then(Value::as_str).unwrap_or("somebody"));
    let (actor, user) = (field("actorUserId"), field("userId"));
    match payload.get("change").and_then(Value::as_str).unwrap_or_default() {
        "created" => format!("{actor} created the group"),
        "added" => format!("{actor} added {}", users(payload).unwrap_or(user)),
        "removed" => format!("{actor} removed {user}"),
        "left" => format!("{user} left"),
        "joined" if actor == user => format!("{user} joined by an invite"),
        "joined" => format!("{actor} let {user} in"),
        "promoted" => format!("{actor} made {user} an admin"),
        "demoted" => format!("{actor} made {user} a member"),
        "renamed" => format!("{actor} renamed the group"),
        "configured" => format!("{actor} changed the settings of the group"),
        "dissolved" => format!("{actor} dissolved the group"),
        other => format!("[{}]", clean(other)),
    }
}

/// Whom an event is about, where they are several.
fn users(payload: &Value) -> Option<String> {
    let users = payload.get("userIds")?.as_array()?;
    Some(users.iter().filter_map(Value::as_str).map(clean).collect::<Vec<_>>().join(", "))
}

fn kind(kind: &Kind) -> &str {
    match kind {
        Kind::Text => "text",
        Kind::Image => "image",
        Kind::Audio => "audio",
        Kind::Video => "video",
        Kind::Doc => "doc",
        Kind::Poll => "poll",
        Kind::System => "system",
        Kind::Other(name) => name,
    }
}

/// Without what a terminal would act on, or what would turn the line around: a message is
/// somebody else's text.
pub(crate) fn clean(text: &str) -> String {
    text.chars()
        .filter_map(|c| match c {
            '\n' => Some('\n'),
            '\t' => Some(' '),
            '\r' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => None,
            c if c.is_control() => Some('\u{fffd}'),
            c => Some(c),
        })
        .collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;

    /// A message of bob to alice, at 2026-11-24 12:03:09 UTC, with other fields where given.
    pub(crate) fn message(sequence: u64, more: &Value) -> MessageNew {
        let mut value = json!({"conversationId": "u:alice|u:bob", "messageId": format!("m{sequence}"),
            "sequence": sequence, "senderUserId": "bob", "senderDeviceId": "d", "clientMsgId": format!("c{sequence}"),
            "ts": 1_795_521_789_000_u64, "payload": {"text": format!("number {sequence}")}});
        value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_str(&value.to_string()).unwrap()
    }

    #[test]
    fn a_text_is_shown_and_what_is_unknown_is_named() {
        let of = |more| text(&message(1, &more));
        assert_eq!(of(json!({})), "number 1");
        assert_eq!(of(json!({"payload": {"text": "two\nlines"}})), "two\nlines");
        assert_eq!(of(json!({"payload": "c2VjcmV0"})), "[text]");
        assert_eq!(of(json!({"payload": null, "kind": "image"})), "[image]");
        assert_eq!(of(json!({"expired": true})), "[expired]");
        assert_eq!(of(json!({"event": "delete", "payload": null})), "[deleted a message]");
        let added = json!({"event": "membership", "kind": "system",
            "payload": {"change": "added", "userId": "carol", "actorUserId": "bob"}});
        assert_eq!(of(added), "bob added carol");
    }

    #[test]
    fn nothing_reaches_the_terminal_as_a_command() {
        let evil = json!({"payload": {"text": "a\u{1b}[2Jb\u{7}c\u{9b}d\re\u{202e}f"}});
        assert_eq!(text(&message(1, &evil)), "a\u{fffd}[2Jb\u{fffd}c\u{fffd}def");
    }

    #[test]
    fn a_line_says_when_who_and_where() {
        let zone = Zone::utc();
        let said = message(1, &json!({"payload": {"text": "a\nb"}}));
        assert_eq!(line(&said, "alice", &zone, true), "2026-11-24 12:03:09  bob: a ⏎ b");
        let in_group = message(1, &json!({"conversationId": "g:team"}));
        assert_eq!(line(&in_group, "alice", &zone, true), "2026-11-24 12:03:09  bob → g:team: number 1");
        assert_eq!(line(&in_group, "alice", &zone, false), "2026-11-24 12:03:09  bob: number 1");
        assert_eq!(line(&said, "bob", &zone, true), "2026-11-24 12:03:09  bob → alice: a ⏎ b");
    }
}
