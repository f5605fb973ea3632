//! What the running stack tells of itself: measurements, traces, logs; and nobody in any of them.

use std::{collections::BTreeSet, fs, path::Path};

use reqwest::Method;
use serde_json::{Value, json};
use tidings_domain::{
    rate::{LIMITS, REFUSALS_PER_DEVICE},
    signals::Metric,
};
use tidings_tests::{
    Http, Template, User, await_pushes, digest, direct, encoded, eventually, fresh, function_logs, message, now_ms,
    objects, register_push, repository, run_dev, token as access_token,
};

const TRACE_ID: &str = "0af7651916cd43dd8448eb211c80319c";

/// The stages of a message that were told so far, each with the function that told it.
fn stages(lines: &[Value], message_id: &str) -> BTreeSet<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let of_message = lines.iter().filter(|line| line["trace"] == message_id);
    of_message.map(|line| (text(&line["stage"]), text(&line["function"]))).collect()
}

/// One walk past everything that is told: a message from its sender's trace to its reader's acknowledgement, one that
/// waits for a push, refusals of several kinds; then a look at all that was logged meanwhile.
#[tokio::test]
async fn a_messages_whole_life_is_one_trace_and_nobody_is_named_in_the_logs() {
    let since = now_ms();
    let (alice, bob, carl) = (User::new("alice"), User::new("bob"), User::new("carl"));
    let conversation = direct(&alice, &bob);
    let secret = fresh("nobody-is-to-read-this");
    let (mut from, mut to) = (alice.connect("alices-phone").await, bob.connect("bobs-phone").await);
    let mut frame = message(&conversation, &fresh("m"), &secret);
    frame["type"] = "message.send".into();
    frame["traceparent"] = format!("00-{TRACE_ID}-b7ad6b7169203331-01").into();
    let sent = from.ask(frame).await;
    let message_id = sent["messageId"].as_str().expect("an id").to_owned();
    to.expect_message(&conversation, 1).await;
    to.send(json!({ "type": "message.ack", "conversationId": conversation, "upTo": 1 })).await;
    from.expect("message.delivered").await;
    to.send(json!({ "type": "message.read", "conversationId": conversation, "upTo": 1 })).await;
    from.expect("message.read").await;

    // Somebody who is away, and is pushed to.
    let token = fresh("token");
    register_push(&carl, "carls-phone", "apns", &token).await;
    let to_carl = direct(&alice, &carl);
    let pushed = from.say(&to_carl, &secret).await;
    await_pushes(&token, 1).await;
    // What is refused says why to its sender alone.
    let refused = from.ask(json!({ "type": "message.ack", "conversationId": direct(&bob, &carl), "upTo": 1 })).await;
    assert_eq!(refused["type"], "error");
    let unknown = from.ask(json!({ "type": secret })).await;
    assert_eq!(unknown["code"], "unknown_type");
    assert_eq!(alice.http("alices-phone").get("/conversations/nonsense/messages").await.status, 400);
    // What is looked for, who is watched, and who is put out and why.
    alice.http("alices-phone").get(&format!("/search?q={}", encoded(&secret))).await.ok();
    from.ask(json!({ "type": "presence.subscribe", "userIds": [bob.id] })).await;
    from.send(json!({ "type": "typing", "conversationId": conversation, "active": true })).await;
    let ban = json!({ "reason": secret, "seconds": 3600 });
    let administrator = Http::new(Some(&access_token("admin")), Some("desk"));
    administrator.send(Method::PUT, &format!("/admin/bans/{}", encoded(&carl.id)), &ban).await.ok();

    let wanted = [
        ("sent", "send"),
        ("express", "send"),
        ("published", "send"),
        ("fanned out", "fanout"),
        ("delivered", "ack"),
        ("read", "ack"),
    ];
    let wanted: BTreeSet<_> = wanted.map(|(stage, function)| (stage.to_owned(), function.to_owned())).into();
    let lines = eventually("every stage of both messages, and of all that was measured", || async {
        let lines = function_logs(since).await;
        let values = objects(&lines);
        let pushed = stages(&values, pushed["messageId"].as_str()?);
        let has_all = stages(&values, &message_id).is_superset(&wanted)
            && pushed.contains(&("pushed".to_owned(), "notifier".to_owned()))
            && values.iter().any(|line| line["message"] == "put out" && line["user"] == digest(&carl.id));
        has_all.then_some(lines)
    })
    .await;
    for line in &lines {
        for who in [&alice.id, &bob.id, &carl.id, "alices-phone", "bobs-phone", "carls-phone", &secret, &token] {
            assert!(!line.contains(who), "{who} is named: {line}");
        }
    }
    let values = objects(&lines);
    assert!(
        values.iter().any(|line| line["span"]["user"] == digest(&alice.id)),
        "the lines of a user are found by the digest of its id"
    );
    measured(&values);
    let shown = run_dev(&["trace", &format!("00-{TRACE_ID}-b7ad6b7169203331-01")]).unwrap();
    assert!(shown.starts_with(&message_id) && shown.contains("fanned out"), "{shown}");
}

