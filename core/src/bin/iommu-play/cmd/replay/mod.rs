//! `iommu-play replay`: our machine against recorded outcomes. Each architecture has its own file; counting,
//! printing and the exit code are here.

mod amdvi;
mod riscv;
mod smmuv3;
mod steps;
mod vtd;

use crate::cli::Replay;
use crate::zh::{colon, trouble};
use iommu_core::spec::Lang;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::ExitCode;

/// What came of one recorded request.
pub enum Verdict {
    /// Both say the same.
    Agree,
    /// They differ: the setup's line, what was recorded, what we say, and our full walk.
    Differ(String),
    /// Both say the same, as far as a note in the recording lets them: its kind.
    Noted(String),
    /// Not compared, and why.
    Skip(String),
    /// Not compared: the recording lets pass what the specification refuses.
    LeftOut,
}

/// How to compare.
#[derive(Default)]
pub struct Options {
    /// Deviations of the other implementation that are not to be taken into account, by name.
    pub without: Vec<String>,
    /// Compare what the specification says: outcomes in which a note names a deviation are skipped.
    pub specification: bool,
}

#[derive(Default)]
struct Count {
    agree: u64,
    differ: u64,
    skip: u64,
    left_out: u64,
    noted: std::collections::BTreeMap<String, u64>,
}

/// Runs the command; exits non-zero if anything differs or cannot be read.
pub fn run(args: &Replay, lang: Lang) -> ExitCode {
    let mut show = args.show;
    let options = Options { without: args.without.clone(), specification: args.specification };
    let mut bad = false;
    for file in &args.files {
        match one_file(file, &options, &mut show, lang) {
            Ok(count) => {
                bad |= count.differ > 0;
                let Count { agree, differ, skip, left_out, noted } = &count;
                let rest = match (left_out, lang) {
                    (0, _) => String::new(),
                    (n, Lang::En) => format!(", {n} left out"),
                    (n, Lang::Zh) => format!("，{n} 项不比较"),
                };
                match lang {
                    Lang::En => outln!("{file}: {agree} agree, {differ} differ, {skip} skipped{rest}"),
                    Lang::Zh => outln!("{file}：{agree} 项一致，{differ} 项不同，{skip} 项跳过{rest}"),
                }
                for (kind, n) in noted {
                    match lang {
                        Lang::En => outln!("  noted {kind}: {n} as expected"),
                        Lang::Zh => outln!("  已注明 {kind}：{n} 项与预料相符"),
                    }
                }
            }
            Err(error) => {
                errln!("{file}{}{error}", colon(lang));
                bad = true;
            }
        }
    }
    if bad {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

fn one_file(path: &str, options: &Options, show: &mut u64, lang: Lang) -> Result<Count, String> {
    let file = std::fs::File::open(path).map_err(|e| trouble(&e, lang))?;
    let mut count = Count::default();
    for (i, line) in BufReader::new(file).lines().enumerate() {
        let line = line.map_err(|e| trouble(&e, lang))?;
        if line.trim().is_empty() {
            continue;
        }
        let place = match lang {
            Lang::En => format!("line {}", i + 1),
            Lang::Zh => format!("第 {} 行", i + 1),
        };
        let at = |e: String| format!("{place}{}{e}", colon(lang));
        let setup: Value = serde_json::from_str(&line).map_err(|e| at(e.to_string()))?;
        let mut each = |request: usize, verdict: Verdict| match verdict {
            Verdict::Agree => count.agree += 1,
            Verdict::Noted(kind) => *count.noted.entry(kind).or_default() += 1,
            Verdict::LeftOut => count.left_out += 1,
            Verdict::Skip(why) => {
                count.skip += 1;
                if *show > 0 {
                    match lang {
                        Lang::En => outln!("{place} request {request}: skipped: {why}"),
                        Lang::Zh => outln!("{place}的 {request} 号请求：跳过：{why}"),
                    }
                }
            }
            Verdict::Differ(text) => {
                count.differ += 1;
                if *show > 0 {
                    *show -= 1;
                    match lang {
                        Lang::En => outln!("{place} request {request}: {text}"),
                        Lang::Zh => outln!("{place}的 {request} 号请求：{text}"),
                    }
                }
            }
        };
        match setup["arch"].as_str() {
            Some("vt-d") => vtd::replay(&setup, options, &mut each).map_err(at)?,
            Some("smmuv3") => smmuv3::replay(&setup, options, &mut each).map_err(at)?,
            Some("amd-vi") => amdvi::replay(&setup, &mut each).map_err(at)?,
            Some("riscv") => riscv::replay(&setup, &mut each).map_err(at)?,
            // The published RISC-V format names no architecture; its setups have a capabilities register.
            None if setup.get("caps").is_some() => riscv::replay(&setup, &mut each).map_err(at)?,
            other => {
                let name = other.unwrap_or("none");
                return Err(at(match lang {
                    Lang::En => format!("unknown arch {name:?}"),
                    Lang::Zh => format!("不认识的架构 `{name}`"),
                }));
            }
        }
    }
    Ok(count)
}

/// A number written as a hex string or as a JSON number.
pub fn number(value: &Value) -> Result<u64, String> {
    match value {
        Value::String(text) => text
            .strip_prefix("0x")
            .and_then(|digits| u64::from_str_radix(digits, 16).ok())
            .ok_or_else(|| format!("{text:?} is not a hex number")),
        Value::Number(n) => n.as_u64().ok_or_else(|| format!("{n} is not a whole number")),
        other => Err(format!("{other} is not a number")),
    }
}
