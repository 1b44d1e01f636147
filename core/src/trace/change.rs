//! Reading and changing memory, recorded, and drawn from the run's budget: what cannot be recorded is not done, so
//! that the trace always shows how memory came to be what it is.

use super::event::Event;
use super::keep::Observer;
use super::terms::{Actor, Chunk};
use crate::addr::{Address, PhysAddr, RequesterId};
use crate::memory::{MemError, Memory, FRAME};
use crate::spec::EntryType;
use alloc::vec;

/// Writes a word and records it. Returns the word before.
pub fn write_word<O: Observer>(
    memory: &mut Memory,
    obs: &mut O,
    actor: Actor,
    entry: Option<&'static EntryType>,
    pa: PhysAddr,
    new: u64,
) -> Result<u64, MemError> {
    room(memory, obs, 1)?;
    let old = memory.write_u64(pa, new)?;
    if O::ON {
        obs.step(actor, Event::Write { entry, pa: PhysAddr::new(pa.raw() & !7), old, new });
    }
    Ok(old)
}

/// Writes a run of words (entries of one table, or one structure of several words) and records it as one step.
pub fn write_run<O: Observer>(
    memory: &mut Memory,
    obs: &mut O,
    actor: Actor,
    entry: &'static EntryType,
    pa: PhysAddr,
    words: &[u64],
) -> Result<(), MemError> {
    let mut before = [0; 512];
    // A table has 512 entries; longer runs are recorded in pieces.
    for (piece, part) in words.chunks(before.len()).enumerate() {
        let base = pa.wrapping_add(piece as u64 * FRAME);
        room(memory, obs, part.len() as u64)?;
        for (i, &word) in part.iter().enumerate() {
            before[i] = memory.write_u64(base.wrapping_add(i as u64 * 8), word)?;
        }
        if O::ON {
            let (old, new) = (obs.words(&before[..part.len()]), obs.words(part));
            obs.step(actor, Event::WriteRun { entry, pa: base, old, new });
        }
    }
    Ok(())
}

/// Writes bytes of physical memory and records them, one step for each page touched.
pub fn write_data<O: Observer>(
    memory: &mut Memory,
    obs: &mut O,
    actor: Actor,
    pa: PhysAddr,
    bytes: &[u8],
) -> Result<(), MemError> {
    write_pages(memory, obs, actor, pa, bytes, |pa, bytes, old, new| Event::Data { pa, bytes, old, new })
}

/// Reads bytes of physical memory and records it, one step for each page touched.
pub fn read_data<O: Observer>(
    memory: &Memory,
    obs: &mut O,
    actor: Actor,
    pa: PhysAddr,
    out: &mut [u8],
) -> Result<(), MemError> {
    read_pages(memory, obs, actor, pa, out, |pa, bytes, value| Event::Load { pa, bytes, value })
}

/// Writes bytes of a device's own memory and records them, one step for each page touched.
pub fn write_own<O: Observer>(
    memory: &mut Memory,
    obs: &mut O,
    device: RequesterId,
    at: u64,
    bytes: &[u8],
) -> Result<(), MemError> {
    write_pages(memory, obs, Actor::Device(device), PhysAddr::new(at), bytes, |at, bytes, old, new| {
        Event::OwnData { device, at: at.raw(), bytes, old, new }
    })
}

/// Reads bytes of a device's own memory and records it, one step for each page touched.
pub fn read_own<O: Observer>(
    memory: &Memory,
    obs: &mut O,
    device: RequesterId,
    at: u64,
    out: &mut [u8],
) -> Result<(), MemError> {
    read_pages(memory, obs, Actor::Device(device), PhysAddr::new(at), out, |at, bytes, value| {
        Event::OwnLoad { device, at: at.raw(), bytes, value }
    })
}

/// Draws what one write costs: its work, and what memory may grow by (a frame, and the way to it).
fn room<O: Observer>(memory: &mut Memory, obs: &mut O, work: u64) -> Result<(), MemError> {
    if O::ON {
        let grown = memory.take_growth();
        if !obs.keep(grown) || !obs.spend(work) {
            return Err(MemError::Budget);
        }
    }
    Ok(())
}

fn write_pages<O: Observer>(
    memory: &mut Memory,
    obs: &mut O,
    actor: Actor,
    at: PhysAddr,
    bytes: &[u8],
    event: impl Fn(PhysAddr, u32, Chunk, Chunk) -> Event,
) -> Result<(), MemError> {
    let mut done = 0;
    while done < bytes.len() {
        let at = at.wrapping_add(done as u64);
        let n = ((FRAME - at.raw() % FRAME) as usize).min(bytes.len() - done);
        let part = &bytes[done..done + n];
        room(memory, obs, n as u64 / 64)?;
        if !O::ON {
            memory.write_bytes(at, part)?;
        } else if n == FRAME as usize {
            let old = Chunk::Frame(memory.frame_at(at));
            memory.write_bytes(at, part)?;
            let new = Chunk::Frame(memory.frame_at(at));
            obs.step(actor, event(at, n as u32, old, new));
        } else {
            let mut before = vec![0; n];
            memory.peek_bytes(at, &mut before);
            memory.write_bytes(at, part)?;
            let (old, new) = (Chunk::Bytes(obs.bytes(&before)), Chunk::Bytes(obs.bytes(part)));
            obs.step(actor, event(at, n as u32, old, new));
        }
        done += n;
    }
    Ok(())
}

fn read_pages<O: Observer>(
    memory: &Memory,
    obs: &mut O,
    actor: Actor,
    at: PhysAddr,
    out: &mut [u8],
    event: impl Fn(PhysAddr, u32, u64) -> Event,
) -> Result<(), MemError> {
    let mut done = 0;
    while done < out.len() {
        let at = at.wrapping_add(done as u64);
        let n = ((FRAME - at.raw() % FRAME) as usize).min(out.len() - done);
        if !obs.spend(n as u64 / 64) {
            return Err(MemError::Budget);
        }
        memory.read_bytes(at, &mut out[done..done + n])?;
        if O::ON {
            let mut first = [0; 8];
            let k = n.min(8);
            first[..k].copy_from_slice(&out[done..done + k]);
            obs.step(actor, event(at, n as u32, u64::from_le_bytes(first)));
        }
        done += n;
    }
    Ok(())
}
