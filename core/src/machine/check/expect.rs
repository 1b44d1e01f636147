//! Expectations: each is held against what the operation before it came to, or against the state it left.

use crate::addr::{Address, AnyAddr, BusAddr, Iova, PhysAddr, RequesterId, Space};
use crate::iommu::{Ability, Architecture, Driver, Outcome as Answer, Request, Unit};
use crate::machine::check::outcome::{Counts, Outcome, Taker};
use crate::machine::check::packets::PacketIndex;
use crate::machine::ops::author::own_len;
use crate::machine::ops::content::Content;
use crate::machine::resolve::wrong;
use crate::machine::run::Done;
use crate::machine::software::{parts, DomainRef, Named, Owner};
use crate::machine::Machine;
use crate::memory::FRAME;
use crate::platform::bridges::BridgeId;
use crate::scenario::ast::{
    self, Choice, Comparison, Counter, Delivery, Equality, ErrorWant, Expectation, FaultWant, IotlbVerdict,
    RouteKind,
};
use crate::scenario::{Bilingual, Problem, Span};
use crate::spec::{spaced, FaultCode, Phrase, Text};
use crate::trace::{CacheOp, Event, Hop, InterruptKind, Observer, Perms};
use alloc::{
    format,
    string::{String, ToString},
};

/// What an expectation found: nothing, or why it does not hold.
type Found = Result<Option<Bilingual>, Problem>;

fn unless(ok: bool, en: impl FnOnce() -> String, zh: impl FnOnce() -> String) -> Found {
    Ok((!ok).then(|| Bilingual::new(en(), zh())))
}

/// Returns how an interrupt came to a CPU.
const fn delivered(kind: InterruptKind) -> Text {
    match kind {
        InterruptKind::Direct => Text::new("not remapped", "不经重映射"),
        InterruptKind::Remapped => Text::new("remapped", "经重映射"),
        InterruptKind::Posted => Text::new("posted to a guest", "直接投递给客户机（posted）"),
        InterruptKind::Stored => {
            Text::new("stored in a guest's interrupt file in memory", "存进客户机驻留内存的中断文件")
        }
        InterruptKind::Notification => Text::new("a notification of posting", "投递的通知"),
        InterruptKind::Blocked => Text::new("not delivered", "没有送达"),
    }
}

/// Compares words of the language; `None`: nothing of the kind happened.
fn compare_words(want: &str, got: Option<&str>) -> Bilingual {
    let was = got.map_or(String::from("nothing of the kind"), |word| format!("`{word}`"));
    Bilingual::new(
        format!("expected `{want}`, but it was {was}"),
        spaced(&match got {
            Some(got) => format!("期望 `{want}`，实际是 `{got}`"),
            None => format!("期望 `{want}`，实际没有"),
        }),
    )
}

fn compare_phrases(want: &Phrase, got: &Phrase) -> Bilingual {
    Bilingual::new(
        format!("expected {}, but it was {}", want.en, got.en),
        spaced(&format!("期望{}，实际{}{}", join(&want.zh), is(&got.zh), join(&got.zh))),
    )
}

/// Before what was: what was not is said without 是.
fn is(got: &str) -> &'static str {
    if got.starts_with("没有") || got.starts_with('无') {
        ""
    } else {
        "是"
    }
}

/// A phrase after a Chinese word: a blank before what is quoted.
fn join(phrase: &str) -> String {
    if phrase.starts_with('`') {
        format!(" {phrase}")
    } else {
        phrase.into()
    }
}

fn compare(want: &str, got: &str) -> Bilingual {
    Bilingual::new(format!("expected {want}, but it was {got}"), format!("期望 {want}，实际是 {got}"))
}

