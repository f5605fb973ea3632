//! The calls about what is one user's own.

use serde_json::{Value, json};
use tidings_domain::limits;

use super::{
    Schemas,
    openapi::{Call, limit, parameter},
    types,
};
use crate::{
    ConversationSettings, Draft, ErrorCode,
    http::SettingsUpdate,
    personal::{DraftPage, DraftUpdate, PersonalPage, Star, StarPage},
};

const TAG: &str = "personal";

/// One row for each call.
pub(super) fn calls(schemas: &mut Schemas) -> Vec<Call> {
    [settings(schemas), drafts(schemas), stars(schemas), hidden(schemas)].concat()
}

fn settings(schemas: &mut Schemas) -> Vec<Call> {
    let conversation = parameter("id", "path", true, "The conversation.", &schemas.taken::<types::ConversationId>());
    vec![Call {
        method: "put",
        path: "/conversations/{id}/settings",
        id: "setConversationSettings",
        tag: TAG,
        summary: "Mute, pin or archive a conversation; set the life of its messages, and whether search may index its text",
        description: "What is absent stays; null takes a value away. All but `ttlSeconds` is the caller's alone, and told to the \
            caller's devices by `conversation.settings`. `ttlSeconds` is everybody's in the conversation: in a group only \
            admins set it (`only_admins_configure`). With `searchable` the caller agrees that the text of what follows is \
            indexed for search. It is while all members agree; who joins has not, and `false` takes away what was indexed.",
        parameters: vec![conversation],
        body: Some(schemas.taken::<SettingsUpdate>()),
        answer: Some(("The settings as they are then.", schemas.given::<ConversationSettings>())),
        errors: &[ErrorCode::NotAMember, ErrorCode::TooLarge],
    }]
}

fn conversation(schemas: &mut Schemas) -> Value {
    parameter("conversationId", "path", true, "The conversation.", &schemas.taken::<types::ConversationId>())
}

fn message(schemas: &mut Schemas) -> Vec<Value> {
    let message = parameter("messageId", "path", true, "The message.", &schemas.taken::<types::MessageId>());
    vec![conversation(schemas), message]
}

fn sequence(schemas: &mut Schemas, required: bool, description: &str) -> Value {
    parameter("sequence", "query", required, description, &schemas.taken::<types::Sequence>())
}

fn cursor(name: &str, description: &str) -> Value {
    parameter(name, "query", false, description, &json!({ "type": "string" }))
}

fn drafts(schemas: &mut Schemas) -> Vec<Call> {
    let after = parameter(
        "after",
        "query",
        false,
        "Drafts after this conversation: `next` of the page before.",
        &schemas.taken::<types::ConversationId>(),
    );
    vec![
        Call {
            method: "put",
            path: "/drafts/{conversationId}",
            id: "saveDraft",
            tag: TAG,
            summary: "Keep a draft, or delete it",
            description: "A `payload` of null deletes. Of two changes the one with the later `ts` stands, in whatever order they \
                come; a `ts` ahead of the service's clock counts as now. Answers what stands. The caller's other devices are told by \
                `draft.updated`. A user may have 1,000 drafts: one more is `too_large`.",
            parameters: vec![conversation(schemas)],
            body: Some(schemas.taken::<DraftUpdate>()),
            answer: Some(("The draft that stands.", schemas.given::<Draft>())),
            errors: &[ErrorCode::NotAMember, ErrorCode::TooLarge],
        },
        Call {
            method: "get",
            path: "/drafts",
            id: "listDrafts",
            tag: TAG,
            summary: "Drafts, by conversation, a page at a time",
            description: "Those that are there; what was deleted is told by `GET /personal`.",
            parameters: vec![after, limit(limits::PERSONAL_PAGE_MAX)],
            body: None,
            answer: Some(("A page of drafts.", schemas.given::<DraftPage>())),
            errors: &[],
        },
    ]
}

fn stars(schemas: &mut Schemas) -> Vec<Call> {
    let place = sequence(schemas, true, "The message's place in the conversation.");
    let on_message = [message(schemas), vec![place]].concat();
    vec![
        Call {
            method: "put",
            path: "/stars/{conversationId}/{messageId}",
            id: "starMessage",
            tag: TAG,
            summary: "Mark a message",
            description: "A message that the caller may see. Marked already, it stays as it is. A user may have 10,000 stars: one \
                more is `too_large`.",
            parameters: on_message.clone(),
            body: None,
            answer: Some(("The star.", schemas.given::<Star>())),
            errors: &[ErrorCode::NotAMember, ErrorCode::NotFound, ErrorCode::TooLarge],
        },
        Call {
            method: "delete",
            path: "/stars/{conversationId}/{messageId}",
            id: "unstarMessage",
            tag: TAG,
            summary: "Take a mark away",
            description: "Where there is none, all is well.",
            parameters: on_message,
            body: None,
            answer: None,
            errors: &[],
        },
        Call {
            method: "get",
            path: "/stars",
            id: "listStars",
            tag: TAG,
            summary: "Stars, the newest first, a page at a time",
            description: "References, without content.",
            parameters: vec![
                cursor("before", "Stars before this place: `next` of the page before. Opaque."),
                limit(limits::PERSONAL_PAGE_MAX),
            ],
            body: None,
            answer: Some(("A page of stars.", schemas.given::<StarPage>())),
            errors: &[],
        },
    ]
}

fn hidden(schemas: &mut Schemas) -> Vec<Call> {
    let place = sequence(schemas, false, "The message's place; absent, it is searched among the last 2,048 entries.");
    vec![
        Call {
            method: "put",
            path: "/hidden/{conversationId}/{messageId}",
            id: "hideMessage",
            tag: TAG,
            summary: "Delete a message for me",
            description: "The caller's devices are told by `message.hidden`, and every read of the log for the caller leaves it out \
                from then on. The others see it as before.",
            parameters: [message(schemas), vec![place]].concat(),
            body: None,
            answer: None,
            errors: &[ErrorCode::NotAMember, ErrorCode::NotFound],
        },
        Call {
            method: "get",
            path: "/personal",
            id: "listPersonalChanges",
            tag: TAG,
            summary: "Drafts, stars and hidden messages that changed",
            description: "In the order of the changes, each as it stands; what was deleted is there with `deleted` for 60 days. A \
                list repeats what changed in the minutes before it starts.",
            parameters: vec![
                cursor("since", "`next` of an earlier answer; absent or 0: from the beginning. Opaque."),
                limit(limits::PERSONAL_PAGE_MAX),
            ],
            body: None,
            answer: Some(("A page of changes.", schemas.given::<PersonalPage>())),
            errors: &[],
        },
    ]
}
