//! The hardware: architecture, physical map, host bridge, ports, devices.

use super::*;
use crate::addr::{BusAddr, DeviceAddr, PhysAddr, PortAddr, RequesterId};
use crate::iommu::Architecture;
use crate::scenario::noun::Noun;
use crate::scenario::span::Node;

choices! {
    /// How VT-d's tables are laid out.
    TableMode {
        /// Root and context entries only: no PASID.
        "legacy" => Legacy,
        /// PASID tables below the context entry.
        "scalable" => Scalable,
    }
    /// On or off.
    Switched {
        /// Off.
        "off" => Off,
        /// On.
        "on" => On,
    }
    /// What the operating system does with the IOMMU.
    Policy {
        /// The IOMMU is there but not enabled.
        "off" => Off,
        /// Devices see physical addresses through the enabled IOMMU.
        "pass-through" => PassThrough,
        /// Translated; unmapping invalidates before it returns.
        "strict" => Strict,
        /// Translated; unmapping leaves invalidation for later.
        "lazy" => Lazy,
    }
    /// Whether device accesses see the CPU's cache.
    Coherence {
        /// They do.
        "coherent" => Coherent,
        /// They go around it.
        "non-coherent" => NonCoherent,
    }
}

/// The word after `machine`, and after `on` in expectations: an architecture, or `none` where there is no IOMMU.
impl Choice for Option<Architecture> {
    const WORDS: &'static [(&'static str, Self)] = &{
        let mut out = [("none", None); Architecture::ALL.len() + 1];
        let mut i = 0;
        // Bounded: at compile time.
        while i < Architecture::ALL.len() {
            out[i] = (Architecture::WORDS[i], Some(Architecture::ALL[i]));
            i += 1;
        }
        out
    };
    fn other_words() -> impl Iterator<Item = (&'static str, &'static str)> {
        Architecture::other_words()
    }
}

/// `machine vt-d scalable width 48 iotlb 64`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Machine {
    /// The architecture of the IOMMU; none: there is no IOMMU.
    pub arch: Node<Option<Architecture>>,
    /// VT-d's table layout.
    pub mode: Option<Node<TableMode>>,
    /// Address bits of the IOMMU's tables: 39, 48 or 57.
    pub width: Option<Num>,
    /// Levels of the CPU's page tables.
    pub paging: Option<Num>,
    /// The largest page that the IOMMU's tables can map.
    pub page: Option<Node<Page>>,
    /// Entries of the IOTLB.
    pub iotlb: Option<Num>,
    /// Entries of the device table cache (VT-d: context cache).
    pub device_cache: Option<Num>,
    /// Entries of the process table cache (VT-d: PASID cache).
    pub process_cache: Option<Num>,
    /// Entries of the fault queue, or how many fault recording registers.
    pub fault_records: Option<Num>,
    /// Interrupt remapping.
    pub interrupt_remapping: Option<Node<Switched>>,
    /// The IOMMU answers ATS requests.
    pub ats: bool,
    /// The IOMMU takes page requests.
    pub pri: bool,
    /// The IOMMU sets accessed and dirty bits.
    pub accessed_dirty: bool,
    /// VT-d's caching mode: not-present entries may be cached.
    pub caching_mode: Node<bool>,
}

impl Machine {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.choice(&mut self.arch)?;
        f.clauses(|f| {
            f.opt_choice(&mut self.mode)?;
            f.opt_num("width", Noun::Bits, &mut self.width)?;
            f.opt_num("paging", Noun::Level, &mut self.paging)?;
            f.clause("page", &mut self.page, Form::page)?;
            f.opt_num("iotlb", Noun::Count, &mut self.iotlb)?;
            f.opt_num("device-cache", Noun::Count, &mut self.device_cache)?;
            f.opt_num("process-cache", Noun::Count, &mut self.process_cache)?;
            f.opt_num("fault-records", Noun::Count, &mut self.fault_records)?;
            f.clause("interrupt-remapping", &mut self.interrupt_remapping, Form::choice)?;
            f.flag("ats", &mut self.ats)?;
            f.flag("pri", &mut self.pri)?;
            f.flag("accessed-dirty", &mut self.accessed_dirty)?;
            f.flag_at("caching-mode", &mut self.caching_mode)
        })
    }
}

