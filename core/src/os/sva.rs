//! Shared virtual addressing: a device works in a process's own page tables, under a PASID
//! (Linux drivers/iommu/iommu-sva.c).
//!
//! When the process's tables change, the device's side must forget too: that is what the notifier does.

use super::{Env, OsError};
use crate::addr::{AddrRange, Iova, Pasid, RequesterId};
use crate::iommu::{DomainId, Driver, Invalidation, ProcessTables};
use crate::spec::{Rule, Text};
use crate::trace::{Actor, Observer, Scope, Verdict};
use alloc::{collections::BTreeMap, format, vec::Vec};

/// What a device must be able to do to be bound.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Abilities {
    /// It sends PASIDs, and PASID Enable is on.
    pub pasid: bool,
    /// It keeps translations of its own.
    pub ats: bool,
    /// What the IOMMU's driver finds missing, if anything.
    pub lacks: Option<Text>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Bound {
    tables: ProcessTables,
    domain: DomainId,
    ats: bool,
}

/// Which PASIDs of which devices are bound to which tables.
#[derive(Clone, Debug, Default)]
pub struct Sva {
    bound: BTreeMap<(RequesterId, Pasid), Bound>,
}

impl Sva {
    /// Nothing is bound.
    pub fn new() -> Self {
        Self::default()
    }

    /// Every binding: device, PASID, tables.
    pub fn bindings(&self) -> impl Iterator<Item = (RequesterId, Pasid, ProcessTables)> + '_ {
        self.bound.iter().map(|((device, pasid), b)| (*device, *pasid, b.tables))
    }
    /// The PASIDs of a device that are bound.
    pub fn pasids(&self, device: RequesterId) -> Vec<Pasid> {
        self.bound.keys().filter(|(d, _)| *d == device).map(|(_, p)| *p).collect()
    }

    /// `iommu_sva_bind_device`: from now on requests with this PASID use the tables of `process`.
    pub fn bind<I: Driver, O: Observer>(
        &mut self,
        env: &mut Env<'_, I, O>,
        device: RequesterId,
        pasid: Pasid,
        (process, tables): (&str, ProcessTables),
        can: Abilities,
    ) -> Result<(), OsError> {
        // The kernel is told the device and the process; the PASID is what it answers.
        open(env.obs, "iommu_sva_bind_device", &format!("{device}, {process}"));
        let result = self.bind_inner(env, device, pasid, tables, can);
        close(env.obs, result.as_ref().map(|_| ()).map_err(OsError::rule));
        result
    }

    fn bind_inner<I: Driver, O: Observer>(
        &mut self,
        env: &mut Env<'_, I, O>,
        device: RequesterId,
        pasid: Pasid,
        tables: ProcessTables,
        can: Abilities,
    ) -> Result<(), OsError> {
        // What the unit lacks comes before what the device lacks (drivers/iommu/intel/svm.c, intel_iommu_sva_supported).
        env.with_iommu(|iommu, _| iommu.takes_processes()).ok_or(OsError::NoIommu)??;
        if !can.pasid {
            return Err(OsError::DeviceLacks(Text::new(
                "PASID capability, or it is off (`pasid` on its `device` line)",
                "PASID 能力，或未启用（在 `device` 一行写 `pasid`）",
            )));
        }
        if pasid.raw() == 0 {
            return Err(OsError::NoSva(Text::new(
                "PASID 0 stands for requests without one (IOMMU_NO_PASID), and processes have 1 and above",
                "PASID 0 代表不带 PASID 的请求（IOMMU_NO_PASID），进程从 1 开始",
            )));
        }
        if let Some(what) = can.lacks {
            return Err(OsError::NoSva(what));
        }
        if self.bound.contains_key(&(device, pasid)) {
            return Err(OsError::PasidBusy(pasid.raw()));
        }
        env.with_iommu(|iommu, ctx| iommu.bind(ctx, device, pasid, Some(tables)))
            .ok_or(OsError::NoIommu)??;
        // It tags what is cached. Without a guest below there is no domain: a PASID's own tag says it all.
        let domain = tables.below.unwrap_or(DomainId(0));
        self.bound.insert((device, pasid), Bound { tables, domain, ats: can.ats });
        Ok(())
    }

    /// `iommu_sva_unbind_device`: the entry goes, and everything cached of it.
    pub fn unbind<I: Driver, O: Observer>(
        &mut self,
        env: &mut Env<'_, I, O>,
        device: RequesterId,
        pasid: Pasid,
        process: &str,
    ) -> Result<(), OsError> {
        open(env.obs, "iommu_sva_unbind_device", &format!("{device}, {process}"));
        let result = self.unbind_inner(env, device, pasid);
        close(env.obs, result.as_ref().map(|_| ()).map_err(OsError::rule));
        result
    }

    fn unbind_inner<I: Driver, O: Observer>(
        &mut self,
        env: &mut Env<'_, I, O>,
        device: RequesterId,
        pasid: Pasid,
    ) -> Result<(), OsError> {
        let bound = self
            .bound
            .remove(&(device, pasid))
            .ok_or(OsError::DeviceLacks(Text::new("binding of this PASID", "这个 PASID 的绑定")))?;
        env.with_iommu(|iommu, ctx| {
            iommu.bind(ctx, device, pasid, None)?;
            iommu.invalidate(ctx, Invalidation::Process(device, pasid))?;
            iommu.invalidate(ctx, Invalidation::PasidAll(bound.domain, pasid))?;
            match AddrRange::new(Iova::new(0), 1 << 63) {
                Some(all) if bound.ats => {
                    iommu.invalidate(ctx, Invalidation::DeviceTlb(device, Some(pasid), all))
                }
                _ => Ok(()),
            }
        })
        .ok_or(OsError::NoIommu)??;
        Ok(())
    }

    /// The memory notifier: `range` of the process whose root table is `root` is no longer what it was.
    pub fn changed<I: Driver, O: Observer>(
        &self,
        env: &mut Env<'_, I, O>,
        root: u64,
        range: AddrRange<Iova>,
    ) -> Result<(), OsError> {
        for ((device, pasid), bound) in self.bound.iter().filter(|(_, b)| b.tables.root == root) {
            env.with_iommu(|iommu, ctx| {
                iommu.invalidate(ctx, Invalidation::PasidPages(bound.domain, *pasid, range))?;
                if bound.ats {
                    iommu.invalidate(ctx, Invalidation::DeviceTlb(*device, Some(*pasid), range))?;
                }
                Ok::<(), crate::iommu::DriverError>(())
            })
            .ok_or(OsError::NoIommu)??;
        }
        Ok(())
    }
}

fn open<O: Observer>(obs: &mut O, name: &'static str, args: &str) {
    if O::ON {
        let args = obs.name(args);
        obs.begin(Actor::Os, Scope::Api { name, args });
    }
}

fn close<O: Observer>(obs: &mut O, result: Result<(), &'static Rule>) {
    obs.end(Actor::Os, result.map_or_else(Verdict::Refused, |()| Verdict::Ok));
}
