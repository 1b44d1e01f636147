//! Texts that once ran for ever or took gigabytes. Each ends in a run or in a message within its budget, which is
//! counted and not timed; what ran so far stays a run that can be stepped.

use iommu_core::budget::{Exhausted, Limits};
use iommu_core::machine::run::{run_within, Run, Runner};
use iommu_core::scenario::parse;
use iommu_core::scenario::plain::acts;
use iommu_core::spec::Lang;
use iommu_core::view::text::troubles;
use iommu_core::view::types::Depth;
use iommu_core::view::Player;
use proptest::prelude::*;
use std::{cell::Cell, fs, path::Path, rc::Rc};

/// What one operation may draw beyond the limit that it meets, before its loops end.
const SLACK: u64 = 2 << 20;

/// Runs a text as the page does: the run, or the first message.
fn within(text: &str, limits: Limits) -> Result<Run, String> {
    let scenario = parse(text).map_err(|p| p.to_string())?;
    let run = run_within(scenario, limits).map_err(|p| p.to_string())?;
    let budget = run.machine.trace.budget();
    assert!(budget.work() <= limits.work + SLACK, "{} units of work", budget.work());
    assert!(budget.bytes() <= limits.bytes + SLACK, "{} bytes", budget.bytes());
    assert_eq!(run.stopped.is_some(), budget.exhausted().is_some());
    Ok(run)
}

/// The message that a text ends with, wherever it comes from.
fn message(text: &str) -> String {
    match within(text, Limits::PAGE) {
        Ok(run) => run.stopped.map(|p| p.to_string()).unwrap_or_default(),
        Err(message) => message,
    }
}

#[test]
fn texts_that_had_no_end_have_one_and_say_why() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bounds");
    let text = |name: &str| fs::read_to_string(folder.join(name).with_extension("scn")).unwrap();
    let said = [
        ("bounce-128t", "do not lie in b"),
        ("map-length-1", "do not lie in buf"),
        ("map-length-2", "do not lie in buf"),
        ("map-length-3", "do not lie in buf"),
        // Runs through: the engine refuses what it cannot do, and says so in its status.
        ("list-poison-next", ""),
        ("engine-ones-8", ""),
        ("engine-len-max", "doorbell n"),
        ("program-1g-none-dma", "dma nic write"),
        ("devovr-all", "dma n write"),
    ];
    assert_eq!(said.len(), fs::read_dir(&folder).unwrap().count(), "each file has a line here");
    for (name, part) in said {
        let text = text(name);
        let message = message(&text);
        if part.contains("do not lie") || part.is_empty() {
            assert!(message.contains(part), "{name}: {message}");
            continue;
        }
        // A limit: the message is at the line that spent it.
        let line: usize = message.split(':').next().unwrap().parse().unwrap();
        assert!(text.lines().nth(line - 1).unwrap().contains(part), "{name}: {message}");
        assert!(message.contains("this run"), "{name}: {message}");
    }
}

const NONE: &str = "iommu-playground 1\nmachine none\nram 0 .. 3G\ndevice n 00:03.0\nsteps\n";
const VTD: &str = "iommu-playground 1\nmachine vt-d\nram 0 .. 3G\ndevice n 00:03.0\nsteps\n";

#[test]
fn a_local_transfer_at_the_last_address_ends() {
    for way in ["read", "write"] {
        assert_eq!(message(&format!("{NONE}dma n {way} local 0xffff_ffff_ffff_ffff +1\n")), "");
        let past = format!("{NONE}dma n {way} local 0xffff_ffff_ffff_ffff +2\n");
        assert_eq!(message(&past), "", "the engine refuses, the run goes on");
    }
}

#[test]
fn expectations_cost_what_they_ask_about() {
    let many =
        |line: &str, n: usize| format!("{NONE}dma n write 0x10_0000 +1 times 100000\n{}", line.repeat(n));
    // Running counts and an index: twenty thousand of them do not walk the trace twenty thousand times.
    for line in ["expect count faults = 0 total\n", "expect packet MWr\n", "expect packet MWr at 0x10_0000\n"]
    {
        let run = within(&many(line, 8_000), Limits::PAGE).unwrap();
        assert_eq!((run.stopped, run.checks.len()), (None, 8_000), "{line}");
    }
    // Bytes that are compared count.
    let gigabytes = format!("{NONE}alloc b 4K\n{}", "expect data 0 +1G = zero\n".repeat(1_000));
    assert!(message(&gigabytes).contains("units of work"));
    let copies = format!("{NONE}alloc b 4K\n{}", "expect data 0 +1G = of 0x1001\n".repeat(1_000));
    assert!(message(&copies).contains("units of work"));
}

#[test]
fn memory_is_refused_before_it_is_taken() {
    let map = format!("{VTD}domain d\n{}", "map d 4G +8G -> 0\nunmap d 4G +8G\n".repeat(200));
    assert!(message(&map).contains("of memory"), "{}", message(&map));
    let fill =
        format!("{NONE}{}", (0..6).map(|i| format!("fill 0x10_0000 +1G byte {i}\n")).collect::<String>());
    assert!(!message(&fill).is_empty());
    let own = format!("{NONE}dma n write local 0 +1G data pattern 1\n");
    assert!(message(&own).contains("this run"), "{}", message(&own));
}

