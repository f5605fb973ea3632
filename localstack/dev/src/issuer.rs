//! The local OIDC issuer: it publishes the keys, hands browsers a token for the asking, and serves them the web client.
//!
//! It listens on loopback only, and answers only loopback names and origins: else any web page
//! that the developer opens could become any user of the local stack.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use http_body_util::{BodyExt, Collected, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::runtime;
use tokio::task::{LocalSet, spawn_local};

use crate::clock::now_ms;
use crate::failure::{Context, Failure, Result};
use crate::keys::{self, SigningKey};
use crate::site::{self, Page};
use crate::state::State;
use crate::token::{self, Claims};

pub(crate) const TOKEN_LIFETIME_S: u32 = 12 * 3600;
const BODY_BYTES_MAX: usize = 4096;
/// Who connects has so long to ask. A browser connects ahead of what it may ask.
const ASK_WITHIN: Duration = Duration::from_mins(5);

pub(crate) struct Issuer<'a> {
    pub(crate) url: &'a str,
    pub(crate) audience: &'a str,
    pub(crate) keys: Vec<SigningKey>,
}

/// What is served, and where it lies.
pub(crate) struct Served {
    pub(crate) issuer: String,
    pub(crate) audience: &'static str,
    pub(crate) keys: PathBuf,
    pub(crate) site: PathBuf,
    pub(crate) state: PathBuf,
}

/// What is asked.
struct Asked {
    method: Method,
    path: String,
    host: Option<String>,
    origin: Option<String>,
    /// Why there is none, where it could not be read.
    body: std::result::Result<Bytes, String>,
}

/// Serves until the process is ended.
pub(crate) fn serve(served: Served, port: u16) -> Result<()> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let runtime = runtime::Builder::new_current_thread().enable_all().build().context(|| "no runtime".to_owned())?;
    LocalSet::new().block_on(&runtime, async {
        let listening = TcpListener::bind(address).await;
        let listener = listening.map_err(|error| Failure::new(format!("cannot listen on {address}: {error}")))?;
        println!("{} on http://{address}", served.issuer);
        accept(served, listener).await;
        Ok(())
    })
}

