//! A socket opens: the device becomes known. Its session begins with its `session.hello`.

use std::sync::Arc;

use futures_util::future::join;
use serde_json::{Value, json};
use tidings_domain::{
    bans::OpenSockets,
    limits::SOCKET_LIFE_SECONDS,
    ports::{BoxFuture, Clock, Devices},
    signals::{Metric, measure},
};
use tidings_runtime::{
    Adapters, Function, FunctionError, SystemClock, WebSocketEvent, answer_nothing,
    config::{self, ConfigError},
};
use tidings_store::{DynamoDevices, DynamoSessions};

/// The function.
pub struct Connect {
    devices: DynamoDevices,
    sessions: DynamoSessions,
    endpoint: Arc<str>,
}

impl Connect {
    /// Builds the function from its configuration.
    pub fn build(adapters: &Adapters) -> Result<Self, ConfigError> {
        Ok(Self {
            devices: adapters.devices()?,
            sessions: adapters.sessions()?,
            endpoint: config::text("WEBSOCKET_ENDPOINT")?.into(),
        })
    }
}

impl Function for Connect {
    fn call(&self, event: Value) -> BoxFuture<'_, Result<Value, FunctionError>> {
        Box::pin(async move {
            let socket = WebSocketEvent::parse(event)?.socket(&self.endpoint)?;
            let now = SystemClock.now();
            // A socket that says no hello has no session: it is noted here, to be found where its user is banned.
            let open = socket.session(now, SOCKET_LIFE_SECONDS);
            let (noted, opened) = join(self.devices.touch(&socket.owner, now), self.sessions.note_open(&open)).await;
            let is_welcome = noted.and_then(|is_welcome| opened.map(|()| is_welcome));
            let is_welcome = is_welcome.map_err(|error| FunctionError::Failed(tidings_runtime::error_chain(&error)))?;
            measure(Metric::Connected, u64::from(is_welcome));
            // It was revoked, or its user banned, since the authorizer looked.
            Ok(if is_welcome { answer_nothing() } else { json!({ "statusCode": 403 }) })
        })
    }
}
