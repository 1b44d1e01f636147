//! Bytes as text: `acpidump`, `xxd`, `hexdump -C`, `od -Ax -tx1`, and the fields that `iasl -d` writes of a table.

use super::scan::hex;
use alloc::vec::Vec;

/// The most bytes of a table.
pub const MOST: usize = 1 << 20;

/// Returns the offset and bytes of a row; none where the line is no row of a dump.
///
/// The text column that follows the bytes is told from them by two spaces or a bar, as all of these programs write.
pub fn row(line: &str) -> Option<(usize, Vec<u8>)> {
    let text = line.trim_start();
    let end = text.find([':', ' '])?;
    let (offset, rest) = text.split_at(end);
    if !(4..=16).contains(&offset.len()) {
        return None;
    }
    let offset = hex(offset)? as usize;
    let rest = rest.strip_prefix(':').unwrap_or(rest);
    let rest = rest.split('|').next().unwrap_or(rest);
    let mut bytes = Vec::with_capacity(16);
    let mut gap = 0;
    for part in rest.split(' ') {
        if part.is_empty() {
            gap += 1;
            continue;
        }
        // `hexdump -C` has two spaces after the eighth byte, all have some before the first.
        if gap >= 1 && !bytes.is_empty() && !(gap == 1 && bytes.len() == 8) || bytes.len() >= 16 {
            break;
        }
        gap = 0;
        let fine = part.len() % 2 == 0 && part.len() <= 32 && part.bytes().all(|b| b.is_ascii_hexdigit());
        if !fine {
            break;
        }
        bytes.extend((0..part.len()).step_by(2).filter_map(|i| hex(&part[i..i + 2]).map(|b| b as u8)));
    }
    bytes.truncate(16);
    (!bytes.is_empty()).then_some((offset, bytes))
}

/// Returns the offset and bytes of a field as `iasl -d` writes it: `[024h 0036   1]   Host Address Width : 26`, or of newer
/// versions `[024h 0036 001h]`.
pub fn field(line: &str) -> Option<(usize, Vec<u8>)> {
    let rest = line.trim_start().strip_prefix('[')?;
    let (head, rest) = rest.split_once(']')?;
    let mut words = head.split_whitespace();
    let offset = hex(words.next()?.strip_suffix('h')?)? as usize;
    let _decimal: u64 = words.next()?.parse().ok()?;
    let length = words.next()?;
    let length = match length.strip_suffix('h') {
        Some(length) => hex(length)?,
        None => length.parse().ok()?,
    };
    let (_, value) = rest.split_once(" : ")?;
    let length = usize::try_from(length).ok().filter(|l| (1..=4096).contains(l))?;
    // `iasl` says in a comment that a checksum is wrong.
    let value = value.split("/*").next().unwrap_or(value);
    let value = value.split(" [").next().unwrap_or(value).split('(').next().unwrap_or(value).trim();
    let mut bytes = match value.strip_prefix('"') {
        Some(text) => text.strip_suffix('"').unwrap_or(text).bytes().collect(),
        // A list of bytes, or one number.
        None if length > 8 || value.contains([',', ' ']) => {
            let parts = value.split([' ', ',']).filter(|part| !part.is_empty());
            parts.map(|part| hex(part).and_then(|b| u8::try_from(b).ok())).collect::<Option<Vec<u8>>>()?
        }
        None => hex(value)?.to_le_bytes().to_vec(),
    };
    bytes.resize(length, 0);
    Some((offset, bytes))
}

/// Returns the bytes of a line that is nothing but digits, as `xxd -p` prints them.
pub fn plain(line: &str) -> Option<Vec<u8>> {
    let text = line.trim();
    let fine = text.len() % 2 == 0 && (2..=512).contains(&text.len());
    if !fine || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    (0..text.len()).step_by(2).map(|i| hex(&text[i..i + 2]).map(|b| b as u8)).collect()
}

/// Puts the bytes of words in their order in memory: `hexdump` without `-C`, `xxd -e` and `od -t x2` to `x8` print numbers.
/// `is_right` tells bytes that are in order.
pub fn in_order(mut bytes: Vec<u8>, is_right: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    if is_right(&bytes) {
        return bytes;
    }
    for size in [2, 4, 8] {
        let start: Vec<u8> = bytes.chunks(size).take(4).flat_map(|word| word.iter().rev()).copied().collect();
        if is_right(&start) {
            bytes.chunks_mut(size).for_each(<[u8]>::reverse);
            break;
        }
    }
    bytes
}

