//! Descriptors of the invalidation queue (VT-d 6.5.2) and of the page request queue (VT-d 7.4, 7.6).

use crate::spec::{EntryType, Field, Text};

static TYPES: &[(u64, Text)] = &[
    (1, Text::new("context-cache invalidate", "上下文缓存失效")),
    (2, Text::new("IOTLB invalidate", "IOTLB 失效")),
    (3, Text::new("device-TLB invalidate", "设备 TLB 失效")),
    (4, Text::new("interrupt entry cache invalidate", "中断表项缓存失效")),
    (5, Text::new("invalidation wait", "失效等待")),
    (6, Text::new("PASID-based IOTLB invalidate", "基于 PASID 的 IOTLB 失效")),
    (7, Text::new("PASID-cache invalidate", "PASID 缓存失效")),
    (8, Text::new("PASID-based device-TLB invalidate", "基于 PASID 的设备 TLB 失效")),
    (9, Text::new("page group response", "页请求组响应")),
];
static GRANULARITY: &[(u64, Text)] = &[
    (1, Text::new("global", "全局")),
    (2, Text::new("domain-selective", "按域")),
    (3, Text::new("device- or page-selective", "按设备或按页")),
];
static PASID_GRANULARITY: &[(u64, Text)] = &[
    (2, Text::new("all of the PASID", "该 PASID 的全部")),
    (3, Text::new("pages of the PASID", "该 PASID 的若干页")),
];
static PC_GRANULARITY: &[(u64, Text)] = &[
    (0, Text::new("all PASIDs of the domain", "该域的全部 PASID")),
    (1, Text::new("one PASID of the domain", "该域的一个 PASID")),
    (3, Text::new("global", "全局")),
];
static RESPONSES: &[(u64, Text)] = &[
    (0, Text::new("success", "成功")),
    (1, Text::new("invalid request", "无效请求")),
    (15, Text::new("response failure", "响应失败")),
];

const TYPE: Field = Field::code("Type", 3, 0, TYPES, "type, bits 3:0", "类型，位 3:0");
const TYPE_HIGH: Field = Field::value("TypeH", 11, 9, "type, bits 6:4", "类型，位 6:4");
const DID: Field = Field::value("DID", 31, 16, "domain id", "域 ID");
const fn flag(name: &'static str, bit: u16, en: &'static str, zh: &'static str) -> Field {
    Field::flag(name, bit, en, zh)
}
const fn rsvd(hi: u16, lo: u16) -> Field {
    Field::reserved(hi, lo)
}
const fn val(name: &'static str, hi: u16, lo: u16, en: &'static str, zh: &'static str) -> Field {
    Field::value(name, hi, lo, en, zh)
}
const fn addr(lo: u16) -> Field {
    Field::address("ADDR", 127, lo, (lo - 64) as u8, "address", "地址")
}

