//! How an entry of eight words is changed under a unit that may read it at any time, and reads no more than 64 bits at once
//! (Linux's `arm_smmu_write_entry`): where only one word that it looks at must change, the unit sees the old entry or the new
//! one, never a third.

use crate::iommu::smmuv3::spec::structures::{config, s1dss};
use crate::iommu::smmuv3::spec::{cd, ste};
use crate::spec::{Bits, Field};
use alloc::vec::Vec;

/// The words of a stream table entry or a context descriptor.
pub(super) type Entry = [u64; 8];

/// What a kind of entry is like.
pub(super) struct Kind {
    /// Returns the bits that the unit looks at, by what the entry says.
    used: fn(&Entry) -> Entry,
    /// Returns the bits among them that may change ahead of the others.
    relaxed: fn(&Entry, &Entry) -> Entry,
}

/// Stream table entries.
pub(super) const STREAM: Kind = Kind { used: stream_used, relaxed: stream_relaxed };
/// Context descriptors.
pub(super) const DESCRIPTOR: Kind = Kind { used: descriptor_used, relaxed: |_, _| [0; 8] };

/// Returns the bits of fields.
fn mask(fields: &[Field]) -> Entry {
    // Bounded: a list in this file.
    fields.iter().fold([0; 8], |words, field| words.with(*field, field.max()))
}

fn or(a: Entry, b: Entry) -> Entry {
    core::array::from_fn(|i| a[i] | b[i])
}

/// `arm_smmu_get_ste_used`.
fn stream_used(entry: &Entry) -> Entry {
    let mut used = mask(&[ste::V]);
    if !entry.is_set(ste::V) {
        return used;
    }
    used = or(used, mask(&[ste::CONFIG]));
    let kind = entry.bits(ste::CONFIG);
    if matches!(kind, config::S1 | config::NESTED) {
        let first = [
            ste::S1FMT,
            ste::S1CONTEXTPTR,
            ste::S1CDMAX,
            ste::S1DSS,
            ste::S1CIR,
            ste::S1COR,
            ste::S1CSH,
            ste::S1STALLD,
            ste::STRW,
            ste::EATS,
            ste::MEV,
            ste::S2VMID,
        ];
        used = or(used, mask(&first));
        if entry.bits(ste::S1DSS) == s1dss::BYPASS {
            used = or(used, mask(&[ste::SHCFG]));
        }
    }
    if matches!(kind, config::S2 | config::NESTED) {
        let second = [
            ste::S2FWB,
            ste::EATS,
            ste::SHCFG,
            ste::MEV,
            ste::S2VMID,
            ste::S2T0SZ,
            ste::S2SL0,
            ste::S2IR0,
            ste::S2OR0,
            ste::S2SH0,
            ste::S2TG,
            ste::S2PS,
            ste::S2AA64,
            ste::S2ENDI,
            ste::S2PTW,
            ste::S2S,
            ste::S2R,
            ste::S2TTB,
            // Linux never sets these two.
            ste::S2HA,
            ste::S2HD,
        ];
        used = or(used, mask(&second));
    }
    if kind == config::BYPASS {
        used = or(used, mask(&[ste::SHCFG]));
    }
    used
}

/// `arm_smmu_get_ste_update_safe`: whether events are merged is no matter, nor is EATS while a device's ATS is off, but for
/// what EATS cannot be together with.
fn stream_relaxed(old: &Entry, new: &Entry) -> Entry {
    let both = or(*old, *new);
    let split = both.bits(ste::EATS) & 2 != 0;
    let mut relaxed = mask(&[ste::MEV]);
    if !split && !both.is_set(ste::S2S) {
        relaxed = relaxed.with(ste::EATS, 1);
    }
    relaxed
}

/// `arm_smmu_get_cd_used`.
fn descriptor_used(entry: &Entry) -> Entry {
    if !entry.is_set(cd::V) {
        return mask(&[cd::V]);
    }
    let lower = mask(&[cd::T0SZ, cd::TG0, cd::IR0, cd::OR0, cd::SH0, cd::TTB0]);
    match entry.is_set(cd::EPD0) {
        true => lower.map(|word| !word),
        false => [u64::MAX; 8],
    }
}

