//! The causes of faults and complaints, each with how to tell it from the others and the public reports that taught it.
//!
//! They are experience, not specification: every one is an inference, and a view says so. Which of them is likely
//! in a log is decided in [`super::evidence`].
//!
//! What a cause *is* is said in words that hold on every system; each piece of advice says who can follow it, so that
//! nobody is sent to another system's files and options.

use super::fault::{Arch, Fault};
use super::system::{System, Whom};
use crate::spec::{Lang, Text};
use alloc::string::String;
use alloc::vec::Vec;

/// One cause.
#[derive(Debug)]
pub struct Cause {
    /// Its name for programs; it does not change.
    pub id: &'static str,
    /// On which systems it can be.
    pub whom: Whom,
    /// What went wrong.
    pub text: Text,
    /// How to tell that it was this: sentences, each with who can follow it.
    pub how_to_tell: &'static [(Whom, Text)],
    /// What taught it: public reports (repository and number) in which it was this; where none was found, the commit, the
    /// source or the specification from which it follows.
    pub taught_by: &'static [&'static str],
    /// The preset of this playground that shows it; empty if none does.
    pub preset: &'static str,
}

/// The name alone tells one from another.
impl PartialEq for Cause {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Cause {}

/// Specifications, by how their names begin, with the architectures that they are of: a section of another one says
/// nothing to a reader.
const SPECIFICATIONS: [(&str, &[Arch]); 5] = [
    ("VT-d ", &[Arch::VtD]),
    ("AMD 48882", &[Arch::AmdVi]),
    ("IHI 0070", &[Arch::SmmuV3]),
    ("IHI 0062", &[Arch::SmmuV2]),
    ("RISC-V IOMMU", &[Arch::RiscV]),
];

impl Cause {
    /// Returns how to tell it on a system.
    pub fn how_to_tell(&self, system: System, lang: Lang) -> String {
        let mut out = String::new();
        for (_, text) in self.how_to_tell.iter().filter(|(whom, _)| whom.has(system)) {
            if !out.is_empty() && lang == Lang::En {
                out.push(' ');
            }
            out.push_str(text.get(lang));
        }
        if out.is_empty() {
            let none = Text::new(
                "No general way is known on this system: look in its own record of mappings.",
                "在该系统上没有已知的通用方法：请查看其自身的映射记录。",
            );
            out.push_str(none.get(lang));
        }
        out
    }

    /// Returns what taught it, without specifications of other architectures, in a language.
    pub fn taught_by(&self, arch: Option<Arch>, lang: Lang) -> Vec<&'static str> {
        let foreign = |source: &str| {
            let of = SPECIFICATIONS.iter().find(|(name, _)| source.starts_with(name));
            of.is_some_and(|(_, archs)| arch.is_none_or(|arch| !archs.contains(&arch)))
        };
        self.taught_by.iter().filter(|source| !foreign(source)).map(|source| named(source, lang)).collect()
    }
}

/// What was seen on a machine, and not read: the only sources that are not names.
const SEEN: Text = Text::new("seen with Linux 7.3 on QEMU", "在 QEMU 上的 Linux 7.3 中见过");

/// The causes of a speaker that reports no faults of its own.
pub(super) fn none(_: &Fault) -> &'static [&'static Cause] {
    &[]
}

