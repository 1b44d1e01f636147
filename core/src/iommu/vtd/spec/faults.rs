//! Fault reasons: every code of the specification with its condition's name (VT-d 7.1.3 and 5.1.4.1).
//!
//! The code is what hardware writes into the FR field of a fault recording register. Several conditions may
//! share a code (LCT.4.0 to LCT.4.3 are all 3h); the name here is then the common stem. Codes 33h, 88h and 89h
//! (RTA.4, SGN.9, SGN.10) exist but need capabilities that no unit here has, and are left out.

use crate::spec::{self, FaultCode};

spec::fault_codes! {
    section "VT-d 7.1.3" {
        LRT_2 = 0x01 "LRT.2" always "the root entry is not present (P = 0)" "根表项不存在（P = 0）";
        LCT_2 = 0x02 "LCT.2" "the context entry is not present (P = 0)" "上下文表项不存在（P = 0）";
        LCT_4 = 0x03 "LCT.4"
            "the context entry is programmed wrongly: its AW or TT is not supported, or its page-table pointer leads nowhere"
            "上下文表项配置无效（AW 或 TT 不受支持，或页表指针无法访问）";
        LGN_1 = 0x04 "LGN.1"
            "the input address is above the width that MGAW and AW allow" "输入地址超出 MGAW 与 AW 允许的位宽";
        LGN_2 = 0x05 "LGN.2"
            "a write, and a paging entry has no write permission (W = 0)" "页表项不允许写（W = 0）";
        LGN_3 = 0x06 "LGN.3"
            "a read, and a paging entry has no read permission (R = 0)" "页表项不允许读（R = 0）";
        LSS_1 = 0x07 "LSS.1" "a second-stage paging entry could not be read from memory" "无法从内存读取第二阶段页表项";
        LRT_1 = 0x08 "LRT.1" always "the root entry could not be read from memory" "无法从内存读取根表项";
        LCT_1 = 0x09 "LCT.1" always "the context entry could not be read from memory" "无法从内存读取上下文表项";
        LRT_3 = 0x0a "LRT.3" always "a reserved field of the root entry is not 0" "根表项的保留字段不为 0";
        LCT_3 = 0x0b "LCT.3" "a reserved field of the context entry is not 0" "上下文表项的保留字段不为 0";
        LSS_2 = 0x0c "LSS.2"
            "a reserved field of a second-stage paging entry is not 0" "第二阶段页表项的保留字段不为 0";
        LCT_5 = 0x0d "LCT.5"
            "the context entry's TT does not let this device send translation or translated requests"
            "上下文表项的 TT 不允许该设备发出转换请求或已转换请求";
        LGN_4 = 0x0e "LGN.4"
            "the output address is in the interrupt address range 0xfee00000 to 0xfeefffff"
            "输出地址落入中断地址范围 0xfee00000 到 0xfeefffff";
    }
    section "VT-d 5.1.4.1" {
        IR_20 = 0x20 "20h" always "a reserved field of the interrupt request is not 0" "中断请求的保留字段不为 0";
        IR_21 = 0x21 "21h" always
            "the interrupt index is beyond the interrupt remapping table" "中断索引超出中断重映射表";
        IR_22 = 0x22 "22h"
            "the interrupt remapping table entry is not present (P = 0)" "中断重映射表项不存在（P = 0）";
        IR_23 = 0x23 "23h" always
            "the interrupt remapping table entry could not be read from memory" "无法从内存读取中断重映射表项";
        IR_24 = 0x24 "24h"
            "a reserved field of the interrupt remapping table entry is not 0" "中断重映射表项的保留字段不为 0";
        IR_25 = 0x25 "25h" always
            "an interrupt in compatibility format, which is not allowed now (CFIS = 0, or EIME = 1)"
            "当前不允许兼容格式的中断请求（CFIS = 0 或 EIME = 1）";
        IR_26 = 0x26 "26h"
            "the requester is not the source that the entry allows (SVT, SQ, SID)"
            "请求者不是表项允许的来源（SVT、SQ、SID 检查失败）";
        IR_27 = 0x27 "27h" "the posted-interrupt descriptor could not be read or written" "无法读写 posted 中断描述符";
        IR_28 = 0x28 "28h"
            "a reserved field of the posted-interrupt descriptor is not 0" "posted 中断描述符的保留字段不为 0";
        IR_29 = 0x29 "29h" always
            "a request to the interrupt address range that is not an interrupt (not a write of four bytes)"
            "对中断地址范围的请求不是中断（不是四字节写）";
    }
    section "VT-d 7.1.3" {
        RTA_1 = 0x30 "RTA.1" always
            "the root table address register is programmed wrongly (TTM)" "根表地址寄存器配置无效（TTM）";
        RTA_2 = 0x31 "RTA.2" always
            "a request with PASID while TTM selects legacy mode" "TTM 选的是传统模式，不接受带 PASID 的请求";
        RTA_3 = 0x32 "RTA.3" always "a page request while TTM selects legacy mode" "TTM 选的是传统模式，不接受页请求";
        SRT_1 = 0x38 "SRT.1" always
            "the scalable-mode root entry could not be read from memory" "无法从内存读取可扩展模式根表项";
        SRT_2 = 0x39 "SRT.2" always
            "the half of the scalable-mode root entry in use is not present (LP or UP = 0)"
            "可扩展模式根表项中，该设备用到的那一半不存在（LP 或 UP = 0）";
        SRT_3 = 0x3a "SRT.3" always
            "a reserved field of the scalable-mode root entry is not 0" "可扩展模式根表项的保留字段不为 0";
        SCT_1 = 0x40 "SCT.1" always
            "the scalable-mode context entry could not be read from memory" "无法从内存读取可扩展模式上下文表项";
        SCT_2 = 0x41 "SCT.2"
            "the scalable-mode context entry is not present (P = 0)" "可扩展模式上下文表项不存在（P = 0）";
        SCT_3 = 0x42 "SCT.3" always
            "a reserved field of the scalable-mode context entry is not 0" "可扩展模式上下文表项的保留字段不为 0";
        SCT_4 = 0x43 "SCT.4" "the scalable-mode context entry is programmed wrongly" "可扩展模式上下文表项配置无效";
        SCT_5 = 0x44 "SCT.5" "a translation or translated request, and DTE is 0" "不接受转换请求和已转换请求（DTE = 0）";
        SCT_6 = 0x45 "SCT.6" "a request with PASID, and PASIDE is 0" "不接受带 PASID 的请求（PASIDE = 0）";
        SCT_7 = 0x46 "SCT.7" "the PASID is beyond the PASID directory (PDTS)" "PASID 超出 PASID 目录大小（PDTS）";
        SCT_8 = 0x47 "SCT.8" "a page request, and PRE is 0" "不接受页请求（PRE = 0）";
        SCT_9 = 0x48 "SCT.9" "RID_PASID is beyond the PASID directory (PDTS)" "RID_PASID 超出 PASID 目录大小（PDTS）";
        SPD_1 = 0x50 "SPD.1" always
            "the PASID-directory entry could not be read from memory" "无法从内存读取 PASID 目录项";
        SPD_2 = 0x51 "SPD.2" "the PASID-directory entry is not present (P = 0)" "PASID 目录项不存在（P = 0）";
        SPD_3 = 0x52 "SPD.3" "a reserved field of the PASID-directory entry is not 0" "PASID 目录项的保留字段不为 0";
        SPT_1 = 0x58 "SPT.1" always "the PASID-table entry could not be read from memory" "无法从内存读取 PASID 表项";
        SPT_2 = 0x59 "SPT.2" "the PASID-table entry is not present (P = 0)" "PASID 表项不存在（P = 0）";
        SPT_3 = 0x5a "SPT.3" "a reserved field of the PASID-table entry is not 0" "PASID 表项的保留字段不为 0";
        SPT_4 = 0x5b "SPT.4"
            "the PASID-table entry is programmed wrongly: its PGTT, AW or FSPM is not supported"
            "PASID 表项配置无效（PGTT、AW 或 FSPM 不受支持）";
        SPT_5 = 0x5c "SPT.5" "a request for execution, and ERE is 0" "不接受执行请求（ERE = 0）";
        SPT_6 = 0x5d "SPT.6" "a request with supervisor privilege, and SRE is 0" "不接受特权请求（SRE = 0）";
        SFS_1 = 0x70 "SFS.1" "a first-stage paging entry could not be read from memory" "无法从内存读取第一阶段页表项";
        SFS_2 = 0x71 "SFS.2" "a first-stage paging entry is not present (P = 0)" "第一阶段页表项不存在（P = 0）";
        SFS_3 = 0x72 "SFS.3" "a reserved field of a first-stage paging entry is not 0" "第一阶段页表项的保留字段不为 0";
        SFS_4 = 0x73 "SFS.4"
            "the first table of the first stage could not be read through FSPTPTR"
            "无法通过 FSPTPTR 读取第一阶段顶级页表";
        SFS_5 = 0x74 "SFS.5"
            "nested: the guest-physical address of a first-stage entry is above the second stage's width"
            "嵌套转换：第一阶段页表项的客户机物理地址超出第二阶段位宽";
        SFS_6 = 0x75 "SFS.6"
            "nested: the second stage does not let the first table of the first stage be read"
            "嵌套转换中，第二阶段不允许读取第一阶段顶级页表";
        SFS_7 = 0x76 "SFS.7"
            "nested: the second stage does not let a first-stage paging entry be read"
            "嵌套转换中，第二阶段不允许读取第一阶段页表项";
        SFS_8 = 0x77 "SFS.8"
            "nested: the second stage does not let accessed or dirty be set in a first-stage entry"
            "嵌套转换中，第二阶段不允许更新第一阶段页表项的访问位或脏位";
        SSS_1 = 0x78 "SSS.1" "a second-stage paging entry could not be read from memory" "无法从内存读取第二阶段页表项";
        SSS_2 = 0x79 "SSS.2"
            "a second-stage paging entry is not present (R = W = 0)" "第二阶段页表项不存在（R = W = 0）";
        SSS_3 = 0x7a "SSS.3"
            "a reserved field of a second-stage paging entry is not 0" "第二阶段页表项的保留字段不为 0";
        SSS_4 = 0x7b "SSS.4"
            "the first table of the second stage could not be read through SSPTPTR"
            "无法通过 SSPTPTR 读取第二阶段顶级页表";
        SSS_5 = 0x7c "SSS.5"
            "accessed or dirty of a second-stage entry would have to be set while walks are not snooped"
            "页表遍历不监听缓存时需要更新第二阶段页表项的访问位或脏位";
        SSS_6 = 0x7d "SSS.6"
            "setting accessed or dirty of a second-stage entry failed" "更新第二阶段页表项的访问位或脏位失败";
        SGN_1 = 0x80 "SGN.1" "the input address of the first stage is not canonical" "第一阶段的输入地址不是规范形式（canonical）";
        SGN_2 = 0x81 "SGN.2"
            "a user request, and a first-stage entry is for supervisors only (U/S = 0)"
            "第一阶段页表项不允许用户态请求（U/S = 0）";
        SGN_3 = 0x82 "SGN.3" "a request for execution without execute permission" "没有执行权限";
        SGN_4 = 0x83 "SGN.4"
            "the input address is above the width that MGAW and AW allow" "输入地址超出 MGAW 与 AW 允许的位宽";
        SGN_5 = 0x84 "SGN.5"
            "nested: the first stage's output is above the second stage's width"
            "嵌套转换：第一阶段的输出地址超出第二阶段位宽";
        SGN_6 = 0x85 "SGN.6" "a write without write permission" "没有写权限";
        SGN_7 = 0x86 "SGN.7" "a read without read permission" "没有读权限";
        SGN_8 = 0x87 "SGN.8"
            "the output address is in the interrupt address range 0xfee00000 to 0xfeefffff"
            "输出地址落入中断地址范围 0xfee00000 到 0xfeefffff";
        SFS_9 = 0x90 "SFS.9"
            "accessed or dirty of a first-stage entry would have to be set while walks are not snooped"
            "页表遍历不监听缓存时需要更新第一阶段页表项的访问位或脏位";
        SFS_10 = 0x91 "SFS.10"
            "setting accessed or dirty of a first-stage entry failed" "更新第一阶段页表项的访问位或脏位失败";
    }
}

/// Returns the fault reason with this code.
pub fn by_code(code: u16) -> Option<&'static FaultCode> {
    ALL.iter().copied().find(|fault| fault.code == code)
}

/// Returns whether the fault is *qualified*: not recorded where the FPD field of the context entry, PASID-directory
/// entry, PASID-table entry or IRTE that was used is 1. The others are recorded always.
pub const fn is_qualified(code: u16) -> bool {
    matches!(is_always_recorded(code), Some(false))
}

/// Returns whether it is an interrupt fault: the address field of its record holds the interrupt index.
pub const fn is_interrupt(code: u16) -> bool {
    code >= 0x20 && code < 0x30
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_found() {
        for (i, fault) in ALL.iter().enumerate() {
            assert!(
                ALL[i + 1..].iter().all(|f| f.code != fault.code && f.name != fault.name),
                "{}",
                fault.name
            );
            assert_eq!(by_code(fault.code), Some(*fault));
        }
        assert_eq!(by_code(0), None);
        assert!(is_qualified(5) && is_qualified(0x22) && !is_qualified(8) && !is_qualified(0x58));
    }
}
