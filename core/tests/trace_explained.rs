//! A text that has a trace and lines of faults has one answer: what `explain` says of a refused access is what the replay says of it.
#![cfg(feature = "import")]

use iommu_core::explain::logs::{Kind, Report};
use iommu_core::import::trace::{explain, Replay};
use iommu_core::spec::Lang;

const LANGS: [Lang; 2] = [Lang::En, Lang::Zh];

fn event(time: &str, rest: &str) -> String {
    format!("k-1 [000] ..... {time}: {rest}\n")
}

fn map(time: &str, device: &str) -> String {
    event(
        time,
        &format!(
            "dma_map_phys: 0000:{device} dir=TO_DEVICE dma_addr=fffe0000 size=4096 phys_addr=5000 attrs="
        ),
    )
}

fn unmap(time: &str, device: &str) -> String {
    event(time, &format!("dma_unmap_phys: 0000:{device} dir=TO_DEVICE dma_addr=fffe0000 size=4096 attrs="))
}

fn fault(time: &str, rest: &str) -> String {
    format!("[   {time}] DMAR: [DMA {rest}] Request device [05:00.0] fault addr 0xfffe0000 [fault reason 0x06] PTE Read access is not set\n")
}

/// What `explain` says of the trace, each with the line that it is about.
fn told(report: &Report, lang: Lang) -> Vec<(String, String)> {
    let fields = report.items.iter().flat_map(|item| &item.fields);
    fields
        .filter(|field| field.name.en == "in the trace")
        .map(|field| (field.value.get(lang).to_string(), field.meaning.get(lang).to_string()))
        .collect()
}

/// What the replay says of refused accesses, as `explain` writes it.
fn replayed(text: &str, lang: Lang) -> Vec<String> {
    let mut replay = Replay::default();
    for line in text.lines() {
        replay.line(line, None);
    }
    replay.finish(None);
    let report = replay.report(lang);
    let items = report.sections.iter().filter(|section| section.wrong).flat_map(|section| &section.items);
    let of = |item: &iommu_core::import::account::AccountItem| {
        let line = item.line?;
        Some(match lang {
            Lang::En => format!("line {line}: {}", item.text),
            Lang::Zh => format!("第 {line} 行：{}", item.text),
        })
    };
    items.filter_map(of).collect()
}

#[test]
fn explain_says_of_a_refused_access_what_the_replay_says() {
    let (m, u, f) =
        (map("10.000010", "05:00.0"), unmap("10.000030", "05:00.0"), fault("10.000050", "Read NO_PASID"));
    for (text, verdict) in [
        (m.clone() + &u + &f, "unmapped before"),
        // The log stands above the trace.
        (f.clone() + &m + &u + &unmap("10.000090", "06:00.0"), "unmapped before"),
        (m.clone() + &fault("10.000020", "Read NO_PASID") + &u, "mapped"),
        (m.clone() + &fault("10.000020", "Write NO_PASID") + &u, "mapped for the other direction"),
        // Within a microsecond of the unmap.
        (m.clone() + &u + &fault("10.000029", "Read NO_PASID"), "not known"),
        (m.clone() + &fault("10.000050", "Read PASID 0x9") + &u, "not known"),
        // Another device has the address.
        (map("10.000010", "05:02.0") + &f, "not known"),
        // Of a list of which the kernel has left entries out it may be.
        (event("10.000010", "dma_map_sg: 0000:05:00.0 dir=TO_DEVICE dma_addrs={0xf000} sizes={0x1000} phys_addrs={0x9000} attrs= [TRUNCATED]") + &f, "not known"),
        (event("10.000010", "dma_map_phys: 0000:05:00.0 dir=TO_DEVICE dma_addr=f000 size=4096 phys_addr=9000 attrs=") + &f, "no mapping"),
    ] {
        let report = explain(&text);
        for lang in LANGS {
            let told = told(&report, lang);
            let replayed = replayed(&text, lang);
            assert_eq!(told.len(), 1, "{text}{told:?}");
            assert!(replayed.contains(&told[0].1), "{text}{told:?}\n{replayed:?}");
            assert!(lang == Lang::Zh || told[0].0 == verdict, "{text}{told:?}");
        }
    }
}

#[test]
fn one_item_of_several_faults_has_each_verdict_with_its_line() {
    let text = map("10.000010", "05:00.0")
        + &fault("10.000020", "Read NO_PASID")
        + &unmap("10.000030", "05:00.0")
        + &fault("10.000050", "Read NO_PASID")
        + &fault("10.000060", "Read NO_PASID");
    let told = told(&explain(&text), Lang::En);
    let [(first, at), (second, then)] = &told[..] else { panic!("{told:?}") };
    assert!(first == "mapped" && at.starts_with("line 2: "), "{told:?}");
    assert!(second == "unmapped before" && then.starts_with("line 4: "), "{told:?}");
}

#[test]
fn a_log_without_a_mapping_has_no_word_of_a_trace() {
    for text in [
        fault("10.000050", "Read NO_PASID"),
        event("10.000050", "io_page_fault: IOMMU:ahci 0000:05:00.0 iova=0xfffe0000 flags=0x0000"),
    ] {
        assert_eq!(told(&explain(&text), Lang::En), []);
    }
}

#[test]
fn no_event_that_the_replay_reads_is_not_understood() {
    let text = "perf 123/124 [000] 10.000010200: dma:dma_map_phys: 0000:05:00.0 dir=TO_DEVICE dma_addr=fffe0000 size=4096 phys_addr=5000 attrs=\n\
         k-1 [000] ..... 10.000011: dma_map_sg: 0000:05:00.0 dir=TO_DEVICE dma_addrs={0xf000} sizes={0x1000} phys_addrs={0x9000} attrs= [TRUNCATED]\n\
         k-1 [000] ..... 10.000012: swiotlb_bounced: dev_name: 0000:05:00.0 dma_mask=ffffffff dev_addr=1000 size=512 NORMAL\n";
    let report = explain(&(String::from(text) + &fault("10.000050", "Read NO_PASID")));
    assert_eq!(report.lines, 4);
    let unknown = report.items.iter().filter(|item| matches!(item.kind, Kind::Unknown { .. }));
    assert_eq!(unknown.count(), 0, "{:?}", report.items);
    assert_eq!(report.items[0].lines.first, 4);
}
