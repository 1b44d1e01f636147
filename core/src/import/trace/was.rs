//! What a refused address was, in words.

use super::finding::{Aside, Change, Mapping, Was};
use super::line::Moment;
use super::said::{between, mapping, part};
use alloc::format;
use alloc::string::String;

/// What an address was at a moment.
pub(super) fn was(now: Moment, was: &Was, zh: bool) -> String {
    let ago = |then: Moment| between(then, now, zh);
    match (was, zh) {
        (Was::Aside(was, aside), _) => self::was(now, was, zh) + &beside(aside, zh),
        (Was::Mapped(m), false) => format!("it is mapped: {}", mapping(m, zh)),
        (Was::Mapped(m), true) => format!("它已映射：{}", mapping(m, zh)),
        (Was::Other(m), false) => format!("it is mapped for the other direction only: {}", mapping(m, zh)),
        (Was::Other(m), true) => format!("它只为另一个方向映射：{}", mapping(m, zh)),
        (Was::Unmapped(m, then), false) if m.seen => {
            format!(
                "its translation was forgotten {} before, on line {}: {}",
                ago(*then),
                then.line,
                mapping(m, zh)
            )
        }
        (Was::Unmapped(m, then), true) if m.seen => {
            format!("它的转换在 {}之前（第 {} 行）已失效：{}", ago(*then), then.line, mapping(m, zh))
        }
        (Was::Unmapped(m, then), false) => {
            format!("it was unmapped {} before, on line {}: {}", ago(*then), then.line, mapping(m, zh))
        }
        (Was::Unmapped(m, then), true) => {
            format!("它在 {}之前（第 {} 行）已解除映射：{}", ago(*then), then.line, mapping(m, zh))
        }
        (Was::Lost(m, then), false) => format!(
            "the tables had lost its page {} before, on line {}, though the DMA API still had it: {}",
            ago(*then),
            then.line,
            mapping(m, zh)
        ),
        (Was::Lost(m, then), true) => format!(
            "页表在 {}之前（第 {} 行）已去掉它的页，DMA API 那时还没有解除映射：{}",
            ago(*then),
            then.line,
            mapping(m, zh)
        ),
        (Was::Perhaps(m, then), false) => format!(
            "whether the tables still had it is not known: those of one of the devices that have this address lost it {} before, on line {}: {}",
            ago(*then),
            then.line,
            mapping(m, zh)
        ),
        (Was::Perhaps(m, then), true) => format!(
            "页表里是否还有它无从得知：几个设备都有这个地址，其中一个的页表在 {}之前（第 {} 行）去掉了它：{}",
            ago(*then),
            then.line,
            mapping(m, zh)
        ),
        (Was::UnmappedUnseen(p, then), false) => format!(
            "it was unmapped {} before, on line {}: {}; its map is not in this trace",
            ago(*then),
            then.line,
            part(p)
        ),
        (Was::UnmappedUnseen(p, then), true) => format!(
            "它在 {}之前（第 {} 行）已解除映射：{}；这份跟踪记录里没有它的映射",
            ago(*then),
            then.line,
            part(p)
        ),
        (Was::MappedUnseen(p, then), false) => format!(
            "it is mapped: unmapped {} later, on line {}: {}; its map is not in this trace",
            between(now, *then, zh),
            then.line,
            part(p)
        ),
        (Was::MappedUnseen(p, then), true) => format!(
            "它已映射：{}之后（第 {} 行）解除映射：{}；这份跟踪记录里没有它的映射",
            between(now, *then, zh),
            then.line,
            part(p)
        ),
        (Was::Tables(p, since, None), false) => format!(
            "tables have it: {} (line {}); of which domain, the event does not say",
            part(p),
            since.line
        ),
        (Was::Tables(p, since, None), true) => {
            format!("页表里有它：{}（第 {} 行）；属于哪个域，事件没有说明", part(p), since.line)
        }
        (Was::Tables(p, since, Some(then)), false) => format!(
            "tables lost it {} before, on line {}: {} (line {}); of which domain, the event does not say",
            ago(*then),
            then.line,
            part(p),
            since.line
        ),
        (Was::Tables(p, since, Some(then)), true) => format!(
            "页表在 {}之前（第 {} 行）去掉了它：{}（第 {} 行）；属于哪个域，事件没有说明",
            ago(*then),
            then.line,
            part(p),
            since.line
        ),
        (Was::NoTables, false) => "no tables got it in this trace, which has tables of no named domain".into(),
        (Was::NoTables, true) => "这份跟踪记录里没有页表加入过它；页表属于哪个域，事件没有说明".into(),
        (Was::NoDevice(None), false) => {
            "the trace has nothing of this device: what it had mapped is not known".into()
        }
        (Was::NoDevice(None), true) => "这份跟踪记录里没有这个设备：它映射了什么，无从得知".into(),
        (Was::NoDevice(Some((other, m))), false) => format!(
            "the trace has nothing of this device; {other} has the address mapped, and may be the one that is meant (an alias, or another number): {}",
            mapping(m, zh)
        ),
        (Was::NoDevice(Some((other, m))), true) => format!(
            "这份跟踪记录里没有这个设备；{other} 映射着这个地址，可能指的就是它（别名，或另一种编号）：{}",
            mapping(m, zh)
        ),
        (Was::Process(pasid), false) => format!(
            "the request has PASID {pasid:#x} and goes through a process's tables, which no event of dma shows: it is held against no mapping"
        ),
        (Was::Process(pasid), true) => {
            format!("请求带有 PASID {pasid:#x}，走进程的页表，dma 事件里见不到：不与任何映射对照")
        }
        (Was::Cut(then), false) => {
            format!("whether it was mapped is not known: the list on line {} was cut", then.line)
        }
        (Was::Cut(then), true) => format!("是否映射过无从得知：第 {} 行的列表被截断", then.line),
        (Was::Sometime, false) => {
            "its line has no time of the trace's clock: what was mapped then is not known".into()
        }
        (Was::Sometime, true) => "该行没有跟踪时钟的时间：当时映射了什么，无从得知".into(),
        (Was::Clocks, false) => {
            "its time and the trace's are of two clocks: what was mapped then is not known".into()
        }
        (Was::Clocks, true) => "它的时间与跟踪记录的时间不属于同一个时钟：当时映射了什么，无从得知".into(),
        (Was::Before(first), false) => format!(
            "the trace begins {} later, on line {}: what was mapped then is not known",
            between(now, *first, zh),
            first.line
        ),
        (Was::Before(first), true) => format!(
            "跟踪记录在 {}之后（第 {} 行）才开始：当时映射了什么，无从得知",
            between(now, *first, zh),
            first.line
        ),
        (Was::After(last), false) => format!(
            "the trace has its last event {} before, on line {}: what was mapped then is not known",
            ago(*last),
            last.line
        ),
        (Was::After(last), true) => format!(
            "跟踪记录的最后一个事件在 {}之前（第 {} 行）：当时映射了什么，无从得知",
            ago(*last),
            last.line
        ),
        (Was::TooMany, false) => {
            "what was mapped then is not looked up: too many faults stand behind later events, or too many events".into()
        }
        (Was::TooMany, true) => "没有查找当时的映射：排在更晚事件之后的故障太多，或事件太多".into(),
        (Was::Entry, false) => {
            "its line says that the IOMMU refused it before any page was looked at: no mapping has to do with it".into()
        }
        (Was::Entry, true) => "该行说明 IOMMU 在查任何页之前就拒绝了它：与映射无关".into(),
        (Was::Segment(names), false) => format!(
            "its line has no segment, and the trace has {names}: which of them it is, and what that had mapped, is not known"
        ),
        (Was::Segment(names), true) => {
            format!("该行没有段号，而跟踪记录里有 {names}：是哪一个、它映射了什么，无从得知")
        }
        (Was::Failed(then), false) => format!(
            "it was never mapped in this trace, and is what a mapping or an allocation that failed has for an address: one of this device failed on line {}",
            then.line
        ),
        (Was::Failed(then), true) => format!(
            "这份跟踪记录里从未映射过它；映射或分配失败时得到的正是这个地址：该设备在第 {} 行有一次失败",
            then.line
        ),
        (Was::Unseen, false) => "no translation of it was seen in this trace".into(),
        (Was::Unseen, true) => "这份跟踪记录里没有见到它的转换".into(),
        (Was::Never(None), false) => "it was never mapped in this trace".into(),
        (Was::Never(None), true) => "这份跟踪记录里从未映射过它".into(),
        (Was::Never(Some((m, over))), false) => {
            format!(
                "it was never mapped in this trace; the nearest mapping ends {over:#x} below: {}",
                mapping(m, zh)
            )
        }
        (Was::Never(Some((m, over))), true) => {
            format!("这份跟踪记录里从未映射过它；下方最近的映射在它之前 {over:#x} 处结束：{}", mapping(m, zh))
        }
    }
}

