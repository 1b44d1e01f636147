//! What stands around a kernel's message: quotation marks, time stamps, hosts, colours, escapes, other programs'
//! wrappings. Each physical line becomes the messages that it carries, stripped of all that.
//!
//! No control character comes out of here, so none of what is quoted from a log reaches a terminal.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

/// One message, or a piece of one where the log is wrapped.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Line {
    /// The number of the physical line, counted from 1.
    pub(super) number: usize,
    /// What it says.
    pub(super) text: String,
    /// Did anything stand in front that begins a message: a stamp, a level, a host? Then the next line without one
    /// continues this.
    pub(super) stamped: bool,
    /// Microseconds after boot.
    pub(super) time: Option<u64>,
    /// How often: rsyslog folds repeats.
    pub(super) times: u32,
    /// Does another message own it?
    pub(super) used: bool,
    /// Did Xen print it?
    pub(super) xen: bool,
}

/// The longest line that is read whole, in bytes: the rest of a longer one is left out.
pub(super) const LONGEST: usize = 64 << 10;

/// Reads one physical line.
pub(super) fn read(number: usize, raw: &str, out: &mut Vec<Line>) {
    let raw = cut(raw, LONGEST);
    if let Some(message) = journal(raw) {
        for text in message.text.split('\n') {
            one(number, text, true, message.time, out);
        }
        return;
    }
    if plain(raw) {
        one(number, raw, false, None, out);
        return;
    }
    let clean = clean(raw);
    if clean.contains('\n') {
        let stamped = strip(clean.split('\n').next().unwrap_or("")).stamped;
        for text in clean.split('\n') {
            one(number, text, stamped, None, out);
        }
        return;
    }
    one(number, &clean, false, None, out);
}

/// The message of a line that needs no time and is one message, such as those of a boot log.
#[cfg(feature = "import")]
pub(crate) fn bare(raw: &str) -> Cow<'_, str> {
    let raw = cut(raw, LONGEST);
    if let Some(message) = journal(raw) {
        return Cow::Owned(visible(message.text.lines().next().unwrap_or("").trim()));
    }
    if plain(raw) {
        return Cow::Borrowed(strip(raw).text);
    }
    Cow::Owned(visible(strip(&clean(raw)).text))
}

/// A line of any text as it was before it was copied: without a byte order mark, colours and what else a terminal is told, with the characters
/// that a web page or a mail writes in other ways. A record of another program is left as it is.
#[cfg(feature = "import")]
pub(crate) fn shown(raw: &str) -> Cow<'_, str> {
    let raw = raw.trim_start_matches('\u{feff}');
    let odd = raw.contains(['\u{1b}', '&', '\u{a0}', '\u{202f}'])
        || ["^[[", "#033[", "[0m", "=3D"].iter().any(|it| raw.contains(it));
    match odd && !raw.trim_start().starts_with('{') {
        true => clean(raw),
        false => Cow::Borrowed(raw),
    }
}

/// Has the line nothing that [`clean`] or [`visible`] changes? Most lines of a log are so.
fn plain(raw: &str) -> bool {
    let odd = |byte: &u8| !matches!(byte, b' '..=b'~') || matches!(byte, b'#' | b'^' | b'\\' | b'&');
    !raw.as_bytes().iter().any(odd) && !raw.contains("[0m") && !raw.contains("=3D")
}

