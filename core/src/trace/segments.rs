//! Lists that grow without being moved: segments of a fixed size. A list in one piece takes more than twice its size while it is
//! moved to a larger place, and a WebAssembly memory never gives back what it once took.

use super::event::Step;
use alloc::vec::Vec;
use core::ops::{Index, Range};

/// A list of segments with places for `SIZE` items each. Room is taken apart from items, so that it can be drawn from a budget
/// by the segment and keeping an item is one comparison and one write.
#[derive(Clone, Debug)]
pub(super) struct Segments<T, const SIZE: usize> {
    /// All are full, or end early where what came next had to be in one piece.
    full: Vec<Vec<T>>,
    /// The segment that is being filled.
    open: Vec<T>,
    /// How many items the open segment may hold; there is capacity for them.
    room: usize,
}

impl<T, const SIZE: usize> Default for Segments<T, SIZE> {
    fn default() -> Self {
        Segments { full: Vec::new(), open: Vec::new(), room: 0 }
    }
}

impl<T: Copy, const SIZE: usize> Segments<T, SIZE> {
    /// Returns the place where the next item goes: a number of items if none were put in pieces.
    #[inline]
    pub(super) fn end(&self) -> usize {
        self.full.len() * SIZE + self.open.len()
    }
    /// Forgets all items, and keeps the room of the first segment.
    pub(super) fn clear(&mut self) {
        if !self.full.is_empty() {
            self.open = self.full.swap_remove(0);
            self.full.clear();
            self.room = self.open.capacity();
        }
        self.open.clear();
    }
    /// Returns for how many items there is room in all.
    pub(super) fn capacity(&self) -> usize {
        self.full.iter().map(Vec::capacity).sum::<usize>() + self.room
    }
    /// Returns for how many more items there is room in the open segment.
    pub(super) fn room(&self) -> usize {
        self.room - self.open.len()
    }
    /// Is there room for `more` items in one piece?
    #[inline]
    pub(super) fn has_room(&self, more: usize) -> bool {
        self.open.len() + more <= self.room
    }
    /// Returns for how many items [`make_room`](Self::make_room) would take memory.
    pub(super) fn lacks(&self, more: usize) -> usize {
        let wanted = self.open.len() + more;
        if wanted <= self.room {
            0
        } else if self.grows(wanted) {
            // The first one grows as it is filled: most lists are short.
            (2 * self.room).max(wanted).clamp(16.min(SIZE), SIZE) - self.room
        } else {
            SIZE.max(more)
        }
    }
    /// Is it the first segment, which is moved as it grows to its size?
    fn grows(&self, wanted: usize) -> bool {
        self.full.is_empty() && wanted <= SIZE
    }
    /// Takes room for `more` items in one piece, which may be more than a segment's.
    pub(super) fn make_room(&mut self, more: usize) {
        let lacks = self.lacks(more);
        if lacks == 0 {
            return;
        }
        if self.grows(self.open.len() + more) {
            self.room += lacks;
            self.open.reserve_exact(self.room - self.open.len());
            return;
        }
        let done = core::mem::replace(&mut self.open, Vec::with_capacity(lacks));
        // What is longer than a segment has the places of several.
        let long = done.len().saturating_sub(1) / SIZE;
        self.full.push(done);
        self.full.extend((0..long).map(|_| Vec::new()));
        self.room = lacks;
    }
    /// Keeps an item in the next place; the caller has made room.
    #[inline]
    pub(super) fn push(&mut self, item: T) {
        self.open.push(item);
    }
    fn get(&self, at: usize) -> Option<&T> {
        self.segment(at / SIZE).get(at % SIZE)
    }
    fn segment(&self, index: usize) -> &[T] {
        match self.full.get(index) {
            Some(segment) => segment,
            None if index == self.full.len() => &self.open,
            None => &[],
        }
    }
    /// Keeps items in one piece and returns their place; the caller has made room.
    #[inline]
    pub(super) fn put(&mut self, items: &[T]) -> usize {
        let start = self.end();
        self.open.extend_from_slice(items);
        start
    }
    /// Returns `len` items that were put in one piece at `start`; none where there are fewer.
    pub(super) fn piece(&self, start: usize, len: usize) -> &[T] {
        self.segment(start / SIZE).get(start % SIZE..start % SIZE + len).unwrap_or(&[])
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
                list.make_room(items.len());
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
            let mut taken = 0;
            for i in 0..n {
                taken += list.lacks(1);
                list.make_room(1);
                list.push(i);
            }
            prop_assert_eq!(list.end(), n);
            prop_assert!((0..n).all(|i| list.get(i) == Some(&i)));
            prop_assert_eq!(list.get(n), None);
            // No more room is taken than a segment beyond what is held.
            let room = list.full.iter().chain([&list.open]).map(Vec::capacity).sum::<usize>();
            prop_assert!(room <= n + 16, "{room} for {n}");
            // What is counted is what is taken.
            prop_assert_eq!((room, list.capacity()), (taken, taken));
        }
    }
}
