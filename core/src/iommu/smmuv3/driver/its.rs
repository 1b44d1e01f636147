//! How Linux's irq-gic-v3-its gives a device its interrupts: tables, a device's ITT on first use, an event and an LPI for
//! each interrupt, a collection for each CPU.

use crate::addr::{Address, PhysAddr};
use crate::iommu::{Ctx, DriverError};
use crate::platform::its::{
    code, command, discard, l1_device, mapc, mapd, mapti, sync, Its, FIRST_LPI, L1_DEVICE,
};
use crate::spec::{Bits, Text};
use crate::trace::{write_run, Actor, Observer};
use alloc::collections::{BTreeMap, BTreeSet};

/// EventID bits that each device is given: 32 events.
const EVENT_BITS: u64 = 5;
/// Commands that the page of the queue holds.
const COMMANDS: u64 = 128;

/// What the driver knows of the ITS.
#[derive(Clone, Debug)]
pub(in crate::iommu::smmuv3) struct ItsDriver {
    /// The hardware.
    pub its: Its,
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
    pub fn start<O: Observer>(ctx: &mut Ctx<'_, O>) -> Result<Self, DriverError> {
        let mut frame = || ctx.frames.frame().ok_or(DriverError::NoFrames);
        // 128 level 1 entries cover the 16 bits of a PCI requester id.
        let its = Its { devices: frame()?, collections: frame()? };
        Ok(ItsDriver {
            its,
            commands: frame()?,
            next: 0,
            pages: BTreeSet::new(),
            devices: BTreeMap::new(),
            collections: BTreeSet::new(),
            events: BTreeMap::new(),
        })
    }

    fn post<O: Observer>(&mut self, ctx: &mut Ctx<'_, O>, words: &[u64; 4]) -> Result<(), DriverError> {
        let at = self.commands.wrapping_add(self.next % COMMANDS * 32);
        self.next += 1;
        write_run(ctx.memory, ctx.obs, Actor::Os, command(words[0]), at, words)?;
        self.its.obey(ctx.memory, words, ctx.obs);
        Ok(())
    }

    /// Gives interrupt `index` of a device an event, an LPI and a CPU.
    pub fn map_event<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        device: u32,
        index: u16,
        vector: u32,
        cpu: u32,
    ) -> Result<(), DriverError> {
        let id = u64::from(device & 0xffff);
        if self.pages.insert(id / 512) {
            let page = ctx.frames.frame().ok_or(DriverError::NoFrames)?;
            let entry = 0u64.with_flag(l1_device::V, true).with_address(l1_device::TABLE, page.raw());
            let at = self.its.devices.wrapping_add(id / 512 * 8);
            write_run(ctx.memory, ctx.obs, Actor::Os, &L1_DEVICE, at, &[entry])?;
        }
        if !self.devices.contains_key(&device) {
            let table = ctx.frames.frame().ok_or(DriverError::NoFrames)?;
            let words = [code::MAPD, 0, 0, 0]
                .with(mapd::DEVICE, id)
                .with(mapd::SIZE, EVENT_BITS - 1)
                .with_address(mapd::ITT, table.raw())
                .with_flag(mapd::V, true);
            self.post(ctx, &words)?;
            self.devices.insert(device, 0);
        }
        if self.collections.insert(cpu) {
            let words = [code::MAPC, 0, 0, 0]
                .with(mapc::ICID, cpu.into())
                .with(mapc::RDBASE, cpu.into())
                .with_flag(mapc::V, true);
            self.post(ctx, &words)?;
        }
        let event = match self.events.get(&index) {
            Some((old, event)) if *old == device => *event,
            _ => {
                let count = self.devices.entry(device).or_insert(0);
                if u64::from(*count) >> EVENT_BITS != 0 {
                    return Err(DriverError::Unsupported(Text::new(
                        "more than 32 interrupts of a device",
                        "一个设备超过 32 个中断",
                    )));
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
        self.post(ctx, &words)?;
        self.post(ctx, &[code::SYNC, 0, 0, 0].with(sync::RDBASE, cpu.into()))
    }

    /// Takes an interrupt's mapping away.
    pub fn discard<O: Observer>(&mut self, ctx: &mut Ctx<'_, O>, index: u16) -> Result<(), DriverError> {
        let Some((device, event)) = self.events.remove(&index) else { return Ok(()) };
        let words = [code::DISCARD, 0, 0, 0]
            .with(discard::DEVICE, (device & 0xffff).into())
            .with(discard::EVENT, event.into());
        self.post(ctx, &words)
    }

    /// Returns the EventID of an interrupt.
    pub fn event(&self, index: u16) -> u32 {
        self.events.get(&index).map_or(u32::from(index), |(_, event)| *event)
    }
}
