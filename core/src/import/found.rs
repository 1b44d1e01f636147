//! What texts of a running system say of its machine: each fact with the line it was read from.

pub use super::remark::Source;
use super::remark::{Kind, Remark};
use crate::spec::Phrase;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// The most functions that are kept, as many as a machine here can have.
pub const MOST_FUNCTIONS: usize = 4096;
/// The most ranges, units, groups, regions of each kind that are kept.
pub const MOST_FACTS: usize = 20_000;

/// A function's place: segment (PCI domain), bus, device, function.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash)]
pub struct Bdf {
    /// The segment; Linux gives those of VMD numbers above 0xffff.
    pub segment: u32,
    /// The bus.
    pub bus: u8,
    /// The device, 0 to 31.
    pub device: u8,
    /// The function, 0 to 7.
    pub function: u8,
}

/// The highest segment of firmware; Linux numbers those that it makes for VMDs from the next on.
pub const MOST_SEGMENT: u32 = 0xffff;

impl Bdf {
    /// Returns the function of a 16-bit requester id in a segment.
    pub fn of_id(segment: u32, id: u16) -> Self {
        Bdf { segment, bus: (id >> 8) as u8, device: (id >> 3) as u8 & 31, function: id as u8 & 7 }
    }
    /// Returns the 16-bit requester id.
    pub fn id(self) -> u16 {
        u16::from(self.bus) << 8 | u16::from(self.device) << 3 | u16::from(self.function)
    }
    /// Reads `bb:dd.f` or `ssss:bb:dd.f` as `lspci` and Linux print it.
    pub fn parse(text: &str) -> Option<Self> {
        let hex = |text: &str, digits: core::ops::RangeInclusive<usize>| {
            let fine = digits.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit());
            fine.then(|| u32::from_str_radix(text, 16).ok()).flatten()
        };
        let (rest, function) = text.rsplit_once('.')?;
        let (rest, device) = rest.rsplit_once(':')?;
        let (segment, bus) = match rest.rsplit_once(':') {
            Some((segment, bus)) => (hex(segment, 4..=8)?, bus),
            None => (0, rest),
        };
        let (bus, device, function) = (hex(bus, 2..=2)?, hex(device, 2..=2)?, hex(function, 1..=1)?);
        (device < 32 && function < 8).then_some(Bdf {
            segment,
            bus: bus as u8,
            device: device as u8,
            function: function as u8,
        })
    }
    /// Returns how `/proc/iomem` and traces write it: with the segment, whichever it is.
    pub fn whole(self) -> String {
        format!("{:04x}:{:02x}:{:02x}.{:x}", self.segment, self.bus, self.device, self.function)
    }
    /// Returns whether both are functions of one device.
    pub fn same_device(self, other: Bdf) -> bool {
        (self.segment, self.bus, self.device) == (other.segment, other.bus, other.device)
    }
}

impl fmt::Display for Bdf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.segment != 0 {
            write!(f, "{:04x}:", self.segment)?;
        }
        write!(f, "{:02x}:{:02x}.{:x}", self.bus, self.device, self.function)
    }
}

/// Addresses from the first to the last, both included.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Extent {
    /// The first.
    pub first: u64,
    /// The last.
    pub last: u64,
}

impl Extent {
    /// Returns a range; none where it ends before it begins.
    pub fn new(first: u64, last: u64) -> Option<Self> {
        (first <= last).then_some(Extent { first, last })
    }
    /// Returns `len` bytes from `first`; none where that is empty or runs past 64 bits.
    pub fn sized(first: u64, len: u64) -> Option<Self> {
        Self::new(first, first.checked_add(len.checked_sub(1)?)?)
    }
    /// Returns the bytes in it; saturates for all of 64 bits.
    pub fn bytes(self) -> u64 {
        (self.last - self.first).saturating_add(1)
    }
    /// Returns whether all of `other` is in it.
    pub fn holds(self, other: Extent) -> bool {
        self.first <= other.first && other.last <= self.last
    }
    /// Returns whether they share an address.
    pub fn meets(self, other: Extent) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

impl fmt::Display for Extent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}-{:#x}", self.first, self.last)
    }
}

