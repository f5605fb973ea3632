//! An upload: asked for, in one request or in parts, taken up again, given up.

use std::sync::Arc;

use futures_util::future::try_join_all;

use super::{
    Began, Completed, Media, MediaError, MediaRow, MediaStatus, MediaType, ObjectKey, Objects, Part, Signed,
    lifetime::remove,
};
use crate::{
    history::visible_from,
    ids::{ConversationId, MediaHandle, Timestamp, UserId},
    limits::{
        MEDIA_COLLECT_MS, MEDIA_DAY_BYTES_MAX, MEDIA_PART_BYTES, MEDIA_SINGLE_BYTES_MAX, MEDIA_UPLOAD_MS, MEDIA_URL_MS,
    },
    ports::{Clock, Conversations, Unavailable},
    timers::Minute,
};

/// A day, in milliseconds.
const DAY_MS: u64 = 24 * 3600 * 1000;
/// Tries of one offer, where others begin and end uploads of the same content.
const OFFER_ATTEMPTS_MAX: u32 = 3;

/// What somebody wants to upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// Its type.
    pub mime: MediaType,
    /// Its size, in bytes.
    pub size_bytes: u64,
    /// Its SHA-256, as 64 hexadecimal digits in lower case.
    pub sha256: Arc<str>,
}

impl Blob {
    /// Checks what is announced.
    pub fn announced(mime: &str, size_bytes: u64, sha256: &str) -> Result<Self, MediaError> {
        let mime = MediaType::of(mime).ok_or(MediaError::Mime)?;
        if size_bytes == 0 {
            return Err(MediaError::Empty);
        }
        let bytes_max = mime.kind().bytes_max();
        if size_bytes > bytes_max {
            return Err(MediaError::TooLarge { bytes_max });
        }
        if !is_sha256(sha256) {
            return Err(MediaError::Sha256);
        }
        Ok(Self { mime, size_bytes, sha256: sha256.into() })
    }

    /// Its name in a conversation.
    pub fn handle(&self, conversation: &ConversationId) -> MediaHandle {
        MediaHandle::of(conversation, self.mime.name(), self.size_bytes, &self.sha256)
    }

    /// How it is cut into parts; none where it is uploaded in one request.
    pub fn plan(&self) -> Option<PartPlan> {
        (self.size_bytes > MEDIA_SINGLE_BYTES_MAX).then_some(PartPlan { size_bytes: self.size_bytes })
    }
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// How content is cut into parts: all are of one size but the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartPlan {
    size_bytes: u64,
}

impl PartPlan {
    /// The size of a part, in bytes.
    pub fn part_bytes(self) -> u64 {
        MEDIA_PART_BYTES
    }

    /// How many there are.
    pub fn count(self) -> u32 {
        u32::try_from(self.size_bytes.div_ceil(MEDIA_PART_BYTES)).unwrap_or(u32::MAX)
    }

    /// The size of the part of a number, in bytes; none where there is no such part.
    pub fn size_of(self, number: u32) -> Option<u64> {
        let before = u64::from(number.checked_sub(1)?) * MEDIA_PART_BYTES;
        (before < self.size_bytes).then(|| (self.size_bytes - before).min(MEDIA_PART_BYTES))
    }
}

/// What uploads need of the world.
#[derive(Clone, Copy)]
pub struct UploadPorts<'a> {
    /// Rows about content.
    pub media: &'a dyn Media,
    /// Objects.
    pub objects: &'a dyn Objects,
    /// Members.
    pub conversations: &'a dyn Conversations,
    /// Time and chance.
    pub clock: &'a dyn Clock,
}

/// What an upload is to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Upload {
    /// Nothing: the content is there.
    None,
    /// One request.
    Whole(Signed),
    /// Parts, to be signed one by one.
    Parts(PartPlan),
}

/// The answer to who wants to upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The name of the content.
    pub handle: MediaHandle,
    /// How far it has got.
    pub status: MediaStatus,
    /// What to do.
    pub upload: Upload,
    /// Until when.
    pub expires_at: Timestamp,
}

