//! Ways into groups.

use tidings_domain::{
    ids::{ConversationId, UserId},
    invites::{Door, Entrance, Invite, InviteSecret, InviteState, JoinRequest},
    membership::GroupChange,
    ports::{Invites, PortResult},
};

use crate::{State, World};

impl State {
    /// Whether the doors of a group are as a change expects them to be.
    pub(crate) fn lets_in(&self, change: &GroupChange) -> bool {
        let conversation = &change.entry.conversation;
        let invite = |secret: &InviteSecret| self.invites.get(&(conversation.clone(), secret.clone()));
        let has_asked = |user: &UserId| self.requests.contains_key(&(conversation.clone(), user.clone()));
        match &change.entrance {
            None => true,
            Some(Entrance::Invite(secret)) => {
                invite(secret).is_some_and(|invite| invite.state(change.entry.ts) == InviteState::Live)
            }
            Some(Entrance::Request(secret)) => {
                secret.iter().all(|secret| invite(secret).is_some())
                    && change.added.iter().all(|member| has_asked(&member.user))
            }
        }
    }

    /// Changes the doors of a group as a change of its members says.
    pub(crate) fn pass_doors(&mut self, change: &GroupChange) {
        let conversation = &change.entry.conversation;
        let of = |user: &UserId| (conversation.clone(), user.clone());
        let used = match &change.entrance {
            Some(Entrance::Invite(secret)) => Some(secret),
            Some(Entrance::Request(secret)) => secret.as_ref(),
            None => None,
        };
        if let Some(invite) = used.and_then(|secret| self.invites.get_mut(&(conversation.clone(), secret.clone()))) {
            invite.uses += 1;
        }
        if change.entrance.is_some() {
            for member in &change.added {
                self.requests.remove(&of(&member.user));
            }
        }
        for user in &change.removed {
            self.requests.remove(&of(user));
            if change.bars() {
                self.barred.insert(of(user));
            } else {
                self.barred.remove(&of(user));
            }
        }
    }
}

/// A row of this module, in bytes, as units go.
const ROW_BYTES: usize = 200;

impl Invites for World {
    fn door<'a>(
        &'a self,
        conversation: &'a ConversationId,
        user: &'a UserId,
        secret: Option<&'a InviteSecret>,
    ) -> PortResult<'a, Door> {
        Box::pin(self.call("door", move |state| {
            let of_user = (conversation.clone(), user.clone());
            state.meter.batch(|| vec![ROW_BYTES; 2 + usize::from(secret.is_some())]);
            Door {
                invite: secret.and_then(|secret| state.invites.get(&(conversation.clone(), secret.clone()))).cloned(),
                request: state.requests.get(&of_user).cloned(),
                is_barred: state.barred.contains(&of_user),
            }
        }))
    }

    fn invites<'a>(&'a self, conversation: &'a ConversationId) -> PortResult<'a, Vec<Invite>> {
        Box::pin(self.call("invites", move |state| {
            let rows = state.invites.iter().filter(|((of, _), _)| of == conversation);
            rows.map(|(_, invite)| invite.clone()).collect()
        }))
    }

    fn put_invite<'a>(&'a self, conversation: &'a ConversationId, invite: &'a Invite) -> PortResult<'a, ()> {
        Box::pin(self.call("put_invite", move |state| {
            state.meter.write(|| ROW_BYTES);
            state.invites.insert((conversation.clone(), invite.secret.clone()), invite.clone());
        }))
    }

    fn revoke_invite<'a>(&'a self, conversation: &'a ConversationId, secret: &'a InviteSecret) -> PortResult<'a, bool> {
        Box::pin(self.call("revoke_invite", move |state| {
            state.meter.write(|| ROW_BYTES);
            let invite = state.invites.get_mut(&(conversation.clone(), secret.clone()));
            invite.map(|invite| invite.is_revoked = true).is_some()
        }))
    }

    fn forget_invite<'a>(&'a self, conversation: &'a ConversationId, secret: &'a InviteSecret) -> PortResult<'a, ()> {
        Box::pin(self.call("forget_invite", move |state| {
            state.meter.write(|| ROW_BYTES);
            state.invites.remove(&(conversation.clone(), secret.clone()));
        }))
    }

    fn ask<'a>(&'a self, conversation: &'a ConversationId, request: &'a JoinRequest) -> PortResult<'a, ()> {
        Box::pin(self.call("ask", move |state| {
            state.meter.write(|| ROW_BYTES);
            let key = (conversation.clone(), request.user.clone());
            state.requests.entry(key).or_insert_with(|| request.clone());
        }))
    }

    fn requests<'a>(
        &'a self,
        conversation: &'a ConversationId,
        after: Option<&'a UserId>,
        limit: usize,
    ) -> PortResult<'a, Vec<JoinRequest>> {
        Box::pin(self.call("requests", move |state| {
            let rows = state.requests.iter().filter(|((of, user), _)| of == conversation && Some(user) > after);
            rows.map(|(_, request)| request.clone()).take(limit).collect()
        }))
    }

    fn forget_request<'a>(&'a self, conversation: &'a ConversationId, user: &'a UserId) -> PortResult<'a, ()> {
        Box::pin(self.call("forget_request", move |state| {
            state.meter.write(|| ROW_BYTES);
            state.requests.remove(&(conversation.clone(), user.clone()));
        }))
    }
}
