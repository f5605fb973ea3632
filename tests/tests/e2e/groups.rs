//! Groups: made, joined, left and ended by real clients.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use tidings_tests::{Http, Socket, User, announced, encoded, eventually, from_storage, message, png};

fn path(group: &str) -> String {
    format!("/groups/{}", encoded(group))
}

fn member_path(group: &str, user: &User) -> String {
    format!("{}/members/{}", path(group), user.id)
}

async fn add(by: &Http, group: &str, user: &User) -> Value {
    by.send(Method::PUT, &member_path(group, user), &Value::Null).await.ok()
}

async fn remove(by: &Http, group: &str, user: &User) {
    by.send(Method::DELETE, &member_path(group, user), &Value::Null).await.ok();
}

/// The next membership event of a group on a socket.
async fn event(socket: &mut Socket, group: &str, change: &str) -> Value {
    let is_wanted = |frame: &Value| {
        frame["conversationId"] == group && frame["event"] == "membership" && frame["payload"]["change"] == change
    };
    socket.expect_where(change, is_wanted).await
}

fn sequences(log: &[Value]) -> Vec<u64> {
    log.iter().map(|entry| entry["sequence"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn a_group_is_made_talked_in_changed_and_ended() {
    let (olga, carl, dora) = (User::new("olga"), User::new("carl"), User::new("dora"));
    let (mut c, mut d) = (carl.connect("c").await, dora.connect("d").await);
    let http = olga.http("o");
    let body = json!({ "title": " Crew ", "members": [carl.id], "description": "All of us", "mayAdd": "admins" });
    let made = http.post("/groups", &body).await.ok();
    let group = made["conversationId"].as_str().unwrap();
    assert_eq!(
        (&made["title"], &made["description"], &made["memberCount"], &made["role"], &made["mayAdd"]),
        (&json!("Crew"), &json!("All of us"), &json!(2), &json!("owner"), &json!("admins"))
    );
    let created = event(&mut c, group, "created").await;
    assert_eq!((&created["sequence"], &created["kind"]), (&json!(1), &json!("system")));
    assert_eq!(created["payload"]["userIds"], json!([olga.id, carl.id]));
    assert_eq!((&created["payload"]["actorUserId"], &created["payload"]["title"]), (&json!(olga.id), &json!("Crew")));

    let mut o = olga.connect("o").await;
    o.say(group, "hello, carl").await;
    c.expect_message(group, 2).await;
    let refused = carl.http("c").send(Method::PUT, &member_path(group, &dora), &Value::Null).await;
    assert_eq!(refused.refused(403, "forbidden")["details"]["rule"], "only_admins_add");
    assert_eq!(add(&http, group, &dora).await["memberCount"], 3);
    let added = event(&mut d, group, "added").await;
    assert_eq!((&added["sequence"], &added["payload"]["userId"]), (&json!(3), &json!(dora.id)));
    event(&mut c, group, "added").await;
    d.say(group, "hello, all").await;
    for socket in [&mut o, &mut c] {
        socket.expect_message(group, 4).await;
    }
    assert_eq!(sequences(&dora.http("d").log(group).await), [3, 4], "from the joining on");
    assert_eq!(sequences(&carl.http("c").log(group).await), [1, 2, 3, 4]);

    let patch = json!({ "title": "Crew 2", "description": null });
    let renamed = http.send(Method::PATCH, &path(group), &patch).await.ok();
    assert_eq!((&renamed["title"], &renamed["description"]), (&json!("Crew 2"), &Value::Null));
    assert_eq!(event(&mut d, group, "renamed").await["payload"]["title"], "Crew 2");

    remove(&http, group, &dora).await;
    let removed = event(&mut d, group, "removed").await;
    assert_eq!((&removed["sequence"], &removed["payload"]["userId"]), (&json!(6), &json!(dora.id)));
    o.say(group, "without dora").await;
    c.expect_message(group, 7).await;
    let answer = d.ask(message(group, "late", "let me back")).await;
    assert_eq!(answer["code"], "not_a_member");
    dora.http("d").messages(group, "").await.refused(403, "not_a_member");
    dora.http("d").get(&path(group)).await.refused(403, "not_a_member");
    assert_eq!(d.unread("message.new"), Vec::<Value>::new(), "nothing after the removal");

    remove(&carl.http("c"), group, &carl).await;
    assert_eq!(event(&mut o, group, "left").await["payload"]["userId"], json!(carl.id));
    http.send(Method::DELETE, &path(group), &Value::Null).await.ok();
    assert_eq!(event(&mut o, group, "dissolved").await["sequence"], 9);
    let answer = o.ask(message(group, "late", "to nobody")).await;
    assert_eq!((&answer["code"], &answer["details"]["rule"]), (&json!("forbidden"), &json!("dissolved")));
    assert_eq!(http.log(group).await.len(), 9, "its last member reads on");
}

#[tokio::test]
async fn a_group_by_the_devices_own_name_is_made_once() {
    let (olga, carl) = (User::new("olga"), User::new("carl"));
    let http = olga.http("o");
    let body = json!({ "title": "Crew", "members": [carl.id], "clientGroupId": "mine" });
    let made = join_all((0..4).map(|_| http.post("/groups", &body))).await;
    let ids: BTreeSet<String> = made.into_iter().map(|answer| answer.ok()["conversationId"].to_string()).collect();
    assert_eq!(ids.len(), 1, "{ids:?}");
    let group: String = serde_json::from_str(ids.first().unwrap()).unwrap();
    assert_eq!(http.log(&group).await.len(), 1);
    let other = http.post("/groups", &json!({ "title": "Crew" })).await.ok();
    assert_ne!(other["conversationId"], json!(group));
    // Whoever has left cannot have it again by its name.
    let role = json!({ "role": "owner" });
    http.send(Method::PATCH, &member_path(&group, &carl), &role).await.ok();
    remove(&http, &group, &olga).await;
    http.post("/groups", &body).await.refused(409, "conflict");
}

/// Role × action, as the service answers.
#[tokio::test]
async fn rights_follow_the_role() {
    let [olga, adam, carl, eve] = ["olga", "adam", "carl", "eve"].map(User::new);
    let group = olga.http("o").make_group(&[&adam, &carl]).await;
    let set = async |by: &User, user: &User, role: &str| {
        by.http("h").send(Method::PATCH, &member_path(&group, user), &json!({ "role": role })).await
    };
    set(&olga, &adam, "admin").await.ok();
    let rule = |answer: tidings_tests::Answer| answer.refused(403, "forbidden")["details"]["rule"].clone();
    let by_carl = carl.http("h");
    let title = json!({ "title": "Mine" });
    assert_eq!(rule(by_carl.send(Method::PATCH, &path(&group), &title).await), "only_admins_configure");
    assert_eq!(rule(by_carl.send(Method::DELETE, &path(&group), &Value::Null).await), "only_owner_dissolves");
    assert_eq!(
        rule(by_carl.send(Method::DELETE, &member_path(&group, &adam), &Value::Null).await),
        "only_owner_over_admins"
    );
    assert_eq!(rule(set(&carl, &carl, "admin").await), "only_admins_set_roles");
    let by_adam = adam.http("h");
    assert_eq!(rule(by_adam.send(Method::DELETE, &member_path(&group, &olga), &Value::Null).await), "owner_stays");
    assert_eq!(rule(set(&adam, &adam, "owner").await), "only_owner_hands_over");
    assert_eq!(rule(set(&adam, &olga, "member").await), "owner_stays");
    assert_eq!(
        rule(olga.http("o").send(Method::DELETE, &member_path(&group, &olga), &Value::Null).await),
        "owner_stays"
    );
    set(&olga, &eve, "admin").await.refused(404, "not_found");
    let posting = json!({ "mayPost": "admins" });
    by_adam.send(Method::PATCH, &path(&group), &posting).await.ok();
    assert_eq!(rule(by_carl.post("/messages", &message(&group, "1", "may I")).await), "only_admins_post");
    by_adam.post("/messages", &message(&group, "1", "I may")).await.ok();
    set(&olga, &carl, "owner").await.ok();
    let members = by_carl.get(&format!("{}/members", path(&group))).await.ok();
    let role_of = |user: &User| {
        let members = members["members"].as_array().unwrap();
        members.iter().find(|m| m["userId"] == json!(user.id)).map(|m| m["role"].clone())
    };
    assert_eq!(
        [role_of(&carl), role_of(&olga), role_of(&adam)],
        [json!("owner"), json!("admin"), json!("admin")].map(Some)
    );
}

#[tokio::test]
async fn slow_mode_makes_members_wait() {
    let (olga, carl) = (User::new("olga"), User::new("carl"));
    let group = olga.http("o").make_group(&[&carl]).await;
    olga.http("o").send(Method::PATCH, &path(&group), &json!({ "slowModeSeconds": 1 })).await.ok();
    let mut c = carl.connect("c").await;
    c.say(&group, "first").await;
    let refused = c.ask(message(&group, "second", "too soon")).await;
    assert_eq!((&refused["code"], &refused["details"]["rule"]), (&json!("rate_limited"), &json!("slow_mode")));
    let wait = refused["retryAfterMs"].as_u64().unwrap();
    assert!((1..=1000).contains(&wait), "{refused}");
    tokio::time::sleep(std::time::Duration::from_millis(wait)).await;
    assert_eq!(c.ask(message(&group, "second", "now")).await["type"], "message.sent");
    assert_eq!(carl.http("c").log(&group).await.len(), 4);
}

#[tokio::test]
async fn those_who_come_at_once_all_come_in() {
    let olga = User::new("olga");
    let group = olga.http("o").make_group(&[]).await;
    let others: Vec<User> = (0..6).map(|n| User::new(&format!("m{n}"))).collect();
    let http = olga.http("o");
    join_all(others.iter().map(|user| add(&http, &group, user))).await;
    let info = http.get(&path(&group)).await.ok();
    assert_eq!(info["memberCount"], 7);
    let log = http.log(&group).await;
    assert_eq!(sequences(&log), (1..=7).collect::<Vec<_>>());
    let mut names = BTreeSet::new();
    let mut after = String::new();
    loop {
        let page = http.get(&format!("{}/members?limit=3{after}", path(&group))).await.ok();
        let members = page["members"].as_array().unwrap();
        assert!(members.len() <= 3);
        names.extend(members.iter().map(|m| m["userId"].as_str().unwrap().to_owned()));
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(names.len(), 7);
    // Each finds the group in the list.
    for user in &others {
        let summary = eventually("the list has the group", || async {
            let summary = user.http("h").summary(&group).await;
            (!summary.is_null()).then_some(summary)
        });
        assert!(summary.await["unread"].as_u64().is_some_and(|unread| unread <= 7));
    }
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let olga = User::new("olga");
    let http = olga.http("o");
    let group = http.make_group(&[]).await;
    let crowd: Vec<String> = (0..90).map(|n| format!("u{n}")).collect();
    for (body, field) in [
        (json!({}), "title"),
        (json!({ "title": "  " }), "title"),
        (json!({ "title": "x".repeat(101) }), "title"),
        (json!({ "title": "a\u{7}b" }), "title"),
        (json!({ "title": "x", "members": ["a b"] }), "members[0]"),
        (json!({ "title": "x", "members": crowd }), "members"),
        (json!({ "title": "x", "clientGroupId": "" }), "clientGroupId"),
        (json!({ "title": "x", "description": "x".repeat(513) }), "description"),
        (json!({ "title": "x", "mayPost": "nobody" }), "mayPost"),
        (json!({ "title": "x", "slowModeSeconds": 86_401 }), "slowModeSeconds"),
        (json!({ "title": "x", "ttlSeconds": 0 }), "ttlSeconds"),
        (json!({ "title": "x", "avatar": "" }), "avatar"),
    ] {
        let error = http.post("/groups", &body).await.refused(400, "bad_request");
        assert_eq!(error["details"]["field"], field, "{body}: {error}");
    }
    for (method, at, body, field) in [
        (Method::PATCH, path(&group), json!({ "title": "" }), "title"),
        (Method::GET, "/groups/u%3Aa%7Cu%3Ab".to_owned(), Value::Null, "id"),
        (Method::GET, "/groups/nonsense".to_owned(), Value::Null, "id"),
        (Method::POST, format!("{}/members", path(&group)), json!({ "userIds": [] }), "userIds"),
        (Method::POST, format!("{}/members", path(&group)), json!({}), "userIds"),
        (Method::PUT, format!("{}/members/a%20b", path(&group)), Value::Null, "userId"),
        (Method::PATCH, member_path(&group, &olga), json!({ "role": "king" }), "role"),
        (Method::GET, format!("{}/members?limit=0", path(&group)), Value::Null, "limit"),
        (Method::GET, format!("{}/members?after=a%20b", path(&group)), Value::Null, "after"),
    ] {
        let error = http.send(method.clone(), &at, &body).await.refused(400, "bad_request");
        assert_eq!(error["details"]["field"], field, "{method} {at} {body}: {error}");
    }
    assert_eq!(http.log(&group).await.len(), 1, "nothing has changed");
}

#[tokio::test]
async fn a_picture_is_the_groups_until_another_is_and_a_link_shows_it() {
    let (olga, carl, dora, eve) = (User::new("olga"), User::new("carl"), User::new("dora"), User::new("eve"));
    let http = olga.http("o");
    let group = http.make_group(&[&carl]).await;
    let mut c = carl.connect("c").await;
    let first = http.upload(&group, "image/png", &png("first")).await;
    let elsewhere = http.upload(&olga.notes(), "image/png", &png("elsewhere")).await;
    let offer = http.post("/media/presign", &announced(&group, "image/png", &png("pending"))).await.ok();
    let set = async |avatar: Value| http.send(Method::PATCH, &path(&group), &json!({ "avatar": avatar })).await;
    for (avatar, status, code) in [
        (json!(elsewhere), 404, "not_found"),
        (offer["mediaHandle"].clone(), 409, "conflict"),
        (json!("../x"), 400, "bad_request"),
    ] {
        let error = set(avatar.clone()).await.refused(status, code);
        assert_eq!(error["details"]["field"], "avatar", "{error}");
    }
    let error = http.post("/groups", &json!({ "title": "x", "avatar": first })).await.refused(400, "bad_request");
    assert_eq!(error["details"]["field"], "avatar", "{error}");
    assert_eq!(http.log(&group).await.len(), 1, "nothing has changed");

    carl.http("c").send(Method::PATCH, &path(&group), &json!({ "avatar": first })).await.refused(403, "forbidden");
    assert_eq!(set(json!(first)).await.ok()["avatar"], json!(first));
    assert_eq!(event(&mut c, &group, "configured").await["payload"]["avatar"], json!(first));
    add(&http, &group, &dora).await;
    for reader in [&olga, &carl, &dora] {
        let seen = reader.http("r").media(&first).await.ok();
        assert_eq!(from_storage(seen["url"].as_str().unwrap(), None).await, (200, png("first")));
    }
    let invite = http.post(&format!("{}/invites", path(&group)), &json!({})).await.ok();
    let token = encoded(invite["token"].as_str().unwrap());
    let by_link = |handle: &str| format!("/media/{}?invite={token}", encoded(handle));
    eve.http("e").media(&first).await.refused(403, "not_a_member");
    let seen = eve.http("e").get(&by_link(&first)).await.ok();
    assert_eq!(from_storage(seen["url"].as_str().unwrap(), None).await, (200, png("first")));
    eve.http("e").get(&by_link(&elsewhere)).await.refused(404, "not_found");
    let error = eve.http("e").get(&format!("/media/{}?invite=x", encoded(&first))).await.refused(400, "bad_request");
    assert_eq!(error["details"]["field"], "invite");

    let second = http.upload(&group, "image/png", &png("second")).await;
    set(json!(second)).await.ok();
    eventually("the first picture goes", || async { (http.media(&first).await.status == 404).then_some(()) }).await;
    eve.http("e").get(&by_link(&first)).await.refused(404, "not_found");
    assert!(dora.http("d").media(&second).await.ok()["url"].is_string());
    http.send(Method::DELETE, &path(&group), &Value::Null).await.ok();
    eventually("the last picture goes with the group", || async {
        (http.media(&second).await.status == 404).then_some(())
    })
    .await;
}
