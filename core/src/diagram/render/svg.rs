//! A layout as SVG: plain `<text>`, an opaque background, no `foreignObject`, no script; the live picture of the
//! page and the exported file are this one function.
//!
//! Each colour stands twice: as a presentation attribute, for viewers without custom properties (Inkscape,
//! librsvg), and in the style sheet as `var(--ip-..., fallback)`, so that a page can set its own. Everything has
//! a stable `id` and `data-` attributes; the token's way is a path that a view can move something along.

use super::palette::{stylesheet, Ink, Palette};
use crate::diagram::layout::{Content, Label, Layout, Of, PlacedPiece, Role, Wire};
use crate::diagram::model::{ActorKind, ArrowKind, ArrowState, Fate, RegionKind, Touch};
use crate::diagram::text::{hex, width, wrap};
use crate::diagram::words;
use crate::spec::Lang;
use crate::trace::OwnerState;
use alloc::{format, string::String, vec::Vec};
use core::fmt::Write;

pub use super::palette::Theme;

/// How to draw as SVG.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SvgOptions {
    /// What every `id` begins with; two pictures in one document need two.
    pub prefix: String,
    /// Light, dark, or as the viewer prefers.
    pub theme: Theme,
    /// Carry the style sheet inside. A page with a strict policy has it already: see
    /// [`stylesheet`].
    pub style: bool,
    /// The language of the layout, for the `lang` attribute and tooltips.
    pub lang: Lang,
}

impl Default for SvgOptions {
    fn default() -> Self {
        SvgOptions { prefix: "ip".into(), theme: Theme::Auto, style: true, lang: Lang::En }
    }
}

/// Pixels across a cell.
const CELL: i32 = 8;
/// Pixels down a cell.
const ROW: i32 = 18;
/// Pixels around the picture.
const MARGIN: i32 = 12;

/// Left edge of a cell.
fn px(x: i32) -> i32 {
    MARGIN + x * CELL
}
/// Middle of a cell across.
fn cx(x: i32) -> i32 {
    px(x) + CELL / 2
}
/// Middle of a row.
fn cy(y: i32) -> i32 {
    MARGIN + y * ROW + ROW / 2
}
/// A place counted in half rows.
fn hy(h: i32) -> i32 {
    MARGIN + h * ROW / 2
}

/// Text as it may stand in an XML document: the five characters that mean something escaped, those that XML
/// forbids left out.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\u{fffe}' | '\u{ffff}' => {}
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

/// A key as part of an `id`: letters, digits and `-` stay, all else as `_` and its number in hex.
fn id(prefix: &str, kind: &str, key: &str) -> String {
    let mut out = format!("{}-{kind}-", ident(prefix));
    out.push_str(&ident(key));
    out
}

fn ident(key: &str) -> String {
    let mut out = String::new();
    for c in key.chars() {
        if c.is_ascii_alphanumeric() || c == '-' {
            out.push(c);
        } else {
            let _ = write!(out, "_{:x}.", c as u32);
        }
    }
    out
}

struct Svg<'a> {
    layout: &'a Layout,
    options: &'a SvgOptions,
    palette: &'static Palette,
    out: String,
}

/// The picture as an SVG document.
pub fn svg(layout: &Layout, options: &SvgOptions) -> String {
    let mut s = Svg { layout, options, palette: Palette::of(options.theme), out: String::new() };
    s.document();
    s.out
}

