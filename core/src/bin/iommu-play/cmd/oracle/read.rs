//! Lines that ask: what is in them, and what is wrong with them by field.

use super::Wrong;
use iommu_core::addr::{Iova, PageSize, Pasid, RequesterId};
use iommu_core::iommu::{Architecture, PasidTag, Request, RequestKind};
use iommu_core::memory::Failure;
use iommu_core::oracle::{At, Capabilities, RegisterWrite, Setup, VERSION};
use iommu_core::spec::Phrase;
use iommu_core::trace::Perms;
use serde_json::{Map, Value};

/// One line: a machine, and what is done with it.
pub struct Line {
    pub id: Option<Value>,
    pub setup: Setup,
    /// Everything carries over from step to step.
    pub sequence: bool,
    /// Each step, and its name.
    pub steps: Vec<(Step, Option<Value>)>,
    /// What is expected of each, where something is.
    pub expected: Vec<Option<Value>>,
}

/// What is done with a machine.
pub enum Step {
    Request(Request),
    Registers(Vec<RegisterWrite>),
    Memory(Vec<(u64, u64)>),
    Look { registers: Vec<(String, At)>, memory: Vec<u64> },
}

type Object = Map<String, Value>;
type Read<T> = Result<T, Wrong>;

/// A number: hexadecimal in a string, or a JSON number.
pub fn number(value: &Value) -> Option<u64> {
    match value {
        Value::String(text) => {
            let digits = text.strip_prefix("0x").or(text.strip_prefix("0X"))?;
            let plain = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
            u64::from_str_radix(digits, 16).ok().filter(|_| plain)
        }
        value => value.as_u64(),
    }
}

fn wrong<T>(field: impl Into<String>, en: impl Into<String>, zh: impl Into<String>) -> Read<T> {
    Err(Wrong::field(field, Phrase::new(en, zh)))
}

fn int(value: &Value, field: &str, most: u64) -> Read<u64> {
    match number(value) {
        Some(n) if n <= most => Ok(n),
        Some(_) => wrong(field, format!("is more than {most:#x}"), format!("大于 {most:#x}")),
        None => wrong(
            field,
            "is no number: a string such as \"0x1f\", or a whole number that is not negative",
            "不是数：应为 \"0x1f\" 这样的字符串，或非负整数",
        ),
    }
}

fn flag(object: &Object, key: &str, field: &str) -> Read<bool> {
    match object.get(key) {
        None => Ok(false),
        Some(Value::Bool(on)) => Ok(*on),
        Some(_) => wrong(format!("{field}{key}"), "is neither true nor false", "既不是 true 也不是 false"),
    }
}

fn list<'a>(object: &'a Object, key: &str, field: &str) -> Read<&'a [Value]> {
    match object.get(key) {
        None => Ok(&[]),
        Some(Value::Array(list)) => Ok(list),
        Some(_) => wrong(format!("{field}{key}"), "is no list", "不是列表"),
    }
}

/// Refuses what is not among `known`, so that no misspelt key is taken for one left out.
fn only(object: &Object, known: &[&str], field: &str) -> Read<()> {
    match object.keys().find(|key| !known.contains(&key.as_str())) {
        None => Ok(()),
        Some(key) => {
            let (all, all_zh) = (known.join(", "), known.join("、"));
            wrong(
                format!("{field}{key}"),
                format!("is not known here; there are: {all}"),
                format!("这里没有这一项；有：{all_zh}"),
            )
        }
    }
}

fn object<'a>(value: &'a Value, field: &str) -> Read<&'a Object> {
    match value.as_object() {
        Some(object) => Ok(object),
        None => wrong(field, "is no object", "不是对象"),
    }
}

fn choice<T: Copy>(value: Option<&Value>, field: &str, default: T, all: &[(&str, T)]) -> Read<T> {
    let Some(value) = value else { return Ok(default) };
    match all.iter().find(|(word, _)| value.as_str() == Some(word)) {
        Some((_, found)) => Ok(*found),
        None => {
            let words: Vec<_> = all.iter().map(|(word, _)| *word).collect();
            let choice = Phrase::one_of(&words);
            wrong(field, format!("is none of {}", choice.en), format!("应为 {}", choice.zh))
        }
    }
}

