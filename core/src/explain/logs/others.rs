//! Linux's other IOMMUs: each prints one line a fault, read by its wording.

use super::causes::{Cause, FIRMWARE_DEVICE, NEVER_MAPPED, PHYSICAL_ADDRESS, UNMAPPED_EARLY};
use super::evidence::Clue;
use super::fault::{Access, Arch, Fault};
use super::forms::Form;
use super::found::{pattern, Captures, Format, Found, Here, Join, Pattern};
use super::hints;
use super::report::Field;
use super::scan::Scan;
use crate::addr::RequesterId;
use crate::spec::{Phrase, Text};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

pub(super) static FORMAT: Format = Format {
    forms: FORMS,
    readers: &[("mc-err: [mcerr] ", tegra_own)],
    patterns: PATTERNS,
    codes: || Vec::new(),
    causes: |_: &Fault| PLAIN,
};

static FORMS: &[Form] = &[Form {
    name: "tegra-mcerr",
    arch: Arch::Tegra,
    wording: "mc-err: [mcerr] (*) *: * status = *; addr = * secure: *, access-type: *, SMMU fault: *",
    source: "NVIDIA's kernels for Jetson, three lines",
}];

/// `mc-err: [mcerr] (20) csw_xusb_hostw: EMEM decode error on PDE or PTE entry`, and two lines of numbers below.
fn tegra_own(here: &Here<'_>) -> Option<Found> {
    let body = Scan(here.text).after("mc-err: [mcerr] ")?;
    let (client, why) = match body.0.strip_prefix('(') {
        Some(_) => body.after(") ")?.0.split_once(": ")?,
        None => body.0.split_once(": ")?,
    };
    if client.contains(' ') {
        return None;
    }
    let mut fault = Fault::default();
    let mut smmu = "";
    let mut used = Vec::new();
    for (offset, line) in here.rest.iter().enumerate().take(4) {
        let Some(text) = Scan(&line.text).after("[mcerr] ").filter(|_| !line.used) else { continue };
        if text.starts("(") {
            break;
        }
        fault.address = fault.address.or_else(|| text.after("addr = ").and_then(Scan::hex));
        if let Some(access) = text.after("access-type: ") {
            fault.access = Some(if access.starts("write") { Access::Write } else { Access::Read });
        }
        smmu = text.after("SMMU fault: ").map_or(smmu, |text| text.word());
        used.push(offset);
    }
    let at = fault.address.map_or(String::new(), |address| format!(" at {address:#x}"));
    let at_zh = fault.address.map_or(String::new(), |address| format!("，地址 {address:#x}"));
    let title = Phrase::new(format!("Tegra: {client}: {why}{at}"), format!("Tegra，{client}：{why}{at_zh}"));
    let mut found = Found::fault(fault, Arch::Tegra, "tegra-mcerr", title);
    found.causes = PLAIN;
    found.used = used;
    found.complete = fault.address.is_some();
    found.device = Some(client.into());
    hints::fault(&mut found, &fault);
    found.certain(
        Text::new("client", "请求方"),
        client,
        Text::new(
            "the port of the memory controller, by NVIDIA's name",
            "内存控制器的一个端口，名称由 NVIDIA 所定",
        ),
    );
    if let Some(access) = fault.access {
        let meaning = Text::new("what the device wanted", "设备想做的操作");
        found.certain(Text::new("access", "访问"), access.text(), meaning);
    }
    if let Some(address) = fault.address {
        let meaning = Text::new("the address that the device sent", "设备发出的地址");
        found.certain(Text::new("address", "地址"), format!("{address:#x}"), meaning);
        hints::address(&mut found, address);
    }
    if !smmu.is_empty() {
        // r, w and s; n before one means that the entry does not allow it.
        let meaning = Text::new(
            "what the entry allows: n before a letter is no (r read, w write, s secure access only)",
            "表项允许的操作：字母前的 n 表示不允许（r 读，w 写，s 仅安全访问）",
        );
        found.inferred(Text::new("SMMU fault", "SMMU 错误"), smmu, meaning);
        if smmu.contains("nr") && smmu.contains("nw") {
            found.clue(Clue::PageAbsent);
        }
    }
    Some(found)
}

