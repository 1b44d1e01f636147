//! The frozen links of `tests/links`: a link that was made once opens for ever.
//!
//! With a new version of the format, a folder is added and none is changed. `preset` files hold one link a line, the
//! name of the preset after it; each `NAME.link` holds a link to exactly the text of `NAME.scn` beside it, and
//! `NAME.options`, if there, what else it says.

use iommu_core::link::{decode, encode, Options, Target};
use std::fs;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/links")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// As `at=12&view=walk`: the parameters in the order of the specification.
fn said(options: &Options) -> String {
    let mut all = encode("", options).unwrap();
    all.drain(..=all.find('&').unwrap_or(all.len() - 1));
    all
}

#[test]
fn every_frozen_link_opens_as_it_did() {
    let mut opened = 0;
    for version in
        fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir())
    {
        for path in fs::read_dir(&version).unwrap().map(|entry| entry.unwrap().path()) {
            if path.extension().is_none_or(|ext| ext != "link") {
                continue;
            }
            let link = decode(&read(&path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            assert_eq!(link.target.text(), read(&path.with_extension("scn")), "{}", path.display());
            let options = path.with_extension("options");
            let expected = if options.exists() { read(&options) } else { String::new() };
            assert_eq!(said(&link.options), expected.trim(), "{}", path.display());
            opened += 1;
        }
        for line in read(&version.join("presets.txt")).lines() {
            let (fragment, name) = line.split_once(' ').expect("a link and a name");
            match decode(fragment).unwrap_or_else(|error| panic!("{fragment}: {error}")).target {
                Target::Preset(preset) | Target::Turned(preset, _) => assert_eq!(preset.name, name),
                Target::Text(_) => panic!("{fragment} is no preset"),
            }
            opened += 1;
        }
    }
    // The first two that were ever made, and a URL: the second line of the text or the preset, a tab, the link.
    for line in include_str!("data/links/v1.txt").lines().filter(|line| !line.starts_with('#')) {
        let (first, link) = line.split_once('\t').expect("a line, a tab, a link");
        match decode(link).unwrap_or_else(|error| panic!("{link}: {error}")).target {
            Target::Text(text) => assert_eq!(text.lines().nth(1), Some(first)),
            Target::Preset(preset) | Target::Turned(preset, _) => assert_eq!(preset.name, first),
        }
        opened += 1;
    }
    assert!(opened >= 41, "only {opened} links were found");
}

/// A typical scenario of one's own stays under 1,200 characters (DESIGN.md, section 7).
#[test]
fn a_typical_link_is_short() {
    let text = read(&folder().join("1/typical.scn"));
    assert!((20..=40).contains(&text.lines().count()));
    let length = encode(&text, &Options::default()).unwrap().len();
    assert!(length < 1200, "{length}");
}
