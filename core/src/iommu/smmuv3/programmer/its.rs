//! How Linux's irq-gic-v3-its gives a device its interrupts: tables, a device's ITT on first use, an event and an LPI for
//! each interrupt, a collection for each CPU.

use crate::addr::{Address, PhysAddr};
use crate::iommu::driver::Hardware;
use crate::iommu::driver::{unsupported, DriverResult};
use crate::iommu::smmuv3::its::{gits_baser0, gits_baser1, gits_cbaser, gits_ctlr, gits_cwriter, table_base};
use crate::platform::its::{
    code, command, discard, invall, l1_device, mapc, mapd, mapti, sync, FIRST_LPI, ITS_WINDOW, L1_DEVICE,
};
use crate::spec::Bits;
use alloc::collections::{BTreeMap, BTreeSet};

/// EventID bits that each device is given: 32 events.
const EVENT_BITS: u64 = 5;
/// Commands that the page of the queue holds.
const COMMANDS: u64 = 128;

/// What the driver knows of the ITS.
#[derive(Clone, Debug)]
pub(super) struct ItsDriver {
    /// Level 1 of the device table.
    table: PhysAddr,
    commands: PhysAddr,
    next: u64,
    /// Pages of the device table that are there.
    pages: BTreeSet<u64>,
    /// How many events each device has.
    devices: BTreeMap<u32, u32>,
    collections: BTreeSet<u32>,
    /// Device and EventID of an interrupt index.
    events: BTreeMap<u16, (u32, u32)>,
}

impl ItsDriver {
    /// Sets up the tables and the command queue (`its_alloc_tables`).
    pub fn start(hw: &mut impl Hardware) -> DriverResult<Self> {
        // 128 level 1 entries cover the 16 bits of a PCI requester id.
        let (table, collections, commands) = (hw.frame()?, hw.frame()?, hw.frame()?);
        let device = 0u64.with_address(table_base::ADDR, table.raw()).with_flag(table_base::INDIRECT, true);
        hw.write(ITS_WINDOW + gits_baser0::OFFSET, 8, device.with_flag(table_base::VALID, true));
        let collection = 0u64.with_address(table_base::ADDR, collections.raw());
        hw.write(ITS_WINDOW + gits_baser1::OFFSET, 8, collection.with_flag(table_base::VALID, true));
        let queue = 0u64.with_address(gits_cbaser::ADDR, commands.raw()).with_flag(gits_cbaser::VALID, true);
        hw.write(ITS_WINDOW + gits_cbaser::OFFSET, 8, queue);
        hw.write(ITS_WINDOW + gits_cwriter::OFFSET, 8, 0);
        hw.write(ITS_WINDOW + gits_ctlr::OFFSET, 4, 0u64.with_flag(gits_ctlr::ENABLED, true));
        Ok(ItsDriver {
            table,
            commands,
            next: 0,
            pages: BTreeSet::new(),
            devices: BTreeMap::new(),
            collections: BTreeSet::new(),
            events: BTreeMap::new(),
        })
    }

    /// Writes a command and moves the ITS's write pointer behind it.
    fn post(&mut self, hw: &mut impl Hardware, words: &[u64; 4]) -> DriverResult {
        hw.store(command(words[0]), self.commands.wrapping_add(self.next * 32), words)?;
        self.next = (self.next + 1) % COMMANDS;
        hw.write(ITS_WINDOW + gits_cwriter::OFFSET, 8, self.next * 32);
        Ok(())
    }

    /// Gives interrupt `index` of a device an event, an LPI and a CPU.
    pub fn map_event(
        &mut self,
        hw: &mut impl Hardware,
        device: u32,
        index: u16,
        vector: u32,
        cpu: u32,
    ) -> DriverResult {
        let id = u64::from(device & 0xffff);
        if self.pages.insert(id / 512) {
            let page = hw.frame()?;
            let entry = 0u64.with_flag(l1_device::V, true).with_address(l1_device::TABLE, page.raw());
            let at = self.table.wrapping_add(id / 512 * 8);
            hw.store(&L1_DEVICE, at, &[entry])?;
        }
        if !self.devices.contains_key(&device) {
            let table = hw.frame()?;
            let words = [code::MAPD, 0, 0, 0]
                .with(mapd::DEVICE, id)
                .with(mapd::SIZE, EVENT_BITS - 1)
                .with_address(mapd::ITT, table.raw())
                .with_flag(mapd::V, true);
            self.post(hw, &words)?;
            self.devices.insert(device, 0);
        }
        if self.collections.insert(cpu) {
            let words = [code::MAPC, 0, 0, 0]
                .with(mapc::ICID, cpu.into())
                .with(mapc::RDBASE, cpu.into())
                .with_flag(mapc::V, true);
            self.post(hw, &words)?;
        }
        let event = match self.events.get(&index) {
            Some((old, event)) if *old == device => *event,
            _ => {
                let count = self.devices.entry(device).or_insert(0);
                if u64::from(*count) >> EVENT_BITS != 0 {
                    return unsupported("more than 32 interrupts of a device", "一个设备超过 32 个中断");
                }
                *count += 1;
                *count - 1
            }
        };
        self.events.insert(index, (device, event));
        let words = [code::MAPTI, 0, 0, 0]
            .with(mapti::DEVICE, id)
            .with(mapti::EVENT, event.into())
            .with(mapti::INTID, u64::from(FIRST_LPI + vector))
            .with(mapti::ICID, cpu.into());
        self.post(hw, &words)?;
        self.post(hw, &[code::SYNC, 0, 0, 0].with(sync::RDBASE, cpu.into()))
    }

    /// Takes an interrupt's mapping away.
    pub fn discard(&mut self, hw: &mut impl Hardware, index: u16) -> DriverResult {
        let Some((device, event)) = self.events.remove(&index) else { return Ok(()) };
        let words = [code::DISCARD, 0, 0, 0]
            .with(discard::DEVICE, (device & 0xffff).into())
            .with(discard::EVENT, event.into());
        self.post(hw, &words)
    }

    /// Makes the ITS forget what it cached of the interrupts of each collection (INVALL), and waits for that (SYNC).
    pub fn forget(&mut self, hw: &mut impl Hardware) -> DriverResult {
        for cpu in self.collections.clone() {
            self.post(hw, &[code::INVALL, 0, 0, 0].with(invall::ICID, cpu.into()))?;
            self.post(hw, &[code::SYNC, 0, 0, 0].with(sync::RDBASE, cpu.into()))?;
        }
        Ok(())
    }

    /// Returns whose interrupt it is.
    pub fn device(&self, index: u16) -> Option<u32> {
        self.events.get(&index).map(|(device, _)| *device)
    }

    /// Returns the EventID of an interrupt.
    pub fn event(&self, index: u16) -> u32 {
        self.events.get(&index).map_or(u32::from(index), |(_, event)| *event)
    }
}
