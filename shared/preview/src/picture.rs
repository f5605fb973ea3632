//! Pictures: turned upright, made small, and written anew, so that nothing of the original's notes is in them.

use std::io::Cursor;

use heic_decoder::HeifError;
use image::{
    DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits, Rgb, RgbImage, Rgba, RgbaImage,
    codecs::jpeg::JpegEncoder, imageops::FilterType,
};
use tidings_domain::{
    limits::PREVIEW_SOURCE_PIXELS_MAX,
    media::{Made, Making, MediaType, Picture, Piece, PreviewFault, PreviewSize},
};

/// What a decoder may take, in bytes: eight for each pixel, which the widest form has.
const DECODER_BYTES_MAX: u64 = 8 * PREVIEW_SOURCE_PIXELS_MAX + (16 << 20);
const QUALITY: u8 = 80;

pub(crate) fn make(mime: MediaType, bytes: &[u8]) -> Making {
    let (pictures, pieces) = pieces(flat(&read(mime, bytes)?))?;
    Ok((Made { pictures, ..Made::default() }, pieces))
}

/// A picture in all sizes, and their objects.
pub(crate) type Pictures = (Vec<Picture>, Vec<(Piece, Vec<u8>)>);

pub(crate) fn pieces(mut picture: RgbImage) -> Result<Pictures, PreviewFault> {
    let (mut pictures, mut pieces) = (Vec::new(), Vec::new());
    // The largest first: each is made of the one before it.
    for (size, _) in PreviewSize::ALL.into_iter().rev() {
        picture = smaller(picture, size.pixels_max());
        let mut jpeg = Vec::new();
        JpegEncoder::new_with_quality(&mut jpeg, QUALITY).encode_image(&picture).map_err(|error| fault(&error))?;
        let (width, height, bytes) = (picture.width(), picture.height(), jpeg.len() as u64);
        pictures.push(Picture { size, width, height, bytes });
        pieces.push((Piece::Picture(size), jpeg));
    }
    Ok((pictures, pieces))
}

pub(crate) fn read(mime: MediaType, bytes: &[u8]) -> Result<DynamicImage, PreviewFault> {
    let format = match mime.name() {
        "image/jpeg" => ImageFormat::Jpeg,
        "image/png" => ImageFormat::Png,
        "image/gif" => ImageFormat::Gif,
        "image/webp" => ImageFormat::WebP,
        "image/heic" => return heic(bytes),
        _ => return Err(PreviewFault::Unsupported),
    };
    let bad = |error: ImageError| fault(&error);
    let mut limits = Limits::default();
    limits.max_alloc = Some(DECODER_BYTES_MAX);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(bad)?;
    let (width, height) = decoder.dimensions();
    // Before a single pixel is decoded: a few bytes may claim to be a picture of any size.
    if u64::from(width) * u64::from(height) > PREVIEW_SOURCE_PIXELS_MAX {
        return Err(PreviewFault::TooLarge);
    }
    let orientation = decoder.orientation().map_err(bad)?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(bad)?;
    if picture.width() == 0 || picture.height() == 0 {
        return Err(PreviewFault::Corrupt);
    }
    picture.apply_orientation(orientation);
    Ok(picture)
}

/// How a camera's picture is turned is in the file itself, and done by its decoder.
fn heic(bytes: &[u8]) -> Result<DynamicImage, PreviewFault> {
    let bad = |error: HeifError| match error {
        HeifError::Unsupported(_) => PreviewFault::Unsupported,
        HeifError::LimitExceeded(_) => PreviewFault::TooLarge,
        _ => PreviewFault::Corrupt,
    };
    let info = heic_decoder::probe(bytes).map_err(bad)?;
    let pixels = |width: usize, height: usize| (width as u64).saturating_mul(height as u64);
    if pixels(info.width, info.height).max(pixels(info.coded_width, info.coded_height)) > PREVIEW_SOURCE_PIXELS_MAX {
        return Err(PreviewFault::TooLarge);
    }
    let decoded = heic_decoder::decode(bytes).map_err(bad)?;
    let side = |side: usize| u32::try_from(side).map_err(|_| PreviewFault::TooLarge);
    let (width, height) = (side(decoded.width)?, side(decoded.height)?);
    let picture = if decoded.alpha.is_some() {
        RgbaImage::from_raw(width, height, decoded.to_rgba8().map_err(bad)?.data).map(DynamicImage::from)
    } else {
        RgbImage::from_raw(width, height, decoded.to_rgb8().map_err(bad)?.data).map(DynamicImage::from)
    };
    picture.filter(|picture| picture.width() > 0 && picture.height() > 0).ok_or(PreviewFault::Corrupt)
}

