//! A raw socket: what is said on it is what the test wrote.

use std::collections::VecDeque;

use futures_util::{SinkExt, StreamExt, stream::SplitSink};
use serde_json::{Value, json};
use tokio::{net::TcpStream, sync::mpsc, task::JoinHandle, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest, protocol::CloseFrame},
};

use crate::{http::encoded, retry::DEADLINE, stack::Stack, user::fresh};

type Sink = SplitSink<WebSocketStream<MaybeTlsStream<TcpStream>>, Message>;

/// A handshake to be.
#[derive(Clone, Debug, Default)]
pub struct Opening {
    query: Vec<(String, String)>,
    authorization: Option<String>,
}

impl Opening {
    /// As a native client.
    pub fn with_token(token: &str, device: &str) -> Self {
        Self::default().query("device", device).authorization(&format!("Bearer {token}"))
    }

    /// As a browser.
    pub fn with_ticket(ticket: &str) -> Self {
        Self::default().query("ticket", ticket)
    }

    /// Adds to the query.
    #[must_use]
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.query.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets the header.
    #[must_use]
    pub fn authorization(mut self, value: &str) -> Self {
        self.authorization = Some(value.to_owned());
        self
    }

    /// Opens a socket, or answers the status with which that was refused.
    pub async fn open(&self) -> Result<Socket, u16> {
        let query: Vec<String> = self.query.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        let url = format!("{}?{}", Stack::get().ws_url, query.join("&"));
        let mut request = url.into_client_request().unwrap();
        if let Some(authorization) = &self.authorization {
            request.headers_mut().insert("authorization", authorization.parse().unwrap());
        }
        match timeout(DEADLINE, connect_async(request)).await.expect("a handshake in time") {
            Ok((stream, _)) => Ok(Socket::start(stream)),
            Err(Error::Http(answer)) => Err(answer.status().as_u16()),
            Err(error) => panic!("no handshake: {error}"),
        }
    }
}

/// How the service closed a socket.
#[derive(Clone, Copy, Debug)]
struct Closed {
    code: Option<u16>,
}

/// A raw socket. Dropping it cuts the connection, and panics where an error frame came that the
/// test has not looked at.
pub struct Socket {
    sink: Sink,
    incoming: mpsc::UnboundedReceiver<Incoming>,
    unread: VecDeque<Value>,
    closed: Option<Closed>,
    reader: JoinHandle<()>,
}

enum Incoming {
    Frame(Value),
    Closed(Option<u16>),
}

impl Socket {
    fn start(stream: WebSocketStream<MaybeTlsStream<TcpStream>>) -> Self {
        let (sink, mut source) = stream.split();
        let (frames, incoming) = mpsc::unbounded_channel();
        let reader = tokio::spawn(async move {
            while let Some(message) = source.next().await {
                let heard = match message {
                    Ok(Message::Text(text)) => {
                        assert!(text.len() <= 32 * 1024, "the service said {} bytes at once", text.len());
                        Incoming::Frame(serde_json::from_str(&text).expect("a frame in JSON"))
                    }
                    Ok(Message::Close(frame)) => Incoming::Closed(frame.map(|CloseFrame { code, .. }| code.into())),
                    Ok(_) => continue,
                    Err(_) => break,
                };
                if frames.send(heard).is_err() {
                    return;
                }
            }
            let _ = frames.send(Incoming::Closed(None));
        });
        Self { sink, incoming, unread: VecDeque::new(), closed: None, reader }
    }

    /// Sends a text as it is.
    pub async fn send_text(&mut self, text: impl Into<String>) {
        self.sink.send(Message::text(text.into())).await.expect("an open socket");
    }

    /// Sends any message; answers whether the socket took it.
    pub async fn send_raw(&mut self, message: Message) -> bool {
        self.sink.send(message).await.is_ok()
    }

    /// Sends a frame.
    pub async fn send(&mut self, frame: Value) {
        self.send_text(frame.to_string()).await;
    }

    /// Sends a frame with an id, and answers what it was answered with, errors included.
    pub async fn ask(&mut self, mut frame: Value) -> Value {
        let id = fresh("q");
        frame["id"] = json!(id);
        self.send(frame).await;
        self.answer_to(&id).await
    }

    /// The answer to the frame of this id.
    pub async fn answer_to(&mut self, id: &str) -> Value {
        self.expect_where(&format!("answer to {id}"), |frame| frame["replyTo"] == id).await
    }

    /// Says hello with these fields, and answers all frames up to `sync.complete`.
    pub async fn hello(&mut self, mut fields: Value) -> Vec<Value> {
        fields["type"] = json!("session.hello");
        fields["id"] = json!(fresh("hello"));
        let id = fields["id"].clone();
        self.send(fields).await;
        let mut frames = Vec::new();
        loop {
            let frame = self.next("the answers to a hello").await;
            let done = frame["replyTo"] == id;
            frames.push(frame);
            if done {
                assert_eq!(frames.last().unwrap()["type"], "sync.complete", "{frames:?}");
                return frames;
            }
        }
    }

