//! The device table entry and the guest CR3 table entry (AMD 48882). Entries of host page tables are in
//! [`crate::paging::amdv1`], of guest page tables in [`crate::paging::x86`].

use crate::spec;

spec::values! {
    /// The values of Mode.
    pub MODES / mode {
        NONE = 0 "no host tables: addresses are not changed" "无宿主机页表：地址不变";
        LEVELS_1 = 1 "1 level, 21 bits" "1 级，21 位";
        LEVELS_2 = 2 "2 levels, 30 bits" "2 级，30 位";
        LEVELS_3 = 3 "3 levels, 39 bits" "3 级，39 位";
        LEVELS_4 = 4 "4 levels, 48 bits" "4 级，48 位";
        LEVELS_5 = 5 "5 levels, 57 bits" "5 级，57 位";
        LEVELS_6 = 6 "6 levels, 64 bits" "6 级，64 位";
        RESERVED = 7 "reserved" "保留";
    }

    /// The values of HAD.
    pub HAD_VALUES / had {
        OFF = 0 "hardware sets neither A nor D of host tables" "硬件不更新宿主机页表的 A、D 位";
        ACCESSED = 1 "hardware sets A of host tables" "硬件更新宿主机页表的 A 位";
        RESERVED = 2 "reserved" "保留";
        BOTH = 3 "hardware sets A and D of host tables" "硬件更新宿主机页表的 A、D 位";
    }

    /// The values of GLX.
    pub GLX_VALUES / glx {
        LEVELS_1 = 0 "GCR3 table of 1 level: PASID 8:0" "1 级 GCR3 表：PASID 8:0";
        LEVELS_2 = 1 "GCR3 table of 2 levels: PASID 17:0" "2 级 GCR3 表：PASID 17:0";
        LEVELS_3 = 2 "GCR3 table of 3 levels: PASID 19:0" "3 级 GCR3 表：PASID 19:0";
        RESERVED = 3 "reserved" "保留";
    }

    /// The values of GuestPagingMode.
    pub GUEST_MODES / guest_mode {
        LEVELS_4 = 0 "guest tables of 4 levels" "4 级客户机页表";
        LEVELS_5 = 1 "guest tables of 5 levels" "5 级客户机页表";
    }

    /// The values of IoCtl.
    pub IOCTL_VALUES / ioctl {
        ABORT = 0 "port I/O is aborted" "中止端口 I/O";
        FORWARD = 1 "port I/O is forwarded" "转发端口 I/O";
        TRANSLATED = 2 "port I/O is translated as memory" "按内存地址转换端口 I/O";
        RESERVED = 3 "reserved" "保留";
    }

    /// The values of SysMgt.
    pub SYSMGT_VALUES / sysmgt {
        ABORT = 0 "system management messages are aborted" "中止系统管理消息";
        POSTED = 1 "system management messages are forwarded" "转发系统管理消息";
        INTX = 2 "only INTx messages are forwarded" "只转发 INTx 消息";
        TRANSLATED = 3 "system management messages are translated as memory" "按内存地址转换系统管理消息";
    }

    /// The values of IntCtl.
    pub INTCTL_VALUES / intctl {
        ABORT = 0 "fixed and arbitrated interrupts are aborted" "中止 fixed 与 arbitrated 中断";
        FORWARD = 1 "fixed and arbitrated interrupts are forwarded as they are" "原样转发 fixed 与 arbitrated 中断";
        REMAP = 2 "fixed and arbitrated interrupts are remapped" "重映射 fixed 与 arbitrated 中断";
        RESERVED = 3 "reserved" "保留";
    }
}

