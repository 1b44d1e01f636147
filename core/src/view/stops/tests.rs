//! The stops of every preset at every depth.

use crate::scenario::presets::PRESETS;
use crate::spec::Lang;
use crate::view::types::{Depth, Stop};
use crate::view::Player;
use alloc::{format, string::String, vec::Vec};
use proptest::prelude::*;

/// The stops of a list follow each other from `from` to `to`.
fn tiles(stops: &[Stop], from: u32, to: u32, who: &str) {
    assert_eq!(stops.first().map(|s| s.from), Some(from), "{who}");
    assert_eq!(stops.last().map(|s| s.to), Some(to), "{who}");
    for pair in stops.windows(2) {
        assert_eq!(pair[0].to, pair[1].from, "{who}: {pair:?}");
        assert!(pair[0].to < pair[1].to, "{who}: {pair:?}");
    }
}

/// Opens all that opens, and returns the reads that have nothing inside.
fn open_all(player: &Player, stop: &Stop, who: &str) -> Vec<Stop> {
    if stop.children == 0 {
        return alloc::vec![stop.clone()];
    }
    let inside = player.inside(stop.depth, stop.from, stop.to, Lang::En);
    assert_eq!(inside.len(), stop.children as usize, "{who}: {stop:?}");
    tiles(&inside, stop.from, stop.to, who);
    inside.iter().flat_map(|s| open_all(player, s, who)).collect()
}

#[test]
fn every_preset_has_at_most_twenty_ideas_and_reaches_its_end_at_every_depth() {
    for preset in PRESETS {
        let player = Player::open(preset.text).unwrap();
        let course = player.course(Lang::En);
        assert!(course.ideas.len() <= 20, "{}: {} ideas", preset.name, course.ideas.len());
        if course.length > 4000 {
            assert!(course.ideas.len() <= 15, "{}", preset.name);
        }
        tiles(&course.ideas, course.start, course.length, preset.name);
        tiles(&course.operations, course.start, course.length, preset.name);
        let reads = player.reads();
        assert_eq!(reads.last(), Some(&course.length), "{}", preset.name);
        assert!(reads.windows(2).all(|w| w[0] < w[1]), "{}", preset.name);
    }
}

#[test]
fn opening_all_shows_every_step_that_is_worth_a_stop() {
    for preset in PRESETS {
        let player = Player::open(preset.text).unwrap();
        let course = player.course(Lang::En);
        let opened: Vec<Stop> =
            course.ideas.iter().flat_map(|idea| open_all(&player, idea, preset.name)).collect();
        tiles(&opened, course.start, course.length, preset.name);
        // What an operation begins with is its line; what a walk begins with is the line that opens.
        let trace = player.viewer.trace();
        let shown = player.viewer.stops().into_iter().filter(|at| {
            use crate::trace::{Event, Scope};
            *at > course.start
                && !matches!(
                    trace.steps()[*at as usize - 1].event,
                    Event::Begin(Scope::Operation { .. } | Scope::Walk { .. }) | Event::End(_)
                )
        });
        for at in shown {
            let found = opened.binary_search_by_key(&at, |s| s.to);
            // The last step of a stop is what is shown; a step that ends an operation may be hidden behind its end.
            let later = found.unwrap_or_else(|next| next);
            let stop = &opened[later];
            let hidden = (at..stop.to).all(|i| {
                matches!(
                    trace.steps()[i as usize].event,
                    crate::trace::Event::End(_)
                        | crate::trace::Event::Owner { .. }
                        | crate::trace::Event::Cost { .. }
                )
            });
            assert!(hidden, "{}: step {at} is inside {stop:?}", preset.name);
        }
    }
}

#[test]
fn no_list_of_reads_is_long() {
    for preset in PRESETS {
        let player = Player::open(preset.text).unwrap();
        for stop in player.course(Lang::En).operations {
            assert!(stop.children <= 100, "{}: {stop:?}", preset.name);
        }
    }
}

#[test]
fn a_text_without_notes_has_an_idea_a_line_and_a_long_one_few() {
    let text = |lines: usize| {
        let head = "iommu-playground 1\nmachine vt-d\niommu strict\nram 0 .. 1G\ndevice nic 00:03.0\nsteps\n";
        let line = |n: usize| match n % 3 {
            0 => format!("  alloc b{n} 4K\n"),
            1 => format!("  h{n} = dma_map_single nic b{} from-device\n", n - 1),
            _ => format!("  dma nic write h{} data \"x\"\n", n - 1),
        };
        (0..lines).map(line).fold(String::from(head), |all, line| all + &line)
    };
    let few = Player::open(&text(6)).unwrap();
    assert_eq!(few.ideas(Lang::En).len(), 6);
    let many = Player::open(&text(1500)).unwrap();
    let course = many.course(Lang::En);
    assert!(course.ideas.len() <= 20, "{}", course.ideas.len());
    assert_eq!(course.operations.last().map(|o| o.to), Some(course.length));
    let fold = course.operations.iter().find(|o| o.repeats > 0).expect("what repeats is folded");
    let inside = many.inside(Depth::Operation, fold.from, fold.to, Lang::En);
    assert_eq!(inside.len() as u32, fold.children);
}

#[test]
fn a_note_that_stands_before_an_expectation_belongs_to_the_lines_before_it() {
    let text = "iommu-playground 1\nmachine vt-d\nram 0 .. 1G\nsteps\n  note \"One.\"\n  alloc a 4K\n  note \"Two.\"\n  expect data a = zero\n";
    let player = Player::open(text).unwrap();
    let ideas = player.ideas(Lang::En);
    assert_eq!(ideas.iter().map(|i| i.sentence.as_str()).collect::<Vec<_>>(), ["One. Two."]);
}

proptest! {
    #[test]
    fn no_question_about_what_is_inside_panics(depth in 0usize..3, from in 0u32..400, to in 0u32..400) {
        let player = Player::open(PRESETS[0].text).unwrap();
        player.inside(Depth::WORDS[depth].1, from, to, Lang::Zh);
    }
}
