//! The artifacts of the functions, one of all and one of those with codecs: built at once, stripped, known by a hash.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use ring::digest::{SHA256, digest};
use serde::Deserialize;

use crate::failure::{Context, Failure, Result};
use crate::interrupt;
use crate::paths::Paths;
use crate::process;
use crate::progress::Step;
use crate::python;

/// What cargo sets for a program that it runs. Passed on to another cargo it would look like a
/// changed environment to build scripts, and half the tree would be compiled again.
const CARGO_RUN_VARIABLES: [&str; 6] = [
    "CARGO_MANIFEST_DIR",
    "CARGO_MANIFEST_PATH",
    "CARGO_BIN_NAME",
    "CARGO_CRATE_NAME",
    "CARGO_PRIMARY_PACKAGE",
    "LD_LIBRARY_PATH",
];

/// The executables, and the packages that they are of. The folder of a package is the `CodeUri` in the template.
const BINARIES: [(&str, &str); 2] = [("bootstrap", "tidings-bootstrap"), ("previews", "tidings-fn-previews")];

pub(crate) struct Artifact {
    /// The executables without their symbols, by the folder of their package.
    pub(crate) executables: Vec<(String, PathBuf)>,
    /// Of all of them.
    pub(crate) hash: String,
}

/// A cargo that behaves as if the developer had called it.
pub(crate) fn cargo(paths: &Paths) -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(paths.root());
    for (name, _) in std::env::vars_os() {
        let is_set_by_cargo =
            name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || CARGO_RUN_VARIABLES.contains(&name));
        if is_set_by_cargo {
            command.env_remove(name);
        }
    }
    command
}

pub(crate) fn build(paths: &Paths, release: bool) -> Result<Artifact> {
    let built = if release { build_release(paths)? } else { build_dev(paths)? };
    let (mut executables, mut hashes) = (Vec::new(), String::new());
    for ((binary, _), executable) in BINARIES.iter().zip(built) {
        let bytes = fs::read(&executable).context(|| format!("cannot read {}", executable.display()))?;
        let hash = sha256_hex(&bytes);
        executables.push((format!("functions/{binary}"), strip(paths, binary, &executable, &hash)?));
        hashes.push_str(&hash);
    }
    Ok(Artifact { executables, hash: sha256_hex(hashes.as_bytes()) })
}

/// The executables in the order of the list.
fn build_dev(paths: &Paths) -> Result<Vec<PathBuf>> {
    let step = Step::start("Building the functions");
    let total = packages(paths);
    let mut seen = HashSet::new();
    let mut executables = HashMap::new();
    let finished = process::run_lines(
        cargo(paths).args([
            "build",
            // Of the whole workspace: with the features that the tests need too, so that one build serves both.
            "--workspace",
            "--bin=bootstrap",
            "--bin=previews",
            "--message-format=json-render-diagnostics",
        ]),
        |line| {
            let Ok(message) = serde_json::from_str::<CargoMessage>(line) else {
                return;
            };
            if let Some(package) = message.package_id {
                seen.insert(package);
                step.advance(seen.len() as u64, total.max(seen.len() as u64));
            }
            if let Some(path) = message.executable {
                executables.insert(path.file_name().unwrap_or_default().to_owned(), path);
            }
        },
        |line| step.note(line.trim()),
    )?;
    let diagnostics = diagnostics(&finished.stderr);
    if !finished.status.success() {
        drop(step);
        eprintln!("{diagnostics}");
        interrupt::check()?;
        return Err(Failure::new("the functions do not compile")
            .with_help("mend the errors above and run `cargo dev up` again"));
    }
    step.done("Built the functions");
    if !diagnostics.is_empty() {
        eprintln!("{diagnostics}");
    }
    let found = BINARIES.map(|(binary, _)| {
        let missing = || Failure::new(format!("cargo did not say where it put {binary}"));
        executables.remove(OsStr::new(binary)).ok_or_else(missing)
    });
    found.into_iter().collect()
}

