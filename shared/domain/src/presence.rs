//! How users are: computed from their sessions and devices when somebody asks who may know.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::{try_join, try_join_all};

use crate::{
    group::Group,
    ids::{ConversationId, Sequence, Timestamp, UserId},
    limits::{ONLINE_THRESHOLD_MS, PRESENCE_SAMPLE_MAX, RECENTLY_THRESHOLD_MS},
    ports::{Clock, Conversations, Devices, PrivacyRules, Sessions, Unavailable},
    privacy::{Pair, PrivacyPorts, hidden_presence},
};

/// What presence needs of the world.
#[derive(Clone, Copy)]
pub struct PresencePorts<'a> {
    /// Live sockets.
    pub sessions: &'a dyn Sessions,
    /// Devices.
    pub devices: &'a dyn Devices,
    /// Members.
    pub conversations: &'a dyn Conversations,
    /// What users show of themselves.
    pub rules: &'a dyn PrivacyRules,
    /// Time.
    pub clock: &'a dyn Clock,
}

/// A state of presence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// A device is connected, or was seconds ago.
    Online,
    /// There within the last day.
    Recently,
    /// Not there, or not to be told.
    Offline,
}

/// How a user is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Presence {
    /// The state.
    pub state: State,
    /// When they were last there; none while online or unknown.
    pub last_seen: Option<Timestamp>,
}

impl Presence {
    /// Of somebody who was never there, or of whom the asker may not know.
    pub const UNKNOWN: Self = Self { state: State::Offline, last_seen: None };

    fn at(now: Timestamp, connected: bool, last_seen: Option<Timestamp>) -> Self {
        match last_seen {
            _ if connected => Self { state: State::Online, last_seen: None },
            None => Self::UNKNOWN,
            Some(at) if now.ms_since(at) < ONLINE_THRESHOLD_MS => Self { state: State::Online, last_seen: None },
            Some(at) if now.ms_since(at) < RECENTLY_THRESHOLD_MS => Self { state: State::Recently, last_seen },
            Some(_) => Self { state: State::Offline, last_seen },
        }
    }
}

/// How these users are, as far as the asker shares a direct conversation with them and both show themselves to each other. Of others
/// the answer is that of a user who was never there: it must not tell who exists.
pub async fn presence_of(
    ports: PresencePorts<'_>,
    asker: &UserId,
    users: &[UserId],
) -> Result<BTreeMap<UserId, Presence>, Unavailable> {
    Ok(shown(&presence_within(ports, asker, users, None).await?))
}

/// What the asker is told.
pub fn shown(known: &BTreeMap<UserId, Option<Presence>>) -> BTreeMap<UserId, Presence> {
    known.iter().map(|(user, presence)| (user.clone(), presence.unwrap_or(Presence::UNKNOWN))).collect()
}

/// As [`presence_of`], and of those who are in a group with the asker; none of whom the asker may not know. Of a group that is pulled it is a sample: some of those that are
/// asked for, the same at each time and others for another asker.
pub async fn presence_within(
    ports: PresencePorts<'_>,
    asker: &UserId,
    users: &[UserId],
    via: Option<&ConversationId>,
) -> Result<BTreeMap<UserId, Option<Presence>>, Unavailable> {
    let in_group = match via {
        Some(group) => members_among(ports, asker, users, group).await?,
        None => BTreeSet::new(),
    };
    let in_group = &in_group;
    let shared: Vec<ConversationId> =
        users.iter().map(|user| ConversationId::direct(asker.clone(), user.clone())).collect();
    let pairs: BTreeSet<Pair> = users.iter().map(|user| (user.clone(), asker.clone())).collect();
    let privacy = PrivacyPorts { rules: ports.rules, conversations: ports.conversations };
    let (known, hidden) =
        try_join(ports.conversations.memberships(asker, &shared), hidden_presence(privacy, &pairs)).await?;
    let looks = users.iter().zip(&shared).map(|(user, conversation)| {
        let is_shown = !hidden.contains(&(user.clone(), asker.clone()));
        let shares = in_group.contains(user)
            || known.iter().any(|(c, row)| c == conversation && row.last_sequence > Sequence::ZERO);
        let may_know = user == asker || (is_shown && shares);
        async move {
            let presence = if may_know { Some(presence_now(ports, user).await?) } else { None };
            Ok((user.clone(), presence))
        }
    });
    Ok(try_join_all(looks).await?.into_iter().collect())
}

/// Those of some users who are in a group with the asker; nobody where the asker is not in it.
async fn members_among(
    ports: PresencePorts<'_>,
    asker: &UserId,
    users: &[UserId],
    group: &ConversationId,
) -> Result<BTreeSet<UserId>, Unavailable> {
    if group.direct_members().is_some() {
        return Ok(BTreeSet::new());
    }
    let asked: Vec<UserId> = users.iter().chain([asker]).collect::<BTreeSet<_>>().into_iter().cloned().collect();
    let view = ports.conversations.group(group, &asked).await?;
    let is_pulled = view.group.as_ref().is_some_and(Group::is_pulled);
    let mut members: Vec<UserId> = view.members.into_iter().map(|member| member.user).collect();
    if !members.contains(asker) {
        return Ok(BTreeSet::new());
    }
    members.retain(|member| member != asker);
    if is_pulled {
        members.sort_by_key(|member| sample_place(asker, member));
        members.truncate(PRESENCE_SAMPLE_MAX);
    }
    Ok(members.into_iter().collect())
}

/// Where a member stands in the sample of an asker: a hash of both.
fn sample_place(asker: &UserId, member: &UserId) -> u64 {
    let bytes = asker.as_str().bytes().chain([b'#']).chain(member.as_str().bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// How a user is, whoever asks.
pub(crate) async fn presence_now(ports: PresencePorts<'_>, user: &UserId) -> Result<Presence, Unavailable> {
    let now = ports.clock.now();
    if ports.sessions.of_user(user).await?.iter().any(|s| s.is_live(now)) {
        return Ok(Presence::at(now, true, None));
    }
    let devices = ports.devices.of_user(user).await?;
    let last_seen = devices.iter().map(|device| device.seen_at).max();
    Ok(Presence::at(now, false, last_seen.filter(|at| *at > Timestamp::default())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_follows_from_the_last_activity() {
        let now = Timestamp(100 * RECENTLY_THRESHOLD_MS);
        let ago = |ms| Presence::at(now, false, Some(Timestamp(now.0 - ms))).state;
        assert_eq!(Presence::at(now, true, None).state, State::Online);
        assert_eq!(ago(ONLINE_THRESHOLD_MS - 1), State::Online);
        assert_eq!(ago(ONLINE_THRESHOLD_MS), State::Recently);
        assert_eq!(ago(RECENTLY_THRESHOLD_MS), State::Offline);
        assert_eq!(Presence::at(now, false, None), Presence::UNKNOWN);
    }
}
