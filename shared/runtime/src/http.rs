//! Answers to calls of the HTTP API (payload format 2.0).

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Serialize;
use serde_json::{Value, json};
use tidings_domain::{
    limits::PACK_BYTES_MIN,
    signals::{Metric, measure},
};
use tidings_events::HttpRequest;
use tidings_protocol::{ErrorCode, ErrorFrame, ServerFrame, gzip};

use crate::{failure::Failure, websocket::note_failure};

const JSON: &str = "application/json";

/// Fields that stand where there is ciphertext. In JSON text no string holds a quote that is not escaped.
const OF_CIPHERTEXT: [&str; 2] = ["\"epoch\":", "\"envelope\":"];

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpAnswer {
    status: u16,
    body: Option<String>,
    content_type: &'static str,
    retry_after_ms: Option<u64>,
}

impl HttpAnswer {
    /// 204.
    pub fn nothing() -> Self {
        Self { status: 204, body: None, content_type: JSON, retry_after_ms: None }
    }

    /// 200 with a JSON body.
    pub fn json(body: &impl Serialize) -> Self {
        match serde_json::to_string(body) {
            Ok(text) => Self { status: 200, body: Some(text), content_type: JSON, retry_after_ms: None },
            Err(_) => Failure::new(ErrorCode::Internal, "the answer could not be written").into(),
        }
    }

    /// 202 with a JSON body: it is being done, and asked for again after so many milliseconds.
    pub fn accepted(body: &impl Serialize, retry_after_ms: u64) -> Self {
        let answer = Self::json(body);
        if answer.status != 200 {
            return answer;
        }
        Self { status: 202, retry_after_ms: Some(retry_after_ms), ..answer }
    }

    /// 200 with a frame as the body.
    pub fn frame(frame: &ServerFrame) -> Self {
        Self { status: 200, body: Some(frame.to_text(None)), content_type: JSON, retry_after_ms: None }
    }

    /// 200 with a stream of events.
    pub fn event_stream(body: String) -> Self {
        Self { status: 200, body: Some(body), content_type: "text/event-stream", retry_after_ms: None }
    }

    /// As [`Self::into_value`]; a long text without ciphertext is compressed for who reads that.
    pub fn into_value_for(mut self, request: &HttpRequest) -> Value {
        let is_worth_it =
            |body: &&String| body.len() >= PACK_BYTES_MIN && !OF_CIPHERTEXT.iter().any(|field| body.contains(field));
        let long = self.body.as_ref().filter(|_| request.accepts_gzip()).filter(is_worth_it);
        // A writer in memory does not fail; were that ever wrong, the text goes as it is.
        let Some(packed) = long.and_then(|body| gzip(body).ok()) else { return self.into_value() };
        self.body = Some(STANDARD.encode(packed));
        let mut value = self.into_value();
        value["isBase64Encoded"] = true.into();
        value["headers"]["content-encoding"] = "gzip".into();
        value["headers"]["vary"] = "accept-encoding".into();
        value
    }

    /// The answer as API Gateway wants it.
    pub fn into_value(self) -> Value {
        measure(Metric::Requests, 1);
        let mut headers = serde_json::Map::new();
        headers.insert("cache-control".into(), "no-store".into());
        if self.body.is_some() {
            headers.insert("content-type".into(), self.content_type.into());
        }
        if let Some(ms) = self.retry_after_ms {
            headers.insert("retry-after".into(), ms.div_ceil(1000).to_string().into());
        }
        if self.status == 401 {
            headers.insert("www-authenticate".into(), "Bearer".into());
        }
        json!({ "statusCode": self.status, "headers": headers, "body": self.body.unwrap_or_default() })
    }
}

impl From<Failure> for HttpAnswer {
    fn from(failure: Failure) -> Self {
        let error: ErrorFrame = failure.into_frame();
        note_failure(&error);
        Self {
            status: error.code.http_status(),
            retry_after_ms: error.retry_after_ms,
            body: Some(ServerFrame::Error(error).to_text(None)),
            content_type: JSON,
        }
    }
}
