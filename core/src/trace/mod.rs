//! What the machine did, step by step: the one source of every view.
//!
//! Everything that acts (walkers, IOMMUs, engines, the OS) is generic over an [`Observer`] and
//! reports every observable action to it. [`Off`] discards them at no cost; [`Trace`] keeps them.
//!
//! **Every change of memory is recorded**, by [`write_word`], [`write_run`], [`write_data`] or [`write_own`], with what
//! was there before: so the state at any step is reached by undoing or redoing steps ([`Trace::apply`]), never by
//! running the machine again.
//!
//! A new event belongs here once a view needs it; an event never says why, which is [`crate::explain`]'s, nor how it looks.

mod change;
mod event;
mod keep;
mod segments;
mod terms;

pub use change::*;
pub use event::*;
pub use keep::*;
pub use segments::{StepIter, Steps};
pub use terms::*;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addr::{PhysAddr, RequesterId};
    use crate::budget::{Exhausted, Limits};
    use crate::memory::Memories;
    use alloc::{vec, vec::Vec};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn undoing_and_redoing_steps_moves_memory_in_time(
            ops in proptest::collection::vec((0u64..0x4000, proptest::collection::vec(any::<u8>(), 1..9000)), 1..12),
            to in 0usize..40,
        ) {
            let device = RequesterId::bdf(0, 3, 0);
            let mut all = Memories::default();
            let mut trace = Trace::new();
            let mut states = vec![];
            let look = |all: &Memories| [Some(&all.host), all.own.get(&device)].map(|m| {
                let mut b = vec![0; 0x8000];
                if let Some(m) = m { m.peek_bytes(PhysAddr::new(0), &mut b) }
                b
            });
            states.push((0, look(&all)));
            for (at, bytes) in &ops {
                let pa = PhysAddr::new(*at);
                if bytes.len() < 100 {
                    let pa = PhysAddr::new(*at & !7);
                    write_word(&mut all.host, &mut trace, Actor::Os, None, pa, 0x55aa).unwrap();
                } else if bytes.len() % 2 == 0 {
                    write_data(&mut all.host, &mut trace, Actor::Os, pa, bytes).unwrap();
                } else {
                    write_own(all.own.entry(device).or_default(), &mut trace, device, *at, bytes).unwrap();
                }
                states.push((trace.len(), look(&all)));
            }
            let (count, want) = &states[to % states.len()];
            let end = trace.len();
            trace.seek(&mut all, end, *count);
            prop_assert_eq!(&look(&all), want);
            trace.seek(&mut all, *count, end);
            prop_assert_eq!(&look(&all), &states.last().unwrap().1);
        }
    }

    #[test]
    fn scopes_nest_and_the_limit_loses_steps_loudly() {
        let mut t = Trace::with_limits(Limits { steps: 3, ..Limits::NONE });
        let op = Scope::Operation { index: 0, line: 1 };
        t.begin(Actor::Os, op);
        t.step(Actor::Os, Event::Cost { kind: CostKind::Exit, amount: 1 });
        t.end(Actor::Os, Verdict::Ok);
        assert_eq!(t.steps().iter().map(|s| s.depth).collect::<Vec<_>>(), [0, 1, 0]);
        assert_eq!(t.exhausted(), None);
        t.begin(Actor::Os, op);
        t.end(Actor::Os, Verdict::Ok);
        assert_eq!((t.exhausted(), t.len()), (Some(Exhausted::Steps(3)), 3));
    }

    #[test]
    fn a_step_stays_small() {
        assert!(core::mem::size_of::<Step>() <= 104, "{}", core::mem::size_of::<Step>());
    }
}
