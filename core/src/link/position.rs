//! A position of a trace as it is written, in links and on the command line: a number, or the fault that it is at.

use alloc::format;
use alloc::string::String;
use core::fmt;

/// A position.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Position {
    /// A count of steps.
    Step(u32),
    /// The first refused access.
    Fault,
    /// The fault with a code or a name; which of them, from 1.
    Which(Refused, u32),
}

/// Which fault is meant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refused {
    /// The one with this number.
    Code(u16),
    /// The one with this name; case and punctuation do not count.
    Name(String),
}

/// The most characters of a fault's name that are read.
const LONGEST: usize = 61;

impl Position {
    /// Reads digits, `fault`, or `fault:WHICH` with a code in decimal digits or with `0x`, or a name, and which one with it, from 1:
    /// `fault:0x5`, `fault:LGN.2`, `fault:0x2:3` (the third).
    pub fn parse(word: &str) -> Option<Self> {
        if word == "fault" {
            return Some(Position::Fault);
        }
        let Some(fault) = word.strip_prefix("fault:") else { return number(word).map(Position::Step) };
        let (fault, nth) = match fault.split_once(':') {
            Some((fault, nth)) if nth.len() <= 5 && !nth.starts_with('0') => (fault, number(nth)?),
            Some(_) => return None,
            None => (fault, 1),
        };
        Refused::parse(fault).map(|refused| Position::Which(refused, nth))
    }
}

impl Refused {
    /// Reads a code or a name. What begins as a number is one.
    pub fn parse(fault: &str) -> Option<Self> {
        // A code may be written as VT-d names those of interrupts: `22h`.
        if let Some(digits) =
            fault.strip_suffix('h').filter(|digits| digits.starts_with(|c: char| c.is_ascii_digit()))
        {
            return code(&format!("0x{digits}")).map(Refused::Code);
        }
        if fault.starts_with(|c: char| c.is_ascii_digit()) {
            return code(fault).map(Refused::Code);
        }
        // Neither a space nor a full stop at the end survives in every link.
        let sound = |c: char| c.is_ascii_alphanumeric() || "_./ -".contains(c);
        let sound = fault.starts_with(|c: char| c.is_ascii_alphabetic())
            && fault.len() <= LONGEST
            && fault.chars().all(sound);
        let name = fault.trim_end_matches(|c: char| !c.is_ascii_alphanumeric()).replace(' ', "-");
        sound.then_some(Refused::Name(name))
    }
}

/// A fault's number: decimal digits, or hexadecimal ones after `0x`.
fn code(text: &str) -> Option<u16> {
    match text.strip_prefix("0x").or(text.strip_prefix("0X")) {
        Some(digits) if digits.len() <= 4 && digits.bytes().all(|b| b.is_ascii_hexdigit()) => {
            u16::from_str_radix(digits, 16).ok()
        }
        Some(_) => None,
        None => number(text).and_then(|code| code.try_into().ok()),
    }
}

/// Digits alone: no sign, which the number parser of the language would take.
fn number(text: &str) -> Option<u32> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// As it is read.
impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Position::Step(step) => write!(f, "{step}"),
            Position::Fault => f.write_str("fault"),
            Position::Which(Refused::Code(code), _) => write!(f, "fault:{code:#x}"),
            Position::Which(Refused::Name(name), _) => write!(f, "fault:{name}"),
        }?;
        match self {
            Position::Which(_, nth) if *nth > 1 => write!(f, ":{nth}"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn positions_are_read_as_they_are_written_in_links() {
        let read = |word| Position::parse(word);
        let name = |name: &str, nth| Some(Position::Which(Refused::Name(name.into()), nth));
        assert_eq!(read("108"), Some(Position::Step(108)));
        assert_eq!(read("fault"), Some(Position::Fault));
        assert_eq!(read("fault:0x5"), Some(Position::Which(Refused::Code(5), 1)));
        assert_eq!(read("fault:258:2"), Some(Position::Which(Refused::Code(258), 2)));
        assert_eq!(read("fault:22h"), Some(Position::Which(Refused::Code(0x22), 1)));
        assert_eq!(read("fault:F_TRANSLATION"), name("F_TRANSLATION", 1));
        assert_eq!(read("fault:Read guest-page fault:3"), name("Read-guest-page-fault", 3));
        for wrong in [
            "",
            "x",
            "-1",
            "+1",
            "4294967296",
            "fault:",
            "fault:0x5:0",
            "fault:0x10000",
            "fault:70000",
            "fault:0x+5",
            "fault:2gh",
            "fault:0x2h",
            "fault:0x",
            "fault:5:x",
            "fault:5:+1",
            "fault:5:1:1",
            "fault:5:100000",
            "fault:_X",
            "fault:X&at=1",
            "fault:页",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        for word in [
            "0",
            "4294967295",
            "fault",
            "fault:0x5",
            "fault:0xffff:99999",
            "fault:LGN.2",
            "fault:Write/AMO-page-fault:2",
        ] {
            assert_eq!(Position::parse(word).map(|position| position.to_string()).as_deref(), Some(word));
        }
    }
}
