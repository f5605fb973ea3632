//! Ways into groups, beside the groups' members in the conversations table: `v#SECRET` is an invite,
//! `w#USER` a request to join, `x#USER` says that the user was taken out by another.

use std::{collections::HashMap, sync::Arc};

use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, TransactWriteItem, Update};
use tidings_domain::{
    ids::{ConversationId, Timestamp, UserId},
    invites::{Door, Entrance, Invite, InviteSecret, JoinRequest},
    membership::GroupChange,
    ports::{Invites, PortResult, Unavailable},
};

use crate::{
    DynamoConversations, StoreError,
    conversations::row_key,
    error::{failed, update_held},
    item::{Item, flag, n, number, optional_number, optional_text, s, text},
};

const INVITE: &str = "v#";
const REQUEST: &str = "w#";
/// After every request: `$` follows `#`.
const REQUEST_END: &str = "w$";
const BARRED: &str = "x#";

impl DynamoConversations {
    async fn read_door(
        &self,
        conversation: &ConversationId,
        user: &UserId,
        secret: Option<&InviteSecret>,
    ) -> Result<Door, Unavailable> {
        const OPERATION: &str = "read who may come in";
        let keys = [request_key(user), barred_key(user)].into_iter().chain(secret.map(invite_key));
        let mut door = Door::default();
        for item in self.batch_get(keys.map(|sk| row_key(conversation, sk)).collect()).await? {
            match text(&item, "sk").map_err(failed(OPERATION))?.get(..2) {
                Some(INVITE) => door.invite = Some(invite_of(&item).map_err(failed(OPERATION))?),
                Some(REQUEST) => door.request = Some(request_of(&item).map_err(failed(OPERATION))?),
                _ => door.is_barred = true,
            }
        }
        Ok(door)
    }

    async fn all_invites(&self, conversation: &ConversationId) -> Result<Vec<Invite>, Unavailable> {
        const OPERATION: &str = "read invites";
        // They are few, and small: one page has them.
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("cid = :cid AND begins_with(sk, :invite)")
            .expression_attribute_values(":cid", s(conversation.to_string()))
            .expression_attribute_values(":invite", s(INVITE))
            .consistent_read(true)
            .send()
            .await
            .map_err(failed(OPERATION))?;
        let items = answer.items.unwrap_or_default();
        items.iter().map(invite_of).collect::<Result<_, _>>().map_err(failed(OPERATION))
    }

    async fn put(&self, operation: &'static str, item: Item) -> Result<(), Unavailable> {
        let put = self.client.put_item().table_name(&self.table).set_item(Some(item));
        put.send().await.map(drop).map_err(failed(operation))
    }

    async fn delete(&self, operation: &'static str, key: Item) -> Result<(), Unavailable> {
        let delete = self.client.delete_item().table_name(&self.table).set_key(Some(key));
        delete.send().await.map(drop).map_err(failed(operation))
    }

    async fn mark_revoked(&self, conversation: &ConversationId, secret: &InviteSecret) -> Result<bool, Unavailable> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(row_key(conversation, invite_key(secret))))
            .condition_expression("attribute_exists(cid)")
            .update_expression("SET iv = :true")
            .expression_attribute_values(":true", AttributeValue::Bool(true));
        update_held(update, "revoke an invite").await
    }

    async fn put_request(&self, conversation: &ConversationId, request: &JoinRequest) -> Result<(), Unavailable> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(row_key(conversation, request_key(&request.user))))
            .update_expression("SET rq = if_not_exists(rq, :at), ri = if_not_exists(ri, :invite)")
            .expression_attribute_values(":at", n(request.asked_at.0))
            .expression_attribute_values(":invite", s(request.secret.as_str()));
        update.send().await.map(drop).map_err(failed("ask to join"))
    }

    async fn requests_by_name(
        &self,
        conversation: &ConversationId,
        after: Option<&UserId>,
        limit: usize,
    ) -> Result<Vec<JoinRequest>, Unavailable> {
        const OPERATION: &str = "read requests to join";
        let start = after.map_or_else(|| REQUEST.to_owned(), |user| format!("{}\u{0}", request_key(user)));
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("cid = :cid AND sk BETWEEN :start AND :end")
            .expression_attribute_values(":cid", s(conversation.to_string()))
            .expression_attribute_values(":start", s(start))
            .expression_attribute_values(":end", s(REQUEST_END))
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(failed(OPERATION))?;
        let items = answer.items.unwrap_or_default();
        items.iter().map(request_of).collect::<Result<_, _>>().map_err(failed(OPERATION))
    }

    /// What a change of a group does to the rows of this module.
    pub(crate) fn door_items(&self, change: &GroupChange) -> Result<Vec<TransactWriteItem>, StoreError> {
        let conversation = &change.entry.conversation;
        let delete = |sk: String, is_there: bool| {
            let delete = Delete::builder().table_name(&self.table).set_key(Some(row_key(conversation, sk)));
            let delete = if is_there { delete.condition_expression("attribute_exists(cid)") } else { delete };
            Ok::<_, StoreError>(TransactWriteItem::builder().delete(delete.build()?).build())
        };
        let mut items = Vec::new();
        if let Some(entrance) = &change.entrance {
            let (is_asked, used) = match entrance {
                Entrance::Invite(secret) => (false, Some((secret, true))),
                Entrance::Request(secret) => (true, secret.as_ref().map(|secret| (secret, false))),
            };
            for member in &change.added {
                items.push(delete(request_key(&member.user), is_asked)?);
            }
            if let Some((secret, must_be_live)) = used {
                let update = self.invite_use(conversation, secret, must_be_live.then_some(change.entry.ts))?;
                items.push(TransactWriteItem::builder().update(update).build());
            }
        }
        for user in &change.removed {
            items.push(delete(request_key(user), false)?);
            if change.bars() {
                let mut item = row_key(conversation, barred_key(user));
                item.insert("xs".into(), n(change.entry.ts.0));
                let put = Put::builder().table_name(&self.table).set_item(Some(item)).build()?;
                items.push(TransactWriteItem::builder().put(put).build());
            } else {
                items.push(delete(barred_key(user), false)?);
            }
        }
        Ok(items)
    }

    /// Counts one use of an invite that is there; with a time, of one that is live then.
    fn invite_use(
        &self,
        conversation: &ConversationId,
        secret: &InviteSecret,
        live_at: Option<Timestamp>,
    ) -> Result<Update, StoreError> {
        let mut values = HashMap::from([(":one".to_owned(), n(1))]);
        let condition = match live_at {
            Some(now) => {
                values.insert(":now".to_owned(), n(now.0));
                "attribute_exists(cid) AND attribute_not_exists(iv) AND (attribute_not_exists(ie) OR ie > :now) \
                 AND (attribute_not_exists(im) OR iu < im)"
            }
            None => "attribute_exists(cid)",
        };
        Ok(Update::builder()
            .table_name(&self.table)
            .set_key(Some(row_key(conversation, invite_key(secret))))
            .condition_expression(condition)
            .update_expression("SET iu = iu + :one")
            .set_expression_attribute_values(Some(values))
            .build()?)
    }
}

