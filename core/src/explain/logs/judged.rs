//! What a replay of the trace that stands in the same text says of a refused access. The replay judges (`import::trace`); here its
//! verdict becomes evidence for the causes, so that there is one answer to one text.

use super::evidence::Clue;
use crate::spec::Phrase;

/// What the page of a refused address was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Mapped for the device.
    Mapped,
    /// Mapped, and not for what the device wanted.
    OtherDirection,
    /// Mapped before, and not any more.
    Unmapped,
    /// Not mapped as far as the trace goes back.
    Never,
    /// Of this the trace says nothing that is sure.
    Unknown,
}

/// A verdict on the access that a line tells of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Judged {
    /// The line, counted from 1.
    pub line: u64,
    /// The verdict.
    pub verdict: Verdict,
    /// The same in a sentence, with what it rests on.
    pub says: Phrase,
}

impl Verdict {
    pub(super) fn phrase(self) -> Phrase {
        match self {
            Verdict::Mapped => Phrase::new("mapped", "已映射"),
            Verdict::OtherDirection => Phrase::new("mapped for the other direction", "只为另一个方向映射"),
            Verdict::Unmapped => Phrase::new("unmapped before", "之前已解除映射"),
            Verdict::Never => Phrase::new("no mapping", "没有映射"),
            Verdict::Unknown => Phrase::new("not known", "无从得知"),
        }
    }

    pub(super) fn clue(self) -> Option<Clue> {
        match self {
            Verdict::Mapped => Some(Clue::TraceMapped),
            Verdict::OtherDirection => Some(Clue::TraceOtherDirection),
            Verdict::Unmapped => Some(Clue::TraceUnmapped),
            Verdict::Never => Some(Clue::TraceNever),
            Verdict::Unknown => None,
        }
    }
}
