//! Invite links: a way into a group for whoever has the link, at once or once a member agrees.
//!
//! A link is worth what its maker may do: when they may add members no more, it lets nobody in. How
//! many it has let in is counted by the very transaction that lets one in, so it never lets in one
//! too many, however many come at once.

use std::{fmt, sync::Arc};

use crate::{
    group::{Action, Group, Role, Rule, permit},
    ids::{ConversationId, InvalidId, Sender, Timestamp, UserId},
    limits::{INVITE_SECRET_CHARS, INVITES_MAX, MEMBERS_PAGE_MAX},
    membership::{Command, GroupError, GroupPorts, GroupView, change, group_of},
    ports::{Conversations, Invites, Unavailable},
};

/// What a link has that nobody can guess; it names the invite, too. It is not shown in logs.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InviteSecret(Arc<str>);

impl InviteSecret {
    /// A secret of 22 characters of base64url.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        let is_good = text.len() == INVITE_SECRET_CHARS
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        if is_good { Ok(Self(text.into())) } else { Err(InvalidId { what: "inviteId", rule: "22 of [A-Za-z0-9_-]" }) }
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for InviteSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InviteSecret")
    }
}

/// What a link ends with: `SECRET.ID`, of the group `g:ID`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InviteToken {
    /// Names the invite.
    pub secret: InviteSecret,
    /// The group.
    pub group: ConversationId,
}

impl InviteToken {
    /// Reads a token.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        let parts = text
            .split_once('.')
            .map(|(secret, id)| (InviteSecret::parse(secret), ConversationId::parse(&format!("g:{id}"))));
        match parts {
            Some((Ok(secret), Ok(group))) => Ok(Self { secret, group }),
            _ => Err(InvalidId { what: "token", rule: "what an invite link ends with" }),
        }
    }
}

impl fmt::Display for InviteToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let group = self.group.to_string();
        write!(f, "{}.{}", self.secret.as_str(), group.strip_prefix("g:").unwrap_or(&group))
    }
}

/// A way into a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invite {
    /// Its name, and what opens it.
    pub secret: InviteSecret,
    /// Who made it.
    pub by: UserId,
    /// The maker's own name for it, if they gave one.
    pub client_id: Option<Arc<str>>,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it lets nobody in.
    pub expires_at: Option<Timestamp>,
    /// How many it lets in.
    pub uses_max: Option<u64>,
    /// How many it has let in.
    pub uses: u64,
    /// A member who may add others must agree to each.
    pub needs_approval: bool,
    /// It was taken back.
    pub is_revoked: bool,
}

/// Whether an invite lets anybody in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InviteState {
    /// It does.
    Live,
    /// Its time is over.
    Expired,
    /// It has let in as many as it may.
    UsedUp,
    /// It was taken back.
    Revoked,
}

impl Invite {
    /// Whether it lets anybody in at a time.
    pub fn state(&self, now: Timestamp) -> InviteState {
        if self.is_revoked {
            InviteState::Revoked
        } else if self.expires_at.is_some_and(|at| at <= now) {
            InviteState::Expired
        } else if self.uses_max.is_some_and(|max| self.uses >= max) {
            InviteState::UsedUp
        } else {
            InviteState::Live
        }
    }

    /// Whether it lets in somebody who is no member: the first rule that forbids it. `maker` is what
    /// its maker is in the group now.
    fn check(&self, group: &Group, maker: Option<Role>, is_barred: bool, now: Timestamp) -> Result<(), Rule> {
        if group.is_dissolved {
            return Err(Rule::Dissolved);
        }
        match self.state(now) {
            InviteState::Revoked => return Err(Rule::InviteRevoked),
            InviteState::Expired => return Err(Rule::InviteExpired),
            InviteState::UsedUp => return Err(Rule::InviteUsedUp),
            InviteState::Live => {}
        }
        let may_add = maker.is_some_and(|role| permit(group, role, Action::Add).is_ok());
        if !may_add {
            return Err(Rule::InviteRevoked);
        }
        if is_barred { Err(Rule::RemovedBefore) } else { Ok(()) }
    }
}

/// Somebody asks to be let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinRequest {
    /// Who.
    pub user: UserId,
    /// By which invite.
    pub secret: InviteSecret,
    /// When they first asked.
    pub asked_at: Timestamp,
}