impl Svg<'_> {
    /// Appends; writing to a string cannot fail.
    fn put(&mut self, args: core::fmt::Arguments<'_>) {
        let _ = self.out.write_fmt(args);
    }
    fn ink(&self, ink: Ink) -> &'static str {
        self.palette.get(ink)
    }

    fn document(&mut self) {
        let l = self.layout;
        // Below the picture: what its marks are, each beside the first of its lines.
        let mut caption: Vec<(Option<Fate>, String)> = Vec::new();
        for (fate, _, label) in l.token.iter().flat_map(|token| token.marks()) {
            let lines = wrap(label, (l.width - 3).max(20)).into_iter().enumerate();
            caption.extend(lines.map(|(i, line)| ((i == 0).then_some(fate), line)));
        }
        let rows = l.height + if caption.is_empty() { 0 } else { caption.len() as i32 + 1 };
        let (w, h) = (px(l.width.max(24)) + MARGIN, MARGIN * 2 + rows * ROW);
        let lang = match self.options.lang {
            Lang::En => "en",
            Lang::Zh => "zh-CN",
        };
        let title = id(&self.options.prefix, "title", "");
        self.put(format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"ip-diagram\" width=\"{w}\" height=\"{h}\" \
             viewBox=\"0 0 {w} {h}\" role=\"img\" lang=\"{lang}\" aria-labelledby=\"{title}\" \
             font-family=\"{FONTS}\" font-size=\"13\">\n<title id=\"{title}\">{}</title>\n",
            escape(if l.summary.is_empty() { "iommu-playground" } else { &l.summary })
        ));
        if self.options.style {
            let css = stylesheet(self.options.theme);
            self.put(format_args!("<style>{css}</style>\n"));
        }
        let bg = self.ink(Ink::Background);
        self.put(format_args!("<rect class=\"ip-bg\" width=\"{w}\" height=\"{h}\" fill=\"{bg}\"/>\n"));
        // Below the boxes, whose borders they end at; lit ones in front of others.
        self.put(format_args!("<g class=\"ip-wires\">\n"));
        for lit in [false, true] {
            for wire in l.wires.iter().filter(|w| w.touch.is_some() == lit) {
                self.wire(wire);
            }
        }
        self.put(format_args!("</g>\n<g class=\"ip-pieces\">\n"));
        for piece in &l.pieces {
            self.piece(piece);
        }
        self.put(format_args!("</g>\n<g class=\"ip-ticks\">\n"));
        for rule in l.rules.iter().filter(|r| r.tick) {
            let (x1, x2, y) = (cx(rule.x), cx(rule.x + rule.width - 1), cy(rule.y));
            let line = self.ink(Ink::Line);
            self.put(format_args!(
                "<path class=\"ip-tick\" d=\"M{x1} {y}H{x2}\" stroke=\"{line}\" stroke-dasharray=\"2 4\" fill=\"none\"/>\n"
            ));
        }
        self.put(format_args!("</g>\n"));
        self.trail();
        self.put(format_args!("<g class=\"ip-actors\">\n"));
        for link in &l.links {
            let d: String = link
                .iter()
                .enumerate()
                .map(|(i, p)| format!("{}{} {}", if i == 0 { "M" } else { "L" }, link_x(link, i), cy(p.1)))
                .collect();
            let line = self.ink(Ink::Line);
            self.put(format_args!(
                "<path class=\"ip-link\" d=\"{d}\" fill=\"none\" stroke=\"{line}\" stroke-width=\"1.4\"/>\n"
            ));
        }
        for a in &l.actors {
            let (x, y) = (cx(a.x), cy(a.y));
            let (w, h) = ((a.width - 1) * CELL, (a.height - 1) * ROW);
            let (fill, line) = (self.ink(Ink::Actor), self.ink(touch_ink(a.touch).unwrap_or(Ink::Ink)));
            let (id, key) = (id(&self.options.prefix, "a", &a.key), escape(&a.key));
            self.put(format_args!(
                "<rect id=\"{id}\" class=\"ip-actor ip-{}{}\" data-key=\"{key}\" x=\"{x}\" y=\"{y}\" width=\"{w}\" \
                 height=\"{h}\" rx=\"6\" fill=\"{fill}\" stroke=\"{line}\" stroke-width=\"{}\"/>\n",
                actor_class(a.kind),
                touch_class(a.touch),
                if a.touch.is_some() { "2" } else { "1.2" },
            ));
        }
        self.put(format_args!("</g>\n<g class=\"ip-texts\">\n"));
        for label in &l.texts {
            self.label(label);
        }
        self.put(format_args!("</g>\n"));
        self.token();
        for (i, (mark, line)) in caption.iter().enumerate() {
            let row = l.height + 1 + i as i32;
            let y = cy(row) + 4;
            let ink = self.ink(Ink::Ink);
            self.put(format_args!(
                "<text class=\"ip-text ip-caption\" x=\"{}\" y=\"{y}\" fill=\"{ink}\">{}</text>\n",
                px(3),
                escape(line)
            ));
            if let Some(fate) = mark {
                self.mark(*fate, cx(1), cy(row));
            }
        }
        self.put(format_args!("</svg>\n"));
    }

    fn piece(&mut self, p: &PlacedPiece) {
        let (x, y) = (cx(p.x), hy(p.top));
        let (w, h) = ((p.width - 1) * CELL, hy(p.bottom) - y);
        let place = format!(
            "data-column=\"{}\" data-first=\"{}\" data-last=\"{}\"",
            escape(&p.column),
            hex(p.first),
            hex(p.last)
        );
        let line = self.ink(Ink::Line);
        match &p.content {
            Content::Gap => {
                // Open sides: nothing is here.
                self.put(format_args!(
                    "<path class=\"ip-gap\" {place} d=\"M{x} {y}v{h}M{} {y}v{h}\" fill=\"none\" stroke=\"{line}\" \
                     stroke-dasharray=\"1 5\"/>\n",
                    x + w
                ));
            }
            Content::Fold { keys, kind } => {
                let ink = Ink::Fold;
                let (fill, id) =
                    (self.ink(ink), id(&self.options.prefix, "f", &format!("{}/{:x}", p.column, p.first)));
                let n = keys.len();
                self.put(format_args!(
                    "<rect id=\"{id}\" class=\"ip-piece ip-fold {}{}\" {place} data-count=\"{n}\" x=\"{x}\" y=\"{y}\" \
                     width=\"{w}\" height=\"{h}\" fill=\"{fill}\" stroke=\"{}\" stroke-width=\"{}\"><title>{}{}{}-{}</title></rect>\n",
                    ink.class(),
                    touch_class(p.touch),
                    self.ink(touch_ink(p.touch).unwrap_or(Ink::Line)),
                    stroke(p.touch),
                    escape(&words::folded(n, *kind, self.options.lang)),
                    words::comma(self.options.lang),
                    hex(p.first),
                    hex(p.last)
                ));
            }
            Content::Region { key, kind, label, owner, state, whole, also: _ } => {
                let ink = region_ink(*kind);
                let fill = self.ink(ink);
                // A region in several pieces: the id is at the one where it starts.
                let id = if whole.0 == p.first {
                    format!("id=\"{}\" ", id(&self.options.prefix, "r", key))
                } else {
                    String::new()
                };
                let space = if label.ends_with('）') { "" } else { " " };
                let mut tip = format!("{label}{space}{}-{}", hex(whole.0), hex(whole.1));
                if !owner.is_empty() {
                    tip = format!("{tip}{}{owner}", words::comma(self.options.lang));
                }
                if let Some(state) = state {
                    tip = format!(
                        "{tip}{}{}",
                        words::comma(self.options.lang),
                        words::owner(*state).get(self.options.lang)
                    );
                }
                // Nothing usable.
                let dash = match kind {
                    RegionKind::Reserved | RegionKind::Hole => " fill-opacity=\"0\" stroke-dasharray=\"6 3\"",
                    _ => "",
                };
                self.put(format_args!(
                    "<rect {id}class=\"ip-piece {} ip-{}{}{}\" data-key=\"{}\" {place} x=\"{x}\" y=\"{y}\" width=\"{w}\" \
                     height=\"{h}\" fill=\"{fill}\"{dash} stroke=\"{}\" stroke-width=\"{}\"><title>{}</title></rect>\n",
                    ink.class(),
                    region_class(*kind),
                    state.map_or("", state_class),
                    touch_class(p.touch),
                    escape(key),
                    self.ink(touch_ink(p.touch).unwrap_or(Ink::Line)),
                    stroke(p.touch),
                    escape(&tip)
                ));
            }
        }
    }

    fn wire(&mut self, wire: &Wire) {
        let [.., before, head] = wire.points[..] else { return };
        // As far as the box, also behind a letter that stands before it.
        let reach = |end: (i32, i32), inner: (i32, i32), touching: bool, gap: i32| {
            let out = if end.0 >= inner.0 { 1 } else { -1 };
            out * (if touching { 2 } else { 4 } * CELL - gap)
        };
        let tail = wire.points[0];
        let ends =
            (reach(tail, wire.points[1], wire.touching[0], 0), reach(head, before, wire.touching[1], 3));
        let d = path(&wire.points, ends);
        let lit = wire.touch.is_some();
        let ink = match (wire.state, wire.touch) {
            (_, Some(Touch::Refused)) => Ink::Refused,
            (_, Some(_)) => Ink::Accent,
            (ArrowState::Stale, _) => Ink::Stale,
            _ => Ink::Line,
        };
        let dash = match wire.state {
            ArrowState::Live | ArrowState::Cached => "",
            ArrowState::Stale => " stroke-dasharray=\"6 4\"",
            ArrowState::Gone => " stroke-dasharray=\"2 4\"",
        };
        let (color, bg) = (self.ink(ink), self.ink(Ink::Background));
        let class = format!(
            "ip-wire ip-{} {}{}{}",
            arrow_class(wire.kind),
            state_of(wire.state),
            if wire.keys.len() > 1 { " ip-many" } else { "" },
            touch_class(wire.touch)
        );
        let first = wire.keys.first().map(String::as_str).unwrap_or_default();
        let keys: String = wire.keys.join(" ");
        let width = match wire.state {
            _ if lit => "2.5",
            ArrowState::Cached | ArrowState::Stale => "3",
            _ => "1.5",
        };
        let id = id(&self.options.prefix, "w", first);
        let to_right = head.0 >= before.0;
        let (x, y, back) =
            (cx(head.0) + ends.1 + if to_right { 2 } else { -2 }, cy(head.1), if to_right { -8 } else { 8 });
        self.put(format_args!(
            "<g class=\"{class} {}\" data-keys=\"{}\"><title>{}{}</title>\
             <path class=\"ip-halo\" d=\"{d}\" fill=\"none\" stroke=\"{bg}\" stroke-width=\"5\"/>\
             <path id=\"{id}\" class=\"ip-line\" d=\"{d}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"{width}\"{dash}/>\
             <path class=\"ip-head\" d=\"M{x} {y}l{back} -4.5v9z\" fill=\"{color}\"/></g>\n",
            ink.class(),
            escape(&keys),
            escape(&wire.label),
            words::rights(wire.perms, self.options.lang),
        ));
    }

    fn label(&mut self, t: &Label) {
        let cells = width(&t.text);
        let (class, ink, bold) = match t.role {
            Role::Title => ("title", Ink::Ink, true),
            Role::Column => ("column", Ink::Ink, true),
            Role::Owner => ("owner", Ink::Muted, false),
            Role::Name => ("name", Ink::Ink, false),
            Role::Also => ("also", Ink::Muted, false),
            Role::Address => ("address", Ink::Muted, false),
            Role::Fold => ("count", Ink::Ink, false),
            Role::Gap => ("size", Ink::Muted, false),
            Role::Letter => ("letter", Ink::Accent, true),
            Role::Wire => ("words", Ink::Muted, false),
            Role::Actor => ("actor-name", Ink::Ink, true),
            Role::ActorLine => ("actor-line", Ink::Muted, false),
            Role::Note => ("note", Ink::Muted, false),
        };
        // Fonts differ a little in width: what is centred or at the right edge stays so in any of them.
        let right_edge = match t.of {
            Of::Piece(i) => {
                self.layout.pieces.get(i).is_some_and(|p| t.role == Role::Address && t.x > p.x + 2)
            }
            _ => false,
        };
        let middle = matches!(t.role, Role::Wire | Role::Actor | Role::ActorLine | Role::Letter | Role::Gap);
        let (x, anchor) = if right_edge {
            (px(t.x + cells), " text-anchor=\"end\"")
        } else if middle {
            (px(t.x) + cells * CELL / 2, " text-anchor=\"middle\"")
        } else {
            (px(t.x), "")
        };
        let weight = if bold { " font-weight=\"600\"" } else { "" };
        let y = MARGIN + t.middle * ROW / 4 + 4;
        let (fill, bg) = (self.ink(ink), self.ink(Ink::Background));
        if t.role == Role::Letter {
            // An arrow passes behind it on its way to the box.
            self.put(format_args!(
                "<circle class=\"ip-halo\" cx=\"{x}\" cy=\"{}\" r=\"3\" fill=\"none\" stroke=\"{bg}\" stroke-width=\"7\"/>\n",
                y - 4
            ));
        }
        self.put(format_args!(
            "<text class=\"ip-text ip-{class} {}\" x=\"{x}\" y=\"{y}\"{anchor}{weight} fill=\"{fill}\">{}</text>\n",
            ink.class(),
            escape(&t.text)
        ));
    }

    /// The token's way: how it came, and stronger the last leg of it, which something may move along.
    fn trail(&mut self) {
        let Some(token) = &self.layout.token else { return };
        let step_from = token.step_from.min(token.path.len() - 1);
        let (past, step) = (way(&token.path[..=step_from]), way(&token.path[step_from..]));
        let prefix = &self.options.prefix;
        let (trail, leg) = (id(prefix, "trail", ""), id(prefix, "leg", ""));
        let (dots, bold) = ("stroke-width=\"2\" stroke-dasharray=\"1 5\"", "stroke-width=\"4\"");
        self.leg(&format!("id=\"{trail}\" class=\"ip-trail"), Ink::Accent, "0.55", dots, &past);
        let (ink, dashes) = match token.fate {
            Fate::Dead => (Ink::Refused, dots),
            Fate::Stale => (Ink::Stale, "stroke-width=\"3\" stroke-dasharray=\"6 4\""),
            Fate::Interrupt => (Ink::Interrupt, dots),
            _ if token.shortcut => (Ink::Accent, bold),
            _ => (Ink::Accent, dots),
        };
        let opacity = if dashes == bold { "0.7" } else { "1" };
        self.leg(&format!("id=\"{leg}\" class=\"ip-leg"), ink, opacity, dashes, &step);
        if let Some(interrupt) = &token.interrupt {
            // Beside the bytes' way also where both go along one street.
            let apart = "transform=\"translate(3 3)\" class=\"ip-leg";
            self.leg(apart, Ink::Interrupt, "0.8", dots, &way(&interrupt.path));
        }
    }

    /// A part of a way.
    fn leg(&mut self, head: &str, ink: Ink, opacity: &str, dashes: &str, d: &str) {
        self.put(format_args!(
            "<path {head} {}\" d=\"{d}\" fill=\"none\" stroke=\"{}\" stroke-opacity=\"{opacity}\" {dashes} \
             stroke-linecap=\"round\" stroke-linejoin=\"round\"/>\n",
            ink.class(),
            self.ink(ink)
        ));
    }

    fn token(&mut self) {
        let Some(token) = &self.layout.token else { return };
        for (fate, (x, y), _) in token.marks().skip(1) {
            self.mark(fate, cx(x), cy(y));
        }
        let me = id(&self.options.prefix, "token", "");
        let (x, y) = (cx(token.at.0), cy(token.at.1));
        self.put(format_args!(
            "<g id=\"{me}\" class=\"ip-token {}\" data-fate=\"{}\" data-x=\"{x}\" data-y=\"{y}\"><title>{}</title>\n",
            fate_ink(token.fate).class(),
            fate_class(token.fate),
            escape(&token.label)
        ));
        self.mark(token.fate, x, y);
        self.put(format_args!("</g>\n"));
    }

    /// The token's sign: a shape for each fate.
    fn mark(&mut self, fate: Fate, x: i32, y: i32) {
        let ink = fate_ink(fate);
        let (color, bg, class) = (self.ink(ink), self.ink(Ink::Background), ink.class());
        let disc = match fate {
            Fate::Interrupt => format!("<path d=\"M{x} {}l8 8l-8 8l-8 -8z\"", y - 8),
            _ => format!("<circle cx=\"{x}\" cy=\"{y}\" r=\"7\""),
        };
        let dash = if fate == Fate::Stale { " stroke-dasharray=\"3 2\"" } else { "" };
        let fill = if fate == Fate::Stale { bg } else { color };
        let back = if fate == Fate::Stale { "ip-open" } else { "ip-full" };
        self.put(format_args!(
            "{disc} class=\"ip-mark {back} {class}\" fill=\"{fill}\" stroke=\"{}\" stroke-width=\"2\"{dash}/>",
            if fate == Fate::Stale { color } else { bg }
        ));
        let sign = match fate {
            Fate::Dead => format!("M{} {}l6 6m0 -6l-6 6", x - 3, y - 3),
            Fate::Arrived => format!("M{} {y}l3 3l4 -6", x - 4),
            Fate::Wrong => format!("M{0} {1}h8m-8 4h8m-1 -7l-6 10", x - 4, y - 2),
            _ => String::new(),
        };
        if !sign.is_empty() {
            self.put(format_args!(
                "<path class=\"ip-sign\" d=\"{sign}\" fill=\"none\" stroke=\"{bg}\" stroke-width=\"2\"/>"
            ));
        }
        self.put(format_args!("\n"));
    }
}

