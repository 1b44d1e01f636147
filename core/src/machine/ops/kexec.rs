//! `kexec`: a second kernel takes over the machine while devices may still write. Hardware and memory stay; what software knew
//! is gone.

use crate::addr::AddrRange;
use crate::iommu::Driver;
use crate::machine::run::Stop;
use crate::machine::software::{Named, Owner};
use crate::machine::{problem, Machine};
use crate::os;
use crate::os::sva::Sva;
use crate::scenario::{ast, Span};
use crate::spec::Text;
use crate::trace::{Actor, Observer, OwnerState, Verdict};

const NO_GUESTS: Text = Text::new(
    "`kexec` is for a machine without virtual machines, processes and reserved regions here: of what they set up in the old kernel nothing would be known",
    "这里的 `kexec` 只用于没有虚拟机、进程和保留区域的机器：它们在旧内核里建立的状态，新内核一无所知",
);
const NOTHING: Text =
    Text::new("there are no tables to adopt: no IOMMU is on", "没有可沿用的页表：没有启用的 IOMMU");

impl Machine {
    pub(in crate::machine) fn op_kexec(&mut self, op: &ast::Kexec, span: Span) -> Result<(), Stop> {
        if !(self.sw.vms.is_empty() && self.sw.processes.is_empty() && self.sw.reserved.is_empty()) {
            return Err(problem(span, NO_GUESTS).into());
        }
        if op.adopt && !self.iommu_on() {
            return Err(problem(span, NOTHING).into());
        }
        self.sw.dma.pending.clear();
        self.sw.dma.sva = Sva::new();
        self.sw.messages.clear();
        self.sw.names.retain(|_, named| !matches!(named, Named::Domain(_)));
        self.set_up("a second kernel boots; no device was stopped", "第二个内核启动，设备并没有停下");
        if self.iommu_on() && !op.adopt {
            self.with_unit(|unit, ctx| unit.restart(ctx)).map_err(os::OsError::Driver)?;
        }
        self.with_os(|api, env| api.restart(env, op.adopt))?;
        if !op.adopt {
            for device in 0..self.hw.devices.len() {
                let domain = self.sw.dma.api.domain(self.hw.devices[device].requester);
                self.set_attached(device, domain);
            }
            self.forget_buffers();
        }
        self.sw.attached_to.iter_mut().for_each(|to| *to = None);
        self.trace.end(Actor::Os, Verdict::Ok);
        Ok(())
    }

    /// A kernel that has all RAM takes the old one's buffers for free pages.
    fn forget_buffers(&mut self) {
        for index in 0..self.sw.buffers.len() {
            let buffer = &mut self.sw.buffers[index];
            if buffer.freed || buffer.owner != Owner::Kernel {
                continue;
            }
            buffer.freed = true;
            buffer.died = self.trace.len();
            let (pieces, name) = (buffer.pieces.clone(), buffer.name.clone());
            for (start, len) in pieces {
                if let Some(range) = AddrRange::new(start, len) {
                    self.sw.cache.set_cached(range);
                }
                self.sw.pages.free(start, len);
            }
            self.owner_event(&name, OwnerState::Freed);
        }
    }

    /// Attaches a device to its domain that is still on tables of the kernel before, now that its driver maps.
    pub(in crate::machine) fn settle(&mut self, device: usize) -> Result<(), Stop> {
        if self.sw.attached_to[device].is_some() {
            return Ok(());
        }
        let id = self.hw.devices[device].requester;
        if self.with_os(|api, env| api.settle(env, id))? {
            self.set_attached(device, self.sw.dma.api.domain(id));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::machine::run;
    use alloc::format;

    /// Runs steps around a `kexec` on a machine, and returns what did not hold.
    fn failures(machine: &str, kexec: &str, after: &str) -> usize {
        let text = format!(
            "iommu-playground 1\nmachine {machine}\nram 0 .. 2G\ndevice nic 00:03.0\nsteps\nalloc buf 4K\n\
             rx = dma_map_single nic buf from-device\n{kexec}\ndma nic write rx data \"late\"\n{after}\n"
        );
        run(&text).expect(&text).failures().count()
    }

    #[test]
    fn a_late_write_faults_or_goes_by_the_adopted_tables_on_every_architecture() {
        for machine in crate::iommu::Architecture::WORDS {
            assert_eq!(failures(machine, "kexec", "expect fault any"), 0, "{machine}");
            let nothing = "expect data buf = hex \"00000000\"";
            assert_eq!(failures(machine, "kexec", nothing), 0, "{machine}");
            let there = "expect fault none\nexpect data buf = \"late\"";
            assert_eq!(failures(machine, "kexec adopt", there), 0, "{machine}");
            // Old tables last until the second kernel has its own; then they are gone.
            let twice =
                "kexec\ndma nic write rx data \"later\"\nexpect fault any\nexpect data buf = \"late\"";
            assert_eq!(failures(machine, "kexec adopt", twice), 0, "{machine}");
        }
    }

    #[test]
    fn past_the_iommu_a_late_write_lands_in_memory_that_is_another_kernels() {
        for machine in ["none", "vt-d\niommu pass-through", "riscv\niommu pass-through"] {
            let after = "alloc other 4K\nexpect address other.pa = buf.pa\ndma nic write rx data \"over\"\n\
                         expect fault none\nexpect data other = \"over\"";
            assert_eq!(failures(machine, "kexec", after), 0, "{machine}");
        }
    }

    #[test]
    fn what_it_cannot_be_is_said_at_its_line() {
        let refused = |text: &str| {
            let problems = run(&format!("iommu-playground 1\n{text}\n")).unwrap_err();
            (problems.0[0].span.line, problems.0[0].message.en.clone())
        };
        let (line, said) = refused("machine none\nram 0 .. 2G\nsteps\nkexec adopt");
        assert_eq!((line, said.as_str()), (5, super::NOTHING.en));
        let (line, said) = refused("machine vt-d\nram 0 .. 2G\nprocess app\nsteps\nkexec");
        assert_eq!((line, said.as_str()), (6, super::NO_GUESTS.en));
        let (_, said) =
            refused("machine vt-d\nram 0 .. 2G\nsteps\ndomain d0\nkexec\nmap d0 0x1000 +4K -> 0x2000");
        assert!(said.contains("d0"), "{said}");
    }
}
