//! Who hears the steps: nobody, or a trace that keeps them.

use super::event::{Event, Step};
use super::segments::{Segments, StepList, Steps};
use super::terms::{Actor, Chunk, NameId, Scope, Verdict, Words};
use crate::addr::{Address, PhysAddr};
use crate::budget::{Budget, Exhausted, Limits, DRAWN};
use crate::memory::{Memories, Memory};
use alloc::{collections::BTreeMap, string::String, vec::Vec};

/// Hears every step. Code that acts is generic over it, so that [`Off`] compiles to nothing.
pub trait Observer {
    /// Whether steps are heard at all: skip the work of describing them where this is `false`.
    const ON: bool;
    /// Hears one step.
    fn step(&mut self, actor: Actor, event: Event);
    /// Keeps words for a step that will name them.
    fn words(&mut self, words: &[u64]) -> Words;
    /// Keeps one word for a step that will name it.
    fn word(&mut self, word: u64) -> Words {
        self.words(&[word])
    }
    /// Keeps bytes for a step that will name them.
    fn bytes(&mut self, bytes: &[u8]) -> u32;
    /// Keeps a string for a step that will name it.
    fn name(&mut self, name: &str) -> NameId;

    /// Draws units of work from the run's budget. `false`: the run is over, and the caller's loop ends.
    fn spend(&mut self, _work: u64) -> bool {
        true
    }
    /// Draws bytes of memory from the run's budget, before they are taken. `false`: they may not be.
    fn keep(&mut self, _bytes: u64) -> bool {
        true
    }

    /// Opens a scope.
    fn begin(&mut self, actor: Actor, scope: Scope) {
        if Self::ON {
            self.step(actor, Event::Begin(scope));
        }
    }
    /// Closes the innermost scope.
    fn end(&mut self, actor: Actor, verdict: Verdict) {
        if Self::ON {
            self.step(actor, Event::End(verdict));
        }
    }
}

/// Hears nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Off;

impl Observer for Off {
    const ON: bool = false;
    fn step(&mut self, _: Actor, _: Event) {}
    fn words(&mut self, _: &[u64]) -> Words {
        Words::default()
    }
    fn bytes(&mut self, _: &[u8]) -> u32 {
        0
    }
    fn name(&mut self, _: &str) -> NameId {
        NameId(0)
    }
}

/// Keeps every step.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    steps: StepList,
    words: Segments<u64, 4096>,
    bytes: Segments<u8, 65_536>,
    names: Vec<String>,
    by_name: BTreeMap<String, NameId>,
    depth: u8,
    /// Scopes that were opened after the budget was spent: their ends are left out too.
    unrecorded: u32,
    /// How many steps there is room for, and may be recorded, before [`make_way`](Self::make_way) has to look.
    ready: u64,
    budget: Budget,
}

impl Trace {
    /// An empty trace without limits.
    pub fn new() -> Self {
        Trace::default()
    }
    /// An empty trace of a run that may spend this much.
    pub fn with_limits(limits: Limits) -> Self {
        Trace { budget: Budget::new(limits), ..Trace::default() }
    }
    /// Returns what the run may spend and has spent.
    pub fn budget(&self) -> &Budget {
        &self.budget
    }
    /// Returns the budget, to be watched.
    pub fn budget_mut(&mut self) -> &mut Budget {
        &mut self.budget
    }
    /// Returns the limit that ended the run, if one did: nothing is recorded after it but the ends of open scopes.
    pub fn exhausted(&self) -> Option<Exhausted> {
        self.budget.exhausted()
    }
    /// All steps, in order.
    pub fn steps(&self) -> Steps<'_> {
        self.steps.steps()
    }
    /// How many steps there are.
    pub fn len(&self) -> usize {
        self.steps.end()
    }
    /// Is there no step?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Forgets all steps but keeps the room of the first segments, so that a short trace that is reused allocates nothing.
    pub fn clear(&mut self) {
        self.steps.clear();
        self.words.clear();
        self.bytes.clear();
        self.depth = 0;
        self.unrecorded = 0;
        self.ready = 0;
        self.budget = Budget::new(self.budget.limits());
        let steps = self.steps.capacity() * core::mem::size_of::<Step>();
        self.budget.keep((steps + self.words.capacity() * 8 + self.bytes.capacity()) as u64);
    }

    /// Makes way for a step where that takes more than a look: at the end of what was made ready, at a pause of the budget,
    /// and once it is spent. Nothing is recorded after the end, but what was opened is closed.
    #[cold]
    fn make_way(&mut self, begins: bool, ends: bool) -> bool {
        let left = self.budget.limits().steps.saturating_sub(self.len() as u64);
        if DRAWN && left == 0 {
            self.budget.exhaust(Exhausted::Steps(self.budget.limits().steps));
        }
        // Drawn by the segment, before it is taken.
        let more = self.budget.keep((self.steps.lacks(1) * core::mem::size_of::<Step>()) as u64);
        if !more && ends && self.unrecorded > 0 {
            self.unrecorded -= 1;
            return false;
        }
        if !more && !ends {
            self.unrecorded += u32::from(begins);
            return false;
        }
        self.steps.make_room(1);
        self.ready = if DRAWN && more { left.min(self.steps.room() as u64) } else { 1 };
        true
    }

    /// Takes room for words in one piece, unless the budget is spent.
    #[cold]
    fn words_room(&mut self, more: usize) -> bool {
        let room = self.budget.keep(8 * self.words.lacks(more) as u64);
        if room {
            self.words.make_room(more);
        }
        room
    }

    /// The words that a step names.
    pub fn get_words(&self, words: Words) -> &[u64] {
        self.words.piece(words.start as usize, words.len as usize)
    }
    /// `len` bytes that a step names.
    pub fn get_bytes(&self, start: u32, len: usize) -> &[u8] {
        self.bytes.piece(start as usize, len)
    }
    /// The string that a step names.
    pub fn get_name(&self, name: NameId) -> &str {
        self.names.get(name.0 as usize).map_or("", String::as_str)
    }

    /// Brings all memory from the state after step `from` (as a count of steps done) to the state after `to`.
    pub fn seek(&self, memories: &mut Memories, from: usize, to: usize) {
        let (from, to) = (from.min(self.len()), to.min(self.len()));
        if to >= from {
            // Bounded: the steps there are.
            for step in self.steps().range(from..to) {
                self.apply(memories, step, true);
            }
        } else {
            // Bounded: the steps there are.
            for step in self.steps().range(to..from).iter().rev() {
                self.apply(memories, step, false);
            }
        }
    }

    /// Redoes (`forward`) or undoes the change of memory that `step` made, if it made one.
    pub fn apply(&self, memories: &mut Memories, step: &Step, forward: bool) {
        let host = &mut memories.host;
        // Nothing here can fail: the machine made the same change within the limits before.
        match step.event {
            Event::Write { pa, old, new, .. } => {
                let _ = host.write_u64(pa, if forward { new } else { old });
            }
            Event::WriteRun { pa, old, new, .. } => {
                for (i, &word) in self.get_words(if forward { new } else { old }).iter().enumerate() {
                    let _ = host.write_u64(pa.wrapping_add(i as u64 * 8), word);
                }
            }
            Event::Data { pa, bytes, old, new } => {
                self.place(host, pa, bytes, if forward { new } else { old });
            }
            Event::OwnData { device, at, bytes, old, new } => {
                let own = memories.own.entry(device).or_default();
                self.place(own, PhysAddr::new(at), bytes, if forward { new } else { old });
            }
            _ => {}
        }
    }

    fn place(&self, memory: &mut Memory, at: PhysAddr, bytes: u32, chunk: Chunk) {
        match chunk {
            Chunk::Frame(frame) => memory.place_frame(at, frame),
            Chunk::Bytes(start) => {
                let _ = memory.write_bytes(at, self.get_bytes(start, bytes as usize));
            }
        }
    }
}

