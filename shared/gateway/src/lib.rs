//! The `@connections` adapter: notices to sockets, in the words of the wire.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use aws_sdk_apigatewaymanagement::{
    Client, Config, operation::delete_connection::DeleteConnectionError,
    operation::post_to_connection::PostToConnectionError, primitives::Blob,
};
use tidings_domain::{
    notice::Notice,
    ports::{Clock, Gateway, PortResult, Post, Unavailable},
    session::Session,
};
use tidings_protocol::{
    ServerFrame,
    convert::{notice_frame, reply_to},
};

/// The sockets of all cells: a session tells the endpoint of its own.
#[derive(Clone)]
pub struct ApiGateway {
    config: Config,
    clock: Arc<dyn Clock>,
    clients: Arc<Mutex<HashMap<Arc<str>, Client>>>,
}

impl ApiGateway {
    /// The sockets, reached with this configuration but for the endpoint.
    pub fn new(config: Config, clock: Arc<dyn Clock>) -> Self {
        Self { config, clock, clients: Arc::default() }
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
        let posted = self
            .client(&session.endpoint)
            .post_to_connection()
            .connection_id(session.connection.as_str())
            .data(Blob::new(frame.to_text(reply_to)))
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
