//! AMD-Vi vectors, one set-up a line. Three kinds: translations and messages through QEMU's unit (`out`); requests with the
//! outcome and the event words on which two emulators agree, or which the specification decides (`want`); and sequences of
//! register writes, requests and changes of memory (`steps`). `docs/conformance-amd-vi.md` says what is compared.

use super::{number, steps, Verdict};
use iommu_core::addr::{AddrRange, Iova, PhysAddr, RequesterId};
use iommu_core::iommu::amdvi::interrupts::Interrupt;
use iommu_core::iommu::amdvi::request::Refused;
use iommu_core::iommu::amdvi::spec::interrupts::{address, message};
use iommu_core::iommu::amdvi::spec::registers::{
    self as reg, control, efr, levels, msi_cap, ring_base, status,
};
use iommu_core::iommu::amdvi::translate::{Answer, Reached};
use iommu_core::iommu::amdvi::{AmdViUnit, CacheSizes, Config, Reply};
use iommu_core::iommu::{Request, Unit};
use iommu_core::memory::{Failure, Memory};
use iommu_core::spec::{Bits, Register};
use iommu_core::trace::{Event, InterruptKind, Observer, Off, Perms, Recorded, Trace};
use serde_json::Value;

/// Where the recorded machines have RAM.
const QEMU_RAM: u64 = 0x8000_0000;
const SMALL_RAM: u64 = 0x200_0000;

/// Deviations that are expected, by what is compared.
const LOG_RUN: &str = "log-run";
const STALE: &str = "stale";

const NO_CACHES: CacheSizes = CacheSizes { devices: 0, processes: 0, interrupts: 0, iotlb: 0 };

struct Machine {
    memory: Memory,
    unit: AmdViUnit,
}

impl Machine {
    fn new(line: &Value, caches: CacheSizes) -> Result<Self, String> {
        let mut memory = Memory::new();
        let (word, end) = match line.get("efr") {
            Some(word) => (number(word)?, QEMU_RAM),
            None => {
                let ga = line["ga"].as_bool().unwrap_or(false);
                let word = 0u64.with(efr::HATS, levels::SIX).with_flag(efr::IA_SUP, true);
                (word.with_flag(efr::GA_SUP, ga), SMALL_RAM)
            }
        };
        let range = AddrRange::new(PhysAddr::new(end), u64::MAX - end).ok_or("range")?;
        memory.fail(range, Failure::Access);
        let qemu = line.get("efr").is_some();
        // The unit's own messages are counted: its MSI capability is among the registers.
        let config = Config::compared(word.with_flag(efr::MSI_CAP, true), qemu, caches);
        let mut machine = Machine { memory, unit: AmdViUnit::new(config) };
        machine.fill(&line["mem"])?;
        // The unit's own messages, so that they can be counted.
        let on = 0u64.with_flag(msi_cap::EN, true);
        machine.write(reg::msi_cap::OFFSET, 4, on, &mut Off);
        machine.write(reg::msi_addr_low::OFFSET, 4, 0xfee0_0000, &mut Off);
        for register in line["regs"].as_array().ok_or("no \"regs\" list")? {
            let (offset, value) = match register.as_array().map(Vec::len) {
                Some(3) => (&register[0], &register[2]),
                _ => (&register[0], &register[1]),
            };
            machine.write(number(offset)? as u32, 8, number(value)?, &mut Off);
        }
        Ok(machine)
    }

    fn fill(&mut self, words: &Value) -> Result<(), String> {
        for pair in words.as_array().ok_or("no list of words")? {
            let at = PhysAddr::new(number(&pair[0])?);
            self.memory.write_u64(at, number(&pair[1])?).map_err(|e| e.to_string())?;
        }
        Ok(())
    }

    fn write(&mut self, at: u32, bytes: u8, value: u64, obs: &mut impl Observer) {
        self.unit.write_register(&mut self.memory, at, bytes, value, obs);
    }

    fn read(&self, register: &Register) -> u64 {
        self.unit.read_register(register.offset, register.bytes, &mut Off).unwrap_or(0)
    }

    /// The last entry of the event log: its two words.
    fn last_event(&self) -> Option<[u64; 2]> {
        let at = self.read(&reg::EVENT_BASE).address(ring_base::BASE);
        let tail = self.read(&reg::EVENT_TAIL).checked_sub(16)?;
        let word = |i| self.memory.read_u64(PhysAddr::new(at + tail + i)).ok();
        Some([word(0)?, word(8)?])
    }
}

/// Our outcome, in the recording's terms.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Seen {
    Pa(u64),
    Interrupt { vector: u8, destination: u32, logical: bool, kind: u8, direct: bool },
    Refused { code: u16, recorded: Recorded },
}

impl Seen {
    fn of(reply: &Reply) -> Self {
        match reply {
            Reply::Answer(Answer::Memory(Reached { to, .. })) => Seen::Pa(*to),
            Reply::Answer(Answer::Interrupt(Interrupt {
                vector, destination, logical, kind, how, ..
            })) => {
                let (vector, destination, logical, kind) = (*vector, *destination, *logical, *kind);
                Seen::Interrupt { vector, destination, logical, kind, direct: *how == InterruptKind::Direct }
            }
            Reply::Refused(Refused { event, .. }, recorded) => {
                Seen::Refused { code: event.map_or(0, |event| event.code.code), recorded: *recorded }
            }
        }
    }

