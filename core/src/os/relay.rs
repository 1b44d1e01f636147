//! The older way: the guest has no device of its own, the host does its DMA for it and copies (virtio with an
//! emulated backend in the host).
//!
//! What it costs is counted as it happens: an exit when the guest rings the doorbell, an exit when the host's
//! interrupt arrives while the guest runs, and a copy of every byte between the guest's buffer and the host's.

use super::dma::{Buffer, BufferKind, Direction, DmaApi, Piece};
use super::pages::Zone;
use super::{Env, OsError};
use crate::addr::{BusAddr, PhysAddr, RequesterId};
use crate::iommu::Driver;
use crate::trace::{Actor, CostKind, Event, Observer};
use alloc::vec;

/// A request on its way: the host's buffer is mapped, the device may go.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Relay {
    /// The host's buffer.
    pub buffer: PhysAddr,
    /// What the device is given.
    pub dma: BusAddr,
    /// How many bytes.
    pub bytes: u64,
    /// Which way.
    pub direction: Direction,
}

/// The guest rings, the host takes over: exit, buffer, copy (for data to the device), map. `guest` is the guest's
/// buffer as the host sees it, piece by piece.
pub fn begin<I: Driver, O: Observer>(
    api: &mut DmaApi,
    env: &mut Env<'_, I, O>,
    device: RequesterId,
    guest: &[Piece],
    direction: Direction,
) -> Result<Relay, OsError> {
    exit(
        env,
        "the guest's doorbell is trapped: exit to the host",
        "客户机敲的门铃被截获：发生 VM exit，转由宿主机处理",
    );
    let bytes: u64 = guest.iter().map(|p| p.bytes).sum();
    let buffer = env.pages.alloc(bytes, 1, Zone::ANY, "relay")?;
    let begun = (|| {
        if direction != Direction::FromDevice {
            copy(env, guest, buffer, true)?;
        }
        let host = Buffer { name: "relay", at: buffer, bytes, kind: BufferKind::Contiguous };
        api.map_single(env, device, host, direction, false)
    })();
    let dma = begun.inspect_err(|_| env.pages.free(buffer, bytes))?;
    Ok(Relay { buffer, dma, bytes, direction })
}

/// The device is done: interrupt, unmap, copy (for data from the device), and the guest is told.
pub fn finish<I: Driver, O: Observer>(
    api: &mut DmaApi,
    env: &mut Env<'_, I, O>,
    device: RequesterId,
    guest: &[Piece],
    relay: &Relay,
) -> Result<(), OsError> {
    exit(
        env,
        "the device's interrupt arrives while the guest runs: exit to the host",
        "客户机运行时设备中断到达：发生 VM exit，转由宿主机处理",
    );
    let unmapped = api.unmap_single(env, device, relay.dma, None, None, false);
    let copied = if relay.direction != Direction::ToDevice && unmapped.is_ok() {
        copy(env, guest, relay.buffer, false)
    } else {
        Ok(())
    };
    env.pages.free(relay.buffer, relay.bytes);
    unmapped.and(copied)?;
    env.note(
        "the host injects a virtual interrupt when it enters the guest again",
        "宿主机再次进入客户机时注入虚拟中断",
    );
    Ok(())
}

fn exit<I: Driver, O: Observer>(env: &mut Env<'_, I, O>, en: &str, zh: &str) {
    env.note(en, zh);
    if O::ON {
        env.obs.step(Actor::Os, Event::Cost { kind: CostKind::Exit, amount: 1 });
    }
}

/// Copies between the guest's pieces and the host's buffer, through the CPU's cache, counted as one copy.
fn copy<I: Driver, O: Observer>(
    env: &mut Env<'_, I, O>,
    guest: &[Piece],
    host: PhysAddr,
    to_host: bool,
) -> Result<(), OsError> {
    use crate::addr::Address;
    let mut data = vec![0; 4096];
    let mut total = 0;
    for piece in guest {
        let mut done = 0;
        // Bounded: reads and writes draw.
        while done < piece.bytes {
            let n = (piece.bytes - done).min(4096) as usize;
            let (there, here) = (piece.at.wrapping_add(done), host.wrapping_add(total));
            let (from, to) = if to_host { (there, here) } else { (here, there) };
            env.cache.read(env.memory, Actor::Os, from, &mut data[..n], env.obs)?;
            env.cache.write(env.memory, Actor::Os, to, &data[..n], env.obs)?;
            done += n as u64;
            total += n as u64;
        }
    }
    if O::ON {
        env.obs.step(Actor::Os, Event::Cost { kind: CostKind::CopiedBytes, amount: total });
    }
    Ok(())
}
