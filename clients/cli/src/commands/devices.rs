//! `tidings devices`: the user's devices, and what decides whether they are pushed to.

use clap::{Subcommand, ValueEnum};
use tidings_sdk::protocol::devices::{
    DeviceInfo, DevicePlatform, DevicePush, DevicePushService, DeviceRegistration, UserSettings,
};

use crate::{
    clock::{Zone, now_ms},
    failure::Result,
    output,
    service::{Service as Found, ServiceArgs},
};

const MINUTE_MS: u64 = 60_000;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Option<Action>,
    /// Print JSON, a line each.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Action {
    /// Print the devices, the latest seen first; what is done where nothing else is said.
    List,
    /// Say what a device is called, and where to push to.
    Register {
        /// The device.
        #[arg(value_name = "DEVICE")]
        id: String,
        /// What to call it.
        #[arg(long)]
        name: String,
        /// Who takes pushes to it; without one it is not pushed to.
        #[arg(long, requires = "push_token")]
        service: Option<Service>,
        /// What that service calls this installation of the app.
        #[arg(long, requires = "service")]
        push_token: Option<String>,
    },
    /// Let a device connect no more. There is no way back.
    Revoke {
        /// The device.
        #[arg(value_name = "DEVICE")]
        id: String,
    },
    /// Show nothing for so many minutes, on any device.
    Quiet {
        /// 0 ends it.
        minutes: u64,
    },
    /// Block a user: nothing that they send comes any more, and they are not told.
    Block {
        /// The user.
        #[arg(value_name = "USER")]
        other: String,
    },
    /// End a block.
    Unblock {
        /// The user.
        #[arg(value_name = "USER")]
        other: String,
    },
    /// Print who is blocked.
    Blocks,
    /// Accept that a stranger writes to you.
    Accept {
        /// The stranger.
        #[arg(value_name = "USER")]
        other: String,
    },
    /// Turn a stranger down: they are blocked, and the conversation is put away.
    Decline {
        /// The stranger.
        #[arg(value_name = "USER")]
        other: String,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Service {
    Apns,
    ApnsSandbox,
    Fcm,
}

impl Service {
    fn platform(self) -> (DevicePlatform, DevicePushService) {
        match self {
            Self::Apns => (DevicePlatform::Ios, DevicePushService::Apns),
            Self::ApnsSandbox => (DevicePlatform::Ios, DevicePushService::ApnsSandbox),
            Self::Fcm => (DevicePlatform::Android, DevicePushService::Fcm),
        }
    }
}

pub(crate) async fn run(service: &ServiceArgs, args: &Args) -> Result<()> {
    let service = service.find()?;
    if let Some(Action::Revoke { id }) = &args.action {
        return revoke(&service, id).await;
    }
    let http = service.http("devices").await?;
    let print = |device: &DeviceInfo| {
        if args.json { output::json(device) } else { output::line(&line(device, &Zone::local(), now_ms())) }
    };
    match args.action.as_ref().unwrap_or(&Action::List) {
        Action::List => http.devices().await?.devices.iter().try_for_each(print)?,
        Action::Register { id, name, service, push_token } => {
            let registration = registration(name, *service, push_token.as_deref());
            print(&http.register_device(id, &registration).await?)?;
        }
        Action::Quiet { minutes } => {
            let until = now_ms().saturating_add(minutes.saturating_mul(MINUTE_MS));
            let before = http.user_settings().await?;
            let settings = UserSettings { quiet_until: (*minutes > 0).then_some(until), ..before };
            let settings = http.set_user_settings(&settings).await?;
            let text = quiet(&settings, &Zone::local(), now_ms());
            if args.json { output::json(&settings)? } else { output::line(&text)? }
        }
        // Done above, with the vault.
        Action::Revoke { .. } => {}
        Action::Block { other } => http.block(other).await?,
        Action::Unblock { other } => http.unblock(other).await?,
        Action::Accept { other } => http.accept_request(other).await?,
        Action::Decline { other } => http.decline_request(other).await?,
        Action::Blocks => {
            let mut after = None;
            loop {
                let page = http.blocks(after.as_deref(), None).await?;
                for block in &page.blocks {
                    if args.json { output::json(block)? } else { output::line(&block.user_id)? }
                }
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
        }
    }
    Ok(())
}

/// Ends a device's access, and takes it out of the groups that this device is in.
async fn revoke(service: &Found, id: &str) -> Result<()> {
    let (client, _) = service.start().await?;
    let done = async {
        client.catch_up().await?;
        client.revoke_device(id).await
    }
    .await;
    client.close().await;
    Ok(done?)
}

fn registration(name: &str, service: Option<Service>, token: Option<&str>) -> DeviceRegistration {
    let (platform, service) = service.map(Service::platform).unzip();
    let push = service.map(|service| DevicePush { service, token: token.map(str::to_owned), subscription: None });
    DeviceRegistration { name: name.to_owned(), platform: platform.unwrap_or(DevicePlatform::Other), push }
}

fn line(device: &DeviceInfo, zone: &Zone, now_ms: u64) -> String {
    let name = device.name.as_deref().unwrap_or("(no name)");
    let mut line = format!("{}  {name}, last seen {}", device.device_id, zone.short(device.last_seen, now_ms));
    if device.push_service.is_some() {
        line.push_str(", pushed to");
    }
    if device.current {
        line.push_str(", this one");
    }
    line
}

fn quiet(settings: &UserSettings, zone: &Zone, now_ms: u64) -> String {
    match settings.quiet_until.filter(|until| *until > now_ms) {
        Some(until) => format!("quiet until {}", zone.short(until, now_ms)),
        None => "not quiet".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_there_is() {
        let at = 1_795_521_789_000;
        let mut device = DeviceInfo {
            device_id: "phone".into(),
            name: Some("Bob's".into()),
            platform: None,
            last_seen: at,
            current: true,
            push_service: Some(DevicePushService::Fcm),
        };
        assert_eq!(line(&device, &Zone::utc(), at), "phone  Bob's, last seen 12:03, pushed to, this one");
        device = DeviceInfo { name: None, current: false, push_service: None, ..device };
        assert_eq!(line(&device, &Zone::utc(), at), "phone  (no name), last seen 12:03");
        let settings = UserSettings { quiet_until: Some(at), ..UserSettings::default() };
        assert_eq!(quiet(&settings, &Zone::utc(), at), "not quiet");
        assert_eq!(quiet(&settings, &Zone::utc(), at - 1), "quiet until 12:03");
    }

    #[test]
    fn a_registration_is_of_its_service() {
        let phone = registration("Phone", Some(Service::Fcm), Some("t"));
        assert_eq!((phone.platform, phone.push.unwrap().token.as_deref()), (DevicePlatform::Android, Some("t")));
        assert_eq!(registration("Bot", None, None).push, None);
    }
}
