//! What a device does.

use super::*;
use crate::addr::{BusAddr, GuestPhysAddr, Pasid};
use crate::scenario::noun::Noun;
use crate::scenario::span::Node;

choices! {
    /// Seen from the device.
    Access {
        /// The device reads memory.
        "read" => Read,
        /// The device writes memory.
        "write" => Write,
    }
    /// How the operating system answers a page request.
    Response {
        /// The page is brought in.
        "success" => Success,
        /// There is no such page, or it does not allow the access.
        "invalid" => Invalid,
        /// Something else went wrong; the device must not ask again.
        "failure" => Failure,
    }
}

/// `dma nic write rx +1500 data "hello" pasid 7`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dma {
    /// The device.
    pub device: Name,
    /// Read or write.
    pub access: Node<Access>,
    /// The address is the device's own, before its map (`local`); otherwise what it puts on the bus.
    pub local: bool,
    /// Where: a bus address (IOVA, or VA with a PASID), a handle, a BAR; device-local with `local`.
    pub at: Loc<OfSubject>,
    /// How many bytes; by default the rest of the handle, or as many as the data has.
    pub len: Option<Num>,
    /// For which process.
    pub pasid: Option<Node<Pasid>>,
    /// What is written (by default a pattern).
    pub data: Option<Bytes>,
    /// Privileged mode requested (with a PASID).
    pub privileged: bool,
    /// Execute requested (with a PASID).
    pub execute: bool,
    /// Marked as translated (ATS): the address is physical, says the device.
    pub translated: bool,
    /// The requester id in the packet, when it is not the device's own.
    pub requester: Option<Node<crate::addr::RequesterId>>,
    /// Done this many times.
    pub times: Option<Num>,
    /// Each time this much further.
    pub stride: Option<Num>,
}

impl Dma {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.name(Noun::Device, &mut self.device)?;
        f.choice(&mut self.access)?;
        f.flag("local", &mut self.local)?;
        f.loc(&mut self.at)?;
        f.opt_length(&mut self.len)?;
        f.clauses(|f| {
            f.clause("pasid", &mut self.pasid, Form::pasid)?;
            f.clause("data", &mut self.data, |f, data| data.form(f))?;
            f.flag("privileged", &mut self.privileged)?;
            f.flag("execute", &mut self.execute)?;
            f.flag("translated", &mut self.translated)?;
            f.clause("requester", &mut self.requester, Form::bdf)?;
            f.opt_num("times", Noun::Count, &mut self.times)?;
            f.opt_num("stride", Noun::Size, &mut self.stride)
        })
    }
}

/// `program nic write rx +64K`: the registers of one contiguous transfer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Program {
    /// The device.
    pub device: Name,
    /// Read or write.
    pub access: Node<Access>,
    /// The address is the device's own, before its map.
    pub local: bool,
    /// The address the engine uses.
    pub at: Loc<OfSubject>,
    /// How many bytes; by default the rest of the handle.
    pub len: Option<Num>,
    /// Where in the device's own memory (0 by default).
    pub device_at: Option<Num>,
    /// For which process.
    pub pasid: Option<Node<Pasid>>,
    /// Sends this MSI vector when done.
    pub interrupt: Option<Num>,
}

impl Program {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.name(Noun::Device, &mut self.device)?;
        f.choice(&mut self.access)?;
        f.flag("local", &mut self.local)?;
        f.loc(&mut self.at)?;
        f.opt_length(&mut self.len)?;
        f.clauses(|f| {
            f.opt_num("device-at", Noun::Number, &mut self.device_at)?;
            f.clause("pasid", &mut self.pasid, Form::pasid)?;
            f.opt_num("interrupt", Noun::Vector, &mut self.interrupt)
        })
    }
}

/// `program-list nic ring`: where the first descriptor is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProgramList {
    /// The device.
    pub device: Name,
    /// The address of the first descriptor, as the engine uses it.
    pub at: Loc<BusAddr>,
    /// For which process.
    pub pasid: Option<Node<Pasid>>,
    /// Sends this MSI vector when done.
    pub interrupt: Option<Num>,
}

impl ProgramList {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.name(Noun::Device, &mut self.device)?;
        f.loc(&mut self.at)?;
        f.clauses(|f| {
            f.clause("pasid", &mut self.pasid, Form::pasid)?;
            f.opt_num("interrupt", Noun::Vector, &mut self.interrupt)
        })
    }
}

/// `descriptor ring read tx +1500 next ring+0x20 interrupt`: the CPU writes one descriptor.
///
/// A list walk ends at a descriptor without `next`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Descriptor {
    /// Where the descriptor is: a place in a buffer, as the CPU sees it.
    pub at: Loc<OfSubject>,
    /// What the device does to memory.
    pub access: Node<Access>,
    /// The address is the device's own, before its map.
    pub local: bool,
    /// The block's address, as the engine uses it.
    pub block: Loc<OfSubject>,
    /// The block's length; by default the rest of the handle.
    pub len: Option<Num>,
    /// Where in the device's own memory; by default after the block before it.
    pub device_at: Option<Num>,
    /// The address of the next descriptor, as the engine uses it.
    pub next: Option<Loc<BusAddr>>,
    /// Interrupts when this block is done.
    pub interrupt: bool,
}

