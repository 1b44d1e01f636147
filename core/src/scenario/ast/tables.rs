//! The IOMMU's own tables, caches and registers, as software touches them.

use super::*;
use crate::addr::RequesterId;
use crate::scenario::noun::Noun;
use crate::scenario::span::Node;

choices! {
    /// A cache that can be invalidated.
    CacheKind {
        /// Translations.
        "iotlb" => Iotlb,
        /// Device table entries (VT-d: context cache).
        "device-cache" => DeviceCache,
        /// Process table entries (VT-d: PASID cache).
        "process-cache" => ProcessCache,
        /// What a device keeps for itself.
        "device-tlb" => DeviceTlb,
        /// Interrupt remapping entries.
        "interrupt-cache" => InterruptCache,
    }
}

/// `invalidate iotlb`, `invalidate iotlb of d0 at 0x1000 +4K`, `invalidate device-cache of nic`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Invalidate {
    /// Which cache.
    pub cache: Node<CacheKind>,
    /// Of which domain, process, virtual machine (iotlb) or device; none: everything.
    pub of: Option<Name>,
    /// Of which PASID.
    pub pasid: Option<Node<crate::addr::Pasid>>,
    /// Of which addresses.
    pub at: Option<Range<OfSubject>>,
    /// Queued, but not waited for.
    pub no_wait: bool,
}

impl Invalidate {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.choice(&mut self.cache)?;
        f.clauses(|f| {
            f.opt_name("of", Noun::CacheOwner, &mut self.of)?;
            f.clause("pasid", &mut self.pasid, Form::pasid)?;
            f.clause("at", &mut self.at, Form::range)?;
            f.flag("no-wait", &mut self.no_wait)
        })
    }
}

/// What to change in an entry: `value 0`, or `set 0x80 clear 1`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Edit {
    /// Which 64-bit word of the entry (0 by default).
    pub word: Option<Num>,
    /// The whole word.
    pub value: Option<Num>,
    /// These bits become 1.
    pub set: Option<Num>,
    /// These bits become 0.
    pub clear: Option<Num>,
}

impl Edit {
    fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.opt_num("word", Noun::Number, &mut self.word)?;
        f.opt_num("value", Noun::Number, &mut self.value)?;
        f.opt_num("set", Noun::Number, &mut self.set)?;
        f.opt_num("clear", Noun::Number, &mut self.clear)
    }
    /// Is `word` what an expectation says: the whole of `value`, ones where `set`, zeros where `clear` has ones?
    pub fn describes(&self, word: u64) -> bool {
        let (set, clear) = (self.set.map_or(0, |v| v.value), self.clear.map_or(0, |v| v.value));
        self.value.is_none_or(|v| v.value == word) && word & set == set && word & clear == 0
    }
    /// The word after the edit.
    pub fn apply(&self, old: u64) -> u64 {
        let word = self.value.map_or(old, |v| v.value) | self.set.map_or(0, |v| v.value);
        word & !self.clear.map_or(0, |v| v.value)
    }
}

/// `entry page d0 0x1000 level 1 clear 1`: the entry that the walk of an address reads at a level.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PageEntry {
    /// Whose table: a process's, a virtual machine's, a domain's, or that of the domain a device is in.
    pub space: Name,
    /// The address walked.
    pub at: Loc<OfSubject>,
    /// The level; 1 is the last (and the default: where the walk ends).
    pub level: Option<Num>,
    /// The change.
    pub edit: Edit,
}

impl PageEntry {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.name(Noun::CacheOwner, &mut self.space)?;
        f.loc(&mut self.at)?;
        f.clauses(|f| {
            f.opt_num("level", Noun::Level, &mut self.level)?;
            self.edit.form(f)
        })
    }
}

/// `entry device nic level 1 clear 1`: VT-d's root (2) and context (1) entries, RISC-V's device directory.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeviceEntry {
    /// A device, or a requester id.
    pub device: Name,
    /// The level; 1 is the last, and the default.
    pub level: Option<Num>,
    /// The change.
    pub edit: Edit,
}

