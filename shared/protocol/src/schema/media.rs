//! The calls about media.

use serde_json::Value;

use super::{
    Schemas,
    openapi::{Call, parameter},
    types,
};
use crate::{
    ErrorCode,
    media::{
        MediaCompleted, MediaInfo, PartsRequest, PartsSigned, PartsThere, PresignRequest, Presigned, PreviewInfo,
        PreviewSizeName,
    },
};

const TAG: &str = "media";

/// One row for each call.
pub(super) fn calls(schemas: &mut Schemas) -> Vec<Call> {
    [uploads(schemas), previews(schemas), parts(schemas)].concat()
}

fn handle(schemas: &mut Schemas) -> Vec<Value> {
    vec![parameter("handle", "path", true, "The media.", &schemas.taken::<types::MediaHandle>())]
}

fn invite(schemas: &mut Schemas) -> Vec<Value> {
    vec![parameter("invite", "query", false, "What an invite link ends with.", &schemas.taken::<types::InviteToken>())]
}

fn uploads(schemas: &mut Schemas) -> Vec<Call> {
    vec![
        Call {
            method: "post",
            path: "/media/presign",
            id: "offerUpload",
            tag: TAG,
            summary: "Upload content for a conversation",
            description: "Answers a request to storage that is signed for exactly this size, type and SHA-256, or, above 16 MiB, how \
                the content is cut into parts. Asked again, it is the same upload; where the conversation has the content, it is `ready` \
                at once. A type that is not taken, 0 bytes or no SHA-256 is `bad_request`; more than its kind may have is \
                `too_large`; what a day allows a user used up is `rate_limited` until the next (UTC); content that was refused is \
                `forbidden`, with the reason in `details`.",
            parameters: Vec::new(),
            body: Some(schemas.taken::<PresignRequest>()),
            answer: Some(("The upload.", schemas.given::<Presigned>())),
            errors: &[ErrorCode::NotAMember, ErrorCode::TooLarge],
        },
        Call {
            method: "get",
            path: "/media/{handle}",
            id: "getMedia",
            tag: TAG,
            summary: "Where content can be read",
            description: "For members of its conversation who may see a message that refers to it; before the first one, for who \
                uploaded it. A group's picture is for all its members, and with `invite` for whoever has a link that lets them in. The \
                address works for 15 minutes at most, ranges too. Once every such message is deleted or has expired, it is `not_found`.",
            parameters: [handle(schemas), invite(schemas)].concat(),
            body: None,
            answer: Some(("The content.", schemas.given::<MediaInfo>())),
            errors: &[ErrorCode::NotAMember, ErrorCode::NotFound],
        },
        Call {
            method: "delete",
            path: "/media/{handle}",
            id: "abandonMedia",
            tag: TAG,
            summary: "Give up an upload",
            description: "Or content that no message refers to. Only who began the upload may; what a message refers to is `conflict`.",
            parameters: handle(schemas),
            body: None,
            answer: None,
            errors: &[ErrorCode::NotAMember, ErrorCode::NotFound, ErrorCode::Conflict],
        },
    ]
}

fn previews(schemas: &mut Schemas) -> Vec<Call> {
    let size =
        parameter("size", "query", false, "How large; `medium` where absent.", &schemas.taken::<PreviewSizeName>());
    vec![Call {
        method: "get",
        path: "/media/{handle}/preview",
        id: "previewMedia",
        tag: TAG,
        summary: "A preview of content",
        description: "Of content that is not encrypted, for whoever may read it. Asked for the first time it is made, and 202 with \
            `status: pending` says when to ask again; from then on it is there. Pictures: a JPEG that stands upright and has no notes. \
            Sound: its length, its waveform, and a form that is played everywhere. What cannot have one is `refused`, with the reason.",
        parameters: [handle(schemas), vec![size]].concat(),
        body: None,
        answer: Some(("The preview.", schemas.given::<PreviewInfo>())),
        errors: &[ErrorCode::NotAMember, ErrorCode::NotFound],
    }]
}

fn parts(schemas: &mut Schemas) -> Vec<Call> {
    const ERRORS: &[ErrorCode] = &[ErrorCode::NotAMember, ErrorCode::NotFound, ErrorCode::Conflict];
    vec![
        Call {
            method: "post",
            path: "/media/{handle}/parts",
            id: "signParts",
            tag: TAG,
            summary: "Sign the upload of parts",
            description: "Each for exactly its size and SHA-256. A part may be uploaded again.",
            parameters: handle(schemas),
            body: Some(schemas.taken::<PartsRequest>()),
            answer: Some(("The requests.", schemas.given::<PartsSigned>())),
            errors: &[ErrorCode::NotAMember, ErrorCode::NotFound, ErrorCode::Conflict, ErrorCode::TooLarge],
        },
        Call {
            method: "get",
            path: "/media/{handle}/parts",
            id: "listParts",
            tag: TAG,
            summary: "The parts that are there",
            description: "To go on with an upload that was interrupted.",
            parameters: handle(schemas),
            body: None,
            answer: Some(("The parts.", schemas.given::<PartsThere>())),
            errors: ERRORS,
        },
        Call {
            method: "post",
            path: "/media/{handle}/complete",
            id: "completeUpload",
            tag: TAG,
            summary: "Put the parts together",
            description: "All must be there: otherwise it is `conflict`, with `details.missingParts`. Done before, it is done.",
            parameters: handle(schemas),
            body: None,
            answer: Some(("How far the content has got.", schemas.given::<MediaCompleted>())),
            errors: ERRORS,
        },
    ]
}
