//! Groups in the conversations table: what the head says, and changes of membership.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Delete, Get, Put, TransactGetItem, TransactWriteItem, Update,
};
use tidings_domain::{
    conversation::{Member, Standing},
    group::{Audience, Group, GroupSettings, Role},
    ids::{ConversationId, Sequence, Timestamp, UserId},
    membership::{GroupChange, GroupView},
    ports::{Append, Unavailable},
};

use crate::{
    DynamoConversations, StoreError,
    conversations::{HEAD, MEMBER_END, MEMBER_PREFIX, member_key, member_of, row_key, standing_of},
    error::{failed, transact},
    item::{Item, flag, list, n, number, optional_list, optional_number, optional_text, s, text},
    log::log_item,
};

impl DynamoConversations {
    pub(crate) async fn group_view(
        &self,
        conversation: &ConversationId,
        users: &[UserId],
    ) -> Result<GroupView, Unavailable> {
        const OPERATION: &str = "read a group";
        let keys = std::iter::once(HEAD.to_owned()).chain(users.iter().map(member_key));
        let items = self.batch_get(keys.map(|sk| row_key(conversation, sk)).collect()).await?;
        let mut view = GroupView::default();
        for item in items {
            if text(&item, "sk").map_err(failed(OPERATION))? == HEAD {
                view.group = group_of(&item).map_err(failed(OPERATION))?;
                view.version = Sequence(number(&item, "mv").map_err(failed(OPERATION))?);
            } else {
                view.members.push(member_of(&item).map_err(failed(OPERATION))?);
            }
        }
        Ok(view)
    }

    pub(crate) async fn standing_of_one_moment(
        &self,
        conversation: &ConversationId,
        user: &UserId,
    ) -> Result<Standing, Unavailable> {
        const OPERATION: &str = "read a conversation at one moment";
        let gets = [HEAD.to_owned(), member_key(user)].into_iter().map(|sk| {
            let get = Get::builder().table_name(&self.table).set_key(Some(row_key(conversation, sk))).build()?;
            Ok(TransactGetItem::builder().get(get).build())
        });
        let gets = gets.collect::<Result<Vec<_>, StoreError>>().map_err(failed(OPERATION))?;
        let answer =
            self.client.transact_get_items().set_transact_items(Some(gets)).send().await.map_err(failed(OPERATION))?;
        let items = answer.responses.unwrap_or_default().into_iter().filter_map(|response| response.item);
        standing_of(items.collect(), user).map_err(failed(OPERATION))
    }

    pub(crate) async fn members_by_name(
        &self,
        conversation: &ConversationId,
        after: Option<&UserId>,
        limit: usize,
    ) -> Result<Vec<Member>, Unavailable> {
        const OPERATION: &str = "read members";
        let start = after.map_or_else(|| MEMBER_PREFIX.to_owned(), |user| format!("{}\u{0}", member_key(user)));
        let mut members = Vec::new();
        let mut start_key = None;
        // An answer may end before the limit, by its size.
        loop {
            let answer = self
                .client
                .query()
                .table_name(&self.table)
                .key_condition_expression("cid = :cid AND sk BETWEEN :start AND :end")
                .expression_attribute_values(":cid", s(conversation.to_string()))
                .expression_attribute_values(":start", s(start.as_str()))
                .expression_attribute_values(":end", s(MEMBER_END))
                .limit(i32::try_from(limit - members.len()).unwrap_or(i32::MAX))
                .set_exclusive_start_key(start_key)
                .send()
                .await
                .map_err(failed(OPERATION))?;
            for item in answer.items.unwrap_or_default() {
                members.push(member_of(&item).map_err(failed(OPERATION))?);
            }
            start_key = answer.last_evaluated_key;
            if start_key.is_none() || members.len() >= limit {
                return Ok(members);
            }
        }
    }

    pub(crate) async fn transact(&self, change: &GroupChange) -> Result<Append, Unavailable> {
        const OPERATION: &str = "change a group";
        let items = self.items_of(change).map_err(failed(OPERATION))?;
        let made = transact(&self.client, items, OPERATION).await?;
        Ok(made.map_or(Append::Taken, |()| Append::Done))
    }