impl DeviceEntry {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.name(Noun::DeviceOrBdf, &mut self.device)?;
        f.clauses(|f| {
            f.opt_num("level", Noun::Level, &mut self.level)?;
            self.edit.form(f)
        })
    }
}

/// `entry process nic pasid 7 level 1 clear 1`: VT-d's PASID directory (2) and PASID table (1) entries,
/// RISC-V's process directory.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProcessEntry {
    /// The device.
    pub device: Name,
    /// The PASID (0 by default: requests without one).
    pub pasid: Option<Node<crate::addr::Pasid>>,
    /// The level; 1 is the last, and the default.
    pub level: Option<Num>,
    /// The change.
    pub edit: Edit,
}

impl ProcessEntry {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.name(Noun::Device, &mut self.device)?;
        f.clauses(|f| {
            f.clause("pasid", &mut self.pasid, Form::pasid)?;
            f.opt_num("level", Noun::Level, &mut self.level)?;
            self.edit.form(f)
        })
    }
}

/// A register: by its offset, or by the specification's name (`FSTS_REG`, `fqcsr`).
#[derive(Clone, Debug, PartialEq)]
pub enum Register {
    /// By offset.
    Offset(Num),
    /// By name.
    Name(Name),
}

impl Default for Register {
    fn default() -> Self {
        Register::Offset(Num::default())
    }
}

impl Register {
    fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.number_or_word(
            Noun::Register,
            self,
            |r| match r {
                Register::Offset(n) => Ok(*n),
                Register::Name(n) => Err(n.clone()),
            },
            |v| match v {
                Ok(n) => Register::Offset(n),
                Err(n) => Register::Name(n),
            },
        )
    }
}

/// `register read FSTS_REG`, `register read 0x34 size 4`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RegisterRead {
    /// Which.
    pub register: Register,
    /// How many bytes: 4 or 8 (the register's own width by default).
    pub size: Option<Num>,
}

impl RegisterRead {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        self.register.form(f)?;
        f.clauses(|f| f.opt_num("size", Noun::Width, &mut self.size))
    }
}

/// `register write FSTS_REG 1`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RegisterWrite {
    /// Which.
    pub register: Register,
    /// What.
    pub value: Num,
    /// How many bytes: 4 or 8 (the register's own width by default).
    pub size: Option<Num>,
}

impl RegisterWrite {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        self.register.form(f)?;
        f.num(Noun::Number, &mut self.value)?;
        f.clauses(|f| f.opt_num("size", Noun::Width, &mut self.size))
    }
}

choices! {
    /// What becomes of an interrupt that uses an entry.
    EntryState {
        /// It is delivered.
        "present" => Present,
        /// The entry is not present: blocked, with a fault.
        "not-present" => NotPresent,
    }
}

/// `interrupt 5 vector 0x41 cpu 2 source nic`: one entry of the remapping table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InterruptEntry {
    /// Its index.
    pub index: Num,
    /// The vector that arrives.
    pub vector: Option<Num>,
    /// At which CPU (0 by default).
    pub cpu: Option<Num>,
    /// Posted to this virtual machine.
    pub vm: Option<Name>,
    /// Only this device or requester id may use it; none: anyone.
    pub source: Option<Name>,
    /// Whether it is present.
    pub state: Option<Node<EntryState>>,
}

impl InterruptEntry {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.num(Noun::Number, &mut self.index)?;
        f.clauses(|f| {
            f.opt_num("vector", Noun::Vector, &mut self.vector)?;
            f.opt_num("cpu", Noun::Number, &mut self.cpu)?;
            f.opt_name("vm", Noun::Vm, &mut self.vm)?;
            f.opt_name("source", Noun::DeviceOrBdf, &mut self.source)?;
            f.opt_choice(&mut self.state)
        })
    }
}

/// Where a name may be a device or a requester id: which it is.
pub fn requester_of(name: &Name) -> Option<RequesterId> {
    RequesterId::parse(name)
}
