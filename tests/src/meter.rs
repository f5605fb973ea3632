//! What the local AWS counts.

use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    http::{encoded, http_client},
    stack::Stack,
};

/// A call of an AWS API.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Call {
    /// Its place among all calls.
    pub seq: u64,
    /// For example `dynamodb`.
    pub service: String,
    /// For example `PutItem`.
    pub action: String,
    /// Its table, if it has one.
    pub table: Option<String>,
    /// Who called: `tidings-send`.
    pub app_id: Option<String>,
    /// The status of the answer.
    pub status: u16,
    /// Read units.
    pub read_units: f64,
    /// Write units.
    pub write_units: f64,
    /// The start of the request's body.
    pub request_body: String,
}

/// A frame on a socket.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WireFrame {
    /// `in` or `out`.
    pub direction: String,
    /// Its size.
    pub bytes: u64,
    /// The start of it.
    pub body: String,
}

/// The calls whose body has this in it.
pub async fn calls(contains: &str) -> Vec<Call> {
    journal("calls", contains).await
}

/// The frames that have this in them.
pub async fn frames(contains: &str) -> Vec<WireFrame> {
    journal("frames", contains).await
}

async fn journal<T: DeserializeOwned>(name: &str, contains: &str) -> Vec<T> {
    let url = format!("{}/_tidings/{name}?contains={}", Stack::get().endpoint_url, encoded(contains));
    let text = http_client().get(url).send().await.unwrap().text().await.unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}
