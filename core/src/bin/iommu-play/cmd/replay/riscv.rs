//! RISC-V vectors: recorded outcomes of the specification's reference model, one setup with its requests a line.
//!
//! The comparison turns on [`Quirks::MODEL`]. An outcome with a `note` is decided by its kind, and counted apart:
//! `docs/conformance-riscv.md` says what the model does there and what the specification wants.

use super::{number, steps, Verdict};
use iommu_core::addr::{AddrRange, Iova, PageSize, Pasid, PhysAddr, RequesterId};
use iommu_core::iommu::riscv::spec::registers::{self as reg, csr};
use iommu_core::iommu::riscv::translate::Reached;
use iommu_core::iommu::riscv::{CacheSizes, Config, Quirks, Reply, Riscv};
use iommu_core::iommu::{PasidTag, Refusal, Request, RequestKind, Unit};
use iommu_core::memory::{Failure, Memory};
use iommu_core::trace::{Event, Off, Perms, Trace};
use serde_json::{json, Map, Value};

struct Setup {
    config: Config,
    fctl: u64,
    ddtp: u64,
    fqb: u64,
    words: Vec<(PhysAddr, u64)>,
    failures: Vec<(AddrRange<PhysAddr>, Failure)>,
}

fn ranges(line: &Value, key: &str, how: Failure) -> Result<Vec<(AddrRange<PhysAddr>, Failure)>, String> {
    let list = line[key].as_array().ok_or_else(|| format!("no {key:?} list"))?;
    list.iter()
        .map(|pair| {
            let (lo, hi) = (number(&pair[0])?, number(&pair[1])?);
            let len = hi.checked_sub(lo).ok_or("a range that ends before it starts")?;
            let range = AddrRange::new(PhysAddr::new(lo), len).ok_or("an empty range")?;
            Ok((range, how))
        })
        .collect()
}

impl Setup {
    fn new(line: &Value) -> Result<Self, String> {
        let bare = |i: usize| {
            let bytes = number(&line["bare_sz"][i])?;
            PageSize::from_bytes(bytes).ok_or_else(|| format!("bare_sz {bytes} is not a page size"))
        };
        let fctl = number(&line["fctl"])?;
        let config = Config {
            capabilities: number(&line["caps"])?,
            fctl,
            fctl_writable: number(&line["fctl_be_writable"])? & 1,
            bare: [bare(0)?, bare(1)?],
            // Every request starts from empty caches; one entry is enough to see what it would leave behind.
            caches: CacheSizes { ddt: 0, pdt: 0, iotlb: 1 },
            quirks: Quirks::MODEL,
            ..Config::playground()
        };
        let words = line["mem"].as_array().ok_or("no \"mem\" list")?.iter();
        let words = words
            .map(|pair| Ok((PhysAddr::new(number(&pair[0])?), number(&pair[1])?)))
            .collect::<Result<Vec<_>, String>>()?;
        // A range that refuses is found before one that is corrupted.
        let mut failures = ranges(line, "access_fault", Failure::Access)?;
        failures.extend(ranges(line, "poison", Failure::Poison)?);
        let (ddtp, fqb) = (number(&line["ddtp"])?, number(&line["fqb"])?);
        Ok(Setup { config, fctl, ddtp, fqb, words, failures })
    }

    /// Asks one request from the setup's memory and empty caches.
    fn ask(&self, quirks: Quirks, request: &Request, cxl: bool) -> Result<(Value, Trace), String> {
        let mut memory = Memory::new();
        for (at, word) in &self.words {
            memory.write_u64(*at, *word).map_err(|e| e.to_string())?;
        }
        for (range, how) in &self.failures {
            memory.fail(*range, *how);
        }
        let mut unit = Riscv::new(Config { quirks, ..self.config });
        for (at, bytes, value) in [
            (reg::fctl::OFFSET, 4, self.fctl),
            (reg::fqb::OFFSET, 8, self.fqb),
            (reg::fqcsr::OFFSET, 4, csr::EN),
            (reg::ddtp::OFFSET, 8, self.ddtp),
        ] {
            unit.write_register(&mut memory, at, bytes, value, &mut Off);
        }
        let mut trace = Trace::new();
        let reply = unit.ask(&mut memory, request, &mut trace);
        let written = unit.read_register(reg::fqt::OFFSET, 4, &mut Off) == Some(1);
        let queue = PhysAddr::new((self.fqb >> 10 & 0xfff_ffff_ffff) << 12);
        let record = (0..4).map(|i| {
            let raw = memory.peek_u64(PhysAddr::new(queue.raw() + i * 8));
            hex(if self.fctl & 1 != 0 { raw.swap_bytes() } else { raw })
        });
        let record = if written { Value::Array(record.collect()) } else { Value::Null };
        Ok((describe(request, cxl, &reply, record, &unit, &trace), trace))
    }
}

