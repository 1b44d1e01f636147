//! Links that were made once open for ever.

use iommu_core::link::{decode, Target};

#[test]
fn frozen_links_open() {
    let lines = include_str!("data/links/v1.txt").lines().filter(|l| !l.is_empty() && !l.starts_with('#'));
    let mut count = 0;
    for line in lines {
        let (first, link) = line.split_once('\t').expect("first line of the text, a tab, the link");
        match decode(link).expect("a link that opened once").target {
            Target::Text(text) => assert_eq!(text.lines().nth(1), Some(first)),
            Target::Preset(preset) => assert_eq!(preset.name, first),
        }
        count += 1;
    }
    assert!(count >= 3);
}
