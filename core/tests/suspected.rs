//! Faults that were suspected from reading the code, each reproduced, or shown to be none, by what would show it. Two more
//! are held elsewhere: languages of embeds (`tests/browser/embed.test.mjs`), words for architectures (`scenario/onto.rs`).

use iommu_core::diagram::model::{Anchor, Token};
use iommu_core::iommu::DriverError;
use iommu_core::machine::history::Cursor;
use iommu_core::machine::{run, Record};
use iommu_core::picture::picture;
use iommu_core::spec::{Localized, Phrase, Text};
use iommu_core::trace::Event;
use std::path::{Path, PathBuf};

const HEAD: &str = "iommu-playground 1
machine vt-d
ram 0 .. 1G
device nic 00:03.0
device disk 00:04.0
steps
";

/// The message that a device is given is the one that `msi` sends: data selects an entry after the first in both.
#[test]
fn a_message_and_its_data_name_one_entry() {
    let text = format!(
        "{HEAD}  interrupt 3 vector 0x41 source nic
  interrupt 8 vector 0x48 source nic
  msi nic entry 3
  msi nic entry 3 data 5
  msi nic entry 8
"
    );
    let run = run(&text).expect("it runs");
    let arrived: Vec<u32> = run
        .machine
        .trace
        .steps()
        .iter()
        .filter_map(|step| match step.event {
            Event::Interrupt { vector, .. } => Some(vector),
            _ => None,
        })
        .collect();
    assert_eq!(arrived, [0x41, 0x48, 0x48]);
}

/// A token is drawn in the domain that its device was in then, not in the one that it is in at the end.
#[test]
fn a_token_is_in_the_domain_of_its_time() {
    let text = format!(
        "{HEAD}  domain first
  domain second
  map first 0x10000 +4K -> 0x2000_0000 rw
  map second 0x10000 +4K -> 0x3000_0000 rw
  attach nic to first
  attach disk to second
  dma disk write 0x10000 +8
  detach disk
  attach disk to first
  dma disk write 0x10000 +8
"
    );
    let run = run(&text).expect("it runs");
    let (trace, record) = (&run.machine.trace, Record::of(&run.machine));
    let mut cursor = Cursor::at_end(run.machine.memories(), trace);
    let mut seen = Vec::<String>::new();
    for position in 0..=trace.len() {
        cursor.seek(trace, position);
        let model = picture(&record, trace, &mut cursor, Phrase::default());
        let Some(Token { at: Anchor::Point(at), .. }) = &model.token else { continue };
        let column = &model.columns[usize::from(at.column.0)].key;
        if column != "pa" && seen.last() != Some(column) {
            seen.push(column.clone());
        }
    }
    assert_eq!(seen.len(), 2, "{seen:?}");
    assert!(seen[0] != "bus" && seen[1] == "bus", "{seen:?}");
}

fn sources(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push(path);
        }
    }
}

fn is_chinese(text: &str) -> bool {
    text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c))
}

/// What no unit can do is said in both languages, PASIDs of a VT-d in legacy mode among it.
#[test]
fn every_refusal_is_in_both_languages() {
    let error = DriverError::Unsupported(Text::new("PASIDs (ECAP.SMTS)", "PASID（ECAP.SMTS）"));
    let phrase = error.phrase();
    assert!(phrase.en.contains("ECAP.SMTS") && phrase.zh.contains("ECAP.SMTS") && is_chinese(&phrase.zh));

    let mut paths = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut paths);
    let (mut found, mut pasids) = (0, 0);
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or("");
        for call in text.split("unsupported(").skip(1).filter(|call| call.trim_start().starts_with('"')) {
            let mut strings = call.split('"');
            let (en, zh) = (strings.nth(1).unwrap_or(""), strings.nth(1).unwrap_or(""));
            // A Chinese text may be a term alone, such as `PASID（ECAP.PASID）`: its punctuation is Chinese then.
            assert!(is_chinese(zh) || zh.contains('（'), "{}: {en:?}: {zh:?}", path.display());
            assert!(!is_chinese(en) && !en.is_empty(), "{}: {en:?}", path.display());
            (found, pasids) = (found + 1, pasids + usize::from(en.contains("PASID")));
        }
    }
    assert!(found > 15 && pasids > 2, "{found} refusals, {pasids} of PASIDs");
}
