//! Lists in pages, from the newest on.

use serde::Deserialize;

use super::error::PageError;

/// Entries of a page, if nobody asks for another number.
const USUAL: u64 = 25;

/// Most entries of a page.
const MOST: u64 = 100;

/// Which page is asked for.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub(super) struct Paging {
    before: Option<u64>,
    count: Option<u64>,
}

impl Paging {
    /// The numbers on the page, of those below `end`; the newest last.
    pub(super) fn range(self, end: u64) -> std::ops::Range<u64> {
        let end = self.before.map_or(end, |before| before.min(end));
        let count = self.count.unwrap_or(USUAL).clamp(1, MOST);
        end.saturating_sub(count)..end
    }

    /// The entries on the page, the newest first, of those from `first` on and below `end`; and what to ask for the next page
    /// with, none at the end.
    pub(super) fn page<T>(
        self,
        first: u64,
        end: u64,
        entry: impl Fn(u64) -> Result<T, PageError>,
    ) -> Result<(Vec<T>, Option<u64>), PageError> {
        let range = self.range(end);
        let range = range.start.max(first)..range.end.max(first);
        let entries = range.clone().rev().map(entry).collect::<Result<_, _>>()?;
        Ok((entries, next(&range, first)))
    }
}

/// What to ask for the next page with; none at the end.
pub(super) fn next(range: &std::ops::Range<u64>, first: u64) -> Option<u64> {
    (range.start > first).then_some(range.start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_cover_everything_once_and_are_bounded() {
        let mut seen = Vec::new();
        let mut before = None;
        loop {
            let range = Paging { before, count: Some(7) }.range(30);
            seen.extend(range.clone().rev());
            before = next(&range, 0);
            if before.is_none() {
                break;
            }
        }
        assert_eq!(seen, (0..30).rev().collect::<Vec<_>>());
        assert_eq!(Paging { before: Some(u64::MAX), count: Some(u64::MAX) }.range(1_000), 900..1_000);
        assert_eq!(Paging { before: Some(0), count: Some(0) }.range(1_000), 0..0);
        assert_eq!(Paging::default().range(0), 0..0);
    }
}
