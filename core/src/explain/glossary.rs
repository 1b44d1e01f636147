//! Every term that the gallery uses, in a sentence, in both languages. `docs/terms.md` and the gallery's page are
//! written from it; a test holds the gallery's texts against it.

use crate::spec::Text;

/// A term.
#[derive(Debug)]
pub struct Term {
    /// Its name; other names and what an abbreviation stands for are in brackets.
    pub name: Text,
    /// What it is.
    pub meaning: Text,
}

/// Terms that belong together.
#[derive(Debug)]
pub struct Chapter {
    /// What they are about.
    pub title: Text,
    /// The terms.
    pub terms: &'static [Term],
}

macro_rules! chapters {
    ($($title:literal $title_zh:literal { $($en:literal $zh:literal : $meaning:literal $meaning_zh:literal;)* })*) => {
        &[$(Chapter {
            title: Text::new($title, $title_zh),
            terms: &[$(Term { name: Text::new($en, $zh), meaning: Text::new($meaning, $meaning_zh) },)*],
        },)*]
    };
}

/// The glossary.
pub static GLOSSARY: &[Chapter] = chapters! {
    "CPU and memory" "CPU 与内存" {
        "page table" "页表（查页表也叫页表遍历）":
            "tables in memory, level by level, that say for each page of addresses where it really is and what is allowed there"
            "放在内存里的多级表格，写明每一页地址实际在哪里、允许做什么";
        "MMU (memory management unit)" "MMU（内存管理单元）":
            "the part of a CPU that looks virtual addresses up in page tables"
            "CPU 里拿虚拟地址去查页表的部件";
        "TLB (translation lookaside buffer)" "TLB（地址转换缓存）":
            "what an MMU remembers of page tables, so that it need not read them again"
            "MMU 记住的转换结果，免得每次都去读页表";
        "EPT (extended page table)" "EPT（扩展页表）":
            "Intel's second stage for CPUs: from guest-physical to physical addresses"
            "Intel CPU 的第二阶段页表：把客户机物理地址转换成物理地址";
        "shadow page table" "影子页表":
            "what hypervisors did without two stages: one set of tables, kept by software; not simulated here"
            "没有两阶段转换时 hypervisor 的做法：由软件维护一套合并好的页表；这里不模拟";
        "huge page" "大页":
            "a page of 2 MiB or 1 GiB in place of 4 KiB: one entry, and one line of a TLB, for all of it"
            "2 MiB 或 1 GiB 的页，代替 4 KiB：整页只用一个页表项，在 TLB 里也只占一个条目";
        "page fault" "缺页异常":
            "what a CPU raises for a virtual address that its page table does not map, or not for this"
            "页表没有映射这个虚拟地址，或不允许这样访问时，CPU 产生的异常";
        "cache line" "缓存行":
            "the unit in which a CPU's cache reads and writes memory, mostly 64 bytes; dirty: newer than memory"
            "CPU 缓存读写内存的单位，多为 64 字节；比内存里的新就叫脏行";
        "coherent (DMA)" "缓存一致（DMA）":
            "a device sees what is in the CPU's cache; where it does not, software has to synchronise"
            "设备能看到 CPU 缓存里的内容；看不到的机器上要由软件来同步";
        "kmalloc, vmalloc" "kmalloc、vmalloc":
            "Linux: kmalloc gives memory that is contiguous physically, vmalloc memory that is contiguous in virtual addresses only"
            "Linux：kmalloc 分配物理上连续的内存，vmalloc 的内存只在虚拟地址上连续";
        "SoC (system on a chip)" "SoC（片上系统）":
            "CPU, memory controller and devices on one chip"
            "把 CPU、内存控制器和设备做在一起的芯片";
    }
    "Bus and devices" "总线与设备" {
        "PCIe (PCI Express)" "PCIe（PCI Express）":
            "the bus of packets between host and devices"
            "主机与设备之间以数据包传输的总线";
        "packet (TLP, transaction layer packet)" "数据包（TLP，事务层包）":
            "what travels on PCIe: MRd and MWr read and write memory, IORd and IOWr I/O ports, CfgRd and CfgWr configuration; Cpl and CplD are completions, without and with data"
            "PCIe 上传输的单位：MRd、MWr 读写存储器，IORd、IOWr 读写 I/O 端口，CfgRd、CfgWr 读写配置空间；Cpl、CplD 是不带和带数据的完成包";
        "host bridge" "主桥":
            "stands between the CPU and the bus, and makes packets of the CPU's accesses and accesses of devices' packets"
            "位于 CPU 与总线之间，把 CPU 的访问变成数据包，也把设备的数据包变成对内存的访问";
        "PCI segment" "PCI 段":
            "256 buses with numbers of their own: a host bridge's buses are in one, and bus and device numbers count within it"
            "一组独立编号的 256 条总线：主桥的总线属于某一段，总线号和设备号只在段内有效";
        "root complex, root port" "根复合体、根端口":
            "the root complex is the host's end of PCIe, a root port one of its connectors: below it begins a bus"
            "根复合体是 PCIe 在主机的一端，根端口是它的一个端口：端口之下是一条总线";
        "switch" "PCIe 交换机":
            "forwards packets between its ports, by their addresses"
            "按地址在各端口之间转发数据包";
        "window" "窗口":
            "a range of addresses that a bridge forwards, with or without an offset"
            "桥所转发的一段地址，可以带偏移，也可以不带";
        "BAR (base address register)" "BAR（基址寄存器）":
            "in a device's configuration space: the bus address at which its registers or its memory answer"
            "在设备的配置空间里，写明它的寄存器或内存在哪个总线域地址应答";
        "MMIO (memory-mapped I/O)" "MMIO（内存映射 I/O）":
            "device registers that are read and written like memory"
            "像内存一样读写的设备寄存器";
        "I/O port" "I/O 端口":
            "x86's other address space, of 65,536 numbers, for the instructions IN and OUT"
            "x86 的另一个地址空间，共 65536 个号码，供 IN 和 OUT 指令使用";
        "DMA (direct memory access)" "DMA（直接内存访问）":
            "a device reads and writes memory by itself"
            "设备自己读写内存";
        "DMA engine, doorbell" "DMA 引擎、门铃":
            "the engine is the part of a device that does DMA, the doorbell the register whose write starts it"
            "引擎是设备里做 DMA 的部件；门铃是寄存器，写一下就让它启动";
        "descriptor, descriptor ring" "描述符、描述符环":
            "a descriptor is a small record in memory that tells an engine one block to move; a ring has many of them, used in turn"
            "描述符是内存里的一条小记录，告诉引擎搬哪一块；许多条轮流使用就成了环";
        "requester id" "请求者 ID":
            "who sent a packet: bus, device and function number (BDF)"
            "数据包是谁发的：总线号、设备号、功能号（BDF）";
        "function" "功能（function）":
            "one device has up to eight, each with its own requester id and driver"
            "一个设备最多有八个，各有自己的请求者 ID 和驱动";
        "peer to peer" "对等传输（P2P）":
            "a device reads or writes another device's memory; PCIe's links, which are point to point, are another thing"
            "一个设备读写另一个设备的内存；PCIe 链路两端只连两个部件，那是另一回事";
        "snoop" "监听（snoop）":
            "hardware looks into the CPU's cache before it uses memory"
            "硬件访问内存之前，先看 CPU 的缓存里有没有比内存新的数据";
        "ACS (Access Control Services)" "ACS（访问控制服务）":
            "makes a port check who sends, and send requests between neighbours up instead of across"
            "让端口检查发送者，并把邻居之间的请求送到上游，而不是就地转发";
        "VF (virtual function, of SR-IOV)" "VF（SR-IOV 的虚拟功能）":
            "a function that a physical one (PF) makes when software enables it; it has a requester id of its own"
            "软件启用后由物理功能（PF）生成的功能，有自己的请求者 ID";
        "ARI (alternative routing-ID interpretation)" "ARI（替代路由 ID 解释）":
            "the device number is part of the function's: one device has up to 256 functions"
            "把设备号并入功能号，一个设备最多 256 个功能";
        "MSI (message signalled interrupt)" "MSI（消息信号中断）":
            "an interrupt that is a write of four bytes to a special address"
            "以向特定地址写四个字节的方式发出的中断";
        "vector" "向量":
            "the number by which a CPU finds the handler of an interrupt"
            "CPU 据以找到中断处理程序的编号";
        "APIC (advanced programmable interrupt controller)" "APIC（高级可编程中断控制器）":
            "the interrupt controller of each x86 CPU"
            "每个 x86 CPU 的中断控制器";
    }
    "IOMMU" "IOMMU" {
        "IOMMU" "IOMMU":
            "looks the addresses of devices up in tables, and lets through only what they allow; Intel's is VT-d, Arm's the SMMU, RISC-V and others have their own"
            "拿设备发出的地址去查表，表里允许的才放行；Intel 的叫 VT-d，Arm 的叫 SMMU，RISC-V 等也各有自己的";
        "DMAR" "DMAR":
            "DMA remapping: the ACPI table in which firmware describes VT-d, and how Linux begins its messages about it"
            "DMA 重映射：固件用来描述 VT-d 的 ACPI 表，也是 Linux 相关日志的开头";
        "root entry, context entry" "根表项、上下文表项":
            "VT-d: the root entry is found by the bus, the context entry by device and function; the second leads to the page tables. RISC-V: the device directory table (DDT)"
            "VT-d：按总线号找到前者，按设备号和功能号找到后者，后者指向页表。RISC-V 上是设备目录表（DDT）";
        "domain" "域":
            "one set of tables, to which devices are attached"
            "一套转换表，设备可以挂接到它上面";
        "stage 1, stage 2" "第一阶段、第二阶段（stage 1、stage 2；合起来叫两阶段转换）":
            "stage 1 goes by tables of a process or a guest, stage 2 by tables of the host below; nested: both, one after the other"
            "第一阶段用进程或客户机的页表，第二阶段用宿主机的页表；两个阶段依次进行就是嵌套转换：GVA → GPA → HPA";
        "kexec, kdump" "kexec、kdump（崩溃内核）":
            "a kernel boots another one without a reset of the machine; kdump does so after a crash, to save memory. Devices go on meanwhile"
            "一个内核不经整机复位就启动另一个内核；kdump 在崩溃后这样做，为的是把内存转储下来，其间设备并不停下";
        "pass-through (of the IOMMU)" "直通模式（iommu=pt）":
            "IOVA and physical address are the same; in Linux iommu=pt"
            "IOMMU 不转换：IOVA 和物理地址是同一个数字。与设备直通相反，后者要靠转换";
        "device passthrough" "设备直通（透传）":
            "a whole device is given to a guest, whose driver uses it directly; it needs an IOMMU that translates, and is the opposite of its pass-through"
            "把整个设备交给客户机，由客户机的驱动直接使用；它要靠 IOMMU 转换，与 IOMMU 的直通模式正相反";
        "identity mapping" "恒等映射":
            "a mapping to the same number"
            "映射到同一个数字";
        "IOTLB, context cache" "IOTLB、上下文缓存":
            "what the IOMMU remembers of page tables (IOATC on RISC-V, TLB on Arm, IOMMU TLB on AMD), and of root and context entries"
            "IOMMU 记住的页表转换结果（RISC-V 叫 IOATC，Arm 叫 TLB，AMD 叫 IOMMU TLB），以及根表项、上下文表项";
        "invalidation" "失效":
            "software's order to forget what is remembered; until then an entry that has changed is stale; a flush does many at once"
            "软件命令硬件忘掉缓存的内容；在那之前，已经改过的条目就是陈旧的；批量失效叫刷新（flush）";
        "strict, lazy" "strict、lazy（严格模式、延迟模式）":
            "strict: Linux invalidates at each unmapping; lazy: later, for many at once; iommu.strict chooses"
            "strict：Linux 每次解除映射都立即失效；lazy：攒起来一并失效（延迟刷新）；由 iommu.strict 选择";
        "fault" "转换错误（fault）":
            "a request that is refused; the IOMMU records who, where and why (a code)"
            "被拒绝的请求；IOMMU 会记下是谁、哪个地址、为什么（错误码）";
        "condition of a fault (LRT, LCT, LGN, LSS, RTA, SRT, SCT, SPD, SPT, SFS, SSS, SGN)" "出错条件（LRT、LCT、LGN、LSS、RTA、SRT、SCT、SPD、SPT、SFS、SSS、SGN）":
            "VT-d's names of what went wrong, as in LGN.2. First the mode: L legacy, S scalable; then where: RT root table, CT context table, PD and PT the tables of PASIDs, FS and SS first and second stage, GN the translation as a whole; RTA is the register of the root table. The number counts them"
            "VT-d 给“错在哪里”起的名字，例如 LGN.2。先说模式：L 是传统模式，S 是可扩展模式；再说位置：RT 根表，CT 上下文表，PD、PT 是 PASID 的两级表，FS、SS 是第一、第二阶段，GN 是整个转换；RTA 是根表地址寄存器。最后的数字是序号";
        "RMRR (reserved memory region reporting)" "RMRR（保留内存区报告）":
            "memory that firmware wants mapped to itself for a device that it still uses"
            "固件还在用某个设备时，要求为它做恒等映射的内存";
        "PASID (process address space id)" "PASID（进程地址空间 ID）":
            "in the packet: which process's page table is meant"
            "写在数据包里，指明用哪个进程的页表";
        "SVA (shared virtual addressing)" "SVA（共享虚拟寻址）":
            "a device uses a process's own page table, and so its pointers"
            "设备直接使用进程的页表，因而可以直接用进程的指针";
        "ATS (address translation services)" "ATS（地址转换服务）":
            "a device asks for translations beforehand, and keeps them in a TLB of its own (ATC, Device-TLB, DevATC; AMD calls that an IOTLB)"
            "设备事先向 IOMMU 要转换结果，记在自己的缓存里（ATC、Device-TLB、DevATC；AMD 把它叫作 IOTLB）";
        "page request (PRI)" "页请求（PRI）":
            "a device asks the operating system to bring a page in"
            "设备请求操作系统把页调入内存";
        "interrupt remapping" "中断重映射":
            "messages name an entry of a table, and the entry says which CPU, which vector and which device may; posted: straight into a guest"
            "消息里只写表项号，由表项规定送给哪个 CPU、哪个向量、哪个设备可以用；posted 中断（直接投递）不经宿主机，直接送进客户机";
        "IRE (interrupt remapping enable)" "IRE（中断重映射使能）":
            "the bit of VT-d's global command register that turns interrupt remapping on"
            "VT-d 全局命令寄存器里打开中断重映射的位";
    }
    "Arm" "Arm" {
        "SMMU (SMMUv3)" "SMMU（SMMUv3）":
            "Arm's IOMMU: a stream table entry (STE) for each device leads to stage 2 tables, or to context descriptors (CD) with those of stage 1"
            "Arm 的 IOMMU：每个设备一个流表项（STE），由它找到第二阶段页表，或者经上下文描述符（CD）找到第一阶段页表";
        "StreamID" "StreamID":
            "the number by which an SMMU knows a device; the kernel has it from firmware: the iommu-map of a device tree, or ACPI's IORT"
            "SMMU 用来认设备的号码；内核从固件得知：设备树的 iommu-map，或 ACPI 的 IORT";
        "RMR (reserved memory range)" "RMR（保留内存区域）":
            "a node of Arm's ACPI table IORT for memory that devices must go on reaching at the same number; a device tree says it by iommu-addresses"
            "Arm 的 ACPI 表 IORT 里的节点，说明设备必须能继续按原数字访问的内存；设备树里也有这样的属性";
        "IPA (intermediate physical address)" "IPA（中间物理地址）":
            "Arm's name of what stage 1 leads to and stage 2 translates: a guest's physical address, or, under stage 2 alone, the address that the device wrote"
            "Arm 的叫法，指第一阶段的结果、第二阶段的输入：客户机的物理地址；只有第二阶段时，就是设备写出的地址";
        "SubstreamID" "SubstreamID":
            "the number by which an SMMU knows which process a request is for: of a PCI device, its PASID"
            "SMMU 用来认请求属于哪个进程的号码：对 PCI 设备来说就是 PASID";
        "event" "事件":
            "what an SMMU writes into its event queue about a refused request: C_BAD_STREAMID, F_STE_FETCH, C_BAD_STE and C_BAD_CD are about its configuration, F_TRANSLATION, F_WALK_EABT and F_PERMISSION about page tables"
            "请求被拒绝时 SMMU 写进事件队列的记录：C_BAD_STREAMID、F_STE_FETCH、C_BAD_STE、C_BAD_CD 讲配置，F_TRANSLATION、F_WALK_EABT、F_PERMISSION 讲页表";
        "AP" "AP":
            "access permissions: two bits of a page table entry; AP[2] makes the page read-only"
            "访问权限：页表项里的两位；AP[2] 为 1 表示只读";
        "ITS (interrupt translation service)" "ITS（中断转换服务）":
            "the part of Arm's interrupt controller to which devices write their messages; its tables are filled by the commands MAPD (a device), MAPC (a CPU) and MAPTI (an event)"
            "Arm 中断控制器里接收设备消息的部分；它的表由命令填写：MAPD（设备）、MAPC（处理器）、MAPTI（事件）";
    }
    "RISC-V" "RISC-V" {
        "G-stage" "G-stage":
            "RISC-V's stage 2, whose tables are the hypervisor's: from guest-physical to physical addresses; the guest's own is the VS-stage"
            "RISC-V 的第二阶段，页表归 hypervisor 管，把客户机物理地址转换成物理地址；客户机自己的那个阶段叫 VS-stage";
        "IMSIC (incoming MSI controller)" "IMSIC（MSI 接收控制器）":
            "the interrupt controller of each CPU of RISC-V: a device interrupts by writing a number into one of its interrupt files, a page of registers each"
            "RISC-V 每个 CPU 的中断控制器：里面有若干中断文件，每个是一页寄存器；设备把中断号写进其中一个，就是发中断";
        "MRIF (memory-resident interrupt file)" "MRIF（驻留内存的中断文件）":
            "an interrupt file in ordinary memory, for a guest that runs on no CPU now: the IOMMU sets the bit of the interrupt there"
            "放在普通内存里的中断文件，给此刻不在任何 CPU 上运行的客户机用：IOMMU 在里面置位相应中断";
    }
    "AMD" "AMD" {
        "AMD-Vi" "AMD-Vi":
            "AMD's IOMMU: a device table entry (DTE) for each device leads to host page tables (version 1), and to a guest's or a process's (version 2)"
            "AMD 的 IOMMU：每个设备一个设备表项（DTE），由它找到宿主机页表（版本 1），以及客户机或进程的页表（版本 2）";
        "TV, IR, IW" "TV、IR、IW":
            "bits of AMD-Vi's entries: there is translation information; reads, writes are allowed"
            "AMD-Vi 表项里的位：有转换信息；允许读；允许写";
        "IVRS, IVMD" "IVRS、IVMD":
            "the ACPI table by which firmware tells of AMD's IOMMUs, and its block for memory that a device must go on reaching"
            "固件描述 AMD IOMMU 的 ACPI 表，以及其中说明设备必须能继续访问的内存的块";
        "GCR3 table" "GCR3 表":
            "where AMD-Vi finds the page tables of each PASID"
            "AMD-Vi 按 PASID 找到各进程页表的地方";
        "ILLEGAL_DEV_TABLE_ENTRY, IO_PAGE_FAULT, DEV_TAB_HARDWARE_ERROR, PAGE_TAB_HARDWARE_ERROR" "ILLEGAL_DEV_TABLE_ENTRY、IO_PAGE_FAULT、DEV_TAB_HARDWARE_ERROR、PAGE_TAB_HARDWARE_ERROR":
            "what AMD-Vi writes into its event log: ILLEGAL_DEV_TABLE_ENTRY where the device's entry is valid but has a reserved bit set or an illegal encoding (an entry that is not valid, V = 0, is no fault: it passes the access through), IO_PAGE_FAULT where nothing is mapped, or not for this, and the others where the memory of the device table or of a page table did not answer"
            "AMD-Vi 写进事件日志的记录：ILLEGAL_DEV_TABLE_ENTRY 是设备表项有效，但保留位不为 0 或编码不合法（V = 0 的表项无效，但不算错误，访问直接通过），IO_PAGE_FAULT 是没有映射或不允许这样用，另外两个是设备表或页表所在的内存没有响应";
        "PR, PE, RZ" "PR、PE、RZ":
            "flags of such an event: the entry is present; a right is missing; a reserved bit is not zero"
            "这类事件的标志：表项存在；缺少权限；保留位不为 0";
        "NPT (nested page table)" "NPT（嵌套页表）":
            "the second set of page tables of AMD's CPUs, for guests; Intel's is the EPT"
            "AMD CPU 供客户机用的第二套页表；Intel 的叫 EPT";
    }
    "Operating system" "操作系统" {
        "DMA API" "DMA API":
            "the kernel's calls that give a driver the address which a device must use: dma_map_single and others"
            "内核的一组调用，给出设备该用的地址：dma_map_single 等";
        "streaming mapping" "流式映射（流式 DMA 映射）":
            "a mapping for one transfer: the buffer belongs to the device until it is unmapped or synchronised"
            "为一次传输做的映射：解除映射或同步之前，缓冲区归设备";
        "coherent memory" "一致性内存（一致性 DMA 映射）":
            "memory that CPU and device may use at any time (dma_alloc_coherent)"
            "CPU 和设备随时都能用的内存（dma_alloc_coherent）";
        "direction" "方向":
            "whether the device will read (DMA_TO_DEVICE), write (DMA_FROM_DEVICE) or both (DMA_BIDIRECTIONAL)"
            "设备要读（DMA_TO_DEVICE）、要写（DMA_FROM_DEVICE），还是两者都要（DMA_BIDIRECTIONAL）";
        "DMA mask" "DMA 掩码":
            "how many address bits the driver says its device has"
            "驱动声明的设备地址位数";
        "SWIOTLB (bounce buffer)" "回弹缓冲区（SWIOTLB，bounce buffer）":
            "memory in reach of a device, through which the kernel copies what is out of reach"
            "设备够得着的一块内存，够不着的数据由内核经它中转拷贝";
        "scatter-gather list" "分散/聚集列表（scatterlist）":
            "a list of pieces of memory for one transfer; orig_nents went into dma_map_sg, nents came out"
            "一次传输用到的若干段内存；送进 dma_map_sg 的有 orig_nents 条，得到 nents 段";
        "IOMMU group" "IOMMU 组":
            "functions that the IOMMU cannot keep apart; the smallest unit that is given to a guest"
            "IOMMU 分不开的若干功能；交给客户机时的最小单位";
        "VFIO" "VFIO":
            "the Linux driver that gives devices to guests and to programs"
            "把设备交给客户机或用户程序的 Linux 驱动";
        "guest, host; exit" "客户机、宿主机；VM exit":
            "the guest is a virtual machine, the host the computer itself, with the system that runs guests; at an exit the guest stops and the host goes on"
            "客户机是虚拟机，宿主机是运行它的那台机器和系统；客户机停下、转由宿主机处理，就是一次 VM exit";
        "quirk, alias" "quirk、别名":
            "a quirk is code in the kernel for hardware with faults, an alias a second requester id that a device uses"
            "quirk 是内核里专为有毛病的硬件写的代码；别名是设备使用的第二个请求者 ID";
    }
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::terms::ADDRESSES;
    use crate::scenario::presets::PRESETS;
    use crate::scenario::{parse, Outline};

    /// Abbreviations that are names in some source, or are said by the sentence around them.
    const NAMES: &[&str] = &[
        "ACPI", "VM", "API", "BDF", "CPU", "CONFIG", "CPUS", "DEVICE", "DMA", "ERROR", "FROM", "GCMD", "GPU",
        "GPUS", "IN", "IO", "OUT", "PC", "PTE", "RAM", "REG", "RISC", "SATA", "STACK", "TO", "USB", "VMAP",
        "VT", "LSB", "II", "ID", "WRITE", "WALK", "EABT", "EINVAL", "ENOMEM", "NULL", "MAP", "DEBUG",
        "ACCESS", "PLATFORM", "VIRTIO", "GB",
    ];

    fn words(text: &str) -> impl Iterator<Item = &str> {
        text.split(|c: char| !c.is_ascii_alphanumeric())
            .filter(|w| w.len() > 1 && w.chars().all(|c| c.is_ascii_uppercase()))
            .filter(|w| !NAMES.contains(w))
    }

    #[test]
    fn every_abbreviation_of_the_gallery_is_a_term() {
        let known: Vec<&str> = GLOSSARY
            .iter()
            .flat_map(|chapter| chapter.terms)
            .flat_map(|term| [term.name.en, term.meaning.en])
            .chain(ADDRESSES.iter().flat_map(|(name, meaning)| [name.en, meaning.en]))
            .flat_map(|text| text.split(|c: char| !c.is_ascii_alphanumeric()))
            .collect();
        let mut missing = Vec::new();
        for preset in PRESETS {
            let scenario = parse(preset.text).unwrap();
            let outline = Outline::new(&scenario);
            let notes = outline.steps.iter().flat_map(|s| &s.notes);
            let texts = [outline.title, outline.answer, outline.try_this];
            for text in texts.iter().chain(notes).flat_map(|t| [t.text, t.zh]).flatten() {
                let unknown = words(text).filter(|word| !known.contains(word));
                missing.extend(unknown.map(|word| format!("{}: {word}", preset.name)));
            }
        }
        missing.dedup();
        assert!(missing.is_empty(), "{}", missing.join("\n"));
    }

    #[test]
    fn a_term_is_explained_once() {
        let names: Vec<&str> = GLOSSARY.iter().flat_map(|c| c.terms).map(|t| t.name.en).collect();
        for (i, name) in names.iter().enumerate() {
            assert!(!names[..i].contains(name), "{name} stands twice");
        }
    }
}
