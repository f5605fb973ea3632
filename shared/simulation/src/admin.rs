//! Groups: made at the start, and changed while it is rough, by whoever feels like it.

use std::rc::Rc;

use tidings_domain::{
    group::{GroupSettings, Role, SettingsPatch},
    ids::{ConversationId, DeviceId, Sender, UserId},
    invites::InviteSecret,
    membership::{Command, GroupError},
};

use crate::{
    chance::Chance,
    lambda::{Function, invoke},
    sim::Sim,
};

/// Makes the groups, and changes them for as long as it is rough.
pub(crate) async fn run_groups(sim: Rc<Sim>) {
    let chance = &mut Chance::of(sim.seed, "admin");
    for (group, members) in &sim.plan.groups {
        make(&sim, group, members).await;
    }
    let groups: Vec<ConversationId> = sim.plan.groups.keys().cloned().collect();
    while let Some(group) = chance.pick(&groups) {
        sim.wait_ms(chance.within(200..4_000)).await;
        if !sim.is_stormy() {
            return;
        }
        // Often two at once, of whom one loses the race.
        for _ in 0..chance.within(1..3) {
            let Some((actor, command)) = command(&sim, group, chance) else { continue };
            let (sim, group) = (sim.clone(), group.clone());
            tokio::task::spawn_local(async move { change(&sim, &actor, &group, &command).await });
        }
    }
}

/// Makes a group, however often it takes.
async fn make(sim: &Rc<Sim>, group: &ConversationId, members: &[UserId]) {
    let Some(owner) = members.first().and_then(admin_device) else { return };
    let settings = GroupSettings { title: "Team".into(), ..GroupSettings::default() };
    loop {
        let made = invoke(sim, Function::Groups, async |i| {
            i.create_group(&owner, group, settings.clone(), members.to_vec()).await
        });
        if matches!(made.await, Some(Ok(_))) {
            break;
        }
        sim.wait_ms(200).await;
    }
    // Anyone may come back by it, but who was taken out by another.
    let Ok(secret) = InviteSecret::parse(INVITE) else { return };
    loop {
        let made = invoke(sim, Function::Groups, async |i| i.invite(&owner.user, group, secret.clone()).await);
        if matches!(made.await, Some(Ok(_))) {
            return;
        }
        sim.wait_ms(200).await;
    }
}

/// The secret of each group's invite.
const INVITE: &str = "a-secret-of-22-letters";

fn command(sim: &Sim, group: &ConversationId, chance: &mut Chance) -> Option<(Sender, Command)> {
    let actor = admin_device(chance.pick(&sim.plan.users)?)?;
    let user = chance.pick(&sim.plan.users)?.clone();
    let is_in = sim.checker.borrow().sees_from(group, &user).is_some();
    let command = match chance.below(10) {
        0 => Command::Leave,
        1 => Command::SetRole(user, Role::Owner),
        2..4 => Command::SetRole(user, Role::Admin),
        4 => Command::Configure(SettingsPatch {
            title: Some(format!("Team {}", chance.below(100)).into()),
            ..SettingsPatch::default()
        }),
        _ if is_in => Command::Remove(user),
        5..7 => return Some((admin_device(&user)?, Command::Join(InviteSecret::parse(INVITE).ok()?))),
        _ => Command::Add(vec![user]),
    };
    Some((actor, command))
}

async fn change(sim: &Rc<Sim>, actor: &Sender, group: &ConversationId, command: &Command) {
    sim.trace(&actor.user.to_string(), Some(group), || format!("wants {command:?}"));
    let changed = invoke(sim, Function::Groups, async |i| i.change_group(actor, group, command).await).await;
    sim.count(match changed {
        Some(Ok(_)) => "group changes made",
        Some(Err(GroupError::Contended | GroupError::Unavailable(_))) | None => "group changes that failed",
        Some(Err(_)) => "group changes refused",
    });
}

fn admin_device(user: &UserId) -> Option<Sender> {
    Some(Sender { user: user.clone(), device: DeviceId::parse("admin").ok()? })
}
