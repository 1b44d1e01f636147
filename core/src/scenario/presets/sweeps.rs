//! Scenarios whose answer is a number: the quantity it depends on, the values that are tried, and what is counted. The
//! curves are made by running the machine for each value (`view::sweep`).

use crate::spec::Text;

/// What is counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Counted {
    /// Misses of the IOTLB.
    IotlbMisses,
    /// Table entries read.
    Reads,
    /// Bytes copied by a CPU.
    Copied,
    /// Request packets.
    Packets,
    /// Requests the IOMMU answered.
    Translations,
}

impl Counted {
    /// In words; `{}` is the machine's own word for the cache of translations.
    pub const fn text(self) -> Text {
        match self {
            Counted::IotlbMisses => Text::new("{} misses", "{} 未命中次数"),
            Counted::Reads => Text::new("table entries read", "读表项次数"),
            Counted::Copied => Text::new("bytes copied by the CPU", "CPU 拷贝的字节数"),
            Counted::Packets => Text::new("request packets", "请求数据包数"),
            Counted::Translations => Text::new("requests translated", "转换的请求数"),
        }
    }
}

/// One curve: a line of the scenario as the text has it (which of several equal ones, from 0), and its name.
#[derive(Clone, Copy, Debug)]
pub struct Curve {
    /// The line, with `{}` for what changes.
    pub line: &'static str,
    /// Which of several equal lines, from 0.
    pub nth: usize,
    /// Its name in the chart.
    pub name: Text,
}

/// A quantity of a scenario.
#[derive(Clone, Copy, Debug)]
pub struct Sweep {
    /// The scenario's name.
    pub name: &'static str,
    /// What is changed; `{}` is the machine's own word for the cache of translations.
    pub quantity: Text,
    /// The part of the text that changes, with `{}` for the value: every place where it stands is changed.
    pub edit: &'static str,
    /// The value in the scenario.
    pub here: &'static str,
    /// The values, in order.
    pub values: &'static [&'static str],
    /// What is counted.
    pub counted: Counted,
    /// Of which lines.
    pub curves: &'static [Curve],
}

/// Every sweep.
pub static SWEEPS: &[Sweep] = &[
    Sweep {
        name: "iotlb-reach",
        quantity: Text::new("{} entries", "{} 条目数"),
        edit: " iotlb {}",
        here: "32",
        values: &["1", "2", "4", "8", "16", "32", "64", "128"],
        counted: Counted::IotlbMisses,
        curves: &[
            Curve {
                line: "dma nic write 0x4000_0000 +64 times 64 stride 4K",
                nth: 1,
                name: Text::new("4 KiB pages, second round", "4 KiB 页，第二圈"),
            },
            Curve {
                line: "dma nic write 0x8000_0000 +64 times 64 stride 4K",
                nth: 0,
                name: Text::new("one 2 MiB page", "一个 2 MiB 页"),
            },
            Curve {
                line: "dma nic write 0x8020_0000 +64 times 64 stride 4M",
                nth: 0,
                name: Text::new("64 pages of 2 MiB", "64 个 2 MiB 页"),
            },
        ],
    },
    Sweep {
        name: "relay-or-passthrough",
        quantity: Text::new("bytes", "字节数"),
        edit: "gbuf +{} data",
        here: "1500",
        values: &["64", "256", "512", "1000", "1500", "2K", "4K"],
        counted: Counted::Copied,
        curves: &[Curve {
            line: "relay blue nic write gbuf +{} data pattern 1",
            nth: 0,
            name: Text::new("relayed by the host", "由宿主机转发"),
        }],
    },
    Sweep {
        name: "first-dma",
        quantity: Text::new("bytes", "字节数"),
        edit: "program disk write 0x200_0000 +{} interrupt",
        here: "4K",
        values: &["128", "256", "512", "1K", "2K", "4K"],
        counted: Counted::Packets,
        curves: &[Curve {
            line: "doorbell disk", nth: 0, name: Text::new("of the device", "设备发出的")
        }],
    },
    Sweep {
        name: "swiotlb",
        quantity: Text::new("bytes of the packet", "数据包的字节数"),
        edit: "alloc packet {} high",
        here: "1500",
        values: &["64", "512", "1500", "2K", "4K", "16K", "64K", "128K"],
        counted: Counted::Copied,
        curves: &[Curve {
            line: "tx = dma_map_single nic packet to-device",
            nth: 0,
            name: Text::new("through the bounce pool", "经过回弹缓冲池"),
        }],
    },
];

/// The sweep of the scenario called `name`.
pub fn sweep(name: &str) -> Option<&'static Sweep> {
    SWEEPS.iter().find(|sweep| sweep.name == name)
}
