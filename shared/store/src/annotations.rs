//! Rows about single messages.
//!
//! | key | what |
//! |---|---|
//! | `MESSAGE`, `d` | the message is deleted |
//! | `MESSAGE`, `e#SEQ` | an edit |
//! | `MESSAGE`, `rc` `vc` | how many chose what, an attribute for each choice |
//! | `MESSAGE`, `ru#USER` `vu#USER` | what a user said last, and where |
//! | `CONVERSATION#MESSAGE`, `t#SEQ` | a reply in its thread: whoever replies may name a message of another conversation |
//! | `CONVERSATION#MESSAGE`, `tm#USER` | up to where a user has read the thread |
//! | `MESSAGE`, `o#USER` | who has opened it |
//! | `CONVERSATION#pins`, `MESSAGE` | a pin; in the index `byTime` while it is pinned |
//! | `CONVERSATION#threads`, `MESSAGE` | a thread, in `byTime` by its last reply |

use std::{collections::BTreeMap, sync::Arc};

use aws_sdk_dynamodb::{
    Client,
    operation::{put_item::PutItemError, transact_write_items::TransactWriteItemsError},
    types::{Put, ReturnValuesOnConditionCheckFailure, Select, TransactWriteItem, Update},
};
use futures_util::future::try_join;
use tidings_domain::{
    annotations::{Annotations, Ballot, Opening, Pin, TallyKind, TallyPage, Thread},
    ids::{ConversationId, DeviceId, MessageId, Sender, Sequence, Timestamp, UserId},
    limits::{OPEN_AGAIN_MS, TALLY_CHOICES_MAX},
    ports::{PortResult, Unavailable},
};

use crate::{
    StoreError,
    error::{failed, put_if, transact, update_if},
    item::{Item, list, n, number, optional_list, optional_number, s, text},
};

const INDEX_BY_TIME: &str = "byTime";
/// Before each choice, in the names of the attributes that count it.
const COUNT_PREFIX: &str = "c:";
/// Tries of a count that another writer was in the way of.
const TALLY_TRIES_MAX: usize = 6;

/// Rows about messages in a table.
#[derive(Clone, Debug)]
pub struct DynamoAnnotations {
    client: Client,
    table: String,
}