/// Font families, the platform's own first, then those with Chinese.
const FONTS: &str = "ui-monospace, SFMono-Regular, Menlo, Consolas, DejaVu Sans Mono, Liberation Mono, \
Noto Sans Mono CJK SC, Noto Sans CJK SC, PingFang SC, Microsoft YaHei, monospace";

/// The token's way as a path: along the grid where it follows wires, in a curve where it leaps.
fn way(points: &[(i32, i32)]) -> String {
    let mut d = String::new();
    for (i, p) in points.iter().enumerate() {
        let (x, y) = (cx(p.0), cy(p.1));
        let _ = match i.checked_sub(1).map(|i| (cx(points[i].0), cy(points[i].1))) {
            None => write!(d, "M{x} {y}"),
            Some((a, b)) if a == x || b == y => write!(d, "L{x} {y}"),
            Some((a, b)) => write!(d, "C{a} {} {x} {} {x} {y}", (b + y) / 2, (b + y) / 2),
        };
    }
    d
}

/// A corner of a link; its ends touch the boxes, whose borders are a cell further.
fn link_x(link: &[(i32, i32)], i: usize) -> i32 {
    let ends = if i == 0 {
        -CELL
    } else if i + 1 == link.len() {
        CELL
    } else {
        0
    };
    cx(link[i].0) + ends
}

