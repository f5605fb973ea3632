//! From entries of the log to changes of an index.
//!
//! Metadata of every message is indexed. Its text is only where the entry says that all members had agreed to it when it
//! was appended, nobody has withdrawn since, it is not encrypted and not to be opened once.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tidings_domain::{
    conversation::Label,
    ids::{ConversationId, MediaHandle, Sequence, Timestamp},
    log::{Content, ContentKind, Entry, EventKind},
    lookup::entry_at,
    media::Media,
    ports::{Consistency, Conversations, Log, Unavailable},
};

use crate::{
    document::{Document, Key, Shard, Tag},
    index::{Change, Index},
};

/// What indexing needs of the world.
#[derive(Clone, Copy)]
pub struct IndexingPorts<'a> {
    /// The index.
    pub index: &'a dyn Index,
    /// The log.
    pub log: &'a dyn Log,
    /// What the heads of conversations say.
    pub conversations: &'a dyn Conversations,
    /// Of which type media is.
    pub media: &'a dyn Media,
}

/// Indexes entries, of any conversations and in any order; answers with how many changes that made. May be repeated.
pub async fn index(ports: IndexingPorts<'_>, entries: &[Entry]) -> Result<usize, Unavailable> {
    let labels = labels(ports, entries).await?;
    let mut changes = Vec::new();
    for entry in entries {
        let label = labels.get(&entry.conversation).cloned().unwrap_or_default();
        changes.extend(change(ports, entry, &label).await?);
    }
    if !changes.is_empty() {
        ports.index.apply(&changes).await?;
    }
    Ok(changes.len())
}

/// Since when the words of conversations may be found, of those where it is asked.
async fn labels(ports: IndexingPorts<'_>, entries: &[Entry]) -> Result<BTreeMap<ConversationId, Label>, Unavailable> {
    let asked: BTreeSet<&ConversationId> =
        entries.iter().filter(|entry| entry.state.indexes_text).map(|entry| &entry.conversation).collect();
    if asked.is_empty() {
        return Ok(BTreeMap::new());
    }
    ports.conversations.labels(&asked.into_iter().cloned().collect::<Vec<_>>()).await
}

async fn change(ports: IndexingPorts<'_>, entry: &Entry, label: &Label) -> Result<Option<Change>, Unavailable> {
    let conversation = &entry.conversation;
    match (entry.event, &entry.target) {
        (EventKind::Message, _) if entry.erased.is_none() => {
            Ok(Some(Change::Put(document(ports, entry, entry, label).await?)))
        }
        (EventKind::Edit, Some(target)) if entry.erased.is_none() => {
            let message = entry_at(ports.log, conversation, target.sequence).await?;
            match message.filter(|message| message.event == EventKind::Message && message.erased.is_none()) {
                Some(message) => Ok(Some(Change::Put(document(ports, &message, entry, label).await?))),
                None => Ok(None),
            }
        }
        (EventKind::Delete, Some(target)) => {
            let message = entry_at(ports.log, conversation, target.sequence).await?;
            Ok(message.map(|message| Change::Remove {
                key: key_of(&message),
                shard: shard_of(&message),
                ts: message.ts,
            }))
        }
        _ => Ok(None),
    }
}

/// Which message an entry is to an index.
pub fn key_of(entry: &Entry) -> Key {
    Key { conversation: Tag::conversation(&entry.conversation), sequence: entry.sequence }
}

fn shard_of(entry: &Entry) -> Shard {
    Shard::of(&entry.conversation, entry.ts)
}

/// The document of a message as an edit has it; the message itself is the first of its edits.
async fn document(
    ports: IndexingPorts<'_>,
    message: &Entry,
    edit: &Entry,
    label: &Label,
) -> Result<Document, Unavailable> {
    let sender = Tag::from(&message.sender.user);
    let mut tags = BTreeSet::from([sender, Tag::kind(kind_name(&message.content.kind))]);
    tags.extend(edit.content.mentions.iter().map(Tag::mention));
    tags.extend(edit.content.mentions_all.then(Tag::mention_all));
    tags.extend(file_tags(ports.media, &message.content).await?);
    let text = if may_index_text(edit, label.text_since) && !message.content.is_view_once {
        text_of(&edit.content.payload)
    } else {
        None
    };
    let (key, shard) = (key_of(message), shard_of(message));
    let (ts, expires_at) = (message.ts, message.expires_at());
    Ok(Document { key, shard, version: edit.sequence, ts, expires_at, sender, tags, text })
}

