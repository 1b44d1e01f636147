//! What leaves the page: the picture for where it is pasted, the trace for other programs. The command line gives the
//! same, byte for byte.

use crate::diagram::render::{svg, text, wrapped, Charset, SvgOptions, Theme, Wrapper};
use crate::diagram::Layout;
use crate::explain::{say, Cast};
use crate::machine::Check;
use crate::scenario::{Outline, Scenario};
use crate::spec::{Lang, Phrase};
use crate::trace::Trace;
use alloc::{format, string::String};

/// What a picture becomes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// Characters, for where they are pasted.
    Text(Charset, Wrapper),
    /// An SVG file.
    Svg,
}

impl Form {
    /// Every form with its name.
    pub const ALL: &'static [(&'static str, Form)] = &[
        ("svg", Form::Svg),
        ("ascii", Form::Text(Charset::Ascii, Wrapper::Plain)),
        ("unicode", Form::Text(Charset::Unicode, Wrapper::Plain)),
        ("c", Form::Text(Charset::Ascii, Wrapper::C)),
        ("rst", Form::Text(Charset::Unicode, Wrapper::Rst)),
        ("markdown", Form::Text(Charset::Unicode, Wrapper::Markdown)),
    ];

    /// The form of a name.
    pub fn named(name: &str) -> Option<Form> {
        Form::ALL.iter().find(|(n, _)| *n == name).map(|(_, form)| *form)
    }
}

/// The title of a scenario, for a picture of it.
pub fn title(scenario: &Scenario) -> Phrase {
    let said = Outline::new(scenario).title;
    Phrase::new(said.pick(false).unwrap_or(""), said.pick(true).unwrap_or(""))
}

/// A picture in a form; `lang` is the language it was laid out in.
pub fn draw(picture: &Layout, form: Form, theme: Theme, lang: Lang) -> String {
    match form {
        Form::Text(charset, wrapper) => wrapped(&text(picture, charset), wrapper),
        Form::Svg => svg(picture, &SvgOptions { lang, theme, ..SvgOptions::default() }),
    }
}

/// A trace and what was expected of it, as JSON (RFC 8259): `steps` with `position`, `depth` and `sentence`;
/// `expectations` with `line`, `holds`, `elsewhere` (it is for other machines, and was not looked at) and `why` (null where it holds).
pub fn trace_json(trace: &Trace, checks: &[Check], cast: &Cast, lang: Lang) -> String {
    let mut out = String::from("{\"steps\":[");
    for (at, step) in trace.steps().iter().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        out += &format!("{comma}\n{{\"position\":{},\"depth\":{},\"sentence\":", at + 1, step.depth);
        quote(&mut out, say(trace, at, cast).text.get(lang));
        out.push('}');
    }
    out += "\n],\"expectations\":[";
    for (at, check) in checks.iter().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        let (line, holds) = (check.span.line, check.failure.is_none());
        out += &format!(
            "{comma}\n{{\"line\":{line},\"holds\":{holds},\"elsewhere\":{},\"why\":",
            check.elsewhere
        );
        match &check.failure {
            None => out += "null",
            Some(why) => quote(&mut out, if lang == Lang::Zh { &why.zh } else { &why.en }),
        }
        out.push('}');
    }
    out += "\n]}\n";
    out
}