/// A source in a language.
pub(super) fn named(source: &'static str, lang: Lang) -> &'static str {
    if source == SEEN.en {
        SEEN.get(lang)
    } else {
        source
    }
}

macro_rules! causes {
    ($($name:ident $whom:ident [$($taught:literal),*] $preset:literal $en:literal $zh:literal
        => $($to:ident $tell_en:literal $tell_zh:literal)+;)*) => {
        $(pub(super) const $name: Cause = Cause {
            id: stringify!($name),
            whom: Whom::$whom,
            text: Text::new($en, $zh),
            how_to_tell: &[$((Whom::$to, Text::new($tell_en, $tell_zh))),+],
            taught_by: &[$($taught),*],
            preset: $preset,
        };)*
        /// Every cause.
        pub static CAUSES: &[&Cause] = &[$(&$name),*];
    };
}

causes! {
    UNMAPPED_EARLY NOT_XEN ["qualcomm/fastrpc#353"] "use-after-unmap"
        "The driver unmapped the buffer while the device still used it."
        "设备还在使用缓冲区时，驱动就解除了映射。"
        => ALL "The address was mapped shortly before; the fault comes and goes with load."
           "该地址不久前还有映射；是否出错随负载变化。"
           LINUX "Trace the events iommu:map and iommu:unmap and look for the page, then for the dma_unmap_* call; iommu.strict=1 makes the fault come sooner."
           "跟踪 iommu:map、iommu:unmap 事件，查找该页以及相应的 dma_unmap_* 调用；iommu.strict=1 会让错误更早出现。";
    NEVER_MAPPED NOT_XEN ["rockchip-linux/mpp#736"] "why-iommu"
        "The address was never mapped for this device: a wrong or stale value in a descriptor, or a length past the end of the mapping."
        "该地址从未为此设备映射过：描述符里的值有误或已过时，或者传输长度超出了映射范围。"
        => LINUX "No iommu:map event covers the page."
           "没有任何 iommu:map 事件覆盖该页。"
           ALL "If the page just before it is mapped, the transfer ran past its end; if nothing near is, the address itself is wrong."
           "若前一页有映射，多半是传输超出了映射范围；若附近都没有映射，就是地址本身有误。";
    WRONG_DIRECTION ALL ["amd/xdna-driver#181", "Avnu/igb_avb#11"] "direction"
        "The buffer is mapped for the other direction only."
        "缓冲区只映射了另一个方向。"
        => ALL "The entry exists, with the other right set."
           "页表项存在，但只设置了另一种权限。"
           LINUX "Look at the direction argument of the dma_map_* call: DMA_TO_DEVICE lets the device read only, DMA_FROM_DEVICE write only. The trace events dma:dma_map_* (Linux v6.12 and later) show it for each mapping; debugfs shows entries of page tables on VT-d alone (domain_translation_struct), in kernels with CONFIG_INTEL_IOMMU_DEBUGFS, which distributions mostly leave out."
           "检查 dma_map_* 调用的方向参数：DMA_TO_DEVICE 只允许设备读，DMA_FROM_DEVICE 只允许设备写。内核的跟踪点 dma:dma_map_*（Linux v6.12 起）会给出每次映射的方向；debugfs 里只有 VT-d 能查看页表项（domain_translation_struct），内核须开启 CONFIG_INTEL_IOMMU_DEBUGFS，发行版内核大多没有开启。"
           XEN "Xen maps a page for reading only where its grant, or its type in the domain, is read-only."
           "授权（grant）只读的页，或 p2m 类型为只读的页，Xen 只按只读映射。";
    NOT_OF_DOMAIN XEN ["QubesOS/qubes-issues#1710", "QubesOS/qubes-issues#1491"] ""
        "The page is not the domain's: Xen maps all the memory of a domain for its devices, so the address is firmware's, a page that was ballooned out or whose grant ended, or no address that the domain was given."
        "该页不属于此域：Xen 会为设备映射域的全部内存，因此该地址要么属于固件，要么所在的页已被气球驱动（balloon）收回，或授权（grant）已撤销，要么根本没有分配给该域。"
        => XEN "Look the address up in the memory map that Xen prints at boot: in a reserved range it is firmware's. With iommu=debug on Xen's command line the walk of the tables follows each fault."
           "在 Xen 启动时打印的内存布局（memory map）中查找该地址，位于保留区则属于固件。Xen 命令行加上 iommu=debug 后，每个错误之后会打印页表遍历。";
    PHYSICAL_ADDRESS ALL ["enjoy-digital/litex_m2sdr#77", "onnxsim/onnxsim#1212"] "physical-address"
        "The driver gave the device a physical or virtual address of memory instead of the address that the mapping has."
        "驱动把内存的物理地址或虚拟地址交给了设备，而不是映射得到的地址。"
        => ALL "If it was a physical address, it is one of RAM, and with the IOMMU off, or passing addresses through, the device works. If it was a virtual one, the value mostly looks like a pointer of the kernel (0xffff...)."
           "如果交出去的是物理地址，该地址落在内存范围里，而且关闭 IOMMU 或改用直通模式后设备就正常。如果是虚拟地址，值通常像内核指针（0xffff……）。"
           LINUX "That is iommu=pt and a \"System RAM\" range of /proc/iomem; the address must be what the DMA API returned. A kernel built with CONFIG_DMA_API_DEBUG complains only where the driver hands such an address to dma_unmap_* or dma_sync_*: what is written straight into a descriptor it does not see."
           "改用直通模式要加 iommu=pt；内存范围见 /proc/iomem 里标为 System RAM 的各段。交给设备的地址必须是 DMA API 的返回值。只有驱动把这种地址传给 dma_unmap_*、dma_sync_* 时，开启 CONFIG_DMA_API_DEBUG 的内核才会报告；直接写进描述符的，它看不到。";
    FIRMWARE_DEVICE ALL ["Dasharo/dasharo-issues#641", "thesofproject/sof-test#744", "sm7150-mainline/linux#61", "genodelabs/genode#5066"] "reserved-memory"
        "Firmware left the device running, or owns it (USB legacy support, integrated graphics, a management controller), and its reserved region (RMRR, IVMD, RMR, or reserved-memory of the device tree) is missing."
        "固件没有停掉设备，或仍在用它（USB legacy 支持、核显、管理控制器），却没有声明相应的保留区域（RMRR、IVMD、RMR，或设备树的 reserved-memory）。"
        => ALL "It appears early at boot, before the driver binds; the address lies in a reserved range of the firmware's memory map. A firmware update, or unbinding the firmware feature, ends it."
           "在驱动绑定之前的启动早期出现；地址位于固件内存布局（memory map）的保留区。更新固件或关闭相应固件功能后消失。";
    NULL_DESCRIPTOR ALL ["deepin-community/kernel#979", "fpgasystems/Coyote#183"] "ring"
        "A descriptor was handed to the device before its address was filled in, or after it was cleared."
        "描述符在填入地址之前（或被清零之后）就交给了设备。"
        => ALL "The address is 0 or a few bytes above. Dump the ring at the time of the fault: an entry owned by the device holds 0. A missing write barrier before the doorbell shows only under load."
           "地址为 0 或略大于 0。出错时把描述符环转储出来看：归设备所有的某个描述符里，地址是 0。若是敲门铃之前缺少写屏障，则只在高负载下出现。";
    IGD_STOLEN ALL ["tomitamoeko/VfioIgdPkg#5", "patmagauran/i915ovmfPkg#23"] "reserved-memory"
        "The integrated graphics is assigned to a guest and still uses the memory that firmware took for it (stolen memory, where its framebuffer is), which the guest's tables in the IOMMU do not map."
        "核显已直通给客户机，却仍在使用固件为其划出的内存（stolen memory，帧缓冲所在处），而 IOMMU 里该客户机的页表没有映射它。"
        => ALL "The address is in a reserved range just below the end of low memory (the RMRR of 00:02.0). Less stolen memory in firmware's setup (DVMT), or a guest firmware that sets up the graphics device (its OpRegion and stolen memory), ends it."
           "地址位于低端内存末尾之下的保留区（00:02.0 的 RMRR）。在固件设置中减小 DVMT，或使用会初始化核显（OpRegion 与 stolen memory）的客户机固件后消失。";
    STALE_RING ALL ["gnif/vendor-reset#49"] "use-after-unmap"
        "After a suspend, a reset or a warm restart, the device still uses the addresses that it was given before."
        "休眠、复位或热重启之后，设备仍在使用此前配置给它的地址。"
        => ALL "It starts right after that and names a device that no driver has touched yet."
           "恢复、复位或重启后紧接着就出现，而且出错的设备还没有驱动接管。"
           LINUX "kexec calls the drivers' shutdown handlers, and they have to stop DMA (Bus Master Enable cleared). The start of a crash kernel (kdump) calls none: devices go on until a driver of the new kernel resets them."
           "kexec 会先调用各驱动的 shutdown，DMA 应在那里停掉（清除 Bus Master Enable）。系统崩溃后启动 kdump 内核则不调用任何 shutdown：设备照旧运行，直到新内核的驱动把它复位。";
    ALIAS ALL ["QubesOS/qubes-issues#5968", "Microsemi/switchtec-kernel#110"] "phantom"
        "The request carries another requester id than the device's own: the device is behind a PCIe-to-PCI bridge, sends under a wrong function number, or the request is from one of its VFs (a VF has a requester id of its own)."
        "请求携带的请求者 ID 不是设备自己的：要么设备在 PCIe 转 PCI 桥之后，要么它发请求时用错了功能号，要么请求来自它的某个 VF（VF 有自己的请求者 ID）。"
        => ALL "A list of the machine's PCI devices (lspci) has nothing at this number, or another device. Behind a PCIe-to-PCI bridge the number is 00.0 of the bridge's secondary bus, as 02:00.0 where that is bus 02; behind an older PCI bridge it is the bridge's own."
           "PCI 设备列表（lspci）里，该编号处没有设备，或是另一个设备。在 PCIe 转 PCI 桥之后，编号是桥的次级总线（secondary bus）上的 00.0：次级总线为 02 时就是 02:00.0；在老式 PCI 桥之后，则是桥自己的编号。"
           LINUX "The kernel's list of DMA alias quirks names such devices."
           "用错编号的设备列在内核的 DMA 别名 quirk 里。"
           XEN "On Xen's command line pci-phantom describes such a device."
           "Xen 命令行的 pci-phantom 可描述这类设备。";
    NOT_ATTACHED ALL ["seen with Linux 7.3 on QEMU"] ""
        "The device sends DMA although no domain is attached to it: it was removed from the kernel (by `remove` in sysfs, say), or the kernel never made an entry for it."
        "设备没有挂接到任何域就发出了 DMA：它已从内核中移除（例如写过 sysfs 的 remove），或内核从未给它建立表项。"
        => ALL "On x86 a device has a domain from when it is found, with a driver or without; elsewhere it may get one only with a driver. A device that firmware's description of the IOMMU (the DMAR, IVRS, IORT or RIMT table, or the device tree) leaves out has none: look for its number in the boot log."
           "x86 上枚举到设备就给它一个域，有没有驱动都一样；别的平台可能要等到绑定驱动。固件对 IOMMU 的描述（DMAR、IVRS、IORT、RIMT 表，或设备树）中没有的设备则没有域，可在启动日志里查找它的编号。"
           LINUX "lspci -k shows the driver, and a device that was removed is not in its list."
           "lspci -k 会显示驱动；已移除的设备不在列表里。";
    COPIED_TABLES LINUX ["NVIDIA/NV-Kernels#460"] ""
        "The tables that the kdump kernel copied from the crashed kernel are incomplete or already overwritten."
        "kdump 内核从崩溃的内核那里复制来的表不完整或已被覆盖。"
        => LINUX "The boot log says that translation structures were copied; the fault starts before any driver binds. It goes away in a fresh boot."
           "启动日志提到复制了转换结构；错误在任何驱动绑定前就开始。正常启动时不会出现。";
    BAD_ENTRY ALL ["genodelabs/genode#5002"] ""
        "An entry was written that this unit's hardware does not accept: a feature bit that it lacks, or a reserved bit."
        "写入了 IOMMU 硬件不接受的表项：使用了不支持的特性位，或设置了保留位。"
        => ALL "It faults on every access, from the first one. Compare the entry with the unit's capability registers (cap and ecap on VT-d): address width, page sizes, and the features that are enabled."
           "从第一次访问起就总是出错。把该项与 IOMMU 的能力寄存器（VT-d 上为 cap、ecap）对照：地址宽度、页大小，以及已启用的特性。";
    CORRUPTED ALL ["VT-d 7.1.3"] ""
        "Memory that holds the tables was overwritten, or freed while the unit still walked it."
        "存放表的内存被别的代码或设备改写，或者 IOMMU 还在查表时就被释放。"
        => ALL "The entry holds data that looks like anything but an entry."
           "表项里的内容根本不像一个表项。"
           LINUX "Page poisoning (page_poison=1) shows that freed memory was written, and KASAN which code did it (not what a device writes); a use after free shows poison bytes."
           "page_poison=1 可发现已释放的内存被改写，KASAN 可找出写入的代码（查不出设备的写入）；若是释放后仍在使用，会看到填充值（poison）。";
    NOT_FLUSHED ALL ["genodelabs/genode#5000", "seL4/seL4#1729"] "lazy"
        "The IOMMU driver changed the entry but did not make that visible: a missing cache flush (clflush on x86) on a unit that does not snoop, or a missing invalidation."
        "这个 IOMMU 查表时不监听（snoop）CPU 缓存，而 IOMMU 驱动改表后没有刷新缓存（x86 上为 clflush）；或者没有发失效命令。"
        => ALL "The entry in memory is right when you look at it later. The unit's page walks are not coherent with the caches (ecap.C is 0 on VT-d), or no invalidation follows the change in the trace."
           "事后去看，内存里的表项是对的。IOMMU 查表时看不到 CPU 缓存里的内容（VT-d 上 ecap.C 为 0），或者跟踪记录里改表之后没有失效操作。";
    TABLE_UNREADABLE ALL ["arceos-hypervisor/axvisor#193"] ""
        "A table pointer leads to memory that the unit cannot read: outside RAM, encrypted, or above its address width."
        "表或队列的地址指向 IOMMU 访问不到的内存：不在内存范围内、被加密，或超出其地址宽度。"
        => ALL "Follow the pointers from the root by hand: one leads outside RAM or above the width in the unit's capability register."
           "从根表（或队列的基址）起手工顺着地址查下去，其中一个落在内存之外，或高于 IOMMU 能力寄存器给出的宽度。"
           LINUX "/proc/iomem lists the RAM."
           "/proc/iomem 列出内存范围。";
    TOO_WIDE ALL ["VT-d 7.1.3"] "mask-iommu"
        "The device sent an address above the width of its domain: garbage in a descriptor, or an address that no mapping gave, such as a pointer. A mapping never gives one above it, however large the driver's DMA mask."
        "设备发出的地址超出了设备所在域的地址宽度：描述符里是垃圾值，或者是指针一类、并非映射得来的地址。无论驱动把 DMA 掩码设得多大，映射得到的地址都不会超出这个宽度。"
        => ALL "Compare the address with the domain's width (39, 48 or 57 bits). Random upper bits mean garbage; a clean pattern such as all ones in the upper half means a sign-extended 32-bit value."
           "把地址与域的地址宽度（39、48 或 57 位）对照。高位杂乱无章是垃圾值；高 32 位全 1，则是 32 位值做了符号扩展。";
    SUPERPAGE ALL ["VT-d 7.1.3"] ""
        "A large page was used at a level where this unit supports none, or its address is not aligned to its size."
        "在 IOMMU 不支持的级别使用了大页，或其地址没有按大小对齐。"
        => ALL "The entry has bit 7 (PS) set. Check the large-page bits of the capability register."
           "表项第 7 位（PS）为 1。检查能力寄存器中的大页位。"
           LINUX "intel_iommu=sp_off makes it go away."
           "使用 intel_iommu=sp_off 后消失。";
    ATS_BLOCKED ALL ["NVIDIA/NV-Kernels#291"] ""
        "The device sent a translation request or an already translated request, and its table entry does not allow that."
        "设备发出了转换请求或已转换请求，但其表项不允许。"
        => ALL "ATS is enabled in the device (lspci -vv, ATSCtl: Enable+) and not in its table entry: firmware or another kernel enabled it."
           "设备中已启用 ATS（lspci -vv，ATSCtl: Enable+）而表项中没有，是固件或另一个内核启用的。"
           LINUX "pci=noats ends it."
           "使用 pci=noats 后消失。";
    MSI_RANGE ALL ["VT-d 7.1.3"] "msi-hole"
        "The address is in the interrupt range 0xfee00000 to 0xfeefffff, which is never translated as memory."
        "地址位于中断区间 0xfee00000 至 0xfeefffff，永远不会作为内存转换。"
        => ALL "The device's MSI address is right for an interrupt, so this was an interrupt that had the wrong size, type or a PASID; or a mapping was made into that range."
           "作为 MSI 地址它没有错，因此这是一次大小或类型不对、或者带了 PASID 的中断；也可能是有映射落进了该区间。";
    PASID_NOT_BOUND ALL ["VT-d 7.1.3"] "sva"
        "The process was never bound to the device, or it exited (and its PASID was freed) while the device still worked for it."
        "进程从未绑定到该设备，或设备仍在为其工作时进程已退出（PASID 已释放）。"
        => ALL "If the PASID was bound before, the driver must drain the queue before it unbinds."
           "若之前绑定过，驱动应在解除绑定前排空队列。"
           LINUX "Trace bind and unbind (iommu_sva_bind_device, iommu_sva_unbind_device)."
           "跟踪绑定与解除绑定（iommu_sva_bind_device、iommu_sva_unbind_device）。";
    PASID_CONFIG ALL ["intel/dsa-perf-micros#2", "intel/idxd-config#46"] ""
        "The device's entry does not allow PASIDs, or allows fewer of them than the device uses."
        "设备的表项不允许 PASID，或允许的数量少于设备所用。"
        => ALL "Compare the PASID with the size field of the device's entry and with the PASID capability in lspci -vv (Max PASID Width)."
           "把 PASID 与设备表项中的大小字段，以及 lspci -vv 的 PASID 能力（Max PASID Width）比较。";
    NO_PAGE_REQUEST ALL ["PCI Express, ATS"] "sva"
        "The device has no page requests (PRI), or they are off, so it cannot have the process's page brought in."
        "设备没有页请求（PRI）功能，或没有启用，因此缺页时无法请求把页调入内存。"
        => ALL "The same address works after the process touches it, or when its memory is locked. Enable PRI, or pin the buffer."
           "让进程先访问一下该地址，或把它的内存锁定，设备就正常。启用 PRI，或锁定缓冲区。";
    PROCESS_UNMAPPED ALL ["VT-d 7.1.3"] "sva"
        "The process itself has no such page: it freed the buffer, or passed a wrong pointer."
        "进程自己也没有这一页：它释放了缓冲区，或传递了错误的指针。"
        => ALL "Look the address up in the memory map of the process: the CPU would fault there too."
           "在进程的内存映射中查找该地址，CPU 访问它同样会出错。"
           LINUX "That is /proc/PID/maps."
           "Linux 上见 /proc/PID/maps。";
    USER_BIT ALL ["VT-d 7.1.3"] ""
        "The request was made with user privilege and the page is the kernel's, or a driver forgot to allow user access in the entry."
        "请求以用户权限发出，而该页属于内核；或者驱动忘了在表项里允许用户访问。"
        => ALL "The entry is present and does not allow user access (U/S = 0 on VT-d and AMD, AP[1] = 0 in stage 1 on Arm, U = 0 on RISC-V). Kernel DMA over first-stage tables must set the user bit in the entry, or send privileged requests."
           "表项存在但不允许用户访问（VT-d 与 AMD 上 U/S = 0，Arm 第一阶段 AP[1] = 0，RISC-V 上 U = 0）。内核使用第一阶段页表做 DMA 时，要么在表项中允许用户访问，要么让请求带上特权属性。";
    NO_EXECUTE ALL ["VT-d 7.1.3"] ""
        "The device fetches instructions from a page that is marked no-execute."
        "设备从标记为不可执行的页取指。"
        => ALL "The entry forbids execution (XD on VT-d, NX on AMD, XN on Arm, X = 0 on RISC-V). The buffer was not mapped for execution, or the jump went to data."
           "表项禁止执行（VT-d 上为 XD，AMD 上为 NX，Arm 上为 XN，RISC-V 上为 X = 0）。缓冲区没有映射为可执行，或跳转到了数据。";
    STAGE2_HOLE ALL ["VT-d 7.1.3"] "two-stages"
        "The guest's address is right but the host gave it no memory there (or only read-only memory)."
        "客户机的地址正确，但宿主机没有给该地址分配内存，或只给了只读内存。"
        => ALL "Compare the guest-physical address with the guest's memory map; a peer device's BAR, a ballooned or not yet populated page are typical."
           "把客户机物理地址与客户机的内存布局（memory map）比较；典型情况：该地址属于另一设备的 BAR，或者该页已被气球驱动收回，或者尚未分配内存。";
    IR_NOT_PRESENT ALL ["VT-d 5.1.4.1"] "interrupts"
        "The interrupt was freed (or never set up) and the device still raises it."
        "该中断已释放（或从未设置），而设备还在发。"
        => ALL "It follows a driver unload, a suspend or a reset. The index names the entry."
           "发生在驱动卸载、休眠或复位之后。日志里的中断索引就是表项的编号。"
           LINUX "/proc/interrupts shows which interrupts are there; a kernel with CONFIG_INTEL_IOMMU_DEBUGFS shows the entries in debugfs, iommu/intel/ir_translation_struct."
           "/proc/interrupts 列出现有的中断；开启 CONFIG_INTEL_IOMMU_DEBUGFS 的内核可在 debugfs 的 iommu/intel/ir_translation_struct 中查看表项。";
    IR_STALE ALL ["VT-d 5.1.4.1"] "interrupts"
        "After a suspend or a reset the device still sends the MSI that it was given before: its index names an entry that nobody filled in again."
        "休眠或复位之后，设备发出的仍是之前写入的 MSI，其中的索引指向一个没有重新填写的表项。"
        => ALL "Decode the MSI address and data of the device (MSI: lspci -vv; MSI-X: the vector table in its BAR): the index should be that of an interrupt that its driver has now."
           "解码设备的 MSI 地址与数据（MSI 看 lspci -vv，MSI-X 读 BAR 里的向量表），其中的索引应对应驱动现在使用的中断。";
    IR_WRONG_SOURCE ALL ["quo/ithc-linux#2"] "forged-msi"
        "The interrupt came from a requester id that its entry does not allow: an alias, a bridge, or an attack."
        "中断消息里的请求者 ID 不是该表项允许的：设备用了别名，或经过桥时换成了桥的 ID，也可能是有人伪造中断。"
        => ALL "Compare the device with the SID field of the entry: a VF, or a function behind a bridge, may send under another number."
           "把设备的编号与表项的 SID 字段对照，VF 或桥后的设备可能用另一个编号发出请求。"
           LINUX "For VFs and bridges that keep to the standard the kernel knows the number; a device that sends under a wrong one needs a DMA alias quirk in it."
           "VF 和符合标准的桥，内核自己会处理；设备若不按规范用了别的编号，内核里须有它的 DMA 别名 quirk。";
    IR_GIVEN_AWAY LINUX ["Linux drivers/iommu/intel/irq_remapping.c"] "forged-msi"
        "The interrupt was freed, its entry now belongs to another device's interrupt, and this device still raises it."
        "原来的中断已释放，表项已分给另一设备，而原来的设备还在发这个中断。"
        => LINUX "A freed entry is given out again, the lowest index first. It follows a driver unload, a suspend or a reset of this device; a kernel with CONFIG_INTEL_IOMMU_DEBUGFS shows in debugfs, iommu/intel/ir_translation_struct, which device has the entry now."
           "释放的表项会重新分配，编号小的优先。发生在原来的设备卸载驱动、休眠或复位之后；开启 CONFIG_INTEL_IOMMU_DEBUGFS 的内核可在 debugfs 的 iommu/intel/ir_translation_struct 中查看表项现在属于哪个设备。";
    IR_COMPATIBILITY ALL ["VT-d 5.1.4.1"] "forged-msi"
        "The device still holds an MSI address of the old (compatibility) form, written before interrupt remapping was enabled."
        "设备里仍是中断重映射启用之前写入的旧（兼容）格式 MSI 地址。"
        => ALL "It comes from a timer, an I/O APIC or a device that was not set up again after suspend. Its address bit 4 is 0. x2APIC mode never lets such interrupts pass."
           "来自定时器、I/O APIC 或休眠后没有重新设置的设备。其地址第 4 位为 0。x2APIC 模式下此类中断一律不放行。";
    IR_CONFIG ALL ["VT-d 5.1.4.1"] "interrupts"
        "The interrupt message or the remapping table is malformed: an index past the table's end, or reserved bits."
        "中断消息或重映射表的格式有误：索引越过表尾，或保留位不为 0。"
        => ALL "Decode the MSI address and data of the device (lspci -vv) and compare the handle with the table's size."
           "解码设备的 MSI 地址与数据（lspci -vv），看其中的句柄（表项编号）是否超出表的大小。";
    DEVICE_GONE ALL ["gnif/vendor-reset#81", "endlessm/linux#460", "gnif/vendor-reset#66", "intel/ipu6-drivers#129"] ""
        "The device does not answer invalidations: it was unplugged, reset, lost its link, or its ATS is broken."
        "设备不响应失效请求：已被拔出、复位、链路断开，或其 ATS 有缺陷。"
        => ALL "Reads of the device return ff (lspci shows rev ff), or AER errors precede."
           "读设备的寄存器得到的全是 ff（lspci 显示 rev ff），或之前有 AER 错误。"
           LINUX "If it works otherwise, disable ATS for it (pci=noats, or a quirk)."
           "若其他方面正常，为它禁用 ATS（pci=noats 或 quirk）。";
    RESET_OUTSIDE LINUX ["Linux drivers/vfio/pci"] ""
        "The device was reset or lost power outside vfio-pci (a bus reset, D3cold, recovery from an error): its BARs were lost, and vfio writes them back."
        "设备在 vfio-pci 之外被复位或掉过电（总线复位、D3cold、错误恢复）：BAR 丢失，由 vfio 写回。"
        => LINUX "A line of AER, of a hot reset or of a change of power precedes; another device behind the same bridge may have been reset."
           "之前有 AER、热复位或电源状态变化的消息；也可能是同一桥后的另一个设备被复位。";
    BAD_DESCRIPTOR ALL ["arceos-hypervisor/axvisor#193"] ""
        "Software queued an invalidation descriptor that the unit rejects: a type that it does not know, or reserved bits."
        "软件提交的命令（VT-d 上是失效描述符）被 IOMMU 拒绝：类型未知，或保留位不为 0。"
        => ALL "Decode the words that the message prints. All zeros means that the queue's memory or its tail is wrong."
           "把消息里打印的命令内容（十六进制数）解码来看；全 0 说明队列的内存或尾指针有误。";
    ACCESS_FLAG ALL ["IHI 0070"] ""
        "The entry's accessed flag (AF on Arm, A on RISC-V) is 0 and hardware does not set it by itself here."
        "表项的访问标志（Arm 上为 AF，RISC-V 上为 A）为 0，而硬件在此不会自动设置。"
        => ALL "The entry is otherwise valid. In a process's tables the CPU side must set the flag, or hardware update (HTTU on Arm, SADE or GADE on RISC-V) be on."
           "表项其他部分有效。进程页表中须由 CPU 侧设置该标志，或启用硬件更新（Arm 上为 HTTU，RISC-V 上为 SADE、GADE）。";
    UNKNOWN_STREAM ALL ["IHI 0062", "IHI 0070"] "stream-id"
        "The device has no entry in the stream table: the firmware's description (IORT, iommu-map in the device tree) does not name this StreamID, or the kernel makes the entry only when a driver is bound, and none is yet."
        "设备在流表中没有表项：固件描述（IORT，或设备树的 iommu-map）没有给出该 StreamID，或者内核要到绑定驱动时才建表项，而设备还没有绑定驱动。"
        => ALL "Compute the StreamID from the PCI number by the firmware's mapping, and compare it with the log's. Bus numbers that change with hot-plugging are a usual surprise."
           "按固件的映射由 PCI 编号算出 StreamID，与日志里的对照。热插拔会改变总线号，常常因此对不上。";
    MISALIGNED ALL ["RISC-V IOMMU specification"] ""
        "The device made an access that is not aligned as the structure or the message needs."
        "设备的访问没有按结构或消息的要求对齐。"
        => ALL "MSI writes must be 4 bytes and aligned. Look at what the device writes and where."
           "MSI 写必须是 4 字节且对齐。检查设备写了什么、写到哪里。";
    UNIT_OFF ALL ["RISC-V IOMMU specification"] ""
        "The unit is off, which means here that it blocks everything (ddtp mode Off)."
        "IOMMU 是关着的（ddtp 模式为 Off）：这种状态拒绝一切请求。"
        => ALL "Read ddtp: mode 0. The driver has not come up yet, or stopped the unit, while devices still ran."
           "读取 ddtp：模式为 0。驱动尚未启动或已停止该 IOMMU，而设备仍在运行。";
    TYPE_BLOCKED ALL ["RISC-V IOMMU specification"] ""
        "The device's entry does not allow this kind of transaction: a process_id while PDTV is 0, ATS while EN_ATS is 0, or a larger device_id than the table reaches."
        "设备表项不允许这类事务：PDTV 为 0 却带 process_id、EN_ATS 为 0 却使用 ATS，或 device_id 超出表的范围。"
        => ALL "Look at tc (EN_ATS, PDTV, T2GPA) of the device context and at the number of levels in ddtp."
           "检查设备上下文的 tc（EN_ATS、PDTV、T2GPA）以及 ddtp 的级数。";
    MEMORY_ERROR ALL ["AMD 48882"] ""
        "Memory returned corrupted data (ECC, poison)."
        "内存返回了损坏的数据（ECC、poison）。"
        => ALL "Machine-check or RAS records name the DIMM at the same time."
           "同一时间的机器检查或 RAS 记录会指出内存条。";
    ENCRYPTED ALL ["AMD 48882"] "swiotlb"
        "The page belongs to a confidential guest (SEV-SNP) and the device, or the host, may not touch it."
        "该页属于机密客户机（SEV-SNP），设备或宿主机不得访问。"
        => ALL "The guest must share the page, or copy through a shared one, before it gives it to the device."
           "客户机必须先把这一页设为共享，再交给设备，或经共享页拷贝。"
           LINUX "In a Linux guest that is swiotlb=force."
           "在 Linux 客户机中即 swiotlb=force。";
    MSI_ZERO ALL ["Linux commit 039d4926379b"] "interrupts"
        "The device raised an MSI while its MSI or MSI-X address register was 0: before the vector was set up, after it was freed, or by a timer or poll that keeps raising it."
        "设备在 MSI 或 MSI-X 地址寄存器为 0 时发出了 MSI：可能在设置向量之前或释放之后，也可能由定时器或轮询反复触发。"
        => ALL "The address is exactly 0 and it is a write (of 4 bytes); it comes when the interrupt is set up, freed or the device is opened and closed. lspci -vv shows \"Address: 0000000000000000\" at the MSI capability."
           "地址恰为 0，且为写（4 字节）；出现在设置或释放中断、打开或关闭设备时。lspci -vv 输出的 MSI 一项（Capabilities）里是 Address: 0000000000000000。";
    CHIPSET_INTERRUPT ALL ["pcengines/coreboot#285"] "interrupts"
        "Firmware or a device of the chipset sent an interrupt or an end-of-interrupt message that is not set up for remapping: the root complex, or an I/O APIC or HPET whose entry is missing in the IVRS table."
        "固件或芯片组里的设备（根复合体，或 IVRS 表漏掉的 I/O APIC、HPET）发出了中断或 EOI 消息，而内核没有为它设置中断重映射。"
        => ALL "The address is in the interrupt range and the device is 00:00.x or another part of the chipset. Once at boot it does no harm; a firmware update that completes the IVRS table ends it."
           "地址落在中断区间，设备为 00:00.x 或芯片组的其他部分。如果只在启动时出现一次，则无害；更新固件补全 IVRS 表后消失。";
    GUEST_MSI ALL ["VT-d 5.1.4.1"] "forged-msi"
        "The interrupt message was composed by somebody else than the host's kernel: a domain that makes its own messages (Intel VMD), or an assigned device whose guest driver writes the MSI address into the device's own registers, past the emulated capability."
        "中断消息不是由宿主机内核生成的：要么由 Intel VMD 自行生成，要么是设备直通后，客户机的驱动绕过模拟的 MSI 能力，把 MSI 地址直接写进了设备寄存器。"
        => ALL "The device is behind a VMD, or assigned to a guest; it works on the host. The message's address bit 4 is 0 (compatibility format), which the IOMMU here blocks."
           "设备位于 VMD 之后，或已直通给客户机；在宿主机上正常。消息地址的第 4 位为 0（兼容格式），而此处的 IOMMU 会拦截它。";
    UNIT_GONE ALL ["PCI Express"] ""
        "The IOMMU itself did not answer: it is powered down, or gone with the device it is part of. Its registers read as all ones, and no fault happened."
        "IOMMU 本身没有应答：已掉电，或随所在设备一起消失。寄存器读出全 1，其实没有发生转换错误。"
        => ALL "Every field of the record is all ones. Look for a suspend, a surprise removal or a PCI error just before."
           "记录的每个字段都是全 1。看看之前是否有休眠、意外拔出或 PCI 错误。";
    MAPPING_ERROR_USED ALL ["Linux include/linux/dma-mapping.h"] ""
        "A mapping failed, and the driver used the value that says so as an address, unchecked."
        "映射失败，而驱动没有检查，把表示失败的值当作地址使用。"
        => ALL "The address is all ones in its page (or all ones in 32 bits, cut by the device)."
           "除去页内的低位，地址全是 1（或被设备截断成 32 位的全 1）。"
           LINUX "The value is DMA_MAPPING_ERROR, which dma_mapping_error() tests for. Look for \"swiotlb buffer is full\" or an allocation failure before it; a kernel with CONFIG_DMA_API_DEBUG says \"failed to check map error\"."
           "该值即 DMA_MAPPING_ERROR，应以 dma_mapping_error() 检查。查看之前是否有 swiotlb buffer is full 或分配失败；开启 CONFIG_DMA_API_DEBUG 的内核会报 failed to check map error。";
    CONTROL_NOT_RESTORED ALL ["Linux commit ef75966abf95"] ""
        "The entry asks for a feature that the unit's control register does not enable, as after a resume that restored the tables and not the register."
        "表项使用了控制寄存器没有启用的特性，例如恢复休眠时只恢复了表而没有恢复该寄存器。"
        => ALL "It starts right after resume, for every device at once, and a fresh boot is clean."
           "从休眠恢复之后，所有设备立刻都出错；重新启动就正常。"
           LINUX "Linux commit ef75966abf95 mended such a case (EPHEn in the resume path)."
           "Linux 提交 ef75966abf95 修复过这类问题（恢复路径中的 EPHEn）。";
    MSI_UNMAPPED ALL ["seen with Linux 7.3 on QEMU"] "interrupts"
        "The write is an interrupt message, and its target (an ITS doorbell, an interrupt file of an IMSIC) is not mapped in the device's domain."
        "这次写是中断消息，而其目标（ITS 门铃、IMSIC 的中断文件）没有映射到设备的域中。"
        => ALL "A write of 4 bytes, aligned, always to the same page, when the interrupt should come. lspci -vv shows the address in the MSI capability; with MSI-X it is in the vector table, at the BAR and offset that lspci gives."
           "写 4 字节、对齐、总是同一页，在中断应当到来时出现。设备用 MSI 时，lspci -vv 的 MSI 一项里有该地址；用 MSI-X 时地址在向量表里，表的 BAR 和偏移由 lspci 给出。"
           LINUX "/proc/iomem may name the page; where it does not (an IMSIC), the device tree or the ACPI tables have the address."
           "/proc/iomem 里可能有该页的归属；没有时（例如 IMSIC），看设备树或 ACPI 表中的地址。";
    STREAM_CONFLICT ALL ["IHI 0062"] ""
        "Two stream mapping entries match the same StreamID."
        "两个流匹配表项命中同一个 StreamID。"
        => ALL "Compare the StreamIDs that firmware's description gives to devices: two of them, with their masks, cover this one."
           "对比固件描述给各设备的 StreamID，其中有两个（连同掩码）都覆盖了该 StreamID。"
           LINUX "They are in the `iommus` and `iommu-map` properties of the device tree, or in IORT."
           "它们位于设备树的 `iommus`、`iommu-map` 属性，或 IORT 中。";
    QUEUE_MEMORY ALL ["arceos-hypervisor/axvisor#193"] ""
        "The unit read something else from the command queue than software wrote: the write was not visible yet, the queue's base or size is wrong, or its memory cannot be read."
        "IOMMU 从命令队列读到的内容与软件写入的不同：写入尚不可见、队列基址或大小有误，或其内存无法读取。"
        => ALL "The command at the error is all zeros, or is no command that the driver writes. Check the queue's alignment and its cacheability."
           "出错处的命令全为 0，或不是驱动会写入的命令。检查队列的对齐与缓存属性。";
    RECORD_OF_EMULATOR ALL ["seen with Linux 7.3 on QEMU"] ""
        "The access was refused, but the record of it is not to be trusted: QEMU's amd-iommu (seen in 11.1.3) leaves address and domain 0 and puts the permission bits where the flags GN and NX are."
        "访问确实被拒绝了，但这条记录的内容不可信：QEMU 的 amd-iommu（见于 11.1.3）没有填地址和域，都是 0，又把权限位写进了标志 GN、NX 的位置。"
        => ALL "The machine is a QEMU guest with -device amd-iommu, and every event has address=0x0, domain=0x0000 and flags 0x0009 or 0x000a. QEMU's trace event amdvi_page_fault has the address."
           "机器是带 -device amd-iommu 的 QEMU 客户机，每条事件都是 address=0x0、domain=0x0000，标志为 0x0009 或 0x000a。QEMU 的跟踪事件 amdvi_page_fault 有真正的地址。";
    SWIOTLB_TOO_LARGE LINUX ["cezanne/usbip-win#368"] "swiotlb"
        "One request is larger than a bounce buffer can ever be: at most 256 KiB (128 slots of 2 KiB) in one mapping, however empty the pool is."
        "单个请求大于回弹缓冲区的上限：一次映射最多 256 KiB（128 个 2 KiB 的槽），与池的空闲程度无关。"
        => LINUX "sz in the message is above 262144 and used is small. The driver must split the request, or heed dma_max_mapping_size()."
           "消息中的 sz 超过 262144，而 used 很小。驱动应拆分请求，或遵守 dma_max_mapping_size()。";
    SWIOTLB_LEAK LINUX ["lwfinger/rtl8192ee#3"] "swiotlb"
        "A driver maps and does not unmap: bounce buffers are used up over time."
        "驱动只映射、不解除映射，回弹缓冲区渐渐耗尽。"
        => LINUX "used grows from hour to hour and does not fall when the load ends; a larger pool only delays it. Look at io_tlb_used in debugfs (swiotlb/)."
           "used 随时间增长，负载结束后也不下降；加大池只会推迟问题。查看 debugfs 的 swiotlb/io_tlb_used。";
    SWIOTLB_SMALL LINUX ["Dstack-TEE/dstack#1192", "AMDESE/AMDSEV#281"] "swiotlb"
        "The pool of bounce buffers is too small: everything is bounced in a confidential guest, a device with a small DMA mask is busy, or one request wants most of the pool."
        "回弹缓冲池太小：机密客户机里所有 DMA 都要经过它，或 DMA 掩码较小的设备很忙，或单个请求就要占去大半个池。"
        => LINUX "used is near total under load and falls afterwards. Enlarge it (swiotlb=SLOTS, 2 KiB each), or use a kernel with CONFIG_SWIOTLB_DYNAMIC."
           "高负载时 used 接近 total，之后下降。加大池（swiotlb=槽数，每槽 2 KiB），或使用开启 CONFIG_SWIOTLB_DYNAMIC 的内核。";
    SWIOTLB_SCATTERED LINUX ["Linux kernel/dma/swiotlb.c"] "swiotlb"
        "Enough slots are free, but not enough of them side by side: a mapping needs adjacent slots within one group of 128, and some devices also need them at a certain alignment."
        "空闲的槽足够，但没有足够多的连续空槽：一次映射要用同一组 128 个槽中连续的槽，有的设备还要求对齐。"
        => LINUX "io_tlb_used_hiwater in debugfs (swiotlb/), the most that was in use at once, stays far below total. The driver should map in smaller pieces; a larger pool helps too."
           "debugfs 的 swiotlb/io_tlb_used_hiwater（同时占用的最大槽数）一直远低于 total。驱动应分成更小的块来映射；加大池也有帮助。";
    SWIOTLB_BURST LINUX ["Linux kernel/dma/swiotlb.c"] "swiotlb"
        "The pool was full for a moment only: the message counts the used slots after the attempt has failed."
        "池只满了一瞬间，消息中的 used 是尝试失败之后才数的。"
        => LINUX "io_tlb_used_hiwater in debugfs (swiotlb/), the most that was in use at once, is near total. A larger pool helps (swiotlb=SLOTS, 2 KiB each)."
           "debugfs 的 swiotlb/io_tlb_used_hiwater（同时占用的最大槽数）接近 total。加大池即可（swiotlb=槽数，每槽 2 KiB）。";
    SWIOTLB_NONE LINUX ["Linux kernel/dma/swiotlb.c"] "swiotlb"
        "There is no pool of bounce buffers at all, and the buffer is out of the device's reach."
        "根本没有回弹缓冲池，而缓冲区超出设备可达范围。"
        => LINUX "total is 0: swiotlb=noforce or an IOMMU that was expected and is off. Turn the IOMMU on, or leave swiotlb on."
           "total 为 0，说明使用了 swiotlb=noforce，或者本应工作的 IOMMU 没有启用。启用 IOMMU，或保留 swiotlb。";
    SMALL_MASK LINUX ["raspberrypi/linux#3416"] "mask"
        "The buffer is above the device's DMA mask, or above what its bus reaches, and nothing could bounce it."
        "缓冲区高于设备的 DMA 掩码，或高于其总线可达范围，且无法经回弹缓冲区中转。"
        => LINUX "Compare the address with the mask in the message. If the device can do more, the driver forgot dma_set_mask_and_coherent(); a bus limit comes from dma-ranges of the device tree or _DMA of ACPI."
           "把地址与消息中的掩码比较。若设备其实支持更宽的地址，就是驱动忘了调用 dma_set_mask_and_coherent()；总线限制来自设备树的 dma-ranges 或 ACPI 的 _DMA。";
    API_MISUSE ALL ["openbmc/linux#201", "boundarydevices/linux#4"] ""
        "The driver named in the message breaks the rule of DMA that the message states."
        "消息里点名的驱动用错了 DMA 的接口，错在哪里见消息本身。"
        => LINUX "The stack trace below the message is the call. By default only the first such error of a boot is printed: write 1 to dma-api/all_errors in debugfs to see all."
           "消息下方的调用栈就是出错的调用。默认每次启动只打印第一个此类错误：向 debugfs 的 dma-api/all_errors 写 1 可看到全部。"
           WINDOWS "!analyze -v names the driver; the first argument of the bug check says which rule (documented for bug check 0xE6)."
           "!analyze -v 会给出驱动；错误检查的第一个参数说明是哪条规则（见 0xE6 的文档）。";
    NOT_CHECKED LINUX ["larrystevenwise/krping#12"] ""
        "The driver does not call dma_mapping_error() after a mapping. It matters on the day a mapping fails: the error value is then used as an address."
        "驱动在映射之后没有调用 dma_mapping_error()。一旦映射失败，错误值就会被当作地址使用。"
        => LINUX "Read the function in the stack trace: every dma_map_* must be followed by dma_mapping_error()."
           "查看调用栈中的函数，每次 dma_map_* 之后都必须调用 dma_mapping_error()。";
    OVERLAPPING_MAPPINGS LINUX ["Linux kernel/dma/debug.c"] "cache-line"
        "Two mappings share a cache line: a buffer was mapped twice at once, or two small buffers lie in one line."
        "两个映射共用一个缓存行：同一缓冲区被同时映射两次，或两个小缓冲区位于同一行。"
        => LINUX "Buffers for DMA_FROM_DEVICE must be aligned to ARCH_DMA_MINALIGN and be mapped once at a time; for a buffer inside a structure that means its own cache line."
           "用于 DMA_FROM_DEVICE 的缓冲区必须按 ARCH_DMA_MINALIGN 对齐且同一时刻只映射一次；结构体内的缓冲区需要独占缓存行。";
    VMALLOC_BUFFER LINUX ["Linux include/linux/dma-mapping.h"] "vmalloc"
        "The buffer is vmalloc memory or on the stack, which the DMA API does not map: its pages are not contiguous."
        "缓冲区是 vmalloc 内存或位于栈上，DMA API 不能映射：各页在物理上不连续。"
        => LINUX "Find where the buffer is allocated: use kmalloc, or map each page (vmalloc_to_page) by itself."
           "找到分配缓冲区的地方，改用 kmalloc，或逐页映射（vmalloc_to_page）。";
    IOVA_LEAK LINUX ["Linux drivers/iommu/dma-iommu.c"] ""
        "The 32-bit part of the device's I/O virtual addresses was used up once: a driver leaks mappings, or its mappings are very large or very many."
        "设备的 32 位 IOVA 空间曾经用尽：驱动有映射没有解除，或者映射太大、太多。"
        => LINUX "The message comes once and is harmless for a 64-bit device. Count iommu:map against iommu:unmap: a difference that grows is a leak."
           "该消息只出现一次，对 64 位设备无害。比较 iommu:map 与 iommu:unmap 的次数：差值不断增长即为泄漏。";
    RMRR_GIVEN_OUT LINUX ["deepin-community/kernel#280"] "reserved-memory"
        "The address lies in a region that firmware reserved (RMRR) for another device of the same group, and was given out as an ordinary one."
        "该地址位于固件为同组另一设备保留的区域（RMRR），却被当作普通地址分配。"
        => LINUX "The entry that is there maps the page to itself. Compare with the lines \"RMRR base\" of the boot log. iommu=pt, a firmware update or a newer kernel ends it."
           "已有的表项把该页映射到自身。与启动日志的 RMRR base 行比较。使用 iommu=pt、更新固件或更新内核后消失。";
    MAPPED_TWICE LINUX ["Linux drivers/iommu/intel/iommu.c"] ""
        "The same range was mapped twice with the same target: as with the BAR of an assigned device (peer to peer) in a nested guest."
        "同一范围以相同目标被映射了两次：例如嵌套客户机中直通设备的 BAR（对等传输，P2P）。"
        => LINUX "The old and the new value in the message are equal. Harmless for the access itself; the double mapping is the caller's mistake."
           "消息中的旧值与新值相同。对访问本身无害；重复映射是调用者的错误。";
    STALE_ENTRY_LEFT LINUX ["Linux drivers/iommu/intel/iommu.c"] ""
        "An entry was left behind when its range was unmapped and given out again."
        "这段地址解除映射、又分配出去时，原来的页表项没有清掉。"
        => LINUX "The old value points to other memory, neither to the page itself nor to the new target. Report the kernel; iommu=pt avoids it."
           "旧值指向别的内存，既不是该页自身，也不是新目标。这是内核的问题，请向内核社区报告；用 iommu=pt 可以绕开。";
    GROUP_MEMBER_BOUND LINUX ["kubernetes-sigs/dra-driver-nvidia-gpu#1191", "T-vK/MobilePassThrough#10"] "groups"
        "Another device of the same IOMMU group is still bound to a driver of the host."
        "同一 IOMMU 组中的另一个设备仍绑定在宿主机驱动上。"
        => LINUX "ls /sys/kernel/iommu_groups/N/devices, and lspci -k for each: all but bridges must be bound to vfio-pci or to nothing."
           "查看 /sys/kernel/iommu_groups/N/devices 以及各设备的 lspci -k，除桥以外都必须绑定到 vfio-pci，或者不绑定驱动。";
    GUEST_ABOVE_WIDTH LINUX ["MicronSSD/unvme#4", "cloud-hypervisor/cloud-hypervisor#7030", "gnif/LookingGlass#1184"] "mask-iommu"
        "The guest-physical address is above the width of the IOMMU's tables."
        "客户机物理地址超出 IOMMU 页表的宽度。"
        => LINUX "Compare with \"Host address width\" and the width in cap of the boot log (39 bits on many client machines). Keep the guest's 64-bit BARs lower with host-phys-bits-limit or pci-hole64-size; aw-bits=48 helps only where the narrow one is a virtual IOMMU."
           "与启动日志中的 Host address width 及 cap 中的宽度比较（许多台式机和笔记本为 39 位）。用 host-phys-bits-limit 或 pci-hole64-size 把客户机的 64 位 BAR 放低；如果宽度不够的是虚拟 IOMMU，则改设 aw-bits=48。";
    RANGE_REFUSED LINUX ["chimera-nas/libevpl#86", "Linux drivers/vfio/vfio_iommu_type1.c"] "msi-hole"
        "The range cannot be mapped as it is: its address or size is not a multiple of the host's page, or it reaches into a reserved range (interrupt messages, RMRR)."
        "该范围无法按原样映射：地址或大小不是宿主机页大小的整数倍，或者落入保留区间（中断消息、RMRR）。"
        => LINUX "The ranges that devices of the group may not use are in /sys/kernel/iommu_groups/N/reserved_regions. getconf PAGESIZE: 4096 on x86, up to 65536 on Arm and POWER. A container without an IOMMU type (VFIO_SET_IOMMU) answers the same."
           "组内设备不可使用的区间见 /sys/kernel/iommu_groups/N/reserved_regions。getconf PAGESIZE：x86 为 4096，Arm 与 POWER 可达 65536。没有设置 IOMMU 类型（VFIO_SET_IOMMU）的 VFIO 容器（container）也返回同样的错误。";
    MEMLOCK LINUX ["cloud-hypervisor/cloud-hypervisor#165", "intel/gvt-linux#60"] ""
        "The process may not lock as much memory as the guest has."
        "进程被允许锁定的内存少于客户机的内存。"
        => LINUX "ulimit -l, or the limit of locked memory (memlock) of the container or service (systemd: LimitMEMLOCK=); libvirt sets it from the guest's size and its hostdevs."
           "检查 ulimit -l，或容器、服务的锁定内存上限（memlock；systemd 为 LimitMEMLOCK=）；libvirt 会按客户机的内存大小和直通的设备自动设定这个上限。";
    NOT_PINNABLE LINUX ["cloud-hypervisor/cloud-hypervisor#8895"] ""
        "The memory cannot be pinned: it is not there, or is of a kind that VFIO may not keep (a file system's page cache, device memory)."
        "这块内存无法锁定（pin）：不存在，或属于 VFIO 不能长期占用的类型（文件系统页缓存、设备内存）。"
        => LINUX "Look at the mapping of this address in /proc/PID/maps of the virtual machine."
           "在虚拟机进程的 /proc/PID/maps 中查看该地址的映射。";
    MAP_OVERLAP LINUX ["kata-containers/kata-containers#10582"] ""
        "The range is mapped already: two mappings of the same guest addresses."
        "该范围已被映射：同一段客户机地址映射了两次。"
        => LINUX "Two memory regions of the virtual machine overlap, or an unmap before it failed."
           "虚拟机的两个内存区域重叠，或之前的解除映射失败。";
    RMRR_ON_DEVICE LINUX ["harvester/harvester#7340"] "reserved-memory"
        "Firmware claims a memory region for this device (RMRR on Intel, IVMD on AMD), so the kernel does not let it be assigned. On Intel, USB controllers and graphics devices are exempt."
        "固件为该设备声明了保留的内存区域（Intel 上是 RMRR，AMD 上是 IVMD），内核因此不允许把它直通给客户机。在 Intel 上，USB 控制器和图形设备除外。"
        => LINUX "The boot log has an RMRR whose device scope is this device; on AMD look for an IVMD in the IVRS table. Turn the feature off in firmware (on HPE servers the shared memory region of the slot), or use another slot."
           "启动日志里有一个 RMRR，其设备范围（device scope）就是该设备；AMD 上则看 IVRS 表里的 IVMD。在固件设置里关掉占用这块内存的选项（HPE 服务器上是该插槽的 Shared Memory 选项），或换一个插槽。";
    FIRMWARE_TABLES ALL ["Syniurge/i2c-amd-mp2#1", "linuxboot/heads#245"] ""
        "Firmware's tables (DMAR, IVRS, IORT) describe the machine wrongly or not completely."
        "固件表（DMAR、IVRS、IORT）对机器的描述有误或不完整。"
        => ALL "The message says \"Firmware Bug\" or names what is missing. A firmware update mends it; until then the kernel works without the feature."
           "消息带有 Firmware Bug 或指出缺少的内容。更新固件可解决；在此之前，内核会绕过有误的内容，或不启用相应的功能。";
    NO_DECODE ALL ["grate-driver/xf86-video-opentegra#60"] ""
        "The physical address behind the IOMMU leads nowhere: the device bypasses translation, or was given address 0 or a CPU address."
        "IOMMU 之后的物理地址不对应任何目标：设备绕过了转换，或者拿到的是地址 0、CPU 的地址。"
        => LINUX "The address is not in a RAM range of /proc/iomem. Check that the device has an `iommus` property and that its driver uses what the DMA API returned."
           "该地址不在 /proc/iomem 的内存范围内。检查设备是否有 `iommus` 属性，以及驱动是否使用 DMA API 返回的地址。";
    GROUP_SPLIT LINUX ["kata-containers/kata-containers#10622"] "groups"
        "The guest has a virtual IOMMU, which gives each device an address space of its own, but the host cannot tell the devices of this group apart."
        "客户机有虚拟 IOMMU，每个设备有自己的地址空间，而宿主机无法区分该组内的设备。"
        => LINUX "Assign the devices of a group behind one PCIe-to-PCI bridge of the guest, so that they share one address space; or assign only one of them; or leave the virtual IOMMU out."
           "把同一组的设备放在客户机的同一个 PCIe 转 PCI 桥之后，使它们共用一个地址空间；或只直通其中一个；或不使用虚拟 IOMMU。";
    DMA_PROTECTION WINDOWS ["kxproject/kx-audio-driver-binaries#13"] ""
        "Windows protects memory by the IOMMU (Kernel DMA Protection, or DMA verification), and the driver gave the device an address past the DMA interface; legacy PCI devices behind an external bridge do so too."
        "Windows 用 IOMMU 保护内存（内核 DMA 保护或 DMA 验证），而驱动绕过 DMA 接口给了设备地址；外部桥之后的传统 PCI 设备也会如此。"
        => WINDOWS "msinfo32 says \"Kernel DMA Protection: On\"; !devobj with the second argument names the device. Update or remove its driver; turning the protection off in firmware only hides it."
           "msinfo32 显示“内核 DMA 保护：启用”；!devobj 加第二个参数可得到设备。更新或移除其驱动；在固件中关闭该保护只是掩盖问题。";
    TCE_REFUSED LINUX ["Linux arch/powerpc/kernel/eeh.c"] ""
        "The device sent DMA outside what its TCE table maps, or its link failed; the host bridge froze it."
        "设备的 DMA 超出 TCE 表的映射，或链路出错；主桥因此将其冻结。"
        => LINUX "The dump of the host bridge below the message (PHB diagnostic data) says whether a TCE or the link was at fault."
           "消息下方的主桥诊断数据（PHB diagnostic data）会说明是 TCE 还是链路的问题。";
    NO_TRANSLATION_YET ALL ["patmagauran/i915ovmfPkg#16"] ""
        "The device ran while its domain was being set up or torn down: at a warm restart, when a driver was removed, or before it was attached."
        "设备在其域建立或拆除期间仍在运行：热重启、移除驱动，或尚未挂接时。"
        => ALL "It comes once, at the moment a driver is bound or unbound."
           "只在绑定或解绑驱动的那一刻出现一次。";
    LINK_ERROR ALL ["PCI Express"] ""
        "PCI Express reports an error of the device: its link failed, or a request of it was malformed or not answered."
        "PCI Express 报告了错误：链路故障，或设备的请求有误、没有得到应答。"
        => ALL "lspci -vv shows the error status registers. Reseat the card, try a slower link speed, or another slot."
           "lspci -vv 显示错误状态寄存器。重新插卡、降低链路速率，或更换插槽。";
    IR_INACTIVE LINUX ["Linux drivers/iommu/intel/irq_remapping.c"] "forged-msi"
        "Interrupt remapping is off, so a device can raise any interrupt of the host. VFIO then refuses to assign devices unless allow_unsafe_interrupts is set."
        "中断重映射未启用，设备可以触发宿主机的任意中断。除非设置 allow_unsafe_interrupts，VFIO 会拒绝直通设备。"
        => LINUX "The lines before say why: firmware's table lacks an I/O APIC, the unit has no support, or nointremap was given. dmesg | grep -i remap."
           "原因在之前的几行里，可能是固件表缺少 I/O APIC、IOMMU 不支持，或使用了 nointremap。用 dmesg | grep -i remap 查找。";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_languages_are_there_and_differ() {
        for cause in CAUSES {
            for text in cause.how_to_tell.iter().map(|(_, text)| *text).chain([cause.text]) {
                assert!(text.en.ends_with(['.', ')', ']']), "{}", text.en);
                assert!(text.zh.ends_with('。'), "{}", text.zh);
                assert!(text.zh.chars().any(|c| c > '\u{4e00}'));
            }
        }
    }

    #[test]
    fn presets_that_causes_name_are_there() {
        for cause in CAUSES.iter().filter(|cause| !cause.preset.is_empty()) {
            assert!(crate::scenario::presets::by_name(cause.preset).is_some(), "{}", cause.preset);
        }
    }

    #[test]
    fn every_cause_says_what_taught_it() {
        const DOCUMENTS: [&str; 8] = [
            "VT-d ",
            "AMD 48882",
            "IHI 00",
            "RISC-V IOMMU",
            "PCI Express",
            "Linux ",
            "seen with Linux",
            "Windows ",
        ];
        for cause in CAUSES {
            assert!(!cause.taught_by.is_empty(), "{}", cause.id);
            for source in cause.taught_by {
                let report = source.split_once('#').is_some_and(|(repository, number)| {
                    repository.matches('/').count() == 1 && number.parse::<u32>().is_ok()
                });
                assert!(
                    report || DOCUMENTS.iter().any(|name| source.starts_with(name)),
                    "{}: {source}",
                    cause.id
                );
            }
        }
    }

    /// Words of Linux, one a line: its options, files, calls, tools and names. `tests/fault_logs.rs` holds whole answers to them.
    const LINUX: &str = include_str!("../../../tests/data/faultlogs/linux-words.txt");

    #[test]
    fn no_other_system_is_told_what_only_linux_has() {
        for cause in CAUSES {
            for &system in
                System::ALL.iter().filter(|&&system| system != System::Linux && cause.whom.has(system))
            {
                for lang in [Lang::En, Lang::Zh] {
                    let said = [cause.text.get(lang).into(), cause.how_to_tell(system, lang)];
                    for text in &said {
                        let word = LINUX.lines().find(|word| text.contains(word));
                        // Emulators and the guests that showed a cause are named, not advised.
                        assert!(word.is_none(), "{} {system:?} {word:?}: {text}", cause.id);
                    }
                }
            }
        }
    }

    #[test]
    fn every_system_on_which_a_cause_can_be_is_told_something_of_it() {
        for cause in CAUSES {
            for &system in System::ALL.iter().filter(|&&system| cause.whom.has(system)) {
                assert!(!cause.how_to_tell(system, Lang::Zh).is_empty());
            }
            // Advice for systems on which the cause cannot be would never be read.
            for (whom, text) in cause.how_to_tell {
                let read = System::ALL.iter().any(|&system| whom.has(system) && cause.whom.has(system));
                assert!(read, "{}: {}", cause.id, text.en);
            }
        }
    }

    #[test]
    fn no_section_of_another_architecture() {
        for cause in CAUSES {
            for &arch in Arch::ALL {
                for source in cause.taught_by(Some(arch), Lang::En) {
                    assert!(arch == Arch::VtD || !source.starts_with("VT-d "), "{source}");
                    assert!(arch == Arch::AmdVi || !source.starts_with("AMD 48882"), "{source}");
                }
            }
        }
        assert_eq!(UNKNOWN_STREAM.taught_by(Some(Arch::SmmuV3), Lang::En), ["IHI 0070"]);
    }
}