impl DynamoAnnotations {
    /// The rows in this table.
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into() }
    }

    async fn get(&self, key: Item, operation: &'static str) -> Result<Option<Item>, Unavailable> {
        let get = self.client.get_item().table_name(&self.table).set_key(Some(key)).consistent_read(true);
        Ok(get.send().await.map_err(failed(operation))?.item)
    }

    async fn put(&self, item: Item, operation: &'static str) -> Result<(), Unavailable> {
        let put = self.client.put_item().table_name(&self.table).set_item(Some(item));
        put.send().await.map_err(failed(operation)).map(drop)
    }

    /// The places in the sort keys with a prefix, after one; strongly consistent.
    async fn places(
        &self,
        partition: &str,
        prefix: &str,
        after: Sequence,
        limit: Option<usize>,
        operation: &'static str,
    ) -> Result<Vec<Sequence>, Unavailable> {
        let mut places = Vec::new();
        let mut start_key = None;
        loop {
            let answer = self
                .client
                .query()
                .table_name(&self.table)
                .key_condition_expression("pk = :pk AND sk BETWEEN :start AND :end")
                .expression_attribute_values(":pk", s(partition))
                .expression_attribute_values(":start", s(place_key(prefix, after.next())))
                .expression_attribute_values(":end", s(format!("{prefix}~")))
                .consistent_read(true)
                .set_limit(limit.map(|limit| i32::try_from(limit).unwrap_or(i32::MAX)))
                .set_exclusive_start_key(start_key)
                .send()
                .await
                .map_err(failed(operation))?;
            for item in answer.items.unwrap_or_default() {
                let place =
                    text(&item, "sk").map_err(failed(operation))?.strip_prefix(prefix).and_then(|p| p.parse().ok());
                places.push(Sequence(place.ok_or_else(|| failed(operation)(StoreError::Attribute("sk")))?));
            }
            start_key = answer.last_evaluated_key;
            if start_key.is_none() || limit.is_some_and(|limit| places.len() >= limit) {
                return Ok(places);
            }
        }
    }

    async fn count_ballot(&self, ballot: &Ballot) -> Result<(), Unavailable> {
        const OPERATION: &str = "count what was said of a message";
        for _ in 0..TALLY_TRIES_MAX {
            let reads = try_join(
                self.get(user_key(ballot.message, ballot.kind, &ballot.user), OPERATION),
                self.get(counts_key(ballot.message, ballot.kind), OPERATION),
            );
            let (said, counted) = reads.await?;
            let said_at = said.as_ref().map(|row| number(row, "s")).transpose().map_err(failed(OPERATION))?;
            if said_at.is_some_and(|at| at >= ballot.at.0) {
                return Ok(());
            }
            let before = said.as_ref().map(choices_of).transpose().map_err(failed(OPERATION))?.unwrap_or_default();
            let counts = counts_of(counted.as_ref());
            let items = recount(&self.table, ballot, said_at, &before, &counts).map_err(failed(OPERATION))?;
            let Err(error) = self.client.transact_write_items().set_transact_items(Some(items)).send().await else {
                return Ok(());
            };
            // Another has counted in between: it is read again.
            if !matches!(error.as_service_error(), Some(TransactWriteItemsError::TransactionCanceledException(_))) {
                return Err(failed(OPERATION)(error));
            }
        }
        Err(failed(OPERATION)(StoreError::Unprocessed))
    }

    async fn tally_page(
        &self,
        message: MessageId,
        kind: TallyKind,
        after: Option<&UserId>,
        limit: usize,
    ) -> Result<TallyPage, Unavailable> {
        const OPERATION: &str = "read what was said of a message";
        let prefix = format!("{}u#", letter(kind));
        let start = after.map_or_else(|| prefix.clone(), |user| format!("{prefix}{user}\u{0}"));
        let query = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk AND sk BETWEEN :start AND :end")
            .expression_attribute_values(":pk", s(message.to_string()))
            .expression_attribute_values(":start", s(start))
            .expression_attribute_values(":end", s(format!("{prefix}~")))
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .send();
        let reads =
            try_join(self.get(counts_key(message, kind), OPERATION), async { query.await.map_err(failed(OPERATION)) });
        let (counted, answer) = Box::pin(reads).await?;
        let has_more = answer.last_evaluated_key.is_some();
        let read = |item: &Item| {
            let user = text(item, "sk")?.strip_prefix(&prefix).ok_or(StoreError::Attribute("sk"))?;
            Ok((UserId::parse(user)?, choices_of(item)?))
        };
        let items = answer.items.unwrap_or_default();
        let rows = items.iter().map(read).collect::<Result<Vec<_>, StoreError>>().map_err(failed(OPERATION))?;
        Ok(TallyPage {
            counts: counts_of(counted.as_ref()),
            next: rows.last().map(|(user, _)| user.clone()).filter(|_| has_more),
            by_user: rows.into_iter().filter(|(_, choices)| !choices.is_empty()).collect(),
        })
    }

    async fn put_pin(
        &self,
        conversation: &ConversationId,
        pin: &Pin,
        is_pinned: bool,
        at: Sequence,
    ) -> Result<(), Unavailable> {
        const OPERATION: &str = "note a pin";
        let mut item = key(format!("{conversation}#pins"), pin.message.to_string());
        item.insert("s".into(), n(at.0));
        if is_pinned {
            item.insert("at".into(), n(pin.ts.0));
            item.insert("q".into(), n(pin.sequence.0));
            item.insert("u".into(), s(pin.by.as_str()));
        }
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk) OR s < :s")
            .expression_attribute_values(":s", n(at.0))
            .send()
            .await;
        put_if(put.map(drop), OPERATION)
    }

    async fn by_time(
        &self,
        partition: String,
        before: Option<Timestamp>,
        limit: usize,
        operation: &'static str,
    ) -> Result<Vec<Item>, Unavailable> {
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(INDEX_BY_TIME)
            .key_condition_expression("pk = :pk AND #at < :before")
            .expression_attribute_names("#at", "at")
            .expression_attribute_values(":pk", s(partition))
            .expression_attribute_values(":before", n(before.map_or(u64::MAX, |before| before.0)))
            .scan_index_forward(false)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(failed(operation))?;
        Ok(answer.items.unwrap_or_default())
    }

    async fn count_reply(
        &self,
        conversation: &ConversationId,
        root: MessageId,
        reply: Sequence,
        ts: Timestamp,
    ) -> Result<(), Unavailable> {
        const OPERATION: &str = "count a reply";
        let thread = key(format!("{conversation}#threads"), root.to_string());
        let items = new_reply(&self.table, thread_partition(conversation, root), reply, thread.clone())
            .map_err(failed(OPERATION))?;
        // Counted before; a conflict is tried again by whoever brings the record again.
        if let Err(cancelled) = transact(&self.client, items, OPERATION).await?
            && cancelled.first_refused().is_none()
        {
            return Err(failed(OPERATION)(cancelled));
        }
        let latest = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(thread))
            .condition_expression("attribute_not_exists(ls) OR ls < :seq")
            .update_expression("SET ls = :seq, #at = :ts")
            .expression_attribute_names("#at", "at")
            .expression_attribute_values(":seq", n(reply.0))
            .expression_attribute_values(":ts", n(ts.0))
            .send()
            .await;
        update_if(latest.map(drop), OPERATION)
    }

    async fn raise_mark(&self, thread: String, user: &UserId, up_to: Sequence) -> Result<(), Unavailable> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(thread, format!("tm#{user}"))))
            .condition_expression("attribute_not_exists(rd) OR rd < :seq")
            .update_expression("SET rd = :seq")
            .expression_attribute_values(":seq", n(up_to.0))
            .send()
            .await;
        update_if(update.map(drop), "raise the mark of a thread")
    }

    async fn open_once(&self, message: MessageId, by: &Sender, now: Timestamp) -> Result<Opening, Unavailable> {
        const OPERATION: &str = "open a message";
        let mut item = key(message.to_string(), format!("o#{}", by.user));
        item.insert("d".into(), s(by.device.as_str()));
        item.insert("ts".into(), n(now.0));
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        if let Err(error) = put {
            let Some(PutItemError::ConditionalCheckFailedException(refused)) = error.as_service_error() else {
                return Err(failed(OPERATION)(error));
            };
            let before = refused.item.clone().unwrap_or_default();
            let device = text(&before, "d").map_err(failed(OPERATION))?;
            let opened_at = Timestamp(number(&before, "ts").map_err(failed(OPERATION))?);
            let device = DeviceId::parse(device).map_err(failed(OPERATION))?;
            if device != by.device || now.ms_since(opened_at) > OPEN_AGAIN_MS {
                return Ok(Opening::Before);
            }
        }
        let mut users = 0;
        let mut start_key = None;
        loop {
            let answer = self
                .client
                .query()
                .table_name(&self.table)
                .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
                .expression_attribute_values(":pk", s(message.to_string()))
                .expression_attribute_values(":prefix", s("o#"))
                .select(Select::Count)
                .consistent_read(true)
                .set_exclusive_start_key(start_key)
                .send()
                .await
                .map_err(failed(OPERATION))?;
            users += u64::try_from(answer.count).unwrap_or_default();
            start_key = answer.last_evaluated_key;
            if start_key.is_none() {
                return Ok(Opening::Open { users });
            }
        }
    }
}

