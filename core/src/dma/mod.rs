//! The DMA engine of our teaching device.
//!
//! Software writes its registers ([`registers`]) through a BAR, or gives it a linked list of descriptors in
//! memory ([`descriptor`]), which it fetches by DMA itself. It moves data between its own memory and addresses
//! on the bus, in packets that cross no 4 KiB boundary and respect Max_Payload_Size and Max_Read_Request_Size
//! ([`burst`]). [`engine`] is a state machine: each [`Engine::step`] makes at most one request of a [`Bus`].
//!
//! A device with ATS keeps translations of its own ([`crate::iommu::atc`]).
//!
//! The register layout is our own: engines have no standard one. What happens on the bus is PCI Express.
//!
//! The engine's own behaviour is changed here; it sees nothing of host memory, but asks its [`Bus`].

pub mod burst;
pub mod descriptor;
pub mod engine;
pub mod registers;

pub use burst::{packets, Packets};
pub use descriptor::Descriptor;
pub use engine::{Block, Engine, EngineAddr, Progress};

use crate::addr::{BusAddr, PhysAddr};
use crate::platform::tlp::{PasidPrefix, Status};
use crate::trace::Observer;
use core::fmt;

/// One request of the engine: bytes that lie in one 4 KiB page, sent as one packet or several.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Access {
    /// The first address.
    pub at: BusAddr,
    /// How many bytes, 1..=4096.
    pub bytes: u32,
    /// For which process.
    pub pasid: Option<PasidPrefix>,
    /// The largest packet: of payload for a write, of what is requested in a read.
    pub limit: u32,
}

impl Access {
    /// The packets it is sent as: address and bytes of each.
    pub fn packets(&self) -> Packets {
        packets(self.at, self.bytes, self.limit)
    }
}

/// Why a request was not done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BusError {
    /// It was completed with this status (a read), or dropped for the reason of this status (a write).
    Status(Status),
    /// The data arrived poisoned.
    Poisoned,
    /// Bus Master Enable is off: the request was never sent.
    NoBusMaster,
    /// A virtual function that its physical one does not make at present.
    NoFunction,
    /// The run has spent what it may: the request was never sent.
    Budget,
}

impl fmt::Display for BusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BusError::Status(status) => write!(f, "completion status {}", status.name()),
            BusError::Poisoned => write!(f, "poisoned data"),
            BusError::NoFunction => write!(f, "the virtual function is not there"),
            BusError::NoBusMaster => write!(f, "Bus Master Enable is off"),
            BusError::Budget => write!(f, "the run has spent what it may"),
        }
    }
}

/// The other end of a transfer, inside the device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Inside {
    /// Its own memory, from this offset on.
    Own(u64),
    /// What goes through it and is not kept in its memory (a packet from the wire), from this byte on.
    Stream(u64),
}

impl Inside {
    pub(crate) fn add(self, bytes: u64) -> Self {
        match self {
            Inside::Own(at) => Inside::Own(at.wrapping_add(bytes)),
            Inside::Stream(at) => Inside::Stream(at.wrapping_add(bytes)),
        }
    }
}

/// What an engine is connected to: the bus on one side, the inside of the device on the other.
pub trait Bus {
    /// Who hears.
    type Obs: Observer;
    /// Who hears.
    fn obs(&mut self) -> &mut Self::Obs;

    /// Reads from the bus. On success the physical address of the first byte, when it came from memory.
    fn read(&mut self, access: &Access, out: &mut [u8]) -> Result<Option<PhysAddr>, BusError>;
    /// Writes to the bus. On success the physical address of the first byte, when it went to memory.
    fn write(&mut self, access: &Access, data: &[u8]) -> Result<Option<PhysAddr>, BusError>;
    /// Sends the message signalled interrupt of a vector.
    fn interrupt(&mut self, vector: u16);

    /// Takes bytes from inside the device.
    fn take(&mut self, from: Inside, out: &mut [u8]);
    /// Puts bytes inside the device.
    fn put(&mut self, to: Inside, data: &[u8]);
}

#[cfg(test)]
mod tests;
