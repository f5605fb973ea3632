//! The conversations table: heads and member rows.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_dynamodb::{
    Client,
    operation::update_item::{UpdateItemError, builders::UpdateItemFluentBuilder},
    types::{AttributeValue, KeysAndAttributes, ReturnValue, ReturnValuesOnConditionCheckFailure},
};
use futures_util::future::try_join_all;
use tidings_domain::{
    conversation::{Advance, Member, Standing, Watermark, activity_bucket},
    ids::{ConversationId, DeviceId, Sequence, Timestamp, UserId},
    ports::{ActivityKey, ActivityPage, Conversations, PortResult, Unavailable},
    ring::{Ring, RingEntry},
};

use crate::{
    StoreError,
    error::failed,
    item::{Item, NO_KEY, binary_set, n, number, optional_number, s, text},
};

const INDEX_BY_USER: &str = "byUser";
const HEAD: &str = "head";
const MEMBER_PREFIX: &str = "m#";
/// A device's ring is the attribute of this prefix and the device's id: a set of 8-byte entries.
const RING_PREFIX: &str = "r#";
/// `BatchGetItem` takes so many keys.
const BATCH_KEYS_MAX: usize = 100;
/// Tries of keys that a batch left unprocessed. They were throttled, each try is half the batch at worst.
const BATCH_TRIES_MAX: usize = 8;

/// Heads and member rows in a table.
#[derive(Clone, Debug)]
pub struct DynamoConversations {
    client: Client,
    table: String,
}