impl Machine {
    /// Holds one expectation against the machine and the operations done so far.
    ///
    /// Only of those that are for this machine. `total` is what all operations came to; `packets` an index of the last operation's packets, made when first
    /// asked for.
    pub(in crate::machine) fn expect(
        &mut self,
        expectation: &Expectation,
        done: &[Done],
        total: &Counts,
        packets: &mut Option<PacketIndex>,
    ) -> Found {
        self.trace.spend(1);
        let last = done.last();
        let outcome = last.map(|d| d.outcome).unwrap_or_default();
        match expectation {
            Expectation::Fault(e) => self.expect_fault(e, &outcome),
            Expectation::Error(e) => {
                let error = last.and_then(|d| d.error.as_ref());
                let (ok, want) = match &e.error {
                    ErrorWant::Name(n) if n.value == "none" => (error.is_none(), n.value.clone()),
                    ErrorWant::Name(n) if n.value == "any" => (error.is_some(), n.value.clone()),
                    ErrorWant::Name(n) => (error.is_some_and(|e| e.name == n.value), n.value.clone()),
                    ErrorWant::Text(t) => {
                        (error.is_some_and(|e| e.message.en.contains(t.value.as_str())), t.value.clone())
                    }
                };
                let got = error.map_or(Phrase::new("none", "没有出错"), |e| {
                    Phrase::new(
                        format!("{} ({})", e.name, e.message.en),
                        format!("`{}`（{}）", e.name, e.message.zh),
                    )
                });
                let want = Phrase::new(want.clone(), format!("`{want}`"));
                Ok((!ok).then(|| compare_phrases(&want, &got)))
            }
            Expectation::Data(e) => self.expect_data(e),
            Expectation::Value(e) => {
                let mask = e.mask.map_or(u64::MAX, |m| m.value);
                let got = last.and_then(|d| d.value);
                let ok = got.is_some_and(|v| v & mask == e.value.value & mask);
                let got = got.map_or(Phrase::new("nothing was read", "什么也没读到"), |v| {
                    Phrase::same(format!("{v:#x}"))
                });
                let want = Phrase::same(format!("{:#x}", e.value.value));
                Ok((!ok).then(|| compare_phrases(&want, &got)))
            }
            Expectation::Arrived(e) => self.expect_arrived(e, last, packets),
            Expectation::Translation(e) => self.expect_translation(e),
            Expectation::Address(e) => {
                let of = self.find(&e.of, Space::Physical)?.at.raw;
                // The other side in the same space as this one, so that buffers compare as pages do.
                let space = self.find(&e.of, Space::Physical)?.at.space;
                let to = self.find(&e.to, space)?.at.raw;
                let ok = e.comparison.value.holds(of, to);
                unless(
                    ok,
                    || format!("{of:#x} does not compare so with {to:#x}"),
                    || format!("{of:#x} 与 {to:#x} 的比较不成立"),
                )
            }
            Expectation::Iotlb(e) => {
                let got = match outcome.iotlb {
                    Some(CacheOp::Hit | CacheOp::Denied) => Some(IotlbVerdict::Hit),
                    Some(CacheOp::Stale) => Some(IotlbVerdict::Stale),
                    Some(_) => Some(IotlbVerdict::Miss),
                    None => None,
                };
                // A stale hit is a hit to those who only ask that.
                let ok = got == Some(e.verdict.value)
                    || e.verdict.value == IotlbVerdict::Hit && got == Some(IotlbVerdict::Stale);
                Ok((!ok).then(|| compare_words(e.verdict.value.word(), got.map(IotlbVerdict::word))))
            }
            Expectation::Interrupt(e) => self.expect_interrupt(e, &outcome, last),
            Expectation::Route(e) => {
                let got = match (outcome.route, outcome.came_down) {
                    // No packet: the device's own map kept it inside.
                    (None, _) if last.is_some_and(|d| d.verb == "dma" || d.verb == "doorbell") => {
                        Some(RouteKind::Own)
                    }
                    (Some(Hop::Peer), _) => Some(RouteKind::Direct),
                    (Some(Hop::Up), true) => Some(RouteKind::Redirected),
                    (Some(_), false) => Some(RouteKind::Memory),
                    _ => None,
                };
                let ok = got == Some(e.route.value);
                Ok((!ok).then(|| compare_words(e.route.value.word(), got.map(RouteKind::word))))
            }
            Expectation::Packet(e) => self.expect_packet(e, last, packets),
            Expectation::Group(e) => {
                let (one, other) = (self.device_named(&e.one)?, self.device_named(&e.other)?);
                let (a, b) = (self.group(one), self.group(other));
                let ok = (a == b) == (e.equality.value == Equality::Equal);
                unless(
                    ok,
                    || format!("they are in groups {a} and {b}"),
                    || format!("它们在第 {a} 组和第 {b} 组"),
                )
            }
            Expectation::Log(e) => Ok(self.expect_log(e, last)),
            Expectation::EntryPage(_) | Expectation::EntryDevice(_) | Expectation::EntryProcess(_) => {
                Ok(self.expect_entry(expectation))
            }
            Expectation::Count(e) => self.expect_count(e, &outcome, total),
        }
    }

