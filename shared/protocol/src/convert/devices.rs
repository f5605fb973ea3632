//! Devices, blocks and quiet times, between the wire and the domain.

use tidings_domain::{
    blocks,
    devices::{Platform, PushAddress, PushService, Registration, WebPushKeys},
    ids::{DeviceId, Timestamp},
    limits,
    privacy::{Audience, Privacy},
    quiet::{self, QuietHours},
    session::Device,
};

use crate::{
    ParseError,
    devices::{
        self, BlockPage, BlockedUser, DeviceInfo, DeviceList, DevicePlatform, DevicePush, DevicePushService,
        DeviceRegistration, UserSettings,
    },
    schema::types::SAFE_INTEGER_MAX,
};

const DAYS: u8 = 7;

/// Checks a `PUT /devices/{id}`.
pub fn device_registration(body: &DeviceRegistration) -> Result<Registration, ParseError> {
    let chars = body.name.chars().count();
    if !(1..=limits::DEVICE_NAME_CHARS_MAX).contains(&chars) || body.name.chars().any(char::is_control) {
        let max = limits::DEVICE_NAME_CHARS_MAX;
        return Err(ParseError::field("name", format_args!("must be 1 to {max} characters, none a control character")));
    }
    let platform = match body.platform {
        DevicePlatform::Ios => Platform::Ios,
        DevicePlatform::Android => Platform::Android,
        DevicePlatform::Web => Platform::Web,
        DevicePlatform::Desktop => Platform::Desktop,
        DevicePlatform::Other => Platform::Other,
    };
    let push = body.push.as_ref().map(push_address).transpose()?;
    Ok(Registration { name: body.name.as_str().into(), platform, push })
}

fn push_address(push: &DevicePush) -> Result<PushAddress, ParseError> {
    let service = match push.service {
        DevicePushService::Apns => PushService::Apns,
        DevicePushService::ApnsSandbox => PushService::ApnsSandbox,
        DevicePushService::Fcm => PushService::Fcm,
        DevicePushService::WebPush => PushService::WebPush,
    };
    let bounded = |name: &str, text: &str| {
        let max = limits::PUSH_TOKEN_BYTES_MAX;
        let is_good = (1..=max).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        let rule = format_args!("must be 1 to {max} visible characters of ASCII");
        if is_good { Ok(text.into()) } else { Err(ParseError::field(name, rule)) }
    };
    match (service, &push.token, &push.subscription) {
        (PushService::WebPush, _, None) => Err(ParseError::field("push.subscription", "must be given for webpush")),
        (PushService::WebPush, Some(_), _) => Err(ParseError::field("push.token", "must be absent for webpush")),
        (PushService::WebPush, None, Some(subscription)) => Ok(PushAddress {
            service,
            token: bounded("push.subscription.endpoint", &subscription.endpoint)?,
            keys: Some(WebPushKeys {
                public: bounded("push.subscription.keys.p256dh", &subscription.keys.p256dh)?,
                auth: bounded("push.subscription.keys.auth", &subscription.keys.auth)?,
            }),
        }),
        (_, None, _) => Err(ParseError::field("push.token", "must be given")),
        (_, _, Some(_)) => Err(ParseError::field("push.subscription", "must be absent but for webpush")),
        (_, Some(token), None) => Ok(PushAddress { service, token: bounded("push.token", token)?, keys: None }),
    }
}

/// A device, as the one that asks sees it.
pub fn device_info(device: &Device, asking: &DeviceId) -> DeviceInfo {
    let platform = device.platform.map(|platform| match platform {
        Platform::Ios => DevicePlatform::Ios,
        Platform::Android => DevicePlatform::Android,
        Platform::Web => DevicePlatform::Web,
        Platform::Desktop => DevicePlatform::Desktop,
        Platform::Other => DevicePlatform::Other,
    });
    let push_service = device.push.as_ref().map(|push| match push.address.service {
        PushService::Apns => DevicePushService::Apns,
        PushService::ApnsSandbox => DevicePushService::ApnsSandbox,
        PushService::Fcm => DevicePushService::Fcm,
        PushService::WebPush => DevicePushService::WebPush,
    });
    DeviceInfo {
        device_id: device.owner.device.to_string(),
        name: device.name.as_deref().map(str::to_owned),
        platform,
        last_seen: device.seen_at.0,
        current: device.owner.device == *asking,
        push_service,
    }
}

