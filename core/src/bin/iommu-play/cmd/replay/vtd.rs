//! VT-d vectors: recorded outcomes of other units, one setup with its requests a line.
//!
//! Two kinds: QEMU's DMA requests, for which the comparison turns on [`Quirks::QEMU_10`] (`docs/conformance.md` lists what
//! each switch stands for); and those with an interrupt remapping table (`irta`), on which two emulators agree that are
//! taken at their word.

use super::{number, steps, Options, Verdict};
use iommu_core::addr::{AddrRange, Iova, PhysAddr, RequesterId};
use iommu_core::iommu::vtd::walk::{INTERRUPT_FIRST, INTERRUPT_LAST};
use iommu_core::iommu::vtd::{CacheSizes, Config, Quirks, Vtd};
use iommu_core::iommu::{Outcome, Request, Unit};
use iommu_core::memory::{Failure, Memory};
use iommu_core::trace::{Off, Perms, Trace};
use serde_json::Value;

/// What is compared of an outcome.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Seen {
    Pa(u64),
    Interrupt {
        destination: u32,
        vector: u32,
    },
    /// `place`: the address and the requester, where the recording has them.
    Fault {
        code: u64,
        place: Option<(u64, u64)>,
    },
    Nothing,
}

impl std::fmt::Display for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Seen::Pa(pa) => write!(f, "physical address {pa:#x}"),
            Seen::Interrupt { destination, vector } => {
                write!(f, "interrupt {vector:#x} to APIC id {destination:#x}")
            }
            Seen::Fault { code, place: Some((addr, sid)) } => {
                write!(f, "fault {code:#x} at {addr:#x} from {sid:#x}")
            }
            Seen::Fault { code, place: None } => write!(f, "fault {code:#x}"),
            Seen::Nothing => write!(f, "no record"),
        }
    }
}

/// Where the recorded machine has no RAM: q35 below 2.75 GiB of it ends there, and nothing answers above. What
/// tables point at beyond is unreadable.
const NO_RAM_FROM: u64 = 0xb000_0000;

/// The machine of the vectors with interrupts: its RAM ends here, its addresses have 48 bits, and the unit has no
/// scalable mode, no PASIDs, no posting (openvmm's registers).
const SMALL_RAM: u64 = 0x200_0000;
const SMALL_CAP: u64 = 0x00d2_008c_126f_0606;
const SMALL_ECAP: u64 = 0xf010db;

struct Setup {
    config: Config,
    /// What software writes: offset, bytes, value.
    registers: Vec<(u32, u8, u64)>,
    words: Vec<(PhysAddr, u64)>,
    memory: Memory,
    unit: Vtd,
}

impl Setup {
    fn new(line: &Value, quirks: Quirks) -> Result<Self, String> {
        let interrupts = !line["irta"].is_null();
        let (cap, ecap, host_bits) = if interrupts {
            (SMALL_CAP, SMALL_ECAP, 48)
        } else {
            (number(&line["cap"])?, number(&line["ecap"])?, number(&line["aw"])? as u8)
        };
        let caches = CacheSizes { context: 0, pasid: 0, iotlb: 0, interrupt: 0 };
        let config = Config { cap, ecap, host_bits, caches, quirks };
        let words = line["mem"].as_array().ok_or("no \"mem\" list")?.iter();
        let words = words
            .map(|pair| Ok((PhysAddr::new(number(&pair[0])?), number(&pair[1])?)))
            .collect::<Result<Vec<_>, String>>()?;
        let mut memory = Memory::new();
        // But the local APIC's window: as memory it reads as 0 (the live comparison shows it).
        let end = if interrupts { SMALL_RAM } else { NO_RAM_FROM };
        for (from, to) in [(end, INTERRUPT_FIRST), (INTERRUPT_LAST + 1, u64::MAX)] {
            let range = AddrRange::new(PhysAddr::new(from), to - from).ok_or("range")?;
            memory.fail(range, Failure::Access);
        }
        let registers = registers(line)?;
        let mut setup = Setup { config, registers, words, memory, unit: Vtd::new(config) };
        setup.fill()?;
        Ok(setup)
    }

    /// Memory and unit as each request finds them.
    fn fill(&mut self) -> Result<(), String> {
        for (at, word) in &self.words {
            self.memory.write_u64(*at, *word).map_err(|e| e.to_string())?;
        }
        self.unit = Vtd::new(self.config);
        for &(offset, bytes, value) in &self.registers {
            self.unit.write_register(&mut self.memory, offset, bytes, value, &mut Off);
        }
        Ok(())
    }

    /// Our outcome, as the registers show it.
    fn ask(&mut self, request: &Request, trace: Option<&mut Trace>) -> Seen {
        let outcome = match trace {
            Some(trace) => self.unit.translate(&mut self.memory, request, trace),
            None => self.unit.translate(&mut self.memory, request, &mut Off),
        };
        match outcome {
            Outcome::Memory(t) => Seen::Pa(t.to.raw()),
            // Eight bits of the destination fit into the message that is sent on.
            Outcome::Interrupt(d) => {
                Seen::Interrupt { destination: d.destination & 0xff, vector: d.vector & 0xff }
            }
            _ => {
                let at = self.config.fault_offset();
                let read = |at| self.unit.read_register(at, 8, &mut Off).unwrap_or(0);
                let (low, high) = (read(at), read(at + 8));
                match high >> 63 {
                    0 => Seen::Nothing,
                    _ => Seen::Fault { code: high >> 32 & 0xff, place: Some((low & !0xfff, high & 0xffff)) },
                }
            }
        }
    }
}

