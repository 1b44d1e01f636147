//! `iommu-play oracle`: machines and requests in, outcomes out, one JSON object a line; and the comparison of outcomes that a
//! file expects with ours, or with those of another program. `docs/oracle.md` is the format.

mod check;
mod read;
mod write;

use crate::cli::Oracle as Args;
use crate::zh::{colon, trouble};
use iommu_core::oracle::{Error, Oracle, Place, VERSION};
use iommu_core::spec::{Lang, Localized, Phrase};
use read::{Line, Step};
use serde_json::{json, Map, Value};
use std::io::{BufRead, BufReader, Write as _};
use std::process::ExitCode;

/// The longest line that is read.
const LONGEST: u64 = 64 << 20;

/// The field of what is wrong with a whole line.
const WHOLE: &str = "the line";

/// What is wrong with a line: the field, or the column where it stops being JSON.
pub struct Wrong {
    field: Option<String>,
    column: Option<usize>,
    what: Phrase,
}

impl Wrong {
    fn field(field: impl Into<String>, what: Phrase) -> Self {
        Wrong { field: Some(field.into()), column: None, what }
    }

    fn setup(error: &Error) -> Self {
        let field = match error.place {
            Some(Place::Unit) => "unit".to_owned(),
            Some(Place::Word(i)) => format!("memory[{i}]"),
            Some(Place::Failure(i)) => format!("failures[{i}]"),
            Some(Place::Register(i)) => format!("registers[{i}]"),
            None => String::new(),
        };
        Wrong { field: (!field.is_empty()).then_some(field), column: None, what: error.phrase() }
    }

    fn json(&self, line: usize, lang: Lang) -> Value {
        let mut out = Map::new();
        out.insert("oracle".into(), VERSION.into());
        out.insert("line".into(), line.into());
        if let Some(column) = self.column {
            out.insert("column".into(), column.into());
        }
        if let Some(field) = &self.field {
            out.insert("field".into(), field.clone().into());
        }
        out.insert("error".into(), self.what.get(lang).into());
        Value::Object(out)
    }

    /// The same for a reader.
    fn text(&self, line: usize, lang: Lang) -> String {
        // A reader is told the line already.
        let field = self.field.as_ref().filter(|field| *field != WHOLE);
        let place = match (field, self.column, lang) {
            (Some(field), _, Lang::En) => format!("line {line}, {field}"),
            (Some(field), _, Lang::Zh) => format!("第 {line} 行，{field}"),
            (None, Some(column), Lang::En) => format!("line {line}, column {column}"),
            (None, Some(column), Lang::Zh) => format!("第 {line} 行第 {column} 列"),
            (None, None, Lang::En) => format!("line {line}"),
            (None, None, Lang::Zh) => format!("第 {line} 行"),
        };
        format!("{place}{}{}", colon(lang), self.what.get(lang))
    }
}

/// Runs the command. It exits non-zero if a line could not be answered, or an expected outcome is not ours.
pub fn run(args: &Args, lang: Lang) -> ExitCode {
    if args.check {
        return check::run(args, lang);
    }
    let mut bad = false;
    let none = ["-".to_owned()];
    for file in if args.files.is_empty() { &none[..] } else { &args.files[..] } {
        let done = each_line(file, |number, text| {
            let answer = Line::parse(text).and_then(|line| answer(&line, !args.brief));
            let out = answer.unwrap_or_else(|wrong| {
                bad = true;
                wrong.json(number, lang)
            });
            // Who reads may stop reading.
            writeln!(std::io::stdout(), "{out}").is_ok()
        });
        if let Err(error) = done {
            errln!("{file}{}{}", colon(lang), trouble(&error, lang));
            bad = true;
        }
    }
    ExitCode::from(u8::from(bad))
}

/// Goes through the lines of a file, or of standard input, that are not empty; until `each` returns `false`.
fn each_line(file: &str, mut each: impl FnMut(usize, &[u8]) -> bool) -> std::io::Result<()> {
    let from: Box<dyn std::io::Read> = match file {
        "-" => Box::new(std::io::stdin()),
        file => Box::new(std::fs::File::open(file)?),
    };
    let mut from = BufReader::new(from);
    let mut text = Vec::new();
    for number in 1.. {
        text.clear();
        let read = std::io::Read::take(&mut from, LONGEST).read_until(b'\n', &mut text)?;
        if read == 0 {
            break;
        }
        if read as u64 == LONGEST {
            let kind = std::io::ErrorKind::InvalidData;
            return Err(std::io::Error::new(kind, format!("line {number} is longer than 64 MiB")));
        }
        if !text.trim_ascii().is_empty() && !each(number, text.trim_ascii_end()) {
            break;
        }
    }
    Ok(())
}

/// Our answer to a line; with every access, if it is to have them.
fn answer(line: &Line, steps: bool) -> Result<Value, Wrong> {
    let mut oracle = Oracle::new(line.setup.clone()).map_err(|error| Wrong::setup(&error))?;
    let mut results = Vec::new();
    for (i, (step, name)) in line.steps.iter().enumerate() {
        let at = |error: &Error| Wrong::field(format!("requests[{i}]"), error.phrase());
        let mut out = match step {
            Step::Request(request) => {
                if !line.sequence {
                    oracle.reset().map_err(|error| Wrong::setup(&error))?;
                }
                write::answer(&oracle.ask(request), steps)
            }
            Step::Registers(writes) => {
                let mut all = Vec::new();
                for write in writes {
                    all.extend(oracle.write_register(write).map_err(|error| at(&error))?.steps);
                }
                let mut out = Map::new();
                if steps {
                    out.insert("steps".into(), write::steps(&all));
                }
                out
            }
            Step::Memory(words) => {
                for (address, word) in words {
                    oracle.write_word(*address, *word).map_err(|error| at(&error))?;
                }
                Map::new()
            }
            Step::Look { registers, memory } => {
                let mut found = Map::new();
                for (name, register) in registers {
                    let value = oracle.read(register).map_err(|error| at(&error))?;
                    found.insert(name.clone(), write::hex(value));
                }
                let words = memory.iter().map(|at| json!([write::hex(*at), write::hex(oracle.word(*at))]));
                let words: Vec<Value> = words.collect();
                let mut out = Map::new();
                out.insert("registers".into(), Value::Object(found));
                out.insert("memory".into(), words.into());
                out
            }
        };
        if let Some(name) = name {
            out.insert("id".into(), name.clone());
        }
        results.push(Value::Object(out));
    }
    let mut out = Map::new();
    out.insert("oracle".into(), VERSION.into());
    out.insert("arch".into(), oracle.architecture().describe().word.into());
    if let Some(id) = &line.id {
        out.insert("id".into(), id.clone());
    }
    out.insert("results".into(), results.into());
    Ok(Value::Object(out))
}