fn cut(text: &str, most: usize) -> &str {
    let mut end = most.min(text.len());
    // Bounded: a character has at most four bytes.
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

fn one(number: usize, text: &str, stamped: bool, time: Option<u64>, out: &mut Vec<Line>) {
    let mut from = out.len();
    let outer = strip(text);
    let (times, body) = repeated(outer.text);
    let stripped = if times > 1 { Stripped { stamped: true, ..strip(body) } } else { outer };
    // A second record on the line: the paste lost its line breaks.
    let pieces = if stripped.text.len() > 100 { starts(stripped.text) } else { Vec::new() };
    let mut at = 0;
    for end in pieces.into_iter().chain([stripped.text.len()]) {
        let piece = &stripped.text[at..end];
        // What is left of a stamp before the first record says nothing.
        if end < stripped.text.len() && !piece.bytes().any(|b| b.is_ascii_alphabetic()) {
            at = end;
            continue;
        }
        let inner = if at == 0 { Stripped { text: piece, ..stripped } } else { strip(piece) };
        out.push(Line {
            number,
            text: visible(inner.text.trim()),
            stamped: stamped || inner.stamped,
            time: inner.time.or(stripped.time).or(outer.time).or(time),
            times,
            used: false,
            xen: inner.xen || stripped.xen,
        });
        at = end;
    }
    // The file /dev/kmsg has a line for each property of a message.
    // Bounded: each turn takes a line, or moves on.
    while from < out.len() {
        let noise = out[from].text.starts_with("SUBSYSTEM=") || out[from].text.starts_with("DEVICE=");
        if noise {
            out.remove(from);
        } else {
            from += 1;
        }
    }
}

/// `message repeated 12 times: [ ... ]`, as rsyslog writes it.
fn repeated(text: &str) -> (u32, &str) {
    let found = || {
        let (_, rest) = text.split_once("message repeated ")?;
        let (count, rest) = rest.split_once(" times: [")?;
        let body = rest.trim();
        Some((count.trim().parse().ok()?, body.strip_suffix(']').unwrap_or(body)))
    };
    found().unwrap_or((1, text))
}

/// Only what a terminal shows as it is: no control character, no mark that turns the writing direction.
fn visible(text: &str) -> String {
    let odd = |c: char| {
        c != '\t' && c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fffd}')
    };
    if !text.contains(odd) && !text.contains("  ") {
        return text.into();
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let c = if odd(c) { ' ' } else { c };
        // Runs of spaces are layout.
        if c != ' ' || !(out.is_empty() || out.ends_with(' ')) {
            out.push(c);
        }
    }
    out.truncate(out.trim_end().len());
    out
}

/// Undoes what a terminal, rsyslog, a web page or a mail program did to the characters.
fn clean(text: &str) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(text.trim_start_matches('\u{feff}'));
    if text.contains('\u{1b}') || text.contains("#033[") || text.contains("^[[") {
        text = Cow::Owned(without_colours(&text));
    }
    // The escape character itself may be lost in copying.
    if text.contains("[0m") {
        let mut out = String::new();
        let mut rest = &*text;
        // Bounded: the rest gets shorter.
        while let Some((before, after)) = rest.split_once('[') {
            out.push_str(before);
            let end = after.find(|c: char| !(c.is_ascii_digit() || c == ';')).unwrap_or(after.len());
            match after[end..].strip_prefix('m') {
                Some(tail) => rest = tail,
                None => {
                    out.push('[');
                    rest = after;
                }
            }
        }
        out.push_str(rest);
        text = Cow::Owned(out);
    }
    // rsyslog writes control characters as # and three octal digits.
    // A mail in quoted-printable has =3D for every equals sign.
    for (from, to) in [("#011", "\t"), ("#012", "\n"), ("#015", ""), ("\\t0x", "\t0x"), ("=3D", "=")] {
        if text.contains(from) {
            text = Cow::Owned(text.replace(from, to));
        }
    }
    if text.contains('&') && text.contains(';') {
        for (from, to) in
            [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&nbsp;", " "), ("&amp;", "&")]
        {
            if text.contains(from) {
                text = Cow::Owned(text.replace(from, to));
            }
        }
    }
    // What browsers and word processors make of a space.
    if text.contains(['\u{a0}', '\u{202f}']) {
        text = Cow::Owned(text.replace(['\u{a0}', '\u{202f}'], " "));
    }
    text
}