/// Connections wait for nothing but their own clients: browsers open some ahead, and keep them.
async fn accept(served: Served, listener: TcpListener) {
    let served = Rc::new(served);
    loop {
        // One that was given up before it was accepted; the next one is served all the same.
        let Ok((stream, _)) = listener.accept().await else { continue };
        let served = Rc::clone(&served);
        spawn_local(async move {
            let service = service_fn(|request| {
                let served = Rc::clone(&served);
                async move { Ok::<_, Infallible>(respond(&served, &asked(request).await)) }
            });
            let mut server = http1::Builder::new();
            server.timer(TokioTimer::new()).header_read_timeout(ASK_WITHIN);
            // The client may be gone.
            let _ = server.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn asked(request: Request<Incoming>) -> Asked {
    let header = |name: &str| request.headers().get(name)?.to_str().ok().map(str::to_owned);
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let (host, origin) = (header("host"), header("origin"));
    let body = Limited::new(request.into_body(), BODY_BYTES_MAX).collect().await;
    let body = body.map(Collected::to_bytes).map_err(|error| error.to_string());
    Asked { method, path, host, origin, body }
}

fn respond(served: &Served, asked: &Asked) -> Response<Full<Bytes>> {
    if let Some(page) = page(served, asked) {
        return response(page);
    }
    // Read anew each time: `cargo dev token` may have made a key since.
    let (status, body) = match keys::load_all(&served.keys) {
        Ok(keys) => answer(&Issuer { url: &served.issuer, audience: served.audience, keys }, asked),
        Err(failure) => (500, json!({ "error": failure.to_string() })),
    };
    let mut headers = vec![
        ("content-type", "application/json".to_owned()),
        ("cache-control", "no-store".to_owned()),
        ("vary", "origin".to_owned()),
    ];
    if let Some(origin) = asked.origin.as_ref().filter(|origin| is_loopback(origin)) {
        headers.push(("access-control-allow-origin", origin.clone()));
        headers.push(("access-control-allow-headers", "content-type".to_owned()));
        headers.push(("access-control-allow-methods", "GET, POST".to_owned()));
    }
    response(Page { status, headers, body: body.to_string().into_bytes() })
}

fn response(page: Page) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(page.body)));
    *response.status_mut() = StatusCode::from_u16(page.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in page.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    response
}

/// What the web client is made of; none where it is the issuer's to answer.
fn page(served: &Served, asked: &Asked) -> Option<Page> {
    let path = asked.path.as_str();
    let is_own = matches!(path, "/jwks.json" | "/token") || path.starts_with("/.well-known/");
    let is_here = asked.host.as_deref().is_some_and(is_loopback);
    if asked.method != Method::GET || is_own || !is_here {
        return None;
    }
    if path != "/config.json" {
        return Some(site::page(&served.site, path));
    }
    let deployment = State::read(&served.state).ok().flatten().and_then(|state| state.deployment);
    let (status, body) = deployment.map_or_else(
        || (503, json!({ "error": "nothing is deployed yet" })),
        |deployment| (200, site::config(&served.issuer, &deployment)),
    );
    let headers = vec![("content-type", "application/json".to_owned()), ("cache-control", "no-store".to_owned())];
    Some(Page { status, headers, body: body.to_string().into_bytes() })
}

fn answer(issuer: &Issuer<'_>, asked: &Asked) -> (u16, Value) {
    if !asked.host.as_deref().is_some_and(is_loopback) {
        return (403, json!({ "error": "only loopback names are answered" }));
    }
    match (&asked.method, asked.path.as_str()) {
        (&Method::GET, "/.well-known/openid-configuration") => (200, discovery(issuer)),
        (&Method::GET, "/jwks.json") => (200, keys::jwks(&issuer.keys)),
        (&Method::OPTIONS, _) => (200, json!({})),
        (&Method::POST, "/token") => {
            if asked.origin.as_deref().is_some_and(|origin| !is_loopback(origin)) {
                return (403, json!({ "error": "only loopback origins are answered" }));
            }
            match &asked.body {
                Ok(body) => grant(issuer, body),
                Err(error) => (400, json!({ "error": error })),
            }
        }
        _ => (404, json!({ "error": "not found" })),
    }
}

#[derive(Deserialize)]
struct TokenRequest {
    user: String,
}

fn grant(issuer: &Issuer<'_>, body: &[u8]) -> (u16, Value) {
    let refuse = |reason: String| (400, json!({ "error": reason }));
    let request: TokenRequest = match serde_json::from_slice(body) {
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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;

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
        let (status, body) = grant(&issuer, br#"{"user":"alice"}"#);
        assert_eq!(status, 200);
        assert_eq!(body["access_token"].as_str().unwrap().split('.').count(), 3);
        assert_eq!(grant(&issuer, br#"{"user":"a b"}"#).0, 400);
        assert_eq!(grant(&issuer, b"{}").0, 400);
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

    /// A browser connects ahead of what it asks, and keeps what it has: a page once did not come for that.
    #[test]
    fn connections_that_ask_nothing_hold_up_nobody() {
        let (dir, issuer) = issuer();
        let served = Served {
            issuer: issuer.url.to_owned(),
            audience: issuer.audience,
            keys: dir.clone(),
            site: dir.join("site"),
            state: dir.join("state"),
        };
        let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
        LocalSet::new().block_on(&runtime, async {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
            let address = listener.local_addr().unwrap();
            spawn_local(accept(served, listener));
            let mut idle = Vec::new();
            for _ in 0..50 {
                idle.push(TcpStream::connect(address).await.unwrap());
                let (status, body) = get(address, "/jwks.json").await;
                assert_eq!((status.as_str(), body.contains("keys")), ("HTTP/1.1 200 OK", true), "{body}");
            }
            let (status, _) = get(address, "/").await;
            assert_eq!(status, "HTTP/1.1 404 Not Found");
        });
        std::fs::remove_dir_all(dir).unwrap();
    }

    async fn get(address: SocketAddr, path: &str) -> (String, String) {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.lines().next().unwrap().to_owned(), body.to_owned())
    }
}
