//! Writes a film that is played everywhere: H.264 and AAC in an MP4 whose table comes first.

use std::num::{NonZeroU16, NonZeroU32};

use rusty_h264::{Encoder, EncoderConfig, Preset, YuvFrame};
use shiguredo_mp4::{
    FixedPointNumber, TrackKind, Uint,
    boxes::{AudioSampleEntryFields, Avc1Box, AvccBox, EsdsBox, Mp4aBox, SampleEntry, VisualSampleEntryFields},
    descriptors::{DecoderConfigDescriptor, DecoderSpecificInfo, EsDescriptor, SlConfigDescriptor},
    mux::{Mp4FileMuxer, Mp4FileMuxerOptions, Sample, estimate_maximum_moov_box_size},
};
use symphonia::core::packet::Packet;
use tidings_domain::media::PreviewFault;

use crate::nal;

/// Ticks of a second, for pictures.
pub(crate) const TICKS: u64 = 90_000;
const TICKS_SCALE: NonZeroU32 = NonZeroU32::new(90_000).unwrap();
const BITS_PER_SECOND: u32 = 600_000;
/// Where one can go to, of so many frames one.
const KEY_FRAMES: u32 = 60;
const SEQUENCE_SET: u8 = 7;
const PICTURE_SET: u8 = 8;
const KEY_PICTURE: u8 = 5;
/// The last frame is shown for so long at most.
const TAIL_TICKS_MAX: u64 = 10 * TICKS;

/// Sound that is taken over as it is.
pub(crate) struct Sound {
    pub(crate) config: Vec<u8>,
    pub(crate) rate: u32,
    pub(crate) channels: usize,
    pub(crate) timescale: NonZeroU32,
    pub(crate) packets: Vec<Packet>,
}

/// A film that grows.
pub(crate) struct Reel {
    width: usize,
    height: usize,
    encoder: Option<Encoder>,
    frames: Vec<Frame>,
    sets: [Vec<Vec<u8>>; 2],
}

struct Frame {
    time: u64,
    is_key: bool,
    bytes: Vec<u8>,
}

impl Reel {
    pub(crate) fn new((width, height): (usize, usize)) -> Self {
        let mut config = EncoderConfig::new(width, height);
        (config.gop_size, config.bitrate, config.preset) = (KEY_FRAMES, BITS_PER_SECOND, Preset::Fast);
        Self { width, height, encoder: Encoder::new(config).ok(), frames: Vec::new(), sets: [Vec::new(), Vec::new()] }
    }

    /// Puts a frame that is shown from a time on, in ticks.
    pub(crate) fn put(&mut self, time: u64, frame: &YuvFrame) -> Result<(), PreviewFault> {
        let encoder = self.encoder.as_mut().ok_or(PreviewFault::Unsupported)?;
        let stream = encoder.encode(frame);
        let (mut bytes, mut is_key) = (Vec::with_capacity(stream.len() + 8), false);
        for piece in nal::split(&stream) {
            let set = match piece.first().map_or(0, |first| first & 0x1f) {
                SEQUENCE_SET => Some(0),
                PICTURE_SET => Some(1),
                kind => {
                    is_key |= kind == KEY_PICTURE;
                    None
                }
            };
            match set.and_then(|set| self.sets.get_mut(set)) {
                Some(sets) if !sets.iter().any(|known| known == piece) => sets.push(piece.to_vec()),
                Some(_) => {}
                None => {
                    let length = u32::try_from(piece.len()).map_err(|_| PreviewFault::TooLarge)?;
                    bytes.extend(length.to_be_bytes());
                    bytes.extend(piece);
                }
            }
        }
        self.frames.push(Frame { time, is_key, bytes });
        Ok(())
    }

    /// The file, whose last frame is shown for so many ticks; none where nothing was put.
    pub(crate) fn finish(self, tail: u64, sound: Option<&Sound>) -> Option<Vec<u8>> {
        let counts = [self.frames.len(), sound.map_or(0, |sound| sound.packets.len())];
        let reserved_moov_box_size = estimate_maximum_moov_box_size(&counts);
        let options = Mp4FileMuxerOptions { reserved_moov_box_size, ..Mp4FileMuxerOptions::default() };
        let mut file = File { muxer: Mp4FileMuxer::with_options(options).ok()?, bytes: Vec::new() };
        file.bytes.extend(file.muxer.initial_boxes_bytes());
        let start = self.frames.first()?.time;
        let entry = self.entry()?;
        let heard = sound.and_then(|sound| Some((sound, sound.entry()?)));
        let mut heard_packets = heard.iter().flat_map(|(sound, _)| &sound.packets).peekable();
        let mut put_sound = |file: &mut File, until: u64| {
            while let Some((sound, entry)) = &heard {
                let before = |packet: &&Packet| sound.ticks(packet) <= until;
                let Some(packet) = heard_packets.next_if(before) else { break };
                let duration = u32::try_from(packet.dur.get()).ok()?;
                file.put(TrackKind::Audio, entry, true, (sound.timescale, duration), &packet.data)?;
            }
            Some(())
        };
        for (n, frame) in self.frames.iter().enumerate() {
            let time = frame.time - start;
            put_sound(&mut file, time)?;
            let until = self.frames.get(n + 1).map_or(frame.time + tail.clamp(1, TAIL_TICKS_MAX), |next| next.time);
            let duration = u32::try_from(until.saturating_sub(frame.time)).ok()?;
            file.put(TrackKind::Video, &entry, frame.is_key, (TICKS_SCALE, duration), &frame.bytes)?;
        }
        put_sound(&mut file, u64::MAX)?;
        file.finish()
    }

