//! What things cost on each architecture: counted by running the same text on each.

use super::{Cell, Row, Section};
use crate::iommu::Architecture;
use crate::link::{encode, Options, Position};
use crate::machine::run;
use crate::memory::FRAME;
use crate::scenario::onto_word;
use crate::spec::{Lang, Text};
use crate::trace::{Actor, CacheKind, CacheOp, Event, Scope, Step, Trace};
use crate::view::met::Met;
use alloc::collections::BTreeSet;
use alloc::{format, string::String, string::ToString, vec, vec::Vec};

/// A text that is run, and what is counted of it.
struct Cost {
    name: Text,
    unit: Text,
    /// The steps of the text.
    steps: &'static str,
    count: fn(&Trace) -> u64,
}

const HEAD: &str = "iommu-playground 1\nmachine vt-d\niommu strict\nram 0 .. 3G\ndevice nic 00:03.0\nsteps\n";
const READS: Text = Text::new("reads", "次读");
const BYTES: Text = Text::new("KiB of tables", "KiB 的表");
const COMMANDS: Text = Text::new("commands", "条命令");
/// Of what remembers translations, under its architecture's name.
const ENTRIES: Text = Text::new("{} entries", "个 {} 条目");
const ENTRY: Text = Text::new("{} entry", "个 {} 条目");

const COSTS: [Cost; 8] = [
    Cost {
        name: Text::new("a cold translation, a page of 4 KiB", "冷转换一次，4 KiB 页"),
        unit: READS,
        steps: "  domain d\n  attach nic to d\n  map d 0x4000_0000 +4K -> 0x9000_0000 rw\n  dma nic write 0x4000_0000 +64\n",
        count: reads,
    },
    Cost {
        name: Text::new("a cold translation, a page of 2 MiB", "冷转换一次，2 MiB 页"),
        unit: READS,
        steps: "  domain d\n  attach nic to d\n  map d 0x4000_0000 +2M -> 0x9000_0000 rw page 2M\n  dma nic write 0x4000_0000 +64\n",
        count: reads,
    },
    Cost {
        name: Text::new("1 GiB mapped in pages of 4 KiB", "用 4 KiB 页映射 1 GiB"),
        unit: BYTES,
        steps: "  domain d\n  attach nic to d\n  map d 0x40_0000_0000 +1G -> 0x8000_0000 rw page 4K\n",
        count: tables,
    },
    Cost {
        name: Text::new("1 GiB mapped in pages of 2 MiB", "用 2 MiB 页映射 1 GiB"),
        unit: BYTES,
        steps: "  domain d\n  attach nic to d\n  map d 0x40_0000_0000 +1G -> 0x8000_0000 rw page 2M\n",
        count: tables,
    },
    Cost {
        name: Text::new("256 pages unmapped strictly, one by one", "strict 模式下逐页解除 256 页的映射"),
        unit: COMMANDS,
        steps: "",
        count: commands,
    },
    Cost {
        name: Text::new("256 pages unmapped strictly, in one call", "strict 模式下一次解除 256 页的映射"),
        unit: COMMANDS,
        steps: "  alloc buf 1M\n  rx = dma_map_single nic buf from-device\n  dma_unmap_single rx\n",
        count: commands,
    },
    Cost {
        name: Text::new("2 MiB used, in pages of 4 KiB", "用 4 KiB 页访问 2 MiB"),
        unit: ENTRIES,
        steps: "  domain d\n  attach nic to d\n  map d 0x4000_0000 +2M -> 0x9000_0000 rw page 4K\n  dma nic write 0x4000_0000 +64 times 512 stride 4K\n",
        count: entries,
    },
    Cost {
        name: Text::new("2 MiB used, in one page of 2 MiB", "用一个 2 MiB 页访问 2 MiB"),
        unit: ENTRY,
        steps: "  domain d\n  attach nic to d\n  map d 0x4000_0000 +2M -> 0x9000_0000 rw page 2M\n  dma nic write 0x4000_0000 +64 times 512 stride 4K\n",
        count: entries,
    },
];

