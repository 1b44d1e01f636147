//! Single root I/O virtualization: the capability from which a physical function makes virtual ones (PCIe 6.0 section 9.3.3),
//! and alternative routing-ID interpretation, by which one device has up to 256 functions (sections 6.13 and 7.8.8).

use super::{cap, ext, Bar, BarError, BarKind, BarSpec, ConfigSpace};
use alloc::vec::Vec;

/// Offsets in the SR-IOV capability.
const CONTROL: u16 = 0x08;
const INITIAL_VFS: u16 = 0x0c;
const TOTAL_VFS: u16 = 0x0e;
const NUM_VFS: u16 = 0x10;
const FIRST_OFFSET: u16 = 0x14;
const STRIDE: u16 = 0x16;
const VF_DEVICE: u16 = 0x1a;
const PAGE_SIZES: u16 = 0x1c;
const PAGE_SIZE: u16 = 0x20;
const BARS: u16 = 0x24;
const BAR_COUNT: u8 = 6;

/// SR-IOV Control: VF Enable.
const ENABLE: u16 = 1;
/// SR-IOV Control: VF MSE.
const MEMORY: u16 = 1 << 3;
/// SR-IOV Control: ARI Capable Hierarchy.
const HIERARCHY: u16 = 1 << 4;

/// In the PCI Express capability: Device Capabilities 2 and Device Control 2, with ARI Forwarding in bit 5 of each.
const DEVICE_2: u16 = 0x24;
const DEVICE_CONTROL_2: u16 = 0x28;
const FORWARDING: u16 = 1 << 5;

/// What a physical function says of its virtual ones.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sriov {
    /// TotalVFs: how many there can be.
    pub total: u16,
    /// NumVFs: how many software wants.
    pub count: u16,
    /// First VF Offset.
    pub first: u16,
    /// VF Stride.
    pub stride: u16,
    /// VF Enable.
    pub enabled: bool,
    /// VF MSE: their memory BARs are decoded.
    pub memory: bool,
}

impl Sriov {
    /// The routing id of virtual function `n` (from 0) of the function with routing id `physical`, as Linux computes it
    /// (`pci_iov_virtfn_bus` and `pci_iov_virtfn_devfn`): bus, device and function in one sum.
    pub fn routing_id(&self, physical: u16, n: u16) -> u16 {
        physical.wrapping_add(self.first).wrapping_add(self.stride.wrapping_mul(n))
    }
}

impl ConfigSpace {
    /// The SR-IOV capability; `device` is the VF Device ID.
    pub fn add_sriov(&mut self, total: u16, first: u16, stride: u16, device: u16) {
        let Some(at) = self.add_ext(ext::SRIOV, 1, 0x40) else { return };
        self.allow(at + CONTROL, 2, (ENABLE | MEMORY | HIERARCHY).into());
        for (offset, value) in [
            (INITIAL_VFS, total),
            (TOTAL_VFS, total),
            (FIRST_OFFSET, first),
            (STRIDE, stride),
            (VF_DEVICE, device),
        ] {
            self.put(at + offset, 2, value.into());
        }
        self.allow(at + NUM_VFS, 2, 0xffff);
        // 4, 8, 64, 256 KiB, 1 and 4 MiB must be there; 4 KiB is chosen after reset (sections 9.3.3.12 and 9.3.3.13).
        self.put(at + PAGE_SIZES, 4, 0x553);
        self.put(at + PAGE_SIZE, 4, 1);
        self.allow(at + PAGE_SIZE, 4, 0x553);
    }

    /// A BAR that every virtual function has: memory of `spec.size` bytes for each.
    pub fn add_vf_bar(&mut self, index: u8, spec: BarSpec) -> Result<(), BarError> {
        let at = self.find_ext(ext::SRIOV).ok_or(BarError::NoRoom { index })?;
        self.add_bar_register(at + BARS, BAR_COUNT, index, spec)
    }

    /// Alternative routing-ID interpretation: the function of a device that has no other functions to name.
    pub fn add_ari(&mut self) {
        self.add_ext(ext::ARI, 1, 8);
    }

    /// A port that can forward configuration requests for every function number of the device below it.
    pub fn add_ari_forwarding(&mut self) {
        let Some(at) = self.find(cap::PCIE) else { return };
        let value = self.read(at + DEVICE_2, 4) | u32::from(FORWARDING);
        self.put(at + DEVICE_2, 4, value);
    }

    /// Turns ARI forwarding on where the port has it.
    pub fn enable_ari_forwarding(&mut self) {
        let Some(at) = self.find(cap::PCIE) else { return };
        if self.can_forward_ari() {
            let value = self.get16(at + DEVICE_CONTROL_2) | FORWARDING;
            self.write(at + DEVICE_CONTROL_2, 2, value.into());
        }
    }

    /// Does the port have ARI forwarding, on or off?
    pub fn can_forward_ari(&self) -> bool {
        self.find(cap::PCIE).is_some_and(|at| self.get16(at + DEVICE_2) & FORWARDING != 0)
    }

