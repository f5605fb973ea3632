//! Groups, their members, and the ways into them.

use reqwest::Method;
use tidings_protocol::{
    groups::{GroupCreate, GroupInfo, GroupRole, GroupUpdate, MemberPage, MembersAdd, RoleUpdate},
    invites::{InviteCreate, InviteInfo, InviteJoined, InviteList, InvitePreview, JoinRequestPage},
};
use uuid::Uuid;

use crate::{
    error::HttpError,
    http::{Http, Query, decode, encoded},
};

impl Http {
    /// Makes a group, which is the caller's. Without a `clientGroupId` it gets one, so that trying again makes no other.
    pub async fn create_group(&self, mut group: GroupCreate) -> Result<GroupInfo, HttpError> {
        group.client_group_id.get_or_insert_with(|| Uuid::new_v4().to_string());
        self.post("/groups", &group).await
    }

    /// A group, as this member sees it.
    pub async fn group(&self, group: &str) -> Result<GroupInfo, HttpError> {
        self.get(&of(group, "")).await
    }

    /// Changes the settings: what is absent stays, an inner none takes a value away.
    pub async fn update_group(&self, group: &str, update: &GroupUpdate) -> Result<GroupInfo, HttpError> {
        decode(&self.call(Method::PATCH, &of(group, ""), Some(&|_| serde_json::to_string(update))).await?)
    }

    /// Ends a group for everyone.
    pub async fn dissolve_group(&self, group: &str) -> Result<(), HttpError> {
        self.call(Method::DELETE, &of(group, ""), None).await.map(drop)
    }

    /// A page of members, after one of them.
    pub async fn members(&self, group: &str, after: Option<&str>) -> Result<MemberPage, HttpError> {
        let mut query = Query::default();
        query.add("after", after);
        self.get(&of(group, &format!("/members{query}"))).await
    }

    /// Takes users in. Who is in already is no error.
    pub async fn add_members(&self, group: &str, users: &[String]) -> Result<GroupInfo, HttpError> {
        self.post(&of(group, "/members"), &MembersAdd { user_ids: users.to_vec() }).await
    }

    /// Takes a member out; oneself: leaves.
    pub async fn remove_member(&self, group: &str, user: &str) -> Result<(), HttpError> {
        self.call(Method::DELETE, &of_user(group, "members", user), None).await.map(drop)
    }

    /// Gives a member another role. The owner's role hands the group over.
    pub async fn set_role(&self, group: &str, user: &str, role: GroupRole) -> Result<GroupInfo, HttpError> {
        let body = RoleUpdate { role };
        let path = of_user(group, "members", user);
        decode(&self.call(Method::PATCH, &path, Some(&|_| serde_json::to_string(&body))).await?)
    }

    /// Makes an invite link. Without a `clientInviteId` it gets one, so that trying again makes no other.
    pub async fn create_invite(&self, group: &str, mut invite: InviteCreate) -> Result<InviteInfo, HttpError> {
        invite.client_invite_id.get_or_insert_with(|| Uuid::new_v4().to_string());
        self.post(&of(group, "/invites"), &invite).await
    }

    /// The invites of a group, the latest first.
    pub async fn invites(&self, group: &str) -> Result<InviteList, HttpError> {
        self.get(&of(group, "/invites")).await
    }

    /// Takes an invite back.
    pub async fn revoke_invite(&self, group: &str, invite_id: &str) -> Result<(), HttpError> {
        self.call(Method::DELETE, &of_user(group, "invites", invite_id), None).await.map(drop)
    }

    /// The group that a link leads to; `token` is what the link ends with.
    pub async fn preview_invite(&self, token: &str) -> Result<InvitePreview, HttpError> {
        self.get(&format!("/invites/{}", encoded(token))).await
    }

    /// Joins by a link, or asks to.
    pub async fn join(&self, token: &str) -> Result<InviteJoined, HttpError> {
        decode(&self.call(Method::POST, &format!("/invites/{}", encoded(token)), None).await?)
    }

    /// A page of those who ask to be let in, after one of them.
    pub async fn join_requests(&self, group: &str, after: Option<&str>) -> Result<JoinRequestPage, HttpError> {
        let mut query = Query::default();
        query.add("after", after);
        self.get(&of(group, &format!("/requests{query}"))).await
    }

    /// Lets somebody in who asks.
    pub async fn approve(&self, group: &str, user: &str) -> Result<(), HttpError> {
        self.call(Method::POST, &of_user(group, "requests", user), None).await.map(drop)
    }

    /// Turns somebody away who asks; oneself: asks no more.
    pub async fn decline(&self, group: &str, user: &str) -> Result<(), HttpError> {
        self.call(Method::DELETE, &of_user(group, "requests", user), None).await.map(drop)
    }
}

fn of(group: &str, what: &str) -> String {
    format!("/groups/{}{what}", encoded(group))
}

fn of_user(group: &str, what: &str, name: &str) -> String {
    of(group, &format!("/{what}/{}", encoded(name)))
}
