//! The Rosetta stone: what each architecture calls a thing, how large it is, what it costs and what its faults say, in one table.
//!
//! Names come from the specification tables of each architecture; structures, registers, commands, costs and faults from running
//! the gallery's scenarios on each. Every cell leads to a scenario that is stopped where it shows it. Nothing here knows an
//! architecture: a fifth one is a column more.

mod costs;
mod evidence;

use super::{across::fault_title, recorded::fault, Player};
use crate::explain::logs::kernel::linux;
use crate::explain::marks::terms;
use crate::iommu::architecture::Terms;
use crate::iommu::Architecture;
use crate::link::{encode_preset, Options, Position};
use crate::scenario::presets::{by_name, Preset, FAMILIES, PRESETS};
use crate::spec::{Lang, Text};
use crate::trace::{CacheKind, CacheOp, Event, Scope, Stage, Step};
use alloc::{format, string::String, string::ToString, vec, vec::Vec};
use evidence::Shown;

/// The whole table.
#[derive(Clone, PartialEq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Rosetta {
    /// What it is.
    pub title: String,
    /// How it was made.
    pub lead: String,
    /// The architectures, by the names that readers choose them by.
    pub columns: Vec<String>,
    /// Its parts.
    pub sections: Vec<Section>,
    /// Over the terms that it uses.
    pub terms_title: String,
    /// The terms that it uses, with what each means, as they come.
    pub terms: Vec<(String, String)>,
}

/// A part of the table.
#[derive(Clone, PartialEq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Section {
    /// A word for links.
    pub name: &'static str,
    /// What it is about.
    pub title: String,
    /// How to read it.
    pub lead: String,
    /// Its rows.
    pub rows: Vec<Row>,
}

/// A concept.
#[derive(Clone, PartialEq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Row {
    /// What it is.
    pub name: String,
    /// Why some architectures have none, as a sentence; empty where it is plain.
    pub note: String,
    /// On each architecture.
    pub cells: Vec<Cell>,
}

/// A concept on one architecture.
#[derive(Clone, PartialEq, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Cell {
    /// What is said, a line each; none where the architecture has no such thing.
    pub lines: Vec<String>,
    /// A number that a chart can show.
    pub count: Option<u64>,
    /// The fragment of the scenario that shows it.
    pub link: Option<String>,
}

/// A preset that has run on one architecture.
struct OnOne {
    architecture: Architecture,
    preset: &'static Preset,
    run: Player,
}

impl OnOne {
    fn new(name: &str, architecture: Architecture) -> Option<Self> {
        let preset = by_name(name)?.on(architecture)?;
        let run = Player::open(&preset.text_on(architecture)?).ok()?;
        Some(OnOne { architecture, preset, run })
    }
    fn link(&self, at: u32) -> String {
        link(self.preset, self.architecture, Some(at))
    }
    fn cell(&self, shown: Option<Shown>) -> Cell {
        let Some(shown) = shown else { return Cell::default() };
        Cell { lines: shown.lines, count: None, link: Some(self.link(shown.at)) }
    }
}

/// The link of a preset on an architecture.
fn link(preset: &Preset, architecture: Architecture, at: Option<u32>) -> String {
    encode_preset(
        preset,
        &Options { arch: Some(architecture), at: at.map(Position::Step), ..Options::default() },
    )
}

/// What one row shows: what is looked for in a run.
type Look = fn(&Player, Lang) -> Option<Shown>;

/// The scenarios whose runs are looked into.
const LOOKED: [&str; 10] = [
    "nested-walk",
    "interrupts",
    "why-iommu",
    "use-after-unmap",
    "fault-ladder",
    "which-number",
    "sva",
    "two-stages",
    "iotlb-reach",
    "lazy",
];

/// All runs that the table is made from: it is the same in each language.
pub struct Machines {
    /// By scenario and architecture, in the orders of [`LOOKED`] and [`Architecture::ALL`].
    looked: Vec<Vec<Option<OnOne>>>,
    /// What each cost is on each.
    counts: Vec<Vec<Option<costs::Counted>>>,
}

