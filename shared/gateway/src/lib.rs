//! The `@connections` adapter: notices to sockets, in the words of the wire.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use aws_sdk_apigatewaymanagement::{
    Client, Config, operation::delete_connection::DeleteConnectionError,
    operation::post_to_connection::PostToConnectionError, primitives::Blob,
};
use tidings_domain::{
    events::Kept,
    ids::FrameKey,
    notice::Notice,
    ports::{Clock, Gateway, Inboxes, PortResult, Post, Unavailable},
    session::Session,
};
use tidings_protocol::{
    ServerFrame,
    convert::{notice_frame, reply_to},
};

/// The sockets of all cells: a session tells the endpoint of its own. What is for a device that asks for events is put into its
/// inbox.
#[derive(Clone)]
pub struct ApiGateway {
    config: Config,
    clock: Arc<dyn Clock>,
    inboxes: Arc<dyn Inboxes>,
    /// Frames put into inboxes: they keep their order.
    put_count: Arc<AtomicU32>,
    clients: Arc<Mutex<HashMap<Arc<str>, Client>>>,
}

impl ApiGateway {
    /// The sockets, reached with this configuration but for the endpoint.
    pub fn new(config: Config, clock: Arc<dyn Clock>, inboxes: Arc<dyn Inboxes>) -> Self {
        Self { config, clock, inboxes, put_count: Arc::default(), clients: Arc::default() }
    }

    fn client(&self, endpoint: &Arc<str>) -> Client {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || Client::from_conf(self.config.to_builder().endpoint_url(endpoint.as_ref()).build());
        clients.entry(endpoint.clone()).or_insert_with(make).clone()
    }

    /// Posts a frame to a session's socket.
    pub async fn post_frame(
        &self,
        session: &Session,
        frame: &ServerFrame,
        reply_to: Option<&str>,
    ) -> Result<Post, Unavailable> {
        let text = frame.to_text(reply_to);
        if session.is_polled() { self.put(session, &text).await } else { self.post_text(session, text).await }
    }

    async fn put(&self, session: &Session, text: &str) -> Result<Post, Unavailable> {
        let count = self.put_count.fetch_add(1, Ordering::Relaxed);
        let key = FrameKey::of(self.clock.now(), count, self.clock.random_below(u64::MAX));
        self.inboxes.put(session, &Kept { key, text: text.into() }).await?;
        Ok(Post::Accepted)
    }

    async fn post_text(&self, session: &Session, text: String) -> Result<Post, Unavailable> {
        let posted = self
            .client(&session.endpoint)
            .post_to_connection()
            .connection_id(session.connection.as_str())
            .data(Blob::new(text))
            .send()
            .await;
        match posted {
            Ok(_) => Ok(Post::Accepted),
            Err(error) => match error.as_service_error() {
                Some(PostToConnectionError::GoneException(_)) => Ok(Post::Gone),
                _ => Err(Unavailable { operation: "post to a socket", source: error.into() }),
            },
        }
    }

    async fn delete(&self, session: &Session) -> Result<(), Unavailable> {
        if session.is_polled() {
            // Its device hears of it with its next question.
            return Ok(());
        }
        let deleted =
            self.client(&session.endpoint).delete_connection().connection_id(session.connection.as_str()).send().await;
        match deleted {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(DeleteConnectionError::GoneException(_)) => Ok(()),
                _ => Err(Unavailable { operation: "close a socket", source: error.into() }),
            },
        }
    }
}

impl Gateway for ApiGateway {
    fn post<'a>(&'a self, session: &'a Session, notice: &'a Notice) -> PortResult<'a, Post> {
        Box::pin(async move {
            let frame = notice_frame(notice, &session.owner.device, self.clock.now());
            self.post_frame(session, &frame, reply_to(notice)).await
        })
    }

    fn close<'a>(&'a self, session: &'a Session) -> PortResult<'a, ()> {
        Box::pin(self.delete(session))
    }
}
