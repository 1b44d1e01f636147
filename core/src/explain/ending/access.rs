//! What came of an access: by a device, by a CPU, by a message.

use super::evidence::{purposes, Evidence, Piece};
use super::{bytes, count, upper, Ending, Kind, Teller};
use crate::addr::{AnyAddr, PhysAddr, Space};
use crate::explain::who;
use crate::machine::software::Handle;
use crate::machine::Done;
use crate::platform::local::scratch_of;
use crate::scenario::ast::{ConfigRead, ConfigWrite};
use crate::spec::{FaultCode, Phrase, Text};
use crate::trace::{Actor, CacheKind, CacheOp, Chunk, Event, InterruptKind, Recorded};
use alloc::{format, string::String};

impl Teller<'_> {
    /// What came of a device's own accesses.
    pub(super) fn device(&self, name: &str, e: &Evidence) -> Ending {
        let mut ending = if e.fault.is_some() {
            self.refused(name, e)
        } else if !e.moved.is_empty() {
            self.moved(name, e)
        } else if let Some(interrupt) = e.interrupt {
            return self.message(name, interrupt, e);
        } else if let Some((device, _, n, write)) = e.own.iter().rev().find(|o| o.3).or(e.own.last()).copied()
        {
            let (of, n) = (self.cast.device(device), bytes(n));
            if of == name {
                Ending::new(
                    Kind::Arrived,
                    format!("The {} stay inside {name}: no packet leaves it.", n.en),
                    format!("这 {} 留在 {name} 内部：没有数据包发出。", n.zh),
                )
            } else if write {
                Ending::new(
                    Kind::Arrived,
                    format!("{name}'s {} are in {of}'s own memory now.", n.en),
                    format!("{name} 写的 {} 到了 {of} 自己的内存里。", n.zh),
                )
            } else {
                Ending::new(
                    Kind::Arrived,
                    format!("{name} has {} out of {of}'s own memory.", n.en),
                    format!("{name} 从 {of} 自己的内存读到 {}。", n.zh),
                )
            }
        } else if let Some(at) = e.unanswered {
            let space = self.cast.space(at.space);
            Ending::new(
                Kind::Lost,
                format!("Nothing answers at {} {at}: nothing was moved.", space.en),
                format!("{} {at} 处无人应答，什么也没有传送。", space.zh),
            )
        } else if let Some(rule) = e.check.or(e.stopped) {
            Ending::new(
                Kind::Refused,
                format!("Nothing was moved: {}.", rule.text.en),
                format!("什么也没有传送：{}。", rule.text.zh),
            )
        } else {
            Ending::new(Kind::Lost, format!("{name} moved nothing."), format!("{name} 什么也没有传送。"))
        };
        if let (Some((vector, cpu, kind)), Kind::Arrived) = (e.interrupt, ending.kind) {
            if kind != InterruptKind::Blocked {
                let Phrase { en: number_en, zh: number_zh } = self.cast.controller().called(vector);
                ending.text.en.pop();
                ending.text.en += &format!("; the interrupt says so: {number_en}, CPU {cpu}.");
                ending.text.zh.pop();
                ending.text.zh += &format!("；最后的中断报告完成：{number_zh}，CPU {cpu}。");
            } else if let Some(rule) = e.dropped {
                ending.text.en +=
                    &format!(" No CPU gets the interrupt that would say so. {}.", upper(rule.text.en));
                ending.text.zh += &format!("本该报告完成的中断没有送到任何 CPU。{}。", rule.text.zh);
            }
        }
        ending
    }

    /// A request that ended in a fault.
    fn refused(&self, name: &str, e: &Evidence) -> Ending {
        let Some((code, at, recorded)) = e.fault else { return Ending::default() };
        let fault = self.code(code);
        let (record_en, record_zh) = match recorded {
            Recorded::At(_) => (format!("{} is recorded", fault.en), format!("{}已记录", fault.zh)),
            Recorded::Overflow => {
                (format!("{} finds no room to be recorded", fault.en), format!("{}没有地方可记", fault.zh))
            }
            Recorded::Compressed => {
                (format!("{} is part of an earlier record", fault.en), format!("{}并入先前的记录", fault.zh))
            }
            Recorded::Suppressed => {
                (format!("{} is not recorded", fault.en), format!("{}不作记录", fault.zh))
            }
            // What ends without a record may have no number either.
            Recorded::None if !code.has_number() => ("nothing is recorded".into(), "没有记录".into()),
            Recorded::None => (format!("it ends in {}", fault.en), format!("以{}结束", fault.zh)),
        };
        let (done_en, done_zh) = match bytes(e.moved.iter().map(|p| p.bytes).sum()) {
            _ if e.moved.is_empty() => (String::from("nothing"), String::from("什么也没传成")),
            n => (format!("only {}", n.en), format!("只传了 {}", n.zh)),
        };
        // The address of such a fault is an index, or nothing: the request named no place.
        let no_further = match e.interrupt {
            Some((.., InterruptKind::Blocked)) => Phrase::new(
                format!("the write is taken for an interrupt message. {}.", upper(code.text.en)),
                format!("这次写入被当作中断消息而拒绝：{}。", code.text.zh),
            ),
            _ => no_further(code.text, at, self.cast.space(at.space), e),
        };
        Ending::new(
            Kind::Refused,
            format!("{name} moved {done_en}: {} {}.", no_further.en, upper(&record_en)),
            format!("{name} {done_zh}。{}{record_zh}。", no_further.zh),
        )
    }

    /// A fault's name with its code, as its architecture writes codes.
    pub(super) fn code(&self, code: &FaultCode) -> Phrase {
        self.record.at(0).architecture().unwrap_or_default().fault_number(code)
    }

    /// Bytes that a device moved to or from memory.
    fn moved(&self, name: &str, e: &Evidence) -> Ending {
        let write = e.moved.iter().any(|p| p.write);
        let pieces = e.data(write);
        let n = bytes(pieces.iter().map(|p| p.bytes).sum());
        let place = self.pieces(&pieces);
        if let Some(bits) = e.truncated {
            return wrong(
                pieces[0].step,
                format!(
                    "{name}'s {} are at {}, which nobody meant: {name} has {bits} address bits, and lost the others.",
                    n.en, place.en
                ),
                format!("{name} 的 {} 落在 {}，并非本意：{name} 只有 {bits} 位地址，高位丢了。", n.zh, place.zh),
            );
        }
        if let Some(stale) = e.stale {
            let (en, zh) = if write {
                (
                    format!(
                        "{name}'s {} went to {}: a stale entry led there, the tables no longer do.",
                        n.en, place.en
                    ),
                    format!("{name} 的 {} 写到了 {}：用的是一个陈旧条目，页表早就改了。", n.zh, place.zh),
                )
            } else {
                (
                    format!(
                        "{name} read {} from {}: a stale entry led there, the tables no longer do.",
                        n.en, place.en
                    ),
                    format!("{name} 从 {} 读走了 {}：用的是一个陈旧条目，页表早就改了。", place.zh, n.zh),
                )
            };
            return wrong(stale, en, zh);
        }
        if let Some(piece) = pieces.iter().take(PIECES).find(|p| self.trespass(name, p)) {
            let (en, zh) = if write {
                (
                    format!(
                        "{name}'s {} overwrote what was at {}: that memory was never given to {name}.",
                        n.en, place.en
                    ),
                    format!("{name} 的 {} 覆盖了 {} 原有的内容；这块内存从未交给 {name}。", n.zh, place.zh),
                )
            } else {
                (
                    format!(
                        "{name} has read {} from {}: that memory was never given to {name}.",
                        n.en, place.en
                    ),
                    format!("{name} 从 {} 读走了 {}；这块内存从未交给 {name}。", place.zh, n.zh),
                )
            };
            return wrong(piece.step, en, zh);
        }
        if let Some(piece) = pieces.iter().take(PIECES).find(|p| !write && self.newer_in_cache(p)) {
            return wrong(
                piece.step,
                format!(
                    "{name} has read old bytes from {}: the newer ones are still in the CPU's cache.",
                    place.en
                ),
                format!("{name} 从 {} 读到的是旧数据：新数据还在 CPU 的缓存里。", place.zh),
            );
        }
        let (en, zh) = if write {
            (
                format!("{name}'s {} are now at {}", n.en, place.en),
                format!("{name} 写的 {} 到了 {}", n.zh, place.zh),
            )
        } else {
            (
                format!("{name} has read {} from {}", n.en, place.en),
                format!("{name} 从 {} 读到了 {}", place.zh, n.zh),
            )
        };
        let mut more = Phrase::default();
        let counted = e.translations > 1 && e.iotlb_misses > 0;
        if e.packets > 2 {
            more.en += &format!(", in {}", count(e.packets, "packet"));
            more.zh += &format!("，共用 {} 个请求包", e.packets);
            // Beside what the accesses cost it would be one list too many.
            if !counted {
                let parts = self.packets(e, write);
                more.en += &parts.en;
                more.zh += &parts.zh;
            }
        }
        // What many accesses cost is what such a line is written for.
        if counted {
            let (misses, reads) = (e.iotlb_misses, e.reads);
            let iotlb = self.cast.terms().iotlb;
            more.en += &format!(": {} of the {iotlb}, {}", count(misses, "miss"), count(reads, "table read"));
            more.zh += &format!("；{iotlb} 未命中 {misses} 次，读表项 {reads} 次");
            if (1..reads).contains(&e.device_reads) && e.fetched == 0 {
                let (own, pages) = (e.device_reads, reads - e.device_reads);
                more.en += &format!(" ({own} of the device's own entries, {pages} of page tables)");
                more.zh += &format!("（设备的表项 {own} 次，页表 {pages} 次）");
            }
        }
        Ending::new(Kind::Arrived, format!("{en}{}.", more.en), format!("{zh}{}。", more.zh))
    }

    /// What the request packets of a transfer were for, when not all for the same.
    fn packets(&self, e: &Evidence, write: bool) -> Phrase {
        let parts = e.purposes(write);
        if parts.len() < 2 {
            return Phrase::default();
        }
        let said = purposes(&parts);
        Phrase::new(format!(" ({})", said.en), format!("（{}）", said.zh))
    }

    /// Where pieces are: the place of one, the first and the number of many.
    fn pieces(&self, pieces: &[&Piece]) -> Phrase {
        let one = |p: &Piece| {
            let thing = self.places.at(p.at, p.step);
            Phrase::new(format!("{}, in {}", p.at, thing.en), format!("{}（{}）", p.at, thing.zh))
        };
        match pieces {
            [] => Phrase::default(),
            [only] => one(only),
            [first, second] => {
                let (a, b) = (one(first), one(second));
                Phrase::new(format!("{}, and {}", a.en, b.en), format!("{}和 {}", a.zh, b.zh))
            }
            [first, rest @ ..] => {
                let (a, n) = (one(first), rest.len());
                Phrase::new(
                    format!("{}, and {}", a.en, count(n as u64, "other place")),
                    format!("{}等 {} 处", a.zh, n + 1),
                )
            }
        }
    }

    /// Did a device that gets its buffers from the DMA API touch a buffer that was not mapped for it then?
    fn trespass(&self, name: &str, piece: &Piece) -> bool {
        let now = self.record.at(piece.step);
        let Some(device) = now.device(name) else { return false };
        let covers = |pieces: &[(PhysAddr, u64)]| {
            pieces.iter().any(|(start, len)| piece.at.raw().wrapping_sub(start.raw()) < *len)
        };
        let handles = || {
            let drawn = move |h: &&Handle| self.looks.draw(1 + h.pieces.len());
            now.made_handles().take_while(drawn).filter(|h| h.device == device)
        };
        let Some(buffer) = self.places.buffer(piece.at, piece.step) else { return false };
        if buffer.private {
            return true;
        }
        let explicit = now.domains().next().is_some();
        let given = handles().any(|h| now.is_mapped(h) && covers(&h.pieces));
        let tried = handles().next().is_some() || now.is_freed(buffer);
        tried && !given && !explicit && !matches!(buffer.owner, crate::machine::software::Owner::Vm(_))
    }

    /// Does the CPU's cache hold newer bytes than those that were read from memory here?
    fn newer_in_cache(&self, piece: &Piece) -> bool {
        let steps = self.trace.steps().range(piece.step.saturating_sub(LOOK_BACK)..piece.step);
        let Event::Load { value, .. } = self.trace.steps()[piece.step].event else { return false };
        for step in steps.iter().rev().take_while(|_| self.looks.draw(1)) {
            match step.event {
                Event::Cache { cache, op, line, .. }
                    if cache.kind == CacheKind::Data && line.from == piece.at.raw() =>
                {
                    return op == CacheOp::Insert && line.to != value;
                }
                _ => {}
            }
        }
        false
    }

    /// A CPU's write-back that replaced what a device had written meanwhile.
    pub(super) fn overwritten(&self, done: &Done) -> Option<Ending> {
        if !self.cached {
            return None;
        }
        let steps = self.trace.steps();
        for at in done.steps.clone() {
            let Event::Data { pa, bytes: n, new, .. } = steps.get(at)?.event else { continue };
            if !matches!(steps[at].actor, Actor::Cpu | Actor::Os) {
                continue;
            }
            // Back to where the line was fetched; a device's write since then was in memory alone.
            for before in (at.saturating_sub(LOOK_BACK)..at).rev().take_while(|_| self.looks.draw(1)) {
                match steps[before].event {
                    Event::Load { pa: from, bytes: len, .. }
                        if steps[before].actor == Actor::Cpu && from == pa && len == n =>
                    {
                        break;
                    }
                    Event::Data { pa: to, bytes: len, new: put, .. } => {
                        let inside = to.raw().wrapping_sub(pa.raw()) < u64::from(n);
                        let Actor::Device(device) = steps[before].actor else {
                            if inside {
                                break;
                            }
                            continue;
                        };
                        let offset = to.raw().wrapping_sub(pa.raw()) as usize;
                        if inside
                            && self.differ(put, len as usize, new, n as usize, offset)
                            && self.line(pa, n, at)
                        {
                            let (name, m) = (self.cast.device(device), bytes(len.into()));
                            let mut ending = Ending::new(
                                Kind::Lost,
                                format!(
                                    "{name}'s {} at {to} are overwritten: the CPU wrote back a whole cache line, old bytes and all.",
                                    m.en
                                ),
                                format!("{name} 写在 {to} 的 {} 被覆盖：CPU 写回了整个缓存行，连同里面的旧数据。", m.zh),
                            );
                            ending.wrong_from = Some(at);
                            return Some(ending);
                        }
                    }
                    _ => {}
                }
            }
        }
        None
    }

    /// Was the write of `n` bytes at `pa` in step `at` that of a cache line?
    fn line(&self, pa: PhysAddr, n: u32, at: usize) -> bool {
        self.trace.steps().range(at.saturating_sub(LOOK_BACK)..at).iter().rev().take_while(|_| self.looks.draw(1)).any(|s| {
            matches!(s.event, Event::Cache { cache, line, .. }
                if cache.kind == CacheKind::Data && line.from == pa.raw() && 1u64 << line.shift.min(63) == u64::from(n))
        })
    }

    /// Do the bytes of `put` differ from those of `new` from `offset` on?
    fn differ(&self, put: Chunk, len: usize, new: Chunk, n: usize, offset: usize) -> bool {
        let (Chunk::Bytes(a), Chunk::Bytes(b)) = (put, new) else { return false };
        let (a, b) = (self.trace.get_bytes(a, len), self.trace.get_bytes(b, n));
        let both = len.min(n.saturating_sub(offset));
        a[..both] != b[offset..offset + both]
    }

    /// A write that was an interrupt message.
    fn message(&self, name: &str, (vector, cpu, kind): (u32, u32, InterruptKind), e: &Evidence) -> Ending {
        if kind == InterruptKind::Blocked {
            return self.interrupt(name, e);
        }
        let Phrase { en: number_en, zh: number_zh } = self.cast.controller().called(vector);
        Ending::new(
            Kind::Interrupted,
            format!("{name}'s write reaches no memory: it is an interrupt, {number_en} for CPU {cpu}."),
            format!("{name} 的这次写没有到达内存：它成了一个中断，{number_zh}，目标 CPU {cpu}。"),
        )
    }

    /// What came of a message signalled interrupt.
    pub(super) fn interrupt(&self, name: &str, e: &Evidence) -> Ending {
        let number = e.interrupt.map_or(0, |(number, ..)| number);
        let Phrase { en: number_en, zh: number_zh } = self.cast.controller().called(number);
        match (e.interrupt, e.fault) {
            (_, Some((code, ..))) => {
                let fault = self.code(code);
                if !code.has_number() {
                    return Ending::new(
                        Kind::Refused,
                        format!("No CPU gets {name}'s interrupt. {}.", upper(code.text.en)),
                        format!("{name} 的中断没有送到任何 CPU。{}。", code.text.zh),
                    );
                }
                Ending::new(
                    Kind::Refused,
                    format!("No CPU gets {name}'s interrupt: {} ({}).", code.text.en, fault.en),
                    format!("{name} 的中断没有送到任何 CPU：{}。{}。", code.text.zh, fault.zh.trim()),
                )
            }
            (Some((_, cpu, kind)), None) => match kind {
                InterruptKind::Stored => Ending::new(
                    Kind::Interrupted,
                    format!("{name}'s interrupt, {number_en}, waits in the guest's interrupt file in memory (MRIF), and a notice tells the host: no CPU can be interrupted out of memory."),
                    format!("{name} 的中断（{number_zh}）存进客户机驻留内存的中断文件（MRIF），再通知宿主机：内存里的中断文件不能直接打断 CPU。"),
                ),
                InterruptKind::Posted => Ending::new(
                    Kind::Interrupted,
                    format!("The running guest gets {name}'s interrupt, {number_en}, and the host is not involved."),
                    format!("运行中的客户机直接收到 {name} 的中断，{number_zh}，宿主机没有参与。"),
                ),
                InterruptKind::Blocked => {
                    let why = e.dropped.map(|rule| rule.text.into());
                    let why = why.or(e.refusing.as_ref().map(|(_, why)| why.clone()));
                    let [en, zh] = why.map_or([String::new(), String::new()], |why: Phrase| {
                        [format!(" {}.", upper(&why.en)), format!("{}。", why.zh)]
                    });
                    Ending::new(
                        Kind::Refused,
                        format!("No CPU gets {name}'s interrupt.{en}"),
                        format!("{name} 的中断没有送到任何 CPU。{zh}"),
                    )
                }
                InterruptKind::Remapped | InterruptKind::Notification => Ending::new(
                    Kind::Interrupted,
                    format!("CPU {cpu} gets {name}'s interrupt, {number_en}: the table says so, not the device."),
                    format!("CPU {cpu} 收到 {name} 的中断（{number_zh}），送到哪里由表决定，不由设备决定。"),
                ),
                InterruptKind::Direct => Ending::new(
                    Kind::Interrupted,
                    format!("CPU {cpu} gets {name}'s interrupt, {number_en}, exactly as the device wrote it."),
                    format!("CPU {cpu} 收到 {name} 的中断（{number_zh}）：送到哪个 CPU、用哪个向量，全由设备写的内容决定。"),
                ),
            },
            (None, None) => match e.moved.first() {
                // The message met no interrupt controller: it was a write to memory.
                Some(_) => self.moved(name, e),
                None => Ending::new(
                    Kind::Lost,
                    format!("No CPU gets {name}'s interrupt: nothing took the message."),
                    format!("{name} 的中断没有送到任何 CPU：没有谁接收这条消息。"),
                ),
            },
        }
    }

    /// What came of a CPU's load, of memory, a port or configuration space.
    pub(super) fn cpu_read(&self, done: &Done, e: &Evidence) -> Ending {
        if let Some(refused) = self.cpu_fault(e) {
            return refused;
        }
        let Phrase { en: value_en, zh: value_zh } = self.value(done, e);
        if let Some((step, line, _)) = e.line_hits.iter().find(|(step, line, _)| self.older(*step, *line)) {
            let mut ending = Ending::new(
                Kind::Wrong,
                format!("The CPU reads {value_en}, its own old copy of the line at {line:#x}: memory has newer bytes."),
                format!("CPU 读到 {value_zh}，是它自己缓存里 {line:#x} 那一行的旧副本：内存里的数据比它新。"),
            );
            ending.wrong_from = Some(*step);
            return ending;
        }
        if let Some((device, at, ..)) = e.own.last() {
            let place = own(&self.cast.device(*device), *at);
            return Ending::new(
                Kind::Answered,
                format!("The CPU has {value_en}, from {}.", place.en),
                format!("CPU 读到 {value_zh}，来自{}。", place.zh),
            );
        }
        if let Some((register, ..)) = e.register {
            return Ending::new(
                Kind::Answered,
                format!("Register {register} answers {value_en}."),
                format!("从寄存器 {register} 读到 {value_zh}。"),
            );
        }
        if let Some(piece) = e.stored.iter().find(|p| !p.write) {
            let thing = self.places.at(piece.at, piece.step);
            return Ending::new(
                Kind::Answered,
                format!("The CPU has {value_en}, from {}, in {}.", piece.at, thing.en),
                format!("CPU 读到 {value_zh}，来自 {}（{}）。", piece.at, thing.zh),
            );
        }
        if let Some((_, line, _)) = e.line_hits.first() {
            return Ending::new(
                Kind::Answered,
                format!("The CPU has {value_en}, out of its cache: the line at {line:#x} was there already."),
                format!("CPU 读到 {value_zh}，取自缓存：{line:#x} 那一行早已在里面。"),
            );
        }
        if e.packets == 0 || e.unanswered.is_some() {
            return Ending::new(
                Kind::Lost,
                format!("Nothing answers: the CPU reads {value_en}."),
                format!("无人应答：CPU 读到 {value_zh}。"),
            );
        }
        Ending::new(Kind::Answered, format!("The answer is {value_en}."), format!("读到 {value_zh}。"))
    }

    /// The value that a read gave, as text where it is text.
    fn value(&self, done: &Done, e: &Evidence) -> Phrase {
        let raw = done.value.or(e.line_hits.last().map(|h| h.2)).unwrap_or(0);
        let bytes = raw.to_le_bytes();
        let text = bytes.iter().position(|b| *b == 0).map_or(&bytes[..], |end| &bytes[..end]);
        match core::str::from_utf8(text) {
            Ok(text) if text.len() >= 5 && text.bytes().all(|b| (0x20..0x7f).contains(&b)) => {
                let n = text.len() as u64;
                Phrase::new(
                    format!("\"{}\" ({})", text.trim_end(), super::bytes(n).en),
                    format!("“{}”（{}）", text.trim_end(), super::bytes(n).zh),
                )
            }
            _ => Phrase::same(format!("{raw:#x}")),
        }
    }

    /// Did a device write into this line of memory after the CPU's cache took it?
    fn older(&self, step: usize, line: u64) -> bool {
        let mut written = false;
        let steps = self.trace.steps().range(step.saturating_sub(LOOK_BACK)..step);
        for before in steps.iter().rev().take_while(|_| self.looks.draw(1)) {
            match before.event {
                Event::Cache { cache, op: CacheOp::Insert, line: l, .. }
                    if cache.kind == CacheKind::Data && l.from == line =>
                {
                    return written;
                }
                Event::Data { pa, .. } if matches!(before.actor, Actor::Device(_)) => {
                    written |= pa.raw().wrapping_sub(line) < 4096
                        && pa.raw().wrapping_sub(line) < self.line_size(line);
                }
                _ => {}
            }
        }
        false
    }

    fn line_size(&self, line: u64) -> u64 {
        let steps = self.trace.steps().iter().take_while(|_| self.looks.draw(1));
        let found = { steps }.find_map(|s| match s.event {
            Event::Cache { cache, line: l, .. } if cache.kind == CacheKind::Data && l.from == line => {
                Some(l.shift)
            }
            _ => None,
        });
        1 << found.unwrap_or(6).min(12)
    }

    /// What came of a CPU's store.
    pub(super) fn cpu_write(&self, e: &Evidence) -> Ending {
        if let Some(refused) = self.cpu_fault(e) {
            return refused;
        }
        if let Some((device, at, n, _)) = e.own.iter().rev().find(|o| o.3) {
            let (place, n) = (own(&self.cast.device(*device), *at), bytes(*n));
            return Ending::new(
                Kind::Arrived,
                format!("The CPU's {} are in {} now, not in the host's memory.", n.en, place.en),
                format!("CPU 写的 {} 到了{}，不在主机内存里。", n.zh, place.zh),
            );
        }
        if let Some((register, value, _)) = e.register {
            return Ending::new(
                Kind::Arrived,
                format!("The device's register {register} is {value:#x} now."),
                format!("设备的寄存器 {register} 现在是 {value:#x}。"),
            );
        }
        if let Some(piece) = e.stored.iter().rev().find(|p| p.write) {
            let (thing, n) = (self.places.at(piece.at, piece.step), bytes(piece.bytes));
            return Ending::new(
                Kind::Arrived,
                format!("The CPU's {} are at {}, in {}.", n.en, piece.at, thing.en),
                format!("CPU 写的 {} 到了 {}（{}）。", n.zh, piece.at, thing.zh),
            );
        }
        if e.line_inserts > 0 {
            return Ending::new(
                Kind::Arrived,
                "The CPU's bytes are in its cache only: memory still has the old ones.".into(),
                "CPU 写的数据只在它的缓存里：内存里还是旧的。".into(),
            );
        }
        if e.unanswered.is_some() || e.packets == 0 {
            return Ending::new(
                Kind::Lost,
                "Nothing answers there: what was written is gone.".into(),
                "那里无人应答：写的内容就此消失。".into(),
            );
        }
        Ending::new(Kind::Arrived, "The device took it.".into(), "设备收下了。".into())
    }

    /// What came of a read of a device's configuration space: what stands there, by its place.
    pub(super) fn config_read(&self, op: &ConfigRead, done: &Done, e: &Evidence) -> Ending {
        let ending = self.cpu_read(done, e);
        if ending.kind != Kind::Answered {
            return ending;
        }
        let (name, at, value) = (&op.device.value, &op.offset, self.value(done, e));
        Ending::new(
            Kind::Answered,
            format!("{name}'s configuration register {at} holds {}.", value.en),
            format!("{name} 的配置寄存器 {at} 的值是 {}。", value.zh),
        )
    }

    /// What came of a write to a device's configuration space.
    pub(super) fn config_write(&self, op: &ConfigWrite, e: &Evidence) -> Ending {
        if e.fault.is_some() || e.unanswered.is_some() {
            return self.cpu_write(e);
        }
        let (name, at, value) = (&op.device.value, &op.offset, &op.value);
        Ending::done(
            format!("{name}'s configuration register {at} was written: {value}."),
            format!("{name} 的配置寄存器 {at} 写入了 {value}。"),
        )
    }

    fn cpu_fault(&self, e: &Evidence) -> Option<Ending> {
        let (code, at, _) = e.fault?;
        let no_further = no_further(code.text, at, self.cast.space(at.space), e);
        Some(Ending::new(
            Kind::Refused,
            format!("The CPU gets a {}: {}", code.text.en, no_further.en),
            format!("CPU 产生{}。{}", code.text.zh, no_further.zh),
        ))
    }

    /// What came of a request that the host carried out for its guest.
    pub(super) fn relay(&self, op: &crate::scenario::ast::Relay, e: &Evidence) -> Ending {
        if e.fault.is_some() {
            return self.refused(&op.device.value, e);
        }
        let (exits, copied) = (e.exits, bytes(e.copied));
        let place = e.stored.iter().rev().find(|p| p.write);
        let thing = place.map_or(Phrase::default(), |p| self.places.at(p.at, p.step));
        Ending::new(
            Kind::Arrived,
            format!(
                "The bytes are in {}: {} left the guest for the host, and a CPU copied {}.",
                thing.en,
                count(exits, "exit"),
                copied.en
            ),
            format!("数据到了{}：VM exit {exits} 次，CPU 拷贝了 {}。", thing.zh, copied.zh),
        )
    }
}

