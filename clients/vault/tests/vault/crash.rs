//! A process that is killed at any point, over and over: every message that was queued arrives, once, and no key of MLS is
//! used for two.
//!
//! The child is this same program, told to run one of the two ignored tests below.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tidings_mls::{
    Changes, Content, Device, Entry, Event, Group, Identity, KeyPackage, MemoryStore, Processed, WelcomeMail,
};
use tidings_vault::{NewMessage, Outgoing, Unlock, Vault, VaultError};

use crate::support::{CONVERSATION, Folder, key, now_seconds};

const KILLS: u64 = 14;
const FOLDER: &str = "TIDINGS_VAULT_CRASH_FOLDER";

fn alice() -> Device {
    Device::new("alice", "phone").unwrap()
}

fn open(folder: &Path) -> Vault {
    Vault::open(&folder.join("vault"), &Unlock::Key(&key())).unwrap()
}

/// The service: a file of whole lines, each an accepted entry. What a kill left of a line was not accepted.
fn log(folder: &Path) -> Vec<Value> {
    let path = folder.join("log");
    let text = fs::read_to_string(&path).unwrap_or_default();
    let whole = text.rfind('\n').map_or(0, |at| at + 1);
    if whole < text.len() {
        OpenOptions::new().write(true).open(&path).unwrap().set_len(whole as u64).unwrap();
    }
    text[..whole].lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Hands something to the service, which takes each `clientMsgId` once.
fn accept(file: &mut File, taken: &mut Vec<String>, outgoing: &Outgoing) {
    if !taken.contains(&outgoing.client_msg_id) {
        let sealed = outgoing.sealed.as_ref().unwrap();
        let entry = json!({"id": outgoing.client_msg_id, "epoch": sealed.epoch, "payload": sealed.payload});
        writeln!(file, "{entry}").unwrap();
        file.sync_data().unwrap();
        taken.push(outgoing.client_msg_id.clone());
    }
}

/// Runs a child for a while and kills it, until it has been killed so often; then once to its end.
fn run_killed(folder: &Path, child: &str, is_done: impl Fn() -> bool) {
    let program = std::env::current_exe().unwrap();
    for round in 0..KILLS {
        let mut process = Command::new(&program)
            .args(["--exact", child, "--ignored", "--nocapture"])
            .env(FOLDER, folder)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // From when it works: how long a process takes to start is of no interest.
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let started = lines.by_ref().any(|line| line.is_ok_and(|line| line.ends_with("ready")));
        assert!(started, "the child did not start");
        thread::sleep(Duration::from_micros(3_000 + (round * 48_271) % 160_000));
        process.kill().unwrap();
        process.wait().unwrap();
        if is_done() {
            break;
        }
    }
}

#[test]
fn a_sender_that_is_killed_loses_nothing_and_repeats_nothing() {
    let folder = Folder::new();
    let folder = folder.path();
    // Bob, who reads, is in memory: what he sees is the truth.
    let bobs = MemoryStore::new();
    let bob = Identity::create(&bobs, Device::new("bob", "web").unwrap()).unwrap();
    let package = bob.make_key_packages(&bobs, 1, now_seconds()).unwrap().remove(0);
    let package = KeyPackage::parse(&package, bob.device(), bob.key(), now_seconds()).unwrap();
    let mut vault = Vault::create(&folder.join("vault"), &Unlock::Key(&key())).unwrap();
    let welcome = vault
        .write(|tx| {
            let identity = Identity::create(tx, alice()).map_err(VaultError::other)?;
            let mut group = Group::create(tx, &identity, CONVERSATION, now_seconds()).map_err(VaultError::other)?;
            let changes = Changes { add: vec![package], remove: vec![] };
            let commit = group.commit(tx, &identity, &changes).map_err(VaultError::other)?;
            group.accept_commit(tx).map_err(VaultError::other)?;
            Ok(commit.welcome.unwrap())
        })
        .unwrap();
    drop(vault);
    let device = alice();
    let mail = WelcomeMail { conversation_id: CONVERSATION, from: &device, payload: &welcome };
    let mut at_bob = Group::join(&bobs, &bob, &mail).unwrap();
    run_killed(folder, "crash::sending_child", || false);
    // What was queued when the last kill came is sent now.
    let mut vault = open(folder);
    let mut taken: Vec<String> = log(folder).iter().map(|entry| entry["id"].as_str().unwrap().to_owned()).collect();
    let sent_before = taken.len();
    let mut file = OpenOptions::new().append(true).create(true).open(folder.join("log")).unwrap();
    for outgoing in vault.outbox().unwrap() {
        accept(&mut file, &mut taken, &outgoing);
        vault.write(|tx| tx.unqueue(CONVERSATION, &outgoing.client_msg_id)).unwrap();
    }
    let queued = vault.write(|tx| tx.cursor("queued")).unwrap();
    assert!(queued > KILLS, "the child has done something between the kills: {queued}");
    let entries = log(folder);
    println!("{queued} messages through {KILLS} kills; {} were in the outbox at the last", entries.len() - sent_before);
    let mut numbers = Vec::new();
    for entry in &entries {
        let payload = entry["payload"].as_str().unwrap();
        let entry = Entry { sender: &device, event: Event::Message, epoch: entry["epoch"].as_u64().unwrap(), payload };
        // A key that was used twice would be refused as replayed.
        match at_bob.process(&bobs, &entry).unwrap() {
            Processed::Message { content, .. } => numbers.push(content.unwrap().body.as_u64().unwrap()),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(numbers, (1..=queued).collect::<Vec<_>>());
}

/// Queues message after message, each with its MLS state in one transaction, and sends what is queued.
#[test]
#[ignore = "run by the test above, and killed"]
fn sending_child() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let folder = Path::new(&folder);
    let mut vault = open(folder);
    let mut taken: Vec<String> = log(folder).iter().map(|entry| entry["id"].as_str().unwrap().to_owned()).collect();
    let mut file = OpenOptions::new().append(true).create(true).open(folder.join("log")).unwrap();
    println!("ready");
    loop {
        for outgoing in vault.outbox().unwrap() {
            accept(&mut file, &mut taken, &outgoing);
            vault.write(|tx| tx.unqueue(CONVERSATION, &outgoing.client_msg_id)).unwrap();
        }
        vault
            .write(|tx| {
                let identity = Identity::load(tx).map_err(VaultError::other)?.unwrap();
                let mut group = Group::load(tx, CONVERSATION).map_err(VaultError::other)?.unwrap();
                let number = tx.cursor("queued")? + 1;
                tx.set_cursor("queued", number)?;
                let content = Content { kind: "text".to_owned(), body: json!(number) };
                let sent = group.encrypt(tx, &identity, &content).map_err(VaultError::other)?;
                tx.queue(&Outgoing::message(CONVERSATION, &format!("m{number}"), &sent.payload, sent.epoch))
            })
            .unwrap();
    }
}

const ENTRIES: u64 = 400;

#[test]
fn a_receiver_that_is_killed_reads_each_message_once() {
    let folder = Folder::new();
    let folder = folder.path();
    let mut vault = Vault::create(&folder.join("vault"), &Unlock::Key(&key())).unwrap();
    let bobs = MemoryStore::new();
    let bob = Identity::create(&bobs, Device::new("bob", "web").unwrap()).unwrap();
    let (package, device, public) = vault
        .write(|tx| {
            let identity = Identity::create(tx, alice()).map_err(VaultError::other)?;
            let made = identity.make_key_packages(tx, 1, now_seconds()).map_err(VaultError::other)?.remove(0);
            Ok((made, identity.device().clone(), identity.key()))
        })
        .unwrap();
    let package = KeyPackage::parse(&package, &device, public, now_seconds()).unwrap();
    let mut at_bob = Group::create(&bobs, &bob, CONVERSATION, now_seconds()).unwrap();
    let commit = at_bob.commit(&bobs, &bob, &Changes { add: vec![package], remove: vec![] }).unwrap();
    at_bob.accept_commit(&bobs).unwrap();
    vault
        .write(|tx| {
            let identity = Identity::load(tx).map_err(VaultError::other)?.unwrap();
            let welcome = commit.welcome.as_deref().unwrap();
            let mail = WelcomeMail { conversation_id: CONVERSATION, from: bob.device(), payload: welcome };
            Group::join(tx, &identity, &mail).map_err(VaultError::other)?;
            Ok(())
        })
        .unwrap();
    drop(vault);
    let mut file = File::create(folder.join("log")).unwrap();
    for number in 1..=ENTRIES {
        // Every 50th entry is a commit.
        let entry = if number % 50 == 0 {
            let commit = at_bob.commit(&bobs, &bob, &Changes::default()).unwrap();
            at_bob.accept_commit(&bobs).unwrap();
            json!({"commit": true, "epoch": commit.epoch + 1, "payload": commit.payload})
        } else {
            let content = Content { kind: "text".to_owned(), body: json!(number) };
            let sent = at_bob.encrypt(&bobs, &bob, &content).unwrap();
            json!({"commit": false, "epoch": sent.epoch, "payload": sent.payload})
        };
        writeln!(file, "{entry}").unwrap();
    }
    drop(file);
    let read = || {
        let mut vault = open(folder);
        vault.write(|tx| tx.cursor(CONVERSATION)).unwrap()
    };
    run_killed(folder, "crash::receiving_child", || read() == ENTRIES);
    let after_kills = read();
    assert!(after_kills > KILLS, "the child has done something between the kills: {after_kills}");
    receive(folder);
    let vault = open(folder);
    let messages = vault.messages(CONVERSATION, u64::MAX, 10_000).unwrap();
    let numbers: Vec<u64> = messages.iter().rev().map(|message| message.body.as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=ENTRIES).filter(|number| number % 50 != 0).collect::<Vec<_>>());
    drop(vault);
    let mut vault = open(folder);
    let group = vault.write(|tx| Group::load(tx, CONVERSATION).map_err(VaultError::other)).unwrap().unwrap();
    assert_eq!(group.authenticator(), at_bob.authenticator());
}

#[test]
#[ignore = "run by the test above, and killed"]
fn receiving_child() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    println!("ready");
    receive(Path::new(&folder));
    // Killed, as it expects.
    thread::sleep(Duration::from_mins(1));
}

