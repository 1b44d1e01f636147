//! Texts in UTF-16, as PowerShell and editors of Windows write them, read as the UTF-8 that all readers take.

use std::io::{BufRead, Cursor, Read, Result};

/// Returns a text as UTF-8, without its byte order mark: one that begins with UTF-16's is turned as it is read, and so is what follows
/// such a mark at the beginning of a line, as `>>` of PowerShell 5.1 appends it. Any other is as it is.
pub fn utf8<'a>(mut from: impl BufRead + 'a) -> Result<Box<dyn BufRead + 'a>> {
    // A pipe may give one byte first; a text of one byte has no mark.
    let mut mark = Vec::new();
    from.by_ref().take(3).read_to_end(&mut mark)?;
    // UTF-8 has one too.
    if mark == [0xef, 0xbb, 0xbf] {
        mark.clear();
    }
    Ok(match order(&mark) {
        Some(unit) => {
            let from = Cursor::new(mark.split_off(2)).chain(from);
            Box::new(Wide { from, unit, held: None, ready: String::new(), taken: 0 })
        }
        None => Box::new(Narrow {
            from: Some(Cursor::new(mark).chain(from)),
            wide: None,
            ready: Vec::new(),
            taken: 0,
            begins: false,
            binary: false,
        }),
    })
}

/// How the bytes of a unit stand in a text that begins so; none where that is no mark of UTF-16.
fn order(bytes: &[u8]) -> Option<fn([u8; 2]) -> u16> {
    match bytes {
        [0xff, 0xfe, ..] => Some(u16::from_le_bytes),
        [0xfe, 0xff, ..] => Some(u16::from_be_bytes),
        _ => None,
    }
}

/// A text that is none of UTF-16 up to a line that begins with its mark: no byte of the mark is one of UTF-8.
struct Narrow<'a, R> {
    from: Option<R>,
    /// What follows that mark.
    wide: Option<Box<dyn BufRead + 'a>>,
    /// Bytes of a line, and how many of them were taken.
    ready: Vec<u8>,
    taken: usize,
    /// A line begins here.
    begins: bool,
    /// It has a byte that no text has: a table, whose bytes are what they are.
    binary: bool,
}

impl<'a, R: BufRead + 'a> Read for Narrow<'a, R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

impl<'a, R: BufRead + 'a> BufRead for Narrow<'a, R> {
    fn fill_buf(&mut self) -> Result<&[u8]> {
        if let Some(from) = self.from.as_mut().filter(|_| self.taken == self.ready.len()) {
            self.ready.clear();
            self.taken = 0;
            from.by_ref().take(READY as u64).read_until(b'\n', &mut self.ready)?;
            let unit = order(&self.ready).filter(|_| self.begins && !self.binary);
            if let Some((unit, from)) = unit.and_then(|unit| Some((unit, self.from.take()?))) {
                let rest = Cursor::new(self.ready.split_off(2)).chain(from);
                self.ready.clear();
                self.wide =
                    Some(Box::new(Wide { from: rest, unit, held: None, ready: String::new(), taken: 0 }));
            }
            self.begins = self.ready.last() == Some(&b'\n');
            self.binary |= self.ready.contains(&0);
        }
        match &mut self.wide {
            Some(wide) => wide.fill_buf(),
            None => Ok(&self.ready[self.taken..]),
        }
    }

    fn consume(&mut self, count: usize) {
        match &mut self.wide {
            Some(wide) => wide.consume(count),
            None => self.taken += count,
        }
    }
}

struct Wide<R> {
    from: R,
    unit: fn([u8; 2]) -> u16,
    /// The first half of a character of two units.
    held: Option<u16>,
    /// Characters that are ready, and how much of them was taken.
    ready: String,
    taken: usize,
}

/// Bytes that are made ready at once.
const READY: usize = 8 << 10;

impl<R: BufRead> Wide<R> {
    /// The next unit; an odd byte at the end is none.
    fn unit(&mut self) -> Result<Option<u16>> {
        let mut bytes = Vec::with_capacity(2);
        self.from.by_ref().take(2).read_to_end(&mut bytes)?;
        Ok(bytes.try_into().ok().map(self.unit))
    }
}

impl<R: BufRead> Read for Wide<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

impl<R: BufRead> BufRead for Wide<R> {
    fn fill_buf(&mut self) -> Result<&[u8]> {
        if self.taken == self.ready.len() {
            self.ready.clear();
            self.taken = 0;
            // Bounded: each turn takes a unit, and all but the first of two give a character.
            while self.ready.len() < READY {
                let units = match (self.held.take(), self.unit()?) {
                    (None, None) => break,
                    (None, Some(unit)) if (0xd800..0xdc00).contains(&unit) => {
                        self.held = Some(unit);
                        continue;
                    }
                    (held, unit) => held.into_iter().chain(unit),
                };
                let chars = char::decode_utf16(units);
                self.ready.extend(chars.map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)));
            }
        }
        Ok(&self.ready.as_bytes()[self.taken..])
    }

    fn consume(&mut self, count: usize) {
        self.taken += count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> String {
        let mut out = Vec::new();
        utf8(bytes).unwrap().read_to_end(&mut out).unwrap();
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn a_text_is_the_same_in_either_order_of_bytes_and_as_it_was() {
        let text = "[ 1.0] DMAR: 名字 \u{1f600}\r\n".repeat(3000);
        let units = |bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
            "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(bytes).collect()
        };
        assert_eq!(read(&units(u16::to_le_bytes)), text);
        assert_eq!(read(&units(u16::to_be_bytes)), text);
        assert_eq!(read(text.as_bytes()), text);
        assert_eq!(read(&[b"\xef\xbb\xbf", text.as_bytes()].concat()), text);
        for short in ["", "x", "xy"] {
            assert_eq!(read(short.as_bytes()), short);
        }
        // What is appended in UTF-16, and a table that has the bytes of a mark.
        let wide = units(u16::to_le_bytes);
        assert_eq!(read(&[text.as_bytes(), &wide].concat()), text.clone() + &text);
        assert_eq!(
            read(&[b"\0\n", wide.as_slice()].concat()),
            String::from_utf8_lossy(&[b"\0\n", wide.as_slice()].concat())
        );
        // Halves of a character, and half a unit at the end.
        assert_eq!(read(b"\xff\xfe\x00\xd8a\0\x00\xdcb\0\x00\xd8"), "\u{fffd}a\u{fffd}b\u{fffd}");
        assert_eq!(read(b"\xff\xfea\0b"), "a");
    }
}
