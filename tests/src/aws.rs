//! Behind the service: its tables, stream and queues, by the plain HTTP of the local AWS.

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

/// Waits for a message in the on-failure queue whose name has this in it, and takes it. Others are
/// hidden for a while, so that a long queue is walked through.
pub async fn take_failure(queue: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    const JSON: &str = "application/x-amz-json-1.0";
    let queues = call("AmazonSQS.ListQueues", JSON, &json!({})).await.unwrap();
    let urls = queues["QueueUrls"].as_array().unwrap();
    let url = urls.iter().find(|url| url.as_str().unwrap().contains(queue)).expect("the queue");
    eventually(&format!("a message in {queue}"), || async {
        let body = json!({ "QueueUrl": url, "MaxNumberOfMessages": 10, "VisibilityTimeout": 1 });
        let answer = call("AmazonSQS.ReceiveMessage", JSON, &body).await.unwrap();
        for message in answer["Messages"].as_array().into_iter().flatten() {
            let content: Value = serde_json::from_str(message["Body"].as_str().unwrap()).unwrap();
            if wanted(&content) {
                let delete = json!({ "QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"] });
                call("AmazonSQS.DeleteMessage", JSON, &delete).await.unwrap();
                return Some(content);
            }
        }
        None
    })
    .await
}
