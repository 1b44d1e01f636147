//! Arm SMMUv3: events as Linux prints them, as four raw words and, since Linux v6.14, decoded.
//!
//! Event numbers and fields are of the Arm System Memory Management Unit Architecture Specification version 3
//! (IHI 0070), section 7.3.

use super::causes::{self, Cause};
use super::fault::{Access, Arch, Fault};
use super::hints;
use super::items::{Found, Kind};
use super::scan::{unquoted, Scan};
use crate::addr::RequesterId;
use crate::spec::{FaultCode, Phrase, Text};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

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
    0x10 "F_TRANSLATION" "7.3.13" "no valid entry translates the address" "没有有效的页表项转换该地址";
    0x11 "F_ADDR_SIZE" "7.3.14" "an address is wider than the configured size" "地址超出所配置的宽度";
    0x12 "F_ACCESS" "7.3.15" "the entry's access flag (AF) is 0" "页表项的访问标志（AF）为 0";
    0x13 "F_PERMISSION" "7.3.16" "the entry does not allow this access" "页表项不允许此访问";
    0x20 "F_TLB_CONFLICT" "7.3.17" "two TLB entries match one address" "同一地址命中两个 TLB 项";
    0x21 "F_CFG_CONFLICT" "7.3.18" "two cached configurations match one stream" "同一流命中两份缓存配置";
    0x24 "E_PAGE_REQUEST" "7.3.19" "a hint that a page will be wanted" "提示即将需要某页";
    0x25 "F_VMS_FETCH" "7.3.20" "reading the virtual machine structure failed on the bus" "读取虚拟机结构时总线出错";
}

pub(super) fn by_code(code: u16) -> Option<&'static FaultCode> {
    SMMU_EVENTS.iter().find(|event| event.code == code)
}

/// `event 0x10 received:` and the four words below it.
pub(super) fn raw(lines: &[&str]) -> Option<Found> {
    let code = Scan(lines.first()?).after("event ")?.hex()? as u16 & 0xff;
    let mut words = [0u64; 4];
    let mut n = 0;
    while n < 4 {
        let Some(line) = lines.get(1 + n) else { break };
        let Some(word) =
            line.rsplit(char::is_whitespace).find(|w| !w.is_empty()).filter(|w| w.starts_with("0x"))
        else {
            break;
        };
        let Some(word) = Scan(word).hex() else { break };
        words[n] = word;
        n += 1;
    }
    let known = by_code(code);
    let mut fault = Fault { code: Some(code), known, ..Fault::default() };
    if n > 0 {
        fault.device = Some(RequesterId::new((words[0] >> 32) as u32));
        fault.pasid = (words[0] >> 11 & 1 == 1).then_some((words[0] >> 12) as u32 & 0xf_ffff);
    }
    let translation = matches!(code, 0x10..=0x13);
    if n == 4 && translation {
        let bit = |n: u32| words[1] >> n & 1 == 1;
        fault.access = Some(match (bit(34), bit(35)) {
            (true, _) => Access::Execute,
            (false, true) => Access::Read,
            (false, false) => Access::Write,
        });
        fault.address = Some(words[2]);
        fault.second = bit(39).then_some(words[3] & 0xf_ffff_ffff_f000);
    }
    let mut found = start(&fault, 1 + n, "smmuv3-raw");
    event_field(&mut found, &fault);
    if n == 0 {
        found.inferred(
            Text::new("words", "记录内容"),
            "-",
            Text::new("the four words of the record are missing from the paste", "粘贴内容缺少记录的四个字"),
        );
        return Some(found);
    }
    let sid = (words[0] >> 32) as u32;
    hints::device(&mut found, Arch::SmmuV3, &format!("{sid:#x}"), false);
    process_field(&mut found, fault.pasid);
    if n == 4 && translation {
        access_fields(&mut found, words[1] >> 33 & 1 == 1, fault.access, words[1] >> 39 & 1 == 1);
        let class = match words[1] >> 40 & 3 {
            0 => Text::new("while reading the context descriptor", "读取上下文描述符时"),
            1 => Text::new("while reading a translation table", "读取页表时"),
            2 => Text::new("the input address itself", "输入地址本身"),
            _ => Text::new("reserved", "保留"),
        };
        found.certain(Text::new("class", "类别"), words[1] >> 40 & 3, class);
        address_fields(&mut found, words[2], fault.second);
        if words[1] >> 31 & 1 == 1 {
            found.certain(
                Text::new("stall", "停顿"),
                format!("STAG {:#x}", words[1] & 0xffff),
                Text::new(
                    "the transaction waits for software to resume or abort it",
                    "事务在等待软件恢复或终止",
                ),
            );
        }
    } else if n == 4 && matches!(code, 0x03 | 0x09 | 0x25 | 0x0b) {
        let at = words[3] & 0xf_ffff_ffff_fff8;
        found.certain(
            Text::new("fetch address", "读取地址"),
            format!("{at:#x}"),
            Text::new("where the structure was read from", "读取该结构的物理地址"),
        );
    }
    Some(found)
}

