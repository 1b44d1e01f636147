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

    #[test]
    fn hostile_text_stays_a_string() {
        let mut out = String::new();
        quote(&mut out, "a\"b\\c\nd\u{1}e</script>\u{7f}中");
        assert_eq!(out, "\"a\\\"b\\\\c\\nd\\u0001e</script>\u{7f}中\"");
    }

    #[test]
    fn names_are_those_of_forms() {
        assert_eq!(Form::named("svg"), Some(Form::Svg));
        assert_eq!(Form::named("png"), None);
    }
}
