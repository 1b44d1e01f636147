//! Links, as the page reads and writes them.

use super::types::Linked;
use crate::iommu::Architecture;
use crate::link::{decode, encode, encode_preset, Depth, Options, Position, Refused, Target, Theme, View};
use crate::scenario::presets::by_name;
use crate::scenario::{parse, Outline};
use crate::spec::{Lang, Phrase};
use alloc::{
    format,
    string::{String, ToString},
};

fn word(lang: Lang) -> &'static str {
    match lang {
        Lang::En => "en",
        Lang::Zh => "zh",
    }
}

/// Reads a fragment, or a whole URL. What is wrong is said in `lang`.
pub fn read(fragment: &str, lang: Lang) -> Linked {
    let mut out = Linked::default();
    match decode(fragment) {
        Ok(link) => {
            out.text = link.target.text().to_string();
            if let Target::Preset(preset) | Target::Turned(preset, _) = link.target {
                out.preset = Some(preset.name.to_string());
            }
            out.arch = link.options.arch.map(|arch| arch.describe().word.to_string());
            out.at = match link.options.at {
                Some(Position::Step(at)) => Some(at),
                _ => None,
            };
            out.depth = link.options.depth.map(|depth| depth.name().to_string());
            out.view = link.options.view.map(|view| view.name().to_string());
            out.lang = link.options.lang.map(|lang| word(lang).to_string());
            out.theme = link.options.theme.map(|theme| theme.name().to_string());
            out.why = link
                .ignored
                .iter()
                .filter(|part| part.starts_with("arch="))
                .find_map(|part| link.why(part))
                .map_or(String::new(), |why| why.get(lang).into());
            out.no_fault = link
                .options
                .at
                .and_then(|at| no_fault(&out.text, &at))
                .map_or(String::new(), |why| why.get(lang).into());
            out.ignored = link.ignored;
        }
        Err(error) => {
            out.recovered = error.recovered().map(ToString::to_string);
            out.error = Some(error.message(lang));
        }
    }
    out
}

/// Why the fault that a position names is none of the machine of a text.
fn no_fault(text: &str, at: &Position) -> Option<Phrase> {
    let Position::Which(Refused::Name(name), _) = at else { return None };
    let on = Outline::new(&parse(text).ok()?).architecture()?;
    if on.has_fault(name) {
        return None;
    }
    let there = Architecture::words_of(|a| a.has_fault(name));
    let (en, zh) = match there.en.is_empty() {
        true => (String::new(), String::new()),
        false => (format!("; {} has", there.en), format!("；{} 才有", there.zh)),
    };
    Some(Phrase::new(
        format!("{} has no fault called `{name}`{en}", on.name()),
        format!("{} 没有名为 `{name}` 的错误{zh}", on.name()),
    ))
}

