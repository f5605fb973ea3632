//! What each service is told. None of it is what somebody has written.

use serde_json::{Value, json};
use tidings_domain::{
    devices::PushService,
    push::{Alert, Priority, Push},
};

/// What the app needs to fetch the message, and to decrypt it.
fn data(alert: &Alert) -> Value {
    json!({
        "conversationId": alert.conversation.to_string(),
        // Texts, for that is all that FCM takes.
        "sequence": alert.sequence.to_string(),
        "messageId": alert.message.to_string(),
        "mention": alert.is_mention.to_string(),
    })
}

/// The words that an app shows in its user's language; what is shown where it has none.
fn text_key(alert: &Alert) -> (&'static str, &'static str) {
    if alert.is_mention { ("PUSH_MENTION", "You were mentioned") } else { ("PUSH_MESSAGE", "New message") }
}

/// Of APNs: the app's extension may change the alert before it is shown, so that it can fetch and decrypt.
pub(crate) fn apns(push: &Push) -> Value {
    let Push::Alert(alert) = push else { return json!({ "aps": { "content-available": 1 } }) };
    let (key, text) = text_key(alert);
    json!({
        "aps": {
            "alert": { "title": alert.label.as_ref(), "body": text, "loc-key": key },
            "badge": alert.badge,
            "sound": "default",
            "mutable-content": 1,
            "thread-id": alert.collapse_key.as_ref(),
            "interruption-level": if alert.priority == Priority::High { "time-sensitive" } else { "active" },
        },
        "tidings": data(alert),
    })
}

/// Of FCM, in the form of its version 1.
pub(crate) fn fcm(push: &Push) -> Value {
    let message = match push {
        Push::Wake { ttl_seconds } => json!({
            "data": { "type": "wake" },
            "android": { "priority": "normal", "collapse_key": "wake", "ttl": format!("{ttl_seconds}s") },
        }),
        Push::Alert(alert) => {
            let (key, text) = text_key(alert);
            let priority = if alert.priority == Priority::High { "high" } else { "normal" };
            let mut data = data(alert);
            data["type"] = json!("message");
            json!({
                "notification": { "title": alert.label.as_ref(), "body": text },
                "data": data,
                "android": {
                    "priority": priority,
                    "collapse_key": alert.collapse_key.as_ref(),
                    "ttl": format!("{}s", alert.ttl_seconds),
                    "notification": {
                        "tag": alert.collapse_key.as_ref(),
                        "body_loc_key": key,
                        "notification_count": alert.badge,
                    },
                },
            })
        }
    };
    json!({ "fcmV1Message": { "message": message } })
}

/// Of a browser: what its service worker is given.
pub(crate) fn web(alert: &Alert) -> Value {
    let (key, _) = text_key(alert);
    json!({ "title": alert.label.as_ref(), "key": key, "badge": alert.badge, "tag": alert.collapse_key.as_ref(), "data": data(alert) })
}

/// What SNS calls the service's part of a message.
pub(crate) fn sns_key(service: PushService) -> &'static str {
    match service {
        PushService::Apns => "APNS",
        PushService::ApnsSandbox => "APNS_SANDBOX",
        PushService::Fcm => "GCM",
        PushService::WebPush => "default",
    }
}

/// The message of SNS: the payload as a text in the text.
pub(crate) fn sns_message(service: PushService, push: &Push) -> String {
    let payload = if service == PushService::Fcm { fcm(push) } else { apns(push) };
    let mut message = json!({ "default": "" });
    message[sns_key(service)] = json!(payload.to_string());
    message.to_string()
}

