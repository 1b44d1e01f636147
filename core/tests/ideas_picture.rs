//! What is told of an idea and what its picture shows agree, in every preset: the token's fate is the outcome's kind.

use iommu_core::explain::ending::Kind;
use iommu_core::scenario::presets::PRESETS;
use iommu_core::scenario::{onto, parse, print};
use iommu_core::spec::Lang;
use iommu_core::view::Player;

#[test]
fn the_token_of_every_idea_fares_as_its_outcome_says() {
    let mut wrong = Vec::new();
    let mut seen = 0;
    let runs = PRESETS.iter().flat_map(|preset| {
        let written = parse(preset.text).expect("a preset");
        let turned = preset
            .architectures()
            .map(move |a| (format!("{} on {}", preset.name, a.name()), print(&onto(&written, a))));
        core::iter::once((preset.name.to_string(), preset.text.to_string())).chain(turned)
    });
    for (name, text) in runs {
        let mut player = Player::open(&text).expect("it runs");
        for stop in player.course(Lang::En).ideas {
            let Some(outcome) = &stop.outcome else { continue };
            let token = player.scene(stop.to as usize, 120, None, Lang::En).token;
            let fate = token.as_ref().map_or("none", |t| t.fate.as_str());
            let fits = match outcome.kind {
                Kind::Arrived => fate == "arrived",
                // Where the kernel refuses, nothing sets out.
                Kind::Refused => matches!(fate, "dead" | "none"),
                Kind::Wrong => matches!(fate, "wrong" | "stale"),
                Kind::Lost => !matches!(fate, "arrived" | "dead"),
                Kind::Interrupted => fate == "interrupt",
                // Also where the answer is that an address leads nowhere.
                _ => true,
            };
            seen += 1;
            if !fits {
                wrong.push(format!(
                    "{name} at {} (line {}): {:?} \"{}\", and the token is {fate} ({})",
                    stop.to,
                    stop.line,
                    outcome.kind,
                    outcome.text,
                    token.as_ref().map_or("", |t| &t.label)
                ));
            }
        }
    }
    assert!(seen > 100, "{seen}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
