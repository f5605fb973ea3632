//! What a user types for a conversation, and what is shown for one.

use crate::failure::{Failure, Result};

/// The conversation id of `g:team`, `u:alice|u:bob`, or of a user's name.
pub(crate) fn conversation(me: &str, typed: &str) -> Result<String> {
    if typed.starts_with("g:") || (typed.starts_with("u:") && typed.contains('|')) {
        return Ok(typed.to_owned());
    }
    let other = typed.strip_prefix("u:").unwrap_or(typed);
    let (one, other) = (user(me)?, user(other)?);
    let (first, second) = if one <= other { (one, other) } else { (other, one) };
    Ok(format!("u:{first}|u:{second}"))
}

/// Checks a user id as the service does.
pub(crate) fn user(name: &str) -> Result<&str> {
    let valid = (1..=64).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    if valid {
        return Ok(name);
    }
    Err(Failure::new(format!("{name:?} is no user id"))
        .with_help("a user id is 1 to 64 of A-Z a-z 0-9 . _ - ; a group is g:ID"))
}

/// The other side of a 1:1 conversation; oneself in the notes to oneself.
pub(crate) fn peer<'a>(me: &str, conversation: &'a str) -> Option<&'a str> {
    let (one, other) = conversation.split_once('|')?;
    let (one, other) = (one.strip_prefix("u:")?, other.strip_prefix("u:")?);
    match (one == me, other == me) {
        (true, _) => Some(other),
        (false, true) => Some(one),
        (false, false) => None,
    }
}

/// What a conversation is called.
pub(crate) fn title<'a>(me: &str, conversation: &'a str) -> &'a str {
    peer(me, conversation).unwrap_or(conversation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_the_conversation_with_them() {
        assert_eq!(conversation("alice", "bob").unwrap(), "u:alice|u:bob");
        assert_eq!(conversation("bob", "alice").unwrap(), "u:alice|u:bob");
        assert_eq!(conversation("bob", "u:alice").unwrap(), "u:alice|u:bob");
        assert_eq!(conversation("bob", "bob").unwrap(), "u:bob|u:bob");
        assert_eq!(conversation("bob", "Zoe").unwrap(), "u:Zoe|u:bob", "sorted as bytes, as the service does");
        assert_eq!(conversation("bob", "g:team").unwrap(), "g:team");
        assert_eq!(conversation("bob", "u:a|u:b").unwrap(), "u:a|u:b");
    }

    #[test]
    fn what_cannot_be_a_user_is_told() {
        for name in ["", "b b", "a|b", "bøb", &"x".repeat(65)] {
            let failure = conversation("alice", name).unwrap_err();
            assert!(failure.to_string().contains("is no user id") && failure.help().is_some(), "{failure}");
        }
    }

    #[test]
    fn conversations_are_called_by_the_other_side() {
        assert_eq!(title("bob", "u:alice|u:bob"), "alice");
        assert_eq!(title("alice", "u:alice|u:bob"), "bob");
        assert_eq!(title("alice", "u:alice|u:alice"), "alice");
        assert_eq!(title("alice", "g:team"), "g:team");
        assert_eq!(title("carol", "u:alice|u:bob"), "u:alice|u:bob");
    }
}
