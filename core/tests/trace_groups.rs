//! Whose mappings a refused access goes through: those of its group, of the domain that its device is in, and of no other.
#![cfg(feature = "import")]

#[path = "support/trace.rs"]
mod trace;

use iommu_core::import::trace::explain;
use iommu_core::spec::Lang;
use trace::{event, replayed};

const ONE: &str = "0000:03:00.0";
const TWO: &str = "0000:03:00.1";
const AT: u64 = 0xffff_e000;

fn map(time: u32, device: &str, at: u64) -> String {
    event(
        time,
        &format!("dma_map_phys: {device} dir=FROM_DEVICE dma_addr={at:x} size=4096 phys_addr=2ebe000 attrs="),
    )
}

fn unmap(time: u32, device: &str, at: u64) -> String {
    event(time, &format!("dma_unmap_phys: {device} dir=FROM_DEVICE dma_addr={at:x} size=4096 attrs="))
}

fn join(time: u32, group: u32, device: &str) -> String {
    event(time, &format!("add_device_to_group: IOMMU: groupID={group} device={device}"))
}

fn leave(time: u32, group: u32, device: &str) -> String {
    event(time, &format!("remove_device_from_group: IOMMU: groupID={group} device={device}"))
}

fn attach(time: u32, device: &str) -> String {
    event(time, &format!("attach_device_to_domain: IOMMU: device={device}"))
}

fn write(time: u32, device: &str, at: u64) -> String {
    format!("[   10.{time:06}] DMAR: [DMA Write NO_PASID] Request device [{device}] fault addr {at:#x} [fault reason 0x05] PTE Write access is not set\n")
}

/// A line of a boot log, which says the group of a device.
fn boot(group: u32, device: &str) -> String {
    format!("[    0.500000] pci {device}: Adding to iommu group {group}\n")
}

/// What is said of the only refused access, in both languages; of the Chinese that nothing of it is English.
fn said(text: &str) -> (String, String) {
    let replay = replayed(text);
    let [en, zh] = [Lang::En, Lang::Zh].map(|lang| {
        let told = replay.report(lang).to_string();
        let mark = if lang == Lang::En { "is refused" } else { "被拒绝：" };
        let lines: Vec<&str> = told.lines().filter(|line| line.contains(mark)).collect();
        assert_eq!(lines.len(), 1, "{told}\n{text}");
        lines[0].trim().to_owned()
    });
    for word in ["mapped", "group", "domain", "device", "line"] {
        assert!(!zh.contains(word), "{zh}");
    }
    (en, zh)
}

#[test]
fn what_one_device_of_a_group_has_mapped_all_of_it_have() {
    let events = map(1, ONE, 0xffff_f000) + &map(2, TWO, AT);
    let fault = write(50, "03:00.0", AT);
    let groups = [boot(5, ONE) + &boot(5, TWO), join(0, 5, ONE) + &join(0, 5, TWO)];
    for group in &groups {
        for text in [
            [&**group, &events, &fault].concat(),
            // A log below the trace, or above it.
            [&*events, group, &fault].concat(),
            [&*fault, group, &events].concat(),
        ] {
            let (en, zh) = said(&text);
            assert!(en.contains("it is mapped: 0xffffe000 +0x1000 FROM_DEVICE"), "{en}\n{text}");
            assert!(en.contains("; it is 0000:03:00.1's, which is of the same group 5 (lines "), "{en}");
            assert!(zh.contains("；它是 0000:03:00.1 的，该设备在同一个组 5 里（第 "), "{zh}");
        }
    }
    // Below the refused access too, where it is an event of the trace's.
    let own = event(50, &format!("io_page_fault: IOMMU:iommu {ONE} iova={AT:#x} flags=0x0001"));
    let (en, _) = said(&[&*events, &own, &groups[0]].concat());
    assert!(
        en.contains("is refused 0xffffe000 (write): it is mapped") && en.contains("same group 5"),
        "{en}"
    );
    // What the other has unmapped, and what it mapped after the device's own.
    let (en, _) = said(&[&*groups[0], &events, &unmap(20, TWO, AT), &fault].concat());
    assert!(en.contains("it was unmapped 30 us before, on line 5") && en.contains("0000:03:00.1's"), "{en}");
    let turns = [map(1, ONE, AT), unmap(2, ONE, AT), map(3, TWO, AT)].concat();
    let (en, _) = said(&[&*groups[0], &turns, &fault].concat());
    assert!(en.contains("it is mapped: 0xffffe000") && en.contains("0000:03:00.1's"), "{en}");
    // Its own is its own.
    let (en, _) = said(&[&*groups[0], &map(1, ONE, AT), &fault].concat());
    assert!(en.contains("it is mapped: 0xffffe000") && !en.contains("group"), "{en}");
}

