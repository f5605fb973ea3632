//! How long content lives: while a message refers to it. Messages claim it before they are appended and let go
//! of it when their content is erased; what nothing refers to is collected.

use super::{
    Claim, Claims, Media, MediaRow, MediaStatus, Objects, Reference,
    preview::{clear_preview, may_have_pieces, remove_preview},
};
use crate::{
    annotations::Eraser,
    group::AvatarChange,
    ids::{ConversationId, MediaHandle, MessageId, Sequence, Timestamp},
    limits::{MEDIA_CLAIM_MS, MEDIA_COLLECT_MS, MEDIA_REFERENCES_PAGE},
    log::{Content, Entry, Erasure},
    ports::{Clock, Consistency, Log, Unavailable},
    reports::{Commitments, commit},
    send::{Draft, Refusal},
    timers::Minute,
};

/// What erasing the content of messages needs of the world.
#[derive(Clone, Copy)]
pub struct ErasePorts<'a> {
    /// The log.
    pub log: &'a dyn Log,
    /// The log's content.
    pub eraser: &'a dyn Eraser,
    /// Rows about media.
    pub media: &'a dyn Media,
    /// Objects.
    pub objects: &'a dyn Objects,
    /// What is to be proved of what is gone.
    pub commitments: &'a dyn Commitments,
    /// Time.
    pub clock: &'a dyn Clock,
}

/// Claims what a message refers to; nothing to do, and no call, for a message without media.
pub(crate) async fn claim(
    media: &dyn Claims,
    draft: &Draft,
    at: Timestamp,
) -> Result<Result<(), Refusal>, Unavailable> {
    let Some(text) = &draft.content.media_handle else { return Ok(Ok(())) };
    let Ok(handle) = MediaHandle::parse(text) else { return Ok(Err(Refusal::NoSuchMedia)) };
    Ok(claimed(media.claim(handle, &draft.conversation, draft.message_id(), at).await?))
}

fn claimed(claim: Claim) -> Result<(), Refusal> {
    match claim {
        Claim::Done => Ok(()),
        Claim::Nothing | Claim::NotReady(MediaStatus::Gone) => Err(Refusal::NoSuchMedia),
        Claim::NotReady(MediaStatus::Refused(reason)) => Err(Refusal::MediaRefused(reason)),
        Claim::NotReady(MediaStatus::Pending | MediaStatus::Ready) => Err(Refusal::MediaNotReady),
        Claim::Full => Err(Refusal::MediaFull),
    }
}

/// Claims what is to be the picture of a group by an event; nothing to do, and no call, for an event without one.
pub(crate) async fn claim_avatar(media: &dyn Claims, entry: &Entry) -> Result<Result<(), Refusal>, Unavailable> {
    let Some(handle) = avatar_change(entry).and_then(|change| change.set) else { return Ok(Ok(())) };
    let name = MessageId::of_avatar(&entry.conversation, entry.sequence);
    Ok(claimed(media.claim(handle, &entry.conversation, name, entry.ts).await?))
}

/// What an entry says of a group's picture.
pub(crate) fn avatar_change(entry: &Entry) -> Option<&AvatarChange> {
    entry.membership.as_ref()?.avatar.as_ref()
}

/// Notes that a group has a picture, and lets go of the one before. May be repeated, and come in any order: each claim
/// is of one event, and only what came after that lets go of it.
pub(crate) async fn move_avatar(ports: ErasePorts<'_>, entry: &Entry) -> Result<(), Unavailable> {
    let Some(AvatarChange { set, dropped }) = avatar_change(entry) else { return Ok(()) };
    let name = |at| MessageId::of_avatar(&entry.conversation, at);
    if let Some(handle) = set {
        ports.media.confirm(*handle, name(entry.sequence), entry.sequence, None).await?;
    }
    let Some((handle, at)) = dropped else { return Ok(()) };
    ports.media.release(*handle, name(*at)).await?;
    remove_unless_in_use(ports.media, ports.objects, ports.clock, *handle).await
}

/// What content refers to. Claims have seen to it that it is a handle.
fn handle_in(content: &Content) -> Option<MediaHandle> {
    MediaHandle::parse(content.media_handle.as_deref()?).ok()
}

/// Notes where a message stands that refers to media.
pub async fn confirm(media: &dyn Media, entry: &Entry) -> Result<(), Unavailable> {
    match handle_in(&entry.content) {
        Some(handle) => media.confirm(handle, entry.message_id(), entry.sequence, entry.expires_at()).await,
        None => Ok(()),
    }
}