/// The note of requests that are left out.
const LEFT_OUT: &str = "wide-did";

fn hex(n: u64) -> Value {
    Value::String(format!("{n:#x}"))
}

fn flag(on: bool) -> Value {
    Value::from(u8::from(on))
}

/// Our outcome in the words of the format.
fn describe(
    request: &Request,
    cxl: bool,
    reply: &Reply,
    record: Value,
    unit: &Riscv,
    trace: &Trace,
) -> Value {
    let mut out = Map::new();
    let mut put = |key: &str, value| out.insert(key.into(), value);
    let ats = matches!(request.kind, RequestKind::Translation { .. });
    let tag = request.pasid;
    match reply {
        Reply::Reached(r) => {
            put("status", "success".into());
            put("pa", hex(r.to));
            put("size", r.size.bytes().into());
            put("pbmt", r.pbmt.into());
            let mrif = r.msi.and_then(|m| m.mrif);
            if r.msi.is_some() {
                put("msi", flag(true));
            }
            if let Some((at, nid)) = mrif {
                put("mrif", hex(at));
                put("nid", nid.into());
            }
            if ats {
                put("ats", answer(request, cxl, r));
            }
        }
        Reply::Refused { refused, refusal, .. } => {
            let status = match refusal {
                Refusal::UnsupportedRequest => "ur",
                Refusal::CompleterAbort => "ca",
                Refusal::NoPermission => "success",
            };
            put("status", status.into());
            put("cause", refused.code.code.into());
            put("iotval", hex(request.at.raw()));
            put("iotval2", hex(refused.iotval2));
            put("rec", record);
            if *refusal == Refusal::NoPermission {
                let privileged = tag.is_some_and(|t| t.privileged);
                let nothing =
                    json!({"perm": "---", "priv": u8::from(privileged), "global": 0, "u": 0, "cxl_io": 0});
                put("ats", nothing);
            }
        }
    }
    if let Some((_, key, entry)) = unit.caches().iotlb.iter().next() {
        put(
            "tlb",
            json!({
                "s": entry.first.to_string(), "s_d": u8::from(entry.first_dirty),
                "s_u": u8::from(entry.user), "s_g": u8::from(entry.global),
                "g": entry.second.to_string(), "g_d": u8::from(entry.second_dirty),
                "gv": u8::from(key.gscid.is_some()), "gscid": key.gscid.unwrap_or(0),
                "pscv": u8::from(key.pscid.is_some()), "pscid": key.pscid.unwrap_or(0),
            }),
        );
    }
    put("acc", accesses(trace));
    Value::Object(out)
}

/// The fields of an ATS completion (RISC-V IOMMU, "PCIe ATS translation request handling").
fn answer(request: &Request, cxl: bool, r: &Reached) -> Value {
    let execute = request.want.has(Perms::X) || request.pasid.is_some_and(|t| t.execute);
    let letter = |on: bool, c: char| if on { c } else { '-' };
    let rights = r.rights;
    let perm: String = [
        letter(rights.has(Perms::R), 'r'),
        letter(rights.has(Perms::W) && r.dirty, 'w'),
        letter(rights.has(Perms(Perms::R.0 | Perms::X.0)) && execute, 'x'),
    ]
    .iter()
    .collect();
    let mrif = r.msi.is_some_and(|m| m.mrif.is_some());
    let io = cxl && (r.pbmt != 0 || r.msi.is_some() || r.t2gpa);
    json!({
        "perm": perm,
        "priv": u8::from(request.pasid.is_some_and(|t| t.privileged)),
        "global": u8::from(request.pasid.is_some() && r.global),
        "u": u8::from(mrif),
        "cxl_io": u8::from(io),
    })
}

/// Memory accesses out of the trace. An update of A or D is told as its write; the read that goes with it is a part.
fn accesses(trace: &Trace) -> Value {
    let mut out = Vec::new();
    for step in trace.steps() {
        match step.event {
            Event::Read { entry, pa, .. } => {
                out.push(json!(["r", hex(pa.raw()), u32::from(entry.words) * 8]))
            }
            Event::Write { pa, new, .. } => {
                out.push(json!(["a", hex(pa.raw()), 8]));
                out.push(json!(["w", hex(pa.raw()), 8, hex(new)]));
            }
            _ => {}
        }
    }
    Value::Array(out)
}

