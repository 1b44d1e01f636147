//! What a kernel says of its IOMMUs at boot: the lines of one summary, and the facts that faults elsewhere in the log
//! are held against.

use super::causes::Cause;
use super::fault::{Arch, Fault};
use super::found::{Format, Found, Here, Note, Read};
use super::scan::Scan;
use crate::spec::{Phrase, Text};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

pub(super) static FORMAT: Format = Format {
    forms: &[],
    readers: READERS,
    patterns: &[],
    codes: || Vec::new(),
    causes: |_: &Fault| -> &'static [&'static Cause] { &[] },
};

/// A line that states one thing by its words alone.
struct Fact {
    arch: Arch,
    /// Words that must be in the line besides the mark.
    with: &'static str,
    /// Name, value and meaning of the summary's field.
    says: Option<(Text, Text, Text)>,
}

fn stated(here: &Here<'_>, fact: &'static Fact, note: Option<Note>) -> Option<Found> {
    if !here.text.contains(fact.with) {
        return None;
    }
    let mut found = Found::quiet(fact.arch);
    found.notes.extend(note);
    if let Some((name, value, meaning)) = fact.says {
        found.certain(name, value, meaning);
    }
    Some(found)
}

/// The readers: first the marks that state a fact, then those of lines with numbers in them.
macro_rules! readers {
    ($($mark:literal $arch:ident $(with $with:literal)? $(note $note:ident)?
        $(says $name:ident $en:literal $zh:literal => $meaning_en:literal $meaning_zh:literal)?;)*
     $(read $read_mark:literal $read:ident;)*) => {
        static READERS: &[(&str, Read)] = &[
            $(($mark, |here| {
                static FACT: Fact = Fact {
                    arch: Arch::$arch,
                    with: concat!($($with)?),
                    says: readers!(@says $($name $en $zh $meaning_en $meaning_zh)?),
                };
                stated(here, &FACT, readers!(@note $($note)?))
            }),)*
            $(($read_mark, $read),)*
        ];
    };
    (@says $name:ident $en:literal $zh:literal $meaning_en:literal $meaning_zh:literal) => {
        Some(($name, Text::new($en, $zh), Text::new($meaning_en, $meaning_zh)))
    };
    (@says) => { None };
    (@note $note:ident) => { Some(Note::$note) };
    (@note) => { None };
}

const IOMMU: Text = Text::new("IOMMU", "IOMMU");
const DOMAIN: Text = Text::new("default domain", "默认域");
const POLICY: Text = Text::new("invalidation", "失效策略");
const REMAPPING: Text = Text::new("interrupt remapping", "中断重映射");
const GROUP_TYPE: Text = Text::new("group type", "组类型");

