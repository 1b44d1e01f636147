//! Scatter-gather: a list of pieces becomes a shorter list of segments, where an IOMMU can put them side by side
//! (`iommu_dma_map_sg` and `__finalise_sg` in drivers/iommu/dma-iommu.c).

use super::super::{Env, OsError};
use super::pieces::{whole_pages, Piece};
use super::{close, open, own, Buffer, BufferKind, Direction, DmaApi, Mapped, Path};
use crate::addr::{AddrRange, Address, BusAddr, PageSize, RequesterId};
use crate::iommu::Driver;
use crate::trace::{Observer, OwnerState};
use alloc::{format, vec::Vec};

/// What a device is given for one or more pieces.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Segment {
    /// The DMA address.
    pub dma: BusAddr,
    /// How many bytes.
    pub bytes: u64,
}

/// A mapped list: `nents` is the number of segments, `orig_nents` what it was made of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SgList {
    /// The segments.
    pub segments: Vec<Segment>,
    /// Entries of the list that was mapped: what must be given to `dma_unmap_sg`.
    pub orig_nents: usize,
    /// What each mapping starts at; one where the whole list is one IOVA range.
    starts: Vec<BusAddr>,
}

impl SgList {
    /// Entries that the device is given.
    pub fn nents(&self) -> usize {
        self.segments.len()
    }
    /// The DMA address of byte `offset` of the list.
    pub fn at(&self, mut offset: u64) -> Option<BusAddr> {
        for segment in &self.segments {
            if offset < segment.bytes {
                return Some(segment.dma.wrapping_add(offset));
            }
            offset -= segment.bytes;
        }
        None
    }
}

impl DmaApi {
    /// `dma_map_sg`.
    pub fn map_sg<I: Driver, O: Observer>(
        &mut self,
        env: &mut Env<'_, I, O>,
        device: RequesterId,
        name: &str,
        pieces: &[Piece],
        direction: Direction,
    ) -> Result<SgList, OsError> {
        let info = self.device(device)?.info.clone();
        open(
            env.obs,
            "dma_map_sg",
            &format!("{}, {name}, {}, {}", info.name, pieces.len(), direction.name()),
        );
        let result = if self.domain(device).is_some() {
            self.map_sg_translated(env, device, name, pieces, direction)
        } else {
            self.map_sg_direct(env, device, name, pieces, direction)
        };
        if let (Ok(list), Ok(known)) = (&result, self.device(device)) {
            let params = known.params;
            self.check_segments(env, &info, pieces, &list.segments, params);
        }
        let first = |list: &SgList| list.segments.first().map(|s| s.dma.any());
        close(env.obs, result.as_ref().map(first).map_err(OsError::rule));
        result
    }

    fn map_sg_direct<I: Driver, O: Observer>(
        &mut self,
        env: &mut Env<'_, I, O>,
        device: RequesterId,
        name: &str,
        pieces: &[Piece],
        direction: Direction,
    ) -> Result<SgList, OsError> {
        let mut segments: Vec<Segment> = Vec::new();
        for piece in pieces {
            let buffer = Buffer { name, at: piece.at, bytes: piece.bytes, kind: BufferKind::Contiguous };
            match self.map_one(env, device, buffer, direction, false, true) {
                Ok(dma) => segments.push(Segment { dma, bytes: piece.bytes }),
                Err(error) => {
                    // All or nothing.
                    for done in segments {
                        self.unmap_one(env, device, done.dma, done.bytes, direction, true)?;
                    }
                    return Err(error);
                }
            }
        }
        if segments.is_empty() {
            return Err(OsError::Empty);
        }
        let starts = segments.iter().map(|s| s.dma).collect();
        Ok(SgList { segments, orig_nents: pieces.len(), starts })
    }

    fn map_sg_translated<I: Driver, O: Observer>(
        &mut self,
        env: &mut Env<'_, I, O>,
        device: RequesterId,
        name: &str,
        pieces: &[Piece],
        direction: Direction,
    ) -> Result<SgList, OsError> {
        let super::Device { info, params, .. } = self.device(device)?.clone();
        for piece in pieces {
            let memory = AddrRange::new(piece.at, piece.bytes).ok_or(OsError::Empty)?;
            self.for_device(env, &info, memory, direction)?;
        }
        let laid = lay_out(pieces, params.boundary);
        let start = self.map_pages(env, &info, params.mask, &laid, direction)?.as_bus();
        let first = start.page(PageSize::SIZE_4K);
        let segments = merge(first, pieces, &laid, params.max_segment, params.boundary);
        let total = laid.iter().map(|p| whole_pages(p.at, p.bytes)).sum();
        let mapped = Mapped {
            name: name.into(),
            dma: start,
            bytes: pieces.iter().map(|p| p.bytes).sum(),
            direction,
            pieces: pieces.into(),
            path: Path::Translated(first.as_iova(), total),
            listed: true,
        };
        self.live.insert((device, start.raw()), mapped);
        own(env.obs, name, OwnerState::Device);
        Ok(SgList { segments, orig_nents: pieces.len(), starts: [start].into() })
    }

