//! `message.send`, and what is said about earlier messages: the write path over a socket.

use std::sync::Arc;

use tidings_domain::{ports::BoxFuture, send::AnswerTo};
use tidings_protocol::{
    DeleteFor, FrameType, MessageDelete, MessageEdit, MessagePin, MessageReact, MessageVote, ParseError, ServerFrame,
    convert::{self, AboutRequest},
    keys::MessageCommit,
    parse_body,
};
use tidings_runtime::{
    Adapters, Failure, Frame, FrameFunction, FrameHandler, MessageSender, Refusals, config::ConfigError,
};

struct Send(MessageSender);

/// Builds the function from its configuration.
pub fn build(adapters: &Adapters) -> Result<FrameFunction, ConfigError> {
    FrameFunction::new(Arc::new(Send(MessageSender::build(adapters)?)), Refusals::Answered)
}

impl Send {
    async fn say(
        &self,
        frame: &Frame<'_>,
        request: Result<AboutRequest, ParseError>,
        client_msg_id: &str,
    ) -> Result<Option<ServerFrame>, Failure> {
        let answer_to = AnswerTo { socket: frame.socket.clone(), reply_to: frame.id.map(Into::into) };
        let sent = self.0.say_about(request, client_msg_id, Some(answer_to)).await?;
        Ok(sent.map(ServerFrame::Sent))
    }

    async fn delete(&self, frame: &Frame<'_>, body: &MessageDelete) -> Result<Option<ServerFrame>, Failure> {
        match body.audience {
            DeleteFor::Everyone => {
                self.say(frame, convert::delete_request(&frame.socket.owner, body), &body.client_msg_id).await
            }
            DeleteFor::Me => Ok(Some(ServerFrame::Hidden(self.0.delete_for_me(&frame.socket.owner, body).await?))),
        }
    }
}

impl FrameHandler for Send {
    fn handle<'a>(&'a self, frame: Frame<'a>) -> BoxFuture<'a, Result<Option<ServerFrame>, Failure>> {
        Box::pin(async move {
            match frame.frame_type {
                FrameType::Send => {
                    let answer_to = AnswerTo { socket: frame.socket.clone(), reply_to: frame.id.map(Into::into) };
                    let sent = self.0.send(&frame.socket.owner, parse_body(frame.text)?, answer_to).await?;
                    Ok(sent.map(ServerFrame::Sent))
                }
                FrameType::Commit => {
                    let body: MessageCommit = parse_body(frame.text)?;
                    let answer_to = AnswerTo { socket: frame.socket.clone(), reply_to: frame.id.map(Into::into) };
                    let sent = self.0.commit(&frame.socket.owner, &body, answer_to).await?;
                    Ok(sent.map(ServerFrame::Sent))
                }
                FrameType::Edit => {
                    let body: MessageEdit = parse_body(frame.text)?;
                    let id = body.client_msg_id.clone();
                    self.say(&frame, convert::edit_request(&frame.socket.owner, body), &id).await
                }
                FrameType::Delete => self.delete(&frame, &parse_body(frame.text)?).await,
                FrameType::React => {
                    let body: MessageReact = parse_body(frame.text)?;
                    self.say(&frame, convert::reaction_request(&frame.socket.owner, &body), &body.client_msg_id).await
                }
                FrameType::Vote => {
                    let body: MessageVote = parse_body(frame.text)?;
                    self.say(&frame, convert::vote_request(&frame.socket.owner, &body), &body.client_msg_id).await
                }
                FrameType::Pin => {
                    let body: MessagePin = parse_body(frame.text)?;
                    self.say(&frame, convert::pin_request(&frame.socket.owner, &body), &body.client_msg_id).await
                }
                _ => Err(Failure::misrouted()),
            }
        })
    }

    fn warm_up(&self) -> BoxFuture<'_, ()> {
        self.0.warm_up()
    }
}