    fn expect_fault(&mut self, e: &ast::ExpectFault, outcome: &Outcome) -> Found {
        let Some(want) = e.on(self.architecture) else { return Ok(None) };
        let got = outcome.fault;
        let ok = match want {
            _ if want.is_none() => got.is_none(),
            _ if want.is_any() => got.is_some(),
            FaultWant::Code(n) => got.is_some_and(|f| u64::from(f.0.code) == n.value),
            FaultWant::Name(n) => got.is_some_and(|f| f.0.is_called(&n.value)),
        };
        if !ok {
            let meant = match want {
                FaultWant::Name(name) if !want.is_none() && !want.is_any() => Some(name.value.as_str()),
                _ => None,
            };
            let want = match want {
                FaultWant::Code(n) => {
                    let digits = self.architecture.unwrap_or_default().code_digits(n.value);
                    Phrase::new(format!("fault {digits}"), format!("转换错误 {digits}"))
                }
                FaultWant::Name(n) if n.value == "none" => Phrase::new("fault none", "没有转换错误"),
                FaultWant::Name(n) => {
                    Phrase::new(format!("fault {}", n.value), format!("转换错误 `{}`", n.value))
                }
            };
            let got = got.map_or(Phrase::new("no fault", "没有转换错误"), |f| {
                let digits = self.architecture.unwrap_or_default().fault_digits(f.0);
                let named = f.0.numbered(digits);
                Phrase::new(
                    format!("fault {} at {}", named.en, f.1),
                    format!("转换错误 {}，地址 {}", named.zh, f.1),
                )
            });
            let mut said = compare_phrases(&want, &got);
            if let Some(hint) = meant.and_then(|meant| self.of_another(meant, outcome.fault.map(|f| f.0))) {
                said.en += &format!("; {}", hint.en);
                said.zh += &format!("；{}", hint.zh);
            }
            return Ok(Some(said));
        }
        if let (Some(at), Some(fault)) = (&e.at, got) {
            let want = self.find(at, Space::Bus)?.at.raw;
            // Records keep the page only on some architectures: compare pages.
            if want & !0xfff != fault.1.raw & !0xfff {
                return Ok(Some(compare(&format!("{want:#x}"), &fault.1.to_string())));
            }
        }
        Ok(None)
    }

    /// A name of a fault that this machine's architecture has not: whose it is, and how each machine's own is written.
    fn of_another(&self, name: &str, got: Option<&FaultCode>) -> Option<Phrase> {
        let here = self.architecture.unwrap_or_default();
        let whose =
            Architecture::ALL.into_iter().find(|a| a.has_fault(name)).filter(|_| !here.has_fault(name))?;
        // A name of several words stands in quotes, or the line that is offered would not be read.
        let written = |name: &str| match name.contains([' ', '/']) {
            true => format!("\"{name}\""),
            false => name.into(),
        };
        let own = got.map_or("none".into(), |code| written(&here.fault_digits(code)));
        let name_there = written(name);
        let both =
            format!("expect fault {} {own} {} {name_there}", here.describe().word, whose.describe().word);
        Some(Phrase::new(
            format!("`{name}` is {}'s: `{both}` says what is expected on each", whose.name()),
            format!("`{name}` 是 {} 的错误：`{both}` 分别写出两种机器上的期望", whose.name()),
        ))
    }

