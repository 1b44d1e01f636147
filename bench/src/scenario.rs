//! Whole scenarios: a transfer of 1 GiB, and texts of 10, 1,000 and 10,000 operations parsed, run, moved through and
//! drawn.

use crate::Kernel;
use iommu_core::machine;
use iommu_core::scenario;
use iommu_core::spec::Lang;
use iommu_core::view::Player;

const HEAD: &str = "iommu-playground 1
machine vt-d iotlb 64
iommu strict
ram 0 .. 3G
device nic 00:03.0
steps
  domain d0
  attach nic to d0
";

/// 1 GiB written by a device, translated page by page.
fn gigabyte(page: &str) -> String {
    format!("{HEAD}  map d0 0x4000_0000 +1G -> 0x4000_0000 rw page {page}\n  dma nic write 0x4000_0000 +1G\n")
}

/// `operations` small transfers over 256 pages: four times what the IOTLB holds.
fn many(operations: u64) -> String {
    let mut text = format!("{HEAD}  map d0 0x10_0000 +1M -> 0x4000_0000 rw page 4K\n");
    for i in 0..operations - 3 {
        // Without indentation: ten thousand lines must stay below the limit of a text, 256 KiB.
        text += &format!("dma nic write {:#x} +1\n", 0x10_0000 + ((i * 37 % 256) << 12));
    }
    text
}

fn player(operations: u64) -> Player {
    Player::open(&many(operations)).expect("a scenario that runs")
}

pub fn add(all: &mut Vec<Kernel>) {
    for (page, pages) in [("4K", 1 << 18), ("2M", 512)] {
        let make = move || {
            let text = gigabyte(page);
            move || machine::run(&text).map_or(0, |run| run.machine.trace.len() as u64)
        };
        all.push(Kernel::new(format!("dma/1 GiB, one page of {page}"), pages, make));
    }
    for operations in [10, 1_000, 10_000] {
        let name = |what: &str| format!("scenario/{what}/{operations}");
        let parse = move || {
            let text = many(operations);
            move || scenario::parse(&text).is_ok().into()
        };
        let run = move || {
            let text = many(operations);
            move || machine::run(&text).map_or(0, |run| run.machine.trace.len() as u64)
        };
        // 32 positions in a row, from the middle; and 32 scattered over all.
        let near = move |player: &Player, i: usize| player.viewer.len() / 2 + i;
        let far = move |player: &Player, i: usize| (i * 7919 + 13) * 104_729 % (player.viewer.len() + 1);
        let step = move || {
            let mut player = player(operations);
            move || {
                (0..32)
                    .map(|i| {
                        let at = near(&player, i);
                        player.viewer.view(at, Lang::En).caches.len() as u64
                    })
                    .sum()
            }
        };
        let seek = move || {
            let mut player = player(operations);
            move || {
                (0..32)
                    .map(|i| {
                        let at = far(&player, i);
                        player.viewer.view(at, Lang::En).caches.len() as u64
                    })
                    .sum()
            }
        };
        let draw = move || {
            let mut player = player(operations);
            move || {
                (0..32)
                    .map(|i| {
                        let at = near(&player, i);
                        player.scene(at, 120, None, Lang::En).texts.len() as u64
                    })
                    .sum()
            }
        };
        all.extend([
            Kernel::new(name("parse, an operation of"), operations, parse)
                .beside("scenario/parse, an operation of/10"),
            Kernel::new(name("run, an operation of"), operations, run)
                .beside("scenario/run, an operation of/10"),
            Kernel::new(name("view the next step of"), 32, step).beside("scenario/view the next step of/10"),
            Kernel::new(name("view any step of"), 32, seek).beside("scenario/view any step of/10"),
            Kernel::new(name("draw the next step of"), 32, draw).beside("scenario/draw the next step of/10"),
        ]);
    }
}
