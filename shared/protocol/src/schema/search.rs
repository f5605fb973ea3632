//! The call that searches.

use serde_json::{Value, json};
use tidings_domain::limits;

use super::{
    Schemas,
    openapi::{Call, limit, parameter},
    types,
};
use crate::{ErrorCode, search::SearchPage};

/// One row for each call.
pub(super) fn calls(schemas: &mut Schemas) -> Vec<Call> {
    let text = |max: usize| json!({ "type": "string", "minLength": 1, "maxLength": max });
    let query = |name: &str, description: &str, schema: &Value| parameter(name, "query", false, description, schema);
    let (conversation, user) = (schemas.taken::<types::ConversationId>(), schemas.taken::<types::UserId>());
    let moment = schemas.taken::<types::Timestamp>();
    vec![Call {
        method: "get",
        path: "/search",
        id: "search",
        tag: "search",
        summary: "Find messages in the caller's conversations",
        description: "Metadata of all messages is searched; words are where all members of a conversation have agreed to it. \
            What the caller may not read at that moment is neither shown nor counted.",
        parameters: vec![
            query(
                "q",
                "Words that all must be there: `tea`, `\"a cup\"`, `biscu*`, `biscuit~` (one edit), `biscuit~2`, `-coffee`.",
                &text(limits::SEARCH_QUERY_CHARS_MAX),
            ),
            query(
                "conversationId",
                "In this conversation alone; else in the latest 1,000 of the caller.",
                &conversation,
            ),
            query("from", "Sent by this user.", &user),
            query("mention", "Mentions this user, by name or as one of all.", &user),
            query("kind", "Of this kind.", &text(32)),
            query(
                "type",
                "With a file of this type (`application/pdf`), or family of types (`image`).",
                &text(limits::MIME_BYTES_MAX),
            ),
            query("after", "Sent then or later, in ms since the epoch.", &moment),
            query("before", "Sent before then, in ms since the epoch.", &moment),
            query(
                "order",
                "What comes first; `relevance` where there are words, else `recent`.",
                &json!({ "enum": ["recent", "relevance"] }),
            ),
            query("cursor", "The `next` of the page before, with the same parameters.", &json!({ "type": "string" })),
            limit(limits::SEARCH_PAGE_MAX),
        ],
        body: None,
        answer: Some(("What was found.", schemas.given::<SearchPage>())),
        errors: &[ErrorCode::NotAMember, ErrorCode::TooLarge],
    }]
}
