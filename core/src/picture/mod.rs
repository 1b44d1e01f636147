//! The machine at one position of its trace, as the parts of a picture.
//!
//! Regions come from what the scenario made by then; arrows come from the tables in memory, as they are then, and
//! from what caches hold then. Nothing here is drawn: that is [`crate::diagram`]'s.
//!
//! What a picture shows of a position is changed here; only a [`Snapshot`], memory and caches of that position may be read.

mod columns;
mod domains;
mod platform;
mod software;
mod tables;
mod token;

use crate::addr::{AnyAddr, PhysAddr};
use crate::diagram::model::{Actor, ActorId, ColumnId, Model, Point};
use crate::iommu::DomainId;
use crate::machine::history::{CacheState, Cursor};
use crate::machine::software::Owner;
use crate::machine::{Record, Snapshot};
use crate::memory::Memory;
use crate::platform::bridges::BridgeId;
use crate::spec::Phrase;
use crate::trace::Trace;
use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::String,
    vec::Vec,
};

/// Pages of one buffer that are looked up one by one.
const PAGES: u64 = 64;
/// Table pages of a domain that are read, and of all domains and processes of a picture together.
const TABLES: usize = 512;
const ALL_TABLES: usize = 2048;
/// Mappings of a domain that are drawn.
const RUNS: usize = 48;
/// Of a guest's pages in the host's memory so many bytes in a row are drawn page by page.
const FEW_PAGES: u64 = 0x8000;

/// Returns the picture at the position of `cursor`.
pub fn picture(record: &Record, trace: &Trace, cursor: &mut Cursor, title: Phrase) -> Model {
    counted(record, trace, cursor, title).0
}

/// Returns the picture at the position of `cursor`, and how many table pages were read for it.
pub fn counted(record: &Record, trace: &Trace, cursor: &mut Cursor, title: Phrase) -> (Model, usize) {
    let (at, tables) = (cursor.position(), cursor.tables());
    let now = record.at(at);
    let (memory, caches) = cursor.look(trace);
    let mut p = Painter {
        now,
        caches,
        memory,
        model: Model { title, ..Model::default() },
        spaces: BTreeMap::new(),
        letters: BTreeMap::new(),
        known: BTreeSet::new(),
        read: 0,
    };
    p.columns();
    p.physical();
    p.port_windows();
    p.bars();
    p.buffers();
    p.remaps();
    p.domains();
    p.inner_domains();
    for region in tables::regions(&tables) {
        p.region(Col::Physical, region);
    }
    p.actors();
    let spaces = core::mem::take(&mut p.spaces);
    let mut model = p.model;
    token::place(&mut model, &spaces, now, trace, at);
    (model, p.read)
}

/// Which column an address is in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Col {
    Virtual(Owner),
    Guest(usize),
    Physical,
    /// The bus behind a host bridge.
    Bus(BridgeId),
    /// The IOVAs of a domain that is not the bus's: a column of its own, named after the first device that is in it, so
    /// that it stays when the device comes into another domain.
    Domain(usize),
    /// The IOVAs of a guest's own stage 1 (an index into the named domains), which lead into guest-physical addresses.
    Inner(usize),
    Device(usize),
    Ports,
}

struct Painter<'a> {
    now: Snapshot<'a>,
    caches: &'a [CacheState],
    memory: &'a mut Memory,
    model: Model,
    spaces: BTreeMap<Col, ColumnId>,
    letters: BTreeMap<(ColumnId, u64), char>,
    /// Keys of what is drawn already: a column's regions, and, without a column, arrows.
    known: BTreeSet<(Option<ColumnId>, String)>,
    /// Table pages read.
    read: usize,
}

impl Painter<'_> {
    /// How many table pages may be read for the next domain or process.
    fn tables(&self) -> usize {
        TABLES.min(ALL_TABLES - self.read.min(ALL_TABLES))
    }

    /// The domain a device was in at this position.
    fn domain(&self, device: usize) -> Option<DomainId> {
        self.now.domain_of(device)
    }

    /// The column that a device's bus addresses are in: one for each domain that has a device, that of the device
    /// that was attached first being the bus itself.
    fn bus_of(&self, device: usize) -> Col {
        bus_of(self.now, &self.spaces, device)
    }
}

/// The column of a device's bus addresses at a position.
fn bus_of(now: Snapshot<'_>, spaces: &BTreeMap<Col, ColumnId>, device: usize) -> Col {
    match shared(now, device) {
        Some(first) if spaces.contains_key(&Col::Domain(first)) => Col::Domain(first),
        _ => Col::Bus(now.bridge_id(device)),
    }
}

/// The first device of the domain that a device is in, where that is not the bus's: that of the device that was attached
/// first.
fn shared(now: Snapshot<'_>, device: usize) -> Option<usize> {
    let own = now.domain_of(device)?;
    let bus = now.first_attached()?;
    if device == bus || now.domain_of(bus) == Some(own) {
        return None;
    }
    (0..now.devices().len()).find(|d| now.domain_of(*d) == Some(own))
}

/// Neighbouring pieces joined.
fn merged(pieces: &[(PhysAddr, u64)]) -> Vec<(PhysAddr, u64)> {
    let mut out: Vec<(PhysAddr, u64)> = Vec::new();
    for (start, len) in pieces {
        match out.last_mut() {
            Some((at, n)) if at.raw() + *n == start.raw() => *n += len,
            _ => out.push((*start, *len)),
        }
    }
    out
}

/// The actor with a key.
fn actor(model: &Model, key: &str) -> Option<ActorId> {
    model.actors.iter().position(|a: &Actor| a.key == key).map(|i| ActorId(i as u16))
}

/// An address as a point of the picture.
fn point(spaces: &BTreeMap<Col, ColumnId>, col: Col, at: AnyAddr) -> Option<Point> {
    spaces.get(&col).map(|c| Point { column: *c, address: at.raw })
}