readers! {
    "Default domain type: Passthrough" Vfio note Passthrough says DOMAIN "passthrough" "直通模式"
        => "devices use physical addresses; no translation fault can come from the kernel's own DMA"
           "设备使用物理地址；内核自身的 DMA 不会产生转换错误";
    "Default domain type: Translated" Vfio says DOMAIN "translated" "转换"
        => "each device has its own addresses, if an IOMMU is on: this line alone does not prove it (seen with intel_iommu=off, and on RISC-V with identity groups)"
           "如果 IOMMU 确实启用了，每个设备就有自己的地址空间；单凭这一行还不能断定（intel_iommu=off 时，或 RISC-V 上各 IOMMU 组都是恒等映射时，也会打印这一行）";
    "TLB invalidation policy: strict" Vfio says POLICY "strict" "严格"
        => "the IOTLB forgets at each unmap" "每次解除映射都立即使 IOTLB 失效";
    "TLB invalidation policy: lazy" Vfio says POLICY "lazy" "延迟"
        => "after an unmap a device can reach the page for some milliseconds more"
           "解除映射后，设备在若干毫秒内仍可访问该页";
    "Using strict mode due to virtualization" AmdVi says POLICY "strict" "严格"
        => "because the machine is virtual: this overrides the line that says lazy"
           "因为内核运行在虚拟机里；以这一行为准，前面说“延迟”的那一行不再有效";
    "DMAR: IOMMU disabled" VtD says IOMMU "off" "关闭"
        => "this is the true line, whatever \"Default domain type\" says later"
           "以这行日志为准，不管后面的 Default domain type 写什么";
    "AMD-Vi: AMD IOMMU disabled" AmdVi says IOMMU "off" "关闭"
        => "this is the true line, whatever \"Default domain type\" says later"
           "以这行日志为准，不管后面的 Default domain type 写什么";
    "DMAR: IOMMU enabled" VtD says IOMMU "on" "启用"
        => "Intel VT-d, which the kernel's command line asks for (intel_iommu=on); without it this line is not printed"
           "Intel VT-d，由内核命令行的 intel_iommu=on 启用；没有这个参数就不会打印这一行";
    "Virtualization Technology for Directed I/O" VtD with "DMAR" says IOMMU "on" "启用"
        => "Intel VT-d is set up; whether devices are translated, the default domain type says" "Intel VT-d 已启用；设备的地址是否转换，由默认域类型决定";
    "riscv,iommu " RiscV with "using " says IOMMU "on" "启用"
        => "a RISC-V IOMMU; Linux 7.2 uses it for identity groups only (no CONFIG_IOMMU_DMA there)"
           "RISC-V IOMMU；没有 CONFIG_IOMMU_DMA 的内核（Linux 7.2 如此）只为各 IOMMU 组做恒等映射，不做转换";
    "input address: " Virtio with "virtio_iommu" says IOMMU "on" "启用"
        => "a paravirtual IOMMU of the hypervisor" "hypervisor 的半虚拟化 IOMMU";
    "AMD-Vi: Interrupt remapping enabled" AmdVi says REMAPPING "on" "启用"
        => "interrupts are checked against the remapping table" "每个中断都要查中断重映射表";
    "AMD-Vi: Disabling interrupt remapping" AmdVi says REMAPPING "off" "关闭"
        => "a device can raise any interrupt; VFIO needs allow_unsafe_interrupts"
           "设备可触发任意中断；VFIO 需要 allow_unsafe_interrupts";
    " type=identity devices=" Vfio with "group " says GROUP_TYPE "identity" "恒等"
        => "nothing is translated for these devices, whatever the boot line says"
           "无论启动信息如何，这些设备都不做转换";
    " type=DMA devices=" Vfio with "group " says GROUP_TYPE "DMA" "DMA"
        => "translated, and the IOTLB forgets at each unmap" "经过转换，每次解除映射都立即使 IOTLB 失效";
    " type=DMA-FQ devices=" Vfio with "group " says GROUP_TYPE "DMA-FQ" "DMA-FQ"
        => "translated, and unmaps take effect in batches, some milliseconds later"
           "经过转换；解除映射后，失效推迟若干毫秒，成批执行";
    "trying to copy translation structures" VtD note Copied;
    "Copied translation tables from previous kernel" VtD note Copied;
    "crash kernel" VtD note Copied;
    "failed to setup container for group " Vfio;
    "iommufd_backend_map_dma" Vfio;
    "messages suppressed." Vfio with "printk";
    read "ommand line: " command_line;
    read "Linux version " first_line;
    read "AMD-Vi: Extended features" amd_on;
    read "reg_base_addr " capabilities;
    read "Host address width " host_width;
    read "RMRR base:" reserved;
    read "Enabled IRQ remapping in " remapping_on;
    read "Adding to iommu group " group;
    read " direct" reserved_range;
    read " msi" reserved_range;
    read "-bit (features 0x" arm_features;
}

fn first_line(here: &Here<'_>) -> Option<Found> {
    let version = Scan(here.text).after("Linux version ")?.word();
    let mut found = Found::quiet(Arch::Vfio);
    found.notes.push(Note::Boot);
    if version.starts_with(|c: char| c.is_ascii_digit()) {
        found.certain(
            Text::new("kernel", "内核"),
            version,
            Text::new("the version that booted", "所启动内核的版本"),
        );
    }
    Some(found)
}

fn command_line(here: &Here<'_>) -> Option<Found> {
    let line = Scan(here.text).after("ommand line: ")?.0;
    const WORDS: [&str; 12] = [
        "iommu",
        "intel_iommu",
        "amd_iommu",
        "arm-smmu",
        "pci=noats",
        "swiotlb",
        "vfio",
        "intremap",
        "nointremap",
        "kvm",
        "iommufd",
        "pcie_acs",
    ];
    let set: Vec<&str> =
        line.split_whitespace().filter(|word| WORDS.iter().any(|have| word.starts_with(have))).collect();
    let mut found = Found::quiet(Arch::Vfio);
    if line.contains("elfcorehdr=") {
        found.notes.push(Note::Copied);
    }
    if !set.is_empty() {
        found.certain(
            Text::new("command line", "命令行"),
            set.join(" "),
            Text::new("what it says of the IOMMU", "与 IOMMU 有关的参数"),
        );
    }
    Some(found)
}

fn amd_on(here: &Here<'_>) -> Option<Found> {
    let features = Scan(here.text).after("Extended features")?.0.trim_start_matches([' ', ':']);
    let mut found = Found::quiet(Arch::AmdVi);
    found.certain(
        IOMMU,
        Text::new("found", "已发现"),
        Text::new(
            "AMD-Vi: the line says what it can do, not whether devices are translated",
            "AMD-Vi：这一行只说明硬件支持什么，设备的地址是否经过转换要看别的行",
        ),
    );
    found.certain(
        Text::new("features", "特性"),
        features,
        Text::new("what this unit can do", "该 IOMMU 支持的特性"),
    );
    Some(found)
}

