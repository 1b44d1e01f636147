//! One scenario, each architecture: what holds on all four, and what each says where it differs.

use iommu_core::explain::Cast;
use iommu_core::iommu::Architecture;
use iommu_core::link::Position;
use iommu_core::machine::{run, Run};
use iommu_core::scenario::{parse, print};
use iommu_core::trace::{CacheOp, Event, InterruptKind};

fn runs(text: &str) -> Run {
    run(text).unwrap_or_else(|problems| panic!("{problems}\n{text}"))
}

/// A scenario on a machine: its `machine` line, what is declared, steps.
fn scenario(machine: &str, parts: &str, steps: &str) -> String {
    format!("iommu-playground 2\nmachine {machine}\n{parts}\nsteps\n{steps}\n")
}

/// The expectations that did not hold.
fn failures(run: &Run) -> Vec<String> {
    run.failures().filter_map(|check| check.failure.clone()).map(|said| said.en).collect()
}

/// What came of the last operation, as it is told, in both languages.
fn ending(text: &str) -> [String; 2] {
    let cast = Cast::of_run(&runs(text), text);
    let text = &cast.endings.last().unwrap().text;
    [text.en.clone(), text.zh.clone()]
}

/// No CPU takes a vector below 16 (SDM 3A 11.5.3), and identity 0 is none (AIA 3.1); an LPI may have any number.
#[test]
fn a_number_that_no_controller_takes_interrupts_nobody() {
    for (machine, line, number, arrives) in [
        ("vt-d", "msi nic entry 3", 15, false),
        ("vt-d", "msi nic entry 3", 16, true),
        ("vt-d interrupt-remapping off", "msi nic vector NUMBER cpu 1", 15, false),
        ("vt-d interrupt-remapping off", "msi nic vector NUMBER cpu 1", 16, true),
        ("amd-vi", "msi nic entry 3", 15, false),
        ("amd-vi", "msi nic entry 3", 16, true),
        ("amd-vi interrupt-remapping off", "msi nic vector NUMBER cpu 1", 15, false),
        ("amd-vi interrupt-remapping off", "msi nic vector NUMBER cpu 1", 16, true),
        ("none", "msi nic vector NUMBER cpu 1", 15, false),
        ("none", "msi nic vector NUMBER cpu 1", 16, true),
        ("riscv", "msi nic entry 3", 0, false),
        ("riscv", "msi nic entry 3", 1, true),
        ("riscv", "msi nic address 0xf800_0000 data 2048", 0, false),
        ("riscv", "msi nic address 0xf800_0000 data 2047", 1, true),
        ("smmuv3", "msi nic entry 3", 0, true),
    ] {
        let set = match machine.contains("off") || machine == "none" {
            true => String::new(),
            false => format!("interrupt 3 vector {number} cpu 1 source nic\n"),
        };
        // Here the doorbell of an ITS is mapped, and interrupt files are where they are.
        let policy = match machine {
            "none" => "",
            "smmuv3" => "iommu strict\n",
            _ => "iommu pass-through\n",
        };
        let steps = format!("{set}{}", line.replace("NUMBER", &number.to_string()));
        let text = scenario(machine, &format!("{policy}device nic 00:03.0"), &steps);
        let run = runs(&text);
        let last = run.done.last().unwrap();
        let got = last.outcome.interrupt.filter(|(.., kind)| *kind != InterruptKind::Blocked);
        assert_eq!(got.is_some(), arrives, "{text}\n{:?}", last.outcome.interrupt);
        assert_eq!(last.outcome.counts.interrupts, u64::from(arrives), "{text}");
        let refused = run.machine.trace.steps().range(last.steps.clone()).iter().any(|step| {
            matches!(step.event, Event::Check { ok: false, rule, .. }
                if rule.section.starts_with("SDM 3A") || rule.section.starts_with("AIA"))
        });
        assert_eq!(refused, !arrives, "{text}");
    }
}

/// An NMI has no vector: none is looked at (SDM 3A 11.11).
#[test]
fn the_vector_of_a_message_counts_only_where_it_is_one() {
    for machine in ["none", "vt-d interrupt-remapping off", "amd-vi interrupt-remapping off"] {
        for (data, arrives) in [("0x400", true), ("0x05", false), ("0x105", false), ("0x41", true)] {
            let steps = format!("msi nic address 0xfee0_1000 data {data}");
            let run = runs(&scenario(machine, "device nic 00:03.0", &steps));
            assert_eq!(run.done[0].outcome.counts.interrupts, u64::from(arrives), "{machine} {data}");
        }
    }
}

#[test]
fn what_no_controller_takes_says_why() {
    let text = scenario("vt-d", "device nic 00:03.0", "interrupt 3 vector 5 source nic\nmsi nic entry 3\n");
    let [en, zh] = ending(&text);
    assert!(en.contains("No CPU gets nic's interrupt") && en.contains("vector below 16"), "{en}");
    assert!(zh.contains("没有送到任何 CPU") && zh.contains("小于 16"), "{zh}");
    // An engine's data is where it belongs; only the interrupt that would say so comes to nobody.
    let parts = "device nic 00:03.0\n  bar 0 64K\n  engine contiguous\n  vectors 1";
    for (vector, comes) in [("5", false), ("0x41", true)] {
        let steps = format!("alloc b 4K\nrx = dma_map_single nic b to-device\nprogram nic read rx +4 interrupt {vector}\ndoorbell nic\n");
        let [en, zh] = ending(&scenario("vt-d", parts, &steps));
        assert!(en.contains("nic has read 4 bytes") && en.contains("the interrupt says so") == comes, "{en}");
        assert_eq!(en.contains("vector below 16"), !comes, "{en}");
        assert_eq!(zh.contains("没有送到任何 CPU"), !comes, "{zh}");
    }
    let run = runs(&format!("{text}expect interrupt vector 5\n"));
    assert!(failures(&run)[0].contains("vector below 16"), "{:?}", failures(&run));
}