/// Corners as a path, rounded where a row meets a column.
fn path(points: &[(i32, i32)], ends: (i32, i32)) -> String {
    let mut d = String::new();
    let last = points.len().saturating_sub(1);
    for (i, &p) in points.iter().enumerate() {
        let at = |i: usize| {
            points.get(i).map(|p| {
                let more = if i == 0 {
                    ends.0
                } else if i == last {
                    ends.1
                } else {
                    0
                };
                (cx(p.0) + more, cy(p.1))
            })
        };
        let (x, y) = at(i).unwrap_or((cx(p.0), cy(p.1)));
        let (before, after) = (i.checked_sub(1).and_then(at), at(i + 1));
        let _ = match (before, after) {
            (None, _) => write!(d, "M{x} {y}"),
            (Some(a), Some(b)) if (a.0 == x) != (b.0 == x) && (a.1 == y || b.1 == y) => {
                let toward = |q: (i32, i32)| {
                    let r = 6.min(((q.0 - x).abs().max((q.1 - y).abs())) / 2);
                    (x + (q.0 - x).signum() * r, y + (q.1 - y).signum() * r)
                };
                // Only true corners: both arms along the grid.
                if (a.0 == x || a.1 == y) && (b.0 == x || b.1 == y) {
                    let (p, q) = (toward(a), toward(b));
                    write!(d, "L{} {}Q{x} {y} {} {}", p.0, p.1, q.0, q.1)
                } else {
                    write!(d, "L{x} {y}")
                }
            }
            _ => write!(d, "L{x} {y}"),
        };
    }
    d
}

