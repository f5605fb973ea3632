//! Pictures before they are sent: what the camera noted is taken out, and a small copy is made for those who wait.

use std::io::Cursor;

use base64::{Engine, engine::general_purpose::STANDARD};
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, codecs::jpeg::JpegEncoder, metadata::Orientation};
use img_parts::{
    Bytes, ImageEXIF,
    jpeg::{Jpeg, markers},
    png::Png,
    webp::{CHUNK_XMP, WebP},
};
use serde::{Deserialize, Serialize};

use super::MediaError;

/// The longer side of the small copy, in pixels.
const THUMBNAIL_PIXELS: u32 = 200;
/// The small copy travels in the message, which has 24 KiB for everything.
const THUMBNAIL_BYTES_MAX: usize = 9 * 1024;
/// A picture of more pixels is sent, but not looked at: it would take a gigabyte to do so.
const PIXELS_MAX: u64 = 100_000_000;
const QUALITY: u8 = 92;
const THUMBNAIL_QUALITIES: [u8; 4] = [70, 50, 30, 15];

/// What is shown until a picture has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Preview {
    /// Width of the picture, in pixels.
    pub width: u32,
    /// Height of the picture, in pixels.
    pub height: u32,
    /// Its colours in some thirty characters (blurhash).
    pub blurhash: String,
    /// A small copy, a JPEG in base64; none where it would not fit the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thumbnail: Option<String>,
}

/// A picture as it is sent, and its preview.
pub(super) fn prepare(bytes: Vec<u8>, mime: &str) -> Result<(Vec<u8>, Option<Preview>), MediaError> {
    let Some(format) = format_of(mime) else { return Ok((bytes, None)) };
    let bad = |error: image::ImageError| MediaError::Picture(error.to_string());
    let mut decoder = ImageReader::with_format(Cursor::new(&bytes), format).into_decoder().map_err(bad)?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > PIXELS_MAX {
        drop(decoder);
        return Ok((without_notes(bytes, format)?, None));
    }
    let orientation = decoder.orientation().map_err(bad)?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(bad)?;
    picture.apply_orientation(orientation);
    let preview = preview_of(&picture)?;
    // How to turn it is among what is taken out, so a picture that lies on its side is turned for good.
    let clean = if orientation == Orientation::NoTransforms {
        without_notes(bytes, format)?
    } else {
        written(&picture, format)?
    };
    Ok((clean, Some(preview)))
}

/// The pictures that are looked into. Of a GIF, which has no notes of a camera, only for the preview.
fn format_of(mime: &str) -> Option<ImageFormat> {
    match mime {
        "image/jpeg" => Some(ImageFormat::Jpeg),
        "image/png" => Some(ImageFormat::Png),
        "image/webp" => Some(ImageFormat::WebP),
        "image/gif" => Some(ImageFormat::Gif),
        _ => None,
    }
}

/// The same picture without notes: where it was taken, when, and by what. The colours' profile stays.
fn without_notes(bytes: Vec<u8>, format: ImageFormat) -> Result<Vec<u8>, MediaError> {
    let bad = |error: img_parts::Error| MediaError::Picture(error.to_string());
    let bytes = Bytes::from(bytes);
    let mut clean = Vec::with_capacity(bytes.len());
    let done = match format {
        ImageFormat::Jpeg => {
            let mut jpeg = Jpeg::from_bytes(bytes).map_err(bad)?;
            let notes = [markers::APP1, markers::APP13, markers::COM];
            jpeg.segments_mut().retain(|segment| !notes.contains(&segment.marker()));
            jpeg.encoder().write_to(&mut clean)
        }
        ImageFormat::Png => {
            let mut png = Png::from_bytes(bytes).map_err(bad)?;
            let notes = [*b"eXIf", *b"tEXt", *b"zTXt", *b"iTXt", *b"tIME"];
            png.chunks_mut().retain(|chunk| !notes.contains(&chunk.kind()));
            png.encoder().write_to(&mut clean)
        }
        ImageFormat::WebP => {
            let mut webp = WebP::from_bytes(bytes).map_err(bad)?;
            webp.set_exif(None);
            webp.remove_chunks_by_id(CHUNK_XMP);
            webp.encoder().write_to(&mut clean)
        }
        _ => return Ok(bytes.to_vec()),
    };
    done.map_err(|error| MediaError::Picture(error.to_string()))?;
    Ok(clean)
}

fn written(picture: &DynamicImage, format: ImageFormat) -> Result<Vec<u8>, MediaError> {
    let mut bytes = Vec::new();
    let done = match format {
        ImageFormat::Jpeg => JpegEncoder::new_with_quality(&mut bytes, QUALITY).encode_image(picture),
        _ => picture.write_to(&mut Cursor::new(&mut bytes), format),
    };
    done.map_err(|error| MediaError::Picture(error.to_string()))?;
    Ok(bytes)
}

