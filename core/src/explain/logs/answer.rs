//! A report in one language, as it goes to the page and to programs: JSON of these types.
//!
//! The TypeScript declarations, the table of the documentation and `docs/explain.schema.json` are made from them
//! (`schema`). Fields are added, never renamed or removed; [`SCHEMA`] counts what a reader must know.

use super::report::{self, Certainty, Kind};
use crate::spec::{Lang, Phrase};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// The version of the schema.
pub const SCHEMA: u32 = 1;

macro_rules! answers {
    ($($(#[$doc:meta])* $name:ident { $($(#[doc = $field_doc:literal])* $field:ident: $type:ty,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(serde::Serialize, Clone, PartialEq, Debug)]
            #[cfg_attr(feature = "ts", derive(ts_rs::TS))]
            #[serde(rename_all = "camelCase")]
            #[cfg_attr(feature = "ts", ts(rename_all = "camelCase"))]
            pub struct $name { $($(#[doc = $field_doc])* pub $field: $type,)* }
        )*

        /// Returns the declarations of all of these in TypeScript.
        #[cfg(feature = "ts")]
        pub fn typescript() -> String {
            let mut out = String::new();
            $(
                out += "export ";
                out += &<$name as ts_rs::TS>::decl();
                out += "\n";
            )*
            out
        }

        /// All of them: name, and each field's name, type as Rust writes it, and meaning.
        pub(super) static TYPES: &[(&str, &[(&str, &str, &[&str])])] = &[
            $((stringify!($name), &[$((stringify!($field), stringify!($type), &[$($field_doc),*])),*])),*
        ];
    };
}

answers! {
    /// A whole report.
    LogReport {
        /// The version of this schema: 1.
        schema: u32,
        /// How many lines were read.
        lines: u32,
        /// How many of them are about an IOMMU and report no trouble.
        quiet: u32,
        /// How many items are left out because there are too many.
        left_out: u32,
        /// What was found, in the order of the log; the boot summary first.
        items: Vec<LogItem>,
        /// Items that belong together, with what else happened on the way.
        stories: Vec<LogStory>,
    }
    /// One thing found.
    LogItem {
        /// `fault` (hardware refused an access), `status` (of the unit), `software` (a refusal or warning of software), `tables` (a dump), `boot` (the summary) or `unknown`.
        kind: &'static str,
        /// The speaker's key, such as `vt-d`; empty if it is not clear.
        arch: &'static str,
        /// The speaker's name.
        speaker: &'static str,
        /// The key of the wording, stable; empty for the boot summary and unknown lines.
        form: &'static str,
        /// The first line, counted from 1.
        first: u32,
        /// The last line of its first occurrence.
        last: u32,
        /// How often the log has it.
        times: u32,
        /// The last line on which it is.
        last_seen: u32,
        /// Seconds after boot of the first occurrence, where the log has such stamps.
        since: Option<f64>,
        /// Seconds after boot of the last occurrence.
        until: Option<f64>,
        /// What it is, in one line.
        title: String,
        /// The numbers of a fault, for programs.
        fault: Option<LogFault>,
        /// Everything it says.
        fields: Vec<LogField>,
        /// The causes, likeliest first.
        causes: Vec<LogCause>,
        /// The preset that shows this kind of trouble: the `p` of a link.
        preset: Option<&'static str>,
        /// The rung of a ladder of faults that ends with this code: a fragment of the page.
        rung: Option<String>,
        /// All rungs that leave such a line, the likeliest first.
        rungs: Vec<LogRung>,
        /// A scenario that ends at the same fault.
        scenario: Option<String>,
        /// The line, for what is not understood.
        quote: Option<String>,
        /// The known wording that an unknown line resembles.
        nearest: Option<String>,
        /// Which program prints that.
        source: Option<String>,
    }
    /// The numbers of a fault; what the log does not hold is absent.
    LogFault {
        /// The architecture's code.
        code: Option<u32>,
        /// Its name.
        name: Option<&'static str>,
        /// The PCI number, `bb:dd.f` or `ssss:bb:dd.f`.
        device: Option<String>,
        /// The number that the platform gives the device: a StreamID, a master, an endpoint.
        stream: Option<String>,
        /// The PASID, SubstreamID or process_id.
        pasid: Option<u32>,
        /// `read`, `write`, `execute` or `interrupt`.
        access: Option<&'static str>,
        /// The address, hexadecimal with `0x`.
        address: Option<String>,
        /// The guest-physical address that a second stage refused.
        second: Option<String>,
        /// The index in the interrupt remapping table.
        index: Option<u32>,
    }
    /// One statement.
    LogField {
        /// Its name in English, whatever the language: stable.
        key: &'static str,
        /// Its name.
        name: String,
        /// Its value.
        value: String,
        /// What it means.
        meaning: String,
        /// Is it a conclusion, and not what the line says?
        inferred: bool,
    }
    /// A rung of a ladder of faults.
    LogRung {
        /// A fragment of the page.
        at: String,
        /// What is broken there.
        name: String,
    }
    /// One cause.
    LogCause {
        /// Its key, stable.
        id: &'static str,
        /// What went wrong.
        text: String,
        /// How to tell that it was this.
        how_to_tell: String,
        /// The evidence for it.
        because: Vec<String>,
        /// The evidence against it.
        despite: Vec<String>,
        /// What taught it: public reports (repository and number), else a commit, a source or a specification.
        seen_in: Vec<&'static str>,
        /// The preset that shows it.
        preset: Option<&'static str>,
    }
    /// Items that belong together.
    LogStory {
        /// What holds them together.
        title: String,
        /// What happened, one after the other.
        moments: Vec<LogMoment>,
    }
    /// One moment of a story.
    LogMoment {
        /// On which line.
        line: u32,
        /// Seconds after boot.
        time: Option<f64>,
        /// What happened.
        text: String,
        /// The item, as an index into `items`.
        item: Option<u32>,
    }
}

fn count(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

impl LogReport {
    /// Returns a report in one language.
    pub fn new(report: &report::Report, lang: Lang) -> Self {
        LogReport {
            schema: SCHEMA,
            lines: count(report.lines as u64),
            quiet: count(report.quiet as u64),
            left_out: count(report.left_out),
            items: report.items.iter().map(|item| LogItem::new(item, lang)).collect(),
            stories: report.stories.iter().map(|story| LogStory::new(story, lang)).collect(),
        }
    }
}

impl LogItem {
    fn new(item: &report::Item, lang: Lang) -> Self {
        let nearest = match item.kind {
            Kind::Unknown { nearest } => nearest,
            _ => None,
        };
        LogItem {
            kind: match item.kind {
                Kind::Fault(_) => "fault",
                Kind::Status => "status",
                Kind::Software => "software",
                Kind::Tables => "tables",
                Kind::Boot => "boot",
                Kind::Unknown { .. } => "unknown",
            },
            arch: item.arch.map_or("", |arch| arch.key()),
            speaker: item.arch.map_or("", |arch| arch.name()),
            form: item.form.map_or("", |form| form.name),
            first: count(item.lines.first as u64),
            last: count(item.lines.last as u64),
            times: count(item.times),
            last_seen: count(item.last_line as u64),
            since: item.when.map(|(first, _)| seconds(first)),
            until: item.when.map(|(_, last)| seconds(last)),
            title: item.title.get(lang).into(),
            fault: match &item.kind {
                Kind::Fault(fault) => Some(LogFault::new(fault)),
                _ => None,
            },
            fields: item
                .fields
                .iter()
                .map(|field| LogField {
                    key: field.name.en,
                    name: field.name.get(lang).into(),
                    value: field.value.get(lang).into(),
                    meaning: field.meaning.get(lang).into(),
                    inferred: field.certainty == Certainty::Inferred,
                })
                .collect(),
            causes: item.causes.iter().map(|likely| LogCause::new(item, likely, lang)).collect(),
            preset: item.preset,
            rung: item.rungs.first().map(|rung| rung.at.clone()),
            rungs: { item.rungs.iter() }
                .map(|rung| LogRung { at: rung.at.clone(), name: rung.name.get(lang).into() })
                .collect(),
            scenario: item.scenario.as_ref().map(|scenario| scenario.text.clone()),
            quote: (!item.quote.is_empty()).then(|| item.quote.clone()),
            nearest: nearest.map(|form| form.plain()),
            source: nearest.map(|form| form.printed_by(lang)),
        }
    }
}

impl LogFault {
    fn new(fault: &super::Fault) -> Self {
        use super::Access;
        let hex = |value: u64| format!("{value:#x}");
        LogFault {
            code: fault.code.map(u32::from),
            name: fault.known.map(|code| code.name),
            device: fault.device.map(|device| match fault.segment {
                Some(segment) => format!("{segment:x}:{device}"),
                None => format!("{device}"),
            }),
            stream: fault.stream.map(|stream| hex(stream.into())),
            pasid: fault.pasid,
            access: fault.access.map(|access| match access {
                Access::Read => "read",
                Access::Write => "write",
                Access::Execute => "execute",
                Access::Interrupt => "interrupt",
            }),
            address: fault.address.map(hex),
            second: fault.second.map(hex),
            index: fault.index.map(u32::from),
        }
    }
}

impl LogCause {
    fn new(item: &report::Item, likely: &super::Likely, lang: Lang) -> Self {
        let said =
            |clues: &[super::Clue]| clues.iter().map(|clue| String::from(clue.text().get(lang))).collect();
        let cause = likely.cause;
        LogCause {
            id: cause.id,
            text: cause.text.get(lang).into(),
            how_to_tell: cause.how_to_tell(item.system, lang),
            because: said(&likely.because),
            despite: said(&likely.despite),
            seen_in: cause.taught_by(item.arch, lang),
            preset: (!cause.preset.is_empty()).then_some(cause.preset),
        }
    }
}

impl LogStory {
    fn new(story: &report::Story, lang: Lang) -> Self {
        let text = |phrase: &Phrase| String::from(phrase.get(lang));
        LogStory {
            title: text(&story.title),
            moments: story
                .moments
                .iter()
                .map(|moment| LogMoment {
                    line: count(moment.line as u64),
                    time: moment.time.map(seconds),
                    text: text(&moment.text),
                    item: moment.item.map(|item| count(item as u64)),
                })
                .collect(),
        }
    }
}
