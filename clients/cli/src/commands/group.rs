//! `tidings group`: groups, their members, and the ways into them.

use std::path::PathBuf;

use tidings_sdk::{
    Http,
    media::MediaFile,
    protocol::{
        groups::{GroupAudience, GroupCreate, GroupInfo, GroupRole, GroupUpdate},
        invites::{InviteAdmission, InviteCreate, InviteInfo, InviteStatus},
    },
};
use tidings_secure::Membership;

use crate::{
    clock::{Zone, now_ms},
    failure::Result,
    names, output, render,
    service::{Service, ServiceArgs},
};

const MINUTE_SECONDS: u64 = 60;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Make a group.
    Create {
        /// Its title.
        title: String,
        /// The first members, beside yourself.
        members: Vec<String>,
        /// What it is about.
        #[arg(long)]
        description: Option<String>,
        /// Do not encrypt it: for whoever has no keys, such as a bot.
        #[arg(long)]
        clear: bool,
    },
    /// Show a group and its members.
    Show {
        /// The group: g:ID.
        group: String,
    },
    /// Change a group.
    Set(SetArgs),
    /// Add members.
    Add {
        /// The group: g:ID.
        group: String,
        /// Who.
        #[arg(required = true)]
        users: Vec<String>,
    },
    /// Remove a member.
    Remove {
        /// The group: g:ID.
        group: String,
        /// Who.
        who: String,
    },
    /// Leave.
    Leave {
        /// The group: g:ID.
        group: String,
    },
    /// Give a member another role; `owner` hands the group over.
    Role {
        /// The group: g:ID.
        group: String,
        /// Who.
        who: String,
        /// What they are from now on.
        role: Role,
    },
    /// End a group for everyone.
    Dissolve {
        /// The group: g:ID.
        group: String,
    },
    #[command(flatten)]
    Door(Door),
}

#[derive(clap::Subcommand)]
enum Door {
    /// Make an invite link.
    Invite {
        /// The group: g:ID.
        group: String,
        /// It lets nobody in after so many minutes.
        #[arg(long, value_name = "MINUTES")]
        expires: Option<u64>,
        /// It lets in so many.
        #[arg(long, value_name = "N")]
        uses: Option<u64>,
        /// A member must agree to each.
        #[arg(long)]
        approval: bool,
    },
    /// Show the invites.
    Invites {
        /// The group: g:ID.
        group: String,
    },
    /// Take an invite back.
    Revoke {
        /// The group: g:ID.
        group: String,
        /// The first part of its token, up to the dot, or the whole.
        invite: String,
    },
    /// Show the group that a link leads to.
    Look {
        /// What the link ends with.
        link: String,
    },
    /// Join by a link, or ask to.
    Join {
        /// What the link ends with.
        link: String,
    },
    /// Show who asks to be let in.
    Requests {
        /// The group: g:ID.
        group: String,
    },
    /// Let somebody in who asks.
    Approve {
        /// The group: g:ID.
        group: String,
        /// Who.
        who: String,
    },
    /// Turn somebody away who asks.
    Decline {
        /// The group: g:ID.
        group: String,
        /// Who.
        who: String,
    },
}

#[derive(clap::Args)]
struct SetArgs {
    /// The group: g:ID.
    group: String,
    /// Its title.
    #[arg(long)]
    title: Option<String>,
    /// What it is about; empty: nothing.
    #[arg(long)]
    description: Option<String>,
    /// Its picture, a media handle; empty: none.
    #[arg(long)]
    avatar: Option<String>,
    /// Its picture, a file, which is uploaded.
    #[arg(long, value_name = "FILE", conflicts_with = "avatar")]
    picture: Option<PathBuf>,
    /// Who may send.
    #[arg(long, value_name = "WHO")]
    post: Option<Audience>,
    /// Who may add members.
    #[arg(long, value_name = "WHO")]
    add: Option<Audience>,
    /// Seconds that a member waits between two messages; 0: none.
    #[arg(long, value_name = "SECONDS")]
    slow: Option<u64>,
    /// The life of messages that name none, in seconds; 0: for ever.
    #[arg(long, value_name = "SECONDS")]
    ttl: Option<u64>,
}

