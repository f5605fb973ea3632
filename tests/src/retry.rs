//! Waiting for what happens by itself.

use std::{future::Future, time::Duration};

use tokio::time::Instant;

/// What takes longer than this does not happen. Generous: many tests share two cores.
pub const DEADLINE: Duration = Duration::from_secs(20);

const PAUSE: Duration = Duration::from_millis(20);

/// Asks until there is an answer, and panics with `what` when the deadline passes without one.
pub async fn eventually<T, F>(what: &str, mut ask: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "not in {DEADLINE:?}: {what}");
        tokio::time::sleep(PAUSE).await;
    }
}
