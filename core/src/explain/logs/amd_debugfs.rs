//! Files of AMD-Vi's debugfs: a device table entry, the command buffer, a device's interrupt table (Linux,
//! drivers/iommu/amd/debugfs.c).

use super::amd::device_entry;
use super::causes;
use super::debugfs::ALL_DONE;
use super::fault::Arch;
use super::forms::Form;
use super::found::{Format, Found, Here};
use super::report::Kind;
use super::scan::Scan;
use crate::addr::RequesterId;
use crate::iommu::amdvi::spec::commands::command;
use crate::iommu::amdvi::spec::interrupts::{irte128, irte32, irte_guest};
use crate::spec::{Bits, Phrase, Text};
use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

pub(super) static FORMAT: Format = Format {
    forms: FORMS,
    readers: &[("QWORD[3]", devices), ("CMD Buffer Head Offset:", commands), ("DeviceId ", interrupts)],
    patterns: &[],
    codes: || Vec::new(),
    causes: causes::none,
};

macro_rules! form {
    ($name:literal $wording:literal $file:literal) => {
        Form {
            name: $name,
            arch: Arch::AmdVi,
            wording: $wording,
            source: concat!(
                "Linux v6.17 and later, debugfs iommu/amd/",
                $file,
                " (CONFIG_AMD_IOMMU_DEBUGFS)"
            ),
        }
    };
}

static FORMS: &[Form] = &[
    form!("amd-devtbl" "DeviceId QWORD[3] QWORD[2] QWORD[1] QWORD[0] iommu" "devtbl"),
    form!("amd-cmdbuf" "CMD Buffer Head Offset:* Tail Offset:*" "iommu00/cmdbuf"),
    form!("amd-irqtbl" "DeviceId * IRT[*] *" "irqtbl"),
];

/// Rows that are shown one by one.
const SHOWN: usize = 16;
/// Commands in the buffer that Linux makes: 512 of 16 bytes.
const BUFFER: u64 = 512;

fn tables(form: &'static str, title: Phrase) -> Found {
    let mut found = Found::status(Arch::AmdVi, form, title);
    found.kind = Kind::Tables;
    found
}

/// A heading, and `0000:06:00.0 <word 3> <word 2> <word 1> <word 0> iommu0`.
fn devices(here: &Here<'_>) -> Option<Found> {
    if !Scan(here.text).starts("DeviceId") {
        return None;
    }
    let (device, words) = entry(&here.rest.first()?.text)?;
    let mut found = tables(
        "amd-devtbl",
        Phrase::new(
            format!("AMD-Vi: the device table entry of {device}"),
            format!("AMD-Vi：{device} 的设备表项"),
        ),
    );
    found.device = Some(device.to_string());
    let shown: Vec<_> = words.iter().map(|word| format!("{word:016x}")).collect();
    device_entry(&mut found, &words, shown.join(" "));
    found.used.push(0);
    Some(found)
}

/// The device of a row of `devtbl` and its entry, the lowest word first.
pub(super) fn entry(row: &str) -> Option<(RequesterId, [u64; 4])> {
    let device = Scan(row).device()?.id;
    let mut words = [0; 4];
    let mut shown = row.split_whitespace().skip(1);
    for word in words.iter_mut().rev() {
        *word = Scan(shown.next()?).hex()?;
    }
    Some((device, words))
}

