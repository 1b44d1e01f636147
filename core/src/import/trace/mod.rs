//! A trace of DMA events, Linux's or QEMU's, replayed: what each device has mapped at any time, and what is wrong with it.

mod finding;
mod history;
mod kernel;
mod line;
mod lists;
mod live;
mod log;
mod moment;
mod perf;
mod qemu;
mod report;
mod said;
mod scenario;
mod waiting;
mod was;

use super::account::Account;
use super::scan;
use crate::explain::logs::{Refused, RefusedReader};
use crate::spec::Lang;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;
use kernel::Whose;
use line::{Event, Moment, Place};
use live::Live;
pub use log::{explain, TracedLog};
pub use moment::{LaneKind, LaneMark, TraceLane, TraceMoment};

/// Bytes of a line that are read: a list of a scatter-gather event has thousands of entries.
pub const LONGEST: usize = 1 << 20;
/// Faults that wait for the events around them; what is more does not wait.
const MOST_EARLY: usize = 65_536;
/// Nanoseconds: what is later is of a clock that counts since 1970, what is earlier of one since a machine's start.
const EPOCH: u64 = 500_000_000_000_000_000;
/// Nanoseconds before the first event that are long.
const LONG: u64 = 10_000_000_000;
/// Lines that are not understood and are listed; all are counted.
const MOST_UNREAD: usize = 40;

/// A trace that is being read, line by line.
#[derive(Debug, Default)]
pub struct Replay {
    live: Live,
    lines: u64,
    /// An event was read.
    begun: bool,
    /// Events follow that were not taken.
    more: bool,
    /// The line of the first of them.
    later: Option<u64>,
    told: Told,
    /// Lines by which a kernel tells of refused accesses.
    faults: RefusedReader,
    /// Events that stand between such lines: they wait until the one before them is read.
    held: VecDeque<Held>,
    /// Faults that stand before events of their time: they wait for the event that is later. By time and line.
    early: BTreeMap<(u64, u64), Refused>,
    /// Faults long before the first event: they wait for a boot that they are of.
    before: BTreeMap<(u64, u64), Refused>,
    /// Faults without the trace's clock: they wait for an event below them.
    unplaced: Vec<Refused>,
    /// Lines that the event `console` has; a log may have each of them once more.
    consoles: BTreeSet<u64>,
    /// Faults by time and address, each with whether a `console` event has it.
    met: BTreeMap<(u64, u64), Vec<(bool, Refused)>>,
}

/// An event that waits.
#[derive(Debug)]
struct Held {
    now: Moment,
    event: Event,
    /// The device whose list the kernel has cut, and whether it maps one.
    cut: Option<(String, bool)>,
}

/// What is to be said of the reading itself.
#[derive(Debug, Default)]
struct Told {
    /// Events and faults that are later than what was asked for.
    later: u64,
    /// Events that the tracer had overwritten when it was read.
    overwritten: u64,
    /// CPUs whose events begin within the trace, as it says, and the last line that says so.
    begun: (u64, u64),
    /// Somebody stopped the reading: bytes that were read, and that there are.
    stopped: Option<(u64, u64)>,
    /// The clock counts without a unit.
    ticks: bool,
    /// Lines have no time, or one since the trace began.
    bare: bool,
    /// Refusals without an address that a device sent, and the last line of one.
    aside: (u64, u64),
    /// Lines that are longer than what is read of one.
    long: u64,
    /// Lines of events that are not understood.
    unread: u64,
    /// The first of them, each with its number.
    shown: Vec<(u64, String)>,
    /// Faults whose line has the number of a device and not its name: taken for the function with that number, and of no device.
    by_number: (u64, u64),
    /// Faults whose line does not say the device.
    unsaid: u64,
}

