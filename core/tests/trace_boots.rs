//! What a trace has beside its mappings: two boots, mappings that failed, refusals that no mapping explains.
#![cfg(feature = "import")]

use iommu_core::import::trace::Replay;
use iommu_core::spec::Lang;

fn replayed(text: &str) -> Replay {
    let mut replay = Replay::default();
    for line in text.lines() {
        replay.line(line, None);
    }
    replay.finish(None);
    replay
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
