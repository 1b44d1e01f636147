//! Runs a scenario to its end: operations in order, each followed by its expectations.

use super::build::build;
use super::outcome::Outcome;
use super::Machine;
use crate::os;
use crate::scenario::ast::{Operation, Scenario};
use crate::scenario::outline::{Action, Outline};
use crate::scenario::{parse, Problem, Problems, Span};
use crate::spec::Rule;
use crate::trace::{Actor, Event, Observer, Scope, Verdict};
use alloc::{
    string::{String, ToString},
    vec::Vec,
};

/// What the operating system refused an operation with. A scenario may expect it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OsError {
    /// A short name, as `expect error` takes it.
    pub name: &'static str,
    /// What happened.
    pub message: String,
    /// The rule that a trace gives.
    pub rule: Option<&'static Rule>,
}

impl OsError {
    /// An error without a rule.
    pub fn new(name: &'static str, message: String) -> Self {
        OsError { name, message, rule: None }
    }
}

impl From<os::OsError> for OsError {
    fn from(error: os::OsError) -> Self {
        OsError { name: error.name(), message: error.to_string(), rule: Some(error.rule()) }
    }
}

/// Why an operation did not do what it says.
#[derive(Clone, PartialEq, Debug)]
pub enum Stop {
    /// The scenario asks for something that makes no sense: nothing further runs.
    Problem(Problem),
    /// The operating system refused: the scenario goes on.
    Os(OsError),
}

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Self {
        Stop::Problem(problem)
    }
}

impl From<os::OsError> for Stop {
    fn from(error: os::OsError) -> Self {
        Stop::Os(error.into())
    }
}

/// One operation that ran.
#[derive(Clone, PartialEq, Debug)]
pub struct Done {
    /// Where it is in the scenario.
    pub span: Span,
    /// Its verb.
    pub verb: &'static str,
    /// Its steps in the trace: the first, and one past the last.
    pub steps: core::ops::Range<usize>,
    /// The value that a read gave.
    pub value: Option<u64>,
    /// What the operating system refused it with.
    pub error: Option<OsError>,
    /// What its steps came to.
    pub outcome: Outcome,
}

/// One expectation, and whether it held.
#[derive(Clone, PartialEq, Debug)]
pub struct Check {
    /// Where it is in the scenario.
    pub span: Span,
    /// The operation it is about: an index into [`Run::done`].
    pub operation: Option<usize>,
    /// Why it did not hold; none when it did.
    pub failure: Option<crate::scenario::Bilingual>,
}

/// A scenario that ran.
#[derive(Clone, Debug)]
pub struct Run {
    /// The scenario.
    pub scenario: Scenario,
    /// The machine at the end, with its trace.
    pub machine: Machine,
    /// What ran.
    pub done: Vec<Done>,
    /// What was expected.
    pub checks: Vec<Check>,
    /// The steps before the first operation: how the machine was set up.
    pub setup: usize,
}

impl Run {
    /// The expectations that did not hold.
    pub fn failures(&self) -> impl Iterator<Item = &Check> + '_ {
        self.checks.iter().filter(|c| c.failure.is_some())
    }
    /// The operation that step `at` belongs to: an index into [`Run::done`].
    pub fn operation_at(&self, at: usize) -> Option<usize> {
        let place = self.done.partition_point(|d| d.steps.end <= at);
        self.done.get(place).filter(|d| d.steps.contains(&at)).map(|_| place)
    }
}

/// Reads and runs a scenario text.
pub fn run(text: &str) -> Result<Run, Problems> {
    run_scenario(parse(text)?)
}