impl Replay {
    /// Reads the next line. What is later than `until` nanoseconds is counted and not taken: lines of a log may follow that are not.
    /// Returns whether it is an event of Linux's that a log reader has nothing to say of.
    pub fn line(&mut self, text: &str, until: Option<u64>) -> bool {
        self.lines += 1;
        if text.len() > LONGEST {
            self.told.long += 1;
        }
        let raw = perf::raw(text);
        let (raw, is_since) = (raw.as_deref().unwrap_or(text), raw.is_some());
        let read = line::read(raw);
        let event = read.as_ref().and_then(|read| Some((read.time, read.event()?)));
        let of_trace = event.as_ref().is_some_and(|(_, event)| !matches!(event, Event::Fault { .. }));
        let event = event.or_else(|| qemu::parse(text).map(|(time, event)| (Some(time), event)));
        let Some((time, event)) = event else {
            // A kernel's own lines of faults count within a trace: alone they are a log, which another reads. What `printk:console`
            // has of them has that event's time.
            let (time, said) = read.as_ref().map_or((None, text), |read| (read.time, read.said()));
            if time.is_some() && self.consoles.len() < MOST_EARLY {
                self.consoles.insert(self.lines);
            }
            self.faults.line(self.lines, time, said);
            self.live.line_of_group(self.lines, time, said);
            if read.is_some_and(|read| read.is_unread()) || line::seems(text) {
                self.told.unread += 1;
                if self.told.shown.len() < MOST_UNREAD {
                    self.told.shown.push((self.lines, text.trim().chars().take(160).collect()));
                }
            }
            self.lost(text);
            self.settle(until);
            return false;
        };
        self.told.ticks |= time.is_none();
        self.told.bare |= is_since || read.as_ref().is_some_and(|read| read.is_bare);
        let time = time.unwrap_or(0);
        if !self.begun {
            self.begun = true;
            self.faults.ask(self.lines);
        }
        if until.is_some_and(|until| time > until) {
            self.more = true;
            self.later.get_or_insert(self.lines);
            self.told.later += 1;
            // A message of several lines goes on below it.
            self.faults.pass();
            self.settle(until);
            return of_trace;
        }
        let cut =
            read.filter(line::Read::is_truncated).map(|read| (String::from(read.device()), read.is_map()));
        let held = Held { now: Moment { time, line: self.lines }, event, cut };
        if self.faults.is_waiting() {
            self.held.push_back(held);
            self.faults.pass();
            self.settle(until);
        } else {
            self.event(held);
        }
        of_trace
    }

    /// Takes the next event.
    fn event(&mut self, mut held: Held) {
        let first = self.live.events == 0;
        if !self.told.ticks && self.live.is_anew(held.now.time) {
            self.anew(held.now);
        }
        held.now.time = self.live.ahead(held.now.time);
        if !first {
            self.place(true);
        }
        self.live.begins(held.now);
        if self.told.ticks {
            // Of a clock that counts without a unit no time of a log is one.
            self.unplaced.extend(core::mem::take(&mut self.early).into_values());
        }
        if first && !self.told.ticks {
            // Long before the trace: another boot may follow, whose they are.
            self.before = core::mem::take(&mut self.early);
            self.early = self.before.split_off(&(held.now.time.saturating_sub(LONG), 0));
        }
        self.catch_up(held.now.time);
        if let Some((device, maps)) = held.cut {
            self.live.cut_list(&device, held.now, maps);
        }
        self.live.event(held.now, held.event);
        if first {
            self.place(false);
        }
    }

    /// The times begin anew: with an event of another boot.
    fn anew(&mut self, event: Moment) {
        self.live.closed = true;
        self.catch_up(u64::MAX);
        self.live.closed = false;
        self.live.boot(event);
        for ((time, line), refused) in core::mem::take(&mut self.before) {
            if time.saturating_add(LONG) < event.time {
                self.before.insert((time, line), refused);
            } else {
                self.early.insert((self.live.ahead(time), line), refused);
            }
        }
    }

