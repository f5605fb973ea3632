//! Events of the HTTP API (payload format 2.0), and the answers to them.

use std::collections::HashMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tidings_protocol::{ErrorCode, ErrorFrame, ParseError, ServerFrame, parse_body};

use crate::{failure::Failure, function::FunctionError, websocket::bearer};

/// A body is at most as large as a frame: the same things are said in it.
const BODY_BYTES_MAX: usize = tidings_protocol::FRAME_BYTES_MAX;

/// A request, as far as it is looked at.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpRequest {
    /// Method and path of the route, for example `GET /sync`.
    pub route_key: String,
    #[serde(default)]
    headers: HashMap<String, String>,
    #[serde(default)]
    query_string_parameters: Option<HashMap<String, String>>,
    #[serde(default)]
    path_parameters: Option<HashMap<String, String>>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

impl HttpRequest {
    /// Reads the event.
    pub fn parse(event: Value) -> Result<Self, FunctionError> {
        Ok(serde_json::from_value(event)?)
    }

    /// A header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The token of `Authorization: Bearer`.
    pub fn bearer(&self) -> Option<&str> {
        bearer(&self.headers)
    }

    /// A query parameter; an empty one counts as absent.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query_string_parameters.as_ref()?.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// A query parameter that is a number.
    pub fn query_number(&self, name: &str) -> Result<Option<u64>, Failure> {
        let number = |text: &str| text.parse().map_err(|_| ParseError::field(name, "must be a whole number").into());
        self.query(name).map(number).transpose()
    }

    /// A path parameter, as API Gateway has decoded it.
    pub fn path(&self, name: &str) -> &str {
        self.path_parameters.as_ref().and_then(|parameters| parameters.get(name)).map_or("", String::as_str)
    }

    /// The JSON body.
    pub fn body<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        let text = self.body.as_deref().unwrap_or_default();
        let decoded;
        let text = if self.is_base64_encoded {
            let bad = || Failure::from(ParseError::field("body", "must be JSON in UTF-8"));
            decoded = String::from_utf8(STANDARD.decode(text).map_err(|_| bad())?).map_err(|_| bad())?;
            &decoded
        } else {
            text
        };
        if text.len() > BODY_BYTES_MAX {
            return Err(ParseError::too_large("body", format_args!("at most {BODY_BYTES_MAX} bytes")).into());
        }
        Ok(parse_body(text)?)
    }
}

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpAnswer {
    status: u16,
    body: Option<String>,
    retry_after_ms: Option<u64>,
}

impl HttpAnswer {
    /// 204.
    pub fn nothing() -> Self {
        Self { status: 204, body: None, retry_after_ms: None }
    }

    /// 200 with a JSON body.
    pub fn json(body: &impl Serialize) -> Self {
        match serde_json::to_string(body) {
            Ok(text) => Self { status: 200, body: Some(text), retry_after_ms: None },
            Err(_) => Failure::new(ErrorCode::Internal, "the answer could not be written").into(),
        }
    }

    /// 200 with a frame as the body.
    pub fn frame(frame: &ServerFrame) -> Self {
        Self { status: 200, body: Some(frame.to_text(None)), retry_after_ms: None }
    }

    /// The answer as API Gateway wants it.
    pub fn into_value(self) -> Value {
        let mut headers = serde_json::Map::new();
        headers.insert("cache-control".into(), "no-store".into());
        if self.body.is_some() {
            headers.insert("content-type".into(), "application/json".into());
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
        Self {
            status: error.code.http_status(),
            retry_after_ms: error.retry_after_ms,
            body: Some(ServerFrame::Error(error).to_text(None)),
        }
    }
}
