//! The hardware's side of an IOMMU: what devices and CPUs can do to it.

use super::registers::Registers;
use super::{Outcome, PageRequest, Request};
use crate::memory::Memory;
use crate::trace::Observer;

/// An IOMMU's hardware. Its registers are those of [`Registers`].
pub trait Unit: Registers {
    /// Answers one request, with caches, fault records and accessed/dirty updates as the architecture has them.
    fn translate<O: Observer>(&mut self, memory: &mut Memory, request: &Request, obs: &mut O) -> Outcome;

    /// Returns what the tables in memory say at this moment, as if every cache were empty; changes nothing. This is
    /// how the use of a stale entry is known.
    fn peek(&self, memory: &mut Memory, request: &Request) -> Outcome;

    /// Takes a page request from a device into the page request queue. `false`: it could not be queued, and the unit
    /// answered it itself.
    fn page_request<O: Observer>(&mut self, memory: &mut Memory, request: &PageRequest, obs: &mut O) -> bool;
}