/// What stands at a group's door for one user, strongly consistent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Door {
    /// The invite that was asked for.
    pub invite: Option<Invite>,
    /// The user's request.
    pub request: Option<JoinRequest>,
    /// The user was last taken out by another: only an admin or the like lets them in again.
    pub is_barred: bool,
}

impl Door {
    /// The invite, if it lets a user in who is no member.
    pub(crate) fn open(&self, group: &Group, view: &GroupView, now: Timestamp) -> Result<&Invite, GroupError> {
        let invite = self.invite.as_ref().ok_or(GroupError::NoSuchInvite)?;
        let maker = view.members.iter().find(|member| member.user == invite.by).map(|member| member.role);
        invite.check(group, maker, self.is_barred, now)?;
        Ok(invite)
    }
}

/// How a change lets somebody in, beside the member row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entrance {
    /// By an invite, which must be live and counts it.
    Invite(InviteSecret),
    /// By a request, which must be there and goes. The invite that it came by counts it, if there is one still.
    Request(Option<InviteSecret>),
}

/// What is asked of a new invite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InviteTerms {
    /// The maker's own name for it: the same again answers the same invite.
    pub client_id: Option<Arc<str>>,
    /// Its life, in seconds.
    pub life_seconds: Option<u64>,
    /// How many it lets in.
    pub uses_max: Option<u64>,
    /// A member who may add others must agree to each.
    pub needs_approval: bool,
}

/// Makes an invite of a secret that nobody can guess.
pub async fn make_invite(
    ports: GroupPorts<'_>,
    user: &UserId,
    conversation: &ConversationId,
    terms: InviteTerms,
    secret: InviteSecret,
) -> Result<Invite, GroupError> {
    may_add(ports, user, conversation).await?;
    let invites = ports.invites.invites(conversation).await?;
    let is_same = |invite: &&Invite| invite.by == *user && invite.client_id == terms.client_id;
    if let Some(made) = invites.iter().find(is_same).filter(|_| terms.client_id.is_some()) {
        return Ok(made.clone());
    }
    let now = ports.clock.now();
    if invites.len() >= INVITES_MAX {
        // One that lets nobody in makes place, the oldest first.
        let dead = invites.iter().filter(|invite| invite.state(now) != InviteState::Live);
        let oldest = dead.min_by_key(|invite| invite.created_at).ok_or(GroupError::TooManyInvites)?;
        ports.invites.forget_invite(conversation, &oldest.secret).await?;
    }
    let invite = Invite {
        secret,
        by: user.clone(),
        client_id: terms.client_id,
        created_at: now,
        expires_at: terms.life_seconds.map(|seconds| now.plus_ms(seconds.saturating_mul(1_000))),
        uses_max: terms.uses_max,
        uses: 0,
        needs_approval: terms.needs_approval,
        is_revoked: false,
    };
    ports.invites.put_invite(conversation, &invite).await?;
    Ok(invite)
}

/// The invites of a group, the latest first: for admins all, for other members who may add their own.
pub async fn invites(
    ports: GroupPorts<'_>,
    user: &UserId,
    conversation: &ConversationId,
) -> Result<Vec<Invite>, GroupError> {
    let role = may_add(ports, user, conversation).await?;
    let mut invites = ports.invites.invites(conversation).await?;
    invites.retain(|invite| role >= Role::Admin || invite.by == *user);
    invites.sort_by(|one, other| (other.created_at, &other.secret).cmp(&(one.created_at, &one.secret)));
    Ok(invites)
}

/// Takes an invite back: one's own, or an admin any. Taken back already, it stays so.
pub async fn revoke_invite(
    ports: GroupPorts<'_>,
    user: &UserId,
    conversation: &ConversationId,
    secret: &InviteSecret,
) -> Result<(), GroupError> {
    let (_, own) = group_of(ports, user, conversation).await?;
    let invite = ports.invites.door(conversation, user, Some(secret)).await?.invite;
    // Of others' invites a member is told no more than of none.
    let invite = invite.filter(|invite| own.role >= Role::Admin || invite.by == *user);
    let invite = invite.ok_or(GroupError::NoSuchInvite)?;
    if !invite.is_revoked && !ports.invites.revoke_invite(conversation, secret).await? {
        return Err(GroupError::NoSuchInvite);
    }
    Ok(())
}