/// The text of a cost; that of pages which go one by one is written out.
fn text(cost: &Cost) -> String {
    if !cost.steps.is_empty() {
        return format!("{HEAD}{}", cost.steps);
    }
    let mut text = HEAD.to_string();
    for page in 0..256u32 {
        text += &format!("  alloc b{page} 4K\n  p{page} = dma_map_single nic b{page} from-device\n");
    }
    for page in 0..256u32 {
        text += &format!("  dma_unmap_single p{page}\n");
    }
    text
}

/// What was counted, and the scenario that shows it.
pub(super) struct Counted {
    count: u64,
    /// The commands among what is counted, each with how often.
    commands: Met,
    link: Option<String>,
}

/// Counts everything on every architecture; nothing where a text does not run.
pub(super) fn counts() -> Vec<Vec<Option<Counted>>> {
    let count = |cost: &Cost| {
        let text = text(cost);
        let on = |a: Architecture| {
            let text = onto_word(&text, a.describe().word).ok()?;
            let run = run(&text).ok()?;
            let at = Some(Position::Step(run.machine.trace.len() as u32));
            let link = encode(&text, &Options { at, ..Options::default() }).ok();
            let trace = &run.machine.trace;
            let commands = if cost.unit == COMMANDS { met_commands(trace) } else { Met::default() };
            Some(Counted { count: (cost.count)(trace), commands, link })
        };
        Architecture::ALL.into_iter().map(on).collect()
    };
    COSTS.iter().map(count).collect()
}

/// The section of costs.
pub(super) fn section(counts: &[Vec<Option<Counted>>], lang: Lang) -> Section {
    let row = |(cost, counts): (&Cost, &Vec<Option<Counted>>)| {
        let cell = |(counted, architecture): (&Option<Counted>, Architecture)| {
            let Some(Counted { count, commands, link }) = counted else { return Cell::default() };
            let unit = cost.unit.get(lang).replace("{}", architecture.describe().terms.iotlb);
            let mut lines = vec![format!("{count} {unit}")];
            lines.extend(commands.iter().map(|(entry, times)| match lang {
                Lang::En => format!("{} × {times}", entry.name.en),
                Lang::Zh => format!("{}：{times} 条", entry.name.zh),
            }));
            Cell { lines, count: Some(*count), link: link.clone() }
        };
        Row {
            name: cost.name.get(lang).to_string(),
            note: String::new(),
            cells: counts.iter().zip(Architecture::ALL).map(cell).collect(),
        }
    };
    Section {
        name: "costs",
        title: Text::new("What it costs", "要付出什么代价").get(lang).into(),
        lead: Text::new(
            "Counted by running the same lines on each machine, in the stage that Linux's driver uses for mappings of its own: VT-d in legacy mode and AMD-Vi stage 2, RISC-V and Arm stage 1. (In scalable mode Linux takes VT-d's first stage where the unit has it.) (Whether devices start behind such mappings is for the kernel's configuration to say: Linux 7.2 for RISC-V is built without CONFIG_IOMMU_DMA and leaves them in identity domains.) How many commands a range takes is for the driver too: Linux names an aligned power of two of pages to VT-d and AMD-Vi, ranges to an SMMUv3 with IDR3.RIL and page by page without; its RISC-V driver (v6.13) goes page by page below 2 MiB and forgets the whole address space from there on, with capabilities.S or without. AMD-Vi's host tables have 4 levels here, for 48 bits as on the others; Linux begins a domain with 3 (until v6.18 as since v6.19, with its generic page tables) and adds a level when an address has no room, so that below 512 GiB each walk there is a read shorter, and the tables a page of 4 KiB smaller: `width 39` is that. A bar compares the machines of its own row.",
            "在每种机器上运行同样的几行，用 Linux 驱动给自己的映射所用的阶段：VT-d 的传统模式和 AMD-Vi 用 stage 2，RISC-V 和 Arm 用 stage 1。（在可扩展模式下，只要硬件有第一阶段，Linux 就用它。）（设备一开始是否就在这种映射之后，由内核配置决定：RISC-V 的 Linux 7.2 没有 CONFIG_IOMMU_DMA，设备留在 identity 域里。）一个区间要几条命令，也由驱动决定：Linux 给 VT-d 和 AMD-Vi 的是对齐的 2 的幂页；SMMUv3 有 IDR3.RIL 就按区间，没有就每页一条；RISC-V 的驱动（v6.13）在 2 MiB 以下每页一条，再大就清除整个地址空间，不管有没有 capabilities.S。AMD-Vi 的宿主机页表在这里是 4 级（48 位，与其他机器一样）；Linux 建域时只用 3 级（v6.18 及以前如此，v6.19 换成通用页表后也一样），地址放不下才加一级，所以地址在 512 GiB 以下时，每次查表少读一次，表也少一页 4 KiB：写 `width 39` 就是这样。条形只在同一行的机器之间比较。",
        )
        .get(lang)
        .into(),
        rows: COSTS.iter().zip(counts).map(row).collect(),
    }
}