/// Head and tail, and a line for each command.
fn commands(here: &Here<'_>) -> Option<Found> {
    let body = Scan(here.text).after("CMD Buffer Head Offset:")?;
    let (head, tail) = (body.number()? % BUFFER, body.after("Tail Offset:")?.number()? % BUFFER);
    let mut found = tables("amd-cmdbuf", Phrase::new("AMD-Vi: the command buffer", "AMD-Vi：命令缓冲区"));
    let waiting = (tail + BUFFER - head) % BUFFER;
    let meaning = match waiting {
        0 => ALL_DONE.into(),
        _ => Phrase::new(
            format!("{waiting} commands wait for the unit"),
            format!("有 {waiting} 条命令等待 IOMMU 处理"),
        ),
    };
    found.certain(
        Text::new("queue", "队列"),
        Phrase::new(format!("head {head}, tail {tail}"), format!("头 {head}，尾 {tail}")),
        meaning,
    );
    // What waits; without anything that waits, what was done last.
    let shown = |index: u64| match waiting {
        0 => (head + BUFFER - 1 - index) % BUFFER < SHOWN as u64,
        _ => (index + BUFFER - head) % BUFFER < waiting.min(SHOWN as u64),
    };
    for (offset, line) in here.rest.iter().enumerate() {
        let Some((index, words)) = line.text.split_once(':') else { break };
        let Ok(index) = index.trim().parse::<u64>() else { break };
        let words: Vec<u64> = words.split_whitespace().map_while(|word| Scan(word).hex()).collect();
        let [a, b, c, d] = words[..] else { break };
        found.used.push(offset);
        if index < BUFFER && shown(index) && words.iter().any(|word| *word != 0) {
            let (low, high) = (b << 32 | a & 0xffff_ffff, d << 32 | c & 0xffff_ffff);
            let name = command(low).name;
            found.certain(
                Text::new("command", "命令"),
                format!("{index}"),
                Phrase::new(
                    format!("{} ({low:016x} {high:016x})", name.en),
                    format!("{}（{low:016x} {high:016x}）", name.zh),
                ),
            );
        }
    }
    Some(found)
}

/// `DeviceId 0000:06:00.0`, and `IRT[0001] <high> <low>` for each entry that is valid, or one word of 32 bits.
fn interrupts(here: &Here<'_>) -> Option<Found> {
    let device: RequesterId = Scan(here.text).after("DeviceId ")?.device()?.id;
    here.rest.first().filter(|row| row.text.trim_start().starts_with("IRT["))?;
    let mut found = tables(
        "amd-irqtbl",
        Phrase::new(
            format!("AMD-Vi: the interrupt table of {device}"),
            format!("AMD-Vi：{device} 的中断重映射表"),
        ),
    );
    found.device = Some(device.to_string());
    let mut count = 0;
    for (offset, line) in here.rest.iter().enumerate() {
        let Some(body) = Scan(&line.text).after("IRT[") else { break };
        let Some((index, words)) = body.0.split_once(']') else { break };
        let words: Vec<u64> = words.split_whitespace().map_while(|word| Scan(word).hex()).collect();
        let meaning = match words[..] {
            [word] => remapped(word.bits(irte32::VECTOR), word.bits(irte32::DESTINATION)),
            [high, low] if low.is_set(irte128::GUEST_MODE) => {
                let words = [low, high];
                let (tag, vector) = (words.bits(irte_guest::GA_TAG), words.bits(irte_guest::VECTOR));
                Phrase::new(
                    format!("to a guest: vector {vector:#x}, GATag {tag:#x}"),
                    format!("送往客户机：向量 {vector:#x}，GATag {tag:#x}"),
                )
            }
            [high, low] => {
                let words = [low, high];
                let to = words.bits(irte128::DESTINATION) | words.bits(irte128::DESTINATION_HIGH) << 24;
                remapped(words.bits(irte128::VECTOR), to)
            }
            _ => break,
        };
        found.used.push(offset);
        count += 1;
        if count <= SHOWN {
            let index = index.trim_start_matches('0');
            let value = if index.is_empty() { "0" } else { index };
            found.certain(Text::new("entry", "表项"), value, meaning);
        }
    }
    found.certain(
        Text::new("entries", "表项"),
        count,
        Text::new("valid, as the kernel lists them", "有效的表项，内核只列这些"),
    );
    Some(found)
}

fn remapped(vector: u64, to: u64) -> Phrase {
    Phrase::new(format!("vector {vector:#x}, destination {to:#x}"), format!("向量 {vector:#x}，目标 {to:#x}"))
}