spec::structure! {
    /// Device table entry, 256 bits.
    pub DTE / dte: 4 words, "AMD 48882, device table entry", "device table entry (DTE)" "设备表项（DTE）" {
        V                              [0]       flag "bits 127:1 are valid" "位 127:1 有效";
        TV                             [1]       flag "translation information is valid" "转换信息有效";
        _                              [6:2]     reserved;
        HAD                            [8:7]     code(HAD_VALUES) "accessed and dirty bits of host tables" "宿主机页表的 A、D 位";
        MODE "Mode"                    [11:9]    code(MODES) "levels of the host tables" "宿主机页表级数";
        HOST_ROOT "HostPageTableRoot"  [51:12]   address(12) "root of the host tables" "宿主机页表根";
        PPR                            [52]      flag "page requests are answered with their PASID" "页请求应答";
        GPRP                           [53]      flag "responses to page requests carry the PASID" "页请求应答携带 PASID";
        GIOV "GIoV"                    [54]      flag "requests without PASID use guest tables of PASID 0" "不带 PASID 的请求使用 PASID 0 的客户机页表";
        GV                             [55]      flag "guest translation is valid" "客户机转换有效";
        GLX                            [57:56]   code(GLX_VALUES) "levels of the GCR3 table" "GCR3 表级数";
        GCR3_A "GCR3TRP[14:12]"        [60:58]   value "root of the GCR3 table, bits 14:12" "GCR3 表根，位 14:12";
        IR                             [61]      flag "reads allowed" "允许读";
        IW                             [62]      flag "writes allowed" "允许写";
        _                              [63]      reserved;
        DOMAIN_ID "DomainID"           [79:64]   value "domain id" "域 ID";
        GCR3_B "GCR3TRP[30:15]"        [95:80]   value "root of the GCR3 table, bits 30:15" "GCR3 表根，位 30:15";
        I                              [96]      flag "the device may have an IOTLB (ATS)" "设备可有 IOTLB（ATS）";
        SE                             [97]      flag "IO_PAGE_FAULT is logged once only" "IO_PAGE_FAULT 只记录一次";
        SA                             [98]      flag "IO_PAGE_FAULT is never logged" "从不记录 IO_PAGE_FAULT";
        IOCTL "IoCtl"                  [100:99]  code(IOCTL_VALUES) "port I/O" "端口 I/O";
        CACHE "Cache"                  [101]     flag "hint: do not cache translations" "提示：不缓存转换";
        SD                             [102]     flag "no snoop allowed" "允许不监听（no snoop）";
        EX                             [103]     flag "the exclusion range applies" "适用排除范围";
        SYSMGT "SysMgt"                [105:104] code(SYSMGT_VALUES) "system management messages" "系统管理消息";
        _                              [106]     reserved;
        GCR3_C "GCR3TRP[51:31]"        [127:107] value "root of the GCR3 table, bits 51:31" "GCR3 表根，位 51:31";
        IV                             [128]     flag "interrupt map is valid" "中断映射有效";
        INTTABLEN "IntTabLen"          [132:129] value "log2 of the entries of the interrupt table" "中断重映射表项数的 log2";
        IG                             [133]     flag "unmapped interrupts are not logged" "不记录未映射的中断";
        INT_ROOT "IntTableRoot"        [179:134] address(6) "the interrupt remapping table" "中断重映射表";
        _                              [181:180] reserved;
        GUEST_MODE "GuestPagingMode"   [183:182] code(GUEST_MODES) "levels of guest tables" "客户机页表级数";
        INIT_PASS "InitPass"           [184]     flag "INIT passes" "放行 INIT";
        EINT_PASS "EIntPass"           [185]     flag "ExtInt passes" "放行 ExtInt";
        NMI_PASS "NMIPass"             [186]     flag "NMI passes" "放行 NMI";
        HPT_MODE "HPTMode"             [187]     flag "mode of the host tables (SNP)" "宿主机页表模式（SNP）";
        INTCTL "IntCtl"                [189:188] code(INTCTL_VALUES) "fixed and arbitrated interrupts" "fixed 与 arbitrated 中断";
        LINT0_PASS "Lint0Pass"         [190]     flag "LINT0 passes" "放行 LINT0";
        LINT1_PASS "Lint1Pass"         [191]     flag "LINT1 passes" "放行 LINT1";
        _                              [206:192] reserved;
        VIMU_EN "vImuEn"               [207]     flag "the device belongs to a guest with a virtual IOMMU" "设备属于有虚拟 IOMMU 的客户机";
        GDEVICE_ID "GDeviceID"         [223:208] value "DeviceID in the guest" "客户机中的 DeviceID";
        GUEST_ID "GuestID"             [239:224] value "guest" "客户机";
        _                              [245:240] reserved;
        ATTR_V "AttrV"                 [246]     flag "Mode0FC and SnoopAttribute are valid" "Mode0FC 与 SnoopAttribute 有效";
        MODE0_FC "Mode0FC"             [247]     flag "force coherence where Mode is 0" "Mode 为 0 时强制一致性";
        SNOOP "SnoopAttribute"         [255:248] value "snoop attributes" "监听属性";
    }

    /// Guest CR3 table entry.
    pub GCR3E / gcr3e: 1 words, "AMD 48882, guest CR3 table", "guest CR3 table entry" "客户机 CR3 表项" {
        V    [0]     flag "valid" "有效";
        _    [11:1]  ignored;
        GCR3 [51:12] address(12) "root of the guest tables, or the next GCR3 table" "客户机页表根，或下一级 GCR3 表";
        _    [63:52] reserved;
    }
}

spec::fields! {
    /// The root of the GCR3 table as the parts of GCR3TRP make it up.
    pub mod gcr3_root: 64 bits {
        _ [11:0]  ignored;
        A [14:12] value "bits 14:12" "位 14:12";
        B [30:15] value "bits 30:15" "位 30:15";
        C [51:31] value "bits 51:31" "位 51:31";
        _ [63:52] ignored;
    }
}
