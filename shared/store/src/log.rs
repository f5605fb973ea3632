//! The log table.
//!
//! A row holds one entry or, where the batch sequencer wrote it, several consecutive ones: the
//! first in the row's own attributes, keyed by its sequence, the others in a list.

use aws_sdk_dynamodb::{
    Client,
    error::SdkError,
    operation::{put_item::PutItemError, query::QueryOutput, update_item::UpdateItemError},
    types::{AttributeValue, ReturnValuesOnConditionCheckFailure},
};
use tidings_domain::{
    annotations::Eraser,
    ids::{ConversationId, Sequence},
    log::{Entry, Erasure, Tail, partition_end, partition_of},
    ports::{Append, Consistency, Log, PortResult, Unavailable},
    projector::says_something,
};
use tidings_record::{EntryRecord, RecordError, erasure_name};

use crate::{
    StoreError,
    error::failed,
    item::{Item, NO_KEY, n, number, s},
};

/// The log in a table.
#[derive(Clone, Debug)]
pub struct DynamoLog {
    client: Client,
    table: String,
}

/// Which rows of a partition, and in which direction.
enum Range {
    Newest,
    After(Sequence),
    Before(Sequence),
}

impl Range {
    fn has(&self, sequence: Sequence) -> bool {
        match self {
            Self::Newest => true,
            Self::After(bound) => sequence > *bound,
            Self::Before(bound) => sequence < *bound,
        }
    }
}

