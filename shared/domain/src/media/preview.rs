//! Previews of content that the service can look into: made once, when somebody first asks, kept beside the object, and
//! taken away with it.
//!
//! A row beside the content's tells how far a preview has got: `queued`, `made`, or `refused` for good, with the reason.
//! Whoever asks first queues it; whoever makes it takes the row on as another try, so that content which ends the
//! function each time is given up. What was put into storage and is nobody's is found by the sweeper: the content is
//! filed to be looked at before anything is made.

use std::sync::Arc;

use super::{
    Media, MediaError, MediaKind, MediaRow, MediaStatus, MediaType, ObjectKey, Objects,
    access::{ViewPorts, readable_until},
    upload::row_for,
};
use crate::{
    ids::{MediaHandle, Timestamp, UserId},
    limits::{PREVIEW_ATTEMPTS_MAX, PREVIEW_LEASE_MS, PREVIEW_PIXELS, PREVIEW_RETRY_MS, PREVIEW_SOURCE_BYTES_MAX},
    ports::{Clock, PortResult, Unavailable},
    timers::Minute,
};

/// How large a preview is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PreviewSize {
    /// For a list.
    Small,
    /// For a conversation.
    Medium,
    /// For a screen.
    Large,
}

impl PreviewSize {
    /// All of them, with their names.
    pub const ALL: [(Self, &'static str); 3] =
        [(Self::Small, "small"), (Self::Medium, "medium"), (Self::Large, "large")];

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(size, _)| *size == self).map_or("", |(_, name)| name)
    }

    /// The size of a name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, own)| *own == name).map(|(size, _)| *size)
    }

    /// Its longer side at most, in pixels: a smaller picture stays as it is.
    pub fn pixels_max(self) -> u32 {
        let [small, medium, large] = PREVIEW_PIXELS;
        match self {
            Self::Small => small,
            Self::Medium => medium,
            Self::Large => large,
        }
    }
}

/// An object that a preview is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Piece {
    /// A picture.
    Picture(PreviewSize),
    /// Sound in a form that is played everywhere.
    Playable,
    /// A film in a form that is played everywhere.
    Film,
}

impl Piece {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Picture(PreviewSize::Small),
        Self::Picture(PreviewSize::Medium),
        Self::Picture(PreviewSize::Large),
        Self::Playable,
        Self::Film,
    ];

    /// Its type.
    pub fn mime(self) -> &'static str {
        match self {
            Self::Picture(_) => "image/jpeg",
            Self::Playable => "audio/wav",
            Self::Film => "video/mp4",
        }
    }

    /// Its name in storage. It is made of the object's, so that whoever takes the object away knows it.
    pub fn key(self, object: &ObjectKey) -> String {
        let own = match self {
            Self::Picture(size) => size.name(),
            Self::Playable => "playable",
            Self::Film => "film",
        };
        let upload = object.as_str().strip_prefix(ObjectKey::PREFIX).unwrap_or_default();
        format!("{}{upload}/{own}", Self::PREFIX)
    }

    /// What all names begin with. Storage tells nobody of what comes there.
    pub const PREFIX: &'static str = "previews/";
}

/// Why there is no preview.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PreviewFault {
    /// The service does not know this form, or not this kind of it.
    Unsupported,
    /// It is not what it says that it is.
    Corrupt,
    /// It is larger, or would become larger, than a preview is made of.
    TooLarge,
    /// It took too long, or too much memory, each time.
    TooHard,
}

impl PreviewFault {
    /// All of them, with their names in rows and answers.
    pub const ALL: [(Self, &'static str); 4] = [
        (Self::Unsupported, "unsupported"),
        (Self::Corrupt, "corrupt"),
        (Self::TooLarge, "tooLarge"),
        (Self::TooHard, "tooHard"),
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(fault, _)| *fault == self).map_or("", |(_, name)| name)
    }

    /// The fault of a name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, own)| *own == name).map(|(fault, _)| *fault)
    }
}

/// A picture of a preview.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Picture {
    /// For which size.
    pub size: PreviewSize,
    /// Its width, in pixels.
    pub width: u32,
    /// Its height, in pixels.
    pub height: u32,
    /// How large it is, in bytes.
    pub bytes: u64,
}

/// What a preview is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Made {
    /// Its pictures; none of sound.
    pub pictures: Vec<Picture>,
    /// How long it takes, in milliseconds; none of a picture.
    pub duration_ms: Option<u64>,
    /// Heights of its waveform, evenly over its time; none of a picture.
    pub peaks: Arc<[u8]>,
    /// The size of its playable form, in bytes, where there is one.
    pub playable_bytes: Option<u64>,
}

impl Made {
    /// Which object is the playable form, where there is one: what has pictures is a film.
    pub fn playable(&self) -> Option<Piece> {
        self.playable_bytes.map(|_| if self.pictures.is_empty() { Piece::Playable } else { Piece::Film })
    }
}

