//! A socket has closed: its session goes, if it is still the device's. Best effort: AWS does not
//! promise this event, and nothing depends on it.

use serde_json::Value;
use tidings_bus::SqsLooks;
use tidings_domain::{
    bans::OpenSockets,
    ports::{BoxFuture, Clock},
    sessions::end,
    watching::may_have_changed,
};
use tidings_runtime::{
    Adapters, Function, FunctionError, SystemClock, WebSocketEvent, answer_nothing, config::ConfigError,
};
use tidings_store::{DynamoDevices, DynamoSessions};

/// The function.
pub struct Disconnect {
    sessions: DynamoSessions,
    devices: DynamoDevices,
    looks: SqsLooks,
}

impl Disconnect {
    /// Builds the function from its configuration.
    pub fn build(adapters: &Adapters) -> Result<Self, ConfigError> {
        Ok(Self { sessions: adapters.sessions()?, devices: adapters.devices()?, looks: adapters.looks()? })
    }
}

impl Function for Disconnect {
    fn call(&self, event: Value) -> BoxFuture<'_, Result<Value, FunctionError>> {
        Box::pin(async move {
            let socket = WebSocketEvent::parse(event)?.socket(&"".into())?;
            let ended = end(&self.sessions, &self.devices, &SystemClock, &socket.owner, &socket.connection).await;
            ended.map_err(|error| FunctionError::Failed(tidings_runtime::error_chain(&error)))?;
            let closed = self.sessions.forget_open(&socket.session(SystemClock.now(), 0)).await;
            closed.map_err(|error| FunctionError::Failed(tidings_runtime::error_chain(&error)))?;
            may_have_changed(&self.sessions, &self.looks, SystemClock.now(), &socket.owner.user).await;
            Ok(answer_nothing())
        })
    }
}