    fn expect_data(&mut self, e: &ast::ExpectData) -> Found {
        // A device's name alone is what it received last.
        if let Some(base) = &e.at.base {
            if base.part.is_none() {
                if let Some(Named::Device(device)) = self.sw.names.get(&base.name).copied() {
                    let got = self.hw.devices[device].received.clone();
                    let skip = (e.at.offset.value as usize).min(got.len());
                    let got = got[skip..].to_vec();
                    let len = e.len.map_or(got.len() as u64, |l| l.value);
                    let want = self.content(
                        &e.data,
                        e.len.map(|l| l.value).or(own_len(&e.data)).or(Some(len)),
                        e.at.span,
                    )?;
                    self.trace.spend(want.len() / 64);
                    let want = want.first(got.len().max(1));
                    return Ok(differ(0, &want, &got[..want.len().min(got.len())], e.equality.value));
                }
            }
        }
        let owner = self.owner(&e.space)?;
        let space = if owner == Owner::Kernel { Space::Physical } else { Self::cpu_space(owner) };
        let found = self.find(&e.at, space)?;
        let rest = found.rest;
        let len = e.len.map(|l| l.value).or(own_len(&e.data)).or(rest);
        let from = self.compared(&e.data, len, e.at.span)?;
        let bar = found.at.space == Space::Bus && matches!(found.named, Some(Named::Device(_)));
        let tables = owner != Owner::Kernel && found.named.is_none();
        let physical = if bar || tables { None } else { Some(self.physical(&e.at)?) };
        // Page by page, so that a gigabyte takes no memory; the first difference decides.
        let (mut want, mut got) = ([0; FRAME as usize], [0; FRAME as usize]);
        let mut done = 0;
        while done < from.len() {
            let n = FRAME.min(from.len() - done) as usize;
            if !self.trace.spend(n as u64 / 32) {
                break;
            }
            let (want, got) = (&mut want[..n], &mut got[..n]);
            match &from {
                Source::Content(content) => content.piece(done, want),
                Source::Memory { named, offset, at, .. } => {
                    self.peek_named(*named, offset + done, at.wrapping_add(done), want);
                }
            }
            if let Some((pa, found)) = &physical {
                let (offset, pa) = (found.offset + done, pa.wrapping_add(done));
                if e.in_memory {
                    self.peek_named(found.named, offset, pa, got);
                } else {
                    self.cpu_view(found.named, offset, pa, got);
                }
            } else if bar {
                let bridge = self.bridge_named(found.named, BusAddr::new(found.at.raw));
                self.peek_bar(bridge, found.at.raw.wrapping_add(done), got);
            } else if let Some(at) = self.peek_tables(owner, found.at, done, got) {
                return Ok(Some(compare_phrases(
                    &Phrase::new("data", "数据"),
                    &Phrase::new(format!("{at} is not mapped"), format!("{at} 没有映射")),
                )));
            }
            if want != got {
                return Ok(differ(done, want, got, e.equality.value));
            }
            done += n as u64;
        }
        Ok(differ(0, &[], &[], e.equality.value))
    }

    /// Bytes that an owner sees through its tables as they are; the address that is not mapped, if there is one.
    fn peek_tables(&mut self, owner: Owner, from: AnyAddr, done: u64, out: &mut [u8]) -> Option<AnyAddr> {
        let mut filled = 0;
        // Bounded: `out` is one page.
        while filled < out.len() {
            let at = AnyAddr { raw: from.raw.wrapping_add(done + filled as u64), ..from };
            let n = ((FRAME - at.raw % FRAME) as usize).min(out.len() - filled);
            match self.seen_by(owner, at) {
                Some(pa) => self.memory.peek_bytes(pa, &mut out[filled..filled + n]),
                None => return Some(at),
            }
            filled += n;
        }
        None
    }

    /// What an expectation compares with.
    fn compared(&mut self, data: &ast::Bytes, len: Option<u64>, span: Span) -> Result<Source, Problem> {
        let ast::Bytes::Of(loc) = data else { return Ok(Source::Content(self.content(data, len, span)?)) };
        let (at, found) = self.physical(loc)?;
        let len = len
            .or(found.rest)
            .ok_or_else(|| Problem::new(span, "how many bytes? Write `+LENGTH`", "多少字节？请写 `+长度`"))?;
        Ok(Source::Memory { named: found.named, offset: found.offset, at, len })
    }

