//! An index of the packets that one operation sent: what an expectation about a packet costs does not depend on how
//! long the operation was.

use crate::addr::Pasid;
use crate::platform::tlp::{Body, Header, Tlp};
use crate::scenario::ast::{ExpectPacket, PacketKind};
use crate::trace::{Event, Steps};
use alloc::collections::BTreeSet;

/// What expectations tell packets apart by: kind, first address (where it has one), requester, process.
type Sent = (u8, Option<u64>, u16, Option<Pasid>);

/// The packets of an operation; equal ones are one.
#[derive(Clone, Debug, Default)]
pub struct PacketIndex {
    sent: BTreeSet<Sent>,
    /// Where memory requests went, in double words.
    targets: BTreeSet<u64>,
}

impl PacketIndex {
    /// Reads the packets of these steps.
    pub fn of(steps: Steps<'_>) -> Self {
        let mut index = PacketIndex::default();
        for step in steps {
            let Event::Packet { header, dwords, prefix, .. } = step.event else { continue };
            let Ok(tlp) = Tlp::decode(&Header { dw: header, len: dwords, prefix }) else { continue };
            if let Body::Memory { address, .. } = tlp.body {
                index.targets.insert(address.raw() & !3);
            }
            let Some(kind) = kind(&tlp) else { continue };
            let at = match tlp.body {
                Body::Io { .. } | Body::Memory { .. } => tlp.span().map(|(start, _)| start),
                _ => None,
            };
            index.sent.insert((kind as u8, at, tlp.requester.bdf16(), tlp.pasid.map(|p| p.pasid)));
        }
        index
    }

    /// Did a memory request go to this address (of its double word)?
    pub fn goes_to(&self, at: u64) -> bool {
        self.targets.contains(&(at & !3))
    }

    /// Was a packet sent as expected? And how many entries were looked at.
    pub fn sent(&self, e: &ExpectPacket, at: Option<u64>) -> (bool, u64) {
        let kind = e.kind.value as u8;
        let (from, to) = match at {
            Some(at) => ((kind, Some(at), 0, None), (kind, Some(at), u16::MAX, Pasid::new(Pasid::MAX))),
            None => ((kind, None, 0, None), (kind, Some(u64::MAX), u16::MAX, Pasid::new(Pasid::MAX))),
        };
        let mut looked = 1;
        let found = self.sent.range(from..=to).any(|(_, start, requester, pasid)| {
            looked += 1;
            e.requester.is_none_or(|r| r.value.bdf16() == *requester)
                && e.pasid.is_none_or(|p| *pasid == Some(p.value))
                && at.is_none_or(|at| *start == Some(at))
        });
        (found, looked)
    }
}

fn kind(tlp: &Tlp) -> Option<PacketKind> {
    Some(match tlp.body {
        Body::Memory { write: false, .. } => PacketKind::MemoryRead,
        Body::Memory { write: true, .. } => PacketKind::MemoryWrite,
        Body::Io { write: false, .. } => PacketKind::IoRead,
        Body::Io { write: true, .. } => PacketKind::IoWrite,
        Body::Config { write: false, .. } => PacketKind::ConfigRead,
        Body::Config { write: true, .. } => PacketKind::ConfigWrite,
        Body::Completion { dwords: 0, .. } => PacketKind::Completion,
        Body::Completion { .. } => PacketKind::CompletionData,
        Body::Message { .. } => return None,
    })
}
