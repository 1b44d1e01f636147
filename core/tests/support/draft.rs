//! Scenarios that are drafted from texts.

use iommu_core::import::Import;

/// The same, whose scenario runs and meets what it expects.
#[track_caller]
pub fn runs(got: Import) -> Import {
    let run = iommu_core::machine::run(&got.scenario);
    let run = run.unwrap_or_else(|problems| panic!("{problems:?}\n{}", got.scenario));
    assert_eq!(run.failures().count(), 0, "{}", got.scenario);
    got
}
