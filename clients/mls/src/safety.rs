//! Safety numbers: 60 digits that two people compare, to see that nobody sits between them.

use std::collections::BTreeSet;
use std::fmt;

use sha2::{Digest as _, Sha512};

use crate::device::IdentityKey;

/// How often each half is hashed: what makes trying keys until one looks alike expensive.
const ITERATIONS: usize = 5_200;
/// The version of the construction, hashed first.
const VERSION: [u8; 2] = [0, 0];
const HALF_BYTES: usize = 30;
/// Digits are written in groups of this.
const GROUP_DIGITS: usize = 5;

/// The number of two users, the same on both sides.
///
/// It is made as Signal's numeric fingerprint is, version 0: for each user, SHA-512 is iterated over the version,
/// the keys and the user id, the keys being those of all their devices in ascending order, one after the other; of the
/// first 30 bytes, each five are a number of which the last five digits are taken; the smaller half stands first. It
/// changes whenever either of them adds, removes or replaces a device.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SafetyNumber {
    digits: String,
}

impl SafetyNumber {
    /// The number of two users, each with the identity keys of all their devices, in any order.
    pub fn of(one: (&str, &[IdentityKey]), other: (&str, &[IdentityKey])) -> Self {
        let mut halves = [half(one.0, one.1), half(other.0, other.1)];
        halves.sort();
        Self { digits: halves.concat() }
    }

    /// The 60 digits, without spaces: what is kept when a user says that they have compared them.
    pub fn digits(&self) -> &str {
        &self.digits
    }
}

impl fmt::Display for SafetyNumber {
    /// Twelve groups of five digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, digit) in self.digits.chars().enumerate() {
            if index > 0 && index % GROUP_DIGITS == 0 {
                f.write_str(" ")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for SafetyNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SafetyNumber({self})")
    }
}

fn half(user_id: &str, keys: &[IdentityKey]) -> String {
    let keys: Vec<u8> = keys.iter().collect::<BTreeSet<_>>().iter().flat_map(|key| *key.as_bytes()).collect();
    half_of(user_id, &keys)
}

/// One half of Signal's numeric fingerprint.
fn half_of(user_id: &str, keys: &[u8]) -> String {
    let mut hash = Sha512::new()
        .chain_update(VERSION)
        .chain_update(keys)
        .chain_update(user_id.as_bytes())
        .chain_update(keys)
        .finalize();
    for _ in 1..ITERATIONS {
        hash = Sha512::new().chain_update(hash).chain_update(keys).finalize();
    }
    let mut digits = String::with_capacity(HALF_BYTES);
    for chunk in hash[..HALF_BYTES].chunks(GROUP_DIGITS) {
        let number = chunk.iter().fold(0u64, |number, byte| (number << 8) | u64::from(*byte));
        let group = u32::try_from(number % 100_000).unwrap_or(0);
        digits.extend([10_000, 1_000, 100, 10, 1].iter().filter_map(|power| char::from_digit(group / power % 10, 10)));
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> IdentityKey {
        IdentityKey::from_bytes(&[byte; 32]).unwrap()
    }

    /// The published vector of Signal's numeric fingerprint: keys there begin with a type byte that ours do not have.
    #[test]
    fn each_half_is_signals() {
        let alice = hex("0506863bc66d02b40d27b8d49ca7c09e9239236f9d7d25d6fcca5ce13c7064d868");
        let bob = hex("05f781b6fb32fed9ba1cf2de978d4d5da28dc34046ae814402b5c0dbd96fda907b");
        assert_eq!(half_of("+14152222222", &alice), "300354477692869396892869876765");
        assert_eq!(half_of("+14153333333", &bob), "458257569162576843440918079131");
    }

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    }

    #[test]
    fn both_sides_see_the_same_and_every_change_shows() {
        let number = SafetyNumber::of(("alice", &[key(1), key(2)]), ("bob", &[key(3)]));
        assert_eq!(number, SafetyNumber::of(("bob", &[key(3)]), ("alice", &[key(2), key(1), key(1)])));
        assert_eq!(number.digits().len(), 60);
        assert!(number.digits().bytes().all(|digit| digit.is_ascii_digit()));
        assert_eq!(number.to_string().split(' ').map(str::len).collect::<Vec<_>>(), [5; 12]);
        for other in [
            SafetyNumber::of(("alice", &[key(1)]), ("bob", &[key(3)])),
            SafetyNumber::of(("alice", &[key(1), key(2)]), ("bob", &[key(4)])),
            SafetyNumber::of(("alice", &[key(1), key(2)]), ("bob", &[key(3), key(4)])),
            SafetyNumber::of(("alice", &[key(1), key(2)]), ("rob", &[key(3)])),
        ] {
            assert_ne!(number, other);
        }
    }
}
