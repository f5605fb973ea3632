//! Who is in a group: every change is an event of the log, applied together with the rows that it
//! changes, on the condition that the next place of the log is free.
//!
//! So members agree on who was in at each sequence: an entry at a later place was checked against
//! the rows as this event left them, or its own append fails.

use std::collections::BTreeSet;

use thiserror::Error;

use crate::{
    conversation::{Member, PULLED_BUCKET, activity_bucket},
    group::{Action, AvatarChange, Change, Group, GroupSettings, MembershipEvent, Role, Rule, SettingsPatch, permit},
    ids::{ClientMsgId, ConversationId, MediaHandle, Sender, Sequence, Timestamp, UserId},
    invites::{Door, Entrance, InviteSecret, entering},
    limits::{
        APPEND_ATTEMPTS_MAX, GROUP_CHANGE_MEMBERS_MAX, GROUP_SETTLE_MS, INVITES_MAX, MEMBERS_PAGE_MAX,
        ROSTER_MEMBERS_MAX, TAIL_ROWS,
    },
    log::{Content, ContentKind, ConversationState, Entry, EventKind, Tail},
    media::{Claims, claim_avatar},
    ports::{Append, Bus, Clock, Consistency, Conversations, Invites, Log, Unavailable},
    send::{Refusal, backoff_ms, publish},
};

/// What membership needs of the world.
#[derive(Clone, Copy)]
pub struct GroupPorts<'a> {
    /// The log.
    pub log: &'a dyn Log,
    /// Groups and members.
    pub conversations: &'a dyn Conversations,
    /// Ways into groups.
    pub invites: &'a dyn Invites,
    /// Claims on the content of pictures.
    pub media: &'a dyn Claims,
    /// The stream.
    pub bus: &'a dyn Bus,
    /// Time and chance.
    pub clock: &'a dyn Clock,
    /// Members from which on a group is pulled.
    pub push_members_max: usize,
}

/// What is to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Takes users in.
    Add(Vec<UserId>),
    /// Comes in by an invite.
    Join(InviteSecret),
    /// Takes in one who has asked.
    Admit(UserId),
    /// Takes a member out.
    Remove(UserId),
    /// Goes.
    Leave,
    /// Gives a member another role; the owner's role is handed over.
    SetRole(UserId, Role),
    /// Changes the settings.
    Configure(SettingsPatch),
    /// Ends the group.
    Dissolve,
}

/// Rows of a group that a change is decided on, strongly consistent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupView {
    /// The group; none where there is none.
    pub group: Option<Group>,
    /// The sequence of the last membership event.
    pub version: Sequence,
    /// The rows of the users that were asked for, of those who are members.
    pub members: Vec<Member>,
}

impl GroupView {
    fn member(&self, user: &UserId) -> Option<&Member> {
        self.members.iter().find(|m| m.user == *user)
    }
}

/// A change, applied whole or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupChange {
    /// The event. Nothing may stand at its place.
    pub entry: Entry,
    /// The version that was decided on; zero makes the group.
    pub expected_version: Sequence,
    /// The group as it is from now on.
    pub group: Group,
    /// Whose role the decision rests on, beside those that change: it must still be the same.
    pub actor: Option<(UserId, Role)>,
    /// New rows. There may be none yet.
    pub added: Vec<Member>,
    /// How the one who is new came in, if not by a member's own doing.
    pub entrance: Option<Entrance>,
    /// Rows that go, with their users' requests to join. They must be there.
    pub removed: Vec<UserId>,
    /// Rows that change from one role to another.
    pub roles: Vec<(UserId, Role, Role)>,
}

impl GroupChange {
    /// Whether those who go cannot come back by an invite.
    pub fn bars(&self) -> bool {
        self.entry.membership.as_ref().is_some_and(|event| event.change == Change::Removed)
    }
}

