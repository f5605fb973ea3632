//! Events of the HTTP API (payload format 2.0).

use std::collections::HashMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use tidings_protocol::{ParseError, parse_body};

use crate::{
    EventError, bearer,
    edge::{AroundTheEdge, client_address},
    read,
};

/// A body is at most as large as a frame: the same things are said in it.
const BODY_BYTES_MAX: usize = tidings_protocol::FRAME_BYTES_MAX;

/// A request, as far as it is looked at.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpRequest {
    /// Method and path of the route, for example `GET /sync`.
    pub route_key: String,
    #[serde(default)]
    request_context: Option<Context>,
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

#[derive(Clone, Debug, Deserialize)]
struct Context {
    http: Option<HttpContext>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct HttpContext {
    source_ip: Option<String>,
}

impl HttpRequest {
    /// Reads the event.
    pub fn parse(event: Value) -> Result<Self, EventError> {
        read(event)
    }

    /// A header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The address that the request comes from; with the secret of an edge, only if it came through that.
    pub fn source_ip(&self, edge_secret: Option<&str>) -> Result<Option<&str>, AroundTheEdge> {
        let http = self.request_context.as_ref().and_then(|context| context.http.as_ref());
        client_address(&self.headers, http.and_then(|http| http.source_ip.as_deref()), edge_secret)
    }

    /// The token of `Authorization: Bearer`.
    pub fn bearer(&self) -> Option<&str> {
        bearer(&self.headers)
    }

    /// Whether the answer may be compressed by gzip.
    pub fn accepts_gzip(&self) -> bool {
        self.header("accept-encoding").is_some_and(|accepted| {
            accepted.split(',').any(|coding| {
                let mut parts = coding.split(';').map(str::trim);
                let name = parts.next().unwrap_or_default();
                // A weight of zero is a refusal.
                let is_refused = parts
                    .any(|weight| weight.strip_prefix("q=").is_some_and(|q| q.parse::<f32>().is_ok_and(|q| q <= 0.0)));
                name.eq_ignore_ascii_case("gzip") && !is_refused
            })
        })
    }

    /// A query parameter; an empty one counts as absent.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query_string_parameters.as_ref()?.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// A query parameter that is a number.
    pub fn query_number(&self, name: &str) -> Result<Option<u64>, ParseError> {
        let number = |text: &str| text.parse().map_err(|_| ParseError::field(name, "must be a whole number"));
        self.query(name).map(number).transpose()
    }

    /// A path parameter, as API Gateway has decoded it.
    pub fn path(&self, name: &str) -> &str {
        self.path_parameters.as_ref().and_then(|parameters| parameters.get(name)).map_or("", String::as_str)
    }

    /// The JSON body.
    pub fn body<T: DeserializeOwned>(&self) -> Result<T, ParseError> {
        let text = self.body.as_deref().unwrap_or_default();
        let decoded;
        let text = if self.is_base64_encoded {
            let bad = || ParseError::field("body", "must be JSON in UTF-8");
            decoded = String::from_utf8(STANDARD.decode(text).map_err(|_| bad())?).map_err(|_| bad())?;
            &decoded
        } else {
            text
        };
        if text.len() > BODY_BYTES_MAX {
            return Err(ParseError::too_large("body", format_args!("at most {BODY_BYTES_MAX} bytes")));
        }
        parse_body(text)
    }
}
