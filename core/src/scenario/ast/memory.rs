//! Buffers, bytes, and page tables as software writes them.

use alloc::string::String;

use super::*;
use crate::addr::PhysAddr;
use crate::scenario::noun::Noun;
use crate::scenario::span::Node;

choices! {
    /// Where a buffer's memory comes from.
    AllocKind {
        /// `kmalloc`: one physically contiguous run.
        "contiguous" => Contiguous,
        /// Pages from all over, mapped one after the other.
        "scattered" => Scattered,
        /// `vmalloc`: contiguous virtual addresses, scattered pages; not for DMA.
        "vmalloc" => Vmalloc,
        /// On the kernel stack; not for DMA.
        "stack" => Stack,
    }
    /// What a mapping allows.
    Rights {
        /// Read.
        "r" => Read,
        /// Write only.
        "w" => Write,
        /// Read and write.
        "rw" => ReadWrite,
        /// Read and execute.
        "rx" => ReadExecute,
        /// Everything.
        "rwx" => All,
    }
    /// A mapping's privilege.
    Privilege {
        /// User code may use it.
        "user" => User,
        /// Only the kernel may.
        "supervisor" => Supervisor,
    }
}

/// Bytes as written.
#[derive(Clone, Debug, PartialEq)]
pub enum Bytes {
    /// `"text"`: its UTF-8 bytes.
    Text(Node<String>),
    /// `byte 0xaa`: the same byte again and again.
    Byte(Num),
    /// `hex "de ad be ef"`.
    Hex(Node<String>),
    /// `pattern` or `pattern 7`: bytes that differ at every place, from this seed (0 by default).
    Pattern(Option<Num>),
    /// `zero`.
    Zero,
    /// `of rx`: the bytes that are at this address now (in expectations).
    Of(Loc<OfSubject>),
}

impl Default for Bytes {
    fn default() -> Self {
        Bytes::Text(Node::default())
    }
}

choices! {
    /// The word that begins bytes.
    BytesWord {
        /// One byte again and again.
        "byte" => Byte,
        /// In hex.
        "hex" => Hex,
        /// Bytes that differ at every place.
        "pattern" => Pattern,
        /// Zeros.
        "zero" => Zero,
        /// What is at an address.
        "of" => Of,
    }
}

impl Bytes {
    /// The bytes of `"de ad be ef"`; `None` when it is not pairs of hex digits.
    pub fn from_hex(text: &str) -> Option<Vec<u8>> {
        let digits: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
        let nibble = |b: u8| (b as char).to_digit(16).map(|d| d as u8);
        digits
            .chunks(2)
            .map(|pair| match pair {
                [high, low] => Some(nibble(*high)? << 4 | nibble(*low)?),
                _ => None,
            })
            .collect()
    }

    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        if f.describe("DATA") {
            return Ok(());
        }
        if f.starts_text(matches!(self, Bytes::Text(_))) {
            let mut text = match self {
                Bytes::Text(text) => text.clone(),
                _ => Node::default(),
            };
            f.text(Noun::Text, &mut text)?;
            *self = Bytes::Text(text);
            return Ok(());
        }
        let mut word = Node::new(match self {
            Bytes::Byte(_) | Bytes::Text(_) => BytesWord::Byte,
            Bytes::Hex(_) => BytesWord::Hex,
            Bytes::Pattern(_) => BytesWord::Pattern,
            Bytes::Zero => BytesWord::Zero,
            Bytes::Of(_) => BytesWord::Of,
        });
        f.choice(&mut word)?;
        match word.value {
            BytesWord::Byte => {
                let mut byte = if let Bytes::Byte(byte) = self { *byte } else { Num::default() };
                f.num(Noun::Byte, &mut byte)?;
                *self = Bytes::Byte(byte);
            }
            BytesWord::Hex => {
                let mut text = if let Bytes::Hex(text) = self { text.clone() } else { Node::default() };
                f.text(Noun::HexText, &mut text)?;
                if Bytes::from_hex(&text).is_none() {
                    return Err(crate::scenario::problem::Problem::expected_noun(
                        text.span,
                        Noun::HexText,
                        &text,
                    ));
                }
                *self = Bytes::Hex(text);
            }
            BytesWord::Pattern => {
                let mut seed = if let Bytes::Pattern(seed) = self { *seed } else { None };
                f.opt_number_here(Noun::Number, &mut seed)?;
                *self = Bytes::Pattern(seed);
            }
            BytesWord::Zero => *self = Bytes::Zero,
            BytesWord::Of => {
                let mut loc = if let Bytes::Of(loc) = self { loc.clone() } else { Loc::default() };
                f.loc(&mut loc)?;
                *self = Bytes::Of(loc);
            }
        }
        Ok(())
    }
}

