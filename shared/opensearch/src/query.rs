//! A hunt in OpenSearch's language.

use serde_json::{Value, json};
use tidings_domain::ids::Sequence;
use tidings_search::{
    index::{Hunt, Order},
    query::Matcher,
};

use crate::hex;

/// The body of a search.
pub(crate) fn body(hunt: &Hunt<'_>) -> Value {
    let mut filter = vec![scope(hunt), json!({ "range": { "ts": { "gte": hunt.since.0, "lt": hunt.until.0 } } })];
    for tags in hunt.tags {
        filter.push(json!({ "terms": { "tags": tags.iter().map(|tag| hex(*tag)).collect::<Vec<_>>() } }));
    }
    let senders: Vec<String> = hunt.not_from.iter().map(|tag| hex(*tag)).collect();
    let mut must_not =
        vec![json!({ "terms": { "sender": senders } }), json!({ "range": { "expires": { "lte": hunt.now.0 } } })];
    let mut must = Vec::new();
    if let Some(words) = hunt.words {
        must.extend(words.all.iter().map(matching));
        must_not.extend(words.none.iter().map(matching));
    }
    let wanted = json!({ "bool": { "filter": filter, "must": must, "must_not": must_not } });
    let rest = [json!({ "ts": "desc" }), json!({ "conversation": "desc" }), json!({ "sequence": "desc" })];
    let (query, mut sort) = match hunt.order {
        Order::Recent => (wanted, Vec::new()),
        Order::Relevant => (aged(&wanted, hunt), vec![json!({ "_score": "desc" })]),
    };
    sort.extend(rest);
    let mut body = json!({
        "query": query,
        "sort": sort,
        "size": hunt.limit,
        "track_total_hits": false,
        "_source": ["conversation", "sequence", "version", "ts"],
    });
    if let Some(after) = hunt.after {
        let place = json!([after.ts.0, hex(after.key.conversation), after.key.sequence.0]);
        let mut values = place.as_array().cloned().unwrap_or_default();
        if hunt.order == Order::Relevant {
            values.insert(0, json!(after.score));
        }
        body["search_after"] = Value::Array(values);
    }
    body
}

/// In which conversations, from which place on: those that are seen from their beginning are one clause.
fn scope(hunt: &Hunt<'_>) -> Value {
    let whole = hunt.scope.iter().filter(|(_, from)| **from <= Sequence(1)).map(|(tag, _)| hex(*tag));
    let mut any = vec![json!({ "terms": { "conversation": whole.collect::<Vec<String>>() } })];
    for (conversation, from) in hunt.scope.iter().filter(|(_, from)| **from > Sequence(1)) {
        any.push(json!({ "bool": { "filter": [
            { "term": { "conversation": hex(*conversation) } },
            { "range": { "sequence": { "gte": from.0 } } },
        ] } }));
    }
    json!({ "bool": { "should": any, "minimum_should_match": 1 } })
}

/// As [`tidings_search::index::score`] has it.
fn aged(wanted: &Value, hunt: &Hunt<'_>) -> Value {
    let script = "double h = Math.floor(Math.max(0.0, params.at - doc['ts'].value) / 3600000.0); \
        return _score / (1.0 + Math.min(h, 65535.0) / 720.0);";
    json!({ "script_score": {
        "query": wanted,
        "script": { "source": script, "params": { "at": hunt.asked_at.0 } },
    } })
}

fn matching(matcher: &Matcher) -> Value {
    match matcher {
        Matcher::Phrase(words) => match words.as_slice() {
            [(_, word)] => json!({ "term": { "text": word } }),
            words => {
                let last = words.last().map_or(0, |(place, _)| *place as usize);
                let text: Vec<&str> = words.iter().map(|(_, word)| word.as_str()).collect();
                // A single character of a script without spaces within it is looked for by itself.
                let slop = (last + 1).saturating_sub(words.len());
                json!({ "match_phrase": { "text": { "query": text.join(" "), "slop": slop } } })
            }
        },
        Matcher::Prefix(stem) => json!({ "prefix": { "text": stem } }),
        Matcher::Fuzzy { word, edits } => {
            json!({ "fuzzy": { "text": { "value": word, "fuzziness": edits, "transpositions": true, "max_expansions": 1000 } } })
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use tidings_domain::ids::Timestamp;
    use tidings_search::{
        document::{Key, Tag},
        index::Place,
        query::Words,
    };

    use super::*;

    #[test]
    fn a_hunt_is_said_in_full() {
        let words = Words::parse(r#"tea "a cup" -coffee bisc* kettle~"#).unwrap();
        let key = Key { conversation: Tag(2), sequence: Sequence(3) };
        let hunt = Hunt {
            scope: &BTreeMap::from([(Tag(1), Sequence(1)), (Tag(2), Sequence(9))]),
            words: Some(&words),
            tags: &[BTreeSet::from([Tag(7)])],
            not_from: &BTreeSet::from([Tag(8)]),
            since: Timestamp(1),
            until: Timestamp(2),
            order: Order::Relevant,
            asked_at: Timestamp(5),
            now: Timestamp(6),
            after: Some(Place { score: 1.5, ts: Timestamp(4), key }),
            limit: 10,
        };
        let said = body(&hunt);
        assert_eq!(said["search_after"], json!([1.5, 4, "0000000000000002", 3]));
        let wanted = &said["query"]["script_score"]["query"]["bool"];
        let any = &wanted["filter"][0]["bool"]["should"];
        assert_eq!(any[0], json!({ "terms": { "conversation": ["0000000000000001"] } }));
        assert_eq!(any[1]["bool"]["filter"][1], json!({ "range": { "sequence": { "gte": 9 } } }));
        assert_eq!(wanted["must"].as_array().unwrap().len(), 4);
        assert_eq!(wanted["must_not"][2], json!({ "term": { "text": "coffee" } }));
        let recent = body(&Hunt { order: Order::Recent, ..hunt });
        assert_eq!(recent["search_after"].as_array().unwrap().len(), 3);
        assert_eq!(recent["sort"].as_array().unwrap().len(), 3);
    }
}