impl Annotations for DynamoAnnotations {
    fn note_edit(&self, message: MessageId, edit: Sequence) -> PortResult<'_, bool> {
        const OPERATION: &str = "note an edit";
        Box::pin(async move {
            self.put(key(message.to_string(), place_key("e#", edit)), OPERATION).await?;
            Ok(self.get(key(message.to_string(), "d".into()), OPERATION).await?.is_some())
        })
    }

    fn note_deletion(&self, message: MessageId) -> PortResult<'_, Vec<Sequence>> {
        const OPERATION: &str = "note a deletion";
        Box::pin(async move {
            self.put(key(message.to_string(), "d".into()), OPERATION).await?;
            self.places(&message.to_string(), "e#", Sequence::ZERO, None, OPERATION).await
        })
    }

    fn edits(&self, message: MessageId, after: Sequence, limit: usize) -> PortResult<'_, Vec<Sequence>> {
        Box::pin(async move {
            self.places(&message.to_string(), "e#", after, Some(limit), "read the edits of a message").await
        })
    }

    fn tally<'a>(&'a self, ballot: &'a Ballot) -> PortResult<'a, ()> {
        Box::pin(self.count_ballot(ballot))
    }

    fn tallies<'a>(
        &'a self,
        message: MessageId,
        kind: TallyKind,
        after: Option<&'a UserId>,
        limit: usize,
    ) -> PortResult<'a, TallyPage> {
        Box::pin(self.tally_page(message, kind, after, limit))
    }

    fn note_pin<'a>(
        &'a self,
        conversation: &'a ConversationId,
        pin: &'a Pin,
        is_pinned: bool,
        at: Sequence,
    ) -> PortResult<'a, ()> {
        Box::pin(self.put_pin(conversation, pin, is_pinned, at))
    }

    fn pins<'a>(&'a self, conversation: &'a ConversationId, limit: usize) -> PortResult<'a, Vec<Pin>> {
        const OPERATION: &str = "read pins";
        Box::pin(async move {
            let items = self.by_time(format!("{conversation}#pins"), None, limit, OPERATION).await?;
            items.iter().map(|item| pin_of(item).map_err(failed(OPERATION))).collect()
        })
    }

    fn note_reply<'a>(
        &'a self,
        conversation: &'a ConversationId,
        root: MessageId,
        reply: Sequence,
        ts: Timestamp,
    ) -> PortResult<'a, ()> {
        Box::pin(self.count_reply(conversation, root, reply, ts))
    }

    fn threads<'a>(
        &'a self,
        conversation: &'a ConversationId,
        before: Option<Timestamp>,
        limit: usize,
    ) -> PortResult<'a, Vec<Thread>> {
        const OPERATION: &str = "read threads";
        Box::pin(async move {
            let items = self.by_time(format!("{conversation}#threads"), before, limit, OPERATION).await?;
            items.iter().map(|item| thread_of(item).map_err(failed(OPERATION))).collect()
        })
    }

    fn replies<'a>(
        &'a self,
        conversation: &'a ConversationId,
        root: MessageId,
        after: Sequence,
        limit: usize,
    ) -> PortResult<'a, Vec<Sequence>> {
        Box::pin(async move {
            let partition = thread_partition(conversation, root);
            self.places(&partition, "t#", after, Some(limit), "read the replies of a thread").await
        })
    }

    fn thread_mark<'a>(
        &'a self,
        conversation: &'a ConversationId,
        root: MessageId,
        user: &'a UserId,
    ) -> PortResult<'a, Sequence> {
        const OPERATION: &str = "read the mark of a thread";
        Box::pin(async move {
            let row = self.get(key(thread_partition(conversation, root), format!("tm#{user}")), OPERATION).await?;
            let mark = row.as_ref().map(|row| number(row, "rd")).transpose().map_err(failed(OPERATION))?;
            Ok(Sequence(mark.unwrap_or_default()))
        })
    }

    fn raise_thread_mark<'a>(
        &'a self,
        conversation: &'a ConversationId,
        root: MessageId,
        user: &'a UserId,
        up_to: Sequence,
    ) -> PortResult<'a, ()> {
        Box::pin(self.raise_mark(thread_partition(conversation, root), user, up_to))
    }

    fn open<'a>(&'a self, message: MessageId, by: &'a Sender, now: Timestamp) -> PortResult<'a, Opening> {
        Box::pin(self.open_once(message, by, now))
    }
}

