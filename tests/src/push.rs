//! What the push services of the local stack were sent, and how they misbehave.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    http::{encoded, http_client},
    retry::eventually,
    stack::Stack,
    user::User,
};

async fn lines(name: &str, contains: &str) -> Vec<Value> {
    let url = format!("{}/_tidings/{name}?contains={}", Stack::get().endpoint_url, encoded(contains));
    let text = http_client().get(url).send().await.unwrap().text().await.unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

/// What was pushed that has this in it: a token, a conversation.
pub async fn pushes(contains: &str) -> Vec<Value> {
    lines("pushes", contains).await
}

/// The endpoints whose tokens have this in them.
pub async fn push_endpoints(contains: &str) -> Vec<Value> {
    lines("push-endpoints", contains).await
}

/// Waits until so many pushes have this in them, and answers all that have.
pub async fn await_pushes(contains: &str, count: usize) -> Vec<Value> {
    eventually(&format!("{count} pushes about {contains}"), || async {
        let found = pushes(contains).await;
        (found.len() >= count).then_some(found)
    })
    .await
}

/// Lets the push service of a token misbehave (`outage`, `throttled`, `disabled`, `gone`), or be well again.
pub async fn push_fault(token: &str, fault: Option<&str>) {
    let url = format!("{}/_tidings/push-faults", Stack::get().endpoint_url);
    let body = json!({ "token": token, "fault": fault }).to_string();
    let answer = http_client().post(url).body(body).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
}

/// Registers a device of a user with a push token.
pub async fn register_push(user: &User, device: &str, service: &str, token: &str) -> Value {
    let push = json!({ "service": service, "token": token });
    let body = json!({ "name": format!("{device} of {}", user.id), "platform": "ios", "push": push });
    user.http(device).send(Method::PUT, &format!("/devices/{device}"), &body).await.ok()
}