fn without_colours(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    // Bounded: the rest gets shorter.
    while !rest.is_empty() {
        let after = ["\u{1b}[", "#033[", "^[["].into_iter().find_map(|mark| rest.strip_prefix(mark));
        match after {
            Some(body) => {
                let end = body
                    .find(|c: char| !(c.is_ascii_digit() || matches!(c, ';' | '?')))
                    .unwrap_or(body.len());
                rest = &body[(end + usize::from(end < body.len() && body.as_bytes()[end].is_ascii()))
                    .min(body.len())..];
            }
            None => {
                let Some(c) = rest.chars().next() else { break };
                if c != '\u{1b}' {
                    out.push(c);
                }
                rest = &rest[c.len_utf8()..];
            }
        }
    }
    out
}

/// A message in a record of another program.
struct Journal {
    text: String,
    time: Option<u64>,
}

/// `{"MESSAGE":"...","_SOURCE_MONOTONIC_TIMESTAMP":"..."}` of `journalctl -o json`, and its like in other collectors.
fn journal(raw: &str) -> Option<Journal> {
    let raw = raw.trim_start();
    if !raw.starts_with('{') {
        return None;
    }
    let value = |key: &str| {
        let mut rest = raw;
        // Bounded: the rest gets shorter.
        loop {
            let at = rest.find(key)?;
            let quoted = rest[..at].ends_with('"') && rest[at + key.len()..].starts_with('"');
            rest = &rest[at + key.len()..];
            if let Some(body) = quoted.then(|| rest[1..].trim_start().strip_prefix(':')).flatten() {
                return Some(body.trim_start());
            }
        }
    };
    let text = ["MESSAGE", "message", "msg", "log"].into_iter().find_map(value)?;
    let text = match text.strip_prefix('[') {
        // A message that is not plain text is an array of bytes.
        Some(bytes) => {
            let bytes: Vec<u8> =
                bytes.split(']').next()?.split(',').filter_map(|byte| byte.trim().parse().ok()).collect();
            String::from_utf8_lossy(&bytes).into_owned()
        }
        None => unescaped(text.strip_prefix('"')?),
    };
    let time = value("_SOURCE_MONOTONIC_TIMESTAMP").and_then(|text| {
        let digits = text.trim_start_matches('"');
        digits[..digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len())].parse().ok()
    });
    Some(Journal { text: clean(&text).into_owned(), time })
}

/// A JSON string up to its closing quotation mark.
fn unescaped(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    // Bounded: a character each turn.
    while let Some(c) = chars.next() {
        match c {
            '"' => break,
            '\\' => match chars.next() {
                Some('n') => out.push('\n'),
                Some('t') => out.push('\t'),
                Some('u') => {
                    let code =
                        chars.by_ref().take(4).fold(0, |code, c| code * 16 + c.to_digit(16).unwrap_or(0));
                    out.push(char::from_u32(code).unwrap_or(' '));
                }
                Some('r' | 'b' | 'f') | None => {}
                Some(other) => out.push(other),
            },
            c => out.push(c),
        }
    }
    out
}

#[derive(Clone, Copy)]
struct Stripped<'a> {
    text: &'a str,
    stamped: bool,
    time: Option<u64>,
    xen: bool,
}

