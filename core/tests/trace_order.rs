//! What the times of a log and of a trace do not say together: which of two came first, what was before the trace or after it, and what
//! the clocks are.
#![cfg(feature = "import")]

#[path = "support/trace.rs"]
mod trace;

use iommu_core::spec::Lang;
use trace::replay::replayed_until;
use trace::{event, replayed};

const DISK: &str = "0000:00:05.0";
const CARD: &str = "0000:00:06.0";
const AT: u64 = 0xffff_0000;

/// What is said of each refused access, in both languages, each in the order of the text.
fn refusals(text: &str) -> [Vec<String>; 2] {
    let replay = replayed(text);
    [(Lang::En, "is refused"), (Lang::Zh, "被拒绝")].map(|(lang, mark)| {
        let said = replay.report(lang).to_string();
        said.lines().filter(|line| line.contains(mark)).map(|line| line.trim().to_owned()).collect()
    })
}

/// What is said, in English, of a text up to a time in nanoseconds.
fn told_at(text: &str, until: u64) -> String {
    replayed_until(text, Some(until)).report(Lang::En).to_string()
}

/// What is said of the only refused access.
fn refusal(text: &str) -> String {
    let [en, zh] = refusals(text);
    assert_eq!((en.len(), zh.len()), (1, 1), "{en:?} {zh:?}");
    en[0].clone()
}

fn map(device: &str) -> String {
    format!("dma_map_phys: {device} dir=FROM_DEVICE dma_addr={AT:x} size=4096 phys_addr=2fbb000 attrs=")
}

fn unmap(device: &str) -> String {
    format!("dma_unmap_phys: {device} dir=FROM_DEVICE dma_addr={AT:x} size=4096 attrs=")
}

fn table(name: &str, at: u64, size: u64) -> String {
    let end = at + size;
    match name {
        "map" => format!("map: IOMMU: iova={at:#018x} - {end:#018x} paddr=0x0000000002ebe000 size={size}"),
        _ => format!("unmap: IOMMU: iova={at:#018x} - {end:#018x} size={size} unmapped_size={size}"),
    }
}

fn log(time: &str, device: &str, at: u64) -> String {
    format!("[{time}] DMAR: [DMA Write NO_PASID] Request device [{device}] fault addr {at:#x} [fault reason 0x05] PTE Write access is not set\n")
}

fn refused(time: u32) -> String {
    log(&format!("   10.{time:06}"), "00:05.0", AT)
}

#[test]
fn of_events_within_a_microsecond_of_a_logs_line_no_order_is_told() {
    let line = |time: &str, what: &str| format!("k-1 [000] ..... 10.{time}: {what}\n");
    let near = "is within 1 us of it: which came first, the times do not say";
    let around = |map_at: &str, unmap_at: &str| line(map_at, &map(DISK)) + &line(unmap_at, &unmap(DISK));
    for (map_at, unmap_at, number) in [
        // Nanoseconds against what printk cuts off.
        ("000020200", "000030000", Some(1)),
        ("000020999", "000030000", Some(1)),
        ("000010000", "000020700", Some(2)),
        ("000021001", "000030000", None),
        ("000010000", "000019999", None),
        // Microseconds that the tracer rounds.
        ("000010", "000021", Some(2)),
        ("000021", "000030", Some(1)),
        ("000010", "000022", None),
        ("000010", "000019", None),
    ] {
        let events = around(map_at, unmap_at);
        // In front, behind.
        for (text, above) in [(refused(20) + &events, 1), (events.clone() + &refused(20), 0)] {
            let told = refusal(&text);
            match number {
                Some(number) => {
                    assert!(told.contains(&format!("line {} {near}", number + above)), "{text}{told}")
                }
                None => assert!(!told.contains("which came first"), "{text}{told}"),
            }
        }
    }
}

