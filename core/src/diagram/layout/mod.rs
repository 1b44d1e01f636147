//! From a [`Model`] to places on a character grid.
//!
//! The work is a line of passes, each a function of what came before it:
//!
//! 0. `crowd`: of many devices those who take no part become one box; `aside`: where there are few rows, address spaces
//!    that nothing goes through are left out, and where that is not enough ranges that nothing goes to;
//! 1. `ground`: columns as pieces, one above the other, many of them folded into few;
//! 2. `chain`, `rows`: columns of one kind of address share a *slot*, a chain from high addresses to low ones; the two
//!    ends of an arrow get the same row where the order of addresses allows it;
//! 3. `seats`: who acts, in the machine's own order from left to right: CPU, its tables, memory, IOMMU, bridge, ports
//!    and switches, devices;
//! 4. `routes`, `wires`: tracks for arrows between the slots; `captions`: words on them; `streets`: ways for the token;
//! 5. `now`, `fill`, `token`: what one step shows in these places.
//!
//! Passes 1 to 4 are a [`Plan`], made once for all steps of a run from a model that has everything any step has. They
//! see neither the step nor the language (room is kept for the longer of both), so nothing moves from step to step, and
//! English and Chinese stand in the same places. Nothing is ever clipped: names wrap, ranges fold, and where slots do
//! not fit beside each other they stand below each other in the same order.

mod actors;
mod aside;
mod bundles;
mod captions;
mod chain;
pub mod crowd;
mod fill;
mod ground;
mod index;
mod now;
mod plan;
mod routes;
mod rows;
mod seats;
mod streets;
mod token;
mod wires;

pub use plan::Plan;

use super::model::*;
use crate::spec::Lang;
use crate::trace::{OwnerState, Perms};
use alloc::{string::String, vec::Vec};
use ground::{both, Ground};

/// How to draw.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    /// The most cells the picture may be wide. Below [`Options::MIN_WIDTH`] it is taken as that.
    pub width: u16,
    /// The most cells it may be wide where otherwise those who stand beside each other would have to stand below each
    /// other: for who can draw it smaller. Below `width` it is taken as that.
    pub most: u16,
    /// The language.
    pub lang: Lang,
    /// Say sizes too (`64 KiB`), not only addresses.
    pub units: bool,
    /// About how many pieces a column may have before some are folded.
    pub budget: u16,
    /// What to look at closer: a column's key, first and last address. Elsewhere that column folds.
    pub focus: Option<(String, u64, u64)>,
    /// Write the model's title above.
    pub title: bool,
    /// As few rows as can be: what is between two things takes half a row, names stand beside addresses. For
    /// screens; text is easier to read with room.
    pub tight: bool,
    /// About how many rows the picture may have before more is folded than `budget` says; 0 for any number.
    pub rows: u16,
    /// Where it would have more rows than that, leave out what only stands by: address spaces that nothing ever goes
    /// through, with who stands there; and where that is not enough, ranges that nothing ever goes to. For windows that are low.
    pub low: bool,
}

impl Options {
    /// The smallest width that is honoured.
    pub const MIN_WIDTH: u16 = 36;
}

impl Default for Options {
    fn default() -> Self {
        Options {
            width: 120,
            most: 0,
            lang: Lang::En,
            units: false,
            budget: 24,
            focus: None,
            title: false,
            tight: false,
            rows: 0,
            low: false,
        }
    }
}

/// A picture on a grid of cells: `x` to the right, `y` downwards, from 0. Cells are twice as high as wide.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Layout {
    /// Cells across.
    pub width: i32,
    /// Cells down.
    pub height: i32,
    /// Ranges of addresses.
    pub pieces: Vec<PlacedPiece>,
    /// Borders between them.
    pub rules: Vec<Rule>,
    /// Everything that is written.
    pub texts: Vec<Label>,
    /// Arrows.
    pub wires: Vec<Wire>,
    /// Who acts.
    pub actors: Vec<PlacedActor>,
    /// What wires the actors together, as corners.
    pub links: Vec<Vec<(i32, i32)>>,
    /// The token.
    pub token: Option<PlacedToken>,
    /// Arrows for which there was no room: counted in a note.
    pub left_out: usize,
    /// One sentence that says what is seen.
    pub summary: String,
}

