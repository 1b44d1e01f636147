//! A picture laid out, as the page draws it.

use super::types::{Hex, Scene, SceneActor, SceneInterrupt, ScenePiece, SceneText, SceneToken, SceneWire};
use crate::addr::Bytes;
use crate::diagram::layout::{Content, Layout, Of, PlacedActor, PlacedPiece};
use crate::diagram::{text, words};
use crate::spec::Lang;
use alloc::{format, string::String, vec::Vec};
use core::fmt::Debug;

/// A layout's places for the page.
pub fn scene(layout: &Layout, lang: Lang) -> Scene {
    // A box of folded devices opens as a fold of a column does.
    let folds = layout.actors.iter().filter(|a| !a.holds.is_empty());
    let pieces = layout.pieces.iter().map(|p| piece(p, lang)).chain(folds.map(crowd));
    let texts = layout.texts.iter().map(|t| SceneText {
        x: t.x,
        middle: t.middle,
        cells: text::width(&t.text),
        text: t.text.clone(),
        role: name(&t.role),
        wire: match t.of {
            Of::Wire(i) => Some(i as u32),
            _ => None,
        },
    });
    let wires = layout.wires.iter().map(|w| SceneWire {
        points: w.points.clone(),
        kind: name(&w.kind),
        state: name(&w.state),
        touch: w.touch.map(|t| name(&t)),
        touching: (w.touching[0], w.touching[1]),
        hint: w.label.clone() + &words::rights(w.perms, lang),
    });
    let actors = layout.actors.iter().filter(|a| a.holds.is_empty()).map(|a| SceneActor {
        key: a.key.clone(),
        kind: name(&a.kind),
        x: a.x,
        y: a.y,
        width: a.width,
        height: a.height,
        touch: a.touch.map(|t| name(&t)),
    });
    Scene {
        width: layout.width,
        height: layout.height,
        pieces: pieces.collect(),
        rules: layout.rules.iter().map(|r| (r.x, r.y, if r.tick { -r.width } else { r.width })).collect(),
        texts: texts.collect(),
        wires: wires.collect(),
        actors: actors.collect(),
        links: layout.links.clone(),
        token: layout.token.as_ref().map(|t| SceneToken {
            path: t.path.clone(),
            step_from: t.step_from as u32,
            label: t.label.clone(),
            fate: name(&t.fate),
            shortcut: t.shortcut,
            interrupt: t
                .interrupt
                .as_ref()
                .map(|i| SceneInterrupt { path: i.path.clone(), label: i.label.clone() }),
        }),
        summary: layout.summary.clone(),
    }
}

/// A variant's name, as a class for the page's style.
fn name(value: &impl Debug) -> String {
    let mut text = format!("{value:?}");
    text.make_ascii_lowercase();
    text
}

/// The box of those who are folded: its key is the focus that opens it, its hint their names.
fn crowd(a: &PlacedActor) -> ScenePiece {
    // Of a key only the name is for readers.
    let names = a.holds.iter().map(|key| key.split_once(':').map_or(key.as_str(), |(_, name)| name));
    ScenePiece {
        column: a.key.clone(),
        kind: "fold".into(),
        first: Hex(0),
        last: Hex(0),
        x: a.x,
        width: a.width,
        top: 2 * a.y + 1,
        bottom: 2 * (a.y + a.height - 1) + 1,
        touch: a.touch.map(|t| name(&t)),
        hint: names.collect::<Vec<_>>().join(", "),
    }
}

fn piece(p: &PlacedPiece, lang: Lang) -> ScenePiece {
    let size = |first: u64, last: u64| match (last - first).checked_add(1) {
        Some(bytes) => format!("{}", Bytes(bytes)),
        None => "16 EiB".into(),
    };
    let range = |first: u64, last: u64| format!("{first:#x} .. {last:#x}, {}", size(first, last.max(first)));
    let (kind, hint) = match &p.content {
        Content::Region { kind, label, owner, state, whole, .. } => {
            let mut parts: Vec<String> = Vec::new();
            let what = words::region(*kind)[0].get(lang);
            parts.push(if label.is_empty() { what.into() } else { format!("{label} ({what})") });
            parts.push(range(whole.0, whole.1));
            parts.extend(Some(owner.clone()).filter(|o| !o.is_empty()));
            parts.extend(state.map(|s| words::owner(s).get(lang).into()));
            (name(kind), parts.join("\n"))
        }
        Content::Gap => ("gap".into(), range(p.first, p.last)),
        Content::Fold { keys, .. } => {
            ("fold".into(), format!("{} ×\n{}", keys.len(), range(p.first, p.last)))
        }
    };
    ScenePiece {
        column: p.column.clone(),
        kind,
        first: Hex(p.first),
        last: Hex(p.last),
        x: p.x,
        width: p.width,
        top: p.top,
        bottom: p.bottom,
        touch: p.touch.map(|t| name(&t)),
        hint,
    }
}
