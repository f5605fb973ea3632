//! The sessions table.

use aws_sdk_dynamodb::{
    Client,
    operation::update_item::{UpdateItemError, builders::UpdateItemFluentBuilder},
    types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure},
};
use tidings_domain::{
    bans::OpenSockets,
    ids::{ConnectionId, ConversationId, DeviceId, Sender, Timestamp, UserId},
    limits::PRESENCE_WATCH_SECONDS,
    ports::{PortResult, Refresh, Sessions, Unavailable},
    session::{Session, place_of},
    watching::{Told, Watcher, Watches},
};

use crate::{
    StoreError,
    error::{delete_held, failed},
    item::{Item, NO_KEY, flag, n, number, optional_number, optional_text, rows_of_user, s, text},
};

/// The sign is below every place: who watches is read from a place on.
const TOLD: &str = "!";

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

    /// A subscriber's row is a session's, under the group, which no user is called like.
    async fn enlist(&self, conversation: &ConversationId, session: &Session) -> Result<(), Unavailable> {
        self.client
            .put_item()
            .table_name(&self.table)
            .item("uid", s(conversation.to_string()))
            .item("dev", s(subscriber_key(&session.owner)))
            .item("conn", s(session.connection.as_str()))
            .item("ep", s(session.endpoint.as_ref()))
            .item("ca", n(session.connected_at.0))
            .item("aa", n(session.active_at.0))
            .item("exp", n(session.expires_at.as_seconds()))
            .send()
            .await
            .map(|_| ())
            .map_err(failed("register a subscriber"))
    }

    async fn enlisted(
        &self,
        conversation: &ConversationId,
        from: u32,
        limit: usize,
    ) -> Result<Vec<Session>, Unavailable> {
        const OPERATION: &str = "read subscribers";
        let mut subscribers = Vec::new();
        let mut start_key = None;
        loop {
            let answer = self
                .client
                .query()
                .table_name(&self.table)
                .key_condition_expression("uid = :uid AND dev >= :place")
                .expression_attribute_values(":uid", s(conversation.to_string()))
                .expression_attribute_values(":place", s(place_text(from)))
                .limit(i32::try_from(limit - subscribers.len()).unwrap_or(i32::MAX))
                .set_exclusive_start_key(start_key)
                .send()
                .await
                .map_err(failed(OPERATION))?;
            for item in answer.items.unwrap_or_default() {
                subscribers.push(subscriber_of(&item).map_err(failed(OPERATION))?);
            }
            start_key = answer.last_evaluated_key;
            if start_key.is_none() || subscribers.len() >= limit {
                return Ok(subscribers);
            }
        }
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

    /// Removes the row of this key if it is still this connection's.
    async fn compare_and_delete(&self, uid: String, dev: String, connection: &ConnectionId) -> Result<(), Unavailable> {
        let delete = self
            .client
            .delete_item()
            .table_name(&self.table)
            .key("uid", s(uid))
            .key("dev", s(dev))
            .condition_expression("conn = :conn")
            .expression_attribute_values(":conn", s(connection.as_str()));
        delete_held(delete, "remove a session").await.map(drop)
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
        Box::pin(self.compare_and_delete(sender.user.to_string(), sender.device.to_string(), connection))
    }

    fn subscribe<'a>(&'a self, conversation: &'a ConversationId, session: &'a Session) -> PortResult<'a, ()> {
        Box::pin(self.enlist(conversation, session))
    }

    fn subscribers<'a>(
        &'a self,
        conversation: &'a ConversationId,
        from: u32,
        limit: usize,
    ) -> PortResult<'a, Vec<Session>> {
        Box::pin(self.enlisted(conversation, from, limit))
    }

    fn unsubscribe<'a>(
        &'a self,
        conversation: &'a ConversationId,
        sender: &'a Sender,
        connection: &'a ConnectionId,
    ) -> PortResult<'a, ()> {
        Box::pin(self.compare_and_delete(conversation.to_string(), subscriber_key(sender), connection))
    }
}

