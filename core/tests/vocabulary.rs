//! Each machine speaks its own vocabulary: what is said of what the hardware does has no word of another architecture.

use iommu_core::iommu::Architecture;
use iommu_core::machine::run::run;
use iommu_core::scenario::presets::by_name;
use iommu_core::spec::Lang;
use iommu_core::trace::{CacheKind, Event};
use iommu_core::view::transcript::transcript;
use iommu_core::view::types::Depth;
use iommu_core::view::Player;

/// What the steps of a preset say on a machine, a line each: without what authors wrote, and without what came of a line, which
/// speaks of devices and guests too.
fn said(preset: &str, architecture: Architecture, lang: Lang) -> Vec<String> {
    let text = by_name(preset).and_then(|preset| preset.text_on(architecture));
    let text = text.unwrap_or_else(|| panic!("{preset} runs on {architecture:?}"));
    let player = Player::open(&text).expect("it runs");
    let all = transcript(&player, Depth::Read, lang);
    let steps = all.lines().filter(|line| line.starts_with("          ") || line.starts_with("        > "));
    steps.map(|line| line.trim().into()).collect()
}

#[test]
fn no_step_has_a_word_of_another_architecture() {
    let foreign = |architecture| -> &[&str] {
        match architecture {
            Architecture::Vtd => {
                &["IOATC", "IOMMU TLB", "SubstreamID", "process_id", "IPA ", "INTID", "identity 0x"]
            }
            Architecture::Riscv => {
                &["IOTLB", "IOMMU TLB", "PASID", "SubstreamID", "IPA ", "INTID", "vector", "remapping table"]
            }
            Architecture::SmmuV3 => &[
                "IOTLB",
                "IOATC",
                "IOMMU TLB",
                "PASID",
                "process_id",
                "guest-physical",
                "客户机物理",
                "vector",
                "向量",
                "identity 0x",
                "remapping table",
                "重映射表",
                "entry 0:",
            ],
            Architecture::AmdVi => {
                &["IOTLB", "IOATC", "SubstreamID", "process_id", "IPA ", "INTID", "identity 0x", "SDM"]
            }
        }
    };
    for architecture in Architecture::ALL {
        for preset in [
            "why-iommu",
            "interrupts",
            "ring",
            "sva",
            "two-stages",
            "which-number",
            "nested-walk",
            "use-after-unmap",
        ] {
            for lang in [Lang::En, Lang::Zh] {
                let said = said(preset, architecture, lang);
                assert!(said.len() > 5, "{preset} on {architecture:?}: {said:?}");
                // What AMD calls IOTLB is the device's: under its whole name only, which is no name of the unit's.
                let own = architecture.describe().terms.device_tlb.name.get(lang);
                let said: Vec<_> = said.iter().map(|line| line.replace(own, "")).collect();
                for (line, word) in
                    said.iter().flat_map(|line| foreign(architecture).iter().map(move |word| (line, word)))
                {
                    assert!(!line.contains(word), "{preset} on {architecture:?}: {word} in: {line}");
                }
            }
        }
    }
}

/// Each has the word that is its own where the others have theirs.
#[test]
fn each_machine_has_its_own_words() {
    for (architecture, preset, en, zh) in [
        (Architecture::Vtd, "sva", "with PASID 1", "PASID 1"),
        (Architecture::Riscv, "sva", "with process_id 1", "process_id 1"),
        (Architecture::SmmuV3, "sva", "with SubstreamID 1", "SubstreamID 1"),
        (Architecture::AmdVi, "sva", "with PASID 1", "PASID 1"),
        (
            Architecture::SmmuV3,
            "two-stages",
            "for CD 0, that of requests without a SubstreamID",
            "按 CD 0（请求不带 SubstreamID 时用它）查上下文描述符表",
        ),
        (Architecture::SmmuV3, "two-stages", "stage 2 for IPA 0x", "找 IPA 0x"),
        (Architecture::Vtd, "two-stages", "for guest-physical address 0x", "客户机物理地址 0x"),
        (Architecture::Vtd, "interrupts", "Interrupt: vector 0x51 to CPU 1", "向量 0x51"),
        (
            Architecture::Riscv,
            "interrupts",
            "Interrupt: identity 0x51 to CPU 1, as the MSI page table says",
            "由 MSI 页表决定",
        ),
        (
            Architecture::SmmuV3,
            "interrupts",
            "Interrupt: INTID 8273 to CPU 1, as the ITS's tables say",
            "INTID 8273",
        ),
        (Architecture::SmmuV3, "interrupts", "the ITS's tables for event 0", "找事件 0"),
    ] {
        for (lang, words) in [(Lang::En, en), (Lang::Zh, zh)] {
            let said = said(preset, architecture, lang);
            assert!(
                said.iter().any(|line| line.contains(words)),
                "{preset} on {architecture:?}: {words}: {said:#?}"
            );
        }
    }
}

