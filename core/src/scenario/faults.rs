//! Names of faults in expectations: each must be one that the architecture before it has.

use super::ast::Num;
use super::form::Name;
use super::problem::Problem;
use crate::iommu::Architecture;
use alloc::format;

/// Returns what is wrong with a name of a fault: after the word of an architecture, that it is none of that one's; alone,
/// that it is none of any.
pub(super) fn check(name: &Name, on: Option<Architecture>) -> Option<Problem> {
    let of = |a: Architecture| a.has_fault(&name.value);
    if matches!(name.value.as_str(), "none" | "any")
        || on.map_or_else(|| Architecture::ALL.into_iter().any(of), of)
    {
        return None;
    }
    Some(match on {
        Some(a) => unknown(name, names(a).chain(["none", "any"]), on),
        None => {
            let all = Architecture::ALL.into_iter().flat_map(names);
            unknown(name, Architecture::WORDS.into_iter().chain(["none", "any"]).chain(all), None)
                .suggest_for(&name.value, Architecture::other_words())
        }
    })
}

/// Returns what is wrong with a code: after the word of an architecture, that it is none of that one's; alone, that it is none
/// of any.
pub(super) fn check_code(code: &Num, on: Option<Architecture>) -> Option<Problem> {
    let of = |a: &Architecture| a.all_faults().any(|fault| u64::from(fault.code) == code.value);
    let [en, zh] = match on {
        Some(a) if !of(&a) => [
            format!("{} has no fault with the code {:#x}", a.name(), code.value),
            format!("{} 没有编号为 {:#x} 的错误", a.name(), code.value),
        ],
        None if !Architecture::ALL.iter().any(of) => [
            format!("no architecture here has a fault with the code {:#x}", code.value),
            format!("这里没有哪种架构有编号为 {:#x} 的错误", code.value),
        ],
        _ => return None,
    };
    Some(Problem::new(code.span, en, zh))
}

fn names(architecture: Architecture) -> impl Iterator<Item = &'static str> {
    architecture.all_faults().filter(|fault| !fault.name_is_number()).map(|fault| fault.name)
}

fn unknown(name: &Name, near: impl Iterator<Item = &'static str>, on: Option<Architecture>) -> Problem {
    let written = &name.value;
    let problem = match on {
        Some(on) => {
            let others = Architecture::words_of(|a| a.has_fault(written));
            let (mut en, mut zh) = (
                format!("{} has no fault called `{written}`", on.name()),
                format!("{} 没有名为 `{written}` 的转换错误", on.name()),
            );
            if !others.en.is_empty() {
                en += &format!("; {} has", others.en);
                zh += &format!("；{} 才有", others.zh);
            }
            Problem::new(name.span, en, zh)
        }
        None => Problem::new(
            name.span,
            format!("`{written}` is neither a fault of an architecture here nor the word of one"),
            format!("`{written}` 既不是这里某种架构的转换错误，也不是架构的名称"),
        ),
    };
    problem.suggest(written, near)
}

#[cfg(test)]
mod tests {
    use crate::scenario::parse;

    #[test]
    fn a_name_that_the_architecture_does_not_have_is_refused_where_it_stands() {
        let message = |line: &str| {
            let problems = parse(&format!("iommu-playground 1\nsteps\nflush\n{line}\n")).err()?;
            let first = &problems.0[0];
            Some((first.span.column, first.message.en.clone(), first.suggestion.clone()))
        };
        for fine in [
            "expect fault none",
            "expect fault any",
            "expect fault page-fault",
            "expect fault riscv write-page-fault smmuv3 F_TRANSLATION amd-vi IO_PAGE_FAULT vt-d any",
            "expect fault F_TRANSLATION",
            "expect fault 0x10",
            "expect fault riscv 258 smmuv3 0x10",
            "expect fault 0x6 riscv 15",
        ] {
            assert_eq!(message(fine), None, "{fine}");
        }
        let (column, en, _) = message("expect fault vt-d F_TRANSLATION").unwrap();
        assert_eq!((column, en.as_str()), (19, "VT-d has no fault called `F_TRANSLATION`; `smmuv3` has"));
        let (column, _, near) = message("expect fault smmuv3 F_TRANSLATON").unwrap();
        assert_eq!((column, near.as_deref()), (21, Some("F_TRANSLATION")));
        let (column, _, near) = message("expect fault page-falt").unwrap();
        assert_eq!((column, near.as_deref()), (14, Some("page-fault")));
        let (column, _, near) = message("expect fault smmuv4 0x10").unwrap();
        assert_eq!((column, near.as_deref()), (14, Some("smmuv3")));
        for (written, meant) in [("arm", "smmuv3"), ("amd", "amd-vi"), ("intel", "vt-d")] {
            let (_, _, near) = message(&format!("expect fault {written} any")).unwrap();
            assert_eq!(near.as_deref(), Some(meant), "{written}");
        }
        // A code of one is none of another's.
        let (column, said, _) = message("expect fault vt-d 0x5 riscv 0x999").unwrap();
        assert_eq!((column, said.as_str()), (29, "RISC-V has no fault with the code 0x999"));
        assert!(message("expect fault 0x999").unwrap().1.starts_with("no architecture"));
    }
}
