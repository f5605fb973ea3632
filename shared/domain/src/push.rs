//! Pushes: which device is told of which message while its user is away, and when it is not.
//!
//! The durable lane queues a push for who has no live socket. Some seconds later, when an
//! acknowledgement would have come, the notifier looks at everything as it is then ([`decide`]) and sends it.
//! A push says that there is something in a conversation, and never what.

use std::{collections::BTreeMap, sync::Arc};

use futures_util::future::{join_all, try_join, try_join_all};

use crate::{
    conversation::{Member, Standing},
    devices::{PushService, forget},
    ids::{ConversationId, DeviceId, MessageId, Sequence, Timestamp, UserId},
    limits::{
        PUSH_DEVICES_MAX, PUSH_LIFE_MS, PUSH_LOOKBACK_ROWS, PUSH_RETRY_SECONDS_MAX, WAKE_EVERY_MS, WAKE_TTL_SECONDS,
    },
    log::{ContentKind, Entry},
    ports::{
        Clock, Consistency, Conversations, DeviceRegistry, Devices, Log, PushMarks, PushProvider, Rules, Unavailable,
    },
    quiet::UserSettings,
    session::Device,
    signals::{Stage, stage},
    sync::unread_total,
};

/// A push that waits to be sent.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PushJob {
    /// The conversation.
    pub conversation: ConversationId,
    /// Whom to tell.
    pub user: UserId,
    /// Of which entry.
    pub sequence: Sequence,
}

/// How urgent a push is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// As the device finds it convenient.
    Normal,
    /// At once.
    High,
}

/// What a device is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Push {
    /// Something to show.
    Alert(Box<Alert>),
    /// Nothing to show: the app is to fetch what is new.
    Wake {
        /// How long the service may keep it, in seconds.
        ttl_seconds: u64,
    },
}

/// Something to show: that there is a message, and where. The app fetches the rest, and decrypts it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// The conversation.
    pub conversation: ConversationId,
    /// What to call it: a group's title, or who writes in a direct one.
    pub label: Arc<str>,
    /// The entry.
    pub sequence: Sequence,
    /// Its name.
    pub message: MessageId,
    /// The user is mentioned.
    pub is_mention: bool,
    /// How urgent it is.
    pub priority: Priority,
    /// How many messages the user has not read.
    pub badge: u64,
    /// A later one of the same key takes the place of an earlier one: 32 hexadecimal digits.
    pub collapse_key: Arc<str>,
    /// How long the service may keep it, in seconds.
    pub ttl_seconds: u64,
}

/// What became of a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    /// The service has taken it.
    Taken,
    /// The service sends nothing to this endpoint any more, or knows of none.
    Gone,
    /// The service will never take this push.
    Refused,
}

/// What was queued and sent of the pushes of a conversation to a user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// The latest entry that a push was queued about, of those that mention nobody.
    pub queued: Sequence,
    /// The latest entry that a push was queued about as a mention.
    pub mentioned: Sequence,
    /// The latest entry that each device was sent a push about.
    pub sent: BTreeMap<DeviceId, Sequence>,
}

impl Marks {
    /// Whether a push that is queued as well will tell more than this one. One that breaks through
    /// mute gives way to another such alone.
    pub fn supersede(&self, sequence: Sequence, is_mention: bool) -> bool {
        self.mentioned > sequence || (!is_mention && self.queued > sequence)
    }

    /// Whether a device has been told of this entry or a later one.
    pub fn was_sent(&self, device: &DeviceId, sequence: Sequence) -> bool {
        self.sent.get(device).is_some_and(|sent| *sent >= sequence)
    }
}

/// Why a push is not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dropped {
    /// There is nothing to tell of: it was deleted, has expired, or is no message of another's.
    NoMessage,
    /// A device of the user's has it.
    Acknowledged,
    /// The user is not in the conversation, or was not yet.
    NotAMember,
    /// The user has blocked who sent it.
    Blocked,
    /// A stranger has sent it, and the user does not want to be told of those.
    Request,
    /// The conversation is muted, and the user not mentioned.
    Muted,
    /// The user is not to be disturbed.
    Quiet,
    /// It is too old to be worth a push.
    Late,
    /// The user has no device that pushes go to.
    NoDevice,
    /// A later one of the same conversation is queued.
    Superseded,
    /// All devices were told before.
    Repeated,
    /// The service has refused it, or knows the endpoints no more.
    Undeliverable,
}

