//! An Arm server board (`-M virt`) with an SMMUv3 in QEMU.

use crate::qtest::Session;
use std::ops::{Deref, DerefMut};
use std::time::{Duration, Instant};

/// Where the unit's registers are.
pub const UNIT: u64 = 0x0905_0000;
/// Where RAM begins and ends.
pub const RAM: (u64, u64) = (0x4000_0000, 0x1_0000_0000);
/// The slots of the two `edu` devices; a function's StreamID is its requester id.
pub const SLOTS: [u8; 2] = [4, 5];
const CONFIG: u64 = 0x40_1000_0000;
const BAR: [u64; 2] = [0x1000_0000, 0x1010_0000];
const BUFFER: u64 = 0x4_0000;

/// The board with two `edu` devices.
pub struct Virt(Session);

impl Deref for Virt {
    type Target = Session;
    fn deref(&self) -> &Session {
        &self.0
    }
}

impl DerefMut for Virt {
    fn deref_mut(&mut self) -> &mut Session {
        &mut self.0
    }
}

fn program() -> String {
    std::env::var("IOMMU_PLAY_QEMU_ARM").unwrap_or_else(|_| "qemu-system-aarch64".to_owned())
}

/// The QEMU on this machine, if there is one of the version whose deviations are known.
pub fn version() -> Result<String, String> {
    crate::qtest::version(&program(), &["10.0", "11.1"])
}

impl Virt {
    /// Starts one whose unit has these stages: `1`, `2` or `nested`.
    pub fn start(stage: &str) -> Virt {
        // WFI in a loop: the CPU does nothing.
        let code = [0xd503_207f_u32, 0x17ff_ffff].map(u32::to_le_bytes).concat();
        // From 9.2 on the machine's unit is nested whatever is asked for.
        let mut machine: Vec<String> =
            ["-M", "virt-9.1,iommu=smmuv3,gic-version=3", "-cpu", "cortex-a57", "-m", "3G", "-global"]
                .map(str::to_owned)
                .into();
        machine.push(format!("arm-smmuv3.stage={stage}"));
        for slot in SLOTS {
            machine.push("-device".into());
            machine.push(format!("edu,addr={slot},dma_mask=0xffffffffffffffff"));
        }
        let mut virt = Virt(Session::start(&program(), &code, &machine));
        for (slot, bar) in SLOTS.into_iter().zip(BAR) {
            let function = CONFIG + (u64::from(slot) << 15);
            virt.write32(function + 0x10, bar as u32);
            virt.write32(function + 0x04, 6);
        }
        virt
    }

    fn dma(&mut self, device: usize, from: u64, to: u64, command: u64) {
        let base = BAR[device];
        self.write64(base + 0x80, from);
        self.write64(base + 0x88, to);
        self.write64(base + 0x90, 4);
        self.write64(base + 0x98, command);
        let started = Instant::now();
        while self.read64(base + 0x98) & 1 != 0 {
            assert!(started.elapsed() < Duration::from_secs(120), "a transfer does not end");
        }
    }
    /// The device reads 4 bytes at `at` into its buffer at `slot`.
    pub fn dma_read(&mut self, device: usize, at: u64, slot: u64) {
        self.dma(device, at, BUFFER + slot, 1);
    }
    /// The device writes 4 bytes of its buffer at `slot` to `at`.
    pub fn dma_write(&mut self, device: usize, at: u64, slot: u64) {
        self.dma(device, BUFFER + slot, at, 3);
    }
}