/// Takes away, from the left, whatever begins a line and says nothing of the message.
fn strip(text: &str) -> Stripped<'_> {
    let mut at = Stripped { text, stamped: false, time: None, xen: false };
    for _ in 0..12 {
        let text = at.text.trim_start();
        let text = text.trim_start_matches(['>', '|', '`', '"', ' ', '\t']);
        at.text = text;
        let Some(first) = text.chars().next() else { break };
        let next = match first {
            '<' => level(text),
            '[' => stamp(text, &mut at.time),
            '(' => text.strip_prefix("(XEN)").inspect(|_| at.xen = true),
            '0'..='9' => kmsg(text, &mut at.time)
                .or_else(|| clock(text))
                .or_else(|| memory_dump(text, &mut at.time))
                .or_else(|| counted(text)),
            'A'..='Z' => month(text).or_else(|| weekday(text)),
            'k' | 'u' | 'd' | 's' => text
                .strip_prefix("kernel: ")
                .or_else(|| text.strip_prefix("kernel:\t"))
                .or_else(|| decoded(text)),
            _ => None,
        };
        let next = next.or_else(|| after_kernel(text)).or_else(|| after_host(text)).or_else(|| of_file(text));
        let Some(next) = next else { break };
        at.stamped = true;
        at.text = next;
    }
    at.text = at.text.trim_end().trim_end_matches(['|', '`', '"']).trim_end();
    at
}

/// `<3>`.
fn level(text: &str) -> Option<&str> {
    let (number, rest) = text[1..].split_once('>')?;
    (!number.is_empty() && number.len() <= 3 && number.bytes().all(|b| b.is_ascii_digit())).then_some(rest)
}

/// `kern  :info  : `, as `dmesg -x` decodes facility and level.
fn decoded(text: &str) -> Option<&str> {
    let mut parts = text.splitn(3, ':');
    let (facility, level, rest) = (parts.next()?.trim_end(), parts.next()?.trim(), parts.next()?);
    let level = ["emerg", "alert", "crit", "err", "warn", "notice", "info", "debug"].contains(&level);
    (level && ["kern", "user", "daemon", "syslog"].contains(&facility)).then_some(rest)
}

/// `[  12.345678]`, `[T57]`, `[    C3]`, `[Wed Oct  1 02:20:16 2025]`, `[2025-10-01 02:20:16]`.
fn stamp<'a>(text: &'a str, time: &mut Option<u64>) -> Option<&'a str> {
    let end = text.get(..text.len().min(48)).unwrap_or(text).find(']')?;
    let inner = text[1..end].trim();
    let rest = &text[end + 1..];
    // `dmesg -d` has the time since the line before, in angle brackets; some boards' kernels have the CPU behind it.
    let own = inner.split_once('<').filter(|(_, since)| since.ends_with('>')).map_or(inner, |(own, _)| own);
    let digits = |cpu: &str| !cpu.is_empty() && cpu.bytes().all(|b| b.is_ascii_digit());
    let own = own.split_once('@').filter(|(_, cpu)| digits(cpu)).map_or(own, |(own, _)| own);
    if let Some(micros) = seconds(own.trim_end()) {
        *time = Some(micros);
        return Some(rest);
    }
    // `dmesg --reltime` has it alone where it is short, and `[Nov30 20:04]` where the minute is another.
    let since = inner.strip_prefix('+').or_else(|| inner.strip_prefix('<')?.strip_suffix('>'));
    if since.is_some_and(|since| seconds(since.trim()).is_some()) || minute(inner) {
        return Some(rest);
    }
    let caller = inner
        .strip_prefix(['T', 'C'])
        .is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
    let date = inner.len() >= 15 && inner.matches(':').count() == 2 && inner.contains([' ', '-', 'T']);
    (caller || date).then_some(rest)
}

/// `Nov30 20:04`, the month in the reader's language.
fn minute(text: &str) -> bool {
    let Some((day, hour)) = text.rsplit_once(' ') else { return false };
    let hour = hour.split_once(':').is_some_and(|(hour, minute)| {
        [hour, minute].iter().all(|two| two.len() == 2 && two.bytes().all(|b| b.is_ascii_digit()))
    });
    let named =
        day.len() <= 16 && day.ends_with(|c: char| c.is_ascii_digit()) && day.contains(char::is_alphabetic);
    hour && named && !day.contains(' ')
}

