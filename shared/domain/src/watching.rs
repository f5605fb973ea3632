//! Who watches whom, and the telling of how users are.
//!
//! A device that asks how users are watches those of them of whom it may know, for as long as its connection may live. Where the state of
//! a user may have changed, and somebody watches, a look at them is queued: some seconds later, for what lasts less is no change, and no
//! sooner than ten seconds after the last word about them. So a user who comes and goes all the time costs one look, and at most
//! [`PRESENCE_TOLD_MAX`] frames, in ten seconds, however many watch: of more, each word tells another part. Looks come in batches, and
//! each device is told of all of a batch in one frame.
//!
//! Nobody says that a device has crashed. So whoever is said to be online is looked at again when their last session would end.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::{join_all, try_join_all};
use tracing::info;

use crate::{
    ids::{ConversationId, Sender, Timestamp, UserId},
    limits::{
        PRESENCE_CLAIM_MS, PRESENCE_COALESCE_MS, PRESENCE_THRESHOLD_MS, PRESENCE_TOLD_MAX, PRESENCE_WATCH_SECONDS,
    },
    notice::Notice,
    ports::{Gateway, PortResult, Post, Unavailable, live_sessions},
    presence::{Presence, PresencePorts, State, presence_now},
    privacy::{Pair, PrivacyPorts, hidden_presence},
    session::Session,
};

/// A device that watches a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watcher {
    /// The device's socket.
    pub session: Session,
    /// The group by which it knows of the user; none: they have a conversation of two.
    pub via: Option<ConversationId>,
}

/// What was last said of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// That they were online.
    pub is_online: bool,
    /// When.
    pub at: Timestamp,
    /// When they are to be looked at because nobody may have said that they went; zero: not.
    pub check_at: Timestamp,
}

impl Told {
    /// Nothing was said yet: as of somebody who is not there.
    pub const NOTHING: Self = Self { is_online: false, at: Timestamp(0), check_at: Timestamp(0) };
}

/// Who watches whom.
pub trait Watches: Send + Sync {
    /// A device watches a user, until its session's end as it is given here.
    fn watch<'a>(&'a self, user: &'a UserId, watcher: &'a Watcher) -> PortResult<'a, ()>;

    /// A device watches a user no more; where a connection is given, only if it is still that one's.
    fn unwatch<'a>(&'a self, user: &'a UserId, watcher: &'a Sender) -> PortResult<'a, ()>;

    /// Up to `limit` who watch a user from a place on (see [`Session::place`]), in the order of places.
    fn watchers<'a>(&'a self, user: &'a UserId, from: u32, limit: usize) -> PortResult<'a, Vec<Watcher>>;

    /// Notes that a look at a user is queued until a moment, where none is; what was last said, or none where one is queued.
    fn claim_look<'a>(&'a self, user: &'a UserId, now: Timestamp, until: Timestamp) -> PortResult<'a, Option<Told>>;

    /// What was last said of a user.
    fn told<'a>(&'a self, user: &'a UserId) -> PortResult<'a, Told>;

    /// Notes what is said of a user, and that no look is queued.
    fn note_told<'a>(&'a self, user: &'a UserId, told: &'a Told) -> PortResult<'a, ()>;
}

/// A look at a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// The user.
    pub user: UserId,
    /// It is the one that was to be made then because nobody may have said that they went; zero: it is one that somebody asked for.
    pub check_at: Timestamp,
}

/// Looks that wait.
pub trait Looks: Send + Sync {
    /// Queues a look, to be made in so many milliseconds.
    fn put<'a>(&'a self, look: &'a Look, delay_ms: u64) -> PortResult<'a, ()>;
}

/// What watching needs of the world.
#[derive(Clone, Copy)]
pub struct WatchPorts<'a> {
    /// How users are, and who may know.
    pub presence: PresencePorts<'a>,
    /// Who watches whom.
    pub watches: &'a dyn Watches,
    /// Looks that wait.
    pub looks: &'a dyn Looks,
    /// The sockets.
    pub gateway: &'a dyn Gateway,
}

