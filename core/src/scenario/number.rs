//! Numbers: decimal, hex, `_` between digits, and the suffixes K, M, G, T, P (powers of 1024).

use alloc::string::{String, ToString};
use core::fmt;

use super::noun::Noun;
use super::problem::Problem;
use super::span::Span;

/// How a number is written; the printer keeps it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Notation {
    /// `6000`.
    #[default]
    Decimal,
    /// `0xfee0_0000`: digits in groups of four when there are more than four.
    Hex,
    /// `64K`, `4G`: a multiple of 2 to this power (10, 20, 30, 40, 50).
    Unit(u8),
}

/// A number with its notation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Num {
    /// The number.
    pub value: u64,
    /// How it is written.
    pub notation: Notation,
    /// Where it is written.
    pub span: Span,
}

/// The suffixes and the power of two each stands for.
const UNITS: [(char, u8); 5] = [('K', 10), ('M', 20), ('G', 30), ('T', 40), ('P', 50)];

impl Num {
    /// `value` in decimal.
    pub const fn decimal(value: u64) -> Self {
        Num { value, notation: Notation::Decimal, span: Span::new(0, 0, 0) }
    }
    /// `value` in hex.
    pub const fn hex(value: u64) -> Self {
        Num { value, notation: Notation::Hex, span: Span::new(0, 0, 0) }
    }
    /// `value` in hex, or as the digit that it is.
    pub const fn address(value: u64) -> Self {
        if value < 10 {
            Num::decimal(value)
        } else {
            Num::hex(value)
        }
    }
    /// `value` in the largest unit that divides it, or decimal.
    pub fn size(value: u64) -> Self {
        let unit = UNITS.iter().rev().find(|(_, s)| value != 0 && value & ((1 << s) - 1) == 0);
        Num { notation: unit.map_or(Notation::Decimal, |(_, s)| Notation::Unit(*s)), ..Num::decimal(value) }
    }

    /// Reads `raw`; `noun` says what is expected and bounds it.
    pub(super) fn parse(raw: &str, span: Span, noun: Noun) -> Result<Num, Problem> {
        let too_big = || {
            Problem::new(
                span,
                alloc::format!("`{raw}` does not fit 64 bits"),
                alloc::format!("`{raw}` 超出 64 位"),
            )
        };
        let Ok(parsed) = read(raw) else { return Err(Problem::expected_noun(span, noun, raw)) };
        let (value, notation) = parsed.ok_or_else(too_big)?;
        if value > noun.max() {
            return Err(Problem::expected_noun(span, noun, raw));
        }
        Ok(Num { value, notation, span })
    }
}

/// The value and notation of `raw`: an error when it is no number, `None` when it does not fit.
fn read(raw: &str) -> Result<Option<(u64, Notation)>, ()> {
    let hex = raw.strip_prefix("0x").or_else(|| raw.strip_prefix("0X"));
    let (digits, radix, notation) = match hex {
        Some(digits) => (digits, 16, Notation::Hex),
        None => match raw.char_indices().next_back() {
            Some((at, c)) if c.is_ascii_alphabetic() => {
                let unit = UNITS.iter().find(|(u, _)| *u == c.to_ascii_uppercase()).ok_or(())?;
                (&raw[..at], 10, Notation::Unit(unit.1))
            }
            _ => (raw, 10, Notation::Decimal),
        },
    };
    if !digits.starts_with(|c: char| c.is_digit(radix)) || digits.ends_with('_') {
        return Err(());
    }
    let mut value = Some(0u64);
    for c in digits.chars().filter(|c| *c != '_') {
        let digit = c.to_digit(radix).ok_or(())?;
        value = value.and_then(|v| v.checked_mul(radix.into())?.checked_add(digit.into()));
    }
    if let Notation::Unit(shift) = notation {
        value = value.and_then(|v| v.checked_mul(1 << shift));
    }
    Ok(value.map(|v| (v, notation)))
}

impl fmt::Display for Num {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.notation {
            Notation::Unit(shift) => {
                if let Some((unit, _)) =
                    UNITS.iter().find(|(_, s)| *s == shift && self.value & ((1 << s) - 1) == 0)
                {
                    return write!(f, "{}{unit}", self.value >> shift);
                }
                write!(f, "{}", self.value)
            }
            Notation::Decimal => write!(f, "{}", self.value),
            Notation::Hex => {
                let digits: String = alloc::format!("{:x}", self.value);
                let mut out = "0x".to_string();
                for (i, c) in digits.chars().enumerate() {
                    if i > 0 && digits.len() > 4 && (digits.len() - i) % 4 == 0 {
                        out.push('_');
                    }
                    out.push(c);
                }
                f.write_str(&out)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn num(raw: &str) -> Result<Num, Problem> {
        Num::parse(raw, Span::new(1, 1, raw.len() as u32), Noun::Number)
    }

    #[test]
    fn numbers_read_and_print_in_their_notation() {
        for (raw, value, printed) in [
            ("0", 0, "0"),
            ("6_000", 6000, "6000"),
            ("64k", 65536, "64K"),
            ("4G", 4 << 30, "4G"),
            ("0xFEE00000", 0xfee0_0000, "0xfee0_0000"),
            ("0xffff", 0xffff, "0xffff"),
            ("0xffff_ffff_ffff_ffff", u64::MAX, "0xffff_ffff_ffff_ffff"),
            ("16383P", 16383 << 50, "16383P"),
        ] {
            let n = num(raw).unwrap();
            assert_eq!((n.value, n.to_string().as_str()), (value, printed));
        }
        for bad in ["", "K", "0x", "0x_1", "1_", "_1", "1x", "-1", "１", "0b1", "1KK", "0xg"] {
            assert!(num(bad).is_err(), "{bad}");
        }
        for big in ["18446744073709551616", "0x1_0000_0000_0000_0000", "16384P"] {
            assert!(num(big).unwrap_err().message.en.contains("64 bits"), "{big}");
        }
    }

    #[test]
    fn a_unit_that_does_not_divide_is_printed_in_decimal() {
        let n = Num { notation: Notation::Unit(10), ..Num::decimal(1000) };
        assert_eq!(n.to_string(), "1000");
        assert_eq!(Num::size(3 << 20).to_string(), "3M");
    }
}
