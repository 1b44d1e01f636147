//! A question about a run with the machine's answer: each choice is something that the run, or a machine that lacks a
//! part of it, makes plausible, and each comes with the reason why it is right or wrong.

use super::ending::evidence::{purposes, Evidence};
use super::ending::place::Places;
use super::ending::{bytes, count, thousands, Looks};
use super::who::Cast;
use crate::addr::{PhysAddr, Space};
use crate::machine::history::Cursor;
use crate::machine::{Done, Record};
use crate::platform::map::RegionKind;
use crate::scenario::presets::checks::{Ask, AskAbout};
use crate::spec::{spaced, Phrase};
use crate::trace::{Event, InterruptKind, Scope, Trace};
use alloc::{format, vec::Vec};

/// A choice.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Choice {
    /// What it says.
    pub text: Phrase,
    /// It is what the machine did.
    pub right: bool,
    /// Why it is, or is not.
    pub reason: Phrase,
}

/// A question.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Check {
    /// What is asked.
    pub text: Phrase,
    /// What could be; one is right.
    pub choices: Vec<Choice>,
}

/// A run, to be asked about.
pub struct Asked<'a> {
    /// What it left beside its trace.
    pub record: &'a Record,
    /// Makes a cursor of its trace.
    pub cursor: &'a dyn Fn() -> Cursor,
    /// What it did.
    pub trace: &'a Trace,
    /// The names, with what came of each operation.
    pub cast: &'a Cast,
    /// The operations.
    pub done: &'a [Done],
}

/// More choices than this are no help.
const CHOICES: usize = 4;

