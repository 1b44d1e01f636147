//! What a kernel says of its IOMMUs at boot: one summary, what is wrong in firmware's tables, and the marks in time
//! (kdump, sleep, resets, PCI errors) that faults elsewhere in the log are held against.

use super::causes::{Cause, FIRMWARE_TABLES, LINK_ERROR};
use super::evidence::Clue;
use super::fault::{Arch, Fault};
use super::forms::Form;
use super::found::{pattern, Captures, Format, Found, Here, Join, Note, Pattern};
use super::pattern::device_name;
use super::report::Kind;
use super::scan::Scan;
use crate::spec::{Phrase, Text};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

pub(super) static FORMAT: Format = Format {
    forms: FORMS,
    readers: &[
        ("ommand line: ", command_line),
        ("Linux version ", first_line),
        ("Default domain type:", default_domain),
        ("TLB invalidation policy:", policy),
        ("Using strict mode due to virtualization", forced_strict),
        ("DMAR: IOMMU disabled", off),
        ("DMAR: IOMMU enabled", on),
        ("AMD-Vi: AMD IOMMU disabled", off),
        ("AMD-Vi: Extended features", amd_on),
        ("Virtualization Technology for Directed I/O", vtd_on),
        ("reg_base_addr ", capabilities),
        ("Host address width ", host_width),
        ("RMRR base:", reserved),
        ("Enabled IRQ remapping in ", remapping_on),
        ("AMD-Vi: Interrupt remapping enabled", remapping_on),
        ("AMD-Vi: Disabling interrupt remapping", remapping_off),
        ("Adding to iommu group ", group),
        ("trying to copy translation structures", copied),
        ("Copied translation tables from previous kernel", copied),
        ("crash kernel", copied),
        (" type=identity devices=", group_type),
        (" direct", reserved_range),
        (" msi", reserved_range),
        ("-bit (features 0x", arm_features),
        ("riscv,iommu ", riscv_on),
        ("input address: ", virtio_on),
        ("PM: suspend exit", resumed),
        ("PM: resume ", resumed),
        ("PM: hibernation: hibernation exit", resumed),
        (" reset", reset),
        ("AER: ", aer),
        ("PCIe Bus Error:", aer),
        ("vfio-pci ", vfio),
        ("Link Down", removed),
        ("Card not present", removed),
        ("Slot(", removed),
        ("Removing from iommu group", removed),
        ("DMAR-IR: ", trouble),
        ("[Firmware Bug]", trouble),
        ("DMAR: ", trouble),
        ("AMD-Vi: ", trouble),
    ],
    patterns: PATTERNS,
    codes: || Vec::new(),
    causes: |_: &Fault| -> &'static [&'static Cause] { &[] },
};

static FORMS: &[Form] = &[
    Form {
        name: "fw-bug",
        arch: Arch::VtD,
        wording: "DMAR: [Firmware Bug]: *",
        source: "Linux v2.6.32 and later, drivers/iommu/intel and drivers/iommu/amd; the words are quoted",
    },
    Form {
        name: "pcie-aer",
        arch: Arch::Pcie,
        wording: "* PCIe Bus Error: severity=Uncorrectable*, type=*",
        source: "Linux v2.6.19 and later, drivers/pci/pcie/aer.c",
    },
];