impl DynamoConversations {
    /// The conversations in this table.
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into() }
    }

    /// Opens the connection to storage, by a read that finds nothing; failing it changes nothing.
    pub async fn warm_up(&self) {
        let read = self.client.query().table_name(&self.table).key_condition_expression("cid = :key");
        let _ = read.expression_attribute_values(":key", s(NO_KEY)).limit(1).send().await;
    }

    /// All rows of a direct conversation weigh less than one read unit, so one query reads them.
    async fn direct_standing(&self, conversation: &ConversationId, user: &UserId) -> Result<Standing, Unavailable> {
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("cid = :cid")
            .expression_attribute_values(":cid", s(conversation.to_string()))
            .consistent_read(true)
            .send()
            .await
            .map_err(failed("read a conversation"))?;
        standing_of(answer.items.unwrap_or_default(), user).map_err(failed("read a conversation"))
    }

    async fn group_standing(&self, conversation: &ConversationId, user: &UserId) -> Result<Standing, Unavailable> {
        let keys = [HEAD.to_owned(), member_key(user)].map(|sk| row_key(conversation, sk));
        let items = self.batch_get(keys.to_vec()).await?;
        standing_of(items, user).map_err(failed("read a conversation"))
    }

    async fn batch_get(&self, mut keys: Vec<Item>) -> Result<Vec<Item>, Unavailable> {
        const OPERATION: &str = "read member rows";
        let mut items = Vec::with_capacity(keys.len());
        for _ in 0..BATCH_TRIES_MAX {
            if keys.is_empty() {
                return Ok(items);
            }
            let request = KeysAndAttributes::builder()
                .set_keys(Some(keys))
                .consistent_read(true)
                .build()
                .map_err(failed(OPERATION))?;
            let answer = self
                .client
                .batch_get_item()
                .request_items(&self.table, request)
                .send()
                .await
                .map_err(failed(OPERATION))?;
            items.extend(answer.responses.unwrap_or_default().remove(&self.table).unwrap_or_default());
            let left = answer.unprocessed_keys.unwrap_or_default().remove(&self.table);
            keys = left.map(|left| left.keys).unwrap_or_default();
        }
        if keys.is_empty() { Ok(items) } else { Err(failed(OPERATION)(StoreError::Unprocessed)) }
    }

    async fn all_members(&self, conversation: &ConversationId) -> Result<Vec<Member>, Unavailable> {
        let mut members = Vec::new();
        let mut start_key = None;
        loop {
            let answer = self
                .client
                .query()
                .table_name(&self.table)
                .key_condition_expression("cid = :cid AND begins_with(sk, :m)")
                .expression_attribute_values(":cid", s(conversation.to_string()))
                .expression_attribute_values(":m", s(MEMBER_PREFIX))
                .set_exclusive_start_key(start_key)
                .send()
                .await
                .map_err(failed("read members"))?;
            for item in answer.items.unwrap_or_default() {
                members.push(member_of(&item).map_err(failed("read members"))?);
            }
            start_key = answer.last_evaluated_key;
            if start_key.is_none() {
                return Ok(members);
            }
        }
    }

    async fn user_memberships(
        &self,
        user: &UserId,
        conversations: &[ConversationId],
    ) -> Result<Vec<(ConversationId, Member)>, Unavailable> {
        let batches = conversations.chunks(BATCH_KEYS_MAX).map(|chunk| {
            // A batch with a key twice is refused.
            let unique: BTreeSet<&ConversationId> = chunk.iter().collect();
            self.batch_get(unique.into_iter().map(|c| row_key(c, member_key(user))).collect())
        });
        let items = try_join_all(batches).await?;
        let read = |item: &Item| Ok((ConversationId::parse(text(item, "cid")?)?, member_of(item)?));
        items
            .iter()
            .flatten()
            .map(|item| read(item).map_err(|error: StoreError| failed("read member rows")(error)))
            .collect()
    }

    async fn activity(
        &self,
        user: &UserId,
        since: Timestamp,
        from: Option<&ActivityKey>,
        limit: usize,
    ) -> Result<ActivityPage, Unavailable> {
        let start_key = from.map(|key| {
            let mut item = row_key(&key.conversation, member_key(user));
            item.insert("uid".into(), s(user.as_str()));
            item.insert("act".into(), n(key.bucket.0));
            item
        });
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(INDEX_BY_USER)
            .key_condition_expression("uid = :uid AND act >= :since")
            .expression_attribute_values(":uid", s(user.as_str()))
            .expression_attribute_values(":since", n(since.0))
            .scan_index_forward(false)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .set_exclusive_start_key(start_key)
            .send()
            .await
            .map_err(failed("list conversations"))?;
        let key_of = |item: &Item| {
            let conversation = ConversationId::parse(text(item, "cid")?)?;
            Ok(ActivityKey { bucket: Timestamp(number(item, "act")?), conversation })
        };
        let read = |item: &Item| key_of(item).map_err(|error: StoreError| failed("list conversations")(error));
        let keys = answer.items.unwrap_or_default().iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let next = answer.last_evaluated_key.as_ref().map(read).transpose()?;
        Ok(ActivityPage { keys, next })
    }

    /// One write where the entries are new. Rings are sets, so repeats and order do not matter;
    /// the rest is taken by the highest sequence alone.
    async fn advance_member(
        &self,
        conversation: &ConversationId,
        user: &UserId,
        advance: &Advance,
    ) -> Result<(), Unavailable> {
        const OPERATION: &str = "advance a member row";
        let update = self
            .update(conversation, user)
            .condition_expression(allow_missing_if_direct(conversation, "attribute_not_exists(ls) OR ls < :seq"))
            .expression_attribute_values(":seq", n(advance.last_sequence.0))
            .expression_attribute_values(":ts", n(advance.last_ts.0))
            .expression_attribute_values(":uid", s(user.as_str()))
            .expression_attribute_values(":act", n(activity_bucket(advance.last_ts).0))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let update = ring_sets(update, &advance.sent);
        let expression = format!("SET uid = :uid, act = :act, ls = :seq, lt = :ts{}", add_rings(&advance.sent));
        let row = match update.update_expression(expression).send().await {
            Ok(answer) => answer.attributes,
            Err(error) => {
                let Some(UpdateItemError::ConditionalCheckFailedException(refused)) = error.as_service_error() else {
                    return Err(failed(OPERATION)(error));
                };
                // A later entry came first: the rings may still lack these.
                let Some(row) = refused.item.clone() else { return Ok(()) };
                self.complete_rings(conversation, user, &row, &advance.sent).await?
            }
        };
        self.trim_rings(conversation, user, row.as_ref()).await
    }

    async fn complete_rings(
        &self,
        conversation: &ConversationId,
        user: &UserId,
        row: &Item,
        sent: &BTreeMap<DeviceId, Vec<RingEntry>>,
    ) -> Result<Option<Item>, Unavailable> {
        let rings = member_of(row).map_err(failed("read a member row"))?.rings;
        let has = |device: &DeviceId, entry: &RingEntry| rings.get(device).is_some_and(|ring| ring.contains(*entry));
        if sent.iter().all(|(device, entries)| entries.iter().all(|entry| has(device, entry))) {
            return Ok(None);
        }
        let update = self
            .update(conversation, user)
            .condition_expression("attribute_exists(cid)")
            .update_expression(add_rings(sent).trim_start().to_owned())
            .return_values(ReturnValue::AllNew);
        let answer = ring_sets(update, sent).send().await.map_err(failed("complete a ring"))?;
        Ok(answer.attributes)
    }

    async fn trim_rings(
        &self,
        conversation: &ConversationId,
        user: &UserId,
        row: Option<&Item>,
    ) -> Result<(), Unavailable> {
        let Some(row) = row else { return Ok(()) };
        for (device, ring) in member_of(row).map_err(failed("read a member row"))?.rings {
            if !ring.surplus().is_empty() {
                self.update(conversation, user)
                    .condition_expression("attribute_exists(cid)")
                    .update_expression("DELETE #ring :surplus")
                    .expression_attribute_names("#ring", format!("{RING_PREFIX}{device}"))
                    .expression_attribute_values(":surplus", binary_set(ring.surplus().iter().map(RingEntry::as_bytes)))
                    .send()
                    .await
                    .map_err(failed("trim a ring"))?;
            }
        }
        Ok(())
    }

    async fn raise_mark(
        &self,
        conversation: &ConversationId,
        user: &UserId,
        mark: Watermark,
        up_to: Sequence,
        now: Timestamp,
    ) -> Result<bool, Unavailable> {
        let act = activity_bucket(now);
        match mark {
            Watermark::Delivered => {
                let (condition, set) =
                    ("attribute_not_exists(dl) OR dl < :seq", "dl = :seq, act = if_not_exists(act, :act)");
                Ok(self.raise_if(conversation, user, condition, set, up_to, act).await?.is_ok())
            }
            // Read implies delivered, and moves the conversation in the lists of the user's other devices.
            Watermark::Read => {
                let condition = "(attribute_not_exists(rd) OR rd < :seq) AND (attribute_not_exists(dl) OR dl <= :seq)";
                let both = self.raise_if(conversation, user, condition, "rd = :seq, dl = :seq, act = :act", up_to, act);
                let Err(row) = both.await? else { return Ok(true) };
                let read =
                    row.map(|row| optional_number(&row, "rd")).transpose().map_err(failed("read a member row"))?;
                if read.flatten().unwrap_or_default() >= up_to.0 {
                    return Ok(false);
                }
                // More was delivered than is read now.
                let condition = "attribute_not_exists(rd) OR rd < :seq";
                let read_only = self.raise_if(conversation, user, condition, "rd = :seq, act = :act", up_to, act);
                Ok(read_only.await?.is_ok())
            }
        }
    }

    /// Ok where the condition held; else the row that it was refused for.
    async fn raise_if(
        &self,
        conversation: &ConversationId,
        user: &UserId,
        condition: &str,
        set: &str,
        up_to: Sequence,
        act: Timestamp,
    ) -> Result<Result<(), Option<Item>>, Unavailable> {
        let answer = self
            .update(conversation, user)
            .condition_expression(allow_missing_if_direct(conversation, condition))
            .update_expression(format!("SET uid = :uid, {set}"))
            .expression_attribute_values(":uid", s(user.as_str()))
            .expression_attribute_values(":seq", n(up_to.0))
            .expression_attribute_values(":act", n(act.0))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match answer {
            Ok(_) => Ok(Ok(())),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(refused)) => Ok(Err(refused.item.clone())),
                _ => Err(failed("raise a watermark")(error)),
            },
        }
    }

    fn update(&self, conversation: &ConversationId, user: &UserId) -> UpdateItemFluentBuilder {
        self.client.update_item().table_name(&self.table).set_key(Some(row_key(conversation, member_key(user))))
    }
}