    /// Does the port forward configuration requests for functions past the first eight?
    pub fn forwards_ari(&self) -> bool {
        self.find(cap::PCIE).is_some_and(|at| self.get16(at + DEVICE_CONTROL_2) & FORWARDING != 0)
    }

    /// What the SR-IOV capability says, if the function has it.
    pub fn sriov(&self) -> Option<Sriov> {
        let at = self.find_ext(ext::SRIOV)?;
        let control = self.get16(at + CONTROL);
        Some(Sriov {
            total: self.get16(at + TOTAL_VFS),
            count: self.get16(at + NUM_VFS),
            first: self.get16(at + FIRST_OFFSET),
            stride: self.get16(at + STRIDE),
            enabled: control & ENABLE != 0,
            memory: control & MEMORY != 0,
        })
    }

    /// Makes the first `count` virtual functions be there, with their memory decoded, as software does; `ari`: all of them are
    /// reached behind a port that forwards for them.
    pub fn enable_vfs(&mut self, count: u16, ari: bool) {
        let Some(at) = self.find_ext(ext::SRIOV) else { return };
        self.write(at + NUM_VFS, 2, count.into());
        let control = ENABLE | MEMORY | if ari { HIERARCHY } else { 0 };
        self.write(at + CONTROL, 2, control.into());
    }

    /// The BARs of virtual functions, each as large as one function's: the first one's is at its start.
    pub fn vf_bars(&self) -> Vec<Bar> {
        let Some(at) = self.find_ext(ext::SRIOV) else { return Vec::new() };
        let mut bars = Vec::new();
        let mut index = 0;
        // Bounded: six BARs.
        while index < BAR_COUNT {
            let bar = self.bar_register(at + BARS + 4 * u16::from(index), index);
            index += if bar.is_some_and(|b| b.kind == BarKind::Memory64) { 2 } else { 1 };
            bars.extend(bar);
        }
        bars
    }

    /// Writes where the first virtual function's BAR begins.
    pub fn set_vf_bar(&mut self, index: u8, address: u64) {
        let Some(at) = self.find_ext(ext::SRIOV) else { return };
        if let Some(bar) = self.vf_bars().iter().find(|bar| bar.index == index) {
            self.set_bar_register(at + BARS + 4 * u16::from(index), bar.kind, address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Ids, PortType};
    use super::*;

    fn physical() -> ConfigSpace {
        let mut c =
            ConfigSpace::new(PortType::Endpoint, Ids { vendor: 0x8086, device: 0x1572, class: 0x02_0000 });
        c.add_pcie(256);
        c.add_ari();
        c.add_sriov(64, 16, 1, 0x154c);
        c
    }

    #[test]
    fn the_capability_has_its_registers_where_linux_reads_them() {
        // include/uapi/linux/pci_regs.h, PCI_SRIOV_*.
        let mut c = physical();
        let at = c.find_ext(ext::SRIOV).unwrap();
        assert_eq!(c.find_ext(ext::ARI), Some(0x100));
        let read = |c: &ConfigSpace, offset| c.read(at + offset, 2);
        let fixed: Vec<_> = [0x0c, 0x0e, 0x14, 0x16, 0x1a].iter().map(|o| read(&c, *o)).collect();
        assert_eq!(fixed, [64, 64, 16, 1, 0x154c]);
        c.enable_vfs(8, true);
        assert_eq!((read(&c, 0x08), read(&c, 0x10)), (0x19, 8));
        let now = c.sriov().unwrap();
        assert!(now.enabled && now.memory && now.count == 8);
        c.write(at + 0x0e, 2, 3);
        c.write(at + 0x08, 2, 0);
        let now = c.sriov().unwrap();
        assert!(!now.enabled && now.total == 64);
    }

    #[test]
    fn a_vf_bar_is_sized_by_one_function() {
        let mut c = physical();
        let spec = BarSpec { kind: BarKind::Memory64, prefetch: true, size: 16 << 10 };
        c.add_vf_bar(0, spec).unwrap();
        assert_eq!(c.add_vf_bar(1, spec), Err(BarError::Taken { index: 1 }));
        c.set_vf_bar(0, 0x12_0000_0000);
        let bars = c.vf_bars();
        assert_eq!((bars.len(), bars[0].size, bars[0].address), (1, 16 << 10, 0x12_0000_0000));
        assert!(c.bars().is_empty());
    }

    #[test]
    fn routing_ids_are_sums_of_sixteen_bits() {
        let s = Sriov { total: 8, count: 8, first: 128, stride: 2, enabled: true, memory: true };
        assert_eq!(s.routing_id(0x0100, 0), 0x0180);
        assert_eq!(s.routing_id(0x0100, 3), 0x0186);
        assert_eq!(s.routing_id(0xfff0, 1), 0x0072);
    }

    #[test]
    fn forwarding_is_on_only_where_the_port_has_it() {
        for has in [false, true] {
            let mut c = ConfigSpace::new(PortType::RootPort, Ids { vendor: 1, device: 2, class: 0x06_0400 });
            c.add_pcie(256);
            if has {
                c.add_ari_forwarding();
            }
            c.enable_ari_forwarding();
            assert_eq!(c.forwards_ari(), has);
        }
    }
}