impl DynamoLog {
    /// The log in this table.
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into() }
    }

    /// Opens the connection to storage, by a read that finds nothing; failing it changes nothing.
    pub async fn warm_up(&self) {
        let read = self.client.query().table_name(&self.table).key_condition_expression("pk = :key");
        let _ = read.expression_attribute_values(":key", s(NO_KEY)).limit(1).send().await;
    }

    /// Entries of one partition, in the direction of the range; fewer than `limit` only at its end.
    async fn rows(
        &self,
        conversation: &ConversationId,
        partition: u64,
        range: &Range,
        limit: usize,
        consistency: Consistency,
    ) -> Result<Vec<Entry>, Unavailable> {
        let mut entries = Vec::new();
        let mut start_key = None;
        while entries.len() < limit {
            let rows = limit - entries.len();
            let answer = self.query(conversation, partition, range, rows, consistency, start_key).await?;
            for item in answer.items.unwrap_or_default() {
                let mut row = entries_of(item, conversation).map_err(failed("read the log"))?;
                if !matches!(range, Range::After(_)) {
                    row.reverse();
                }
                // A row may reach beyond the bound that it begins within.
                entries.extend(row.into_iter().filter(|entry| range.has(entry.sequence)));
            }
            start_key = answer.last_evaluated_key;
            if start_key.is_none() {
                break;
            }
        }
        entries.truncate(limit);
        Ok(entries)
    }

    /// The entry at a sequence that is not the first of its row.
    async fn within_row(
        &self,
        conversation: &ConversationId,
        sequence: Sequence,
        consistency: Consistency,
    ) -> Result<Vec<Entry>, Unavailable> {
        let before = Range::Before(sequence);
        let answer = self.query(conversation, partition_of(sequence), &before, 1, consistency, None).await?;
        let row = answer.items.unwrap_or_default().pop().map(|item| entries_of(item, conversation));
        let mut row = row.transpose().map_err(failed("read the log"))?.unwrap_or_default();
        row.retain(|entry| entry.sequence >= sequence);
        Ok(row)
    }

    async fn query(
        &self,
        conversation: &ConversationId,
        partition: u64,
        range: &Range,
        rows: usize,
        consistency: Consistency,
        start_key: Option<Item>,
    ) -> Result<QueryOutput, Unavailable> {
        let (condition, bound) = match range {
            Range::Newest => ("pk = :pk", None),
            Range::After(sequence) => ("pk = :pk AND seq > :seq", Some(*sequence)),
            Range::Before(sequence) => ("pk = :pk AND seq < :seq", Some(*sequence)),
        };
        self.client
            .query()
            .table_name(&self.table)
            .key_condition_expression(condition)
            .expression_attribute_values(":pk", partition_key(conversation, partition))
            .set_expression_attribute_values_seq(bound)
            .scan_index_forward(matches!(range, Range::After(_)))
            .consistent_read(consistency == Consistency::Strong)
            .limit(i32::try_from(rows).unwrap_or(i32::MAX))
            .set_exclusive_start_key(start_key)
            .send()
            .await
            .map_err(failed("read the log"))
    }

    async fn newest(
        &self,
        conversation: &ConversationId,
        partition: u64,
        limit: usize,
    ) -> Result<Vec<Entry>, Unavailable> {
        self.rows(conversation, partition, &Range::Newest, limit, Consistency::Strong).await
    }

    /// The newest partition from `start` on, and its newest rows, newest first. The log has no
    /// gaps, so a partition that is not full is the last; past full ones it gallops.
    async fn last_partition(
        &self,
        conversation: &ConversationId,
        start: u64,
        limit: usize,
    ) -> Result<(u64, Vec<Entry>), Unavailable> {
        let is_full = |rows: &[Entry], partition| rows.first().is_some_and(|e| e.sequence == partition_end(partition));
        let (mut low, mut rows) = (start, self.newest(conversation, start, limit).await?);
        let mut step = 1;
        let mut high = None;
        while is_full(&rows, low) && high.is_none_or(|high| high - low > 1) {
            let probe = high.map_or(low + step, |high| low + (high - low) / 2);
            let found = self.newest(conversation, probe, limit).await?;
            if found.is_empty() {
                high = Some(probe);
            } else {
                (low, rows) = (probe, found);
                step *= 2;
            }
        }
        Ok((low, rows))
    }

    async fn tail(&self, conversation: &ConversationId, known: Sequence, limit: usize) -> Result<Tail, Unavailable> {
        let (mut partition, mut newest_first) = if known == Sequence::ZERO {
            (0, self.newest(conversation, 0, limit).await?)
        } else {
            self.last_partition(conversation, partition_of(known), limit).await?
        };
        while newest_first.len() < limit && partition > 0 {
            partition -= 1;
            let more = self.newest(conversation, partition, limit - newest_first.len()).await?;
            newest_first.extend(more);
        }
        newest_first.reverse();
        Ok(Tail { entries: newest_first })
    }

    async fn after(
        &self,
        conversation: &ConversationId,
        after: Sequence,
        limit: usize,
        consistency: Consistency,
    ) -> Result<Vec<Entry>, Unavailable> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut partition = partition_of(after.next());
        loop {
            let after = entries.last().map_or(after, |e| e.sequence);
            let range = Range::After(after);
            let mut rows = self.rows(conversation, partition, &range, limit - entries.len(), consistency).await?;
            // The log has no gaps: what does not follow at once lies in a row that begins at or before `after`.
            if after > Sequence::ZERO && rows.first().is_none_or(|first| first.sequence > after.next()) {
                let mut rest = self.within_row(conversation, after.next(), consistency).await?;
                rest.extend(rows);
                rest.truncate(limit - entries.len());
                rows = rest;
            }
            entries.extend(rows);
            let at_end = entries.last().map_or(after, |e| e.sequence) == partition_end(partition);
            if entries.len() >= limit || !at_end {
                return Ok(entries);
            }
            partition += 1;
        }
    }

    async fn before(
        &self,
        conversation: &ConversationId,
        before: Sequence,
        limit: usize,
    ) -> Result<Vec<Entry>, Unavailable> {
        let mut partition = partition_of(before.previous());
        let range = Range::Before(before);
        let mut newest_first = self.rows(conversation, partition, &range, limit, Consistency::Eventual).await?;
        if newest_first.is_empty() && partition > 0 {
            // Beyond the end: find where the log ends.
            partition = self.last_partition(conversation, 0, 1).await?.0;
            newest_first = self.rows(conversation, partition, &range, limit, Consistency::Eventual).await?;
        }
        while newest_first.len() < limit && partition > 0 {
            partition -= 1;
            let missing = limit - newest_first.len();
            newest_first.extend(self.rows(conversation, partition, &range, missing, Consistency::Eventual).await?);
        }
        newest_first.reverse();
        Ok(newest_first)
    }

    async fn one(
        &self,
        conversation: &ConversationId,
        sequence: Sequence,
        consistency: Consistency,
    ) -> Result<Option<Entry>, Unavailable> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .key("pk", partition_key(conversation, partition_of(sequence)))
            .key("seq", n(sequence.0))
            .consistent_read(consistency == Consistency::Strong)
            .send()
            .await
            .map_err(failed("read a log row"))?;
        let row = match answer.item {
            Some(item) => entries_of(item, conversation).map_err(failed("read a log row"))?,
            None => self.within_row(conversation, sequence, consistency).await?,
        };
        Ok(row.into_iter().find(|entry| entry.sequence == sequence))
    }

    async fn put(&self, entries: &[Entry]) -> Result<Append, Unavailable> {
        const OPERATION: &str = "append to the log";
        if entries.is_empty() {
            return Ok(Append::Done);
        }
        let item = log_item(entries).map_err(failed(OPERATION))?;
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk)")
            .send()
            .await;
        match put {
            Ok(_) => Ok(Append::Done),
            Err(error) => match error.as_service_error() {
                // The place is taken, or a change of the group is just taking it.
                Some(
                    PutItemError::ConditionalCheckFailedException(_) | PutItemError::TransactionConflictException(_),
                ) => Ok(Append::Taken),
                _ => Err(failed(OPERATION)(error)),
            },
        }
    }
}