/// The causes of a refused access that says no more than where.
const PLAIN: &[&Cause] = &[&UNMAPPED_EARLY, &NEVER_MAPPED, &PHYSICAL_ADDRESS, &FIRMWARE_DEVICE];

static PATTERNS: &[Pattern] = &[
    pattern!("mtk-master" MediaTek Fault
        "{unit} fault type={type} iova={iova} pa={_} master={master}(larb={larb} port={port}) layer={layer} {access}"
        "Linux v5.17 and later, drivers/iommu/mtk_iommu.c; bank(n) in front where the unit has banks"
        => "MediaTek M4U: an access at {iova} was refused, larb {larb} port {port}" "MediaTek M4U：拒绝了对 {iova} 的访问，larb {larb} 端口 {port}"
        [UNMAPPED_EARLY, NEVER_MAPPED, PHYSICAL_ADDRESS, FIRMWARE_DEVICE] low_bits),
    pattern!("mtk-larb" MediaTek Fault
        "{unit} fault type={type} iova={iova} pa={_} larb={larb} port={port} layer={layer} {access}"
        "Linux v4.6 and later, drivers/iommu/mtk_iommu.c"
        => "MediaTek M4U: an access at {iova} was refused, larb {larb} port {port}" "MediaTek M4U：拒绝了对 {iova} 的访问，larb {larb} 端口 {port}"
        [UNMAPPED_EARLY, NEVER_MAPPED, PHYSICAL_ADDRESS, FIRMWARE_DEVICE] low_bits),
    pattern!("mtk-v1" MediaTek Fault
        "{unit} fault type={type} iova={iova} pa={_} larb={larb} port={port}"
        "Linux v4.8 and later, drivers/iommu/mtk_iommu_v1.c"
        => "MediaTek M4U: an access at {iova} was refused, larb {larb} port {port}" "MediaTek M4U：拒绝了对 {iova} 的访问，larb {larb} 端口 {port}"
        [UNMAPPED_EARLY, NEVER_MAPPED, PHYSICAL_ADDRESS, FIRMWARE_DEVICE] low_bits),
    pattern!("mtk-flush" MediaTek Status
        "{unit} Partial TLB flush timed out, falling back to full flush"
        "Linux v4.6 and later, drivers/iommu/mtk_iommu.c"
        => "MediaTek M4U: a TLB flush was not finished in time; the driver flushed everything instead" "MediaTek M4U：TLB 刷新没有及时完成；驱动改为全部刷新" []),
    pattern!("dart" Dart Fault
        "apple-dart {unit} translation fault: status:{status} stream:{stream} code:{code} ({name}) at {iova}"
        "Linux v5.15 and later, drivers/iommu/apple-dart.c"
        => "Apple DART: stream {stream} at {iova}: {name}" "Apple DART，流 {stream}，地址 {iova}：{name}"
        [UNMAPPED_EARLY, NEVER_MAPPED, PHYSICAL_ADDRESS, FIRMWARE_DEVICE] dart),
    pattern!("rockchip" Rockchip Fault
        "{unit} Page fault at {iova} of type {access}"
        "Linux v3.19 and later, drivers/iommu/rockchip-iommu.c"
        => "Rockchip IOMMU: a page fault at {iova}" "Rockchip IOMMU：地址 {iova} 缺页"
        [UNMAPPED_EARLY, NEVER_MAPPED, PHYSICAL_ADDRESS, FIRMWARE_DEVICE]),
    pattern!("rockchip-walk" Rockchip More
        "rk_iommu {unit} iova = {iova}: dte_index: {_} pte_index: {_} page_offset: {_}"
        "Linux v3.19 and later, drivers/iommu/rockchip-iommu.c, below the page fault"
        => "Rockchip IOMMU: the walk of {iova}" "Rockchip IOMMU：为 {iova} 查表" []),
    pattern!("rockchip-entries" Rockchip More
        "mmu_dte_addr: {_} dte@{_}: {pgd} valid: {_} pte@{_}: {pte} valid: {valid} page@{_} flags: {_}"
        "Linux v3.19 and later, drivers/iommu/rockchip-iommu.c, below the page fault"
        => "Rockchip IOMMU: the entries of the walk" "Rockchip IOMMU：查表读到的各级表项" [] rockchip_entries),
    pattern!("rockchip-timeout" Rockchip Status
        "rk_iommu {unit} {call} {_} request timed out, status: {status}"
        "Linux v3.19 and later, drivers/iommu/rockchip-iommu.c (stall, paging, reset)"
        => "Rockchip IOMMU: the unit did not answer a command in time" "Rockchip IOMMU：IOMMU 没有及时响应命令"
        [FIRMWARE_DEVICE, UNIT_GONE] rockchip_status),
    pattern!("allwinner" Allwinner Fault
        "sun50i-iommu {unit} Page fault for {iova} (master {master}, dir {access})"
        "Linux v5.9 and later, drivers/iommu/sun50i-iommu.c"
        => "Allwinner IOMMU: a page fault of master {master} at {iova}" "Allwinner IOMMU：主设备 {master} 访问 {iova} 缺页"
        [UNMAPPED_EARLY, NEVER_MAPPED, PHYSICAL_ADDRESS, FIRMWARE_DEVICE]),
    pattern!("renesas" Renesas Fault
        "ipmmu-vmsa {unit} Unhandled fault: status {status} iova {iova}"
        "Linux v3.16 and later, drivers/iommu/ipmmu-vmsa.c"
        => "Renesas IPMMU: a fault at {iova}" "Renesas IPMMU：地址 {iova} 出错"
        [UNMAPPED_EARLY, NEVER_MAPPED, PHYSICAL_ADDRESS, FIRMWARE_DEVICE] renesas),
    pattern!("exynos" Exynos Fault
        "exynos-sysmmu {unit} {device} [{access}] {why} occurred at {iova}"
        "Linux v6.0 and later, drivers/iommu/exynos-iommu.c"
        => "Exynos SysMMU: {device}: {why} at {iova}" "Exynos SysMMU，{device}：{why}，地址 {iova}"
        [UNMAPPED_EARLY, NEVER_MAPPED, PHYSICAL_ADDRESS, FIRMWARE_DEVICE] exynos),
    pattern!("exynos-old" Exynos Fault
        "exynos-sysmmu {unit} {device} {why} occurred at {iova}"
        "Linux before v6.0, drivers/iommu/exynos-iommu.c; without the direction"
        => "Exynos SysMMU: {device}: {why} at {iova}" "Exynos SysMMU，{device}：{why}，地址 {iova}"
        [UNMAPPED_EARLY, NEVER_MAPPED, PHYSICAL_ADDRESS, FIRMWARE_DEVICE] exynos),
    pattern!("exynos-root" Exynos More
        "exynos-sysmmu {unit} Page table base: {pgd}"
        "Linux v4.9 and later, drivers/iommu/exynos-iommu.c, below the fault"
        => "Exynos SysMMU: the tables" "Exynos SysMMU：页表" [] exynos_root),
    pattern!("exynos-entry" Exynos More
        "exynos-sysmmu {unit} Lv{level} entry: {pte}"
        "Linux v4.9 and later, drivers/iommu/exynos-iommu.c, below the fault"
        => "Exynos SysMMU: an entry of the tables" "Exynos SysMMU：页表中的一项" [] exynos_entry),
    pattern!("omap" Omap Fault
        "omap-iommu {unit} {device} errs:{status} da:{iova} pgd:{_} *pgd:{pgd}"
        "Linux v3.10 and later, drivers/iommu/omap-iommu.c (*pte follows where the directory entry is a table)"
        => "OMAP MMU: a fault of {device} at {iova}" "OMAP MMU：{device} 在 {iova} 出错"
        [UNMAPPED_EARLY, NEVER_MAPPED, PHYSICAL_ADDRESS, FIRMWARE_DEVICE] omap),
    pattern!("tegra-mc" Tegra Fault
        "{unit} {device} {access} @{iova}: EMEM address decode error ({why...})"
        "Linux v3.18 and later, drivers/memory/tegra/mc.c"
        => "Tegra: {device} accessed {iova}, which is no memory" "Tegra：{device} 访问了 {iova}，该地址不是内存"
        [NO_DECODE, UNMAPPED_EARLY, NEVER_MAPPED] tegra),
    pattern!("tegra-smmu" Tegra Fault
        "{unit} {device} {access} @{iova}: {_} SMMU {why...}"
        "Linux v3.18 and later, drivers/memory/tegra/mc.c (Page fault, Security violation)"
        => "Tegra: the SMMU refused {device} at {iova}" "Tegra：SMMU 拒绝了 {device} 对 {iova} 的访问"
        [UNMAPPED_EARLY, NEVER_MAPPED, PHYSICAL_ADDRESS]),
    pattern!("virtio-fault" Virtio Fault
        "{unit} page fault from EP {endpoint} at {iova} [{access}]"
        "Linux v5.1 and later, drivers/iommu/virtio-iommu.c"
        => "virtio-iommu: endpoint {endpoint} was refused at {iova}: not mapped, or not with this right" "virtio-iommu：端点 {endpoint} 访问 {iova} 被拒绝（没有映射，或没有这种权限）"
        [UNMAPPED_EARLY, NEVER_MAPPED, WRONG_DIRECTION, PHYSICAL_ADDRESS] endpoint),
    pattern!("virtio-fault-other" Virtio Fault
        "{unit} {why} fault from EP {endpoint} at {iova} [{access...}]"
        "Linux v5.1 and later, drivers/iommu/virtio-iommu.c (domain, unknown)"
        => "virtio-iommu: endpoint {endpoint}, {why} fault at {iova}" "virtio-iommu：端点 {endpoint}，地址 {iova} 出错（{why}）"
        [UNMAPPED_EARLY, NEVER_MAPPED, WRONG_DIRECTION, PHYSICAL_ADDRESS] endpoint),
    pattern!("virtio-fault-nowhere" Virtio Fault
        "{unit} {why} fault from EP {endpoint}"
        "Linux v5.1 and later, drivers/iommu/virtio-iommu.c (without VIRTIO_IOMMU_FAULT_F_ADDRESS)"
        => "virtio-iommu: endpoint {endpoint}, {why} fault; the device did not say where" "virtio-iommu：端点 {endpoint} 出错（{why}），设备没有说明地址"
        [] nowhere),
    pattern!("eeh" Power Status
        "EEH: Frozen PHB#{phb}-PE#{pe} detected"
        "Linux v3.17 and later, arch/powerpc/kernel/eeh.c (from v5.5: EEH: Recovering PHB#*-PE#*)"
        => "POWER: the host bridge froze PE {pe} of PHB {phb}: DMA or a link error" "POWER：主桥 PHB {phb} 因 DMA 或链路错误冻结了 PE {pe}"
        [TCE_REFUSED, LINK_ERROR, STALE_RING] eeh),
    pattern!("eeh-frozen-pe" Power Status
        "EEH: Frozen PE#{pe} on PHB#{phb} detected"
        "Linux v3.12 and later, arch/powerpc/platforms/powernv"
        => "POWER: the host bridge froze PE {pe} of PHB {phb}: DMA or a link error" "POWER：主桥 PHB {phb} 因 DMA 或链路错误冻结了 PE {pe}"
        [TCE_REFUSED, LINK_ERROR, STALE_RING] eeh),
    pattern!("eeh-fenced" Power Status
        "EEH: Fenced PHB#{phb} detected"
        "Linux v3.12 and later, arch/powerpc/platforms/powernv (also PHB#* failure detected)"
        => "POWER: the host bridge PHB {phb} was fenced: all devices behind it are cut off" "POWER：主桥 PHB {phb} 被隔离，它后面的设备全部断开"
        [LINK_ERROR]),
    pattern!("eeh-phb" Power Status
        "EEH: PHB#{phb} failure detected"
        "Linux v3.9 and later, arch/powerpc/kernel/eeh.c"
        => "POWER: the host bridge PHB {phb} was fenced: all devices behind it are cut off" "POWER：主桥 PHB {phb} 被隔离，它后面的设备全部断开"
        [LINK_ERROR]),
    pattern!("eeh-recovering" Power Status
        "EEH: Recovering PHB#{phb}-PE#{pe}"
        "Linux v5.5 and later, arch/powerpc/kernel/eeh_driver.c"
        => "POWER: the host bridge froze PE {pe} of PHB {phb}: DMA or a link error" "POWER：主桥 PHB {phb} 因 DMA 或链路错误冻结了 PE {pe}"
        [TCE_REFUSED, LINK_ERROR, STALE_RING] eeh),
    pattern!("s390-error" S390 Status
        "zpci: {device} Event {code} reports an error for PCI function {_}"
        "Linux v5.15 and later, arch/s390/pci/pci_event.c"
        => "IBM Z: PCI function {device} reports an error (event {code})" "IBM Z：PCI 功能 {device} 报告错误（事件 {code}）"
        [UNMAPPED_EARLY, NEVER_MAPPED, LINK_ERROR] s390),
];

