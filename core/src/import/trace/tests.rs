use super::finding::{Finding, Was};
use super::*;
use alloc::format;
use alloc::vec::Vec;
use proptest::prelude::*;

fn replay(text: &str) -> Replay {
    let mut replay = Replay::default();
    for line in text.lines() {
        replay.line(line, None);
    }
    replay.finish(None);
    replay
}

fn kinds(replay: &Replay) -> Vec<String> {
    replay
        .live
        .found
        .iter()
        .map(|(now, f)| format!("{} {}", now.line, format!("{f:?}").split(' ').next().unwrap_or("")))
        .collect()
}

/// What a kernel printed while a disk's driver started.
const DISK: &str = "\
    kworker/u4:1-31      [000] .l...     5.735305: map: IOMMU: iova=0x00000000fffff000 - 0x0000000100000000 paddr=0x0000000002ebe000 size=4096
    kworker/u4:1-31      [000] .....     5.736616: dma_alloc: 0000:00:05.0 dir=BIDIRECTIONAL dma_addr=fffff000 size=512 virt_addr=(____ptrval____) flags=GFP_KERNEL attrs=
    kworker/u4:1-31      [000] .....     5.743655: map: IOMMU: iova=0x00000000ffffd000 - 0x00000000ffffe000 paddr=0x0000000002fbb000 size=4096
    kworker/u4:1-31      [000] .....     5.743790: dma_map_phys: 0000:00:05.0 dir=FROM_DEVICE dma_addr=ffffd000 size=4096 phys_addr=2fbb000 attrs=
    kworker/u4:1-31      [000] d.h1.     5.745183: unmap: IOMMU: iova=0x00000000ffffd000 - 0x00000000ffffe000 size=4096 unmapped_size=4096
    kworker/u4:1-31      [000] d.h1.     5.745491: dma_unmap_phys: 0000:00:05.0 dir=FROM_DEVICE dma_addr=ffffd000 size=4096 attrs=
";

#[test]
fn a_trace_of_a_kernel_leaves_what_is_in_use() {
    let replay = replay(DISK);
    let live = &replay.live;
    assert_eq!((live.events, live.maps, live.most, live.found.len(), live.tables()), (6, 2, 2, 0, 1));
    let left: Vec<_> = live.mapped().map(|(device, m)| (device, m.part.address, m.coherent)).collect();
    assert_eq!(left, [("0000:00:05.0", 0xffff_f000, true)]);
    for lang in [Lang::En, Lang::Zh] {
        assert!(replay.report(lang).to_string().contains("0xfffff000 +0x200"));
    }
}

#[test]
fn the_three_programs_print_the_same_event() {
    let want = line::parse(DISK.lines().nth(3).unwrap());
    assert!(want.is_some());
    let rest = "0000:00:05.0 dir=FROM_DEVICE dma_addr=ffffd000 size=4096 phys_addr=2fbb000 attrs=";
    for line in [
        format!("     kworker/u4:1-31    [000]     5.743790: dma_map_phys:         {rest}"),
        format!("kworker/u4:1    31 [000]     5.743790:         dma:dma_map_phys: {rest}"),
        format!("kworker/u4:1-31 [000] 5.743790000: dma_map_phys: {rest}"),
    ] {
        assert_eq!(line::parse(&line), want, "{line}");
    }
}

fn event(time: &str, rest: &str) -> String {
    format!("x-1 [000] ..... {time}: {rest}\n")
}

#[test]
fn what_is_wrong_is_found_at_its_line() {
    let dev = "0000:03:00.0";
    let mut text = String::new();
    let mut add = |time: &str, rest: String| text.push_str(&event(time, &rest));
    add(
        "1.000000",
        format!("dma_map_phys: {dev} dir=TO_DEVICE dma_addr=10000 size=4096 phys_addr=5000 attrs="),
    );
    add("1.000100", format!("io_page_fault: IOMMU:nvme {dev} iova=0x0000000000010080 flags=0x0001"));
    add("1.000200", format!("dma_unmap_phys: {dev} dir=TO_DEVICE dma_addr=10000 size=2048 attrs="));
    add("1.000300", format!("dma_unmap_phys: {dev} dir=TO_DEVICE dma_addr=10000 size=4096 attrs="));
    add("1.000700", format!("io_page_fault: IOMMU:nvme {dev} iova=0x0000000000010080 flags=0x0000"));
    add("1.000800", format!("dma_unmap_phys: {dev} dir=TO_DEVICE dma_addr=90000 size=4096 attrs="));
    add(
        "1.000900",
        format!("dma_map_phys: {dev} dir=FROM_DEVICE dma_addr=20000 size=8192 phys_addr=7000 attrs="),
    );
    add(
        "1.001000",
        format!("dma_map_phys: {dev} dir=FROM_DEVICE dma_addr=21000 size=4096 phys_addr=9000 attrs="),
    );
    add("1.001100", format!("io_page_fault: IOMMU:nvme {dev} iova=0x0000000000022080 flags=0x0001"));
    add("1.001200", format!("dma_sync_single_for_cpu: {dev} dir=FROM_DEVICE dma_addr=70000 size=64"));
    add(
        "1.001300",
        "unmap: IOMMU: iova=0x0000000000020000 - 0x0000000000022000 size=8192 unmapped_size=4096".into(),
    );
    let replay = replay(&text);
    let want = [
        "2 Fault",
        "3 Differs",
        "4 NotMapped",
        "5 Fault",
        "8 Overlaps",
        "9 Fault",
        "10 SyncOfNone",
        "11 TablesDiffer",
    ];
    assert_eq!(kinds(&replay), want);
    assert_eq!(replay.live.before, 1);
    let said = replay.report(Lang::En).to_string();
    for part in [
        "  0000:03:00.0 is refused 0x10080 (write): it is mapped for the other direction only",
        "(line 2, 1.000100 s)",
        "  0000:03:00.0 unmaps 0x10000 +0x1000 twice: it was unmapped 100 us before, on line 3",
        "  0000:03:00.0 is refused 0x10080 (read): it was unmapped 500 us before, on line 3",
        "never mapped in this trace; the nearest mapping ends 0x80 below",
    ] {
        assert!(said.contains(part), "{part}\n{said}");
    }
    assert!(replay.report(Lang::Zh).to_string().contains("它在 500 微秒之前（第 3 行）已解除映射"));
    // Each refused access comes as a scenario that ends as the trace does.
    let account = replay.report(Lang::En);
    let scenarios: Vec<_> =
        account.sections.iter().flat_map(|s| &s.items).filter_map(|i| i.scenario.as_ref()).collect();
    assert_eq!(scenarios.len(), 3);
    for text in scenarios {
        let run = crate::machine::run(text).unwrap_or_else(|problems| panic!("{problems:?}\n{text}"));
        assert_eq!(run.failures().count(), 0, "{text}");
        assert!(text.contains("expect fault any"), "{text}");
    }
    let second = account.sections[1].items.iter().filter_map(|i| i.scenario.as_deref()).nth(1).unwrap();
    for line in ["  map d 0x10000 +0x1000 -> ", "  unmap d 0x10000 +0x1000", "  dma dev read 0x10080 +1"] {
        assert!(second.contains(line), "{second}");
    }
}

