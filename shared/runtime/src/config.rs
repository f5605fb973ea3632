//! Configuration: the environment, read once at the start. A variable that is missing or wrong
//! stops the function before its first event, by name.

use std::{collections::BTreeSet, str::FromStr, time::Duration};

use thiserror::Error;
use tidings_domain::{
    ids::UserId,
    strangers::{Spam, rule_names},
    sync::SessionTerms,
};
use tidings_telemetry::Settings;

/// A variable that is missing or wrong.
#[derive(Debug, Error)]
#[error("environment variable {name} {problem}")]
pub struct ConfigError {
    /// The variable.
    pub name: &'static str,
    /// What is wrong.
    pub problem: String,
}

/// Every variable that any function reads: the template must set each.
pub const VARIABLES: [&str; 58] = [
    "LOG_TABLE",
    "CONVERSATIONS_TABLE",
    "PERSONAL_TABLE",
    "SESSIONS_TABLE",
    "DEVICES_TABLE",
    "MAILBOXES_TABLE",
    "INBOXES_TABLE",
    "TICKETS_TABLE",
    "LIMITS_TABLE",
    "ABUSE_TABLE",
    "SPAM_RULES",
    "ADMIN_USERS",
    "EDGE_SECRET",
    "ANNOTATIONS_TABLE",
    "TIMERS_TABLE",
    "MEDIA_TABLE",
    "MEDIA_BUCKET",
    "MEDIA_PATH_STYLE",
    "MEDIA_SCAN",
    "MEDIA_CDN_DOMAIN",
    "MEDIA_CDN_KEY_ID",
    "MEDIA_CDN_KEY",
    "SEARCH_BUCKET",
    "SEARCH_MONTHS",
    "SEARCH_TEXT_MONTHS",
    "OPENSEARCH_URL",
    "EVENTS_STREAM",
    "INGEST_STREAM",
    "WEBSOCKET_ENDPOINT",
    "OIDC_ISSUER",
    "OIDC_AUDIENCE",
    "LOG_LEVEL",
    "CELL",
    "METRICS_FLUSH_SECONDS",
    "TRACED_PER_MILLE",
    "EXPRESS_SOCKETS_MAX",
    "RACES_LOST_MAX",
    "PUSH_MEMBERS_MAX",
    "EDIT_WINDOW_SECONDS",
    "DELETE_WINDOW_SECONDS",
    "AGGREGATE_RECEIPTS_MEMBERS",
    "ANNOUNCE_MAX",
    "HEARTBEAT_SECONDS",
    "SESSION_TTL_SECONDS",
    "SEND_WINDOW",
    "FAILURES_QUEUE_URL",
    "PUSH_QUEUE_URL",
    "PREVIEW_QUEUE_URL",
    "LOOKS_QUEUE_URL",
    "PUSH_DELAY_SECONDS",
    "PUSH_RETRY_SECONDS",
    "APNS_APPLICATION",
    "APNS_SANDBOX_APPLICATION",
    "FCM_APPLICATION",
    "VAPID_PRIVATE_KEY",
    "VAPID_CONTACT",
    "WEB_PUSH_ORIGINS",
    // Read by the SDK.
    "AWS_ENDPOINT_URL_SNS",
];

/// A text.
pub fn text(name: &'static str) -> Result<String, ConfigError> {
    #[expect(clippy::disallowed_methods, reason = "this is the configuration module")]
    match std::env::var(name) {
        Ok(value) if !value.is_empty() => Ok(value),
        _ => Err(ConfigError { name, problem: "is not set".into() }),
    }
}

/// A number within bounds.
pub fn number<T: FromStr + PartialOrd + Copy + std::fmt::Display>(
    name: &'static str,
    min: T,
    max: T,
) -> Result<T, ConfigError> {
    let value = text(name)?;
    match value.parse::<T>() {
        Ok(number) if number >= min && number <= max => Ok(number),
        _ => Err(ConfigError { name, problem: format!("is {value:?}, not a number from {min} to {max}") }),
    }
}

/// A text that may be empty, or not set.
pub fn text_if_set(name: &'static str) -> Option<String> {
    text(name).ok()
}

/// A text that may be `none`.
pub fn optional_text(name: &'static str) -> Result<Option<String>, ConfigError> {
    Ok(Some(text(name)?).filter(|value| value != "none"))
}

/// `true` or `false`.
pub fn flag(name: &'static str) -> Result<bool, ConfigError> {
    let value = text(name)?;
    value.parse().map_err(|_| ConfigError { name, problem: format!("is {value:?}, neither true nor false") })
}

/// What separates the names in a list.
const COMMA: char = ',';

/// The rules by which a message to a stranger looks like spam; `none`: nothing does.
pub fn spam_rules() -> Result<Spam, ConfigError> {
    const NAME: &str = "SPAM_RULES";
    let names = optional_text(NAME)?.unwrap_or_default();
    let names = names.split(COMMA).map(str::trim).filter(|name| !name.is_empty());
    Spam::named(names).map_err(|unknown| ConfigError {
        name: NAME,
        problem: format!("has {unknown:?}, which is none of {}", rule_names().join(", ")),
    })
}

/// The users who may administrate; `none`: nobody may but the keys that there are.
pub fn admin_users() -> Result<BTreeSet<UserId>, ConfigError> {
    const NAME: &str = "ADMIN_USERS";
    let names = optional_text(NAME)?.unwrap_or_default();
    let users = names.split(COMMA).map(str::trim).filter(|name| !name.is_empty()).map(UserId::parse);
    users
        .collect::<Result<_, _>>()
        .map_err(|error| ConfigError { name: NAME, problem: format!("has no user id: {error}") })
}

/// How a function tells of itself.
pub fn telemetry(function: &str) -> Result<Settings, ConfigError> {
    Ok(Settings {
        filter: text("LOG_LEVEL")?,
        cell: text("CELL")?,
        function: function.to_owned(),
        flush_every: Duration::from_secs(number("METRICS_FLUSH_SECONDS", 0, 60)?),
        traced_per_mille: number("TRACED_PER_MILLE", 0, 1000)?,
    })
}

/// The terms of a session. A session must outlive the time between two heartbeats.
pub fn session_terms() -> Result<SessionTerms, ConfigError> {
    let heartbeat_seconds = number("HEARTBEAT_SECONDS", 1, 540)?;
    Ok(SessionTerms {
        heartbeat_seconds,
        session_ttl_seconds: number("SESSION_TTL_SECONDS", heartbeat_seconds + 1, 7200)?,
        send_window: number("SEND_WINDOW", 1, 1000)?,
    })
}