impl Dropped {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::NoMessage,
        Self::Acknowledged,
        Self::NotAMember,
        Self::Blocked,
        Self::Request,
        Self::Muted,
        Self::Quiet,
        Self::Late,
        Self::NoDevice,
        Self::Superseded,
        Self::Repeated,
        Self::Undeliverable,
    ];

    /// What metrics call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::NoMessage => "noMessage",
            Self::Acknowledged => "acknowledged",
            Self::NotAMember => "notAMember",
            Self::Blocked => "blocked",
            Self::Request => "request",
            Self::Muted => "muted",
            Self::Quiet => "quiet",
            Self::Late => "late",
            Self::NoDevice => "noDevice",
            Self::Superseded => "superseded",
            Self::Repeated => "repeated",
            Self::Undeliverable => "undeliverable",
        }
    }
}

/// What a push is decided by.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Whom to tell.
    pub user: &'a UserId,
    /// Of what.
    pub entry: &'a Entry,
    /// The user's row in the conversation.
    pub member: Option<&'a Member>,
    /// What the user has set for all conversations.
    pub settings: &'a UserSettings,
    /// The user has blocked who sent it.
    pub is_blocked: bool,
    /// The time now.
    pub now: Timestamp,
}

/// What is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is shown, so urgently.
    Show(Priority),
    /// It is not shown, but the app may fetch it.
    Wake(Dropped),
    /// Nothing is sent.
    Drop(Dropped),
}

/// Decides a push. Not to be disturbed is said of everything; muted is a conversation, and a mention
/// breaks through it.
pub fn decide(facts: Facts<'_>) -> Verdict {
    let Facts { user, entry, member, settings, is_blocked, now } = facts;
    let is_direct = match entry.conversation.direct_members() {
        Some(members) if !members.contains(user) => return Verdict::Drop(Dropped::NotAMember),
        Some(_) => true,
        None if member.is_none_or(|member| entry.sequence < member.joined_at) => {
            return Verdict::Drop(Dropped::NotAMember);
        }
        None => false,
    };
    if !is_worth_a_push(entry, user, now) {
        return Verdict::Drop(Dropped::NoMessage);
    }
    if member.is_some_and(|member| member.delivered_up_to.max(member.read_up_to) >= entry.sequence) {
        return Verdict::Drop(Dropped::Acknowledged);
    }
    if now.ms_since(entry.ts) >= PUSH_LIFE_MS {
        return Verdict::Drop(Dropped::Late);
    }
    if is_blocked {
        return Verdict::Drop(Dropped::Blocked);
    }
    if is_direct && settings.has_quiet_requests && !member.is_some_and(Member::has_accepted) {
        return Verdict::Drop(Dropped::Request);
    }
    if settings.is_quiet_at(now) {
        return Verdict::Wake(Dropped::Quiet);
    }
    let is_mention = entry.mentions(user);
    if member.is_some_and(|member| now < member.muted_until) && !is_mention {
        return Verdict::Wake(Dropped::Muted);
    }
    Verdict::Show(if is_mention || is_direct { Priority::High } else { Priority::Normal })
}

/// Whether a user may be told of an entry at all: a message of another's, with something to read.
pub(crate) fn is_worth_a_push(entry: &Entry, user: &UserId, now: Timestamp) -> bool {
    entry.sender.user != *user && entry.is_message_at(now) && entry.content.kind != ContentKind::System
}

/// The pushes of one batch to one user: about the last message of each sender, whom the user may have
/// blocked, and about the last that mentions the user, which breaks through mute.
pub(crate) fn jobs_for<'a>(
    conversation: &ConversationId,
    user: &UserId,
    entries: impl Iterator<Item = &'a Entry>,
    now: Timestamp,
) -> Vec<PushJob> {
    let mut last: BTreeMap<(&UserId, bool), Sequence> = BTreeMap::new();
    for entry in entries.filter(|entry| is_worth_a_push(entry, user, now)) {
        last.insert((&entry.sender.user, entry.mentions(user)), entry.sequence);
    }
    let job = |sequence| PushJob { conversation: conversation.clone(), user: user.clone(), sequence };
    last.into_values().map(job).collect()
}

