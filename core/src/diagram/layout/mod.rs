//! From a [`Model`] to places on a character grid.
//!
//! Columns of one kind of address share a *slot*, slots stand side by side, in one when there is no room. In a
//! slot everything is a chain from top (high addresses) to bottom; the two ends of an arrow get the same row
//! where the order of addresses allows it (`rows`), and the others a track in the gap (`wires`). Nothing is
//! ever clipped: names wrap, ranges fold, and when slots do not fit beside each other they stand below each other.

mod actors;
mod bundles;
mod captions;
mod chain;
mod fill;
mod place;
mod routes;
mod rows;
mod seats;
mod stage;
mod streets;
mod token;
mod wires;

use super::model::*;
use super::pieces::{self, Piece};
use crate::spec::Lang;
use crate::trace::{OwnerState, Perms};
use alloc::{collections::BTreeMap, string::String, vec::Vec};

/// How to draw.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    /// The most cells the picture may be wide. Below [`Options::MIN_WIDTH`] it is taken as that.
    pub width: u16,
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
}

impl Options {
    /// The smallest width that is honoured.
    pub const MIN_WIDTH: u16 = 36;
}

impl Default for Options {
    fn default() -> Self {
        Options {
            width: 120,
            lang: Lang::En,
            units: false,
            budget: 24,
            focus: None,
            title: false,
            tight: false,
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
}

/// The ways to share the width, the roomiest first.
#[derive(Clone, Copy)]
struct Mode {
    /// Actors stand beside the slots, else above.
    sides: bool,
    /// Names are broken above this many cells.
    cap: i32,
    /// Cells in a gap for arrows, at least.
    gap: i32,
    /// Blanks between a border and what is written.
    pad: i32,
    /// All columns below each other.
    stacked: bool,
}

const MODES: [Mode; 5] = [
    Mode { sides: true, cap: 20, gap: 13, pad: 1, stacked: false },
    Mode { sides: true, cap: 14, gap: 9, pad: 1, stacked: false },
    Mode { sides: false, cap: 12, gap: 8, pad: 0, stacked: false },
    Mode { sides: false, cap: 10, gap: 5, pad: 0, stacked: false },
    Mode { sides: false, cap: 24, gap: 0, pad: 1, stacked: true },
];

/// Lays a model out. With a `frame` (a model that has everything that will ever be seen), what is not there yet
/// keeps its place empty, so that nothing moves from step to step.
pub fn layout(model: &Model, frame: Option<&Model>, options: &Options) -> Layout {
    let mut options = options.clone();
    options.width = options.width.max(Options::MIN_WIDTH);
    let stage = stage::Stage::new(model, frame);
    let scene = Scene::new(&stage, &options);
    let mut best = None;
    for mode in MODES {
        if let Some(done) = place::place(&scene, mode) {
            // Arrows left out for want of tracks: a narrower mode may have room for them.
            let squeezed = done.squeezed;
            if best.as_ref().is_none_or(|b: &place::Placed| squeezed < b.squeezed) {
                best = Some(done);
            }
            if squeezed == 0 {
                break;
            }
        }
    }
    best.map(|b| b.layout).unwrap_or_default()
}

/// What does not depend on the mode.
struct Scene<'a> {
    stage: &'a stage::Stage,
    options: &'a Options,
    /// Each column's pieces, highest address first.
    pieces: Vec<Vec<Piece>>,
    /// What the step touches.
    lit_regions: BTreeMap<(u16, u32), Touch>,
    lit_arrows: BTreeMap<u32, Touch>,
    lit_actors: BTreeMap<u16, Touch>,
    /// Letters by point.
    letters: BTreeMap<Point, char>,
}

impl<'a> Scene<'a> {
    fn new(stage: &'a stage::Stage, options: &'a Options) -> Self {
        let model = &stage.model;
        let (mut lit_regions, mut lit_arrows, mut lit_actors) =
            (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for lit in &model.lit {
            match lit.what {
                Target::Arrow(i) => drop(lit_arrows.insert(i, lit.how)),
                Target::Region(c, i) => drop(lit_regions.insert((c.0, i), lit.how)),
                Target::Actor(a) => drop(lit_actors.insert(a.0, lit.how)),
            }
        }
        let mut letters = BTreeMap::new();
        let mut cuts: Vec<Vec<u64>> = model.columns.iter().map(|_| Vec::new()).collect();
        let mut pinned: Vec<Vec<u64>> = cuts.clone();
        for (i, arrow) in model.arrows.iter().enumerate() {
            for end in [arrow.from, arrow.to] {
                let Some(cuts) = cuts.get_mut(end.at.column.0 as usize) else { continue };
                cuts.push(end.at.address);
                if let (Some(letter), true) = (end.letter, stage.arrows[i]) {
                    letters.insert(end.at, letter);
                }
                if end.letter.is_some() || lit_arrows.contains_key(&(i as u32)) {
                    pinned[end.at.column.0 as usize].push(end.at.address);
                }
            }
        }
        if let Some(Token { at: Anchor::Point(p), .. }) = &model.token {
            if let Some(pinned) = pinned.get_mut(p.column.0 as usize) {
                pinned.push(p.address);
            }
        }
        let pieces = model.columns.iter().enumerate().map(|(c, column)| {
            let focus = options.focus.as_ref().filter(|f| f.0 == column.key).map(|f| (f.1, f.2));
            let keep = |p: &Piece| {
                let lit = matches!(p.what, pieces::What::Region(i) if p.named && lit_regions.contains_key(&(c as u16, i)));
                lit || pinned[c].iter().any(|a| (p.first..=p.last).contains(a))
            };
            pieces::fold(column, pieces::flatten(column, &cuts[c]), usize::from(options.budget.max(4)), focus, keep)
        });
        let pieces = pieces.collect();
        Scene { stage, options, pieces, lit_regions, lit_arrows, lit_actors, letters }
    }
}
