//! The suite of every index, on an OpenSearch at `TIDINGS_TEST_OPENSEARCH_URL`. Where none is named, nothing is checked,
//! and that is said.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "tests fail by panics, and say what they skip")]

use reqwest::Method;
use tidings_domain::ports::BoxFuture;
use tidings_opensearch::{OpenSearch, SendError, Transport};
use tidings_testkit::Indexed;

struct Http {
    client: reqwest::Client,
    base: String,
}

impl Transport for Http {
    fn send<'a>(
        &'a self,
        method: &'static str,
        path: &'a str,
        body: Option<String>,
    ) -> BoxFuture<'a, Result<(u16, String), SendError>> {
        Box::pin(async move {
            let method = Method::from_bytes(method.as_bytes())?;
            let request = self.client.request(method, format!("{}{path}", self.base));
            let request = request.header("content-type", "application/json").body(body.unwrap_or_default());
            let answer = request.send().await?;
            Ok((answer.status().as_u16(), answer.text().await?))
        })
    }
}

/// OpenSearch, where there is one.
fn reachable() -> Option<OpenSearch<Http>> {
    #[expect(clippy::disallowed_methods, reason = "what the tests are told by who runs them")]
    let base = std::env::var("TIDINGS_TEST_OPENSEARCH_URL").ok();
    let Some(base) = base else {
        println!("NOT CHECKED: TIDINGS_TEST_OPENSEARCH_URL names no OpenSearch");
        return None;
    };
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    Some(OpenSearch::new(Http { client, base }))
}

macro_rules! conformance {
    ($($check:ident)*) => {$(
        #[tokio::test]
        async fn $check() {
            let Some(index) = reachable() else { return };
            tidings_testkit::$check(Indexed { index: &index, name: stringify!($check) }).await;
        }
    )*};
}

conformance! {
    search_finds_what_words_ask_for
    search_stays_within_its_scope
    search_narrows_by_tags
    search_changes_come_in_any_order
    search_pages_fit_together
    search_forgets_words_and_months
}
