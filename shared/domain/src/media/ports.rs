//! What media asks of the world: rows about content, and the objects themselves.

use std::sync::Arc;

use super::{Blob, Piece, PreviewRow, Reason};
use crate::{
    ids::{ConversationId, MediaHandle, MessageId, Sequence, Timestamp, UserId},
    ports::PortResult,
    timers::Minute,
};

/// The name of an object in storage: `media/`, the handle's UUID, and which upload of it. Nothing that
/// a client says is part of it but the handle, so there is no path to play tricks with.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey(Arc<str>);

impl ObjectKey {
    /// What all names begin with.
    pub const PREFIX: &'static str = "media/";

    /// The name of an upload that begins at a moment.
    pub fn of(handle: MediaHandle, begun_at: Timestamp, chance: u64) -> Self {
        Self(format!("{}{}/{:x}-{:x}", Self::PREFIX, handle.uuid(), begun_at.0, chance).into())
    }

    /// Reads a name, and the handle in it; none for an object of something else.
    pub fn parse(text: &str) -> Option<(Self, MediaHandle)> {
        let (uuid, upload) = text.strip_prefix(Self::PREFIX)?.split_once('/')?;
        let is_upload = !upload.is_empty() && upload.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
        let handle = MediaHandle::parse(&format!("md:{uuid}")).ok().filter(|_| is_upload)?;
        Some((Self(text.into()), handle))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How far content has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaStatus {
    /// Storage does not have it, or it has not been looked at.
    Pending,
    /// Messages may refer to it.
    Ready,
    /// It was looked at and refused.
    Refused(Reason),
    /// It was taken away; uploaded again, it begins anew.
    Gone,
}

/// What is known of content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaRow {
    /// Its name.
    pub handle: MediaHandle,
    /// The conversation that it is for.
    pub conversation: ConversationId,
    /// Who began the upload.
    pub owner: UserId,
    /// What was announced.
    pub blob: Blob,
    /// How far it has got.
    pub status: MediaStatus,
    /// Its object.
    pub object: ObjectKey,
    /// The upload in parts, where there is one.
    pub upload_id: Option<Arc<str>>,
    /// Until when it may be uploaded, or wait for the first message that refers to it.
    pub expires_at: Timestamp,
    /// Messages that refer to it.
    pub references: u64,
}

/// What became of the beginning of an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Began {
    /// It has begun.
    Done,
    /// Somebody else has begun it.
    Exists,
    /// The user has uploaded too much in this day.
    OverQuota,
}

/// What is to be true of an object before it is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Check {
    /// Size, hash and type are those that were announced.
    Verified,
    /// A scan found nothing in it.
    Clean,
}

/// What became of a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marked {
    /// It is noted; this is how far the content has got.
    Done(MediaStatus),
    /// The content has another object by now, or none.
    Stale,
}

/// What became of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The message refers to it, now or since before.
    Done,
    /// There is nothing of this name in the conversation.
    Nothing,
    /// It is not ready.
    NotReady(MediaStatus),
    /// Too many messages refer to it.
    Full,
}

/// A message that refers to content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The message.
    pub message: MessageId,
    /// When it claimed the content; of a scheduled message, when it is to be sent.
    pub claimed_at: Timestamp,
    /// Where it stands in the log; none while only the claim is known.
    pub place: Option<Sequence>,
    /// When its life ends.
    pub expires_at: Option<Timestamp>,
}

/// Claims of messages on content: all that the write path asks for.
pub trait Claims: Send + Sync {
    /// Notes that a message refers to content, if that is ready and of the conversation. Repeated, it is one reference,
    /// of the later time.
    fn claim<'a>(
        &'a self,
        handle: MediaHandle,
        conversation: &'a ConversationId,
        message: MessageId,
        at: Timestamp,
    ) -> PortResult<'a, Claim>;

    /// Takes a reference away, once.
    fn release(&self, handle: MediaHandle, message: MessageId) -> PortResult<'_, ()>;

    /// Files content to be looked at in a minute.
    fn watch(&self, handle: MediaHandle, minute: Minute) -> PortResult<'_, ()>;
}

