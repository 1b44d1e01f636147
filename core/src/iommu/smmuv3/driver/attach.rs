//! Attaching: stream table entries and context descriptors (Linux's `arm_smmu_make_*_ste` and `arm_smmu_make_s1_cd`).

use super::{size_code, tables, Domain, SPLIT};
use crate::addr::{Address, PageSize, Pasid, PhysAddr, RequesterId};
use crate::iommu::smmuv3::spec::registers::{idr0, idr1};
use crate::iommu::smmuv3::spec::structures::{config, eats, s1dss, s1fmt, tg};
use crate::iommu::smmuv3::spec::{cd, l1cd, l1std, ste, CD, L1CD, L1STD, STE};
use crate::iommu::smmuv3::Smmuv3;
use crate::iommu::{Attachment, Ctx, DomainId, DomainKind, DriverError, ProcessTables};
use crate::paging::builder::Mapping;
use crate::paging::Format;
use crate::spec::{Bits, EntryType, Text};
use crate::trace::{write_run, Actor, Observer, Perms};

/// Where tables of context descriptors appear to a stage 2: at guest-physical addresses no guest has RAM at.
const DESCRIPTOR_WINDOW: u64 = 1 << 40;
/// SubstreamID bits that one leaf table of context descriptors resolves: 1,024 of 64 bytes.
const LEAF_BITS: u32 = 10;
/// Bits of the SubstreamIDs that a device is given.
const SUBSTREAM_BITS: u64 = 20;
/// MAIR as io-pgtable-arm sets it: non-cacheable, write-back, device, inner non-cacheable and outer write-back.
const MAIR: u64 = 0xf404_ff44;

impl Smmuv3 {
    fn store<O: Observer>(
        ctx: &mut Ctx<'_, O>,
        entry: &'static EntryType,
        at: PhysAddr,
        words: &[u64],
    ) -> Result<(), DriverError> {
        Ok(write_run(ctx.memory, ctx.obs, Actor::Os, entry, at, words)?)
    }

