//! The structures that find a device's and a process's tables: root, context and PASID entries, with Intel's
//! names and bit positions (VT-d 9.1 to 9.6).

use super::config::Config;
use crate::spec::{EntryType, Field, Text};

const fn flag(name: &'static str, bit: u16, en: &'static str, zh: &'static str) -> Field {
    Field::flag(name, bit, en, zh)
}
const P: Field = flag("P", 0, "present", "存在");
const FPD: Field = flag(
    "FPD",
    1,
    "fault processing disable: qualified faults are not recorded",
    "禁用错误处理：限定类错误不记录",
);

/// Root entry (VT-d 9.1).
pub static ROOT: EntryType = EntryType {
    name: Text::new("root entry", "根表项"),
    words: 2,
    section: "VT-d 9.1",
    fields: &[
        P,
        Field::reserved(11, 1),
        Field::address("CTP", 63, 12, 12, "context table", "上下文表地址"),
        Field::reserved(127, 64),
    ],
};

/// Scalable-mode root entry (VT-d 9.2).
pub static SM_ROOT: EntryType = EntryType {
    name: Text::new("scalable-mode root entry", "可扩展模式根表项"),
    words: 2,
    section: "VT-d 9.2",
    fields: &[
        flag("LP", 0, "lower half present: devices 0 to 15", "低半部存在：设备 0–15"),
        Field::reserved(11, 1),
        Field::address("LCTP", 63, 12, 12, "lower context table", "低半部上下文表地址"),
        flag("UP", 64, "upper half present: devices 16 to 31", "高半部存在：设备 16–31"),
        Field::reserved(75, 65),
        Field::address("UCTP", 127, 76, 12, "upper context table", "高半部上下文表地址"),
    ],
};

/// One half of a scalable-mode root entry: for the check of the half in use.
pub(super) static SM_ROOT_HALF: EntryType = EntryType {
    name: Text::new("half of a scalable-mode root entry", "可扩展模式根表项的一半"),
    words: 1,
    section: "VT-d 9.2",
    fields: &[P, Field::reserved(11, 1), Field::address("CTP", 63, 12, 12, "context table", "上下文表地址")],
};

/// The values of TT (VT-d 9.3).
pub static TT: &[(u64, Text)] = &[
    (0, Text::new("untranslated requests go through the second stage", "未转换请求经第二级转换")),
    (1, Text::new("as 00b, and the device may have a TLB of its own (ATS)", "同 00b，且允许设备 TLB（ATS）")),
    (2, Text::new("pass-through", "直通")),
];
/// The values of AW (VT-d 9.3, 9.6).
pub static AW: &[(u64, Text)] = &[
    (1, Text::new("39 bits, 3 levels", "39 位，3 级页表")),
    (2, Text::new("48 bits, 4 levels", "48 位，4 级页表")),
    (3, Text::new("57 bits, 5 levels", "57 位，5 级页表")),
];

/// Context entry (VT-d 9.3).
pub static CONTEXT: EntryType = EntryType {
    name: Text::new("context entry", "上下文表项"),
    words: 2,
    section: "VT-d 9.3",
    fields: &[
        P,
        FPD,
        Field::code("TT", 3, 2, TT, "translation type", "转换类型"),
        Field::reserved(11, 4),
        Field::address("SSPTPTR", 63, 12, 12, "first table of the second stage", "第二级顶级页表地址"),
        Field::code("AW", 66, 64, AW, "address width", "地址位宽"),
        Field::ignored(70, 67),
        Field::reserved(71, 71),
        Field::value("DID", 87, 72, "domain id", "域 ID"),
        Field::reserved(127, 88),
    ],
};

