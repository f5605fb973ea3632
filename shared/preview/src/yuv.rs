//! Frames of films, as codecs have them: brightness, and two colours of half the width and height.

use image::{Rgb, RgbImage};
use rusty_h264::YuvFrame;

/// Heights from which on a film that does not say so has the colours of high definition.
const HD_HEIGHT: usize = 720;

/// How often a picture is turned by a right angle, clockwise, before it is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Turns {
    #[default]
    None,
    Once,
    Twice,
    Thrice,
}

/// The frame in colours that are shown.
pub(crate) fn to_rgb(frame: &YuvFrame) -> RgbImage {
    // Shares of red and blue in brightness.
    let (red, blue) = if frame.height >= HD_HEIGHT { (0.2126_f32, 0.0722) } else { (0.299, 0.114) };
    let green = 1.0 - red - blue;
    let (width, height) = (side(frame.width), side(frame.height));
    RgbImage::from_fn(width, height, |x, y| {
        let (x, y) = (x as usize, y as usize);
        let at = |plane: &[u8], index: usize| f32::from(plane.get(index).copied().unwrap_or_default());
        let half = (y / 2) * (frame.width / 2) + (x / 2).min((frame.width / 2).saturating_sub(1));
        let light = (at(&frame.y, y * frame.width + x) - 16.0) * (255.0 / 219.0);
        let [bluer, redder] = [&frame.u, &frame.v].map(|plane| (at(plane, half) - 128.0) * (255.0 / 224.0));
        let in_red = light + 2.0 * (1.0 - red) * redder;
        let in_blue = light + 2.0 * (1.0 - blue) * bluer;
        let in_green = (light - red * in_red - blue * in_blue) / green;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 255 before")]
        let pixel = Rgb([in_red, in_green, in_blue].map(|c| c.clamp(0.0, 255.0) as u8));
        pixel
    })
}

fn side(pixels: usize) -> u32 {
    u32::try_from(pixels).unwrap_or_default()
}

/// The frame made smaller, and upright.
pub(crate) fn fitted(frame: &YuvFrame, width: usize, height: usize, turns: Turns) -> YuvFrame {
    let plane = |pixels: &[u8], from: (usize, usize), to: (usize, usize)| turned(&shrunk(pixels, from, to), to, turns);
    let (from, to) = ((frame.width, frame.height), (width, height));
    let (half_from, half_to) = ((frame.width / 2, frame.height / 2), (width / 2, height / 2));
    let lies = matches!(turns, Turns::Once | Turns::Thrice);
    let (width, height) = if lies { (height, width) } else { (width, height) };
    YuvFrame {
        width,
        height,
        y: plane(&frame.y, from, to),
        u: plane(&frame.u, half_from, half_to),
        v: plane(&frame.v, half_from, half_to),
    }
}

/// Each pixel is the mean of those in its place.
fn shrunk(pixels: &[u8], from: (usize, usize), to: (usize, usize)) -> Vec<u8> {
    let span = |n: usize, from: usize, to: usize| {
        let begin = n * from / to;
        begin..((n + 1) * from / to).max(begin + 1)
    };
    let mut smaller = Vec::with_capacity(to.0 * to.1);
    for y in 0..to.1 {
        for x in 0..to.0 {
            let (columns, mut sum, mut count) = (span(x, from.0, to.0), 0_u32, 0_u32);
            for row in span(y, from.1, to.1) {
                for pixel in pixels.get(row * from.0 + columns.start..row * from.0 + columns.end).unwrap_or_default() {
                    sum += u32::from(*pixel);
                    count += 1;
                }
            }
            smaller.push(u8::try_from(sum / count.max(1)).unwrap_or(u8::MAX));
        }
    }
    smaller
}

fn turned(pixels: &[u8], (width, height): (usize, usize), turns: Turns) -> Vec<u8> {
    let at = |x: usize, y: usize| pixels.get(y * width + x).copied().unwrap_or_default();
    let rows = |width: usize, height: usize, from: &dyn Fn(usize, usize) -> u8| {
        (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).map(|(x, y)| from(x, y)).collect()
    };
    match turns {
        Turns::None => pixels.to_vec(),
        Turns::Once => rows(height, width, &|x, y| at(y, height - 1 - x)),
        Turns::Twice => rows(width, height, &|x, y| at(width - 1 - x, height - 1 - y)),
        Turns::Thrice => rows(height, width, &|x, y| at(width - 1 - y, x)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_turned_clockwise_and_made_smaller() {
        let six = [1, 2, 3, 4, 5, 6];
        assert_eq!(turned(&six, (3, 2), Turns::Once), [4, 1, 5, 2, 6, 3]);
        assert_eq!(turned(&six, (3, 2), Turns::Twice), [6, 5, 4, 3, 2, 1]);
        assert_eq!(turned(&six, (3, 2), Turns::Thrice), [3, 6, 2, 5, 1, 4]);
        assert_eq!(shrunk(&[10, 20, 30, 40, 50, 60, 70, 80], (4, 2), (2, 1)), [35, 55]);
    }

    #[test]
    fn black_and_white_are_so() {
        let of = |light: u8| YuvFrame { width: 2, height: 2, y: vec![light; 4], u: vec![128], v: vec![128] };
        assert!(to_rgb(&of(16)).pixels().all(|pixel| pixel.0 == [0, 0, 0]));
        assert!(to_rgb(&of(235)).pixels().all(|pixel| pixel.0.iter().all(|c| *c >= 254)));
    }
}
