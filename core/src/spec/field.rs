//! One field of a structure or a register, and the macros that declare them from a table's rows.

use super::Text;

/// One field of a structure in memory or of a register.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Field {
    /// The specification's abbreviation, such as `SSPTPTR`.
    pub name: &'static str,
    /// The highest bit, counted from bit 0 of the structure's first word (so 64 is bit 0 of the second).
    pub hi: u16,
    /// The lowest bit, counted the same way.
    pub lo: u16,
    /// What it means.
    pub meaning: Text,
    /// How a view shows it.
    pub kind: FieldKind,
}

/// How the value of a [`Field`] is meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FieldKind {
    /// A number or an opaque value.
    Value,
    /// Bits `hi..=lo` of an address, in place: the address is the value shifted left by `shift`.
    Address {
        /// How far left the field's value is shifted to give the address.
        shift: u8,
    },
    /// A flag, on when 1.
    Flag,
    /// Must be zero; a unit may fault on a 1.
    Reserved,
    /// Not looked at by hardware.
    Ignored,
    /// A code with named values.
    Enum(&'static [(u64, Text)]),
}

impl Field {
    /// Returns a plain value.
    pub const fn value(name: &'static str, hi: u16, lo: u16, en: &'static str, zh: &'static str) -> Self {
        Field { name, hi, lo, meaning: Text::new(en, zh), kind: FieldKind::Value }
    }
    /// Returns a single-bit flag.
    pub const fn flag(name: &'static str, bit: u16, en: &'static str, zh: &'static str) -> Self {
        Field { name, hi: bit, lo: bit, meaning: Text::new(en, zh), kind: FieldKind::Flag }
    }
    /// Returns an address whose bit `lo` is bit `shift` of the address.
    pub const fn address(
        name: &'static str,
        hi: u16,
        lo: u16,
        shift: u8,
        en: &'static str,
        zh: &'static str,
    ) -> Self {
        Field { name, hi, lo, meaning: Text::new(en, zh), kind: FieldKind::Address { shift } }
    }
    /// Returns a code with named values.
    pub const fn code(
        name: &'static str,
        hi: u16,
        lo: u16,
        values: &'static [(u64, Text)],
        en: &'static str,
        zh: &'static str,
    ) -> Self {
        Field { name, hi, lo, meaning: Text::new(en, zh), kind: FieldKind::Enum(values) }
    }
    /// Returns a row of reserved bits.
    pub const fn reserved(hi: u16, lo: u16) -> Self {
        Field {
            name: "Rsvd",
            hi,
            lo,
            meaning: Text::new("reserved, must be 0", "保留，必须为 0"),
            kind: FieldKind::Reserved,
        }
    }
    /// Bits that hardware ignores.
    pub const fn ignored(hi: u16, lo: u16) -> Self {
        Field {
            name: "IGN",
            hi,
            lo,
            meaning: Text::new("ignored by hardware", "硬件忽略"),
            kind: FieldKind::Ignored,
        }
    }

    /// Returns the field's width in bits, at most 64.
    #[inline(always)]
    pub const fn width(&self) -> u32 {
        let width = (self.hi - self.lo) as u32 + 1;
        if width > 64 {
            64
        } else {
            width
        }
    }

    /// Returns the largest value that the field holds.
    #[inline(always)]
    pub const fn max(&self) -> u64 {
        u64::MAX >> (64 - self.width())
    }

    /// Returns the field's bits in the word in which it starts, in place: in a register, or a structure of one word.
    #[inline(always)]
    pub const fn mask(&self) -> u64 {
        self.max() << (self.lo % 64)
    }

    /// Returns `value` where the field is in the word in which it starts: in a register, or a structure of one word.
    #[inline(always)]
    pub const fn in_place(&self, value: u64) -> u64 {
        (value & self.max()) << (self.lo % 64)
    }

    /// Returns how far left an address field's value is shifted to give the address; 0 for other kinds.
    #[inline(always)]
    pub const fn shift(&self) -> u8 {
        match self.kind {
            FieldKind::Address { shift } => shift,
            _ => 0,
        }
    }

    /// Returns the field's bits out of a structure's words; bits beyond the words, or beyond 64, read as 0.
    #[inline(always)]
    pub const fn get(&self, words: &[u64]) -> u64 {
        let (word, bit) = (self.lo as usize / 64, self.lo % 64);
        let low = if word < words.len() { words[word] >> bit } else { 0 };
        let high =
            if self.spans_words() && word + 1 < words.len() { words[word + 1] << (64 - bit) } else { 0 };
        (low | high) & self.max()
    }

