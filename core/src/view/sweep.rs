//! A scenario run once for each value of a quantity: the points of its chart.

use super::types::{Sweep, SweepCurve, SweepPoint};
use crate::machine::check::outcome::Counts;
use crate::machine::{run, Run};
use crate::scenario::presets::by_name;
use crate::scenario::presets::sweeps::{self, Counted, Curve};
use crate::spec::Lang;
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

/// What the machine counts for each value; nothing for a scenario without a sweep.
pub fn sweep(name: &str, lang: Lang) -> Option<Sweep> {
    let (sweep, preset) = (sweeps::sweep(name)?, by_name(name)?);
    let written = sweep.edit.replace("{}", sweep.here);
    // A value that the machine does not take has no point.
    let runs: Vec<(&str, String, Run)> = sweep
        .values
        .iter()
        .filter_map(|value| {
            let text = preset.text.replace(&written, &sweep.edit.replace("{}", value));
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
    Some(Sweep {
        quantity: sweep.quantity.get(lang).into(),
        counted: sweep.counted.text().get(lang).into(),
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
            let sweep = sweep(about.name, Lang::En).unwrap();
            for curve in &sweep.curves {
                assert_eq!(curve.points.len(), about.values.len(), "{}: {}", about.name, curve.name);
                let here = curve.points.iter().position(|p| p.here).unwrap();
                assert_eq!(sweep.texts[here], by_name(about.name).unwrap().text, "{}", about.name);
            }
            let all: Vec<u64> = sweep.curves.iter().flat_map(|c| c.points.iter().map(|p| p.count)).collect();
            assert!(all.iter().any(|n| *n != all[0]), "{}: nothing changes", about.name);
        }
    }

    #[test]
    fn the_iotlb_holds_64_pages_when_it_has_64_entries() {
        let sweep = sweep("iotlb-reach", Lang::En).unwrap();
        let of = |curve: usize, value: &str| {
            sweep.curves[curve].points.iter().find(|p| p.value == value).map(|p| p.count)
        };
        assert_eq!((of(0, "32"), of(0, "64"), of(1, "1")), (Some(64), Some(0), Some(1)));
    }
}
