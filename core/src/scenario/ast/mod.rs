//! A scenario as data: lines in their order with their comments, each statement typed.

mod cpu;
mod device;
mod expect;
mod header;
mod memory;
mod os;
mod software;
mod tables;
mod topology;

use alloc::string::String;
use alloc::vec::Vec;

pub use super::form::{Choice, Name, Page};
use super::form::{Done, Form};
pub use super::number::{Notation, Num};
pub use super::place::{Extent, Loc, OfSubject, Path, Range};
use super::span::Span;

pub use cpu::*;
pub use device::*;
pub use expect::*;
pub use header::*;
pub use memory::*;
pub use os::*;
pub use software::*;
pub use tables::*;
pub use topology::*;

/// A whole scenario: its lines, in order, with comments and empty lines.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scenario {
    /// The lines. The first statement is [`Statement::Version`].
    pub lines: Vec<Line>,
}

/// One line.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Line {
    /// The statement, if there is one.
    pub statement: Option<Statement>,
    /// What follows `#`.
    pub comment: Option<String>,
    /// The whole statement, without the comment.
    pub span: Span,
}

/// One statement.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::large_enum_variant)] // a scenario is small, and boxes would get in the way of every match
pub enum Statement {
    /// `iommu-playground 1`, the first.
    Version(Num),
    /// What the scenario is and teaches.
    Header(Header),
    /// A note on the statement that follows it.
    Note(Annotation),
    /// A part of the machine or of its software.
    Declaration(Declaration),
    /// `steps`: operations follow.
    Steps,
    /// Something that is done.
    Operation(Operation),
    /// What must hold after the operation before it.
    Expect(Expectation),
}

