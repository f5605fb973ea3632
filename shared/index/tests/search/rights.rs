//! What a reader is shown: what they may see at that moment, whatever the index holds.

use std::{collections::BTreeMap, time::Duration};

use tidings_domain::{
    blocks::{BlockPorts, block, unblock},
    group::GroupSettings,
    ids::{ClientMsgId, ConversationId, DeviceId, Sender, Sequence, Timestamp, UserId},
    log::{Content, ContentKind, Entry, EventKind},
    membership::{Command, GroupPorts, change, create},
    personal::{PersonalPorts, hide},
    ports::Rules,
    preferences::{PreferencePorts, Wanted as Settings, configure},
    projector::{ProjectorPorts, project},
    send::{Draft, KnownTails, Outcome, SendPorts, SendRequest, SendTerms, Sent, TargetRef, Windows, send, send_about},
    strangers::AnyStranger,
    stream::StreamRecord,
};
use tidings_memory::World;
use tidings_search::{
    Cursor, MemoryIndex,
    finding::{FindError, FindPorts, Found, Wanted, find},
    index::Order,
    indexing::{IndexingPorts, index, is_indexed, key_of, rebuild},
    query::Words,
};

fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

fn phone(name: &str) -> Sender {
    Sender { user: user(name), device: DeviceId::parse("phone").unwrap() }
}

/// A world with an index.
struct Room {
    world: World,
    index: MemoryIndex,
    conversation: ConversationId,
    sends: std::cell::Cell<u64>,
}

impl Room {
    fn of_two() -> Self {
        Self::in_conversation(ConversationId::direct(user("alice"), user("bob")))
    }

    fn in_conversation(conversation: ConversationId) -> Self {
        Self { world: World::new(1), index: MemoryIndex::default(), conversation, sends: std::cell::Cell::new(0) }
    }

    /// A group of alice, who has it, and of others.
    async fn group(others: &[&str]) -> Self {
        let room = Self::in_conversation(ConversationId::parse("g:crew").unwrap());
        let settings = GroupSettings { title: "Crew".into(), ..GroupSettings::default() };
        let others = others.iter().map(|name| user(name)).collect();
        create(room.groups(), &phone("alice"), &room.conversation, settings, others).await.unwrap();
        room
    }

    fn groups(&self) -> GroupPorts<'_> {
        let world = &self.world;
        GroupPorts {
            log: world,
            conversations: world,
            invites: world,
            media: world,
            bus: world,
            clock: world,
            push_members_max: 256,
        }
    }

    async fn agree(&self, name: &str, agrees: bool) -> bool {
        let ports = PreferencePorts { groups: self.groups(), sessions: &self.world, gateway: &self.world };
        let wanted = Settings { agrees_to_search: Some(agrees), ..Settings::default() };
        configure(ports, &phone(name), &self.conversation, wanted).await.unwrap().indexes_text
    }

    async fn all_agree(&self, names: &[&str]) {
        for name in names {
            self.agree(name, true).await;
        }
    }

    fn send_ports(&self) -> SendPorts<'_> {
        let world = &self.world;
        SendPorts {
            log: world,
            conversations: world,
            sessions: world,
            keys: world,
            bus: world,
            ingest: world,
            strangers: &AnyStranger,
            media: world,
            gateway: world,
            clock: world,
        }
    }

    fn request(&self, name: &str, event: EventKind, content: Content) -> SendRequest {
        self.sends.set(self.sends.get() + 1);
        let draft = Draft {
            sender: phone(name),
            conversation: self.conversation.clone(),
            client_msg_id: ClientMsgId::parse(&self.sends.get().to_string()).unwrap(),
            event,
            target: None,
            content,
            epoch: None,
        };
        SendRequest { draft, devices: BTreeMap::new(), resend_after: None, answer_to: None }
    }

    async fn send(&self, name: &str, content: Content) -> Sent {
        let request = self.request(name, EventKind::Message, content);
        sent(send(self.send_ports(), terms(&KnownTails::default()), &request).await.unwrap())
    }

    async fn say(&self, name: &str, text: &str) -> Sent {
        self.send(name, content(text)).await
    }

    async fn say_about(&self, name: &str, event: EventKind, target: &Sent, text: &str) {
        let request = self.request(name, event, content(text));
        let about = TargetRef { message: target.entry.message_id(), sequence: Some(target.entry.sequence) };
        let windows = Windows { edit_ms: None, delete_ms: None };
        let known = KnownTails::default();
        sent(send_about(self.send_ports(), terms(&known), windows, about, request).await.unwrap());
    }

    fn indexing(&self) -> IndexingPorts<'_> {
        IndexingPorts { index: &self.index, log: &self.world, conversations: &self.world, media: &self.world }
    }

    /// Indexes what was published.
    async fn catch_up(&self) {
        let entries = self.world.take_published().into_iter().filter_map(|record| match record {
            StreamRecord::Appended { entries, .. } => Some(entries),
            _ => None,
        });
        let entries: Vec<Entry> = entries.flatten().filter(is_indexed).collect();
        index(self.indexing(), &entries).await.unwrap();
    }

    /// Lets the projector see all of the log.
    async fn project(&self) {
        let world = &self.world;
        let ports = ProjectorPorts {
            annotations: world,
            commitments: world,
            log: world,
            eraser: world,
            media: world,
            objects: world,
            timers: world,
            clock: world,
        };
        assert!(project(ports, world.log(&self.conversation)).await.is_empty());
    }

    async fn search(&self, name: &str, wanted: &Wanted) -> Result<Found, FindError> {
        let world = &self.world;
        let ports = FindPorts {
            index: &self.index,
            log: world,
            conversations: world,
            annotations: world,
            personal: world,
            rules: world,
            clock: world,
        };
        find(ports, &user(name), wanted).await
    }

    async fn found(&self, name: &str, words: &str) -> Vec<u64> {
        sequences(&self.search(name, &asked(words)).await.unwrap())
    }
}