impl DynamoLog {
    /// The entry may be the first of its row or within it; the row that begins at its place tells.
    async fn erase_content(
        &self,
        conversation: &ConversationId,
        at: Sequence,
        why: Erasure,
    ) -> Result<(), Unavailable> {
        const OPERATION: &str = "erase content";
        let first = self.erase_where(conversation, at, "", at, why).await.map_err(failed(OPERATION))?;
        if first {
            return Ok(());
        }
        let before = Range::Before(at);
        let answer = self.query(conversation, partition_of(at), &before, 1, Consistency::Strong, None).await?;
        let Some(row) = answer.items.unwrap_or_default().pop() else { return Ok(()) };
        let begins = Sequence(number(&row, "seq").map_err(failed(OPERATION))?);
        let Some(index) = at.0.checked_sub(begins.next().0) else { return Ok(()) };
        let within = format!("more[{index}].");
        self.erase_where(conversation, begins, &within, at, why).await.map_err(failed(OPERATION)).map(drop)
    }

    /// Whether the entry is there; its content is gone then.
    async fn erase_where(
        &self,
        conversation: &ConversationId,
        row: Sequence,
        within: &str,
        at: Sequence,
        why: Erasure,
    ) -> Result<bool, SdkError<UpdateItemError>> {
        const GONE: [&str; 5] = ["m", "at", "aa", "ch", "en"];
        let path = |name: &str| within.replace("more", "#more") + "#" + name;
        let mut update = self.client.update_item().table_name(&self.table);
        if !within.is_empty() {
            update = update.expression_attribute_names("#more", "more");
        }
        for name in GONE.iter().chain(&["p", "x", "seq"]) {
            update = update.expression_attribute_names(format!("#{name}"), *name);
        }
        let removed: Vec<String> = GONE.iter().map(|name| path(name)).collect();
        let update = update
            .key("pk", partition_key(conversation, partition_of(at)))
            .key("seq", n(row.0))
            .condition_expression(format!("{} = :seq AND attribute_not_exists({})", path("seq"), path("x")))
            .update_expression(format!("SET {} = :null, {} = :why REMOVE {}", path("p"), path("x"), removed.join(", ")))
            .expression_attribute_values(":seq", n(at.0))
            .expression_attribute_values(":null", s("null"))
            .expression_attribute_values(":why", s(erasure_name(why)))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match update {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(refused)) => Ok(refused.item.is_some()),
                _ => Err(error),
            },
        }
    }
}

impl Eraser for DynamoLog {
    fn erase<'a>(&'a self, conversation: &'a ConversationId, at: Sequence, why: Erasure) -> PortResult<'a, ()> {
        Box::pin(self.erase_content(conversation, at, why))
    }
}

impl Log for DynamoLog {
    fn read_tail<'a>(&'a self, conversation: &'a ConversationId, known: Sequence, rows: usize) -> PortResult<'a, Tail> {
        Box::pin(self.tail(conversation, known, rows))
    }

    fn read_after<'a>(
        &'a self,
        conversation: &'a ConversationId,
        after: Sequence,
        limit: usize,
        consistency: Consistency,
    ) -> PortResult<'a, Vec<Entry>> {
        Box::pin(self.after(conversation, after, limit, consistency))
    }

    fn read_before<'a>(
        &'a self,
        conversation: &'a ConversationId,
        before: Sequence,
        limit: usize,
    ) -> PortResult<'a, Vec<Entry>> {
        Box::pin(self.before(conversation, before, limit))
    }

    fn read_one<'a>(
        &'a self,
        conversation: &'a ConversationId,
        sequence: Sequence,
        consistency: Consistency,
    ) -> PortResult<'a, Option<Entry>> {
        Box::pin(self.one(conversation, sequence, consistency))
    }

    fn append<'a>(&'a self, entries: &'a [Entry]) -> PortResult<'a, Append> {
        Box::pin(self.put(entries))
    }
}

/// The row of one or several entries.
pub(crate) fn log_item(entries: &[Entry]) -> Result<Item, StoreError> {
    let record = EntryRecord::of_row(entries).ok_or(RecordError::Empty)?;
    let mut item: Item = serde_dynamo::to_item(record)?;
    let key = entries.first().map(|first| partition_key(&first.conversation, partition_of(first.sequence)));
    item.extend(key.map(|key| ("pk".to_owned(), key)));
    // What the projector's event source filters by: a filter does not look into lists.
    if entries.iter().any(says_something) {
        item.insert("pj".into(), s("1"));
    }
    Ok(item)
}

fn partition_key(conversation: &ConversationId, partition: u64) -> AttributeValue {
    s(format!("{conversation}#{partition}"))
}

/// The entries of a row, oldest first.
pub(crate) fn entries_of(item: Item, conversation: &ConversationId) -> Result<Vec<Entry>, StoreError> {
    let record: EntryRecord = serde_dynamo::from_item(item)?;
    Ok(record.into_entries(conversation)?)
}

/// Adds `:seq` where a range has a bound.
trait BoundSequence {
    fn set_expression_attribute_values_seq(self, bound: Option<Sequence>) -> Self;
}

impl BoundSequence for aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder {
    fn set_expression_attribute_values_seq(self, bound: Option<Sequence>) -> Self {
        match bound {
            Some(sequence) => self.expression_attribute_values(":seq", n(sequence.0)),
            None => self,
        }
    }
}
