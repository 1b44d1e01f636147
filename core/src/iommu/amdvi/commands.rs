//! The command buffer: what makes the unit forget, and waits (AMD 48882, commands).

use super::context::{error_type, REACH};
use super::faults;
use super::queues::{physical, ring};
use super::records::Event;
use super::spec::commands::{command, devtab, iotlb, opcode, pages, unknown, wait};
use super::spec::registers::{self as reg, control, efr, inv_timeout, status};
use super::AmdViUnit;
use crate::addr::PhysAddr;
use crate::iommu::ats::{Forget, Napot};
use crate::iommu::fetch::{Place, Trouble};
use crate::iommu::registers::Registers;
use crate::iommu::ring::{Consumer, Ring};
use crate::memory::Memory;
use crate::spec::{Bits, Rule, Text};
use crate::trace::{write_data, Actor, Observer, Off, Perms, Scope, Verdict};

static ILLEGAL: Rule = Rule {
    text: Text::new(
        "an opcode that is not defined or not supported, or a reserved bit",
        "操作码未定义或不受支持，或保留位为 1",
    ),
    section: "AMD 48882, commands",
};
static UNREACHED: Rule = Rule {
    text: Text::new(
        "memory of the buffer or of the store does not answer",
        "缓冲区或写入目标所在内存没有响应",
    ),
    section: "AMD 48882, commands",
};

static UNANSWERED: Rule = Rule {
    text: Text::new(
        "the device does not answer, and InvTimeOut sets no limit",
        "设备没有应答，而 InvTimeOut 未设时限",
    ),
    section: "AMD 48882, commands",
};

/// Why the buffer goes no further than a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Halt {
    /// It stopped: the event that says so.
    Stopped(Event),
    /// It waits for a device for as long as that takes (InvTimeOut = 0).
    Waiting,
}

impl Halt {
    fn hardware(trouble: Trouble, at: u64) -> Self {
        Halt::Stopped(Event { kind: error_type(trouble), ..Event::new(&faults::COMMAND_HARDWARE_ERROR, at) })
    }
}

impl Consumer for AmdViUnit {
    type Halt = Halt;

    fn commands(&self) -> Option<(Ring, u64, u64)> {
        let (base, head) = (self.regs.of(&reg::COMMAND_BASE), self.regs.of(&reg::COMMAND_HEAD));
        self.status(status::CMD_RUN).then(|| (ring(base), head, self.regs.of(&reg::COMMAND_TAIL)))
    }

    fn obey<O: Observer>(
        &mut self,
        memory: &mut Memory,
        at: PhysAddr,
        index: u32,
        obs: &mut O,
    ) -> Result<(), Halt> {
        // Which command it is decides how it is recorded: look first.
        let at = crate::addr::Address::raw(at);
        let place = |low| Place::physical(command(low), 0, index, at);
        let words = place(0).read(&REACH, memory, &mut Off).map_err(|trouble| Halt::hardware(trouble, at))?;
        let place = place(words[0]);
        if O::ON {
            obs.begin(Actor::Iommu, Scope::Command { entry: place.entry });
        }
        let legal = self.legal(&[words[0], words[1]]);
        place.record(&words, if legal { Verdict::Ok } else { Verdict::Refused(&ILLEGAL) }, obs);
        let result = match legal {
            true => self.act(memory, &[words[0], words[1]], obs),
            false => Err(Halt::Stopped(Event::new(&faults::ILLEGAL_COMMAND_ERROR, at))),
        };
        let verdict = match &result {
            Ok(()) => Verdict::Ok,
            Err(Halt::Waiting) => Verdict::Refused(&UNANSWERED),
            Err(Halt::Stopped(event)) if event.code == &faults::ILLEGAL_COMMAND_ERROR => {
                Verdict::Refused(&ILLEGAL)
            }
            Err(Halt::Stopped(_)) => Verdict::Refused(&UNREACHED),
        };
        obs.end(Actor::Iommu, verdict);
        result
    }

    fn advance<O: Observer>(&mut self, head: u64, obs: &mut O) {
        self.set(reg::command_head::OFFSET, 8, head, obs);
    }

    fn halt<O: Observer>(&mut self, memory: &mut Memory, halt: Halt, obs: &mut O) {
        let Halt::Stopped(event) = halt else { return };
        self.mark(status::CMD_RUN, false, obs);
        let recorded = self.log(memory, &event, obs);
        self.tell(&event, Perms::NONE, recorded, obs);
    }
}

impl AmdViUnit {
    /// Does this unit take the command?
    fn legal(&self, words: &[u64; 2]) -> bool {
        let has = |flag| self.config.has(flag);
        let supported = match words.bits(unknown::OPCODE) {
            opcode::COMPLETION_WAIT
            | opcode::INVALIDATE_DEVTAB_ENTRY
            | opcode::INVALIDATE_IOMMU_PAGES
            | opcode::INVALIDATE_INTERRUPT_TABLE => true,
            opcode::INVALIDATE_IOTLB_PAGES => self.config.iotlbs,
            opcode::PREFETCH_IOMMU_PAGES => has(efr::PREF_SUP),
            opcode::COMPLETE_PPR_REQUEST => has(efr::PPR_SUP),
            opcode::INVALIDATE_IOMMU_ALL => has(efr::IA_SUP),
            _ => false,
        };
        supported && !command(words[0]).reserved_set(words, 64)
    }

