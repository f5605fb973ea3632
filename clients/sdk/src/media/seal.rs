//! Content under a key of its own: cut into chunks that are each encrypted and authenticated (STREAM over
//! ChaCha20-Poly1305), so that any part of it can be read without the rest, and none can be left out, moved or cut off.

use std::fmt;

use aead_stream::{NewStream, StreamBE32, StreamPrimitive};
use base64::{Engine, engine::general_purpose::STANDARD};
use chacha20poly1305::{ChaCha20Poly1305, Key};
use serde::{Deserialize, Serialize};

use super::MediaError;

/// Bytes of content in one chunk; the last has what is left.
pub const CHUNK_BYTES: u64 = 64 * 1024;
/// What a chunk grows by.
const TAG_BYTES: u64 = 16;
const SEALED_CHUNK_BYTES: u64 = CHUNK_BYTES + TAG_BYTES;
const KEY_BYTES: usize = 32;
/// Of the cipher's 12 bytes, STREAM keeps five for the number of the chunk and whether it is the last.
const NONCE_BYTES: usize = 7;

/// The key of one content. It travels in the payload of the message, never to the service.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Sealing {
    key: [u8; KEY_BYTES],
    nonce: [u8; NONCE_BYTES],
}

#[derive(Serialize, Deserialize)]
struct Written {
    key: String,
    nonce: String,
}

impl From<Sealing> for Written {
    fn from(sealing: Sealing) -> Self {
        Self { key: STANDARD.encode(sealing.key), nonce: STANDARD.encode(sealing.nonce) }
    }
}

impl TryFrom<Written> for Sealing {
    type Error = &'static str;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        let bytes = |text: &str| STANDARD.decode(text).map_err(|_| "the key of the content is not base64");
        Ok(Self {
            key: bytes(&written.key)?.try_into().map_err(|_| "the key of the content is not of 32 bytes")?,
            nonce: bytes(&written.nonce)?.try_into().map_err(|_| "the nonce of the content is not of 7 bytes")?,
        })
    }
}

impl fmt::Debug for Sealing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealing(…)")
    }
}

impl Sealing {
    /// A new key. Each content has its own: under one key two contents would give each other away.
    pub fn new() -> Self {
        Self { key: rand::random(), nonce: rand::random() }
    }

    fn stream(&self) -> StreamBE32<ChaCha20Poly1305> {
        StreamBE32::new(&Key::from(self.key), &self.nonce.into())
    }

    /// The size of sealed content, in bytes.
    pub fn sealed_bytes(plain_bytes: u64) -> u64 {
        plain_bytes + chunks(plain_bytes) * TAG_BYTES
    }

    /// Where a run of chunks lies in the sealed content: from its first byte to after its last.
    pub(crate) fn span(plain_bytes: u64, first: u64, count: u64) -> (u64, u64) {
        let end = ((first + count) * SEALED_CHUNK_BYTES).min(Self::sealed_bytes(plain_bytes));
        (first * SEALED_CHUNK_BYTES, end)
    }

    /// Seals a run of whole chunks that begins with a chunk.
    fn seal(&self, plain: &[u8], first: u64, plain_bytes: u64) -> Result<Vec<u8>, MediaError> {
        let (stream, last) = (self.stream(), chunks(plain_bytes) - 1);
        let mut sealed = Vec::with_capacity(plain.len() + plain.len() / 4096 + 16);
        for (chunk, number) in plain.chunks(usize_of(CHUNK_BYTES)).zip(first..) {
            let position = u32::try_from(number).map_err(|_| MediaError::TooLarge)?;
            sealed.extend(stream.encrypt(position, number == last, chunk).map_err(|_| MediaError::Seal)?);
        }
        Ok(sealed)
    }

    /// Opens a run of chunks that begins with a chunk, of content of this size. What is not as it was sealed is an error.
    pub fn open(&self, sealed: &[u8], first: u64, plain_bytes: u64) -> Result<Vec<u8>, MediaError> {
        let (stream, last) = (self.stream(), chunks(plain_bytes) - 1);
        let mut plain = Vec::with_capacity(sealed.len());
        for (chunk, number) in sealed.chunks(usize_of(SEALED_CHUNK_BYTES)).zip(first..) {
            let position = u32::try_from(number).map_err(|_| MediaError::TooLarge)?;
            plain.extend(stream.decrypt(position, number == last, chunk).map_err(|_| MediaError::Damaged)?);
        }
        Ok(plain)
    }

