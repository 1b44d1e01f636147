//! Arm SMMUv3: events as Linux prints them, as four raw words and, since Linux v6.14, decoded; its command queue.
//!
//! Event numbers and fields are of the Arm System Memory Management Unit Architecture Specification version 3
//! (IHI 0070), section 7.3.

use super::causes::*;
use super::evidence::Clue;
use super::fault::{Access, Arch, Fault};
use super::forms::Form;
use super::found::{Format, Found, Here, Join, MISSING};
use super::hints;
use super::input::Line;
use super::scan::Scan;
use super::scenario::Sketch;
use crate::spec::{FaultCode, Phrase, Text};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

pub(super) static FORMAT: Format = Format {
    forms: FORMS,
    readers: &[
        ("event 0x", raw),
        (" client: ", decoded),
        (" stag: ", attributes),
        ("EVTQ overflow detected", status),
        ("PRIQ overflow detected", status),
        ("unexpected global error reported", global_error),
        ("CMDQ error (cons", command_error),
        ("CMD_SYNC timeout", status),
        ("CMDQ timeout", status),
    ],
    patterns: &[],
    codes: || SMMU_EVENTS.iter().map(|event| event.code).collect::<Vec<_>>(),
    causes,
};

macro_rules! form {
    ($name:literal $wording:literal $source:literal) => {
        Form { name: $name, arch: Arch::SmmuV3, wording: $wording, source: $source }
    };
}

static FORMS: &[Form] = &[
    form!("smmuv3-raw" "arm-smmu-v3 * event * received: * * * *" "Linux v4.2 and later, five lines"),
    form!("smmuv3-decoded" "arm-smmu-v3 * event: * client: * sid: * ssid: * iova: * ipa: *" "Linux v6.14 and later, after the raw words of the same event"),
    form!("smmuv3-overflow" "arm-smmu-v3 * EVTQ overflow detected -- events lost" "Linux v4.2 and later"),
    form!("smmuv3-gerror" "arm-smmu-v3 * unexpected global error reported (*), this could be serious" "Linux v4.2 and later"),
    form!("smmuv3-cmdq" "arm-smmu-v3 * CMDQ error (cons *): * skipping command in error state: * *" "Linux v4.2 and later, drivers/iommu/arm/arm-smmu-v3/arm-smmu-v3.c; four lines"),
    form!("smmuv3-sync" "arm-smmu-v3 * CMD_SYNC timeout at * [hwprod *, hwcons *]" "Linux v4.19 and later"),
];

macro_rules! events {
    ($($code:literal $name:literal $section:literal $en:literal $zh:literal;)*) => {
        /// The events of the SMMUv3 event queue.
        pub static SMMU_EVENTS: &[FaultCode] = &[$(FaultCode {
            code: $code,
            name: $name,
            text: Text::new($en, $zh),
            section: concat!("SMMUv3 ", $section),
        }),*];
    };
}

