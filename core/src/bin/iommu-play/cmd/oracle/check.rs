//! `iommu-play oracle --check`: what a file expects, held against our answers or those of another program.

use super::{answer, each_line, read, Line};
use crate::cli::Oracle as Args;
use crate::zh::{colon, trouble};
use iommu_core::spec::Lang;
use serde_json::Value;
use std::process::ExitCode;

/// Does what was answered have all that is expected? Numbers are the same however they are written.
fn has(expected: &Value, answered: &Value) -> bool {
    match (expected, answered) {
        (Value::Object(want), Value::Object(got)) => {
            want.iter().all(|(key, value)| got.get(key).is_some_and(|found| has(value, found)))
        }
        (Value::Array(want), Value::Array(got)) => {
            want.len() == got.len() && want.iter().zip(got).all(|(a, b)| has(a, b))
        }
        (a, b) => a == b || read::number(a).is_some_and(|n| read::number(b) == Some(n)),
    }
}

/// What was answered, without the accesses unless those are what differs.
fn shown(expected: &Value, answered: &Value) -> Value {
    let mut out = answered.clone();
    if let Some(map) = out.as_object_mut() {
        if expected.get("steps").is_none() {
            map.remove("steps");
        }
    }
    out
}

#[derive(Default)]
struct Count {
    agree: u64,
    differ: u64,
}

/// Runs the comparison; exits non-zero if anything differs, cannot be read, or nothing was expected at all.
pub fn run(args: &Args, lang: Lang) -> ExitCode {
    let mut theirs = match args.answers.as_deref().map(answers).transpose() {
        Ok(theirs) => theirs.map(Vec::into_iter),
        Err(error) => {
            errln!("{}{}{error}", args.answers.as_deref().unwrap_or_default(), colon(lang));
            return ExitCode::from(2);
        }
    };
    let (mut bad, mut show) = (false, args.show);
    for file in &args.files {
        let mut count = Count::default();
        let done = each_line(file, |number, text| {
            let line = match Line::parse(text).and_then(|line| Ok((answer(&line, true)?, line))) {
                Ok(line) => line,
                Err(wrong) => {
                    errln!("{file}{}{}", colon(lang), wrong.text(number, lang));
                    bad = true;
                    return true;
                }
            };
            let (ours, line) = line;
            let answered = match &mut theirs {
                None => ours,
                Some(theirs) => theirs.next().unwrap_or(Value::Null),
            };
            for (i, expected) in line.expected.iter().enumerate() {
                let Some(expected) = expected else { continue };
                let result = &answered["results"][i];
                if has(expected, result) {
                    count.agree += 1;
                    continue;
                }
                count.differ += 1;
                if show > 0 {
                    show -= 1;
                    let result = shown(expected, result);
                    match lang {
                        Lang::En => {
                            outln!("line {number} request {i}:\n  expected: {expected}\n  answered: {result}")
                        }
                        Lang::Zh => {
                            outln!("第 {number} 行的 {i} 号请求：\n  期望：{expected}\n  回答：{result}")
                        }
                    }
                }
            }
            true
        });
        if let Err(error) = done {
            errln!("{file}{}{}", colon(lang), trouble(&error, lang));
            bad = true;
        }
        let Count { agree, differ } = count;
        bad |= differ > 0 || agree == 0;
        match lang {
            Lang::En => outln!("{file}: {agree} agree, {differ} differ"),
            Lang::Zh => outln!("{file}：{agree} 项一致，{differ} 项不同"),
        }
    }
    ExitCode::from(u8::from(bad))
}

/// The answers of another program, one a line.
fn answers(file: &str) -> Result<Vec<Value>, String> {
    let (mut out, mut wrong) = (Vec::new(), None);
    let done = each_line(file, |number, text| match serde_json::from_slice(text) {
        Ok(value) => {
            out.push(value);
            true
        }
        Err(error) => {
            wrong = Some(format!("{number}:{}: {error}", error.column()));
            false
        }
    });
    match (done, wrong) {
        (Err(error), _) => Err(error.to_string()),
        (Ok(()), Some(wrong)) => Err(wrong),
        (Ok(()), None) => Ok(out),
    }
}
