//! What an object is, as its bytes tell: read once, from the beginning to the end.

use sha2::{Digest, Sha256};
use tidings_domain::media::{Examined, Looks};

/// So many bytes of the beginning are looked at: every form that is known shows itself in them.
const HEAD_BYTES: usize = 8 * 1024;

/// Reads an object piece by piece.
#[derive(Debug, Default)]
pub(crate) struct Examiner {
    hash: Sha256,
    size_bytes: u64,
    head: Vec<u8>,
}

impl Examiner {
    pub(crate) fn read(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.size_bytes += bytes.len() as u64;
        let room = HEAD_BYTES - self.head.len();
        self.head.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    pub(crate) fn finish(self) -> Examined {
        let looks = looks_of(&self.head);
        Examined { size_bytes: self.size_bytes, sha256: hex(&self.hash.finalize()), looks }
    }
}

/// What the first bytes of an object look like.
fn looks_of(head: &[u8]) -> Looks {
    if let Some(found) = infer::get(head) {
        return Looks::Like(found.mime_type().to_owned());
    }
    // The end may cut a character in two.
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return Looks::Unknown,
    };
    let is_text = !text.is_empty() && !text.chars().any(|c| c.is_control() && !"\n\r\t\u{c}".contains(c));
    if is_text { Looks::Text } else { Looks::Unknown }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use tidings_domain::media::MediaType;

    use super::*;

    fn examined(pieces: &[&[u8]]) -> Examined {
        let mut examiner = Examiner::default();
        for piece in pieces {
            examiner.read(piece);
        }
        examiner.finish()
    }

    #[test]
    fn size_and_hash_are_of_all_pieces() {
        let whole = examined(&[b"hello world"]);
        assert_eq!(whole.sha256, "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9");
        assert_eq!(whole.size_bytes, 11);
        assert_eq!(examined(&[b"hello ", b"world"]), whole);
        let large = vec![b'x'; 3 * HEAD_BYTES];
        assert_eq!(examined(&[&large[..HEAD_BYTES - 1], &large[HEAD_BYTES - 1..]]), examined(&[&large]));
    }

    #[test]
    fn bytes_are_told_from_what_is_said_of_them() {
        let png = MediaType::of("image/png").unwrap();
        let plain = MediaType::of("text/plain").unwrap();
        assert!(png.may_look(&examined(&[b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"]).looks));
        assert!(!png.may_look(&examined(&[b"\xff\xd8\xff\xe0\0\x10JFIF"]).looks));
        assert!(!png.may_look(&examined(&[b"<!DOCTYPE html><script>"]).looks));
        assert!(!plain.may_look(&examined(&[b"<!DOCTYPE html><script>"]).looks));
        assert!(!plain.may_look(&examined(&[b"MZ\x90\0"]).looks));
        assert!(plain.may_look(&examined(&["Grüße\n".as_bytes()]).looks));
        assert!(plain.may_look(&examined(&["é".repeat(HEAD_BYTES).as_bytes(), b"x"]).looks));
        assert!(!plain.may_look(&examined(&[b"\0\0\0"]).looks));
    }
}
