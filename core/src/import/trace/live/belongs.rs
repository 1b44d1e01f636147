//! To which group and to which domain devices belong, and when that changed. Devices of a group have one default domain: what one of
//! them has mapped all of them have. What a device mapped in a domain that it is no longer in is not its own any more.

use super::refused::At;
use super::{Live, MEMORY};
use crate::import::scan::{number, word};
use crate::import::trace::finding::{Aside, Change, Finding, Mapping, Was};
use crate::import::trace::line::{time, Moment};
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::RangeInclusive;

/// The times that count.
type Times = RangeInclusive<u64>;

/// What became of a device at a moment, and the group that it came into or left.
#[derive(Clone, Copy, Debug)]
struct Step {
    when: Moment,
    change: Change,
    group: Option<u64>,
}

/// What became of each device, in the order of the text.
#[derive(Debug, Default)]
pub(super) struct Belongs {
    steps: BTreeMap<usize, Vec<Step>>,
    kept: usize,
}

impl Belongs {
    fn add(&mut self, device: usize, step: Step) {
        if self.kept < MEMORY {
            self.kept += 1;
            self.steps.entry(device).or_default().push(step);
        }
    }

    /// The group that a device is in after some times, and since when.
    fn group(&self, device: usize, times: &Times) -> Option<(u64, Moment)> {
        let of_groups = self.steps.get(&device)?.iter().filter(|step| step.group.is_some());
        // What has no time is of the start.
        let until = of_groups.filter(|step| step.when.time == 0 || times.contains(&step.when.time));
        let last = until.max_by_key(|step| (step.when.time, step.when.line))?;
        (last.change == Change::Joined).then_some((last.group?, last.when))
    }

    /// What makes two devices one for the tables after some times.
    fn shared(&self, device: usize, other: usize, times: &Times) -> Option<Aside> {
        let ((group, own), (of_other, its)) = (self.group(device, times)?, self.group(other, times)?);
        (group == of_other && device != other).then_some(Aside::Group {
            other: String::new(),
            group,
            lines: (own.line, its.line),
        })
    }

    /// Returns whether two devices are known to be of two groups after some times.
    pub(super) fn are_apart(&self, device: usize, other: usize, times: &Times) -> bool {
        let groups = self.group(device, times).zip(self.group(other, times));
        groups.is_some_and(|((group, _), (of_other, _))| group != of_other)
    }
}

impl Live {
    /// Takes note of what became of a device; of a group, which one.
    pub(super) fn belongs(&mut self, when: Moment, device: usize, change: Change, group: Option<u64>) {
        self.belongs.add(device, Step { when, change, group });
        if change == Change::Joined {
            self.found_of_one_group(device, when);
        }
    }

    /// Takes note of a kernel's line that says which group a device came into or left. Without a time it is of the start, as most are.
    pub fn line_of_group(&mut self, line: u64, stamp: Option<u64>, said: &str) {
        const SAID: [(&str, Change); 2] =
            [(": Adding to iommu group ", Change::Joined), (": Removing from iommu group ", Change::Left)];
        for (mark, change) in SAID {
            let Some((before, group)) = said.split_once(mark) else { continue };
            let Some(group) = number(word(group)) else { continue };
            let Some(device) = before.split_whitespace().next_back() else { continue };
            let own = || before.split(['[', ']']).find_map(|text| time(text.trim()));
            let time = stamp.map(|time| self.ahead(time)).or_else(|| own().map(|time| self.placed(time)));
            let when = Moment { time: time.unwrap_or(0), line };
            let device = self.device(device);
            self.belongs(when, device, change, Some(group));
        }
    }