impl Machines {
    /// Runs everything on every architecture.
    pub fn run() -> Self {
        let all = Architecture::ALL;
        Machines {
            looked: LOOKED.iter().map(|name| all.iter().map(|a| OnOne::new(name, *a)).collect()).collect(),
            counts: costs::counts(),
        }
    }
    fn on(&self, preset: &str) -> &[Option<OnOne>] {
        LOOKED.iter().position(|name| *name == preset).map_or(&[], |at| &self.looked[at])
    }
    fn row(&self, name: Text, preset: &str, look: Look, lang: Lang) -> Row {
        let cell =
            |on: &Option<OnOne>| on.as_ref().map(|on| on.cell(look(&on.run, lang))).unwrap_or_default();
        Row {
            name: name.get(lang).into(),
            note: String::new(),
            cells: self.on(preset).iter().map(cell).collect(),
        }
    }
}

/// Returns the table in one language.
pub fn rosetta(machines: &Machines, lang: Lang) -> Rosetta {
    const TITLE: Text = Text::new("One machine, four vocabularies", "同一台机器，四套词汇");
    const LEAD: Text = Text::new(
        "Every name is that of the specification tables the machines are built from; every number, record and line was made by running them. Each cell leads to a scenario that is stopped where it shows it.",
        "名称都取自构造这些机器所用的规范表；数字、记录和日志行都由运行得出。点开每一格，都是一个停在相应位置的场景。",
    );
    let sections = vec![
        names(machines, lang),
        structures(machines, lang),
        software(machines, lang),
        costs::section(&machines.counts, lang),
        ladder(machines, lang),
        presets(lang),
    ];
    Rosetta {
        title: TITLE.get(lang).into(),
        lead: LEAD.get(lang).into(),
        columns: Architecture::ALL.iter().map(|a| a.describe().label.to_string()).collect(),
        terms_title: Text::new("The terms above, each in a sentence", "上面用到的术语").get(lang).into(),
        terms: used(&sections[..3], lang),
        sections,
    }
}

/// The terms of the glossary that names and lines of these sections use, as they come, each once.
fn used(sections: &[Section], lang: Lang) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    for row in sections.iter().flat_map(|section| &section.rows) {
        let lines = row.cells.iter().flat_map(|cell| &cell.lines);
        for term in [&row.name].into_iter().chain(lines).flat_map(|text| terms(text, lang)) {
            let name = term.name.get(lang);
            if !found.iter().any(|(have, _)| have == name) {
                found.push((name.into(), term.meaning.get(lang).into()));
            }
        }
    }
    found
}

/// A concept's name, a scenario that has it, what an architecture calls it, and whether a step shows it.
type Name = (Text, &'static str, fn(&Terms, Lang) -> &'static str, fn(&Step, Architecture) -> bool);

/// Does a step begin to walk a table of this stage?
fn walks(step: &Step, of: Stage) -> bool {
    matches!(step.event, Event::Begin(Scope::Walk { stage, .. }) if stage == of)
}
/// Does a step put something into a cache of this kind?
fn fills(step: &Step, of: CacheKind) -> bool {
    matches!(step.event, Event::Cache { cache, op: CacheOp::Insert, .. } if cache.kind == of)
}
fn translates(step: &Step, _: Architecture) -> bool {
    matches!(step.event, Event::Begin(Scope::Translation { .. }))
}
fn commands(step: &Step, _: Architecture) -> bool {
    matches!(step.event, Event::Begin(Scope::Command { .. }))
}
fn faults(step: &Step, _: Architecture) -> bool {
    matches!(step.event, Event::Fault { .. })
}
fn interrupts(step: &Step, _: Architecture) -> bool {
    walks(step, Stage::Interrupt) || matches!(step.event, Event::Interrupt { .. })
}
/// Is a page request put into its queue?
fn page_requests(step: &Step, on: Architecture) -> bool {
    let (Event::Write { entry: Some(entry), .. } | Event::WriteRun { entry, .. }) = step.event else {
        return false;
    };
    let mut queues = on.queues().iter().filter(|queue| queue.pages);
    queues.any(|queue| core::ptr::eq((queue.entry)(0), entry))
}