events! {
    0x01 "F_UUT" "7.3.2" "an unsupported transaction came from upstream" "上游发来不支持的事务";
    0x02 "C_BAD_STREAMID" "7.3.3" "the StreamID is outside the stream table, or its level-1 descriptor is invalid" "StreamID 超出流表范围，或其一级描述符无效";
    0x03 "F_STE_FETCH" "7.3.4" "reading the stream table entry failed on the bus" "读取流表项时总线出错";
    0x04 "C_BAD_STE" "7.3.5" "the stream table entry is invalid (V = 0) or badly programmed" "流表项无效（V = 0）或配置有误";
    0x05 "F_BAD_ATS_TREQ" "7.3.6" "an ATS translation request that is not allowed here" "此处不允许的 ATS 转换请求";
    0x06 "F_STREAM_DISABLED" "7.3.7" "the stream has no SubstreamID here and S1DSS says to terminate" "请求没有 SubstreamID，而 S1DSS 规定终止";
    0x07 "F_TRANSL_FORBIDDEN" "7.3.8" "an already translated (ATS) request that the stream table entry forbids" "流表项禁止的已转换（ATS）请求";
    0x08 "C_BAD_SUBSTREAMID" "7.3.9" "the SubstreamID is outside the table of context descriptors" "SubstreamID 超出上下文描述符表范围";
    0x09 "F_CD_FETCH" "7.3.10" "reading the context descriptor failed on the bus" "读取上下文描述符时总线出错";
    0x0a "C_BAD_CD" "7.3.11" "the context descriptor is invalid (V = 0) or badly programmed" "上下文描述符无效（V = 0）或配置有误";
    0x0b "F_WALK_EABT" "7.3.12" "reading a translation table failed on the bus" "读取页表时总线出错";
    0x10 "F_TRANSLATION" "7.3.13" "no valid entry translates the address" "该地址没有有效的页表项";
    0x11 "F_ADDR_SIZE" "7.3.14" "an address is wider than the configured size" "地址超出所配置的宽度";
    0x12 "F_ACCESS" "7.3.15" "the entry's access flag (AF) is 0" "页表项的访问标志（AF）为 0";
    0x13 "F_PERMISSION" "7.3.16" "the entry does not allow this access" "页表项不允许这次访问";
    0x20 "F_TLB_CONFLICT" "7.3.17" "two TLB entries match one address" "同一地址命中两个 TLB 项";
    0x21 "F_CFG_CONFLICT" "7.3.18" "two cached configurations match one stream" "同一流命中两份缓存配置";
    0x24 "E_PAGE_REQUEST" "7.3.19" "a hint that a page will be wanted" "提示即将需要某页";
    0x25 "F_VMS_FETCH" "7.3.20" "reading the virtual machine structure failed on the bus" "读取虚拟机结构时总线出错";
}

pub(super) fn by_code(code: u16) -> Option<&'static FaultCode> {
    SMMU_EVENTS.iter().find(|event| event.code == code)
}

/// The words of a record: on the line itself, or one a line below, each after the same name. Lines of other CPUs
/// between are stepped over.
fn words(here: &Here<'_>, mark: &str, most: usize, found: &mut Vec<usize>) -> Vec<u64> {
    let mut out = Vec::new();
    let Some((name, tail)) = here.text.split_once(mark) else { return out };
    for word in tail.split_whitespace().skip_while(|word| !word.starts_with("0x")) {
        match Scan(word).hex().filter(|_| word.len() >= 18 && out.len() < most) {
            Some(word) => out.push(word),
            None => break,
        }
    }
    below(name, here.rest, 0, most, &mut out, found);
    out
}

/// The words on the lines from `from` on.
fn below(name: &str, rest: &[Line], from: usize, most: usize, out: &mut Vec<u64>, used: &mut Vec<usize>) {
    let mut strange = 0;
    for (offset, line) in rest.iter().enumerate().skip(from) {
        if out.len() >= most || strange > 12 {
            break;
        }
        let body = line.text.strip_prefix(name).unwrap_or(&line.text).trim();
        match Scan(body).hex().filter(|_| !line.used && body.starts_with("0x") && body.len() == 18) {
            Some(word) => {
                out.push(word);
                used.push(offset);
            }
            // The next event of the same unit: this one lost its words.
            None if line.text.starts_with(name) && !name.is_empty() && line.text.contains("received:") => {
                break
            }
            None => strange += 1,
        }
    }
}

/// Events whose record has the input address in word 2, and what was wanted in word 1 (IHI 0070, 7.3).
fn has_address(code: u16) -> bool {
    matches!(code, 0x01 | 0x05 | 0x07 | 0x0b | 0x10..=0x13 | 0x20 | 0x24)
}

