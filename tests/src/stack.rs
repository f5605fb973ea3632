//! The running stack.

use std::{collections::BTreeMap, sync::OnceLock};

use serde::Deserialize;
use tidings_testkit::programs;

use crate::template::repository;

/// Where the running stack is, as `cargo dev status --json` says.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stack {
    state: String,
    /// The WebSocket API.
    #[serde(default)]
    pub ws_url: String,
    /// The HTTP API.
    #[serde(default)]
    pub http_url: String,
    /// The local AWS.
    #[serde(default)]
    pub endpoint_url: String,
    /// Who issues tokens.
    #[serde(default)]
    pub oidc_issuer: String,
    /// For whom tokens are.
    #[serde(default)]
    pub oidc_audience: String,
    /// The names of the tables, by their names in the template.
    #[serde(default)]
    pub tables: BTreeMap<String, String>,
    /// The name of the event stream.
    #[serde(default)]
    pub stream: String,
}

impl Stack {
    /// The stack; panics where none runs.
    pub fn get() -> &'static Self {
        static STACK: OnceLock<Stack> = OnceLock::new();
        STACK.get_or_init(|| {
            let text = dev(&["status", "--json"]);
            let stack: Self = serde_json::from_str(&text).unwrap_or_else(|e| panic!("status: {e}\n{text}"));
            assert!(
                stack.state == "running",
                "the stack is {}: run `cargo dev up --detach` first, or `cargo dev test`, which does both",
                stack.state
            );
            stack
        })
    }

    /// A table by its name in the template, for example `LogTable`.
    pub fn table(&self, logical_name: &str) -> &str {
        self.tables.get(logical_name).unwrap_or_else(|| panic!("no {logical_name} in {:?}", self.tables))
    }
}

/// Runs the developer's command, and answers what it prints.
pub(crate) fn dev(arguments: &[&str]) -> String {
    run_dev(arguments).unwrap_or_else(|said| panic!("`cargo dev {}` failed: {said}", arguments.join(" ")))
}

/// Runs the developer's command, and answers what it prints, or what it says on failing.
pub fn run_dev(arguments: &[&str]) -> Result<String, String> {
    let output = programs::dev()
        .current_dir(repository())
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("`cargo dev` does not start: {error}"));
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8 from `cargo dev`");
    if output.status.success() {
        return Ok(text(output.stdout));
    }
    Err(format!("{}{}", text(output.stdout), text(output.stderr)))
}
