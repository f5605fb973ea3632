//! The registry of a user's devices: what each is called, where pushes to it go, and which may connect no more.
//!
//! A push token names one installation of the app. Whoever had it there before is there no more, so a
//! token has one holder: who registers it takes it from the last, whose endpoint goes with it.

use std::{collections::BTreeSet, sync::Arc};

use thiserror::Error;
use tracing::info;

use crate::{
    ids::{ConversationId, DeviceId, Sender, Timestamp, UserId},
    keys::{leave, left},
    limits::{DEVICE_CHANGE_CONVERSATIONS_MAX, DEVICE_CHANGE_USERS_MAX},
    notice::{DeviceChange, Notice},
    ports::{
        Clock, Consistency, Conversations, DeviceRegistry, Devices, Gateway, KeyDirectory, PushProvider, Sessions,
        Unavailable,
    },
    session::{Device, Session},
    sessions::tell,
};

/// What sort of device it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platform {
    /// A phone or tablet of Apple's.
    Ios,
    /// A phone or tablet with Android.
    Android,
    /// A browser.
    Web,
    /// A computer's own program.
    Desktop,
    /// Anything else: a program of the terminal, a bot.
    Other,
}

/// Who takes pushes to a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PushService {
    /// Apple's, for apps from its store.
    Apns,
    /// Apple's, for apps under development.
    ApnsSandbox,
    /// Google's.
    Fcm,
    /// A browser maker's, by the standard.
    WebPush,
}

/// The keys of a browser's subscription, each in URL-safe base64.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebPushKeys {
    /// The browser's public key, `p256dh`.
    pub public: Arc<str>,
    /// The secret of the two, `auth`.
    pub auth: Arc<str>,
}

/// Where a device is to be pushed to, as it says itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushAddress {
    /// By whom.
    pub service: PushService,
    /// What the service calls the installation; the URL of a browser's subscription.
    pub token: Arc<str>,
    /// The keys of a browser's subscription.
    pub keys: Option<WebPushKeys>,
}

/// Where a device is pushed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushEndpoint {
    /// As the device has said.
    pub address: PushAddress,
    /// What pushes are sent to; the URL of a browser's subscription.
    pub endpoint: Arc<str>,
}

/// What a device says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// What its user calls it.
    pub name: Arc<str>,
    /// What it is.
    pub platform: Platform,
    /// Where to push to; none: it is not pushed to.
    pub push: Option<PushAddress>,
}

/// What became of an endpoint that was to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Created {
    /// It is there; the same token again is the same endpoint.
    At(Arc<str>),
    /// The service takes no such token.
    BadToken,
    /// This deployment has no application of the service.
    NotOffered,
}

/// Why a device is not registered, or revoked.
#[derive(Debug, Error)]
pub enum DeviceError {
    /// It was revoked.
    #[error("the device is revoked")]
    Revoked,
    /// The user has none of this name.
    #[error("no device {0}")]
    NoSuchDevice(DeviceId),
    /// This deployment has no application of the push service.
    #[error("is not offered here")]
    NotOffered,
    /// The push service refuses the token.
    #[error("is refused by the push service")]
    BadToken,
    /// The world did not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// What the registry needs of the world.
#[derive(Clone, Copy)]
pub struct DevicePorts<'a> {
    /// What devices have registered.
    pub registry: &'a dyn DeviceRegistry,
    /// Push services.
    pub provider: &'a dyn PushProvider,
    /// Which devices there are to encrypt for.
    pub keys: &'a dyn KeyDirectory,
    /// With whom a user shares conversations.
    pub conversations: &'a dyn Conversations,
    /// Live sockets.
    pub sessions: &'a dyn Sessions,
    /// The sockets.
    pub gateway: &'a dyn Gateway,
    /// Time.
    pub clock: &'a dyn Clock,
}

/// Registers a device, in place of what it has said before. May be said again at every start.
///
/// The row is written before the token is held, so that of two who register one token the later
/// holder always finds the earlier's row to take it from.
pub async fn register(ports: DevicePorts<'_>, owner: &Sender, wanted: &Registration) -> Result<Device, DeviceError> {
    let before = ports.registry.registered(owner).await?;
    if before.as_ref().is_some_and(|device| device.revoked) {
        return Err(DeviceError::Revoked);
    }
    let before = before.and_then(|device| device.push);
    let push = match &wanted.push {
        Some(address) => Some(establish(ports, owner, before.as_ref(), address).await?),
        None => None,
    };
    let now = ports.clock.now();
    if !ports.registry.register(owner, wanted, push.as_ref(), now).await? {
        if let Some(push) = &push {
            ports.provider.delete(push).await?;
        }
        return Err(DeviceError::Revoked);
    }
    if let Some(push) = &push
        && let Some(holder) = ports.registry.hold(&push.address, owner).await?
    {
        displace(ports, &holder, push).await?;
    }
    if let Some(before) = before {
        if push.as_ref().is_none_or(|push| push.endpoint != before.endpoint) {
            ports.provider.delete(&before).await?;
        }
        if push.as_ref().is_none_or(|push| !is_same_token(&push.address, &before.address)) {
            ports.registry.release(&before.address, owner).await?;
        }
    }
    let device = Device {
        name: Some(wanted.name.clone()),
        platform: Some(wanted.platform),
        push,
        ..Device::new(owner.clone(), now)
    };
    Ok(device)
}

fn is_same_token(one: &PushAddress, other: &PushAddress) -> bool {
    (one.service, &one.token) == (other.service, &other.token)
}