/// Lets go of what a draft had claimed that will not be sent.
pub(crate) async fn let_go(media: &dyn Claims, draft: &Draft, now: Timestamp) -> Result<(), Unavailable> {
    let Some(handle) = handle_in(&draft.content) else { return Ok(()) };
    media.release(handle, draft.message_id()).await?;
    // The object is collected with whatever else waits in vain for a message.
    media.watch(handle, Minute::of(now.plus_ms(MEDIA_COLLECT_MS))).await
}

/// Takes the content of an entry away, and the object that it refers to where no other message does.
/// Media first: once the row is erased, nothing tells what it referred to. May be repeated.
pub async fn erase(
    ports: ErasePorts<'_>,
    conversation: &ConversationId,
    at: Sequence,
    why: Erasure,
) -> Result<(), Unavailable> {
    let entry = ports.log.read_one(conversation, at, Consistency::Strong).await?;
    if let Some(entry) = &entry {
        commit(ports.commitments, entry, ports.clock.now()).await?;
    }
    let handle = entry.as_ref().and_then(|entry| handle_in(&entry.content));
    if let Some((entry, handle)) = entry.zip(handle) {
        ports.media.release(handle, entry.message_id()).await?;
        remove_unless_in_use(ports.media, ports.objects, ports.clock, handle).await?;
    }
    ports.eraser.erase(conversation, at, why).await
}

async fn remove_unless_in_use(
    media: &dyn Media,
    objects: &dyn Objects,
    clock: &dyn Clock,
    handle: MediaHandle,
) -> Result<(), Unavailable> {
    let Some(row) = media.find(handle).await? else { return Ok(()) };
    let now = clock.now();
    if media.forget(handle, &row.object, now).await? {
        return remove(media, objects, &row).await;
    }
    // Claims of messages that never came are among what is left, perhaps alone.
    media.watch(handle, Minute::of(now.plus_ms(MEDIA_CLAIM_MS))).await
}

/// Takes the object away, and what was made of it.
pub(super) async fn remove(media: &dyn Media, objects: &dyn Objects, row: &MediaRow) -> Result<(), Unavailable> {
    if may_have_pieces(row) {
        remove_preview(media, objects, row.handle, &row.object).await?;
    }
    if let Some(upload_id) = &row.upload_id {
        objects.abort(&row.object, upload_id).await?;
    }
    objects.remove(&row.object).await
}

/// Looks at content that was filed to be looked at: takes it away where nothing refers to it and its time is
/// over, and files it again where that may come to be so.
pub async fn collect(
    media: &dyn Media,
    objects: &dyn Objects,
    handle: MediaHandle,
    now: Timestamp,
) -> Result<(), Unavailable> {
    let Some(row) = media.find(handle).await? else { return Ok(()) };
    if row.status == MediaStatus::Gone {
        // What was made of it meanwhile, by a function that ended before it saw that.
        return if may_have_pieces(&row) { clear_preview(media, objects, handle, &row.object).await } else { Ok(()) };
    }
    let mut again = None;
    if row.references > 0 {
        again = drop_vain_claims(media, handle, now).await?;
    }
    let over_at = row.expires_at.plus_ms(MEDIA_COLLECT_MS);
    if over_at > now {
        again = Some(again.map_or(over_at, |at: Timestamp| at.min(over_at)));
    } else if media.forget(handle, &row.object, now).await? {
        return remove(media, objects, &row).await;
    }
    match again {
        Some(at) => media.watch(handle, Minute::of(at)).await,
        None => Ok(()),
    }
}

/// Takes claims of messages away that never came; when to look at the others that may not come.
async fn drop_vain_claims(
    media: &dyn Media,
    handle: MediaHandle,
    now: Timestamp,
) -> Result<Option<Timestamp>, Unavailable> {
    let (mut after, mut again) = (None, None);
    loop {
        let page: Vec<Reference> = media.references(handle, after, MEDIA_REFERENCES_PAGE).await?;
        for claim in page.iter().filter(|reference| reference.place.is_none()) {
            let vain_at = claim.claimed_at.plus_ms(MEDIA_CLAIM_MS);
            if vain_at <= now {
                media.release(handle, claim.message).await?;
            } else {
                again = Some(vain_at.min(again.unwrap_or(vain_at)));
            }
        }
        if page.len() < MEDIA_REFERENCES_PAGE {
            return Ok(again);
        }
        after = page.last().map(|reference| reference.message);
    }
}
