//! A scenario's lines, grouped as the machine is built from them.

use crate::iommu::Architecture;
use alloc::vec::Vec;

use super::ast::*;
use super::span::Span;

/// A statement and the line it is on.
#[derive(Debug)]
pub struct At<'s, T> {
    /// The statement.
    pub node: &'s T,
    /// All of it.
    pub span: Span,
}

impl<T> Clone for At<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for At<'_, T> {}

impl<T> core::ops::Deref for At<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        self.node
    }
}

/// What kind of port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortKind {
    /// A root port.
    Root,
    /// The upstream port of a switch.
    Upstream,
    /// A downstream port of a switch.
    Downstream,
}

/// A port and its windows.
#[derive(Clone, Debug)]
pub struct PortPlan<'s> {
    /// Which kind.
    pub kind: PortKind,
    /// The port.
    pub port: At<'s, Port>,
    /// Its windows.
    pub windows: Vec<At<'s, Window>>,
}

/// A device and its parts.
#[derive(Clone, Debug)]
pub struct DevicePlan<'s> {
    /// The device.
    pub device: At<'s, Device>,
    /// Its BARs.
    pub bars: Vec<At<'s, Bar>>,
    /// How it makes virtual functions; only one line may say it.
    pub sriov: Vec<At<'s, SriovLine>>,
    /// Their BARs.
    pub vf_bars: Vec<At<'s, VfBar>>,
    /// Its own address map; empty: what the engine emits is what goes on the bus.
    pub locals: Vec<At<'s, Local>>,
    /// Its engine.
    pub engine: Option<At<'s, Engine>>,
    /// How many vectors it has.
    pub vectors: Option<At<'s, Vectors>>,
}

/// A text in both languages, as far as it was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Texts<'s> {
    /// The plain one.
    pub text: Option<&'s str>,
    /// The `.zh` one.
    pub zh: Option<&'s str>,
}

impl<'s> Texts<'s> {
    /// The Chinese text or else the plain one (`zh`), or the other way round.
    pub fn pick(&self, zh: bool) -> Option<&'s str> {
        if zh {
            self.zh.or(self.text)
        } else {
            self.text.or(self.zh)
        }
    }
}

/// One step: an operation or an expectation.
#[derive(Clone, Copy, Debug)]
pub enum Action<'s> {
    /// Something is done.
    Do(&'s Operation),
    /// Something must hold, after the operation before it.
    Expect(&'s Expectation),
}

/// One step with the notes before it.
#[derive(Clone, Debug)]
pub struct StepPlan<'s> {
    /// What.
    pub action: Action<'s>,
    /// All of its statement.
    pub span: Span,
    /// The notes before it, in order.
    pub notes: Vec<Texts<'s>>,
}

/// A scenario, grouped.
#[derive(Clone, Debug, Default)]
pub struct Outline<'s> {
    /// The version of the language that it is written in (0: it does not say).
    pub version: u64,
    /// The question.
    pub title: Texts<'s>,
    /// The answer in one sentence.
    pub answer: Texts<'s>,
    /// What to change to see it go the other way.
    pub try_this: Texts<'s>,
    /// The documents behind it.
    pub sources: Vec<&'s str>,
    /// The edits that make it go the other way.
    pub changes: Vec<At<'s, Change>>,
    /// The architecture.
    pub machine: Option<At<'s, Machine>>,
    /// What the operating system does with the IOMMU.
    pub iommu: Option<At<'s, IommuPolicy>>,
    /// RAM.
    pub rams: Vec<At<'s, Ram>>,
    /// I/O ports that go to PCI.
    pub ports_to_pci: Vec<At<'s, Ports>>,
    /// Windows for CPU accesses.
    pub outbound: Vec<At<'s, Outbound>>,
    /// Windows for device accesses.
    pub inbound: Vec<At<'s, Inbound>>,
    /// Host bridges that have a name; several lines may be of one.
    pub bridges: Vec<At<'s, HostBridge>>,
    /// What the root complex does with requests to other devices.
    pub peers: Option<At<'s, Peers>>,
    /// IOVAs that no device may be given.
    pub reserved_iovas: Vec<At<'s, ReservedIova>>,
    /// Further RAM of virtual machines.
    pub guest_rams: Vec<At<'s, GuestRam>>,
    /// The kernel checks calls of the DMA API.
    pub dma_debug: Option<At<'s, DmaDebug>>,
    /// The bounce buffer pool.
    pub swiotlb: Option<At<'s, Swiotlb>>,
    /// The CPU's cache.
    pub cache: Option<At<'s, Cache>>,
    /// Root ports and switches.
    pub ports: Vec<PortPlan<'s>>,
    /// Devices.
    pub devices: Vec<DevicePlan<'s>>,
    /// Virtual machines.
    pub vms: Vec<At<'s, Vm>>,
    /// Processes.
    pub processes: Vec<At<'s, Process>>,
    /// Memory that firmware keeps for devices.
    pub reserved: Vec<At<'s, Reserved>>,
    /// Under which ids firmware says that devices' requests arrive.
    pub iommu_maps: Vec<At<'s, IommuMap>>,
    /// What happens.
    pub steps: Vec<StepPlan<'s>>,
}

