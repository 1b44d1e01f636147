//! A trace as plain lines: every entry read, with its fields that are not zero.

use iommu_core::spec::FieldKind;
use iommu_core::trace::{Event, Scope, Trace, Verdict};
use std::fmt::Write;

fn verdict(v: &Verdict) -> String {
    match v {
        Verdict::Ok => "ok".into(),
        Verdict::Next(at) => format!("next at {at}"),
        Verdict::Leaf { to, size, perms } => format!("maps {to} ({size}, {perms})"),
        Verdict::Refused(rule) => format!("refused: {} [{}]", rule.text.en, rule.section),
        Verdict::Fault(code) => {
            format!("fault {:#x} {}: {} [{}]", code.code, code.name, code.text.en, code.section)
        }
    }
}

/// The steps of a trace, one a line, indented by depth.
pub fn text(trace: &Trace) -> String {
    let mut out = String::new();
    for step in trace.steps() {
        let line = match &step.event {
            Event::Begin(Scope::Translation { requester, at, want, .. }) => {
                format!("request: {requester} {want} at {at}")
            }
            Event::Begin(Scope::Walk { stage, input, root, .. }) => {
                format!("{stage:?} walk of {input} from {root}")
            }
            Event::Begin(scope) => format!("{scope:?}"),
            Event::Cache { cache, op, .. } => format!("{}: {op:?}", cache.name.en),
            Event::End(v) => format!("end: {}", verdict(v)),
            Event::Read { entry, level, index, pa, words, verdict: v, .. } => {
                let words = trace.get_words(*words);
                let mut fields = String::new();
                for (field, value) in entry.decode(words).into_iter().filter(|(_, value)| *value != 0) {
                    let value = match field.kind {
                        FieldKind::Address { shift } => value << shift,
                        _ => value,
                    };
                    let _ = write!(fields, " {}={value:#x}", field.name);
                }
                let at = if *level > 0 { format!(" level {level}") } else { String::new() };
                format!(
                    "read {}{at} [{index}] at {pa}:{fields} -> {} [{}]",
                    entry.name.en,
                    verdict(v),
                    entry.section
                )
            }
            Event::Write { pa, old, new, .. } => format!("write {pa}: {old:#x} -> {new:#x}"),
            Event::Fault { code, at, recorded, .. } => {
                format!("fault {:#x} {} at {at}, recorded {recorded:?}", code.code, code.name)
            }
            Event::Register { register, old, new, write: true, .. } => {
                format!("register {}: {old:#x} -> {new:#x}", register.name)
            }
            Event::Check { rule, ok, value } => {
                format!(
                    "check {}: {} ({value:#x}) [{}]",
                    if *ok { "ok" } else { "failed" },
                    rule.text.en,
                    rule.section
                )
            }
            Event::WriteRun { entry, pa, .. } => format!("write {} at {pa}", entry.name.en),
            other => format!("{other:?}"),
        };
        let _ = writeln!(out, "    {:indent$}{line}", "", indent = usize::from(step.depth) * 2);
    }
    out
}