/// What the unit lacks is named before what the device lacks: the whole way from legacy mode to what runs.
#[test]
fn a_binding_names_the_first_thing_that_is_missing() {
    let said = |machine: &str, device: &str| {
        let parts = format!("iommu pass-through\ndevice nic 00:03.0 {device}\nprocess app");
        let run = runs(&scenario(machine, &parts, "bind nic to app pasid 7"));
        run.done[0].error.clone().map(|error| (error.message.en, error.message.zh))
    };
    for device in ["", "pasid", "pasid ats"] {
        let (en, zh) = said("vt-d", device).unwrap();
        assert!(en.contains("`scalable` on the `machine` line"), "{device}: {en}");
        assert!(zh.contains("`machine` 一行写 `scalable`"), "{device}: {zh}");
    }
    for (machine, device, names) in [
        ("vt-d scalable", "", "no PASID"),
        ("vt-d scalable", "pasid", "`ats` on its `device` line"),
        ("vt-d scalable", "pasid ats", "`ats` on the `machine` line"),
        ("vt-d scalable ats", "pasid ats pri", "`pri` on the `machine` line"),
        ("amd-vi", "", "no PASID"),
        ("riscv", "", "no PASID"),
        ("smmuv3", "", "no PASID"),
    ] {
        let (en, _) = said(machine, device).unwrap();
        assert!(en.contains(names), "{machine}, {device}: {en}");
    }
    for (machine, device) in [
        ("vt-d scalable ats", "pasid ats"),
        ("vt-d scalable ats pri", "pasid ats pri"),
        ("amd-vi", "pasid"),
        ("riscv", "pasid"),
        ("smmuv3", "pasid"),
    ] {
        assert_eq!(said(machine, device), None, "{machine}, {device}");
    }
}

/// Every name of a fault that is shown can be written as it is shown: in an expectation, and in a link.
#[test]
fn every_name_of_a_fault_is_read_as_it_is_shown() {
    for architecture in Architecture::ALL {
        for fault in architecture.all_faults() {
            let (word, name) = (architecture.describe().word, fault.name);
            let bare = format!("iommu-playground 2\nsteps\n  flush\n  expect fault {word} {name}\n");
            let quoted =
                format!("iommu-playground 2\nsteps\n  flush\n  expect fault {word} \"{name}\" at 0x1000\n");
            let read = parse(&quoted).unwrap_or_else(|problems| panic!("{problems}: {quoted}"));
            // Quotes go where the name is one word.
            let printed = print(&read);
            let one_word = !name.contains([' ', '/']);
            assert_eq!(printed.contains('"'), !one_word, "{printed}");
            assert_eq!(print(&parse(&printed).unwrap()), printed);
            assert_eq!(parse(&bare).is_ok(), one_word, "{bare}");
            let Some(Position::Which(which, 1)) = Position::parse(&format!("fault:{name}")) else {
                panic!("fault:{name} is no position");
            };
            let marks = [iommu_core::view::types::Mark {
                at: 7,
                tone: iommu_core::explain::Tone::Refused,
                code: fault.has_number().then_some(fault.code),
                name: Some(name.into()),
            }];
            assert_eq!(Position::Which(which, 1).among(&marks), Some(7), "{name}");
        }
    }
    let none = parse("iommu-playground 2\nsteps\n  flush\n  expect fault riscv \"DDT entry not vald\"\n")
        .unwrap_err();
    assert_eq!(none.0[0].suggestion.as_deref(), Some("DDT entry not valid"), "{none}");
}

/// What an SMMU refuses without an event (STE.Config = 0) has no number, anywhere.
#[test]
fn what_leaves_no_record_has_no_number() {
    let text =
        scenario("smmuv3", "iommu strict\ndevice nic 00:03.0", "detach nic\ndma nic write 0x1000 +4\n");
    let run = runs(&format!("{text}expect fault none\n"));
    assert_eq!(failures(&run), ["expected fault none, but it was fault abort at 0x1000"]);
    let trace = &run.machine.trace;
    let cast = Cast::of_run(&run, &text);
    let mut all: Vec<String> = (0..trace.len())
        .map(|i| iommu_core::explain::say(trace, i, &cast).text)
        .flat_map(|text| [text.en, text.zh])
        .collect();
    all.extend(ending(&text));
    assert!(all.iter().any(|said| said.contains("Fault abort")), "{all:#?}");
    for said in &all {
        let number = ["event 0x0", "ault 0x0", "事件 0x0", "错误码 0x0", "转换错误 0x0"];
        assert!(
            !number.iter().any(|n| said.contains(&format!("{n} ")) || said.contains(&format!("{n}:"))),
            "{said}"
        );
    }
}

