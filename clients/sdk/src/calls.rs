//! The frames of a socket by calls of the HTTP API, where sockets do not come through.
//!
//! What the service says is asked for by `GET /events`, which waits there; the promises are those of a socket. Presence of others
//! cannot be subscribed to.

use std::{collections::BTreeMap, time::Duration};

use reqwest::Method;
use serde_json::value::RawValue;
use tidings_protocol::{ErrorFrame, Hello, PresenceOk, Pull, ServerFrame, http::EventPage};
use tokio::{
    sync::mpsc,
    task::{AbortHandle, JoinSet},
};

use crate::{
    clock::wall_ms,
    error::HttpError,
    http::{Http, Query, decode, encoded},
};

/// Frames on their way, in either direction.
const FRAMES_MAX: usize = 64;
/// A question for events waits so long at the service, in seconds.
const WAIT_SECONDS: u64 = 25;
/// And so much longer on its way.
const WAY: Duration = Duration::from_secs(10);

/// A connection that is none: ended by dropping it.
#[derive(Debug)]
pub(crate) struct Calls {
    said: mpsc::Sender<String>,
    heard: mpsc::Receiver<String>,
    task: AbortHandle,
}

impl Calls {
    pub(crate) fn start(http: Http) -> Self {
        let (said, to_say) = mpsc::channel(FRAMES_MAX);
        let (to_hear, heard) = mpsc::channel(FRAMES_MAX);
        let task = tokio::spawn(drive(http, to_say, to_hear)).abort_handle();
        Self { said, heard, task }
    }

    /// Says a frame; false where there is no way any more.
    pub(crate) async fn say(&self, frame: String) -> bool {
        self.said.send(frame).await.is_ok()
    }

    /// The next frame of the service; none where there is no way any more.
    pub(crate) async fn hear(&mut self) -> Option<String> {
        self.heard.recv().await
    }
}

