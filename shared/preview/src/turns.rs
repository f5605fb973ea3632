//! How a film lies: phones write it as the sensor lies, and say how it is to be turned.

use crate::yuv::Turns;

/// Boxes that are looked through, of each kind.
const BOXES_MAX: usize = 1000;
const ONE: i32 = 0x1_0000;

/// How often the pictures of an MP4 are to be turned; not at all where it does not say so.
pub(crate) fn of_film(file: &[u8]) -> Turns {
    let moov = children(file).find(|(name, _)| name == b"moov").map(|(_, moov)| moov).unwrap_or_default();
    let tracks = children(moov).filter(|(name, _)| name == b"trak").map(|(_, track)| track);
    tracks.filter(|track| is_film(track)).find_map(matrix).map_or(Turns::None, turns)
}

/// The boxes in a box.
fn children(mut rest: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    let next = move || {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let (name, after) = after.split_first_chunk::<4>()?;
        let (header, length) = match u32::from_be_bytes(*length) {
            0 => (8, rest.len()),
            1 => (16, usize::try_from(u64::from_be_bytes(*after.first_chunk()?)).ok()?),
            length => (8, usize::try_from(length).ok()?),
        };
        // What is cut off is looked at as far as it goes.
        let inner = rest.get(header..length.min(rest.len()))?;
        rest = rest.get(length..).unwrap_or_default();
        Some((*name, inner))
    };
    std::iter::from_fn(next).take(BOXES_MAX)
}

fn is_film(track: &[u8]) -> bool {
    let inner = |parent: &'_ [u8], wanted: &[u8; 4]| {
        children(parent).find(|(name, _)| name == wanted).map(|(_, inner)| inner.to_vec()).unwrap_or_default()
    };
    inner(&inner(track, b"mdia"), b"hdlr").get(8..12) == Some(b"vide")
}

/// The four numbers of a track's matrix that turn it.
fn matrix(track: &[u8]) -> Option<[i32; 4]> {
    let header = children(track).find(|(name, _)| name == b"tkhd").map(|(_, header)| header)?;
    let begin = if header.first()? == &1 { 52 } else { 40 };
    let number = |n: usize| Some(i32::from_be_bytes(*header.get(begin + 4 * n..)?.first_chunk()?));
    Some([number(0)?, number(1)?, number(3)?, number(4)?])
}

fn turns(matrix: [i32; 4]) -> Turns {
    if matrix == [0, ONE, -ONE, 0] {
        Turns::Once
    } else if matrix == [-ONE, 0, 0, -ONE] {
        Turns::Twice
    } else if matrix == [0, -ONE, ONE, 0] {
        Turns::Thrice
    } else {
        Turns::None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_matrix_of_the_pictures_says_how_it_lies() {
        assert_eq!(of_film(include_bytes!("../samples/turned.mov")), Turns::Once);
        assert_eq!(of_film(include_bytes!("../samples/film.mp4")), Turns::None);
        assert_eq!(of_film(b""), Turns::None);
        assert_eq!(of_film(b"\0\0\0\x01moov\0\0\0\0\0\0\0\x02"), Turns::None);
        assert_eq!(turns([-ONE, 0, 0, -ONE]), Turns::Twice);
        assert_eq!(turns([0, -ONE, ONE, 0]), Turns::Thrice);
        assert_eq!(turns([ONE / 2, 0, 0, ONE]), Turns::None, "what only a player can do");
    }
}
