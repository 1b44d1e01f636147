//! One line of QEMU's own trace (`-trace`, the log backend): what its emulated IOMMUs translated, refused and forgot, and what a guest
//! mapped through virtio-iommu. The names and forms are those that QEMU 10.0's binaries print; older ones differ where it is said.

use super::super::scan::{after, hex, number, word};
use super::line::{Direction, Event, Part, Place};
use crate::addr::RequesterId;
use alloc::format;
use alloc::string::String;

const PAGE: u64 = 4096;

/// Returns the time in nanoseconds, 0 where the line has none, and the event; none where the line is no event that is known.
///
/// With `-msg timestamp=on` a line begins `PID@SECONDS.MICROSECONDS:`, without it with the event's name.
pub fn parse(line: &str) -> Option<(u64, Event)> {
    let (first, text) = line.trim_start().split_once(char::is_whitespace)?;
    let (time, name) = match first.split_once('@') {
        Some((_, rest)) => {
            let (time, name) = rest.split_once(':')?;
            (super::line::time(time)?, name)
        }
        None => (0, first),
    };
    Some((time, event(name, text.trim())?))
}

/// `0000:00:03.0` of a requester id.
fn device(id: u64) -> Option<String> {
    Some(format!("0000:{}", RequesterId::new(u32::try_from(id).ok().filter(|id| *id <= 0xffff)?)))
}

/// The device that `bb:dd.f` names; QEMU pads functions and buses by event.
fn function(text: &str) -> Option<String> {
    let (bus, rest) = text.split_once(':')?;
    let (slot, function) = rest.split_once('.')?;
    let (bus, slot, function) = (hex(bus)?, hex(slot)?, hex(function)?);
    (bus < 256 && slot < 32 && function < 8).then(|| format!("0000:{bus:02x}:{slot:02x}.{function}"))
}

