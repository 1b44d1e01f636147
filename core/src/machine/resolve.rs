//! What an address in a scenario stands for: a number, or a name with an offset, in the requested space.

use super::run::{OsError, Stop};
use super::software::{Named, Owner};
use super::{problem, Machine};
use crate::addr::{Address, AnyAddr, BusAddr, GuestPhysAddr, PhysAddr, Space};
use crate::scenario::ast::{Extent, Loc, Name, Range};
use crate::scenario::{Problem, Span};
use crate::spec::{Phrase, Text};
use alloc::format;

/// A named thing that an address begins at, with its whole length: what `+LEN` defaults to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Found {
    /// The address, offset included.
    pub at: AnyAddr,
    /// How many bytes follow it in the named thing, when it has an end.
    pub rest: Option<u64>,
    /// What was named.
    pub named: Option<Named>,
    /// The offset into it.
    pub offset: u64,
}

impl Machine {
    /// What a name stands for.
    pub(super) fn named(&self, name: &str, span: Span) -> Result<Named, Problem> {
        self.sw.names.get(name).copied().ok_or_else(|| {
            Problem::new(span, format!("there is no `{name}` at this point"), format!("此处还没有 `{name}`"))
                .suggest(name, self.sw.names.keys().map(|k| k.as_str()))
        })
    }

    /// The device of this name.
    pub(super) fn device_named(&self, name: &Name) -> Result<usize, Problem> {
        match self.named(&name.value, name.span)? {
            Named::Device(device) => Ok(device),
            _ => Err(wrong(name.span, &name.value, "a device", "设备")),
        }
    }

    /// The device of this name, for a driver or VFIO: software has found it, since it answers configuration requests.
    pub(super) fn driven(&self, name: &Name) -> Result<usize, Stop> {
        let device = self.device_named(name)?;
        let node = self.hw.devices[device].node;
        if self.hw.topology.is_configured(node) {
            return Ok(device);
        }
        let (name, id) = (&self.hw.devices[device].name, self.hw.topology.node(node).id);
        let message = match self.hw.topology.is_there(node) {
            true => Phrase::new(
                format!(
                    "{name} has no driver, since configuration requests for {id} do not reach it (the port above forwards \
                     them for device 00 only)"
                ),
                format!("{name} 没有驱动，因为发往 {id} 的配置请求到不了它（上级端口只为设备 00 转发）"),
            ),
            false => Phrase::new(
                format!(
                    "{name} has no driver, since its physical function does not make it (VF Enable is 0, or NumVFs does not \
                     count it)"
                ),
                format!("{name} 没有驱动，因为物理功能没有生成它（VF Enable 为 0，或 NumVFs 未把它算在内）"),
            ),
        };
        Err(Stop::Os(OsError::new("no-device", message)))
    }

    /// The process or virtual machine of this name, as an address space; none is the kernel.
    pub(super) fn owner(&self, name: &Option<Name>) -> Result<Owner, Problem> {
        let Some(name) = name else { return Ok(Owner::Kernel) };
        match self.named(&name.value, name.span)? {
            Named::Process(process) => Ok(Owner::Process(process)),
            Named::Vm(vm) => Ok(Owner::Vm(vm)),
            _ => Err(wrong(name.span, &name.value, "a process or a virtual machine", "进程或虚拟机")),
        }
    }

    /// Finds an address. `space` is where a plain number is, and the space wanted of a name without a part.
    pub(super) fn find<A>(&self, loc: &Loc<A>, space: Space) -> Result<Found, Problem> {
        let Some(base) = &loc.base else {
            let at = AnyAddr { space, raw: loc.offset.value };
            return Ok(Found { at, rest: None, named: None, offset: 0 });
        };
        let named = self.named(&base.name, base.span)?;
        let offset = loc.offset.value;
        let part = base.part.as_deref();
        let (at, size) = self
            .locate(named, part, offset, space)
            .ok_or_else(|| self.no_such_part(base.span, &base.name, part, offset))?;
        let rest = size.map(|size| size.saturating_sub(offset));
        Ok(Found { at, rest, named: Some(named), offset })
    }

    fn no_such_part(&self, span: Span, name: &str, part: Option<&str>, offset: u64) -> Problem {
        let part = part.map_or(alloc::string::String::new(), |p| format!(".{p}"));
        Problem::new(
            span,
            format!("`{name}{part}` has no address at offset {offset:#x}"),
            format!("`{name}{part}` 在偏移 {offset:#x} 处没有地址"),
        )
    }

