//! Starts, deploys and stops the stack.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::artifact::{self, Artifact, sha256_hex};
use crate::checks;
use crate::clock::now_ms;
use crate::failure::{Context, Failure, Result};
use crate::function_logs::Reader;
use crate::interrupt;
use crate::issuer::{self, Issuer};
use crate::keys::{self, Algorithm, SigningKey};
use crate::paths::Paths;
use crate::probe;
use crate::process;
use crate::progress::Step;
use crate::python;
use crate::services::{emulator_answers, issuer_answers, path_text, start_emulator, start_issuer, start_proxy, stop};
use crate::state::{
    ADMIN, AUDIENCE, Deployment, Lock, PORT_DEFAULT, REGION, State, Target, issuer_url, oidc_port, proxy_port,
};
use crate::token::{self, Claims};

pub(crate) const STACK: &str = "tidings";
const PROBE_USER: &str = "tidings-probe";
const PROBE_DEVICE: &str = "dev:probe";

#[derive(Debug, Clone, Copy)]
pub(crate) struct Options {
    pub(crate) port: Option<u16>,
    pub(crate) target: Target,
    pub(crate) release: bool,
    pub(crate) persist: bool,
    /// Put a proxy between the functions and the emulator, which lets calls fail when it is told to.
    pub(crate) faults: bool,
}

impl Options {
    /// What the running stack was started with, or the defaults.
    pub(crate) fn as_before(paths: &Paths) -> Result<Self> {
        let before = State::load(paths)?;
        Ok(Self {
            port: before.as_ref().map(|state| state.port),
            target: before.as_ref().map_or(Target::Emulator, |state| state.target),
            release: before.as_ref().is_some_and(|state| state.release),
            persist: before.as_ref().is_some_and(|state| state.persist),
            faults: before.is_some_and(|state| state.proxy_pid.is_some()),
        })
    }
}

pub(crate) struct Outcome {
    pub(crate) state: State,
    pub(crate) deployment: Deployment,
    /// False where it ran already.
    pub(crate) started: bool,
    pub(crate) change: Change,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Everything,
    Template,
    Code,
    Nothing,
}

/// Starts the stack where it does not run, and deploys what changed where it does.
pub(crate) fn up(paths: &Paths, options: Options) -> Result<Outcome> {
    checks::tree(paths)?;
    checks::cargo()?;
    checks::disk(paths)?;
    let _lock = Lock::take(paths)?;
    let emulator_hash = emulator_hash(paths)?;
    // What is started again is found where it was.
    let before = State::load(paths)?.map(|state| state.port);
    let port = options.port.or(before).unwrap_or(PORT_DEFAULT);
    let running = still_running(paths, options, &emulator_hash)?;
    if running.is_none() && options.target == Target::Emulator {
        checks::port_is_free(port, "the emulator")?;
        checks::port_is_free(oidc_port(port), "the identity provider")?;
    }
    let python = if options.faults { python::emulator_faults(paths)? } else { python::emulator(paths)? };
    let started = running.is_none();
    let mut state = match running {
        Some(state) => state,
        None => start(paths, options, port, emulator_hash, &python)?,
    };
    let deployed = deploy(paths, options, &python, &mut state);
    if deployed.is_err() && started {
        // Nothing half started is left behind; the logs stay.
        stop(paths, &state)?;
    }
    let (change, deployment) = deployed?;
    Ok(Outcome { state, deployment, started, change })
}

/// Stops the stack; false where nothing ran.
pub(crate) fn down(paths: &Paths) -> Result<bool> {
    let _lock = Lock::take(paths)?;
    match State::load(paths)? {
        Some(state) => stop(paths, &state),
        None => Ok(false),
    }
}

/// The stack that runs and can be kept. What cannot be kept is stopped.
fn still_running(paths: &Paths, options: Options, emulator_hash: &str) -> Result<Option<State>> {
    let Some(state) = State::load(paths)? else {
        return Ok(None);
    };
    let patience = Duration::from_secs(2);
    let whole = emulator_answers(paths, &state, patience) && issuer_answers(paths, &state, patience);
    if !whole {
        stop(paths, &state)?;
        return Ok(None);
    }
    if state.target != options.target || options.port.is_some_and(|port| port != state.port) {
        return Err(Failure::new(format!("the stack runs already, at {}", state.endpoint()))
            .with_help("use it as it is, or stop it first: `cargo dev down`"));
    }
    if state.target == Target::Emulator && state.emulator_hash != emulator_hash {
        eprintln!("The emulator's own files changed: it is started again, and its data is new.");
        stop(paths, &state)?;
        return Ok(None);
    }
    Ok(Some(state))
}

