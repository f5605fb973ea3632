//! What `up` did, kept in `.tidings/state.json` for the other commands.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::failure::{Context, Failure, Result};
use crate::interrupt;
use crate::paths::Paths;
use crate::progress::Step;

pub(crate) const REGION: &str = "us-east-1";
pub(crate) const AUDIENCE: &str = "tidings";
/// Who administrates on the local stack.
pub(crate) const ADMIN: &str = "admin";
pub(crate) const PORT_DEFAULT: u16 = 4566;
const OIDC_PORT_OFFSET: u16 = 4;
const PROXY_PORT_OFFSET: u16 = 5;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Target {
    /// The emulator that comes with this repository.
    Emulator,
    /// A `LocalStack` that already runs, in Docker.
    Localstack,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct State {
    pub(crate) target: Target,
    pub(crate) port: u16,
    /// The emulator's launcher; none where the target runs by itself.
    pub(crate) launcher_pid: Option<u32>,
    pub(crate) issuer_pid: Option<u32>,
    /// The proxy that lets the functions' calls fail; none in a stack that is to work.
    #[serde(default)]
    pub(crate) proxy_pid: Option<u32>,
    pub(crate) persist: bool,
    pub(crate) release: bool,
    pub(crate) emulator_hash: String,
    pub(crate) template_hash: String,
    pub(crate) code_hash: String,
    pub(crate) deployment: Option<Deployment>,
}

/// What the deploy script answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Deployment {
    pub(crate) ws_url: String,
    pub(crate) http_url: String,
    pub(crate) functions: Vec<Function>,
    pub(crate) tables: BTreeMap<String, String>,
    pub(crate) stream: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "as Lambda names it, in the published shape too")]
pub(crate) struct Function {
    /// The folder in functions/, for example `send`.
    pub(crate) name: String,
    pub(crate) function_name: String,
    pub(crate) log_group: String,
}

impl State {
    pub(crate) fn load(paths: &Paths) -> Result<Option<Self>> {
        Self::read(&paths.state_file())
    }

    /// As another process of the same stack reads it.
    pub(crate) fn read(file: &Path) -> Result<Option<Self>> {
        let text = match fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(Failure::new(format!("cannot read {}: {error}", file.display())));
            }
        };
        serde_json::from_str(&text).map(Some).map_err(|error| {
            Failure::new(format!("{} is damaged: {error}", file.display()))
                .with_help("remove it, end what still runs by hand, and run `cargo dev up`")
        })
    }

    /// Written whole or not at all: other commands read it at any moment.
    pub(crate) fn save(&self, paths: &Paths) -> Result<()> {
        let file = paths.state_file();
        let draft = file.with_extension("new");
        let failed = || format!("cannot write {}", file.display());
        let text = serde_json::to_string_pretty(self).context(failed)?;
        fs::write(&draft, text).context(failed)?;
        fs::rename(&draft, &file).context(failed)
    }

    pub(crate) fn remove(paths: &Paths) -> Result<()> {
        let file = paths.state_file();
        match fs::remove_file(&file) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(Failure::new(format!("cannot remove {}: {error}", file.display())))
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn endpoint(&self) -> String {
        match self.target {
            Target::Emulator => format!("http://127.0.0.1:{}", self.port),
            Target::Localstack => format!("http://localhost:{}", self.port),
        }
    }

    /// Whether a function is refused what its role does not allow. With a proxy on the way it cannot be told who calls:
    /// the signature is for another host.
    pub(crate) fn enforces_roles(&self) -> bool {
        self.target == Target::Emulator && self.proxy_pid.is_none()
    }

    /// What the functions are told, where that is not what the host uses.
    pub(crate) fn endpoint_of_functions(&self) -> String {
        match self.target {
            Target::Emulator if self.proxy_pid.is_some() => self.proxy_url(),
            Target::Emulator => self.endpoint(),
            // A public name of the loopback address, which LocalStack makes its own inside containers.
            Target::Localstack => format!("http://localhost.localstack.cloud:{}", self.port),
        }
    }

    pub(crate) fn proxy_url(&self) -> String {
        format!("http://127.0.0.1:{}", proxy_port(self.port))
    }

    pub(crate) fn issuer_url(&self) -> String {
        issuer_url(self.target, self.port)
    }

    pub(crate) fn oidc_url_on_host(&self) -> String {
        format!("http://127.0.0.1:{}", oidc_port(self.port))
    }
}

pub(crate) fn oidc_port(port: u16) -> u16 {
    port.saturating_add(OIDC_PORT_OFFSET)
}

pub(crate) fn proxy_port(port: u16) -> u16 {
    port.saturating_add(PROXY_PORT_OFFSET)
}

/// The `iss` of the tokens, as the functions reach it.
pub(crate) fn issuer_url(target: Target, port: u16) -> String {
    let host = match target {
        Target::Emulator => "127.0.0.1",
        // LocalStack's functions run in containers.
        Target::Localstack => "host.docker.internal",
    };
    format!("http://{host}:{}", oidc_port(port))
}

/// Held by the one command that changes the stack.
pub(crate) struct Lock(#[expect(dead_code, reason = "closing the file releases the lock")] File);

impl Lock {
    /// Waits for another `cargo dev` that is at work.
    pub(crate) fn take(paths: &Paths) -> Result<Self> {
        const PATIENCE: Duration = Duration::from_mins(20);
        paths.create()?;
        if let Some(lock) = Self::try_take(paths)? {
            return Ok(lock);
        }
        let step = Step::start("Waiting for another `cargo dev` to finish");
        let lock = interrupt::wait_until(PATIENCE, Duration::from_millis(200), || {
            Self::try_take(paths)?.ok_or_else(|| Failure::new("another `cargo dev` does not finish"))
        })?;
        step.done("The other `cargo dev` has finished");
        Ok(lock)
    }

    pub(crate) fn try_take(paths: &Paths) -> Result<Option<Self>> {
        let path = paths.lock_file();
        let file = File::create(&path).context(|| format!("cannot write {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(Failure::new(format!("cannot lock {}: {error}", path.display()))),
        }
    }
}