fn terms(known: &KnownTails) -> SendTerms<'_> {
    SendTerms { known, express_sockets_max: 0, races_lost_max: 0 }
}

fn sent(outcome: Outcome) -> Sent {
    match outcome {
        Outcome::Sent(sent) => *sent,
        Outcome::Queued => panic!("left to the batch sequencer"),
    }
}

fn content(text: &str) -> Content {
    Content { payload: serde_json::json!({ "text": text }).to_string().into(), ..Content::empty(Timestamp::default()) }
}

fn asked(words: &str) -> Wanted {
    let words = (!words.is_empty()).then(|| Words::parse(words).unwrap());
    Wanted { words, limit: 10, ..Wanted::default() }
}

fn sequences(found: &Found) -> Vec<u64> {
    found.hits.iter().map(|hit| hit.entry.sequence.0).collect()
}

#[tokio::test(start_paused = true)]
async fn text_is_indexed_while_all_members_agree() {
    let room = Room::of_two();
    room.say("alice", "tea before").await;
    assert!(!room.agree("alice", true).await, "one is not all");
    room.say("bob", "tea of one").await;
    assert!(room.agree("bob", true).await);
    room.say("alice", "tea of both").await;
    room.catch_up().await;
    assert_eq!(room.found("bob", "tea").await, [3]);
    assert_eq!(room.found("bob", "").await, [3, 2, 1], "metadata always");
    let hit = room.search("bob", &asked("both")).await.unwrap().hits.remove(0);
    let snippet = hit.snippet.unwrap();
    assert_eq!((snippet.text.as_str(), snippet.highlights.first()), ("tea of both", Some(&(7..11))));
    assert!(!room.agree("alice", false).await);
    assert_eq!(room.found("bob", "tea").await, [0; 0], "who withdraws takes away what was indexed");
    assert!(room.agree("alice", true).await);
    room.say("alice", "tea at once").await;
    room.world.wait(Duration::from_secs(31)).await;
    room.say("alice", "tea again").await;
    room.catch_up().await;
    assert_eq!(room.found("bob", "tea").await, [5]);
}

#[tokio::test(start_paused = true)]
async fn who_joins_turns_it_off_for_what_follows() {
    let room = Room::group(&["bob"]).await;
    room.all_agree(&["alice", "bob"]).await;
    room.say("alice", "tea for two").await;
    change(room.groups(), &phone("alice"), &room.conversation, &Command::Add(vec![user("carl")])).await.unwrap();
    room.say("alice", "tea for three").await;
    room.catch_up().await;
    assert_eq!(room.found("bob", "tea").await, [2]);
    assert_eq!(room.found("carl", "tea").await, [0; 0]);
    assert_eq!(room.found("carl", "").await, [4], "from the joining on");
    room.agree("carl", true).await;
    room.say("carl", "tea for all").await;
    room.catch_up().await;
    assert_eq!(room.found("carl", "tea").await, [5]);
    // Made anew from the log, it is the same.
    let again = Room { index: MemoryIndex::default(), ..room };
    assert_eq!(rebuild(again.indexing(), &again.conversation, Sequence::ZERO, 100).await.unwrap(), None);
    assert_eq!(again.found("bob", "tea").await, [5, 2]);
}

#[tokio::test(start_paused = true)]
async fn who_is_taken_out_finds_nothing_at_once() {
    let room = Room::group(&["bob", "carl"]).await;
    room.all_agree(&["alice", "bob", "carl"]).await;
    room.say("alice", "tea").await;
    room.catch_up().await;
    let here = Wanted { conversation: Some(room.conversation.clone()), ..asked("tea") };
    assert_eq!(sequences(&room.search("bob", &here).await.unwrap()), [2]);
    change(room.groups(), &phone("alice"), &room.conversation, &Command::Remove(user("bob"))).await.unwrap();
    assert!(matches!(room.search("bob", &here).await, Err(FindError::NotAMember(_))));
    assert_eq!(room.search("bob", &asked("tea")).await.unwrap(), Found::default(), "not even a cursor");
    change(room.groups(), &phone("alice"), &room.conversation, &Command::Add(vec![user("bob")])).await.unwrap();
    assert_eq!(room.found("bob", "tea").await, [0; 0], "who comes back sees from then on");
    assert_eq!(room.found("carl", "tea").await, [2]);
}

