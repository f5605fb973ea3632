//! The proof that the stack works: a real socket, through authorizer, function and back.

use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};
use tungstenite::client::IntoClientRequest;
use tungstenite::http::HeaderValue;
use tungstenite::{HandshakeError, Message};

use crate::failure::{Context, Failure, Result};

const PATIENCE: Duration = Duration::from_secs(10);
const FRAMES_MAX: usize = 8;

/// Connects with a token, says a heartbeat and waits for `presence.ok`.
pub(crate) fn heartbeat(ws_url: &str, device: &str, token: &str) -> Result<()> {
    let failed = || format!("no socket at {ws_url}");
    let mut request = format!("{ws_url}?device={device}").into_client_request().context(failed)?;
    let host = request.uri().authority().map_or("", |authority| authority.as_str()).to_owned();
    let bearer = HeaderValue::from_str(&format!("Bearer {token}")).context(failed)?;
    request.headers_mut().insert("Authorization", bearer);

    let stream = TcpStream::connect(&host).context(failed)?;
    stream.set_read_timeout(Some(PATIENCE)).context(failed)?;
    let (mut socket, _) = tungstenite::client(request, stream).map_err(|error| {
        Failure::new(match error {
            HandshakeError::Failure(error) => format!("{}: {error}", failed()),
            HandshakeError::Interrupted(_) => {
                format!("{}: no answer in {} s", failed(), PATIENCE.as_secs())
            }
        })
    })?;

    let frame = json!({ "type": "presence.heartbeat", "id": "probe", "active": false });
    socket.send(Message::text(frame.to_string())).context(failed)?;
    for _ in 0..FRAMES_MAX {
        let message = socket.read().context(|| format!("no answer to a heartbeat at {ws_url}"))?;
        let Message::Text(text) = message else { continue };
        let frame: Value = serde_json::from_str(&text).context(failed)?;
        match frame["type"].as_str() {
            Some("presence.ok") => {
                // It has answered; how the socket ends says nothing more.
                let _ = socket.close(None);
                let _ = socket.flush();
                return Ok(());
            }
            Some("error") => return Err(Failure::new(format!("a heartbeat was refused: {text}"))),
            _ => {}
        }
    }
    Err(Failure::new("a heartbeat was not answered by presence.ok"))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// A server that answers the first frame with `answer`.
    fn server(answer: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("ws://{}/v1", listener.local_addr().unwrap());
        thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let mut socket = tungstenite::accept(stream).unwrap();
            socket.read().unwrap();
            socket.send(Message::text(answer)).unwrap();
            let _ = socket.read();
        });
        url
    }

    #[test]
    fn an_answered_heartbeat_is_the_proof() {
        heartbeat(&server(r#"{"type":"presence.ok","serverTs":1}"#), "d", "t").unwrap();
    }

    #[test]
    fn an_error_frame_is_no_proof_and_is_shown() {
        let url = server(r#"{"type":"error","code":"internal"}"#);
        let failure = heartbeat(&url, "d", "t").unwrap_err();
        assert!(failure.to_string().contains("internal"), "{failure}");
    }

    #[test]
    fn a_closed_port_is_said() {
        let failure = heartbeat("ws://127.0.0.1:1/v1", "d", "t").unwrap_err();
        assert!(failure.to_string().contains("no socket at"), "{failure}");
    }
}
