//! What a run shows of a concept: the structures of a walk, the registers of a start, the commands of an unmap, a fault's record.
//! All of it is read from the trace.

use crate::addr::RequesterId;
use crate::explain::logs::kernel::Recorded;
use crate::iommu::Architecture;
use crate::spec::{EntryType, FaultCode, Lang, Text};
use crate::trace::{Actor, Event, Perms, Scope, Stage, Step};
use crate::view::{across::fault_title, met::Met, Player};
use alloc::{format, string::String, string::ToString, vec, vec::Vec};
use core::ops::Range;

/// What is shown of a concept, and where.
pub(super) struct Shown {
    /// A line each.
    pub lines: Vec<String>,
    /// The position at which it is seen.
    pub at: u32,
}

/// What is shown, if anything is.
fn shown(lines: Vec<String>, at: u32) -> Option<Shown> {
    (!lines.is_empty()).then_some(Shown { lines, at })
}

/// A structure's name, its bytes and where it is defined.
fn structure(entry: &EntryType, lang: Lang) -> String {
    let bytes = u32::from(entry.words) * 8;
    match lang {
        Lang::En => format!("{} ({bytes} bytes, {})", entry.name.en, entry.section),
        Lang::Zh => format!("{}（{bytes} 字节，{}）", entry.name.zh, entry.section),
    }
}

/// The structures that walks of `stage` read, in the order in which they are first read.
pub(super) fn structures(run: &Player, stage: Stage, lang: Lang) -> Option<Shown> {
    let mut stages: Vec<Option<Stage>> = Vec::new();
    let (mut found, mut at) = (Met::default(), 0);
    for (index, step) in run.viewer.trace().steps().iter().enumerate() {
        match step.event {
            Event::Begin(Scope::Walk { stage, .. }) => stages.push(Some(stage)),
            Event::Begin(_) => stages.push(None),
            Event::End(_) => drop(stages.pop()),
            Event::Read { entry, .. } if step.actor == Actor::Iommu => {
                let within = stages.iter().rev().flatten().next();
                if within == Some(&stage) && found.add(entry) {
                    at = index as u32 + 1;
                }
            }
            _ => {}
        }
    }
    let lines = found.iter().map(|(entry, _)| structure(entry, lang)).collect();
    shown(lines, at)
}

/// The message of an interrupt and the structures that decide on it.
pub(super) fn interrupt(run: &Player, lang: Lang) -> Option<Shown> {
    structures(run, Stage::Interrupt, lang).or_else(|| {
        // Tables that are no IOMMU's: what the controller of interrupts reads.
        let (mut found, mut at) = (Met::default(), 0);
        for (index, step) in run.viewer.trace().steps().iter().enumerate().skip(run.start() as usize) {
            if let Event::Read { entry, .. } = step.event {
                if !matches!(step.actor, Actor::Iommu | Actor::Os) && found.add(entry) {
                    at = index as u32 + 1;
                }
            }
        }
        let lines = found.iter().map(|(entry, _)| structure(entry, lang)).collect();
        shown(lines, at)
    })
}

/// The registers that software writes before the first operation, each once.
pub(super) fn bring_up(run: &Player, _: Lang) -> Option<Shown> {
    let mut lines: Vec<String> = Vec::new();
    let mut at = 0;
    for (index, step) in run.viewer.trace().steps().iter().enumerate() {
        match step.event {
            Event::Begin(Scope::Operation { .. }) => break,
            Event::Register { register, offset, write: true, .. } if step.actor != Actor::Iommu => {
                let line = format!("{} +{offset:#x}", register.name);
                if !lines.contains(&line) {
                    lines.push(line);
                    at = index as u32 + 1;
                }
            }
            _ => {}
        }
    }
    shown(lines, at)
}

/// The commands of the first unmap of the run, equal ones once with their number.
pub(super) fn forget(run: &Player, lang: Lang) -> Option<Shown> {
    let unmap = |name: &str| name.starts_with("dma_unmap");
    let mut inside = false;
    let (mut found, mut at) = (Met::default(), 0);
    for (index, step) in run.viewer.trace().steps().iter().enumerate() {
        match step.event {
            Event::Begin(Scope::Operation { .. }) if at > 0 => break,
            Event::Begin(Scope::Operation { .. }) => inside = false,
            Event::Begin(Scope::Api { name, .. }) if unmap(name) => inside = true,
            Event::Begin(Scope::Command { entry }) if inside => {
                at = index as u32 + 1;
                found.add(entry);
            }
            _ => {}
        }
    }
    let line = |(entry, times): (&EntryType, u32)| match times {
        1 => structure(entry, lang),
        _ => format!("{} × {times}", structure(entry, lang)),
    };
    shown(found.iter().map(line).collect(), at)
}

/// The code and the record of the last fault of the run.
pub(super) fn record(run: &Player, lang: Lang) -> Option<Shown> {
    let trace = run.viewer.trace();
    let architecture = run.viewer.cast().architecture?;
    let found = fault(run, 0..trace.len())?;
    let mut lines = vec![fault_title(architecture, found.code, lang), found.code.text.get(lang).into()];
    lines.push(match found.entry {
        Some(entry) => structure(entry, lang),
        None => REGISTERS.get(lang).to_string(),
    });
    Some(Shown { lines, at: found.position })
}

const REGISTERS: Text = Text::new("recorded in registers", "记在寄存器里");

/// A fault as the trace has it.
pub(super) struct Found {
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
        let Found { code, device, at, write, ref words, .. } = *self;
        Recorded { architecture, code, device, at, write, words }
    }
}

/// The last fault in these steps, with its record.
pub(super) fn fault(run: &Player, steps: Range<usize>) -> Option<Found> {
    let trace = run.viewer.trace();
    let all = trace.steps();
    let steps: Range<usize> = steps.start..steps.end.min(trace.len());
    let event = |index: usize| -> &Step { &all[index] };
    let last = steps.clone().rev().find(|index| matches!(event(*index).event, Event::Fault { .. }))?;
    let Event::Fault { code, requester, at, want, .. } = event(last).event else { return None };
    let mut found = Found {
        code,
        device: requester?,
        at: at.raw,
        write: want.has(Perms::W),
        entry: None,
        words: Vec::new(),
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
