//! What the report of a trace must not leave unsaid: where it stopped, what was cut, what was not understood, clocks without a unit.

#[path = "support/replay.rs"]
mod replay;

use iommu_core::import::trace::{Replay, LONGEST};
use iommu_core::spec::Lang;
use replay::replayed_until;
use std::fmt::Write;

fn replay(text: &str) -> Replay {
    replayed_until(text, None)
}

fn said(replay: &Replay) -> [String; 2] {
    [Lang::En, Lang::Zh].map(|lang| replay.report(lang).to_string())
}

fn event(time: &str, rest: &str) -> String {
    format!("dd-1 [000] ..... {time}: {rest}\n")
}

const MAP: &str =
    "dma_map_phys: 0000:00:05.0 dir=FROM_DEVICE dma_addr=f1000000 size=4096 phys_addr=2fbb000 attrs=";
const UNMAP: &str = "dma_unmap_phys: 0000:00:05.0 dir=FROM_DEVICE dma_addr=f1000000 size=4096 attrs=";

#[test]
fn a_reading_that_was_stopped_says_at_which_event_and_how_far_it_was() {
    let mut replay = replay(&(event("1.000000", MAP) + &event("1.000001", UNMAP)));
    assert!(!said(&replay)[0].contains("stopped"));
    replay.stopped(500, 2000);
    let [en, zh] = said(&replay);
    assert!(en.contains("stopped at event 2 of about 8"), "{en}");
    assert!(zh.contains("读到第 2 个事件时停止，全部约 8 个"), "{zh}");
}

#[test]
fn what_comes_after_the_time_that_was_asked_for_is_said_not_to_count() {
    let mut replay = Replay::default();
    for line in [event("1.000000", MAP), event("2.000000", UNMAP)] {
        replay.line(line.trim_end(), Some(1_500_000_000));
    }
    let [en, zh] = said(&replay);
    assert!(en.contains("stopped at event 1: 1 more are later than the time asked for"), "{en}");
    assert!(zh.contains("到第 1 个事件为止：另有 1 个晚于所问的时间"), "{zh}");
}

#[test]
fn a_list_of_thousands_of_entries_is_read_whole_and_a_line_that_is_longer_yet_is_said() {
    let list = |count: u64| {
        let mut all = [String::new(), String::new(), String::new()];
        for i in 0..count {
            for (text, value) in all.iter_mut().zip([
                format!("0x{:x}", 0x1_0000_0000u64 + i * 0x2000),
                "0x1000".into(),
                format!("0x{:x}", i << 12),
            ]) {
                let _ = write!(text, "{}{value}", if i == 0 { "" } else { "," });
            }
        }
        let [dma, sizes, phys] = all;
        event("1.000000", &format!("dma_map_sg: 0000:00:05.0 dir=TO_DEVICE dma_addrs={{{dma}}} sizes={{{sizes}}} phys_addrs={{{phys}}} attrs="))
    };
    let text = list(4500);
    assert!(text.len() > 64 << 10);
    let [en, _] = said(&replay(&text));
    assert!(en.contains("0000:00:05.0: 4500, 18432000 bytes"), "{}", &en[..en.len().min(900)]);
    let mut long = list(1);
    long.insert_str(0, &"x".repeat(LONGEST));
    let [en, zh] = said(&replay(&(event("1.000000", MAP) + &long)));
    assert!(en.contains("1 lines are longer than 1024 KiB"), "{en}");
    assert!(zh.contains("1 行超过 1024 KiB"), "{zh}");
}

#[test]
fn a_clock_that_counts_is_read_and_said_to_have_no_unit() {
    for clock in ["1234", "1182350954521"] {
        let text = event(clock, MAP) + &event("2182350954599", UNMAP) + &event("2182350954600", UNMAP);
        let [en, zh] = said(&replay(&text));
        assert!(en.contains("3 events; their clock counts without a unit"), "{en}");
        assert!(zh.contains("3 个事件；时钟只计数，没有单位"), "{zh}");
        assert!(en.contains("twice: it was unmapped 1 line before, on line 2"), "{en}");
    }
    // A number with a colon before the time is no time.
    let [en, _] = said(&replay("kworker/0:1 17: [000] 5.743790: dma_alloc: 0000:00:05.0 dir=BIDIRECTIONAL dma_addr=fffff000 size=512 virt_addr=1 flags=GFP_KERNEL attrs=\n"));
    assert!(en.contains("from 5.743790 s"), "{en}");
}