/// Wherever a refused access is, its scenario runs.
#[test]
fn every_scenario_of_a_refused_access_runs() {
    for (address, physical) in [
        (0u64, 0u64),
        (0x7fff_ffff_f000, 1 << 46),
        (0xffff_ffff_ffff_f000, 0),
        (0x1000, 3 << 30),
        (0xfee0_0000, 0xfee0_0000),
    ] {
        for device in ["0000:00:00.0", "0001:c1:1f.7", "fe300000.ethernet", "ffff:ff:1f.7", "0000:ff:1f.7"] {
            let mut text = event("1.0", &format!("dma_map_phys: {device} dir=FROM_DEVICE dma_addr={address:x} size=4095 phys_addr={physical:x} attrs="));
            text += &event(
                "1.1",
                &format!("dma_unmap_phys: {device} dir=FROM_DEVICE dma_addr={address:x} size=4095 attrs="),
            );
            text += &event(
                "1.2",
                &format!("io_page_fault: IOMMU:nvme {device} iova=0x{:x} flags=0x0000", address | 0xff0),
            );
            let replay = replay(&text);
            let account = replay.report(Lang::Zh);
            for text in account.sections.iter().flat_map(|s| &s.items).filter_map(|i| i.scenario.as_ref()) {
                let run = crate::machine::run(text).unwrap_or_else(|problems| panic!("{problems:?}\n{text}"));
                assert_eq!(run.failures().count(), 0, "{text}");
            }
        }
    }
}

#[test]
fn tables_that_lose_what_a_device_keeps_are_found_and_lists_are_not() {
    let dev = "0000:03:00.0";
    let list = format!("dma_map_sg: {dev} dir=TO_DEVICE nents=2/2 ents=2/2 dma_addrs={{0x40000,0x41000}} sizes={{0x1000,0x800}} phys_addrs={{0x5000,0x9000}} attrs=");
    let mut text = event("1.0", &list);
    text += &event(
        "1.1",
        "unmap: IOMMU: iova=0x0000000000040000 - 0x0000000000042000 size=8192 unmapped_size=8192",
    );
    text += &event("1.2", &format!("dma_unmap_sg: {dev} dir=TO_DEVICE phys_addrs={{0x5000,0x9000}} attrs="));
    text += &event(
        "1.3",
        &format!("dma_map_phys: {dev} dir=TO_DEVICE dma_addr=50000 size=4096 phys_addr=a000 attrs="),
    );
    text += &event(
        "1.4",
        "unmap: IOMMU: iova=0x0000000000050000 - 0x0000000000051000 size=4096 unmapped_size=4096",
    );
    for i in 0..1100 {
        text += &event(
            "1.5",
            &format!("map: IOMMU: iova=0x{:016x} - 0x0 paddr=0x1000 size=4096", 0x100_0000 + i * 4096),
        );
    }
    let replay = replay(&text);
    assert_eq!(kinds(&replay), ["5 UnderUse"]);
}

#[test]
fn the_time_to_the_next_flush_is_the_window() {
    let mut text = event("1.000000", "unmap: IOMMU: iova=0x1000 - 0x2000 size=4096 unmapped_size=4096");
    text += &event("1.000500", "unmap: IOMMU: iova=0x3000 - 0x4000 size=4096 unmapped_size=4096");
    text += &event(
        "1.001500",
        "cache_tag_flush_range: dmar0 dmar0[0] type iotlb did 4 [0x0-0xffffffffffffffff] addr 0x0 mask 0x34",
    );
    let windows = replay(&text).live.windows;
    assert_eq!((windows.count, windows.longest, windows.total), (2, 1_500_000, 2_500_000));
}

