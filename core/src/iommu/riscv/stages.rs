//! Both stages of translation (RISC-V IOMMU, "Process to translate an IOVA", steps 17 and 19; RISC-V Privileged 12.3.2 and 18.5).

use super::access::Trouble;
use super::config::Config;
use super::spec::registers::capabilities as cap;
use super::spec::structures::root;
use crate::addr::{AnyAddr, PageSize, PhysAddr, Space};
use crate::memory::Memory;
use crate::paging::riscv::{rights, Riscv, RiscvState, Role, D, U};
use crate::paging::walk::{Located, Walker};
use crate::paging::{walk, Tables, WalkError, Want};
use crate::spec::{Bits, Rule, Text};
use crate::trace::{Actor, Event, Observer, Perms, Stage};

/// A stage's tables: `iosatp` or `iohgatp`, and what the device context says of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Root {
    /// 0 for Bare, else 3, 4 or 5.
    pub levels: u8,
    /// The first table.
    pub at: u64,
    /// Hardware sets A and D.
    pub update: bool,
    /// Entries are big-endian.
    pub big_endian: bool,
}

impl Root {
    /// Returns it made from a word with MODE and PPN.
    pub fn new(word: u64, update: bool, big_endian: bool) -> Self {
        // Sv39 is 8 and has 3 levels, and so on; the same for the x4 modes.
        let levels = (word.bits(root::MODE) as u8).saturating_sub(5);
        Root { levels, at: word.address(root::PPN), update, big_endian }
    }
    /// Returns the word of tables with this many levels.
    pub fn word(levels: u8, at: u64) -> u64 {
        0u64.with(root::MODE, u64::from(levels) + 5).with_address(root::PPN, at)
    }
    /// Returns whether there is no translation.
    pub const fn bare(&self) -> bool {
        self.levels == 0
    }
}

/// What a stage found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Leaf {
    /// The output address, offset included.
    pub to: u64,
    /// The page's size.
    pub size: PageSize,
    /// R, W, X of the leaf.
    pub rights: Perms,
    /// Its U.
    pub user: bool,
    /// Global there or above.
    pub global: bool,
    /// Its D as read.
    pub dirty: bool,
    /// D once the walk was done.
    pub dirty_after: bool,
    /// Memory type.
    pub pbmt: u8,
}

impl Leaf {
    /// Returns a stage without translation.
    pub const fn bare(at: u64, size: PageSize, global: bool) -> Self {
        let rights = Perms::RWX;
        Leaf { to: at, size, rights, user: true, global, dirty: true, dirty_after: true, pbmt: 0 }
    }
}

/// Why a stage gave no address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StageFault {
    /// Its own tables refuse.
    Page,
    /// Memory of its tables, or of those below.
    Memory(Trouble),
    /// The second stage refuses the address of a first-stage entry.
    Guest {
        /// That address.
        gpa: u64,
        /// The entry was about to be written.
        write: bool,
    },
}

/// What an access needs, seen by both stages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Need {
    /// R, W, X.
    pub perms: Perms,
    /// Supervisor privilege.
    pub privileged: bool,
    /// Missing permission refuses; not so for ATS translation requests.
    pub check: bool,
}

/// What both walks share.
#[derive(Clone, Copy, Debug)]
pub struct Stages<'a> {
    /// The unit.
    pub config: &'a Config,
    /// `iohgatp`.
    pub second: Root,
    /// SADE.
    pub first_updates: bool,
    /// Look only: nothing is written.
    pub frozen: bool,
}

static CANONICAL: Rule = Rule {
    text: Text::new(
        "the bits above those translated are not copies of the highest translated one",
        "高位不是符号扩展，须与参与转换的最高位全部相同",
    ),
    section: "RISC-V Privileged 12.4.1",
};
static WIDTH: Rule = Rule {
    text: Text::new(
        "the guest-physical address is beyond the second stage's width",
        "客户机物理地址超出第二阶段的位宽",
    ),
    section: "RISC-V Privileged 18.5.1",
};

fn admits<O: Observer>(format: &Riscv, input: AnyAddr, rule: &'static Rule, obs: &mut O) -> bool {
    let ok = format.accepts(input.raw);
    if O::ON && !ok {
        obs.step(Actor::Iommu, Event::Check { rule, ok, value: input.raw });
    }
    ok
}

