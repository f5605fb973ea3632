//! What storage and the scan say of objects, as it comes through a queue.

use serde::Deserialize;
use serde_json::Value;
use tidings_domain::media::Verdict;

use crate::{EventError, read};

/// Something that happened to an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ObjectEvent {
    /// It is there.
    Created {
        /// Its key.
        key: String,
    },
    /// It was scanned.
    Scanned {
        /// Its key.
        key: String,
        /// What the scan says.
        verdict: Verdict,
    },
}

#[derive(Deserialize)]
struct Queue {
    #[serde(rename = "Records")]
    records: Vec<Message>,
}

#[derive(Deserialize)]
struct Message {
    body: String,
}

/// A notification of S3, or an event of `EventBridge`; both leave the other's fields out.
#[derive(Deserialize)]
struct Body {
    #[serde(rename = "Records", default)]
    records: Vec<Notification>,
    /// `s3:TestEvent`, which S3 says once when the notification is set up.
    #[serde(rename = "Event", default)]
    event: Option<String>,
    #[serde(rename = "detail-type", default)]
    detail_type: Option<String>,
    #[serde(default)]
    detail: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Notification {
    event_name: String,
    s3: InBucket,
}

#[derive(Deserialize)]
struct InBucket {
    object: Object,
}

#[derive(Deserialize)]
struct Object {
    key: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Scan {
    s3_object_details: Scanned,
    #[serde(default)]
    scan_result_details: ScanResult,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Scanned {
    object_key: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ScanResult {
    #[serde(default)]
    scan_result_status: String,
}

const SCAN_RESULT: &str = "GuardDuty Malware Protection Object Scan Result";

/// The events of a batch of the queue, in order.
pub fn object_events(event: Value) -> Result<Vec<ObjectEvent>, EventError> {
    let queue: Queue = read(event)?;
    let mut events = Vec::new();
    for message in queue.records {
        let body: Body = serde_json::from_str(&message.body)?;
        if body.detail_type.as_deref() == Some(SCAN_RESULT) {
            let scan: Scan = read(body.detail)?;
            let verdict = match scan.scan_result_details.scan_result_status.as_str() {
                "NO_THREATS_FOUND" => Verdict::Clean,
                "THREATS_FOUND" => Verdict::Threats,
                _ => Verdict::Unscanned,
            };
            events.push(ObjectEvent::Scanned { key: scan.s3_object_details.object_key, verdict });
        } else if body.records.is_empty() && body.event.as_deref() != Some("s3:TestEvent") {
            let why = "neither a notification of S3 nor the result of a scan";
            return Err(EventError::Shape(serde::de::Error::custom(why)));
        }
        let created = body.records.into_iter().filter(|record| is_creation(&record.event_name));
        events.extend(created.map(|record| ObjectEvent::Created { key: decoded(&record.s3.object.key) }));
    }
    Ok(events)
}

/// S3 says `ObjectCreated:Put`, and some of what speaks like it `s3:ObjectCreated:Put`.
fn is_creation(name: &str) -> bool {
    name.strip_prefix("s3:").unwrap_or(name).starts_with("ObjectCreated:")
}

/// Keys in notifications are encoded as in the query of a URL. Ours need it for nothing but the slash, which some
/// encode and some do not.
fn decoded(key: &str) -> String {
    key.replace("%2F", "/").replace("%2f", "/")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn queue(bodies: &[Value]) -> Value {
        let records: Vec<Value> = bodies.iter().map(|body| json!({ "body": body.to_string() })).collect();
        json!({ "Records": records })
    }

    #[test]
    fn storage_and_the_scan_are_understood() {
        let created = json!({ "Records": [
            { "eventName": "ObjectCreated:Put", "s3": { "object": { "key": "media/a%2F1" } } },
            { "eventName": "ObjectRemoved:Delete", "s3": { "object": { "key": "media/b/1" } } },
        ]});
        let scanned = |status: &str| {
            json!({ "detail-type": SCAN_RESULT, "detail": {
                "scanStatus": "COMPLETED",
                "s3ObjectDetails": { "bucketName": "b", "objectKey": "media/a/1" },
                "scanResultDetails": { "scanResultStatus": status, "threats": null },
            }})
        };
        let test = json!({ "Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b" });
        let bodies =
            [created, test, scanned("NO_THREATS_FOUND"), scanned("THREATS_FOUND"), scanned("UNSUPPORTED"), scanned("")];
        let key = || "media/a/1".to_owned();
        let verdict = |verdict| ObjectEvent::Scanned { key: key(), verdict };
        assert_eq!(
            object_events(queue(&bodies)).unwrap(),
            [
                ObjectEvent::Created { key: key() },
                verdict(Verdict::Clean),
                verdict(Verdict::Threats),
                verdict(Verdict::Unscanned),
                verdict(Verdict::Unscanned),
            ]
        );
    }

    #[test]
    fn anything_else_is_an_error_and_not_silence() {
        for body in [json!({}), json!({ "detail-type": "Object Created", "detail": {} }), json!(1)] {
            assert!(object_events(queue(std::slice::from_ref(&body))).is_err(), "{body}");
        }
        assert!(object_events(json!({})).is_err());
    }
}
