//! What a picture is made of, with no machine in it: columns with regions, arrows between columns, actors beside
//! them, and the token, which is the address that is on its way now.
//!
//! Whoever knows the machine fills a [`Model`] for one position of the trace. Everything after that (layout,
//! text, SVG) sees only this.
//!
//! **Keys.** Columns, regions, arrows and actors have keys that stay the same from step to step (`pa`,
//! `pa/ram0`, `va:db/buf`), so that a view can tell what stayed and what changed. A key is unique in its model.

use crate::spec::Phrase;
use crate::trace::{OwnerState, Perms};
use alloc::{string::String, vec::Vec};

pub use crate::addr::Space;

/// A picture of the machine at one position.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Model {
    /// The title.
    pub title: Phrase,
    /// Address spaces, from left (the CPU's side) to right (the devices' side).
    pub columns: Vec<Column>,
    /// Who acts: CPUs at the left, devices at the right, what converts in the gaps.
    pub actors: Vec<Actor>,
    /// Mappings between columns.
    pub arrows: Vec<Arrow>,
    /// The address that is on its way, if one is.
    pub token: Option<Token>,
    /// What the current step touches.
    pub lit: Vec<Lit>,
    /// Which actors are wired together: the one nearer to memory, and the one below it.
    pub links: Vec<(ActorId, ActorId)>,
    /// In a picture of several positions: where the ranges start that a token is ever in, in the order in which it came
    /// there. They stay to be seen where others fold.
    pub met: Vec<Point>,
}

/// Index into [`Model::columns`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct ColumnId(pub u16);

/// Index into [`Model::actors`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct ActorId(pub u16);

/// One address space of one owner: a process's, a guest's, the host's, a domain's, a device's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Column {
    /// Stable key, such as `pa` or `va:db`.
    pub key: String,
    /// Which kind of addresses.
    pub space: Space,
    /// The space's name, such as "CPU virtual address" (layout breaks it over lines).
    pub title: Phrase,
    /// Whose it is, such as `db, PASID 7` or `domain 1: nic`; empty when there is only one.
    pub owner: Phrase,
    /// What is in it. Regions may nest (a buffer in RAM); the inner one is shown in front. Two that overlap
    /// without nesting are shown as given, the later one in front.
    pub regions: Vec<Region>,
    /// Whether the token comes through it: at this position, or ever.
    pub reached: bool,
}

/// How the key of a page begins that is marked because the token came to it, where nothing is.
pub const USED: &str = "used/";

/// A range of addresses with a meaning.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Region {
    /// Stable key, such as `pa/ram0`.
    pub key: String,
    /// The first address.
    pub first: u64,
    /// The last address (inclusive, so that the top of 64 bits can be said).
    pub last: u64,
    /// What it is.
    pub kind: RegionKind,
    /// Its name.
    pub label: Phrase,
    /// Who owns or provides it, such as `nic 00:03.0 BAR 0`; may be empty.
    pub owner: Phrase,
    /// Whose turn it is, for buffers whose state is known.
    pub state: Option<OwnerState>,
}

/// What a region is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum RegionKind {
    /// Memory.
    Ram,
    /// A window of memory-mapped I/O.
    Mmio,
    /// A device's BAR.
    Bar,
    /// A buffer, or another name of one.
    Buffer,
    /// A bounce buffer (SWIOTLB).
    Bounce,
    /// A page table or another structure that hardware walks.
    Table,
    /// A queue, ring or list of descriptors.
    Queue,
    /// Registers of a unit of the machine itself (IOMMU, local APIC).
    Registers,
    /// The window where writes are interrupt messages.
    Msi,
    /// I/O ports.
    Ports,
    /// Reserved: nobody may use it.
    Reserved,
    /// Nothing answers here, and that is worth showing.
    Hole,
    /// Memory of a device itself.
    DeviceMemory,
}

/// One end of an arrow, and any place an address can point at.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Point {
    /// The column.
    pub column: ColumnId,
    /// The address in it.
    pub address: u64,
}

