//! A device's own memory: what its engine moves from and to, and what others reach through its BARs.

use super::{BarUse, Device};
use crate::dma::{registers, Inside};
use crate::machine::ops::content::Content;
use crate::memory::MemError;
use crate::platform::local::scratch;
use crate::spec::{Rule, Text};
use crate::trace::{read_own, write_own, Actor, Event, Observer, Trace};
use alloc::vec::Vec;

static FULL: Rule = Rule {
    text: Text::new(
        "the simulation holds no more of this device's memory: the bytes are lost",
        "模拟器存不下该设备更多的内存：这些字节丢失",
    ),
    section: "docs/scenario-language.md, Limits",
};

/// A device keeps at most this many of the bytes it received last, for expectations.
const RECEIVED: usize = 1 << 20;

/// What goes through a device and is not kept in its memory: a packet from the wire, a frame for the screen.
#[derive(Clone, Debug, Default)]
pub enum Stream {
    /// These bytes come in, zeros after them.
    In(Content),
    /// What goes out is counted here, as far as it is kept.
    Out(Vec<u8>),
    /// There is none.
    #[default]
    None,
}

impl Stream {
    fn take(&self, at: u64, out: &mut [u8]) {
        match self {
            Stream::In(content) => content.piece(at, out),
            _ => out.fill(0),
        }
    }
    fn put(&mut self, data: &[u8]) {
        if let Stream::Out(kept) = self {
            kept.extend_from_slice(&data[..data.len().min(RECEIVED.saturating_sub(kept.len()))]);
        }
    }
}

impl Device {
    /// What is behind a BAR.
    fn bar(&self, bar: u8) -> Option<BarUse> {
        self.bars.get(usize::from(bar)).copied().flatten()
    }

    /// Where in its own memory an offset in a BAR is.
    pub fn behind(&self, bar: u8, offset: u64) -> u64 {
        match self.bar(bar) {
            Some(BarUse::Memory(base)) => base.wrapping_add(offset),
            _ => scratch(bar, offset),
        }
    }

    /// Returns whether an access of `bytes` at an offset in a BAR is one to a register of its engine.
    pub fn is_engine_register(&self, bar: u8, offset: u64, bytes: usize) -> bool {
        !matches!(self.bar(bar), Some(BarUse::Memory(_)))
            && offset + bytes as u64 <= u64::from(registers::BYTES)
            && matches!(bytes, 4 | 8)
            && offset % bytes as u64 == 0
    }

    /// Writes its own memory and records it. What the simulation cannot hold is lost, and that is recorded too.
    pub fn own_write(&mut self, at: u64, data: &[u8], trace: &mut Trace) -> Result<(), MemError> {
        let done = write_own(&mut self.memory, trace, self.requester, at, data);
        if done.is_err() {
            trace.step(Actor::Device(self.requester), Event::Check { rule: &FULL, ok: false, value: at });
        }
        done
    }

    /// Reads its own memory and records it.
    pub fn own_read(&self, at: u64, out: &mut [u8], trace: &mut Trace) -> Result<(), MemError> {
        read_own(&self.memory, trace, self.requester, at, out)
    }

    /// Takes bytes from inside the device.
    pub fn take(&self, from: Inside, stream: &Stream, out: &mut [u8], trace: &mut Trace) {
        match from {
            Inside::Own(at) => {
                // Its own memory never fails to be read.
                let _ = self.own_read(at, out, trace);
            }
            Inside::Stream(at) => stream.take(at, out),
        }
    }

    /// Puts bytes inside the device.
    pub fn put(&mut self, to: Inside, stream: &mut Stream, data: &[u8], trace: &mut Trace) {
        match to {
            Inside::Own(at) => {
                // Recorded as lost where it happens; an engine has nobody to report it to.
                let _ = self.own_write(at, data, trace);
            }
            Inside::Stream(_) => stream.put(data),
        }
    }
}
