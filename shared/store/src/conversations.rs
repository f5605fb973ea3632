//! The conversations table: heads and member rows.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_dynamodb::{
    Client,
    operation::update_item::{UpdateItemError, builders::UpdateItemFluentBuilder},
    types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure},
};
use futures_util::future::try_join_all;
use tidings_domain::{
    conversation::{
        Advance, Advanced, Agreement, Label, Member, Members, PULLED_BUCKET, PeerRule, PreferencesPatch, Reach,
        ReachMove, Standing, Watermark, activity_bucket,
    },
    ids::{ConversationId, DeviceId, Sequence, Timestamp, UserId},
    limits::PUSHED_ROWS_FIRST,
    membership::{GroupChange, GroupView},
    ports::{ActivityKey, ActivityPage, Append, Consistency, Conversations, PortResult, Unavailable},
    ring::{Ring, RingEntry},
    signals::{Metric, measure},
};

use crate::{
    StoreError,
    error::{failed, update_held, update_if},
    groups::{group_of, pulled_since_of, role_of},
    item::{
        BATCH_KEYS_MAX, Item, NO_KEY, batch_get, binary_set, flag, n, number, optional_number, optional_text, s, text,
    },
};

const INDEX_BY_USER: &str = "byUser";
pub(crate) const HEAD: &str = "head";
pub(crate) const MEMBER_PREFIX: &str = "m#";
/// After every member row: `$` follows `#`.
pub(crate) const MEMBER_END: &str = "m$";
/// A device's ring is the attribute of this prefix and the device's id: a set of 8-byte entries.
const RING_PREFIX: &str = "r#";
/// Tries of a mark: the row may be another each time.
const RAISE_TRIES_MAX: usize = 4;

/// A row is filed in the index of activity otherwise than was expected.
struct FiledOtherwise;

/// Heads and member rows in a table.
#[derive(Clone, Debug)]
pub struct DynamoConversations {
    pub(crate) client: Client,
    pub(crate) table: String,
    /// The log's table: a change of a group is one transaction on both.
    pub(crate) log: String,
}

