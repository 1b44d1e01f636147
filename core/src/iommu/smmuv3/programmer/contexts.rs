//! Attaching: stream table entries and context descriptors (Linux's `arm_smmu_make_*_ste` and `arm_smmu_make_s1_cd`).

use super::commands::{domain_asid, emit, one_descriptor, one_stream, plain, stream, Command};
use super::entry;
use super::{size_code, tables, SmmuProgrammer, SPLIT};
use crate::addr::{Address, PageSize, Pasid, PhysAddr, RequesterId};
use crate::iommu::driver::domains::map;
use crate::iommu::driver::{submit, unsupported, Domain, Domains, DriverResult, Hardware, Page};
use crate::iommu::smmuv3::spec::commands::{opcode, tlbi};
use crate::iommu::smmuv3::spec::registers::{idr0, idr1};
use crate::iommu::smmuv3::spec::structures::{config, eats, s1dss, s1fmt, tg};
use crate::iommu::smmuv3::spec::{cd, l1cd, l1std, ste, CD, L1CD, L1STD, STE};
use crate::iommu::{Attachment, DomainId, DomainKind, ProcessTables};
use crate::paging::builder::Mapping;
use crate::paging::Format;
use crate::spec::{Bits, EntryType};
use crate::trace::Perms;

/// Where tables of context descriptors appear to a stage 2: at guest-physical addresses no guest has RAM at.
const DESCRIPTOR_WINDOW: u64 = 1 << 40;
/// SubstreamID bits that one leaf table of context descriptors resolves: 1,024 of 64 bytes.
const LEAF_BITS: u32 = 10;
/// Bits of the SubstreamIDs that a device is given.
const SUBSTREAM_BITS: u64 = 20;
/// MAIR as io-pgtable-arm sets it: non-cacheable, write-back, device, inner non-cacheable and outer write-back.
const MAIR: u64 = 0xf404_ff44;

impl SmmuProgrammer {
    /// Returns where the entry of a StreamID is; its table is made, with every entry aborting, as Linux does.
    fn entry_place(&mut self, hw: &mut impl Hardware, stream: u32) -> DriverResult<PhysAddr> {
        if u64::from(stream) >> self.config.idr1(idr1::SIDSIZE) != 0 {
            return unsupported(
                "a StreamID of more bits than IDR1.SIDSIZE",
                "位数超过 IDR1.SIDSIZE 的 StreamID",
            );
        }
        let above = stream >> SPLIT;
        let table = match self.stream_tables.get(above) {
            Some(page) => page.at,
            None => {
                let at = hw.frames(4, 4)?;
                let abort = ste::ZERO.with_flag(ste::V, true);
                // Bounded: entries of one table.
                for i in 0..1u64 << SPLIT {
                    hw.store(&STE, at.wrapping_add(i * 64), &abort[..1])?;
                }
                let pointer = 0u64.with(l1std::SPAN, SPLIT + 1).with_address(l1std::L2PTR, at.raw());
                hw.store(&L1STD, self.streams.wrapping_add(u64::from(above) * 8), &[pointer])?;
                self.stream_tables.insert(above, Page { at, pointer: at.raw() });
                at
            }
        };
        Ok(table.wrapping_add(u64::from(stream & ((1 << SPLIT) - 1)) * 64))
    }

    /// Writes a stream table entry.
    fn write_entry(&mut self, hw: &mut impl Hardware, stream: u32, words: &ste::Words) -> DriverResult {
        let at = self.entry_place(hw, stream)?;
        self.write_stages(hw, (&STE, &entry::STREAM), at, words, one_stream(stream))
    }

