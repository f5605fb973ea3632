//! Timers, by the minute that they are due in; and scheduled messages.
//!
//! | `min` | `tid` | what |
//! |---|---|---|
//! | a minute | `CONVERSATION#SEQ` | a timer |
//! | `s#MINUTE` | `USER#MESSAGE` | a pointer to a scheduled message |
//! | `u#USER` | a message | a scheduled message |

use aws_sdk_dynamodb::{
    Client,
    primitives::Blob,
    types::{AttributeValue, Select},
};
use tidings_domain::{
    ids::{ConversationId, MessageId, Sequence, Timestamp, UserId},
    ports::{PortResult, Unavailable},
    schedule::{Pointer, Schedule, Scheduled},
    send::Pending,
    timers::{Minute, Timer, Timers},
};

use tidings_record::{erasure_name, erasure_of, from_ingest, to_ingest};

use crate::{
    StoreError,
    error::{delete_held, failed, update_if},
    item::{Item, n, number, optional_number, optional_text, s, text},
};

/// Rows of a minute that are read at once.
const PAGE: i32 = 100;
/// The row that tells how far the sweeper has come.
const SWEPT: &str = "swept";

/// Timers in a table: `min` is the minute, `tid` names the entry.
#[derive(Clone, Debug)]
pub struct DynamoTimers {
    client: Client,
    table: String,
}

impl DynamoTimers {
    /// The timers in this table.
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into() }
    }
}

/// Some rows of a partition that is emptied by whoever reads it.
pub(crate) async fn rows_of_minute(
    client: &Client,
    table: &str,
    partition: String,
    operation: &'static str,
) -> Result<Vec<Item>, Unavailable> {
    let answer = client
        .query()
        .table_name(table)
        .key_condition_expression("#min = :min")
        .expression_attribute_names("#min", "min")
        .expression_attribute_values(":min", s(partition))
        .consistent_read(true)
        .limit(PAGE)
        .send()
        .await
        .map_err(failed(operation))?;
    Ok(answer.items.unwrap_or_default())
}

impl Timers for DynamoTimers {
    fn set<'a>(&'a self, timer: &'a Timer) -> PortResult<'a, ()> {
        Box::pin(async move {
            let mut item = key_of(timer);
            item.insert("due".into(), n(timer.due.0));
            item.insert("why".into(), s(erasure_name(timer.why)));
            let put = self.client.put_item().table_name(&self.table).set_item(Some(item));
            put.send().await.map_err(failed("set a timer")).map(drop)
        })
    }

    fn of_minute(&self, minute: Minute) -> PortResult<'_, Vec<Timer>> {
        const OPERATION: &str = "read timers";
        Box::pin(async move {
            let items = rows_of_minute(&self.client, &self.table, minute.0.to_string(), OPERATION).await?;
            items.iter().map(|item| timer_of(item).map_err(failed(OPERATION))).collect()
        })
    }

    fn remove<'a>(&'a self, timer: &'a Timer) -> PortResult<'a, ()> {
        Box::pin(async move {
            let delete = self.client.delete_item().table_name(&self.table).set_key(Some(key_of(timer)));
            delete.send().await.map_err(failed("remove a timer")).map(drop)
        })
    }

    fn swept(&self) -> PortResult<'_, Option<Minute>> {
        const OPERATION: &str = "read how far timers are swept";
        Box::pin(async move {
            let get = self.client.get_item().table_name(&self.table).set_key(Some(swept_key())).consistent_read(true);
            let row = get.send().await.map_err(failed(OPERATION))?.item;
            let minute = row.as_ref().map(|row| optional_number(row, "at")).transpose().map_err(failed(OPERATION))?;
            Ok(minute.flatten().map(Minute))
        })
    }

    fn set_swept(&self, minute: Minute) -> PortResult<'_, ()> {
        Box::pin(async move {
            let mut item = swept_key();
            item.insert("at".into(), n(minute.0));
            let put = self.client.put_item().table_name(&self.table).set_item(Some(item));
            put.send().await.map_err(failed("note how far timers are swept")).map(drop)
        })
    }
}

