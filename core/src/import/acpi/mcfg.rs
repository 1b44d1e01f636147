//! MCFG: where the configuration space of each segment is in memory (PCI Firmware specification).

use super::super::found::{keep, Found, Source};
use super::{Bytes, Problem, HEADER};

pub(super) fn read(table: Bytes<'_>, from: Source, found: &mut Found) -> Result<(), Problem> {
    let mut at = HEADER + 8;
    // Bounded: each turn passes 16 bytes.
    while at < table.len() {
        let entry = table.part(at, 16)?;
        let (base, segment) = (entry.u64(0)?, u32::from(entry.u16(8)?));
        keep(&mut found.config, (segment, entry.u8(10)?, entry.u8(11)?, base, from));
        at += 16;
    }
    Ok(())
}
