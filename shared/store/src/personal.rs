//! The table of what users keep for themselves: drafts, stars, hidden messages.
//!
//! Index `byChange` (`uid`, `ch`) has all of it by the time of the change, `byStar` (`uid`, `st`) the
//! stars that are there. Both are local indexes: they are read strongly.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::{
    Client,
    operation::{put_item::PutItemError, query::builders::QueryFluentBuilder},
    types::{AttributeValue, Put, TransactWriteItem, Update},
};
use tidings_domain::{
    ids::{ConversationId, MessageId, Sequence, Timestamp, UserId},
    personal::{PersonalItem, PersonalKey, PersonalPage, PersonalPlace},
    ports::{Personal, PortResult, Replaced, Unavailable},
};

use crate::{
    StoreError,
    error::{failed, transact},
    item::{Item, flag, n, number, optional_text, s, text},
};

const BY_CHANGE: &str = "byChange";
const BY_STAR: &str = "byStar";
/// The row that counts a user's drafts and stars.
const COUNTS: &str = "n";

/// What users keep, in a table.
#[derive(Clone, Debug)]
pub struct DynamoPersonal {
    client: Client,
    table: String,
}

impl DynamoPersonal {
    /// What users keep in this table.
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into() }
    }

    async fn get(&self, user: &UserId, key: &PersonalKey) -> Result<Option<PersonalItem>, Unavailable> {
        const OPERATION: &str = "read personal data";
        let get = self.client.get_item().table_name(&self.table).set_key(Some(row_key(user, key)));
        let answer = get.consistent_read(true).send().await.map_err(failed(OPERATION))?;
        answer.item.as_ref().map(item_of).transpose().map_err(failed(OPERATION))
    }

    async fn put(
        &self,
        user: &UserId,
        before: Option<&PersonalItem>,
        after: &PersonalItem,
    ) -> Result<Replaced, Unavailable> {
        const OPERATION: &str = "write personal data";
        let (condition, values) = match before {
            None => ("attribute_not_exists(uid)", None),
            Some(before) => ("#v = :v", Some(HashMap::from([(":v".to_owned(), n(before.version))]))),
        };
        let names = before.map(|_| HashMap::from([("#v".to_owned(), "v".to_owned())]));
        let was_there = before.is_some_and(|before| !before.is_deleted);
        if was_there != after.is_deleted || after.key.count_max().is_none() {
            let put = self
                .client
                .put_item()
                .table_name(&self.table)
                .set_item(Some(row_of(user, after)))
                .condition_expression(condition)
                .set_expression_attribute_names(names)
                .set_expression_attribute_values(values);
            return match put.send().await {
                Ok(_) => Ok(Replaced::Done),
                Err(error) => match error.as_service_error() {
                    Some(PutItemError::ConditionalCheckFailedException(_)) => Ok(Replaced::Lost),
                    _ => Err(failed(OPERATION)(error)),
                },
            };
        }
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(row_of(user, after)))
            .condition_expression(condition)
            .set_expression_attribute_names(names)
            .set_expression_attribute_values(values);
        let put = put.build().map_err(failed(OPERATION))?;
        let count = self.count(user, after).map_err(failed(OPERATION))?;
        let items =
            vec![TransactWriteItem::builder().put(put).build(), TransactWriteItem::builder().update(count).build()];
        Ok(match transact(&self.client, items, OPERATION).await? {
            Ok(()) => Replaced::Done,
            Err(cancelled) if cancelled.has_conflict() || cancelled.is_refused(0) => Replaced::Lost,
            Err(_) => Replaced::Full,
        })
    }

    /// One more of its kind, if there is room, or one less.
    fn count(&self, user: &UserId, after: &PersonalItem) -> Result<Update, StoreError> {
        let key = HashMap::from([("uid".to_owned(), s(user.as_str())), ("sk".to_owned(), s(COUNTS))]);
        let name = if matches!(after.key, PersonalKey::Draft(_)) { "drafts" } else { "stars" };
        let update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(key))
            .update_expression("ADD #count :step")
            .expression_attribute_names("#count", name);
        let update = match after.key.count_max() {
            Some(count_max) if !after.is_deleted => update
                .condition_expression("attribute_not_exists(#count) OR #count < :max")
                .expression_attribute_values(":max", n(count_max))
                .expression_attribute_values(":step", n(1)),
            _ => update.expression_attribute_values(":step", AttributeValue::N("-1".into())),
        };
        Ok(update.build()?)
    }

    fn query(&self, user: &UserId) -> QueryFluentBuilder {
        self.client.query().table_name(&self.table).expression_attribute_values(":uid", s(user.as_str()))
    }

    /// Reads on until there is one more than is asked for, or the end: a filter leaves rows out, and
    /// an answer ends at a megabyte.
    async fn page(
        &self,
        query: QueryFluentBuilder,
        start: Option<Item>,
        limit: usize,
    ) -> Result<PersonalPage, Unavailable> {
        const OPERATION: &str = "list personal data";
        let rows = i32::try_from(limit + 1).unwrap_or(i32::MAX);
        let (mut items, mut start) = (Vec::new(), start);
        loop {
            let answer = query.clone().limit(rows).set_exclusive_start_key(start).send().await;
            let answer = answer.map_err(failed(OPERATION))?;
            for row in answer.items.unwrap_or_default() {
                items.push(item_of(&row).map_err(failed(OPERATION))?);
            }
            start = answer.last_evaluated_key;
            if items.len() > limit || start.is_none() {
                let has_more = items.len() > limit;
                items.truncate(limit);
                return Ok(PersonalPage { items, has_more });
            }
        }
    }

    async fn hidden_between(
        &self,
        user: &UserId,
        conversation: &ConversationId,
        from: Sequence,
        to: Sequence,
    ) -> Result<BTreeSet<Sequence>, Unavailable> {
        const OPERATION: &str = "read what is hidden";
        let end = |sequence| s(sort_key(&PersonalKey::Hidden(conversation.clone(), sequence)));
        let answer = self
            .query(user)
            .key_condition_expression("uid = :uid AND sk BETWEEN :from AND :to")
            .expression_attribute_values(":from", end(from))
            .expression_attribute_values(":to", end(to))
            .consistent_read(true)
            .send()
            .await
            .map_err(failed(OPERATION))?;
        let sequence_of = |row: &Item| match key_of(text(row, "sk")?)? {
            PersonalKey::Hidden(_, sequence) => Ok(sequence),
            _ => Err(StoreError::Attribute("sk")),
        };
        let rows = answer.items.unwrap_or_default();
        rows.iter().map(|row| sequence_of(row).map_err(failed(OPERATION))).collect()
    }
}

