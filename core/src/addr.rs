//! One type for each address space, so that an address of one space cannot be passed for another.
//!
//! There is no arithmetic across spaces and no conversion between them here: only the thing that converts
//! (an MMU, EPT, a bridge window, an IOMMU, a device's map) makes an address of another space.
//!
//! Touch this when a new address space appears; never add a conversion to spare a caller one.

use core::fmt;
use core::ops::Range as CoreRange;

/// An address in one particular space: 64 bits, no meaning in any other space.
pub trait Address: Copy + Eq + Ord + fmt::Debug + fmt::Display + Default {
    /// Which space addresses of this type belong to.
    const SPACE: Space;
    /// The address whose bits are `raw`.
    fn new(raw: u64) -> Self;
    /// The bits.
    fn raw(self) -> u64;

    /// The same address with its space as a value, for traces and views.
    fn any(self) -> AnyAddr {
        AnyAddr { space: Self::SPACE, raw: self.raw() }
    }
    /// This address plus `bytes`, or `None` past the end of 64 bits.
    fn checked_add(self, bytes: u64) -> Option<Self> {
        self.raw().checked_add(bytes).map(Self::new)
    }
    /// This address plus `bytes`, wrapping as an adder in hardware does.
    fn wrapping_add(self, bytes: u64) -> Self {
        Self::new(self.raw().wrapping_add(bytes))
    }
    /// The first address of the page of `size` that holds this address.
    fn page(self, size: PageSize) -> Self {
        Self::new(self.raw() & !size.mask())
    }
    /// How far into its page of `size` this address is.
    fn offset(self, size: PageSize) -> u64 {
        self.raw() & size.mask()
    }
}

/// The address spaces, as values. Terms as in the table of `docs/terms.md`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Space {
    /// What a process uses: VA, or GVA in a guest.
    Virtual,
    /// What a guest believes is physical: GPA.
    GuestPhysical,
    /// What the CPU emits after its MMU (and EPT): PA, HPA.
    Physical,
    /// What travels on PCI Express: BAR values and DMA addresses.
    Bus,
    /// A bus address that an IOMMU translates.
    Iova,
    /// What a device's own engine emits, before the device's own map.
    Device,
    /// The 64 KiB of I/O ports.
    Port,
}

impl Space {
    /// The short English name used in diagrams.
    pub const fn name(self) -> &'static str {
        match self {
            Space::Virtual => "virtual",
            Space::GuestPhysical => "guest-physical",
            Space::Physical => "physical",
            Space::Bus => "bus",
            Space::Iova => "IOVA",
            Space::Device => "device-local",
            Space::Port => "I/O port",
        }
    }
}

/// An address together with the space it belongs to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct AnyAddr {
    /// The space.
    pub space: Space,
    /// The bits.
    pub raw: u64,
}

impl fmt::Display for AnyAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.raw)
    }
}

macro_rules! address {
    ($(#[$doc:meta])* $name:ident, $space:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
        pub struct $name(u64);

        impl $name {
            /// The address whose bits are `raw`.
            pub const fn new(raw: u64) -> Self {
                Self(raw)
            }
            /// The bits.
            pub const fn raw(self) -> u64 {
                self.0
            }
        }

        impl Address for $name {
            const SPACE: Space = Space::$space;
            fn new(raw: u64) -> Self {
                Self(raw)
            }
            fn raw(self) -> u64 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:#x}", self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:#x})"), self.0)
            }
        }
    };
}

address!(
    /// What a process uses: a virtual address (GVA in a guest).
    VirtAddr,
    Virtual
);
address!(
    /// What a guest believes is physical.
    GuestPhysAddr,
    GuestPhysical
);
address!(
    /// What the CPU emits after its MMU and EPT: RAM, MMIO windows. Also called host-physical.
    PhysAddr,
    Physical
);
address!(
    /// What travels on PCI Express: BAR values and DMA addresses.
    BusAddr,
    Bus
);
address!(
    /// A bus address that an IOMMU translates.
    Iova,
    Iova
);
address!(
    /// What a device's own engine emits, before the device's own map.
    DeviceAddr,
    Device
);
address!(
    /// One of the 65,536 I/O ports. Values above `0xffff` name no port.
    PortAddr,
    Port
);

impl BusAddr {
    /// The same bits as the IOMMU of the root complex sees them: every address that a device sends
    /// upstream is an IOVA to the IOMMU, whether it translates it or passes it through.
    pub const fn as_iova(self) -> Iova {
        Iova(self.0)
    }
}

impl Iova {
    /// The same bits as the device puts them on the bus.
    pub const fn as_bus(self) -> BusAddr {
        BusAddr(self.0)
    }
}

