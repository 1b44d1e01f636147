//! Views of a run of real pieces: a CPU access through a nested walk.

use super::*;
use crate::addr::{AddrRange, AnyAddr, PageSize, PhysAddr, RequesterId, Space, VirtAddr};
use crate::diagram::model::Fate;
use crate::explain::Tone;
use crate::mmu::{AddressSpace, Guest, Mmu};
use crate::paging::builder::{Builder, Mapping};
use crate::paging::FrameAlloc;
use crate::paging::{ept::Ept, x86::X86, Want};
use crate::scenario::presets::PRESETS;
use crate::trace::{Actor, CacheOp, Observer, OwnerState, Perms, Verdict};
use memory::Shape;

const RAM: u64 = 0x4000_0000;

/// One buffer, mapped in a guest; two reads of it by the CPU, the second a TLB hit; then a read that faults.
fn run() -> Viewer {
    let mut memory = Memory::new();
    let mut trace = Trace::new();
    let frames = |start, len| FrameAlloc::new(AddrRange::new(PhysAddr::new(start), len).unwrap());
    let ept = Ept::four_levels();
    let root = PhysAddr::new(0x10_0000);
    let mapping =
        |from, to, len| Mapping { from, to, len, size: PageSize::SIZE_4K, perms: Perms::RWX, user: true };
    let mut host = frames(0x10_1000, 8 << 20);
    Builder { format: &ept, frames: &mut host, place: |at| Some(PhysAddr::new(at)), actor: Actor::Os }
        .map(&mut memory, root.raw(), mapping(0, RAM, 4 << 20), &mut trace)
        .unwrap();
    let format = X86::kernel(4);
    let mut guest = frames(0x10_1000, 1 << 20);
    Builder {
        format: &format,
        frames: &mut guest,
        place: |at| Some(PhysAddr::new(at + RAM)),
        actor: Actor::Guest,
    }
    .map(&mut memory, 0x10_0000, mapping(0x7f00_0000_0000, 0x20_0000, 4096), &mut trace)
    .unwrap();
    let space = AddressSpace {
        format: format.into(),
        root: 0x10_0000,
        asid: 1,
        guest: Some(Guest { format: ept.into(), root, vmid: 3 }),
    };
    let mut mmu = Mmu::new(16);
    let buffer = trace.name("buf");
    trace.step(Actor::Os, Event::Owner { buffer, state: OwnerState::Cpu });
    for (i, at) in [0x7f00_0000_0123, 0x7f00_0000_0456, 0x7f00_0000_1000].into_iter().enumerate() {
        trace.begin(Actor::Author, Scope::Operation { index: i as u32, line: i as u32 + 1 });
        let any = AnyAddr { space: Space::Virtual, raw: at };
        trace.begin(Actor::Cpu, Scope::CpuAccess { at: any, want: Perms::R, bytes: 8 });
        let got = mmu.translate(&mut memory, &space, VirtAddr::new(at), Want::user(Perms::R), &mut trace);
        assert_eq!(got.is_ok(), i < 2);
        trace.end(Actor::Cpu, Verdict::Ok);
        trace.end(Actor::Author, Verdict::Ok);
    }
    trace.step(Actor::Os, Event::Owner { buffer, state: OwnerState::Freed });
    let lines = ["cpu read a", "cpu read b", "  cpu read c"].map(Into::into).to_vec();
    Viewer::new(trace, Memories { host: memory, ..Memories::default() }, Cast { lines, ..Cast::default() })
}

#[test]
fn a_nested_walk_is_a_grid_of_twenty_four_reads() {
    let mut v = run();
    let end = v.course(Lang::En).lines[0].to as usize;
    let view = v.view(end, Lang::En);
    let walk = view.walk.unwrap();
    assert_eq!(walk.rows.len(), 24);
    assert_eq!(
        walk.grid.iter().map(|r| (r.level, r.cells.len())).collect::<Vec<_>>(),
        [(4, 5), (3, 5), (2, 5), (1, 5), (0, 4)]
    );
    let numbers: Vec<u32> = walk.grid.iter().flat_map(|r| &r.cells).map(|c| c.number).collect();
    assert_eq!(numbers, (1..=24).collect::<Vec<_>>());
    let first: Vec<_> = walk.rows.iter().filter(|r| r.space == "guest-physical").collect();
    assert_eq!(
        first.iter().map(|r| r.bits.as_str()).collect::<Vec<_>>(),
        ["47:39", "38:30", "29:21", "20:12"]
    );
    assert_eq!(first[0].index, 0xfe);
    assert!(walk
        .rows
        .iter()
        .all(|r| r.depth == u8::from(r.space == "physical" && r.position < first[3].position)));
}