fn key_of(timer: &Timer) -> Item {
    Item::from([
        ("min".to_owned(), s(Minute::of(timer.due).0.to_string())),
        ("tid".to_owned(), s(format!("{}#{}", timer.conversation, timer.sequence))),
    ])
}

fn swept_key() -> Item {
    Item::from([("min".to_owned(), s(SWEPT)), ("tid".to_owned(), s(SWEPT))])
}

fn timer_of(item: &Item) -> Result<Timer, StoreError> {
    let (conversation, sequence) = text(item, "tid")?.rsplit_once('#').ok_or(StoreError::Attribute("tid"))?;
    Ok(Timer {
        due: Timestamp(number(item, "due")?),
        conversation: ConversationId::parse(conversation)?,
        sequence: Sequence(sequence.parse().map_err(|_| StoreError::Attribute("tid"))?),
        why: erasure_of(text(item, "why")?).ok_or(StoreError::Attribute("why"))?,
    })
}

impl Schedule for DynamoTimers {
    fn keep<'a>(&'a self, scheduled: &'a Scheduled, minute: Minute) -> PortResult<'a, ()> {
        const OPERATION: &str = "keep a scheduled message";
        Box::pin(async move {
            let item = scheduled_item(scheduled).map_err(failed(OPERATION))?;
            let put = self.client.put_item().table_name(&self.table).set_item(Some(item));
            put.send().await.map_err(failed(OPERATION))?;
            let (user, message) = (scheduled.draft.sender.user.clone(), scheduled.draft.message_id());
            let pointer = pointer_key(&Pointer { minute, user, message });
            let put = self.client.put_item().table_name(&self.table).set_item(Some(pointer));
            put.send().await.map_err(failed(OPERATION)).map(drop)
        })
    }

    fn count<'a>(&'a self, user: &'a UserId) -> PortResult<'a, usize> {
        Box::pin(async move {
            let answer = self
                .client
                .query()
                .table_name(&self.table)
                .key_condition_expression("#min = :min")
                .expression_attribute_names("#min", "min")
                .expression_attribute_values(":min", s(user_partition(user)))
                .select(Select::Count)
                .send()
                .await
                .map_err(failed("count scheduled messages"))?;
            Ok(usize::try_from(answer.count).unwrap_or_default())
        })
    }