/// `event: F_TRANSLATION client: ... sid: ... ssid: ... iova: ... ipa: ...` and the line of attributes below.
pub(super) fn decoded(lines: &[&str]) -> Option<Found> {
    let body = Scan(unquoted(lines.first()?)).after("event: ")?;
    let name = body.word();
    let known = SMMU_EVENTS.iter().find(|event| event.name == name);
    let client = body.after("client: ")?.before(" sid:")?.0.trim();
    let number = |key: &str| body.after(key).and_then(Scan::number);
    let sid = number(" sid: ")?;
    let ssid = number("ssid: ").unwrap_or(0) as u32;
    let mut fault = Fault {
        code: known.map(|event| event.code),
        known,
        device: Some(RequesterId::new(sid as u32)),
        pasid: Some(ssid).filter(|&ssid| ssid != 0),
        address: number("iova: "),
        ..Fault::default()
    };
    let second = number("ipa: ").filter(|&ipa| ipa != 0);
    // `unpriv data write s1 "Input address caused fault" stag: 0x0`
    let attributes = lines.get(1).map(|line| unquoted(line)).filter(|line| line.contains("stag:"));
    let has = |word: &str| attributes.is_some_and(|line| line.split(' ').any(|w| w == word));
    if attributes.is_some() {
        fault.access = Some(match (has("inst"), has("read")) {
            (true, _) => Access::Execute,
            (false, true) => Access::Read,
            (false, false) => Access::Write,
        });
        fault.second = second.filter(|_| has("s2"));
    }
    let mut found = start(&fault, if attributes.is_some() { 2 } else { 1 }, "smmuv3-decoded");
    event_field(&mut found, &fault);
    hints::device(&mut found, Arch::SmmuV3, &format!("{sid:#x}"), false);
    if !client.is_empty() {
        let meaning = match client.starts_with('(') {
            true => Text::new("no device of Linux has this StreamID", "Linux 中没有设备使用该 StreamID"),
            false => {
                Text::new("the device that Linux knows by this StreamID", "Linux 中使用该 StreamID 的设备")
            }
        };
        found.certain(Text::new("client", "设备"), client, meaning);
    }
    process_field(&mut found, fault.pasid);
    if attributes.is_some() {
        access_fields(&mut found, has("priv"), fault.access, has("s2"));
    }
    if let Some(address) = fault.address {
        address_fields(&mut found, address, second);
    }
    if let Some(at) = number("fetch_addr: ") {
        found.certain(
            Text::new("fetch address", "读取地址"),
            format!("{at:#x}"),
            Text::new("where the structure was read from", "读取该结构的物理地址"),
        );
    }
    Some(found)
}

fn start(fault: &Fault, taken: usize, form: &'static str) -> Found {
    let name = fault.known.map_or("unknown event", |event| event.name);
    let sid = fault.device.map_or(0, RequesterId::raw);
    Found {
        taken,
        kind: Kind::Fault(*fault),
        arch: Arch::SmmuV3,
        form,
        title: Phrase::new(format!("SMMUv3 {name}, stream {sid:#x}"), format!("SMMUv3 {name}，流 {sid:#x}")),
        fields: Vec::new(),
        causes: causes::of(Arch::SmmuV3, fault),
        scenario: None,
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
            code.map_or(String::from("?"), |code| format!("{code:#04x}")),
            Text::new("not an event of the SMMUv3 specification", "不是 SMMUv3 规范中的事件"),
        ),
    }
}

