//! The lines of a dump of memory: `ADDRESS: WORD WORD`, as QEMU's `xp`, `crash`'s `rd` and `gdb`'s `x` print them, and the few lines
//! that say where the tables begin and which address is asked.

use super::super::fault::Arch;
use super::super::scan::Scan;
use crate::addr::RequesterId;
use alloc::vec::Vec;
use core::fmt;

/// The most words that one line has: a line of a terminal.
const MOST: usize = 16;

/// What a line of a dump says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in super::super) enum Said {
    /// Words of 64 bits from an address on.
    Words(u64, Vec<u64>),
    /// Where the tables of devices begin: what the unit's registers hold.
    Root(Arch, Vec<u64>),
    /// The entry of the device itself, in place of being looked up.
    Entry(Arch, Vec<u64>),
    /// An address that is asked.
    Walk(Asked),
    /// A command behind its prompt, whose answer is on the next lines.
    Command,
    /// What a CPU's addresses become: `info mem` and `info tlb` of QEMU.
    OfCpu,
}

/// A device as a question names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in super::super) enum Asker {
    /// A function, which has the number that its bus, device and function make.
    Function(RequesterId),
    /// The number that the unit knows it by: a StreamID, a device_id.
    Number(u32),
}

impl Asker {
    /// Returns the number that the tables are looked up by.
    pub(super) fn number(self) -> u32 {
        match self {
            Asker::Function(id) => u32::from(id.bdf16()),
            Asker::Number(number) => number,
        }
    }
    /// Returns the function, where the number is one's.
    pub(super) fn function(self) -> Option<RequesterId> {
        match self {
            Asker::Function(id) => Some(id),
            Asker::Number(number) => u16::try_from(number).ok().map(|id| RequesterId::new(id.into())),
        }
    }
}

impl fmt::Display for Asker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Asker::Function(id) => id.fmt(f),
            Asker::Number(number) => write!(f, "{number:#x}"),
        }
    }
}

/// An address to be walked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in super::super) struct Asked {
    pub(super) device: Option<Asker>,
    /// Its segment, where that is wider than a requester id here has.
    pub(super) segment: Option<u32>,
    pub(super) pasid: Option<u32>,
    pub(super) address: u64,
    pub(super) write: bool,
}

/// Reads a line, if it is one of a dump.
pub(in super::super) fn line(text: &str) -> Option<Said> {
    let text = text.trim_start();
    let Some(command) = PROMPTS.iter().find_map(|prompt| text.strip_prefix(prompt)) else {
        return said(text);
    };
    said(command).or(Some(Said::Command))
}

/// What QEMU's monitor and debuggers print before a command.
const PROMPTS: &[&str] = &["(qemu)", "crash>", "(gdb)", ">>>"];

fn said(text: &str) -> Option<Said> {
    let text = text.trim_start();
    let mut words = text.split_whitespace();
    match words.next()? {
        "root" => {
            let arch = arch(words.next()?)?;
            // The size of a device context is no address, and may be decimal.
            let words = words.map(|word| if word == "32" { "0x20" } else { word });
            Some(Said::Root(arch, numbers(words).filter(|all| all.len() <= 2)?))
        }
        "context" => Some(Said::Entry(Arch::VtD, numbers(words).filter(|all| matches!(all.len(), 2 | 4))?)),
        "dte" => Some(Said::Entry(Arch::AmdVi, numbers(words).filter(|all| all.len() == 4)?)),
        "ste" => Some(Said::Entry(Arch::SmmuV3, numbers(words).filter(|all| all.len() == 8)?)),
        "dc" => Some(Said::Entry(Arch::RiscV, numbers(words).filter(|all| matches!(all.len(), 4 | 8))?)),
        "walk" => walk(words),
        first if is_of_info_mem(text, first) => Some(Said::OfCpu),
        first => row(text, first),
    }
}

fn arch(word: &str) -> Option<Arch> {
    match word {
        "vt-d" | "vtd" => Some(Arch::VtD),
        "amd-vi" | "amd" => Some(Arch::AmdVi),
        "smmuv3" => Some(Arch::SmmuV3),
        "riscv" => Some(Arch::RiscV),
        _ => None,
    }
}

/// Numbers to the end of the line or to a comment; none where there is anything else, or nothing.
fn numbers<'a>(words: impl Iterator<Item = &'a str>) -> Option<Vec<u64>> {
    let words = words.take_while(|word| !word.starts_with('#'));
    let all = words.map(prefixed).collect::<Option<Vec<u64>>>()?;
    (!all.is_empty()).then_some(all)
}

/// A number that says that it is hexadecimal, or is 0 either way.
fn prefixed(word: &str) -> Option<u64> {
    (word.starts_with("0x") || word == "0").then(|| Scan(word).hex()).flatten()
}

