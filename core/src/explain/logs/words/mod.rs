//! Words of memory from a crash dump, `drgn`, `gdb` or QEMU's monitor: gathered from the whole paste, and walked from a unit's root
//! to an address that is asked. What is not in the paste is named, with the command that shows it.

mod amd;
mod domain;
mod line;
mod riscv;
mod smmu;
mod stage;
mod vtd;
mod way;

pub(super) use line::{line, Said};

use super::causes;
use super::dumped::Domain;
use super::fault::{Access, Arch};
use super::forms::Form;
use super::found::{Format, Found};
use super::report::Kind;
use super::scenario::{self, Sketch};
use crate::addr::RequesterId;
use crate::spec::{Phrase, Text};
use crate::trace::Perms;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use line::{Asked, Asker};
use stage::{size, End};
use way::Way;

pub(super) static FORMAT: Format =
    Format { forms: FORMS, readers: &[], patterns: &[], codes: || Vec::new(), causes: causes::none };

macro_rules! form {
    ($name:literal $arch:ident $root:literal) => {
        Form {
            name: $name,
            arch: Arch::$arch,
            wording: concat!("root ", $root, " / *: * * / walk * *"),
            source: "words of memory: QEMU's xp, crash's rd, gdb's x, drgn; see docs/fault-logs.md",
        }
    };
}

static FORMS: &[Form] = &[
    form!("words-vtd" VtD "vt-d *"),
    form!("words-amd" AmdVi "amd-vi *"),
    form!("words-smmu" SmmuV3 "smmuv3 * *"),
    form!("words-riscv" RiscV "riscv *"),
];

/// The most words that are kept: the tables of a device with gigabytes mapped, and no more memory than a page may take.
const MOST_WORDS: usize = 1 << 18;
/// The most rows of tables that a kernel printed page by page.
const MOST_ROWS: usize = 1 << 16;
/// The most addresses that are walked.
const MOST_WALKS: usize = 256;

/// Where tables begin: whose, and what the registers hold.
type Root = (Arch, Vec<u64>);

/// Everything that a paste says of memory.
#[derive(Default)]
pub(super) struct Words {
    words: BTreeMap<u64, u64>,
    /// The first line with a word, and the last.
    lines: Option<(usize, usize)>,
    /// Words that were left out because there are too many.
    left: u64,
    /// An address that has two values: the first such.
    two: Option<(usize, u64)>,
    /// Where tables begin, as lines say, in their order.
    roots: Vec<Root>,
    /// Where they begin as a kernel's own dump of each unit says, and which devices it lists.
    dumped: Vec<(Root, Vec<RequesterId>)>,
    entry: Option<Root>,
    /// Entries of devices that a kernel printed, by device.
    entries: BTreeMap<(Arch, RequesterId), Vec<u64>>,
    /// The addresses that are asked, each with its line and how many roots stand above it.
    asked: Vec<(usize, Asked, usize)>,
    /// Tables that a kernel printed page by page, and their rows together.
    domains: Vec<Domain>,
    rows: usize,
    /// The first line of a CPU's map (`info mem`, `info tlb`), and the last.
    of_cpu: Option<(usize, usize)>,
}

impl Words {
    /// Takes a line.
    pub(super) fn take(&mut self, number: usize, said: Said) {
        if said == Said::OfCpu {
            let (first, _) = self.of_cpu.unwrap_or((number, number));
            self.of_cpu = Some((first, number));
        }
        if matches!(said, Said::Command | Said::OfCpu) {
            return;
        }
        let (first, _) = self.lines.unwrap_or((number, number));
        self.lines = Some((first, number));
        match said {
            Said::Words(at, words) => {
                for (offset, word) in (0u64..).step_by(8).zip(words) {
                    let at = at.wrapping_add(offset);
                    if self.words.len() >= MOST_WORDS && !self.words.contains_key(&at) {
                        self.left += 1;
                    } else if self.words.insert(at, word).is_some_and(|old| old != word) {
                        self.two = self.two.or(Some((number, at)));
                    }
                }
            }
            Said::Root(arch, words) if self.roots.len() < MOST_WALKS => self.roots.push((arch, words)),
            Said::Entry(arch, words) => self.entry = Some((arch, words)),
            Said::Walk(asked) if self.asked.len() < MOST_WALKS => {
                self.asked.push((number, asked, self.roots.len()));
            }
            Said::Root(..) | Said::Walk(_) => self.left += 1,
            Said::Command | Said::OfCpu => {}
        }
    }

