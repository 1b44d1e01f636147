//! What is around memory: the physical address map, the host bridge, PCI Express.
//!
//! * [`map`]: what answers at which physical address, and at which I/O port
//! * [`window`]: the host bridge's windows between physical and bus addresses, in both directions
//! * [`bridges`]: several host bridges, each with windows and buses of its own
//! * [`tlp`]: packets, to the bit
//! * [`config`]: the configuration space of a PCI function
//! * [`topology`]: root ports, switches and functions; [`route`] between them; IOMMU [`group`]s
//! * [`interrupts`]: where interrupt messages go, and what they say
//! * [`local`]: the map inside a device, before anything reaches the bus
//!
//! What PCI Express and the board do is changed here; what translates an address is not: that is [`crate::mmu`] and [`crate::iommu`].

pub mod bridges;
pub mod config;
pub mod group;
pub mod interrupts;
pub mod its;
pub mod local;
pub mod map;
pub mod resources;
pub mod route;
pub mod tlp;
pub mod topology;
pub mod window;