/// Runs a scenario.
pub fn run_scenario(scenario: Scenario) -> Result<Run, Problems> {
    let one = |problem| Problems(alloc::vec![problem]);
    let outline = Outline::new(&scenario);
    let mut machine = build(&outline).map_err(one)?;
    let setup = machine.trace.len();
    let mut done: Vec<Done> = Vec::new();
    let mut checks = Vec::new();
    for step in &outline.steps {
        match step.action {
            Action::Do(operation) => {
                let index = done.len();
                let first = machine.trace.len();
                machine.trace.begin(Actor::Os, scope(index as u32, step.span.line));
                let mut value = None;
                let result = machine.operate(operation, step.span, &mut value);
                let error = match result {
                    Ok(()) => None,
                    Err(Stop::Os(error)) => Some(error),
                    Err(Stop::Problem(problem)) => return Err(one(problem)),
                };
                if let Some(error) = &error {
                    let (en, zh) = (machine.trace.name(&error.message), machine.trace.name(&error.message));
                    machine.trace.step(Actor::Os, Event::Note { en, zh });
                }
                let status = error.clone().map_or(Ok(()), Err);
                machine.trace.end(Actor::Os, verdict(&status));
                let last = machine.trace.len();
                if machine.trace.lost_steps() {
                    return Err(one(Problem::new(
                        step.span,
                        alloc::format!("this run has more than {} steps", super::limits::STEPS),
                        alloc::format!("运行超过 {} 步", super::limits::STEPS),
                    )));
                }
                let outcome = Outcome::of(machine.trace.steps(), first..last);
                done.push(Done {
                    span: step.span,
                    verb: operation.verb(),
                    steps: first..last,
                    value,
                    error,
                    outcome,
                });
            }
            Action::Expect(expectation) => {
                let failure = machine.expect(expectation, &done).map_err(one)?;
                checks.push(Check { span: step.span, operation: done.len().checked_sub(1), failure });
            }
        }
    }
    drop(outline);
    Ok(Run { scenario, machine, done, checks, setup })
}

impl Machine {
    fn operate(&mut self, operation: &Operation, span: Span, value: &mut Option<u64>) -> Result<(), Stop> {
        use Operation as O;
        let mut gave = |v: u64| *value = Some(v);
        match operation {
            O::Alloc(op) => self.op_alloc(op),
            O::Free(op) => self.op_free(op),
            O::Fill(op) => self.op_fill(op),
            O::Poke(op) => self.op_poke(op),
            O::Domain(op) => self.op_domain(op),
            O::Attach(op) => self.op_attach(op),
            O::Detach(op) => self.op_detach(op),
            O::Bind(op) => self.op_bind(op),
            O::Unbind(op) => self.op_unbind(op),
            O::Map(op) => self.op_map(op),
            O::Unmap(op) => self.op_unmap(op),
            O::Invalidate(op) => self.op_invalidate(op),
            O::Flush(_) => self.flush_lazy(span),
            O::PageEntry(op) => self.op_entry_page(op),
            O::DeviceEntry(op) => self.op_entry_device(op),
            O::ProcessEntry(op) => self.op_entry_process(op),
            O::RegisterRead(op) => self.op_register_read(op).map(&mut gave),
            O::RegisterWrite(op) => self.op_register_write(op),
            O::AllocCoherent(op) => self.op_coherent(op),
            O::FreeCoherent(op) => self.op_free_coherent(op),
            O::MapSingle(op) => self.op_map_single(op, false),
            O::MapPage(op) => self.op_map_single(op, true),
            O::MapSg(op) => self.op_map_sg(op),
            O::UnmapSingle(op) | O::UnmapPage(op) | O::UnmapSg(op) => self.op_unmap_handle(op),
            O::SyncForCpu(op) | O::SyncSgForCpu(op) => self.op_sync(op, true),
            O::SyncForDevice(op) | O::SyncSgForDevice(op) => self.op_sync(op, false),
            O::SetMask(op) => self.op_set_mask(op),
            O::Ioremap(op) => self.op_ioremap(op),
            O::CpuRead(op) => self.op_cpu_read(op).map(&mut gave),
            O::CpuWrite(op) => self.op_cpu_write(op),
            O::CpuEvict(op) => self.op_cpu_evict(op),
            O::CpuIn(op) => self.op_cpu_in(op).map(&mut gave),
            O::CpuOut(op) => self.op_cpu_out(op),
            O::ConfigRead(op) => self.op_config_read(op).map(&mut gave),
            O::ConfigWrite(op) => self.op_config_write(op),
            O::Dma(op) => self.op_dma(op),
            O::Program(op) => self.op_program(op),
            O::ProgramList(op) => self.op_program_list(op),
            O::Descriptor(op) => self.op_descriptor(op),
            O::Doorbell(op) => self.op_doorbell(op),
            O::Msi(op) => self.op_msi(op),
            O::InterruptEntry(op) => self.op_interrupt(op),
            O::Ats(op) => self.op_ats(op),
            O::PageRequest(op) => self.op_page_request(op),
            O::Relay(op) => self.op_relay(op),
        }
    }
}

/// Closes an operation's scope with what came of it.
fn verdict(stop: &Result<(), OsError>) -> Verdict {
    match stop {
        Ok(()) => Verdict::Ok,
        Err(error) => error.rule.map_or(Verdict::Ok, Verdict::Refused),
    }
}

/// The scope of an operation.
fn scope(index: u32, line: u32) -> Scope {
    Scope::Operation { index, line }
}
