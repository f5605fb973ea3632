//! Films: how long they take, a picture of how they begin, and, of those that are not too long, a form that is played
//! everywhere: H.264 of at most 640 by 360 pixels, with the sound that it had where that is AAC.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    io::Cursor,
};

use image::{RgbImage, imageops};
use rusty_h264::{DecodeError, Decoder, YuvFrame};
use symphonia::core::{
    codecs::{
        audio::well_known::CODEC_ID_AAC,
        video::{
            VideoCodecParameters,
            well_known::{CODEC_ID_H264, CODEC_ID_VP8},
        },
    },
    formats::{FormatOptions, FormatReader, Track, TrackType, probe::Hint},
    io::{MediaSourceStream, MediaSourceStreamOptions},
    meta::MetadataOptions,
    packet::Packet,
    units::TimeBase,
};
use tidings_domain::{
    limits::{
        PREVIEW_FILM_FRAMES_MAX, PREVIEW_FILM_MS_MAX, PREVIEW_FILM_PIXELS, PREVIEW_FILM_PIXELS_MAX,
        PREVIEW_FRAME_PIXELS_MAX, PREVIEW_PLAYABLE_MS_MAX, PREVIEW_SOURCE_BYTES_MAX,
    },
    media::{Made, Making, MediaType, Piece, PreviewFault},
};

use crate::{
    nal, picture,
    reel::{Reel, Sound, TICKS},
    sound::{self, fault},
    turns,
    yuv::{self, Turns},
};

/// Frames of H.264 come out of their order by no more.
const REORDER_MAX: usize = 16;
/// So many frames are tried until one can be shown.
const POSTER_TRIES: usize = 64;
/// Ticks between two frames at least: some 30 a second.
const FRAME_TICKS_MIN: u64 = TICKS / 31;

pub(crate) fn make(bytes: Vec<u8>) -> Making {
    let turns = turns::of_film(&bytes);
    let cut = Cut::read(bytes)?;
    let duration_ms = cut.duration_ms()?;
    let codec = cut.parameters.codec;
    let (poster, reel) = if codec == CODEC_ID_H264 {
        h264(&cut, turns, duration_ms)?
    } else if codec == CODEC_ID_VP8 {
        (vp8(&cut)?, None)
    } else {
        return Err(PreviewFault::Unsupported);
    };
    let (pictures, mut pieces) = picture::pieces(upright(poster, turns))?;
    let playable_bytes = reel.as_ref().map(|bytes| bytes.len() as u64);
    pieces.extend(reel.map(|bytes| (Piece::Film, bytes)));
    Ok((Made { pictures, duration_ms: Some(duration_ms), playable_bytes, ..Made::default() }, pieces))
}

fn upright(picture: RgbImage, turns: Turns) -> RgbImage {
    match turns {
        Turns::None => picture,
        Turns::Once => imageops::rotate90(&picture),
        Turns::Twice => imageops::rotate180(&picture),
        Turns::Thrice => imageops::rotate270(&picture),
    }
}

/// A film, cut into what is decoded at once.
struct Cut {
    parameters: VideoCodecParameters,
    base: TimeBase,
    packets: Vec<Packet>,
    sound: Option<Sound>,
}

impl Cut {
    fn read(bytes: Vec<u8>) -> Result<Self, PreviewFault> {
        let source = MediaSourceStream::new(Box::new(Cursor::new(bytes)), MediaSourceStreamOptions::default());
        let mut format = symphonia::default::get_probe()
            .probe(&Hint::new(), source, FormatOptions::default(), MetadataOptions::default())
            .map_err(|error| fault(&error))?;
        let track = format.default_track(TrackType::Video).ok_or(PreviewFault::Unsupported)?;
        let (id, base) = (track.id, track.time_base.ok_or(PreviewFault::Corrupt)?);
        let parameters = track.codec_params.as_ref().and_then(|parameters| parameters.video());
        let parameters = parameters.ok_or(PreviewFault::Unsupported)?.clone();
        let heard = format.default_track(TrackType::Audio).and_then(|track| Some((track.id, aac(track)?)));
        let mut cut = Self { parameters, base, packets: Vec::new(), sound: None };
        let (heard, mut sound) = heard.unzip();
        cut.fill(&mut *format, id, heard, sound.as_mut())?;
        cut.sound = sound;
        Ok(cut)
    }