#[test]
fn a_trace_can_be_stopped_at_a_time() {
    let mut replay = Replay::default();
    for line in DISK.lines() {
        replay.line(line, Some(5_744_000_000));
    }
    replay.finish(Some(5_744_000_000));
    assert_eq!((replay.live.events, replay.told.later, replay.live.mapped().count()), (4, 2, 2));
}

#[test]
fn memory_does_not_grow_with_a_long_trace() {
    let mut replay = Replay::default();
    for i in 0..20_000u64 {
        let (address, time) = ((i % 512) << 12, format!("{}.{:06}", i / 1_000_000, i % 1_000_000));
        replay.line(&event(&time, &format!("dma_map_phys: d dir=TO_DEVICE dma_addr={address:x} size=4096 phys_addr={address:x} attrs=")), None);
        replay.line(
            &event(&time, &format!("dma_unmap_phys: d dir=TO_DEVICE dma_addr={address:x} size=4096 attrs=")),
            None,
        );
    }
    assert_eq!((replay.live.events, replay.live.mapped().count(), replay.live.found.len()), (40_000, 0, 0));
    assert_eq!(replay.live.most, 1);
    // And whatever the lines say, there is an end to what is kept.
    for line in [
        "x 1.5: map:",
        "1.0: dma_map_sg: d dma_addrs={,} sizes={0}",
        "9.9: io_page_fault: ",
        ": :",
        "1.000: x",
    ] {
        replay.line(line, None);
    }
}

/// What QEMU 10.0's binary prints for its trace events, of each of its IOMMUs.
const QEMU: &str = "\
virtio_iommu_attach domain=1 endpoint=24
virtio_iommu_map domain=1 virt_start=0xfffff000 virt_end=0xffffffff phys_start=0x2ebe000 flags=3
virtio_iommu_translate mr=virtio-iommu-memory-region-0-3.0 rid=24 addr=0xfffff040 flag=1
virtio_iommu_translate_out 0xfffff040 -> 0x2ebe040 for sid=24
virtio_iommu_unmap domain=1 virt_start=0xfffff000 virt_end=0xffffffff
virtio_iommu_unmap_done domain=1 virt_start=0xfffff000 virt_end=0xffffffff
virtio_iommu_report_fault FAULT reason=2 flags=258 endpoint=24 address =0xfffff080
vtd_dmar_translate dev 00:05.00 iova 0xffffe010 -> gpa 0x2fbb000 mask 0xfff
vtd_inv_desc_iotlb_pages iotlb invalidate domain 0x2 addr 0xffffe000 mask 0x0
vtd_dmar_fault sid 0x28 fault 6 addr 0xffffe010 write 0
riscv_iommu_dma iommu: translate 0000:01.0 #0 R 0x10001234 -> 0x80201234
riscv_iommu_cmd iommu: command 0x1 0x0
riscv_iommu_flt iommu: fault 0000:01.0 reason: 0xd iova: 0x10001238
smmuv3_translate_success smmuv3-iommu-memory-region-16-1 sid=0x10 iova=0xffff1000 translated=0x41230000 perm=0x3 stage=1
smmuv3_range_inval vmid=0 asid=1 addr=0xffff1000 tg=1 num_pages=0x1 ttl=3 leaf=1 stage=1
smmuv3_translate_abort smmuv3-iommu-memory-region-16-1 sid=0x10 abort on iova:0xffff1000 is_write=1
amdvi_translation_result devid: 00:06.0 gpa 0x7000 hpa 0x9000
amdvi_translation_result devid: 00:06.0 gpa 0x8000 hpa 0x0
vtd_reg_read addr 0x34 size 0x4
";

#[test]
fn qemus_own_events_are_a_trace_too() {
    let replay = replay(QEMU);
    assert_eq!(kinds(&replay), ["7 Fault", "10 Fault", "13 Fault", "16 Fault", "18 Fault"]);
    assert_eq!((replay.live.events, replay.live.accesses), (16, 5));
    let said = replay.report(Lang::En).to_string();
    for part in [
        "0000:00:03.0 is refused 0xfffff080 (write): it was unmapped",
        "on line 6: 0xfffff000 +0x1000 BIDIRECTIONAL (line 2)",
        "0000:00:05.0 is refused 0xffffe010 (read): its translation was forgotten",
        "on line 9: 0xffffe000 +0x1000, a translation first seen on line 8",
        "0000:00:01.0 is refused 0x10001238: its translation was forgotten",
        "0000:00:02.0 is refused 0xffff1000 (write): its translation was forgotten",
        "0000:00:06.0 is refused 0x8000: it was never mapped",
    ] {
        assert!(said.contains(part), "{part}\n{said}");
    }
    // With `-msg timestamp=on` the same events have times.
    let timed: String =
        QEMU.lines().enumerate().map(|(i, l)| format!("77@1700000000.{i:06}:{l}\n")).collect();
    let timed = self::replay(&timed);
    assert_eq!(kinds(&timed), kinds(&replay));
    assert!(timed.live.timed() && !replay.live.timed());
}

