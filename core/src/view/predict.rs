//! Questions about the step to come. What is asked follows from what the step does; the answer is what it did; the
//! other choices are what it would be if one thing were misunderstood, worked out from the same trace.

use super::types::Question;
use crate::addr::AnyAddr;
use crate::explain::{scopes, who};
use crate::iommu::Architecture;
use crate::spec::{spaced, FaultCode, Lang, Text};
use crate::trace::{Actor, CacheKind, CacheLine, CacheOp, CacheType, Event, Scope, Trace, Verdict};
use alloc::{format, string::String, vec::Vec};

/// At most this many choices are offered.
const CHOICES: usize = 4;

/// The question about the step that ends at `position`; nothing about steps that just go on.
pub fn question(trace: &Trace, position: usize, lang: Lang) -> Option<Question> {
    let index = position.checked_sub(1)?;
    let (text, answer, others) = match trace.steps().get(index)?.event {
        Event::Cache { cache, op, line, .. } => lookup(cache, op, &line, lang)?,
        Event::Read { level, index: slot, at, .. } if level > 0 => {
            entry(trace, index, (level, slot, at), lang)?
        }
        Event::Data { pa, .. } => bytes(trace, index, pa.raw(), lang)?,
        Event::Fault { code, .. } => fault(code, lang)?,
        _ => return None,
    };
    let mut choices: Vec<String> = Vec::new();
    for choice in others {
        if choice != answer && !choices.contains(&choice) && choices.len() + 1 < CHOICES {
            choices.push(choice);
        }
    }
    if choices.is_empty() {
        return None;
    }
    // In an order that says nothing about which is right.
    choices.push(answer.clone());
    choices.sort();
    let answer = choices.iter().position(|c| *c == answer)? as u32;
    Some(Question { at: position as u32, text, choices, answer })
}

type Asked = Option<(String, String, Vec<String>)>;

fn lookup(cache: &'static CacheType, op: CacheOp, line: &CacheLine, lang: Lang) -> Asked {
    let answers = [
        (CacheOp::Hit, Text::new("It is there, and true", "有，是最新的")),
        (CacheOp::Stale, Text::new("It is there, but the tables say otherwise now", "有，但表已经改了")),
        (CacheOp::Denied, Text::new("It is there, but does not allow this", "有，但不允许这次访问")),
        (CacheOp::Miss, Text::new("It is not there", "没有")),
    ];
    let answer = answers.iter().find(|a| a.0 == op)?.1.get(lang).into();
    let what = match (cache.kind, line.requester) {
        (CacheKind::Device | CacheKind::Process, Some(requester)) => format!("{requester}"),
        _ => format!("{:#x}", line.from),
    };
    let name = cache.name.get(lang);
    let text = match lang {
        Lang::En => format!("Does the {name} have {what}?"),
        Lang::Zh => spaced(&format!("{name}里有 {what} 吗？")),
    };
    Some((text, answer, answers.iter().map(|a| a.1.get(lang).into()).collect()))
}

fn entry(trace: &Trace, index: usize, (level, slot, at): (u8, u32, AnyAddr), lang: Lang) -> Asked {
    let (_, scope) = scopes::innermost(trace, index, |s| matches!(s, Scope::Walk { .. }))?;
    let Scope::Walk { input, .. } = scope else { return None };
    let hex = |raw: u64| format!("{raw:#x}");
    let table = at.raw.checked_sub(u64::from(slot) * 8)?;
    // The index cut from other bits of the address, none taken, its number taken for an offset in bytes.
    let cut = |level: u8| (input.raw >> (12 + 9 * u32::from(level.saturating_sub(1)).min(5))) & 0x1ff;
    let mut others: Vec<u64> = [level + 1, level.saturating_sub(1).max(1)].map(|l| table + cut(l) * 8).into();
    others.extend([table, table + u64::from(slot), table + u64::from(slot) * 8 + 8]);
    let who = who::actor(trace.steps()[index].actor, &Default::default());
    let actor = match trace.steps()[index].actor {
        Actor::Iommu => "IOMMU",
        Actor::Mmu => "MMU",
        _ => who.get(lang).trim(),
    };
    let text = match lang {
        Lang::En => {
            format!("It looks up {}. Which address does the {actor} read at level {level}?", hex(input.raw))
        }
        Lang::Zh => spaced(&format!("正在查 {}。{actor}在第 {level} 级读哪个地址？", hex(input.raw))),
    };
    Some((text, hex(at.raw), others.into_iter().map(hex).collect()))
}

