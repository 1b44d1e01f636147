//! What a run may spend: one budget of work and of memory, from which every loop of the core draws.
//!
//! A **unit of work** is about what a few nanoseconds of a fast machine do: a step of the trace, a word of a table
//! read or written, 64 bytes moved or compared, one entry looked at by an expectation. The limits bound the time of a
//! run whatever a scenario says, since a loop that cannot draw any more ends. Memory is counted before it is taken.
//!
//! Running out is not an error of the loop that met it: the budget remembers the first limit that was reached, the
//! operation ends as it can, and the run stops there with a message. What ran so far stays a run.

use alloc::{format, rc::Rc};
use core::fmt;

use crate::addr::Bytes;
use crate::spec::Phrase;

/// Are budgets drawn from? Only a build that measures what that costs leaves it out (`tools/limits.mjs`).
pub(crate) const DRAWN: bool = !cfg!(iommu_unbudgeted);

/// What a run may spend.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Units of work.
    pub work: u64,
    /// Bytes that the trace and the simulated memory may take together.
    pub bytes: u64,
    /// Steps of the trace.
    pub steps: u64,
}

impl Limits {
    /// The limits in a page. Simulated memory takes up to 2.25 times as much while it is moved to a larger place.
    pub const PAGE: Limits = Limits { work: 40_000_000, bytes: 92 << 20, steps: 1_500_000 };
    /// The limits of a program of its own.
    pub const PROGRAM: Limits = Limits { bytes: 400 << 20, ..Limits::PAGE };
    /// The limits of where this is compiled for.
    pub const HERE: Limits = if cfg!(target_arch = "wasm32") { Limits::PAGE } else { Limits::PROGRAM };
    /// The limits of a run that only asks whether another machine can do it.
    pub const TRIAL: Limits = Limits { work: 2_000_000, bytes: 16 << 20, steps: 200_000 };
    /// Returns these limits for a run beside another that takes `bytes`: what that leaves, and no less than an eighth.
    pub fn beside(self, bytes: u64) -> Limits {
        Limits { bytes: self.bytes.saturating_sub(bytes).max(self.bytes / 8), ..self }
    }
    /// No limit but that of numbers.
    pub const NONE: Limits = Limits { work: u64::MAX, bytes: u64::MAX, steps: u64::MAX };
}

/// The limit that ended a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exhausted {
    /// Units of work.
    Work(u64),
    /// Bytes of memory.
    Bytes(u64),
    /// Steps of the trace.
    Steps(u64),
    /// The reader stopped it.
    Stopped,
}

impl Exhausted {
    /// Returns what is said of it, in both languages.
    pub fn phrase(self) -> Phrase {
        match self {
            Exhausted::Work(limit) => Phrase::new(
                format!("this run takes more than {limit} units of work (reads, writes, bytes moved)"),
                format!("运行超过 {limit} 个工作单位（读、写、搬运的字节）"),
            ),
            Exhausted::Bytes(limit) => Phrase::new(
                format!("this run takes more than {} of memory", Bytes(limit)),
                format!("运行占用的内存超过 {}", Bytes(limit)),
            ),
            Exhausted::Steps(limit) => {
                Phrase::new(format!("this run has more than {limit} steps"), format!("运行超过 {limit} 步"))
            }
            Exhausted::Stopped => Phrase::new("stopped here", "在此停止"),
        }
    }
}

/// Is asked from time to time whether to go on, with the units of work done so far.
#[derive(Clone)]
struct Watch {
    every: u64,
    next: u64,
    go_on: Rc<dyn Fn(u64) -> bool>,
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("every", &self.every).finish_non_exhaustive()
    }
}

/// What a run may spend and has spent.
#[derive(Clone, Debug)]
pub struct Budget {
    limits: Limits,
    work: u64,
    bytes: u64,
    /// The units of work at which something must be looked at: the limit, or the next question to the watch. None once a
    /// limit was reached, so that one comparison tells of both.
    pause: u64,
    watch: Option<Watch>,
    exhausted: Option<Exhausted>,
}

impl Default for Budget {
    fn default() -> Self {
        Budget::new(Limits::NONE)
    }
}