/// An Arm interrupt is an INTID from its first sentence on, and in what an expectation says.
#[test]
fn an_interrupt_is_called_one_thing_from_the_line_that_sets_it_up() {
    for (machine, name, other) in [
        ("vt-d", "vector 0x51", "INTID"),
        ("riscv", "identity 0x51", "vector"),
        ("smmuv3", "INTID 8273", "vector"),
    ] {
        let text = format!(
            "iommu-playground 1\nmachine {machine}\niommu strict\ndevice nic 00:03.0\nsteps\ninterrupt 3 vector 0x51 cpu 1 source nic\n\
             msi nic entry 3\nexpect interrupt vector 0x52 cpu 1\n"
        );
        let player = Player::open(&text).expect("it runs");
        let lines = player.operations(Lang::En);
        for stop in lines.iter().take(2) {
            let said = &stop.outcome.as_ref().expect("an outcome").text;
            assert!(said.contains(name) && !said.contains(other), "{machine}: {said}");
        }
        let ran = run(&text).expect("it runs");
        let failure =
            ran.failures().next().and_then(|check| check.failure.clone()).expect("another interrupt");
        assert!(failure.en.contains(name) && !failure.en.contains(other), "{machine}: {}", failure.en);
    }
}

/// An SMMU remaps no interrupts: to turn that off is no choice there, and the refusal says where it is one.
#[test]
fn what_an_smmu_has_not_cannot_be_turned_off() {
    let text = |machine| {
        format!("iommu-playground 1\nmachine {machine} interrupt-remapping off\ndevice nic 00:03.0\nsteps\n")
    };
    let problems = run(&text("smmuv3")).map(|_| ()).expect_err("nothing to turn off");
    let message = &problems.0[0].message;
    assert!(
        message.en.contains("`vt-d`, `riscv` or `amd-vi`") && message.en.contains("ITS"),
        "{}",
        message.en
    );
    assert!(message.zh.contains("`amd-vi`") && message.zh.contains("ITS"), "{}", message.zh);
    // What it says runs.
    for machine in ["vt-d", "riscv", "amd-vi"] {
        assert!(run(&text(machine)).is_ok(), "{machine}");
    }
    assert!(run(&text("smmuv3").replace("off", "on")).is_ok());
}

/// What a CPU refuses cites the manual of its maker.
#[test]
fn exceptions_of_a_cpu_cite_its_own_manual() {
    for (machine, manual) in
        [("vt-d", "SDM "), ("amd-vi", "APM "), ("riscv", "RISC-V Privileged "), ("smmuv3", "Arm ARM ")]
    {
        let text = format!(
            "iommu-playground 1\nmachine {machine}\nprocess app\nsteps\n  cpu write 0x7000_0000 1 in app\n"
        );
        let ran = run(&text).expect("it runs");
        let cited: Vec<&str> = ran
            .machine
            .trace
            .steps()
            .iter()
            .filter_map(|step| match step.event {
                Event::Fault { code, .. } => Some(code.section),
                Event::Cache { cache, .. } if cache.kind == CacheKind::Tlb => Some(cache.section),
                _ => None,
            })
            .collect();
        assert!(
            cited.len() >= 2 && cited.iter().all(|section| section.starts_with(manual)),
            "{machine}: {cited:?}"
        );
    }
}
