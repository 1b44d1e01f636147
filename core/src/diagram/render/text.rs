//! A layout as lines of text: plain ASCII to paste into a comment, or Unicode box drawing.
//!
//! Cells get strokes towards their four neighbours; what stroke meets what decides the character.

use crate::diagram::layout::{Content, Layout, Rule, Wire};
use crate::diagram::model::{ArrowState, Fate, Touch};
use crate::diagram::text::{char_width, width, wrap};
use alloc::{format, string::String, vec, vec::Vec};

/// Which characters to draw with. Names are shown as they are in either.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Charset {
    /// `+ - | > <`.
    #[default]
    Ascii,
    /// Box drawing.
    Unicode,
}

const N: u8 = 1;
const E: u8 = 2;
const S: u8 = 4;
const W: u8 = 8;

struct Grid {
    width: i32,
    height: i32,
    cells: Vec<char>,
}

/// The second cell of a wide character.
const TAIL: char = '\0';

impl Grid {
    fn put(&mut self, x: i32, y: i32, c: char) {
        if (0..self.width).contains(&x) && (0..self.height).contains(&y) {
            self.cells[(y * self.width + x) as usize] = c;
        }
    }
    fn get(&self, x: i32, y: i32) -> char {
        if (0..self.width).contains(&x) && (0..self.height).contains(&y) {
            self.cells[(y * self.width + x) as usize]
        } else {
            ' '
        }
    }
    fn write(&mut self, mut x: i32, y: i32, text: &str) {
        for c in text.chars() {
            self.put(x, y, c);
            if char_width(c) == 2 {
                self.put(x + 1, y, TAIL);
            }
            x += char_width(c);
        }
    }
}

/// The picture as lines, each ended by a newline, without blanks at their ends.
pub fn text(layout: &Layout, charset: Charset) -> String {
    let mut grid = Grid {
        width: layout.width,
        height: layout.height,
        cells: vec![' '; (layout.width.max(0) * layout.height.max(0)) as usize],
    };
    boxes(layout, charset, &mut grid);
    links(layout, charset, &mut grid);
    wires(layout, charset, &mut grid);
    for label in &layout.texts {
        grid.write(label.x, label.y, &label.text);
    }
    let mut out = String::new();
    if let Some(token) = &layout.token {
        way(&token.path, charset, &mut grid);
        for (fate, (x, y), _) in token.marks().rev() {
            grid.put(x, y, mark(fate, charset));
        }
    }
    for y in 0..grid.height {
        let mut line: String = (0..grid.width).map(|x| grid.get(x, y)).filter(|c| *c != TAIL).collect();
        line.truncate(line.trim_end().len());
        out.push_str(&line);
        out.push('\n');
    }
    if let Some(token) = &layout.token {
        out.push('\n');
        for (fate, _, label) in token.marks() {
            let said = format!("{} {label}", mark(fate, charset));
            for line in wrap(&said, layout.width.max(width("x") * 24)) {
                out.push_str(&line);
                out.push('\n');
            }
        }
    }
    out
}

/// How the token came: dots where nothing else is drawn.
fn way(path: &[(i32, i32)], charset: Charset, grid: &mut Grid) {
    let dot = if charset == Charset::Ascii { '.' } else { '·' };
    for pair in path.windows(2) {
        let ((ax, ay), (bx, by)) = (pair[0], pair[1]);
        if ax != bx && ay != by {
            continue;
        }
        for y in ay.min(by)..=ay.max(by) {
            for x in ax.min(bx)..=ax.max(bx) {
                if grid.get(x, y) == ' ' {
                    grid.put(x, y, dot);
                }
            }
        }
    }
}

/// The token's own mark.
pub fn mark(fate: Fate, charset: Charset) -> char {
    match (fate, charset) {
        (Fate::Moving, Charset::Ascii) => '*',
        (Fate::Arrived, Charset::Ascii) => '@',
        (Fate::Dead, Charset::Ascii) => 'x',
        (Fate::Interrupt, Charset::Ascii) => '!',
        (Fate::Stale, Charset::Ascii) => '~',
        (Fate::Wrong, Charset::Ascii) => '#',
        (Fate::Moving, Charset::Unicode) => '●',
        (Fate::Arrived, Charset::Unicode) => '◉',
        (Fate::Dead, Charset::Unicode) => '✕',
        (Fate::Interrupt, Charset::Unicode) => '◆',
        (Fate::Stale, Charset::Unicode) => '◌',
        (Fate::Wrong, Charset::Unicode) => '≠',
    }
}