/// A translation request is a read on each machine, whatever rights its answer may give.
#[test]
fn a_translation_request_is_told_as_a_read() {
    for (machine, stage) in [
        ("vt-d ats", 2),
        ("vt-d scalable ats", 1),
        ("riscv ats", 1),
        ("riscv ats", 2),
        ("smmuv3 ats", 1),
        ("smmuv3 ats", 2),
        ("amd-vi ats", 1),
        ("amd-vi ats", 2),
    ] {
        let parts = format!("iommu strict stage {stage}\ndevice nic 00:03.0 ats");
        let text = scenario(
            machine,
            &parts,
            "alloc buf 4K\nrx = dma_map_single nic buf bidirectional\nats nic rx\n",
        );
        let run = runs(&text);
        let cast = Cast::of_run(&run, &text);
        let steps = run.done.last().unwrap().steps.clone();
        let said = |i| iommu_core::explain::say(&run.machine.trace, i, &cast).text.en;
        let told: Vec<String> = steps.map(said).filter(|said| said.starts_with("The IOMMU gets a")).collect();
        assert_eq!(told.len(), 1, "{machine} {stage}");
        assert!(told[0].starts_with("The IOMMU gets a read of"), "{machine} {stage}: {}", told[0]);
    }
}

/// Attaching a device to something else leaves its bound PASIDs bound, or is refused and says which one is in the way.
#[test]
fn a_bound_pasid_stays_bound_over_an_attachment() {
    for machine in ["vt-d scalable ats", "riscv", "smmuv3", "amd-vi"] {
        let stage2 = machine != "vt-d scalable ats";
        for (to, refused) in [("first", false), ("pass-through", false), ("second", stage2), ("blue", stage2)]
        {
            let parts =
                "iommu strict\ndevice nic 00:03.0 pasid ats\nprocess app\nvm blue ram 0 +16M at 0x5000_0000";
            let steps = format!(
                "domain first stage 1\ndomain second stage 2\nbind nic to app pasid 7\nalloc buf 4K in app\n\
                 dma nic write buf pasid 7 data \"hello\"\nexpect fault none\nattach nic to {to}\n\
                 expect error {}\ndma nic write buf pasid 7 data \"again\"\nexpect fault none\n\
                 expect data buf = \"again\" in app\nunbind nic pasid 7\nattach nic to {to}\nexpect error none\n\
                 dma nic write buf pasid 7 data \"never\"\nexpect fault any\nexpect data buf = \"again\" in app",
                if refused { "busy" } else { "none" }
            );
            let text = scenario(machine, parts, &steps);
            let run = runs(&text);
            assert_eq!(failures(&run), [""; 0], "{machine}, {to}");
            if refused {
                let error = run.done.iter().find_map(|done| done.error.clone()).unwrap();
                assert!(error.message.en.contains("PASID 7 of nic is bound"), "{}", error.message.en);
                assert!(error.message.zh.contains("nic 的 PASID 7"), "{}", error.message.zh);
            }
        }
        // Blocked is blocked, and what was bound comes back with the next attachment.
        let steps = "domain first stage 1\nbind nic to app pasid 7\nalloc buf 4K in app\ndetach nic\n\
                     dma nic write buf pasid 7 data \"no\"\nexpect fault any\nattach nic to first\n\
                     dma nic write buf pasid 7 data \"yes\"\nexpect fault none\nexpect data buf = \"yes\" in app";
        let text = scenario(machine, "iommu strict\ndevice nic 00:03.0 pasid ats\nprocess app", steps);
        assert_eq!(failures(&runs(&text)), [""; 0], "{machine}");
    }
}

/// Each machine has a way to make what it cached of interrupts be forgotten: the SMMU has no such cache, the ITS may have.
#[test]
fn the_interrupt_cache_is_that_of_whoever_remaps() {
    for (machine, command) in [
        ("vt-d", "interrupt entry cache invalidate"),
        ("amd-vi", "INVALIDATE_INTERRUPT_TABLE"),
        ("riscv", "IOTINVAL.GVMA"),
        ("smmuv3", "INVALL"),
    ] {
        let steps = "interrupt 3 vector 0x41 cpu 1 source nic\ninvalidate interrupt-cache\n";
        let text = scenario(machine, "iommu strict\ndevice nic 00:03.0", steps);
        let run = runs(&text);
        let cast = Cast::of_run(&run, &text);
        let steps = run.done.last().unwrap().steps.clone();
        let said = |i| iommu_core::explain::say(&run.machine.trace, i, &cast).text.en;
        let told: Vec<String> = steps.map(said).collect();
        assert!(
            told.iter().any(|said| said.contains("takes a command") && said.contains(command)),
            "{machine} {told:#?}"
        );
    }
    let text = scenario("smmuv3", "iommu strict\ndevice nic 00:03.0", "invalidate interrupt-cache\n");
    let problems = run(&text).unwrap_err();
    let [en, zh] = [problems.to_string(), problems.zh()];
    assert!(en.contains("until `interrupt` sets one up") && en.contains("after `machine`, `vt-d`"), "{en}");
    assert!(zh.contains("要等 `interrupt` 设置了中断") && zh.contains("`machine` 后面换成"), "{zh}");
}

