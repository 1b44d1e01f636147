//! Tells the kinds of text apart, line by line: a paste may hold any of them one after another.

use super::dmesg::Dmesg;
use super::found::{Found, Source};
use super::hexdump::{field, in_order, plain, row, Gathered};
use super::lspci::Lspci;
use super::monitor::Monitor;
use super::sysfs::Sysfs;
use super::tree::Tree;
use super::{acpi, copied, dts, iomem, logged, monitor, units};
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// A text or a table, and what it is called.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// Its name, a file's.
    pub name: &'a str,
    /// Its bytes.
    pub bytes: &'a [u8],
}

/// The most bytes of a device tree's text.
const MOST_TREE: usize = 8 << 20;
/// The most characters of a line that are looked at.
const MOST_LINE: usize = 4096;

/// Reads texts, one after another.
pub fn read(inputs: &[Input<'_>]) -> Found {
    let mut found = Found::default();
    let mut tables: Vec<(Vec<u8>, Source)> = Vec::new();
    for (file, input) in inputs.iter().enumerate() {
        found.files.push(input.name.chars().filter(|c| !c.is_control()).collect());
        let from = Source { file, line: 0 };
        if acpi::is_table(input.bytes) {
            tables.push((input.bytes.to_vec(), from));
        } else if input.bytes.starts_with(&dts::MAGIC) {
            dts::read_blob(input.bytes, from, &mut found);
        } else {
            let mut reader = Reader { file, ..Reader::default() };
            for line in String::from_utf8_lossy(input.bytes).lines() {
                reader.line(line, &mut found);
            }
            reader.flush(&mut found);
            tables.append(&mut reader.tables);
        }
    }
    // Tables name functions by paths below bridges, by ranges and by ids: which they are the other texts say, in whatever order.
    for (bytes, from) in tables {
        acpi::read(&bytes, from, &mut found);
    }
    iomem::outdent(&mut found);
    units::join(&mut found);
    logged::join(&mut found);
    found.kinds.sort_by_key(|(_, from)| *from);
    found
}

#[derive(Default)]
struct Reader {
    file: usize,
    line: usize,
    lspci: Lspci,
    sysfs: Sysfs,
    tree: Tree,
    dmesg: Dmesg,
    monitor: Monitor,
    /// The rows of a dump.
    rows: Gathered,
    rows_from: Source,
    /// The fields of `iasl`.
    fields: Gathered,
    fields_from: Source,
    /// The tables that ended.
    tables: Vec<(Vec<u8>, Source)>,
    /// A row of the dump was left out because it is as the one before.
    repeated: bool,
    /// The text of a device tree, and how deep its braces are.
    dts: Option<(String, Source, usize)>,
}

impl Reader {
    fn line(&mut self, line: &str, found: &mut Found) {
        self.line += 1;
        let from = Source { file: self.file, line: self.line };
        let line = &*copied::original(line);
        let end = line.char_indices().nth(MOST_LINE).map_or(line.len(), |(at, _)| at);
        let line = &line[..end];
        if self.device_tree(line, from, found)
            || monitor::of_the_cpu(line.trim(), from, found)
            || self.dump(line, from, found)
        {
            return;
        }
        if line.trim().is_empty() {
            self.lspci.blank(found);
            return;
        }
        // `head` and `tail` name files this way, and so does the shell line of the documentation.
        if line.starts_with("==") {
            self.flush(found);
            // What they name may be a group's part, whose lines follow.
            let _ = self.sysfs.line(line, from, found);
            return;
        }
        let known = self.other(line, from, found)
            || self.lspci.line(line, from, found)
            || self.monitor.line(line, from, found)
            || self.dmesg.line(line, from, found);
        if !known {
            found.quiet += 1;
        }
    }

    /// A line of sysfs, of the ranges or of a tree: no list by group goes on below it.
    fn other(&mut self, line: &str, from: Source, found: &mut Found) -> bool {
        let other = self.sysfs.line(line, from, found)
            || iomem::line(line, from, found)
            || self.tree.line(line, from, found);
        if other {
            self.lspci.ungroup();
        }
        other
    }

    /// A line of a device tree, from `/dts-v1/` or a root node to where its braces are closed.
    fn device_tree(&mut self, line: &str, from: Source, found: &mut Found) -> bool {
        let text = line.trim();
        if let Some((tree, _, depth)) = &mut self.dts {
            // After the root node there may be others, by reference.
            let more = text.is_empty() || text.starts_with(['&', '/', '#', '}', '*']) || text.ends_with('{');
            if *depth > 0 || more {
                if tree.len() < MOST_TREE {
                    tree.push_str(line);
                    tree.push('\n');
                }
                let code = text.split("//").next().unwrap_or(text);
                *depth = (*depth + code.matches('{').count()).saturating_sub(code.matches('}').count());
                return true;
            }
            self.end_tree(found);
        }
        let begins = text.starts_with("/dts-v1/") || text == "/ {";
        if begins {
            self.flush(found);
            self.dts = Some((line.to_string() + "\n", from, text.matches('{').count()));
        }
        begins
    }

    fn end_tree(&mut self, found: &mut Found) {
        if let Some((text, from, _)) = self.dts.take() {
            dts::read(&text, from, found);
        }
    }

    /// A row of a dump of bytes, or a field of `iasl`.
    fn dump(&mut self, line: &str, from: Source, found: &mut Found) -> bool {
        if line.trim() == "*" && self.rows.len() > 0 {
            self.repeated = true;
        } else if let Some((offset, bytes)) = row(line) {
            if offset == 0 {
                self.end_rows(found);
                self.lspci.end(found);
                self.rows_from = from;
                // `iasl` shows a table's bytes once more below its fields: the bytes count.
                if bytes.len() >= 4 && self.fields.begins_with(&bytes[..4]) {
                    let _ = self.fields.take();
                }
                let _ = self.rows.put(0, &bytes);
                return true;
            }
            let offset = self.rows.offset(offset);
            if core::mem::take(&mut self.repeated) {
                self.rows.repeat(offset);
            }
            let _ = self.rows.put(offset, &bytes);
        } else if let Some(bytes) = plain(line).filter(|b| self.rows.len() > 0 || acpi::is_table(b)) {
            if self.rows.len() == 0 {
                self.rows_from = from;
            }
            let _ = self.rows.put(self.rows.len(), &bytes);
        } else if let Some((offset, bytes)) = field(line) {
            if offset == 0 {
                self.end_fields();
                self.fields_from = from;
            }
            let _ = self.fields.put(offset, &bytes);
        } else {
            if self.rows.len() > 0 {
                self.end_rows(found);
            }
            return false;
        }
        true
    }

    fn end_rows(&mut self, found: &mut Found) {
        let bytes: Vec<u8> = in_order(self.rows.take(), acpi::is_table);
        self.repeated = false;
        if bytes.starts_with(&dts::MAGIC) {
            dts::read_blob(&bytes, self.rows_from, found);
            return;
        }
        self.table(bytes, self.rows_from);
    }

    fn end_fields(&mut self) {
        let bytes: Vec<u8> = self.fields.take();
        self.table(bytes, self.fields_from);
    }

    /// Keeps a table. Others than are read (a dump of all holds them) say nothing here.
    fn table(&mut self, bytes: Vec<u8>, from: Source) {
        if acpi::is_table(&bytes) {
            self.tables.push((bytes, from));
        }
    }

    /// Ends whatever is being read.
    fn flush(&mut self, found: &mut Found) {
        self.end_rows(found);
        self.end_fields();
        self.end_tree(found);
        self.lspci.finish(found);
        self.sysfs.finish();
        self.tree.finish();
        self.monitor.finish();
        self.dmesg.finish(found);
    }
}