/// What is said beside what an address was.
fn beside(aside: &Aside, zh: bool) -> String {
    match (aside, zh) {
        (Aside::Group { other, group, lines: (own, its) }, false) => format!(
            "; it is {other}'s, which is of the same group {group} (lines {own} and {its}), and devices of a group share a default domain"
        ),
        (Aside::Group { other, group, lines: (own, its) }, true) => format!(
            "；它是 {other} 的，该设备在同一个组 {group} 里（第 {own}、{its} 行），同一组的设备共用一个默认域"
        ),
        (Aside::Another(other, m), false) => format!(
            "; but {other} has the address mapped, which counts if both are of one group (the trace does not say), or if it is the one that is meant: {}",
            mapping(m, zh)
        ),
        (Aside::Another(other, m), true) => format!(
            "；但 {other} 映射着这个地址，若两者同属一个组（记录没有说明），或指的就是它，这个映射就算数：{}",
            mapping(m, zh)
        ),
        (Aside::Moved { change, line, again }, false) => {
            let since = match change {
                Change::Left => "left its group, and with it the domain that this was mapped in",
                Change::Detached => "left its domain",
                Change::Attached => {
                    "was attached to a domain; which, the event does not say, and in another it is not mapped"
                }
                Change::Joined => "came into a group; whether it kept its domain, the event does not say",
            };
            let again = again.map(|line| {
                format!("; on line {line} it was attached to one again, and the event does not say which")
            });
            format!("; since then, on line {line}, the device {since}{}", again.unwrap_or_default())
        }
        (Aside::Moved { change, line, again }, true) => {
            let since = match change {
                Change::Left => "离开了它的组，也就离开了这个映射所在的域",
                Change::Detached => "离开了它的域",
                Change::Attached => "接入了一个域；事件没有说明是哪个，在另一个域里它没有映射",
                Change::Joined => "加入了一个组；它是否仍用原来的域，事件没有说明",
            };
            let again =
                again.map(|line| format!("；第 {line} 行又接入一个域，事件没有说明是哪个"));
            format!("；此后在第 {line} 行，设备{since}{}", again.unwrap_or_default())
        }
    }
}