    /// The bytes of the sealed content from one to before another, from content that can be read anywhere.
    pub(crate) fn sealed_range(
        &self,
        plain_bytes: u64,
        from: u64,
        to: u64,
        mut read: impl FnMut(u64, u64) -> Result<Vec<u8>, MediaError>,
    ) -> Result<Vec<u8>, MediaError> {
        let first = from / SEALED_CHUNK_BYTES;
        let after = to.div_ceil(SEALED_CHUNK_BYTES);
        let plain = read(first * CHUNK_BYTES, (after * CHUNK_BYTES).min(plain_bytes))?;
        let sealed = self.seal(&plain, first, plain_bytes)?;
        let start = usize_of(from - first * SEALED_CHUNK_BYTES);
        sealed.get(start..start + usize_of(to - from)).map(<[u8]>::to_vec).ok_or(MediaError::Changed)
    }
}

impl Default for Sealing {
    fn default() -> Self {
        Self::new()
    }
}

/// How many chunks content has; empty content has one, so that its end is authenticated as well.
pub(crate) fn chunks(plain_bytes: u64) -> u64 {
    plain_bytes.div_ceil(CHUNK_BYTES).max(1)
}

pub(crate) fn usize_of(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sealed(sealing: &Sealing, plain: &[u8], from: u64, to: u64) -> Vec<u8> {
        let read = |a: u64, b: u64| Ok(plain[usize_of(a)..usize_of(b)].to_vec());
        sealing.sealed_range(plain.len() as u64, from, to, read).unwrap()
    }

    fn whole(sealing: &Sealing, plain: &[u8]) -> Vec<u8> {
        sealed(sealing, plain, 0, Sealing::sealed_bytes(plain.len() as u64))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn any_part_opens_alone_and_parts_make_up_the_whole(
            bytes in prop_oneof![1..9_usize, 65_530..65_545_usize, 131_060..131_090_usize, 1..400_000_usize],
            cut in 0.0..1.0_f64,
        ) {
            let plain: Vec<u8> = (0..bytes).map(|n| u8::try_from(n * 7 % 251).unwrap()).collect();
            let sealing = Sealing::new();
            let all = whole(&sealing, &plain);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a place within")]
            let middle = (all.len() as f64 * cut) as u64;
            let joined = [sealed(&sealing, &plain, 0, middle), sealed(&sealing, &plain, middle, all.len() as u64)].concat();
            prop_assert_eq!(&joined, &all);
            prop_assert_eq!(&sealing.open(&all, 0, plain.len() as u64).unwrap(), &plain);
            let last = chunks(plain.len() as u64) - 1;
            let (from, to) = Sealing::span(plain.len() as u64, last, 1);
            let end = sealing.open(&all[usize_of(from)..usize_of(to)], last, plain.len() as u64).unwrap();
            prop_assert_eq!(&end, &plain[usize_of(last * CHUNK_BYTES)..]);
        }
    }

    #[test]
    fn what_was_changed_moved_or_cut_off_does_not_open() {
        let plain = vec![7; 200_000];
        let size = plain.len() as u64;
        let sealing = Sealing::new();
        let all = whole(&sealing, &plain);
        let mut changed = all.clone();
        changed[100_000] ^= 1;
        assert!(sealing.open(&changed, 0, size).is_err());
        let chunk = usize_of(SEALED_CHUNK_BYTES);
        let moved = [&all[chunk..2 * chunk], &all[..chunk], &all[2 * chunk..]].concat();
        assert!(sealing.open(&moved, 0, size).is_err());
        assert!(sealing.open(&all[..2 * chunk], 0, 2 * CHUNK_BYTES).is_err(), "the last that is there is not the last");
        assert!(sealing.open(&all[chunk..], 0, size).is_err());
        assert!(Sealing::new().open(&all, 0, size).is_err());
        assert!(sealing.open(&all, 0, size).is_ok());
    }

    #[test]
    fn a_key_is_written_and_read_and_never_shown() {
        let sealing = Sealing::new();
        let text = serde_json::to_string(&sealing).unwrap();
        assert_eq!(serde_json::from_str::<Sealing>(&text).unwrap(), sealing);
        assert!(serde_json::from_str::<Sealing>(r#"{"key":"AAAA","nonce":"AAAA"}"#).is_err());
        assert_eq!(format!("{sealing:?}"), "Sealing(…)");
    }
}
