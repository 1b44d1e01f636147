//! Interrupt remapping entries and posted-interrupt descriptors (VT-d 9.9 to 9.11), and the message of an interrupt in
//! remappable format (VT-d 5.1.2.2).

use crate::spec::{self, Field};

spec::values! {
    /// The values of SVT (VT-d 9.9).
    pub VALIDATIONS / svt {
        ANY = 0 "no source-id check" "不检查请求者 ID";
        SOURCE = 1 "check the source id with SQ" "按 SQ 检查请求者 ID";
        BUS_RANGE = 2 "check the bus number against a range" "检查总线号范围";
    }
    /// The values of SQ (VT-d 9.9).
    pub QUALIFIERS / sq {
        ALL = 0 "all 16 bits" "全部 16 位";
        BUT_2 = 1 "all but bit 2" "忽略位 2";
        BUT_2_1 = 2 "all but bits 2:1" "忽略位 2:1";
        BUT_2_0 = 3 "all but bits 2:0" "忽略位 2:0";
    }
    /// The values of DLM (VT-d 9.9).
    pub DELIVERY_MODES / dlm {
        FIXED = 0 "fixed" "固定";
        LOWEST = 1 "lowest priority" "最低优先级";
        SMI = 2 "SMI" "SMI";
        NMI = 4 "NMI" "NMI";
        INIT = 5 "INIT" "INIT";
        EXTINT = 7 "ExtINT" "ExtINT";
    }
}

const PRESENT: Field = Field::flag("P", 0, "present", "存在");
const FAULTS_OFF: Field = Field::flag("FPD", 1, "fault processing disable", "禁用故障处理");
const AVAILABLE: Field = Field::value("AVAIL", 11, 8, "available to software", "供软件使用");
const SOURCE: Field =
    Field::value("SID", 79, 64, "source id, or start and end bus", "请求者 ID，或起止总线号");
const QUALIFIER: Field = Field::code("SQ", 81, 80, QUALIFIERS, "source-id qualifier", "请求者 ID 限定");
const VALIDATION: Field = Field::code("SVT", 83, 82, VALIDATIONS, "source validation type", "来源验证类型");

spec::structure! {
    /// IRTE for remapped interrupts (VT-d 9.9).
    pub IRTE / irte: 2 words, "VT-d 9.9", "interrupt remapping table entry (remapped)" "中断重映射表项（重映射格式）" {
        P     = PRESENT;
        FPD   = FAULTS_OFF;
        DM  [2]      flag "destination mode: 0 physical, 1 logical" "目标模式：0 物理，1 逻辑";
        RH  [3]      flag "redirection hint" "重定向提示";
        TM  [4]      flag "trigger mode: 0 edge, 1 level" "触发模式：0 边沿，1 电平";
        DLM [7:5]    code(DELIVERY_MODES) "delivery mode" "传送模式";
        AVAIL = AVAILABLE;
        _   [14:12]  reserved;
        IM  [15]     flag "mode: 0, remapped" "模式：0 为重映射";
        V   [23:16]  value "vector" "向量";
        _   [31:24]  reserved;
        DST [63:32]  value "destination APIC id (bits 47:40 unless EIME)" "目标 APIC ID（非 EIME 时为位 47:40）";
        SID   = SOURCE;
        SQ    = QUALIFIER;
        SVT   = VALIDATION;
        _   [127:84] reserved;
    }

    /// IRTE for posted interrupts (VT-d 9.10).
    pub IRTE_POSTED / irte_posted: 2 words, "VT-d 9.10", "interrupt remapping table entry (posted)" "中断重映射表项（posted）" {
        P     = PRESENT;
        FPD   = FAULTS_OFF;
        _    [7:2]    reserved;
        AVAIL = AVAILABLE;
        _    [13:12]  reserved;
        URG  [14]     flag "urgent: notify even when suppressed" "紧急：即使抑制也通知";
        IM   [15]     flag "mode: 1, posted" "模式：1 为 posted";
        VV   [23:16]  value "virtual vector" "虚拟向量";
        _    [37:24]  reserved;
        PDAL [63:38]  address(6) "posted descriptor address, bits 31:6" "posted 中断描述符地址低位";
        SID   = SOURCE;
        SQ    = QUALIFIER;
        SVT   = VALIDATION;
        _    [95:84]  reserved;
        PDAH [127:96] address(32) "posted descriptor address, bits 63:32" "posted 中断描述符地址高位";
    }

    /// Posted-interrupt descriptor (VT-d 9.11).
    pub PID / pid: 8 words, "VT-d 9.11", "posted-interrupt descriptor" "posted 中断描述符" {
        PIR0 [63:0]    value "posted requests, vectors 0 to 63" "待处理向量 0–63";
        PIR1 [127:64]  value "vectors 64 to 127" "待处理向量 64–127";
        PIR2 [191:128] value "vectors 128 to 191" "待处理向量 128–191";
        PIR3 [255:192] value "vectors 192 to 255" "待处理向量 192–255";
        ON   [256]     flag "outstanding notification" "通知未完成";
        SN   [257]     flag "suppress notification" "抑制通知";
        _    [271:258] reserved;
        NV   [279:272] value "notification vector" "通知向量";
        _    [287:280] reserved;
        NDST [319:288] value "notification destination" "通知目标";
        _    [383:320] reserved;
        _    [447:384] reserved;
        _    [511:448] reserved;
    }
}

/// Where an APIC id of 8 bits is in DST, without EIME (VT-d 9.9).
pub const NARROW_DESTINATION: Field = Field::value("DST", 15, 8, "destination APIC id", "目标 APIC ID");

/// Address and data of an interrupt message.
pub type MessageWords = [u64; 2];

spec::structure! {
    /// An interrupt message in remappable format, its data in the second word (VT-d 5.1.2.2).
    pub REMAPPABLE / remappable: 2 words, "VT-d 5.1.2.2", "interrupt message, remappable format" "中断消息，可重映射格式" {
        _           [1:0]    ignored;
        HANDLE_HIGH [2]      value "handle, bit 15" "句柄，位 15";
        SHV         [3]      flag "subhandle valid: it is added to the handle" "子句柄有效：与句柄相加";
        FORMAT      [4]      flag "1: remappable format" "1 为可重映射格式";
        HANDLE      [19:5]   value "handle, bits 14:0" "句柄，位 14:0";
        RANGE       [31:20]  value "FEEh" "FEEh";
        _           [63:32]  reserved;
        SUBHANDLE   [79:64]  value "subhandle" "子句柄";
        DATA_HIGH   [95:80]  value "must be 0 where SHV is 1" "SHV 为 1 时必须为 0";
        _           [127:96] ignored;
    }
    /// An interrupt message in compatibility format, its data in the second word (VT-d 5.1.2.1).
    pub COMPATIBLE / compatible: 2 words, "VT-d 5.1.2.1", "interrupt message, compatibility format" "中断消息，兼容格式" {
        _           [1:0]    ignored;
        DM          [2]      flag "destination mode: 0 physical, 1 logical" "目标模式：0 物理，1 逻辑";
        RH          [3]      flag "redirection hint" "重定向提示";
        FORMAT      [4]      flag "0: compatibility format" "0 为兼容格式";
        _           [11:5]   ignored;
        DESTINATION [19:12]  value "destination APIC id" "目标 APIC ID";
        RANGE       [31:20]  value "FEEh" "FEEh";
        _           [63:32]  reserved;
        VECTOR      [71:64]  value "vector" "向量";
        _           [127:72] ignored;
    }
}
