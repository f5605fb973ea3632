//! Configuration: the environment, read once at the start. A variable that is missing or wrong
//! stops the function before its first event, by name.

use std::str::FromStr;

use thiserror::Error;
use tidings_domain::sync::SessionTerms;

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
pub const VARIABLES: [&str; 16] = [
    "LOG_TABLE",
    "CONVERSATIONS_TABLE",
    "SESSIONS_TABLE",
    "DEVICES_TABLE",
    "TICKETS_TABLE",
    "EVENTS_STREAM",
    "WEBSOCKET_ENDPOINT",
    "OIDC_ISSUER",
    "OIDC_AUDIENCE",
    "LOG_LEVEL",
    "EXPRESS_SOCKETS_MAX",
    "PUSH_MEMBERS_MAX",
    "HEARTBEAT_SECONDS",
    "SESSION_TTL_SECONDS",
    "SEND_WINDOW",
    "FAILURES_QUEUE_URL",
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

/// The terms of a session. A session must outlive the time between two heartbeats.
pub fn session_terms() -> Result<SessionTerms, ConfigError> {
    let heartbeat_seconds = number("HEARTBEAT_SECONDS", 1, 540)?;
    Ok(SessionTerms {
        heartbeat_seconds,
        session_ttl_seconds: number("SESSION_TTL_SECONDS", heartbeat_seconds + 1, 7200)?,
        send_window: number("SEND_WINDOW", 1, 1000)?,
    })
}
