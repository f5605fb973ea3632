//! Opens the WebSocket; and what takes its place where none comes through.

use std::{sync::Arc, time::Duration};

use futures_util::{SinkExt, StreamExt};
use http::{HeaderValue, StatusCode, header::AUTHORIZATION};
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tokio_tungstenite::{
    Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config,
    tungstenite::{Error as WsError, Message, client::IntoClientRequest, protocol::WebSocketConfig},
};

use crate::{
    calls::Calls,
    error::HttpError,
    http::{Http, chain, encoded},
    token::{TokenError, TokenProvider},
};

pub(crate) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// What carries frames.
pub(crate) enum Way {
    Socket(Box<Socket>),
    Calls(Calls),
}

impl Way {
    /// Takes a frame to be written.
    pub(crate) async fn feed(&mut self, frame: String) -> Result<(), WsError> {
        match self {
            Self::Socket(socket) => socket.feed(Message::text(frame)).await,
            Self::Calls(calls) => {
                if calls.say(frame).await {
                    Ok(())
                } else {
                    Err(WsError::ConnectionClosed)
                }
            }
        }
    }

    /// Asks the other side whether it is there; calls find out by themselves.
    pub(crate) async fn ping(&mut self) -> Result<bool, WsError> {
        match self {
            Self::Socket(socket) => socket.feed(Message::Ping(Vec::new().into())).await.map(|()| true),
            Self::Calls(_) => Ok(false),
        }
    }

    pub(crate) async fn flush(&mut self) -> Result<(), WsError> {
        match self {
            Self::Socket(socket) => socket.flush().await,
            Self::Calls(_) => Ok(()),
        }
    }

    pub(crate) async fn next(&mut self) -> Option<Result<Message, WsError>> {
        match self {
            Self::Socket(socket) => socket.next().await,
            Self::Calls(calls) => calls.hear().await.map(|frame| Ok(Message::text(frame))),
        }
    }

    /// Says goodbye, and waits for the answer.
    pub(crate) async fn close(&mut self) -> Result<(), WsError> {
        let Self::Socket(socket) = self else { return Ok(()) };
        let socket: &mut Socket = socket;
        socket.close(None).await?;
        while let Some(Ok(message)) = socket.next().await {
            if message.is_close() {
                break;
            }
        }
        Ok(())
    }
}

/// More than the service ever sends, and no more than it takes to say so.
const MESSAGE_BYTES_MAX: usize = 128 * 1024;

/// Everything that an attempt to connect needs.
#[derive(Clone)]
pub(crate) struct Dialer {
    pub(crate) url: String,
    pub(crate) device: String,
    pub(crate) tokens: Arc<dyn TokenProvider>,
    pub(crate) tls: Arc<ClientConfig>,
    /// Connect as a browser does, with a ticket from here.
    pub(crate) tickets: Option<Http>,
    pub(crate) timeout: Duration,
}

/// Why no connection was made.
#[derive(Debug)]
pub(crate) enum DialError {
    Unauthorized,
    Forbidden,
    Refused(u16),
    NoToken(TokenError),
    Network(String),
    TimedOut,
}

impl Dialer {
    /// Opens a socket; with `fresh`, not with the last token again.
    pub(crate) async fn open(self, fresh: bool) -> Result<Way, DialError> {
        match tokio::time::timeout(self.timeout, self.dial(fresh)).await {
            Ok(result) => result.map(Way::Socket),
            Err(_) => Err(DialError::TimedOut),
        }
    }

    async fn dial(&self, fresh: bool) -> Result<Box<Socket>, DialError> {
        let (query, token) = if let Some(http) = &self.tickets {
            (format!("ticket={}", encoded(&http.ticket().await?.ticket)), None)
        } else {
            let token = self.tokens.token(fresh).await.map_err(DialError::NoToken)?;
            (format!("device={}", encoded(&self.device)), Some(token))
        };
        let joint = if self.url.contains('?') { '&' } else { '?' };
        let mut request = format!("{}{joint}{query}", self.url).into_client_request()?;
        if let Some(token) = token {
            let value = HeaderValue::from_str(&format!("Bearer {token}"))
                .map_err(|_| DialError::Network("the access token is not fit for a header".to_owned()))?;
            request.headers_mut().insert(AUTHORIZATION, value);
        }
        let mut config = WebSocketConfig::default();
        config.max_message_size = Some(MESSAGE_BYTES_MAX);
        config.max_frame_size = Some(MESSAGE_BYTES_MAX);
        let connector = Connector::Rustls(Arc::clone(&self.tls));
        let (socket, _) = connect_async_tls_with_config(request, Some(config), true, Some(connector)).await?;
        Ok(Box::new(socket))
    }
}

impl From<WsError> for DialError {
    fn from(error: WsError) -> Self {
        match error {
            WsError::Http(answer) => Self::of_status(answer.status()),
            // "IO error" says nothing to a user.
            WsError::Io(error) => Self::Network(error.to_string()),
            other => Self::Network(chain(&other)),
        }
    }
}

impl From<HttpError> for DialError {
    fn from(error: HttpError) -> Self {
        match error {
            HttpError::Rejected { status, .. } | HttpError::Unexpected { status, .. } => {
                StatusCode::from_u16(status).map_or(Self::Refused(status), Self::of_status)
            }
            HttpError::Token(error) => Self::NoToken(error),
            other => Self::Network(chain(&other)),
        }
    }
}

impl DialError {
    fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::UNAUTHORIZED => Self::Unauthorized,
            StatusCode::FORBIDDEN => Self::Forbidden,
            other => Self::Refused(other.as_u16()),
        }
    }
}