#[test]
fn each_event_can_be_gone_to_and_its_page_stands_still() {
    let replay = replay(DISK);
    let at = |position| replay.moment(position, Lang::En).unwrap();
    let said: Vec<_> = (0..6).map(|position| at(position).said).collect();
    assert_eq!(
        said,
        [
            "The tables get 0xfffff000 +0x1000, to physical 0x2ebe000.",
            "0000:00:05.0 gets memory for DMA at 0xfffff000 +0x200.",
            "The tables get 0xffffd000 +0x1000, to physical 0x2fbb000.",
            "0000:00:05.0 maps 0xffffd000 +0x1000, to physical 0x2fbb000, FROM_DEVICE.",
            "The tables lose 0xffffd000 +0x1000.",
            "0000:00:05.0 unmaps 0xffffd000 +0x1000, which was mapped 2 events before.",
        ]
    );
    assert_eq!(replay.moment(6, Lang::En), None);
    let lanes: Vec<_> =
        at(0).lanes.iter().map(|l| (l.owner.clone(), l.from, l.to, l.begins, l.ends)).collect();
    let (dev, tables) = ("0000:00:05.0".into(), "IOMMU tables".into());
    let want: [(String, u32, u32, bool, bool); 4] = [
        (String::clone(&dev), 1, 6, true, false),
        (dev, 3, 5, true, true),
        (String::clone(&tables), 0, 6, true, false),
        (tables, 2, 4, true, true),
    ];
    assert_eq!(lanes, want);
    // Only which lanes the present event is about differs from event to event of a page.
    let still =
        |position| at(position).lanes.into_iter().map(|l| TraceLane { now: false, ..l }).collect::<Vec<_>>();
    for position in 1..6 {
        assert_eq!(still(position), still(0));
        let now: Vec<_> = at(position).lanes.iter().map(|l| l.now).collect();
        assert_eq!(now.iter().filter(|now| **now).count(), 1, "{position} {now:?}");
    }
    assert_eq!((at(3).time, at(3).line), ("5.743790".into(), 4));
}

#[test]
fn the_events_at_which_something_is_wrong_lead_to_each_other() {
    let replay = replay(QEMU);
    // Gone to from the beginning, by the next and back by the one before.
    let mut there = Vec::new();
    let mut at = replay.moment(0, Lang::En).unwrap();
    while let Some(next) = at.wrong_after {
        at = replay.moment(next as usize, Lang::En).unwrap();
        assert_eq!(at.wrong.len(), 1);
        there.push(at.line);
    }
    assert_eq!(there, [7, 10, 13, 16, 18]);
    assert_eq!(at.wrong_before.map(|p| replay.moment(p as usize, Lang::En).unwrap().line), Some(16));
    assert!(at.scenario.is_some());
}

proptest! {
    /// What is mapped at an event is what the same trace, read to there, has mapped: for any order of maps and unmaps.
    #[test]
    fn a_moment_has_what_was_mapped_then(steps in proptest::collection::vec((0u64..3, 0u64..12, any::<bool>()), 1..900)) {
        let mut replay = Replay::default();
        let mut states = Vec::new();
        for (device, page, map) in steps {
            let device = format!("0000:00:0{device}.0");
            let address = page << 12;
            let line = if map {
                format!("dma_map_phys: {device} dir=TO_DEVICE dma_addr={address:x} size=4096 phys_addr={address:x} attrs=")
            } else {
                format!("dma_unmap_phys: {device} dir=TO_DEVICE dma_addr={address:x} size=4096 attrs=")
            };
            replay.line(event("1.000000", &line).trim_end(), None);
            let mut mapped: Vec<_> =
                replay.live.mapped().map(|(device, m)| (String::from(device), m.part.address)).collect();
            mapped.sort();
            states.push(mapped);
        }
        let history = &replay.live.history;
        prop_assert_eq!(history.passed().len(), states.len());
        for (at, want) in states.iter().enumerate() {
            // What ended at this event was there until it.
            let there = history.during(at, at + 1).filter(|span| span.end() != Some(at));
            let mut there: Vec<_> = there
                .map(|span| match span.owner {
                    history::Owner::Device(device) => (String::from(replay.live.name(device.into())), span.part().address),
                    history::Owner::Tables | history::Owner::Nobody => (String::new(), 0),
                })
                .collect();
            there.sort();
            prop_assert_eq!(&there, want, "{}", at);
        }
    }
}

/// What QEMU 10.0.2 printed (`-msg timestamp=on -trace vtd_dmar_translate,...`) while Linux 6.1 read a disk behind its intel-iommu.
const QEMU_NVME: &str = include_str!("../../../tests/data/traces/qemu-10.0-vtd-nvme.txt");

#[test]
fn a_guests_boot_under_qemu_can_be_stepped_through() {
    let replay = replay(QEMU_NVME);
    let events = QEMU_NVME.lines().count();
    assert_eq!((replay.live.events, replay.live.accesses, replay.live.found.len()), (123, 111, 0));
    for position in 0..events {
        let [en, zh] = [Lang::En, Lang::Zh].map(|lang| replay.moment(position, lang).unwrap());
        // Both languages have the same numbers, and each event is about something that is shown or ended.
        let digits = |text: &str| {
            text.chars()
                .filter(char::is_ascii_hexdigit)
                .filter(|c| !"abcdef".contains(*c))
                .collect::<String>()
        };
        assert_eq!(digits(&en.said), digits(&zh.said));
        assert!(en.lanes.len() <= 18 && en.events <= 40);
        let drawn = en.to_string();
        assert!(drawn.lines().all(|line| line.chars().count() < 160), "{drawn}");
    }
    let drawn = replay.moment(24, Lang::En).unwrap().to_string();
    assert!(drawn.starts_with("0000:00:01.0 accesses 0xffffd000: physical 0x2779000.\n"), "{drawn}");
}