macro_rules! descriptor {
    ($(#[$doc:meta])* $name:ident, $words:literal, $section:literal, $en:literal, $zh:literal, [$($f:expr),+ $(,)?]) => {
        $(#[$doc])*
        pub static $name: EntryType =
            EntryType { name: Text::new($en, $zh), words: $words, section: $section, fields: &[$($f),+] };
    };
}

descriptor!(
    /// Context-cache invalidate descriptor.
    CONTEXT_CACHE, 2, "VT-d 6.5.2.1", "context-cache invalidate descriptor", "上下文缓存失效描述符", [
        TYPE, Field::code("G", 5, 4, GRANULARITY, "granularity", "粒度"), rsvd(8, 6), TYPE_HIGH, rsvd(15, 12), DID,
        val("SID", 47, 32, "source id", "源 ID"), val("FM", 49, 48, "function mask", "功能号掩码"), rsvd(63, 50), rsvd(127, 64),
    ]
);
descriptor!(
    /// PASID-cache invalidate descriptor.
    PASID_CACHE, 4, "VT-d 6.5.2.2", "PASID-cache invalidate descriptor", "PASID 缓存失效描述符", [
        TYPE, Field::code("G", 5, 4, PC_GRANULARITY, "granularity", "粒度"), rsvd(8, 6), TYPE_HIGH, rsvd(15, 12), DID,
        val("PASID", 51, 32, "PASID", "PASID"), rsvd(63, 52), rsvd(127, 64), rsvd(191, 128), rsvd(255, 192),
    ]
);
descriptor!(
    /// IOTLB invalidate descriptor.
    IOTLB, 2, "VT-d 6.5.2.3", "IOTLB invalidate descriptor", "IOTLB 失效描述符", [
        TYPE, Field::code("G", 5, 4, GRANULARITY, "granularity", "粒度"), flag("DW", 6, "drain writes", "排空写"),
        flag("DR", 7, "drain reads", "排空读"), rsvd(8, 8), TYPE_HIGH, rsvd(15, 12), DID, rsvd(63, 32),
        val("AM", 69, 64, "address mask: 2^AM pages", "地址掩码：2^AM 页"), flag("IH", 70, "invalidation hint: leaves only", "失效提示：仅叶子项"),
        rsvd(75, 71), addr(76),
    ]
);
descriptor!(
    /// PASID-based IOTLB invalidate descriptor.
    PASID_IOTLB, 4, "VT-d 6.5.2.4", "PASID-based IOTLB invalidate descriptor", "基于 PASID 的 IOTLB 失效描述符", [
        TYPE, Field::code("G", 5, 4, PASID_GRANULARITY, "granularity", "粒度"), rsvd(8, 6), TYPE_HIGH, rsvd(15, 12), DID,
        val("PASID", 51, 32, "PASID", "PASID"), rsvd(63, 52), val("AM", 69, 64, "address mask: 2^AM pages", "地址掩码：2^AM 页"),
        flag("IH", 70, "invalidation hint: leaves only", "失效提示：仅叶子项"), rsvd(75, 71), addr(76), rsvd(191, 128), rsvd(255, 192),
    ]
);
descriptor!(
    /// Device-TLB invalidate descriptor.
    DEVICE_TLB, 2, "VT-d 6.5.2.5", "device-TLB invalidate descriptor", "设备 TLB 失效描述符", [
        TYPE, rsvd(8, 4), TYPE_HIGH, val("PFSID", 15, 12, "physical function's source id, bits 3:0", "物理功能源 ID 位 3:0"),
        val("MIP", 20, 16, "most invalidations pending", "最大未完成失效数"), rsvd(31, 21), val("SID", 47, 32, "source id", "源 ID"),
        rsvd(51, 48), val("PFSIDH", 63, 52, "physical function's source id, bits 15:4", "物理功能源 ID 位 15:4"),
        flag("S", 64, "size: more than one page, in the address's low ones", "大小：多页，由地址低位的 1 编码"), rsvd(75, 65), addr(76),
    ]
);
descriptor!(
    /// PASID-based device-TLB invalidate descriptor.
    PASID_DEVICE_TLB, 4, "VT-d 6.5.2.6", "PASID-based device-TLB invalidate descriptor", "基于 PASID 的设备 TLB 失效描述符", [
        TYPE, val("MIP", 8, 4, "most invalidations pending", "最大未完成失效数"), TYPE_HIGH,
        val("PFSID", 15, 12, "physical function's source id, bits 3:0", "物理功能源 ID 位 3:0"), val("SID", 31, 16, "source id", "源 ID"),
        val("PASID", 51, 32, "PASID", "PASID"), val("PFSIDH", 63, 52, "physical function's source id, bits 15:4", "物理功能源 ID 位 15:4"),
        flag("G", 64, "global: every PASID", "全局：所有 PASID"), rsvd(74, 65), flag("S", 75, "size: more than one page, in the address's low ones", "大小：多页，由地址低位的 1 编码"),
        addr(76), rsvd(191, 128), rsvd(255, 192),
    ]
);
descriptor!(
    /// Interrupt entry cache invalidate descriptor.
    INTERRUPT_CACHE, 2, "VT-d 6.5.2.7", "interrupt entry cache invalidate descriptor", "中断表项缓存失效描述符", [
        TYPE, flag("G", 4, "1: the entries from IIDX on; 0: all", "1：从 IIDX 起的若干项；0：全部"), rsvd(8, 5), TYPE_HIGH, rsvd(26, 12),
        val("IM", 31, 27, "index mask: 2^IM entries", "索引掩码：2^IM 项"), val("IIDX", 47, 32, "interrupt index", "中断索引"), rsvd(63, 48), rsvd(127, 64),
    ]
);
descriptor!(
    /// Invalidation wait descriptor.
    WAIT, 2, "VT-d 6.5.2.8", "invalidation wait descriptor", "失效等待描述符", [
        TYPE, flag("IF", 4, "interrupt flag", "中断标志"), flag("SW", 5, "status write", "写状态"), flag("FN", 6, "fence", "栅栏"),
        flag("PD", 7, "page-request drain", "排空页请求"), rsvd(8, 8), TYPE_HIGH, rsvd(31, 12),
        val("STDATA", 63, 32, "status data", "状态数据"), rsvd(65, 64), Field::address("STADDR", 127, 66, 2, "status address", "状态地址"),
    ]
);
descriptor!(
    /// Page group response descriptor.
    PAGE_RESPONSE, 4, "VT-d 7.6", "page group response descriptor", "页请求组响应描述符", [
        TYPE, flag("PP", 4, "PASID present", "带 PASID"), rsvd(8, 5), TYPE_HIGH, Field::code("RC", 15, 12, RESPONSES, "response code", "响应码"),
        val("RID", 31, 16, "requester id", "请求者 ID"), val("PASID", 51, 32, "PASID", "PASID"), rsvd(63, 52), rsvd(65, 64),
        flag("LPIG", 66, "last page in group", "组内最后一页"), val("PRGI", 75, 67, "page request group index", "页请求组索引"), rsvd(127, 76),
        rsvd(191, 128), rsvd(255, 192),
    ]
);
descriptor!(
    /// A descriptor whose type is not known.
    UNKNOWN, 2, "VT-d 6.5.2", "invalidation descriptor of unknown type", "未知类型的失效描述符", [
        TYPE, Field::ignored(8, 4), TYPE_HIGH, Field::ignored(63, 12), Field::ignored(127, 64),
    ]
);
descriptor!(
    /// Page request descriptor.
    PAGE_REQUEST, 4, "VT-d 7.4.1", "page request descriptor", "页请求描述符", [
        val("Type", 7, 0, "type: 1", "类型：1"), flag("PP", 8, "PASID present", "带 PASID"), rsvd(15, 9), val("RID", 31, 16, "requester id", "请求者 ID"),
        val("PASID", 51, 32, "PASID", "PASID"), flag("EXE", 52, "execute requested", "请求执行"), flag("PRIV", 53, "privilege mode requested", "请求特权"), rsvd(63, 54),
        flag("RD", 64, "read requested", "请求读"), flag("WR", 65, "write requested", "请求写"), flag("LPIG", 66, "last page in group", "组内最后一页"),
        val("PRGI", 75, 67, "page request group index", "页请求组索引"), addr(76), rsvd(191, 128), rsvd(255, 192),
    ]
);

/// The type that a descriptor's first word says: bits 6:4 of it are at 11:9.
pub const fn kind(low: u64) -> u64 {
    low & 0xf | low >> 5 & 0x70
}

/// The descriptor of a type, if there is one, and whether it has 256 bits.
pub fn of_type(kind: u64) -> Option<(&'static EntryType, bool)> {
    Some(match kind {
        1 => (&CONTEXT_CACHE, false),
        2 => (&IOTLB, false),
        3 => (&DEVICE_TLB, false),
        4 => (&INTERRUPT_CACHE, false),
        5 => (&WAIT, false),
        6 => (&PASID_IOTLB, true),
        7 => (&PASID_CACHE, true),
        8 => (&PASID_DEVICE_TLB, true),
        9 => (&PAGE_RESPONSE, true),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_cover_each_bit_once() {
        for kind in 1..10 {
            let (entry, wide) = of_type(kind).unwrap();
            assert!(entry.covers_every_bit_once(), "{}", entry.name.en);
            assert_eq!(entry.words == 4, wide, "{}", entry.name.en);
        }
        assert!(UNKNOWN.covers_every_bit_once() && PAGE_REQUEST.covers_every_bit_once());
    }
}
