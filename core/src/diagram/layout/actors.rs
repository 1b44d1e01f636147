//! Boxes of actors: how large, and how they stand in a row when they are not beside the columns.

use super::Scene;
use crate::diagram::model::Actor;
use crate::diagram::text::{clean, width, wrap};
use alloc::{format, string::String, vec, vec::Vec};

/// An actor's box with its lines, the name's first.
#[derive(Clone)]
pub struct Sized {
    /// Index into the model's actors.
    pub actor: usize,
    /// Lines with whether they are of the name.
    pub lines: Vec<(bool, String)>,
    /// Cells across, borders included.
    pub width: i32,
    /// Cells down, borders included.
    pub height: i32,
}

/// Measures an actor's box; its text breaks above `cap` cells. When `flat`, two lines become one where that fits.
pub fn measure(scene: &Scene<'_>, index: usize, cap: i32, flat: bool) -> Sized {
    let actor: &Actor = &scene.stage.model.actors[index];
    let lang = scene.options.lang;
    let mut lines: Vec<(bool, String)> = Vec::new();
    for line in wrap(&clean(actor.name.get(lang), 40), cap) {
        lines.push((true, line));
    }
    for more in &actor.lines {
        let text = clean(more.get(lang), 60);
        if !text.is_empty() {
            lines.extend(wrap(&text, cap).into_iter().map(|l| (false, l)));
        }
    }
    if flat && lines.len() == 2 {
        let both = format!("{} {}", lines[0].1, lines[1].1);
        if width(&both) <= cap {
            lines = vec![(true, both)];
        }
    }
    let inner = lines.iter().map(|l| width(&l.1)).max().unwrap_or(0).max(3);
    let height = lines.len() as i32 + 2;
    Sized { actor: index, lines, width: inner + 4, height }
}

/// Boxes from left to right in rows of at most `room` cells: each with its place, and the height of all.
pub fn flow(boxes: Vec<Sized>, room: i32) -> (Vec<(i32, i32, Sized)>, i32) {
    let mut out = Vec::new();
    let (mut x, mut y, mut tall) = (0, 0, 0);
    for b in boxes {
        if x > 0 && x + b.width > room {
            (x, y, tall) = (0, y + tall, 0);
        }
        tall = tall.max(b.height);
        let next = x + b.width + 2;
        out.push((x, y, b));
        x = next;
    }
    (out, y + tall)
}

/// Boxes in one row, each as near to its wish as the others let it; given back when one row is not enough.
#[allow(clippy::type_complexity)]
pub fn abreast(
    boxes: Vec<Sized>,
    wish: impl Fn(&Sized) -> i32,
    room: i32,
) -> Result<(Vec<(i32, i32, Sized)>, i32), Vec<Sized>> {
    if boxes.iter().map(|b| b.width + 1).sum::<i32>() - 1 > room {
        return Err(boxes);
    }
    let mut row: Vec<(i32, Sized)> = boxes.into_iter().map(|b| (wish(&b), b)).collect();
    row.sort_by_key(|(x, b)| 2 * x + b.width);
    let mut next = 0;
    for (x, b) in &mut row {
        *x = (*x).max(next);
        next = *x + b.width + 1;
    }
    let mut limit = room;
    for (x, b) in row.iter_mut().rev() {
        *x = (*x).min(limit - b.width);
        limit = *x - 1;
    }
    let tall = row.iter().map(|(_, b)| b.height).max().unwrap_or(0);
    Ok((row.into_iter().map(|(x, b)| (x, tall - b.height, b)).collect(), tall))
}
