//! The calls about single messages.

use serde_json::{Value, json};
use tidings_domain::limits;

use super::{
    Schemas,
    openapi::{Call, limit, parameter},
    types,
};
use crate::{
    ErrorCode, MessageDelete, MessageEdit, MessagePin, MessageReact, MessageVote,
    http::MessagePage,
    messages::{OneMessage, Pins, ScheduleRequest, ScheduledMessage, ScheduledPage, Tallies, ThreadMark, Threads},
};

const RULES: &str = "A `forbidden` names the rule in `details.rule`.";

/// One row for each call.
pub(super) fn calls(schemas: &mut Schemas) -> Vec<Call> {
    [saying(schemas), reading(schemas), threads(schemas), scheduled(schemas)].concat()
}

fn saying(schemas: &mut Schemas) -> Vec<Call> {
    let call = |path, id, summary, body| Call {
        method: "post",
        path,
        id,
        tag: "messages",
        summary,
        description: RULES,
        parameters: Vec::new(),
        body: Some(body),
        answer: Some(("It is in the log.", json!({ "$ref": "#/components/schemas/Sent" }))),
        errors: &[ErrorCode::NotAMember, ErrorCode::NotFound, ErrorCode::StaleEpoch, ErrorCode::TooLarge],
    };
    vec![
        call("/edits", "editMessage", "Change a message, as `message.edit`", schemas.taken::<MessageEdit>()),
        call("/deletes", "deleteMessage", "Take a message back, as `message.delete`", schemas.taken::<MessageDelete>()),
        call("/reactions", "react", "React to a message, as `message.react`", schemas.taken::<MessageReact>()),
        call("/votes", "vote", "Vote in a poll, as `message.vote`", schemas.taken::<MessageVote>()),
        call("/pins", "pinMessage", "Pin a message, as `message.pin`", schemas.taken::<MessagePin>()),
    ]
}

struct Parameters {
    conversation: Value,
    message: Value,
    place: Value,
}

fn parameters(schemas: &mut Schemas) -> Parameters {
    let conversation = schemas.taken::<types::ConversationId>();
    let (message, place) = (schemas.taken::<types::MessageId>(), schemas.taken::<types::SequenceOrZero>());
    let hint = "The place of the message. Without it, the latest 2,048 entries are searched.";
    Parameters {
        conversation: parameter("id", "path", true, "The conversation.", &conversation),
        message: parameter("messageId", "path", true, "The message.", &message),
        place: parameter("sequence", "query", false, hint, &place),
    }
}

fn reading(schemas: &mut Schemas) -> Vec<Call> {
    let Parameters { conversation, message, place } = parameters(schemas);
    let after = parameter("after", "query", false, "`next` of the page before.", &schemas.taken::<types::UserId>());
    let since =
        parameter("since", "query", false, "Edits after this place.", &schemas.taken::<types::SequenceOrZero>());
    let of_message = vec![conversation.clone(), message, place];
    let errors: &[ErrorCode] = &[ErrorCode::NotAMember, ErrorCode::NotFound];
    let call = |method, path, id, summary, description, more: Vec<Value>, answer| Call {
        method,
        path,
        id,
        tag: "messages",
        summary,
        description,
        parameters: [of_message.clone(), more].concat(),
        body: None,
        answer: Some(answer),
        errors,
    };
    vec![
        call(
            "get",
            "/conversations/{id}/messages/{messageId}",
            "getMessage",
            "A message, as it is in the log",
            "Edits have their own entries; a deleted message has no content.",
            Vec::new(),
            ("The message.", schemas.given::<OneMessage>()),
        ),
        Call {
            errors: &[ErrorCode::NotAMember, ErrorCode::NotFound, ErrorCode::Conflict],
            ..call(
                "post",
                "/conversations/{id}/messages/{messageId}/open",
                "openMessage",
                "Open a message that is opened once",
                "Its content, once for each reader; the same device may ask again within a minute. `conflict`: it was opened \
                    before. The content goes when all readers have opened it, and after 14 days.",
                Vec::new(),
                ("The message with its content.", schemas.given::<OneMessage>()),
            )
        },
        call(
            "get",
            "/conversations/{id}/messages/{messageId}/edits",
            "listEdits",
            "The edits of a message",
            "The entries of the edits, oldest first: the history of the message.",
            vec![since, limit(limits::PULL_LIMIT_MAX)],
            ("A page.", schemas.given::<MessagePage>()),
        ),
        call(
            "get",
            "/conversations/{id}/messages/{messageId}/reactions",
            "listReactions",
            "Reactions: how many, and whose",
            "Counted within about a second of the reaction.",
            vec![after.clone(), limit(limits::MEMBERS_PAGE_MAX)],
            ("The counts, and a page of users.", schemas.given::<Tallies>()),
        ),
        call(
            "get",
            "/conversations/{id}/messages/{messageId}/votes",
            "listVotes",
            "Votes of a poll: how many, and whose",
            "Counted within about a second of the vote.",
            vec![after, limit(limits::MEMBERS_PAGE_MAX)],
            ("The counts, and a page of users.", schemas.given::<Tallies>()),
        ),
        Call {
            parameters: vec![conversation],
            errors: &[ErrorCode::NotAMember],
            ..call(
                "get",
                "/conversations/{id}/pins",
                "listPins",
                "The pinned messages",
                "The last pinned first, at most 100.",
                Vec::new(),
                ("The pinned messages.", schemas.given::<Pins>()),
            )
        },
    ]
}

