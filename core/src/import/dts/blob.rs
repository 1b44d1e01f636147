//! A device tree as firmware and `/sys/firmware/fdt` have it, in binary (Devicetree specification, chapter 5): the same nodes as of its
//! text. A property's bytes say nothing of their kind, so each is numbers where it is whole words, and texts where it reads as such.

use super::parse::{Cell, Node, Property};
use crate::spec::Phrase;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// What a blob begins with.
pub const MAGIC: [u8; 4] = [0xd0, 0x0d, 0xfe, 0xed];
const HEADER: usize = 40;
/// How deep nodes may be inside each other.
const DEEPEST: usize = 64;
/// The most nodes.
const MOST: usize = 20_000;

fn word(bytes: &[u8], at: usize) -> Option<usize> {
    let word = bytes.get(at..at.checked_add(4)?)?;
    Some(word.iter().fold(0, |value, byte| value << 8 | usize::from(*byte)))
}

/// A text that ends with a zero.
fn text(bytes: &[u8], at: usize) -> Option<&str> {
    let rest = bytes.get(at..)?;
    core::str::from_utf8(&rest[..rest.iter().position(|byte| *byte == 0)?]).ok()
}

/// Returns the nodes, or where it is wrong and what is wrong there.
pub fn parse(bytes: &[u8]) -> Result<Vec<Node>, (usize, Phrase)> {
    let length = word(bytes, 4).filter(|length| *length >= HEADER && bytes.len() >= HEADER);
    let whole = length.and_then(|length| bytes.get(..length));
    let (Some(bytes), Some(start), Some(names)) = (whole, word(bytes, 8), word(bytes, 12)) else {
        let (there, said) = (bytes.len(), word(bytes, 4).unwrap_or(0));
        let what = Phrase::new(
            format!("it is cut short: it says {said} bytes, {there} are there; nothing of it is used"),
            format!("不完整：自称 {said} 字节，实有 {there} 字节；内容未采用"),
        );
        return Err((there.min(said), what));
    };
    let mut nodes: Vec<Node> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    let mut at = start;
    // Bounded: each turn passes a word.
    loop {
        let wrong = |what: &str, zh: &str| (at, Phrase::new(what, zh));
        let cut = || wrong("the tree leaves the blob here", "设备树在此处超出数据");
        let token = word(bytes, at).ok_or_else(cut)?;
        let next = match token {
            1 => {
                let name = text(bytes, at + 4).ok_or_else(cut)?;
                if open.len() >= DEEPEST || nodes.len() >= MOST {
                    return Err(wrong(
                        "more nodes, or deeper ones, than are read",
                        "节点过多或过深，不再读取",
                    ));
                }
                open.push(nodes.len());
                let parent = open.len().checked_sub(2).map(|above| open[above]);
                nodes.push(Node { name: name.into(), parent, line: 1, ..Node::default() });
                at + 4 + name.len() + 1
            }
            2 => {
                let _ = open.pop();
                at + 4
            }
            3 => {
                let len = word(bytes, at + 4).ok_or_else(cut)?;
                let name = word(bytes, at + 8).and_then(|offset| text(bytes, names.checked_add(offset)?));
                let value = (at + 12).checked_add(len).and_then(|end| bytes.get(at + 12..end));
                let (name, value) = name.zip(value).ok_or_else(cut)?;
                if let Some(node) = open.last().and_then(|node| nodes.get_mut(*node)) {
                    node.properties.push(property(name, value));
                }
                at + 12 + len
            }
            4 => at + 4,
            9 => return Ok(nodes),
            _ => return Err(wrong("no token of a device tree is here", "此处不是设备树的标记")),
        };
        at = next.next_multiple_of(4);
    }
}

fn property(name: &str, value: &[u8]) -> Property {
    let number = |word: &[u8]| Cell::Number(word.iter().fold(0, |value, byte| value << 8 | u32::from(*byte)));
    let cells = if value.len() % 4 == 0 { value.chunks(4).map(number).collect() } else { Vec::new() };
    let readable = |part: &&str| !part.is_empty() && part.bytes().all(|b| (0x20..0x7f).contains(&b));
    let parts = core::str::from_utf8(value).ok().and_then(|all| all.strip_suffix('\0'));
    let texts: Vec<String> = match parts {
        Some(all) if all.split('\0').all(|part| readable(&part)) => {
            all.split('\0').map(String::from).collect()
        }
        _ => Vec::new(),
    };
    Property { name: name.into(), cells, texts, line: 1 }
}