impl Conversations for DynamoConversations {
    fn standing<'a>(&'a self, conversation: &'a ConversationId, user: &'a UserId) -> PortResult<'a, Standing> {
        match conversation {
            ConversationId::Direct(..) => Box::pin(self.direct_standing(conversation, user)),
            ConversationId::Group(_) => Box::pin(self.group_standing(conversation, user)),
        }
    }

    fn members<'a>(&'a self, conversation: &'a ConversationId) -> PortResult<'a, Vec<Member>> {
        Box::pin(self.all_members(conversation))
    }

    fn memberships<'a>(
        &'a self,
        user: &'a UserId,
        conversations: &'a [ConversationId],
    ) -> PortResult<'a, Vec<(ConversationId, Member)>> {
        Box::pin(self.user_memberships(user, conversations))
    }

    fn by_activity<'a>(
        &'a self,
        user: &'a UserId,
        since: Timestamp,
        from: Option<&'a ActivityKey>,
        limit: usize,
    ) -> PortResult<'a, ActivityPage> {
        Box::pin(self.activity(user, since, from, limit))
    }

    fn advance<'a>(
        &'a self,
        conversation: &'a ConversationId,
        user: &'a UserId,
        advance: &'a Advance,
    ) -> PortResult<'a, ()> {
        Box::pin(self.advance_member(conversation, user, advance))
    }

    fn raise<'a>(
        &'a self,
        conversation: &'a ConversationId,
        user: &'a UserId,
        mark: Watermark,
        up_to: Sequence,
        now: Timestamp,
    ) -> PortResult<'a, bool> {
        Box::pin(self.raise_mark(conversation, user, mark, up_to, now))
    }
}

