//! A scenario run once for each value of a quantity: the points of its chart.

use super::types::{Sweep, SweepCurve, SweepPoint};
use crate::iommu::Architecture;
use crate::machine::check::outcome::Counts;
use crate::machine::{run, Run};
use crate::scenario::presets::by_name;
use crate::scenario::presets::sweeps::{self, Counted, Curve};
use crate::spec::{Lang, Text};
use alloc::{string::String, vec::Vec};

fn counted(what: Counted, counts: &Counts) -> u64 {
    match what {
        Counted::IotlbMisses => counts.iotlb_misses,
        Counted::Reads => counts.reads,
        Counted::Copied => counts.copied,
        Counted::Packets => counts.packets,
        Counted::Translations => counts.translations,
    }
}

/// What the machine counts for each value, the preset turned to `machine` (by the word after `machine`; one that names no
/// IOMMU turns nothing); nothing for a scenario without a sweep.
pub fn sweep(name: &str, machine: &str, lang: Lang) -> Option<Sweep> {
    let (sweep, preset) = (sweeps::sweep(name)?, by_name(name)?);
    let architecture = Architecture::named(machine);
    let turned = match architecture {
        Some(there) => preset.text_on(there)?,
        None => preset.text.into(),
    };
    let written = sweep.edit.replace("{}", sweep.here);
    // A value that the machine does not take has no point.
    let runs: Vec<(&str, String, Run)> = sweep
        .values
        .iter()
        .filter_map(|value| {
            let text = turned.replace(&written, &sweep.edit.replace("{}", value));
            let run = run(&text).ok()?;
            Some((*value, text, run))
        })
        .collect();
    let count = |(value, text, run): &(&str, String, Run), curve: &Curve| {
        let line = curve.line.replace("{}", value);
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        let mut done =
            run.done.iter().filter(|d| lines.get(d.span.line as usize - 1) == Some(&line.as_str()));
        done.nth(curve.nth).map(|d| counted(sweep.counted, &d.outcome.counts))
    };
    let curves = sweep.curves.iter().map(|curve| SweepCurve {
        name: curve.name.get(lang).into(),
        points: runs
            .iter()
            .filter_map(|run| {
                let count = count(run, curve)?;
                Some(SweepPoint { value: run.0.into(), count, here: run.0 == sweep.here })
            })
            .collect(),
    });
    let cache = architecture.unwrap_or_default().describe().terms.iotlb;
    let named = |text: Text| text.get(lang).replace("{}", cache);
    Some(Sweep {
        quantity: named(sweep.quantity),
        counted: named(sweep.counted.text()),
        curves: curves.collect(),
        texts: runs.iter().map(|(_, text, _)| text.clone()).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::presets::sweeps::SWEEPS;

    #[test]
    fn every_sweep_has_a_point_for_every_value_and_its_own_is_the_scenario_s() {
        for about in SWEEPS {
            let sweep = sweep(about.name, "", Lang::En).unwrap();
            for curve in &sweep.curves {
                assert_eq!(curve.points.len(), about.values.len(), "{}: {}", about.name, curve.name);
                let here = curve.points.iter().position(|p| p.here).unwrap();
                assert_eq!(sweep.texts[here], by_name(about.name).unwrap().text, "{}", about.name);
            }
            let all: Vec<u64> = sweep.curves.iter().flat_map(|c| c.points.iter().map(|p| p.count)).collect();
            assert!(all.iter().any(|n| *n != all[0]), "{}: nothing changes", about.name);
        }
    }

    /// On every machine that a preset runs on there is a chart too, in that machine's words.
    #[test]
    fn a_preset_that_is_turned_has_its_chart_there() {
        let mut seen = 0;
        for about in SWEEPS {
            let preset = by_name(about.name).unwrap();
            for on in Architecture::ALL {
                let (Some(text), word) = (preset.text_on(on), on.describe().word) else { continue };
                let sweep = sweep(about.name, word, Lang::En).unwrap();
                for curve in &sweep.curves {
                    assert!(curve.points.len() > 1, "{} on {word}: {}", about.name, curve.name);
                    let here = curve.points.iter().position(|p| p.here).unwrap();
                    assert_eq!(sweep.texts[here], text, "{} on {word}", about.name);
                }
                seen += 1;
            }
        }
        assert!(seen > 6, "{seen}");
        let amd = Architecture::ALL[3];
        let sweep = sweep("iotlb-reach", amd.describe().word, Lang::En).unwrap();
        assert_eq!((&*sweep.quantity, &*sweep.counted), ("IOMMU TLB entries", "IOMMU TLB misses"));
    }

    #[test]
    fn the_iotlb_holds_64_pages_when_it_has_64_entries() {
        let sweep = sweep("iotlb-reach", "", Lang::En).unwrap();
        let of = |curve: usize, value: &str| {
            sweep.curves[curve].points.iter().find(|p| p.value == value).map(|p| p.count)
        };
        assert_eq!((of(0, "32"), of(0, "64"), of(1, "1")), (Some(64), Some(0), Some(1)));
    }
}
