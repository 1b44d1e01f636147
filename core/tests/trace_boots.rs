//! What a trace has beside its mappings: two boots, mappings that failed, refusals that no mapping explains.
#![cfg(feature = "import")]

#[path = "support/replay.rs"]
mod replay;

use iommu_core::import::trace::Replay;
use iommu_core::spec::Lang;
use replay::replayed_until;

fn replayed(text: &str) -> Replay {
    replayed_until(text, None)
}

fn said(replay: &Replay) -> [String; 2] {
    [Lang::En, Lang::Zh].map(|lang| replay.report(lang).to_string())
}

const TWO_BOOTS: &str = "\
k-1 [000] ..... 7000.000001: dma_map_phys: 0000:03:00.0 dir=TO_DEVICE dma_addr=fffe0000 size=4096 phys_addr=2ebe000 attrs=
k-1 [000] ..... 7000.000051: dma_unmap_phys: 0000:03:00.0 dir=TO_DEVICE dma_addr=fffe0000 size=4096 attrs=
k-1 [000] ..... 7000.000061: dma_map_phys: 0000:03:00.0 dir=TO_DEVICE dma_addr=fffd0000 size=4096 phys_addr=2ebe000 attrs=
k-1 [000] ..... 20.000001: dma_map_phys: 0000:03:00.0 dir=TO_DEVICE dma_addr=fffd0000 size=4096 phys_addr=2ebe000 attrs=
k-1 [000] ..... 20.000051: dma_unmap_phys: 0000:03:00.0 dir=TO_DEVICE dma_addr=fffd0000 size=4096 attrs=
";

fn refusal_at(time: &str, at: &str) -> String {
    format!("[ {time}] DMAR: [DMA Write NO_PASID] Request device [03:00.0] fault addr {at} [fault reason 0x05] PTE Write access is not set\n")
}

#[test]
fn of_two_boots_in_one_trace_a_line_of_a_log_is_held_against_the_one_whose_times_it_fits() {
    for (time, at, was) in [
        (
            "20.000020",
            "0xfffd0000",
            "it is mapped for the other direction only: 0xfffd0000 +0x1000 TO_DEVICE (line ",
        ),
        ("20.000070", "0xfffd0000", "it was unmapped 19 us before"),
        ("20.000070", "0xfffe0000", "it was never mapped in this trace"),
        ("7000.000020", "0xfffe0000", "it is mapped for the other direction only: 0xfffe0000 +0x1000"),
        ("7000.000058", "0xfffe0000", "it was unmapped 7 us before"),
        ("7000.000090", "0xfffd0000", "it is mapped for the other direction only: 0xfffd0000 +0x1000"),
    ] {
        let fault = refusal_at(time, at);
        for text in [[TWO_BOOTS, &fault].concat(), [&fault, TWO_BOOTS].concat()] {
            let [en, zh] = said(&replayed(&text));
            let line = en.lines().find(|line| line.contains("is refused")).unwrap_or_default();
            assert!(line.contains(was) && line.contains(&format!("{time} s")), "{text}{en}");
            assert!(en.contains("the times begin anew: another boot") && !en.contains(" over "), "{en}");
            assert!(zh.contains("时间重新开始：另一次启动"), "{zh}");
            assert!(en.contains("from 7000.000001 s to 20.000051 s") || en.contains("to 20."), "{en}");
            assert!(!en.contains("earlier than the one before"), "{en}");
        }
    }
    // Earlier than either.
    let early = replayed(&(refusal_at("5.000000", "0xfffd0000") + TWO_BOOTS));
    let [en, _] = said(&early);
    assert!(en.contains("the trace begins") && en.contains("what was mapped then is not known"), "{en}");
}

fn event(time: u32, rest: &str) -> String {
    format!("dd-1 [001] ..... 10.{time:06}: {rest}\n")
}

fn map(device: &str, at: &str) -> String {
    format!("dma_map_phys: {device} dir=TO_DEVICE dma_addr={at} size=4096 phys_addr=2ebe000 attrs=")
}

fn refused_at(device: &str, at: &str, reason: &str) -> String {
    format!("[   10.000900] DMAR: [DMA Read NO_PASID] Request device [{device}] fault addr {at} [fault reason {reason}] x\n")
}

/// What is said of the only refused access, in both languages.
fn refusal(text: &str) -> [String; 2] {
    let said = said(&replayed(text));
    let line = |text: &String, mark: &str| {
        let lines: Vec<&str> = text.lines().filter(|line| line.contains(mark)).collect();
        assert_eq!(lines.len(), 1, "{text}");
        lines[0].to_string()
    };
    [line(&said[0], "is refused"), line(&said[1], "被拒绝")]
}