impl Drop for Calls {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// There is no way to the service.
struct Lost;

/// Answers frames, many at once, until there is no way or nobody who asks.
async fn drive(http: Http, mut said: mpsc::Receiver<String>, heard: mpsc::Sender<String>) {
    let mut answers = JoinSet::new();
    loop {
        tokio::select! {
            frame = said.recv() => match frame {
                Some(frame) => drop(answers.spawn(answer(http.clone(), heard.clone(), frame))),
                None => return,
            },
            Some(answered) = answers.join_next() => {
                if !matches!(answered, Ok(Ok(()))) {
                    return;
                }
            }
        }
    }
}

/// A frame of this client, its fields as they were written: payloads are kept byte for byte.
struct Said {
    frame_type: String,
    id: Option<String>,
    body: String,
}

fn said(frame: &str) -> Option<Said> {
    let mut fields: BTreeMap<String, Box<RawValue>> = serde_json::from_str(frame).ok()?;
    let mut text = |name: &str| serde_json::from_str::<String>(fields.remove(name)?.get()).ok();
    let (frame_type, id) = (text("type")?, text("id"));
    Some(Said { frame_type, id, body: serde_json::to_string(&fields).ok()? })
}

async fn answer(http: Http, heard: mpsc::Sender<String>, frame: String) -> Result<(), Lost> {
    // Our own frames are what we say they are.
    let Some(said) = said(&frame) else { return Ok(()) };
    let answered = match said.frame_type.as_str() {
        "session.hello" => return listen(&http, &heard, &said).await,
        "message.send" => post(&http, "/messages", &said).await,
        "message.edit" => post(&http, "/edits", &said).await,
        "message.delete" => post(&http, "/deletes", &said).await,
        "message.react" => post(&http, "/reactions", &said).await,
        "message.vote" => post(&http, "/votes", &said).await,
        "message.pin" => post(&http, "/pins", &said).await,
        "message.commit" => post(&http, "/commits", &said).await,
        "message.ack" => post(&http, "/acks", &said).await,
        "message.read" => post(&http, "/reads", &said).await,
        "mailbox.ack" => post(&http, "/mailbox/acks", &said).await,
        "sync.pull" => pull(&http, &said).await,
        "presence.heartbeat" => {
            let frame = ServerFrame::PresenceOk(PresenceOk { server_ts: wall_ms() });
            Ok(Some(frame.to_text(said.id.as_deref())))
        }
        _ => return Ok(()),
    };
    match answered {
        Ok(None) => Ok(()),
        Ok(Some(text)) => tell(&heard, text).await,
        Err(HttpError::Rejected { error, .. }) => {
            let error = ErrorFrame { reply_to: said.id, ..*error };
            tell(&heard, ServerFrame::Error(error).to_text(None)).await
        }
        Err(error) => {
            tracing::debug!(%error, "no way by calls");
            Err(Lost)
        }
    }
}

async fn tell(heard: &mpsc::Sender<String>, text: String) -> Result<(), Lost> {
    heard.send(text).await.map_err(|_| Lost)
}

/// The answer of a call as a frame that replies; none where the call answers nothing.
async fn post(http: &Http, path: &str, said: &Said) -> Result<Option<String>, HttpError> {
    let text = http.once(Method::POST, path, Some(&said.body), None).await?;
    Ok((!text.is_empty()).then(|| with_fields(&text, &reply_to(said))))
}

async fn pull(http: &Http, said: &Said) -> Result<Option<String>, HttpError> {
    let pull: Pull = decode(&said.body)?;
    let mut query = Query::default();
    query.add("since", Some(pull.since));
    query.add("limit", pull.limit);
    let path = format!("/conversations/{}/messages{query}", encoded(&pull.conversation_id));
    let text = http.once(Method::GET, &path, None, None).await?;
    let mut fields = reply_to(said);
    fields.push(("type", "sync.page".to_owned()));
    fields.push(("conversationId", pull.conversation_id));
    Ok(Some(with_fields(&text, &fields)))
}

fn reply_to(said: &Said) -> Vec<(&'static str, String)> {
    said.id.iter().map(|id| ("replyTo", id.clone())).collect()
}

/// A JSON object with more fields before its own, which stay as they are.
fn with_fields(object: &str, fields: &[(&str, String)]) -> String {
    let Some(rest) = object.trim_start().strip_prefix('{') else { return object.to_owned() };
    let mut parts: Vec<String> = fields.iter().map(|(name, value)| format!("\"{name}\":{}", quoted(value))).collect();
    if !rest.trim_start().starts_with('}') {
        parts.push(rest.to_owned());
        return format!("{{{}", parts.join(","));
    }
    format!("{{{}{rest}", parts.join(","))
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Begins, and asks for events for as long as there is a way.
async fn listen(http: &Http, heard: &mpsc::Sender<String>, said: &Said) -> Result<(), Lost> {
    let hello: Hello = decode(&said.body).map_err(|_| Lost)?;
    let mut query = Query::default();
    query.add("resumeToken", hello.resume_token.as_deref());
    let first = ask(http, &query.to_string(), Duration::ZERO).await?;
    let (complete, before) = first.events.split_last().ok_or(Lost)?;
    for event in before {
        tell(heard, event.get().to_owned()).await?;
    }
    tell(heard, with_fields(complete.get(), &reply_to(said))).await?;
    let mut cursor = first.cursor;
    loop {
        let mut query = Query::default();
        query.add("cursor", Some(&cursor));
        query.add("timeout", Some(WAIT_SECONDS));
        let page = ask(http, &query.to_string(), Duration::from_secs(WAIT_SECONDS)).await?;
        for event in page.events {
            tell(heard, event.get().to_owned()).await?;
        }
        cursor = page.cursor;
    }
}

async fn ask(http: &Http, query: &str, wait: Duration) -> Result<EventPage, Lost> {
    let asked = http.once(Method::GET, &format!("/events{query}"), None, Some(wait + WAY)).await;
    asked.and_then(|text| decode(&text)).map_err(|error| {
        tracing::debug!(%error, "no events by calls");
        Lost
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_taken_apart_and_its_payload_stays_as_it_is() {
        let frame = r#"{"type":"message.send","id":"7","payload":{ "n": 1.0, "big": 123456789012345678901 }}"#;
        let said = said(frame).unwrap();
        assert_eq!((said.frame_type.as_str(), said.id.as_deref()), ("message.send", Some("7")));
        assert_eq!(said.body, r#"{"payload":{ "n": 1.0, "big": 123456789012345678901 }}"#);
        assert!(super::said("[]").is_none() && super::said(r#"{"id":"7"}"#).is_none());
    }

    #[test]
    fn fields_are_put_before_those_of_an_object() {
        let fields = [("type", "a".to_owned()), ("replyTo", "\"1\"".to_owned())];
        assert_eq!(with_fields(r#"{"x": 1.0}"#, &fields), r#"{"type":"a","replyTo":"\"1\"","x": 1.0}"#);
        assert_eq!(with_fields(" { }", &fields), r#"{"type":"a","replyTo":"\"1\"" }"#);
        assert_eq!(with_fields(r#"{"x":1}"#, &[]), r#"{"x":1}"#);
    }
}
