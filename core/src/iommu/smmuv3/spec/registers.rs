//! Registers at their offsets (IHI 0070, 6): page 0, and of page 1 the indexes of the queues that the unit writes.

use super::structures::SIZE_VALUES;
use crate::spec;

spec::values! {
    /// The translation table formats.
    pub TTF_VALUES / ttf {
        AARCH64 = 2 "VMSAv8-64" "VMSAv8-64";
        BOTH = 3 "VMSAv8-32 LPAE and VMSAv8-64" "VMSAv8-32 LPAE 与 VMSAv8-64";
    }
    /// What hardware updates.
    pub HTTU_VALUES / httu {
        NONE = 0 "nothing" "不更新";
        ACCESS = 1 "the access flag" "访问标志";
        DIRTY = 2 "access flag and dirty state" "访问标志与脏状态";
    }
    /// Which byte orders tables may have.
    pub TTENDIAN_VALUES / ttendian {
        MIXED = 0 "both" "两种皆可";
        LITTLE = 2 "little-endian" "小端";
        BIG = 3 "big-endian" "大端";
    }
    /// Whether transactions stall.
    pub STALL_VALUES / stall {
        BOTH = 0 "stall or terminate" "可停顿或终止";
        NONE = 1 "terminate only" "只终止";
        FORCED = 2 "always stall" "总是停顿";
    }
    /// The formats of the stream table.
    pub FMT_VALUES / fmt {
        LINEAR = 0 "one table" "单级";
        TWO_LEVEL = 1 "two levels" "两级";
    }
    /// Why commands stopped.
    pub CERROR_VALUES / cerror {
        NONE = 0 "CERROR_NONE" "CERROR_NONE 无错误";
        ILL = 1 "CERROR_ILL: illegal command" "CERROR_ILL：非法命令";
        ABT = 2 "CERROR_ABT: the queue could not be read" "CERROR_ABT：无法读取队列";
        ATC_INV_SYNC = 3 "CERROR_ATC_INV_SYNC: a device did not answer" "CERROR_ATC_INV_SYNC：设备未应答";
    }
}

spec::fields! {
    /// A queue's base.
    pub mod queue_base: 64 bits {
        LOG2SIZE [4:0]   value rw "2^LOG2SIZE entries" "共 2^LOG2SIZE 项";
        ADDR     [51:5]  address(5) rw "the queue" "队列地址";
        _        [61:52] reserved;
        RA "RA/WA" [62]  flag rw "allocation hint" "分配提示";
        _        [63]    reserved;
    }
    /// The address of a message.
    pub mod msi_address: 64 bits {
        _    [1:0]   reserved;
        ADDR [51:2]  address(2) rw "address; 0: no message" "地址；0 表示不发消息";
        _    [63:52] reserved;
    }
    /// The data of a message.
    pub mod msi_data: 32 bits {
        DATA [31:0] value rw "data" "数据";
    }
    /// The attributes of a message.
    pub mod msi_attributes: 32 bits {
        MEMATTR "MemAttr" [3:0] value rw "memory type" "内存类型";
        SH  [5:4]  value rw "shareability" "可共享性";
        _   [31:6] reserved;
    }
    /// The attributes of the message of the page request queue, and when it is sent.
    pub mod pri_attributes: 32 bits {
        MEMATTR "MemAttr" [3:0] value rw "memory type" "内存类型";
        SH  [5:4]  value rw "shareability" "可共享性";
        _   [30:6] reserved;
        LO  [31]   flag rw "only for the last request of a group; else when the queue was empty" "仅在组内最后一个请求时通知；否则在队列由空变非空时通知";
    }
    /// Errors that concern the whole unit; a bit that differs in GERROR and GERRORN is active.
    pub mod global_errors: 32 bits {
        CMDQ_ERR [0] flag rw "the command queue stopped" "命令队列停止";
        _ [1] reserved;
        EVENTQ_ABT_ERR [2] flag rw "an event could not be written" "无法写出事件";
        PRIQ_ABT_ERR [3] flag rw "a page request could not be written" "无法写出页请求";
        MSI_CMDQ_ABT_ERR [4] flag rw "the message of a CMD_SYNC could not be written" "无法写出 CMD_SYNC 的消息";
        MSI_EVENTQ_ABT_ERR [5] flag rw "the message of the event queue could not be written" "无法写出事件队列的消息";
        MSI_PRIQ_ABT_ERR [6] flag rw "the message of the page request queue could not be written" "无法写出页请求队列的消息";
        MSI_GERROR_ABT_ERR [7] flag rw "the message of global errors could not be written" "无法写出全局错误的消息";
        SFM_ERR [8] flag rw "service failure" "服务失效";
        _ [31:9] reserved;
    }
    /// What CR0 switches on.
    pub mod switches: 32 bits {
        SMMUEN [0] flag rw "translation is on" "启用转换";
        PRIQEN [1] flag rw "page requests are queued" "启用页请求队列";
        EVENTQEN [2] flag rw "events are recorded" "启用事件队列";
        CMDQEN [3] flag rw "commands are taken" "启用命令队列";
        ATSCHK [4] flag rw "translated transactions are checked" "检查已转换事务";
        _ [5] reserved;
        VMW [8:6] value rw "wildcard bits of VMIDs" "VMID 通配位";
        _ [31:9] reserved;
    }
    /// Which interrupts are on.
    pub mod interrupts: 32 bits {
        GERROR_IRQEN [0] flag rw "global errors" "全局错误";
        PRIQ_IRQEN [1] flag rw "page requests" "页请求";
        EVENTQ_IRQEN [2] flag rw "events" "事件";
        _ [31:3] reserved;
    }
}

