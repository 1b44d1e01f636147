//! Addresses and ranges as they are written: a number, or a name with an offset.

use alloc::string::String;
use core::fmt;
use core::marker::PhantomData;

use super::number::Num;
use super::span::Span;
use crate::addr::Address;

/// The space is the one of the statement's subject: virtual for a process, guest-physical for a virtual
/// machine, IOVA for a domain. [`Loc::in_space`] puts the address into it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OfSubject;

/// A name, perhaps with one part: `rx`, `nic.bar0`, `rx.pa`.
///
/// Parts: `.bar0` to `.bar5` of a device (its bus address; a CPU access reaches it through the host
/// bridge), `.va` `.pa` `.gpa` `.iova` of a buffer or handle (the address *of that byte* in that space),
/// `.0`, `.1` ... the segments of a scatter-gather list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path {
    /// The name.
    pub name: String,
    /// What follows the dot.
    pub part: Option<String>,
    /// Where the whole is written, without the offset.
    pub span: Span,
}

impl Path {
    /// The path `name`, without a part.
    pub fn new(name: impl Into<String>) -> Self {
        Path { name: name.into(), part: None, span: Span::default() }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if let Some(part) = &self.part {
            write!(f, ".{part}")?;
        }
        Ok(())
    }
}

/// An address of space `A` as written: `0x1000`, or `rx+0x40`.
///
/// With a name, the offset counts bytes into the named thing, *then* the part says in which space:
/// `rx.pa+0x1800` is the physical address of byte 0x1800 of `rx`, on whatever page that byte lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loc<A> {
    /// The name it starts from; without one, `offset` is the address.
    pub base: Option<Path>,
    /// The address, or the offset from the name (0 when none is written).
    pub offset: Num,
    /// Where it is written.
    pub span: Span,
    space: PhantomData<A>,
}

impl<A> Default for Loc<A> {
    fn default() -> Self {
        Loc::literal(Num::default())
    }
}

impl<A> Loc<A> {
    /// The plain address `offset`.
    pub const fn literal(offset: Num) -> Self {
        Loc { base: None, offset, span: offset.span, space: PhantomData }
    }
    /// `offset` bytes into the thing called `base`.
    pub fn named(base: Path, offset: Num) -> Self {
        let span = if offset.span.line == 0 { base.span } else { base.span.to(offset.span) };
        Loc { base: Some(base), offset, span, space: PhantomData }
    }
    /// The same words as an address of space `B`: for what takes its space from its subject.
    pub fn in_space<B>(self) -> Loc<B> {
        Loc { base: self.base, offset: self.offset, span: self.span, space: PhantomData }
    }
}

impl<A: Address> Loc<A> {
    /// The address, when it is written as a number.
    pub fn address(&self) -> Option<A> {
        self.base.is_none().then(|| A::new(self.offset.value))
    }
}

impl<A> fmt::Display for Loc<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.base {
            None => self.offset.fmt(f),
            Some(base) if self.offset.value == 0 => base.fmt(f),
            Some(base) => write!(f, "{base}+{}", self.offset),
        }
    }
}

/// How far a range reaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Extent {
    /// `+4K`: this many bytes.
    Length(Num),
    /// `.. 0x2000`: up to, and without, this address.
    End(Num),
}

impl Default for Extent {
    fn default() -> Self {
        Extent::Length(Num::default())
    }
}

/// A range as written: `0x1000 +4K` or `0x1000 .. 0x2000`. Never empty, and never past the end of 64 bits
/// as far as can be told without knowing what its names stand for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range<A> {
    /// The first address.
    pub start: Loc<A>,
    /// How far it reaches.
    pub extent: Extent,
    /// Where it is written.
    pub span: Span,
}

impl<A> Default for Range<A> {
    fn default() -> Self {
        Range { start: Loc::default(), extent: Extent::default(), span: Span::default() }
    }
}

impl<A> Range<A> {
    /// `len` bytes at `start`.
    pub fn new(start: Loc<A>, len: Num) -> Self {
        Range { span: start.span, start, extent: Extent::Length(len) }
    }
    /// How many bytes, when its start is at `start`; `None` when that is not more than nothing.
    pub fn len_at(&self, start: u64) -> Option<u64> {
        let len = match &self.extent {
            Extent::Length(len) => len.value,
            Extent::End(end) => end.value.checked_sub(start)?,
        };
        (len != 0).then_some(len)
    }
    /// How many bytes, when that can be told from the words alone.
    pub fn length(&self) -> Option<u64> {
        match (&self.extent, &self.start.base) {
            (Extent::Length(len), _) => Some(len.value),
            (Extent::End(_), Some(_)) => None,
            (Extent::End(_), None) => self.len_at(self.start.offset.value),
        }
    }
    /// The same words as a range of space `B`.
    pub fn in_space<B>(self) -> Range<B> {
        Range { start: self.start.in_space(), extent: self.extent, span: self.span }
    }
}

impl<A: Address> Range<A> {
    /// The range, when its start is written as a number.
    pub fn addresses(&self) -> Option<crate::addr::AddrRange<A>> {
        let start = self.start.address()?;
        crate::addr::AddrRange::new(start, self.len_at(start.raw())?)
    }
}