#[test]
fn a_sync_that_goes_past_the_mapping_or_the_other_way_is_told() {
    let sync = |dir: &str, at: &str, size: u32| {
        format!("dma_sync_single_for_cpu: 0000:00:05.0 dir={dir} dma_addr={at} size={size} attrs=")
    };
    let text = event("1.0", MAP)
        + &event("1.1", &sync("FROM_DEVICE", "f1000800", 2048))
        + &event("1.2", &sync("FROM_DEVICE", "f1000800", 4096))
        + &event("1.3", &sync("TO_DEVICE", "f1000000", 64));
    let [en, zh] = said(&replay(&text));
    let wrong: Vec<&str> = en.lines().filter(|line| line.contains("synchronises")).collect();
    assert_eq!(wrong.len(), 2, "{en}");
    assert!(wrong[0].contains("0xf1000800 +0x1000, 0x800 bytes past the end of 0xf1000000 +0x1000"), "{en}");
    assert!(wrong[1].contains("0xf1000000 +0x40 TO_DEVICE, which is mapped for another direction"), "{en}");
    assert!(zh.contains("超出映射末尾 0x800 字节") && zh.contains("方向为 TO_DEVICE"), "{zh}");
}

#[test]
fn lines_of_events_that_are_not_understood_are_listed() {
    let text = event("1.0", MAP)
        + &event("1.1", "dma_map_folio: 0000:00:05.0 dma_addr=f2000000 size=4096")
        + &event("1.2", "dma_map_sg: 0000:00:05.0 dir=TO_DEVICE dma_addrs={0xf0000000[LINE TOO BIG]")
        + &event("1.3", "dma_unmap_phys: 0000:00:05.0 dir=FROM_DEVICE")
        // Events that are known to be none of a mapping are no trouble.
        + &event("1.4", "dma_fence_emit: driver=i915 timeline=x context=1 seqno=2")
        + &event("1.5", "dma_alloc: 0000:00:05.0 dir=BIDIRECTIONAL dma_addr=0 size=512 virt_addr=(null) flags=GFP_KERNEL attrs=")
        + "sched_switch: something\n";
    let [en, zh] = said(&replay(&text));
    assert!(en.contains("\nNot understood\n") && zh.contains("\n无法识别\n"), "{en}{zh}");
    let at = |text: &str, line: u32| {
        text.lines().any(|l| l.contains("dma_") && l.ends_with(&format!("(line {line})")))
    };
    assert!(at(&en, 2) && at(&en, 3) && at(&en, 4), "{en}");
    assert!(!at(&en, 5) && !at(&en, 6), "{en}");
}

#[test]
fn of_a_list_that_the_kernel_cut_what_is_beyond_is_not_called_unmapped() {
    let text = event("1.0", "dma_map_sg: 0000:00:05.0 dir=TO_DEVICE nents=128/600 ents=128/600 [TRUNCATED] dma_addrs={0xf0000000,0xf0001000} sizes={0x1000,0x1000} phys_addrs={0x1000,0x2000} attrs=")
        + &event("1.1", "dma_sync_single_for_device: 0000:00:05.0 dir=TO_DEVICE dma_addr=f0100000 size=4096 attrs=")
        + &event("1.2", "dma_sync_single_for_device: 0000:00:06.0 dir=TO_DEVICE dma_addr=f0100000 size=4096 attrs=");
    let [en, zh] = said(&replay(&text));
    assert!(en.contains("1 lists are cut by the kernel ([TRUNCATED])"), "{en}");
    assert!(zh.contains("1 个列表被内核截断（[TRUNCATED]）"), "{zh}");
    assert!(!en.contains("0000:00:05.0 synchronises") && en.contains("0000:00:06.0 synchronises"), "{en}");
}

#[test]
fn what_trace_cmd_dropped_counts_as_lost() {
    let text =
        event("1.0", MAP) + "CPU:0 [55 EVENTS DROPPED]\nCPU:1 [EVENTS DROPPED]\nCPU:2 [LOST 4 EVENTS]\n";
    let [en, zh] = said(&replay(&text));
    assert!(en.contains("the tracer lost 60 events"), "{en}");
    assert!(zh.contains("跟踪器丢失了 60 个事件"), "{zh}");
}