/// Offers an upload of content into a conversation. Asked again, it is the same upload; and none
/// where the conversation has the content.
pub async fn offer(
    ports: UploadPorts<'_>,
    user: &UserId,
    conversation: &ConversationId,
    blob: &Blob,
) -> Result<Offer, MediaError> {
    visible_from(ports.conversations, user, conversation).await?;
    let handle = blob.handle(conversation);
    for _ in 0..OFFER_ATTEMPTS_MAX {
        let now = ports.clock.now();
        let until = now.plus_ms(MEDIA_UPLOAD_MS);
        let row = match ports.media.find(handle).await? {
            Some(row) if row.status != MediaStatus::Gone => {
                if let MediaStatus::Refused(reason) = row.status {
                    return Err(MediaError::Refused(reason));
                }
                ports.media.watch(handle, Minute::of(until.plus_ms(MEDIA_COLLECT_MS))).await?;
                ports.media.prolong(handle, &row.object, until).await?;
                row
            }
            _ => {
                let object = ObjectKey::of(handle, now, ports.clock.random_below(u64::from(u32::MAX)));
                let row = MediaRow {
                    handle,
                    conversation: conversation.clone(),
                    owner: user.clone(),
                    blob: blob.clone(),
                    status: MediaStatus::Pending,
                    object,
                    upload_id: None,
                    expires_at: until,
                    references: 0,
                };
                // Filed first: a row that nothing looks at again would stay for ever.
                ports.media.watch(handle, Minute::of(until.plus_ms(MEDIA_COLLECT_MS))).await?;
                match ports.media.begin(&row, now.0 / DAY_MS, MEDIA_DAY_BYTES_MAX).await? {
                    Began::Done => row,
                    Began::Exists => continue,
                    Began::OverQuota => return Err(MediaError::Quota { retry_after_ms: DAY_MS - now.0 % DAY_MS }),
                }
            }
        };
        return offer_of(ports, row, now, until).await;
    }
    Err(contended())
}

async fn offer_of(
    ports: UploadPorts<'_>,
    row: MediaRow,
    now: Timestamp,
    until: Timestamp,
) -> Result<Offer, MediaError> {
    let (handle, status) = (row.handle, row.status);
    if status == MediaStatus::Ready {
        return Ok(Offer { handle, status, upload: Upload::None, expires_at: until });
    }
    let Some(plan) = row.blob.plan() else {
        let signed = ports.objects.sign_put(&row.object, &row.blob).await?;
        return Ok(Offer { handle, status, upload: Upload::Whole(signed), expires_at: now.plus_ms(MEDIA_URL_MS) });
    };
    if row.upload_id.is_none() {
        let upload_id = ports.objects.begin_parts(&row.object, &row.blob).await?;
        if !ports.media.keep_upload(handle, &row.object, &upload_id).await? {
            // Another one was faster; storage ends what is left over by itself, but not at once.
            ports.objects.abort(&row.object, &upload_id).await?;
        }
    }
    Ok(Offer { handle, status, upload: Upload::Parts(plan), expires_at: until })
}

fn contended() -> MediaError {
    Unavailable { operation: "offer an upload", source: "others begin and end it at once".into() }.into()
}

/// An upload in parts that is under way.
struct Open {
    row: MediaRow,
    plan: PartPlan,
    upload_id: Arc<str>,
}

/// The row of content in one of the user's conversations.
pub(super) async fn row_for(
    media: &dyn Media,
    conversations: &dyn Conversations,
    user: &UserId,
    handle: MediaHandle,
) -> Result<MediaRow, MediaError> {
    let row = media.find(handle).await?.filter(|row| row.status != MediaStatus::Gone);
    let row = row.ok_or(MediaError::NoSuchMedia)?;
    visible_from(conversations, user, &row.conversation).await?;
    Ok(row)
}

async fn open_upload(ports: UploadPorts<'_>, user: &UserId, handle: MediaHandle) -> Result<Open, MediaError> {
    let row = row_for(ports.media, ports.conversations, user, handle).await?;
    match row.status {
        MediaStatus::Pending => {}
        MediaStatus::Refused(reason) => return Err(MediaError::Refused(reason)),
        MediaStatus::Ready | MediaStatus::Gone => return Err(MediaError::Uploaded),
    }
    let plan = row.blob.plan().ok_or(MediaError::NotInParts)?;
    if row.expires_at <= ports.clock.now() {
        return Err(MediaError::Expired);
    }
    // Without one, whoever asked for the upload got no answer, and asks again.
    let upload_id = row.upload_id.clone().ok_or(MediaError::Expired)?;
    Ok(Open { row, plan, upload_id })
}

/// Signs parts, each by its number and the SHA-256 of its bytes, and until when.
pub async fn sign_parts(
    ports: UploadPorts<'_>,
    user: &UserId,
    handle: MediaHandle,
    wanted: &[(u32, &str)],
) -> Result<(Vec<(u32, Signed)>, Timestamp), MediaError> {
    let Open { row, plan, upload_id } = open_upload(ports, user, handle).await?;
    let mut checked = Vec::with_capacity(wanted.len());
    for (index, (number, sha256)) in wanted.iter().enumerate() {
        let size = plan.size_of(*number).ok_or(MediaError::NoSuchPart { index, count: plan.count() })?;
        if !is_sha256(sha256) {
            return Err(MediaError::PartSha256 { index });
        }
        checked.push((*number, size, *sha256));
    }
    let signing = checked.into_iter().map(|(number, size, sha256)| {
        let (objects, object, upload_id) = (ports.objects, &row.object, &upload_id);
        async move { Ok::<_, Unavailable>((number, objects.sign_part(object, upload_id, number, size, sha256).await?)) }
    });
    let signed = try_join_all(signing).await?;
    Ok((signed, ports.clock.now().plus_ms(MEDIA_URL_MS).min(row.expires_at)))
}