static PATTERNS: &[Pattern] = &[
    pattern!("fw-ioapic-vtd" VtD Software
        "DMAR-IR: [Firmware Bug]: ioapic {irq} has no mapping iommu, interrupt remapping will be disabled"
        "Linux v2.6.39 and later, drivers/iommu/intel/irq_remapping.c"
        => "VT-d: firmware names no unit for I/O APIC {irq}, so interrupt remapping stays off" "VT-d：固件没有为 I/O APIC {irq} 指定单元，中断重映射因此关闭"
        [FIRMWARE_TABLES, IR_INACTIVE] firmware_bug),
    pattern!("ir-vulnerable" VtD Software
        "DMAR-IR: Failed to enable irq remapping. You are vulnerable to irq-injection attacks."
        "Linux v4.0 and later, drivers/iommu/intel/irq_remapping.c"
        => "VT-d: interrupt remapping is off: a device can raise any interrupt" "VT-d：中断重映射未启用：设备可触发任意中断"
        [IR_INACTIVE, FIRMWARE_TABLES] remapping_off_fact),
    pattern!("fw-ioapic-amd" AmdVi Software
        "AMD-Vi: [Firmware Bug]: : IOAPIC[{irq}] not in IVRS table"
        "Linux v3.9 and later, drivers/iommu/amd/init.c (also [Firmware Bug]: AMD-Vi: in front)"
        => "AMD-Vi: firmware's table lacks I/O APIC {irq}" "AMD-Vi：固件表缺少 I/O APIC {irq}"
        [FIRMWARE_TABLES, IR_INACTIVE] firmware_bug),
    pattern!("fw-ioapic-amd-old" AmdVi Software
        "[Firmware Bug]: AMD-Vi: IOAPIC[{irq}] not in IVRS table"
        "Linux v3.9 to v5.x, drivers/iommu/amd_iommu_init.c"
        => "AMD-Vi: firmware's table lacks I/O APIC {irq}" "AMD-Vi：固件表缺少 I/O APIC {irq}"
        [FIRMWARE_TABLES, IR_INACTIVE] firmware_bug),
    pattern!("fw-southbridge" AmdVi Software
        "No southbridge IOAPIC found"
        "Linux v3.9 and later, drivers/iommu/amd/init.c; seen on QEMU too"
        => "AMD-Vi: firmware's table lacks the southbridge's I/O APIC, so interrupt remapping stays off" "AMD-Vi：固件表缺少南桥的 I/O APIC，中断重映射因此关闭"
        [FIRMWARE_TABLES, IR_INACTIVE] firmware_bug),
    pattern!("fw-rmrr" VtD Software
        "DMAR: [Firmware Bug]: No firmware reserved region can cover this RMRR [{why}], contact BIOS vendor for fixes"
        "Linux v4.16 and later, drivers/iommu/intel/iommu.c"
        => "VT-d: firmware's RMRR {why} is not in memory that firmware reserved: the kernel may use the same pages" "VT-d：固件的 RMRR {why} 不在固件保留的内存内：内核可能使用相同的页"
        [FIRMWARE_TABLES] firmware_bug),
    pattern!("fw-rmrr-bad" VtD Software
        "Your BIOS is broken; bad RMRR [{why}]"
        "Linux v2.6.30 and later, drivers/iommu/intel/iommu.c"
        => "VT-d: firmware's RMRR {why} makes no sense" "VT-d：固件的 RMRR {why} 不合理"
        [FIRMWARE_TABLES] firmware_bug),
    pattern!("fw-dmar-broken" VtD Software
        "Your BIOS is broken; {why...}"
        "Linux v2.6.30 and later, drivers/iommu/intel/dmar.c"
        => "VT-d: firmware's DMAR table is wrong: {why...}" "VT-d：固件的 DMAR 表有误：{why...}"
        [FIRMWARE_TABLES] firmware_bug),
    pattern!("vtd-relaxable" VtD Software
        "DMAR: Intel-IOMMU: assuming all RMRRs are relaxable. {why...}"
        "kernels with the relax_rmrr patch, as of Proxmox"
        => "VT-d: this kernel treats every RMRR as relaxable: assigned devices may fight firmware" "VT-d：此内核把所有 RMRR 视为可放宽：直通设备可能与固件冲突"
        [FIRMWARE_TABLES]),
];

fn quiet(arch: Arch) -> Found {
    let mut found = Found::new(Kind::Boot, arch, "", Phrase::default());
    found.join = Join::Quiet;
    found
}

fn fact(found: &mut Found, name: Text, value: Text, meaning: Text) {
    found.certain(name, value, meaning);
}

const IOMMU: Text = Text::new("IOMMU", "IOMMU");
const DOMAIN: Text = Text::new("default domain", "默认域");
const POLICY: Text = Text::new("invalidation", "失效策略");
const REMAPPING: Text = Text::new("interrupt remapping", "中断重映射");

fn firmware_bug(_: &Captures<'_>, found: &mut Found) {
    found.clue(Clue::FirmwareBug);
}

fn remapping_off_fact(_: &Captures<'_>, found: &mut Found) {
    found.inferred(
        Text::new("what follows", "影响"),
        "allow_unsafe_interrupts",
        Text::new(
            "VFIO assigns no device unless this parameter is set; DMA translation is not affected",
            "除非设置该参数，VFIO 不会直通任何设备；DMA 转换不受影响",
        ),
    );
}