/// A device watches those users of whom it may know, beginning with what it is told of them now.
pub async fn watch(
    ports: WatchPorts<'_>,
    session: &Session,
    known: &BTreeMap<UserId, Option<Presence>>,
    via: Option<&ConversationId>,
) -> Result<(), Unavailable> {
    let now = ports.presence.clock.now();
    let session = Session { expires_at: now.plus_ms(PRESENCE_WATCH_SECONDS * 1000), ..session.clone() };
    let watcher = Watcher { session, via: via.cloned() };
    let others = known.iter().filter(|(user, _)| **user != watcher.session.owner.user);
    let watched = others.filter_map(|(user, presence)| Some((user, (*presence)?)));
    try_join_all(watched.map(|(user, presence)| {
        let watcher = &watcher;
        async move {
            ports.watches.watch(user, watcher).await?;
            settle(ports, user, presence.state == State::Online, now).await
        }
    }))
    .await?;
    Ok(())
}

/// Whoever begins to watch has been told how the user is. Where that is another than what was last said, those who watched before are to
/// be told, too; where the user is online, they are to be looked at when their sessions would end.
async fn settle(ports: WatchPorts<'_>, user: &UserId, is_online: bool, now: Timestamp) -> Result<(), Unavailable> {
    let told = ports.watches.told(user).await?;
    if told.is_online != is_online {
        may_have_changed(ports.watches, ports.looks, now, user).await;
    } else if is_online && told.check_at <= now {
        let check_at = queue_check(ports, user, now).await?;
        ports.watches.note_told(user, &Told { check_at, ..told }).await?;
    }
    Ok(())
}

/// A device watches users no more.
pub async fn unwatch(ports: WatchPorts<'_>, watcher: &Sender, users: &[UserId]) -> Result<(), Unavailable> {
    try_join_all(users.iter().map(|user| ports.watches.unwatch(user, watcher))).await.map(drop)
}

/// The state of a user may have changed: a look at them is queued where somebody watches, and none is. Best effort, for whoever
/// connects or goes does not wait for it and does not fail by it.
pub async fn may_have_changed(watches: &dyn Watches, looks: &dyn Looks, now: Timestamp, user: &UserId) {
    let queued = async {
        if watches.watchers(user, 0, 1).await?.is_empty() {
            return Ok::<_, Unavailable>(());
        }
        let Some(told) = watches.claim_look(user, now, now.plus_ms(PRESENCE_CLAIM_MS)).await? else { return Ok(()) };
        let since_ms = now.ms_since(told.at);
        let delay_ms = PRESENCE_THRESHOLD_MS.max(PRESENCE_COALESCE_MS.saturating_sub(since_ms));
        looks.put(&Look { user: user.clone(), check_at: Timestamp::default() }, delay_ms).await
    };
    if let Err(error) = queued.await {
        info!(%error, %user, "nobody is told whether the user is there");
    }
}

/// What a batch of looks has come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Looked {
    /// Users whose state has changed.
    pub changed: usize,
    /// Frames that were posted.
    pub frames: usize,
}

/// Looks at users, and tells those who watch of what has changed: each device of all of it in one frame.
pub async fn look(ports: WatchPorts<'_>, looks: &[Look]) -> Result<Looked, Unavailable> {
    let mut users: BTreeMap<&UserId, bool> = BTreeMap::new();
    for look in looks {
        let is_due = look.check_at == Timestamp::default() || is_current(ports, look).await?;
        *users.entry(&look.user).or_default() |= is_due;
    }
    let mut news: BTreeMap<Sender, (Session, Vec<(UserId, Presence)>)> = BTreeMap::new();
    let mut looked = Looked::default();
    for (user, is_due) in users {
        if !is_due {
            continue;
        }
        let Some(presence) = look_at(ports, user).await? else { continue };
        looked.changed += 1;
        for session in told_of(ports, user).await? {
            let entry = news.entry(session.owner.clone()).or_insert_with(|| (session, Vec::new()));
            entry.1.push((user.clone(), presence));
        }
    }
    let posts = news.into_values().map(|(session, users)| async move {
        let watched: Vec<UserId> = users.iter().map(|(user, _)| user.clone()).collect();
        let post = ports.gateway.post(&session, &Notice::Presence(users)).await?;
        if post == Post::Gone {
            unwatch(ports, &session.owner, &watched).await?;
        }
        Ok::<_, Unavailable>(())
    });
    let posted = join_all(posts).await;
    looked.frames = posted.len();
    // One who cannot be told now hears of it when they ask again.
    if let Some(error) = posted.into_iter().find_map(Result::err) {
        info!(%error, "somebody was not told");
    }
    Ok(looked)
}