const NAMES: [Name; 14] = [
    (Text::new("who asks", "谁发出请求"), "which-number", |t, _| t.requester, translates),
    (Text::new("for which process", "为哪个进程"), "sva", |t, _| t.process, |s, _| walks(s, Stage::Process)),
    (
        Text::new("what a device is put into", "设备归入哪里"),
        "which-number",
        |t, lang| t.domain.get(lang),
        |s, _| fills(s, CacheKind::Iotlb),
    ),
    (
        Text::new("the device's entry", "设备的表项"),
        "nested-walk",
        |t, _| t.device_entry,
        |s, _| walks(s, Stage::Device),
    ),
    (
        Text::new("the process's entry", "进程的表项"),
        "sva",
        |t, _| t.process_entry,
        |s, _| walks(s, Stage::Process),
    ),
    (
        Text::new("stage 1", "stage 1（第一阶段）"),
        "nested-walk",
        |t, _| t.stage1,
        |s, _| walks(s, Stage::First),
    ),
    (
        Text::new("stage 2", "stage 2（第二阶段）"),
        "two-stages",
        |t, _| t.stage2,
        |s, _| walks(s, Stage::Second),
    ),
    (
        Text::new("what remembers translations", "记住转换结果的"),
        "iotlb-reach",
        |t, _| t.iotlb,
        |s, _| fills(s, CacheKind::Iotlb),
    ),
    (
        Text::new("what remembers devices", "记住设备表项的"),
        "nested-walk",
        |t, lang| t.device_cache.get(lang),
        |s, _| fills(s, CacheKind::Device),
    ),
    (
        Text::new("what a device remembers itself (ATS)", "设备自己记住转换结果的（ATS）"),
        "sva",
        |t, lang| t.device_tlb.name.get(lang),
        |s, _| fills(s, CacheKind::DeviceTlb),
    ),
    (Text::new("how software commands it", "软件怎样下命令"), "lazy", |t, _| t.commands, commands),
    (Text::new("where faults are recorded", "转换错误记在哪里"), "why-iommu", |t, _| t.faults, faults),
    (
        Text::new("where devices ask for pages", "设备在哪里请求页"),
        "sva",
        |t, _| t.page_requests,
        page_requests,
    ),
    (
        Text::new("what decides on interrupts", "由什么决定中断去向"),
        "interrupts",
        |t, _| t.interrupts,
        interrupts,
    ),
];

/// What each thing is called.
fn names(machines: &Machines, lang: Lang) -> Section {
    let row = |(name, preset, term, sight): &Name| {
        let cell = |(a, on): (&Architecture, &Option<OnOne>)| {
            let first = |on: &OnOne| {
                let trace = on.run.viewer.trace();
                on.link(
                    trace
                        .steps()
                        .iter()
                        .position(|step| sight(step, on.architecture))
                        .map_or(trace.len(), |index| index + 1) as u32,
                )
            };
            Cell {
                lines: vec![term(&a.describe().terms, lang).into()],
                count: None,
                link: on.as_ref().map(first),
            }
        };
        let cells = Architecture::ALL.iter().zip(machines.on(preset)).map(cell);
        Row { name: name.get(lang).into(), note: String::new(), cells: cells.collect() }
    };
    Section {
        name: "names",
        title: Text::new("What it is called", "叫什么").get(lang).into(),
        lead: String::new(),
        rows: NAMES.iter().map(row).collect(),
    }
}

/// The structures on the way of a request.
fn structures(machines: &Machines, lang: Lang) -> Section {
    let of = |stage: Stage| -> Look {
        match stage {
            Stage::Device => |run, lang| evidence::structures(run, Stage::Device, lang),
            Stage::Process => |run, lang| evidence::structures(run, Stage::Process, lang),
            Stage::First => |run, lang| evidence::structures(run, Stage::First, lang),
            _ => |run, lang| evidence::structures(run, Stage::Second, lang),
        }
    };
    Section {
        name: "structures",
        title: Text::new("What it reads on the way of a request", "一次请求沿途读什么").get(lang).into(),
        lead: Text::new(
            "In the order in which they are read; bytes of one entry, and where it is defined.",
            "按读取的先后列出；括号里是一个表项的字节数和定义它的章节。",
        )
        .get(lang)
        .into(),
        rows: vec![
            machines.row(Text::new("to find the device", "查找设备"), "nested-walk", of(Stage::Device), lang),
            machines.row(
                Text::new("to find the process", "查找进程"),
                "nested-walk",
                of(Stage::Process),
                lang,
            ),
            machines.row(Text::new("stage 1", "stage 1（第一阶段）"), "nested-walk", of(Stage::First), lang),
            machines.row(Text::new("stage 2", "stage 2（第二阶段）"), "nested-walk", of(Stage::Second), lang),
            machines.row(Text::new("for an interrupt", "处理中断"), "interrupts", evidence::interrupt, lang),
        ],
    }
}

