//! Fault codes and rules, and the macro that declares fault codes.

use super::Text;

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
