//! `iommu-play where`: all names of an address, and who can reach it, at a position of a scenario.

use super::scenario::{named, tell};
use iommu_core::machine::history::Cursor;
use iommu_core::machine::run::run_scenario;
use iommu_core::spec::Lang;
use iommu_core::view::types::{WhereName, Whereabouts};
use iommu_core::view::where_is::{owner, whereabouts};
use std::process::ExitCode;

const USAGE: &str =
    "usage: iommu-play where SCENARIO ADDRESS [--of OWNER] [--at STEP] [--lang en|zh] [--json]

  ADDRESS    a number, or a name that the scenario gave: 0x1234_5000, rx, buf+0x40
  --of       whose address a number is: kernel, physical, or the name of a process, a guest, a device;
             without, everybody's in turn
  --at STEP  where in the trace (by default its end)";

/// Tells what `args` ask.
pub fn run(args: &[String]) -> ExitCode {
    let (mut words, mut at, mut lang, mut of, mut json) = (Vec::new(), usize::MAX, Lang::En, None, false);
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let mut value = || args.next().map(String::as_str).unwrap_or("");
        match arg.as_str() {
            "--at" => match value().parse() {
                Ok(n) => at = n,
                Err(_) => return usage("--at takes a position: a number"),
            },
            "--lang" => match value() {
                "en" => lang = Lang::En,
                "zh" => lang = Lang::Zh,
                _ => return usage("--lang takes en or zh"),
            },
            "--of" => of = Some(value().to_string()),
            "--json" => json = true,
            other if other.starts_with("--") => return usage(&format!("there is no option {other}")),
            other => words.push(other.to_string()),
        }
    }
    let [source, address] = &words[..] else { return usage("which scenario, and which address?") };
    let zh = lang == Lang::Zh;
    let Some((source, text, scenario)) = named(source, zh) else { return ExitCode::FAILURE };
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
    let (machine, trace) = (&run.machine, &run.machine.trace);
    let whose = match &of {
        None => None,
        Some(word) => match owner(machine, word) {
            Some(of) => Some(of),
            None => return usage(&format!("nobody is called '{word}' in this scenario")),
        },
    };
    let mut cursor = Cursor::at_end(machine.memories(), trace);
    cursor.seek(trace, at);
    let found = whereabouts(machine, trace, &mut cursor, address, whose, lang);
    if json {
        outln!(
            "{}",
            serde_json::to_string_pretty(&found.iter().map(in_json).collect::<Vec<_>>()).unwrap_or_default()
        );
    } else {
        found.iter().for_each(print);
    }
    if found.is_empty() {
        errln!("iommu-play where: '{address}' is nobody's address here");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn print(found: &Whereabouts) {
    line("", &found.asked);
    match found.pa {
        Some(pa) => outln!("  -> {:#x}: {}", pa.0, found.thing),
        None => outln!("  -> {}", found.thing),
    }
    for name in &found.names {
        line("  = ", name);
    }
    outln!("");
}

fn line(before: &str, name: &WhereName) {
    let stale = if name.stale { ", stale: only a cache says so" } else { "" };
    outln!("{before}{} ({}{stale})", name.text, name.perms);
    for step in &name.through {
        outln!("      {:#x} {}: {:#x}", step.at.0, step.entry, step.raw.0);
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

fn usage(why: &str) -> ExitCode {
    errln!("iommu-play where: {why}\n{USAGE}");
    ExitCode::from(2)
}
