//! Operations of devices: DMA, descriptors, interrupts; and the older way, the host relaying for a guest.

use crate::addr::{Address, BusAddr, DeviceAddr, GuestPhysAddr, Pasid, Space};
use crate::dma::descriptor::{Descriptor, BYTES as DESCRIPTOR_BYTES};
use crate::dma::registers::control;
use crate::dma::{Block, EngineAddr, Inside};
use crate::machine::bus::Manner;
use crate::machine::cpu::Access as CpuAccess;
use crate::machine::device_memory::Stream;
use crate::machine::ops::author::own_len;
use crate::machine::ops::content::Content;
use crate::machine::resolve::{wrong, Found};
use crate::machine::run::{OsError, Stop};
use crate::machine::software::{Named, Owner};
use crate::machine::{limits, problem, Machine};
use crate::os::relay;
use crate::paging::Want;
use crate::platform::interrupts::Message;
use crate::platform::tlp::PasidPrefix;
use crate::scenario::ast::{self};
use crate::scenario::{Num, Problem, Span};
use crate::spec::{Bits, Phrase, Text};
use crate::trace::{Observer, Perms};
use alloc::{format, vec::Vec};

/// What the register BAR's offset of a device's engine is written at.
struct Registers {
    device: usize,
    bar: BusAddr,
}

impl Machine {
    /// The address that a device's engine is given.
    pub(in crate::machine) fn engine_address<A>(
        &self,
        at: &ast::Loc<A>,
        local: bool,
        pasid: Option<Pasid>,
    ) -> Result<(EngineAddr, Found), Problem> {
        let space = if local { Space::Device } else { Space::Bus };
        // With a PASID a buffer is named by its virtual address: that is the point of it.
        let found = match pasid {
            Some(_) => self.find(at, Space::Virtual)?,
            None => self.find(at, space)?,
        };
        let to = if local {
            EngineAddr::Local(DeviceAddr::new(found.at.raw))
        } else {
            EngineAddr::Bus(BusAddr::new(found.at.raw))
        };
        Ok((to, found))
    }

    pub(in crate::machine) fn op_dma(&mut self, op: &ast::Dma) -> Result<(), Stop> {
        let device = self.device_named(&op.device)?;
        let write = op.access.value == ast::Access::Write;
        let pasid = op.pasid.map(|p| p.value);
        let (at, found) = self.engine_address(&op.at, op.local, pasid)?;
        let said = op.len.map(|l| l.value);
        let data = match &op.data {
            Some(data) => {
                Some(self.content(data, said.or_else(|| own_len(data)).or(found.rest), op.at.span)?)
            }
            None => None,
        };
        let fallback = data.as_ref().map(Content::len);
        let len = self.length(said, &found, fallback, op.at.span)?;
        self.check_transfer(len, op.at.span)?;
        let prefix = pasid.map(|pasid| PasidPrefix { pasid, privileged: op.privileged, execute: op.execute });
        let manner = Manner { requester: op.requester.map(|r| r.value), translated: op.translated };
        let times = op.times.map_or(1, |t| t.value);
        if let Some(said) = op.times.filter(|t| !(1..=limits::TIMES).contains(&t.value)) {
            return Err(problem(
                said.span,
                Phrase::new(
                    format!("1 to {} times", limits::TIMES),
                    format!("次数为 1 到 {}", limits::TIMES),
                ),
            )
            .into());
        }
        let stride = op.stride.map_or(0, |s| s.value);
        for i in 0..times {
            if !self.trace.spend(1) {
                break;
            }
            let shift = i.wrapping_mul(stride);
            let at = match at {
                EngineAddr::Bus(at) => EngineAddr::Bus(at.wrapping_add(shift)),
                EngineAddr::Local(at) => EngineAddr::Local(at.wrapping_add(shift)),
            };
            if let (EngineAddr::Bus(at), Some(pasid)) = (at, pasid.filter(|_| !op.translated)) {
                self.bring_in(device, (at, len), if write { Perms::W } else { Perms::R }, pasid)?;
            }
            self.transfer(device, at, len, write, prefix, manner, data.as_ref());
        }
        Ok(())
    }

