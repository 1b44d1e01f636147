//! What a refused address was when it was refused, as far as a trace can say.

use super::{owner, Live, MEMORY, NEAR};
use crate::import::trace::finding::{Aside, Finding, Mapping, Was};
use crate::import::trace::history::{Act, Kind, Owner, Passed, Span, SpanId};
use crate::import::trace::line::{Moment, Part};
use alloc::boxed::Box;
use alloc::string::String;

/// What an IOMMU maps at least: the whole of a page, whatever of it a buffer has.
const PAGE: u64 = 4096;

/// Within how many events the DMA API says what it did to the tables.
const SOON: usize = 1000;

/// A refused access as an event tells it.
pub(super) struct Asked {
    pub address: u64,
    pub write: Option<bool>,
    pub pasid: Option<u32>,
    /// It is known between which events it comes.
    pub placed: bool,
}

/// At which time something is looked for: now, or among the events of the history that are not later than a time.
#[derive(Clone, Copy)]
pub(super) enum At {
    Now,
    /// The time, and between which events it lies: before the first all are earlier, from the second on all are later.
    Then(u64, usize, usize),
}

/// The addresses of a page, first and last.
const fn page(address: u64) -> (u64, u64) {
    (address & !(PAGE - 1), address | (PAGE - 1))
}

/// Returns whether a range has anything of the page of an address.
pub fn meets(part: &Part, address: u64) -> bool {
    let (first, last) = page(address);
    part.address <= last && part.address.saturating_add(part.size.max(1)) > first
}

impl Live {
    /// Returns what an address was that a device was refused; `late` if later events stand before it.
    pub(super) fn refused(&self, now: Moment, device: usize, asked: &Asked, late: bool) -> Was {
        if let Some(pasid) = asked.pasid {
            return Was::Process(pasid);
        }
        if !asked.placed {
            return Was::Sometime;
        }
        let at = match self.history.around(now.time).filter(|_| late) {
            Some((first, end)) => At::Then(now.time, first, end),
            None if late => return Was::TooMany,
            None => At::Now,
        };
        let space = self.space(device);
        let address = asked.address;
        let had = |space| self.had(space, address, asked.write, at);
        if let Some(was) = self.of_group(device, had(space), had, now) {
            // The tables get a page before the DMA API says that it is mapped.
            let gone = match was.core() {
                Was::Unmapped(_, when) | Was::UnmappedUnseen(_, when) => Some(*when),
                _ => None,
            };
            let again = gone.filter(|_| self.tabled).and_then(|gone| {
                let again = self.in_tables(address, at)?;
                let since = matches!(again, Was::Tables(_, since, None) if since.line > gone.line);
                since.then_some(again)
            });
            return self.moved(device, again.unwrap_or(was), now);
        }
        let named = !self.name(device).is_empty();
        let unseen = self.maps == 0 && self.accesses > 0;
        if !named || !unseen && !self.acted.contains(&device) {
            if let Some((other, mapping)) = self.of_another(space, address, at, now) {
                return Was::NoDevice(Some((self.name(other).into(), mapping)));
            }
            if let Some(was) = self.in_tables(address, at) {
                return was;
            }
            return if self.acted.is_empty() && self.tabled { Was::NoTables } else { Was::NoDevice(None) };
        }
        let cuts = self.cuts.get(&space).map_or(&[][..], |all| all);
        if let Some(cut) = cuts.iter().rev().find(|cut| cut.time <= now.time) {
            return Was::Cut(*cut);
        }
        let later = self.ended.range((space, 0)..=(space, page(address).1)).rev().take(NEAR);
        let mut later = later.filter(|(_, (part, when))| meets(part, address) && when.time > now.time);
        if let Some((_, (part, when))) = later.next().filter(|_| late) {
            return Was::MappedUnseen(*part, *when);
        }
        // Not all that is in tables the DMA API put there.
        if let Some(was) = self.in_tables(address, at).filter(|_| self.tabled) {
            return was;
        }
        let never = match at {
            _ if unseen => return Was::Unseen,
            At::Now => self.never(space, address),
            At::Then(..) => Was::Never(None),
        };
        self.perhaps_of_another(never, device, self.of_another(space, address, at, now))
    }