#[test]
fn the_allocators_of_pages_are_counted_too() {
    let big = NONE.replace("3G", "1T");
    // Pieces of two pages: none looks at all that were given before it.
    let pairs: String = (0..10_000).map(|i| format!("alloc a{i} 8K\n")).collect();
    let run = within(&format!("{NONE}{pairs}"), Limits::PAGE).unwrap();
    assert_eq!(run.stopped, None);
    assert!(run.machine.trace.budget().work() < 1_000_000, "{}", run.machine.trace.budget().work());
    // Scattered pages are counted before they are taken.
    let scattered: String = (0..100).map(|i| format!("alloc a{i} 1G scattered\n")).collect();
    let said = message(&format!("{big}{scattered}"));
    assert!(said.contains("of memory"), "{said}");
    // Where hardly a page is free it is found without trying them all.
    let full: String = (0..1019).map(|i| format!("alloc a{i} 1G high\n")).collect();
    let run = within(&format!("{big}{full}alloc z 64K scattered high\n"), Limits::PAGE).unwrap();
    assert_eq!(run.stopped, None);
    assert!(run.machine.trace.budget().work() < 2_000_000, "{}", run.machine.trace.budget().work());
    // Given back and taken in an order that makes each search long.
    let worst: String = (0..4_000).map(|i| format!("alloc a{i} 4K\n")).collect::<String>()
        + &(0..2_000).map(|i| format!("free a{}\nalloc b{i} 8K\n", i * 2)).collect::<String>();
    let run = within(&format!("{NONE}{worst}"), Limits::PAGE).unwrap();
    assert!(run.machine.trace.budget().work() < Limits::PAGE.work);
}

#[test]
fn numbers_of_times_are_not_cut() {
    for n in ["0", "100001", "1P"] {
        let text = format!("{NONE}dma n write 0x10_0000 +1 times {n}\n");
        assert!(message(&text).contains("1 to 100000 times"), "{n}: {}", message(&text));
    }
}

#[test]
fn a_run_that_ended_early_can_be_stepped_from_end_to_end() {
    let text = format!(
        "{NONE}dma n write 0x10_0000 +64 data \"first\"\ndma n write 0x20_0000 +4M\ndma n write 0 +8\n"
    );
    let limits = Limits { work: 20_000, ..Limits::PAGE };
    let run = within(&text, limits).unwrap();
    assert_eq!(run.done.len(), 2, "the line that spent it is the last");
    assert!(run.stopped.as_ref().unwrap().to_string().starts_with("7:1"));
    let mut player = Player::of(run, &text);
    let end = player.viewer.len();
    // Memory is what the trace says, at the end and after going back and forth.
    let mut look = |at: usize| {
        let mut bytes = [0; 5];
        player.viewer.memory_at(at).peek_bytes(iommu_core::addr::PhysAddr::new(0x10_0000), &mut bytes);
        bytes
    };
    assert_eq!((&look(end), &look(0), &look(end)), (b"first", &[0; 5], b"first"));
    for at in [0, end / 2, end] {
        player.model(at);
    }
}

#[test]
fn a_long_run_goes_in_slices_reports_how_far_it_is_and_keeps_what_ran_when_it_is_stopped() {
    let text = format!("{NONE}{}", "dma n write 0x10_0000 +4K\n".repeat(1_000));
    let mut runner = Runner::new(parse(&text).unwrap(), Limits::PAGE).unwrap();
    let mut slices = 0;
    while !runner.is_over() && slices < 5 {
        let start = runner.progress().lines;
        runner.advance(|p| p.lines < start + 100).unwrap();
        slices += 1;
    }
    assert_eq!((runner.progress().lines, runner.progress().of), (500, 1_000));
    runner.stop();
    let run = runner.finish();
    assert_eq!((run.done.len(), run.machine.trace.exhausted()), (500, Some(Exhausted::Stopped)));
    // Within one line too.
    let one = format!("{NONE}dma n write 0x10_0000 +64M\n");
    let mut runner = Runner::new(parse(&one).unwrap(), Limits::PAGE).unwrap();
    let asked = Rc::new(Cell::new(0));
    let count = asked.clone();
    runner.budget().watch(
        100_000,
        Rc::new(move |_| {
            count.set(count.get() + 1);
            count.get() < 3
        }),
    );
    runner.advance(|_| true).unwrap();
    let run = runner.finish();
    assert_eq!(asked.get(), 3);
    assert!(run.stopped.is_some() && !run.machine.trace.is_empty());
}

