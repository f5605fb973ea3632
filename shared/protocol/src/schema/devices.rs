//! The calls about devices, blocks, and when not to disturb.

use tidings_domain::limits;

use super::{
    Schemas,
    openapi::{Call, limit, parameter},
    types,
};
use crate::{
    ErrorCode,
    devices::{BlockPage, DeviceInfo, DeviceList, DeviceRegistration, UserSettings},
};

/// One row for each call.
pub(super) fn calls(schemas: &mut Schemas) -> Vec<Call> {
    [devices(schemas), blocks(schemas), settings(schemas)].concat()
}

fn devices(schemas: &mut Schemas) -> Vec<Call> {
    let device = parameter("id", "path", true, "The device.", &schemas.taken::<types::DeviceId>());
    vec![
        Call {
            method: "put",
            path: "/devices/{id}",
            id: "registerDevice",
            tag: "devices",
            summary: "Say what a device is called, and where to push to",
            description: "In place of what it has said before; without `push` it is not pushed to any more. To be said at every start: \
                a token changes when its service wants. A token has one holder: who registers it takes it from the last. A service \
                that this deployment has no application of is a `bad_request` that names `push.service`; a revoked device is \
                `forbidden`.",
            parameters: vec![device.clone()],
            body: Some(schemas.taken::<DeviceRegistration>()),
            answer: Some(("The device.", schemas.given::<DeviceInfo>())),
            errors: &[ErrorCode::TooLarge],
        },
        Call {
            method: "get",
            path: "/devices",
            id: "listDevices",
            tag: "devices",
            summary: "My devices",
            description: "Every device that has been here and was not revoked, the latest seen first.",
            parameters: vec![],
            body: None,
            answer: Some(("The devices.", schemas.given::<DeviceList>())),
            errors: &[],
        },
        Call {
            method: "delete",
            path: "/devices/{id}",
            id: "revokeDevice",
            tag: "devices",
            summary: "Revoke a device of mine",
            description: "Its socket is closed at once, its pushes end, and it may not connect or call any more: 403. There is no way \
                back; the device may come again under another id. May be said again.",
            parameters: vec![device],
            body: None,
            answer: None,
            errors: &[ErrorCode::NotFound],
        },
    ]
}

fn blocks(schemas: &mut Schemas) -> Vec<Call> {
    let user = parameter("userId", "path", true, "The user.", &schemas.taken::<types::UserId>());
    let after = parameter(
        "after",
        "query",
        false,
        "Users after this one: `next` of the page before.",
        &schemas.taken::<types::UserId>(),
    );
    vec![
        Call {
            method: "get",
            path: "/blocks",
            id: "listBlocks",
            tag: "devices",
            summary: "Whom I have blocked, by name, a page at a time",
            description: "",
            parameters: vec![after, limit(limits::BLOCKS_PAGE_MAX)],
            body: None,
            answer: Some(("A page of users.", schemas.given::<BlockPage>())),
            errors: &[],
        },
        Call {
            method: "put",
            path: "/blocks/{userId}",
            id: "blockUser",
            tag: "devices",
            summary: "Block a user",
            description: "The other is not told: what they send to the user is answered as ever, and goes to nobody, now or later; what \
                the user sends to them is refused with `blocked`. Neither sees whether the other is there, has read or types; the other \
                adds the user to no group, and nothing that they send is pushed. A user may block 1,000: one more is `too_large`.",
            parameters: vec![user.clone()],
            body: None,
            answer: None,
            errors: &[ErrorCode::TooLarge],
        },
        Call {
            method: "delete",
            path: "/blocks/{userId}",
            id: "unblockUser",
            tag: "devices",
            summary: "End a block",
            description: "Where there is none, all is well.",
            parameters: vec![user],
            body: None,
            answer: None,
            errors: &[],
        },
    ]
}

fn settings(schemas: &mut Schemas) -> Vec<Call> {
    let answer = Some(("The settings as they are then.", schemas.given::<UserSettings>()));
    vec![
        Call {
            method: "get",
            path: "/settings",
            id: "getSettings",
            tag: "devices",
            summary: "When I am not to be disturbed",
            description: "What applies to all conversations.",
            parameters: vec![],
            body: None,
            answer: answer.clone(),
            errors: &[],
        },
        Call {
            method: "put",
            path: "/settings",
            id: "setSettings",
            tag: "devices",
            summary: "Set when I am not to be disturbed",
            description: "In place of what was set before. While it is quiet no push is shown, not even a mention; what came is there \
                when the app is opened.",
            parameters: vec![],
            body: Some(schemas.taken::<UserSettings>()),
            answer,
            errors: &[ErrorCode::TooLarge],
        },
    ]
}
