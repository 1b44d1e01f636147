//! Commands, field by field (RISC-V IOMMU, "Command-Queue").

use crate::spec::{self, EntryType};

spec::values! {
    /// The opcodes of commands.
    pub OPCODES / opcode {
        IOTINVAL = 1 "IOTINVAL" "IOTINVAL";
        IOFENCE = 2 "IOFENCE" "IOFENCE";
        IODIR = 3 "IODIR" "IODIR";
        ATS = 4 "ATS" "ATS";
    }
}

spec::structure! {
    /// IOTINVAL.VMA (RISC-V IOMMU, IOTINVAL).
    pub IOTINVAL_VMA / iotinval: 2 words, "RISC-V IOMMU, IOTINVAL", "IOTINVAL.VMA" "IOTINVAL.VMA" {
        OPCODE "opcode" [6:0]     value "1" "1";
        FUNC3 "func3"   [9:7]     value "0" "0";
        AV              [10]      flag "only ADDR" "只针对 ADDR";
        _               [11]      reserved;
        PSCID           [31:12]   value "process soft-context id" "进程软上下文 ID";
        PSCV            [32]      flag "only PSCID" "只针对 PSCID";
        GV              [33]      flag "only GSCID" "只针对 GSCID";
        NL              [34]      flag "non-leaf entries too (with capabilities.NL)" "包括非叶子项（需 capabilities.NL）";
        _               [43:35]   reserved;
        GSCID           [59:44]   value "guest soft-context id" "客户机软上下文 ID";
        _               [72:60]   reserved;
        S               [73]      flag "ADDR is a range (with capabilities.S)" "ADDR 为区间（需 capabilities.S）";
        ADDR            [125:74]  address(12) "the page" "页地址";
        _               [127:126] reserved;
    }

    /// IOTINVAL.GVMA (RISC-V IOMMU, IOTINVAL): the fields of IOTINVAL.VMA but for PSCID and PSCV.
    pub IOTINVAL_GVMA / iotinval_gvma: 2 words, "RISC-V IOMMU, IOTINVAL", "IOTINVAL.GVMA" "IOTINVAL.GVMA" {
        OPCODE "opcode" [6:0]     value "1" "1";
        FUNC3 "func3"   [9:7]     value "1" "1";
        AV              [10]      flag "only ADDR" "只针对 ADDR";
        _               [11]      reserved;
        _               [31:12]   reserved;
        _               [32]      reserved;
        GV              [33]      flag "only GSCID" "只针对 GSCID";
        NL              [34]      flag "non-leaf entries too (with capabilities.NL)" "包括非叶子项（需 capabilities.NL）";
        _               [43:35]   reserved;
        GSCID           [59:44]   value "guest soft-context id" "客户机软上下文 ID";
        _               [72:60]   reserved;
        S               [73]      flag "ADDR is a range (with capabilities.S)" "ADDR 为区间（需 capabilities.S）";
        ADDR            [125:74]  address(12) "the page" "页地址";
        _               [127:126] reserved;
    }

    /// IOFENCE.C (RISC-V IOMMU, IOFENCE).
    pub IOFENCE / iofence: 2 words, "RISC-V IOMMU, IOFENCE", "IOFENCE.C" "IOFENCE.C" {
        OPCODE "opcode" [6:0]     value "2" "2";
        FUNC3 "func3"   [9:7]     value "0" "0";
        AV              [10]      flag "write DATA to ADDR when done" "完成后把 DATA 写到 ADDR";
        WSI             [11]      flag "interrupt by wire when done" "完成后以线中断通知";
        PR              [12]      flag "wait for earlier reads of devices" "等待设备先前的读";
        PW              [13]      flag "wait for earlier writes of devices" "等待设备先前的写";
        _               [31:14]   reserved;
        DATA            [63:32]   value "what is written" "写入的数据";
        ADDR            [125:64]  address(2) "where it is written" "写入的地址";
        _               [127:126] reserved;
    }

    /// A command whose opcode or function is not defined.
    pub UNKNOWN_COMMAND / unknown: 2 words, "RISC-V IOMMU, command queue", "command" "命令" {
        OPCODE "opcode"       [6:0]    value "not defined" "未定义";
        FUNC3 "func3"         [9:7]    value "function" "功能";
        OPERANDS "operands"   [63:10]  value "operands" "操作数";
        MORE "operands"     [127:64] value "operands" "操作数";
    }
}

macro_rules! iodir {
    ($(#[$doc:meta])* $id:ident / $module:ident $name:literal $func:literal) => {
        spec::structure! {
            $(#[$doc])*
            pub $id / $module: 2 words, "RISC-V IOMMU, IODIR", $name $name {
                OPCODE "opcode" [6:0]    value "3" "3";
                FUNC3 "func3"   [9:7]    value $func $func;
                _               [11:10]  reserved;
                PID             [31:12]  value "process_id" "process_id";
                _               [32]     reserved;
                DV              [33]     flag "only DID" "只针对 DID";
                _               [39:34]  reserved;
                DID             [63:40]  value "device_id" "device_id";
                _               [127:64] reserved;
            }
        }
    };
}
iodir! {
    /// IODIR.INVAL_DDT (RISC-V IOMMU, IODIR).
    IODIR_DDT / iodir "IODIR.INVAL_DDT" "0"
}
iodir! {
    /// IODIR.INVAL_PDT (RISC-V IOMMU, IODIR).
    IODIR_PDT / iodir_pdt "IODIR.INVAL_PDT" "1"
}

macro_rules! ats {
    ($(#[$doc:meta])* $id:ident / $module:ident $name:literal $func:literal) => {
        spec::structure! {
            $(#[$doc])*
            pub $id / $module: 2 words, "RISC-V IOMMU, ATS commands", $name $name {
                OPCODE "opcode" [6:0]    value "4" "4";
                FUNC3 "func3"   [9:7]    value $func $func;
                _               [11:10]  reserved;
                PID             [31:12]  value "process_id" "process_id";
                PV              [32]     flag "PID is valid" "PID 有效";
                DSV             [33]     flag "DSEG is valid" "DSEG 有效";
                _               [39:34]  reserved;
                RID             [55:40]  value "routing id" "路由 ID";
                DSEG            [63:56]  value "destination segment" "目标段号";
                PAYLOAD         [127:64] value "payload of the message" "消息载荷";
            }
        }
    };
}
ats! {
    /// ATS.INVAL (RISC-V IOMMU, ATS commands).
    ATS_INVAL / ats "ATS.INVAL" "0"
}
ats! {
    /// ATS.PRGR (RISC-V IOMMU, ATS commands).
    ATS_PRGR / ats_prgr "ATS.PRGR" "1"
}

/// Returns the structure that a command's first word says it is.
pub const fn command(low: u64) -> &'static EntryType {
    use opcode::*;
    match (unknown::OPCODE.get(&[low]), unknown::FUNC3.get(&[low])) {
        (IOTINVAL, 0) => &IOTINVAL_VMA,
        (IOTINVAL, 1) => &IOTINVAL_GVMA,
        (IOFENCE, 0) => &super::commands::IOFENCE,
        (IODIR, 0) => &IODIR_DDT,
        (IODIR, 1) => &IODIR_PDT,
        (ATS, 0) => &ATS_INVAL,
        (ATS, 1) => &ATS_PRGR,
        _ => &UNKNOWN_COMMAND,
    }
}
