//! Words of memory in a paste are walked as the machine itself walks its tables: the same reads, the same end.

use iommu_core::explain::logs::{parse_log, render, Item, Kind};
use iommu_core::iommu::registers::Registers;
use iommu_core::iommu::Architecture;
use iommu_core::machine::{run, Run};
use iommu_core::scenario::presets::PRESETS;
use iommu_core::spec::Lang;
use std::fmt::Write;

/// The memory of a machine as QEMU's monitor shows it.
fn rows(run: &Run) -> String {
    let mut out = String::new();
    for page in run.machine.memory.pages() {
        for at in (page.raw()..page.raw() + 4096).step_by(16) {
            let word = |at: u64| run.machine.memory.peek_u64(iommu_core::addr::PhysAddr::new(at));
            let _ = writeln!(out, "{at:016x}: {:#018x} {:#018x}", word(at), word(at + 8));
        }
    }
    out
}

/// The line that says where the tables of a machine begin: registers by name.
fn root(run: &Run, architecture: Architecture) -> String {
    let file = run.machine.hw.iommu.as_ref().unwrap().file();
    let register = |name: &str| {
        let (register, at) = file.named(name).unwrap();
        format!("{:#x}", file.get(at, register.bytes))
    };
    match architecture {
        Architecture::Vtd => format!("root vt-d {}", register("RTADDR_REG")),
        Architecture::AmdVi => format!("root amd-vi {}", register("DevTabBase")),
        Architecture::SmmuV3 => {
            format!("root smmuv3 {} {}", register("SMMU_STRTAB_BASE"), register("SMMU_STRTAB_BASE_CFG"))
        }
        Architecture::Riscv => format!("root riscv {}", register("ddtp")),
    }
}

fn walks(text: &str) -> Vec<Item> {
    parse_log(text).items.into_iter().filter(|item| item.kind == Kind::Tables).collect()
}

fn count(item: &Item) -> usize {
    item.fields.iter().filter(|field| field.name.en == "read").count()
}

fn end(item: &Item) -> &str {
    &item.fields.iter().find(|field| field.name.en == "ends at").unwrap().value.en
}

/// The presets whose tables are walked, with the device, the addresses, and the PASID.
const WALKS: &[(&str, &str, &[u64], Option<u32>)] = &[
    ("nested-walk", "00:03.0", &[0x7f00_0000_0000, 0x7f00_0000_1040, 0x7f00_0000_2000], Some(7)),
    ("nested-walk", "00:02.0", &[0x7f00_0000_0000], Some(9)),
    ("sva", "00:02.0", &[0x7f00_0000_0000], Some(1)),
    ("sva", "00:02.0", &[0x7f00_0000_0008], Some(2)),
    ("which-number", "00:03.0", &[0xffff_f000, 0x1000, 0xffff_f123], None),
    ("guest-dma", "00:03.0", &[0x10_0000], None),
];

#[test]
fn a_walk_through_a_dump_reads_what_the_machine_reads_on_every_architecture() {
    for architecture in Architecture::ALL {
        let mut arrived = 0;
        for (name, device, addresses, pasid) in WALKS {
            let preset = PRESETS.iter().find(|preset| preset.name == *name).unwrap();
            let machine = preset.text.lines().find(|line| line.starts_with("machine ")).unwrap();
            let word = match architecture {
                Architecture::Vtd => machine.to_string(),
                other => format!(
                    "machine {}{}",
                    other.describe().word,
                    if machine.contains(" ats") { " ats pri" } else { "" }
                ),
            };
            for address in *addresses {
                let what = pasid.map_or(String::new(), |pasid| format!(" pasid {pasid}"));
                // Legacy mode of VT-d has no cache of processes.
                let processes = word != "machine vt-d";
                // The machine's own walk, with nothing in its caches.
                let of_processes = if processes { "  invalidate process-cache\n" } else { "" };
                let ask = format!("  invalidate iotlb\n  invalidate device-cache\n{of_processes}");
                let text = preset.text.replace(machine, &word);
                let text = format!("{text}{ask}  dma {} read {address:#x} +8{what}\n", named(&text, device));
                let run = run(&text).unwrap_or_else(|problems| panic!("{problems:?}\n{text}"));
                let last = run.done.last().unwrap();
                let reads = (last.steps.clone())
                    .filter(|at| {
                        let step = run.machine.trace.steps().iter().nth(*at);
                        matches!(step.map(|s| &s.event), Some(iommu_core::trace::Event::Read { .. }))
                    })
                    .count();
                let root = root(&run, architecture);
                let dump = format!("{}{root}\nwalk {device} {address:#x}{what}\n", rows(&run));
                let items = walks(&dump);
                let [item] = &items[..] else { panic!("{items:?}") };
                let said = render(&parse_log(&dump), Lang::En, false);
                if !last.steps.is_empty() && reads > 0 {
                    assert_eq!(count(item), reads, "{architecture:?} {name} {address:#x}\n{said}");
                }
                let fault = format!("{:?}", last.outcome).contains("Fault");
                assert_eq!(
                    end(item) == "refused",
                    fault,
                    "{architecture:?} {name} {address:#x}\n{said}\n{:?}",
                    last.outcome
                );
                arrived += usize::from(!fault);
            }
        }
        assert!(arrived > 4, "{architecture:?}: {arrived}");
    }
}

fn named<'a>(text: &'a str, device: &str) -> &'a str {
    let line = text.lines().find(|line| line.starts_with("device ") && line.contains(device)).unwrap();
    line.split(' ').nth(1).unwrap()
}
