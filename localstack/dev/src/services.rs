//! The processes that a stack is made of: started, looked at, stopped.

use std::path::Path;
use std::time::Duration;

use crate::checks;
use crate::failure::Result;
use crate::paths::Paths;
use crate::process;
use crate::state::{State, oidc_port, proxy_port};

const STOP_PATIENCE: Duration = Duration::from_secs(10);

pub(crate) fn start_emulator(paths: &Paths, state: &State, python: &Path) -> Result<u32> {
    let mut arguments = vec![
        path_text(&paths.launcher()),
        "--host".to_owned(),
        "127.0.0.1".to_owned(),
        "--port".to_owned(),
        state.port.to_string(),
        "--data-dir".to_owned(),
        path_text(&paths.data()),
    ];
    if state.persist {
        arguments.push("--persist".to_owned());
    }
    if state.enforces_roles() {
        // What a function does beyond its role fails here as it would on AWS.
        arguments.push("--enforce-roles".to_owned());
    } else {
        arguments.extend(["--callback-url".to_owned(), state.endpoint_of_functions()]);
    }
    process::spawn_daemon(python, python, &arguments, &paths.log("emulator"))
}

pub(crate) fn start_proxy(paths: &Paths, state: &State, python: &Path) -> Result<u32> {
    checks::port_is_free(proxy_port(state.port), "the fault-injecting proxy")?;
    let mut arguments = vec!["-m".to_owned(), "microburst".to_owned()];
    arguments.extend(proxy_marker(state).split(' ').map(str::to_owned));
    process::spawn_daemon(python, python, &arguments, &paths.log("proxy"))
}

pub(crate) fn start_issuer(paths: &Paths, state: &State, python: &Path) -> Result<u32> {
    let arguments = [
        "serve-oidc".to_owned(),
        "--keys-dir".to_owned(),
        path_text(&paths.keys()),
        "--port".to_owned(),
        oidc_port(state.port).to_string(),
        "--issuer".to_owned(),
        state.issuer_url(),
        "--site".to_owned(),
        path_text(&paths.site()),
        "--state".to_owned(),
        path_text(&paths.state_file()),
    ];
    process::spawn_daemon(python, paths.program(), &arguments, &paths.log("oidc"))
}

/// Stops what of the stack runs. Processes that are not ours are left alone.
pub(crate) fn stop(paths: &Paths, state: &State) -> Result<bool> {
    let mut stopped = false;
    for (pid, marker) in [
        (state.issuer_pid, issuer_marker(paths)),
        (state.launcher_pid, launcher_marker(paths)),
        (state.proxy_pid, proxy_marker(state)),
    ] {
        if let Some(pid) = pid {
            stopped |= process::stop(pid, &marker, STOP_PATIENCE);
        }
    }
    State::remove(paths)?;
    Ok(stopped)
}

pub(crate) fn emulator_answers(paths: &Paths, state: &State, patience: Duration) -> bool {
    let alive = state.launcher_pid.is_none_or(|pid| process::is_ours(pid, &launcher_marker(paths)));
    // Both emulators answer to this name.
    alive && answers(&format!("{}/_localstack/health", state.endpoint()), patience)
}

pub(crate) fn issuer_answers(paths: &Paths, state: &State, patience: Duration) -> bool {
    let alive = state.issuer_pid.is_none_or(|pid| process::is_ours(pid, &issuer_marker(paths)));
    alive && answers(&format!("{}/jwks.json", state.oidc_url_on_host()), patience)
}

fn answers(url: &str, patience: Duration) -> bool {
    let agent: ureq::Agent = ureq::Agent::config_builder().timeout_global(Some(patience)).build().into();
    agent.get(url).call().is_ok()
}

fn proxy_marker(state: &State) -> String {
    let port = proxy_port(state.port);
    format!("--host 127.0.0.1 --port {port} --upstream {}", state.endpoint())
}

fn launcher_marker(paths: &Paths) -> String {
    format!("--data-dir {}", paths.data().display())
}

fn issuer_marker(paths: &Paths) -> String {
    format!("serve-oidc --keys-dir {}", paths.keys().display())
}

pub(crate) fn path_text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