/// The reads for the last request.
fn reads(trace: &Trace) -> u64 {
    u64::from(Met::for_last_request(trace, 0..trace.len()).total())
}

/// The pages that software wrote table entries into, from the first line of the text on, in KiB.
fn tables(trace: &Trace) -> u64 {
    let mut pages = BTreeSet::new();
    for step in of_the_text(trace).filter(|step| step.actor != Actor::Iommu) {
        let (pa, bytes) = match step.event {
            Event::Write { entry: Some(entry), pa, .. } if is_leaf(entry.words) => (pa, 8),
            Event::WriteRun { entry, pa, new, .. } if is_leaf(entry.words) => {
                (pa, trace.get_words(new).len() as u64 * 8)
            }
            _ => continue,
        };
        pages.extend(pa.raw() / FRAME..=(pa.raw() + bytes.max(1) - 1) / FRAME);
    }
    pages.len() as u64 * FRAME / 1024
}

/// The steps from the first line of the text on.
fn of_the_text(trace: &Trace) -> impl Iterator<Item = &Step> {
    trace.steps().iter().skip_while(|s| !matches!(s.event, Event::Begin(Scope::Operation { .. })))
}

/// Entries of page tables are one word; commands, records and entries of devices are more.
const fn is_leaf(words: u8) -> bool {
    words == 1
}

/// The commands that the IOMMU took from the first line of the text on, waits among them.
fn commands(trace: &Trace) -> u64 {
    met_commands(trace).total().into()
}

/// The same by what each is.
fn met_commands(trace: &Trace) -> Met {
    let mut met = Met::default();
    for step in of_the_text(trace) {
        if let Event::Begin(Scope::Command { entry }) = step.event {
            met.add(entry);
        }
    }
    met
}

/// The entries that the IOTLB took.
fn entries(trace: &Trace) -> u64 {
    let miss = |event: &Event| matches!(event, Event::Cache { cache, op: CacheOp::Miss, .. } if cache.kind == CacheKind::Iotlb);
    trace.steps().iter().filter(|step| miss(&step.event)).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_what_the_formats_ask_for() {
        let section = section(&counts(), Lang::En);
        let of = |row: usize| -> Vec<u64> {
            section.rows[row]
                .cells
                .iter()
                .map(|cell| cell.count.unwrap_or_else(|| panic!("{row} does not run")))
                .collect()
        };
        // A larger page ends one level earlier.
        for (small, large) in of(0).iter().zip(of(1)) {
            assert_eq!(*small, large + 1);
        }
        // 512 tables of last level are 2 MiB; a table of 2 MiB pages is one.
        for (small, large) in of(2).iter().zip(of(3)) {
            assert!(*small >= 2048 && *small < 2100 && large < 40, "{small} {large}");
        }
        // What is said of Linux's three levels on AMD: a read and a page less.
        let amd = |steps: &str, count: fn(&Trace) -> u64| {
            let [four, three] = ["", " width 39"].map(|width| {
                let text = HEAD.replace(
                    "machine vt-d",
                    &format!("machine {}{width}", Architecture::ALL[3].describe().word),
                );
                count(&run(&format!("{text}{steps}")).expect("it runs").machine.trace)
            });
            four - three
        };
        assert_eq!((amd(COSTS[0].steps, reads), amd(COSTS[2].steps, tables)), (1, 4));
        assert!(of(4).iter().zip(of(5)).all(|(each, once)| *each > once));
        // One command for the range and one that waits; on RISC-V Linux names each page.
        assert_eq!(of(5), [2, 257, 2, 2]);
        for (small, large) in of(6).iter().zip(of(7)) {
            assert_eq!((*small, large), (512, 1));
        }
    }
}
