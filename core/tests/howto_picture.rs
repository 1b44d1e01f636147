//! The first scenario's picture, by heart: Linux's DMA-API-HOWTO with actual numbers, drawn from the machine.

use iommu_core::diagram::render::{text, Charset};
use iommu_core::diagram::{layout, Options};
use iommu_core::machine::history::Cursor;
use iommu_core::machine::run;
use iommu_core::picture::picture;
use iommu_core::scenario::presets::PRESETS;
use iommu_core::spec::Phrase;
use iommu_core::trace::{Event, Perms, Scope, Step};

#[test]
fn the_howto_picture_with_actual_numbers() {
    let preset = PRESETS.iter().find(|p| p.name == "howto").expect("the first preset");
    let run = run(preset.text).expect("it runs");
    let trace = &run.machine.trace;
    let mut cursor = Cursor::at_end(run.machine.memories(), trace);
    // The buffer is mapped, and the device has not written yet.
    let writes = |s: &Step| matches!(s.event, Event::Begin(Scope::Transfer { want: Perms::W, .. }));
    let at = trace.steps().iter().position(writes).expect("a transfer");
    cursor.seek(trace, at);
    let model =
        picture(&iommu_core::machine::Record::of(&run.machine), trace, &mut cursor, Phrase::default());
    let drawn = text(&layout(&model, None, &Options { width: 92, ..Options::default() }), Charset::Ascii);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/howto.txt"), &drawn)
            .expect("written");
    }
    assert!(drawn == include_str!("data/howto.txt"), "the picture is now\n{drawn}");
    // The README shows the same one.
    let readme = include_str!("../../README.md");
    assert!(
        drawn.trim_end().lines().all(|line| readme.contains(line.trim_end())),
        "README.md shows another picture"
    );
}