/// The fragment, with its `#`, of a scenario: of a preset's name when the text is that preset's or that preset turned to another
/// architecture, else of the text.
/// Words that name no depth, view, language or theme are left out. `None`: the text is longer than a link may carry.
pub fn write(
    text: &str,
    preset: Option<&str>,
    at: Option<u32>,
    view: &str,
    lang: &str,
    theme: &str,
    depth: &str,
) -> Option<String> {
    let lang = match lang {
        "en" => Some(Lang::En),
        "zh" => Some(Lang::Zh),
        _ => None,
    };
    let options = Options {
        arch: None,
        at: at.map(Position::Step),
        depth: Depth::named(depth),
        view: View::named(view),
        lang,
        theme: Theme::named(theme),
    };
    let preset = preset.and_then(by_name);
    match preset {
        Some(preset) if preset.text == text => return Some(encode_preset(preset, &options)),
        Some(preset) => {
            let arch = parse(text).ok().and_then(|s| Outline::new(&s).architecture());
            let turned = arch.filter(|arch| preset.text_on(*arch).is_some_and(|turned| turned == text));
            if turned.is_some() {
                return Some(encode_preset(preset, &Options { arch: turned, ..options }));
            }
        }
        None => {}
    }
    encode(text, &options).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn what_is_written_is_read() {
        let howto = by_name("howto").unwrap().text;
        assert_eq!(
            write(howto, Some("howto"), Some(3), "", "zh", "dark", "idea").unwrap(),
            "#p=howto&at=3&lang=zh&theme=dark&depth=idea"
        );
        // Turned to another architecture it is still the preset; one of a family is the one that is written for it.
        let turned = by_name("howto").unwrap().text_on(Architecture::Riscv).unwrap();
        let link = write(&turned, Some("howto"), Some(3), "", "", "", "").unwrap();
        assert_eq!(link, "#p=howto&arch=riscv&at=3");
        let back = read(&link, Lang::En);
        assert_eq!(
            (back.text, back.preset.as_deref(), back.arch.as_deref()),
            (turned, Some("howto"), Some("riscv"))
        );
        let ladder = read("#p=fault-ladder&arch=amd-vi", Lang::En);
        assert_eq!((ladder.preset.as_deref(), ladder.arch), (Some("fault-ladder-amd"), None));
        // Where it does not run it is opened as it is written, and what was passed over is said.
        for (fragment, passed) in
            [("#p=io-ports&arch=riscv", "arch=riscv"), ("#p=howto&arch=vtd", "arch=vtd")]
        {
            let link = read(fragment, Lang::En);
            assert_eq!((link.ignored, link.arch, link.error), (vec![passed.to_string()], None, None));
            assert_eq!(
                link.why.starts_with("did you mean `arch=vt-d`?"),
                passed == "arch=vtd",
                "{passed}: {}",
                link.why
            );
        }
        // Whatever else people call a machine.
        for (written, meant) in [("arm", "smmuv3"), ("amd", "amd-vi"), ("intel", "vt-d"), ("risc-v", "riscv")]
        {
            let why = |lang| read(&["#p=howto&arch=", written].concat(), lang).why;
            assert_eq!(why(Lang::En), ["did you mean `arch=", meant, "`?"].concat());
            assert!(why(Lang::Zh).contains(meant));
        }
        assert_eq!(
            read("#p=howto&arch=zebra", Lang::En).why,
            "it can be `vt-d`, `riscv`, `smmuv3` or `amd-vi`"
        );
        // The position is of the run on that machine.
        for fragment in
            ["#p=howto&arch=SMMUv3&at=40", "#p=howto&at=40&arch=zebra", "#p=io-ports&arch=riscv&at=40"]
        {
            let link = read(fragment, Lang::En);
            assert_eq!((link.at, link.ignored.len()), (None, 2), "{fragment}: {:?}", link.ignored);
            assert!(link.ignored.contains(&"at=40".to_string()));
        }
        // A fault of another machine, and one of this.
        let why = |fragment, lang| read(fragment, lang).no_fault;
        assert_eq!(
            why("#p=fault-ladder&arch=amd-vi&at=fault:F_PERMISSION", Lang::En),
            "AMD-Vi has no fault called `F_PERMISSION`; `smmuv3` has"
        );
        assert!(why("#p=fault-ladder&arch=amd-vi&at=fault:F_PERMISSION", Lang::Zh).contains("`smmuv3` 才有"));
        assert_eq!(why("#p=fault-ladder&arch=smmuv3&at=fault:F_PERMISSION", Lang::En), "");
        // A text is turned as the list of machines turns it.
        let mine = "iommu-playground 1\nmachine vt-d\nram 0 .. 1G\n";
        let link = write(mine, None, None, "", "", "", "").unwrap();
        let there = read(&[&link, "&arch=riscv"].concat(), Lang::En);
        assert!(there.text.contains("machine riscv") && there.ignored.is_empty() && there.arch.is_none());
        // An edited preset is a text.
        let edited = [howto, "# mine\n"].concat();
        let link = write(&edited, Some("howto"), None, "walk", "", "", "").unwrap();
        assert!(link.starts_with("#1.") && link.ends_with("&view=walk"));
        let back = read(&link, Lang::En);
        assert_eq!((back.text, back.preset, back.view.as_deref()), (edited, None, Some("walk")));
        let cut = read(&link[..link.len() / 2], Lang::Zh);
        assert!(cut.text.is_empty() && cut.error.is_some() && cut.recovered.is_some());
    }
}