/// One end of an arrow.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct End {
    /// The first address of the range.
    pub at: Point,
    /// The letter shown there (`A`, `X`), if it has one. Ends at the same point have the same letter.
    pub letter: Option<char>,
}

/// A mapping: `len` bytes from one column to another. The arrow points the way an address is converted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Arrow {
    /// Stable key, such as `mmu:db/7f0000000000`.
    pub key: String,
    /// Where an address comes from.
    pub from: End,
    /// Where it goes.
    pub to: End,
    /// How many bytes; 0 for an arrow that is about one address only.
    pub len: u64,
    /// What converts.
    pub kind: ArrowKind,
    /// Whether tables or windows say so now, or only a cache does.
    pub state: ArrowState,
    /// What the mapping allows.
    pub perms: Perms,
    /// A word on it, such as `offset +0x4000_0000`; when empty the layout uses the usual words of its kind.
    pub label: Phrase,
}

/// What converts along an arrow.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum ArrowKind {
    /// The CPU's MMU.
    Mmu,
    /// The CPU's second level for a guest.
    Ept,
    /// A window of the host bridge, with its offset.
    Window,
    /// The IOMMU's stage 1.
    Stage1,
    /// The IOMMU's stage 2.
    Stage2,
    /// The IOMMU, both stages in one.
    Nested,
    /// The IOMMU passes it through, or there is none.
    Identity,
    /// The device's own map.
    DeviceMap,
    /// A copy by software (bounce buffer).
    Copy,
    /// The IOMMU's interrupt remapping.
    Interrupt,
}

/// What an arrow rests on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash, Default)]
pub enum ArrowState {
    /// Tables or windows say so.
    #[default]
    Live,
    /// Tables say so, and a cache remembers it: requests take the shortcut.
    Cached,
    /// Only a cache says so: the tables no longer do.
    Stale,
    /// It was there and was taken away in this step.
    Gone,
}

/// Somebody who acts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Actor {
    /// Stable key, such as `cpu`, `dev:nic`, `iommu`.
    pub key: String,
    /// What it is.
    pub kind: ActorKind,
    /// Where it stands.
    pub place: Place,
    /// Its name, such as `CPU` or `nic`.
    pub name: Phrase,
    /// Further lines, such as `00:03.0` or `IOTLB 3/64`.
    pub lines: Vec<Phrase>,
    /// Whether it takes part: in a picture of several positions, at any of them.
    pub acts: bool,
    /// Whether the token comes by: at this position, or ever.
    pub passed: bool,
}

/// What an actor is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum ActorKind {
    /// A CPU.
    Cpu,
    /// The CPU's memory management unit.
    Mmu,
    /// A PCI function.
    Device,
    /// A switch or root port.
    Switch,
    /// The root complex with the host bridge.
    RootComplex,
    /// The IOMMU.
    Iommu,
    /// The interrupt controller.
    Interrupts,
    /// Several devices, drawn as one.
    Fold,
}

/// Where an actor stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Place {
    /// Left of this column: who uses its addresses from the CPU's side.
    LeftOf(ColumnId),
    /// Right of this column: who uses its addresses from the bus's side.
    RightOf(ColumnId),
    /// Between these neighbours: what converts between them.
    Between(ColumnId, ColumnId),
}

/// A place of the picture that the token can be at.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Anchor {
    /// At an address in a column (a table entry that is read is one in the physical column).
    Point(Point),
    /// At somebody.
    Actor(ActorId),
}

/// The address that is on its way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Token {
    /// What is written on it: the address in the space it is in now.
    pub address: u64,
    /// Which space that is.
    pub space: Space,
    /// Where it is.
    pub at: Anchor,
    /// Where it has been since its operation began, oldest first, `at` last.
    pub path: Vec<Anchor>,
    /// What became of it.
    pub fate: Fate,
    /// The position in the trace until which this is told of it: an earlier one where what followed moves nothing.
    pub until: usize,
    /// What it carries, such as `MWr 256 B`; may be empty.
    pub load: Phrase,
    /// A cache spared it the walk.
    pub shortcut: bool,
    /// The way of the interrupt by which its device told that it is done, once that is over; empty without one.
    pub interrupt: Vec<Anchor>,
}

