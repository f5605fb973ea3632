//! Pictures of groups: claimed by the event that sets them, let go of by the one that follows, whatever fails.

use std::time::Duration;

use futures_util::future::join_all;
use proptest::prelude::*;
use tidings_domain::{
    group::{Group, GroupSettings, Role, SettingsPatch},
    ids::{ConversationId, MediaHandle, MessageId, Sender, Timestamp},
    invites::{InviteSecret, InviteTerms, InviteToken, make_invite, revoke_invite},
    limits::{MEDIA_CLAIM_MS, MEDIA_COLLECT_MS, MEDIA_UPLOAD_MS},
    media::{Claims, Media, MediaError, MediaStatus, MediaView, offer, view, view_by_invite},
    membership::{Command, GroupError, GroupPorts, change, create, group_of},
    send::Refusal,
};
use tidings_memory::{Faults, World};

use crate::{
    media::{key_of, picture, project_all, project_backwards, sweep_now, upload, uploads, views},
    support::*,
};

fn ports(world: &World) -> GroupPorts<'_> {
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

fn group() -> ConversationId {
    ConversationId::parse("g:crew").unwrap()
}

fn of(name: &str) -> Sender {
    device(name, "phone")
}

async fn made(world: &World, members: &[&str]) -> Group {
    let settings = GroupSettings { title: "Crew".into(), ..GroupSettings::default() };
    let members = members.iter().map(|name| user(name)).collect();
    create(ports(world), &of("olga"), &group(), settings, members).await.unwrap()
}

fn picture_is(handle: Option<MediaHandle>) -> Command {
    let avatar = Some(handle.map(|handle| handle.to_string().into()));
    Command::Configure(SettingsPatch { avatar, ..SettingsPatch::default() })
}

async fn does(world: &World, name: &str, command: Command) -> Result<Group, GroupError> {
    change(ports(world), &of(name), &group(), &command).await
}

async fn sees(world: &World, name: &str, handle: MediaHandle) -> Result<MediaView, MediaError> {
    view(views(world), &user(name), handle).await
}

async fn references(world: &World, handle: MediaHandle) -> u64 {
    Media::find(world, handle).await.unwrap().unwrap().references
}

#[tokio::test(start_paused = true)]
async fn a_picture_lives_while_it_is_the_groups_and_every_member_sees_it() {
    let world = World::new(1);
    // From now on the sweeper knows how far it has come.
    sweep_now(&world).await;
    made(&world, &["carl"]).await;
    let one = upload(&world, &of("olga"), &group(), &picture(1, '1')).await;
    let two = upload(&world, &of("olga"), &group(), &picture(1, '2')).await;
    assert!(matches!(sees(&world, "carl", one).await, Err(MediaError::NoSuchMedia)));
    for _ in 0..2 {
        does(&world, "olga", picture_is(Some(one))).await.unwrap();
    }
    assert_eq!(references(&world, one).await, 1, "what is so already is claimed once");
    does(&world, "olga", Command::Add(vec![user("dora")])).await.unwrap();
    project_all(&world, &group()).await;
    // Who joined later sees no message of before, but the picture.
    for name in ["olga", "carl", "dora"] {
        assert!(sees(&world, name, one).await.unwrap().url.is_some(), "{name}");
    }
    assert!(matches!(sees(&world, "eve", one).await, Err(MediaError::Read(_))));
    // Long after the time in which an upload waits for its first message.
    world.wait(Duration::from_millis(MEDIA_CLAIM_MS + MEDIA_UPLOAD_MS + MEDIA_COLLECT_MS)).await;
    sweep_now(&world).await;
    assert!(sees(&world, "dora", one).await.is_ok());
    assert!(matches!(sees(&world, "olga", two).await, Err(MediaError::NoSuchMedia)), "it waited in vain");

    let two = upload(&world, &of("olga"), &group(), &picture(1, '2')).await;
    let settings = does(&world, "olga", picture_is(Some(two))).await.unwrap().settings;
    assert_eq!(settings.avatar.as_deref(), Some(two.to_string().as_str()));
    project_all(&world, &group()).await;
    assert!(matches!(sees(&world, "olga", one).await, Err(MediaError::NoSuchMedia)));
    assert_eq!(world.objects(), [key_of(&world, two).await]);
    does(&world, "olga", picture_is(None)).await.unwrap();
    project_all(&world, &group()).await;
    assert_eq!(world.objects(), []);
}

