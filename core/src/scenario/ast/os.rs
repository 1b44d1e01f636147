//! Calls of the kernel's DMA API, under their own names.

use super::*;
use crate::addr::VirtAddr;
pub use crate::os::dma::Direction;
use crate::scenario::noun::Noun;
use crate::scenario::span::Node;

impl Choice for Direction {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("to-device", Direction::ToDevice),
        ("from-device", Direction::FromDevice),
        ("bidirectional", Direction::Bidirectional),
    ];
}

/// `ring = dma_alloc_coherent nic 4K`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AllocCoherent {
    /// The name given to it: buffer and handle in one.
    pub name: Name,
    /// For which device.
    pub device: Name,
    /// How many bytes.
    pub size: Num,
}

impl AllocCoherent {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.result(&mut self.name)?;
        f.name(Noun::Device, &mut self.device)?;
        f.num(Noun::Size, &mut self.size)
    }
}

/// `dma_free_coherent ring`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HandleOnly {
    /// The handle.
    pub handle: Name,
}

impl HandleOnly {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.name(Noun::Handle, &mut self.handle)
    }
}

/// `rx = dma_map_single nic buf from-device`, `rx = dma_map_single nic buf+0x40 +1500 to-device`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MapSingle {
    /// The name given to the DMA address.
    pub name: Name,
    /// For which device.
    pub device: Name,
    /// The buffer, or a place in it.
    pub buffer: Loc<VirtAddr>,
    /// How many bytes; by default the rest of the buffer.
    pub len: Option<Num>,
    /// Which way.
    pub direction: Node<Direction>,
    /// `DMA_ATTR_SKIP_CPU_SYNC`.
    pub skip_cpu_sync: bool,
}

impl MapSingle {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.result(&mut self.name)?;
        f.name(Noun::Device, &mut self.device)?;
        f.loc(&mut self.buffer)?;
        f.opt_length(&mut self.len)?;
        f.choice(&mut self.direction)?;
        f.clauses(|f| f.flag("skip-cpu-sync", &mut self.skip_cpu_sync))
    }
}

/// `win = dma_map_resource nic gpu.bar0 bidirectional`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MapResource {
    /// The name given to the DMA address.
    pub name: Name,
    /// For which device.
    pub device: Name,
    /// The BAR, or a place in it.
    pub at: Loc<OfSubject>,
    /// How many bytes; by default the rest of the BAR.
    pub len: Option<Num>,
    /// Which way.
    pub direction: Node<Direction>,
}

impl MapResource {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.result(&mut self.name)?;
        f.name(Noun::Device, &mut self.device)?;
        f.loc(&mut self.at)?;
        f.opt_length(&mut self.len)?;
        f.choice(&mut self.direction)
    }
}

/// `list = dma_map_sg nic buf from-device`, `list = dma_map_sg nic a b+0x800 c to-device`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MapSg {
    /// The name given to the list.
    pub name: Name,
    /// For which device.
    pub device: Name,
    /// The entries: a scattered buffer is one entry a page.
    pub buffers: Vec<Loc<VirtAddr>>,
    /// Which way.
    pub direction: Node<Direction>,
}

impl MapSg {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.result(&mut self.name)?;
        f.name(Noun::Device, &mut self.device)?;
        f.locs_until(&mut self.buffers, Direction::WORDS.iter().map(|(w, _)| *w))?;
        f.choice(&mut self.direction)
    }
}

/// `dma_unmap_single rx`, `dma_unmap_single rx +2K from-device` (what the driver says, right or wrong).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UnmapHandle {
    /// The handle.
    pub handle: Name,
    /// The length given to the call; by default the one it was mapped with.
    pub len: Option<Num>,
    /// The direction given to the call; by default the one it was mapped with.
    pub direction: Option<Node<Direction>>,
    /// `DMA_ATTR_SKIP_CPU_SYNC`.
    pub skip_cpu_sync: bool,
}