impl Descriptor {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.loc(&mut self.at)?;
        f.choice(&mut self.access)?;
        f.flag("local", &mut self.local)?;
        f.loc(&mut self.block)?;
        f.opt_length(&mut self.len)?;
        f.clauses(|f| {
            f.opt_num("device-at", Noun::Number, &mut self.device_at)?;
            f.clause("next", &mut self.next, Form::loc)?;
            f.flag("interrupt", &mut self.interrupt)
        })
    }
}

/// `doorbell nic`: the store to the engine's doorbell register that starts it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Doorbell {
    /// The device.
    pub device: Name,
    /// Rung by a process or virtual machine (through its mapping), not by the host's kernel.
    pub space: Option<Name>,
}

impl Doorbell {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.name(Noun::Device, &mut self.device)?;
        f.clauses(|f| f.opt_name("in", Noun::CpuSpace, &mut self.space))
    }
}

/// `msi nic vector 0x41`, `msi nic entry 5`, `msi nic address 0xfee0_0000 data 0x41`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Msi {
    /// The device.
    pub device: Name,
    /// In compatibility format: this vector.
    pub vector: Option<Num>,
    /// In compatibility format: at this CPU (0 by default).
    pub cpu: Option<Num>,
    /// In remappable format: this entry.
    pub entry: Option<Num>,
    /// Raw: this address.
    pub address: Option<Loc<BusAddr>>,
    /// Raw: this data.
    pub data: Option<Num>,
    /// The requester id in the packet, when it is not the device's own.
    pub requester: Option<Node<crate::addr::RequesterId>>,
}

impl Msi {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.name(Noun::Device, &mut self.device)?;
        f.clauses(|f| {
            f.opt_num("vector", Noun::Vector, &mut self.vector)?;
            f.opt_num("cpu", Noun::Number, &mut self.cpu)?;
            f.opt_num("entry", Noun::Number, &mut self.entry)?;
            f.clause("address", &mut self.address, Form::loc)?;
            f.opt_num("data", Noun::Number, &mut self.data)?;
            f.clause("requester", &mut self.requester, Form::bdf)
        })
    }
}

/// `ats nic 0x7f00_0000_0000 +8K pasid 7`: a translation request; the answers go to the device's TLB.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ats {
    /// The device.
    pub device: Name,
    /// The address.
    pub at: Loc<OfSubject>,
    /// How far (one page by default).
    pub len: Option<Num>,
    /// For which process.
    pub pasid: Option<Node<Pasid>>,
    /// The device promises not to write.
    pub no_write: bool,
}

impl Ats {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.name(Noun::Device, &mut self.device)?;
        f.loc(&mut self.at)?;
        f.opt_length(&mut self.len)?;
        f.clauses(|f| {
            f.clause("pasid", &mut self.pasid, Form::pasid)?;
            f.flag("no-write", &mut self.no_write)
        })
    }
}

/// `page-request nic write 0x7f00_0000_1000 pasid 7`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PageRequest {
    /// The device.
    pub device: Name,
    /// What for.
    pub access: Node<Access>,
    /// The address.
    pub at: Loc<OfSubject>,
    /// For which process.
    pub pasid: Option<Node<Pasid>>,
    /// The answer; by default what the operating system finds.
    pub response: Option<Node<Response>>,
}

impl PageRequest {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.name(Noun::Device, &mut self.device)?;
        f.choice(&mut self.access)?;
        f.loc(&mut self.at)?;
        f.clauses(|f| {
            f.clause("pasid", &mut self.pasid, Form::pasid)?;
            f.clause("response", &mut self.response, Form::choice)
        })
    }
}

/// `relay blue nic write 0x10_0000 +4K`: a guest asks, the host does the DMA and copies.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Relay {
    /// The guest.
    pub vm: Name,
    /// The host's device.
    pub device: Name,
    /// What the device does to memory.
    pub access: Node<Access>,
    /// The guest's buffer.
    pub at: Loc<GuestPhysAddr>,
    /// How many bytes; by default the rest of the buffer.
    pub len: Option<Num>,
    /// What the device writes (by default a pattern).
    pub data: Option<Bytes>,
}

impl Relay {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.name(Noun::Vm, &mut self.vm)?;
        f.name(Noun::Device, &mut self.device)?;
        f.choice(&mut self.access)?;
        f.loc(&mut self.at)?;
        f.opt_length(&mut self.len)?;
        f.clauses(|f| f.clause("data", &mut self.data, |f, data| data.form(f)))
    }
}
