//! All that a page shows of one position of a trace, ready to serialise.
//!
//! A [`Viewer`] shows a trace and the memory it left behind. A **position** is a count of steps done: 0 is
//! before everything, and the current step of position `k` is step `k - 1`.
//!
//! * [`walk`]: the tables walked for the request in hand, and the grid of a nested walk
//! * [`bits`]: the structure or register that the current step touched, field by field
//! * [`state`]: caches and registers; [`queues`]: what software and the IOMMU have for each other;
//!   [`memory`]: bytes, with tables recognised
//! * [`course`]: what does not change with the position: lines, marks, lanes
//! * [`stops`]: where the reader stops at the three depths
//! * [`expected`]: what the scenario expects, and whether it held
//! * [`compare`]: two runs step beside step; [`predict`]: what could be asked before a step
//! * [`across`]: a scenario on every architecture, idea beside idea
//! * `recorded`: a fault with its record, and what Linux prints from it
//! * `met`: structures in the order in which a trace comes to them
//! * [`rosetta`]: names, structures, costs and faults of all architectures in one table
//! * [`sweep`]: a scenario run for each value of a quantity
//! * [`transcript`]: a run as text, at one of the depths
//! * [`scene`]: the picture, in the places of its run; [`film`]: several of them, to play or to print
//! * [`text`]: what a scenario's text says about itself, what is wrong with it, what could be written
//!
//! What the page is told is changed here, and its TypeScript types follow; no sentence is made here, and nothing of a browser is known.

pub mod across;
pub mod bits;
pub mod compare;
pub mod course;
pub mod expected;
pub mod export;
pub mod film;
pub use crate::machine::history;
pub mod links;
pub mod memory;
mod met;
mod player;
pub mod predict;
pub mod queues;
pub mod reach;
pub(crate) mod recorded;
pub mod rosetta;
pub mod scene;
pub mod state;
pub mod stops;
pub mod sweep;
pub mod text;
pub mod transcript;
pub mod types;
pub mod walk;
mod walked;
pub mod where_is;

#[cfg(test)]
mod tests;

pub use player::Player;

use crate::explain::{packet, say, scopes, who, Cast};
use crate::memory::{Memories, Memory};
use crate::platform::its;
use crate::spec::Lang;
use crate::trace::{Event, Hop, Scope, Trace};
use alloc::{format, vec::Vec};
use history::Cursor;
use types::{Crumb, Hex, Packet, PacketField, View};

/// Answers what stood at any position.
#[derive(Clone, Debug)]
pub struct Viewer {
    trace: Trace,
    cursor: Cursor,
    cast: Cast,
}

impl Viewer {
    /// On a trace, the memory as it was after its last step, and the names of the scenario.
    pub fn new(trace: Trace, memories: Memories, cast: Cast) -> Self {
        Viewer { cursor: Cursor::at_end(memories, &trace), trace, cast }
    }
    /// The trace.
    pub fn trace(&self) -> &Trace {
        &self.trace
    }
    /// The names.
    pub fn cast(&self) -> &Cast {
        &self.cast
    }
    /// The last position.
    pub fn len(&self) -> usize {
        self.trace.len()
    }
    /// Is there no step?
    pub fn is_empty(&self) -> bool {
        self.trace.is_empty()
    }
    /// Memory as it stood at a position.
    pub fn memory_at(&mut self, position: usize) -> &Memory {
        self.cursor.seek(&self.trace, position)
    }

    /// What the page shows at a position; one beyond the end is the end.
    pub fn view(&mut self, position: usize, lang: Lang) -> View {
        let position = position.min(self.len());
        let mut view = View { position: position as u32, ..View::default() };
        if let Some(index) = position.checked_sub(1) {
            let said = say(&self.trace, index, &self.cast);
            view.sentence = match self.trace.steps()[index].event {
                // The line itself is shown beside it.
                Event::Begin(Scope::Operation { line, .. }) => match lang {
                    Lang::En => format!("Line {line} begins."),
                    Lang::Zh => format!("第 {line} 行开始。"),
                },
                _ => said.text.get(lang).into(),
            };
            view.section = its::section(said.section, lang).into();
            view.tone = said.tone;
            view.actor = who::actor(self.trace.steps()[index].actor, &self.cast).get(lang).trim().into();
            view.scopes = self.crumbs(index, lang);
            view.walk = walk::walk(&self.trace, index, self.cast(), lang);
            view.entry = bits::entry(&self.trace, index, lang);
            view.packet = self.packet(index, lang);
            let touched = memory::touched(&self.trace, index).filter(|t| t.of.is_none());
            view.touched = touched.map(|t| Hex(t.at));
            view.printed = recorded::printed(&self.trace, position, self.cast.architecture);
        }
        self.cursor.seek(&self.trace, position);
        let current =
            position.checked_sub(1).and_then(|index| self.trace.steps().get(index)).map(|step| &step.event);
        view.caches = state::caches(self.cursor.caches(&self.trace), current, lang);
        let registers = self.cursor.registers(&self.trace);
        view.queues = queues::queues(self.cast.architecture, &registers, self.cursor.memory(), lang);
        view.registers = state::registers(registers, &self.cast, lang);
        view
    }

    fn crumbs(&self, index: usize, lang: Lang) -> Vec<Crumb> {
        let around = scopes::around(&self.trace, index).into_iter();
        around
            .map(|i| Crumb {
                position: i as u32 + 1,
                text: say(&self.trace, i, &self.cast).text.get(lang).into(),
                operation: match self.trace.steps()[i].event {
                    Event::Begin(Scope::Operation { index, .. }) => Some(index),
                    _ => None,
                },
            })
            .collect()
    }

    fn packet(&self, index: usize, lang: Lang) -> Option<Packet> {
        let Event::Packet { hop, from, to, header, dwords, prefix, payload } =
            self.trace.steps()[index].event
        else {
            return None;
        };
        let way = match (hop, lang) {
            (Hop::Up, Lang::En) => "upstream",
            (Hop::Up, Lang::Zh) => "上行",
            (Hop::Down, Lang::En) => "downstream",
            (Hop::Down, Lang::Zh) => "下行",
            (Hop::Peer, Lang::En) => "peer to peer",
            (Hop::Peer, Lang::Zh) => "对等传输",
        };
        let fields = packet::fields(header, dwords, prefix).into_iter();
        Some(Packet {
            name: packet::name(header, dwords, prefix),
            way: way.into(),
            from: self.trace.get_name(from).into(),
            to: self.trace.get_name(to).into(),
            dwords: header[..usize::from(dwords).min(4)].iter().map(|d| format!("{d:08x}")).collect(),
            prefix: prefix.map(|p| format!("{p:08x}")),
            payload,
            fields: fields.map(|(name, value)| PacketField { name: name.into(), value }).collect(),
        })
    }
}