/// The registers in the order in which they are set: tables first, then what turns on what uses them.
fn registers(line: &Value) -> Result<Vec<(u32, u8, u64)>, String> {
    let (rtaddr, gcmd) = (0x20, 0x18);
    let mut registers = vec![(rtaddr, 8, number(&line["rtaddr"])?), (gcmd, 4, 1 << 30)];
    if line["irta"].is_null() {
        registers.push((gcmd, 4, 1 << 31));
        return Ok(registers);
    }
    registers.extend([(0xb8, 8, number(&line["irta"])?), (gcmd, 4, 1 << 24)]);
    let mut on = 0;
    for (name, bit) in [("te", 31), ("ire", 25), ("cfi", 23)] {
        if line[name].as_bool().ok_or_else(|| format!("{name:?} is neither true nor false"))? {
            on |= 1 << bit;
            registers.push((gcmd, 4, on));
        }
    }
    Ok(registers)
}

fn recorded(out: &Value) -> Result<Seen, String> {
    if let Some(pa) = out.get("pa") {
        return Ok(Seen::Pa(number(pa)?));
    }
    if let Some(message) = out.get("msi") {
        let (address, data) = (number(&message[0])?, number(&message[1])?);
        return Ok(Seen::Interrupt {
            destination: (address >> 12 & 0xff) as u32,
            vector: (data & 0xff) as u32,
        });
    }
    match out.get("fault") {
        // Refused without a record.
        Some(code) if number(code)? == 0 => Ok(Seen::Nothing),
        Some(code) => {
            let place = match out.get("addr") {
                Some(addr) => Some((number(addr)?, number(&out["sid"])?)),
                None => None,
            };
            Ok(Seen::Fault { code: number(code)?, place })
        }
        None => Ok(Seen::Nothing),
    }
}

/// One request of a setup: at `iova`, or at `addr` where messages are among them.
fn request(i: usize, item: &Value) -> Result<Request, String> {
    let requester = RequesterId::new(number(&item["sid"])? as u32);
    let at = Iova::new(number(if item["iova"].is_null() { &item["addr"] } else { &item["iova"] })?);
    match item["op"].as_str() {
        Some("r") => Ok(Request::new(requester, at, Perms::R, 8)),
        Some("w") => Ok(Request::new(requester, at, Perms::W, 8)),
        Some("msi") => {
            let data = Some(number(&item["data"])? as u32);
            Ok(Request { data, ..Request::new(requester, at, Perms::W, 4) })
        }
        other => Err(format!("request {i}: op {other:?} is none of \"r\", \"w\", \"msi\"")),
    }
}

/// Compares every request of a setup.
pub fn replay(line: &Value, options: &Options, each: &mut impl FnMut(usize, Verdict)) -> Result<(), String> {
    let mut quirks = if line["irta"].is_null() { Quirks::QEMU_10 } else { Quirks::NONE };
    for name in &options.without {
        if !quirks.set(name, false) {
            return Err(format!("there is no deviation {name:?}; there are: {}", Quirks::NAMES.join(", ")));
        }
    }
    let mut setup = Setup::new(line, quirks)?;
    let requests = line["requests"].as_array().ok_or("no \"requests\" list")?;
    for (i, item) in requests.iter().enumerate() {
        if item.get("pasid").is_some_and(|p| !p.is_null()) {
            each(i, Verdict::Skip("a request with PASID has no recorded format".into()));
            continue;
        }
        let request = request(i, item)?;
        let theirs = recorded(&item["out"])?;
        setup.fill()?;
        let mut ours = setup.ask(&request, None);
        // Where the recording says only which fault it was, no more is compared.
        if let (Seen::Fault { place, .. }, Seen::Fault { place: None, .. }) = (&mut ours, &theirs) {
            *place = None;
        }
        let beyond = request.at.raw() >> setup.config.host_bits != 0;
        let (width, programming) =
            (Seen::Fault { code: 4, place: None }, Seen::Fault { code: 3, place: None });
        each(
            i,
            if ours == theirs {
                Verdict::Agree
            } else if beyond && ours == programming && theirs == width {
                // An address above the host's width through an entry that is programmed wrongly.
                Verdict::Noted("two-faults".into())
            } else {
                setup.fill()?;
                let mut trace = Trace::new();
                setup.ask(&request, Some(&mut trace));
                let host_bits = setup.config.host_bits;
                let mode = line["mode"].as_str().unwrap_or("?");
                let op = item["op"].as_str().unwrap_or("?");
                Verdict::Differ(format!(
                    "{mode}, {host_bits} bits: {op} at {} by {}\n  recorded: {theirs}\n  ours:     {ours}\n{}",
                    request.at,
                    request.requester,
                    steps::text(&trace)
                ))
            },
        );
    }
    Ok(())
}
