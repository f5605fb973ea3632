//! How long the artifact takes from its start until it asks for its first event: what a cold
//! start adds to Lambda's own part. Everything a function builds in its init is in it.

use std::{
    io::{self, BufRead, BufReader},
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// Starts the artifact as a function and waits until it asks for its first event. The function
/// warms up its connection to storage at the endpoint.
pub fn init_time(artifact: &Path, handler: &str, endpoint_url: &str) -> io::Result<Duration> {
    let runtime_api = TcpListener::bind("127.0.0.1:0")?;
    let started = Instant::now();
    let mut function = Function(start(artifact, handler, &runtime_api.local_addr()?.to_string(), endpoint_url)?);
    let (connection, _) = accept(&runtime_api, &mut function.0)?;
    let mut request = String::new();
    BufReader::new(connection).read_line(&mut request)?;
    let asked_after = started.elapsed();
    if !request.contains("/runtime/invocation/next") {
        return Err(io::Error::other(format!("{handler} did not start: it said {request:?}")));
    }
    Ok(asked_after)
}

/// Ends with its owner.
struct Function(Child);

impl Drop for Function {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(artifact: &Path, handler: &str, runtime_api: &str, endpoint_url: &str) -> io::Result<Child> {
    Command::new(artifact)
        .env_clear()
        .envs([
            ("_HANDLER", handler),
            ("AWS_LAMBDA_RUNTIME_API", runtime_api),
            ("AWS_LAMBDA_FUNCTION_NAME", handler),
            ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "logs"),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "stream"),
            ("AWS_ENDPOINT_URL", endpoint_url),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("LOG_LEVEL", "warn"),
            ("CELL", "tidings"),
            ("METRICS_FLUSH_SECONDS", "10"),
            ("TRACED_PER_MILLE", "10"),
            ("LOG_TABLE", "log"),
            ("CONVERSATIONS_TABLE", "conversations"),
            ("PERSONAL_TABLE", "personal"),
            ("SESSIONS_TABLE", "sessions"),
            ("DEVICES_TABLE", "devices"),
            ("TICKETS_TABLE", "tickets"),
            ("LIMITS_TABLE", "limits"),
            ("ABUSE_TABLE", "abuse"),
            ("MEDIA_TABLE", "media"),
            ("TIMERS_TABLE", "timers"),
            ("INBOXES_TABLE", "inboxes"),
            ("EVENTS_STREAM", "events"),
            ("INGEST_STREAM", "ingest"),
            ("RACES_LOST_MAX", "3"),
            ("WEBSOCKET_ENDPOINT", "https://cell.example/v1"),
            ("OIDC_ISSUER", "https://id.example"),
            ("OIDC_AUDIENCE", "tidings"),
            ("EXPRESS_SOCKETS_MAX", "16"),
            ("PUSH_MEMBERS_MAX", "256"),
            ("AGGREGATE_RECEIPTS_MEMBERS", "32"),
            ("ANNOUNCE_MAX", "256"),
            ("HEARTBEAT_SECONDS", "240"),
            ("SESSION_TTL_SECONDS", "300"),
            ("SEND_WINDOW", "32"),
            ("EDIT_WINDOW_SECONDS", "900"),
            ("DELETE_WINDOW_SECONDS", "900"),
            ("FAILURES_QUEUE_URL", "https://queue.example"),
        ])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
}

/// Waits for the function to connect; says so where it has ended instead.
fn accept(runtime_api: &TcpListener, function: &mut Child) -> io::Result<(std::net::TcpStream, std::net::SocketAddr)> {
    runtime_api.set_nonblocking(true)?;
    let deadline = Instant::now() + Duration::from_secs(10);
    while Instant::now() < deadline {
        match runtime_api.accept() {
            Ok((connection, peer)) => {
                connection.set_nonblocking(false)?;
                return Ok((connection, peer));
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        if let Some(status) = function.try_wait()? {
            return Err(io::Error::other(format!("the function ended: {status}")));
        }
        std::thread::sleep(Duration::from_micros(100));
    }
    Err(io::Error::new(io::ErrorKind::TimedOut, "the function never asked for an event"))
}
