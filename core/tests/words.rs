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

/// What stops a request, or lets it by: the lines of a dump, the one that asks, where the walk ends, and words of its reason.
const ENDS: &[(&str, &str, &str, &str)] = &[
    // VT-d: TTM, root and context entries.
    ("root vt-d 0x1c00", "walk 00:04.0 0x1000", "refused", "abort-DMA mode"),
    ("root vt-d 0x1800", "walk 00:04.0 0x1000", "refused", "TTM) is reserved"),
    ("root vt-d 0x1000", "walk 00:04.0 0x1000 pasid 5", "refused", "legacy mode"),
    ("root vt-d 0x1000\n1000: 0x2003 0x0", "walk 00:04.0 0x1000", "refused", "a reserved bit"),
    ("context 0x2001 0x100", "walk 0x1000", "refused", "AW"),
    ("context 0x2001 0x104", "walk 0x1000", "refused", "AW"),
    ("context 0x200d 0x102", "walk 0x1000", "refused", "reserved"),
    ("context 0x2009 0x102", "walk 0x1000", "0x1000", "passed through"),
    ("context 0x2001 0x101", "walk 0x8000000000", "refused", "39 bits"),
    ("context 0x2001 0x101", "walk 0x7fffffffff", "xp /1gx 0x2ff8", ""),
    // Scalable mode: PDTS, PASIDE, the first stage's addresses, and those of a guest against the second stage.
    ("context 0x2001 0x0 0x0 0x0", "walk 0x1000 pasid 5", "refused", "PASIDE"),
    ("context 0x2009 0x0 0x0 0x0", "walk 0x1000 pasid 8192", "refused", "PDTS"),
    ("context 0x2009 0x0 0x0 0x0", "walk 0x1000 pasid 8191", "xp /1gx 0x23f8", ""),
    ("context 0x2001 0x2000 0x0 0x0", "walk 0x1000", "refused", "RID_PASID"),
    (
        "context 0x2001 0x0 0x0 0x0\n2000: 0x3001 0\n3000: 0x49 0x1 0x4001 0x0 0x0 0x0 0x0 0x0",
        "walk 0x800000000000",
        "refused",
        "not canonical",
    ),
    (
        "context 0x2001 0x0 0x0 0x0\n2000: 0x3001 0\n3000: 0x50c5 0x1 0x8000004000 0x0 0x0 0x0 0x0 0x0",
        "walk 0x1000",
        "refused",
        "0x8000004000 has more than the 39 bits",
    ),
    // AMD-Vi: the size of the device table, V, TV, Mode, IR and IW, GV and GLX.
    ("root amd-vi 0x1000", "walk 00:10.0 0x1000", "refused", "beyond the device table"),
    ("root amd-vi 0x1001", "walk 00:10.0 0x1000", "xp /4gx 0x2000", ""),
    ("dte 0x0 0x0 0x0 0x0", "walk 0x1000", "0x1000", "forwarded"),
    ("dte 0x1 0x0 0x0 0x0", "walk 0x1000", "refused", "TV"),
    ("dte 0x6000000000002e03 0x1 0x0 0x0", "walk 0x1000", "refused", "Mode is reserved"),
    ("dte 0x2000000000002603 0x1 0x0 0x0", "walk 0x1000 write", "refused", "IR or IW"),
    ("dte 0x2000000000002603 0x1 0x0 0x0", "walk 0x1000", "xp /1gx 0x2000", ""),
    ("dte 0x6000000000002603 0x1 0x0 0x0", "walk 0x8000000000", "refused", "39 bits"),
    ("dte 0x6000000000002603 0x1 0x0 0x0", "walk 0x1000 pasid 5", "refused", "GV is 0"),
    ("dte 0x6080000000000003 0x1 0x0 0x0", "walk 0x1000 pasid 512", "refused", "GLX"),
    ("dte 0x6380000000000003 0x1 0x0 0x0", "walk 0x1000 pasid 5", "refused", "GLX"),
    ("dte 0x6080000000000003 0x1 0x0 0x0", "walk 0x1000", "0x1000", "passed through"),
    // The device's entry and the unit's register as debugfs shows them.
    (DEVTBL, "walk 06:00.0 0x1000 pasid 0", "xp /1gx 0x101fe7000", ""),
    (DEVTBL, "walk 0x600 0x1000", "0x1000", "passed through"),
    (DEVTBL, "walk 0x1000", "0x1000", "passed through"),
    (DEVTBL, "walk 07:00.0 0x1000", "refused", "neither this device's entry nor"),
    ("Offset:0x0 Value:0x0000000100200001", "walk 00:04.0 0x1000", "xp /4gx 0x100200400", ""),
    // SMMUv3: the stream table.
    // A StreamID of 17 bits, two levels that 32 bits share, decimal as well; a device_id of 24 bits in three levels.
    ("root smmuv3 0x8000000 0x10220", "walk 0x12345 0x1000", "xp /1gx 0x8000918", ""),
    ("root smmuv3 0x8000000 0x10220\n8000918: 0x9000009 0", "walk 74565 0x1000", "xp /8gx 0x9001140", ""),
    ("root smmuv3 0x8000000 0x10220", "walk 0xffffffff 0x1000", "xp /1gx 0xffffff8", ""),
    ("root smmuv3 0x8000000 0x10210", "walk 0x12345 0", "refused", "C_BAD_STREAMID"),
    ("root smmuv3 0x10000 0x14", "walk 0x12345 0x1000", "xp /8gx 0x48d140", ""),
    ("root riscv 0x400004", "walk 0xabcdef 0x1000", "xp /1gx 0x1000ab8", ""),
    ("root riscv 0x400003", "walk 0xabcdef 0x1000", "refused", "cause 260"),
    ("root vt-d 0x10000", "walk 0x20 0x1000", "xp /2gx 0x10000", ""),
    ("root vt-d 0x10000", "walk 0x10020 0x1000", "refused", "more than 16 bits"),
    ("root smmuv3 0x10000 0x4", "walk 00:04.0 0x1000", "refused", "C_BAD_STREAMID"),
    ("root smmuv3 0x10000 0x6", "walk 00:04.0 0x1000", "xp /8gx 0x10800", ""),
    ("root smmuv3 0x10000 0x1020a\n10000: 0x20007 0x0", "walk 00:04.0 0x1000", "xp /8gx 0x20800", ""),
    ("root smmuv3 0x10000 0x1020a\n10000: 0x20006 0x0", "walk 00:04.0 0x1000", "refused", "beyond the Span"),
    ("root smmuv3 0x10000 0x1020a\n10000: 0x2000c 0x0", "walk 00:04.0 0x1000", "refused", "Span is"),
    // S1DSS and S1CDMax.
    ("ste 0x280000000004000b 0x0 0x0 0x0 0x0 0x0 0x0 0x0", "walk 0x1000", "refused", "S1DSS terminates"),
    ("ste 0x280000000004000b 0x1 0x0 0x0 0x0 0x0 0x0 0x0", "walk 0x1000", "0x1000", "passed through"),
    ("ste 0x280000000004000b 0x2 0x0 0x0 0x0 0x0 0x0 0x0", "walk 0x1000", "xp /8gx 0x40000", ""),
    (
        "ste 0x280000000004000b 0x2 0x0 0x0 0x0 0x0 0x0 0x0",
        "walk 0x1000 pasid 0",
        "refused",
        "F_STREAM_DISABLED",
    ),
    (
        "ste 0x280000000004000b 0x2 0x0 0x0 0x0 0x0 0x0 0x0",
        "walk 0x1000 pasid 32",
        "refused",
        "C_BAD_SUBSTREAMID",
    ),
    ("ste 0x4000b 0x0 0x0 0x0 0x0 0x0 0x0 0x0", "walk 0x1000 pasid 1", "refused", "C_BAD_SUBSTREAMID"),
    ("ste 0x9 0x0 0x0 0x0 0x0 0x0 0x0 0x0", "walk 0x1000 pasid 1", "refused", "C_BAD_SUBSTREAMID"),
    // Stage 2: 40 bits of input from level 1, and what makes no table.
    ("ste 0xd 0x0 0xd005800000000 0x50000 0x0 0x0 0x0 0x0", "walk 0x10000000000", "refused", "40 bits"),
    ("ste 0xd 0x0 0xd005800000000 0x50000 0x0 0x0 0x0 0x0", "walk 0xffffffffff", "xp /1gx 0x51ff8", ""),
    ("ste 0xd 0x0 0xd005400000000 0x50000 0x0 0x0 0x0 0x0", "walk 0x1000", "refused", "do not make a table"),
    ("ste 0xd 0x0 0x5005800000000 0x50000 0x0 0x0 0x0 0x0", "walk 0x1000", "refused", "do not make a table"),
    // RISC-V: the directories' modes and widths.
    ("root riscv 0x400002", "walk 00:08.0 0x1000", "refused", "cause 260"),
    ("root riscv 0x400002", "walk 00:07.7 0x1000", "xp /4gx 0x1000fc0", ""),
    ("root riscv 0x400003", "walk 80:00.0 0x1000", "refused", "cause 260"),
    ("root riscv 0x400005", "walk 00:07.7 0x1000", "refused", "reserved"),
    ("root riscv 0x400002 32", "walk 00:08.0 0x1000", "xp /4gx 0x1000800", ""),
    ("dc 0x1 0x0 0x0 0x8000000000000050", "walk 0x1000 pasid 3", "refused", "PDTV is 0"),
    ("dc 0x21 0x0 0x0 0x1000000000000050", "walk 0x1000 pasid 256", "refused", "cause 260"),
    ("dc 0x21 0x0 0x0 0x1000000000000050", "walk 0x1000 pasid 255", "xp /2gx 0x50ff0", ""),
    ("dc 0x21 0x0 0x0 0x1000000000000050", "walk 0x1000", "0x1000", "passed through"),
    ("dc 0x801 0x0 0x0 0x8000000000000050", "walk 0x1000", "refused", "SXL"),
    ("dc 0x1 0x0 0x0 0x5000000000000050", "walk 0x1000", "refused", "mode"),
    ("dc 0x1 0x0 0x0 0x8000000000000050", "walk 0x4000000000", "refused", "not canonical"),
    ("dc 0x1 0x0 0x0 0x8000000000000050", "walk 0xffffffc000000000", "xp /1gx 0x50800", ""),
    ("dc 0x1 0x8000000000000050 0x0 0x0", "walk 0x20000000000", "refused", "41 bits"),
    ("dc 0x1 0x8000000000000050 0x0 0x0", "walk 0x1ffffffffff", "xp /1gx 0x53ff8", ""),
    ("dc 0x1 0x8000000000000051 0x0 0x0", "walk 0x1000", "refused", "16 KiB"),
    // SBE: the first stage's entries are big-endian. SADE: A and D are set by hardware.
    ("dc 0x401 0x0 0x0 0x8000000000000050\n50000: 0xdf00003000000000 0x0", "walk 0x234", "0xc0000234", ""),
    ("dc 0x1 0x0 0x0 0x8000000000000050\n50000: 0x17 0x0", "walk 0x234", "refused", ""),
    ("dc 0x101 0x0 0x0 0x8000000000000050\n50000: 0x17 0x0", "walk 0x234", "0x234", ""),
];