    /// Returns where the entry of a device is; its table is made, with every entry aborting, as Linux does.
    fn entry_place<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        device: RequesterId,
    ) -> Result<PhysAddr, DriverError> {
        let stream = device.raw();
        if u64::from(stream) >> self.config.idr1(idr1::SIDSIZE) != 0 {
            return Err(DriverError::Unsupported(Text::new(
                "a StreamID of so many bits (IDR1.SIDSIZE)",
                "如此宽的 StreamID（IDR1.SIDSIZE）",
            )));
        }
        let above = stream >> SPLIT;
        let table = match self.driver.stream_tables.get(&above) {
            Some(table) => *table,
            None => {
                let table = ctx.frames.frames(4, 4).ok_or(DriverError::NoFrames)?;
                // Bounded: entries of one table.
                for i in 0..1u64 << SPLIT {
                    let abort = [1];
                    Self::store(ctx, &STE, table.wrapping_add(i * 64), &abort)?;
                }
                let pointer = 0u64.with(l1std::SPAN, SPLIT + 1).with_address(l1std::L2PTR, table.raw());
                let at = self.driver.streams.wrapping_add(u64::from(above) * 8);
                Self::store(ctx, &L1STD, at, &[pointer])?;
                self.driver.stream_tables.insert(above, table);
                table
            }
        };
        Ok(table.wrapping_add(u64::from(stream & ((1 << SPLIT) - 1)) * 64))
    }

    /// Writes an entry so that the unit never sees a half of one: the words behind the first, then the first.
    fn write_entry<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        device: RequesterId,
        words: &ste::Words,
    ) -> Result<(), DriverError> {
        let at = self.entry_place(ctx, device)?;
        let mut was = ste::ZERO;
        for (i, word) in was.iter_mut().enumerate() {
            *word = ctx.memory.read_u64(at.wrapping_add(i as u64 * 8))?;
        }
        if was == *words {
            return Ok(());
        }
        let live = was.bits(ste::CONFIG) >= config::BYPASS;
        if live {
            // The old one is taken back first.
            Self::store(ctx, &STE, at, &[0])?;
            self.flush_stream(ctx, device)?;
        }
        if was[1..] != words[1..] {
            Self::store(ctx, &STE, at.wrapping_add(8), &words[1..])?;
            self.flush_stream(ctx, device)?;
        }
        Self::store(ctx, &STE, at, &words[..1])?;
        self.flush_stream(ctx, device)
    }

    fn first_entry(&self, device: RequesterId, pointer: u64, many: bool) -> ste::Words {
        let stalls = self.config.stall_model() == 0;
        let ats = self.ats(device);
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

    fn second_words(&self, domain: DomainId, words: ste::Words) -> Result<ste::Words, DriverError> {
        let Domain { kind, root } = self.domain(domain)?;
        if kind != DomainKind::Stage2 {
            return Err(DriverError::Unsupported(Text::new(
                "a stage 1 domain as stage 2",
                "把第一级域用作第二级",
            )));
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

    fn ats(&self, device: RequesterId) -> bool {
        let caps = self.driver.caps.get(&device.raw()).copied().unwrap_or_default();
        self.config.has(idr0::ATS) && caps.ats
    }

    fn many(&self, device: RequesterId) -> bool {
        let caps = self.driver.caps.get(&device.raw()).copied().unwrap_or_default();
        caps.pasid && self.config.idr1(idr1::SSIDSIZE) != 0
    }

    fn substream_bits(&self) -> u64 {
        self.config.idr1(idr1::SSIDSIZE).min(SUBSTREAM_BITS)
    }

    pub(in crate::iommu::smmuv3) fn attach_device<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        device: RequesterId,
        to: Attachment,
    ) -> Result<(), DriverError> {
        let (second, first) = match to {
            Attachment::Blocked => (None, None),
            Attachment::PassThrough => {
                let bypass =
                    ste::ZERO.with_flag(ste::V, true).with(ste::CONFIG, config::BYPASS).with(ste::SHCFG, 1);
                self.driver.below.remove(&device.raw());
                return self.write_entry(ctx, device, &bypass);
            }
            Attachment::Domain(id) => match self.domain(id)? {
                Domain { kind: DomainKind::Stage1, root } => {
                    (None, Some(self.own_descriptor(root.raw(), id.0)))
                }
                _ => (Some(id), None),
            },
            Attachment::Nested(tables) => {
                let asid = self.asid(tables.root);
                (tables.below, Some(self.process_descriptor(tables.root, tables.levels, asid)))
            }
        };
        // The device's descriptors are at addresses of the stage below: with another one, they are made anew.
        if self.driver.below.get(&device.raw()).copied() != second.map(|id| id.0) {
            self.driver.descriptors.remove(&device.raw());
            self.driver.descriptor_leaves.retain(|key, _| key.0 != device.raw());
        }
        match second {
            Some(id) => self.driver.below.insert(device.raw(), id.0),
            None => self.driver.below.remove(&device.raw()),
        };
        let words = match (first, second) {
            (None, None) => ste::ZERO.with_flag(ste::V, true).with(ste::CONFIG, config::ABORT),
            (None, Some(id)) => {
                let ats = self.ats(device);
                let words = ste::ZERO
                    .with_flag(ste::V, true)
                    .with(ste::CONFIG, config::S2)
                    .with(ste::EATS, if ats { eats::FULL } else { eats::NONE })
                    .with(ste::SHCFG, 1);
                self.second_words(id, words)?
            }
            (Some(descriptor), below) => {
                self.write_descriptor(ctx, device, 0, &descriptor)?;
                let (_, pointer) = self.descriptor_table(ctx, device)?;
                let words = self.first_entry(device, pointer, self.many(device));
                match below {
                    None => words,
                    Some(id) => self.second_words(id, words.with(ste::CONFIG, config::NESTED))?,
                }
            }
        };
        self.write_entry(ctx, device, &words)
    }

    /// The descriptor of a domain's own tables (`arm_smmu_make_s1_cd`).
    fn own_descriptor(&self, root: u64, asid: u16) -> cd::Words {
        let format = tables(&self.config, DomainKind::Stage1);
        self.descriptor(root, format.input_bits, asid)
            .with_flag(cd::HA, self.config.update)
            .with_flag(cd::HD, self.config.update)
            .with_flag(cd::ASET, true)
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
            .with(cd::ASID, asid.into())
            .with_address(cd::TTB0, root)
            .with(cd::MAIR, MAIR)
    }

    /// Returns the ASID of a process: the same for every device that uses its tables.
    pub(super) fn asid(&mut self, root: u64) -> u16 {
        let next = 0x8000 + self.driver.asids.len() as u16;
        *self.driver.asids.entry(root).or_insert(next)
    }

    /// Returns pages for descriptors of a device: where they are, and the address pointers to them have.
    fn descriptor_pages<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        device: RequesterId,
        pages: u64,
    ) -> Result<(PhysAddr, u64), DriverError> {
        let pa = ctx.frames.frames(pages, pages).ok_or(DriverError::NoFrames)?;
        let pointer = match self.driver.below.get(&device.raw()) {
            None => pa.raw(),
            Some(&id) => {
                let from = DESCRIPTOR_WINDOW | pa.raw();
                let (to, len, size, perms) = (pa.raw(), pages << 12, PageSize::SIZE_4K, Perms::R);
                self.map_pages(ctx, DomainId(id), Mapping { from, to, len, size, perms, user: true })?;
                from
            }
        };
        Ok((pa, pointer))
    }

    /// Returns the device's table of context descriptors, made on first use: one descriptor, or two levels of them.
    fn descriptor_table<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        device: RequesterId,
    ) -> Result<(PhysAddr, u64), DriverError> {
        if let Some(table) = self.driver.descriptors.get(&device.raw()) {
            return Ok(*table);
        }
        let pages = match self.many(device) {
            true => (8u64 << (self.substream_bits() - u64::from(LEAF_BITS))).div_ceil(4096),
            false => 1,
        };
        let table = self.descriptor_pages(ctx, device, pages)?;
        self.driver.descriptors.insert(device.raw(), table);
        Ok(table)
    }

    fn write_descriptor<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        device: RequesterId,
        number: u32,
        words: &cd::Words,
    ) -> Result<(), DriverError> {
        let (table, _) = self.descriptor_table(ctx, device)?;
        let at = if self.many(device) {
            let key = (device.raw(), number >> LEAF_BITS);
            let leaf = match self.driver.descriptor_leaves.get(&key) {
                Some(leaf) => *leaf,
                None => {
                    let leaf = self.descriptor_pages(ctx, device, 16)?;
                    let pointer = 0u64.with_flag(l1cd::V, true).with_address(l1cd::L2PTR, leaf.1);
                    let at = table.wrapping_add(u64::from(key.1) * 8);
                    Self::store(ctx, &L1CD, at, &[pointer])?;
                    self.driver.descriptor_leaves.insert(key, leaf);
                    leaf
                }
            };
            leaf.0.wrapping_add(u64::from(number & ((1 << LEAF_BITS) - 1)) * 64)
        } else {
            table
        };
        let was = ctx.memory.read_u64(at)?;
        if was.is_set(cd::V) && was != words[0] {
            // A valid one is taken back before another stands there.
            Self::store(ctx, &CD, at, &[0])?;
            self.flush_descriptor(ctx, device, number)?;
        }
        Self::store(ctx, &CD, at.wrapping_add(8), &words[1..])?;
        Self::store(ctx, &CD, at, &words[..1])?;
        self.flush_descriptor(ctx, device, number)
    }

    pub(in crate::iommu::smmuv3) fn bind_process<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        device: RequesterId,
        pasid: Pasid,
        process: Option<ProcessTables>,
    ) -> Result<(), DriverError> {
        if !self.many(device) {
            return Err(DriverError::Unsupported(Text::new(
                "processes for a device without PASID (STE.S1CDMax = 0)",
                "没有 PASID 的设备使用进程（STE.S1CDMax = 0）",
            )));
        }
        if pasid.raw() == 0 {
            return Err(DriverError::Unsupported(Text::new(
                "PASID 0: its context descriptor is that of requests without one",
                "PASID 0：其上下文描述符属于不带 PASID 的请求",
            )));
        }
        let Some(process) = process else {
            return self.write_descriptor(ctx, device, pasid.raw(), &cd::ZERO);
        };
        if process.below.map(|id| id.0) != self.driver.below.get(&device.raw()).copied() {
            return Err(DriverError::Unsupported(Text::new(
                "a process over another stage 2 than its device's (there is one in a stream table entry)",
                "进程使用与设备不同的第二级（一个流表项只有一个第二级）",
            )));
        }
        let asid = self.asid(process.root);
        let descriptor = self.process_descriptor(process.root, process.levels, asid);
        self.write_descriptor(ctx, device, pasid.raw(), &descriptor)?;
        self.enable_substreams(ctx, device)
    }

    /// A device that was never attached to stage 1 gets its table of descriptors now; requests without a PASID stay what
    /// they were: bypassed, or refused.
    fn enable_substreams<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        device: RequesterId,
    ) -> Result<(), DriverError> {
        let at = self.entry_place(ctx, device)?;
        let word = ctx.memory.read_u64(at)?;
        let was = [word].bits(ste::CONFIG);
        let dss = match was {
            config::ABORT => s1dss::TERMINATE,
            config::BYPASS => s1dss::BYPASS,
            _ => return Ok(()),
        };
        let (_, pointer) = self.descriptor_table(ctx, device)?;
        let words = self.first_entry(device, pointer, true).with(ste::S1DSS, dss);
        self.write_entry(ctx, device, &words)
    }
}