/// Events of a map and an unmap as iommu-dma makes them: the tables first, then the device's own.
fn dma_map(t: u64, device: &str, iova: u64, physical: u64) -> String {
    event(&format!("1.{t:06}"), &format!("map: IOMMU: iova={iova:#x} - {:#x} paddr={physical:#x} size=4096", iova + 0x1000))
        + &event(&format!("1.{t:06}"), &format!("dma_map_phys: {device} dir=FROM_DEVICE dma_addr={iova:x} size=4096 phys_addr={physical:x} attrs="))
}

fn dma_unmap(t: u64, device: &str, iova: u64) -> String {
    event(
        &format!("1.{t:06}"),
        &format!("unmap: IOMMU: iova={iova:#x} - {:#x} size=4096 unmapped_size=4096", iova + 0x1000),
    ) + &event(
        &format!("1.{t:06}"),
        &format!("dma_unmap_phys: {device} dir=FROM_DEVICE dma_addr={iova:x} size=4096 attrs="),
    )
}

const DISK_AND_NIC: [&str; 2] = ["0000:00:05.0", "0000:00:06.0"];

#[test]
fn two_devices_with_one_address_are_two_devices() {
    let [disk, nic] = DISK_AND_NIC;
    let mut text = dma_map(1, nic, 0xffff_f000, 0x9000);
    for t in 0..600 {
        text += &dma_map(10 + t, disk, 0xffff_f000, 0x5000);
        text += &dma_unmap(10 + t, disk, 0xffff_f000);
    }
    text += &event("1.900000", &format!("io_page_fault: IOMMU:nvme {disk} iova=0xfffff080 flags=0x0001"));
    text += &event(
        "1.900001",
        &format!("dma_sync_single_for_cpu: {nic} dir=FROM_DEVICE dma_addr=fffff000 size=64"),
    );
    let replay = replay(&text);
    // The tables lost the disk's, each time; the nic has its own still.
    assert_eq!(kinds(&replay).iter().filter(|kind| kind.contains("UnderUse")).count(), 0);
    assert_eq!(replay.live.tables(), 1);
    let last = replay.last(Lang::En).unwrap();
    let marks = |owner: &str| -> Vec<(bool, u32)> {
        let lanes = last.lanes.iter().filter(|lane| lane.owner == owner);
        lanes.flat_map(|lane| lane.marks.iter().map(|mark| (mark.refused, mark.at))).collect()
    };
    // Each event has one mark, on its own device's lane: the last that was there.
    assert_eq!(marks(disk), [(true, 38)]);
    assert_eq!(marks(nic), [(false, 39)]);
    // What the disk maps at the same address does not end what the nic has.
    let early = replay.moment(5, Lang::En).unwrap();
    let tables: Vec<_> = early.lanes.iter().filter(|l| l.owner == "IOMMU tables").map(|l| l.ends).collect();
    assert_eq!(tables.first(), Some(&false), "{early}");
}

#[test]
fn a_flush_ends_the_window_of_what_it_covers() {
    let unmap = |t: u64| dma_unmap(t, DISK_AND_NIC[0], 0xffff_f000);
    for (flush, covers) in [
        ("qi_submit: iotlb_inv dmar0: 0x30012 0xfffff000 0x0 0x0", true),
        ("qi_submit: iotlb_inv dmar0: 0x10012 0x0 0x0 0x0", true),
        ("qi_submit: iotlb_inv dmar0: 0x30032 0x10000 0x0 0x0", false),
        ("qi_submit: iotlb_inv dmar0: 0x30032 0xfffff000 0x0 0x0", true),
        ("qi_submit: iec_inv dmar0: 0x4 0x0 0x0 0x0", false),
        ("qi_submit: dev_tlb_inv dmar0: 0x3 0xfffff000 0x0 0x0", false),
        ("cache_tag_flush_range: dmar0/1 type iotlb did 2 [0xfffff000-0xffffffff] addr 0xfffff000 pages 0x1 mask 0x0", true),
        ("cache_tag_flush_range: dmar0/1 type devtlb did 2 [0xfffff000-0xffffffff] addr 0xfffff000 pages 0x1 mask 0x0", false),
        ("cache_tag_flush_range: dmar0/1 type iotlb did 2 [0x1000-0x1fff] addr 0x1000 pages 0x1 mask 0x0", false),
    ] {
        let replay = replay(&(dma_map(1, DISK_AND_NIC[0], 0xffff_f000, 0x5000) + &unmap(2) + &event("1.000005", flush)));
        assert_eq!(replay.live.windows.count, u64::from(covers), "{flush}");
        let table = replay.last(Lang::En).unwrap().lanes.into_iter().find(|l| l.kind == LaneKind::Table).unwrap();
        let end = if covers { 4 } else { replay.last(Lang::En).unwrap().events };
        assert!(replay.live.history.flushes() == (table.stale > table.to), "{flush}");
        assert!(!replay.live.history.flushes() || table.stale == end, "{flush} {table:?}");
    }
}

