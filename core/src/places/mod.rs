//! Where is this byte, and who can reach it: an address of any space, all its names in the others, and the table
//! entries that make them so.
//!
//! Nothing is remembered for this. An address is taken through the tables as they stand in memory at a position of the
//! trace, by the same walkers that the machine has, recorded to a trace of their own; and every name that is found backwards
//! (from tables read as a whole) is walked forwards before it counts. What only a cache still says is marked stale.
//! Nothing here sees the machine: registers of the IOMMU, and what software set up, are those of the position.
//!
//! New kinds of names are added here; none may be reported that a walk forwards does not confirm.

mod backward;
mod forward;
#[cfg(test)]
mod tests;

use crate::addr::{PhysAddr, Space};
use crate::explain::who;
use crate::iommu::AnyIommu;
use crate::machine::history::Cursor;
use crate::machine::{Record, Snapshot};
use crate::spec::{spaced, Phrase};
use crate::trace::{Perms, Trace};
use alloc::{format, vec::Vec};

/// Whose address it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Of {
    /// The host's kernel: a virtual address.
    Kernel,
    /// A process, by index: a virtual address.
    Process(usize),
    /// A guest, by index: a guest-physical address.
    Vm(usize),
    /// Nobody's: a physical address.
    Physical,
    /// A device, by index, for a process if its requests say so: a bus address, an IOVA where the IOMMU translates.
    Device(usize, Option<crate::addr::Pasid>),
    /// A device's own engine, before the device's map: a device-local address.
    Local(usize),
}

/// An entry that an address goes through.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Through {
    /// The structure.
    pub entry: Phrase,
    /// Its level in page tables, 1 the last; 0 elsewhere.
    pub level: u8,
    /// Where it is.
    pub at: PhysAddr,
    /// Its first word.
    pub raw: u64,
}

/// One name of a byte.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// Whose.
    pub of: Of,
    /// The address.
    pub address: u64,
    /// What that one may do.
    pub perms: Perms,
    /// The entries on the way to physical memory, in the order they are read.
    pub through: Vec<Through>,
    /// Only a cache says so: the tables no longer do.
    pub stale: bool,
}

/// What an address leads to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    /// The address in question, with its own way to memory.
    pub asked: Place,
    /// The physical address, if it leads to one.
    pub pa: Option<PhysAddr>,
    /// What is there: a buffer, a register, a table; or why it leads nowhere.
    pub thing: Phrase,
    /// The other names of that byte: everyone who can reach it.
    pub places: Vec<Place>,
}

/// The most names that are looked for.
pub const MOST: usize = 64;

impl Of {
    /// The space that its addresses are in.
    pub fn space(self, now: Snapshot<'_>) -> Space {
        match self {
            Of::Kernel | Of::Process(_) => Space::Virtual,
            Of::Vm(_) => Space::GuestPhysical,
            Of::Physical => Space::Physical,
            Of::Device(..) if now.iommu_on() => Space::Iova,
            Of::Device(..) => Space::Bus,
            Of::Local(_) => Space::Device,
        }
    }

    /// Who it is, in words.
    pub fn name(self, now: Snapshot<'_>) -> Phrase {
        match self {
            Of::Kernel => Phrase::new("kernel", "内核"),
            Of::Process(p) => Phrase::same(now.processes().get(p).map_or("", |p| p.name.as_str())),
            Of::Vm(v) => Phrase::same(now.vms().get(v).map_or("", |v| v.name.as_str())),
            Of::Physical => Phrase::default(),
            Of::Local(d) => Phrase::same(now.devices().get(d).map_or("", |d| d.name.as_str())),
            Of::Device(d, pasid) => {
                let name = now.devices().get(d).map_or("", |d| d.name.as_str());
                match pasid {
                    None => Phrase::same(name),
                    Some(pasid) => Phrase::new(
                        format!("{name}, PASID {}", pasid.raw()),
                        format!("{name}（PASID {}）", pasid.raw()),
                    ),
                }
            }
        }
    }

    /// Everyone whose address a plain number could be.
    pub fn all(now: Snapshot<'_>) -> Vec<Of> {
        let mut all = alloc::vec![Of::Physical, Of::Kernel];
        all.extend((0..now.processes().len()).map(Of::Process));
        all.extend((0..now.vms().len()).map(Of::Vm));
        for (index, device) in now.devices().iter().enumerate() {
            all.push(Of::Device(index, None));
            let bound = now.bindings();
            all.extend(bound.iter().filter(|b| b.0 == index).map(|b| Of::Device(index, Some(b.1))));
            if !device.engine.map().lines().is_empty() {
                all.push(Of::Local(index));
            }
        }
        all
    }
}

impl Place {
    /// The name in words: `IOVA 0xfffff000 of nic`.
    pub fn say(&self, now: Snapshot<'_>) -> Phrase {
        let space = who::space(self.of.space(now));
        let owner = self.of.name(now);
        if owner.is_empty() {
            return Phrase::new(
                format!("{} {:#x}", space.en, self.address),
                format!("{} {:#x}", space.zh, self.address),
            );
        }
        Phrase::new(
            format!("{} {:#x} of {}", space.en, self.address, owner.en),
            spaced(&format!("{} 的{} {:#x}", owner.zh, space.zh, self.address)),
        )
    }
}

/// What is there at the position that is looked at, with the IOMMU as it is then.
#[derive(Clone, Copy)]
struct Seen<'a> {
    now: Snapshot<'a>,
    unit: Option<&'a AnyIommu>,
}

/// Takes an address of `of` to memory at the position of `cursor`, and finds its other names.
pub fn find(record: &Record, trace: &Trace, cursor: &mut Cursor, of: Of, address: u64) -> Found {
    let now = record.at(cursor.position());
    let unit = now.unit(trace);
    let seen = Seen { now, unit: unit.as_ref() };
    let (memory, caches) = cursor.look(trace);
    let reach = forward::reach(seen, memory, of, address);
    let asked = Place { of, address, perms: reach.perms, through: reach.through, stale: false };
    let Some(pa) = reach.to else {
        return Found { asked, pa: None, thing: reach.thing, places: Vec::new() };
    };
    let mut places = backward::names(seen, memory, pa);
    places.extend(backward::remembered(seen, memory, caches, pa, &places));
    places.retain(|p| (p.of, p.address, p.stale) != (asked.of, asked.address, false));
    places.truncate(MOST);
    Found { asked, pa: Some(pa), thing: backward::thing(now, pa), places }
}

/// A plain number as everybody's address: each reading of it that leads somewhere.
pub fn find_all(record: &Record, trace: &Trace, cursor: &mut Cursor, address: u64) -> Vec<Found> {
    let of = Of::all(record.at(cursor.position()));
    of.into_iter().map(|of| find(record, trace, cursor, of, address)).filter(|f| f.pa.is_some()).collect()
}
