//! A socket opens: the device becomes known. Its session begins with its `session.hello`.

use serde_json::{Value, json};
use tidings_domain::ports::{BoxFuture, Clock, Devices};
use tidings_runtime::{
    Adapters, Function, FunctionError, SystemClock, WebSocketEvent, answer_nothing, config::ConfigError,
};
use tidings_store::DynamoDevices;

/// The function.
pub struct Connect {
    devices: DynamoDevices,
}

impl Connect {
    /// Builds the function from its configuration.
    pub fn build(adapters: &Adapters) -> Result<Self, ConfigError> {
        Ok(Self { devices: adapters.devices()? })
    }
}

impl Function for Connect {
    fn call(&self, event: Value) -> BoxFuture<'_, Result<Value, FunctionError>> {
        Box::pin(async move {
            let socket = WebSocketEvent::parse(event)?.socket(&"".into())?;
            let noted = self.devices.touch(&socket.owner, SystemClock.now()).await;
            let is_welcome = noted.map_err(|error| FunctionError::Failed(tidings_runtime::error_chain(&error)))?;
            // It was revoked since the authorizer looked.
            Ok(if is_welcome { answer_nothing() } else { json!({ "statusCode": 403 }) })
        })
    }
}