impl<'s> Outline<'s> {
    /// Returns the architecture of the machine's IOMMU, if there is one: a scenario without a `machine` line has the first.
    pub fn architecture(&self) -> Option<Architecture> {
        self.machine.map_or(Some(Architecture::default()), |m| m.arch.value)
    }

    /// Groups the lines of `scenario`.
    pub fn new(scenario: &'s Scenario) -> Self {
        let mut out = Outline::default();
        let mut notes: Vec<Texts<'s>> = Vec::new();
        for line in &scenario.lines {
            let Some(statement) = &line.statement else { continue };
            match statement {
                Statement::Version(version) => out.version = version.value,
                Statement::Steps => {}
                Statement::Header(header) => out.header(header, line.span),
                Statement::Note(note) => {
                    out.note(note, &mut notes);
                    continue;
                }
                Statement::Declaration(declaration) => out.declaration(declaration, line.span),
                Statement::Operation(operation) => {
                    let action = Action::Do(operation);
                    out.steps.push(StepPlan { action, span: line.span, notes: core::mem::take(&mut notes) });
                }
                Statement::Expect(expectation) => {
                    let action = Action::Expect(expectation);
                    out.steps.push(StepPlan { action, span: line.span, notes: core::mem::take(&mut notes) });
                }
            }
            notes.clear();
        }
        out
    }

    fn header(&mut self, header: &'s Header, span: Span) {
        let (slot, text) = match header {
            Header::Title(t) => (&mut self.title.text, t),
            Header::TitleZh(t) => (&mut self.title.zh, t),
            Header::Answer(t) => (&mut self.answer.text, t),
            Header::AnswerZh(t) => (&mut self.answer.zh, t),
            Header::Try(t) => (&mut self.try_this.text, t),
            Header::TryZh(t) => (&mut self.try_this.zh, t),
            Header::Change(node) => return self.changes.push(At { node, span }),
            Header::Source(t) => return self.sources.push(&t.text),
        };
        *slot = Some(&text.text);
    }

    /// A `.zh` note right after a plain one is the same note.
    fn note(&mut self, note: &'s Annotation, notes: &mut Vec<Texts<'s>>) {
        match note {
            Annotation::Note(t) => notes.push(Texts { text: Some(&t.text), zh: None }),
            Annotation::NoteZh(t) => match notes.last_mut() {
                Some(last) if last.zh.is_none() => last.zh = Some(&t.text),
                _ => notes.push(Texts { text: None, zh: Some(&t.text) }),
            },
        }
    }

    fn declaration(&mut self, declaration: &'s Declaration, span: Span) {
        use Declaration as D;
        fn at<T>(node: &T, span: Span) -> At<'_, T> {
            At { node, span }
        }
        let port = |kind, node| PortPlan { kind, port: at(node, span), windows: Vec::new() };
        match declaration {
            D::Machine(d) => self.machine = Some(at(d, span)),
            D::Iommu(d) => self.iommu = Some(at(d, span)),
            D::Ram(d) => self.rams.push(at(d, span)),
            D::Ports(d) => self.ports_to_pci.push(at(d, span)),
            D::Outbound(d) => self.outbound.push(at(d, span)),
            D::Inbound(d) => self.inbound.push(at(d, span)),
            D::Swiotlb(d) => self.swiotlb = Some(at(d, span)),
            D::HostBridge(d) => self.bridges.push(at(d, span)),
            D::Peers(d) => self.peers = Some(at(d, span)),
            D::ReservedIova(d) => self.reserved_iovas.push(at(d, span)),
            D::GuestRam(d) => self.guest_rams.push(at(d, span)),
            D::DmaDebug(d) => self.dma_debug = Some(at(d, span)),
            D::Cache(d) => self.cache = Some(at(d, span)),
            D::RootPort(d) => self.ports.push(port(PortKind::Root, d)),
            D::Switch(d) => self.ports.push(port(PortKind::Upstream, d)),
            D::DownstreamPort(d) => self.ports.push(port(PortKind::Downstream, d)),
            D::Window(d) => {
                if let Some(port) = self.ports.last_mut() {
                    port.windows.push(at(d, span));
                }
            }
            D::Device(d) => self.devices.push(DevicePlan {
                device: at(d, span),
                bars: Vec::new(),
                sriov: Vec::new(),
                vf_bars: Vec::new(),
                locals: Vec::new(),
                engine: None,
                vectors: None,
            }),
            D::Bar(d) => self.of_device(|device| device.bars.push(at(d, span))),
            D::Sriov(d) => self.of_device(|device| device.sriov.push(at(d, span))),
            D::VfBar(d) => self.of_device(|device| device.vf_bars.push(at(d, span))),
            D::Local(d) => self.of_device(|device| device.locals.push(at(d, span))),
            D::Engine(d) => self.of_device(|device| device.engine = Some(at(d, span))),
            D::Vectors(d) => self.of_device(|device| device.vectors = Some(at(d, span))),
            D::Vm(d) => self.vms.push(at(d, span)),
            D::Process(d) => self.processes.push(at(d, span)),
            D::Reserved(d) => self.reserved.push(at(d, span)),
            D::IommuMap(d) => self.iommu_maps.push(at(d, span)),
        }
    }

    fn of_device(&mut self, part: impl FnOnce(&mut DevicePlan<'s>)) {
        if let Some(device) = self.devices.last_mut() {
            part(device);
        }
    }
}
