//! Sound: how long it is, its waveform, and, of what is as short as a voice note, a form that is played everywhere.

use std::io::Cursor;

use opus_decoder::OpusDecoder;
use symphonia::core::{
    audio::Channels,
    codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions, well_known::CODEC_ID_OPUS},
    errors::Error,
    formats::{FormatOptions, FormatReader, TrackType, probe::Hint},
    io::{MediaSourceStream, MediaSourceStreamOptions},
    meta::MetadataOptions,
    packet::Packet,
};
use tidings_domain::{
    limits::{PREVIEW_PEAKS, PREVIEW_PLAYABLE_MS_MAX, PREVIEW_SOUND_MS_MAX},
    media::{Made, Making, Piece, PreviewFault},
};

/// Opus is always decoded at this rate.
const OPUS_RATE: u32 = 48_000;
/// The longest Opus packet, in samples of one channel: 120 ms.
const OPUS_FRAMES_MAX: usize = 5_760;
/// The playable form has at most so many samples a second, which voices need.
const PLAYABLE_RATE_MAX: u32 = 24_000;
/// The waveform is first taken of so many pieces of a second.
const BLOCKS_PER_SECOND: u32 = 100;
const WAV_HEADER_BYTES: u32 = 36;

pub(crate) fn make(bytes: Vec<u8>) -> Making {
    let source = MediaSourceStream::new(Box::new(Cursor::new(bytes)), MediaSourceStreamOptions::default());
    let probe = symphonia::default::get_probe();
    let mut format = probe
        .probe(&Hint::new(), source, FormatOptions::default(), MetadataOptions::default())
        .map_err(|error| fault(&error))?;
    let track = format.default_track(TrackType::Audio).ok_or(PreviewFault::Corrupt)?;
    let id = track.id;
    let delay = track.delay.unwrap_or_default();
    let parameters = track.codec_params.as_ref().and_then(|parameters| parameters.audio());
    let mut decoder = Decoder::of(parameters.ok_or(PreviewFault::Unsupported)?, delay)?;
    let mut meter = Meter::default();
    while let Some(packet) = next(&mut *format)? {
        if packet.track_id == id {
            decoder.decode(&packet, &mut meter)?;
        }
    }
    meter.finish()
}

pub(crate) fn fault(error: &Error) -> PreviewFault {
    match error {
        Error::Unsupported(_) => PreviewFault::Unsupported,
        Error::LimitError(_) => PreviewFault::TooLarge,
        _ => PreviewFault::Corrupt,
    }
}

/// The next packet; none at the end, though it comes too early: what is there is shown.
pub(crate) fn next(format: &mut dyn FormatReader) -> Result<Option<Packet>, PreviewFault> {
    match format.next_packet() {
        Ok(packet) => Ok(packet),
        Err(Error::IoError(_) | Error::DecodeError(_) | Error::ResetRequired) => Ok(None),
        Err(error) => Err(fault(&error)),
    }
}

/// What makes samples of packets.
enum Decoder {
    Known { decoder: Box<dyn AudioDecoder>, samples: Vec<f32> },
    Opus { decoder: Box<OpusDecoder>, channels: usize, samples: Vec<f32>, skip: usize },
}

impl Decoder {
    fn of(parameters: &AudioCodecParameters, delay: u32) -> Result<Self, PreviewFault> {
        if parameters.codec != CODEC_ID_OPUS {
            let decoder = symphonia::default::get_codecs()
                .make_audio_decoder(parameters, &AudioDecoderOptions::default())
                .map_err(|error| fault(&error))?;
            return Ok(Self::Known { decoder, samples: Vec::new() });
        }
        let channels = parameters.channels.as_ref().map_or(1, Channels::count);
        if !(1..=2).contains(&channels) {
            return Err(PreviewFault::Unsupported);
        }
        let decoder = OpusDecoder::new(OPUS_RATE, channels).map_err(|_| PreviewFault::Unsupported)?;
        let samples = vec![0.0; OPUS_FRAMES_MAX * channels];
        // What the encoder put before the beginning.
        Ok(Self::Opus { decoder: Box::new(decoder), channels, samples, skip: delay as usize })
    }

    /// A packet that cannot be read is left out, as a player does it.
    fn decode(&mut self, packet: &Packet, meter: &mut Meter) -> Result<(), PreviewFault> {
        match self {
            Self::Known { decoder, samples } => match decoder.decode(packet) {
                Ok(buffer) => {
                    let (rate, channels) = (buffer.spec().rate(), buffer.spec().channels().count());
                    buffer.copy_to_vec_interleaved(samples);
                    meter.take(samples, channels, rate)
                }
                Err(Error::DecodeError(_) | Error::IoError(_)) => Ok(()),
                Err(error) => Err(fault(&error)),
            },
            Self::Opus { decoder, channels, samples, skip } => {
                // Nothing in it means to a decoder that a packet was lost.
                if packet.data.is_empty() {
                    return Ok(());
                }
                let Ok(frames) = decoder.decode_float(&packet.data, samples, false) else { return Ok(()) };
                let skipped = frames.min(*skip);
                *skip -= skipped;
                let decoded = samples.get(skipped * *channels..frames * *channels).unwrap_or_default();
                meter.take(decoded, *channels, OPUS_RATE)
            }
        }
    }
}

