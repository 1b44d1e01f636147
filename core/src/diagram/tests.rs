//! What holds of every picture, and some pictures by heart.

use super::layout::{crowd, Content, PlacedActor, Role};
use super::model::*;
use super::render::{text, Charset};
use super::text::width;
use super::{layout, sample, Layout, Options};
use crate::spec::{Lang, Phrase};
use crate::trace::{OwnerState, Perms};
use alloc::{format, string::String, vec::Vec};
use proptest::prelude::*;

fn draw(model: &Model, width: u16, charset: Charset, lang: Lang) -> String {
    text(&layout(model, None, &Options { width, lang, ..Options::default() }), charset)
}

/// The file is what the picture must be; `UPDATE_GOLDEN=1` writes it anew.
fn golden(name: &str, picture: &str) {
    let path = format!("{}/src/diagram/golden/{name}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, picture).unwrap();
    }
    let want = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(picture == want, "{name} is now\n{picture}");
}

#[test]
fn pictures_by_heart() {
    golden("howto.txt", &draw(&sample::howto(), 130, Charset::Ascii, Lang::En));
    golden("howto-zh.txt", &draw(&sample::howto(), 130, Charset::Unicode, Lang::Zh));
    golden("howto-80.txt", &draw(&sample::howto(), 84, Charset::Ascii, Lang::En));
    golden("howto-44.txt", &draw(&sample::howto(), 44, Charset::Ascii, Lang::En));
    golden("guest.txt", &draw(&sample::guest(), 140, Charset::Unicode, Lang::En));
    golden("guest-44-zh.txt", &draw(&sample::guest(), 44, Charset::Unicode, Lang::Zh));
    golden("crowd.txt", &draw(&sample::crowd(2000), 80, Charset::Ascii, Lang::En));
}

/// Everything that takes cells, no two things in one.
pub(crate) fn no_overlap(l: &Layout, max: i32) {
    let (w, h) = (l.width, l.height);
    assert!(w <= max, "{w} > {max}");
    let mut taken: Vec<u8> = alloc::vec![0; (w * h) as usize];
    const TEXT: u8 = 1;
    const BOX: u8 = 2;
    const WIRE: u8 = 4;
    let mut mark = |x: i32, y: i32, what: u8, clash: u8, who: &str| {
        assert!((0..w).contains(&x) && (0..h).contains(&y), "{who} outside at {x},{y} of {w}x{h}");
        let cell = &mut taken[(y * w + x) as usize];
        assert!(*cell & clash == 0, "{who} on something ({cell}) at {x},{y}");
        *cell |= what;
    };
    for t in &l.texts {
        for x in t.x..t.x + width(&t.text) {
            mark(x, t.y, TEXT, TEXT, &t.text);
        }
    }
    for r in &l.rules {
        for x in r.x..r.x + r.width {
            mark(x, r.y, BOX, TEXT | WIRE, "rule");
        }
    }
    for p in &l.pieces {
        for y in (p.top + 1).div_euclid(2)..p.bottom.div_euclid(2) {
            for x in [p.x, p.x + p.width - 1] {
                mark(x, y, BOX, TEXT | WIRE, "side");
            }
        }
    }
    for a in &l.actors {
        for y in a.y..a.y + a.height {
            for x in a.x..a.x + a.width {
                let edge = x == a.x || x + 1 == a.x + a.width || y == a.y || y + 1 == a.y + a.height;
                if edge {
                    mark(x, y, BOX, TEXT | BOX | WIRE, &a.key);
                }
            }
        }
    }
    for wire in &l.wires {
        for s in wire.points.windows(2) {
            assert!(s[0].0 == s[1].0 || s[0].1 == s[1].1, "{:?}", wire.points);
            for y in s[0].1.min(s[1].1)..=s[0].1.max(s[1].1) {
                for x in s[0].0.min(s[1].0)..=s[0].0.max(s[1].0) {
                    mark(x, y, WIRE, TEXT | BOX, &wire.keys[0]);
                }
            }
        }
    }
    if let Some(t) = &l.token {
        assert!(
            (0..w).contains(&t.at.0) && (0..h).contains(&t.at.1),
            "token at {:?} is outside {w}x{h}",
            t.at
        );
        assert!(t.path.last() == Some(&t.at) && t.step_from < t.path.len());
    }
}