/// Scalable-mode context entry (VT-d 9.4).
pub static SM_CONTEXT: EntryType = EntryType {
    name: Text::new("scalable-mode context entry", "可扩展模式上下文表项"),
    words: 4,
    section: "VT-d 9.4",
    fields: &[
        P,
        FPD,
        flag("DTE", 2, "device-TLB enable", "启用设备 TLB"),
        flag("PASIDE", 3, "PASID enable: requests with PASID are allowed", "启用 PASID：允许带 PASID 的请求"),
        flag("PRE", 4, "page request enable", "启用页请求"),
        Field::reserved(8, 5),
        Field::value(
            "PDTS",
            11,
            9,
            "PASID-directory size: 2^(PDTS+7) entries",
            "PASID 目录大小：2^(PDTS+7) 项",
        ),
        Field::address("PASIDDIRPTR", 63, 12, 12, "PASID directory", "PASID 目录地址"),
        Field::value(
            "RID_PASID",
            83,
            64,
            "PASID that requests without PASID are given",
            "不带 PASID 的请求所用的 PASID",
        ),
        flag(
            "RID_PRIV",
            84,
            "requests without PASID have supervisor privilege",
            "不带 PASID 的请求按特权处理",
        ),
        Field::reserved(127, 85),
        Field::reserved(191, 128),
        Field::reserved(255, 192),
    ],
};

/// Scalable-mode PASID-directory entry (VT-d 9.5).
pub static PASID_DIR: EntryType = EntryType {
    name: Text::new("PASID-directory entry", "PASID 目录项"),
    words: 1,
    section: "VT-d 9.5",
    fields: &[
        P,
        FPD,
        Field::reserved(11, 2),
        Field::address("SMPTBLPTR", 63, 12, 12, "PASID table", "PASID 表地址"),
    ],
};

/// The values of PGTT (VT-d 9.6).
pub static PGTT: &[(u64, Text)] = &[
    (1, Text::new("first stage only", "仅第一级")),
    (2, Text::new("second stage only", "仅第二级")),
    (3, Text::new("nested: first stage over second stage", "嵌套：第一级之上叠加第二级")),
    (4, Text::new("pass-through", "直通")),
];
/// The values of FSPM (VT-d 9.6).
pub static FSPM: &[(u64, Text)] =
    &[(0, Text::new("4 levels", "4 级页表")), (1, Text::new("5 levels", "5 级页表"))];

/// Scalable-mode PASID-table entry (VT-d 9.6).
pub static PASID: EntryType = EntryType {
    name: Text::new("PASID-table entry", "PASID 表项"),
    words: 8,
    section: "VT-d 9.6",
    fields: &[
        P,
        FPD,
        Field::code("AW", 4, 2, AW, "address width of the second stage", "第二级地址位宽"),
        flag("SSEE", 5, "second-stage execute enable", "第二级执行权限启用"),
        Field::code("PGTT", 8, 6, PGTT, "PASID granular translation type", "PASID 粒度的转换类型"),
        flag("SSADE", 9, "second-stage accessed and dirty enable", "第二级访问位与脏位启用"),
        Field::reserved(11, 10),
        Field::address("SSPTPTR", 63, 12, 12, "first table of the second stage", "第二级顶级页表地址"),
        Field::value("DID", 79, 64, "domain id", "域 ID"),
        Field::reserved(86, 80),
        flag("PWSNP", 87, "page-walk snoop", "页表遍历监听缓存"),
        flag("PGSNP", 88, "page snoop", "页面访问监听缓存"),
        flag("CD", 89, "cache disable", "禁用缓存"),
        flag("EMTE", 90, "extended memory type enable", "扩展内存类型启用"),
        Field::value("EMT", 93, 91, "extended memory type", "扩展内存类型"),
        flag("PWT", 94, "page-level write-through", "页级直写"),
        flag("PCD", 95, "page-level cache disable", "页级禁用缓存"),
        Field::value("PAT", 127, 96, "page attribute table", "页属性表"),
        flag("SRE", 128, "supervisor requests enable", "允许特权请求"),
        flag("ERE", 129, "execute requests enable", "允许执行请求"),
        Field::code("FSPM", 131, 130, FSPM, "first-stage paging mode", "第一级分页模式"),
        flag("WPE", 132, "write protect: supervisor writes obey R/W", "写保护：特权写也受 R/W 限制"),
        flag("NXE", 133, "no-execute enable", "禁止执行位启用"),
        flag("SMEP", 134, "supervisor-mode execute prevention", "特权态执行保护"),
        flag("EAFE", 135, "extended accessed flag enable", "扩展访问位启用"),
        Field::reserved(139, 136),
        Field::address("FSPTPTR", 191, 140, 12, "first table of the first stage", "第一级顶级页表地址"),
        Field::reserved(255, 192),
        Field::reserved(319, 256),
        Field::reserved(383, 320),
        Field::reserved(447, 384),
        Field::reserved(511, 448),
    ],
};