/// What wires actors together: a line from box to box.
fn links(layout: &Layout, charset: Charset, grid: &mut Grid) {
    let mut strokes = vec![0u8; (grid.width * grid.height).max(0) as usize];
    for link in &layout.links {
        for leg in link.windows(2) {
            let ((ax, ay), (bx, by)) = (leg[0], leg[1]);
            for y in ay.min(by)..=ay.max(by) {
                for x in ax.min(bx)..=ax.max(bx) {
                    let mut s = 0;
                    for (there, stroke) in
                        [(x > ax.min(bx), W), (x < ax.max(bx), E), (y > ay.min(by), N), (y < ay.max(by), S)]
                    {
                        s |= if there { stroke } else { 0 };
                    }
                    if let Some(cell) = strokes.get_mut((y * layout.width + x) as usize) {
                        *cell |= s;
                    }
                }
            }
        }
        // Up to the boxes at both ends.
        for (end, stroke) in [(link.first(), W), (link.last(), E)] {
            if let Some(cell) = end.and_then(|p| strokes.get_mut((p.1 * layout.width + p.0) as usize)) {
                *cell |= stroke;
            }
        }
    }
    for (i, s) in strokes.iter().enumerate().filter(|(_, s)| **s != 0) {
        let (x, y) = (i as i32 % grid.width, i as i32 / grid.width);
        grid.put(x, y, border(*s, charset));
    }
}

/// Boxes of columns and actors.
fn boxes(layout: &Layout, charset: Charset, grid: &mut Grid) {
    let size = (grid.width * grid.height).max(0) as usize;
    let mut strokes = vec![0u8; size];
    // The right end of the strokes in a row that are only a mark inside a region.
    let mut ticks: Vec<&Rule> = Vec::new();
    let at = |x: i32, y: i32| (y * layout.width + x) as usize;
    let inside = |x: i32, y: i32| (0..layout.width).contains(&x) && (0..layout.height).contains(&y);
    let mut stroke = |x: i32, y: i32, s: u8| {
        if inside(x, y) {
            strokes[at(x, y)] |= s;
        }
    };
    for rule in &layout.rules {
        if rule.tick {
            ticks.push(rule);
            continue;
        }
        for x in rule.x..rule.x + rule.width {
            let (first, last) = (x == rule.x, x == rule.x + rule.width - 1);
            stroke(x, rule.y, if first { 0 } else { W } | if last { 0 } else { E });
        }
    }
    for piece in &layout.pieces {
        // Rows whose middle is inside, and halves of the borders above and below.
        for h in piece.top..piece.bottom {
            let s = if h % 2 == 1 { S } else { N };
            for x in [piece.x, piece.x + piece.width - 1] {
                stroke(x, h.div_euclid(2), s);
            }
        }
    }
    for a in &layout.actors {
        let (right, bottom) = (a.x + a.width - 1, a.y + a.height - 1);
        for x in a.x..=right {
            for y in [a.y, bottom] {
                stroke(x, y, if x == a.x { 0 } else { W } | if x == right { 0 } else { E });
            }
        }
        for y in a.y..=bottom {
            for x in [a.x, right] {
                stroke(x, y, if y == a.y { 0 } else { N } | if y == bottom { 0 } else { S });
            }
        }
    }
    for y in 0..grid.height {
        for x in 0..grid.width {
            let s = strokes[at(x, y)];
            if s != 0 {
                grid.put(x, y, border(s, charset));
            }
        }
    }
    for rule in ticks {
        for x in rule.x..rule.x + rule.width {
            let edge = x == rule.x || x == rule.x + rule.width - 1;
            let c = match charset {
                Charset::Ascii if edge => '+',
                Charset::Ascii => {
                    if (x - rule.x) % 2 == 1 {
                        '-'
                    } else {
                        ' '
                    }
                }
                Charset::Unicode if x == rule.x => '├',
                Charset::Unicode if edge => '┤',
                Charset::Unicode => '╌',
            };
            grid.put(x, rule.y, c);
        }
    }
    // Sides say what is not there, and what the step touches.
    for piece in &layout.pieces {
        let side = match (&piece.content, piece.touch, charset) {
            (_, Some(Touch::Refused), Charset::Ascii) => '!',
            (_, Some(_), Charset::Ascii) => '#',
            (Content::Gap, None, Charset::Ascii) => ':',
            (_, Some(Touch::Refused), Charset::Unicode) => '╏',
            (_, Some(_), Charset::Unicode) => '┃',
            (Content::Gap, None, Charset::Unicode) => '┊',
            _ => continue,
        };
        for y in (piece.top + 1).div_euclid(2)..piece.bottom.div_euclid(2) {
            for x in [piece.x, piece.x + piece.width - 1] {
                grid.put(x, y, side);
            }
        }
    }
}

