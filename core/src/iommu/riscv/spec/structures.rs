//! Structures in memory: device and process directories, MSI page tables and queue records, with the specification's
//! names and bit positions (RISC-V IOMMU, "Data structures" and "In-memory queue interface").

use crate::spec;

spec::values! {
    /// The values of iohgatp.MODE.
    pub IOHGATP_MODES / iohgatp_mode {
        BARE = 0 "Bare: no second stage" "Bare：无第二阶段转换";
        SV39X4 = 8 "Sv39x4" "Sv39x4";
        SV48X4 = 9 "Sv48x4" "Sv48x4";
        SV57X4 = 10 "Sv57x4" "Sv57x4";
    }

    /// The values of MODE in iosatp, and of pdtp where PDTV is 1 (1 to 3).
    pub FSC_MODES / fsc_mode {
        BARE = 0 "Bare: no first stage" "Bare：无第一阶段转换";
        PD8 = 1 "PD8: process directory of 1 level (PDTV = 1)" "PD8：1 级进程目录（PDTV = 1）";
        PD17 = 2 "PD17: process directory of 2 levels (PDTV = 1)" "PD17：2 级进程目录（PDTV = 1）";
        PD20 = 3 "PD20: process directory of 3 levels (PDTV = 1)" "PD20：3 级进程目录（PDTV = 1）";
        SV39 = 8 "Sv39" "Sv39";
        SV48 = 9 "Sv48" "Sv48";
        SV57 = 10 "Sv57" "Sv57";
    }

    /// The values of msiptp.MODE.
    pub MSIPTP_MODES / msiptp_mode {
        OFF = 0 "Off" "Off：关闭";
        FLAT = 1 "Flat MSI page table" "Flat：平坦 MSI 页表";
    }

    /// The values of M in an MSI page-table entry.
    pub MSI_MODES / msi_mode {
        MRIF = 1 "MRIF mode: into a memory-resident interrupt file" "MRIF 模式：写入驻留内存的中断文件";
        BASIC = 3 "basic translate mode: to an interrupt file" "基本转换模式：转到中断文件";
    }

    /// The values of TTYP (RISC-V IOMMU, fault queue).
    pub TTYPES / ttyp {
        NONE = 0 "none: not caused by a request" "无：不是由请求引起";
        FETCH = 1 "untranslated read for execute" "未转换的取指读";
        READ = 2 "untranslated read" "未转换的读";
        WRITE = 3 "untranslated write/AMO" "未转换的写/AMO";
        TRANSLATED_FETCH = 5 "translated read for execute" "已转换的取指读";
        TRANSLATED_READ = 6 "translated read" "已转换的读";
        TRANSLATED_WRITE = 7 "translated write/AMO" "已转换的写/AMO";
        ATS = 8 "PCIe ATS translation request" "PCIe ATS 转换请求";
        MESSAGE = 9 "PCIe message request" "PCIe 消息请求";
    }
}

spec::fields! {
    /// A doubleword with the root of tables: iosatp, iohgatp, pdtp, msiptp.
    pub mod root: 64 bits {
        PPN   [43:0]  address(12) "root of the tables" "页表根";
        GSCID [59:44] value "guest soft-context id, in iohgatp" "客户机软上下文 ID（iohgatp）";
        MODE  [63:60] value "mode" "模式";
    }
}

spec::structure! {
    /// Entry of the device directory that points at the next level (RISC-V IOMMU, non-leaf DDT entry).
    pub DDTE / ddte: 1 words, "RISC-V IOMMU, non-leaf DDT entry", "non-leaf DDT entry" "非叶子设备目录项" {
        V   [0]     flag "valid" "有效";
        _   [9:1]   reserved;
        PPN [53:10] address(12) "the next directory page" "下一级目录页";
        _   [63:54] reserved;
    }

    /// Entry of the process directory that points at the next level (RISC-V IOMMU, non-leaf PDT entry).
    pub PDTE / pdte: 1 words, "RISC-V IOMMU, non-leaf PDT entry", "non-leaf PDT entry" "非叶子进程目录项" {
        V   [0]     flag "valid" "有效";
        _   [9:1]   reserved;
        PPN [53:10] address(12) "the next directory page" "下一级目录页";
        _   [63:54] reserved;
    }
}