/// `event 0x10 received:` and the four words below it.
fn raw(here: &Here<'_>) -> Option<Found> {
    let body = Scan(here.text).after("event 0x")?;
    let code = Scan(body.word()).hex().filter(|code| *code <= 0xff)? as u16;
    if !body.0.contains("received:") {
        return None;
    }
    let mut used = Vec::new();
    let words = words(here, "event 0x", 4, &mut used);
    // Other drivers say the same of their events.
    let ours = ["arm-smmu-v3", "smmuv3", "SMMUv3"].iter().any(|name| here.text.contains(name));
    let looks_so = words.len() == 4 && words[0] & 0xff == u64::from(code);
    if !ours && !looks_so {
        return None;
    }
    let known = by_code(code);
    let n = words.len();
    let word = |n: usize| words.get(n).copied().unwrap_or(0);
    let mut fault = Fault { code: Some(code), known, ..Fault::default() };
    if n > 0 {
        fault.stream = Some((word(0) >> 32) as u32);
        // C_BAD_SUBSTREAMID has no SSV: its SubstreamID always counts (IHI 0070, 7.3.9).
        let valid = word(0) >> 11 & 1 == 1 || code == 0x08;
        fault.pasid = valid.then_some((word(0) >> 12) as u32 & 0xf_ffff);
    }
    let bit = |n: u32| word(1) >> n & 1 == 1;
    let translation = matches!(code, 0x10..=0x13);
    if n == 4 && has_address(code) {
        fault.access = Some(match (code, bit(34), bit(35)) {
            // A translation request always asks for reads; what else it asked for is not decoded (7.3.6).
            (0x05, ..) => Access::Read,
            // The rights of a hint, unprivileged and privileged (7.3.19).
            (0x24, _, write) if write || bit(38) => Access::Write,
            (0x24, execute, _) if execute || bit(37) => Access::Execute,
            (0x24, ..) => Access::Read,
            (_, true, _) => Access::Execute,
            (_, false, true) => Access::Read,
            (_, false, false) => Access::Write,
        });
        fault.address = Some(if code == 0x24 { word(2) & !0xfff } else { word(2) });
        fault.second = (translation && bit(39)).then_some(word(3) & 0xf_ffff_ffff_f000);
    }
    let mut found = start(&fault, "smmuv3-raw");
    found.used = used;
    found.join = Join::Raw;
    event_field(&mut found, &fault);
    if n == 0 {
        found.join = Join::Alone;
        found.inferred(
            Text::new("words", "记录内容"),
            MISSING,
            Text::new(
                "the record's four 64-bit words are missing from the paste",
                "给出的日志里没有这条记录的四个 64 位数据",
            ),
        );
        return Some(found);
    }
    hints::device(&mut found, Arch::SmmuV3, &format!("{:#x}", word(0) >> 32), false);
    process_field(&mut found, fault.pasid);
    if n == 4 && has_address(code) {
        if translation {
            access_fields(&mut found, bit(33), fault.access, bit(39));
            let class = match word(1) >> 40 & 3 {
                0 => Text::new("CD: while reading the context descriptor", "CD：读取上下文描述符时出错"),
                1 => Text::new("TT: while reading a translation table", "TT：读取页表时出错"),
                2 => Text::new("IN: translating the input address failed", "IN：转换输入地址时出错"),
                _ => Text::new("reserved", "保留"),
            };
            found.certain(Text::new("class", "类别"), word(1) >> 40 & 3, class);
        } else {
            let privileged = match code {
                // Not decoded, or not there.
                0x05 | 0x07 => None,
                0x24 => Some(word(1) >> 37 & 7 != 0 && word(1) >> 34 & 7 == 0),
                _ => Some(bit(33)),
            };
            access_field(&mut found, privileged, fault.access);
        }
        address_fields(&mut found, word(2), fault.second);
        if word(1) >> 31 & 1 == 1 {
            found.certain(
                Text::new("stall", "停顿"),
                format!("STAG {:#x}", word(1) & 0xffff),
                Text::new(
                    "the transaction waits for software to resume or abort it",
                    "事务在等待软件恢复或终止",
                ),
            );
        }
    }
    if n == 4 && matches!(code, 0x03 | 0x09 | 0x25 | 0x0b) {
        let at = word(3) & 0xf_ffff_ffff_fff8;
        found.certain(
            Text::new("fetch address", "读取地址"),
            format!("{at:#x}"),
            Text::new("where the structure was read from", "读取该结构的物理地址"),
        );
    }
    evidence(&mut found, &fault);
    Some(found)
}