/// Why a group is not changed.
#[derive(Debug, Error)]
pub enum GroupError {
    /// There is none, or the user is not in it: which of the two is not told.
    #[error("not a member of {0}")]
    NotAMember(ConversationId),
    /// The user who is to be changed is not in it.
    #[error("{0} is not a member")]
    NoSuchMember(UserId),
    /// There is no such way in, or none that is the user's to see.
    #[error("there is no such invite")]
    NoSuchInvite,
    /// A group has so many ways in.
    #[error("a group has at most {INVITES_MAX} invites; revoke one")]
    TooManyInvites,
    /// Nobody of that name asks to be let in.
    #[error("{0} has not asked to join")]
    NoSuchRequest(UserId),
    /// The id is taken.
    #[error("there is a group {0} already")]
    Exists(ConversationId),
    /// A rule forbids it.
    #[error(transparent)]
    Forbidden(#[from] Rule),
    /// What is to be its picture cannot be.
    #[error("{0}")]
    Avatar(Refusal),
    /// Too many at once.
    #[error("at most {GROUP_CHANGE_MEMBERS_MAX} members at once")]
    TooManyAtOnce,
    /// Too many writers at once.
    #[error("lost {APPEND_ATTEMPTS_MAX} races for the next sequence")]
    Contended,
    /// The world did not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Makes a group. Made before by the same user, it is returned as it is.
pub async fn create(
    ports: GroupPorts<'_>,
    actor: &Sender,
    conversation: &ConversationId,
    settings: GroupSettings,
    members: Vec<UserId>,
) -> Result<Group, GroupError> {
    if let Some(group) = found_or_taken(ports, actor, conversation).await? {
        return Ok(group);
    }
    // Content is of a conversation, and this one is not there yet.
    if settings.avatar.is_some() {
        return Err(GroupError::Avatar(Refusal::NoSuchMedia));
    }
    let others: BTreeSet<UserId> = members.into_iter().filter(|user| *user != actor.user).collect();
    if others.len() >= GROUP_CHANGE_MEMBERS_MAX {
        return Err(GroupError::TooManyAtOnce);
    }
    let now = ports.clock.now();
    let (first, member_count) = (Sequence::ZERO.next(), 1 + others.len() as u64);
    let users: Vec<UserId> = std::iter::once(actor.user.clone()).chain(others.iter().cloned()).collect();
    let roster = (member_count <= ROSTER_MEMBERS_MAX).then(|| users.iter().cloned().collect());
    let event = MembershipEvent { title: Some(settings.title.clone()), ..event(Change::Created, users) };
    let is_pulled = Group::is_pulled_at(member_count, false, ports.push_members_max as u64);
    let owner = Member { role: Role::Owner, ..joining(actor.user.clone(), first, now, is_pulled) };
    let added = std::iter::once(owner).chain(others.into_iter().map(|user| joining(user, first, now, is_pulled)));
    let group = Group {
        settings,
        owner: actor.user.clone(),
        member_count,
        roster,
        avatar_since: None,
        pulled_since: is_pulled.then_some(first),
        is_dissolved: false,
        created_at: now,
        changed_at: now,
    };
    let change = GroupChange {
        entry: entry(conversation, actor, first, ConversationState::default(), event, now),
        expected_version: Sequence::ZERO,
        group: group.clone(),
        actor: None,
        added: added.collect(),
        entrance: None,
        removed: Vec::new(),
        roles: Vec::new(),
    };
    match ports.conversations.change_group(&change).await {
        Ok(Append::Done) => {
            publish(ports.bus, ports.clock, vec![change.entry], Vec::new()).await;
            Ok(group)
        }
        // Another of the same name, or our own whose answer was lost.
        Ok(Append::Taken) => found_or_taken(ports, actor, conversation).await?.ok_or(GroupError::Contended),
        Err(error) => found_or_taken(ports, actor, conversation).await?.ok_or(error.into()),
    }
}

async fn found_or_taken(
    ports: GroupPorts<'_>,
    actor: &Sender,
    conversation: &ConversationId,
) -> Result<Option<Group>, GroupError> {
    let view = ports.conversations.group(conversation, std::slice::from_ref(&actor.user)).await?;
    let is_own = view.member(&actor.user).is_some_and(|m| m.joined_at == Sequence::ZERO.next());
    match view.group {
        Some(group) if is_own => Ok(Some(group)),
        Some(_) => Err(GroupError::Exists(conversation.clone())),
        None => Ok(None),
    }
}

/// Changes a group. What is so already is no error, and makes no event.
pub async fn change(
    ports: GroupPorts<'_>,
    actor: &Sender,
    conversation: &ConversationId,
    command: &Command,
) -> Result<Group, GroupError> {
    let entering = entering(ports, conversation, &actor.user, command).await?;
    let mut users = concerned(&actor.user, command);
    users.extend(entering.iter().filter_map(|entering| entering.maker.clone()));
    if users.len() > GROUP_CHANGE_MEMBERS_MAX {
        return Err(GroupError::TooManyAtOnce);
    }
    let users: Vec<UserId> = users.into_iter().collect();
    let mut unanswered = None;
    for attempt in 0..APPEND_ATTEMPTS_MAX {
        let view = ports.conversations.group(conversation, &users).await?;
        let group = view.group.clone().ok_or_else(|| GroupError::NotAMember(conversation.clone()))?;
        // Read after the members, so not older: what is later than both, the change itself asks.
        let door = match &entering {
            Some(entering) => ports.invites.door(conversation, &entering.user, entering.secret.as_ref()).await?,
            None => Door::default(),
        };
        let ground = Ground { conversation, actor, view: &view, group: &group, door: &door, now: ports.clock.now() };
        let Some(plan) = ground.plan(command)? else { return Ok(group) };
        if let Some(error) = unanswered {
            return Err(error);
        }
        let tail = ports.log.read_tail(conversation, view.version, TAIL_ROWS).await?;
        if tail.state().membership_version == view.version {
            let roster = ground.roster_after(ports.conversations, &plan.1).await?;
            let change = ground.change_after(&tail, plan, roster, ports.push_members_max as u64);
            // Before the event, so that the content of the picture that it tells of is there; in the name of the
            // event's place, so that a claim is let go of only by what came after it.
            claim_avatar(ports.media, &change.entry).await?.map_err(GroupError::Avatar)?;
            match ports.conversations.change_group(&change).await {
                Ok(Append::Done) => {
                    publish(ports.bus, ports.clock, vec![change.entry], Vec::new()).await;
                    return Ok(change.group);
                }
                Ok(Append::Taken) => {}
                // Done or not: the rows tell. Published or not: the repair lane sees to it.
                Err(error) => unanswered = Some(error.into()),
            }
        }
        ports.clock.sleep_ms(ports.clock.random_below(backoff_ms(attempt))).await;
    }
    Err(GroupError::Contended)
}

/// Whose rows a command is decided on.
fn concerned(actor: &UserId, command: &Command) -> BTreeSet<UserId> {
    let mut users = BTreeSet::from([actor.clone()]);
    match command {
        Command::Add(added) => users.extend(added.iter().cloned()),
        Command::Admit(user) | Command::Remove(user) | Command::SetRole(user, _) => {
            users.insert(user.clone());
        }
        Command::Join(_) | Command::Leave | Command::Configure(_) | Command::Dissolve => {}
    }
    users
}

/// What a command comes to.
#[derive(Default)]
struct Plan {
    added: Vec<UserId>,
    entrance: Option<Entrance>,
    removed: Vec<UserId>,
    roles: Vec<(UserId, Role, Role)>,
    settings: Option<GroupSettings>,
    owner: Option<UserId>,
    dissolves: bool,
}

/// What a change is decided on.
struct Ground<'a> {
    conversation: &'a ConversationId,
    actor: &'a Sender,
    view: &'a GroupView,
    group: &'a Group,
    /// What stands at the door for who comes in.
    door: &'a Door,
    now: Timestamp,
}

impl Ground<'_> {
    /// What the command comes to, and the event that tells of it; none where all is so already.
    fn plan(&self, command: &Command) -> Result<Option<(MembershipEvent, Plan)>, GroupError> {
        let own = self.view.member(&self.actor.user);
        if let Command::Join(secret) = command {
            return if own.is_some() { Ok(None) } else { self.plan_join(secret) };
        }
        let Some(own) = own else {
            // Who has left need not leave.
            return if *command == Command::Leave { Ok(None) } else { Err(self.not_a_member()) };
        };
        let may = |action| permit(self.group, own.role, action);
        Ok(match command {
            Command::Add(users) => {
                may(Action::Add)?;
                let added: Vec<UserId> = users.iter().filter(|u| self.view.member(u).is_none()).cloned().collect();
                let added: Vec<UserId> = added.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
                let plan = Plan { added: added.clone(), ..Plan::default() };
                (!added.is_empty()).then(|| (event(Change::Added, added), plan))
            }
            // One who is not in, as was seen above.
            Command::Join(_) => None,
            Command::Admit(user) => {
                may(Action::Add)?;
                self.plan_admission(user)?
            }
            Command::Remove(user) if *user == self.actor.user => self.plan_leave(own)?,
            Command::Leave => self.plan_leave(own)?,
            Command::Remove(user) => {
                let member = self.view.member(user);
                may(Action::Remove(member.map(|m| m.role).unwrap_or_default()))?;
                let plan = Plan { removed: vec![user.clone()], ..Plan::default() };
                member.map(|_| (event(Change::Removed, vec![user.clone()]), plan))
            }
            Command::SetRole(user, role) => self.plan_role(own, user, *role)?,
            Command::Configure(patch) => {
                may(Action::Configure)?;
                if patch.avatar.iter().flatten().any(|handle| MediaHandle::parse(handle).is_err()) {
                    return Err(GroupError::Avatar(Refusal::NoSuchMedia));
                }
                let settings = patch.clone().applied_to(&self.group.settings);
                let is_renamed = settings.title != self.group.settings.title;
                let change = if is_renamed { Change::Renamed } else { Change::Configured };
                let title = is_renamed.then(|| settings.title.clone());
                let event = MembershipEvent { title, ..event(change, vec![self.actor.user.clone()]) };
                let is_new = settings != self.group.settings;
                is_new.then(|| (event, Plan { settings: Some(settings), ..Plan::default() }))
            }
            Command::Dissolve if self.group.is_dissolved => None,
            Command::Dissolve => {
                may(Action::Dissolve)?;
                let event = event(Change::Dissolved, vec![self.actor.user.clone()]);
                Some((event, Plan { dissolves: true, ..Plan::default() }))
            }
        })
    }

