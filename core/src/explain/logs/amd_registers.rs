//! Registers that AMD-Vi's debugfs shows one at a time: `mmio`, those in memory, and `capability`, those in configuration space (Linux,
//! drivers/iommu/amd/debugfs.c).

use super::causes;
use super::fault::Arch;
use super::forms::Form;
use super::found::{Format, Found, Here};
use super::report::Kind;
use super::scan::Scan;
use crate::iommu::amdvi::spec::registers as mmio;
use crate::spec::{Field, FieldKind, Lang, Phrase, Register, Text};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

pub(super) static FORMAT: Format = Format {
    forms: FORMS,
    readers: &[("Offset:0x", register)],
    patterns: &[],
    codes: || Vec::new(),
    causes: causes::none,
};

static FORMS: &[Form] = &[
    Form {
        name: "amd-mmio",
        arch: Arch::AmdVi,
        wording: "Offset:0x* Value:0x* (16 digits)",
        source: "Linux v6.17 and later, debugfs iommu/amd/iommu00/mmio (CONFIG_AMD_IOMMU_DEBUGFS)",
    },
    Form {
        name: "amd-capability",
        arch: Arch::AmdVi,
        wording: "Offset:0x* Value:0x* (8 digits)",
        source: "Linux v6.17 and later, debugfs iommu/amd/iommu00/capability (CONFIG_AMD_IOMMU_DEBUGFS)",
    },
];

/// The capability block, by its offsets (AMD 48882, IOMMU capability block; bits as in Linux, drivers/iommu/amd/amd_iommu_types.h,
/// Xen, amd-iommu-defs.h, and illumos, amd_iommu_impl.h).
mod capability {
    use crate::iommu::amdvi::spec::registers::{msi_vector_0, msi_vector_1};
    use crate::spec;

    spec::registers! {
        section "AMD 48882, IOMMU capability block";
        HEADER / header: "Header" at 0x0, 4 bytes, "capability header" "能力头" {
            CAP_ID "CapId"         [7:0]   value "capability id: 0xf, a secure device" "能力 ID：0xf 为安全设备";
            CAP_PTR "CapPtr"       [15:8]  value "next capability" "下一能力";
            CAP_TYPE "CapType"     [18:16] value "3: an IOMMU" "3 表示 IOMMU";
            CAP_REV "CapRev"       [23:19] value "revision" "修订号";
            IOTLB "IotlbSup"       [24]    flag "device TLBs (ATS)" "支持设备 TLB（ATS）";
            HT_TUNNEL "HtTunnel"   [25]    flag "HyperTransport tunnel" "HyperTransport 隧道";
            NP_CACHE "NpCache"     [26]    flag "entries that are not present are cached" "缓存不存在的表项";
            EFR "EFRSup"           [27]    flag "there is a register of extended features" "有扩展特性寄存器";
            CAP_EXT "CapExt"       [28]    flag "there is a second word of miscellaneous information" "有第二个杂项信息字";
            _                      [31:29] reserved;
        }
        BASE_LOW / base_low: "BaseLow" at 0x4, 4 bytes, "base address, low half" "基址低半部" {
            ENABLE "Enable"        [0]     flag "the address is decoded" "启用该地址";
            _                      [13:1]  reserved;
            BASE "BaseAddress"     [31:14] address(14) "registers in memory" "寄存器的内存地址";
        }
        BASE_HIGH / base_high: "BaseHigh" at 0x8, 4 bytes, "base address, high half" "基址高半部" {
            BASE "BaseAddress"     [31:0]  value "bits 63:32" "第 63:32 位";
        }
        RANGE / range: "Range" at 0xc, 4 bytes, "devices on its bus" "所在总线上的设备范围" {
            UNIT_ID "UnitID"       [4:0]   value "HyperTransport unit" "HyperTransport 单元号";
            _                      [6:5]   reserved;
            VALID "RngValid"       [7]     flag "the range counts" "范围有效";
            BUS "BusNumber"        [15:8]  value "bus" "总线";
            FIRST "FirstDevice"    [23:16] value "first device and function" "首个设备与功能";
            LAST "LastDevice"      [31:24] value "last device and function" "末个设备与功能";
        }
        MISC_0 / misc_0: "Misc0" at 0x10, 4 bytes, "miscellaneous information 0" "杂项信息 0" = msi_vector_0;
        MISC_1 / misc_1: "Misc1" at 0x14, 4 bytes, "miscellaneous information 1" "杂项信息 1" = msi_vector_1;
    }
}