/// An entry of AMD's `devtbl`.
const DEVTBL: &str =
    "DeviceId             QWORD[3]         QWORD[2]         QWORD[1]         QWORD[0] iommu\n\
    0000:06:00.0 0000000000000000 2000000117840013 0000100103fc0009 7d90000000000003 iommu0";

#[test]
fn what_hardware_refuses_on_the_way_is_refused_and_what_it_lets_by_is_not() {
    for (dump, walk, ends, why) in ENDS {
        let items = walks(&format!("{dump}\n{walk}\n"));
        // What a kernel printed is an item of its own above the walk.
        let (item, above) = items.split_last().unwrap();
        assert_eq!(above.len(), usize::from(dump.contains("QWORD") || dump.contains("Offset")), "{items:?}");
        let field = item.fields.iter().find(|field| field.name.en == "ends at").unwrap();
        let (value, meaning) = (&field.value.en, &field.meaning.en);
        assert!(value == ends && meaning.contains(why), "{dump} {walk}\n{value} {meaning}");
        assert!(!field.meaning.zh.is_empty());
    }
}

/// A stream with one context descriptor at 0x40000 whose first words are these.
fn descriptor(low: u64, table: u64) -> String {
    format!(
        "ste 0x4000b 0x0 0x0 0x0 0x0 0x0 0x0 0x0\n40000: {low:#x} {table:#x} 0x0 0x0 0x0 0x0 0x0 0x0\n\
         50000: 0x51003 0x0\n51000: 0x52003 0x0\n52000: 0x53003 0x0\n53000: 0x777043 0x0\n"
    )
}