/// Returns what the entry is in turn on its way from `old` to `new`; after each the unit must forget what it knows of it.
pub(super) fn stages(kind: &Kind, old: &Entry, new: &Entry) -> Vec<Entry> {
    let (was, becomes) = ((kind.used)(old), (kind.used)(new));
    let relaxed = (kind.relaxed)(old, new);
    // What is not looked at now can change now.
    let held: Entry = core::array::from_fn(|i| was[i] & !(relaxed[i] & was[i] & becomes[i]));
    let mut ahead: Entry = core::array::from_fn(|i| old[i] & held[i] | new[i] & !held[i]);
    let left: Vec<usize> = (0..8).filter(|i| ahead[*i] & becomes[*i] != new[*i]).collect();
    let all = match left[..] {
        [] => alloc::vec![*new],
        [critical] => {
            // It is written by itself anyway.
            ahead[critical] = old[critical];
            let mut there = ahead;
            there[critical] = new[critical];
            alloc::vec![ahead, there, *new]
        }
        _ => {
            let off: Entry = core::array::from_fn(|i| if i == 0 { 0 } else { old[i] });
            let filled: Entry = core::array::from_fn(|i| if i == 0 { 0 } else { new[i] });
            alloc::vec![off, filled, *new]
        }
    };
    let mut now = *old;
    all.into_iter().filter(|next| core::mem::replace(&mut now, *next) != *next).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::iommu::smmuv3::spec::structures::{eats, s1fmt};
    use proptest::prelude::*;

    fn abort() -> Entry {
        ste::ZERO.with_flag(ste::V, true).with(ste::CONFIG, config::ABORT)
    }
    fn bypass() -> Entry {
        abort().with(ste::CONFIG, config::BYPASS).with(ste::SHCFG, 1)
    }
    fn first(dss: u64, table: u64) -> Entry {
        let words = abort()
            .with(ste::CONFIG, config::S1)
            .with(ste::S1FMT, s1fmt::TWO_LEVEL_64K)
            .with_address(ste::S1CONTEXTPTR, table)
            .with(ste::S1CDMAX, 31)
            .with(ste::S1DSS, dss)
            .with(ste::S1CIR, 1)
            .with(ste::S1COR, 1)
            .with(ste::S1CSH, 3)
            .with(ste::EATS, eats::FULL);
        words.with(ste::SHCFG, u64::from(dss == s1dss::BYPASS))
    }
    fn second(ats: bool) -> Entry {
        abort()
            .with(ste::CONFIG, config::S2)
            .with(ste::SHCFG, 1)
            .with(ste::EATS, if ats { eats::FULL } else { eats::NONE })
            .with(ste::S2T0SZ, 4)
            .with(ste::S2SL0, 3)
            .with(ste::S2PS, 1)
            .with_flag(ste::S2AA64, true)
            .with_flag(ste::S2PTW, true)
            .with_flag(ste::S2R, true)
            .with_address(ste::S2TTB, 0xbeef_dead_bee0)
    }
    /// The same with stalls.
    fn stalls(words: Entry, first: bool) -> Entry {
        let words = words.with(ste::EATS, eats::NONE);
        if first {
            words
        } else {
            words.with_flag(ste::S2S, true)
        }
    }
    fn nested(first: Entry) -> Entry {
        let mut words = second(false);
        words[0] = first[0] | config::NESTED << ste::CONFIG.lo;
        words[1] = first[1];
        words.with_flag(ste::MEV, true)
    }
    fn domain(asid: u64) -> Entry {
        cd::ZERO
            .with_flag(cd::V, true)
            .with_flag(cd::AA64, true)
            .with_flag(cd::R, true)
            .with_flag(cd::A, true)
            .with_flag(cd::EPD1, true)
            .with(cd::T0SZ, 16)
            .with(cd::ASID, asid)
            .with_address(cd::TTB0, 0x1234_5000)
            .with(cd::MAIR, 0x0abc_def0)
    }
    /// A process that ended: everything faults, silently.
    fn quiet(asid: u64) -> Entry {
        let words = domain(asid).with_flag(cd::EPD0, true).with_flag(cd::R, false);
        words.with(cd::T0SZ, 0).with_address(cd::TTB0, 0)
    }

    /// How many times the unit is told to forget, and whether an invalid entry is there in between, as Linux's own tests of
    /// its driver expect it (arm-smmu-v3-test.c, v7.3).
    #[test]
    fn transitions_are_those_that_linux_expects_of_its_driver() {
        use s1dss::{BYPASS, SUBSTREAM_0};
        let (here, there) = (0xf0f0_f0f0_f0c0, 0x4b_4b4b_4b40);
        let ssid0 = first(SUBSTREAM_0, here);
        let around = first(BYPASS, here);
        let rows: [(&Kind, Entry, Entry, usize, bool); 26] = [
            (&STREAM, bypass(), abort(), 2, true),
            (&STREAM, abort(), bypass(), 2, true),
            (&STREAM, ssid0, abort(), 2, true),
            (&STREAM, abort(), ssid0, 2, true),
            (&STREAM, ssid0, bypass(), 3, true),
            (&STREAM, bypass(), ssid0, 3, true),
            (&STREAM, ssid0, around, 1, true),
            (&STREAM, around, ssid0, 1, true),
            (&STREAM, around, bypass(), 2, true),
            (&STREAM, bypass(), around, 2, true),
            (&STREAM, second(true), abort(), 2, true),
            (&STREAM, abort(), second(true), 2, true),
            (&STREAM, second(true), bypass(), 2, true),
            (&STREAM, bypass(), second(true), 2, true),
            (&STREAM, ssid0, second(true), 3, true),
            (&STREAM, second(true), ssid0, 3, true),
            (&STREAM, ssid0, first(BYPASS, there), 3, false),
            (&STREAM, stalls(ssid0, true), stalls(second(false), false), 3, true),
            (&STREAM, stalls(second(false), false), stalls(ssid0, true), 3, true),
            (&STREAM, nested(around), second(false), 3, true),
            (&STREAM, second(false), nested(around), 2, true),
            (&DESCRIPTOR, [0; 8], domain(1997), 2, false),
            (&DESCRIPTOR, domain(1997), [0; 8], 2, false),
            (&DESCRIPTOR, domain(778), domain(1997), 1, true),
            (&DESCRIPTOR, domain(1997), quiet(1997), 2, true),
            (&DESCRIPTOR, quiet(1997), domain(1997), 2, true),
        ];
        for (i, (kind, old, new, syncs, hitless)) in rows.into_iter().enumerate() {
            let stages = stages(kind, &old, &new);
            assert_eq!(stages.len(), syncs, "row {i}: {stages:x?}");
            assert_eq!(stages.last(), Some(&new), "row {i}");
            assert_eq!(stages.iter().all(|entry| entry[0] != 0), hitless, "row {i}: {stages:x?}");
        }
    }

    fn entry() -> impl Strategy<Value = Entry> {
        proptest::sample::select(vec![
            abort(),
            bypass(),
            first(s1dss::SUBSTREAM_0, 0x1000),
            first(s1dss::BYPASS, 0x1000),
            first(s1dss::TERMINATE, 0x2000),
            second(true),
            second(false),
            nested(first(s1dss::SUBSTREAM_0, 0x3000)),
            [0; 8],
        ])
    }

    proptest! {
        /// The unit sees the old entry, the new one, or one that is not valid; of what it does not look at, anything.
        #[test]
        fn the_unit_never_sees_a_third_entry(old in entry(), new in entry()) {
            let seen = |a: &Entry, b: &Entry| {
                let used = stream_used(a);
                let relaxed = stream_relaxed(a, b);
                (0..8).all(|i| (a[i] ^ b[i]) & used[i] & !relaxed[i] == 0)
            };
            let mut before = old;
            for stage in stages(&STREAM, &old, &new) {
                prop_assert_ne!(stage, before);
                // The words of one stage are written one after the other.
                let words: Vec<usize> = (0..8).filter(|i| stage[*i] != before[*i]).collect();
                let mut now = before;
                for i in words {
                    now[i] = stage[i];
                    prop_assert!(!now.is_set(ste::V) || seen(&now, &old) || seen(&now, &new), "{now:x?}");
                }
                before = stage;
            }
            prop_assert_eq!(before, new);
        }
    }
}
