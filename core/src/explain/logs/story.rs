//! How findings become one report: repeats counted once, the forms of one event joined, a status line folded into
//! the record that it announces, and what the whole log shows held against each fault.

use super::causes::Cause;
use super::evidence::{self, Clue, Clues};
use super::fault::{Access, Arch, Fault};
use super::forms::Form;
use super::found::{Found, Join, Note};
use super::hints;
use super::judged::Judged;
use super::report::{Certainty, Field, Item, Kind, Lines, Moment, Report, Rung, Story};
use super::scenario::Sketch;
use super::system::System;
use crate::scenario::presets::FAMILIES;
use crate::spec::{Phrase, Text};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// What makes two findings the same thing again.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    /// But for the address.
    Fault(Arch, System, Option<u16>, Option<String>, Option<u32>, Option<u32>, Option<Access>, Option<u16>),
    /// Word for word.
    Said(String),
}

/// An item while the log is still being read.
struct Draft {
    item: Item,
    /// The first lines of its first occurrences.
    at: Vec<usize>,
    clues: Clues,
    base: &'static [&'static Cause],
    device: Option<String>,
    /// The addresses: first, lowest, highest, last; do they rise page by page?
    spread: Option<(u64, u64, u64, u64, bool)>,
}

/// A status line that announces a record.
struct Announced {
    line: usize,
    found: Found,
    times: u64,
    time: Option<u64>,
}

/// Facts of the whole log.
#[derive(Default)]
struct Facts {
    boot: bool,
    copied: bool,
    passthrough: bool,
    scalable: bool,
    reserved: Vec<(u64, u64)>,
    messages: Vec<(u64, u64)>,
    groups: BTreeSet<u32>,
    grouped: u64,
    /// A pool of bounce buffers, by its number of slots.
    pool: bool,
    /// First-stage tables are in use for DMA without PASID.
    first_stage: bool,
    /// Line, time, what.
    resumed: Vec<(usize, Option<u64>)>,
    resets: Vec<(usize, Option<u64>, Option<String>)>,
    aer: Vec<(usize, Option<u64>, String)>,
    removed: Vec<(usize, Option<u64>, String)>,
    vfio: Vec<String>,
    remapped: Vec<(u16, u16, Phrase)>,
}

/// So many facts of one kind are kept.
const MOST_FACTS: usize = 256;
/// Of so many occurrences of one item the line is kept.
const MOST_LINES: usize = 200;
/// So many items are kept; the rest is counted.
const MOST_ITEMS: usize = 2_000;
/// In pastes up to this many lines every line matters, so each that is not understood is shown by itself.
const SHORT: usize = 40;
/// Of lines that are not understood at most this many are shown.
const MOST_UNKNOWN: usize = 100;
/// Within this many lines after a status line its record comes.
const ANNOUNCED_WITHIN: usize = 3;

/// Puts a report together.
pub(super) struct Builder {
    drafts: Vec<Draft>,
    /// The one that the last finding made or counted.
    latest: usize,
    seen: BTreeMap<Key, usize>,
    announced: Option<Announced>,
    /// Raw forms of events whose decoded form may still come: line, item, and the fault.
    raw: Vec<(usize, usize, Fault)>,
    boot: Vec<Field>,
    boot_lines: Option<Lines>,
    facts: Facts,
    unknown: usize,
    /// Lines that are shown only if the paste is short.
    only_if_short: Vec<usize>,
    report: Report,
    by_name: fn(&str) -> Option<&'static Form>,
}

impl Builder {
    pub(super) fn new(by_name: fn(&str) -> Option<&'static Form>) -> Self {
        Builder {
            drafts: Vec::new(),
            latest: 0,
            seen: BTreeMap::new(),
            announced: None,
            raw: Vec::new(),
            boot: Vec::new(),
            boot_lines: None,
            facts: Facts::default(),
            unknown: 0,
            only_if_short: Vec::new(),
            report: Report::default(),
            by_name,
        }
    }