impl Line {
    /// Reads one line.
    pub fn parse(text: &[u8]) -> Read<Line> {
        let value: Value = serde_json::from_slice(text).map_err(|error| {
            let said = error.to_string();
            let said = said.split(" at line ").next().unwrap_or_default();
            let what = Phrase::new(format!("this is not JSON: {said}"), format!("这不是 JSON（{said}）"));
            Wrong { field: None, column: Some(error.column().max(1)), what }
        })?;
        let line = object(&value, super::WHOLE)?;
        let known = [
            "oracle",
            "arch",
            "id",
            "unit",
            "caches",
            "memory",
            "failures",
            "registers",
            "sequence",
            "requests",
            "source",
        ];
        only(line, &known, "")?;
        match line.get("oracle").map(number) {
            Some(Some(version)) if version == u64::from(VERSION) => {}
            _ => {
                return wrong(
                    "oracle",
                    format!("must be {VERSION}, the version of this format"),
                    format!("应为 {VERSION}，即此格式的版本"),
                )
            }
        }
        let words = Architecture::ALL.map(|a| (a.describe().word, a));
        let Some(word) = line.get("arch") else {
            return wrong("arch", "is missing: an architecture", "缺少：应写明架构");
        };
        let architecture = choice(Some(word), "arch", Architecture::default(), &words)?;
        let mut setup = Setup::new(architecture);
        if let Some(unit) = line.get("unit") {
            setup.unit = unit_of(object(unit, "unit")?, setup.unit)?;
        }
        setup.caches = flag(line, "caches", "")?;
        setup.memory = pairs(list(line, "memory", "")?, "memory")?;
        for (i, item) in list(line, "failures", "")?.iter().enumerate() {
            let field = format!("failures[{i}]");
            match item.as_array().map(Vec::as_slice) {
                Some([from, bytes, how]) => {
                    let all = [("access", Failure::Access), ("poison", Failure::Poison)];
                    let how = choice(Some(how), &field, Failure::Access, &all)?;
                    setup.failures.push((int(from, &field, u64::MAX)?, int(bytes, &field, u64::MAX)?, how));
                }
                _ => return wrong(field, "is not [from, bytes, how]", "不是 [起始地址, 字节数, 方式]"),
            }
        }
        setup.registers = writes(list(line, "registers", "")?, "registers")?;
        let sequence = flag(line, "sequence", "")?;
        let (mut steps, mut expected) = (Vec::new(), Vec::new());
        for (i, item) in list(line, "requests", "")?.iter().enumerate() {
            let field = format!("requests[{i}]");
            let item = object(item, &field)?;
            let step = step(item, &field, sequence)?;
            steps.push((step, item.get("id").cloned()));
            expected.push(item.get("expect").cloned());
        }
        Ok(Line { id: line.get("id").cloned(), setup, sequence, steps, expected })
    }
}

fn unit_of(object: &Object, plain: Capabilities) -> Read<Capabilities> {
    let of = |key: &str, default: u64, most: u64| match object.get(key) {
        None => Ok(default),
        Some(value) => int(value, &format!("unit.{key}"), most),
    };
    let narrow = |key: &str, default: u32| of(key, default.into(), u32::MAX.into()).map(|n| n as u32);
    let wide = |key: &str, default: u64| of(key, default, u64::MAX);
    let known: &[&str] = match plain {
        Capabilities::Vtd { .. } => &["cap", "ecap", "host_bits"],
        Capabilities::Riscv { .. } => &["capabilities", "fctl", "fctl_writable", "bare"],
        Capabilities::SmmuV3 { .. } => &["idr0", "idr1", "idr3", "idr5", "aidr", "gbpa"],
        Capabilities::AmdVi { .. } => &["efr", "efr2", "iotlbs"],
    };
    only(object, known, "unit.")?;
    Ok(match plain {
        Capabilities::Vtd { cap, ecap, host_bits } => Capabilities::Vtd {
            cap: wide("cap", cap)?,
            ecap: wide("ecap", ecap)?,
            host_bits: of("host_bits", host_bits.into(), 255)? as u8,
        },
        Capabilities::Riscv { capabilities, fctl, fctl_writable, bare } => Capabilities::Riscv {
            capabilities: wide("capabilities", capabilities)?,
            fctl: wide("fctl", fctl)?,
            fctl_writable: wide("fctl_writable", fctl_writable)?,
            bare: match object.get("bare") {
                None => bare,
                Some(value) => {
                    let size = |value: &Value| number(value).and_then(PageSize::from_bytes);
                    match value.as_array().map(Vec::as_slice) {
                        Some([first, second]) => match (size(first), size(second)) {
                            (Some(first), Some(second)) => [first, second],
                            _ => return wrong("unit.bare", "is not two powers of two", "不是两个 2 的幂"),
                        },
                        _ => return wrong("unit.bare", "is not two powers of two", "不是两个 2 的幂"),
                    }
                }
            },
        },
        Capabilities::SmmuV3 { idr0, idr1, idr3, idr5, aidr, gbpa } => Capabilities::SmmuV3 {
            idr0: narrow("idr0", idr0)?,
            idr1: narrow("idr1", idr1)?,
            idr3: narrow("idr3", idr3)?,
            idr5: narrow("idr5", idr5)?,
            aidr: narrow("aidr", aidr)?,
            gbpa: narrow("gbpa", gbpa)?,
        },
        Capabilities::AmdVi { efr, efr2, iotlbs } => Capabilities::AmdVi {
            efr: wide("efr", efr)?,
            efr2: wide("efr2", efr2)?,
            iotlbs: if object.contains_key("iotlbs") { flag(object, "iotlbs", "unit.")? } else { iotlbs },
        },
    })
}

