//! What came of an operation, as a result: where the data is now, who refused and why, what leads where.
//!
//! Every ending is read from the trace: `evidence` gathers what moved and what was refused, `place` names what is
//! at a physical address, `access` says what came of a device's or a CPU's access, `software` of everything else.

mod access;
pub(super) mod evidence;
pub(super) mod place;
mod software;
#[cfg(test)]
mod tests;

use super::who::Cast;
use crate::machine::{Done, Machine};
use crate::scenario::ast::{Operation, Scenario};
use crate::scenario::outline::{Action, Outline};
use crate::spec::Phrase;
use crate::trace::{CacheKind, Event, Trace};
pub(super) use access::own as own_place;
use alloc::{format, string::String, string::ToString, vec::Vec};
use evidence::Evidence;
use place::Places;

/// What kind of end an operation came to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash, Default)]
pub enum Kind {
    /// Something was prepared or changed.
    #[default]
    Done,
    /// Addresses lead nowhere any more.
    Unmapped,
    /// Addresses lead somewhere now.
    Mapped,
    /// A question was answered: a register, a translation.
    Answered,
    /// An interrupt reached a CPU.
    Interrupted,
    /// Data is where it was meant to be.
    Arrived,
    /// Nothing was moved: somebody refused.
    Refused,
    /// Data went nowhere, or was overwritten.
    Lost,
    /// Data is where it must not be, or is not what it should be.
    Wrong,
}

impl Kind {
    /// The kind as one word, for beside a sign.
    pub fn word(self) -> Phrase {
        match self {
            Kind::Done => Phrase::new("Prepared", "准备"),
            Kind::Unmapped => Phrase::new("Unmapped", "解除映射"),
            Kind::Mapped => Phrase::new("Mapped", "已映射"),
            Kind::Answered => Phrase::new("Answered", "有回应"),
            Kind::Interrupted => Phrase::new("Interrupt", "中断"),
            Kind::Arrived => Phrase::new("Arrived", "到达"),
            Kind::Refused => Phrase::new("Refused", "被拒绝"),
            Kind::Lost => Phrase::new("Lost", "丢失"),
            Kind::Wrong => Phrase::new("Wrong", "不对"),
        }
    }
}

/// What came of an operation.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Ending {
    /// What kind of end it is.
    pub kind: Kind,
    /// The sentence.
    pub text: Phrase,
    /// The steps of the operation in the trace.
    pub steps: core::ops::Range<usize>,
    /// The step from which on it went wrong, where it did.
    pub wrong_from: Option<usize>,
}

impl Ending {
    fn new(kind: Kind, en: String, zh: String) -> Self {
        Ending { kind, text: Phrase::new(en, zh), ..Ending::default() }
    }
    fn done(en: String, zh: String) -> Self {
        Ending::new(Kind::Done, en, zh)
    }
}

/// What the sentences are made from.
struct Teller<'a> {
    machine: &'a Machine,
    trace: &'a Trace,
    cast: &'a Cast,
    places: Places<'a>,
    /// The CPU has a cache that devices do not see.
    cached: bool,
}

/// What came of every operation of a run, in their order.
pub fn endings(
    machine: &Machine,
    trace: &Trace,
    cast: &Cast,
    scenario: &Scenario,
    done: &[Done],
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
    let teller = Teller { machine, trace, cast, places: Places::new(machine), cached };
    operations.zip(done).map(|(operation, done)| teller.ending(operation, done)).collect()
}

impl Teller<'_> {
    fn ending(&self, operation: &Operation, done: &Done) -> Ending {
        let evidence = Evidence::of(self.trace, done.steps.clone());
        let mut ending = match &done.error {
            Some(error) => {
                let zh = error.rule.map_or(error.message.zh.as_str(), |rule| rule.text.zh);
                let en = error.rule.map_or(error.message.en.as_str(), |rule| rule.text.en);
                Ending::new(Kind::Refused, format!("The kernel refuses: {en}."), format!("内核拒绝：{zh}。"))
            }
            None => self.operation(operation, done, &evidence),
        };
        // What a write-back destroys is told whatever the operation was.
        if let Some(lost) = self.overwritten(done) {
            ending = lost;
        }
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
            O::CpuRead(_) | O::CpuIn(_) | O::ConfigRead(_) => self.cpu_read(done, evidence),
            O::CpuWrite(_) | O::CpuOut(_) | O::ConfigWrite(_) => self.cpu_write(evidence),
            _ => self.software(operation, done, evidence),
        }
    }
}

/// A count of bytes: `13 bytes`, `1,500 bytes`, `4 KiB`.
pub fn bytes(n: u64) -> Phrase {
    let number = thousands(n);
    if n >= 4096 && n % 1024 == 0 {
        return Phrase::same(crate::addr::Bytes(n).to_string());
    }
    let unit = if n == 1 { "byte" } else { "bytes" };
    Phrase::new(format!("{number} {unit}"), format!("{number} 字节"))
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
