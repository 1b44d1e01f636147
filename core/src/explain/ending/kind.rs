//! What an operation came to, as a kind and a sentence.

use crate::spec::Phrase;
use alloc::string::String;

/// What kind of end an operation came to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(rename_all = "camelCase", rename = "OutcomeKind"))]
pub enum Kind {
    /// Something was prepared or changed.
    #[default]
    Done,
    /// Addresses lead nowhere any more.
    Unmapped,
    /// Addresses lead somewhere now.
    Mapped,
    /// A question was answered: a register, a translation.
    Answered,
    /// An interrupt reached a CPU.
    Interrupted,
    /// Data is where it was meant to be.
    Arrived,
    /// Nothing was moved: somebody refused.
    Refused,
    /// Data went nowhere, or was overwritten.
    Lost,
    /// Data is where it must not be, or is not what it should be.
    Wrong,
}

impl Kind {
    /// The kind as one word, for beside a sign.
    pub fn word(self) -> Phrase {
        match self {
            Kind::Done => Phrase::new("Prepared", "准备"),
            Kind::Unmapped => Phrase::new("Unmapped", "解除映射"),
            Kind::Mapped => Phrase::new("Mapped", "已映射"),
            Kind::Answered => Phrase::new("Answered", "结果"),
            Kind::Interrupted => Phrase::new("Interrupt", "中断"),
            Kind::Arrived => Phrase::new("Arrived", "到达"),
            Kind::Refused => Phrase::new("Refused", "被拒绝"),
            Kind::Lost => Phrase::new("Lost", "丢失"),
            Kind::Wrong => Phrase::new("Wrong", "出错"),
        }
    }
}

/// What came of an operation.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Ending {
    /// What kind of end it is.
    pub kind: Kind,
    /// The sentence.
    pub text: Phrase,
    /// The steps of the operation in the trace.
    pub steps: core::ops::Range<usize>,
    /// The step from which on it went wrong, where it did.
    pub wrong_from: Option<usize>,
}

impl Ending {
    pub(super) fn new(kind: Kind, en: String, zh: String) -> Self {
        Ending { kind, text: Phrase::new(en, zh), ..Ending::default() }
    }
    pub(super) fn done(en: String, zh: String) -> Self {
        Ending::new(Kind::Done, en, zh)
    }
}