    /// Takes the tables of a device that a kernel printed page by page.
    pub(super) fn tables(&mut self, domain: Domain) {
        if self.rows < MOST_ROWS {
            self.rows += domain.pages.len();
            self.domains.push(domain);
        }
    }

    /// A row of tables stands where it belongs to none for certain: it may be one of those last met.
    pub(super) fn stray(&mut self) {
        if let Some(domain) = self.domains.last_mut() {
            domain.unread += 1;
        }
    }

    /// Takes the root from a kernel's own dump of a unit's tables, with the devices that it lists, unless a line says another.
    pub(super) fn root(&mut self, arch: Arch, register: u64, devices: Vec<RequesterId>) {
        if self.dumped.len() < MOST_WALKS {
            self.dumped.push(((arch, [register].into()), devices));
        }
    }

    /// The root from which a line walks that has so many above it: the nearest above, else the first below, else that of the unit whose
    /// dump lists the device. Where there are several that of no other unit is it.
    fn root_of(&self, above: usize, device: Option<Asker>) -> Option<&Root> {
        if let Some(root) = self.roots.get(above.saturating_sub(1)) {
            return Some(root);
        }
        let function = device.and_then(Asker::function);
        let lists = |(_, devices): &&(_, Vec<RequesterId>)| function.is_some_and(|id| devices.contains(&id));
        let listed = self.dumped.iter().find(lists);
        let first =
            self.dumped.first().filter(|(root, _)| self.dumped.iter().all(|(other, _)| other == root));
        listed.or(first).map(|(root, _)| root)
    }

    /// Takes the entry of a device that a kernel printed.
    pub(super) fn entry(&mut self, arch: Arch, device: RequesterId, words: Vec<u64>) {
        if self.entries.len() < MOST_WALKS {
            self.entries.insert((arch, device), words);
        }
    }

    /// The entry that a kernel printed of the device that is asked; the only one where no device is named.
    fn printed(&self, arch: Arch, asked: Asked) -> Option<Vec<u64>> {
        let mut of_arch = self.entries.iter().filter(|((whose, _), _)| *whose == arch);
        match asked.device {
            Some(device) => {
                let function = device.function()?;
                of_arch.find(|((_, have), _)| *have == function).map(|(_, words)| words.clone())
            }
            None => of_arch.next().filter(|_| self.entries.len() == 1).map(|(_, words)| words.clone()),
        }
    }

    /// Returns `N` words at an address.
    fn get<const N: usize>(&self, at: u64) -> Result<[u64; N], End> {
        let mut words = [0; N];
        for (i, word) in words.iter_mut().enumerate() {
            let at = at.wrapping_add(i as u64 * 8);
            *word = *self.words.get(&at).ok_or(End::Missing(at, N - i))?;
        }
        Ok(words)
    }

    /// Returns what was found, each with its lines; nothing where the paste has no word and no question.
    pub(super) fn found(&self) -> Vec<(usize, usize, Found)> {
        let mut all: Vec<(usize, usize, Found)> = Vec::new();
        if let Some((first, last)) = self.of_cpu {
            all.push((first, last, of_cpu()));
        }
        let Some((first, last)) = self.lines else { return all };
        let arch = |above: usize, device: Option<Asker>| {
            let dumped = self.dumped.first().map(|(root, _)| root);
            let arch = self.root_of(above, device).or(self.entry.as_ref()).or(dumped).map(|(arch, _)| *arch);
            arch.or(self.entries.keys().next().map(|(arch, _)| *arch))
        };
        let (mut others, mut rows) = (Vec::new(), Vec::new());
        for (line, asked, above) in &self.asked {
            match domain::of(&self.domains, *asked) {
                Some(domain) => rows.push((*line, *line, domain::walked(domain, *asked))),
                None => others.push((*line, *asked, *above)),
            }
        }
        match arch(0, None) {
            Some(any) if !self.asked.is_empty() => {
                let walked = |(line, asked, above): (usize, Asked, usize)| {
                    let (arch, root) = (arch(above, asked.device), self.root_of(above, asked.device));
                    (line, line, self.walked(arch.unwrap_or(any), asked, root))
                };
                all.extend(others.into_iter().map(walked));
            }
            arch if rows.is_empty() || !others.is_empty() => all.push((first, last, self.summary(arch))),
            _ => {}
        }
        all.extend(rows);
        all
    }

