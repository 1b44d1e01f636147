//! Why a transaction was stopped, and what its record says (IHI 0070, 7.3).

use super::spec::events::{
    self, bad_request, bad_substream, class, configuration, fetch, forbidden, translation, unsupported, walk,
};
use crate::spec::{Bits, FaultCode, Rule, Text};
use crate::trace::Verdict;

/// A transaction that was stopped.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Stopped {
    /// The event; `None` where the transaction is terminated without one (an aborting entry, GBPA.ABORT).
    pub code: Option<&'static FaultCode>,
    /// The tables want it recorded: CD.R, STE.S2R, CR2.RECINVSID.
    pub recorded: bool,
    /// The tables want the transaction to wait: CD.S, STE.S2S.
    pub stalls: bool,
    /// Stage 2 refused.
    pub s2: bool,
    /// CLASS.
    pub class: u64,
    /// IPA, or the address that could not be read.
    pub address: u64,
    /// RnW, where it is not that of the transaction.
    pub read: Option<bool>,
    /// A table was to be written, not read: TTRnW is 0.
    pub table_write: bool,
    /// PnU and InD as the stream table entry makes them, once it was found.
    pub overridden: Option<(bool, bool)>,
}

static TERMINATED: Rule = Rule {
    text: Text::new("the transaction is aborted without an event", "事务被中止，不记录事件"),
    section: "IHI 0070 5.2",
};

impl Stopped {
    /// Creates one with this event, always recorded.
    pub const fn new(code: &'static FaultCode) -> Self {
        Stopped {
            code: Some(code),
            recorded: true,
            stalls: false,
            s2: false,
            class: class::IN,
            address: 0,
            read: None,
            table_write: false,
            overridden: None,
        }
    }

    /// Creates one without an event.
    pub const fn silent() -> Self {
        Stopped { code: None, recorded: false, ..Self::new(&events::F_UUT) }
    }

    /// Returns the same without a record.
    pub const fn unrecorded(self) -> Self {
        Stopped { recorded: false, ..self }
    }

    /// Returns how it ends a scope of the trace.
    pub const fn verdict(&self) -> Verdict {
        match self.code {
            Some(code) => Verdict::Fault(code),
            None => Verdict::Refused(&TERMINATED),
        }
    }
}

/// Who a record is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct About {
    /// StreamID.
    pub stream: u32,
    /// SubstreamID, where valid.
    pub substream: Option<u32>,
    /// The address of the transaction.
    pub at: u64,
    /// A read.
    pub read: bool,
    /// Privileged.
    pub privileged: bool,
    /// A fetch.
    pub execute: bool,
}

/// Where an implementation puts parts of a record elsewhere than the specification.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Placement {
    /// The IPA keeps its low bits.
    pub ipa_low_bits: bool,
    /// The address of F_CD_FETCH is in the words of the input address.
    pub cdfetch_field: bool,
    /// TTRnW is always 0.
    pub no_ttrnw: bool,
}

/// Returns the words of a record. With `stag` the transaction waits under this name.
pub fn record(stopped: &Stopped, about: &About, stag: Option<u16>, place: Placement) -> configuration::Words {
    let code = stopped.code.map_or(0, |code| code.code);
    let mut words = configuration::ZERO
        .with(configuration::NUMBER, code.into())
        .with(configuration::SID, about.stream.into());
    match (code, about.substream) {
        // These two do not say which substream (IHI 0070, 7.3.7 and 7.3.8).
        (_, None) | (0x06 | 0x07, _) => {}
        // This one always does (7.3.9).
        (0x08, Some(substream)) => words = words.with(bad_substream::SSID, substream.into()),
        (_, Some(substream)) => {
            words = words.with_flag(configuration::SSV, true).with(configuration::SSID, substream.into());
        }
    }
    let read = stopped.read.unwrap_or(about.read);
    let (privileged, execute) = stopped.overridden.unwrap_or((about.privileged, about.execute));
    // TTRnW says something of permission faults at a table only.
    let table_read = code == 0x13 && stopped.class == class::TT && !stopped.table_write && !place.no_ttrnw;
    match code {
        0x09 if place.cdfetch_field => words.with(walk::INPUT, stopped.address),
        0x03 | 0x09 => words.with_address(fetch::FETCH_ADDR, stopped.address),
        // What F_UUT says of the access is what came in, before the entry overrides it.
        0x01 => words
            .with_flag(unsupported::PNU, about.privileged)
            .with_flag(unsupported::IND, about.execute)
            .with_flag(unsupported::RNW, about.read)
            .with(unsupported::INPUT, about.at),
        0x05 => words.with(bad_request::INPUT, about.at),
        0x07 => words.with_flag(forbidden::RNW, about.read).with(forbidden::INPUT, about.at),
        0x0b => words
            .with_flag(walk::PNU, privileged)
            .with_flag(walk::IND, execute)
            .with_flag(walk::RNW, read)
            .with_flag(walk::S2, stopped.s2)
            .with(walk::CLASS, stopped.class)
            .with(walk::INPUT, about.at)
            .with_address(walk::FETCH_ADDR, stopped.address),
        0x10..=0x13 => {
            let words = words
                .with_flag(translation::PNU, privileged)
                .with_flag(translation::IND, execute)
                .with_flag(translation::TTRNW, table_read)
                .with_flag(translation::RNW, read)
                .with_flag(translation::S2, stopped.s2)
                .with(translation::CLASS, stopped.class)
                .with_flag(translation::STALL, stag.is_some())
                .with(translation::STAG, stag.unwrap_or(0).into())
                .with(translation::INPUT, about.at);
            if place.ipa_low_bits {
                [words[0], words[1], words[2], stopped.address]
            } else if stopped.s2 {
                words.with_address(translation::IPA, stopped.address)
            } else {
                words
            }
        }
        _ => words,
    }
}
