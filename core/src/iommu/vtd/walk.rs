//! Page walks of a route: one stage, or the first through the second (VT-d 3.6 to 3.8).

use super::config::Config;
use super::context::{Failure, Kind, Route};
use super::first_stage::FirstStageFault;
use super::second_stage::{SecondStage, SecondStageFault};
use super::spec::faults as f;
use crate::addr::{AnyAddr, PageSize, PhysAddr, Space};
use crate::memory::Memory;
use crate::paging::walk::{Located, Never, Walker};
use crate::paging::{walk, Direct, Format, Tables, WalkError, Want};
use crate::spec::FaultCode;
use crate::trace::{Actor, Observer, Perms, Stage};

/// A translation that was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reached {
    /// The physical address, offset included.
    pub to: u64,
    /// The reach.
    pub size: PageSize,
    /// What a user request may do.
    pub user: Perms,
    /// What a supervisor request may do.
    pub supervisor: Perms,
    /// A write needs no further update of dirty bits.
    pub dirty: bool,
    /// Entries read.
    pub reads: u32,
}

impl Reached {
    /// Returns what a request of this privilege may do.
    pub fn rights(&self, want: Want) -> Perms {
        if want.privileged {
            self.supervisor
        } else {
            self.user
        }
    }
}

const SECOND: Walker = Walker { actor: Actor::Iommu, stage: Stage::Second };
const FIRST: Walker = Walker { actor: Actor::Iommu, stage: Stage::First };

/// First address of the interrupt address range (VT-d 3.14).
pub const INTERRUPT_FIRST: u64 = 0xfee0_0000;
/// Last address of the interrupt address range.
pub const INTERRUPT_LAST: u64 = 0xfeef_ffff;

/// Returns whether the address is in the interrupt address range.
pub const fn is_interrupt_address(at: u64) -> bool {
    at >= INTERRUPT_FIRST && at <= INTERRUPT_LAST
}

/// Tables of the first stage at guest-physical addresses, each of which goes through the second stage.
struct Guest<'a> {
    second: &'a SecondStage,
    root: u64,
    bits: u8,
}

/// Why a first-stage entry could not be reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Below {
    Width,
    Denied,
    Update,
    Refused(&'static FaultCode),
}

impl Tables for Guest<'_> {
    type Fault = Below;
    const SPACE: Space = Space::GuestPhysical;

    fn locate<O: Observer>(
        &mut self,
        memory: &mut Memory,
        at: u64,
        update: bool,
        reads: &mut u32,
        obs: &mut O,
    ) -> Result<Located, Below> {
        if at >> self.bits != 0 {
            return Err(Below::Width);
        }
        let want = Want::user(Perms::R.or(Perms::when(Perms::W, update)));
        let input = AnyAddr { space: Space::GuestPhysical, raw: at };
        let found = walk(self.second, &mut Direct, memory, SECOND, self.root, input, want, obs);
        let walked = found.map_err(|error| match error {
            WalkError::Entry { fault: SecondStageFault::NotPresent | SecondStageFault::Denied, .. } => {
                if update {
                    Below::Update
                } else {
                    Below::Denied
                }
            }
            other => Below::Refused(second_code(other, self.second.levels, want, false)),
        })?;
        *reads += walked.reads;
        let dirty = self.second.touch(walked.raw, true, Want::user(Perms::RW)) == walked.raw;
        let writable = update || dirty && self.second.perms(&walked.state).has(Perms::W);
        Ok(Located { pa: PhysAddr::new(walked.to), writable })
    }
}

/// Returns the fault code of a second-stage walk that ended badly.
fn second_code(
    error: WalkError<SecondStageFault, Never>,
    top: u8,
    want: Want,
    legacy: bool,
) -> &'static FaultCode {
    let pick = |a: &'static FaultCode, b: &'static FaultCode| if legacy { a } else { b };
    let rights = if want.perms.has(Perms::W) {
        pick(&f::LGN_2, &f::SGN_6)
    } else if want.perms.has(Perms::X) && !legacy {
        &f::SGN_3
    } else {
        pick(&f::LGN_3, &f::SGN_7)
    };
    let unreadable = |level| match level == top {
        true => pick(&f::LCT_4, &f::SSS_4),
        false => pick(&f::LSS_1, &f::SSS_1),
    };
    match error {
        WalkError::Entry { fault, level, .. } => match fault {
            SecondStageFault::NotPresent if !legacy => &f::SSS_2,
            SecondStageFault::NotPresent | SecondStageFault::Denied => rights,
            SecondStageFault::Reserved => pick(&f::LSS_2, &f::SSS_3),
            SecondStageFault::Unreadable => unreadable(level),
        },
        WalkError::Memory { level, .. } => unreadable(level),
        WalkError::Table { fault, .. } => match fault {},
    }
}

fn first_code<T>(
    error: WalkError<FirstStageFault, T>,
    top: u8,
    below: impl Fn(T, bool) -> &'static FaultCode,
) -> &'static FaultCode {
    let unreadable = |level: u8| if level == top { &f::SFS_4 } else { &f::SFS_1 };
    match error {
        WalkError::Entry { fault, level, .. } => match fault {
            FirstStageFault::NotPresent => &f::SFS_2,
            FirstStageFault::Reserved => &f::SFS_3,
            FirstStageFault::Supervisor => &f::SGN_2,
            FirstStageFault::Write => &f::SGN_6,
            FirstStageFault::Execute => &f::SGN_3,
            FirstStageFault::Unreadable => unreadable(level),
        },
        WalkError::Memory { level, .. } => unreadable(level),
        WalkError::Table { fault, level, .. } => below(fault, level == top),
    }
}