#[test]
fn what_failed_is_not_mapped_and_what_was_joined_is_not_synchronised() {
    let dev = DISK_AND_NIC[0];
    let none = "ffffffffffffffff";
    let text = [
        format!("dma_map_phys: {dev} dir=TO_DEVICE dma_addr={none} size=4096 phys_addr=5000 attrs="),
        format!("dma_alloc: {dev} dir=BIDIRECTIONAL dma_addr=0 size=512 virt_addr=0000000000000000 flags=GFP_KERNEL attrs="),
        format!("dma_map_sg: {dev} dir=TO_DEVICE dma_addrs={{0x10000,0x{none}}} sizes={{8192,0}} phys_addrs={{0x5000,0x6000}} attrs="),
        format!("dma_sync_sg_for_device: {dev} dir=TO_DEVICE dma_addrs={{0x10000,0x{none}}} sizes={{8192,0}}"),
        format!("dma_unmap_sg: {dev} dir=TO_DEVICE phys_addrs={{0x5000,0x6000}} attrs="),
        format!("dma_unmap_sg: {dev} dir=TO_DEVICE phys_addrs={{0x9000,0xa000}} attrs="),
    ];
    let text: String = text.iter().map(|line| event("1.000000", line)).collect();
    let replay = replay(&(text + "CPU:0 [LOST 500 EVENTS]\n"));
    assert_eq!((kinds(&replay).len(), replay.live.mapped().count(), replay.live.missing), (0, 0, 500));
    assert_eq!(replay.live.before, 1);
    let last = replay.last(Lang::En).unwrap();
    assert_eq!(last.said, format!("{dev} unmaps a list, of which this trace shows no mapping."));
    assert!(replay.report(Lang::En).to_string().contains("the tracer lost 500 events"));
}

#[test]
fn a_domain_goes_with_what_it_maps() {
    let text = "\
virtio_iommu_attach domain=1 endpoint=24
virtio_iommu_map domain=1 virt_start=0xfffff000 virt_end=0xffffffff phys_start=0x2ebe000 flags=3
virtio_iommu_detach_endpoint_from_domain domain=1 endpoint=24
virtio_iommu_put_domain Free domain=1
virtio_iommu_report_fault FAULT reason=2 flags=257 endpoint=24 address =0xfffff080
virtio_iommu_map domain=1 virt_start=0xfffff000 virt_end=0xffffffff phys_start=0x2ebe000 flags=3
";
    let replay = replay(text);
    assert_eq!(kinds(&replay), ["5 Fault"]);
    assert!(replay.report(Lang::En).to_string().contains("it was unmapped 1 line before, on line 4"));
}

/// The lines of a list's map and unmap.
fn list(t: u64, addresses: &str, physical: &str) -> String {
    let sizes = addresses.split(',').map(|_| "0x1000").collect::<Vec<_>>().join(",");
    let rest = format!("dma_map_sg: 0000:00:05.0 dir=TO_DEVICE dma_addrs={{{addresses}}} sizes={{{sizes}}} phys_addrs={{{physical}}} attrs=");
    event(&format!("10.{t:06}"), &rest)
}

/// Events of a device's map and unmap, without those of tables.
fn bare_map(t: u64, at: u64, size: u64, physical: u64) -> String {
    let rest = format!("dma_map_phys: 0000:00:05.0 dir=FROM_DEVICE dma_addr={at:x} size={size} phys_addr={physical:x} attrs=");
    event(&format!("10.{t:06}"), &rest)
}

fn bare_unmap(t: u64, at: u64, size: u64) -> String {
    let rest = format!("dma_unmap_phys: 0000:00:05.0 dir=FROM_DEVICE dma_addr={at:x} size={size} attrs=");
    event(&format!("10.{t:06}"), &rest)
}

fn unlist(t: u64, direction: &str, physical: &str) -> String {
    let rest = format!("dma_unmap_sg: 0000:00:05.0 dir={direction} phys_addrs={{{physical}}} attrs=");
    event(&format!("10.{t:06}"), &rest)
}

#[test]
fn without_an_iommu_a_buffer_is_mapped_as_often_as_it_is_unmapped() {
    let map = |t| bare_map(t, 0x2fb_b000, 0x1000, 0x2fb_b000);
    let unmap = |t| bare_unmap(t, 0x2fb_b000, 0x1000);
    let twice = replay(&[map(1), map(2), unmap(3)].concat());
    assert_eq!((kinds(&twice).len(), twice.live.mapped().count()), (0, 1));
    let even = replay(&[map(1), map(2), unmap(3), unmap(4)].concat());
    assert_eq!((kinds(&even).len(), even.live.mapped().count()), (0, 0));
    // On a bus where memory has another address, or with the bit of its encryption.
    let far = |t, at: u64| bare_map(t, 0xc2fb_b000 + at, 0x1000, 0x2fb_b000 + at);
    let ends = |t, at: u64| bare_unmap(t, 0xc2fb_b000 + at, 0x1000);
    let bus = replay(&[far(1, 0), far(2, 0), far(3, 0x800), ends(4, 0), ends(5, 0), ends(6, 0x800)].concat());
    assert_eq!((kinds(&bus).len(), bus.live.mapped().count()), (0, 0));
    // An address that an IOMMU gave out is not given out twice.
    let given = [bare_map(1, 0xffff_f000, 0x1000, 0x2fb_b000), bare_map(2, 0xffff_f000, 0x1000, 0x3fb_b000)];
    assert_eq!(kinds(&replay(&given.concat())), ["2 Overlaps"]);
    let more = replay(&[map(1), map(2), unmap(3), unmap(4), unmap(5)].concat());
    assert_eq!(kinds(&more), ["5 NotMapped"]);
}

