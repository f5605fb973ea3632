//! Invite links: made, passed on, used and taken back by real clients.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use tidings_tests::{Answer, Http, Socket, User, encoded};

fn of_group(group: &str, what: &str) -> String {
    format!("/groups/{}/{what}", encoded(group))
}

async fn invite(http: &Http, group: &str, terms: Value) -> Value {
    http.post(&of_group(group, "invites"), &terms).await.ok()
}

fn link(invite: &Value) -> String {
    format!("/invites/{}", invite["token"].as_str().unwrap())
}

async fn join(user: &User, invite: &Value) -> Answer {
    user.http("j").post(&link(invite), &Value::Null).await
}

/// The rule that keeps somebody out.
async fn kept_out(user: &User, invite: &Value) -> Value {
    let shown = user.http("j").get(&link(invite)).await.refused(403, "forbidden");
    let refused = join(user, invite).await.refused(403, "forbidden");
    assert_eq!(shown["details"], refused["details"]);
    refused["details"]["rule"].clone()
}

async fn joined(socket: &mut Socket, group: &str) -> Value {
    let is_wanted = |frame: &Value| frame["conversationId"] == group && frame["payload"]["change"] == "joined";
    socket.expect_where("joined", is_wanted).await
}

#[tokio::test]
async fn a_link_is_made_looked_at_used_and_taken_back() {
    let (olga, carl, dora) = (User::new("olga"), User::new("carl"), User::new("dora"));
    let mut o = olga.connect("o").await;
    let http = olga.http("o");
    let group = http.make_group(&[&carl]).await;
    let terms = json!({ "expiresInSeconds": 3600, "maxUses": 2, "clientInviteId": "poster" });
    let made = invite(&http, &group, terms.clone()).await;
    assert_eq!(invite(&http, &group, terms).await, made, "the same again");
    assert_eq!(
        (&made["status"], &made["uses"], &made["maxUses"], &made["createdBy"], &made["approval"]),
        (&json!("live"), &json!(0), &json!(2), &json!(olga.id), &json!(false))
    );
    assert!(made["expiresAt"].as_u64().unwrap() - made["createdAt"].as_u64().unwrap() == 3_600_000);

    let shown = dora.http("d").get(&link(&made)).await.ok();
    assert_eq!((&shown["memberCount"], &shown["admission"]), (&json!(2), &json!("outside")));
    let mut d = dora.connect("d").await;
    let answer = join(&dora, &made).await.ok();
    assert_eq!((&answer["admission"], &answer["group"]["memberCount"]), (&json!("member"), &json!(3)));
    assert_eq!(join(&dora, &made).await.ok()["admission"], "member", "already");
    for socket in [&mut o, &mut d] {
        let event = joined(socket, &group).await;
        assert_eq!((&event["payload"]["userId"], &event["payload"]["actorUserId"]), (&json!(dora.id), &json!(dora.id)));
    }
    let sent = d.say(&group, "here I am").await;
    o.expect_message(&group, sent["sequence"].as_u64().unwrap()).await;

    let list = http.get(&of_group(&group, "invites")).await.ok();
    assert_eq!((list["invites"].as_array().unwrap().len(), &list["invites"][0]["uses"]), (1, &json!(1)));
    assert_eq!(carl.http("c").get(&of_group(&group, "invites")).await.ok()["invites"], json!([]), "not one's own");
    let own = format!("{}/{}", of_group(&group, "invites"), made["inviteId"].as_str().unwrap());
    carl.http("c").send(Method::DELETE, &own, &Value::Null).await.refused(404, "not_found");
    http.send(Method::DELETE, &own, &Value::Null).await.ok();
    assert_eq!(kept_out(&User::new("eve"), &made).await, "invite_revoked");
    assert_eq!(join(&dora, &made).await.ok()["admission"], "member", "who is in stays");
}

#[tokio::test]
async fn who_was_taken_out_is_kept_out() {
    let (olga, dora) = (User::new("olga"), User::new("dora"));
    let http = olga.http("o");
    let group = http.make_group(&[]).await;
    let made = invite(&http, &group, json!({})).await;
    join(&dora, &made).await.ok();
    let member = of_group(&group, &format!("members/{}", dora.id));
    http.send(Method::DELETE, &member, &Value::Null).await.ok();
    assert_eq!(kept_out(&dora, &made).await, "removed_before");
    http.send(Method::PUT, &member, &Value::Null).await.ok();
    assert_eq!(join(&dora, &made).await.ok()["admission"], "member");
    http.send(Method::DELETE, &format!("/groups/{}", encoded(&group)), &Value::Null).await.ok();
    assert_eq!(kept_out(&User::new("eve"), &made).await, "dissolved");
}