/// How a user stands to a group that they have a link to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Admission {
    /// They are in it.
    Member,
    /// They have asked to be let in.
    Asked,
    /// Neither.
    Outside,
}

/// A group, as somebody with a link sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// The group.
    pub group: Group,
    /// Whether a member must agree.
    pub needs_approval: bool,
    /// How the user stands to it.
    pub admission: Admission,
}

/// What a link leads to. A member sees it whatever has become of the link.
pub async fn preview(ports: GroupPorts<'_>, user: &UserId, token: &InviteToken) -> Result<Preview, GroupError> {
    leads_to(ports.conversations, ports.invites, ports.clock.now(), user, token).await
}

/// See [`preview`].
pub(crate) async fn leads_to(
    conversations: &dyn Conversations,
    invites: &dyn Invites,
    now: Timestamp,
    user: &UserId,
    token: &InviteToken,
) -> Result<Preview, GroupError> {
    let door = invites.door(&token.group, user, Some(&token.secret)).await?;
    let invite = door.invite.as_ref().ok_or(GroupError::NoSuchInvite)?;
    let view = conversations.group(&token.group, &[user.clone(), invite.by.clone()]).await?;
    let group = view.group.clone().ok_or(GroupError::NoSuchInvite)?;
    let needs_approval = invite.needs_approval;
    if view.members.iter().any(|member| member.user == *user) {
        return Ok(Preview { group, needs_approval, admission: Admission::Member });
    }
    door.open(&group, &view, now)?;
    let admission = if door.request.is_some() { Admission::Asked } else { Admission::Outside };
    Ok(Preview { group, needs_approval, admission })
}

/// Joins by a link, or asks to. Done before, it is so still.
pub async fn join(ports: GroupPorts<'_>, actor: &Sender, token: &InviteToken) -> Result<Admission, GroupError> {
    let preview = preview(ports, &actor.user, token).await?;
    match preview.admission {
        Admission::Outside if preview.needs_approval => {
            let (user, secret) = (actor.user.clone(), token.secret.clone());
            let request = JoinRequest { user, secret, asked_at: ports.clock.now() };
            ports.invites.ask(&token.group, &request).await?;
            Ok(Admission::Asked)
        }
        Admission::Outside => {
            change(ports, actor, &token.group, &Command::Join(token.secret.clone())).await?;
            Ok(Admission::Member)
        }
        stands => Ok(stands),
    }
}

/// Who asks to be let in, by name, a page at a time, for those who may add.
pub async fn requests(
    ports: GroupPorts<'_>,
    user: &UserId,
    conversation: &ConversationId,
    after: Option<&UserId>,
    limit: usize,
) -> Result<(Vec<JoinRequest>, Option<UserId>), GroupError> {
    may_add(ports, user, conversation).await?;
    let limit = limit.clamp(1, MEMBERS_PAGE_MAX);
    let mut found = ports.invites.requests(conversation, after, limit + 1).await?;
    let has_more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| has_more).map(|last| last.user.clone());
    // Who was added by another way in the meantime asks no more.
    let users: Vec<UserId> = found.iter().map(|request| request.user.clone()).collect();
    let members =
        if users.is_empty() { Vec::new() } else { ports.conversations.group(conversation, &users).await?.members };
    found.retain(|request| !members.iter().any(|member| member.user == request.user));
    Ok((found, next))
}

/// Turns a request away, or takes one's own back. It goes whether or not it was there.
pub async fn decline(
    ports: GroupPorts<'_>,
    user: &UserId,
    conversation: &ConversationId,
    asker: &UserId,
) -> Result<(), GroupError> {
    if asker != user {
        may_add(ports, user, conversation).await?;
    }
    Ok(ports.invites.forget_request(conversation, asker).await?)
}

/// What the user is in the group, if they may add members.
async fn may_add(ports: GroupPorts<'_>, user: &UserId, conversation: &ConversationId) -> Result<Role, GroupError> {
    let (group, own) = group_of(ports, user, conversation).await?;
    permit(&group, own.role, Action::Add)?;
    Ok(own.role)
}