/// A device that goes past all tables finds the doorbell where it is.
#[test]
fn an_interrupt_arrives_whatever_its_device_is_attached_to() {
    for machine in ["vt-d", "riscv", "smmuv3", "amd-vi"] {
        for policy in ["pass-through", "strict", "lazy"] {
            let steps = "interrupt 3 vector 0x41 cpu 0 source nic\nmsi nic entry 3\nexpect interrupt vector 0x41 cpu 0\n\
                         domain d\nattach nic to d\nmsi nic entry 3\nattach nic to pass-through\nmsi nic entry 3\n\
                         expect interrupt vector 0x41 cpu 0";
            let text = scenario(machine, &format!("iommu {policy}\ndevice nic 00:03.0"), steps);
            // Interrupt files are in physical memory: software maps them for whoever is behind tables.
            if machine == "riscv" && policy != "pass-through" {
                continue;
            }
            assert_eq!(failures(&runs(&text)), [""; 0], "{machine} {policy}");
        }
    }
}

/// Without remapping an interrupt is a message that says CPU and vector itself: whoever sends it is believed.
#[test]
fn without_remapping_the_message_says_it_all() {
    for (machine, policy) in [
        ("vt-d interrupt-remapping off", "iommu strict"),
        ("amd-vi interrupt-remapping off", "iommu strict"),
        ("vt-d", "iommu off"),
        ("amd-vi", "iommu off"),
        ("riscv", "iommu off"),
        ("none", ""),
    ] {
        let parts = format!("{policy}\ndevice nic 00:03.0\ndevice usb 00:14.0");
        let steps = "interrupt 5 vector 0x41 cpu 2 source nic\nmsi nic entry 5\nexpect interrupt vector 0x41 cpu 2 direct\n\
                     msi usb entry 5\nexpect interrupt vector 0x41 cpu 2 direct\nmsi nic entry 6\nexpect error no-interrupt\n\
                     expect interrupt none\ninterrupt 5 not-present\nmsi nic entry 5\nexpect error no-interrupt";
        let text = scenario(machine, &parts, steps);
        assert_eq!(failures(&runs(&text)), [""; 0], "{machine} {policy}");
        let [en, zh] = ending(&scenario(machine, &parts, "interrupt 5 vector 0x41 cpu 2 source nic"));
        assert!(
            en.contains("the message of interrupt 5 itself says")
                && en.contains("`source nic` makes no check"),
            "{en}"
        );
        assert!(zh.contains("消息自己写明") && zh.contains("`source nic` 在这里不起作用"), "{zh}");
    }
    // All that was expected is said.
    let wants = "interrupt 5 vector 0x41 cpu 0 source nic\nmsi nic entry 5\nexpect interrupt vector 0x41 cpu 1 remapped";
    let run = runs(&scenario("riscv", "iommu off\ndevice nic 00:03.0", wants));
    let said = run.checks.iter().find_map(|check| check.failure.as_ref()).unwrap();
    assert_eq!(
        (said.en.as_str(), said.zh.as_str()),
        (
            "expected identity 0x41 at CPU 1, remapped, but it was identity 0x41 at CPU 0, not remapped",
            "期望中断标识 0x41，CPU 1，经重映射，实际是中断标识 0x41，CPU 0，不经重映射"
        )
    );
    // A table is written where there is one, and nothing else.
    let text = scenario("riscv", "iommu off\ndevice nic 00:03.0", "interrupt 5 vector 0x41 cpu 2\n");
    let run = runs(&text);
    let wrote = |event: &Event| matches!(event, Event::Write { .. } | Event::WriteRun { .. });
    assert!(!run.machine.trace.steps().range(run.done[0].steps.clone()).iter().any(|s| wrote(&s.event)));
}

/// The answer Success brings the page in, as a kernel's does; a page that nobody promised is not there, and that is said.
#[test]
fn the_answer_success_brings_the_page_in() {
    for machine in ["vt-d scalable ats pri", "riscv ats pri", "smmuv3 ats pri", "amd-vi ats pri"] {
        let parts = "iommu strict\ndevice nic 00:03.0 pasid ats pri\nprocess app pasid 7";
        let head = "bind nic to app\nmap app 0x7f00_0000_0000 +4K rw not-present\n";
        let there = format!("{head}page-request nic write 0x7f00_0000_0000 pasid 7 response success\n");
        let [en, zh] = ending(&scenario(machine, parts, &there));
        assert!(en.contains("the page is there") && zh.contains("这一页已在内存里"), "{machine}: {en} {zh}");
        let used = "ats nic 0x7f00_0000_0000 pasid 7\ndma nic write 0x7f00_0000_0000 pasid 7 data \"hello\"\nexpect fault none\n\
                    expect data 0x7f00_0000_0000 = \"hello\" in app";
        assert_eq!(
            failures(&runs(&scenario(machine, parts, &format!("{there}{used}")))),
            [""; 0],
            "{machine}"
        );
        // Nothing was promised here.
        let never = format!("{head}page-request nic write 0x7f00_0010_0000 pasid 7 response success\n");
        let [en, zh] = ending(&scenario(machine, parts, &never));
        assert!(en.contains("but the page is not there"), "{machine}: {en}");
        assert!(zh.contains("并不在内存里"), "{machine}: {zh}");
    }
}