/// `event: F_TRANSLATION client: ... sid: ... ssid: ... iova: ... ipa: ...` and the line of attributes below.
fn decoded(here: &Here<'_>) -> Option<Found> {
    let body = Scan(here.text).after("event: ")?;
    let name = body.word();
    let known = SMMU_EVENTS.iter().find(|event| event.name == name);
    let client = body.after("client: ")?.before(" sid:")?.0.trim();
    let number = |key: &str| body.after(key).and_then(Scan::number);
    let sid = number(" sid: ")?;
    let ssid = number("ssid: ").unwrap_or(0) as u32;
    let pci = Scan(client).device().filter(|device| device.text == client);
    let mut fault = Fault {
        code: known.map(|event| event.code),
        known,
        device: pci.map(|device| device.id),
        stream: u32::try_from(sid).ok(),
        pasid: Some(ssid).filter(|&ssid| ssid != 0),
        address: number("iova: ").filter(|_| known.is_none_or(|event| has_address(event.code))),
        ..Fault::default()
    };
    let second = number("ipa: ").filter(|&ipa| ipa != 0);
    // `unpriv data write s1 "Input address caused fault" stag: 0x0`
    let below = here.rest.iter().take(6).position(|line| !line.used && line.text.contains(" stag: "));
    let attributes = match here.text.contains(" stag: ") {
        true => Some(here.text),
        false => below.map(|at| here.rest[at].text.as_str()),
    };
    let has = |word: &str| attributes.is_some_and(|line| line.split(' ').any(|w| w == word));
    if attributes.is_some() {
        fault.access = Some(match (has("inst"), has("read")) {
            (true, _) => Access::Execute,
            (false, true) => Access::Read,
            (false, false) => Access::Write,
        });
        fault.second = second.filter(|_| has("s2"));
    }
    let mut found = start(&fault, "smmuv3-decoded");
    found.join = Join::Decoded;
    if !here.text.contains(" stag: ") {
        found.used.extend(below);
    }
    event_field(&mut found, &fault);
    hints::device(&mut found, Arch::SmmuV3, &format!("{sid:#x}"), false);
    if !client.is_empty() {
        let meaning = match client.starts_with('(') {
            true => Text::new("no device of Linux has this StreamID", "Linux 中没有设备使用该 StreamID"),
            false => {
                found.device = Some(client.into());
                Text::new("the device that Linux knows by this StreamID", "Linux 中使用该 StreamID 的设备")
            }
        };
        found.certain(Text::new("client", "设备"), client, meaning);
    }
    process_field(&mut found, fault.pasid);
    if attributes.is_some() {
        access_fields(&mut found, has("priv"), fault.access, has("s2"));
    }
    // Of an event that is not known nobody knows which words are addresses.
    if let (Some(address), true) = (fault.address, fault.known.is_some()) {
        address_fields(&mut found, address, second);
    }
    if let Some(at) = number("fetch_addr: ") {
        found.certain(
            Text::new("fetch address", "读取地址"),
            format!("{at:#x}"),
            Text::new("where the structure was read from", "读取该结构的物理地址"),
        );
    }
    evidence(&mut found, &fault);
    Some(found)
}

/// The second line of a decoded event, whose first one is not in the log: `unpriv data read s2 "..." stag: 0x0`.
fn attributes(here: &Here<'_>) -> Option<Found> {
    let (words, _) = here.text.split_once(" stag: ")?;
    let has = |word: &str| words.split(' ').any(|w| w == word);
    let (stage2, privileged) = (has("s2"), has("priv"));
    if !(has("s1") || stage2) || !(privileged || has("unpriv")) {
        return None;
    }
    let access = match (has("inst"), has("read")) {
        (true, _) => Access::Execute,
        (false, true) => Access::Read,
        (false, false) => Access::Write,
    };
    let title = Phrase::new("SMMUv3: the second line of an event", "SMMUv3：一条事件的第二行");
    let fault = Fault { access: Some(access), ..Fault::default() };
    let mut found = Found::fault(fault, Arch::SmmuV3, "smmuv3-decoded", title);
    found.inferred(
        Text::new("event", "事件"),
        MISSING,
        Text::new(
            "on the line before, which is missing from the paste: it has the event, the device and the address",
            "写在上一行，而给出的日志里没有那一行：事件、设备和地址都在那里",
        ),
    );
    access_fields(&mut found, privileged, Some(access), stage2);
    // The class says what was being done: of an input address that failed the page is the cause.
    found.causes = match words.contains("Input address") {
        true => &[&UNMAPPED_EARLY, &NEVER_MAPPED, &WRONG_DIRECTION],
        false => &[&TABLE_UNREADABLE, &CORRUPTED],
    };
    Some(found)
}