    /// Bytes as the CPU would load them: from its cache where it holds the line.
    fn cpu_view(&self, named: Option<Named>, offset: u64, pa: PhysAddr, out: &mut [u8]) {
        self.peek_named(named, offset, pa, out);
        if !self.sw.cache.is_on() {
            return;
        }
        let all = [(pa, out.len() as u64)];
        let (pieces, skip) = match named {
            Some(Named::Buffer(index)) => (&self.sw.buffers[index].pieces[..], offset),
            Some(Named::Handle(index)) => (&self.sw.handles[index].pieces[..], offset),
            _ => (&all[..], 0),
        };
        let mut done = 0;
        for (at, len) in parts(pieces, skip, out.len() as u64) {
            let end = done + len as usize;
            self.sw.cache.overlay(at, &mut out[done..end]);
            done = end;
        }
    }

    /// The host bridge of a bus address that names a device, or that is written as a number.
    fn bridge_named(&self, named: Option<Named>, at: BusAddr) -> BridgeId {
        match named {
            Some(Named::Device(device)) => self.hw.bridge_id(device),
            _ => self.hw.bridges.with_bus(at).unwrap_or_default(),
        }
    }

    fn peek_bar(&self, bridge: BridgeId, at: u64, out: &mut [u8]) {
        let route = self.hw.topology.route_down(bridge, BusAddr::new(at));
        if let crate::platform::route::End::Function { node, bar, offset, .. } = route.end {
            if let Some(device) = self.device_at(node) {
                let device = &self.hw.devices[device];
                device.memory.peek_bytes(PhysAddr::new(device.behind(bar, offset)), out);
            }
        }
    }

    fn expect_arrived(
        &mut self,
        e: &ast::ExpectArrived,
        last: Option<&Done>,
        packets: &mut Option<PacketIndex>,
    ) -> Found {
        let got = last.and_then(|d| d.outcome.arrived);
        let taken = last.and_then(|d| d.outcome.taken);
        let Some(at) = &e.at else {
            // A register that was written to start a transfer is where it began.
            let place = match (got, taken) {
                (Some(at), _) => Some(format!("{:#x}", at.raw)),
                (None, Some(Taker::Memory(of))) => Some(self.name_of(of)),
                _ => None,
            };
            return Ok(place.map(|place| {
                Bilingual::new(
                    format!("expected nothing to arrive, but it arrived at {place}"),
                    format!("期望没有到达，实际到达了 {place}"),
                )
            }));
        };
        let found = self.find(at, Space::Physical)?;
        let want = match found.at.space {
            Space::Bus => found.at,
            _ => self.physical(at)?.0.any(),
        };
        // A BAR: by its bus address, or where the CPU finds it.
        let bus = match want.space {
            Space::Bus => {
                let at = BusAddr::new(want.raw);
                Some((self.bridge_named(found.named, at), at))
            }
            _ => self.hw.bridges.to_bus(PhysAddr::new(want.raw)),
        };
        if let Some((bridge, bus)) = bus {
            // The same bus address may be another device's behind another bridge.
            let other = match (taken, self.hw.topology.route_down(bridge, bus).end) {
                (Some(Taker::Memory(of)), crate::platform::route::End::Function { node, .. }) => {
                    self.hw.bridges.named() && self.hw.topology.requester(node) != of
                }
                _ => false,
            };
            let ok = taken.is_some() && !other && self.packets(last, packets).goes_to(bus.raw());
            return unless(
                ok,
                || format!("no device took a packet at {want}"),
                || format!("没有设备收下发往 {want} 的数据包"),
            );
        }
        Ok((got != Some(want)).then(|| {
            let got = match (got, taken) {
                (Some(got), _) => Phrase::same(got.to_string()),
                (None, Some(Taker::Memory(of))) => Phrase::same(self.name_of(of)),
                _ => Phrase::new("nowhere", "没有到达任何地方"),
            };
            compare_phrases(&Phrase::same(want.to_string()), &got)
        }))
    }

    fn expect_log(&mut self, e: &ast::ExpectLog, last: Option<&Done>) -> Option<Bilingual> {
        let range = last.map_or(0..0, |d| d.steps.clone());
        self.trace.spend(range.len() as u64);
        let steps = self.trace.steps().range(range);
        let lines = steps.iter().filter_map(|step| match step.event {
            Event::Note { en, .. } => Some(self.trace.get_name(en)),
            _ => None,
        });
        let lines: alloc::vec::Vec<&str> = lines.collect();
        let ok = match &e.text {
            None => lines.is_empty(),
            Some(text) => lines.iter().any(|line| line.contains(text.value.as_str())),
        };
        let found = match lines.is_empty() {
            true => Phrase::new("nothing was logged", "没有任何日志"),
            false => Phrase::same(lines.join("; ")),
        };
        let want = e
            .text
            .as_ref()
            .map_or(Phrase::new("nothing in the log", "没有日志"), |t| Phrase::same(t.value.clone()));
        (!ok).then(|| compare_phrases(&want, &found))
    }

