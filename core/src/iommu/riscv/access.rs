//! How the unit reads structures from memory, and tells it.

use super::config::Config;
use crate::addr::{AnyAddr, PhysAddr};
use crate::memory::{MemError, Memory};
use crate::spec::{EntryType, Rule, Text};
use crate::trace::{Actor, Event, Observer, Verdict};

/// Why a structure could not be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trouble {
    /// A PMA or PMP check failed, or the address is beyond the width of physical addresses.
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

static BEYOND: Rule = Rule {
    text: Text::new(
        "the address is within capabilities.PAS bits of physical address",
        "地址在 capabilities.PAS 位物理地址之内",
    ),
    section: "RISC-V IOMMU, capabilities",
};
static UNREADABLE: Rule = Rule {
    text: Text::new("memory does not allow the read (PMA or PMP)", "内存不允许读取（PMA 或 PMP）"),
    section: "RISC-V Privileged 3.6, 3.7",
};
static CORRUPT: Rule = Rule {
    text: Text::new("the data was read as corrupted", "读到的数据已损坏"),
    section: "RISC-V IOMMU, fault queue",
};

/// A structure that is read: what it is and where.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// The structure.
    pub entry: &'static EntryType,
    /// Level of its table, 1 the last.
    pub level: u8,
    /// Its index there.
    pub index: u32,
    /// Its address as the pointer gave it.
    pub at: AnyAddr,
    /// Its physical address.
    pub pa: u64,
    /// Stored big-endian.
    pub big_endian: bool,
}

impl Place {
    /// Reads the structure. A failure is told here; a success by [`Place::tell`] once it has been judged.
    pub fn read<O: Observer>(
        &self,
        config: &Config,
        memory: &Memory,
        obs: &mut O,
    ) -> Result<[u64; 8], Trouble> {
        if !config.fits(self.pa) {
            if O::ON {
                obs.step(Actor::Iommu, Event::Check { rule: &BEYOND, ok: false, value: self.pa });
            }
            return Err(Trouble::Access);
        }
        let mut bytes = [0; 64];
        let count = usize::from(self.entry.words);
        if let Err(error) = memory.read_bytes(PhysAddr::new(self.pa), &mut bytes[..count * 8]) {
            let trouble = Trouble::from(error);
            let rule = if trouble == Trouble::Corrupt { &CORRUPT } else { &UNREADABLE };
            self.tell(&[0; 8], Verdict::Refused(rule), obs);
            return Err(trouble);
        }
        let mut words = [0; 8];
        for (word, raw) in words.iter_mut().zip(bytes.chunks_exact(8)) {
            let mut eight = [0; 8];
            eight.copy_from_slice(raw);
            *word = if self.big_endian { u64::from_be_bytes(eight) } else { u64::from_le_bytes(eight) };
        }
        Ok(words)
    }

    /// Tells the read with what came of it.
    pub fn tell<O: Observer>(&self, words: &[u64; 8], verdict: Verdict, obs: &mut O) {
        if O::ON {
            let words = obs.words(&words[..usize::from(self.entry.words)]);
            let pa = PhysAddr::new(self.pa);
            let Place { entry, level, index, at, .. } = *self;
            obs.step(Actor::Iommu, Event::Read { entry, level, index, at, pa, words, verdict });
        }
    }
}