/// Who comes in by a command, and by what; none where nobody does.
pub(crate) async fn entering(
    ports: GroupPorts<'_>,
    conversation: &ConversationId,
    actor: &UserId,
    command: &Command,
) -> Result<Option<Entering>, Unavailable> {
    let (user, secret) = match command {
        Command::Join(secret) => (actor, Some(secret.clone())),
        Command::Admit(user) => {
            let request = ports.invites.door(conversation, user, None).await?.request;
            (user, request.map(|request| request.secret))
        }
        _ => return Ok(None),
    };
    let invite = match &secret {
        Some(secret) => ports.invites.door(conversation, user, Some(secret)).await?.invite,
        None => None,
    };
    Ok(Some(Entering { user: user.clone(), secret, maker: invite.map(|invite| invite.by) }))
}

/// Somebody on their way in.
pub(crate) struct Entering {
    /// Who.
    pub(crate) user: UserId,
    /// By which invite, directly or by a request.
    pub(crate) secret: Option<InviteSecret>,
    /// Who made it.
    pub(crate) maker: Option<UserId>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        group::{Audience, GroupSettings},
        ids::Sequence,
    };

    const SECRET: &str = "AbCdEfGhIjKlMnOpQrSt-_";

    fn invite() -> Invite {
        Invite {
            secret: InviteSecret::parse(SECRET).unwrap(),
            by: UserId::parse("olga").unwrap(),
            client_id: None,
            created_at: Timestamp(1_000),
            expires_at: Some(Timestamp(2_000)),
            uses_max: Some(2),
            uses: 1,
            needs_approval: false,
            is_revoked: false,
        }
    }

    fn group() -> Group {
        Group {
            settings: GroupSettings { may_add: Audience::Admins, ..GroupSettings::default() },
            owner: UserId::parse("olga").unwrap(),
            member_count: 1,
            roster: None,
            avatar_since: None,
            pulled_since: None::<Sequence>,
            is_dissolved: false,
            created_at: Timestamp(1),
            changed_at: Timestamp(1),
        }
    }

    /// What is wrong × the rule that says so.
    #[test]
    fn each_reason_to_let_nobody_in_has_its_rule() {
        let (good, ended) = (group(), Group { is_dissolved: true, ..group() });
        let (owner, at) = (Some(Role::Owner), Timestamp(1_999));
        let check = |invite: Invite, group: &Group, maker, is_barred, at| invite.check(group, maker, is_barred, at);
        assert_eq!(check(invite(), &good, owner, false, at), Ok(()));
        assert_eq!(check(invite(), &good, Some(Role::Admin), false, at), Ok(()));
        assert_eq!(check(invite(), &ended, owner, false, at), Err(Rule::Dissolved));
        assert_eq!(check(invite(), &good, owner, false, Timestamp(2_000)), Err(Rule::InviteExpired));
        assert_eq!(check(Invite { uses: 2, ..invite() }, &good, owner, false, at), Err(Rule::InviteUsedUp));
        assert_eq!(check(Invite { is_revoked: true, ..invite() }, &good, owner, false, at), Err(Rule::InviteRevoked));
        assert_eq!(check(invite(), &good, None, false, at), Err(Rule::InviteRevoked), "its maker has left");
        assert_eq!(check(invite(), &good, Some(Role::Member), false, at), Err(Rule::InviteRevoked), "demoted");
        assert_eq!(check(invite(), &good, owner, true, at), Err(Rule::RemovedBefore));
        let endless = Invite { expires_at: None, uses_max: None, uses: u64::MAX, ..invite() };
        assert_eq!(check(endless, &good, owner, false, Timestamp(u64::MAX)), Ok(()));
    }

    #[test]
    fn what_is_no_token_is_refused() {
        for text in
            ["", ".", SECRET, &format!("{SECRET}."), &format!("{SECRET}x.team"), &format!("{SECRET}.a b"), "x.team"]
        {
            assert!(InviteToken::parse(text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_token_is_read_as_it_was_written(secret in "[A-Za-z0-9_-]{22}", id in "[A-Za-z0-9._-]{1,64}") {
            let group = ConversationId::parse(&format!("g:{id}")).unwrap();
            let token = InviteToken { secret: InviteSecret::parse(&secret).unwrap(), group };
            prop_assert_eq!(InviteToken::parse(&token.to_string()).unwrap(), token);
        }

        #[test]
        fn reading_a_token_never_panics(text in ".{0,80}") {
            if let Ok(token) = InviteToken::parse(&text) {
                prop_assert_eq!(token.to_string(), text);
            }
        }
    }
}
