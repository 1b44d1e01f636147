//! Words that go where there is room: on wires, and below the picture.

use super::bundles::Bundle;
use super::routes::Way;
use super::streets::Cell;
use super::*;
use crate::diagram::text::{clean, width, wrap};
use crate::diagram::words;
use alloc::{vec, vec::Vec};

/// In which rows from its wire a caption of one to four lines stands.
const USUAL: [&[i32]; 4] = [&[-1], &[-1, 1], &[-1, 1, 2], &[-2, -1, 1, 2]];

/// The words on a wire, in English and in Chinese, each line with its place.
#[derive(Clone, Debug)]
pub struct Caption {
    /// The same words in one gap are written once.
    pub same: (ArrowKind, i32, String),
    pub lines: [Vec<(i32, i32, String)>; 2],
}

/// Words for each bundle on its way (if it has one) that has room for them in both languages, none over anything in
/// `ghost`, to which they are added; above their wires in a `tight` picture.
pub fn captions(
    model: &Model,
    bundles: &[Bundle],
    ways: &[Option<Way>],
    ghost: &mut Layout,
    tight: bool,
) -> Vec<Option<Caption>> {
    let mut out = Vec::new();
    for (i, (bundle, way)) in bundles.iter().zip(ways).enumerate() {
        let arrow = bundle.arrows.first().and_then(|a| model.arrows.get(*a as usize));
        let caption =
            way.as_ref().zip(arrow).and_then(|(way, arrow)| caption(arrow, &way.points, ghost, tight));
        for (x, y, text) in caption.iter().flat_map(|c| c.lines.iter().flatten()) {
            let (text, of) = (text.clone(), Of::Wire(i));
            ghost.texts.push(Label { x: *x, y: *y, middle: 4 * y + 2, text, role: Role::Wire, of });
        }
        out.push(caption);
    }
    out
}

fn caption(arrow: &Arrow, points: &[Cell], ghost: &Layout, tight: bool) -> Option<Caption> {
    let [tail, head] = points[..] else { return None };
    let (x0, x1, y) = (tail.0.min(head.0), tail.0.max(head.0), head.1);
    let room = x1 - x0 + 1;
    let said = |lang: Lang| -> Option<Vec<(i32, i32, String)>> {
        let own = clean(arrow.label.get(lang), 60);
        let [a, b] = words::arrow(arrow.kind).map(|t| t.get(lang));
        let parts = if own.is_empty() { vec![a, b] } else { vec![own.as_str()] };
        if !parts.iter().flat_map(|t| t.split(' ')).all(|w| width(w) <= room) {
            return None;
        }
        let lines: Vec<String> = parts.iter().flat_map(|t| wrap(t, room)).collect();
        let one = if own.is_empty() { words::join(a, b) } else { own.clone() };
        // On a screen above it, in one line if that fits; else, as in the HOWTO, of two lines one above and one below.
        let usual = *USUAL.get(lines.len().checked_sub(1)?)?;
        let mut ways: Vec<(&[String], &[i32])> = vec![(&lines, usual)];
        if tight {
            ways = vec![(core::slice::from_ref(&one), &[-1]), (&lines, &[-2, -1]), (&lines, usual)];
            ways.retain(|(lines, rows)| lines.len() == rows.len());
        }
        ways.iter().find_map(|(lines, rows)| {
            // In the middle if that is free, else as near to it as can be.
            let widest = lines.iter().map(|l| width(l)).max().unwrap_or(0);
            let middle = x0 + (room - widest).div_euclid(2);
            // Beside a box a screen leaves the token's way free.
            let off = i32::from(tight);
            let mut starts: Vec<i32> = (x0 + off..=x1 + 1 - off - widest).collect();
            starts.sort_by_key(|x| (x - middle).abs());
            let placed = |start: i32| {
                let place = move |(l, dy): (&String, &i32)| {
                    (start + (widest - width(l)).div_euclid(2), y + dy, l.clone())
                };
                lines.iter().zip(*rows).map(place)
            };
            let free = |start: &i32| placed(*start).all(|(x, y, l)| is_free(ghost, x - 1, y, width(&l) + 2));
            starts.into_iter().find(free).map(|start| placed(start).collect())
        })
    };
    let lines = [said(Lang::En)?, said(Lang::Zh)?];
    Some(Caption { same: (arrow.kind, x0, clean(arrow.label.get(Lang::En), 60)), lines })
}

/// Is nothing in these cells?
fn is_free(l: &Layout, x: i32, y: i32, cells: i32) -> bool {
    let end = x + cells;
    if x < 0 || y < 0 || end > l.width {
        return false;
    }
    let wires = l.wires.iter().map(|w| &w.points).chain(&l.links).all(|points| {
        points.windows(2).all(|s| {
            let (ax, bx) = (s[0].0.min(s[1].0), s[0].0.max(s[1].0));
            let (ay, by) = (s[0].1.min(s[1].1), s[0].1.max(s[1].1));
            y < ay || y > by || end <= ax || x > bx
        })
    });
    let texts = l.texts.iter().all(|t| t.y != y || end <= t.x || x >= t.x + width(&t.text));
    let actors = l.actors.iter().all(|a| y < a.y || y >= a.y + a.height || end <= a.x || x >= a.x + a.width);
    let pieces =
        l.pieces.iter().all(|p| 2 * y + 2 <= p.top || 2 * y > p.bottom || end <= p.x || x >= p.x + p.width);
    let rules = l.rules.iter().all(|r| r.y != y || end <= r.x || x >= r.x + r.width);
    wires && texts && actors && pieces && rules
}
