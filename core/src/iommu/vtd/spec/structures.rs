//! The structures that find a device's and a process's tables: root, context and PASID entries, with Intel's
//! names and bit positions (VT-d 9.1 to 9.6).

use crate::spec::{self, Field};

const PRESENT: Field = Field::flag("P", 0, "present", "存在");
const FAULTS_OFF: Field = Field::flag(
    "FPD",
    1,
    "fault processing disable: qualified faults are not recorded",
    "禁用故障处理：限定类错误不记录",
);

spec::values! {
    /// The values of TT (VT-d 9.3).
    pub TT_VALUES / tt {
        MULTI_LEVEL = 0 "untranslated requests go through the second stage" "未转换请求经第二阶段转换";
        DEVICE_TLB = 1 "as 00b, and the device may have a TLB of its own (ATS)" "同 00b，且允许设备 TLB（ATS）";
        PASS_THROUGH = 2 "pass-through" "直通模式";
    }

    /// The values of AW (VT-d 9.3, 9.6).
    pub AW_VALUES / aw {
        LEVELS_3 = 1 "39 bits, 3 levels" "39 位，3 级页表";
        LEVELS_4 = 2 "48 bits, 4 levels" "48 位，4 级页表";
        LEVELS_5 = 3 "57 bits, 5 levels" "57 位，5 级页表";
    }

    /// The values of PGTT (VT-d 9.6).
    pub PGTT_VALUES / pgtt {
        FIRST = 1 "first stage only" "仅第一阶段";
        SECOND = 2 "second stage only" "仅第二阶段";
        NESTED = 3 "nested: first stage over second stage" "嵌套：第一阶段之上叠加第二阶段";
        PASS_THROUGH = 4 "pass-through" "直通模式";
    }

    /// The values of FSPM (VT-d 9.6).
    pub FSPM_VALUES / fspm {
        LEVELS_4 = 0 "4 levels" "4 级页表";
        LEVELS_5 = 1 "5 levels" "5 级页表";
    }
}

