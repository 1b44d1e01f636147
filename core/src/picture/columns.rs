//! Columns, left to right, and what can be put in them.

use super::{shared, Col, Painter};
use crate::addr::Space;
use crate::diagram::model::{Arrow, ArrowKind, ArrowState, End, Point, Region};
use crate::machine::software::Owner;
use crate::machine::Snapshot;
use crate::platform::bridges::BridgeId;
use crate::platform::config::BarKind;
use crate::scenario::ast::Policy;
use crate::spec::Phrase;
use crate::trace::Perms;
use alloc::{format, string::String, vec::Vec};

/// The key of a host bridge's bus, and what the keys of its regions begin with.
pub(super) fn bus_key(now: Snapshot<'_>, id: BridgeId) -> String {
    match now.bridges().get(id).name.as_str() {
        "" => String::from("bus"),
        name => format!("bus:{name}"),
    }
}

impl Painter<'_> {
    pub(super) fn columns(&mut self) {
        let now = self.now;
        let mut wanted: Vec<Col> = Vec::new();
        let topology = now.topology();
        if now.uses_kernel_addresses() {
            wanted.push(Col::Virtual(Owner::Kernel));
        }
        wanted.extend((0..now.processes().len()).map(|i| Col::Virtual(Owner::Process(i))));
        wanted.extend((0..now.vms().len()).map(Col::Guest));
        wanted.push(Col::Physical);
        // Each host bridge has a bus of its own: that without a name is there where no other is used.
        let used = |id: BridgeId| (0..now.devices().len()).any(|d| now.bridge_id(d) == id);
        let buses = now.bridges().all().filter(|(id, bridge)| used(*id) || !bridge.windows().is_empty());
        wanted.extend(buses.map(|(id, _)| Col::Bus(id)));
        for device in 0..now.devices().len() {
            if let Some(first) = shared(now, device) {
                if !wanted.contains(&Col::Domain(first)) && wanted.len() < 9 {
                    wanted.push(Col::Domain(first));
                }
            }
        }
        wanted.extend(now.guest_domains().map(|guest| Col::Inner(guest.index)));
        let mapped = |d: &usize| !now.devices()[*d].engine.map().lines().is_empty();
        wanted.extend((0..now.devices().len()).filter(mapped).map(Col::Device));
        let io = now.devices().iter().any(|d| topology.bars(d.node).iter().any(|b| b.kind == BarKind::Io));
        if io {
            wanted.push(Col::Ports);
        }
        for col in wanted {
            self.add_column(col);
        }
    }

    pub(super) fn add_column(&mut self, col: Col) {
        let now = self.now;
        let translated = now.iommu_on();
        let (key, space, title, owner) = match col {
            Col::Virtual(Owner::Process(i)) => {
                let p = &now.processes()[i];
                let pasid = now.uses_pasid(i);
                let owner = if pasid {
                    Phrase::same(format!("{}, PASID {}", p.name, p.pasid))
                } else {
                    Phrase::same(p.name.clone())
                };
                (format!("va:{}", p.name), Space::Virtual, Phrase::new("virtual address", "虚拟地址"), owner)
            }
            Col::Virtual(_) => (
                String::from("va"),
                Space::Virtual,
                Phrase::new("CPU virtual address", "CPU 虚拟地址"),
                Phrase::new("kernel", "内核"),
            ),
            Col::Guest(i) => (
                format!("gpa:{}", now.vms()[i].name),
                Space::GuestPhysical,
                Phrase::new("guest-physical address", "客户机物理地址"),
                Phrase::same(now.vms()[i].name.clone()),
            ),
            Col::Physical => (
                String::from("pa"),
                Space::Physical,
                Phrase::new("CPU physical address", "CPU 物理地址"),
                Phrase::default(),
            ),
            Col::Bus(id) => {
                let title = if now.guest_domains().next().is_some() {
                    Phrase::new("bus address: guest-physical (stage 2)", "总线域地址：客户机物理（第二阶段）")
                } else if translated && now.policy() != Policy::PassThrough && !now.bridges().get(id).no_iommu
                {
                    Phrase::new("bus address (IOVA)", "总线域地址（IOVA）")
                } else {
                    Phrase::new("bus address", "总线域地址")
                };
                (bus_key(now, id), Space::Bus, title, Phrase::same(now.bridges().get(id).name.clone()))
            }
            Col::Domain(d) => {
                let users: Vec<&str> = (0..now.devices().len())
                    .filter(|i| self.domain(*i).is_some() && self.domain(*i) == self.domain(d))
                    .map(|i| now.devices()[i].name.as_str())
                    .collect();
                let owner = users.join(", ");
                (
                    format!("iova:{}", now.devices()[d].name),
                    Space::Iova,
                    Phrase::same("IOVA"),
                    Phrase::same(owner),
                )
            }
            Col::Inner(i) => {
                let name = now.guest_domains().find(|guest| guest.index == i).map_or("", |guest| guest.name);
                (
                    format!("inner:{name}"),
                    Space::Iova,
                    Phrase::new("IOVA (stage 1, the guest's)", "IOVA（第一阶段，客户机的）"),
                    Phrase::same(name),
                )
            }
            Col::Device(i) => (
                format!("dev:{}", now.devices()[i].name),
                Space::Device,
                Phrase::new("device-local address", "设备本地地址"),
                Phrase::same(now.devices()[i].name.clone()),
            ),
            Col::Ports => {
                (String::from("ports"), Space::Port, Phrase::new("I/O port", "I/O 端口"), Phrase::default())
            }
        };
        let id = self.model.add_column(key, space, title, owner);
        self.spaces.insert(col, id);
    }

    pub(super) fn region(&mut self, col: Col, region: Region) {
        let Some(id) = self.spaces.get(&col) else { return };
        let Some(column) = self.model.columns.get_mut(usize::from(id.0)) else { return };
        if self.known.insert((Some(*id), region.key.clone())) {
            column.regions.push(region);
        }
    }

    pub(super) fn end(&self, col: Col, address: u64) -> Option<End> {
        let column = *self.spaces.get(&col)?;
        let letter = self.letters.get(&(column, address)).copied();
        Some(End { at: Point { column, address }, letter })
    }

    /// Letters of the kernel's own picture: C, B, A for a register; X, Y, Z for a buffer. Only the first of each.
    pub(super) fn letter(&mut self, col: Col, address: u64, letter: char) {
        if let Some(column) = self.spaces.get(&col) {
            if !self.letters.values().any(|l| *l == letter) {
                self.letters.entry((*column, address)).or_insert(letter);
            }
        }
    }

    #[allow(clippy::too_many_arguments)] // an arrow: each argument is one thing
    pub(super) fn arrow(
        &mut self,
        key: String,
        from: (Col, u64),
        to: (Col, u64),
        len: u64,
        kind: ArrowKind,
        state: ArrowState,
        perms: Perms,
        label: Phrase,
    ) {
        let (Some(from), Some(to)) = (self.end(from.0, from.1), self.end(to.0, to.1)) else { return };
        if self.known.insert((None, key.clone())) {
            self.model.arrows.push(Arrow { key, from, to, len, kind, state, perms, label });
        }
    }
}