/// Every region of the model is shown or counted, every arrow drawn or counted.
pub(crate) fn complete(m: &Model, l: &Layout) {
    for column in &m.columns {
        // The mark of an address that led to nothing gives way to what is there at other times.
        for region in column.regions.iter().filter(|r| !r.key.starts_with(USED)) {
            let there = l.pieces.iter().any(|p| match &p.content {
                Content::Region { key, also, .. } => *key == region.key || also.contains(&region.key),
                Content::Fold { keys, .. } => keys.contains(&region.key),
                Content::Gap => false,
            });
            assert!(there, "{} is missing", region.key);
        }
    }
    for actor in &m.actors {
        let there = |a: &PlacedActor| a.key == actor.key || a.holds.contains(&actor.key);
        assert!(l.actors.iter().any(there), "{} is missing", actor.key);
    }
    let drawn: usize = l.wires.iter().map(|w| w.keys.len()).sum();
    assert_eq!(drawn + l.left_out, m.arrows.len());
    assert_eq!(l.texts.iter().any(|t| t.role == Role::Note), l.left_out > 0);
}

fn name() -> impl Strategy<Value = Phrase> {
    ("[a-zA-Z_ <&\"0-9]{0,24}", "[虚拟地址总线 a-z]{0,14}").prop_map(|(en, zh)| Phrase::new(en, zh))
}

