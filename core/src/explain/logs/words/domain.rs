//! An address that is asked of tables that a kernel printed page by page (`domain_translation_struct`): the entries on its way stand
//! in its row.

use super::line::Asked;
use super::stage::size;
use crate::explain::logs::dumped::Domain;
use crate::explain::logs::fault::Arch;
use crate::explain::logs::found::Found;
use crate::spec::{Phrase, Text};
use crate::trace::Perms;
use alloc::format;
use alloc::string::ToString;

/// The bits of an entry that are an address.
const ADDRESS: u64 = 0xf_ffff_ffff_f000;

/// The tables of the device that is asked; requests without a PASID have those of PASID 0 where it has others.
pub(super) fn of(domains: &[Domain], asked: Asked) -> Option<&Domain> {
    let device = asked.device.filter(|_| asked.segment.is_none())?.function()?;
    let mut of_device = domains.iter().filter(|domain| domain.device == device);
    of_device.find(|domain| domain.pasid.unwrap_or(0) == asked.pasid.unwrap_or(0))
}

/// The levels of a row: entries from the one that is not 0 first, with log2 of what each maps.
fn levels(entries: &[u64; 5]) -> impl Iterator<Item = (u8, u64)> + '_ {
    (1..=5).rev().zip(entries.iter().copied()).filter(|(_, entry)| *entry != 0)
}

const fn shift(level: u8) -> u8 {
    12 + 9 * (level - 1)
}

pub(super) fn walked(domain: &Domain, asked: Asked) -> Found {
    let Asked { address, write, .. } = asked;
    let device = domain.device;
    let mut found = super::tables(
        Arch::VtD,
        Phrase::new(
            format!("{}: the printed tables of {device} for {address:#x}", Arch::VtD.name()),
            format!("{}：打印出的 {device} 页表中地址 {address:#x} 的表项", Arch::VtD.name()),
        ),
    );
    let leaf = |(_, entries): &(u64, [u64; 5])| levels(entries).last();
    let row = domain.pages.iter().find(|row| {
        leaf(row).is_some_and(|(level, _)| row.0 << 12 >> shift(level) == address >> shift(level))
    });
    let ends = Text::new("ends at", "停在");
    let refused = Phrase::new("refused", "拒绝");
    let Some((row, (level, last))) = row.and_then(|row| Some((row, leaf(row)?))) else {
        if domain.unread > 0 {
            let (rows, unknown) = (domain.unread, Text::new("not known", "无从得知"));
            let why = Phrase::new(
                format!("no row that is understood has its page; rows that are not: {rows}"),
                format!("读懂的行里没有它的页；另有 {rows} 行没有读懂"),
            );
            found.certain(ends, unknown, why);
            return found;
        }
        let why =
            Text::new("no row of the tables has its page: it is not mapped", "页表里没有它的页：没有映射");
        found.certain(ends, refused, why);
        return found;
    };
    let mut perms = Perms::RW;
    let mut table = domain.tables & ADDRESS;
    for (level, entry) in levels(&row.1) {
        // Read and write of the second stage, present and R/W of the first, are the same bits.
        perms = perms.and(Perms::when(Perms::R, entry & 1 != 0).or(Perms::when(Perms::W, entry & 2 != 0)));
        let index = address >> shift(level) & 511;
        let at = table + index * 8;
        found.certain(
            Text::new("read", "读取"),
            Phrase::new(
                format!("level {level} entry {index}: {entry:#018x}"),
                format!("第 {level} 级表项 {index}：{entry:#018x}"),
            ),
            Phrase::new(format!("at {at:#x}"), format!("位于 {at:#x}")),
        );
        table = entry & ADDRESS;
    }
    let within = (1u64 << shift(level)) - 1;
    let to = (last & ADDRESS & !within) | (address & within);
    let page = size(shift(level));
    let rights = (perms.to_string(), perms.zh());
    if !perms.has(if write { Perms::W } else { Perms::R }) {
        let why = Phrase::new(
            format!(
                "a page of {page} at {to:#x}, {}, and the request {}",
                rights.0,
                if write { "writes" } else { "reads" }
            ),
            format!("页大小 {page}，位于 {to:#x}，{}，而请求是{}", rights.1, if write { "写" } else { "读" }),
        );
        found.certain(ends, refused, why);
        return found;
    }
    found.certain(
        ends,
        format!("{to:#x}"),
        Phrase::new(
            format!("the address in memory; a page of {page}, {}", rights.0),
            format!("内存中的地址；页大小 {page}，{}", rights.1),
        ),
    );
    found
}
