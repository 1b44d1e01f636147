//! Scenarios that say what the machine must do, one property each; their own `expect` lines are the test.

use iommu_core::machine::run;
use std::{fs, path::Path};

#[test]
fn every_scenario_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/machine");
    let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    names.sort();
    assert!(names.len() >= 30);
    let mut bad = Vec::new();
    for path in names {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).unwrap();
        match run(&text) {
            Err(problems) => bad.push(format!("{name}: does not run: {problems}")),
            Ok(run) => {
                assert!(!run.checks.is_empty(), "{name} expects nothing");
                for check in run.failures() {
                    bad.push(format!("{name}:{}: {:?}", check.span.line, check.failure));
                }
            }
        }
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

/// What must not hold: the last expectation of each fails, with these words.
#[test]
fn an_expectation_that_does_not_hold_says_what_was_there() {
    let machine =
        "iommu-playground 1\nmachine none\nram 0 .. 3G\nbridge cpu 0xc000_0000 +256M -> bus 0xc000_0000\n\
                   bridge bus 0 +3G -> cpu 0\ndevice ep 00:01.0\n  bar 0 64K memory at bus 0xc010_0000\n\
                   device nic 00:02.0\nsteps\n";
    for (steps, words) in [
        ("cpu write 0xc010_0000 0x55 size 4\nexpect arrived nowhere", "arrived at ep"),
        ("dma nic write 0xc010_0000 +1\nexpect arrived nowhere", "arrived at ep"),
        ("dma nic write 0x1000 +1\nexpect arrived at ep.bar0", "no device took a packet"),
        ("dma nic write 0xc020_0000 +1\nexpect arrived at 0xc020_0000", "no device took a packet"),
    ] {
        let run = run(&format!("{machine}{steps}\n")).unwrap();
        let failure = run.checks.last().and_then(|check| check.failure.clone()).expect(steps);
        assert!(failure.en.contains(words), "{steps}: {}", failure.en);
    }
}

/// A bus address that no inbound window takes: the windows are named, and nothing is said of physical addresses.
#[test]
fn an_address_outside_the_windows_names_the_windows() {
    let text = "iommu-playground 1\nmachine none\nram 0 .. 4G\nbridge bus 0x4_0000_0000 +3G -> cpu 0\n\
                device xhci 01:00.0\nsteps\ndma xhci write 0xf000_0000 +16\nexpect arrived nowhere\n";
    let run = run(text).unwrap();
    assert_eq!(run.failures().count(), 0);
    let cast = iommu_core::explain::Cast::of_run(&run, text);
    let lang = iommu_core::spec::Lang::En;
    let trace = &run.machine.trace;
    let told: Vec<String> = (0..trace.len())
        .map(|i| iommu_core::explain::say(trace, i, &cast).text.get(lang).to_string())
        .collect();
    assert!(told.iter().any(|s| s.contains("0x400000000 to 0x4bfffffff")), "{told:#?}");
    assert!(told.iter().any(|s| s.contains("no inbound window of the host bridge")), "{told:#?}");
    assert!(told.iter().all(|s| !s.contains("this physical address")), "{told:#?}");
}

/// A preset of which only the machine line is changed may expect what the new machine has not: the failure says what it has.
#[test]
fn an_interrupt_expected_of_another_machine_says_what_this_one_has() {
    for (name, from, en, zh) in [
        (
            "posted",
            "machine vt-d interrupt-remapping on",
            "posts no interrupts to guests",
            "不能把中断直接投递给客户机",
        ),
        ("msi-hole", "machine vt-d interrupt-remapping off", "the doorbell of the ITS", "ITS 的门铃"),
    ] {
        let text = iommu_core::scenario::presets::by_name(name).expect(name).text;
        assert!(text.contains(from), "{name}");
        let run = run(&text.replace(from, "machine smmuv3")).unwrap();
        let failure = run.failures().next().and_then(|check| check.failure.clone()).expect(name);
        assert!(failure.en.contains(en) && failure.zh.contains(zh), "{name}: {} {}", failure.en, failure.zh);
    }
}

/// What waits in an interrupt file in memory was posted to nobody who runs: the hypervisor is told of it.
#[test]
fn an_interrupt_in_a_file_in_memory_is_not_one_posted_to_a_running_guest() {
    let text = |how: &str| {
        format!(
            "iommu-playground 2\nmachine riscv\nvm blue ram 0 +16M\ndevice nic 00:03.0\nsteps\nattach nic to blue\n\
             interrupt 5 vector 0x41 vm blue source nic\nmsi nic entry 5\nexpect interrupt vector 0x41 vm blue{how}\n"
        )
    };
    assert_eq!(run(&text("")).unwrap().failures().count(), 0);
    let posted = run(&text(" posted")).unwrap();
    let failure = posted.failures().next().and_then(|check| check.failure.clone()).unwrap();
    assert!(
        failure.en.contains("without `posted`") && failure.zh.contains("去掉 `posted`"),
        "{}",
        failure.en
    );
}