#[test]
fn a_walk_grows_with_the_position_and_its_current_row_is_the_entry() {
    let mut v = run();
    let course = v.course(Lang::En);
    let mut seen = 0;
    for position in course.lines[0].from as usize..=course.lines[0].to as usize {
        let view = v.view(position, Lang::En);
        assert!(!view.sentence.is_empty());
        let Some(walk) = view.walk else { continue };
        assert!(walk.rows.len() == seen || walk.rows.len() == seen + 1);
        seen = walk.rows.len();
        if let Some(row) = walk.rows.iter().find(|r| r.current) {
            let entry = view.entry.unwrap();
            assert_eq!((entry.at, &entry.words), (row.pa, &row.raw));
            assert_eq!(entry.fields.iter().map(|f| u32::from(f.hi - f.lo) + 1).sum::<u32>(), 64);
            // What the entry is said to be is what is in memory there.
            let now = v.memory_at(position).peek_u64(PhysAddr::new(row.pa.0));
            assert_eq!(Hex(now), row.raw[0]);
        }
    }
    assert_eq!(seen, 24);
}

#[test]
fn marks_lanes_and_caches_follow_the_trace() {
    let mut v = run();
    let course = v.course(Lang::Zh);
    assert_eq!(course.lines[2].text, "cpu read c");
    let tones: Vec<Tone> = course.marks.iter().map(|m| m.tone).collect();
    assert!(tones.starts_with(&[Tone::Miss]) && tones.contains(&Tone::Refused));
    let spans: Vec<_> = course.lanes[0].spans.iter().map(|s| (s.from, s.to)).collect();
    assert_eq!(spans[0].1, spans[1].0);
    assert_eq!(spans[1].1 as usize, v.len());
    let at = course.lines[1].to as usize;
    let view = v.view(at, Lang::Zh);
    assert_eq!((view.caches[0].hits, view.caches[0].misses, view.caches[0].lines.len()), (1, 1, 1));
    assert!(v.view(0, Lang::En).caches.is_empty());
}

#[test]
fn every_step_has_a_sentence_in_both_languages_and_stops_are_sorted() {
    let mut v = run();
    for position in 1..=v.len() {
        for lang in [Lang::En, Lang::Zh] {
            let view = v.view(position, lang);
            assert!(!view.sentence.trim().is_empty(), "{position}");
            assert!(!view.sentence.contains("  ") && !view.sentence.contains(".."), "{}", view.sentence);
        }
    }
    assert!(v.stops().windows(2).all(|p| p[0] < p[1]));
    assert_eq!(v.view(usize::MAX, Lang::En).position as usize, v.len());
}