    /// What a device has or had mapped in the page of an address.
    pub(super) fn known(&self, device: usize, address: u64, write: Option<bool>) -> Option<Was> {
        let (first, last) = page(address);
        let many = if self.nested { NEAR } else { 1 };
        let whole = || {
            let below = self.mapped.range((device, 0)..=(device, last)).rev().take(many);
            below.filter(|(_, m)| meets(&m.part, address)).map(|(key, _)| *key).next()
        };
        let key = self.holding(device, address).or_else(whole);
        if let Some(mapping) = key.and_then(|key| self.mapped.get(&key)) {
            return Some(match mapping.lost.filter(|lost| lost.first <= last && lost.end > first) {
                Some(lost) if lost.of_several > 0 => Was::Perhaps(*mapping, lost.when),
                Some(lost) => Was::Lost(*mapping, lost.when),
                None => mapping.at_an_access(write),
            });
        }
        // Of several that had it the one that was unmapped last.
        let gone = self.gone.range((device, 0)..=(device, last)).rev().take(NEAR);
        let gone = gone.filter(|(_, (mapping, _))| meets(&mapping.part, address));
        let gone = gone.max_by_key(|(_, (_, when))| when.line).map(|(_, gone)| gone);
        let unseen = self.ended.range((device, 0)..=(device, last)).rev().take(NEAR);
        let unseen = unseen.filter(|(_, (part, _))| meets(part, address));
        let unseen = unseen.max_by_key(|(_, (_, when))| when.line).map(|(_, unseen)| unseen);
        match (gone, unseen) {
            (Some((_, when)), Some((part, later))) if later.line > when.line => {
                Some(Was::UnmappedUnseen(*part, *later))
            }
            (Some((mapping, when)), _) => Some(Was::Unmapped(*mapping, *when)),
            (None, Some((part, when))) => Some(Was::UnmappedUnseen(*part, *when)),
            (None, None) => None,
        }
    }

    /// As [`Live::known`], at an earlier time, as far as the history has it.
    pub(super) fn known_then(&self, device: usize, address: u64, write: Option<bool>, at: At) -> Option<Was> {
        let At::Then(time, _, end) = at else { return None };
        let ours = |span: &&Span| span.owner == owner(device) && meets(&span.part(), address);
        if let Some(span) = self.there(at).filter(ours).last() {
            return Some(match self.lost_then(span, address, at) {
                Some((when, true)) => Was::Lost(self.of_span(span), when),
                Some((when, false)) => Was::Perhaps(self.of_span(span), when),
                None => self.of_span(span).at_an_access(write),
            });
        }
        let gone = self.ended_at(at).find(ours);
        if let Some(span) = gone {
            return Some(Was::Unmapped(self.of_span(span), self.moment(span.end()?)));
        }
        let passed = self.history.passed();
        let unmaps = passed.iter().take(end).rev().take(MEMORY);
        let within = self.since(time)..=time;
        let mut unmaps =
            unmaps.filter(|p| matches!(p.act, Act::Unmap | Act::Free) && within.contains(&p.time));
        let part = |address, size| Part { address, physical: None, size };
        let one = unmaps
            .find(|p| p.owner == owner(device) && p.size > 0 && meets(&part(p.address, p.size), address))?;
        let when = Moment { time: one.time, line: u64::from(one.line) };
        Some(Was::UnmappedUnseen(part(one.address, one.size), when))
    }

    /// When the tables had lost the page of a mapping that was still there, and whether it was surely its own: where several devices had
    /// the address, whose page they lost says the unmap that follows.
    fn lost_then(&self, span: &Span, address: u64, at: At) -> Option<(Moment, bool)> {
        let At::Then(time, _, end) = at else { return None };
        let here = |other: &&Span| meets(&other.part(), address);
        let of_tables = |one: &&Span| one.owner == Owner::Tables && here(one);
        let other = |one: &&Span| one.owner != Owner::Tables && one.owner != span.owner && here(one);
        let lost = self.ended_at(at).find(of_tables)?.end()?;
        let when = self.moment(lost);
        let several = self.history.during(lost, lost + 1).any(|one| other(&one));
        let again = self.there(at).filter(of_tables).any(|one| !several || one.begin() > lost);
        if again || when.time > time || lost <= span.begin() {
            return None;
        }
        let follows = self.history.passed().iter().take(end.max(lost) + SOON).skip(lost);
        let mut follows = follows.filter(|p| matches!(p.act, Act::Unmap | Act::Free));
        let part = |p: &Passed| Part { address: p.address, physical: None, size: p.size };
        match follows.find(|p| meets(&part(p), address)) {
            Some(unmap) if unmap.owner == span.owner => Some((when, true)),
            Some(_) if several => None,
            _ => Some((when, !several)),
        }
    }

    /// Another device that has the page of an address mapped, and is not known to be of another group.
    fn of_another(&self, device: usize, address: u64, at: At, now: Moment) -> Option<(usize, Mapping)> {
        let (_, last) = page(address);
        let times = self.in_boot(now.time);
        let may_be = |other: usize| other != device && !self.belongs.are_apart(device, other, &times);
        match at {
            At::Now => {
                let below = self.starts.range(..=(last, usize::MAX)).rev().take(NEAR);
                let all = below.filter_map(|(at, other)| Some((*other, *self.mapped.get(&(*other, *at))?)));
                all.filter(|(other, m)| may_be(*other) && meets(&m.part, address)).find(|(_, m)| !m.seen)
            }
            At::Then(..) => {
                let here = |span: &&Span| span.owner != owner(device) && meets(&span.part(), address);
                let mut all = self.there(at).filter(here).filter(|span| span.kind != Kind::Seen);
                all.find_map(|span| match span.owner {
                    Owner::Device(other) if may_be(other.into()) => {
                        Some((usize::from(other), self.of_span(span)))
                    }
                    _ => None,
                })
            }
        }
    }

