//! The walk through page tables of a dump, one entry at a time, in whichever format; of two stages each table of the first is
//! found through the second.

use super::Words;
use crate::paging::aarch64::Aarch64;
use crate::paging::amdv1::AmdV1;
use crate::paging::riscv::{Riscv, Role};
use crate::paging::vtd_first::FirstStage;
use crate::paging::vtd_second::SecondStage;
use crate::paging::{Entry, Format, Want};
use crate::spec::{Phrase, Text};
use crate::trace::Perms;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// Tables: their format and the first one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stage {
    pub(super) format: Any,
    pub(super) root: u64,
    part: Part,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Any {
    VtdFirst(FirstStage),
    VtdSecond(SecondStage),
    Amd(AmdV1),
    Arm(Aarch64),
    Riscv(Riscv),
}

/// Which of two stages tables are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Part {
    /// The only one.
    Alone,
    First,
    Second,
}

/// An entry on the way.
pub(super) struct Step {
    /// What it is.
    pub(super) name: Phrase,
    /// Where it is; none where the dump gives it by itself.
    pub(super) at: Option<u64>,
    /// Its words.
    pub(super) words: Vec<u64>,
    /// What it says.
    pub(super) says: Phrase,
    /// Its level, where it is one of page tables of the device's own stage.
    pub(super) level: Option<u8>,
}

/// Why a walk did not arrive.
pub(super) enum End {
    /// So many words at this address are not in the dump.
    Missing(u64, usize),
    /// An entry refuses: why.
    Refused(Phrase),
    /// Nothing is translated.
    Same(Text),
}

/// What a walk found: the address, log2 of the page's size, the rights.
pub(super) struct Leaf {
    pub(super) to: u64,
    pub(super) shift: u8,
    pub(super) perms: Perms,
}

impl Any {
    /// How the manual numbers a level, where it is another way than here, where the last is 1: with Arm the last is 3 (DDI 0487 D8.2),
    /// with RISC-V 0 (the `i` of the walk, Privileged 12.3.2).
    fn in_manual(&self, level: u8) -> Option<Phrase> {
        match self {
            Any::Arm(_) => {
                let number = 4 - i16::from(level);
                Some(Phrase::new(
                    format!(", Arm's level {number}"),
                    format!("（Arm 手册中为第 {number} 级）"),
                ))
            }
            Any::Riscv(_) => {
                let number = level - 1;
                Some(Phrase::new(
                    format!(", RISC-V's level {number}"),
                    format!("（RISC-V 手册中为第 {number} 级）"),
                ))
            }
            _ => None,
        }
    }

    /// What an entry is called.
    fn entry(&self, part: Part, level: u8, index: u64) -> Phrase {
        let (en, zh) = match part {
            Part::Alone => ("", ""),
            Part::First => ("stage 1, ", "第一阶段，"),
            Part::Second => ("stage 2, ", "第二阶段，"),
        };
        let manual = self.in_manual(level).unwrap_or_default();
        Phrase::new(
            format!("{en}level {level} entry {index}{}", manual.en),
            format!("{zh}第 {level} 级表项 {index}{}", manual.zh),
        )
    }

    /// Why an address has no place in the tables, as each format's own check has it: wider than they are, or, in the first stage, not
    /// canonical.
    fn beyond(&self, input: u64) -> Option<Phrase> {
        let (fits, bits, signed) = match self {
            Any::VtdFirst(f) => (sign_extended(input, f.input_bits()), f.input_bits(), true),
            Any::VtdSecond(f) => (input >> f.input_bits() == 0, f.input_bits(), false),
            Any::Amd(f) => (f.accepts(input), 12 + 9 * f.levels, false),
            Any::Arm(f) => (f.accepts(input), f.input_bits, !f.is_stage2()),
            Any::Riscv(f) => (f.accepts(input), f.input_bits(), matches!(f.role, Role::First { .. })),
        };
        (!fits).then(|| match signed {
            true => Phrase::new(
                format!("{input:#x} is not canonical: the bits above the {bits} of these tables are not copies of the highest"),
                format!("{input:#x} 不是规范形式：这些页表的 {bits} 位之上须全部与最高位相同"),
            ),
            false => Phrase::new(
                format!("{input:#x} has more than the {bits} bits of these tables"),
                format!("{input:#x} 超出这些页表的 {bits} 位"),
            ),
        })
    }
}