fn start(fault: &Fault, form: &'static str) -> Found {
    let name = fault
        .known
        .map_or(Text::new("unknown event", "未知事件"), |event| Text::new(event.name, event.name));
    let (en, zh) = match fault.stream {
        Some(sid) => (format!(", stream {sid:#x}"), format!("，流 {sid:#x}")),
        None => (String::new(), String::new()),
    };
    let title = Phrase::new(format!("SMMUv3 {}{en}", name.en), format!("SMMUv3 {}{zh}", name.zh));
    let mut found = Found::fault(*fault, Arch::SmmuV3, form, title);
    found.causes = causes(fault);
    found.scenario = Some(Sketch::Of(Arch::SmmuV3, *fault));
    found
}

/// What the event and its fields are evidence of.
fn evidence(found: &mut Found, fault: &Fault) {
    hints::fault(found, fault);
    match fault.code {
        Some(0x10) => found.clue(Clue::PageAbsent),
        Some(0x13) => {
            found.clue(Clue::PagePresent);
            // What is refused is a right: which one follows from the access.
            if matches!(fault.access, Some(Access::Read | Access::Write)) {
                found.clue(Clue::PermissionMissing);
            }
            // Seen with Linux 7.3: in stage 1 a buffer for the other direction is readable all the same.
            let first = found.fields.iter().any(|field| field.name.en == "stage" && field.value.en == "1");
            if first && fault.access == Some(Access::Read) {
                found.clue(Clue::ReadableAnyway);
            }
        }
        Some(0x02) => found.clue(Clue::StreamUnknown),
        Some(0x04) => found.clue(Clue::NoDomain),
        _ => {}
    }
    if fault.pasid.is_none() {
        found.clue(Clue::NoPasid);
    }
    // Linux maps the doorbell of an ITS at the first address that it gives out (seen with 6.1 and 7.3).
    if fault.access == Some(Access::Write) {
        match fault.address {
            Some(0xffff_f040) => found.clue(Clue::MessageTarget),
            Some(0xfee0_0000..=0xfeef_ffff) => found.clue(Clue::MessageRange),
            _ => {}
        }
    }
}

fn event_field(found: &mut Found, fault: &Fault) {
    let name = Text::new("event", "事件");
    match (fault.known, fault.code) {
        (Some(event), _) => {
            found.certain(name, format!("{:#04x} {}", event.code, event.name), event.text);
        }
        (None, code) => found.certain(
            name,
            code.map_or(Phrase::new("unknown", "未知"), |code| Phrase::same(format!("{code:#04x}"))),
            match code {
                Some(_) => Text::new("not an event of the SMMUv3 specification", "不是 SMMUv3 规范中的事件"),
                None => Text::new(
                    "Linux has no name for it; the specification may have one",
                    "Linux 没有给这个事件命名，它可能是规范中的事件",
                ),
            },
        ),
    }
}

fn process_field(found: &mut Found, pasid: Option<u32>) {
    if let Some(pasid) = pasid {
        found.certain(
            Arch::SmmuV3.process_term(),
            format!("{pasid:#x}"),
            Text::new("the process that the request speaks for", "请求访问哪个进程的地址空间"),
        );
    }
}

fn access_field(found: &mut Found, privileged: Option<bool>, access: Option<Access>) {
    let access = access.map_or(MISSING, Access::text);
    let (en, zh) = match privileged {
        Some(true) => ("privileged ", "特权"),
        Some(false) => ("unprivileged ", "非特权"),
        None => ("", ""),
    };
    found.certain(
        Text::new("access", "访问"),
        access,
        Phrase::new(format!("{en}{}", access.en), format!("{zh}{}", access.zh)),
    );
}

fn access_fields(found: &mut Found, privileged: bool, access: Option<Access>, stage2: bool) {
    access_field(found, Some(privileged), access);
    let stage = match stage2 {
        true => Text::new("stage 2 refused it: IPA to PA", "在第二阶段（IPA 到 PA）被拒绝"),
        false => Text::new("stage 1 refused it", "在第一阶段被拒绝"),
    };
    if stage2 {
        found.clue(Clue::SecondStage);
    }
    found.certain(Text::new("stage", "转换阶段"), if stage2 { "2" } else { "1" }, stage);
}