/// How far a preview has got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PreviewState {
    /// It was asked for.
    Queued,
    /// It is there.
    Made(Made),
    /// There is none, and will be none.
    Refused(PreviewFault),
}

/// What is known of a preview.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreviewRow {
    /// The object that it is of. Content that was uploaded anew has another.
    pub object: ObjectKey,
    /// How far it has got.
    pub state: PreviewState,
    /// How often it was begun.
    pub attempts: u32,
    /// When the row was last written.
    pub changed_at: Timestamp,
    /// Counts the writes: a change is put in the place of what was read.
    pub version: u64,
}

/// What a service can make a preview of at all; the bytes may tell otherwise.
fn may_have_one(row: &MediaRow) -> Result<(), PreviewFault> {
    match row.blob.mime.kind() {
        MediaKind::Image | MediaKind::Audio | MediaKind::Video => {}
        MediaKind::Document | MediaKind::Sealed => return Err(PreviewFault::Unsupported),
    }
    if !is_known(row.blob.mime) {
        return Err(PreviewFault::Unsupported);
    }
    if row.blob.size_bytes > PREVIEW_SOURCE_BYTES_MAX { Err(PreviewFault::TooLarge) } else { Ok(()) }
}

/// Whether there is anything that reads this form.
fn is_known(mime: MediaType) -> bool {
    const KNOWN: [&str; 15] = [
        "image/jpeg",
        "image/png",
        "image/gif",
        "image/webp",
        "image/heic",
        "audio/mpeg",
        "audio/mp4",
        "audio/ogg",
        "audio/wav",
        "audio/flac",
        "audio/aac",
        "audio/webm",
        "video/mp4",
        "video/quicktime",
        "video/webm",
    ];
    KNOWN.contains(&mime.name())
}

/// What is to be done about a preview that somebody asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    /// It is there.
    Show(Made),
    /// There is none.
    Refuse(PreviewFault),
    /// Somebody is at it.
    Wait,
    /// Nobody is, or not any more.
    Queue,
    /// It was tried often enough.
    GiveUp,
}

/// The step that follows from what is known.
fn step(row: Option<&PreviewRow>, now: Timestamp) -> Step {
    let Some(row) = row else { return Step::Queue };
    match &row.state {
        PreviewState::Made(made) => Step::Show(made.clone()),
        PreviewState::Refused(fault) => Step::Refuse(*fault),
        PreviewState::Queued if row.changed_at.plus_ms(PREVIEW_LEASE_MS) > now => Step::Wait,
        PreviewState::Queued if row.attempts >= PREVIEW_ATTEMPTS_MAX => Step::GiveUp,
        PreviewState::Queued => Step::Queue,
    }
}

/// Asks for previews to be made.
pub trait PreviewQueue: Send + Sync {
    /// Queues the making of one. Queued twice, it is made once.
    fn ask(&self, handle: MediaHandle) -> PortResult<'_, ()>;
}

/// Makes previews out of bytes.
pub trait PreviewMaker: Send + Sync {
    /// The preview of content of a type, and its objects.
    fn make(&self, mime: MediaType, bytes: Vec<u8>) -> Making;
}

/// What becomes of the making of a preview: what it is, and its objects.
pub type Making = Result<(Made, Vec<(Piece, Vec<u8>)>), PreviewFault>;

/// A preview, as a member sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PreviewView {
    /// It is there.
    Ready {
        /// What it is.
        made: Made,
        /// The picture of the size that was asked for, and its address; none of sound.
        picture: Option<(Picture, Arc<str>)>,
        /// The address of the playable form, where there is one.
        playable: Option<Arc<str>>,
        /// Until when the addresses work.
        until: Timestamp,
    },
    /// It is being made, or the content is not there yet.
    Pending {
        /// When to ask again, in milliseconds.
        retry_after_ms: u64,
    },
    /// There is none.
    Refused(PreviewFault),
}

