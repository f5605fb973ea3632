//! What is said about earlier messages: who may, and what becomes of the message.

use std::time::Duration;

use proptest::prelude::*;
use tidings_domain::{
    annotations::TallyKind,
    group::{GroupSettings, Role, Rule},
    history::{ReadPorts, Span, page},
    ids::{ConversationId, MessageId, Sender, Sequence},
    limits::OPEN_AGAIN_MS,
    log::{ContentKind, Entry, Erasure, EventKind},
    membership::{Command, GroupPorts, change, create},
    messages::{MessageError, MessagePorts, edits, open, pins, read_thread, tallies, thread, threads},
    projector::{ProjectorPorts, project},
    schedule::{ScheduleError, SchedulePorts, Scheduled, cancel, schedule, scheduling_device},
    send::{KnownTails, Outcome, Refusal, SendError, SendRequest, SendTerms, Sent, TargetRef, Windows, send_about},
    sync::{ListCursor, list},
    timers::{SweepPorts, sweep},
};
use tidings_memory::{Faults, World};

use crate::support::*;

fn projector_ports(world: &World) -> ProjectorPorts<'_> {
    ProjectorPorts {
        annotations: world,
        log: world,
        eraser: world,
        media: world,
        objects: world,
        commitments: world,
        timers: world,
        clock: world,
    }
}

fn message_ports(world: &World) -> MessagePorts<'_> {
    let read = ReadPorts { log: world, conversations: world, personal: world, clock: world };
    MessagePorts { read, annotations: world, timers: world }
}

fn about(sent: &Sent) -> TargetRef {
    TargetRef { message: sent.entry.message_id(), sequence: Some(sent.entry.sequence) }
}

fn event(sender: &Sender, conversation: &ConversationId, id: &str, event: EventKind) -> SendRequest {
    let mut request = message(sender, conversation, id);
    request.draft.event = event;
    request
}

async fn say(world: &World, windows: Windows, target: TargetRef, request: SendRequest) -> Result<Sent, SendError> {
    let terms = SendTerms { known: &KnownTails::default(), express_sockets_max: 16, races_lost_max: 0 };
    match send_about(send_ports(world), terms, windows, target, request).await? {
        Outcome::Sent(sent) => Ok(*sent),
        Outcome::Queued => panic!("left to the batch sequencer"),
    }
}

async fn project_all(world: &World, conversation: &ConversationId) {
    assert!(project(projector_ports(world), world.log(conversation)).await.is_empty());
}

async fn sweep_now(world: &World) -> usize {
    let ports = SweepPorts {
        timers: world,
        eraser: world,
        media: world,
        objects: world,
        commitments: world,
        schedule: world,
        send: send_ports(world),
    };
    let terms = SendTerms { known: &KnownTails::default(), express_sockets_max: 16, races_lost_max: 0 };
    sweep(ports, terms).await.unwrap()
}

