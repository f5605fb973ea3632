//! The call that searches, read as the function `search` reads it.

use serde_json::json;
use tidings_domain::limits;
use tidings_events::HttpRequest;
use tidings_protocol::{ParseError, convert};
use tidings_search::Cursor;

use crate::{Seed, http_event::call};

/// What the call asks for; false where there is no such call.
pub(crate) fn taken(request: &HttpRequest) -> Result<bool, ParseError> {
    if request.route_key != "GET /search" {
        return Ok(false);
    }
    let wanted = convert::search_request(|name| request.query(name))?;
    assert!((1..=limits::SEARCH_PAGE_MAX).contains(&wanted.limit));
    if let Some(words) = &wanted.words {
        assert!(!words.all.is_empty() && words.all.len() + words.none.len() <= limits::SEARCH_CLAUSES_MAX);
        // Whatever is asked for can be looked for, in any text.
        let _ = words.find(request.query("q").unwrap_or_default());
    }
    if let Some(cursor) = wanted.cursor {
        assert_eq!(Cursor::parse(&cursor.to_text()), Some(cursor));
    }
    Ok(true)
}

pub(crate) fn seeds() -> Vec<Seed> {
    let all = json!({
        "q": "tea \"a cup\" biscu* kettle~2 -coffee 東京 👍", "conversationId": "g:team", "from": "alice", "mention": "bob",
        "kind": "image", "type": "image/png", "after": "1800000000000", "before": "1900000000000", "order": "recent",
        // 1, 7, 1.5, 8, 9, 10
        "cursor": "AQAAAAAAAAAHP8AAAAAAAAAAAAAIAAAAAAAAAAkAAAAAAAAACg", "limit": "20",
    });
    vec![Seed::new("search", call("GET /search", "/search", &all, None))]
}