/// A verb and an empty statement of it.
pub(super) type Verb = (&'static str, fn() -> Statement);

macro_rules! statements {
    ($(#[$doc:meta])* $Enum:ident in $Wrap:ident { $( $(#[$vdoc:meta])* $word:literal => $Variant:ident($Type:ty), )* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq)]
        #[allow(clippy::large_enum_variant)]
        pub enum $Enum { $( $(#[$vdoc])* $Variant($Type), )* }

        impl $Enum {
            /// Each verb and an empty statement of it.
            pub(in crate::scenario) const VERBS: &'static [Verb] =
                &[ $( ($word, || Statement::$Wrap($Enum::$Variant(Default::default()))), )* ];
            /// The word or words it begins with.
            pub fn verb(&self) -> &'static str {
                match self { $( $Enum::$Variant(_) => $word, )* }
            }
            pub(in crate::scenario) fn form(&mut self, f: &mut Form<'_>) -> Done {
                match self { $( $Enum::$Variant(s) => s.form(f), )* }
            }
        }
    };
}

statements! {
    /// What the scenario is and teaches.
    Header in Header {
        /// The question it answers.
        "title" => Title(Text),
        /// The same in Chinese.
        "title.zh" => TitleZh(Text),
        /// The answer in one sentence.
        "answer" => Answer(Text),
        /// The same in Chinese.
        "answer.zh" => AnswerZh(Text),
        /// What to change to see it go the other way.
        "try" => Try(Text),
        /// The same in Chinese.
        "try.zh" => TryZh(Text),
        /// The specification or kernel document behind it; may stand several times.
        "source" => Source(Text),
        /// The edit that makes it go the other way: this line becomes that one. May stand several times;
        /// they are done together.
        "change" => Change(Change),
    }
}

statements! {
    /// A note on the statement that follows it.
    Annotation in Note {
        /// In English, or whatever the scenario is written in.
        "note" => Note(Text),
        /// The same in Chinese.
        "note.zh" => NoteZh(Text),
    }
}

statements! {
    /// A part of the machine or of its software.
    Declaration in Declaration {
        /// The architecture, and what its hardware can do.
        "machine" => Machine(Machine),
        /// What the operating system does with the IOMMU.
        "iommu" => Iommu(IommuPolicy),
        /// A range of RAM in the physical map; several make holes between them.
        "ram" => Ram(Ram),
        /// A range of I/O ports that the host bridge sends to PCI.
        "ports" => Ports(Ports),
        /// A host bridge window for CPU accesses to devices.
        "bridge cpu" => Outbound(Outbound),
        /// A host bridge window for device accesses to memory.
        "bridge bus" => Inbound(Inbound),
        /// What the root complex does with a request to another device.
        "bridge peers" => Peers(Peers),
        /// A host bridge of its own, with a name: its segment, windows and MSI target.
        "bridge" => HostBridge(HostBridge),
        /// IOVAs that no device may be given.
        "reserved-iova" => ReservedIova(ReservedIova),
        /// The bounce buffer pool.
        "swiotlb" => Swiotlb(Swiotlb),
        /// The kernel checks every call of the DMA API and says what is wrong.
        "dma-api-debug" => DmaDebug(DmaDebug),
        /// The CPU's cache as devices see it.
        "cache" => Cache(Cache),
        /// A root port.
        "rootport" => RootPort(Port),
        /// The upstream port of a switch.
        "switch" => Switch(Port),
        /// A downstream port of a switch.
        "port" => DownstreamPort(Port),
        /// A window of the port above it: the bus addresses it forwards to what is behind it.
        "window" => Window(Window),
        /// A PCI function.
        "device" => Device(Device),
        /// A BAR of the device above it.
        "bar" => Bar(Bar),
        /// The device above it can make virtual functions (SR-IOV).
        "sriov" => Sriov(SriovLine),
        /// A BAR that each virtual function of the device above it has.
        "vf-bar" => VfBar(VfBar),
        /// A line of the address map inside the device above it.
        "local" => Local(Local),
        /// The DMA engine of the device above it.
        "engine" => Engine(Engine),
        /// How many interrupt vectors the device above it has.
        "vectors" => Vectors(Vectors),
        /// A virtual machine.
        "vm" => Vm(Vm),
        /// Another range of RAM of a virtual machine.
        "guest-ram" => GuestRam(GuestRam),
        /// A process.
        "process" => Process(Process),
        /// Memory that firmware keeps for a device, mapped to itself (RMRR).
        "reserved" => Reserved(Reserved),
        /// Under which id firmware says that a device's requests arrive.
        "iommu-map" => IommuMap(IommuMap),
    }
}

statements! {
    /// Something that is done.
    Operation in Operation {
        /// Takes memory for a buffer.
        "alloc" => Alloc(Alloc),
        /// Gives a buffer's memory back.
        "free" => Free(Free),
        /// Puts bytes into memory, from outside the machine.
        "fill" => Fill(Fill),
        /// Writes one word of physical memory, from outside the machine.
        "poke" => Poke(Poke),
        /// Makes a domain.
        "domain" => Domain(Domain),
        /// Attaches a device to a domain or a virtual machine.
        "attach" => Attach(Attach),
        /// Takes a device out of its domain.
        "detach" => Detach(Detach),
        /// Lets a device use a process's address space.
        "bind" => Bind(Bind),
        /// Ends that.
        "unbind" => Unbind(Unbind),
        /// Writes page table entries that map a range.
        "map" => Map(Map),
        /// Clears page table entries.
        "unmap" => Unmap(Unmap),
        /// Invalidates what the IOMMU remembers.
        "invalidate" => Invalidate(Invalidate),
        /// The operating system empties its queue of deferred invalidations.
        "flush" => Flush(Flush),
        /// Edits the page table entry that a walk reads.
        "entry page" => PageEntry(PageEntry),
        /// Edits the device table entry of a device.
        "entry device" => DeviceEntry(DeviceEntry),
        /// Edits the process table entry of a device and PASID.
        "entry process" => ProcessEntry(ProcessEntry),
        /// Reads a register of the IOMMU.
        "register read" => RegisterRead(RegisterRead),
        /// Writes a register of the IOMMU.
        "register write" => RegisterWrite(RegisterWrite),
        /// Allocates memory that CPU and device may both touch at any time.
        "dma_alloc_coherent" => AllocCoherent(AllocCoherent),
        /// Gives it back.
        "dma_free_coherent" => FreeCoherent(HandleOnly),
        /// Maps a buffer for DMA.
        "dma_map_single" => MapSingle(MapSingle),
        /// Maps a part of a page for DMA.
        "dma_map_page" => MapPage(MapSingle),
        /// Maps a list of buffers for DMA.
        "dma_map_sg" => MapSg(MapSg),
        /// Maps a BAR for another device.
        "dma_map_resource" => MapResource(MapResource),
        /// Ends a mapping.
        "dma_unmap_resource" => UnmapResource(UnmapHandle),
        /// Ends a mapping.
        "dma_unmap_single" => UnmapSingle(UnmapHandle),
        /// Ends a mapping.
        "dma_unmap_page" => UnmapPage(UnmapHandle),
        /// Ends a mapping.
        "dma_unmap_sg" => UnmapSg(UnmapHandle),
        /// Hands a mapped buffer to the CPU.
        "dma_sync_single_for_cpu" => SyncForCpu(Sync),
        /// Hands a mapped buffer to the device.
        "dma_sync_single_for_device" => SyncForDevice(Sync),
        /// Hands a mapped list to the CPU.
        "dma_sync_sg_for_cpu" => SyncSgForCpu(Sync),
        /// Hands a mapped list to the device.
        "dma_sync_sg_for_device" => SyncSgForDevice(Sync),
        /// Says how many address bits the driver lets its device use.
        "dma_set_mask" => SetMask(SetMask),
        /// The same for coherent memory.
        "dma_set_coherent_mask" => SetCoherentMask(SetMask),
        /// Both at once.
        "dma_set_mask_and_coherent" => SetBothMasks(SetMask),
        /// Says how long a segment the device takes.
        "dma_set_max_seg_size" => SetMaxSegment(SetSegment),
        /// Says which address boundary no segment may cross.
        "dma_set_seg_boundary" => SetBoundary(SetSegment),
        /// Says which low bits of an address a bounce slot must keep.
        "dma_set_min_align_mask" => SetMinAlign(SetSegment),
        /// Gives a device memory of its own to allocate coherent memory from.
        "dma_declare_coherent_memory" => DeclareCoherent(DeclareCoherent),
        /// Changes the size of a BAR, and moves it where it fits.
        "resize" => Resize(Resize),
        /// A second kernel takes over while devices still write.
        "kexec" => Kexec(Kexec),
        /// Maps a BAR into the kernel's virtual addresses.
        "ioremap" => Ioremap(Ioremap),
        /// A load.
        "cpu read" => CpuRead(CpuRead),
        /// A store.
        "cpu write" => CpuWrite(CpuWrite),
        /// Pushes cache lines out: dirty ones are written to memory.
        "cpu evict" => CpuEvict(CpuEvict),
        /// Reads an I/O port.
        "cpu in" => CpuIn(CpuIn),
        /// Writes an I/O port.
        "cpu out" => CpuOut(CpuOut),
        /// Reads configuration space.
        "cpu config-read" => ConfigRead(ConfigRead),
        /// Writes configuration space.
        "cpu config-write" => ConfigWrite(ConfigWrite),
        /// A device reads or writes memory.
        "dma" => Dma(Dma),
        /// Writes the registers of a device's DMA engine for one contiguous transfer.
        "program" => Program(Program),
        /// Writes the registers of a device's DMA engine for a linked list of descriptors.
        "program-list" => ProgramList(ProgramList),
        /// Writes a descriptor into memory.
        "descriptor" => Descriptor(Descriptor),
        /// Rings a device's doorbell: its engine starts.
        "doorbell" => Doorbell(Doorbell),
        /// A device sends a message signalled interrupt.
        "msi" => Msi(Msi),
        /// Sets an entry of the interrupt remapping table.
        "interrupt" => InterruptEntry(InterruptEntry),
        /// A device asks the IOMMU for a translation to keep (ATS).
        "ats" => Ats(Ats),
        /// A device asks for a page to be brought in (PRI).
        "page-request" => PageRequest(PageRequest),
        /// A guest's request that the host carries out for it.
        "relay" => Relay(Relay),
    }
}

statements! {
    /// What must hold after the operation before it.
    Expectation in Expect {
        /// The fault, or that there was none.
        "expect fault" => Fault(ExpectFault),
        /// What an operation of the operating system refused with.
        "expect error" => Error(ExpectError),
        /// Bytes in memory, or in a device.
        "expect data" => Data(ExpectData),
        /// What the last CPU, port, configuration or register read gave.
        "expect value" => Value(ExpectValue),
        /// Where the first byte of the last access arrived.
        "expect arrived" => Arrived(ExpectArrived),
        /// What an address translates to, read from the tables without touching a cache.
        "expect translation" => Translation(ExpectTranslation),
        /// The address behind a name.
        "expect address" => Address(ExpectAddress),
        /// What the IOTLB said in the last operation.
        "expect iotlb" => Iotlb(ExpectIotlb),
        /// The interrupt of the last operation.
        "expect interrupt" => Interrupt(ExpectInterrupt),
        /// Which way a peer-to-peer request went.
        "expect route" => Route(ExpectRoute),
        /// A packet that the last operation sent.
        "expect packet" => Packet(ExpectPacket),
        /// Whether two devices are in one IOMMU group.
        "expect group" => Group(ExpectGroup),
        /// Bits of the page table entry that the walk of an address reads.
        "expect entry page" => EntryPage(PageEntry),
        /// Bits of a device table entry.
        "expect entry device" => EntryDevice(DeviceEntry),
        /// Bits of a process table entry.
        "expect entry process" => EntryProcess(ProcessEntry),
        /// What the kernel logged in the last operation.
        "expect log" => Log(ExpectLog),
        /// How often something was counted.
        "expect count" => Count(ExpectCount),
    }
}

impl Statement {
    /// The word or words it begins with.
    pub fn verb(&self) -> &'static str {
        match self {
            Statement::Version(_) => super::MAGIC,
            Statement::Header(s) => s.verb(),
            Statement::Note(s) => s.verb(),
            Statement::Declaration(s) => s.verb(),
            Statement::Steps => "steps",
            Statement::Operation(s) => s.verb(),
            Statement::Expect(s) => s.verb(),
        }
    }

    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        match self {
            Statement::Version(version) => f.num(super::noun::Noun::Version, version),
            Statement::Header(s) => s.form(f),
            Statement::Note(s) => s.form(f),
            Statement::Declaration(s) => s.form(f),
            Statement::Steps => Ok(()),
            Statement::Operation(s) => s.form(f),
            Statement::Expect(s) => s.form(f),
        }
    }
}

/// Makes an enum of words with its [`Choice`].
macro_rules! choices {
    ($( $(#[$doc:meta])* $Enum:ident { $( $(#[$vdoc:meta])* $word:literal => $Variant:ident, )* } )*) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $Enum { $( $(#[$vdoc])* $Variant, )* }
        impl $crate::scenario::ast::Choice for $Enum {
            const WORDS: &'static [(&'static str, Self)] = &[ $( ($word, $Enum::$Variant), )* ];
        }
        impl Default for $Enum {
            fn default() -> Self {
                <Self as $crate::scenario::ast::Choice>::WORDS[0].1
            }
        }
    )* };
}
use choices;