    fn fill(
        &mut self,
        format: &mut dyn FormatReader,
        seen: u32,
        heard: Option<u32>,
        mut sound: Option<&mut Sound>,
    ) -> Result<(), PreviewFault> {
        let (mut bytes, mut count) = (0, 0);
        while let Some(packet) = sound::next(format)? {
            // A table may name the same bytes time and again.
            bytes += packet.data.len() as u64;
            count += 1;
            if bytes > PREVIEW_SOURCE_BYTES_MAX || count > PREVIEW_FILM_FRAMES_MAX {
                return Err(PreviewFault::TooLarge);
            }
            if packet.track_id == seen {
                self.packets.push(packet);
            } else if let Some(sound) = sound.as_mut().filter(|_| Some(packet.track_id) == heard) {
                sound.packets.push(packet);
            }
        }
        if self.packets.is_empty() { Err(PreviewFault::Corrupt) } else { Ok(()) }
    }

    fn ticks(&self, units: i64) -> u64 {
        ticks(self.base, units)
    }

    fn duration_ms(&self) -> Result<u64, PreviewFault> {
        let end = |packet: &Packet| self.ticks(packet.pts.saturating_add(packet.dur).get());
        let begin = self.packets.iter().map(|packet| self.ticks(packet.pts.get())).min().unwrap_or_default();
        let end = self.packets.iter().map(end).max().unwrap_or_default();
        let ms = end.saturating_sub(begin).saturating_mul(1000) / TICKS;
        if ms > PREVIEW_FILM_MS_MAX { Err(PreviewFault::TooLarge) } else { Ok(ms) }
    }

    fn extra(&self) -> &[u8] {
        self.parameters.extra_data.first().map_or(&[], |extra| &extra.data)
    }
}

/// Units of a base in ticks; what is before the beginning is at it.
fn ticks(base: TimeBase, units: i64) -> u64 {
    let units = u128::from(u64::try_from(units).unwrap_or_default());
    let ticks = units * u128::from(base.numer.get()) * u128::from(TICKS) / u128::from(base.denom.get());
    u64::try_from(ticks).unwrap_or(u64::MAX)
}

/// What a track of AAC says of its sound; none of other sound: there is nothing that would make AAC of it.
fn aac(track: &Track) -> Option<Sound> {
    let parameters = track.codec_params.as_ref()?.audio()?;
    if parameters.codec != CODEC_ID_AAC {
        return None;
    }
    let base = track.time_base.filter(|base| base.numer.get() == 1)?;
    let config = parameters.extra_data.as_ref()?.to_vec();
    let channels = parameters.channels.as_ref().map_or(1, symphonia::core::audio::Channels::count);
    Some(Sound { config, rate: parameters.sample_rate?, channels, timescale: base.denom, packets: Vec::new() })
}

/// The first frame of VP8 is coded as a WebP is.
fn vp8(cut: &Cut) -> Result<RgbImage, PreviewFault> {
    let frame = &cut.packets.first().ok_or(PreviewFault::Corrupt)?.data;
    let length = u32::try_from(frame.len()).map_err(|_| PreviewFault::TooLarge)?;
    let padded = length + length % 2;
    let mut webp = b"RIFF".to_vec();
    webp.extend((padded.saturating_add(12)).to_le_bytes());
    webp.extend(b"WEBPVP8 ");
    webp.extend(length.to_le_bytes());
    webp.extend(frame);
    webp.resize(20 + padded as usize, 0);
    let webp_type = MediaType::of("image/webp").ok_or(PreviewFault::Unsupported)?;
    Ok(picture::read(webp_type, &webp)?.to_rgb8())
}

