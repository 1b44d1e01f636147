//! The usual causes of faults, likeliest first, each with how to tell it from the others.
//!
//! They are experience, not specification: every one is an inference, and a view says so.

use super::fault::{Access, Arch, Fault};
use crate::spec::Text;
use alloc::vec::Vec;

/// One usual cause.
#[derive(PartialEq, Eq, Debug)]
pub struct Cause {
    /// What went wrong.
    pub text: Text,
    /// How to tell that it was this.
    pub how_to_tell: Text,
}

macro_rules! causes {
    ($($name:ident: $en:literal, $zh:literal => $tell_en:literal, $tell_zh:literal;)*) => {
        $(pub(super) static $name: Cause = Cause {
            text: Text::new($en, $zh),
            how_to_tell: Text::new($tell_en, $tell_zh),
        };)*
        #[cfg(test)]
        pub(super) static ALL: &[&Cause] = &[$(&$name),*];
    };
}

causes! {
    UNMAPPED_EARLY:
        "The driver unmapped the buffer (dma_unmap_*) while the device still used it.",
        "设备还在使用缓冲区时，驱动就解除了映射（dma_unmap_*）。"
        => "The address was mapped shortly before: trace the events iommu:map and iommu:unmap and look for it. The fault comes and goes with load; iommu.strict=1 makes it come sooner.",
           "该地址不久前还有映射：跟踪 iommu:map、iommu:unmap 事件并查找它。错误随负载时有时无；iommu.strict=1 会让它更早出现。";
    NEVER_MAPPED:
        "The address was never mapped for this device: a wrong or stale value in a descriptor, or a length past the end of the mapping.",
        "该地址从未为此设备映射过：描述符里的值有误或已过时，或者长度越过了映射末尾。"
        => "No iommu:map event covers the page. If the page just before it is mapped, the transfer ran past its end; if nothing near is, the address itself is wrong.",
           "没有任何 iommu:map 事件覆盖该页。若前一页有映射，则是传输越过末尾；若附近都没有，则地址本身有误。";
    WRONG_DIRECTION:
        "The buffer is mapped for the other direction: DMA_TO_DEVICE lets the device read only, DMA_FROM_DEVICE write only.",
        "缓冲区的映射方向不对：DMA_TO_DEVICE 只允许设备读，DMA_FROM_DEVICE 只允许设备写。"
        => "The entry exists, with the other right set: look at the direction argument of the dma_map_* call, or at the entry in debugfs.",
           "页表项存在，但只设置了另一种权限：检查 dma_map_* 调用的方向参数，或在 debugfs 中查看该项。";
    PHYSICAL_ADDRESS:
        "The driver gave the device a physical or kernel address instead of the one that the DMA API returned.",
        "驱动把物理地址或内核地址交给了设备，而不是 DMA API 返回的地址。"
        => "With iommu=pt, or the IOMMU off, the device works; the address lies in a RAM range of /proc/iomem. CONFIG_DMA_API_DEBUG reports the driver.",
           "使用 iommu=pt 或关闭 IOMMU 时设备正常；该地址落在 /proc/iomem 的某段内存里。CONFIG_DMA_API_DEBUG 会指出该驱动。";
    FIRMWARE_DEVICE:
        "Firmware left the device running, or owns it (USB legacy support, integrated graphics, a management controller), and its reserved region (RMRR, IVMD, RMR) is missing.",
        "固件让设备继续运行或仍占有它（USB 传统支持、核显、管理控制器），而其保留区域（RMRR、IVMD、RMR）缺失。"
        => "It appears early at boot, before the driver binds; the address lies in a reserved range of the firmware's memory map. A firmware update, or unbinding the firmware feature, ends it.",
           "在驱动绑定之前的启动早期出现；地址位于固件内存图的保留区。更新固件或关闭相应固件功能后消失。";
    NULL_DESCRIPTOR:
        "A descriptor was handed to the device before its address was filled in, or after it was cleared.",
        "描述符在填入地址之前（或被清零之后）就交给了设备。"
        => "The address is 0 or a few bytes above. Dump the ring at the time of the fault: an entry owned by the device holds 0. A missing write barrier before the doorbell shows only under load.",
           "地址为 0 或略大于 0。在出错时转储描述符环：属于设备的某一项为 0。敲门铃之前缺少写屏障时，只在高负载下出现。";
    STALE_RING:
        "After a suspend, a kexec or a reset, the device still uses the addresses that it was given before.",
        "休眠、kexec 或复位之后，设备仍在使用之前得到的地址。"
        => "It starts right after resume or in the kdump kernel and names a device that no driver has touched yet. Check that the driver's shutdown handler stops DMA (clears Bus Master Enable).",
           "恢复之后或在 kdump 内核里立刻出现，且设备尚未被任何驱动接管。检查驱动的 shutdown 是否停止 DMA（清除 Bus Master Enable）。";
    ALIAS:
        "The request carries another requester id than the device's own: a PCIe-to-PCI bridge, a quirky function, or a VF.",
        "请求携带的请求者 ID 不是设备自己的：PCIe 转 PCI 桥、有缺陷的功能号，或某个 VF。"
        => "lspci shows nothing, or a bridge, at this number; the kernel's list of DMA alias quirks names such devices. Compare with the working device's number.",
           "lspci 在该编号处看不到设备或只看到桥；内核的 DMA 别名 quirk 列表中有这类设备。与实际工作的设备编号对比。";
    NOT_ATTACHED:
        "The device sends DMA although no domain was attached to it: its driver never ran, or it was detached.",
        "设备没有连接到任何域却发出 DMA：驱动从未运行，或已被分离。"
        => "No driver is bound (lspci -k), or the unit did not find the device in the firmware's tables (DMAR, IVRS, IORT): look for its number in the boot log.",
           "没有绑定驱动（lspci -k），或单元在固件表（DMAR、IVRS、IORT）中找不到该设备：在启动日志里查找它的编号。";
    COPIED_TABLES:
        "Tables copied from the previous kernel (kdump) are incomplete or already overwritten.",
        "从前一个内核（kdump）复制来的表不完整或已被覆盖。"
        => "The boot log says that translation structures were copied; the fault starts before any driver binds. It goes away in a fresh boot.",
           "启动日志提到复制了转换结构；错误在任何驱动绑定前就开始。正常启动时不会出现。";
    BAD_ENTRY:
        "An entry was written that this unit's hardware does not accept: a feature bit that it lacks, or a reserved bit.",
        "写入了该单元硬件不接受的表项：使用了不支持的特性位，或设置了保留位。"
        => "It faults on every access, from the first one. Compare the entry with the capability registers (cap, ecap): address width, page sizes, snoop control, scalable mode.",
           "从第一次访问起就总是出错。把该项与能力寄存器（cap、ecap）对照：地址宽度、页大小、侦听控制、可扩展模式。";
    CORRUPTED:
        "Memory that holds the tables was overwritten, or freed while the unit still walked it.",
        "存放表的内存被改写，或在单元仍在遍历时被释放。"
        => "The entry holds data that looks like anything but an entry. Page poisoning (page_poison=1) or KASAN names the writer; a use after free shows poison bytes.",
           "表项内容完全不像表项。开启 page_poison=1 或 KASAN 可找出写入者；释放后使用会看到毒化字节。";
    NOT_FLUSHED:
        "The entry was changed but not made visible: a missing cache flush (clflush) on a unit that does not snoop, or a missing invalidation.",
        "表项已修改但尚不可见：不侦听缓存的单元上缺少缓存刷新（clflush），或缺少失效操作。"
        => "The entry in memory is right when you look at it later. The unit's ecap.C (page-walk coherency) is 0, or no invalidation follows the change in the trace.",
           "事后查看时内存中的表项是正确的。单元的 ecap.C（页遍历一致性）为 0，或跟踪中修改之后没有失效操作。";
    TABLE_UNREADABLE:
        "A table pointer leads to memory that the unit cannot read: outside RAM, encrypted, or above its address width.",
        "表指针指向单元无法读取的内存：不在内存范围内、被加密，或超出其地址宽度。"
        => "Follow the pointers from the root by hand: one leads outside /proc/iomem's RAM or above the width in the capability register.",
           "从根表开始手工跟随指针：其中一个指向 /proc/iomem 内存之外，或高于能力寄存器给出的宽度。";
    TOO_WIDE:
        "The device sent an address above the width that the tables cover: garbage in a descriptor, or a driver that set a larger DMA mask than the domain has.",
        "设备发出的地址超出了表所覆盖的宽度：描述符里是垃圾值，或驱动设置的 DMA 掩码大于域的范围。"
        => "Compare the address with the domain's width (39, 48 or 57 bits). Random upper bits mean garbage; a clean pattern such as all ones in the upper half means a sign-extended 32-bit value.",
           "把地址与域宽度（39、48 或 57 位）比较。高位随机说明是垃圾值；高半部全 1 说明是被符号扩展的 32 位值。";
    SUPERPAGE:
        "A large page was used at a level where this unit supports none, or its address is not aligned to its size.",
        "在该单元不支持的级别使用了大页，或其地址没有按大小对齐。"
        => "The entry has bit 7 (PS) set. Check the large-page bits of the capability register; intel_iommu=sp_off makes it go away.",
           "表项第 7 位（PS）为 1。检查能力寄存器中的大页位；intel_iommu=sp_off 时消失。";
    ATS_BLOCKED:
        "The device sent a translation request or an already translated request, and its table entry does not allow that.",
        "设备发出了转换请求或已转换请求，但其表项不允许。"
        => "ATS is enabled in the device (lspci -vv, ATSCtl: Enable+) and not in its table entry: firmware or another kernel enabled it. pci=noats ends it.",
           "设备中已启用 ATS（lspci -vv，ATSCtl: Enable+）而表项中没有：由固件或另一个内核启用。使用 pci=noats 后消失。";
    MSI_RANGE:
        "The address is in the interrupt range 0xFEE0_0000 to 0xFEEF_FFFF, which is never translated as memory.",
        "地址位于中断区间 0xFEE0_0000 至 0xFEEF_FFFF，永远不会作为内存转换。"
        => "The device's MSI address is right for an interrupt, so this was an interrupt that had the wrong size, type or a PASID; or a mapping was made into that range.",
           "该 MSI 地址对中断是正确的，所以这是一次大小、类型不对或带 PASID 的中断；或者有映射落入了该区间。";
    PASID_NOT_BOUND:
        "The process was never bound to the device, or it exited (and its PASID was freed) while the device still worked for it.",
        "进程从未绑定到该设备，或设备仍在为其工作时进程已退出（PASID 已释放）。"
        => "Trace bind and unbind (iommu_sva_bind_device). If the PASID was bound before, the driver must drain the queue before it unbinds.",
           "跟踪绑定与解除绑定（iommu_sva_bind_device）。若之前绑定过，驱动应在解除绑定前排空队列。";
    PASID_CONFIG:
        "The device's entry does not allow PASIDs, or allows fewer of them than the device uses.",
        "设备的表项不允许 PASID，或允许的数量少于设备所用。"
        => "Compare the PASID with the size field of the device's entry and with the PASID capability in lspci -vv (Max PASID Width).",
           "把 PASID 与设备表项中的大小字段，以及 lspci -vv 的 PASID 能力（Max PASID Width）比较。";
    NO_PAGE_REQUEST:
        "The device has no page requests (PRI), or they are off, so it cannot have the process's page brought in.",
        "设备没有页请求（PRI）或未启用，因此无法让进程的页调入内存。"
        => "The same address works after the process touches it or after mlock(). Enable PRI, or pin the buffer.",
           "进程先访问该地址或 mlock() 之后就正常。启用 PRI，或锁定缓冲区。";
    PROCESS_UNMAPPED:
        "The process itself has no such page: it freed the buffer, or passed a wrong pointer.",
        "进程自身没有该页：它释放了缓冲区，或传递了错误的指针。"
        => "Look the address up in /proc/PID/maps: the CPU would fault there too.",
           "在 /proc/PID/maps 中查找该地址：CPU 访问同样会出错。";
    USER_BIT:
        "The request was made with user privilege and the page is the kernel's (U/S = 0), or a driver forgot to set U/S.",
        "请求以用户权限发出，而该页属于内核（U/S = 0），或驱动忘了设置 U/S。"
        => "The entry is present with U/S = 0. Kernel DMA over first-stage tables must set U/S or ask for privilege.",
           "表项存在且 U/S = 0。内核使用第一级表做 DMA 时必须设置 U/S 或请求特权。";
    NO_EXECUTE:
        "The device fetches instructions from a page that is marked no-execute.",
        "设备从标记为不可执行的页取指。"
        => "The entry has XD set. The buffer was not mapped for execution, or the jump went to data.",
           "表项设置了 XD。缓冲区没有映射为可执行，或跳转到了数据。";
    STAGE2_HOLE:
        "The guest's address is right but the hypervisor has no memory there (or only read-only memory).",
        "客户机的地址正确，但虚拟机监控器在那里没有内存（或只读内存）。"
        => "Compare the guest-physical address with the guest's memory map; a peer device's BAR, a ballooned or not yet populated page are typical.",
           "把客户机物理地址与客户机内存图比较；典型情况是另一设备的 BAR、被气球回收或尚未填充的页。";
    IR_NOT_PRESENT:
        "The interrupt was freed (or never set up) and the device still raises it.",
        "该中断已释放（或从未设置），而设备仍在发出它。"
        => "It follows a driver unload, a suspend or a reset. The index names the entry: look it up in the debugfs file ir_translation_struct.",
           "发生在驱动卸载、休眠或复位之后。索引指出了表项：在 debugfs 的 ir_translation_struct 中查找。";
    IR_WRONG_SOURCE:
        "The interrupt came from a requester id that its entry does not allow: an alias, a bridge, or an attack.",
        "中断来自其表项不允许的请求者 ID：别名、桥，或攻击。"
        => "Compare the device with the SID field of the entry. A VF or a function behind a bridge needs an alias quirk.",
           "把设备与表项的 SID 字段比较。VF 或桥后的功能需要别名 quirk。";
    IR_COMPATIBILITY:
        "The device still holds an MSI address of the old (compatibility) form, written before interrupt remapping was enabled.",
        "设备里仍是中断重映射启用之前写入的旧（兼容）格式 MSI 地址。"
        => "It comes from a timer, an I/O APIC or a device that was not set up again after suspend. Its address bit 4 is 0. x2APIC mode never lets such interrupts pass.",
           "来自定时器、I/O APIC 或休眠后没有重新设置的设备。其地址第 4 位为 0。x2APIC 模式下此类中断一律不放行。";
    IR_CONFIG:
        "The interrupt message or the remapping table is malformed: an index past the table's end, or reserved bits.",
        "中断消息或重映射表格式有误：索引越过表尾，或保留位被设置。"
        => "Decode the MSI address and data of the device (lspci -vv) and compare the handle with the table's size.",
           "解码设备的 MSI 地址与数据（lspci -vv），把句柄与表大小比较。";
    DEVICE_GONE:
        "The device does not answer invalidations: it was unplugged, reset, lost its link, or its ATS is broken.",
        "设备不响应失效请求：已被拔出、复位、链路断开，或其 ATS 有缺陷。"
        => "lspci reads ff for it, or AER errors precede. If it works otherwise, disable ATS for it (pci=noats, or a quirk).",
           "lspci 读到 ff，或之前有 AER 错误。若其他方面正常，为它禁用 ATS（pci=noats 或 quirk）。";
    BAD_DESCRIPTOR:
        "Software queued an invalidation descriptor that the unit rejects: a type that it does not know, or reserved bits.",
        "软件提交了单元拒绝的失效描述符：未知类型或保留位。"
        => "Decode the words that the message prints. All zeros means that the queue's memory or its tail is wrong.",
           "解码消息打印的字。全 0 说明队列内存或尾指针有误。";
    ACCESS_FLAG:
        "The entry's access flag (AF) is 0 and hardware does not set it by itself here.",
        "表项的访问标志（AF）为 0，而硬件在此不会自动设置。"
        => "The entry is otherwise valid. In a process's tables the CPU side must set AF, or hardware update (HTTU) be on.",
           "表项其他部分有效。进程页表中须由 CPU 侧设置 AF，或启用硬件更新（HTTU）。";
    UNKNOWN_STREAM:
        "The device is not in the stream table: the firmware's description (IORT, iommu-map in the device tree) does not name this StreamID.",
        "设备不在流表中：固件描述（IORT，或设备树的 iommu-map）没有给出该 StreamID。"
        => "Compute the StreamID from the PCI number by the firmware's mapping and compare. A hot-plugged bus number is a usual surprise.",
           "按固件的映射从 PCI 编号计算 StreamID 并比较。热插拔的总线号常出意外。";
    MISALIGNED:
        "The device made an access that is not aligned as the structure or the message needs.",
        "设备的访问没有按结构或消息的要求对齐。"
        => "MSI writes must be 4 bytes and aligned. Look at what the device writes and where.",
           "MSI 写必须是 4 字节且对齐。检查设备写了什么、写到哪里。";
    UNIT_OFF:
        "The unit is off, which means here that it blocks everything (ddtp mode Off).",
        "单元处于关闭状态；在这里这意味着阻止一切请求（ddtp 模式为 Off）。"
        => "Read ddtp: mode 0. The driver has not come up yet, or stopped the unit, while devices still ran.",
           "读取 ddtp：模式为 0。驱动尚未启动或已停止该单元，而设备仍在运行。";
    TYPE_BLOCKED:
        "The device's entry does not allow this kind of transaction: a process_id while PDTV is 0, ATS while EN_ATS is 0, or a larger device_id than the table reaches.",
        "设备表项不允许这类事务：PDTV 为 0 却带 process_id、EN_ATS 为 0 却使用 ATS，或 device_id 超出表的范围。"
        => "Look at tc (EN_ATS, PDTV, T2GPA) of the device context and at the number of levels in ddtp.",
           "检查设备上下文的 tc（EN_ATS、PDTV、T2GPA）以及 ddtp 的级数。";
    MEMORY_ERROR:
        "Memory returned corrupted data (ECC, poison).",
        "内存返回了损坏的数据（ECC、毒化）。"
        => "Machine-check or RAS records name the DIMM at the same time.",
           "同一时间的机器检查或 RAS 记录会指出内存条。";
    ENCRYPTED:
        "The page belongs to a confidential guest (SEV-SNP) and the device, or the host, may not touch it.",
        "该页属于机密客户机（SEV-SNP），设备或主机不得访问。"
        => "The guest must share the page (or use bounce buffers, swiotlb=force) before it gives it to the device.",
           "客户机在把页交给设备之前必须将其共享（或使用反弹缓冲区，swiotlb=force）。";
}