impl Personal for DynamoPersonal {
    fn find<'a>(&'a self, user: &'a UserId, key: &'a PersonalKey) -> PortResult<'a, Option<PersonalItem>> {
        Box::pin(self.get(user, key))
    }

    fn replace<'a>(
        &'a self,
        user: &'a UserId,
        before: Option<&'a PersonalItem>,
        after: &'a PersonalItem,
    ) -> PortResult<'a, Replaced> {
        Box::pin(self.put(user, before, after))
    }

    fn changes<'a>(
        &'a self,
        user: &'a UserId,
        since: Timestamp,
        from: Option<&'a PersonalPlace>,
        limit: usize,
    ) -> PortResult<'a, PersonalPage> {
        let query = self
            .query(user)
            .index_name(BY_CHANGE)
            .key_condition_expression("uid = :uid AND ch >= :since")
            .expression_attribute_values(":since", n(since.0))
            .consistent_read(true);
        let start = from.map(|place| place_key(user, place, "ch"));
        Box::pin(async move { self.page(query, start, limit).await })
    }

    fn drafts<'a>(
        &'a self,
        user: &'a UserId,
        after: Option<&'a ConversationId>,
        limit: usize,
    ) -> PortResult<'a, PersonalPage> {
        let query = self
            .query(user)
            .key_condition_expression("uid = :uid AND begins_with(sk, :drafts)")
            .expression_attribute_values(":drafts", s("d#"))
            .filter_expression("attribute_not_exists(#gone)")
            .expression_attribute_names("#gone", "del")
            .consistent_read(true);
        let start = after.map(|after| row_key(user, &PersonalKey::Draft(after.clone())));
        Box::pin(async move { self.page(query, start, limit).await })
    }

    fn stars<'a>(
        &'a self,
        user: &'a UserId,
        before: Option<&'a PersonalPlace>,
        limit: usize,
    ) -> PortResult<'a, PersonalPage> {
        let query = self
            .query(user)
            .index_name(BY_STAR)
            .key_condition_expression("uid = :uid")
            .scan_index_forward(false)
            .consistent_read(true);
        let start = before.map(|place| place_key(user, place, "st"));
        Box::pin(async move { self.page(query, start, limit).await })
    }

    fn hidden<'a>(
        &'a self,
        user: &'a UserId,
        conversation: &'a ConversationId,
        from: Sequence,
        to: Sequence,
    ) -> PortResult<'a, BTreeSet<Sequence>> {
        Box::pin(self.hidden_between(user, conversation, from, to))
    }
}