/// The endpoint of an address: the device's own moves to a new token, else one is made.
async fn establish(
    ports: DevicePorts<'_>,
    owner: &Sender,
    before: Option<&PushEndpoint>,
    address: &PushAddress,
) -> Result<PushEndpoint, DeviceError> {
    // First, or the service would answer with the last holder's endpoint, to which pushes may be on their way.
    if let Some(holder) = ports.registry.holder(address).await?.filter(|holder| holder != owner) {
        displace(ports, &holder, &PushEndpoint { address: address.clone(), endpoint: "".into() }).await?;
    }
    let at = |endpoint: Arc<str>| PushEndpoint { address: address.clone(), endpoint };
    if let Some(before) = before.filter(|before| before.address.service == address.service) {
        let moved = at(before.endpoint.clone());
        if address.service != PushService::WebPush && ports.provider.renew(&moved).await? {
            return Ok(moved);
        }
    }
    match ports.provider.create(address).await? {
        Created::At(endpoint) => Ok(at(endpoint)),
        Created::BadToken => Err(DeviceError::BadToken),
        Created::NotOffered => Err(DeviceError::NotOffered),
    }
}

/// Takes a token from who held it, if they still do, and removes their endpoint, unless it is the new
/// holder's too.
async fn displace(ports: DevicePorts<'_>, holder: &Sender, push: &PushEndpoint) -> Result<(), Unavailable> {
    if let Some(dropped) = ports.registry.drop_push(holder, &push.address).await? {
        info!(user = %holder.user, device = %holder.device, "a push token has moved to another device");
        if dropped.endpoint != push.endpoint {
            ports.provider.delete(&dropped).await?;
        }
    }
    Ok(())
}

/// The user's devices that have not been revoked, the latest seen first.
pub async fn list(devices: &dyn Devices, user: &UserId) -> Result<Vec<Device>, Unavailable> {
    let mut found = devices.of_user(user).await?;
    found.retain(|device| !device.revoked);
    found.sort_by(|a, b| (b.seen_at, &a.owner.device).cmp(&(a.seen_at, &b.owner.device)));
    Ok(found)
}

/// Lets a device connect no more, closes its socket, takes its keys and pushes away, and tells those who share a
/// conversation with its user. May be said again.
pub async fn revoke(ports: DevicePorts<'_>, user: &UserId, device: &DeviceId) -> Result<(), DeviceError> {
    let owner = Sender { user: user.clone(), device: device.clone() };
    let before = ports.registry.revoke(&owner).await?;
    let before = before.ok_or_else(|| DeviceError::NoSuchDevice(device.clone()))?;
    let had_keys = left(leave(ports.keys, ports.clock, &owner).await)?;
    let sessions = ports.sessions.of_user(user).await?;
    for session in sessions.iter().filter(|session| session.owner == owner) {
        ports.gateway.close(session).await?;
        ports.sessions.remove(&owner, &session.connection).await?;
    }
    if let Some(push) = before.push {
        ports.provider.delete(&push).await?;
        ports.registry.release(&push.address, &owner).await?;
        ports.registry.drop_push(&owner, &push.address).await?;
    }
    if had_keys {
        let audience =
            Audience { conversations: ports.conversations, sessions: ports.sessions, gateway: ports.gateway };
        tell_of_change(audience, ports.clock, &owner, DeviceChange::Removed).await;
    }
    Ok(())
}

/// Those who hear of a change of a user's devices.
#[derive(Clone, Copy)]
pub struct Audience<'a> {
    /// With whom the user shares conversations.
    pub conversations: &'a dyn Conversations,
    /// Live sockets.
    pub sessions: &'a dyn Sessions,
    /// The sockets.
    pub gateway: &'a dyn Gateway,
}

/// Tells the connected devices of those in the user's latest conversations, and the user's own, that a device has
/// come, gone, or got another key. Who is not told finds out with the next message: it is refused.
pub async fn tell_of_change(audience: Audience<'_>, clock: &dyn Clock, device: &Sender, change: DeviceChange) {
    let users = match acquainted(audience.conversations, &device.user).await {
        Ok(users) => users,
        Err(error) => {
            info!(%error, user = %device.user, "nobody is told of a change of devices");
            return;
        }
    };
    let is_told = |session: &Session| session.owner != *device;
    let notice = Notice::Device { device: device.clone(), change };
    tell(audience.sessions, audience.gateway, clock, &users, is_told, &notice).await;
}

/// The user, and those in their latest conversations; of groups that are pulled, nobody.
async fn acquainted(conversations: &dyn Conversations, user: &UserId) -> Result<Vec<UserId>, Unavailable> {
    let limit = DEVICE_CHANGE_CONVERSATIONS_MAX;
    let latest = conversations.by_activity(user, Timestamp::default(), None, limit).await?;
    let mut users = BTreeSet::from([user.clone()]);
    for key in latest.keys {
        if users.len() >= DEVICE_CHANGE_USERS_MAX {
            break;
        }
        users.extend(members_of(conversations, &key.conversation).await?);
    }
    Ok(users.into_iter().take(DEVICE_CHANGE_USERS_MAX).collect())
}

async fn members_of(
    conversations: &dyn Conversations,
    conversation: &ConversationId,
) -> Result<Vec<UserId>, Unavailable> {
    if let Some(members) = conversation.direct_members() {
        return Ok(members);
    }
    let members = conversations.pushed_members(conversation, Consistency::Eventual).await?;
    Ok(members.rows.into_iter().map(|member| member.user).collect())
}

/// Takes a device's endpoint away that the push service has given up on, if it is still the device's.
pub(crate) async fn forget(
    registry: &dyn DeviceRegistry,
    provider: &dyn PushProvider,
    owner: &Sender,
    push: &PushEndpoint,
) -> Result<(), Unavailable> {
    if registry.drop_push(owner, &push.address).await?.is_some() {
        registry.release(&push.address, owner).await?;
    }
    provider.delete(push).await
}
