//! A service that says what the test tells it to say.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tidings_sdk::{Client, ClientBuilder, Event, Events, StaticToken};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async,
    tungstenite::{
        Message,
        handshake::server::{ErrorResponse, Request, Response},
        http::StatusCode,
    },
};

pub const CONVERSATION: &str = "u:alice|u:bob";
const PATIENCE: Duration = Duration::from_secs(5);

pub struct Fake {
    listener: TcpListener,
}

/// One connection of the client.
pub struct Peer {
    socket: WebSocketStream<TcpStream>,
    pub query: String,
    pub authorization: Option<String>,
    pub pings: usize,
}

impl Fake {
    pub async fn start() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").await.unwrap() }
    }

    pub fn url(&self) -> String {
        format!("ws://{}/v1", self.listener.local_addr().unwrap())
    }

    /// A client of this service with times short enough for a test.
    pub fn client(&self) -> ClientBuilder {
        Client::builder()
            .url(self.url())
            .device("d1")
            .token_provider(StaticToken::new("t1"))
            .backoff(Duration::from_millis(10), Duration::from_millis(50))
            .ack_delay(Duration::from_millis(100))
            .answer_timeout(Duration::from_millis(300))
            .request_timeout(Duration::from_secs(1))
    }

    /// Takes the next connection and answers the handshake with 101.
    pub async fn accept(&self) -> Peer {
        let (stream, _) = timeout(PATIENCE, self.listener.accept()).await.expect("no connection").unwrap();
        let (mut query, mut authorization) = (String::new(), None);
        #[expect(clippy::result_large_err, reason = "the signature is the library's")]
        let look = |request: &Request, response: Response| {
            request.uri().query().unwrap_or_default().clone_into(&mut query);
            authorization = request.headers().get("authorization").map(|value| value.to_str().unwrap().to_owned());
            Ok(response)
        };
        let socket = accept_hdr_async(stream, look).await.unwrap();
        Peer { socket, query, authorization, pings: 0 }
    }

    /// Takes the next connection, answers the hello and ends the drain.
    pub async fn greet(&self) -> Peer {
        let mut peer = self.accept().await;
        peer.expect("session.hello").await;
        peer.ready().await;
        peer.complete().await;
        peer
    }

    /// Takes the next connection and refuses it.
    pub async fn refuse(&self, status: u16) -> Option<String> {
        let (stream, _) = timeout(PATIENCE, self.listener.accept()).await.expect("no connection").unwrap();
        let mut authorization = None;
        #[expect(clippy::result_large_err, reason = "the signature is the library's")]
        let look = |request: &Request, _: Response| -> Result<Response, ErrorResponse> {
            authorization = request.headers().get("authorization").map(|value| value.to_str().unwrap().to_owned());
            let mut refusal = ErrorResponse::new(None);
            *refusal.status_mut() = StatusCode::from_u16(status).unwrap();
            Err(refusal)
        };
        accept_hdr_async(stream, look).await.unwrap_err();
        authorization
    }

    /// Whether the client leaves this service alone for so long.
    pub async fn is_left_alone(&self, duration: Duration) -> bool {
        timeout(duration, self.listener.accept()).await.is_err()
    }
}

impl Peer {
    /// The next frame, which has to be of this type.
    pub async fn expect(&mut self, frame_type: &str) -> Value {
        let frame = self.next(PATIENCE).await.unwrap_or_else(|| panic!("no {frame_type} came"));
        assert_eq!(frame["type"], frame_type, "{frame}");
        frame
    }

    /// The next frame, if one comes in time.
    pub async fn next(&mut self, patience: Duration) -> Option<Value> {
        timeout(patience, async {
            loop {
                match self.socket.next().await?.ok()? {
                    Message::Text(text) => return Some(serde_json::from_str(&text).unwrap()),
                    Message::Ping(_) => self.pings += 1,
                    _ => {}
                }
            }
        })
        .await
        .ok()
        .flatten()
    }

    /// No frame for so long.
    pub async fn expect_silence(&mut self, duration: Duration) {
        let frame = self.next(duration).await;
        assert_eq!(frame, None);
    }

    pub async fn say(&mut self, frame: Value) {
        self.socket.send(Message::text(frame.to_string())).await.unwrap();
    }

    pub async fn ready(&mut self) {
        self.ready_with(json!({})).await;
    }

