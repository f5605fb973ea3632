//! Groups in the world: reading them, and changing them all at once.

use std::collections::BTreeSet;

use tidings_domain::{
    conversation::{Member, Reach, ReachMove, Standing},
    group::{Group, GroupSettings},
    ids::{ConversationId, Sequence, Timestamp, UserId},
    limits::ROSTER_MEMBERS_MAX,
    membership::GroupChange,
};

use crate::{changes::What, consistency::Old, state::State};

impl State {
    pub(crate) fn standing(&self, conversation: &ConversationId, user: &UserId) -> Standing {
        let (version, group) = self.groups.get(conversation).cloned().unzip();
        Standing {
            membership_version: version.unwrap_or_default(),
            member: self.member(conversation, user).cloned(),
            peer: conversation
                .direct_members()
                .and_then(|members| members.into_iter().find(|member| member != user))
                .and_then(|peer| self.member(conversation, &peer).cloned()),
            hot_until: self.hot_until.get(conversation).copied().unwrap_or_default(),
            direct_ttl_seconds: if group.is_some() { None } else { self.direct_ttls.get(conversation).copied() },
            group,
            indexes_text: self.agreements(conversation).indexes_text,
            reach: self.reaches.get(conversation).copied(),
        }
    }

    /// A group that rows are put into by hand.
    pub(crate) fn ensure_group(&mut self, conversation: &ConversationId, user: &UserId) {
        let group = || Group {
            settings: GroupSettings { title: "made by hand".into(), ..GroupSettings::default() },
            owner: user.clone(),
            member_count: 0,
            roster: None,
            avatar_since: None,
            pulled_since: None,
            is_dissolved: false,
            created_at: Timestamp::default(),
            changed_at: Timestamp::default(),
        };
        if matches!(conversation, ConversationId::Group(_)) {
            self.groups.entry(conversation.clone()).or_insert_with(|| (Sequence::ZERO, group()));
        }
    }

    /// Changes how far a group that is pulled has been seen; false where it is not to be so.
    pub(crate) fn move_reach(&mut self, conversation: &ConversationId, change: &ReachMove) -> bool {
        let before = self.reaches.get(conversation).copied();
        let pulled_since = self.groups.get(conversation).and_then(|(_, group)| group.pulled_since);
        let after = match (change, before) {
            (ReachMove::Begin(reach), before)
                if pulled_since == Some(reach.since) && before.is_none_or(|before| before.since != reach.since) =>
            {
                Some(*reach)
            }
            (ReachMove::Rise(reach), Some(before)) if reach.last_sequence > before.last_sequence => {
                Some(Reach { since: before.since, ..*reach })
            }
            (ReachMove::End { up_to }, Some(before)) if pulled_since.is_none() && before.last_sequence <= *up_to => {
                None
            }
            _ => return false,
        };
        match after {
            Some(reach) => self.reaches.insert(conversation.clone(), reach),
            None => self.reaches.remove(conversation),
        };
        let now = self.now;
        self.past.keep(now, || Old::Reach(conversation.clone(), before));
        self.note(|| What::Reach { conversation: conversation.clone(), before, after });
        true
    }

    /// Lets the head of a group tell of its rows.
    pub(crate) fn count_members(&mut self, conversation: &ConversationId) {
        let users: BTreeSet<UserId> =
            self.members.get(conversation).into_iter().flatten().map(|(u, _)| u.clone()).collect();
        if let Some((_, group)) = self.groups.get_mut(conversation) {
            group.member_count = users.len() as u64;
            group.roster = Some(users).filter(|_| group.member_count <= ROSTER_MEMBERS_MAX);
        }
    }

    /// Every condition of a change.
    pub(crate) fn allows(&self, change: &GroupChange) -> bool {
        let conversation = &change.entry.conversation;
        let member = |user: &UserId| self.member(conversation, user);
        let version = self.groups.get(conversation).map(|(version, _)| *version).unwrap_or_default();
        version == change.expected_version
            && !self.log(conversation).iter().any(|e| e.sequence == change.entry.sequence)
            && change.added.iter().all(|m| member(&m.user).is_none())
            && change.removed.iter().all(|user| member(user).is_some())
            && change.roles.iter().all(|(user, from, _)| member(user).is_some_and(|m| m.role == *from))
            && change.actor.iter().all(|(user, role)| member(user).is_some_and(|m| m.role == *role))
            && self.lets_in(change)
    }

    pub(crate) fn apply(&mut self, change: &GroupChange) {
        self.pass_doors(change);
        let entry = &change.entry;
        let conversation = &entry.conversation;
        let log = self.logs.entry(conversation.clone()).or_default();
        log.push(entry.clone());
        log.sort_by_key(|e| e.sequence);
        self.row_appended(std::slice::from_ref(entry));
        let before = self.groups.insert(conversation.clone(), (entry.sequence, change.group.clone()));
        let now = self.now;
        self.past.keep(now, || Old::Group(conversation.clone(), before));
        if let Some(agreements) = self.agreements.get_mut(conversation) {
            agreements.indexes_text &= change.added.is_empty();
        }
        for member in &change.added {
            self.set_row(conversation, &member.user, Some(member.clone()));
        }
        for user in &change.removed {
            self.set_row(conversation, user, None);
        }
        for (user, _, to) in &change.roles {
            if let Some(row) = self.member(conversation, user).cloned() {
                self.set_row(conversation, user, Some(Member { role: *to, ..row }));
            }
        }
    }
}
