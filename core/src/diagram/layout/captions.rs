//! Words that go where there is room: on wires, and below the picture.

use super::bundles::Bundle;
use super::fill::Placer;
use super::*;
use crate::diagram::text::{clean, width, wrap};
use crate::diagram::words;
use alloc::{format, vec::Vec};

impl Placer<'_, '_> {
    /// Words on wires: once for each kind in each gap, above and below the first straight one.
    pub fn wire_words(&mut self, bundles: &[Bundle], drawn: &[(usize, usize)], mode: Mode) {
        if mode.stacked {
            return;
        }
        let mut done: Vec<(ArrowKind, i32, String)> = Vec::new();
        for &(i, w) in drawn {
            let wire = &self.layout.wires[w];
            let [tail, head] = wire.points[..] else { continue };
            let (x0, x1, y) = (tail.0.min(head.0), tail.0.max(head.0), head.1);
            let arrow = &self.scene.stage.model.arrows[bundles[i].arrows[0] as usize];
            let own = clean(arrow.label.get(self.lang), 60);
            let kind = wire.kind;
            if done.contains(&(kind, x0, own.clone())) {
                continue;
            }
            let room = x1 - x0 + 1;
            let fits = |t: &str| t.split(' ').all(|w| width(w) <= room);
            let said = if own.is_empty() {
                words::arrow(kind).iter().all(|t| fits(t.get(self.lang)))
            } else {
                fits(&own)
            };
            if !said {
                continue;
            }
            let lines: Vec<String> = if own.is_empty() {
                words::arrow(kind).iter().flat_map(|t| wrap(t.get(self.lang), room)).collect()
            } else {
                wrap(&own, room)
            };
            // One line above; of two, one above and one below; of more, two below.
            let rows: &[i32] = match lines.len() {
                1 => &[-1],
                2 => &[-1, 1],
                3 => &[-1, 1, 2],
                4 => &[-2, -1, 1, 2],
                _ => continue,
            };
            // In the middle if that is free, else as near to it as can be.
            let widest = lines.iter().map(|l| width(l)).max().unwrap_or(0);
            let middle = x0 + (room - widest).div_euclid(2);
            let mut starts: Vec<i32> = (x0..=x1 + 1 - widest).collect();
            starts.sort_by_key(|x| (x - middle).abs());
            let place = |start: i32, l: &String, dy: i32| (start + (widest - width(l)).div_euclid(2), y + dy);
            let free = |start: &i32| {
                lines.iter().zip(rows).all(|(l, &dy)| {
                    let (x, y) = place(*start, l, dy);
                    self.is_free(x - 1, y, width(l) + 2)
                })
            };
            if let Some(start) = starts.into_iter().find(free) {
                for (line, &dy) in lines.iter().zip(rows) {
                    let (x, y) = place(start, line, dy);
                    self.text(x, y, line.clone(), Role::Wire, Of::Wire(w));
                }
                done.push((kind, x0, own));
            }
        }
    }

    /// Is nothing in these cells?
    fn is_free(&self, x: i32, y: i32, cells: i32) -> bool {
        let end = x + cells;
        let l = &self.layout;
        if x < 0 || y < 0 || end > l.width {
            return false;
        }
        let wires = l.wires.iter().all(|w| {
            w.points.windows(2).all(|s| {
                let (ax, bx) = (s[0].0.min(s[1].0), s[0].0.max(s[1].0));
                let (ay, by) = (s[0].1.min(s[1].1), s[0].1.max(s[1].1));
                y < ay || y > by || end <= ax || x > bx
            })
        });
        let texts = l.texts.iter().all(|t| t.y != y || end <= t.x || x >= t.x + width(&t.text));
        let actors =
            l.actors.iter().all(|a| y < a.y || y >= a.y + a.height || end <= a.x || x >= a.x + a.width);
        let pieces = l
            .pieces
            .iter()
            .all(|p| 2 * y + 2 <= p.top || 2 * y > p.bottom || end <= p.x || x >= p.x + p.width);
        let rules = l.rules.iter().all(|r| r.y != y || end <= r.x || x >= r.x + r.width);
        wires && texts && actors && pieces && rules
    }

    /// What there was no room for.
    pub fn notes(&mut self, max: i32, lost: usize) {
        self.layout.summary = clean(self.scene.stage.model.title.get(self.lang), 200);
        if lost == 0 {
            return;
        }
        let text = match self.lang {
            Lang::En if lost == 1 => "1 mapping is not drawn".into(),
            Lang::En => format!("{lost} mappings are not drawn"),
            Lang::Zh => format!("有 {lost} 个映射未画出"),
        };
        let mut y = self.layout.height + 1;
        for line in wrap(&text, max) {
            self.text(0, y, line, Role::Note, Of::All);
            y += 1;
        }
        self.layout.height = y;
    }
}