fn arm_features(here: &Here<'_>) -> Option<Found> {
    let v3 = here.text.contains("arm-smmu-v3");
    here.text.contains("arm-smmu").then(|| {
        let mut found = Found::quiet(if v3 { Arch::SmmuV3 } else { Arch::SmmuV2 });
        found.certain(
            IOMMU,
            Text::new("found", "已发现"),
            Text::new(
                "an Arm SMMU: the line says what it can do, not whether devices are translated",
                "Arm SMMU：这一行只说明硬件支持什么，设备的地址是否经过转换要看别的行",
            ),
        );
        if let Some(width) = Scan(here.text).after("oas ").and_then(|body| body.before("-bit")) {
            found.certain(
                Text::new("output width", "输出宽度"),
                width.0,
                Text::new("bits of a physical address (OAS)", "物理地址位数（OAS）"),
            );
        }
        found
    })
}

/// `dmar0: reg_base_addr fed90000 ver 1:0 cap 80d2008c222f0606 ecap f00f4a`.
fn capabilities(here: &Here<'_>) -> Option<Found> {
    let body = Scan(here.text).after("reg_base_addr ")?;
    let (cap, ecap) = (body.after(" cap ")?.hex()?, body.after(" ecap ")?.hex()?);
    let unit = Scan(here.text).before(": reg_base_addr")?.0.rsplit([' ', ':']).next()?;
    let mut found = Found::quiet(Arch::VtD);
    // CAP.MGAW 21:16; ECAP: IR 3, EIM 4, PT 6, SMTS 43, FLTS 47, SSTS 46, PASID 40, PRS 29, DT 2.
    let width = (cap >> 16 & 0x3f) + 1;
    let mut can = Vec::new();
    for (bit, name) in [
        (3, "IR"),
        (2, "device-TLB"),
        (6, "PT"),
        (29, "PRS"),
        (40, "PASID"),
        (43, "scalable"),
        (46, "second stage"),
        (47, "first stage"),
    ] {
        if ecap >> bit & 1 == 1 {
            can.push(name);
        }
    }
    let unit = if unit.is_empty() { "dmar" } else { unit };
    found.certain(
        Text::new("unit", "IOMMU"),
        Phrase::new(
            format!("{unit}: {width} bits, {}", can.join(", ")),
            format!("{unit}，{width} 位，{}", can.join("、")),
        ),
        Text::new("from its capability registers (cap, ecap)", "来自其能力寄存器（cap、ecap）"),
    );
    Some(found)
}

fn host_width(here: &Here<'_>) -> Option<Found> {
    let bits = Scan(here.text).after("Host address width ")?.number()?;
    let mut found = Found::quiet(Arch::VtD);
    found.certain(
        Text::new("host address width", "主机地址宽度"),
        bits,
        Text::new("bits of a physical address", "物理地址位数"),
    );
    Some(found)
}

fn reserved(here: &Here<'_>) -> Option<Found> {
    let body = Scan(here.text).after("RMRR base:")?;
    let (first, last) = (body.hex()?, body.after("end:")?.hex()?);
    let mut found = Found::quiet(Arch::VtD);
    found.notes.push(Note::Reserved(first, last));
    Some(found)
}

/// `resv 0x0000000008000000 0x00000000080fffff msi` and its like out of reserved_regions.
fn reserved_range(here: &Here<'_>) -> Option<Found> {
    let text = here.text.strip_prefix("resv ").unwrap_or(here.text);
    let mut words = text.split_whitespace();
    let (first, last, kind) = (words.next()?, words.next()?, words.next()?);
    if words.next().is_some() || !first.starts_with("0x") || !last.starts_with("0x") {
        return None;
    }
    let (first, last) = (Scan(first).hex()?, Scan(last).hex()?);
    let mut found = Found::quiet(Arch::Vfio);
    match kind {
        "direct" | "direct-relaxable" => found.notes.push(Note::Reserved(first, last)),
        // x86's own range is known anyway.
        "msi" if first != 0xfee0_0000 => found.notes.push(Note::Messages(first, last)),
        _ => {}
    }
    Some(found)
}

fn remapping_on(here: &Here<'_>) -> Option<Found> {
    let mut found = Found::quiet(Arch::VtD);
    let mode = Scan(here.text).after("IRQ remapping in ").map(Scan::word).unwrap_or("");
    let meaning = Phrase::new(
        format!(
            "interrupts are checked against the remapping table {}",
            if mode.is_empty() { String::new() } else { format!("({mode} mode)") }
        )
        .trim_end()
        .to_string(),
        format!(
            "每个中断都要查中断重映射表{}",
            if mode.is_empty() { String::new() } else { format!("（{mode} 模式）") }
        ),
    );
    found.certain(REMAPPING, Text::new("on", "启用"), meaning);
    Some(found)
}

fn group(here: &Here<'_>) -> Option<Found> {
    let number = Scan(here.text).after("Adding to iommu group ")?.number()?;
    let mut found = Found::quiet(Arch::Vfio);
    found.notes.push(Note::Group(u32::try_from(number).ok()?));
    Some(found)
}