    fn plan_join(&self, secret: &InviteSecret) -> Result<Option<(MembershipEvent, Plan)>, GroupError> {
        if self.door.open(self.group, self.view, self.now)?.needs_approval {
            return Err(Rule::InviteNeedsApproval.into());
        }
        let users = vec![self.actor.user.clone()];
        let entrance = Some(Entrance::Invite(secret.clone()));
        Ok(Some((event(Change::Joined, users.clone()), Plan { added: users, entrance, ..Plan::default() })))
    }

    /// Who was let in already is, whether or not they had asked.
    fn plan_admission(&self, user: &UserId) -> Result<Option<(MembershipEvent, Plan)>, GroupError> {
        if self.view.member(user).is_some() {
            return Ok(None);
        }
        if self.door.request.is_none() {
            return Err(GroupError::NoSuchRequest(user.clone()));
        }
        let invite = self.door.invite.as_ref().map(|invite| invite.secret.clone());
        let (users, entrance) = (vec![user.clone()], Some(Entrance::Request(invite)));
        Ok(Some((event(Change::Joined, users.clone()), Plan { added: users, entrance, ..Plan::default() })))
    }

    /// The last to go ends the group.
    fn plan_leave(&self, own: &Member) -> Result<Option<(MembershipEvent, Plan)>, GroupError> {
        permit(self.group, own.role, Action::Leave)?;
        let dissolves = self.group.member_count <= 1;
        let plan = Plan { removed: vec![own.user.clone()], dissolves, ..Plan::default() };
        Ok(Some((event(Change::Left, vec![own.user.clone()]), plan)))
    }

