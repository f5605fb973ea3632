//! Invite links: who comes in by one, who does not and why, and how often, under races.

use std::{collections::BTreeSet, time::Duration};

use futures_util::future::join_all;
use proptest::prelude::*;
use tidings_domain::{
    group::{Audience, Change, Group, GroupSettings, Role, Rule, SettingsPatch},
    history::{ReadPorts, Span, page},
    ids::{ConversationId, Sender, Sequence, UserId},
    invites::{
        self, Admission, Invite, InviteSecret, InviteTerms, InviteToken, decline, join, make_invite, preview, requests,
        revoke_invite,
    },
    limits::INVITES_MAX,
    membership::{Command, GroupError, GroupPorts, change, create, group_of},
    ports::Invites,
};
use tidings_memory::{Faults, World};

use crate::support::*;

const ANY: InviteTerms = InviteTerms { client_id: None, life_seconds: None, uses_max: None, needs_approval: false };

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

/// A group of olga, who has it, and of carl.
async fn made(world: &World) -> Group {
    let settings = GroupSettings { title: "Crew".into(), ..GroupSettings::default() };
    create(ports(world), &of("olga"), &group(), settings, vec![user("carl")]).await.unwrap()
}

async fn does(world: &World, name: &str, command: Command) -> Result<Group, GroupError> {
    change(ports(world), &of(name), &group(), &command).await
}

fn secret(n: usize) -> InviteSecret {
    InviteSecret::parse(&format!("secret-{n:015}")).unwrap()
}

async fn invited(world: &World, by: &str, n: usize, terms: InviteTerms) -> Result<Invite, GroupError> {
    make_invite(ports(world), &user(by), &group(), terms, secret(n)).await
}

fn token(n: usize) -> InviteToken {
    InviteToken { secret: secret(n), group: group() }
}

async fn joins(world: &World, name: &str, n: usize) -> Result<Admission, GroupError> {
    join(ports(world), &of(name), &token(n)).await
}

/// The rule that keeps somebody out, by the link and by its preview alike.
async fn kept_out(world: &World, name: &str, n: usize) -> Rule {
    let shown = preview(ports(world), &user(name), &token(n)).await.unwrap_err();
    match (joins(world, name, n).await, shown) {
        (Err(GroupError::Forbidden(rule)), GroupError::Forbidden(shown)) if rule == shown => rule,
        (joined, shown) => panic!("{joined:?}, {shown:?}"),
    }
}

fn joined(world: &World) -> Vec<(String, String)> {
    let events = world.log(&group()).into_iter().filter_map(|entry| Some((entry.sender.user, entry.membership?)));
    events
        .filter(|(_, event)| event.change == Change::Joined)
        .map(|(actor, event)| (actor.to_string(), event.users[0].to_string()))
        .collect()
}

async fn uses(world: &World, n: usize) -> u64 {
    world.door(&group(), &user("olga"), Some(&secret(n))).await.unwrap().invite.unwrap().uses
}

#[tokio::test(start_paused = true)]
async fn who_has_the_link_joins_and_sees_from_the_joining_on() {
    let world = World::new(1);
    made(&world).await;
    invited(&world, "carl", 1, ANY).await.unwrap();
    send(&world, &message(&of("carl"), &group(), "before")).await.unwrap();
    let shown = preview(ports(&world), &user("dora"), &token(1)).await.unwrap();
    assert_eq!((&*shown.group.settings.title, shown.group.member_count), ("Crew", 2));
    assert_eq!((shown.admission, shown.needs_approval), (Admission::Outside, false));
    assert_eq!(joins(&world, "dora", 1).await.unwrap(), Admission::Member);
    assert_eq!(joins(&world, "dora", 1).await.unwrap(), Admission::Member, "already");
    assert_eq!((joined(&world), uses(&world, 1).await), (vec![("dora".into(), "dora".into())], 1));
    assert_eq!(preview(ports(&world), &user("dora"), &token(1)).await.unwrap().admission, Admission::Member);
    let (group_now, own) = group_of(ports(&world), &user("dora"), &group()).await.unwrap();
    assert_eq!((group_now.member_count, own.role, own.joined_at), (3, Role::Member, Sequence(3)));
    assert!(group_now.roster.unwrap().contains(&user("dora")));
    let reading = ReadPorts { log: &world, conversations: &world, personal: &world, clock: &world };
    let seen = page(reading, &user("dora"), &group(), Span::After(Sequence::ZERO), 100).await.unwrap();
    assert_eq!(seen.entries.iter().map(|entry| entry.sequence.0).collect::<Vec<_>>(), [3]);
}

