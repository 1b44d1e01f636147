//! The refused accesses that lines of a log tell of, one by one and in their order, where such lines are among those of something
//! else: what a replay of a trace holds against what was mapped.

use super::fault::{Access, Arch, Fault};
use super::found::{Format, Found, Join};
use super::input::{self, Line};
use super::recognise::{Recogniser, Special};
use super::report::Kind;
use super::{amd, others, riscv, smmu, smmu2, vtd};
use crate::addr::RequesterId;
use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// Those whose messages are of refused accesses.
static FORMATS: &[&Format] =
    &[&vtd::FORMAT, &amd::FORMAT, &smmu::FORMAT, &smmu2::FORMAT, &riscv::FORMAT, &others::FORMAT];

/// So many lines a message may have below its first one, with those of others between.
const BELOW: usize = 16;
/// Within so many microseconds a line is flushed to a console.
const FLUSH: u64 = 10_000_000;
/// So many lines are kept for later, and so many bytes of them.
const MOST_KEPT: (usize, usize) = (1 << 17, 16 << 20);

/// A refused access.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refused {
    /// The line that tells of it, or the first of them.
    pub line: u64,
    /// Nanoseconds, where a line has its time.
    pub time: Option<u64>,
    /// Whose message it is.
    pub arch: Arch,
    /// The device as the log names it.
    pub device: Option<String>,
    /// Its PCI number, where the log has that; an emulator's and a board's numbers of devices are in `number`.
    pub function: Option<RequesterId>,
    /// The number that the unit knows it by: a StreamID, a device_id, an endpoint.
    pub number: Option<u32>,
    /// For which process, where the request had a PASID.
    pub pasid: Option<u32>,
    /// The address that it sent.
    pub address: u64,
    /// What it wanted, where the log says.
    pub access: Option<Access>,
    /// A page was looked at for it; else what refused is of the device's entry or of the unit.
    pub pages: bool,
}

/// Reads them. It keeps the lines of a message until all are there.
pub struct RefusedReader {
    known: Recogniser,
    window: Vec<Line>,
    at: usize,
    found: Vec<u16>,
    /// An event in words, with its fault, for which the same event in names may follow.
    raw: Option<(Refused, Fault)>,
    out: VecDeque<Refused>,
    /// Messages of which no address was refused, and the line of the last; of an event in words which it was.
    aside: (u64, u64),
    worded: Option<(Option<u16>, Option<u32>)>,
    /// Lines since the last that is in the window.
    since: usize,
    /// Lines that are kept until it is known that somebody asks, and their bytes.
    kept: Vec<(u64, Option<u64>, String)>,
    bytes: usize,
    /// Somebody asks.
    asked: bool,
}

impl Default for RefusedReader {
    fn default() -> Self {
        RefusedReader {
            known: Recogniser::new(FORMATS),
            window: Vec::new(),
            at: 0,
            found: Vec::new(),
            raw: None,
            out: VecDeque::new(),
            aside: (0, 0),
            worded: None,
            since: 0,
            kept: Vec::new(),
            bytes: 0,
            asked: false,
        }
    }
}

impl fmt::Debug for RefusedReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefusedReader")
            .field("waiting", &(self.window.len() - self.at))
            .finish_non_exhaustive()
    }
}

impl RefusedReader {
    /// Reads on from here what was only kept: a log that nobody asks for its accesses is read by another alone. `number` is the
    /// present line.
    pub fn ask(&mut self, number: u64) {
        self.asked = true;
        let mut next = 0;
        for (number, time, text) in core::mem::take(&mut self.kept) {
            self.skip(number.saturating_sub(next));
            self.line(number, time, &text);
            next = number + 1;
        }
        self.skip(number.saturating_sub(next));
    }

    /// Passes so many lines.
    fn skip(&mut self, lines: u64) {
        // Bounded: by the lines that a message may have.
        for _ in 0..lines.min(BELOW as u64 + 1) {
            self.pass();
        }
    }