/// The usual causes of a fault, likeliest first, moved by what its address shows.
pub(super) fn of(arch: Arch, fault: &Fault) -> Vec<&'static Cause> {
    let mut list = match (arch, fault.code) {
        (_, None) => [&UNMAPPED_EARLY, &NEVER_MAPPED, &STALE_RING].to_vec(),
        (Arch::VtD, Some(code)) => vtd(code, fault.access),
        (Arch::RiscV, Some(code)) => riscv(code),
        (Arch::AmdVi, Some(code)) => super::amd::causes(code),
        (Arch::SmmuV3 | Arch::SmmuV2, Some(code)) => super::smmu::causes(code),
    };
    let first = match fault.address {
        Some(0..=0xfff) => Some(&NULL_DESCRIPTOR),
        Some(0xfee0_0000..=0xfeef_ffff) => Some(&MSI_RANGE),
        _ => None,
    };
    if let (Some(first), true) = (first, list.iter().any(|c| *c == &UNMAPPED_EARLY || *c == &NEVER_MAPPED)) {
        list.retain(|c| *c != first);
        list.insert(0, first);
    }
    list.truncate(4);
    list
}

/// VT-d, by the reason of VT-d 4.1 section 7.
fn vtd(code: u16, access: Option<Access>) -> Vec<&'static Cause> {
    let list: &[&Cause] = match code {
        // No entry for the bus or the device.
        0x01 | 0x39 => &[&COPIED_TABLES, &NOT_ATTACHED, &ALIAS],
        0x02 | 0x41 => &[&NOT_ATTACHED, &ALIAS, &STALE_RING],
        0x03 | 0x0a | 0x0b | 0x3a | 0x42 | 0x43 | 0x52 | 0x5a | 0x5b => {
            &[&BAD_ENTRY, &CORRUPTED, &COPIED_TABLES]
        }
        0x04 | 0x74 | 0x83 | 0x84 => &[&TOO_WIDE, &PHYSICAL_ADDRESS, &CORRUPTED],
        // In second-stage tables "not present" is "neither read nor write allowed", so 5 and 6 are also the plain miss.
        0x05 | 0x06 => &[&UNMAPPED_EARLY, &NEVER_MAPPED, &WRONG_DIRECTION, &FIRMWARE_DEVICE],
        0x79 | 0x85 | 0x86 => &[&UNMAPPED_EARLY, &NEVER_MAPPED, &WRONG_DIRECTION, &STAGE2_HOLE],
        0x75..=0x77 => &[&STAGE2_HOLE, &WRONG_DIRECTION, &CORRUPTED],
        0x07 | 0x08 | 0x09 | 0x30 | 0x38 | 0x40 | 0x50 | 0x58 | 0x70 | 0x73 | 0x78 | 0x7b => {
            &[&TABLE_UNREADABLE, &CORRUPTED, &COPIED_TABLES]
        }
        0x0c | 0x72 | 0x7a => &[&SUPERPAGE, &BAD_ENTRY, &CORRUPTED],
        0x0d | 0x31 | 0x32 | 0x44 | 0x47 => &[&ATS_BLOCKED, &BAD_ENTRY, &STALE_RING],
        0x0e | 0x87 => &[&MSI_RANGE, &NEVER_MAPPED, &CORRUPTED],
        0x45 | 0x46 | 0x48 => &[&PASID_CONFIG, &PASID_NOT_BOUND, &BAD_ENTRY],
        0x51 => &[&NOT_FLUSHED, &PASID_NOT_BOUND, &COPIED_TABLES],
        0x59 => &[&PASID_NOT_BOUND, &NOT_ATTACHED, &COPIED_TABLES],
        0x5c => &[&NO_EXECUTE, &PASID_CONFIG, &BAD_ENTRY],
        0x5d => &[&USER_BIT, &PASID_CONFIG, &BAD_ENTRY],
        0x71 => &[&PROCESS_UNMAPPED, &NO_PAGE_REQUEST, &UNMAPPED_EARLY, &NOT_FLUSHED],
        0x80 => &[&TOO_WIDE, &PROCESS_UNMAPPED, &PHYSICAL_ADDRESS],
        0x81 => &[&USER_BIT, &PROCESS_UNMAPPED],
        0x82 => &[&NO_EXECUTE, &PROCESS_UNMAPPED],
        0x7c | 0x90 | 0x91 => &[&BAD_ENTRY, &TABLE_UNREADABLE],
        0x20 | 0x21 | 0x24 => &[&IR_CONFIG, &CORRUPTED, &IR_NOT_PRESENT],
        0x22 => &[&IR_NOT_PRESENT, &STALE_RING, &IR_CONFIG],
        0x23 => &[&TABLE_UNREADABLE, &CORRUPTED],
        0x25 => &[&IR_COMPATIBILITY, &STALE_RING, &FIRMWARE_DEVICE],
        0x26 => &[&IR_WRONG_SOURCE, &ALIAS, &IR_NOT_PRESENT],
        _ if access == Some(Access::Interrupt) => &[&IR_CONFIG, &IR_NOT_PRESENT],
        _ => &[&BAD_ENTRY, &CORRUPTED, &STALE_RING],
    };
    list.to_vec()
}

