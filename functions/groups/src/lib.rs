//! Groups over HTTP: made, read, changed, joined and ended.

use serde_json::Value;
use tidings_auth::invite_secret;
use tidings_bus::KinesisBus;
use tidings_domain::{
    ids::{ConversationId, Sender, UserId},
    invites::{self, Admission},
    limits::MEMBERS_PAGE_MAX,
    membership::{Command, GroupPorts, change, create, group_of, members_page},
    ports::{BoxFuture, Clock, PrivacyRules},
    privacy::Pair,
    rate::{GROUPS_PER_USER, INVITES_PER_USER, JOINS_PER_USER, Limit, take},
};
use tidings_protocol::{
    ErrorCode, convert,
    groups::{GroupCreate, GroupUpdate, MembersAdd, RoleUpdate},
    invites::{InviteCreate, InviteJoined},
};
use tidings_runtime::{
    Adapters, Callers, Failure, Function, FunctionError, HttpAnswer, HttpRequest, SystemClock,
    config::{self, ConfigError},
};
use tidings_store::{DynamoBuckets, DynamoConversations, DynamoLog, DynamoMedia, DynamoRules};
use uuid::Uuid;

/// The function.
pub struct Groups {
    callers: Callers,
    log: DynamoLog,
    conversations: DynamoConversations,
    media: DynamoMedia,
    bus: KinesisBus,
    buckets: DynamoBuckets,
    rules: DynamoRules,
    push_members_max: usize,
}

impl Groups {
    /// Builds the function from its configuration.
    pub fn build(adapters: &Adapters) -> Result<Self, ConfigError> {
        Ok(Self {
            callers: Callers::build(adapters)?,
            log: adapters.log()?,
            conversations: adapters.conversations()?,
            media: adapters.media()?,
            bus: adapters.bus()?,
            buckets: adapters.buckets()?,
            rules: adapters.rules()?,
            push_members_max: config::number("PUSH_MEMBERS_MAX", 2, 10_000)?,
        })
    }

    async fn answer(&self, request: &HttpRequest) -> Result<HttpAnswer, Failure> {
        let caller = self.callers.verify(request).await?;
        match request.route_key.as_str() {
            "POST /groups" => self.create(request, &caller).await,
            "GET /groups/{id}" => self.info(&group(request)?, &caller).await,
            "PATCH /groups/{id}" => {
                let patch = convert::update_request(request.body::<GroupUpdate>()?)?;
                self.change(request, &caller, Command::Configure(patch)).await
            }
            "DELETE /groups/{id}" => self.change_silently(request, &caller, Command::Dissolve).await,
            "GET /groups/{id}/members" => self.members(request, &caller).await,
            "POST /groups/{id}/members" => {
                let users = convert::members_to_add(&request.body::<MembersAdd>()?)?;
                let users = self.without_those_who_block(&caller, users).await?;
                self.change(request, &caller, Command::Add(users)).await
            }
            "PUT /groups/{id}/members/{userId}" => {
                let users = self.without_those_who_block(&caller, vec![member(request)?]).await?;
                self.change(request, &caller, Command::Add(users)).await
            }
            "PATCH /groups/{id}/members/{userId}" => {
                let role = request.body::<RoleUpdate>()?.role.into();
                self.change(request, &caller, Command::SetRole(member(request)?, role)).await
            }
            "DELETE /groups/{id}/members/{userId}" => {
                self.change_silently(request, &caller, Command::Remove(member(request)?)).await
            }
            "POST /groups/{id}/invites" => self.invite(request, &caller).await,
            "GET /groups/{id}/invites" => self.invites(&group(request)?, &caller).await,
            "DELETE /groups/{id}/invites/{inviteId}" => {
                let secret = convert::invite_id(request.path("inviteId"))?;
                invites::revoke_invite(self.ports(), &caller.user, &group(request)?, &secret).await?;
                Ok(HttpAnswer::nothing())
            }
            "GET /invites/{token}" => {
                let token = convert::invite_token(request.path("token"))?;
                self.limit(JOINS_PER_USER, &caller).await?;
                let preview = invites::preview(self.ports(), &caller.user, &token).await?;
                Ok(HttpAnswer::json(&convert::invite_preview(&token.group, &preview)))
            }
            "POST /invites/{token}" => self.join(request, &caller).await,
            "GET /groups/{id}/requests" => self.requests(request, &caller).await,
            "POST /groups/{id}/requests/{userId}" => {
                self.change_silently(request, &caller, Command::Admit(member(request)?)).await
            }
            "DELETE /groups/{id}/requests/{userId}" => {
                invites::decline(self.ports(), &caller.user, &group(request)?, &member(request)?).await?;
                Ok(HttpAnswer::nothing())
            }
            _ => Err(Failure::new(ErrorCode::NotFound, "there is no such call")),
        }
    }

    async fn invite(&self, request: &HttpRequest, caller: &Sender) -> Result<HttpAnswer, Failure> {
        let conversation = group(request)?;
        let terms = convert::invite_terms(request.body::<InviteCreate>()?)?;
        self.limit(INVITES_PER_USER, caller).await?;
        let secret = invite_secret()?;
        let invite = invites::make_invite(self.ports(), &caller.user, &conversation, terms, secret).await?;
        Ok(HttpAnswer::json(&convert::invite_info(&conversation, &invite, SystemClock.now())))
    }