    /// One transfer, as the engine makes it. What is written comes through the device (a packet from the wire, say),
    /// and what is read goes through it: it is what the device "received".
    #[allow(clippy::too_many_arguments)] // one transfer: each argument is one thing
    fn transfer(
        &mut self,
        device: usize,
        at: EngineAddr,
        len: u64,
        write: bool,
        pasid: Option<PasidPrefix>,
        manner: Manner,
        data: Option<&Content>,
    ) {
        let stream = match (write, data) {
            (false, _) => Stream::Out(Vec::new()),
            (true, Some(data)) => Stream::In(data.clone()),
            (true, None) => Stream::In(Content::pattern(0, len)),
        };
        let block = Block { at, len, inside: Inside::Stream(0), write, pasid };
        let received = self.with_engine(device, manner, stream, |engine, bus| {
            engine.transfer(bus, &block);
            core::mem::take(&mut bus.stream)
        });
        if let Stream::Out(received) = received {
            self.hw.devices[device].received = received;
        }
    }

    /// The device's register BAR, on the bus.
    fn registers(&self, device: usize, span: Span) -> Result<Registers, Problem> {
        let node = self.hw.devices[device].node;
        let found = self.hw.topology.bars(node).into_iter().find(|b| {
            self.hw.devices[device].bars[usize::from(b.index)] == Some(crate::machine::BarUse::Registers)
                && b.kind != crate::platform::config::BarKind::Io
        });
        match found {
            Some(bar) => Ok(Registers { device, bar: BusAddr::new(bar.address) }),
            None => Err(Problem::new(
                span,
                alloc::format!("{} has no memory BAR with registers", self.hw.devices[device].name),
                alloc::format!("{} 没有放寄存器的内存 BAR", self.hw.devices[device].name),
            )),
        }
    }

    /// A store of the kernel to an engine register.
    fn register(&mut self, registers: &Registers, offset: u64, bytes: u8, value: u64, owner: Owner) {
        let Some(pa) = self.hw.cpu_addr(Some(registers.device), registers.bar.wrapping_add(offset)) else {
            return;
        };
        let access = CpuAccess { owner, at: pa.any(), want: Want::supervisor(Perms::W) };
        let data = value.to_le_bytes();
        let _ = self.cpu_write(&access, &data[..usize::from(bytes)], bytes);
    }

    pub(in crate::machine) fn op_program(&mut self, op: &ast::Program) -> Result<(), Stop> {
        let device = self.device_named(&op.device)?;
        let pasid = op.pasid.map(|p| p.value);
        let (at, found) = self.engine_address(&op.at, op.local, pasid)?;
        let len = self.length(op.len.map(|l| l.value), &found, None, op.at.span)?;
        let registers = self.registers(device, op.device.span)?;
        let bits = 0u64
            .with_flag(control::WRITE, op.access.value == ast::Access::Write)
            .with_flag(control::LOCAL, op.local)
            .with_flag(control::PASID, pasid.is_some())
            .with_flag(control::IRQ, op.interrupt.is_some());
        if let Some(vector) = op.interrupt {
            self.enable_msi(device, vector.value as u8)?;
        }
        let raw = match at {
            EngineAddr::Bus(at) => at.raw(),
            EngineAddr::Local(at) => at.raw(),
        };
        let k = Owner::Kernel;
        self.register(&registers, 0x08, 8, raw, k);
        self.register(&registers, 0x10, 8, len, k);
        self.register(&registers, 0x18, 8, op.device_at.map_or(0, |d| d.value), k);
        if let Some(pasid) = pasid {
            self.register(&registers, 0x30, 4, pasid.raw().into(), k);
        }
        self.register(&registers, 0x34, 4, 0, k);
        self.register(&registers, 0x00, 4, bits, k);
        Ok(())
    }