/// What a function is on PCI Express; none of these where it is conventional PCI or the texts do not say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Express {
    /// A root port.
    RootPort,
    /// The upstream port of a switch.
    Upstream,
    /// A downstream port of a switch.
    Downstream,
    /// A bridge from PCI Express to PCI.
    ToPci,
    /// A bridge from PCI to PCI Express.
    FromPci,
    /// An endpoint.
    Endpoint,
    /// An endpoint or event collector of the root complex.
    Integrated,
}

/// What a range is made for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Space {
    /// I/O ports.
    Io,
    /// Memory that reads may have effects on.
    Memory,
    /// Prefetchable memory.
    Prefetch,
}

/// The range that a bridge forwards down.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Window {
    /// What for.
    pub space: Space,
    /// The bus addresses.
    pub range: Extent,
    /// Where it was read.
    pub from: Source,
}

/// The bridge half of a function.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bridge {
    /// The bus right below it.
    pub secondary: u8,
    /// The highest bus below it.
    pub subordinate: u8,
    /// Its windows, at most one for each space.
    pub windows: Vec<Window>,
    /// Where the buses were read.
    pub from: Source,
}

/// A base address register.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bar {
    /// 0 to 5.
    pub index: u8,
    /// I/O, memory or prefetchable memory.
    pub space: Space,
    /// It takes the next register too.
    pub wide: bool,
    /// The first bus address.
    pub at: u64,
    /// Bytes; 0 where the texts do not say.
    pub size: u64,
    /// Where it was read.
    pub from: Source,
}

/// The bits of the capability and control registers of Access Control Services.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Acs {
    /// What it can do.
    pub can: u16,
    /// What is on; none where the texts do not say.
    pub on: Option<u16>,
}

/// A capability that is there, and whether it is on where the texts say so.
pub type Able = Option<Option<bool>>;

/// One function.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Function {
    /// Its place.
    pub at: Bdf,
    /// What it is called; empty where no text names it.
    pub name: String,
    /// Base class and subclass.
    pub class: Option<u16>,
    /// Vendor and device id.
    pub ids: Option<(u16, u16)>,
    /// What it is on PCI Express.
    pub express: Option<Express>,
    /// Its capabilities were listed, so what is not among them is not there.
    pub listed: bool,
    /// Its capabilities were hidden from who read them.
    pub denied: bool,
    /// The bridge half.
    pub bridge: Option<Bridge>,
    /// Its registers of addresses.
    pub bars: Vec<Bar>,
    /// Those of the boot log, until all texts are read: what the running system says is later, in whatever order they came.
    pub logged: Vec<Bar>,
    /// Access Control Services.
    pub acs: Option<Acs>,
    /// Address Translation Services.
    pub ats: Able,
    /// Page requests.
    pub pri: Able,
    /// Process address space ids.
    pub pasid: Able,
    /// The most virtual functions.
    pub virtual_functions: Option<u16>,
    /// Vectors of MSI.
    pub msi: Option<u16>,
    /// Vectors of MSI-X.
    pub msix: Option<u16>,
    /// Function 0 says that there are others.
    pub multifunction: Option<bool>,
    /// Its IOMMU group.
    pub group: Option<u32>,
    /// The driver that uses it.
    pub driver: Option<String>,
    /// Where it was first read.
    pub from: Source,
    /// Where its name was read.
    pub name_from: Option<Source>,
    /// Where its group was read.
    pub group_from: Option<Source>,
    /// Where words of its lines were read: `ats`, `vectors`.
    pub cites: Vec<(&'static str, Source)>,
}