/// What software does to it.
fn software(machines: &Machines, lang: Lang) -> Section {
    Section {
        name: "software",
        title: Text::new("What software does", "软件做什么").get(lang).into(),
        lead: String::new(),
        rows: vec![
            machines.row(
                Text::new("registers written to start it", "启动时写的寄存器"),
                "why-iommu",
                evidence::bring_up,
                lang,
            ),
            machines.row(
                Text::new("commands to forget one page", "清除一页的命令"),
                "use-after-unmap",
                evidence::forget,
                lang,
            ),
            machines.row(
                Text::new("what a fault leaves", "出错后留下什么"),
                "why-iommu",
                evidence::record,
                lang,
            ),
        ],
    }
}

/// The rungs of the ladders: code, record, and the line that Linux prints.
fn ladder(machines: &Machines, lang: Lang) -> Section {
    let family = &FAMILIES[0];
    let runs = machines.on(family.presets[0]);
    let rows = family.rungs.iter().map(|rung| {
        let cell = |(n, on): (usize, &Option<OnOne>)| {
            let (Some(on), Some(idea)) = (on, rung.ideas[n]) else {
                return Cell { lines: vec![rung.gap.get(lang).into()], count: None, link: None };
            };
            let Some(stop) = on.run.ideas(lang).into_iter().nth(usize::from(idea)) else {
                return Cell::default();
            };
            let found = fault(on.run.viewer.trace(), stop.from as usize..stop.to as usize);
            let Some(found) = found else {
                let none = Text::new("no fault", "没有错误").get(lang).to_string();
                return Cell { lines: vec![none], count: None, link: Some(on.link(stop.to)) };
            };
            let mut lines = vec![fault_title(on.architecture, found.code, lang), found.record()];
            lines.extend(linux(&found.recorded(on.architecture)));
            lines.retain(|line| !line.is_empty());
            Cell { lines, count: None, link: Some(on.link(stop.to)) }
        };
        Row {
            name: rung.text.get(lang).into(),
            note: String::new(),
            cells: runs.iter().enumerate().map(cell).collect(),
        }
    });
    Section {
        name: "ladder",
        title: Text::new("The ladder of faults", "转换错误的阶梯").get(lang).into(),
        lead: Text::new(
            "The same DMA with one broken link at a time: the code, the words of the record, and what Linux prints for it.",
            "同一次 DMA，每次弄断一环：错误码、故障记录的原始数值，以及 Linux 打印的内容。",
        )
        .get(lang)
        .into(),
        rows: rows.collect(),
    }
}

/// Which scenario runs where.
fn presets(lang: Lang) -> Section {
    let row = |preset: &'static Preset| {
        let title = crate::scenario::parse(preset.text).map(|s| super::text::head(&s, lang).title);
        let cell = |a: Architecture| match preset.on(a) {
            Some(there) => {
                let name = if there.name == preset.name { "✓".to_string() } else { there.name.to_string() };
                Cell { lines: vec![name], count: None, link: Some(link(there, a, None)) }
            }
            None => Cell { lines: vec!["–".into()], count: None, link: None },
        };
        let cells: Vec<Cell> = Architecture::ALL.into_iter().map(cell).collect();
        let everywhere = cells.iter().all(|cell| cell.link.is_some());
        let why = if everywhere { "" } else { preset.why().get(lang) };
        Row { name: title.unwrap_or_default(), note: why.into(), cells }
    };
    // A family is one question.
    let first = |p: &&'static Preset| p.family().is_none_or(|family| family.presets[0] == p.name);
    let with_one = |p: &&'static Preset| Architecture::ALL.into_iter().any(|a| p.on(a).is_some());
    Section {
        name: "scenarios",
        title: Text::new("Which scenario runs where", "哪个场景能在哪里运行").get(lang).into(),
        lead: Text::new(
            "Scenarios about a machine without an IOMMU are left out.",
            "讲没有 IOMMU 的机器的场景不在其中。",
        )
        .get(lang)
        .into(),
        rows: PRESETS.iter().filter(first).filter(with_one).map(row).collect(),
    }
}