/// The user's row, if it is as it was read, and what changes in the counts.
fn recount(
    table: &str,
    ballot: &Ballot,
    said_at: Option<u64>,
    before: &[Arc<str>],
    counts: &BTreeMap<Arc<str>, u64>,
) -> Result<Vec<TransactWriteItem>, StoreError> {
    let is_new = |choice: &&Arc<str>| !counts.contains_key(*choice);
    let is_full = counts.len() + ballot.choices.iter().filter(is_new).count() > TALLY_CHOICES_MAX;
    let choices: Vec<&Arc<str>> = ballot.choices.iter().filter(|choice| !is_full || !is_new(choice)).collect();
    let mut row = user_key(ballot.message, ballot.kind, &ballot.user);
    row.insert("s".into(), n(ballot.at.0));
    row.insert("ch".into(), list(choices.iter().map(AsRef::as_ref)));
    let put = Put::builder().table_name(table).set_item(Some(row));
    let put = match said_at {
        Some(at) => put.condition_expression("s = :before").expression_attribute_values(":before", n(at)),
        None => put.condition_expression("attribute_not_exists(pk)"),
    };
    let mut items = vec![TransactWriteItem::builder().put(put.build()?).build()];
    let gone = before.iter().filter(|choice| !choices.contains(choice)).map(|choice| (choice, -1));
    let come = choices.iter().filter(|choice| !before.contains(choice)).map(|choice| (*choice, 1));
    let changes: Vec<(&Arc<str>, i32)> = gone.chain(come).collect();
    if !changes.is_empty() {
        let mut update = Update::builder().table_name(table).set_key(Some(counts_key(ballot.message, ballot.kind)));
        let mut sums = Vec::new();
        for (i, (choice, by)) in changes.into_iter().enumerate() {
            update = update
                .expression_attribute_names(format!("#c{i}"), format!("{COUNT_PREFIX}{choice}"))
                .expression_attribute_values(
                    format!(":c{i}"),
                    aws_sdk_dynamodb::types::AttributeValue::N(by.to_string()),
                );
            sums.push(format!("#c{i} :c{i}"));
        }
        let update = update.update_expression(format!("ADD {}", sums.join(", "))).build()?;
        items.push(TransactWriteItem::builder().update(update).build());
    }
    Ok(items)
}

