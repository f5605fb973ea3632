//! What must be so before anything is started; each says what to do where it is not.

use std::fs;
use std::io::ErrorKind;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use crate::failure::{Context, Failure, Result};
use crate::paths::Paths;

const MIB: u64 = 1024 * 1024;
/// The first build of the workspace takes about 3 GiB, a later one little.
const DISK_FREE_MIN_FIRST_BUILD: u64 = 4096 * MIB;
const DISK_FREE_MIN: u64 = 512 * MIB;

pub(crate) fn tree(paths: &Paths) -> Result<()> {
    for file in [paths.template(), paths.launcher(), paths.deploy_script()] {
        if !file.is_file() {
            return Err(Failure::new(format!("{} is missing", file.display()))
                .with_help("restore it: `git checkout -- template.yaml localstack`"));
        }
    }
    Ok(())
}

pub(crate) fn cargo() -> Result<()> {
    match Command::new("cargo").arg("--version").output() {
        Ok(output) if output.status.success() => Ok(()),
        _ => Err(Failure::new("cargo does not run")
            .with_help("install Rust from https://rustup.rs and see that `cargo` is on the PATH")),
    }
}

pub(crate) fn disk(paths: &Paths) -> Result<()> {
    let stat = nix::sys::statvfs::statvfs(paths.root())
        .context(|| format!("cannot ask how full the disk of {} is", paths.root().display()))?;
    #[expect(clippy::useless_conversion, reason = "the width of these numbers differs between systems")]
    let free = u64::from(stat.blocks_available()) * u64::from(stat.fragment_size());
    let built = paths.root().join("target/debug/bootstrap").exists();
    disk_is_enough(free, built)
}

fn disk_is_enough(free: u64, built: bool) -> Result<()> {
    let needed = if built { DISK_FREE_MIN } else { DISK_FREE_MIN_FIRST_BUILD };
    if free >= needed {
        return Ok(());
    }
    Err(Failure::new(format!("the disk is nearly full: {} MiB are free, {} MiB are needed", free / MIB, needed / MIB))
        .with_help("make room; `cargo clean` frees what earlier builds left in target/"))
}

/// Refuses a port that something else listens on.
pub(crate) fn port_is_free(port: u16, what: &str) -> Result<()> {
    let Err(error) = TcpListener::bind(("127.0.0.1", port)) else {
        return Ok(());
    };
    if error.kind() != ErrorKind::AddrInUse {
        return Err(Failure::new(format!("cannot listen on 127.0.0.1:{port} for {what}: {error}"))
            .with_help("choose another one: `cargo dev up --port N`"));
    }
    let owner = listener(port);
    let by = owner.as_ref().map_or_else(String::new, |(pid, line)| format!(" by process {pid} ({line})"));
    let ours =
        owner.is_some_and(|(_, line)| line.contains("localstack/emulator/launch.py") || line.contains("serve-oidc"));
    let help = if ours {
        "that is another Tidings stack: stop it with `cargo dev down` in its checkout (and its --state-dir), or choose another port: `cargo dev up --port N`"
    } else {
        "stop it, or choose another port: `cargo dev up --port N`"
    };
    Err(Failure::new(format!("port {port}, for {what}, is taken{by}")).with_help(help))
}

/// The process that listens on a port, where the system lets one see it.
fn listener(port: u16) -> Option<(u32, String)> {
    let inode = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .find_map(|table| listening_inode(&table, port))?;
    let socket = format!("socket:[{inode}]");
    let pid = fs::read_dir("/proc")
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
        .find(|pid| holds(*pid, &socket))?;
    let line = crate::process::command_line(pid)?;
    Some((pid, line.chars().take(120).collect()))
}

fn listening_inode(table: &str, port: u16) -> Option<String> {
    let suffix = format!(":{port:04X}");
    table.lines().find_map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let listens = columns.get(1)?.ends_with(&suffix) && *columns.get(3)? == "0A";
        listens.then(|| columns.get(9).map(|inode| (*inode).to_owned()))?
    })
}

fn holds(pid: u32, socket: &str) -> bool {
    fs::read_dir(format!("/proc/{pid}/fd")).is_ok_and(|entries| {
        entries
            .filter_map(std::result::Result::ok)
            .any(|entry| fs::read_link(entry.path()).is_ok_and(|link| link == Path::new(socket)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nearly_full_disk_is_refused_before_the_build_fails_half_way() {
        assert!(disk_is_enough(600 * MIB, true).is_ok());
        let failure = disk_is_enough(600 * MIB, false).unwrap_err();
        assert!(failure.to_string().contains("600 MiB are free, 4096 MiB"));
        assert!(disk_is_enough(511 * MIB, true).is_err());
    }

    #[test]
    fn a_taken_port_is_told_with_its_owner() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let failure = port_is_free(port, "the emulator").unwrap_err();
        assert!(failure.to_string().contains(&format!("port {port}, for the emulator, is taken")));
        if Path::new("/proc/net/tcp").exists() {
            let pid = std::process::id().to_string();
            assert!(failure.to_string().contains(&pid), "{failure}");
        }
        drop(taken);
        // A child that another test has just forked holds the socket until it has become its program.
        let freed = (0..100).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(10));
            port_is_free(port, "the emulator").is_ok()
        });
        assert!(freed);
    }

    #[test]
    fn only_a_listening_socket_of_that_port_is_found() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:11D6 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 777 1 0
   1: 0100007F:11D7 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 888 1 0";
        assert_eq!(listening_inode(table, 4566).as_deref(), Some("777"));
        assert_eq!(listening_inode(table, 4567), None);
    }
}