fn address_fields(found: &mut Found, address: u64, second: Option<u64>) {
    found.certain(
        Text::new("input address", "输入地址"),
        format!("{address:#x}"),
        Text::new("the address that the device sent", "设备发出的地址"),
    );
    hints::address(found, address);
    if let Some(ipa) = second {
        found.certain(
            Text::new("intermediate address (IPA)", "中间物理地址（IPA）"),
            format!("{ipa:#x}"),
            Text::new(
                "what stage 2 was to translate; where there is a guest, its guest-physical address",
                "交给第二阶段转换的地址；有客户机时即客户机物理地址",
            ),
        );
    }
}

/// `unexpected global error reported (0x00000001), this could be serious`, and the command queue's error below it.
fn global_error(here: &Here<'_>) -> Option<Found> {
    let bits = Scan(here.text).after("reported (").and_then(Scan::hex);
    let (name, _) = here.text.split_once("unexpected global error")?;
    let below = here.rest.iter().take(6).position(|line| {
        !line.used
            && line.text.contains("CMDQ error (cons")
            && (name.is_empty() || line.text.starts_with(name))
    });
    let mut found = match below {
        Some(at) => {
            let next =
                Here { text: &here.rest[at].text, line: &here.rest[at], rest: &here.rest[at + 1..], ..*here };
            let mut found = command_error(&next)?;
            found.used = found.used.iter().map(|offset| at + 1 + offset).chain([at]).collect();
            found
        }
        None => {
            let title = Phrase::new(
                "SMMUv3: a global error is reported (GERROR)",
                "SMMUv3：报告了全局错误（GERROR）",
            );
            let mut found = Found::status(Arch::SmmuV3, "smmuv3-gerror", title);
            found.causes = match bits {
                Some(bits) if bits & !1 == 0 => &[&BAD_DESCRIPTOR, &QUEUE_MEMORY, &DEVICE_GONE],
                _ => &[&TABLE_UNREADABLE, &BAD_DESCRIPTOR],
            };
            found
        }
    };
    if let Some(bits) = bits {
        const BITS: [(u8, &str); 9] = [
            (0, "CMDQ_ERR"),
            (2, "EVENTQ_ABT_ERR"),
            (3, "PRIQ_ABT_ERR"),
            (4, "MSI_CMDQ_ABT_ERR"),
            (5, "MSI_EVENTQ_ABT_ERR"),
            (6, "MSI_PRIQ_ABT_ERR"),
            (7, "MSI_GERROR_ABT_ERR"),
            (8, "SFM_ERR"),
            (9, "CMDQP_ERR"),
        ];
        let names: Vec<&str> = BITS.iter().filter(|(bit, _)| bits >> bit & 1 == 1).map(|b| b.1).collect();
        found.certain(
            Text::new("GERROR", "GERROR"),
            format!("{bits:#x}"),
            Phrase::new(format!("set: {}", names.join(", ")), format!("为 1 的位：{}", names.join("、"))),
        );
    }
    found.complete = bits.is_some();
    Some(found)
}