/// `12.345678` as microseconds.
fn seconds(text: &str) -> Option<u64> {
    let (whole, part) = text.split_once('.')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(part) || part.len() > 9 || whole.len() > 10 {
        return None;
    }
    let scale = 10u64.pow(part.len() as u32);
    Some(whole.parse::<u64>().ok()? * 1_000_000 + part.parse::<u64>().ok()? * 1_000_000 / scale)
}

/// `3,1123,355123456,-;` of /dev/kmsg and netconsole.
fn kmsg<'a>(text: &'a str, time: &mut Option<u64>) -> Option<&'a str> {
    let (head, rest) = text.split_once(';')?;
    let mut parts = head.split(',');
    let mut number = || parts.next().filter(|n| !n.is_empty() && n.len() < 20)?.parse::<u64>().ok();
    let (_, _, micros) = (number()?, number()?, number()?);
    *time = Some(micros);
    Some(rest)
}

/// `0x000000000277BBFA |   1263.468579:`, of a log taken out of a dump of memory.
fn memory_dump<'a>(text: &'a str, time: &mut Option<u64>) -> Option<&'a str> {
    let (address, rest) = text.strip_prefix("0x")?.split_once(" |")?;
    let (stamp, rest) = rest.split_once(':')?;
    let hex = !address.is_empty() && address.len() <= 16 && address.bytes().all(|b| b.is_ascii_hexdigit());
    *time = Some(seconds(stamp.trim()).filter(|_| hex)?);
    Some(rest)
}

/// `2023-02-13T07:02:37.074397Z`, `2023-02-13 07:02:37`, `19:41:55.123`.
fn clock(text: &str) -> Option<&str> {
    let end = text.find([' ', '\t'])?;
    let word = &text[..end];
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    let date = word.len() >= 10 && digits >= 8 && word.as_bytes()[4] == b'-' && word.as_bytes()[7] == b'-';
    let hour = word.len() >= 8
        && word.as_bytes()[2] == b':'
        && word.as_bytes()[5] == b':'
        && word.bytes().all(|b| b.is_ascii_digit() || matches!(b, b':' | b'.' | b',' | b'Z'));
    (date || hour).then(|| &text[end..])
}

/// `Nov 14 11:52:19`.
fn month(text: &str) -> Option<&str> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let rest = MONTHS.iter().find_map(|month| text.strip_prefix(month))?;
    let rest = rest.strip_prefix(' ')?.trim_start();
    let (day, rest) = rest.split_once(' ')?;
    if day.is_empty() || day.len() > 2 || !day.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    clock(rest)
}

/// `Mon 2026-11-30 20:04:56 UTC`, of which the zone stands before the host.
fn weekday(text: &str) -> Option<&str> {
    let (day, rest) = text.split_once(' ')?;
    ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"].contains(&day).then(|| clock(rest)).flatten()
}

/// The number of a line and a tab, as `cat -n` writes them in front of a stamp: rows of tables begin so too.
fn counted(text: &str) -> Option<&str> {
    let (number, rest) = text.split_once('\t')?;
    let mut time = None;
    let stamped = rest.starts_with('[') && stamp(rest, &mut time).is_some();
    (stamped && number.bytes().all(|b| b.is_ascii_digit())).then_some(rest)
}

/// `file:12:` in front of a stamp, as `grep -n` writes it.
fn of_file(text: &str) -> Option<&str> {
    let at = text.bytes().position(|b| b == b'[' || b.is_ascii_whitespace())?;
    let (name, rest) = text.split_at(at);
    let mut time = None;
    (name.ends_with(':') && rest.starts_with('[') && stamp(rest, &mut time).is_some() && time.is_some())
        .then_some(rest)
}

/// What follows the host and `kernel:`, which are near the start of the line.
fn after_kernel(text: &str) -> Option<&str> {
    // Every line of a log comes through here: to look for it byte by byte takes less than to prepare a search.
    let at = cut(text, 100).as_bytes().windows(7).position(|word| word == b" kernel")?;
    let rest = &text[at + 7..];
    let rest = match rest.strip_prefix('[') {
        Some(inner) => inner.split_once(']')?.1,
        None => rest,
    };
    let rest = rest.strip_prefix(':')?;
    // A host is one word; more in front is prose that happens to have the word.
    (!text[..at].contains(": ") && text[..at].split_whitespace().count() <= 4).then_some(rest)
}

