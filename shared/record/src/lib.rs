//! The stored and streamed form of log entries and receipts.
//!
//! One struct serves the log's rows and the stream's records. Field names are short, for every
//! byte is stored, read and paid for with each message. `v` tells the form; a reader refuses one
//! that it does not know, so that a roll-back never drops what a newer writer has added.

mod ingest;
mod look;
mod membership;
mod preview;
mod push;

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};
use thiserror::Error;
use tidings_domain::{
    conversation::Watermark,
    ids::{ClientMsgId, ConversationId, DeviceId, InvalidId, MessageId, Sender, Sequence, Timestamp, UserId},
    limits::SEQUENCE_MAX,
    log::{Content, ConversationState, Entry, Erasure, Target, Welcome},
    stream::{Receipt, StreamRecord},
};
use tidings_protocol::{Kind, MessageEvent};

pub use crate::ingest::{from_ingest, to_ingest};
pub use crate::look::{look_from_text, look_to_text};
use crate::membership::MembershipRecord;
pub use crate::preview::{preview_job_from_text, preview_job_to_text};
pub use crate::push::{push_job_from_text, push_job_to_text};

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
    /// A row has no entry.
    #[error("a row without an entry")]
    Empty,
    /// No entry has this place, or not in this row.
    #[error("sequence {0} cannot be here")]
    Sequence(u64),
    /// Its content is gone for no known reason.
    #[error("content that is gone for no known reason")]
    Erasure,
    /// It is not JSON of this shape.
    #[error("not a record")]
    Json(#[from] serde_json::Error),
}

/// A record that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Poison {
    /// Its sequence number in the stream.
    pub sequence_number: String,
    /// The record, whole: the stream forgets it in a day.
    pub data: Vec<u8>,
    /// Why it cannot be read.
    pub reason: String,
}

/// A place that a log can have, so that whoever counts on from it has room to.
fn place_or_zero(sequence: u64) -> Result<Sequence, RecordError> {
    if sequence <= SEQUENCE_MAX { Ok(Sequence(sequence)) } else { Err(RecordError::Sequence(sequence)) }
}

/// The place of an entry.
fn place(sequence: u64) -> Result<Sequence, RecordError> {
    if sequence == 0 { Err(RecordError::Sequence(0)) } else { place_or_zero(sequence) }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A log entry. The conversation is told by what holds the record: the row's key, or the stream record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "flags of a row, each absent where it is false")]
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
    t: Option<TargetRecord>,
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
    /// Everybody is mentioned.
    #[serde(default, skip_serializing_if = "is_default")]
    aa: bool,
    /// View once.
    #[serde(default, skip_serializing_if = "is_default")]
    vo: bool,
    /// Forwards.
    #[serde(default, skip_serializing_if = "is_default")]
    fw: u64,
    /// Choices.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    ch: Vec<String>,
    /// Life, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ttl: Option<u64>,
    /// Envelopes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    en: BTreeMap<String, String>,
    /// Welcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    w: Option<Box<WelcomeRecord>>,
    /// Withheld from all but its sender.
    #[serde(default, skip_serializing_if = "is_default")]
    wh: bool,
    /// MLS epoch.
    #[serde(default, skip_serializing_if = "is_default")]
    ep: u64,
    /// Membership version.
    #[serde(default, skip_serializing_if = "is_default")]
    mv: u64,
    /// The text of what follows is indexed.
    #[serde(default, skip_serializing_if = "is_default")]
    it: bool,
    /// Membership event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    me: Option<Box<MembershipRecord>>,
    /// Why the content is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    x: Option<String>,
    /// The entries that follow in the same row, where the batch sequencer wrote it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    more: Vec<EntryRecord>,
}

/// What a commit has for those whom it adds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct WelcomeRecord {
    /// Payload: JSON text.
    p: String,
    /// Users and devices.
    to: Vec<(String, String)>,
}

impl From<&Welcome> for WelcomeRecord {
    fn from(welcome: &Welcome) -> Self {
        let to = welcome.devices.iter().map(|to| (to.user.to_string(), to.device.to_string())).collect();
        Self { p: welcome.payload.to_string(), to }
    }
}

impl TryFrom<WelcomeRecord> for Welcome {
    type Error = InvalidId;