/// Listens, and keeps what a preview needs of it.
#[derive(Default)]
struct Meter {
    rate: u32,
    frames: u64,
    /// The loudest sample of each block so far.
    blocks: Vec<f32>,
    /// Samples of the playable form, 16 bits each; none once it is too long.
    playable: Option<Vec<u8>>,
    sum: f32,
    summed: u32,
}

impl Meter {
    fn take(&mut self, samples: &[f32], channels: usize, rate: u32) -> Result<(), PreviewFault> {
        if channels == 0 || rate < BLOCKS_PER_SECOND {
            return Err(PreviewFault::Corrupt);
        }
        if self.rate == 0 {
            (self.rate, self.playable) = (rate, Some(Vec::new()));
        }
        if self.rate != rate {
            return Err(PreviewFault::Unsupported);
        }
        #[expect(clippy::cast_precision_loss, reason = "there are few channels")]
        let share = 1.0 / channels as f32;
        for frame in samples.chunks_exact(channels) {
            let sample = frame.iter().sum::<f32>() * share;
            self.hear(if sample.is_finite() { sample.clamp(-1.0, 1.0) } else { 0.0 });
        }
        if self.duration_ms() > PREVIEW_PLAYABLE_MS_MAX {
            self.playable = None;
        }
        if self.duration_ms() > PREVIEW_SOUND_MS_MAX { Err(PreviewFault::TooLarge) } else { Ok(()) }
    }

    fn hear(&mut self, sample: f32) {
        let block = usize::try_from(self.frames / u64::from(self.rate / BLOCKS_PER_SECOND)).unwrap_or(usize::MAX);
        match self.blocks.get_mut(block) {
            Some(loudest) => *loudest = loudest.max(sample.abs()),
            None => self.blocks.push(sample.abs()),
        }
        self.frames += 1;
        let Some(playable) = &mut self.playable else { return };
        self.sum += sample;
        self.summed += 1;
        if self.summed == self.rate.div_ceil(PLAYABLE_RATE_MAX) {
            #[expect(clippy::cast_precision_loss, reason = "a few samples")]
            let mean = self.sum / self.summed as f32;
            #[expect(clippy::cast_possible_truncation, reason = "between -1 and 1 before")]
            let value = (mean * f32::from(i16::MAX)) as i16;
            playable.extend(value.to_le_bytes());
            (self.sum, self.summed) = (0.0, 0);
        }
    }

    fn duration_ms(&self) -> u64 {
        self.frames * 1000 / u64::from(self.rate.max(1))
    }

    fn finish(mut self) -> Making {
        if self.frames == 0 {
            return Err(PreviewFault::Corrupt);
        }
        let duration_ms = Some(self.duration_ms());
        let playable =
            self.playable.take().map(|samples| wav(self.rate / self.rate.div_ceil(PLAYABLE_RATE_MAX), &samples));
        let playable_bytes = playable.as_ref().map(|bytes| bytes.len() as u64);
        let made = Made { pictures: Vec::new(), duration_ms, peaks: self.peaks().into(), playable_bytes };
        Ok((made, playable.into_iter().map(|bytes| (Piece::Playable, bytes)).collect()))
    }

    /// Evenly over the time, the loudest as high as can be: what was said softly is seen, too.
    fn peaks(&self) -> Vec<u8> {
        let loudest = self.blocks.iter().copied().fold(0.0_f32, f32::max).max(f32::MIN_POSITIVE);
        let count = PREVIEW_PEAKS.min(self.blocks.len());
        let peak = |n: usize| {
            let span = n * self.blocks.len() / count..(n + 1) * self.blocks.len() / count;
            let height = self.blocks[span].iter().copied().fold(0.0_f32, f32::max) / loudest;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 1 before")]
            let height = (height * 255.0) as u8;
            height
        };
        (0..count).map(peak).collect()
    }
}

