//! The index for search in OpenSearch, for those who run one: an index for each month.
//!
//! Texts are cut into words before they get there, so that both indexes find the same; they are in no `_source`. Versions
//! are OpenSearch's own, given from outside: of a message the highest counts, in whatever order they come.

mod query;

use std::{collections::BTreeSet, error::Error, fmt::Write as _};

use serde_json::{Map, Value, json};
use thiserror::Error;
use tidings_domain::{
    ids::{Sequence, Timestamp},
    limits::SEARCH_GONE_MS,
    ports::{BoxFuture, PortResult, Unavailable},
};
use tidings_search::{
    document::{Document, Key, Month, Tag},
    index::{Candidate, Change, Hunt, Index, Lifecycle, Maintained, Order, Place},
    text::tokens,
};

/// What the names of its indexes begin with.
const PREFIX: &str = "tidings-";
/// A version above every sequence.
const LAST_VERSION: u64 = 1 << 60;

/// Why a request has no answer.
pub type SendError = Box<dyn Error + Send + Sync>;

/// HTTP, to one OpenSearch.
pub trait Transport: Send + Sync {
    /// Sends a request: method, path with query, and a body of JSON or of lines of it. Status and body of the answer.
    fn send<'a>(
        &'a self,
        method: &'static str,
        path: &'a str,
        body: Option<String>,
    ) -> BoxFuture<'a, Result<(u16, String), SendError>>;
}

