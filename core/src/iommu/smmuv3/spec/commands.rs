//! The commands of the queue (IHI 0070, 4).

use crate::spec::{self, EntryType, Field, Text};

/// Declares each opcode once: its constant, and the name by which the commands' tables show it.
macro_rules! opcodes {
    ($($(#[$doc:meta])* $NAME:ident = $code:literal;)*) => {
        /// The opcodes.
        pub mod opcode {
            $($(#[$doc])* pub const $NAME: u8 = $code;)*
        }

        const OPCODES: &[(u64, Text)] = &[
            $(($code, Text::new(concat!("CMD_", stringify!($NAME)), concat!("CMD_", stringify!($NAME)))),)*
        ];
    };
}

opcodes! {
    /// Fetch configuration ahead.
    PREFETCH_CONFIG = 0x01;
    /// Fetch a translation ahead.
    PREFETCH_ADDR = 0x02;
    /// Forget a stream table entry.
    CFGI_STE = 0x03;
    /// Forget a range of them; all with Range 31.
    CFGI_STE_RANGE = 0x04;
    /// Forget a context descriptor.
    CFGI_CD = 0x05;
    /// Forget all context descriptors of a stream.
    CFGI_CD_ALL = 0x06;
    /// Forget stage 1 translations of a VMID.
    TLBI_NH_ALL = 0x10;
    /// Those of an ASID.
    TLBI_NH_ASID = 0x11;
    /// Those of addresses of an ASID.
    TLBI_NH_VA = 0x12;
    /// Those of addresses of every ASID.
    TLBI_NH_VAA = 0x13;
    /// EL3, without meaning here.
    TLBI_EL3_ALL = 0x18;
    /// EL3, without meaning here.
    TLBI_EL3_VA = 0x1a;
    /// Forget translations of EL2.
    TLBI_EL2_ALL = 0x20;
    /// Those of an ASID.
    TLBI_EL2_ASID = 0x21;
    /// Those of addresses of an ASID.
    TLBI_EL2_VA = 0x22;
    /// Those of addresses.
    TLBI_EL2_VAA = 0x23;
    /// Forget both stages of a VMID.
    TLBI_S12_VMALL = 0x28;
    /// Forget stage 2 translations of guest-physical addresses.
    TLBI_S2_IPA = 0x2a;
    /// Forget everything non-secure that is not EL2.
    TLBI_NSNH_ALL = 0x30;
    /// Forget what a device's TLB holds.
    ATC_INV = 0x40;
    /// Answer a group of page requests.
    PRI_RESP = 0x41;
    /// Decide about a stalled transaction.
    RESUME = 0x44;
    /// Terminate a stream's stalled transactions.
    STALL_TERM = 0x45;
    /// Wait for all before.
    SYNC = 0x46;
}

const OPCODE_FIELD: Field = Field::code("Opcode", 7, 0, OPCODES, "which command", "命令码");
const SECURE: Field = Field::flag("SSec", 10, "secure streams", "安全流");
const SUBSTREAM_VALID: Field = Field::flag("SSV", 11, "the SubstreamID is valid", "SubstreamID 有效");
const SUBSTREAM: Field = Field::value("SubstreamID", 31, 12, "SubstreamID", "SubstreamID");
const STREAM: Field = Field::value("StreamID", 63, 32, "StreamID", "StreamID");
const LEAF_ONLY: Field = Field::flag("Leaf", 64, "only what leaves say", "仅叶子项");

spec::values! {
    /// How CMD_SYNC reports completion.
    pub CS_VALUES / cs {
        NONE = 0 "no signal: software polls CONS" "不通知：软件轮询 CONS";
        IRQ = 1 "an interrupt: a message is written" "中断：写出消息";
        SEV = 2 "an event wakes CPUs" "以事件唤醒处理器";
    }
    /// What a device is told of its page requests.
    pub RESP_VALUES / resp {
        RESPONSE_FAILURE = 0 "ResponseFailure" "响应失败（ResponseFailure）";
        INVALID_REQUEST = 1 "InvalidRequest" "无效请求（InvalidRequest）";
        SUCCESS = 2 "Success" "成功";
    }
    /// The granule of a range.
    pub TG_VALUES / tg {
        NONE = 0 "one address, no range" "单个地址，非区间";
        K4 = 1 "4 KiB" "4 KiB";
        K16 = 2 "16 KiB" "16 KiB";
        K64 = 3 "64 KiB" "64 KiB";
    }
}

spec::structure! {
    /// CMD_PREFETCH_CONFIG and CMD_PREFETCH_ADDR (IHI 0070, 4.2).
    pub PREFETCH / prefetch: 2 words, "IHI 0070 4.2", "CMD_PREFETCH" "CMD_PREFETCH（预取命令）" {
        OPCODE = OPCODE_FIELD;
        _    [9:8]    ignored;
        SSEC = SECURE;
        SSV = SUBSTREAM_VALID;
        SSID = SUBSTREAM;
        SID = STREAM;
        SIZE "Size" [68:64] value "2^Size pages" "2^Size 页";
        _    [75:69]  ignored;
        ADDR "Address" [127:76] address(12) "address" "地址";
    }
    /// CMD_CFGI_STE (IHI 0070, 4.3.1).
    pub CFGI_STE / cfgi_ste: 2 words, "IHI 0070 4.3", "CMD_CFGI_STE" "CMD_CFGI_STE（使流表项失效）" {
        OPCODE = OPCODE_FIELD;
        _    [9:8]    ignored;
        SSEC = SECURE;
        _    [31:11]  ignored;
        SID = STREAM;
        LEAF = LEAF_ONLY;
        _    [127:65] ignored;
    }
    /// CMD_CFGI_STE_RANGE and CMD_CFGI_ALL (IHI 0070, 4.3.2).
    pub CFGI_STE_RANGE / cfgi_ste_range: 2 words, "IHI 0070 4.3", "CMD_CFGI_STE_RANGE" "CMD_CFGI_STE_RANGE（使一段流表项失效）" {
        OPCODE = OPCODE_FIELD;
        _    [9:8]    ignored;
        SSEC = SECURE;
        _    [31:11]  ignored;
        SID = STREAM;
        RANGE "Range" [68:64] value "2^(Range+1) StreamIDs; 31: all" "2^(Range+1) 个 StreamID；31 为全部";
        _    [127:69] ignored;
    }
    /// CMD_CFGI_CD and CMD_CFGI_CD_ALL (IHI 0070, 4.3.3).
    pub CFGI_CD / cfgi_cd: 2 words, "IHI 0070 4.3", "CMD_CFGI_CD" "CMD_CFGI_CD（使上下文描述符失效）" {
        OPCODE = OPCODE_FIELD;
        _    [9:8]    ignored;
        SSEC = SECURE;
        _    [11]     ignored;
        SSID = SUBSTREAM;
        SID = STREAM;
        LEAF = LEAF_ONLY;
        _    [127:65] ignored;
    }
    /// The CMD_TLBI commands (IHI 0070, 4.4), which have one layout: each has its name by its opcode.
    pub TLBI / tlbi: 2 words, "IHI 0070 4.4", "CMD_TLBI" "CMD_TLBI（使转换失效）" {
        OPCODE = OPCODE_FIELD;
        _    [11:8]   ignored;
        NUM  [16:12]  value "range: NUM + 1 times 2^SCALE granules" "区间：(NUM + 1) × 2^SCALE 个粒度";
        _    [19:17]  ignored;
        SCALE [25:20] value "range: NUM + 1 times 2^SCALE granules; bit 5 with IDR5.DS" "区间：(NUM + 1) × 2^SCALE 个粒度；第 5 位需 IDR5.DS";
        _    [31:26]  ignored;
        VMID [47:32]  value "VMID" "VMID";
        ASID [63:48]  value "ASID" "ASID";
        LEAF = LEAF_ONLY;
        _    [71:65]  ignored;
        TTL  [73:72]  value "level of the leaf, where known" "叶子所在级（若已知）";
        TG   [75:74]  code(TG_VALUES) "granule of a range" "区间粒度";
        ADDR "Address" [127:76] address(12) "first address" "起始地址";
    }
    /// CMD_ATC_INV (IHI 0070, 4.5.1).
    pub ATC_INV / atc_inv: 2 words, "IHI 0070 4.5", "CMD_ATC_INV" "CMD_ATC_INV（使设备 TLB 失效）" {
        OPCODE = OPCODE_FIELD;
        _    [8]      ignored;
        GLOBAL "Global" [9] flag "of every PASID" "所有 PASID";
        SSEC = SECURE;
        SSV = SUBSTREAM_VALID;
        SSID = SUBSTREAM;
        SID = STREAM;
        SIZE "Size" [69:64] value "2^Size pages; 52: all" "2^Size 页；52 为全部";
        _    [75:70]  ignored;
        ADDR "Address" [127:76] address(12) "first address" "起始地址";
    }
    /// CMD_PRI_RESP (IHI 0070, 4.5.2).
    pub PRI_RESP / pri_resp: 2 words, "IHI 0070 4.5", "CMD_PRI_RESP" "CMD_PRI_RESP（应答页请求）" {
        OPCODE = OPCODE_FIELD;
        _    [9:8]    ignored;
        SSEC = SECURE;
        SSV = SUBSTREAM_VALID;
        SSID = SUBSTREAM;
        SID = STREAM;
        PRGINDEX "PRGIndex" [72:64] value "page request group" "页请求组";
        _    [75:73]  ignored;
        RESP "Resp" [77:76] code(RESP_VALUES) "response" "应答";
        _    [127:78] ignored;
    }
    /// CMD_RESUME (IHI 0070, 4.7).
    pub RESUME / resume: 2 words, "IHI 0070 4.7", "CMD_RESUME" "CMD_RESUME（处置停顿事务）" {
        OPCODE = OPCODE_FIELD;
        _    [9:8]    ignored;
        SSEC = SECURE;
        _    [11]     ignored;
        AC "Ac" [12]  flag "try again" "重试";
        AB "Ab" [13]  flag "abort, where it does not try again" "不重试时返回中止";
        _    [31:14]  ignored;
        SID = STREAM;
        STAG [79:64]  value "which stalled transaction" "哪个停顿事务";
        _    [127:80] ignored;
    }
    /// CMD_STALL_TERM (IHI 0070, 4.7).
    pub STALL_TERM / stall_term: 2 words, "IHI 0070 4.7", "CMD_STALL_TERM" "CMD_STALL_TERM（终止停顿事务）" {
        OPCODE = OPCODE_FIELD;
        _    [9:8]    ignored;
        SSEC = SECURE;
        _    [31:11]  ignored;
        SID = STREAM;
        _    [127:64] ignored;
    }
    /// CMD_SYNC (IHI 0070, 4.7).
    pub SYNC / sync: 2 words, "IHI 0070 4.7", "CMD_SYNC" "CMD_SYNC（同步）" {
        OPCODE = OPCODE_FIELD;
        _    [11:8]   ignored;
        CS   [13:12]  code(CS_VALUES) "signal of completion" "完成通知方式";
        _    [21:14]  ignored;
        MSH  [23:22]  value "shareability of the message" "消息的可共享性";
        MSIATTR "MSIAttr" [27:24] value "memory type of the message" "消息的内存类型";
        _    [31:28]  ignored;
        MSIDATA "MSIData" [63:32] value "data of the message" "消息数据";
        _    [65:64]  ignored;
        MSIADDR "MSIAddress" [119:66] address(2) "address of the message; 0: none" "消息地址；0 为无";
        _    [127:120] ignored;
    }
    /// What is no command.
    pub UNKNOWN / unknown: 2 words, "IHI 0070 4.1", "unknown command" "未知命令" {
        OPCODE = OPCODE_FIELD;
        _    [63:8]   ignored;
        _    [127:64] ignored;
    }
}

/// Gives each CMD_TLBI command its own name over the layout that all have.
macro_rules! translations {
    ($($NAME:ident)*) => {
        /// Returns the CMD_TLBI command of an opcode.
        fn translations(code: u8) -> Option<&'static EntryType> {
            $(static $NAME: EntryType = EntryType {
                name: Text::new(
                    concat!("CMD_", stringify!($NAME)),
                    concat!("CMD_", stringify!($NAME), "（使转换失效）"),
                ),
                words: TLBI.words,
                fields: TLBI.fields,
                section: TLBI.section,
            };)*
            match code {
                $(opcode::$NAME => Some(&$NAME),)*
                _ => None,
            }
        }
    };
}

translations! {
    TLBI_NH_ALL TLBI_NH_ASID TLBI_NH_VA TLBI_NH_VAA TLBI_EL3_ALL
    TLBI_EL3_VA TLBI_EL2_ALL TLBI_EL2_ASID TLBI_EL2_VA TLBI_EL2_VAA
    TLBI_S12_VMALL TLBI_S2_IPA TLBI_NSNH_ALL
}

/// Returns the layout of the command whose first word is `low`.
pub fn command(low: u64) -> &'static EntryType {
    match low as u8 {
        opcode::PREFETCH_CONFIG | opcode::PREFETCH_ADDR => &PREFETCH,
        opcode::CFGI_STE => &CFGI_STE,
        opcode::CFGI_STE_RANGE => &CFGI_STE_RANGE,
        opcode::CFGI_CD | opcode::CFGI_CD_ALL => &CFGI_CD,
        opcode::ATC_INV => &ATC_INV,
        opcode::PRI_RESP => &PRI_RESP,
        opcode::RESUME => &RESUME,
        opcode::STALL_TERM => &STALL_TERM,
        opcode::SYNC => &SYNC,
        other => translations(other).unwrap_or(&UNKNOWN),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_shown_by_its_own_name_where_its_opcode_has_one() {
        for (code, name) in OPCODES.iter().filter(|(_, name)| name.en.starts_with("CMD_TLBI")) {
            let shown = command(*code);
            assert_eq!(shown.name.en, name.en);
            assert!(shown.covers_every_bit_once());
        }
        assert_eq!(command(0xee).name.en, "unknown command");
    }
}