/// The first picture, and the whole film made small where that is not too much.
fn h264(cut: &Cut, turns: Turns, duration_ms: u64) -> Result<(RgbImage, Option<Vec<u8>>), PreviewFault> {
    let config = nal::Config::read(cut.extra()).ok_or(PreviewFault::Corrupt)?;
    let mut player = Player::new(&config)?;
    let mut shown = 0;
    for packet in cut.packets.iter().take(POSTER_TRIES) {
        player.take(&config, packet, cut);
        shown += 1;
        if player.waiting.len() >= REORDER_MAX {
            break;
        }
    }
    let first = player.waiting.values().next().ok_or(player.fault)?;
    let pixels = (first.width * first.height) as u64;
    let poster = yuv::to_rgb(first);
    let all = pixels.saturating_mul(cut.packets.len() as u64);
    if all > PREVIEW_FILM_PIXELS_MAX || duration_ms > PREVIEW_PLAYABLE_MS_MAX {
        return Ok((poster, None));
    }
    let (width, height) = size(first.width, first.height);
    let mut reel =
        Reel::new(if matches!(turns, Turns::Once | Turns::Thrice) { (height, width) } else { (width, height) });
    let mut last = None;
    let mut put = |player: &mut Player| {
        let Some((time, frame)) = player.next() else { return Ok(()) };
        // Of more frames than are shown in a second, some are left out.
        if last.is_some_and(|last| time < last + FRAME_TICKS_MIN) {
            return Ok(());
        }
        last = Some(time);
        reel.put(time, &yuv::fitted(&frame, width, height, turns))
    };
    let mut rest = cut.packets.iter().skip(shown);
    loop {
        while player.waiting.len() >= REORDER_MAX {
            put(&mut player)?;
        }
        let Some(packet) = rest.next() else { break };
        player.take(&config, packet, cut);
        // A film may change its size on its way.
        if player.pixels > PREVIEW_FILM_PIXELS_MAX {
            return Ok((poster, None));
        }
    }
    while !player.waiting.is_empty() {
        put(&mut player)?;
    }
    let tail = cut.packets.last().map_or(0, |packet| ticks(cut.base, i64::try_from(packet.dur.get()).unwrap_or(0)));
    Ok((poster, reel.finish(tail, cut.sound.as_ref())))
}

/// A size of at most 640 by 360 pixels, or 360 by 640, and of even sides.
fn size(width: usize, height: usize) -> (usize, usize) {
    let [short, long] = PREVIEW_FILM_PIXELS;
    let (across, along) = if width >= height { (long, short) } else { (short, long) };
    let (width, height) = (width.max(1), height.max(1));
    let even = |side: usize| (side / 2 * 2).max(16);
    if width <= across && height <= along {
        return (even(width), even(height));
    }
    if width * along > height * across {
        (even(across), even(height * across / width))
    } else {
        (even(width * along / height), even(along))
    }
}

/// Decodes, and puts frames into the order in which they are shown.
struct Player {
    decoder: Decoder,
    /// Frames that are decoded and may have to wait for one that is shown earlier: by the sequence that they are of, their
    /// place there, and how many came before.
    waiting: BTreeMap<(u64, i32, u64), YuvFrame>,
    /// The times of all of them: the earliest is that of the frame that is shown first.
    times: BinaryHeap<Reverse<u64>>,
    sequence: u64,
    count: u64,
    pixels: u64,
    fault: PreviewFault,
}

impl Player {
    fn new(config: &nal::Config<'_>) -> Result<Self, PreviewFault> {
        let mut decoder = Decoder::new();
        if let Err(error) = decoder.decode(&config.parameter_sets()) {
            return Err(decoder_fault(&error));
        }
        Ok(Self {
            decoder,
            waiting: BTreeMap::new(),
            times: BinaryHeap::new(),
            sequence: 0,
            count: 0,
            pixels: 0,
            fault: PreviewFault::Corrupt,
        })
    }

