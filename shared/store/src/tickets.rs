//! The tickets table.

use aws_sdk_dynamodb::{Client, types::ReturnValue};
use tidings_domain::{
    ids::{DeviceId, Sender, Timestamp, UserId},
    ports::{PortResult, Tickets, Unavailable},
    session::Grant,
};

use crate::{
    StoreError,
    error::failed,
    item::{Item, n, number, s, text},
};

/// Tickets in a table.
#[derive(Clone, Debug)]
pub struct DynamoTickets {
    client: Client,
    table: String,
}

impl DynamoTickets {
    /// The tickets in this table.
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into() }
    }

    async fn keep(&self, hash: &str, grant: &Grant) -> Result<(), Unavailable> {
        self.client
            .put_item()
            .table_name(&self.table)
            .item("tid", s(hash))
            .item("uid", s(grant.owner.user.as_str()))
            .item("dev", s(grant.owner.device.as_str()))
            // Storage deletes late and by the second; `until` is what counts.
            .item("until", n(grant.expires_at.0))
            .item("exp", n(grant.expires_at.as_seconds() + 1))
            .send()
            .await
            .map_err(failed("keep a ticket"))?;
        Ok(())
    }

    async fn delete(&self, hash: &str) -> Result<Option<Grant>, Unavailable> {
        let answer = self
            .client
            .delete_item()
            .table_name(&self.table)
            .key("tid", s(hash))
            .return_values(ReturnValue::AllOld)
            .send()
            .await
            .map_err(failed("take a ticket"))?;
        answer.attributes.as_ref().map(grant_of).transpose().map_err(failed("take a ticket"))
    }
}

impl Tickets for DynamoTickets {
    fn put<'a>(&'a self, hash: &'a str, grant: &'a Grant) -> PortResult<'a, ()> {
        Box::pin(self.keep(hash, grant))
    }

    fn take<'a>(&'a self, hash: &'a str) -> PortResult<'a, Option<Grant>> {
        Box::pin(self.delete(hash))
    }
}

pub(crate) fn grant_of(item: &Item) -> Result<Grant, StoreError> {
    Ok(Grant {
        owner: Sender { user: UserId::parse(text(item, "uid")?)?, device: DeviceId::parse(text(item, "dev")?)? },
        expires_at: Timestamp(number(item, "until")?),
    })
}