/// Xen's lines in the journal of its control domain: `VM hypervisor: (XEN) ...`.
fn after_host(text: &str) -> Option<&str> {
    let at = cut(text, 64).as_bytes().windows(7).position(|word| word == b": (XEN)")?;
    (text[..at].split_whitespace().count() <= 3).then_some(&text[at + 2..])
}

/// Words that begin a message, where one stands in the middle of a line after a space.
const STARTS: [&str; 9] = [
    "DMAR: DRHD: handling",
    "DMAR: [DMA ",
    "DMAR: [INTR-REMAP]",
    "DMAR:[DMA ",
    "AMD-Vi: Event logged [",
    "riscv,iommu ",
    "(XEN) ",
    "qemu-system-",
    "virtio_iommu ",
];

/// Where further messages begin on one line, as offsets.
fn starts(text: &str) -> Vec<usize> {
    let mut found = Vec::new();
    let bytes = text.as_bytes();
    for at in 1..bytes.len() {
        if !matches!(bytes[at - 1], b' ' | b'\t') {
            continue;
        }
        match bytes[at] {
            b'[' => {
                let mut time = None;
                if stamp(&text[at..], &mut time).is_some() && time.is_some() {
                    found.push(at);
                }
            }
            b'D' | b'A' | b'r' | b'(' | b'q' | b'v'
                if STARTS.iter().any(|start| text[at..].starts_with(start)) =>
            {
                found.push(device_before(text, at));
            }
            b'a' if text[at..].starts_with("arm-smmu") => {
                // `arm-smmu-v3 arm-smmu-v3.0.auto:` has the name twice.
                let rest = &text[at..];
                let word = rest.find(' ').unwrap_or(rest.len());
                if rest[..word].bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                    && rest[word..].contains(": ")
                {
                    found.push(at);
                }
            }
            _ => {}
        }
    }
    found.sort_unstable();
    found.dedup();
    // What a stamp begins is not begun again by the name after it.
    let mut kept: Vec<usize> = Vec::new();
    for at in found {
        let between = kept.last().map_or("", |&last| &text[last..at]);
        let only_stamp = between.starts_with('[') && strip(between).text.is_empty();
        if at > 0 && !only_stamp {
            kept.push(at);
        }
    }
    kept
}