    /// Sends a text message, and answers `message.sent`.
    pub async fn say(&mut self, conversation: &str, text: &str) -> Value {
        let sent = self.ask(message(conversation, &fresh("c"), text)).await;
        assert_eq!(sent["type"], "message.sent", "{sent}");
        sent
    }

    /// Answers once every frame that was sent before has been handled: they run side by side, so
    /// one that answers nothing on success is asked about by what it changes; this is for
    /// everything that answers.
    pub async fn round_trip(&mut self) {
        let pong = self.ask(json!({ "type": "presence.heartbeat", "active": false })).await;
        assert_eq!(pong["type"], "presence.ok", "{pong}");
    }

    /// The next frame, whatever it is.
    pub async fn next(&mut self, what: &str) -> Value {
        match self.unread.pop_front() {
            Some(frame) => frame,
            None => self.read(what).await,
        }
    }

    /// The next frame; none where the socket is closed.
    pub async fn heard(&mut self) -> Option<Value> {
        loop {
            if let Some(frame) = self.unread.pop_front() {
                return Some(frame);
            }
            if self.closed.is_some() {
                return None;
            }
            let heard = self.incoming.recv().await?;
            self.hear(heard);
        }
    }

    /// The first frame of this type that was not taken yet; others stay.
    pub async fn expect(&mut self, frame_type: &str) -> Value {
        self.expect_where(frame_type, |frame| frame["type"] == frame_type).await
    }

    /// `message.new` at this sequence of a conversation.
    pub async fn expect_message(&mut self, conversation: &str, sequence: u64) -> Value {
        self.expect_where(&format!("message.new {sequence} of {conversation}"), |frame| {
            frame["type"] == "message.new" && frame["conversationId"] == conversation && frame["sequence"] == sequence
        })
        .await
    }

    /// The first frame for which this holds and that was not taken yet; others stay.
    pub async fn expect_where(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        if let Some(at) = self.unread.iter().position(&wanted) {
            return self.unread.remove(at).expect("the frame");
        }
        loop {
            let frame = self.read(what).await;
            if wanted(&frame) {
                return frame;
            }
            self.unread.push_back(frame);
        }
    }

    /// The frames of a type that have come and were not taken. Only after something that is sure
    /// to come later has come does an empty list prove that there was none.
    pub fn unread(&mut self, frame_type: &str) -> Vec<Value> {
        while let Ok(heard) = self.incoming.try_recv() {
            self.hear(heard);
        }
        self.unread.iter().filter(|frame| frame["type"] == frame_type).cloned().collect()
    }

    /// Forgets what has come and was not taken.
    pub fn forget(&mut self) {
        self.unread("");
        self.unread.clear();
    }

    /// Waits until the service closes the socket, and answers the close code; none where it came
    /// without a close frame.
    pub async fn closed(&mut self) -> Option<u16> {
        loop {
            if let Some(Closed { code }) = self.closed {
                return code;
            }
            let heard = timeout(DEADLINE, self.incoming.recv()).await.expect("a close in time").expect("a close");
            self.hear(heard);
        }
    }

    /// Closes, and waits for the other side to agree.
    pub async fn close(mut self) {
        self.sink.send(Message::Close(None)).await.expect("an open socket");
        self.closed().await;
    }

    async fn read(&mut self, what: &str) -> Value {
        let Ok(heard) = timeout(DEADLINE, self.incoming.recv()).await else {
            panic!("not in {DEADLINE:?}: {what}; unread: {:?}", self.unread);
        };
        match heard.expect("the reader tells the close") {
            Incoming::Frame(frame) => frame,
            Incoming::Closed(code) => {
                self.closed = Some(Closed { code });
                panic!("closed ({code:?}) before: {what}; unread: {:?}", self.unread);
            }
        }
    }

    fn hear(&mut self, heard: Incoming) {
        match heard {
            Incoming::Frame(frame) => self.unread.push_back(frame),
            Incoming::Closed(code) => {
                let earlier = self.closed.and_then(|closed| closed.code);
                self.closed = Some(Closed { code: earlier.or(code) });
            }
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // The connection goes with both its halves, without a word to the service.
        self.reader.abort();
        if std::thread::panicking() {
            return;
        }
        let errors = self.unread("error");
        assert!(errors.is_empty(), "errors that nobody looked at: {errors:?}");
    }
}

/// The frame of a text message.
pub fn message(conversation: &str, client_msg_id: &str, text: &str) -> Value {
    json!({
        "type": "message.send",
        "conversationId": conversation,
        "clientMsgId": client_msg_id,
        "payload": { "text": text },
        "ts": 1_700_000_000_000_u64,
    })
}
