//! Searches, between the wire and the domain.

use tidings_domain::{
    ids::{InvalidId, KindName, Timestamp},
    limits::{MIME_BYTES_MAX, SEARCH_PAGE_MAX},
};
use tidings_search::{
    Cursor,
    finding::{Found, Hit, Wanted},
    index::Order,
    query::{QueryError, Words},
};

use super::{conversation_id, limit, user_id};
use crate::{
    ParseError,
    schema::types::SAFE_INTEGER_MAX,
    search::{Highlight, SearchHit, SearchPage},
};

/// Checks a `GET /search`, by its query parameters. Without a word, what narrows down is enough.
pub fn search_request<'a>(query: impl Fn(&str) -> Option<&'a str>) -> Result<Wanted, ParseError> {
    let number = |name: &str| {
        let parse = |text: &str| text.parse().map_err(|_| ParseError::field(name, "must be a whole number"));
        query(name).map(parse).transpose()
    };
    let moment = |name: &str| match number(name)? {
        Some(ms) if ms > SAFE_INTEGER_MAX => Err(ParseError::field(name, "must be less than 2^53")),
        ms => Ok(ms.map(Timestamp)),
    };
    let words = query("q").map(words).transpose()?;
    let order = match query("order") {
        None if words.is_some() => Order::Relevant,
        None | Some("recent") => Order::Recent,
        Some("relevance") => Order::Relevant,
        Some(_) => return Err(ParseError::field("order", "must be recent or relevance")),
    };
    let cursor =
        |text: &str| Cursor::parse(text).ok_or_else(|| ParseError::field("cursor", "must be a `next` of a search"));
    Ok(Wanted {
        conversation: query("conversationId").map(|id| conversation_id("conversationId", id)).transpose()?,
        words,
        from: query("from").map(|user| user_id("from", user)).transpose()?,
        mention: query("mention").map(|user| user_id("mention", user)).transpose()?,
        kind: query("kind").map(kind).transpose()?,
        file_type: query("type").map(file_type).transpose()?,
        since: moment("after")?,
        until: moment("before")?,
        order,
        cursor: query("cursor").map(cursor).transpose()?,
        limit: limit(number("limit")?, SEARCH_PAGE_MAX)?,
    })
}

fn words(query: &str) -> Result<Words, ParseError> {
    Words::parse(query).map_err(|error| match error {
        QueryError::TooLong | QueryError::TooMany => ParseError::too_large("q", error),
        other => ParseError::field("q", other),
    })
}

fn kind(name: &str) -> Result<String, ParseError> {
    let wrong = |error: InvalidId| ParseError::field("kind", format_args!("must be {}", error.rule));
    KindName::parse(name).map(|name| name.to_string()).map_err(wrong)
}

fn file_type(name: &str) -> Result<String, ParseError> {
    let is_good = name.len() <= MIME_BYTES_MAX
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"/.+-_".contains(&b))
        && name.matches('/').count() <= 1;
    if is_good {
        Ok(name.to_ascii_lowercase())
    } else {
        Err(ParseError::field("type", "must be a type of content, or what stands before its /"))
    }
}

/// A page of what was found.
pub fn search_page(found: &Found) -> SearchPage {
    SearchPage { hits: found.hits.iter().map(search_hit).collect(), next: found.next.map(Cursor::to_text) }
}

fn search_hit(hit: &Hit) -> SearchHit {
    let entry = &hit.entry;
    let highlights = hit.snippet.iter().flat_map(|snippet| &snippet.highlights);
    SearchHit {
        conversation_id: entry.conversation.to_string(),
        message_id: entry.message_id().to_string(),
        sequence: entry.sequence.0,
        sender_user_id: entry.sender.user.to_string(),
        ts: entry.ts.0,
        kind: entry.content.kind.clone().into(),
        snippet: hit.snippet.as_ref().map(|snippet| snippet.text.clone()),
        highlights: highlights
            .map(|range| Highlight { start: range.start as u64, length: range.len() as u64 })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(parameters: &[(&str, &'static str)]) -> Result<Wanted, ParseError> {
        let find = |name: &str| parameters.iter().find(|(n, _)| *n == name).map(|(_, value)| *value);
        search_request(find)
    }

    #[test]
    fn what_is_asked_for_is_read() {
        let all = read(&[
            ("q", "tea cup*"),
            ("conversationId", "g:crew"),
            ("from", "alice"),
            ("mention", "bob"),
            ("kind", "image"),
            ("type", "image/PNG"),
            ("after", "7"),
            ("before", "9"),
            ("limit", "3"),
        ])
        .unwrap();
        assert_eq!((all.order, all.limit, all.file_type.as_deref()), (Order::Relevant, 3, Some("image/png")));
        assert_eq!((all.since, all.until), (Some(Timestamp(7)), Some(Timestamp(9))));
        let none = read(&[]).unwrap();
        assert_eq!((none.order, none.limit, none.words), (Order::Recent, 50, None));
        assert_eq!(read(&[("q", "tea"), ("order", "recent")]).unwrap().order, Order::Recent);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (name, value) in [
            ("q", "-tea"),
            ("q", "\"tea"),
            ("conversationId", "crew"),
            ("from", "a b"),
            ("mention", "a:b"),
            ("kind", "Text"),
            ("type", "a/b/c"),
            ("after", "soon"),
            ("before", "9007199254740992"),
            ("order", "random"),
            ("cursor", "x"),
            ("limit", "51"),
            ("limit", "0"),
        ] {
            let error = read(&[(name, value)]).unwrap_err();
            assert_eq!(error.field.as_deref(), Some(name), "{value}");
        }
    }
}