#[test]
fn a_fault_that_the_console_event_has_is_at_its_own_time_or_at_that_events() {
    let fault = "DMAR: [DMA Write NO_PASID] Request device [00:05.0] fault addr 0xf1000000 [fault reason 0x05] PTE Write access is not set";
    // A console is flushed later than the line was said; a stamp that is far from it is of another clock.
    for (stamp, time, was) in [
        ("", "10.000050", "unmapped 10 us before"),
        ("[   10.000030] ", "10.000030", "it is mapped"),
        ("[   10.000060] ", "10.000050", "unmapped 10 us before"),
        ("[  710.000030] ", "10.000050", "unmapped 10 us before"),
    ] {
        let text = event("10.000001", MAP)
            + &event("10.000040", UNMAP)
            + &event("10.000050", &format!("console: {stamp}{fault}"));
        let [en, _] = said(&replay(&text));
        let line = en.lines().find(|line| line.contains("is refused 0xf1000000"));
        assert!(line.is_some_and(|line| line.contains(time) && line.contains(was)), "{stamp}{en}");
    }
}

#[test]
fn up_to_a_time_counts_what_a_log_behind_has_and_no_event_that_is_later() {
    for text in [[FAULTS, AROUND].concat(), [AROUND, FAULTS].concat()] {
        let replay = replayed_until(&text, Some(10_000_160_000));
        let [en, zh] = said(&replay);
        assert_eq!(en.matches("is refused").count(), 1, "{en}");
        assert!(en.contains("stopped at event 2: 4 more are later"), "{en}");
        assert!(zh.contains("到第 2 个事件为止：另有 4 个晚于所问的时间"), "{zh}");
    }
    // A line without a time is held against what stands around it; below an event that is later it is later.
    let bare = "DMAR: [DMA Write NO_PASID] Request device [02:00.0] fault addr 0xffff0000 [fault reason 0x05] PTE Write access is not set\n";
    let mut lines: Vec<&str> = AROUND.split_inclusive('\n').collect();
    for (at, later, refused) in [(1, 2, 1), (3, 3, 0)] {
        lines.insert(at, bare);
        let [en, _] = said(&replayed_until(&lines.concat(), Some(10_000_160_000)));
        assert_eq!(en.matches("it is mapped for the other direction only").count(), refused, "{en}");
        assert_eq!(en.matches("is refused").count(), refused, "{en}");
        assert!(en.contains(&format!("{later} more are later")), "{en}");
        lines.remove(at);
    }
}

#[test]
fn what_the_tracer_had_overwritten_is_said() {
    let text = "# entries-in-buffer/entries-written: 2/250280   #P:4\n".to_owned() + &event("1.0", MAP);
    let [en, zh] = said(&replay(&text));
    assert!(en.contains("had overwritten 250278 older events: the trace begins behind them"), "{en}");
    assert!(zh.contains("已覆盖 250278 个更早的事件"), "{zh}");
    let [en, zh] = said(&replay(&(text + "##### CPU 2 buffer started ####\n" + &event("1.1", UNMAP))));
    assert!(en.contains("those of 1 CPUs begin only within the trace (the last on line 3)"), "{en}");
    assert!(zh.contains("1 个 CPU 的事件在跟踪中途才开始（最后一个在第 3 行）"), "{zh}");
    let [en, _] =
        said(&replay(&("# entries-in-buffer/entries-written: 2/2   #P:4\n".to_owned() + &event("1.0", MAP))));
    assert!(!en.contains("overwritten"), "{en}");
}

#[test]
fn fields_that_trace_cmd_prints_as_they_are_are_read() {
    let raw = "[FAILED TO PARSE] device=0000:00:05.0 phys_addr=0x2ebe000 dma_addr=4294963200 size=1500 dir=2 attrs=0";
    let text = event("1.0", &format!("dma_map_phys: {raw}"))
        + &event("1.1", "map: iova=4294963200 paddr=49012736 size=4096")
        + &event("1.2", "dma_map_phys: device=0000:00:05.0 phys_addr=0x1 dma_addr=0xffffe000 size=64 dir=0x1 attrs=0x0")
        // Arrays are printed byte by byte, as many as fit.
        + &event("1.3", "dma_unmap_sg: [FAILED TO PARSE] device=0000:00:05.0 addrs=ARRAY[00, 10, 00, 00] dir=2 attrs=0");
    let [en, _] = said(&replay(&text));
    for mapping in ["0xfffff000 +0x5dc FROM_DEVICE (line 1)", "0xffffe000 +0x40 TO_DEVICE (line 3)"] {
        assert!(en.contains(mapping), "{mapping}\n{en}");
    }
    assert!(en.contains("0000:00:05.0: 2, 1564 bytes") && en.contains("1 ranges are in the tables"), "{en}");
    assert!(en.contains("Not understood") && en.contains("(line 4)"), "{en}");
}

#[test]
fn how_often_perf_says_an_event_stands_for_is_passed_over() {
    let text = event("1.0", MAP) + &event("1.1", &format!("         1 dma:{UNMAP}"));
    let [en, _] = said(&replay(&text));
    assert!(en.contains("2 events") && !en.contains("Still mapped"), "{en}");
}

