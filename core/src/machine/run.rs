//! Runs a scenario to its end: operations in order, each followed by its expectations.

use super::build::build;
use super::elsewhere::elsewhere;
use super::Machine;
use crate::budget::{Budget, Exhausted, Limits};
use crate::iommu::DriverError;
use crate::machine::check::outcome::{Counts, Outcome};
use crate::machine::check::packets::PacketIndex;
use crate::os;
use crate::paging::builder::MapError;
use crate::scenario::ast::{Operation, Scenario};
use crate::scenario::outline::{self, Action, Outline};
use crate::scenario::{parse, Problem, Problems, Span};
use crate::spec::{Localized, Phrase, Rule};
use crate::trace::{Actor, Event, Observer, Scope, Verdict};
use alloc::vec::Vec;

/// What the operating system refused an operation with. A scenario may expect it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OsError {
    /// A short name, as `expect error` takes it.
    pub name: &'static str,
    /// What happened.
    pub message: Phrase,
    /// The rule that a trace gives.
    pub rule: Option<&'static Rule>,
}

impl OsError {
    /// An error without a rule.
    pub fn new(name: &'static str, message: Phrase) -> Self {
        OsError { name, message, rule: None }
    }
}

impl From<os::OsError> for OsError {
    fn from(error: os::OsError) -> Self {
        OsError { name: error.name(), message: error.phrase(), rule: Some(error.rule()) }
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

impl Stop {
    /// What came of a mapping that could not be made: a range that the tables do not translate is an error that software
    /// meets when it maps (Linux: `-ERANGE`, `-EINVAL`); the rest makes no sense as it is written.
    pub fn of_map(error: MapError, span: Span) -> Self {
        match error {
            MapError::TooWide { .. } | MapError::NotExtended { .. } => {
                Stop::Os(OsError::new("range", error.phrase()))
            }
            _ => Stop::Problem(super::problem(span, error)),
        }
    }
    /// The same of a mapping that the IOMMU's driver could not make.
    pub fn of_driver(error: DriverError, span: Span) -> Self {
        match error {
            DriverError::Map(error) => Self::of_map(error, span),
            _ => Stop::Problem(super::driver_problem(span, error)),
        }
    }
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
    /// The value that a read gave; of a page request, the code of its answer (PCIe 10.4.2).
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
    /// It says what is expected of other machines only: nothing was looked at.
    pub elsewhere: bool,
}

/// A scenario that ran, to its end or to where its budget ended.
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
    /// Why it ended before its last line, and at which.
    pub stopped: Option<Problem>,
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

/// Runs a scenario within the limits of this machine.
pub fn run_scenario(scenario: Scenario) -> Result<Run, Problems> {
    run_within(scenario, Limits::HERE)
}

/// Runs a scenario within these limits.
pub fn run_within(scenario: Scenario, limits: Limits) -> Result<Run, Problems> {
    let mut runner = Runner::new(scenario, limits)?;
    runner.advance(|_| true)?;
    Ok(runner.finish())
}

/// How far a run is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress {
    /// Lines of the steps that are done, expectations included.
    pub lines: usize,
    /// Lines of the steps in all.
    pub of: usize,
    /// Steps of the trace so far.
    pub steps: usize,
}

/// A run on its way: it can be advanced in slices, and what ran so far is a run at any time.
#[derive(Clone, Debug)]
pub struct Runner {
    run: Run,
    /// Lines of the steps that are done, and how many there are.
    lines: usize,
    of: usize,
    /// What the operations done so far came to in all.
    total: Counts,
    /// The packets of the last operation, once an expectation has asked about them.
    packets: Option<PacketIndex>,
}

impl Runner {
    /// Builds the machine.
    pub fn new(scenario: Scenario, limits: Limits) -> Result<Self, Problems> {
        match machine_of(&scenario, limits) {
            Ok(machine) => Ok(Self::on(scenario, machine)),
            Err(problem) => {
                Err(Problems(alloc::vec![elsewhere(problem, &scenario, |there| Self::does(there, 0))]))
            }
        }
    }
    fn on(scenario: Scenario, machine: Machine) -> Self {
        let (of, setup) = (Outline::new(&scenario).steps.len(), machine.trace.len());
        let run = Run { scenario, machine, done: Vec::new(), checks: Vec::new(), setup, stopped: None };
        Runner { run, lines: 0, of, total: Counts::default(), packets: None }
    }
    /// Is a machine built of the scenario, and does it do its first `lines`?
    fn does(scenario: Scenario, lines: usize) -> bool {
        let Ok(machine) = machine_of(&scenario, Limits::TRIAL) else { return false };
        let mut runner = Self::on(scenario, machine);
        let done = runner.lines_while(|progress| progress.lines < lines);
        done.is_ok() && runner.run.stopped.is_none()
    }
    /// Returns how far the run is.
    pub fn progress(&self) -> Progress {
        Progress { lines: self.lines, of: self.of, steps: self.run.machine.trace.len() }
    }
    /// Is there nothing more to do?
    pub fn is_over(&self) -> bool {
        self.lines == self.of || self.run.stopped.is_some()
    }
    /// Returns what ran so far.
    pub fn finish(self) -> Run {
        self.run
    }
    /// Returns the budget, to be watched.
    pub fn budget(&mut self) -> &mut Budget {
        self.run.machine.trace.budget_mut()
    }
    /// Ends the run where it is, as its reader wishes.
    pub fn stop(&mut self) {
        self.budget().exhaust(Exhausted::Stopped);
        let scenario = core::mem::take(&mut self.run.scenario);
        if let Some(step) = Outline::new(&scenario).steps.get(self.lines) {
            self.run.stopped = stopped(&self.run.machine, step.span);
        }
        self.run.scenario = scenario;
    }