/// What became of the token.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash, Default)]
pub enum Fate {
    /// On its way.
    #[default]
    Moving,
    /// It reached what it was meant for, or at least memory or a device.
    Arrived,
    /// It was refused at the place where it is.
    Dead,
    /// It is an interrupt message.
    Interrupt,
    /// It went along a cached entry that the tables no longer back.
    Stale,
    /// It arrived, and not where it was meant to: what came of its operation says so.
    Wrong,
}

/// Something that the current step touches.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Lit {
    /// What.
    pub what: Target,
    /// How.
    pub how: Touch,
    /// At which address, where only a part of a range is touched: the rest of it stays unlit.
    pub at: Option<u64>,
}

/// Something of the picture, by index.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Target {
    /// [`Model::arrows`] by index.
    Arrow(u32),
    /// A region: its column, and its index there.
    Region(ColumnId, u32),
    /// An actor.
    Actor(ActorId),
}

/// How a step touches something.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Touch {
    /// It was used: gone along, asked, looked at.
    Used,
    /// It was read.
    Read,
    /// It was written or changed.
    Written,
    /// It refused.
    Refused,
}

impl Region {
    /// A region without owner or state.
    pub fn new(key: impl Into<String>, first: u64, last: u64, kind: RegionKind, label: Phrase) -> Self {
        Region { key: key.into(), first, last, kind, label, owner: Phrase::default(), state: None }
    }
    /// Is `address` inside?
    pub fn contains(&self, address: u64) -> bool {
        (self.first..=self.last).contains(&address)
    }
}

impl Arrow {
    /// Where an address of the source range goes; `None` outside it.
    pub fn convert(&self, at: Point) -> Option<Point> {
        self.shift(self.from.at, self.to.at, at)
    }
    /// Where an address of the target range comes from; `None` outside it.
    pub fn invert(&self, at: Point) -> Option<Point> {
        self.shift(self.to.at, self.from.at, at)
    }
    fn shift(&self, from: Point, to: Point, at: Point) -> Option<Point> {
        let offset = at.address.checked_sub(from.address)?;
        let inside = at.column == from.column && (offset < self.len || offset == 0);
        Some(Point { column: to.column, address: to.address.checked_add(offset)? }).filter(|_| inside)
    }
}

