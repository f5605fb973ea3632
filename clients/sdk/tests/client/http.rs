use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tidings_sdk::{Client, Draft, Http, HttpError, Page, protocol::ErrorCode, token_fn};

use crate::fake::{CONVERSATION, FakeHttp, entry};

fn http(fake: &FakeHttp) -> Http {
    let tokens = token_fn(|fresh| async move { Ok(if fresh { "new".to_owned() } else { "old".to_owned() }) });
    Client::builder()
        .http(&fake.url)
        .device("d1")
        .token_provider(tokens)
        .request_timeout(Duration::from_secs(2))
        .http_only()
        .unwrap()
}

fn error(code: &str) -> Value {
    json!({"code": code, "message": format!("it is {code}"), "retryAfterMs": 120})
}

#[tokio::test]
async fn reads_pages_of_a_log() {
    let page = json!({"messages": [entry(7)], "next": 7, "hasMore": true});
    let fake = FakeHttp::start([(200, page)]).await;
    let page = Page { before: Some(9), limit: Some(2), ..Page::default() };
    let page = http(&fake).messages(CONVERSATION, page).await.unwrap();
    assert_eq!((page.messages[0].sequence, page.next, page.has_more), (7, 7, true));
    let call = &fake.calls()[0];
    assert_eq!(call.line, "GET /v1/conversations/u%3Aalice%7Cu%3Abob/messages?before=9&limit=2");
    assert_eq!((call.authorization.as_str(), call.device.as_str()), ("Bearer old", "d1"));
}

#[tokio::test]
async fn a_refused_token_is_renewed_once() {
    let fake = FakeHttp::start([(401, error("unauthorized"))]).await;
    let refused = http(&fake).receipts(CONVERSATION, "m1").await.unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::Unauthorized));
    let tokens: Vec<String> = fake.calls().into_iter().map(|call| call.authorization).collect();
    assert_eq!(tokens, ["Bearer old", "Bearer new"]);
}

#[tokio::test]
async fn what_passes_is_tried_again_after_as_long_as_asked() {
    let statuses = json!({"statusByUser": {"bob": "read"}});
    let fake = FakeHttp::start([(429, error("rate_limited")), (503, json!("<html>")), (200, statuses)]).await;
    let began = Instant::now();
    let receipts = http(&fake).receipts(CONVERSATION, "m1").await.unwrap();
    assert_eq!(receipts.status_by_user.len(), 1);
    assert!(began.elapsed() >= Duration::from_millis(120));
    assert_eq!(fake.calls().len(), 3);
}

#[tokio::test]
async fn tries_are_bounded_and_errors_typed() {
    let fake = FakeHttp::start([(503, error("unavailable"))]).await;
    let refused = http(&fake).conversations(None, Some(5)).await.unwrap_err();
    assert!(matches!(&refused, HttpError::Rejected { status: 503, error } if error.code == ErrorCode::Unavailable));
    assert_eq!(fake.calls().len(), 3);

    let fake = FakeHttp::start([(404, error("not_found"))]).await;
    let refused = http(&fake).messages("g:x", Page::default()).await.unwrap_err();
    assert_eq!(refused.to_string(), "the service answered 404: it is not_found");
    assert_eq!(fake.calls().len(), 1);
}

#[tokio::test]
async fn a_message_that_is_sent_again_is_marked() {
    let sent = json!({"conversationId": CONVERSATION, "clientMsgId": "c1", "messageId": "m5", "sequence": 5, "ts": 1,
        "duplicate": true});
    let fake = FakeHttp::start([(500, error("internal")), (200, sent)]).await;
    let draft = Draft::text("hi").client_msg_id("c1");
    assert_eq!(http(&fake).send(CONVERSATION, draft, 4).await.unwrap().sequence, 5);
    let bodies: Vec<Value> = fake.calls().iter().map(|call| serde_json::from_str(&call.body).unwrap()).collect();
    assert_eq!((&bodies[0]["attempt"], &bodies[1]["attempt"]), (&json!(1), &json!(2)));
    assert_eq!((&bodies[1]["baseSequence"], &bodies[1]["clientMsgId"]), (&json!(4), &json!("c1")));
}

#[tokio::test]
async fn marks_have_no_answer_to_read() {
    let fake = FakeHttp::start([(204, json!(null))]).await;
    let http = http(&fake);
    http.ack(CONVERSATION, 3).await.unwrap();
    http.read(CONVERSATION, 4).await.unwrap();
    let calls = fake.calls();
    assert_eq!(calls[0].line, "POST /v1/acks");
    assert_eq!(calls[1].line, "POST /v1/reads");
    assert_eq!(calls[1].body, format!(r#"{{"conversationId":"{CONVERSATION}","upTo":4}}"#));
}

#[tokio::test]
async fn a_service_that_is_not_there_is_told_as_such() {
    let http = Client::builder()
        .http("http://127.0.0.1:1/v1")
        .device("d1")
        .token_provider(tidings_sdk::StaticToken::new("t"))
        .http_only()
        .unwrap();
    assert!(matches!(http.ticket().await.unwrap_err(), HttpError::Transport(_)));
}