/// What SNS passes on to APNs as headers, as name and value.
pub(crate) fn sns_attributes(service: PushService, push: &Push) -> Vec<(String, String)> {
    if service == PushService::Fcm {
        return Vec::new();
    }
    let (kind, priority, collapse, ttl_seconds) = match push {
        Push::Wake { ttl_seconds } => ("background", "5", "wake".to_owned(), *ttl_seconds),
        Push::Alert(alert) => {
            let priority = if alert.priority == Priority::High { "10" } else { "5" };
            ("alert", priority, alert.collapse_key.to_string(), alert.ttl_seconds)
        }
    };
    vec![
        ("AWS.SNS.MOBILE.APNS.PUSH_TYPE".into(), kind.into()),
        ("AWS.SNS.MOBILE.APNS.PRIORITY".into(), priority.into()),
        ("AWS.SNS.MOBILE.APNS.COLLAPSE_ID".into(), collapse),
        (format!("AWS.SNS.MOBILE.{}.TTL", sns_key(service)), ttl_seconds.to_string()),
    ]
}

#[cfg(test)]
mod tests {
    use tidings_domain::ids::{ClientMsgId, ConversationId, DeviceId, MessageId, Sender, Sequence, UserId};

    use super::*;

    fn alert(priority: Priority) -> Push {
        let sender = Sender { user: UserId::parse("alice").unwrap(), device: DeviceId::parse("phone").unwrap() };
        let conversation = ConversationId::parse("g:crew").unwrap();
        Push::Alert(Box::new(Alert {
            message: MessageId::of(&conversation, &sender, &ClientMsgId::parse("1").unwrap()),
            collapse_key: conversation.collapse_key(),
            conversation,
            label: "Crew".into(),
            sequence: Sequence(7),
            is_mention: priority == Priority::High,
            priority,
            badge: 3,
            ttl_seconds: 60,
        }))
    }

    fn part(service: PushService, push: &Push) -> Value {
        let message: Value = serde_json::from_str(&sns_message(service, push)).unwrap();
        serde_json::from_str(message[sns_key(service)].as_str().unwrap()).unwrap()
    }

    #[test]
    fn apns_is_told_to_let_the_app_change_it_and_replaces_the_one_before() {
        let payload = part(PushService::Apns, &alert(Priority::High));
        assert_eq!((&payload["aps"]["mutable-content"], &payload["aps"]["badge"]), (&json!(1), &json!(3)));
        assert_eq!((&payload["aps"]["alert"]["title"], &payload["tidings"]["sequence"]), (&json!("Crew"), &json!("7")));
        let headers = sns_attributes(PushService::ApnsSandbox, &alert(Priority::Normal));
        assert!(headers.contains(&("AWS.SNS.MOBILE.APNS.PRIORITY".into(), "5".into())));
        assert!(headers.contains(&("AWS.SNS.MOBILE.APNS_SANDBOX.TTL".into(), "60".into())));
        let collapse = headers.iter().find(|(name, _)| name.ends_with("COLLAPSE_ID")).unwrap();
        assert!(collapse.1.len() == 32, "APNs takes 64 bytes, the topic of a browser 32 characters: {collapse:?}");
    }

    #[test]
    fn fcm_has_only_texts_as_data_and_replaces_by_its_tag() {
        let payload = part(PushService::Fcm, &alert(Priority::High));
        let message = &payload["fcmV1Message"]["message"];
        assert!(message["data"].as_object().unwrap().values().all(Value::is_string), "{message}");
        assert_eq!((&message["android"]["priority"], &message["android"]["ttl"]), (&json!("high"), &json!("60s")));
        assert_eq!(message["android"]["notification"]["tag"], message["android"]["collapse_key"]);
    }

    #[test]
    fn a_wake_shows_nothing() {
        let wake = Push::Wake { ttl_seconds: 9 };
        assert_eq!(part(PushService::Apns, &wake), json!({ "aps": { "content-available": 1 } }));
        assert!(part(PushService::Fcm, &wake)["fcmV1Message"]["message"].get("notification").is_none());
        let headers = sns_attributes(PushService::Apns, &wake);
        assert_eq!(headers[0].1, "background");
        assert_eq!(headers[1].1, "5", "APNs refuses another for what is not shown");
    }
}