/// RISC-V, by the cause of the IOMMU specification's section on the fault queue.
fn riscv(code: u16) -> Vec<&'static Cause> {
    let list: &[&Cause] = match code {
        1 | 5 | 7 => &[&TABLE_UNREADABLE, &CORRUPTED, &PHYSICAL_ADDRESS],
        4 | 6 => &[&MISALIGNED, &CORRUPTED],
        12 => &[&NO_EXECUTE, &PROCESS_UNMAPPED, &UNMAPPED_EARLY],
        13 | 15 => &[&UNMAPPED_EARLY, &NEVER_MAPPED, &WRONG_DIRECTION, &ACCESS_FLAG],
        20 | 21 | 23 => &[&STAGE2_HOLE, &NEVER_MAPPED, &BAD_ENTRY],
        256 => &[&UNIT_OFF, &STALE_RING, &NOT_ATTACHED],
        257 | 261 | 265 => &[&TABLE_UNREADABLE, &CORRUPTED, &COPIED_TABLES],
        258 => &[&NOT_ATTACHED, &ALIAS, &NOT_FLUSHED],
        259 | 263 | 267 => &[&BAD_ENTRY, &CORRUPTED, &NOT_FLUSHED],
        260 => &[&TYPE_BLOCKED, &PASID_CONFIG, &ATS_BLOCKED],
        262 => &[&IR_NOT_PRESENT, &NEVER_MAPPED, &IR_CONFIG],
        264 => &[&TABLE_UNREADABLE, &MISALIGNED, &CORRUPTED],
        266 => &[&PASID_NOT_BOUND, &PASID_CONFIG, &NOT_FLUSHED],
        268..=274 => &[&MEMORY_ERROR, &CORRUPTED],
        _ => &[&CORRUPTED, &BAD_ENTRY],
    };
    list.to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_of_every_architecture_has_two_or_more_distinct_causes() {
        for arch in [Arch::VtD, Arch::AmdVi, Arch::SmmuV3, Arch::SmmuV2, Arch::RiscV] {
            for code in 0..=0x120 {
                for address in [0, 0x1000, 0xfee0_1000, u64::MAX] {
                    let fault = Fault { code: Some(code), address: Some(address), ..Fault::default() };
                    let list = of(arch, &fault);
                    assert!((2..=4).contains(&list.len()), "{arch:?} {code:#x}");
                    for (i, cause) in list.iter().enumerate() {
                        assert!(!list[..i].contains(cause), "{arch:?} {code:#x} twice");
                    }
                }
            }
        }
    }

    #[test]
    fn both_languages_are_there_and_differ() {
        for cause in ALL {
            for text in [cause.text, cause.how_to_tell] {
                assert!(text.en.ends_with(['.', ')']) && text.zh.ends_with('。'), "{}", text.en);
                assert!(text.zh.chars().any(|c| c > '\u{4e00}'));
            }
        }
    }
}
