//! Every form in which a kernel tells of a refused access, among the lines of a trace: each is held against what was mapped then.
#![cfg(feature = "import")]

#[path = "support/trace.rs"]
mod trace;

use iommu_core::spec::Lang;
use trace::{event, replayed};

fn said(text: &str) -> String {
    replayed(text).report(Lang::En).to_string()
}

fn map(time: u32, device: &str, at: u64) -> String {
    event(
        time,
        &format!("dma_map_phys: {device} dir=FROM_DEVICE dma_addr={at:x} size=4096 phys_addr=2fbb000 attrs="),
    )
}

fn unmap(time: u32, device: &str, at: u64) -> String {
    event(time, &format!("dma_unmap_phys: {device} dir=FROM_DEVICE dma_addr={at:x} size=4096 attrs="))
}

/// What kernels printed for a write of 00:05.0 to 0xfffff000, with `{}` for the stamp of each line; and how the access is said.
const FORMS: [(&str, &str, &str); 17] = [
    (
        "VT-d, 5.14 and later",
        "{}DMAR: DRHD: handling fault status reg 2\n{}DMAR: [DMA Write NO_PASID] Request device [00:05.0] fault addr 0xfffff000 [fault reason 0x05] PTE Write access is not set\n",
        "(write)",
    ),
    (
        "VT-d, 5.14",
        "{}DMAR: [DMA Write NO_PASID] Request device [0x00:0x05.0] fault addr 0xfffff000 [fault reason 0x05] PTE Write access is not set\n",
        "(write)",
    ),
    (
        "VT-d, 5.6 and later",
        "{}DMAR: [DMA Write] Request device [00:05.0] PASID ffffffff fault addr fffff000 [fault reason 05] PTE Write access is not set\n",
        "(write)",
    ),
    (
        "VT-d, 3.19 and later",
        "{}DMAR: DRHD: handling fault status reg 2\n{}DMAR: [DMA Write] Request device [00:05.0] fault addr fffff000 [fault reason 05] PTE Write access is not set\n",
        "(write)",
    ),
    (
        "VT-d before 3.19, two lines",
        "{}dmar: DRHD: handling fault status reg 2\n{}dmar: DMAR:[DMA Write] Request device [00:05.0] fault addr fffff000 \n{}DMAR:[fault reason 05] PTE Write access is not set\n",
        "(write)",
    ),
    (
        "VT-d before 3.19, one stamp",
        "{}DMAR:[DMA Write] Request device [00:05.0] fault addr fffff000 \nDMAR:[fault reason 05] PTE Write access is not set\n",
        "(write)",
    ),
    (
        "AMD-Vi",
        "{}nvme 0000:00:05.0: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x000a address=0xfffff000 flags=0x0030]\n",
        "(write)",
    ),
    (
        "AMD-Vi before 5.x",
        "{}AMD-Vi: Event logged [IO_PAGE_FAULT device=00:05.0 domain=0x000a address=0x00000000fffff000 flags=0x0030]\n",
        "(write)",
    ),
    (
        "AMD-Vi of one function without a driver",
        "{}AMD-Vi: Event logged [IO_PAGE_FAULT device=0000:00:05.0 domain=0x000a address=0xfffff000 flags=0x0030]\n",
        "(write)",
    ),
    (
        "SMMUv3, words only",
        "{}arm-smmu-v3 9050000.smmuv3: event 0x10 received:\n{}arm-smmu-v3 9050000.smmuv3: \t0x0000002800000010\n{}arm-smmu-v3 9050000.smmuv3: \t0x0000020000000000\n{}arm-smmu-v3 9050000.smmuv3: \t0x00000000fffff000\n{}arm-smmu-v3 9050000.smmuv3: \t0x0000000000000000\n",
        "(write)",
    ),
    (
        "SMMUv3, 6.13 and later: words and names",
        "{}arm-smmu-v3 9050000.smmuv3: event 0x10 received:\n{}arm-smmu-v3 9050000.smmuv3: \t0x0000002800000010\n{}arm-smmu-v3 9050000.smmuv3: \t0x0000020000000000\n{}arm-smmu-v3 9050000.smmuv3: \t0x00000000fffff000\n{}arm-smmu-v3 9050000.smmuv3: \t0x0000000000000000\n{}arm-smmu-v3 9050000.smmuv3: event: F_TRANSLATION client: 0000:00:05.0 sid: 0x28 ssid: 0x0 iova: 0xfffff000 ipa: 0x0\n{}arm-smmu-v3 9050000.smmuv3: unpriv data write s1 \"Input address caused fault\" stag: 0x0\n",
        "(write)",
    ),
    (
        "SMMUv3, names alone",
        "{}arm-smmu-v3 9050000.smmuv3: event: F_TRANSLATION client: 0000:00:05.0 sid: 0x28 ssid: 0x0 iova: 0xfffff000 ipa: 0x0\n",
        "",
    ),
    (
        "SMMUv2",
        "{}arm-smmu 5000000.iommu: Unhandled context fault: fsr=0x402, iova=0xfffff000, fsynr=0x300013, cbfrsynra=0x28, cb=10\n",
        "(write)",
    ),
    (
        "SMMUv2, 6.13 and later",
        "{}arm-smmu 5000000.iommu: Unhandled context fault: fsr=0x402, iova=0xfffff000, fsynr=0x300013, cbfrsynra=0x28, cb=10\n{}arm-smmu 5000000.iommu: FSR    = 00000402 [Format=2 TF], SID=0x28\n{}arm-smmu 5000000.iommu: FSYNR0 = 00300013 [S1CBNDX=48 WNR PLVL=3]\n",
        "(write)",
    ),
    ("RISC-V", "{}riscv,iommu 3010000.iommu: Fault 15 devid: 0x28 iotval: fffff000 iotval2: fffff000\n", "(write)"),
    ("RISC-V, a unit on PCI", "{}iommu_pci 0000:00:01.0: Fault 15 devid: 0x28 iotval: fffff000 iotval2: 0\n", "(write)"),
    ("virtio-iommu", "{}virtio_iommu virtio0: page fault from EP 40 at 0xfffff000 [W]\n", "(write)"),
];

