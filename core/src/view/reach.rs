//! When the IOTLB leads to a buffer: what its lane shows beside whose it is.

use super::types::{CachedSpan, Lane};
use crate::machine::Snapshot;
use crate::trace::{CacheKind, CacheLine, CacheOp, Event, Trace};
use alloc::{collections::BTreeMap, vec, vec::Vec};

/// A piece of a buffer in physical memory, and its lane.
struct Piece {
    start: u64,
    end: u64,
    lane: usize,
}

/// Records in each lane from which position to which the IOTLB held a translation to its buffer, by what went in and out.
/// `end` is the end of the run, by which every buffer is made. In one pass: neither many buffers nor a long trace make it more than their sum.
pub fn tell(trace: &Trace, end: Snapshot<'_>, lanes: &mut [Lane]) {
    let by_name: BTreeMap<_, _> = end.made_buffers().map(|b| (&b.name[..], b)).collect();
    let mut pieces: Vec<Piece> = Vec::new();
    for (lane, buffer) in lanes.iter().enumerate().filter_map(|(i, l)| Some((i, *by_name.get(&l.name[..])?)))
    {
        let piece = |(at, len): &(_, u64)| {
            let start = crate::addr::PhysAddr::raw(*at);
            Piece { start, end: start.saturating_add(*len), lane }
        };
        pieces.extend(buffer.pieces.iter().map(piece));
    }
    pieces.sort_by_key(|p| p.start);
    let longest = pieces.iter().map(|p| p.end - p.start).max().unwrap_or(0);
    // Pieces may share memory that was given back and taken again, so those before the range may reach into it.
    let reached = |line: &CacheLine| -> Vec<usize> {
        let end = line.to.saturating_add(1u64.checked_shl(line.shift.into()).unwrap_or(u64::MAX));
        let from = pieces.partition_point(|p| p.start < line.to.saturating_sub(longest));
        let near = pieces[from..].iter().take_while(|p| p.start < end);
        near.filter(|p| line.to < p.end).map(|p| p.lane).collect()
    };
    let mut held: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    let mut count = vec![0u32; lanes.len()];
    for (i, step) in trace.steps().iter().enumerate() {
        let Event::Cache { cache, op, slot, line } = step.event else { continue };
        if cache.kind != CacheKind::Iotlb
            || !matches!(op, CacheOp::Insert | CacheOp::Evict | CacheOp::Invalidate)
        {
            continue;
        }
        let now = if op == CacheOp::Insert { reached(&line) } else { Vec::new() };
        // What comes is counted before what goes: a lane that both lead to is held throughout.
        for &lane in &now {
            count[lane] += 1;
            if count[lane] == 1 {
                let to = trace.len() as u32;
                lanes[lane].cached.push(CachedSpan { from: i as u32 + 1, to });
            }
        }
        for lane in held.insert(slot, now).unwrap_or_default() {
            count[lane] -= 1;
            if let (0, Some(span)) = (count[lane], lanes[lane].cached.last_mut()) {
                span.to = i as u32 + 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::machine::history::Cursor;
    use crate::machine::run;
    use crate::scenario::presets::PRESETS;
    use crate::spec::Lang;
    use crate::trace::CacheKind;
    use crate::view::Player;

    /// At every position a lane says what the caches, as they stand there, say.
    #[test]
    fn a_lane_is_marked_exactly_while_the_iotlb_has_an_entry_for_its_buffer() {
        let mut marked = 0;
        for preset in PRESETS {
            let lanes = Player::open(preset.text).unwrap().course(Lang::En).lanes;
            let machine = run(preset.text).unwrap().machine;
            let mut cursor = Cursor::at_end(machine.memories(), &machine.trace);
            for position in 0..=machine.trace.len() {
                cursor.seek(&machine.trace, position);
                let caches = cursor.caches(&machine.trace);
                let iotlb = caches.iter().filter(|c| c.cache.kind == CacheKind::Iotlb);
                let entries: Vec<_> = iotlb.flat_map(|c| c.lines.values()).collect();
                for lane in &lanes {
                    // What has a lane and is no buffer (what a host relays through) has no pieces to lead to.
                    let buffer = machine.sw.buffers.iter().rfind(|b| b.name == lane.name);
                    let pieces = buffer.map_or(&[][..], |b| &b.pieces);
                    let overlaps =
                        |at: u64, len: u64, to: u64, shift: u8| at < to + (1 << shift) && to < at + len;
                    let want = entries
                        .iter()
                        .any(|e| pieces.iter().any(|(at, len)| overlaps(at.raw(), *len, e.to, e.shift)));
                    let at = position as u32;
                    let end = machine.trace.len() as u32;
                    let got = lane.cached.iter().any(|s| s.from <= at && (at < s.to || s.to == end));
                    assert_eq!(got, want, "{}: {} at {position}", preset.name, lane.name);
                    marked += usize::from(got);
                }
            }
        }
        assert!(marked > 1000, "{marked}");
    }
}
