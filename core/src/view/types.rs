//! What goes to the page. The page's TypeScript types are generated from these.

use crate::explain::ending::{Ending, Kind as OutcomeKind};
use crate::explain::Tone;
use crate::spec::Lang;
use crate::trace::{CacheOp, OwnerState};
use alloc::{string::String, vec::Vec};

/// A number that the page shows in hexadecimal and never calculates with: a string such as `0x7f00_...`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash)]
pub struct Hex(pub u64);

#[cfg(feature = "serde")]
impl serde::Serialize for Hex {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(&format_args!("{:#x}", self.0))
    }
}

#[cfg(feature = "ts")]
impl ts_rs::TS for Hex {
    type WithoutGenerics = Self;
    type OptionInnerType = Self;
    fn name() -> String {
        "string".into()
    }
    fn inline() -> String {
        "string".into()
    }
    fn inline_flattened() -> String {
        "string".into()
    }
    fn decl() -> String {
        String::new()
    }
    fn decl_concrete() -> String {
        String::new()
    }
}

macro_rules! to_page {
    ($($(#[$doc:meta])* $kind:ident $name:ident { $($body:tt)* })*) => {
        $(
            $(#[$doc])*
            #[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
            #[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(rename_all = "camelCase"))]
            #[derive(Clone, PartialEq, Debug)]
            pub $kind $name { $($body)* }
        )*
        /// The declarations of all of these in TypeScript.
        #[cfg(feature = "ts")]
        pub fn typescript() -> String {
            let mut out = String::new();
            // What the page gets as the core itself has it.
            for of_the_core in [
                <Tone as ts_rs::TS>::decl(),
                <CacheOp as ts_rs::TS>::decl(),
                <OwnerState as ts_rs::TS>::decl(),
                <OutcomeKind as ts_rs::TS>::decl(),
            ] {
                out += "export ";
                out += &of_the_core;
                out += "\n";
            }
            $(
                out += "export ";
                out += &<$name as ts_rs::TS>::decl();
                out += "\n";
            )*
            out
        }
    };
}

to_page! {
    /// One position.
    #[derive(Default)]
    struct View {
        /// How many steps are done.
        pub position: u32,
        /// What the last of them did, and why.
        pub sentence: String,
        /// The section of the specification behind it.
        pub section: String,
        /// What it means.
        pub tone: Tone,
        /// Who did it.
        pub actor: String,
        /// What it is part of, outermost first.
        pub scopes: Vec<Crumb>,
        /// The tables walked for the request in hand, as far as it has come.
        pub walk: Option<Walk>,
        /// The structure or register it touched.
        pub entry: Option<Entry>,
        /// The packet it sent.
        pub packet: Option<Packet>,
        /// The physical address it touched.
        pub touched: Option<Hex>,
        /// The lines that Linux prints for the fault of the operation in hand, once it is recorded.
        pub printed: Vec<String>,
        /// Every cache that was used so far.
        pub caches: Vec<Cache>,
        /// Every register that was used so far.
        pub registers: Vec<Entry>,
        /// The queues between software and the IOMMU that were set up so far.
        pub queues: Vec<Queue>,
    }
    /// A queue in memory.
    struct Queue {
        /// What it is called.
        pub name: String,
        /// The section that describes it.
        pub section: String,
        /// Where its first entry is, in physical memory.
        pub base: Hex,
        /// How many entries there are room for.
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        pub capacity: u64,
        /// The index of the entry that is taken next.
        pub head: u32,
        /// The index at which the next one is put.
        pub tail: u32,
        /// How many wait, and are not shown.
        pub more: u32,
        /// The last ones taken, and those that wait.
        pub entries: Vec<QueueEntry>,
    }
    /// An entry of a queue.
    struct QueueEntry {
        /// Its index.
        pub index: u32,
        /// It waits: it is at or after the head and before the tail.
        pub waits: bool,
        /// Its words and fields.
        pub entry: Entry,
    }
    /// A scope around a step.
    struct Crumb {
        /// The position at which it begins.
        pub position: u32,
        /// What it is.
        pub text: String,
        /// The operation's index, if it is one.
        pub operation: Option<u32>,
    }
    /// The tables walked for one request.
    struct Walk {
        /// What is looked up.
        pub input: Hex,
        /// The space it is in.
        pub space: String,
        /// Which access it is for: requester, PASID, read or write.
        pub request: String,
        /// The reads, in order.
        pub rows: Vec<WalkRow>,
        /// The grid of a nested walk: for each stage 1 level, and the final address, the reads it took.
        pub grid: Vec<GridRow>,
        /// What came of it.
        pub result: Option<String>,
        /// Whether that was a fault.
        pub failed: bool,
    }
    /// One table read.
    struct WalkRow {
        /// The position after it.
        pub position: u32,
        /// It is the current step.
        pub current: bool,
        /// Which tables.
        pub stage: String,
        /// How many walks it is inside: 1 for a read of stage 2 on behalf of stage 1.
        pub depth: u8,
        /// The structure.
        pub entry: String,
        /// Table level (1 is the last), 0 for other structures.
        pub level: u8,
        /// The bits of the input that are the index, such as `47:39`; empty when it is not cut from an address.
        pub bits: String,
        /// It ends the walk: what is left of the address is the offset in its page.
        pub leaf: bool,
        /// The address that this walk looks up, out of which the bits are cut.
        pub input: Option<Hex>,
        /// The index.
        pub index: u32,
        /// The entry's address in the space its table pointer is in.
        pub at: Hex,
        /// That space's short name.
        pub space: String,
        /// The entry's physical address.
        pub pa: Hex,
        /// The words read.
        pub raw: Vec<Hex>,
        /// What it says.
        pub verdict: String,
        /// Where it leads.
        pub to: Option<Hex>,
        /// Did it refuse?
        pub refused: bool,
        /// Where that is specified.
        pub section: String,
    }
    /// One row of the grid of a nested walk.
    struct GridRow {
        /// The stage 1 level, or 0 for the final address.
        pub level: u8,
        /// The reads: those of stage 2, then that of stage 1 itself (not in the last row).
        pub cells: Vec<GridCell>,
    }
    /// One read in the grid.
    struct GridCell {
        /// Its number in order, from 1.
        pub number: u32,
        /// The position after it.
        pub position: u32,
        /// Stage 1 (or stage 2).
        pub first: bool,
        /// Its level.
        pub level: u8,
        /// It is the current step.
        pub current: bool,
        /// Did it refuse?
        pub refused: bool,
    }
    /// A structure in memory, or a register, field by field.
    struct Entry {
        /// Its name.
        pub name: String,
        /// What it is, for a register.
        pub meaning: String,
        /// Physical address, or offset of a register.
        pub at: Hex,
        /// It is a register.
        pub register: bool,
        /// Its words, the lowest first.
        pub words: Vec<Hex>,
        /// Its words before the step, if it was written.
        pub before: Vec<Hex>,
        /// Its fields, from bit 0 up.
        pub fields: Vec<Field>,
        /// Where it is specified.
        pub section: String,
    }
    /// One field.
    struct Field {
        /// The specification's abbreviation.
        pub name: String,
        /// Highest bit.
        pub hi: u16,
        /// Lowest bit.
        pub lo: u16,
        /// What is in it, as bits.
        pub value: Hex,
        /// What is in it, as it is meant: an address, a named value.
        pub shown: String,
        /// What it is for.
        pub meaning: String,
        /// Reserved or ignored: of no interest unless set.
        pub dull: bool,
        /// It changed in this step.
        pub changed: bool,
    }
    /// A packet.
    struct Packet {
        /// The name that analysers use.
        pub name: String,
        /// Which way.
        pub way: String,
        /// From.
        pub from: String,
        /// To.
        pub to: String,
        /// Header double words, eight digits each.
        pub dwords: Vec<String>,
        /// The PASID prefix.
        pub prefix: Option<String>,
        /// Bytes of payload.
        pub payload: u32,
        /// The header's fields.
        pub fields: Vec<PacketField>,
    }
    /// A field of a packet's header.
    struct PacketField {
        /// The specification's name.
        pub name: String,
        /// The value.
        pub value: String,
    }
    /// A cache.
    struct Cache {
        /// Its name.
        pub name: String,
        /// Where it is described.
        pub section: String,
        /// Hits so far.
        pub hits: u32,
        /// Misses so far.
        pub misses: u32,
        /// What is in it.
        pub lines: Vec<CacheRow>,
        /// What is in it beyond those.
        pub more: u32,
    }
    /// An entry of a cache.
    struct CacheRow {
        /// Its slot.
        pub slot: u32,
        /// What it is tagged with: requester, PASID, domain.
        pub tag: String,
        /// What it holds.
        pub holds: String,
        /// What happened to it in this step.
        pub now: Option<CacheOp>,
    }
    /// What does not change with the position.
    struct Course {
        /// The position before the first idea: the machine and what the author only prepares are set up.
        pub start: u32,
        /// The last position.
        pub length: u32,
        /// The stops of a reader who is shown ideas.
        pub ideas: Vec<Stop>,
        /// The stops of a reader who is shown operations, repeats folded; an idea's are next to each other.
        pub operations: Vec<Stop>,
        /// Every line that is done, in order.
        pub lines: Vec<Operation>,
        /// What is worth finding on the scrub bar.
        pub marks: Vec<Mark>,
        /// Buffers, and whose they are when.
        pub lanes: Vec<Lane>,
        /// What a stretch of [`Lane::cached`] is called, with this machine's word for the cache of its translations.
        pub in_cache: String,
        /// The devices whose own memory is used.
        pub memories: Vec<OwnMemory>,
        /// What the scenario expects, in its order.
        pub checks: Vec<Expected>,
        /// Where the last refused access was refused: the position at which the read that failed is seen.
        pub refused: Option<u32>,
        /// Why the run ended before the last line, and where: a limit was reached, or its reader stopped it.
        pub stopped: Option<Trouble>,
    }
    /// How far the run is opened.
    #[derive(Copy, Eq, Default)]
    enum Depth {
        /// What the author wants seen: a note with the lines up to the next one.
        #[default]
        Idea,
        /// A line of the text.
        Operation,
        /// A step of the trace.
        Read,
    }
    /// A place where the reader stops. The stops of a list follow each other without a gap.
    #[derive(Default)]
    struct Stop {
        /// What it is.
        pub depth: Depth,
        /// The position before it.
        pub from: u32,
        /// The position after it, which is what is shown.
        pub to: u32,
        /// Its first line in the text, from 1; 0 for none.
        pub line: u32,
        /// What is said: the note of an idea, the result of an operation, what happened in a step.
        pub sentence: String,
        /// What came of it.
        pub outcome: Option<OutcomeLine>,
        /// An idea's first operation in the course.
        pub first: u32,
        /// How many stops are inside.
        pub children: u32,
        /// How many more like those before it this one represents; 0 when it is itself.
        pub repeats: u32,
    }
    /// What came of something.
    struct OutcomeLine {
        /// What kind of end it is.
        pub kind: OutcomeKind,
        /// That kind, as a word for the reader.
        pub word: String,
        /// The sentence.
        pub text: String,
    }
    /// A device's own memory.
    struct OwnMemory {
        /// The device's requester id.
        pub requester: u32,
        /// Its name.
        pub name: String,
    }
    /// What an address leads to, and the byte's other names.
    struct Whereabouts {
        /// The queried address, and whose it is.
        pub asked: WhereName,
        /// The physical address, if it leads to one.
        pub pa: Option<Hex>,
        /// What is there, or why it leads nowhere.
        pub thing: String,
        /// The other names.
        pub names: Vec<WhereName>,
    }
    /// One name of a byte.
    struct WhereName {
        /// In words: whose, in which space.
        pub text: String,
        /// The address.
        pub address: Hex,
        /// What that one may do.
        pub perms: String,
        /// Only a cache says so.
        pub stale: bool,
        /// The entries on the way.
        pub through: Vec<WhereStep>,
    }
    /// A table entry on the way.
    struct WhereStep {
        /// The structure.
        pub entry: String,
        /// Its level in page tables, 1 the last; 0 elsewhere.
        pub level: u8,
        /// Where it is.
        pub at: Hex,
        /// Its first word.
        pub raw: Hex,
    }
    /// What a link says.
    #[derive(Default)]
    struct Linked {
        /// The scenario's text; empty when the link is damaged.
        pub text: String,
        /// The preset's name, if that is what it says.
        pub preset: Option<String>,
        /// The architecture that the preset is turned to, by the word after `machine`.
        pub arch: Option<String>,
        /// The position.
        pub at: Option<u32>,
        /// `idea`, `operation` or `read`.
        pub depth: Option<String>,
        /// `diagram`, `walk` or `full`.
        pub view: Option<String>,
        /// `en` or `zh`.
        pub lang: Option<String>,
        /// `auto`, `light` or `dark`.
        pub theme: Option<String>,
        /// Parameters with a value that can't be: they were passed over.
        pub ignored: Vec<String>,
        /// Why the architecture among them can't be: what the scenario asks for that it lacks.
        pub why: String,
        /// Why no access of this machine can be refused with the fault that the position names; empty where one can.
        pub no_fault: String,
        /// Why it can't be opened.
        pub error: Option<String>,
        /// What could be read of a damaged one: to be shown, never run.
        pub recovered: Option<String>,
    }
    /// Two runs, step beside step.
    struct Comparison {
        /// Positions of the two that belong together, in order; none goes back.
        pub pairs: Vec<Pair>,
        /// The first pair that differs.
        pub first: Option<u32>,
    }
    /// What two runs came to, where they part.
    struct Parted {
        /// The pair of the comparison after which their outcomes differ; nothing when they never do.
        pub pair: Option<u32>,
        /// What the first came to there; at the end where they never part.
        pub a: Option<OutcomeLine>,
        /// What the second came to.
        pub b: Option<OutcomeLine>,
        /// Both in one text, for a reader who changed the one into the other.
        pub text: String,
    }
    /// A question at the end of a scenario.
    struct CheckQuestion {
        /// What is asked.
        pub text: String,
        /// What could be; one is right.
        pub choices: Vec<CheckChoice>,
    }
    /// A choice.
    struct CheckChoice {
        /// What it says.
        pub text: String,
        /// It is what the machine did.
        pub right: bool,
        /// Why it is, or is not.
        pub reason: String,
    }
    /// A text that a run can be compared with.
    struct Variant {
        /// What makes it another one, in words of the language.
        pub label: String,
        /// The text.
        pub text: String,
    }
    /// A text with a `poke` line in it.
    struct Poked {
        /// The text.
        pub text: String,
        /// The line, from 1.
        pub line: u32,
    }
    /// A term of the glossary, used in a text.
    struct TermUse {
        /// Where it begins, in UTF-16 units as JavaScript counts.
        pub from: u32,
        /// Where it ends.
        pub to: u32,
        /// The term.
        pub name: String,
        /// What it means.
        pub meaning: String,
    }
    /// A quantity that a scenario's answer depends on, and what the machine counts for each of its values.
    struct Sweep {
        /// What is changed.
        pub quantity: String,
        /// What is counted.
        pub counted: String,
        /// The curves, one for each line of the scenario that is counted.
        pub curves: Vec<SweepCurve>,
        /// The scenario with each of the values, in order.
        pub texts: Vec<String>,
    }
    /// One curve.
    struct SweepCurve {
        /// What it is of.
        pub name: String,
        /// The points, in order.
        pub points: Vec<SweepPoint>,
    }
    /// A value and its count.
    struct SweepPoint {
        /// The value as a reader says it.
        pub value: String,
        /// The count.
        #[cfg_attr(feature = "ts", ts(type = "number"))]
        pub count: u64,
        /// The scenario has this value.
        pub here: bool,
    }
    /// A scenario on every architecture, idea beside idea.
    struct Across {
        /// The architectures, in their order.
        pub columns: Vec<AcrossColumn>,
        /// The ideas.
        pub rows: Vec<AcrossRow>,
    }
    /// A text on another architecture.
    struct Turned {
        /// The text.
        pub text: String,
        /// The preset that it is there, as it is written or turned; nothing for a text of one's own.
        pub preset: Option<String>,
        /// Why a text of one's own does not run there, with the line; nothing where it does.
        pub why: String,
        /// Where ideas do not follow each other alike: for each here, from 0, which there shows the same, if one does.
        pub ideas: Option<Vec<Option<u32>>>,
    }
    /// An architecture, and the text that runs on it.
    struct AcrossColumn {
        /// The word after `machine`.
        pub name: String,
        /// By which a reader chooses it.
        pub title: String,
        /// The preset that the text is, turned or not.
        pub preset: Option<String>,
        /// The text; nothing where it does not run.
        pub text: Option<String>,
        /// Why it does not run there.
        pub why: String,
    }
    /// An idea.
    struct AcrossRow {
        /// What is said of it where nothing is said of one architecture alone.
        pub text: String,
        /// What came of it on each; nothing where it has no such idea.
        pub cells: Vec<Option<AcrossCell>>,
        /// Why some have none; empty where all have one, or nothing is known of it.
        pub gap: String,
    }
    /// What came of an idea on one architecture.
    struct AcrossCell {
        /// The position after it.
        pub at: u32,
        /// The author's note, as it is there.
        pub note: String,
        /// What came of it.
        pub outcome: Option<OutcomeLine>,
        /// It comes out otherwise on another architecture: arrived here, refused there.
        pub outcome_differs: bool,
        /// What it took, in the same order everywhere.
        pub facts: Vec<AcrossFact>,
    }
    /// Something that is compared.
    struct AcrossFact {
        /// What.
        pub name: String,
        /// Its value.
        pub value: String,
        /// Two architectures have different ones.
        pub differs: bool,
    }
    /// A position in each of two runs.
    #[derive(Copy, Eq)]
    struct Pair {
        /// In the first run.
        pub a: u32,
        /// In the second.
        pub b: u32,
        /// The steps do the same kind of thing.
        pub same: bool,
    }
    /// A question about the step to come, with the machine's answer.
    struct Question {
        /// The position at which the machine has answered.
        pub at: u32,
        /// What is asked.
        pub text: String,
        /// What could be; one of them is.
        pub choices: Vec<String>,
        /// Which.
        pub answer: u32,
    }
    /// Something that a scenario expects.
    struct Expected {
        /// Its line.
        pub line: u32,
        /// Its column.
        pub column: u32,
        /// How many characters.
        pub len: u32,
        /// Its text.
        pub text: String,
        /// The position after the operation that it is about.
        pub at: u32,
        /// Why it does not hold; nothing when it does.
        pub failure: Option<String>,
        /// It is for other machines: nothing was looked at.
        pub elsewhere: bool,
    }
    /// One operation.
    struct Operation {
        /// The position after which it has begun.
        pub from: u32,
        /// The position at which it is over.
        pub to: u32,
        /// Its line in the scenario.
        pub line: u32,
        /// Its text.
        pub text: String,
    }
    /// Something on the scrub bar.
    struct Mark {
        /// The position.
        pub at: u32,
        /// What.
        pub tone: Tone,
        /// The code of a fault of the IOMMU.
        pub code: Option<u16>,
        /// The name of that code.
        pub name: Option<String>,
    }
    /// A buffer's lane.
    struct Lane {
        /// The buffer.
        pub name: String,
        /// Its states, in order.
        pub spans: Vec<LaneSpan>,
        /// When the cache of translations held one that leads to it.
        pub cached: Vec<CachedSpan>,
    }
    /// From a position to another.
    #[derive(Copy, Eq)]
    struct CachedSpan {
        /// From.
        pub from: u32,
        /// To.
        pub to: u32,
    }
    /// A state of a buffer, from a position to another.
    struct LaneSpan {
        /// From.
        pub from: u32,
        /// To.
        pub to: u32,
        /// The state.
        pub state: OwnerState,
        /// In words.
        pub text: String,
    }
    /// What a scenario says about itself.
    struct Head {
        /// The question.
        pub title: String,
        /// The architecture of its machine, by the word after `machine`; `none` without an IOMMU.
        pub machine: String,
        /// The answer.
        pub answer: String,
        /// What to change to see it go the other way.
        pub try_this: String,
        /// The scenario with that change, if it has one.
        pub changed: Option<String>,
        /// The documents behind it.
        pub sources: Vec<String>,
        /// The notes, each with the line of the step it precedes.
        pub notes: Vec<NoteLine>,
    }
    /// A note before a step.
    struct NoteLine {
        /// The step's line.
        pub line: u32,
        /// The note.
        pub text: String,
    }
    /// A scenario of the gallery.
    struct Card {
        /// Its short name.
        pub name: String,
        /// The question.
        pub title: String,
        /// How hard it is.
        pub difficulty: String,
        /// Its place on the reader's path, from 1.
        pub path: Option<u32>,
        /// The architectures that it, or one of its family, runs on.
        pub architectures: Vec<CardArchitecture>,
        /// Its text.
        pub text: String,
    }
    /// An architecture that a scenario can be on.
    struct CardArchitecture {
        /// The word after `machine`.
        pub name: String,
        /// By which a reader chooses it.
        pub title: String,
    }
    /// What is wrong in a text.
    struct Trouble {
        /// Line, from 1.
        pub line: u32,
        /// Column, from 1.
        pub column: u32,
        /// How many characters.
        pub len: u32,
        /// What is wrong.
        pub message: String,
        /// A word close to the one written.
        pub suggestion: Option<String>,
    }
    /// What could be written at a place.
    struct Offer {
        /// The column of the first character that is replaced.
        pub column: u32,
        /// The words.
        pub words: Vec<OfferWord>,
    }
    /// One of them.
    struct OfferWord {
        /// The word.
        pub word: String,
        /// What follows it, or what it names.
        pub detail: String,
        /// What it means.
        pub meaning: String,
    }
    /// A run of characters of one class.
    struct Coloured {
        /// Line, from 1.
        pub line: u32,
        /// Column, from 1.
        pub column: u32,
        /// How many characters.
        pub len: u32,
        /// The class.
        pub class: String,
    }
    /// The picture on a grid of cells, twice as high as wide.
    #[derive(Default)]
    struct Scene {
        /// Cells across.
        pub width: i32,
        /// Cells down.
        pub height: i32,
        /// Ranges of addresses.
        pub pieces: Vec<ScenePiece>,
        /// Borders between them: x, y, cells; a negative count is only a mark.
        pub rules: Vec<(i32, i32, i32)>,
        /// All that is written.
        pub texts: Vec<SceneText>,
        /// Arrows.
        pub wires: Vec<SceneWire>,
        /// Who acts.
        pub actors: Vec<SceneActor>,
        /// What wires them together: corners, in cells; both ends are a cell from a border.
        pub links: Vec<Vec<(i32, i32)>>,
        /// The address on its way.
        pub token: Option<SceneToken>,
        /// One sentence that says what is seen.
        pub summary: String,
    }
    /// A range of addresses.
    struct ScenePiece {
        /// The column's key.
        pub column: String,
        /// What it is: the kind of region, `gap` or `fold`.
        pub kind: String,
        /// First address.
        pub first: Hex,
        /// Last address.
        pub last: Hex,
        /// Left border, in cells.
        pub x: i32,
        /// Cells across.
        pub width: i32,
        /// Upper edge in half rows.
        pub top: i32,
        /// Lower edge in half rows.
        pub bottom: i32,
        /// How the step touches it.
        pub touch: Option<String>,
        /// What it is, in words, shown by pointing at it.
        pub hint: String,
    }
    /// Something written.
    struct SceneText {
        /// First cell.
        pub x: i32,
        /// Its middle, in quarters of a row.
        pub middle: i32,
        /// The text.
        pub text: String,
        /// How many cells it takes.
        pub cells: i32,
        /// What it is.
        pub role: String,
        /// Its wire, if it belongs to one.
        pub wire: Option<u32>,
    }
    /// An arrow.
    struct SceneWire {
        /// Corners, in cells.
        pub points: Vec<(i32, i32)>,
        /// What converts.
        pub kind: String,
        /// What it rests on.
        pub state: String,
        /// How the step touches it.
        pub touch: Option<String>,
        /// Whether nothing stands between tail or head and a box, whose border is two cells further; behind a letter four.
        pub touching: (bool, bool),
        /// Its words.
        pub hint: String,
    }
    /// Somebody who acts.
    struct SceneActor {
        /// Its key.
        pub key: String,
        /// What it is.
        pub kind: String,
        /// Left.
        pub x: i32,
        /// Top.
        pub y: i32,
        /// Cells across.
        pub width: i32,
        /// Cells down.
        pub height: i32,
        /// How the step touches it.
        pub touch: Option<String>,
    }
    /// The token.
    struct SceneToken {
        /// Corners of its way, in cells; the last is where it is.
        pub path: Vec<(i32, i32)>,
        /// The first corner of what this step added.
        pub step_from: u32,
        /// What is written on it.
        pub label: String,
        /// What became of it.
        pub fate: String,
        /// A cache spared it the walk.
        pub shortcut: bool,
        /// The interrupt that came after it.
        pub interrupt: Option<SceneInterrupt>,
    }
    /// An interrupt beside the bytes whose arrival it tells.
    struct SceneInterrupt {
        /// Corners of its way, in cells; the last is where it was delivered.
        pub path: Vec<(i32, i32)>,
        /// What is written on it.
        pub label: String,
    }
    /// A page's worth of bytes, or a part.
    struct Dump {
        /// Whose memory: a device's, by its requester id, or physical memory.
        pub requester: Option<u32>,
        /// What the page is, when it is known to be a table.
        pub kind: String,
        /// Rows of 16 bytes.
        pub rows: Vec<DumpRow>,
    }
    /// Sixteen bytes.
    struct DumpRow {
        /// Address of the first.
        pub at: Hex,
        /// The bytes, two digits each.
        pub bytes: Vec<String>,
        /// As text; dots for what is not.
        pub text: String,
        /// The current step touched it.
        pub touched: bool,
    }
}

impl OutcomeLine {
    /// What came of an operation.
    pub fn of(ending: &Ending, lang: Lang) -> Self {
        OutcomeLine {
            kind: ending.kind,
            word: ending.kind.word().get(lang).into(),
            text: ending.text.get(lang).into(),
        }
    }
}

impl Depth {
    /// Each with its word in links and on the command line.
    pub const WORDS: [(&'static str, Depth); 3] =
        [("idea", Depth::Idea), ("operation", Depth::Operation), ("read", Depth::Read)];

    /// The depth that a word names.
    pub fn named(word: &str) -> Option<Depth> {
        Depth::WORDS.iter().find(|(name, _)| *name == word).map(|(_, depth)| *depth)
    }
}