impl Budget {
    /// Returns a budget of which nothing is spent.
    pub fn new(limits: Limits) -> Self {
        Budget {
            limits,
            work: 0,
            bytes: 0,
            pause: limits.work.saturating_add(1),
            watch: None,
            exhausted: None,
        }
    }
    /// Asks `go_on` about every `every` units of work, with the units done so far; `false` stops the run.
    pub fn watch(&mut self, every: u64, go_on: Rc<dyn Fn(u64) -> bool>) {
        let next = self.work.saturating_add(every.max(1));
        self.watch = Some(Watch { every: every.max(1), next, go_on });
        self.pause = self.next_pause();
    }
    /// Forgets the watch.
    pub fn unwatch(&mut self) {
        self.watch = None;
        self.pause = self.next_pause();
    }
    /// Returns what the budget allows.
    pub fn limits(&self) -> Limits {
        self.limits
    }
    /// Returns the units of work done.
    pub fn work(&self) -> u64 {
        self.work
    }
    /// Returns the bytes kept.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
    /// Returns the first limit that was reached.
    #[inline]
    pub fn exhausted(&self) -> Option<Exhausted> {
        self.exhausted
    }
    /// Ends the run for this reason, unless it has ended already.
    #[cold]
    pub fn exhaust(&mut self, why: Exhausted) {
        self.exhausted.get_or_insert(why);
        self.pause = 0;
    }

    /// Draws units of work. `false`: the run is over, and the caller's loop ends.
    #[inline]
    pub fn spend(&mut self, work: u64) -> bool {
        if !DRAWN {
            return true;
        }
        self.work = self.work.saturating_add(work);
        self.work < self.pause || self.look()
    }

    /// Draws bytes of memory, before they are taken. `false`: they may not be.
    #[inline]
    pub fn keep(&mut self, bytes: u64) -> bool {
        if !DRAWN {
            return true;
        }
        match self.bytes.checked_add(bytes) {
            Some(after) if after <= self.limits.bytes => self.bytes = after,
            _ => self.exhaust(Exhausted::Bytes(self.limits.bytes)),
        }
        self.exhausted.is_none()
    }

    /// Finds what is due at a pause. Returns whether the run goes on.
    #[cold]
    fn look(&mut self) -> bool {
        if self.work > self.limits.work {
            self.exhaust(Exhausted::Work(self.limits.work));
        }
        let work = self.work;
        if let Some(watch) =
            self.watch.as_mut().filter(|watch| self.exhausted.is_none() && work >= watch.next)
        {
            watch.next = work.saturating_add(watch.every);
            if !(watch.go_on)(work) {
                self.exhaust(Exhausted::Stopped);
            }
        }
        self.pause = self.next_pause();
        self.exhausted.is_none()
    }

    fn next_pause(&self) -> u64 {
        let end = self.limits.work.saturating_add(1);
        match (&self.watch, self.exhausted) {
            (_, Some(_)) => 0,
            (Some(watch), None) => watch.next.min(end),
            (None, None) => end,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::cell::Cell;

    #[test]
    fn the_first_limit_that_is_reached_ends_the_run() {
        let mut budget = Budget::new(Limits { work: 10, bytes: 100, steps: 5 });
        assert!(budget.spend(10) && budget.keep(100));
        assert!(!budget.spend(1));
        assert!(!budget.keep(1));
        assert_eq!(budget.exhausted(), Some(Exhausted::Work(10)));
        assert!(!Budget::new(Limits { work: 10, bytes: 100, steps: 5 }).keep(101));
        assert!(Budget::default().spend(u64::MAX - 1));
    }

    #[test]
    fn a_watch_is_asked_every_so_often_and_can_stop_the_run() {
        let seen = Rc::new(Cell::new(0));
        let mut budget = Budget::new(Limits { work: 1_000, ..Limits::NONE });
        let inner = seen.clone();
        budget.watch(
            10,
            Rc::new(move |work| {
                inner.set(inner.get() + 1);
                work < 55
            }),
        );
        let mut rounds = 0;
        while budget.spend(1) {
            rounds += 1;
        }
        assert_eq!((seen.get(), rounds), (6, 59));
        assert_eq!(budget.exhausted(), Some(Exhausted::Stopped));
    }
}