/// Does `words` have a 1 in a reserved field of `entry`, or in an address at or above bit `host_bits`?
pub fn reserved_set(entry: &EntryType, words: &[u64], host_bits: u8) -> bool {
    use crate::spec::FieldKind;
    entry.fields.iter().any(|field| match field.kind {
        FieldKind::Reserved => field.get(words) != 0,
        FieldKind::Address { shift } => host_bits < 64 && (field.get(words) << shift) >> host_bits != 0,
        _ => false,
    })
}

/// A bit that switches on what a unit may lack, and whether one has it.
pub type Feature = (usize, fn(&Config) -> bool);

/// Those of a scalable-mode context entry: DTE, PASIDE, PRE, RID_PRIV (VT-d 9.4).
pub static CONTEXT_FEATURES: [Feature; 4] = [
    (2, Config::device_tlb),
    (3, Config::pasid),
    (4, Config::page_requests),
    (84, Config::supervisor_requests),
];

/// Those of a PASID-table entry: SSEE, SSADE, SRE, ERE, EAFE (VT-d 9.6).
pub static PASID_FEATURES: [Feature; 5] = [
    (5, Config::execute_requests),
    (9, Config::second_stage_accessed_dirty),
    (128, Config::supervisor_requests),
    (129, Config::execute_requests),
    (135, Config::extended_accessed),
];

/// Is a feature switched on that the unit lacks? Such bits are reserved then.
pub fn uses_absent(config: &Config, features: &[Feature], words: &[u64]) -> bool {
    features.iter().any(|(bit, has)| words[bit / 64] >> (bit % 64) & 1 != 0 && !has(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bit_of_an_absent_feature_is_reserved() {
        let all = Config::playground();
        let check = |features: &[Feature], bit: usize, ecap: u32| {
            let mut words = [0; 8];
            words[bit / 64] = 1 << (bit % 64);
            assert!(!uses_absent(&all, features, &words));
            let without = Config { ecap: all.ecap & !(1 << ecap), ..all };
            assert!(uses_absent(&without, features, &words), "bit {bit}");
        };
        for (bit, ecap) in [(5, 30), (9, 45), (128, 31), (129, 30), (135, 34)] {
            check(&PASID_FEATURES, bit, ecap);
        }
        for (bit, ecap) in [(2, 2), (3, 40), (4, 29), (84, 31)] {
            check(&CONTEXT_FEATURES, bit, ecap);
        }
    }

    #[test]
    fn fields_cover_each_bit_once() {
        for entry in [&ROOT, &SM_ROOT, &CONTEXT, &SM_CONTEXT, &PASID_DIR, &PASID] {
            assert!(entry.covers_every_bit_once(), "{}", entry.name.en);
            // A field is read as one word.
            assert!(entry.fields.iter().all(|f| f.hi - f.lo < 64), "{}", entry.name.en);
        }
    }

    #[test]
    fn reserved_bits_and_addresses_beyond_the_host_width_are_seen() {
        assert!(!reserved_set(&CONTEXT, &[0x3fff_ffff_f00f - 0xf + 1, 0x78], 46));
        assert!(reserved_set(&CONTEXT, &[1 << 46, 0], 46));
        assert!(reserved_set(&CONTEXT, &[0x11, 0], 46));
        assert!(reserved_set(&CONTEXT, &[1, 0x80], 46));
    }
}