#[tokio::test(start_paused = true)]
async fn what_is_gone_is_not_shown_though_the_index_lags() {
    let room = Room::of_two();
    room.all_agree(&["alice", "bob"]).await;
    let deleted = room.say("alice", "tea one").await;
    let hidden = room.say("alice", "tea two").await;
    room.send("alice", Content { ttl_seconds: Some(5), ..content("tea three") }).await;
    let edited = room.say("alice", "tea four").await;
    room.send("alice", Content { is_view_once: true, ..content("tea five") }).await;
    room.say("bob", "tea six").await;
    room.catch_up().await;
    assert_eq!(room.found("bob", "tea").await, [6, 4, 3, 2, 1]);
    room.say_about("alice", EventKind::Delete, &deleted, "").await;
    room.say_about("alice", EventKind::Edit, &edited, "coffee").await;
    room.project().await;
    let world = &room.world;
    let ports = PersonalPorts {
        log: world,
        conversations: world,
        personal: world,
        sessions: world,
        gateway: world,
        clock: world,
    };
    hide(ports, &phone("bob"), &room.conversation, hidden.entry.message_id(), None).await.unwrap();
    world.wait(Duration::from_secs(6)).await;
    assert_eq!(room.found("bob", "tea").await, [6], "the index knows of none of it");
    assert_eq!(room.found("alice", "tea").await, [6, 2], "hidden is hidden from one");
    room.catch_up().await;
    assert_eq!(room.found("bob", "coffee").await, [4]);
    assert_eq!(room.index.document(key_of(&deleted.entry)), None);
    world.block(&user("bob"), &user("alice"), world.now()).await.unwrap();
    assert_eq!(room.found("bob", "").await, [6], "who is blocked is not shown");
}

/// It never reached the one who blocked, and does not when the block ends.
#[tokio::test(start_paused = true)]
async fn what_was_withheld_is_found_by_its_sender_alone() {
    let room = Room::of_two();
    room.all_agree(&["alice", "bob"]).await;
    room.say("alice", "tea before").await;
    let world = &room.world;
    let ports = BlockPorts { rules: world, conversations: world, clock: world };
    block(ports, &user("bob"), &user("alice")).await.unwrap();
    room.say("alice", "tea withheld").await;
    unblock(ports, &user("bob"), &user("alice")).await.unwrap();
    room.say("alice", "tea after").await;
    room.catch_up().await;
    let [before, withheld, after] = [1, 2, 3].map(|at| room.world.log(&room.conversation)[at - 1].sequence.0);
    assert_eq!(room.found("alice", "tea").await, [after, withheld, before]);
    assert_eq!(room.found("bob", "tea").await, [after, before]);
    assert_eq!(room.found("bob", "withheld").await, [] as [u64; 0]);
}

#[tokio::test(start_paused = true)]
async fn pages_skip_what_is_gone_and_tell_nothing_of_it() {
    let room = Room::of_two();
    room.all_agree(&["alice", "bob"]).await;
    let mut all = Vec::new();
    for number in 0..9 {
        all.push(room.say("alice", &format!("tea {number}")).await);
    }
    room.catch_up().await;
    for gone in [8, 6, 5, 4, 0] {
        room.say_about("alice", EventKind::Delete, &all[gone], "").await;
    }
    room.project().await;
    let page = |cursor: Option<Cursor>| Wanted { limit: 2, cursor, ..asked("tea") };
    let first = room.search("bob", &page(None)).await.unwrap();
    assert_eq!(sequences(&first), [8, 4]);
    let second = room.search("bob", &page(first.next)).await.unwrap();
    assert_eq!((sequences(&second), second.next), (vec![3, 2], None), "the one that is left was deleted");
    let narrow = Wanted { until: Some(all[1].entry.ts), ..asked("tea") };
    assert_eq!(room.search("bob", &narrow).await.unwrap(), Found::default());
}

#[tokio::test(start_paused = true)]
async fn what_narrows_down_is_told_from_the_log() {
    let room = Room::group(&["bob", "carl"]).await;
    let kinds = |kind: ContentKind, mentions: Vec<UserId>| Content { kind, mentions, ..content("x") };
    room.send("alice", kinds(ContentKind::Image, vec![user("bob")])).await;
    room.send("bob", kinds(ContentKind::Text, vec![user("carl")])).await;
    room.send("alice", Content { mentions_all: true, ..content("x") }).await;
    room.catch_up().await;
    for (wanted, expected) in [
        (Wanted { from: Some(user("bob")), ..asked("") }, vec![3]),
        (Wanted { mention: Some(user("bob")), ..asked("") }, vec![4, 2]),
        (Wanted { kind: Some("image".into()), ..asked("") }, vec![2]),
        (Wanted { mention: Some(user("carl")), from: Some(user("bob")), ..asked("") }, vec![3]),
        (Wanted { order: Order::Relevant, ..asked("") }, vec![4, 3, 2]),
        (asked("x"), vec![]),
    ] {
        assert_eq!(sequences(&room.search("carl", &wanted).await.unwrap()), expected, "{wanted:?}");
    }
}
