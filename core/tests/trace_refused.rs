//! What a replay says of a refused access, and what it may not say.
#![cfg(feature = "import")]

#[path = "support/trace.rs"]
mod trace;

use iommu_core::spec::Lang;
use trace::{event, replayed};

fn said(text: &str) -> String {
    let replay = replayed(text);
    let zh = replay.report(Lang::Zh).to_string();
    // Each sentence has its Chinese: none of English is left in it.
    for word in ["refused", "mapped", "tables", "trace"] {
        assert!(!zh.contains(word), "{zh}");
    }
    replay.report(Lang::En).to_string()
}

/// What is said of each refused access, in the order of the text: what stands behind the first colon and a space.
fn refusals(text: &str) -> Vec<String> {
    let said = said(text);
    let lines = said.lines().filter(|line| line.contains(" is refused "));
    lines.map(|line| line.trim().to_owned()).collect()
}

fn map(time: u32, at: u64, size: u32) -> String {
    let rest =
        format!("dma_map_phys: {DISK} dir=FROM_DEVICE dma_addr={at:x} size={size} phys_addr=2fbb000 attrs=");
    event(time, &rest)
}

fn unmap(time: u32, at: u64, size: u32) -> String {
    event(time, &format!("dma_unmap_phys: {DISK} dir=FROM_DEVICE dma_addr={at:x} size={size} attrs="))
}

fn table(time: u32, name: &str, at: u64, size: u64) -> String {
    let rest = if name == "map" { "paddr=0x2ebe000".into() } else { format!("unmapped_size={size}") };
    let end = at + size;
    match name {
        "map" => event(time, &format!("map: IOMMU: iova={at:#x} - {end:#x} {rest} size={size}")),
        _ => event(time, &format!("unmap: IOMMU: iova={at:#x} - {end:#x} size={size} {rest}")),
    }
}

fn write(time: u32, device: &str, at: u64) -> String {
    format!("[   10.{time:06}] DMAR: [DMA Write NO_PASID] Request device [{device}] fault addr {at:#x} [fault reason 0x05] PTE Write access is not set\n")
}

const DISK: &str = "0000:00:05.0";

#[test]
fn an_address_that_no_device_sent_is_held_against_nothing() {
    for line in [
        "[PAGE_TAB_HARDWARE_ERROR device=00:05.0 pasid=0x0000 address=0xffff0040 flags=0x0010]",
        "[DEV_TAB_HARDWARE_ERROR device=00:05.0 address=0xffff0040 flags=0x0010]",
        "[COMMAND_HARDWARE_ERROR address=0xffff0000 flags=0x0010]",
        "[ILLEGAL_COMMAND_ERROR address=0xffff0000]",
        "[RMP_HW_ERROR vmg_tag=0x1, gpa=0xffff0000, flags_rmp=0x3, flags=0x0010]",
        "[IOTLB_INV_TIMEOUT device=00:05.0 address=0xffff0000]",
    ] {
        let told = format!("[   10.000500] AMD-Vi: Event logged {line}\n");
        assert_eq!(refusals(&(map(0, 0xffff_0000, 4096) + &told)), [""; 0], "{line}");
    }
    let sent = "[   10.000500] AMD-Vi: Event logged [IO_PAGE_FAULT device=00:05.0 domain=0x0010 address=0xffff0040 flags=0x0030]\n";
    assert_eq!(refusals(&(map(0, 0xffff_0000, 4096) + sent)).len(), 1);
}

#[test]
fn whose_access_it_was_is_not_made_up() {
    let trace = map(0, 0xffff_0000, 4096);
    let unnamed = "[   10.000500] rk_iommu ff914000.iommu: Page fault at 0x00000000ffff0010 of type read\n";
    let told = said(&(trace.clone() + unnamed));
    assert!(told.contains("a device that the line does not name is refused 0xffff0010 (read): the trace has nothing of this device; 0000:00:05.0 has the address mapped"), "{told}");
    assert!(
        told.contains("1 faults do not say whose access was refused") && !told.contains("0x0 is"),
        "{told}"
    );
    // A bridge's number, before and behind the lines of the trace.
    let alias = write(500, "02:00.0", 0xffff_0000);
    for text in [
        trace.clone() + &alias,
        alias.clone() + &trace,
        trace.clone() + &alias + &unmap(600, 0xffff_0000, 4096),
    ] {
        let told = said(&text);
        assert!(told.contains("0000:02:00.0 is refused 0xffff0000 (write): the trace has nothing of this device; 0000:00:05.0 has the address mapped, and may be"), "{told}");
        assert!(!told.contains("never mapped"), "{told}");
    }
    let other = said(&(trace.clone() + &write(500, "02:00.0", 0x1000)));
    assert!(
        other.contains("the trace has nothing of this device: what it had mapped is not known"),
        "{other}"
    );
    // A device whose first event comes later is one of the trace.
    let early = said(
        &(event(0, "dma_map_phys: 0000:00:06.0 dir=TO_DEVICE dma_addr=1000 size=4096 phys_addr=1000 attrs=")
            + &write(1, "00:05.0", 0xffff_0000)
            + &map(2, 0xffff_0000, 4096)),
    );
    assert!(
        early.contains("0000:00:05.0 is refused 0xffff0000 (write): it was never mapped in this trace"),
        "{early}"
    );
}