impl Asked<'_> {
    /// The question about a line of the run; nothing when the run has no such line.
    pub fn check(&self, about: &AskAbout) -> Option<Check> {
        let same = |d: &&Done| self.cast.line(d.span.line) == about.line;
        let done = self.done.iter().filter(same).nth(about.nth)?;
        let check = match about.ask {
            Ask::Where => self.place(done),
            Ask::Reads => self.reads(done),
            Ask::Packets => self.packets(done),
            Ask::Interrupt => self.interrupt(done),
            Ask::Value => self.value(done),
        }?;
        Some(mixed(check))
    }

    fn source(&self, done: &Done) -> &str {
        self.cast.line(done.span.line)
    }
    fn right(&self, done: &Done, text: Phrase) -> Choice {
        let reason = self.cast.ending(done.steps.start).map_or(Phrase::default(), |e| e.text.clone());
        Choice { text, right: true, reason }
    }

    /// Where an operation's bytes are: the first place in memory or in a device.
    fn where_it_is(&self, done: &Done, places: &Places) -> Option<(Phrase, Option<PhysAddr>)> {
        let e = Evidence::of(self.trace, done.steps.clone());
        if let Some(piece) = e.moved.first().or(e.stored.first()) {
            return Some((self.spot(piece.at, piece.step, places), Some(piece.at)));
        }
        if let Some((device, at, ..)) = e.own.first() {
            let place = super::ending::own_place(&self.cast.device(*device), *at);
            return Some((Phrase::new(place.en, place.zh.trim()), None));
        }
        None
    }
    fn spot(&self, at: PhysAddr, step: usize, places: &Places) -> Phrase {
        let thing = places.at(at, step);
        Phrase::new(format!("memory at {at}: {}", thing.en), format!("内存 {at}：{}", thing.zh))
    }

    fn place(&self, done: &Done) -> Option<Check> {
        let looks = Looks::default();
        let places = Places::new(self.record, self.trace, self.cursor, &looks);
        let source = self.source(done);
        let reads = source.contains(" read ");
        let nowhere = Phrase::new("nowhere", if reads { "什么也没读到" } else { "哪儿也没到" });
        let found = self.where_it_is(done, &places);
        let mut choices = Vec::new();
        match &found {
            Some((text, _)) => choices.push(self.right(done, text.clone())),
            None => choices.push(self.right(done, nowhere.clone())),
        }
        let here = found.as_ref().and_then(|f| f.1);
        // Of two choices with one address neither would be right alone.
        let mut taken: Vec<PhysAddr> = here.into_iter().collect();
        let by = self.cast.ending(done.steps.start)?.text.clone();
        let used = self.used(done)?;
        let end = done.steps.end;
        // The number taken for a physical address, whatever is there.
        let number = PhysAddr::new(used.raw);
        let kind = self.record.at(end).map().find(number).map(|region| region.kind);
        if let Some(kind) = kind.filter(|_| here != Some(number)) {
            let space = self.cast.space(used.space);
            let (text, reason) = if kind == RegionKind::Ram {
                let (en, zh) = match source.starts_with("cpu ") {
                    true => ("What the program uses", "程序用的"),
                    false => ("What the device gives", "设备给出的"),
                };
                let reason = Phrase::new(
                    format!("{en}, {number}, is the {}: the bytes would be at that number in memory only if nothing translated it on the way.", space.en),
                    spaced(&format!("{zh} {number} 是{}，不是物理地址；只有途中没有任何转换，数据才会到物理地址 {number}。", space.zh)),
                );
                taken.push(number);
                (self.spot(number, end, &places), reason)
            } else {
                let thing = places.at(number, end);
                let reason = Phrase::new(
                    format!("There is no memory at {number}: that is {}.", thing.en),
                    spaced(&format!("{number} 处没有内存，那里是{}。", thing.zh)),
                );
                (Phrase::new(format!("memory at {number}"), format!("内存 {number}")), reason)
            };
            choices.push(Choice { text, right: false, reason });
        }
        // What a guest means by the number.
        for vm in self.record.at(end).vms() {
            let Some(at) = vm.place(used.raw) else { continue };
            if !taken.contains(&at) {
                taken.push(at);
                choices.push(Choice {
                    text: self.spot(at, end, &places),
                    right: false,
                    reason: Phrase::new(
                        format!("Guest {}'s own {number} is there; what a device sends gets there only where stage 2, and nothing else, translates it.", vm.name),
                        format!("那里是客户机 {} 自己的 {number}；设备发出的 {number} 只由第二阶段转换时，才会到那里。", vm.name),
                    ),
                });
            }
        }
        // Where other lines' bytes are.
        for other in self.done.iter().filter(|d| d.steps != done.steps && d.outcome.arrived.is_some()) {
            let place = self.where_it_is(other, &places);
            if let Some((text, at)) = place.filter(|(_, at)| at.is_none_or(|at| !taken.contains(&at))) {
                taken.extend(at);
                let line = other.span.line;
                let source = self.source(other);
                let reason = match source.contains(" read ") {
                    true => Phrase::new(
                        format!("That is where line {line} reads: `{source}`. {}", by.en),
                        format!("第 {line} 行读的是那里：`{source}`。{}", by.zh),
                    ),
                    false => Phrase::new(
                        format!("There are the bytes of line {line}: `{source}`. {}", by.en),
                        format!("那里是第 {line} 行的数据：`{source}`。{}", by.zh),
                    ),
                };
                choices.push(Choice { text, right: false, reason });
            }
        }
        // Buffers that one could think of.
        for buffer in self.record.at(end).made_buffers() {
            let Some((at, _)) = buffer.pieces.first().filter(|(at, _)| !taken.contains(at)) else { continue };
            taken.push(*at);
            choices.push(Choice {
                text: self.spot(*at, done.steps.start, &places),
                right: false,
                reason: Phrase::new(
                    format!("{} was not touched by this line. {}", buffer.name, by.en),
                    format!("这一行没有碰 {}。{}", buffer.name, by.zh),
                ),
            });
        }
        if found.is_some() {
            choices.push(Choice {
                text: nowhere,
                right: false,
                reason: Phrase::new(
                    format!("Nobody refused it. {}", by.en),
                    format!("没有被拒绝。{}", by.zh),
                ),
            });
        }
        // Where there is little else to choose from (of four, the first ones are kept): the device that is there.
        // Where a register is the answer, another one is no choice.
        let register = matches!(found, Some((_, None)));
        if let Some(device) = self.record.at(end).devices().first().filter(|_| !register) {
            let name = &device.name;
            choices.push(Choice {
                text: Phrase::new(format!("in a register of {name}"), format!("{name} 的一个寄存器里")),
                right: false,
                reason: Phrase::new(
                    format!("Nothing leads from this address to {name}. {}", by.en),
                    format!("这个地址并不对应 {name}。{}", by.zh),
                ),
            });
        }
        let text = match reads {
            true => Phrase::new(
                format!("`{source}`: from where are the bytes read?"),
                format!("`{source}`：数据是从哪里读来的？"),
            ),
            false => Phrase::new(
                format!("`{source}`: where do the bytes end up?"),
                format!("`{source}`：数据最后到了哪里？"),
            ),
        };
        Some(Check { text, choices })
    }

    /// The address that the access of an operation used.
    fn used(&self, done: &Done) -> Option<crate::addr::AnyAddr> {
        self.trace.steps().range(done.steps.clone()).iter().find_map(|s| match s.event {
            Event::Begin(Scope::Transfer { at, .. }) => {
                let iova = at.space == Space::Bus && self.record.at(0).iommu_on();
                Some(if iova { crate::addr::AnyAddr { space: Space::Iova, ..at } } else { at })
            }
            Event::Begin(Scope::CpuAccess { at, .. }) => Some(at),
            _ => None,
        })
    }

    fn reads(&self, done: &Done) -> Option<Check> {
        let steps = self.trace.steps().range(done.steps.clone());
        let count_of = |wanted: fn(&Space) -> bool| {
            steps
                .iter()
                .filter(
                    |s| matches!(s.event, Event::Read { at, level, .. } if level > 0 && wanted(&at.space)),
                )
                .count() as u64
        };
        let first = count_of(|space| *space == Space::GuestPhysical);
        let tables = count_of(|_| true);
        let second = (tables - first).checked_div(first + 1).unwrap_or(0);
        let n = |n: u64| Phrase::new(thousands(n), format!("{n}"));
        let between = self.cast.terms().between;
        let choices = alloc::vec![
            Choice {
                text: n(tables),
                right: true,
                reason: Phrase::new(
                    format!("Each of the {first} entries of stage 1 is found by its {}, which takes {second} reads of stage 2; and so is the page itself: {first} x ({second} + 1) + {second} = {tables}.", between.en),
                    spaced(&format!("第一阶段的 {first} 个表项，位置都是用{}给出的，每个要先读 {second} 个第二阶段页表项才找得到，最后那一页也一样：{first} × ({second} + 1) + {second} = {tables}。", between.zh)),
                ),
            },
            Choice {
                text: n(first),
                right: false,
                reason: Phrase::new(
                    format!("Those are the entries of stage 1 alone: each is known by its {}, and has to be found first.", between.en),
                    spaced(&format!("那只是第一阶段的表项：它们的位置是用{}给出的，得先查第二阶段才找得到。", between.zh)),
                ),
            },
            Choice {
                text: n(first + second),
                right: false,
                reason: Phrase::new(
                    "Stage 2 is not walked once at the end, but for every entry of stage 1 as well.",
                    "第二阶段不是最后才查一次：第一阶段每读一个表项，都要先查一遍第二阶段。",
                ),
            },
        ];
        let source = self.source(done);
        Some(Check {
            text: Phrase::new(
                format!("`{source}`: how many page-table entries does the IOMMU read?"),
                format!("`{source}`：IOMMU 一共读多少个页表项？"),
            ),
            choices,
        })
    }

    fn packets(&self, done: &Done) -> Option<Check> {
        let steps = self.trace.steps().range(done.steps.clone());
        let e = Evidence::of(self.trace, done.steps.clone());
        let right = done.outcome.counts.packets;
        let data = |write: bool| (e.data(write).iter().map(|p| p.bytes).sum::<u64>(), write);
        let (moved, write) = data(true).max(data(false));
        let parts = match &e.purposes(write)[..] {
            [] => Phrase::default(),
            parts => {
                let said = purposes(parts);
                Phrase::new(format!(": {}", said.en), format!("：{}", said.zh))
            }
        };
        let load = steps.iter().filter_map(|s| match s.event {
            Event::Packet { payload, .. } => Some(u64::from(payload)),
            _ => None,
        });
        let (most, n) = (load.max()?, bytes(moved));
        let words = moved / 4;
        let choices = alloc::vec![
            Choice {
                text: Phrase::new(thousands(right), format!("{right}")),
                right: true,
                reason: Phrase::new(
                    format!(
                        "A packet carries at most {most} bytes here{}, {} in all.",
                        parts.en,
                        count(right, "packet")
                    ),
                    format!("这里一个数据包最多带 {most} 字节{}，共 {right} 个。", parts.zh),
                ),
            },
            Choice {
                text: Phrase::same(thousands(1)),
                right: false,
                reason: Phrase::new(
                    format!("{} do not fit into one packet: it carries at most {most} bytes here.", n.en),
                    spaced(&format!("{} 装不进一个数据包：这里一个包最多带 {most} 字节。", n.zh)),
                ),
            },
            Choice {
                text: Phrase::new(thousands(words), format!("{words}")),
                right: false,
                reason: Phrase::new(
                    "That many would go if a CPU fetched four bytes at a time: a device sends whole blocks.",
                    "那是 CPU 每次取四字节才会有的数目：设备是成块发送的。",
                ),
            },
        ];
        let source = self.source(done);
        Some(Check {
            text: Phrase::new(
                format!("`{source}` moves {}: how many request packets does that take?", n.en),
                format!("`{source}` 传送 {}：要多少个请求包？", n.zh),
            ),
            choices,
        })
    }

    fn interrupt(&self, done: &Done) -> Option<Check> {
        let name = |(vector, cpu, kind): (u32, u32, InterruptKind)| match kind {
            InterruptKind::Stored => {
                Phrase::new("the guest's interrupt file in memory", "客户机驻留内存的中断文件")
            }
            InterruptKind::Posted => Phrase::new("the running guest, directly", "直接到运行中的客户机"),
            InterruptKind::Blocked => Phrase::new("nobody", "谁也收不到"),
            _ => {
                let number = self.cast.controller().called(vector);
                Phrase::new(format!("CPU {cpu}, {}", number.en), format!("CPU {cpu}，{}", number.zh))
            }
        };
        let blocked = (0, 0, InterruptKind::Blocked);
        let got = |d: &Done| match d.outcome.fault {
            Some(_) => blocked,
            None => d.outcome.interrupt.unwrap_or(blocked),
        };
        let mut choices = alloc::vec![self.right(done, name(got(done)))];
        let others = self.done.iter().filter(|d| d.verb == "msi" && d.steps != done.steps);
        for other in others {
            let line = other.span.line;
            choices.push(Choice {
                text: name(got(other)),
                right: false,
                reason: Phrase::new(
                    format!("That is what line {line} came to: `{}`.", self.source(other)),
                    format!("那是第 {line} 行的结果：`{}`。", self.source(other)),
                ),
            });
        }
        let by = self.cast.ending(done.steps.start)?.text.clone();
        choices.push(Choice {
            text: name(blocked),
            right: false,
            reason: Phrase::new(format!("Nobody blocked it. {}", by.en), format!("没有被拦截。{}", by.zh)),
        });
        let source = self.source(done);
        let which = self.done.iter().filter(|d| self.source(d) == source).count();
        let line = done.span.line;
        let (last_en, last_zh) = if which > 1 {
            (format!(" in line {line}"), format!("（第 {line} 行）"))
        } else {
            Default::default()
        };
        Some(Check {
            text: Phrase::new(
                format!("`{source}`{last_en}: who gets the interrupt?"),
                format!("`{source}`{last_zh}：谁收到中断？"),
            ),
            choices,
        })
    }

    fn value(&self, done: &Done) -> Option<Check> {
        let shown = |d: &Done| {
            let raw = d.value.unwrap_or(0).to_le_bytes();
            let text =
                core::str::from_utf8(&raw).ok().filter(|t| t.bytes().all(|b| (0x20..0x7f).contains(&b)));
            match text.map(str::trim_end) {
                Some(t) => Phrase::new(format!("\"{t}\""), format!("“{t}”")),
                None => Phrase::same(format!("{:#x}", d.value.unwrap_or(0))),
            }
        };
        let mut choices = alloc::vec![self.right(done, shown(done))];
        for other in self.done.iter().filter(|d| d.verb == done.verb && d.steps != done.steps) {
            let line = other.span.line;
            choices.push(Choice {
                text: shown(other),
                right: false,
                reason: Phrase::new(
                    format!(
                        "That is what line {line} reads. Here: {}",
                        self.cast.ending(done.steps.start)?.text.en
                    ),
                    format!(
                        "那是第 {line} 行读到的。在这里，{}",
                        self.cast.ending(done.steps.start)?.text.zh
                    ),
                ),
            });
        }
        choices.push(Choice {
            text: Phrase::new("nothing: the read is refused", "什么也读不到：读被拒绝"),
            right: false,
            reason: Phrase::new(
                "The CPU may read its own memory at any time; whether that is wise is another question.",
                "CPU 随时可以读自己的内存；该不该读是另一回事。",
            ),
        });
        let (source, line) = (self.source(done), done.span.line);
        Some(Check {
            text: Phrase::new(
                format!("`{source}` in line {line}: what does the CPU read?"),
                format!("第 {line} 行的 `{source}`：CPU 读到什么？"),
            ),
            choices,
        })
    }
}

