//! A run as text at one of the three depths: what a reader reads, in the order of the stops.

use super::types::{Depth, Stop};
use super::Player;
use crate::explain::ending::Kind as OutcomeKind;
use crate::spec::Lang;
use alloc::{format, string::String};

/// The sign of an ending, as the page shows it.
pub fn sign(kind: OutcomeKind) -> char {
    match kind {
        OutcomeKind::Arrived => '+',
        OutcomeKind::Refused => 'x',
        OutcomeKind::Wrong | OutcomeKind::Lost => '!',
        OutcomeKind::Interrupted => '*',
        OutcomeKind::Answered => '?',
        OutcomeKind::Mapped | OutcomeKind::Unmapped => '=',
        OutcomeKind::Done => '-',
    }
}

/// The run as text: title, stops at `depth`, and the answer.
pub fn transcript(player: &Player, depth: Depth, lang: Lang) -> String {
    let head = player.head(lang);
    let mut out = String::new();
    if !head.title.is_empty() {
        out += &format!("{}\n", head.title);
    }
    let (ideas, operations) = (player.ideas(lang), player.operations(lang));
    let of = if lang == Lang::Zh { "/" } else { " of " };
    for (at, idea) in ideas.iter().enumerate() {
        let number = format!("{}{of}{}", at + 1, ideas.len());
        out += &format!("\n{number}   {}\n", idea.sentence);
        let inside = &operations[idea.first as usize..(idea.first + idea.children) as usize];
        match (depth, &idea.outcome) {
            (Depth::Idea, Some(outcome)) if outcome.text != idea.sentence => {
                let word = match lang {
                    Lang::En => format!("{}: ", outcome.word),
                    Lang::Zh => format!("【{}】", outcome.word),
                };
                out += &format!("    {} {word}{}\n", sign(outcome.kind), outcome.text);
            }
            (Depth::Idea, _) => {}
            _ => inside.iter().for_each(|stop| operation(player, stop, depth, lang, &mut out)),
        }
    }
    if !head.answer.is_empty() {
        let (answer, try_this) =
            if lang == Lang::Zh { ("【答案】", "【试一试】") } else { ("The answer: ", "Try it: ") };
        out += &format!("\n{answer}{}\n", head.answer);
        if !head.try_this.is_empty() {
            out += &format!("{try_this}{}\n", head.try_this);
        }
    }
    out
}

fn operation(player: &Player, stop: &Stop, depth: Depth, lang: Lang, out: &mut String) {
    let source = player.viewer.cast().line(stop.line);
    let kind = stop.outcome.as_ref().map_or(OutcomeKind::Done, |o| o.kind);
    if stop.repeats == 0 {
        *out += &format!("    {:>4}  {source}\n", stop.line);
    }
    if depth == Depth::Read {
        let inside = player.inside(Depth::Operation, stop.from, stop.to, lang);
        for read in inside {
            let opens = if read.children > 0 { '>' } else { ' ' };
            *out += &format!("        {opens} {}\n", read.sentence);
        }
    }
    *out += &format!("        {} {}\n", sign(kind), stop.sentence);
}