fn new_reply(
    table: &str,
    replies: String,
    reply: Sequence,
    thread: Item,
) -> Result<Vec<TransactWriteItem>, StoreError> {
    let put = Put::builder().table_name(table).set_item(Some(key(replies, place_key("t#", reply))));
    let put = put.condition_expression("attribute_not_exists(pk)").build()?;
    let update = Update::builder().table_name(table).set_key(Some(thread)).update_expression("ADD #n :one");
    let update = update.expression_attribute_names("#n", "n").expression_attribute_values(":one", n(1)).build()?;
    Ok(vec![TransactWriteItem::builder().put(put).build(), TransactWriteItem::builder().update(update).build()])
}

fn key(partition: String, sort: String) -> Item {
    Item::from([("pk".to_owned(), s(partition)), ("sk".to_owned(), s(sort))])
}

fn thread_partition(conversation: &ConversationId, root: MessageId) -> String {
    format!("{conversation}#{root}")
}

/// Thirteen digits hold every place, so that texts sort as places do.
fn place_key(prefix: &str, place: Sequence) -> String {
    format!("{prefix}{:013}", place.0)
}

fn letter(kind: TallyKind) -> char {
    match kind {
        TallyKind::Reactions => 'r',
        TallyKind::Votes => 'v',
    }
}

fn user_key(message: MessageId, kind: TallyKind, user: &UserId) -> Item {
    key(message.to_string(), format!("{}u#{user}", letter(kind)))
}

fn counts_key(message: MessageId, kind: TallyKind) -> Item {
    key(message.to_string(), format!("{}c", letter(kind)))
}

fn choices_of(item: &Item) -> Result<Vec<Arc<str>>, StoreError> {
    Ok(optional_list(item, "ch")?.unwrap_or_default().into_iter().map(Into::into).collect())
}

/// What is chosen by somebody still.
fn counts_of(item: Option<&Item>) -> BTreeMap<Arc<str>, u64> {
    let attributes = item.into_iter().flatten();
    let counts = attributes.filter_map(|(name, value)| {
        let choice = name.strip_prefix(COUNT_PREFIX)?;
        let count: u64 = value.as_n().ok()?.parse().ok()?;
        (count > 0).then(|| (choice.into(), count))
    });
    counts.collect()
}

fn pin_of(item: &Item) -> Result<Pin, StoreError> {
    Ok(Pin {
        message: MessageId::parse(text(item, "sk")?)?,
        sequence: Sequence(number(item, "q")?),
        by: UserId::parse(text(item, "u")?)?,
        ts: Timestamp(number(item, "at")?),
    })
}

fn thread_of(item: &Item) -> Result<Thread, StoreError> {
    Ok(Thread {
        root: MessageId::parse(text(item, "sk")?)?,
        replies: optional_number(item, "n")?.unwrap_or_default(),
        last_sequence: Sequence(number(item, "ls")?),
        last_ts: Timestamp(number(item, "at")?),
    })
}
