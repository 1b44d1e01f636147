//! SMMUv3 vectors: recorded outcomes of QEMU's emulated unit: set-ups with cold requests, and sequences with caches left
//! alone.
//!
//! The comparison turns on [`Quirks::MODEL`]; `docs/conformance-smmuv3.md` lists what each switch stands for. An outcome's
//! `note` names those without which, each alone, it would be another: that is checked too.

use super::{number, steps, Options, Verdict};
use iommu_core::addr::{AddrRange, Address, PhysAddr};
use iommu_core::iommu::registers::Registers;
use iommu_core::iommu::smmuv3::context::NO_TABLE;
use iommu_core::iommu::smmuv3::spec::registers::{self, cmdq_prod, eventq_prod};
use iommu_core::iommu::smmuv3::spec::{events, L1STD, STE};
use iommu_core::iommu::smmuv3::translate::Transaction;
use iommu_core::iommu::smmuv3::{ring, CacheSizes, Config, Quirks, Reply, SmmuUnit};
use iommu_core::iommu::RequestKind;
use iommu_core::memory::{Failure, Memory};
use iommu_core::paging::aarch64::{self, Aarch64};
use iommu_core::trace::{Actor, Event, Off, Perms, Scope, Stage, Trace, Verdict as Outcome};
use serde_json::{json, Map, Value};

/// From here up nothing answers on the recorded machine.
const NO_RAM_FROM: u64 = 0x1_0000_0000;

fn hex(n: u64) -> Value {
    Value::String(format!("{n:#x}"))
}

struct Machine {
    memory: Memory,
    unit: SmmuUnit,
}

impl Machine {
    fn new(line: &Value, quirks: Quirks) -> Result<Self, String> {
        let idr = |i: &str| number(&line["idr"][i]).map(|n| n as u32);
        let config = Config {
            idr0: idr("0")?,
            idr1: idr("1")?,
            idr3: idr("3")?,
            idr5: idr("5")?,
            aidr: 1,
            gbpa: 0x1000,
            ipa_cache: true,
            // As many as the longest sequence uses: the model's caches never push anything out in these.
            caches: CacheSizes { ste: 256, cd: 256, tlb: 4096 },
            quirks,
            ..Config::playground()
        };
        let mut memory = Memory::new();
        let beyond = AddrRange::new(PhysAddr::new(NO_RAM_FROM), u64::MAX - NO_RAM_FROM).ok_or("range")?;
        memory.fail(beyond, Failure::Access);
        let mut machine = Machine { memory, unit: SmmuUnit::new(config) };
        // Two more functions are there besides those the set-up names.
        let named = line["kinds"].as_object().ok_or("no \"kinds\"")?.keys();
        let named = named.map(|k| number(&Value::String(k.clone()))).collect::<Result<Vec<_>, _>>()?;
        machine.unit.set_known_streams(named.into_iter().map(|n| n as u32).chain([0, 0x30]));
        machine.fill(&line["mem"])?;
        machine.write_registers(&line["regs"])?;
        Ok(machine)
    }

    fn fill(&mut self, list: &Value) -> Result<(), String> {
        for pair in list.as_array().ok_or("no \"mem\" list")? {
            let (at, word) = (PhysAddr::new(number(&pair[0])?), number(&pair[1])?);
            // What is written where nothing answers is lost.
            if at.raw() < NO_RAM_FROM {
                self.memory.write_u64(at, word).map_err(|e| e.to_string())?;
            }
        }
        Ok(())
    }

    fn write_registers(&mut self, list: &Value) -> Result<(), String> {
        for item in list.as_array().ok_or("no \"regs\" list")? {
            let (at, bytes, value) = (number(&item[0])?, number(&item[1])?, number(&item[2])?);
            if !self.unit.write_by(&mut self.memory, Actor::Cpu, at as u32, bytes as u8, value, &mut Off) {
                return Err(format!("there is no register at {at:#x}"));
            }
        }
        Ok(())
    }

    fn register(&mut self, at: u32) -> u64 {
        self.unit.file().get(at, 4)
    }

    /// Writes commands behind the earlier ones, and the index after them.
    fn command(&mut self, list: &Value) -> Result<(), String> {
        let base = self.unit.file().get(registers::cmdq_base::OFFSET, 8);
        let ring = ring(base, 19, 16);
        let mut prod = self.register(cmdq_prod::OFFSET);
        for pair in list.as_array().ok_or("no \"cmds\" list")? {
            for half in 0..2 {
                let at = ring.slot(ring.index(prod)).wrapping_add(half * 8);
                let word = number(&pair[half as usize])?;
                if at.raw() < NO_RAM_FROM {
                    self.memory.write_u64(at, word).map_err(|e| e.to_string())?;
                }
            }
            prod = ring.next(prod);
        }
        self.unit.write_by(&mut self.memory, Actor::Cpu, cmdq_prod::OFFSET, 4, prod, &mut Off);
        Ok(())
    }

