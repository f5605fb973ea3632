//! What runs, in the stable shape that scripts and tests read.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::failure::Result;
use crate::paths::Paths;
use crate::services;
use crate::state::{AUDIENCE, Function, Lock, REGION, State, Target};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Condition {
    Running,
    Starting,
    /// Some of it runs, and no command is at work on the rest.
    Broken,
    Stopped,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Status {
    pub(crate) state: Condition,
    pub(crate) target: Option<Target>,
    pub(crate) release: Option<bool>,
    pub(crate) ws_url: Option<String>,
    pub(crate) http_url: Option<String>,
    pub(crate) endpoint_url: Option<String>,
    pub(crate) oidc_issuer: Option<String>,
    pub(crate) oidc_audience: &'static str,
    pub(crate) region: &'static str,
    pub(crate) functions: Vec<Function>,
    pub(crate) tables: BTreeMap<String, String>,
    pub(crate) stream: Option<String>,
}

/// One that is not there refuses at once; one that is busy, as while a hundred devices take keys, takes seconds.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) fn read(paths: &Paths) -> Result<Status> {
    paths.create()?;
    let at_work = Lock::try_take(paths)?.is_none();
    let Some(state) = State::load(paths)? else {
        return Ok(shape(None, condition((false, false), false, at_work)));
    };
    let emulator = services::emulator_answers(paths, &state, PATIENCE);
    let issuer = services::issuer_answers(paths, &state, PATIENCE);
    let condition = condition((emulator, issuer), state.deployment.is_some(), at_work);
    Ok(shape(Some(state), condition))
}

fn condition((emulator, issuer): (bool, bool), deployed: bool, at_work: bool) -> Condition {
    match (emulator, issuer) {
        (true, true) if deployed => Condition::Running,
        _ if at_work => Condition::Starting,
        (false, false) => Condition::Stopped,
        _ => Condition::Broken,
    }
}

fn shape(state: Option<State>, condition: Condition) -> Status {
    // A stopped stack has no addresses, whatever was written down when it ran.
    let state = state.filter(|_| condition != Condition::Stopped);
    let deployment = state.as_ref().and_then(|state| state.deployment.clone());
    let state = state.as_ref();
    Status {
        state: condition,
        target: state.map(|state| state.target),
        release: state.map(|state| state.release),
        ws_url: deployment.as_ref().map(|found| found.ws_url.clone()),
        http_url: deployment.as_ref().map(|found| found.http_url.clone()),
        endpoint_url: state.map(State::endpoint),
        oidc_issuer: state.map(State::issuer_url),
        oidc_audience: AUDIENCE,
        region: REGION,
        functions: deployment.as_ref().map_or_else(Vec::new, |found| found.functions.clone()),
        tables: deployment.as_ref().map_or_else(BTreeMap::new, |found| found.tables.clone()),
        stream: deployment.and_then(|found| found.stream),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::state::Deployment;

    fn state(target: Target) -> State {
        State {
            target,
            port: 4566,
            launcher_pid: Some(1),
            issuer_pid: Some(2),
            proxy_pid: None,
            persist: false,
            release: false,
            emulator_hash: String::new(),
            template_hash: String::new(),
            code_hash: String::new(),
            deployment: Some(Deployment {
                ws_url: "ws://127.0.0.1:4566/_aws/execute-api/abc/v1".into(),
                http_url: "http://127.0.0.1:4566/_aws/execute-api/def/v1".into(),
                functions: vec![Function {
                    name: "send".into(),
                    function_name: "tidings-SendFunction".into(),
                    log_group: "/aws/lambda/tidings-SendFunction".into(),
                }],
                tables: BTreeMap::from([("LogTable".into(), "tidings-LogTable".into())]),
                stream: Some("tidings-EventsStream".into()),
            }),
        }
    }

    fn json_of(state: Option<State>, condition: Condition) -> Value {
        serde_json::to_value(shape(state, condition)).unwrap()
    }

    #[test]
    fn a_running_stack_tells_its_addresses() {
        let found = json_of(Some(state(Target::Emulator)), Condition::Running);
        let expected = json!({
            "state": "running",
            "target": "emulator",
            "release": false,
            "wsUrl": "ws://127.0.0.1:4566/_aws/execute-api/abc/v1",
            "httpUrl": "http://127.0.0.1:4566/_aws/execute-api/def/v1",
            "endpointUrl": "http://127.0.0.1:4566",
            "oidcIssuer": "http://127.0.0.1:4570",
            "oidcAudience": "tidings",
            "region": "us-east-1",
            "functions": [{
                "name": "send",
                "functionName": "tidings-SendFunction",
                "logGroup": "/aws/lambda/tidings-SendFunction",
            }],
            "tables": { "LogTable": "tidings-LogTable" },
            "stream": "tidings-EventsStream",
        });
        assert_eq!(found, expected);
    }

    #[test]
    fn a_stopped_stack_has_the_same_fields_and_no_addresses() {
        let running = json_of(Some(state(Target::Emulator)), Condition::Running);
        let stopped = json_of(Some(state(Target::Emulator)), Condition::Stopped);
        let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&stopped), names(&running));
        assert_eq!(stopped["state"], "stopped");
        assert!(stopped["wsUrl"].is_null());
        assert_eq!(stopped["functions"], json!([]));
    }

    #[test]
    fn localstack_reaches_the_issuer_from_its_containers() {
        let found = json_of(Some(state(Target::Localstack)), Condition::Running);
        assert_eq!(found["endpointUrl"], "http://localhost:4566");
        assert_eq!(found["oidcIssuer"], "http://host.docker.internal:4570");
    }

    #[test]
    fn the_condition_follows_from_what_answers() {
        assert_eq!(condition((true, true), true, false), Condition::Running);
        assert_eq!(condition((true, true), true, true), Condition::Running);
        assert_eq!(condition((true, false), true, false), Condition::Broken);
        assert_eq!(condition((true, true), false, false), Condition::Broken);
        assert_eq!(condition((true, true), false, true), Condition::Starting);
        assert_eq!(condition((false, false), false, true), Condition::Starting);
        assert_eq!(condition((false, false), true, false), Condition::Stopped);
    }
}