const DISK: &str = "0000:00:05.0";

#[test]
fn each_form_is_held_against_what_was_mapped_at_its_time() {
    for (name, lines, access) in FORMS {
        let before = map(0, DISK, 0xffff_f000) + &unmap(1000, DISK, 0xffff_f000);
        let after = map(4000, DISK, 0xffff_f000);
        let told = lines.replace("{}", "[   10.003000] ");
        let access = if access.is_empty() { String::new() } else { format!(" {access}") };
        let refused = format!("{DISK} is refused 0xfffff000{access}");
        let unmapped = format!("{refused}: it was unmapped 2 ms before, on line 2");
        // Among the lines of the trace, behind them, and before them.
        for text in [
            [&*before, &told, &after].concat(),
            [&*before, &after, &told].concat(),
            [&*told, &before, &after].concat(),
        ] {
            let said = said(&text);
            let unmapped = if text.starts_with('[') {
                unmapped.replace("line 2", &format!("line {}", told.lines().count() + 2))
            } else {
                unmapped.clone()
            };
            assert!(said.contains(&unmapped), "{name}\n{text}\n{said}");
            assert_eq!(said.matches("is refused").count(), 1, "{name}\n{text}\n{said}");
        }
        // While it was mapped.
        let told = lines.replace("{}", "[   10.000500] ");
        let text = map(0, DISK, 0xffff_f000) + &told + &unmap(1000, DISK, 0xffff_f000);
        assert!(said(&text).contains(&format!("{refused}: it is mapped")), "{name}\n{}", said(&text));
    }
}

#[test]
fn what_a_console_prints_in_the_trace_counts_where_its_first_line_stands() {
    for (name, lines, _) in FORMS {
        // The other processor's events stand between the lines, and it maps the page again before the last of them.
        let mut text = map(0, DISK, 0xffff_f000) + &unmap(1000, DISK, 0xffff_f000);
        for (at, line) in lines.lines().enumerate() {
            let at = u32::try_from(at).unwrap();
            text += &event(3000 + at, &format!("console: {}", line.replace("{}", "[   10.002990] ")));
            text += &map(3000 + at, "0000:00:06.0", 0x10_0000 * u64::from(at + 1));
        }
        text += &map(3100, DISK, 0xffff_f000);
        let said = said(&text);
        assert!(said.contains("is refused 0xfffff000"), "{name}\n{text}\n{said}");
        assert!(said.contains("it was unmapped 1 ms before, on line 2"), "{name}\n{text}\n{said}");
        assert_eq!(said.matches("is refused").count(), 1, "{name}\n{said}");
    }
}

