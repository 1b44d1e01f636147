//! A fault as a trace has it: its code, its request, the record that the unit left, and what Linux prints from that.

use crate::addr::RequesterId;
use crate::explain::logs::kernel::{is_printed, linux, Recorded};
use crate::iommu::Architecture;
use crate::spec::{EntryType, FaultCode};
use crate::trace::{Actor, Event, Perms, Scope, Step, Trace};
use alloc::{format, string::String, vec::Vec};
use core::ops::Range;

/// What Linux prints for the fault of the operation in hand, as far as it has come at `position`; nothing where none is recorded.
pub(super) fn printed(trace: &Trace, position: usize, architecture: Option<Architecture>) -> Vec<String> {
    let Some(architecture) = architecture else { return Vec::new() };
    // This is asked at every step: one look back, to whichever comes first.
    let ends = |index: &usize| {
        matches!(trace.steps()[*index].event, Event::Fault { .. } | Event::Begin(Scope::Operation { .. }))
    };
    let Some(last) = (0..position.min(trace.len())).rev().find(ends) else { return Vec::new() };
    let Event::Fault { .. } = trace.steps()[last].event else { return Vec::new() };
    let begins = |index: &usize| matches!(trace.steps()[*index].event, Event::Begin(Scope::Operation { .. }));
    let from = (0..last).rev().find(begins).unwrap_or(0);
    let found = fault(trace, from..last + 1).filter(|found| !found.words.is_empty());
    found.map(|found| linux(&found.recorded(architecture))).unwrap_or_default()
}

/// A fault as the trace has it.
pub(crate) struct Found {
    /// The code.
    pub code: &'static FaultCode,
    /// The device.
    pub device: RequesterId,
    /// The address in its request.
    pub at: u64,
    /// It wanted to write.
    write: bool,
    /// The structure of the record, where it is one in memory.
    pub entry: Option<&'static EntryType>,
    /// Its words, or the values of the registers that it is in.
    words: Vec<u64>,
    /// The words of the table entry that was read last before it.
    read: Vec<u64>,
    /// The control register, where Linux prints it.
    control: Option<u64>,
    /// The position after it.
    pub position: u32,
}

impl Found {
    /// The words of the record in hexadecimal.
    pub fn record(&self) -> String {
        let words: Vec<String> = self.words.iter().map(|word| format!("{word:#018x}")).collect();
        words.join(" ")
    }
    /// What a kernel would print from it.
    pub fn recorded(&self, architecture: Architecture) -> Recorded<'_> {
        let Found { code, device, at, write, ref words, ref read, control, .. } = *self;
        Recorded { architecture, code, device, at, write, words, entry: read, control }
    }
}

/// The last fault in these steps, with its record.
pub(crate) fn fault(trace: &Trace, steps: Range<usize>) -> Option<Found> {
    let all = trace.steps();
    let steps: Range<usize> = steps.start..steps.end.min(trace.len());
    let event = |index: usize| -> &Step { &all[index] };
    let last = steps.clone().rev().find(|index| matches!(event(*index).event, Event::Fault { .. }))?;
    let Event::Fault { code, requester, at, want, .. } = event(last).event else { return None };
    let control = (0..last).rev().find_map(|index| match event(index).event {
        Event::Register { register, new, write: true, .. } if is_printed(register) => Some(new),
        _ => None,
    });
    let read = (steps.start..last).rev().find_map(|index| match event(index).event {
        Event::Read { words, .. } => Some(trace.get_words(words)),
        _ => None,
    });
    let mut found = Found {
        code,
        device: requester?,
        at: at.raw,
        write: want.has(Perms::W),
        entry: None,
        words: Vec::new(),
        read: read.map(<[u64]>::to_vec).unwrap_or_default(),
        control,
        position: last as u32 + 1,
    };
    // Its record stands right before it: in memory, or in registers of eight bytes.
    let mut registers: Vec<u64> = Vec::new();
    for index in (steps.start..last).rev() {
        let step = event(index);
        match step.event {
            Event::Fault { .. } | Event::Begin(Scope::Translation { .. }) => break,
            Event::WriteRun { entry, new, .. } if step.actor == Actor::Iommu => {
                found.entry = Some(entry);
                found.words = trace.get_words(new).to_vec();
                break;
            }
            Event::Register { register, new, write: true, .. }
                if step.actor == Actor::Iommu && register.bytes == 8 =>
            {
                registers.insert(0, new);
            }
            _ => {}
        }
    }
    if found.words.is_empty() {
        found.words = registers;
    }
    Some(found)
}
