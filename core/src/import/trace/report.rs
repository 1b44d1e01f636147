//! What a trace shows, in words.

use super::finding::{Finding, Mapping, Was};
use super::line::Moment;
use super::live::Live;
use super::said::{between, length, mapping, part, seconds};
use super::scenario::scenario;
use super::was::{refused, was};
use super::{Told, LONGEST};
use crate::import::account::{Account, AccountItem, AccountSection};
use crate::spec::Lang;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// How many mappings are listed.
const MOST: usize = 40;

/// Something that is wrong, in words.
pub(super) fn finding(now: Moment, finding: &Finding, zh: bool) -> String {
    match (finding, zh) {
        (Finding::NotMapped { device, address, size, was: Was::Mapped(m) | Was::Other(m) }, false) => {
            format!(
                "{device} unmaps {address:#x} +{size:#x}, where no mapping begins: it is within {}",
                mapping(m, zh)
            )
        }
        (Finding::NotMapped { device, address, size, was: Was::Mapped(m) | Was::Other(m) }, true) => {
            format!(
                "{device} 对 {address:#x} +{size:#x} 解除映射，而那里不是一个映射的开头，它在 {} 之内",
                mapping(m, zh)
            )
        }
        (Finding::NotMapped { device, address, size, was: w }, false) => {
            format!("{device} unmaps {address:#x} +{size:#x} twice: {}", was(now, w, zh))
        }
        (Finding::NotMapped { device, address, size, was: w }, true) => {
            format!("{device} 对 {address:#x} +{size:#x} 重复解除映射：{}", was(now, w, zh))
        }
        (Finding::Differs { device, mapping: m, size, direction, coherent }, false) => format!(
            "{device} {} with size {size:#x} {} what was mapped as {}",
            if *coherent { "frees" } else { "unmaps" },
            direction.name(),
            mapping(m, zh)
        ),
        (Finding::Differs { device, mapping: m, size, direction, coherent }, true) => format!(
            "{device} 以大小 {size:#x}、方向 {} {}，而映射时是 {}",
            direction.name(),
            if *coherent { "释放" } else { "解除映射" },
            mapping(m, zh)
        ),
        (Finding::Overlaps { device, new, old }, false) => {
            format!("{device} maps {} over {}, which is still mapped", part(new), mapping(old, zh))
        }
        (Finding::Overlaps { device, new, old }, true) => {
            format!("{device} 映射 {}，与仍映射着的 {} 重叠", part(new), mapping(old, zh))
        }
        (Finding::UnderUse { device, mapping: m, iova, size }, false) => {
            format!("the tables lose {iova:#x} +{size:#x} while {device} still has {}", mapping(m, zh))
        }
        (Finding::UnderUse { device, mapping: m, iova, size }, true) => {
            format!("页表去掉了 {iova:#x} +{size:#x}，而 {device} 仍在使用 {}", mapping(m, zh))
        }
        (Finding::TablesDiffer { iova, size, done }, false) if done > size => {
            format!("for {iova:#x} +{size:#x} the tables lost {done:#x} bytes: the whole of a larger page, and what else it maps")
        }
        (Finding::TablesDiffer { iova, size, done }, true) if done > size => {
            format!("要去掉 {iova:#x} +{size:#x}，页表却去掉了 {done:#x} 字节：整个大页，连同其中的其他映射")
        }
        (Finding::TablesDiffer { iova, size, done }, false) => {
            format!("of {iova:#x} +{size:#x} the tables lost only {done:#x} bytes")
        }
        (Finding::TablesDiffer { iova, size, done }, true) => {
            format!("要去掉 {iova:#x} +{size:#x}，页表只去掉了 {done:#x} 字节")
        }
        (Finding::SyncDiffers { device, mapping: m, address, size, direction }, zh) => {
            let past = (address - m.part.address).saturating_add(*size).saturating_sub(m.part.size);
            match (past, zh) {
                (0, false) => format!(
                    "{device} synchronises {address:#x} +{size:#x} {}, which is mapped for another direction: {}",
                    direction.name(),
                    mapping(m, zh)
                ),
                (0, true) => format!(
                    "{device} 同步 {address:#x} +{size:#x}，方向为 {}，与映射的方向不同：{}",
                    direction.name(),
                    mapping(m, zh)
                ),
                (past, false) => format!(
                    "{device} synchronises {address:#x} +{size:#x}, {past:#x} bytes past the end of {}",
                    mapping(m, zh)
                ),
                (past, true) => format!(
                    "{device} 同步 {address:#x} +{size:#x}，超出映射末尾 {past:#x} 字节：{}",
                    mapping(m, zh)
                ),
            }
        }
        (Finding::SyncOfNone { device, address, was: w }, false) => {
            format!("{device} synchronises {address:#x}: {}", was(now, w, zh))
        }
        (Finding::SyncOfNone { device, address, was: w }, true) => {
            format!("{device} 同步 {address:#x}：{}", was(now, w, zh))
        }
        (Finding::Fault { device, address, write, was: w, tied }, _) => {
            let said = refused(now, device, *address, *write, w, zh);
            match (tied, zh) {
                (None, _) => said,
                (Some(at), false) if at.time == now.time => {
                    said + "; at the same time: which came first, the times do not say"
                }
                (Some(at), true) if at.time == now.time => said + "；时间相同：先后无从得知",
                (Some(at), false) => format!(
                    "{said}; line {} is within 1 us of it: which came first, the times do not say",
                    at.line
                ),
                (Some(at), true) => format!("{said}；第 {} 行与它相距不到 1 微秒：先后无从得知", at.line),
            }
        }
    }
}