    pub async fn ready_with(&mut self, more: Value) {
        let mut frame = json!({"type": "session.ready", "userId": "alice", "deviceId": "d1", "resumeToken": "r1",
            "heartbeatSeconds": 240, "sendWindow": 8, "maxFrameBytes": 32768, "reconnectBefore": 7_000_000,
            "serverTs": 0});
        frame.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.say(frame).await;
    }

    pub async fn complete(&mut self) {
        self.say(json!({"type": "sync.complete", "conversations": 0, "replyTo": "hello"})).await;
    }

    pub async fn message(&mut self, sequence: u64) {
        let mut frame = entry(sequence);
        frame["type"] = json!("message.new");
        self.say(frame).await;
    }

    /// Accepts a `message.send`.
    pub async fn accept_send(&mut self, send: &Value, sequence: u64) {
        self.say(json!({"type": "message.sent", "conversationId": send["conversationId"],
            "clientMsgId": send["clientMsgId"], "messageId": format!("m{sequence}"), "sequence": sequence, "ts": 1,
            "duplicate": false, "replyTo": send["id"]}))
            .await;
    }

    /// Breaks the connection without a word.
    pub fn vanish(self) {
        drop(self.socket);
    }

    /// Waits until the client closes.
    pub async fn closed(&mut self) -> bool {
        timeout(PATIENCE, async { while let Some(Ok(_)) = self.socket.next().await {} }).await.is_ok()
    }
}

/// An entry of the log, by bob.
pub fn entry(sequence: u64) -> Value {
    json!({"conversationId": CONVERSATION, "messageId": format!("m{sequence}"), "sequence": sequence,
        "senderUserId": "bob", "senderDeviceId": "d9", "clientMsgId": format!("b{sequence}"), "event": "message",
        "kind": "text", "payload": {"text": format!("number {sequence}")}, "ts": 1})
}

/// The next event that `wanted` takes; others are passed over.
pub async fn event<T>(events: &mut Events, mut wanted: impl FnMut(Event) -> Option<T>) -> T {
    timeout(PATIENCE, async {
        loop {
            let event = events.next().await.expect("the client stopped");
            if let Some(found) = wanted(event) {
                return found;
            }
        }
    })
    .await
    .expect("the event did not come")
}

/// The sequence of the next message.
pub async fn next_message(events: &mut Events) -> u64 {
    event(events, |event| if let Event::Message(message) = event { Some(message.sequence) } else { None }).await
}

/// A call that the HTTP fake got.
#[derive(Clone, Debug)]
pub struct Call {
    pub line: String,
    pub authorization: String,
    pub device: String,
    pub body: String,
}

/// An HTTP service that gives its answers in order, the last one for ever.
pub struct FakeHttp {
    pub url: String,
    pub calls: Arc<Mutex<Vec<Call>>>,
}

impl FakeHttp {
    pub async fn start(answers: impl IntoIterator<Item = (u16, Value)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let calls = Arc::new(Mutex::new(Vec::new()));
        let answers = Arc::new(Mutex::new(answers.into_iter().collect::<VecDeque<_>>()));
        let seen = Arc::clone(&calls);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&seen), Arc::clone(&answers)));
            }
        });
        Self { url, calls }
    }

    pub fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }
}

async fn serve(mut stream: TcpStream, calls: Arc<Mutex<Vec<Call>>>, answers: Arc<Mutex<VecDeque<(u16, Value)>>>) {
    let mut bytes = Vec::new();
    let (head, body_from) = loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some(end) = text.find("\r\n\r\n") {
            break (text[..end].to_owned(), end + 4);
        }
        if stream.read_buf(&mut bytes).await.unwrap() == 0 {
            return;
        }
    };
    let header = |name: &str| {
        head.lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.to_owned())
            .unwrap_or_default()
    };
    let length: usize = header("content-length").parse().unwrap_or(0);
    while bytes.len() < body_from + length {
        stream.read_buf(&mut bytes).await.unwrap();
    }
    calls.lock().unwrap().push(Call {
        line: head.lines().next().unwrap().trim_end_matches(" HTTP/1.1").to_owned(),
        authorization: header("authorization"),
        device: header("x-device-id"),
        body: String::from_utf8_lossy(&bytes[body_from..]).into_owned(),
    });
    let (status, body) = {
        let mut answers = answers.lock().unwrap();
        if answers.len() > 1 { answers.pop_front().unwrap() } else { answers.front().unwrap().clone() }
    };
    let body = body.to_string();
    let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    stream.write_all((head + &body).as_bytes()).await.unwrap();
}
