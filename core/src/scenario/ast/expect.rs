//! What must hold. An expectation is about the operation before it, or about the state it left.

use alloc::format;
use alloc::string::String;

use super::*;
use crate::iommu::Architecture;
use crate::scenario::faults;
use crate::scenario::form::{is_code_name, is_word};
use crate::scenario::noun::Noun;
use crate::scenario::span::Node;

/// A fault as expected.
#[derive(Clone, Debug, PartialEq)]
pub enum FaultWant {
    /// The architecture's code.
    Code(Num),
    /// The architecture's name for it, or a CPU's: `page-fault`, `ept-violation`; or `any`, `none`.
    Name(Name),
}

impl Default for FaultWant {
    fn default() -> Self {
        FaultWant::Name(Node::new("none".into()))
    }
}

impl FaultWant {
    /// Is it `none`?
    pub fn is_none(&self) -> bool {
        matches!(self, FaultWant::Name(name) if name.value == "none")
    }
    /// Is it `any`?
    pub fn is_any(&self) -> bool {
        matches!(self, FaultWant::Name(name) if name.value == "any")
    }
    fn form(&mut self, f: &mut Form<'_>, on: Option<Architecture>) -> Done {
        // A name as it is shown may have blanks and slashes: it stands in quotes.
        if f.starts_text(
            matches!(self, FaultWant::Name(name) if !is_word(&name.value) && !is_code_name(&name.value)),
        ) {
            let mut name = if let FaultWant::Name(name) = &self { name.clone() } else { Node::default() };
            f.text(Noun::Fault, &mut name)?;
            *self = FaultWant::Name(name);
            return f.refuse(|| match self {
                FaultWant::Name(name) => faults::check(name, on),
                FaultWant::Code(_) => None,
            });
        }
        f.number_or_word(
            Noun::Fault,
            self,
            |want| match want {
                FaultWant::Code(n) => Ok(*n),
                FaultWant::Name(n) => Err(n.clone()),
            },
            |v| match v {
                Ok(n) => FaultWant::Code(n),
                Err(n) => FaultWant::Name(n),
            },
        )?;
        f.refuse(|| match self {
            FaultWant::Name(name) => faults::check(name, on),
            FaultWant::Code(code) => faults::check_code(code, on),
        })
    }
}

/// `expect fault none`, `expect fault 0x6 at 0x1000`, `expect fault vt-d 0x6 riscv 13`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExpectFault {
    /// On any architecture that has no line of its own.
    pub any: Option<FaultWant>,
    /// On single architectures, in the order of [`Architecture::ALL`].
    pub each: [Option<FaultWant>; Architecture::ALL.len()],
    /// The address in the fault record.
    pub at: Option<Loc<OfSubject>>,
}

impl super::Expectation {
    /// Does it say something of a machine with this architecture (none: without an IOMMU)?
    pub fn is_for(&self, architecture: Option<Architecture>) -> bool {
        let only = match self {
            super::Expectation::Fault(e) => return e.on(architecture).is_some(),
            super::Expectation::Count(e) => e.on,
            super::Expectation::Interrupt(e) => e.on,
            _ => None,
        };
        only.is_none_or(|only| only.value == architecture)
    }
}

impl ExpectFault {
    /// What is expected on an architecture (none: without an IOMMU), if anything.
    pub fn on(&self, architecture: Option<Architecture>) -> Option<&FaultWant> {
        let at = Architecture::ALL.iter().position(|a| Some(*a) == architecture);
        at.and_then(|at| self.each[at].as_ref()).or(self.any.as_ref())
    }

    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        let words = Architecture::WORDS;
        if f.describe(&format!("FAULT | {}", words.map(|word| format!("{word} FAULT")).join(" "))) {
            words.into_iter().for_each(|word| f.keyword(word));
            return f.clause("at", &mut self.at, Form::loc);
        }
        if !f.starts_with_word(&words, self.any.is_none()) {
            let mut any = self.any.clone().unwrap_or_default();
            any.form(f, None)?;
            self.any = Some(any);
        }
        f.clauses(|f| {
            for (a, want) in Architecture::ALL.into_iter().zip(&mut self.each) {
                f.clause(a.describe().word, want, |f, want| want.form(f, Some(a)))?;
            }
            f.clause("at", &mut self.at, Form::loc)
        })
    }
}

/// What an operation of the operating system must have refused with.
#[derive(Clone, Debug, PartialEq)]
pub enum ErrorWant {
    /// By name: `none`, `any`, `no-space`, `swiotlb-full`, `not-viable`, `mask`, ...
    Name(Name),
    /// Its message contains this.
    Text(Node<String>),
}

impl Default for ErrorWant {
    fn default() -> Self {
        ErrorWant::Name(Node::new("none".into()))
    }
}

/// `expect error swiotlb-full`, `expect error "group is not viable"`, `expect error none`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExpectError {
    /// The error.
    pub error: ErrorWant,
}