    /// The name of the device with this requester id.
    fn name_of(&self, id: RequesterId) -> String {
        let device = self.hw.devices.iter().find(|d| d.requester == id);
        device.map_or_else(|| id.to_string(), |d| d.name.clone())
    }

    fn expect_translation(&mut self, e: &ast::ExpectTranslation) -> Found {
        let named = self.named(&e.space.value, e.space.span)?;
        let (space, out) = match named {
            Named::Process(_) => (Space::Virtual, Space::Physical),
            Named::Vm(_) => (Space::GuestPhysical, Space::Physical),
            _ => (Space::Iova, Space::Physical),
        };
        let at = self.find(&e.at, space)?.at;
        let got: Option<u64> = match named {
            Named::Process(process) => {
                let space = self.sw.processes[process].space;
                let want = crate::paging::Want::user(Perms::R);
                let va = crate::addr::VirtAddr::new(at.raw);
                crate::mmu::peek(&mut self.memory, &space, va, want).ok().map(|t| t.to.raw())
            }
            Named::Vm(vm) => self.sw.vms[vm].place(at.raw).map(|p| p.raw()),
            Named::Domain(domain) => match self.sw.domains[domain].kind {
                DomainRef::Host(id) => self.peek_domain(id, at.raw),
                DomainRef::Guest { vm, tables } => {
                    let space = self.sw.guest_space(vm, tables.root);
                    let want = crate::paging::Want::user(Perms::R);
                    let va = crate::addr::VirtAddr::new(at.raw);
                    crate::mmu::peek(&mut self.memory, &space, va, want).ok().map(|t| t.to.raw())
                }
            },
            Named::Device(device) => {
                let requester = self.hw.devices[device].requester;
                self.peek_device(requester, at.raw)
            }
            _ => None,
        };
        match &e.to {
            None => unless(
                got.is_none(),
                || format!("expected no translation, but {at} leads to {:#x}", got.unwrap_or(0)),
                || format!("期望没有转换，实际 {at} 指向 {:#x}", got.unwrap_or(0)),
            ),
            Some(to) => {
                let want = match self.find(to, out)?.at.space {
                    Space::GuestPhysical => self.find(to, out)?.at.raw,
                    _ => self.physical(to)?.0.raw(),
                };
                let ok = got == Some(want);
                Ok((!ok).then(|| {
                    compare_phrases(
                        &Phrase::same(format!("{want:#x}")),
                        &got.map_or(Phrase::new("nowhere", "没有送到任何地方"), |g| {
                            Phrase::same(format!("{g:#x}"))
                        }),
                    )
                }))
            }
        }
    }

    fn peek_device(&mut self, requester: crate::addr::RequesterId, at: u64) -> Option<u64> {
        let request = Request::new(requester, Iova::new(at), Perms::R, 1);
        let unit = self.hw.iommu.as_ref()?;
        match unit.peek(&mut self.memory, &request) {
            Answer::Memory(t) | Answer::Answer(t) => Some(t.to.raw()),
            _ => None,
        }
    }

    /// What a domain's tables say, whether or not a device is in it.
    fn peek_domain(&mut self, domain: crate::iommu::DomainId, at: u64) -> Option<u64> {
        if let Some(device) = self.sw.attached.iter().position(|a| *a == Some(domain)) {
            let requester = self.hw.devices[device].requester;
            return self.peek_device(requester, at);
        }
        let mut copy = self.clone();
        let ghost = crate::addr::RequesterId::bdf(0, 31, 7);
        copy.with_unit(|unit, ctx| unit.attach(ctx, ghost, crate::iommu::Attachment::Domain(domain))).ok()?;
        copy.peek_device(ghost, at)
    }

