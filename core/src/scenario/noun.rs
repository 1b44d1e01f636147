//! The kinds of things a statement takes: how messages and the reference call them, and their limits.

macro_rules! nouns {
    ($( $(#[$doc:meta])* $Noun:ident = $slot:literal, $en:literal, $zh:literal, $max:expr; )*) => {
        /// A kind of thing that a statement takes.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Noun { $( $(#[$doc])* $Noun, )* }

        impl Noun {
            /// The place holder in the reference: `SIZE`.
            pub const fn slot(self) -> &'static str {
                match self { $( Noun::$Noun => $slot, )* }
            }
            /// What it is, as part of a sentence, in English and Chinese.
            pub const fn describe(self) -> (&'static str, &'static str) {
                match self { $( Noun::$Noun => ($en, $zh), )* }
            }
            /// The largest number allowed.
            pub const fn max(self) -> u64 {
                match self { $( Noun::$Noun => $max, )* }
            }
        }
    };
}

nouns! {
    /// An address: a number, or a name with an offset.
    Address = "ADDRESS", "an address such as `0x1000`, `rx+0x40` or `nic.bar0`",
        "地址，如 `0x1000`、`rx+0x40` 或 `nic.bar0`", u64::MAX;
    /// A number of bytes.
    Size = "SIZE", "a size such as `6000`, `64K` or `4G`", "大小，如 `6000`、`64K` 或 `4G`", u64::MAX;
    /// A length after an address.
    Length = "LENGTH", "a length such as `+4K`, or `..` and an end address",
        "长度，如 `+4K`，或 `..` 加上结束地址", u64::MAX;
    /// Any number.
    Number = "NUMBER", "a number such as `12`, `0xff` or `4K`", "数字，如 `12`、`0xff` 或 `4K`", u64::MAX;
    /// A count of things.
    Count = "COUNT", "a count such as `24`", "次数或个数，如 `24`", u64::MAX;
    /// A number of address bits.
    Bits = "BITS", "a number of bits from 0 to 64", "位数，0 到 64", 64;
    /// The version of the language.
    Version = "VERSION", "the language version: `1` or `2`", "语言版本：`1` 或 `2`", u32::MAX as u64;
    /// A page size.
    Page = "PAGE", "a page size: `4K`, `2M` or `1G`", "页大小：`4K`、`2M` 或 `1G`", u64::MAX;
    /// How many bytes one CPU access moves.
    Width = "1|2|4|8", "an access size: 1, 2, 4 or 8", "访问宽度：1、2、4 或 8", 8;
    /// A requester id.
    Bdf = "BDF", "a bus:device.function such as `00:03.0`", "总线:设备.功能号，如 `00:03.0`", u64::MAX;
    /// A PASID.
    Pasid = "PASID", "a PASID from 0 to 1048575", "PASID，0 到 1048575", 0xf_ffff;
    /// An interrupt vector.
    Vector = "VECTOR", "an interrupt vector from 0 to 255", "中断向量，0 到 255", 255;
    /// A BAR's number.
    BarIndex = "BAR", "a BAR number from 0 to 5", "BAR 编号，0 到 5", 5;
    /// A byte.
    Byte = "BYTE", "a byte from 0 to 255", "字节，0 到 255", 255;
    /// A PCI segment.
    Segment = "SEGMENT", "a PCI segment from 0 to 255", "PCI 段号，0 到 255", 255;
    /// A table level.
    Level = "LEVEL", "a table level from 1 (the leaf) to 6", "页表级，1（最末级）到 6", 6;
    /// A translation stage.
    Stage = "1|2", "a stage: 1 or 2", "级：1 或 2", 2;
    /// An offset into configuration space.
    ConfigOffset = "OFFSET", "a configuration space offset from 0 to 0xfff", "配置空间偏移，0 到 0xfff", 0xfff;
    /// A name that the statement gives.
    NewName = "NAME", "a name (letters, digits, `_` and `-`, a letter first)",
        "名称（以字母开头，由字母、数字、`_`、`-` 组成）", 0;
    /// A device.
    Device = "DEVICE", "the name of a device", "设备名", 0;
    /// A device, or a requester id.
    DeviceOrBdf = "DEVICE|BDF", "the name of a device or a bus:device.function such as `00:03.0`",
        "设备名，或总线:设备.功能号，如 `00:03.0`", 0;
    /// A root port, switch or downstream port, or a host bridge.
    Port = "PORT", "the name of a root port, switch, port or bridge", "根端口、交换机、端口或主桥的名称", 0;
    /// A process.
    Process = "PROCESS", "the name of a process", "进程名", 0;
    /// A virtual machine.
    Vm = "VM", "the name of a virtual machine", "虚拟机名", 0;
    /// A domain.
    Domain = "DOMAIN", "the name of a domain", "域名称", 0;
    /// Whatever has an address space: a process, a virtual machine, a domain.
    Space = "SPACE", "the name of a process, a virtual machine or a domain", "进程、虚拟机或域的名称", 0;
    /// Where a CPU access can be made from: a process, or a virtual machine's kernel.
    CpuSpace = "PROCESS|VM", "the name of a process or a virtual machine", "进程或虚拟机的名称", 0;
    /// Whose cached entries: of a device, or of whatever has an address space.
    CacheOwner = "DEVICE|SPACE", "the name of a device, a process, a virtual machine or a domain",
        "设备、进程、虚拟机或域的名称", 0;
    /// What a device can be attached to.
    Attachment = "DOMAIN|VM|pass-through|blocked",
        "the name of a domain or virtual machine, `pass-through` or `blocked`",
        "域或虚拟机的名称，或 `pass-through`、`blocked`", 0;
    /// A buffer in memory.
    Buffer = "BUFFER", "the name of a buffer", "缓冲区名", 0;
    /// What a `dma_map_` call returned.
    Handle = "HANDLE", "the name that a `dma_map_` or `dma_alloc_` call gave", "`dma_map_` 或 `dma_alloc_` 调用取得的名称", 0;
    /// A text in quotes.
    Text = "\"TEXT\"", "a text in quotes", "引号中的文字", 0;
    /// Bytes in hex, in quotes.
    HexText = "\"HEX\"", "bytes in hex, in quotes, such as \"de ad be ef\"", "引号中的十六进制字节，如 \"de ad be ef\"", 0;
    /// A register: an offset or the specification's name.
    Register = "REGISTER", "a register: its offset or the specification's name", "寄存器：偏移，或规范中的名称", u64::MAX;
    /// A fault: a code, the specification's name, `any` or `none`.
    Fault = "FAULT", "a fault: its code, its name, `any` or `none`", "错误：代码、名称、`any` 或 `none`", u64::MAX;
    /// A name of an error, or a text that its message contains.
    ErrorName = "ERROR", "the name of an error, or a part of its message in quotes",
        "错误名称，或引号中的部分消息", 0;
    /// One of a few words.
    Word = "WORD", "a word", "关键字", 0;
}

impl Noun {
    /// Is it given or found by a name alone?
    pub const fn is_name(self) -> bool {
        use Noun as N;
        matches!(
            self,
            N::NewName
                | N::Device
                | N::Port
                | N::Process
                | N::Vm
                | N::Domain
                | N::Space
                | N::Buffer
                | N::Handle
        )
    }
}

/// Does `text` have the characters of a name?
pub(in crate::scenario) fn is_name_of_any_length(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}