/// A page size: a power of two from 4 KiB up (2 MiB, 1 GiB, 512 GiB, 256 TiB).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PageSize {
    shift: u8,
}

impl PageSize {
    /// 4 KiB.
    pub const SIZE_4K: PageSize = PageSize { shift: 12 };
    /// 2 MiB.
    pub const SIZE_2M: PageSize = PageSize { shift: 21 };
    /// 1 GiB.
    pub const SIZE_1G: PageSize = PageSize { shift: 30 };

    /// The page size of 2 to the power `shift` bytes; `shift` is clamped to 0..=63.
    pub const fn from_shift(shift: u8) -> Self {
        PageSize { shift: if shift > 63 { 63 } else { shift } }
    }
    /// The page size of `bytes`, when that is a power of two.
    pub const fn from_bytes(bytes: u64) -> Option<Self> {
        if bytes.is_power_of_two() {
            Some(PageSize { shift: bytes.trailing_zeros() as u8 })
        } else {
            None
        }
    }
    /// log2 of the size.
    pub const fn shift(self) -> u8 {
        self.shift
    }
    /// The size in bytes.
    pub const fn bytes(self) -> u64 {
        1 << self.shift
    }
    /// The bits of an address inside a page of this size.
    pub const fn mask(self) -> u64 {
        self.bytes() - 1
    }
}

impl fmt::Display for PageSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Bytes(self.bytes()), f)
    }
}

impl fmt::Debug for PageSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A number of bytes, displayed in the largest unit that divides it: `64 KiB`, `1 GiB`, `6000 B`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bytes(pub u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(u8, &str); 5] = [(50, "PiB"), (40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")];
        for (shift, unit) in UNITS {
            if self.0 != 0 && self.0 & ((1 << shift) - 1) == 0 {
                return write!(f, "{} {unit}", self.0 >> shift);
            }
        }
        write!(f, "{} B", self.0)
    }
}

/// A half-open range of addresses of one space: `start` up to, and without, `start + len`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddrRange<A> {
    /// The first address.
    pub start: A,
    /// How many bytes; never 0, and `start + len - 1` does not overflow.
    len: u64,
}

impl<A: Address> AddrRange<A> {
    /// The range of `len` bytes at `start`, or `None` if it is empty or runs past the end of 64 bits.
    pub fn new(start: A, len: u64) -> Option<Self> {
        if len == 0 {
            return None;
        }
        start.raw().checked_add(len - 1)?;
        Some(AddrRange { start, len })
    }
    /// Every address but the very last one.
    pub fn whole() -> Self {
        AddrRange { start: A::new(0), len: u64::MAX }
    }
    /// How many bytes; never 0.
    #[allow(clippy::len_without_is_empty)] // never empty, by construction
    pub fn len(&self) -> u64 {
        self.len
    }
    /// The last address inside.
    pub fn last(&self) -> A {
        A::new(self.start.raw() + (self.len - 1))
    }
    /// Is `addr` inside?
    pub fn contains(&self, addr: A) -> bool {
        addr.raw().wrapping_sub(self.start.raw()) < self.len
    }
    /// Are all `len` bytes at `addr` inside? An empty access is inside wherever its address is.
    pub fn contains_bytes(&self, addr: A, len: u64) -> bool {
        self.contains(addr) && (len == 0 || len - 1 <= self.last().raw() - addr.raw())
    }
    /// Is all of `other` inside?
    pub fn contains_range(&self, other: &Self) -> bool {
        self.contains(other.start) && self.contains(other.last())
    }
    /// Do the two share an address?
    pub fn overlaps(&self, other: &Self) -> bool {
        self.start <= other.last() && other.start <= self.last()
    }
    /// The offset of `addr` from the start, when it is inside.
    pub fn offset_of(&self, addr: A) -> Option<u64> {
        self.contains(addr).then(|| addr.raw() - self.start.raw())
    }
    /// The range as plain numbers, `start..end`, when its end fits 64 bits.
    pub fn raw(&self) -> Option<CoreRange<u64>> {
        Some(self.start.raw()..self.start.raw().checked_add(self.len)?)
    }
}

/// As `/proc/iomem` writes ranges, the same in both languages: the last address is in it.
impl<A: Address> fmt::Display for AddrRange<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.start, self.last())
    }
}

impl<A: Address> fmt::Debug for AddrRange<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..={}", self.start, self.last())
    }
}

/// Who sent a packet: the PCI requester id (bus, device, function), with the segment (PCI domain) above it.
///
/// On RISC-V the same 24 bits are the `device_id`, on Arm the StreamID, on AMD the DeviceID
/// (PCIe 6.0 section 2.2.4.2; RISC-V IOMMU section 2.1).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash, Debug)]
pub struct RequesterId(u32);