#[test]
fn what_was_before_a_trace_or_long_after_it_is_not_known() {
    let events = event(10, &map(DISK)) + &event(20, &unmap(DISK));
    let told = refusal(&(log("    9.000000", "00:05.0", AT) + &events));
    assert!(
        told.contains("the trace begins 1000 ms later, on line 2: what was mapped then is not known"),
        "{told}"
    );
    for text in
        [log(" 3610.000004", "00:05.0", AT) + &events, events.clone() + &log(" 3610.000004", "00:05.0", AT)]
    {
        let told = refusal(&text);
        assert!(told.contains("the trace has its last event 3599 s before, on line"), "{told}");
        let said = replayed(&text).report(Lang::En).to_string();
        assert!(said.contains("3 events from 10.000010 s to 10.000020 s"), "{said}");
    }
    // Soon after its end a trace still tells.
    let told = refusal(&(events + &refused(900)));
    assert!(told.contains("it was unmapped 880 us before, on line 2"), "{told}");
    // An unmap alone: before it it was mapped as far back as the trace goes.
    let late = event(1, &map(CARD)) + &event(20, &unmap(DISK));
    assert!(refusal(&(refused(10) + &late)).contains("it is mapped: unmapped 10 us later"));
    assert!(refusal(&(log("    1.000000", "00:05.0", AT) + &late)).contains("the trace begins"));
}

#[test]
fn times_of_two_clocks_are_held_against_nothing() {
    let ticks = |time: u64, what: &str| format!("k-1 [000] ..... {time}: {what}\n");
    let events = ticks(10, &map(DISK)) + &ticks(22, &unmap(DISK));
    for text in [refused(20) + &events, events.clone() + &refused(20)] {
        let told = refusal(&text);
        assert!(told.contains("its line has no time of the trace's clock"), "{told}");
        let said = replayed(&text).report(Lang::En).to_string();
        assert!(said.contains("3 events; their clock counts without a unit"), "{said}");
    }
    // Among the events the place of the line says it.
    let told = refusal(&(events.clone() + &refused(20) + &ticks(30, &map(DISK))));
    assert!(told.contains("it was unmapped 1 line before, on line 2"), "{told}");
    // Seconds since 1970 against those since a start, either way.
    let since = |time: &str, what: &str| format!("k-1 [000] ..... {time}: {what}\n");
    let epoch = since("1700000000.000001", &map(DISK)) + &since("1700000000.000009", &unmap(DISK));
    for text in [refused(20) + &epoch, epoch.clone() + &refused(20)] {
        let told = refusal(&text);
        assert!(told.contains("its time and the trace's are of two clocks"), "{told}");
        let said = replayed(&text).report(Lang::En).to_string();
        assert!(said.contains("from 1700000000.000001 s to 1700000000.000009 s"), "{said}");
    }
}

#[test]
fn of_devices_with_one_address_the_unmap_that_follows_says_whose_tables_lost_it() {
    let both = event(1, &table("map", AT, 4096))
        + &event(2, &map(DISK))
        + &event(3, &table("map", AT, 4096))
        + &event(4, &map(CARD))
        + &event(10, &table("unmap", AT, 4096));
    let lost = "the tables had lost its page 5 us before, on line 5";
    for (next, expected) in [
        (event(30, &unmap(DISK)), lost),
        (event(30, &unmap(CARD)), "it is mapped: 0xffff0000 +0x1000 FROM_DEVICE (line 2)"),
        (String::new(), "whether the tables still had it is not known: those of one of the devices that have this address lost it 5 us before, on line 5"),
    ] {
        for text in [both.clone() + &refused(15) + &next, both.clone() + &next + &refused(15)] {
            let told = refusal(&text);
            assert!(told.contains(expected), "{text}{told}");
        }
    }
    let after = both.clone() + &event(12, &table("unmap", AT, 4096)) + &refused(15);
    assert!(refusal(&after).contains("the tables had lost its page"), "{}", refusal(&after));
    // Whose unmap it was is over for the other.
    let told = refusal(&(both + &event(11, &unmap(CARD)) + &refused(15)));
    assert!(told.contains("it is mapped"), "{told}");
}