/// `alloc rx 6000 scattered`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Alloc {
    /// The buffer's name.
    pub name: Name,
    /// How many bytes.
    pub size: Num,
    /// Where the memory comes from (contiguous by default).
    pub kind: Option<Node<AllocKind>>,
    /// For a process or a virtual machine; none: the host's kernel.
    pub owner: Option<Name>,
    /// The physical address (guest-physical with a virtual machine as owner); by default the allocator's.
    pub at: Option<Loc<OfSubject>>,
    /// The physical pages are above 4 GiB.
    pub high: bool,
    /// No device is meant to reach it.
    pub private: bool,
    /// The virtual address in the owner; by default the allocator's.
    pub va: Option<Loc<crate::addr::VirtAddr>>,
    /// The pages that map it in a process.
    pub page: Option<Node<Page>>,
}

impl Alloc {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.name(Noun::NewName, &mut self.name)?;
        f.num(Noun::Size, &mut self.size)?;
        f.clauses(|f| {
            f.opt_choice(&mut self.kind)?;
            f.opt_name("in", Noun::CpuSpace, &mut self.owner)?;
            f.clause("at", &mut self.at, Form::loc)?;
            f.flag("high", &mut self.high)?;
            f.flag("private", &mut self.private)?;
            f.clause("va", &mut self.va, Form::loc)?;
            f.clause("page", &mut self.page, Form::page)
        })
    }
}

/// `free rx`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Free {
    /// The buffer.
    pub buffer: Name,
}

impl Free {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.name(Noun::Buffer, &mut self.buffer)
    }
}

/// `fill rx "hello"`, `fill rx +16 byte 0xff`: from outside the machine, past any cache.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fill {
    /// Where: a buffer, or a physical address.
    pub at: Loc<PhysAddr>,
    /// How many bytes; by default as many as the data has, or the whole buffer.
    pub len: Option<Num>,
    /// With what.
    pub data: Bytes,
}

impl Fill {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.loc(&mut self.at)?;
        f.opt_length(&mut self.len)?;
        self.data.form(f)
    }
}

/// `poke 0x1000 0x8000_0003`: 8 bytes unless a size is given, from outside the machine.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Poke {
    /// Where.
    pub at: Loc<PhysAddr>,
    /// What.
    pub value: Num,
    /// How many bytes: 1, 2, 4 or 8.
    pub size: Option<Num>,
}

impl Poke {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.loc(&mut self.at)?;
        f.num(Noun::Number, &mut self.value)?;
        f.clauses(|f| f.opt_num("size", Noun::Width, &mut self.size))
    }
}

/// `map db 0x7f00_0000_0000 +12K rw scattered`, `map d0 0x1000 +4K -> rx.pa rw page 4K`.
///
/// The addresses are of the subject's space: virtual for a process, guest-physical for a virtual machine,
/// IOVA for a domain.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Map {
    /// A process, a virtual machine or a domain.
    pub space: Name,
    /// Which addresses.
    pub range: Range<OfSubject>,
    /// To where: physical on the host, guest-physical in a guest; none: fresh pages.
    pub to: Option<Loc<OfSubject>>,
    /// What it allows (`rw` by default).
    pub rights: Option<Node<Rights>>,
    /// The page size (`4K` by default).
    pub page: Option<Node<Page>>,
    /// Fresh pages from all over.
    pub scattered: bool,
    /// Whose (`user` for a process by default).
    pub privilege: Option<Node<Privilege>>,
    /// The pages are promised but not there: touching one is a page fault.
    pub not_present: bool,
}

impl Map {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.name(Noun::Space, &mut self.space)?;
        f.range(&mut self.range)?;
        f.clauses(|f| {
            f.clause("->", &mut self.to, Form::loc)?;
            f.opt_choice(&mut self.rights)?;
            f.clause("page", &mut self.page, Form::page)?;
            f.flag("scattered", &mut self.scattered)?;
            f.opt_choice(&mut self.privilege)?;
            f.flag("not-present", &mut self.not_present)
        })
    }
}

/// `unmap d0 0x1000 +4K`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Unmap {
    /// A process, a virtual machine or a domain.
    pub space: Name,
    /// Which addresses.
    pub range: Range<OfSubject>,
    /// Leaves what caches remember, whatever the policy is.
    pub no_invalidate: bool,
}

impl Unmap {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.name(Noun::Space, &mut self.space)?;
        f.range(&mut self.range)?;
        f.clauses(|f| f.flag("no-invalidate", &mut self.no_invalidate))
    }
}