fn first_line(here: &Here<'_>) -> Option<Found> {
    let version = Scan(here.text).after("Linux version ")?.word();
    let mut found = quiet(Arch::Vfio);
    found.notes.push(Note::Boot);
    if version.starts_with(|c: char| c.is_ascii_digit()) {
        found.certain(
            Text::new("kernel", "内核"),
            version,
            Text::new("the version that booted", "启动的版本"),
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
    let mut found = quiet(Arch::Vfio);
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

fn default_domain(here: &Here<'_>) -> Option<Found> {
    let body = Scan(here.text).after("Default domain type:")?;
    let mut found = quiet(Arch::Vfio);
    match body.word() {
        "Passthrough" => {
            found.notes.push(Note::Passthrough);
            fact(
                &mut found,
                DOMAIN,
                Text::new("passthrough", "直通"),
                Text::new("devices use physical addresses; no translation fault can come from the kernel's own DMA", "设备使用物理地址；内核自身的 DMA 不会产生转换错误"),
            );
        }
        "Translated" => fact(
            &mut found,
            DOMAIN,
            Text::new("translated", "转换"),
            Text::new(
                "each device has its own addresses, if an IOMMU is on: this line alone does not prove it (seen with intel_iommu=off, and on RISC-V with identity groups)",
                "若 IOMMU 已启用，则每个设备有自己的地址空间：仅凭此行不能证明（intel_iommu=off 时以及 RISC-V 的恒等组下也会打印）",
            ),
        ),
        _ => {}
    }
    Some(found)
}

fn policy(here: &Here<'_>) -> Option<Found> {
    let body = Scan(here.text).after("TLB invalidation policy:")?;
    let mut found = quiet(Arch::Vfio);
    match body.word() {
        "strict" => fact(
            &mut found,
            POLICY,
            Text::new("strict", "严格"),
            Text::new("the IOTLB forgets at each unmap", "每次解除映射时立即失效 IOTLB"),
        ),
        "lazy" => fact(
            &mut found,
            POLICY,
            Text::new("lazy", "延迟"),
            Text::new(
                "after an unmap a device can reach the page for some milliseconds more",
                "解除映射后，设备在若干毫秒内仍可访问该页",
            ),
        ),
        _ => {}
    }
    Some(found)
}

fn forced_strict(_: &Here<'_>) -> Option<Found> {
    let mut found = quiet(Arch::AmdVi);
    fact(
        &mut found,
        POLICY,
        Text::new("strict", "严格"),
        Text::new(
            "because the machine is virtual: this overrides the line that says lazy",
            "因为机器是虚拟的：覆盖了之前显示“延迟”的那一行",
        ),
    );
    Some(found)
}

fn off(_: &Here<'_>) -> Option<Found> {
    let mut found = quiet(Arch::VtD);
    fact(
        &mut found,
        IOMMU,
        Text::new("off", "关闭"),
        Text::new(
            "this is the true line, whatever \"Default domain type\" says later",
            "以此行为准，无论之后的 Default domain type 显示什么",
        ),
    );
    Some(found)
}

fn on(_: &Here<'_>) -> Option<Found> {
    let mut found = quiet(Arch::VtD);
    fact(
        &mut found,
        IOMMU,
        Text::new("on", "启用"),
        Text::new("Intel VT-d, by the command line or the build", "Intel VT-d，由命令行或编译选项启用"),
    );
    Some(found)
}

fn vtd_on(here: &Here<'_>) -> Option<Found> {
    here.text.contains("DMAR").then(|| {
        let mut found = quiet(Arch::VtD);
        fact(
            &mut found,
            IOMMU,
            Text::new("on", "启用"),
            Text::new("Intel VT-d translates", "Intel VT-d 正在转换"),
        );
        found
    })
}

fn amd_on(here: &Here<'_>) -> Option<Found> {
    let features = Scan(here.text).after("Extended features")?.0.trim_start_matches([' ', ':']);
    let mut found = quiet(Arch::AmdVi);
    fact(&mut found, IOMMU, Text::new("on", "启用"), Text::new("AMD-Vi translates", "AMD-Vi 正在转换"));
    found.certain(
        Text::new("features", "特性"),
        features,
        Text::new("what this unit can do", "该单元支持的特性"),
    );
    Some(found)
}

fn riscv_on(here: &Here<'_>) -> Option<Found> {
    here.text.contains("using ").then(|| {
        let mut found = quiet(Arch::RiscV);
        fact(
            &mut found,
            IOMMU,
            Text::new("on", "启用"),
            Text::new(
                "a RISC-V IOMMU; Linux 7.2 uses it for identity groups only (no CONFIG_IOMMU_DMA there)",
                "RISC-V IOMMU；Linux 7.2 只以恒等组使用它（没有 CONFIG_IOMMU_DMA）",
            ),
        );
        found
    })
}

fn virtio_on(here: &Here<'_>) -> Option<Found> {
    here.text.contains("virtio_iommu").then(|| {
        let mut found = quiet(Arch::Virtio);
        fact(
            &mut found,
            IOMMU,
            Text::new("on", "启用"),
            Text::new("a paravirtual IOMMU of the hypervisor", "虚拟机监控器的半虚拟化 IOMMU"),
        );
        found
    })
}

fn arm_features(here: &Here<'_>) -> Option<Found> {
    let v3 = here.text.contains("arm-smmu-v3");
    here.text.contains("arm-smmu").then(|| {
        let mut found = quiet(if v3 { Arch::SmmuV3 } else { Arch::SmmuV2 });
        fact(
            &mut found,
            IOMMU,
            Text::new("on", "启用"),
            Text::new("an Arm SMMU translates", "Arm SMMU 正在转换"),
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
    let mut found = quiet(Arch::VtD);
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
        Text::new("unit", "单元"),
        format!("{unit}: {width} bits, {}", can.join(", ")),
        Text::new("from its capability registers (cap, ecap)", "来自其能力寄存器（cap、ecap）"),
    );
    Some(found)
}

fn host_width(here: &Here<'_>) -> Option<Found> {
    let bits = Scan(here.text).after("Host address width ")?.number()?;
    let mut found = quiet(Arch::VtD);
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
    let mut found = quiet(Arch::VtD);
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
    let mut found = quiet(Arch::Vfio);
    match kind {
        "direct" | "direct-relaxable" => found.notes.push(Note::Reserved(first, last)),
        // x86's own range is known anyway.
        "msi" if first != 0xfee0_0000 => found.notes.push(Note::Messages(first, last)),
        _ => {}
    }
    Some(found)
}

fn remapping_on(here: &Here<'_>) -> Option<Found> {
    let mut found = quiet(Arch::VtD);
    let mode = Scan(here.text).after("IRQ remapping in ").map(Scan::word).unwrap_or("");
    let meaning = Phrase::new(
        format!(
            "interrupts are checked against the remapping table {}",
            if mode.is_empty() { String::new() } else { format!("({mode} mode)") }
        )
        .trim_end()
        .to_string(),
        format!(
            "中断会对照重映射表检查{}",
            if mode.is_empty() { String::new() } else { format!("（{mode} 模式）") }
        ),
    );
    found.certain(REMAPPING, Text::new("on", "启用"), meaning);
    Some(found)
}

fn remapping_off(_: &Here<'_>) -> Option<Found> {
    let mut found = quiet(Arch::AmdVi);
    fact(
        &mut found,
        REMAPPING,
        Text::new("off", "关闭"),
        Text::new(
            "a device can raise any interrupt; VFIO needs allow_unsafe_interrupts",
            "设备可触发任意中断；VFIO 需要 allow_unsafe_interrupts",
        ),
    );
    Some(found)
}

fn group(here: &Here<'_>) -> Option<Found> {
    let number = Scan(here.text).after("Adding to iommu group ")?.number()?;
    let mut found = quiet(Arch::Vfio);
    found.notes.push(Note::Group(u32::try_from(number).ok()?));
    Some(found)
}

fn group_type(here: &Here<'_>) -> Option<Found> {
    here.text.starts_with("group ").then(|| {
        let mut found = quiet(Arch::Vfio);
        fact(
            &mut found,
            Text::new("group type", "组类型"),
            Text::new("identity", "恒等"),
            Text::new(
                "nothing is translated for these devices, whatever the boot line says",
                "无论启动信息如何，这些设备都不做转换",
            ),
        );
        found
    })
}

fn copied(here: &Here<'_>) -> Option<Found> {
    let _ = here;
    let mut found = quiet(Arch::VtD);
    found.notes.push(Note::Copied);
    Some(found)
}

fn resumed(_: &Here<'_>) -> Option<Found> {
    let mut found = quiet(Arch::Pcie);
    found.notes.push(Note::Resumed);
    Some(found)
}

/// A reset that a driver, VFIO or the PCI core reports, with the device before the colon.
fn reset(here: &Here<'_>) -> Option<Found> {
    let text = here.text;
    const SAYS: [&str; 10] = [
        "performing reset",
        "GPU reset begin",
        "GPU reset",
        "resetting controller",
        "reset controller",
        "FLR reset",
        "function level reset",
        "bus reset",
        "mode1 reset",
        "device reset",
    ];
    if !SAYS.iter().any(|says| text.contains(says)) {
        return None;
    }
    let mut found = quiet(Arch::Pcie);
    found.notes.push(Note::Reset(pci_name(text)));
    Some(found)
}

/// The first PCI number among a line's first words.
fn pci_name(text: &str) -> Option<String> {
    text.split(' ').take(4).map(|word| word.trim_end_matches(':')).find_map(|word| {
        Scan(word).device().filter(|device| device.text == word).map(|device| String::from(device.text))
    })
}

fn aer(here: &Here<'_>) -> Option<Found> {
    let text = here.text;
    if !["rror", "evere", "orrected"].iter().any(|word| text.contains(word)) {
        return None;
    }
    // The device is in front, or the one that the root port names.
    let named = ["received from ", "received: ", "from "]
        .into_iter()
        .find_map(|key| Scan(text).after(key).and_then(Scan::device).map(|device| String::from(device.text)));
    let name = named.or_else(|| pci_name(text))?;
    let uncorrectable = text.contains("ncorrect") || text.contains("Fatal") || text.contains("severity=Un");
    let mut found = quiet(Arch::Pcie);
    if uncorrectable && text.contains("PCIe Bus Error") {
        found = Found::status(
            Arch::Pcie,
            "pcie-aer",
            Phrase::new(
                format!("PCI Express: an uncorrectable error of {name}"),
                format!("PCI Express：{name} 的不可纠正错误"),
            ),
        );
        found.causes = &[&LINK_ERROR];
        found.device = Some(name.clone());
    }
    found.notes.push(Note::Aer(name));
    Some(found)
}

fn vfio(here: &Here<'_>) -> Option<Found> {
    let name = Scan(here.text).after("vfio-pci ")?;
    let device = name.device()?;
    let mut found = quiet(Arch::Vfio);
    found.notes.push(Note::Vfio(device.text.into()));
    // A reset that VFIO reports is a reset.
    if here.text.contains("reset") {
        found.notes.push(Note::Reset(Some(device.text.into())));
    }
    Some(found)
}

fn removed(here: &Here<'_>) -> Option<Found> {
    let text = here.text;
    if !["Link Down", "Card not present", "Removing from iommu group"].iter().any(|says| text.contains(says))
    {
        return None;
    }
    let name = pci_name(text)?;
    let mut found = quiet(Arch::Pcie);
    found.notes.push(Note::Removed(device_name(&name).into()));
    Some(found)
}

/// A line of a VT-d or AMD-Vi driver that reports trouble with firmware's tables and has no form of its own: the
/// kernel's words are quoted.
fn trouble(here: &Here<'_>) -> Option<Found> {
    let text = here.text;
    let arch = match () {
        () if text.starts_with("DMAR") => Arch::VtD,
        () if text.starts_with("AMD-Vi")
            || text.contains("AMD-Vi:") && text.starts_with("[Firmware Bug]") =>
        {
            Arch::AmdVi
        }
        () if text.starts_with("[Firmware Bug]") && (text.contains("DMAR") || text.contains("RMRR")) => {
            Arch::VtD
        }
        () => return None,
    };
    if !text.contains("[Firmware Bug]") {
        return None;
    }
    let mut words: String = text.chars().take(160).collect();
    if let Some(at) = words.find("[Firmware Bug]") {
        words = words[at + "[Firmware Bug]".len()..].trim_start_matches([':', ' ']).to_string();
    }
    let title = Phrase::new(
        format!("{}: firmware's tables: {words}", arch.name()),
        format!("{}：固件表：{words}", arch.name()),
    );
    let mut found = Found::software(arch, "fw-bug", title);
    found.clue(Clue::FirmwareBug);
    found.causes = &[&FIRMWARE_TABLES];
    Some(found)
}
