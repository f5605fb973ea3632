//! The calls about keys, commits and mailboxes.

use tidings_domain::limits;

use super::{
    Schemas,
    openapi::{Call, limit, parameter},
    types,
};
use crate::{
    ErrorCode,
    keys::{KeyBundles, KeyStock, KeyUpload, MailAck, MailPage, MailPost, MessageCommit},
};

/// One row for each call.
pub(super) fn calls(schemas: &mut Schemas) -> Vec<Call> {
    [own_keys(schemas), keys_of_others(schemas), mail(schemas)].concat()
}

fn own_keys(schemas: &mut Schemas) -> Vec<Call> {
    let device =
        parameter("id", "path", true, "The device, which is the one that calls.", &schemas.taken::<types::DeviceId>());
    vec![
        Call {
            method: "post",
            path: "/commits",
            id: "sendCommit",
            tag: "encryption",
            summary: "Send an MLS commit",
            description: "The same as the frame `message.commit`. The first makes the conversation encrypted, for good; in a group it \
                is for admins.",
            parameters: vec![],
            body: Some(schemas.taken::<MessageCommit>()),
            answer: Some(("The commit is in the log.", serde_json::json!({ "$ref": "#/components/schemas/Sent" }))),
            errors: &[
                ErrorCode::NotAMember,
                ErrorCode::NotFound,
                ErrorCode::StaleEpoch,
                ErrorCode::StaleDevices,
                ErrorCode::Conflict,
                ErrorCode::TooLarge,
            ],
        },
        Call {
            method: "put",
            path: "/devices/{id}/keys",
            id: "uploadKeys",
            tag: "encryption",
            summary: "Put the keys of this device here",
            description: "Adds to what is there. May be repeated: a package that was taken does not come back. Packages are of the suite \
                X25519, AES-128-GCM, SHA-256, Ed25519, with the basic credential `USER/DEVICE`, signed with `identityKey`, and expire within \
                90 days. Another `identityKey` begins anew, and those who share a conversation are told. 200 packages are kept for a \
                device, of 32 devices of a user.",
            parameters: vec![device.clone()],
            body: Some(schemas.taken::<KeyUpload>()),
            answer: Some(("What is here now.", schemas.given::<KeyStock>())),
            errors: &[ErrorCode::NotFound, ErrorCode::Conflict, ErrorCode::TooLarge],
        },
        Call {
            method: "get",
            path: "/devices/{id}/keys",
            id: "getKeyStock",
            tag: "encryption",
            summary: "What keys of this device are left here",
            description: "A device looks at its start, and is told by `keys.low` when few are left.",
            parameters: vec![device],
            body: None,
            answer: Some(("What is here.", schemas.given::<KeyStock>())),
            errors: &[],
        },
    ]
}

fn keys_of_others(schemas: &mut Schemas) -> Vec<Call> {
    let user = parameter("id", "path", true, "The user.", &schemas.taken::<types::UserId>());
    let only = parameter(
        "deviceId",
        "query",
        false,
        "Of these devices alone: names with commas between.",
        &serde_json::json!({ "type": "string" }),
    );
    vec![
        Call {
            method: "get",
            path: "/users/{id}/keys",
            id: "takeKeys",
            tag: "encryption",
            summary: "Take a key package of each of a user's devices",
            description: "A package goes to one taker. Where a device has none left it is its last resort, which says so. A user may take \
                600 times in an hour, and 20 times from one other: more is `rate_limited`.",
            parameters: vec![user.clone(), only],
            body: None,
            answer: Some(("One bundle for each device that has keys.", schemas.given::<KeyBundles>())),
            errors: &[],
        },
        Call {
            method: "get",
            path: "/users/{id}/identities",
            id: "getIdentities",
            tag: "encryption",
            summary: "What a user's devices sign with",
            description: "Takes nothing: for safety numbers, and for the version of the set.",
            parameters: vec![user],
            body: None,
            answer: Some(("The devices that have keys.", schemas.given::<KeyBundles>())),
            errors: &[],
        },
    ]
}

fn mail(schemas: &mut Schemas) -> Vec<Call> {
    let after = parameter(
        "after",
        "query",
        false,
        "Mail after this: `next` of the page before.",
        &schemas.taken::<types::MailId>(),
    );
    let user = parameter("userId", "path", true, "The user.", &schemas.taken::<types::UserId>());
    let device = parameter("deviceId", "path", true, "The device.", &schemas.taken::<types::DeviceId>());
    vec![
        Call {
            method: "get",
            path: "/mailbox",
            id: "listMail",
            tag: "encryption",
            summary: "What this device alone may read, oldest first",
            description: "The same comes as `mailbox.new` to the socket, after the hello and as it arrives. It is kept for 30 days, or \
                until it is acknowledged.",
            parameters: vec![after, limit(limits::MAIL_PAGE_MAX)],
            body: None,
            answer: Some(("A page of mail.", schemas.given::<MailPage>())),
            errors: &[],
        },
        Call {
            method: "post",
            path: "/mailbox/acks",
            id: "acknowledgeMail",
            tag: "encryption",
            summary: "Say what mail this device has",
            description: "It is deleted. The same as the frame `mailbox.ack`.",
            parameters: vec![],
            body: Some(schemas.taken::<MailAck>()),
            answer: None,
            errors: &[ErrorCode::TooLarge],
        },
        Call {
            method: "post",
            path: "/mailbox/{userId}/{deviceId}",
            id: "postMail",
            tag: "encryption",
            summary: "Put mail into the mailbox of one device",
            description: "Of one's own devices, or of somebody who shares the conversation that is named. At least once: what is \
                posted twice under one `clientMailId` has the same after the `-` of its `mailId`, and its device drops the second. A mailbox holds 1,000 pieces: more is `conflict`.",
            parameters: vec![user, device],
            body: Some(schemas.taken::<MailPost>()),
            answer: None,
            errors: &[ErrorCode::NotAMember, ErrorCode::NotFound, ErrorCode::Conflict, ErrorCode::TooLarge],
        },
    ]
}