fn stroke(touch: Option<Touch>) -> &'static str {
    if touch.is_some() {
        "2.2"
    } else {
        "1"
    }
}

fn touch_ink(touch: Option<Touch>) -> Option<Ink> {
    touch.map(|t| if t == Touch::Refused { Ink::Refused } else { Ink::Accent })
}

fn fate_ink(fate: Fate) -> Ink {
    match fate {
        Fate::Moving => Ink::Accent,
        Fate::Interrupt => Ink::Interrupt,
        Fate::Arrived => Ink::Good,
        Fate::Dead => Ink::Refused,
        Fate::Stale | Fate::Wrong => Ink::Stale,
    }
}

fn fate_class(fate: Fate) -> &'static str {
    match fate {
        Fate::Moving => "moving",
        Fate::Arrived => "arrived",
        Fate::Dead => "dead",
        Fate::Interrupt => "interrupt",
        Fate::Stale => "stale",
        Fate::Wrong => "wrong",
    }
}

fn touch_class(touch: Option<Touch>) -> &'static str {
    match touch {
        None => "",
        Some(Touch::Used) => " ip-lit ip-used",
        Some(Touch::Read) => " ip-lit ip-read",
        Some(Touch::Written) => " ip-lit ip-written",
        Some(Touch::Refused) => " ip-lit ip-refused",
    }
}