/// Before `AMD-Vi:` stands the device that Linux found: `nvme 0000:03:00.0: AMD-Vi: ...`.
fn device_before(text: &str, at: usize) -> usize {
    if !text[at..].starts_with("AMD-Vi") {
        return at;
    }
    let head = text[..at].trim_end();
    let Some(unit) = head.strip_suffix(':') else { return at };
    let first = unit.rfind(' ').unwrap_or(0);
    let second = unit[..first].trim_end().rfind([' ', ']']).map_or(0, |at| at + 1);
    second
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn texts(raw: &str) -> Vec<String> {
        let mut lines = Vec::new();
        read(1, raw, &mut lines);
        lines.into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn what_stands_around_a_message_is_taken_away() {
        let message = "DMAR: DRHD: handling fault status reg 2";
        for around in [
            "[  114.286111] {}",
            "[  114.286111][ T57] {}",
            "[    C3] {}",
            "<3>[  114.286111] {}",
            "3,1123,114286111,-;{}",
            "3,1123,114286111,-,caller=T57;{}",
            "Jun 20 19:41:55 host kernel: {}",
            "Jun 20 19:41:55 host kernel: [  114.286111] {}",
            "2024-06-20T19:41:55.123456+02:00 host kernel: {}",
            "2024-06-20T19:41:55.123456+02:00 host kernel[0]: {}",
            "[Wed Oct  1 02:20:16 2025] {}",
            "> > > {}",
            "> | {} |",
            "&lt;3&gt;[  114.286111] {}",
            "\u{1b}[32m[  114.286111] \u{1b}[0m\u{1b}[33m{}\u{1b}[0m",
            "#033[31m{}#033[0m",
            "`{}`",
            "{\"MESSAGE\":\"{}\",\"PRIORITY\":\"3\"}",
            "kernel: {}",
            "[  114.286111 <    0.000001>] {}",
            "[<    0.000001>] {}",
            "[  +0.000001] {}",
            "[Nov30 20:04] {}",
            "[一 11月 30 20:04:56 2026] {}",
            "[lun. nov. 30 20:04:56 2026] {}",
            "2026-11-30T20:04:56,123456+01:00 {}",
            "6,123,302005,-;{}",
            "kern  :info  : [  114.286111] {}",
            "kern  :err   : [Mon Nov 30 12:00:01 2026] {}",
        ] {
            assert_eq!(texts(&around.replace("{}", message)), [message], "{around}");
        }
    }

    #[test]
    fn seconds_after_boot_are_kept() {
        let time = |raw: &str| {
            let mut lines = Vec::new();
            read(1, raw, &mut lines);
            lines[0].time
        };
        assert_eq!(time("[  114.286111] x"), Some(114_286_111));
        assert_eq!(time("[    0.5] x"), Some(500_000));
        assert_eq!(time("3,1,77,-;x"), Some(77));
        assert_eq!(time("{\"_SOURCE_MONOTONIC_TIMESTAMP\":\"42\",\"MESSAGE\":\"x\"}"), Some(42));
        assert_eq!(time("Jun 20 19:41:55 host kernel: x"), None);
    }

    #[test]
    fn a_message_of_many_lines_and_one_of_bytes_come_out_of_json() {
        assert_eq!(texts(r#"{"MESSAGE":"a:\n\t0x1\n","X":"y"}"#), ["a:", "0x1", ""]);
        assert_eq!(texts(r#"{"X":"MESSAGE","MESSAGE":[65,66,9,48]}"#), ["AB\t0"]);
    }

    #[test]
    fn records_on_one_line_come_apart() {
        let two = "[  1.000000] DMAR: DRHD: handling fault status reg 2 [  1.000001] DMAR: [DMA Read] Request device [00:02.0] fault addr 1000 [fault reason 06] x";
        assert_eq!(texts(two).len(), 2);
        let amd = "AMD-Vi: Event logged [IO_PAGE_FAULT device=00:01.0 domain=0x1 address=0x1000 flags=0x0] nvme 0000:03:00.0: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x1 address=0x2000 flags=0x0]";
        assert_eq!(
            texts(amd)[1],
            "nvme 0000:03:00.0: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x1 address=0x2000 flags=0x0]"
        );
        let arm = "arm-smmu-v3 arm-smmu-v3.0.auto: event 0x10 received: arm-smmu-v3 arm-smmu-v3.0.auto: 0x0000010000000010 arm-smmu-v3 arm-smmu-v3.0.auto: 0x0000020000000000";
        assert_eq!(texts(arm).len(), 3);
    }

    #[test]
    fn a_repeated_message_counts() {
        let mut lines = Vec::new();
        read(1, "Jun 20 19:41:55 host kernel: message repeated 12 times: [ [  9.0] AMD-Vi: Completion-Wait loop timed out]", &mut lines);
        assert_eq!((lines[0].times, lines[0].text.as_str()), (12, "AMD-Vi: Completion-Wait loop timed out"));
    }

    proptest! {
        #[test]
        fn no_control_character_comes_out(text in any::<String>()) {
            for line in texts(&text) {
                prop_assert!(!line.chars().any(|c| c.is_control() && c != '\t'));
            }
        }
    }
}
