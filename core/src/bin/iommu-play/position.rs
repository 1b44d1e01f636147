//! A position of a trace as it is written: a number, or the fault that it is at.

use iommu_core::explain::Tone;
use iommu_core::view::types::Mark;

/// A position.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Position {
    /// A count of steps.
    Step(usize),
    /// The first refused access.
    Fault,
    /// The fault with a code or a name; which of them, from 0.
    Which(String, usize),
}

impl Position {
    /// Reads a number, `fault`, or `fault:WHICH` with a code in decimal digits or with `0x`, or a name, and which one with it, from 1:
    /// `fault:0x5`, `fault:LGN.2`, `fault:0x2:3` (the third).
    pub fn parse(word: &str) -> Option<Self> {
        if word == "fault" {
            return Some(Position::Fault);
        }
        let Some(fault) = word.strip_prefix("fault:") else { return word.parse().ok().map(Position::Step) };
        let (fault, nth) = match fault.split_once(':') {
            Some((fault, nth)) => (fault, nth.parse::<usize>().ok()?.checked_sub(1)?),
            None => (fault, 0),
        };
        // What begins as a number is one.
        let sound = match fault.strip_prefix("0x").or(fault.strip_prefix("0X")) {
            Some(digits) => u16::from_str_radix(digits, 16).is_ok(),
            None if fault.starts_with(|c: char| c.is_ascii_digit()) => fault.parse::<u16>().is_ok(),
            None => !fault.is_empty(),
        };
        sound.then(|| Position::Which(fault.into(), nth))
    }

    /// Returns the position among the marks of a run; without such a fault, `None`.
    pub fn among(&self, marks: &[Mark]) -> Option<usize> {
        let nth =
            |is: &dyn Fn(&&Mark) -> bool, n| marks.iter().filter(is).nth(n).map(|mark| mark.at as usize);
        match self {
            Position::Step(step) => Some(*step),
            Position::Fault => nth(&|mark| mark.tone == Tone::Refused, 0),
            Position::Which(fault, n) => nth(&|mark| mark.is_fault(fault), *n),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_read_as_they_are_written_in_links() {
        let read = |word| Position::parse(word);
        assert_eq!(read("108"), Some(Position::Step(108)));
        assert_eq!(read("fault"), Some(Position::Fault));
        assert_eq!(read("fault:0x5"), Some(Position::Which("0x5".into(), 0)));
        assert_eq!(read("fault:258:2"), Some(Position::Which("258".into(), 1)));
        assert_eq!(read("fault:F_TRANSLATION"), Some(Position::Which("F_TRANSLATION".into(), 0)));
        for wrong in ["", "x", "-1", "fault:", "fault:0x5:0", "fault:0x10000", "fault:5:x"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