    pub(in crate::machine) fn op_program_list(&mut self, op: &ast::ProgramList) -> Result<(), Stop> {
        let device = self.device_named(&op.device)?;
        let found = self.find(&op.at, Space::Bus)?;
        let registers = self.registers(device, op.device.span)?;
        let bits = 0u64
            .with_flag(control::LIST, true)
            .with_flag(control::PASID, op.pasid.is_some())
            .with_flag(control::IRQ, op.interrupt.is_some());
        if let Some(vector) = op.interrupt {
            self.enable_msi(device, vector.value as u8)?;
        }
        let k = Owner::Kernel;
        self.register(&registers, 0x20, 8, found.at.raw, k);
        if let Some(pasid) = op.pasid {
            self.register(&registers, 0x30, 4, pasid.value.raw().into(), k);
        }
        self.register(&registers, 0x34, 4, 0, k);
        self.register(&registers, 0x00, 4, bits, k);
        Ok(())
    }

    /// Programs the function's MSI capability for one vector, as a driver's `request_irq` does: through the
    /// remapping table where that is on, straight to CPU 0 where it is not.
    pub(in crate::machine) fn enable_msi(&mut self, device: usize, vector: u8) -> Result<(), Stop> {
        let (node, requester) = (self.hw.devices[device].node, self.hw.devices[device].requester);
        let entry =
            crate::iommu::InterruptEntry { source: Some(requester), vector, destination: 0, posted: None };
        let bridge = self.hw.bridge_of(device);
        let (target, translated) = (bridge.msi_target, !bridge.no_iommu);
        let remapped = if self.remaps_interrupts() && target.is_none() && translated {
            // Linux gives each interrupt an entry of its own. Here each device has one, from the top of the 256
            // down, out of the way of those a scenario sets.
            let index = 255 - device.min(255) as u16;
            self.with_unit(|unit, ctx| unit.set_interrupt(ctx, index, Some(entry))).ok()
        } else {
            None
        };
        let mut message = remapped.unwrap_or_else(|| self.hw.interrupts.message(0, u32::from(vector)));
        if let Some(at) = target {
            // The bridge's own controller tells vectors apart by the data.
            message = Message { address: at.raw(), data: vector.into() };
        }
        let config = &mut self.hw.topology.node_mut(node).config;
        if message.address >> 32 != 0 && config.msi().is_some_and(|msi| !msi.wide) {
            // Linux, `msi_verify_entries`: EIO.
            let (name, at) = (&self.hw.devices[device].name, message.address);
            return Err(Stop::Os(OsError::new(
                "msi-32",
                Phrase::new(
                    format!("{name}'s MSI address has 32 bits, and the target is {at:#x}: it cannot be programmed"),
                    format!("{name} 的 MSI 地址只有 32 位，而目标是 {at:#x}：写不进去"),
                ),
            )));
        }
        config.set_msi(message.address, message.data as u16, true);
        Ok(())
    }

    pub(in crate::machine) fn op_doorbell(&mut self, op: &ast::Doorbell) -> Result<(), Stop> {
        let device = self.device_named(&op.device)?;
        let owner = self.owner(&op.space)?;
        let registers = self.registers(device, op.device.span)?;
        self.register(&registers, 0x38, 4, 1, owner);
        Ok(())
    }

    pub(in crate::machine) fn op_descriptor(&mut self, op: &ast::Descriptor) -> Result<(), Stop> {
        let (block, found) = self.engine_address(&op.block, op.local, None)?;
        let len = self.length(op.len.map(|l| l.value), &found, None, op.block.span)?;
        let next = match &op.next {
            None => None,
            Some(next) => Some(self.find(next, Space::Bus)?.at.raw),
        };
        let address = match block {
            EngineAddr::Bus(at) => at.raw(),
            EngineAddr::Local(at) => at.raw(),
        };
        let descriptor = Descriptor {
            address,
            length: u32::try_from(len).map_err(|_| {
                problem(op.block.span, Text::new("a block is below 4 GiB", "一块必须小于 4 GiB"))
            })?,
            write: op.access.value == ast::Access::Write,
            local: op.local,
            interrupt: op.interrupt,
            device: op.device_at.map_or(0, |d| d.value),
            next,
            done: false,
            error: 0,
        };
        debug_assert_eq!(descriptor.bytes().len() as u64, DESCRIPTOR_BYTES);
        // The driver stores it as any data, by the CPU's address of the place.
        let found = self.find(&op.at, Space::Virtual)?;
        let at = match found.at.space {
            // A plain number is physical, as everywhere the kernel stores.
            Space::Virtual if found.named.is_some() => found.at,
            _ => {
                let (pa, _) = self.physical(&op.at)?;
                self.sw.kernel_va(pa).any()
            }
        };
        let access = CpuAccess { owner: Owner::Kernel, at, want: Want::supervisor(Perms::W) };
        let _ = self.cpu_write(&access, &descriptor.bytes(), 8);
        Ok(())
    }

