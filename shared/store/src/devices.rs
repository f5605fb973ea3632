//! The devices table.

use aws_sdk_dynamodb::Client;
use tidings_domain::{
    ids::{DeviceId, Sender, Timestamp, UserId},
    ports::{Devices, PortResult, Unavailable},
    session::Device,
};

use crate::{
    StoreError,
    error::failed,
    item::{Item, n, number, rows_of_user, s, text},
};

/// Devices in a table.
#[derive(Clone, Debug)]
pub struct DynamoDevices {
    client: Client,
    table: String,
}

impl DynamoDevices {
    /// The devices in this table.
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into() }
    }

    async fn seen(&self, device: &Sender, now: Timestamp) -> Result<(), Unavailable> {
        self.client
            .update_item()
            .table_name(&self.table)
            .key("uid", s(device.user.as_str()))
            .key("dev", s(device.device.as_str()))
            .update_expression("SET seen = :now, #since = if_not_exists(#since, :now)")
            .expression_attribute_names("#since", "since")
            .expression_attribute_values(":now", n(now.0))
            .send()
            .await
            .map_err(failed("note a device"))?;
        Ok(())
    }

    async fn one(&self, device: &Sender) -> Result<Option<Device>, Unavailable> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .key("uid", s(device.user.as_str()))
            .key("dev", s(device.device.as_str()))
            .send()
            .await
            .map_err(failed("read a device"))?;
        answer.item.as_ref().map(device_of).transpose().map_err(failed("read a device"))
    }

    async fn by_user(&self, user: &UserId) -> Result<Vec<Device>, Unavailable> {
        rows_of_user(&self.client, &self.table, user, "read devices", device_of).await
    }
}

impl Devices for DynamoDevices {
    fn touch<'a>(&'a self, device: &'a Sender, now: Timestamp) -> PortResult<'a, ()> {
        Box::pin(self.seen(device, now))
    }

    fn find<'a>(&'a self, device: &'a Sender) -> PortResult<'a, Option<Device>> {
        Box::pin(self.one(device))
    }

    fn of_user<'a>(&'a self, user: &'a UserId) -> PortResult<'a, Vec<Device>> {
        Box::pin(self.by_user(user))
    }
}

fn device_of(item: &Item) -> Result<Device, StoreError> {
    Ok(Device {
        owner: Sender { user: UserId::parse(text(item, "uid")?)?, device: DeviceId::parse(text(item, "dev")?)? },
        seen_at: Timestamp(number(item, "seen")?),
        revoked: item.get("rv").is_some_and(|v| v.as_bool().is_ok_and(|revoked| *revoked)),
    })
}