/// The parts that storage has, of an upload that is under way.
pub async fn parts(
    ports: UploadPorts<'_>,
    user: &UserId,
    handle: MediaHandle,
) -> Result<(Vec<Part>, PartPlan), MediaError> {
    let open = open_upload(ports, user, handle).await?;
    let parts = ports.objects.parts(&open.row.object, &open.upload_id).await?;
    Ok((parts.unwrap_or_default(), open.plan))
}

/// Puts the parts together, all of which must be there. Done before, it is done. The content is ready
/// once it has been looked at.
pub async fn complete(ports: UploadPorts<'_>, user: &UserId, handle: MediaHandle) -> Result<MediaStatus, MediaError> {
    let Open { row, plan, upload_id } = match open_upload(ports, user, handle).await {
        Ok(open) => open,
        Err(MediaError::Uploaded) => return Ok(MediaStatus::Ready),
        Err(error) => return Err(error),
    };
    // Where there is no such upload, an earlier call has put it together and its answer was lost.
    let Some(parts) = ports.objects.parts(&row.object, &upload_id).await? else { return Ok(MediaStatus::Pending) };
    let has = |number: u32| parts.iter().any(|p| p.number == number && Some(p.size_bytes) == plan.size_of(number));
    let missing: Vec<u32> = (1..=plan.count()).filter(|number| !has(*number)).collect();
    if !missing.is_empty() {
        return Err(MediaError::Incomplete { missing });
    }
    match ports.objects.complete(&row.object, &upload_id, &parts).await? {
        Completed::Done | Completed::NoUpload => Ok(MediaStatus::Pending),
    }
}

/// Gives up what no message refers to: an upload, or content that waits for a message.
pub async fn abandon(ports: UploadPorts<'_>, user: &UserId, handle: MediaHandle) -> Result<(), MediaError> {
    let row = row_for(ports.media, ports.conversations, user, handle).await?;
    if row.owner != *user {
        return Err(MediaError::NotOwner);
    }
    // A refusal stays known: the same content would be refused again.
    if let MediaStatus::Refused(reason) = row.status {
        return Err(MediaError::Refused(reason));
    }
    if !ports.media.forget(handle, &row.object, ports.clock.now()).await? {
        return Err(MediaError::InUse);
    }
    Ok(remove(ports.media, ports.objects, &row).await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::MEDIA_VIDEO_BYTES_MAX;

    #[test]
    fn parts_make_up_the_whole() {
        for size_bytes in
            [MEDIA_SINGLE_BYTES_MAX + 1, 3 * MEDIA_PART_BYTES, 3 * MEDIA_PART_BYTES + 1, MEDIA_VIDEO_BYTES_MAX]
        {
            let plan = PartPlan { size_bytes };
            let sizes: Vec<u64> = (1..=plan.count()).map(|number| plan.size_of(number).unwrap()).collect();
            assert_eq!(sizes.iter().sum::<u64>(), size_bytes);
            assert!(sizes.iter().rev().skip(1).all(|size| *size == MEDIA_PART_BYTES));
            assert_eq!((plan.size_of(0), plan.size_of(plan.count() + 1)), (None, None));
        }
    }

    #[test]
    fn what_is_announced_is_within_bounds() {
        let hash = "0".repeat(64);
        assert!(Blob::announced("image/png", 1, &hash).is_ok());
        assert!(matches!(Blob::announced("image/png", 0, &hash), Err(MediaError::Empty)));
        assert!(matches!(Blob::announced("image/png", (32 << 20) + 1, &hash), Err(MediaError::TooLarge { .. })));
        assert!(matches!(Blob::announced("video/mp4", 5 << 30, &hash), Err(MediaError::TooLarge { .. })));
        assert!(matches!(Blob::announced("text/html", 1, &hash), Err(MediaError::Mime)));
        for bad in ["", "0", &"0".repeat(63), &"0".repeat(65), &"G".repeat(64), &"A".repeat(64)] {
            assert!(matches!(Blob::announced("image/png", 1, bad), Err(MediaError::Sha256)), "{bad}");
        }
    }
}