#[tokio::test(start_paused = true)]
async fn a_link_that_lets_nobody_in_says_why() {
    let world = World::new(1);
    made(&world).await;
    invited(&world, "olga", 1, InviteTerms { life_seconds: Some(60), ..ANY }).await.unwrap();
    invited(&world, "olga", 2, InviteTerms { uses_max: Some(1), ..ANY }).await.unwrap();
    for n in 3..6 {
        invited(&world, if n == 4 { "carl" } else { "olga" }, n, ANY).await.unwrap();
    }
    joins(&world, "dora", 1).await.unwrap();
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(kept_out(&world, "eve", 1).await, Rule::InviteExpired);
    joins(&world, "eve", 2).await.unwrap();
    assert_eq!(kept_out(&world, "finn", 2).await, Rule::InviteUsedUp);
    assert_eq!(joins(&world, "eve", 2).await.unwrap(), Admission::Member, "a member sees it all the same");
    revoke_invite(ports(&world), &user("olga"), &group(), &secret(3)).await.unwrap();
    revoke_invite(ports(&world), &user("olga"), &group(), &secret(3)).await.unwrap();
    assert_eq!(kept_out(&world, "finn", 3).await, Rule::InviteRevoked);
    let admins = SettingsPatch { may_add: Some(Audience::Admins), ..SettingsPatch::default() };
    does(&world, "olga", Command::Configure(admins)).await.unwrap();
    assert_eq!(kept_out(&world, "finn", 4).await, Rule::InviteRevoked, "its maker may add no more");
    does(&world, "olga", Command::SetRole(user("carl"), Role::Admin)).await.unwrap();
    joins(&world, "finn", 4).await.unwrap();
    does(&world, "carl", Command::Leave).await.unwrap();
    assert_eq!(kept_out(&world, "gina", 4).await, Rule::InviteRevoked, "its maker has left");
    does(&world, "olga", Command::Dissolve).await.unwrap();
    assert_eq!(kept_out(&world, "gina", 5).await, Rule::Dissolved);
    for result in [joins(&world, "gina", 99).await, joins(&world, "olga", 99).await] {
        assert!(matches!(result, Err(GroupError::NoSuchInvite)));
    }
    let elsewhere = InviteToken { secret: secret(5), group: ConversationId::parse("g:other").unwrap() };
    assert!(matches!(join(ports(&world), &of("gina"), &elsewhere).await, Err(GroupError::NoSuchInvite)));
}

#[tokio::test(start_paused = true)]
async fn who_was_taken_out_does_not_come_back_by_a_link_and_who_left_does() {
    let world = World::new(1);
    made(&world).await;
    invited(&world, "olga", 1, ANY).await.unwrap();
    joins(&world, "dora", 1).await.unwrap();
    does(&world, "dora", Command::Remove(user("dora"))).await.unwrap();
    joins(&world, "dora", 1).await.unwrap();
    does(&world, "olga", Command::Remove(user("dora"))).await.unwrap();
    assert_eq!(kept_out(&world, "dora", 1).await, Rule::RemovedBefore);
    does(&world, "carl", Command::Add(vec![user("dora")])).await.unwrap();
    does(&world, "dora", Command::Leave).await.unwrap();
    joins(&world, "dora", 1).await.unwrap();
    assert_eq!(uses(&world, 1).await, 3);
}