/// What the host's tables of AMD-Vi refuse under a guest's is logged by its guest-physical address, and called that.
#[test]
fn an_address_between_two_stages_is_called_by_its_name() {
    for (machine, word, zh_word) in [
        ("vt-d scalable", "IOVA 0x300010", "IOVA 0x300010"),
        ("riscv", "IOVA 0x300010", "IOVA 0x300010"),
        ("smmuv3", "IOVA 0x300010", "IOVA 0x300010"),
        ("amd-vi", "guest-physical address 0x8000000", "客户机物理地址 0x8000000"),
    ] {
        let parts = "iommu strict\ndevice nic 00:03.0\nvm blue ram 0 +64M at 0x5000_0000";
        let steps = "domain inner in blue\nmap inner 0x30_0000 +4K -> 0x800_0000 rw\nattach nic to inner\n\
                     dma nic write 0x30_0010 +4\n";
        let [en, zh] = ending(&scenario(machine, parts, steps));
        assert!(en.contains(&format!("nothing: {word} leads no further")), "{machine}: {en}");
        assert!(zh.contains(zh_word), "{machine}: {zh}");
    }
}

const ALL: [&str; 5] = ["vt-d", "vt-d scalable", "riscv", "smmuv3", "amd-vi"];

/// What is asked of an IOMMU that is off, or of one that lacks it, is refused and says what is missing; nothing is written
/// into memory of a unit that was never started.
#[test]
fn what_a_machine_lacks_is_said_by_what_came_of_it() {
    let nic = "device nic 00:03.0 pasid ats pri\ndevice plain 00:04.0";
    let told = |machine: &str, policy: &str, steps: &str| {
        ending(&scenario(machine, &format!("{policy}\n{nic}\nprocess app"), steps))
    };
    for machine in ALL {
        let (off, on) = ("iommu off", "iommu strict");
        let pages = format!("{machine} page 4K");
        for (machine, policy, steps, en, zh) in [
            (machine, off, "invalidate iotlb", "an IOMMU that is on", "已启用的 IOMMU"),
            (machine, off, "detach nic", "an IOMMU that is on", "已启用的 IOMMU"),
            (machine, off, "ats nic 0x1000", "no IOMMU meets it", "不经过任何 IOMMU"),
            (machine, on, "ats nic 0x1000", "write `ats` on the `machine` line", "在 `machine` 一行写 `ats`"),
            (machine, on, "page-request nic read 0x1000", "`pri` on the", "`pri`"),
            (machine, on, "ats plain 0x1000", "`ats` on its `device` line", "在 `device` 一行写 `ats`"),
            (
                machine,
                on,
                "page-request plain read 0x1000",
                "`pri` on its `device` line",
                "在 `device` 一行写 `pri`",
            ),
            (machine, on, "bind plain to app pasid 7", "on ", "一行写"),
            (machine, off, "domain d\nmap d 0x1000 +4K rw\nunmap d 0x1000 +4K", "leads nowhere", "没有"),
        ] {
            let [said, zh_said] = told(machine, policy, steps);
            assert!(said.contains(en), "{machine}, {policy}, {steps}: {said}");
            assert!(zh_said.contains(zh) || zh == "没有", "{machine}, {policy}, {steps}: {zh_said}");
        }
        let large =
            scenario(&pages, &format!("iommu strict\n{nic}"), "domain d\nmap d 0x20_0000 +2M rw page 2M");
        assert!(run(&large).unwrap_err().to_string().contains("no pages of 2 MiB"), "{machine}");
        let legacy = machine == "vt-d";
        let able = if legacy { "ats" } else { "ats pri" };
        let zero = told(&format!("{machine} {able}"), on, "bind nic to app pasid 0");
        assert!(
            zero[0].contains(if legacy { "`scalable`" } else { "PASID 0 stands for" }),
            "{machine}: {}",
            zero[0]
        );
        let [write, zh] = told(machine, on, "domain d stage 2\nmap d 0x1000 +4K w");
        let alone = machine.starts_with("vt-d") || machine == "amd-vi";
        assert_eq!(write.contains("It can be read, too"), !alone, "{machine}: {write}");
        assert_eq!(zh.contains("同时也可读"), !alone, "{machine}: {zh}");
    }
    let five = run(&scenario("smmuv3 paging 5", "device nic 00:03.0", "flush")).unwrap_err().to_string();
    assert!(five.contains("after `machine`, `vt-d`, `riscv` or `amd-vi` can do it"), "{five}");
}

/// An ITS is there without its SMMU; and what it drops, it says why.
#[test]
fn an_interrupt_controller_with_tables_works_without_the_iommu() {
    let nic = "iommu off\ndevice nic 00:03.0";
    let steps = "interrupt 3 vector 0x41 cpu 1 source nic\nmsi nic entry 3\nexpect interrupt vector 0x41 cpu 1 remapped";
    assert_eq!(failures(&runs(&scenario("smmuv3", nic, steps))), [""; 0]);
    let [en, zh] = ending(&scenario("smmuv3", nic, "msi nic vector 0x41"));
    assert!(en.contains("The ITS is not enabled") && zh.contains("ITS 未启用"), "{en} {zh}");
    let never = "interrupt 3 vector 0x41 cpu 1 source nic\ninterrupt 3 not-present\nmsi nic entry 3";
    let [en, zh] = ending(&scenario("smmuv3", "iommu strict\ndevice nic 00:03.0", never));
    assert!(en.contains("no MAPTI") && zh.contains("没有 MAPTI"), "{en} {zh}");
    // A device keeps its message when its interrupt file is taken out of the table: only those behind tables are stopped.
    let [en, _] = ending(&scenario("riscv", "iommu pass-through\ndevice nic 00:03.0", never));
    assert!(en.contains("CPU 1 gets nic's interrupt, identity 0x41"), "{en}");
}