impl SetArgs {
    fn update(&self) -> GroupUpdate {
        let given = |text: &Option<String>| text.clone().map(|text| Some(text).filter(|text| !text.is_empty()));
        GroupUpdate {
            title: self.title.clone(),
            description: given(&self.description),
            avatar: given(&self.avatar),
            may_post: self.post.map(Into::into),
            may_add: self.add.map(Into::into),
            slow_mode_seconds: self.slow,
            ttl_seconds: self.ttl.map(|seconds| Some(seconds).filter(|seconds| *seconds > 0)),
        }
    }
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Audience {
    All,
    Admins,
}

impl From<Audience> for GroupAudience {
    fn from(audience: Audience) -> Self {
        match audience {
            Audience::All => Self::All,
            Audience::Admins => Self::Admins,
        }
    }
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Role {
    Member,
    Admin,
    Owner,
}

impl From<Role> for GroupRole {
    fn from(role: Role) -> Self {
        match role {
            Role::Member => Self::Member,
            Role::Admin => Self::Admin,
            Role::Owner => Self::Owner,
        }
    }
}

pub(crate) async fn run(service: &ServiceArgs, args: Args) -> Result<()> {
    let service = service.find()?;
    let http = service.http("group").await?;
    match args.action {
        Action::Create { title, members, description, clear } => {
            let description = description.map(Some);
            let group = GroupCreate { title, members, description, ..GroupCreate::default() };
            let group = http.create_group(group).await?;
            if clear {
                leave_clear(&service, &group.conversation_id).await?;
            } else {
                encrypt(&service, &group.conversation_id, true).await?;
            }
            line(&group)
        }
        Action::Show { group } => show(&http, &group).await,
        Action::Set(set) => self::set(&http, &set).await,
        Action::Add { group, users } => {
            let info = http.add_members(&group, &users).await?;
            // So that they can read what others write from here on.
            encrypt(&service, &group, false).await?;
            line(&info)
        }
        Action::Remove { group, who } => done(http.remove_member(&group, names::user(&who)?).await?, "removed"),
        Action::Leave { group } => done(http.remove_member(&group, &service.user).await?, "left"),
        Action::Role { group, who, role } => {
            http.set_role(&group, names::user(&who)?, role.into()).await?;
            show(&http, &group).await
        }
        Action::Dissolve { group } => done(http.dissolve_group(&group).await?, "dissolved"),
        Action::Door(door) => at_the_door(&http, door).await,
    }
}

/// Encrypts a group for those who are in it now. One that this device is not in the group of is left as it is, unless it
/// has just been made.
async fn encrypt(service: &Service, group: &str, is_new: bool) -> Result<()> {
    let (client, _) = service.start().await?;
    let done = async {
        client.catch_up().await?;
        if is_new || client.membership(group).await? == Membership::In {
            client.encrypt(group).await;
            if client.membership(group).await? != Membership::In {
                output::note("not encrypted yet: that happens with the first message");
            }
        }
        Ok(())
    }
    .await;
    client.close().await;
    done
}

/// Keeps that a group is to be in the clear.
async fn leave_clear(service: &Service, group: &str) -> Result<()> {
    let (client, _) = service.start().await?;
    let kept = client.set_clear(group, true).await;
    client.close().await;
    Ok(kept?)
}

async fn set(http: &Http, set: &SetArgs) -> Result<()> {
    let mut update = set.update();
    if let Some(picture) = &set.picture {
        // Not encrypted: everybody with a link to the group may be shown it.
        let file = MediaFile::open(picture, None, None).await?;
        update.avatar = Some(Some(http.upload_media(&set.group, &file, &|_, _| ()).await?));
    }
    line(&http.update_group(&set.group, &update).await?)
}

async fn at_the_door(http: &Http, door: Door) -> Result<()> {
    match door {
        Door::Invite { group, expires, uses, approval } => {
            let terms = InviteCreate {
                expires_in_seconds: expires.map(|minutes| minutes.saturating_mul(MINUTE_SECONDS)),
                max_uses: uses,
                approval,
                client_invite_id: None,
            };
            let invite = http.create_invite(&group, terms).await?;
            output::line(&invite.token)?;
            output::note("whoever has this may use it: `tidings group join TOKEN`");
            Ok(())
        }
        Door::Invites { group } => {
            let zone = Zone::local();
            let invites = http.invites(&group).await?.invites;
            invites.iter().try_for_each(|invite| output::line(&invite_line(invite, &zone, now_ms())))
        }
        Door::Revoke { group, invite } => {
            let id = invite.split('.').next().unwrap_or_default();
            done(http.revoke_invite(&group, id).await?, "revoked")
        }
        Door::Look { link } => {
            let preview = http.preview_invite(&link).await?;
            let title = render::clean(&preview.title);
            let about = preview.description.map(|text| format!(", {}", render::clean(&text))).unwrap_or_default();
            let asks = if preview.approval { "; a member must agree" } else { "" };
            output::line(&format!("{title}{about} ({} members{asks})", preview.member_count))
        }
        Door::Join { link } => match http.join(&link).await? {
            joined if joined.admission == InviteAdmission::Asked => {
                output::line(&format!("asked to join {}; a member must agree", joined.conversation_id))
            }
            joined => match &joined.group {
                Some(group) => line(group),
                None => output::line(&joined.conversation_id),
            },
        },
        Door::Requests { group } => {
            let zone = Zone::local();
            let mut after: Option<String> = None;
            loop {
                let page = http.join_requests(&group, after.as_deref()).await?;
                for request in &page.requests {
                    output::line(&format!("{}  {}", request.user_id, zone.short(request.asked_at, now_ms())))?;
                }
                after = page.next;
                if after.is_none() {
                    return Ok(());
                }
            }
        }
        Door::Approve { group, who } => done(http.approve(&group, names::user(&who)?).await?, "let in"),
        Door::Decline { group, who } => done(http.decline(&group, names::user(&who)?).await?, "turned away"),
    }
}

fn done((): (), what: &str) -> Result<()> {
    output::line(what)
}

/// A group in one line.
fn line(group: &GroupInfo) -> Result<()> {
    output::line(&group_line(group))
}

fn group_line(group: &GroupInfo) -> String {
    let members = if group.member_count == 1 { "1 member".into() } else { format!("{} members", group.member_count) };
    let of =
        |audience: GroupAudience, what: &str| (audience == GroupAudience::Admins).then(|| format!("admins {what}"));
    let facts = [
        Some(members),
        Some(format!("you are {}", role_name(group.role))),
        of(group.may_post, "send"),
        of(group.may_add, "add"),
        Some(group.slow_mode_seconds)
            .filter(|seconds| *seconds > 0)
            .map(|seconds| format!("one message in {seconds} s")),
        group.ttl_seconds.map(|seconds| format!("messages live {seconds} s")),
        group.dissolved.then(|| "dissolved".into()),
    ];
    let facts: Vec<String> = facts.into_iter().flatten().collect();
    format!("{}  {}  {}", group.conversation_id, render::clean(&group.title), facts.join(", "))
}

fn role_name(role: GroupRole) -> &'static str {
    match role {
        GroupRole::Member => "a member",
        GroupRole::Admin => "an admin",
        GroupRole::Owner => "the owner",
    }
}

async fn show(http: &Http, group: &str) -> Result<()> {
    let info = http.group(group).await?;
    line(&info)?;
    if let Some(description) = &info.description {
        output::line(&render::clean(description))?;
    }
    let mut after: Option<String> = None;
    loop {
        let page = http.members(group, after.as_deref()).await?;
        for member in &page.members {
            let role = if member.role == GroupRole::Member { "" } else { role_name(member.role) };
            output::line(format!("{}  {role}", member.user_id).trim_end())?;
        }
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}

fn invite_line(invite: &InviteInfo, zone: &Zone, now_ms: u64) -> String {
    let uses = match invite.max_uses {
        Some(max) => format!("{} of {max} used", invite.uses),
        None => format!("{} used", invite.uses),
    };
    let facts = [
        Some(uses),
        invite.expires_at.map(|at| format!("until {}", zone.short(at, now_ms))),
        invite.approval.then(|| "a member must agree".into()),
        Some(format!("by {}", invite.created_by)),
        match invite.status {
            InviteStatus::Live => None,
            InviteStatus::Expired => Some("expired".into()),
            InviteStatus::UsedUp => Some("used up".into()),
            InviteStatus::Revoked => Some("revoked".into()),
        },
    ];
    let facts: Vec<String> = facts.into_iter().flatten().collect();
    format!("{}  {}", invite.token, facts.join(", "))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn update(words: &[&str]) -> GroupUpdate {
        match Line::parse_from(["group", "set", "g:crew"].iter().chain(words)).args.action {
            Action::Set(set) => set.update(),
            _ => panic!("not `set`"),
        }
    }

    #[test]
    fn only_what_is_said_changes() {
        assert_eq!(update(&[]), GroupUpdate::default());
        let all = update(&["--title", "Crew", "--description", "", "--post", "admins", "--slow", "5", "--ttl", "0"]);
        let expected = GroupUpdate {
            title: Some("Crew".into()),
            description: Some(None),
            may_post: Some(GroupAudience::Admins),
            slow_mode_seconds: Some(5),
            ttl_seconds: Some(None),
            ..GroupUpdate::default()
        };
        assert_eq!(all, expected);
    }

    #[test]
    fn an_invite_and_a_group_tell_what_they_allow() {
        let mut invite = InviteInfo {
            invite_id: "S".into(),
            token: "S.crew".into(),
            conversation_id: "g:crew".into(),
            created_by: "olga".into(),
            created_at: 1,
            expires_at: Some(1_795_521_789_000),
            max_uses: Some(3),
            uses: 1,
            approval: true,
            status: InviteStatus::Live,
        };
        let now = 1_795_521_789_000 - 60_000;
        let shown = invite_line(&invite, &Zone::utc(), now);
        assert_eq!(shown, "S.crew  1 of 3 used, until 12:03, a member must agree, by olga");
        invite =
            InviteInfo { expires_at: None, max_uses: None, approval: false, status: InviteStatus::UsedUp, ..invite };
        assert_eq!(invite_line(&invite, &Zone::utc(), now), "S.crew  1 used, by olga, used up");
        let group = GroupInfo {
            conversation_id: "g:crew".into(),
            title: "Crew".into(),
            description: None,
            avatar: None,
            owner_user_id: "olga".into(),
            member_count: 1,
            may_post: GroupAudience::Admins,
            may_add: GroupAudience::All,
            slow_mode_seconds: 0,
            ttl_seconds: Some(60),
            pulled: false,
            dissolved: false,
            created_at: 1,
            role: GroupRole::Owner,
            joined_at: 1,
        };
        let expected = "g:crew  Crew  1 member, you are the owner, admins send, messages live 60 s";
        assert_eq!(group_line(&group), expected);
    }
}
