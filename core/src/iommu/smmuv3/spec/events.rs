//! What the unit records: event codes, the layouts of their records, and of page requests (IHI 0070, 7.3 and 8).

use crate::spec::{self, EntryType, Field};

spec::fault_codes! {
    section "IHI 0070 7.3" {
        F_UUT = 0x01 "F_UUT" always "a transaction of a kind that is not supported" "不支持的事务类型";
        C_BAD_STREAMID = 0x02 "C_BAD_STREAMID" always
            "the StreamID is outside the stream table, or its level 1 descriptor has no table" "StreamID 超出流表范围，或其一级描述符无下级表";
        F_STE_FETCH = 0x03 "F_STE_FETCH" always "the stream table could not be read" "无法读取流表";
        C_BAD_STE = 0x04 "C_BAD_STE" always "the stream table entry is not valid or not legal" "流表项无效或不合法";
        F_BAD_ATS_TREQ = 0x05 "F_BAD_ATS_TREQ" always
            "an ATS translation request that the stream does not allow" "该流不允许的 ATS 转换请求";
        F_STREAM_DISABLED = 0x06 "F_STREAM_DISABLED" always
            "the stream takes no transactions without SubstreamID, or with SubstreamID 0 where that stands for those"
            "S1DSS 不允许这次事务：不带 SubstreamID（S1DSS = 0b00），或 SubstreamID 为 0（S1DSS = 0b10）";
        F_TRANSL_FORBIDDEN = 0x07 "F_TRANSL_FORBIDDEN" always
            "a translated transaction that the stream does not allow" "该流不允许的已转换事务";
        C_BAD_SUBSTREAMID = 0x08 "C_BAD_SUBSTREAMID" always
            "the SubstreamID is outside the table of context descriptors" "SubstreamID 超出上下文描述符表范围";
        F_CD_FETCH = 0x09 "F_CD_FETCH" always "a context descriptor could not be read" "无法读取上下文描述符";
        C_BAD_CD = 0x0a "C_BAD_CD" always "the context descriptor is not valid or not legal" "上下文描述符无效或不合法";
        F_WALK_EABT = 0x0b "F_WALK_EABT" always "a translation table could not be read" "无法读取页表";
        F_TRANSLATION = 0x10 "F_TRANSLATION" "no translation: nothing is mapped there" "该处没有映射";
        F_ADDR_SIZE = 0x11 "F_ADDR_SIZE" "an address is wider than the output size" "地址超出输出位宽";
        F_ACCESS = 0x12 "F_ACCESS" "the access flag is 0" "访问标志为 0";
        F_PERMISSION = 0x13 "F_PERMISSION" "the mapping does not allow the access" "映射不允许这次访问";
        F_TLB_CONFLICT = 0x20 "F_TLB_CONFLICT" always "two cached translations overlap" "两个缓存的转换重叠";
        F_CFG_CONFLICT = 0x21 "F_CFG_CONFLICT" always "two cached configurations overlap" "两个缓存的配置重叠";
        E_PAGE_REQUEST = 0x24 "E_PAGE_REQUEST" always "a hint: a page will be wanted" "提示：将需要某页";
        F_VMS_FETCH = 0x25 "F_VMS_FETCH" always "a VM structure could not be read" "无法读取 VM 结构";
    }
}

/// Returns the event with this number.
pub fn by_code(code: u16) -> Option<&'static crate::spec::FaultCode> {
    ALL.iter().copied().find(|event| event.code == code)
}

spec::values! {
    /// What the access that failed was for.
    pub CLASS_VALUES / class {
        CD = 0 "a fetch of a context descriptor" "读取上下文描述符";
        TT = 1 "a fetch of a stage 1 table" "读取第一阶段页表";
        IN = 2 "the transaction itself" "事务本身";
    }
}

const EVENT_NUMBER: Field = Field::value("Event", 7, 0, "which event", "事件号");
const SUBSTREAM_VALID: Field = Field::flag("SSV", 11, "the SubstreamID is valid", "SubstreamID 有效");
const SUBSTREAM: Field = Field::value("SubstreamID", 31, 12, "SubstreamID", "SubstreamID");
const STREAM: Field = Field::value("StreamID", 63, 32, "StreamID", "StreamID");
const REASON_FIELD: Field =
    Field::value("Reason", 79, 64, "why, as the implementation defines it", "由实现定义的原因");
