//! Makes previews: small copies of pictures, waveforms and a playable form of sound, a picture and a small form of films. Codecs are here and nowhere
//! else on the side of the service, so that no other function carries them.
//!
//! What comes in is what somebody uploaded. Sizes are looked at before anything is decoded, everything is bounded, and
//! all decoders are Rust.

mod film;
mod nal;
mod picture;
mod reel;
mod sound;
mod turns;
mod yuv;

use tidings_domain::media::{Making, MediaKind, MediaType, PreviewFault, PreviewMaker};

/// Makes previews.
#[derive(Clone, Copy, Debug, Default)]
pub struct Studio;

impl PreviewMaker for Studio {
    fn make(&self, mime: MediaType, bytes: Vec<u8>) -> Making {
        match mime.kind() {
            MediaKind::Image => picture::make(mime, &bytes),
            MediaKind::Audio => sound::make(bytes),
            MediaKind::Video => film::make(bytes),
            MediaKind::Document | MediaKind::Sealed => Err(PreviewFault::Unsupported),
        }
    }
}