/// What cannot be where it is declared: the message names the line that is wrong, the window it had to be in, and why.
#[test]
fn an_address_that_does_not_fit_names_its_window() {
    let host =
        "iommu-playground 1\nmachine none\nram 0 .. 2G\nbridge cpu 0xc000_0000 +256M -> bus 0xc000_0000\n\
                bridge cpu 0x4_0000_0000 +32G -> bus 0x4_0000_0000 prefetch\nrootport rp 00:1c.0\n";
    for (rest, line, other, words) in [
        (
            "  window 0x4_0000_0000 +384M prefetch\ndevice gpu 01:00.0 behind rp\n  bar 0 16G 64 prefetch\n",
            9,
            7,
            "no room for gpu BAR 0 (16 GiB) in the window of rp (0x400000000 to 0x417ffffff)",
        ),
        (
            "  window 0xc000_0000 +16M\ndevice gpu 01:00.0 behind rp\n  bar 0 64K at bus 0xc100_0000\n",
            9,
            7,
            "gpu BAR 0 at 0xc1000000 to 0xc100ffff is outside the window of rp (0xc0000000 to 0xc0ffffff)",
        ),
        ("  window 0xe000_0000 +16M\n", 7, 4, "the window of rp at 0xe0000000 to 0xe0ffffff is outside the host bridge's windows (0xc0000000 to 0xcfffffff)"),
        (
            "  window 0x4_0000_0000 +16M prefetch\ndevice ep 01:00.0 behind rp\n  bar 0 64K 64 at bus 0x4_0000_0000\n",
            9,
            7,
            "ep BAR 0 is not prefetchable: behind rp it must be below 4 GiB",
        ),
        (
            "  window 0xc000_0000 +16M\ndevice ep 00:01.0\n  bar 0 64K at bus 0xc000_0000\n",
            9,
            7,
            "ep BAR 0 overlaps the window of rp (0xc0000000 to 0xc0ffffff)",
        ),
    ] {
        let problems = run(&format!("{host}{rest}steps\n")).unwrap_err();
        let problem = &problems.0[0];
        assert!(problem.message.en.contains(words), "{rest}: {problem}");
        assert!(!problem.message.zh.contains("the window"), "{}", problem.message.zh);
        assert_eq!(problem.span.line, line, "{rest}: {problem}");
        assert_eq!(problem.related.as_ref().map(|r| r.0.line), Some(other), "{rest}: {problem}");
    }
    // Only a window above 4 GiB: what is not prefetchable has no place behind a bridge, and the message says why.
    let text = "iommu-playground 1\nmachine none\nram 0 .. 2G\nbridge cpu 0x1_0000_0000 +256M -> bus 0x1_0000_0000\n\
                rootport rp 00:1c.0\n  window 0x1_0000_0000 +16M prefetch\ndevice ep 01:00.0 behind rp\n  bar 0 64K 64\nsteps\n";
    let problem = &run(text).unwrap_err().0[0];
    assert!(problem.message.en.starts_with("ep BAR 0 is not prefetchable"), "{problem}");
    assert_eq!(problem.span.line, 8);
}

/// An entry that is not as expected says what it is.
#[test]
fn an_entry_that_differs_says_what_it_is() {
    let head = "iommu-playground 1\nram 0 .. 2G\ndevice nic 00:03.0\nsteps\n";
    let run =
        run(&format!("{head}expect entry device nic clear 1\nexpect entry page nic 0x1000 set 1\n")).unwrap();
    let said: Vec<_> = run.checks.iter().map(|c| c.failure.clone().expect("fails").en).collect();
    assert!(said[0].starts_with("the entry at 0x"), "{said:?}");
    assert!(said[1].ends_with("is 0x0"), "{said:?}");
}

/// What is expected of another machine is passed over, and that is said; a name of another's fault says how each is written, and
/// what it says to write holds.
#[test]
fn an_expectation_for_another_machine_is_told_from_one_that_holds() {
    let text = |expect: &str| {
        format!("iommu-playground 1\nmachine vt-d\ndevice nic 00:03.0\nsteps\n  domain d\n  attach nic to d\n  dma nic write 0x5000 +8\n  {expect}\n")
    };
    for (expect, elsewhere) in [
        ("expect fault vt-d 0x5", false),
        ("expect fault smmuv3 F_TRANSLATION", true),
        ("expect fault riscv 15 vt-d 0x5", false),
        ("expect fault any", false),
        ("expect interrupt none on riscv", true),
    ] {
        let run = run(&text(expect)).unwrap();
        assert_eq!((run.failures().count(), run.checks[0].elsewhere), (0, elsewhere), "{expect}");
    }
    let ran = run(&text("expect fault F_TRANSLATION")).unwrap();
    let failure = ran.checks[0].failure.clone().expect("a name of another machine");
    let hint = "expect fault vt-d 0x5 smmuv3 F_TRANSLATION";
    assert!(failure.en.contains(hint) && failure.zh.contains(hint), "{}", failure.en);
    assert_eq!(run(&text(hint)).unwrap().failures().count(), 0);
}