/// How long a push that could not be sent waits, in seconds: full jitter below a bound that doubles
/// with each time that it was received, and never less than a second.
pub fn retry_after_seconds(clock: &dyn Clock, base_seconds: u64, received: u32) -> u64 {
    let bound = base_seconds.saturating_mul(1 << received.saturating_sub(1).min(16)).clamp(1, PUSH_RETRY_SECONDS_MAX);
    1 + clock.random_below(bound)
}

/// What the notifier needs of the world.
#[derive(Clone, Copy)]
pub struct PushPorts<'a> {
    /// The log.
    pub log: &'a dyn Log,
    /// Members.
    pub conversations: &'a dyn Conversations,
    /// Devices.
    pub devices: &'a dyn Devices,
    /// What they have registered.
    pub registry: &'a dyn DeviceRegistry,
    /// What users have ruled.
    pub rules: &'a dyn Rules,
    /// What was queued and sent.
    pub marks: &'a dyn PushMarks,
    /// Push services.
    pub provider: &'a dyn PushProvider,
    /// Time.
    pub clock: &'a dyn Clock,
}

/// What became of a queued push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notified {
    /// So many devices were sent it.
    Sent(usize),
    /// Nothing is shown, and so many devices were woken to fetch it.
    Woken(usize, Dropped),
    /// Nothing was sent.
    Dropped(Dropped),
}

/// Sends a queued push, or finds why not. May be repeated: a device that was told is not told again.
/// Where a service did not answer for a device, the others have been told, and it is to come again.
pub async fn notify(ports: PushPorts<'_>, job: &PushJob) -> Result<Notified, Unavailable> {
    let from = ports.clock.now();
    let read = (entry_of(ports, job), ports.conversations.standing(&job.conversation, &job.user));
    let (entry, standing) = try_join(read.0, read.1).await?;
    let Some(entry) = entry else { return Ok(Notified::Dropped(Dropped::NoMessage)) };
    let notified = notify_of(ports, job, &entry, &standing).await?;
    let note = match notified {
        Notified::Sent(devices) => format!("{devices} devices"),
        Notified::Woken(devices, reason) => format!("{devices} devices woken: {}", reason.name()),
        Notified::Dropped(reason) => format!("dropped: {}", reason.name()),
    };
    stage(entry.message_id(), entry.sequence, Stage::Pushed, from, ports.clock.now(), &note);
    Ok(notified)
}

async fn notify_of(
    ports: PushPorts<'_>,
    job: &PushJob,
    entry: &Entry,
    standing: &Standing,
) -> Result<Notified, Unavailable> {
    let user = &job.user;
    let (settings, is_blocked) = ports.rules.rules_for(user, &entry.sender.user).await?;
    let now = ports.clock.now();
    let member = standing.member.as_ref();
    let facts = Facts { user, entry, member, settings: &settings, is_blocked, now };
    let priority = match decide(facts) {
        Verdict::Drop(reason) => return Ok(Notified::Dropped(reason)),
        Verdict::Wake(reason) => return Ok(Notified::Woken(wake(ports, user, now).await?, reason)),
        Verdict::Show(priority) => priority,
    };
    let devices = pushed_devices(ports.devices, user).await?;
    if devices.is_empty() {
        return Ok(Notified::Dropped(Dropped::NoDevice));
    }
    let is_mention = entry.mentions(user);
    let marks = ports.marks.note_queued(user, &job.conversation, entry.sequence, is_mention).await?;
    if marks.supersede(entry.sequence, is_mention) {
        return Ok(Notified::Dropped(Dropped::Superseded));
    }
    let is_told = |device: &Device| marks.was_sent(&device.owner.device, entry.sequence);
    let devices: Vec<Device> = devices.into_iter().filter(|device| !is_told(device)).collect();
    if devices.is_empty() {
        return Ok(Notified::Dropped(Dropped::Repeated));
    }
    let badge = unread_total(ports.log, ports.conversations, user, now).await?;
    let push = Push::Alert(Box::new(alert(entry, standing, user, priority, badge.max(1), now)));
    send(ports, job, entry.sequence, &devices, &push).await
}