/// Whether it is the look that was last said to be made then: of several only one goes on.
async fn is_current(ports: WatchPorts<'_>, look: &Look) -> Result<bool, Unavailable> {
    let told = ports.watches.told(&look.user).await?;
    Ok(told.is_online && told.check_at == look.check_at)
}

/// How a user is, where that is another than what was last said.
async fn look_at(ports: WatchPorts<'_>, user: &UserId) -> Result<Option<Presence>, Unavailable> {
    let now = ports.presence.clock.now();
    let (told, presence) = (ports.watches.told(user).await?, presence_now(ports.presence, user).await?);
    let is_online = presence.state == State::Online;
    let is_watched = is_online && !ports.watches.watchers(user, 0, 1).await?.is_empty();
    let check_at = if is_watched { queue_check(ports, user, now).await? } else { Timestamp::default() };
    let is_change = told.is_online != is_online;
    let at = if is_change { now } else { told.at };
    ports.watches.note_told(user, &Told { is_online, at, check_at }).await?;
    Ok(is_change.then_some(presence))
}

/// Queues a look for when the last session of a user would end.
async fn queue_check(ports: WatchPorts<'_>, user: &UserId, now: Timestamp) -> Result<Timestamp, Unavailable> {
    let sessions = live_sessions(ports.presence.sessions, std::slice::from_ref(user), now).await?;
    let ends_at = sessions.iter().map(|session| session.expires_at).max().unwrap_or(now);
    let check_at = ends_at.plus_ms(PRESENCE_THRESHOLD_MS);
    ports.looks.put(&Look { user: user.clone(), check_at }, check_at.ms_since(now)).await?;
    Ok(check_at)
}

/// Who is told of a user now: of those who watch as many as are told at once, in turns, as far as they may know still.
async fn told_of(ports: WatchPorts<'_>, user: &UserId) -> Result<Vec<Session>, Unavailable> {
    let clock = ports.presence.clock;
    let from = u32::try_from(clock.random_below(1 << 32)).unwrap_or_default();
    let mut watchers = ports.watches.watchers(user, from, PRESENCE_TOLD_MAX).await?;
    if watchers.len() < PRESENCE_TOLD_MAX && from > 0 {
        let rest = ports.watches.watchers(user, 0, PRESENCE_TOLD_MAX - watchers.len()).await?;
        watchers.extend(rest.into_iter().take_while(|watcher| watcher.session.place() < from));
    }
    let now = clock.now();
    watchers.retain(|watcher| watcher.session.is_live(now));
    let watchers = still_in_the_group(ports, user, watchers).await?;
    let pairs: BTreeSet<Pair> =
        watchers.iter().map(|watcher| (user.clone(), watcher.session.owner.user.clone())).collect();
    let privacy = PrivacyPorts { rules: ports.presence.rules, conversations: ports.presence.conversations };
    let hidden = hidden_presence(privacy, &pairs).await?;
    let is_shown = |session: &Session| !hidden.contains(&(user.clone(), session.owner.user.clone()));
    Ok(watchers.into_iter().map(|watcher| watcher.session).filter(is_shown).collect())
}

/// Those who know the user by a group in which both are still.
async fn still_in_the_group(
    ports: WatchPorts<'_>,
    user: &UserId,
    watchers: Vec<Watcher>,
) -> Result<Vec<Watcher>, Unavailable> {
    let mut asked: BTreeMap<&ConversationId, BTreeSet<UserId>> = BTreeMap::new();
    for watcher in &watchers {
        if let Some(group) = &watcher.via {
            let users = asked.entry(group).or_insert_with(|| BTreeSet::from([user.clone()]));
            users.insert(watcher.session.owner.user.clone());
        }
    }
    let reads = asked.into_iter().map(|(group, users)| async move {
        let users: Vec<UserId> = users.into_iter().collect();
        let view = ports.presence.conversations.group(group, &users).await?;
        let members: BTreeSet<UserId> = view.members.into_iter().map(|member| member.user).collect();
        Ok::<_, Unavailable>((group.clone(), members))
    });
    let members: BTreeMap<ConversationId, BTreeSet<UserId>> = try_join_all(reads).await?.into_iter().collect();
    let is_in = |watcher: &Watcher| match &watcher.via {
        None => true,
        Some(group) => members
            .get(group)
            .is_some_and(|members| members.contains(user) && members.contains(&watcher.session.owner.user)),
    };
    Ok(watchers.into_iter().filter(is_in).collect())
}