    /// Takes the faults without the trace's clock; `placed` if events stand above and below them.
    fn place(&mut self, placed: bool) {
        let time = self.live.span.1.time;
        let place = if placed { Place::Line } else { Place::Unknown };
        for refused in core::mem::take(&mut self.unplaced) {
            self.refused(time, &refused, place);
        }
    }

    /// Takes the faults that were read, and the events between them, in the order of their lines.
    fn settle(&mut self, until: Option<u64>) {
        let read = self.faults.reads_from().unwrap_or(u64::MAX);
        // Bounded: each turn takes one away.
        loop {
            let event = self.held.front().map(|held| held.now.line).filter(|line| *line < read);
            match (self.faults.next_line(), event) {
                (Some(fault), line) if line.is_none_or(|line| fault < line) => {
                    if let Some(refused) = self.faults.take() {
                        self.fault(refused, until);
                    }
                }
                (_, Some(_)) => {
                    if let Some(held) = self.held.pop_front() {
                        self.event(held);
                    }
                }
                (_, None) => return,
            }
        }
    }

    /// Takes a fault. One without a time comes after what is above it, if there is something below it too.
    fn fault(&mut self, refused: Refused, until: Option<u64>) {
        let begun = self.live.events > 0;
        let Some(time) = refused.time.filter(|_| !self.told.ticks) else {
            // Below an event that is later it is later too.
            if self.later.is_some_and(|later| later < refused.line) {
                self.told.later += 1;
                return;
            }
            if self.unplaced.len() < MOST_EARLY {
                self.unplaced.push(refused);
            }
            return;
        };
        if self.is_met(time, &refused) {
            return;
        }
        if begun && until.is_some_and(|until| time > until) {
            self.told.later += 1;
            return;
        }
        let time = self.live.placed(time);
        let ahead = !begun || self.live.timed() && time > self.live.latest();
        if ahead && self.early.len() < MOST_EARLY {
            self.early.insert((time, refused.line), refused);
        } else if begun {
            self.catch_up(time.saturating_add(1));
            self.refused(time, &refused, Place::Time);
        }
    }

    /// Returns whether a fault was read before, of a `console` event or of the log: both have each line of the kernel with its time.
    fn is_met(&mut self, time: u64, refused: &Refused) -> bool {
        let console = self.consoles.remove(&refused.line);
        let same = |have: &Refused| Refused { line: refused.line, ..have.clone() } == *refused;
        let room = self.met.len() < MOST_EARLY;
        let known = self.met.get_mut(&(time, refused.address));
        if let Some(known) = known {
            if let Some(at) = known.iter().position(|(of, have)| *of != console && same(have)) {
                known.remove(at);
                return true;
            }
            known.push((console, refused.clone()));
        } else if room {
            self.met.insert((time, refused.address), Vec::from([(console, refused.clone())]));
        }
        false
    }

    /// A device was refused an address.
    fn refused(&mut self, time: u64, refused: &Refused, place: Place) {
        // No machine has been up for as long as it is since 1970.
        let other = place == Place::Time && (time > EPOCH) != (self.live.first() > EPOCH);
        let last = self.live.span.1.time.max(self.live.first());
        let (time, place) = if other { (last, Place::Clocks) } else { (time, place) };
        let (event, whose) = kernel::event(refused, place, &self.live);
        match whose {
            Whose::Named => {}
            Whose::Number => self.told.by_number.0 += 1,
            Whose::Nobody => self.told.by_number.1 += 1,
            Whose::Unsaid => self.told.unsaid += 1,
        }
        self.live.event(Moment { time, line: refused.line }, event);
    }

    /// Takes the faults that stand before events of their time and are earlier than a time: one of the time of an event comes after
    /// it, wherever its line stands.
    fn catch_up(&mut self, time: u64) {
        // Bounded: each turn takes one away.
        while let Some(first) = self.early.first_entry().filter(|first| first.key().0 < time) {
            let ((at, _), refused) = first.remove_entry();
            self.refused(at, &refused, Place::Time);
        }
    }