    fn expect_interrupt(
        &mut self,
        e: &ast::ExpectInterrupt,
        outcome: &Outcome,
        last: Option<&Done>,
    ) -> Found {
        let got = outcome.interrupt.filter(|i| i.2 != InterruptKind::Blocked);
        let controller = self.hw.interrupts;
        let called = |number| controller.called(number);
        let Some(vector) = e.vector else {
            return unless(
                got.is_none(),
                || format!("expected no interrupt, but {} arrived", called(got.map_or(0, |g| g.0)).en),
                || spaced(&format!("期望没有中断，实际收到{}", called(got.map_or(0, |g| g.0)).zh)),
            );
        };
        let kind = e.delivery.map(|d| match d.value {
            Delivery::Direct => InterruptKind::Direct,
            Delivery::Remapped => InterruptKind::Remapped,
            Delivery::Posted => InterruptKind::Posted,
        });
        let ok = got.is_some_and(|(v, cpu, how)| {
            [vector.value, self.hw.interrupts.number(vector.value)].contains(&u64::from(v))
                && e.cpu.is_none_or(|c| c.value == u64::from(cpu))
                && kind.is_none_or(|k| k == how)
        });
        let guest = match &e.vm {
            None => true,
            Some(name) => match self.named(&name.value, name.span)? {
                Named::Vm(vm) => self.posted_to(vm, last),
                _ => return Err(wrong(name.span, &name.value, "a virtual machine", "虚拟机")),
            },
        };
        if ok && guest {
            return Ok(None);
        }
        let mut wanted = called(controller.number(vector.value) as u32);
        if let Some(cpu) = &e.cpu {
            wanted.en += &format!(" at CPU {}", cpu.value);
            wanted.zh += &format!("，CPU {}", cpu.value);
        }
        if let Some(kind) = kind {
            let how = delivered(kind);
            wanted.en += &format!(", {}", how.en);
            wanted.zh += &format!("，{}", how.zh);
        }
        let (mut en, mut zh) = match (ok, got) {
            (true, _) => (
                "expected an interrupt posted to this guest, but it was posted to another".to_string(),
                "期望送给这个客户机的中断，实际送给了另一个".to_string(),
            ),
            (false, None) => (
                format!("expected {}, but no interrupt arrived", wanted.en),
                spaced(&format!("期望{}，实际没有收到中断", wanted.zh)),
            ),
            (false, Some((number, cpu, kind))) => {
                let (number, how) = (called(number), delivered(kind));
                (
                    format!("expected {}, but it was {} at CPU {cpu}, {}", wanted.en, number.en, how.en),
                    spaced(&format!("期望{}，实际是{}，CPU {cpu}，{}", wanted.zh, number.zh, how.zh)),
                )
            }
        };
        // What a scenario for another machine expects cannot come here: say what does.
        let more = match (kind, got) {
            (Some(InterruptKind::Posted), Some((.., InterruptKind::Stored))) => Some(Phrase::new(
                "expect it without `posted`: it waits in memory until the hypervisor runs the guest",
                "请去掉 `posted`：它先存在内存里，等宿主机运行这个客户机",
            )),
            (Some(InterruptKind::Posted), _)
                if self.architecture.is_some_and(|a| !a.has(Ability::PostedInterrupts)) =>
            {
                let able = Architecture::words_of(|a| a.has(Ability::PostedInterrupts));
                Some(Phrase::new(
                    format!(
                        "this IOMMU posts no interrupts to guests: expect `remapped` and a `cpu`, or write {} after `machine`",
                        able.en
                    ),
                    format!(
                        "这里的 IOMMU 不能把中断直接投递给客户机：请期望 `remapped` 与 `cpu`，或把 `machine` 后面换成 {}",
                        able.zh
                    ),
                ))
            }
            // What no controller takes cannot come; on other machines the message is another.
            (_, None) => match controller.refuses(controller.number(vector.value) as u32) {
                Some(rule) => Some(rule.text.into()),
                None => controller.elsewhere().map(Phrase::from),
            },
            _ => None,
        };
        if let Some(more) = more {
            en += &format!(" ({})", more.en);
            zh += &format!("（{}）", more.zh);
        }
        Ok(Some(Bilingual::new(en, zh)))
    }

