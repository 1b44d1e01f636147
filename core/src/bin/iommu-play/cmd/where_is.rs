//! `iommu-play where`: all names of an address, and who can reach it, at a position of a scenario.

use super::no_such_fault;
use super::scenario::{named_on, tell};
use crate::cli::Where;
use iommu_core::machine::history::Cursor;
use iommu_core::machine::run::run_scenario;
use iommu_core::machine::Record;
use iommu_core::spec::Lang;
use iommu_core::view::course::marks;
use iommu_core::view::types::{WhereName, Whereabouts};
use iommu_core::view::where_is::{owner, whereabouts};
use std::process::ExitCode;

/// Prints what `args` name.
pub fn run(args: &Where, lang: Lang) -> ExitCode {
    let (zh, json) = (lang == Lang::Zh, args.json);
    let address = args.address.as_str();
    let Some((source, text, scenario)) = named_on(&args.scenario, args.arch, lang) else {
        return ExitCode::FAILURE;
    };
    let run = match run_scenario(scenario) {
        Ok(run) => run,
        Err(problems) => {
            problems.0.iter().for_each(|p| tell(&source, &text, p, zh));
            return ExitCode::FAILURE;
        }
    };
    if let Some(problem) = &run.stopped {
        tell(&source, &text, problem, zh);
    }
    let (record, trace) = (Record::of(&run.machine), &run.machine.trace);
    let at = match &args.at {
        None => Some(usize::MAX),
        Some(at) => at.among(&marks(trace)).map(|at| at as usize),
    };
    let Some(at) = at else { return no_such_fault("where", lang) };
    let whose = match &args.of {
        None => None,
        Some(word) => match owner(record.at(at), word) {
            Some(of) => Some(of),
            None => {
                match lang {
                    Lang::En => errln!("iommu-play where: nobody is called '{word}' in this scenario"),
                    Lang::Zh => errln!("iommu-play where：这个场景里没有叫 `{word}` 的"),
                }
                return ExitCode::from(2);
            }
        },
    };
    let mut cursor = Cursor::at_end(run.machine.memories(), trace);
    cursor.seek(trace, at);
    let found = whereabouts(&record, trace, &mut cursor, address, whose, lang);
    if json {
        outln!(
            "{}",
            serde_json::to_string_pretty(&found.iter().map(in_json).collect::<Vec<_>>()).unwrap_or_default()
        );
    } else {
        found.iter().for_each(|found| print(found, lang));
    }
    if found.is_empty() {
        match lang {
            Lang::En => errln!("iommu-play where: '{address}' is nobody's address here"),
            Lang::Zh => errln!("iommu-play where：这里没有谁的地址是 `{address}`"),
        }
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn print(found: &Whereabouts, lang: Lang) {
    let colon = if lang == Lang::Zh { "：" } else { ": " };
    line("", &found.asked, lang);
    match found.pa {
        Some(pa) => outln!("  -> {:#x}{colon}{}", pa.0, found.thing),
        None => outln!("  -> {}", found.thing),
    }
    for name in &found.names {
        line("  = ", name, lang);
    }
    outln!("");
}

fn line(before: &str, name: &WhereName, lang: Lang) {
    let (stale, colon) = match lang {
        Lang::En => (", stale: only a cache says so", ": "),
        Lang::Zh => ("，陈旧：只有缓存这么说", "："),
    };
    let stale = if name.stale { stale } else { "" };
    match lang {
        Lang::En => outln!("{before}{} ({}{stale})", name.text, name.perms),
        Lang::Zh => outln!("{before}{}（{}{stale}）", name.text, name.perms),
    }
    for step in &name.through {
        outln!("      {:#x} {}{colon}{:#x}", step.at.0, step.entry, step.raw.0);
    }
}

fn in_json(found: &Whereabouts) -> serde_json::Value {
    let name = |name: &WhereName| {
        let through: Vec<_> = name.through.iter().map(|s| {
            serde_json::json!({ "entry": s.entry, "level": s.level, "at": format!("{:#x}", s.at.0), "raw": format!("{:#x}", s.raw.0) })
        }).collect();
        serde_json::json!({
            "text": name.text, "address": format!("{:#x}", name.address.0), "perms": name.perms, "stale": name.stale,
            "through": through,
        })
    };
    serde_json::json!({
        "asked": name(&found.asked), "pa": found.pa.map(|pa| format!("{:#x}", pa.0)), "thing": found.thing,
        "names": found.names.iter().map(name).collect::<Vec<_>>(),
    })
}