/// The preview of content that the user may read; asked for the first time, it is made.
pub async fn preview(
    ports: ViewPorts<'_>,
    queue: &dyn PreviewQueue,
    user: &UserId,
    handle: MediaHandle,
    size: PreviewSize,
) -> Result<PreviewView, MediaError> {
    let row = row_for(ports.media, ports.read.conversations, user, handle).await?;
    let now = ports.read.clock.now();
    let pending = PreviewView::Pending { retry_after_ms: PREVIEW_RETRY_MS };
    match row.status {
        MediaStatus::Ready => {}
        MediaStatus::Pending if row.owner == *user => return Ok(pending),
        MediaStatus::Refused(reason) if row.owner == *user => return Err(MediaError::Refused(reason)),
        _ => return Err(MediaError::NoSuchMedia),
    }
    let until = readable_until(ports, user, &row, now).await?.ok_or(MediaError::NoSuchMedia)?;
    if let Err(fault) = may_have_one(&row) {
        return Ok(PreviewView::Refused(fault));
    }
    let found = ports.media.find_preview(handle).await?;
    let own = found.as_ref().filter(|preview| preview.object == row.object);
    let expected = own.map(|row| row.version);
    match step(own, now) {
        Step::Show(made) => show(ports.objects, &row.object, made, size, now, until).await,
        Step::Refuse(fault) => Ok(PreviewView::Refused(fault)),
        Step::Wait => Ok(pending),
        Step::GiveUp => {
            let next = after(own, &row.object, PreviewState::Refused(PreviewFault::TooHard), now);
            ports.media.keep_preview(handle, &next, expected).await?;
            Ok(PreviewView::Refused(PreviewFault::TooHard))
        }
        Step::Queue => {
            // What is left of an earlier upload of the same content.
            if let Some(other) = found.as_ref().filter(|found| found.object != row.object) {
                remove_preview(ports.media, ports.objects, handle, &other.object).await?;
            }
            let next = after(own, &row.object, PreviewState::Queued, now);
            if ports.media.keep_preview(handle, &next, expected).await? {
                queue.ask(handle).await?;
            }
            Ok(pending)
        }
    }
}

/// The row after one: of the same tries, one version later.
fn after(before: Option<&PreviewRow>, object: &ObjectKey, state: PreviewState, now: Timestamp) -> PreviewRow {
    PreviewRow {
        object: object.clone(),
        state,
        attempts: before.map_or(0, |row| row.attempts),
        changed_at: now,
        version: before.map_or(0, |row| row.version) + 1,
    }
}

async fn show(
    objects: &dyn Objects,
    object: &ObjectKey,
    made: Made,
    size: PreviewSize,
    now: Timestamp,
    until: Timestamp,
) -> Result<PreviewView, MediaError> {
    let picture = made.pictures.iter().find(|picture| picture.size == size).copied();
    let picture = match picture {
        Some(picture) => {
            let address = objects.sign_piece(object, Piece::Picture(size), now, until).await?;
            Some((picture, address))
        }
        None => None,
    };
    let playable = match made.playable() {
        Some(piece) => Some(objects.sign_piece(object, piece, now, until).await?),
        None => None,
    };
    Ok(PreviewView::Ready { made, picture, playable, until })
}

/// What making a preview needs of the world.
#[derive(Clone, Copy)]
pub struct MakePorts<'a> {
    /// Rows about content.
    pub media: &'a dyn Media,
    /// Objects.
    pub objects: &'a dyn Objects,
    /// Makes it.
    pub maker: &'a dyn PreviewMaker,
    /// Time.
    pub clock: &'a dyn Clock,
}

/// Makes a preview that was asked for. May be repeated, come late, and go on at once in several places: the same bytes
/// make the same objects under the same names.
pub async fn make(ports: MakePorts<'_>, handle: MediaHandle) -> Result<(), Unavailable> {
    let is_ready = |row: &MediaRow| row.status == MediaStatus::Ready;
    let Some(row) = ports.media.find(handle).await?.filter(is_ready) else { return Ok(()) };
    let found = ports.media.find_preview(handle).await?;
    let asked = |found: &PreviewRow| found.object == row.object && found.state == PreviewState::Queued;
    let Some(before) = found.filter(asked) else { return Ok(()) };
    let keep = async |state, before: &PreviewRow, attempts| {
        let next = PreviewRow { attempts, ..after(Some(before), &row.object, state, ports.clock.now()) };
        Ok::<_, Unavailable>(ports.media.keep_preview(handle, &next, Some(before.version)).await?.then_some(next))
    };
    if before.attempts >= PREVIEW_ATTEMPTS_MAX {
        keep(PreviewState::Refused(PreviewFault::TooHard), &before, before.attempts).await?;
        return Ok(());
    }
    // Filed first: what is put into storage by a function that ends then is found so.
    ports.media.watch(handle, Minute::of(ports.clock.now().plus_ms(2 * PREVIEW_LEASE_MS))).await?;
    // Counted before it is tried: what ends the function counts, too.
    let Some(begun) = keep(PreviewState::Queued, &before, before.attempts + 1).await? else { return Ok(()) };
    match make_pieces(ports, &row).await {
        Ok(Some(state)) => {
            keep(state, &begun, begun.attempts).await?;
        }
        Ok(None) => {}
        Err(error) => {
            // That the world does not answer is no fault of the content.
            keep(PreviewState::Queued, &begun, before.attempts).await?;
            return Err(error);
        }
    }
    // Whoever takes the content away does so after it is marked as gone, and looks for a preview then. So one of
    // the two sees the other, whichever comes first.
    let is_there = |now: &MediaRow| is_ready(now) && now.object == row.object;
    if !ports.media.find(handle).await?.as_ref().is_some_and(is_there) {
        clear_preview(ports.media, ports.objects, handle, &row.object).await?;
    }
    Ok(())
}