impl RequesterId {
    /// From the raw id; only the low 24 bits are kept (segment 23:16, bus 15:8, device 7:3, function 2:0).
    pub const fn new(raw: u32) -> Self {
        RequesterId(raw & 0xff_ffff)
    }
    /// From bus, device (0..=31) and function (0..=7); higher bits are dropped.
    pub const fn bdf(bus: u8, device: u8, function: u8) -> Self {
        RequesterId(((bus as u32) << 8) | (((device & 31) as u32) << 3) | (function & 7) as u32)
    }
    /// All 24 bits.
    pub const fn raw(self) -> u32 {
        self.0
    }
    /// The 16 bits of a packet's requester id field.
    pub const fn bdf16(self) -> u16 {
        self.0 as u16
    }
    /// The segment (PCI domain).
    pub const fn segment(self) -> u8 {
        (self.0 >> 16) as u8
    }
    /// The bus number.
    pub const fn bus(self) -> u8 {
        (self.0 >> 8) as u8
    }
    /// The device number, 0..=31.
    pub const fn device(self) -> u8 {
        (self.0 >> 3) as u8 & 31
    }
    /// The function number, 0..=7.
    pub const fn function(self) -> u8 {
        self.0 as u8 & 7
    }
    /// Device and function as one number (the index into a VT-d context table).
    pub const fn devfn(self) -> u8 {
        self.0 as u8
    }
    /// Reads `bb:dd.f` or `ssss:bb:dd.f`, in hex, as `lspci` prints it.
    pub fn parse(text: &str) -> Option<Self> {
        let (rest, function) = text.rsplit_once('.')?;
        let (rest, device) = rest.rsplit_once(':')?;
        let (segment, bus) = rest.rsplit_once(':').unwrap_or(("0", rest));
        let hex = |s: &str, max: u32| {
            let plain = !s.is_empty() && s.len() <= 4 && s.bytes().all(|b| b.is_ascii_hexdigit());
            u32::from_str_radix(s, 16).ok().filter(|v| plain && *v <= max)
        };
        Some(RequesterId(
            hex(segment, 0xff)? << 16 | hex(bus, 0xff)? << 8 | hex(device, 31)? << 3 | hex(function, 7)?,
        ))
    }
}

impl fmt::Display for RequesterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.segment() != 0 {
            write!(f, "{:04x}:", self.segment())?;
        }
        write!(f, "{:02x}:{:02x}.{}", self.bus(), self.device(), self.function())
    }
}

/// Which process a packet speaks for: a process address space id, 20 bits (PCIe 6.0 section 6.20).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash, Debug)]
pub struct Pasid(u32);

impl Pasid {
    /// The largest PASID, 2^20 - 1.
    pub const MAX: u32 = 0xf_ffff;
    /// The PASID, or `None` above 20 bits.
    pub const fn new(raw: u32) -> Option<Self> {
        if raw <= Self::MAX {
            Some(Pasid(raw))
        } else {
            None
        }
    }
    /// The number.
    pub const fn raw(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Pasid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requester_id_reads_and_prints_as_lspci_does() {
        for text in ["00:03.0", "ff:1f.7", "0012:3a:00.1"] {
            assert_eq!(RequesterId::parse(text).unwrap().to_string(), text);
        }
        for bad in ["", "3", "00:20.0", "00:03.8", "100:00.0", "00:+3.0", "00:03.", "0100:00:00.0"] {
            assert_eq!(RequesterId::parse(bad), None, "{bad}");
        }
        assert_eq!(RequesterId::bdf(0, 3, 0).bdf16(), 0x18);
    }

    #[test]
    fn a_range_at_the_top_of_the_space_does_not_overflow() {
        let top = AddrRange::new(PhysAddr::new(u64::MAX - 0xfff), 0x1000).unwrap();
        assert_eq!(top.last().raw(), u64::MAX);
        assert!(top.contains_bytes(PhysAddr::new(u64::MAX), 1));
        assert!(!top.contains_bytes(PhysAddr::new(u64::MAX), 2));
        assert!(AddrRange::new(PhysAddr::new(u64::MAX), 2).is_none());
        assert!(AddrRange::new(PhysAddr::new(0), 0).is_none());
    }

    #[test]
    fn bytes_use_the_largest_unit_that_divides() {
        assert_eq!(Bytes(4096).to_string(), "4 KiB");
        assert_eq!(Bytes(6000).to_string(), "6000 B");
        assert_eq!(Bytes(0).to_string(), "0 B");
        assert_eq!(PageSize::from_shift(39).to_string(), "512 GiB");
    }
}