fn event(name: &str, text: &str) -> Option<Event> {
    let value = |mark: &str| after(text, mark).map(word).and_then(hex);
    // `%d` or `0x%x`: versions differ.
    let either = |mark: &str| after(text, mark).map(word).and_then(number);
    let domain = || Some(format!("domain {}", either("domain=")?));
    let range = || {
        let (first, last) = (value("virt_start=")?, value("virt_end=")?);
        Some((first, last.checked_sub(first)?.saturating_add(1)))
    };
    Some(match name {
        "virtio_iommu_map" => {
            let (address, size) = range()?;
            let direction = match either("flags=")? & 3 {
                1 => Direction::ToDevice,
                2 => Direction::FromDevice,
                _ => Direction::Both,
            };
            let part = Part { address, physical: value("phys_start="), size };
            Event::Map { device: domain()?, parts: [part].into(), direction, coherent: false, list: false }
        }
        "virtio_iommu_unmap_done" => {
            let (address, size) = range()?;
            Event::UnmapRange { device: domain()?, address, size }
        }
        "virtio_iommu_attach" => {
            Event::Attach { device: device(either("endpoint=")?)?, domain: Some(domain()?), leaves: false }
        }
        "virtio_iommu_detach" | "virtio_iommu_detach_endpoint_from_domain" => {
            Event::Attach { device: device(either("endpoint=")?)?, domain: None, leaves: true }
        }
        // The domain goes with what it maps.
        "virtio_iommu_put_domain" => Event::UnmapRange { device: domain()?, address: 0, size: u64::MAX },
        "virtio_iommu_translate_out" => {
            let (from, rest) = text.split_once(" -> ")?;
            access(device(either("sid=")?)?, hex(from.trim())?, hex(word(rest))?, PAGE - 1, None)
        }
        "virtio_iommu_report_fault" => {
            // VIRTIO_IOMMU_FAULT_F_READ is 1, _WRITE 2.
            let flags = either("flags=")?;
            let write = (flags & 3 != 0).then_some(flags & 2 != 0);
            Event::Fault {
                device: device(either("endpoint=")?)?,
                address: value("address =")?,
                write,
                pasid: None,
                place: Place::Line,
            }
        }
        "vtd_dmar_translate" => access(
            function(word(after(text, "dev ")?))?,
            value("iova ")?,
            value("gpa ")?,
            value("mask ")?,
            None,
        ),
        "vtd_iotlb_page_hit" => {
            let frame = value("slpte ").or_else(|| value("pte "))? & 0x000f_ffff_ffff_f000;
            access(device(value("sid ")?)?, value("iova ")?, frame, PAGE - 1, None)
        }
        "vtd_dmar_fault" => Event::Fault {
            device: device(value("sid ")?)?,
            address: value("addr ")?,
            write: either("write ").map(|write| write != 0),
            pasid: None,
            place: Place::Line,
        },
        "vtd_inv_desc_iotlb_pages" => {
            let bits = either("mask ")?.min(51);
            Event::Flush { range: Some((value("addr ")?, PAGE << bits)) }
        }
        "amdvi_translation_result" => {
            let (device, from, to) =
                (function(word(after(text, "devid: ")?))?, value("gpa ")?, value("hpa ")?);
            // A refused access leaves the result at 0.
            match to {
                0 => Event::Fault { device, address: from, write: None, pasid: None, place: Place::Line },
                _ => access(device, from, to, PAGE - 1, None),
            }
        }
        "riscv_iommu_dma" => {
            // `ID: translate 0000:00.0 #PASID DIR 0xIOVA -> 0xPHYSICAL`
            let (from, to) = after(text, ": translate ")?.split_once(" -> ")?;
            let mut words = from.split_whitespace();
            let device = function(words.next()?)?;
            let (direction, from) = (words.nth(1)?, words.next()?);
            let write = match direction {
                "R" => Some(false),
                "W" | "RW" => Some(true),
                _ => None,
            };
            access(device, hex(from)?, hex(word(to))?, PAGE - 1, write)
        }
        "riscv_iommu_flt" => Event::Fault {
            device: function(word(after(text, ": fault ")?))?,
            address: value("iova: ")?,
            write: None,
            pasid: None,
            place: Place::Line,
        },
        // IOTINVAL (RISC-V IOMMU 4.1): opcode 1 in bits 6:0.
        "riscv_iommu_cmd" => match value(": command ")? & 0x7f {
            1 => Event::Flush { range: None },
            _ => return None,
        },
        "smmuv3_translate_success" => access(
            device(either("sid=")?)?,
            value("iova=")?,
            value("translated=")?,
            PAGE - 1,
            // IOMMU_RO is 1, IOMMU_WO 2: what the page allows, not what was asked.
            None,
        ),
        "smmuv3_translate_abort" => Event::Fault {
            device: device(either("sid=")?)?,
            address: value("iova:")?,
            write: either("is_write=").map(|write| write != 0),
            pasid: None,
            place: Place::Line,
        },
        "smmuv3_range_inval" => {
            let granule = 1u64
                << match either("tg=")? {
                    2 => 14,
                    3 => 16,
                    _ => 12,
                };
            let pages = value("num_pages=")?.max(1);
            Event::Flush { range: Some((value("addr=")?, granule.saturating_mul(pages))) }
        }
        "vtd_inv_desc_iotlb_global"
        | "vtd_inv_desc_iotlb_domain"
        | "vtd_iotlb_reset"
        | "smmu_iotlb_inv_all"
        | "smmu_iotlb_inv_asid_vmid"
        | "smmu_iotlb_inv_vmid"
        | "smmu_iotlb_inv_vmid_s1"
        | "smmu_iotlb_inv_asid"
        | "amdvi_pages_inval"
        | "amdvi_iotlb_inval"
        | "amdvi_all_inval" => Event::Flush { range: None },
        _ => return None,
    })
}

/// A translation, of the whole page or what `mask` covers.
fn access(device: String, from: u64, to: u64, mask: u64, write: Option<bool>) -> Event {
    // A mask of all ones is of an IOMMU that is off, or of no page at all.
    let mask = if mask > (1 << 40) - 1 { PAGE - 1 } else { mask | (PAGE - 1) };
    let part = Part { address: from & !mask, physical: Some(to & !mask), size: mask + 1 };
    Event::Access { device, address: from, part, write }
}
