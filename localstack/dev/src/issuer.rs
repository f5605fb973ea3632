//! The local OIDC issuer: it publishes the keys, hands browsers a token for the asking, and serves them the web client.
//!
//! It listens on loopback only, and answers only loopback names and origins: else any web page
//! that the developer opens could become any user of the local stack.

use std::io::{self, Read};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};
use tiny_http::{Header, Method, Request, Response, Server};

use crate::clock::now_ms;
use crate::failure::{Failure, Result};
use crate::keys::{self, SigningKey};
use crate::site::{self, Page};
use crate::state::State;
use crate::token::{self, Claims};

pub(crate) const TOKEN_LIFETIME_S: u32 = 12 * 3600;
const BODY_BYTES_MAX: u64 = 4096;

pub(crate) struct Issuer<'a> {
    pub(crate) url: &'a str,
    pub(crate) audience: &'a str,
    pub(crate) keys: Vec<SigningKey>,
}

/// What is served, and where it lies.
pub(crate) struct Served<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) audience: &'a str,
    pub(crate) keys: &'a Path,
    pub(crate) site: &'a Path,
    pub(crate) state: &'a Path,
}

/// Serves until the process is ended.
pub(crate) fn serve(served: &Served<'_>, port: u16) -> Result<()> {
    let (url, audience, keys_dir) = (served.issuer, served.audience, served.keys);
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let server = Server::http(address).map_err(|error| Failure::new(format!("cannot listen on {address}: {error}")))?;
    println!("{url} on http://{address}");
    for mut request in server.incoming_requests() {
        if let Some(page) = page(served, &request) {
            respond(request, page);
            continue;
        }
        // Read anew each time: `cargo dev token` may have made a key since.
        let (status, body) = match keys::load_all(keys_dir) {
            Ok(keys) => answer(&Issuer { url, audience, keys }, &mut request),
            Err(failure) => (500, json!({ "error": failure.to_string() })),
        };
        let mut headers = vec![
            ("Content-Type", "application/json".to_owned()),
            ("Cache-Control", "no-store".to_owned()),
            ("Vary", "Origin".to_owned()),
        ];
        if let Some(origin) = header(&request, "Origin").filter(|origin| is_loopback(origin)) {
            headers.push(("Access-Control-Allow-Origin", origin));
            headers.push(("Access-Control-Allow-Headers", "content-type".to_owned()));
            headers.push(("Access-Control-Allow-Methods", "GET, POST".to_owned()));
        }
        respond(request, Page { status, headers, body: body.to_string().into_bytes() });
    }
    Ok(())
}

fn respond(request: Request, page: Page) {
    let mut response = Response::from_data(page.body).with_status_code(page.status);
    for (name, value) in page.headers {
        if let Ok(header) = Header::from_bytes(name, value) {
            response.add_header(header);
        }
    }
    // The client may be gone; the next one is served all the same.
    let _ = request.respond(response);
}

/// What the web client is made of; none where it is the issuer's to answer.
fn page(served: &Served<'_>, request: &Request) -> Option<Page> {
    let path = request.url().split('?').next().unwrap_or_default();
    let is_own = matches!(path, "/jwks.json" | "/token") || path.starts_with("/.well-known/");
    let is_here = header(request, "Host").is_some_and(|host| is_loopback(&host));
    if *request.method() != Method::Get || is_own || !is_here {
        return None;
    }
    if path != "/config.json" {
        return Some(site::page(served.site, path));
    }
    let deployment = State::read(served.state).ok().flatten().and_then(|state| state.deployment);
    let (status, body) = deployment.map_or_else(
        || (503, json!({ "error": "nothing is deployed yet" })),
        |deployment| (200, site::config(served.issuer, &deployment)),
    );
    let headers = vec![("Content-Type", "application/json".to_owned()), ("Cache-Control", "no-store".to_owned())];
    Some(Page { status, headers, body: body.to_string().into_bytes() })
}

fn answer(issuer: &Issuer<'_>, request: &mut Request) -> (u16, Value) {
    if !header(request, "Host").is_some_and(|host| is_loopback(&host)) {
        return (403, json!({ "error": "only loopback names are answered" }));
    }
    let path = request.url().split('?').next().unwrap_or_default().to_owned();
    match (request.method(), path.as_str()) {
        (Method::Get, "/.well-known/openid-configuration") => (200, discovery(issuer)),
        (Method::Get, "/jwks.json") => (200, keys::jwks(&issuer.keys)),
        (Method::Options, _) => (200, json!({})),
        (Method::Post, "/token") => {
            if header(request, "Origin").is_some_and(|origin| !is_loopback(&origin)) {
                return (403, json!({ "error": "only loopback origins are answered" }));
            }
            match io::read_to_string(request.as_reader().take(BODY_BYTES_MAX)) {
                Ok(body) => grant(issuer, &body),
                Err(error) => (400, json!({ "error": error.to_string() })),
            }
        }
        _ => (404, json!({ "error": "not found" })),
    }
}

