//! The web client's files, as the identity provider's process serves them.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::state::Deployment;

/// Who is offered to sign in as, to try the client side by side.
pub(crate) const USERS: [&str; 2] = ["alice", "bob"];

/// As a deployment's distribution says it, with this machine's addresses in it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; manifest-src 'self'; worker-src 'self'; \
     img-src 'self' blob: data: http://127.0.0.1:*; media-src blob: http://127.0.0.1:*; \
     connect-src 'self' http://127.0.0.1:* ws://127.0.0.1:*; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What a path of the site is answered with.
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

/// A file of the site; its index for a path of the application's own.
pub(crate) fn page(root: &Path, path: &str) -> Page {
    let found = file_of(root, path).and_then(|file| Some((content_type(&file)?, fs::read(&file).ok()?)));
    let Some((mime, body)) = found else {
        return Page {
            status: 404,
            headers: vec![("content-type", "text/plain".to_owned())],
            body: b"The web client was not built: it needs Node 20.19 or newer, and `cargo dev up`.\n".to_vec(),
        };
    };
    let headers = vec![
        ("content-type", mime.to_owned()),
        ("cache-control", "no-cache".to_owned()),
        ("content-security-policy", POLICY.to_owned()),
        ("referrer-policy", "no-referrer".to_owned()),
        ("x-content-type-options", "nosniff".to_owned()),
    ];
    Page { status: 200, headers, body }
}

/// What tells the client where its stack is.
pub(crate) fn config(issuer: &str, deployment: &Deployment) -> serde_json::Value {
    json!({
        "httpUrl": deployment.http_url,
        "socketUrl": deployment.ws_url,
        "issuer": issuer,
        "local": { "users": USERS },
    })
}

/// Where a path lies; none where it leads out of the folder.
fn file_of(root: &Path, path: &str) -> Option<PathBuf> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let is_plain = |part: &&str| {
        !part.starts_with('.')
            && part.chars().all(|char| char.is_ascii_alphanumeric() || matches!(char, '.' | '-' | '_'))
    };
    if !parts.iter().all(is_plain) {
        return None;
    }
    match parts.last() {
        Some(last) if last.contains('.') => Some(parts.iter().fold(root.to_owned(), |file, part| file.join(part))),
        _ => Some(root.join("index.html")),
    }
}

fn content_type(file: &Path) -> Option<&'static str> {
    Some(match file.extension()?.to_str()? {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "webmanifest" => "application/manifest+json",
        "json" => "application/json",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_leads_out_of_the_folder() {
        let root = Path::new("/site");
        assert_eq!(file_of(root, "/assets/app-1.js"), Some(PathBuf::from("/site/assets/app-1.js")));
        assert_eq!(file_of(root, "/"), Some(PathBuf::from("/site/index.html")));
        assert_eq!(file_of(root, "/c/anything"), Some(PathBuf::from("/site/index.html")));
        for bad in ["/../secret.js", "/.env", "/a/.git/config.json", "/%2e%2e/x.js", "/a\\b.js"] {
            assert_eq!(file_of(root, bad), None, "{bad}");
        }
    }

    #[test]
    fn what_is_not_there_and_what_is_no_page_is_not_found() {
        let root = std::env::temp_dir().join(format!("tidings-site-{}", std::process::id()));
        fs::create_dir_all(&root).unwrap();
        fs::write(root.join("index.html"), "<p>here").unwrap();
        fs::write(root.join("keys.pem"), "secret").unwrap();
        let index = page(&root, "/");
        assert_eq!((index.status, index.body), (200, b"<p>here".to_vec()));
        assert!(
            index.headers.iter().any(|(name, value)| *name == "content-security-policy" && value.contains("'none'"))
        );
        for missing in ["/absent.js", "/keys.pem"] {
            assert_eq!(page(&root, missing).status, 404, "{missing}");
        }
        fs::remove_dir_all(root).unwrap();
    }
}
