//! Behind the service: its tables, stream and queues, by the plain HTTP of the local AWS.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::{http::http_client, retry::eventually, stack::Stack};

async fn call(target: &str, content_type: &str, body: &Value) -> Result<Value, Value> {
    let answer = http_client()
        .post(format!("{}/", Stack::get().endpoint_url))
        .header("x-amz-target", target)
        // The local account's own key, which may do everything; its signature is not looked at.
        .header("authorization", "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/any/aws4_request")
        .header("content-type", content_type)
        .body(body.to_string())
        .send()
        .await
        .unwrap_or_else(|error| panic!("{target}: {error:?}"));
    let good = answer.status().is_success();
    let text = answer.text().await.unwrap();
    let value = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap_or(Value::String(text)) };
    if good { Ok(value) } else { Err(value) }
}

/// A call of DynamoDB; the table is named as in the template.
pub async fn dynamodb(action: &str, table: &str, mut body: Value) -> Value {
    body["TableName"] = json!(Stack::get().table(table));
    dynamodb_raw(action, &body).await
}

pub(crate) async fn dynamodb_raw(action: &str, body: &Value) -> Value {
    let target = format!("DynamoDB_20120810.{action}");
    let answer = call(&target, "application/x-amz-json-1.0", body).await;
    answer.unwrap_or_else(|error| panic!("{action} {body}: {error}"))
}

/// An item, strongly consistent; null where there is none.
pub async fn get_item(table: &str, key: Value) -> Value {
    dynamodb("GetItem", table, json!({ "Key": key, "ConsistentRead": true })).await["Item"].take()
}

/// A call of CloudWatch Logs.
pub(crate) async fn logs_call(action: &str, body: &Value) -> Value {
    let answer = call(&format!("Logs_20140328.{action}"), "application/x-amz-json-1.1", body).await;
    answer.unwrap_or_else(|error| panic!("{action} {body}: {error}"))
}

/// Calls a function of the stack, named as its folder, and answers what it answers.
pub async fn invoke(function: &str, event: &Value) -> Value {
    let url = format!("{}/2015-03-31/functions/tidings-{function}/invocations", Stack::get().endpoint_url);
    let answer = http_client()
        .post(url)
        .header("authorization", "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/lambda/aws4_request")
        .body(event.to_string())
        .send()
        .await
        .unwrap_or_else(|error| panic!("invoke {function}: {error:?}"));
    assert!(answer.status().is_success(), "invoke {function}: {}", answer.status());
    serde_json::from_str(&answer.text().await.unwrap()).unwrap()
}

/// Puts a record straight on the event stream, and answers its sequence number there.
pub async fn kinesis_put(partition_key: &str, data: &[u8]) -> String {
    let body = json!({
        "StreamName": Stack::get().stream,
        "PartitionKey": partition_key,
        "Data": STANDARD.encode(data),
    });
    let answer = call("Kinesis_20131202.PutRecord", "application/x-amz-json-1.1", &body).await.unwrap();
    answer["SequenceNumber"].as_str().expect("a sequence number").to_owned()
}

async fn sqs(action: &str, body: &Value) -> Value {
    call(&format!("AmazonSQS.{action}"), "application/x-amz-json-1.0", body).await.unwrap()
}

/// The address of the queue whose name has this in it.
async fn queue_url(queue: &str) -> String {
    let queues = sqs("ListQueues", &json!({})).await;
    let mut urls = queues["QueueUrls"].as_array().unwrap().iter().map(|url| url.as_str().unwrap());
    urls.find(|url| url.contains(queue)).expect("the queue").to_owned()
}

/// How many messages are in each on-failure queue, by their reasons.
pub(crate) async fn failures() -> BTreeMap<String, BTreeMap<String, u64>> {
    let queues = sqs("ListQueues", &json!({})).await;
    let urls = queues["QueueUrls"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let mut found = BTreeMap::new();
    for url in urls.filter(|url| url.contains("Failures")) {
        let reasons: &mut BTreeMap<String, u64> = found.entry(url.rsplit('/').next().unwrap().to_owned()).or_default();
        loop {
            // Hidden for longer than the look at the queue takes.
            let body = json!({ "QueueUrl": url, "MaxNumberOfMessages": 10, "VisibilityTimeout": 60 });
            let answer = sqs("ReceiveMessage", &body).await;
            let Some(messages) = answer["Messages"].as_array().filter(|messages| !messages.is_empty()) else { break };
            for message in messages {
                let content: Value = serde_json::from_str(message["Body"].as_str().unwrap()).unwrap();
                let reason = content["reason"].as_str().or(content["requestContext"]["condition"].as_str());
                *reasons.entry(reason.unwrap_or_default().to_owned()).or_default() += 1;
            }
        }
    }
    found
}

/// Puts a message into the queue whose name has this in it, and answers its id.
pub async fn queue_put(queue: &str, message: &Value) -> String {
    let body = json!({ "QueueUrl": queue_url(queue).await, "MessageBody": message.to_string() });
    sqs("SendMessage", &body).await["MessageId"].as_str().expect("an id").to_owned()
}

/// Waits for a message in the on-failure queue whose name has this in it, and takes it. Others are
/// hidden for a while, so that a long queue is walked through.
pub async fn take_failure(queue: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let url = queue_url(queue).await;
    eventually(&format!("a message in {queue}"), || async {
        let body = json!({ "QueueUrl": url, "MaxNumberOfMessages": 10, "VisibilityTimeout": 1 });
        let answer = sqs("ReceiveMessage", &body).await;
        for message in answer["Messages"].as_array().into_iter().flatten() {
            let content: Value = serde_json::from_str(message["Body"].as_str().unwrap()).unwrap();
            if wanted(&content) {
                let delete = json!({ "QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"] });
                sqs("DeleteMessage", &delete).await;
                return Some(content);
            }
        }
        None
    })
    .await
}