    /// One item for the log, one for the head, and one for each row that changes or is rested on.
    fn items_of(&self, change: &GroupChange) -> Result<Vec<TransactWriteItem>, StoreError> {
        let conversation = &change.entry.conversation;
        let event = Put::builder()
            .table_name(&self.log)
            .set_item(Some(log_item(std::slice::from_ref(&change.entry))?))
            .condition_expression("attribute_not_exists(pk)");
        let mut items = vec![
            TransactWriteItem::builder().put(event.build()?).build(),
            TransactWriteItem::builder().update(self.head_update(change)?).build(),
        ];
        for member in &change.added {
            let put = Put::builder().table_name(&self.table).set_item(Some(member_item(conversation, member)));
            let put = put.condition_expression("attribute_not_exists(cid)").build()?;
            items.push(TransactWriteItem::builder().put(put).build());
        }
        for user in &change.removed {
            let delete =
                Delete::builder().table_name(&self.table).set_key(Some(row_key(conversation, member_key(user))));
            let delete = delete.condition_expression("attribute_exists(cid)").build()?;
            items.push(TransactWriteItem::builder().delete(delete).build());
        }
        for (user, from, to) in &change.roles {
            items.push(TransactWriteItem::builder().update(self.role_update(conversation, user, *from, *to)?).build());
        }
        if let Some((user, role)) = &change.actor {
            let (condition, value) = has_role(*role);
            let check = ConditionCheck::builder()
                .table_name(&self.table)
                .set_key(Some(row_key(conversation, member_key(user))))
                .condition_expression(condition)
                .set_expression_attribute_values(value)
                .build()?;
            items.push(TransactWriteItem::builder().condition_check(check).build());
        }
        items.extend(self.door_items(change)?);
        Ok(items)
    }

    fn head_update(&self, change: &GroupChange) -> Result<Update, StoreError> {
        let condition =
            if change.expected_version == Sequence::ZERO { "attribute_not_exists(mv)" } else { "mv = :expected" };
        let mut attributes = group_attributes(&change.group);
        attributes.push(("mv", Some(n(change.entry.sequence.0))));
        let (mut sets, mut removes) = (Vec::new(), Vec::new());
        let (mut names, mut values) = (HashMap::new(), HashMap::new());
        for (name, value) in attributes {
            // Named by reference: `go` is a reserved word, and others may become such.
            names.insert(format!("#{name}"), name.to_owned());
            match value {
                Some(value) => {
                    sets.push(format!("#{name} = :{name}"));
                    values.insert(format!(":{name}"), value);
                }
                None => removes.push(format!("#{name}")),
            }
        }
        if !change.added.is_empty() {
            // Who comes in has not agreed to it yet.
            names.insert("#it".into(), "it".into());
            removes.push("#it".into());
        }
        if change.expected_version > Sequence::ZERO {
            values.insert(":expected".into(), n(change.expected_version.0));
        }
        let removes = if removes.is_empty() { String::new() } else { format!(" REMOVE {}", removes.join(", ")) };
        Ok(Update::builder()
            .table_name(&self.table)
            .set_key(Some(row_key(&change.entry.conversation, HEAD.to_owned())))
            .condition_expression(condition)
            .update_expression(format!("SET {}{removes}", sets.join(", ")))
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values(Some(values))
            .build()?)
    }

    fn role_update(
        &self,
        conversation: &ConversationId,
        user: &UserId,
        from: Role,
        to: Role,
    ) -> Result<Update, StoreError> {
        let (condition, value) = has_role(from);
        let mut values = value.unwrap_or_default();
        let expression = match role_name(to) {
            Some(name) => {
                values.insert(":to".into(), s(name));
                "SET ro = :to"
            }
            None => "REMOVE ro",
        };
        Ok(Update::builder()
            .table_name(&self.table)
            .set_key(Some(row_key(conversation, member_key(user))))
            .condition_expression(condition)
            .update_expression(expression)
            .set_expression_attribute_values(Some(values).filter(|values| !values.is_empty()))
            .build()?)
    }
}

/// A plain member's row has no role.
fn role_name(role: Role) -> Option<&'static str> {
    match role {
        Role::Member => None,
        Role::Admin => Some("admin"),
        Role::Owner => Some("owner"),
    }
}