#[test]
fn a_direction_that_is_none_is_told_as_that() {
    let [en, _] = said(&replay(&event("1.0", &MAP.replace("FROM_DEVICE", "NONE"))));
    assert!(en.contains("0xf1000000 +0x1000 NONE (line 1)"), "{en}");
}

const TWO_LISTS: &str = "\
k-1 [000] ..... 10.020001: dma_map_sg: 0000:00:17.0 dir=TO_DEVICE dma_addrs={0xffff0000,0xfffe0000} sizes={0x1000,0x1000} phys_addrs={0x1000,0x5000} attrs=
k-1 [000] ..... 10.020002: dma_map_sg: 0000:00:17.0 dir=TO_DEVICE dma_addrs={0xfffd0000,0xfffc0000} sizes={0x1000,0x1000} phys_addrs={0x1000,0x5000} attrs=
";
const TABLES_LOSE_THE_FIRST: &str = "\
k-1 [000] ..... 10.030001: unmap: IOMMU: iova=0x00000000ffff0000 - 0x00000000ffff1000 size=4096 unmapped_size=4096
k-1 [000] ..... 10.030001: unmap: IOMMU: iova=0x00000000fffe0000 - 0x00000000fffe1000 size=4096 unmapped_size=4096
";
const ONE_IS_UNMAPPED: &str = "\
k-1 [000] ..... 10.030003: dma_unmap_sg: 0000:00:17.0 dir=TO_DEVICE phys_addrs={0x1000,0x5000} attrs=
k-1 [000] ..... 10.030004: dma_sync_single_for_cpu: 0000:00:17.0 dir=TO_DEVICE dma_addr=fffd0000 size=4096 attrs=
k-1 [000] ..... 10.030006: dma_map_sg: 0000:00:17.0 dir=TO_DEVICE dma_addrs={0xffff0000} sizes={0x1000} phys_addrs={0x8000} attrs=
k-1 [000] ..... 10.040003: dma_unmap_sg: 0000:00:17.0 dir=TO_DEVICE phys_addrs={0x1000,0x5000} attrs=
";

#[test]
fn of_two_lists_with_the_same_pages_the_tables_say_which_was_unmapped_or_that_it_is_not_known_is_said() {
    let known = said(&replay(&[TWO_LISTS, TABLES_LOSE_THE_FIRST, ONE_IS_UNMAPPED].concat()));
    for wrong in ["synchronises", "over", "fit several lists"] {
        assert!(!known[0].contains(wrong), "{wrong}: {}", known[0]);
    }
    let [en, zh] = said(&replay(&[TWO_LISTS, ONE_IS_UNMAPPED].concat()));
    assert!(en.contains("1 unmaps of lists fit several lists"), "{en}");
    assert!(zh.contains("1 次列表解除映射与多个含相同页面的列表都相符"), "{zh}");
    // The direction tells too.
    let other = TWO_LISTS.replacen("dir=TO_DEVICE", "dir=FROM_DEVICE", 1);
    let unmap = "k-1 [000] ..... 10.030003: dma_unmap_sg: 0000:00:17.0 dir=FROM_DEVICE phys_addrs={0x1000,0x5000} attrs=\n";
    let [en, _] = said(&replay(&[&other, unmap].concat()));
    assert!(!en.contains("fit several lists") && !en.contains("FROM_DEVICE, "), "{en}");
}

const FAULTS: &str = "\
[   10.000150] DMAR: DRHD: handling fault status reg 2
[   10.000151] DMAR: [DMA Write NO_PASID] Request device [02:00.0] fault addr 0xffff0000 [fault reason 0x05] PTE Write access is not set
[   10.000250] DMAR: [DMA Read NO_PASID] Request device [02:00.0] fault addr 0xffff0000 [fault reason 0x06] PTE Read access is not set
[   10.000400] DMAR: [DMA Read NO_PASID] Request device [02:00.0] fault addr 0xfff00000 [fault reason 0x06] PTE Read access is not set
";
const AROUND: &str = "\
k-1 [000] ..... 10.000001: dma_map_phys: 0000:02:00.0 dir=TO_DEVICE dma_addr=ffff0000 size=4096 phys_addr=2ebe000 attrs=
k-1 [000] ..... 10.000201: dma_unmap_phys: 0000:02:00.0 dir=TO_DEVICE dma_addr=ffff0000 size=4096 attrs=
k-1 [000] ..... 10.000310: dma_map_phys: 0000:02:00.0 dir=TO_DEVICE dma_addr=ffff0000 size=4096 phys_addr=2ebe000 attrs=
";

