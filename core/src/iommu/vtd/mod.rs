//! Intel VT-d: the Intel Virtualization Technology for Directed I/O architecture specification, revision 4.

pub mod faults;