#[test]
fn a_list_is_unmapped_by_its_own_entries() {
    let two = [list(1, "0xffff0000", "0x5000"), list(2, "0xfffe0000", "0x5000")].concat();
    let both = format!("{two}{}{}", unlist(3, "TO_DEVICE", "0x5000"), unlist(4, "TO_DEVICE", "0x5000"));
    let both = replay(&both);
    assert_eq!((kinds(&both).len(), both.live.mapped().count(), both.live.before), (0, 0, 0));
    // One that has a buffer twice.
    let dup = [list(1, "0xffff0000,0xffff1000", "0x5000,0x5000"), unlist(2, "TO_DEVICE", "0x5000,0x5000")];
    let dup = replay(&dup.concat());
    assert_eq!((kinds(&dup).len(), dup.live.mapped().count()), (0, 0));
    // The same buffer is mapped by itself too, before the list and after it.
    for (first, second) in [(1, 2), (2, 1)] {
        let mut lines = [
            (first, bare_map(first, 0xfff0_0000, 0x1000, 0x5000)),
            (second, list(second, "0xffff0000", "0x5000")),
        ];
        lines.sort();
        let maps: String = lines.iter().map(|(_, line)| line.as_str()).collect();
        let (one, other) = (bare_unmap(3, 0xfff0_0000, 0x1000), unlist(4, "TO_DEVICE", "0x5000"));
        for ends in [format!("{one}{other}"), format!("{other}{one}")] {
            let got = replay(&format!("{maps}{ends}"));
            assert_eq!((kinds(&got).len(), got.live.mapped().count(), got.live.before), (0, 0, 0));
        }
    }
    // Unmapped twice, or for the other direction.
    let again =
        [list(1, "0xffff0000", "0x5000"), unlist(2, "TO_DEVICE", "0x5000"), unlist(3, "TO_DEVICE", "0x5000")];
    assert_eq!(kinds(&replay(&again.concat())), ["3 NotMapped"]);
    let other = [list(1, "0xffff0000", "0x5000"), unlist(2, "FROM_DEVICE", "0x5000")];
    assert_eq!(kinds(&replay(&other.concat())), ["2 Differs"]);
}

#[test]
fn an_address_is_of_the_mapping_that_has_it_and_not_of_the_nearest() {
    let (map, unmap) = (bare_map, bare_unmap);
    let fault = |t: u64, at: u64| {
        event(
            &format!("10.{t:06}"),
            &format!("io_page_fault: IOMMU:intel-iommu 0000:00:05.0 iova={at:#018x} flags=0x0000"),
        )
    };
    let (large, small) = (map(1, 0x1_0000, 0x1_0000, 0x1_0001_0000), map(3, 0x1_2000, 0x1000, 0x1_0001_2000));
    let cover = [
        large.clone(),
        unmap(2, 0x1_0000, 0x1_0000),
        small.clone(),
        unmap(4, 0x1_2000, 0x1000),
        fault(5, 0x1_5000),
    ];
    let stale = [small, unmap(4, 0x1_2000, 0x1000), large, unmap(6, 0x1_0000, 0x1_0000), fault(7, 0x1_2800)];
    for (lines, line) in [(cover, 2), (stale, 4)] {
        let got = replay(&lines.concat());
        let [(_, Finding::Fault { was: Was::Unmapped(mapping, when), .. })] = &got.live.found[..] else {
            panic!("{:?}", got.live.found)
        };
        assert_eq!((mapping.part.size, when.line), (0x1_0000, line));
    }
    // Without an IOMMU one buffer may be within another.
    let sync = event(
        "10.000003",
        "dma_sync_single_for_cpu: 0000:00:05.0 dir=FROM_DEVICE dma_addr=15000 size=64 attrs=",
    );
    let got =
        replay(&[map(1, 0x1_0000, 0x1_0000, 0x1_0000), map(2, 0x1_2000, 0x1000, 0x1_2000), sync].concat());
    assert_eq!(kinds(&got), [""; 0]);
}

#[test]
fn a_flush_ends_what_it_covers_whole_and_the_large_page_that_it_is_in() {
    let flush = |t: &str, range: &str| {
        event(
            t,
            &format!("cache_tag_flush_range: dmar0 dmar0[0] type iotlb did 4 [{range}] addr 0x0 mask 0x0"),
        )
    };
    let unmap = event(
        "10.000002",
        "unmap: IOMMU: iova=0x0000000000100000 - 0x0000000000110000 size=65536 unmapped_size=65536",
    );
    let got =
        replay(&[flush("10.000001", "0x0-0xfff"), unmap, flush("10.000003", "0x100000-0x100fff")].concat());
    assert_eq!(got.live.windows.count, 0);
    let mut got = got;
    got.line(flush("10.000009", "0x101000-0x10ffff").trim_end(), None);
    assert_eq!((got.live.windows.count, got.live.windows.longest), (1, 7000));
    let page = "vtd_dmar_translate dev 00:03.00 iova 0x200000 -> gpa 0x40200000 mask 0x1fffff\n\
        vtd_inv_desc_iotlb_pages iotlb invalidate pages addr 0x201000 mask 0\n\
        vtd_dmar_fault sid 0x18 fault 5 addr 0x205000 write 1\n";
    let got = replay(page);
    assert!(
        matches!(&got.live.found[..], [(_, Finding::Fault { was: Was::Unmapped(..), .. })]),
        "{:?}",
        got.live.found
    );
}