    /// Was the guest's posted-interrupt descriptor, or its interrupt file in memory, written in this operation?
    fn posted_to(&self, vm: usize, last: Option<&Done>) -> bool {
        let (Some(at), Some(done)) = (self.sw.vms[vm].posted, last) else { return false };
        self.trace.steps().range(done.steps.clone()).iter().any(|step| match step.event {
            Event::Write { pa, .. } => pa.raw() >> 12 == at.raw() >> 12,
            _ => false,
        })
    }

    /// The packets of the last operation.
    fn packets<'p>(&mut self, last: Option<&Done>, known: &'p mut Option<PacketIndex>) -> &'p PacketIndex {
        known.get_or_insert_with(|| {
            let range = last.map_or(0..0, |d| d.steps.clone());
            self.trace.spend(range.len() as u64);
            PacketIndex::of(self.trace.steps().range(range))
        })
    }

    fn expect_packet(
        &mut self,
        e: &ast::ExpectPacket,
        last: Option<&Done>,
        packets: &mut Option<PacketIndex>,
    ) -> Found {
        let at = match &e.at {
            None => None,
            Some(at) => Some(self.find(at, Space::Bus)?.at.raw),
        };
        let index = self.packets(last, packets);
        let (ok, looked) = index.sent(e, at);
        self.trace.spend(looked);
        unless(ok, || "no such packet was sent".into(), || "没有发出这样的数据包".into())
    }

    fn expect_count(&mut self, e: &ast::ExpectCount, outcome: &Outcome, total: &Counts) -> Found {
        let Counts {
            reads,
            iotlb_hits,
            iotlb_misses,
            translations,
            packets,
            copies,
            copied,
            exits,
            faults,
            interrupts,
            invalidations,
            transferred,
        } = if e.total { *total } else { outcome.counts };
        let list = self.sw.handles.iter().rev().find_map(|h| h.list.as_ref());
        let got = match e.counter.value {
            Counter::Reads => reads,
            Counter::IotlbHits => iotlb_hits,
            Counter::IotlbMisses => iotlb_misses,
            Counter::Translations => translations,
            Counter::Packets => packets,
            Counter::Copies => copies,
            Counter::Copied => copied,
            Counter::Exits => exits,
            Counter::Faults => faults,
            Counter::Interrupts => interrupts,
            Counter::Invalidations => invalidations,
            Counter::Transferred => transferred,
            Counter::Nents => list.map_or(0, |l| l.nents() as u64),
            Counter::OrigNents => list.map_or(0, |l| l.orig_nents as u64),
            Counter::Descriptors => self.hw.devices.iter().map(|d| u64::from(d.engine.descriptors())).sum(),
            Counter::PageRequests => self.sw.page_requests,
        };
        let ok = e.comparison.value.holds(got, e.count.value);
        let sign = match e.comparison.value {
            Comparison::Equal => "=",
            Comparison::Different => "!=",
            Comparison::AtLeast => ">=",
            Comparison::AtMost => "<=",
        };
        Ok((!ok).then(|| compare(&format!("{sign} {}", e.count.value), &format!("{got}"))))
    }
}

/// What an expectation compares with: bytes that it names, or memory.
enum Source {
    Content(Content),
    Memory { named: Option<Named>, offset: u64, at: PhysAddr, len: u64 },
}

impl Source {
    fn len(&self) -> u64 {
        match self {
            Source::Content(content) => content.len(),
            Source::Memory { len, .. } => *len,
        }
    }
}

/// The verdict on bytes from place `first` on.
fn differ(first: u64, want: &[u8], got: &[u8], equality: Equality) -> Option<Bilingual> {
    let same = want == got;
    if same == (equality == Equality::Equal) {
        return None;
    }
    if same {
        return Some(Bilingual::new("the bytes are the same", "字节相同"));
    }
    let place = want.iter().zip(got).position(|(a, b)| a != b).unwrap_or(got.len());
    let show = |b: Option<&u8>| b.map_or("nothing".to_string(), |b| format!("{b:#04x}"));
    let at = first + place as u64;
    Some(Bilingual::new(
        format!("byte {at} is {}, expected {}", show(got.get(place)), show(want.get(place))),
        format!("第 {at} 字节是 {}，期望 {}", show(got.get(place)), show(want.get(place))),
    ))
}