/// The build that goes to AWS, for this machine's kind of processor.
fn build_release(paths: &Paths) -> Result<Vec<PathBuf>> {
    let tools = python::tools(paths)?;
    let step = Step::start("Building the functions for release");
    let old_path = std::env::var_os("PATH").unwrap_or_default();
    let search = std::iter::once(tools).chain(std::env::split_paths(&old_path));
    let path = std::env::join_paths(search).context(|| "cannot extend the PATH".to_owned())?;
    let processor = if cfg!(target_arch = "aarch64") { "--arm64" } else { "--x86-64" };
    let finished = process::run_lines(
        cargo(paths).env("PATH", path).args(["lambda", "build", "--release", processor]).args(
            BINARIES.iter().flat_map(|(binary, package)| [format!("--package={package}"), format!("--bin={binary}")]),
        ),
        |_| {},
        |line| step.note(line.trim()),
    )?;
    if !finished.status.success() {
        drop(step);
        eprintln!("{}", finished.stderr.join("\n"));
        interrupt::check()?;
        return Err(Failure::new("cargo lambda could not build the functions")
            .with_help("mend the errors above, or do without --release"));
    }
    step.done("Built the functions for release");
    Ok(BINARIES.map(|(binary, _)| paths.root().join("target/lambda").join(binary).join("bootstrap")).to_vec())
}

#[derive(Deserialize)]
struct CargoMessage {
    package_id: Option<String>,
    executable: Option<PathBuf>,
}

/// How many packages the artifact is made of; 0 where cargo does not say.
fn packages(paths: &Paths) -> u64 {
    let output = cargo(paths)
        .args(["tree", "--package=tidings-bootstrap", "--package=tidings-fn-previews", "--edges=normal,build"])
        .args(["--prefix=none", "--format={p}"])
        .output();
    let Ok(output) = output else { return 0 };
    let text = String::from_utf8_lossy(&output.stdout);
    let unique: HashSet<&str> = text.lines().map(|line| line.trim_end_matches(" (*)")).collect();
    unique.len() as u64
}

/// What the compiler said, without cargo's own account of its steps.
fn diagnostics(stderr: &[String]) -> String {
    const STEPS: [&str; 8] =
        ["Compiling", "Finished", "Downloading", "Downloaded", "Blocking", "Updating", "Locking", "Adding"];
    let kept: Vec<&str> = stderr
        .iter()
        .map(String::as_str)
        .filter(|line| {
            let first = line.split_whitespace().next().unwrap_or_default();
            !(line.starts_with(' ') && STEPS.contains(&first))
        })
        .collect();
    kept.join("\n").trim().to_owned()
}

/// A stripped copy: a tenth of the size, so it is zipped and uploaded in a moment.
fn strip(paths: &Paths, name: &str, executable: &Path, hash: &str) -> Result<PathBuf> {
    let stripped = paths.build().join(name);
    let stamp = paths.build().join(format!("{name}.sha256"));
    if stripped.exists() && fs::read_to_string(&stamp).is_ok_and(|found| found == hash) {
        return Ok(stripped);
    }
    let done = Command::new("strip")
        .arg("-o")
        .arg(&stripped)
        .arg(executable)
        .output()
        .is_ok_and(|output| output.status.success());
    if !done {
        // No binutils: the whole binary does as well, only slower.
        fs::copy(executable, &stripped).context(|| format!("cannot write {}", stripped.display()))?;
    }
    fs::write(&stamp, hash).context(|| format!("cannot write {}", stamp.display()))?;
    Ok(stripped)
}

pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    digest(&SHA256, bytes).as_ref().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_compiler_said_is_shown() {
        let stderr = [
            "   Compiling tidings-domain v0.1.0",
            "error[E0308]: mismatched types",
            " --> src/lib.rs:1:1",
            "    Finished `dev` profile",
        ]
        .map(str::to_owned);
        assert_eq!(diagnostics(&stderr), "error[E0308]: mismatched types\n --> src/lib.rs:1:1");
    }

    #[test]
    fn a_hash_is_the_one_of_sha256sum() {
        assert_eq!(sha256_hex(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