    /// Takes what a reader made of lines `first` to `last`, which the log has `times` times at `time`.
    pub(super) fn found(
        &mut self,
        first: usize,
        last: usize,
        times: u64,
        time: Option<u64>,
        mut found: Found,
    ) {
        for note in core::mem::take(&mut found.notes) {
            self.note(first, time, note);
        }
        match found.join.clone() {
            Join::Quiet => {
                self.report.quiet += 1;
                let lines = self.boot_lines.get_or_insert(Lines { first, last });
                if !found.fields.is_empty() {
                    lines.last = last;
                }
                for field in found.fields {
                    self.boot_says(field);
                }
            }
            Join::Announces => {
                if let Some(announced) = self.announced.take() {
                    self.alone(announced);
                }
                self.announced = Some(Announced { line: first, found, times, time });
            }
            Join::Decoded => {
                self.settle(first, &found);
                let Kind::Fault(fault) = found.kind else { return };
                let same = |raw: &Fault| {
                    raw.code == fault.code
                        && raw.stream == fault.stream
                        && (raw.address == fault.address || fault.address.is_none())
                };
                if let Some(at) = self.raw.iter().position(|(line, _, raw)| first - line < 64 && same(raw)) {
                    let (_, item, _) = self.raw.remove(at);
                    let draft = &mut self.drafts[item];
                    draft.clues.join(found.clues);
                    // What the raw form says already, and what an earlier event said, is not said again.
                    for field in found.fields {
                        if !draft.item.fields.iter().any(|have| have.name == field.name) {
                            draft.item.fields.push(field);
                        }
                    }
                    if let Kind::Fault(have) = &mut draft.item.kind {
                        have.device = have.device.or(fault.device);
                        have.access = have.access.or(fault.access);
                        have.second = have.second.or(fault.second);
                    }
                    draft.item.lines.last = draft.item.lines.last.max(last);
                    draft.item.last_line = draft.item.last_line.max(last);
                    draft.device = found.device.or(draft.device.take());
                    return;
                }
                self.push(first, last, times, time, found);
            }
            Join::More => {
                let of = |draft: &&mut Draft| {
                    first <= draft.item.last_line + ANNOUNCED_WITHIN
                        && draft.item.arch == Some(found.arch)
                        && (draft.device.is_none() || found.device.is_none() || draft.device == found.device)
                };
                match self.drafts.get_mut(self.latest).filter(of) {
                    Some(draft) => {
                        draft.clues.join(found.clues);
                        draft.item.last_line = draft.item.last_line.max(last);
                        // What is below a repeat says of the repeat what the first said of itself.
                        if draft.item.times == 1 {
                            add_fields(&mut draft.item, found.fields);
                            draft.item.lines.last = draft.item.lines.last.max(last);
                            draft.device = draft.device.take().or(found.device);
                            if let Some(scenario) = found.scenario.and_then(Sketch::write) {
                                draft.item.scenario = Some(scenario);
                            }
                        }
                    }
                    None => {
                        self.settle(first, &found);
                        self.push(first, last, times, time, found);
                    }
                }
            }
            Join::Suppressed(_) | Join::Alone => {
                self.settle(first, &found);
                self.push(first, last, times, time, found);
            }
            Join::Raw => {
                self.settle(first, &found);
                let Kind::Fault(fault) = found.kind else { return };
                if let Some(item) = self.push(first, last, times, time, found) {
                    self.raw.push((first, item, fault));
                    if self.raw.len() > 64 {
                        self.raw.remove(0);
                    }
                }
            }
        }
    }

    /// Adds a line to the boot summary. What is said later is truer (a policy that is overridden), but for an IOMMU
    /// that the command line turned off: later lines describe what it could do.
    fn boot_says(&mut self, field: Field) {
        let at = self.boot.iter().position(|have| have.name == field.name);
        let several = matches!(field.name.en, "unit");
        match at {
            Some(at) if self.boot[at].name.en == "IOMMU" && self.boot[at].value.en == "off" => {}
            Some(at) if !several => self.boot[at] = field,
            _ if self.boot.len() < 64 && !self.boot.contains(&field) => self.boot.push(field),
            _ => {}
        }
    }

    /// The pending status line: folded into the record that now comes, or by itself.
    fn settle(&mut self, line: usize, next: &Found) {
        let Some(announced) = self.announced.take() else { return };
        let follows = next.arch == announced.found.arch && line <= announced.line + ANNOUNCED_WITHIN;
        if !follows || matches!(next.join, Join::Suppressed(_)) {
            self.alone(announced);
        }
    }

    /// A status line without a record.
    fn alone(&mut self, announced: Announced) {
        let Announced { line, mut found, times, time } = announced;
        found.inferred(
            Text::new("record", "记录"),
            Text::new("not in the log", "日志中没有"),
            Text::new(
                "only the status line is here: the record was not copied, or the kernel limited the rate and did not print it",
                "这里只有状态行：可能没有把故障记录一起贴来，也可能内核限制打印速率，没有打印它",
            ),
        );
        self.push(line, line, times, time, found);
    }