impl Rosetta {
    /// Returns it as Markdown, with links below `base`.
    pub fn markdown(&self, base: &str) -> String {
        let clean = |line: &str| line.replace('|', "\\|").replace('<', "&lt;").replace('\t', " ");
        let mut out = format!("# {}\n\n{}\n", self.title, self.lead);
        for section in &self.sections {
            out += &format!("\n## {}\n\n", section.title);
            if !section.lead.is_empty() {
                out += &format!("{}\n\n", section.lead);
            }
            out +=
                &format!("| | {} |\n|---|{}\n", self.columns.join(" | "), "---|".repeat(self.columns.len()));
            for row in &section.rows {
                let note =
                    if row.note.is_empty() { String::new() } else { format!("<br>{}", clean(&row.note)) };
                out += &format!("| {}{note} |", clean(&row.name));
                for cell in &row.cells {
                    let text: Vec<String> = cell.lines.iter().map(|line| clean(line)).collect();
                    let text = text.join("<br>");
                    out += &match &cell.link {
                        Some(link) if !text.is_empty() => format!(" {text} [↗]({base}{link}) |"),
                        _ => format!(" {text} |"),
                    };
                }
                out += "\n";
            }
        }
        out += &format!("\n## {}\n\n", self.terms_title);
        for (name, meaning) in &self.terms {
            out += &format!("* **{}**<br>{}\n", clean(name), clean(meaning));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::logs::{parse_log, Kind};
    use crate::view::links;

    #[test]
    fn every_cell_leads_to_a_scenario_that_is_there() {
        let table = rosetta(&Machines::run(), Lang::En);
        let mut links = 0;
        for row in table.sections.iter().flat_map(|s| &s.rows) {
            assert_eq!(row.cells.len(), table.columns.len(), "{}", row.name);
            assert!(row.cells.iter().any(|cell| !cell.lines.is_empty()), "{} has nothing", row.name);
            for link in row.cells.iter().filter_map(|cell| cell.link.as_ref()) {
                let read = links::read(link, Lang::En);
                assert!(read.error.is_none() && read.ignored.is_empty(), "{link}: {read:?}");
                links += 1;
            }
        }
        assert!(links > 150, "{links}");
    }

    /// No name of a thing leads to the end of a run because nothing of it was found.
    #[test]
    fn every_name_leads_to_where_the_thing_is_met() {
        let machines = Machines::run();
        for (name, preset, _, sight) in &NAMES {
            for on in machines.on(preset).iter().flatten() {
                let steps = on.run.viewer.trace().steps();
                assert!(
                    steps.iter().any(|step| sight(step, on.architecture)),
                    "{} on {:?}",
                    name.en,
                    on.architecture
                );
            }
        }
    }

    /// What is called by a word leads to where that word is said; a Chinese table has no English sentence in it.
    #[test]
    fn a_cache_has_one_name() {
        for on in Architecture::ALL {
            let on = OnOne::new("nested-walk", on).unwrap();
            let name = on.run.viewer.trace().steps().iter().find_map(|step| match step.event {
                Event::Cache { cache, .. } if cache.kind == CacheKind::Device => Some(cache.name),
                _ => None,
            });
            let called = on.architecture.describe().terms.device_cache;
            assert_eq!(name.map(|name| (name.en, name.zh)), Some((called.en, called.zh)));
        }
        let zh = rosetta(&Machines::run(), Lang::Zh).markdown("");
        for english in [" and PSCID", " and ASID", "IMPLEMENTATION DEFINED"] {
            assert!(!zh.contains(english), "{english}");
        }
    }

    /// From a rung to a line of a log, and back: the log reader finds the code, the device and the page.
    #[test]
    fn the_lines_of_the_ladder_are_read_back() {
        let mut read = 0;
        for architecture in Architecture::ALL {
            let on = OnOne::new("fault-ladder", architecture).unwrap();
            for stop in on.run.ideas(Lang::En) {
                let steps = stop.from as usize..stop.to as usize;
                let Some(found) = fault(on.run.viewer.trace(), steps) else { continue };
                assert!(!found.record().is_empty(), "{architecture:?}: {} left no record", found.code.name);
                let lines = linux(&found.recorded(architecture)).join("\n");
                let report = parse_log(&lines);
                let fault = report.items.iter().find_map(|item| match &item.kind {
                    Kind::Fault(fault) => Some(fault),
                    _ => None,
                });
                let fault = fault.unwrap_or_else(|| panic!("no fault in {lines}"));
                assert_eq!(fault.code, Some(found.code.code), "{lines}");
                if let Some(address) = fault.address.filter(|address| *address != 0) {
                    assert_eq!(address >> 12, found.at >> 12, "{lines}");
                }
                read += 1;
            }
        }
        assert!(read >= 20, "{read}");
    }
}
