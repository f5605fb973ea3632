//! Media, between the wire and the domain.

use tidings_domain::{
    ids::{ConversationId, MediaHandle, Timestamp},
    limits,
    media::{
        Blob, MediaError, MediaStatus, MediaView, Offer, Part, PartPlan, Piece, PreviewSize, PreviewView, Signed,
        Upload,
    },
};

use super::{conversation_id, field};
use crate::{
    ErrorCode, ErrorFrame, ParseError,
    media::{
        MediaCompleted, MediaInfo, MediaState, MultipartPlan, PartSigned, PartThere, PartsRequest, PartsSigned,
        PartsThere, PresignRequest, Presigned, PreviewInfo, PreviewPicture, PreviewPlayable, SignedUpload,
    },
};

/// Reads a media handle out of a field.
pub fn media_handle(name: &str, text: &str) -> Result<MediaHandle, ParseError> {
    field(name, MediaHandle::parse(text))
}

/// Checks a `POST /media/presign`.
pub fn presign_request(body: &PresignRequest) -> Result<(ConversationId, Result<Blob, MediaError>), ParseError> {
    let conversation = conversation_id("conversationId", &body.conversation_id)?;
    Ok((conversation, Blob::announced(&body.mime, body.size, &body.sha256)))
}

/// Checks a `POST /media/{handle}/parts`.
pub fn parts_request(body: &PartsRequest) -> Result<Vec<(u32, &str)>, ParseError> {
    match body.parts.len() {
        0 => Err(ParseError::field("parts", "must be at least one")),
        count if count > limits::MEDIA_PARTS_AT_ONCE_MAX => {
            Err(ParseError::too_large("parts", format_args!("at most {}", limits::MEDIA_PARTS_AT_ONCE_MAX)))
        }
        _ => Ok(body.parts.iter().map(|part| (part.number, part.sha256.as_str())).collect()),
    }
}

fn state(status: MediaStatus) -> MediaState {
    match status {
        MediaStatus::Pending => MediaState::Pending,
        MediaStatus::Ready => MediaState::Ready,
        MediaStatus::Refused(_) | MediaStatus::Gone => MediaState::Refused,
    }
}

fn upload(signed: &Signed) -> SignedUpload {
    SignedUpload {
        method: signed.method.to_string(),
        url: signed.url.to_string(),
        headers: signed.headers.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect(),
    }
}

fn plan(plan: PartPlan) -> MultipartPlan {
    MultipartPlan { part_bytes: plan.part_bytes(), part_count: plan.count() }
}

/// The answer of `POST /media/presign`
pub fn presigned(offer: &Offer) -> Presigned {
    let (whole, multipart) = match &offer.upload {
        Upload::None => (None, None),
        Upload::Whole(signed) => (Some(upload(signed)), None),
        Upload::Parts(parts) => (None, Some(plan(*parts))),
    };
    Presigned {
        media_handle: offer.handle.to_string(),
        status: state(offer.status),
        upload: whole,
        multipart,
        expires_at: offer.expires_at.0,
    }
}

/// The answer of `POST /media/{handle}/parts`
pub fn parts_signed(parts: &[(u32, Signed)], expires_at: Timestamp) -> PartsSigned {
    let parts = parts.iter().map(|(number, signed)| PartSigned { number: *number, upload: upload(signed) });
    PartsSigned { parts: parts.collect(), expires_at: expires_at.0 }
}

/// The answer of `GET /media/{handle}/parts`
pub fn parts_there(parts: &[Part], cut: PartPlan) -> PartsThere {
    let there = parts.iter().map(|part| PartThere {
        number: part.number,
        size: part.size_bytes,
        sha256: part.sha256.to_string(),
    });
    PartsThere { parts: there.collect(), multipart: plan(cut) }
}

/// The answer of `POST /media/{handle}/complete`
pub fn media_completed(handle: MediaHandle, status: MediaStatus) -> MediaCompleted {
    MediaCompleted { media_handle: handle.to_string(), status: state(status) }
}

