//! The mailboxes table.
//!
//! | `own` | `mail` | |
//! |---|---|---|
//! | user, `#`, device | the id of a piece of mail, which begins with its time | a piece: `k` kind, `fu` `fd` from, `cid` `sq` conversation and sequence, `p` payload, `ts`; TTL `exp` |
//! | user, `#`, device | `#` | `n` how many pieces there are at least, `lost` how many found no room |
//!
//! The row of the count comes first, so that a page from the start reads it along. TTL takes mail away without counting:
//! whoever reads a mailbox to its end sets the count right.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    Client,
    types::{Delete, Put, TransactWriteItem, Update},
};
use tidings_domain::{
    ids::{ConversationId, DeviceId, KindName, MailId, Sender, Sequence, Timestamp, UserId},
    mailbox::{Deposit, Mail, MailPage},
    ports::{Mailboxes, PortResult, Unavailable},
};

use crate::{
    StoreError,
    error::{failed, transact, update_held, update_if},
    item::{Item, n, number, optional_number, optional_text, s, text},
};

const COUNT: &str = "#";
/// Tries of a deposit: others may count in the same mailbox at once.
const DEPOSIT_TRIES_MAX: usize = 8;

/// Mailboxes in a table.
#[derive(Clone, Debug)]
pub struct DynamoMailboxes {
    client: Client,
    table: String,
}

fn owner_key(owner: &Sender) -> String {
    format!("{}#{}", owner.user, owner.device)
}

fn mail_key(owner: &Sender, mail: &str) -> Item {
    HashMap::from([("own".into(), s(owner_key(owner))), ("mail".into(), s(mail))])
}

fn item_of(mail: &Mail) -> Item {
    let mut item = mail_key(&mail.to, mail.id.as_str());
    item.insert("k".into(), s(mail.kind.as_str()));
    item.insert("fu".into(), s(mail.from.user.as_str()));
    item.insert("fd".into(), s(mail.from.device.as_str()));
    item.insert("p".into(), s(mail.payload.as_ref()));
    item.insert("ts".into(), n(mail.ts.0));
    item.insert("exp".into(), n(mail.expires_at().as_seconds()));
    if let Some(conversation) = &mail.conversation {
        item.insert("cid".into(), s(conversation.to_string()));
    }
    if let Some(sequence) = mail.sequence {
        item.insert("sq".into(), n(sequence.0));
    }
    item
}

fn mail_of(owner: &Sender, item: &Item) -> Result<Mail, StoreError> {
    Ok(Mail {
        to: owner.clone(),
        id: MailId::parse(text(item, "mail")?)?,
        kind: KindName::parse(text(item, "k")?)?,
        from: Sender { user: UserId::parse(text(item, "fu")?)?, device: DeviceId::parse(text(item, "fd")?)? },
        conversation: optional_text(item, "cid")?.map(ConversationId::parse).transpose()?,
        sequence: optional_number(item, "sq")?.map(Sequence),
        payload: text(item, "p")?.into(),
        ts: Timestamp(number(item, "ts")?),
    })
}

