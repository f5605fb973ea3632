//! What holds the house together: the template, the functions and the code say the same.

use std::{collections::BTreeSet, fs};

use serde_json::Value;
use tidings_protocol::FrameType;
use tidings_tests::{Resource, Template, calls, repository};

/// The one statement that AWS knows no resource for.
const TRACING_ACTIONS: [&str; 2] = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"];

fn functions(template: &Template) -> Vec<Resource> {
    template.of_kind("AWS::Serverless::Function")
}

fn names(values: impl IntoIterator<Item = impl Into<String>>) -> BTreeSet<String> {
    values.into_iter().map(Into::into).collect()
}

#[test]
fn every_folder_of_a_function_is_one_resource_with_its_handler() {
    let folders = fs::read_dir(repository().join("functions")).unwrap().map(|entry| entry.unwrap());
    let folders =
        names(folders.map(|entry| entry.file_name().into_string().unwrap()).filter(|name| name != "bootstrap"));
    let resources = functions(&Template::read());
    let handlers = names(resources.iter().map(|r| r.properties["Handler"].as_str().unwrap()));
    assert_eq!(handlers, folders);
    assert_eq!(resources.len(), folders.len(), "each once");
    for resource in &resources {
        let handler = resource.properties["Handler"].as_str().unwrap();
        assert_eq!(resource.name.to_lowercase(), format!("{handler}function"));
    }
    for resource in &resources {
        let handler = resource.properties["Handler"].as_str().unwrap();
        // What has an artifact of its own is a binary beside its library.
        let artifact = resource.properties["CodeUri"].as_str().unwrap_or("functions/bootstrap");
        let main = fs::read_to_string(repository().join(artifact).join("src/main.rs")).unwrap();
        assert!(main.contains(&format!("\"{handler}\" =>")), "{artifact} has no row for {handler}");
    }
}

/// The list in the runtime's configuration, read as text: the crate itself would bring the AWS SDK along.
fn variables_read() -> BTreeSet<String> {
    let source = fs::read_to_string(repository().join("shared/runtime/src/config.rs")).unwrap();
    let (_, list) = source.split_once("pub const VARIABLES").unwrap();
    let (list, _) = list.split_once("];").unwrap();
    names(list.split('"').skip(1).step_by(2))
}

#[test]
fn every_variable_that_is_read_is_set_and_no_other() {
    let template = Template::read();
    let of = |properties: &Value| {
        let variables = properties["Environment"]["Variables"].as_object();
        names(variables.into_iter().flat_map(|variables| variables.keys().cloned()))
    };
    let mut set = of(&template.json()["Globals"]["Function"]);
    for function in functions(&template) {
        set.extend(of(&function.properties));
    }
    assert_eq!(set, variables_read());
}

#[test]
fn the_failure_queue_is_given_to_those_who_put_away() {
    for function in functions(&Template::read()) {
        let handler = function.properties["Handler"].as_str().unwrap();
        let source = fs::read_to_string(repository().join(format!("functions/{handler}/src/lib.rs"))).unwrap();
        let has_queue = !function.properties["Environment"]["Variables"]["FAILURES_QUEUE_URL"].is_null();
        assert_eq!(has_queue, source.contains("adapters.failures("), "{handler}");
    }
}

#[test]
fn every_frame_type_is_a_route() {
    let routes = names(Template::read().route_keys("WebSocketApi"));
    let mut expected = names(FrameType::ALL.map(|(_, name)| name));
    expected.extend(names(["$connect", "$disconnect", "$default"]));
    assert_eq!(routes, expected);
}

#[test]
fn every_http_route_is_an_arm_of_the_function_and_the_other_way_round() {
    let template = Template::read();
    let mut arms = BTreeSet::new();
    for route in template.of_kind("AWS::ApiGatewayV2::Route") {
        let function = function_of(&template, &route);
        let handler = function.trim_end_matches("Function").to_lowercase();
        let source = fs::read_to_string(repository().join(format!("functions/{handler}/src/lib.rs"))).unwrap();
        let Some((_, own)) = source.split_once("match request.route_key.as_str() {") else { continue };
        let (own, _) = own.split_once("_ =>").unwrap();
        let key = route.properties["RouteKey"].as_str().unwrap();
        assert!(own.contains(&format!("{key:?} =>")), "{handler} has no arm for {key}");
        let is_route = |text: &&str| ["GET ", "POST ", "PUT ", "PATCH ", "DELETE "].iter().any(|m| text.starts_with(m));
        arms.extend(names(own.split('"').filter(is_route)));
    }
    assert_eq!(arms, names(template.route_keys("HttpApi")));
}

/// Every statement of every policy in the template, wherever it is declared.
fn statements(value: &Value, found: &mut Vec<Value>) {
    match value {
        Value::Object(fields) if fields.contains_key("Effect") && fields.contains_key("Action") => {
            found.push(value.clone());
        }
        Value::Object(fields) => fields.values().for_each(|field| statements(field, found)),
        Value::Array(items) => items.iter().for_each(|item| statements(item, found)),
        _ => {}
    }
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::String(text) => vec![text.clone()],
        other => vec![other.to_string()],
    }
}

#[test]
fn no_policy_names_everything() {
    let template = Template::read();
    let mut found = Vec::new();
    for resource in template.resources() {
        statements(&resource.properties, &mut found);
    }
    assert!(found.len() > functions(&template).len(), "the statements were found");
    // What is denied is better denied whole.
    for statement in found.into_iter().filter(|statement| statement["Effect"] == "Allow") {
        let actions = texts(&statement["Action"]);
        assert!(actions.iter().all(|action| !action.contains('*')), "{statement}");
        let is_tracing = actions.iter().all(|action| TRACING_ACTIONS.contains(&action.as_str()));
        let is_everything = texts(&statement["Resource"]).iter().any(|resource| resource == "*");
        assert!(!is_everything || is_tracing, "{statement}");
    }
}