#[test]
fn what_tables_have_besides_what_a_device_maps_is_found_whatever_else_the_device_did() {
    let (first, size) = (0x8000_0000, 1 << 30);
    let text = event(1, &table("map", first, size))
        + &event(2, &map(DISK))
        + &log("   10.000005", "00:05.0", first + 0x123_4000)
        + &event(10, &table("unmap", first, size))
        + &log("   10.000015", "00:05.0", first + 0x123_4000);
    let [told, _] = refusals(&text);
    assert!(told[0].contains("tables have it: 0x80000000 +0x40000000 (line 1)"), "{told:?}");
    assert!(told[1].contains("tables lost it 5 us before, on line 4"), "{told:?}");
    // What they have for a mapping of another device is that device's.
    let text = event(1, &table("map", AT, 4096))
        + &event(2, &map(CARD))
        + &event(3, &map(DISK).replace("ffff0000", "1000"))
        + &refused(5);
    assert!(refusal(&text).contains("it was never mapped in this trace"), "{}", refusal(&text));
    // What they got again before the device's own map.
    let text =
        event(1, &map(DISK)) + &event(2, &unmap(DISK)) + &event(10, &table("map", AT, 4096)) + &refused(15);
    assert!(refusal(&text).contains("tables have it: 0xffff0000 +0x1000 (line 3)"), "{}", refusal(&text));
}

#[test]
fn a_units_own_name_is_no_devices_and_entry_0_of_a_pasid_table_no_process() {
    let events = event(1, &map("fe800000.usb"));
    for line in [
        "exynos-sysmmu 14650000.sysmmu: 14650000.sysmmu: [WRITE] PAGE FAULT occurred at 0xffff0000",
        "omap-iommu 58882000.mmu: 58882000.mmu: errs:0x00000002 da:0xffff0000 pgd:0x(ptrval) *pgd:px00000000",
    ] {
        let told = refusal(&format!("{events}[   10.000005] {line}\n"));
        assert!(told.starts_with("a device that the line does not name is refused"), "{told}");
    }
    let line = |pasid: &str| {
        let text = event(1, &map(DISK)) + &refused(15).replace("NO_PASID", pasid);
        refusal(&text)
    };
    assert!(line("PASID 0x0").contains("it is mapped"), "{}", line("PASID 0x0"));
    assert!(line("PASID 0x5").contains("goes through a process's tables"));
}

#[test]
fn a_message_of_several_lines_is_read_to_its_end_behind_the_time_that_is_asked_for() {
    let part = |time: &str, rest: &str| format!("[   {time}] arm-smmu-v3 arm-smmu-v3.1.auto: {rest}\n");
    let event = |time: &str, rest: &str| format!("k-1 [000] ..... {time}: {rest}\n");
    let map = "dma_map_phys: 0000:03:00.0 dir=TO_DEVICE dma_addr=fffe0000 size=4096 phys_addr=7000 attrs=";
    let unmap = "dma_unmap_phys: 0000:03:00.0 dir=TO_DEVICE dma_addr=fffe0000 size=4096 attrs=";
    let text = event("20.000010", map)
        + &part("20.000020", "event 0x10 received:")
        + &part("20.000020", " 0x0000030000000010")
        + &event("20.000040", unmap)
        + &part("20.000041", " 0x0000020000000000")
        + &part("20.000041", " 0x00000000fffe0100")
        + &part("20.000042", " 0x0000000000000000")
        + &part(
            "20.000042",
            "event: F_TRANSLATION client: 0000:03:00.0 sid: 0x300 ssid: 0x0 iova: 0xfffe0100 ipa: 0x0",
        )
        + &part("20.000043", "unpriv data write s1 \"Input address caused fault\" stag: 0x0");
    let said = told_at(&text, 20_000_030_000);
    assert!(
        said.contains(
            "0000:03:00.0 is refused 0xfffe0100 (write): it is mapped for the other direction only"
        ),
        "{said}"
    );
    assert!(said.contains("1 more are later than the time asked for"), "{said}");
}

#[test]
fn a_line_without_a_time_below_a_later_event_is_later_too() {
    let fault = "DMAR: [DMA Read NO_PASID] Request device [03:00.0] fault addr 0xfffe0000 [fault reason 0x06] PTE Read access is not set\n";
    let event = |time: &str| {
        format!("k-1 [000] ..... {time}: dma_map_phys: 0000:03:00.0 dir=TO_DEVICE dma_addr=fffe0000 size=4096 phys_addr=7000 attrs=\n")
    };
    for (text, there) in [
        (event("20.000010") + fault + &event("20.000060"), true),
        (event("20.000010") + &event("20.000060") + fault, false),
    ] {
        let said = told_at(&text, 20_000_030_000);
        assert_eq!(said.contains("is refused"), there, "{said}");
    }
}