fn refusal(result: Result<Sent, SendError>) -> Refusal {
    match result {
        Err(SendError::Refused(refusal)) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

fn choices(request: &mut SendRequest, choices: &[&str]) {
    request.draft.content.choices = choices.iter().map(|choice| (*choice).into()).collect();
}

#[tokio::test(start_paused = true)]
async fn an_edit_is_the_authors_and_within_its_window() {
    let world = World::new(1);
    let (alice, bob) = (device("alice", "phone"), device("bob", "phone"));
    let chat = alice_and_bob();
    let sent = send(&world, &message(&alice, &chat, "1")).await.unwrap();
    let windows = Windows { edit_ms: Some(10_000), delete_ms: Some(20_000) };
    let edit = |by: &Sender, id: &str| event(by, &chat, id, EventKind::Edit);
    let edited = say(&world, windows, about(&sent), edit(&alice, "2")).await.unwrap();
    let target = edited.entry.target.unwrap();
    assert_eq!((target.message, target.sequence), (sent.entry.message_id(), sent.entry.sequence));
    assert_eq!(refusal(say(&world, windows, about(&sent), edit(&bob, "1")).await), Rule::OnlyAuthorEdits.into());
    let eve = device("eve", "phone");
    let found = refusal(say(&world, windows, about(&sent), edit(&eve, "1")).await);
    assert_eq!(found, Refusal::NotAMember(chat.clone()));
    // Named without its place, it is looked for.
    let unplaced = TargetRef { sequence: None, ..about(&sent) };
    assert!(say(&world, windows, unplaced, edit(&alice, "3")).await.is_ok());
    let misplaced = TargetRef { sequence: Some(edited.entry.sequence), ..about(&sent) };
    let missing = Refusal::NoSuchMessage(sent.entry.message_id());
    assert_eq!(refusal(say(&world, windows, misplaced, edit(&alice, "4")).await), missing);
    let an_edit = about(&Sent { entry: world.log(&chat)[1].clone(), duplicate: false, races_lost: 0 });
    let of_an_edit = refusal(say(&world, windows, an_edit, edit(&alice, "5")).await);
    assert_eq!(of_an_edit, Refusal::NoSuchMessage(an_edit.message), "an edit is no message");
    tokio::time::sleep(Duration::from_secs(11)).await;
    assert_eq!(refusal(say(&world, windows, about(&sent), edit(&alice, "6")).await), Rule::EditWindow.into());
    let again = say(&world, windows, about(&sent), edit(&alice, "2")).await.unwrap();
    assert!(again.duplicate, "what was accepted is so for ever");
    assert_eq!(again.entry.sequence, edited.entry.sequence);
}

#[tokio::test(start_paused = true)]
async fn a_deletion_takes_the_content_and_that_of_all_edits() {
    let world = World::new(1);
    let (alice, bob) = (device("alice", "phone"), device("bob", "phone"));
    let chat = alice_and_bob();
    let windows = Windows { edit_ms: None, delete_ms: Some(20_000) };
    let sent = send(&world, &message(&alice, &chat, "1")).await.unwrap();
    say(&world, windows, about(&sent), event(&alice, &chat, "2", EventKind::Edit)).await.unwrap();
    let deletion = |by: &Sender, id: &str| event(by, &chat, id, EventKind::Delete);
    let by_bob = refusal(say(&world, windows, about(&sent), deletion(&bob, "1")).await);
    assert_eq!(by_bob, Rule::OnlyAuthorOrAdminDeletes.into());
    project_all(&world, &chat).await;
    say(&world, windows, about(&sent), deletion(&alice, "3")).await.unwrap();
    // Accepted before the projector has come by; its content goes when it does.
    say(&world, windows, about(&sent), event(&alice, &chat, "4", EventKind::Edit)).await.unwrap();
    project_all(&world, &chat).await;
    let erased: Vec<_> = world.log(&chat).iter().map(|e| (e.erased, e.content.payload.to_string())).collect();
    let gone = (Some(Erasure::Deleted), "null".to_owned());
    let stays = (None, r#"{"text":"hey"}"#.to_owned());
    assert_eq!(erased, [gone.clone(), gone.clone(), stays, gone]);
    let missing = Refusal::NoSuchMessage(sent.entry.message_id());
    assert_eq!(refusal(say(&world, windows, about(&sent), deletion(&alice, "5")).await), missing);
    assert!(say(&world, windows, about(&sent), deletion(&alice, "3")).await.unwrap().duplicate);
    let history = edits(message_ports(&world), &bob.user, &chat, about(&sent), Sequence::ZERO, 10).await.unwrap();
    assert!(history.entries.iter().all(|entry| entry.content.payload.as_ref() == "null"));

    let late = send(&world, &message(&alice, &chat, "6")).await.unwrap();
    tokio::time::sleep(Duration::from_secs(21)).await;
    assert_eq!(refusal(say(&world, windows, about(&late), deletion(&alice, "7")).await), Rule::DeleteWindow.into());
}

#[tokio::test(start_paused = true)]
async fn in_a_group_admins_delete_what_others_sent_and_alone_mention_everyone() {
    let world = World::new(1);
    let [olga, carl, dora] = ["olga", "carl", "dora"].map(|name| device(name, "phone"));
    let group = ConversationId::parse("g:crew").unwrap();
    let ports = GroupPorts {
        log: &world,
        conversations: &world,
        invites: &world,
        media: &world,
        bus: &world,
        clock: &world,
        push_members_max: 256,
    };
    let settings = GroupSettings { title: "Crew".into(), ..GroupSettings::default() };
    create(ports, &olga, &group, settings, vec![carl.user.clone(), dora.user.clone()]).await.unwrap();
    let windows = Windows { edit_ms: None, delete_ms: Some(0) };
    let sent = send(&world, &message(&dora, &group, "1")).await.unwrap();
    let deletion = |by: &Sender, id: &str| event(by, &group, id, EventKind::Delete);
    let by_carl = refusal(say(&world, windows, about(&sent), deletion(&carl, "1")).await);
    assert_eq!(by_carl, Rule::OnlyAuthorOrAdminDeletes.into());
    let mut loud = message(&carl, &group, "2");
    loud.draft.content.mentions_all = true;
    assert_eq!(refusal(send(&world, &loud).await), Rule::OnlyAdminsMentionAll.into());
    change(ports, &olga, &group, &Command::SetRole(carl.user.clone(), Role::Admin)).await.unwrap();
    assert!(send(&world, &loud).await.is_ok());
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(say(&world, windows, about(&sent), deletion(&carl, "3")).await.is_ok(), "an admin needs no window");
    // Who was not in yet knows of no such message.
    change(ports, &olga, &group, &Command::Add(vec!["eve"].into_iter().map(user).collect())).await.unwrap();
    let eve = device("eve", "phone");
    let reaction = event(&eve, &group, "1", EventKind::Reaction);
    let found = refusal(say(&world, windows, about(&sent), reaction).await);
    assert_eq!(found, Refusal::NoSuchMessage(sent.entry.message_id()));
}

#[tokio::test(start_paused = true)]
async fn reactions_and_votes_are_counted_by_their_latest() {
    let world = World::new(1);
    let (alice, bob) = (device("alice", "phone"), device("bob", "phone"));
    let chat = alice_and_bob();
    let sent = send(&world, &message(&alice, &chat, "1")).await.unwrap();
    let none = Windows::default();
    for (by, id, what) in
        [(&alice, "r1", &["👍"][..]), (&bob, "r1", &["👍"]), (&bob, "r2", &["🎉"]), (&alice, "r2", &[])]
    {
        let mut request = event(by, &chat, id, EventKind::Reaction);
        choices(&mut request, what);
        say(&world, none, about(&sent), request).await.unwrap();
    }
    let vote = event(&bob, &chat, "v1", EventKind::Vote);
    assert_eq!(refusal(say(&world, none, about(&sent), vote.clone()).await), Rule::NotAPoll.into());
    let mut poll = message(&alice, &chat, "p");
    poll.draft.content.kind = ContentKind::Poll;
    let poll = send(&world, &poll).await.unwrap();
    let mut vote = event(&bob, &chat, "v2", EventKind::Vote);
    choices(&mut vote, &["yes", "maybe"]);
    say(&world, none, about(&poll), vote).await.unwrap();
    let edit = event(&alice, &chat, "e", EventKind::Edit);
    assert_eq!(refusal(say(&world, none, about(&poll), edit).await), Rule::NotEditable.into());
    project_all(&world, &chat).await;
    project_all(&world, &chat).await;
    let ports = message_ports(&world);
    let reactions = tallies(ports, &alice.user, &chat, about(&sent), TallyKind::Reactions, None, 10).await.unwrap();
    assert_eq!(reactions.counts, [("🎉".into(), 1)].into());
    let votes = tallies(ports, &alice.user, &chat, about(&poll), TallyKind::Votes, None, 10).await.unwrap();
    assert_eq!(votes.counts, [("yes".into(), 1), ("maybe".into(), 1)].into());
    let by_eve = tallies(ports, &user("eve"), &chat, about(&poll), TallyKind::Votes, None, 10).await;
    assert!(matches!(by_eve, Err(MessageError::Read(_))));
}

#[tokio::test(start_paused = true)]
async fn threads_have_their_own_unread() {
    let world = World::new(1);
    let (alice, bob) = (device("alice", "phone"), device("bob", "phone"));
    let chat = alice_and_bob();
    let root = send(&world, &message(&alice, &chat, "1")).await.unwrap().entry.message_id();
    for id in ["2", "3", "4"] {
        let mut reply = message(&alice, &chat, id);
        reply.draft.content.thread_root = Some(root);
        send(&world, &reply).await.unwrap();
    }
    project_all(&world, &chat).await;
    project_all(&world, &chat).await;
    let ports = message_ports(&world);
    let (list, next) = threads(ports, &bob.user, &chat, None, 10).await.unwrap();
    assert_eq!((list.len(), list[0].thread.replies, list[0].unread, next), (1, 3, 3, None));
    let replies = thread(ports, &bob.user, &chat, root, Sequence::ZERO, 2).await.unwrap();
    assert_eq!(
        (replies.entries.iter().map(|e| e.sequence.0).collect::<Vec<_>>(), replies.has_more),
        (vec![2, 3], true)
    );
    read_thread(ports, &bob.user, &chat, root, Sequence(3)).await.unwrap();
    assert_eq!(threads(ports, &bob.user, &chat, None, 10).await.unwrap().0[0].unread, 1);
    let beside = read_thread(ports, &bob.user, &chat, root, Sequence(1)).await;
    assert!(matches!(beside, Err(MessageError::NoSuchMessage(_))), "the first message is no reply");
    let by_eve = thread(ports, &user("eve"), &chat, root, Sequence::ZERO, 2).await;
    assert!(matches!(by_eve, Err(MessageError::Read(_))));
}

#[tokio::test(start_paused = true)]
async fn what_is_opened_once_shows_its_content_to_nobody_else() {
    let world = World::new(1);
    let (alice, bob, web) = (device("alice", "phone"), device("bob", "phone"), device("bob", "web"));
    world.open(&session(&bob, "b", &world));
    let chat = alice_and_bob();
    let mut secret = message(&alice, &chat, "1");
    secret.draft.content.is_view_once = true;
    let sent = send(&world, &secret).await.unwrap();
    drain_stream(&world).await;
    let told = world.posted();
    assert!(!told.is_empty() && told.iter().all(|p| !format!("{:?}", p.notice).contains("hey")), "{told:?}");
    let ports = message_ports(&world);
    let read = page(ports.read, &bob.user, &chat, Span::After(Sequence::ZERO), 10).await.unwrap();
    assert_eq!(read.entries[0].content.payload.as_ref(), "null");
    assert!(matches!(open(ports, &alice, &chat, about(&sent)).await, Err(MessageError::OwnMessage)));
    for _ in 0..2 {
        let opened = open(ports, &bob, &chat, about(&sent)).await.unwrap();
        assert_eq!(opened.content.payload.as_ref(), r#"{"text":"hey"}"#);
    }
    assert!(matches!(open(ports, &web, &chat, about(&sent)).await, Err(MessageError::Opened)));
    tokio::time::sleep(Duration::from_millis(OPEN_AGAIN_MS + 1_000)).await;
    let swept = sweep_now(&world).await;
    assert_eq!(swept, 1);
    assert_eq!(world.log(&chat)[0].erased, Some(Erasure::Viewed));
    assert!(matches!(open(ports, &bob, &chat, about(&sent)).await, Err(MessageError::NoSuchMessage(_))));
}

#[tokio::test(start_paused = true)]
async fn content_whose_life_has_ended_goes_from_the_log() {
    let world = World::new(1);
    let chat = alice_and_bob();
    let mut brief = message(&device("alice", "phone"), &chat, "1");
    brief.draft.content.ttl_seconds = Some(90);
    send(&world, &brief).await.unwrap();
    project_all(&world, &chat).await;
    for (after_s, swept) in [(60, 0), (20, 0), (11, 1), (600, 0), (60, 0)] {
        tokio::time::sleep(Duration::from_secs(after_s)).await;
        assert_eq!(sweep_now(&world).await, swept, "after {after_s} s more");
    }
    assert_eq!(world.log(&chat)[0].erased, Some(Erasure::Expired));
    // A sweeper that was away for hours begins where it stopped.
    let mut other = message(&device("alice", "phone"), &chat, "2");
    other.draft.content.ttl_seconds = Some(5);
    send(&world, &other).await.unwrap();
    project_all(&world, &chat).await;
    tokio::time::sleep(Duration::from_hours(7)).await;
    assert_eq!(sweep_now(&world).await, 1);
    // What comes late is done at once.
    let mut late = message(&device("alice", "phone"), &chat, "3");
    late.draft.content.ttl_seconds = Some(5);
    send(&world, &late).await.unwrap();
    tokio::time::sleep(Duration::from_mins(10)).await;
    project_all(&world, &chat).await;
    assert!(world.log(&chat).iter().all(|entry| entry.erased == Some(Erasure::Expired)));
}

#[tokio::test(start_paused = true)]
async fn pins_are_listed_for_who_may_see_the_message() {
    let world = World::new(1);
    let (alice, bob) = (device("alice", "phone"), device("bob", "phone"));
    let chat = alice_and_bob();
    let sent = send(&world, &message(&alice, &chat, "1")).await.unwrap();
    let none = Windows::default();
    say(&world, none, about(&sent), event(&bob, &chat, "p1", EventKind::Pin)).await.unwrap();
    project_all(&world, &chat).await;
    let listed = pins(message_ports(&world), &alice.user, &chat).await.unwrap();
    assert_eq!(
        listed.iter().map(|pin| (pin.message, pin.by.clone())).collect::<Vec<_>>(),
        [(sent.entry.message_id(), bob.user.clone())]
    );
    say(&world, none, about(&sent), event(&alice, &chat, "p2", EventKind::Unpin)).await.unwrap();
    project_all(&world, &chat).await;
    assert_eq!(pins(message_ports(&world), &alice.user, &chat).await.unwrap(), []);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever comes first and however often, a deleted message has no content left anywhere, and
    /// what is counted is what each has said last.
    #[test]
    fn the_projection_is_free_of_order_and_repeats(
        acts in proptest::collection::vec((0_u8..4, 0_u8..3), 1..20),
        order in any::<u64>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let world = World::new(order);
            let alice = device("alice", "phone");
            let chat = alice_and_bob();
            let sent = send(&world, &message(&alice, &chat, "m")).await.unwrap();
            let mut last: Option<String> = None;
            let mut is_deleted = false;
            for (n, (act, choice)) in acts.iter().enumerate() {
                let id = n.to_string();
                let request = match act {
                    0 => event(&alice, &chat, &id, EventKind::Edit),
                    1 if n > 10 => { is_deleted = true; event(&alice, &chat, &id, EventKind::Delete) }
                    _ => {
                        let mut request = event(&alice, &chat, &id, EventKind::Reaction);
                        last = (*choice > 0).then(|| format!("r{choice}"));
                        if let Some(reaction) = &last { choices(&mut request, &[reaction]) }
                        request
                    }
                };
                say(&world, Windows::default(), about(&sent), request).await.unwrap();
            }
            // Each entry twice, in an order of chance, one at a time.
            let mut entries: Vec<Entry> = world.log(&chat).into_iter().flat_map(|e| [e.clone(), e]).collect();
            for i in (1..entries.len()).rev() {
                entries.swap(i, usize::try_from(world.random_below(i as u64 + 1)).unwrap());
            }
            for entry in entries {
                assert!(project(projector_ports(&world), [entry]).await.is_empty());
            }
            for entry in world.log(&chat) {
                let had_content = matches!(entry.event, EventKind::Message | EventKind::Edit);
                prop_assert_eq!(entry.erased.is_some(), is_deleted && had_content, "at {}", entry.sequence);
            }
            let target = TargetRef { message: sent.entry.message_id(), sequence: Some(Sequence(1)) };
            let counted = tallies(message_ports(&world), &alice.user, &chat, target, TallyKind::Reactions, None, 9).await.unwrap();
            let expected: Vec<String> = last.into_iter().filter(|_| !is_deleted).collect();
            prop_assert_eq!(counted.counts.keys().map(ToString::to_string).collect::<Vec<_>>(), expected);
            Ok(())
        })?;
    }
}

/// An id that nothing has.
#[tokio::test(start_paused = true)]
async fn what_is_not_there_is_said_not_to_be() {
    let world = World::new(1);
    let alice = device("alice", "phone");
    let chat = alice_and_bob();
    let nothing = MessageId::parse("m:0a1b2c3d-4e5f-5a6b-8c7d-9e0f1a2b3c4d").unwrap();
    for sequence in [None, Some(Sequence::ZERO), Some(Sequence(7))] {
        let target = TargetRef { message: nothing, sequence };
        let found = refusal(say(&world, Windows::default(), target, event(&alice, &chat, "1", EventKind::Pin)).await);
        assert_eq!(found, Refusal::NoSuchMessage(nothing));
    }
}

fn scheduled(world: &World, conversation: &ConversationId, id: &str, after_s: u64) -> Scheduled {
    let sender = Sender { user: user("alice"), device: scheduling_device().unwrap() };
    let draft = message(&sender, conversation, id).draft;
    Scheduled { due: world.now().plus_ms(after_s * 1000), draft, refused: None }
}

#[tokio::test(start_paused = true)]
async fn a_scheduled_message_is_sent_once_at_its_time_and_can_be_moved_or_cancelled() {
    let world = World::new(1);
    let chat = alice_and_bob();
    world.open(&session(&device("alice", "phone"), "a", &world));
    let ports = SchedulePorts { schedule: &world, media: &world, conversations: &world, clock: &world };
    for (id, after_s) in [("one", 100), ("two", 100), ("three", 100), ("two", 300)] {
        schedule(ports, &scheduled(&world, &chat, id, after_s)).await.unwrap();
    }
    let three = scheduled(&world, &chat, "three", 1).draft.message_id();
    cancel(ports, &user("alice"), three).await.unwrap();
    assert!(matches!(cancel(ports, &user("alice"), three).await, Err(ScheduleError::NoSuchMessage(_))));
    let said = || world.log(&chat).iter().map(|e| e.client_msg_id.to_string()).collect::<Vec<_>>();
    tokio::time::sleep(Duration::from_mins(1)).await;
    sweep_now(&world).await;
    assert_eq!(said(), Vec::<String>::new());
    tokio::time::sleep(Duration::from_mins(1)).await;
    sweep_now(&world).await;
    sweep_now(&world).await;
    assert_eq!(said(), ["one"]);
    drain_stream(&world).await;
    assert_eq!(world.posted().len(), 1, "the user's own devices hear it");
    tokio::time::sleep(Duration::from_mins(10)).await;
    sweep_now(&world).await;
    assert_eq!(said(), ["one", "two"]);
    for after_s in [0, 366 * 24 * 3600] {
        let refused = schedule(ports, &scheduled(&world, &chat, "four", after_s)).await;
        assert!(matches!(refused, Err(ScheduleError::Time)));
    }
    let elsewhere = ConversationId::direct(user("bob"), user("carl"));
    let refused = schedule(ports, &scheduled(&world, &elsewhere, "five", 10)).await;
    assert!(matches!(refused, Err(ScheduleError::Read(_))));
}

#[tokio::test(start_paused = true)]
async fn a_scheduled_message_that_is_refused_says_why_and_a_lost_answer_sends_nothing_twice() {
    let world = World::new(1);
    let group = ConversationId::parse("g:crew").unwrap();
    let membership = GroupPorts {
        log: &world,
        conversations: &world,
        invites: &world,
        media: &world,
        bus: &world,
        clock: &world,
        push_members_max: 256,
    };
    let olga = device("olga", "phone");
    let settings = GroupSettings { title: "Crew".into(), ..GroupSettings::default() };
    create(membership, &olga, &group, settings, vec![user("alice")]).await.unwrap();
    let ports = SchedulePorts { schedule: &world, media: &world, conversations: &world, clock: &world };
    let late = scheduled(&world, &group, "late", 100);
    schedule(ports, &late).await.unwrap();
    schedule(ports, &scheduled(&world, &group, "soon", 10)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(20)).await;
    world.set_faults(Faults { answer_lost: 0.2, ..Faults::default() });
    for _ in 0..40 {
        let sweeping = SweepPorts {
            timers: &world,
            eraser: &world,
            media: &world,
            objects: &world,
            commitments: &world,
            schedule: &world,
            send: send_ports(&world),
        };
        let terms = SendTerms { known: &KnownTails::default(), express_sockets_max: 16, races_lost_max: 0 };
        let _ = sweep(sweeping, terms).await;
    }
    world.set_faults(Faults::default());
    let said = world.log(&group).iter().filter(|e| e.client_msg_id.as_str() == "soon").count();
    assert_eq!(said, 1);
    change(membership, &olga, &group, &Command::Remove(user("alice"))).await.unwrap();
    tokio::time::sleep(Duration::from_secs(200)).await;
    sweep_now(&world).await;
    let kept = tidings_domain::schedule::Schedule::find(&world, &user("alice"), late.draft.message_id()).await.unwrap();
    assert_eq!(kept.unwrap().refused.as_deref(), Some("not a member of g:crew"));
}

#[tokio::test(start_paused = true)]
async fn only_messages_with_something_to_read_are_unread() {
    let world = World::new(1);
    let (alice, bob) = (device("alice", "phone"), device("bob", "phone"));
    let chat = alice_and_bob();
    let first = send(&world, &message(&alice, &chat, "1")).await.unwrap();
    let mut loud = message(&alice, &chat, "2");
    loud.draft.content.mentions = vec![bob.user.clone()];
    let second = send(&world, &loud).await.unwrap();
    let none = Windows::default();
    for (id, what) in [("3", EventKind::Edit), ("4", EventKind::Reaction), ("5", EventKind::Pin)] {
        say(&world, none, about(&first), event(&alice, &chat, id, what)).await.unwrap();
    }
    drain_stream(&world).await;
    let counts = async || {
        let page = list(sync_ports(&world), &bob.user, &ListCursor::default(), 10).await.unwrap();
        (page.conversations[0].unread, page.conversations[0].mentions)
    };
    assert_eq!(counts().await, (2, 1));
    say(&world, none, about(&second), event(&alice, &chat, "6", EventKind::Delete)).await.unwrap();
    project_all(&world, &chat).await;
    drain_stream(&world).await;
    assert_eq!(counts().await, (1, 0), "what was deleted is not there to be read");
}
