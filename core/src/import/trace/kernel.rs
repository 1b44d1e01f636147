//! The lines by which a kernel tells of a refused access, where they stand among those of a trace: `dmesg` has the trace's clock. What
//! they say `explain::logs` reads; here it becomes an event of a device of the trace.

use super::super::found::Bdf;
use super::line::{Event, Place};
use super::live::Live;
use crate::explain::logs::{Access, Arch, Refused};
use alloc::format;
use alloc::string::String;

/// How a line says whose access was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Whose {
    /// By the name that the trace has for the device.
    Named,
    /// By the unit's number for it, which is that of a function that the trace has.
    Number,
    /// By a number that is no such function's.
    Nobody,
    /// Not at all.
    Unsaid,
}

/// Returns the event, and how its device was found.
pub fn event(refused: &Refused, place: Place, live: &Live) -> (Event, Whose) {
    let (mut device, whose) = device(refused, |name| live.knows(name));
    let mut place = place;
    // VT-d's lines, and AMD-Vi's of old kernels, have no segment.
    let short = refused.device.as_deref().is_none_or(|name| name.matches(':').count() == 1);
    let at = Bdf::parse(&device).filter(|_| short && whose == Whose::Named);
    if let Some(at) = at.filter(|at| live.segments(*at).len() > 1) {
        (device, place) = (format!("{at}"), Place::Segment);
    }
    if !refused.pages {
        place = Place::Entry;
    }
    let write = refused.access.map(|access| access == Access::Write);
    // Entry 0 of a device's PASID table is where Linux puts its own domain (IOMMU_NO_PASID): that of its requests without a PASID.
    let pasid = refused.pasid.filter(|pasid| refused.arch != Arch::VtD || *pasid != 0);
    (Event::Fault { device, address: refused.address, write, pasid, place }, whose)
}

fn device(refused: &Refused, knows: impl Fn(&str) -> bool) -> (String, Whose) {
    if let Some(name) = &refused.device {
        return (Bdf::parse(name).map_or_else(|| name.clone(), Bdf::whole), Whose::Named);
    }
    if let Some(id) = refused.function {
        return (format!("0000:{id}"), Whose::Named);
    }
    // A function's number is a StreamID only where firmware says so, as it mostly does: what the trace has decides.
    let Some(number) = refused.number else { return (String::new(), Whose::Unsaid) };
    let function = u16::try_from(number).ok().map(|id| Bdf::of_id(0, id).whole());
    if let Some(function) = function.filter(|name| knows(name)) {
        return (function, Whose::Number);
    }
    let kind = match refused.arch {
        Arch::RiscV => "device_id",
        Arch::SmmuV3 | Arch::SmmuV2 => "StreamID",
        Arch::Virtio => "endpoint",
        _ => "device",
    };
    (format!("{kind} {number:#x}"), Whose::Nobody)
}
