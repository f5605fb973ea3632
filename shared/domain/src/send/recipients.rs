//! Whether what was encrypted, was encrypted for the devices that there are.

use std::collections::BTreeMap;

use super::{Refusal, SendPorts, SendRequest};
use crate::{
    conversation::Standing,
    ids::UserId,
    keys::{DeviceSet, check_devices, envelope_difference},
    ports::Unavailable,
};

/// The devices of those for whom the sender says that it encrypted, read beside the tail: it costs no
/// trip. Nothing is read of a message that does not say.
pub(super) async fn device_sets(
    ports: SendPorts<'_>,
    request: &SendRequest,
) -> Result<BTreeMap<UserId, DeviceSet>, Unavailable> {
    let draft = &request.draft;
    let mut users: Vec<UserId> = request.devices.keys().cloned().collect();
    if !draft.content.envelopes.is_empty() {
        users.extend(draft.conversation.direct_members().unwrap_or_default());
        users.sort();
        users.dedup();
    }
    if users.is_empty() { Ok(BTreeMap::new()) } else { ports.keys.device_sets(&users).await }
}

/// Refuses the whole of what does not fit the devices that there are, or welcomes who is no member.
pub(super) async fn check_recipients(
    ports: SendPorts<'_>,
    request: &SendRequest,
    sets: &BTreeMap<UserId, DeviceSet>,
    standing: &Standing,
) -> Result<Result<(), Refusal>, Unavailable> {
    if let Err(stale) = check_devices(sets, &request.devices) {
        return Ok(Err(stale));
    }
    if let Err(stale) = check_envelopes(ports, request, sets, standing).await? {
        return Ok(Err(stale));
    }
    check_welcomed(ports, request).await
}

/// Of a conversation of two, and of a group that is small enough for its head to name the members.
async fn check_envelopes(
    ports: SendPorts<'_>,
    request: &SendRequest,
    sets: &BTreeMap<UserId, DeviceSet>,
    standing: &Standing,
) -> Result<Result<(), Refusal>, Unavailable> {
    let draft = &request.draft;
    if draft.content.envelopes.is_empty() {
        return Ok(Ok(()));
    }
    let members = match (draft.conversation.direct_members(), &standing.group) {
        (Some(members), _) => members,
        (None, Some(group)) => group.roster.iter().flatten().cloned().collect(),
        (None, None) => Vec::new(),
    };
    let sets = if draft.conversation.direct_members().is_some() || members.is_empty() {
        sets.iter().filter(|(user, _)| members.contains(user)).map(|(user, set)| (user.clone(), set.clone())).collect()
    } else {
        ports.keys.device_sets(&members).await?
    };
    Ok(match envelope_difference(&sets, &draft.sender, draft.content.envelopes.keys()) {
        Some(differences) => Err(Refusal::StaleDevices(Box::new(differences))),
        None => Ok(()),
    })
}

/// Everyone whom a commit welcomes is in the conversation.
async fn check_welcomed(ports: SendPorts<'_>, request: &SendRequest) -> Result<Result<(), Refusal>, Unavailable> {
    let draft = &request.draft;
    let Some(welcome) = &draft.content.welcome else { return Ok(Ok(())) };
    let mut users: Vec<UserId> = welcome.devices.iter().map(|device| device.user.clone()).collect();
    users.sort();
    users.dedup();
    let members = if let Some(members) = draft.conversation.direct_members() {
        members
    } else {
        let view = ports.conversations.group(&draft.conversation, &users).await?;
        view.members.into_iter().map(|member| member.user).collect()
    };
    let stranger = users.into_iter().find(|user| !members.contains(user));
    Ok(stranger.map_or(Ok(()), |user| Err(Refusal::WelcomesStranger(user))))
}
