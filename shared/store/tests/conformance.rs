//! The conformance suite on the tables of the local AWS, which must run: `cargo dev up`.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use aws_sdk_dynamodb::{
    Client, Config,
    config::{BehaviorVersion, Credentials, Region},
};
use serde_json::Value;
use tidings_store::{
    DynamoAnnotations, DynamoBuckets, DynamoConversations, DynamoDevices, DynamoInboxes, DynamoLog, DynamoMailboxes,
    DynamoMedia, DynamoPersonal, DynamoRules, DynamoSessions, DynamoTickets, DynamoTimers,
};
use tidings_testkit::{Subject, programs};

/// What `cargo dev status --json` says of the running stack.
fn status() -> Value {
    let output = programs::dev()
        .args(["status", "--json"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .output()
        .expect("`cargo dev status` runs");
    let status: Value = serde_json::from_slice(&output.stdout).expect("`cargo dev status --json` prints JSON");
    assert_eq!(status["state"], "running", "the stack must run: `cargo dev up --detach`");
    status
}

async fn on_the_local_aws(run: &str, check: impl AsyncFnOnce(Subject<'_>)) {
    let status = status();
    let http = aws_smithy_http_client::Builder::new().build_http();
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .endpoint_url(status["endpointUrl"].as_str().unwrap())
        .http_client(http)
        .build();
    let client = Client::from_conf(config);
    let table = |name: &str| status["tables"][name].as_str().unwrap().to_owned();
    let subject = Subject {
        log: &DynamoLog::new(client.clone(), table("LogTable")),
        conversations: &DynamoConversations::new(client.clone(), table("ConversationsTable"), table("LogTable")),
        invites: &DynamoConversations::new(client.clone(), table("ConversationsTable"), table("LogTable")),
        sessions: &DynamoSessions::new(client.clone(), table("SessionsTable")),
        devices: &DynamoDevices::new(client.clone(), table("DevicesTable")),
        registry: &DynamoDevices::new(client.clone(), table("DevicesTable")),
        keys: &DynamoDevices::new(client.clone(), table("DevicesTable")),
        device_sets: &DynamoDevices::new(client.clone(), table("DevicesTable")),
        inboxes: &DynamoInboxes::new(client.clone(), table("InboxesTable")),
        mailboxes: &DynamoMailboxes::new(client.clone(), table("MailboxesTable")),
        marks: &DynamoDevices::new(client.clone(), table("DevicesTable")),
        rules: &DynamoRules::new(client.clone(), table("PersonalTable")),
        privacy: &DynamoRules::new(client.clone(), table("PersonalTable")),
        personal: &DynamoPersonal::new(client.clone(), table("PersonalTable")),
        buckets: &DynamoBuckets::new(client.clone(), table("LimitsTable")),
        tickets: &DynamoTickets::new(client.clone(), table("TicketsTable")),
        annotations: &DynamoAnnotations::new(client.clone(), table("AnnotationsTable")),
        eraser: &DynamoLog::new(client.clone(), table("LogTable")),
        timers: &DynamoTimers::new(client.clone(), table("TimersTable")),
        media: &DynamoMedia::new(client.clone(), table("MediaTable"), table("TimersTable")),
        schedule: &DynamoTimers::new(client, table("TimersTable")),
        run,
    };
    check(subject).await;
}

macro_rules! on_the_local_aws {
    ($check:ident) => {
        #[tokio::test]
        async fn $check() {
            let run = uuid::Uuid::new_v4().simple().to_string();
            on_the_local_aws(&run[..12], tidings_testkit::$check).await;
        }
    };
}

tidings_testkit::conformance!(on_the_local_aws);