const INPUT_ADDRESS: Field =
    Field::address("InputAddr", 191, 128, 0, "the address of the transaction", "事务的地址");

spec::structure! {
    /// C_BAD_STREAMID, C_BAD_STE and C_BAD_CD (IHI 0070, 7.3).
    pub CONFIGURATION / configuration: 4 words, "IHI 0070 7.3", "event record" "事件记录" {
        NUMBER = EVENT_NUMBER;
        _     [10:8]    ignored;
        SSV = SUBSTREAM_VALID;
        SSID = SUBSTREAM;
        SID = STREAM;
        _     [127:64]  ignored;
        _     [191:128] ignored;
        _     [255:192] ignored;
    }
    /// F_STE_FETCH and F_CD_FETCH (IHI 0070, 7.3).
    pub FETCH / fetch: 4 words, "IHI 0070 7.3", "event record" "事件记录" {
        NUMBER = EVENT_NUMBER;
        _     [10:8]    ignored;
        SSV = SUBSTREAM_VALID;
        SSID = SUBSTREAM;
        SID = STREAM;
        _     [127:64]  ignored;
        _     [191:128] ignored;
        _     [194:192] ignored;
        FETCH_ADDR "FetchAddr" [243:195] address(3) "what could not be read" "无法读取的地址";
        _     [255:244] ignored;
    }
    /// F_UUT (IHI 0070, 7.3.2).
    pub UNSUPPORTED / unsupported: 4 words, "IHI 0070 7.3.2", "event record" "事件记录" {
        NUMBER = EVENT_NUMBER;
        _     [10:8]    ignored;
        SSV = SUBSTREAM_VALID;
        SSID = SUBSTREAM;
        SID = STREAM;
        REASON = REASON_FIELD;
        _     [96:80]   ignored;
        PNU "PnU" [97]  flag "privileged" "特权";
        IND "InD" [98]  flag "a fetch" "取指";
        RNW "RnW" [99]  flag "a read" "读";
        _     [127:100] ignored;
        INPUT = INPUT_ADDRESS;
        _     [255:192] ignored;
    }
    /// F_BAD_ATS_TREQ (IHI 0070, 7.3.6). It has the requested rights and Span too; where they are is in a picture only, so
    /// they are left out here.
    pub BAD_REQUEST / bad_request: 4 words, "IHI 0070 7.3.6", "event record" "事件记录" {
        NUMBER = EVENT_NUMBER;
        _     [10:8]    ignored;
        SSV = SUBSTREAM_VALID;
        SSID = SUBSTREAM;
        SID = STREAM;
        _     [127:64]  ignored;
        INPUT = INPUT_ADDRESS;
        _     [255:192] ignored;
    }
    /// F_STREAM_DISABLED: no SubstreamID (IHI 0070, 7.3.7).
    pub DISABLED / disabled: 4 words, "IHI 0070 7.3.7", "event record" "事件记录" {
        NUMBER = EVENT_NUMBER;
        _     [31:8]    ignored;
        SID = STREAM;
        _     [127:64]  ignored;
        _     [191:128] ignored;
        _     [255:192] ignored;
    }
    /// F_TRANSL_FORBIDDEN: of the access only its direction (IHI 0070, 7.3.8).
    pub FORBIDDEN / forbidden: 4 words, "IHI 0070 7.3.8", "event record" "事件记录" {
        NUMBER = EVENT_NUMBER;
        _     [31:8]    ignored;
        SID = STREAM;
        _     [98:64]   ignored;
        RNW "RnW" [99]  flag "a read" "读";
        _     [127:100] ignored;
        INPUT = INPUT_ADDRESS;
        _     [255:192] ignored;
    }
    /// C_BAD_SUBSTREAMID: its SubstreamID always counts, there is no SSV (IHI 0070, 7.3.9).
    pub BAD_SUBSTREAM / bad_substream: 4 words, "IHI 0070 7.3.9", "event record" "事件记录" {
        NUMBER = EVENT_NUMBER;
        _     [11:8]    ignored;
        SSID = SUBSTREAM;
        SID = STREAM;
        _     [127:64]  ignored;
        _     [191:128] ignored;
        _     [255:192] ignored;
    }
    /// F_TLB_CONFLICT: its fields are those that other records have, at the places that those have (IHI 0070, 7.3.17).
    pub TLB_CONFLICT / tlb_conflict: 4 words, "IHI 0070 7.3.17", "event record" "事件记录" {
        NUMBER = EVENT_NUMBER;
        _     [10:8]    ignored;
        SSV = SUBSTREAM_VALID;
        SSID = SUBSTREAM;
        SID = STREAM;
        REASON = REASON_FIELD;
        _     [96:80]   ignored;
        PNU "PnU" [97]  flag "privileged" "特权";
        IND "InD" [98]  flag "a fetch" "取指";
        RNW "RnW" [99]  flag "a read" "读";
        _     [102:100] ignored;
        S2    [103]     flag "IPA is valid" "IPA 有效";
        _     [127:104] ignored;
        INPUT = INPUT_ADDRESS;
        _     [203:192] ignored;
        IPA   [243:204] address(12) "the intermediate address, where S2 is 1" "S2 为 1 时的中间地址";
        _     [255:244] ignored;
    }
    /// F_CFG_CONFLICT (IHI 0070, 7.3.18).
    pub CFG_CONFLICT / cfg_conflict: 4 words, "IHI 0070 7.3.18", "event record" "事件记录" {
        NUMBER = EVENT_NUMBER;
        _     [10:8]    ignored;
        SSV = SUBSTREAM_VALID;
        SSID = SUBSTREAM;
        SID = STREAM;
        REASON = REASON_FIELD;
        _     [127:80]  ignored;
        _     [191:128] ignored;
        _     [255:192] ignored;
    }
    /// F_VMS_FETCH (IHI 0070, 7.3.20).
    pub VMS_FETCH / vms_fetch: 4 words, "IHI 0070 7.3.20", "event record" "事件记录" {
        NUMBER = EVENT_NUMBER;
        _     [10:8]    ignored;
        SSV = SUBSTREAM_VALID;
        SSID = SUBSTREAM;
        SID = STREAM;
        REASON = REASON_FIELD;
        GPCF  [80]      flag "a granule protection check refused" "由粒度保护检查拒绝";
        _     [127:81]  ignored;
        _     [191:128] ignored;
        _     [194:192] ignored;
        FETCH_ADDR "FetchAddr" [243:195] address(3) "what could not be read" "无法读取的地址";
        _     [255:244] ignored;
    }
    /// A fault of a stage (IHI 0070, 7.3.12 to 7.3.16).
    pub TRANSLATION / translation: 4 words, "IHI 0070 7.3", "event record" "事件记录" {
        NUMBER = EVENT_NUMBER;
        _     [10:8]    ignored;
        SSV = SUBSTREAM_VALID;
        SSID = SUBSTREAM;
        SID = STREAM;
        STAG  [79:64]   value "name of the stalled transaction" "停顿事务的标签";
        _     [94:80]   ignored;
        STALL "Stall" [95] flag "the transaction waits for CMD_RESUME" "事务停顿，等待 CMD_RESUME";
        _     [96]      ignored;
        PNU "PnU" [97]  flag "privileged" "特权";
        IND "InD" [98]  flag "a fetch" "取指";
        RNW "RnW" [99]  flag "a read" "读";
        _     [102:100] ignored;
        S2    [103]     flag "stage 2 refused" "由第二阶段拒绝";
        CLASS [105:104] code(CLASS_VALUES) "what the access was for" "访问的用途";
        _     [107:106] ignored;
        TTRNW "TTRnW" [108] flag "the table access was a read" "对页表的访问为读";
        _     [127:109] ignored;
        INPUT = INPUT_ADDRESS;
        _     [203:192] ignored;
        IPA   [243:204] address(12) "the intermediate address, where S2 is 1" "S2 为 1 时的中间地址";
        _     [255:244] ignored;
    }
    /// F_WALK_EABT: the address that could not be read stands with all its bits (IHI 0070, 7.3.12).
    pub WALK / walk: 4 words, "IHI 0070 7.3", "event record" "事件记录" {
        NUMBER = EVENT_NUMBER;
        _     [10:8]    ignored;
        SSV = SUBSTREAM_VALID;
        SSID = SUBSTREAM;
        SID = STREAM;
        STAG  [79:64]   value "reserved" "保留";
        _     [96:80]   ignored;
        PNU "PnU" [97]  flag "privileged" "特权";
        IND "InD" [98]  flag "a fetch" "取指";
        RNW "RnW" [99]  flag "a read" "读";
        _     [102:100] ignored;
        S2    [103]     flag "a stage 2 table" "第二阶段页表";
        CLASS [105:104] code(CLASS_VALUES) "what the access was for" "访问的用途";
        _     [127:106] ignored;
        INPUT = INPUT_ADDRESS;
        _     [194:192] ignored;
        FETCH_ADDR "FetchAddr" [243:195] address(3) "what could not be read" "无法读取的地址";
        _     [255:244] ignored;
    }
    /// E_PAGE_REQUEST: pages that a device will want, without a request of its own (IHI 0070, 7.3.19).
    pub HINT / hint: 4 words, "IHI 0070 7.3.19", "event record" "事件记录" {
        NUMBER = EVENT_NUMBER;
        _     [10:8]    ignored;
        SSV = SUBSTREAM_VALID;
        SSID = SUBSTREAM;
        SID = STREAM;
        _     [97:64]   ignored;
        UX "uX" [98]    flag "to execute, unprivileged" "非特权执行";
        UW "uW" [99]    flag "to write, unprivileged" "非特权写";
        UR "uR" [100]   flag "to read, unprivileged" "非特权读";
        PX "pX" [101]   flag "to execute, privileged" "特权执行";
        PW "pW" [102]   flag "to write, privileged" "特权写";
        PR "pR" [103]   flag "to read, privileged" "特权读";
        _     [107:104] ignored;
        SPAN "Span" [115:108] value "pages of 4 KiB" "4 KiB 页数";
        _     [127:116] ignored;
        _     [139:128] ignored;
        INPUT "InputAddr" [191:140] address(12) "the first page" "首页地址";
        _     [255:192] ignored;
    }
    /// A page request in its queue (IHI 0070, 8).
    pub PAGE_REQUEST / page_request: 2 words, "IHI 0070 8", "page request" "页请求" {
        SID   "StreamID" [31:0] value "StreamID" "StreamID";
        SSID  "SubstreamID" [51:32] value "SubstreamID" "SubstreamID";
        _     [57:52]  ignored;
        PRIV  "pP" [58] flag "privileged" "特权";
        X     "pX" [59] flag "to execute" "执行";
        R     "R" [60] flag "to read" "读";
        W     "W" [61] flag "to write" "写";
        LAST  "Last" [62] flag "the last of its group" "本组最后一个";
        SSV   [63]     flag "the SubstreamID is valid" "SubstreamID 有效";
        PRGINDEX "PRGIndex" [72:64] value "group" "组号";
        _     [75:73]  ignored;
        ADDR  "Address" [127:76] address(12) "the page" "页地址";
    }
}

/// Returns the layout of the record whose first word is `low`.
pub fn record(low: u64) -> &'static EntryType {
    match low as u8 {
        0x03 | 0x09 => &FETCH,
        0x01 => &UNSUPPORTED,
        0x05 => &BAD_REQUEST,
        0x06 => &DISABLED,
        0x07 => &FORBIDDEN,
        0x08 => &BAD_SUBSTREAM,
        0x0b => &WALK,
        0x10..=0x13 => &TRANSLATION,
        0x20 => &TLB_CONFLICT,
        0x21 => &CFG_CONFLICT,
        0x24 => &HINT,
        0x25 => &VMS_FETCH,
        _ => &CONFIGURATION,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_in_order_and_found() {
        assert!(ALL.windows(2).all(|w| w[0].code < w[1].code));
        assert!(ALL.iter().all(|event| by_code(event.code) == Some(*event)));
        assert_eq!(is_always_recorded(0x10), Some(false));
        assert_eq!(is_always_recorded(0x0b), Some(true));
    }
}