fn fault(error: &ImageError) -> PreviewFault {
    match error {
        ImageError::Unsupported(_) => PreviewFault::Unsupported,
        ImageError::Limits(_) => PreviewFault::TooLarge,
        _ => PreviewFault::Corrupt,
    }
}

/// The picture on white: a JPEG has no transparency.
fn flat(picture: &DynamicImage) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.to_rgb8();
    }
    let rgba = picture.to_rgba8();
    RgbImage::from_fn(rgba.width(), rgba.height(), |x, y| {
        let Rgba([r, g, b, a]) = *rgba.get_pixel(x, y);
        let over = |c: u8| {
            let mixed = (u32::from(c) * u32::from(a) + 255 * (255 - u32::from(a))) / 255;
            u8::try_from(mixed).unwrap_or(u8::MAX)
        };
        Rgb([over(r), over(g), over(b)])
    })
}

fn smaller(picture: RgbImage, pixels_max: u32) -> RgbImage {
    let longer = picture.width().max(picture.height());
    if longer <= pixels_max {
        return picture;
    }
    let scaled = |side: u32| {
        let side = u64::from(side) * u64::from(pixels_max) / u64::from(longer);
        u32::try_from(side).unwrap_or(pixels_max).max(1)
    };
    let (width, height) = (scaled(picture.width()), scaled(picture.height()));
    image::imageops::resize(&picture, width, height, FilterType::Triangle)
}

#[cfg(test)]
mod tests {
    use img_parts::{Bytes, ImageEXIF, jpeg::Jpeg};

    use super::*;

    fn of(name: &str) -> MediaType {
        MediaType::of(name).unwrap()
    }