#[tokio::test(start_paused = true)]
async fn where_a_member_must_agree_one_asks() {
    let world = World::new(1);
    made(&world).await;
    invited(&world, "olga", 1, InviteTerms { needs_approval: true, uses_max: Some(2), ..ANY }).await.unwrap();
    let asking = |name: &'static str| joins(&world, name, 1);
    for name in ["dora", "eve", "dora", "finn"] {
        assert_eq!(asking(name).await.unwrap(), Admission::Asked);
    }
    assert_eq!(preview(ports(&world), &user("eve"), &token(1)).await.unwrap().admission, Admission::Asked);
    let asked = async |after: Option<&str>, limit| {
        let after = after.map(user);
        let (found, next) = requests(ports(&world), &user("carl"), &group(), after.as_ref(), limit).await.unwrap();
        (found.iter().map(|r| r.user.to_string()).collect::<Vec<_>>(), next.map(|user| user.to_string()))
    };
    assert_eq!(asked(None, 2).await, (vec!["dora".into(), "eve".into()], Some("eve".into())));
    assert_eq!(asked(Some("eve"), 2).await, (vec!["finn".into()], None));
    let past_approval = does(&world, "gina", Command::Join(secret(1))).await;
    assert!(matches!(past_approval, Err(GroupError::Forbidden(Rule::InviteNeedsApproval))));
    // Two agree at once.
    let both = ["olga", "carl"].map(|name| does(&world, name, Command::Admit(user("dora"))));
    assert!(join_all(both).await.into_iter().all(|done| done.is_ok()));
    does(&world, "carl", Command::Admit(user("olga"))).await.unwrap();
    decline(ports(&world), &user("carl"), &group(), &user("eve")).await.unwrap();
    decline(ports(&world), &user("finn"), &group(), &user("finn")).await.unwrap();
    for name in ["eve", "finn", "nobody"] {
        assert!(matches!(does(&world, "olga", Command::Admit(user(name))).await, Err(GroupError::NoSuchRequest(_))));
    }
    assert_eq!(asked(None, 9).await, (vec![], None));
    assert_eq!((joined(&world).len(), uses(&world, 1).await), (1, 1));
    // Who is added in another way has no request any more, nor when they have gone again.
    asking("eve").await.unwrap();
    does(&world, "olga", Command::Add(vec![user("eve")])).await.unwrap();
    assert_eq!(asked(None, 9).await.0, Vec::<String>::new());
    does(&world, "eve", Command::Leave).await.unwrap();
    assert_eq!(asked(None, 9).await.0, Vec::<String>::new());
    // An invite that has gone is no reason to turn away who came by it.
    asking("eve").await.unwrap();
    world.forget_invite(&group(), &secret(1)).await.unwrap();
    does(&world, "olga", Command::Admit(user("eve"))).await.unwrap();
    assert_eq!(joined(&world).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn invites_are_for_those_who_may_add() {
    let world = World::new(1);
    made(&world).await;
    invited(&world, "olga", 1, ANY).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1)).await;
    invited(&world, "carl", 2, ANY).await.unwrap();
    let seen = async |name: &str| {
        let invites = invites::invites(ports(&world), &user(name), &group()).await?;
        Ok::<_, GroupError>(invites.into_iter().map(|invite| invite.secret).collect::<Vec<_>>())
    };
    assert_eq!(seen("olga").await.unwrap(), [secret(2), secret(1)]);
    assert_eq!(seen("carl").await.unwrap(), [secret(2)]);
    let foreign = revoke_invite(ports(&world), &user("carl"), &group(), &secret(1)).await;
    assert!(matches!(foreign, Err(GroupError::NoSuchInvite)));
    revoke_invite(ports(&world), &user("olga"), &group(), &secret(2)).await.unwrap();
    assert!(matches!(seen("dora").await, Err(GroupError::NotAMember(_))));
    assert!(matches!(invited(&world, "dora", 3, ANY).await, Err(GroupError::NotAMember(_))));
    let admins = SettingsPatch { may_add: Some(Audience::Admins), ..SettingsPatch::default() };
    does(&world, "olga", Command::Configure(admins)).await.unwrap();
    for refused in [
        invited(&world, "carl", 3, ANY).await.err(),
        seen("carl").await.err(),
        requests(ports(&world), &user("carl"), &group(), None, 9).await.err(),
        does(&world, "carl", Command::Admit(user("dora"))).await.err(),
        decline(ports(&world), &user("carl"), &group(), &user("dora")).await.err(),
    ] {
        assert!(matches!(refused, Some(GroupError::Forbidden(Rule::OnlyAdminsAdd))), "{refused:?}");
    }
    does(&world, "olga", Command::Dissolve).await.unwrap();
    let ended = invited(&world, "olga", 3, ANY).await;
    assert!(matches!(ended, Err(GroupError::Forbidden(Rule::Dissolved))));
}

#[tokio::test(start_paused = true)]
async fn a_group_has_so_many_invites_and_dead_ones_make_place() {
    let world = World::new(1);
    made(&world).await;
    let named = |id: &str| InviteTerms { client_id: Some(id.into()), ..ANY };
    let first = invited(&world, "olga", 0, named("poster")).await.unwrap();
    assert_eq!(invited(&world, "olga", 1, named("poster")).await.unwrap(), first, "the same again");
    assert_ne!(invited(&world, "carl", 1, named("poster")).await.unwrap().secret, first.secret, "another's");
    for n in 2..INVITES_MAX {
        invited(&world, "olga", n, ANY).await.unwrap();
    }
    assert!(matches!(invited(&world, "olga", 99, ANY).await, Err(GroupError::TooManyInvites)));
    revoke_invite(ports(&world), &user("olga"), &group(), &secret(7)).await.unwrap();
    invited(&world, "olga", 99, ANY).await.unwrap();
    assert!(matches!(joins(&world, "dora", 7).await, Err(GroupError::NoSuchInvite)));
    assert_eq!(world.invites(&group()).await.unwrap().len(), INVITES_MAX);
}