    /// A frame that cannot be read is left out, as a player does it.
    fn take(&mut self, config: &nal::Config<'_>, packet: &Packet, cut: &Cut) {
        let Some(unit) = config.unit(&packet.data) else { return };
        match self.decoder.decode(&unit.stream) {
            Ok(Some(frame)) => {
                let pixels = (frame.width * frame.height) as u64;
                self.pixels = self.pixels.saturating_add(pixels);
                if pixels == 0 || frame.width < 2 || frame.height < 2 {
                    return;
                }
                if pixels > PREVIEW_FRAME_PIXELS_MAX {
                    self.fault = PreviewFault::TooLarge;
                    return;
                }
                self.sequence += u64::from(unit.begins);
                self.count += 1;
                self.waiting.insert((self.sequence, self.decoder.last_poc(), self.count), frame);
                self.times.push(Reverse(cut.ticks(packet.pts.get())));
            }
            Ok(None) => {}
            Err(error) => self.fault = decoder_fault(&error),
        }
    }

    fn next(&mut self) -> Option<(u64, YuvFrame)> {
        let Reverse(time) = self.times.pop()?;
        self.waiting.pop_first().map(|(_, frame)| (time, frame))
    }
}

fn decoder_fault(error: &DecodeError) -> PreviewFault {
    match error {
        DecodeError::Unsupported(_) => PreviewFault::Unsupported,
        _ => PreviewFault::Corrupt,
    }
}

#[cfg(test)]
mod tests {
    use tidings_domain::media::PreviewSize;

    use super::*;

    const FILM: &[u8] = include_bytes!("../samples/film.mp4");
    const TURNED: &[u8] = include_bytes!("../samples/turned.mov");
    const CLIP: &[u8] = include_bytes!("../samples/clip.webm");

    fn sizes(made: &Made) -> Vec<(u32, u32)> {
        made.pictures.iter().map(|picture| (picture.width, picture.height)).collect()
    }

    fn film(pieces: &[(Piece, Vec<u8>)]) -> Option<&[u8]> {
        pieces.iter().find(|(piece, _)| *piece == Piece::Film).map(|(_, bytes)| bytes.as_slice())
    }