    fn encoded(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
        let half = |x: u32| if x < width / 2 { Rgb([250, 10, 10]) } else { Rgb([10, 10, 250]) };
        let mut bytes = Cursor::new(Vec::new());
        RgbImage::from_fn(width, height, |x, _| half(x)).write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    fn sizes(made: &Made) -> Vec<(PreviewSize, u32, u32)> {
        made.pictures.iter().map(|picture| (picture.size, picture.width, picture.height)).collect()
    }

    #[test]
    fn there_are_three_sizes_of_every_form() {
        for (mime, format) in [
            ("image/jpeg", ImageFormat::Jpeg),
            ("image/png", ImageFormat::Png),
            ("image/gif", ImageFormat::Gif),
            ("image/webp", ImageFormat::WebP),
        ] {
            let (made, pieces) = make(of(mime), &encoded(2000, 1000, format)).unwrap();
            let expected =
                [(PreviewSize::Large, 1600, 800), (PreviewSize::Medium, 640, 320), (PreviewSize::Small, 160, 80)];
            assert_eq!(sizes(&made), expected, "{mime}");
            for (picture, (piece, bytes)) in made.pictures.iter().zip(&pieces) {
                assert_eq!(*piece, Piece::Picture(picture.size));
                assert_eq!(picture.bytes, bytes.len() as u64);
                let read = image::load_from_memory_with_format(bytes, ImageFormat::Jpeg).unwrap();
                assert_eq!((read.width(), read.height()), (picture.width, picture.height));
            }
        }
        let (made, _) = make(of("image/png"), &encoded(30, 20, ImageFormat::Png)).unwrap();
        assert!(sizes(&made).iter().all(|(_, width, height)| (*width, *height) == (30, 20)), "none is made larger");
        let (made, _) = make(of("image/png"), &encoded(4000, 1, ImageFormat::Png)).unwrap();
        assert!(sizes(&made).iter().all(|(_, _, height)| *height == 1), "nor vanishes");
    }

    #[test]
    fn it_stands_upright_and_its_notes_are_gone() {
        // Orientation 6: it lies on its side; left is up.
        const NOTE: &[u8] = b"MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0GPS: here";
        let mut jpeg = Jpeg::from_bytes(Bytes::from(encoded(400, 200, ImageFormat::Jpeg))).unwrap();
        jpeg.set_exif(Some(Bytes::from_static(NOTE)));
        let mut bytes = Vec::new();
        jpeg.encoder().write_to(&mut bytes).unwrap();
        let (made, pieces) = make(of("image/jpeg"), &bytes).unwrap();
        assert_eq!(sizes(&made)[0], (PreviewSize::Large, 200, 400));
        for (_, bytes) in pieces {
            assert!(!bytes.windows(4).any(|word| word == b"Exif" || word == b"GPS:"));
            let read = image::load_from_memory(&bytes).unwrap().to_rgb8();
            let [top, bottom] = [0, read.height() - 1].map(|y| read.get_pixel(read.width() / 2, y).0);
            assert!(top[0] > 200 && bottom[2] > 200, "{top:?} {bottom:?}");
        }
    }

    #[test]
    fn what_is_clear_becomes_white() {
        let mut bytes = Cursor::new(Vec::new());
        RgbaImage::from_pixel(20, 20, Rgba([0, 0, 0, 0])).write_to(&mut bytes, ImageFormat::Png).unwrap();
        let (_, pieces) = make(of("image/png"), bytes.get_ref()).unwrap();
        let read = image::load_from_memory(&pieces[0].1).unwrap().to_rgb8();
        assert!(read.pixels().all(|pixel| pixel.0.iter().all(|c| *c > 250)));
    }

    #[test]
    fn a_bomb_is_refused_before_it_is_decoded() {
        // A small picture that says it is one of 60,000 by 60,000 pixels, with the checksum that goes with it.
        let mut bytes = encoded(8, 8, ImageFormat::Png);
        bytes[16..24].copy_from_slice(&[0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60]);
        let sum = crc32(&bytes[12..29]).to_be_bytes();
        bytes[29..33].copy_from_slice(&sum);
        assert_eq!(make(of("image/png"), &bytes).unwrap_err(), PreviewFault::TooLarge);
    }

    fn crc32(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(!0, |mut crc: u32, byte| {
            crc ^= u32::from(*byte);
            for _ in 0..8 {
                crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
            }
            crc
        })
    }

    #[test]
    fn what_is_damaged_or_not_known_says_so() {
        let whole = encoded(200, 200, ImageFormat::Png);
        assert_eq!(make(of("image/png"), &whole[..whole.len() / 2]).unwrap_err(), PreviewFault::Corrupt);
        assert_eq!(make(of("image/png"), b"").unwrap_err(), PreviewFault::Corrupt);
        assert_eq!(make(of("image/jpeg"), b"\xff\xd8\xff\xe0").unwrap_err(), PreviewFault::Corrupt);
        assert_eq!(make(of("image/webp"), &whole).unwrap_err(), PreviewFault::Corrupt);
        assert_eq!(make(of("image/heic"), &whole).unwrap_err(), PreviewFault::Corrupt);
        assert_eq!(make(of("image/heic"), &HEIC[..HEIC.len() - 40]).unwrap_err(), PreviewFault::Corrupt);
        assert_eq!(make(of("image/avif"), &whole).unwrap_err(), PreviewFault::Unsupported);
    }

    const HEIC: &[u8] = include_bytes!("../samples/picture.heic");

    #[test]
    fn a_phone_s_picture_is_shown() {
        let (made, pieces) = make(of("image/heic"), HEIC).unwrap();
        assert_eq!(sizes(&made)[0], (PreviewSize::Large, 192, 108));
        let read = image::load_from_memory(&pieces[0].1).unwrap().to_rgb8();
        let tones: std::collections::BTreeSet<_> = read.pixels().map(|pixel| pixel.0.map(|c| c / 64)).collect();
        assert!(tones.len() > 10, "it has colours: {}", tones.len());
    }
}