    /// Writes an entry so that the unit never sees a half of one, and makes it forget the old one.
    fn write_stages(
        &mut self,
        hw: &mut impl Hardware,
        (layout, kind): (&'static EntryType, &entry::Kind),
        at: PhysAddr,
        words: &entry::Entry,
        forget: Command,
    ) -> DriverResult {
        let mut was: entry::Entry = hw.load(at)?;
        for stage in entry::stages(kind, &was, words) {
            let mut i = 0;
            // Bounded: the words of an entry.
            while i < stage.len() {
                let run = (i..stage.len()).take_while(|j| stage[*j] != was[*j]).count();
                if run != 0 {
                    hw.store(layout, at.wrapping_add(i as u64 * 8), &stage[i..i + run])?;
                }
                i += run.max(1);
            }
            submit(self, hw, &[emit(forget)])?;
            was = stage;
        }
        Ok(())
    }

    fn first_entry(&self, domains: &Domains, device: RequesterId, pointer: u64, many: bool) -> ste::Words {
        let stalls = self.config.stall_model() == 0;
        let ats = self.ats(domains, device);
        ste::ZERO
            .with_flag(ste::V, true)
            .with(ste::CONFIG, config::S1)
            .with(ste::S1FMT, if many { s1fmt::TWO_LEVEL_64K } else { s1fmt::LINEAR })
            .with_address(ste::S1CONTEXTPTR, pointer)
            .with(ste::S1CDMAX, if many { self.substream_bits() } else { 0 })
            .with(ste::S1DSS, s1dss::SUBSTREAM_0)
            .with(ste::S1CIR, 1)
            .with(ste::S1COR, 1)
            .with(ste::S1CSH, 3)
            .with_flag(ste::S1STALLD, stalls)
            .with(ste::EATS, if ats { eats::FULL } else { eats::NONE })
    }

    /// SHCFG: as it comes, where the unit could override it.
    fn incoming(&self) -> u64 {
        self.config.idr1(idr1::ATTR_TYPES_OVR)
    }

    /// Under a guest's stage 1 events are merged, so that a guest cannot flood the queue (`arm_smmu_make_nested_cd_table_ste`).
    fn nested_words(
        &self,
        domains: &Domains,
        domain: DomainId,
        words: ste::Words,
    ) -> DriverResult<ste::Words> {
        self.second_words(domains, domain, words.with(ste::CONFIG, config::NESTED).with_flag(ste::MEV, true))
    }

    fn second_words(
        &self,
        domains: &Domains,
        domain: DomainId,
        words: ste::Words,
    ) -> DriverResult<ste::Words> {
        let Domain { kind, root } = domains.get(domain)?;
        if kind != DomainKind::Stage2 {
            return unsupported("a stage 1 domain as stage 2", "把第一阶段域用作第二阶段");
        }
        let format = tables(&self.config, kind);
        Ok(words
            .with(ste::S2VMID, domain.0.into())
            .with(ste::S2T0SZ, 64 - u64::from(format.input_bits))
            .with(ste::S2SL0, u64::from(format.levels()) - 2)
            .with(ste::S2IR0, 1)
            .with(ste::S2OR0, 1)
            .with(ste::S2SH0, 3)
            .with(ste::S2TG, tg::K4)
            .with(ste::S2PS, size_code(format.output_bits))
            .with_flag(ste::S2AA64, true)
            .with_flag(ste::S2PTW, true)
            .with_flag(ste::S2HA, self.config.update)
            .with_flag(ste::S2HD, self.config.update)
            .with_flag(ste::S2R, true)
            .with_address(ste::S2TTB, root.raw()))
    }

    fn ats(&self, domains: &Domains, device: RequesterId) -> bool {
        self.config.has(idr0::ATS) && domains.caps(device).ats
    }

    fn many(&self, domains: &Domains, device: RequesterId) -> bool {
        domains.caps(device).pasid && self.config.idr1(idr1::SSIDSIZE) != 0
    }

    fn substream_bits(&self) -> u64 {
        self.config.idr1(idr1::SSIDSIZE).min(SUBSTREAM_BITS)
    }

    pub(super) fn attach_device(
        &mut self,
        hw: &mut impl Hardware,
        device: RequesterId,
        to: Attachment,
    ) -> DriverResult {
        let stream = stream(hw.domains(), device);
        match to {
            Attachment::PassThrough => self.past.insert(device.raw()),
            _ => self.past.remove(&device.raw()),
        };
        let (second, first) = match to {
            Attachment::Blocked => (None, None),
            Attachment::PassThrough => {
                let bypass = ste::ZERO.with_flag(ste::V, true).with(ste::CONFIG, config::BYPASS);
                let bypass = bypass.with(ste::SHCFG, self.incoming());
                self.below.remove(&stream);
                return self.write_entry(hw, stream, &bypass);
            }
            Attachment::Domain(id) => match hw.domains().get(id)? {
                Domain { kind: DomainKind::Stage1, root } => {
                    (None, Some(self.own_descriptor(root.raw(), domain_asid(id))))
                }
                Domain { .. } => (Some(id), None),
            },
            Attachment::Nested(tables) => {
                (tables.below, Some(self.process_descriptor(tables.root, tables.levels, tables.asid)))
            }
        };
        // The device's descriptors are at addresses of the stage below: with another one, they are made anew.
        if self.below.get(&stream).copied() != second {
            self.descriptors.retain(|key| *key != stream);
            self.descriptor_leaves.retain(|key| key.0 != stream);
        }
        match second {
            Some(id) => self.below.insert(stream, id),
            None => self.below.remove(&stream),
        };
        let words = match (first, second) {
            (None, None) => ste::ZERO.with_flag(ste::V, true).with(ste::CONFIG, config::ABORT),
            (None, Some(id)) => {
                let ats = self.ats(hw.domains(), device);
                let words = ste::ZERO
                    .with_flag(ste::V, true)
                    .with(ste::CONFIG, config::S2)
                    .with(ste::EATS, if ats { eats::FULL } else { eats::NONE })
                    .with(ste::SHCFG, self.incoming());
                self.second_words(hw.domains(), id, words)?
            }
            (Some(descriptor), below) => {
                self.write_descriptor(hw, device, 0, &descriptor)?;
                let pointer = self.descriptor_table(hw, device)?.pointer;
                let words = self.first_entry(hw.domains(), device, pointer, self.many(hw.domains(), device));
                match below {
                    None => words,
                    Some(id) => self.nested_words(hw.domains(), id, words)?,
                }
            }
        };
        self.write_entry(hw, stream, &words)
    }

    /// The descriptor of a domain's own tables (`arm_smmu_make_s1_cd`).
    fn own_descriptor(&self, root: u64, asid: u16) -> cd::Words {
        let format = tables(&self.config, DomainKind::Stage1);
        self.descriptor(root, format.input_bits, asid)
    }

    /// The descriptor of a process's tables (`arm_smmu_make_sva_cd`): its ASID is the CPU's too.
    fn process_descriptor(&self, root: u64, levels: u8, asid: u16) -> cd::Words {
        self.descriptor(root, 12 + 9 * levels, asid)
    }

    fn descriptor(&self, root: u64, bits: u8, asid: u16) -> cd::Words {
        cd::ZERO
            .with(cd::T0SZ, 64 - u64::from(bits))
            .with(cd::TG0, tg::K4)
            .with(cd::IR0, 1)
            .with(cd::OR0, 1)
            .with(cd::SH0, 3)
            .with_flag(cd::EPD1, true)
            .with_flag(cd::V, true)
            .with(cd::IPS, size_code(self.config.address_bits()))
            .with_flag(cd::AA64, true)
            .with_flag(cd::R, true)
            .with_flag(cd::A, true)
            .with_flag(cd::ASET, true)
            .with_flag(cd::HA, self.config.update)
            .with_flag(cd::HD, self.config.update)
            .with(cd::ASID, asid.into())
            .with_address(cd::TTB0, root)
            .with(cd::MAIR, MAIR)
    }

    /// Returns pages for descriptors of a device.
    fn descriptor_pages(&self, hw: &mut impl Hardware, stream: u32, pages: u64) -> DriverResult<Page> {
        let at = hw.frames(pages, pages)?;
        let pointer = match self.below.get(&stream) {
            None => at.raw(),
            Some(&id) => {
                let from = DESCRIPTOR_WINDOW | at.raw();
                let (to, len, size, perms) = (at.raw(), pages << 12, PageSize::SIZE_4K, Perms::R);
                map(self, hw, id, Mapping { from, to, len, size, perms, user: true })?;
                from
            }
        };
        Ok(Page { at, pointer })
    }

    /// Returns the device's table of context descriptors, made on first use: one descriptor, or two levels of them.
    fn descriptor_table(&mut self, hw: &mut impl Hardware, device: RequesterId) -> DriverResult<Page> {
        let stream = stream(hw.domains(), device);
        if let Some(table) = self.descriptors.get(stream) {
            return Ok(table);
        }
        let pages = match self.many(hw.domains(), device) {
            true => (8u64 << (self.substream_bits() - u64::from(LEAF_BITS))).div_ceil(4096),
            false => 1,
        };
        let table = self.descriptor_pages(hw, stream, pages)?;
        self.descriptors.insert(stream, table);
        Ok(table)
    }

    /// Writes a descriptor; returns whether a valid one stood there.
    fn write_descriptor(
        &mut self,
        hw: &mut impl Hardware,
        device: RequesterId,
        number: u32,
        words: &cd::Words,
    ) -> DriverResult<bool> {
        let stream = stream(hw.domains(), device);
        let table = self.descriptor_table(hw, device)?;
        let at = if self.many(hw.domains(), device) {
            let key = (stream, number >> LEAF_BITS);
            let leaf = match self.descriptor_leaves.get(key) {
                Some(leaf) => leaf,
                None => {
                    let leaf = self.descriptor_pages(hw, stream, 16)?;
                    let pointer = 0u64.with_flag(l1cd::V, true).with_address(l1cd::L2PTR, leaf.pointer);
                    hw.store(&L1CD, table.at.wrapping_add(u64::from(key.1) * 8), &[pointer])?;
                    // A unit may remember that there was none.
                    submit(self, hw, &[emit(one_descriptor(stream, number, false))])?;
                    self.descriptor_leaves.insert(key, leaf);
                    leaf
                }
            };
            leaf.at.wrapping_add(u64::from(number & ((1 << LEAF_BITS) - 1)) * 64)
        } else {
            table.at
        };
        let [was] = hw.load::<1>(at)?;
        self.write_stages(hw, (&CD, &entry::DESCRIPTOR), at, words, one_descriptor(stream, number, true))?;
        Ok(was.is_set(cd::V))
    }

    /// Gives a SubstreamID a process's tables, or takes them away.
    pub(super) fn bind_process(
        &mut self,
        hw: &mut impl Hardware,
        device: RequesterId,
        pasid: Pasid,
        process: Option<ProcessTables>,
    ) -> DriverResult {
        if !self.many(hw.domains(), device) {
            return unsupported(
                "processes for a device without PASID (STE.S1CDMax = 0)",
                "没有 PASID 的设备使用进程（STE.S1CDMax = 0）",
            );
        }
        if pasid.raw() == 0 {
            return unsupported(
                "PASID 0: its context descriptor is that of requests without one",
                "PASID 0：其上下文描述符属于不带 PASID 的请求",
            );
        }
        let stream = stream(hw.domains(), device);
        let below = self.below.get(&stream).copied();
        let Some(process) = process else {
            let valid = self.write_descriptor(hw, device, pasid.raw(), &cd::ZERO)?;
            let Some(asid) = self.bound.get(&(stream, pasid.raw())).filter(|_| valid) else { return Ok(()) };
            let vmid = below.map_or(0, |id| id.0);
            let words = plain(opcode::TLBI_NH_ASID).with(tlbi::ASID, (*asid).into());
            return submit(self, hw, &[emit(words.with(tlbi::VMID, vmid.into()))]);
        };
        if process.below != below {
            return unsupported(
                "a process over another stage 2 than its device's (there is one in a stream table entry)",
                "进程使用与设备不同的第二阶段（一个流表项只有一个第二阶段）",
            );
        }
        self.bound.insert((stream, pasid.raw()), process.asid);
        let descriptor = self.process_descriptor(process.root, process.levels, process.asid);
        self.write_descriptor(hw, device, pasid.raw(), &descriptor)?;
        self.enable_substreams(hw, device)
    }

    /// A device that was not attached to stage 1 gets its table of descriptors now; requests without a PASID stay what
    /// they were: bypassed, refused, or translated by stage 2 alone.
    fn enable_substreams(&mut self, hw: &mut impl Hardware, device: RequesterId) -> DriverResult {
        let stream = stream(hw.domains(), device);
        let at = self.entry_place(hw, stream)?;
        let dss = match hw.load::<1>(at)?.bits(ste::CONFIG) {
            config::ABORT => s1dss::TERMINATE,
            config::BYPASS | config::S2 => s1dss::BYPASS,
            _ => return Ok(()),
        };
        let pointer = self.descriptor_table(hw, device)?.pointer;
        let around = if dss == s1dss::BYPASS { self.incoming() } else { 0 };
        let words = self.first_entry(hw.domains(), device, pointer, true);
        let words = words.with(ste::S1DSS, dss).with(ste::SHCFG, around);
        let words = match self.below.get(&stream) {
            None => words,
            Some(id) => self.nested_words(hw.domains(), *id, words)?,
        };
        self.write_entry(hw, stream, &words)
    }
}
