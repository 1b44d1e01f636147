//! Which fields of a structure need a capability: they are reserved where the unit lacks it.

use super::config::Config;
use super::spec::structures::{pasid, sm_context};
use crate::spec::Field;

/// A field that switches on what a unit may lack, and whether one has it.
pub type Feature = (Field, fn(&Config) -> bool);

/// Those of a scalable-mode context entry: DTE, PASIDE, PRE, RID_PRIV (VT-d 9.4).
pub static CONTEXT_FEATURES: [Feature; 4] = [
    (sm_context::DTE, Config::device_tlb),
    (sm_context::PASIDE, Config::pasid),
    (sm_context::PRE, Config::page_requests),
    (sm_context::RID_PRIV, Config::supervisor_requests),
];

/// Those of a PASID-table entry: SSEE, SSADE, SRE, ERE, EAFE (VT-d 9.6).
pub static PASID_FEATURES: [Feature; 5] = [
    (pasid::SSEE, Config::execute_requests),
    (pasid::SSADE, Config::second_stage_accessed_dirty),
    (pasid::SRE, Config::supervisor_requests),
    (pasid::ERE, Config::execute_requests),
    (pasid::EAFE, Config::extended_accessed),
];

/// Returns whether a feature is switched on that the unit lacks. Such bits are reserved then.
pub fn uses_absent(config: &Config, features: &[Feature], words: &[u64]) -> bool {
    features.iter().any(|(field, has)| field.get(words) != 0 && !has(config))
}

#[cfg(test)]
mod tests {
    use super::super::spec::structures::CONTEXT;
    use super::*;
    use crate::spec::Bits;

    #[test]
    fn a_bit_of_an_absent_feature_is_reserved() {
        let all = Config::playground();
        let check = |features: &[Feature], field: Field, ecap: u32| {
            let words = pasid::ZERO.with_flag(field, true);
            assert!(!uses_absent(&all, features, &words));
            let without = Config { ecap: all.ecap & !(1 << ecap), ..all };
            assert!(uses_absent(&without, features, &words), "{}", field.name);
        };
        use pasid::*;
        for (field, ecap) in [(SSEE, 30), (SSADE, 45), (SRE, 31), (ERE, 30), (EAFE, 34)] {
            check(&PASID_FEATURES, field, ecap);
        }
        use sm_context::*;
        for (field, ecap) in [(DTE, 2), (PASIDE, 40), (PRE, 29), (RID_PRIV, 31)] {
            check(&CONTEXT_FEATURES, field, ecap);
        }
    }

    #[test]
    fn reserved_bits_and_addresses_beyond_the_host_width_are_seen() {
        assert!(!CONTEXT.reserved_set(&[0x3fff_ffff_f00f - 0xf + 1, 0x78], 46));
        assert!(CONTEXT.reserved_set(&[1 << 46, 0], 46));
        assert!(CONTEXT.reserved_set(&[0x11, 0], 46));
        assert!(CONTEXT.reserved_set(&[1, 0x80], 46));
    }
}