/// The fields with a name, which say of this system something else than of others.
fn called<'f>(found: &'f mut Found, name: &'static str) -> impl Iterator<Item = &'f mut Field> {
    found.fields.iter_mut().filter(move |field| field.name.en == name)
}

/// MediaTek keeps attributes in the low bits of the address that it reports.
fn low_bits(captures: &Captures<'_>, found: &mut Found) {
    let Some(iova) = captures.hex("iova") else { return };
    for field in called(found, "address") {
        field.meaning = Phrase::new(
            "as the IOMMU's register has it, with the low bits",
            "IOMMU 寄存器里的原值，连同低位",
        );
    }
    found.inferred(
        Text::new("page", "页"),
        format!("{:#x}", iova & !0xfff),
        Text::new(
            "the low bits of iova are attributes of the access, not of the address",
            "iova 的低位是访问的属性，不是地址",
        ),
    );
    if captures.text("_") == "0x0" {
        found.clue(Clue::PageAbsent);
    }
}

fn dart(captures: &Captures<'_>, found: &mut Found) {
    if captures.text("name").starts_with("NO PTE") || captures.text("name").starts_with("NO PMD") {
        found.clue(Clue::PageAbsent);
    } else if captures.text("name").contains("READ FAULT") || captures.text("name").contains("WRITE FAULT") {
        found.clue(Clue::PermissionMissing);
    }
}