fn request(item: &Value) -> Result<Request, String> {
    let on = |key: &str| Ok::<bool, String>(number(&item[key])? != 0);
    let write = match item["op"].as_str() {
        Some("r") => false,
        Some("w") => true,
        other => return Err(format!("op {other:?} is neither \"r\" nor \"w\"")),
    };
    let kind = match item["at"].as_str() {
        Some("untranslated") => RequestKind::Untranslated,
        Some("ats") => RequestKind::Translation { no_write: on("nw")? },
        Some("translated") => RequestKind::Translated,
        other => return Err(format!("at {other:?} is not an address type")),
    };
    let execute = on("exec")?;
    let pasid = match on("pv")? {
        false => None,
        true => {
            let raw = number(&item["pid"])?;
            let pasid = u32::try_from(raw).ok().and_then(Pasid::new).ok_or("pid above 20 bits")?;
            Some(PasidTag { pasid, privileged: on("priv")?, execute })
        }
    };
    let want = if write { Perms::W } else { Perms::R.or(Perms::when(Perms::X, execute)) };
    let requester = RequesterId::new(u32::try_from(number(&item["did"])?).map_err(|e| e.to_string())?);
    Ok(Request { pasid, kind, ..Request::new(requester, Iova::new(number(&item["iova"])?), want, 8) })
}

/// The recorded outcome as it is compared: `iotval2` without the bits that the specification leaves open.
fn comparable(out: &Value) -> Value {
    let mut out = out.clone();
    let mask = |v: &mut Value| {
        if let Ok(n) = number(v) {
            *v = hex(n & !0xffc);
        }
    };
    if let Some(map) = out.as_object_mut() {
        for key in ["note", "mrif_spec"] {
            map.remove(key);
        }
        if map.get("msi") == Some(&json!(0)) {
            map.remove("msi");
        }
        // Where GV is 0, GSCID is no part of the tag.
        if let Some(tag) = map.get_mut("tlb").filter(|tag| tag["gv"] == 0) {
            tag["gscid"] = json!(0);
        }
        if let Some(v) = map.get_mut("iotval2") {
            mask(v);
        }
        if let Some(v) = map.get_mut("rec").and_then(|r| r.get_mut(3)) {
            mask(v);
        }
    }
    out
}

/// What is expected where the recorded outcome carries notes: the recorded one, changed as each kind says.
fn noted(theirs: &mut Value, kind: &str, out: &Value, request: &Request) -> bool {
    match kind {
        "mrif-trunc" => {
            theirs["mrif"] = out["mrif_spec"].clone();
            true
        }
        "ats-w" => {
            let perm = theirs["ats"]["perm"].as_str().unwrap_or("---");
            theirs["ats"]["perm"] =
                Value::String(perm.chars().enumerate().map(|(i, c)| if i == 1 { 'w' } else { c }).collect());
            true
        }
        "bare-trunc" => {
            theirs["pa"] = hex(request.at.raw());
            true
        }
        // The recorded outcome is checked with the model's switch.
        "implicit-d" => true,
        _ => false,
    }
}

/// Compares every request of a setup.
pub fn replay(line: &Value, each: &mut impl FnMut(usize, Verdict)) -> Result<(), String> {
    let setup = Setup::new(line)?;
    let requests = line["reqs"].as_array().ok_or("no \"reqs\" list")?;
    for (i, item) in requests.iter().enumerate() {
        let asked = request(item).map_err(|e| format!("request {i}: {e}"))?;
        let cxl = number(&item["cxl"])? != 0;
        let out = &item["out"];
        let notes: Vec<&str> = match &out["note"] {
            Value::Null => Vec::new(),
            Value::String(one) => vec![one],
            Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
            other => return Err(format!("request {i}: note {other}")),
        };
        let mut theirs = comparable(out);
        if notes.contains(&LEFT_OUT) {
            each(i, Verdict::LeftOut);
            continue;
        }
        for kind in &notes {
            if !noted(&mut theirs, kind, out, &asked) {
                return Err(format!("request {i}: note {kind:?} is not of a known kind"));
            }
        }
        let (ours, trace) = setup.ask(Quirks::MODEL, &asked, cxl)?;
        let ours = comparable(&ours);
        each(
            i,
            if ours != theirs {
                Verdict::Differ(format!(
                    "{}\n  recorded: {theirs}\n  ours:     {ours}\n{}",
                    without_outcome(item),
                    steps::text(&trace)
                ))
            } else if notes.is_empty() {
                Verdict::Agree
            } else {
                Verdict::Noted(notes.join("+"))
            },
        );
    }
    Ok(())
}

fn without_outcome(item: &Value) -> Value {
    let mut item = item.clone();
    if let Some(map) = item.as_object_mut() {
        map.remove("out");
    }
    item
}