/// Sequences have 13 digits at most, so that the order of the texts is theirs.
fn sort_key(key: &PersonalKey) -> String {
    match key {
        PersonalKey::Draft(conversation) => format!("d#{conversation}"),
        PersonalKey::Star(conversation, sequence) => format!("s#{conversation}#{:013}", sequence.0),
        PersonalKey::Hidden(conversation, sequence) => format!("h#{conversation}#{:013}", sequence.0),
    }
}

fn key_of(sort_key: &str) -> Result<PersonalKey, StoreError> {
    const BAD: StoreError = StoreError::Attribute("sk");
    let (kind, rest) = sort_key.split_once('#').ok_or(BAD)?;
    if kind == "d" {
        return Ok(PersonalKey::Draft(ConversationId::parse(rest)?));
    }
    let (conversation, sequence) = rest.rsplit_once('#').ok_or(BAD)?;
    let conversation = ConversationId::parse(conversation)?;
    let sequence = Sequence(sequence.parse().map_err(|_| BAD)?);
    match kind {
        "s" => Ok(PersonalKey::Star(conversation, sequence)),
        "h" => Ok(PersonalKey::Hidden(conversation, sequence)),
        _ => Err(BAD),
    }
}

fn row_key(user: &UserId, key: &PersonalKey) -> Item {
    HashMap::from([("uid".to_owned(), s(user.as_str())), ("sk".to_owned(), s(sort_key(key)))])
}

fn place_key(user: &UserId, place: &PersonalPlace, index_key: &str) -> Item {
    let mut key = row_key(user, &place.key);
    key.insert(index_key.to_owned(), n(place.at.0));
    key
}

fn row_of(user: &UserId, item: &PersonalItem) -> Item {
    let mut row = row_key(user, &item.key);
    row.insert("v".into(), n(item.version));
    row.insert("ch".into(), n(item.changed_at.0));
    row.insert("ts".into(), n(item.ts.0));
    if let Some(message_id) = item.message_id {
        row.insert("mi".into(), s(message_id.to_string()));
    }
    if let Some(payload) = &item.payload {
        row.insert("p".into(), s(payload.as_ref()));
    }
    if let Some(forgotten_at) = item.forgotten_at() {
        row.insert("del".into(), AttributeValue::Bool(true));
        row.insert("exp".into(), n(forgotten_at.as_seconds()));
    } else if matches!(item.key, PersonalKey::Star(..)) {
        row.insert("st".into(), n(item.ts.0));
    }
    row
}

pub(crate) fn item_of(row: &Item) -> Result<PersonalItem, StoreError> {
    Ok(PersonalItem {
        key: key_of(text(row, "sk")?)?,
        version: number(row, "v")?,
        changed_at: Timestamp(number(row, "ch")?),
        is_deleted: flag(row, "del")?,
        message_id: optional_text(row, "mi")?.map(MessageId::parse).transpose()?,
        payload: optional_text(row, "p")?.map(Into::into),
        ts: Timestamp(number(row, "ts")?),
    })
}
