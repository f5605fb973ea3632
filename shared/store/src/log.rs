//! The log table.

use aws_sdk_dynamodb::{Client, operation::put_item::PutItemError, types::AttributeValue};
use tidings_domain::{
    ids::{ConversationId, Sequence},
    log::{Entry, Tail, partition_end, partition_of},
    ports::{Append, Consistency, Log, PortResult, Unavailable},
};
use tidings_record::EntryRecord;

use crate::{
    StoreError,
    error::failed,
    item::{Item, NO_KEY, n, s},
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

    /// Rows of one partition, in the direction of the range; fewer than `limit` only at its end.
    async fn rows(
        &self,
        conversation: &ConversationId,
        partition: u64,
        range: &Range,
        limit: usize,
        consistency: Consistency,
    ) -> Result<Vec<Entry>, Unavailable> {
        let (condition, bound) = match range {
            Range::Newest => ("pk = :pk", None),
            Range::After(sequence) => ("pk = :pk AND seq > :seq", Some(*sequence)),
            Range::Before(sequence) => ("pk = :pk AND seq < :seq", Some(*sequence)),
        };
        let mut entries = Vec::new();
        let mut start_key = None;
        while entries.len() < limit {
            let answer = self
                .client
                .query()
                .table_name(&self.table)
                .key_condition_expression(condition)
                .expression_attribute_values(":pk", partition_key(conversation, partition))
                .set_expression_attribute_values_seq(bound)
                .scan_index_forward(matches!(range, Range::After(_)))
                .consistent_read(consistency == Consistency::Strong)
                .limit(i32::try_from(limit - entries.len()).unwrap_or(i32::MAX))
                .set_exclusive_start_key(start_key)
                .send()
                .await
                .map_err(failed("read the log"))?;
            for item in answer.items.unwrap_or_default() {
                entries.push(entry_of(item, conversation).map_err(failed("read the log"))?);
            }
            start_key = answer.last_evaluated_key;
            if start_key.is_none() {
                break;
            }
        }
        Ok(entries)
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
            entries.extend(self.rows(conversation, partition, &range, limit - entries.len(), consistency).await?);
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
        answer.item.map(|item| entry_of(item, conversation)).transpose().map_err(failed("read a log row"))
    }

    async fn put(&self, entry: &Entry) -> Result<Append, Unavailable> {
        let mut item: Item = serde_dynamo::to_item(EntryRecord::from(entry)).map_err(failed("write a log row"))?;
        item.insert("pk".into(), partition_key(&entry.conversation, partition_of(entry.sequence)));
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
                Some(PutItemError::ConditionalCheckFailedException(_)) => Ok(Append::Taken),
                _ => Err(failed("append to the log")(error)),
            },
        }
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

    fn append<'a>(&'a self, entry: &'a Entry) -> PortResult<'a, Append> {
        Box::pin(self.put(entry))
    }
}

fn partition_key(conversation: &ConversationId, partition: u64) -> AttributeValue {
    s(format!("{conversation}#{partition}"))
}

fn entry_of(item: Item, conversation: &ConversationId) -> Result<Entry, StoreError> {
    let record: EntryRecord = serde_dynamo::from_item(item)?;
    Ok(record.into_entry(conversation.clone())?)
}

/// The entry of a row's image on the table's stream; none where the row's key is of another form.
pub fn entry_of_image(image: serde_dynamo::Item) -> Result<Entry, StoreError> {
    let Some(serde_dynamo::AttributeValue::S(key)) = image.get("pk") else {
        return Err(StoreError::Attribute("pk"));
    };
    let (conversation, _) = key.rsplit_once('#').ok_or(StoreError::Attribute("pk"))?;
    let conversation = ConversationId::parse(conversation)?;
    let record: EntryRecord = serde_dynamo::from_item(image)?;
    Ok(record.into_entry(conversation)?)
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