#[test]
fn what_a_process_was_refused_is_held_against_no_mapping() {
    for line in [
        "DMAR: [DMA Write PASID 0x5] Request device [00:05.0] fault addr 0xffff0000 [fault reason 0x71] SM: Present bit in first-level paging entry is clear",
        "arm-smmu-v3 2b400000.iommu: event: F_TRANSLATION client: 0000:00:05.0 sid: 0x28 ssid: 0x5 iova: 0xffff0140 ipa: 0x0",
        "AMD-Vi: Event logged [IO_PAGE_FAULT device=0000:00:05.0 pasid=0x00005 domain=0x0010 address=0xffff0000 flags=0x0031]",
    ] {
        let told = refusals(&format!("{}[   10.000500] {line}\n", map(0, 0xffff_0000, 4096)));
        assert!(told.len() == 1 && told[0].contains("the request has PASID 0x5 and goes through a process's tables"), "{told:?}");
    }
}

#[test]
fn an_iommu_maps_whole_pages() {
    let (buffer, page) = (0xffff_f840, 0xffff_f000);
    let before = map(0, buffer, 1500);
    let text = before.clone()
        + &write(10, "00:05.0", page)
        + &unmap(20, buffer, 1500)
        + &write(30, "00:05.0", page)
        + &write(40, "00:05.0", page - 0x1000);
    let log: String =
        text.lines().filter(|line| line.starts_with('[')).map(|line| format!("{line}\n")).collect();
    let behind = before + &unmap(20, buffer, 1500) + &log;
    for (text, line) in [(text, 3), (behind, 2)] {
        let told = refusals(&text);
        assert!(
            told[0].contains("it is mapped: 0xfffff840 +0x5dc FROM_DEVICE (line 1), in the same page"),
            "{told:?}"
        );
        assert!(
            told[1].contains(&format!("it was unmapped 10 us before, on line {line}: 0xfffff840")),
            "{told:?}"
        );
        assert!(told[2].contains("it was never mapped in this trace"), "{told:?}");
    }
}

#[test]
fn tables_that_lost_a_page_before_the_dma_api_said_so_are_named() {
    let at = 0xffff_0000;
    let lines = [table(10, "map", at, 4096), map(11, at, 4096), table(20, "unmap", at, 4096)].concat();
    let fault = write(22, "00:05.0", at);
    let end = unmap(25, at, 4096);
    for text in [[&*lines, &fault, &end].concat(), [&*lines, &end, &fault].concat()] {
        let told = refusals(&text);
        assert!(told[0].contains("the tables had lost its page 2 us before, on line 3"), "{told:?}");
    }
    // What the tables have got again is there.
    let again = lines + &table(21, "map", at, 4096);
    for text in [[&*again, &fault, &end].concat(), [&*again, &end, &fault].concat()] {
        assert!(refusals(&text)[0].contains("it is mapped: 0xffff0000"), "{text}");
    }
}

#[test]
fn tables_alone_are_held_against_without_their_domain() {
    let at = 0xffff_0000;
    let (first, last) = (table(10, "map", at, 8192), table(20, "unmap", at, 8192));
    let (one, two) = (write(15, "00:05.0", at + 0x1000), write(25, "00:05.0", at));
    let three = write(26, "00:05.0", 0x1000);
    let within = [&*first, &one, &last, &two, &three].concat();
    let behind = [&*first, &last, &one, &two, &three].concat();
    for (text, line) in [(within, 3), (behind, 2)] {
        let told = refusals(&text);
        assert!(told[0].contains("tables have it: 0xffff0000 +0x2000 (line 1); of which domain"), "{told:?}");
        assert!(
            told[1].contains(&format!(
                "tables lost it 5 us before, on line {line}: 0xffff0000 +0x2000 (line 1)"
            )),
            "{told:?}"
        );
        assert!(told[2].contains("no tables got it in this trace"), "{told:?}");
    }
}