/// Makes a preview and puts its objects into storage; none where the content is not there any more.
async fn make_pieces(ports: MakePorts<'_>, row: &MediaRow) -> Result<Option<PreviewState>, Unavailable> {
    let Some(bytes) = ports.objects.read(&row.object, PREVIEW_SOURCE_BYTES_MAX).await? else { return Ok(None) };
    Ok(Some(match ports.maker.make(row.blob.mime, bytes) {
        Ok((made, pieces)) => {
            for (piece, bytes) in pieces {
                ports.objects.put_piece(&row.object, piece, bytes).await?;
            }
            PreviewState::Made(made)
        }
        Err(fault) => PreviewState::Refused(fault),
    }))
}

/// Takes the preview of an object away, where there may be one. The objects first: without the row nothing tells of them.
pub(super) async fn remove_preview(
    media: &dyn Media,
    objects: &dyn Objects,
    handle: MediaHandle,
    object: &ObjectKey,
) -> Result<(), Unavailable> {
    let found = media.find_preview(handle).await?;
    if found.is_none_or(|found| found.object != *object) {
        return Ok(());
    }
    clear_preview(media, objects, handle, object).await
}

/// Takes away what may have been made of an object that is gone, whether or not a row tells of it: who took the object
/// away may have dropped the row while the pieces were still being put.
pub(super) async fn clear_preview(
    media: &dyn Media,
    objects: &dyn Objects,
    handle: MediaHandle,
    object: &ObjectKey,
) -> Result<(), Unavailable> {
    objects.remove_pieces(object).await?;
    media.drop_preview(handle, object).await
}

/// Whether content is of a kind that previews are made of.
pub(super) fn may_have_pieces(row: &MediaRow) -> bool {
    !matches!(row.blob.mime.kind(), MediaKind::Document | MediaKind::Sealed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::ConversationId;

    fn object() -> ObjectKey {
        let handle = MediaHandle::of(&ConversationId::parse("g:1").unwrap(), "image/png", 1, "00");
        ObjectKey::of(handle, Timestamp(1_800_000_000_000), 77)
    }

    #[test]
    fn the_objects_of_a_preview_have_names_of_their_own_that_tell_the_object() {
        let keys: std::collections::BTreeSet<String> = Piece::ALL.iter().map(|piece| piece.key(&object())).collect();
        assert_eq!(keys.len(), Piece::ALL.len());
        for key in keys {
            assert!(key.starts_with(Piece::PREFIX) && !key.starts_with(ObjectKey::PREFIX), "{key}");
            assert_eq!(ObjectKey::parse(&key), None, "no upload");
            assert!(key.contains(object().as_str().trim_start_matches(ObjectKey::PREFIX)), "{key}");
        }
    }

    #[test]
    fn what_is_known_tells_the_next_step() {
        let now = Timestamp(1_800_000_000_000);
        let row =
            |state, attempts, changed_at| PreviewRow { object: object(), state, attempts, changed_at, version: 1 };
        let long_ago = Timestamp(now.0 - PREVIEW_LEASE_MS);
        assert_eq!(step(None, now), Step::Queue);
        assert_eq!(step(Some(&row(PreviewState::Queued, 0, now)), now), Step::Wait);
        assert_eq!(step(Some(&row(PreviewState::Queued, PREVIEW_ATTEMPTS_MAX, now)), now), Step::Wait);
        assert_eq!(step(Some(&row(PreviewState::Queued, 1, long_ago)), now), Step::Queue);
        assert_eq!(step(Some(&row(PreviewState::Queued, PREVIEW_ATTEMPTS_MAX, long_ago)), now), Step::GiveUp);
        let refused = PreviewState::Refused(PreviewFault::Corrupt);
        assert_eq!(step(Some(&row(refused, 1, long_ago)), now), Step::Refuse(PreviewFault::Corrupt));
        assert_eq!(
            step(Some(&row(PreviewState::Made(Made::default()), 1, long_ago)), now),
            Step::Show(Made::default())
        );
    }

    #[test]
    fn names_read_back() {
        assert!(
            PreviewSize::ALL.iter().all(|(size, name)| size.name() == *name && PreviewSize::of(name) == Some(*size))
        );
        assert!(
            PreviewFault::ALL
                .iter()
                .all(|(fault, name)| PreviewFault::of(name) == Some(*fault) && fault.name() == *name)
        );
        assert_eq!((PreviewSize::of("huge"), PreviewFault::of("")), (None, None));
    }
}