#[tokio::test(start_paused = true)]
async fn a_group_that_ends_lets_go_of_its_picture() {
    for command in [Command::Dissolve, Command::Leave] {
        let world = World::new(1);
        made(&world, &[]).await;
        let handle = upload(&world, &of("olga"), &group(), &picture(1, '1')).await;
        does(&world, "olga", picture_is(Some(handle))).await.unwrap();
        project_all(&world, &group()).await;
        assert_eq!(does(&world, "olga", command).await.unwrap().settings.avatar, None);
        project_all(&world, &group()).await;
        assert_eq!(world.objects(), []);
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_a_picture_is_refused_and_changes_nothing() {
    let world = World::new(1);
    made(&world, &[]).await;
    let (owner, other, blob) = (of("olga"), ConversationId::parse("g:other").unwrap(), picture(1, '2'));
    let settings = GroupSettings { title: "Other".into(), ..GroupSettings::default() };
    create(ports(&world), &owner, &other, settings, Vec::new()).await.unwrap();
    let elsewhere = upload(&world, &owner, &other, &picture(1, '1')).await;
    let never = MediaHandle::of(&group(), "image/png", 9, "");
    let pending = offer(uploads(&world), &owner.user, &group(), &blob).await.unwrap().handle;
    let before = world.log(&group()).len();
    for (handle, expected) in
        [(elsewhere, Refusal::NoSuchMedia), (never, Refusal::NoSuchMedia), (pending, Refusal::MediaNotReady)]
    {
        match does(&world, "olga", picture_is(Some(handle))).await {
            Err(GroupError::Avatar(refusal)) => assert_eq!(refusal, expected),
            other => panic!("not refused: {other:?}"),
        }
    }
    let text = SettingsPatch { avatar: Some(Some("h:1".into())), ..SettingsPatch::default() };
    assert!(matches!(does(&world, "olga", Command::Configure(text)).await, Err(GroupError::Avatar(_))));
    assert_eq!(world.log(&group()).len(), before);
    assert_eq!(references(&world, elsewhere).await, 0);
    // A group that is not there yet has no content.
    let settings =
        GroupSettings { title: "New".into(), avatar: Some(elsewhere.to_string().into()), ..GroupSettings::default() };
    let new = ConversationId::parse("g:new").unwrap();
    let made = create(ports(&world), &of("olga"), &new, settings, Vec::new()).await;
    assert!(matches!(made, Err(GroupError::Avatar(Refusal::NoSuchMedia))));
    assert_eq!(world.log(&new), []);
}

/// A change that dies between its claim and its event leaves a claim behind.
#[tokio::test(start_paused = true)]
async fn the_claim_of_an_event_that_never_came_is_collected() {
    let world = World::new(1);
    made(&world, &[]).await;
    let handle = upload(&world, &of("olga"), &group(), &picture(1, '1')).await;
    let place = world.log(&group()).last().unwrap().sequence.next();
    world.claim(handle, &group(), MessageId::of_avatar(&group(), place), world.now()).await.unwrap();
    for _ in 0..3 {
        world.wait(Duration::from_millis(MEDIA_CLAIM_MS + 120_000)).await;
        sweep_now(&world).await;
    }
    assert_eq!(world.objects(), []);
}

#[tokio::test(start_paused = true)]
async fn a_link_shows_the_picture_that_is_the_groups_now_and_nothing_else() {
    let world = World::new(1);
    made(&world, &[]).await;
    let shown = upload(&world, &of("olga"), &group(), &picture(1, '1')).await;
    let other = upload(&world, &of("olga"), &group(), &picture(1, '2')).await;
    does(&world, "olga", picture_is(Some(shown))).await.unwrap();
    let secret = InviteSecret::parse("AbCdEfGhIjKlMnOpQrSt-_").unwrap();
    let terms = InviteTerms { client_id: None, life_seconds: None, uses_max: None, needs_approval: true };
    make_invite(ports(&world), &user("olga"), &group(), terms, secret.clone()).await.unwrap();
    let token = InviteToken { secret: secret.clone(), group: group() };
    let look = async |handle| view_by_invite(views(&world), &world, &user("eve"), &token, handle).await;
    assert!(look(shown).await.unwrap().url.is_some());
    assert!(matches!(look(other).await, Err(MediaError::NoSuchMedia)));
    let guessed = InviteToken { secret: InviteSecret::parse("ZZCdEfGhIjKlMnOpQrSt-_").unwrap(), group: group() };
    let refused = view_by_invite(views(&world), &world, &user("eve"), &guessed, shown).await;
    assert!(matches!(refused, Err(MediaError::NoSuchMedia)));
    revoke_invite(ports(&world), &user("olga"), &group(), &secret).await.unwrap();
    assert!(matches!(look(shown).await, Err(MediaError::NoSuchMedia)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Admins set pictures against each other while calls fail and answers are lost. The one that the group has is
    /// there, claimed once by its event; what it is not goes.
    #[test]
    fn under_races_and_faults_the_picture_is_there_and_no_other(
        seed in any::<u64>(), refused in 0.0..0.2_f64, answer_lost in 0.0..0.2_f64, last in prop::option::of(0..3_usize),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let world = World::new(seed);
            made(&world, &["carl", "dora"]).await;
            for name in ["carl", "dora"] {
                does(&world, "olga", Command::SetRole(user(name), Role::Admin)).await.unwrap();
            }
            sweep_now(&world).await;
            let mut pictures = Vec::new();
            for digit in ['1', '2', '3'] {
                pictures.push(upload(&world, &of("olga"), &group(), &picture(1, digit)).await);
            }
            world.set_faults(Faults { refused, answer_lost, latency_ms_max: 40, ..Faults::default() });
            join_all(["olga", "carl", "dora"].iter().enumerate().map(|(n, name)| {
                let (world, pictures) = (&world, &pictures);
                async move {
                    for turn in 0..6 {
                        let picture = pictures.get((n + turn) % 4).copied();
                        let _ = does(world, name, picture_is(picture)).await;
                    }
                }
            })).await;
            world.set_faults(Faults::default());
            // The stream's records may come again, and in any order.
            project_backwards(&world, &group()).await;
            project_all(&world, &group()).await;
            let wanted = last.map(|n| pictures[n]);
            if let Some(n) = last
                && Media::find(&world, pictures[n]).await.unwrap().unwrap().status == MediaStatus::Gone
            {
                upload(&world, &of("olga"), &group(), &picture(1, ['1', '2', '3'][n])).await;
            }
            does(&world, "olga", picture_is(wanted)).await.unwrap();
            project_all(&world, &group()).await;
            for _ in 0..4 {
                world.wait(Duration::from_millis(MEDIA_CLAIM_MS + 120_000)).await;
                sweep_now(&world).await;
            }
            let (group, _) = group_of(ports(&world), &user("olga"), &group()).await.unwrap();
            let text = wanted.map(|handle| handle.to_string());
            prop_assert_eq!(group.settings.avatar.as_deref(), text.as_deref());
            prop_assert_eq!(group.avatar_since.is_some(), wanted.is_some());
            let mut expected = Vec::new();
            if let Some(handle) = wanted {
                expected.push(key_of(&world, handle).await);
                prop_assert_eq!(references(&world, handle).await, 1);
                prop_assert!(sees(&world, "carl", handle).await.unwrap().url.is_some());
            }
            prop_assert_eq!(world.objects(), expected);
            prop_assert!(world.now() > Timestamp(0));
            Ok(())
        })?;
    }
}