fn start(paths: &Paths, options: Options, port: u16, emulator_hash: String, python: &Path) -> Result<State> {
    let mut state = State {
        target: options.target,
        port,
        launcher_pid: None,
        issuer_pid: None,
        proxy_pid: None,
        persist: options.persist,
        release: options.release,
        emulator_hash,
        template_hash: String::new(),
        code_hash: String::new(),
        deployment: None,
    };
    let signing = keys::load_all(&paths.keys())?;
    match options.target {
        Target::Emulator => {
            if !options.persist {
                wipe_data(paths)?;
            }
            if options.faults {
                state.proxy_pid = Some(start_proxy(paths, &state, python)?);
            }
            state.launcher_pid = Some(start_emulator(paths, &state, python)?);
            // Written at once: whatever happens next, `down` knows what to stop.
            state.save(paths)?;
            match start_issuer(paths, &state, python) {
                Ok(pid) => state.issuer_pid = Some(pid),
                Err(failure) => {
                    stop(paths, &state)?;
                    return Err(failure);
                }
            }
            state.save(paths)?;
        }
        Target::Localstack => {
            let issuer = Issuer { url: &issuer_url(options.target, port), audience: AUDIENCE, keys: signing };
            let folder = paths.oidc_files();
            issuer::publish(&issuer, &folder).context(|| format!("cannot write {}", folder.display()))?;
            state.save(paths)?;
        }
    }
    Ok(state)
}

fn deploy(paths: &Paths, options: Options, python: &Path, state: &mut State) -> Result<(Change, Deployment)> {
    let release = options.release || state.target == Target::Localstack;
    // The emulator starts while cargo works.
    let artifact = artifact::build(paths, release)?;
    wait_for_services(paths, state)?;
    let template_hash = template_hash(paths)?;
    let change = what_changed(state, &template_hash, &artifact.hash);
    if change != Change::Nothing {
        let deployment = run_deploy_script(paths, python, state, &artifact, change)?;
        state.deployment = Some(deployment);
        state.template_hash = template_hash;
        state.code_hash = artifact.hash;
        state.release = options.release;
        state.save(paths)?;
    }
    let Some(deployment) = state.deployment.clone() else {
        return Err(Failure::new("nothing is deployed"));
    };
    prove(paths, state, &deployment)?;
    Ok((change, deployment))
}

fn what_changed(state: &State, template_hash: &str, code_hash: &str) -> Change {
    match &state.deployment {
        None => Change::Everything,
        Some(_) if state.template_hash != template_hash => Change::Template,
        Some(_) if state.code_hash != code_hash => Change::Code,
        Some(_) => Change::Nothing,
    }
}

fn wait_for_services(paths: &Paths, state: &State) -> Result<()> {
    let step = Step::start("Waiting for the emulator");
    let pause = Duration::from_millis(50);
    interrupt::wait_until(Duration::from_secs(30), pause, || {
        if emulator_answers(paths, state, Duration::from_secs(1)) {
            return Ok(());
        }
        Err(unavailable(paths, state))
    })?;
    interrupt::wait_until(Duration::from_secs(10), pause, || {
        if issuer_answers(paths, state, Duration::from_secs(1)) {
            return Ok(());
        }
        let url = state.oidc_url_on_host();
        Err(Failure::new(format!("the identity provider does not answer at {url}")).with_help(match state.target {
            Target::Emulator => format!("see {}", paths.log("oidc").display()),
            Target::Localstack => "start it: `docker compose -f localstack/docker-compose.yml up -d`".to_owned(),
        }))
    })?;
    step.done(&format!("The emulator answers at {}", state.endpoint()));
    Ok(())
}

fn unavailable(paths: &Paths, state: &State) -> Failure {
    let failure = Failure::new(format!("nothing answers at {}", state.endpoint()));
    match state.target {
        Target::Localstack => {
            failure.with_help("start LocalStack: `docker compose -f localstack/docker-compose.yml up -d`")
        }
        Target::Emulator => {
            let log = paths.log("emulator");
            failure.with_help(format!("see {}; its last lines:\n{}", log.display(), process::tail(&log, 5)))
        }
    }
}

