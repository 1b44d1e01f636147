//! What was found, in words.

use super::account::{Account, AccountItem, AccountSection};
use super::found::{Express, Found};
use super::groups::Joined;
use super::remark::Kind;
use super::Import;
use crate::spec::Lang;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Returns what was found and what is to be said about it.
pub fn report(import: &Import, lang: Lang) -> Account {
    let found = &import.found;
    if import.is_empty() {
        let none = match lang {
            Lang::En => "Nothing of a machine was recognised.",
            Lang::Zh => "没有认出任何与机器有关的内容。",
        };
        return Account::new([AccountSection::new("", false, [AccountItem::new(none)].into())].into());
    }
    let mut sections = Vec::from([AccountSection::new("", false, head(found, lang))]);
    let groups = match lang {
        Lang::En => "Groups of several",
        Lang::Zh => "有多个成员的组",
    };
    let joined = import.joined.iter().map(|group| joined(group, lang)).collect();
    sections.push(AccountSection::new(groups, false, joined));
    for kind in Kind::ALL {
        let remarks = import.remarks.iter().filter(|r| r.kind == kind);
        let items = remarks.map(|remark| {
            let item = AccountItem::new(remark.what.get(lang));
            match remark.from {
                Some(from) => item.at(from.line as u64, found.place(from)),
                None => item,
            }
        });
        let wrong = matches!(kind, Kind::Damaged | Kind::Contradiction);
        sections.push(AccountSection::new(kind.heading().get(lang), wrong, items.collect()));
    }
    Account::new(sections)
}

/// A group of several functions, and why it is one.
fn joined(group: &Joined, lang: Lang) -> AccountItem {
    let all: Vec<String> = group.functions.iter().map(ToString::to_string).collect();
    let text = match lang {
        Lang::En => format!("group {}: {}", group.number, all.join(" ")),
        Lang::Zh => format!("组 {}：{}", group.number, all.join(" ")),
    };
    let details = group.why.iter().chain(&group.ways).map(|line| line.get(lang).into()).collect();
    AccountItem { details, ..AccountItem::new(text) }
}

/// What kinds of text were read, and how much of a machine they state.
fn head(found: &Found, lang: Lang) -> Vec<AccountItem> {
    let kinds = found.kinds.iter().map(|(kind, from)| match lang {
        Lang::En => format!("{kind} ({})", found.place(*from)),
        Lang::Zh => format!("{}（{}）", in_chinese(kind), found.place(*from)),
    });
    let kinds: Vec<String> = kinds.collect();
    let bridges = found.functions.iter().filter(|f| f.is_bridge()).count();
    let ports = found.functions.iter().filter(|f| f.express == Some(Express::RootPort)).count();
    let counts = [
        (found.functions.len(), "functions", "个功能"),
        (bridges, "of them bridges", "个是桥"),
        (ports, "of these root ports", "个是根端口"),
        (found.units.len(), "IOMMUs", "个 IOMMU"),
        (found.groups.len(), "groups", "个组"),
        (found.reserved.len(), "reserved regions", "个保留区域"),
        (found.windows.len(), "windows of host bridges", "个主桥窗口"),
        (found.memory.len() + found.ram.len(), "ranges of physical addresses", "段物理地址"),
    ];
    let counts = counts.iter().filter(|(count, ..)| *count > 0);
    let counts: Vec<String> = counts
        .map(|(count, en, zh)| match lang {
            Lang::En => format!("{count} {en}"),
            Lang::Zh => format!("{count} {zh}"),
        })
        .collect();
    let lines = match lang {
        Lang::En => [
            format!("Read: {}", or(kinds.join(", "), "nothing")),
            format!("Found: {}", or(counts.join(", "), "nothing")),
        ],
        Lang::Zh => [
            format!("读到：{}", or(kinds.join("、"), "无")),
            format!("找到：{}", or(counts.join("，"), "无")),
        ],
    };
    lines.map(AccountItem::new).into()
}

/// A kind of text: a command's name stays.
fn in_chinese(kind: &str) -> &str {
    match kind {
        "boot log" => "启动日志",
        "device tree" => "设备树",
        "iommu groups" | "iommu_groups" => "IOMMU 组",
        kind => kind,
    }
}

fn or(text: String, instead: &str) -> String {
    if text.is_empty() {
        instead.to_string()
    } else {
        text
    }
}