#[test]
fn a_context_descriptor_is_held_against_what_its_fields_say_together() {
    // V, AA64, EPD1, IPS 48 bits, T0SZ 16, granule 4 KiB.
    let plain = 1u64 << 31 | 1 << 41 | 1 << 30 | 5 << 32 | 16;
    let (affd, ha, tbi0) = (1u64 << 35, 1u64 << 43, 1u64 << 38);
    for (low, address, ends, why) in [
        (plain | affd, "0x123", "0x777123", ""),
        (plain | ha, "0x123", "0x777123", ""),
        (plain, "0x123", "refused", "access flag"),
        (plain & !(1 << 41) | affd, "0x123", "refused", "AA64"),
        (plain & !0x3f | 8 | affd, "0x123", "refused", "C_BAD_CD"),
        (plain & !0x3f | 63 | affd, "0x123", "refused", "C_BAD_CD"),
        (plain | affd, "0x3c00000000000123", "refused", "gap"),
        (plain | affd | tbi0, "0x3c00000000000123", "0x777123", ""),
        (plain | affd, "0x1000000000000", "refused", "gap"),
        (plain | affd, "0xffff000000000000", "refused", "EPD"),
    ] {
        let items = walks(&format!("{}walk {address}\n", descriptor(low, 0x50000)));
        let [item] = &items[..] else { panic!("{items:?}") };
        let field = item.fields.iter().find(|field| field.name.en == "ends at").unwrap();
        let (value, meaning) = (&field.value.en, &field.meaning.en);
        assert!(value == ends && meaning.contains(why), "{low:#x} {address}\n{value} {meaning}");
    }
}