    /// Takes a line that may be of a message, with its time in nanoseconds where that is known of elsewhere.
    pub fn line(&mut self, number: u64, time: Option<u64>, text: &str) {
        if self.known.marks(text, &mut self.found) == Special::Nothing {
            self.pass();
            return;
        }
        if !self.asked {
            if self.kept.len() < MOST_KEPT.0 && self.bytes < MOST_KEPT.1 {
                self.bytes += text.len();
                self.kept.push((number, time, text.into()));
            }
            return;
        }
        self.since = 0;
        let first = self.window.len();
        input::read(usize::try_from(number).unwrap_or(usize::MAX), text, &mut self.window);
        if let Some(time) = time.map(|time| time / 1000) {
            for line in &mut self.window[first..] {
                // What it says of its own time is when it was said: it may be traced when a console is flushed. Of another clock it is
                // far from that.
                let own = line.time.filter(|own| (time.saturating_sub(FLUSH)..=time).contains(own));
                line.time = own.or(Some(time));
            }
        }
        // Bounded: each step moves on.
        while self.window.len() - self.at > BELOW {
            self.step();
        }
        if self.at > 4 * BELOW {
            self.window.drain(..self.at);
            self.at = 0;
        }
    }

    /// Passes a line that is none of a message.
    pub fn pass(&mut self) {
        if self.is_waiting() {
            self.since += 1;
            if self.since > BELOW {
                self.finish();
            }
        }
    }

    /// Takes it that no line follows.
    pub fn finish(&mut self) {
        // Bounded: each step moves on.
        while self.at < self.window.len() {
            self.step();
        }
        self.window.clear();
        self.at = 0;
        self.out.extend(self.raw.take().map(|(refused, _)| refused));
    }

    /// Returns whether lines wait for those that follow.
    pub fn is_waiting(&self) -> bool {
        self.at < self.window.len() || self.raw.is_some()
    }

    /// Returns the first line that is not read to its end.
    pub fn reads_from(&self) -> Option<u64> {
        let raw = self.raw.as_ref().map(|(refused, _)| refused.line);
        raw.or_else(|| self.window.get(self.at).map(|line| line.number as u64))
    }

    /// Returns the line of the next access.
    pub fn next_line(&self) -> Option<u64> {
        self.out.front().map(|refused| refused.line)
    }

    /// Returns how many messages are of no refused address, and the line of the last.
    pub const fn aside(&self) -> (u64, u64) {
        self.aside
    }

    /// Takes the next access.
    pub fn take(&mut self) -> Option<Refused> {
        self.out.pop_front()
    }

    fn step(&mut self) {
        let here = self.at;
        self.at += 1;
        let line = &self.window[here];
        let number = line.number as u64;
        // What an event in names would have told stands right below its words.
        if self.raw.as_ref().is_some_and(|(refused, _)| refused.line + 2 * BELOW as u64 <= number) {
            self.out.extend(self.raw.take().map(|(refused, _)| refused));
        }
        if line.used {
            return;
        }
        self.known.marks(&line.text, &mut self.found);
        if self.found.is_empty() {
            return;
        }
        let Some((taken, found)) = self.known.recognise(&self.window, here, &self.found) else { return };
        for line in &mut self.window[here..here + taken] {
            line.used = true;
        }
        for &offset in &found.used {
            if let Some(line) = self.window.get_mut(here + taken + offset) {
                line.used = true;
            }
        }
        let time = self.window[here].time.map(|time| time.saturating_mul(1000));
        self.found(number, time, found);
    }