    /// CMDQ_CONS, GERROR and GERRORN, as a step records them.
    fn state(&mut self) -> [u64; 3] {
        [registers::cmdq_cons::OFFSET, registers::gerror::OFFSET, registers::gerrorn::OFFSET]
            .map(|at| self.register(at))
    }

    /// Makes a request: our outcome in the words of the format, and our trace.
    fn ask(&mut self, item: &Value) -> Result<(Value, Trace), String> {
        let perms = match item["op"].as_str() {
            Some("r") => Perms::R,
            Some("w") => Perms::W,
            other => return Err(format!("op {other:?} is neither \"r\" nor \"w\"")),
        };
        let asked = Transaction {
            stream: number(&item["sid"])? as u32,
            substream: None,
            privileged: false,
            perms,
            at: number(&item["addr"])?,
            kind: RequestKind::Untranslated,
        };
        let before = self.register(eventq_prod::OFFSET);
        let pending = self.register(registers::gerror::OFFSET) ^ self.register(registers::gerrorn::OFFSET);
        let mut trace = Trace::new();
        let reply = self.unit.answer(&mut self.memory, &asked, &mut trace);
        let mut out = Map::new();
        if let Reply::Reached(r) = &reply {
            // What the model's memory core holds against the entry's rights: nothing is recorded.
            if r.cached && !r.rights.has(perms) {
                out.insert("dropped".into(), 1.into());
            } else {
                out.insert("pa".into(), hex(r.to));
                if r.to >= NO_RAM_FROM {
                    out.insert("abort".into(), 1.into());
                }
            }
        }
        let after = self.register(eventq_prod::OFFSET);
        if after != before {
            out.insert("events".into(), json!([self.event(before)]));
        }
        let now = self.register(registers::gerror::OFFSET) ^ self.register(registers::gerrorn::OFFSET);
        if now & !pending != 0 || now != 0 && item.get("cold").is_some() {
            out.insert("gerror".into(), hex(now));
        }
        Ok((Value::Object(out), trace))
    }

    /// Reads all events, as the recorder does after each request of a sequence.
    fn take_events(&mut self) {
        let prod = self.register(eventq_prod::OFFSET);
        self.unit.write_by(&mut self.memory, Actor::Cpu, registers::eventq_cons::OFFSET, 4, prod, &mut Off);
    }

    /// The record at an index of the event queue.
    fn event(&mut self, index: u64) -> Value {
        let base = self.unit.file().get(registers::eventq_base::OFFSET, 8);
        let ring = ring(base, 19, 32);
        let at = ring.slot(ring.index(index)).raw();
        let words: Vec<u64> = (0..4).map(|i| self.memory.peek_u64(PhysAddr::new(at + i * 8))).collect();
        let name = events::by_code(words[0] as u8 as u16).map_or("?", |code| code.name);
        let halves: Vec<Value> = words.iter().flat_map(|w| [hex(w & 0xffff_ffff), hex(w >> 32)]).collect();
        json!({"type": name, "words": halves})
    }
}

/// Descriptor reads out of the trace, as the recorder lists them: stream table entries and context descriptors once they
/// are wanted, the latter before stage 2 has found them; tables once they were read.
fn accesses(trace: &Trace) -> Value {
    let mut out = Vec::new();
    for step in trace.steps() {
        match step.event {
            Event::Begin(Scope::Walk { stage: Stage::Process, root, .. }) => {
                out.push(json!(["cd", hex(root.raw)]));
            }
            Event::Read { entry, level, pa, verdict, .. } => {
                let is = |other| core::ptr::eq(entry, other);
                let answered = pa.raw() < NO_RAM_FROM;
                if is(&L1STD) && answered && verdict != Outcome::Refused(&NO_TABLE) {
                    out.push(json!(["l1std", hex(pa.raw())]));
                } else if is(&STE) {
                    out.push(json!(["ste", hex(pa.raw())]));
                } else if aarch64::is_descriptor(entry) && answered {
                    let stage = if aarch64::is_stage2(entry) { "s2" } else { "s1" };
                    out.push(json!([stage, hex(pa.raw()), Aarch64::arm_level(level)]));
                }
            }
            _ => {}
        }
    }
    Value::Array(out)
}