/// `iommu lazy flush 256`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct IommuPolicy {
    /// What it does.
    pub policy: Node<Policy>,
    /// With `lazy`: how many unmapped ranges wait before one invalidation clears them all.
    pub flush: Option<Num>,
    /// Which stage the kernel's own domains use: 1 or 2 (by default what the architecture's Linux driver
    /// takes).
    pub stage: Option<Num>,
}

impl IommuPolicy {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.choice(&mut self.policy)?;
        f.clauses(|f| {
            f.opt_num("flush", Noun::Count, &mut self.flush)?;
            f.opt_num("stage", Noun::Stage, &mut self.stage)
        })
    }
}

/// `ram 0 .. 3G`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ram {
    /// Where.
    pub range: Range<PhysAddr>,
}

impl Ram {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.range(&mut self.range)
    }
}

/// `ports 0xc000 +4K`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ports {
    /// Which.
    pub range: Range<PortAddr>,
}

impl Ports {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.range(&mut self.range)
    }
}

/// `bridge cpu 0xc000_0000 +256M -> bus 0x8000_0000`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outbound {
    /// The physical addresses that the CPU uses.
    pub cpu: Range<PhysAddr>,
    /// The bus address of the first of them.
    pub bus: Loc<BusAddr>,
    /// For prefetchable BARs.
    pub prefetch: bool,
}

impl Outbound {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.range(&mut self.cpu)?;
        f.word("->")?;
        f.word("bus")?;
        f.loc(&mut self.bus)?;
        f.clauses(|f| f.flag("prefetch", &mut self.prefetch))
    }
}

/// `bridge bus 0xc000_0000 +1G -> cpu 0`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Inbound {
    /// The bus addresses that devices use.
    pub bus: Range<BusAddr>,
    /// The physical address of the first of them.
    pub cpu: Loc<PhysAddr>,
}

impl Inbound {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.range(&mut self.bus)?;
        f.word("->")?;
        f.word("cpu")?;
        f.loc(&mut self.cpu)
    }
}

/// `bridge pcie1 segment 1 bus 0x10_0000_0000 +4G -> cpu 0`; each line of a name adds to the same bridge.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HostBridge {
    /// Its name.
    pub name: Name,
    /// The PCI segment of its buses (0 by default).
    pub segment: Option<Num>,
    /// The bus address at which it takes interrupt messages itself.
    pub msi_target: Option<Loc<BusAddr>>,
    /// No IOMMU translates what comes through it.
    pub no_iommu: bool,
    /// A window for CPU accesses.
    pub outbound: Option<Outbound>,
    /// A window for device accesses.
    pub inbound: Option<Inbound>,
}

impl HostBridge {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.name(Noun::NewName, &mut self.name)?;
        f.clauses(|f| {
            f.opt_num("segment", Noun::Segment, &mut self.segment)?;
            f.clause("msi-target", &mut self.msi_target, Form::loc)?;
            f.flag("no-iommu", &mut self.no_iommu)?;
            f.clause("cpu", &mut self.outbound, |f, window| window.form(f))?;
            f.clause("bus", &mut self.inbound, |f, window| window.form(f))
        })
    }
}

choices! {
    /// What the root complex does with a device's request to another device.
    PeerRouting {
        /// It turns the request around.
        "forwarded" => Forwarded,
        /// It refuses the request.
        "dropped" => Dropped,
    }
}

/// `bridge peers dropped`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Peers {
    /// What it does.
    pub routing: Node<PeerRouting>,
}

impl Peers {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.choice(&mut self.routing)
    }
}

/// `reserved-iova 0x800_0000 +1M`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReservedIova {
    /// Which addresses.
    pub range: Range<crate::addr::Iova>,
}

impl ReservedIova {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.range(&mut self.range)
    }
}

/// `swiotlb 64M at 0x1000_0000`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Swiotlb {
    /// The whole pool.
    pub size: Num,
    /// Where; by default the operating system finds a place below 4 GiB.
    pub at: Option<Loc<PhysAddr>>,
    /// Every mapping bounces, even where the device could reach the buffer.
    pub force: bool,
}

