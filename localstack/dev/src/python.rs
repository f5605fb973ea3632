//! The Python environments: found, made once, and left alone until their requirements change.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::artifact::sha256_hex;
use crate::failure::{Context, Failure, Result};
use crate::paths::Paths;
use crate::process;
use crate::progress::Step;

/// What the emulator asks for.
const PYTHON_MIN: (u32, u32) = (3, 11);
const CANDIDATES: [&str; 6] = ["python3", "python3.14", "python3.13", "python3.12", "python3.11", "python"];
/// For `--release`: the build that also goes to AWS.
const TOOLS: &str = "cargo-lambda==1.9.2\nziglang==0.17.0\n";

/// The environment of the emulator and of the deploy script; answers its Python.
pub(crate) fn emulator(paths: &Paths) -> Result<PathBuf> {
    let requirements = paths.emulator().join("requirements.txt");
    let text = read(&requirements)?;
    let venv = paths.environment("emulator");
    let python = venv.join("bin/python");
    if !is_stamped(&venv, "requirements", &text) {
        make(&venv, "the emulator")?;
        install(&venv, &requirements, "the emulator")?;
        stamp(&venv, "requirements", &text)?;
    }
    Ok(python)
}

/// The same with what its tests need on top.
pub(crate) fn emulator_tests(paths: &Paths) -> Result<PathBuf> {
    emulator_with(paths, "requirements-dev", "the emulator's tests")
}

/// The same with the proxy that lets calls fail.
pub(crate) fn emulator_faults(paths: &Paths) -> Result<PathBuf> {
    emulator_with(paths, "requirements-faults", "the fault-injecting proxy")
}

fn emulator_with(paths: &Paths, name: &str, what: &str) -> Result<PathBuf> {
    let python = emulator(paths)?;
    let requirements = paths.emulator().join(format!("{name}.txt"));
    let text = read(&requirements)?;
    let venv = paths.environment("emulator");
    if !is_stamped(&venv, name, &text) {
        install(&venv, &requirements, what)?;
        stamp(&venv, name, &text)?;
    }
    Ok(python)
}

/// The folder with cargo-lambda and Zig.
pub(crate) fn tools(paths: &Paths) -> Result<PathBuf> {
    let venv = paths.environment("tools");
    if !is_stamped(&venv, "requirements", TOOLS) {
        make(&venv, "cargo-lambda")?;
        let requirements = venv.join("requirements.txt");
        fs::write(&requirements, TOOLS).context(|| format!("cannot write {}", requirements.display()))?;
        install(&venv, &requirements, "cargo-lambda")?;
        stamp(&venv, "requirements", TOOLS)?;
    }
    Ok(venv.join("bin"))
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).context(|| format!("cannot read {}", path.display()))
}

/// A stamp counts only while the environment's Python is there: it is a link to the system's.
fn is_stamped(venv: &Path, name: &str, requirements: &str) -> bool {
    venv.join("bin/python").exists()
        && fs::read_to_string(stamp_file(venv, name)).is_ok_and(|found| found == sha256_hex(requirements.as_bytes()))
}

fn stamp(venv: &Path, name: &str, requirements: &str) -> Result<()> {
    let file = stamp_file(venv, name);
    fs::write(&file, sha256_hex(requirements.as_bytes())).context(|| format!("cannot write {}", file.display()))
}

fn stamp_file(venv: &Path, name: &str) -> PathBuf {
    venv.join(format!(".{name}.sha256"))
}

fn make(venv: &Path, what: &str) -> Result<()> {
    let python = find()?;
    let step = Step::start(&format!("Making the Python environment of {what}"));
    if venv.exists() {
        fs::remove_dir_all(venv).context(|| format!("cannot remove {}", venv.display()))?;
    }
    let finished = process::run_lines(Command::new(&python).args(["-m", "venv"]).arg(venv), |_| {}, |_| {})?;
    if !finished.status.success() {
        return Err(Failure::new(format!("{python} could not make {}: {}", venv.display(), finished.stderr.join(" ")))
            .with_help("on Debian and Ubuntu: `sudo apt install python3-venv`"));
    }
    step.done(&format!("Made {}", venv.display()));
    Ok(())
}

