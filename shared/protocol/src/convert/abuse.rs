//! Reports, and what administrators say and see.

use std::sync::Arc;

use tidings_domain::{
    bans,
    ids::Timestamp,
    limits::COMMENT_CHARS_MAX,
    moderation::{AdminKey, Deed, Filed, UserFile},
    reports::{Ground, Report, ReportRequest},
};

use super::{conversation_id, target};
use crate::{
    ParseError, Payload,
    abuse::{self, AdminKeyInfo, AdminKeyList, BanInfo, DeedInfo, DeedPage, ReportInfo, ReportPage, ReportResolution},
    schema::types::SAFE_INTEGER_MAX,
};

/// A ban without an end.
const FOR_GOOD: Timestamp = Timestamp(SAFE_INTEGER_MAX);
/// The longest ban that has an end, in seconds: a hundred years.
const BAN_SECONDS_MAX: u64 = 3_153_600_000;
const KEY_NAME_BYTES_MAX: usize = 32;
const KEY_SECONDS_MIN: u64 = 60;
const KEY_SECONDS_MAX: u64 = 366 * 24 * 3600;

impl From<abuse::ReportGround> for Ground {
    fn from(ground: abuse::ReportGround) -> Self {
        match ground {
            abuse::ReportGround::Spam => Self::Spam,
            abuse::ReportGround::Abuse => Self::Abuse,
            abuse::ReportGround::Impersonation => Self::Impersonation,
            abuse::ReportGround::Illegal => Self::Illegal,
            abuse::ReportGround::Other => Self::Other,
        }
    }
}

impl From<Ground> for abuse::ReportGround {
    fn from(ground: Ground) -> Self {
        match ground {
            Ground::Spam => Self::Spam,
            Ground::Abuse => Self::Abuse,
            Ground::Impersonation => Self::Impersonation,
            Ground::Illegal => Self::Illegal,
            Ground::Other => Self::Other,
        }
    }
}

/// Checks a `POST /reports`.
pub fn report_request(body: &abuse::ReportMake) -> Result<ReportRequest, ParseError> {
    if body.payload.is_some() && body.envelope.is_some() {
        return Err(ParseError::field("envelope", "must not be there beside payload"));
    }
    let payload = body.payload.as_ref().map(Payload::text);
    Ok(ReportRequest {
        conversation: conversation_id("conversationId", &body.conversation_id)?,
        about: target(&body.message_id, body.message_sequence)?,
        ground: body.ground.into(),
        comment: body.comment.as_deref().map(|comment| words("comment", comment)).transpose()?,
        content: payload.or(body.envelope.as_deref()).map(Into::into),
        plaintext: body.plaintext.as_ref().map(|plaintext| plaintext.text().into()),
    })
}

/// Words of a person: a line or some.
pub fn words(field: &'static str, words: &str) -> Result<Arc<str>, ParseError> {
    let count = words.chars().count();
    if !(1..=COMMENT_CHARS_MAX).contains(&count) {
        return Err(ParseError::field(field, format_args!("must have 1 to {COMMENT_CHARS_MAX} characters")));
    }
    Ok(words.into())
}

/// The answer of `POST /reports`.
pub fn report_receipt(report: &Report) -> abuse::ReportMade {
    abuse::ReportMade { report_id: filed_text(report_place(report)), proved: report.content.is_some() }
}

fn report_place(report: &Report) -> Filed {
    Filed { at: report.at, nonce: report.nonce }
}

fn filed_text(filed: Filed) -> String {
    format!("{}-{}", filed.at.0, filed.nonce)
}

/// A place in a list of what is filed by the moment: the id of a report, or `next` of a page.
pub fn filed(field: &'static str, text: &str) -> Result<Filed, ParseError> {
    let parts = text.split_once('-');
    let number = |digits: &str| digits.parse::<u64>().ok().filter(|number| *number <= SAFE_INTEGER_MAX);
    let place = parts.and_then(|(at, nonce)| Some(Filed { at: Timestamp(number(at)?), nonce: number(nonce)? }));
    place.ok_or_else(|| ParseError::field(field, "must be one that was answered before"))
}

/// A page of reports.
pub fn report_page(reports: &[Report], limit: usize) -> ReportPage {
    let last = reports.last().filter(|_| reports.len() >= limit);
    ReportPage {
        next: last.map(|last| filed_text(report_place(last))),
        reports: reports.iter().map(report_info).collect(),
    }
}