/// A message by itself has eight bits for a CPU: no other CPU is interrupted instead.
#[test]
fn a_message_by_itself_names_few_cpus() {
    for (machine, policy) in
        [("none", ""), ("vt-d", "iommu off"), ("amd-vi", "iommu off"), ("riscv", "iommu off")]
    {
        for steps in ["msi nic vector 0x41 cpu 300", "interrupt 3 vector 0x41 cpu 300"] {
            let [en, zh] = ending(&scenario(machine, &format!("{policy}\ndevice nic 00:03.0"), steps));
            assert!(en.contains("CPUs 0 to 255") && zh.contains("0 到 255"), "{machine} {steps}: {en} {zh}");
        }
    }
    let steps =
        "interrupt 3 vector 0x41 cpu 300 source nic\nmsi nic entry 3\nexpect interrupt vector 0x41 cpu 300";
    for machine in ["vt-d", "amd-vi", "smmuv3"] {
        assert_eq!(
            failures(&runs(&scenario(machine, "iommu strict\ndevice nic 00:03.0", steps))),
            [""; 0],
            "{machine}"
        );
    }
    // What ends without a record has no number in brackets.
    let gone = "interrupt 3 vector 0x41 cpu 1 source nic\ndetach nic\nmsi nic entry 3";
    let [en, zh] = ending(&scenario("smmuv3", "iommu strict\ndevice nic 00:03.0", gone));
    assert!(!en.contains('(') && !zh.contains("没有事件"), "{en} {zh}");
}

/// A page request for a process asks as its user: Linux's AMD driver takes an entry with US = 0 for a supervisor's.
#[test]
fn a_page_request_for_a_process_is_a_users() {
    use iommu_core::addr::{Iova, Pasid, RequesterId};
    use iommu_core::iommu::amdvi::records::emit_page_request;
    use iommu_core::iommu::PageRequest;
    use iommu_core::trace::Perms;
    for (pasid, want, flags) in [
        (Pasid::new(1), Perms::W, 0x160),
        (Pasid::new(1), Perms::R, 0x144),
        (None, Perms::W, 0x020),
        (None, Perms::R, 0x004),
    ] {
        let (requester, at) = (RequesterId::new(0x18), Iova::new(0x1000));
        let words = emit_page_request(&PageRequest { requester, pasid, at, want, last: true, group: 0 });
        assert_eq!(words[0] >> 48 & 0xfff, flags, "{words:x?}");
    }
}

/// What a write's walk leaves in the cache has the D that it set: the next write hits.
#[test]
fn a_second_write_hits_what_the_first_one_left() {
    for machine in [
        "vt-d scalable accessed-dirty",
        "smmuv3 accessed-dirty",
        "amd-vi accessed-dirty",
        "riscv accessed-dirty",
    ] {
        let steps = "alloc buf 4K\nrx = dma_map_single nic buf bidirectional\ndma nic write rx +8\ndma nic write rx +8";
        let run = runs(&scenario(machine, "iommu lazy flush 3\ndevice nic 00:03.0", steps));
        let [.., first, second] = &run.done[..] else { panic!("{machine}") };
        assert!(first.outcome.counts.iotlb_misses > 0, "{machine}");
        assert_eq!(second.outcome.counts.reads, 0, "{machine}");
        let gone = "dma_unmap_single rx\ndma nic write rx +8\nexpect iotlb stale\nexpect fault none";
        let run = runs(&scenario(
            machine,
            "iommu lazy flush 3\ndevice nic 00:03.0",
            &format!("{}\n{gone}", steps.rsplit_once('\n').unwrap().0),
        ));
        assert_eq!(failures(&run), [""; 0], "{machine}");
    }
}

/// The id that firmware says is where the driver writes the entry, and what it invalidates; the device comes with its own.
#[test]
fn firmware_says_under_which_id_a_device_arrives() {
    let steps = "alloc buf 4K\nrx = dma_map_single nic buf bidirectional\ndma nic write rx +8";
    for (machine, right, wrong) in
        [("riscv", "none", "riscv \"DDT entry not valid\""), ("smmuv3", "none", "smmuv3 any")]
    {
        for (id, fault) in [("0x18", right), ("0x200", wrong)] {
            let parts = format!("iommu strict\ndevice nic 00:03.0\niommu-map nic -> {id}");
            let run = runs(&scenario(machine, &parts, &format!("{steps}\nexpect fault {fault}")));
            assert_eq!(failures(&run), [""; 0], "{machine} {id}");
        }
    }
    for machine in ["vt-d", "amd-vi"] {
        let text = scenario(machine, "device nic 00:03.0\niommu-map nic -> 0x200", steps);
        let said = run(&text).unwrap_err().to_string();
        assert!(said.contains("`riscv`") && said.contains("`smmuv3`"), "{said}");
    }
}

/// The specification leaves an ITS's own entries to who builds it: these are called nobody else's.
#[test]
fn the_entries_of_this_its_are_its_own() {
    use iommu_core::platform::its;
    for entry in [&its::DEVICE, &its::INTERRUPT, &its::COLLECTION] {
        assert!(
            entry.section.contains("this machine's own") && !entry.section.contains("QEMU"),
            "{}",
            entry.section
        );
    }
    assert!(its::INTERRUPT.section.contains("GITS_TYPER.ITT_entry_size"));
}