macro_rules! device_context {
    ($(#[$doc:meta])* $id:ident / $module:ident: $words:literal words, $en:literal $zh:literal { $($more:tt)* }) => {
        spec::structure! {
            $(#[$doc])*
            pub $id / $module: $words words, "RISC-V IOMMU, device context", $en $zh {
                V                             [0]       flag "valid" "有效";
                EN_ATS                        [1]       flag "ATS requests and translated requests are allowed" "允许 ATS 请求与已转换请求";
                EN_PRI                        [2]       flag "page requests are allowed" "允许页请求";
                T2GPA                         [3]       flag "ATS answers are guest-physical addresses" "ATS 应答给出客户机物理地址";
                DTF                           [4]       flag "faults of translation are not recorded" "不记录转换错误";
                PDTV                          [5]       flag "fsc is a process-directory pointer (pdtp)" "fsc 是进程目录指针（pdtp）";
                PRPR                          [6]       flag "page responses carry the PASID" "页请求组响应携带 PASID";
                GADE                          [7]       flag "hardware sets A and D of the second stage" "硬件更新第二阶段的 A、D 位";
                SADE                          [8]       flag "hardware sets A and D of the first stage" "硬件更新第一阶段的 A、D 位";
                DPE                           [9]       flag "requests without process_id use process_id 0" "不带 process_id 的请求使用 process_id 0";
                SBE                           [10]      flag "process directory and first stage are big-endian" "进程目录与第一阶段页表为大端";
                SXL                           [11]      flag "32-bit first stage" "32 位第一阶段";
                _                             [23:12]   reserved;
                CUSTOM "custom"               [31:24]   value "for the implementation" "供实现自定义";
                _                             [63:32]   reserved;
                IOHGATP_PPN "iohgatp.PPN"     [107:64]  address(12) "root of the second stage" "第二阶段页表根";
                IOHGATP_GSCID "iohgatp.GSCID" [123:108] value "guest soft-context id" "客户机软上下文 ID";
                IOHGATP_MODE "iohgatp.MODE"   [127:124] code(IOHGATP_MODES) "second-stage mode" "第二阶段模式";
                _                             [139:128] reserved;
                TA_PSCID "ta.PSCID"           [159:140] value "process soft-context id" "进程软上下文 ID";
                _                             [167:160] reserved;
                TA_RCID "ta.RCID"             [179:168] value "resource control id (QoS)" "资源控制 ID（QoS）";
                TA_MCID "ta.MCID"             [191:180] value "monitoring counter id (QoS)" "监控计数 ID（QoS）";
                FSC_PPN "fsc.PPN"             [235:192] address(12) "root of the first stage or of the process directory" "第一阶段页表根或进程目录根";
                _                             [251:236] reserved;
                FSC_MODE "fsc.MODE"           [255:252] code(FSC_MODES) "first-stage or process-directory mode" "第一阶段或进程目录模式";
                $($more)*
            }
        }
    };
}

device_context! {
    /// Device context in base format (capabilities.MSI_FLAT = 0).
    DC_BASE / dc_base: 4 words, "device context" "设备上下文" {}
}
device_context! {
    /// Device context in extended format (capabilities.MSI_FLAT = 1); the first four words are those of the base format.
    DC_EXTENDED / dc: 8 words, "device context (extended format)" "设备上下文（扩展格式）" {
        MSIPTP_PPN "msiptp.PPN"             [299:256] address(12) "root of the MSI page table" "MSI 页表根";
        _                                   [315:300] reserved;
        MSIPTP_MODE "msiptp.MODE"           [319:316] code(MSIPTP_MODES) "MSI page table mode" "MSI 页表模式";
        MSI_ADDR_MASK "msi_addr_mask"       [371:320] value "address bits (from 12) that number the interrupt files" "构成中断文件编号的地址位（自第 12 位起）";
        _                                   [383:372] reserved;
        MSI_ADDR_PATTERN "msi_addr_pattern" [435:384] value "the other address bits (from 12) of interrupt files" "中断文件地址的其余位（自第 12 位起）";
        _                                   [447:436] reserved;
        _                                   [511:448] reserved;
    }
}

spec::structure! {
    /// Process context (RISC-V IOMMU, process context).
    pub PC / pc: 2 words, "RISC-V IOMMU, process context", "process context" "进程目录叶子项" {
        V                   [0]       flag "valid" "有效";
        ENS                 [1]       flag "supervisor requests are allowed" "允许特权请求";
        SUM                 [2]       flag "supervisor requests may reach user pages" "特权请求可访问用户页";
        _                   [11:3]    reserved;
        PSCID               [31:12]   value "process soft-context id" "进程软上下文 ID";
        _                   [63:32]   reserved;
        FSC_PPN "fsc.PPN"   [107:64]  address(12) "root of the first stage" "第一阶段页表根";
        _                   [123:108] reserved;
        FSC_MODE "fsc.MODE" [127:124] code(FSC_MODES) "first-stage mode" "第一阶段模式";
    }

    /// MSI page-table entry in basic translate mode, M = 3 (AIA 8.5.1).
    pub MSI_PTE / msi_pte: 2 words, "AIA 8.5.1", "MSI PTE" "MSI 页表项" {
        V   [0]      flag "valid" "有效";
        M   [2:1]    code(MSI_MODES) "mode" "模式";
        _   [9:3]    reserved;
        PPN [53:10]  address(12) "the interrupt file" "中断文件地址";
        _   [62:54]  reserved;
        C   [63]     flag "custom format" "自定义格式";
        // The second doubleword is free for software.
        _   [127:64] ignored;
    }

    /// MSI page-table entry in MRIF mode, M = 1 (AIA 8.5.2).
    pub MSI_PTE_MRIF / msi_pte_mrif: 2 words, "AIA 8.5.2", "MSI PTE (MRIF mode)" "MSI 页表项（MRIF 模式）" {
        V                           [0]       flag "valid" "有效";
        M                           [2:1]     code(MSI_MODES) "mode" "模式";
        _                           [6:3]     reserved;
        MRIF_ADDRESS "MRIF_Address" [53:7]    address(9) "the memory-resident interrupt file" "驻留内存的中断文件地址";
        _                           [62:54]   reserved;
        C                           [63]      flag "custom format" "自定义格式";
        NID_LOW "NID[9:0]"         [73:64]   value "notice identity, low bits" "通知中断标识低位";
        NPPN                        [117:74]  address(12) "page that takes the notice MSI" "接收通知 MSI 的页";
        _                           [123:118] reserved;
        NID_HIGH "NID[10]"           [124]     value "notice identity, high bit" "通知中断标识高位";
        _                           [127:125] reserved;
    }

    /// One of 32 pairs of a memory-resident interrupt file: pending and enabled identities (AIA 8.3.1).
    pub MRIF / mrif: 2 words, "AIA 8.3.1", "MRIF words" "MRIF 字" {
        EIP "eip" [63:0]   value "pending identities" "待处理的中断标识";
        EIE "eie" [127:64] value "enabled identities" "已使能的中断标识";
    }

    /// Fault queue record (RISC-V IOMMU, fault queue).
    pub FAULT_RECORD / fault_record: 4 words, "RISC-V IOMMU, fault queue", "fault record" "故障记录" {
        CAUSE             [11:0]    value "cause" "原因";
        PID               [31:12]   value "process_id" "process_id";
        PV                [32]      flag "PID is valid" "PID 有效";
        PRIV              [33]      flag "supervisor privilege" "特权访问";
        TTYP              [39:34]   code(TTYPES) "transaction type" "事务类型";
        DID               [63:40]   value "device_id" "device_id";
        CUSTOM "custom"   [95:64]   value "for the implementation" "供实现自定义";
        _                 [127:96]  reserved;
        IOTVAL "iotval"   [191:128] value "the address of the request; of a message, its code" "请求的地址；若是消息，则为其消息码";
        IOTVAL2 "iotval2" [255:192] value "guest-physical address; bits 1:0: implicit access, write" "客户机物理地址；位 1:0：隐式访问、写";
    }

    /// Page request queue record (RISC-V IOMMU, page request queue).
    pub PAGE_RECORD / page_record: 2 words, "RISC-V IOMMU, page request queue", "page request record" "页请求记录" {
        _                           [11:0]   reserved;
        PID                         [31:12]  value "process_id" "process_id";
        PV                          [32]     flag "PID is valid" "PID 有效";
        PRIV                        [33]     flag "supervisor privilege" "特权访问";
        EXEC                        [34]     flag "execute requested" "请求执行";
        _                           [39:35]  reserved;
        DID                         [63:40]  value "device_id" "device_id";
        R                           [64]     flag "read wanted" "请求读";
        W                           [65]     flag "write wanted" "请求写";
        L                           [66]     flag "last of its group" "组内最后一个";
        PRGI                        [75:67]  value "page request group index" "页请求组编号";
        PAGE_ADDRESS "Page Address" [127:76] address(12) "the page" "页地址";
    }
}