/// `CMDQ error (cons 0x0302ba84): ATC invalidate timeout`, and the command that is stepped over.
fn command_error(here: &Here<'_>) -> Option<Found> {
    let cons = Scan(here.text).after("CMDQ error (cons")?.hex()?;
    // IHI 0070, 6.3 (SMMU_CMDQ_CONS) and 7.1.
    let code = cons >> 24 & 0x7f;
    let (title, meaning, clue, causes): (Text, Text, Clue, &'static [&'static Cause]) = match code {
        1 => (
            Text::new("SMMUv3: a command is illegal (CERROR_ILL)", "SMMUv3：命令非法（CERROR_ILL）"),
            Text::new("CERROR_ILL: the unit does not take this command", "CERROR_ILL：SMMU 不接受该命令"),
            Clue::CommandIllegal,
            &[&BAD_DESCRIPTOR, &QUEUE_MEMORY],
        ),
        2 => (
            Text::new(
                "SMMUv3: the command queue could not be read (CERROR_ABT)",
                "SMMUv3：无法读取命令队列（CERROR_ABT）",
            ),
            Text::new(
                "CERROR_ABT: reading the queue's memory failed on the bus",
                "CERROR_ABT：读取队列内存时总线出错",
            ),
            Clue::CommandUnreadable,
            &[&QUEUE_MEMORY, &TABLE_UNREADABLE],
        ),
        3 => (
            Text::new(
                "SMMUv3: a device did not answer an ATS invalidation (CERROR_ATC_INV_SYNC)",
                "SMMUv3：设备没有应答 ATS 失效请求（CERROR_ATC_INV_SYNC）",
            ),
            Text::new(
                "CERROR_ATC_INV_SYNC: the invalidations before a CMD_SYNC were not answered",
                "CERROR_ATC_INV_SYNC：CMD_SYNC 之前的失效请求没有得到应答",
            ),
            Clue::AtcTimeout,
            &[&DEVICE_GONE, &LINK_ERROR],
        ),
        _ => (
            Text::new("SMMUv3: the command queue reports an error", "SMMUv3：命令队列报告错误"),
            Text::new("no error code of the specification", "不是规范中的错误代码"),
            Clue::CommandIllegal,
            &[&BAD_DESCRIPTOR],
        ),
    };
    let mut found = Found::status(Arch::SmmuV3, "smmuv3-cmdq", title.into());
    found.clue(clue);
    found.causes = causes;
    found.certain(Text::new("error", "错误"), code, meaning);
    found.certain(
        Text::new("command index", "命令索引"),
        format!("{:#x}", cons & 0xf_ffff),
        Text::new(
            "CMDQ_CONS bits 19:0: where the queue stopped, with its wrap bit",
            "CMDQ_CONS 的位 19:0，即队列停住的位置，含回绕位",
        ),
    );
    let (name, _) = here.text.split_once("CMDQ error")?;
    let skipping = here
        .rest
        .iter()
        .take(6)
        .position(|line| !line.used && line.text.contains("skipping command in error state"));
    if let Some(at) = skipping {
        found.used.push(at);
        let mut words = Vec::new();
        below(name, here.rest, at + 1, 2, &mut words, &mut found.used);
        if let Some(&low) = words.first() {
            command(&mut found, low, words.get(1).copied());
        }
    }
    Some(found)
}

/// A command by its opcode (IHI 0070, section 4).
fn command(found: &mut Found, low: u64, high: Option<u64>) {
    const COMMANDS: &[(u64, &str)] = &[
        (0x01, "CMD_PREFETCH_CONFIG"),
        (0x02, "CMD_PREFETCH_ADDR"),
        (0x03, "CMD_CFGI_STE"),
        (0x04, "CMD_CFGI_STE_RANGE"),
        (0x05, "CMD_CFGI_CD"),
        (0x06, "CMD_CFGI_CD_ALL"),
        (0x10, "CMD_TLBI_NH_ALL"),
        (0x11, "CMD_TLBI_NH_ASID"),
        (0x12, "CMD_TLBI_NH_VA"),
        (0x13, "CMD_TLBI_NH_VAA"),
        (0x20, "CMD_TLBI_EL2_ALL"),
        (0x22, "CMD_TLBI_EL2_VA"),
        (0x28, "CMD_TLBI_S12_VMALL"),
        (0x2a, "CMD_TLBI_S2_IPA"),
        (0x30, "CMD_TLBI_NSNH_ALL"),
        (0x40, "CMD_ATC_INV"),
        (0x41, "CMD_PRI_RESP"),
        (0x44, "CMD_RESUME"),
        (0x46, "CMD_SYNC"),
    ];
    let name = COMMANDS.iter().find(|(code, _)| *code == low & 0xff).map_or("?", |command| command.1);
    let value = match high {
        Some(high) => format!("{low:#018x} {high:#018x}"),
        None => format!("{low:#018x}"),
    };
    let meaning = match (low, low & 0xff) {
        (0, _) => {
            found.clue(Clue::CommandAllZero);
            Phrase::new(
                "all zeros: no command was there; the queue's memory was not written, or not visible",
                "全 0：那里没有命令；队列内存没有写入，或写入不可见",
            )
        }
        (_, 0x40) => {
            Phrase::new(format!("{name} for stream {:#x}", low >> 32), format!("{name}，流 {:#x}", low >> 32))
        }
        _ => Phrase::same(name.to_string()),
    };
    found.certain(Text::new("command", "命令"), value, meaning);
}