impl ExpectError {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        if f.starts_text(matches!(self.error, ErrorWant::Text(_))) {
            let mut text =
                if let ErrorWant::Text(text) = &self.error { text.clone() } else { Node::default() };
            f.text(Noun::ErrorName, &mut text)?;
            self.error = ErrorWant::Text(text);
        } else {
            let mut name =
                if let ErrorWant::Name(name) = &self.error { name.clone() } else { Node::default() };
            f.name(Noun::ErrorName, &mut name)?;
            self.error = ErrorWant::Name(name);
        }
        Ok(())
    }
}

choices! {
    /// How two things compare.
    Equality {
        /// Equal.
        "=" => Equal,
        /// Not equal.
        "!=" => Different,
    }
    /// How two numbers compare.
    Comparison {
        /// Equal.
        "=" => Equal,
        /// Not equal.
        "!=" => Different,
        /// At least.
        ">=" => AtLeast,
        /// At most.
        "<=" => AtMost,
    }
}

impl Comparison {
    /// Does `left` compare so to `right`?
    pub fn holds<T: Ord>(self, left: T, right: T) -> bool {
        match self {
            Comparison::Equal => left == right,
            Comparison::Different => left != right,
            Comparison::AtLeast => left >= right,
            Comparison::AtMost => left <= right,
        }
    }
}

/// `expect data rx = "hello"`, `expect data rx +16 != byte 0`, `expect data nic = of tx`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExpectData {
    /// Where: a buffer or an address of `space`; a device's name alone is what it received last.
    pub at: Loc<OfSubject>,
    /// How many bytes; by default as many as the data has, or the whole buffer.
    pub len: Option<Num>,
    /// Equal or not.
    pub equality: Node<Equality>,
    /// To what.
    pub data: Bytes,
    /// As seen in this process or virtual machine; none: as the host's CPU sees it, through its cache.
    pub space: Option<Name>,
    /// As it is in memory, past the cache.
    pub in_memory: bool,
}

impl ExpectData {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.loc(&mut self.at)?;
        f.opt_length(&mut self.len)?;
        f.choice(&mut self.equality)?;
        self.data.form(f)?;
        f.clauses(|f| {
            f.opt_name("in", Noun::CpuSpace, &mut self.space)?;
            f.flag("in-memory", &mut self.in_memory)
        })
    }
}

/// `expect value 0xffff_ffff`, `expect value 1 mask 1`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExpectValue {
    /// The value.
    pub value: Num,
    /// Only these bits count (all by default).
    pub mask: Option<Num>,
}

impl ExpectValue {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.num(Noun::Number, &mut self.value)?;
        f.clauses(|f| f.opt_num("mask", Noun::Number, &mut self.mask))
    }
}

/// `expect arrived at 0x1_0000_2000`, `expect arrived at rx.pa`, `expect arrived nowhere`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExpectArrived {
    /// The physical (or, peer to peer, bus) address; none: nowhere.
    pub at: Option<Loc<OfSubject>>,
}

impl ExpectArrived {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.either("nowhere", "at", &mut self.at, Form::loc)
    }
}

/// `expect translation d0 0x1000 -> rx.pa`, `expect translation db 0x7f00_0000_0000 nowhere`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExpectTranslation {
    /// A process, a virtual machine, a domain, or a device: the domain it is in.
    pub space: Name,
    /// The address.
    pub at: Loc<OfSubject>,
    /// The output; none: the address has no translation.
    pub to: Option<Loc<OfSubject>>,
}

impl ExpectTranslation {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.name(Noun::CacheOwner, &mut self.space)?;
        f.loc(&mut self.at)?;
        f.either("nowhere", "->", &mut self.to, Form::loc)
    }
}

/// `expect address rx >= 4G`, `expect address rx.pa = 0x1_0000_0000`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExpectAddress {
    /// The name: a handle is its DMA address, a buffer its CPU address, `.pa` and others choose the space.
    pub of: Loc<OfSubject>,
    /// How it compares.
    pub comparison: Node<Comparison>,
    /// With what.
    pub to: Loc<OfSubject>,
}

impl ExpectAddress {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.loc(&mut self.of)?;
        f.choice(&mut self.comparison)?;
        f.loc(&mut self.to)
    }
}

/// `expect log "different size"`, `expect log none`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExpectLog {
    /// What a line of the log contains; none: nothing was logged.
    pub text: Option<Node<String>>,
}

impl ExpectLog {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.either("none", "has", &mut self.text, |f, text| f.text(Noun::Text, text))
    }
}