/// The answer of `GET /devices`.
pub fn device_list(found: &[Device], asking: &DeviceId, web_push_key: Option<&str>) -> DeviceList {
    let devices = found.iter().map(|device| device_info(device, asking)).collect();
    DeviceList { devices, web_push_key: web_push_key.map(str::to_owned) }
}

/// The answer of `GET /blocks`.
pub fn block_page(page: &blocks::BlockPage) -> BlockPage {
    let last = page.blocks.last().filter(|_| page.has_more);
    BlockPage {
        next: last.map(|last| last.user.to_string()),
        has_more: page.has_more,
        blocks: page
            .blocks
            .iter()
            .map(|block| BlockedUser { user_id: block.user.to_string(), since: block.since.0 })
            .collect(),
    }
}

/// Checks a `PUT /settings`.
pub fn user_settings_request(body: &UserSettings) -> Result<quiet::UserSettings, ParseError> {
    if body.quiet_until.is_some_and(|until| until > SAFE_INTEGER_MAX) {
        return Err(ParseError::field("quietUntil", "must be less than 2^53"));
    }
    Ok(quiet::UserSettings {
        quiet_until: Timestamp(body.quiet_until.unwrap_or_default()),
        quiet_hours: body.quiet_hours.as_ref().map(quiet_hours).transpose()?,
        has_quiet_requests: body.quiet_requests.unwrap_or_default(),
        privacy: Privacy {
            last_seen: body.last_seen.map(audience).unwrap_or_default(),
            read_receipts: body.read_receipts.map(audience).unwrap_or_default(),
        },
    })
}

fn audience(audience: devices::Audience) -> Audience {
    match audience {
        devices::Audience::Everyone => Audience::Everyone,
        devices::Audience::Contacts => Audience::Contacts,
        devices::Audience::Nobody => Audience::Nobody,
    }
}

/// What is as it is for who has set nothing is absent.
fn audience_set(audience: Audience) -> Option<devices::Audience> {
    match audience {
        Audience::Everyone => None,
        Audience::Contacts => Some(devices::Audience::Contacts),
        Audience::Nobody => Some(devices::Audience::Nobody),
    }
}

fn quiet_hours(hours: &devices::QuietHours) -> Result<QuietHours, ParseError> {
    let last = limits::DAY_MINUTES - 1;
    for (name, minute) in [("quietHours.fromMinute", hours.from_minute), ("quietHours.toMinute", hours.to_minute)] {
        if minute > last {
            return Err(ParseError::field(name, format_args!("must be 0 to {last}")));
        }
    }
    let days = &hours.days;
    if days.is_empty() || days.len() > usize::from(DAYS) || days.iter().any(|day| !(1..=DAYS).contains(day)) {
        return Err(ParseError::field("quietHours.days", "must be 1 to 7 of the days 1 (Monday) to 7 (Sunday)"));
    }
    let furthest = limits::UTC_OFFSET_MINUTES_MAX;
    if hours.utc_offset_minutes.unsigned_abs() > furthest {
        return Err(ParseError::field(
            "quietHours.utcOffsetMinutes",
            format_args!("must be -{furthest} to {furthest}"),
        ));
    }
    Ok(QuietHours {
        days: days.iter().fold(0, |bits, day| bits | 1 << (day - 1)),
        from_minute: hours.from_minute,
        to_minute: hours.to_minute,
        utc_offset_minutes: hours.utc_offset_minutes,
    })
}

/// The answer of `GET /settings`.
pub fn user_settings(settings: &quiet::UserSettings) -> UserSettings {
    let hours = |hours: QuietHours| devices::QuietHours {
        from_minute: hours.from_minute,
        to_minute: hours.to_minute,
        days: (1..=DAYS).filter(|day| (hours.days >> (day - 1)) & 1 == 1).collect(),
        utc_offset_minutes: hours.utc_offset_minutes,
    };
    UserSettings {
        quiet_until: super::personal::moment(settings.quiet_until),
        quiet_hours: settings.quiet_hours.map(hours),
        quiet_requests: Some(true).filter(|_| settings.has_quiet_requests),
        last_seen: audience_set(settings.privacy.last_seen),
        read_receipts: audience_set(settings.privacy.read_receipts),
    }
}