    fn plan_role(
        &self,
        own: &Member,
        user: &UserId,
        role: Role,
    ) -> Result<Option<(MembershipEvent, Plan)>, GroupError> {
        let Some(member) = self.view.member(user) else {
            permit(self.group, own.role, Action::SetRole(Role::Member, role))?;
            return Err(GroupError::NoSuchMember(user.clone()));
        };
        if member.role == role {
            return Ok(None);
        }
        permit(self.group, own.role, Action::SetRole(member.role, role))?;
        let change = if role > member.role { Change::Promoted } else { Change::Demoted };
        let event = MembershipEvent { role: Some(role), ..event(change, vec![user.clone()]) };
        let mut plan = Plan { roles: vec![(user.clone(), member.role, role)], ..Plan::default() };
        if role == Role::Owner {
            plan.roles.push((own.user.clone(), Role::Owner, Role::Admin));
            plan.owner = Some(user.clone());
        }
        Ok(Some((event, plan)))
    }

    fn member_count_after(&self, plan: &Plan) -> u64 {
        (self.group.member_count + plan.added.len() as u64).saturating_sub(plan.removed.len() as u64)
    }

    /// Who is in the group after a plan, if they are few. What is read here counts only if the group
    /// is still of the version that the plan is for, which the change itself asks.
    async fn roster_after(
        &self,
        conversations: &dyn Conversations,
        plan: &Plan,
    ) -> Result<Option<BTreeSet<UserId>>, Unavailable> {
        if self.member_count_after(plan) > ROSTER_MEMBERS_MAX {
            return Ok(None);
        }
        let mut roster = match &self.group.roster {
            Some(roster) => roster.clone(),
            // Rows may still be seen as they were before the last change. A later one will name the members.
            None if self.now.ms_since(self.group.changed_at) < GROUP_SETTLE_MS => return Ok(None),
            None => {
                let members = conversations.members(self.conversation, Consistency::Strong).await?;
                members.rows.into_iter().map(|member| member.user).collect()
            }
        };
        roster.extend(plan.added.iter().cloned());
        roster.retain(|user| !plan.removed.contains(user));
        Ok(Some(roster))
    }

