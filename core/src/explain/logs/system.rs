//! Which software prints a message, and for which of them a piece of advice holds.

macro_rules! systems {
    ($($(#[$doc:meta])* $id:ident;)*) => {
        /// The software that prints a message.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        pub enum System {
            $($(#[$doc])* $id,)*
        }

        impl System {
            /// All of them.
            pub const ALL: &'static [System] = &[$(System::$id),*];
        }
    };
}

systems! {
    /// Linux, and programs that run on it: QEMU, DPDK, Cloud Hypervisor.
    Linux;
    /// The Xen hypervisor.
    Xen;
    /// FreeBSD.
    FreeBsd;
    /// OpenBSD.
    OpenBsd;
    /// illumos.
    Illumos;
    /// VMware ESXi.
    Esxi;
    /// seL4.
    SeL4;
    /// Genode.
    Genode;
    /// Windows.
    Windows;
}

/// A set of systems: those on which a cause can be, or that can follow a piece of advice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Whom(u16);

impl Whom {
    /// Every system.
    pub const ALL: Whom = Whom(u16::MAX);
    /// Linux alone.
    pub const LINUX: Whom = Whom::of(System::Linux);
    /// Xen alone.
    pub const XEN: Whom = Whom::of(System::Xen);
    /// Windows alone.
    pub const WINDOWS: Whom = Whom::of(System::Windows);
    /// Every system that maps single buffers; Xen maps all the memory of a domain.
    pub const NOT_XEN: Whom = Whom(!Whom::XEN.0);
    /// Every system but Linux.
    pub const NOT_LINUX: Whom = Whom(!Whom::LINUX.0);

    const fn of(system: System) -> Whom {
        Whom(1 << system as u16)
    }
    /// Returns whether the system is in the set.
    pub const fn has(self, system: System) -> bool {
        self.0 & Whom::of(system).0 != 0
    }
}