impl DynamoMailboxes {
    /// The mailboxes in this table.
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into() }
    }

    async fn deposit(&self, mail: &Mail, count_max: u64) -> Result<Deposit, Unavailable> {
        const OPERATION: &str = "put mail";
        for _ in 0..DEPOSIT_TRIES_MAX {
            let items = self.deposit_items(mail, count_max).map_err(failed(OPERATION))?;
            let Err(cancelled) = transact(&self.client, items, OPERATION).await? else { return Ok(Deposit::Kept) };
            // There already: whether there is room for another does not matter.
            if cancelled.is_refused(0) {
                return Ok(Deposit::Kept);
            }
            if cancelled.is_refused(1) {
                self.note_lost(&mail.to).await?;
                return Ok(Deposit::Full);
            }
        }
        Err(failed(OPERATION)(StoreError::Unprocessed))
    }

    fn deposit_items(&self, mail: &Mail, count_max: u64) -> Result<Vec<TransactWriteItem>, StoreError> {
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(item_of(mail)))
            .condition_expression("attribute_not_exists(own)")
            .build()?;
        let count = Update::builder()
            .table_name(&self.table)
            .set_key(Some(mail_key(&mail.to, COUNT)))
            .update_expression("ADD #n :one")
            .condition_expression("attribute_not_exists(#n) OR #n < :max")
            .expression_attribute_names("#n", "n")
            .expression_attribute_values(":one", n(1))
            .expression_attribute_values(":max", n(count_max))
            .build()?;
        Ok(vec![TransactWriteItem::builder().put(put).build(), TransactWriteItem::builder().update(count).build()])
    }

    async fn note_lost(&self, owner: &Sender) -> Result<(), Unavailable> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(mail_key(owner, COUNT)))
            .update_expression("ADD lost :one")
            .expression_attribute_values(":one", n(1));
        update_if(update.send().await.map(drop), "note lost mail")
    }

    async fn read(&self, owner: &Sender, after: Option<&MailId>, limit: usize) -> Result<MailPage, Unavailable> {
        const OPERATION: &str = "read mail";
        // The count's row sorts before all mail.
        let from = after.map_or(COUNT, MailId::as_str);
        let comparison = if after.is_some() { ">" } else { ">=" };
        let mut page = MailPage::default();
        let mut count = None;
        let mut start_key = None;
        loop {
            let answer = self
                .client
                .query()
                .table_name(&self.table)
                .key_condition_expression(format!("own = :own AND mail {comparison} :from"))
                .expression_attribute_values(":own", s(owner_key(owner)))
                .expression_attribute_values(":from", s(from))
                .consistent_read(true)
                .limit(i32::try_from(limit + 1).unwrap_or(i32::MAX))
                .set_exclusive_start_key(start_key)
                .send()
                .await
                .map_err(failed(OPERATION))?;
            for item in answer.items.unwrap_or_default() {
                if text(&item, "mail").map_err(failed(OPERATION))? == COUNT {
                    let number = |name| optional_number(&item, name).map(Option::unwrap_or_default);
                    count = Some(number("n").map_err(failed(OPERATION))?);
                    page.dropped = number("lost").map_err(failed(OPERATION))?;
                } else {
                    page.mail.push(mail_of(owner, &item).map_err(failed(OPERATION))?);
                }
            }
            start_key = answer.last_evaluated_key;
            if start_key.is_none() || page.mail.len() > limit {
                break;
            }
        }
        page.has_more = page.mail.len() > limit;
        page.mail.truncate(limit);
        if let Some(count) = count
            && !page.has_more
            && (count != page.mail.len() as u64 || page.dropped > 0)
        {
            self.set_count(owner, count, page.mail.len() as u64).await?;
        }
        Ok(page)
    }

    /// Sets the count right, unless somebody has counted in the meantime: the next read comes to it.
    async fn set_count(&self, owner: &Sender, before: u64, count: u64) -> Result<(), Unavailable> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(mail_key(owner, COUNT)))
            .update_expression("SET #n = :n REMOVE lost")
            .condition_expression("#n = :before")
            .expression_attribute_names("#n", "n")
            .expression_attribute_values(":n", n(count))
            .expression_attribute_values(":before", n(before));
        update_held(update, "count mail").await.map(drop)
    }

    async fn delete(&self, owner: &Sender, ids: &[MailId]) -> Result<(), Unavailable> {
        const OPERATION: &str = "remove mail";
        for id in ids {
            for attempt in 0.. {
                let items = self.delete_items(owner, id).map_err(failed(OPERATION))?;
                let Err(cancelled) = transact(&self.client, items, OPERATION).await? else { break };
                // Gone already, or its count: then nothing is to be counted.
                if cancelled.first_refused().is_some() {
                    break;
                }
                if attempt == DEPOSIT_TRIES_MAX {
                    return Err(failed(OPERATION)(cancelled));
                }
            }
        }
        Ok(())
    }

    fn delete_items(&self, owner: &Sender, id: &MailId) -> Result<Vec<TransactWriteItem>, StoreError> {
        let delete = Delete::builder()
            .table_name(&self.table)
            .set_key(Some(mail_key(owner, id.as_str())))
            .condition_expression("attribute_exists(own)")
            .build()?;
        let count = Update::builder()
            .table_name(&self.table)
            .set_key(Some(mail_key(owner, COUNT)))
            .update_expression("SET #n = #n - :one")
            .expression_attribute_names("#n", "n")
            .expression_attribute_values(":one", n(1))
            .build()?;
        Ok(vec![
            TransactWriteItem::builder().delete(delete).build(),
            TransactWriteItem::builder().update(count).build(),
        ])
    }
}

impl Mailboxes for DynamoMailboxes {
    fn put<'a>(&'a self, mail: &'a Mail, count_max: u64) -> PortResult<'a, Deposit> {
        Box::pin(self.deposit(mail, count_max))
    }

    fn page<'a>(&'a self, owner: &'a Sender, after: Option<&'a MailId>, limit: usize) -> PortResult<'a, MailPage> {
        Box::pin(self.read(owner, after, limit))
    }

    fn remove<'a>(&'a self, owner: &'a Sender, ids: &'a [MailId]) -> PortResult<'a, ()> {
        Box::pin(self.delete(owner, ids))
    }
}
