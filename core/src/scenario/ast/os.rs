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