/// The golden signals and what users notice were measured meanwhile, by cell and by function.
fn measured(lines: &[Value]) {
    let measured: Vec<&Value> = lines.iter().filter(|line| !line["_aws"].is_null()).collect();
    let of = |function: &str, metric: &str| {
        measured.iter().any(|line| line["Function"] == function && !line[metric].is_null() && line["Cell"] == "tidings")
    };
    for (function, metric) in [
        ("send", "Requests"),
        ("send", "Invocations"),
        ("send", "DurationMs"),
        ("send", "SentMs"),
        ("ack", "Refusals"),
        ("ack", "DeliveredMs"),
        ("ack", "ReadMs"),
        ("ack", "DeliveredToReadMs"),
        ("fanout", "FanoutMs"),
        ("connect", "Connected"),
        ("notifier", "PushSent"),
        ("search", "Requests"),
        ("admin", "Banned"),
    ] {
        assert!(of(function, metric), "{metric} of {function} was not measured");
    }
    for line in measured {
        let told = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(told["Namespace"], "Tidings");
        for metric in told["Metrics"].as_array().unwrap() {
            assert!(!line[metric["Name"].as_str().unwrap()].is_null(), "a metric without a value: {line}");
        }
    }
}

/// Every metric of ours that a part of the template looks at, wherever it stands.
fn looked_at(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            if fields.get("Namespace").is_some_and(|namespace| namespace == "Tidings") {
                found.insert(fields["MetricName"].as_str().unwrap().to_owned());
            }
            fields.values().for_each(|field| looked_at(field, found));
        }
        Value::Array(items) => {
            if let [Value::String(namespace), Value::String(name), ..] = items.as_slice()
                && namespace == "Tidings"
            {
                found.insert(name.clone());
            }
            for item in items {
                looked_at(item, found);
            }
        }
        Value::String(text) if text.starts_with("{\"widgets\"") => {
            looked_at(&serde_json::from_str(text).expect("the dashboard is JSON"), found);
        }
        _ => {}
    }
}

#[test]
fn every_metric_that_is_looked_at_is_measured_and_the_other_way_round() {
    let mut found = BTreeSet::new();
    looked_at(&Template::read().json()["Resources"], &mut found);
    let all: BTreeSet<String> = Metric::ALL.iter().map(|metric| metric.name().to_owned()).collect();
    assert_eq!(found, all);
    let mut sources = String::new();
    for folder in ["functions", "shared"] {
        read_sources(&repository().join(folder), &mut sources);
    }
    for metric in all {
        assert!(sources.contains(&format!("Metric::{metric}")), "nothing measures {metric}");
    }
}

#[test]
fn the_dashboard_shows_every_function_and_every_limit() {
    let template = fs::read_to_string(repository().join("template.yaml")).unwrap();
    let shows = |metric: &str, of: &str, name: &str| {
        let row = format!(r#"["Tidings", "{metric}", "Cell", "${{AWS::StackName}}", "{of}", "{name}"]"#);
        assert!(template.contains(&row), "{metric} of {name} is not shown");
    };
    for function in Template::read().of_kind("AWS::Serverless::Function") {
        for metric in ["Faults", "DurationMs", "ColdStarts"] {
            shows(metric, "Function", function.properties["Handler"].as_str().unwrap());
        }
    }
    for limit in LIMITS.iter().filter(|limit| **limit != REFUSALS_PER_DEVICE) {
        shows("RateLimited", "Reason", limit.name);
    }
}

fn read_sources(folder: &Path, sources: &mut String) {
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            read_sources(&entry, sources);
        } else if entry.extension().is_some_and(|end| end == "rs") {
            sources.push_str(&fs::read_to_string(entry).unwrap());
        }
    }
}

#[test]
fn every_alarm_has_its_runbook_and_every_runbook_its_alarm() {
    let template = Template::read();
    let mut named = BTreeSet::new();
    for alarm in template.resources().into_iter().filter(|resource| resource.kind.ends_with("Alarm")) {
        let about = alarm.properties["AlarmDescription"].as_str().unwrap_or_else(|| panic!("{}", alarm.name));
        let (_, path) = about.split_once(" Runbook ").unwrap_or_else(|| panic!("{} names no runbook", alarm.name));
        let text =
            fs::read_to_string(repository().join(path)).unwrap_or_else(|_| panic!("{} has no {path}", alarm.name));
        assert!(text.contains(&alarm.name), "{path} does not name {}", alarm.name);
        for part in ["## What it means", "## Look", "## Do", "## Rehearsed"] {
            assert!(text.contains(part), "{path} has no {part}");
        }
        named.insert(path.to_owned());
    }
    let of_cost = ["cost-budget", "cost-anomaly"].map(|name| format!("docs/runbooks/{name}.md"));
    named.extend(of_cost);
    let there = fs::read_dir(repository().join("docs/runbooks")).unwrap();
    let there = there.map(|entry| format!("docs/runbooks/{}", entry.unwrap().file_name().to_str().unwrap()));
    let there: BTreeSet<String> = there.filter(|path| !path.ends_with("README.md")).collect();
    assert_eq!(named, there);
}
