//! `message.send`: the write path over a socket.

use std::sync::Arc;

use tidings_domain::ports::BoxFuture;
use tidings_protocol::{FrameType, ServerFrame, parse_body};
use tidings_runtime::{
    Adapters, Failure, Frame, FrameFunction, FrameHandler, MessageSender, Refusals, config::ConfigError,
};

struct Send(MessageSender);

/// Builds the function from its configuration.
pub fn build(adapters: &Adapters) -> Result<FrameFunction, ConfigError> {
    FrameFunction::new(Arc::new(Send(MessageSender::build(adapters)?)), Refusals::Answered)
}

impl FrameHandler for Send {
    fn handle<'a>(&'a self, frame: Frame<'a>) -> BoxFuture<'a, Result<Option<ServerFrame>, Failure>> {
        Box::pin(async move {
            match frame.frame_type {
                FrameType::Send => {
                    let sent = self.0.send(&frame.socket.owner, parse_body(frame.text)?).await?;
                    Ok(Some(ServerFrame::Sent(sent)))
                }
                _ => Err(Failure::misrouted()),
            }
        })
    }

    fn warm_up(&self) -> BoxFuture<'_, ()> {
        self.0.warm_up()
    }
}
