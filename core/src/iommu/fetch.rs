//! How a unit reads structures from memory, recorded with the verdict on each.

use crate::addr::{AnyAddr, PhysAddr, Space};
use crate::memory::{MemError, Memory};
use crate::spec::{EntryType, Rule};
use crate::trace::{Actor, Event, Observer, Verdict};

/// Why a structure could not be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trouble {
    /// Memory refused the access, or the address is wider than the unit's.
    Access,
    /// The data came back corrupted.
    Corrupt,
}

impl From<MemError> for Trouble {
    fn from(error: MemError) -> Self {
        match error {
            MemError::Poison(_) => Trouble::Corrupt,
            _ => Trouble::Access,
        }
    }
}

/// How a unit reaches memory: the width of its addresses, and its specification's words for what can go wrong.
#[derive(Clone, Copy, Debug)]
pub struct Reach {
    /// Bits of a physical address; 64 checks nothing.
    pub bits: u32,
    /// Structures are stored big-endian.
    pub big_endian: bool,
    /// The rules that a read may break.
    pub rules: &'static ReachRules,
}

/// What a specification says of reads that fail.
#[derive(Debug)]
pub struct ReachRules {
    /// The address is wider than the unit's.
    pub beyond: &'static Rule,
    /// Memory does not allow the read.
    pub unreadable: &'static Rule,
    /// The data is corrupted.
    pub corrupt: &'static Rule,
}

impl Reach {
    /// Returns whether a physical address is within the unit's width.
    pub const fn fits(&self, pa: u64) -> bool {
        self.bits >= 64 || pa >> self.bits == 0
    }
}

/// A structure that a unit reads: what it is and where.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// The structure.
    pub entry: &'static EntryType,
    /// Level of its table, 1 the last; 0 outside tables.
    pub level: u8,
    /// Its index there.
    pub index: u32,
    /// Its address as the pointer gave it.
    pub at: AnyAddr,
    /// Its physical address.
    pub pa: u64,
}

impl Place {
    /// Returns the place of a structure whose pointer is a physical address.
    pub const fn physical(entry: &'static EntryType, level: u8, index: u32, pa: u64) -> Self {
        Place { entry, level, index, at: AnyAddr { space: Space::Physical, raw: pa }, pa }
    }

    /// Reads the structure, at most eight words; those it does not have are 0. Records a failed read; the caller
    /// records a successful one by [`Place::record`], with its verdict.
    pub fn read<O: Observer>(
        &self,
        reach: &Reach,
        memory: &Memory,
        obs: &mut O,
    ) -> Result<[u64; 8], Trouble> {
        if !reach.fits(self.pa) {
            if O::ON {
                let event = Event::Check { rule: reach.rules.beyond, ok: false, value: self.pa };
                obs.step(Actor::Iommu, event);
            }
            return Err(Trouble::Access);
        }
        let mut bytes = [0; 64];
        let count = usize::from(self.entry.words).min(8);
        if let Err(error) = memory.read_bytes(PhysAddr::new(self.pa), &mut bytes[..count * 8]) {
            let trouble = Trouble::from(error);
            let rules = reach.rules;
            let rule = if trouble == Trouble::Corrupt { rules.corrupt } else { rules.unreadable };
            self.record(&[0; 8], Verdict::Refused(rule), obs);
            return Err(trouble);
        }
        let mut words = [0; 8];
        for (word, raw) in words.iter_mut().zip(bytes.chunks_exact(8)) {
            let mut eight = [0; 8];
            eight.copy_from_slice(raw);
            *word = if reach.big_endian { u64::from_be_bytes(eight) } else { u64::from_le_bytes(eight) };
        }
        Ok(words)
    }

    /// Records the read with what came of it.
    pub fn record<O: Observer>(&self, words: &[u64; 8], verdict: Verdict, obs: &mut O) {
        if O::ON {
            let words = obs.words(&words[..usize::from(self.entry.words).min(8)]);
            let pa = PhysAddr::new(self.pa);
            let Place { entry, level, index, at, .. } = *self;
            obs.step(Actor::Iommu, Event::Read { entry, level, index, at, pa, words, verdict });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addr::AddrRange;
    use crate::memory::Failure;
    use crate::spec::{Field, Text};
    use crate::trace::Trace;

    static ENTRY: EntryType = EntryType {
        name: Text::new("entry", ""),
        words: 2,
        fields: &[Field::value("a", 63, 0, "", ""), Field::value("b", 127, 64, "", "")],
        section: "",
    };
    const fn rule(en: &'static str) -> Rule {
        Rule { text: Text::new(en, ""), section: "" }
    }
    static BEYOND: Rule = rule("beyond");
    static UNREADABLE: Rule = rule("unreadable");
    static CORRUPT: Rule = rule("corrupt");
    static RULES: ReachRules = ReachRules { beyond: &BEYOND, unreadable: &UNREADABLE, corrupt: &CORRUPT };

    #[test]
    fn a_structure_is_read_in_its_byte_order_and_failures_name_their_rule() {
        let mut memory = Memory::new();
        memory.write_u64(PhysAddr::new(0x1000), 0x0102_0304_0506_0708).unwrap();
        memory.write_u64(PhysAddr::new(0x1008), 9).unwrap();
        let mut reach = Reach { bits: 16, big_endian: false, rules: &RULES };
        let read = |pa, reach: &Reach, memory: &Memory| {
            let mut trace = Trace::new();
            let words = Place::physical(&ENTRY, 1, 0, pa).read(reach, memory, &mut trace);
            let refused = trace.steps().iter().find_map(|s| match s.event {
                Event::Check { rule, ok: false, .. } => Some(rule.text.en),
                Event::Read { verdict: Verdict::Refused(rule), .. } => Some(rule.text.en),
                _ => None,
            });
            (words.map(|w| [w[0], w[1], w[2]]), refused)
        };
        assert_eq!(read(0x1000, &reach, &memory), (Ok([0x0102_0304_0506_0708, 9, 0]), None));
        reach.big_endian = true;
        assert_eq!(read(0x1000, &reach, &memory), (Ok([0x0807_0605_0403_0201, 9 << 56, 0]), None));
        assert_eq!(read(0x1_0000, &reach, &memory), (Err(Trouble::Access), Some("beyond")));
        let range = |at| AddrRange::new(PhysAddr::new(at), 16).unwrap();
        memory.fail(range(0x2000), Failure::Access);
        memory.fail(range(0x3000), Failure::Poison);
        assert_eq!(read(0x2000, &reach, &memory), (Err(Trouble::Access), Some("unreadable")));
        assert_eq!(read(0x3000, &reach, &memory), (Err(Trouble::Corrupt), Some("corrupt")));
    }
}