impl Model {
    /// Adds a column without regions.
    pub fn add_column(
        &mut self,
        key: impl Into<String>,
        space: Space,
        title: Phrase,
        owner: Phrase,
    ) -> ColumnId {
        self.columns.push(Column {
            key: key.into(),
            space,
            title,
            owner,
            regions: Vec::new(),
            reached: false,
        });
        ColumnId(self.columns.len() as u16 - 1)
    }
    /// Adds an actor.
    pub fn add_actor(
        &mut self,
        key: impl Into<String>,
        kind: ActorKind,
        place: Place,
        name: Phrase,
        lines: Vec<Phrase>,
    ) -> ActorId {
        self.actors.push(Actor { key: key.into(), kind, place, name, lines, acts: false, passed: false });
        ActorId(self.actors.len() as u16 - 1)
    }
    /// Marks those who take part at this position: whom the token came by, and what the step touches.
    pub fn mark_acting(&mut self) {
        for lit in &self.lit {
            let Target::Actor(a) = lit.what else { continue };
            if let Some(actor) = self.actors.get_mut(usize::from(a.0)) {
                actor.acts = true;
            }
        }
        // Whom an interrupt's way comes by takes no part in that of the bytes.
        let bytes = self.token.iter().flat_map(|t| t.path.iter().chain([&t.at])).map(|at| (at, true));
        let interrupt = self.token.iter().flat_map(|t| &t.interrupt).map(|at| (at, false));
        for (at, acts) in bytes.chain(interrupt) {
            match at {
                Anchor::Point(at) => {
                    if let Some(column) = self.columns.get_mut(usize::from(at.column.0)) {
                        column.reached = true;
                    }
                }
                Anchor::Actor(a) => {
                    if let Some(actor) = self.actors.get_mut(usize::from(a.0)) {
                        actor.passed = true;
                        actor.acts |= acts;
                    }
                }
            }
        }
    }
    /// Where the ranges start that a reader wants to see now: buffers and the like on the token's way.
    pub fn meets(&self) -> Vec<Point> {
        let met = self.token.iter().flat_map(|t| t.path.iter().chain([&t.at])).filter_map(|anchor| {
            let Anchor::Point(at) = *anchor else { return None };
            let (_, region) = self.region_at(at)?;
            let kept = matches!(
                region.kind,
                RegionKind::Buffer | RegionKind::Bounce | RegionKind::Bar | RegionKind::Ports
            );
            kept.then_some(Point { address: region.first, ..at })
        });
        met.collect()
    }
    /// A column, if there is one with this id.
    pub fn column(&self, id: ColumnId) -> Option<&Column> {
        self.columns.get(id.0 as usize)
    }
    /// The innermost region at a point: the smallest, and of equals the last.
    pub fn region_at(&self, at: Point) -> Option<(u32, &Region)> {
        let regions = self.column(at.column)?.regions.iter().enumerate();
        let inside = regions.filter(|(_, r)| r.contains(at.address));
        inside.min_by_key(|(i, r)| (r.last - r.first, usize::MAX - i)).map(|(i, r)| (i as u32, r))
    }
    /// Every name of the byte at `at`: itself, and all points that arrows connect it with, either way, in the
    /// order of columns. Copies and interrupts are no names and are not followed.
    pub fn names_of(&self, at: Point) -> Vec<Point> {
        let mut names = alloc::vec![at];
        let mut next = 0;
        // Bounded: `next` moves on through `names`.
        while let Some(&point) = names.get(next) {
            next += 1;
            for arrow in &self.arrows {
                if matches!(arrow.kind, ArrowKind::Copy | ArrowKind::Interrupt) {
                    continue;
                }
                for other in [arrow.convert(point), arrow.invert(point)].into_iter().flatten() {
                    if !names.contains(&other) && names.len() < 64 {
                        names.push(other);
                    }
                }
            }
        }
        names.sort_unstable();
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_a_byte_is_found_along_arrows() {
        let mut m = Model::default();
        let va = m.add_column("va", Space::Virtual, Phrase::default(), Phrase::default());
        let pa = m.add_column("pa", Space::Physical, Phrase::default(), Phrase::default());
        let bus = m.add_column("bus", Space::Bus, Phrase::default(), Phrase::default());
        let end = |column, address| End { at: Point { column, address }, letter: None };
        let arrow = |from, to, kind| Arrow {
            key: String::new(),
            from,
            to,
            len: 0x1000,
            kind,
            state: ArrowState::Live,
            perms: Perms::RW,
            label: Phrase::default(),
        };
        m.arrows.push(arrow(end(va, 0x7000), end(pa, 0x2000), ArrowKind::Mmu));
        m.arrows.push(arrow(end(bus, 0xf000), end(pa, 0x2000), ArrowKind::Stage2));
        m.arrows.push(arrow(end(pa, 0x2000), end(pa, 0x9000), ArrowKind::Copy));
        let names = m.names_of(Point { column: bus, address: 0xf123 });
        let want = [(va, 0x7123), (pa, 0x2123), (bus, 0xf123)];
        assert_eq!(names, want.map(|(column, address)| Point { column, address }));
        assert_eq!(m.names_of(Point { column: va, address: 0x8000 }).len(), 1);
        m.columns[1].regions = alloc::vec![
            Region::new("pa/ram", 0, 0xffff, RegionKind::Ram, Phrase::same("RAM")),
            Region::new("pa/buf", 0x2000, 0x2fff, RegionKind::Buffer, Phrase::same("buf")),
        ];
        assert_eq!(m.region_at(Point { column: pa, address: 0x2fff }).map(|r| r.0), Some(1));
        assert_eq!(m.region_at(Point { column: pa, address: 0x3000 }).map(|r| r.0), Some(0));
    }
}