impl Function {
    /// Notes where a word of its lines was read; the first counts.
    pub fn cite(&mut self, word: &'static str, from: Source) {
        if self.cited(word).is_none() {
            self.cites.push((word, from));
        }
    }
    /// Returns where a word of its lines was read.
    pub fn cited(&self, word: &str) -> Option<Source> {
        self.cites.iter().find(|(w, _)| *w == word).map(|(_, from)| *from)
    }
    /// Returns the requester id that a bridge to conventional PCI gives what is behind it: one from PCI Express takes requests over as
    /// its secondary bus, another as itself. Some from PCI Express have no capability that says so, and Linux knows them by their ids
    /// (`quirk_use_pcie_bridge_dma_alias` in drivers/pci/quirks.c).
    pub fn takes_over_as(&self) -> Bdf {
        const FROM_EXPRESS: [(u16, u16); 5] =
            [(0x1b21, 0x1080), (0x10e3, 0x8113), (0x1283, 0x8892), (0x1283, 0x8893), (0x8086, 0x244e)];
        let from_express = match self.express {
            None => self.at.bus != 0 && self.ids.is_some_and(|ids| FROM_EXPRESS.contains(&ids)),
            Some(express) => express == Express::ToPci,
        };
        match &self.bridge {
            Some(half) if from_express => Bdf { bus: half.secondary, device: 0, function: 0, ..self.at },
            _ => self.at,
        }
    }
    /// Returns whether it is a bridge to a bus, by its class or by having one.
    pub fn is_bridge(&self) -> bool {
        self.bridge.is_some() || self.class == Some(0x0604) || self.class == Some(0x0609)
    }
}

/// What answers in a range of physical addresses or ports.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Range {
    /// How deep it is inside others.
    pub depth: usize,
    /// The addresses.
    pub range: Extent,
    /// What it is called.
    pub name: String,
    /// Where it was read.
    pub from: Source,
}

/// A window of a host bridge for the CPU.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HostWindow {
    /// The physical addresses, or ports.
    pub cpu: Extent,
    /// The bus address of the first.
    pub bus: u64,
    /// What for.
    pub space: Space,
    /// The PCI domain of its bus, where the texts say.
    pub domain: Option<u32>,
    /// The root bus that it leads to, where the texts say and it is one.
    pub root: Option<u8>,
    /// Where it was read.
    pub from: Source,
}

/// A window of a host bridge for devices.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Inbound {
    /// The bus addresses.
    pub bus: Extent,
    /// The physical address of the first.
    pub cpu: u64,
    /// Where it was read.
    pub from: Source,
}

/// Whose an IOMMU is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Maker {
    /// Intel VT-d.
    Intel,
    /// AMD-Vi.
    Amd,
    /// Arm SMMUv3.
    Smmu3,
    /// Arm SMMUv1 or v2.
    Smmu2,
    /// RISC-V.
    RiscV,
    /// A hypervisor's, by virtio.
    Virtio,
    /// Another.
    Other,
}

impl Maker {
    /// Returns what it is called.
    pub const fn name(self) -> &'static str {
        match self {
            Maker::Intel => "Intel VT-d",
            Maker::Amd => "AMD-Vi",
            Maker::Smmu3 => "SMMUv3",
            Maker::Smmu2 => "SMMUv1/v2",
            Maker::RiscV => "RISC-V IOMMU",
            Maker::Virtio => "virtio-iommu",
            Maker::Other => "IOMMU",
        }
    }
}

/// An IOMMU.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unit {
    /// Whose.
    pub maker: Maker,
    /// Where its registers are; none where the texts do not say.
    pub at: Option<u64>,
    /// What the kernel calls it: its device's name, or its function on PCI; empty where the texts do not say.
    pub name: String,
    /// Whose requests come to it, in words.
    pub scope: String,
    /// VT-d: all functions of its segment that no other unit names are its (INCLUDE_PCI_ALL).
    pub all: bool,
    /// VT-d: the capability register.
    pub cap: Option<u64>,
    /// VT-d: the extended capability register. AMD-Vi: the extended feature register.
    pub more: Option<u64>,
    /// AMD-Vi: whether its IVHD block says that devices may have an IOTLB (IotlbSup).
    pub iotlb: Option<bool>,
    /// Where it was read.
    pub from: Source,
    /// Where its registers were read.
    pub able_from: Option<Source>,
    /// Where it was read whose requests come to it.
    pub scope_from: Option<Source>,
}

/// Addresses that devices use untranslated, or may not use.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reserved {
    /// The addresses.
    pub range: Extent,
    /// As sysfs calls it: `direct`, `direct-relaxable`, `msi`, `reserved`.
    pub kind: String,
    /// The functions that it is for, where firmware names them.
    pub functions: Vec<Bdf>,
    /// Whom it is for besides, in words: a path below bridges that no text has, a device that is not on PCI.
    pub others: Vec<String>,
    /// The group that it is for.
    pub group: Option<u32>,
    /// Where it was read.
    pub from: Source,
}

