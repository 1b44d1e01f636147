//! Answers as JSON.

use iommu_core::iommu::{Delivery, Fault, Outcome, Refusal, Translation};
use iommu_core::oracle::{Access, Answer};
use iommu_core::trace::{InterruptKind, Recorded, Verdict};
use serde_json::{json, Map, Value};

pub fn hex(n: u64) -> Value {
    Value::String(format!("{n:#x}"))
}

fn words(list: &[u64]) -> Value {
    list.iter().map(|word| hex(*word)).collect::<Vec<_>>().into()
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// An answer; with every access, if it is to have them.
pub fn answer(answer: &Answer, with_steps: bool) -> Map<String, Value> {
    let mut out = match &answer.outcome {
        Outcome::Memory(to) => translation("memory", to),
        Outcome::Answer(to) => translation("answer", to),
        Outcome::Interrupt(Delivery { vector, destination, kind, memory, .. }) => {
            let mut out =
                object(json!({"outcome": "interrupt", "vector": vector, "destination": destination,
                "how": interrupt(*kind)}));
            if let Some(at) = memory {
                out.insert("memory".into(), hex(at.raw()));
            }
            out
        }
        Outcome::Fault(Fault { code, refusal, recorded: told }) => {
            let refusal = match refusal {
                Refusal::UnsupportedRequest => "unsupported-request",
                Refusal::CompleterAbort => "completer-abort",
                Refusal::NoPermission => "no-permission",
            };
            object(json!({"outcome": "fault", "code": code.code, "name": code.name, "refusal": refusal,
                "recorded": recorded(*told)}))
        }
    };
    // An answer without permission may have been recorded too.
    if let (Some((code, told)), false) = (answer.fault, matches!(answer.outcome, Outcome::Fault(_))) {
        out.insert("code".into(), code.code.into());
        out.insert("name".into(), code.name.into());
        out.insert("recorded".into(), recorded(told).into());
    }
    if !answer.record.is_empty() {
        out.insert("record".into(), words(&answer.record));
    }
    if with_steps {
        out.insert("steps".into(), steps(&answer.steps));
    }
    out
}

fn translation(outcome: &str, t: &Translation) -> Map<String, Value> {
    object(json!({"outcome": outcome, "address": hex(t.to.raw()), "size": t.size.bytes(),
        "rights": t.perms.to_string(), "cached": t.cached}))
}

fn recorded(told: Recorded) -> &'static str {
    match told {
        Recorded::At(_) => "written",
        Recorded::Overflow => "overflow",
        Recorded::Compressed => "compressed",
        Recorded::Suppressed => "suppressed",
        Recorded::None => "none",
    }
}

fn interrupt(kind: InterruptKind) -> &'static str {
    match kind {
        InterruptKind::Direct => "direct",
        InterruptKind::Remapped => "remapped",
        // The output's word is older than the difference.
        InterruptKind::Posted | InterruptKind::Stored => "posted",
        InterruptKind::Notification => "notification",
        InterruptKind::Blocked => "blocked",
    }
}

/// All accesses, in order.
pub fn steps(steps: &[Access]) -> Value {
    steps.iter().map(step).collect::<Vec<_>>().into()
}

fn step(step: &Access) -> Value {
    match step {
        Access::Read { at, entry, level, index, words: list, verdict } => {
            let mut out = object(json!({"read": hex(at.raw()), "entry": entry.name.en, "level": level,
                "index": index, "words": words(list)}));
            match verdict {
                Verdict::Ok => {
                    out.insert("verdict".into(), "ok".into());
                }
                Verdict::Next(to) => {
                    out.insert("verdict".into(), "next".into());
                    out.insert("to".into(), hex(to.raw));
                }
                Verdict::Leaf { to, size, perms } => {
                    out.insert("verdict".into(), "leaf".into());
                    out.insert("to".into(), hex(to.raw));
                    out.insert("size".into(), size.bytes().into());
                    out.insert("rights".into(), perms.to_string().into());
                }
                Verdict::Refused(rule) => {
                    out.insert("verdict".into(), "refused".into());
                    out.insert("rule".into(), rule.text.en.into());
                    out.insert("section".into(), rule.section.into());
                }
                Verdict::Fault(code) => {
                    out.insert("verdict".into(), "fault".into());
                    out.insert("code".into(), code.code.into());
                    out.insert("section".into(), code.section.into());
                }
            }
            Value::Object(out)
        }
        Access::Write { at, old, new } => {
            json!({"write": hex(at.raw()), "old": words(old), "new": words(new)})
        }
        Access::Register { register, offset, old, new } => {
            json!({"register": register.name, "offset": offset, "old": hex(*old), "new": hex(*new)})
        }
        Access::Interrupt { vector, destination, kind } => {
            json!({"interrupt": vector, "destination": destination, "how": interrupt(*kind)})
        }
    }
}