fn border(strokes: u8, charset: Charset) -> char {
    const HORIZONTAL: u8 = E | W;
    const VERTICAL: u8 = N | S;
    if charset == Charset::Ascii {
        return match strokes {
            E | W | HORIZONTAL => '-',
            N | S | VERTICAL => '|',
            _ => '+',
        };
    }
    const TABLE: [char; 16] =
        [' ', '│', '─', '└', '│', '│', '┌', '├', '─', '┘', '─', '┴', '┐', '┤', '┬', '┼'];
    TABLE[strokes as usize & 15]
}

/// How a wire is drawn in a cell: strokes of this wire and of those that share an end with it.
#[derive(Clone, Copy, Default)]
struct Ink {
    strokes: u8,
    /// 0 plain, 1 lit, 2 stale, 3 gone: the last one drawn.
    style: u8,
    /// Two wires cross here without meeting.
    over: bool,
}

fn style(wire: &Wire) -> u8 {
    match wire.state {
        ArrowState::Stale => 2,
        ArrowState::Gone => 3,
        ArrowState::Live | ArrowState::Cached => u8::from(wire.touch.is_some()),
    }
}

fn wires(layout: &Layout, charset: Charset, grid: &mut Grid) {
    let mut ink = vec![Ink::default(); grid.cells.len()];
    let (w, h) = (grid.width, grid.height);
    for wire in &layout.wires {
        let style = style(wire);
        let mut mine: Vec<(i32, i32, u8)> = Vec::new();
        for pair in wire.points.windows(2) {
            let ((x0, y0), (x1, y1)) = (pair[0], pair[1]);
            if y0 == y1 {
                let (a, b) = (x0.min(x1), x0.max(x1));
                mine.extend((a..=b).map(|x| (x, y0, if x > a { W } else { 0 } | if x < b { E } else { 0 })));
            } else {
                let (a, b) = (y0.min(y1), y0.max(y1));
                mine.extend((a..=b).map(|y| (x0, y, if y > a { N } else { 0 } | if y < b { S } else { 0 })));
            }
        }
        mine.sort_unstable_by_key(|m| (m.1, m.0));
        mine.dedup_by(|b, a| {
            let same = (a.0, a.1) == (b.0, b.1);
            if same {
                a.2 |= b.2;
            }
            same
        });
        for (x, y, strokes) in mine {
            if !(0..w).contains(&x) || !(0..h).contains(&y) {
                continue;
            }
            let cell = &mut ink[(y * w + x) as usize];
            // One straight along, the other straight down: they cross. Anything else is a junction.
            let straight = |s: u8| s == (E | W) || s == (N | S);
            cell.over |=
                cell.strokes != 0 && straight(cell.strokes) && straight(strokes) && cell.strokes != strokes;
            cell.strokes |= strokes;
            cell.style = cell.style.max(style);
        }
    }
    for y in 0..h {
        for x in 0..w {
            let cell = ink[(y * w + x) as usize];
            if cell.strokes != 0 {
                grid.put(x, y, wire_char(cell, charset));
            }
        }
    }
    for wire in &layout.wires {
        if let [.., (px, _), (x, y)] = wire.points[..] {
            let c = match (x >= px, charset) {
                (true, Charset::Ascii) => '>',
                (false, Charset::Ascii) => '<',
                (true, Charset::Unicode) => '▶',
                (false, Charset::Unicode) => '◀',
            };
            grid.put(x, y, c);
        }
    }
}

fn wire_char(cell: Ink, charset: Charset) -> char {
    let strokes = if cell.over { N | S } else { cell.strokes };
    let along = strokes & (N | S) == 0;
    let down = strokes & (E | W) == 0;
    match charset {
        Charset::Ascii if along => ['-', '=', '~', '.'][usize::from(cell.style)],
        Charset::Ascii if down => ['|', '|', ':', '.'][usize::from(cell.style)],
        Charset::Ascii => '+',
        Charset::Unicode if along => ['─', '━', '╌', '┈'][usize::from(cell.style)],
        Charset::Unicode if down => ['│', '┃', '╎', '┊'][usize::from(cell.style)],
        Charset::Unicode => match strokes {
            s if s == S | E => '╭',
            s if s == S | W => '╮',
            s if s == N | E => '╰',
            s if s == N | W => '╯',
            s => border(s, charset),
        },
    }
}