fn threads(schemas: &mut Schemas) -> Vec<Call> {
    let Parameters { conversation, message, .. } = parameters(schemas);
    let before =
        parameter("before", "query", false, "`next` of the page before.", &schemas.taken::<types::Timestamp>());
    let since =
        parameter("since", "query", false, "Replies after this place.", &schemas.taken::<types::SequenceOrZero>());
    let call = |method, path, id, summary, description, parameters, answer| Call {
        method,
        path,
        id,
        tag: "messages",
        summary,
        description,
        parameters,
        body: None,
        answer,
        errors: &[ErrorCode::NotAMember],
    };
    let mark = Call {
        body: Some(schemas.taken::<ThreadMark>()),
        errors: &[ErrorCode::NotAMember, ErrorCode::NotFound, ErrorCode::TooLarge],
        ..call(
            "put",
            "/conversations/{id}/threads/{messageId}/mark",
            "markThread",
            "Read a thread up to here",
            "The mark only rises.",
            vec![conversation.clone(), message.clone()],
            None,
        )
    };
    vec![
        call(
            "get",
            "/conversations/{id}/threads",
            "listThreads",
            "Threads, by their last reply",
            "A message and what names it as its `threadRoot`, with how much of it the caller has not read.",
            vec![conversation.clone(), before, limit(limits::THREADS_PAGE_MAX)],
            Some(("A page.", schemas.given::<Threads>())),
        ),
        call(
            "get",
            "/conversations/{id}/threads/{messageId}",
            "listReplies",
            "The replies of a thread",
            "Oldest first.",
            vec![conversation, message, since, limit(limits::PULL_LIMIT_MAX)],
            Some(("A page.", schemas.given::<MessagePage>())),
        ),
        mark,
    ]
}

fn scheduled(schemas: &mut Schemas) -> Vec<Call> {
    let message = schemas.taken::<types::MessageId>();
    let after = parameter("after", "query", false, "`next` of the page before.", &message);
    let named = parameter("messageId", "path", true, "The message.", &message);
    let list = Call {
        method: "get",
        path: "/scheduled",
        id: "listScheduled",
        tag: "messages",
        summary: "Messages that are to be sent",
        description: "Those of the caller, whichever device scheduled them; also those that were refused at their time, with `error`.",
        parameters: vec![after, limit(limits::SCHEDULED_PAGE_MAX)],
        body: None,
        answer: Some(("A page.", schemas.given::<ScheduledPage>())),
        errors: &[],
    };
    let schedule = Call {
        method: "post",
        id: "scheduleMessage",
        summary: "Send a message later",
        description: "It is sent within a minute of its time, by the device `scheduled`, and checked then as any message. At most 100 wait.",
        parameters: Vec::new(),
        body: Some(schemas.taken::<ScheduleRequest>()),
        answer: Some(("What is to be sent.", schemas.given::<ScheduledMessage>())),
        errors: &[ErrorCode::NotAMember, ErrorCode::TooLarge],
        ..list.clone()
    };
    let cancel = Call {
        method: "delete",
        path: "/scheduled/{messageId}",
        id: "cancelScheduled",
        summary: "Do not send it",
        description: "One that was sent meanwhile is `not_found`.",
        parameters: vec![named],
        answer: None,
        errors: &[ErrorCode::NotFound],
        ..list.clone()
    };
    vec![list, schedule, cancel]
}
