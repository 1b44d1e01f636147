//! The bytes that a scenario names (`"text"`, `hex`, `byte`, `zero`, `pattern`), made piece by piece: a gigabyte of
//! them takes no memory.

use alloc::vec::Vec;

/// Bytes of a known length.
#[derive(Clone, Debug, Default)]
pub struct Content {
    len: u64,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    /// These, and zeros after them.
    Held(Vec<u8>),
    /// These again and again.
    Cycle(Vec<u8>),
    /// Bytes that differ at every place of a page; each page is the same, so that long transfers share one frame.
    Pattern(u8),
}

impl Default for Kind {
    fn default() -> Self {
        Kind::Held(Vec::new())
    }
}

impl Content {
    /// Returns these bytes, cut or filled with zeros to `len`.
    pub fn held(bytes: Vec<u8>, len: u64) -> Self {
        Content { len, kind: Kind::Held(bytes) }
    }
    /// Returns `len` bytes that repeat these; zeros when there are none.
    pub fn cycle(bytes: Vec<u8>, len: u64) -> Self {
        match bytes.is_empty() {
            true => Content::held(bytes, len),
            false => Content { len, kind: Kind::Cycle(bytes) },
        }
    }
    /// Returns `len` bytes of a pattern: what a device writes when a scenario does not say.
    pub fn pattern(seed: u64, len: u64) -> Self {
        Content { len, kind: Kind::Pattern(seed as u8) }
    }
    /// Returns how many bytes they are.
    pub fn len(&self) -> u64 {
        self.len
    }
    /// Is it no byte?
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
    /// Fills `out` with the bytes from place `at` on.
    pub fn piece(&self, at: u64, out: &mut [u8]) {
        match &self.kind {
            Kind::Held(bytes) => {
                let rest = usize::try_from(at).ok().and_then(|at| bytes.get(at..)).unwrap_or(&[]);
                let n = rest.len().min(out.len());
                out[..n].copy_from_slice(&rest[..n]);
                out[n..].fill(0);
            }
            Kind::Cycle(bytes) if bytes.len() == 1 => out.fill(bytes[0]),
            Kind::Cycle(bytes) => {
                let start = (at % bytes.len() as u64) as usize;
                let endless = bytes.iter().cycle().skip(start);
                out.iter_mut().zip(endless).for_each(|(to, from)| *to = *from);
            }
            Kind::Pattern(seed) => {
                for (i, to) in out.iter_mut().enumerate() {
                    let i = at.wrapping_add(i as u64) % 4096;
                    *to = (i as u8).wrapping_mul(31).wrapping_add((i / 251) as u8).wrapping_add(*seed);
                }
            }
        }
    }
    /// Returns all of them, at most `most`.
    pub fn first(&self, most: usize) -> Vec<u8> {
        let mut out = alloc::vec![0; usize::try_from(self.len).map_or(most, |len| len.min(most))];
        self.piece(0, &mut out);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pieces_are_parts_of_the_whole(kind in 0..3, bytes in proptest::collection::vec(any::<u8>(), 0..40),
                                         len in 1u64..10_000, at in 0u64..10_000, n in 0usize..5_000) {
            let content = match kind {
                0 => Content::held(bytes, len),
                1 => Content::cycle(bytes, len),
                _ => Content::pattern(7, len),
            };
            let whole = content.first(20_000);
            prop_assert_eq!(whole.len() as u64, len);
            let mut part = alloc::vec![0; n];
            let at = at.min(len);
            content.piece(at, &mut part);
            let n = n.min((len - at) as usize);
            prop_assert_eq!(&part[..n], &whole[at as usize..at as usize + n]);
        }
    }
}