/// Returns what a trace shows at the moment that was read last.
pub fn report(live: &Live, told: &Told, lang: Lang) -> Account {
    let zh = lang == Lang::Zh;
    let mut found: Vec<AccountItem> = Vec::new();
    for (now, one) in &live.found {
        // A line whose time is not known has none.
        let is_timed =
            live.timed() && !matches!(one, Finding::Fault { was: Was::Sometime | Was::Clocks, .. });
        let place = match (is_timed, zh) {
            (true, false) => format!("line {}, {} s", now.line, seconds(live.clock(now.time))),
            (true, true) => format!("第 {} 行，{} 秒", now.line, seconds(live.clock(now.time))),
            (false, false) => format!("line {}", now.line),
            (false, true) => format!("第 {} 行", now.line),
        };
        let item = AccountItem::new(finding(*now, one, zh)).at(now.line, place);
        found.push(AccountItem { scenario: scenario(*now, one), ..item });
    }
    let more = live.counts.iter().sum::<u64>() - live.found.len() as u64;
    if more > 0 {
        found.push(AccountItem::new(match zh {
            false => format!("{more} more are not listed"),
            true => format!("另有 {more} 项未列出"),
        }));
    }
    let (wrong, left) = match zh {
        false => ("Used wrongly", "Still mapped here (in use, or leaked)"),
        true => ("用法有误", "到这里仍映射着（在使用，或泄漏）"),
    };
    let seen = match zh {
        false => "Translations that nothing has invalidated here",
        true => "到这里还没有失效的转换",
    };
    Account::new(Vec::from([
        AccountSection::new("", false, head(live, told, zh)),
        AccountSection::new(wrong, true, found),
        AccountSection::new(left, false, mapped(live, false, zh)),
        AccountSection::new(seen, false, mapped(live, true, zh)),
        AccountSection::new(if zh { "无法识别" } else { "Not understood" }, false, unread(told, zh)),
    ]))
}

/// Lines of events that are not understood.
fn unread(told: &Told, zh: bool) -> Vec<AccountItem> {
    let item = |(line, text): &(u64, String)| {
        let place = if zh { format!("第 {line} 行") } else { format!("line {line}") };
        AccountItem::new(text.as_str()).at(*line, place)
    };
    let mut items: Vec<AccountItem> = told.shown.iter().map(item).collect();
    let more = told.unread - told.shown.len() as u64;
    if more > 0 {
        items.push(AccountItem::new(if zh { format!("另有 {more} 行") } else { format!("{more} more") }));
    }
    items
}