fn sign_extended(input: u64, bits: u8) -> bool {
    let unused = 64 - u32::from(bits.min(64));
    ((input << unused) as i64 >> unused) as u64 == input
}

impl Stage {
    /// The only stage.
    pub(super) fn new(format: Any, root: u64) -> Self {
        Stage { format, root, part: Part::Alone }
    }

    /// It as one of two stages.
    pub(super) fn of(&self, part: Part) -> Self {
        Stage { part, ..*self }
    }

    /// Walks to an address. Never inlined: each format calls it for the stage below, which would make it five times as large.
    #[inline(never)]
    pub(super) fn walk(
        &self,
        words: &Words,
        input: u64,
        want: Want,
        below: Option<&Stage>,
        steps: &mut Vec<Step>,
    ) -> Result<Leaf, End> {
        if let Some(why) = self.format.beyond(input) {
            return Err(End::Refused(why));
        }
        macro_rules! with {
            ($($variant:ident)*) => {
                match &self.format { $(Any::$variant(format) => self.descend(format, words, input, want, below, steps),)* }
            };
        }
        with!(VtdFirst VtdSecond Amd Arm Riscv)
    }

    fn descend<F: Format>(
        &self,
        format: &F,
        words: &Words,
        input: u64,
        want: Want,
        below: Option<&Stage>,
        steps: &mut Vec<Step>,
    ) -> Result<Leaf, End> {
        let mut state = F::State::default();
        let (mut table, mut level) = (self.root, format.levels());
        // Bounded: levels.
        loop {
            let index = format.index(input, level);
            let mut at = table.wrapping_add(index * 8);
            if let Some(below) = below {
                at = below.of(Part::Second).walk(words, at, Want::user(Perms::R), None, steps)?.to;
            }
            let [stored] = words.get::<1>(at)?;
            let raw = if format.big_endian() { stored.swap_bytes() } else { stored };
            let mut entry = format.decode(raw, level, want, &mut state);
            let mut next = level.saturating_sub(1);
            if let (Entry::Table(_), 2..) = (entry, level) {
                match format.next_level(raw, level, input) {
                    Ok(lower) => next = lower,
                    Err(fault) => entry = Entry::Refused(fault),
                }
            }
            let shift = format.leaf_shift(raw, level).min(63);
            let mask = (1u64 << shift) - 1;
            let says = match entry {
                Entry::Table(to) => to_table(to),
                Entry::Leaf(page) => {
                    let page = page & !mask;
                    Phrase::new(
                        format!("maps {} at {page:#x}", size(shift)),
                        format!("映射 {page:#x} 处的 {}", size(shift)),
                    )
                }
                Entry::Refused(fault) => format.rule(fault).text.into(),
            };
            steps.push(Step {
                name: self.format.entry(self.part, level, index),
                at: Some(at),
                words: [stored].into(),
                says: says.clone(),
                level: Some(level),
            });
            match entry {
                Entry::Refused(_) => return Err(End::Refused(says)),
                Entry::Table(to) if level > 1 => (table, level) = (to, next),
                Entry::Table(to) | Entry::Leaf(to) => {
                    let leaf = Leaf { to: to & !mask | input & mask, shift, perms: format.perms(&state) };
                    let Some(below) = below else { return Ok(leaf) };
                    let last = below.of(Part::Second).walk(words, leaf.to, want, None, steps)?;
                    return Ok(Leaf {
                        to: last.to,
                        shift: shift.min(last.shift),
                        perms: leaf.perms.and(last.perms),
                    });
                }
            }
        }
    }
}

pub(super) fn to_table(at: u64) -> Phrase {
    Phrase::new(format!("the next table is at {at:#x}"), format!("下一级表位于 {at:#x}"))
}

/// A size as the scenario language writes it.
pub(super) fn size(shift: u8) -> String {
    match shift {
        30.. => format!("{}G", 1u64 << (shift - 30).min(33)),
        20.. => format!("{}M", 1u64 << (shift - 20)),
        _ => format!("{}K", (1u64 << shift) >> 10),
    }
}