impl Swiotlb {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.num(Noun::Size, &mut self.size)?;
        f.clauses(|f| {
            f.clause("at", &mut self.at, Form::loc)?;
            f.flag("force", &mut self.force)
        })
    }
}

/// `cache non-coherent line 64`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cache {
    /// For devices that do not say otherwise.
    pub coherence: Node<Coherence>,
    /// Bytes of a line.
    pub line: Option<Num>,
}

impl Cache {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.choice(&mut self.coherence)?;
        f.clauses(|f| f.opt_num("line", Noun::Size, &mut self.line))
    }
}

/// `rootport rp0 00:1c.0 acs`, `switch sw0 01:00.0 behind rp0`, `port d0 02:00.0 behind sw0 acs`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Port {
    /// Its name.
    pub name: Name,
    /// Its own requester id.
    pub id: Node<RequesterId>,
    /// What it is below; for a root port a host bridge, or nothing.
    pub behind: Option<Name>,
    /// Access control services: source validation, and peer-to-peer requests go upstream.
    pub acs: bool,
    /// Configuration requests reach all 256 functions of the device below (ARI forwarding).
    pub ari: bool,
}

impl Port {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.name(Noun::NewName, &mut self.name)?;
        f.bdf(&mut self.id)?;
        f.clauses(|f| {
            f.opt_name("behind", Noun::Port, &mut self.behind)?;
            f.flag("acs", &mut self.acs)?;
            f.flag("ari", &mut self.ari)
        })
    }
}

/// `window 0x8000_0000 +1M prefetch`, under a port.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Window {
    /// The bus addresses.
    pub range: Range<BusAddr>,
    /// For prefetchable BARs.
    pub prefetch: bool,
}

impl Window {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.range(&mut self.range)?;
        f.clauses(|f| f.flag("prefetch", &mut self.prefetch))
    }
}

/// `device nic 00:03.0 behind rp0 mask 64 ats`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Device {
    /// Its name.
    pub name: Name,
    /// Its requester id.
    pub id: Node<RequesterId>,
    /// The port or host bridge it is below; none: on a root bus.
    pub behind: Option<Name>,
    /// The physical function that makes it: it is a virtual one.
    pub vf_of: Option<Name>,
    /// How many address bits it drives (64 by default).
    pub mask: Option<Num>,
    /// It can put a PASID on its requests.
    pub pasid: bool,
    /// It asks for translations and keeps them.
    pub ats: bool,
    /// How many translations it keeps.
    pub device_tlb: Option<Num>,
    /// It can ask for pages.
    pub pri: bool,
    /// As a function: access control services towards its sibling functions.
    pub acs: bool,
    /// Whether its accesses see the CPU's cache.
    pub coherence: Option<Node<Coherence>>,
    /// The requester id that its requests carry instead of its own (behind a PCIe-to-PCI bridge).
    pub alias: Option<Node<RequesterId>>,
    /// Its requests do not meet the IOMMU, whatever the system believes.
    pub bypass: bool,
}

impl Device {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.name(Noun::NewName, &mut self.name)?;
        f.bdf(&mut self.id)?;
        f.clauses(|f| {
            f.opt_name("behind", Noun::Port, &mut self.behind)?;
            f.opt_num("mask", Noun::Bits, &mut self.mask)?;
            f.flag("pasid", &mut self.pasid)?;
            f.flag("ats", &mut self.ats)?;
            f.opt_num("device-tlb", Noun::Count, &mut self.device_tlb)?;
            f.flag("pri", &mut self.pri)?;
            f.flag("acs", &mut self.acs)?;
            f.opt_choice(&mut self.coherence)?;
            f.clause("alias", &mut self.alias, Form::bdf)?;
            f.flag("bypass", &mut self.bypass)?;
            f.opt_name("vf-of", Noun::Device, &mut self.vf_of)
        })
    }
}