/// Rows about content.
pub trait Media: Claims {
    /// What is known of a handle, strongly consistent.
    fn find(&self, handle: MediaHandle) -> PortResult<'_, Option<MediaRow>>;

    /// Keeps a new row, where there is none or what it was about is gone, and counts its size for the owner's
    /// day; both or neither.
    fn begin<'a>(&'a self, row: &'a MediaRow, day: u64, day_bytes_max: u64) -> PortResult<'a, Began>;

    /// Keeps the upload in parts, if there is none yet and the object is this one; whether it did.
    fn keep_upload<'a>(
        &'a self,
        handle: MediaHandle,
        object: &'a ObjectKey,
        upload_id: &'a str,
    ) -> PortResult<'a, bool>;

    /// Lets an upload, or what waits for a message, live longer.
    fn prolong<'a>(&'a self, handle: MediaHandle, object: &'a ObjectKey, until: Timestamp) -> PortResult<'a, ()>;

    /// Notes a check of an object. It is ready once all that are `needed` are noted.
    fn mark<'a>(
        &'a self,
        handle: MediaHandle,
        object: &'a ObjectKey,
        check: Check,
        needed: &'a [Check],
    ) -> PortResult<'a, Marked>;

    /// Refuses an object, whatever it was before; whether it is still the content's.
    fn refuse<'a>(&'a self, handle: MediaHandle, object: &'a ObjectKey, why: Reason) -> PortResult<'a, bool>;

    /// Notes where a message that claimed content stands; nothing where it did not.
    fn confirm(
        &self,
        handle: MediaHandle,
        message: MessageId,
        place: Sequence,
        expires_at: Option<Timestamp>,
    ) -> PortResult<'_, ()>;

    /// Up to `limit` references after one of them, by message id; strongly consistent.
    fn references(&self, handle: MediaHandle, after: Option<MessageId>, limit: usize)
    -> PortResult<'_, Vec<Reference>>;

    /// Notes that content is gone, if no message refers to it and the object is still its own; whether that is so now.
    fn forget<'a>(&'a self, handle: MediaHandle, object: &'a ObjectKey, now: Timestamp) -> PortResult<'a, bool>;

    /// What is known of a preview, strongly consistent.
    fn find_preview(&self, handle: MediaHandle) -> PortResult<'_, Option<PreviewRow>>;

    /// Keeps what is known of a preview in the place of the version that was read, or where there is none; whether
    /// it did.
    fn keep_preview<'a>(
        &'a self,
        handle: MediaHandle,
        row: &'a PreviewRow,
        expected: Option<u64>,
    ) -> PortResult<'a, bool>;

    /// Forgets the preview of an object; nothing where it is of another, or there is none.
    fn drop_preview<'a>(&'a self, handle: MediaHandle, object: &'a ObjectKey) -> PortResult<'a, ()>;

    /// Some of what is to be looked at in a minute; none only where none is left.
    fn watched(&self, minute: Minute) -> PortResult<'_, Vec<MediaHandle>>;

    /// Takes what was looked at out of a minute.
    fn unwatch(&self, handle: MediaHandle, minute: Minute) -> PortResult<'_, ()>;
}

/// A signed request, to be made by whoever has it until its time is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The method.
    pub method: Arc<str>,
    /// Where to.
    pub url: Arc<str>,
    /// Headers that must be sent as they are here.
    pub headers: Vec<(Arc<str>, Arc<str>)>,
}

/// A part that storage has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its number, from 1.
    pub number: u32,
    /// Its size, in bytes.
    pub size_bytes: u64,
    /// Its SHA-256, as 64 hexadecimal digits; empty where storage does not tell.
    pub sha256: Arc<str>,
    /// What storage calls its content.
    pub etag: Arc<str>,
}

