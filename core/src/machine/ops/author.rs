//! What the scenario's author does from outside the machine: bytes named, read and written past every cache and table.

use crate::addr::{Address, PhysAddr};
use crate::machine::ops::content::Content;
use crate::machine::run::Stop;
use crate::machine::software::{parts, Named};
use crate::machine::{limits, problem, Machine};
use crate::memory::{MemError, FRAME};
use crate::scenario::ast::{self, Bytes};
use crate::scenario::{Problem, Span};
use crate::spec::Phrase;
use crate::trace::{write_data, write_word, Actor, Observer};
use alloc::{format, vec, vec::Vec};

/// How many bytes data has by itself.
pub(in crate::machine) fn own_len(data: &Bytes) -> Option<u64> {
    match data {
        Bytes::Text(text) => Some(text.value.len() as u64),
        Bytes::Hex(text) => Bytes::from_hex(&text.value).map(|b| b.len() as u64),
        _ => None,
    }
}

impl Machine {
    /// The bytes that a scenario writes, `len` of them (as many as they are, if not said).
    pub(in crate::machine) fn content(
        &mut self,
        data: &Bytes,
        len: Option<u64>,
        span: Span,
    ) -> Result<Content, Problem> {
        let count = |fallback: Option<u64>, most: u64| {
            let len = len.or(fallback).ok_or_else(|| {
                Problem::new(span, "how many bytes? Write `+LENGTH`", "多少字节？请写 `+长度`")
            })?;
            if len > most {
                let most = crate::addr::Bytes(most);
                return Err(problem(
                    span,
                    Phrase::new(format!("at most {most} at once"), format!("一次最多 {most}")),
                ));
            }
            Ok(len)
        };
        let all = limits::BUFFER;
        Ok(match data {
            Bytes::Text(text) => {
                let bytes = text.value.as_bytes().to_vec();
                let n = count(Some(bytes.len() as u64), all)?;
                Content::held(bytes, n)
            }
            Bytes::Hex(text) => {
                let bytes = Bytes::from_hex(&text.value).unwrap_or_default();
                let n = count(Some(bytes.len() as u64), all)?;
                Content::cycle(bytes, n)
            }
            Bytes::Byte(byte) => Content::cycle(vec![byte.value as u8], count(None, all)?),
            Bytes::Zero => Content::held(Vec::new(), count(None, all)?),
            Bytes::Pattern(seed) => Content::pattern(seed.map_or(0, |s| s.value), count(None, all)?),
            Bytes::Of(loc) => {
                let (pa, found) = self.physical(loc)?;
                let n = count(found.rest, limits::COPY)?;
                self.trace.spend(n / 64);
                let mut out = vec![0; n as usize];
                self.peek_named(found.named, found.offset, pa, &mut out);
                Content::held(out, n)
            }
        })
    }

    /// Reads bytes as a debugger would: of a named buffer piece by piece, else from `pa` on.
    pub(in crate::machine) fn peek_named(
        &self,
        named: Option<Named>,
        offset: u64,
        pa: PhysAddr,
        out: &mut [u8],
    ) {
        let pieces = match named {
            Some(Named::Buffer(index)) => Some(&self.sw.buffers[index].pieces),
            Some(Named::Handle(index)) => Some(&self.sw.handles[index].pieces),
            _ => None,
        };
        let Some(pieces) = pieces else { return self.memory.peek_bytes(pa, out) };
        let mut done = 0;
        for (at, len) in parts(pieces, offset, out.len() as u64) {
            let end = done + len as usize;
            self.memory.peek_bytes(at, &mut out[done..end]);
            done = end;
        }
    }

    /// Writes bytes from outside the machine, past every cache.
    fn write_named(
        &mut self,
        named: Option<Named>,
        offset: u64,
        pa: PhysAddr,
        data: &Content,
    ) -> Result<(), MemError> {
        let pieces = match named {
            Some(Named::Buffer(index)) => self.sw.buffers[index].pieces.clone(),
            Some(Named::Handle(index)) => self.sw.handles[index].pieces.clone(),
            _ => vec![(pa, data.len())],
        };
        let skip = if matches!(named, Some(Named::Buffer(_) | Named::Handle(_))) { offset } else { 0 };
        let mut page = [0; FRAME as usize];
        let mut done = 0;
        for (start, len) in parts(&pieces, skip, data.len()) {
            let mut inside = 0;
            // Bounded: `write_data` draws.
            while inside < len {
                let at = start.wrapping_add(inside);
                let n = (FRAME - at.raw() % FRAME).min(len - inside);
                let part = &mut page[..n as usize];
                data.piece(done, part);
                write_data(&mut self.memory, &mut self.trace, Actor::Author, at, part)?;
                (done, inside) = (done + n, inside + n);
            }
        }
        Ok(())
    }

    pub(in crate::machine) fn op_fill(&mut self, op: &ast::Fill) -> Result<(), Stop> {
        let (pa, found) = self.physical(&op.at)?;
        let whole = match op.data {
            Bytes::Text(_) | Bytes::Hex(_) => None,
            _ => found.rest,
        };
        let data = self.content(&op.data, op.len.map(|l| l.value).or(whole), op.at.span)?;
        self.write_named(found.named, found.offset, pa, &data).map_err(|e| problem(op.at.span, e))?;
        Ok(())
    }

    pub(in crate::machine) fn op_poke(&mut self, op: &ast::Poke) -> Result<(), Stop> {
        let (pa, _) = self.physical(&op.at)?;
        let size = op.size.map_or(8, |s| s.value).clamp(1, 8);
        let done = if size == 8 && pa.raw() % 8 == 0 {
            write_word(&mut self.memory, &mut self.trace, Actor::Author, None, pa, op.value.value).map(|_| ())
        } else {
            let bytes = op.value.value.to_le_bytes();
            write_data(&mut self.memory, &mut self.trace, Actor::Author, pa, &bytes[..size as usize])
        };
        done.map_err(|e| problem(op.at.span, e))?;
        Ok(())
    }
}
