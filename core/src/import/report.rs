//! What was found, in words: for a terminal.

use super::found::{Express, Found};
use super::remark::Kind;
use super::Import;
use crate::scenario::plain::acts;
use crate::spec::Lang;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Returns what was found and what is to be said about it; no control characters but line breaks.
pub fn report(import: &Import, lang: Lang) -> String {
    let found = &import.found;
    let zh = lang == Lang::Zh;
    if found.is_empty() && import.remarks.is_empty() {
        return if zh {
            "没有认出任何与机器有关的内容。\n"
        } else {
            "Nothing of a machine was recognised.\n"
        }
        .into();
    }
    let mut out = String::new();
    out.push_str(&head(found, zh));
    if !import.joined.is_empty() {
        out.push_str(if zh { "\n有多个成员的组\n" } else { "\nGroups of several\n" });
    }
    for group in &import.joined {
        let all: Vec<String> = group.functions.iter().map(ToString::to_string).collect();
        out += &match zh {
            false => format!("  group {}: {}\n", group.number, all.join(" ")),
            true => format!("  组 {}：{}\n", group.number, all.join(" ")),
        };
        for line in group.why.iter().chain(&group.ways) {
            out += &format!("    {}\n", line.get(lang));
        }
    }
    for kind in Kind::ALL {
        let mut remarks = import.remarks.iter().filter(|r| r.kind == kind).peekable();
        if remarks.peek().is_none() {
            continue;
        }
        out += &format!("\n{}\n", kind.heading().get(lang));
        for remark in remarks {
            let place = remark.from.map_or(String::new(), |from| match zh {
                false => format!(" ({})", found.place(from)),
                true => format!("（{}）", found.place(from)),
            });
            out += &format!("  {}{place}\n", remark.what.get(lang));
        }
    }
    out.chars().filter(|c| *c == '\n' || !c.is_control() && !acts(*c)).collect()
}

/// What kinds of text were read, and how much of a machine they state.
fn head(found: &Found, zh: bool) -> String {
    let kinds: Vec<String> =
        found.kinds.iter().map(|(kind, from)| format!("{kind} ({})", found.place(*from))).collect();
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
        (found.memory.len() + found.ram.len(), "ranges of memory", "段内存"),
    ];
    let counts: Vec<String> = counts
        .iter()
        .filter(|(count, ..)| *count > 0)
        .map(|(count, en, zh_text)| if zh { format!("{count} {zh_text}") } else { format!("{count} {en}") })
        .collect();
    match zh {
        false => format!(
            "Read: {}\nFound: {}\n",
            or(kinds.join(", "), "nothing"),
            or(counts.join(", "), "nothing")
        ),
        true => format!("读到：{}\n找到：{}\n", or(kinds.join("、"), "无"), or(counts.join("，"), "无")),
    }
}

fn or(text: String, instead: &str) -> String {
    if text.is_empty() {
        instead.to_string()
    } else {
        text
    }
}