impl Stages<'_> {
    fn format(&self, root: Root, role: Role, check_perms: bool) -> Riscv {
        Riscv {
            levels: root.levels,
            role,
            svpbmt: self.config.has(cap::SVPBMT),
            svrsw60t59b: self.config.has(cap::SVRSW60T59B),
            update: root.update,
            check_perms,
            big_endian: root.big_endian,
            frozen: self.frozen,
        }
    }

    fn leaf(&self, to: u64, size: PageSize, state: &RiscvState, format: &Riscv, want: Want) -> Leaf {
        let raw = state.leaf;
        let size = if self.config.quirks.napot_as_base_page && size.shift() == 16 {
            PageSize::SIZE_4K
        } else {
            size
        };
        let after = crate::paging::Format::touch(&Riscv { frozen: false, ..*format }, raw, true, want);
        Leaf {
            to,
            size,
            rights: rights(raw),
            user: raw & U != 0,
            global: state.global,
            dirty: raw & D != 0,
            dirty_after: after & D != 0,
            pbmt: state.pbmt(),
        }
    }

    /// Returns the second stage, for an access that the device requested.
    pub fn second<O: Observer>(
        &self,
        memory: &mut Memory,
        gpa: u64,
        need: Need,
        obs: &mut O,
    ) -> Result<Leaf, StageFault> {
        self.second_as(memory, gpa, need, Role::Second, obs)
    }

    fn second_as<O: Observer>(
        &self,
        memory: &mut Memory,
        gpa: u64,
        need: Need,
        role: Role,
        obs: &mut O,
    ) -> Result<Leaf, StageFault> {
        if self.second.bare() {
            return Ok(Leaf::bare(gpa, self.config.bare[1], false));
        }
        let format = self.format(self.second, role, need.check);
        let input = AnyAddr { space: Space::GuestPhysical, raw: gpa };
        if !admits(&format, input, &WIDTH, obs) {
            return Err(StageFault::Page);
        }
        let want = Want::user(need.perms);
        let how = Walker { actor: Actor::Iommu, stage: Stage::Second };
        let mut tables = Bounded { config: self.config };
        match walk(&format, &mut tables, memory, how, self.second.at, input, want, obs) {
            Ok(found) => Ok(self.leaf(found.to, found.size, &found.state, &format, want)),
            Err(WalkError::Entry { .. }) => Err(StageFault::Page),
            Err(WalkError::Table { fault, .. }) => Err(StageFault::Memory(fault)),
            Err(WalkError::Memory { error, .. }) => Err(StageFault::Memory(error.into())),
        }
    }

    /// Returns the first stage: gives a guest-physical address where there is a second one, else a physical one.
    pub fn first<O: Observer>(
        &self,
        memory: &mut Memory,
        root: Root,
        iova: u64,
        need: Need,
        sum: bool,
        obs: &mut O,
    ) -> Result<Leaf, StageFault> {
        if root.bare() {
            return Ok(Leaf::bare(iova, self.config.bare[0], true));
        }
        let format = self.format(root, Role::First { sum }, need.check);
        let input = AnyAddr { space: Space::Iova, raw: iova };
        if !admits(&format, input, &CANONICAL, obs) {
            return Err(StageFault::Page);
        }
        let want = Want { perms: need.perms, privileged: need.privileged };
        let how = Walker { actor: Actor::Iommu, stage: Stage::First };
        let result = if self.second.bare() {
            let mut tables = Bounded { config: self.config };
            walk(&format, &mut tables, memory, how, root.at, input, want, obs)
                .map_err(|e| narrow(e, StageFault::Memory))
        } else {
            let mut tables = Guest { stages: self };
            walk(&format, &mut tables, memory, how, root.at, input, want, obs).map_err(|e| narrow(e, |f| f))
        };
        result.map(|found| self.leaf(found.to, found.size, &found.state, &format, want))
    }
}

fn narrow<F, T>(error: WalkError<F, T>, table: impl Fn(T) -> StageFault) -> StageFault {
    match error {
        WalkError::Entry { .. } => StageFault::Page,
        WalkError::Table { fault, .. } => table(fault),
        WalkError::Memory { error, .. } => StageFault::Memory(error.into()),
    }
}

/// Tables at physical addresses no wider than PAS.
struct Bounded<'a> {
    config: &'a Config,
}

impl Tables for Bounded<'_> {
    type Fault = Trouble;
    const SPACE: Space = Space::Physical;
    fn locate<O: Observer>(
        &mut self,
        _: &mut Memory,
        at: u64,
        _: bool,
        _: &mut u32,
        _: &mut O,
    ) -> Result<Located, Trouble> {
        match self.config.fits(at) {
            true => Ok(Located { pa: PhysAddr::new(at), writable: true }),
            false => Err(Trouble::Access),
        }
    }
}

/// First-stage tables at guest-physical addresses.
struct Guest<'a> {
    stages: &'a Stages<'a>,
}

impl Tables for Guest<'_> {
    type Fault = StageFault;
    const SPACE: Space = Space::GuestPhysical;
    fn locate<O: Observer>(
        &mut self,
        memory: &mut Memory,
        at: u64,
        update: bool,
        reads: &mut u32,
        obs: &mut O,
    ) -> Result<Located, StageFault> {
        if update {
            // Hardware keeps the translation of the entry's address: it was found not to allow the write.
            return Err(StageFault::Guest { gpa: at, write: true });
        }
        let stages = self.stages;
        let can_set = stages.second.update || stages.config.quirks.implicit_read_needs_dirty;
        let role = Role::SecondImplicit { dirty: stages.first_updates && can_set };
        let need = Need { perms: Perms::R, privileged: false, check: true };
        let leaf = stages.second_as(memory, at, need, role, obs).map_err(|fault| match fault {
            StageFault::Page => StageFault::Guest { gpa: at, write: false },
            other => other,
        })?;
        if !stages.config.fits(leaf.to) {
            return Err(StageFault::Memory(Trouble::Access));
        }
        *reads += u32::from(stages.second.levels);
        let writable = leaf.rights.has(Perms::W) && leaf.dirty_after;
        Ok(Located { pa: PhysAddr::new(leaf.to), writable })
    }
}