/// Bits of RK_MMU_STATUS, as rockchip-iommu.c names them.
fn rockchip_status(captures: &Captures<'_>, found: &mut Found) {
    let Some(status) = captures.hex("status") else { return };
    const BITS: [(u8, &str); 6] = [
        (0, "PAGING_ENABLED"),
        (1, "PAGE_FAULT_ACTIVE"),
        (2, "STALL_ACTIVE"),
        (3, "IDLE"),
        (4, "REPLAY_BUFFER_EMPTY"),
        (5, "PAGE_FAULT_IS_WRITE"),
    ];
    let set: Vec<&str> =
        BITS.iter().filter(|(bit, _)| status >> bit & 1 == 1).map(|(_, name)| *name).collect();
    let active = status >> 1 & 1 == 1;
    let meaning = match active {
        true => Text::new(
            "a page fault is pending: a device uses the unit already, such as a display that the bootloader left on",
            "有待处理的缺页：已有设备在使用该 IOMMU，例如引导程序留下的显示输出",
        ),
        false => Text::new("no page fault is pending", "没有待处理的缺页"),
    };
    let set = Phrase::new(set.join(", "), set.join("、"));
    found.inferred(Text::new("status bits", "状态位"), set, meaning);
    if active {
        found.clue(Clue::UnitInUse);
    }
}