impl DynamoConversations {
    /// The conversations in this table, whose log is in the other.
    pub fn new(client: Client, table: impl Into<String>, log: impl Into<String>) -> Self {
        Self { client, table: table.into(), log: log.into() }
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

    /// Single items by their keys, strongly consistent, in as many requests as they need.
    pub(crate) async fn batch_get(&self, keys: Vec<Item>) -> Result<Vec<Item>, Unavailable> {
        batch_get(&self.client, &self.table, keys, true, "read member rows").await
    }

    /// One query reads the head, which comes first, and the member rows: all of them or, where the
    /// group is pulled, no more than came with the head, which are of no use then.
    async fn all_members(
        &self,
        conversation: &ConversationId,
        consistency: Consistency,
        pushed_alone: bool,
    ) -> Result<Members, Unavailable> {
        const OPERATION: &str = "read members";
        let mut members = Members::default();
        let mut start_key = None;
        // The head, and as many rows as are read in vain at most.
        let mut limit = pushed_alone.then(|| i32::try_from(PUSHED_ROWS_FIRST + 1).unwrap_or(i32::MAX));
        loop {
            let answer = self
                .client
                .query()
                .table_name(&self.table)
                .key_condition_expression("cid = :cid AND sk BETWEEN :head AND :end")
                .expression_attribute_values(":cid", s(conversation.to_string()))
                .expression_attribute_values(":head", s(HEAD))
                .expression_attribute_values(":end", s(MEMBER_END))
                .consistent_read(consistency == Consistency::Strong)
                .set_limit(limit)
                .set_exclusive_start_key(start_key)
                .send()
                .await
                .map_err(failed(OPERATION))?;
            for item in answer.items.unwrap_or_default() {
                if text(&item, "sk").map_err(failed(OPERATION))? == HEAD {
                    let number = |name| optional_number(&item, name).map(Option::unwrap_or_default);
                    members.version = Sequence(number("mv").map_err(failed(OPERATION))?);
                    members.changed_at = Timestamp(number("gc").map_err(failed(OPERATION))?);
                    members.agreements = number("av").map_err(failed(OPERATION))?;
                    members.indexes_text = flag(&item, "it").map_err(failed(OPERATION))?;
                    members.pulled_since = pulled_since_of(&item).map_err(failed(OPERATION))?;
                    members.reach = reach_of(&item).map_err(failed(OPERATION))?;
                } else {
                    members.rows.push(member_of(&item).map_err(failed(OPERATION))?);
                }
            }
            if pushed_alone && members.settled_reach().is_some() {
                members.rows.clear();
                return Ok(members);
            }
            start_key = answer.last_evaluated_key;
            limit = None;
            if start_key.is_none() {
                return Ok(members);
            }
        }
    }

    async fn heads_reaches(
        &self,
        conversations: &[ConversationId],
    ) -> Result<Vec<(ConversationId, Reach)>, Unavailable> {
        let unique: BTreeSet<&ConversationId> = conversations.iter().collect();
        let items = self.batch_get(unique.into_iter().map(|c| row_key(c, HEAD.to_owned())).collect()).await?;
        let read = |item: &Item| {
            let conversation = ConversationId::parse(text(item, "cid")?)?;
            Ok(reach_of(item)?.map(|reach| (conversation, reach)))
        };
        let read = |item: &Item| read(item).map_err(|error: StoreError| failed("read heads")(error));
        items.iter().filter_map(|item| read(item).transpose()).collect()
    }

    async fn change_reach(&self, conversation: &ConversationId, change: &ReachMove) -> Result<bool, Unavailable> {
        let update =
            self.client.update_item().table_name(&self.table).set_key(Some(row_key(conversation, HEAD.to_owned())));
        let set = |update: UpdateItemFluentBuilder, reach: &Reach| {
            update
                .expression_attribute_values(":seq", n(reach.last_sequence.0))
                .expression_attribute_values(":ts", n(reach.last_ts.0))
        };
        let update = match change {
            ReachMove::Begin(reach) => set(update, reach)
                .update_expression("SET ls = :seq, lt = :ts, li = :since")
                .condition_expression("gq = :since AND (attribute_not_exists(ls) OR li <> :since)")
                .expression_attribute_values(":since", n(reach.since.0)),
            // An absent attribute compares with nothing.
            ReachMove::Rise(reach) => {
                set(update, reach).update_expression("SET ls = :seq, lt = :ts").condition_expression("ls < :seq")
            }
            ReachMove::End { up_to } => update
                .update_expression("REMOVE ls, lt, li")
                .condition_expression("attribute_not_exists(gq) AND ls <= :seq")
                .expression_attribute_values(":seq", n(up_to.0)),
        };
        update_held(update, "change the reach of a group").await
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

    /// One write where the entries are new. Rings are sets, so repeats do not matter.
    async fn advance_member(
        &self,
        conversation: &ConversationId,
        user: &UserId,
        advance: &Advance,
    ) -> Result<Advanced, Unavailable> {
        const OPERATION: &str = "advance a member row";
        let mut update = self.update(conversation, user);
        let condition = if advance.after == Sequence::ZERO {
            "attribute_not_exists(ls) OR ls < :seq"
        } else {
            update = update.expression_attribute_values(":after", n(advance.after.0));
            "ls >= :after AND ls < :seq"
        };
        let update = update
            .condition_expression(allow_missing_if_direct(conversation, condition))
            .expression_attribute_values(":seq", n(advance.last_sequence.0))
            .expression_attribute_values(":ts", n(advance.last_ts.0))
            .expression_attribute_values(":uid", s(user.as_str()))
            .expression_attribute_values(":act", n(activity_bucket(advance.moved_at).0))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let update = ring_sets(update, &advance.sent);
        let sent = if advance.sent_at.is_some() { ", st = :st" } else { "" };
        let update = match advance.sent_at {
            Some(at) => update.expression_attribute_values(":st", n(at.0)),
            None => update,
        };
        let expression = format!("SET uid = :uid, act = :act, ls = :seq, lt = :ts{sent}{}", add_rings(&advance.sent));
        let row = match update.update_expression(expression).send().await {
            Ok(answer) => answer.attributes,
            Err(error) => {
                let Some(UpdateItemError::ConditionalCheckFailedException(refused)) = error.as_service_error() else {
                    return Err(failed(OPERATION)(error));
                };
                let got_to = match &refused.item {
                    Some(row) => optional_number(row, "ls").map_err(failed(OPERATION))?,
                    // Who is not in the group has no row, and is not to get one.
                    None if matches!(conversation, ConversationId::Group(_)) => return Ok(Advanced::Done),
                    None => None,
                };
                let got_to = Sequence(got_to.unwrap_or_default());
                if got_to < advance.after {
                    return Ok(Advanced::Behind(got_to));
                }
                let Some(row) = refused.item.clone() else { return Ok(Advanced::Done) };
                self.complete_rings(conversation, user, &row, &advance.sent).await?
            }
        };
        self.trim_rings(conversation, user, row.as_ref()).await?;
        Ok(Advanced::Done)
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

    async fn heat_head(&self, conversation: &ConversationId, until: Timestamp) -> Result<(), Unavailable> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(row_key(conversation, HEAD.to_owned())))
            .condition_expression("attribute_not_exists(hot) OR hot < :until")
            .update_expression("SET hot = :until")
            .expression_attribute_values(":until", n(until.0))
            .send()
            .await;
        update_if(update.map(drop), "heat a conversation")
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
                    ("attribute_not_exists(dl) OR dl < :seq", "dl = :seq, da = :now, act = if_not_exists(act, :act)");
                Ok(self.raise_if(conversation, user, condition, set, up_to, (act, now)).await?.is_ok())
            }
            Watermark::Read => self.raise_read(conversation, user, up_to, (act, now)).await,
        }
    }

    /// Read implies delivered, and moves the conversation in the lists of the user's other devices,
    /// unless it is filed where lists always look. The first try is for the usual row; where it is
    /// another, the row that was found tells what to write, on the condition that it is still so.
    async fn raise_read(
        &self,
        conversation: &ConversationId,
        user: &UserId,
        up_to: Sequence,
        (act, now): (Timestamp, Timestamp),
    ) -> Result<bool, Unavailable> {
        let rises = "(attribute_not_exists(rd) OR rd < :seq)";
        let delivers = "(attribute_not_exists(dl) OR dl <= :seq)";
        let files = "(attribute_not_exists(act) OR act < :far)";
        let (mut raises_both, mut is_filed) = (true, true);
        for _ in 0..RAISE_TRIES_MAX {
            let dl = if raises_both { (delivers, ", dl = :seq") } else { ("dl > :seq", "") };
            let filing = if is_filed { (files, ", act = :act") } else { ("act = :far", "") };
            let condition = format!("{rises} AND {} AND {}", dl.0, filing.0);
            let set = format!("rd = :seq{}{}", dl.1, filing.1);
            let row = match self.raise_if(conversation, user, &condition, &set, up_to, (act, now)).await? {
                Ok(before) => {
                    measure_reading(before.as_ref(), up_to, now);
                    return Ok(true);
                }
                Err(row) => row,
            };
            let Some(row) = row else { return Ok(false) };
            let number = |name| optional_number(&row, name).map(Option::unwrap_or_default);
            if number("rd").map_err(failed("read a member row"))? >= up_to.0 {
                return Ok(false);
            }
            raises_both = number("dl").map_err(failed("read a member row"))? <= up_to.0;
            is_filed = number("act").map_err(failed("read a member row"))? < PULLED_BUCKET.0;
        }
        Err(failed("raise a watermark")(StoreError::Unprocessed))
    }

    /// Ok, with the row as it was before, where the condition held; else the row that it was refused for.
    async fn raise_if(
        &self,
        conversation: &ConversationId,
        user: &UserId,
        condition: &str,
        set: &str,
        up_to: Sequence,
        (act, now): (Timestamp, Timestamp),
    ) -> Result<Result<Option<Item>, Option<Item>>, Unavailable> {
        let mut update = self
            .update(conversation, user)
            .condition_expression(allow_missing_if_direct(conversation, condition))
            .update_expression(format!("SET uid = :uid, {set}"))
            .expression_attribute_values(":uid", s(user.as_str()))
            .expression_attribute_values(":seq", n(up_to.0))
            // Costs nothing: the row is read for the condition.
            .return_values(ReturnValue::AllOld)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        // A value that no expression names is refused.
        for (name, value) in [(":act", act), (":far", PULLED_BUCKET), (":now", now)] {
            if set.contains(name) || condition.contains(name) {
                update = update.expression_attribute_values(name, n(value.0));
            }
        }
        match update.send().await {
            Ok(done) => Ok(Ok(done.attributes)),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(refused)) => Ok(Err(refused.item.clone())),
                _ => Err(failed("raise a watermark")(error)),
            },
        }
    }

    async fn prefer(
        &self,
        conversation: &ConversationId,
        user: &UserId,
        patch: &PreferencesPatch,
        now: Timestamp,
    ) -> Result<Option<Member>, Unavailable> {
        // Nearly always the first is right; a row that is filed where lists always look stays there.
        for is_filed in [true, false, true] {
            if let Ok(row) = self.prefer_if(conversation, user, patch, now, is_filed).await? {
                return Ok(row);
            }
        }
        Err(failed("set preferences")(StoreError::Unprocessed))
    }

    /// The row with the changes, if it is there; an error where it is filed otherwise than expected.
    async fn prefer_if(
        &self,
        conversation: &ConversationId,
        user: &UserId,
        patch: &PreferencesPatch,
        now: Timestamp,
        is_filed: bool,
    ) -> Result<Result<Option<Member>, FiledOtherwise>, Unavailable> {
        const OPERATION: &str = "set preferences";
        let mut sets = vec!["uid = :uid".to_owned()];
        let mut removes = Vec::new();
        let mut update = self
            .update(conversation, user)
            .expression_attribute_values(":uid", s(user.as_str()))
            .expression_attribute_values(":far", n(PULLED_BUCKET.0))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        if is_filed {
            sets.push("act = :act".into());
            update = update.expression_attribute_values(":act", n(activity_bucket(now).0));
        }
        match patch.muted_until {
            Some(Timestamp(0)) => removes.push("mu"),
            Some(until) => {
                sets.push("mu = :mu".into());
                update = update.expression_attribute_values(":mu", n(until.0));
            }
            None => {}
        }
        match patch.is_pinned {
            Some(true) => {
                sets.push("pi = if_not_exists(pi, :now)".into());
                update = update.expression_attribute_values(":now", n(now.0));
            }
            Some(false) => removes.push("pi"),
            None => {}
        }
        match patch.is_archived {
            Some(true) => {
                sets.push("ar = :ar".into());
                update = update.expression_attribute_values(":ar", AttributeValue::Bool(true));
            }
            Some(false) => removes.push("ar"),
            None => {}
        }
        let removes = if removes.is_empty() { String::new() } else { format!(" REMOVE {}", removes.join(", ")) };
        let filing = if is_filed { "attribute_not_exists(act) OR act < :far" } else { "act = :far" };
        update = update
            .update_expression(format!("SET {}{removes}", sets.join(", ")))
            .condition_expression(allow_missing_if_direct(conversation, filing));
        match update.send().await {
            Ok(answer) => {
                let row = answer.attributes.unwrap_or_default();
                member_of(&row).map(|row| Ok(Some(row))).map_err(failed(OPERATION))
            }
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(refused)) => {
                    Ok(if refused.item.is_some() { Err(FiledOtherwise) } else { Ok(None) })
                }
                _ => Err(failed(OPERATION)(error)),
            },
        }
    }

    async fn flag(&self, conversation: &ConversationId, user: &UserId, now: Timestamp) -> Result<bool, Unavailable> {
        let mut update = self
            .update(conversation, user)
            .update_expression("SET uid = :uid, hh = :yes, act = if_not_exists(act, :act)")
            .expression_attribute_values(":uid", s(user.as_str()))
            .expression_attribute_values(":yes", AttributeValue::Bool(true))
            .expression_attribute_values(":act", n(activity_bucket(now).0));
        if matches!(conversation, ConversationId::Group(_)) {
            update = update.condition_expression("attribute_exists(cid)");
        }
        update_held(update, "note that something is hidden").await
    }

    /// A row that is made here has neither `uid` nor `act`, by which lists find it.
    async fn rule_peer(&self, conversation: &ConversationId, user: &UserId, rule: PeerRule) -> Result<(), Unavailable> {
        let update = self.update(conversation, user);
        let update = match rule {
            PeerRule::Block(at) => update
                .update_expression("SET #bk = if_not_exists(#bk, :at)")
                .expression_attribute_names("#bk", "bk")
                .expression_attribute_values(":at", n(at.0)),
            PeerRule::Unblock => update.update_expression("REMOVE #bk").expression_attribute_names("#bk", "bk"),
            PeerRule::Accept(at) => update
                .update_expression("SET #ok = :at")
                .expression_attribute_names("#ok", "ok")
                .expression_attribute_values(":at", n(at.0)),
        };
        update.send().await.map(drop).map_err(failed("rule who may write"))
    }

    async fn keep_direct_ttl(
        &self,
        conversation: &ConversationId,
        ttl_seconds: Option<u64>,
    ) -> Result<(), Unavailable> {
        let update =
            self.client.update_item().table_name(&self.table).set_key(Some(row_key(conversation, HEAD.to_owned())));
        let update = match ttl_seconds {
            Some(ttl_seconds) => {
                update.update_expression("SET gx = :ttl").expression_attribute_values(":ttl", n(ttl_seconds))
            }
            None => update.update_expression("REMOVE gx"),
        };
        update.send().await.map(drop).map_err(failed("set the life of messages"))
    }

    async fn labels_of(
        &self,
        conversations: &[ConversationId],
    ) -> Result<BTreeMap<ConversationId, Label>, Unavailable> {
        const OPERATION: &str = "read the heads of conversations";
        let batches = conversations.chunks(BATCH_KEYS_MAX).map(|chunk| {
            let unique: BTreeSet<&ConversationId> = chunk.iter().collect();
            self.batch_get(unique.into_iter().map(|c| row_key(c, HEAD.to_owned())).collect())
        });
        let items = try_join_all(batches).await?;
        items.iter().flatten().map(label_of).collect::<Result<_, _>>().map_err(failed(OPERATION))
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

    fn settled_standing<'a>(&'a self, conversation: &'a ConversationId, user: &'a UserId) -> PortResult<'a, Standing> {
        Box::pin(self.standing_of_one_moment(conversation, user))
    }

    fn members<'a>(&'a self, conversation: &'a ConversationId, consistency: Consistency) -> PortResult<'a, Members> {
        Box::pin(self.all_members(conversation, consistency, false))
    }

    fn pushed_members<'a>(
        &'a self,
        conversation: &'a ConversationId,
        consistency: Consistency,
    ) -> PortResult<'a, Members> {
        Box::pin(self.all_members(conversation, consistency, true))
    }

    fn reaches<'a>(&'a self, conversations: &'a [ConversationId]) -> PortResult<'a, Vec<(ConversationId, Reach)>> {
        Box::pin(self.heads_reaches(conversations))
    }

    fn move_reach<'a>(&'a self, conversation: &'a ConversationId, change: &'a ReachMove) -> PortResult<'a, bool> {
        Box::pin(self.change_reach(conversation, change))
    }

    fn group<'a>(&'a self, conversation: &'a ConversationId, users: &'a [UserId]) -> PortResult<'a, GroupView> {
        Box::pin(self.group_view(conversation, users))
    }

    fn members_after<'a>(
        &'a self,
        conversation: &'a ConversationId,
        after: Option<&'a UserId>,
        limit: usize,
    ) -> PortResult<'a, Vec<Member>> {
        Box::pin(self.members_by_name(conversation, after, limit))
    }

    fn change_group<'a>(&'a self, change: &'a GroupChange) -> PortResult<'a, Append> {
        Box::pin(self.transact(change))
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
    ) -> PortResult<'a, Advanced> {
        Box::pin(self.advance_member(conversation, user, advance))
    }

    fn heat<'a>(&'a self, conversation: &'a ConversationId, until: Timestamp) -> PortResult<'a, ()> {
        Box::pin(self.heat_head(conversation, until))
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

    fn set_preferences<'a>(
        &'a self,
        conversation: &'a ConversationId,
        user: &'a UserId,
        patch: &'a PreferencesPatch,
        now: Timestamp,
    ) -> PortResult<'a, Option<Member>> {
        Box::pin(self.prefer(conversation, user, patch, now))
    }

    fn set_peer_rule<'a>(
        &'a self,
        conversation: &'a ConversationId,
        user: &'a UserId,
        rule: PeerRule,
    ) -> PortResult<'a, ()> {
        Box::pin(self.rule_peer(conversation, user, rule))
    }

    fn set_direct_ttl<'a>(&'a self, conversation: &'a ConversationId, ttl_seconds: Option<u64>) -> PortResult<'a, ()> {
        Box::pin(self.keep_direct_ttl(conversation, ttl_seconds))
    }

    fn note_agreement<'a>(
        &'a self,
        conversation: &'a ConversationId,
        user: &'a UserId,
        agreement: Agreement,
        now: Timestamp,
    ) -> PortResult<'a, bool> {
        Box::pin(self.keep_agreement(conversation, user, agreement, now))
    }

    fn index_text<'a>(
        &'a self,
        conversation: &'a ConversationId,
        version: Sequence,
        agreements: u64,
    ) -> PortResult<'a, bool> {
        Box::pin(self.let_text_be_indexed(conversation, version, agreements))
    }

    fn labels<'a>(&'a self, conversations: &'a [ConversationId]) -> PortResult<'a, BTreeMap<ConversationId, Label>> {
        Box::pin(self.labels_of(conversations))
    }

    fn flag_hidden<'a>(
        &'a self,
        conversation: &'a ConversationId,
        user: &'a UserId,
        now: Timestamp,
    ) -> PortResult<'a, bool> {
        Box::pin(self.flag(conversation, user, now))
    }
}

