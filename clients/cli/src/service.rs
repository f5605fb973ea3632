//! Where the service is, and who asks.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use serde::Deserialize;
use tidings_sdk::{Client, ClientBuilder, Http, StaticToken, TokenError, TokenFuture, TokenProvider, chain};
use tidings_secure::{Events, SecureClient};
use tokio::sync::Mutex;

use crate::{
    account,
    failure::{Failure, NOT_RUNNING_HELP, Result},
    names,
};

const ISSUER_TIMEOUT: Duration = Duration::from_secs(5);
/// `cargo dev` runs its issuer this far from the port of its stack.
const ISSUER_PORT_OFFSET: u16 = 4;
const DEVICE_CHARS_MAX: usize = 64;

#[derive(clap::Args)]
pub(crate) struct ServiceArgs {
    /// Who you are.
    #[arg(long = "as", value_name = "USER", env = "TIDINGS_USER", global = true)]
    user: Option<String>,
    /// An access token; else the issuer of the local stack is asked for one.
    #[arg(long, env = "TIDINGS_TOKEN", hide_env_values = true, global = true)]
    token: Option<String>,
    /// The WebSocket API; else that of the local stack.
    #[arg(long, value_name = "URL", env = "TIDINGS_WS_URL", global = true)]
    ws_url: Option<String>,
    /// The HTTP API; else that of the local stack.
    #[arg(long, value_name = "URL", env = "TIDINGS_HTTP_URL", global = true)]
    http_url: Option<String>,
    /// The name of this device. Two commands that run at once need two: a device has one connection and one vault. The
    /// default is made of the machine's name.
    #[arg(long, env = "TIDINGS_DEVICE", global = true)]
    device: Option<String>,
    /// Where the vaults of devices are: keys, history, what is to be sent. Else in `.tidings` of the local stack, or in
    /// the folder of the system for such.
    #[arg(long, value_name = "DIR", env = "TIDINGS_VAULTS", global = true)]
    vaults: Option<PathBuf>,
    /// What opens the vault. Without one its key lies beside it, for whoever can read your files.
    #[arg(long, env = "TIDINGS_PASSPHRASE", hide_env_values = true, global = true)]
    passphrase: Option<String>,
}

/// A user of a service.
pub(crate) struct Service {
    pub(crate) user: String,
    device: Option<String>,
    ws_url: String,
    http_url: String,
    tokens: Tokens,
    vaults: PathBuf,
    passphrase: Option<String>,
}

impl ServiceArgs {
    /// Finds the service, in the arguments or in the state of a local stack.
    pub(crate) fn find(&self) -> Result<Service> {
        let user = self
            .user
            .as_deref()
            .ok_or_else(|| Failure::new("who are you?").with_help("say it with --as USER, or set TIDINGS_USER"))?;
        let user = names::user(user)?.to_owned();
        let complete = self.token.is_some() && self.ws_url.is_some() && self.http_url.is_some();
        let folder = std::env::current_dir().map_err(|error| Failure::new(format!("no current folder: {error}")))?;
        let stack = if complete { None } else { Stack::find(&folder)? };
        let address = |given: &Option<String>, found: fn(&Deployment) -> &String, option: &str| {
            let deployed = stack.as_ref().and_then(|stack| stack.deployment.as_ref()).map(found);
            given.as_ref().or(deployed).cloned().ok_or_else(|| not_found(stack.is_some(), option))
        };
        let ws_url = address(&self.ws_url, |deployment| &deployment.ws_url, "--ws-url")?;
        let http_url = address(&self.http_url, |deployment| &deployment.http_url, "--http-url")?;
        let vaults = match (&self.vaults, &stack) {
            (Some(folder), _) => folder.clone(),
            (None, Some(stack)) => stack.folder.join("vaults"),
            (None, None) => account::data_folder()?,
        };
        let tokens = match (&self.token, stack) {
            (Some(token), _) => Tokens::Given(token.clone()),
            (None, Some(stack)) => Tokens::Issued { url: stack.issuer_url(), user: user.clone() },
            (None, None) => return Err(not_found(false, "--token")),
        };
        let passphrase = self.passphrase.clone();
        Ok(Service { user, device: self.device.clone(), ws_url, http_url, tokens, vaults, passphrase })
    }
}

fn not_found(has_stack: bool, option: &str) -> Failure {
    let message = if has_stack { "the local stack is not deployed" } else { "no local stack was found here" };
    Failure::new(message).with_help(format!("run `cargo dev up` in the repository, or give {option}"))
}

impl Service {
    /// The client of this device, with its vault: what reads and writes messages.
    pub(crate) async fn start(&self) -> Result<(SecureClient, Events)> {
        let device = self.device("");
        let folder = account::folder(&self.vaults, &self.ws_url, &self.user, &device);
        let unlock = account::Unlocking::of(&folder, self.passphrase.as_deref())?;
        let builder = Client::builder().url(&self.ws_url).http(&self.http_url).device(&device);
        let builder = self.with_tokens(builder).await?;
        Ok(SecureClient::start(builder, &self.user, &device, &folder, &unlock.get())?)
    }

    /// The HTTP API alone.
    pub(crate) async fn http(&self, command: &str) -> Result<Http> {
        let builder = Client::builder().http(&self.http_url).device(self.device(command));
        Ok(self.with_tokens(builder).await?.http_only()?)
    }

    async fn with_tokens(&self, builder: ClientBuilder) -> Result<ClientBuilder> {
        Ok(match &self.tokens {
            Tokens::Given(token) => builder.token_provider(StaticToken::new(token)),
            Tokens::Issued { url, user } => {
                let issuer = Issuer::new(url.clone(), user.clone())?;
                // Asked here too, where a failure can still be told as such.
                issuer.ask(false).await.map_err(|error| {
                    Failure::new(format!("no access token: {}", chain(&error))).with_help(NOT_RUNNING_HELP)
                })?;
                builder.token_provider(issuer)
            }
        })
    }