fn report_info(report: &Report) -> ReportInfo {
    let words = |words: &Option<Arc<str>>| words.as_deref().map(str::to_owned);
    ReportInfo {
        report_id: filed_text(report_place(report)),
        at: report.at.0,
        by_user_id: report.by.to_string(),
        sender_user_id: report.of.user.to_string(),
        sender_device_id: report.of.device.to_string(),
        conversation_id: report.conversation.to_string(),
        message_id: report.message.to_string(),
        sequence: report.sequence.0,
        sent_at: report.sent_at.0,
        ground: report.ground.into(),
        comment: words(&report.comment),
        content: words(&report.content),
        plaintext: words(&report.plaintext),
        resolution: report.resolution.as_ref().map(|resolution| ReportResolution {
            by: resolution.by.to_string(),
            at: resolution.at.0,
            note: resolution.note.to_string(),
        }),
    }
}

/// Checks a `PUT /admin/bans/{userId}`: why, and until when.
pub fn ban_request(body: &abuse::BanMake, now: Timestamp) -> Result<(Arc<str>, Timestamp), ParseError> {
    let until = match body.seconds {
        None => FOR_GOOD,
        Some(seconds) if (1..=BAN_SECONDS_MAX).contains(&seconds) => now.plus_ms(seconds * 1000),
        Some(_) => return Err(ParseError::field("seconds", format_args!("must be 1 to {BAN_SECONDS_MAX}"))),
    };
    Ok((words("reason", &body.reason)?, until))
}

/// A ban.
pub fn ban_info(ban: &bans::Ban) -> BanInfo {
    BanInfo {
        by: ban.by.to_string(),
        reason: ban.reason.to_string(),
        since: ban.since.0,
        until: Some(ban.until.0).filter(|_| ban.until < FOR_GOOD),
    }
}

/// The answer of `PUT /admin/bans/{userId}`.
pub fn ban_made(ban: &bans::Ban, sockets_closed: usize) -> abuse::BanMade {
    abuse::BanMade { ban: ban_info(ban), sockets_closed: sockets_closed as u64 }
}

/// The answer of `GET /admin/users/{userId}`.
pub fn user_file(user: &tidings_domain::ids::UserId, file: &UserFile) -> abuse::UserFile {
    abuse::UserFile {
        user_id: user.to_string(),
        ban: file.ban.as_ref().map(ban_info),
        devices: file.devices as u64,
        sockets: file.sockets as u64,
        reporters: file.reporters as u64,
    }
}

/// A page of what administrators did.
pub fn deed_page(deeds: &[Deed], limit: usize) -> DeedPage {
    let last = deeds.last().filter(|_| deeds.len() >= limit);
    let info = |deed: &Deed| DeedInfo {
        at: deed.at.0,
        by: deed.by.to_string(),
        action: deed.action.to_string(),
        subject: deed.subject.to_string(),
        detail: deed.detail.to_string(),
    };
    DeedPage {
        next: last.map(|last| filed_text(Filed { at: last.at, nonce: last.nonce })),
        deeds: deeds.iter().map(info).collect(),
    }
}

/// The name of a key of an administrator.
pub fn key_name(name: &str) -> Result<Arc<str>, ParseError> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if name.is_empty() || name.len() > KEY_NAME_BYTES_MAX || !name.bytes().all(is_plain) {
        return Err(ParseError::field("name", "must be 1 to 32 of [A-Za-z0-9-]"));
    }
    Ok(name.into())
}

/// Checks a `PUT /admin/keys/{name}`: the life of the key, in milliseconds.
pub fn key_life_ms(body: &abuse::AdminKeyMake) -> Result<u64, ParseError> {
    if (KEY_SECONDS_MIN..=KEY_SECONDS_MAX).contains(&body.seconds) {
        return Ok(body.seconds * 1000);
    }
    Err(ParseError::field("seconds", format_args!("must be {KEY_SECONDS_MIN} to {KEY_SECONDS_MAX}")))
}

/// The answer of `GET /admin/keys`.
pub fn admin_key_list(keys: &[AdminKey]) -> AdminKeyList {
    let info = |key: &AdminKey| AdminKeyInfo { name: key.name.to_string(), by: key.by.to_string(), until: key.until.0 };
    AdminKeyList { keys: keys.iter().map(info).collect() }
}
