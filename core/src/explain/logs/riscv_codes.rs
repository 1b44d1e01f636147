//! RISC-V causes by their number (RISC-V IOMMU specification 1.0.1, section 4.2, table of causes).

use crate::spec::{FaultCode, Text};

macro_rules! causes {
    ($($code:literal $name:literal $zh:literal;)*) => {
        pub(super) static CAUSES: &[FaultCode] = &[$(FaultCode {
            code: $code,
            name: $name,
            text: Text::new($name, $zh),
            section: "RISC-V IOMMU 4.2",
        }),*];
    };
}

causes! {
    1 "instruction access fault" "取指访问错误";
    4 "read address misaligned" "读地址未对齐";
    5 "read access fault" "读访问错误";
    6 "write/AMO address misaligned" "写/AMO 地址未对齐";
    7 "write/AMO access fault" "写/AMO 访问错误";
    12 "instruction page fault" "取指缺页";
    13 "read page fault" "读缺页";
    15 "write/AMO page fault" "写/AMO 缺页";
    20 "instruction guest page fault" "取指客户机缺页";
    21 "read guest page fault" "读客户机缺页";
    23 "write/AMO guest page fault" "写/AMO 客户机缺页";
    256 "all inbound transactions disallowed" "禁止所有入站事务";
    257 "DDT entry load access fault" "读取设备目录项时访问错误";
    258 "DDT entry not valid" "设备目录项无效";
    259 "DDT entry misconfigured" "设备目录项配置有误";
    260 "transaction type disallowed" "不允许的事务类型";
    261 "MSI PTE load access fault" "读取 MSI 页表项时访问错误";
    262 "MSI PTE not valid" "MSI 页表项无效";
    263 "MSI PTE misconfigured" "MSI 页表项配置有误";
    264 "MRIF access fault" "访问 MRIF 时出错";
    265 "PDT entry load access fault" "读取进程目录项时访问错误";
    266 "PDT entry not valid" "进程目录项无效";
    267 "PDT entry misconfigured" "进程目录项配置有误";
    268 "DDT data corruption" "设备目录数据损坏";
    269 "PDT data corruption" "进程目录数据损坏";
    270 "MSI PT data corruption" "MSI 页表数据损坏";
    271 "MSI MRIF data corruption" "MRIF 数据损坏";
    272 "internal data path error" "内部数据通路错误";
    273 "IOMMU MSI write access fault" "IOMMU 写 MSI 时访问错误";
    274 "first/second-stage PT data corruption" "第一或第二阶段页表数据损坏";
}