impl Observer for Trace {
    const ON: bool = true;

    // Where it is inlined events are written in place, field by field; a page rather loads less.
    #[cfg_attr(not(target_arch = "wasm32"), inline)]
    fn step(&mut self, actor: Actor, event: Event) {
        let (begins, ends) = (matches!(event, Event::Begin(_)), matches!(event, Event::End(_)));
        // The way out of the fast path takes no event, so that the compiler writes events in place.
        if (!self.budget.spend(1) || self.ready == 0) && !self.make_way(begins, ends) {
            return;
        }
        self.ready -= 1;
        self.depth = self.depth.saturating_sub(u8::from(ends));
        self.steps.push(Step { depth: self.depth, actor, event });
        self.depth = self.depth.saturating_add(u8::from(begins));
    }

    fn words(&mut self, words: &[u64]) -> Words {
        if !self.budget.spend(words.len() as u64) || !self.words_room(words.len()) {
            return Words::default();
        }
        Words { start: self.words.put(words) as u32, len: words.len() as u16 }
    }

    #[cfg_attr(not(target_arch = "wasm32"), inline)]
    fn word(&mut self, word: u64) -> Words {
        if (!self.budget.spend(1) || !self.words.has_room(1)) && !self.words_room(1) {
            return Words::default();
        }
        let start = self.words.end() as u32;
        self.words.push(word);
        Words { start, len: 1 }
    }

    fn bytes(&mut self, bytes: &[u8]) -> u32 {
        let len = bytes.len();
        if !self.spend(len as u64 / 64) || !self.budget.keep(self.bytes.lacks(len) as u64) {
            return 0;
        }
        self.bytes.make_room(len);
        self.bytes.put(bytes) as u32
    }

    fn spend(&mut self, work: u64) -> bool {
        self.budget.spend(work)
    }

    fn keep(&mut self, bytes: u64) -> bool {
        self.budget.keep(bytes)
    }

    fn name(&mut self, name: &str) -> NameId {
        if let Some(&id) = self.by_name.get(name) {
            return id;
        }
        // Twice: in the list and in the index.
        self.budget.keep(2 * (name.len() as u64 + 32));
        let id = NameId(self.names.len() as u32);
        self.names.push(name.into());
        self.by_name.insert(name.into(), id);
        id
    }
}

impl<O: Observer> Observer for &mut O {
    const ON: bool = O::ON;
    fn step(&mut self, actor: Actor, event: Event) {
        (**self).step(actor, event);
    }
    fn words(&mut self, words: &[u64]) -> Words {
        (**self).words(words)
    }
    fn word(&mut self, word: u64) -> Words {
        (**self).word(word)
    }
    fn bytes(&mut self, bytes: &[u8]) -> u32 {
        (**self).bytes(bytes)
    }
    fn name(&mut self, name: &str) -> NameId {
        (**self).name(name)
    }
    fn spend(&mut self, work: u64) -> bool {
        (**self).spend(work)
    }
    fn keep(&mut self, bytes: u64) -> bool {
        (**self).keep(bytes)
    }
}
