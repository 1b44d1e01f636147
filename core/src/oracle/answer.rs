//! What a request came to, out of its trace.

use crate::addr::PhysAddr;
use crate::iommu::registers::Registers;
use crate::iommu::{AnyIommu, Outcome};
use crate::spec::{EntryType, FaultCode, Register};
use crate::trace::{Event, InterruptKind, Recorded, Trace, Verdict};
use alloc::vec::Vec;

/// One access on the way to an outcome, in order.
#[derive(Clone, PartialEq, Debug)]
pub enum Access {
    /// An entry of a table, a command or a descriptor was read.
    Read {
        /// Where in memory.
        at: PhysAddr,
        /// Which structure it is.
        entry: &'static EntryType,
        /// The level of its table, 1 for the one that maps pages; 0 where a structure has none.
        level: u8,
        /// Its index in the table.
        index: u32,
        /// What was there.
        words: Vec<u64>,
        /// What it led to.
        verdict: Verdict,
    },
    /// Memory was written: accessed and dirty bits, records, a posted interrupt.
    Write {
        /// Where.
        at: PhysAddr,
        /// What was there.
        old: Vec<u64>,
        /// What is there now.
        new: Vec<u64>,
    },
    /// A register changed.
    Register {
        /// Which.
        register: &'static Register,
        /// Its offset.
        offset: u32,
        /// What it held.
        old: u64,
        /// What it holds.
        new: u64,
    },
    /// The unit sent an interrupt.
    Interrupt {
        /// Vector, or interrupt identity.
        vector: u32,
        /// To whom.
        destination: u32,
        /// How.
        kind: InterruptKind,
    },
}

/// What came of a request, or of a write to a register.
#[derive(Clone, PartialEq, Debug)]
pub struct Answer<T = Outcome> {
    /// The outcome.
    pub outcome: T,
    /// The fault that was told of, if one was, and what became of its record.
    pub fault: Option<(&'static FaultCode, Recorded)>,
    /// The words of the record that software finds: a fault recording register, or an entry of a queue. None if there is none.
    pub record: Vec<u64>,
    /// Every access, in order.
    pub steps: Vec<Access>,
}

impl<T> Answer<T> {
    pub(super) fn of(outcome: T, trace: &Trace, unit: &AnyIommu) -> Self {
        let mut answer = Answer { outcome, fault: None, record: Vec::new(), steps: Vec::new() };
        for step in trace.steps() {
            let access = match step.event {
                Event::Read { entry, level, index, pa, words, verdict, .. } => {
                    let words = trace.get_words(words).to_vec();
                    Access::Read { at: pa, entry, level, index, words, verdict }
                }
                Event::Write { pa, old, new, .. } => {
                    Access::Write { at: pa, old: [old].to_vec(), new: [new].to_vec() }
                }
                Event::WriteRun { pa, old, new, .. } => {
                    let words = |part| trace.get_words(part).to_vec();
                    Access::Write { at: pa, old: words(old), new: words(new) }
                }
                Event::Register { register, offset, old, new, write: true } => {
                    Access::Register { register, offset, old, new }
                }
                Event::Interrupt { vector, destination, kind } => {
                    Access::Interrupt { vector, destination, kind }
                }
                Event::Fault { code, recorded, .. } => {
                    answer.told(code, recorded, unit);
                    continue;
                }
                _ => continue,
            };
            answer.steps.push(access);
        }
        answer
    }

    fn told(&mut self, code: &'static FaultCode, recorded: Recorded, unit: &AnyIommu) {
        self.fault = Some((code, recorded));
        let Recorded::At(index) = recorded else { return };
        match unit {
            AnyIommu::Vtd(vtd) => {
                let at = vtd.config().fault_offset().saturating_add(index.saturating_mul(16));
                self.record = [at, at.saturating_add(8)].map(|at| vtd.file().get(at, 8)).to_vec();
            }
            // The queue's slot was written just before.
            _ => {
                let last = self.steps.iter().rev().find_map(|step| match step {
                    Access::Write { new, .. } if new.len() > 1 => Some(new.clone()),
                    _ => None,
                });
                self.record = last.unwrap_or_default();
            }
        }
    }
}