    fn device(&self, command: &str) -> String {
        self.device.clone().unwrap_or_else(|| device_of(&gethostname::gethostname().to_string_lossy(), command))
    }
}

/// The same at each start. A command that has no vault is another device: it takes no place of the one that has.
fn device_of(host: &str, command: &str) -> String {
    let fit = |c: &char| c.is_ascii_alphanumeric() || "._-".contains(*c);
    let command = if command.is_empty() { String::new() } else { format!(":{command}") };
    let room = DEVICE_CHARS_MAX - "cli:".len() - command.len();
    let host: String = host.chars().filter(fit).take(room).collect();
    format!("cli:{host}{command}")
}

enum Tokens {
    Given(String),
    Issued { url: String, user: String },
}

/// What `cargo dev` writes about its stack, as far as it matters here.
#[derive(Debug, Deserialize)]
struct Stack {
    /// Where its state is.
    #[serde(skip)]
    folder: PathBuf,
    port: u16,
    deployment: Option<Deployment>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Deployment {
    ws_url: String,
    http_url: String,
}

impl Stack {
    /// Looks in this folder and in those above.
    fn find(folder: &Path) -> Result<Option<Self>> {
        for folder in folder.ancestors() {
            let file: PathBuf = folder.join(".tidings/state.json");
            match fs::read_to_string(&file) {
                Ok(text) => {
                    let read: serde_json::Result<Self> = serde_json::from_str(&text);
                    let stack = read.map_err(|error| {
                        Failure::new(format!("{} cannot be read: {error}", file.display()))
                            .with_help("`cargo dev up` writes it anew")
                    })?;
                    return Ok(Some(Self { folder: folder.join(".tidings"), ..stack }));
                }
                Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {}
                Err(error) => return Err(Failure::new(format!("{} cannot be read: {error}", file.display()))),
            }
        }
        Ok(None)
    }

    fn issuer_url(&self) -> String {
        format!("http://127.0.0.1:{}/token", self.port.saturating_add(ISSUER_PORT_OFFSET))
    }
}

/// The issuer of a local stack, which gives a token for the asking.
struct Issuer {
    client: reqwest::Client,
    url: String,
    user: String,
    last: Mutex<Option<String>>,
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
}

#[derive(Debug, thiserror::Error)]
enum IssuerError {
    #[error("the issuer at {url} does not answer")]
    Unreachable {
        url: String,
        #[source]
        source: reqwest::Error,
    },
    #[error("the issuer refused: {0}")]
    Refused(String),
}

impl Issuer {
    fn new(url: String, user: String) -> Result<Self> {
        let failed = |error: &dyn std::error::Error| Failure::new(format!("cannot ask for a token: {}", chain(error)));
        // It is on this machine, in plain text: no certificate is ever trusted.
        let tls = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| failed(&error))?
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .timeout(ISSUER_TIMEOUT)
            .no_proxy()
            .build()
            .map_err(|error| failed(&error))?;
        Ok(Self { client, url, user, last: Mutex::new(None) })
    }

    async fn ask(&self, fresh: bool) -> std::result::Result<String, IssuerError> {
        let mut last = self.last.lock().await;
        if let Some(token) = last.as_ref().filter(|_| !fresh) {
            return Ok(token.clone());
        }
        let unreachable = |source| IssuerError::Unreachable { url: self.url.clone(), source };
        let body = serde_json::json!({ "user": self.user });
        let answer = self.client.post(&self.url).json(&body).send().await.map_err(unreachable)?;
        let status = answer.status();
        let text = answer.text().await.map_err(unreachable)?;
        let granted: Granted = match serde_json::from_str(&text) {
            Ok(granted) if status.is_success() => granted,
            _ => return Err(IssuerError::Refused(text)),
        };
        *last = Some(granted.access_token.clone());
        Ok(granted.access_token)
    }
}

impl TokenProvider for Issuer {
    fn token(&self, fresh: bool) -> TokenFuture<'_> {
        Box::pin(async move { self.ask(fresh).await.map_err(TokenError::new) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_valid_and_differ_by_command() {
        assert_eq!(device_of("büro.example", "chat"), "cli:bro.example:chat");
        assert_eq!(device_of("", "list"), "cli::list");
        assert_eq!(device_of("desk", ""), "cli:desk");
        assert_eq!(device_of(&"x".repeat(100), "history").len(), 64);
    }

    #[test]
    fn the_state_of_a_stack_is_found_from_below() {
        let root = std::env::temp_dir().join(format!("tidings-cli-{}", std::process::id()));
        let below = root.join("a/b");
        fs::create_dir_all(&below).unwrap();
        assert!(Stack::find(&below).unwrap().is_none());
        fs::create_dir_all(root.join(".tidings")).unwrap();
        let state = r#"{"target":"emulator","port":4566,"deployment":{"wsUrl":"ws://w","httpUrl":"http://h"}}"#;
        fs::write(root.join(".tidings/state.json"), state).unwrap();
        let stack = Stack::find(&below).unwrap().unwrap();
        assert_eq!(stack.issuer_url(), "http://127.0.0.1:4570/token");
        assert_eq!(stack.deployment.unwrap().ws_url, "ws://w");
        fs::write(root.join(".tidings/state.json"), "{").unwrap();
        assert!(Stack::find(&below).unwrap_err().to_string().contains("state.json cannot be read"));
        fs::remove_dir_all(&root).unwrap();
    }
}
