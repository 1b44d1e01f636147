//! Boxes of actors: how large, and how they stand in rows where there is no room beside the columns.

use super::Ground;
use crate::diagram::model::Actor;
use crate::diagram::text::{clean, width, wrap};
use crate::spec::Lang;
use alloc::{format, string::String, vec, vec::Vec};

/// An actor's box with its lines, the name's first: large enough in either language.
#[derive(Clone, Debug)]
pub struct Sized {
    /// Index into the plan's actors.
    pub actor: usize,
    /// Lines in English and in Chinese, with whether they are of the name.
    pub lines: [Vec<(bool, String)>; 2],
    /// Cells across, borders included.
    pub width: i32,
    /// Cells down, borders included.
    pub height: i32,
}

/// Measures an actor's box; its text breaks above `cap` cells. When `flat`, two lines become one where that fits.
pub fn measure(ground: &Ground, index: usize, cap: i32, flat: bool) -> Sized {
    let actor: &Actor = &ground.model.actors[index];
    let mut lines = [Lang::En, Lang::Zh].map(|lang| lines(actor, lang, cap));
    let joined = lines.clone().map(|l| match &l[..] {
        [one] => vec![one.clone()],
        [name, more] => vec![(true, format!("{} {}", name.1, more.1))],
        _ => l,
    });
    if flat && joined.iter().all(|l| l.len() == 1 && width(&l[0].1) <= cap) {
        lines = joined;
    }
    let inner = |l: &[(bool, String)]| l.iter().map(|l| width(&l.1)).max().unwrap_or(0);
    let inner = inner(&lines[0]).max(inner(&lines[1])).max(3);
    let height = lines[0].len().max(lines[1].len()) as i32 + 2;
    Sized { actor: index, lines, width: inner + 4, height }
}

fn lines(actor: &Actor, lang: Lang, cap: i32) -> Vec<(bool, String)> {
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
    lines
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