    /// Sets the field's bits in a structure's words to the low bits of `value`; bits beyond the words are dropped.
    #[inline(always)]
    pub const fn put(&self, words: &mut [u64], value: u64) {
        let (word, bit) = (self.lo as usize / 64, self.lo % 64);
        let value = value & self.max();
        if word < words.len() {
            words[word] = words[word] & !(self.max() << bit) | value << bit;
        }
        if self.spans_words() && word + 1 < words.len() {
            words[word + 1] = words[word + 1] & !(self.max() >> (64 - bit)) | value >> (64 - bit);
        }
    }

    /// Returns whether the field's bits are in two words, so that it starts above bit 0 of the first.
    #[inline(always)]
    const fn spans_words(&self) -> bool {
        self.lo as u32 % 64 + self.width() > 64
    }
}

/// Returns whether `fields`, in order, cover bits `0..bits` exactly once.
pub const fn covers(fields: &[Field], bits: u16) -> bool {
    let mut next = 0;
    let mut i = 0;
    // Bounded: at compile time.
    while i < fields.len() {
        let field = &fields[i];
        if field.lo != next || field.hi < field.lo {
            return false;
        }
        next = field.hi + 1;
        i += 1;
    }
    next == bits
}

/// Declares the named values of a field: see the head of [`spec`](crate::spec).
macro_rules! values {
    ($($(#[$doc:meta])* $vis:vis $id:ident / $module:ident {
        $($name:ident = $value:literal $en:literal $zh:literal;)*
    })*) => {$(
        $(#[$doc])*
        $vis static $id: &[(u64, $crate::spec::Text)] = &[$(($value, $crate::spec::Text::new($en, $zh))),*];
        $(#[$doc])*
        #[allow(dead_code)]
        $vis mod $module {
            $(
                #[doc = concat!(stringify!($value), ": ", $en, ".")]
                pub const $name: u64 = $value;
            )*
        }
    )*};
}
pub(crate) use values;

/// Declares fields that several registers share: see the head of [`spec`](crate::spec).
#[allow(unused_macros)]
macro_rules! fields {
    ($($(#[$doc:meta])* $vis:vis mod $module:ident : $bits:literal bits { $($row:tt)* })*) => {$(
        $(#[$doc])*
        #[allow(dead_code, unused_imports)]
        $vis mod $module {
            use super::*;
            $crate::spec::declare_fields!(@register $($row)*);
            const _: () = assert!(
                $crate::spec::covers(FIELDS, $bits),
                concat!("the rows of ", stringify!($module), " do not cover each of its bits once, from bit 0 up")
            );
        }
    )*};
}
pub(crate) use fields;

/// The rows of a table as constants and `FIELDS`; for registers also the masks `RW` and `W1C`.
macro_rules! declare_fields {
    (@structure $($id:tt $($name:literal)? $([$($bits:tt)*] $kind:ident $(($($arg:tt)*))? $($en:literal $zh:literal)?)? $(= $field:expr)? ;)*) => {
        $($crate::spec::declare_field!(
            @const $id $($name)? $([$($bits)*] $kind $(($($arg)*))? $($en $zh)?)? $(= $field)?
        );)*
        /// Every field, from bit 0 up.
        pub const FIELDS: &[$crate::spec::Field] = &[$($crate::spec::declare_field!(
            @value $id $($name)? $([$($bits)*] $kind $(($($arg)*))? $($en $zh)?)? $(= $field)?
        )),*];
    };
    (@register $($id:tt $($name:literal)? [$($bits:tt)*] $kind:ident $(($($arg:tt)*))? $($access:ident)? $($en:literal $zh:literal)? ;)*) => {
        $crate::spec::declare_fields!(
            @structure $($id $($name)? [$($bits)*] $kind $(($($arg)*))? $($en $zh)? ;)*
        );
        /// The bits that hold what software writes.
        pub const RW: u64 = 0 $(| $crate::spec::declare_field!(@mask rw [$($bits)*] $($access)?))*;
        /// The bits that a written 1 clears.
        pub const W1C: u64 = 0 $(| $crate::spec::declare_field!(@mask w1c [$($bits)*] $($access)?))*;
    };
}
pub(crate) use declare_fields;

/// One row of a table: as a constant of its name, as a [`Field`], or as a mask of its access.
macro_rules! declare_field {
    (@const _ $($rest:tt)*) => {};
    (@const $id:ident = $field:expr) => {
        #[doc = concat!("`", stringify!($id), "`.")]
        pub const $id: $crate::spec::Field = $field;
    };
    (@const $id:ident $($name:literal)? [$($bits:tt)*] $kind:ident $(($($arg:tt)*))? $en:literal $zh:literal) => {
        #[doc = concat!("`", $en, "`.")]
        pub const $id: $crate::spec::Field =
            $crate::spec::declare_field!(@value $id $($name)? [$($bits)*] $kind $(($($arg)*))? $en $zh);
    };
    (@value $id:tt = $field:expr) => { $field };
    (@value _ [$hi:literal : $lo:literal] $kind:ident) => { $crate::spec::Field::$kind($hi, $lo) };
    (@value _ [$bit:literal] $kind:ident) => { $crate::spec::Field::$kind($bit, $bit) };
    (@value $id:ident [$($bits:tt)*] $($rest:tt)*) => {
        $crate::spec::declare_field!(@named (stringify!($id)) [$($bits)*] $($rest)*)
    };
    (@value $id:tt $name:literal [$($bits:tt)*] $($rest:tt)*) => {
        $crate::spec::declare_field!(@named ($name) [$($bits)*] $($rest)*)
    };
    (@named ($name:expr) [$bit:literal] flag $en:literal $zh:literal) => {
        $crate::spec::Field::flag($name, $bit, $en, $zh)
    };
    (@named ($name:expr) [$bit:literal] $($rest:tt)*) => {
        $crate::spec::declare_field!(@named ($name) [$bit : $bit] $($rest)*)
    };
    (@named ($name:expr) [$hi:literal : $lo:literal] value $en:literal $zh:literal) => {
        $crate::spec::Field::value($name, $hi, $lo, $en, $zh)
    };
    (@named ($name:expr) [$hi:literal : $lo:literal] address($shift:expr) $en:literal $zh:literal) => {
        $crate::spec::Field::address($name, $hi, $lo, $shift, $en, $zh)
    };
    (@named ($name:expr) [$hi:literal : $lo:literal] code($values:expr) $en:literal $zh:literal) => {
        $crate::spec::Field::code($name, $hi, $lo, $values, $en, $zh)
    };
    (@mask rw [$($bits:tt)*] rw) => { $crate::spec::Field::value("", $crate::spec::declare_field!(@hi $($bits)*), $crate::spec::declare_field!(@lo $($bits)*), "", "").mask() };
    (@mask w1c [$($bits:tt)*] w1c) => { $crate::spec::declare_field!(@mask rw [$($bits)*] rw) };
    (@mask $other:ident [$($bits:tt)*] $($access:ident)?) => { 0 };
    (@hi $hi:literal : $lo:literal) => { $hi };
    (@hi $bit:literal) => { $bit };
    (@lo $hi:literal : $lo:literal) => { $lo };
    (@lo $bit:literal) => { $bit };
}
pub(crate) use declare_field;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_field_is_cut_out_of_any_word_and_across_words() {
        let f = |hi, lo| Field::value("f", hi, lo, "", "");
        let words = [0x8000_0000_0000_0001, 0x3];
        assert_eq!(f(0, 0).get(&words), 1);
        assert_eq!(f(64, 63).get(&words), 3);
        assert_eq!(f(63, 0).get(&words), words[0]);
        assert_eq!(f(127, 64).get(&words), 3);
        assert_eq!(f(200, 190).get(&words), 0);
    }

    proptest! {
        #[test]
        fn what_is_put_is_got_and_nothing_else_changes(
            words: [u64; 3],
            lo in 0u16..192,
            width in 1u16..=64,
            value: u64,
        ) {
            let field = Field::value("f", (lo + width - 1).min(191), lo, "", "");
            let mut changed = words;
            field.put(&mut changed, value);
            prop_assert_eq!(field.get(&changed), value & field.max());
            // Back again: every other bit was left alone.
            field.put(&mut changed, field.get(&words));
            prop_assert_eq!(changed, words);
        }
    }

    #[test]
    fn a_table_that_leaves_out_or_repeats_a_bit_is_noticed() {
        let f = |hi, lo| Field::value("f", hi, lo, "", "");
        assert!(covers(&[f(3, 0), f(63, 4)], 64));
        assert!(!covers(&[f(3, 0), f(63, 5)], 64));
        assert!(!covers(&[f(3, 0), f(63, 3)], 64));
        assert!(!covers(&[f(3, 0), f(62, 4)], 64));
    }
}