/// A group of Linux.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Group {
    /// Its number.
    pub number: u32,
    /// `DMA`, `DMA-FQ`, `identity`, `blocked`, and where it was read.
    pub kind: Option<(String, Source)>,
    /// Its functions on PCI.
    pub functions: Vec<Bdf>,
    /// Its other devices.
    pub others: Vec<String>,
    /// Where it was first read.
    pub from: Source,
}

/// Requester ids that arrive at an IOMMU under others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IdMap {
    /// The segment whose requester ids these are.
    pub segment: u32,
    /// The first id.
    pub base: u32,
    /// How many.
    pub count: u32,
    /// The bits of an id that count (`iommu-map-mask`).
    pub mask: u32,
    /// What the first becomes.
    pub output: u32,
    /// For interrupts (`msi-map`), not for addresses.
    pub msi: bool,
    /// Where it was read.
    pub from: Source,
}

impl IdMap {
    /// Returns what an id becomes; of it only the bits of the mask count (`of_map_id` in drivers/of/base.c).
    pub fn of(&self, at: Bdf) -> Option<u32> {
        let offset = (u32::from(at.id()) & self.mask).checked_sub(self.base)?;
        (at.segment == self.segment && offset < self.count).then(|| self.output.wrapping_add(offset))
    }
}

/// A device that is not on PCI, and the IOMMU that it is behind.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Platform {
    /// Its node.
    pub name: String,
    /// The IOMMU's node.
    pub unit: String,
    /// Its id there, in words.
    pub id: String,
    /// Where it was read.
    pub from: Source,
}

/// What Linux does with the IOMMU, as its boot lines say.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Policy {
    /// `Translated` or `Passthrough`.
    pub domain: Option<(String, Source)>,
    /// Unmapping leaves invalidation for later.
    pub lazy: Option<(bool, Source)>,
    /// The IOMMU is off.
    pub off: Option<Source>,
}

/// A machine as texts tell of it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Found {
    /// The names of the texts.
    pub files: Vec<String>,
    /// What kinds of text were recognised, in the order they came.
    pub kinds: Vec<(&'static str, Source)>,
    /// Functions on PCI, by place.
    pub functions: Vec<Function>,
    /// The physical map.
    pub memory: Vec<Range>,
    /// RAM, where the map is of a boot log.
    pub ram: Vec<Range>,
    /// I/O ports.
    pub ports: Vec<Range>,
    /// Root buses that the texts name: segment and bus.
    pub roots: Vec<(u32, u8)>,
    /// Windows of host bridges for the CPU.
    pub windows: Vec<HostWindow>,
    /// Which of them has these addresses, of ports or of memory.
    pub window_of: BTreeMap<(Extent, bool), usize>,
    /// Windows of host bridges for devices.
    pub inbound: Vec<Inbound>,
    /// IOMMUs.
    pub units: Vec<Unit>,
    /// Reserved regions.
    pub reserved: Vec<Reserved>,
    /// Groups, by number.
    pub groups: Vec<Group>,
    /// How ids are mapped.
    pub ids: Vec<IdMap>,
    /// What Linux does.
    pub policy: Policy,
    /// The pool for bounce copies.
    pub swiotlb: Option<(Extent, Source)>,
    /// Memory-mapped configuration space: segment, first and last bus, address.
    pub config: Vec<(u32, u8, u8, u64, Source)>,
    /// Devices that are not on PCI and are behind an IOMMU.
    pub platform: Vec<Platform>,
    /// What is missing, assumed, contradictory, damaged.
    pub remarks: Vec<Remark>,
    /// Lines that said nothing of a machine.
    pub quiet: usize,
}

impl Found {
    /// Returns whether nothing of a machine was recognised.
    pub fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    /// Returns the function at a place, if it was met.
    pub fn at(&self, at: Bdf) -> Option<&Function> {
        self.functions.binary_search_by_key(&at, |f| f.at).ok().map(|i| &self.functions[i])
    }

    /// Returns what the requester id of a function becomes at its IOMMU, where a map of ids has it.
    pub fn id_of(&self, at: Bdf) -> Option<(u32, Source)> {
        self.ids.iter().filter(|map| !map.msi).find_map(|map| Some((map.of(at)?, map.from)))
    }