    fn push(
        &mut self,
        first: usize,
        last: usize,
        times: u64,
        time: Option<u64>,
        found: Found,
    ) -> Option<usize> {
        let key = match &found.kind {
            Kind::Fault(fault) => Some(Key::Fault(
                found.arch,
                found.system,
                fault.code,
                found.device.as_deref().map(|device| bdf(device).into()),
                fault.stream,
                fault.pasid,
                fault.access,
                fault.index,
            )),
            // However many each line counts, they are one thing.
            Kind::Status if matches!(found.join, Join::Suppressed(_)) => {
                Some(Key::Said(format!("suppressed {}", found.arch.name())))
            }
            Kind::Status | Kind::Software => Some(Key::Said(found.title.en.clone())),
            _ => None,
        };
        // Other events of AMD-Vi have the address of a table or of a command: no pattern of a device's.
        let address = match &found.kind {
            Kind::Fault(fault) if found.arch != Arch::AmdVi || matches!(fault.code, Some(2 | 8 | 9)) => {
                fault.address
            }
            _ => None,
        };
        if let Some(&at) = key.as_ref().and_then(|key| self.seen.get(key)) {
            self.latest = at;
            let draft = &mut self.drafts[at];
            draft.item.times += times;
            if draft.at.len() < MOST_LINES {
                draft.at.push(first);
            }
            draft.item.last_line = draft.item.last_line.max(last);
            draft.clues.join(found.clues);
            if let Some(time) = time {
                let (from, to) = draft.item.when.unwrap_or((time, time));
                draft.item.when = Some((from.min(time), to.max(time)));
            }
            match (&mut draft.spread, address) {
                (Some((_, low, high, before, rising)), Some(at)) => {
                    *rising &= at > *before && at - *before <= 0x2000;
                    (*low, *high, *before) = ((*low).min(at), (*high).max(at), at);
                }
                (spread, Some(at)) => *spread = Some((at, at, at, at, true)),
                _ => {}
            }
            if let Join::Suppressed(count) = found.join {
                add_suppressed(&mut draft.item, count);
            }
            return Some(at);
        }
        if self.drafts.len() >= MOST_ITEMS {
            self.report.left_out += 1;
            return None;
        }
        let at = self.drafts.len();
        self.latest = at;
        if let Some(key) = key {
            self.seen.insert(key, at);
        }
        self.drafts.push(Draft {
            item: Item {
                lines: Lines { first, last },
                kind: found.kind,
                arch: Some(found.arch),
                system: found.system,
                form: (self.by_name)(found.form),
                title: found.title,
                fields: found.fields,
                causes: Vec::new(),
                times,
                last_line: last,
                when: time.map(|time| (time, time)),
                preset: found.preset,
                rungs: Vec::new(),
                scenario: found.scenario.and_then(Sketch::write),
                quote: String::new(),
            },
            at: Vec::from([first]),
            clues: found.clues,
            base: found.causes,
            device: found.device,
            spread: address.map(|at| (at, at, at, at, true)),
        });
        Some(at)
    }

    /// Takes a line that no reader knows. `trouble`: it is by one of the speakers and reports trouble.
    pub(super) fn not_found(
        &mut self,
        line: usize,
        text: &str,
        trouble: bool,
        nearest: Option<&'static Form>,
    ) {
        if text.is_empty() {
            return;
        }
        let short = self.report.lines <= SHORT;
        if !trouble && !short {
            return;
        }
        if self.unknown >= MOST_UNKNOWN {
            self.report.left_out += 1;
            return;
        }
        self.unknown += 1;
        let at = self.drafts.len();
        if !trouble {
            self.only_if_short.push(at);
        }
        self.drafts.push(Draft {
            item: Item {
                lines: Lines { first: line, last: line },
                kind: Kind::Unknown { nearest },
                arch: None,
                system: System::Linux,
                form: None,
                title: Phrase::new("not understood", "无法识别"),
                fields: Vec::new(),
                causes: Vec::new(),
                times: 1,
                last_line: line,
                when: None,
                preset: None,
                rungs: Vec::new(),
                scenario: None,
                quote: text.chars().take(160).collect(),
            },
            at: Vec::new(),
            clues: Clues::default(),
            base: &[],
            device: None,
            spread: None,
        });
    }

    /// The line before is repeated so often.
    pub(super) fn again(&mut self, line: usize, times: u64) {
        if let Some(draft) = self.drafts.last_mut().filter(|draft| draft.item.last_line + 1 >= line) {
            draft.item.times += times;
            draft.item.last_line = line;
        }
    }

    /// A line about an IOMMU that says nothing by itself.
    pub(super) fn quiet(&mut self) {
        self.report.quiet += 1;
    }