fn bytes(trace: &Trace, index: usize, pa: u64, lang: Lang) -> Asked {
    let (begin, scope) =
        scopes::innermost(trace, index, |s| matches!(s, Scope::Transfer { .. } | Scope::CpuAccess { .. }))?;
    let (Scope::Transfer { at, .. } | Scope::CpuAccess { at, .. }) = scope else { return None };
    let hex = |raw: u64| format!("{raw:#x}");
    // The number in the instruction or the descriptor; the page without the offset; the page before and after.
    let mut others = alloc::vec![at.raw, pa & !0xfff, pa.wrapping_add(0x1000), pa.wrapping_sub(0x1000)];
    // A table entry that was read on the way: its address is not the data's.
    others.extend(trace.steps().range(begin..index).iter().rev().find_map(|s| match s.event {
        Event::Read { pa, verdict: Verdict::Leaf { .. }, .. } => Some(pa.raw()),
        _ => None,
    }));
    let text = match lang {
        Lang::En => format!("The access is to {}. Where in physical memory do the bytes land?", hex(at.raw)),
        Lang::Zh => format!("访问地址 {}，数据会落到哪个物理地址？", hex(at.raw)),
    };
    Some((text, hex(pa), others.into_iter().map(hex).collect()))
}

fn fault(code: &'static FaultCode, lang: Lang) -> Asked {
    let whose = Architecture::ALL.into_iter().find(|a| a.faults().iter().any(|f| core::ptr::eq(*f, code)))?;
    let all = whose.faults();
    let say = |f: &FaultCode| {
        let digits = whose.fault_digits(f);
        match lang {
            Lang::En => format!("{} ({digits}): {}", f.name, f.text.en),
            Lang::Zh => format!("{}（{digits}）：{}", f.name, f.text.zh),
        }
    };
    // The codes nearest to it: those that are mistaken for it.
    let mut near: Vec<&FaultCode> = all.iter().copied().filter(|f| f.code != code.code).collect();
    near.sort_by_key(|f| (f.code.abs_diff(code.code), f.code));
    let text = match lang {
        Lang::En => "Which fault is it?",
        Lang::Zh => "这是哪种转换错误？",
    };
    Some((text.into(), say(code), near.into_iter().map(say).collect()))
}

#[cfg(test)]
mod tests {
    use crate::scenario::presets::PRESETS;
    use crate::spec::Lang;
    use crate::view::Player;

    /// Every question of every scenario has one right choice, the machine's, among at least two.
    #[test]
    fn questions_are_answered_by_what_the_machine_then_does() {
        let mut asked = [0; 4];
        for p in PRESETS {
            let mut run = Player::open(p.text).unwrap();
            let mut of_this = 0;
            for position in run.viewer.stops() {
                let Some(q) = run.question(position as usize, Lang::En) else { continue };
                let zh = run.question(position as usize, Lang::Zh).unwrap();
                assert_eq!(q.choices.len(), zh.choices.len(), "{} {position}", p.name);
                assert!((2..=4).contains(&q.choices.len()));
                let mut once = q.choices.clone();
                once.dedup();
                assert_eq!(once.len(), q.choices.len());
                of_this += 1;
                if of_this > 60 {
                    break;
                }
                let right = &q.choices[q.answer as usize];
                let view = run.viewer.view(position as usize, Lang::En);
                if right.starts_with("It is") {
                    asked[0] += 1;
                } else if let Some(row) = view.walk.as_ref().and_then(|w| w.rows.iter().find(|r| r.current)) {
                    assert_eq!(*right, alloc::format!("{:#x}", row.at.0));
                    asked[1] += 1;
                } else if right.starts_with("0x") {
                    assert_eq!(*right, alloc::format!("{:#x}", view.touched.unwrap().0));
                    asked[2] += 1;
                } else {
                    asked[3] += 1;
                }
            }
        }
        assert!(asked.iter().all(|n| *n > 3), "{asked:?}");
    }
}
