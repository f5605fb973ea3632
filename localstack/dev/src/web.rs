//! The clients in TypeScript: built and tested where Node is there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::artifact::sha256_hex;
use crate::failure::{Context, Failure, Result};
use crate::paths::Paths;
use crate::process;
use crate::progress::Step;

const NODE_MIN: (u32, u32) = (20, 19);
/// What is looked at to see whether a build is current, in `clients/`.
const SOURCES: [&str; 7] =
    ["package-lock.json", "js/src", "web/index.html", "web/public", "web/scripts", "web/src", "web/vite.config.ts"];

/// Whether there is a web client to serve.
pub(crate) enum Web {
    Built,
    /// There is none, and why.
    Missing(String),
}

/// Builds the web client where it is not current. A machine without Node goes without; continuous integration does not.
pub(crate) fn build(paths: &Paths) -> Result<Web> {
    if let Some(reason) = node_is_missing() {
        return missing(reason);
    }
    let hash = sources_hash(&paths.clients())?;
    let stamp = paths.state_dir().join("web.hash");
    if paths.site().join("index.html").is_file() && fs::read_to_string(&stamp).is_ok_and(|built| built == hash) {
        return Ok(Web::Built);
    }
    if let Err(failure) =
        install(paths).and_then(|()| run(paths, "Building the web client", "Built the web client", &["run", "build"]))
    {
        return missing(failure.to_string());
    }
    fs::write(&stamp, hash).context(|| format!("cannot write {}", stamp.display()))?;
    Ok(Web::Built)
}

/// Runs the tests of both clients, those in a browser included; false where any failed.
pub(crate) fn test(paths: &Paths, status: &str) -> Result<bool> {
    if let Web::Missing(reason) = build(paths)? {
        eprintln!("NOT TESTED, the clients in TypeScript: {reason}");
        return Ok(true);
    }
    let mut passed = true;
    for script in ["test:stack", "test:browser"] {
        let outcome = npm(paths)
            .args(["run", "--silent", script, "--workspaces", "--if-present"])
            .env("TIDINGS_STATUS", status)
            .status()
            .context(|| "cannot run npm".to_owned())?;
        passed &= outcome.success();
    }
    Ok(passed)
}

fn missing(reason: String) -> Result<Web> {
    if std::env::var_os("CI").is_some_and(|ci| ci == "true") {
        return Err(Failure::new(format!("no web client: {reason}")));
    }
    Ok(Web::Missing(reason))
}

fn node_is_missing() -> Option<String> {
    let (major, minor) = NODE_MIN;
    let wanted = format!("Node {major}.{minor} or newer with npm is not on the PATH");
    let says = |program: &str| {
        let output = Command::new(program).arg("--version").output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    match (says("node"), says("npm")) {
        (Some(version), Some(_)) if is_new_enough(&version) => None,
        _ => Some(wanted),
    }
}

fn is_new_enough(version: &str) -> bool {
    let mut numbers = version.trim_start_matches('v').split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= NODE_MIN
}

/// Installs what the lock file names, where npm has not since it changed.
fn install(paths: &Paths) -> Result<()> {
    let changed = |file: &str| fs::metadata(paths.clients().join(file)).and_then(|file| file.modified()).ok();
    // npm writes down there what it has installed.
    if changed("node_modules/.package-lock.json") > changed("package-lock.json") {
        return Ok(());
    }
    run(paths, "Installing the web client's packages", "Installed the web client's packages", &["ci"])
}

fn npm(paths: &Paths) -> Command {
    let mut command = Command::new("npm");
    command.current_dir(paths.clients());
    command
}

fn run(paths: &Paths, doing: &str, done: &str, arguments: &[&str]) -> Result<()> {
    let step = Step::start(doing);
    let mut said = Vec::new();
    let finished =
        process::run_lines(npm(paths).args(arguments), |line| said.push(line.to_owned()), |line| step.note(line))?;
    if !finished.status.success() {
        let log = paths.log("web");
        said.extend(finished.stderr);
        fs::write(&log, said.join("\n")).context(|| format!("cannot write {}", log.display()))?;
        return Err(
            Failure::new(format!("npm {} failed", arguments.join(" "))).with_help(format!("see {}", log.display()))
        );
    }
    step.done(done);
    Ok(())
}

fn sources_hash(clients: &Path) -> Result<String> {
    let mut files = Vec::new();
    for source in SOURCES {
        collect(&clients.join(source), &mut files)?;
    }
    files.sort();
    let mut all = Vec::new();
    for file in files {
        all.extend(file.to_string_lossy().bytes());
        all.extend(fs::read(&file).context(|| format!("cannot read {}", file.display()))?);
    }
    Ok(sha256_hex(&all))
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if path.is_file() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(path).context(|| format!("cannot read {}", path.display()))? {
        collect(&entry.context(|| format!("cannot read {}", path.display()))?.path(), files)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_versions_of_node_are_told() {
        for (version, new_enough) in [
            ("v20.19.0", true),
            ("v22.1.0", true),
            ("v20.18.3", false),
            ("v18.20.0", false),
            ("", false),
            ("node", false),
        ] {
            assert_eq!(is_new_enough(version), new_enough, "{version}");
        }
    }
}