    /// Does one line after another for as long as `go_on` says so, and until the end or a limit.
    pub fn advance(&mut self, go_on: impl FnMut(Progress) -> bool) -> Result<(), Problems> {
        self.lines_while(go_on).map_err(|problem| {
            let (scenario, lines) = (&self.run.scenario, self.lines);
            Problems(alloc::vec![elsewhere(problem, scenario, |there| Self::does(there, lines))])
        })
    }
    fn lines_while(&mut self, mut go_on: impl FnMut(Progress) -> bool) -> Result<(), Problem> {
        let scenario = core::mem::take(&mut self.run.scenario);
        let outline = Outline::new(&scenario);
        let mut result = Ok(());
        // Bounded: lines of the text, each of which draws.
        while result.is_ok() && !self.is_over() && go_on(self.progress()) {
            result = self.line(&outline.steps[self.lines]);
            self.lines += 1;
        }
        drop(outline);
        self.run.scenario = scenario;
        result
    }

    fn line(&mut self, step: &outline::StepPlan<'_>) -> Result<(), Problem> {
        let Run { machine, done, checks, .. } = &mut self.run;
        match step.action {
            Action::Do(operation) => {
                let index = done.len();
                let first = machine.trace.len();
                if !step.notes.is_empty() {
                    machine.sw.ideas.push(first);
                }
                machine.trace.begin(Actor::Os, scope(index as u32, step.span.line));
                let mut value = None;
                let result = machine.operate(operation, step.span, &mut value);
                let looked = machine.sw.take_looked();
                machine.trace.spend(looked);
                let error = match result {
                    Ok(()) => None,
                    Err(Stop::Os(error)) => Some(error),
                    // What was refused for the budget is reported below.
                    Err(Stop::Problem(_)) if machine.trace.exhausted().is_some() => None,
                    Err(Stop::Problem(problem)) => return Err(problem),
                };
                if let Some(error) = &error {
                    let (en, zh) =
                        (machine.trace.name(&error.message.en), machine.trace.name(&error.message.zh));
                    machine.trace.step(Actor::Os, Event::Note { en, zh });
                }
                let status = error.clone().map_or(Ok(()), Err);
                machine.trace.end(Actor::Os, verdict(&status));
                let last = machine.trace.len();
                let outcome = Outcome::of(machine.trace.steps(), first..last);
                self.total.add(&outcome.counts);
                self.packets = None;
                done.push(Done {
                    span: step.span,
                    verb: operation.verb(),
                    steps: first..last,
                    value,
                    error,
                    outcome,
                });
                let over = stopped(machine, step.span);
                self.run.stopped = over;
            }
            Action::Expect(expectation) => {
                let elsewhere = !expectation.is_for(machine.architecture);
                let failure = match elsewhere {
                    true => None,
                    false => machine.expect(expectation, done, &self.total, &mut self.packets)?,
                };
                let over = stopped(machine, step.span);
                if over.is_none() {
                    let operation = done.len().checked_sub(1);
                    checks.push(Check { span: step.span, operation, failure, elsewhere });
                }
                self.run.stopped = over;
            }
        }
        Ok(())
    }
}

/// Builds the machine of a scenario; a budget that its set-up spends is a problem.
fn machine_of(scenario: &Scenario, limits: Limits) -> Result<Machine, Problem> {
    let machine = build(&Outline::new(scenario), limits)?;
    match stopped(&machine, Span::default()) {
        Some(problem) => Err(problem),
        None => Ok(machine),
    }
}

/// The message of a run that ended at the line `span`, when a limit did so.
fn stopped(machine: &Machine, span: Span) -> Option<Problem> {
    machine.trace.exhausted().map(|why| {
        let text = why.phrase();
        Problem::new(span, text.en, text.zh)
    })
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
            O::MapResource(op) => self.op_map_resource(op),
            O::UnmapSingle(op) | O::UnmapPage(op) | O::UnmapResource(op) => self.op_unmap_handle(op, false),
            O::UnmapSg(op) => self.op_unmap_handle(op, true),
            O::SyncForCpu(op) | O::SyncSgForCpu(op) => self.op_sync(op, true),
            O::SyncForDevice(op) | O::SyncSgForDevice(op) => self.op_sync(op, false),
            O::SetMask(op) => self.op_set_streaming_mask(op),
            O::SetCoherentMask(op) => self.op_set_mask(op, operation.verb(), (false, true)),
            O::SetBothMasks(op) => self.op_set_mask(op, operation.verb(), (true, true)),
            O::SetMaxSegment(op) => self.op_set_segment(op, operation.verb(), |p, v| p.max_segment = v),
            O::SetBoundary(op) => self.op_set_segment(op, operation.verb(), |p, v| p.boundary = v),
            O::SetMinAlign(op) => self.op_set_segment(op, operation.verb(), |p, v| p.min_align = v),
            O::DeclareCoherent(op) => self.op_declare_coherent(op),
            O::Resize(op) => self.op_resize(op),
            O::Kexec(op) => self.op_kexec(op, span),
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
            O::PageRequest(op) => {
                self.op_page_request(op).map(|answer| answer.into_iter().for_each(|given| gave(given as u64)))
            }
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

#[cfg(test)]
mod tests {
    use super::run;
    use crate::trace::Event;

    const LEGACY: &str = "iommu-playground 1\nmachine vt-d\niommu strict\nram 0 .. 1G\n\
        device nic 00:03.0 pasid ats pri\nprocess app\nsteps\n";

    #[test]
    fn a_refusal_of_the_driver_is_in_both_languages() {
        let run = run(&format!("{LEGACY}bind nic to app\nexpect error any\n")).unwrap();
        let message = &run.done[0].error.as_ref().unwrap().message;
        assert!(message
            .en
            .starts_with("this IOMMU does not support PASIDs (ECAP.SMTS, ECAP.PASID): the tables of legacy"));
        assert!(message.en.contains("`scalable` on the `machine` line"), "{}", message.en);
        assert!(message.zh.starts_with("这个 IOMMU 不支持 PASID（ECAP.SMTS、ECAP.PASID）：传统模式"));
        let trace = &run.machine.trace;
        let note = trace.steps().iter().find_map(|step| match step.event {
            Event::Note { en, zh } => Some((trace.get_name(en), trace.get_name(zh))),
            _ => None,
        });
        assert_eq!(note, Some((message.en.as_str(), message.zh.as_str())), "the trace says the same");
    }

    #[test]
    fn a_refusal_says_what_and_why_and_the_nearest_that_runs() {
        let problem =
            |text: &str| run(&format!("iommu-playground 1\n{text}")).unwrap_err().0[0].message.clone();
        // An entry that no walk reads.
        for (machine, entry) in [("riscv", "process context (PC)"), ("vt-d scalable", "PASID-table entry")] {
            let said = problem(&format!(
                "machine {machine}\niommu strict\ndevice nic 00:03.0\nsteps\nentry process nic level 3 clear 1\n"
            ));
            assert!(said.en.contains(entry) && said.zh.contains(entry), "{}", said.en);
            assert!(said.en.contains("`bind`") || said.en.contains("level 3"), "{}", said.en);
        }
        // A level that the tables have not: which they have, and what gives more.
        let mapped = |machine: &str| {
            format!(
                "machine {machine}\niommu strict\ndevice nic 00:03.0\nsteps\ndomain d\nattach nic to d\nalloc buf 4K\n\
                 map d 0x1000 +4K -> buf rw\nentry page d 0x1000 level 5 clear 1\n"
            )
        };
        for machine in ["vt-d", "riscv", "amd-vi"] {
            let said = problem(&mapped(machine));
            assert!(
                said.en.contains("it reads those of level ") && said.en.contains("`width`"),
                "{}",
                said.en
            );
            assert!(said.zh.contains("只会读到第 ") && said.zh.contains("`width`"), "{}", said.zh);
            assert!(run(&format!("iommu-playground 1\n{}", mapped(&format!("{machine} width 57")))).is_ok());
        }
        // What is offered runs as it is offered.
        let unbound = |machine: &str| {
            format!("machine {machine}\niommu strict\ndevice nic 00:03.0\nsteps\ndomain d\nattach nic to d\nentry process nic clear 1\n")
        };
        let said = problem(&unbound("amd-vi"));
        assert!(said.en.ends_with("after `machine`, `vt-d scalable` or `smmuv3` can do it"), "{}", said.en);
        for machine in ["vt-d scalable", "smmuv3"] {
            run(&format!("iommu-playground 1\n{}", unbound(machine))).unwrap();
        }
        let said = problem(
            "machine amd-vi\niommu strict\ndevice nic 00:03.0\nsteps\nentry device nic level 2 clear 1\n",
        );
        assert!(said.en.contains("on AMD-Vi Device Table Entry (DTE) is level 1"), "{}", said.en);
        // A window where the board has RAM that no line says.
        let said = problem(
            "machine smmuv3\ndevice nic 00:03.0\nbridge cpu 0x8000_0000 +1M -> bus 0x8000_0000\nsteps\n",
        );
        assert!(
            said.en.contains("RAM from 0x40000000 to 0x100000000") && said.zh.contains("0x10000000"),
            "{}",
            said.en
        );
        // A queue has a fewest number of records.
        let said = problem("machine riscv fault-records 1\nsteps\n");
        assert!(
            said.en.contains("2 are the fewest") && said.en.contains("`vt-d` or `smmuv3` can do it"),
            "{}",
            said.en
        );
        assert!(run("iommu-playground 1\nmachine smmuv3 fault-records 1\nsteps\n").is_ok());
        // An address of a first stage that is not sign-extended is an error of `map`.
        let text = "machine riscv\niommu strict\ndevice nic 00:03.0\nsteps\ndomain d\nmap d 0x8000_0000_0000 +4K -> 0x1000 rw\nexpect error range\n";
        let ran = run(&format!("iommu-playground 1\n{text}")).unwrap();
        let error = ran.done.last().unwrap().error.as_ref().unwrap();
        assert!(error.message.en.contains("0xffff800000000000 would be right"), "{}", error.message.en);
    }

    #[test]
    fn a_problem_that_the_driver_has_is_in_both_languages() {
        let problems = run(&format!("{LEGACY}invalidate process-cache\n")).unwrap_err();
        assert_eq!(
            problems.0[0].message.zh,
            "这个 IOMMU 不支持 PASID（ECAP.SMTS）；`machine` 后面换成 `vt-d scalable`、`riscv`、`smmuv3` 或 `amd-vi` 就可以"
        );
    }

    #[test]
    fn what_this_machine_lacks_names_the_machines_that_have_it() {
        let message =
            |text: &str| run(&format!("iommu-playground 1\n{text}\n")).unwrap_err().0[0].message.en.clone();
        assert_eq!(
            message("ram 0 .. 1G\nsteps\ndomain d stage 1"),
            "this IOMMU does not support first-stage translation (ECAP.FSTS); after `machine`, `vt-d scalable`, `riscv`, \
             `smmuv3` or `amd-vi` can do it"
        );
        assert_eq!(
            message("machine riscv\nsteps\nregister read GCMD_REG"),
            "this IOMMU has no register `GCMD_REG`: it is one of VT-d's (global command; VT-d 11.4); after `machine`, \
             `vt-d` can do it"
        );
        assert_eq!(
            message("machine riscv\nsteps\nregister read GCMD"),
            "this IOMMU has no register `GCMD`: it is one of VT-d's (global command; VT-d 11.4); after `machine`, `vt-d` \
             can do it"
        );
        // Once, though the line is one of the machine's own; and none where none takes an id as wide.
        for machine in ["vt-d", "amd-vi"] {
            let said =
                message(&format!("machine {machine}\ndevice nic 00:03.0\niommu-map nic -> 0x20\nsteps"));
            assert!(said.ends_with("looks up; after `machine`, `riscv` or `smmuv3` can do it"), "{said}");
        }
        let wide = |machine: &str, id: &str| {
            message(&format!("machine {machine}\ndevice nic 00:03.0\niommu-map nic -> {id}\nsteps"))
        };
        let none = "a device_id has 24 bits here";
        assert_eq!(wide("riscv", "0x100_0000"), format!("0x1000000 is too wide: {none}"));
        assert_eq!(wide("riscv", "0x1_0000_0000"), format!("0x100000000 is too wide: {none}"));
        assert_eq!(wide("smmuv3", "0x100_0000"), "0x1000000 is too wide: a StreamID has 16 bits here");
        assert!(wide("smmuv3", "0x1_0000").ends_with("16 bits here; after `machine`, `riscv` can do it"));
        // As an instruction for a port does.
        assert_eq!(
            message("machine riscv\ndevice nic 00:03.0\n  bar 0 256 io\nsteps"),
            "only x86 has instructions for I/O ports; after `machine`, `vt-d` or `amd-vi`, with a line like `ports 0xc000 +4K`, can \
             do it"
        );
        let near = run("iommu-playground 1\nmachine smmuv3\nsteps\nregister read GERROR\n").unwrap_err();
        assert_eq!(near.0[0].suggestion.as_deref(), Some("SMMU_GERROR"));
        assert_eq!(
            message("machine amd-vi\nsteps\nregister read NOWHERE"),
            "this IOMMU has no register `NOWHERE`"
        );
        assert_eq!(
            message("machine none\nsteps\nregister read GCMD_REG"),
            "this machine has no IOMMU: its `machine` line can name one"
        );
        assert_eq!(
            message("machine riscv scalable\nsteps"),
            "RISC-V has one layout of tables: leave `scalable` out, or write `vt-d` after `machine`"
        );
    }
}