    /// So many physical lines have been read.
    pub(super) fn lines(&mut self, count: usize) {
        self.report.lines = count;
    }

    fn note(&mut self, line: usize, time: Option<u64>, note: Note) {
        let facts = &mut self.facts;
        match note {
            Note::Boot => facts.boot = true,
            Note::Copied => facts.copied = true,
            Note::Passthrough => facts.passthrough = true,
            Note::Scalable => facts.scalable = true,
            Note::Reserved(first, last) if facts.reserved.len() < MOST_FACTS => {
                facts.reserved.push((first, last))
            }
            Note::Messages(first, last) if facts.messages.len() < MOST_FACTS => {
                facts.messages.push((first, last))
            }
            Note::Group(group) => {
                facts.grouped += 1;
                if facts.groups.len() < 4096 {
                    facts.groups.insert(group);
                }
            }
            Note::Remapped(index, source, entry) if facts.remapped.len() < 4096 => {
                facts.remapped.push((index, source, entry));
            }
            Note::Resumed if facts.resumed.len() < MOST_FACTS => facts.resumed.push((line, time)),
            Note::Reset(who) if facts.resets.len() < MOST_FACTS => facts.resets.push((line, time, who)),
            Note::Aer(who) if facts.aer.len() < MOST_FACTS => facts.aer.push((line, time, who)),
            Note::Removed(who) if facts.removed.len() < MOST_FACTS => facts.removed.push((line, time, who)),
            Note::Vfio(who) if facts.vfio.len() < MOST_FACTS && !facts.vfio.contains(&who) => {
                facts.vfio.push(who);
            }
            _ => {}
        }
    }

    pub(super) fn finish(mut self, judged: &[Judged]) -> Report {
        if let Some(announced) = self.announced.take() {
            self.alone(announced);
        }
        if self.report.lines > SHORT {
            let drop = core::mem::take(&mut self.only_if_short);
            let mut at = 0;
            self.drafts.retain(|_| {
                at += 1;
                drop.binary_search(&(at - 1)).is_err()
            });
        }
        // What is found of the whole paste comes after the lines that it is about.
        self.drafts.sort_by_key(|draft| draft.item.lines.first);
        self.judge(judged);
        let mut report = self.report;
        let boot = boot_item(self.boot, self.boot_lines, &self.facts);
        let shift = usize::from(boot.is_some());
        report.stories = stories(&self.drafts, &self.facts, shift);
        report.items = boot.into_iter().chain(self.drafts.into_iter().map(|draft| draft.item)).collect();
        report
    }

    /// Holds the facts of the whole log against each item, and ranks its causes.
    fn judge(&mut self, judged: &[Judged]) {
        self.facts.first_stage = self.drafts.iter().any(|draft| match &draft.item.kind {
            Kind::Fault(fault) => {
                draft.item.arch == Some(Arch::VtD)
                    && fault.pasid.is_none()
                    && matches!(fault.code, Some(0x70..=0x73 | 0x80))
            }
            _ => false,
        });
        self.facts.pool = self.drafts.iter().any(|draft| {
            let slots = draft.item.fields.iter().find(|field| field.name.en == "pool");
            slots.and_then(|slots| slots.value.en.parse().ok()).is_some_and(|slots: u64| slots > 0)
        });
        let said: Vec<(usize, Option<String>, Arch, &'static str)> = self
            .drafts
            .iter()
            .map(|draft| {
                let form = draft.item.form.map_or("", |form| form.name);
                (draft.item.lines.first, draft.device.clone(), draft.item.arch.unwrap_or(Arch::Pcie), form)
            })
            .collect();
        for draft in &mut self.drafts {
            if let Some((first, low, high, _, rising)) = draft.spread {
                if let Some((value, meaning, clue)) =
                    hints::pattern(draft.item.times, first, low, high, rising)
                {
                    draft.item.fields.push(Field {
                        name: Text::new("pattern", "规律"),
                        value,
                        meaning,
                        certainty: Certainty::Inferred,
                    });
                    if let Some(clue) = clue {
                        draft.clues.add(clue);
                    }
                }
            }
            context(draft, &self.facts, &said);
            traced(draft, judged);
            let item = &mut draft.item;
            item.causes = evidence::rank(draft.base, draft.clues, item.system);
            if item.preset.is_none() {
                item.preset = preset(item);
            }
            item.rungs = rungs(item);
        }
    }
}

/// The preset that shows an item: its first cause's, on Arm the one of Arm's own.
fn preset(item: &Item) -> Option<&'static str> {
    match (item.arch, item.causes.first().map_or("", |likely| likely.cause.preset)) {
        (Some(Arch::SmmuV3), "interrupts") => Some("msi-doorbell"),
        (_, "") => None,
        (_, first) => Some(first),
    }
}