/// What a `machine` line asks for and the machine has no place for is refused, and what runs instead is named.
#[test]
fn what_a_machine_line_asks_in_vain_is_refused() {
    let nic = "device nic 00:03.0";
    for word in ["accessed-dirty", "pri", "ats pri"] {
        let refused = run(&scenario(&format!("vt-d {word}"), nic, "flush")).unwrap_err();
        for said in [refused.to_string(), refused.zh()] {
            assert!(said.contains("`vt-d scalable`") && said.contains("3.0"), "{said}");
        }
        runs(&scenario(&format!("vt-d scalable {word}"), nic, "flush"));
    }
    for said in [
        "scalable",
        "ats",
        "pri",
        "accessed-dirty",
        "width 39",
        "iotlb 4",
        "page 4K",
        "caching-mode",
        "fault-records 2",
    ] {
        let refused = run(&scenario(&format!("none {said}"), nic, "")).unwrap_err().to_string();
        assert!(refused.contains(&format!("`{}`", said.split(' ').next().unwrap())), "{refused}");
    }
    runs(&scenario("none paging 5", nic, ""));
    let five = run(&scenario("smmuv3 paging 5", nic, "flush")).unwrap_err();
    assert!(five.to_string().contains("FEAT_LPA2") && five.zh().contains("FEAT_LPA2"), "{five}");
    let many = run(&scenario("riscv paging 7", nic, "flush")).unwrap_err().to_string();
    assert!(!many.contains("FEAT_LPA2"), "{many}");
}

/// An interrupt is a CPU's or a guest's; a guest's file is reached by a device under the guest's tables only.
#[test]
fn an_interrupt_of_a_guest_is_set_up_for_its_device() {
    let parts = "iommu strict\ndevice nic 00:03.0\nvm blue ram 0 +16M";
    let line = "interrupt 3 vector 0x41 vm blue source nic";
    let error = |machine: &str, steps: &str| {
        run(&scenario(machine, parts, steps)).err().map(|problems| [problems.to_string(), problems.zh()])
    };
    let [en, zh] = error("riscv", line).unwrap();
    assert!(en.contains("`attach nic to blue` first") && zh.contains("`attach nic to blue`"), "{en} {zh}");
    assert_eq!(error("riscv", &format!("attach nic to blue\n{line}")), None);
    for machine in ["vt-d", "riscv", "amd-vi"] {
        let [en, zh] = error(machine, "interrupt 3 vector 0x41 cpu 1 vm blue source nic").unwrap();
        assert!(en.contains("`cpu 1` and `vm blue`") && zh.contains("`cpu 1` 与 `vm blue`"), "{en} {zh}");
    }
}

/// An entry has as many words as its structure says: an edit goes no further.
#[test]
fn an_edit_stays_in_its_entry() {
    for (machine, words) in [("vt-d", 2), ("amd-vi", 4), ("riscv", 8), ("smmuv3", 8)] {
        for (word, fits) in [(words - 1, true), (words, false), (200, false)] {
            for line in [
                format!("entry device nic word {word} set 1"),
                format!("expect entry device nic word {word} set 1"),
            ] {
                let text = scenario(machine, "iommu strict\ndevice nic 00:03.0", &format!("flush\n{line}"));
                let said = match run(&text) {
                    Ok(run) => failures(&run),
                    Err(problems) => vec![problems.to_string()],
                };
                let refused = said.iter().any(|said| said.contains(&format!("the entry has {words} words")));
                assert_eq!(refused, !fits, "{machine} {line}: {said:?}");
            }
        }
    }
}

/// A line that is offered is one that can be written.
#[test]
fn a_line_that_is_offered_is_read() {
    for here in Architecture::ALL {
        for other in Architecture::ALL.into_iter().filter(|a| *a != here) {
            for fault in other.all_faults().filter(|f| !here.has_fault(f.name) && !f.name_is_number()) {
                let steps = format!("dma nic write 0x1000 +4\nexpect fault \"{}\"", fault.name);
                let text = scenario(here.describe().word, "iommu strict\ndevice nic 00:03.0", &steps);
                let failed = failures(&runs(&text)).join("");
                let offered = failed.split('`').find(|part| part.starts_with("expect fault"));
                let line = offered.unwrap_or_else(|| panic!("{failed}"));
                runs(&scenario(here.describe().word, "device nic 00:03.0", &format!("flush\n{line}")));
            }
        }
    }
}

/// What is told of an address is told of the address that the machine uses.
#[test]
fn notes_name_the_addresses_of_the_machine() {
    use iommu_core::scenario::presets::by_name;
    for (preset, old, new) in [
        ("guest-dma", "0x10000000", "0x50000000"),
        ("address-space", "0x2000000", "0x42000000"),
        ("address-space", "0x3000000", "0x43000000"),
    ] {
        let text = by_name(preset).unwrap().text_on(Architecture::SmmuV3).unwrap();
        let notes: Vec<&str> = text.lines().filter(|line| line.trim_start().starts_with("note")).collect();
        assert!(notes.iter().all(|note| !note.contains(old)), "{preset}: {notes:#?}");
        assert_eq!(notes.iter().filter(|note| note.contains(new)).count(), 2, "{preset}: both languages");
    }
}

