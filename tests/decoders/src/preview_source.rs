//! What somebody uploaded, of which a preview is made. The first byte says which type it was announced as; the rest is
//! the content. Whatever it is, it has a preview within bounds, or a reason why not.

use tidings_domain::{
    limits::{PREVIEW_FILM_MS_MAX, PREVIEW_PEAKS, PREVIEW_SOUND_MS_MAX},
    media::{MediaType, Piece, PreviewMaker},
};
use tidings_preview::Studio;

use crate::Seed;

const TYPES: [&str; 13] = [
    "image/png",
    "image/jpeg",
    "image/gif",
    "image/webp",
    "audio/wav",
    "audio/ogg",
    "audio/mpeg",
    "audio/mp4",
    "audio/flac",
    "image/heic",
    "video/mp4",
    "video/quicktime",
    "video/webm",
];

pub(crate) fn check(data: &[u8]) -> bool {
    let Some((first, content)) = data.split_first() else { return false };
    // The digits from `0` on, so that seeds can be read.
    let name = TYPES[usize::from(first.wrapping_sub(b'0')) % TYPES.len()];
    let mime = MediaType::of(name).unwrap();
    let Ok((made, pieces)) = Studio.make(mime, content.to_vec()) else { return false };
    assert!(made.peaks.len() <= PREVIEW_PEAKS);
    assert!(made.duration_ms.is_none_or(|ms| ms <= PREVIEW_SOUND_MS_MAX.max(PREVIEW_FILM_MS_MAX)));
    for picture in &made.pictures {
        assert!((1..=picture.size.pixels_max()).contains(&picture.width));
        assert!((1..=picture.size.pixels_max()).contains(&picture.height));
    }
    let sizes = made.pictures.iter().map(|picture| (Piece::Picture(picture.size), picture.bytes));
    let mut told: Vec<_> = sizes.chain(made.playable().zip(made.playable_bytes)).collect();
    let mut there: Vec<_> = pieces.iter().map(|(piece, bytes)| (*piece, bytes.len() as u64)).collect();
    told.sort_unstable();
    there.sort_unstable();
    assert_eq!(told, there, "what is told of is there, and nothing else");
    true
}

/// A picture of one pixel.
const GIF: &[u8] = b"GIF89a\x01\0\x01\0\x80\0\0\xff\0\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";

/// Sound of twenty samples.
const WAV: &[u8] = b"RIFF\x4c\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data\x28\0\0\0\
    abcdefghijabcdefghijabcdefghijabcdefghij";

/// A film of a second, High profile, with sound.
const FILM: &[u8] = include_bytes!("../../../shared/preview/samples/film.mp4");

/// A film that is to be turned.
const TURNED: &[u8] = include_bytes!("../../../shared/preview/samples/turned.mov");

/// A film of VP8.
const CLIP: &[u8] = include_bytes!("../../../shared/preview/samples/clip.webm");

/// A picture of a phone's form.
const HEIC: &[u8] = include_bytes!("../../../shared/preview/samples/picture.heic");

pub(crate) fn seeds() -> Vec<Seed> {
    let seed = |name: &str, kind: u8, content: &[u8]| Seed {
        name: name.into(),
        input: std::iter::once(kind).chain(content.iter().copied()).collect(),
    };
    vec![
        seed("gif", b'2', GIF),
        seed("wav", b'4', WAV),
        seed("heic", b'9', HEIC),
        seed("film", b':', FILM),
        seed("turned", b';', TURNED),
        seed("clip", b'<', CLIP),
    ]
}