fn state_of(state: ArrowState) -> &'static str {
    match state {
        ArrowState::Live => "ip-live",
        ArrowState::Cached => "ip-cached",
        ArrowState::Stale => "ip-stale-wire",
        ArrowState::Gone => "ip-gone",
    }
}

fn state_class(state: OwnerState) -> &'static str {
    match state {
        OwnerState::Cpu => " ip-own-cpu",
        OwnerState::Device => " ip-own-device",
        OwnerState::Both => " ip-own-both",
        OwnerState::Bounced => " ip-own-bounced",
        OwnerState::StaleCached => " ip-own-stale",
        OwnerState::DirtyLine => " ip-own-dirty",
        OwnerState::Freed => " ip-own-freed",
    }
}

/// Few colours, each with a meaning.
fn region_ink(kind: RegionKind) -> Ink {
    match kind {
        RegionKind::Ram
        | RegionKind::Ports
        | RegionKind::DeviceMemory
        | RegionKind::Reserved
        | RegionKind::Hole => Ink::Memory,
        RegionKind::Buffer | RegionKind::Bounce => Ink::Buffer,
        RegionKind::Table | RegionKind::Queue | RegionKind::Registers => Ink::Structure,
        RegionKind::Mmio | RegionKind::Bar | RegionKind::Msi => Ink::Io,
    }
}

