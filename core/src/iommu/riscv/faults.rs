//! Fault causes: every number of the specification with its name (RISC-V IOMMU, fault queue, CAUSE encodings).

use crate::spec::{FaultCode, Text};

macro_rules! causes {
    ($($id:ident = $code:literal $name:literal $en:literal $zh:literal;)*) => {
        $(
            #[doc = concat!($name, ": ", $en, ".")]
            pub static $id: FaultCode = FaultCode {
                code: $code,
                name: $name,
                text: Text::new($en, $zh),
                section: "RISC-V IOMMU, fault queue",
            };
        )*
        /// Every cause, in the order of numbers.
        pub static ALL: &[&FaultCode] = &[$(&$id),*];
    };
}

causes! {
    INSTRUCTION_ACCESS_FAULT = 1 "Instruction access fault"
        "memory that the fetch or its page tables need did not allow the access" "取指的目标内存或所查页表所在的内存不可访问";
    READ_MISALIGNED = 4 "Read address misaligned" "the address of a read is not aligned" "读地址未对齐";
    READ_ACCESS_FAULT = 5 "Read access fault"
        "memory that the read or its page tables need did not allow the access" "读的目标内存或所查页表所在的内存不可访问";
    WRITE_MISALIGNED = 6 "Write/AMO address misaligned" "the address of a write or AMO is not aligned" "写/AMO 地址未对齐";
    WRITE_ACCESS_FAULT = 7 "Write/AMO access fault"
        "memory that the write or its page tables need did not allow the access" "写的目标内存或所查页表所在的内存不可访问";
    INSTRUCTION_PAGE_FAULT = 12 "Instruction page fault"
        "the first stage does not map the address for execution" "第一阶段没有以可执行权限映射该地址";
    READ_PAGE_FAULT = 13 "Read page fault" "the first stage does not map the address for reading" "第一阶段没有把该地址映射为可读";
    WRITE_PAGE_FAULT = 15 "Write/AMO page fault"
        "the first stage does not map the address for writing" "第一阶段没有把该地址映射为可写";
    INSTRUCTION_GUEST_PAGE_FAULT = 20 "Instruction guest page fault"
        "a fetch, and the second stage does not map a guest-physical address it needs"
        "取指时，第二阶段没有映射所需的客户机物理地址";
    READ_GUEST_PAGE_FAULT = 21 "Read guest-page fault"
        "a read, and the second stage does not map a guest-physical address it needs"
        "读操作时，第二阶段没有映射所需的客户机物理地址";
    WRITE_GUEST_PAGE_FAULT = 23 "Write/AMO guest-page fault"
        "a write, and the second stage does not map a guest-physical address it needs"
        "写操作时，第二阶段没有映射所需的客户机物理地址";
    ALL_DISALLOWED = 256 "All inbound transactions disallowed" "ddtp.iommu_mode is Off" "ddtp.iommu_mode 为 Off";
    DDT_ACCESS_FAULT = 257 "DDT entry load access fault"
        "an entry of the device directory could not be read" "无法读取设备目录项";
    DDT_NOT_VALID = 258 "DDT entry not valid"
        "an entry of the device directory has V = 0" "设备目录项的 V = 0";
    DDT_MISCONFIGURED = 259 "DDT entry misconfigured"
        "an entry of the device directory has reserved bits set or a setting that is not allowed"
        "设备目录项的保留位不为 0 或配置不合法";
    DISALLOWED = 260 "Transaction type disallowed"
        "the device context does not allow this kind of request" "设备上下文不允许这种请求";
    MSI_ACCESS_FAULT = 261 "MSI PTE load access fault" "an MSI page-table entry could not be read" "无法读取 MSI 页表项";
    MSI_NOT_VALID = 262 "MSI PTE not valid" "an MSI page-table entry has V = 0" "MSI 页表项的 V = 0";
    MSI_MISCONFIGURED = 263 "MSI PTE misconfigured"
        "an MSI page-table entry has reserved bits set or a mode that is not supported"
        "MSI 页表项的保留位不为 0 或模式不受支持";
    MRIF_ACCESS_FAULT = 264 "MRIF access fault"
        "a memory-resident interrupt file could not be accessed" "无法访问驻留内存的中断文件（MRIF）";
    PDT_ACCESS_FAULT = 265 "PDT entry load access fault"
        "an entry of the process directory could not be read" "无法读取进程目录项";
    PDT_NOT_VALID = 266 "PDT entry not valid" "an entry of the process directory has V = 0" "进程目录项的 V = 0";
    PDT_MISCONFIGURED = 267 "PDT entry misconfigured"
        "an entry of the process directory has reserved bits set or a mode that is not supported"
        "进程目录项的保留位不为 0 或模式不受支持";
    DDT_CORRUPTION = 268 "DDT data corruption"
        "an entry of the device directory was read as corrupted data" "读到的设备目录项数据已损坏";
    PDT_CORRUPTION = 269 "PDT data corruption"
        "an entry of the process directory was read as corrupted data" "读到的进程目录项数据已损坏";
    MSI_CORRUPTION = 270 "MSI PT data corruption"
        "an MSI page-table entry was read as corrupted data" "读到的 MSI 页表项数据已损坏";
    MRIF_CORRUPTION = 271 "MSI MRIF data corruption"
        "a memory-resident interrupt file was read as corrupted data" "读到的 MRIF 数据已损坏";
    INTERNAL_ERROR = 272 "Internal data path error" "an error inside the IOMMU" "IOMMU 内部错误";
    MSI_WRITE_FAULT = 273 "IOMMU MSI write access fault"
        "the IOMMU could not write its own interrupt message" "IOMMU 无法写出自身的中断消息";
    PT_CORRUPTION = 274 "First/second-stage PT data corruption"
        "a page-table entry was read as corrupted data" "读到的页表项数据已损坏";
}

/// Returns the cause with this number.
pub fn by_code(code: u16) -> Option<&'static FaultCode> {
    ALL.iter().copied().find(|fault| fault.code == code)
}

/// Returns whether the fault is recorded even where DTF (disable translation fault) is 1 (RISC-V IOMMU, fault queue)
pub const fn ignores_dtf(code: u16) -> bool {
    matches!(code, 256 | 257 | 258 | 259 | 268 | 272 | 273)
}

/// How a faulting ATS translation request is answered (RISC-V IOMMU, PCIe ATS translation request handling).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AtsAnswer {
    /// Completer Abort, with a record.
    CompleterAbort,
    /// Unsupported Request, with a record.
    UnsupportedRequest,
    /// Success with R = W = 0, without a record.
    NothingGranted,
}

/// Returns how an ATS translation request that meets this cause is answered.
pub const fn ats_answer(code: u16) -> AtsAnswer {
    match code {
        12 | 13 | 15 | 20 | 21 | 23 | 262 | 266 => AtsAnswer::NothingGranted,
        256..=260 => AtsAnswer::UnsupportedRequest,
        _ => AtsAnswer::CompleterAbort,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_in_order_and_found() {
        assert!(ALL.windows(2).all(|w| w[0].code < w[1].code));
        assert!(ALL.iter().all(|f| by_code(f.code) == Some(*f)));
        assert_eq!(by_code(2), None);
        assert_eq!(ats_answer(13), AtsAnswer::NothingGranted);
        assert_eq!(ats_answer(259), AtsAnswer::UnsupportedRequest);
        assert_eq!(ats_answer(267), AtsAnswer::CompleterAbort);
    }
}