fn exynos(captures: &Captures<'_>, found: &mut Found) {
    let why = captures.text("why");
    if why.contains("PAGE FAULT") {
        found.clue(Clue::PageAbsent);
    } else if why.contains("PROTECTION") {
        found.clue(Clue::PermissionMissing);
    }
}

fn exynos_root(_: &Captures<'_>, found: &mut Found) {
    for field in called(found, "directory entry") {
        field.name = Text::new("root", "页表根");
        field.meaning = Phrase::new("where the tables begin", "顶级页表的位置");
    }
}

fn exynos_entry(captures: &Captures<'_>, found: &mut Found) {
    if captures.hex("pte") == Some(0) {
        found.clue(Clue::EntryEmpty);
    }
    let level = captures.text("level").to_string();
    for field in called(found, "page entry") {
        field.meaning = Phrase::new(
            format!("level {level}, as the driver read it after the fault"),
            format!("第 {level} 级，由驱动在错误之后读出"),
        );
    }
}

/// The freeze and its recovery are two lines of one event.
fn eeh(captures: &Captures<'_>, found: &mut Found) {
    found.device = Some(format!("PHB#{}-PE#{}", captures.text("phb"), captures.text("pe")));
    found.join = Join::More;
}

fn rockchip_entries(captures: &Captures<'_>, found: &mut Found) {
    found.clue(if captures.text("valid") == "0" { Clue::EntryEmpty } else { Clue::PagePresent });
}

