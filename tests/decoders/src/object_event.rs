//! What storage and the scan say of objects. An input that is a batch of the queue is the whole event; any other is the
//! bodies of its messages, a line each. What was read can be looked at and judged.

use serde_json::{Value, json};
use tidings_domain::media::{CheckPorts, ObjectKey, check as look_at, judge};
use tidings_events::{ObjectEvent, object_events};
use tidings_memory::World;

use crate::{Seed, queue_event};

pub(crate) fn check(data: &[u8]) -> bool {
    let Ok(events) = object_events(queue_event(data)) else { return false };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    for event in &events {
        let (ObjectEvent::Created { key } | ObjectEvent::Scanned { key, .. }) = event;
        if let Some((object, handle)) = ObjectKey::parse(key) {
            assert_eq!(object.as_str(), key, "a key has one text");
            assert!(key.starts_with(&format!("{}{}/", ObjectKey::PREFIX, handle.uuid())));
            assert!(!key.contains(".."), "no path");
        }
        runtime.block_on(async {
            let world = World::new(1);
            let ports = CheckPorts { media: &world, objects: &world, needs_scan: true };
            let done = match event {
                ObjectEvent::Created { key } => look_at(ports, key).await,
                ObjectEvent::Scanned { key, verdict } => judge(ports, key, *verdict).await,
            };
            assert!(done.is_ok(), "what nobody has announced is taken away, and no failure");
        });
    }
    !events.is_empty()
}

const KEY: &str = "media/0a1b2c3d-4e5f-5a6b-8c7d-9e0f1a2b3c4d/19a0-1";

pub(crate) fn seeds() -> Vec<Seed> {
    let created = |name: &str, key: &str| {
        json!({ "Records": [{
            "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "us-east-1",
            "eventTime": "2026-11-28T00:00:00.000Z", "eventName": name,
            "s3": { "s3SchemaVersion": "1.0", "bucket": { "name": "b" }, "object": { "key": key, "size": 7, "eTag": "e" } },
        }]})
    };
    let scanned = |status: &str| {
        json!({ "source": "aws.guardduty", "detail-type": "GuardDuty Malware Protection Object Scan Result",
        "detail": {
            "scanStatus": "COMPLETED", "s3ObjectDetails": { "bucketName": "b", "objectKey": KEY },
            "scanResultDetails": { "scanResultStatus": status, "threats": null },
        }})
    };
    let bodies: Vec<(&str, Value)> = vec![
        ("put", created("ObjectCreated:Put", KEY)),
        ("parts", created("s3:ObjectCreated:CompleteMultipartUpload", &KEY.replace('/', "%2F"))),
        ("removed", created("ObjectRemoved:Delete", KEY)),
        ("test", json!({ "Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b" })),
        ("clean", scanned("NO_THREATS_FOUND")),
        ("threats", scanned("THREATS_FOUND")),
        ("unsupported", scanned("UNSUPPORTED")),
    ];
    let all: Vec<String> = bodies.iter().map(|(_, body)| body.to_string()).collect();
    let mut seeds =
        vec![Seed::new("batch", all.join("\n")), Seed::new("event", queue_event(all.join("\n").as_bytes()))];
    // The others say nothing of an object.
    let telling = bodies.iter().filter(|(name, _)| !["removed", "test"].contains(name));
    seeds.extend(telling.map(|(name, body)| Seed::new(*name, body)));
    seeds
}