#[test]
fn each_function_has_its_own_role_and_logs() {
    let template = Template::read();
    let mut roles = BTreeSet::new();
    for function in functions(&template) {
        let role = function.properties["Role"]["Fn::GetAtt"][0].as_str().unwrap().to_owned();
        assert!(roles.insert(role.clone()), "{} shares {role}", function.name);
        let logs = function.properties["LoggingConfig"]["LogGroup"]["Ref"].as_str().unwrap();
        let group = template.of_kind("AWS::Logs::LogGroup").into_iter().find(|group| group.name == logs).unwrap();
        assert!(!group.properties["RetentionInDays"].is_null(), "{logs} is kept for ever");
    }
}

/// The function that a route leads to, by the name of its resource.
fn function_of(template: &Template, route: &Resource) -> String {
    let target = route.properties["Target"]["Fn::Sub"].as_str().expect("a target");
    let integration = target.strip_prefix("integrations/${").and_then(|rest| rest.strip_suffix('}')).expect("one");
    let integrations = template.of_kind("AWS::ApiGatewayV2::Integration");
    let integration = integrations.into_iter().find(|found| found.name == integration).expect("the integration");
    let uri = integration.properties["IntegrationUri"].to_string();
    let function = functions(template).into_iter().find(|function| uri.contains(&function.name));
    function.unwrap_or_else(|| panic!("no function in {uri}")).name
}

fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, end)) => text.len() >= start.len() + end.len() && text.starts_with(start) && text.ends_with(end),
    }
}

#[test]
fn api_gateway_may_invoke_each_function_for_its_routes() {
    let template = Template::read();
    let permissions = template.of_kind("AWS::Lambda::Permission");
    for route in template.of_kind("AWS::ApiGatewayV2::Route") {
        let function = function_of(&template, &route);
        let api = route.properties["ApiId"]["Ref"].as_str().unwrap();
        let key = route.properties["RouteKey"].as_str().unwrap();
        // In the ARN of an HTTP API, the method and path stand where the route key of a WebSocket API does.
        let path = format!("${{{api}}}/v1/{}", key.replacen(" /", "/", 1));
        let allowed = permissions.iter().any(|permission| {
            let source = permission.properties["SourceArn"]["Fn::Sub"].as_str().unwrap_or_default();
            let pattern = source.rsplit_once("${AWS::AccountId}:").map_or("", |(_, path)| path);
            permission.properties["FunctionName"]["Ref"] == function && matches(pattern, &path)
        });
        assert!(allowed, "nothing lets {api} invoke {function} for {key}");
    }
}

#[test]
fn a_route_that_answers_has_a_response_and_others_have_none() {
    let template = Template::read();
    let responses = template.of_kind("AWS::ApiGatewayV2::RouteResponse");
    for route in template.of_kind("AWS::ApiGatewayV2::Route") {
        if route.properties["ApiId"]["Ref"] != "WebSocketApi" {
            continue;
        }
        let key = route.properties["RouteKey"].as_str().unwrap();
        let silent = ["$connect", "$disconnect", "mailbox.ack", "message.ack", "message.read", "typing"].contains(&key);
        let selects = !route.properties["RouteResponseSelectionExpression"].is_null();
        let has_response = responses.iter().any(|response| response.properties["RouteId"]["Ref"] == route.name);
        assert_eq!((selects, has_response), (!silent, !silent), "{key}");
    }
}

#[test]
fn each_stage_is_deployed_after_its_routes() {
    let template = Template::read();
    for stage in template.of_kind("AWS::ApiGatewayV2::Stage") {
        let api = stage.properties["ApiId"]["Ref"].as_str().unwrap();
        let routes = template.of_kind("AWS::ApiGatewayV2::Route");
        let of_api = routes.iter().filter(|route| route.properties["ApiId"]["Ref"] == api).map(|route| &route.name);
        let after = template.json()["Resources"][&stage.name]["DependsOn"].as_array().unwrap().clone();
        assert_eq!(names(of_api.cloned()), names(after.iter().map(|name| name.as_str().unwrap())), "{}", stage.name);
    }
}

#[test]
fn the_log_never_expires() {
    let template = Template::read();
    for table in template.of_kind("AWS::DynamoDB::Table") {
        let expires = !table.properties["TimeToLiveSpecification"].is_null();
        assert_eq!(
            expires,
            [
                "AbuseTable",
                "DevicesTable",
                "InboxesTable",
                "LimitsTable",
                "MailboxesTable",
                "MediaTable",
                "PersonalTable",
                "SessionsTable",
                "TicketsTable",
            ]
            .contains(&table.name.as_str()),
            "{}",
            table.name
        );
        let recovery = &table.properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"];
        assert_eq!(recovery, &Value::Bool(true), "{}", table.name);
    }
}

/// The local AWS enforces the functions' roles. Whatever the tests have made the functions do so
/// far, none was refused a call.
#[tokio::test]
async fn no_function_was_denied_a_call() {
    let denied: Vec<String> = calls("")
        .await
        .into_iter()
        .filter(|call| call.status == 403)
        .filter_map(|call| Some(format!("{}: {} {}", call.app_id?, call.service, call.action)))
        .collect();
    assert!(denied.is_empty(), "{denied:?}");
}