fn preview_of(picture: &DynamicImage) -> Result<Preview, MediaError> {
    let small = picture.thumbnail(THUMBNAIL_PIXELS, THUMBNAIL_PIXELS);
    let tiny = small.thumbnail(32, 32).to_rgba8();
    let (x, y) = if tiny.width() >= tiny.height() { (4, 3) } else { (3, 4) };
    let blurhash = blurhash::encode(x, y, tiny.width(), tiny.height(), tiny.as_raw())
        .map_err(|error| MediaError::Picture(error.to_string()))?;
    Ok(Preview { width: picture.width(), height: picture.height(), blurhash, thumbnail: thumbnail_of(&small)? })
}

fn thumbnail_of(small: &DynamicImage) -> Result<Option<String>, MediaError> {
    let small = DynamicImage::from(small.to_rgb8());
    for quality in THUMBNAIL_QUALITIES {
        let mut bytes = Vec::new();
        let done = JpegEncoder::new_with_quality(&mut bytes, quality).encode_image(&small);
        done.map_err(|error| MediaError::Picture(error.to_string()))?;
        if bytes.len() <= THUMBNAIL_BYTES_MAX {
            return Ok(Some(STANDARD.encode(bytes)));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use image::{Rgb, RgbImage};

    use super::*;

    const NOTE: &[u8] = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0GPS: here";

    fn picture() -> RgbImage {
        RgbImage::from_fn(320, 240, |x, y| Rgb([u8::try_from(x % 256).unwrap(), u8::try_from(y).unwrap(), 90]))
    }

    fn encoded(format: ImageFormat) -> Vec<u8> {
        let mut bytes = Vec::new();
        picture().write_to(&mut Cursor::new(&mut bytes), format).unwrap();
        bytes
    }

    fn has(bytes: &[u8], word: &[u8]) -> bool {
        bytes.windows(word.len()).any(|window| window == word)
    }

    fn noted(format: ImageFormat) -> Vec<u8> {
        let plain = Bytes::from(encoded(format));
        let note = Some(Bytes::from_static(&NOTE[6..]));
        let mut bytes = Vec::new();
        match format {
            ImageFormat::Jpeg => {
                let mut jpeg = Jpeg::from_bytes(plain).unwrap();
                jpeg.set_exif(note);
                jpeg.encoder().write_to(&mut bytes).unwrap();
            }
            ImageFormat::Png => {
                let mut png = Png::from_bytes(plain).unwrap();
                png.set_exif(note);
                png.encoder().write_to(&mut bytes).unwrap();
            }
            _ => {
                let mut webp = WebP::from_bytes(plain).unwrap();
                webp.set_exif(note);
                webp.encoder().write_to(&mut bytes).unwrap();
            }
        }
        bytes
    }

    #[test]
    fn notes_are_taken_out_and_the_picture_stands_upright() {
        for (mime, format) in
            [("image/jpeg", ImageFormat::Jpeg), ("image/png", ImageFormat::Png), ("image/webp", ImageFormat::WebP)]
        {
            let bytes = noted(format);
            assert!(has(&bytes, b"GPS: here"), "{mime}");
            let (clean, preview) = prepare(bytes, mime).unwrap();
            assert!(!has(&clean, b"GPS: here") && !has(&clean, b"Exif"), "{mime}");
            let preview = preview.unwrap();
            let read = image::load_from_memory_with_format(&clean, format).unwrap();
            // The note says that it lies on its side (orientation 6).
            assert_eq!((preview.width, preview.height), (240, 320), "{mime}");
            assert_eq!((read.width(), read.height()), (240, 320), "{mime}");
        }
    }

    #[test]
    fn a_picture_that_stands_upright_keeps_its_bytes() {
        let bytes = encoded(ImageFormat::Png);
        let (clean, preview) = prepare(bytes.clone(), "image/png").unwrap();
        assert_eq!(clean, bytes);
        let preview = preview.unwrap();
        assert_eq!((preview.width, preview.height), (320, 240));
        assert!((6..64).contains(&preview.blurhash.len()));
        blurhash::decode(&preview.blurhash, 32, 32, 1.0).unwrap();
        let thumbnail = STANDARD.decode(preview.thumbnail.unwrap()).unwrap();
        let thumbnail = image::load_from_memory_with_format(&thumbnail, ImageFormat::Jpeg).unwrap();
        assert_eq!((thumbnail.width(), thumbnail.height()), (200, 150));
    }

    #[test]
    fn what_is_no_picture_is_refused_and_what_is_not_looked_into_stays() {
        assert!(prepare(b"no picture".to_vec(), "image/jpeg").is_err());
        assert_eq!(prepare(b"any".to_vec(), "application/pdf").unwrap(), (b"any".to_vec(), None));
    }
}
