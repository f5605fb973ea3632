//! The types of content that are taken, how large each may be, and how their bytes begin.

use crate::limits::{
    MEDIA_AUDIO_BYTES_MAX, MEDIA_DOCUMENT_BYTES_MAX, MEDIA_IMAGE_BYTES_MAX, MEDIA_SEALED_BYTES_MAX,
    MEDIA_VIDEO_BYTES_MAX,
};

/// What sort of content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaKind {
    /// A picture.
    Image,
    /// Sound.
    Audio,
    /// Moving pictures.
    Video,
    /// A document.
    Document,
    /// Encrypted: the service cannot look into it.
    Sealed,
}

impl MediaKind {
    /// How large content of this sort may be, in bytes.
    pub fn bytes_max(self) -> u64 {
        match self {
            Self::Image => MEDIA_IMAGE_BYTES_MAX,
            Self::Audio => MEDIA_AUDIO_BYTES_MAX,
            Self::Video => MEDIA_VIDEO_BYTES_MAX,
            Self::Document => MEDIA_DOCUMENT_BYTES_MAX,
            Self::Sealed => MEDIA_SEALED_BYTES_MAX,
        }
    }
}

/// A type of content that is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaType(&'static Row);

#[derive(Debug, PartialEq, Eq)]
struct Row {
    name: &'static str,
    kind: MediaKind,
    /// What a look at the first bytes may call it; empty where any bytes will do.
    looks: &'static [&'static str],
}

/// Everything else is refused: what a browser would run (HTML, SVG, scripts) is not among these.
const TYPES: &[Row] = &[
    Row { name: "image/jpeg", kind: MediaKind::Image, looks: &["image/jpeg"] },
    Row { name: "image/png", kind: MediaKind::Image, looks: &["image/png"] },
    Row { name: "image/gif", kind: MediaKind::Image, looks: &["image/gif"] },
    Row { name: "image/webp", kind: MediaKind::Image, looks: &["image/webp"] },
    Row { name: "image/heic", kind: MediaKind::Image, looks: &["image/heif", "image/heic"] },
    Row { name: "image/avif", kind: MediaKind::Image, looks: &["image/avif"] },
    Row { name: "audio/mpeg", kind: MediaKind::Audio, looks: &["audio/mpeg"] },
    Row { name: "audio/mp4", kind: MediaKind::Audio, looks: &["audio/m4a", "video/mp4", "audio/mp4"] },
    Row { name: "audio/ogg", kind: MediaKind::Audio, looks: &["audio/ogg", "audio/opus"] },
    Row { name: "audio/webm", kind: MediaKind::Audio, looks: &["video/webm", "video/x-matroska"] },
    Row { name: "audio/wav", kind: MediaKind::Audio, looks: &["audio/x-wav"] },
    Row { name: "audio/flac", kind: MediaKind::Audio, looks: &["audio/x-flac"] },
    Row { name: "audio/aac", kind: MediaKind::Audio, looks: &["audio/aac"] },
    Row { name: "video/mp4", kind: MediaKind::Video, looks: &["video/mp4", "video/x-m4v"] },
    Row { name: "video/webm", kind: MediaKind::Video, looks: &["video/webm", "video/x-matroska"] },
    Row { name: "video/quicktime", kind: MediaKind::Video, looks: &["video/quicktime"] },
    Row { name: "application/pdf", kind: MediaKind::Document, looks: &["application/pdf"] },
    Row { name: "application/zip", kind: MediaKind::Document, looks: &["application/zip"] },
    Row { name: "text/plain", kind: MediaKind::Document, looks: &["text/plain"] },
    Row {
        name: "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        kind: MediaKind::Document,
        looks: &["application/vnd.openxmlformats-officedocument.wordprocessingml.document", "application/zip"],
    },
    Row {
        name: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        kind: MediaKind::Document,
        looks: &["application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "application/zip"],
    },
    Row {
        name: "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        kind: MediaKind::Document,
        looks: &["application/vnd.openxmlformats-officedocument.presentationml.presentation", "application/zip"],
    },
    Row { name: "application/octet-stream", kind: MediaKind::Sealed, looks: &[] },
];

/// What the first bytes of an object look like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Looks {
    /// Like this type.
    Like(String),
    /// Like text in UTF-8 without control characters.
    Text,
    /// Like nothing that is known.
    Unknown,
}

impl MediaType {
    /// The type of this name, if it is taken.
    pub fn of(name: &str) -> Option<Self> {
        TYPES.iter().find(|row| row.name == name).map(Self)
    }

    /// The names of all types that are taken.
    pub fn names() -> impl Iterator<Item = &'static str> {
        TYPES.iter().map(|row| row.name)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        self.0.name
    }

    /// What sort of content.
    pub fn kind(self) -> MediaKind {
        self.0.kind
    }

    /// Whether an object of this type may look like that.
    pub fn may_look(self, looks: &Looks) -> bool {
        match looks {
            _ if self.0.looks.is_empty() => true,
            Looks::Like(name) => self.0.looks.contains(&name.as_str()),
            Looks::Text => self.0.looks.contains(&"text/plain"),
            Looks::Unknown => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_browser_would_run_is_not_taken() {
        for name in ["text/html", "image/svg+xml", "application/javascript", "application/xhtml+xml", "IMAGE/PNG", ""] {
            assert_eq!(MediaType::of(name), None, "{name}");
        }
    }

    #[test]
    fn bytes_of_another_type_do_not_pass() {
        let png = MediaType::of("image/png").unwrap();
        assert!(png.may_look(&Looks::Like("image/png".into())));
        for looks in [Looks::Like("image/jpeg".into()), Looks::Text, Looks::Unknown] {
            assert!(!png.may_look(&looks), "{looks:?}");
        }
        assert!(MediaType::of("text/plain").unwrap().may_look(&Looks::Text));
        assert!(!MediaType::of("text/plain").unwrap().may_look(&Looks::Like("text/html".into())));
        assert!(MediaType::of("application/octet-stream").unwrap().may_look(&Looks::Unknown));
    }
}