    /// Words without a root or without a question.
    fn summary(&self, arch: Option<Arch>) -> Found {
        let arch = arch.unwrap_or(Arch::VtD);
        let title = Phrase::new(
            format!("words of memory: {}", self.words.len()),
            format!("内存中的字：{} 个", self.words.len()),
        );
        let mut found = tables(arch, title);
        if self.roots.is_empty() && self.dumped.is_empty() && self.entry.is_none() {
            found.certain(
                Text::new("missing", "缺少"),
                "root vt-d 0x…",
                Text::new(
                    "where the tables begin: what RTADDR holds; also root amd-vi, smmuv3, riscv",
                    "表从哪里开始：RTADDR 的值；也可以是 root amd-vi、smmuv3、riscv",
                ),
            );
        }
        if self.asked.is_empty() {
            found.certain(
                Text::new("missing", "缺少"),
                "walk 00:04.0 0x…",
                Text::new("the device and the address that are asked", "要查的设备与地址"),
            );
        }
        found
    }

    fn walked(&self, arch: Arch, asked: Asked, root: Option<&Root>) -> Found {
        let of =
            |side: Option<&Root>| side.filter(|(whose, _)| *whose == arch).map(|(_, words)| words.clone());
        let (root, entry) = (of(root).unwrap_or_default(), of(self.entry.as_ref()));
        let entry = entry.or_else(|| self.printed(arch, asked));
        let mut way = Way {
            words: self,
            asked,
            root: &root,
            entry: entry.as_deref(),
            steps: Vec::new(),
            walk: Default::default(),
            limit: Perms::RWX,
        };
        let end = match (root.is_empty() && entry.is_none(), asked.device.is_none() && entry.is_none()) {
            _ if asked.segment.is_some_and(|segment| segment > 0xffff) => Err(End::Refused(behind_vmd())),
            (false, false) => way.go(arch),
            (_, true) => Err(End::Refused(Phrase::new("the line names no device", "这一行没有写设备"))),
            (true, _) if self.dumped.len() > 1 => Err(End::Refused(Phrase::new(
                "the paste has the tables of several units, and none of them lists this device: a line `root` says which to walk from",
                "所给文本有几个 IOMMU 的表，都没有列出该设备：可用一行 `root` 写明从哪里查起",
            ))),
            (true, _) => Err(End::Refused(Phrase::new(
                "the paste has neither this device's entry nor a `root`, where the tables of devices begin",
                "所给文本既没有该设备的表项，也没有 `root`（设备的表从哪里开始）",
            ))),
        };
        let device = asked.device.map_or(String::new(), |device| match (device, arch) {
            (Asker::Number(_), Arch::SmmuV3) => format!(" StreamID {device}"),
            (Asker::Number(_), Arch::RiscV) => format!(" device_id {device}"),
            _ => match asked.segment {
                Some(segment) => format!(" {segment:04x}:{device}"),
                None => format!(" {device}"),
            },
        });
        let address = asked.address;
        let title = Phrase::new(
            format!("{}: the tables of the dump for {address:#x}{}", arch.name(), of_device(&device)),
            format!(
                "{}：转储中{device}{}地址 {address:#x} 的各级表",
                arch.name(),
                if device.is_empty() { "" } else { " " }
            ),
        );
        let mut found = tables(arch, title);
        for step in &way.steps {
            let words: Vec<String> = step.words.iter().map(|word| format!("{word:#018x}")).collect();
            let at = step.at.map(|at| (format!(" (at {at:#x})"), format!("（该项在 {at:#x}）")));
            let (en, zh) = at.unwrap_or_default();
            let at = Phrase::new(format!("{}{en}", step.says.en), format!("{}{zh}", step.says.zh));
            let value = Phrase::new(
                format!("{}: {}", step.name.en, words.join(" ")),
                format!("{}：{}", step.name.zh, words.join(" ")),
            );
            found.certain(Text::new("read", "读取"), value, at);
        }
        let ends = Text::new("ends at", "停在");
        match end {
            Ok(leaf) => {
                let rights = leaf.perms.of_device();
                let rights = (rights.to_string(), rights.zh());
                found.certain(
                    ends,
                    format!("{:#x}", leaf.to),
                    Phrase::new(
                        format!("the address in memory; a page of {}, {}", size(leaf.shift), rights.0),
                        format!("内存中的地址；页大小 {}，{}", size(leaf.shift), rights.1),
                    ),
                );
            }
            Err(End::Same(why)) => found.certain(ends, format!("{address:#x}"), why),
            Err(End::Refused(why)) => {
                found.certain(Text::new("ends at", "结果"), Phrase::new("refused", "拒绝"), why);
            }
            Err(End::Missing(at, count)) => found.certain(
                Text::new("ends at", "还需要"),
                format!("xp /{count}gx {at:#x}"),
                Phrase::new(
                    format!("the dump has no word for {at:#x}: this command of QEMU's monitor shows it, `rd -64 -p {at:x} {count}` in crash"),
                    format!("转储里没有 {at:#x} 处的数据：可用这条 QEMU 监视器命令读出，在 crash 中是 `rd -64 -p {at:x} {count}`"),
                ),
            ),
        }
        if let Some((line, at)) = self.two {
            found.certain(
                Text::new("twice", "重复"),
                format!("{at:#x}"),
                Phrase::new(
                    format!("the dump has two values for it; the one of line {line} counts"),
                    format!("转储里它有两个值；采用第 {line} 行的"),
                ),
            );
        }
        if self.left > 0 {
            found.certain(
                Text::new("left out", "未收入"),
                self.left,
                Text::new(
                    "words and questions beyond the first 262,144 and 256",
                    "超出 262,144 个字、256 个问题的部分",
                ),
            );
        }
        let mut walk = way.walk;
        walk.address = address;
        walk.device = asked.device.and_then(Asker::function);
        walk.access = Some(if asked.write { Access::Write } else { Access::Read });
        walk.entries = way.steps.iter().filter_map(|step| Some((step.level?, step.words[0]))).collect();
        if arch == Arch::VtD && asked.pasid.is_none() {
            found.scenario = scenario::of_walk(&walk).map(Sketch::Written);
        }
        found
    }
}

