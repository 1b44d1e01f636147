//! What a CPU does.

use super::*;
use crate::addr::PortAddr;
use crate::scenario::noun::Noun;

/// `cpu read nic.bar0+0x10 size 4`, `cpu read 0x7f00_0000_0000 in db`.
///
/// Without `in` the address is physical (the kernel's direct map), a buffer, or a BAR; with a process it is
/// virtual, with a virtual machine guest-physical.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CpuRead {
    /// Where.
    pub at: Loc<OfSubject>,
    /// How many bytes are read, when it is more than one word.
    pub len: Option<Num>,
    /// In which process or virtual machine.
    pub space: Option<Name>,
    /// How many bytes one access moves: 1, 2, 4 or 8 (8 by default, 4 for a BAR).
    pub size: Option<Num>,
    /// As user code (by default for a process).
    pub privilege: Option<crate::scenario::span::Node<Privilege>>,
    /// An instruction fetch.
    pub execute: bool,
}

impl CpuRead {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.loc(&mut self.at)?;
        f.opt_length(&mut self.len)?;
        f.clauses(|f| {
            f.opt_name("in", Noun::CpuSpace, &mut self.space)?;
            f.opt_num("size", Noun::Width, &mut self.size)?;
            f.opt_choice(&mut self.privilege)?;
            f.flag("execute", &mut self.execute)
        })
    }
}

/// What a CPU stores: a number or bytes.
#[derive(Clone, Debug, PartialEq)]
pub enum Stored {
    /// One word.
    Number(Num),
    /// Bytes.
    Bytes(Bytes),
}

impl Default for Stored {
    fn default() -> Self {
        Stored::Number(Num::default())
    }
}

impl Stored {
    fn form(&mut self, f: &mut Form<'_>) -> Done {
        if f.describe("VALUE|DATA") {
            return Ok(());
        }
        if f.starts_number(matches!(self, Stored::Number(_))) {
            let mut num = if let Stored::Number(num) = self { *num } else { Num::default() };
            f.num(Noun::Number, &mut num)?;
            *self = Stored::Number(num);
        } else {
            let mut bytes = if let Stored::Bytes(bytes) = self { bytes.clone() } else { Bytes::default() };
            bytes.form(f)?;
            *self = Stored::Bytes(bytes);
        }
        Ok(())
    }
}

/// `cpu write nic.bar0+0x10 1`, `cpu write 0x7f00_0000_0000 "hello" in db`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CpuWrite {
    /// Where; see [`CpuRead`].
    pub at: Loc<OfSubject>,
    /// How many bytes, for data that repeats; by default as many as the data has.
    pub len: Option<Num>,
    /// What.
    pub value: Stored,
    /// In which process or virtual machine.
    pub space: Option<Name>,
    /// How many bytes one access moves: 1, 2, 4 or 8 (8 by default, 4 for a BAR).
    pub size: Option<Num>,
    /// As user code (by default for a process).
    pub privilege: Option<crate::scenario::span::Node<Privilege>>,
}

impl CpuWrite {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.loc(&mut self.at)?;
        f.opt_length(&mut self.len)?;
        self.value.form(f)?;
        f.clauses(|f| {
            f.opt_name("in", Noun::CpuSpace, &mut self.space)?;
            f.opt_num("size", Noun::Width, &mut self.size)?;
            f.opt_choice(&mut self.privilege)
        })
    }
}

/// `cpu evict rx +64`: on a non-coherent machine, lines leave the cache as they do when room is needed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CpuEvict {
    /// A buffer, or a physical address.
    pub at: Loc<OfSubject>,
    /// How many bytes; by default the whole buffer.
    pub len: Option<Num>,
}

impl CpuEvict {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.loc(&mut self.at)?;
        f.opt_length(&mut self.len)
    }
}

/// `cpu in 0xc010 size 4`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CpuIn {
    /// The port.
    pub port: Loc<PortAddr>,
    /// 1, 2 or 4 bytes (4 by default).
    pub size: Option<Num>,
}

impl CpuIn {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.loc(&mut self.port)?;
        f.clauses(|f| f.opt_num("size", Noun::Width, &mut self.size))
    }
}

/// `cpu out 0xc010 1 size 4`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CpuOut {
    /// The port.
    pub port: Loc<PortAddr>,
    /// What.
    pub value: Num,
    /// 1, 2 or 4 bytes (4 by default).
    pub size: Option<Num>,
}

impl CpuOut {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.loc(&mut self.port)?;
        f.num(Noun::Number, &mut self.value)?;
        f.clauses(|f| f.opt_num("size", Noun::Width, &mut self.size))
    }
}

/// `cpu config-read nic 0x10`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConfigRead {
    /// A device, a port, or a requester id where there may be nothing.
    pub device: Name,
    /// Into its configuration space.
    pub offset: Num,
    /// 1, 2 or 4 bytes (4 by default).
    pub size: Option<Num>,
}

impl ConfigRead {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.name(Noun::DeviceOrBdf, &mut self.device)?;
        f.num(Noun::ConfigOffset, &mut self.offset)?;
        f.clauses(|f| f.opt_num("size", Noun::Width, &mut self.size))
    }
}

/// `cpu config-write nic 0x10 0xffff_ffff`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConfigWrite {
    /// A device, a port, or a requester id where there may be nothing.
    pub device: Name,
    /// Into its configuration space.
    pub offset: Num,
    /// What.
    pub value: Num,
    /// 1, 2 or 4 bytes (4 by default).
    pub size: Option<Num>,
}

impl ConfigWrite {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.name(Noun::DeviceOrBdf, &mut self.device)?;
        f.num(Noun::ConfigOffset, &mut self.offset)?;
        f.num(Noun::Number, &mut self.value)?;
        f.clauses(|f| f.opt_num("size", Noun::Width, &mut self.size))
    }
}
