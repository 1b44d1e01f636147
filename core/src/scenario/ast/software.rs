//! What software sets up: virtual machines, processes, domains, attachments.

use super::*;
use crate::addr::{GuestPhysAddr, Pasid, PhysAddr};
use crate::scenario::noun::Noun;
use crate::scenario::span::Node;

/// `vm blue ram 0 +64M at 0x1_0000_0000 page 2M`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Vm {
    /// Its name.
    pub name: Name,
    /// Its RAM, as it believes.
    pub ram: Option<Range<GuestPhysAddr>>,
    /// Where that RAM is; by default the host finds a place.
    pub at: Option<Loc<PhysAddr>>,
    /// The pages that stage 2 maps it with (4 KiB by default).
    pub page: Option<Node<Page>>,
}

impl Vm {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.name(Noun::NewName, &mut self.name)?;
        f.clauses(|f| {
            f.clause("ram", &mut self.ram, Form::range)?;
            f.clause("at", &mut self.at, Form::loc)?;
            f.clause("page", &mut self.page, Form::page)
        })
    }
}

/// `guest-ram blue 4G +16M`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GuestRam {
    /// Whose.
    pub vm: Name,
    /// Where, as the guest believes.
    pub range: Range<GuestPhysAddr>,
}

impl GuestRam {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.name(Noun::Vm, &mut self.vm)?;
        f.range(&mut self.range)
    }
}

/// `process db in blue pasid 7`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Process {
    /// Its name.
    pub name: Name,
    /// The virtual machine it runs in; none: on the host.
    pub vm: Option<Name>,
    /// Its PASID, when the scenario wants a particular one.
    pub pasid: Option<Node<Pasid>>,
}

impl Process {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.name(Noun::NewName, &mut self.name)?;
        f.clauses(|f| {
            f.opt_name("in", Noun::Vm, &mut self.vm)?;
            f.clause("pasid", &mut self.pasid, Form::pasid)
        })
    }
}

/// `reserved usb 0x7f00_0000 +64K`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reserved {
    /// For which device.
    pub device: Name,
    /// Where; bus and physical address are the same.
    pub range: Range<PhysAddr>,
}

impl Reserved {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.name(Noun::Device, &mut self.device)?;
        f.range(&mut self.range)
    }
}

/// `iommu-map nic -> 0x18`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct IommuMap {
    /// Which device.
    pub device: Name,
    /// The id: what the unit looks a device up by.
    pub id: Num,
}

impl IommuMap {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.name(Noun::Device, &mut self.device)?;
        f.word("->")?;
        f.num(Noun::Number, &mut self.id)
    }
}

/// `domain d0`, `domain inner in blue` (stage 1 inside a guest).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Domain {
    /// Its name.
    pub name: Name,
    /// The virtual machine whose kernel owns it: its tables hold guest-physical addresses, and a device
    /// attached to it is translated by both stages.
    pub vm: Option<Name>,
    /// Which stage its tables are: 1 or 2 (by default what the architecture's Linux driver takes).
    pub stage: Option<Num>,
}

impl Domain {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.name(Noun::NewName, &mut self.name)?;
        f.clauses(|f| {
            f.opt_name("in", Noun::Vm, &mut self.vm)?;
            f.opt_num("stage", Noun::Stage, &mut self.stage)
        })
    }
}

/// `attach nic to blue`, `attach nic to pass-through`, `attach nic to blocked`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Attach {
    /// The device.
    pub device: Name,
    /// A domain, a virtual machine, or the words `pass-through` and `blocked`.
    pub to: Name,
}

impl Attach {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.name(Noun::Device, &mut self.device)?;
        f.word("to")?;
        f.name(Noun::Attachment, &mut self.to)
    }
}

/// `detach nic`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Detach {
    /// The device.
    pub device: Name,
}

impl Detach {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.name(Noun::Device, &mut self.device)
    }
}

/// `bind nic to db pasid 7`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bind {
    /// The device.
    pub device: Name,
    /// The process whose page table it uses.
    pub process: Name,
    /// Under which PASID; by default the process's.
    pub pasid: Option<Node<Pasid>>,
}

impl Bind {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.name(Noun::Device, &mut self.device)?;
        f.word("to")?;
        f.name(Noun::Process, &mut self.process)?;
        f.clauses(|f| f.clause("pasid", &mut self.pasid, Form::pasid))
    }
}

/// `unbind nic pasid 7`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Unbind {
    /// The device.
    pub device: Name,
    /// The PASID; by default the only one bound.
    pub pasid: Option<Node<Pasid>>,
}

impl Unbind {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.name(Noun::Device, &mut self.device)?;
        f.clauses(|f| f.clause("pasid", &mut self.pasid, Form::pasid))
    }
}