#[test]
fn faults_of_a_log_before_or_behind_the_trace_are_held_against_what_was_mapped_at_their_time() {
    for (text, unmap) in [([FAULTS, AROUND].concat(), 6), ([AROUND, FAULTS].concat(), 2)] {
        let [en, _] = said(&replay(&text));
        let refused: Vec<&str> = en.lines().filter(|line| line.contains("refused")).collect();
        assert_eq!(refused.len(), 3, "{en}");
        let at = |time: &str| refused.iter().find(|line| line.contains(time)).copied().unwrap_or("");
        assert!(at("10.000151").contains("TO_DEVICE"), "{en}");
        assert!(
            at("10.000250").contains("49 us") && at("10.000250").contains(&format!("line {unmap}")),
            "{en}"
        );
        assert!(at("10.000400").contains("never mapped") || at("10.000400").contains("not mapped"), "{en}");
    }
    // Alone they are a log, and up to a time only what is not later counts.
    assert!(replay(FAULTS).is_empty());
    let early = replayed_until(&[FAULTS, AROUND].concat(), Some(10_000_399_000));
    assert_eq!(said(&early)[0].matches("is refused").count(), 2);
}

#[test]
fn many_lists_of_one_page_and_flushes_that_cover_nothing_take_no_longer_with_each() {
    let (count, entries) = (300, 100);
    let mut text = String::new();
    for list in 0..count {
        let all = |of: &dyn Fn(u64) -> String| (0..entries).map(of).collect::<Vec<_>>().join(",");
        let dma = all(&|i| format!("{:#x}", 0x1_0000_0000u64 + ((list * entries + i) << 13)));
        let (sizes, phys) = (all(&|_| "0x1000".into()), all(&|_| "0x5000".into()));
        text += &event("1.000000", &format!("dma_map_sg: 0000:00:05.0 dir=TO_DEVICE dma_addrs={{{dma}}} sizes={{{sizes}}} phys_addrs={{{phys}}} attrs="));
    }
    let phys = vec!["0x5000"; entries as usize].join(",");
    for _ in 0..count {
        text += &event(
            "2.000000",
            &format!("dma_unmap_sg: 0000:00:05.0 dir=TO_DEVICE phys_addrs={{{phys}}} attrs="),
        );
    }
    let [en, _] = said(&replay(&text));
    assert!(!en.lines().any(|line| line.trim_start().starts_with("0000:00:05.0: ")), "{en}");
    assert!(en.contains(&format!("{} unmaps of lists fit several", count - 1)), "{en}");
}

#[test]
fn a_second_unmap_of_a_list_has_the_sizes_that_the_first_had() {
    let list =
        |rest: &str| event("1.000000", &format!("dma_map_sg: 0000:00:05.0 dir=TO_DEVICE {rest} attrs="));
    let unmap = "dma_unmap_sg: 0000:00:05.0 dir=TO_DEVICE phys_addrs={0x5000,0x9000} attrs=";
    let text = list("dma_addrs={0x10000,0x20000} sizes={0x2000,0x1000} phys_addrs={0x5000,0x9000}")
        + &event("1.000001", unmap)
        + &event("1.000002", unmap);
    let [en, _] = said(&replay(&text));
    assert!(
        en.contains("unmaps 0x10000 +0x2000 twice") && en.contains("unmaps 0x20000 +0x1000 twice"),
        "{en}"
    );
}

#[test]
fn tables_that_lose_a_whole_large_page_have_lost_it() {
    let map =
        "map: IOMMU: iova=0x0000000000000000 - 0x0000000000200000 paddr=0x0000000002e00000 size=2097152";
    let unmap = |done: u64| {
        format!("unmap: IOMMU: iova=0x0000000000001000 - 0x0000000000002000 size=4096 unmapped_size={done}")
    };
    let of = |done| said(&replay(&(event("1.000000", map) + &event("1.000001", &unmap(done)))));
    let [en, zh] = of(2_097_152);
    assert!(!en.contains("1 ranges are in the tables"), "{en}");
    assert!(en.contains("for 0x1000 +0x1000 the tables lost 0x200000 bytes"), "{en}");
    assert!(zh.contains("整个大页"), "{zh}");
    let [en, _] = of(0);
    assert!(en.contains("1 ranges are in the tables") && en.contains("lost only 0x0"), "{en}");
    let [en, _] = of(4096);
    assert!(!en.contains("the tables lost"), "{en}");
}