fn label_of(head: &Item) -> Result<(ConversationId, Label), StoreError> {
    let label = Label {
        title: optional_text(head, "gt")?.map(Into::into),
        avatar: optional_text(head, "ga")?.map(Into::into),
        ttl_seconds: optional_number(head, "gx")?,
        indexes_text: flag(head, "it")?,
        text_since: Timestamp(optional_number(head, "ix")?.unwrap_or_default()),
    };
    Ok((ConversationId::parse(text(head, "cid")?)?, label))
}

/// A direct conversation's rows are made when they are first needed; a group's row is there
/// exactly while the user is a member and must not come back by a late event.
fn allow_missing_if_direct(conversation: &ConversationId, condition: &str) -> String {
    match conversation {
        ConversationId::Direct(..) => condition.to_owned(),
        ConversationId::Group(_) => format!("attribute_exists(cid) AND ({condition})"),
    }
}

pub(crate) fn row_key(conversation: &ConversationId, sk: String) -> Item {
    HashMap::from([("cid".to_owned(), s(conversation.to_string())), ("sk".to_owned(), s(sk))])
}

pub(crate) fn member_key(user: &UserId) -> String {
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

pub(crate) fn standing_of(items: Vec<Item>, user: &UserId) -> Result<Standing, StoreError> {
    let mut standing = Standing::default();
    for item in items {
        match text(&item, "sk")? {
            HEAD => {
                standing.membership_version = Sequence(optional_number(&item, "mv")?.unwrap_or_default());
                standing.hot_until = Timestamp(optional_number(&item, "hot")?.unwrap_or_default());
                standing.group = group_of(&item)?;
                standing.direct_ttl_seconds = match standing.group {
                    Some(_) => None,
                    None => optional_number(&item, "gx")?,
                };
                standing.indexes_text = flag(&item, "it")?;
                standing.reach = reach_of(&item)?;
            }
            key if key == member_key(user) => standing.member = Some(member_of(&item)?),
            key if key.starts_with(MEMBER_PREFIX) => standing.peer = Some(member_of(&item)?),
            _ => {}
        }
    }
    Ok(standing)
}

/// How far a group that is pulled has been seen; none where its head does not say.
pub(crate) fn reach_of(item: &Item) -> Result<Option<Reach>, StoreError> {
    let Some(last_sequence) = optional_number(item, "ls")? else { return Ok(None) };
    let number = |name| optional_number(item, name).map(Option::unwrap_or_default);
    let (last_ts, since) = (number("lt")?, number("li")?);
    Ok(Some(Reach { last_sequence: Sequence(last_sequence), last_ts: Timestamp(last_ts), since: Sequence(since) }))
}

pub(crate) fn member_of(item: &Item) -> Result<Member, StoreError> {
    let sequence = |name| optional_number(item, name).map(|n| Sequence(n.unwrap_or_default()));
    let moment = |name| optional_number(item, name).map(|n| Timestamp(n.unwrap_or_default()));
    let user = text(item, "sk")?.strip_prefix(MEMBER_PREFIX).ok_or(StoreError::Attribute("sk"))?;
    Ok(Member {
        user: UserId::parse(user)?,
        last_sequence: sequence("ls")?,
        last_ts: moment("lt")?,
        active_at: moment("act")?,
        delivered_up_to: sequence("dl")?,
        read_up_to: sequence("rd")?,
        joined_at: sequence("jn")?,
        role: role_of(item)?,
        sent_at: moment("st")?,
        muted_until: moment("mu")?,
        pinned_at: moment("pi")?,
        is_archived: flag(item, "ar")?,
        has_hidden: flag(item, "hh")?,
        agrees_to_search: flag(item, "ag")?,
        blocked_at: moment("bk")?,
        accepted_at: moment("ok")?,
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

/// Measures from the delivery to the reading, where what is read now is what was delivered last: of what was delivered
/// before it the row tells no time.
fn measure_reading(before: Option<&Item>, up_to: Sequence, now: Timestamp) {
    let of = |name| before.and_then(|row| optional_number(row, name).ok().flatten());
    if let (Some(delivered), Some(at)) = (of("dl"), of("da"))
        && delivered == up_to.0
    {
        measure(Metric::DeliveredToReadMs, now.ms_since(Timestamp(at)));
    }
}