    /// The message that software set up for an interrupt, where no table remaps it.
    fn message_of(&self, index: &Num) -> Result<Message, Stop> {
        let known = u16::try_from(index.value).ok().and_then(|index| self.sw.messages.get(&index));
        known.copied().ok_or_else(|| {
            let n = index.value;
            let message = Phrase::new(
                format!("interrupts are not remapped, so there is no entry {n} to name, and `interrupt {n}` set up no message"),
                format!("中断不经重映射，没有第 {n} 项可以指明，也没有用 `interrupt {n}` 设置过消息"),
            );
            Stop::Os(OsError::new("no-interrupt", message))
        })
    }

    pub(in crate::machine) fn op_msi(&mut self, op: &ast::Msi) -> Result<(), Stop> {
        let device = self.device_named(&op.device)?;
        let (address, data) = match (&op.address, &op.entry, &op.vector) {
            (Some(address), _, _) => {
                let found = self.find(address, Space::Bus)?;
                (found.at.raw, op.data.map_or(0, |d| d.value as u32))
            }
            (None, entry, vector) => {
                self.names_cpu(op.cpu.filter(|_| entry.is_none()))?;
                let cpu = op.cpu.map_or(0, |c| c.value as u32);
                let number = vector.map_or(0, |v| v.value as u32);
                let bridge = self.hw.bridge_of(device);
                let behind_unit = !bridge.no_iommu;
                let direct = match bridge.msi_target {
                    Some(at) => Message { address: at.raw(), data: number },
                    None => self.hw.interrupts.message(cpu, number),
                };
                let message = match (entry, self.hw.iommu.as_ref().filter(|_| self.remaps_interrupts())) {
                    (Some(index), Some(unit)) if behind_unit => unit.interrupt_message(index.value as u16),
                    (Some(index), _) => self.message_of(index)?,
                    (None, _) => direct,
                };
                (message.address, op.data.map_or(message.data, |d| d.value as u32))
            }
        };
        let manner = Manner { requester: op.requester.map(|r| r.value), translated: false };
        self.with_engine(device, manner, Stream::None, |_, bus| bus.message(BusAddr::new(address), data));
        Ok(())
    }

    pub(in crate::machine) fn op_relay(&mut self, op: &ast::Relay) -> Result<(), Stop> {
        let Named::Vm(vm) = self.named(&op.vm.value, op.vm.span)? else {
            return Err(wrong(op.vm.span, &op.vm.value, "a virtual machine", "虚拟机").into());
        };
        let device = self.device_named(&op.device)?;
        let id = self.hw.devices[device].requester;
        let found = self.find(&op.at, Space::GuestPhysical)?;
        let data = match &op.data {
            Some(data) => Some(self.content(
                data,
                op.len.map(|l| l.value).or(own_len(data)).or(found.rest),
                op.at.span,
            )?),
            None => None,
        };
        let len =
            self.length(op.len.map(|l| l.value), &found, data.as_ref().map(Content::len), op.at.span)?;
        self.check_transfer(len, op.at.span)?;
        let at = GuestPhysAddr::new(found.at.raw);
        let guest = self.guest_pieces(vm, at.raw(), len)?;
        let write = op.access.value == ast::Access::Write;
        let direction =
            if write { crate::os::dma::Direction::FromDevice } else { crate::os::dma::Direction::ToDevice };
        let on_its_way = self.with_os(|api, env| relay::begin(api, env, id, &guest, direction))?;
        self.transfer(
            device,
            EngineAddr::Bus(on_its_way.dma),
            len,
            write,
            None,
            Manner::default(),
            data.as_ref(),
        );
        self.with_os(|api, env| relay::finish(api, env, id, &guest, &on_its_way))?;
        Ok(())
    }
}
