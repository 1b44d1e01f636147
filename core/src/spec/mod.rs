//! A specification's own words as data: structures with their fields, registers, fault codes, rules.
//!
//! **Allowed here:** types, tables and the macros that declare them. **Not here:** what hardware or software does.
//!
//! Every bit is written down once, in a row of a table. From that row come both what views show (the name, the
//! meaning in two languages, the values) and the constant by which code reads and writes it. Nothing outside this
//! module shifts or masks the words of a structure.
//!
//! # Structures in memory, commands, records
//!
//! ```text
//! spec::values! {
//!     /// The values of TT (VT-d 9.3).
//!     pub TT_VALUES / tt { MULTI_LEVEL = 0 "through tables" "经页表"; PASS_THROUGH = 2 "pass-through" "直通模式"; }
//! }
//! spec::structure! {
//!     /// Context entry (VT-d 9.3).
//!     pub CONTEXT / context: 2 words, "VT-d 9.3", "context entry" "上下文表项" {
//!         P       [0]       flag            "present" "存在";
//!         TT      [3:2]     code(TT_VALUES) "translation type" "转换类型";
//!         _       [11:4]    reserved;
//!         SSPTPTR [63:12]   address(12)     "first table of the second stage" "第二阶段顶级页表地址";
//!         DID     [87:72]   value           "domain id" "域 ID";
//!         AW "A.W" [66:64]  value           "a name that is no identifier" "名称不是标识符";
//!         SID     = SHARED;                 // a `const Field` that several structures have in common
//!         _       [127:88]  ignored;
//!     }
//! }
//! ```
//!
//! declares `static CONTEXT: EntryType` and `mod context` with one `const` [`Field`] a row, `FIELDS`, `RESERVED`
//! (a mask a word), `Words` (`[u64; 2]`) and `ZERO`. Rows go from bit 0 up. A table whose rows leave out a bit, or have one twice,
//! does not compile. Code then says, with [`Bits`] in scope:
//!
//! ```text
//! let entry: context::Words = context::ZERO
//!     .with_flag(context::P, true)
//!     .with(context::TT, tt::PASS_THROUGH)
//!     .with_address(context::SSPTPTR, root);       // the address itself: the field knows its shift
//! entry.bits(context::TT) == tt::PASS_THROUGH; entry.is_set(context::P); entry.address(context::SSPTPTR);
//! ```
//!
//! [`Bits`] is there for `u64`, `[u64; N]` and `[u64]`. Fields are constants and everything is inlined, so that this
//! compiles to the shift and the mask that one would write by hand.
//!
//! # Registers
//!
//! ```text
//! spec::registers! {
//!     section "VT-d 11.4";                          // or `section "RISC-V IOMMU, " + name;`
//!     FSTS / fsts: "FSTS_REG" at 0x34, 4 bytes, "fault status" "错误状态" {
//!         PFO [0]    flag w1c "primary fault overflow" "主错误溢出";
//!         PPF [1]    flag     "pending" "待处理";
//!         _   [31:2] reserved;
//!     }
//!     IECTL / iectl: "IECTL_REG" at 0xa0, 4 bytes, "event control" "事件控制" = event_control;
//! }
//! spec::fields! { /// Fields of several registers. pub mod event_control: 32 bits { IM [31] flag rw "mask" "屏蔽"; .. } }
//! ```
//!
//! declares `static FSTS: Register` and `mod fsts` with `OFFSET`, `BYTES`, the fields and `FIELDS`; and `ALL`, all registers
//! of the table in the order written. After the kind a row says what software may do: `rw`, `w1c` (a 1 clears the bit), or
//! nothing where the field is read-only. [`Register::rw`] and [`Register::w1c`] are the masks that follow, and
//! [`Register::after_write`] is the value that a plain write leaves behind.
//!
//! # Fault codes
//!
//! ```text
//! spec::fault_codes! {
//!     section "VT-d 7.1.3" {
//!         LRT_1 = 0x08 "LRT.1" always "the root entry could not be read" "无法读取根表项";
//!         LCT_2 = 0x02 "LCT.2" "the context entry is not present" "上下文表项不存在";
//!     }
//! }
//! ```
//!
//! declares one `static FaultCode` a row, `ALL`, and `is_always_recorded(code)`: the rows that say `always` are recorded
//! even where an entry of the device turns recording off.

mod bits;
mod fault;
mod field;
mod register;
mod structure;
mod text;

pub use bits::Bits;
pub use fault::{FaultCode, Rule};
pub use field::{covers, Field, FieldKind};
pub use register::Register;
pub use structure::EntryType;
pub use text::{spaced, ungrouped, Lang, Localized, Phrase, Text};

pub(crate) use field::{declare_field, declare_fields, values};
#[doc(hidden)]
pub use structure::reserved as reserved_masks;
pub(crate) use structure::structure;
#[allow(unused_imports)] // the architectures are moved onto these one by one
pub(crate) use {fault::fault_codes, field::fields, register::registers};

#[cfg(test)]
mod tests;