/// `bar 0 64K at bus 0x8001_0000`, under a device.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bar {
    /// 0 to 5.
    pub index: Num,
    /// A power of two.
    pub size: Num,
    /// A 64-bit BAR: takes the next one too.
    pub wide: bool,
    /// Prefetchable.
    pub prefetch: bool,
    /// Backed by memory of the device, not by its registers.
    pub memory: bool,
    /// An I/O port BAR; then `at` is a port.
    pub io: bool,
    /// Software may change its size (Resizable BAR).
    pub resizable: bool,
    /// What firmware wrote into it; by default the first place in a window that fits.
    pub at: Option<Loc<BusAddr>>,
}

impl Bar {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.num(Noun::BarIndex, &mut self.index)?;
        f.num(Noun::Size, &mut self.size)?;
        f.clauses(|f| {
            f.flag("64", &mut self.wide)?;
            f.flag("prefetch", &mut self.prefetch)?;
            f.flag("memory", &mut self.memory)?;
            f.flag("io", &mut self.io)?;
            f.flag("resizable", &mut self.resizable)?;
            f.clause("at", &mut self.at, |f, at| {
                f.word("bus")?;
                f.loc(at)
            })
        })
    }
}

/// `sriov 8 first 128 stride 2`, under a device: it can make virtual functions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SriovLine {
    /// How many there can be.
    pub total: Num,
    /// From the device's id to the first one's (1 by default).
    pub first: Option<Num>,
    /// From one to the next (1 by default).
    pub stride: Option<Num>,
}

impl SriovLine {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.num(Noun::Count, &mut self.total)?;
        f.clauses(|f| {
            f.opt_num("first", Noun::Count, &mut self.first)?;
            f.opt_num("stride", Noun::Count, &mut self.stride)
        })
    }
}

/// `vf-bar 0 16K 64 prefetch`, under a device: a BAR that each of its virtual functions has.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VfBar {
    /// 0 to 5.
    pub index: Num,
    /// Of one function; a power of two.
    pub size: Num,
    /// A 64-bit BAR: takes the next one too.
    pub wide: bool,
    /// Prefetchable.
    pub prefetch: bool,
    /// Backed by memory of the virtual function, not by its registers.
    pub memory: bool,
    /// Where the first function's begins; by default the first place in a window that has room for all.
    pub at: Option<Loc<BusAddr>>,
}

impl VfBar {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.num(Noun::BarIndex, &mut self.index)?;
        f.num(Noun::Size, &mut self.size)?;
        f.clauses(|f| {
            f.flag("64", &mut self.wide)?;
            f.flag("prefetch", &mut self.prefetch)?;
            f.flag("memory", &mut self.memory)?;
            f.clause("at", &mut self.at, |f, at| {
                f.word("bus")?;
                f.loc(at)
            })
        })
    }
}

/// `local 0 +256G own`, `local 256G +4G -> bus 0`, under a device.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Local {
    /// What the device's own engine emits.
    pub range: Range<DeviceAddr>,
    /// Where it leads; none: the device's own memory.
    pub to: Option<Loc<BusAddr>>,
}

impl Local {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.range(&mut self.range)?;
        f.either("own", "->", &mut self.to, |f, to| {
            f.word("bus")?;
            f.loc(to)
        })
    }
}

choices! {
    /// How a DMA engine is given its work.
    EngineKind {
        /// One contiguous transfer at a time, by registers.
        "contiguous" => Contiguous,
        /// A linked list of descriptors in memory.
        "linked-list" => LinkedList,
    }
}

/// `engine linked-list max-payload 256`, under a device.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Engine {
    /// How it is given its work.
    pub kind: Node<EngineKind>,
    /// The most bytes of one write packet (256 by default).
    pub max_payload: Option<Num>,
    /// The most bytes one read packet asks for (512 by default).
    pub max_read: Option<Num>,
}

impl Engine {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.choice(&mut self.kind)?;
        f.clauses(|f| {
            f.opt_num("max-payload", Noun::Size, &mut self.max_payload)?;
            f.opt_num("max-read", Noun::Size, &mut self.max_read)
        })
    }
}

/// `vectors 4 msi32`, under a device.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Vectors {
    /// How many.
    pub count: Num,
    /// Its message address has 32 bits.
    pub short: bool,
}

impl Vectors {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.num(Noun::Count, &mut self.count)?;
        f.clauses(|f| f.flag("msi32", &mut self.short))
    }
}