/// Messages about the unit itself.
fn status(here: &Here<'_>) -> Option<Found> {
    let line = here.text;
    let (form, title, causes): (_, _, &'static [&'static Cause]) = match () {
        () if line.contains("EVTQ overflow") => (
            "smmuv3-overflow",
            Phrase::new(
                "SMMUv3: the event queue was full, events are lost",
                "SMMUv3：事件队列已满，事件丢失",
            ),
            &[&UNMAPPED_EARLY, &STALE_RING],
        ),
        () if line.contains("PRIQ overflow") => (
            "smmuv3-overflow",
            Phrase::new(
                "SMMUv3: the page request queue was full, requests are lost",
                "SMMUv3：页请求队列已满，请求丢失",
            ),
            &[&PROCESS_UNMAPPED, &PASID_NOT_BOUND],
        ),
        () => (
            "smmuv3-sync",
            Phrase::new("SMMUv3: commands were not finished in time", "SMMUv3：命令没有及时完成"),
            &[&DEVICE_GONE, &QUEUE_MEMORY, &BAD_DESCRIPTOR],
        ),
    };
    let mut found = Found::status(Arch::SmmuV3, form, title);
    for (key, label, meaning) in [
        (
            "hwprod ",
            Text::new("producer", "生产者"),
            Text::new("where software writes next", "软件下次写入处"),
        ),
        (
            "hwcons ",
            Text::new("consumer", "消费者"),
            Text::new(
                "where the unit reads next; far behind means that it stands",
                "SMMU 下次读取处；落后很多说明已停住",
            ),
        ),
    ] {
        if let Some(value) = Scan(line).after(key).and_then(Scan::hex) {
            found.certain(label, format!("{value:#x}"), meaning);
        }
    }
    found.causes = causes;
    Some(found)
}

/// The causes of an event, in the order that holds without evidence.
pub(super) fn causes(fault: &Fault) -> &'static [&'static Cause] {
    let message = fault.access == Some(Access::Write)
        && fault.address.is_some_and(|at| at & 0xfff == 0x40 || matches!(at, 0xfee0_0000..=0xfeef_ffff));
    match fault.code {
        Some(0x02) => &[&UNKNOWN_STREAM, &ALIAS, &STALE_RING],
        Some(0x03 | 0x09 | 0x0b | 0x25) => &[&TABLE_UNREADABLE, &CORRUPTED, &MEMORY_ERROR],
        Some(0x04) => &[&NOT_ATTACHED, &BAD_ENTRY, &NOT_FLUSHED],
        Some(0x05 | 0x07) => &[&ATS_BLOCKED, &STALE_RING],
        Some(0x06) => &[&PASID_CONFIG, &NOT_ATTACHED],
        Some(0x08) => &[&PASID_CONFIG, &PASID_NOT_BOUND, &BAD_ENTRY],
        Some(0x0a) if fault.pasid.is_none() => &[&BAD_ENTRY, &NOT_FLUSHED, &CORRUPTED],
        Some(0x0a) => &[&PASID_NOT_BOUND, &BAD_ENTRY, &NOT_FLUSHED],
        Some(0x10) if fault.pasid.is_some() => &[&PROCESS_UNMAPPED, &PASID_NOT_BOUND, &NO_PAGE_REQUEST],
        Some(0x10) if message => &[&UNMAPPED_EARLY, &NEVER_MAPPED, &MSI_UNMAPPED, &PHYSICAL_ADDRESS],
        Some(0x10) => &[&UNMAPPED_EARLY, &NEVER_MAPPED, &PHYSICAL_ADDRESS, &STALE_RING, &FIRMWARE_DEVICE],
        Some(0x11) => &[&TOO_WIDE, &PHYSICAL_ADDRESS, &CORRUPTED],
        Some(0x12) if fault.pasid.is_some() => &[&ACCESS_FLAG, &NO_PAGE_REQUEST, &BAD_ENTRY],
        Some(0x12) => &[&ACCESS_FLAG, &BAD_ENTRY],
        Some(0x13) => &[&WRONG_DIRECTION, &USER_BIT, &NO_EXECUTE],
        Some(0x20 | 0x21) => &[&NOT_FLUSHED, &BAD_ENTRY],
        Some(0x24) => &[&NO_PAGE_REQUEST, &PROCESS_UNMAPPED, &BAD_ENTRY],
        None => &[&ATS_BLOCKED, &UNKNOWN_STREAM, &NO_TRANSLATION_YET],
        _ => &[&BAD_ENTRY, &STALE_RING],
    }
}