#[test]
fn an_unmap_without_its_map_shows_that_it_was_mapped() {
    let at = 0xffff_0000;
    let (before, after) = (write(5, "00:05.0", at), write(20, "00:05.0", at));
    let other = map(1, 0x1000, 64);
    let end = unmap(10, at, 4096);
    for (text, line) in
        [([&*other, &before, &end, &after].concat(), 3), ([&*other, &end, &before, &after].concat(), 2)]
    {
        let told = refusals(&text);
        assert!(
            told[0].contains(&format!(
                "it is mapped: unmapped 5 us later, on line {line}: 0xffff0000 +0x1000; its map is not"
            )),
            "{told:?}"
        );
        assert!(
            told[1].contains(&format!(
                "it was unmapped 10 us before, on line {line}: 0xffff0000 +0x1000; its map is not"
            )),
            "{told:?}"
        );
    }
}

#[test]
fn of_a_list_that_was_cut_nothing_is_called_never_mapped() {
    let list = event(2, &format!("dma_map_sg: {DISK} dir=FROM_DEVICE dma_addrs={{0xffff0000}} sizes={{0x1000}} phys_addrs={{0x1000,0x2000}} nents=300/300 ents=300/300 [TRUNCATED] attrs="));
    let before = write(1, "00:05.0", 0xffee_0000);
    let text = map(0, 0x1000, 64)
        + &before
        + &list
        + &write(3, "00:05.0", 0xffee_0000)
        + &write(4, "00:05.0", 0xffff_0000);
    let told = refusals(&text);
    assert!(told[0].contains("it was never mapped in this trace"), "{told:?}");
    assert!(told[1].contains("whether it was mapped is not known: the list on line 3 was cut"), "{told:?}");
    assert!(told[2].contains("it is mapped: 0xffff0000"), "{told:?}");
}

#[test]
fn each_is_held_against_the_state_of_its_own_time_wherever_it_stands() {
    let at = 0xffff_0000;
    let events = [map(10, at, 4096), unmap(20, at, 4096), map(30, at, 8192), unmap(40, at, 8192)];
    let faults = [
        write(15, "00:05.0", at),
        write(25, "00:05.0", at),
        write(35, "00:05.0", at),
        write(45, "00:05.0", at),
    ];
    let answers =
        ["it is mapped", "it was unmapped 5 us before", "it is mapped", "it was unmapped 5 us before"];
    let (events, faults) = (events.each_ref().map(|e| &**e), faults.each_ref().map(|f| &**f));
    let stray = map(12, 0x1000, 64);
    let orders: [Vec<&str>; 5] = [
        [events, faults].concat(),
        [faults, events].concat(),
        // A trace with its log, and another; a log between that goes on; an event that is earlier than the one before it.
        [&events[..2], &faults[..2], &events[2..], &faults[2..]].concat(),
        [&events[..2], &faults[..], &events[2..]].concat(),
        [&events[..], &[&*stray], &faults[..]].concat(),
    ];
    for lines in orders {
        let mut told = refusals(&lines.concat());
        told.sort_by_key(|line| line.split_once(", 10.").map(|(_, time)| time.to_owned()));
        assert_eq!(told.len(), 4);
        for (one, answer) in told.iter().zip(answers) {
            assert!(one.contains(answer), "{answer}\n{told:#?}\n{}", lines.concat());
        }
    }
}

#[test]
fn of_what_has_the_same_time_it_is_said_that_the_order_is_not_known() {
    let at = 0xffff_0000;
    let fault = write(20, "00:05.0", at);
    let events = [map(10, at, 4096), unmap(20, at, 4096), map(30, at, 4096)];
    for place in 0..=events.len() {
        let mut lines: Vec<&str> = events.iter().map(|event| &**event).collect();
        lines.insert(place, &fault);
        let told = refusals(&lines.concat());
        let wanted = "at the same time: which came first, the times do not say";
        assert!(told[0].contains(wanted), "{place}: {told:?}");
        assert!(told[0].contains("it was unmapped 0 us before"), "{place}: {told:?}");
    }
    // An event of the trace stands where it happened.
    let own = event(20, &format!("io_page_fault: IOMMU:nvme {DISK} iova={at:#x} flags=0x0001"));
    let told = refusals(&[&*events[0], &events[1], &own].concat());
    assert!(told[0].ends_with("(line 1) (line 3, 10.000020 s)"), "{told:?}");
}