    fn try_from(record: WelcomeRecord) -> Result<Self, InvalidId> {
        let devices = record
            .to
            .iter()
            .map(|(user, device)| Ok(Sender { user: UserId::parse(user)?, device: DeviceId::parse(device)? }));
        Ok(Self { payload: record.p.into(), devices: devices.collect::<Result<_, InvalidId>>()? })
    }
}

/// What an entry is about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct TargetRecord {
    /// The message.
    m: String,
    /// Its place.
    q: u64,
    /// Its author.
    u: String,
}

/// How a row says why its content is gone.
pub fn erasure_name(why: Erasure) -> &'static str {
    match why {
        Erasure::Deleted => "deleted",
        Erasure::Expired => "expired",
        Erasure::Viewed => "viewed",
    }
}

/// Why the content is gone, as a row says it; none where it says something else.
pub fn erasure_of(name: &str) -> Option<Erasure> {
    [Erasure::Deleted, Erasure::Expired, Erasure::Viewed].into_iter().find(|why| erasure_name(*why) == name)
}

impl From<&Target> for TargetRecord {
    fn from(target: &Target) -> Self {
        Self { m: target.message.to_string(), q: target.sequence.0, u: target.author.to_string() }
    }
}

impl TryFrom<TargetRecord> for Target {
    type Error = RecordError;

    fn try_from(record: TargetRecord) -> Result<Self, RecordError> {
        let message = MessageId::parse(&record.m)?;
        Ok(Self { message, sequence: place(record.q)?, author: UserId::parse(&record.u)? })
    }
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
            k: content.kind.clone().into(),
            t: entry.target.as_ref().map(Into::into),
            m: content.media_handle.as_deref().map(str::to_owned),
            r: content.in_reply_to.map(|id| id.to_string()),
            th: content.thread_root.map(|id| id.to_string()),
            at: content.mentions.iter().map(ToString::to_string).collect(),
            aa: content.mentions_all,
            vo: content.is_view_once,
            fw: content.forwards,
            ch: content.choices.iter().map(ToString::to_string).collect(),
            ttl: content.ttl_seconds,
            en: content.envelopes.iter().map(|(d, e)| (d.to_string(), e.to_string())).collect(),
            w: content.welcome.as_deref().map(|welcome| Box::new(welcome.into())),
            wh: content.is_withheld,
            ep: entry.state.epoch,
            mv: entry.state.membership_version.0,
            it: entry.state.indexes_text,
            me: entry.membership.as_deref().map(|event| Box::new(event.into())),
            x: entry.erased.map(|why| erasure_name(why).to_owned()),
            more: Vec::new(),
        }
    }
}

impl EntryRecord {
    /// The record of a row: of its first entry, with the others within; none where there is none.
    pub fn of_row(entries: &[Entry]) -> Option<Self> {
        let (first, more) = entries.split_first()?;
        Some(Self { more: more.iter().map(Self::from).collect(), ..Self::from(first) })
    }

    /// The entries of a row of a conversation, oldest first.
    pub fn into_entries(mut self, conversation: &ConversationId) -> Result<Vec<Entry>, RecordError> {
        let more = std::mem::take(&mut self.more);
        let first = place(self.seq)?.0;
        let records = std::iter::once(self).chain(more).zip(first..);
        records
            .map(|(record, expected)| {
                // A row is a piece of the log, and so has no gap; and there is no row within a row.
                if record.seq != expected || !record.more.is_empty() {
                    return Err(RecordError::Sequence(record.seq));
                }
                record.into_entry(conversation.clone())
            })
            .collect()
    }

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
            sequence: place_or_zero(self.seq)?,
            sender: Sender { user: UserId::parse(&self.u)?, device: DeviceId::parse(&self.d)? },
            client_msg_id: ClientMsgId::parse(&self.c)?,
            ts: Timestamp(self.ts),
            event: self.e.try_into()?,
            target: self.t.map(Target::try_from).transpose()?,
            content: Content {
                kind: self.k.try_into()?,
                payload: self.p.into(),
                client_ts: Timestamp(self.ct),
                media_handle: self.m.map(Into::into),
                in_reply_to: id(self.r)?,
                thread_root: id(self.th)?,
                mentions: self.at.iter().map(|user| UserId::parse(user)).collect::<Result<_, _>>()?,
                mentions_all: self.aa,
                is_view_once: self.vo,
                forwards: self.fw,
                choices: self.ch.into_iter().map(Into::into).collect(),
                ttl_seconds: self.ttl,
                envelopes: envelopes.collect::<Result<BTreeMap<DeviceId, Arc<str>>, InvalidId>>()?,
                welcome: self.w.map(|welcome| Ok::<_, InvalidId>(Box::new((*welcome).try_into()?))).transpose()?,
                is_withheld: self.wh,
            },
            membership: self.me.map(|event| Ok::<_, InvalidId>(Box::new((*event).try_into()?))).transpose()?,
            erased: self.x.as_deref().map(|name| erasure_of(name).ok_or(RecordError::Erasure)).transpose()?,
            state: ConversationState {
                epoch: self.ep,
                membership_version: place_or_zero(self.mv)?,
                indexes_text: self.it,
            },
        })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum StreamForm {
    Appended {
        cid: String,
        #[serde(rename = "entry")]
        row: Box<EntryRecord>,
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
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        own: bool,
        #[serde(default)]
        mv: u64,
    },
    Behind {
        v: u8,
        cid: String,
        user: String,
        last: u64,
        #[serde(default)]
        mv: u64,
    },
}