fn canonical(at: u64, bits: u8) -> bool {
    let unused = 64 - u32::from(bits.clamp(1, 64));
    ((at << unused) as i64 >> unused) as u64 == at
}

/// Translates `at` along `route`. `want` may be nothing: then only presence and form are checked, as for an ATS
/// translation request.
pub fn translate<O: Observer>(
    config: &Config,
    route: &Route,
    memory: &mut Memory,
    at: u64,
    want: Want,
    obs: &mut O,
) -> Result<Reached, Failure> {
    let quirks = config.quirks;
    let legacy = !route.scalable || quirks.legacy_codes_in_scalable_mode;
    let fail = |code| Err(Failure::new(code, route.fpd));
    let width = |bits: u8, code| if bits < 64 && at >> bits != 0 { fail(code) } else { Ok(()) };
    let beyond = if legacy { &f::LGN_1 } else { &f::SGN_4 };
    let bits = route.second.input_bits().min(config.max_guest_bits());

    let reached = match route.kind {
        Kind::PassThrough => {
            if !quirks.pass_through_any_address {
                width(config.host_bits, beyond)?;
            }
            let all = Perms::RWX;
            Reached { to: at, size: PageSize::SIZE_4K, user: all, supervisor: all, dirty: true, reads: 0 }
        }
        Kind::Second => {
            width(bits, beyond)?;
            let input = AnyAddr { space: Space::Iova, raw: at };
            let walked =
                walk(&route.second, &mut Direct, memory, SECOND, route.second_root, input, want, obs)
                    .map_err(|e| {
                        Failure::new(second_code(e, route.second.levels, want, legacy), route.fpd)
                    })?;
            let perms = route.second.perms(&walked.state);
            let dirty = settled(&route.second, walked.raw, want);
            Reached {
                to: walked.to,
                size: walked.size,
                user: perms,
                supervisor: perms,
                dirty,
                reads: walked.reads,
            }
        }
        Kind::First | Kind::Nested => {
            if !canonical(at, route.canonical_bits) {
                return Err(Failure::new(&f::SGN_1, route.fpd));
            }
            let input = AnyAddr { space: Space::Iova, raw: at };
            let top = route.first.levels;
            let walked = if route.kind == Kind::First {
                walk(&route.first, &mut Direct, memory, FIRST, route.first_root, input, want, obs)
                    .map_err(|e| first_code(e, top, |never: Never, _| match never {}))
            } else {
                let mut guest = Guest { second: &route.second, root: route.second_root, bits };
                walk(&route.first, &mut guest, memory, FIRST, route.first_root, input, want, obs).map_err(
                    |e| {
                        first_code(e, top, |below, first| match below {
                            Below::Width => &f::SFS_5,
                            Below::Denied if first => &f::SFS_6,
                            Below::Denied => &f::SFS_7,
                            Below::Update => &f::SFS_8,
                            Below::Refused(code) => code,
                        })
                    },
                )
            }
            .map_err(|code| Failure::new(code, route.fpd))?;
            let s = walked.state;
            let user = if s.user { route.first.perms(&s) } else { Perms::NONE };
            let write = s.write || !route.first.write_protect;
            let execute = s.execute && !(route.first.smep && s.user);
            let supervisor = Perms::R.or(Perms::when(Perms::W, write)).or(Perms::when(Perms::X, execute));
            let dirty = settled(&route.first, walked.raw, want);
            let first =
                Reached { to: walked.to, size: walked.size, user, supervisor, dirty, reads: walked.reads };
            if route.kind == Kind::Nested {
                over_second(route, memory, bits, first, want, obs)?
            } else {
                first
            }
        }
    };
    let page = reached.to & !reached.size.mask();
    let inside = if quirks.interrupt_range_by_page && route.kind != Kind::PassThrough {
        page <= INTERRUPT_LAST && page + reached.size.mask() >= INTERRUPT_FIRST
    } else {
        is_interrupt_address(reached.to)
    };
    if inside {
        let scalable =
            if quirks.interrupt_range_code_by_capability { config.scalable_mode() } else { route.scalable };
        return Err(Failure::new(if scalable { &f::SGN_8 } else { &f::LGN_4 }, route.fpd));
    }
    Ok(reached)
}

/// Has the leaf nothing left to be set by a write?
fn settled<F: Format>(format: &F, raw: u64, want: Want) -> bool {
    let after = format.touch(raw, true, want);
    format.touch(after, true, Want { perms: Perms::RW, ..want }) == after
}

fn over_second<O: Observer>(
    route: &Route,
    memory: &mut Memory,
    bits: u8,
    first: Reached,
    want: Want,
    obs: &mut O,
) -> Result<Reached, Failure> {
    if first.to >> bits != 0 {
        return Err(Failure::new(&f::SGN_5, route.fpd));
    }
    let input = AnyAddr { space: Space::GuestPhysical, raw: first.to };
    // The second stage sees no privilege.
    let want = Want { privileged: false, ..want };
    let walked = walk(&route.second, &mut Direct, memory, SECOND, route.second_root, input, want, obs)
        .map_err(|e| Failure::new(second_code(e, route.second.levels, want, false), route.fpd))?;
    let perms = route.second.perms(&walked.state);
    Ok(Reached {
        to: walked.to,
        size: first.size.min(walked.size),
        user: first.user.and(perms),
        supervisor: first.supervisor.and(perms),
        dirty: first.dirty && settled(&route.second, walked.raw, want),
        reads: first.reads + walked.reads,
    })
}
