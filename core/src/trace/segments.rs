//! Lists that grow without being moved: segments of a fixed size. A list in one piece takes more than twice its size while it is
//! moved to a larger place, and a WebAssembly memory never gives back what it once took.

use super::event::Step;
use alloc::vec::Vec;
use core::ops::{Index, Range};

/// A list of segments with room for `SIZE` items each.
#[derive(Clone, Debug)]
pub(super) struct Segments<T, const SIZE: usize> {
    /// All but the last are full, or end early where what came next had to be in one piece.
    segments: Vec<Vec<T>>,
}

impl<T, const SIZE: usize> Default for Segments<T, SIZE> {
    fn default() -> Self {
        Segments { segments: Vec::new() }
    }
}

impl<T: Copy, const SIZE: usize> Segments<T, SIZE> {
    /// Returns the place where the next item goes: a number of items if none were put in pieces.
    pub(super) fn end(&self) -> usize {
        let full = self.segments.len().saturating_sub(1) * SIZE;
        full + self.segments.last().map_or(0, Vec::len)
    }
    /// Forgets all items, and keeps the room of the first segment.
    pub(super) fn clear(&mut self) {
        self.segments.truncate(1);
        self.segments.iter_mut().for_each(Vec::clear);
    }
    /// Returns the segment that has room for `more` items, which may be more than a segment's.
    fn open(&mut self, more: usize) -> &mut Vec<T> {
        if self.segments.last().is_none_or(|last| last.len() + more > SIZE) {
            let first = self.segments.is_empty();
            // What is longer than a segment has the places of several.
            let long = self.segments.last().map_or(0, |last| last.len().saturating_sub(1) / SIZE);
            self.segments.extend((0..long).map(|_| Vec::new()));
            // The first one grows as it is filled: most lists are short.
            self.segments.push(if first { Vec::new() } else { Vec::with_capacity(SIZE.max(more)) });
        }
        let at = self.segments.len() - 1;
        &mut self.segments[at]
    }
    /// Keeps an item in the next place.
    pub(super) fn push(&mut self, item: T) {
        self.open(1).push(item);
    }
    fn get(&self, at: usize) -> Option<&T> {
        self.segments.get(at / SIZE)?.get(at % SIZE)
    }
    /// Keeps items in one piece and returns their place.
    pub(super) fn put(&mut self, items: &[T]) -> usize {
        self.open(items.len()).extend_from_slice(items);
        self.end() - items.len()
    }
    /// Returns `len` items that were put in one piece at `start`; none where there are fewer.
    pub(super) fn piece(&self, start: usize, len: usize) -> &[T] {
        let segment = self.segments.get(start / SIZE).map_or(&[][..], |segment| segment);
        segment.get(start % SIZE..start % SIZE + len).unwrap_or(&[])
    }
}

/// The steps of a trace, in segments.
pub(super) type StepList = Segments<Step, 4096>;

/// A range of a trace's steps.
#[derive(Clone, Copy, Debug)]
pub struct Steps<'a> {
    all: &'a StepList,
    start: usize,
    end: usize,
}

impl StepList {
    /// Returns all steps.
    pub(super) fn steps(&self) -> Steps<'_> {
        Steps { all: self, start: 0, end: self.end() }
    }
}

impl<'a> Steps<'a> {
    /// Returns how many steps there are.
    pub fn len(self) -> usize {
        self.end - self.start
    }
    /// Is there no step?
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }
    /// Returns the step at `index`, counted from the first of the range.
    pub fn get(self, index: usize) -> Option<&'a Step> {
        if index >= self.len() {
            return None;
        }
        self.all.get(self.start + index)
    }
    /// Returns as much of a range as there is.
    pub fn range(self, range: Range<usize>) -> Steps<'a> {
        let end = range.end.min(self.len());
        Steps { all: self.all, start: self.start + range.start.min(end), end: self.start + end }
    }
    /// Returns the steps from `start` on.
    pub fn from(self, start: usize) -> Steps<'a> {
        self.range(start..self.len())
    }
    /// Goes through the steps, in order or backwards.
    pub fn iter(self) -> StepIter<'a> {
        StepIter { all: self.all, left: self.start..self.end }
    }
}

impl Index<usize> for Steps<'_> {
    type Output = Step;
    fn index(&self, index: usize) -> &Step {
        match self.get(index) {
            Some(step) => step,
            None => panic!("step {index} of {}", self.len()),
        }
    }
}

impl PartialEq for Steps<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl<'a> IntoIterator for Steps<'a> {
    type Item = &'a Step;
    type IntoIter = StepIter<'a>;
    fn into_iter(self) -> StepIter<'a> {
        self.iter()
    }
}

/// Goes through steps.
#[derive(Clone, Debug)]
pub struct StepIter<'a> {
    all: &'a StepList,
    left: Range<usize>,
}

impl<'a> Iterator for StepIter<'a> {
    type Item = &'a Step;
    fn next(&mut self) -> Option<&'a Step> {
        self.left.next().and_then(|at| self.all.get(at))
    }
    fn nth(&mut self, n: usize) -> Option<&'a Step> {
        self.left.nth(n).and_then(|at| self.all.get(at))
    }
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.left.size_hint()
    }
}
impl DoubleEndedIterator for StepIter<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.left.next_back().and_then(|at| self.all.get(at))
    }
}
impl ExactSizeIterator for StepIter<'_> {}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use proptest::prelude::*;

    proptest! {
        /// Pieces are what was put, wherever segments end and however long the pieces are.
        #[test]
        fn pieces_stay_in_one_piece(lens in proptest::collection::vec(0usize..40, 1..60)) {
            let mut list = Segments::<u32, 16>::default();
            let mut kept = vec![];
            for (n, len) in lens.iter().enumerate() {
                let items: Vec<u32> = (0..*len as u32).map(|i| n as u32 * 100 + i).collect();
                kept.push((list.put(&items), items));
            }
            for (start, items) in &kept {
                prop_assert_eq!(list.piece(*start, items.len()), &items[..]);
            }
            prop_assert!(list.piece(list.end(), 1).is_empty());
        }

        /// One by one it is a list like any other.
        #[test]
        fn items_have_the_places_of_a_list(n in 0usize..100) {
            let mut list = Segments::<usize, 16>::default();
            (0..n).for_each(|i| list.push(i));
            prop_assert_eq!(list.end(), n);
            prop_assert!((0..n).all(|i| list.get(i) == Some(&i)));
            prop_assert_eq!(list.get(n), None);
            // No more room is taken than a segment beyond what is held.
            let room: usize = list.segments.iter().map(Vec::capacity).sum();
            prop_assert!(room <= n + 16, "{room} for {n}");
        }
    }
}
