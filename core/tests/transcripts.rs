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
