//! VT-d vectors: recorded outcomes of QEMU's emulated unit, one setup with its requests a line.
//!
//! The comparison turns on [`Quirks::QEMU_10`]; `docs/conformance.md` lists what each switch stands for.

use super::{number, steps, Options, Verdict};
use iommu_core::addr::{AddrRange, Iova, PhysAddr, RequesterId};
use iommu_core::iommu::vtd::walk::{INTERRUPT_FIRST, INTERRUPT_LAST};
use iommu_core::iommu::vtd::{CacheSizes, Config, Quirks, Vtd};
use iommu_core::iommu::{Iommu, Outcome, Request};
use iommu_core::memory::{Failure, Memory};
use iommu_core::trace::{Off, Perms, Trace};
use serde_json::Value;

/// What is compared of an outcome.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Seen {
    Pa(u64),
    Fault { code: u64, addr: u64, sid: u64 },
    Nothing,
}

impl std::fmt::Display for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Seen::Pa(pa) => write!(f, "physical address {pa:#x}"),
            Seen::Fault { code, addr, sid } => write!(f, "fault {code:#x} at {addr:#x} from {sid:#x}"),
            Seen::Nothing => write!(f, "no record"),
        }
    }
}

/// Where the recorded machine has no RAM: q35 below 2.75 GiB of it ends there, and nothing answers above. What
/// tables point at beyond is unreadable.
const NO_RAM_FROM: u64 = 0xb000_0000;

struct Setup {
    config: Config,
    rtaddr: u64,
    words: Vec<(PhysAddr, u64)>,
    memory: Memory,
    unit: Vtd,
}

impl Setup {
    fn new(line: &Value, quirks: Quirks) -> Result<Self, String> {
        let config = Config {
            cap: number(&line["cap"])?,
            ecap: number(&line["ecap"])?,
            host_bits: number(&line["aw"])? as u8,
            caches: CacheSizes { context: 0, pasid: 0, iotlb: 0, interrupt: 0 },
            quirks,
        };
        let words = line["mem"].as_array().ok_or("no \"mem\" list")?.iter();
        let words = words
            .map(|pair| Ok((PhysAddr::new(number(&pair[0])?), number(&pair[1])?)))
            .collect::<Result<Vec<_>, String>>()?;
        let mut memory = Memory::new();
        // But the local APIC's window: as memory it reads as 0 (the live comparison shows it).
        for (from, to) in [(NO_RAM_FROM, INTERRUPT_FIRST), (INTERRUPT_LAST + 1, u64::MAX)] {
            let range = AddrRange::new(PhysAddr::new(from), to - from).ok_or("range")?;
            memory.fail(range, Failure::Access);
        }
        let rtaddr = number(&line["rtaddr"])?;
        let mut setup = Setup { config, rtaddr, words, memory, unit: Vtd::new(config) };
        setup.fill()?;
        Ok(setup)
    }

    /// Memory and unit as each request finds them.
    fn fill(&mut self) -> Result<(), String> {
        for (at, word) in &self.words {
            self.memory.write_u64(*at, *word).map_err(|e| e.to_string())?;
        }
        self.unit = Vtd::new(self.config);
        for (offset, bytes, value) in [(0x20, 8, self.rtaddr), (0x18, 4, 1 << 30), (0x18, 4, 1 << 31)] {
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
            _ => {
                let at = self.config.fault_offset();
                let mut read = |at| self.unit.read_register(at, 8, &mut Off).unwrap_or(0);
                let (low, high) = (read(at), read(at + 8));
                match high >> 63 {
                    0 => Seen::Nothing,
                    _ => Seen::Fault { code: high >> 32 & 0xff, addr: low & !0xfff, sid: high & 0xffff },
                }
            }
        }
    }
}

fn recorded(out: &Value) -> Result<Seen, String> {
    if let Some(pa) = out.get("pa") {
        return Ok(Seen::Pa(number(pa)?));
    }
    if let Some(code) = out.get("fault") {
        return Ok(Seen::Fault {
            code: number(code)?,
            addr: number(&out["addr"])?,
            sid: number(&out["sid"])?,
        });
    }
    Ok(Seen::Nothing)
}

/// Compares every request of a setup.
pub fn replay(line: &Value, options: &Options, each: &mut impl FnMut(usize, Verdict)) -> Result<(), String> {
    let mut quirks = Quirks::QEMU_10;
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
        let want = match item["op"].as_str() {
            Some("r") => Perms::R,
            Some("w") => Perms::W,
            other => return Err(format!("request {i}: op {other:?} is neither \"r\" nor \"w\"")),
        };
        let requester = RequesterId::new(number(&item["sid"])? as u32);
        let request = Request::new(requester, Iova::new(number(&item["iova"])?), want, 8);
        let theirs = recorded(&item["out"])?;
        setup.fill()?;
        let ours = setup.ask(&request, None);
        each(
            i,
            if ours == theirs {
                Verdict::Agree
            } else {
                setup.fill()?;
                let mut trace = Trace::new();
                setup.ask(&request, Some(&mut trace));
                let mode = line["mode"].as_str().unwrap_or("?");
                let op = if want == Perms::R { "read" } else { "write" };
                Verdict::Differ(format!(
                    "{mode}, {} bits: {op} of {} by {requester}\n  recorded: {theirs}\n  ours:     {ours}\n{}",
                    line["aw"],
                    request.at,
                    steps::text(&trace)
                ))
            },
        );
    }
    Ok(())
}
