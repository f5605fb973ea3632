//! The sessions table.

use aws_sdk_dynamodb::{
    Client,
    operation::{delete_item::DeleteItemError, update_item::UpdateItemError},
    types::{ReturnValue, ReturnValuesOnConditionCheckFailure},
};
use tidings_domain::{
    ids::{ConnectionId, DeviceId, Sender, Timestamp, UserId},
    ports::{PortResult, Refresh, Sessions, Unavailable},
    session::Session,
};

use crate::{
    StoreError,
    error::failed,
    item::{Item, NO_KEY, n, number, rows_of_user, s, text},
};

/// Live sockets in a table.
#[derive(Clone, Debug)]
pub struct DynamoSessions {
    client: Client,
    table: String,
}

impl DynamoSessions {
    /// The sessions in this table.
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into() }
    }

    /// Opens the connection to storage, by a read that finds nothing; failing it changes nothing.
    pub async fn warm_up(&self) {
        let read = self.client.query().table_name(&self.table).key_condition_expression("uid = :key");
        let _ = read.expression_attribute_values(":key", s(NO_KEY)).limit(1).send().await;
    }

    async fn replace(&self, session: &Session) -> Result<Option<Session>, Unavailable> {
        const OPERATION: &str = "register a session";
        let answer = self
            .client
            .put_item()
            .table_name(&self.table)
            .item("uid", s(session.owner.user.as_str()))
            .item("dev", s(session.owner.device.as_str()))
            .item("conn", s(session.connection.as_str()))
            .item("ep", s(session.endpoint.as_ref()))
            .item("ca", n(session.connected_at.0))
            .item("aa", n(session.active_at.0))
            .item("exp", n(session.expires_at.as_seconds()))
            .return_values(ReturnValue::AllOld)
            .send()
            .await
            .map_err(failed(OPERATION))?;
        answer.attributes.as_ref().map(session_of).transpose().map_err(failed(OPERATION))
    }

    /// Eventually consistent: the repair lane finds out whom a lagging read has missed.
    async fn by_user(&self, user: &UserId) -> Result<Vec<Session>, Unavailable> {
        rows_of_user(&self.client, &self.table, user, "read sessions", session_of).await
    }

    async fn prolong(
        &self,
        owner: &Sender,
        connection: &ConnectionId,
        now: Timestamp,
        expires_at: Timestamp,
        active: bool,
    ) -> Result<Refresh, Unavailable> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("uid", s(owner.user.as_str()))
            .key("dev", s(owner.device.as_str()))
            .condition_expression("conn = :conn AND #exp > :now")
            .expression_attribute_names("#exp", "exp")
            .expression_attribute_values(":conn", s(connection.as_str()))
            .expression_attribute_values(":now", n(now.as_seconds()))
            .expression_attribute_values(":exp", n(expires_at.as_seconds()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let update = if active {
            update.update_expression("SET #exp = :exp, aa = :aa").expression_attribute_values(":aa", n(now.0))
        } else {
            update.update_expression("SET #exp = :exp")
        };
        match update.send().await {
            Ok(_) => Ok(Refresh::Prolonged),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(refused)) => {
                    let row = refused.item.as_ref().map(session_of).transpose().map_err(failed("read a session"))?;
                    let is_later = |row: &Session| row.connection != *connection && row.is_live(now);
                    Ok(if row.as_ref().is_some_and(is_later) { Refresh::Superseded } else { Refresh::Lost })
                }
                _ => Err(failed("prolong a session")(error)),
            },
        }
    }

    async fn compare_and_delete(&self, owner: &Sender, connection: &ConnectionId) -> Result<(), Unavailable> {
        let delete = self
            .client
            .delete_item()
            .table_name(&self.table)
            .key("uid", s(owner.user.as_str()))
            .key("dev", s(owner.device.as_str()))
            .condition_expression("conn = :conn")
            .expression_attribute_values(":conn", s(connection.as_str()))
            .send()
            .await;
        match delete {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(DeleteItemError::ConditionalCheckFailedException(_)) => Ok(()),
                _ => Err(failed("remove a session")(error)),
            },
        }
    }
}

impl Sessions for DynamoSessions {
    fn put<'a>(&'a self, session: &'a Session) -> PortResult<'a, Option<Session>> {
        Box::pin(self.replace(session))
    }

    fn of_user<'a>(&'a self, user: &'a UserId) -> PortResult<'a, Vec<Session>> {
        Box::pin(self.by_user(user))
    }

    fn refresh<'a>(
        &'a self,
        sender: &'a Sender,
        connection: &'a ConnectionId,
        now: Timestamp,
        expires_at: Timestamp,
        active: bool,
    ) -> PortResult<'a, Refresh> {
        Box::pin(self.prolong(sender, connection, now, expires_at, active))
    }

    fn remove<'a>(&'a self, sender: &'a Sender, connection: &'a ConnectionId) -> PortResult<'a, ()> {
        Box::pin(self.compare_and_delete(sender, connection))
    }
}

fn session_of(item: &Item) -> Result<Session, StoreError> {
    Ok(Session {
        owner: Sender { user: UserId::parse(text(item, "uid")?)?, device: DeviceId::parse(text(item, "dev")?)? },
        connection: ConnectionId::parse(text(item, "conn")?)?,
        endpoint: text(item, "ep")?.into(),
        connected_at: Timestamp(number(item, "ca")?),
        active_at: Timestamp(number(item, "aa")?),
        expires_at: Timestamp(number(item, "exp")? * 1000),
    })
}