/// A range of addresses of a column, drawn as one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PlacedPiece {
    /// The column's key.
    pub column: String,
    /// What it is.
    pub content: Content,
    /// First address.
    pub first: u64,
    /// Last address.
    pub last: u64,
    /// Left border.
    pub x: i32,
    /// From the left to the right border, both included.
    pub width: i32,
    /// Upper edge in half rows: the middle of row `r` is `2 * r + 1`.
    pub top: i32,
    /// Lower edge in half rows.
    pub bottom: i32,
    /// How the current step touches it.
    pub touch: Option<Touch>,
}

/// What a piece shows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Content {
    /// A part of a region, or all of it.
    Region {
        /// The region's key.
        key: String,
        /// What it is.
        kind: RegionKind,
        /// Its name, as shown.
        label: String,
        /// Who owns it, as shown; may be empty.
        owner: String,
        /// Whose turn it is.
        state: Option<OwnerState>,
        /// The whole region's first and last address.
        whole: (u64, u64),
        /// Keys of regions entirely hidden behind it.
        also: Vec<String>,
    },
    /// Nothing here.
    Gap,
    /// This many regions.
    Fold {
        /// Keys of the regions that are counted.
        keys: Vec<String>,
        /// What they all are, if one thing.
        kind: Option<RegionKind>,
    },
}

/// A horizontal border.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rule {
    /// Left end.
    pub x: i32,
    /// Cells, both ends included.
    pub width: i32,
    /// Row.
    pub y: i32,
    /// Only a mark that an arrow points here, inside a region.
    pub tick: bool,
}

/// Something written: one line, no wider than its place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Label {
    /// First cell.
    pub x: i32,
    /// Row.
    pub y: i32,
    /// Its middle in quarters of a row, for who can place text between rows; that of row `r` is `4 * r + 2`.
    pub middle: i32,
    /// The text; its width in cells is [`text::width`](super::text::width) of it.
    pub text: String,
    /// What it is.
    pub role: Role,
    /// What it belongs to.
    pub of: Of,
}

/// What a label is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// The picture's title.
    Title,
    /// A column's name.
    Column,
    /// Whose column it is.
    Owner,
    /// A region's name.
    Name,
    /// A region hidden behind it.
    Also,
    /// An address.
    Address,
    /// A count of folded regions.
    Fold,
    /// A size in a gap.
    Gap,
    /// A letter at the end of an arrow.
    Letter,
    /// Words on an arrow.
    Wire,
    /// An actor's name.
    Actor,
    /// A further line of an actor.
    ActorLine,
    /// A note below the picture.
    Note,
}

/// What a label belongs to, by index into the layout's lists.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Of {
    /// The picture.
    All,
    /// A piece.
    Piece(usize),
    /// A wire.
    Wire(usize),
    /// An actor.
    Actor(usize),
}

/// One or several arrows with the same two ends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wire {
    /// Corners from tail to head; neighbours share a row or a column of cells.
    pub points: Vec<(i32, i32)>,
    /// The arrows' keys.
    pub keys: Vec<String>,
    /// What converts.
    pub kind: ArrowKind,
    /// What it rests on: the most alarming of the arrows'.
    pub state: ArrowState,
    /// What the first arrow allows.
    pub perms: Perms,
    /// Its words, such as for a tooltip.
    pub label: String,
    /// How the current step touches it.
    pub touch: Option<Touch>,
    /// Whether tail and head are beside a box with nothing between: a cell further is its border.
    pub touching: [bool; 2],
}