/// Tables as debugfs of the kernel prints them page by page: a page of 2 MiB, one of 4 KiB that is read-only.
const PRINTED: &str = "Device 0000:00:05.0 @0xd44000\n\
IOVA_PFN         \tPML5E             \tPML4E             \tPDPE              \tPDE               \tPTE\n\
0x0000000080000 |\t0x0000000000000000\t0x0000000000e9e403\t0x0000000000e9f403\t0x00000001402004b3\t0x0000000000000000\n\
0x00000000fffe0 |\t0x0000000000000000\t0x0000000000e9e403\t0x0000000000e9f403\t0x0000000000ea0403\t0x0000000000ecf001\n";

#[test]
fn an_address_is_answered_from_rows_that_a_kernel_printed() {
    for (walk, ends, count) in [
        ("walk 00:05.0 0x80123456 write", "0x140323456", 3),
        ("walk 00:05.0 0xfffe0040", "0xecf040", 4),
        ("walk 00:05.0 0xfffe0040 write", "refused", 4),
        ("walk 00:05.0 0x80200000", "refused", 0),
        ("walk 00:05.0 0x1000080000000", "refused", 0),
    ] {
        // Before the tables or after them.
        for text in [format!("{PRINTED}{walk}\n"), format!("{walk}\n{PRINTED}")] {
            let items: Vec<Item> =
                walks(&text).into_iter().filter(|i| i.title.en.contains("printed")).collect();
            let [item] = &items[..] else { panic!("{text}{items:?}") };
            assert_eq!((end(item), self::count(item)), (ends, count), "{walk}");
        }
    }
    // Of another device, or of a process, these rows say nothing.
    for walk in ["walk 00:06.0 0x80123456", "walk 00:05.0 0x80123456 pasid 3"] {
        let items = walks(&format!("{PRINTED}{walk}\n"));
        assert!(items.iter().all(|item| !item.title.en.contains("printed")), "{items:?}");
        assert!(
            items.iter().any(|item| item.fields.iter().any(|f| f.value.en == "root vt-d 0x…")),
            "{items:?}"
        );
    }
}

#[test]
fn a_cpus_map_is_said_to_be_one_with_the_command_to_use() {
    for text in [
        "(qemu) info mem\n0000000000400000-0000000000401000 0000000000001000 ur-\n",
        "fffffe0000000000: 000000000fe00000 -G-DA---W\n",
    ] {
        let items = walks(text);
        let [item] = &items[..] else { panic!("{text}{items:?}") };
        assert!(item.title.en.contains("the CPU's map") && item.title.zh.contains("CPU"));
        assert_eq!(item.fields[0].value.en, "xp /1gx 0xfed90020");
    }
}

