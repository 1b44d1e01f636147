//! What a boot log says of functions, beside what the running system says: which function its lines are of, and where a BAR was.

use super::found::{Bdf, Found, Maker, Source};
use super::remark::Kind;
use crate::spec::Phrase;
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::vec::Vec;

/// Vendor and device.
type Ids = (u16, u16);

/// Places where the lines that follow are of another function than the one that is kept: of another boot, or another machine.
#[derive(Debug, Default)]
pub struct Others(BTreeSet<Bdf>);

impl Others {
    /// Takes the ids by which a log begins to tell of the function at a place; returns whether it is the one that is kept.
    pub fn begins(&mut self, at: Bdf, ids: Option<Ids>, from: Source, found: &mut Found) -> bool {
        let kept = found.at(at).and_then(|function| function.ids);
        let Some(((vendor, device), (other, its))) = kept.zip(ids).filter(|(kept, ids)| kept != ids) else {
            self.0.remove(&at);
            return true;
        };
        self.0.insert(at);
        let both = format!("[{vendor:04x}:{device:04x}]");
        let second = format!("[{other:04x}:{its:04x}]");
        found.remark_once(
            Kind::Contradiction,
            from,
            Phrase::new(
                format!("two functions at {at}: {both} and {second}; the first is kept"),
                format!("{at} 处有两个功能：{both} 和 {second}，保留前一个"),
            ),
        );
        found.remark_once(
            Kind::Contradiction,
            from,
            Phrase::new(
                "a place has another function than before: these are two machines, or two boots of one that was changed between; what else they state is read as of one machine",
                "同一位置先后是不同的功能：这是两台机器，或同一台机器改动前后的两次启动；其余内容按一台机器读取",
            ),
        );
        false
    }

    /// Returns whether what is said of a place now is of another function.
    pub fn has(&self, at: Bdf) -> bool {
        self.0.contains(&at)
    }
}

/// Adds the BARs of the boot log where the running system says nothing of them: what it says is later.
pub fn join(found: &mut Found) {
    let mut differ: Vec<(Source, Phrase)> = Vec::new();
    for function in &mut found.functions {
        let at = function.at;
        for bar in core::mem::take(&mut function.logged) {
            // The shorter form of `lspci` counts those that it lists, so it may have another number for the same.
            let same = |one: &&super::found::Bar| (one.at, one.size) == (bar.at, bar.size);
            if function.bars.iter().any(|one| same(&one)) {
                continue;
            }
            let Some(now) = function.bars.iter().find(|one| one.index == bar.index) else {
                function.bars.push(bar);
                continue;
            };
            let (index, old, new) = (bar.index, bar.at, now.at);
            let (old_size, new_size) = (bar.size, now.size);
            differ.push((
                bar.from,
                Phrase::new(
                    format!("{at} BAR {index}: {old:#x} +{old_size:#x} in the boot log, {new:#x} +{new_size:#x} in the running system, which is later and is taken"),
                    format!("{at} BAR {index}：启动日志里是 {old:#x} +{old_size:#x}，运行中的系统里是 {new:#x} +{new_size:#x}；后者更晚，以它为准"),
                ),
            ));
        }
    }
    for (from, what) in differ {
        found.remark(Kind::Contradiction, from, what);
    }
    makers(found);
}

/// Says of IOMMUs of makers that no machine has together.
fn makers(found: &mut Found) {
    // Those of one kind of processor; a hypervisor's may be anywhere.
    let kind = |maker: Maker| match maker {
        Maker::Intel => Some(0),
        Maker::Amd => Some(1),
        Maker::Smmu3 | Maker::Smmu2 => Some(2),
        Maker::RiscV => Some(3),
        Maker::Virtio | Maker::Other => None,
    };
    let mut units = found.units.iter().filter(|unit| kind(unit.maker).is_some());
    let Some(first) = units.next() else { return };
    let Some(other) = units.find(|unit| kind(unit.maker) != kind(first.maker)) else { return };
    let (a, b, from) = (first.maker.name(), other.maker.name(), other.from.max(first.from));
    let said = Phrase::new(
        format!("{a} and {b} are both named, and no machine has both: the texts are of two machines"),
        format!("同时出现 {a} 和 {b}，没有机器兼有两者：这些文本来自两台机器"),
    );
    found.remark(Kind::Contradiction, from, said);
}