choices! {
    /// What the IOTLB said.
    IotlbVerdict {
        /// Found, and the tables say the same.
        "hit" => Hit,
        /// Not found: the tables were walked.
        "miss" => Miss,
        /// Found, but the tables no longer say the same.
        "stale" => Stale,
    }
    /// Which way a peer-to-peer request went.
    RouteKind {
        /// The switch turned it around: the IOMMU never saw it.
        "direct" => Direct,
        /// ACS sent it up to the root complex, and it came back down.
        "redirected" => Redirected,
        /// To memory.
        "memory" => Memory,
        /// Nowhere: the device's own map kept it inside.
        "own" => Own,
    }
    /// What can be counted.
    Counter {
        /// Table entries read, of all tables.
        "reads" => Reads,
        /// IOTLB hits.
        "iotlb-hits" => IotlbHits,
        /// IOTLB misses.
        "iotlb-misses" => IotlbMisses,
        /// Translations the IOMMU did, from the IOTLB or by a walk.
        "translations" => Translations,
        /// Request packets.
        "packets" => Packets,
        /// Copies by a CPU.
        "copies" => Copies,
        /// Bytes copied by a CPU.
        "copied" => Copied,
        /// Exits from a guest.
        "exits" => Exits,
        /// Faults recorded.
        "faults" => Faults,
        /// Interrupts delivered.
        "interrupts" => Interrupts,
        /// Invalidation commands.
        "invalidations" => Invalidations,
        /// Bytes that a device moved, also when it stopped part way.
        "transferred" => Transferred,
        /// Mapped segments of the last `dma_map_sg`.
        "nents" => Nents,
        /// Entries it was given.
        "orig-nents" => OrigNents,
        /// Descriptors fetched.
        "descriptors" => Descriptors,
        /// Page requests.
        "page-requests" => PageRequests,
    }
}

/// `expect iotlb miss`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExpectIotlb {
    /// At the first page of the operation.
    pub verdict: Node<IotlbVerdict>,
}

impl ExpectIotlb {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.choice(&mut self.verdict)
    }
}

choices! {
    /// How an interrupt arrived, or did not.
    Delivery {
        /// As the device wrote it.
        "direct" => Direct,
        /// As the remapping table says.
        "remapped" => Remapped,
        /// Posted to a running guest.
        "posted" => Posted,
    }
}

/// `expect interrupt vector 0x41 cpu 2 remapped`, `expect interrupt none`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExpectInterrupt {
    /// The vector; none: no interrupt arrived.
    pub vector: Option<Num>,
    /// At this CPU.
    pub cpu: Option<Num>,
    /// In this virtual machine.
    pub vm: Option<Name>,
    /// How.
    pub delivery: Option<Node<Delivery>>,
    /// Only where the machine is of this architecture.
    pub on: Option<Node<Option<Architecture>>>,
}

impl ExpectInterrupt {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.either("none", "vector", &mut self.vector, |f, n| f.num(Noun::Vector, n))?;
        f.clauses(|f| {
            f.opt_num("cpu", Noun::Number, &mut self.cpu)?;
            f.opt_name("vm", Noun::Vm, &mut self.vm)?;
            f.opt_choice(&mut self.delivery)?;
            f.clause("on", &mut self.on, Form::choice)
        })
    }
}

/// `expect route direct`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExpectRoute {
    /// The way.
    pub route: Node<RouteKind>,
}

impl ExpectRoute {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.choice(&mut self.route)
    }
}

choices! {
    /// A kind of packet, as the PCI Express specification abbreviates it.
    PacketKind {
        /// Memory read.
        "MRd" => MemoryRead,
        /// Memory write.
        "MWr" => MemoryWrite,
        /// I/O read.
        "IORd" => IoRead,
        /// I/O write.
        "IOWr" => IoWrite,
        /// Configuration read.
        "CfgRd" => ConfigRead,
        /// Configuration write.
        "CfgWr" => ConfigWrite,
        /// Completion without data.
        "Cpl" => Completion,
        /// Completion with data.
        "CplD" => CompletionData,
    }
}

/// `expect packet MWr at 0x8001_0010`: one of the packets of the operation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExpectPacket {
    /// Its kind.
    pub kind: Node<PacketKind>,
    /// The address in it.
    pub at: Option<Loc<OfSubject>>,
    /// The requester id in it.
    pub requester: Option<Node<crate::addr::RequesterId>>,
    /// The PASID in it.
    pub pasid: Option<Node<crate::addr::Pasid>>,
}

impl ExpectPacket {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.choice(&mut self.kind)?;
        f.clauses(|f| {
            f.clause("at", &mut self.at, Form::loc)?;
            f.clause("requester", &mut self.requester, Form::bdf)?;
            f.clause("pasid", &mut self.pasid, Form::pasid)
        })
    }
}

/// `expect group nic = gpu`, `expect group nic != gpu`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExpectGroup {
    /// One device.
    pub one: Name,
    /// In one group, or not.
    pub equality: Node<Equality>,
    /// The other.
    pub other: Name,
}

impl ExpectGroup {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.name(Noun::Device, &mut self.one)?;
        f.choice(&mut self.equality)?;
        f.name(Noun::Device, &mut self.other)
    }
}

/// `expect count reads = 24`, `expect count copied >= 4K total`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExpectCount {
    /// What is counted.
    pub counter: Node<Counter>,
    /// How it compares.
    pub comparison: Node<Comparison>,
    /// With what.
    pub count: Num,
    /// Since the first step, not only in the operation before it.
    pub total: bool,
    /// Only where the machine is of this architecture.
    pub on: Option<Node<Option<Architecture>>>,
}

impl ExpectCount {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.choice(&mut self.counter)?;
        f.choice(&mut self.comparison)?;
        f.num(Noun::Count, &mut self.count)?;
        f.clauses(|f| {
            f.flag("total", &mut self.total)?;
            f.clause("on", &mut self.on, Form::choice)
        })
    }
}
