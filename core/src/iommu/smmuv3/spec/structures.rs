//! Stream tables and context descriptors: what finds a stream's translation (IHI 0070, 5).

use crate::spec;

spec::values! {
    /// The values of STE.Config (IHI 0070, 5.2).
    pub CONFIG_VALUES / config {
        ABORT = 0 "abort: every transaction is terminated, no event" "中止：终止所有事务，不记录事件";
        BYPASS = 4 "bypass: addresses are physical" "旁路：地址即物理地址";
        S1 = 5 "stage 1 translates" "第一阶段转换";
        S2 = 6 "stage 2 translates" "第二阶段转换";
        NESTED = 7 "stage 1 over stage 2" "第一阶段之上叠加第二阶段";
    }
    /// The values of S1Fmt.
    pub S1FMT_VALUES / s1fmt {
        LINEAR = 0 "one table of context descriptors" "单级上下文描述符表";
        TWO_LEVEL_4K = 1 "two levels, leaves of 4 KiB" "两级，叶表 4 KiB";
        TWO_LEVEL_64K = 2 "two levels, leaves of 64 KiB" "两级，叶表 64 KiB";
    }
    /// The values of S1DSS.
    pub S1DSS_VALUES / s1dss {
        TERMINATE = 0 "a transaction without SubstreamID is terminated" "终止不带 SubstreamID 的事务";
        BYPASS = 1 "a transaction without SubstreamID bypasses stage 1" "不带 SubstreamID 的事务旁路第一阶段";
        SUBSTREAM_0 = 2 "a transaction without SubstreamID uses descriptor 0" "不带 SubstreamID 的事务用 0 号描述符";
    }
    /// The values of EATS.
    pub EATS_VALUES / eats {
        NONE = 0 "ATS is refused" "拒绝 ATS";
        FULL = 1 "ATS: answers are physical" "ATS：应答物理地址";
        SPLIT = 2 "split-stage ATS: answers are of stage 1, stage 2 applies later" "分级 ATS：应答第一阶段结果，第二阶段随后转换";
    }
    /// The values of STRW.
    pub STRW_VALUES / strw {
        EL1 = 0 "NS-EL1: tagged with ASID and VMID" "NS-EL1：以 ASID 和 VMID 标记";
        EL2 = 2 "NS-EL2, or NS-EL2-E2H with CR2.E2H" "NS-EL2；CR2.E2H 时为 NS-EL2-E2H";
    }
    /// The values of granules where 0 is 4 KiB: TG0 and S2TG.
    pub TG_VALUES / tg {
        K4 = 0 "4 KiB" "4 KiB";
        K64 = 1 "64 KiB" "64 KiB";
        K16 = 2 "16 KiB" "16 KiB";
    }
    /// The values of TG1.
    pub TG1_VALUES / tg1 {
        K16 = 1 "16 KiB" "16 KiB";
        K4 = 2 "4 KiB" "4 KiB";
        K64 = 3 "64 KiB" "64 KiB";
    }
    /// The sizes of addresses: IPS, S2PS, OAS.
    pub SIZE_VALUES / size {
        BITS_32 = 0 "32 bits" "32 位";
        BITS_36 = 1 "36 bits" "36 位";
        BITS_40 = 2 "40 bits" "40 位";
        BITS_42 = 3 "42 bits" "42 位";
        BITS_44 = 4 "44 bits" "44 位";
        BITS_48 = 5 "48 bits" "48 位";
        BITS_52 = 6 "52 bits" "52 位";
    }
}

/// Returns the bits of an address whose size is encoded so; what is reserved counts as the largest.
pub const fn size_bits(size: u64) -> u8 {
    match size {
        0 => 32,
        1 => 36,
        2 => 40,
        3 => 42,
        4 => 44,
        5 => 48,
        _ => 52,
    }
}

