//! As much of MLS (RFC 9420) as the service looks at: the outside of framed messages, and of key packages who
//! they are of and how long they are good for. Signatures are for those to check who use what they sign.

use std::fmt;

/// A framed message's version: MLS 1.0.
const MLS10: u16 = 1;
const PUBLIC_MESSAGE: u16 = 1;
const PRIVATE_MESSAGE: u16 = 2;
const WELCOME: u16 = 3;
const KEY_PACKAGE: u16 = 5;
/// What a private message holds, where it is a commit.
const CONTENT_COMMIT: u8 = 3;
/// The suite that is spoken here: X25519, AES-128-GCM, SHA-256, Ed25519.
const SUITE: u16 = 1;
const BASIC_CREDENTIAL: u16 = 1;
/// A leaf that comes from a key package has a lifetime.
const SOURCE_KEY_PACKAGE: u8 = 1;
/// The extension by which a package says that it may be used again.
const LAST_RESORT: u16 = 0x000a;

/// Why something is not what it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotMls(&'static str);

impl fmt::Display for NotMls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// What a key package says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyPackageHead<'a> {
    /// Whose it is, as it says.
    pub identity: &'a [u8],
    /// What its owner signs with.
    pub signature_key: &'a [u8],
    /// It is good until then, in seconds since the epoch.
    pub not_after: u64,
    /// It may be used again.
    pub is_last_resort: bool,
}

/// What a commit says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommitHead<'a> {
    /// The group.
    pub group_id: &'a [u8],
    /// The epoch that it was made in.
    pub epoch: u64,
}

/// Reads bytes from the front, in the presentation language of TLS with the lengths of MLS.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn bytes(&mut self, count: usize) -> Result<&'a [u8], NotMls> {
        let (front, rest) = self.0.split_at_checked(count).ok_or(NotMls("is cut off"))?;
        self.0 = rest;
        Ok(front)
    }

    fn number(&mut self, count: usize) -> Result<u64, NotMls> {
        Ok(self.bytes(count)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn u16(&mut self) -> Result<u16, NotMls> {
        Ok(u16::try_from(self.number(2)?).unwrap_or_default())
    }

    fn u8(&mut self) -> Result<u8, NotMls> {
        Ok(u8::try_from(self.number(1)?).unwrap_or_default())
    }

    /// A vector, whose length takes one, two or four bytes, as the first two bits say; as few as it can.
    fn vector(&mut self) -> Result<&'a [u8], NotMls> {
        let first = self.u8()?;
        let length = u64::from(first & 0x3f);
        let length = match first >> 6 {
            0 => length,
            1 => length << 8 | self.number(1)?,
            2 => length << 24 | self.number(3)?,
            _ => return Err(NotMls("has a length that MLS does not know")),
        };
        let is_shortest = match first >> 6 {
            0 => true,
            1 => length >= 1 << 6,
            _ => length >= 1 << 14,
        };
        if !is_shortest {
            return Err(NotMls("has a length in more bytes than it takes"));
        }
        self.bytes(usize::try_from(length).unwrap_or(usize::MAX))
    }

    /// The frame of a message of this sort.
    fn framed(bytes: &'a [u8], formats: &[u16], what: &'static str) -> Result<(u16, Self), NotMls> {
        let mut reader = Self(bytes);
        if reader.u16()? != MLS10 {
            return Err(NotMls("is no framed message of MLS 1.0"));
        }
        let format = reader.u16()?;
        if formats.contains(&format) { Ok((format, reader)) } else { Err(NotMls(what)) }
    }
}