/// `walk 00:04.0 0xfffff000 [pasid 5] [write]`; in place of the function a number, `0x1234` or decimal: two numbers, the first of which is
/// the device's.
fn walk<'a>(words: impl Iterator<Item = &'a str>) -> Option<Said> {
    let mut words = words.take_while(|word| !word.starts_with('#')).peekable();
    let first = words.next()?;
    let (device, segment, address) = match words.peek().copied().and_then(prefixed) {
        Some(address) => {
            words.next();
            let function = Scan(first).device();
            let segment = function.and_then(|device| device.wide_segment());
            let number = || Some(Asker::Number(whole(first)?));
            (Some(function.map(|device| Asker::Function(device.id)).or_else(number)?), segment, address)
        }
        None => (None, None, prefixed(first)?),
    };
    let mut asked = Asked { device, segment, pasid: None, address, write: false };
    // Bounded: the words of a line.
    while let Some(word) = words.next() {
        match word {
            "read" => asked.write = false,
            "write" => asked.write = true,
            "pasid" => asked.pasid = Some(whole(words.next()?)? & 0xf_ffff),
            _ => return None,
        }
    }
    Some(Said::Walk(asked))
}

/// A number that is all of its word: `00:20.0`, which is no function, begins with 0 and `14.0` with 14.
fn whole(word: &str) -> Option<u32> {
    let is_one = match word.strip_prefix("0x") {
        Some(digits) => digits.bytes().all(|b| b.is_ascii_hexdigit()),
        None => word.bytes().all(|b| b.is_ascii_digit()),
    };
    u32::try_from(Scan(word).number().filter(|_| is_one)?).ok()
}

/// `0000000000001000: 0x0000000000002001 0x0000000000000000`, or as `rd` prints it, `1000:  0000000000002001 ...   . ......`.
fn row(text: &str, first: &str) -> Option<Said> {
    let (address, _) = text.split_once(':')?;
    // `gdb` puts the name of a symbol between.
    let (address, symbol) = address.split_once(" <").unwrap_or((address, ""));
    if !first.starts_with(address) || !symbol.is_empty() && !symbol.ends_with('>') {
        return None;
    }
    let digits = address.strip_prefix("0x").unwrap_or(address);
    if digits.is_empty() || digits.len() > 16 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let at = u64::from_str_radix(digits, 16).ok()?;
    let rest = &text[text.find(':')? + 1..];
    // What follows the words, `rd` shows as characters.
    let shown = rest.split_whitespace().take(MOST).map_while(|word| {
        let bare = word.strip_prefix("0x");
        let digits = bare.unwrap_or(word);
        // Without a prefix anywhere `8: 0 0` is something else's line.
        let zero = word == "0" && text.contains("0x");
        let fits = matches!(digits.len(), 8 | 16) || bare.is_some() && digits.len() < 16 || zero;
        (fits && digits.bytes().all(|b| b.is_ascii_hexdigit())).then_some(digits)
    });
    let shown: Vec<&str> = shown.collect();
    let count = shown.iter().take_while(|digits| (digits.len() == 8) == (shown[0].len() == 8)).count();
    // Words of 32 bits, the lower half of each pair first: a program pads them, and its addresses have no `0x` or its words begin
    // with 0; who writes a word of 64 bits without its zeros may well come to 8 digits.
    let halves = shown.first().is_some_and(|digits| digits.len() == 8)
        && (!address.starts_with("0x") || shown[..count].iter().any(|digits| digits.starts_with('0')));
    let values = shown[..if halves { count } else { shown.len() }].iter();
    let values: Vec<u64> = values.map_while(|digits| u64::from_str_radix(digits, 16).ok()).collect();
    let words = match halves {
        true => values.chunks_exact(2).map(|pair| pair[0] | pair[1] << 32).collect(),
        false => values,
    };
    if is_of_a_tlb(rest) {
        return Some(Said::OfCpu);
    }
    (at % 8 == 0 && !words.is_empty()).then_some(Said::Words(at, words))
}

/// `info mem` of QEMU: `0000000000400000-0000000000401000 0000000000001000 ur-`.
fn is_of_info_mem(text: &str, first: &str) -> bool {
    let mut rest = text.split_whitespace().skip(1);
    let is_number = |text: &str| matches!(text.len(), 8 | 16) && text.bytes().all(|b| b.is_ascii_hexdigit());
    let flags = |text: &str| text.len() == 3 && text.bytes().all(|b| b"urw-".contains(&b));
    first.split_once('-').is_some_and(|(first, end)| is_number(first) && is_number(end))
        && rest.next().is_some_and(is_number)
        && rest.next().is_some_and(flags)
}

