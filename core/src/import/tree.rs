//! `lspci -t`: the tree of buses, drawn with characters.

use super::found::{Bdf, Bridge, Found, Source};
use super::scan::hex;
use alloc::vec::Vec;

/// What is being read of a tree.
#[derive(Debug, Default)]
pub struct Tree {
    /// Where branches hang: the column, and the segment and bus there.
    open: Vec<(usize, u32, u8)>,
}

impl Tree {
    /// Reads a line; returns whether it is one of a tree.
    pub fn line(&mut self, line: &str, from: Source, found: &mut Found) -> bool {
        let start = line.trim_start_matches([' ', '|']);
        // The first of several roots is drawn with a branch of its own.
        let root = ["-[", "-+-[", "+-[", "\\-["].iter().any(|mark| start.starts_with(mark));
        let branch = (start.starts_with("+-") || start.starts_with("\\-")) && !self.open.is_empty();
        if !root && !branch {
            return false;
        }
        let column = line.len() - start.len();
        let mut at = column;
        let (mut segment, mut bus) = (0, 0);
        if branch {
            // The branch hangs where this column was opened.
            match self.open.iter().rposition(|(c, _, _)| *c == column) {
                Some(place) => {
                    (segment, bus) = (self.open[place].1, self.open[place].2);
                    self.open.truncate(place + 1);
                }
                None if !root => return false,
                None => self.open.clear(),
            }
        } else {
            self.open.clear();
        }
        let mut last: Option<Bdf> = None;
        // Bounded: each turn passes a character.
        while at < line.len() {
            let rest = &line.as_bytes()[at..];
            if rest.starts_with(b"[") {
                let Some(end) = rest.iter().position(|b| *b == b']') else { break };
                let inside = line.get(at + 1..at + end).unwrap_or("");
                let Some((into, below, to)) = buses(inside) else { break };
                segment = into.unwrap_or(segment);
                if last.is_none() {
                    found.root(segment, below);
                }
                if let Some(bridge) = last.take() {
                    let function = found.function(bridge, from);
                    if let Some(function) = function.filter(|f| f.bridge.is_none()) {
                        let (secondary, subordinate) = (below, to);
                        function.bridge = Some(Bridge { secondary, subordinate, windows: Vec::new(), from });
                    }
                }
                bus = below;
                at += end + 1;
            } else if matches!(rest, [b'+', b'-', ..] | [b'\\', b'-', ..]) {
                if self.open.iter().all(|(c, _, _)| *c != at) && self.open.len() < 256 {
                    self.open.push((at, segment, bus));
                }
                at += 2;
            } else if matches!(rest[0], b'-' | b' ' | b'|') {
                at += 1;
            } else {
                let Some(function) = line.get(at..at + 4).and_then(place) else { break };
                let bdf = Bdf { segment, bus, device: function.0, function: function.1 };
                found.kind("lspci -t", from);
                let _ = found.function(bdf, from);
                last = Some(bdf);
                at += 4;
                // `-v` adds a name, which may hold anything.
                if rest.get(4).is_some_and(|b| !matches!(b, b'-')) {
                    break;
                }
            }
        }
        last.is_some() || root || branch
    }

    /// Ends the tree.
    pub fn finish(&mut self) {
        self.open.clear();
    }
}

/// `0000:00`, `01`, `02-05`: segment, first and last bus.
fn buses(text: &str) -> Option<(Option<u32>, u8, u8)> {
    let (segment, text) = match text.split_once(':') {
        Some((segment, text)) => (Some(hex(segment)? as u32), text),
        None => (None, text),
    };
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let bus = |text: &str| (text.len() == 2).then(|| hex(text)).flatten().map(|bus| bus as u8);
    Some((segment, bus(first)?, bus(last)?))
}

/// `1c.0`.
fn place(text: &str) -> Option<(u8, u8)> {
    let (device, function) = text.split_once('.')?;
    let (device, function) = (hex(device)?, hex(function)?);
    (text.len() == 4 && device < 32 && function < 8).then_some((device as u8, function as u8))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn a_tree_of_several_roots_has_all_of_them() {
        let (mut tree, mut found) = (Tree::default(), Found::default());
        for line in [
            "-+-[0000:80]-+-00.0",
            " |           \\-02.0-[81]----00.0",
            " +-[0000:40]---00.0",
            " \\-[0000:00]-+-00.0",
            "             \\-1f.0",
        ] {
            assert!(tree.line(line, Source::default(), &mut found), "{line}");
        }
        let mut all: Vec<_> = found.functions.iter().map(|f| f.at.to_string()).collect();
        all.sort();
        assert_eq!(all, ["00:00.0", "00:1f.0", "40:00.0", "80:00.0", "80:02.0", "81:00.0"]);
    }
}
