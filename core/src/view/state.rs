//! Caches and registers at a position.

use super::bits;
use super::history::{place, CacheState, RegisterState};
use super::types::{Cache, CacheRow, Entry, Hex};
use crate::explain::step::line;
use crate::explain::Cast;
use crate::spec::{Lang, Text};
use crate::trace::{CacheKind, CacheLine, CacheOp, CacheType, Event};
use alloc::{format, string::String, vec::Vec};

/// A page shows at most this many entries of one cache.
const SHOWN: usize = 64;

/// Every cache that was used so far; `current` is the step that led here.
pub fn caches(all: &[CacheState], current: Option<&Event>, lang: Lang) -> Vec<Cache> {
    let show = |c: &CacheState| {
        let now = match current {
            Some(Event::Cache { cache, op, slot, line }) if core::ptr::eq(*cache, c.cache) => {
                Some((*op, *slot, *line))
            }
            _ => None,
        };
        let mut lines: Vec<CacheRow> = Vec::new();
        // What was taken out or not found in this very step has no entry any more, but is what the reader looks for.
        if let Some((op @ (CacheOp::Evict | CacheOp::Invalidate | CacheOp::Miss), slot, gone)) = now {
            lines.push(CacheRow { slot, tag: tag(c.cache, &gone, lang), holds: line(&gone), now: Some(op) });
        }
        let touched = |at| {
            let here =
                |n: &(CacheOp, u32, CacheLine)| place(c.cache, n.1, &n.2) == at && n.0 != CacheOp::Miss;
            now.filter(here).map(|n| n.0)
        };
        let entries = c.lines.iter().map(|(at, l)| (at.1, l, touched(*at)));
        let (hot, cold): (Vec<_>, Vec<_>) = entries.partition(|e| e.2.is_some());
        let rest = hot.into_iter().chain(cold).take(SHOWN);
        lines.extend(rest.map(|(slot, l, now)| CacheRow {
            slot,
            tag: tag(c.cache, l, lang),
            holds: line(l) + &perms(c.cache, l, lang),
            now,
        }));
        Cache {
            name: c.cache.name.get(lang).into(),
            section: c.cache.section.into(),
            hits: c.hits as u32,
            misses: c.misses as u32,
            lines,
            more: c.lines.len().saturating_sub(SHOWN) as u32,
        }
    };
    all.iter().map(show).collect()
}

fn perms(cache: &CacheType, line: &CacheLine, lang: Lang) -> String {
    if line.shift == 0 {
        return String::new();
    }
    let perms = if cache.kind == CacheKind::Tlb { line.perms } else { line.perms.of_device() };
    match lang {
        Lang::En => format!(" {perms}"),
        Lang::Zh => format!("（{}）", perms.zh()),
    }
}

fn tag(cache: &CacheType, line: &CacheLine, lang: Lang) -> String {
    let mut parts: Vec<String> = Vec::new();
    parts.extend(line.requester.map(|r| format!("{r}")));
    let (process, domain) = cache.tags();
    parts.extend(line.domain.map(|d| format!("{} {d}", domain.get(lang))));
    parts.extend(line.pasid.map(|p| format!("{} {p}", process.get(lang))));
    parts.join(Text::new(", ", "，").get(lang))
}

/// Registers with their values; a device's carry its name.
pub fn registers(all: Vec<RegisterState>, cast: &Cast, lang: Lang) -> Vec<Entry> {
    let show = |RegisterState { device, register: r, value }: RegisterState| {
        let entry = bits::register(r, r.offset, None, value, lang);
        let name = device.map_or_else(|| r.name.into(), |d| format!("{} {}", cast.device(d), r.name));
        Entry { at: Hex(r.offset.into()), name, ..entry }
    };
    all.into_iter().map(show).collect()
}

#[cfg(test)]
mod tests {
    use crate::machine::run::run;
    use crate::spec::Lang;
    use crate::view::Viewer;
    use alloc::{string::ToString, vec, vec::Vec};

    #[test]
    fn registers_at_one_offset_of_iommu_and_devices_stay_apart() {
        let text = "iommu-playground 1\niommu strict\nram 0 .. 3G\nbridge cpu 0xe000_0000 +256M -> bus 0xe000_0000\n\
                    device nic 00:03.0\nbar 0 64K at bus 0xe000_0000\ndevice disk 00:04.0\n\
                    bar 0 64K at bus 0xe001_0000\nsteps\nalloc buf 4K\n\
                    rx = dma_map_single nic buf from-device\nprogram nic write rx +64\n\
                    tx = dma_map_single disk buf to-device\nprogram disk read tx +128\n";
        let run = run(text).unwrap();
        let cast = crate::explain::Cast::of_run(&run, text);
        let mut viewer = Viewer::new(run.machine.trace.clone(), run.machine.memories(), cast);
        let view = viewer.view(usize::MAX, Lang::En);
        let value = |name: &str| view.registers.iter().find(|r| r.name == name).map(|r| r.words[0].0);
        assert_eq!((value("nic LENGTH"), value("disk LENGTH")), (Some(64), Some(128)));
        // VT-d has its command register at the offset of the engine's DEVICE.
        assert!(value("GCMD_REG").is_some());
    }

    #[test]
    fn devices_tlbs_have_one_table_and_an_entry_of_one_hides_none_of_another() {
        let text =
            "iommu-playground 2\nmachine amd-vi ats\ndevice gpu 00:02.0 ats\ndevice nic 00:03.0 ats\nsteps\n\
                    domain d\nattach gpu to d\nattach nic to d\nmap d 0x10_0000 +8K rw\n\
                    ats gpu 0x10_0000 +4K\nats nic 0x10_1000 +4K\ninvalidate device-tlb of gpu\n";
        let run = run(text).unwrap();
        let ends: Vec<usize> = run.done.iter().map(|done| done.steps.end).collect();
        let cast = crate::explain::Cast::of_run(&run, text);
        let mut viewer = Viewer::new(run.machine.trace.clone(), run.machine.memories(), cast);
        let mut at = |position| {
            let caches = viewer.view(position, Lang::En).caches;
            let own = caches.into_iter().find(|cache| cache.name == "IOTLB (in the device)");
            own.map(|cache| cache.lines.iter().map(|line| line.tag.clone()).collect::<Vec<_>>())
        };
        let (both, one) = (vec!["00:02.0".to_string(), "00:03.0".to_string()], vec!["00:03.0".to_string()]);
        let [.., first, second, third] = ends[..] else { panic!("{ends:?}") };
        assert_eq!(at(third), Some(one));
        assert_eq!(at(second), Some(both));
        assert_eq!(at(first), Some(vec!["00:02.0".to_string()]));
    }
}
