//! Bad input: every frame and every field. What fails has changed nothing, and the socket stays open.

use std::collections::BTreeSet;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use tidings_protocol::{ErrorCode, FrameType};
use tidings_testkit::mls::private_message;
use tidings_tests::{Socket, User, direct};

/// The frame as text, with `$C` for a good conversation, `$M` for a commit in its epoch 0, `$G` for one of another group, and
/// `$N` for 65 characters; the code; the field that is named.
type Row = (&'static str, &'static str, Option<&'static str>);

const BAD: &str = "bad_request";
const LARGE: &str = "too_large";

const ROWS: &[Row] = &[
    // No frame at all.
    ("", BAD, None),
    ("x", BAD, None),
    ("{", BAD, None),
    ("null", BAD, None),
    ("[]", BAD, None),
    ("17", BAD, None),
    (r#""message.send""#, BAD, None),
    ("{}", BAD, Some("type")),
    (r#"{"type":null}"#, BAD, Some("type")),
    (r#"{"type":5}"#, BAD, Some("type")),
    (r#"{"type":["message.send"]}"#, BAD, Some("type")),
    (r#"{"type":"presence.heartbeat","active":true}{}"#, BAD, None),
    // No such frame, or none that a client may say.
    (r#"{"type":""}"#, "unknown_type", Some("type")),
    (r#"{"type":"hologram"}"#, "unknown_type", Some("type")),
    (r#"{"type":"message.sent"}"#, "unknown_type", Some("type")),
    (r#"{"type":"MESSAGE.SEND"}"#, "unknown_type", Some("type")),
    (r#"{"type":"$connect"}"#, "unknown_type", Some("type")),
    (r#"{"type":"$disconnect"}"#, "unknown_type", Some("type")),
    (r#"{"type":"$default"}"#, "unknown_type", Some("type")),
    // message.edit
    (
        r#"{"type":"message.edit","messageId":"m:0a1b2c3d-4e5f-5a6b-8c7d-9e0f1a2b3c4d","clientMsgId":"1","payload":1}"#,
        BAD,
        Some("conversationId"),
    ),
    (
        r#"{"type":"message.edit","conversationId":"u:b","messageId":"m:0a1b2c3d-4e5f-5a6b-8c7d-9e0f1a2b3c4d","clientMsgId":"1","payload":1}"#,
        BAD,
        Some("conversationId"),
    ),
    (
        r#"{"type":"message.edit","conversationId":"$C","messageId":"m:1","clientMsgId":"1","payload":1}"#,
        BAD,
        Some("messageId"),
    ),
    (
        r#"{"type":"message.edit","conversationId":"$C","messageId":"m:0a1b2c3d-4e5f-5a6b-8c7d-9e0f1a2b3c4d","clientMsgId":"$N","payload":1}"#,
        BAD,
        Some("clientMsgId"),
    ),
    (
        r#"{"type":"message.edit","conversationId":"$C","messageId":"m:0a1b2c3d-4e5f-5a6b-8c7d-9e0f1a2b3c4d","clientMsgId":"1","messageSequence":1099511627776,"payload":1}"#,
        BAD,
        Some("messageSequence"),
    ),
    (
        r#"{"type":"message.edit","conversationId":"$C","messageId":"m:0a1b2c3d-4e5f-5a6b-8c7d-9e0f1a2b3c4d","clientMsgId":"1","payload":1}"#,
        "not_found",
        Some("messageId"),
    ),
    // message.delete
    (
        r#"{"type":"message.delete","messageId":"m:0a1b2c3d-4e5f-5a6b-8c7d-9e0f1a2b3c4d","clientMsgId":"1","for":"everyone"}"#,
        BAD,
        Some("conversationId"),
    ),
    (
        r#"{"type":"message.delete","conversationId":"u:b","messageId":"m:0a1b2c3d-4e5f-5a6b-8c7d-9e0f1a2b3c4d","clientMsgId":"1","for":"everyone"}"#,
        BAD,
        Some("conversationId"),
    ),
    (
        r#"{"type":"message.delete","conversationId":"$C","messageId":"m:1","clientMsgId":"1","for":"everyone"}"#,
        BAD,
        Some("messageId"),
    ),
    (
        r#"{"type":"message.delete","conversationId":"$C","messageId":"m:0a1b2c3d-4e5f-5a6b-8c7d-9e0f1a2b3c4d","clientMsgId":"$N","for":"everyone"}"#,
        BAD,
        Some("clientMsgId"),
    ),
    (
        r#"{"type":"message.delete","conversationId":"$C","messageId":"m:0a1b2c3d-4e5f-5a6b-8c7d-9e0f1a2b3c4d","clientMsgId":"1","messageSequence":1099511627776,"for":"everyone"}"#,
        BAD,
        Some("messageSequence"),
    ),
    (
        r#"{"type":"message.delete","conversationId":"$C","messageId":"m:0a1b2c3d-4e5f-5a6b-8c7d-9e0f1a2b3c4d","clientMsgId":"1","for":"everyone"}"#,
        "not_found",
        Some("messageId"),
    ),
    // message.react
    (
        r#"{"type":"message.react","messageId":"m:0a1b2c3d-4e5f-5a6b-8c7d-9e0f1a2b3c4d","clientMsgId":"1","reaction":"x"}"#,
        BAD,
        Some("conversationId"),
    ),
    (
        r#"{"type":"message.react","conversationId":"u:b","messageId":"m:0a1b2c3d-4e5f-5a6b-8c7d-9e0f1a2b3c4d","clientMsgId":"1","reaction":"x"}"#,
        BAD,
        Some("conversationId"),
    ),
    (
        r#"{"type":"message.react","conversationId":"$C","messageId":"m:1","clientMsgId":"1","reaction":"x"}"#,
        BAD,
        Some("messageId"),
    ),
    (
        r#"{"type":"message.react","conversationId":"$C","messageId":"m:0a1b2c3d-4e5f-5a6b-8c7d-9e0f1a2b3c4d","clientMsgId":"$N","reaction":"x"}"#,
        BAD,
        Some("clientMsgId"),
    ),
    (
        r#"{"type":"message.react","conversationId":"$C","messageId":"m:0a1b2c3d-4e5f-5a6b-8c7d-9e0f1a2b3c4d","clientMsgId":"1","messageSequence":1099511627776,"reaction":"x"}"#,
        BAD,
        Some("messageSequence"),
    ),
    (
        r#"{"type":"message.react","conversationId":"$C","messageId":"m:0a1b2c3d-4e5f-5a6b-8c7d-9e0f1a2b3c4d","clientMsgId":"1","reaction":"x"}"#,
        "not_found",
        Some("messageId"),
    ),
    // message.vote
    (
        r#"{"type":"message.vote","messageId":"m:0a1b2c3d-4e5f-5a6b-8c7d-9e0f1a2b3c4d","clientMsgId":"1","choices":["x"]}"#,
        BAD,
        Some("conversationId"),
    ),
    (
        r#"{"type":"message.vote","conversationId":"u:b","messageId":"m:0a1b2c3d-4e5f-5a6b-8c7d-9e0f1a2b3c4d","clientMsgId":"1","choices":["x"]}"#,
        BAD,
        Some("conversationId"),
    ),
    (
        r#"{"type":"message.vote","conversationId":"$C","messageId":"m:1","clientMsgId":"1","choices":["x"]}"#,
        BAD,
        Some("messageId"),
    ),
    (
        r#"{"type":"message.vote","conversationId":"$C","messageId":"m:0a1b2c3d-4e5f-5a6b-8c7d-9e0f1a2b3c4d","clientMsgId":"$N","choices":["x"]}"#,
        BAD,
        Some("clientMsgId"),
    ),
    (
        r#"{"type":"message.vote","conversationId":"$C","messageId":"m:0a1b2c3d-4e5f-5a6b-8c7d-9e0f1a2b3c4d","clientMsgId":"1","messageSequence":1099511627776,"choices":["x"]}"#,
        BAD,
        Some("messageSequence"),
    ),
    (
        r#"{"type":"message.vote","conversationId":"$C","messageId":"m:0a1b2c3d-4e5f-5a6b-8c7d-9e0f1a2b3c4d","clientMsgId":"1","choices":["x"]}"#,
        "not_found",
        Some("messageId"),
    ),
    // message.pin
    (
        r#"{"type":"message.pin","messageId":"m:0a1b2c3d-4e5f-5a6b-8c7d-9e0f1a2b3c4d","clientMsgId":"1","pinned":true}"#,
        BAD,
        Some("conversationId"),
    ),
    (
        r#"{"type":"message.pin","conversationId":"u:b","messageId":"m:0a1b2c3d-4e5f-5a6b-8c7d-9e0f1a2b3c4d","clientMsgId":"1","pinned":true}"#,
        BAD,
        Some("conversationId"),
    ),
    (
        r#"{"type":"message.pin","conversationId":"$C","messageId":"m:1","clientMsgId":"1","pinned":true}"#,
        BAD,
        Some("messageId"),
    ),
    (
        r#"{"type":"message.pin","conversationId":"$C","messageId":"m:0a1b2c3d-4e5f-5a6b-8c7d-9e0f1a2b3c4d","clientMsgId":"$N","pinned":true}"#,
        BAD,
        Some("clientMsgId"),
    ),
    (
        r#"{"type":"message.pin","conversationId":"$C","messageId":"m:0a1b2c3d-4e5f-5a6b-8c7d-9e0f1a2b3c4d","clientMsgId":"1","messageSequence":1099511627776,"pinned":true}"#,
        BAD,
        Some("messageSequence"),
    ),
    (
        r#"{"type":"message.pin","conversationId":"$C","messageId":"m:0a1b2c3d-4e5f-5a6b-8c7d-9e0f1a2b3c4d","clientMsgId":"1","pinned":true}"#,
        "not_found",
        Some("messageId"),
    ),
    (
        r#"{"type":"message.edit","conversationId":"$C","messageId":"m:0a1b2c3d-4e5f-5a6b-8c7d-9e0f1a2b3c4d","clientMsgId":"1"}"#,
        BAD,
        Some("payload"),
    ),
    (
        r#"{"type":"message.delete","conversationId":"$C","messageId":"m:0a1b2c3d-4e5f-5a6b-8c7d-9e0f1a2b3c4d","clientMsgId":"1"}"#,
        BAD,
        Some("for"),
    ),
    (
        r#"{"type":"message.delete","conversationId":"$C","messageId":"m:0a1b2c3d-4e5f-5a6b-8c7d-9e0f1a2b3c4d","clientMsgId":"1","for":"all"}"#,
        BAD,
        Some("for"),
    ),
    (
        r#"{"type":"message.react","conversationId":"$C","messageId":"m:0a1b2c3d-4e5f-5a6b-8c7d-9e0f1a2b3c4d","clientMsgId":"1","reaction":""}"#,
        BAD,
        Some("reaction"),
    ),
    (
        r#"{"type":"message.react","conversationId":"$C","messageId":"m:0a1b2c3d-4e5f-5a6b-8c7d-9e0f1a2b3c4d","clientMsgId":"1","reaction":"$N"}"#,
        BAD,
        Some("reaction"),
    ),
    (
        r#"{"type":"message.vote","conversationId":"$C","messageId":"m:0a1b2c3d-4e5f-5a6b-8c7d-9e0f1a2b3c4d","clientMsgId":"1"}"#,
        BAD,
        Some("choices"),
    ),
    (
        r#"{"type":"message.vote","conversationId":"$C","messageId":"m:0a1b2c3d-4e5f-5a6b-8c7d-9e0f1a2b3c4d","clientMsgId":"1","choices":["a","a"]}"#,
        BAD,
        Some("choices[1]"),
    ),
    (
        r#"{"type":"message.vote","conversationId":"$C","messageId":"m:0a1b2c3d-4e5f-5a6b-8c7d-9e0f1a2b3c4d","clientMsgId":"1","choices":["1","2","3","4","5","6","7","8","9","10","11","12","13"]}"#,
        LARGE,
        Some("choices"),
    ),
    (
        r#"{"type":"message.pin","conversationId":"$C","messageId":"m:0a1b2c3d-4e5f-5a6b-8c7d-9e0f1a2b3c4d","clientMsgId":"1"}"#,
        BAD,
        Some("pinned"),
    ),
    // What every frame may carry.
    (r#"{"type":"presence.heartbeat","active":true,"id":5}"#, BAD, Some("id")),
    (r#"{"type":"presence.heartbeat","active":true,"id":"$N"}"#, BAD, Some("id")),
    (r#"{"type":"presence.heartbeat","active":true,"traceparent":5}"#, BAD, Some("traceparent")),
    // session.hello
    (r#"{"type":"session.hello","resumeToken":5}"#, BAD, Some("resumeToken")),
    (r#"{"type":"session.hello","cursors":[]}"#, BAD, Some("cursors")),
    (r#"{"type":"session.hello","cursors":"x"}"#, BAD, Some("cursors")),
    (r#"{"type":"session.hello","cursors":{"nonsense":1}}"#, BAD, Some("cursors.nonsense")),
    (r#"{"type":"session.hello","cursors":{"$C":-1}}"#, BAD, Some("cursors.$C")),
    (r#"{"type":"session.hello","cursors":{"$C":"1"}}"#, BAD, Some("cursors.$C")),
    (r#"{"type":"session.hello","cursors":{"$C":1.5}}"#, BAD, Some("cursors.$C")),
    (r#"{"type":"session.hello","cursors":{"$C":1099511627776}}"#, BAD, Some("cursors.$C")),
    // message.send: the conversation
    (r#"{"type":"message.send","clientMsgId":"1","payload":1,"ts":1}"#, BAD, Some("conversationId")),
    (
        r#"{"type":"message.send","conversationId":null,"clientMsgId":"1","payload":1,"ts":1}"#,
        BAD,
        Some("conversationId"),
    ),
    (r#"{"type":"message.send","conversationId":5,"clientMsgId":"1","payload":1,"ts":1}"#, BAD, Some("conversationId")),
    (
        r#"{"type":"message.send","conversationId":"","clientMsgId":"1","payload":1,"ts":1}"#,
        BAD,
        Some("conversationId"),
    ),
    (
        r#"{"type":"message.send","conversationId":"u:b|u:a","clientMsgId":"1","payload":1,"ts":1}"#,
        BAD,
        Some("conversationId"),
    ),
    (
        r#"{"type":"message.send","conversationId":"u:a","clientMsgId":"1","payload":1,"ts":1}"#,
        BAD,
        Some("conversationId"),
    ),
    (
        r#"{"type":"message.send","conversationId":"u:a|u:b#0","clientMsgId":"1","payload":1,"ts":1}"#,
        BAD,
        Some("conversationId"),
    ),
    (
        r#"{"type":"message.send","conversationId":"g:a b","clientMsgId":"1","payload":1,"ts":1}"#,
        BAD,
        Some("conversationId"),
    ),
    (
        r#"{"type":"message.send","conversationId":"u:a|u:b","clientMsgId":"1","payload":1,"ts":1}"#,
        "not_a_member",
        Some("conversationId"),
    ),
    (
        r#"{"type":"message.send","conversationId":"g:nobody-here","clientMsgId":"1","payload":1,"ts":1}"#,
        "not_a_member",
        Some("conversationId"),
    ),
    // … the name
    (r#"{"type":"message.send","conversationId":"$C","payload":1,"ts":1}"#, BAD, Some("clientMsgId")),
    (r#"{"type":"message.send","conversationId":"$C","clientMsgId":7,"payload":1,"ts":1}"#, BAD, Some("clientMsgId")),
    (r#"{"type":"message.send","conversationId":"$C","clientMsgId":"","payload":1,"ts":1}"#, BAD, Some("clientMsgId")),
    (
        r#"{"type":"message.send","conversationId":"$C","clientMsgId":"$N","payload":1,"ts":1}"#,
        BAD,
        Some("clientMsgId"),
    ),
    (
        r#"{"type":"message.send","conversationId":"$C","clientMsgId":"a\u001fb","payload":1,"ts":1}"#,
        BAD,
        Some("clientMsgId"),
    ),
    // … what is in it
    (r#"{"type":"message.send","conversationId":"$C","clientMsgId":"1","ts":1}"#, BAD, Some("payload")),
    (r#"{"type":"message.send","conversationId":"$C","clientMsgId":"1","payload":1}"#, BAD, Some("ts")),
    (r#"{"type":"message.send","conversationId":"$C","clientMsgId":"1","payload":1,"ts":-1}"#, BAD, Some("ts")),
    (r#"{"type":"message.send","conversationId":"$C","clientMsgId":"1","payload":1,"ts":1.5}"#, BAD, Some("ts")),
    (r#"{"type":"message.send","conversationId":"$C","clientMsgId":"1","payload":1,"ts":"now"}"#, BAD, Some("ts")),
    (
        r#"{"type":"message.send","conversationId":"$C","clientMsgId":"1","payload":1,"ts":1,"kind":"A smell"}"#,
        BAD,
        Some("kind"),
    ),
    (
        r#"{"type":"message.send","conversationId":"$C","clientMsgId":"1","payload":1,"ts":1,"mediaHandle":""}"#,
        BAD,
        Some("mediaHandle"),
    ),
    (
        r#"{"type":"message.send","conversationId":"$C","clientMsgId":"1","payload":1,"ts":1,"mediaHandle":"$N$N$N$N"}"#,
        BAD,
        Some("mediaHandle"),
    ),
    (
        r#"{"type":"message.send","conversationId":"$C","clientMsgId":"1","payload":1,"ts":1,"inReplyTo":"x"}"#,
        BAD,
        Some("inReplyTo"),
    ),
    (
        r#"{"type":"message.send","conversationId":"$C","clientMsgId":"1","payload":1,"ts":1,"inReplyTo":5}"#,
        BAD,
        Some("inReplyTo"),
    ),
    (
        r#"{"type":"message.send","conversationId":"$C","clientMsgId":"1","payload":1,"ts":1,"threadRoot":"m:x"}"#,
        BAD,
        Some("threadRoot"),
    ),
    (
        r#"{"type":"message.send","conversationId":"$C","clientMsgId":"1","payload":1,"ts":1,"mentions":"bob"}"#,
        BAD,
        Some("mentions"),
    ),
    (
        r#"{"type":"message.send","conversationId":"$C","clientMsgId":"1","payload":1,"ts":1,"mentions":["bob","a b"]}"#,
        BAD,
        Some("mentions[1]"),
    ),
    (
        r#"{"type":"message.send","conversationId":"$C","clientMsgId":"1","payload":1,"ts":1,"mentions":["$N"]}"#,
        BAD,
        Some("mentions[0]"),
    ),
    (
        r#"{"type":"message.send","conversationId":"$C","clientMsgId":"1","payload":1,"ts":1,"mentions":[$65]}"#,
        LARGE,
        Some("mentions"),
    ),
    (
        r#"{"type":"message.send","conversationId":"$C","clientMsgId":"1","payload":1,"ts":1,"ttlSeconds":0}"#,
        BAD,
        Some("ttlSeconds"),
    ),
    (
        r#"{"type":"message.send","conversationId":"$C","clientMsgId":"1","payload":1,"ts":1,"ttlSeconds":-1}"#,
        BAD,
        Some("ttlSeconds"),
    ),
    (
        r#"{"type":"message.send","conversationId":"$C","clientMsgId":"1","payload":1,"ts":1,"ttlSeconds":31536001}"#,
        BAD,
        Some("ttlSeconds"),
    ),
    (
        r#"{"type":"message.send","conversationId":"$C","clientMsgId":"1","payload":1,"ts":1,"envelopes":["x"]}"#,
        BAD,
        Some("envelopes"),
    ),
    (
        r#"{"type":"message.send","conversationId":"$C","clientMsgId":"1","payload":1,"ts":1,"envelopes":{"d":5}}"#,
        BAD,
        Some("envelopes.d"),
    ),
    (
        r#"{"type":"message.send","conversationId":"$C","clientMsgId":"1","payload":1,"ts":1,"envelopes":{"d":"no base64"}}"#,
        BAD,
        Some("envelopes.d"),
    ),
    (
        r#"{"type":"message.send","conversationId":"$C","clientMsgId":"1","payload":1,"ts":1,"envelopes":{"a b":"AAAA"}}"#,
        BAD,
        Some("envelopes.a b"),
    ),
    (
        r#"{"type":"message.send","conversationId":"$C","clientMsgId":"1","payload":1,"ts":1,"envelopes":{$257}}"#,
        LARGE,
        Some("envelopes"),
    ),
    (
        r#"{"type":"message.send","conversationId":"$C","clientMsgId":"1","payload":1,"ts":1,"epoch":-1}"#,
        BAD,
        Some("epoch"),
    ),
    (
        r#"{"type":"message.send","conversationId":"$C","clientMsgId":"1","payload":1,"ts":1,"epoch":7}"#,
        "stale_epoch",
        Some("epoch"),
    ),
    (
        r#"{"type":"message.send","conversationId":"$C","clientMsgId":"1","payload":1,"ts":1,"attempt":0}"#,
        BAD,
        Some("attempt"),
    ),
    (
        r#"{"type":"message.send","conversationId":"$C","clientMsgId":"1","payload":1,"ts":1,"attempt":"2"}"#,
        BAD,
        Some("attempt"),
    ),
    (
        r#"{"type":"message.send","conversationId":"$C","clientMsgId":"1","payload":1,"ts":1,"baseSequence":-1}"#,
        BAD,
        Some("baseSequence"),
    ),
    (
        r#"{"type":"message.send","conversationId":"$C","clientMsgId":"1","payload":1,"ts":1,"attempt":2,"baseSequence":9}"#,
        BAD,
        Some("baseSequence"),
    ),
    // message.ack
    (r#"{"type":"message.ack","upTo":1}"#, BAD, Some("conversationId")),
    (r#"{"type":"message.ack","conversationId":"nonsense","upTo":1}"#, BAD, Some("conversationId")),
    (r#"{"type":"message.ack","conversationId":"u:a|u:b","upTo":1}"#, "not_a_member", Some("conversationId")),
    (r#"{"type":"message.ack","conversationId":"$C"}"#, BAD, Some("upTo")),
    (r#"{"type":"message.ack","conversationId":"$C","upTo":0}"#, BAD, Some("upTo")),
    (r#"{"type":"message.ack","conversationId":"$C","upTo":-1}"#, BAD, Some("upTo")),
    (r#"{"type":"message.ack","conversationId":"$C","upTo":"1"}"#, BAD, Some("upTo")),
    (r#"{"type":"message.ack","conversationId":"$C","upTo":2}"#, BAD, Some("upTo")),
    (r#"{"type":"message.ack","conversationId":"$C","upTo":1099511627776}"#, BAD, Some("upTo")),
    // message.read
    (r#"{"type":"message.read","upTo":1}"#, BAD, Some("conversationId")),
    (r#"{"type":"message.read","conversationId":"u:a|u:b","upTo":1}"#, "not_a_member", Some("conversationId")),
    (r#"{"type":"message.read","conversationId":"$C"}"#, BAD, Some("upTo")),
    (r#"{"type":"message.read","conversationId":"$C","upTo":0}"#, BAD, Some("upTo")),
    (r#"{"type":"message.read","conversationId":"$C","upTo":2}"#, BAD, Some("upTo")),
    (r#"{"type":"message.read","conversationId":"$C","messageId":"x"}"#, BAD, Some("messageId")),
    (r#"{"type":"message.read","conversationId":"$C","messageId":5}"#, BAD, Some("messageId")),
    (
        r#"{"type":"message.read","conversationId":"$C","messageId":"m:00000000-0000-5000-8000-000000000000"}"#,
        "not_found",
        Some("messageId"),
    ),
    // message.commit
    (r#"{"type":"message.commit","conversationId":"$C","clientMsgId":"1","ts":1,"epoch":0}"#, BAD, Some("payload")),
    (
        r#"{"type":"message.commit","conversationId":"$C","clientMsgId":"1","ts":1,"epoch":0,"payload":"no base64"}"#,
        BAD,
        Some("payload"),
    ),
    (
        r#"{"type":"message.commit","conversationId":"$C","clientMsgId":"1","ts":1,"epoch":0,"payload":"AAEAAw=="}"#,
        BAD,
        Some("payload"),
    ),
    (
        r#"{"type":"message.commit","conversationId":"$C","clientMsgId":"1","ts":1,"epoch":1,"payload":"$G"}"#,
        BAD,
        Some("payload"),
    ),
    (
        r#"{"type":"message.commit","conversationId":"$C","clientMsgId":"1","ts":1,"epoch":1,"payload":"$M"}"#,
        BAD,
        Some("epoch"),
    ),
    (
        r#"{"type":"message.commit","conversationId":"$C","clientMsgId":"1","ts":1,"epoch":0,"payload":"$M","welcome":"$M"}"#,
        BAD,
        Some("welcome"),
    ),
    (
        r#"{"type":"message.commit","conversationId":"$C","clientMsgId":"1","ts":1,"epoch":0,"payload":"$M","welcome":"AAEAAw=="}"#,
        BAD,
        Some("welcomed"),
    ),
    (
        r#"{"type":"message.commit","conversationId":"$C","clientMsgId":"1","ts":1,"epoch":0,"payload":"$M","welcomed":[{"userId":"a","deviceId":"b"}]}"#,
        BAD,
        Some("welcomed"),
    ),
    (
        r#"{"type":"message.commit","conversationId":"$C","clientMsgId":"1","ts":1,"epoch":0,"payload":"$M","welcome":"AAEAAw==","welcomed":[{"userId":"a b","deviceId":"b"}]}"#,
        BAD,
        Some("welcomed[0].userId"),
    ),
    (
        r#"{"type":"message.commit","conversationId":"$C","clientMsgId":"1","ts":1,"epoch":0,"payload":"$M","welcome":"AAEAAw==","welcomed":[{"userId":"stranger","deviceId":"b"}]}"#,
        "not_a_member",
        Some("welcomed"),
    ),
    (
        r#"{"type":"message.commit","conversationId":"$C","clientMsgId":"1","ts":1,"epoch":0,"payload":"$M","devices":{"a b":1}}"#,
        BAD,
        Some("devices.a b"),
    ),
    // mailbox.ack
    (r#"{"type":"mailbox.ack"}"#, BAD, Some("mailIds")),
    (r#"{"type":"mailbox.ack","mailIds":[]}"#, BAD, Some("mailIds")),
    (r#"{"type":"mailbox.ack","mailIds":["1-a","../x"]}"#, BAD, Some("mailIds[1]")),
    // sync.pull
    (r#"{"type":"sync.pull","since":0}"#, BAD, Some("conversationId")),
    (r#"{"type":"sync.pull","conversationId":"nonsense","since":0}"#, BAD, Some("conversationId")),
    (r#"{"type":"sync.pull","conversationId":"u:a|u:b","since":0}"#, "not_a_member", Some("conversationId")),
    (r#"{"type":"sync.pull","conversationId":"g:nobody-here","since":0}"#, "not_a_member", Some("conversationId")),
    (r#"{"type":"sync.pull","conversationId":"$C"}"#, BAD, Some("since")),
    (r#"{"type":"sync.pull","conversationId":"$C","since":-1}"#, BAD, Some("since")),
    (r#"{"type":"sync.pull","conversationId":"$C","since":1099511627776}"#, BAD, Some("since")),
    (r#"{"type":"sync.pull","conversationId":"$C","since":0,"limit":0}"#, BAD, Some("limit")),
    (r#"{"type":"sync.pull","conversationId":"$C","since":0,"limit":101}"#, BAD, Some("limit")),
    (r#"{"type":"sync.pull","conversationId":"$C","since":0,"limit":"10"}"#, BAD, Some("limit")),
    // presence
    (r#"{"type":"presence.heartbeat"}"#, BAD, Some("active")),
    (r#"{"type":"presence.heartbeat","active":"yes"}"#, BAD, Some("active")),
    (r#"{"type":"presence.subscribe"}"#, BAD, Some("userIds")),
    (r#"{"type":"presence.subscribe","userIds":"bob"}"#, BAD, Some("userIds")),
    (r#"{"type":"presence.subscribe","userIds":["a b"]}"#, BAD, Some("userIds[0]")),
    (r#"{"type":"presence.subscribe","userIds":["bob",5]}"#, BAD, Some("userIds[1]")),
    (r#"{"type":"presence.subscribe","userIds":["bob"],"conversationId":"u:a|u:b"}"#, BAD, Some("conversationId")),
    (r#"{"type":"presence.unsubscribe"}"#, BAD, Some("userIds")),
    (r#"{"type":"presence.unsubscribe","userIds":["bob","$N"]}"#, BAD, Some("userIds[1]")),
    // typing
    (r#"{"type":"typing","active":true}"#, BAD, Some("conversationId")),
    (r#"{"type":"typing","conversationId":"u:b","active":true}"#, BAD, Some("conversationId")),
    (r#"{"type":"typing","conversationId":"$C"}"#, BAD, Some("active")),
    (r#"{"type":"typing","conversationId":"$C","active":"yes"}"#, BAD, Some("active")),
];

fn filled(text: &str, conversation: &str) -> String {
    let users: Vec<String> = (0..65).map(|n| format!(r#""user{n}""#)).collect();
    let envelopes: Vec<String> = (0..257).map(|n| format!(r#""device{n}":"AAAA""#)).collect();
    text.replace("$M", &STANDARD.encode(private_message(conversation, 0, 3)))
        .replace("$G", &STANDARD.encode(private_message("g:another", 1, 3)))
        .replace("$C", conversation)
        .replace("$N", &"n".repeat(65))
        .replace("$65", &users.join(","))
        .replace("$257", &envelopes.join(","))
}

async fn refused(socket: &mut Socket, frame: &str, code: &str, field: Option<&str>) {
    socket.send_text(frame).await;
    let error = socket.expect("error").await;
    assert_eq!((error["code"].as_str(), error["details"]["field"].as_str()), (Some(code), field), "{frame}: {error}");
    let text = error["message"].as_str().unwrap();
    assert!(!text.is_empty() && field.is_none_or(|field| text.contains(field)), "{frame}: {error}");
    assert_eq!(error["retryAfterMs"], Value::Null, "coming back would not help: {frame}");
}

#[tokio::test]
async fn what_is_wrong_is_named_and_changes_nothing() {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let conversation = direct(&alice, &bob);
    bob.connect("b").await.say(&conversation, "the one message").await;
    let mut b = bob.connect("b").await;
    let (mut socket, _) = alice.connect_with("a", json!({})).await;
    let http = bob.http("b");
    let before = http.log(&conversation).await;
    let id = before[0]["messageId"].as_str().unwrap();
    for (text, code, field) in ROWS {
        let frame = filled(text, &conversation);
        let field = field.map(|field| filled(field, &conversation));
        refused(&mut socket, &frame, code, field.as_deref()).await;
        // The socket stays open and serves the next frame.
        socket.round_trip().await;
    }
    assert_eq!(http.log(&conversation).await, before);
    let report = http.receipts(&conversation, id).await.ok();
    assert_eq!(report["statusByUser"], json!({ alice.id.as_str(): "sent" }));
    assert_eq!(b.unread("message.new"), Vec::<Value>::new());
    assert_eq!(b.unread("message.delivered"), Vec::<Value>::new());
}

#[tokio::test]
async fn an_error_names_the_frame_that_it_answers() {
    let alice = User::new("alice");
    let mut socket = alice.connect("a").await;
    for (_, frame_type) in FrameType::ALL {
        if frame_type == "session.hello" {
            continue;
        }
        let error = socket.ask(json!({ "type": frame_type })).await;
        assert_eq!((&error["type"], &error["code"]), (&json!("error"), &json!("bad_request")), "{frame_type}");
    }
    let error = socket.ask(json!({ "type": "session.hello", "cursors": [] })).await;
    assert_eq!(error["code"], "bad_request");
    let error = socket.ask(json!({ "type": "nothing-of-the-kind" })).await;
    assert_eq!(error["code"], "unknown_type");
    // The clientMsgId is said as soon as it is known.
    let mut frame = tidings_tests::message(&alice.notes(), "named", "x");
    frame["ttlSeconds"] = json!(0);
    assert_eq!(socket.ask(frame).await["clientMsgId"], "named");
    // A field that nobody knows is no error.
    let pong = socket.ask(json!({ "type": "presence.heartbeat", "active": true, "mood": { "good": [1] } })).await;
    assert_eq!(pong["type"], "presence.ok");
}

#[tokio::test]
async fn an_error_is_short_however_long_what_is_wrong_is() {
    let alice = User::new("alice");
    let notes = alice.notes();
    let mut socket = alice.connect("a").await;
    let long = "x".repeat(31_000);
    let mut envelope = tidings_tests::message(&notes, "1", "x");
    envelope["envelopes"] = json!({ long.as_str(): "AAAA" });
    let mut kind = tidings_tests::message(&notes, "1", "x");
    kind["kind"] = json!(long);
    for frame in [
        json!({ "type": "session.hello", "cursors": { long.as_str(): 1 } }),
        json!({ "type": "session.hello", "cursors": { long.as_str(): "x" } }),
        tidings_tests::message(&notes, &long, "x"),
        tidings_tests::message(&long, "1", "x"),
        envelope,
        kind,
        json!({ "type": "presence.subscribe", "userIds": [long] }),
        json!({ "type": "sync.pull", "conversationId": long, "since": 0 }),
        json!({ "type": long }),
    ] {
        let error = socket.ask(frame).await;
        assert_eq!(error["type"], "error");
        assert!(error.to_string().len() < 2_000, "{} bytes: {error:.200}", error.to_string().len());
    }
    let error = alice.http("a").post("/messages", &tidings_tests::message(&notes, &long, "x")).await;
    assert!(error.text.len() < 2_000, "{} bytes", error.text.len());
}

#[tokio::test]
async fn the_table_covers_every_frame() {
    let types: BTreeSet<&str> = FrameType::ALL.iter().map(|(_, name)| *name).collect();
    for frame_type in types {
        let named = format!(r#"{{"type":"{frame_type}""#);
        assert!(ROWS.iter().any(|(text, ..)| text.starts_with(&named)), "no bad {frame_type}");
    }
    assert!(ROWS.len() >= 100);
}

/// Codes that other tests provoke, and those that nothing answers yet.
const ELSEWHERE: &[(ErrorCode, &str)] = &[
    (ErrorCode::Unauthorized, "http::every_call_asks_who_is_there"),
    (ErrorCode::Forbidden, "connect::a_revoked_device_is_403_and_others_are_not"),
    (ErrorCode::Unavailable, "http::what_is_away_is_503_with_a_time_to_come_back"),
    (ErrorCode::RateLimited, "groups::slow_mode_makes_members_wait"),
    (ErrorCode::Blocked, "abuse::a_block_is_silent_on_every_way"),
    (ErrorCode::StaleDevices, "comes with end-to-end encryption"),
    (ErrorCode::Conflict, "groups::a_group_by_the_devices_own_name_is_made_once"),
    (ErrorCode::Internal, "a defect: no input is known to provoke it"),
];

#[tokio::test]
async fn every_code_is_provoked_or_accounted_for() {
    let here: BTreeSet<String> = ROWS.iter().map(|(_, code, _)| (*code).to_owned()).collect();
    let elsewhere: BTreeSet<String> = ELSEWHERE.iter().map(|(code, _)| code.to_string()).collect();
    let all: BTreeSet<String> = ErrorCode::ALL.iter().map(ToString::to_string).collect();
    assert_eq!(&here | &elsewhere, all);
    assert_eq!(&here & &elsewhere, BTreeSet::new());
}