/// A reason without what its brackets say beside the bits: "(R = W = 0; in legacy mode ...)".
fn brief(why: &Phrase) -> Phrase {
    let cut = |text: &str, mark: char, close: char| match text.split_once(mark) {
        Some((before, after)) if after.ends_with(close) => format!("{before}{close}"),
        _ => text.into(),
    };
    Phrase::new(cut(&why.en, ';', ')'), cut(&why.zh, '；', '）'))
}

/// What is wrong with an entry, without its name, which has just been said.
pub fn of_itself<'a>(why: &'a str, entry: &str) -> &'a str {
    let name = entry.split('（').next().unwrap_or(entry);
    why.strip_prefix(name).map_or(why, |rest| rest.strip_prefix('的').unwrap_or(rest))
}

/// Where the way of an address ends, and why, as whole sentences.
fn no_further(code: Text, at: AnyAddr, space: Text, e: &Evidence) -> Phrase {
    let refusing = e.refusing.as_ref().map(|(entry, why)| (entry, brief(why)));
    match &refusing {
        // The address that the unit told is that of the entry.
        Some((entry, why)) if at.space == Space::Physical => Phrase::new(
            format!("the way ends at the {} at {} {at}. {}.", entry.en, space.en, upper(&why.en)),
            format!("读{} {at} 处的{}时被拒绝：{}。", space.zh, entry.zh, of_itself(&why.zh, &entry.zh)),
        ),
        Some((entry, why)) => Phrase::new(
            format!("{} {at} leads no further than the {}. {}.", space.en, entry.en, upper(&why.en)),
            format!(
                "查{} {at} 时，在{}这一步被拒绝：{}。",
                space.zh,
                entry.zh,
                of_itself(&why.zh, &entry.zh)
            ),
        ),
        None => Phrase::new(
            format!("{} {at} leads nowhere. {}.", space.en, upper(code.en)),
            format!("{} {at} 转换失败：{}。", space.zh, code.zh),
        ),
    }
}

fn wrong(step: usize, en: String, zh: String) -> Ending {
    Ending { wrong_from: Some(step), ..Ending::new(Kind::Wrong, en, zh) }
}

/// At most this many steps are looked back for what a cache line held: what is older has left the reader's mind, and a long run
/// stays quick.
const LOOK_BACK: usize = 2000;

/// At most this many pieces of one access are looked at one by one.
const PIECES: usize = 256;

/// Where something is in a device.
pub(in crate::explain) fn own(name: &str, at: u64) -> Phrase {
    match scratch_of(at) {
        Some((bar, offset)) => Phrase::new(
            format!("{name}'s register at BAR {bar} + {offset:#x}"),
            format!(" {name} 的寄存器（BAR {bar} + {offset:#x}）"),
        ),
        None => Phrase::new(format!("{name}'s own memory at {at:#x}"), format!(" {name} 自己的内存 {at:#x}")),
    }
}

/// The space of a device's addresses as the reader knows it: an IOVA where an IOMMU translates.
pub(super) fn device_space(iommu: bool) -> Phrase {
    who::space(if iommu { Space::Iova } else { Space::Bus }).into()
}