/// Processes the log from the cursor on: state, message and cursor in one transaction each.
fn receive(folder: &Path) {
    let mut vault = open(folder);
    let bob = Device::new("bob", "web").unwrap();
    let entries = log(folder);
    loop {
        let is_done = vault
            .write(|tx| {
                let cursor = tx.cursor(CONVERSATION)?;
                let Some(entry) = entries.get(usize::try_from(cursor).unwrap()) else { return Ok(true) };
                let is_commit = entry["commit"].as_bool().unwrap();
                let event = if is_commit { Event::Commit } else { Event::Message };
                let payload = entry["payload"].as_str().unwrap();
                let mut group = Group::load(tx, CONVERSATION).map_err(VaultError::other)?.unwrap();
                let wire = Entry { sender: &bob, event, epoch: entry["epoch"].as_u64().unwrap(), payload };
                match group.process(tx, &wire).map_err(VaultError::other)? {
                    Processed::Message { content, .. } => {
                        let content = content.unwrap();
                        let kept = tx.keep(&NewMessage {
                            conversation_id: CONVERSATION.to_owned(),
                            sequence: cursor + 1,
                            message_id: format!("m{cursor}"),
                            sender_user_id: "bob".to_owned(),
                            sender_device_id: "web".to_owned(),
                            sent_ms: cursor,
                            kind: content.kind,
                            text: Some(content.body.to_string()),
                            body: content.body,
                            mentions: vec![],
                        })?;
                        assert!(kept, "read twice");
                    }
                    Processed::Commit(_) => {}
                    other => panic!("{other:?}"),
                }
                tx.set_cursor(CONVERSATION, cursor + 1)?;
                Ok(false)
            })
            .unwrap();
        if is_done {
            return;
        }
    }
}
