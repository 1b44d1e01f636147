//! A scenario that ends at the same fault.

use super::dump::{Domain, Row, Walk};
use super::fault::{Arch, Fault};
use alloc::string::String;

/// A scenario made from a log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scenario {
    /// Its text.
    pub text: String,
}

/// The scenario of a fault.
pub(super) fn of(_arch: Arch, _fault: &Fault) -> Option<Scenario> {
    None
}
pub(super) fn of_walk(_walk: &Walk) -> Option<Scenario> {
    None
}
pub(super) fn of_translation_struct(_rows: &[Row]) -> Option<Scenario> {
    None
}
pub(super) fn of_domain(_domain: &Domain) -> Option<Scenario> {
    None
}