/// Whose tables count for a function in a domain that the kernel made for an Intel VMD: requests from there carry the id of the VMD
/// itself, for which Linux sets up the IOMMU (`pci_real_dma_dev` in arch/x86/pci/common.c; `vmd_find_free_domain` in
/// drivers/pci/controller/vmd.c numbers such domains from 0x10000 on).
fn behind_vmd() -> Phrase {
    Phrase::new(
        "its segment, above 0xffff, is a domain that the kernel made for an Intel VMD: its requests reach the IOMMU with the requester id of the VMD itself. `walk` with the VMD's own function (lspci: \"Volume Management Device\") is the question",
        "段号大于 0xffff，是内核为 Intel VMD 建立的域：该功能的请求以 VMD 自身的请求者 ID 到达 IOMMU。要查的是 VMD 本身的功能（lspci 里的“Volume Management Device”），用它写 `walk`",
    )
}

/// What a monitor shows of a CPU's addresses.
fn of_cpu() -> Found {
    let mut found = tables(
        Arch::VtD,
        Phrase::new(
            "QEMU: the CPU's map of virtual addresses, which no device uses",
            "QEMU：CPU 的虚拟地址映射，与设备无关",
        ),
    );
    found.certain(
        Text::new("instead", "改用"),
        "xp /1gx 0xfed90020",
        Text::new(
            "where the tables of VT-d begin (RTADDR): `root vt-d` with it, `walk` with device and address, and this names the words to show next",
            "VT-d 的表从哪里开始（RTADDR）：写 `root vt-d` 加这个值，`walk` 加设备和地址，就会指出接下来要看哪些字",
        ),
    );
    found
}

fn of_device(device: &str) -> String {
    match device {
        "" => String::new(),
        device => format!(" of{device}"),
    }
}

fn tables(arch: Arch, title: Phrase) -> Found {
    let form = match arch {
        Arch::AmdVi => "words-amd",
        Arch::SmmuV3 => "words-smmu",
        Arch::RiscV => "words-riscv",
        _ => "words-vtd",
    };
    let mut found = Found::status(arch, form, title);
    found.kind = Kind::Tables;
    found
}