/// The condition that a row is a member's of this role.
fn has_role(role: Role) -> (&'static str, Option<HashMap<String, AttributeValue>>) {
    match role_name(role) {
        Some(name) => ("ro = :role", Some(HashMap::from([(":role".to_owned(), s(name))]))),
        None => ("attribute_exists(cid) AND attribute_not_exists(ro)", None),
    }
}

pub(crate) fn role_of(item: &Item) -> Result<Role, StoreError> {
    match optional_text(item, "ro")? {
        None => Ok(Role::Member),
        Some("admin") => Ok(Role::Admin),
        Some("owner") => Ok(Role::Owner),
        Some(_) => Err(StoreError::Attribute("ro")),
    }
}

/// The row of a new member.
fn member_item(conversation: &ConversationId, member: &Member) -> Item {
    let mut item = row_key(conversation, member_key(&member.user));
    item.insert("uid".into(), s(member.user.as_str()));
    item.insert("act".into(), n(member.active_at.0));
    let numbers = [
        ("ls", member.last_sequence.0),
        ("lt", member.last_ts.0),
        ("dl", member.delivered_up_to.0),
        ("rd", member.read_up_to.0),
        ("jn", member.joined_at.0),
    ];
    item.extend(numbers.map(|(name, number)| (name.to_owned(), n(number))));
    if let Some(role) = role_name(member.role) {
        item.insert("ro".into(), s(role));
    }
    item
}

/// Every attribute of the head that is the group's, with none where it has no such value.
fn group_attributes(group: &Group) -> Vec<(&'static str, Option<AttributeValue>)> {
    let settings = &group.settings;
    let optional = |text: &Option<std::sync::Arc<str>>| text.as_deref().map(s);
    let flag = |is: bool| is.then_some(AttributeValue::Bool(true));
    let admins = |audience| flag(audience == Audience::Admins);
    vec![
        ("gt", Some(s(settings.title.as_ref()))),
        ("gd", optional(&settings.description)),
        ("ga", optional(&settings.avatar)),
        ("gp", admins(settings.may_post)),
        ("gm", admins(settings.may_add)),
        ("gs", Some(settings.slow_mode_seconds).filter(|seconds| *seconds > 0).map(n)),
        ("gx", settings.ttl_seconds.map(n)),
        ("go", Some(s(group.owner.as_str()))),
        ("gn", Some(n(group.member_count))),
        ("gr", group.roster.as_ref().map(|users| list(users.iter().map(UserId::as_str)))),
        ("gq", group.pulled_since.map(|since| n(since.0))),
        ("gv", group.avatar_since.map(|since| n(since.0))),
        ("gz", flag(group.is_dissolved)),
        ("gb", Some(n(group.created_at.0))),
        ("gc", Some(n(group.changed_at.0))),
    ]
}

/// The group of a head; none where the head is of a direct conversation.
pub(crate) fn group_of(item: &Item) -> Result<Option<Group>, StoreError> {
    let Some(title) = optional_text(item, "gt")? else { return Ok(None) };
    let audience = |name| flag(item, name).map(|is| if is { Audience::Admins } else { Audience::All });
    Ok(Some(Group {
        settings: GroupSettings {
            title: title.into(),
            description: optional_text(item, "gd")?.map(Into::into),
            avatar: optional_text(item, "ga")?.map(Into::into),
            may_post: audience("gp")?,
            may_add: audience("gm")?,
            slow_mode_seconds: optional_number(item, "gs")?.unwrap_or_default(),
            ttl_seconds: optional_number(item, "gx")?,
        },
        owner: UserId::parse(text(item, "go")?)?,
        member_count: number(item, "gn")?,
        roster: roster_of(item)?,
        avatar_since: optional_number(item, "gv")?.map(Sequence),
        pulled_since: pulled_since_of(item)?,
        is_dissolved: flag(item, "gz")?,
        created_at: Timestamp(number(item, "gb")?),
        changed_at: Timestamp(number(item, "gc")?),
    }))
}

/// Since when the group of a head is pulled.
pub(crate) fn pulled_since_of(item: &Item) -> Result<Option<Sequence>, StoreError> {
    Ok(optional_number(item, "gq")?.map(Sequence))
}

fn roster_of(item: &Item) -> Result<Option<BTreeSet<UserId>>, StoreError> {
    let Some(users) = optional_list(item, "gr")? else { return Ok(None) };
    Ok(Some(users.into_iter().map(UserId::parse).collect::<Result<_, _>>()?))
}
