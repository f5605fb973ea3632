//! Who may read content: members of its conversation, while a message that they may see refers to it.

use super::{Media, MediaError, MediaRow, MediaStatus, MediaType, Objects, Reference, upload::row_for};
use crate::{
    history::{ReadPorts, visible_from},
    ids::{ConversationId, MediaHandle, Sequence, Timestamp, UserId},
    invites::{InviteToken, leads_to},
    limits::{MEDIA_REFERENCES_PAGE, MEDIA_URL_MS},
    lookup::entry_called,
    membership::GroupError,
    ports::{Invites, Unavailable},
};

/// What reading content needs of the world.
#[derive(Clone, Copy)]
pub struct ViewPorts<'a> {
    /// The log, members and time.
    pub read: ReadPorts<'a>,
    /// Rows about content.
    pub media: &'a dyn Media,
    /// Objects.
    pub objects: &'a dyn Objects,
}

/// Content, as a member sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaView {
    /// How far it has got.
    pub status: MediaStatus,
    /// Its type.
    pub mime: MediaType,
    /// Its size, in bytes.
    pub size_bytes: u64,
    /// Where it can be read, and until when; none where it is not ready.
    pub url: Option<(std::sync::Arc<str>, Timestamp)>,
}

/// Content of one of the user's conversations, with an address from which it can be read for a while.
pub async fn view(ports: ViewPorts<'_>, user: &UserId, handle: MediaHandle) -> Result<MediaView, MediaError> {
    let row = row_for(ports.media, ports.read.conversations, user, handle).await?;
    let now = ports.read.clock.now();
    let seen = |url| MediaView { status: row.status, mime: row.blob.mime, size_bytes: row.blob.size_bytes, url };
    if row.status != MediaStatus::Ready {
        // What is on its way is its owner's alone.
        return if row.owner == *user { Ok(seen(None)) } else { Err(MediaError::NoSuchMedia) };
    }
    let until = readable_until(ports, user, &row, now).await?.ok_or(MediaError::NoSuchMedia)?;
    let url = ports.objects.sign_get(&row.object, row.blob.mime.name(), now, until).await?;
    Ok(seen(Some((url, until))))
}

/// Until when the user may read content that is ready, at most; none where they may not.
pub(super) async fn readable_until(
    ports: ViewPorts<'_>,
    user: &UserId,
    row: &MediaRow,
    now: Timestamp,
) -> Result<Option<Timestamp>, MediaError> {
    let (until, latest) = (access_until(ports, user, row, now).await?, now.plus_ms(MEDIA_URL_MS));
    if until != Some(latest) && is_avatar(ports, row).await? {
        return Ok(Some(latest));
    }
    Ok(until)
}

/// Whether content is the picture of its group: that is every member's to see, whenever they joined.
async fn is_avatar(ports: ViewPorts<'_>, row: &MediaRow) -> Result<bool, Unavailable> {
    if !matches!(row.conversation, ConversationId::Group(_)) {
        return Ok(false);
    }
    let group = ports.read.conversations.group(&row.conversation, &[]).await?.group;
    Ok(group.is_some_and(|group| group.settings.avatar.as_deref() == Some(row.handle.to_string().as_str())))
}

/// The picture of a group, for whoever has a link that lets them in now. Nothing else of the group: what the link
/// shows names one handle, and no other is answered.
pub async fn view_by_invite(
    ports: ViewPorts<'_>,
    invites: &dyn Invites,
    user: &UserId,
    token: &InviteToken,
    handle: MediaHandle,
) -> Result<MediaView, MediaError> {
    let now = ports.read.clock.now();
    let preview = match leads_to(ports.read.conversations, invites, now, user, token).await {
        Ok(preview) => preview,
        Err(GroupError::Unavailable(error)) => return Err(error.into()),
        // Why a link lets nobody in is told where it is looked at.
        Err(_) => return Err(MediaError::NoSuchMedia),
    };
    let is_shown = preview.group.settings.avatar.as_deref() == Some(handle.to_string().as_str());
    let row = ports.media.find(handle).await?.filter(|row| is_shown && row.conversation == token.group);
    let row = row.filter(|row| row.status == MediaStatus::Ready).ok_or(MediaError::NoSuchMedia)?;
    let until = now.plus_ms(MEDIA_URL_MS);
    let url = ports.objects.sign_get(&row.object, row.blob.mime.name(), now, until).await?;
    Ok(MediaView { status: row.status, mime: row.blob.mime, size_bytes: row.blob.size_bytes, url: Some((url, until)) })
}

/// Until when the user may read the content at most; none where no message lets them.
async fn access_until(
    ports: ViewPorts<'_>,
    user: &UserId,
    row: &MediaRow,
    now: Timestamp,
) -> Result<Option<Timestamp>, MediaError> {
    let latest = now.plus_ms(MEDIA_URL_MS);
    if row.references == 0 {
        return Ok((row.owner == *user).then_some(latest));
    }
    let visible_from = visible_from(ports.read.conversations, user, &row.conversation).await?;
    let (mut after, mut best) = (None, None);
    loop {
        let page = ports.media.references(row.handle, after, MEDIA_REFERENCES_PAGE).await?;
        for reference in &page {
            let Some((place, expires_at)) = place_of(ports, row, reference).await? else {
                // Between its claim and its place in the log, a message is its sender's alone.
                if row.owner == *user {
                    best = Some(latest);
                }
                continue;
            };
            let until = expires_at.map_or(latest, |expires_at| expires_at.min(latest));
            if place >= visible_from && until > now {
                best = best.max(Some(until));
            }
            if best == Some(latest) {
                return Ok(best);
            }
        }
        if page.len() < MEDIA_REFERENCES_PAGE {
            return Ok(best);
        }
        after = page.last().map(|reference| reference.message);
    }
}

/// Where a message stands that refers to content. The projector notes it; before it has come to it, the log tells.
async fn place_of(
    ports: ViewPorts<'_>,
    row: &MediaRow,
    reference: &Reference,
) -> Result<Option<(Sequence, Option<Timestamp>)>, Unavailable> {
    if let Some(place) = reference.place {
        return Ok(Some((place, reference.expires_at)));
    }
    let entry = entry_called(ports.read.log, &row.conversation, reference.message).await?;
    Ok(entry.filter(|entry| entry.erased.is_none()).map(|entry| (entry.sequence, entry.expires_at())))
}