    /// `dma_unmap_sg`.
    pub fn unmap_sg<I: Driver, O: Observer>(
        &mut self,
        env: &mut Env<'_, I, O>,
        device: RequesterId,
        list: &SgList,
        direction: Option<Direction>,
        skip_cpu_sync: bool,
    ) -> Result<(), OsError> {
        let name = self.device(device)?.info.name.clone();
        let way = self.list_direction(device, list, direction);
        open(env.obs, "dma_unmap_sg", &format!("{name}, {}, {}", list.orig_nents, way.name()));
        let mut result = Ok(());
        for start in &list.starts {
            let bytes = self.live.get(&(device, start.raw())).map_or(0, |m| m.bytes);
            let one = self.unmap_one(env, device, *start, bytes, way, skip_cpu_sync);
            result = result.and(one);
        }
        close(env.obs, result.as_ref().map(|_| None).map_err(OsError::rule));
        result
    }

    /// `dma_sync_sg_for_cpu` and `dma_sync_sg_for_device`.
    pub fn sync_sg<I: Driver, O: Observer>(
        &mut self,
        env: &mut Env<'_, I, O>,
        device: RequesterId,
        list: &SgList,
        direction: Option<Direction>,
        for_cpu: bool,
    ) -> Result<(), OsError> {
        let info = self.device(device)?.info.clone();
        let way = self.list_direction(device, list, direction);
        let call = if for_cpu { "dma_sync_sg_for_cpu" } else { "dma_sync_sg_for_device" };
        open(env.obs, call, &format!("{}, {}, {}", info.name, list.orig_nents, way.name()));
        let mut result = Ok(());
        for start in &list.starts {
            let one = match self.live.get(&(device, start.raw())).cloned() {
                None => Err(OsError::NotMapped(*start)),
                Some(mapped) => {
                    let done = self.sync(env, &info, &mapped, 0, mapped.bytes, way, for_cpu);
                    let bounced = matches!(mapped.path, Path::Bounced(_));
                    let device = if bounced { OwnerState::Bounced } else { OwnerState::Device };
                    own(env.obs, &mapped.name, if for_cpu { OwnerState::Cpu } else { device });
                    done
                }
            };
            result = result.and(one);
        }
        close(env.obs, result.as_ref().map(|_| None).map_err(OsError::rule));
        result
    }

    fn list_direction(&self, device: RequesterId, list: &SgList, said: Option<Direction>) -> Direction {
        let mapped = list.starts.first().and_then(|s| self.live.get(&(device, s.raw())));
        said.or(mapped.map(|m| m.direction)).unwrap_or(Direction::Bidirectional)
    }
}

/// Pieces as they are mapped: where the next one would cross the boundary, one is made longer, up to it.
fn lay_out(pieces: &[Piece], boundary: u64) -> Vec<Piece> {
    let mut out: Vec<Piece> = Vec::with_capacity(pieces.len());
    let mut done = 0u64;
    for piece in pieces {
        let len = whole_pages(piece.at, piece.bytes);
        let pad = boundary.wrapping_sub(done).wrapping_add(1) & boundary;
        if let Some(last) = out.last_mut().filter(|_| pad != 0 && pad < len - 1) {
            last.bytes = whole_pages(last.at, last.bytes) - last.at.offset(PageSize::SIZE_4K) + pad;
            done += pad;
        }
        done += len;
        out.push(*piece);
    }
    out
}

/// Joins pieces that lie side by side in the IOVA range from `first`: a piece joins the segment before it when it
/// starts on a page, the one before ended on one, the segment does not grow beyond `max`, and no segment boundary
/// lies between.
fn merge(first: BusAddr, pieces: &[Piece], laid: &[Piece], max: u64, boundary: u64) -> Vec<Segment> {
    let mut segments: Vec<Segment> = Vec::new();
    let mut at = first;
    let mut joinable = false;
    for (piece, laid) in pieces.iter().zip(laid) {
        let offset = piece.at.offset(PageSize::SIZE_4K);
        let len = whole_pages(laid.at, laid.bytes);
        match segments.last_mut() {
            Some(last)
                if joinable
                    && offset == 0
                    && at.raw() & boundary != 0
                    && max.saturating_sub(last.bytes) >= piece.bytes =>
            {
                last.bytes += piece.bytes;
            }
            _ => segments.push(Segment { dma: at.wrapping_add(offset), bytes: piece.bytes }),
        }
        joinable = offset + piece.bytes == len;
        at = at.wrapping_add(len);
    }
    segments
}
