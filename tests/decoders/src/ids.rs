//! Identifiers: printed, they are what was read, and they are safe inside our keys.

use tidings_domain::ids::{ClientMsgId, ConnectionId, ConversationId, DeviceId, MessageId, UserId};

pub(crate) fn check(text: &str) -> bool {
    let mut taken = false;
    let mut printed = |parsed: Option<String>, what: &str, in_keys: bool| {
        let Some(printed) = parsed else { return };
        assert_eq!(printed, text, "a {what} prints as it was read");
        assert!(!printed.is_empty(), "a {what} is something");
        assert!(!in_keys || is_safe_in_keys(&printed), "a {what} is safe inside keys");
        taken = true;
    };
    printed(UserId::parse(text).ok().map(|id| id.to_string()), "user id", true);
    printed(DeviceId::parse(text).ok().map(|id| id.to_string()), "device id", true);
    printed(ConversationId::parse(text).ok().map(|id| id.to_string()), "conversation id", true);
    printed(MessageId::parse(text).ok().map(|id| id.to_string()), "message id", true);
    printed(ClientMsgId::parse(text).ok().map(|id| id.to_string()), "client message id", false);
    printed(ConnectionId::parse(text).ok().map(|id| id.to_string()), "connection id", false);
    if let Ok(id) = ClientMsgId::parse(text) {
        assert!(!id.as_str().chars().any(char::is_control) && id.as_str().chars().count() <= 64);
    }
    if let Ok(id) = ConversationId::parse(text) {
        conversation(&id);
    }
    taken
}

/// Our keys are made of ids with `#` between, `|` between the two of a conversation, and U+001F in
/// what message ids are made of.
fn is_safe_in_keys(text: &str) -> bool {
    !text.contains('#') && text.matches('|').count() <= 1 && !text.chars().any(char::is_control) && text.is_ascii()
}

fn conversation(id: &ConversationId) {
    let key = format!("{id}#17");
    let (conversation, partition) = key.rsplit_once('#').unwrap();
    assert_eq!((ConversationId::parse(conversation).as_ref(), partition), (Ok(id), "17"));
    if let Some(members) = id.direct_members() {
        assert!(members.is_sorted() && (1..=2).contains(&members.len()));
        let (first, last) = (members[0].clone(), members[members.len() - 1].clone());
        assert_eq!(ConversationId::direct(last, first), *id, "the same in either order");
    }
}
