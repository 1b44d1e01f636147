//! Which cause is likely: what a log shows is evidence, and one table says what each piece of it speaks for and
//! against.
//!
//! A code gives its causes in the order that holds when nothing else is known; evidence moves them. What is *decided*
//! is what such lines turned out to be in public reports (see [`Cause::taught_by`]), or what a specification makes
//! follow.

use super::causes::*;
use super::system::System;
use crate::spec::Text;
use alloc::vec::Vec;

macro_rules! clues {
    ($($id:ident $en:literal $zh:literal;)*) => {
        /// A piece of evidence.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        #[repr(u8)]
        pub enum Clue {
            $(#[doc = $en] $id,)*
        }

        impl Clue {
            /// All of them.
            pub const ALL: &'static [Clue] = &[$(Clue::$id),*];

            /// Returns what the log shows, in words.
            pub const fn text(self) -> Text {
                match self { $(Clue::$id => Text::new($en, $zh),)* }
            }
            /// Returns its name for programs; it does not change.
            pub const fn id(self) -> &'static str {
                match self { $(Clue::$id => stringify!($id),)* }
            }
        }
    };
}

clues! {
    PagePresent "the record says that the page is there" "记录表明该页存在";
    PageAbsent "the record says that no page is there" "记录表明该页不存在";
    PermissionMissing "the record says that a right is missing" "缺少的是权限";
    ReservedBit "the record says that a valid entry has a reserved bit or an illegal encoding" "记录表明有效表项的保留位不为 0，或编码非法";
    EntryOtherRight "the entry in the log allows only the other direction" "日志中的表项只允许另一个方向";
    PresentByStage "the log shows first-stage tables, in which a page that is not there has a reason of its own (0x71)" "日志表明使用第一阶段页表，其中页不存在有单独的原因（0x71）";
    FirstStageOnly "the PASID-table entry in the log has the first stage only" "日志中的 PASID 表项只有第一阶段";
    EntryEmpty "the entry in the log is empty" "日志中的表项为空";
    MappedNow "a walk after the fault finds the page mapped" "出错之后再查页表，该页有映射";
    WithPasid "the request has a PASID" "请求带 PASID";
    NoPasid "the request has no PASID" "请求不带 PASID";
    UserAddress "the address is one of a user process" "地址是用户进程的地址";
    IsRead "it is a read" "这是读";
    IsWrite "it is a write" "这是写";
    IsFetch "it is an instruction fetch" "这是取指";
    IsData "it is no instruction fetch" "这不是取指";
    IsInterrupt "it is an interrupt request" "这是中断请求";
    UserPrivilege "the request has user privilege" "请求为用户权限";
    PageZero "the address is in page 0" "地址在第 0 页";
    AddressZero "the address is exactly 0" "记录的地址为 0";
    WriteToZero "it is a write to address 0" "这是对地址 0 的写";
    BehindIommu "the address is the one behind the IOMMU" "地址是 IOMMU 之后的物理地址";
    MappingError "the address is all ones" "地址为全 1";
    MappingError32 "the address is the last page below 4 GiB: all ones in 32 bits" "地址是 4 GiB 以下的最后一页：32 位全 1";
    MsiAddress "the address is one that interrupt messages go to" "地址是中断消息的目标";
    MessageRange "the address is one that interrupt messages go to on x86 and elsewhere, not on every machine" "地址落在 x86 等机器的中断消息范围里，本机须核对设备的 MSI 地址";
    MessageTarget "it is a write to where interrupt messages go" "写的正是中断消息的目标地址";
    WildAddress "the address is above 48 bits, where only in a domain of 57 bits or more a DMA address can be" "地址超过 48 位，域宽 57 位以上才会有这么高的 DMA 地址";
    Poison "the address is a pattern that fills dead memory" "地址是填充已释放内存的模式";
    KernelPointer "the address is a kernel pointer" "地址是内核指针";
    PostedWrite "the type is a posted write to the interrupt range" "类型为对中断区间的 posted 写";
    SecondStage "stage 2 refused it, whose entries know no user (S2AP)" "由第二阶段拒绝，它的表项（S2AP）不分用户和内核";
    AllOnes "the whole record is all ones" "整条记录为全 1";
    Contradiction "the record contradicts itself" "记录自相矛盾";
    EmulatorPattern "address 0, domain 0 and flags 0x9 or 0xa: QEMU's amd-iommu writes this" "地址 0、域 0、标志 0x9 或 0xa，QEMU 的 amd-iommu 会这样写";
    CompatibilityFormat "the interrupt message has the old format" "中断消息为旧格式";
    NoDomain "the record says that this number has no valid entry" "记录表明这个编号没有有效的表项";
    GraphicsDevice "the device is 00:02.0, the integrated graphics" "设备为 00:02.0，即核显";
    GraphicsAssigned "the device is 00:02.0, and it is assigned or it is long after boot" "设备为 00:02.0，已被直通，或启动早已完成";
    ChipsetDevice "the device is 00:00.x, part of the chipset" "设备为 00:00.x，芯片组的一部分";
    Vmd "the segment is above 0xffff: an Intel VMD" "段号大于 0xffff，是 Intel VMD";
    EarlyBoot "it is within five seconds of boot" "首次发生在启动后五秒之内";
    EarlyPresent "within five seconds of boot, and the record says that the page is there and no right is missing" "发生在启动后五秒之内，且记录表明页存在、不缺权限";
    EarlyNoEntry "the device has no entry, within five seconds of boot" "设备没有表项，且在启动后五秒之内";
    LaterThanBoot "it is long after boot" "发生时启动早已完成";
    CopiedByKernel "the log says that the kdump kernel copied tables from the one that crashed" "日志表明 kdump 内核从崩溃的内核复制了表";
    FirstKernel "the log has the boot and no sign of kdump" "日志含启动过程，且没有 kdump 的迹象";
    InReservedRegion "the address is in a region that the log lists as reserved (RMRR)" "地址位于日志列出的保留区域（RMRR）";
    ResetBefore "the log has a reset of a device before it" "日志中此前有设备复位";
    ResumeBefore "the log has a resume before it" "日志中此前有从休眠恢复的记录";
    AerBefore "the log has a PCI Express error of this device" "日志中有该设备的 PCI Express 错误";
    DeviceRemoved "the log says that the device went away" "日志表明设备已被移除";
    VfioInLog "the device is assigned by VFIO in this log" "日志中该设备由 VFIO 直通";
    PassthroughMode "the log says that devices are passed through (iommu=pt)" "日志表明设备为直通模式（iommu=pt）";
    TraceUnmapped "the trace in the log shows that the page was unmapped shortly before" "日志中的跟踪记录表明该页不久前被解除映射";
    TraceMapped "the trace in the log shows that the page was mapped at that time" "日志中的跟踪记录表明当时该页有映射";
    TraceOtherDirection "the trace in the log shows a mapping for the other direction" "日志中的跟踪记录表明映射方向相反";
    TraceNever "the trace in the log has no mapping of the page" "日志中的跟踪记录没有该页的映射";
    DmaDebugInLog "the log has a DMA API violation of the same device" "日志中有同一设备误用 DMA API 的记录";
    SwiotlbInLog "the log has a mapping that failed before" "日志中之前有映射失败";
    InvalidationTimeout "the log has an invalidation that this device did not answer" "日志中有该设备未应答的失效请求";
    CommandAllZero "the command at the error is all zeros" "出错处的命令全为 0";
    CommandIllegal "the unit says that the command is illegal" "IOMMU 报告命令非法";
    CommandUnreadable "the unit says that it could not read the queue" "IOMMU 报告无法读取队列";
    AtcTimeout "the unit says that a device did not answer an ATS invalidation" "IOMMU 报告有设备没有应答 ATS 失效请求";
    StreamUnknown "the unit does not know the stream" "SMMU 不认识该流";
    StreamMatchesTwo "two entries match the stream" "两个表项命中该流";
    TooLargeForBounce "the request is above 256 KiB" "请求大于 256 KiB";
    TooLargeForPool "the request wants more slots than are free" "池还没有用到八成，请求所需的槽却比空闲的多";
    PoolEmpty "the pool has almost nothing in use" "池几乎没有使用";
    PoolFull "the pool is nearly full" "池几乎已满";
    SlotsAdjacent "so few slots are in use that adjacent ones must be free" "占用的槽很少，必有足够的连续空槽";
    PoolInLog "another line of the log gives the size of the pool" "日志的另一行给出了池的大小";
    PoolMissing "there is no pool" "没有池";
    OldIsIdentity "the entry that was there maps the page to itself" "已有表项把该页映射到自身";
    OldEqualsNew "the old and the new entry are equal" "新旧表项相同";
    OldIsOther "the entry that was there points elsewhere" "已有表项指向别处";
    ErrnoInvalid "the error is EINVAL" "错误码为 EINVAL";
    ErrnoMemory "the error is ENOMEM" "错误码为 ENOMEM";
    ErrnoFault "the error is EFAULT" "错误码为 EFAULT";
    ErrnoExists "the error is EEXIST" "错误码为 EEXIST";
    AboveWidth "the address is above 39 bits" "地址超出 39 位";
    FitsWidth "the range fits in 39 bits" "该范围在 39 位之内";
    RangeOdd "the address or the size is not a multiple of 4 KiB" "地址或大小不是 4 KiB 的整数倍";
    RangeReserved "the range reaches into x86's interrupt range, 0xfee00000 to 0xfeefffff" "该范围与 x86 的中断地址范围 0xfee00000 至 0xfeefffff 重叠";
    SamePage "it is always the same page" "总是同一页";
    SpreadFar "the addresses are far apart" "地址相距很远";
    FirmwareBug "the message calls it a firmware bug" "消息称其为固件错误";
    ScalableMode "the log shows scalable mode" "日志表明为可扩展模式";
    DomainZero "the domain is 0, which Linux gives to none" "域为 0，Linux 不会分配该编号";
    LooksPhysical "the address looks like one of memory, not like one that Linux gives out" "地址像内存地址，不像 Linux 分配的地址";
    ReadableAnyway "it is a read through first-stage tables, in which Linux makes every mapping readable" "这是经第一阶段页表的读，而 Linux 在其中把所有映射都设为可读";
    UnitInUse "the unit has a page fault pending before its driver starts it" "驱动启用 IOMMU 之前已有待处理的缺页";
    EntryValid "the entry in the log is valid (V = 1)" "日志中的表项有效（V = 1）";
    IdentityEntry "the entry in the log is an identity entry, which SNP forbids" "日志中的表项是 SNP 所禁止的恒等表项";
    AcrossHole "the range reaches into 0xfd00000000 to 0xffffffffff, which AMD's hosts reserve (HyperTransport)" "该范围与 AMD 平台保留的 0xfd00000000 至 0xffffffffff（HyperTransport）重叠";
    XenMaps "Xen prints it, which maps all the memory of a domain" "由 Xen 打印，它会映射域的全部内存";
}