impl UnmapHandle {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.name(Noun::Handle, &mut self.handle)?;
        f.opt_length(&mut self.len)?;
        f.clauses(|f| {
            f.opt_choice(&mut self.direction)?;
            f.flag("skip-cpu-sync", &mut self.skip_cpu_sync)
        })
    }
}

/// `dma_sync_single_for_cpu rx`, `dma_sync_single_for_cpu rx+0x40 +64`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sync {
    /// The handle, or a place in it.
    pub at: Loc<crate::addr::BusAddr>,
    /// How many bytes; by default the rest.
    pub len: Option<Num>,
    /// The direction given to the call; by default the one it was mapped with.
    pub direction: Option<Node<Direction>>,
}

impl Sync {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.loc(&mut self.at)?;
        f.opt_length(&mut self.len)?;
        f.clauses(|f| f.opt_choice(&mut self.direction))
    }
}

/// `dma_set_mask nic 32`: streaming and coherent mask.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SetMask {
    /// The device.
    pub device: Name,
    /// How many address bits.
    pub bits: Num,
}

impl SetMask {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.name(Noun::Device, &mut self.device)?;
        f.num(Noun::Bits, &mut self.bits)
    }
}

/// `dma_set_max_seg_size nic 64K`, `dma_set_seg_boundary nic 0xffff`, `dma_set_min_align_mask nic 0xfff`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SetSegment {
    /// The device.
    pub device: Name,
    /// Bytes, or a mask of low bits.
    pub value: Num,
}

impl SetSegment {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.name(Noun::Device, &mut self.device)?;
        f.num(Noun::Number, &mut self.value)
    }
}

/// `dma_declare_coherent_memory nic 0x1000_0000 +1M -> bus 0x1000_0000`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeclareCoherent {
    /// The device.
    pub device: Name,
    /// Where the CPU finds the memory.
    pub range: Range<crate::addr::PhysAddr>,
    /// The address of its first byte, as the device is told it.
    pub bus: Loc<crate::addr::BusAddr>,
}

impl DeclareCoherent {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.name(Noun::Device, &mut self.device)?;
        f.range(&mut self.range)?;
        f.word("->")?;
        f.word("bus")?;
        f.loc(&mut self.bus)
    }
}

/// `dma-api-debug`: a kernel with CONFIG_DMA_API_DEBUG and CONFIG_DMA_API_DEBUG_SG that prints every error.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DmaDebug {}

impl DmaDebug {
    pub(super) fn form(&mut self, _: &mut Form<'_>) -> Done {
        Ok(())
    }
}

/// `resize gpu.bar2 16G`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resize {
    /// The BAR.
    pub bar: Loc<crate::addr::BusAddr>,
    /// How many bytes it claims from now on.
    pub size: Num,
}

impl Resize {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.loc(&mut self.bar)?;
        f.num(Noun::Size, &mut self.size)
    }
}

/// `kexec adopt`: a second kernel takes over the machine, and no device was stopped.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Kexec {
    /// The tables of the IOMMU stay, device by device, until a driver maps.
    pub adopt: bool,
}

impl Kexec {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.clauses(|f| f.flag("adopt", &mut self.adopt))
    }
}

/// `regs = ioremap nic.bar0`: the kernel maps a BAR into its virtual addresses.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ioremap {
    /// The name given to the virtual address.
    pub name: Name,
    /// The BAR, or a place in it.
    pub at: Loc<OfSubject>,
    /// How many bytes; by default the rest of the BAR.
    pub len: Option<Num>,
}

impl Ioremap {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.result(&mut self.name)?;
        f.loc(&mut self.at)?;
        f.opt_length(&mut self.len)
    }
}

/// `flush`: what a timer does for `iommu lazy`, now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Flush {}

impl Flush {
    pub(super) fn form(&mut self, _: &mut Form<'_>) -> Done {
        Ok(())
    }
}
