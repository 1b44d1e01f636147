//! What a link says besides the scenario: `&arch=riscv&at=12&view=walk&lang=zh&theme=dark&depth=idea`.

use super::Position;
use crate::iommu::Architecture;
use crate::spec::Lang;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// What is shown of the scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// The picture alone.
    Diagram,
    /// The walk through the tables.
    Walk,
    /// The whole page.
    Full,
}

/// How deep the reader is shown the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// One stop for each idea of the author.
    Idea,
    /// One stop for each line.
    Operation,
    /// Every step.
    Read,
}

/// Colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    /// What the reader's system or the page around has.
    Auto,
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

/// A parameter with few values: each with its word.
trait Words: Copy + PartialEq + 'static {
    const WORDS: &'static [(&'static str, Self)];

    fn read(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(name, _)| *name == word).map(|(_, value)| *value)
    }

    fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, value)| *value == self).map_or("", |(name, _)| name)
    }
}

impl Words for View {
    const WORDS: &'static [(&'static str, Self)] =
        &[("diagram", View::Diagram), ("walk", View::Walk), ("full", View::Full)];
}

impl Words for Depth {
    const WORDS: &'static [(&'static str, Self)] =
        &[("idea", Depth::Idea), ("operation", Depth::Operation), ("read", Depth::Read)];
}

impl Words for Theme {
    const WORDS: &'static [(&'static str, Self)] =
        &[("auto", Theme::Auto), ("light", Theme::Light), ("dark", Theme::Dark)];
}

impl Words for Lang {
    const WORDS: &'static [(&'static str, Self)] = &[("en", Lang::En), ("zh", Lang::Zh)];
}

impl View {
    /// The view that `word` names: `diagram`, `walk` or `full`.
    pub fn named(word: &str) -> Option<View> {
        View::read(word)
    }

    /// Its word in links.
    pub fn name(self) -> &'static str {
        self.word()
    }
}

impl Depth {
    /// The depth that `word` names: `idea`, `operation` or `read`.
    pub fn named(word: &str) -> Option<Depth> {
        Depth::read(word)
    }

    /// Its word in links.
    pub fn name(self) -> &'static str {
        self.word()
    }
}

impl Theme {
    /// The theme that `word` names: `auto`, `light` or `dark`.
    pub fn named(word: &str) -> Option<Theme> {
        Theme::read(word)
    }

    /// Its word in links.
    pub fn name(self) -> &'static str {
        self.word()
    }
}

/// What a link says besides the scenario. All of it is optional: a link of any age has what it has.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Options {
    /// The architecture that a preset is turned to.
    pub arch: Option<Architecture>,
    /// The position in the trace. One past the end of the trace is its end.
    pub at: Option<Position>,
    /// How deep the run is opened.
    pub depth: Option<Depth>,
    /// What is shown.
    pub view: Option<View>,
    /// The language of the page.
    pub lang: Option<Lang>,
    /// Colours.
    pub theme: Option<Theme>,
}

impl Options {
    /// The parameters, each with its `&`, in the order of the specification.
    pub(super) fn write(&self, out: &mut String) {
        let at = self.at.as_ref().map(ToString::to_string);
        for (name, value) in [
            ("arch", self.arch.map(|arch| arch.describe().word)),
            ("at", at.as_deref()),
            ("view", self.view.map(Words::word)),
            ("lang", self.lang.map(Words::word)),
            ("theme", self.theme.map(Words::word)),
            ("depth", self.depth.map(Words::word)),
        ] {
            if let Some(value) = value {
                out.push_str(&format!("&{name}={value}"));
            }
        }
    }

    /// Reads parameters. Those with an unknown name are of a newer page and skipped; those that are known but have a
    /// value that can't be are given back, as written. The first of two with the same name counts.
    pub(super) fn read<'t>(parts: impl Iterator<Item = &'t str>) -> (Options, Vec<String>) {
        let (mut options, mut wrong) = (Options::default(), Vec::new());
        for part in parts {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let fine = match name {
                "arch" => first(&mut options.arch, Architecture::named(value)),
                "at" => first(&mut options.at, Position::parse(value)),
                "depth" => first(&mut options.depth, Depth::read(value)),
                "view" => first(&mut options.view, View::read(value)),
                "lang" => first(&mut options.lang, Lang::read(value)),
                "theme" => first(&mut options.theme, Theme::read(value)),
                _ => true,
            };
            if !fine {
                wrong.push(part.chars().take(40).collect());
            }
        }
        (options, wrong)
    }
}

/// Puts `value` where nothing was yet; false if there is no value.
fn first<T>(place: &mut Option<T>, value: Option<T>) -> bool {
    let fine = value.is_some();
    if place.is_none() {
        *place = value;
    }
    fine
}