#[tokio::test]
async fn where_a_member_must_agree_one_asks_and_waits() {
    let (olga, carl, dora, eve) = (User::new("olga"), User::new("carl"), User::new("dora"), User::new("eve"));
    let http = olga.http("o");
    let group = http.make_group(&[&carl]).await;
    let made = invite(&http, &group, json!({ "approval": true })).await;
    let mut d = dora.connect("d").await;
    for user in [&dora, &eve] {
        assert_eq!(join(user, &made).await.ok(), json!({ "conversationId": group, "admission": "asked" }));
    }
    assert_eq!(dora.http("d").get(&link(&made)).await.ok()["admission"], "asked");
    let asking = of_group(&group, "requests");
    let page = carl.http("c").get(&asking).await.ok();
    let users: BTreeSet<&str> =
        page["requests"].as_array().unwrap().iter().map(|r| r["userId"].as_str().unwrap()).collect();
    assert_eq!(users, [dora.id.as_str(), eve.id.as_str()].into());
    let of = |user: &User| format!("{asking}/{}", user.id);
    carl.http("c").post(&of(&dora), &Value::Null).await.ok();
    carl.http("c").post(&of(&dora), &Value::Null).await.ok();
    let event = joined(&mut d, &group).await;
    assert_eq!((&event["payload"]["userId"], &event["payload"]["actorUserId"]), (&json!(dora.id), &json!(carl.id)));
    http.send(Method::DELETE, &of(&eve), &Value::Null).await.ok();
    let refused = http.post(&of(&eve), &Value::Null).await.refused(404, "not_found");
    assert_eq!(refused["details"]["field"], "userId");
    assert_eq!(http.get(&asking).await.ok(), json!({ "requests": [], "hasMore": false }));
    assert_eq!(eve.http("e").get(&link(&made)).await.ok()["admission"], "outside");
}

/// Tries until the answer is one.
async fn persists(user: &User, invite: &Value) -> Answer {
    for _ in 0..100 {
        let answer = join(user, invite).await;
        if answer.status != 503 && answer.status != 429 {
            return answer;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("no answer for {}", user.id);
}

#[tokio::test]
async fn of_many_who_come_at_once_as_many_get_in_as_may() {
    const COMERS: usize = 40;
    const USES: usize = 7;
    let olga = User::new("olga");
    let http = olga.http("o");
    let group = http.make_group(&[]).await;
    let made = invite(&http, &group, json!({ "maxUses": USES })).await;
    let comers: Vec<User> = (0..COMERS).map(|n| User::new(&format!("comer{n}"))).collect();
    let answers = join_all(comers.iter().map(|comer| persists(comer, &made))).await;
    let (inside, outside): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 200);
    assert_eq!((inside.len(), outside.len()), (USES, COMERS - USES));
    for answer in outside {
        assert_eq!(answer.refused(403, "forbidden")["details"]["rule"], "invite_used_up");
    }
    let log = http.log(&group).await;
    let joinings = log.iter().filter(|entry| entry["payload"]["change"] == "joined");
    let users: BTreeSet<String> = joinings.map(|entry| entry["payload"]["userId"].to_string()).collect();
    assert_eq!((users.len(), log.len()), (USES, USES + 1), "each once");
    let listed = http.get(&of_group(&group, "invites")).await.ok();
    assert_eq!((&listed["invites"][0]["uses"], &listed["invites"][0]["status"]), (&json!(USES), &json!("usedUp")));
}

#[tokio::test]
async fn what_is_no_invite_is_told_by_its_field() {
    let olga = User::new("olga");
    let http = olga.http("o");
    let group = http.make_group(&[]).await;
    for (terms, field) in [
        (json!({ "expiresInSeconds": 59 }), "expiresInSeconds"),
        (json!({ "expiresInSeconds": 366 * 24 * 3600 + 1 }), "expiresInSeconds"),
        (json!({ "maxUses": 0 }), "maxUses"),
        (json!({ "maxUses": "many" }), "maxUses"),
        (json!({ "approval": 1 }), "approval"),
        (json!({ "clientInviteId": "" }), "clientInviteId"),
    ] {
        let refused = http.post(&of_group(&group, "invites"), &terms).await.refused(400, "bad_request");
        assert_eq!(refused["details"]["field"], field, "{terms}");
    }
    for token in ["short", "AAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAA.a%20b", "AAAAAAAAAAAAAAAAAAAAA!.team"] {
        for method in [Method::GET, Method::POST] {
            let answer = http.send(method, &format!("/invites/{token}"), &Value::Null).await;
            assert_eq!(answer.refused(400, "bad_request")["details"]["field"], "token", "{token}");
        }
    }
    http.get(&format!("/invites/AAAAAAAAAAAAAAAAAAAAAA.{}", group.trim_start_matches("g:")))
        .await
        .refused(404, "not_found");
    let unknown = format!("{}/nothing", of_group(&group, "invites"));
    let refused = http.send(Method::DELETE, &unknown, &Value::Null).await.refused(400, "bad_request");
    assert_eq!(refused["details"]["field"], "inviteId");
}