#[derive(Debug, Error)]
enum OpenSearchError {
    #[error("no answer")]
    Send(#[source] SendError),
    #[error("status {status}: {kind}")]
    Status { status: u16, kind: String },
    #[error("an answer of another shape")]
    Shape(#[from] serde_json::Error),
    #[error("not indexed: {0}")]
    Item(String),
}

fn failed(operation: &'static str) -> impl Fn(OpenSearchError) -> Unavailable {
    move |error| Unavailable { operation, source: Box::new(error) }
}

/// An index in OpenSearch.
pub struct OpenSearch<T> {
    transport: T,
}

impl<T: Transport> OpenSearch<T> {
    /// The index behind this.
    pub fn new(transport: T) -> Self {
        Self { transport }
    }

    async fn call(&self, method: &'static str, path: &str, body: Option<String>) -> Result<Value, OpenSearchError> {
        let (status, body) = self.transport.send(method, path, body).await.map_err(OpenSearchError::Send)?;
        match status {
            200..300 => Ok(serde_json::from_str(&body)?),
            404 => Ok(Value::Null),
            status => {
                let answer: Value = serde_json::from_str(&body).unwrap_or_default();
                Err(OpenSearchError::Status { status, kind: kind_of(&answer["error"]) })
            }
        }
    }

    /// Says of what form indexes are. May be repeated.
    async fn prepare(&self) -> Result<(), OpenSearchError> {
        let (keyword, number) = (json!({ "type": "keyword" }), json!({ "type": "long" }));
        let template = json!({
            "index_patterns": [format!("{PREFIX}*")],
            "template": {
                "settings": { "index": { "gc_deletes": format!("{SEARCH_GONE_MS}ms") } },
                "mappings": {
                    "dynamic": "strict",
                    "_source": { "excludes": ["text"] },
                    "properties": {
                        "conversation": keyword, "sender": keyword, "tags": keyword,
                        "sequence": number, "version": number, "ts": number, "expires": number,
                        "text": { "type": "text", "analyzer": "whitespace" },
                    },
                },
            },
        });
        self.call("PUT", "/_index_template/tidings", Some(template.to_string())).await.map(drop)
    }

    async fn write(&self, changes: &[Change]) -> Result<(), OpenSearchError> {
        self.prepare().await?;
        let mut lines = String::new();
        for change in changes {
            let (action, document) = match change {
                Change::Put(document) => {
                    let place = place(change.shard().month, document.key, document.version.0, "external_gte");
                    (json!({ "index": place }), Some(source_of(document)))
                }
                Change::Remove { key, .. } => {
                    let place = place(change.shard().month, *key, LAST_VERSION, "external_gte");
                    (json!({ "delete": place }), None)
                }
            };
            for line in [Some(action), document].into_iter().flatten() {
                // Writing to a string does not fail.
                let _ = writeln!(lines, "{line}");
            }
        }
        let answer = self.call("POST", "/_bulk?refresh=true", Some(lines)).await?;
        let items = answer["items"].as_array().into_iter().flatten();
        for item in items.flat_map(|item| item.as_object().into_iter().flat_map(Map::values)) {
            // 404: nothing was there to remove; 409: a higher version is there.
            let is_good = item["status"].as_u64().is_some_and(|s| (200..300).contains(&s) || [404, 409].contains(&s));
            if !is_good {
                return Err(OpenSearchError::Item(kind_of(&item["error"])));
            }
        }
        Ok(())
    }

    async fn find(&self, hunt: &Hunt<'_>) -> Result<Vec<Candidate>, OpenSearchError> {
        let body = query::body(hunt);
        let path = format!("/{PREFIX}*/_search?ignore_unavailable=true&allow_no_indices=true");
        let answer = self.call("POST", &path, Some(body.to_string())).await?;
        let hits = answer["hits"]["hits"].as_array().cloned().unwrap_or_default();
        let number = |value: &Value| value.as_u64().unwrap_or_default();
        let candidate = |hit: &Value| {
            let source = &hit["_source"];
            let conversation = u64::from_str_radix(source["conversation"].as_str()?, 16).ok()?;
            let key = Key { conversation: Tag(conversation), sequence: Sequence(number(&source["sequence"])) };
            #[expect(clippy::cast_possible_truncation, reason = "it was of this size where it was made")]
            let score = if hunt.order == Order::Relevant { hit["sort"][0].as_f64()? as f32 } else { 0.0 };
            let place = Place { score, ts: Timestamp(number(&source["ts"])), key };
            Some(Candidate { place, version: Sequence(number(&source["version"])) })
        };
        Ok(hits.iter().filter_map(candidate).collect())
    }

    /// Documents are made again of their `_source`, in which no text is.
    async fn drop_text(&self, indexes: &str, wanted: Value) -> Result<(), OpenSearchError> {
        let path = format!("/{indexes}/_update_by_query?conflicts=proceed&refresh=true&allow_no_indices=true");
        self.call("POST", &path, Some(json!({ "query": wanted }).to_string())).await.map(drop)
    }

    async fn months(&self) -> Result<BTreeSet<Month>, OpenSearchError> {
        let listed = self.call("GET", &format!("/_cat/indices/{PREFIX}*?format=json&h=index"), None).await?;
        let names = listed.as_array().into_iter().flatten().filter_map(|row| row["index"].as_str());
        Ok(names.filter_map(|name| Month::parse(name.strip_prefix(PREFIX)?)).collect())
    }

    async fn tidy(&self, lifecycle: Lifecycle, now: Timestamp) -> Result<Maintained, OpenSearchError> {
        let (this, mut done) = (Month::of(now), Maintained::default());
        let expired = json!({ "query": { "range": { "expires": { "lte": now.0 } } } });
        let path = format!("/{PREFIX}*/_delete_by_query?conflicts=proceed&refresh=true&allow_no_indices=true");
        self.call("POST", &path, Some(expired.to_string())).await?;
        for month in self.months().await? {
            let index = format!("{PREFIX}{month}");
            if month <= this.minus(lifecycle.months) {
                self.call("DELETE", &format!("/{index}"), None).await?;
                done.expired += 1;
                continue;
            }
            done.shards += 1;
            if month <= this.minus(lifecycle.text_months) {
                self.drop_text(&index, json!({ "exists": { "field": "text" } })).await?;
                done.downsampled += 1;
            }
            self.call("POST", &format!("/{index}/_forcemerge?only_expunge_deletes=true"), None).await?;
            done.merged += 1;
        }
        Ok(done)
    }
}

/// Of what kind an error is. Its reason is left out: it quotes what was said, or searched for, and errors are logged.
fn kind_of(error: &Value) -> String {
    error["type"].as_str().unwrap_or("no kind is told").to_owned()
}

fn hex(tag: Tag) -> String {
    format!("{:016x}", tag.0)
}

fn place(month: Month, key: Key, version: u64, version_type: &str) -> Value {
    json!({
        "_index": format!("{PREFIX}{month}"),
        "_id": format!("{}-{}", hex(key.conversation), key.sequence),
        "version": version,
        "version_type": version_type,
    })
}

fn source_of(document: &Document) -> Value {
    let mut source = json!({
        "conversation": hex(document.key.conversation),
        "sequence": document.key.sequence.0,
        "version": document.version.0,
        "ts": document.ts.0,
        "sender": hex(document.sender),
        "tags": document.tags.iter().map(|tag| hex(*tag)).collect::<Vec<String>>(),
    });
    if let Some(at) = document.expires_at {
        source["expires"] = json!(at.0);
    }
    if let Some(text) = &document.text {
        let words: Vec<String> = tokens(text).into_iter().map(|token| token.text).collect();
        source["text"] = json!(words.join(" "));
    }
    source
}

impl<T: Transport> Index for OpenSearch<T> {
    fn apply<'a>(&'a self, changes: &'a [Change]) -> PortResult<'a, ()> {
        Box::pin(async move { self.write(changes).await.map_err(failed("write to OpenSearch")) })
    }

    fn forget_text(&self, conversation: Tag, until: Timestamp, _: Timestamp) -> PortResult<'_, ()> {
        let wanted = json!({ "bool": { "filter": [
            { "term": { "conversation": hex(conversation) } },
            { "range": { "ts": { "lte": until.0 } } },
            { "exists": { "field": "text" } },
        ] } });
        Box::pin(async move {
            let done = self.drop_text(&format!("{PREFIX}*"), wanted).await;
            done.map_err(failed("take words out of OpenSearch"))
        })
    }

    fn hunt<'a>(&'a self, hunt: &'a Hunt<'a>) -> PortResult<'a, Vec<Candidate>> {
        Box::pin(async move { self.find(hunt).await.map_err(failed("search OpenSearch")) })
    }

    fn maintain(&self, lifecycle: Lifecycle, _: Timestamp, now: Timestamp) -> PortResult<'_, Maintained> {
        Box::pin(async move { self.tidy(lifecycle, now).await.map_err(failed("tidy OpenSearch")) })
    }
}