/// A direct conversation's rows are made when they are first needed; a group's row is there
/// exactly while the user is a member and must not come back by a late event.
fn allow_missing_if_direct(conversation: &ConversationId, condition: &str) -> String {
    match conversation {
        ConversationId::Direct(..) => condition.to_owned(),
        ConversationId::Group(_) => format!("attribute_exists(cid) AND ({condition})"),
    }
}

fn row_key(conversation: &ConversationId, sk: String) -> Item {
    HashMap::from([("cid".to_owned(), s(conversation.to_string())), ("sk".to_owned(), s(sk))])
}

fn member_key(user: &UserId) -> String {
    format!("{MEMBER_PREFIX}{user}")
}

/// ` ADD #r0 :r0, …`, with the names and values that [`ring_sets`] gives.
fn add_rings(sent: &BTreeMap<DeviceId, Vec<RingEntry>>) -> String {
    let adds: Vec<String> = (0..sent.len()).map(|i| format!("#r{i} :r{i}")).collect();
    if adds.is_empty() { String::new() } else { format!(" ADD {}", adds.join(", ")) }
}

fn ring_sets(
    mut update: UpdateItemFluentBuilder,
    sent: &BTreeMap<DeviceId, Vec<RingEntry>>,
) -> UpdateItemFluentBuilder {
    for (i, (device, entries)) in sent.iter().enumerate() {
        let unique: BTreeSet<&[u8; 8]> = entries.iter().map(RingEntry::as_bytes).collect();
        update = update
            .expression_attribute_names(format!("#r{i}"), format!("{RING_PREFIX}{device}"))
            .expression_attribute_values(format!(":r{i}"), binary_set(unique));
    }
    update
}

fn standing_of(items: Vec<Item>, user: &UserId) -> Result<Standing, StoreError> {
    let mut standing = Standing::default();
    for item in items {
        match text(&item, "sk")? {
            HEAD => standing.membership_version = Sequence(optional_number(&item, "mv")?.unwrap_or_default()),
            key if key == member_key(user) => standing.member = Some(member_of(&item)?),
            _ => {}
        }
    }
    Ok(standing)
}

fn member_of(item: &Item) -> Result<Member, StoreError> {
    let sequence = |name| optional_number(item, name).map(|n| Sequence(n.unwrap_or_default()));
    let moment = |name| optional_number(item, name).map(|n| Timestamp(n.unwrap_or_default()));
    let user = text(item, "sk")?.strip_prefix(MEMBER_PREFIX).ok_or(StoreError::Attribute("sk"))?;
    Ok(Member {
        user: UserId::parse(user)?,
        last_sequence: sequence("ls")?,
        last_ts: moment("lt")?,
        delivered_up_to: sequence("dl")?,
        read_up_to: sequence("rd")?,
        joined_at: sequence("jn")?,
        muted_until: moment("mu")?,
        rings: rings_of(item)?,
    })
}

fn rings_of(item: &Item) -> Result<BTreeMap<DeviceId, Ring>, StoreError> {
    let mut rings = BTreeMap::new();
    for (name, value) in item {
        let Some(device) = name.strip_prefix(RING_PREFIX) else { continue };
        let AttributeValue::Bs(entries) = value else { return Err(StoreError::Attribute("r#")) };
        let entries = entries
            .iter()
            .map(|entry| RingEntry::from_bytes(entry.as_ref()).ok_or(StoreError::Attribute("r#")))
            .collect::<Result<Vec<_>, _>>()?;
        rings.insert(DeviceId::parse(device)?, Ring::new(entries));
    }
    Ok(rings)
}
