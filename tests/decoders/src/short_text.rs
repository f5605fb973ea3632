//! Short texts that clients hand back or make up: ids, resume tokens, list cursors, tickets; and
//! the URL of an issuer. The first byte says which.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use tidings_auth::{DeviceResumeTokens, IssuerUrl, redeem_ticket, up_to_date_at};
use tidings_domain::{
    ids::{ConnectionId, ConversationId, DeviceId, Sender, Timestamp, UserId},
    ports::{ActivityKey, PortResult, Tickets},
    session::Grant,
    sessions::Socket,
    sync::{ListCursor, ResumeTokens},
};
use tidings_memory::World;
use tidings_protocol::cursor::{list_cursor_from_text, list_cursor_to_text};

use crate::{Seed, client_frame::refused, ids};

const NOW: Timestamp = Timestamp(1_800_000_000_000);

pub(crate) fn check(data: &[u8]) -> bool {
    let Some((kind, text)) = data.split_first() else { return false };
    let Ok(text) = std::str::from_utf8(text) else { return false };
    match kind {
        b'i' => ids::check(text),
        b'r' => resume_token(text),
        b'l' => list_cursor(text),
        b't' => ticket(text),
        b'u' => issuer(text),
        _ => false,
    }
}

fn device(user: &str, device: &str) -> Sender {
    Sender { user: UserId::parse(user).unwrap(), device: DeviceId::parse(device).unwrap() }
}

fn issue(owner: &Sender, at: Timestamp) -> String {
    let socket = Socket {
        owner: owner.clone(),
        connection: ConnectionId::parse("c").unwrap(),
        endpoint: "https://cell".into(),
        connected_at: Timestamp(0),
    };
    DeviceResumeTokens.issue(&socket, at)
}

/// A token is what the service would issue to this device for a moment of the past; no other
/// device can use it.
fn resume_token(text: &str) -> bool {
    let owner = device("alice", "phone");
    for other in [device("alice", "web"), device("bob", "phone"), device("alicep", "hone")] {
        let at = up_to_date_at(text, &other, NOW);
        assert!(at.is_none_or(|at| issue(&other, at) == text), "the token of another device");
        assert!(at.is_none() || up_to_date_at(text, &owner, NOW).is_none());
    }
    let Some(at) = up_to_date_at(text, &owner, NOW) else { return false };
    assert!(at <= NOW);
    assert_eq!(issue(&owner, at), text);
    true
}

/// A cursor names a place within what is listed, and is written the same again.
fn list_cursor(text: &str) -> bool {
    let cursor = match list_cursor_from_text(text) {
        Ok(cursor) => cursor,
        Err(error) => {
            assert_eq!(error.field.as_deref(), Some("since"));
            return refused(&error);
        }
    };
    let written = list_cursor_to_text(&cursor);
    assert_eq!(list_cursor_from_text(&written).as_ref(), Ok(&cursor));
    if let Some((key, _)) = &cursor.middle {
        assert!(ids::check(&key.conversation.to_string()));
        assert!(key.bucket >= cursor.since, "storage refuses a place before the beginning of the list");
    }
    true
}

/// Has a grant for everything that it is asked for.
struct Generous;

impl Tickets for Generous {
    fn put<'a>(&'a self, _: &'a str, _: &'a Grant) -> PortResult<'a, ()> {
        Box::pin(async { Ok(()) })
    }

    fn take<'a>(&'a self, hash: &'a str) -> PortResult<'a, Option<Grant>> {
        assert_eq!(URL_SAFE_NO_PAD.decode(hash).map(|hash| hash.len()), Ok(32), "a key of one form");
        Box::pin(async { Ok(Some(Grant { owner: device("alice", "web"), expires_at: Timestamp(u64::MAX) })) })
    }
}

/// Storage is asked only for what may be a ticket: 32 bytes, in the one text that says them.
fn ticket(text: &str) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let redeemed = runtime.block_on(async { redeem_ticket(&Generous, &World::new(1), text).await });
    if redeemed.is_err() {
        return false;
    }
    let secret = URL_SAFE_NO_PAD.decode(text).unwrap();
    assert_eq!(secret.len(), 32);
    assert_eq!(URL_SAFE_NO_PAD.encode(secret), text);
    true
}

fn issuer(url: &str) -> bool {
    let taken = IssuerUrl::parse(url).is_ok();
    assert!(!taken || is_secure(url), "an issuer that can be tampered with on the way: {url}");
    taken
}

/// As an HTTP client sees it. What it cannot read is never fetched.
pub(crate) fn is_secure(url: &str) -> bool {
    let Ok(uri) = url.parse::<http::Uri>() else { return true };
    match uri.scheme_str() {
        Some("https") => true,
        Some("http") => matches!(uri.host(), Some("127.0.0.1" | "localhost" | "[::1]")),
        _ => false,
    }
}

pub(crate) fn seeds() -> Vec<Seed> {
    let key = ActivityKey {
        bucket: Timestamp(1_799_996_400_000),
        conversation: ConversationId::parse("u:alice|u:bob").unwrap(),
    };
    let middle = ListCursor { since: Timestamp(3_600_000), middle: Some((key, NOW)) };
    let ids = [
        ("user", "alice"),
        ("device", "ios:3f2a"),
        ("direct", "u:alice|u:bob"),
        ("self", "u:alice|u:alice"),
        ("group", "g:team.1"),
        ("message", "m:0a1b2c3d-4e5f-5a6b-8c7d-9e0f1a2b3c4d"),
        ("client-message", "é 1"),
    ];
    let mut seeds: Vec<Seed> = ids.iter().map(|(name, id)| Seed::new(format!("id-{name}"), format!("i{id}"))).collect();
    seeds.extend([
        Seed::new("resume", format!("r{}", issue(&device("alice", "phone"), NOW))),
        Seed::new("cursor-start", format!("l{}", list_cursor_to_text(&ListCursor::default()))),
        Seed::new("cursor-middle", format!("l{}", list_cursor_to_text(&middle))),
        Seed::new("cursor-none", "l"),
        Seed::new("ticket", format!("t{}", URL_SAFE_NO_PAD.encode([7; 32]))),
        Seed::new("issuer", "uhttps://id.example/tenant"),
        Seed::new("issuer-here", "uhttp://127.0.0.1:4570"),
        Seed::new("issuer-here-v6", "uhttp://[::1]:4570/x"),
    ]);
    seeds
}