/// Whether all members had agreed when it was appended, and nobody has withdrawn since.
pub(crate) fn may_index_text(entry: &Entry, text_since: Timestamp) -> bool {
    let is_clear = entry.state.epoch == 0 && entry.content.envelopes.is_empty();
    entry.state.indexes_text && is_clear && entry.ts >= text_since && entry.erased.is_none()
}

/// The name of a kind on the wire.
pub fn kind_name(kind: &ContentKind) -> &str {
    match kind {
        ContentKind::Text => "text",
        ContentKind::Image => "image",
        ContentKind::Audio => "audio",
        ContentKind::Video => "video",
        ContentKind::Doc => "doc",
        ContentKind::Poll => "poll",
        ContentKind::System => "system",
        ContentKind::Other(name) => name.as_str(),
    }
}

/// The tags of the type of a message's media: the type, and its family.
async fn file_tags(media: &dyn Media, content: &Content) -> Result<Vec<Tag>, Unavailable> {
    let handle = content.media_handle.as_deref().and_then(|handle| MediaHandle::parse(handle).ok());
    let Some(handle) = handle else { return Ok(Vec::new()) };
    let Some(row) = media.find(handle).await? else { return Ok(Vec::new()) };
    Ok(type_tags(row.blob.mime.name()))
}

fn type_tags(mime: &str) -> Vec<Tag> {
    let family = mime.split('/').next().unwrap_or(mime);
    vec![Tag::file_type(mime), Tag::file_type(family)]
}

/// What a payload says in words: a text, or what an object has under the names that clients use.
pub fn text_of(payload: &str) -> Option<String> {
    const NAMES: [&str; 5] = ["text", "caption", "title", "question", "name"];
    let texts: Vec<String> = match serde_json::from_str(payload).ok()? {
        Value::String(text) => vec![text],
        Value::Object(fields) => {
            let named = NAMES.iter().filter_map(|name| fields.get(*name)?.as_str().map(str::to_owned));
            let choices = fields.get("choices").and_then(Value::as_array).into_iter().flatten();
            named.chain(choices.filter_map(|choice| choice.as_str().map(str::to_owned))).collect()
        }
        _ => Vec::new(),
    };
    Some(texts.join("\n")).filter(|text| !text.trim().is_empty())
}

/// Indexes a conversation again from its log, from a place on: a page. Answers with the last place that was looked at;
/// none at the end of the log.
pub async fn rebuild(
    ports: IndexingPorts<'_>,
    conversation: &ConversationId,
    after: Sequence,
    limit: usize,
) -> Result<Option<Sequence>, Unavailable> {
    let entries = ports.log.read_after(conversation, after, limit, Consistency::Strong).await?;
    index(ports, &entries).await?;
    Ok(entries.last().filter(|_| entries.len() >= limit).map(|entry| entry.sequence))
}

/// Entries of a batch that may change an index.
pub fn is_indexed(entry: &Entry) -> bool {
    matches!(entry.event, EventKind::Message | EventKind::Edit | EventKind::Delete)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_a_payload_are_found_where_clients_put_them() {
        assert_eq!(text_of(r#""tea at five""#).as_deref(), Some("tea at five"));
        assert_eq!(text_of(r#"{"text":"Tea?","choices":["yes","no"],"x":"y"}"#).as_deref(), Some("Tea?\nyes\nno"));
        assert_eq!(text_of(r#"{"caption":"a cup","name":"cup.jpg"}"#).as_deref(), Some("a cup\ncup.jpg"));
        for none in ["null", "7", "[]", "{}", r#"" ""#, "no json", r#"{"text":7}"#] {
            assert_eq!(text_of(none), None, "{none}");
        }
    }

    #[test]
    fn a_type_has_its_family() {
        assert_eq!(type_tags("image/png"), [Tag::file_type("image/png"), Tag::file_type("image")]);
    }
}