    /// Returns the function at a place, new if it was not met before; none when there are too many.
    pub fn function(&mut self, at: Bdf, from: Source) -> Option<&mut Function> {
        let place = match self.functions.binary_search_by_key(&at, |f| f.at) {
            Ok(place) => place,
            Err(_) if self.functions.len() >= MOST_FUNCTIONS => {
                self.remark_once(Kind::Left, from, too_many());
                return None;
            }
            Err(place) => {
                self.functions.insert(place, Function { at, from, ..Function::default() });
                place
            }
        };
        self.functions.get_mut(place)
    }

    /// Returns the group of a number, new if it was not met before.
    pub fn group(&mut self, number: u32, from: Source) -> Option<&mut Group> {
        let place = match self.groups.binary_search_by_key(&number, |g| g.number) {
            Ok(place) => place,
            Err(_) if self.groups.len() >= MOST_FACTS => return None,
            Err(place) => {
                self.groups.insert(place, Group { number, from, ..Group::default() });
                place
            }
        };
        self.groups.get_mut(place)
    }

    /// Puts a function into a group.
    pub fn join(&mut self, at: Bdf, number: u32, from: Source) {
        let Some(function) = self.function(at, from) else { return };
        let before = function.group.replace(number);
        if before != Some(number) {
            function.group_from = Some(from);
        }
        if let Some(before) = before.filter(|before| *before != number) {
            let said = Phrase::new(
                alloc::format!("{at} is in group {before} and in group {number}"),
                alloc::format!("{at} 既在组 {before} 又在组 {number}"),
            );
            self.remark(Kind::Contradiction, from, said);
        }
        if let Some(group) = self.group(number, from) {
            if !group.functions.contains(&at) {
                group.functions.push(at);
            }
        }
    }

    /// Takes a function out of its group.
    pub fn leave(&mut self, at: Bdf) {
        if let Some(function) = self.functions.iter_mut().find(|function| function.at == at) {
            function.group = None;
        }
        self.groups.iter_mut().for_each(|group| group.functions.retain(|one| *one != at));
        self.groups.retain(|group| !group.functions.is_empty());
    }

    /// Notes a root bus.
    pub fn root(&mut self, segment: u32, bus: u8) {
        if !self.roots.contains(&(segment, bus)) {
            keep(&mut self.roots, (segment, bus));
        }
    }

    /// Returns whether a bus is a root bus: 0 is, others by what a text says or by what is on them, which is on no other.
    pub fn is_root(&self, segment: u32, bus: u8) -> bool {
        let on_root = |f: &Function| {
            (f.at.segment, f.at.bus) == (segment, bus)
                && matches!(f.express, Some(Express::RootPort | Express::Integrated))
        };
        bus == 0 || self.roots.contains(&(segment, bus)) || self.functions.iter().any(on_root)
    }

    /// Notes that a kind of text begins.
    pub fn kind(&mut self, kind: &'static str, from: Source) {
        if !self.kinds.iter().any(|(k, s)| *k == kind && s.file == from.file) {
            self.kinds.push((kind, from));
        }
    }

    /// Adds a remark.
    pub fn remark(&mut self, kind: Kind, from: Source, what: Phrase) {
        if self.remarks.len() < MOST_FACTS {
            self.remarks.push(Remark { kind, from: Some(from), what });
        }
    }

    /// Adds a remark, unless the same was said before.
    pub fn remark_once(&mut self, kind: Kind, from: Source, what: Phrase) {
        if !self.remarks.iter().any(|r| r.kind == kind && r.what == what) {
            self.remark(kind, from, what);
        }
    }

    /// Returns a source as `file:line`.
    pub fn place(&self, from: Source) -> String {
        let name = self.files.get(from.file).map_or("", String::as_str);
        match from.line {
            0 => name.into(),
            line => alloc::format!("{name}:{line}"),
        }
    }
}

fn too_many() -> Phrase {
    Phrase::new(
        alloc::format!("there are more than {MOST_FUNCTIONS} functions; the rest is left out"),
        alloc::format!("功能超过 {MOST_FUNCTIONS} 个，其余未收入"),
    )
}

/// Adds to a list that has room.
pub fn keep<T>(list: &mut Vec<T>, one: T) {
    if list.len() < MOST_FACTS {
        list.push(one);
    }
}