    /// What was refused before, and another device had mapped: a line below says that both are of one group.
    fn found_of_one_group(&mut self, joined: usize, when: Moment) {
        let mut found = core::mem::take(&mut self.found);
        for (now, finding) in &mut found {
            let Finding::Fault { device, write, was, .. } = finding else { continue };
            let (other, mapping) = match was {
                Was::Aside(_, Aside::Another(other, mapping)) | Was::NoDevice(Some((other, mapping))) => {
                    (other.clone(), *mapping)
                }
                _ => continue,
            };
            let both = self.numbers.get(device.as_str()).zip(self.numbers.get(&other));
            let both = both.map(|(a, b)| (*a, *b));
            let Some((device, another)) = both.filter(|(a, b)| [*a, *b].contains(&joined)) else { continue };
            if when.time > now.time {
                continue;
            }
            let times = self.in_boot(now.time);
            if let Some(aside) = self.belongs.shared(device, another, &times) {
                *was = mapping.at_an_access(*write).with(aside.of(other));
            } else if self.belongs.are_apart(device, another, &times) {
                *was = match &*was {
                    Was::NoDevice(_) => Was::NoDevice(None),
                    other => other.core().clone(),
                };
            }
        }
        self.found = found;
    }

    /// What the devices of its group have or had mapped at an address that a device was refused, where that says more than what it
    /// had itself.
    pub(super) fn of_group(
        &self,
        device: usize,
        own: Option<Was>,
        had: impl Fn(usize) -> Option<Was>,
        now: Moment,
    ) -> Option<Was> {
        let is_there =
            |was: &Was| matches!(was, Was::Mapped(_) | Was::Other(_) | Was::Perhaps(..) | Was::Lost(..));
        let weight = |was: &Was| {
            let turned = was.turned().unwrap_or_default();
            (is_there(was), turned.time, turned.line)
        };
        let mut best = own;
        if best.as_ref().is_some_and(is_there) {
            return best;
        }
        let times = self.in_boot(now.time);
        for other in self.belongs.steps.keys() {
            let Some(aside) = self.belongs.shared(device, *other, &times) else { continue };
            let Some(was) = had(self.space(*other)) else { continue };
            if best.as_ref().is_none_or(|best| weight(&was) > weight(best)) {
                best = Some(was.with(aside.of(self.name(*other).into())));
            }
        }
        best
    }

    /// What an address was, with what became of its device since it was mapped.
    pub(super) fn moved(&self, device: usize, was: Was, now: Moment) -> Was {
        let since = match was.core() {
            Was::Mapped(mapping) | Was::Other(mapping) | Was::Perhaps(mapping, _) => mapping.since,
            _ => return was,
        };
        let steps = self.belongs.steps.get(&device).map_or(&[][..], |steps| steps);
        let after = |step: &&Step, then: Moment| {
            (step.when.time, step.when.line) > (then.time, then.line) && step.when.time <= now.time
        };
        let mut since_then: Vec<&Step> = steps.iter().filter(|step| after(step, since)).collect();
        since_then.sort_by_key(|step| (step.when.time, step.when.line));
        let leaves = |step: &&&Step| matches!(step.change, Change::Left | Change::Detached);
        // That it left is more than that it came to a domain that has no name.
        let Some(one) = since_then.iter().find(leaves).or(since_then.last()) else { return was };
        let again = since_then
            .iter()
            .rfind(|step| step.change == Change::Attached && leaves(&one) && after(step, one.when));
        let again = again.map(|step| step.when.line);
        was.with(Aside::Moved { change: one.change, line: one.when.line, again })
    }

    /// What a device never had mapped, with another that has the address: of one group they may be, or the other is meant.
    pub(super) fn perhaps_of_another(
        &self,
        never: Was,
        device: usize,
        another: Option<(usize, Mapping)>,
    ) -> Was {
        // Where domains have names it is known what counts for whom.
        match another.filter(|_| self.domains.is_empty()) {
            Some((other, mapping)) if other != device => {
                never.with(Aside::Another(self.name(other).into(), mapping))
            }
            _ => never,
        }
    }

    /// What an address of a device is or was at a time.
    pub(super) fn had(&self, device: usize, address: u64, write: Option<bool>, at: At) -> Option<Was> {
        match at {
            At::Now => self.known(device, address, write),
            At::Then(..) => self.known_then(device, address, write, at),
        }
    }
}

impl Was {
    /// The same with something that is to be said beside it.
    fn with(self, aside: Aside) -> Was {
        Was::Aside(Box::new(self), aside)
    }
}

impl Aside {
    /// The same, of a device of this name.
    fn of(self, name: String) -> Aside {
        match self {
            Aside::Group { group, lines, .. } => Aside::Group { other: name, group, lines },
            other => other,
        }
    }
}