/// What is to be said of the reading itself.
fn reading(live: &Live, told: &Told, zh: bool) -> Vec<String> {
    let mut out = Vec::new();
    let events = live.events;
    if let Some((read, of)) = told.stopped {
        // As many to a byte as so far.
        let all = (u128::from(events) * u128::from(of)).checked_div(u128::from(read)).unwrap_or(0);
        out.push(match zh {
            false => {
                format!("the reading was stopped at event {events} of about {all}: what follows was not read")
            }
            true => format!("读到第 {events} 个事件时停止，全部约 {all} 个：其后的没有读"),
        });
    }
    if told.later > 0 {
        let later = told.later;
        out.push(match zh {
            false => {
                format!("stopped at event {events}: {later} more are later than the time asked for")
            }
            true => format!("到第 {events} 个事件为止：另有 {later} 个晚于所问的时间"),
        });
    }
    let (cpus, line) = told.begun;
    if told.overwritten > 0 || cpus > 0 {
        let old = told.overwritten;
        out.push(match (cpus, zh) {
            (0, false) => format!("the tracer had overwritten {old} older events: the trace begins behind them"),
            (0, true) => format!("跟踪器已覆盖 {old} 个更早的事件，跟踪从其后开始"),
            (_, false) => format!("the tracer had overwritten {old} older events, and those of {cpus} CPUs begin only within the trace (the last on line {line}): what they did before is missing, and what is said up to there may be wrong"),
            (_, true) => format!("跟踪器已覆盖 {old} 个更早的事件，其中 {cpus} 个 CPU 的事件在跟踪中途才开始（最后一个在第 {line} 行）：它们此前做了什么见不到，到那里为止的结论可能有误"),
        });
    }
    if told.long > 0 {
        let (count, most) = (told.long, LONGEST >> 10);
        out.push(match zh {
            false => format!("{count} lines are longer than {most} KiB: what is beyond was not read"),
            true => format!("{count} 行超过 {most} KiB，超出的部分没有读"),
        });
    }
    for line in live.anew().take(MOST) {
        out.push(match zh {
            false => {
                format!("on line {line} the times begin anew: another boot, which begins with nothing mapped")
            }
            true => format!("第 {line} 行起时间重新开始：另一次启动，开始时什么都没有映射"),
        });
    }
    if live.back > 0 {
        let back = live.back;
        out.push(match zh {
            false => format!("{back} events are earlier than the one before them: the lines are not sorted by time, and are taken in their order"),
            true => format!("{back} 个事件早于其前一个事件：各行没有按时间排序，这里按行的顺序处理"),
        });
    }
    let (taken, nobody) = told.by_number;
    if taken > 0 {
        out.push(match zh {
            false => format!("{taken} faults name their device by the number that the IOMMU has for it: taken for the function with that number (firmware may number devices otherwise)"),
            true => format!("{taken} 次故障只给出 IOMMU 所用的设备编号：这里当作编号相同的功能（固件也可能另行编号）"),
        });
    }
    if nobody > 0 {
        out.push(match zh {
            false => format!("{nobody} faults name their device by a number that no function of the trace has: what it had mapped is not known"),
            true => format!("{nobody} 次故障给出的设备编号不属于跟踪里的任何功能：该设备映射了什么，无从得知"),
        });
    }
    if told.unsaid > 0 {
        let unsaid = told.unsaid;
        out.push(match zh {
            false => format!("{unsaid} faults do not say whose access was refused"),
            true => format!("{unsaid} 次故障没有说明是哪个设备的访问"),
        });
    }
    let (aside, line) = told.aside;
    if aside > 0 {
        out.push(match zh {
            false => format!("{aside} refusals have no address that a device sent, and so nothing to do with mappings: an interrupt, a device without an entry, a structure (the last on line {line})"),
            true => format!("{aside} 次拒绝没有设备所发的地址，因此与映射无关：中断、没有表项的设备、某个数据结构（最后一次在第 {line} 行）"),
        });
    }
    if live.failed > 0 {
        let failed = live.failed;
        out.push(match zh {
            false => format!("{failed} mappings or allocations failed"),
            true => format!("{failed} 次映射或分配失败"),
        });
    }
    let lists = live.truncated.values().sum::<u64>();
    if lists > 0 {
        out.push(match zh {
            false => format!(
                "{lists} lists are cut by the kernel ([TRUNCATED]): of their other entries nothing is known"
            ),
            true => format!("{lists} 个列表被内核截断（[TRUNCATED]），其余各项无从得知"),
        });
    }
    out
}

