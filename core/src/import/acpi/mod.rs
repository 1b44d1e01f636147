//! Firmware's tables about IOMMUs: DMAR, IVRS, IORT, RIMT, and MCFG for the configuration space.
//!
//! A table is read only where all of it is there; a wrong checksum is said. Every read is within the table, and a structure that
//! is too short or leaves it is a message with its offset, never a guess.

mod dmar;
mod iort;
mod ivrs;
mod mcfg;
mod rimt;

use super::found::{Found, Source};
use super::remark::Kind;
use crate::spec::Phrase;
use alloc::format;
use alloc::string::String;

/// What stops the reading of a table: where, and what is wrong there.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Problem {
    offset: usize,
    what: Phrase,
}

/// The bytes of a table, or of a structure in it.
#[derive(Clone, Copy)]
struct Bytes<'a> {
    all: &'a [u8],
    /// Where these begin in the table.
    start: usize,
}

impl<'a> Bytes<'a> {
    fn problem(self, at: usize, en: String, zh: String) -> Problem {
        Problem { offset: self.start + at, what: Phrase::new(en, zh) }
    }

    /// `len` bytes at an offset of this structure.
    fn part(self, at: usize, len: usize) -> Result<Bytes<'a>, Problem> {
        let end = at.checked_add(len).filter(|end| *end <= self.all.len());
        match end {
            Some(end) => Ok(Bytes { all: &self.all[at..end], start: self.start + at }),
            None => Err(self.problem(
                at,
                format!("{len} bytes are needed here, {} are left", self.all.len().saturating_sub(at)),
                format!("此处需要 {len} 字节，只剩 {} 字节", self.all.len().saturating_sub(at)),
            )),
        }
    }
    /// What is from an offset on.
    fn from(self, at: usize) -> Result<Bytes<'a>, Problem> {
        self.part(at, self.all.len().saturating_sub(at))
    }
    fn number(self, at: usize, len: usize) -> Result<u64, Problem> {
        let part = self.part(at, len)?;
        Ok(part.all.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }
    fn u8(self, at: usize) -> Result<u8, Problem> {
        Ok(self.number(at, 1)? as u8)
    }
    fn u16(self, at: usize) -> Result<u16, Problem> {
        Ok(self.number(at, 2)? as u16)
    }
    fn u32(self, at: usize) -> Result<u32, Problem> {
        Ok(self.number(at, 4)? as u32)
    }
    fn u64(self, at: usize) -> Result<u64, Problem> {
        self.number(at, 8)
    }
    fn len(self) -> usize {
        self.all.len()
    }
    /// A structure that states its own length, which must be at least `least`.
    fn structure(self, at: usize, len: usize, least: usize) -> Result<Bytes<'a>, Problem> {
        if len < least {
            return Err(self.problem(
                at,
                format!("this structure says that it is {len} bytes long; it needs {least}"),
                format!("此结构自称长 {len} 字节，至少需要 {least} 字节"),
            ));
        }
        self.part(at, len)
    }
}

/// Bytes before the first structure that all tables share.
const HEADER: usize = 36;

/// A reader of one table, given all of it.
type Read = fn(Bytes<'_>, Source, &mut Found) -> Result<(), Problem>;

/// The tables that are read, by signature.
const TABLES: [(&[u8; 4], &str, Read); 5] = [
    (b"DMAR", "ACPI DMAR", dmar::read),
    (b"IVRS", "ACPI IVRS", ivrs::read),
    (b"IORT", "ACPI IORT", iort::read),
    (b"RIMT", "ACPI RIMT", rimt::read),
    (b"MCFG", "ACPI MCFG", mcfg::read),
];

/// Returns whether bytes begin as one of these tables does. Texts begin with their names too (a dump's, a kernel's `DMAR:`), but
/// no table has 16 MiB, so that the last byte of its length is 0.
pub fn is_table(bytes: &[u8]) -> bool {
    bytes.get(7).is_none_or(|top| *top == 0)
        && TABLES.iter().any(|(signature, ..)| bytes.starts_with(&signature[..]))
}

/// Reads tables, one after another.
pub fn read(mut bytes: &[u8], from: Source, found: &mut Found) {
    for _ in 0..64 {
        let Some((signature, name, read)) = TABLES.iter().find(|(s, ..)| bytes.starts_with(&s[..])) else {
            break;
        };
        let signature = core::str::from_utf8(&signature[..]).unwrap_or_default();
        let length = bytes.get(4..8).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]) as usize);
        let whole = length.and_then(|length| bytes.get(..length)).filter(|_| length >= Some(HEADER));
        let Some(table) = whole else {
            damaged(found, from, signature, truncated(bytes.len(), length));
            return;
        };
        let sum = table.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
        if sum != 0 {
            let right = table[9].wrapping_sub(sum);
            let what = Phrase::new(
                format!(
                    "the checksum is {:#04x}, and would have to be {right:#04x}; what follows may be wrong",
                    table[9]
                ),
                format!("校验和是 {:#04x}，应为 {right:#04x}；以下内容可能有误", table[9]),
            );
            damaged(found, from, signature, Problem { offset: 9, what });
        }
        found.kind(name, from);
        if let Err(problem) = read(Bytes { all: table, start: 0 }, from, found) {
            damaged(found, from, signature, problem);
        }
        bytes = &bytes[table.len()..];
    }
}

fn truncated(there: usize, length: Option<usize>) -> Problem {
    let what = match length {
        None => Phrase::new(
            format!("the table is cut short: {there} bytes, and its header alone is {HEADER}"),
            format!("表不完整：只有 {there} 字节，仅表头就有 {HEADER} 字节"),
        ),
        Some(length) if length < HEADER => Phrase::new(
            format!("the table says that it is {length} bytes long; its header alone is {HEADER}"),
            format!("表自称长 {length} 字节，仅表头就有 {HEADER} 字节"),
        ),
        Some(length) => Phrase::new(
            format!(
                "the table is cut short: it says {length} bytes, {there} are there; nothing of it is used"
            ),
            format!("表不完整：自称 {length} 字节，实有 {there} 字节；内容未采用"),
        ),
    };
    Problem { offset: there.min(length.unwrap_or(there)), what }
}

fn damaged(found: &mut Found, from: Source, table: &str, problem: Problem) {
    let Problem { offset, what } = problem;
    let said = Phrase::new(
        format!("{table}, offset {offset:#x}: {}", what.en),
        format!("{table}，偏移 {offset:#x}：{}", what.zh),
    );
    found.remark(Kind::Damaged, from, said);
}

#[cfg(test)]
mod tests;
