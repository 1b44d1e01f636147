//! The colours of a picture: few, each with a meaning, light and dark.

use alloc::{format, string::String};

/// Light, dark, or as the viewer prefers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Theme {
    /// Dark ink on light ground.
    Light,
    /// Light ink on dark ground.
    Dark,
    /// Light, and dark where the viewer says so (`prefers-color-scheme`).
    #[default]
    Auto,
}

macro_rules! inks {
    ($($(#[$doc:meta])* $Ink:ident = $class:literal, $light:literal, $dark:literal;)*) => {
        /// What a colour means.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Ink { $($(#[$doc])* $Ink),* }

        impl Ink {
            /// All of them.
            pub const ALL: &'static [Ink] = &[$(Ink::$Ink),*];
            /// The class that gives something this colour; without `ip-` it is the custom property's name.
            pub const fn class(self) -> &'static str {
                match self { $(Ink::$Ink => concat!("ip-ink-", $class)),* }
            }
            const fn name(self) -> &'static str {
                match self { $(Ink::$Ink => $class),* }
            }
            const fn colors(self) -> (&'static str, &'static str) {
                match self { $(Ink::$Ink => ($light, $dark)),* }
            }
        }
    };
}

inks! {
    /// The ground.
    Background = "bg", "#ffffff", "#14171c";
    /// Names, titles.
    Ink = "ink", "#1b1f26", "#e7eaef";
    /// Addresses, words.
    Muted = "muted", "#565e6b", "#a6afbc";
    /// Borders, arrows.
    Line = "line", "#79818e", "#7d8795";
    /// Memory, and all that has no colour of its own.
    Memory = "memory", "#ffffff", "#1b1f26";
    /// Several ranges as one.
    Fold = "fold", "#f1f2f4", "#22272f";
    /// An interrupt's way and sign.
    Interrupt = "interrupt", "#6d28b8", "#cda5ff";
    /// Buffers, the things that DMA is about.
    Buffer = "buffer", "#e6edff", "#22304f";
    /// Tables and queues that hardware walks, and its registers.
    Structure = "structure", "#e4f0e6", "#1d3328";
    /// What is not memory: MMIO, BARs, where interrupts go.
    Io = "io", "#f2e8fd", "#33244a";
    /// Actors.
    Actor = "actor", "#ffffff", "#1b1f26";
    /// What the current step is about.
    Accent = "accent", "#1d4ed8", "#8db2ff";
    /// Arrived.
    Good = "good", "#0a6b3d", "#74d6a1";
    /// Rests on a cache only.
    Stale = "stale", "#8a4b00", "#f2bd6c";
    /// Refused.
    Refused = "refused", "#b3172b", "#ff929d";
}

/// A set of colours.
#[derive(Debug)]
pub struct Palette {
    dark: bool,
}

impl Palette {
    /// The colours of presentation attributes in a theme.
    pub fn of(theme: Theme) -> &'static Palette {
        match theme {
            Theme::Dark => &Palette { dark: true },
            Theme::Light | Theme::Auto => &Palette { dark: false },
        }
    }
    /// A colour.
    pub fn get(&self, ink: Ink) -> &'static str {
        let (light, dark) = ink.colors();
        if self.dark {
            dark
        } else {
            light
        }
    }
}

fn rules(dark: bool) -> String {
    let palette = if dark { Palette::of(Theme::Dark) } else { Palette::of(Theme::Light) };
    let var = |ink: Ink| format!("var(--ip-{},{})", ink.name(), palette.get(ink));
    let (bg, line, ink) = (var(Ink::Background), var(Ink::Line), var(Ink::Ink));
    let mut css = format!(
        ".ip-diagram .ip-bg{{fill:{bg}}}\
         .ip-diagram .ip-halo,.ip-diagram .ip-sign,.ip-diagram .ip-full{{stroke:{bg}}}\
         .ip-diagram .ip-open{{fill:{bg}}}\
         .ip-diagram .ip-piece,.ip-diagram .ip-gap,.ip-diagram .ip-tick,.ip-diagram .ip-link{{stroke:{line}}}\
         .ip-diagram .ip-actor{{fill:{};stroke:{ink}}}\
         .ip-diagram .ip-caption{{fill:{ink}}}",
        var(Ink::Actor)
    );
    for &i in Ink::ALL {
        let (class, color) = (i.class(), var(i));
        css.push_str(&format!(
            ".ip-diagram .{class}.ip-piece,.ip-diagram .{class}.ip-text,.ip-diagram .{class} .ip-head,\
             .ip-diagram .{class}.ip-full{{fill:{color}}}\
             .ip-diagram .{class} .ip-line,.ip-diagram .{class}.ip-leg,.ip-diagram .{class}.ip-trail,.ip-diagram .{class}.ip-open{{stroke:{color}}}"
        ));
    }
    css.push_str(&format!(
        ".ip-diagram .ip-lit.ip-piece,.ip-diagram .ip-lit.ip-actor{{stroke:{}}}\
         .ip-diagram .ip-refused.ip-piece,.ip-diagram .ip-refused.ip-actor{{stroke:{}}}",
        var(Ink::Accent),
        var(Ink::Refused)
    ));
    css
}

/// The style sheet of a picture. Colours are custom properties (`--ip-bg`, `--ip-ink`, ...) with fallbacks.
pub fn stylesheet(theme: Theme) -> String {
    match theme {
        Theme::Light => rules(false),
        Theme::Dark => rules(true),
        Theme::Auto => {
            format!("{}@media (prefers-color-scheme:dark){{{}}}", rules(false), rules(true))
        }
    }
}
