//! A run at the depth of ideas reads as the lesson: the newcomer's path as text, in both languages. Read them when they change.

use iommu_core::scenario::presets::{by_name, PATH};
use iommu_core::spec::Lang;
use iommu_core::view::transcript::transcript;
use iommu_core::view::types::Depth;
use iommu_core::view::Player;
use std::path::PathBuf;

/// The whole path in one language.
fn path(lang: Lang) -> String {
    let lesson = |name: &&str| {
        let preset = by_name(name).expect("a step of the path is a preset");
        let player = Player::open(preset.text).expect("a preset runs");
        format!("==== {name}\n\n{}", transcript(&player, Depth::Idea, lang))
    };
    PATH.iter().map(lesson).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_path_reads_as_its_lessons() {
    for (lang, name) in [(Lang::En, "path.en.txt"), (Lang::Zh, "path.zh.txt")] {
        let file = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/transcripts")).join(name);
        let told = path(lang);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&file, &told).expect("a place for the transcript");
        }
        let kept = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(told == kept, "{name} is another: read it with UPDATE_GOLDEN=1 and git diff");
    }
}

#[test]
fn every_idea_says_what_came_of_it_and_none_is_done() {
    for name in PATH {
        let player = Player::open(by_name(name).expect("a preset").text).expect("a preset runs");
        for lang in [Lang::En, Lang::Zh] {
            for idea in player.ideas(lang) {
                let outcome = idea.outcome.expect("an idea comes to something");
                assert!(outcome.text.len() > 8 && outcome.text != idea.sentence, "{name}: {}", outcome.text);
                assert!(!["Done.", "完成。"].contains(&outcome.text.as_str()), "{name}");
                // A note is one or two sentences: what is more is two ideas.
                let most = if lang == Lang::Zh { 130 } else { 300 };
                assert!(idea.sentence.chars().count() <= most, "{name}: {}", idea.sentence);
            }
        }
    }
}

/// What a newcomer meets before its own lesson is said in half a sentence where it is met first.
#[test]
fn a_word_is_explained_in_the_lesson_in_which_it_first_appears() {
    for (word, half) in
        [("IOMMU", "a unit between devices and memory"), ("-stage", "two stages: of both the first")]
    {
        let met = PATH.iter().find_map(|name| {
            let preset = by_name(name).expect(name);
            let player = Player::open(preset.text).expect(name);
            let (ideas, operations) = (player.ideas(Lang::En), player.operations(Lang::En));
            let said = ideas.iter().chain(&operations).filter(|stop| stop.sentence.contains(word));
            let first = said.map(|stop| stop.to).min()?;
            let explained = ideas.iter().find(|idea| idea.sentence.contains(half)).map(|idea| idea.from);
            Some((name, first, explained))
        });
        let (name, first, explained) = met.expect(word);
        assert!(
            explained.is_some_and(|at| at <= first),
            "{name}: {word} at {first}, explained at {explained:?}"
        );
    }
}