    /// Does a message say the same interrupt?
    fn is_message(&self, at: u64, data: u64) -> bool {
        match *self {
            Seen::Interrupt { vector, destination, logical, kind, .. } => {
                u64::from(vector) == data.bits(message::VECTOR)
                    && u64::from(kind) == data.bits(message::TYPE)
                    && u64::from(destination as u8) == at.bits(address::DESTINATION)
                    && logical == at.is_set(address::DM)
            }
            _ => false,
        }
    }

    /// The interrupt that `irte` says.
    fn entry(irte: &Value, direct: bool) -> Result<Self, String> {
        let of = |key: &str| number(&irte[key]);
        Ok(Seen::Interrupt {
            vector: of("vector")? as u8,
            destination: of("dest")? as u32,
            logical: of("dm")? != 0,
            kind: of("type")? as u8,
            direct,
        })
    }

    /// Destinations of 32 bits were read back from an address FEE0_0000h + destination << 12, which ORs FEE00h into them.
    fn through_a_message(self) -> Self {
        match self {
            Seen::Interrupt { vector, destination, logical, kind, direct } => {
                let destination = if destination > 0xff { destination | 0xfee00 } else { destination };
                Seen::Interrupt { vector, destination, logical, kind, direct }
            }
            other => other,
        }
    }

    /// Does it agree with what is wanted, the log's words left aside?
    fn agrees(&self, want: &Value) -> Result<bool, String> {
        if let Some(pa) = want.get("pa") {
            return Ok(*self == Seen::Pa(number(pa)?));
        }
        if let Some(message) = want.get("msi") {
            return Ok(self.is_message(number(&message[0])?, number(&message[1])?));
        }
        if let Some(at) = want.get("addr") {
            return Ok(self.is_message(number(at)?, number(&want["data"])?));
        }
        if let Some(irte) = want.get("irte") {
            return Ok(
                *self == Seen::entry(irte, false)? || self.through_a_message() == Seen::entry(irte, false)?
            );
        }
        let Seen::Refused { code, recorded } = *self else { return Ok(false) };
        let Some(fault) = want.get("fault") else {
            return Ok(want.get("refused").or(want.get("blocked")).is_some());
        };
        Ok(match number(fault)? {
            // Refused, and nothing was logged.
            0 => !matches!(recorded, Recorded::At(_)),
            fault => {
                let quiet = recorded == Recorded::Suppressed;
                u64::from(code) == fault
                    && (want.get("suppressed").is_none() || quiet)
                    && (want.get("event").is_none() || matches!(recorded, Recorded::At(_)))
                    && (want.get("unlogged").is_none() || !matches!(recorded, Recorded::At(_)))
            }
        })
    }
}

fn request(i: usize, item: &Value) -> Result<Request, String> {
    let requester = if item["devid"].is_null() { &item["sid"] } else { &item["devid"] };
    let requester = RequesterId::new(number(requester)? as u32);
    let message = !item["msi"].is_null();
    let at = Iova::new(number(if message { &item["msi"] } else { &item["addr"] })?);
    let op = if message { "msi" } else { item["op"].as_str().unwrap_or("") };
    match op {
        "r" => Ok(Request::new(requester, at, Perms::R, 8)),
        "w" => Ok(Request::new(requester, at, Perms::W, 8)),
        "msi" => {
            let data = Some(number(&item["data"])? as u32);
            Ok(Request { data, ..Request::new(requester, at, Perms::W, 4) })
        }
        other => Err(format!("request {i}: op {other:?} is none of \"r\", \"w\", \"msi\"")),
    }
}

/// Compares every request or step of a set-up.
pub fn replay(line: &Value, each: &mut impl FnMut(usize, Verdict)) -> Result<(), String> {
    if line["kind"].as_str() == Some("commands") {
        return sequence(line, each);
    }
    let requests = line["requests"].as_array().ok_or("no \"requests\" list")?;
    for (i, item) in requests.iter().enumerate() {
        let want = match item.get("want") {
            Some(want) => want,
            None => &line["out"][i],
        };
        let request = request(i, item)?;
        // Memory as listed and empty caches: each request has a machine of its own.
        let mut machine = Machine::new(line, NO_CACHES)?;
        let seen = Seen::of(&machine.unit.ask(&mut machine.memory, &request, &mut Off));
        let mut agrees = seen.agrees(want)?;
        if let Some(event) = want.get("event").filter(|_| agrees) {
            let wanted = [number(&event[0])?, number(&event[1])?];
            agrees = machine.last_event().is_some_and(|ours| same_event(ours, wanted));
        }
        each(
            i,
            if agrees {
                Verdict::Agree
            } else if want.get("irte").is_some_and(|irte| as_written(irte, &request)) {
                Verdict::LeftOut
            } else {
                let logged = machine.last_event();
                let mut trace = Trace::new();
                let mut machine = Machine::new(line, NO_CACHES)?;
                machine.unit.ask(&mut machine.memory, &request, &mut trace);
                Verdict::Differ(format!(
                    "{item}\n  recorded: {want}\n  ours:     {seen:x?}, log {logged:x?}\n{}",
                    steps::text(&trace)
                ))
            },
        );
    }
    Ok(())
}

