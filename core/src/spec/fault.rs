//! Fault codes and rules, and the macro that declares fault codes.

use super::{Phrase, Text};
use alloc::format;
use alloc::string::String;

/// A fault reason or cause, with the architecture's own code.
#[derive(Debug, PartialEq, Eq)]
pub struct FaultCode {
    /// The architecture's number.
    pub code: u16,
    /// The specification's name, or the kernel's where the specification has only a sentence.
    pub name: &'static str,
    /// What it means.
    pub text: Text,
    /// Where it is defined.
    pub section: &'static str,
}

impl FaultCode {
    /// Returns whether its name is its number, as VT-d writes those of interrupts: `22h`.
    pub fn name_is_number(&self) -> bool {
        self.name.strip_suffix('h').is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))
    }

    /// Returns whether records have a number for it. What ends without a record has a name alone.
    pub const fn has_number(&self) -> bool {
        self.code != 0
    }

    /// Returns it by its number and its name, where the name says more than the number.
    pub fn numbered(&self, number: String) -> Phrase {
        match self.name_is_number() || !self.has_number() {
            true => Phrase::same(number),
            false => Phrase::new(format!("{number} ({})", self.name), format!("{number}（{}）", self.name)),
        }
    }

    /// Is this what `written` means? Case, spaces and punctuation do not count. Where each kind of access has a code of
    /// its own (RISC-V), a name without the access means any of the three, and `write` stands for `Write/AMO`.
    pub fn is_called(&self, written: &str) -> bool {
        const ACCESSES: [(&str, &str); 6] = [
            ("Instruction ", "instruction"),
            ("Read ", "read"),
            ("Write/AMO ", "write"),
            ("instruction-", "instruction"),
            ("load-", "load"),
            ("store-", "store"),
        ];
        let bare = |s: &str| {
            let letters = s.chars().filter(|c| c.is_alphanumeric());
            letters.map(|c| c.to_ascii_lowercase()).collect::<String>()
        };
        let written = bare(written);
        let access = ACCESSES.iter().find_map(|(prefix, word)| Some((self.name.strip_prefix(prefix)?, word)));
        bare(self.name) == written
            || access.is_some_and(|(kind, word)| written.strip_prefix(word).unwrap_or(&written) == bare(kind))
    }
}

/// A rule of a specification that a step applied or that refused an access.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// What the rule says, as a phrase that completes "refused: ..." or "checked: ...".
    pub text: Text,
    /// Where the specification lists it.
    pub section: &'static str,
}

/// Declares fault codes: see the head of [`spec`](crate::spec).
#[allow(unused_macros)]
macro_rules! fault_codes {
    ($(section $section:literal {
        $($id:ident = $code:literal $name:literal $($always:ident)? $en:literal $zh:literal;)*
    })*) => {
        $($(
            #[doc = concat!($name, ": ", $en, ".")]
            pub static $id: $crate::spec::FaultCode = $crate::spec::FaultCode {
                code: $code,
                name: $name,
                text: $crate::spec::Text::new($en, $zh),
                section: $section,
            };
        )*)*
        /// Every code, in the order of the table.
        pub static ALL: &[&$crate::spec::FaultCode] = &[$($(&$id),*),*];

        /// Returns whether a code is recorded even where an entry of the device turns recording off; `None` where there is
        /// no such code.
        #[allow(dead_code)]
        pub const fn is_always_recorded(code: u16) -> Option<bool> {
            match code {
                $($($code => Some($crate::spec::fault_codes!(@ $($always)?)),)*)*
                _ => None,
            }
        }
    };
    (@ always) => { true };
    (@) => { false };
}
pub(crate) use fault_codes;