    /// The change that a plan is after a tail.
    fn change_after(
        &self,
        tail: &Tail,
        (mut event, plan): (MembershipEvent, Plan),
        roster: Option<BTreeSet<UserId>>,
        push_members_max: u64,
    ) -> GroupChange {
        let (place, now) = (tail.sequence().next(), self.now);
        let member_count = self.member_count_after(&plan);
        let is_pulled = Group::is_pulled_at(member_count, self.group.is_pulled(), push_members_max);
        let is_changed = |user: &UserId| plan.removed.contains(user) || plan.roles.iter().any(|(u, ..)| u == user);
        let mut settings = plan.settings.unwrap_or_else(|| self.group.settings.clone());
        if plan.dissolves {
            settings.avatar = None;
        }
        event.avatar = AvatarChange::between(self.group, &settings);
        let avatar_since = match &event.avatar {
            Some(change) => change.set.map(|_| place),
            None => self.group.avatar_since.filter(|_| settings.avatar.is_some()),
        };
        // Who comes in has not agreed yet.
        let state =
            ConversationState { indexes_text: tail.state().indexes_text && plan.added.is_empty(), ..tail.state() };
        let resting_on = self.view.member(&self.actor.user).filter(|m| !is_changed(&m.user));
        GroupChange {
            entry: entry(self.conversation, self.actor, place, state, event, now),
            expected_version: self.view.version,
            actor: resting_on.map(|m| (m.user.clone(), m.role)),
            added: plan.added.into_iter().map(|user| joining(user, place, now, is_pulled)).collect(),
            group: Group {
                settings,
                owner: plan.owner.unwrap_or_else(|| self.group.owner.clone()),
                member_count,
                roster,
                avatar_since,
                pulled_since: is_pulled.then(|| self.group.pulled_since.unwrap_or(place)),
                is_dissolved: self.group.is_dissolved || plan.dissolves,
                created_at: self.group.created_at,
                changed_at: now,
            },
            entrance: plan.entrance,
            removed: plan.removed,
            roles: plan.roles,
        }
    }

    fn not_a_member(&self) -> GroupError {
        GroupError::NotAMember(self.conversation.clone())
    }
}

fn event(change: Change, users: Vec<UserId>) -> MembershipEvent {
    MembershipEvent { change, users, role: None, title: None, avatar: None }
}

/// The row of somebody who is in from a place on. What came before counts as read.
fn joining(user: UserId, place: Sequence, now: Timestamp, is_pulled: bool) -> Member {
    Member {
        joined_at: place,
        last_sequence: place,
        last_ts: now,
        active_at: if is_pulled { PULLED_BUCKET } else { activity_bucket(now) },
        delivered_up_to: place.previous(),
        read_up_to: place.previous(),
        ..Member::new(user)
    }
}

/// The log's entry of a change. One actor makes one change of each version at most, so the version
/// names it.
fn entry(
    conversation: &ConversationId,
    actor: &Sender,
    place: Sequence,
    state: ConversationState,
    event: MembershipEvent,
    now: Timestamp,
) -> Entry {
    Entry {
        conversation: conversation.clone(),
        sequence: place,
        sender: actor.clone(),
        client_msg_id: ClientMsgId::of_change(state.membership_version),
        ts: now,
        event: EventKind::Membership,
        target: None,
        content: Content { kind: ContentKind::System, ..Content::empty(now) },
        membership: Some(Box::new(event)),
        erased: None,
        state: ConversationState { membership_version: place, ..state },
    }
}

/// Members by name, a page at a time, for members.
pub async fn members_page(
    ports: GroupPorts<'_>,
    user: &UserId,
    conversation: &ConversationId,
    after: Option<&UserId>,
    limit: usize,
) -> Result<(Vec<Member>, bool), GroupError> {
    group_of(ports, user, conversation).await?;
    let limit = limit.clamp(1, MEMBERS_PAGE_MAX);
    let mut members = ports.conversations.members_after(conversation, after, limit + 1).await?;
    let has_more = members.len() > limit;
    members.truncate(limit);
    Ok((members, has_more))
}

/// The group and the user's row in it, for members.
pub async fn group_of(
    ports: GroupPorts<'_>,
    user: &UserId,
    conversation: &ConversationId,
) -> Result<(Group, Member), GroupError> {
    let view = ports.conversations.group(conversation, std::slice::from_ref(user)).await?;
    let member = view.members.into_iter().find(|m| m.user == *user);
    view.group.zip(member).ok_or_else(|| GroupError::NotAMember(conversation.clone()))
}
