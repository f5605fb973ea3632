//! Child processes and daemons.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use crate::failure::{Context, Failure, Result};

/// Leaves the terminal's session and drops inherited descriptors before it becomes the daemon:
/// else a caller's pipe or file lock would stay open for as long as the stack runs.
const DETACH: &str = "import os, sys
os.setsid()
os.closerange(3, 1024)
os.execv(sys.argv[1], sys.argv[1:])";

/// Starts a daemon that writes to `log`, and answers its process id.
pub(crate) fn spawn_daemon(python: &Path, program: &Path, arguments: &[String], log: &Path) -> Result<u32> {
    let file = File::create(log).context(|| format!("cannot write {}", log.display()))?;
    let errors = file.try_clone().context(|| format!("cannot write {}", log.display()))?;
    let child = Command::new(python)
        .args(["-c", DETACH])
        .arg(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(file)
        .stderr(errors)
        .spawn()
        .context(|| format!("cannot start {}", program.display()))?;
    Ok(child.id())
}

/// The command line of a live process.
pub(crate) fn command_line(pid: u32) -> Option<String> {
    let line = if Path::new("/proc/self").exists() {
        let raw = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        String::from_utf8_lossy(&raw).replace('\0', " ")
    } else {
        let output = Command::new("ps").args(["-ww", "-o", "command=", "-p", &pid.to_string()]).output().ok()?;
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let line = line.trim();
    // A process that ended but was not waited for yet has an empty one.
    (!line.is_empty()).then(|| line.to_owned())
}

/// Whether `pid` is the daemon that was started with `marker` on its command line.
/// The number alone proves nothing: it may have been given to another process since.
pub(crate) fn is_ours(pid: u32, marker: &str) -> bool {
    command_line(pid).is_some_and(|line| line.contains(marker))
}

/// Stops a daemon and what it started. A process that is not ours is left alone.
pub(crate) fn stop(pid: u32, marker: &str, patience: Duration) -> bool {
    let Ok(raw) = i32::try_from(pid) else {
        return false;
    };
    if !is_ours(pid, marker) {
        return false;
    }
    let target = Pid::from_raw(raw);
    // It may end between the look and the signal, so a refused signal is no error.
    let _ = kill(target, Signal::SIGTERM);
    let deadline = Instant::now() + patience;
    while is_ours(pid, marker) && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(50));
    }
    // The daemon leads its own group: this reaches children that outlived it, and itself if it hangs.
    let _ = killpg(target, Signal::SIGKILL);
    true
}

/// The result of a child whose stderr was read line by line.
pub(crate) struct Finished {
    pub(crate) status: ExitStatus,
    pub(crate) stderr: Vec<String>,
}

/// Runs a command and hands on each line of its stdout and of its stderr as it comes.
pub(crate) fn run_lines(
    command: &mut Command,
    mut on_stdout: impl FnMut(&str),
    mut on_stderr: impl FnMut(&str) + Send,
) -> Result<Finished> {
    let program = command.get_program().to_string_lossy().into_owned();
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(|error| {
            let failure = Failure::new(format!("cannot run {program}: {error}"));
            if error.kind() == std::io::ErrorKind::NotFound {
                failure.with_help(format!("install {program} and see that it is on the PATH"))
            } else {
                failure
            }
        })?;
    let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
        return Err(Failure::new(format!("cannot read what {program} says")));
    };
    let lines = thread::scope(|scope| {
        let errors = scope.spawn(move || {
            let mut lines = Vec::new();
            for line in BufReader::new(stderr).lines().map_while(std::result::Result::ok) {
                on_stderr(&line);
                lines.push(line);
            }
            lines
        });
        for line in BufReader::new(stdout).lines().map_while(std::result::Result::ok) {
            on_stdout(&line);
        }
        errors.join().unwrap_or_default()
    });
    let status = child.wait().context(|| format!("cannot wait for {program}"))?;
    Ok(Finished { status, stderr: lines })
}

/// The last lines of a log, for an error message.
pub(crate) fn tail(log: &Path, lines: usize) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_live_process_is_known_by_its_command_line() {
        let mut child = Command::new("sleep").arg("31.0625").spawn().unwrap();
        // For a moment after the start the system shows no command line.
        let mut looks = 0;
        while !is_ours(child.id(), "31.0625") && looks < 200 {
            thread::sleep(Duration::from_millis(10));
            looks += 1;
        }
        assert!(is_ours(child.id(), "31.0625"));
        assert!(!is_ours(child.id(), "launch.py"));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!is_ours(child.id(), "31.0625"));
    }

    #[test]
    fn a_process_that_is_not_ours_is_left_alone() {
        let mut child = Command::new("sleep").arg("31.125").spawn().unwrap();
        assert!(!stop(child.id(), "launch.py", Duration::from_secs(1)));
        assert!(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn both_streams_are_read_and_the_status_told() {
        let mut seen = Vec::new();
        let finished = run_lines(
            Command::new("sh").args(["-c", "echo out; echo err >&2; exit 3"]),
            |line| seen.push(line.to_owned()),
            |_| {},
        )
        .unwrap();
        assert_eq!(seen, ["out"]);
        assert_eq!(finished.stderr, ["err"]);
        assert_eq!(finished.status.code(), Some(3));
    }
}