#[derive(Deserialize)]
struct TokenRequest {
    user: String,
}

fn grant(issuer: &Issuer<'_>, body: &str) -> (u16, Value) {
    let refuse = |reason: String| (400, json!({ "error": reason }));
    let request: TokenRequest = match serde_json::from_str(body) {
        Ok(request) => request,
        Err(error) => return refuse(format!("expected {{\"user\": …}}: {error}")),
    };
    let Some(key) = issuer.keys.first() else {
        return (500, json!({ "error": "no key" }));
    };
    let claims = Claims {
        issuer: issuer.url,
        audience: issuer.audience,
        user: &request.user,
        device: None,
        issued_at_s: now_ms() / 1000,
        lifetime_s: TOKEN_LIFETIME_S.into(),
    };
    match token::issue(key, &claims) {
        Ok(token) => (200, json!({ "access_token": token, "token_type": "Bearer", "expires_in": TOKEN_LIFETIME_S })),
        Err(failure) => refuse(failure.to_string()),
    }
}

/// What is true of this issuer and nothing more: there is no authorization endpoint.
fn discovery(issuer: &Issuer<'_>) -> Value {
    let algorithms: Vec<_> = issuer.keys.iter().map(|key| key.algorithm().name()).collect();
    json!({
        "issuer": issuer.url,
        "jwks_uri": format!("{}/jwks.json", issuer.url),
        "response_types_supported": [],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": algorithms,
    })
}

/// Writes what the issuer publishes as files, for a stack that cannot reach the host's loopback.
pub(crate) fn publish(issuer: &Issuer<'_>, folder: &Path) -> std::io::Result<()> {
    let well_known = folder.join(".well-known");
    std::fs::create_dir_all(&well_known)?;
    std::fs::write(well_known.join("openid-configuration"), discovery(issuer).to_string())?;
    std::fs::write(folder.join("jwks.json"), keys::jwks(&issuer.keys).to_string())
}

/// Whether a `Host` or an `Origin` is this machine.
fn is_loopback(value: &str) -> bool {
    let host = value.strip_prefix("http://").or_else(|| value.strip_prefix("https://")).unwrap_or(value);
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.parse::<u16>().is_ok() => name,
        _ => host,
    };
    matches!(name, "127.0.0.1" | "localhost" | "[::1]")
}

fn header(request: &Request, name: &'static str) -> Option<String> {
    request.headers().iter().find(|header| header.field.equiv(name)).map(|header| header.value.as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issuer() -> (std::path::PathBuf, Issuer<'static>) {
        static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let id = NEXT.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let dir = std::env::temp_dir().join(format!("tidings-issuer-{}-{id}", std::process::id()));
        let keys = keys::load_all(&dir).unwrap();
        let url = "http://127.0.0.1:4570";
        (dir, Issuer { url, audience: "tidings", keys })
    }

    #[test]
    fn only_this_machine_is_loopback() {
        for good in ["127.0.0.1:4570", "localhost", "http://localhost:5173", "[::1]:4570"] {
            assert!(is_loopback(good), "{good}");
        }
        for bad in ["example.org", "http://127.0.0.1.example.org", "null", "http://localhost:1@evil.org", ""] {
            assert!(!is_loopback(bad), "{bad}");
        }
    }

    #[test]
    fn a_browser_gets_a_token_for_a_valid_user_only() {
        let (dir, issuer) = issuer();
        let (status, body) = grant(&issuer, r#"{"user":"alice"}"#);
        assert_eq!(status, 200);
        assert_eq!(body["access_token"].as_str().unwrap().split('.').count(), 3);
        assert_eq!(grant(&issuer, r#"{"user":"a b"}"#).0, 400);
        assert_eq!(grant(&issuer, "{}").0, 400);
        std::fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn the_published_files_say_what_the_server_says() {
        let (dir, issuer) = issuer();
        publish(&issuer, &dir).unwrap();
        let text = std::fs::read_to_string(dir.join(".well-known/openid-configuration")).unwrap();
        let found: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(found, discovery(&issuer));
        assert_eq!(found["jwks_uri"], "http://127.0.0.1:4570/jwks.json");
        std::fs::remove_dir_all(dir).unwrap();
    }
}