#[test]
fn rows_say_which_stage_they_are_of_and_how_the_manual_numbers_their_level() {
    for (architecture, last, above) in [
        (Architecture::Vtd, "", ""),
        (Architecture::SmmuV3, ", Arm's level 3", ", Arm's level 2"),
        (Architecture::Riscv, ", RISC-V's level 0", ", RISC-V's level 1"),
    ] {
        let said = |preset: &str, device: &str, rest: &str| {
            let text = PRESETS.iter().find(|have| have.name == preset).unwrap().text;
            let machine = text.lines().find(|line| line.starts_with("machine ")).unwrap();
            let ats = if machine.contains(" ats") { " ats pri" } else { "" };
            let word = match architecture {
                Architecture::Vtd => machine.into(),
                other => format!("machine {}{ats}", other.describe().word),
            };
            let run = run(&text.replace(machine, &word)).unwrap();
            let dump = format!("{}{}\nwalk {device} {rest}\n", rows(&run), root(&run, architecture));
            render(&parse_log(&dump), Lang::En, false)
        };
        let nested = said("nested-walk", "00:03.0", "0x7f0000000000 pasid 7");
        for (level, manual) in [(1, last), (2, above)] {
            for stage in [1, 2] {
                let begin = format!("read: stage {stage}, level {level} entry ");
                let rows: Vec<&str> = nested.lines().filter(|line| line.contains(&begin)).collect();
                assert!(!rows.is_empty() && rows.iter().all(|row| row.contains(manual)), "{begin}\n{nested}");
            }
        }
        let alone = said("which-number", "00:03.0", "0xfffff000");
        assert!(alone.contains("read: level 3 entry 3"), "{alone}");
        assert!(!alone.contains("stage 1, level") && !alone.contains("stage 2, level"), "{alone}");
    }
}

#[test]
fn each_walk_begins_at_the_root_above_it() {
    let run = run(PRESETS.iter().find(|have| have.name == "howto").unwrap().text).unwrap();
    let other = "0000000007408000: 0x0000000000000000 0x0000000000000000\n";
    let (rows, one) = (rows(&run), root(&run, Architecture::Vtd));
    let walk = "walk 00:03.0 0x1000\n";
    let read =
        |item: &Item| item.fields.iter().find(|field| field.name.en == "read").map(|f| f.meaning.en.clone());
    let two = "root vt-d 0x7408000\n";
    for text in [
        format!("{rows}{other}{one}\n{walk}{two}{walk}"),
        // Below all walks the first counts for those above it.
        format!("{walk}{one}\n{two}{walk}{rows}{other}"),
    ] {
        let items = walks(&text);
        let [first, second] = &items[..] else { panic!("{text}{items:?}") };
        assert!(!read(first).unwrap().contains("0x7408000"), "{items:?}");
        assert!(read(second).unwrap().contains("0x7408000"), "{items:?}");
    }
}

#[test]
fn tables_of_a_process_are_of_the_first_stage() {
    let of = |head: &str| {
        let text = PRINTED.replace("0000:00:05.0 @", head);
        let items = walks(&text);
        items[0].fields.iter().find(|field| field.name.en == "stage").unwrap().value.en.clone()
    };
    assert_eq!(of("0000:00:05.0 with pasid 1 @"), "1");
    assert_eq!(of("0000:00:05.0 with pasid 0 @"), "2");
    assert_eq!(of("0000:00:05.0 @"), "2");
}

#[test]
fn a_device_is_walked_from_the_root_of_the_unit_whose_dump_lists_it() {
    let unit = |number: u8, root: u64, device: &str| {
        format!("IOMMU dmar{number}: Root Table Address: {root:#x}\nB.D.F\tRoot_entry\tContext_entry\tPASID\tPASID_table_entry\n{device}\t0x0000000000000000:0x0000000000002001\t0x0000000000000102:0x0000000000003001\t-1    \t0x0000000000000000:0x0000000000000000:0x0000000000000000\n\n")
    };
    let both = unit(0, 0x1000, "00:02.0") + &unit(1, 0x11000, "00:14.0");
    let first = |text: &str| {
        let items = walks(text);
        let item = items.iter().find(|item| item.title.en.contains("for 0x1234")).unwrap();
        item.fields.iter().map(|field| format!("{} {}", field.value.en, field.meaning.en)).collect::<String>()
    };
    for (device, root) in [("00:02.0", "xp /2gx 0x1000"), ("00:14.0", "xp /2gx 0x11000")] {
        let said = first(&format!("{both}walk {device} 0x1234\n0000000000009000: 0x0000000000000000\n"));
        assert!(said.contains(&format!("{root} ")), "{said}");
    }
    // What none of several lists is in the tables of none for certain; of one unit there is no choice.
    let of_none = "walk 00:1f.0 0x1234\n0000000000009000: 0x0000000000000000\n";
    let said = first(&(both + of_none));
    assert!(said.contains("none of them lists this device"), "{said}");
    let said = first(&(unit(0, 0x1000, "00:02.0") + of_none));
    assert!(said.contains("xp /2gx 0x1000 "), "{said}");
}