    /// The address of byte `offset` of a named thing, and the thing's length.
    fn locate(
        &self,
        named: Named,
        part: Option<&str>,
        offset: u64,
        want: Space,
    ) -> Option<(AnyAddr, Option<u64>)> {
        let of = |at: AnyAddr, size: u64| Some((at, Some(size)));
        match named {
            Named::Device(device) => {
                let index = part?.strip_prefix("bar")?.parse().ok()?;
                let (at, size) = self.bar(device, index)?;
                let bar = self.hw.topology.bar(self.hw.devices[device].node, index)?;
                if bar.kind == crate::platform::config::BarKind::Io {
                    return of(AnyAddr { space: Space::Port, raw: at.raw().wrapping_add(offset) }, size);
                }
                of(at.wrapping_add(offset).any(), size)
            }
            Named::Buffer(index) => {
                let buffer = self.sw.buffers.get(index)?;
                let pa = buffer.pa(offset);
                let at = match (part, want) {
                    (Some("pa"), _) => pa?.any(),
                    (Some("gpa"), _) => self.guest_address(buffer.owner, pa?)?.any(),
                    (Some("va"), _) => buffer.va?.wrapping_add(offset).any(),
                    (Some("iova"), _) => self.iova_of_buffer(index, offset)?.any(),
                    (Some(_), _) => return None,
                    (None, Space::Physical) => pa?.any(),
                    (None, Space::GuestPhysical) => self.guest_address(buffer.owner, pa?)?.any(),
                    (None, _) => match buffer.va {
                        Some(va) => va.wrapping_add(offset).any(),
                        None => self.guest_address(buffer.owner, pa?)?.any(),
                    },
                };
                of(at, buffer.size)
            }
            Named::Handle(index) => {
                let handle = self.sw.handles.get(index)?;
                let piece = |pieces: &[(PhysAddr, u64)], mut left: u64| {
                    for (start, len) in pieces {
                        if left < *len {
                            return Some(start.raw() + left);
                        }
                        left -= len;
                    }
                    None
                };
                // Coherent memory is a buffer to a CPU and a DMA address to a device.
                let part = match (part, want) {
                    (None, Space::Virtual) if handle.coherent => Some("va"),
                    (part, _) => part,
                };
                let at = match part {
                    None | Some("iova") => handle.dma(offset)?.any(),
                    Some("pa") => PhysAddr::new(piece(&handle.pieces, offset)?).any(),
                    Some("va") => match handle.buffer {
                        Some((buffer, start)) => {
                            self.sw.buffers.get(buffer)?.va?.wrapping_add(start.wrapping_add(offset)).any()
                        }
                        None => self.sw.kernel_va(PhysAddr::new(piece(&handle.pieces, offset)?)).any(),
                    },
                    Some(number) => {
                        let (start, len) = *handle.segments.get(number.parse::<usize>().ok()?)?;
                        return of(start.wrapping_add(offset).any(), len);
                    }
                };
                of(at, handle.len())
            }
            Named::Remap(index) => {
                let remap = self.sw.remaps.get(index)?;
                let at = match part {
                    None | Some("va") => remap.va.wrapping_add(offset).any(),
                    Some("pa") => remap.pa.wrapping_add(offset).any(),
                    Some(_) => return None,
                };
                of(at, remap.len)
            }
            Named::Process(_) | Named::Vm(_) | Named::Domain(_) => None,
        }
    }

    /// The guest-physical address of a physical one, in the guest that an owner is or runs in.
    pub(super) fn guest_address(&self, owner: Owner, at: PhysAddr) -> Option<GuestPhysAddr> {
        let vm = match owner {
            Owner::Vm(vm) => vm,
            Owner::Process(process) => self.sw.processes.get(process)?.vm?,
            Owner::Kernel => return None,
        };
        self.sw.vms.get(vm)?.gpa(at)
    }

    fn iova_of_buffer(&self, buffer: usize, offset: u64) -> Option<BusAddr> {
        let live =
            self.sw.handles.iter().rev().find(|h| h.live && h.buffer.is_some_and(|b| b.0 == buffer))?;
        let (_, start) = live.buffer?;
        live.dma(offset.checked_sub(start)?)
    }

    /// The physical address that a scenario names: of RAM, a BAR (through the bridge), a buffer.
    pub(super) fn physical<A>(&self, loc: &Loc<A>) -> Result<(PhysAddr, Found), Problem> {
        let found = self.find(loc, Space::Physical)?;
        let pa = match found.at.space {
            // A DMA address stands for the memory behind it, not for what a CPU would find at that number.
            _ if matches!(found.named, Some(Named::Handle(_))) => {
                let named =
                    found.named.and_then(|n| self.locate(n, Some("pa"), found.offset, Space::Physical));
                named.map(|(at, _)| PhysAddr::new(at.raw))
            }
            Space::Physical => Some(PhysAddr::new(found.at.raw)),
            Space::Bus if matches!(found.named, None | Some(Named::Device(_))) => {
                let device = match found.named {
                    Some(Named::Device(device)) => Some(device),
                    _ => None,
                };
                self.hw.cpu_addr(device, BusAddr::new(found.at.raw))
            }
            _ => match found.named {
                Some(named) => self.locate(named, Some("pa"), found.offset, Space::Physical),
                None => None,
            }
            .map(|(at, _)| PhysAddr::new(at.raw)),
        };
        let pa = pa.ok_or_else(|| {
            Problem::new(
                loc.span,
                format!("{} has no physical address here", found.at),
                format!("{} 在这里没有物理地址", found.at),
            )
        })?;
        Ok((pa, found))
    }

    /// A range that a scenario names, in the space of its subject.
    pub(super) fn range<A>(&self, range: &Range<A>, space: Space) -> Result<(Found, u64), Problem> {
        let found = self.find(&range.start, space)?;
        let len = match &range.extent {
            Extent::Length(len) => Some(len.value),
            Extent::End(end) => end.value.checked_sub(found.at.raw),
        };
        match len.filter(|len| *len > 0 && found.at.raw.checked_add(len - 1).is_some()) {
            Some(len) => Ok((found, len)),
            None => Err(problem(
                range.span,
                Text::new(
                    "this range is empty or runs past the end of 64 bits",
                    "范围为空，或超出 64 位地址空间",
                ),
            )),
        }
    }

    /// The length of an access: as said, or the rest of what was named, or else `fallback`.
    pub(super) fn length(
        &self,
        said: Option<u64>,
        found: &Found,
        fallback: Option<u64>,
        span: Span,
    ) -> Result<u64, Problem> {
        said.or(fallback)
            .or(found.rest)
            .filter(|len| *len > 0)
            .ok_or_else(|| Problem::new(span, "how many bytes? Write `+LENGTH`", "多少字节？请写 `+长度`"))
    }
}

/// A name of the wrong kind.
pub(super) fn wrong(span: Span, name: &str, en: &str, zh: &str) -> Problem {
    Problem::new(span, format!("`{name}` is not {en}"), format!("`{name}` 不是{zh}"))
}