/// A JSON string.
fn quote(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            c if (c as u32) < 0x20 => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagram::render::palette::{Ink, Palette};
    use crate::scenario::presets::PRESETS;
    use crate::view::player::DESK;
    use crate::view::Player;
    use alloc::vec::Vec;

    #[test]
    fn hostile_text_stays_a_string() {
        let mut out = String::new();
        quote(&mut out, "a\"b\\c\nd\u{1}e</script>\u{7f}中");
        assert_eq!(out, "\"a\\\"b\\\\c\\nd\\u0001e</script>\u{7f}中\"");
    }

    /// What a place of a drawing is, where it is: of boxes and arrows, in cells.
    fn attributes<'a>(doc: &'a roxmltree::Document<'_>, class: &str, name: &str) -> Vec<&'a str> {
        let of = |n: &roxmltree::Node<'_, '_>| {
            n.attribute("class").is_some_and(|c| c.split(' ').any(|c| c == class))
        };
        doc.descendants().filter(of).filter_map(|n| n.attribute(name)).collect()
    }

    /// Every idea of every preset: the picture that is saved, and printed, has the boxes, words, arrows, way and token of the
    /// page's, each at the same place.
    #[test]
    fn what_leaves_the_page_is_what_the_page_draws() {
        for preset in PRESETS {
            let mut player = Player::open(preset.text).unwrap();
            for idea in player.ideas(Lang::En) {
                let at = idea.to as usize;
                let scene = player.scene(at, DESK, None, Lang::En);
                let drawn = player.draw(at, Form::Svg, Theme::Light, &Player::as_on_the_page(Lang::En));
                let doc = roxmltree::Document::parse(&drawn).unwrap();
                let here = format!("{} at {at}", preset.name);
                let texts: Vec<&str> = doc
                    .descendants()
                    .filter(|n| n.has_tag_name("text"))
                    .filter(|n| !n.attribute("class").unwrap_or_default().contains("ip-caption"))
                    .filter_map(|n| n.text())
                    .collect();
                assert_eq!(texts, scene.texts.iter().map(|t| &*t.text).collect::<Vec<_>>(), "{here}");
                // Cells are 8 pixels across, half rows 9 down.
                let boxes: Vec<String> = scene
                    .pieces
                    .iter()
                    .filter(|p| p.kind != "gap" && !p.column.starts_with("fold:"))
                    .map(|p| format!("{} {}", (p.width - 1) * 8, (p.bottom - p.top) * 9))
                    .collect();
                let sizes = attributes(&doc, "ip-piece", "width");
                let sizes = sizes.iter().zip(attributes(&doc, "ip-piece", "height"));
                assert_eq!(sizes.map(|(w, h)| format!("{w} {h}")).collect::<Vec<_>>(), boxes, "{here}");
                assert_eq!(attributes(&doc, "ip-line", "d").len(), scene.wires.len(), "{here}");
                let Some(token) = &scene.token else { continue };
                // The whole way, and its last leg from where the page's begins.
                let corners = |d: &str| d.matches(['M', 'L', 'C']).count();
                let from = token.step_from as usize;
                let past = attributes(&doc, "ip-trail", "d");
                assert_eq!(corners(past[0]), from + 1, "{here}");
                let leg = attributes(&doc, "ip-leg", "d");
                assert_eq!(corners(leg[0]), token.path.len() - from, "{here}");
                let fate = attributes(&doc, "ip-token", "data-fate");
                assert_eq!(fate, [&*token.fate], "{here}");
            }
        }
    }

    /// Each colour of an exported picture is the page's for the same thing, light and dark.
    #[test]
    fn colours_are_those_of_the_page() {
        let tokens = include_str!("../../../www/src/style/tokens.css");
        for (theme, block) in [(Theme::Light, ".embed {"), (Theme::Dark, ".embed[data-theme=\"dark\"] {")] {
            let block = tokens.split(block).nth(1).unwrap().split('}').next().unwrap();
            for (ink, token) in [
                (Ink::Ink, "ink"),
                (Ink::Muted, "soft"),
                (Ink::Line, "strong-line"),
                (Ink::Memory, "raised"),
                (Ink::Fold, "sunk"),
                (Ink::Buffer, "now-wash"),
                (Ink::Structure, "table-wash"),
                (Ink::Io, "irq-wash"),
                (Ink::Accent, "now"),
                (Ink::Good, "good"),
                (Ink::Stale, "warn"),
                (Ink::Refused, "bad"),
                (Ink::Interrupt, "irq"),
            ] {
                let found = block.split(&format!("--{token}: ")).nth(1).unwrap();
                assert_eq!(found.split(';').next().unwrap(), Palette::of(theme).get(ink), "{token}");
            }
        }
    }

    #[test]
    fn names_are_those_of_forms() {
        assert_eq!(Form::named("svg"), Some(Form::Svg));
        assert_eq!(Form::named("png"), None);
    }
}
