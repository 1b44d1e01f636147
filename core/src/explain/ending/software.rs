//! What came of what software does: memory, domains, mappings, caches, registers.

use super::access::device_space;
use super::evidence::Evidence;
use super::{bytes, count, thousands, upper, Ending, Kind, Teller};
use crate::addr::{PhysAddr, Space};
use crate::iommu::{Ability, PageResponse};
use crate::machine::ops::ats::REFUSED;
use crate::machine::ops::unit::NO_TABLE;
use crate::machine::software::{Buffer, DomainRef, Handle, Owner};
use crate::machine::Done;
use crate::scenario::ast::{self, EntryState, Extent, Operation as O};
use crate::spec::Phrase;
use crate::trace::{Event, OwnerState};
use alloc::{format, string::String};

impl Teller<'_> {
    /// Are interrupts events of devices, told by an interrupt controller's own tables?
    fn events(&self) -> bool {
        self.cast.architecture.is_some_and(|a| a.has(Ability::DeviceEvents))
    }

    /// What came of an operation that moves no data by itself.
    pub(super) fn software(&self, operation: &O, done: &Done, e: &Evidence) -> Ending {
        match operation {
            O::Alloc(op) => self.alloc(&op.name.value, done),
            O::Free(op) => {
                let name = &op.buffer.value;
                Ending::done(
                    format!("{name}'s memory is given back: it may become anybody's."),
                    format!("{name} 的内存已归还，之后可能分给任何人。"),
                )
            }
            O::Fill(op) => self.fill(&op.at, e),
            O::Poke(_) => self.word(e),
            O::Domain(op) => {
                let name = &op.name.value;
                Ending::done(
                    format!("Domain {name} exists; it maps nothing yet."),
                    format!("域 {name} 已建立，还没有任何映射。"),
                )
            }
            O::Attach(op) => self.attach(&op.device.value, &op.to.value),
            O::Detach(op) => {
                let name = &op.device.value;
                Ending::done(
                    format!("{name} is in no domain now: its requests are refused."),
                    format!("{name} 不再属于任何域，它的请求会被拒绝。"),
                )
            }
            O::Bind(op) => {
                let (device, process) = (&op.device.value, &op.process.value);
                let pasid = match op.pasid {
                    Some(pasid) => format!(" {}", pasid.value),
                    None => String::new(),
                };
                Ending::new(
                    Kind::Mapped,
                    format!("{device} may use {process}'s pointers: a request with PASID{pasid} is looked up in {process}'s own page table."),
                    format!("{device} 可以直接使用 {process} 的指针：带 PASID{pasid} 的请求查的就是 {process} 自己的页表。"),
                )
            }
            O::Unbind(op) => {
                let name = &op.device.value;
                Ending::new(
                    Kind::Unmapped,
                    format!("{name} may no longer use that process's pointers."),
                    format!("{name} 不能再使用那个进程的指针。"),
                )
            }
            O::Map(op) => self.map(op, e),
            O::Unmap(op) => self.unmap(op, e),
            O::Invalidate(op) if op.cache.value == ast::CacheKind::InterruptCache && self.events() => {
                Ending::done(
                    "The ITS has been told to forget what it cached of interrupts (the IOMMU caches nothing of them); here it caches nothing.".into(),
                    "已命令 ITS 清除它缓存的中断信息（IOMMU 本身不缓存中断）；这里的 ITS 没有缓存。".into(),
                )
            }
            O::Invalidate(op) if e.forgotten == 0 && e.refusing.is_some() => {
                let why = e.refusing.as_ref().map(|(_, why)| why.clone()).unwrap_or_default();
                let device_tlb = op.cache.value == ast::CacheKind::DeviceTlb && !self.record.at(0).takes().0;
                let (en, zh) = match device_tlb {
                    true => (
                        " It passes such a request on to a device where its `machine` line has `ats`.",
                        "`machine` 一行写了 `ats`，它才会把失效请求转给设备。",
                    ),
                    false => ("", ""),
                };
                Ending::new(
                    Kind::Refused,
                    format!("The IOMMU refuses the command, and nothing is forgotten: {}.{en}", why.en),
                    format!("IOMMU 拒绝执行这条命令，什么也没有清除：{}。{zh}", why.zh),
                )
            }
            O::Invalidate(op) => self.invalidated(op.cache.value, e),
            O::Flush(_) => {
                let n = e.forgotten;
                let entries =
                    if n == 1 { "1 entry is".into() } else { format!("{} entries are", thousands(n)) };
                Ending::new(
                    Kind::Unmapped,
                    format!("All that was put off is done: {entries} forgotten."),
                    match n {
                        0 => "先前推迟的失效一并执行完毕：没有要清除的条目。".into(),
                        _ => format!("先前推迟的失效一并执行完毕：清除了 {n} 个条目。"),
                    },
                )
            }
            O::PageEntry(_) | O::DeviceEntry(_) | O::ProcessEntry(_) => self.word(e),
            O::RegisterRead(op) => {
                let (name, value) = (register(&op.register), done.value.unwrap_or(0));
                Ending::new(
                    Kind::Answered,
                    format!("Register {name} is {value:#x}."),
                    format!("寄存器 {name} 的值是 {value:#x}。"),
                )
            }
            O::RegisterWrite(op) => {
                let written = op.value;
                match e.set {
                    // It reads as 0 whatever is in it, or 0 was: what was there says nothing.
                    Some((name, 0, new)) if written.value == new => Ending::done(
                        format!("{written} is written to register {name}."),
                        format!("向寄存器 {name} 写入 {written}。"),
                    ),
                    Some((name, old, new)) => Ending::done(
                        format!(
                            "{written} is written to register {name}: it was {old:#x} and is {new:#x} now."
                        ),
                        format!("寄存器 {name} 写入了 {written}，值由 {old:#x} 变为 {new:#x}。"),
                    ),
                    None => Ending::done("No register changed.".into(), "没有寄存器改变。".into()),
                }
            }
            O::AllocCoherent(op) => self.coherent(&op.name.value, &op.device.value, done),
            O::FreeCoherent(op) => {
                let name = &op.handle.value;
                Ending::new(
                    Kind::Unmapped,
                    format!("{name} is given back: no device address leads there any more."),
                    format!("{name} 已归还：不再有设备地址指向那里。"),
                )
            }
            O::MapSingle(op) | O::MapPage(op) => self.map_single(&op.name.value, &op.device.value, done, e),
            O::MapResource(op) => self.map_single(&op.name.value, &op.device.value, done, e),
            O::MapSg(op) => self.map_list(&op.name.value, &op.device.value, done),
            O::UnmapSingle(op) | O::UnmapPage(op) | O::UnmapSg(op) | O::UnmapResource(op) => {
                self.unmap_handle(&op.handle.value, done, e)
            }
            O::SyncForCpu(_) | O::SyncSgForCpu(_) => self.sync(true, e),
            O::SyncForDevice(_) | O::SyncSgForDevice(_) => self.sync(false, e),
            O::SetMaxSegment(op) => {
                let (name, most) = (&op.device.value, crate::addr::Bytes(op.value.value));
                Ending::done(
                    format!("A segment for {name} is at most {most}."),
                    format!("给 {name} 的每一段最长 {most}。"),
                )
            }
            O::SetBoundary(op) => {
                let (name, mask) = (&op.device.value, op.value.value);
                Ending::done(
                    format!("No segment for {name} crosses a multiple of {:#x}.", u128::from(mask) + 1),
                    format!("给 {name} 的任何一段都不跨过 {:#x} 的倍数。", u128::from(mask) + 1),
                )
            }
            O::SetMinAlign(op) => {
                let (name, mask) = (&op.device.value, op.value.value);
                Ending::done(
                    format!("A bounce buffer for {name} keeps the bits {mask:#x} of the address."),
                    format!("给 {name} 的回弹缓冲区会保留地址的 {mask:#x} 这些位。"),
                )
            }
            O::DeclareCoherent(op) => {
                let name = &op.device.value;
                Ending::done(
                    format!(
                        "{name}'s coherent memory comes from this range from now on, and from nowhere else."
                    ),
                    format!("从现在起 {name} 的一致性内存只从这一段分配。"),
                )
            }
            O::SetCoherentMask(op) => {
                let (name, bits) = (&op.device.value, op.bits.value);
                Ending::done(
                    format!("Coherent memory for {name} will have addresses of at most {bits} bits."),
                    format!("给 {name} 的一致性内存，地址不超过 {bits} 位。"),
                )
            }
            O::SetMask(op) | O::SetBothMasks(op) => {
                let (name, bits) = (&op.device.value, op.bits.value);
                let last = if bits >= 64 { u64::MAX } else { (1 << bits) - 1 };
                Ending::done(
                    format!("{name} will be given addresses of {bits} bits: up to {last:#x}."),
                    format!("交给 {name} 的地址不超过 {bits} 位：最大 {last:#x}。"),
                )
            }
            O::Resize(op) => {
                let size = crate::addr::Bytes(op.size.value);
                Ending::done(
                    format!("The BAR claims {size} from now on."),
                    format!("这个 BAR 从现在起占 {size}。"),
                )
            }
            O::Kexec(op) if op.adopt => Ending::done(
                "A new kernel runs, and devices still use the old kernel's tables.".into(),
                "新内核已运行，设备仍在用旧内核的页表。".into(),
            ),
            O::Kexec(_) => Ending::done(
                "A new kernel runs and knows of no mapping; devices were not told.".into(),
                "新内核已运行，不知道任何旧映射；设备对此一无所知。".into(),
            ),
            O::Ioremap(op) => self.ioremap(&op.name.value, done),
            O::CpuEvict(_) => {
                let n = bytes(e.synced);
                Ending::done(
                    format!("{} left the CPU's cache for memory.", upper(&n.en)),
                    format!("CPU 缓存里的 {} 已写回内存。", n.zh),
                )
            }
            O::Program(op) => {
                let name = &op.device.value;
                Ending::done(
                    format!("{name}'s registers hold the transfer; nothing moves before the doorbell."),
                    format!("这次传输的参数已写进 {name} 的寄存器；敲门铃之前，设备不会有任何动作。"),
                )
            }
            O::ProgramList(op) => {
                let name = &op.device.value;
                Ending::done(
                    format!("{name} knows where its list begins; nothing moves before the doorbell."),
                    format!("{name} 已知道链表从哪里开始；敲门铃之前不会有任何动作。"),
                )
            }
            O::Descriptor(_) => self.descriptor(e),
            O::InterruptEntry(op) => self.entry(op, done),
            O::Ats(op) => self.ats(&op.device.value, &op.at, e),
            O::PageRequest(op) => self.page_request(op, done, e),
            _ => Ending::default(),
        }
    }

    fn buffer(&self, name: &str, done: &Done) -> Option<&Buffer> {
        self.record.at(done.steps.end).made_buffers().rfind(|b| b.name == name)
    }
    fn handle(&self, name: &str, done: &Done) -> Option<&Handle> {
        self.record.at(done.steps.end).made_handles().rfind(|h| h.name == name)
    }

    fn alloc(&self, name: &str, done: &Done) -> Ending {
        let Some(buffer) = self.buffer(name, done) else { return Ending::default() };
        let (n, at) = (bytes(buffer.size), buffer.pieces.first().map_or(PhysAddr::new(0), |p| p.0));
        let more = match buffer.pieces.len() {
            0 | 1 => Phrase::default(),
            n => Phrase::new(format!(" and {} other places", n - 1), format!("等 {n} 处")),
        };
        let (of_en, of_zh) = match buffer.owner {
            Owner::Kernel => Default::default(),
            Owner::Process(p) => {
                let name = self.record.at(0).processes().get(p).map_or("", |p| p.name.as_str());
                (format!(", for {name}"), format!("，归 {name}"))
            }
            Owner::Vm(v) => {
                let name = self.record.at(0).vms().get(v).map_or("", |v| v.name.as_str());
                (format!(", inside guest {name}"), format!("，在客户机 {name} 里"))
            }
        };
        Ending::done(
            format!("{name} has {} of memory at {at}{}{of_en}.", n.en, more.en),
            format!("{name} 得到 {} 内存，位于 {at}{}{of_zh}。", n.zh, more.zh),
        )
    }

    fn fill(&self, at: &ast::Loc<PhysAddr>, e: &Evidence) -> Ending {
        let n = bytes(e.stored.iter().map(|p| p.bytes).sum());
        Ending::done(
            format!("{at} holds {} that later reads can be compared with.", n.en),
            format!("{at} 里预先填好了 {} 数据，供后面核对。", n.zh),
        )
    }

    fn word(&self, e: &Evidence) -> Ending {
        let Some((pa, old, new)) = e.word else {
            return match e.stored.first() {
                Some(piece) => Ending::done(
                    format!("The 8 bytes at {} are changed.", piece.at),
                    format!("{} 处的 8 字节已修改。", piece.at),
                ),
                None => Ending::done("Nothing changed.".into(), "没有内容被修改。".into()),
            };
        };
        Ending::done(
            format!("The 8 bytes at {pa}, as a number, were {old:#x} and are {new:#x} now."),
            format!("{pa} 处的值由 {old:#x} 改为 {new:#x}。"),
        )
    }

    fn attach(&self, device: &str, to: &str) -> Ending {
        match to {
            "pass-through" => Ending::done(
                format!("{device}'s addresses pass through the IOMMU as they are."),
                format!("{device} 的地址原样通过 IOMMU。"),
            ),
            "blocked" => Ending::done(format!("Every request of {device} is refused from now on."), format!("从现在起 {device} 的请求一律被拒绝。")),
            _ if self.record.at(0).vms().iter().any(|vm| vm.name == to) => Ending::new(
                Kind::Mapped,
                format!("{device} belongs to guest {to}: the IOMMU takes its addresses for {to}'s guest-physical ones."),
                format!("{device} 归客户机 {to} 使用：IOMMU 把它的地址当作 {to} 的客户机物理地址。"),
            ),
            _ => {
                let (of, _) = self.space(to);
                Ending::done(
                    format!("{device}'s requests are looked up in the tables of {} now.", of.en),
                    format!("从现在起，{device} 的请求按{} 的页表转换。", of.zh),
                )
            }
        }
    }

    /// A space that a scenario maps in, by its kind and its name, and what its addresses are.
    fn space(&self, name: &str) -> (Phrase, Space) {
        let now = self.record.at(usize::MAX);
        if now.processes().iter().any(|p| p.name == name) {
            return (Phrase::new(format!("process {name}"), format!("进程 {name}")), Space::Virtual);
        }
        if now.vms().iter().any(|vm| vm.name == name) {
            let guest = Phrase::new(format!("guest {name}"), format!("客户机 {name}"));
            return (guest, Space::GuestPhysical);
        }
        (Phrase::new(format!("domain {name}"), format!("域 {name}")), Space::Iova)
    }

    /// What the tables of such a space lead to: inside a guest, what it takes for physical.
    fn beneath(&self, name: &str) -> Space {
        let now = self.record.at(usize::MAX);
        let inside = now.processes().iter().any(|p| p.name == name && p.vm.is_some())
            || now.domains().any(|d| d.name == name && matches!(d.kind, DomainRef::Guest { .. }));
        if inside {
            Space::GuestPhysical
        } else {
            Space::Physical
        }
    }

    fn map(&self, op: &ast::Map, e: &Evidence) -> Ending {
        let ((space, of), start) = (self.space(&op.space.value), &op.range.start);
        let at = self.cast.space(of);
        let len = match &op.range.extent {
            Extent::Length(len) => Some(bytes(len.value)),
            Extent::End(end) => end.value.checked_sub(start.offset.value).map(bytes),
        };
        let (n_en, n_zh) =
            len.map_or(Default::default(), |n| (format!(" ({})", n.en), format!("（{}）", n.zh)));
        if op.not_present {
            return Ending::done(
                format!("{} {start}{n_en} is promised to {}: no page is there yet.", upper(at.en), space.en),
                format!("已把{} {start}{n_zh} 分配给{}，还没有内存页。", at.zh, space.zh),
            );
        }
        let to = match &op.to {
            None => Phrase::new("memory allocated for it", "为它分配的内存"),
            Some(to) => match format!("{to}").split_once(".pa") {
                Some((buffer, more)) => Phrase::new(
                    format!("{buffer}'s physical address{more}"),
                    format!("{buffer} 的物理地址 {more}").trim_end(),
                ),
                None => {
                    let there = self.cast.space(self.beneath(&op.space.value));
                    Phrase::new(format!("{} {to}", there.en), format!("{} {to}", there.zh))
                }
            },
        };
        let entries = if e.entries > 1 {
            Phrase::new(
                format!(", by {} entries", thousands(e.entries)),
                format!("，写了 {} 个表项", e.entries),
            )
        } else {
            Phrase::default()
        };
        // Tables of CPUs, and of IOMMUs that have theirs, have no right to write alone.
        let alone = self.cast.architecture.is_some_and(|a| a.has(Ability::WriteOnly)) && of == Space::Iova;
        let (more_en, more_zh) = match op.rights.is_some_and(|rights| rights.value == ast::Rights::Write) {
            true if !alone => (
                " It can be read, too: these tables allow no writes alone.",
                "同时也可读：这些页表不能只允许写。",
            ),
            _ => Default::default(),
        };
        Ending::new(
            Kind::Mapped,
            format!(
                "{} {start}{n_en} in {} leads to {} now{}.{more_en}",
                upper(at.en),
                space.en,
                to.en,
                entries.en
            ),
            format!("{} 的{} {start}{n_zh} 现在映射到{}{}。{more_zh}", space.zh, at.zh, to.zh, entries.zh),
        )
    }

    fn unmap(&self, op: &ast::Unmap, e: &Evidence) -> Ending {
        let ((space, of), start) = (self.space(&op.space.value), &op.range.start);
        let at = self.cast.space(of);
        if op.no_invalidate || e.commands == 0 && e.owner == Some(OwnerState::StaleCached) {
            return Ending::new(
                Kind::Unmapped,
                format!(
                    "{} {start} in {} leads nowhere by the tables, but a cached copy of the entry still counts.", upper(at.en), space.en
                ),
                format!("页表里已没有{} 的{} {start} 的映射，但缓存里的旧条目仍然有效。", space.zh, at.zh),
            );
        }
        Ending::new(
            Kind::Unmapped,
            format!("{} {start} in {} leads nowhere any more.", upper(at.en), space.en),
            format!("{} 的{} {start} 不再有映射。", space.zh, at.zh),
        )
    }

    fn map_single(&self, name: &str, device: &str, done: &Done, e: &Evidence) -> Ending {
        let Some(handle) = self.handle(name, done) else { return Ending::default() };
        let buffer = handle.buffer.and_then(|(at, _)| self.record.at(done.steps.end).buffer(at));
        let buffer = buffer.map_or(name, |b| b.name.as_str());
        let Some((at, _)) = handle.segments.first() else { return Ending::default() };
        let space = device_space(self.record.at(0).iommu_on());
        let to = handle.pieces.first().map_or(PhysAddr::new(0), |p| p.0);
        if e.owner == Some(OwnerState::Bounced) {
            let (copied_en, copied_zh) = match bytes(e.copied) {
                n if e.copied > 0 => {
                    (format!("its {} are copied there", n.en), format!("{} 已拷贝过去", n.zh))
                }
                _ => (String::from("it will be copied back from there"), String::from("用完再从那里拷回")),
            };
            return Ending::new(
                Kind::Mapped,
                format!("{buffer} is out of {device}'s reach: a bounce copy at {} {at} stands in for it, and {copied_en}.", space.en),
                format!("{device} 够不着 {buffer}，由{}{at} 处的回弹副本代替，{copied_zh}。", spaced(&space.zh)),
            );
        }
        if at.raw() == to.raw() {
            return Ending::new(
                Kind::Mapped,
                format!(
                    "{buffer} is {device}'s now, at {} {at}: the same number as its physical address.",
                    space.en
                ),
                format!("{buffer} 现在归 {device}，{}{at} 和物理地址是同一个数字。", spaced(&space.zh)),
            );
        }
        Ending::new(
            Kind::Mapped,
            format!("{buffer} is {device}'s now: {} {at} leads to physical address {to}.", space.en),
            format!("{buffer} 现在归 {device}，{}{at} 映射到物理地址 {to}。", spaced(&space.zh)),
        )
    }

    fn map_list(&self, name: &str, device: &str, done: &Done) -> Ending {
        let Some(handle) = self.handle(name, done) else { return Ending::default() };
        let (pieces, segments) = (handle.pieces.len(), handle.segments.len());
        let at = handle.segments.first().map_or_else(String::new, |s| format!("{}", s.0));
        Ending::new(
            Kind::Mapped,
            format!(
                "{} of memory, {} in {device}'s eyes: from {at} on.",
                upper(&count(pieces as u64, "piece")),
                if segments == 1 { "one range".into() } else { count(segments as u64, "range") }
            ),
            format!("内存里是 {pieces} 块，在 {device} 看来是从 {at} 开始的 {segments} 段。"),
        )
    }

    fn coherent(&self, name: &str, device: &str, done: &Done) -> Ending {
        let Some(handle) = self.handle(name, done) else { return Ending::default() };
        let at = handle.segments.first().map_or_else(String::new, |s| format!("{}", s.0));
        let to = handle.pieces.first().map_or(PhysAddr::new(0), |p| p.0);
        Ending::new(
            Kind::Mapped,
            format!("{name} is for the CPU and {device} at any time: physical address {to} to the one, {at} to the other."),
            format!("{name} 由 CPU 和 {device} 随时共用：对前者是物理地址 {to}，对后者是 {at}。"),
        )
    }

    fn unmap_handle(&self, name: &str, done: &Done, e: &Evidence) -> Ending {
        let Some(handle) = self.handle(name, done) else { return Ending::default() };
        let device = self.record.at(0).devices().get(handle.device).map_or("", |d| d.name.as_str());
        let buffer = handle.buffer.and_then(|(at, _)| self.record.at(done.steps.end).buffer(at));
        let buffer = buffer.map_or(name, |b| b.name.as_str());
        let (copy_en, copy_zh) = match bytes(e.copied) {
            n if e.copied > 0 => (format!(", with {} copied back", n.en), format!("，拷回 {}", n.zh)),
            _ => Default::default(),
        };
        let iotlb = self.cast.terms().iotlb;
        if e.owner == Some(OwnerState::StaleCached) {
            return Ending::new(
                Kind::Unmapped,
                format!("{name} is gone from the tables, but the {iotlb} is not told: {device} can still reach {buffer} by what is cached."),
                format!("{name} 已从页表中去掉，但没有通知 {iotlb}，{device} 凭缓存里的条目仍能访问 {buffer}。"),
            );
        }
        let (told_en, told_zh) = if e.commands > 0 {
            (format!(" and the {iotlb} has forgotten it"), format!("，{iotlb} 里的条目也已清除"))
        } else {
            Default::default()
        };
        Ending::new(
            Kind::Unmapped,
            format!("{buffer} is the CPU's again{copy_en}: {name} leads nowhere any more{told_en}."),
            format!("{buffer} 重新归 CPU{copy_zh}，{name} 这个地址不再有映射{told_zh}。"),
        )
    }

    fn sync(&self, for_cpu: bool, e: &Evidence) -> Ending {
        let (who_en, who_zh) = if for_cpu { ("the CPU", " CPU ") } else { ("the device", "设备") };
        let (en, zh) = if e.copied > 0 {
            let n = bytes(e.copied);
            (
                format!("{} are copied between the buffer and its bounce copy", n.en),
                format!("在缓冲区与回弹副本之间拷贝 {}", n.zh),
            )
        } else if e.line_drops > 0 {
            (
                format!("{} of the CPU's cache dropped", count(e.line_drops as u64, "line")),
                format!("CPU 缓存丢掉 {} 行", e.line_drops),
            )
        } else if e.synced > 0 {
            let n = bytes(e.synced);
            (format!("{} of cache lines written back", n.en), format!("写回 {} 的缓存行", n.zh))
        } else {
            (
                "nothing to do here: the device sees the CPU's cache".into(),
                "设备看得到 CPU 的缓存，这里什么也不用做".into(),
            )
        };
        Ending::done(format!("It is {who_en}'s turn now: {en}."), format!("现在轮到{who_zh}使用：{zh}。"))
    }

    fn ioremap(&self, name: &str, done: &Done) -> Ending {
        let Some(remap) = self.record.at(done.steps.end).remaps().rfind(|r| r.name == name) else {
            return Ending::default();
        };
        Ending::new(
            Kind::Mapped,
            format!(
                "{name} is virtual address {} to the kernel: it leads to physical address {}.",
                remap.va, remap.pa
            ),
            format!("内核用虚拟地址 {}（{name}）访问物理地址 {}。", remap.va, remap.pa),
        )
    }

    fn descriptor(&self, e: &Evidence) -> Ending {
        let n = self.descriptors.get() + 1;
        self.descriptors.set(n);
        let Some(piece) = e.stored.iter().rev().find(|p| p.write) else {
            return Ending::done(
                "A descriptor is in the CPU's cache.".into(),
                "一个描述符在 CPU 的缓存里。".into(),
            );
        };
        let thing = self.places.at(piece.at, piece.step);
        Ending::done(
            format!("Descriptor {n} is at {}, in {}: the engine will find it there.", piece.at, thing.en),
            format!("第 {n} 个描述符放在 {}（{}）：引擎会到那里去取。", piece.at, thing.zh),
        )
    }

    /// An interrupt that is set up where no table remaps it.
    fn message_alone(&self, op: &ast::InterruptEntry) -> Ending {
        let (n, controller) = (&op.index, self.cast.controller());
        if op.state.is_some_and(|s| s.value == EntryState::NotPresent) {
            return Ending::done(
                format!("Interrupt {n} is not set up: interrupts are not remapped, so no table blocks a message that names its vector."),
                format!("中断 {n} 没有设置：中断不经重映射，没有表能拦住写明向量的消息。"),
            );
        }
        let vector = op.vector.map_or(0, |vector| vector.value);
        let Phrase { en: vector_en, zh: vector_zh } = controller.called(controller.number(vector) as u32);
        let cpu = op.cpu.map_or(0, |cpu| cpu.value);
        let (for_en, for_zh) = match &op.source {
            Some(source) => (
                format!("; whoever sends it is believed, `source {}` makes no check here", source.value),
                format!("，不论是谁发的，`source {}` 在这里不起作用", source.value),
            ),
            None => Default::default(),
        };
        Ending::done(
            format!("Interrupts are not remapped: the message of interrupt {n} itself says {vector_en} and CPU {cpu}{for_en}."),
            format!("中断不经重映射，中断 {n} 的消息自己写明{vector_zh} 和 CPU {cpu}{for_zh}。"),
        )
    }

    fn entry(&self, op: &ast::InterruptEntry, done: &Done) -> Ending {
        let alone = |rule| core::ptr::eq(rule, &NO_TABLE);
        let mut steps = self.trace.steps().range(done.steps.clone()).iter();
        if steps.any(|step| matches!(step.event, Event::Check { rule, .. } if alone(rule))) {
            return self.message_alone(op);
        }
        let n = &op.index;
        let has = |ability| self.cast.architecture.is_some_and(|a| a.has(ability));
        let (files, events) = (has(Ability::InterruptFiles), has(Ability::DeviceEvents));
        let table = self.cast.terms().interrupts;
        if op.state.is_some_and(|s| s.value == EntryState::NotPresent) {
            if files {
                return Ending::done(
                    format!("The interrupt file of interrupt {n} is out of the {table} (V = 0): messages to it that come through a second stage are blocked, whatever interrupt they name; others still reach it."),
                    format!("中断 {n} 所在的中断文件在 {table}里无效了（V = 0）：经过第二阶段发往它的消息都会被拦截，不论是哪个中断；不经过第二阶段的仍能到达。"),
                );
            }
            if events {
                return Ending::done(
                    format!(
                        "The event of interrupt {n} is no longer mapped in the {table}: a message that names it is dropped."
                    ),
                    format!("{table} 里不再有中断 {n} 的事件的映射：指明它的消息会被丢弃。"),
                );
            }
            return Ending::done(
                format!("Entry {n} of the interrupt table is not present: what uses it is blocked."),
                format!("中断重映射表的 {n} 号表项无效：用到它的中断会被拦截。"),
            );
        }
        let controller = self.cast.controller();
        let Phrase { en: vector_en, zh: vector_zh } = match &op.vector {
            Some(vector) => controller.called(controller.number(vector.value) as u32),
            None => Phrase::new("an interrupt", "中断"),
        };
        let (to_en, to_zh) = match (&op.vm, &op.cpu) {
            (Some(vm), _) => (format!("guest {}", vm.value), format!("客户机 {}", vm.value)),
            (None, Some(cpu)) => (format!("CPU {cpu}"), format!("CPU {cpu}")),
            (None, None) => ("CPU 0".into(), "CPU 0".into()),
        };
        if files {
            let (for_en, for_zh) = match &op.source {
                Some(source) => (
                    format!(": `source {}` makes no check here", source.value),
                    format!("，所以 `source {}` 在这里不起作用", source.value),
                ),
                None => Default::default(),
            };
            return Ending::done(
                format!("Interrupt {n} is {vector_en} in an interrupt file of {to_en}. The {table} leads to whole files and does not look at who sends{for_en}."),
                format!("中断 {n} 是 {to_zh} 的中断文件里的{vector_zh}。MSI 页表只决定消息进哪个中断文件，不检查是谁发的{for_zh}。"),
            );
        }
        let (for_en, for_zh) = match &op.source {
            Some(source) if events => (
                format!(", for {} alone: the event is that device's", source.value),
                format!("；这个事件只属于 {}，因为事件按设备区分", source.value),
            ),
            Some(source) => {
                (format!(", and only {} may use it", source.value), format!("，只有 {} 可以用", source.value))
            }
            None => Default::default(),
        };
        if events {
            return Ending::done(
                format!(
                    "Interrupt {n} is an event in the {table}, which sends {vector_en} to {to_en}{for_en}."
                ),
                format!("中断 {n} 是 {table} 里的一个事件，{table} 据此把{vector_zh} 送到 {to_zh}{for_zh}。"),
            );
        }
        Ending::done(
            format!("Entry {n} of the interrupt table sends {vector_en} to {to_en}{for_en}."),
            format!("中断重映射表的 {n} 号表项把{vector_zh} 送到 {to_zh}{for_zh}。"),
        )
    }

    /// A page request: refused by the IOMMU, not taken at all, or answered by the kernel.
    fn page_request(&self, op: &ast::PageRequest, done: &Done, e: &Evidence) -> Ending {
        let (name, at) = (&op.device.value, &op.at);
        if let Some((code, ..)) = e.fault {
            let fault = self.code(code);
            let (more_en, more_zh) = match self.record.at(0).takes().1 {
                true => ("", ""),
                false => (
                    " It takes page requests with `pri` on the `machine` line.",
                    "在 `machine` 一行写 `pri`，它才接受页请求。",
                ),
            };
            return Ending::new(
                Kind::Refused,
                format!("The IOMMU refuses {name}'s request for the page at {at}: {} ({}). The kernel does not see the request itself.{more_en}", code.text.en, fault.en),
                format!("IOMMU 拒绝了 {name} 对 {at} 这一页的请求：{}。{}，内核看不到这个请求本身。{more_zh}", code.text.zh, fault.zh.trim()),
            );
        }
        if e.commands == 0 {
            return Ending::new(
                Kind::Refused,
                format!("The IOMMU does not take {name}'s request for the page at {at}: it takes page requests with `pri` on the machine line, as long as their queue has room."),
                format!("IOMMU 没有收下 {name} 对 {at} 这一页的请求：机器行写了 `pri`、队列也还有空位时，它才接受页请求。"),
            );
        }
        let (en, zh) = match op.response.map(|response| response.value) {
            None if done.value == Some(PageResponse::Success as u64) => {
                ("The kernel has seen to it that the page is there, and answers Success", "内核确保了这一页在内存里，并答复“成功”")
            }
            None => (
                "The kernel has no such page for it, and answers Invalid Request",
                "内核没有这样一页可以给它，答复“无效请求”",
            ),
            Some(ast::Response::Success) if e.check.is_some() => (
                "The kernel's answer is Success, but the page is not there, and the device will not get its translation",
                "内核答复 Success（成功），可是这一页并不在内存里，设备要不到它的转换",
            ),
            Some(ast::Response::Success) => ("The kernel's answer is Success, the page is there", "内核答复 Success（成功），这一页已在内存里"),
            Some(ast::Response::Invalid) => (
                "The kernel's answer is Invalid Request, this page cannot be had, though the device may ask again",
                "内核答复 Invalid Request（无效请求），这一页给不了，但设备还可以再请求",
            ),
            Some(ast::Response::Failure) => (
                "The kernel's answer is Response Failure, the device must not ask again until its page requests are reset",
                "内核答复 Response Failure（响应失败），设备的页请求接口复位之前不得再请求",
            ),
        };
        Ending::new(
            Kind::Answered,
            format!("{name} requested the page at {at}. {en}."),
            format!("{name} 请求了 {at} 这一页。{zh}。"),
        )
    }

    fn ats(&self, device: &str, at: &ast::Loc<ast::OfSubject>, e: &Evidence) -> Ending {
        if e.translations == 0 {
            return Ending::new(
                Kind::Refused,
                format!("Nobody answers {device}'s translation request: no IOMMU meets it."),
                format!("没有谁应答 {device} 的转换请求：它不经过任何 IOMMU。"),
            );
        }
        if !self.record.at(0).takes().0 {
            return Ending::new(
                Kind::Refused,
                format!("The IOMMU answers no translation requests: write `ats` on the `machine` line. {device} keeps nothing."),
                format!("IOMMU 不应答转换请求：请在 `machine` 一行写 `ats`。{device} 什么也没有记下。"),
            );
        }
        match (e.fault, e.check, e.leaf) {
            (None, None, Some(_)) if e.translations > 1 => Ending::new(
                Kind::Answered,
                format!("{device} knows now where {} pages of {at} are, and keeps that.", e.translations),
                format!("{device} 现在知道 {at} 的 {} 页各在哪里，并把它们记下。", e.translations),
            ),
            (None, None, Some(to)) => Ending::new(
                Kind::Answered,
                format!("{device} knows now that {at} is physical address {to}, and keeps it."),
                format!("{device} 现在知道 {at} 是物理地址 {to}，并把它记下。"),
            ),
            (_, Some(_), _) if e.kept > 0 => Ending::new(
                Kind::Answered,
                format!("{device} knows now where {} of the {} pages of {at} are, and keeps that; the others lead nowhere.", e.kept, e.translations),
                format!("{device} 现在知道 {at} 的 {} 页中有 {} 页各在哪里，并把它们记下；其余的不对应任何地方。", e.translations, e.kept),
            ),
            (fault, Some(rule), _) if core::ptr::eq(rule, &REFUSED) => {
                let why = fault.map(|(code, ..)| self.code(code));
                let (en, zh) = why.map_or_else(Default::default, |why| {
                    (format!(" with {}", why.en), format!("，报 {}", why.zh))
                });
                Ending::new(
                    Kind::Refused,
                    format!("The IOMMU refuses {device}'s translation request{en}: the answer is an error, and {device} keeps nothing. What it sends untranslated is another matter."),
                    format!("IOMMU 拒绝了 {device} 的转换请求{zh}：应答是错误，{device} 什么也没有记下。它直接发出的未转换请求另当别论。"),
                )
            }
            _ => Ending::new(
                Kind::Answered,
                format!("The answer is that {at} leads nowhere now: {device} keeps nothing."),
                format!("IOMMU 的应答是：{at} 现在不对应任何地方。{device} 什么也没有记下。"),
            ),
        }
    }
}

/// A word of Chinese or Latin letters before a number.
fn spaced(word: &str) -> String {
    format!("{word} ")
}

fn register(register: &ast::Register) -> String {
    match register {
        ast::Register::Offset(offset) => format!("at offset {offset}"),
        ast::Register::Name(name) => name.value.clone(),
    }
}