fn install(venv: &Path, requirements: &Path, what: &str) -> Result<()> {
    let step = Step::start(&format!("Installing {what} from PyPI"));
    let finished = process::run_lines(
        Command::new(venv.join("bin/python"))
            .args(["-m", "pip", "install", "--disable-pip-version-check"])
            .args(["--progress-bar", "off", "--requirement"])
            .arg(requirements),
        |line| step.note(line.trim()),
        |_| {},
    )?;
    if !finished.status.success() {
        let reason =
            finished.stderr.iter().rev().find(|line| line.contains("ERROR")).map_or("pip failed", String::as_str);
        return Err(Failure::new(format!("cannot install {what}: {reason}"))
            .with_help("see that PyPI, or the index that pip is set to, can be reached; then try again"));
    }
    step.done(&format!("Installed {what}"));
    Ok(())
}

/// The first Python that is new enough and has the venv module.
pub(crate) fn find() -> Result<String> {
    choose(&CANDIDATES.map(|name| (name, probe(name))))
}

/// What a Python says of itself: `3 11 True`.
fn probe(name: &str) -> Option<String> {
    let output = Command::new(name)
        .args([
            "-c",
            "import sys, importlib.util as u; print(*sys.version_info[:2], all(map(u.find_spec, ('venv', 'ensurepip'))))",
        ])
        .output()
        .ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn choose(candidates: &[(&str, Option<String>)]) -> Result<String> {
    let (major, minor) = PYTHON_MIN;
    let mut too_old = None;
    let mut without_venv = None;
    for (name, answer) in candidates {
        let Some(answer) = answer else { continue };
        let parts: Vec<&str> = answer.split_whitespace().collect();
        let &[found_major, found_minor, venv] = parts.as_slice() else {
            continue;
        };
        let version = (found_major.parse().unwrap_or(0), found_minor.parse().unwrap_or(0));
        if version < PYTHON_MIN {
            too_old.get_or_insert(format!("{name} is {found_major}.{found_minor}"));
        } else if venv == "True" {
            return Ok((*name).to_owned());
        } else {
            without_venv.get_or_insert(format!("{name} ({found_major}.{found_minor})"));
        }
    }
    if let Some(name) = without_venv {
        return Err(Failure::new(format!("{name} has no venv module"))
            .with_help("on Debian and Ubuntu: `sudo apt install python3-venv`"));
    }
    let message = match too_old {
        Some(found) => format!("Python {major}.{minor} or newer is needed: {found}"),
        None => format!("Python {major}.{minor} or newer is needed, and none was found"),
    };
    Err(Failure::new(message).with_help(
        "install Python 3 from your system's packages, Homebrew or python.org, and see that `python3` is on the PATH",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_good_python_is_taken() {
        let found = choose(&[
            ("python3", Some("3 10 True".to_owned())),
            ("python3.12", Some("3 12 False".to_owned())),
            ("python3.11", Some("3 11 True".to_owned())),
        ]);
        assert_eq!(found.unwrap(), "python3.11");
    }

    #[test]
    fn what_is_wrong_with_python_is_said() {
        let missing = choose(&[("python3", None)]).unwrap_err();
        assert!(missing.to_string().contains("none was found"), "{missing}");
        let old = choose(&[("python3", Some("3 8 True".to_owned()))]).unwrap_err();
        assert!(old.to_string().contains("python3 is 3.8"), "{old}");
        let bare = choose(&[("python3", Some("3 12 False".to_owned()))]).unwrap_err();
        assert!(bare.to_string().contains("no venv"), "{bare}");
        assert!(bare.help().unwrap().contains("python3-venv"));
    }

    #[test]
    fn a_stamp_counts_for_its_requirements_only() {
        let venv = std::env::temp_dir().join(format!("tidings-stamp-{}", std::process::id()));
        fs::create_dir_all(venv.join("bin")).unwrap();
        stamp(&venv, "requirements", "a==1\n").unwrap();
        assert!(!is_stamped(&venv, "requirements", "a==1\n"), "no Python yet");
        fs::write(venv.join("bin/python"), "").unwrap();
        assert!(is_stamped(&venv, "requirements", "a==1\n"));
        assert!(!is_stamped(&venv, "requirements", "a==2\n"));
        assert!(!is_stamped(&venv, "requirements-dev", "a==1\n"));
        fs::remove_dir_all(&venv).unwrap();
    }
}
