//! `iommu-play across`: one scenario on every architecture, idea beside idea.

use super::scenario::named;
use crate::cli;
use iommu_core::scenario::presets::by_name;
use iommu_core::spec::{Lang, Phrase};
use iommu_core::view::across::{across, mark};
use iommu_core::view::transcript::sign;
use iommu_core::view::types::{Across, AcrossCell};
use std::process::ExitCode;

/// Prints what came of each idea on each architecture.
pub fn run(args: &cli::Across, lang: Lang) -> ExitCode {
    let preset = by_name(&args.scenario);
    let text = match preset {
        Some(preset) => preset.text.to_string(),
        None => match named(&args.scenario, lang == Lang::Zh) {
            Some((_, text, _)) => text,
            None => return ExitCode::FAILURE,
        },
    };
    let mut table = across(&text, preset.map(|p| p.name), lang);
    let can: Vec<String> =
        table.columns.iter().filter(|c| c.why.is_empty()).map(|c| c.name.clone()).collect();
    if !args.on.is_empty() {
        keep(&mut table, &args.on.iter().map(|a| a.describe().word).collect::<Vec<_>>());
    }
    if args.json {
        outln!("{}", serde_json::to_string_pretty(&table).unwrap_or_default());
        return ExitCode::SUCCESS;
    }
    print(&table, &can, lang);
    // What was asked for ran nowhere.
    match table.columns.iter().all(|column| !column.why.is_empty()) {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    }
}

/// Leaves only the columns named by `words`.
fn keep(table: &mut Across, words: &[&str]) {
    let wanted: Vec<bool> = table.columns.iter().map(|c| words.contains(&c.name.as_str())).collect();
    let mut column = wanted.iter();
    table.columns.retain(|_| *column.next().unwrap_or(&false));
    for row in &mut table.rows {
        let mut cell = wanted.iter();
        row.cells.retain(|_| *cell.next().unwrap_or(&false));
    }
    // What differs is a matter of those that are left.
    mark(&mut table.rows);
}

/// Prints the table. `can` are the machines that run it, those that were not asked for among them.
fn print(table: &Across, can: &[String], lang: Lang) {
    let colon = if lang == Lang::Zh { "：" } else { ": " };
    for column in table.columns.iter().filter(|c| !c.why.is_empty()) {
        outln!("{}{colon}{}", column.title, column.why);
    }
    // Where no machine of the table runs it, the reader wants to know which would.
    if table.columns.iter().all(|column| !column.why.is_empty()) {
        let can = Phrase::one_of(&can.iter().map(String::as_str).collect::<Vec<_>>());
        match lang {
            _ if can.en.is_empty() => {}
            Lang::En => outln!("It runs on {}.", can.en),
            Lang::Zh => outln!("能运行它的有 {}。", can.zh),
        }
    }
    // An idea that none of these machines has is not one of this table.
    let rows = table.rows.iter().enumerate().filter(|(_, row)| row.cells.iter().any(Option::is_some));
    for (n, row) in rows {
        outln!("\n{}/{}   {}", n + 1, table.rows.len(), row.text);
        for (column, cell) in table.columns.iter().zip(&row.cells) {
            match cell {
                Some(cell) => {
                    outln!("  {} [{}]", column.title, cell.at);
                    told(cell, &row.text, colon, lang);
                }
                None if column.why.is_empty() && !row.gap.is_empty() => {
                    outln!("  {}{colon}{}", column.title, row.gap);
                }
                None => {}
            }
        }
    }
    let marked = |cell: &AcrossCell| cell.outcome_differs || cell.facts.iter().any(|fact| fact.differs);
    if table.rows.iter().flat_map(|row| row.cells.iter().flatten()).any(marked) {
        outln!(
            "\n{}",
            match lang {
                Lang::En => "[N] is the position to step to; <> is not the same on all of these machines.",
                Lang::Zh => "[N] 是可以跳到的位置；<> 表示这些机器各有不同。",
            }
        );
    }
}

fn told(cell: &AcrossCell, row: &str, colon: &str, lang: Lang) {
    if cell.note != row {
        outln!("    {}", cell.note);
    }
    if let Some(outcome) = &cell.outcome {
        let word = match lang {
            Lang::En => format!("{}: ", outcome.word),
            Lang::Zh => format!("【{}】", outcome.word),
        };
        let mark = if cell.outcome_differs { "<>" } else { "  " };
        outln!(" {mark} {} {word}{}", sign(outcome.kind), outcome.text);
    }
    for fact in &cell.facts {
        // What differs is marked, as in the page.
        outln!("   {} {}{colon}{}", if fact.differs { "<>" } else { "  " }, fact.name, fact.value);
    }
}