/// Who watches a user is a row under `w#` and the user, as a subscriber's is under a group; beside them stands under `!` what was last
/// said of the user: `st` online, `ta` when, `ck` when to look again, `due` until when a look counts as queued.
impl Watches for DynamoSessions {
    fn watch<'a>(&'a self, user: &'a UserId, watcher: &'a Watcher) -> PortResult<'a, ()> {
        Box::pin(async move {
            let session = &watcher.session;
            let mut put = self
                .client
                .put_item()
                .table_name(&self.table)
                .item("uid", s(watched_key(user)))
                .item("dev", s(subscriber_key(&session.owner)))
                .item("conn", s(session.connection.as_str()))
                .item("ep", s(session.endpoint.as_ref()))
                .item("ca", n(session.connected_at.0))
                .item("aa", n(session.active_at.0))
                .item("exp", n(session.expires_at.as_seconds()));
            if let Some(group) = &watcher.via {
                put = put.item("via", s(group.to_string()));
            }
            put.send().await.map(drop).map_err(failed("watch a user"))
        })
    }

    fn unwatch<'a>(&'a self, user: &'a UserId, watcher: &'a Sender) -> PortResult<'a, ()> {
        Box::pin(async move {
            let delete = self.client.delete_item().table_name(&self.table).key("uid", s(watched_key(user)));
            let delete = delete.key("dev", s(subscriber_key(watcher)));
            delete.send().await.map(drop).map_err(failed("watch a user no more"))
        })
    }

    fn watchers<'a>(&'a self, user: &'a UserId, from: u32, limit: usize) -> PortResult<'a, Vec<Watcher>> {
        Box::pin(async move {
            const OPERATION: &str = "read who watches a user";
            let query = self
                .client
                .query()
                .table_name(&self.table)
                .key_condition_expression("uid = :uid AND dev >= :place")
                .expression_attribute_values(":uid", s(watched_key(user)))
                .expression_attribute_values(":place", s(place_text(from)))
                .limit(i32::try_from(limit).unwrap_or(i32::MAX));
            let rows = query.send().await.map_err(failed(OPERATION))?.items.unwrap_or_default();
            rows.iter().map(|row| watcher_of(row).map_err(failed(OPERATION))).collect()
        })
    }

    fn claim_look<'a>(&'a self, user: &'a UserId, now: Timestamp, until: Timestamp) -> PortResult<'a, Option<Told>> {
        Box::pin(async move {
            const OPERATION: &str = "note that a look is queued";
            let update = self
                .update_told(user, until)
                .update_expression("SET #due = :until, #exp = :exp")
                .condition_expression("attribute_not_exists(#due) OR #due < :now")
                .expression_attribute_names("#due", "due")
                .expression_attribute_values(":until", n(until.0))
                .expression_attribute_values(":now", n(now.0))
                .return_values(ReturnValue::AllNew);
            match update.send().await {
                Ok(answer) => answer.attributes.as_ref().map(told_of).transpose().map_err(failed(OPERATION)),
                Err(error) => match error.as_service_error() {
                    Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(None),
                    _ => Err(failed(OPERATION)(error)),
                },
            }
        })
    }

    fn told<'a>(&'a self, user: &'a UserId) -> PortResult<'a, Told> {
        Box::pin(async move {
            const OPERATION: &str = "read what was said of a user";
            let get = self.client.get_item().table_name(&self.table).key("uid", s(watched_key(user)));
            let get = get.key("dev", s(TOLD)).consistent_read(true);
            let row = get.send().await.map_err(failed(OPERATION))?.item;
            let told = row.as_ref().map(told_of).transpose().map_err(failed(OPERATION))?;
            Ok(told.unwrap_or(Told::NOTHING))
        })
    }

    fn note_told<'a>(&'a self, user: &'a UserId, told: &'a Told) -> PortResult<'a, ()> {
        Box::pin(async move {
            let update = self
                .update_told(user, told.at.max(told.check_at))
                .update_expression("SET st = :st, ta = :ta, ck = :ck, #exp = :exp REMOVE #due")
                .expression_attribute_names("#due", "due")
                .expression_attribute_values(":st", AttributeValue::Bool(told.is_online))
                .expression_attribute_values(":ta", n(told.at.0))
                .expression_attribute_values(":ck", n(told.check_at.0));
            update.send().await.map(drop).map_err(failed("note what is said of a user"))
        })
    }
}

impl DynamoSessions {
    /// The row of what was last said of a user: it goes when nobody can watch any more who was told.
    fn update_told(&self, user: &UserId, last: Timestamp) -> UpdateItemFluentBuilder {
        let expires_at = last.plus_ms(PRESENCE_WATCH_SECONDS * 1000);
        self.client
            .update_item()
            .table_name(&self.table)
            .key("uid", s(watched_key(user)))
            .key("dev", s(TOLD))
            .expression_attribute_names("#exp", "exp")
            .expression_attribute_values(":exp", n(expires_at.as_seconds()))
    }
}

