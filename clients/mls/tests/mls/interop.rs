//! Two implementations in one group: ours, and ts-mls in Node. Every scenario is run with the parts given to either.

use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use tidings_mls::limits::{ADDS_MAX, PAYLOAD_BASE64_BYTES_MAX};
use tidings_mls::{Changes, Device, Entry, Event, Group, IdentityKey, KeyPackage, Processed, WelcomeMail};

use crate::peer::Peer;
use crate::support::{CONVERSATION, Phone, now_seconds};

/// The other implementation, if it can run here.
fn peer() -> Option<Rc<Peer>> {
    Peer::start(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop"))
}

/// A device of either implementation.
enum Party {
    Ours { phone: Box<Phone>, group: Box<Option<Group>> },
    Theirs { peer: Rc<Peer>, device: Device, key: IdentityKey },
}

/// A commit, as it goes over the wire.
struct Sent {
    from: Device,
    epoch: u64,
    payload: String,
    welcome: Option<String>,
}

struct Message {
    from: Device,
    epoch: u64,
    payload: String,
}

impl Party {
    fn new(peer: &Rc<Peer>, name: &str, is_ours: bool) -> Self {
        if is_ours {
            return Self::Ours { phone: Box::new(Phone::new(name)), group: Box::new(None) };
        }
        let made = peer.ask(&json!({"op": "device", "device": name})).unwrap();
        let key = STANDARD.decode(made["identityKey"].as_str().unwrap()).unwrap();
        let key = IdentityKey::from_bytes(&key).unwrap();
        Self::Theirs { peer: Rc::clone(peer), device: Device::parse(name).unwrap(), key }
    }

    fn device(&self) -> Device {
        match self {
            Self::Ours { phone, .. } => phone.device().clone(),
            Self::Theirs { device, .. } => device.clone(),
        }
    }

    fn key(&self) -> IdentityKey {
        match self {
            Self::Ours { phone, .. } => phone.identity.key(),
            Self::Theirs { key, .. } => *key,
        }
    }

    fn key_package(&self, is_last_resort: bool) -> String {
        let now_seconds = now_seconds();
        match self {
            Self::Ours { phone, .. } if is_last_resort => {
                phone.identity.make_last_resort_key_package(&phone.store, now_seconds).unwrap()
            }
            Self::Ours { phone, .. } => {
                phone.identity.make_key_packages(&phone.store, 1, now_seconds).unwrap().remove(0)
            }
            Self::Theirs { peer, device, .. } => {
                let asked = json!({"nowSeconds": now_seconds, "lastResort": is_last_resort});
                text(&peer.get(&device.to_string(), "keyPackage", &asked)["keyPackage"])
            }
        }
    }

    fn create(&mut self) {
        match self {
            Self::Ours { phone, group } => **group = Some(phone.create()),
            Self::Theirs { peer, device, .. } => {
                let asked = json!({"conversation": CONVERSATION, "nowSeconds": now_seconds()});
                peer.get(&device.to_string(), "create", &asked);
            }
        }
    }

    fn commit(&mut self, add: &[(Device, IdentityKey, String)], remove: &[Device]) -> Sent {
        let from = self.device();
        match self {
            Self::Ours { phone, group } => {
                let parse = |(device, key, package): &(Device, IdentityKey, String)| {
                    KeyPackage::parse(package, device, *key, now_seconds()).unwrap()
                };
                let changes = Changes { add: add.iter().map(parse).collect(), remove: remove.to_vec() };
                let group = group.as_mut().as_mut().unwrap();
                let commit = group.commit(&phone.store, &phone.identity, &changes).unwrap();
                Sent { from, epoch: commit.epoch + 1, payload: commit.payload, welcome: commit.welcome }
            }
            Self::Theirs { peer, device, .. } => {
                let add: Vec<&String> = add.iter().map(|(_, _, package)| package).collect();
                let remove: Vec<String> = remove.iter().map(Device::to_string).collect();
                let made = peer.get(&device.to_string(), "commit", &json!({"add": add, "remove": remove}));
                let epoch = made["epoch"].as_u64().unwrap() + 1;
                let welcome = made.get("welcome").map(text);
                Sent { from, epoch, payload: text(&made["payload"]), welcome }
            }
        }
    }

    fn accept(&mut self) {
        match self {
            Self::Ours { phone, group } => group.as_mut().as_mut().unwrap().accept_commit(&phone.store).unwrap(),
            Self::Theirs { peer, device, .. } => {
                peer.get(&device.to_string(), "accept", &json!({}));
            }
        }
    }

    fn join(&mut self, sent: &Sent) {
        let payload = sent.welcome.as_deref().unwrap();
        match self {
            Self::Ours { phone, group } => {
                let mail = WelcomeMail { conversation_id: CONVERSATION, from: &sent.from, payload };
                **group = Some(Group::join(&phone.store, &phone.identity, &mail).unwrap());
            }
            Self::Theirs { peer, device, .. } => {
                peer.get(&device.to_string(), "join", &json!({"welcome": payload}));
            }
        }
    }

    fn follow(&mut self, sent: &Sent) {
        match self {
            Self::Ours { phone, group } => {
                let entry =
                    Entry { sender: &sent.from, event: Event::Commit, epoch: sent.epoch, payload: &sent.payload };
                let processed = group.as_mut().as_mut().unwrap().process(&phone.store, &entry).unwrap();
                assert!(matches!(processed, Processed::Commit(_) | Processed::Removed { .. }), "{processed:?}");
            }
            Self::Theirs { peer, device, .. } => {
                peer.get(&device.to_string(), "process", &json!({"payload": sent.payload}));
            }
        }
    }

    fn say(&mut self, words: &str) -> Message {
        let from = self.device();
        match self {
            Self::Ours { phone, group } => {
                let sent = phone.say(group.as_mut().as_mut().unwrap(), words);
                Message { from, epoch: sent.epoch, payload: sent.payload }
            }
            Self::Theirs { peer, device, .. } => {
                let content = json!({"v": 1, "kind": "text", "body": {"text": words}});
                let sent = peer.get(&device.to_string(), "encrypt", &json!({"content": content}));
                Message { from, epoch: sent["epoch"].as_u64().unwrap(), payload: text(&sent["payload"]) }
            }
        }
    }

    fn read(&mut self, message: &Message) -> Result<String, String> {
        match self {
            Self::Ours { phone, group } => {
                let entry = Entry {
                    sender: &message.from,
                    event: Event::Message,
                    epoch: message.epoch,
                    payload: &message.payload,
                };
                match group.as_mut().as_mut().unwrap().process(&phone.store, &entry) {
                    Ok(Processed::Message { content, .. }) => Ok(text(&content.unwrap().body["text"])),
                    Ok(other) => Err(format!("{other:?}")),
                    Err(error) => Err(format!("{error:?}")),
                }
            }
            Self::Theirs { peer, device, .. } => {
                let request = json!({"op": "process", "device": device.to_string(), "payload": message.payload});
                let read = peer.ask(&request)?;
                if let Some(sender) = read.get("sender") {
                    assert_eq!(text(sender), message.from.to_string());
                }
                assert_eq!(read["content"]["v"], 1);
                Ok(text(&read["content"]["body"]["text"]))
            }
        }
    }

    /// Epoch, authenticator and devices: the same for everybody in the group.
    fn state(&self) -> (u64, String, Vec<String>) {
        match self {
            Self::Ours { group, .. } => {
                let group = group.as_ref().as_ref().unwrap();
                let authenticator = hex(group.authenticator());
                let devices = group.roster().unwrap().devices();
                (group.epoch(), authenticator, devices.iter().map(Device::to_string).collect())
            }
            Self::Theirs { peer, device, .. } => {
                let state = peer.get(&device.to_string(), "state", &json!({}));
                let roster = state["roster"].as_array().unwrap().iter().map(text).collect();
                (state["epoch"].as_u64().unwrap(), text(&state["authenticator"]), roster)
            }
        }
    }

    fn invited(&self) -> (Device, IdentityKey, String) {
        (self.device(), self.key(), self.key_package(false))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

fn text(value: &serde_json::Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// The one at `by` commits, and everybody else follows or joins.
fn change(parties: &mut [Party], by: usize, joining: &[usize], remove: &[Device]) -> Sent {
    let add: Vec<_> = joining.iter().map(|at| parties[*at].invited()).collect();
    let sent = parties[by].commit(&add, remove);
    parties[by].accept();
    for (at, party) in parties.iter_mut().enumerate().filter(|(at, _)| *at != by) {
        if joining.contains(&at) {
            party.join(&sent);
        } else {
            party.follow(&sent);
        }
    }
    sent
}

/// Everybody says something, and everybody else reads it.
fn talk(parties: &mut [Party]) {
    let states: Vec<_> = parties.iter().map(Party::state).collect();
    assert!(states.windows(2).all(|two| two[0] == two[1]), "{states:?}");
    for by in 0..parties.len() {
        let words = format!("from {by}: ü 👍");
        let message = parties[by].say(&words);
        for (at, party) in parties.iter_mut().enumerate().filter(|(at, _)| *at != by) {
            assert_eq!(party.read(&message).as_deref(), Ok(words.as_str()), "{at}");
            assert!(party.read(&message).is_err(), "{at} reads a message twice");
        }
    }
}

/// The parties by name; `R` is ours, in Rust, `J` is theirs, in JavaScript.
fn parties(peer: &Rc<Peer>, who: &[(&str, char)]) -> Vec<Party> {
    who.iter().map(|(name, by)| Party::new(peer, name, *by == 'R')).collect()
}

#[test]
fn two_devices_of_two_implementations_talk() {
    let Some(peer) = peer() else { return };
    for (round, kinds) in ["RJ", "JR"].into_iter().enumerate() {
        let kinds: Vec<char> = kinds.chars().collect();
        let names = [format!("alice{round}/1"), format!("bob{round}/1")];
        let mut both = parties(&peer, &[(&names[0], kinds[0]), (&names[1], kinds[1])]);
        both[0].create();
        change(&mut both, 0, &[1], &[]);
        talk(&mut both);
        // Keys are renewed by either.
        change(&mut both, 1, &[], &[]);
        talk(&mut both);
        change(&mut both, 0, &[], &[]);
        talk(&mut both);
    }
}

#[test]
fn a_group_grows_shrinks_and_changes_its_devices() {
    let Some(peer) = peer() else { return };
    for (round, kinds) in ["RJRJ", "JRJR"].into_iter().enumerate() {
        let kinds: Vec<char> = kinds.chars().collect();
        let name = |text: &str| text.replace('/', &format!("{round}/"));
        let mut group = vec![
            Party::new(&peer, &name("alice/1"), kinds[0] == 'R'),
            Party::new(&peer, &name("bob/1"), kinds[1] == 'R'),
            Party::new(&peer, &name("carol/1"), kinds[2] == 'R'),
        ];
        group[0].create();
        change(&mut group, 0, &[1, 2], &[]);
        talk(&mut group);
        // Someone joins, added by the other implementation's.
        group.push(Party::new(&peer, &name("dave/1"), kinds[3] == 'R'));
        change(&mut group, 1, &[3], &[]);
        talk(&mut group);
        // A second device of a user, of each implementation.
        for (kind, by) in [('R', 2), ('J', 0)] {
            group.push(Party::new(&peer, &name(&format!("bob/{kind}")), kind == 'R'));
            let at = group.len() - 1;
            change(&mut group, by, &[at], &[]);
        }
        talk(&mut group);
        // One leaves, and a device is revoked: by one commit of each implementation.
        let before = group[0].say("before");
        for (leaver, by) in [(3, 0), (1, 0)] {
            let device = group[leaver].device();
            change(&mut group, by, &[], &[device]);
            let mut gone = group.remove(leaver);
            let secret = group[0].say("without you");
            assert!(gone.read(&secret).is_err(), "a removed device reads");
            for party in &mut group[1..] {
                assert_eq!(party.read(&secret).as_deref(), Ok("without you"));
            }
        }
        talk(&mut group);
        // Two epochs later it is still read by who was there.
        for party in &mut group[1..] {
            assert_eq!(party.read(&before).as_deref(), Ok("before"));
        }
    }
}

#[test]
fn messages_arrive_in_another_order() {
    let Some(peer) = peer() else { return };
    for (round, kinds) in ["RJ", "JR"].into_iter().enumerate() {
        let kinds: Vec<char> = kinds.chars().collect();
        let names = [format!("alice{round}/1"), format!("bob{round}/1")];
        let mut both = parties(&peer, &[(&names[0], kinds[0]), (&names[1], kinds[1])]);
        both[0].create();
        change(&mut both, 0, &[1], &[]);
        let messages: Vec<Message> = (0..8).map(|number| both[0].say(&number.to_string())).collect();
        for number in [3usize, 0, 7, 6, 1, 2, 5, 4] {
            assert_eq!(both[1].read(&messages[number]), Ok(number.to_string()));
        }
        assert!(messages.iter().all(|message| both[1].read(message).is_err()));
        talk(&mut both);
    }
}

#[test]
fn who_lost_a_welcome_is_added_anew() {
    let Some(peer) = peer() else { return };
    for (round, kinds) in ["RRJ", "JJR", "RJR", "JRJ"].into_iter().enumerate() {
        let kinds: Vec<char> = kinds.chars().collect();
        let names = [format!("alice{round}/1"), format!("bob{round}/1"), format!("carol{round}/1")];
        let mut group = parties(&peer, &[(&names[0], kinds[0]), (&names[1], kinds[1]), (&names[2], kinds[2])]);
        group[0].create();
        change(&mut group[..2], 0, &[1], &[]);
        // Carol's Welcome is lost: she is in the tree, and knows nothing.
        let add = [group[2].invited()];
        let lost = group[0].commit(&add, &[]);
        group[0].accept();
        group[1].follow(&lost);
        // She asks; Bob takes her old leaf out and adds her by a last-resort package, in one commit.
        let add = [(group[2].device(), group[2].key(), group[2].key_package(true))];
        let device = group[2].device();
        let anew = group[1].commit(&add, &[device]);
        group[1].accept();
        group[0].follow(&anew);
        group[2].join(&anew);
        talk(&mut group);
    }
}

#[test]
fn of_two_commits_one_wins() {
    let Some(peer) = peer() else { return };
    for (round, kinds) in ["RJ", "JR"].into_iter().enumerate() {
        let kinds: Vec<char> = kinds.chars().collect();
        let names = [format!("alice{round}/1"), format!("bob{round}/1")];
        let mut both = parties(&peer, &[(&names[0], kinds[0]), (&names[1], kinds[1])]);
        both[0].create();
        change(&mut both, 0, &[1], &[]);
        let _loser = both[1].commit(&[], &[]);
        let winner = both[0].commit(&[], &[]);
        both[0].accept();
        both[1].follow(&winner);
        talk(&mut both);
        change(&mut both, 1, &[], &[]);
        talk(&mut both);
    }
}

/// 200 devices, added in batches, and the sizes of what is sent then. Six devices of each implementation follow; the
/// others are members by their key packages alone, as devices that are away are.
#[test]
fn two_hundred_members_fit_the_frames() {
    const MEMBERS: usize = 200;
    let Some(peer) = peer() else { return };
    for (round, creator_is_ours) in [true, false].into_iter().enumerate() {
        let name = |number: usize| format!("user{number}.{round}/phone");
        let mut following = vec![Party::new(&peer, &name(0), creator_is_ours)];
        following[0].create();
        let mut sent = None;
        while following[0].state().2.len() < MEMBERS {
            let present = following[0].state().2.len();
            let count = ADDS_MAX.min(MEMBERS - present);
            let others: Vec<Party> =
                (present..present + count).map(|number| Party::new(&peer, &name(number), number % 2 == 0)).collect();
            let add: Vec<_> = others.iter().map(Party::invited).collect();
            let commit = following[0].commit(&add, &[]);
            following[0].accept();
            following[1..].iter_mut().for_each(|party| party.follow(&commit));
            assert!(commit.payload.len() <= PAYLOAD_BASE64_BYTES_MAX, "{}", commit.payload.len());
            // The first two of each batch follow from here on.
            following.extend(others.into_iter().take(2).map(|mut party| {
                party.join(&commit);
                party
            }));
            sent = Some(commit);
        }
        let last = sent.unwrap();
        let largest_add = last.payload.len();
        let welcome = last.welcome.unwrap().len();
        assert!(welcome > PAYLOAD_BASE64_BYTES_MAX, "a Welcome of 200 members goes by media handle: {welcome}");
        let renewal = |following: &mut Vec<Party>, by: usize| {
            let sent = change(following, by, &[], &[]);
            sent.payload.len()
        };
        let first_renewal = renewal(&mut following, 1);
        let second_renewal = renewal(&mut following, 2);
        let gone = following.pop().unwrap().device();
        let removal = change(&mut following, 0, &[], &[gone]).payload.len();
        let message = following[0].say("hello").payload.len();
        for (what, bytes) in [("renewal", first_renewal), ("second renewal", second_renewal), ("removal", removal)] {
            assert!(bytes <= PAYLOAD_BASE64_BYTES_MAX, "{what}: {bytes}");
        }
        assert!(message < 1024, "{message}");
        println!(
            "{MEMBERS} members, made by {}: Welcome {welcome}, last add {largest_add}, renewals {first_renewal} and \
             {second_renewal}, removal {removal}, message {message} bytes of base64",
            if creator_is_ours { "ours" } else { "theirs" },
        );
        talk(&mut following);
    }
}