    /// Keeps what a message tells, if it is of a refused access.
    fn found(&mut self, line: u64, time: Option<u64>, found: Found) {
        let Kind::Fault(fault) = found.kind else { return };
        let raw = self.raw.take();
        let same = |have: &Fault| {
            found.join == Join::Decoded
                && (have.code, have.stream) == (fault.code, fault.stream)
                && (have.address == fault.address || fault.address.is_none())
        };
        let refused = refused(line, time, found.arch, found.device, &fault);
        let named = raw.as_ref().is_some_and(|(_, have)| same(have));
        if refused.is_none() && !named {
            let which = (fault.code, fault.stream);
            let again = found.join == Join::Decoded && self.worded.take() == Some(which);
            self.worded = (found.join == Join::Raw).then_some(which);
            self.aside = (self.aside.0 + u64::from(!again), line);
        }
        match raw {
            Some((mut raw, have)) if same(&have) => {
                // The names of the same event.
                if let Some(named) = refused {
                    raw.device = named.device.or(raw.device);
                    raw.function = named.function.or(raw.function);
                    raw.access = raw.access.or(named.access);
                    raw.pasid = raw.pasid.or(named.pasid);
                }
                self.out.push_back(raw);
                return;
            }
            raw => self.out.extend(raw.map(|(refused, _)| refused)),
        }
        match refused {
            Some(refused) if found.join == Join::Raw => self.raw = Some((refused, fault)),
            refused => self.out.extend(refused),
        }
    }
}

/// Events of AMD-Vi whose address is none that a device sent, but one of a table, of a command, or of the guest's or the machine's
/// memory (AMD 48882 2.5.4 to 2.5.8): DEV_TAB_ and PAGE_TAB_HARDWARE_ERROR, ILLEGAL_COMMAND_ERROR, COMMAND_HARDWARE_ERROR,
/// IOTLB_INV_TIMEOUT, VIOMMU_HARDWARE_ERROR, RMP_PAGE_FAULT, RMP_HW_ERROR.
const NOT_SENT: [u16; 8] = [0x3, 0x4, 0x5, 0x6, 0x7, 0xc, 0xd, 0xe];

/// A refused access, where an address was refused: not an interrupt, and not a device that has no entry.
fn refused(
    line: u64,
    time: Option<u64>,
    arch: Arch,
    device: Option<String>,
    fault: &Fault,
) -> Option<Refused> {
    let address = fault.address.filter(|_| fault.access != Some(Access::Interrupt))?;
    if arch == Arch::AmdVi && fault.code.is_some_and(|code| NOT_SENT.contains(&code)) {
        return None;
    }
    // A device_id or an endpoint is the number of a function only where firmware says so.
    let by_number = matches!(arch, Arch::RiscV | Arch::Virtio);
    let number = fault.stream.or_else(|| fault.device.filter(|_| by_number).map(RequesterId::raw));
    Some(Refused {
        line,
        time,
        arch,
        // Without the driver's name of it the number stands for the device; virtio-iommu's has no other.
        device: device
            .filter(|_| arch != Arch::Virtio)
            .filter(|name| !name.starts_with("0x") && name.parse::<u64>().is_err())
            // Some print the unit's own name: `14650000.sysmmu`, `58882000.mmu`.
            .filter(|name| !name.rsplit_once('.').is_some_and(|(_, node)| node.ends_with("mmu"))),
        function: fault.device.filter(|_| !by_number),
        number,
        pasid: fault.pasid,
        address,
        access: fault.access,
        pages: looks_at_pages(arch, fault.code),
    })
}

/// Returns whether a refusal with a code is one of pages, whose tables were walked.
fn looks_at_pages(arch: Arch, code: Option<u16>) -> bool {
    let Some(code) = code else { return true };
    match arch {
        Arch::VtD => vtd::walked(code),
        // ILLEGAL_DEV_TABLE_ENTRY and INVALID_DEVICE_REQUEST are not.
        Arch::AmdVi => !matches!(code, 0x1 | 0x8),
        // F_UUT, F_STREAM_DISABLED and F_TRANSL_FORBIDDEN are not.
        Arch::SmmuV3 => !matches!(code, 0x01 | 0x06 | 0x07),
        // Beyond the causes of RISC-V's harts all but a table's corrupted data (274).
        Arch::RiscV => code < 256 || code == 274,
        _ => true,
    }
}