/// `Offset:0x18 Value:0x0000000000001425`: 16 digits are registers in memory, 8 those of the capability.
fn register(here: &Here<'_>) -> Option<Found> {
    let text = Scan(here.text).after("Offset:0x")?.0;
    let (offset, value) = text.split_once(" Value:0x")?;
    let offset = u32::from_str_radix(offset, 16).ok()?;
    let digits = value.trim_end();
    let raw = u64::from_str_radix(digits, 16).ok()?;
    let (form, all, bytes, place) = match digits.len() {
        16 => ("amd-mmio", mmio::ALL, 8, Text::new("register", "寄存器")),
        8 => ("amd-capability", capability::ALL, 4, Text::new("capability register", "能力寄存器")),
        _ => return None,
    };
    // A read of 64 bits may hold two registers of 32.
    let these: Vec<&'static Register> =
        all.iter().copied().filter(|r| (offset..offset.saturating_add(bytes)).contains(&r.offset)).collect();
    let name = |lang: Lang| {
        let (open, close, between) = marks(lang);
        let names: Vec<String> =
            these.iter().map(|r| format!("{}{open}{}{close}", r.name, r.meaning.get(lang))).collect();
        names.join(between)
    };
    let title = match these.is_empty() {
        true => Phrase::new(
            format!("AMD-Vi: {} at {offset:#x}", place.en),
            format!("AMD-Vi：{offset:#x} 处的{}", place.zh),
        ),
        false => Phrase::new(
            format!("AMD-Vi: {} {}", place.en, name(Lang::En)),
            format!("AMD-Vi：{} {}", place.zh, name(Lang::Zh)),
        ),
    };
    let mut found = Found::status(Arch::AmdVi, form, title);
    found.kind = Kind::Tables;
    if these.is_empty() {
        let meaning = Text::new("a register that is not described here", "此处没有说明的寄存器");
        found.certain(place, format!("{raw:#x}"), meaning);
    }
    for register in these {
        let value =
            raw >> (8 * (register.offset - offset)) & (u64::MAX >> (64 - 8 * u32::from(register.bytes)));
        let said = |lang: Lang| {
            let fields = register.fields.iter().filter_map(|field| said(field, field.get(&[value]), lang));
            let fields: Vec<String> = fields.collect();
            let nothing = Text::new("all fields are 0", "各字段均为 0");
            if fields.is_empty() {
                nothing.get(lang).into()
            } else {
                fields.join(marks(lang).2)
            }
        };
        found.certain(
            place,
            format!("{} {value:#x}", register.name),
            Phrase::new(said(Lang::En), said(Lang::Zh)),
        );
    }
    Some(found)
}

/// What is around a meaning, and between two fields.
const fn marks(lang: Lang) -> (&'static str, &'static str, &'static str) {
    match lang {
        Lang::En => (" (", ")", "; "),
        Lang::Zh => ("（", "）", "；"),
    }
}

/// What a field that is not 0 says; a code is said whatever it is.
fn said(field: &Field, value: u64, lang: Lang) -> Option<String> {
    let (name, meaning) = (field.name, field.meaning.get(lang));
    let (open, close, _) = marks(lang);
    Some(match field.kind {
        FieldKind::Enum(names) => {
            let code = names.iter().find(|(have, _)| *have == value).map_or("?", |(_, text)| text.get(lang));
            format!("{name} = {value}: {code}{open}{meaning}{close}")
        }
        _ if value == 0 => return None,
        FieldKind::Reserved | FieldKind::Ignored => {
            format!(
                "{} {}:{} = {value:#x}",
                Text::new("reserved bits", "保留位").get(lang),
                field.hi,
                field.lo
            )
        }
        FieldKind::Flag => format!("{name}{open}{meaning}{close}"),
        FieldKind::Address { shift } => {
            format!("{name} = {:#x}{open}{meaning}{close}", value << shift.min(63))
        }
        FieldKind::Value => format!("{name} = {value:#x}{open}{meaning}{close}"),
    })
}

/// Returns the device table base address register that a line of `mmio` shows: where the tables of a walk begin.
pub(super) fn device_table(text: &str) -> Option<u64> {
    Scan(text)
        .after("Offset:0x0 Value:0x")
        .map(|rest| rest.0.trim_end())
        .filter(|digits| digits.len() == 16)
        .and_then(|digits| u64::from_str_radix(digits, 16).ok())
}