/// What became of putting parts together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completed {
    /// The object is there.
    Done,
    /// There is no such upload, or not any more.
    NoUpload,
}

/// What an object is, as its bytes tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Examined {
    /// Its size, in bytes.
    pub size_bytes: u64,
    /// Its SHA-256, as 64 hexadecimal digits.
    pub sha256: String,
    /// What its first bytes look like.
    pub looks: super::Looks,
}

/// Objects in storage.
pub trait Objects: Send + Sync {
    /// Signs an upload in one request, of exactly this content.
    fn sign_put<'a>(&'a self, object: &'a ObjectKey, blob: &'a Blob) -> PortResult<'a, Signed>;

    /// Begins an upload in parts; storage's name for it.
    fn begin_parts<'a>(&'a self, object: &'a ObjectKey, blob: &'a Blob) -> PortResult<'a, Arc<str>>;

    /// Signs the upload of one part, of exactly this size and hash.
    fn sign_part<'a>(
        &'a self,
        object: &'a ObjectKey,
        upload_id: &'a str,
        number: u32,
        size_bytes: u64,
        sha256: &'a str,
    ) -> PortResult<'a, Signed>;

    /// The parts that storage has; none where there is no such upload.
    fn parts<'a>(&'a self, object: &'a ObjectKey, upload_id: &'a str) -> PortResult<'a, Option<Vec<Part>>>;

    /// Puts the parts together.
    fn complete<'a>(
        &'a self,
        object: &'a ObjectKey,
        upload_id: &'a str,
        parts: &'a [Part],
    ) -> PortResult<'a, Completed>;

    /// Gives an upload in parts up; nothing where there is none.
    fn abort<'a>(&'a self, object: &'a ObjectKey, upload_id: &'a str) -> PortResult<'a, ()>;

    /// Signs a download that works until then. Ranges of it may be asked for.
    fn sign_get<'a>(
        &'a self,
        object: &'a ObjectKey,
        mime: &'a str,
        now: Timestamp,
        until: Timestamp,
    ) -> PortResult<'a, Arc<str>>;

    /// Reads an object from its beginning to its end; none where there is none.
    fn examine<'a>(&'a self, object: &'a ObjectKey) -> PortResult<'a, Option<Examined>>;

    /// Takes an object away; nothing where there is none.
    fn remove<'a>(&'a self, object: &'a ObjectKey) -> PortResult<'a, ()>;

    /// An object's bytes; none where there is none. More than so many are a failure.
    fn read<'a>(&'a self, object: &'a ObjectKey, bytes_max: u64) -> PortResult<'a, Option<Vec<u8>>>;

    /// Keeps what was made of an object. Kept again, it is one.
    fn put_piece<'a>(&'a self, object: &'a ObjectKey, piece: Piece, bytes: Vec<u8>) -> PortResult<'a, ()>;

    /// Signs a download of what was made of an object.
    fn sign_piece<'a>(
        &'a self,
        object: &'a ObjectKey,
        piece: Piece,
        now: Timestamp,
        until: Timestamp,
    ) -> PortResult<'a, Arc<str>>;

    /// Takes all away that may have been made of an object.
    fn remove_pieces<'a>(&'a self, object: &'a ObjectKey) -> PortResult<'a, ()>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_key_tells_its_handle_and_nothing_else_passes() {
        let handle = MediaHandle::of(&ConversationId::parse("g:1").unwrap(), "image/png", 1, "00");
        let key = ObjectKey::of(handle, Timestamp(1_800_000_000_000), 77);
        assert_eq!(ObjectKey::parse(key.as_str()), Some((key.clone(), handle)));
        let uuid = handle.uuid();
        for bad in [
            String::new(),
            "media/".into(),
            format!("media/{uuid}"),
            format!("media/{uuid}/"),
            format!("media/{uuid}/../x"),
            format!("previews/{uuid}/1-1"),
            "media/../etc/1-1".into(),
        ] {
            assert_eq!(ObjectKey::parse(&bad), None, "{bad}");
        }
    }
}
