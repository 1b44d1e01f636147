//! Wordings, with where each comes from, and which of them an unknown line resembles.

use super::fault::Arch;
use crate::spec::Lang;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// One wording.
#[derive(PartialEq, Eq, Debug)]
pub struct Form {
    /// A short name, for programs, tests and links; it does not change.
    pub name: &'static str,
    /// Whose message it is.
    pub arch: Arch,
    /// The wording; `*`, or a name in braces, stands for what varies.
    pub wording: &'static str,
    /// Which program prints it, in which versions.
    pub source: &'static str,
}

impl Form {
    /// Returns the wording with `*` for all that varies.
    pub fn plain(&self) -> String {
        let (mut out, mut inside) = (String::new(), false);
        for c in self.wording.chars() {
            match c {
                '{' => {
                    inside = true;
                    out.push('*');
                }
                '}' => inside = false,
                c if !inside => out.push(c),
                _ => {}
            }
        }
        out
    }

    /// Returns which program prints it. In Chinese the program, its versions and the file; what else English says of them is in
    /// the documents.
    pub fn printed_by(&self, lang: Lang) -> String {
        if lang == Lang::En {
            return self.source.into();
        }
        let (versions, rest) = match self.source.find([',', ';', '(']) {
            Some(at) => (self.source[..at].trim_end(), &self.source[at..]),
            None => (self.source, ""),
        };
        let versions = versions.split(" with ").next().unwrap_or(versions);
        let mut said = match (versions.strip_suffix(" and later"), versions.split_once(" to ")) {
            (Some(first), _) => format!("{first} 及以后"),
            (None, Some((first, last))) => format!("{first} 至 {last}"),
            (None, None) => versions.replace(" before ", " 早于 ").replace(" since ", " "),
        };
        let file =
            rest.split([',', ';', '(', ')', ' ']).find(|word| word.contains('/') && word.contains('.'));
        if let Some(file) = file {
            said = format!("{said}，{file}");
        }
        said
    }
}

/// Names that are special to an IOMMU's driver or emulator; the longer of two that begin alike comes first.
const NAMES: &[(&str, Arch)] = &[
    ("DMAR", Arch::VtD),
    ("[VT-D]", Arch::VtD),
    ("INTR-REMAP", Arch::VtD),
    ("vtd_", Arch::VtD),
    ("AMD-Vi", Arch::AmdVi),
    ("amdvi_", Arch::AmdVi),
    ("ivhd", Arch::AmdVi),
    ("arm-smmu-v3", Arch::SmmuV3),
    ("smmuv3", Arch::SmmuV3),
    ("arm-smmu", Arch::SmmuV2),
    ("riscv,iommu", Arch::RiscV),
    ("riscv_iommu", Arch::RiscV),
    ("virtio_iommu", Arch::Virtio),
    ("mtk-iommu", Arch::MediaTek),
    ("apple-dart", Arch::Dart),
    ("rk_iommu", Arch::Rockchip),
    ("sun50i-iommu", Arch::Allwinner),
    ("ipmmu-vmsa", Arch::Renesas),
    ("exynos-sysmmu", Arch::Exynos),
    ("omap-iommu", Arch::Omap),
    ("tegra-mc", Arch::Tegra),
    ("DMA-API", Arch::DmaApi),
    ("iommufd", Arch::Vfio),
];

/// Words of a line that speaks of an IOMMU or of DMA.
const MENTIONS: [&str; 10] = [
    "DMAR",
    "AMD-Vi",
    "arm-smmu",
    "iommu",
    "IOMMU",
    "software IO TLB",
    "IVRS",
    "IORT",
    "Remapped Interrupt",
    "resv 0x",
];

/// Returns the names of which [`speaker`] wants one.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    NAMES.iter().map(|(name, _)| *name)
}

/// Returns the words of which [`mentions`] wants one.
pub(super) fn mentioned() -> impl Iterator<Item = &'static str> {
    MENTIONS.into_iter()
}

/// Whose line it is, by the name that begins it; `None` if no name that is special to an IOMMU does.
pub(super) fn speaker(line: &str) -> Option<Arch> {
    // The name is among the first words, before what is said.
    let head: &str = line.split(": ").next().unwrap_or(line);
    let mut end = head.len().min(80);
    // Bounded: a character has at most four bytes.
    while !head.is_char_boundary(end) {
        end -= 1;
    }
    let (head, begins) = (&head[..end], line);
    NAMES
        .iter()
        .find(|(name, _)| {
            // A driver and a device may come first; a sentence does not.
            let words = head.find(name).map(|at| head[..at].split_whitespace().count());
            words.is_some_and(|words| words <= 2) && (head.len() < 60 || begins.starts_with(name))
        })
        .map(|&(_, arch)| arch)
}