/// The ladders of faults: whose, the preset, the code that each rung below the whole one ends with (0: it ends with none).
pub(super) const LADDERS: [(Arch, &str, &[u16]); 4] = [
    (Arch::VtD, "fault-ladder", &[0x1, 0x9, 0x2, 0xb, 0x7, 0xc, 0x5, 0x5]),
    (Arch::AmdVi, "fault-ladder-amd", &[0x3, 0, 0x1, 0x2, 0x4, 0x2, 0x2, 0x2]),
    (Arch::RiscV, "fault-ladder-riscv", &[258, 257, 258, 259, 7, 15, 15, 15]),
    (Arch::SmmuV3, "fault-ladder-arm", &[0x2, 0x3, 0x4, 0xa, 0xb, 0x10, 0x13]),
];

/// The rungs that leave such a line, as fragments of the page.
fn rungs(item: &Item) -> Vec<Rung> {
    let Kind::Fault(Fault { code: Some(code), .. }) = item.kind else { return Vec::new() };
    let Some((arch, preset, codes)) = LADDERS.iter().find(|(arch, ..)| item.arch == Some(*arch)) else {
        return Vec::new();
    };
    // The ladders' device writes. What a read leaves has a code of its own on two of the machines; the link that broke is the same.
    let (code, read) = match (arch, code) {
        (Arch::VtD, 0x6) => (0x5, true),
        (Arch::RiscV, 5) => (7, true),
        (Arch::RiscV, 13) => (15, true),
        _ => (code, false),
    };
    let with_it: Vec<usize> = (0..codes.len()).filter(|at| code != 0 && codes[*at] == code).collect();
    // Where several rungs end with one code: those with AMD's flags; the one first that is met most, an entry that is not valid.
    let nths: &[usize] = match (arch, code) {
        (Arch::AmdVi, 0x2) => match flags(item) {
            // An interrupt: no page table refused it.
            flags if flags & 0x8 != 0 => &[],
            flags if flags & 0x80 != 0 => &[2],
            flags if flags & 0x40 != 0 => &[4],
            _ => &[3, 1],
        },
        // A right to write is nothing that a read lacks.
        (Arch::VtD, 0x5) if read => &[1],
        (Arch::RiscV, 15) if read => &[2, 1],
        (Arch::RiscV, 15) => &[2, 1, 3],
        (Arch::RiscV, 258) => &[2, 1],
        _ => &[1, 2],
    };
    let family = &FAMILIES[0];
    let column = family.presets.iter().position(|name| name == preset);
    let rung = |nth: &usize| {
        let (column, idea) = (column?, *with_it.get(nth - 1)? as u8 + 1);
        let shown = family.rungs.iter().find(|rung| rung.ideas[column] == Some(idea));
        // RISC-V counts its causes in decimal digits.
        let code = if *arch == Arch::RiscV { format!("{code}") } else { format!("{code:#x}") };
        let nth = if *nth == 1 { String::new() } else { format!(":{nth}") };
        Some(Rung { at: format!("#p={preset}&at=fault:{code}{nth}"), name: shown?.text })
    };
    nths.iter().filter_map(rung).collect()
}

/// The flags that an item of AMD's says: I is 8h, PR 10h, PE 40h, RZ 80h.
fn flags(item: &Item) -> u64 {
    let value =
        item.fields.iter().find(|field| field.name.en == "flags").map(|field| field.value.en.as_str());
    value.and_then(|value| u64::from_str_radix(value.trim_start_matches("0x"), 16).ok()).unwrap_or(0)
}

/// Adds fields that the item does not have yet.
fn add_fields(item: &mut Item, fields: Vec<Field>) {
    for field in fields {
        if !item.fields.iter().any(|have| have.name == field.name && have.value == field.value) {
            item.fields.push(field);
        }
    }
}

fn add_suppressed(item: &mut Item, count: u64) {
    let Some(field) = item.fields.iter_mut().find(|field| field.name.en == "not printed") else { return };
    let sum = field.value.en.parse::<u64>().unwrap_or(0).saturating_add(count);
    field.value = Phrase::same(sum.to_string());
    item.title = suppressed_title(sum);
}

/// The title of what a rate limit left out.
pub(super) fn suppressed_title(count: u64) -> Phrase {
    Phrase::new(
        format!("the rate limit held printing back {count} times"),
        format!("限速挡下了 {count} 次打印"),
    )
}

