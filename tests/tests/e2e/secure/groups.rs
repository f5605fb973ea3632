//! Encrypted groups: who comes and goes, all at once, and many.

use std::{collections::BTreeSet, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures_util::{StreamExt as _, future::join_all, stream};
use reqwest::Method;
use serde_json::json;
use tidings_mls::{Device, Identity, MemoryStore};
use tidings_sdk::Draft;
use tidings_secure::{Event, Membership};
use tidings_tests::{User, now_ms};
use tokio::time::{Instant, timeout};

use super::Phone;

#[tokio::test]
async fn members_come_and_go_with_their_keys() {
    let (alice, bob, carol) = (User::new("alice"), User::new("bob"), User::new("carol"));
    let (a, mut b) = (Phone::new(&alice, "phone").await, Phone::new(&bob, "phone").await);
    let mut c = Phone::new(&carol, "phone").await;
    let group = alice.http("any").make_group(&[&bob]).await;
    a.say(&group, "the two of us").await;
    b.hears(&group, "the two of us").await;
    alice.http("any").post(&format!("/groups/{group}/members"), &json!({ "userIds": [carol.id] })).await.ok();
    a.say(&group, "hello, carol").await;
    c.hears(&group, "hello, carol").await;
    c.say(&group, "hello, all").await;
    b.hears(&group, "hello, all").await;
    assert_eq!(c.texts(&group).await, ["hello, carol", "hello, all"], "not what was said before");
    // Who is taken out is not encrypted for any more.
    alice.http("any").send(Method::DELETE, &format!("/groups/{group}/members/{}", carol.id), &json!(null)).await;
    b.message("the removal", |message| message.payload.value()["change"] == "removed").await;
    b.say(&group, "without carol").await;
    let removed = b.client.with({
        let group = group.clone();
        move |account| account.roster(&group)
    });
    let devices: BTreeSet<String> = removed.await.unwrap().unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(devices, BTreeSet::from([format!("{}/phone", alice.id), format!("{}/phone", bob.id)]));
    assert!(!c.texts(&group).await.contains(&"without carol".to_owned()));
}

#[tokio::test]
async fn all_at_once_and_everybody_reads_everything() {
    const EACH: usize = 4;
    let users: Vec<User> = (0..4).map(|number| User::new(&format!("member{number}"))).collect();
    let mut phones = Vec::new();
    for user in &users {
        phones.push(Phone::new(user, "phone").await);
    }
    let others: Vec<&User> = users.iter().skip(1).collect();
    let group = users[0].http("any").make_group(&others).await;
    phones[0].say(&group, "first").await;
    for phone in &mut phones[1..] {
        phone.hears(&group, "first").await;
    }
    // New devices come while everybody talks: commits of many collide.
    let devices = join_all(users[..2].iter().map(|user| Phone::new(user, "tablet")));
    let talk = join_all(phones.iter().enumerate().map(|(number, phone)| {
        let group = &group;
        async move {
            for round in 0..EACH {
                phone.say(group, &format!("{number}: {round}")).await;
            }
        }
    }));
    let (mut tablets, _) = tokio::join!(devices, talk);
    for phone in phones.iter_mut().chain(&mut tablets) {
        phone.until_in(&group).await;
    }
    phones[3].say(&group, "last").await;
    for phone in phones[..3].iter_mut().chain(&mut tablets) {
        phone.hears(&group, "last").await;
    }
    for phone in &phones {
        let texts = phone.texts(&group).await;
        let said: BTreeSet<&String> = texts.iter().collect();
        assert_eq!(texts.len(), said.len(), "each once: {texts:?}");
        assert_eq!(said.len(), 2 + 4 * EACH, "{}: {texts:?}", phone.user.id);
    }
}

impl Phone {
    async fn until_in(&mut self, group: &str) {
        if self.client.membership(group).await.unwrap() != Membership::In {
            self.until("being added", |event| matches!(event, Event::Joined { .. }).then_some(())).await;
        }
    }
}

/// A device without a client behind it: one key package in the directory.
async fn bystander(user: &User) {
    let store = MemoryStore::new();
    let identity = Identity::create(&store, Device::new(&user.id, "phone").unwrap()).unwrap();
    let keys = json!({
        "identityKey": STANDARD.encode(identity.key().as_bytes()),
        "keyPackages": identity.make_key_packages(&store, 1, now_ms() / 1000).unwrap(),
    });
    user.http("phone").send(Method::PUT, "/devices/phone/keys", &keys).await.ok();
}

#[tokio::test]
async fn two_hundred_members_are_added_and_the_last_reads() {
    const MEMBERS: usize = 200;
    let (alice, zoe) = (User::new("alice"), User::new("zoe"));
    let others: Vec<User> = (0..MEMBERS - 2).map(|number| User::new(&format!("m{number}"))).collect();
    stream::iter(&others).for_each_concurrent(8, bystander).await;
    let a = Phone::new(&alice, "phone").await;
    let mut z = Phone::new(&zoe, "phone").await;
    let mut members: Vec<&User> = others.iter().collect();
    members.push(&zoe);
    let begun = Instant::now();
    let group = alice.http("any").make_group(&members[..31]).await;
    for some in members[31..].chunks(50) {
        let users: Vec<&String> = some.iter().map(|user| &user.id).collect();
        alice.http("any").post(&format!("/groups/{group}/members"), &json!({ "userIds": users })).await.ok();
    }
    let sending = a.client.send(&group, Draft::text("all of you")).await;
    let sent = timeout(Duration::from_mins(2), sending).await.expect("is accepted").unwrap();
    println!("200 members were added in {:?}, the message is number {}", begun.elapsed(), sent.sequence);
    let heard = z.hears(&group, "all of you").await;
    assert!(heard.epoch.is_some_and(|epoch| epoch >= 7), "32 at once: {:?}", heard.epoch);
    let roster = z.client.with({
        let group = group.clone();
        move |account| account.roster(&group)
    });
    assert_eq!(roster.await.unwrap().unwrap().len(), MEMBERS);
    z.say(&group, "and back").await;
}