/// After a lazy unmapping the IOTLB still leads to the buffer: until the flush, and no longer.
#[test]
fn a_lane_says_when_the_iotlb_leads_to_the_buffer() {
    let preset = PRESETS.iter().find(|p| p.name == "lazy").unwrap();
    let player = Player::open(preset.text).unwrap();
    let course = player.course(Lang::En);
    let lane = course.lanes.iter().find(|l| l.name == "buf").unwrap();
    let stale = lane.spans.iter().find(|s| s.state == OwnerState::StaleCached).unwrap();
    let [cached] = lane.cached[..] else { panic!("{:?}", lane.cached) };
    assert!(cached.from < stale.from && cached.to > stale.from, "{cached:?} {stale:?}");
    // What begins and ends it are steps of the IOTLB.
    let ops: Vec<CacheOp> = [cached.from, cached.to]
        .iter()
        .map(|at| match player.viewer.trace().steps()[*at as usize - 1].event {
            Event::Cache { op, .. } => op,
            ref other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(ops, [CacheOp::Insert, CacheOp::Invalidate]);
}

/// What is folded can be looked at closer, until its parts are seen one by one.
#[test]
fn a_fold_opens_where_it_is_looked_at() {
    let mut text = String::from("iommu-playground 1\nmachine vt-d\nram 0 .. 3G\nsteps\n");
    for i in 0..200 {
        text += &format!("  alloc b{i} 4K at {:#x}\n", 0x1000_0000 + i * 0x2000);
    }
    let mut player = Player::open(&text).unwrap();
    let end = player.viewer.len();
    let (mut focus, mut looks) = (None, 0);
    loop {
        let scene = player.scene(end, 120, focus.clone(), Lang::En);
        if scene.texts.iter().any(|t| t.text == "b77") {
            break;
        }
        let here = 0x1000_0000 + 77 * 0x2000;
        let fold = scene
            .pieces
            .iter()
            .find(|p| p.kind == "fold" && p.column == "pa" && (p.first.0..=p.last.0).contains(&here));
        let fold = fold.unwrap_or_else(|| panic!("{focus:x?}: b77 is neither drawn nor in a fold"));
        focus = Some((fold.column.clone(), fold.first.0, fold.last.0));
        looks += 1;
        assert!(looks < 6, "{focus:x?} does not open");
    }
    assert!(looks > 0);
}

/// Every range of the picture has names, as somebody's; those that the tables give lead to memory.
#[test]
fn what_is_pointed_at_has_its_names() {
    for preset in PRESETS {
        let mut player = Player::open(preset.text).unwrap();
        let end = player.viewer.len();
        let scene = player.scene(end, 120, None, Lang::En);
        for piece in scene.pieces.iter().filter(|p| !matches!(&p.kind[..], "gap" | "fold" | "ports")) {
            let found = player.names(end, &piece.column, piece.first.0, Lang::En);
            assert!(found.is_some(), "{}: {} {:x?}", preset.name, piece.column, piece.first);
        }
    }
    let howto = PRESETS.iter().find(|p| p.name == "howto").unwrap();
    let mut player = Player::open(howto.text).unwrap();
    let before = player.course(Lang::En).lines.iter().find(|o| o.text.contains("unmap")).unwrap().from;
    let scene = player.scene(before as usize - 1, 120, None, Lang::En);
    let bus = scene.pieces.iter().find(|p| p.column == "bus" && p.kind == "buffer").unwrap();
    let found = player.names(before as usize - 1, "bus", bus.first.0, Lang::En).unwrap();
    assert!(found.pa.is_some() && found.names.iter().any(|n| n.text.contains("physical")), "{found:?}");
}

const fn shape(rows: u32) -> Shape {
    Shape { rows, across: 16 }
}

/// A device's own memory goes back and forth in time as physical memory does.
#[test]
fn a_devices_own_memory_is_seen_as_it_stood() {
    let preset = PRESETS.iter().find(|p| p.name == "device-map").unwrap();
    let mut player = Player::open(preset.text).unwrap();
    let memories = player.course(Lang::En).memories;
    assert_eq!(memories.iter().map(|m| &m.name[..]).collect::<Vec<_>>(), ["gpu"]);
    let gpu = Some(RequesterId::new(memories[0].requester));
    let steps = player.viewer.trace().steps();
    let at = 1 + steps.iter().rposition(|s| matches!(s.event, Event::OwnData { .. })).unwrap();
    let mut text = |position| player.viewer.dump(position, gpu, 0x1000, shape(1), Lang::En).rows.remove(0);
    assert!(text(at).text.starts_with("kept inside") && text(at).touched);
    assert!(text(at - 1).text.starts_with("....") && !text(at - 1).touched);
    // Nothing is touched when the scopes close: what was touched last stays in sight.
    for position in [at, player.viewer.len()] {
        let dump = player.viewer.dump_touched(position, shape(4), Lang::En);
        assert_eq!((dump.requester, dump.rows[0].at.0), (Some(memories[0].requester), 0x1000));
    }
    // The token ends where the bytes do: in the device's own part of its map.
    let model = player.model(at);
    let token = model.token.unwrap();
    assert_eq!((token.address, token.space, token.fate), (0x1000, Space::Device, Fate::Arrived));
}

#[test]
fn a_dump_names_the_table_and_marks_what_was_touched() {
    let mut v = run();
    let position =
        (1..=v.len()).find(|p| matches!(v.trace().steps()[p - 1].event, Event::Read { .. })).unwrap();
    let at = v.view(position, Lang::En).touched.unwrap().0;
    let dump = v.dump(position, None, at & !0xfff, shape(256), Lang::En);
    assert!(!dump.kind.is_empty());
    let touched: Vec<u64> = dump.rows.iter().filter(|r| r.touched).map(|r| r.at.0).collect();
    assert_eq!(touched, [at & !15]);
    // In rows of half the width, twice as many are shown of it.
    let narrow = v.dump(position, None, at, Shape { rows: 2, across: 8 }, Lang::En);
    assert_eq!(narrow.rows.iter().map(|r| r.at.0).collect::<Vec<_>>(), [at, at + 8]);
    assert!(narrow.rows.iter().all(|r| r.bytes.len() == 8));
    assert!(v.dump(position, None, u64::MAX, shape(9), Lang::En).rows.len() == 9);
}

#[test]
fn every_preset_has_a_view_and_a_picture_at_every_stop() {
    for preset in crate::scenario::presets::PRESETS {
        let Ok(mut player) = Player::open(preset.text) else { continue };
        let stops = player.viewer.stops();
        for position in stops.iter().step_by(1 + stops.len() / 60) {
            let view = player.viewer.view(*position as usize, Lang::Zh);
            assert!(!view.sentence.is_empty(), "{} {position}", preset.name);
            let model = player.model(*position as usize);
            assert!(model.columns.len() >= 2);
            let scene = player.scene(*position as usize, 100, None, Lang::En);
            // A ninth more keeps the order of the machine: it is drawn smaller.
            assert!(scene.width <= 111, "{} {position}: {}", preset.name, scene.width);
        }
    }
}