fn run_deploy_script(
    paths: &Paths,
    python: &Path,
    state: &State,
    artifact: &Artifact,
    change: Change,
) -> Result<Deployment> {
    let step = Step::start(match change {
        Change::Code => "Updating the functions",
        _ => "Deploying template.yaml",
    });
    let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };
    let mut command = Command::new(python);
    command
        .arg(paths.deploy_script())
        .args(["--endpoint", &state.endpoint(), "--region", REGION, "--stack", STACK])
        .arg("--template")
        .arg(paths.template())
        .args(
            artifact.executables.iter().flat_map(|(folder, executable)| {
                ["--artifact".to_owned(), format!("{folder}={}", executable.display())]
            }),
        )
        .args(["--code-hash", &artifact.hash])
        .args(["--parameter", "Environment=local"])
        .args(["--parameter", &format!("Architecture={architecture}")])
        .args(["--parameter", &format!("EndpointUrl={}", state.endpoint_of_functions())])
        .args(["--parameter", &format!("OidcIssuer={}", state.issuer_url())])
        .args(["--parameter", &format!("OidcAudience={AUDIENCE}")])
        .args(["--parameter", &format!("AdminUsers={ADMIN}")]);
    command.args(push_parameters(paths, state)?);
    if state.proxy_pid.is_some() {
        // A device that was cut off without a word is missed soon, not after minutes.
        command.args(["--parameter", "HeartbeatSeconds=60", "--parameter", "SessionTtlSeconds=90"]);
    }
    if change == Change::Code {
        command.arg("--code-only");
    }
    let mut answer = String::new();
    let finished = process::run_lines(&mut command, |line| answer.push_str(line), |line| step.note(line.trim()))?;
    if !finished.status.success() {
        interrupt::check()?;
        let log = paths.log("deploy");
        let said = finished.stderr.join("\n");
        fs::write(&log, &said).context(|| format!("cannot write {}", log.display()))?;
        let reason = finished
            .stderr
            .iter()
            .rev()
            .find_map(|line| line.strip_prefix("error: "))
            .or(finished.stderr.last().map(String::as_str))
            .unwrap_or("the deploy script failed");
        return Err(Failure::new(format!("cannot deploy: {reason}")).with_help(format!(
            "see {} and {}",
            log.display(),
            paths.log("emulator").display()
        )));
    }
    let mut deployment: Deployment =
        serde_json::from_str(&answer).context(|| "cannot read the answer of the deploy script".to_owned())?;
    if state.proxy_pid.is_some() {
        // Only the functions go through the proxy: it does not know WebSockets.
        let proxied = format!(":{}/", proxy_port(state.port));
        let direct = format!(":{}/", state.port);
        deployment.ws_url = deployment.ws_url.replace(&proxied, &direct);
        deployment.http_url = deployment.http_url.replace(&proxied, &direct);
    }
    step.done(match change {
        Change::Code => "Updated the functions",
        _ => "Deployed template.yaml",
    });
    Ok(deployment)
}

/// Push services are the emulator's own, and quick to try again.
fn push_parameters(paths: &Paths, state: &State) -> Result<Vec<String>> {
    let key = keys::vapid_key(&paths.keys())?;
    let application = |platform: &str| format!("arn:aws:sns:{REGION}:000000000000:app/{platform}/tidings");
    let values = [
        ("ApnsApplicationArn", application("APNS")),
        ("ApnsSandboxApplicationArn", application("APNS_SANDBOX")),
        ("FcmApplicationArn", application("GCM")),
        ("VapidPrivateKey", key),
        ("VapidContact", "mailto:developer@localhost.invalid".to_owned()),
        ("WebPushOrigins", state.endpoint()),
        ("PushDelaySeconds", "2".to_owned()),
        ("PushRetrySeconds", "1".to_owned()),
    ];
    let pairs = values.into_iter().flat_map(|(name, value)| ["--parameter".to_owned(), format!("{name}={value}")]);
    Ok(pairs.collect())
}