/// Bytes that come row by row.
#[derive(Debug, Default)]
pub struct Gathered {
    bytes: Vec<u8>,
    /// What the offsets are counted in, told from the second row; 0 before it.
    radix: u64,
}

impl Gathered {
    /// Returns the offset that digits mean which were read as hexadecimal: `od` counts in octal, or with `-A d` in decimal.
    pub fn offset(&mut self, read: usize) -> usize {
        let by = |radix: u64| {
            let mut digits = (0..16).rev().map(|i| read as u64 >> (4 * i) & 15);
            digits.try_fold(0u64, |sum, digit| {
                sum.checked_mul(radix)?.checked_add(digit).filter(|_| digit < radix)
            })
        };
        let second = self.bytes.len() as u64;
        if self.radix == 0 && read != 0 {
            let fits = [16, 8, 10].into_iter().find(|radix| by(*radix) == Some(second));
            self.radix = fits.unwrap_or(16);
        }
        match self.radix {
            0 | 16 => read,
            radix => by(radix).and_then(|at| usize::try_from(at).ok()).unwrap_or(read),
        }
    }
    /// Puts bytes at an offset; returns false where they leave a gap or are too many.
    pub fn put(&mut self, offset: usize, bytes: &[u8]) -> bool {
        let Some(end) = offset.checked_add(bytes.len()).filter(|end| *end <= MOST) else { return false };
        if offset > self.bytes.len() {
            return false;
        }
        if end > self.bytes.len() {
            self.bytes.resize(end, 0);
        }
        self.bytes[offset..end].copy_from_slice(bytes);
        true
    }
    /// Repeats the last row up to an offset, as `hexdump` means by `*`.
    pub fn repeat(&mut self, to: usize) {
        let Some(start) = self.bytes.len().checked_sub(16) else { return };
        let to = to.min(MOST);
        // Bounded: up to the most bytes of a table.
        while self.bytes.len() < to {
            self.bytes.extend_from_within(start..start + 16);
        }
        self.bytes.truncate(to.max(start + 16));
    }
    /// Returns the bytes, and begins anew.
    pub fn take(&mut self) -> Vec<u8> {
        self.radix = 0;
        core::mem::take(&mut self.bytes)
    }
    /// Returns whether they begin with these.
    pub fn begins_with(&self, bytes: &[u8]) -> bool {
        self.bytes.starts_with(bytes)
    }
    /// Returns how many there are.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_every_program_give_the_same_bytes() {
        let want: Vec<u8> = b"DMAR\x50\x00\x00\x00\x01\x43INTEL ".to_vec();
        for line in [
            "    0000: 44 4D 41 52 50 00 00 00 01 43 49 4E 54 45 4C 20  DMARP....CINTEL ",
            "00000000: 444d 4152 5000 0000 0143 494e 5445 4c20  DMARP....CINTEL ",
            "00000000  44 4d 41 52 50 00 00 00  01 43 49 4e 54 45 4c 20  |DMARP....CINTEL |",
            "000000 44 4d 41 52 50 00 00 00 01 43 49 4e 54 45 4c 20",
            "    0000: 44 4D 41 52 50 00 00 00 01 43 49 4E 54 45 4C 20  aa bb cc dd",
        ] {
            assert_eq!(row(line), Some((0, want.clone())), "{line}");
        }
        assert_eq!(row("    00A0: 01 08  .."), Some((0xa0, [1, 8].into())));
        for line in ["", "abcd", "00: 01 02", "zzzz: 01", "0000:", "0000  |..|"] {
            assert_eq!(row(line), None, "{line}");
        }
    }

    #[test]
    fn fields_of_iasl_are_bytes_again() {
        assert_eq!(field("[024h 0036   1]           Host Address Width : 26"), Some((36, [0x26].into())));
        assert_eq!(field("[024h 0036 001h]   Host Address Width : 26"), Some((36, [0x26].into())));
        let base = field("[038h 0056   8]        Register Base Address : 00000000FED90000");
        assert_eq!(base, Some((56, 0xfed9_0000u64.to_le_bytes().to_vec())));
        assert_eq!(field("[046h 0070   2]   PCI Path : 1F,07"), Some((70, [0x1f, 7].into())));
        let name = field("[000h 0000   4]    Signature : \"DMAR\"    [DMA Remapping table]");
        assert_eq!(name, Some((0, b"DMAR".to_vec())));
        assert_eq!(field("[025h 0037   1]   Flags : 01"), Some((37, [1].into())));
        assert_eq!(field("    INTR_REMAP : 1"), None);
    }
}