/// The bus, device and function of a name, without the segment 0.
fn bdf(name: &str) -> &str {
    name.strip_prefix("0000:").unwrap_or(name)
}

/// Evidence that is on other lines.
fn context(draft: &mut Draft, facts: &Facts, said: &[(usize, Option<String>, Arch, &'static str)]) {
    let line = draft.item.lines.first;
    let early = draft.item.when.is_some_and(|(first, _)| first < 5_000_000);
    let late = draft.item.when.is_some_and(|(first, _)| first > 60_000_000);
    let clues = &mut draft.clues;
    if early {
        clues.add(Clue::EarlyBoot);
        if clues.has(Clue::NoDomain) {
            clues.add(Clue::EarlyNoEntry);
        }
        let refused = clues.has(Clue::PermissionMissing) || clues.has(Clue::ReservedBit);
        if draft.item.arch == Some(Arch::AmdVi) && clues.has(Clue::PagePresent) && !refused {
            clues.add(Clue::EarlyPresent);
        }
    }
    if late {
        clues.add(Clue::LaterThanBoot);
    }
    if facts.copied {
        clues.add(Clue::CopiedByKernel);
    } else if facts.boot {
        clues.add(Clue::FirstKernel);
    }
    for (fact, clue) in [
        (facts.passthrough, Clue::PassthroughMode),
        (facts.scalable, Clue::ScalableMode),
        (facts.pool && !clues.has(Clue::PoolMissing), Clue::PoolInLog),
    ] {
        if fact {
            clues.add(clue);
        }
    }
    let shares = |name: &str| draft.device.as_deref().is_some_and(|device| bdf(device) == bdf(name));
    // A device's functions are reset together.
    let near = |name: &str| {
        let slot = |name: &str| String::from(bdf(name).rsplit_once('.').map_or(name, |(slot, _)| slot));
        draft.device.as_deref().is_some_and(|device| slot(device) == slot(name))
    };
    if facts.resumed.iter().any(|(at, _)| *at < line) {
        clues.add(Clue::ResumeBefore);
    }
    if facts.resets.iter().any(|(at, _, who)| *at < line && who.as_deref().is_none_or(near)) {
        clues.add(Clue::ResetBefore);
    }
    let invalidation = draft.item.form.is_some_and(|form| form.name == "vtd-invalidation");
    if invalidation && draft.device.is_none() && facts.resets.iter().any(|(at, ..)| *at < line) {
        clues.add(Clue::ResetBefore);
    }
    if facts.aer.iter().any(|(_, _, who)| shares(who)) {
        clues.add(Clue::AerBefore);
    }
    if facts.removed.iter().any(|(at, _, who)| *at < line && shares(who)) {
        clues.add(Clue::DeviceRemoved);
    }
    if facts.vfio.iter().any(|who| shares(who)) {
        clues.add(Clue::VfioInLog);
    }
    if clues.has(Clue::GraphicsDevice) && (late || clues.has(Clue::VfioInLog)) {
        clues.add(Clue::GraphicsAssigned);
    }
    for (at, device, arch, form) in said {
        let mine = device.as_deref().is_some_and(shares);
        if mine && *arch == Arch::DmaApi && !form.is_empty() {
            let failed = form.starts_with("swiotlb") || form.starts_with("dma-overflow");
            let violated = form.starts_with("dma-debug");
            if failed && *at <= line {
                clues.add(Clue::SwiotlbInLog);
            } else if violated && draft.item.arch != Some(Arch::DmaApi) {
                clues.add(Clue::DmaDebugInLog);
            }
        }
    }
    // Who does not answer is said by another event than the wait that timed out.
    if matches!(draft.item.form.map(|form| form.name), Some("amd-completion-wait" | "smmuv3-sync")) {
        let culprit = said.iter().find(|(_, device, _, form)| *form == "amd-event-iotlb" && device.is_some());
        if let Some((at, Some(device), ..)) = culprit {
            clues.add(Clue::InvalidationTimeout);
            draft.item.fields.push(Field {
                name: Text::new("who does not answer", "未应答者"),
                value: Phrase::same(device.clone()),
                meaning: Phrase::new(
                    format!("the IOTLB_INV_TIMEOUT on line {at} names it: one story"),
                    format!("第 {at} 行的 IOTLB_INV_TIMEOUT 指出了它：属于同一事件"),
                ),
                certainty: Certainty::Inferred,
            });
        }
    }
    let Kind::Fault(fault) = &draft.item.kind else { return };
    if facts.first_stage
        && draft.item.arch == Some(Arch::VtD)
        && fault.pasid.is_none()
        && matches!(fault.code, Some(0x85 | 0x86))
    {
        clues.add(Clue::PresentByStage);
        if fault.code == Some(0x86) {
            clues.add(Clue::ReadableAnyway);
        }
    }
    let entry = fault.index.and_then(|index| facts.remapped.iter().find(|(have, ..)| *have == index));
    if let (Some((_, source, words)), Some(device)) = (entry, fault.device) {
        let owner = crate::addr::RequesterId::new(u32::from(*source));
        let other = owner.bdf16() != device.bdf16();
        let meaning = match other {
            true => Phrase::new(
                format!(
                    "the dump in this log: the entry belongs to {owner}, the interrupt came from {device}"
                ),
                format!("日志中的转储：该表项属于 {owner}，而中断来自 {device}"),
            ),
            false => Phrase::new(
                "the dump in this log: the entry is this device's",
                "日志中的转储：该表项属于本设备",
            ),
        };
        draft.item.fields.push(Field {
            name: Text::new("entry in the dump", "转储中的表项"),
            value: words.clone(),
            meaning,
            certainty: Certainty::Certain,
        });
    }
    let Some(at) = fault.address else { return };
    if let Some((first, last)) = facts.reserved.iter().find(|(first, last)| (*first..=*last).contains(&at)) {
        clues.add(Clue::InReservedRegion);
        draft.item.fields.push(Field {
            name: Text::new("reserved region", "保留区域"),
            value: Phrase::same(format!("{first:#x} .. {last:#x}")),
            meaning: Phrase::new(
                "the log lists this region (RMRR) as one that firmware's devices use: it must stay mapped for them",
                "日志中此区域（RMRR）由固件的设备使用：必须为其保持映射",
            ),
            certainty: Certainty::Inferred,
        });
    }
    if facts.messages.iter().any(|(first, last)| (*first..=*last).contains(&at)) {
        clues.add(Clue::MessageTarget);
    }
}

/// What the replay of the trace in the same text says of an item's accesses: the first of each verdict.
fn traced(draft: &mut Draft, judged: &[Judged]) {
    let of = |line: &usize| judged.iter().find(|one| one.line == *line as u64);
    let mut said: Vec<&Judged> = Vec::new();
    for one in draft.at.iter().filter_map(of) {
        if said.iter().all(|have| have.verdict != one.verdict) {
            said.push(one);
        }
    }
    // Where they are not alike each is told of, and none is evidence for all.
    if let [one] = said[..] {
        if let Some(clue) = one.verdict.clue() {
            draft.clues.add(clue);
        }
    }
    draft.item.fields.extend(said.into_iter().map(|one| Field {
        name: Text::new("in the trace", "跟踪记录中"),
        value: one.verdict.phrase(),
        meaning: Phrase::new(
            format!("line {}: {}", one.line, one.says.en),
            format!("第 {} 行：{}", one.line, one.says.zh),
        ),
        certainty: Certainty::Inferred,
    }));
}

/// The summary of the boot.
fn boot_item(mut fields: Vec<Field>, lines: Option<Lines>, facts: &Facts) -> Option<Item> {
    let lines = lines?;
    if !facts.groups.is_empty() {
        let devices = facts.grouped;
        let (name, value, meaning) = match facts.groups.first() {
            // One alone is an answer to "in which group is it?".
            Some(group) if facts.groups.len() == 1 => (
                Text::new("group", "IOMMU 组"),
                *group as usize,
                Phrase::new(
                    format!("{} in this text; a group's devices have their addresses in common, and go to a guest together",
                        if devices == 1 { "1 device joins it".into() } else { format!("{devices} devices join it") }),
                    format!("这段日志里有 {devices} 个设备加入该组；同组的设备共用地址空间，只能一起分给客户机"),
                ),
            ),
            _ => (
                Text::new("groups", "IOMMU 组数"),
                facts.groups.len(),
                Phrase::new(format!("IOMMU groups, of {devices} devices"), format!("共有 {devices} 个设备")),
            ),
        };
        fields.push(Field {
            name,
            value: Phrase::same(value.to_string()),
            meaning,
            certainty: Certainty::Certain,
        });
    }
    if !facts.reserved.is_empty() {
        let shown: Vec<String> =
            facts.reserved.iter().take(4).map(|(first, last)| format!("{first:#x} .. {last:#x}")).collect();
        let more = facts.reserved.len().saturating_sub(4);
        let more = if more > 0 { format!(" +{more}") } else { String::new() };
        fields.push(Field {
            name: Text::new("reserved by firmware", "固件保留"),
            value: Phrase::same(format!("{}{more}", shown.join(", "))),
            meaning: Phrase::new(
                "RMRR: stays mapped for the devices it names",
                "RMRR，要一直为它列出的设备保留映射",
            ),
            certainty: Certainty::Certain,
        });
    }
    if fields.is_empty() {
        return None;
    }
    let find = |name: &str| fields.iter().find(|field| field.name.en == name);
    let title = match (find("IOMMU").map(|field| field.value.en.as_str()), find("default domain")) {
        (Some("off"), _) => Phrase::new("At boot: the IOMMU is off", "启动信息：IOMMU 未启用"),
        (_, Some(domain)) if domain.value.en == "passthrough" => Phrase::new(
            "At boot: devices are passed through untranslated",
            "启动信息：直通模式，设备的地址不转换",
        ),
        (Some("on"), _) => Phrase::new("At boot: the IOMMU is on", "启动信息：IOMMU 已启用"),
        (Some("found"), _) => Phrase::new("At boot: the kernel found an IOMMU", "启动信息：内核发现了 IOMMU"),
        _ => Phrase::new("What the boot says of the IOMMU", "启动日志里的 IOMMU 信息"),
    };
    Some(Item {
        lines,
        kind: Kind::Boot,
        arch: None,
        system: System::Linux,
        form: None,
        title,
        fields,
        causes: Vec::new(),
        times: 1,
        last_line: lines.last,
        when: None,
        preset: None,
        rungs: Vec::new(),
        scenario: None,
        quote: String::new(),
    })
}

/// Items of one device, and the marks on the way, in the order of the log. A single item is no story.
fn stories(drafts: &[Draft], facts: &Facts, shift: usize) -> Vec<Story> {
    let mut by_device: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (at, draft) in drafts.iter().enumerate() {
        if let Some(device) = &draft.device {
            by_device.entry(bdf(device).into()).or_default().push(at);
        }
    }
    // A wait that timed out has no device of its own; it belongs to the one that does not answer.
    for (at, draft) in drafts.iter().enumerate() {
        let named = draft.item.fields.iter().find(|field| field.name.en == "who does not answer");
        if let Some(field) = named {
            by_device.entry(bdf(&field.value.en).into()).or_default().push(at);
        }
    }
    let mut out = Vec::new();
    for (device, items) in by_device {
        let mut moments: Vec<Moment> = Vec::new();
        for &at in &items {
            let item = &drafts[at].item;
            let count = match item.times {
                1 => (String::new(), String::new()),
                n => (
                    format!(" ({n} times, to line {})", item.last_line),
                    format!("（{n} 次，至第 {} 行）", item.last_line),
                ),
            };
            moments.push(Moment {
                line: item.lines.first,
                time: item.when.map(|(first, _)| first),
                text: Phrase::new(
                    format!("{}{}", item.title.en, count.0),
                    format!("{}{}", item.title.zh, count.1),
                ),
                item: Some(at + shift),
            });
        }
        let mark = |line: &usize, time: &Option<u64>, en: &str, zh: &str| Moment {
            line: *line,
            time: *time,
            text: Phrase::new(en, zh),
            item: None,
        };
        let before: Vec<Moment> = moments.clone();
        let (low, high) = (
            before.iter().map(|m| m.line).min().unwrap_or(0),
            before.iter().map(|m| m.line).max().unwrap_or(0),
        );
        for (line, time, who) in &facts.resets {
            let mine = who.as_deref().is_some_and(|who| bdf(who) == device);
            if mine || who.is_none() && *line + 200 > low && *line < high {
                moments.push(mark(line, time, "a reset", "一次复位"));
            }
        }
        for (line, time) in facts.resumed.iter().filter(|(line, _)| *line + 200 > low && *line < high) {
            moments.push(mark(line, time, "the machine resumes from sleep", "机器从休眠恢复"));
        }
        for (line, time, _) in facts.aer.iter().filter(|(.., who)| bdf(who) == device).take(4) {
            moments.push(mark(line, time, "a PCI Express error (AER)", "PCI Express 错误（AER）"));
        }
        for (line, time, _) in facts.removed.iter().filter(|(.., who)| bdf(who) == device).take(4) {
            moments.push(mark(line, time, "the device goes away", "设备被移除"));
        }
        if moments.len() < 2 {
            continue;
        }
        moments.sort_by_key(|moment| moment.line);
        moments.truncate(24);
        // As the items write it.
        let shown = items.first().and_then(|&at| drafts[at].device.as_deref()).unwrap_or(device.as_str());
        out.push(Story { title: Phrase::new(format!("Device {shown}"), format!("设备 {shown}")), moments });
    }
    out.truncate(24);
    out
}