/// What an author writes is shown, but for characters that act on what shows it: they are a `·`.
#[test]
fn no_text_of_a_scenario_reaches_a_reader_with_characters_that_act() {
    let bad = "x\u{1b}[31m\u{7}\u{202e}y\u{2066}\u{9b}z";
    let text = format!(
        "iommu-playground 1\ntitle \"{bad}\"\nanswer \"{bad}\"\ntry \"{bad}\"\nsource \"{bad}\"\nmachine none # {bad}\nram 0 .. 1G\n\
         device n 00:03.0\nsteps\nnote \"{bad}\"\ndma n write 0x10_0000 +30 data \"{bad}\" # {bad}\n\
         expect data 0x10_0000 = \"{bad}\" # {bad}\nexpect data 0x10_0000 = \"other {bad}\"\n"
    );
    let mut player = Player::open(&text).unwrap();
    let mut given = Vec::new();
    for lang in [Lang::En, Lang::Zh] {
        given.push(serde_json::to_string(&player.head(lang)).unwrap());
        given.push(serde_json::to_string(&player.course(lang)).unwrap());
        let end = player.viewer.len();
        for depth in [Depth::Idea, Depth::Operation, Depth::Read] {
            given.push(serde_json::to_string(&player.inside(depth, 0, end as u32, lang)).unwrap());
        }
        for at in 0..=end {
            given.push(serde_json::to_string(&player.viewer.view(at, lang)).unwrap());
            given.push(serde_json::to_string(&player.scene(at, 100, None, lang)).unwrap());
        }
    }
    let problems = parse(&format!("iommu-playground 1\n{bad} word\n")).unwrap_err();
    given.push(serde_json::to_string(&troubles(&problems.0, Lang::En)).unwrap());
    assert!(given.iter().any(|said| said.contains("x·[31m··y··z")));
    for said in given {
        // JSON writes the controls below a blank as escapes.
        let escaped = (0..0x20).any(|c| c != 0x9 && c != 0xa && said.contains(&format!("\\u{c:04x}")));
        assert!(!escaped && !said.chars().any(acts), "{said:?}");
    }
}

/// A picture of a buffer in a hundred thousand pieces is of its first ones: what is drawn does not grow with the pieces.
#[test]
fn a_buffer_of_many_pieces_is_drawn_in_few() {
    let drawn = |length: &str| {
        let text = format!(
            "iommu-playground 1\nmachine none\nram 0 .. 2G\ndevice nic 00:03.0\nsteps\nalloc buf {length} scattered\n\
             l = dma_map_sg nic buf to-device\n"
        );
        let run = within(&text, Limits::PAGE).expect("a run");
        let mut player = Player::of(run, &text);
        let model = player.model(player.viewer.len());
        (model.columns.iter().map(|c| c.regions.len()).sum::<usize>(), model.arrows.len())
    };
    let (few, many) = (drawn("1M"), drawn("0x18a1_3360"));
    assert!(many.0 <= few.0 + 64 && many.1 <= few.1 + 64, "{few:?} {many:?}");
}

fn edge() -> impl Strategy<Value = u64> {
    (0u32..64, -2i64..3).prop_map(|(bit, by)| (1u64 << bit).wrapping_add_signed(by))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Engine registers, descriptors and lengths with numbers at every edge.
    #[test]
    fn an_engine_with_any_registers_stays_within_the_budget(
        list: bool, address in edge(), length in edge(), own in edge(), next in edge(), control in 0u32..0x400,
        map in proptest::option::of((edge(), edge())),
    ) {
        let kind = if list { "linked-list" } else { "contiguous" };
        let local = map.map_or(String::new(), |(at, to)| format!("  local {:#x} +1M bus {:#x}\n", at & !0xfff, to & !0xfff));
        let text = format!("iommu-playground 1\nmachine none\nram 0 .. 1G\ndevice n 00:03.0\n{local}  bar 0 4K at bus 0xe000_0000\n  engine {kind}\nsteps\n\
            poke 0x1000000 {address:#x}\npoke 0x1000008 {length:#x}\npoke 0x1000010 {own:#x}\npoke 0x1000018 {next:#x}\n\
            cpu write n.bar0+8 {address:#x} size 8\ncpu write n.bar0+0x10 {length:#x} size 8\ncpu write n.bar0+0x18 {own:#x} size 8\n\
            cpu write n.bar0+0x20 {next:#x} size 8\ncpu write n.bar0 {control:#x} size 4\ndoorbell n\n");
        let limits = Limits { work: 200_000, bytes: 16 << 20, steps: 50_000 };
        let _ = within(&text, limits);
    }

    /// Lengths and counts with numbers at every edge, in every operation that takes one.
    #[test]
    fn any_length_is_a_run_or_a_message(length in edge(), offset in edge(), which in 0usize..9) {
        let line = [
            format!("alloc c +{length:#x}"),
            format!("m = dma_map_single n b +{length:#x} from-device"),
            format!("m = dma_map_single n b+{offset:#x} +{length:#x} from-device"),
            format!("dma n write {offset:#x} +{length:#x}"),
            format!("fill {offset:#x} +{length:#x} byte 1"),
            format!("cpu write {offset:#x} +{length:#x} pattern"),
            format!("cpu read {offset:#x} +{length:#x}"),
            format!("expect data {offset:#x} +{length:#x} = zero"),
            format!("dma n write 0x10_0000 +1 times {length}"),
        ][which].clone();
        let limits = Limits { work: 200_000, bytes: 16 << 20, steps: 50_000 };
        let _ = within(&format!("{VTD}alloc b 4K\n{line}\n"), limits);
    }
}
