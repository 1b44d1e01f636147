//! The first scenario's picture, by heart: Linux's DMA-API-HOWTO with actual numbers, drawn from the machine.

use iommu_core::diagram::render::{Charset, Theme, Wrapper};
use iommu_core::diagram::Options;
use iommu_core::scenario::presets::PRESETS;
use iommu_core::trace::{Event, Perms, Scope, Step};
use iommu_core::view::export::Form;
use iommu_core::view::Player;

const WIDTH: u16 = 112;

#[test]
fn the_howto_picture_with_actual_numbers() {
    let preset = PRESETS.iter().find(|p| p.name == "howto").expect("the first preset");
    let mut player = Player::open(preset.text).expect("it runs");
    // The buffer is mapped, and the device has not written yet.
    let writes = |s: &Step| matches!(s.event, Event::Begin(Scope::Transfer { want: Perms::W, .. }));
    let at = player.viewer.trace().steps().iter().position(writes).expect("a transfer");
    let form = Form::Text(Charset::Ascii, Wrapper::Plain);
    let drawn = player.draw(at, form, Theme::Auto, &Options { width: WIDTH, ..Options::default() });
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/howto.txt"), &drawn)
            .expect("written");
    }
    assert!(drawn == include_str!("data/howto.txt"), "the picture is now\n{drawn}");
    // The README shows the same one, and says how it was made.
    let readme = include_str!("../../README.md");
    let command = format!("iommu-play draw howto --at {at} --width {WIDTH}");
    assert!(readme.contains(&command), "README.md does not say: {command}");
    assert!(
        drawn.trim_end().lines().all(|line| readme.contains(line.trim_end())),
        "README.md shows another picture"
    );
}