    async fn invites(&self, conversation: &ConversationId, caller: &Sender) -> Result<HttpAnswer, Failure> {
        let invites = invites::invites(self.ports(), &caller.user, conversation).await?;
        Ok(HttpAnswer::json(&convert::invite_list(conversation, &invites, SystemClock.now())))
    }

    async fn join(&self, request: &HttpRequest, caller: &Sender) -> Result<HttpAnswer, Failure> {
        let token = convert::invite_token(request.path("token"))?;
        self.limit(JOINS_PER_USER, caller).await?;
        let admission = invites::join(self.ports(), caller, &token).await?;
        let group = match admission {
            Admission::Member => {
                let (group, own) = group_of(self.ports(), &caller.user, &token.group).await?;
                Some(convert::group_info(&token.group, &group, &own))
            }
            Admission::Asked | Admission::Outside => None,
        };
        let conversation_id = token.group.to_string();
        Ok(HttpAnswer::json(&InviteJoined { conversation_id, admission: admission.into(), group }))
    }

    async fn requests(&self, request: &HttpRequest, caller: &Sender) -> Result<HttpAnswer, Failure> {
        let (after, limit) = page(request)?;
        let (requests, next) =
            invites::requests(self.ports(), &caller.user, &group(request)?, after.as_ref(), limit).await?;
        Ok(HttpAnswer::json(&convert::join_requests(&requests, next.as_ref())))
    }

    async fn create(&self, request: &HttpRequest, caller: &Sender) -> Result<HttpAnswer, Failure> {
        let mut body: GroupCreate = request.body()?;
        // Without a name of the caller's, each call makes another group.
        body.client_group_id.get_or_insert_with(|| Uuid::new_v4().to_string());
        let wanted = convert::create_request(body)?;
        self.limit(GROUPS_PER_USER, caller).await?;
        let conversation = ConversationId::group_of(caller, &wanted.client_group_id);
        let members = self.without_those_who_block(caller, wanted.members).await?;
        create(self.ports(), caller, &conversation, wanted.settings, members).await?;
        self.info(&conversation, caller).await
    }

    async fn info(&self, conversation: &ConversationId, caller: &Sender) -> Result<HttpAnswer, Failure> {
        let (group, own) = group_of(self.ports(), &caller.user, conversation).await?;
        Ok(HttpAnswer::json(&convert::group_info(conversation, &group, &own)))
    }

    /// Answers with the group as it is then.
    async fn change(&self, request: &HttpRequest, caller: &Sender, command: Command) -> Result<HttpAnswer, Failure> {
        let conversation = group(request)?;
        change(self.ports(), caller, &conversation, &command).await?;
        self.info(&conversation, caller).await
    }

    /// Answers nothing: the caller may be a member no more.
    async fn change_silently(
        &self,
        request: &HttpRequest,
        caller: &Sender,
        command: Command,
    ) -> Result<HttpAnswer, Failure> {
        change(self.ports(), caller, &group(request)?, &command).await?;
        Ok(HttpAnswer::nothing())
    }

    async fn members(&self, request: &HttpRequest, caller: &Sender) -> Result<HttpAnswer, Failure> {
        let (after, limit) = page(request)?;
        let (members, has_more) =
            members_page(self.ports(), &caller.user, &group(request)?, after.as_ref(), limit).await?;
        Ok(HttpAnswer::json(&convert::member_page(&members, has_more)))
    }

    /// Those of some users who have not blocked the caller: the others are added by somebody else, or come by an invite. The caller is
    /// not told.
    async fn without_those_who_block(&self, caller: &Sender, users: Vec<UserId>) -> Result<Vec<UserId>, Failure> {
        let pairs: Vec<Pair> = users.iter().map(|user| (user.clone(), caller.user.clone())).collect();
        let blocked = self.rules.stances(&[], &pairs).await?.blocked;
        Ok(users.into_iter().filter(|user| !blocked.contains(&(user.clone(), caller.user.clone()))).collect())
    }

    async fn limit(&self, limit: Limit, caller: &Sender) -> Result<(), Failure> {
        Ok(take(&self.buckets, &SystemClock, &limit.of_user(&caller.user)).await?)
    }

    fn ports(&self) -> GroupPorts<'_> {
        GroupPorts {
            log: &self.log,
            conversations: &self.conversations,
            invites: &self.conversations,
            media: &self.media,
            bus: &self.bus,
            clock: &SystemClock,
            push_members_max: self.push_members_max,
        }
    }
}

fn group(request: &HttpRequest) -> Result<ConversationId, Failure> {
    Ok(convert::group_id("id", request.path("id"))?)
}

/// After whom a page begins, and how many it has at most.
fn page(request: &HttpRequest) -> Result<(Option<UserId>, usize), Failure> {
    let limit = convert::limit(request.query_number("limit")?, MEMBERS_PAGE_MAX)?;
    let after = request.query("after").map(|user| convert::user_id("after", user)).transpose()?;
    Ok((after, limit))
}

fn member(request: &HttpRequest) -> Result<UserId, Failure> {
    Ok(convert::user_id("userId", request.path("userId"))?)
}

impl Function for Groups {
    fn call(&self, event: Value) -> BoxFuture<'_, Result<Value, FunctionError>> {
        Box::pin(async move {
            let request = HttpRequest::parse(event)?;
            Ok(self.answer(&request).await.unwrap_or_else(Into::into).into_value_for(&request))
        })
    }

    fn warm_up(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.conversations.warm_up())
    }
}