/// A refused access in words.
pub(super) fn refused(
    now: Moment,
    device: &str,
    address: u64,
    write: Option<bool>,
    w: &Was,
    zh: bool,
) -> String {
    let access = match (write, zh) {
        (Some(true), false) => " (write)",
        (Some(false), false) => " (read)",
        (Some(true), true) => "（写）",
        (Some(false), true) => "（读）",
        (None, _) => "",
    };
    let who = who(device, zh);
    // A buffer may have only a part of its page.
    let in_page = match w.core() {
        Was::Mapped(m) | Was::Other(m) => !has(m, address),
        Was::Lost(m, _) | Was::Perhaps(m, _) | Was::Unmapped(m, _) => !has(m, address),
        _ => false,
    };
    let rest = match (in_page, zh) {
        (false, _) => String::new(),
        (true, false) => ", in the same page (an IOMMU maps whole pages)".into(),
        (true, true) => "，在同一页里（IOMMU 按整页映射）".into(),
    };
    let asides = asides(w, zh);
    match zh {
        false => format!("{who} is refused {address:#x}{access}: {}{rest}{asides}", was(now, w.core(), zh)),
        true => format!("{who} 访问 {address:#x}{access}被拒绝：{}{rest}{asides}", was(now, w.core(), zh)),
    }
}

/// All that is said beside what an address was.
fn asides(was: &Was, zh: bool) -> String {
    match was {
        Was::Aside(was, aside) => asides(was, zh) + &beside(aside, zh),
        _ => String::new(),
    }
}

fn has(m: &Mapping, address: u64) -> bool {
    address.checked_sub(m.part.address).is_some_and(|over| over < m.part.size)
}

/// A device's name, where its line says it.
pub(super) fn who(device: &str, zh: bool) -> &str {
    match (device, zh) {
        ("", false) => "a device that the line does not name",
        ("", true) => "该行没有指明的设备",
        _ => device,
    }
}