/// The translations of a process are forgotten by the command for them, and only those of the range; a process that is
/// bound under another PASID than its own is meant by that one.
#[test]
fn the_iotlb_forgets_pages_of_a_process() {
    let mut bad = Vec::new();
    for machine in ["vt-d scalable ats", "amd-vi ats", "smmuv3 ats", "riscv ats"] {
        for (bind, of, pasid) in [
            ("bind nic to db", "db", 7),
            ("bind nic to db pasid 9", "db", 9),
            ("bind nic to db", "nic pasid 7", 7),
        ] {
            let dma = |page| format!("dma nic write 0x7f00_0000_{page}000 +4 pasid {pasid}\n");
            let (first, second) = (dma(0), dma(1));
            let text = format!(
                "iommu-playground 2\nmachine {machine}\ndevice nic 00:03.0 pasid ats\nprocess db pasid 7\nsteps\n{bind}\n\
                 map db 0x7f00_0000_0000 +8K rw\n{first}{second}{first}expect iotlb hit\n\
                 invalidate iotlb of {of} at 0x7f00_0000_1000 +4K\n\
                 {first}expect iotlb hit\n{second}expect iotlb miss\n\
                 invalidate iotlb of {of}\n{first}expect iotlb miss\n"
            );
            let run = run(&text).unwrap();
            bad.extend(run.failures().map(|check| format!("{machine}, {bind}, {of}: {:?}", check.failure)));
        }
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

/// The three answers to a page request are three codes: PCIe's on VT-d, AMD-Vi and RISC-V, an SMMU's own.
#[test]
fn each_answer_to_a_page_request_has_its_own_code() {
    use iommu_core::trace::Event;
    // The name of the command, where its code is, and the codes of success, invalid and failure.
    for (machine, command, (word, shift), codes) in [
        ("vt-d scalable ats pri", "page group response descriptor", (0, 12), [0, 1, 15]),
        ("amd-vi ats pri", "COMPLETE_PPR_REQUEST", (1, 44), [0, 1, 15]),
        ("smmuv3 ats pri", "CMD_PRI_RESP", (1, 12), [2, 1, 0]),
        ("riscv ats pri", "ATS.PRGR", (1, 44), [0, 1, 15]),
    ] {
        for (answer, code) in ["success", "invalid", "failure"].into_iter().zip(codes) {
            let text = format!(
                "iommu-playground 2\nmachine {machine}\ndevice nic 00:03.0 pasid ats pri\nprocess db pasid 7\nsteps\n\
                 bind nic to db\nmap db 0x7f00_0000_0000 +4K rw\n\
                 page-request nic write 0x7f00_0000_0000 pasid 7 response {answer}\n"
            );
            let run = run(&text).unwrap();
            let trace = &run.machine.trace;
            let written = trace.steps().iter().find_map(|step| match step.event {
                Event::WriteRun { entry, new, .. } if entry.name.en == command => {
                    Some(trace.get_words(new)[word] >> shift & 15)
                }
                _ => None,
            });
            assert_eq!(written, Some(code), "{machine}: {answer}");
        }
    }
}

/// What the IOMMU does not take of page requests reaches no kernel: nothing is counted, and what is said is why.
#[test]
fn a_page_request_that_is_not_taken_is_told_as_that() {
    for (machine, bind, taken, fault, words) in [
        ("vt-d scalable ats pri", "bind nic to db", true, "none", "answers Success"),
        ("vt-d scalable ats", "", false, "SCT.8", "PRE is 0 (fault 0x47)"),
        ("vt-d legacy ats", "", false, "RTA.3", "(fault 0x32)"),
        ("amd-vi ats pri", "bind nic to db", true, "none", "answers Success"),
        ("amd-vi ats", "", false, "none", "`pri` on the machine line"),
        ("smmuv3 ats pri", "bind nic to db", true, "none", "answers Success"),
        ("smmuv3 ats", "", false, "none", "`pri` on the machine line"),
        ("riscv ats", "bind nic to db", true, "none", "answers Success"),
        ("riscv", "", false, "260", "(cause 260)"),
    ] {
        let text = format!(
            "iommu-playground 2\nmachine {machine}\ndevice nic 00:03.0 pasid ats pri\nprocess db pasid 7\nsteps\n{bind}\n\
             map db 0x7f00_0000_0000 +4K rw not-present\npage-request nic write 0x7f00_0000_0000 pasid 7\n\
             expect fault {fault}\nexpect count page-requests = {}\n",
            u8::from(taken)
        );
        let run = run(&text).unwrap();
        let failures: Vec<_> = run.failures().map(|check| check.failure.clone()).collect();
        assert!(failures.is_empty(), "{machine}: {failures:?}");
        let cast = iommu_core::explain::Cast::of_run(&run, &text);
        let told: Vec<&str> = cast.endings.iter().map(|ending| ending.text.en.as_str()).collect();
        assert!(told.iter().any(|text| text.contains(words)), "{machine}: {told:?}");
        for step in run.machine.trace.steps() {
            if let iommu_core::trace::Event::Fault { at, .. } = step.event {
                assert_eq!(at.raw, 0x7f00_0000_0000, "{machine}: the address that is told is the page's");
            }
        }
    }
}