/// A set of clues.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Clues(u128);

impl Clues {
    /// Adds one.
    pub fn add(&mut self, clue: Clue) {
        self.0 |= 1 << clue as u8;
    }
    /// Adds all of another set.
    pub fn join(&mut self, other: Clues) {
        self.0 |= other.0;
    }
    /// Returns whether it is in the set.
    pub fn has(self, clue: Clue) -> bool {
        self.0 >> (clue as u8) & 1 == 1
    }
}

impl FromIterator<Clue> for Clues {
    fn from_iter<I: IntoIterator<Item = Clue>>(clues: I) -> Self {
        let mut set = Clues::default();
        clues.into_iter().for_each(|clue| set.add(clue));
        set
    }
}

/// How much a clue says about a cause.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Weight {
    /// With it the cause comes first, even where the code alone does not suggest it.
    Decides,
    /// It speaks for the cause.
    For,
    /// It speaks against the cause.
    Against,
    /// With it the cause is impossible.
    Excludes,
}

/// One row of the table.
pub struct Rule {
    /// The cause.
    pub cause: &'static Cause,
    /// The evidence.
    pub clue: Clue,
    /// What it says.
    pub weight: Weight,
}

macro_rules! rules {
    ($($cause:ident: $($weight:ident [$($clue:ident),*])*;)*) => {
        /// What speaks for and against each cause.
        pub static RULES: &[Rule] = &[$($($(
            Rule { cause: &$cause, clue: Clue::$clue, weight: Weight::$weight },
        )*)*)*];
    };
}

