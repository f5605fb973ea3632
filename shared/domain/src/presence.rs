//! How users are: computed from their sessions and devices when somebody asks who may know.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::{try_join, try_join_all};

use crate::{
    ids::{ConversationId, Sequence, Timestamp, UserId},
    limits::{ONLINE_THRESHOLD_MS, RECENTLY_THRESHOLD_MS},
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
    let shared: Vec<ConversationId> =
        users.iter().map(|user| ConversationId::direct(asker.clone(), user.clone())).collect();
    let pairs: BTreeSet<Pair> = users.iter().map(|user| (user.clone(), asker.clone())).collect();
    let privacy = PrivacyPorts { rules: ports.rules, conversations: ports.conversations };
    let (known, hidden) =
        try_join(ports.conversations.memberships(asker, &shared), hidden_presence(privacy, &pairs)).await?;
    let looks = users.iter().zip(&shared).map(|(user, conversation)| {
        let is_shown = !hidden.contains(&(user.clone(), asker.clone()));
        let may_know = user == asker
            || (is_shown && known.iter().any(|(c, row)| c == conversation && row.last_sequence > Sequence::ZERO));
        async move {
            let presence = if may_know { look(ports, user).await? } else { Presence::UNKNOWN };
            Ok((user.clone(), presence))
        }
    });
    Ok(try_join_all(looks).await?.into_iter().collect())
}

async fn look(ports: PresencePorts<'_>, user: &UserId) -> Result<Presence, Unavailable> {
    let now = ports.clock.now();
    if ports.sessions.of_user(user).await?.iter().any(|s| s.is_live(now)) {
        return Ok(Presence::at(now, true, None));
    }
    let devices = ports.devices.of_user(user).await?;
    Ok(Presence::at(now, false, devices.iter().map(|d| d.seen_at).max()))
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
