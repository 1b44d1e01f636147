//! Operations of a CPU: loads, stores, I/O ports, configuration space.

use crate::addr::{AddrRange, Address, AnyAddr, BusAddr, PhysAddr, PortAddr, Space};
use crate::machine::cpu::{value_of, Access as CpuAccess, CpuError};
use crate::machine::ops::content::Content;
use crate::machine::resolve::{wrong, Found};
use crate::machine::run::Stop;
use crate::machine::software::{Named, Owner};
use crate::machine::{problem, Machine};
use crate::mmu::arch::NO_PORTS;
use crate::paging::Want;
use crate::scenario::ast::{self, Privilege, Stored};
use crate::scenario::{Problem, Span};
use crate::spec::Text;
use crate::trace::Perms;

impl Machine {
    fn cpu_access(
        &mut self,
        at: &ast::Loc<ast::OfSubject>,
        space: &Option<ast::Name>,
        privilege: Option<Privilege>,
        perms: Perms,
    ) -> Result<(CpuAccess, Found), Problem> {
        let owner = self.owner(space)?;
        let found =
            self.find(at, if owner == Owner::Kernel { Space::Virtual } else { Self::cpu_space(owner) })?;
        let mut at = found.at;
        let mut owner = owner;
        if owner == Owner::Kernel && found.named.is_none() {
            // A plain number without `in` is physical.
            at = AnyAddr { space: Space::Physical, raw: at.raw };
        }
        match at.space {
            Space::Bus => {
                // A BAR, by the name of its bus address: the CPU reaches it through the bridge.
                let device = match found.named {
                    Some(Named::Device(device)) => Some(device),
                    _ => None,
                };
                let pa = self.hw.cpu_addr(device, BusAddr::new(at.raw));
                at = pa.map_or(AnyAddr { space: Space::Physical, raw: at.raw }, |pa| pa.any());
            }
            Space::Virtual if owner == Owner::Kernel => {
                // A buffer of a process is used by that process unless the scenario says otherwise.
                if let Some(Named::Buffer(index)) = found.named {
                    owner = self.sw.buffers[index].owner;
                }
            }
            _ => {}
        }
        let user = privilege.map_or(matches!(owner, Owner::Process(_)), |p| p == Privilege::User);
        let want = Want { perms, privileged: !user };
        Ok((CpuAccess { owner, at, want }, found))
    }

    fn width(&self, size: &Option<ast::Num>, at: AnyAddr) -> u8 {
        let window = at.space == Space::Physical
            && self
                .hw
                .map
                .find(PhysAddr::new(at.raw))
                .is_some_and(|r| r.kind != crate::platform::map::RegionKind::Ram);
        size.map_or(if window { 4 } else { 8 }, |s| s.value.clamp(1, 8) as u8)
    }

    pub(in crate::machine) fn op_cpu_read(&mut self, op: &ast::CpuRead) -> Result<u64, Stop> {
        let perms = if op.execute { Perms::X } else { Perms::R };
        let (access, _) = self.cpu_access(&op.at, &op.space, op.privilege.map(|p| p.value), perms)?;
        let width = self.width(&op.size, access.at);
        let len = op.len.map_or(u64::from(width), |l| l.value);
        self.check_transfer(len, op.at.span)?;
        let mut first = [0; 8];
        let _ = self.cpu_retry(&access, |m, a| m.cpu_read(a, len, width, &mut first));
        Ok(value_of(&first[..(len as usize).min(8)]))
    }

    pub(in crate::machine) fn op_cpu_write(&mut self, op: &ast::CpuWrite) -> Result<(), Stop> {
        let (access, _) = self.cpu_access(&op.at, &op.space, op.privilege.map(|p| p.value), Perms::W)?;
        let width = self.width(&op.size, access.at);
        let data = match &op.value {
            Stored::Number(n) => Content::held(n.value.to_le_bytes().to_vec(), width.into()),
            Stored::Bytes(bytes) => self.content(bytes, op.len.map(|l| l.value), op.at.span)?,
        };
        let _ = self.cpu_retry(&access, |m, a| m.cpu_store(a, &data, width));
        Ok(())
    }