rules! {
    UNMAPPED_EARLY: Decides [TraceUnmapped] For [PageAbsent, EntryEmpty, DmaDebugInLog, LaterThanBoot]
        Against [EarlyBoot, PageZero, UserAddress, MappedNow, PagePresent, LooksPhysical] Excludes [PermissionMissing, EntryOtherRight, TraceMapped, TraceOtherDirection, TraceNever, ReservedBit, PresentByStage];
    NOT_OF_DOMAIN: Decides [XenMaps] Excludes [PermissionMissing, EntryOtherRight, PagePresent, ReservedBit];
    NEVER_MAPPED: Decides [TraceNever, Poison] For [PageAbsent, EntryEmpty, WildAddress, DmaDebugInLog] Against [MappedNow, PagePresent, LooksPhysical]
        Excludes [PermissionMissing, EntryOtherRight, TraceMapped, TraceOtherDirection, TraceUnmapped, ReservedBit, PresentByStage];
    WRONG_DIRECTION: Decides [PermissionMissing, EntryOtherRight, TraceOtherDirection, PresentByStage] For [PagePresent, TraceMapped]
        Excludes [PageAbsent, EntryEmpty, TraceUnmapped, TraceNever, IsFetch, ReadableAnyway, ReservedBit];
    PHYSICAL_ADDRESS: Decides [KernelPointer] For [LooksPhysical] Against [PageZero, VfioInLog] Excludes [TraceMapped];
    FIRMWARE_DEVICE: Decides [InReservedRegion, GraphicsDevice, EarlyNoEntry, EarlyPresent, UnitInUse] For [EarlyBoot]
        Excludes [CopiedByKernel, IsInterrupt, WithPasid, LaterThanBoot, PermissionMissing, EntryOtherRight, TraceUnmapped, TraceMapped, TraceOtherDirection, ReservedBit, PageZero, MappingError, VfioInLog];
    IGD_STOLEN: Decides [GraphicsAssigned] Excludes [EarlyBoot, WithPasid, IsInterrupt, PageZero, PermissionMissing];
    NULL_DESCRIPTOR: Decides [PageZero] For [AddressZero] Excludes [TraceMapped, EmulatorPattern, NoDomain];
    NO_DECODE: Decides [BehindIommu] For [AddressZero];
    MSI_ZERO: Decides [WriteToZero] Excludes [EmulatorPattern, NoDomain];
    STALE_RING: Decides [ResumeBefore, ResetBefore] For [CopiedByKernel, SpreadFar] Excludes [ReservedBit];
    ALIAS: For [NoDomain, ScalableMode];
    NOT_ATTACHED: Decides [DeviceRemoved, DomainZero] For [NoDomain] Excludes [ReservedBit, EntryValid];
    COPIED_TABLES: Decides [CopiedByKernel] Against [LaterThanBoot] Excludes [FirstKernel, GraphicsDevice];
    BAD_ENTRY: Decides [ReservedBit, IdentityEntry] For [EntryValid];
    CONTROL_NOT_RESTORED: Decides [ResumeBefore] For [ReservedBit];
    CORRUPTED: For [Poison];
    NOT_FLUSHED: Decides [MappedNow] For [TraceMapped];
    TABLE_UNREADABLE: For [WildAddress];
    TOO_WIDE: For [WildAddress, AboveWidth];
    SUPERPAGE: For [];
    ATS_BLOCKED: Excludes [PostedWrite];
    MSI_RANGE: Decides [MsiAddress] Excludes [IsRead, PostedWrite];
    MSI_UNMAPPED: Decides [MessageTarget] For [MessageRange] Excludes [IsRead, WithPasid];
    CHIPSET_INTERRUPT: Decides [PostedWrite] For [ChipsetDevice] ;
    GUEST_MSI: Decides [Vmd, VfioInLog];
    PASID_NOT_BOUND: For [WithPasid] Excludes [NoPasid, ReservedBit];
    PASID_CONFIG: For [WithPasid] Excludes [NoPasid];
    NO_PAGE_REQUEST: For [WithPasid, UserAddress] Excludes [NoPasid, PermissionMissing, ReservedBit];
    PROCESS_UNMAPPED: Decides [UserAddress] For [WithPasid] Excludes [NoPasid, PermissionMissing, ReservedBit];
    USER_BIT: For [UserPrivilege, WithPasid] Excludes [SecondStage];
    NO_EXECUTE: Decides [IsFetch] Excludes [IsData, PageAbsent];
    STAGE2_HOLE: For [VfioInLog] Against [PresentByStage] Excludes [FirstStageOnly];
    IR_NOT_PRESENT: For [ResetBefore, ResumeBefore];
    IR_WRONG_SOURCE: For [];
    IR_STALE: For [ResetBefore, ResumeBefore];
    IR_GIVEN_AWAY: For [ResetBefore, ResumeBefore];
    IR_COMPATIBILITY: For [CompatibilityFormat, EarlyBoot, ResumeBefore] Against [Vmd, VfioInLog];
    IR_CONFIG: For [];
    DEVICE_GONE: Decides [InvalidationTimeout, AtcTimeout, AerBefore, DeviceRemoved] For [ResetBefore];
    BAD_DESCRIPTOR: Decides [CommandIllegal] Against [CommandAllZero] Excludes [AllOnes, AtcTimeout];
    QUEUE_MEMORY: Decides [CommandAllZero, CommandUnreadable] Excludes [AtcTimeout, AllOnes];
    ACCESS_FLAG: For [];
    UNKNOWN_STREAM: Decides [StreamUnknown];
    STREAM_CONFLICT: Decides [StreamMatchesTwo];
    MISALIGNED: For [MsiAddress];
    UNIT_OFF: For [];
    UNIT_GONE: Decides [AllOnes];
    TYPE_BLOCKED: For [WithPasid];
    MEMORY_ERROR: For [];
    ENCRYPTED: For [];
    MAPPING_ERROR_USED: Decides [MappingError] For [MappingError32, SwiotlbInLog];
    RECORD_OF_EMULATOR: Decides [EmulatorPattern] For [Contradiction];
    SWIOTLB_TOO_LARGE: Decides [TooLargeForBounce];
    SWIOTLB_LEAK: For [PoolFull] Against [TooLargeForPool] Excludes [PoolMissing, PoolEmpty];
    SWIOTLB_SMALL: Decides [TooLargeForPool] For [PoolFull] Excludes [PoolMissing, PoolEmpty];
    SWIOTLB_SCATTERED: For [PoolEmpty] Excludes [PoolMissing, PoolFull, TooLargeForPool, TooLargeForBounce, SlotsAdjacent];
    SWIOTLB_BURST: For [PoolEmpty, SlotsAdjacent] Excludes [PoolMissing, PoolFull, TooLargeForBounce];
    SWIOTLB_NONE: Decides [PoolMissing] Excludes [PoolFull, PoolEmpty, PoolInLog];
    SMALL_MASK: For [];
    RMRR_GIVEN_OUT: Decides [OldIsIdentity, InReservedRegion] Excludes [OldEqualsNew, OldIsOther];
    MAPPED_TWICE: Decides [OldEqualsNew] Excludes [OldIsIdentity, OldIsOther];
    STALE_ENTRY_LEFT: Decides [OldIsOther] Excludes [OldIsIdentity, OldEqualsNew];
    RANGE_REFUSED: Decides [RangeOdd, RangeReserved, AcrossHole] For [ErrnoInvalid, FitsWidth] Excludes [ErrnoMemory, ErrnoFault, ErrnoExists];
    GUEST_ABOVE_WIDTH: Decides [AboveWidth] For [ErrnoInvalid] Against [FitsWidth, AcrossHole] Excludes [ErrnoMemory, ErrnoFault, ErrnoExists];
    MEMLOCK: Decides [ErrnoMemory] Excludes [ErrnoInvalid, ErrnoFault, ErrnoExists];
    NOT_PINNABLE: Decides [ErrnoFault] Excludes [ErrnoInvalid, ErrnoMemory, ErrnoExists];
    MAP_OVERLAP: Decides [ErrnoExists] Excludes [ErrnoInvalid, ErrnoMemory, ErrnoFault];
    FIRMWARE_TABLES: Decides [FirmwareBug];
    NO_TRANSLATION_YET: For [DeviceRemoved, EarlyBoot];
    LINK_ERROR: For [AerBefore, InvalidationTimeout];
}