/// Does an entry that is said to remap give back the message as it was written, FEEh of its address included?
fn as_written(irte: &Value, request: &Request) -> bool {
    let of = |key: &str| number(&irte[key]).ok();
    let (at, data) = (request.at.raw(), u64::from(request.data.unwrap_or(0)));
    of("dest") == Some(at >> 12) && of("vector") == Some(data.bits(message::VECTOR))
}

/// Faults found in a walk are logged with the page; those found before it with the full address: from bit 12 up both are
/// the same.
fn same_event(ours: [u64; 2], wanted: [u64; 2]) -> bool {
    let page = if Seen::IO_PAGE_FAULT == wanted[0] >> 60 { 12 } else { 0 };
    ours[0] == wanted[0] && ours[1] >> page == wanted[1] >> page
}

impl Seen {
    const IO_PAGE_FAULT: u64 = 2;
}

/// Everything carries over from step to step. One unit remembers nothing and must agree; a second one, with caches, may
/// differ where software has not yet said that memory changed.
fn sequence(line: &Value, each: &mut impl FnMut(usize, Verdict)) -> Result<(), String> {
    let mut plain = Machine::new(line, NO_CACHES)?;
    let mut caching = Machine::new(line, Config::playground().caches)?;
    for (i, step) in line["steps"].as_array().ok_or("no \"steps\" list")?.iter().enumerate() {
        if let Some(words) = step.get("write") {
            plain.fill(words)?;
            caching.fill(words)?;
            continue;
        }
        let (one, shown) = take(&mut plain, i, step)?;
        let (two, _) = take(&mut caching, i, step)?;
        each(
            i,
            match (one, two) {
                (Step::Agree, Step::Agree) => Verdict::Agree,
                (Step::LogRun, Step::Agree | Step::LogRun) => Verdict::Noted(LOG_RUN.into()),
                (Step::Agree | Step::LogRun, Step::Differ) if step.get("req").is_some() => {
                    Verdict::Noted(STALE.into())
                }
                _ => Verdict::Differ(shown),
            },
        );
    }
    Ok(())
}

enum Step {
    Agree,
    /// After an overflow they go on saying that the log runs.
    LogRun,
    Differ,
}

fn take(machine: &mut Machine, i: usize, step: &Value) -> Result<(Step, String), String> {
    let out = &step["out"];
    let mut trace = Trace::new();
    let mut agrees = true;
    let mut shown = String::new();
    if let Some(register) = step.get("reg") {
        machine.write(number(&register[0])? as u32, 8, number(&register[1])?, &mut trace);
        for (key, register) in [("head", &reg::COMMAND_HEAD), ("tail", &reg::COMMAND_TAIL)] {
            agrees &= number(&out[key])? == machine.read(register);
        }
        for (key, register) in [(0, &reg::EVENT_HEAD), (1, &reg::EVENT_TAIL)] {
            agrees &= number(&out["log"][key])? == machine.read(register);
        }
        for stored in out["stored"].as_array().into_iter().flatten() {
            let word = machine.memory.read_u64(PhysAddr::new(number(&stored[0])?)).ok();
            agrees &= word == Some(number(&stored[1])?);
        }
        let read = |register| machine.read(register);
        shown = format!(
            "head {:#x} tail {:#x} log {:#x} {:#x}",
            read(&reg::COMMAND_HEAD),
            read(&reg::COMMAND_TAIL),
            read(&reg::EVENT_HEAD),
            read(&reg::EVENT_TAIL)
        );
    } else if let Some(item) = step.get("req") {
        let request = request(i, item)?;
        let seen = Seen::of(&machine.unit.ask(&mut machine.memory, &request, &mut trace));
        agrees = seen.agrees(out)?;
        shown = format!("{seen:x?}");
    }
    // A request that became an interrupt is none of the unit's own.
    let own = |event: &Event| matches!(event, Event::Interrupt { .. });
    let raised = trace.steps().iter().filter(|step| own(&step.event)).count() as u64;
    agrees &= number(&out["irq"])? == raised;
    let (theirs, ours) = (number(&out["status"])?, machine.read(&reg::STATUS));
    let text = format!(
        "{step}\n  ours:     {shown}, status {ours:#x}, {raised} interrupts\n{}",
        steps::text(&trace)
    );
    let run = 0u64.with_flag(status::EVENT_RUN, true);
    let enabled = machine.read(&reg::CONTROL).is_set(control::EVENT_LOG_EN);
    Ok(match (agrees, theirs ^ ours) {
        (true, 0) => (Step::Agree, text),
        (true, differ) if differ == run && enabled && !ours.is_set(status::EVENT_RUN) => (Step::LogRun, text),
        _ => (Step::Differ, text),
    })
}