    fn of_user<'a>(
        &'a self,
        user: &'a UserId,
        after: Option<MessageId>,
        limit: usize,
    ) -> PortResult<'a, Vec<Scheduled>> {
        const OPERATION: &str = "read scheduled messages";
        Box::pin(async move {
            let answer = self
                .client
                .query()
                .table_name(&self.table)
                .key_condition_expression("#min = :min AND tid > :after")
                .expression_attribute_names("#min", "min")
                .expression_attribute_values(":min", s(user_partition(user)))
                .expression_attribute_values(":after", s(after.map_or_else(|| " ".to_owned(), |id| id.to_string())))
                .consistent_read(true)
                .limit(i32::try_from(limit).unwrap_or(i32::MAX))
                .send()
                .await
                .map_err(failed(OPERATION))?;
            let items = answer.items.unwrap_or_default();
            items.iter().map(|item| scheduled_of(item).map_err(failed(OPERATION))).collect()
        })
    }

    fn find<'a>(&'a self, user: &'a UserId, message: MessageId) -> PortResult<'a, Option<Scheduled>> {
        const OPERATION: &str = "read a scheduled message";
        Box::pin(async move {
            let get = self.client.get_item().table_name(&self.table).set_key(Some(scheduled_key(user, message)));
            let row = get.consistent_read(true).send().await.map_err(failed(OPERATION))?.item;
            row.as_ref().map(|row| scheduled_of(row).map_err(failed(OPERATION))).transpose()
        })
    }

    fn remove<'a>(&'a self, user: &'a UserId, message: MessageId, due: Option<Timestamp>) -> PortResult<'a, bool> {
        Box::pin(async move {
            let delete = self.client.delete_item().table_name(&self.table).set_key(Some(scheduled_key(user, message)));
            let delete = match due {
                Some(due) => delete.condition_expression("due = :due").expression_attribute_values(":due", n(due.0)),
                None => delete.condition_expression("attribute_exists(tid)"),
            };
            delete_held(delete, "remove a scheduled message").await
        })
    }

    fn refuse<'a>(&'a self, user: &'a UserId, message: MessageId, why: &'a str) -> PortResult<'a, ()> {
        Box::pin(async move {
            let update = self
                .client
                .update_item()
                .table_name(&self.table)
                .set_key(Some(scheduled_key(user, message)))
                .condition_expression("attribute_exists(tid)")
                .update_expression("SET err = :err")
                .expression_attribute_values(":err", s(why))
                .send()
                .await;
            // Where there is none, it was cancelled meanwhile.
            update_if(update.map(drop), "note why a scheduled message was refused")
        })
    }

    fn of_minute(&self, minute: Minute) -> PortResult<'_, Vec<Pointer>> {
        const OPERATION: &str = "read what is scheduled for a minute";
        Box::pin(async move {
            let items = rows_of_minute(&self.client, &self.table, minute_partition(minute), OPERATION).await?;
            items.iter().map(|item| pointer_of(item, minute).map_err(failed(OPERATION))).collect()
        })
    }

    fn unfile<'a>(&'a self, pointer: &'a Pointer) -> PortResult<'a, ()> {
        Box::pin(async move {
            let delete = self.client.delete_item().table_name(&self.table).set_key(Some(pointer_key(pointer)));
            delete.send().await.map_err(failed("unfile a scheduled message")).map(drop)
        })
    }
}

fn user_partition(user: &UserId) -> String {
    format!("u#{user}")
}

fn minute_partition(minute: Minute) -> String {
    format!("s#{}", minute.0)
}

fn scheduled_key(user: &UserId, message: MessageId) -> Item {
    Item::from([("min".to_owned(), s(user_partition(user))), ("tid".to_owned(), s(message.to_string()))])
}

fn pointer_key(pointer: &Pointer) -> Item {
    Item::from([
        ("min".to_owned(), s(minute_partition(pointer.minute))),
        ("tid".to_owned(), s(format!("{}#{}", pointer.user, pointer.message))),
    ])
}

/// The draft is kept in the form of a send that waits for the batch sequencer.
fn scheduled_item(scheduled: &Scheduled) -> Result<Item, StoreError> {
    let pending = Pending {
        draft: scheduled.draft.clone(),
        after: Sequence::ZERO,
        membership_version: Sequence::ZERO,
        pause_ms: 0,
        hot_until: Timestamp::default(),
        answer_to: None,
    };
    let mut item = scheduled_key(&scheduled.draft.sender.user, scheduled.draft.message_id());
    item.insert("due".into(), n(scheduled.due.0));
    item.insert("msg".into(), AttributeValue::B(Blob::new(to_ingest(&pending)?)));
    if let Some(why) = &scheduled.refused {
        item.insert("err".into(), s(why.as_ref()));
    }
    Ok(item)
}

fn scheduled_of(item: &Item) -> Result<Scheduled, StoreError> {
    let message = item.get("msg").and_then(|value| value.as_b().ok()).ok_or(StoreError::Attribute("msg"))?;
    Ok(Scheduled {
        due: Timestamp(number(item, "due")?),
        draft: from_ingest(message.as_ref())?.draft,
        refused: optional_text(item, "err")?.map(Into::into),
    })
}

fn pointer_of(item: &Item, minute: Minute) -> Result<Pointer, StoreError> {
    let (user, message) = text(item, "tid")?.split_once('#').ok_or(StoreError::Attribute("tid"))?;
    Ok(Pointer { minute, user: UserId::parse(user)?, message: MessageId::parse(message)? })
}