/// The entry that a job is about; where that is none to push about, which who may have missed something
/// is told of, the last such one shortly before it.
async fn entry_of(ports: PushPorts<'_>, job: &PushJob) -> Result<Option<Entry>, Unavailable> {
    let now = ports.clock.now();
    let found = ports.log.read_one(&job.conversation, job.sequence, Consistency::Strong).await?;
    match found {
        None => Ok(None),
        Some(entry) if is_worth_a_push(&entry, &job.user, now) => Ok(Some(entry)),
        Some(_) => {
            let rows = ports.log.read_before(&job.conversation, job.sequence, PUSH_LOOKBACK_ROWS).await?;
            Ok(rows.into_iter().rev().find(|entry| is_worth_a_push(entry, &job.user, now)))
        }
    }
}

async fn pushed_devices(devices: &dyn Devices, user: &UserId) -> Result<Vec<Device>, Unavailable> {
    let mut found = crate::devices::list(devices, user).await?;
    found.retain(|device| device.push.is_some());
    found.truncate(PUSH_DEVICES_MAX);
    Ok(found)
}

fn alert(entry: &Entry, standing: &Standing, user: &UserId, priority: Priority, badge: u64, now: Timestamp) -> Alert {
    let title = standing.group.as_ref().map(|group| group.settings.title.clone());
    let life_ends = entry.ts.plus_ms(PUSH_LIFE_MS).min(entry.expires_at().unwrap_or(Timestamp(u64::MAX)));
    Alert {
        conversation: entry.conversation.clone(),
        label: title.unwrap_or_else(|| entry.sender.user.as_str().into()),
        sequence: entry.sequence,
        message: entry.message_id(),
        is_mention: entry.mentions(user),
        priority,
        badge,
        collapse_key: entry.conversation.collapse_key(),
        ttl_seconds: (life_ends.ms_since(now) / 1000).max(1),
    }
}

async fn send(
    ports: PushPorts<'_>,
    job: &PushJob,
    sequence: Sequence,
    devices: &[Device],
    push: &Push,
) -> Result<Notified, Unavailable> {
    let sends = devices.iter().map(|device| publish(ports, device, push));
    let mut failure = None;
    let mut told = Vec::new();
    for (device, sent) in devices.iter().zip(join_all(sends).await) {
        match sent {
            Ok(Published::Taken) => told.push(device.owner.device.clone()),
            Ok(Published::Gone | Published::Refused) => {}
            Err(error) => failure = Some(error),
        }
    }
    if !told.is_empty() {
        ports.marks.note_sent(&job.user, &job.conversation, sequence, &told).await?;
    }
    match failure {
        Some(error) => Err(error),
        None if told.is_empty() => Ok(Notified::Dropped(Dropped::Undeliverable)),
        None => Ok(Notified::Sent(told.len())),
    }
}

/// Sends to one device; an endpoint that is gone is taken off the device, if it is still its own.
async fn publish(ports: PushPorts<'_>, device: &Device, push: &Push) -> Result<Published, Unavailable> {
    let Some(to) = &device.push else { return Ok(Published::Gone) };
    let published = ports.provider.publish(to, push).await?;
    if published == Published::Gone {
        forget(ports.registry, ports.provider, &device.owner, to).await?;
    }
    Ok(published)
}

/// Wakes the user's devices that were not woken lately. It is a favour: who cannot be woken fetches
/// everything when the app is opened. A browser shows every push, so it is not woken.
async fn wake(ports: PushPorts<'_>, user: &UserId, now: Timestamp) -> Result<usize, Unavailable> {
    let devices = pushed_devices(ports.devices, user).await?;
    let can_be_silent =
        |device: &&Device| device.push.as_ref().is_some_and(|push| push.address.service != PushService::WebPush);
    let push = Push::Wake { ttl_seconds: WAKE_TTL_SECONDS };
    let wakes = devices.iter().filter(can_be_silent).map(|device| async {
        if !ports.registry.note_wake(&device.owner, now.minus_ms(WAKE_EVERY_MS), now).await? {
            return Ok(false);
        }
        Ok::<_, Unavailable>(matches!(publish(ports, device, &push).await, Ok(Published::Taken)))
    });
    let woken = try_join_all(wakes).await?;
    Ok(woken.into_iter().filter(|is_woken| *is_woken).count())
}