/// The bytes of a stream record.
pub fn to_stream(record: &StreamRecord) -> Result<Vec<u8>, RecordError> {
    let form = match record {
        StreamRecord::Appended { conversation, entries, reached } => StreamForm::Appended {
            cid: conversation.to_string(),
            row: Box::new(EntryRecord::of_row(entries).ok_or(RecordError::Empty)?),
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
            own: receipt.is_own_alone,
            mv: receipt.membership_version.0,
        },
        StreamRecord::Behind { conversation, user, last_sequence, membership_version } => StreamForm::Behind {
            v: VERSION,
            cid: conversation.to_string(),
            user: user.to_string(),
            last: last_sequence.0,
            mv: membership_version.0,
        },
    };
    Ok(serde_json::to_vec(&form)?)
}

/// The stream record of these bytes.
pub fn from_stream(bytes: &[u8]) -> Result<StreamRecord, RecordError> {
    Ok(match serde_json::from_slice(bytes)? {
        StreamForm::Appended { cid, row, reached } => {
            let conversation = ConversationId::parse(&cid)?;
            let sender = |(user, device): &(String, String)| {
                Ok::<_, InvalidId>(Sender { user: UserId::parse(user)?, device: DeviceId::parse(device)? })
            };
            StreamRecord::Appended {
                entries: row.into_entries(&conversation)?,
                reached: reached.iter().map(sender).collect::<Result<_, _>>()?,
                conversation,
            }
        }
        StreamForm::Raised { v, .. } | StreamForm::Behind { v, .. } if v != VERSION => {
            return Err(RecordError::Version(v));
        }
        StreamForm::Behind { cid, user, last, mv, .. } => StreamRecord::Behind {
            conversation: ConversationId::parse(&cid)?,
            user: UserId::parse(&user)?,
            last_sequence: place_or_zero(last)?,
            membership_version: place_or_zero(mv)?,
        },
        StreamForm::Raised { cid, user, device, read, up_to, message_id, ts, own, mv, .. } => {
            StreamRecord::Raised(Receipt {
                conversation: ConversationId::parse(&cid)?,
                by: Sender { user: UserId::parse(&user)?, device: DeviceId::parse(&device)? },
                mark: if read { Watermark::Read } else { Watermark::Delivered },
                up_to: place(up_to)?,
                message_id: MessageId::parse(&message_id)?,
                membership_version: place_or_zero(mv)?,
                ts: Timestamp(ts),
                is_own_alone: own,
            })
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tidings_domain::{
        group::{AvatarChange, Change, MembershipEvent, Role},
        ids::{ConnectionId, KindName, MediaHandle},
        log::{ContentKind, EventKind, rows_of},
        send::{AnswerTo, Draft, Pending},
        sessions::Socket,
    };

    use super::*;

    fn entries() -> impl Strategy<Value = Entry> {
        (
            (1_u64..SEQUENCE_MAX, any::<u64>(), any::<u32>(), any::<u32>()),
            ("[a-zA-Z0-9._-]{1,64}", "[a-zA-Z0-9._:-]{1,64}", "\\PC{1,64}"),
            (proptest::option::of(1_u64..1000), any::<bool>(), proptest::collection::vec("[a-z]{1,9}", 0..4)),
        )
            .prop_map(|((sequence, ts, epoch, version), (user, device, id), (ttl, edit, users))| {
                let sender = Sender { user: UserId::parse(&user).unwrap(), device: DeviceId::parse(&device).unwrap() };
                let conversation = ConversationId::direct(sender.user.clone(), UserId::parse("bob").unwrap());
                let client_msg_id = ClientMsgId::parse(&id).unwrap();
                let sender_user = sender.user.clone();
                let other = MessageId::of(&conversation, &sender, &client_msg_id);
                let picture = MediaHandle::of(&conversation, "image/png", 1, "00");
                Entry {
                    conversation,
                    sequence: Sequence(sequence),
                    sender: sender.clone(),
                    client_msg_id,
                    ts: Timestamp(ts),
                    event: if edit { EventKind::Edit } else { EventKind::Message },
                    target: edit.then(|| Target {
                        message: other,
                        sequence: Sequence(sequence),
                        author: sender_user.clone(),
                    }),
                    content: Content {
                        kind: if edit {
                            ContentKind::Other(KindName::parse("sticker").unwrap())
                        } else {
                            ContentKind::Text
                        },
                        payload: r#"{"text":"é"}"#.into(),
                        client_ts: Timestamp(ts / 2),
                        media_handle: ttl.map(|_| "h".into()),
                        in_reply_to: ttl.map(|_| other),
                        thread_root: None,
                        mentions: users.iter().map(|u| UserId::parse(u).unwrap()).collect(),
                        mentions_all: edit,
                        is_view_once: ttl.is_some(),
                        forwards: ttl.unwrap_or_default(),
                        choices: users.iter().map(|u| u.as_str().into()).collect(),
                        ttl_seconds: ttl,
                        envelopes: [(sender.device.clone(), "AAAA".into())].into(),
                        welcome: ttl.map(|_| Box::new(Welcome { payload: r#""AA==""#.into(), devices: vec![sender] })),
                        is_withheld: ttl.is_some(),
                    },
                    membership: edit.then(|| {
                        Box::new(MembershipEvent {
                            change: Change::Promoted,
                            users: vec![sender_user],
                            role: ttl.map(|_| Role::Owner),
                            title: ttl.map(|_| "Crew".into()),
                            avatar: ttl
                                .map(|_| AvatarChange { set: Some(picture), dropped: Some((picture, Sequence(3))) }),
                        })
                    }),
                    erased: ttl.map(|_| Erasure::Viewed),
                    state: ConversationState {
                        epoch: epoch.into(),
                        membership_version: Sequence(version.into()),
                        indexes_text: epoch % 2 == 1,
                    },
                }
            })
    }

    proptest! {
        #[test]
        fn what_the_repair_lane_publishes_reads_back(entry in entries(), holes in proptest::collection::vec(1_u64..3, 1..9)) {
            let conversation = entry.conversation.clone();
            let mut missing = vec![entry];
            for hole in holes {
                let last = &missing[missing.len() - 1];
                missing.push(Entry { sequence: Sequence(last.sequence.0 + hole), ..last.clone() });
            }
            for entries in rows_of(missing) {
                let record = StreamRecord::Appended { conversation: conversation.clone(), entries, reached: Vec::new() };
                prop_assert_eq!(from_stream(&to_stream(&record).unwrap()).unwrap(), record);
            }
        }

        #[test]
        fn records_read_back(entry in entries()) {
            let reached = vec![entry.sender.clone()];
            let conversation = entry.conversation.clone();
            let record = StreamRecord::Appended { conversation, entries: vec![entry.clone(), Entry { sequence: entry.sequence.next(), ..entry.clone() }], reached };
            prop_assert_eq!(from_stream(&to_stream(&record).unwrap()).unwrap(), record);
            let receipt = StreamRecord::Raised(Receipt {
                conversation: entry.conversation.clone(),
                by: entry.sender.clone(),
                mark: Watermark::Read,
                up_to: entry.sequence,
                message_id: entry.message_id(),
                membership_version: entry.state.membership_version,
                ts: entry.ts,
                is_own_alone: entry.sequence.0 % 2 == 0,
            });
            prop_assert_eq!(from_stream(&to_stream(&receipt).unwrap()).unwrap(), receipt);
            let behind = StreamRecord::Behind {
                conversation: entry.conversation.clone(),
                user: entry.sender.user.clone(),
                last_sequence: entry.sequence,
                membership_version: entry.state.membership_version,
            };
            prop_assert_eq!(from_stream(&to_stream(&behind).unwrap()).unwrap(), behind);
        }

        #[test]
        fn a_send_that_waits_reads_back(entry in entries(), epoch: Option<u64>, reply_to: Option<String>) {
            let socket = Socket {
                owner: entry.sender.clone(),
                connection: ConnectionId::parse("c1=").unwrap(),
                endpoint: "https://cell".into(),
                connected_at: entry.ts,
            };
            let pending = Pending {
                after: entry.sequence,
                membership_version: entry.state.membership_version,
                hot_until: entry.ts,
                pause_ms: entry.ts.0 / 3,
                answer_to: epoch.map(|_| AnswerTo { socket, reply_to: reply_to.map(Into::into) }),
                draft: Draft {
                    sender: entry.sender,
                    conversation: entry.conversation,
                    client_msg_id: entry.client_msg_id,
                    event: entry.event,
                    target: entry.target,
                    content: entry.content,
                    epoch,
                },
            };
            prop_assert_eq!(from_ingest(&to_ingest(&pending).unwrap()).unwrap(), pending);
        }

        #[test]
        fn a_row_never_weighs_more_than_is_reckoned(entry in entries(), payload in "\\PC{0,300}") {
            let mut entry = entry;
            entry.content.payload = serde_json::to_string(&payload).unwrap().into();
            let row = serde_json::to_vec(&EntryRecord::from(&entry)).unwrap();
            prop_assert!(row.len() <= entry.weight_bytes(), "{} > {}", row.len(), entry.weight_bytes());
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = from_stream(&bytes);
            let _ = from_ingest(&bytes);
        }
    }

    /// Whoever counts on from a sequence must have room to: none is 0 or beyond what the protocol has.
    #[test]
    fn a_sequence_that_no_entry_has_is_refused() {
        let raised = |up_to: u64| {
            format!(
                r#"{{"kind":"raised","v":1,"cid":"g:1","user":"a","device":"d","read":true,"up_to":{up_to},"message_id":"m:0a1b2c3d-4e5f-5a6b-8c7d-9e0f1a2b3c4d","ts":1}}"#
            )
        };
        let behind = |last: u64| format!(r#"{{"kind":"behind","v":1,"cid":"g:1","user":"a","last":{last}}}"#);
        let appended = |seq: u64, version: u64| {
            format!(
                r#"{{"kind":"appended","cid":"g:1","entry":{{"v":1,"seq":{seq},"u":"a","d":"d","c":"1","ts":1,"ct":1,"p":"1","mv":{version}}}}}"#
            )
        };
        for good in [raised(1), behind((1 << 40) - 1), appended(1, 0), appended((1 << 40) - 1, 1)] {
            assert!(from_stream(good.as_bytes()).is_ok(), "{good}");
        }
        for bad in
            [raised(0), raised(1 << 40), behind(u64::MAX), appended(0, 0), appended(u64::MAX, 0), appended(1, 1 << 40)]
        {
            assert!(matches!(from_stream(bad.as_bytes()), Err(RecordError::Sequence(_))), "{bad}");
        }
    }

    /// Read with a gap, or without what is further in, entries would be lost and nobody told.
    #[test]
    fn a_row_is_a_piece_of_the_log() {
        let entry = |seq: u64, more: &str| {
            format!(r#"{{"v":1,"seq":{seq},"u":"a","d":"d","c":"{seq}","ts":1,"ct":1,"p":"1","more":[{more}]}}"#)
        };
        let read = |row: &str| from_stream(format!(r#"{{"kind":"appended","cid":"g:1","entry":{row}}}"#).as_bytes());
        assert!(read(&entry(7, &entry(8, ""))).is_ok());
        for bad in [entry(7, &entry(9, "")), entry(7, &entry(7, "")), entry(7, &entry(8, &entry(9, "")))] {
            assert!(matches!(read(&bad), Err(RecordError::Sequence(_))), "{bad}");
        }
    }

    #[test]
    fn a_later_form_is_refused() {
        let text = br#"{"kind":"raised","v":2,"cid":"g:1","user":"a","device":"d","read":true,"up_to":1,"message_id":"m:x","ts":1}"#;
        assert!(matches!(from_stream(text), Err(RecordError::Version(2))));
    }
}