    /// Does an access; a page fault on a promised page is answered by bringing it in, and the access repeated.
    fn cpu_retry(
        &mut self,
        access: &CpuAccess,
        mut act: impl FnMut(&mut Self, &CpuAccess) -> Result<(), CpuError>,
    ) -> Result<(), CpuError> {
        let mut tries = 0;
        // Bounded: at most 64 tries.
        loop {
            let result = act(self, access);
            match (&result, access.owner) {
                (Err(CpuError::Mmu(fault)), Owner::Process(process)) if tries < 64 => {
                    let at = crate::addr::VirtAddr::new(fault.address().raw);
                    if fault.address().space == Space::Virtual && self.page_in(process, at, access.want.perms)
                    {
                        tries += 1;
                        continue;
                    }
                }
                _ => {}
            }
            return result;
        }
    }

    pub(in crate::machine) fn op_cpu_evict(&mut self, op: &ast::CpuEvict) -> Result<(), Stop> {
        let (pa, found) = self.physical(&op.at)?;
        let len = self.length(op.len.map(|l| l.value), &found, None, op.at.span)?;
        if let Some(range) = AddrRange::new(pa, len) {
            let done = self.sw.cache.clean_invalidate(&mut self.memory, range, &mut self.trace);
            done.map_err(crate::os::OsError::Memory)?;
        }
        Ok(())
    }

    pub(in crate::machine) fn op_cpu_in(&mut self, op: &ast::CpuIn) -> Result<u64, Stop> {
        self.has_ports(op.port.span)?;
        let found = self.find(&op.port, Space::Port)?;
        let size = port_size(&op.size, op.port.span)?;
        Ok(self.port_read(port(found.at.raw, op.port.span)?, size).into())
    }

    pub(in crate::machine) fn op_cpu_out(&mut self, op: &ast::CpuOut) -> Result<(), Stop> {
        self.has_ports(op.port.span)?;
        let found = self.find(&op.port, Space::Port)?;
        let size = port_size(&op.size, op.port.span)?;
        self.port_write(port(found.at.raw, op.port.span)?, size, op.value.value as u32);
        Ok(())
    }

    fn has_ports(&self, span: Span) -> Result<(), Problem> {
        if self.hw.cpu.has_ports() {
            return Ok(());
        }
        Err(problem(span, NO_PORTS).lacking())
    }

    fn config_target(&self, name: &ast::Name) -> Result<crate::addr::RequesterId, Problem> {
        if let Some(id) = ast::requester_of(name) {
            return Ok(id);
        }
        match self.hw.topology.by_name(&name.value) {
            Some(node) => Ok(self.hw.topology.node(node).id),
            None => Err(wrong(name.span, &name.value, "a device or a port", "设备或端口")),
        }
    }

    pub(in crate::machine) fn op_config_read(&mut self, op: &ast::ConfigRead) -> Result<u64, Stop> {
        let id = self.config_target(&op.device)?;
        let size = port_size(&op.size, op.offset.span)?;
        Ok(self.config(id, op.offset.value as u16, size, None).into())
    }

    pub(in crate::machine) fn op_config_write(&mut self, op: &ast::ConfigWrite) -> Result<(), Stop> {
        let id = self.config_target(&op.device)?;
        let size = port_size(&op.size, op.offset.span)?;
        self.config(id, op.offset.value as u16, size, Some(op.value.value as u32));
        Ok(())
    }
}

fn port(raw: u64, span: Span) -> Result<PortAddr, Problem> {
    if raw > 0xffff {
        return Err(problem(
            span,
            Text::new("there are 65536 I/O ports: 0 to 0xffff", "I/O 端口有 65536 个：0 到 0xffff"),
        ));
    }
    Ok(PortAddr::new(raw))
}

fn port_size(size: &Option<ast::Num>, span: Span) -> Result<u8, Problem> {
    match size.map_or(4, |s| s.value) {
        n @ (1 | 2 | 4) => Ok(n as u8),
        _ => Err(problem(
            span,
            Text::new("an access here has 1, 2 or 4 bytes", "这里一次只能访问 1、2 或 4 字节"),
        )),
    }
}