    /// Does what a legal command says.
    fn act<O: Observer>(&mut self, memory: &mut Memory, words: &[u64; 2], obs: &mut O) -> Result<(), Halt> {
        let device = words.bits(devtab::DEVICE_ID) as u16;
        match words.bits(unknown::OPCODE) {
            opcode::COMPLETION_WAIT => return self.wait(memory, words, obs),
            opcode::INVALIDATE_DEVTAB_ENTRY => {
                self.caches.devices.invalidate(|key, _| key.0 == device, obs);
                self.caches.processes.invalidate(|key, _| key.0 == device, obs);
                self.reported.remove(&device);
            }
            opcode::INVALIDATE_IOMMU_PAGES => {
                let domain = words.bits(pages::DOMAIN_ID) as u16;
                let range = Napot::from_sized(words.bits(pages::ADDRESS), words.is_set(pages::S));
                let guest = words.is_set(pages::GN).then(|| words.bits(pages::PASID) as u32);
                self.caches.processes.invalidate(|key, at| at.domain == domain && guest == Some(key.1), obs);
                self.caches.iotlb.entries().invalidate(
                    |tag, _| {
                        let reach = range.span() | ((1u64 << tag.shift) - 1);
                        let inside = tag.page & !reach == range.address() & !reach;
                        // An entry of a guest holds no guest-physical address: any of the domain's may depend on the page.
                        let meant = match (guest, tag.pasid) {
                            (None, Some(_)) => true,
                            (guest, pasid) => guest == pasid && inside,
                        };
                        tag.domain == domain && meant
                    },
                    obs,
                );
            }
            opcode::INVALIDATE_INTERRUPT_TABLE => {
                self.caches.interrupts.invalidate(|key, _| key.0 == device, obs);
            }
            opcode::INVALIDATE_IOMMU_ALL => {
                self.caches.devices.invalidate(|_, _| true, obs);
                self.caches.processes.invalidate(|_, _| true, obs);
                self.caches.interrupts.invalidate(|_, _| true, obs);
                self.caches.iotlb.entries().invalidate(|_, _| true, obs);
                self.reported.clear();
            }
            opcode::INVALIDATE_IOTLB_PAGES => {
                let device = words.bits(iotlb::DEVICE_ID) as u16;
                if self.mute.contains(&device) {
                    return self.unanswered(memory, device, obs);
                }
                let parts =
                    [iotlb::PASID_LOW, iotlb::PASID_MIDDLE, iotlb::PASID_HIGH].map(|part| words.bits(part));
                let pasid = parts[0] | parts[1] << 8 | parts[2] << 16;
                let request = Forget {
                    pasid: words.is_set(iotlb::GN).then_some(pasid as u32),
                    global: false,
                    pages: Napot::from_sized(words.bits(iotlb::ADDRESS), words.is_set(iotlb::S)),
                };
                self.device_tlbs.forget(device, &request, obs);
            }
            // Prefetching may do nothing; an answer to a page request is a message to the device.
            _ => {}
        }
        Ok(())
    }

    /// A device does not answer the invalidation that the buffer's head says: an event, once the time is over.
    fn unanswered<O: Observer>(&mut self, memory: &mut Memory, device: u16, obs: &mut O) -> Result<(), Halt> {
        if self.regs.of(&reg::CONTROL).bits(control::INV_TIMEOUT) == inv_timeout::NONE {
            return Err(Halt::Waiting);
        }
        let at = self.regs.of(&reg::COMMAND_HEAD);
        let buffer = ring(self.regs.of(&reg::COMMAND_BASE));
        let address = crate::addr::Address::raw(buffer.slot(buffer.index(at)));
        let event = Event { device, ..Event::new(&faults::IOTLB_INV_TIMEOUT, address) };
        let recorded = self.log(memory, &event, obs);
        self.tell(&event, Perms::NONE, recorded, obs);
        Ok(())
    }

    fn wait<O: Observer>(&mut self, memory: &mut Memory, words: &[u64; 2], obs: &mut O) -> Result<(), Halt> {
        if words.is_set(wait::S) {
            let at = words.address(wait::STORE);
            let data = words.bits(wait::DATA).to_le_bytes();
            write_data(memory, obs, Actor::Iommu, physical(at), &data)
                .map_err(|error| Halt::hardware(error.into(), at))?;
        }
        if words.is_set(wait::I) {
            self.mark(status::WAIT_INT, true, obs);
            if self.control(control::WAIT_INT_EN) {
                self.interrupt(&reg::XT_GENERAL, obs);
            }
        }
        Ok(())
    }
}
