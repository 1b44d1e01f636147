//! Names for functions in a scenario: by what they are, counted.

use super::found::Function;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// What functions of a class are called.
const WORDS: &[(u16, u16, &str)] = &[
    (0x0106, 0xffff, "sata"),
    (0x0101, 0xffff, "ide"),
    (0x0108, 0xffff, "nvme"),
    (0x0100, 0xff00, "disk"),
    (0x0280, 0xffff, "wifi"),
    (0x0200, 0xff00, "nic"),
    (0x0300, 0xff00, "gpu"),
    (0x0403, 0xffff, "audio"),
    (0x0400, 0xff00, "media"),
    (0x0500, 0xff00, "memory"),
    (0x0600, 0xffff, "host"),
    (0x0601, 0xffff, "isa"),
    (0x0600, 0xff00, "bridge"),
    (0x0700, 0xff00, "serial"),
    (0x0800, 0xff00, "system"),
    (0x0c03, 0xffff, "usb"),
    (0x0c05, 0xffff, "smbus"),
    (0x0c00, 0xff00, "bus"),
    (0x1000, 0xff00, "crypto"),
    (0x1200, 0xff00, "accel"),
];

/// Names that were given.
#[derive(Debug, Default)]
pub struct Names {
    counts: Vec<(&'static str, usize)>,
}

impl Names {
    /// Returns the next name that begins with a word.
    pub fn next(&mut self, word: &'static str) -> String {
        let place = self.counts.iter().position(|(w, _)| *w == word).unwrap_or_else(|| {
            self.counts.push((word, 0));
            self.counts.len() - 1
        });
        let count = self.counts[place].1;
        self.counts[place].1 += 1;
        format!("{word}{count}")
    }

    /// Returns a name for a device.
    pub fn device(&mut self, function: &Function) -> String {
        let class = function.class.unwrap_or(u16::MAX);
        let word =
            WORDS.iter().find(|(code, mask, _)| class & mask == *code).map_or("dev", |(_, _, word)| word);
        self.next(word)
    }
}
