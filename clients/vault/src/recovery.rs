//! The key of a backup, as a person writes it down.

use std::fmt;

use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::error::OpenError;
use crate::keys::random;

/// Crockford's: no letter looks like a digit.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const KEY_BYTES: usize = 32;
/// 256 bits of the key and 4 of a check sum, five to a letter.
const LETTERS: usize = 52;
const GROUP: usize = 4;

/// A text is no recovery key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecoveryKeyError {
    /// It has not 52 letters.
    #[error("a recovery key has {LETTERS} letters, and this has {0}")]
    Length(usize),
    /// A letter is none of the alphabet.
    #[error("a recovery key has no {0:?} in it")]
    Letter(char),
    /// A letter is wrong: the check sum does not fit.
    #[error("the recovery key is mistyped")]
    CheckSum,
}

/// The key of backups: 256 random bits, shown once, and kept by the user.
#[derive(Clone, PartialEq, Eq)]
pub struct RecoveryKey(Zeroizing<[u8; KEY_BYTES]>);

impl RecoveryKey {
    /// A new one.
    pub fn generate() -> Result<Self, OpenError> {
        Ok(Self(Zeroizing::new(random()?)))
    }

    /// As it is shown: 52 letters in groups of four.
    pub fn reveal(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(LETTERS + LETTERS / GROUP));
        let (mut bits, mut held) = (0u32, 0u32);
        let sum = check_sum(&self.0);
        let push = |value: u32, text: &mut String| {
            if text.len() % (GROUP + 1) == GROUP {
                text.push('-');
            }
            text.push(char::from(ALPHABET[(value & 31) as usize]));
        };
        for byte in self.0.iter() {
            bits = (bits << 8) | u32::from(*byte);
            held += 8;
            while held >= 5 {
                held -= 5;
                push(bits >> held, &mut text);
            }
        }
        // One bit is left: with the check sum, a whole letter.
        push((bits << 4) | u32::from(sum), &mut text);
        text
    }

    /// Reads what a person typed: case, spaces and hyphens do not matter, and O, I and L are the digits that they look like.
    pub fn parse(text: &str) -> Result<Self, RecoveryKeyError> {
        let mut values = Zeroizing::new(Vec::with_capacity(LETTERS));
        for letter in text.chars().filter(|letter| !letter.is_whitespace() && *letter != '-') {
            let upper = match letter.to_ascii_uppercase() {
                'O' => '0',
                'I' | 'L' => '1',
                other => other,
            };
            let value = ALPHABET.iter().position(|known| char::from(*known) == upper);
            values.push(u32::try_from(value.ok_or(RecoveryKeyError::Letter(letter))?).unwrap_or(0));
        }
        if values.len() != LETTERS {
            return Err(RecoveryKeyError::Length(values.len()));
        }
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        let (mut bits, mut held, mut at) = (0u32, 0u32, 0);
        for value in values.iter() {
            bits = (bits << 5) | value;
            held += 5;
            if held >= 8 && at < KEY_BYTES {
                held -= 8;
                key[at] = (bits >> held).to_be_bytes()[3];
                at += 1;
            }
        }
        if bits & 15 != u32::from(check_sum(&key)) {
            return Err(RecoveryKeyError::CheckSum);
        }
        Ok(Self(key))
    }

    pub(crate) fn as_bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }
}

impl fmt::Debug for RecoveryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryKey(…)")
    }
}

fn check_sum(key: &[u8; KEY_BYTES]) -> u8 {
    Sha256::digest(key)[0] & 15
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_read_back() {
        for _ in 0..50 {
            let key = RecoveryKey::generate().unwrap();
            let shown = key.reveal();
            assert_eq!(shown.chars().filter(char::is_ascii_alphanumeric).count(), LETTERS);
            assert_eq!(RecoveryKey::parse(&shown).unwrap(), key);
            let typed = shown.to_lowercase().replace('-', " ").replace('0', "o").replace('1', "l");
            assert_eq!(RecoveryKey::parse(&typed).unwrap(), key);
        }
        let known = RecoveryKey(Zeroizing::new([0; KEY_BYTES]));
        assert!(known.reveal().starts_with("0000-0000-"));
    }

    #[test]
    fn what_is_mistyped_is_noticed() {
        let shown = RecoveryKey::generate().unwrap().reveal();
        assert_eq!(RecoveryKey::parse(&shown[1..]), Err(RecoveryKeyError::Length(LETTERS - 1)));
        assert_eq!(RecoveryKey::parse(&shown.replace('-', "U")), Err(RecoveryKeyError::Letter('U')));
        // A sum of four bits: of all single wrong letters, most are noticed.
        let noticed = (0..LETTERS)
            .filter(|at| {
                let mut letters: Vec<char> = shown.chars().filter(|letter| *letter != '-').collect();
                letters[*at] = if letters[*at] == '7' { '8' } else { '7' };
                RecoveryKey::parse(&letters.iter().collect::<String>()).is_err()
            })
            .count();
        assert!(noticed > LETTERS / 2, "{noticed}");
    }
}