/// Two address spaces with one number, of two devices: translations of the one are never taken for the other's, and when one
/// is changed it alone is.
#[test]
fn address_spaces_of_two_devices_are_kept_apart() {
    let parts =
        "iommu strict\ndevice gpu 00:02.0 pasid ats\ndevice nic 00:04.0 pasid ats\nvm blue ram 0 +16M\n\
                 process p1 pasid 7\nprocess p2 pasid 8";
    // Domains of a guest, and processes under one PASID; of each, one is unmapped in the end.
    let nested = "domain inner in blue\ndomain other in blue\nattach gpu to inner\nattach nic to other\n\
                  map inner 0x10_0000 +4K -> 0x20_0000 rw\nmap other 0x10_0000 +4K -> 0x30_0000 rw\n\
                  dma gpu write 0x10_0000 data \"gpu's\"\ndma nic write 0x10_0000 data \"nic's\"\n\
                  dma gpu write 0x10_0000 data \"again\"\nunmap other 0x10_0000 +4K\n\
                  dma nic write 0x10_0000 data \"late\"\nexpect fault any\ndma gpu write 0x10_0000 data \"still\"\nexpect fault none";
    let bound = "bind gpu to p1 pasid 7\nbind nic to p2 pasid 7\nmap p1 0x10_0000 +4K rw\nmap p2 0x10_0000 +4K rw\n\
                 dma gpu write 0x10_0000 +64 pasid 7\ndma nic write 0x10_0000 +64 pasid 7\n\
                 dma gpu write 0x10_0000 +64 pasid 7\nunmap p2 0x10_0000 +4K\n\
                 dma nic write 0x10_0000 +64 pasid 7\nexpect fault any\ndma gpu write 0x10_0000 +64 pasid 7\nexpect fault none";
    for machine in ["vt-d scalable ats pri", "riscv ats", "smmuv3 ats", "amd-vi ats"] {
        for steps in [nested, bound] {
            let text = scenario(machine, parts, steps);
            let run = runs(&text);
            assert_eq!(failures(&run), [""; 0], "{text}");
            let reached: Vec<u64> = run
                .machine
                .trace
                .steps()
                .iter()
                .filter_map(|step| match step.event {
                    Event::Data { pa, .. } if matches!(step.actor, iommu_core::trace::Actor::Device(_)) => {
                        Some(pa.raw())
                    }
                    _ => None,
                })
                .collect();
            let [gpu, nic, again, still] = reached[..] else { panic!("{machine}: {reached:x?}\n{text}") };
            assert!(gpu == again && gpu == still && gpu != nic, "{machine}: {reached:x?}\n{text}");
        }
    }
}

/// A command may reach more caches than the one that the line names: each is said with what it forgot.
#[test]
fn an_invalidation_says_what_each_cache_forgot() {
    let parts = "iommu strict\ndevice nic 00:03.0 pasid\nprocess app pasid 7";
    let used = "bind nic to app pasid 7\nmap app 0x10_0000 +8K\ndma nic write 0x10_0000 +8K pasid 7\n";
    let mut several = 0;
    for machine in ["vt-d scalable", "riscv", "smmuv3", "amd-vi"] {
        for line in [
            "iotlb of app at 0x10_0000 +4K",
            "iotlb of app",
            "device-cache of nic",
            "process-cache of nic pasid 7",
        ] {
            let text = scenario(machine, parts, &format!("{used}invalidate {line}"))
                .replace("playground 2", "playground 1");
            let run = runs(&text);
            let mut lost: Vec<(&str, &str, usize)> = Vec::new();
            for at in run.done.last().unwrap().steps.clone() {
                let step = &run.machine.trace.steps()[at];
                let Event::Cache { cache, op: CacheOp::Invalidate, .. } = step.event else { continue };
                match lost.iter_mut().find(|(name, ..)| *name == cache.name.en) {
                    Some((.., count)) => *count += 1,
                    None => lost.push((cache.name.en, cache.name.zh, 1)),
                }
            }
            let [en, zh] = ending(&text);
            several += usize::from(lost.len() > 1);
            for (name, name_zh, count) in lost {
                let one = if count == 1 { "1 entry".into() } else { format!("{count} entries") };
                let named = [
                    format!("{name} {one}"),
                    format!("{name} has forgotten {one}"),
                    format!("cache of process entries has forgotten {one}"),
                ];
                assert!(named.iter().any(|named| en.contains(named)), "{machine} {line}: {name} {one}: {en}");
                assert!(zh.contains(&format!("清除了 {count} 个")), "{machine} {line}: {name_zh}: {zh}");
            }
        }
    }
    assert!(several >= 4, "{several}");
}

/// Whether the page came or not is what a reader wants to know of a page request.
#[test]
fn a_page_request_says_what_the_kernel_answered() {
    for machine in ["vt-d scalable ats pri", "riscv ats pri", "smmuv3 ats pri", "amd-vi ats pri"] {
        let parts = "iommu strict\ndevice nic 00:03.0 pasid ats pri\nprocess app pasid 7";
        let asked = |page: &str| {
            let steps =
                "bind nic to app pasid 7\nmap app 0x10_0000 +4K not-present\nmap app 0x20_0000 +4K r\n";
            ending(&scenario(machine, parts, &format!("{steps}page-request nic write {page} pasid 7")))
        };
        for (page, answers) in [
            ("0x10_0000", ["Success", "“成功”"]),
            ("0x20_0000", ["Invalid Request", "“无效请求”"]),
            ("0x30_0000", ["Invalid Request", "“无效请求”"]),
        ] {
            for (said, answer) in asked(page).iter().zip(answers) {
                assert!(said.contains(answer), "{machine} {page}: {said}");
            }
        }
    }
}