    /// What tables have or had in the page of an address; whose they are the events do not say.
    fn in_tables(&self, address: u64, at: At) -> Option<Was> {
        let (_, last) = page(address);
        let ours = |span: &&Span| span.owner == Owner::Tables && meets(&span.part(), address);
        let (there, gone) = match at {
            At::Now => {
                let below = self.tables.range(..=last).rev().take(NEAR);
                let spans = below.flat_map(|(_, all)| all.iter().rev());
                let there = spans.filter_map(|id| self.history.get(*id)).find(ours);
                let end = self.history.passed().len();
                let since = self.since(self.latest);
                let of_boot = |span: &&Span| self.moment(span.begin()).time >= since;
                (there, self.history.ended_by(end).take(MEMORY).filter(of_boot).find(ours))
            }
            At::Then(..) => (self.there(at).filter(ours).last(), self.ended_at(at).find(ours)),
        };
        let span = there.or(gone)?;
        // What a device's DMA API says right behind that it maps is that device's, and known as such.
        let begin = span.begin();
        let behind = self.history.begun(begin, begin + SOON).iter();
        if self.maps > 0
            && behind.filter(|one| one.owner != Owner::Tables).any(|one| meets(&one.part(), address))
        {
            return None;
        }
        let gone = span.end().filter(|_| there.is_none()).map(|end| self.moment(end));
        Some(Was::Tables(span.part(), self.moment(span.begin()), gone))
    }

    /// What was there at a time.
    fn there(&self, at: At) -> impl Iterator<Item = &Span> {
        let (time, first, end) = match at {
            At::Now => (u64::MAX, self.history.passed().len(), self.history.passed().len()),
            At::Then(time, first, end) => (time, first, end),
        };
        let since = self.since(if time == u64::MAX { self.latest } else { time });
        let is_then = move |span: &&Span| {
            (since..=time).contains(&self.moment(span.begin()).time)
                && span.end().is_none_or(|end| self.moment(end).time > time)
        };
        self.history.during(first, end).filter(is_then)
    }

    /// What had ended by a time, the last first.
    fn ended_at(&self, at: At) -> impl Iterator<Item = &Span> {
        let (time, end) = match at {
            At::Now => (u64::MAX, self.history.passed().len()),
            At::Then(time, _, end) => (time, end),
        };
        let since = self.since(time);
        let is_over = move |span: &&Span| {
            self.moment(span.begin()).time >= since
                && span.end().is_some_and(|end| self.moment(end).time <= time)
        };
        self.history.ended_by(end).take(MEMORY).filter(is_over)
    }

    fn moment(&self, at: usize) -> Moment {
        let passed = self.history.passed().get(at);
        passed.map_or(Moment::default(), |p| Moment { time: p.time, line: u64::from(p.line) })
    }

    fn of_span(&self, span: &Span) -> Mapping {
        Mapping {
            part: span.part(),
            direction: span.direction,
            coherent: span.kind == Kind::Memory,
            since: self.moment(span.begin()),
            synced: None,
            seen: span.kind == Kind::Seen,
            lost: None,
            span: SpanId::default(),
        }
    }

    /// A device unmaps what the trace did not see mapped: what was refused it there before was mapped.
    pub(super) fn was_mapped(&mut self, device: usize, range: Part, now: Moment) {
        let name = String::from(self.name(device));
        for (_, finding) in &mut self.found {
            let Finding::Fault { device, address, was, .. } = finding else { continue };
            if *device == name && meets(&range, *address) && matches!(was.core(), Was::Never(_)) {
                *was = Was::MappedUnseen(range, now);
            }
        }
    }

    /// A device does something for the first time: what was refused it before is no longer of one that the trace has not.
    pub(super) fn acts(&mut self, name: &str) -> usize {
        let device = self.device(name);
        if self.acted.insert(device) {
            for (_, finding) in &mut self.found {
                let Finding::Fault { device, was, .. } = finding else { continue };
                if device.as_str() != name {
                    continue;
                }
                if let Was::NoDevice(other) = was {
                    let never = Was::Never(None);
                    *was = match other.take().filter(|_| self.domains.is_empty()) {
                        Some((other, mapping)) => Was::Aside(Box::new(never), Aside::Another(other, mapping)),
                        None => never,
                    };
                }
            }
        }
        device
    }

    /// Takes note of a device's list that the kernel has cut; `mapped` if it is one that was mapped.
    pub fn cut_list(&mut self, device: &str, now: Moment, mapped: bool) {
        let device = self.device(device);
        *self.truncated.entry(device).or_default() += 1;
        if mapped {
            let cuts = self.cuts.entry(device).or_default();
            if cuts.len() < MEMORY {
                cuts.push(now);
            }
        }
    }
}
