//! The pieces that H.264 is in: in files with their length before them, at decoders with a mark.

const MARK: [u8; 4] = [0, 0, 0, 1];
const PICTURE: u8 = 1;
const KEY_PICTURE: u8 = 5;

/// What a file says of its H.264.
pub(crate) struct Config<'a> {
    length_bytes: usize,
    sets: Vec<&'a [u8]>,
}

/// What is decoded at once.
pub(crate) struct Unit {
    pub(crate) stream: Vec<u8>,
    /// Whether frames that are shown before it are all before it.
    pub(crate) begins: bool,
}

impl<'a> Config<'a> {
    /// Reads the contents of an `avcC` box.
    pub(crate) fn read(record: &'a [u8]) -> Option<Self> {
        let length_bytes = usize::from(record.get(4)? & 3) + 1;
        let (mut sets, mut rest) = (Vec::new(), record.get(5..)?);
        for mask in [0x1f, 0xff] {
            let (count, after) = rest.split_first()?;
            rest = after;
            for _ in 0..count & mask {
                let (length, after) = rest.split_first_chunk()?;
                let (set, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
                sets.push(set);
                rest = after;
            }
        }
        Some(Self { length_bytes, sets })
    }

    pub(crate) fn parameter_sets(&self) -> Vec<u8> {
        self.sets.iter().flat_map(|set| MARK.iter().chain(*set).copied()).collect()
    }

    /// One picture, as a decoder takes it. Of a packet that holds more of them the first: each costs as much as it says that
    /// it is large, though it be of few bytes.
    pub(crate) fn unit(&self, packet: &[u8]) -> Option<Unit> {
        let (mut unit, mut rest, mut pictures) =
            (Unit { stream: Vec::with_capacity(packet.len() + 16), begins: false }, packet, 0);
        while let Some((length, after)) = rest.split_at_checked(self.length_bytes) {
            let length = length.iter().fold(0_usize, |length, byte| length << 8 | usize::from(*byte));
            let Some((piece, after)) = after.split_at_checked(length) else { break };
            rest = after;
            let [first, ..] = piece else { continue };
            let kind = first & 0x1f;
            if matches!(kind, PICTURE | KEY_PICTURE) {
                // A picture begins with the first of its blocks, whose number, nought, is written as a one.
                pictures += usize::from(piece.get(1).is_some_and(|byte| byte & 0x80 != 0));
                unit.begins |= kind == KEY_PICTURE;
            }
            if pictures > 1 {
                break;
            }
            unit.stream.extend(MARK);
            unit.stream.extend(piece);
        }
        (pictures > 0).then_some(unit)
    }
}

/// The pieces between marks.
pub(crate) fn split(stream: &[u8]) -> Vec<&[u8]> {
    let mut begins: Vec<usize> = Vec::new();
    let mut at = 0;
    while let Some(window) = stream.get(at..at + 3) {
        if window == [0, 0, 1] {
            begins.push(at + 3);
            at += 3;
        } else {
            at += 1;
        }
    }
    let ends = begins.iter().skip(1).map(|begin| begin - 3).chain([stream.len()]);
    let piece = |(begin, end): (&usize, usize)| {
        let piece = stream.get(*begin..end)?;
        // Noughts before a mark are of the mark.
        let length = piece.iter().rposition(|byte| *byte != 0)? + 1;
        piece.get(..length)
    };
    begins.iter().zip(ends).filter_map(piece).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_found_between_marks() {
        let stream = [0, 0, 0, 1, 7, 1, 2, 0, 0, 1, 8, 3, 0, 0, 0, 1, 5, 0, 9];
        assert_eq!(split(&stream), [&[7, 1, 2][..], &[8, 3], &[5, 0, 9]]);
        assert!(split(&[]).is_empty() && split(&[0, 0]).is_empty() && split(&[0, 0, 1]).is_empty());
    }

    #[test]
    fn a_packet_is_one_picture() {
        let config = Config::read(&[1, 66, 0, 30, 0xff, 0xe1, 0, 2, 7, 9, 1, 0, 2, 8, 9]).unwrap();
        assert_eq!(config.parameter_sets(), [0, 0, 0, 1, 7, 9, 0, 0, 0, 1, 8, 9]);
        let unit = config.unit(&[0, 0, 0, 2, 5, 0x80, 0, 0, 0, 2, 5, 0x40, 0, 0, 0, 2, 1, 0x80]).unwrap();
        assert_eq!(unit.stream, [0, 0, 0, 1, 5, 0x80, 0, 0, 0, 1, 5, 0x40]);
        assert!(unit.begins);
        assert!(config.unit(&[0, 0, 0, 9, 5]).is_none() && config.unit(&[]).is_none());
        for bad in [&[][..], &[1, 66, 0, 30, 0xff], &[1, 66, 0, 30, 0xff, 0xe1, 0, 9, 7]] {
            assert!(Config::read(bad).is_none());
        }
    }
}
