use super::*;
use crate::addr::{Iova, Pasid, RequesterId};
use crate::iommu::{Outcome, PasidTag, RequestKind};
use crate::memory::Failure;
use crate::spec::Localized;
use crate::trace::Perms;
use alloc::vec;
use alloc::vec::Vec;
use proptest::prelude::*;

fn write(at: u32, bytes: u8, value: u64) -> RegisterWrite {
    RegisterWrite { at: At::Offset(at), bytes: Some(bytes), value }
}

#[test]
fn requests_leave_nothing_behind_after_a_reset() {
    // RISC-V: one level of directory at 1_0000h, bare, and a fault for every other device.
    let mut setup = Setup::new(Architecture::Riscv);
    setup.memory = vec![(0x1_0000 + 0x18 * 64, 1)];
    setup.registers = vec![
        write(0x28, 8, 0x2_0000 >> 12 << 10 | 4),
        write(0x4c, 4, 1),
        write(16, 8, 0x1_0000 >> 12 << 10 | 2),
    ];
    let mut oracle = Oracle::new(setup).unwrap();
    let good = Request::new(RequesterId::bdf(0, 3, 0), Iova::new(0x5678), Perms::W, 64);
    let bad = Request::new(RequesterId::bdf(0, 4, 0), Iova::new(0x5678), Perms::W, 64);
    let first = oracle.ask(&bad);
    assert_eq!(first.record.len(), 4);
    assert_eq!(first.record[0] & 0xfff, 258);
    assert_eq!(oracle.word(0x2_0000), first.record[0]);
    let second = oracle.ask(&bad);
    assert_eq!(oracle.register(0x34, 4), Some(2), "two records wait");
    assert_eq!(second.record, first.record);
    oracle.reset().unwrap();
    assert_eq!((oracle.register(0x34, 4), oracle.word(0x2_0000)), (Some(0), 0));
    assert!(matches!(oracle.ask(&good).outcome, Outcome::Memory(to) if to.to.raw() == 0x5678));
}

#[test]
fn what_a_machine_has_not_is_refused_with_its_place() {
    let with = |change: fn(&mut Setup)| {
        let mut setup = Setup::new(Architecture::Vtd);
        change(&mut setup);
        let error = Oracle::new(setup).expect_err("an error");
        let said = error.phrase();
        assert!(!said.en.is_empty() && said.zh.chars().any(|c| c > '\u{2fff}'), "{said:?}");
        error.place
    };
    assert_eq!(with(|setup| setup.memory = vec![(0, 1), (4, 1)]), Some(Place::Word(1)));
    assert_eq!(with(|setup| setup.failures = vec![(0, 0, Failure::Access)]), Some(Place::Failure(0)));
    assert_eq!(
        with(|setup| setup.registers = vec![write(0x20, 8, 0), write(0xf000, 4, 0)]),
        Some(Place::Register(1))
    );
    assert_eq!(with(|setup| setup.registers = vec![write(0x20, 2, 0)]), Some(Place::Register(0)));
    let name = |name: &str| RegisterWrite { at: At::Name(name.into()), bytes: None, value: 0 };
    let mut setup = Setup::new(Architecture::Vtd);
    setup.registers = vec![name("rtaddr_reg"), name("ROOT")];
    assert_eq!(Oracle::new(setup).err().and_then(|error| error.place), Some(Place::Register(1)));
    assert_eq!(
        with(|setup| setup.unit = Capabilities::Vtd { cap: 0, ecap: 0, host_bits: 99 }),
        Some(Place::Unit)
    );
    // A command queue of RISC-V's largest size, never at its end.
    let mut setup = Setup::new(Architecture::Riscv);
    setup.registers = vec![write(0x18, 8, 31), write(0x48, 4, 1), write(0x24, 4, 0xffff_fff0)];
    let _ = Oracle::new(setup);
}

fn unit(architecture: Architecture, words: [u64; 4]) -> Capabilities {
    let [a, b, c, d] = words;
    match architecture {
        Architecture::Vtd => Capabilities::Vtd { cap: a, ecap: b, host_bits: 32 + (c % 21) as u8 },
        Architecture::Riscv => {
            let size = |n: u64| crate::addr::PageSize::from_shift(n as u8);
            Capabilities::Riscv { capabilities: a, fctl: b, fctl_writable: c, bare: [size(d), size(d >> 8)] }
        }
        Architecture::SmmuV3 => Capabilities::SmmuV3 {
            idr0: a as u32,
            idr1: (a >> 32) as u32,
            idr3: b as u32,
            idr5: (b >> 32) as u32,
            aidr: c as u32,
            gbpa: d as u32,
        },
        Architecture::AmdVi => Capabilities::AmdVi { efr: a, efr2: b, iotlbs: c & 1 != 0 },
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]
    /// No capabilities, registers, memory or requests make an oracle panic, and it answers the same again after a reset.
    #[test]
    fn anything_is_answered_and_answered_again(
        which in 0usize..4,
        own in any::<bool>(),
        words in any::<[u64; 4]>(),
        memory in proptest::collection::vec((0u64..0x8000, any::<u64>()), 0..60),
        registers in proptest::collection::vec((0u32..0x80, any::<bool>(), any::<u64>()), 0..24),
        pages in proptest::collection::vec(0usize..24, 0..8),
        asks in proptest::collection::vec((any::<u32>(), any::<u64>(), 0u8..12, any::<u32>()), 1..6),
    ) {
        let architecture = Architecture::ALL[which];
        let mut setup = Setup::new(architecture);
        if own {
            setup.unit = unit(architecture, words);
        }
        setup.caches = words[0] & 1 != 0;
        setup.memory = memory.iter().map(|(at, word)| (at * 8, *word)).collect();
        setup.registers =
            registers.iter().map(|(at, wide, value)| write(at * 4, if *wide { 8 } else { 4 }, *value)).collect();
        // Some point into the memory that is there.
        for i in pages {
            if let Some(register) = setup.registers.get_mut(i) {
                register.value &= 0x3_ffff;
            }
        }
        let mut oracle = match Oracle::new(setup.clone()) {
            Ok(oracle) => oracle,
            Err(error) => {
                // Without what was refused there is always one.
                prop_assert!(error.place.is_some());
                setup.registers.clear();
                Oracle::new(setup).unwrap()
            }
        };
        let requests: Vec<Request> = asks.iter().map(|&(requester, at, kind, data)| {
            let want = [Perms::R, Perms::W, Perms::R.or(Perms::X)][usize::from(kind % 3)];
            let kinds = [
                RequestKind::Untranslated,
                RequestKind::Translation { no_write: data & 1 != 0 },
                RequestKind::Translated,
                RequestKind::Untranslated,
            ];
            let pasid = Pasid::new(data & 0xf_ffff).filter(|_| data >> 31 != 0);
            let tag = |pasid| PasidTag { pasid, privileged: data & 2 != 0, execute: data & 4 != 0 };
            let small = data & 8 != 0;
            let plain = Request::new(
                RequesterId::new(if small { requester & 0x1f } else { requester }),
                Iova::new(if small { at & 0xfff_ffff } else { at }),
                want,
                if kind < 6 { 4 } else { 8 },
            );
            Request {
                pasid: pasid.map(tag),
                kind: kinds[usize::from(kind % 4)],
                data: (kind < 6 && want == Perms::W).then_some(data),
                ..plain
            }
        }).collect();
        let first: Vec<_> = requests.iter().map(|request| oracle.ask(request)).collect();
        oracle.reset().unwrap();
        let second: Vec<_> = requests.iter().map(|request| oracle.ask(request)).collect();
        prop_assert_eq!(first, second);
    }
}