/// Reads a framed key package.
pub fn key_package(bytes: &[u8]) -> Result<KeyPackageHead<'_>, NotMls> {
    let (_, mut reader) = Reader::framed(bytes, &[KEY_PACKAGE], "is no key package")?;
    if reader.u16()? != MLS10 {
        return Err(NotMls("is no key package of MLS 1.0"));
    }
    if reader.u16()? != SUITE {
        return Err(NotMls("must be of the suite X25519, AES-128-GCM, SHA-256, Ed25519"));
    }
    reader.vector()?; // The key that a Welcome is encrypted to.
    reader.vector()?; // The key of the leaf.
    let signature_key = reader.vector()?;
    if reader.u16()? != BASIC_CREDENTIAL {
        return Err(NotMls("must have a basic credential"));
    }
    let identity = reader.vector()?;
    for _capability in ["versions", "suites", "extensions", "proposals", "credentials"] {
        reader.vector()?;
    }
    if reader.u8()? != SOURCE_KEY_PACKAGE {
        return Err(NotMls("has a leaf that is not of a key package"));
    }
    reader.number(8)?; // Not before: clocks differ, and who takes it looks.
    let not_after = reader.number(8)?;
    reader.vector()?; // Extensions of the leaf.
    reader.vector()?; // Its signature.
    let is_last_resort = has_extension(reader.vector()?, LAST_RESORT)?;
    reader.vector()?; // The signature of all.
    if !reader.0.is_empty() {
        return Err(NotMls("goes on after its end"));
    }
    Ok(KeyPackageHead { identity, signature_key, not_after, is_last_resort })
}

fn has_extension(extensions: &[u8], wanted: u16) -> Result<bool, NotMls> {
    let mut reader = Reader(extensions);
    let mut is_there = false;
    while !reader.0.is_empty() {
        is_there |= reader.u16()? == wanted;
        reader.vector()?;
    }
    Ok(is_there)
}

/// Reads the outside of a framed commit.
pub fn commit(bytes: &[u8]) -> Result<CommitHead<'_>, NotMls> {
    const WHAT: &str = "is no commit";
    let (format, mut reader) = Reader::framed(bytes, &[PRIVATE_MESSAGE, PUBLIC_MESSAGE], WHAT)?;
    let group_id = reader.vector()?;
    let epoch = reader.number(8)?;
    // Of a public message the sender comes first, and what it is only after that.
    if format == PRIVATE_MESSAGE && reader.u8()? != CONTENT_COMMIT {
        return Err(NotMls(WHAT));
    }
    Ok(CommitHead { group_id, epoch })
}

/// Whether this is a framed Welcome.
pub fn welcome(bytes: &[u8]) -> Result<(), NotMls> {
    Reader::framed(bytes, &[WELCOME], "is no Welcome").map(|_| ())
}

#[cfg(test)]
mod tests {
    use tidings_testkit::mls::{self, KeyPackageParts};

    use super::*;

    const GOOD: KeyPackageParts<'_> = KeyPackageParts {
        suite: 1,
        identity: b"alice/phone",
        signature_key: &[3; 32],
        not_after: 9,
        is_last_resort: false,
        number: 1,
    };

    #[test]
    fn a_key_package_says_whose_it_is() {
        let bytes = mls::key_package(&GOOD);
        let head = key_package(&bytes).unwrap();
        assert_eq!((head.identity, head.signature_key), (&b"alice/phone"[..], &[3; 32][..]));
        assert_eq!((head.not_after, head.is_last_resort), (9, false));
        assert!(
            key_package(&mls::key_package(&KeyPackageParts { is_last_resort: true, ..GOOD })).unwrap().is_last_resort
        );
    }

    #[test]
    fn what_is_no_key_package_is_refused() {
        let good = mls::key_package(&GOOD);
        for end in 0..good.len() {
            assert!(key_package(&good[..end]).is_err(), "cut off after {end}");
        }
        assert_eq!(key_package(&[&good[..], &[0]].concat()), Err(NotMls("goes on after its end")));
        assert!(key_package(&mls::key_package(&KeyPackageParts { suite: 2, ..GOOD })).is_err(), "another suite");
        assert!(key_package(&mls::welcome(9)).is_err());
        assert!(key_package(&[0, 1, 0, 5, 0, 1, 0, 1, 0xc0]).is_err(), "a length of eight bytes");
        assert!(key_package(&[0, 1, 0, 5, 0, 1, 0, 1, 0x40, 1, 7]).is_err(), "one byte's length in two");
    }

    #[test]
    fn a_commit_says_its_group_and_epoch() {
        let bytes = mls::private_message("g:1", 5, 3);
        assert_eq!(commit(&bytes).unwrap(), CommitHead { group_id: b"g:1", epoch: 5 });
        assert_eq!(commit(&mls::private_message("g:1", 5, 1)), Err(NotMls("is no commit")), "an application's message");
        assert!(commit(&mls::welcome(9)).is_err());
        assert!(welcome(&mls::welcome(9)).is_ok());
        assert!(welcome(&bytes).is_err());
    }
}