#[test]
fn where_no_group_is_said_it_is_said_who_has_the_address() {
    let events = map(1, ONE, 0xffff_f000) + &map(2, TWO, AT);
    let log = write(50, "03:00.0", AT);
    // The next events: its place is known behind them too.
    for text in [
        [&*events, &log].concat(),
        [&*events, &map(60, TWO, 0x1000), &log].concat(),
        // Its own first event may come later.
        [&*map(2, TWO, AT), &log, &map(60, ONE, 0x1000)].concat(),
    ] {
        let (en, zh) = said(&text);
        assert!(en.contains("it was never mapped in this trace; but 0000:03:00.1 has the address mapped, which counts if both are of one group"), "{en}\n{text}");
        assert!(zh.contains("但 0000:03:00.1 映射着这个地址"), "{zh}");
        assert!(zh.contains("若两者同属一个组"), "{zh}");
    }
    // Another segment, which VT-d's lines do not say.
    let (en, _) = said(&(map(1, "10000:03:00.0", AT) + &map(2, ONE, 0x1000) + &write(50, "03:00.0", AT)));
    assert!(en.contains("has no segment, and the trace has 10000:03:00.0, 0000:03:00.0: which"), "{en}");
    // Of two groups neither counts for the other; nor does who left.
    let apart = [
        boot(5, ONE) + &boot(6, TWO) + &events + &log,
        boot(5, ONE) + &boot(5, TWO) + &leave(0, 5, TWO) + &join(0, 6, TWO) + &events + &log,
        events.clone()
            + &event(50, &format!("io_page_fault: IOMMU:iommu {ONE} iova={AT:#x} flags=0x0001"))
            + &boot(5, ONE)
            + &boot(6, TWO),
    ];
    for text in apart {
        let (en, _) = said(&text);
        assert!(
            en.contains("it was never mapped in this trace") && !en.contains("0000:03:00.1"),
            "{en}\n{text}"
        );
    }
    // The verdict of a log is no other.
    let report = format!("{:?}", explain(&(events + &log)));
    assert!(report.contains("but 0000:03:00.1 has the address mapped"), "{report}");
}

#[test]
fn what_was_mapped_in_a_domain_that_the_device_has_left_is_not_called_mapped_alone() {
    let first = map(1, ONE, AT);
    let fault = write(50, "03:00.0", AT);
    let cases = [
        (
            [leave(2, 5, ONE), join(10, 6, ONE), attach(11, ONE)].concat(),
            "; since then, on line 2, the device left its group, and with it the domain that this was mapped in; on line 4 it was attached to one again, and the event does not say which",
            "；此后在第 2 行，设备离开了它的组，也就离开了这个映射所在的域；第 4 行又接入一个域",
        ),
        (
            attach(11, ONE),
            "; since then, on line 2, the device was attached to a domain; which, the event does not say, and in another it is not mapped",
            "；此后在第 2 行，设备接入了一个域；事件没有说明是哪个",
        ),
        (
            event(11, &format!("detach_device_from_domain: IOMMU: device={ONE}")),
            "; since then, on line 2, the device left its domain (line",
            "；此后在第 2 行，设备离开了它的域",
        ),
        (
            join(11, 6, ONE),
            "; since then, on line 2, the device came into a group; whether it kept its domain, the event does not say",
            "；此后在第 2 行，设备加入了一个组",
        ),
    ];
    for (moves, wanted, chinese) in cases {
        // Behind the events as among them.
        for text in
            [[&*first, &moves, &fault].concat(), [&*first, &moves, &map(60, TWO, 0x1000), &fault].concat()]
        {
            let (en, zh) = said(&text);
            assert!(en.contains("it is mapped: 0xffffe000"), "{en}");
            assert!(en.contains(wanted.trim_end_matches(" (line")), "{en}");
            assert!(zh.contains(chinese), "{zh}");
            // Each of them is an event of the trace.
            let told = replayed(&text).report(Lang::En).to_string();
            assert!(told.starts_with(&format!("{} events", text.lines().count())), "{told}");
        }
        // What came before the mapping, comes after the fault or is of another device changes nothing.
        let after = moves.replace("10.0000", "10.0009");
        for text in [
            [&*moves.replace("10.0000", "9.0000"), &first, &fault].concat(),
            [&*first, &fault, &after].concat(),
            [&*first, &moves.replace(ONE, "0000:04:00.0"), &fault].concat(),
        ] {
            let (en, _) = said(&text);
            assert!(en.contains("it is mapped: 0xffffe000") && !en.contains("since then"), "{en}\n{text}");
        }
    }
}