fn head(live: &Live, told: &Told, zh: bool) -> Vec<AccountItem> {
    if live.events == 0 {
        return [AccountItem::new(match zh {
            false => "No event of iommu, dma or swiotlb, and none of QEMU's IOMMUs was recognised.",
            true => "没有认出 iommu、dma、swiotlb 或 QEMU 的 IOMMU 的事件。",
        })]
        .into();
    }
    let (from, to) = (seconds(live.clock(live.span.0.time)), seconds(live.clock(live.span.1.time)));
    let span = match (live.timed(), zh) {
        (true, false) => format!("{} events from {from} s to {to} s", live.events),
        (true, true) => format!("{} 个事件，从 {from} 秒到 {to} 秒", live.events),
        (false, false) if told.bare => format!("{} events, without times of the log's clock", live.events),
        (false, true) if told.bare => format!("{} 个事件，没有日志时钟的时间", live.events),
        (false, false) if told.ticks => {
            format!("{} events; their clock counts without a unit, so lines are counted instead", live.events)
        }
        (false, true) if told.ticks => {
            format!("{} 个事件；时钟只计数，没有单位，因此按行数计", live.events)
        }
        (false, false) => format!("{} events, without times", live.events),
        (false, true) => format!("{} 个事件，没有时间", live.events),
    };
    let mut out = Vec::from([match zh {
        false if live.maps == 0 && live.accesses > 0 => {
            format!("{span}; it tells of translations and of no mapping, {} at once at most", live.most)
        }
        true if live.maps == 0 && live.accesses > 0 => {
            format!("{span}；只有转换、没有映射，见到的转换同时最多 {} 个", live.most)
        }
        false => format!("{span}; {} maps and allocations, {} at once at most", live.maps, live.most),
        true => format!("{span}；映射和分配 {} 次，同时最多 {} 个", live.maps, live.most),
    }]);
    out.extend(reading(live, told, zh));
    if live.accesses > 0 {
        out.push(match zh {
            false => format!("{} accesses translated", live.accesses),
            true => format!("{} 次访问得到转换", live.accesses),
        });
    }
    if live.bounced.0 > 0 {
        let (count, bytes) = live.bounced;
        out.push(match zh {
            false => format!("{count} mappings bounced, {bytes} bytes"),
            true => format!("{count} 次映射经过了回弹缓冲区，共 {bytes} 字节"),
        });
    }
    let windows = live.windows;
    if let Some(mean) = windows.total.checked_div(windows.count) {
        let (mean, longest) = (length(mean, zh), length(windows.longest, zh));
        out.push(match zh {
            false => {
                format!("from an unmap of the tables to the next flush: {mean} on average, {longest} at most")
            }
            true => format!("从页表解除映射到下一次失效：平均 {mean}，最长 {longest}"),
        });
    }
    if live.missing > 0 {
        out.push(match zh {
            false => {
                format!("the tracer lost {} events: what is said across a gap may be wrong", live.missing)
            }
            true => format!("跟踪器丢失了 {} 个事件，跨越缺口的结论可能有误", live.missing),
        });
    }
    if live.unsure > 0 {
        let count = live.unsure;
        out.push(match zh {
            false => format!("{count} unmaps of lists fit several lists that were mapped with the same pages, and the event does not say which: the latest is taken, and what is said of their addresses may be wrong"),
            true => format!("{count} 次列表解除映射与多个含相同页面的列表都相符，事件没有说明是哪一个：按最近的一个处理，有关这些地址的结论可能有误"),
        });
    }
    if live.before > 0 {
        out.push(match zh {
            false => format!("{} unmaps of what this trace did not see mapped", live.before),
            true => format!("有 {} 次解除映射，这份跟踪记录里见不到对应的映射", live.before),
        });
    }
    if live.tables() > 0 {
        out.push(match zh {
            false => format!("{} ranges are in the tables of IOMMUs here", live.tables()),
            true => format!("到这里 IOMMU 的页表里有 {} 段", live.tables()),
        });
    }
    if live.over > 0 {
        out.push(match zh {
            false => format!("{} mappings were over the limit and not kept", live.over),
            true => format!("{} 个映射超出上限，没有保留", live.over),
        });
    }
    out.into_iter().map(AccountItem::new).collect()
}

/// What is mapped at the end, by device: in use, or leaked; or what was seen translated and not invalidated since.
fn mapped(live: &Live, seen: bool, zh: bool) -> Vec<AccountItem> {
    let mut devices: BTreeMap<&str, Vec<&Mapping>> = BTreeMap::new();
    for (device, mapping) in live.mapped().filter(|(_, mapping)| mapping.seen == seen) {
        devices.entry(device).or_default().push(mapping);
    }
    let device = |(device, mut all): (&str, Vec<&Mapping>)| {
        let bytes = all.iter().fold(0u64, |sum, m| sum.saturating_add(m.part.size));
        let text = match zh {
            false => format!("{device}: {}, {bytes} bytes", all.len()),
            true => format!("{device}：{} 个，{bytes} 字节", all.len()),
        };
        all.sort_by_key(|mapping| mapping.since.line);
        let details = all.into_iter().take(MOST).map(|one| {
            let age = between(one.since, live.span.1, zh);
            match zh {
                false => format!("{}, for {age}", mapping(one, zh)),
                true => format!("{}，已过 {age}", mapping(one, zh)),
            }
        });
        AccountItem { details: details.collect(), ..AccountItem::new(text) }
    };
    devices.into_iter().map(device).collect()
}
