//! How a translation fails on Arm: a data or instruction abort, and what the syndrome says (Arm ARM DDI 0487, ESR_ELx).

use crate::addr::{GuestPhysAddr, VirtAddr};
use crate::paging::aarch64::FaultKind;
use crate::paging::Want;
use crate::spec::{FaultCode, Text};
use crate::trace::Perms;
use core::fmt;

/// What went wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cause {
    /// Tables refuse.
    Tables(FaultKind),
    /// The memory that should hold a table did not answer.
    External,
}

/// An abort.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Abort {
    /// What went wrong.
    pub cause: Cause,
    /// Arm's number of the level at which it did.
    pub level: i8,
    /// The access: execute, write, or else read.
    pub want: Perms,
    /// What FAR_ELx receives: the virtual address.
    pub at: VirtAddr,
    /// Stage 2 refused this guest-physical address, which HPFAR_EL2 receives: the abort is taken to EL2.
    pub ipa: Option<GuestPhysAddr>,
    /// S1PTW: stage 2 refused the address of an entry of stage 1.
    pub on_walk: bool,
}

macro_rules! codes {
    ($($ids:ident $base:literal [$n0:literal $n1:literal $n2:literal $n3:literal] $en:literal $zh:literal;)*) => {
        $(
            #[doc = concat!("DFSC of levels 0 to 3: ", $en, ".")]
            pub static $ids: [FaultCode; 4] = [
                FaultCode { code: $base, name: $n0, text: Text::new(concat!($en, ", level 0"), concat!($zh, "（第 0 级）")), section: "Arm ARM DDI 0487, ESR_ELx" },
                FaultCode { code: $base + 1, name: $n1, text: Text::new(concat!($en, ", level 1"), concat!($zh, "（第 1 级）")), section: "Arm ARM DDI 0487, ESR_ELx" },
                FaultCode { code: $base + 2, name: $n2, text: Text::new(concat!($en, ", level 2"), concat!($zh, "（第 2 级）")), section: "Arm ARM DDI 0487, ESR_ELx" },
                FaultCode { code: $base + 3, name: $n3, text: Text::new(concat!($en, ", level 3"), concat!($zh, "（第 3 级）")), section: "Arm ARM DDI 0487, ESR_ELx" },
            ];
        )*
        /// Every code, those of a cause one after another.
        pub static ALL: &[&FaultCode] = &[$(&$ids[0], &$ids[1], &$ids[2], &$ids[3]),*];
    };
}

codes! {
    ADDRESS_SIZE 0x00 ["address-size-fault-0" "address-size-fault-1" "address-size-fault-2" "address-size-fault-3"]
        "address size fault" "地址大小错误";
    TRANSLATION 0x04 ["translation-fault-0" "translation-fault-1" "translation-fault-2" "translation-fault-3"]
        "translation fault" "转换错误";
    ACCESS_FLAG 0x08 ["access-flag-fault-0" "access-flag-fault-1" "access-flag-fault-2" "access-flag-fault-3"]
        "access flag fault" "访问标志错误";
    PERMISSION 0x0c ["permission-fault-0" "permission-fault-1" "permission-fault-2" "permission-fault-3"]
        "permission fault" "权限错误";
    EXTERNAL 0x14 ["external-abort-walk-0" "external-abort-walk-1" "external-abort-walk-2" "external-abort-walk-3"]
        "synchronous external abort on a table walk" "查表时的同步外部中止";
}

impl Abort {
    /// Creates an abort of stage 1, or of the memory that its tables are in. `level` counts from the last table.
    pub const fn first(cause: Cause, level: u8, at: VirtAddr, want: Want) -> Self {
        Abort { cause, level: 4 - level as i8, want: want.perms, at, ipa: None, on_walk: false }
    }

    /// Returns the fault status code: DFSC, or IFSC of a fetch.
    pub fn code(&self) -> &'static FaultCode {
        let codes = match self.cause {
            Cause::Tables(FaultKind::AddressSize) => &ADDRESS_SIZE,
            Cause::Tables(FaultKind::Translation) => &TRANSLATION,
            Cause::Tables(FaultKind::AccessFlag) => &ACCESS_FLAG,
            Cause::Tables(FaultKind::Permission) => &PERMISSION,
            Cause::External => &EXTERNAL,
        };
        &codes[self.level.clamp(0, 3) as usize]
    }

    /// Returns whether it is one that a kernel answers by making a page present.
    pub fn is_page_fault(&self) -> bool {
        self.ipa.is_none() && matches!(self.cause, Cause::Tables(kind) if kind != FaultKind::AddressSize)
    }

    /// Returns the syndrome that ESR_ELx receives: EC (of the same or, for stage 2, of a lower exception level), IL, S1PTW, WnR
    /// and DFSC.
    pub fn syndrome(&self) -> u32 {
        let fetch = self.want.has(Perms::X);
        let class = match (fetch, self.ipa.is_some()) {
            (true, true) => 0x20,
            (true, false) => 0x21,
            (false, true) => 0x24,
            (false, false) => 0x25,
        };
        let write = self.want.has(Perms::W) && !self.on_walk;
        class << 26
            | 1 << 25
            | u32::from(self.on_walk) << 7
            | u32::from(write) << 6
            | u32::from(self.code().code)
    }
}

impl fmt::Display for Abort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.want.has(Perms::X) { "instruction" } else { "data" };
        let (el, code) = (if self.ipa.is_some() { 2 } else { 1 }, self.code());
        write!(
            f,
            "{kind} abort: {}, ESR_EL{el} {:#x}, FAR_EL{el} {}",
            code.text.en,
            self.syndrome(),
            self.at
        )?;
        if let Some(ipa) = self.ipa {
            write!(f, ", HPFAR_EL2 {:#x} (guest-physical {ipa})", ipa.raw() >> 12 << 4)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_syndrome_says_what_and_where() {
        let at = VirtAddr::new(0x1000);
        let first = Abort::first(Cause::Tables(FaultKind::Translation), 1, at, Want::user(Perms::W));
        assert_eq!((first.code().code, first.syndrome()), (0x07, 0x25 << 26 | 1 << 25 | 1 << 6 | 7));
        let second = Abort { ipa: Some(GuestPhysAddr::new(0x4000_0000)), on_walk: true, ..first };
        assert_eq!(second.syndrome(), 0x24 << 26 | 1 << 25 | 1 << 7 | 7);
        assert!(first.is_page_fault() && !second.is_page_fault());
        let external = Abort { cause: Cause::External, level: 2, ..first };
        assert_eq!(external.code().code, 0x16);
    }
}