/// `info tlb` of QEMU: `fffffe0000000000: 000000000fe00000 -G-DA---W`. It tells what a CPU's address became, no word of memory.
fn is_of_a_tlb(rest: &str) -> bool {
    let mut words = rest.split_whitespace().skip(1);
    let flags = words.next().unwrap_or("");
    words.next().is_none() && flags.len() == 9 && flags.bytes().all(|b| b"XGPDACTUW-".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_as_each_program_prints_them() {
        let two = Some(Said::Words(0x1000, [0x2001, 0].into()));
        for text in [
            "0000000000001000: 0x0000000000002001 0x0000000000000000",
            "            1000:  0000000000002001 0000000000000000   . ..............",
            "0x1000:\t0x0000000000002001\t0x0000000000000000",
            "0x1000 <root_table>:\t0x0000000000002001\t0x0000000000000000",
            "0x1000: 0x2001 0x0",
            "0000000000001000: 0x00002001 0x00000000 0x00000000 0x00000000",
            "0x1000:\t0x00002001\t0x00000000\t0x00000000\t0x00000000",
            "00001000:  00002001 00000000 00000000 00000000   . ..............",
        ] {
            assert_eq!(line(text), two, "{text}");
        }
        assert_eq!(
            line("0x1000: 0x1fef4003 0x1fef5003"),
            Some(Said::Words(0x1000, [0x1fef_4003, 0x1fef_5003].into()))
        );
        assert_eq!(line("fffffe0000000000: 000000000fe00000 -G-DA---W"), Some(Said::OfCpu));
        assert_eq!(line("0000000000400000-0000000000401000 0000000000001000 ur-"), Some(Said::OfCpu));
        for text in [
            "00000000: 44 4d 41 52 98 00 00 00 01 5a 49 4e 54 45 4c 20  DMAR.....ZINTEL ",
            "00000000: 444d 4152 9800 0000 015a 494e 5445 4c20  DMAR.....ZINTEL ",
            "0x1004: 0x0000000000002001",
            "12:34:56 host kernel: x",
            "(qemu",
            "fee: 0x12345678123456789",
            "abc",
            "",
        ] {
            assert_eq!(line(text), None, "{text}");
        }
    }

    #[test]
    fn roots_entries_and_questions_are_read_and_nothing_like_them() {
        assert_eq!(line("root vt-d 0x1000"), Some(Said::Root(Arch::VtD, [0x1000].into())));
        assert_eq!(
            line("(qemu) root smmuv3 0x1000 0x8 # cfg"),
            Some(Said::Root(Arch::SmmuV3, [0x1000, 8].into()))
        );
        assert_eq!(line("root riscv 0x400003 32"), Some(Said::Root(Arch::RiscV, [0x40_0003, 32].into())));
        assert_eq!(line("(qemu) xp /2gx 0x5408000"), Some(Said::Command));
        assert_eq!(line("dte 0x1 0x2 0x3 0x4"), Some(Said::Entry(Arch::AmdVi, [1, 2, 3, 4].into())));
        let asked = Asked {
            device: Some(Asker::Function(RequesterId::bdf(0, 4, 0))),
            segment: None,
            pasid: Some(5),
            address: 0x1000,
            write: true,
        };
        assert_eq!(line("walk 00:04.0 0x1000 write pasid 5"), Some(Said::Walk(asked)));
        let asked = Asked { device: None, segment: None, pasid: None, address: 0x1000, write: false };
        assert_eq!(line("walk 0x1000"), Some(Said::Walk(asked)));
        let asked = Asked {
            device: Some(Asker::Number(0x1_2345)),
            segment: None,
            pasid: None,
            address: 0,
            write: true,
        };
        for text in ["walk 0x12345 0x0 write", "walk 74565 0 write # a StreamID"] {
            assert_eq!(line(text), Some(Said::Walk(asked)), "{text}");
        }
        assert_eq!(line("dte 0x1 0x2 0 0"), Some(Said::Entry(Arch::AmdVi, [1, 2, 0, 0].into())));
        assert_eq!(line("0x1000: 0x1 0"), Some(Said::Words(0x1000, [1, 0].into())));
        for text in [
            "root entry: 0x1000",
            "root=/dev/sda",
            "root vt-d",
            "dte 0x1",
            "walk on",
            "walk 00:04.0",
            "walk 0x100000000 0x1000",
            "walk -1 0x1000",
            // No function has these numbers, and no other device is meant.
            "walk 00:20.0 0x1040",
            "walk 00:14.8 0x1040",
            "walk 0:20.0 0x1040",
            "walk 100:14.0 0x1040",
            "walk 14.0 0x1040",
            "walk 0x14.0 0x1040",
            "walk 5, 0x1040",
            "walk 00:04.0 0x1000 pasid 5.0",
            "8: 0 0 IO-APIC",
            "context: 0x1 0x2",
        ] {
            assert_eq!(line(text), None, "{text}");
        }
    }
}
