//! The one type that callers hold: an IOMMU of some architecture, and the only dispatch on which one it is. A new
//! architecture is one line of `units!` here; nothing else in this file knows one.

use super::atc::DeviceTlbs;
use super::driver::Driver;
use super::registers::{RegisterFile, Registers, Write};
use super::*;
use crate::addr::{AddrRange, Iova, PageSize, Pasid, PhysAddr, RequesterId};
use crate::memory::Memory;
use crate::paging::builder::Mapping;
use crate::paging::leaves::Leaves;
use crate::spec::Register;
use crate::trace::Observer;
use alloc::vec::Vec;

/// One line an architecture: `remaps unit` where its interrupt messages need an entry.
macro_rules! units {
    ($($(#[$doc:meta])* $Name:ident($Type:ty) $(remaps $remapper:ident)?,)*) => {
        /// An IOMMU of any architecture here.
        #[derive(Clone, Debug)]
        #[allow(clippy::large_enum_variant)] // there is one of them in a machine
        pub enum AnyIommu { $($(#[$doc])* $Name($Type),)* }

        impl AnyIommu {
            /// Returns which architecture it has.
            pub const fn architecture(&self) -> Architecture {
                match self { $(AnyIommu::$Name(_) => Architecture::$Name,)* }
            }

            /// Writes interrupt entry `index`, or clears it, and returns the message that a device must send to use it.
            ///
            /// # Errors
            /// The architecture remaps no interrupts, or this unit does not.
            pub fn set_interrupt<O: Observer>(
                &mut self,
                ctx: &mut Ctx<'_, O>,
                index: u16,
                entry: Option<InterruptEntry>,
            ) -> DriverResult<Message> {
                match self {
                    $($(AnyIommu::$Name($remapper) => $remapper.set_interrupt(ctx, index, entry),)?)*
                    #[allow(unreachable_patterns)] // while every architecture remaps
                    _ => unsupported("interrupt remapping", "中断重映射"),
                }
            }

            /// Makes an interrupt controller that takes commands of its own forget; `false` where the unit's own commands do.
            ///
            /// # Errors
            /// There is nothing of the kind.
            pub fn forget_interrupts<O: Observer>(&mut self, ctx: &mut Ctx<'_, O>) -> DriverResult<bool> {
                match self {
                    $($(AnyIommu::$Name($remapper) => $remapper.forget_interrupts(ctx),)?)*
                    #[allow(unreachable_patterns)] // while every architecture remaps
                    _ => Ok(false),
                }
            }

            /// Returns the message that a device must send to use interrupt entry `index`, whatever is in it.
            pub fn interrupt_message(&self, index: u16) -> Message {
                match self {
                    $($(AnyIommu::$Name($remapper) => $remapper.interrupt_message(index),)?)*
                    #[allow(unreachable_patterns)] // while every architecture remaps
                    _ => Message { address: 0, data: 0 },
                }
            }
        }

        macro_rules! each {
            ($self:ident, $unit:ident => $body:expr) => {
                match $self { $(AnyIommu::$Name($unit) => $body,)* }
            };
        }
    };
}

units! {
    /// Intel VT-d.
    Vtd(super::vtd::Vtd) remaps unit,
    /// The RISC-V IOMMU.
    Riscv(super::riscv::Riscv) remaps unit,
    /// Arm SMMUv3.
    SmmuV3(super::smmuv3::Smmuv3) remaps unit,
    /// AMD-Vi.
    AmdVi(super::amdvi::AmdVi) remaps unit,
}

/// Methods that are those of whichever unit there is. (`self` has its type beside it so that a macro can pass it on.)
macro_rules! dispatch {
    ($(fn $name:ident $(<$O:ident>)? ($self:ident: $This:ty $(, $arg:ident: $Arg:ty)*) $(-> $Out:ty)?;)*) => {
        $(fn $name $(<$O: Observer>)? ($self: $This $(, $arg: $Arg)*) $(-> $Out)? {
            each!($self, unit => unit.$name($($arg),*))
        })*
    };
}

#[allow(clippy::needless_arbitrary_self_type)]
impl Registers for AnyIommu {
    dispatch! {
        fn file(self: &Self) -> &RegisterFile;
        fn file_mut(self: &mut Self) -> &mut RegisterFile;
        fn adjust(self: &mut Self, write: &Write) -> u64;
        fn after_write<O>(self: &mut Self, memory: &mut Memory, write: &Write, obs: &mut O);
    }
}

#[allow(clippy::needless_arbitrary_self_type)]
impl Unit for AnyIommu {
    dispatch! {
        fn translate<O>(self: &mut Self, memory: &mut Memory, request: &Request, obs: &mut O) -> Outcome;
        fn device_tlbs(self: &mut Self) -> &mut DeviceTlbs;
        fn peek(self: &Self, memory: &mut Memory, request: &Request) -> Outcome;
        fn take_message<O>(self: &Self, memory: &Memory, from: RequesterId, data: u32, obs: &mut O) -> bool;
        fn page_request<O>(self: &mut Self, memory: &mut Memory, request: &PageRequest, obs: &mut O) -> bool;
        fn restore(self: &mut Self, register: &'static Register, offset: u32, value: u64);
    }
}

#[allow(clippy::needless_arbitrary_self_type)]
impl Driver for AnyIommu {
    dispatch! {
        fn start<O>(self: &mut Self, ctx: &mut Ctx<'_, O>) -> DriverResult;
        fn restart<O>(self: &mut Self, ctx: &mut Ctx<'_, O>) -> DriverResult;
        fn new_domain<O>(self: &mut Self, ctx: &mut Ctx<'_, O>, kind: DomainKind) -> DriverResult<DomainId>;
        fn domain_root(self: &Self, id: DomainId) -> Option<PhysAddr>;
        fn mappings(self: &Self, memory: &Memory, id: DomainId, limit: usize) -> Leaves;
        fn domain_tag(self: &Self, id: DomainId) -> Option<u32>;
        fn map<O>(self: &mut Self, ctx: &mut Ctx<'_, O>, id: DomainId, mapping: Mapping) -> DriverResult;
        fn unmap<O>(self: &mut Self, ctx: &mut Ctx<'_, O>, id: DomainId, range: AddrRange<Iova>) -> DriverResult;
        fn set_caps(self: &mut Self, device: RequesterId, caps: DeviceCaps);
        fn attach<O>(self: &mut Self, ctx: &mut Ctx<'_, O>, device: RequesterId, to: Attachment) -> DriverResult;
        fn takes_processes(self: &Self) -> DriverResult;
        fn keeps_processes(self: &Self) -> bool;
        fn bind<O>(
            self: &mut Self,
            ctx: &mut Ctx<'_, O>,
            device: RequesterId,
            pasid: Pasid,
            tables: Option<ProcessTables>
        ) -> DriverResult;
        fn invalidate<O>(self: &mut Self, ctx: &mut Ctx<'_, O>, what: Invalidation) -> DriverResult;
        fn take_faults<O>(self: &mut Self, ctx: &mut Ctx<'_, O>) -> DriverResult<Vec<FaultRecord>>;
        fn take_page_requests<O>(self: &mut Self, ctx: &mut Ctx<'_, O>) -> DriverResult<Vec<PageRequest>>;
        fn respond<O>(self: &mut Self, ctx: &mut Ctx<'_, O>, request: &PageRequest, response: PageResponse) -> DriverResult;
        fn default_stage(self: &Self, processes: bool) -> DomainKind;
        fn address_bits(self: &Self) -> u8;
        fn page_sizes(self: &Self) -> &'static [PageSize];
    }
}
