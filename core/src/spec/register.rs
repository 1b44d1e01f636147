//! Registers, and the macro that declares them with what software may do to each field.

use super::{Field, Text};

/// A memory-mapped register.
#[derive(Debug, PartialEq, Eq)]
pub struct Register {
    /// The specification's abbreviation.
    pub name: &'static str,
    /// Offset from the unit's register base, in bytes.
    pub offset: u32,
    /// Width in bytes: 1, 2, 4 or 8.
    pub bytes: u8,
    /// What it is.
    pub meaning: Text,
    /// Its fields from bit 0 up.
    pub fields: &'static [Field],
    /// The bits that hold what software writes.
    pub rw: u64,
    /// The bits that a written 1 clears.
    pub w1c: u64,
    /// Where it is defined.
    pub section: &'static str,
}

impl Register {
    /// Returns what the register holds after software wrote `value` to the bits of `lanes`, by its fields' access alone.
    pub const fn after_write(&self, old: u64, lanes: u64, value: u64) -> u64 {
        let writable = self.rw & lanes;
        (old & !writable | value & writable) & !(self.w1c & lanes & value)
    }
}

/// Declares registers: see the head of [`spec`](crate::spec).
#[allow(unused_macros)]
macro_rules! registers {
    (section $section:literal; $($rest:tt)*) => {
        $crate::spec::registers!(@all [$section] $($rest)*);
    };
    (section $section:literal + name; $($rest:tt)*) => {
        $crate::spec::registers!(@all [concat $section] $($rest)*);
    };
    (@all $section:tt $($(#[$doc:meta])* $id:ident / $module:ident : $name:literal at $offset:literal, $bytes:literal bytes,
        $en:literal $zh:literal $({ $($row:tt)* })? $(= $shared:ident ;)?)*) => {
        $(
            $crate::spec::registers!(@module $id $module $offset $bytes $name $en $({ $($row)* })? $(= $shared)?);
            $(#[$doc])*
            #[doc = concat!("`", $name, "`: `", $en, "`.")]
            pub static $id: $crate::spec::Register = $crate::spec::Register {
                name: $name,
                offset: $offset,
                bytes: $bytes,
                meaning: $crate::spec::Text::new($en, $zh),
                fields: $module::FIELDS,
                rw: $module::RW,
                w1c: $module::W1C,
                section: $crate::spec::registers!(@section $section $name),
            };
        )*
        /// All of them, in the order of the table.
        pub static ALL: &[&$crate::spec::Register] = &[$(&$id),*];
    };
    (@section [$section:literal] $name:literal) => { $section };
    (@section [concat $section:literal] $name:literal) => { concat!($section, $name) };
    (@module $id:ident $module:ident $offset:literal $bytes:literal $name:literal $en:literal { $($row:tt)* }) => {
        #[doc = concat!("Offset and fields of `", $name, "`: `", $en, "`.")]
        #[allow(dead_code, unused_imports)]
        pub mod $module {
            use super::*;
            /// Offset from the unit's register base, in bytes.
            pub const OFFSET: u32 = $offset;
            /// Width in bytes.
            pub const BYTES: u8 = $bytes;
            $crate::spec::declare_fields!(@register $($row)*);
            const _: () = assert!(
                $crate::spec::covers(FIELDS, $bytes * 8),
                concat!("the rows of ", $name, " do not cover each of its bits once, from bit 0 up")
            );
        }
    };
    (@module $id:ident $module:ident $offset:literal $bytes:literal $name:literal $en:literal = $shared:ident) => {
        #[doc = concat!("Offset and fields of `", $name, "`: `", $en, "`.")]
        #[allow(dead_code)]
        pub mod $module {
            pub use super::$shared::*;
            /// Offset from the unit's register base, in bytes.
            pub const OFFSET: u32 = $offset;
            /// Width in bytes.
            pub const BYTES: u8 = $bytes;
            const _: () = assert!(
                $crate::spec::covers(FIELDS, $bytes * 8),
                concat!("the fields of ", $name, " do not cover each of its bits once, from bit 0 up")
            );
        }
    };
}
pub(crate) use registers;