/// A cause with the evidence of this log.
#[derive(Clone, PartialEq, Debug)]
pub struct Likely {
    /// The cause.
    pub cause: &'static Cause,
    /// What in the log speaks for it.
    pub because: Vec<Clue>,
    /// What in the log speaks against it.
    pub despite: Vec<Clue>,
}

/// The causes in the order that the evidence gives them: at most four, and never none where `base` has one.
///
/// `base` is the order without evidence. A clue that decides outweighs all that merely speaks for or against. Causes
/// that cannot be on the system that speaks are left out.
pub(super) fn rank(base: &[&'static Cause], clues: Clues, system: System) -> Vec<Likely> {
    let mut all: Vec<(i32, Likely)> = Vec::new();
    let mut excluded: Vec<&'static Cause> = Vec::new();
    let listed = base.iter().copied().enumerate().map(|(place, cause)| (cause, 40 - 8 * place as i32));
    let decided = RULES
        .iter()
        .filter(|rule| rule.weight == Weight::Decides && clues.has(rule.clue) && !base.contains(&rule.cause))
        // A cause that this code does not suggest is added only where the evidence is of the same kind.
        .filter(|rule| base.iter().any(|cause| together(cause, rule.cause)))
        .map(|rule| (rule.cause, 0));
    for (cause, start) in listed.chain(decided).filter(|(cause, _)| cause.whom.has(system)) {
        if all.iter().any(|(_, likely)| likely.cause == cause) || excluded.contains(&cause) {
            continue;
        }
        let mut likely = Likely { cause, because: Vec::new(), despite: Vec::new() };
        let (mut score, mut out) = (start, false);
        for rule in RULES.iter().filter(|rule| rule.cause == cause && clues.has(rule.clue)) {
            match rule.weight {
                Weight::Decides => score += 100,
                Weight::For => score += 12,
                Weight::Against => score -= 24,
                Weight::Excludes => out = true,
            }
            // What says "early" and more says it for both.
            let more = [Clue::EarlyNoEntry, Clue::EarlyPresent].iter().any(|&clue| {
                clues.has(clue) && RULES.iter().any(|rule| rule.cause == cause && rule.clue == clue)
            });
            match rule.weight {
                Weight::Decides | Weight::For if rule.clue == Clue::EarlyBoot && more => {}
                Weight::Decides | Weight::For => likely.because.push(rule.clue),
                Weight::Against | Weight::Excludes => likely.despite.push(rule.clue),
            }
        }
        match out {
            true => excluded.push(cause),
            false => all.push((score, likely)),
        }
    }
    all.sort_by_key(|(score, _)| -score);
    if all.is_empty() {
        if let Some(&cause) = base.iter().find(|cause| cause.whom.has(system)) {
            all.push((0, Likely { cause, because: Vec::new(), despite: Vec::new() }));
        }
    }
    all.into_iter().map(|(_, likely)| likely).take(4).collect()
}

/// Groups of causes that answer the same question: evidence may bring in one for another of its group.
const KINDS: &[&[&Cause]] = &[
    &[
        &UNMAPPED_EARLY,
        &NOT_OF_DOMAIN,
        &NEVER_MAPPED,
        &WRONG_DIRECTION,
        &PHYSICAL_ADDRESS,
        &FIRMWARE_DEVICE,
        &IGD_STOLEN,
        &NULL_DESCRIPTOR,
        &MSI_ZERO,
        &STALE_RING,
        &NOT_ATTACHED,
        &COPIED_TABLES,
        &MSI_RANGE,
        &MAPPING_ERROR_USED,
        &UNIT_GONE,
        &RECORD_OF_EMULATOR,
        &TOO_WIDE,
        &BAD_ENTRY,
        &NOT_FLUSHED,
    ],
    &[
        &UNMAPPED_EARLY,
        &NEVER_MAPPED,
        &PROCESS_UNMAPPED,
        &NO_PAGE_REQUEST,
        &PASID_NOT_BOUND,
        &NO_EXECUTE,
        &USER_BIT,
        &ACCESS_FLAG,
        &BAD_ENTRY,
    ],
    &[&ATS_BLOCKED, &MSI_RANGE, &CHIPSET_INTERRUPT, &ALIAS],
    &[
        &IR_NOT_PRESENT,
        &IR_CONFIG,
        &IR_COMPATIBILITY,
        &GUEST_MSI,
        &IR_WRONG_SOURCE,
        &IR_GIVEN_AWAY,
        &IR_STALE,
        &UNIT_GONE,
        &RECORD_OF_EMULATOR,
    ],
    &[&DEVICE_GONE, &BAD_DESCRIPTOR, &QUEUE_MEMORY, &UNIT_GONE],
    &[&UNKNOWN_STREAM, &STREAM_CONFLICT, &NO_TRANSLATION_YET],
    &[&SWIOTLB_LEAK, &SWIOTLB_SMALL, &SWIOTLB_SCATTERED, &SWIOTLB_BURST, &SWIOTLB_NONE, &SWIOTLB_TOO_LARGE],
    &[&RMRR_GIVEN_OUT, &MAPPED_TWICE, &STALE_ENTRY_LEFT],
    &[&GUEST_ABOVE_WIDTH, &RANGE_REFUSED, &MEMLOCK, &NOT_PINNABLE, &MAP_OVERLAP],
];

fn together(one: &Cause, other: &Cause) -> bool {
    KINDS.iter().any(|kind| kind.contains(&one) && kind.contains(&other))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(base: &[&'static Cause], clues: &[Clue]) -> Vec<&'static str> {
        rank(base, clues.iter().copied().collect(), System::Linux)
            .iter()
            .map(|likely| likely.cause.id)
            .collect()
    }

    #[test]
    fn evidence_moves_excludes_and_brings_in() {
        let base = [&UNMAPPED_EARLY, &NEVER_MAPPED, &WRONG_DIRECTION];
        assert_eq!(order(&base, &[]), ["UNMAPPED_EARLY", "NEVER_MAPPED", "WRONG_DIRECTION"]);
        assert_eq!(order(&base, &[Clue::PermissionMissing]), ["WRONG_DIRECTION"]);
        assert_eq!(order(&base, &[Clue::PageAbsent]), ["UNMAPPED_EARLY", "NEVER_MAPPED"]);
        assert_eq!(order(&base, &[Clue::InReservedRegion])[0], "FIRMWARE_DEVICE");
        // No interrupt cause comes into a fault of memory.
        assert!(!order(&base, &[Clue::Vmd]).contains(&"GUEST_MSI"));
    }

    #[test]
    fn causes_of_other_systems_are_left_out() {
        let base = [&UNMAPPED_EARLY, &NEVER_MAPPED, &WRONG_DIRECTION];
        let ranked = rank(&base, [Clue::XenMaps].into_iter().collect(), System::Xen);
        let ids: Vec<_> = ranked.iter().map(|likely| likely.cause.id).collect();
        assert_eq!(ids, ["NOT_OF_DOMAIN", "WRONG_DIRECTION"]);
        assert!(!order(&base, &[Clue::XenMaps]).contains(&"NOT_OF_DOMAIN"));
    }

    #[test]
    fn what_counted_is_reported() {
        let ranked = rank(
            &[&UNMAPPED_EARLY, &NEVER_MAPPED],
            [Clue::PageAbsent, Clue::EarlyBoot].into_iter().collect(),
            System::Linux,
        );
        let early = ranked.iter().find(|likely| likely.cause == &UNMAPPED_EARLY).unwrap();
        assert_eq!(
            (&early.because[..], &early.despite[..]),
            (&[Clue::PageAbsent][..], &[Clue::EarlyBoot][..])
        );
    }

    #[test]
    fn a_cause_is_never_for_and_against_by_the_same_clue() {
        for (i, rule) in RULES.iter().enumerate() {
            assert!(
                !RULES[..i].iter().any(|other| other.cause == rule.cause && other.clue == rule.clue),
                "{} {:?}",
                rule.cause.id,
                rule.clue
            );
        }
    }

    #[test]
    fn every_clue_is_in_both_languages_and_used() {
        for &clue in Clue::ALL {
            assert!(clue.text().zh.chars().any(|c| c > '\u{4e00}'));
        }
        assert!(Clue::ALL.len() <= 128);
    }
}