fn pairs(list: &[Value], field: &str) -> Read<Vec<(u64, u64)>> {
    let each = |(i, item): (usize, &Value)| {
        let field = format!("{field}[{i}]");
        match item.as_array().map(Vec::as_slice) {
            Some([at, word]) => Ok((int(at, &field, u64::MAX)?, int(word, &field, u64::MAX)?)),
            _ => wrong(field, "is not [address, word]", "不是 [地址, 字]"),
        }
    };
    list.iter().enumerate().map(each).collect()
}

/// Which register: an offset, or a name.
fn register(value: &Value, field: &str) -> Read<At> {
    match value.as_str().filter(|text| !text.starts_with("0x")) {
        Some(name) => Ok(At::Name(name.to_owned())),
        None => Ok(At::Offset(int(value, field, 0xf_ffff)? as u32)),
    }
}

fn writes(list: &[Value], field: &str) -> Read<Vec<RegisterWrite>> {
    let each = |(i, item): (usize, &Value)| {
        let field = format!("{field}[{i}]");
        let (at, bytes, value) = match item.as_array().map(Vec::as_slice) {
            Some([at, value]) => (at, None, value),
            Some([at, bytes, value]) => (at, Some(int(bytes, &field, 8)? as u8), value),
            _ => {
                return wrong(
                    field,
                    "is neither [register, value] nor [register, bytes, value]",
                    "既不是 [寄存器, 值]，也不是 [寄存器, 字节数, 值]",
                )
            }
        };
        Ok(RegisterWrite { at: register(at, &field)?, bytes, value: int(value, &field, u64::MAX)? })
    };
    list.iter().enumerate().map(each).collect()
}

fn step(item: &Object, field: &str, sequence: bool) -> Read<Step> {
    let of = |key: &str| format!("{field}.{key}");
    for key in ["registers", "memory", "look"] {
        if !item.contains_key(key) {
            continue;
        }
        only(item, &[key, "id", "expect"], &format!("{field}."))?;
        if !sequence {
            return wrong(
                of(key),
                "is for lines with \"sequence\": true",
                "只用于带 \"sequence\": true 的行",
            );
        }
        let field = of(key);
        return Ok(match key {
            "registers" => Step::Registers(writes(list(item, key, "")?, &field)?),
            "memory" => Step::Memory(pairs(list(item, key, "")?, &field)?),
            _ => {
                let look = object(item.get(key).unwrap_or(&Value::Null), &field)?;
                only(look, &["registers", "memory"], &format!("{field}."))?;
                let name = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                let registers = list(look, "registers", &format!("{field}."))?.iter();
                let registers = registers.map(|value| Ok((name(value), register(value, &field)?)));
                let memory = list(look, "memory", &format!("{field}."))?.iter();
                let memory = memory.map(|value| int(value, &field, u64::MAX));
                Step::Look {
                    registers: registers.collect::<Read<_>>()?,
                    memory: memory.collect::<Read<_>>()?,
                }
            }
        });
    }
    let known = [
        "id",
        "expect",
        "requester",
        "address",
        "op",
        "bytes",
        "data",
        "pasid",
        "privileged",
        "execute",
        "kind",
        "no_write",
    ];
    only(item, &known, &format!("{field}."))?;
    let needed = |key: &str, most: u64| match item.get(key) {
        Some(value) => int(value, &of(key), most),
        None => wrong(of(key), "is missing", "缺少"),
    };
    let maybe = |key: &str, most: u64| item.get(key).map(|value| int(value, &of(key), most)).transpose();
    let (execute, privileged) =
        (flag(item, "execute", &format!("{field}."))?, flag(item, "privileged", &format!("{field}."))?);
    let want = match item.get("op") {
        None => return wrong(of("op"), "is missing: \"read\" or \"write\"", "缺少：\"read\" 或 \"write\""),
        op => choice(op, &of("op"), Perms::R, &[("read", Perms::R), ("write", Perms::W)])?,
    };
    if execute && want == Perms::W {
        return wrong(of("execute"), "is for reads", "只用于读");
    }
    let no_write = flag(item, "no_write", &format!("{field}."))?;
    let kinds = [
        ("untranslated", RequestKind::Untranslated),
        ("translation", RequestKind::Translation { no_write }),
        ("translated", RequestKind::Translated),
    ];
    let kind = choice(item.get("kind"), &of("kind"), RequestKind::Untranslated, &kinds)?;
    let pasid = maybe("pasid", Pasid::MAX.into())?.and_then(|raw| Pasid::new(raw as u32));
    let data = maybe("data", u32::MAX.into())?.map(|data| data as u32);
    let bytes = maybe("bytes", 4096)?.unwrap_or(if data.is_some() { 4 } else { 8 });
    let plain = Request::new(
        RequesterId::new(needed("requester", 0xff_ffff)? as u32),
        Iova::new(needed("address", u64::MAX)?),
        want.or(Perms::when(Perms::X, execute)),
        bytes.max(1) as u32,
    );
    let pasid = pasid.map(|pasid| PasidTag { pasid, privileged, execute });
    Ok(Step::Request(Request { pasid, kind, data, ..plain }))
}
