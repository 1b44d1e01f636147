//! What came of an operation, as a result: where the data is now, who refused and why, what leads where.
//!
//! Every ending is read from the trace: `evidence` gathers what moved and what was refused, `place` names what is
//! at a physical address, `access` says what came of a device's or a CPU's access, `software` of everything else.

mod access;
pub(super) mod evidence;
mod forgotten;
pub(super) mod kind;
pub(super) mod place;
mod software;
#[cfg(test)]
mod tests;

use super::who::Cast;
use crate::machine::history::Cursor;
use crate::machine::{Done, Record, Run};
use crate::scenario::ast::{Operation, Scenario};
use crate::scenario::outline::{Action, Outline};
use crate::spec::{spaced, ungrouped, Phrase};
use crate::trace::{CacheKind, Event, Trace};
pub use access::of_itself;
pub(super) use access::own as own_place;
use alloc::{format, string::String, string::ToString, vec::Vec};
use core::cell::Cell;
use evidence::Evidence;
pub use kind::{Ending, Kind};
use place::Places;

/// What the sentences are made from.
struct Teller<'a> {
    record: &'a Record,
    trace: &'a Trace,
    cast: &'a Cast,
    places: Places<'a>,
    /// The CPU has a cache that devices do not see.
    cached: bool,
    looks: &'a Looks,
    /// Descriptors that the lines so far wrote.
    descriptors: Cell<u64>,
}

/// What may be looked at to say what came of all operations of a run, whatever they are: when it is spent, what is
/// left says less.
#[derive(Debug)]
pub(super) struct Looks(Cell<u64>);

/// Things that are looked at: entries of tables, steps, ranges of memory.
const LOOKS: u64 = 20_000_000;

impl Default for Looks {
    fn default() -> Self {
        Looks(Cell::new(LOOKS))
    }
}

impl Looks {
    /// Draws a number of looks. `false`: they are spent.
    fn draw(&self, looks: usize) -> bool {
        let left = self.0.get().checked_sub(looks as u64);
        self.0.set(left.unwrap_or(0));
        left.is_some()
    }
}

/// What came of every operation of a run, in their order.
fn endings(
    record: &Record,
    cursor: &dyn Fn() -> Cursor,
    trace: &Trace,
    cast: &Cast,
    scenario: &Scenario,
    done: &[Done],
    looks: &Looks,
) -> Vec<Ending> {
    let cached = trace
        .steps()
        .iter()
        .any(|step| matches!(step.event, Event::Cache { cache, .. } if cache.kind == CacheKind::Data));
    let outline = Outline::new(scenario);
    let operations = outline.steps.iter().filter_map(|step| match step.action {
        Action::Do(operation) => Some(operation),
        Action::Expect(_) => None,
    });
    let places = Places::new(record, trace, cursor, looks);
    let teller = Teller { record, trace, cast, places, cached, looks, descriptors: Cell::new(0) };
    operations.zip(done).map(|(operation, done)| teller.ending(operation, done)).collect()
}

impl Cast {
    /// The names, and what came of each operation of a machine whose trace is still its own.
    pub fn of_run(run: &Run, text: &str) -> Self {
        Self::of_run_within(run, text, &Looks::default())
    }

    fn of_run_within(run: &Run, text: &str, looks: &Looks) -> Self {
        let mut cast = Cast::of(&run.machine, text);
        let (record, trace) = (Record::of(&run.machine), &run.machine.trace);
        let cursor = || Cursor::at_end(run.machine.memories(), trace);
        cast.endings = endings(&record, &cursor, trace, &cast, &run.scenario, &run.done, looks);
        cast
    }
}

impl Teller<'_> {
    fn ending(&self, operation: &Operation, done: &Done) -> Ending {
        let evidence = Evidence::of(self.trace, done.steps.clone());
        let mut ending = match &done.error {
            Some(error) => {
                // What a driver or a device lacks is in the message alone.
                let rule = error.rule.filter(|_| !matches!(error.name, "no-sva" | "driver" | "unsupported"));
                let zh = rule.map_or(error.message.zh.as_str(), |rule| rule.text.zh);
                let en = rule.map_or(error.message.en.as_str(), |rule| rule.text.en);
                Ending::new(
                    Kind::Refused,
                    format!("The kernel returns an error: {en}."),
                    format!("内核返回错误：{zh}。"),
                )
            }
            None => self.operation(operation, done, &evidence),
        };
        // What a write-back destroys is told whatever the operation was.
        if let Some(lost) = self.overwritten(done) {
            ending = lost;
        }
        ending.text.zh = ungrouped(&spaced(&ending.text.zh));
        ending.text.en = ungrouped(&ending.text.en);
        ending.steps = done.steps.clone();
        ending
    }

    fn operation(&self, operation: &Operation, done: &Done, evidence: &Evidence) -> Ending {
        use Operation as O;
        match operation {
            O::Dma(op) => self.device(&op.device.value, evidence),
            O::Doorbell(op) => self.device(&op.device.value, evidence),
            O::Msi(op) => self.interrupt(&op.device.value, evidence),
            O::Relay(op) => self.relay(op, evidence),
            O::CpuRead(_) | O::CpuIn(_) => self.cpu_read(done, evidence),
            O::ConfigRead(op) => self.config_read(op, done, evidence),
            O::ConfigWrite(op) => self.config_write(op, evidence),
            O::CpuWrite(_) | O::CpuOut(_) => self.cpu_write(evidence),
            _ => self.software(operation, done, evidence),
        }
    }
}

/// A count of bytes: `13 bytes`, `1,500 bytes`, `2 KiB`.
pub fn bytes(n: u64) -> Phrase {
    let number = thousands(n);
    if n >= 1024 && n % 1024 == 0 {
        return Phrase::same(crate::addr::Bytes(n).to_string());
    }
    let unit = if n == 1 { "byte" } else { "bytes" };
    Phrase::new(format!("{number} {unit}"), format!("{n} 字节"))
}

/// A number with a comma before each three digits.
pub fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A count of things, in the singular where it is one: `1 page`, `4 pages`, `2 entries`.
pub fn count(n: u64, one: &str) -> String {
    format!("{} {}", thousands(n), if n == 1 { one.into() } else { plural(one) })
}

/// The plural of an English noun phrase; what is in parentheses behind it stays.
pub fn plural(noun: &str) -> String {
    if let Some((stem, rest)) = noun.split_once(" (") {
        return format!("{} ({rest}", plural(stem));
    }
    match noun.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{stem}ies"),
        _ if noun.ends_with(['s', 'x']) => format!("{noun}es"),
        _ => format!("{noun}s"),
    }
}

/// A sentence with a capital at its beginning.
fn upper(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |c| c.to_uppercase().chain(letters).collect())
}
