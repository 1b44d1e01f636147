//! How a translation fails on RISC-V: the exception and what its registers say (RISC-V Privileged 12.1.8, 18.6).

use crate::addr::{GuestPhysAddr, VirtAddr};
use crate::paging::Want;
use crate::spec::{FaultCode, Text};
use crate::trace::Perms;
use core::fmt;

/// What went wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cause {
    /// The memory that should hold a table did not answer.
    Access,
    /// The kernel's or process's tables refuse; in a guest, its own.
    Page,
    /// The hypervisor's tables refuse: the guest traps to it.
    GuestPage,
}

/// An exception.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Trap {
    /// What went wrong.
    pub cause: Cause,
    /// The original access: execute, write, or else read. It decides which of the three codes it is, even where the
    /// refused access was one to a table.
    pub want: Perms,
    /// What stval receives: the virtual address.
    pub at: VirtAddr,
    /// What htval receives, times four: the guest-physical address that was refused.
    pub gpa: Option<GuestPhysAddr>,
    /// The refused access was to an entry of the guest's own tables: a read, or (`true`) a write of A or D.
    pub implicit: Option<bool>,
}

macro_rules! codes {
    ($($id:ident $code:literal $name:literal $en:literal $zh:literal $section:literal;)*) => {
        $(
            #[doc = concat!("Exception code ", stringify!($code), ".")]
            pub static $id: FaultCode =
                FaultCode { code: $code, name: $name, text: Text::new($en, $zh), section: $section };
        )*
        /// Every code.
        pub static ALL: &[&FaultCode] = &[$(&$id),*];
    };
}

codes! {
    FETCH_ACCESS 1 "instruction-access-fault" "instruction access fault" "指令访问错误" "RISC-V Privileged 12.1.8";
    LOAD_ACCESS 5 "load-access-fault" "load access fault" "加载访问错误" "RISC-V Privileged 12.1.8";
    STORE_ACCESS 7 "store-access-fault" "store/AMO access fault" "存储/AMO 访问错误" "RISC-V Privileged 12.1.8";
    FETCH_PAGE 12 "instruction-page-fault" "instruction page fault" "指令缺页异常" "RISC-V Privileged 12.1.8";
    LOAD_PAGE 13 "load-page-fault" "load page fault" "加载缺页异常" "RISC-V Privileged 12.1.8";
    STORE_PAGE 15 "store-page-fault" "store/AMO page fault" "存储/AMO 缺页异常" "RISC-V Privileged 12.1.8";
    FETCH_GUEST 20 "instruction-guest-page-fault" "instruction guest-page fault: the guest traps to its hypervisor"
        "指令客户机缺页异常：客户机陷入 hypervisor" "RISC-V Privileged 18.6.1";
    LOAD_GUEST 21 "load-guest-page-fault" "load guest-page fault: the guest traps to its hypervisor"
        "加载客户机缺页异常：客户机陷入 hypervisor" "RISC-V Privileged 18.6.1";
    STORE_GUEST 23 "store-guest-page-fault" "store/AMO guest-page fault: the guest traps to its hypervisor"
        "存储/AMO 客户机缺页异常：客户机陷入 hypervisor" "RISC-V Privileged 18.6.1";
}

impl Trap {
    /// Returns a fault of the first stage, or of the memory that its tables are in.
    pub const fn first(cause: Cause, at: VirtAddr, want: Want) -> Self {
        Trap { cause, want: want.perms, at, gpa: None, implicit: None }
    }

    /// Returns the exception code.
    pub const fn code(&self) -> &'static FaultCode {
        let (fetch, load, store) = match self.cause {
            Cause::Access => (&FETCH_ACCESS, &LOAD_ACCESS, &STORE_ACCESS),
            Cause::Page => (&FETCH_PAGE, &LOAD_PAGE, &STORE_PAGE),
            Cause::GuestPage => (&FETCH_GUEST, &LOAD_GUEST, &STORE_GUEST),
        };
        if self.want.has(Perms::X) {
            fetch
        } else if self.want.has(Perms::W) {
            store
        } else {
            load
        }
    }

    /// Returns whether it is one that a kernel answers by making a page present.
    pub fn is_page_fault(&self) -> bool {
        self.cause == Cause::Page
    }

    /// Returns what htinst receives of an implicit access on RV64 (RISC-V Privileged 18.6.3), else 0.
    pub const fn htinst(&self) -> u64 {
        match self.implicit {
            Some(false) => 0x3000,
            Some(true) => 0x3020,
            None => 0,
        }
    }
}

impl fmt::Display for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (exception code {}), stval {}", self.code().text.en, self.code().code, self.at)?;
        if let Some(gpa) = self.gpa {
            write!(f, ", htval {:#x} (guest-physical {gpa} >> 2)", gpa.raw() >> 2)?;
        }
        if self.implicit.is_some() {
            write!(f, ", htinst {:#x}", self.htinst())?;
        }
        Ok(())
    }
}
