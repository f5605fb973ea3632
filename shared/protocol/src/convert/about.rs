//! What is said about an earlier message.

use std::{collections::BTreeMap, sync::Arc};

use tidings_domain::{
    ids::{ClientMsgId, Sender, Timestamp},
    limits,
    log::{Content, EventKind},
    send::{Draft, SendRequest, TargetRef},
};

use super::{conversation_id, envelopes, field, fits_a_frame, mentions, message_id, payload, resend_after, sequence};
use crate::{MessageDelete, MessageEdit, MessagePin, MessageReact, MessageVote, ParseError};

/// What is to be appended, and the message that it is about.
pub type AboutRequest = (SendRequest, TargetRef);

/// The fields that are the same everywhere.
macro_rules! about_request {
    ($sender:expr, $body:expr, $event:expr, $content:expr, $epoch:expr) => {{
        let body = &$body;
        let draft = Draft {
            sender: $sender.clone(),
            conversation: conversation_id("conversationId", &body.conversation_id)?,
            client_msg_id: field("clientMsgId", ClientMsgId::parse(&body.client_msg_id))?,
            event: $event,
            target: None,
            content: $content,
            epoch: $epoch,
        };
        fits_a_frame(&draft)?;
        let resend_after = resend_after(body.attempt, body.base_sequence)?;
        let target = TargetRef {
            message: message_id("messageId", &body.message_id)?,
            sequence: body.message_sequence.map(|at| sequence("messageSequence", at)).transpose()?,
        };
        (SendRequest { draft, devices: BTreeMap::new(), resend_after, answer_to: None }, target)
    }};
}

fn empty(ts: Option<u64>) -> Content {
    Content::empty(Timestamp(ts.unwrap_or_default()))
}

/// Checks a `message.edit`.
pub fn edit_request(sender: &Sender, mut body: MessageEdit) -> Result<AboutRequest, ParseError> {
    let (mentions, mentions_all) = mentions(&body.mentions)?;
    let content = Content {
        payload: payload(&body.payload)?,
        mentions,
        mentions_all,
        envelopes: envelopes(std::mem::take(&mut body.envelopes))?,
        ..empty(body.ts)
    };
    Ok(about_request!(sender, body, EventKind::Edit, content, body.epoch))
}

/// Checks a `message.delete` for everyone.
pub fn delete_request(sender: &Sender, body: &MessageDelete) -> Result<AboutRequest, ParseError> {
    Ok(about_request!(sender, body, EventKind::Delete, empty(body.ts), None))
}

/// Checks a `message.react`.
pub fn reaction_request(sender: &Sender, body: &MessageReact) -> Result<AboutRequest, ParseError> {
    let choices = body.reaction.iter().map(|reaction| choice("reaction", reaction)).collect::<Result<_, _>>()?;
    let content = Content { choices, ..empty(body.ts) };
    Ok(about_request!(sender, body, EventKind::Reaction, content, None))
}

/// Checks a `message.vote`.
pub fn vote_request(sender: &Sender, body: &MessageVote) -> Result<AboutRequest, ParseError> {
    if body.choices.len() > limits::CHOICES_MAX {
        return Err(ParseError::too_large("choices", format_args!("at most {}", limits::CHOICES_MAX)));
    }
    let mut choices: Vec<Arc<str>> = Vec::new();
    for (i, text) in body.choices.iter().enumerate() {
        let name = format!("choices[{i}]");
        let choice = choice(&name, text)?;
        if choices.contains(&choice) {
            return Err(ParseError::field(name, "must not be chosen twice"));
        }
        choices.push(choice);
    }
    let content = Content { choices, ..empty(body.ts) };
    Ok(about_request!(sender, body, EventKind::Vote, content, None))
}

/// Checks a `message.pin`.
pub fn pin_request(sender: &Sender, body: &MessagePin) -> Result<AboutRequest, ParseError> {
    let event = if body.pinned { EventKind::Pin } else { EventKind::Unpin };
    Ok(about_request!(sender, body, event, empty(body.ts), None))
}

fn choice(name: &str, text: &str) -> Result<Arc<str>, ParseError> {
    if text.is_empty() || text.len() > limits::CHOICE_BYTES_MAX || text.chars().any(char::is_control) {
        let rule =
            format_args!("must be 1 to {} bytes, without control characters", limits::CHOICE_BYTES_MAX).to_string();
        return Err(ParseError::field(name, rule));
    }
    Ok(text.into())
}