    fn entry(&self) -> Option<SampleEntry> {
        let [sps_list, pps_list] = self.sets.clone();
        let [_, profile, compatibility, level] = *sps_list.first()?.first_chunk()?;
        let is_high = !matches!(profile, 66 | 77 | 88);
        Some(SampleEntry::Avc1(Avc1Box {
            visual: VisualSampleEntryFields {
                data_reference_index: NonZeroU16::MIN,
                width: u16::try_from(self.width).ok()?,
                height: u16::try_from(self.height).ok()?,
                horizresolution: VisualSampleEntryFields::DEFAULT_HORIZRESOLUTION,
                vertresolution: VisualSampleEntryFields::DEFAULT_VERTRESOLUTION,
                frame_count: VisualSampleEntryFields::DEFAULT_FRAME_COUNT,
                compressorname: VisualSampleEntryFields::NULL_COMPRESSORNAME,
                depth: VisualSampleEntryFields::DEFAULT_DEPTH,
            },
            avcc_box: AvccBox {
                avc_profile_indication: profile,
                profile_compatibility: compatibility,
                avc_level_indication: level,
                length_size_minus_one: Uint::new(3),
                sps_list,
                pps_list,
                chroma_format: is_high.then(|| Uint::new(1)),
                bit_depth_luma_minus8: is_high.then(|| Uint::new(0)),
                bit_depth_chroma_minus8: is_high.then(|| Uint::new(0)),
                sps_ext_list: Vec::new(),
            },
            unknown_boxes: Vec::new(),
        }))
    }
}

impl Sound {
    /// When a packet is heard, in the ticks of pictures.
    fn ticks(&self, packet: &Packet) -> u64 {
        let units = u64::try_from(packet.pts.get()).unwrap_or_default();
        let ticks = u128::from(units) * u128::from(TICKS) / u128::from(self.timescale.get());
        u64::try_from(ticks).unwrap_or(u64::MAX)
    }

    /// None of sound that the box has no place for: the film is silent then.
    fn entry(&self) -> Option<SampleEntry> {
        Some(SampleEntry::Mp4a(Mp4aBox {
            audio: AudioSampleEntryFields {
                data_reference_index: NonZeroU16::MIN,
                channelcount: u16::try_from(self.channels).ok()?,
                samplesize: AudioSampleEntryFields::DEFAULT_SAMPLESIZE,
                samplerate: FixedPointNumber::new(u16::try_from(self.rate).ok()?, 0),
            },
            esds_box: EsdsBox {
                es: EsDescriptor {
                    es_id: EsDescriptor::MIN_ES_ID,
                    stream_priority: EsDescriptor::LOWEST_STREAM_PRIORITY,
                    depends_on_es_id: None,
                    url_string: None,
                    ocr_es_id: None,
                    dec_config_descr: DecoderConfigDescriptor {
                        object_type_indication: DecoderConfigDescriptor::OBJECT_TYPE_INDICATION_AUDIO_ISO_IEC_14496_3,
                        stream_type: DecoderConfigDescriptor::STREAM_TYPE_AUDIO,
                        up_stream: DecoderConfigDescriptor::UP_STREAM_FALSE,
                        buffer_size_db: Uint::new(0),
                        max_bitrate: 0,
                        avg_bitrate: 0,
                        dec_specific_info: Some(DecoderSpecificInfo { payload: self.config.clone() }),
                    },
                    sl_config_descr: SlConfigDescriptor,
                },
            },
            unknown_boxes: Vec::new(),
        }))
    }
}

/// A file that grows.
struct File {
    muxer: Mp4FileMuxer,
    bytes: Vec<u8>,
}

impl File {
    fn put(
        &mut self,
        track_kind: TrackKind,
        entry: &SampleEntry,
        keyframe: bool,
        (timescale, duration): (NonZeroU32, u32),
        data: &[u8],
    ) -> Option<()> {
        let sample = Sample {
            track_kind,
            sample_entry: Some(entry.clone()),
            keyframe,
            timescale,
            duration,
            composition_time_offset: None,
            data_offset: self.bytes.len() as u64,
            data_size: data.len(),
        };
        self.muxer.append_sample(&sample).ok()?;
        self.bytes.extend(data);
        Some(())
    }

    fn finish(mut self) -> Option<Vec<u8>> {
        for (offset, boxed) in self.muxer.finalize().ok()?.offset_and_bytes_pairs() {
            let begin = usize::try_from(offset).ok()?;
            let end = begin + boxed.len();
            self.bytes.resize(self.bytes.len().max(end), 0);
            self.bytes.get_mut(begin..end)?.copy_from_slice(boxed);
        }
        Some(self.bytes)
    }
}