#[test]
fn mappings_that_failed_are_counted_and_explain_a_fault_at_their_address() {
    let err = "dir=FROM_DEVICE err=-12";
    let failures = [
        map("0000:03:00.0", "ffffffffffffffff"),
        format!("dma_map_sg_err: 0000:03:00.0 {err} phys_addrs={{2ebe000}} sizes={{4096}} attrs="),
        format!("dma_alloc_sgt_err: 0000:03:00.0 {err} size=4096"),
        "dma_alloc: 0000:03:00.0 dir=BIDIRECTIONAL dma_addr=0 size=4096 virt_addr=0000000000000000 flags=GFP_KERNEL attrs=".into(),
        "dma_alloc: 0000:03:00.0 dir=BIDIRECTIONAL dma_addr=0 size=4096 virt_addr=(null) flags=GFP_KERNEL attrs=".into(),
    ];
    let text: String = failures.iter().zip(1..).map(|(one, n)| event(n, one)).collect();
    let [en, zh] = said(&replayed(&text));
    assert!(
        en.contains("5 events") && en.contains("0 maps") && en.contains("5 mappings or allocations failed"),
        "{en}"
    );
    assert!(zh.contains("5 次映射或分配失败"), "{zh}");
    for at in ["0xfffffffffffff000", "0x0"] {
        let [en, zh] = refusal(&(text.clone() + &refused_at("03:00.0", at, "0x06")));
        assert!(en.contains("one of this device failed on line 5"), "{en}");
        assert!(zh.contains("该设备在第 5 行有一次失败"), "{zh}");
    }
    let [en, _] = refusal(&(text + &refused_at("03:00.0", "0x5000", "0x06")));
    assert!(en.contains("it was never mapped in this trace") && !en.contains("failed"), "{en}");
}

#[test]
fn a_number_without_a_segment_is_of_none_where_several_have_it() {
    let both = event(1, &map("10000:03:00.0", "fffe0000")) + &event(2, &map("0000:03:00.0", "fffd0000"));
    let [en, zh] = refusal(&(both.clone() + &refused_at("03:00.0", "0xfffe0000", "0x06")));
    assert!(en.contains("has no segment, and the trace has 10000:03:00.0, 0000:03:00.0: which"), "{en}");
    assert!(zh.contains("该行没有段号，而跟踪记录里有 10000:03:00.0, 0000:03:00.0"), "{zh}");
    let [en, _] = refusal(&(both + &refused_at("0000:03:00.0", "0xfffd0000", "0x06")));
    assert!(en.contains("it is mapped"), "{en}");
    let [en, _] =
        refusal(&(event(2, &map("0000:03:00.0", "fffd0000")) + &refused_at("03:00.0", "0xfffd0000", "0x06")));
    assert!(en.contains("it is mapped"), "{en}");
}

#[test]
fn a_refusal_before_any_page_is_held_against_no_mapping_and_one_without_an_address_is_counted() {
    let mapped = event(1, &map("0000:03:00.0", "fffd0000"));
    for reason in ["0x02", "0x01"] {
        let [en, zh] = refusal(&(mapped.clone() + &refused_at("03:00.0", "0xfffd0000", reason)));
        assert!(en.contains("before any page was looked at: no mapping has to do with it"), "{en}");
        assert!(zh.contains("与映射无关"), "{zh}");
    }
    for line in [
        "riscv-iommu 10010000.iommu: Fault 258 devid: 0x300 iotval: fffd0000 iotval2: 0",
        "AMD-Vi: Event logged [ILLEGAL_DEV_TABLE_ENTRY device=03:00.0 pasid=0x00000 address=0xfffd0000 flags=0x0a00]",
    ] {
        let [en, _] = refusal(&format!("{mapped}[   10.000900] {line}\n"));
        assert!(en.contains("before any page was looked at"), "{en}");
    }
    let text = format!(
        "{mapped}[   10.000900] DMAR: [INTR-REMAP] Request device [03:00.0] fault index 0x1f [fault reason 0x22] x\n\
         [   10.000950] arm-smmu-v3 arm-smmu-v3.0.auto: event: C_BAD_STE client: 0000:03:00.0 sid: 0x300 ssid: 0x0\n"
    );
    let [en, zh] = said(&replayed(&text));
    assert!(
        en.contains("2 refusals have no address that a device sent") && en.contains("(the last on line 3)"),
        "{en}"
    );
    assert!(zh.contains("2 次拒绝没有设备所发的地址"), "{zh}");
}

#[test]
fn other_forms_of_lines_are_read_or_said_to_be_not_understood() {
    let (maps, unmaps) = (
        map("0000:03:00.0", "fffd0000"),
        "dma_unmap_phys: 0000:03:00.0 dir=TO_DEVICE dma_addr=fffd0000 size=4096 attrs=",
    );
    for (text, head) in [
        (
            format!("k/-31 0..... 1us : {maps}\nk/-31 0d.h1. 21us+: {unmaps}\n"),
            "2 events, without times of the log's clock",
        ),
        (format!("{maps}\n{unmaps}\n"), "2 events, without times of the log's clock"),
        (
            format!("k-1 [000] 10.000001: (+1)  {maps}\nk-1 [000] 10.000021: (+20) {unmaps}\n"),
            "2 events from 10.000001 s",
        ),
    ] {
        let [en, _] = said(&replayed(&text));
        assert!(en.contains(head) && !en.contains("Still mapped"), "{en}");
    }
    let perf = "     0.000 k/0:1/31 dma:dma_map_phys(device: \"0000:03:00.0\", phys_addr: 49012736, dma_addr: 4294963200, size: 4096, dir: FROM_DEVICE, attrs: 0)\n";
    let [en, _] = said(&replayed(perf));
    assert!(en.contains("0000:03:00.0: 1, 4096 bytes") && !en.contains("Not understood"), "{en}");
    // perf trace prints no argument that is 0; one without its device says too little.
    let [en, zh] = said(&replayed(&perf.replace("device: \"0000:03:00.0\", ", "")));
    assert!(en.contains("Not understood") && en.contains("(line 1)") && zh.contains("无法识别"), "{en}{zh}");
}
