//! Giving a device to a guest: whole groups only, the guest's RAM mapped for them (Linux drivers/vfio).

use super::{Env, OsError};
use crate::addr::{AddrRange, GuestPhysAddr, PageSize, PhysAddr, RequesterId};
use crate::iommu::{Attachment, DomainId, Driver as IommuDriver, DriverError};
use crate::paging::builder::Mapping;
use crate::platform::group::GroupId;
use crate::platform::topology::{NodeId, Topology};
use crate::trace::{Observer, Perms};
use alloc::{string::String, vec::Vec};

/// Who drives a function.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Driver {
    /// Nobody.
    None,
    /// A driver of the host.
    #[default]
    Host,
    /// It is given away: to the guest with this number.
    Guest(u16),
}

/// Is a group viable for `guest`: does each of its functions that is no bridge belong to it, or to nobody?
/// Bridges may keep their driver: they do no DMA of their own. The names of those in the way are in the error.
pub fn viable(
    topology: &Topology,
    groups: &[GroupId],
    group: GroupId,
    guest: u16,
    driver: impl Fn(NodeId) -> Driver,
) -> Result<(), OsError> {
    let members = topology
        .nodes()
        .filter(|(n, node)| groups.get(usize::from(n.0)) == Some(&group) && !node.is_bridge());
    let in_the_way = |n: NodeId| match driver(n) {
        Driver::None => false,
        Driver::Host => true,
        Driver::Guest(other) => other != guest,
    };
    let others: Vec<String> =
        members.filter(|(n, _)| in_the_way(*n)).map(|(_, node)| node.name.clone()).collect();
    if others.is_empty() {
        Ok(())
    } else {
        Err(OsError::NotViable { group: group.0, others })
    }
}

/// `VFIO_IOMMU_MAP_DMA` of a guest's RAM: every page is pinned and mapped, guest-physical to physical.
pub fn map_guest<I: IommuDriver, O: Observer>(
    env: &mut Env<'_, I, O>,
    domain: DomainId,
    ram: AddrRange<GuestPhysAddr>,
    to: PhysAddr,
    size: PageSize,
) -> Result<(), OsError> {
    let mapping =
        Mapping { from: ram.start.raw(), to: to.raw(), len: ram.len(), size, perms: Perms::RW, user: true };
    env.with_iommu(|iommu, ctx| iommu.map(ctx, domain, mapping)).ok_or(OsError::NoIommu)??;
    Ok(())
}

/// Attaches devices to a guest's domain, or to anything else, all or none.
pub fn attach_all<I: IommuDriver, O: Observer>(
    env: &mut Env<'_, I, O>,
    devices: &[RequesterId],
    to: Attachment,
) -> Result<(), OsError> {
    let done: Result<(), DriverError> = env
        .with_iommu(|iommu, ctx| {
            for (i, device) in devices.iter().enumerate() {
                if let Err(error) = iommu.attach(ctx, *device, to) {
                    for back in &devices[..i] {
                        iommu.attach(ctx, *back, Attachment::Blocked)?;
                    }
                    return Err(error);
                }
            }
            Ok(())
        })
        .ok_or(OsError::NoIommu)?;
    Ok(done?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addr::RequesterId;
    use crate::platform::config::{ConfigSpace, Ids, PortType};
    use crate::platform::group::groups;

    #[test]
    fn a_group_goes_as_a_whole_and_bridges_do_not_count() {
        let mut t = Topology::new();
        let mut add = |name: &str, bdf: &str, kind, parent| {
            let config = ConfigSpace::new(kind, Ids { vendor: 1, device: 2, class: 3 });
            t.add(name, RequesterId::parse(bdf).unwrap(), parent, config).unwrap()
        };
        let rp = add("rp0", "00:1c.0", PortType::RootPort, None);
        let nic = add("nic", "01:00.0", PortType::Endpoint, Some(rp));
        let nic1 = add("nic1", "01:00.1", PortType::Endpoint, Some(rp));
        let g = groups(&t);
        let group = g[usize::from(nic.0)];
        let go = |one: Driver, other: Driver| {
            viable(&t, &g, group, 1, |n| {
                if n == nic {
                    one
                } else if n == nic1 {
                    other
                } else {
                    Driver::Host
                }
            })
        };
        assert_eq!(go(Driver::Guest(1), Driver::None), Ok(()));
        let e = go(Driver::Guest(1), Driver::Host).unwrap_err();
        assert_eq!(
            alloc::format!("{e}"),
            "group 0 is not viable: nic1 must go to the same guest or have no driver"
        );
        assert!(go(Driver::Guest(1), Driver::Guest(2)).is_err());
    }
}