/// Bits of IMSTR: translation fault 0, permission 2, multiple hit 1 and access flag 2 differ by generation; only the
/// lowest is used.
fn renesas(captures: &Captures<'_>, found: &mut Found) {
    if captures.hex("status").is_some_and(|status| status & 1 == 1) {
        found.clue(Clue::PageAbsent);
    }
}

fn omap(captures: &Captures<'_>, found: &mut Found) {
    // MMU_IRQSTATUS: TLB miss 0, translation fault 1, emulation miss 2, table walk fault 3, multi hit 4.
    if captures.hex("status").is_some_and(|status| status & 2 == 2) {
        found.certain(
            Text::new("translation fault", "转换错误"),
            captures.text("status").to_string(),
            Text::new("no entry translates the address", "没有表项转换该地址"),
        );
        found.clue(Clue::PageAbsent);
    }
}

fn tegra(_: &Captures<'_>, found: &mut Found) {
    found.clue(Clue::BehindIommu);
    // What the address of a descriptor or of a mapping looks like says nothing of a physical one.
    found.fields.retain(|field| field.name.en != "the address looks like");
    for field in called(found, "address") {
        field.meaning = Phrase::new("the physical address that was not decoded", "没有对应目标的物理地址");
    }
    for field in called(found, "unit") {
        field.meaning = Phrase::new("the memory controller that reports it", "报告这次错误的内存控制器");
    }
    found.inferred(
        Text::new("which address", "哪种地址"),
        Text::new("physical", "物理地址"),
        Text::new(
            "this error is behind the SMMU: the address is the physical one, of a device that is not translated or was sent to nowhere",
            "此错误发生在 SMMU 之后，所以这是物理地址：要么设备没有经过转换，要么转换出的地址不对应任何目标",
        ),
    );
}

/// The endpoint of a PCI device is its number.
fn endpoint(captures: &Captures<'_>, found: &mut Found) {
    let Some(number) = captures.number("endpoint").filter(|number| *number <= 0xffff) else { return };
    let device = RequesterId::new(number as u32).to_string();
    found.inferred(
        Text::new("as a PCI number", "换算成 PCI 编号"),
        device.clone(),
        Text::new(
            "for a PCI device the endpoint is bus, device and function",
            "对 PCI 设备，端点号由总线号、设备号、功能号组成",
        ),
    );
    found.device = Some(device);
}

/// What is missing may be on the next line.
fn nowhere(captures: &Captures<'_>, found: &mut Found) {
    endpoint(captures, found);
    found.complete = false;
}

fn s390(captures: &Captures<'_>, found: &mut Found) {
    let (en, zh) = match captures.number("code") {
        Some(0x2e) => ("the device used an address that is not registered", "设备使用了未注册的地址"),
        _ => (
            "an event of the machine; its number is in the z/Architecture PCI documents",
            "机器事件；编号见 z/Architecture PCI 文档",
        ),
    };
    found.inferred(Text::new("event", "事件"), captures.text("code").to_string(), Text::new(en, zh));
}
