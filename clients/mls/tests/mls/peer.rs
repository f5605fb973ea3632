//! Devices of the other implementation, in a process of their own.

use std::cell::RefCell;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::rc::Rc;

use serde_json::{Value, json};

/// The process with ts-mls in it.
pub(crate) struct Peer {
    child: Child,
    pipes: RefCell<(ChildStdin, BufReader<ChildStdout>)>,
}

impl Peer {
    /// Starts it, after its packages have been installed. `None` where there is no npm: CI must have one.
    pub(crate) fn start(folder: &Path) -> Option<Rc<Self>> {
        if Command::new("npm").arg("--version").output().is_err() {
            let is_ci = std::env::var_os("CI").is_some_and(|value| value == "true");
            assert!(!is_ci, "there is no npm here, and CI must test both implementations");
            eprintln!("NOT TESTED with a second implementation: there is no npm here");
            return None;
        }
        install(folder);
        let mut child = Command::new("node")
            .arg(folder.join("peer.js"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node runs");
        let pipes = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Some(Rc::new(Self { child, pipes: RefCell::new(pipes) }))
    }

    /// Asks for something, and gives the error's text where it did not work.
    pub(crate) fn ask(&self, request: &Value) -> Result<Value, String> {
        let (input, output) = &mut *self.pipes.borrow_mut();
        writeln!(input, "{request}").unwrap();
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let answer: Value = serde_json::from_str(&line).expect("the other implementation answers");
        match answer.get("error") {
            Some(error) => Err(error.to_string()),
            None => Ok(answer),
        }
    }

    pub(crate) fn get(&self, device: &str, op: &str, more: &Value) -> Value {
        let mut request = json!({"op": op, "device": device});
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.ask(&request).unwrap()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It ends with its input, too; this is for a test that has failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Once for all tests, which run in processes of their own.
fn install(folder: &Path) {
    let lock = File::create(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("interop.lock")).unwrap();
    lock.lock().unwrap();
    let wanted = fs::read_to_string(folder.join("package.json")).unwrap();
    let installed = folder.join("node_modules/.installed");
    if fs::read_to_string(&installed).is_ok_and(|installed| installed == wanted) {
        return;
    }
    let status = Command::new("npm")
        .args(["install", "--silent", "--no-audit", "--no-fund", "--no-package-lock"])
        .current_dir(folder)
        .status()
        .expect("npm runs");
    assert!(status.success(), "npm could not install the other implementation");
    fs::write(installed, wanted).unwrap();
}
