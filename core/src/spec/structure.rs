//! Structures in memory, and the macro that declares them.

use super::{Field, FieldKind, Text};
use alloc::vec::Vec;

/// A structure in memory as its specification defines it: a root entry, a page-table entry, a descriptor.
#[derive(Debug, PartialEq, Eq)]
pub struct EntryType {
    /// The specification's name of it.
    pub name: Text,
    /// Its length in 64-bit words.
    pub words: u8,
    /// Its fields, from bit 0 up; together they cover every bit once.
    pub fields: &'static [Field],
    /// Where it is defined: document and section, such as `VT-d 9.1`.
    pub section: &'static str,
}

impl EntryType {
    /// Returns every field with its value in `words`.
    pub fn decode(&'static self, words: &[u64]) -> Vec<(&'static Field, u64)> {
        self.fields.iter().map(|field| (field, field.get(words))).collect()
    }

    /// Returns whether `words` have a 1 in a reserved field, or an address at or above bit `host_bits`.
    pub fn reserved_set(&self, words: &[u64], host_bits: u8) -> bool {
        self.fields.iter().any(|field| match field.kind {
            FieldKind::Reserved => field.get(words) != 0,
            FieldKind::Address { shift } => host_bits < 64 && (field.get(words) << shift) >> host_bits != 0,
            _ => false,
        })
    }

    /// Returns whether the fields cover each bit exactly once.
    pub const fn covers_every_bit_once(&self) -> bool {
        super::covers(self.fields, self.words as u16 * 64)
    }
}

/// Returns the masks of the reserved fields, a word each.
#[doc(hidden)]
pub const fn reserved<const N: usize>(fields: &[Field]) -> [u64; N] {
    let mut masks = [0; N];
    let mut i = 0;
    // Bounded: at compile time.
    while i < fields.len() {
        if matches!(fields[i].kind, FieldKind::Reserved) {
            fields[i].put(&mut masks, u64::MAX);
        }
        i += 1;
    }
    masks
}

/// Declares structures: see the head of [`spec`](crate::spec).
macro_rules! structure {
    ($($(#[$doc:meta])* $vis:vis $id:ident / $module:ident : $words:literal words, $section:expr, $en:literal $zh:literal {
        $($row:tt)*
    })*) => {$(
        $(#[$doc])*
        $vis static $id: $crate::spec::EntryType = $crate::spec::EntryType {
            name: $crate::spec::Text::new($en, $zh),
            words: $words,
            section: $section,
            fields: $module::FIELDS,
        };
        #[doc = concat!("The fields of [`", stringify!($id), "`]: ", $en, ".")]
        #[allow(dead_code, unused_imports)]
        $vis mod $module {
            use super::*;
            $crate::spec::declare_fields!(@structure $($row)*);
            /// The words of one.
            pub type Words = [u64; $words];
            /// One with every bit 0.
            pub const ZERO: Words = [0; $words];
            /// The bits of the reserved fields, word by word.
            pub const RESERVED: Words = $crate::spec::reserved_masks(FIELDS);
            const _: () = assert!(
                $crate::spec::covers(FIELDS, $words * 64),
                concat!("the rows of ", stringify!($id), " do not cover each of its bits once, from bit 0 up")
            );
        }
    )*};
}
pub(crate) use structure;
