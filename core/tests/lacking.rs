//! What a machine lacks: each operation that belongs to some architectures is refused on the others with what is missing, the
//! capability or the reason, and with what to write after `machine`, which runs.

use iommu_core::iommu::{AnyIommu, Architecture, Unit, UnitConfig};
use iommu_core::machine::run;

/// What is written after `machine`.
const MACHINES: [&str; 5] = ["vt-d", "vt-d scalable", "riscv", "smmuv3", "amd-vi"];

/// Options of the machine, what is declared, steps: each of a kind that some machine here does not have. Then the capability or the
/// reason, one of which each of those names.
const ASKED: [(&str, &str, &str, &[&str]); 21] = [
    ("width 57", "", "flush", &["IDR5.VAX"]),
    ("paging 5", "", "flush", &["FEAT_LPA2"]),
    ("caching-mode", "", "flush", &["no caching mode", "NpCache"]),
    ("accessed-dirty", "", "flush", &["ECAP.SSADS"]),
    ("fault-records 1", "", "flush", &["LOG2SZ-1", "EventLen"]),
    ("", "iommu-map nic -> 0x18", "flush", &["the requester id is what the IOMMU looks up"]),
    ("", "  bar 0 256 io\nports 0xc000 +4K", "flush", &["only x86"]),
    ("", "", "cpu in 0xc010", &["only x86"]),
    ("", "", "cpu out 0xc010 1", &["only x86"]),
    ("", "", "domain d stage 1", &["ECAP.FSTS"]),
    ("", "vm b ram 0 +16M", "domain d in b\nattach nic to d", &["ECAP.NEST"]),
    ("", "process p pasid 7", "bind nic to p", &["ECAP.SMTS", "ECAP.PRS", "`ats` on the `machine` line"]),
    ("", "", "invalidate process-cache", &["ECAP.SMTS"]),
    ("", "", "invalidate process-cache of nic pasid 7", &["ECAP.SMTS"]),
    ("", "", "invalidate interrupt-cache", &["it remaps none"]),
    ("", "", "entry device nic level 2 clear 1", &["is level 1, and the walk for it has 1 level"]),
    ("", "", "entry device nic level 3 clear 1", &["is level 1, and the walk for it has"]),
    ("", "", "register write GCMD_REG 0", &["VT-d's (global command; VT-d 11.4)"]),
    ("", "", "register write ddtp 0", &["RISC-V's ("]),
    ("", "", "register write SMMU_CR0 0", &["SMMUv3's ("]),
    ("", "", "register write Control 0", &["AMD-Vi's ("]),
];

fn text(machine: &str, options: &str, parts: &str, steps: &str) -> String {
    let parts = if parts.is_empty() { String::new() } else { format!("{parts}\n") };
    format!(
        "iommu-playground 2\nmachine {machine} {options}\niommu strict\ndevice nic 00:03.0 pasid ats pri\n{parts}steps\n{steps}\n"
    )
}

/// Why the machine refuses it, in both languages: at its line, or when it comes to it.
fn refusal(text: &str) -> Option<[String; 2]> {
    match run(text) {
        Err(problems) => Some([problems.0[0].message.en.clone(), problems.0[0].message.zh.clone()]),
        Ok(run) => {
            let error = run.done.iter().find_map(|done| done.error.as_ref())?;
            Some([error.message.en.clone(), error.message.zh.clone()])
        }
    }
}

/// The words in backquotes.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

#[test]
fn what_a_machine_lacks_is_named_with_its_reason_and_the_machines_that_run_it() {
    for (options, parts, steps, reasons) in ASKED {
        let asked = (options, parts, steps);
        let on = |machine: &str| refusal(&text(machine, options, parts, steps));
        let here: Vec<_> = MACHINES.iter().filter_map(|machine| Some((*machine, on(machine)?))).collect();
        assert!(!here.is_empty() && here.len() < MACHINES.len(), "{asked:?}: {here:?}");
        for (machine, [en, zh]) in here {
            let place = format!("{machine}, {asked:?}: {en}\n{zh}");
            assert!(reasons.iter().any(|reason| en.contains(reason)), "no reason: {place}");
            assert!(!zh.is_ascii(), "{place}");
            for said in [&en, &zh] {
                let offered = |word: &str| match word {
                    word if MACHINES.contains(&word) => Some(word.to_string()),
                    "scalable" | "ats" => Some(format!("{machine} {word}")),
                    _ => None,
                };
                let named: Vec<_> = quoted(said).into_iter().filter_map(offered).collect();
                assert!(!named.is_empty(), "nothing that runs is offered: {place}");
                for other in named {
                    // What the device itself lacks, or the machine next, is said then.
                    let there = on(&other).filter(|[there, _]| *there == en);
                    assert_eq!(there, None, "{other} does not do it either: {place}");
                }
            }
        }
    }
}

/// Any register of any machine, on any other.
#[test]
fn another_machine_s_register_is_told_as_that() {
    let names = |a| {
        let unit = AnyIommu::new(a, &UnitConfig::default()).unwrap();
        unit.registers().into_iter().map(|r| (r.0.name, r.0.meaning.en, r.0.section)).collect::<Vec<_>>()
    };
    let mut told = 0;
    for there in Architecture::ALL {
        for here in Architecture::ALL.into_iter().filter(|here| *here != there) {
            let own = names(here);
            // Of a fault register that is one of several no name can be written.
            let written = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            let all = names(there).into_iter().filter(|r| written(r.0));
            for (name, meaning, section) in all.step_by(9) {
                let bare = |s: &str| s.to_ascii_uppercase().trim_end_matches("_REG").replace('_', "");
                if own.iter().any(|own| bare(own.0) == bare(name)) {
                    continue;
                }
                let (word, machine) = (there.describe().word, here.describe().word);
                for verb in ["read", "write"] {
                    let value = if verb == "write" { " 0" } else { "" };
                    let asked = text(machine, "", "", &format!("register {verb} {name}{value}"));
                    let [en, zh] = refusal(&asked).unwrap_or_else(|| panic!("{asked}"));
                    let owner = format!("one of {}'s ({meaning}; {section})", there.name());
                    assert!(en.contains(&owner) && en.contains(&format!("`{word}`")), "{machine}: {en}");
                    assert!(zh.contains(&format!("{} 的寄存器（", there.name())), "{machine}: {zh}");
                    told += 1;
                }
            }
        }
    }
    assert!(told > 60, "{told}");
}
