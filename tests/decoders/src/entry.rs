//! What must hold of an entry, whoever made it: its forms read back, and its frames fit.

use tidings_domain::{
    history::Page,
    ids::{DeviceId, Sender, Timestamp, UserId},
    limits,
    log::{Entry, Erasure, partition_of},
    notice::Notice,
    stream::StreamRecord,
};
use tidings_events::entries_of_image;
use tidings_protocol::{Encoding, FRAME_BYTES_MAX, MessageNew, ServerFrame, convert};
use tidings_record::{EntryRecord, from_stream, to_stream};

/// Kinesis takes no larger record.
const RECORD_BYTES_MAX: usize = 1024 * 1024;
/// DynamoDB takes no larger item.
const ROW_BYTES_MAX: usize = 400 * 1024;

/// A sender whose ids are as long as ids can be.
pub(crate) fn sender() -> Sender {
    Sender { user: UserId::parse(&"u".repeat(64)).unwrap(), device: DeviceId::parse(&"d".repeat(64)).unwrap() }
}

/// The longest `id` that a frame can have, in the JSON of its answer.
pub(crate) fn widest_id() -> String {
    "\u{1}".repeat(64)
}

/// Panics where the frame would not fit a socket.
pub(crate) fn fits(frame: &ServerFrame, reply_to: Option<&str>) {
    let bytes = frame.to_text(reply_to).len();
    assert!(bytes <= FRAME_BYTES_MAX, "a {} of {bytes} bytes", frame.frame_type());
}

/// The messages of the answer to a pull; none where it is something else.
fn messages(answer: &ServerFrame) -> Vec<MessageNew> {
    match answer {
        ServerFrame::Page(page) => page.messages.clone(),
        ServerFrame::Packed(packed) => messages(&ServerFrame::parse(&packed.unpack().unwrap()).unwrap().unwrap()),
        _ => Vec::new(),
    }
}

/// The stream's record and the log's row of some entries read back as the entries.
pub(crate) fn read_back(entries: &[Entry]) {
    let conversation = entries[0].conversation.clone();
    let record = StreamRecord::Appended {
        conversation: conversation.clone(),
        entries: entries.to_vec(),
        reached: vec![entries[0].sender.clone()],
    };
    let bytes = to_stream(&record).unwrap();
    assert!(bytes.len() <= RECORD_BYTES_MAX, "a record of {} bytes", bytes.len());
    assert_eq!(from_stream(&bytes).unwrap(), record);

    let row = EntryRecord::of_row(entries).unwrap();
    let mut image: serde_dynamo::Item = serde_dynamo::to_item(row).unwrap();
    let key = format!("{conversation}#{}", partition_of(entries[0].sequence));
    image.insert("pk".into(), serde_dynamo::AttributeValue::S(key));
    assert!(serde_json::to_string(&image).unwrap().len() <= ROW_BYTES_MAX);
    assert_eq!(entries_of_image(image).unwrap(), *entries);
}

/// Each device can be sent the entry in one frame, alone and in a page.
pub(crate) fn fits_frames(entry: &Entry) {
    let envelopes = &entry.content.envelopes;
    let longest = envelopes.iter().max_by_key(|(_, envelope)| envelope.len()).map(|(device, _)| device);
    let stranger = DeviceId::parse(&"x".repeat(64)).unwrap();
    for reader in [longest, envelopes.keys().next(), Some(&stranger)].into_iter().flatten() {
        // The clock at which nothing has expired, and the one at which all has.
        for now in [Timestamp(0), Timestamp(u64::MAX)] {
            let seen = entry.clone().as_read_at(now);
            fits(&convert::notice_frame(&Notice::Entry(Box::new(seen.clone())), reader, now), None);
            let page = Page { entries: vec![seen; 3], next: entry.sequence, has_more: true };
            for encoding in [None, Some(Encoding::Gzip)] {
                let answer = convert::pull_answer(&entry.conversation, &page, reader, now, encoding);
                assert!(!messages(&answer).is_empty(), "a page always goes on");
                fits(&answer, Some(&widest_id()));
            }
            expired_is_empty(entry, reader, now);
        }
    }
}

/// Nothing of the content of a message that has expired, or is to be opened, is shown.
fn expired_is_empty(entry: &Entry, reader: &DeviceId, now: Timestamp) {
    let message = convert::message_new(&entry.clone().as_read_at(now), reader, now);
    assert_eq!(message.expired, entry.is_expired(now) || entry.erased == Some(Erasure::Expired));
    if entry.is_expired(now) || entry.content.is_view_once {
        assert_eq!(message.payload.text(), "null");
        assert!(message.envelope.is_none() && message.media_handle.is_none() && message.mentions.is_empty());
    } else {
        assert_eq!(message.payload.text(), entry.content.payload.as_ref());
    }
}

/// Every limit on content holds.
pub(crate) fn within_limits(entry: &Entry) {
    let content = &entry.content;
    assert!(content.payload.len() <= limits::PAYLOAD_BYTES_MAX);
    assert!(serde_json::from_str::<&serde_json::value::RawValue>(&content.payload).is_ok(), "a payload is JSON");
    assert!(content.media_handle.as_ref().is_none_or(|h| (1..=limits::MEDIA_HANDLE_BYTES_MAX).contains(&h.len())));
    assert!(content.mentions.len() <= limits::MENTIONS_MAX);
    assert!(content.ttl_seconds.is_none_or(|s| (1..=limits::TTL_SECONDS_MAX).contains(&s)));
    assert!(content.envelopes.len() <= limits::ENVELOPES_MAX);
    assert!(content.envelopes.values().all(|e| e.len() <= limits::ENVELOPE_BYTES_MAX && is_base64(e)));
}

/// As most readers take it: with padding, whatever the bits that are left over.
fn is_base64(text: &str) -> bool {
    use base64::{Engine, alphabet, engine::general_purpose};
    let config = general_purpose::PAD.with_decode_allow_trailing_bits(true);
    general_purpose::GeneralPurpose::new(&alphabet::STANDARD, config).decode(text).is_ok()
}