prop_compose! {
    fn any_model()(
        spaces in proptest::collection::vec((0usize..7, name(), name()), 1..7),
        regions in proptest::collection::vec((0usize..7, 0u64..40, 0u64..12, 0usize..13, 0u8..64, name(), any::<bool>()), 0..50),
        arrows in proptest::collection::vec((0usize..7, 0u64..44, 0usize..7, 0u64..44, 0usize..10, 0u8..4, 0u8..12), 0..24),
        actors in proptest::collection::vec((0usize..7, 0u8..3, name(), proptest::collection::vec(name(), 0..3)), 0..6),
        token in proptest::collection::vec((0usize..7, 0u64..44), 0..5),
        lit in proptest::collection::vec((0u8..3, 0u32..20, 0usize..7), 0..5),
    ) -> Model {
        use RegionKind::*;
        let kinds = [Ram, Mmio, Bar, Buffer, Bounce, Table, Queue, Registers, Msi, Ports, Reserved, Hole, DeviceMemory];
        let ways = [ArrowKind::Mmu, ArrowKind::Ept, ArrowKind::Window, ArrowKind::Stage1, ArrowKind::Stage2,
            ArrowKind::Nested, ArrowKind::Identity, ArrowKind::DeviceMap, ArrowKind::Copy, ArrowKind::Interrupt];
        let all = [Space::Virtual, Space::GuestPhysical, Space::Physical, Space::Bus, Space::Iova, Space::Device, Space::Port];
        let mut m = Model::default();
        for (i, (space, title, owner)) in spaces.into_iter().enumerate() {
            m.add_column(format!("c{i}"), all[space], title, owner);
        }
        let n = m.columns.len();
        for (i, (c, at, len, kind, shift, label, stated)) in regions.into_iter().enumerate() {
            let (first, last) = (at << shift, (at << shift).saturating_add((len + 1) << (shift / 2)));
            let mut r = Region::new(format!("r{i}"), first, last, kinds[kind], label);
            r.state = stated.then_some(OwnerState::Device);
            m.columns[c % n].regions.push(r);
        }
        for (i, (c, a, d, b, kind, state, letter)) in arrows.into_iter().enumerate() {
            let end = |c: usize, at: u64| {
                let column = ColumnId((c % n) as u16);
                let regions = &m.columns[c % n].regions;
                let address = regions.get(at as usize).map_or(at, |r| r.first);
                let letter = (letter < 4).then(|| (b'A' + (c + at as usize) as u8 % 26) as char);
                End { at: Point { column, address }, letter }
            };
            let state = [ArrowState::Live, ArrowState::Cached, ArrowState::Stale, ArrowState::Gone][state as usize];
            let (from, to) = (end(c, a), end(d, b));
            m.arrows.push(Arrow { key: format!("a{i}"), from, to, len: 4096, kind: ways[kind], state,
                perms: Perms::RW, label: Phrase::default() });
        }
        for (i, (c, place, name, lines)) in actors.into_iter().enumerate() {
            let (a, b) = (ColumnId((c % n) as u16), ColumnId(((c + 1) % n) as u16));
            let place = [Place::LeftOf(a), Place::RightOf(a), Place::Between(a, b)][place as usize];
            m.add_actor(format!("x{i}"), ActorKind::Device, place, name, lines);
        }
        let stops = token.iter().map(|&(c, at)| if at % 5 == 0 && !m.actors.is_empty() {
            Anchor::Actor(ActorId((c % m.actors.len()) as u16))
        } else {
            Anchor::Point(Point { column: ColumnId((c % n) as u16), address: at })
        });
        let path: Vec<Anchor> = stops.collect();
        if let Some(&at) = path.last() {
            m.token = Some(Token { address: 7, space: Space::Bus, at, path, fate: Fate::Moving, until: 0, load: Phrase::default(), shortcut: false, interrupt: Vec::new() });
        }
        m.lit = lit.into_iter().map(|(what, i, c)| Lit {
            what: match what {
                0 => Target::Arrow(i),
                1 => Target::Region(ColumnId((c % n) as u16), i),
                _ => Target::Actor(ActorId(i as u16)),
            },
            how: Touch::Read,
            at: None,
        }).collect();
        m
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn any_picture_is_complete_and_nothing_overlaps(
        m in any_model(), width in 20u16..150, zh in any::<bool>(), units in any::<bool>(), budget in 0u16..30,
        tight in any::<bool>(),
    ) {
        let lang = if zh { Lang::Zh } else { Lang::En };
        let options = Options { width, most: 0, lang, units, budget, title: units, focus: None, tight, rows: 0, low: false };
        let l = layout(&m, None, &options);
        no_overlap(&l, i32::from(width.max(Options::MIN_WIDTH)));
        complete(&m, &l);
        prop_assert_eq!(&l, &layout(&m, None, &options));
        harmless(&super::render::svg(&l, &Default::default()));
        for charset in [Charset::Ascii, Charset::Unicode] {
            let t = text(&l, charset);
            // The token's own mark may stand at the border of a letter's cell: nothing else may be lost.
            for label in l.texts.iter().filter(|t| t.role == Role::Address) {
                prop_assert!(t.contains(&label.text));
            }
        }
    }

    #[test]
    fn in_its_frame_nothing_moves(
        m in any_model(), drop in any::<u64>(), width in 36u16..150, tight in any::<bool>(),
    ) {
        let options = Options { width, tight, ..Options::default() };
        let full = layout(&m, Some(&m), &options);
        let mut less = m.clone();
        less.token = None;
        less.lit.clear();
        less.arrows = m.arrows.iter().enumerate().filter(|(i, _)| drop >> (i % 64) & 1 == 0).map(|a| a.1.clone()).collect();
        for (c, column) in less.columns.iter_mut().enumerate() {
            let keep = |i: usize| drop >> ((i * 7 + c) % 64) & 1 == 0;
            column.regions = column.regions.iter().enumerate().filter(|(i, _)| keep(*i)).map(|r| r.1.clone()).collect();
        }
        let part = layout(&less, Some(&m), &options);
        no_overlap(&part, i32::from(width));
        // Folding follows what is lit, so compare where nothing was folded.
        let folds = |l: &Layout| l.pieces.iter().any(|p| matches!(p.content, Content::Fold { .. }));
        if folds(&full) || full.left_out > 0 {
            return Ok(());
        }
        // What is not there joins its neighbours: each edge is one of the full picture's.
        for p in &part.pieces {
            prop_assert!(full.pieces.iter().any(|q| (p.first, p.bottom, p.x) == (q.first, q.bottom, q.x)));
            prop_assert!(full.pieces.iter().any(|q| (p.last, p.top, p.x) == (q.last, q.top, q.x)));
        }
        // Words stand in the middle of their box, so another row where there are fewer of them.
        for t in part.texts.iter().filter(|t| t.role == Role::Address) {
            prop_assert!(full.texts.iter().any(|q| (q.x, &q.text) == (t.x, &t.text)), "{t:?}");
        }
    }
}

/// The machine of the figure with this many devices more, of which one acts; the token is at it.
fn with_devices(count: usize, acts: usize) -> Model {
    let mut m = sample::howto();
    let bus = ColumnId(m.columns.len() as u16 - 1);
    for i in 0..count {
        let (name, id) = (Phrase::same(format!("d{i}")), Phrase::same(format!("00:{:02x}.0", i + 4)));
        let at =
            m.add_actor(format!("dev:d{i}"), ActorKind::Device, Place::RightOf(bus), name, alloc::vec![id]);
        if i == acts {
            m.lit = alloc::vec![Lit { what: Target::Actor(at), how: Touch::Used, at: None }];
        }
    }
    m
}

#[test]
fn of_forty_devices_those_who_take_no_part_are_one_box_that_opens() {
    let (acts, other) = (with_devices(40, 17), with_devices(40, 23));
    for (width, tight, lang) in [(130, false, Lang::En), (116, true, Lang::Zh), (44, true, Lang::En)] {
        let options = Options { width, tight, lang, ..Options::default() };
        let l = layout(&acts, None, &options);
        no_overlap(&l, i32::from(width));
        complete(&acts, &l);
        let there = |l: &Layout, key: &str| l.actors.iter().any(|a| a.key == key);
        assert!(there(&l, "dev:d17"), "who acts is drawn");
        let fold = l.actors.iter().find(|a| a.key == crowd::FOLD).unwrap();
        let drawn = l.actors.iter().filter(|a| a.kind == ActorKind::Device).count();
        let all = acts.actors.iter().filter(|a| a.kind == ActorKind::Device).count();
        assert_eq!(drawn + fold.holds.len(), all);
        assert!(drawn <= 8, "{drawn}");
        let words = text(&l, Charset::Unicode);
        let count = fold.holds.len();
        assert!(words.contains(&format!("{count}")), "{words}");
        let focus = Some((crowd::FOLD.into(), 0, 0));
        let opened = layout(&acts, None, &Options { focus, ..options.clone() });
        no_overlap(&opened, i32::from(width));
        assert!(!there(&opened, crowd::FOLD) && there(&opened, "dev:d39"));

        // Places are those of the whole run: who acts elsewhere has a box here too, and nothing moves.
        let mut run = acts.clone();
        run.mark_acting();
        let mut marked = other.clone();
        marked.mark_acting();
        run.widen(&marked);
        let [a, b] = [&acts, &other].map(|m| layout(m, Some(&run), &options));
        let places = |l: &Layout| l.actors.iter().map(|a| (a.key.clone(), a.x, a.y)).collect::<Vec<_>>();
        assert_eq!(places(&a), places(&b));
        assert!(there(&a, "dev:d17") && there(&a, "dev:d23"));
    }
}

#[test]
fn where_more_act_than_are_drawn_the_box_says_who_does() {
    let mut run = with_devices(40, 0);
    run.mark_acting();
    let mut last = Model::default();
    for i in 1..40 {
        last = with_devices(40, i);
        last.mark_acting();
        run.widen(&last);
    }
    let l = layout(&last, Some(&run), &Options { width: 130, ..Options::default() });
    no_overlap(&l, 130);
    complete(&last, &l);
    let fold = l.actors.iter().find(|a| a.key == crowd::FOLD).unwrap();
    assert_eq!(fold.touch, Some(Touch::Used));
    assert!(l.texts.iter().any(|t| t.text.contains("d39")), "{:?}", l.texts);
}

#[test]
fn two_thousand_boxes_are_folded_and_opened_by_focus() {
    let m = sample::crowd(2000);
    let far = layout(&m, None, &Options::default());
    assert!(far.height < 120, "{}", far.height);
    complete(&m, &far);
    let focus = Some(("bus".into(), 0xf000_0000, 0xf000_9fff));
    let near = layout(&m, None, &Options { focus, ..Options::default() });
    let named = near.texts.iter().filter(|t| t.role == Role::Name && t.text.starts_with("buf")).count();
    assert!(named >= 10, "{named}");
    complete(&m, &near);
}

/// Only elements and attributes that draw: nothing that runs, loads or styles inline; ids unique.
fn harmless(svg: &str) {
    let doc = roxmltree::Document::parse(svg).unwrap_or_else(|e| panic!("{e}: {svg}"));
    let mut ids = alloc::collections::BTreeSet::new();
    for node in doc.descendants().filter(|n| n.is_element()) {
        let name = node.tag_name().name();
        assert!(["svg", "title", "style", "g", "rect", "path", "circle", "text"].contains(&name), "{name}");
        for a in node.attributes() {
            let known = [
                "id",
                "class",
                "width",
                "height",
                "viewBox",
                "role",
                "lang",
                "aria-labelledby",
                "x",
                "y",
                "rx",
                "cx",
                "cy",
                "r",
                "d",
                "fill",
                "stroke",
                "stroke-width",
                "stroke-dasharray",
                "stroke-opacity",
                "stroke-linecap",
                "stroke-linejoin",
                "fill-opacity",
                "font-family",
                "font-size",
                "font-weight",
                "text-anchor",
            ];
            assert!(known.contains(&a.name()) || a.name().starts_with("data-"), "{}", a.name());
            if a.name() == "id" {
                assert!(ids.insert(a.value()), "id {} twice", a.value());
            }
        }
    }
    assert!(!svg.contains("style=") && !svg.contains("url("));
}

#[test]
fn hostile_names_stay_text() {
    use super::render::{svg, SvgOptions};
    let bad = "</title></style><script>alert(1)</script>\" onload='x' &\u{0}\u{202e}]]>";
    let mut m = sample::howto();
    let phrase = Phrase::same(bad);
    m.title = phrase.clone();
    for c in &mut m.columns {
        (c.title, c.owner, c.key) = (phrase.clone(), phrase.clone(), format!("{bad}{}", c.key));
        for r in &mut c.regions {
            (r.label, r.owner, r.key) = (phrase.clone(), phrase.clone(), format!("{bad}{}", r.key));
        }
    }
    for a in &mut m.arrows {
        (a.label, a.key) = (phrase.clone(), format!("{bad}{}", a.key));
    }
    for a in &mut m.actors {
        (a.name, a.lines, a.key) = (phrase.clone(), alloc::vec![phrase.clone()], format!("{bad}{}", a.key));
    }
    for width in [40, 80, 150] {
        let options = Options { width, title: true, ..Options::default() };
        let l = layout(&m, None, &options);
        let s = svg(&l, &SvgOptions { prefix: bad.into(), ..SvgOptions::default() });
        harmless(&s);
        assert!(!s.contains("<script"));
    }
}

#[test]
fn the_svg_has_every_region_arrow_and_actor_by_id() {
    use super::render::{svg, SvgOptions};
    let m = sample::howto();
    let s = svg(&layout(&m, None, &Options::default()), &SvgOptions::default());
    harmless(&s);
    golden("howto.svg", &s);
    for region in m.columns.iter().flat_map(|c| &c.regions) {
        assert!(s.contains(&format!("data-key=\"{}\"", region.key)), "{}", region.key);
    }
    for arrow in &m.arrows {
        assert!(s.contains(&format!("data-keys=\"{}\"", arrow.key)), "{}", arrow.key);
    }
}

/// Writes pictures to look at into the folder that `SHOW_SVG` names.
#[test]
fn pictures_to_look_at() {
    use super::render::{svg, SvgOptions, Theme};
    let Some(dir) = std::env::var_os("SHOW_SVG") else { return };
    let dir = std::path::PathBuf::from(dir);
    for (name, model) in
        [("howto", sample::howto()), ("guest", sample::guest()), ("crowd", sample::crowd(2000))]
    {
        for (w, width) in [("wide", 140u16), ("mid", 100), ("phone", 44)] {
            for (t, theme) in [("light", Theme::Light), ("dark", Theme::Dark)] {
                let lang = if t == "dark" { Lang::Zh } else { Lang::En };
                let l = layout(&model, None, &Options { width, lang, ..Options::default() });
                let s = svg(&l, &SvgOptions { theme, lang, ..SvgOptions::default() });
                std::fs::write(dir.join(format!("{name}-{w}-{t}.svg")), s).unwrap();
            }
        }
    }
}