#[test]
fn a_flush_of_a_page_forgets_it_for_each_device_that_has_it_and_for_no_other() {
    let text = "vtd_dmar_translate dev 00:03.00 iova 0x200000 -> gpa 0x40200000 mask 0x1fffff\n\
        vtd_dmar_translate dev 00:04.00 iova 0x201000 -> gpa 0x50201000 mask 0xfff\n\
        vtd_dmar_translate dev 00:05.00 iova 0x200000 -> gpa 0x60200000 mask 0xfff\n\
        vtd_dmar_translate dev 00:06.00 iova 0x202000 -> gpa 0x60202000 mask 0xfff\n\
        vtd_inv_desc_iotlb_pages iotlb invalidate pages addr 0x201000 mask 0\n";
    let got = replay(text);
    let left: Vec<_> = got.live.mapped().map(|(device, m)| (device, m.part.address)).collect();
    assert_eq!(left, [("0000:00:05.0", 0x20_0000), ("0000:00:06.0", 0x20_2000)]);
}

#[test]
fn memory_that_was_allocated_is_freed_and_not_unmapped() {
    let alloc = event("10.0", "dma_alloc: 0000:00:05.0 dir=BIDIRECTIONAL dma_addr=1000 size=512 virt_addr=000000001234 flags=GFP_KERNEL attrs=");
    let end = |name: &str| {
        let rest = format!(
            "{name}: 0000:00:05.0 dir=BIDIRECTIONAL dma_addr=1000 size=512 virt_addr=000000001234 attrs="
        );
        replay(&(alloc.clone() + &event("10.1", &rest)))
    };
    assert_eq!(kinds(&end("dma_free")), [""; 0]);
    let wrong = end("dma_unmap_phys");
    assert_eq!(kinds(&wrong), ["2 Differs"]);
    let said = wrong.report(Lang::En).to_string();
    assert!(
        said.contains(
            "unmaps with size 0x200 BIDIRECTIONAL what was mapped as 0x1000 +0x200 BIDIRECTIONAL allocated"
        ),
        "{said}"
    );
}

#[test]
fn lines_that_are_not_sorted_by_time_are_said_to_be_so() {
    let lines = [bare_map(2, 0x1000, 64, 0x9000), bare_map(9, 0x3000, 64, 0x9000), bare_unmap(4, 0x1000, 64)];
    let said = |lines: &[String]| replay(&lines.concat()).report(Lang::En).to_string();
    assert!(said(&lines).contains("1 events are earlier than the one before them"), "{}", said(&lines));
    assert!(!said(&lines[..2]).contains("earlier"));
}

#[test]
fn a_kernels_line_of_a_fault_among_those_of_a_trace_is_held_against_what_was_mapped() {
    let trace = [bare_map(0, 0xffff_f000, 1500, 0x2eb_e000), bare_unmap(1000, 0xffff_f000, 1500)].concat();
    let of = |line: &str| {
        let replay = replay(&(trace.clone() + line + "\n"));
        (kinds(&replay), replay.report(Lang::En).to_string())
    };
    let unmapped = "it was unmapped 2 ms before, on line 2: 0xfffff000 +0x5dc FROM_DEVICE (line 1)";
    for (line, said) in [
        ("[   10.003000] DMAR: [DMA Write NO_PASID] Request device [00:05.0] fault addr 0xfffff000 [fault reason 0x05] PTE Write access is not set", "0xfffff000 (write)"),
        ("[   10.003000] DMAR: [DMA Read NO_PASID] Request device [0000:00:05.0] fault addr 0xfffff000 [fault reason 0x06] PTE Read access is not set", "0xfffff000 (read)"),
        ("<3>[   10.003000] nvme 0000:00:05.0: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x000a address=0xfffff040 flags=0x0030]", "0xfffff040 (write)"),
        ("[   10.003000] AMD-Vi: Event logged [IO_PAGE_FAULT device=00:05.0 domain=0x000a address=0x00000000fffff040 flags=0x0000]", "0xfffff040"),
        ("[   10.003000] arm-smmu-v3 9050000.smmuv3: event: F_TRANSLATION client: 0000:00:05.0 sid: 0x28 ssid: 0x0 iova: 0xfffff040 ipa: 0x0", "0xfffff040"),
    ] {
        let (kinds, report) = of(line);
        assert_eq!(kinds, ["3 Fault"], "{line}");
        assert!(report.contains(&format!("0000:00:05.0 is refused {said}: {unmapped}")), "{line}\n{report}");
    }
    // Without a stamp it comes after what is above it and before what is below; behind all and in front of all it is not known when.
    // Alone it is a log, and no trace.
    let bare =
        "DMAR: [DMA Write NO_PASID] Request device [00:05.0] fault addr 0xfffff000 [fault reason 0x05] x";
    let within = of(&format!("{bare}\n{}", bare_map(2000, 0x3000, 64, 0x9000))).1;
    assert!(within.contains("it was unmapped 0 us before"), "{within}");
    for text in [format!("{trace}{bare}\n"), format!("{bare}\n{trace}")] {
        let said = replay(&text).report(Lang::En).to_string();
        let line = text.lines().position(|line| line == bare).unwrap() + 1;
        let told = format!(
            "its line has no time of the trace's clock: what was mapped then is not known (line {line})"
        );
        assert!(said.contains(&told), "{said}");
    }
    assert!(replay(bare).is_empty());
    for other in [
        "DMAR: [INTR-REMAP] Request device [00:05.0] fault index 0x8 [fault reason 0x22] x",
        "arm-smmu-v3 a.smmuv3: event: C_BAD_STREAMID client: (unassigned sid) sid: 0x20 ssid: 0x0",
        "IO_PAGE_FAULT ",
    ] {
        assert_eq!(of(other).0, [""; 0], "{other}");
    }
}
