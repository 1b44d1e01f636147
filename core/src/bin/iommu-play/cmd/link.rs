//! `iommu-play link` and `iommu-play unlink`: a scenario as a link, and back. `docs/links.md` says what is in one.

use super::scenario::{self, read, Source};
use crate::cli::{Link, Unlink};
use crate::zh::{self, colon};
use iommu_core::link::{decode, encode, encode_preset, Options, Target, MAX_TEXT};
use iommu_core::scenario::onto_word;
use iommu_core::scenario::presets::{by_name, Preset};
use iommu_core::spec::Lang;
use std::io::Write;
use std::process::ExitCode;

/// Prints the link of a scenario, in the language `lang` where one is wanted; what is wrong is said in `said_in`.
pub fn link(args: &Link, lang: Option<Lang>, said_in: Lang) -> ExitCode {
    let Link { arch, view, depth, theme, whole, unchecked, .. } = *args;
    let (source, checked) = (args.scenario.as_str(), !unchecked);
    let options = Options { arch: None, at: args.at.clone(), view, depth, lang, theme };
    let base = args.base.as_deref().unwrap_or("");
    let mut named = by_name(source);
    if let (Some(preset), Some(arch)) = (named, arch) {
        // Of a family, the one that asks the question there.
        named = preset.on(arch);
        if named.is_none() {
            let (word, why) = (arch.describe().word, preset.why_not());
            let why = why.get(said_in);
            return failed(&format!("{source} --arch {word}{}{why}", colon(said_in)), said_in);
        }
    }
    let fragment = match named {
        Some(preset) if !whole => encode_preset(preset, &Options { arch, ..options }),
        preset => {
            let Some(text) = text_of(source, preset, checked, said_in) else {
                return ExitCode::FAILURE;
            };
            let there = preset.zip(arch).and_then(|(preset, arch)| preset.text_on(arch)).map(Ok);
            let text = match there.or_else(|| arch.map(|arch| onto_word(&text, arch.describe().word))) {
                Some(Ok(turned)) => turned,
                Some(Err(problems)) => {
                    let all: Vec<String> =
                        problems.0.iter().map(|p| super::scenario::message(p, said_in)).collect();
                    return failed(&format!("{source}{}{}", colon(said_in), all.join("\n")), said_in);
                }
                None => text,
            };
            match encode(&text, &options) {
                Ok(fragment) => fragment,
                Err(error) => return failed(&error.message(said_in), said_in),
            }
        }
    };
    // A base with a fragment of its own would take ours for a part of it.
    outln!("{}{fragment}", base.split('#').next().unwrap_or(""));
    ExitCode::SUCCESS
}

fn text_of(source: &str, preset: Option<&Preset>, checked: bool, said_in: Lang) -> Option<String> {
    if let Some(preset) = preset {
        return Some(preset.text.into());
    }
    let source = if source == "-" { Source::Stdin } else { Source::File(source.into()) };
    let zh = said_in == Lang::Zh;
    let text = read(&source, zh)?;
    // What no link holds is said of the link.
    if checked && text.len() <= MAX_TEXT {
        scenario::checked(&source, &text, zh)?;
    }
    Some(text)
}

/// Prints the text of a link; the rest of what it says goes to standard error.
pub fn unlink(args: &Unlink, language: Lang) -> ExitCode {
    let (recover, said_in) = (args.recover, language);
    let url = match args.url.as_str() {
        "-" => match std::io::read_to_string(std::io::stdin()) {
            Ok(text) => text,
            Err(error) => return failed(&zh::trouble(&error, said_in), said_in),
        },
        url => url.to_string(),
    };
    match decode(&url) {
        Ok(link) => {
            let Options { arch, at, depth, view, lang, theme } = link.options.clone();
            let said = [
                match link.target {
                    Target::Preset(preset) | Target::Turned(preset, _) => {
                        Some(format!("preset {}", preset.name))
                    }
                    Target::Text(_) => None,
                },
                arch.map(|arch| format!("arch {}", arch.describe().word)),
                at.map(|at| format!("at {at}")),
                view.map(|view| format!("view {}", view.name())),
                lang.map(|lang| format!("lang {}", if lang == Lang::Zh { "zh" } else { "en" })),
                depth.map(|depth| format!("depth {}", depth.name())),
                theme.map(|theme| format!("theme {}", theme.name())),
            ];
            said.iter().flatten().for_each(|line| errln!("{line}"));
            link.ignored.iter().for_each(|part| match (link.why(part), said_in) {
                (Some(why), Lang::En) => errln!("passed over: {part}: {}", why.en),
                (Some(why), Lang::Zh) => errln!("略过：{part}：{}", why.zh),
                (None, Lang::En) => errln!("not understood: {part}"),
                (None, Lang::Zh) => errln!("读不懂的部分：{part}"),
            });
            print(link.target.text())
        }
        Err(error) => {
            if let (true, Some(text)) = (recover, error.recovered()) {
                print(text);
            }
            failed(&error.message(said_in), said_in)
        }
    }
}

fn print(text: &str) -> ExitCode {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn failed(why: &str, said_in: Lang) -> ExitCode {
    errln!("iommu-play{}{why}", colon(said_in));
    ExitCode::FAILURE
}
