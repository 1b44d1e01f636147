//! libFuzzer over the target that `IOMMU_FUZZ` names.
#![no_main]

mod targets;

use std::sync::OnceLock;

fn target() -> targets::Target {
    static TARGET: OnceLock<targets::Target> = OnceLock::new();
    *TARGET.get_or_init(|| {
        let name = std::env::var("IOMMU_FUZZ").unwrap_or_default();
        let found = targets::ALL.iter().find(|(this, _)| *this == name);
        let all = targets::ALL.map(|(name, _)| name).join(", ");
        found.unwrap_or_else(|| panic!("IOMMU_FUZZ must be one of {all}")).1
    })
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    target()(data);
});