spec::structure! {
    /// Root entry (VT-d 9.1).
    pub ROOT / root: 2 words, "VT-d 9.1", "root entry" "根表项" {
        P   = PRESENT;
        _   [11:1]   reserved;
        CTP [63:12]  address(12) "context table" "上下文表地址";
        _   [127:64] reserved;
    }

    /// Scalable-mode root entry (VT-d 9.2).
    pub SM_ROOT / sm_root: 2 words, "VT-d 9.2", "scalable-mode root entry" "可扩展模式根表项" {
        LP   [0]      flag "lower half present: devices 0 to 15" "低半部存在：设备 0–15";
        _    [11:1]   reserved;
        LCTP [63:12]  address(12) "lower context table" "低半部上下文表地址";
        UP   [64]     flag "upper half present: devices 16 to 31" "高半部存在：设备 16–31";
        _    [75:65]  reserved;
        UCTP [127:76] address(12) "upper context table" "高半部上下文表地址";
    }

    /// One half of a scalable-mode root entry: for the check of the half in use.
    pub SM_ROOT_HALF / sm_root_half: 1 words, "VT-d 9.2", "half of a scalable-mode root entry" "可扩展模式根表项的一半" {
        P   = PRESENT;
        _   [11:1]  reserved;
        CTP [63:12] address(12) "context table" "上下文表地址";
    }

    /// Context entry (VT-d 9.3).
    pub CONTEXT / context: 2 words, "VT-d 9.3", "context entry" "上下文表项" {
        P   = PRESENT;
        FPD = FAULTS_OFF;
        TT      [3:2]    code(TT_VALUES) "translation type" "转换类型";
        _       [11:4]   reserved;
        SSPTPTR [63:12]  address(12) "first table of the second stage" "第二阶段顶级页表地址";
        AW      [66:64]  code(AW_VALUES) "address width" "地址位宽";
        _       [70:67]  ignored;
        _       [71]     reserved;
        DID     [87:72]  value "domain id" "域 ID";
        _       [127:88] reserved;
    }

    /// Scalable-mode context entry (VT-d 9.4).
    pub SM_CONTEXT / sm_context: 4 words, "VT-d 9.4", "scalable-mode context entry" "可扩展模式上下文表项" {
        P   = PRESENT;
        FPD = FAULTS_OFF;
        DTE         [2]       flag "device-TLB enable" "启用设备 TLB";
        PASIDE      [3]       flag "PASID enable: requests with PASID are allowed" "启用 PASID：允许带 PASID 的请求";
        PRE         [4]       flag "page request enable" "启用页请求";
        _           [8:5]     reserved;
        PDTS        [11:9]    value "PASID-directory size: 2^(PDTS+7) entries" "PASID 目录大小：2^(PDTS+7) 项";
        PASIDDIRPTR [63:12]   address(12) "PASID directory" "PASID 目录地址";
        RID_PASID   [83:64]   value "PASID that requests without PASID are given" "不带 PASID 的请求所用的 PASID";
        RID_PRIV    [84]      flag "requests without PASID have supervisor privilege" "不带 PASID 的请求按特权处理";
        _           [127:85]  reserved;
        _           [191:128] reserved;
        _           [255:192] reserved;
    }

    /// Scalable-mode PASID-directory entry (VT-d 9.5).
    pub PASID_DIR / pasid_dir: 1 words, "VT-d 9.5", "PASID-directory entry" "PASID 目录项" {
        P   = PRESENT;
        FPD = FAULTS_OFF;
        _         [11:2]  reserved;
        SMPTBLPTR [63:12] address(12) "PASID table" "PASID 表地址";
    }

    /// Scalable-mode PASID-table entry (VT-d 9.6).
    pub PASID / pasid: 8 words, "VT-d 9.6", "PASID-table entry" "PASID 表项" {
        P   = PRESENT;
        FPD = FAULTS_OFF;
        AW      [4:2]     code(AW_VALUES) "address width of the second stage" "第二阶段地址位宽";
        SSEE    [5]       flag "second-stage execute enable" "第二阶段执行权限启用";
        PGTT    [8:6]     code(PGTT_VALUES) "PASID granular translation type" "PASID 粒度的转换类型";
        SSADE   [9]       flag "second-stage accessed and dirty enable" "第二阶段访问位与脏位启用";
        _       [11:10]   reserved;
        SSPTPTR [63:12]   address(12) "first table of the second stage" "第二阶段顶级页表地址";
        DID     [79:64]   value "domain id" "域 ID";
        _       [86:80]   reserved;
        PWSNP   [87]      flag "page-walk snoop" "页表遍历监听缓存";
        PGSNP   [88]      flag "page snoop" "页面访问监听缓存";
        CD      [89]      flag "cache disable" "禁用缓存";
        EMTE    [90]      flag "extended memory type enable" "扩展内存类型启用";
        EMT     [93:91]   value "extended memory type" "扩展内存类型";
        PWT     [94]      flag "page-level write-through" "页级直写";
        PCD     [95]      flag "page-level cache disable" "页级禁用缓存";
        PAT     [127:96]  value "page attribute table" "页属性表";
        SRE     [128]     flag "supervisor requests enable" "允许特权请求";
        ERE     [129]     flag "execute requests enable" "允许执行请求";
        FSPM    [131:130] code(FSPM_VALUES) "first-stage paging mode" "第一阶段分页模式";
        WPE     [132]     flag "write protect: supervisor writes obey R/W" "写保护：特权写也受 R/W 限制";
        NXE     [133]     flag "no-execute enable" "禁止执行位启用";
        SMEP    [134]     flag "supervisor-mode execute prevention" "特权态执行保护";
        EAFE    [135]     flag "extended accessed flag enable" "扩展访问位启用";
        _       [139:136] reserved;
        FSPTPTR [191:140] address(12) "first table of the first stage" "第一阶段顶级页表地址";
        _       [255:192] reserved;
        _       [319:256] reserved;
        _       [383:320] reserved;
        _       [447:384] reserved;
        _       [511:448] reserved;
    }
}