/// Waits until a real socket answers.
fn prove(paths: &Paths, state: &State, deployment: &Deployment) -> Result<()> {
    let step = Step::start("Waiting for a socket to answer");
    let key = SigningKey::load_or_make(&paths.keys(), Algorithm::Es256)?;
    let token = token::issue(
        &key,
        &Claims {
            issuer: &state.issuer_url(),
            audience: AUDIENCE,
            user: PROBE_USER,
            device: None,
            issued_at_s: now_ms() / 1000,
            lifetime_s: 600,
        },
    )?;
    let since_ms = now_ms();
    let pause = Duration::from_millis(250);
    interrupt::wait_until(Duration::from_secs(15), pause, || {
        probe::heartbeat(&deployment.ws_url, PROBE_DEVICE, &token)
    })
    .map_err(|failure| failure.with_help(what_functions_said(paths, state, deployment, since_ms)))?;
    step.done("A socket answers");
    Ok(())
}

/// Keeps the functions' logs, which end with the emulator, and answers the last of them.
fn what_functions_said(paths: &Paths, state: &State, deployment: &Deployment, since_ms: u64) -> String {
    let lines = Reader::new(state.endpoint(), deployment.functions.clone(), since_ms)
        .next()
        .map_or_else(|failure| failure.to_string(), |lines| lines.join("\n"));
    let mut log = paths.log("functions");
    // One that fails in its start has no log yet: the emulator tells of it.
    if fs::write(&log, lines).is_err() || process::tail(&log, 1).is_empty() {
        log = paths.log("emulator");
    }
    format!("see {}; its last lines:\n{}", log.display(), process::tail(&log, 5))
}

pub(crate) fn wipe_data(paths: &Paths) -> Result<()> {
    let data = paths.data();
    if data.exists() {
        fs::remove_dir_all(&data).context(|| format!("cannot remove {}", data.display()))?;
    }
    Ok(())
}

fn template_hash(paths: &Paths) -> Result<String> {
    let mut bytes = Vec::new();
    for file in [paths.template(), paths.deploy_script()] {
        bytes.extend(fs::read(&file).context(|| format!("cannot read {}", file.display()))?);
    }
    Ok(sha256_hex(&bytes))
}

/// Tells whether the emulator that runs is the one of this tree.
fn emulator_hash(paths: &Paths) -> Result<String> {
    let mut files = Vec::new();
    collect_python(&paths.emulator(), &mut files).context(|| format!("cannot read {}", paths.emulator().display()))?;
    files.sort();
    let mut bytes = Vec::new();
    for file in files {
        bytes.extend(path_text(&file).into_bytes());
        bytes.extend(fs::read(&file).context(|| format!("cannot read {}", file.display()))?);
    }
    Ok(sha256_hex(&bytes))
}

fn collect_python(folder: &Path, files: &mut Vec<std::path::PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() && !path.ends_with("tests") {
            collect_python(&path, files)?;
        } else if path.extension().is_some_and(|found| found == "py") || path.ends_with("requirements.txt") {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(deployed: bool) -> State {
        State {
            target: Target::Emulator,
            port: 4566,
            launcher_pid: None,
            issuer_pid: None,
            proxy_pid: None,
            persist: false,
            release: false,
            emulator_hash: String::new(),
            template_hash: "t1".into(),
            code_hash: "c1".into(),
            deployment: deployed.then(|| Deployment {
                ws_url: String::new(),
                http_url: String::new(),
                functions: Vec::new(),
                tables: std::collections::BTreeMap::new(),
                stream: None,
            }),
        }
    }

    #[test]
    fn only_what_changed_is_deployed() {
        assert_eq!(what_changed(&state(false), "t1", "c1"), Change::Everything);
        assert_eq!(what_changed(&state(true), "t2", "c2"), Change::Template);
        assert_eq!(what_changed(&state(true), "t1", "c2"), Change::Code);
        assert_eq!(what_changed(&state(true), "t1", "c1"), Change::Nothing);
    }

    #[test]
    fn the_emulator_is_known_by_its_source_and_not_by_its_tests() {
        let root = std::env::temp_dir().join(format!("tidings-hash-{}", std::process::id()));
        fs::create_dir_all(root.join("tests")).unwrap();
        fs::write(root.join("launch.py"), "1").unwrap();
        fs::write(root.join("tests/test_a.py"), "1").unwrap();
        fs::write(root.join("requirements.txt"), "a").unwrap();
        let mut files = Vec::new();
        collect_python(&root, &mut files).unwrap();
        files.sort();
        assert_eq!(files, [root.join("launch.py"), root.join("requirements.txt")]);
        fs::remove_dir_all(&root).unwrap();
    }
}