spec::registers! {
    section "IHI 0070 6.3";
    IDR0 / idr0: "SMMU_IDR0" at 0x0, 4 bytes, "features" "特性" {
        S2P [0] flag "stage 2" "第二阶段"; S1P [1] flag "stage 1" "第一阶段";
        TTF [3:2] code(TTF_VALUES) "table formats" "页表格式";
        COHACC [4] flag "coherent" "一致性访问"; BTM [5] flag "hears CPUs' broadcasts" "接收处理器广播失效";
        HTTU [7:6] code(HTTU_VALUES) "updates by hardware" "硬件更新";
        DORMHINT [8] flag "dormant hint" "休眠提示"; HYP [9] flag "EL2" "EL2"; ATS [10] flag "PCIe ATS" "PCIe ATS";
        NS1ATS [11] flag "no split-stage ATS" "无分级 ATS"; ASID16 [12] flag "16-bit ASIDs" "16 位 ASID";
        MSI [13] flag "interrupts by message" "以消息中断"; SEV [14] flag "events to CPUs" "处理器事件";
        ATOS [15] flag "address translation by register" "寄存器地址转换"; PRI [16] flag "PCIe page requests" "PCIe 页请求";
        VMW [17] flag "VMID wildcards" "VMID 通配"; VMID16 [18] flag "16-bit VMIDs" "16 位 VMID";
        CD2L [19] flag "2-level context descriptor tables" "两级上下文描述符表"; VATOS [20] flag "virtual ATOS" "虚拟 ATOS";
        TTENDIAN [22:21] code(TTENDIAN_VALUES) "byte orders" "字节序";
        ATSRECERR [23] flag "ATS errors are recorded" "记录 ATS 错误";
        STALL_MODEL [25:24] code(STALL_VALUES) "stalls" "停顿模型";
        TERM_MODEL [26] flag "terminated always means aborted" "终止总是返回中止";
        ST_LEVEL [28:27] code(FMT_VALUES) "stream tables" "流表级数"; _ [31:29] reserved;
    }
    IDR1 / idr1: "SMMU_IDR1" at 0x4, 4 bytes, "sizes" "大小" {
        SIDSIZE [5:0] value "bits of a StreamID" "StreamID 位数";
        SSIDSIZE [10:6] value "bits of a SubstreamID" "SubstreamID 位数";
        PRIQS [15:11] value "log2 of the largest page request queue" "页请求队列最大项数的对数";
        EVENTQS [20:16] value "log2 of the largest event queue" "事件队列最大项数的对数";
        CMDQS [25:21] value "log2 of the largest command queue" "命令队列最大项数的对数";
        ATTR_PERMS_OVR [26] flag "permissions can be overridden" "可覆盖权限属性";
        ATTR_TYPES_OVR [27] flag "memory types can be overridden" "可覆盖内存类型";
        REL [28] flag "relative addresses" "相对地址"; QUEUES_PRESET [29] flag "queues are fixed" "队列固定";
        TABLES_PRESET [30] flag "tables are fixed" "表固定"; ECMDQ [31] flag "further command queues" "扩展命令队列";
    }
    IDR2 / idr2: "SMMU_IDR2" at 0x8, 4 bytes, "where VATOS registers are" "VATOS 寄存器位置" {
        BA_VATOS [9:0] value "page" "页号"; _ [31:10] reserved;
    }
    IDR3 / idr3: "SMMU_IDR3" at 0xc, 4 bytes, "features" "特性" {
        _ [1:0] reserved; HAD [2] flag "hierarchical limits can be off" "可关闭分级限制";
        PBHA [3] flag "page-based hardware attributes" "基于页的硬件属性"; XNX [4] flag "two XN bits in stage 2" "第二阶段两个 XN 位";
        PPS [5] flag "PASID in page responses" "页请求组响应带 PASID"; _ [6] reserved; MPAM [7] flag "MPAM" "MPAM";
        FWB [8] flag "forced write-back" "强制回写"; STT [9] flag "small tables" "小页表";
        RIL [10] flag "invalidation of ranges" "可按区间失效";
        BBML [12:11] value "break-before-make level" "先断后改级别"; E0PD [13] flag "E0PD" "E0PD";
        PTWNNC [14] flag "walks of non-cacheable memory" "不可缓存查表"; DPT [15] flag "device permission table" "设备权限表";
        _ [31:16] reserved;
    }
    IDR4 / idr4: "SMMU_IDR4" at 0x10, 4 bytes, "for the implementation" "供实现自定义" {
        IMPDEF [31:0] value "implementation defined" "由实现定义";
    }
    IDR5 / idr5: "SMMU_IDR5" at 0x14, 4 bytes, "addresses" "地址" {
        OAS [2:0] code(SIZE_VALUES) "bits of a physical address" "物理地址位数"; _ [3] reserved;
        GRAN4K [4] flag "granule of 4 KiB" "4 KiB 粒度"; GRAN16K [5] flag "granule of 16 KiB" "16 KiB 粒度";
        GRAN64K [6] flag "granule of 64 KiB" "64 KiB 粒度"; DS [7] flag "52 bits with small granules" "小粒度下 52 位地址";
        D128 [8] flag "128-bit descriptors" "128 位描述符"; _ [9] reserved;
        VAX [11:10] value "1: inputs of 52 bits" "1 表示 52 位输入"; _ [15:12] reserved;
        STALL_MAX [31:16] value "transactions that can be stalled" "最多停顿事务数";
    }
    IIDR / iidr: "SMMU_IIDR" at 0x18, 4 bytes, "implementation" "实现标识" {
        IMPLEMENTER [11:0] value "implementer" "实现者"; REVISION [15:12] value "revision" "修订";
        VARIANT [19:16] value "variant" "变体"; PRODUCTID [31:20] value "product" "产品";
    }
    AIDR / aidr: "SMMU_AIDR" at 0x1c, 4 bytes, "architecture version" "架构版本" {
        MINOR [3:0] value "SMMUv3.x" "SMMUv3.x"; MAJOR [7:4] value "0: SMMUv3" "0 表示 SMMUv3"; _ [31:8] reserved;
    }
    CR0 / cr0: "SMMU_CR0" at 0x20, 4 bytes, "control" "控制" = switches;
    CR0ACK / cr0ack: "SMMU_CR0ACK" at 0x24, 4 bytes, "control, as it is in effect" "控制（已生效值）" {
        SMMUEN [0] flag "translation is on" "启用转换"; PRIQEN [1] flag "page requests are queued" "启用页请求队列";
        EVENTQEN [2] flag "events are recorded" "启用事件队列"; CMDQEN [3] flag "commands are taken" "启用命令队列";
        ATSCHK [4] flag "translated transactions are checked" "检查已转换事务"; _ [5] reserved;
        VMW [8:6] value "wildcard bits of VMIDs" "VMID 通配位"; _ [31:9] reserved;
    }
    CR1 / cr1: "SMMU_CR1" at 0x28, 4 bytes, "attributes of tables and queues" "表与队列的属性" {
        QUEUE_IC [1:0] value rw "queues, inner" "队列内部可缓存性"; QUEUE_OC [3:2] value rw "queues, outer" "队列外部可缓存性";
        QUEUE_SH [5:4] value rw "queues, shareability" "队列可共享性"; TABLE_IC [7:6] value rw "tables, inner" "表内部可缓存性";
        TABLE_OC [9:8] value rw "tables, outer" "表外部可缓存性"; TABLE_SH [11:10] value rw "tables, shareability" "表可共享性";
        _ [31:12] reserved;
    }
    CR2 / cr2: "SMMU_CR2" at 0x2c, 4 bytes, "control" "控制" {
        E2H [0] flag rw "EL2 streams have ASIDs" "EL2 流使用 ASID";
        RECINVSID [1] flag rw "C_BAD_STREAMID is recorded" "记录 C_BAD_STREAMID";
        PTM [2] flag rw "CPUs' broadcasts are not heard" "不接收处理器广播失效"; _ [31:3] reserved;
    }
    STATUSR / statusr: "SMMU_STATUSR" at 0x40, 4 bytes, "status" "状态" {
        DORMANT [0] flag "nothing is cached" "无缓存内容"; _ [31:1] reserved;
    }
    GBPA / gbpa: "SMMU_GBPA" at 0x44, 4 bytes, "what becomes of transactions while translation is off" "未启用转换时的处理" {
        MEMATTR "MemAttr" [3:0] value rw "memory type" "内存类型"; MTCFG [4] flag rw "override it" "覆盖内存类型"; _ [7:5] reserved;
        ALLOCCFG [11:8] value rw "allocation hints" "分配提示"; SHCFG [13:12] value rw "shareability" "可共享性"; _ [15:14] reserved;
        PRIVCFG [17:16] value rw "privilege" "特权"; INSTCFG [19:18] value rw "fetch or data" "取指或数据";
        ABORT [20] flag rw "they are aborted" "一律中止"; _ [30:21] reserved;
        UPDATE [31] flag rw "1 in a write: take it in; 0 when done" "写 1 使写入生效；完成后为 0";
    }
    AGBPA / agbpa: "SMMU_AGBPA" at 0x48, 4 bytes, "for the implementation" "供实现自定义" {
        IMPDEF [31:0] value "implementation defined" "由实现定义";
    }
    IRQ_CTRL / irq_ctrl: "SMMU_IRQ_CTRL" at 0x50, 4 bytes, "interrupts" "中断" = interrupts;
    IRQ_CTRLACK / irq_ctrlack: "SMMU_IRQ_CTRLACK" at 0x54, 4 bytes, "interrupts, as they are in effect" "中断（已生效值）" {
        GERROR_IRQEN [0] flag "global errors" "全局错误"; PRIQ_IRQEN [1] flag "page requests" "页请求";
        EVENTQ_IRQEN [2] flag "events" "事件"; _ [31:3] reserved;
    }
    GERROR / gerror: "SMMU_GERROR" at 0x60, 4 bytes, "global errors, toggled by the unit" "全局错误（由 SMMU 翻转）" {
        CMDQ_ERR [0] flag "the command queue stopped" "命令队列停止"; _ [1] reserved;
        EVENTQ_ABT_ERR [2] flag "an event could not be written" "无法写出事件";
        PRIQ_ABT_ERR [3] flag "a page request could not be written" "无法写出页请求";
        MSI_CMDQ_ABT_ERR [4] flag "the message of a CMD_SYNC could not be written" "无法写出 CMD_SYNC 的消息";
        MSI_EVENTQ_ABT_ERR [5] flag "the message of the event queue could not be written" "无法写出事件队列的消息";
        MSI_PRIQ_ABT_ERR [6] flag "the message of the page request queue could not be written" "无法写出页请求队列的消息";
        MSI_GERROR_ABT_ERR [7] flag "the message of global errors could not be written" "无法写出全局错误的消息";
        SFM_ERR [8] flag "service failure" "服务失效"; _ [31:9] reserved;
    }
    GERRORN / gerrorn: "SMMU_GERRORN" at 0x64, 4 bytes, "global errors, toggled back by software" "全局错误（由软件翻转确认）" = global_errors;
    GERROR_IRQ_CFG0 / gerror_irq_cfg0: "SMMU_GERROR_IRQ_CFG0" at 0x68, 8 bytes, "message of global errors" "全局错误消息地址" = msi_address;
    GERROR_IRQ_CFG1 / gerror_irq_cfg1: "SMMU_GERROR_IRQ_CFG1" at 0x70, 4 bytes, "its data" "其数据" = msi_data;
    GERROR_IRQ_CFG2 / gerror_irq_cfg2: "SMMU_GERROR_IRQ_CFG2" at 0x74, 4 bytes, "its attributes" "其属性" = msi_attributes;
    STRTAB_BASE / strtab_base: "SMMU_STRTAB_BASE" at 0x80, 8 bytes, "stream table" "流表" {
        _ [5:0] reserved; ADDR [51:6] address(6) rw "the table" "表地址"; _ [61:52] reserved;
        RA [62] flag rw "allocation hint" "分配提示"; _ [63] reserved;
    }
    STRTAB_BASE_CFG / strtab_base_cfg: "SMMU_STRTAB_BASE_CFG" at 0x88, 4 bytes, "stream table, its format" "流表格式" {
        LOG2SIZE [5:0] value rw "2^LOG2SIZE StreamIDs" "共 2^LOG2SIZE 个 StreamID";
        SPLIT [10:6] value rw "low bits that index the second level" "第二阶段索引位数"; _ [15:11] reserved;
        FMT [17:16] code(FMT_VALUES) rw "levels" "级数"; _ [31:18] reserved;
    }
    CMDQ_BASE / cmdq_base: "SMMU_CMDQ_BASE" at 0x90, 8 bytes, "command queue" "命令队列" = queue_base;
    CMDQ_PROD / cmdq_prod: "SMMU_CMDQ_PROD" at 0x98, 4 bytes, "where software writes next" "软件下一次写入处" {
        WR [19:0] value rw "index, with the wrap bit above it" "索引，其上为回绕位"; _ [31:20] reserved;
    }
    CMDQ_CONS / cmdq_cons: "SMMU_CMDQ_CONS" at 0x9c, 4 bytes, "the command to take next" "下一条要取的命令" {
        RD [19:0] value rw "index, with the wrap bit above it" "索引，其上为回绕位"; _ [23:20] reserved;
        ERR [30:24] code(CERROR_VALUES) "why commands stopped" "命令停止的原因"; _ [31] reserved;
    }
    EVENTQ_BASE / eventq_base: "SMMU_EVENTQ_BASE" at 0xa0, 8 bytes, "event queue" "事件队列" = queue_base;
    EVENTQ_IRQ_CFG0 / eventq_irq_cfg0: "SMMU_EVENTQ_IRQ_CFG0" at 0xb0, 8 bytes, "message of the event queue" "事件队列消息地址" = msi_address;
    EVENTQ_IRQ_CFG1 / eventq_irq_cfg1: "SMMU_EVENTQ_IRQ_CFG1" at 0xb8, 4 bytes, "its data" "其数据" = msi_data;
    EVENTQ_IRQ_CFG2 / eventq_irq_cfg2: "SMMU_EVENTQ_IRQ_CFG2" at 0xbc, 4 bytes, "its attributes" "其属性" = msi_attributes;
    PRIQ_BASE / priq_base: "SMMU_PRIQ_BASE" at 0xc0, 8 bytes, "page request queue" "页请求队列" = queue_base;
    PRIQ_IRQ_CFG0 / priq_irq_cfg0: "SMMU_PRIQ_IRQ_CFG0" at 0xd0, 8 bytes, "message of the page request queue" "页请求队列消息地址" = msi_address;
    PRIQ_IRQ_CFG1 / priq_irq_cfg1: "SMMU_PRIQ_IRQ_CFG1" at 0xd8, 4 bytes, "its data" "其数据" = msi_data;
    PRIQ_IRQ_CFG2 / priq_irq_cfg2: "SMMU_PRIQ_IRQ_CFG2" at 0xdc, 4 bytes, "its attributes" "其属性" = pri_attributes;
    EVENTQ_PROD / eventq_prod: "SMMU_EVENTQ_PROD" at 0x100a8, 4 bytes, "where the unit writes next" "IOMMU 下一次写入处" {
        WR [19:0] value rw "index, with the wrap bit above it" "索引，其上为回绕位"; _ [30:20] reserved;
        OVFLG [31] flag rw "toggled when an event was lost" "丢失事件时翻转";
    }
    EVENTQ_CONS / eventq_cons: "SMMU_EVENTQ_CONS" at 0x100ac, 4 bytes, "the event software reads next" "软件下一条要读的事件" {
        RD [19:0] value rw "index, with the wrap bit above it" "索引，其上为回绕位"; _ [30:20] reserved;
        OVACKFLG [31] flag rw "made equal to OVFLG by software" "由软件置为与 OVFLG 相同";
    }
    PRIQ_PROD / priq_prod: "SMMU_PRIQ_PROD" at 0x100c8, 4 bytes, "where the unit writes next" "IOMMU 下一次写入处" {
        WR [19:0] value rw "index, with the wrap bit above it" "索引，其上为回绕位"; _ [30:20] reserved;
        OVFLG [31] flag rw "toggled when a request was lost" "丢失请求时翻转";
    }
    PRIQ_CONS / priq_cons: "SMMU_PRIQ_CONS" at 0x100cc, 4 bytes, "the request software reads next" "软件下一条要读的请求" {
        RD [19:0] value rw "index, with the wrap bit above it" "索引，其上为回绕位"; _ [30:20] reserved;
        OVACKFLG [31] flag rw "made equal to OVFLG by software" "由软件置为与 OVFLG 相同";
    }
}