/// A file of one channel and 16 bits a sample.
fn wav(rate: u32, samples: &[u8]) -> Vec<u8> {
    let length = u32::try_from(samples.len()).unwrap_or(u32::MAX - WAV_HEADER_BYTES);
    let mut file = Vec::with_capacity(samples.len() + 44);
    file.extend(b"RIFF");
    file.extend((WAV_HEADER_BYTES + length).to_le_bytes());
    file.extend(b"WAVEfmt ");
    file.extend(16_u32.to_le_bytes());
    file.extend([1_u16, 1].map(u16::to_le_bytes).concat());
    file.extend([rate, rate * 2].map(u32::to_le_bytes).concat());
    file.extend([2_u16, 16].map(u16::to_le_bytes).concat());
    file.extend(b"data");
    file.extend(length.to_le_bytes());
    file.extend(samples);
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Silence, then a tone, of so many milliseconds each.
    fn tone(rate: u32, ms: u32) -> Vec<u8> {
        let frames = rate * ms / 1000;
        let samples = (0..2 * frames).flat_map(|n| {
            let loud = n >= frames && n % 32 < 16;
            (if loud { 12_000_i16 } else { 0 }).to_le_bytes()
        });
        wav(rate, &samples.collect::<Vec<u8>>())
    }

    #[test]
    fn length_waveform_and_a_playable_form_are_told() {
        for (rate, playable_rate) in [(48_000, 24_000), (44_100, 22_050), (16_000, 16_000), (8_000, 8_000)] {
            let (made, pieces) = make(tone(rate, 2_000)).unwrap();
            assert_eq!(made.duration_ms, Some(4_000), "{rate}");
            assert_eq!(made.peaks.len(), PREVIEW_PEAKS);
            assert!(made.peaks[..49].iter().all(|peak| *peak == 0), "{:?}", made.peaks);
            assert!(made.peaks[51..].iter().all(|peak| *peak > 250), "{:?}", made.peaks);
            let [(Piece::Playable, bytes)] = &pieces[..] else { panic!("{rate}: {}", pieces.len()) };
            assert_eq!(made.playable_bytes, Some(bytes.len() as u64));
            assert_eq!(bytes[24..28], u32::to_le_bytes(playable_rate));
            // What was made is sound again, of the same length.
            assert_eq!(make(bytes.clone()).unwrap().0.duration_ms, Some(4_000));
        }
    }

    #[test]
    fn a_long_one_has_no_playable_form_and_a_longer_one_no_preview() {
        let (made, pieces) = make(tone(200, 301_000)).unwrap();
        assert_eq!((made.duration_ms, made.playable_bytes, pieces.len()), (Some(602_000), None, 0));
        assert_eq!(make(tone(200, 3_601_000)).unwrap_err(), PreviewFault::TooLarge);
    }

    #[test]
    fn a_short_or_broken_off_one_is_what_is_there() {
        let (made, _) = make(tone(8_000, 5)).unwrap();
        assert_eq!((made.duration_ms, made.peaks.len()), (Some(10), 1));
        let whole = tone(8_000, 1_000);
        let (made, _) = make(whole[..whole.len() / 2].to_vec()).unwrap();
        assert!((900..1_100).contains(&made.duration_ms.unwrap()), "{made:?}");
    }

    #[test]
    fn what_is_no_sound_says_so() {
        for bytes in [&b""[..], b"no sound at all", b"RIFF\0\0\0\0WAVE", b"OggS", b"\xff\xfb\x90\0", b"fLaC\0\0\0\x22"]
        {
            let fault = make(bytes.to_vec()).unwrap_err();
            assert!(matches!(fault, PreviewFault::Corrupt | PreviewFault::Unsupported), "{bytes:?}: {fault:?}");
        }
        // A header without a sample.
        assert_eq!(make(wav(8_000, &[])).unwrap_err(), PreviewFault::Corrupt);
    }

    fn ogg_page(kind: u8, granule: u64, number: u32, packets: &[&[u8]]) -> Vec<u8> {
        let mut page = b"OggS\0".to_vec();
        page.push(kind);
        page.extend(granule.to_le_bytes());
        page.extend(7_u32.to_le_bytes());
        page.extend(number.to_le_bytes());
        page.extend([0; 4]);
        page.push(u8::try_from(packets.len()).unwrap());
        page.extend(packets.iter().map(|packet| u8::try_from(packet.len()).unwrap()));
        page.extend(packets.concat());
        let crc = page.iter().fold(0_u32, |crc, byte| {
            (0..8).fold(crc ^ (u32::from(*byte) << 24), |crc, _| {
                if crc & 0x8000_0000 == 0 { crc << 1 } else { (crc << 1) ^ 0x04c1_1db7 }
            })
        });
        page[22..26].copy_from_slice(&crc.to_le_bytes());
        page
    }

    /// A voice note as phones make it, of packets of 20 ms.
    #[test]
    fn a_voice_note_in_opus_is_heard() {
        const SILENCE: &[u8] = &[0xf8, 0xff, 0xfe];
        let head = b"OpusHead\x01\x01\x38\x01\x80\xbb\0\0\0\0\0";
        let tags = b"OpusTags\x04\0\0\0test\0\0\0\0";
        let packets = [SILENCE; 50];
        let file =
            [ogg_page(2, 0, 0, &[head]), ogg_page(0, 0, 1, &[tags]), ogg_page(4, 50 * 960, 2, &packets)].concat();
        let (made, pieces) = make(file).unwrap();
        assert!((990..=1_000).contains(&made.duration_ms.unwrap()), "{made:?}");
        assert_eq!(pieces.len(), 1);
    }
}