    /// Takes note of what a line says that the tracer lost.
    fn lost(&mut self, text: &str) {
        self.live.missing = self.live.missing.saturating_add(lost(text));
        // `# entries-in-buffer/entries-written: 2/250280   #P:4`, and where a CPU's oldest event is younger than the trace's.
        if let Some((kept, written)) = scan::after(text, "# entries-in-buffer/entries-written: ")
            .and_then(|counts| scan::word(counts).split_once('/'))
            .and_then(|(kept, written)| scan::number(kept).zip(scan::number(written)))
        {
            self.told.overwritten = self.told.overwritten.saturating_add(written.saturating_sub(kept));
        } else if text.starts_with("##### CPU ") && text.contains(" buffer started ####") {
            self.told.begun = (self.told.begun.0 + 1, self.lines);
        }
    }

    /// Ends the reading: faults of a log before the trace may be later than its last event; `until` as the lines were read.
    pub fn finish(&mut self, until: Option<u64>) {
        self.faults.finish();
        self.settle(until);
        self.told.aside = self.faults.aside();
        if self.live.events > 0 {
            self.live.closed = !self.more && self.told.stopped.is_none();
            for ((time, _), refused) in core::mem::take(&mut self.before) {
                self.refused(time, &refused, Place::Time);
            }
            let until = until.map(|until| self.live.ahead(until));
            self.catch_up(until.map_or(u64::MAX, |until| until.saturating_add(1)));
            self.told.later += self.early.len() as u64;
            self.early.clear();
            // Where the reading was ended events follow.
            self.place(self.told.stopped.is_some() || self.later.is_some());
        }
    }

    /// Returns whether there are events, and all of them are later than what was asked for.
    pub fn is_later(&self) -> bool {
        self.told.later > 0 && self.live.events == 0
    }

    /// Takes note that the reading was stopped, after so many bytes of so many.
    pub fn stopped(&mut self, read: u64, of: u64) {
        self.told.stopped = Some((read, of));
    }

    /// Returns whether no event was recognised.
    pub fn is_empty(&self) -> bool {
        self.live.events == 0
    }

    /// Returns an event of the trace with what is mapped around it; none where it has no such event.
    pub fn moment(&self, position: usize, lang: Lang) -> Option<TraceMoment> {
        moment::moment(&self.live, position, lang)
    }

    /// Returns the last event that was read, with what is mapped around it and before; none where no event was.
    pub fn last(&self, lang: Lang) -> Option<TraceMoment> {
        moment::last(&self.live, lang)
    }

    /// Returns what the trace shows as far as it was read: what is wrong, with its line, and what is mapped.
    pub fn report(&self, lang: Lang) -> Account {
        report::report(&self.live, &self.told, lang)
    }
}

/// How many events the tracer lost between others: `CPU:0 [LOST 500 EVENTS]` of `trace`, `CPU:0 [500 EVENTS DROPPED]` of `trace-cmd`,
/// which are no event's lines. Where it does not know how many (`[EVENTS DROPPED]`), at least one.
fn lost(text: &str) -> u64 {
    let Some(mark) = text.trim_start().strip_prefix("CPU:").and_then(|rest| scan::between(rest, "[", "]"))
    else {
        return 0;
    };
    match mark.strip_suffix("EVENTS DROPPED") {
        Some("") => 1,
        Some(count) => scan::number(count.trim()).unwrap_or(1),
        None => {
            let count = mark.strip_prefix("LOST ").and_then(|rest| rest.strip_suffix(" EVENTS"));
            count.and_then(scan::number).unwrap_or(0)
        }
    }
}

/// Returns the declarations of these in TypeScript.
#[cfg(feature = "ts")]
pub fn typescript() -> alloc::string::String {
    use ts_rs::TS;
    let all = [TraceMoment::decl(), TraceLane::decl(), LaneKind::decl(), LaneMark::decl()];
    all.iter().map(|decl| alloc::format!("export {decl}\n")).collect()
}

#[cfg(test)]
mod tests;