fn process_field(found: &mut Found, pasid: Option<u32>) {
    if let Some(pasid) = pasid {
        found.certain(
            Arch::SmmuV3.process_term(),
            format!("{pasid:#x}"),
            Text::new("the process that the request speaks for", "请求所代表的进程"),
        );
    }
}

fn access_fields(found: &mut Found, privileged: bool, access: Option<Access>, stage2: bool) {
    let access = access.map_or(Text::new("?", "?"), Access::text);
    let (en, zh) = if privileged { ("privileged", "特权") } else { ("unprivileged", "非特权") };
    found.certain(
        Text::new("access", "访问"),
        access,
        Phrase::new(format!("{en} {}", access.en), format!("{zh}{}", access.zh)),
    );
    let stage = match stage2 {
        true => Text::new("stage 2 refused it: GPA to HPA", "由第二级拒绝：GPA 到 HPA"),
        false => Text::new("stage 1 refused it", "由第一级拒绝"),
    };
    found.certain(Text::new("stage", "转换级"), if stage2 { "2" } else { "1" }, stage);
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
                "the guest-physical address that stage 2 was asked for",
                "请求第二级转换的客户机物理地址",
            ),
        );
    }
}

/// Messages about the unit itself.
pub(super) fn status(lines: &[&str]) -> Option<Found> {
    let line = unquoted(lines.first()?);
    let (form, title, causes): (_, _, &[&'static Cause]) = if line.contains("EVTQ overflow") {
        (
            "smmuv3-overflow",
            Phrase::new(
                "SMMUv3: the event queue was full, events are lost",
                "SMMUv3：事件队列已满，事件丢失",
            ),
            &[&causes::UNMAPPED_EARLY, &causes::STALE_RING],
        )
    } else if line.contains("CMD_SYNC timeout") {
        (
            "smmuv3-sync",
            Phrase::new("SMMUv3: commands were not finished in time", "SMMUv3：命令没有及时完成"),
            &[&causes::DEVICE_GONE, &causes::BAD_DESCRIPTOR],
        )
    } else {
        (
            "smmuv3-gerror",
            Phrase::new("SMMUv3: a global error is reported (GERROR)", "SMMUv3：报告了全局错误（GERROR）"),
            &[&causes::BAD_DESCRIPTOR, &causes::TABLE_UNREADABLE],
        )
    };
    let mut found = Found::status(1, Arch::SmmuV3, form, title);
    if let Some(bits) = Scan(line).after("reported (").and_then(Scan::hex) {
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
            Phrase::new(format!("set: {}", names.join(", ")), format!("置位：{}", names.join("、"))),
        );
    }
    found.causes = causes.to_vec();
    Some(found)
}

/// The usual causes of an event.
pub(super) fn causes(code: u16) -> Vec<&'static Cause> {
    use causes::*;
    let list: &[&Cause] = match code {
        0x02 => &[&UNKNOWN_STREAM, &ALIAS, &STALE_RING],
        0x03 | 0x09 | 0x0b | 0x25 => &[&TABLE_UNREADABLE, &CORRUPTED, &MEMORY_ERROR],
        0x04 => &[&NOT_ATTACHED, &BAD_ENTRY, &NOT_FLUSHED],
        0x05 | 0x07 => &[&ATS_BLOCKED, &STALE_RING],
        0x06 => &[&PASID_CONFIG, &NOT_ATTACHED],
        0x08 => &[&PASID_CONFIG, &PASID_NOT_BOUND],
        0x0a => &[&PASID_NOT_BOUND, &BAD_ENTRY, &NOT_FLUSHED],
        0x10 => &[&UNMAPPED_EARLY, &NEVER_MAPPED, &PHYSICAL_ADDRESS, &FIRMWARE_DEVICE],
        0x11 => &[&TOO_WIDE, &PHYSICAL_ADDRESS, &CORRUPTED],
        0x12 => &[&ACCESS_FLAG, &PROCESS_UNMAPPED],
        0x13 => &[&WRONG_DIRECTION, &USER_BIT, &NO_EXECUTE],
        0x20 | 0x21 => &[&NOT_FLUSHED, &BAD_ENTRY],
        0x24 => &[&NO_PAGE_REQUEST, &PROCESS_UNMAPPED],
        _ => &[&BAD_ENTRY, &STALE_RING],
    };
    list.to_vec()
}