spec::structure! {
    /// Level 1 stream table descriptor (IHI 0070, 5.1).
    pub L1STD / l1std: 1 words, "IHI 0070 5.1", "level 1 stream table descriptor" "一级流表描述符" {
        SPAN  "Span"  [4:0]   value "2^(Span-1) entries below; 0: none" "其下有 2^(Span-1) 项；0 表示无";
        _             [5]     ignored;
        L2PTR "L2Ptr" [51:6]  address(6) "the table of entries" "流表项所在的表";
        _             [63:52] ignored;
    }

    /// Stream table entry (IHI 0070, 5.2).
    pub STE / ste: 8 words, "IHI 0070 5.2", "stream table entry" "流表项（STE）" {
        V             [0]     flag "valid" "有效";
        CONFIG "Config" [3:1] code(CONFIG_VALUES) "what becomes of the stream" "对该流的处理";
        S1FMT "S1Fmt" [5:4]   code(S1FMT_VALUES) "layout of the context descriptors" "上下文描述符的布局";
        S1CONTEXTPTR "S1ContextPtr" [51:6] address(6) "context descriptors: physical, or IPA with stage 2"
            "上下文描述符地址：物理地址，启用第二阶段时为 IPA";
        _             [58:52] ignored;
        S1CDMAX "S1CDMax" [63:59] value "2^S1CDMax context descriptors" "共 2^S1CDMax 个上下文描述符";
        S1DSS         [65:64] code(S1DSS_VALUES) "transactions without SubstreamID" "不带 SubstreamID 的事务";
        S1CIR         [67:66] value "inner cacheability of descriptor fetches" "读取描述符的内部可缓存性";
        S1COR         [69:68] value "outer cacheability of descriptor fetches" "读取描述符的外部可缓存性";
        S1CSH         [71:70] value "shareability of descriptor fetches" "读取描述符的可共享性";
        S2HWU         [75:72] value "hardware uses of stage 2 descriptor bits" "第二阶段描述符位的硬件用途";
        DRE           [76]    flag "destructive reads" "破坏性读";
        CONT          [80:77] value "2^CONT entries are the same" "相邻 2^CONT 项相同";
        DCP           [81]    flag "directed cache prefetch" "定向缓存预取";
        PPAR          [82]    flag "page response needs a PASID" "页请求组响应需带 PASID";
        MEV           [83]    flag "events may be merged" "事件可合并";
        SW            [87:84] value "for software" "供软件使用";
        S1PIE         [88]    flag "stage 1 permission indirection" "第一阶段权限间接";
        S2FWB         [89]    flag "stage 2 forces write-back" "第二阶段强制回写";
        S1MPAM        [90]    flag "MPAM from the context descriptor" "MPAM 取自上下文描述符";
        S1STALLD      [91]    flag "stage 1 must not stall" "第一阶段不得停顿";
        EATS          [93:92] code(EATS_VALUES) "ATS" "ATS";
        STRW          [95:94] code(STRW_VALUES) "StreamWorld: how translations are tagged" "StreamWorld：转换如何标记";
        MEMATTR "MemAttr" [99:96] value "memory type when overridden" "覆盖时的内存类型";
        MTCFG         [100]   flag "override the memory type" "覆盖内存类型";
        ALLOCCFG      [104:101] value "allocation hints" "分配提示";
        _             [107:105] ignored;
        SHCFG         [109:108] value "shareability: 1 as it comes" "可共享性：1 为沿用";
        NSCFG         [111:110] value "non-secure attribute" "非安全属性";
        PRIVCFG       [113:112] value "privilege: 0 as it comes, 2 unprivileged, 3 privileged" "特权：0 沿用，2 非特权，3 特权";
        INSTCFG       [115:114] value "fetch or data: 0 as it comes, 2 data, 3 fetch" "取指或数据：0 沿用，2 数据，3 取指";
        _             [127:116] ignored;
        S2VMID        [143:128] value "VMID" "VMID";
        _             [159:144] ignored;
        S2T0SZ        [165:160] value "stage 2 input has 64 - S2T0SZ bits" "第二阶段输入为 64 - S2T0SZ 位";
        S2SL0         [167:166] value "level that stage 2 starts at" "第二阶段起始级";
        S2IR0         [169:168] value "inner cacheability of stage 2 walks" "第二阶段查表的内部可缓存性";
        S2OR0         [171:170] value "outer cacheability of stage 2 walks" "第二阶段查表的外部可缓存性";
        S2SH0         [173:172] value "shareability of stage 2 walks" "第二阶段查表的可共享性";
        S2TG          [175:174] code(TG_VALUES) "granule of stage 2" "第二阶段粒度";
        S2PS          [178:176] code(SIZE_VALUES) "output size of stage 2" "第二阶段输出位宽";
        S2AA64        [179]   flag "stage 2 tables are VMSAv8-64" "第二阶段为 VMSAv8-64 表";
        S2ENDI        [180]   flag "stage 2 tables are big-endian" "第二阶段表为大端";
        S2AFFD        [181]   flag "the access flag is not looked at" "忽略访问标志";
        S2PTW         [182]   flag "tables must not be in device memory" "页表不得位于设备内存";
        S2HD          [183]   flag "hardware updates dirty state" "硬件更新脏状态";
        S2HA          [184]   flag "hardware updates the access flag" "硬件更新访问标志";
        S2S           [185]   flag "stage 2 faults stall" "第二阶段转换错误时停顿";
        S2R           [186]   flag "stage 2 faults are recorded" "记录第二阶段转换错误";
        _             [191:187] ignored;
        S2NSW         [192]   flag "stage 2 walks are non-secure" "第二阶段查表为非安全";
        S2NSA         [193]   flag "stage 2 output is non-secure" "第二阶段输出为非安全";
        S2SL0_2       [194]   flag "level that stage 2 starts at, bit 2 (52-bit addresses)" "第二阶段起始级的第 2 位（52 位地址）";
        S2DS          [195]   flag "stage 2 has 52-bit addresses with granules of 4 and 16 KiB" "第二阶段在 4、16 KiB 粒度下使用 52 位地址";
        S2TTB         [243:196] address(4) "first table of stage 2" "第二阶段首表地址";
        _             [255:244] ignored;
        // Secure stage 2, MPAM and VM structures: features that are not modelled.
        _             [319:256] ignored;
        _             [383:320] ignored;
        _             [447:384] ignored;
        _             [511:448] ignored;
    }

    /// Level 1 context descriptor (IHI 0070, 5.3).
    pub L1CD / l1cd: 1 words, "IHI 0070 5.3", "level 1 context descriptor" "一级上下文描述符" {
        V             [0]     flag "valid" "有效";
        _             [11:1]  ignored;
        L2PTR "L2Ptr" [51:12] address(12) "the table of context descriptors" "上下文描述符表";
        _             [63:52] ignored;
    }

    /// Context descriptor (IHI 0070, 5.4).
    pub CD / cd: 8 words, "IHI 0070 5.4", "context descriptor" "上下文描述符（CD）" {
        T0SZ          [5:0]   value "the lower half has 64 - T0SZ bits" "低半部为 64 - T0SZ 位";
        TG0           [7:6]   code(TG_VALUES) "granule of the lower half" "低半部粒度";
        IR0           [9:8]   value "inner cacheability of walks" "查表的内部可缓存性";
        OR0           [11:10] value "outer cacheability of walks" "查表的外部可缓存性";
        SH0           [13:12] value "shareability of walks" "查表的可共享性";
        EPD0          [14]    flag "no walks of the lower half" "禁止低半部查表";
        ENDI          [15]    flag "tables are big-endian" "页表为大端";
        T1SZ          [21:16] value "the upper half has 64 - T1SZ bits" "高半部为 64 - T1SZ 位";
        TG1           [23:22] code(TG1_VALUES) "granule of the upper half" "高半部粒度";
        IR1           [25:24] value "inner cacheability of walks" "查表的内部可缓存性";
        OR1           [27:26] value "outer cacheability of walks" "查表的外部可缓存性";
        SH1           [29:28] value "shareability of walks" "查表的可共享性";
        EPD1          [30]    flag "no walks of the upper half" "禁止高半部查表";
        V             [31]    flag "valid" "有效";
        IPS           [34:32] code(SIZE_VALUES) "output size of stage 1" "第一阶段输出位宽";
        AFFD          [35]    flag "the access flag is not looked at" "忽略访问标志";
        WXN           [36]    flag "what is writable is not executable" "可写即不可执行";
        UWXN          [37]    flag "what is unprivileged-writable is not privileged-executable" "非特权可写则特权不可执行";
        TBI0          [38]    flag "the top byte is ignored, lower half" "低半部忽略最高字节";
        TBI1          [39]    flag "the top byte is ignored, upper half" "高半部忽略最高字节";
        PAN           [40]    flag "privileged accesses to unprivileged pages are refused" "拒绝特权访问非特权页";
        AA64          [41]    flag "tables are VMSAv8-64" "VMSAv8-64 页表";
        HD            [42]    flag "hardware updates dirty state" "硬件更新脏状态";
        HA            [43]    flag "hardware updates the access flag" "硬件更新访问标志";
        S             [44]    flag "faults stall the transaction" "转换错误时停顿事务";
        R             [45]    flag "faults are recorded" "记录转换错误";
        A             [46]    flag "a terminated transaction gets an abort, not RAZ/WI" "终止时返回中止而非读零写忽略";
        ASET          [47]    flag "the ASID is not shared with CPUs' broadcasts" "ASID 不参与处理器广播失效";
        ASID          [63:48] value "ASID" "ASID";
        NSCFG0        [64]    flag "non-secure" "非安全";
        HAD0          [65]    flag "hierarchical limits are off, lower half" "低半部关闭分级限制";
        E0PD0         [66]    flag "unprivileged accesses are refused, lower half" "低半部拒绝非特权访问";
        _             [67]    ignored;
        TTB0          [115:68] address(4) "first table of the lower half" "低半部首表地址";
        _             [127:116] ignored;
        NSCFG1        [128]   flag "non-secure" "非安全";
        HAD1          [129]   flag "hierarchical limits are off, upper half" "高半部关闭分级限制";
        E0PD1         [130]   flag "unprivileged accesses are refused, upper half" "高半部拒绝非特权访问";
        _             [131]   ignored;
        TTB1          [179:132] address(4) "first table of the upper half" "高半部首表地址";
        _             [185:180] ignored;
        DS            [186]   flag "52-bit addresses with granules of 4 and 16 KiB" "4、16 KiB 粒度下使用 52 位地址";
        _             [191:187] ignored;
        MAIR          [255:192] value "memory types, eight bits each" "内存类型，各 8 位";
        AMAIR         [319:256] value "auxiliary memory types" "辅助内存类型";
        _             [383:320] ignored;
        _             [447:384] ignored;
        _             [511:448] ignored;
    }
}