/// Each choice once, not more than a reader compares, in an order that does not give the right one away.
fn mixed(check: Check) -> Check {
    let mut choices: Vec<Choice> = Vec::new();
    for choice in check.choices {
        if choices.len() < CHOICES && choices.iter().all(|c| c.text != choice.text) {
            choices.push(choice);
        }
    }
    choices.sort_by(|a, b| a.text.en.len().cmp(&b.text.en.len()).then(a.text.en.cmp(&b.text.en)));
    Check { choices, ..check }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::presets::{by_name, checks::CHECKS};

    #[test]
    fn every_question_has_one_right_choice_and_reasons_in_both_languages() {
        let mut places = Vec::new();
        for about in CHECKS {
            let text = by_name(about.name).unwrap().text;
            let run = crate::machine::run(text).unwrap();
            let cast = Cast::of_run(&run, text);
            let asked = Asked {
                record: &Record::of(&run.machine),
                cursor: &|| Cursor::at_end(run.machine.memories(), &run.machine.trace),
                trace: &run.machine.trace,
                cast: &cast,
                done: &run.done,
            };
            let check = asked.check(about).unwrap_or_else(|| panic!("{}", about.name));
            assert!((3..=4).contains(&check.choices.len()), "{}: {:?}", about.name, check.choices);
            assert_eq!(check.choices.iter().filter(|c| c.right).count(), 1, "{}", about.name);
            for choice in &check.choices {
                for text in [&choice.text, &choice.reason] {
                    assert!(!text.en.is_empty() && !text.zh.is_empty(), "{}: {choice:?}", about.name);
                }
            }
            places.push(check.choices.iter().position(|c| c.right));
        }
        places.sort();
        places.dedup();
        assert!(places.len() >= 3, "the right choice is always at the same place: {places:?}");
    }
}