/// The answer of `GET /media/{handle}`
pub fn media_info(view: &MediaView) -> MediaInfo {
    let reason = match view.status {
        MediaStatus::Refused(reason) => Some(reason.name().to_owned()),
        _ => None,
    };
    MediaInfo {
        status: state(view.status),
        reason,
        mime: view.mime.name().to_owned(),
        size: view.size_bytes,
        url: view.url.as_ref().map(|(url, _)| url.to_string()),
        expires_at: view.url.as_ref().map(|(_, until)| until.0),
    }
}

/// The size of a preview that is asked for; `medium` where it is absent.
pub fn preview_size(name: Option<&str>) -> Result<PreviewSize, ParseError> {
    let rule = || ParseError::field("size", "must be small, medium or large");
    name.map_or(Ok(PreviewSize::Medium), |name| PreviewSize::of(name).ok_or_else(rule))
}

/// The answer of `GET /media/{handle}/preview`
pub fn preview_info(view: &PreviewView) -> PreviewInfo {
    let nothing = PreviewInfo {
        status: MediaState::Pending,
        reason: None,
        retry_after_ms: None,
        picture: None,
        duration_ms: None,
        peaks: Vec::new(),
        playable: None,
        expires_at: None,
    };
    match view {
        PreviewView::Pending { retry_after_ms } => PreviewInfo { retry_after_ms: Some(*retry_after_ms), ..nothing },
        PreviewView::Refused(fault) => {
            PreviewInfo { status: MediaState::Refused, reason: Some(fault.name().to_owned()), ..nothing }
        }
        PreviewView::Ready { made, picture, playable, until } => PreviewInfo {
            status: MediaState::Ready,
            picture: picture.as_ref().map(|(picture, url)| PreviewPicture {
                url: url.to_string(),
                mime: Piece::Picture(picture.size).mime().to_owned(),
                size: picture.bytes,
                width: picture.width,
                height: picture.height,
            }),
            duration_ms: made.duration_ms,
            peaks: made.peaks.to_vec(),
            playable: playable.as_ref().zip(made.playable_bytes).zip(made.playable()).map(|((url, size), piece)| {
                PreviewPlayable { url: url.to_string(), mime: piece.mime().to_owned(), size }
            }),
            expires_at: Some(until.0),
            ..nothing
        },
    }
}

/// The error that a call about media is answered with; none where the world did not answer, or the caller is not
/// in the conversation: those are told as for every other call.
pub fn media_error_frame(error: &MediaError) -> Option<ErrorFrame> {
    let field = |code, name: &str| ErrorFrame::of_field(code, name, format!("{name}: {error}"));
    let handle = |code| field(code, "mediaHandle");
    Some(match error {
        MediaError::Read(_) => return None,
        MediaError::Mime => field(ErrorCode::BadRequest, "mime"),
        MediaError::Empty => field(ErrorCode::BadRequest, "size"),
        MediaError::TooLarge { .. } => field(ErrorCode::TooLarge, "size"),
        MediaError::Sha256 => field(ErrorCode::BadRequest, "sha256"),
        MediaError::Quota { retry_after_ms } => {
            let mut frame = field(ErrorCode::RateLimited, "size");
            frame.retry_after_ms = Some(*retry_after_ms);
            frame
        }
        MediaError::NoSuchMedia => handle(ErrorCode::NotFound),
        MediaError::Refused(reason) => {
            let mut frame = handle(ErrorCode::Forbidden);
            frame.details = Some(serde_json::json!({ "field": "mediaHandle", "reason": reason.name() }));
            frame
        }
        MediaError::Expired | MediaError::Uploaded | MediaError::InUse => handle(ErrorCode::Conflict),
        MediaError::NotInParts => handle(ErrorCode::BadRequest),
        MediaError::NotOwner => handle(ErrorCode::Forbidden),
        MediaError::NoSuchPart { index, .. } => field(ErrorCode::BadRequest, &format!("parts[{index}].number")),
        MediaError::PartSha256 { index } => field(ErrorCode::BadRequest, &format!("parts[{index}].sha256")),
        MediaError::Incomplete { missing } => {
            let mut frame = handle(ErrorCode::Conflict);
            let some = missing.get(..limits::MEDIA_PARTS_AT_ONCE_MAX).unwrap_or(missing);
            frame.details = Some(serde_json::json!({ "field": "mediaHandle", "missingParts": some }));
            frame
        }
    })
}
