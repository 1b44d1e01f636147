//! `iommu-play link` and `iommu-play unlink`: a scenario as a link, and back. `docs/links.md` says what is in one.

use super::scenario::named;
use iommu_core::link::{decode, encode, encode_preset, Depth, Options, Target, Theme, View};
use iommu_core::scenario::presets::{by_name, Preset};
use iommu_core::spec::Lang;
use std::io::Write;
use std::process::ExitCode;

const LINK: &str = "usage: iommu-play link SCENARIO [--base URL] [--at STEP] [--view diagram|walk|full]
                       [--depth idea|operation|read] [--lang en|zh] [--theme auto|light|dark] [--whole] [--unchecked]

  --base URL   the page's address, put before the fragment
  --whole      carry a preset's text, not its name
  --unchecked  do not check that the text is a scenario";
const UNLINK: &str = "usage: iommu-play unlink URL|FRAGMENT|- [--recover] [--zh]

  --recover    print what could be read of a damaged link; the exit code still tells";

/// Prints the link of a scenario.
pub fn link(args: &[String]) -> ExitCode {
    let usage = |why: &str| usage("link", why, LINK);
    let (mut source, mut base, mut whole, mut checked) = (None, "", false, true);
    let mut options = Options::default();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let mut value = || args.next().map(String::as_str).unwrap_or("");
        // What an option takes, where its value was not that.
        let wrong = match arg.as_str() {
            "--base" => {
                base = value();
                base.is_empty().then_some("a URL")
            }
            "--at" => set(&mut options.at, value().parse().ok(), "a position: a number"),
            "--view" => set(&mut options.view, View::named(value()), "diagram, walk or full"),
            "--depth" => set(&mut options.depth, Depth::named(value()), "idea, operation or read"),
            "--theme" => set(&mut options.theme, Theme::named(value()), "auto, light or dark"),
            "--lang" => set(&mut options.lang, lang(value()), "en or zh"),
            "--whole" => {
                whole = true;
                None
            }
            "--unchecked" => {
                checked = false;
                None
            }
            other if other.starts_with("--") => return usage(&format!("there is no option {other}")),
            other if source.is_none() => {
                source = Some(other);
                None
            }
            other => return usage(&format!("one scenario makes one link: what is '{other}'?")),
        };
        if let Some(takes) = wrong {
            return usage(&format!("{arg} takes {takes}"));
        }
    }
    let Some(source) = source else { return usage("which scenario?") };
    let fragment = match by_name(source) {
        Some(preset) if !whole => encode_preset(preset, &options),
        preset => {
            let Some(text) = text_of(source, preset, checked, options.lang == Some(Lang::Zh)) else {
                return ExitCode::FAILURE;
            };
            match encode(&text, &options) {
                Ok(fragment) => fragment,
                Err(error) => return failed(&error.to_string()),
            }
        }
    };
    // A base with a fragment of its own would take ours for a part of it.
    outln!("{}{fragment}", base.split('#').next().unwrap_or(""));
    ExitCode::SUCCESS
}

fn text_of(source: &str, preset: Option<&Preset>, checked: bool, zh: bool) -> Option<String> {
    match preset {
        Some(preset) => Some(preset.text.into()),
        None if checked => named(source, zh).map(|(_, text, _)| text),
        None if source == "-" => std::io::read_to_string(std::io::stdin()).ok(),
        None => std::fs::read_to_string(source).map_err(|error| errln!("{source}: {error}")).ok(),
    }
}

/// Prints the text of a link; the rest of what it says goes to standard error.
pub fn unlink(args: &[String]) -> ExitCode {
    let usage = |why: &str| usage("unlink", why, UNLINK);
    let (mut url, mut recover, mut lang) = (None, false, Lang::En);
    for arg in args {
        match arg.as_str() {
            "--recover" => recover = true,
            "--zh" => lang = Lang::Zh,
            other if other.starts_with("--") => return usage(&format!("there is no option {other}")),
            other if url.is_none() => url = Some(other.to_string()),
            other => return usage(&format!("one link at a time: what is '{other}'?")),
        }
    }
    let url = match url.as_deref() {
        None => return usage("which link?"),
        Some("-") => match std::io::read_to_string(std::io::stdin()) {
            Ok(text) => text,
            Err(error) => return failed(&error.to_string()),
        },
        Some(url) => url.to_string(),
    };
    match decode(&url) {
        Ok(link) => {
            let Options { at, depth, view, lang, theme } = link.options;
            let said = [
                match link.target {
                    Target::Preset(preset) => Some(format!("preset {}", preset.name)),
                    Target::Text(_) => None,
                },
                at.map(|at| format!("at {at}")),
                view.map(|view| format!("view {}", view.name())),
                lang.map(|lang| format!("lang {}", if lang == Lang::Zh { "zh" } else { "en" })),
                depth.map(|depth| format!("depth {}", depth.name())),
                theme.map(|theme| format!("theme {}", theme.name())),
            ];
            said.iter().flatten().for_each(|line| errln!("{line}"));
            link.ignored.iter().for_each(|part| errln!("not understood: {part}"));
            print(link.target.text())
        }
        Err(error) => {
            if let (true, Some(text)) = (recover, error.recovered()) {
                print(text);
            }
            failed(&error.message(lang))
        }
    }
}

fn print(text: &str) -> ExitCode {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn lang(word: &str) -> Option<Lang> {
    match word {
        "en" => Some(Lang::En),
        "zh" => Some(Lang::Zh),
        _ => None,
    }
}

/// Puts a value where it belongs; what it should have been, if there is none.
fn set<T>(place: &mut Option<T>, value: Option<T>, takes: &'static str) -> Option<&'static str> {
    *place = value;
    place.is_none().then_some(takes)
}

fn failed(why: &str) -> ExitCode {
    errln!("iommu-play: {why}");
    ExitCode::FAILURE
}

fn usage(command: &str, why: &str, usage: &str) -> ExitCode {
    errln!("iommu-play {command}: {why}\n{usage}");
    ExitCode::from(2)
}