/// Does the line report trouble? Among thousands of lines only such are shown when they are not understood.
pub(super) fn reports_trouble(line: &str) -> bool {
    const WORDS: [&str; 16] = [
        "rror", "ault", "ailed", "ailure", "imed out", "imeout", "nvalid ", "llegal", "verflow", "nable to",
        "annot", "BUG", "Bug", "WARN", "efused", "bad ",
    ];
    WORDS.iter().any(|word| line.contains(word))
}

/// Is the line part of a stack trace or of the registers above it, as a kernel prints them below a warning?
pub(super) fn backtrace(line: &str) -> bool {
    const BEGINS: [&str; 9] = [
        "Call trace:",
        "Call Trace:",
        "CPU: ",
        "Hardware name:",
        "Modules linked in:",
        "RIP: ",
        "Workqueue: ",
        "---[ ",
        "------------[ ",
    ];
    let frame = || line.split_once("+0x").is_some_and(|(_, offset)| offset.contains("/0x"));
    BEGINS.iter().any(|begin| line.starts_with(begin)) || frame()
}

/// Is it a warning of the kernel's IOMMU code: `WARNING: CPU: 3 PID: 1234 at drivers/iommu/dma-iommu.c:1264 ...`?
pub(super) fn warns(line: &str) -> bool {
    line.starts_with("WARNING: ") && line.contains(" at drivers/iommu/")
}

/// Does the line speak of an IOMMU or of DMA at all? If it reports no trouble it is left in peace.
pub(super) fn mentions(line: &str) -> bool {
    MENTIONS.iter().any(|word| line.contains(word))
}

/// Words of at least three letters: what two lines can have in common.
fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).filter(|word| {
        word.len() > 2 && !word.starts_with("0x") && word.bytes().any(|b| b.is_ascii_alphabetic())
    })
}

/// Words that many messages of all kinds have: sharing them means nothing.
fn ordinary(word: &str) -> bool {
    const ORDINARY: [&str; 45] = [
        "device", "fault", "error", "for", "the", "not", "with", "this", "from", "and", "timed", "out",
        "timeout", "address", "addr", "page", "request", "write", "read", "dma", "DMA", "iommu", "IOMMU",
        "DMAR", "AMD", "arm", "smmu", "event", "status", "failed", "table", "entry", "entries", "invalid",
        "bit", "set", "log", "detected", "unable", "handle", "reason", "size", "memory", "driver", "already",
    ];
    ORDINARY.iter().any(|have| have.eq_ignore_ascii_case(word))
}

/// The form of the same speaker that shares most words with the line, and at least one that is not ordinary.
///
/// Only the first words of a line count, so that a line of any length costs the same.
pub(super) fn nearest<'a>(line: &str, arch: Arch, forms: impl Iterator<Item = &'a Form>) -> Option<&'a Form> {
    const MOST: usize = 24;
    let line: Vec<&str> = words(line).take(MOST).collect();
    let score = |form: &Form| {
        let (mut shared, mut all, mut special) = (0, 0, false);
        for word in words(form.wording) {
            all += 1;
            if line.iter().any(|have| have.eq_ignore_ascii_case(word)) {
                shared += 1;
                // The speaker's own name is in every line of it.
                special |= !ordinary(word) && !NAMES.iter().any(|(name, _)| name.contains(word));
            }
        }
        (shared, all, special)
    };
    forms
        .filter(|form| form.arch == arch)
        .map(|form| (score(form), form))
        .filter(|((shared, all, special), _)| *special && *shared >= 2 && shared * 3 >= *all)
        .max_by(|((a, n, _), _), ((b, m, _), _)| (a * m).cmp(&(b * n)).then(a.cmp(b)))
        .map(|(_, form)| form)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_speaker_is_the_name_that_begins_a_line() {
        for (line, arch) in [
            ("DMAR: DRHD: handling fault status reg 2", Some(Arch::VtD)),
            ("nvme 0000:03:00.0: AMD-Vi: Event", None),
            ("iommu ivhd0: AMD-Vi: Event", Some(Arch::AmdVi)),
            ("arm-smmu-v3 arm-smmu-v3.0.auto: x", Some(Arch::SmmuV3)),
            ("arm-smmu 15000000.iommu: x", Some(Arch::SmmuV2)),
            ("I think that the DMAR table of this board is broken, and I wonder why it is so", None),
        ] {
            assert_eq!(speaker(line), arch, "{line}");
        }
    }
}
