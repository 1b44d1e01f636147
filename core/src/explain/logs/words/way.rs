//! From a device to its page tables, by the entries that the unit's root leads to: what each architecture reads on that way.

use super::line::{Asked, Asker};
use super::stage::{to_table, End, Leaf, Part, Stage, Step};
use super::Words;
use crate::addr::RequesterId;
use crate::explain::logs::dumped::Walk;
use crate::explain::logs::fault::Arch;
use crate::paging::Want;
use crate::spec::Text;
use crate::trace::Perms;
use alloc::vec::Vec;

pub(super) const ABSENT: Text =
    Text::new("the entry is not there (its valid bit is 0)", "表项不存在（有效位为 0）");
pub(super) const PASSED: Text =
    Text::new("passed through: addresses are not translated", "直通模式：地址不转换");
pub(super) const FORWARDED: Text = Text::new(
    "V is 0: requests are forwarded, addresses are not translated",
    "V 为 0：请求直接转发，地址不转换",
);
pub(super) const RESERVED: Text = Text::new("a value that is reserved", "保留值");
pub(super) const RESERVED_BIT: Text = Text::new("a reserved bit is 1", "保留位为 1");
const WIDE: Text = Text::new(
    "the number has more than 16 bits: no such device can be behind this unit",
    "编号超过 16 位：这个 IOMMU 之后不可能有这样的设备",
);
/// Of these entries an address stays as it is: how the walk ends, and no fault.
const UNTRANSLATED: [Text; 2] = [PASSED, FORWARDED];

/// The stages of a request: the first, and the one below it.
pub(super) type Stages = (Option<Stage>, Option<Stage>);

/// A walk while it is done.
pub(super) struct Way<'a> {
    pub(super) words: &'a Words,
    pub(super) asked: Asked,
    /// What the root's registers hold.
    pub(super) root: &'a [u64],
    /// The device's own entry, where the dump gives it.
    pub(super) entry: Option<&'a [u64]>,
    pub(super) steps: Vec<Step>,
    /// What a scenario is made of.
    pub(super) walk: Walk,
    /// What the device's own entry allows.
    pub(super) limit: Perms,
}

impl Way<'_> {
    /// Walks.
    pub(super) fn go(&mut self, arch: Arch) -> Result<Leaf, End> {
        let (first, second) = match arch {
            Arch::VtD => self.vtd()?,
            Arch::AmdVi => self.amd()?,
            Arch::SmmuV3 => self.smmu()?,
            _ => self.riscv()?,
        };
        let want = Want::user(if self.asked.write { Perms::W } else { Perms::R });
        let (input, steps) = (self.asked.address, &mut self.steps);
        let leaf = match (first, second) {
            (Some(first), below) => {
                let part = if below.is_some() { Part::First } else { Part::Alone };
                first.of(part).walk(self.words, input, want, below.as_ref(), steps)
            }
            (None, Some(second)) => second.walk(self.words, input, want, None, steps),
            (None, None) => Err(End::Same(PASSED)),
        }?;
        Ok(Leaf { perms: leaf.perms.and(self.limit), ..leaf })
    }

    /// The number that the tables are looked up by.
    pub(super) fn number(&self) -> u32 {
        self.asked.device.map_or(0, Asker::number)
    }

    /// The number, where it has to be that of a function.
    pub(super) fn function(&self) -> Result<RequesterId, End> {
        let function = self.asked.device.map_or(Some(RequesterId::bdf(0, 0, 0)), Asker::function);
        function.ok_or(End::Refused(WIDE.into()))
    }

    /// Reads `N` words, found through stage 2 where there is one, and notes what they say.
    pub(super) fn read<const N: usize>(
        &mut self,
        name: Text,
        at: u64,
        below: Option<&Stage>,
        says: impl Fn(&[u64; N]) -> Result<u64, Text>,
    ) -> Result<[u64; N], End> {
        let at = match below {
            Some(stage) => {
                stage.of(Part::Second).walk(self.words, at, Want::user(Perms::R), None, &mut self.steps)?.to
            }
            None => at,
        };
        let words = self.words.get::<N>(at)?;
        self.note(name, Some(at), words, says)
    }

    pub(super) fn note<const N: usize>(
        &mut self,
        name: Text,
        at: Option<u64>,
        words: [u64; N],
        says: impl Fn(&[u64; N]) -> Result<u64, Text>,
    ) -> Result<[u64; N], End> {
        let (said, wrong) = match says(&words) {
            Ok(next) => (to_table(next), None),
            Err(text) => (text.into(), Some(text)),
        };
        self.steps.push(Step { name: name.into(), at, words: words.into(), says: said, level: None });
        match wrong {
            None => Ok(words),
            Some(text) if UNTRANSLATED.contains(&text) => Err(End::Same(text)),
            Some(text) => Err(End::Refused(text.into())),
        }
    }

    /// The device's own entry: from the dump, or where the tables have it.
    pub(super) fn own<const N: usize>(
        &mut self,
        name: Text,
        at: u64,
        says: impl Fn(&[u64; N]) -> Result<u64, Text>,
    ) -> Result<[u64; N], End> {
        match self.entry.and_then(|words| words.try_into().ok()) {
            Some(words) => self.note(name, None, words, says),
            None => self.read(name, at, None, says),
        }
    }
}

pub(super) fn refused<T>(why: Text) -> Result<T, End> {
    Err(End::Refused(why.into()))
}

/// Returns where an entry leads to, if it is one.
pub(super) fn valid(is: bool, next: u64) -> Result<u64, Text> {
    sound(is, false, next)
}

/// Returns where an entry leads to, if it is one and none of its reserved bits is set.
pub(super) fn sound(is: bool, reserved: bool, next: u64) -> Result<u64, Text> {
    match (is, reserved) {
        (false, _) => Err(ABSENT),
        (true, true) => Err(RESERVED_BIT),
        (true, false) => Ok(next),
    }
}

pub(super) const DIRECTORY_ENTRY: Text = Text::new("directory entry", "目录项");
