//! A PC with VT-d in QEMU.

use crate::qtest::Session;
use std::ops::{Deref, DerefMut};
use std::time::{Duration, Instant};

/// Where the unit's registers are on a PC.
pub const UNIT: u64 = 0xfed9_0000;
/// RAM ends here; below 2.75 GiB all of it is below 4 GiB.
pub const RAM_END: u64 = 0xaf00_0000;
/// The slots of the two `edu` devices.
pub const SLOTS: [u8; 2] = [4, 5];
const BAR: [u64; 2] = [0xfea0_0000, 0xfeb0_0000];
const BUFFER: u64 = 0x4_0000;

/// A PC with two `edu` devices.
pub struct Qemu(Session);

impl Deref for Qemu {
    type Target = Session;
    fn deref(&self) -> &Session {
        &self.0
    }
}

impl DerefMut for Qemu {
    fn deref_mut(&mut self) -> &mut Session {
        &mut self.0
    }
}

fn program() -> String {
    std::env::var("IOMMU_PLAY_QEMU").unwrap_or_else(|_| "qemu-system-x86_64".to_owned())
}

/// The QEMU on this machine, if there is one of the version whose deviations are known.
pub fn version() -> Result<String, String> {
    crate::qtest::version(&program(), &["10.0", "11.1"])
}

impl Qemu {
    /// Starts one with this `intel-iommu` device.
    pub fn start(unit: &str) -> Qemu {
        let mut machine: Vec<String> =
            ["-M", "q35,pit=off,hpet=off", "-m", "2800M", "-device", unit].map(str::to_owned).into();
        for slot in SLOTS {
            machine.push("-device".into());
            machine.push(format!("edu,addr={slot},dma_mask=0xffffffffffffffff"));
        }
        // 64 KiB of HLT: the CPU stops at its first instruction.
        let mut qemu = Qemu(Session::start(&program(), &[0xf4; 0x1_0000], &machine));
        for (i, bar) in BAR.into_iter().enumerate() {
            qemu.config_write(i, 0x10, bar as u32);
            qemu.config_write(i, 0x04, 6);
        }
        qemu
    }

    fn select(&mut self, device: usize, offset: u32) {
        let address = 0x8000_0000 | u32::from(SLOTS[device]) << 11 | offset;
        self.say(&format!("outl 0xcf8 {address:#x}\n"));
    }
    /// Writes a device's configuration space.
    pub fn config_write(&mut self, device: usize, offset: u32, value: u32) {
        self.select(device, offset);
        self.say(&format!("outl 0xcfc {value:#x}\n"));
    }
    /// Reads a device's configuration space.
    pub fn config_read(&mut self, device: usize, offset: u32) -> u32 {
        self.select(device, offset);
        Session::number(&self.say("inl 0xcfc\n")) as u32
    }

    fn dma(&mut self, device: usize, from: u64, to: u64, command: u64) {
        let base = BAR[device];
        self.write64(base + 0x80, from);
        self.write64(base + 0x88, to);
        self.write64(base + 0x90, 8);
        self.write64(base + 0x98, command);
        let started = Instant::now();
        while self.read64(base + 0x98) & 1 != 0 {
            assert!(started.elapsed() < Duration::from_secs(120), "a transfer does not end");
        }
    }
    /// The device reads 8 bytes at `at` into its buffer at `slot`.
    pub fn dma_read(&mut self, device: usize, at: u64, slot: u64) {
        self.dma(device, at, BUFFER + slot, 1);
    }
    /// The device writes 8 bytes of its buffer at `slot` to `at`.
    pub fn dma_write(&mut self, device: usize, at: u64, slot: u64) {
        self.dma(device, BUFFER + slot, at, 3);
    }

    /// The device sends its MSI.
    pub fn send_msi(&mut self, device: usize, address: u64, data: u32) {
        let mut at = self.config_read(device, 0x34) & 0xfc;
        while at != 0 && self.config_read(device, at) & 0xff != 5 {
            at = self.config_read(device, at) >> 8 & 0xfc;
        }
        assert_ne!(at, 0, "edu has an MSI capability");
        let control = self.config_read(device, at);
        let wide = control >> 23 & 1 != 0;
        self.config_write(device, at + 4, address as u32);
        if wide {
            self.config_write(device, at + 8, (address >> 32) as u32);
        }
        self.config_write(device, at + if wide { 12 } else { 8 }, data);
        self.config_write(device, at, control | 1 << 16);
        self.write32(BAR[device] + 0x60, 1);
        self.write32(BAR[device] + 0x64, 1);
        self.config_write(device, at, control & !(1 << 16));
    }
}
