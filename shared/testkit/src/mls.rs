//! Framed MLS messages (RFC 9420) whose outside is right and whose inside is nothing: as much as the
//! service looks at.

/// A vector, with its length in as few bytes as it takes.
fn vector(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap();
    let mut out = match length {
        0..0x40 => vec![length.to_be_bytes()[3]],
        0x40..0x4000 => (length | 0x4000).to_be_bytes()[2..].to_vec(),
        _ => (length | 0x8000_0000).to_be_bytes().to_vec(),
    };
    out.extend(bytes);
    out
}

/// A key package.
#[derive(Clone, Debug)]
pub struct KeyPackageParts<'a> {
    /// The cipher suite.
    pub suite: u16,
    /// Whose it says that it is.
    pub identity: &'a [u8],
    /// What it says that its owner signs with.
    pub signature_key: &'a [u8],
    /// Until when it is good, in seconds since the epoch.
    pub not_after: u64,
    /// It says that it may be used again.
    pub is_last_resort: bool,
    /// What makes it another than the next.
    pub number: u8,
}

/// A framed key package.
pub fn key_package(parts: &KeyPackageParts<'_>) -> Vec<u8> {
    let mut out = vec![0, 1, 0, 5, 0, 1];
    out.extend(parts.suite.to_be_bytes());
    for key in [&[parts.number; 32], &[2; 32], parts.signature_key] {
        out.extend(vector(key));
    }
    out.extend([0, 1]);
    out.extend(vector(parts.identity));
    for capability in [&[0, 1][..], &[0, 1], &[], &[], &[0, 1]] {
        out.extend(vector(capability));
    }
    out.push(1);
    out.extend(7_u64.to_be_bytes());
    out.extend(parts.not_after.to_be_bytes());
    out.extend(vector(&[]));
    out.extend(vector(&[4; 64]));
    let extensions: &[u8] = if parts.is_last_resort { &[0, 10, 0] } else { &[0, 11, 2, 0, 10] };
    out.extend(vector(extensions));
    out.extend(vector(&[5; 64]));
    out
}

/// A framed private message of this sort of content: 1 is an application's, 3 a commit.
pub fn private_message(group_id: &str, epoch: u64, content: u8) -> Vec<u8> {
    let mut out = vec![0, 1, 0, 2];
    out.extend(vector(group_id.as_bytes()));
    out.extend(epoch.to_be_bytes());
    out.push(content);
    out.extend(vector(&[]));
    out.extend(vector(&[6; 16]));
    out.extend(vector(&[7; 100]));
    out
}

/// A framed Welcome of about so many bytes.
pub fn welcome(bytes: usize) -> Vec<u8> {
    let mut out = vec![0, 1, 0, 3, 0, 1];
    out.extend(vector(&vec![8; bytes]));
    out
}
