//! The machine of **iommu-playground**: only bits in memory, an immutable trace of everything it did,
//! and views of that trace.
//!
//! # Three examples
//!
//! **Translate one request on tables of your own.** A unit has the registers of its specification, and reads its tables from the memory
//! that it is given; nothing is set up that you did not write. Here, a RISC-V IOMMU with one device context and Sv39 tables.
//!
//! ```
//! use iommu_core::addr::{Iova, PhysAddr, RequesterId};
//! use iommu_core::iommu::riscv::{Config, RiscvUnit};
//! use iommu_core::iommu::{Outcome, Request, Unit};
//! use iommu_core::memory::Memory;
//! use iommu_core::trace::{Event, Perms, Trace};
//!
//! let mut memory = Memory::new();
//! let mut write = |at, word| memory.write_u64(PhysAddr::new(at), word).map(|_| ());
//! // The device context of 00:03.0, 64 bytes: tc.V, and iosatp with Sv39 and its root in fsc.
//! write(0x1_0000 + 0x18 * 64, 1)?;
//! write(0x1_0000 + 0x18 * 64 + 24, 8 << 60 | 0x2_0000 >> 12)?;
//! // Three levels of tables; the leaf has V, R, W, U, A and D.
//! write(0x2_0000, 0x3_0000 >> 12 << 10 | 1)?;
//! write(0x3_0000, 0x4_0000 >> 12 << 10 | 1)?;
//! write(0x4_0000 + 5 * 8, 0x8000_0000 >> 12 << 10 | 0xd7)?;
//!
//! let mut unit = RiscvUnit::new(Config::playground());
//! let mut trace = Trace::new();
//! // ddtp, at offset 16: a directory of one level.
//! unit.write_register(&mut memory, 16, 8, 0x1_0000 >> 12 << 10 | 2, &mut trace);
//!
//! let nic = RequesterId::bdf(0, 3, 0);
//! let request = Request::new(nic, Iova::new(0x5678), Perms::W, 64);
//! let Outcome::Memory(found) = unit.translate(&mut memory, &request, &mut trace) else { panic!() };
//! assert_eq!(found.to.raw(), 0x8000_0678);
//! // The trace has each read of an entry, with the words that were there.
//! let reads = trace.steps().iter().filter(|step| matches!(step.event, Event::Read { .. }));
//! assert!(reads.count() >= 4);
//!
//! let beside = Request::new(nic, Iova::new(0x6000), Perms::W, 64);
//! assert!(matches!(unit.translate(&mut memory, &beside, &mut trace), Outcome::Fault(_)));
//! # Ok::<(), iommu_core::memory::MemError>(())
//! ```
//!
//! **Run a scenario and go through its trace.** Errors have line and column, in two languages.
//!
//! ```
//! use iommu_core::explain::{say, Cast};
//! use iommu_core::machine::run::run;
//! use iommu_core::spec::Lang;
//!
//! let text = "\
//! iommu-playground 1
//! machine vt-d
//! iommu strict
//! ram 0 .. 1G
//! device nic 00:03.0
//! steps
//!   alloc buf 4K
//!   rx = dma_map_single nic buf from-device
//!   dma nic write rx data \"hello\"
//!   expect data buf = \"hello\"
//! ";
//! let run = run(text).expect("a scenario");
//! assert!(run.failures().next().is_none() && run.stopped.is_none());
//! let cast = Cast::of_run(&run, text);
//! let trace = &run.machine.trace;
//! let sentences: Vec<String> =
//!     (0..trace.len()).map(|at| say(trace, at, &cast).text.get(Lang::En).into()).collect();
//! assert!(sentences.iter().any(|sentence| sentence.contains("0xfffff000")), "{sentences:#?}");
//!
//! let wrong = iommu_core::machine::run::run(&text.replace("strict", "strct")).err().expect("a problem");
//! assert_eq!(wrong.0[0].span.line, 3);
//! ```
//!
//! **Draw a picture**, of any position: characters or SVG. Going back is undoing, so positions may come in any order.
//!
//! ```
//! use iommu_core::diagram::render::{Charset, Theme, Wrapper};
//! use iommu_core::diagram::Options;
//! use iommu_core::scenario::presets::by_name;
//! use iommu_core::spec::Lang;
//! use iommu_core::view::{export::Form, Player};
//!
//! let preset = by_name("howto").expect("it comes with the crate");
//! let mut player = Player::open(preset.text).expect("it runs");
//! let end = player.course(Lang::En).length as usize;
//! let options = Options { width: 112, ..Options::default() };
//! let text = player.draw(end, Form::Text(Charset::Ascii, Wrapper::Plain), Theme::Auto, &options);
//! assert!(text.contains("| IOMMU |") && text.lines().all(|line| line.len() <= 112));
//! let svg = player.draw(0, Form::Svg, Theme::Light, &options);
//! assert!(svg.starts_with("<svg"));
//! ```
//!
//! # Shapes, units, errors, sources
//!
//! * Addresses have a type for each space ([`addr`]); lengths are in bytes, positions count steps of a trace from 0.
//! * Nothing panics on input: what is wrong is an enum that says what, where and which value, and long runs draw from a [`budget`].
//! * What hardware does is cited where it is done, by section; `docs/sources.md` has the editions, `docs/conformance.md` what it is held
//!   against.
//!
//! # Rooms
//!
//! Bottom to top; a room imports only from those above it in this list:
//!
//! * [`addr`]: one type for each address space
//! * [`memory`]: sparse physical memory
//! * [`spec`]: structures, registers, fault codes and rules in their specification's words
//! * [`budget`]: what a run may spend: work, memory, steps
//! * [`trace`]: what the machine did, step by step
//! * [`paging`]: page-table formats, the walker, the builder
//! * [`platform`]: physical address map, host bridge, PCI Express
//! * [`iommu`]: requests from devices become addresses, interrupts or faults
//! * [`mmu`]: the CPU's side: virtual addresses become physical ones
//! * [`dma`]: a device's engine: registers, descriptors, packets
//! * [`os`]: what the operating system does: the DMA API and what is under it
//! * [`scenario`]: the text language: parse, print, what is wrong and where
//! * [`machine`]: built from a scenario, run to its end, known at any step
//! * [`diagram`]: what a picture is made of, its layout on a character grid, text and SVG
//! * [`explain`]: what happened, in words; fault logs of real machines
//! * [`view`]: all that a page shows of one position of a trace
//! * [`picture`]: the machine at one position, as the parts of a picture
//! * [`places`]: where is this byte, and who can reach it
//! * [`link`]: a scenario and a position as the fragment of a URL
//! * `import` (with the feature of that name): a machine from texts of a running system
#![cfg_attr(not(any(feature = "std", test)), no_std)]
#![forbid(unsafe_code)]
#![deny(missing_docs)]

extern crate alloc;

pub mod addr;
pub mod budget;
pub mod diagram;
pub mod dma;
pub mod explain;
#[cfg(feature = "import")]
pub mod import;
pub mod iommu;
pub mod link;
pub mod machine;
pub mod memory;
pub mod mmu;
pub mod oracle;
pub mod os;
pub mod paging;
pub mod picture;
pub mod places;
pub mod platform;
pub mod scenario;
mod spans;
pub mod spec;
pub mod trace;
pub mod view;