/// Somebody who acts, in a box.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PlacedActor {
    /// The actor's key.
    pub key: String,
    /// What it is.
    pub kind: ActorKind,
    /// Left border.
    pub x: i32,
    /// Upper border.
    pub y: i32,
    /// Cells across, borders included.
    pub width: i32,
    /// Cells down, borders included.
    pub height: i32,
    /// How the current step touches it.
    pub touch: Option<Touch>,
    /// Keys of those who are folded into it.
    pub holds: Vec<String>,
}

/// The token's place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PlacedToken {
    /// Cell.
    pub at: (i32, i32),
    /// Where it has been, as corners; the last is `at`.
    pub path: Vec<(i32, i32)>,
    /// The first corner of the last stage of its way (what the step at hand added).
    pub step_from: usize,
    /// What is written on it.
    pub label: String,
    /// What became of it.
    pub fate: Fate,
    /// A cache spared it the walk.
    pub shortcut: bool,
    /// The interrupt that came after it.
    pub interrupt: Option<PlacedInterrupt>,
}

impl PlacedToken {
    /// The signs that stand for it in the picture: what each says, where it is, what is written on it; its own first.
    pub fn marks(&self) -> impl DoubleEndedIterator<Item = (Fate, (i32, i32), &str)> {
        let interrupt =
            self.interrupt.as_ref().and_then(|i| Some((Fate::Interrupt, *i.path.last()?, &*i.label)));
        [Some((self.fate, self.at, &*self.label)), interrupt].into_iter().flatten()
    }
}

/// An interrupt beside the bytes whose arrival it tells.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PlacedInterrupt {
    /// Its way, as corners; the last is where it was delivered.
    pub path: Vec<(i32, i32)>,
    /// What is written on it.
    pub label: String,
}

/// The ways to share the width, the roomiest first. The order of things is the same in all of them.
#[derive(Clone, Copy, Debug)]
struct Mode {
    /// Names are broken above this many cells.
    cap: i32,
    /// A name and its address share a row up to this many cells.
    line: i32,
    /// Cells in a gap for arrows, at least.
    gap: i32,
    /// Blanks between a border and what is written.
    pad: i32,
    /// Who stands in a gap stands below each other there, not beside each other.
    narrow: bool,
    /// All columns below each other.
    stacked: bool,
}

/// Those in which the machine's order is kept from left to right.
const BESIDE: [Mode; 6] = [
    Mode { cap: 20, line: 32, gap: 13, pad: 1, narrow: false, stacked: false },
    Mode { cap: 14, line: 26, gap: 9, pad: 1, narrow: false, stacked: false },
    Mode { cap: 12, line: 20, gap: 8, pad: 0, narrow: false, stacked: false },
    Mode { cap: 12, line: 18, gap: 5, pad: 0, narrow: false, stacked: false },
    Mode { cap: 9, line: 18, gap: 3, pad: 0, narrow: false, stacked: false },
    Mode { cap: 9, line: 12, gap: 3, pad: 0, narrow: false, stacked: false },
];
/// From here on they are the tightest: what is drawn smaller to keep the order takes no more cells than it must.
const TIGHTEST: usize = 4;
/// Those for where there is no room for that.
const BELOW: [Mode; 4] = [
    Mode { cap: 12, line: 20, gap: 8, pad: 0, narrow: true, stacked: false },
    Mode { cap: 12, line: 18, gap: 5, pad: 0, narrow: true, stacked: false },
    Mode { cap: 9, line: 12, gap: 5, pad: 0, narrow: true, stacked: false },
    Mode { cap: 24, line: 36, gap: 0, pad: 1, narrow: true, stacked: true },
];

/// Lays one model out. With a `frame` (a model that has everything that will ever be seen), what is not there yet
/// keeps its place empty. For many steps of one run keep a [`Plan`].
pub fn layout(model: &Model, frame: Option<&Model>, options: &Options) -> Layout {
    let mut all = frame.unwrap_or(model).clone();
    all.mark_acting();
    if frame.is_some() {
        all.widen(model);
    }
    Plan::new(all, options).draw(model, options.lang)
}