fn region_class(kind: RegionKind) -> &'static str {
    match kind {
        RegionKind::Ram => "ram",
        RegionKind::Mmio => "mmio",
        RegionKind::Bar => "bar",
        RegionKind::Buffer => "buffer",
        RegionKind::Bounce => "bounce",
        RegionKind::Table => "table",
        RegionKind::Queue => "queue",
        RegionKind::Registers => "registers",
        RegionKind::Msi => "msi",
        RegionKind::Ports => "ports",
        RegionKind::Reserved => "reserved",
        RegionKind::Hole => "hole",
        RegionKind::DeviceMemory => "device-memory",
    }
}

fn arrow_class(kind: ArrowKind) -> &'static str {
    match kind {
        ArrowKind::Mmu => "mmu",
        ArrowKind::Ept => "ept",
        ArrowKind::Window => "window",
        ArrowKind::Stage1 => "stage1",
        ArrowKind::Stage2 => "stage2",
        ArrowKind::Nested => "nested",
        ArrowKind::Identity => "identity",
        ArrowKind::DeviceMap => "device-map",
        ArrowKind::Copy => "copy",
        ArrowKind::Interrupt => "interrupt",
    }
}

fn actor_class(kind: ActorKind) -> &'static str {
    match kind {
        ActorKind::Cpu => "cpu",
        ActorKind::Mmu => "mmu",
        ActorKind::Device => "device",
        ActorKind::Switch => "switch",
        ActorKind::RootComplex => "root-complex",
        ActorKind::Iommu => "iommu",
        ActorKind::Interrupts => "interrupts",
        ActorKind::Fold => "fold",
    }
}
