//! How a claim over an interval of blocks or steps is cut into segments.
//!
//! A claim covers `(start, start + length]` and commits to a value at the end of each segment. Parts have one size, the
//! stride: the largest power of 16 strictly below the length, at least 1. The last segment may be shorter. The contracts
//! compute the same.

/// Most segments of an interval.
pub const MAX_SEGMENTS: u64 = 16;

/// An interval `(start, start + length]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Interval {
    /// The block or step that is agreed: the first covered one is the one after.
    pub start: u64,
    /// How many blocks or steps it covers.
    pub length: u64,
}

impl Interval {
    /// The interval `(start, end]`; `None` if it covers nothing.
    pub const fn between(start: u64, end: u64) -> Option<Self> {
        if end > start { Some(Self { start, length: end - start }) } else { None }
    }

    /// The last covered block or step.
    pub const fn end(&self) -> u64 {
        self.start.saturating_add(self.length)
    }

    /// Size of all segments but the last.
    pub const fn stride(&self) -> u64 {
        let mut stride = 1;
        let mut rest = self.length.saturating_sub(1) / MAX_SEGMENTS;
        while rest != 0 {
            stride *= MAX_SEGMENTS;
            rest /= MAX_SEGMENTS;
        }
        stride
    }

    /// Number of segments, at most 16; 0 of an empty interval.
    pub const fn segments(&self) -> u64 {
        self.length.div_ceil(self.stride())
    }

    /// A segment, by its index; `None` behind the last.
    pub const fn segment(&self, index: u64) -> Option<Self> {
        if index >= self.segments() {
            return None;
        }
        let stride = self.stride();
        let offset = index * stride;
        let left = self.length - offset;
        let length = if left < stride { left } else { stride };
        Some(Self { start: self.start.saturating_add(offset), length })
    }

    /// The ends of the segments, in order: where a claim commits to values.
    pub fn ends(self) -> impl Iterator<Item = u64> {
        (0..self.segments()).filter_map(move |index| self.segment(index).map(|segment| segment.end()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn interval(length: u64) -> Interval {
        Interval { start: 100, length }
    }

    #[test]
    fn strides_and_parts() {
        let table = [
            (1, 1, 1),
            (2, 1, 2),
            (16, 1, 16),
            (17, 16, 2),
            (32, 16, 2),
            (33, 16, 3),
            (256, 16, 16),
            (257, 256, 2),
            (4096, 256, 16),
            (4097, 4096, 2),
            (u64::MAX, 1 << 60, 16),
        ];
        for (length, stride, segments) in table {
            assert_eq!(
                (interval(length).stride(), interval(length).segments()),
                (stride, segments),
                "{length}"
            );
        }
    }

    #[test]
    fn parts_tile_the_interval() {
        for length in 1..5000 {
            let whole = interval(length);
            let mut at = whole.start;
            for index in 0..whole.segments() {
                let segment = whole.segment(index).unwrap();
                assert_eq!(segment.start, at);
                assert!(segment.length >= 1 && segment.length <= whole.stride());
                assert!(segment.length < whole.length || length == 1, "segments get smaller");
                at = segment.end();
            }
            assert_eq!(at, whole.end());
            assert_eq!(whole.segment(whole.segments()), None);
            assert_eq!(whole.ends().last(), Some(whole.end()));
        }
    }

    #[test]
    fn nothing_to_cover() {
        assert_eq!(Interval::between(5, 5), None);
        assert_eq!(Interval::between(5, 4), None);
        assert_eq!(Interval::between(5, 7), Some(Interval { start: 5, length: 2 }));
        assert_eq!(interval(0).segments(), 0);
        assert_eq!(interval(0).ends().count(), 0);
        let huge = Interval { start: 0, length: u64::MAX };
        assert_eq!(huge.ends().last(), Some(u64::MAX));
    }
}