#[test]
fn a_number_that_is_no_function_of_the_trace_is_said_to_be_one() {
    let text = map(0, DISK, 0xffff_f000)
        + "[   10.000500] arm-smmu 5000000.iommu: Unhandled context fault: fsr=0x402, iova=0xfffff000, fsynr=0x300013, cbfrsynra=0x877, cb=10\n"
        + "[   10.000600] riscv,iommu 3010000.iommu: Fault 15 devid: 0x12345 iotval: fffff000 iotval2: 0\n"
        + "[   10.000700] arm-smmu-v3 a.smmuv3: event: F_TRANSLATION client: (unassigned sid) sid: 0x20 ssid: 0x0 iova: 0x1000 ipa: 0x0\n";
    let said = said(&text);
    for name in ["StreamID 0x877", "device_id 0x12345", "StreamID 0x20"] {
        assert!(said.contains(name), "{name}\n{said}");
    }
    assert!(said.contains("3 faults name their device by a number"), "{said}");
}

#[test]
fn interrupts_and_devices_without_an_entry_are_no_accesses_of_an_address() {
    for other in [
        "DMAR: [INTR-REMAP] Request device [00:05.0] fault index 0x8 [fault reason 0x22] x",
        "arm-smmu-v3 a.smmuv3: event: C_BAD_STREAMID client: (unassigned sid) sid: 0x20 ssid: 0x0",
        "IO_PAGE_FAULT ",
    ] {
        let said = said(&(map(0, DISK, 0xffff_f000) + other + "\n" + &unmap(1000, DISK, 0xffff_f000)));
        assert!(!said.contains("is refused"), "{other}\n{said}");
    }
}

#[test]
fn a_line_that_a_console_event_and_the_log_have_is_one_fault() {
    let line = |time: &str| {
        format!("[   {time}] DMAR: [DMA Read NO_PASID] Request device [03:00.0] fault addr 0xfffe0000 [fault reason 0x06] PTE Read access is not set\n")
    };
    let console = |time: &str| format!("k-1 [000] ..... 20.000050: console: {}", line(time));
    let map = "k-1 [000] ..... 20.000010: dma_map_phys: 0000:03:00.0 dir=TO_DEVICE dma_addr=fffe0000 size=4096 phys_addr=7000 attrs=\n";
    for (text, faults) in [
        (String::from(map) + &console("20.000020") + &line("20.000020"), 1),
        (line("20.000020") + map + &console("20.000020"), 1),
        // Of one source each line is a fault.
        (String::from(map) + &line("20.000020") + &line("20.000020"), 2),
        (
            String::from(map)
                + &console("20.000020")
                + &console("20.000020")
                + &line("20.000020")
                + &line("20.000020"),
            2,
        ),
        (String::from(map) + &console("20.000020") + &line("20.000021"), 2),
    ] {
        let mut replay = iommu_core::import::trace::Replay::default();
        for line in text.lines() {
            replay.line(line, None);
        }
        replay.finish(None);
        let said = replay.report(iommu_core::spec::Lang::En).to_string();
        assert_eq!(said.matches("is refused").count(), faults, "{text}{said}");
    }
}

#[test]
fn a_trace_of_bounces_alone_says_nothing_of_what_is_mapped() {
    let text = "k-1 [000] ..... 20.000010: swiotlb_bounced: dev_name: 0000:03:00.0 dma_mask=ffffffff dev_addr=1000 size=512 NORMAL\n\
        [   20.000020] DMAR: [DMA Read NO_PASID] Request device [03:00.0] fault addr 0xfffe0000 [fault reason 0x06] PTE Read access is not set\n";
    let mut replay = iommu_core::import::trace::Replay::default();
    for line in text.lines() {
        replay.line(line, None);
    }
    replay.finish(None);
    let said = replay.report(iommu_core::spec::Lang::En).to_string();
    assert!(said.contains("what it had mapped is not known") && !said.contains("never mapped"), "{said}");
    assert!(iommu_core::import::trace::explain(text).items[0]
        .fields
        .iter()
        .all(|field| field.name.en != "in the trace"));
}
