//! The stored and streamed form of log entries and receipts.
//!
//! One struct serves the log's rows and the stream's records. Field names are short, for every
//! byte is stored, read and paid for with each message. `v` tells the form; a reader refuses one
//! that it does not know, so that a roll-back never drops what a newer writer has added.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};
use thiserror::Error;
use tidings_domain::{
    conversation::Watermark,
    ids::{ClientMsgId, ConversationId, DeviceId, InvalidId, MessageId, Sender, Sequence, Timestamp, UserId},
    log::{Content, ConversationState, Entry},
    stream::{Receipt, StreamRecord},
};
use tidings_protocol::{Kind, MessageEvent};

/// The form that is written.
pub const VERSION: u8 = 1;

/// Why a record cannot be read.
#[derive(Debug, Error)]
pub enum RecordError {
    /// It is of a form that is not known here.
    #[error("form {0} is not known")]
    Version(u8),
    /// An identifier in it is none.
    #[error("bad identifier")]
    Id(#[from] InvalidId),
    /// It is not JSON of this shape.
    #[error("not a record")]
    Json(#[from] serde_json::Error),
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A log entry. The conversation is told by what holds the record: the row's key, or the stream record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EntryRecord {
    v: u8,
    seq: u64,
    /// Sender: user.
    u: String,
    /// Sender: device.
    d: String,
    /// clientMsgId.
    c: String,
    /// The server's clock, in ms since the epoch.
    ts: u64,
    /// The sender's clock, in ms since the epoch.
    ct: u64,
    /// Payload: JSON text.
    p: String,
    #[serde(default, skip_serializing_if = "is_default")]
    e: MessageEvent,
    #[serde(default, skip_serializing_if = "is_default")]
    k: Kind,
    /// Target message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    t: Option<String>,
    /// Media handle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    m: Option<String>,
    /// In reply to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    r: Option<String>,
    /// Thread root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    th: Option<String>,
    /// Mentions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    at: Vec<String>,
    /// Life, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ttl: Option<u64>,
    /// Envelopes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    en: BTreeMap<String, String>,
    /// MLS epoch.
    #[serde(default, skip_serializing_if = "is_default")]
    ep: u64,
    /// Membership version.
    #[serde(default, skip_serializing_if = "is_default")]
    mv: u64,
}

impl From<&Entry> for EntryRecord {
    fn from(entry: &Entry) -> Self {
        let content = &entry.content;
        Self {
            v: VERSION,
            seq: entry.sequence.0,
            u: entry.sender.user.to_string(),
            d: entry.sender.device.to_string(),
            c: entry.client_msg_id.to_string(),
            ts: entry.ts.0,
            ct: content.client_ts.0,
            p: content.payload.to_string(),
            e: entry.event.into(),
            k: content.kind.into(),
            t: entry.target.map(|id| id.to_string()),
            m: content.media_handle.as_deref().map(str::to_owned),
            r: content.in_reply_to.map(|id| id.to_string()),
            th: content.thread_root.map(|id| id.to_string()),
            at: content.mentions.iter().map(ToString::to_string).collect(),
            ttl: content.ttl_seconds,
            en: content.envelopes.iter().map(|(d, e)| (d.to_string(), e.to_string())).collect(),
            ep: entry.state.epoch,
            mv: entry.state.membership_version.0,
        }
    }
}

impl EntryRecord {
    /// The entry of a conversation.
    pub fn into_entry(self, conversation: ConversationId) -> Result<Entry, RecordError> {
        if self.v != VERSION {
            return Err(RecordError::Version(self.v));
        }
        let id = |id: Option<String>| id.as_deref().map(MessageId::parse).transpose();
        let envelopes =
            self.en.iter().map(|(device, envelope)| Ok((DeviceId::parse(device)?, envelope.as_str().into())));
        Ok(Entry {
            conversation,
            sequence: Sequence(self.seq),
            sender: Sender { user: UserId::parse(&self.u)?, device: DeviceId::parse(&self.d)? },
            client_msg_id: ClientMsgId::parse(&self.c)?,
            ts: Timestamp(self.ts),
            event: self.e.into(),
            target: id(self.t)?,
            content: Content {
                kind: self.k.into(),
                payload: self.p.into(),
                client_ts: Timestamp(self.ct),
                media_handle: self.m.map(Into::into),
                in_reply_to: id(self.r)?,
                thread_root: id(self.th)?,
                mentions: self.at.iter().map(|user| UserId::parse(user)).collect::<Result<_, _>>()?,
                ttl_seconds: self.ttl,
                envelopes: envelopes.collect::<Result<BTreeMap<DeviceId, Arc<str>>, InvalidId>>()?,
            },
            state: ConversationState { epoch: self.ep, membership_version: Sequence(self.mv) },
        })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum StreamForm {
    Appended {
        cid: String,
        entry: Box<EntryRecord>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        reached: Vec<(String, String)>,
    },
    Raised {
        v: u8,
        cid: String,
        user: String,
        device: String,
        read: bool,
        up_to: u64,
        message_id: String,
        ts: u64,
    },
    Behind {
        v: u8,
        cid: String,
        user: String,
        last: u64,
    },
}

/// The bytes of a stream record.
pub fn to_stream(record: &StreamRecord) -> Result<Vec<u8>, RecordError> {
    let form = match record {
        StreamRecord::Appended { entry, reached } => StreamForm::Appended {
            cid: entry.conversation.to_string(),
            entry: Box::new(EntryRecord::from(entry.as_ref())),
            reached: reached.iter().map(|s| (s.user.to_string(), s.device.to_string())).collect(),
        },
        StreamRecord::Raised(receipt) => StreamForm::Raised {
            v: VERSION,
            cid: receipt.conversation.to_string(),
            user: receipt.by.user.to_string(),
            device: receipt.by.device.to_string(),
            read: receipt.mark == Watermark::Read,
            up_to: receipt.up_to.0,
            message_id: receipt.message_id.to_string(),
            ts: receipt.ts.0,
        },
        StreamRecord::Behind { conversation, user, last_sequence } => StreamForm::Behind {
            v: VERSION,
            cid: conversation.to_string(),
            user: user.to_string(),
            last: last_sequence.0,
        },
    };
    Ok(serde_json::to_vec(&form)?)
}

/// The stream record of these bytes.
pub fn from_stream(bytes: &[u8]) -> Result<StreamRecord, RecordError> {
    Ok(match serde_json::from_slice(bytes)? {
        StreamForm::Appended { cid, entry, reached } => StreamRecord::Appended {
            entry: Box::new(entry.into_entry(ConversationId::parse(&cid)?)?),
            reached: reached
                .iter()
                .map(|(user, device)| Ok(Sender { user: UserId::parse(user)?, device: DeviceId::parse(device)? }))
                .collect::<Result<_, InvalidId>>()?,
        },
        StreamForm::Raised { v, .. } | StreamForm::Behind { v, .. } if v != VERSION => {
            return Err(RecordError::Version(v));
        }
        StreamForm::Behind { cid, user, last, .. } => StreamRecord::Behind {
            conversation: ConversationId::parse(&cid)?,
            user: UserId::parse(&user)?,
            last_sequence: Sequence(last),
        },
        StreamForm::Raised { cid, user, device, read, up_to, message_id, ts, .. } => StreamRecord::Raised(Receipt {
            conversation: ConversationId::parse(&cid)?,
            by: Sender { user: UserId::parse(&user)?, device: DeviceId::parse(&device)? },
            mark: if read { Watermark::Read } else { Watermark::Delivered },
            up_to: Sequence(up_to),
            message_id: MessageId::parse(&message_id)?,
            ts: Timestamp(ts),
        }),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tidings_domain::log::{ContentKind, EventKind};

    use super::*;

    fn entries() -> impl Strategy<Value = Entry> {
        (
            (1_u64..1 << 40, any::<u64>(), any::<u32>(), any::<u32>()),
            ("[a-zA-Z0-9._-]{1,64}", "[a-zA-Z0-9._:-]{1,64}", "\\PC{1,64}"),
            (proptest::option::of(1_u64..1000), any::<bool>(), proptest::collection::vec("[a-z]{1,9}", 0..4)),
        )
            .prop_map(|((sequence, ts, epoch, version), (user, device, id), (ttl, edit, users))| {
                let sender = Sender { user: UserId::parse(&user).unwrap(), device: DeviceId::parse(&device).unwrap() };
                let conversation = ConversationId::direct(sender.user.clone(), UserId::parse("bob").unwrap());
                let client_msg_id = ClientMsgId::parse(&id).unwrap();
                let other = MessageId::of(&conversation, &sender, &client_msg_id);
                Entry {
                    conversation,
                    sequence: Sequence(sequence),
                    sender: sender.clone(),
                    client_msg_id,
                    ts: Timestamp(ts),
                    event: if edit { EventKind::Edit } else { EventKind::Message },
                    target: edit.then_some(other),
                    content: Content {
                        kind: if edit { ContentKind::Image } else { ContentKind::Text },
                        payload: r#"{"text":"é"}"#.into(),
                        client_ts: Timestamp(ts / 2),
                        media_handle: ttl.map(|_| "h".into()),
                        in_reply_to: ttl.map(|_| other),
                        thread_root: None,
                        mentions: users.iter().map(|u| UserId::parse(u).unwrap()).collect(),
                        ttl_seconds: ttl,
                        envelopes: [(sender.device, "AAAA".into())].into(),
                    },
                    state: ConversationState { epoch: epoch.into(), membership_version: Sequence(version.into()) },
                }
            })
    }

    proptest! {
        #[test]
        fn records_read_back(entry in entries()) {
            let reached = vec![entry.sender.clone()];
            let record = StreamRecord::Appended { entry: Box::new(entry.clone()), reached };
            prop_assert_eq!(from_stream(&to_stream(&record).unwrap()).unwrap(), record);
            let receipt = StreamRecord::Raised(Receipt {
                conversation: entry.conversation.clone(),
                by: entry.sender.clone(),
                mark: Watermark::Read,
                up_to: entry.sequence,
                message_id: entry.message_id(),
                ts: entry.ts,
            });
            prop_assert_eq!(from_stream(&to_stream(&receipt).unwrap()).unwrap(), receipt);
            let behind = StreamRecord::Behind {
                conversation: entry.conversation.clone(),
                user: entry.sender.user.clone(),
                last_sequence: entry.sequence,
            };
            prop_assert_eq!(from_stream(&to_stream(&behind).unwrap()).unwrap(), behind);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = from_stream(&bytes);
        }
    }

    #[test]
    fn a_later_form_is_refused() {
        let text = br#"{"kind":"raised","v":2,"cid":"g:1","user":"a","device":"d","read":true,"up_to":1,"message_id":"m:x","ts":1}"#;
        assert!(matches!(from_stream(text), Err(RecordError::Version(2))));
    }
}