fn notes(out: &Value) -> Vec<String> {
    let list = out["note"].as_array().into_iter().flatten();
    list.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// A recorded outcome as it is compared.
fn comparable(out: &Value, with_accesses: bool) -> Value {
    let mut out = out.clone();
    if let Some(map) = out.as_object_mut() {
        map.remove("note");
        map.remove("combined");
        if !with_accesses {
            map.remove("acc");
        }
    }
    out
}

/// Compares a set-up's cold requests, or a sequence.
pub fn replay(line: &Value, options: &Options, each: &mut impl FnMut(usize, Verdict)) -> Result<(), String> {
    let mut quirks = if options.specification { Quirks::UNNOTED } else { Quirks::MODEL };
    for name in &options.without {
        match quirks.by_name(name) {
            Some(switch) => *switch = false,
            None => {
                let all = Quirks::NAMES.join(", ");
                return Err(format!("there is no deviation {name:?}; there are: {all}"));
            }
        }
    }
    if line.get("steps").is_some() {
        return sequence(line, quirks, options, each);
    }
    let requests = line["requests"].as_array().ok_or("no \"requests\" list")?;
    let outcomes = line["out"].as_array().ok_or("no \"out\" list")?;
    if requests.len() != outcomes.len() {
        return Err(format!("{} requests, but {} outcomes", requests.len(), outcomes.len()));
    }
    for (i, (item, out)) in requests.iter().zip(outcomes).enumerate() {
        let noted = notes(out);
        if options.specification && !noted.is_empty() {
            each(i, Verdict::Skip(format!("the model differs: {}", noted.join(", "))));
            continue;
        }
        // Which tables a walk reads when depends on these deviations: no order to compare without them.
        let exact = !options.specification && !noted.iter().any(|n| n == "tt-base-only" || n == "ttb-eager");
        let theirs = comparable(out, exact && out.get("acc").is_some());
        let mut machine = Machine::new(line, quirks)?;
        let (mut ours, trace) = machine.ask(item).map_err(|e| format!("request {i}: {e}"))?;
        if let (Some(map), true) = (ours.as_object_mut(), theirs.get("acc").is_some()) {
            map.insert("acc".into(), accesses(&trace));
        }
        each(i, compared(item, &theirs, &ours, &noted, &trace));
    }
    Ok(())
}

/// The note of requests that are left out.
const LEFT_OUT: &str = "aptable-early";

fn compared(item: &Value, theirs: &Value, ours: &Value, noted: &[String], trace: &Trace) -> Verdict {
    if noted.iter().any(|note| note == LEFT_OUT) {
        Verdict::LeftOut
    } else if ours != theirs {
        let walk = steps::text(trace);
        let why = if noted.is_empty() { String::new() } else { format!(" (noted {})", noted.join("+")) };
        Verdict::Differ(format!("{item}{why}\n  recorded: {theirs}\n  ours:     {ours}\n{walk}"))
    } else if noted.is_empty() {
        Verdict::Agree
    } else {
        Verdict::Noted(noted.join("+"))
    }
}

fn sequence(
    line: &Value,
    quirks: Quirks,
    options: &Options,
    each: &mut impl FnMut(usize, Verdict),
) -> Result<(), String> {
    let mut machine = Machine::new(line, quirks)?;
    for (i, step) in line["steps"].as_array().ok_or("\"steps\" is no list")?.iter().enumerate() {
        let at = |e: String| format!("step {i}: {e}");
        if let Some(item) = step.get("req") {
            let (ours, trace) = machine.ask(item).map_err(at)?;
            machine.take_events();
            let noted = notes(&step["out"]);
            if options.specification && !noted.is_empty() {
                each(i, Verdict::Skip(format!("the model differs: {}", noted.join(", "))));
                continue;
            }
            let theirs = comparable(&step["out"], false);
            each(i, compared(item, &theirs, &ours, &noted, &trace));
            continue;
        }
        if let Some(list) = step.get("mem") {
            machine.fill(list).map_err(at)?;
        }
        if let Some(list) = step.get("regs") {
            machine.write_registers(list).map_err(at)?;
        }
        if let Some(list) = step.get("cmds") {
            machine.command(list).map_err(at)?;
        }
        if step.get("cons").is_some() {
            let ours = machine.state();
            let theirs = [number(&step["cons"])?, number(&step["gerror"])?, number(&step["gerrorn"])?];
            each(
                i,
                match ours == theirs {
                    true => Verdict::Agree,
                    false => Verdict::Differ(format!(
                        "{step}\n  recorded: CONS, GERROR, GERRORN {theirs:x?}\n  ours:     {ours:x?}\n"
                    )),
                },
            );
        }
    }
    Ok(())
}