fn watched_key(user: &UserId) -> String {
    format!("w#{user}")
}

fn told_of(item: &Item) -> Result<Told, StoreError> {
    let moment = |name| Ok::<_, StoreError>(Timestamp(optional_number(item, name)?.unwrap_or_default()));
    Ok(Told { is_online: flag(item, "st")?, at: moment("ta")?, check_at: moment("ck")? })
}

fn watcher_of(item: &Item) -> Result<Watcher, StoreError> {
    let via = optional_text(item, "via")?.map(ConversationId::parse).transpose()?;
    Ok(Watcher { session: subscriber_of(item)?, via })
}

/// Open sockets are rows under `o#` and the user, by their connections: no user is called like that.
impl OpenSockets for DynamoSessions {
    fn note_open<'a>(&'a self, socket: &'a Session) -> PortResult<'a, ()> {
        Box::pin(async move {
            let put = self
                .client
                .put_item()
                .table_name(&self.table)
                .item("uid", s(open_key(&socket.owner.user)))
                .item("dev", s(format!("{}#{}", socket.connection, socket.owner.device)))
                .item("conn", s(socket.connection.as_str()))
                .item("ep", s(socket.endpoint.as_ref()))
                .item("ca", n(socket.connected_at.0))
                .item("aa", n(socket.active_at.0))
                .item("exp", n(socket.expires_at.as_seconds()));
            put.send().await.map(drop).map_err(failed("note a socket that opens"))
        })
    }

    fn open_of<'a>(&'a self, user: &'a UserId) -> PortResult<'a, Vec<Session>> {
        Box::pin(async move {
            const OPERATION: &str = "read open sockets";
            let query = self.client.query().table_name(&self.table).key_condition_expression("uid = :uid");
            let query = query.expression_attribute_values(":uid", s(open_key(user))).consistent_read(true);
            let rows = query.send().await.map_err(failed(OPERATION))?.items.unwrap_or_default();
            rows.iter().map(|row| open_socket_of(row, user).map_err(failed(OPERATION))).collect()
        })
    }

    fn forget_open<'a>(&'a self, socket: &'a Session) -> PortResult<'a, ()> {
        Box::pin(async move {
            let dev = format!("{}#{}", socket.connection, socket.owner.device);
            self.compare_and_delete(open_key(&socket.owner.user), dev, &socket.connection).await
        })
    }
}

fn open_key(user: &UserId) -> String {
    format!("o#{user}")
}

fn open_socket_of(item: &Item, user: &UserId) -> Result<Session, StoreError> {
    let (_, device) = text(item, "dev")?.split_once('#').ok_or(StoreError::Attribute("dev"))?;
    session_with(item, Sender { user: user.clone(), device: DeviceId::parse(device)? })
}

/// A place as keys sort it.
fn place_text(place: u32) -> String {
    format!("{place:08x}")
}

/// The place, the user and the device: no user id and no device id has the sign between them.
fn subscriber_key(owner: &Sender) -> String {
    format!("{}#{}#{}", place_text(place_of(owner)), owner.user, owner.device)
}

fn subscriber_of(item: &Item) -> Result<Session, StoreError> {
    let mut parts = text(item, "dev")?.splitn(3, '#').skip(1);
    let mut part = || parts.next().ok_or(StoreError::Attribute("dev"));
    let owner = Sender { user: UserId::parse(part()?)?, device: DeviceId::parse(part()?)? };
    session_with(item, owner)
}

pub(crate) fn session_of(item: &Item) -> Result<Session, StoreError> {
    let owner = Sender { user: UserId::parse(text(item, "uid")?)?, device: DeviceId::parse(text(item, "dev")?)? };
    session_with(item, owner)
}

fn session_with(item: &Item, owner: Sender) -> Result<Session, StoreError> {
    Ok(Session {
        owner,
        connection: ConnectionId::parse(text(item, "conn")?)?,
        endpoint: text(item, "ep")?.into(),
        connected_at: Timestamp(number(item, "ca")?),
        active_at: Timestamp(number(item, "aa")?),
        expires_at: Timestamp(number(item, "exp")?.saturating_mul(1000)),
    })
}