    /// The mean of how far two pictures are apart, of 255.
    fn apart(one: &RgbImage, other: &RgbImage) -> f64 {
        assert_eq!(one.dimensions(), other.dimensions());
        let sum: u64 = one.iter().zip(other.iter()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
        #[expect(clippy::cast_precision_loss, reason = "small")]
        let mean = sum as f64 / one.len() as f64;
        mean
    }

    #[test]
    fn of_a_film_there_is_a_picture_its_length_and_a_small_film_with_its_sound() {
        // High profile, with frames out of their order, and AAC.
        let (made, pieces) = make(FILM.to_vec()).unwrap();
        assert_eq!(sizes(&made), [(192, 108), (192, 108), (160, 90)]);
        assert_eq!((made.duration_ms, made.peaks.len()), (Some(1200), 0));
        let small = film(&pieces).unwrap();
        assert_eq!(made.playable_bytes, Some(small.len() as u64));
        // It is a film itself, with as many frames, at the same times, and the same sound.
        let (before, after) = (Cut::read(FILM.to_vec()).unwrap(), Cut::read(small.to_vec()).unwrap());
        assert_eq!((before.packets.len(), after.packets.len()), (18, 18));
        assert_eq!(after.duration_ms().unwrap(), 1200);
        let sound = |cut: &Cut| cut.sound.as_ref().unwrap().packets.iter().map(|p| p.data.clone()).collect::<Vec<_>>();
        assert!(!sound(&before).is_empty());
        assert_eq!(sound(&before), sound(&after));
        let (again, _) = make(small.to_vec()).unwrap();
        assert_eq!(again.duration_ms, Some(1200));
    }

    #[test]
    fn frames_come_in_the_order_in_which_they_are_shown() {
        let shown = |bytes: &[u8]| {
            let cut = Cut::read(bytes.to_vec()).unwrap();
            let config = nal::Config::read(cut.extra()).unwrap();
            let mut player = Player::new(&config).unwrap();
            let mut shown = Vec::new();
            for packet in &cut.packets {
                player.take(&config, packet, &cut);
            }
            while let Some((time, frame)) = player.next() {
                shown.push((time, yuv::to_rgb(&frame)));
            }
            shown
        };
        let (_, pieces) = make(FILM.to_vec()).unwrap();
        let (before, after) = (shown(FILM), shown(film(&pieces).unwrap()));
        assert_eq!(before.len(), after.len());
        for (n, ((_, one), (_, other))) in before.iter().zip(&after).enumerate() {
            assert!(apart(one, other) < 12.0, "frame {n} is another: {}", apart(one, other));
        }
        assert!(after.windows(2).all(|pair| pair[0].0 < pair[1].0), "times rise");
        assert!(apart(&before[0].1, &before[17].1) > 3.0, "frames differ at all");
    }

    #[test]
    fn a_film_that_lies_on_its_side_is_put_upright() {
        let (made, pieces) = make(TURNED.to_vec()).unwrap();
        assert_eq!(sizes(&made)[0], (108, 192));
        let (again, _) = make(film(&pieces).unwrap().to_vec()).unwrap();
        assert_eq!(sizes(&again)[0], (108, 192), "its pixels are turned: no player needs to");
        let large = |pieces: &[(Piece, Vec<u8>)]| {
            let of = |(piece, _): &&(Piece, Vec<u8>)| *piece == Piece::Picture(PreviewSize::Large);
            image::load_from_memory(&pieces.iter().find(of).unwrap().1).unwrap().to_rgb8()
        };
        let (_, second) = make(film(&pieces).unwrap().to_vec()).unwrap();
        assert!(apart(&large(&pieces), &large(&second)) < 12.0);
    }

    #[test]
    fn of_a_web_film_there_is_a_picture_and_its_length() {
        let (made, pieces) = make(CLIP.to_vec()).unwrap();
        assert_eq!(sizes(&made)[0], (192, 108));
        assert!(made.duration_ms.is_some_and(|ms| (400..=600).contains(&ms)), "{:?}", made.duration_ms);
        assert_eq!((made.playable_bytes, pieces.len()), (None, 3));
    }

    #[test]
    fn sizes_fit_and_are_even() {
        assert_eq!(size(1920, 1080), (640, 360));
        assert_eq!(size(1080, 1920), (360, 640));
        assert_eq!(size(1000, 1000), (360, 360));
        assert_eq!(size(3840, 100), (640, 16));
        assert_eq!(size(321, 201), (320, 200));
        assert_eq!(size(2, 2), (16, 16));
    }

    #[test]
    fn what_is_damaged_says_so() {
        assert_eq!(make(Vec::new()).unwrap_err(), PreviewFault::Unsupported, "no form that is known");
        assert!(make(FILM[..200].to_vec()).is_err());
        // A film that is found in a lot of damage is still within bounds.
        for sample in [FILM, TURNED, CLIP] {
            for step in [37_usize, 101, 499, 1009] {
                let mut noise = sample.to_vec();
                for n in (step + 40..noise.len()).step_by(step) {
                    noise[n] ^= 0x55;
                }
                let Ok((made, pieces)) = make(noise) else { continue };
                assert_eq!(made.pictures.len(), 3);
                assert!(made.pictures.iter().all(|picture| picture.width <= picture.size.pixels_max()));
                assert_eq!(made.playable().is_some(), film(&pieces).is_some());
            }
        }
    }
}