fn invite_key(secret: &InviteSecret) -> String {
    format!("{INVITE}{}", secret.as_str())
}

fn request_key(user: &UserId) -> String {
    format!("{REQUEST}{user}")
}

fn barred_key(user: &UserId) -> String {
    format!("{BARRED}{user}")
}

fn invite_item(conversation: &ConversationId, invite: &Invite) -> Item {
    let mut item = row_key(conversation, invite_key(&invite.secret));
    item.insert("ib".into(), s(invite.by.as_str()));
    item.insert("ic".into(), n(invite.created_at.0));
    item.insert("iu".into(), n(invite.uses));
    let optional = [
        ("il", invite.client_id.as_deref().map(s)),
        ("ie", invite.expires_at.map(|at| n(at.0))),
        ("im", invite.uses_max.map(n)),
        ("ia", invite.needs_approval.then_some(AttributeValue::Bool(true))),
        ("iv", invite.is_revoked.then_some(AttributeValue::Bool(true))),
    ];
    item.extend(optional.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    item
}

fn invite_of(item: &Item) -> Result<Invite, StoreError> {
    Ok(Invite {
        secret: InviteSecret::parse(after_prefix(item)?)?,
        by: UserId::parse(text(item, "ib")?)?,
        client_id: optional_text(item, "il")?.map(Arc::from),
        created_at: Timestamp(number(item, "ic")?),
        expires_at: optional_number(item, "ie")?.map(Timestamp),
        uses_max: optional_number(item, "im")?,
        uses: number(item, "iu")?,
        needs_approval: flag(item, "ia")?,
        is_revoked: flag(item, "iv")?,
    })
}

fn request_of(item: &Item) -> Result<JoinRequest, StoreError> {
    Ok(JoinRequest {
        user: UserId::parse(after_prefix(item)?)?,
        secret: InviteSecret::parse(text(item, "ri")?)?,
        asked_at: Timestamp(number(item, "rq")?),
    })
}

/// The sort key without the two characters that name the sort of row.
fn after_prefix(item: &Item) -> Result<&str, StoreError> {
    text(item, "sk")?.get(2..).ok_or(StoreError::Attribute("sk"))
}

impl Invites for DynamoConversations {
    fn door<'a>(
        &'a self,
        conversation: &'a ConversationId,
        user: &'a UserId,
        secret: Option<&'a InviteSecret>,
    ) -> PortResult<'a, Door> {
        Box::pin(self.read_door(conversation, user, secret))
    }

    fn invites<'a>(&'a self, conversation: &'a ConversationId) -> PortResult<'a, Vec<Invite>> {
        Box::pin(self.all_invites(conversation))
    }

    fn put_invite<'a>(&'a self, conversation: &'a ConversationId, invite: &'a Invite) -> PortResult<'a, ()> {
        Box::pin(self.put("keep an invite", invite_item(conversation, invite)))
    }

    fn revoke_invite<'a>(&'a self, conversation: &'a ConversationId, secret: &'a InviteSecret) -> PortResult<'a, bool> {
        Box::pin(self.mark_revoked(conversation, secret))
    }

    fn forget_invite<'a>(&'a self, conversation: &'a ConversationId, secret: &'a InviteSecret) -> PortResult<'a, ()> {
        Box::pin(self.delete("forget an invite", row_key(conversation, invite_key(secret))))
    }

    fn ask<'a>(&'a self, conversation: &'a ConversationId, request: &'a JoinRequest) -> PortResult<'a, ()> {
        Box::pin(self.put_request(conversation, request))
    }

    fn requests<'a>(
        &'a self,
        conversation: &'a ConversationId,
        after: Option<&'a UserId>,
        limit: usize,
    ) -> PortResult<'a, Vec<JoinRequest>> {
        Box::pin(self.requests_by_name(conversation, after, limit))
    }

    fn forget_request<'a>(&'a self, conversation: &'a ConversationId, user: &'a UserId) -> PortResult<'a, ()> {
        Box::pin(self.delete("forget a request to join", row_key(conversation, request_key(user))))
    }
}