/// Tries until the answer is one.
async fn persists(world: &World, name: &str) -> Result<(), Rule> {
    loop {
        match joins(world, name, 1).await {
            Ok(_) => return Ok(()),
            Err(GroupError::Forbidden(rule)) => return Err(rule),
            Err(_) => tokio::time::sleep(Duration::from_millis(world.random_below(200))).await,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// However many come at once and whatever fails, a link lets in as many as it may and says so to
    /// the others; what it has counted is what the log says.
    #[test]
    fn a_link_lets_in_as_many_as_it_may(
        seed: u64,
        uses_max in 1_u64..16,
        comers in 1_u64..24,
        refused in 0.0..0.1,
        answer_lost in 0.0..0.2,
        latency_ms_max in 1_u64..20,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let world = World::new(seed);
            made(&world).await;
            invited(&world, "olga", 1, InviteTerms { uses_max: Some(uses_max), ..ANY }).await.unwrap();
            world.set_faults(Faults { refused, answer_lost, latency_ms_max, ..Faults::default() });
            let names: Vec<String> = (0..comers).map(|n| format!("user{n}")).collect();
            let answers = join_all(names.iter().map(|name| persists(&world, name))).await;
            world.set_faults(Faults::default());

            let let_in = uses_max.min(comers);
            prop_assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count() as u64, let_in);
            prop_assert!(answers.iter().all(|answer| matches!(answer, Ok(()) | Err(Rule::InviteUsedUp))));
            prop_assert_eq!(uses(&world, 1).await, let_in);
            let members: BTreeSet<UserId> = joined(&world).iter().map(|(_, name)| user(name)).collect();
            prop_assert_eq!(members.len() as u64, let_in);
            prop_assert_eq!(joined(&world).len() as u64, let_in, "each once");
            for (name, answer) in names.iter().zip(&answers) {
                prop_assert_eq!(members.contains(&user(name)), answer.is_ok());
                prop_assert_eq!(group_of(ports(&world), &user(name), &group()).await.is_ok(), answer.is_ok());
            }
            Ok(())
        })?;
    }

    /// Comers race with those who take them out: nobody who was taken out comes back.
    #[test]
    fn nobody_comes_in_against_what_the_log_says(
        seed: u64,
        answer_lost in 0.0..0.2,
        latency_ms_max in 1_u64..20,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let world = World::new(seed);
            made(&world).await;
            invited(&world, "olga", 1, ANY).await.unwrap();
            world.set_faults(Faults { answer_lost, latency_ms_max, ..Faults::default() });
            let come = join_all(["dora", "eve", "finn"].map(|name| {
                let world = &world;
                async move {
                    for _ in 0..6 {
                        let _ = joins(world, name, 1).await;
                        tokio::time::sleep(Duration::from_millis(world.random_below(60))).await;
                    }
                }
            }));
            let oust = join_all(["dora", "eve"].map(|name| {
                let world = &world;
                async move {
                    for _ in 0..3 {
                        tokio::time::sleep(Duration::from_millis(world.random_below(120))).await;
                        let _ = does(world, "olga", Command::Remove(user(name))).await;
                    }
                }
            }));
            futures_util::future::join(come, oust).await;
            world.set_faults(Faults::default());
            let mut ousted = BTreeSet::new();
            let mut members: BTreeSet<UserId> = [user("olga"), user("carl")].into();
            for event in world.log(&group()).into_iter().filter_map(|entry| entry.membership) {
                if event.change == Change::Joined {
                    prop_assert!(event.users.iter().all(|user| !ousted.contains(user)), "{:?} came back", event.users);
                }
                if event.change == Change::Removed {
                    ousted.extend(event.users.iter().cloned());
                }
                members.extend(event.arrived().iter().cloned());
                members.retain(|user| !event.departed().contains(user));
            }
            let (group, _) = group_of(ports(&world), &user("olga"), &group()).await.unwrap();
            prop_assert_eq!(group.roster, Some(members));
            Ok(())
        })?;
    }
}
