//! What a run shows of a concept: the structures of a walk, the registers of a start, the commands of an unmap, a fault's record.
//! All of it is read from the trace.

use crate::platform::its;
use crate::spec::{EntryType, Lang, Text};
use crate::trace::{Actor, Event, Scope, Stage};
use crate::view::{across::fault_title, met::Met, recorded::fault, Player};
use alloc::{format, string::String, string::ToString, vec, vec::Vec};

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
    let (bytes, section) = (u32::from(entry.words) * 8, its::section(entry.section, lang));
    match lang {
        Lang::En => format!("{} ({bytes} bytes, {section})", entry.name.en),
        Lang::Zh => format!("{}（{bytes} 字节，{section}）", entry.name.zh),
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
    let found = fault(trace, 0..trace.len())?;
    let mut lines = vec![fault_title(architecture, found.code, lang), found.code.text.get(lang).into()];
    lines.push(match found.entry {
        Some(entry) => structure(entry, lang),
        None => REGISTERS.get(lang).to_string(),
    });
    Some(Shown { lines, at: found.position })
}

const REGISTERS: Text = Text::new("recorded in registers", "记在寄存器里");
