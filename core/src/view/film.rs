//! A range of steps as one animated SVG, which plays wherever an image does, and the ideas of a run as a page that
//! prints.
//!
//! Nothing of a run's picture moves between steps but the token, so a frame shares nearly all of its elements with the
//! others: each element is written once, with the times at which it is seen (SMIL's discrete `animate`).

use super::player::Player;
use crate::diagram::render::svg::{escape, SvgOptions};
use crate::diagram::render::{stylesheet, svg, Theme};
use crate::diagram::text::wrap;
use crate::diagram::Options;
use crate::spec::Lang;
use alloc::{collections::BTreeMap, format, string::String, vec, vec::Vec};

/// The most frames of a film; of more positions some are left out.
const FRAMES: usize = 120;
/// How long a frame is seen: at least, for each character that is to be read, at most, and the last one longer.
const LEAST: f32 = 1.2;
const READING: f32 = 0.035;
const MOST: f32 = 6.0;
const REST: f32 = 2.0;
/// How long a film is at most; of what repeats itself the third time and later ones are hurried for it.
const ALL: f32 = 40.0;
const TOLD: usize = 2;
const HURRIED: f32 = 0.3;
/// A film is as wide as a slide of its height.
const SHAPE: (i32, i32) = (16, 9);

/// Groups of a picture, back to front.
const LAYERS: [&str; 7] = ["wires", "pieces", "ticks", "trail", "actors", "texts", "token"];

const TRAIL: usize = 3;
const TOKEN: usize = 6;

/// One frame.
struct Frame {
    width: i32,
    height: i32,
    /// The elements of each layer.
    layers: Vec<Vec<String>>,
    said: String,
    seconds: f32,
}

impl Player {
    /// An animated SVG of the positions `from` to `to`: of every stop in between, with what happened below.
    pub fn film(&mut self, from: usize, to: usize, theme: Theme, options: &Options) -> String {
        let len = self.viewer.len();
        let (from, to) = (from.min(to).min(len), to.max(from).min(len));
        let stops = self.viewer.stops();
        let mut at: Vec<usize> = vec![from];
        at.extend(stops.iter().map(|s| *s as usize).filter(|s| (from + 1..to).contains(s)));
        if to > from {
            at.push(to);
        }
        let apart = at.len().div_ceil(FRAMES).max(1);
        let mut shown: Vec<usize> = at.iter().copied().step_by(apart).collect();
        if shown.last() != at.last() {
            shown.extend(at.last());
        }
        let frames = shown.iter().map(|&at| {
            let said = self.viewer.view(at, options.lang).sentence;
            (at, said)
        });
        let frames: Vec<(usize, String)> = frames.collect();
        self.film_of(&frames, theme, options)
    }

    /// An animated SVG of a run's ideas, each with its note and what came of it.
    pub fn film_of_ideas(&mut self, theme: Theme, options: &Options) -> String {
        let ideas = self.ideas(options.lang);
        // A Chinese full stop has its own room.
        let gap = if options.lang == Lang::En { " " } else { "" };
        let said = |idea: &super::types::Stop| match &idea.outcome {
            Some(outcome) => format!("{}{gap}{}", idea.sentence, outcome.text),
            None => idea.sentence.clone(),
        };
        let frames: Vec<(usize, String)> = ideas.iter().map(|idea| (idea.to as usize, said(idea))).collect();
        self.film_of(&frames, theme, options)
    }

    fn film_of(&mut self, frames: &[(usize, String)], theme: Theme, options: &Options) -> String {
        let said: Vec<&str> = frames.iter().map(|(_, said)| said.as_str()).collect();
        let frames = frames.iter().zip(times(&said)).map(|((at, said), seconds)| {
            let drawn = self.draw(*at, super::export::Form::Svg, theme, options);
            Frame { seconds, said: said.clone(), ..frame(&drawn) }
        });
        let frames: Vec<Frame> = frames.collect();
        join(&frames, theme, options.lang)
    }

    /// The ideas of a run as a page that prints: a picture, its sentence and its outcome each.
    pub fn handout(&mut self, lang: Lang) -> String {
        let head = self.head(lang);
        let (tag, answer, is) = match lang {
            Lang::En => ("en", "The answer", ": "),
            Lang::Zh => ("zh-Hans", "答案", "："),
        };
        let options = Player::as_on_the_page(lang);
        let mut out = format!(
            "<!doctype html>\n<html lang=\"{tag}\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
             content=\"width=device-width\">\n<title>{0}</title>\n<style>{PAPER}{1}</style>\n<main>\n<h1>{0}</h1>\n",
            escape(&head.title),
            stylesheet(Theme::Light),
        );
        let ideas = self.ideas(lang);
        for (i, idea) in ideas.iter().enumerate() {
            let model = self.model(idea.to as usize);
            let layout = self.lay_out(&model, &options);
            let picture = svg(
                &layout,
                &SvgOptions { prefix: format!("s{i}"), theme: Theme::Light, style: false, lang },
            );
            out += &format!(
                "<article>\n<h2>{} / {}</h2>\n<p>{}</p>\n",
                i + 1,
                ideas.len(),
                escape(&idea.sentence)
            );
            if let Some(outcome) = &idea.outcome {
                out += &format!("<p><b>{}</b>{is}{}</p>\n", escape(&outcome.word), escape(&outcome.text));
            }
            out += &format!("<figure>{picture}</figure>\n</article>\n");
        }
        if !head.answer.is_empty() {
            out += &format!("<article>\n<h2>{answer}</h2>\n<p>{}</p>\n</article>\n", escape(&head.answer));
        }
        if !head.sources.is_empty() {
            let sources: Vec<String> = head.sources.iter().map(|s| escape(s)).collect();
            out += &format!("<footer>{}</footer>\n", sources.join("<br>\n"));
        }
        out + "</main>\n</html>\n"
    }
}

/// The style of a page that prints.
const PAPER: &str = "\
:root{color-scheme:light}\
body{max-width:1100px;margin:24px auto;padding:0 24px;font:16px/1.5 system-ui,sans-serif;color:#1c2128;background:#fff}\
h1{font-size:24px}h2{font-size:14px;color:#57606a;margin:0}p{margin:4px 0;max-width:80ch}\
article{break-inside:avoid;margin:0 0 32px}figure{margin:8px 0}figure svg{width:100%;height:auto;max-height:86vh}\
footer{font-size:13px;color:#57606a}\
@page{margin:14mm}@media print{body{margin:0;padding:0;max-width:none;font-size:11pt}figure svg{max-height:150mm}}";

/// How long each of these is seen, one after the other.
fn times(said: &[&str]) -> Vec<f32> {
    let read = |said: &&str| (LEAST + READING * said.chars().count() as f32).min(MOST);
    let mut times: Vec<f32> = said.iter().map(read).collect();
    if times.iter().sum::<f32>() + REST > ALL {
        // What differs in numbers alone was told before.
        let mut told: BTreeMap<String, usize> = BTreeMap::new();
        for (said, time) in said.iter().zip(&mut times) {
            let shape = said.split(' ').filter(|w| !w.contains(|c: char| c.is_ascii_digit()));
            let before = told.entry(shape.collect()).or_default();
            *before += 1;
            if *before > TOLD {
                *time = HURRIED;
            }
        }
    }
    let hurry = (ALL - REST) / times.iter().sum::<f32>().max(0.1);
    times.iter_mut().for_each(|time| *time *= hurry.min(1.0));
    if let Some(last) = times.last_mut() {
        *last += REST;
    }
    times
}

/// Takes a picture apart. What stands below it is left out: a film says it itself.
fn frame(drawn: &str) -> Frame {
    let number = |name: &str| {
        let from = drawn.find(&format!(" {name}=\"")).map(|at| at + name.len() + 3);
        let digits = from.and_then(|at| drawn.get(at..)).and_then(|rest| rest.split('"').next());
        digits.and_then(|n| n.parse().ok()).unwrap_or(0)
    };
    let mut layers: Vec<Vec<String>> = vec![Vec::new(); LAYERS.len()];
    // The trail stands between groups.
    let mut layer: Option<usize> = None;
    let mut token = String::new();
    for line in drawn.lines() {
        if let Some(class) = line.strip_prefix("<g class=\"ip-") {
            let at = LAYERS.iter().position(|name| class.strip_prefix(name) == Some("\">"));
            if at.is_some() {
                layer = at;
                continue;
            }
        }
        if line == "</g>" && token.is_empty() {
            layer = None;
        } else if line.contains("class=\"ip-trail") || line.contains("class=\"ip-leg") {
            layers[TRAIL].push(bare(line));
        } else if line.contains("class=\"ip-mark") && token.is_empty() {
            // An interrupt's, which was delivered before.
            layers[TOKEN].push(bare(line));
        } else if line.contains("class=\"ip-token") {
            token = bare(line);
        } else if !token.is_empty() {
            token.push_str(line);
            if line == "</g>" {
                layers[TOKEN].push(core::mem::take(&mut token));
                break;
            }
        } else if let Some(at) = layer {
            layers[at].push(bare(line));
        }
    }
    Frame { width: number("width"), height: number("height"), layers, said: String::new(), seconds: 0.0 }
}

/// An element without its `id`s: it may be there in more than one form. (In text a quote is escaped.)
fn bare(line: &str) -> String {
    let mut parts = line.split(" id=\"");
    let mut out = String::from(parts.next().unwrap_or_default());
    for rest in parts {
        out += rest.split_once('"').map_or("", |(_, rest)| rest);
    }
    out
}

fn join(frames: &[Frame], theme: Theme, lang: Lang) -> String {
    let drawn = frames.iter().map(|f| f.width).max().unwrap_or(0);
    // The pictures are of one run, so of one size but for what stands below each.
    let below = frames.iter().map(|f| f.height).min().unwrap_or(0);
    let wide = drawn.max(below * SHAPE.0 / SHAPE.1);
    // What is said has a larger face than the picture: 9 px a cell at most, and a margin.
    let cells = (wide / 9 - 4).max(20);
    let said: Vec<Vec<String>> = frames.iter().map(|f| wrap(&f.said, cells)).collect();
    let height = below + 20 * said.iter().map(Vec::len).max().unwrap_or(0) as i32 + 12;
    let width = wide.max((height * SHAPE.0 + SHAPE.1 - 1) / SHAPE.1);
    let times: Vec<f32> = frames
        .iter()
        .scan(0.0, |sum, f| {
            let at = *sum;
            *sum += f.seconds;
            Some(at)
        })
        .collect();
    let all = (times.last().copied().unwrap_or(0.0) + frames.last().map_or(0.0, |f| f.seconds)).max(0.1);
    let tag = if lang == Lang::Zh { "zh-CN" } else { "en" };
    let (background, ink) =
        if theme == Theme::Dark { ("#14171c", "#e3e7ed") } else { ("#ffffff", "#1c2128") };
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"ip-diagram\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" role=\"img\" lang=\"{tag}\" font-family=\"ui-monospace, SFMono-Regular, \
         Menlo, Consolas, DejaVu Sans Mono, Noto Sans Mono CJK SC, Noto Sans CJK SC, monospace\" font-size=\"13\">\n\
         <title>{}</title>\n<style>{}</style>\n<rect class=\"ip-bg\" width=\"{width}\" height=\"{height}\" \
         fill=\"{background}\"/>\n",
        escape(frames.first().map_or("iommu-playground", |f| f.said.as_str())),
        stylesheet(theme),
    );
    let mut layers: Vec<Vec<Vec<String>>> =
        (0..LAYERS.len()).map(|l| frames.iter().map(|f| f.layers[l].clone()).collect()).collect();
    let lines = said.iter().map(|lines| {
        let line = |(i, text): (i32, &String)| {
            let y = below + 8 + 20 * i;
            format!(
                "<text class=\"ip-text ip-caption\" x=\"16\" y=\"{y}\" font-size=\"14\" fill=\"{ink}\">{}</text>",
                escape(text)
            )
        };
        (0..).zip(lines).map(line).collect()
    });
    layers.push(lines.collect());
    let middle = (width - drawn) / 2;
    for (i, layer) in layers.iter().enumerate() {
        // The picture in the middle, what is said at the left.
        out += &if i < LAYERS.len() && middle > 0 {
            format!("<g transform=\"translate({middle} 0)\">\n")
        } else {
            String::from("<g>\n")
        };
        // Each element once, in the order in which they first are seen, with the frames that have it.
        let mut order: Vec<&str> = Vec::new();
        let mut seen: BTreeMap<&str, Vec<bool>> = BTreeMap::new();
        for (i, elements) in layer.iter().enumerate() {
            for element in elements {
                let frames = seen.entry(element).or_insert_with(|| {
                    order.push(element);
                    vec![false; layer.len()]
                });
                frames[i] = true;
            }
        }
        for element in order {
            out += &timed(element, &seen[element], &times, all);
        }
        out += "</g>\n";
    }
    out + "</svg>\n"
}

/// An element with the times at which it is seen. Where nothing plays, the last frame is.
fn timed(element: &str, seen: &[bool], times: &[f32], all: f32) -> String {
    if seen.iter().all(|s| *s) {
        return format!("{element}\n");
    }
    let word = |seen: bool| if seen { "visible" } else { "hidden" };
    let (mut keys, mut values) = (String::new(), String::new());
    let mut before = None;
    for (&now, &at) in seen.iter().zip(times) {
        if before != Some(now) {
            let sign = if before.is_some() { ";" } else { "" };
            keys += &format!("{sign}{:.4}", at / all);
            values += &format!("{sign}{}", word(now));
            before = Some(now);
        }
    }
    format!(
        "<g visibility=\"{}\">{element}<animate attributeName=\"visibility\" dur=\"{all:.2}s\" \
         repeatCount=\"indefinite\" calcMode=\"discrete\" keyTimes=\"{keys}\" values=\"{values}\"/></g>\n",
        word(seen.last() == Some(&true))
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::presets::PRESETS;

    #[test]
    fn a_film_has_every_frame_once_and_at_its_time() {
        let preset = PRESETS.iter().find(|p| p.name == "why-iommu").unwrap();
        let mut player = Player::open(preset.text).unwrap();
        let options = Player::as_on_the_page(Lang::En);
        let film = player.film_of_ideas(Theme::Light, &options);
        let doc = roxmltree::Document::parse(&film).unwrap();
        let tokens =
            doc.descendants().filter(|n| n.attribute("class").is_some_and(|c| c.starts_with("ip-token")));
        assert!(tokens.count() >= 2, "the token is somewhere else in another idea");
        for animate in doc.descendants().filter(|n| n.has_tag_name("animate")) {
            let list = |name| animate.attribute(name).unwrap_or_default().split(';').collect::<Vec<_>>();
            let (keys, values) = (list("keyTimes"), list("values"));
            assert_eq!((keys.len(), keys[0]), (values.len(), "0.0000"));
            assert!(values.windows(2).all(|v| v[0] != v[1]));
        }
        assert!(!film.contains(" id=\""), "an id may be there twice");
        let alone = player.draw(player.viewer.len(), crate::view::export::Form::Svg, Theme::Light, &options);
        let ideas = player.ideas(Lang::En).len();
        assert!(film.len() < alone.len() * ideas, "what does not move is written once");
        let steps = player.film(0, player.viewer.len(), Theme::Dark, &options);
        assert!(roxmltree::Document::parse(&steps).is_ok());
    }

    /// As wide as a slide, and over while somebody still looks: also of the longest lesson, step by step.
    #[test]
    fn a_film_is_as_a_slide_and_short() {
        for name in ["two-stages", "nested-walk", "address-space"] {
            let preset = PRESETS.iter().find(|p| p.name == name).unwrap();
            let mut player = Player::open(preset.text).unwrap();
            let options = Player::as_on_the_page(Lang::En);
            let (start, end) = (player.start() as usize, player.viewer.len());
            for film in [
                player.film(start, end, Theme::Light, &options),
                player.film_of_ideas(Theme::Light, &options),
            ] {
                let doc = roxmltree::Document::parse(&film).unwrap();
                let size = |name| doc.root_element().attribute(name).unwrap().parse::<i32>().unwrap();
                assert!(size("width") * SHAPE.1 >= size("height") * SHAPE.0, "{name}");
                let lasts = doc.descendants().find_map(|n| n.attribute("dur")).unwrap();
                let lasts: f32 = lasts.trim_end_matches('s').parse().unwrap();
                assert!((LEAST..=ALL + 0.1).contains(&lasts), "{name}: {lasts} s");
            }
        }
    }

    #[test]
    fn a_handout_has_every_idea_and_the_answer() {
        let preset = PRESETS.iter().find(|p| p.name == "why-iommu").unwrap();
        let mut player = Player::open(preset.text).unwrap();
        for lang in [Lang::En, Lang::Zh] {
            let page = player.handout(lang);
            let ideas = player.ideas(lang);
            assert_eq!(page.matches("<svg").count(), ideas.len());
            assert!(ideas.iter().all(|idea| page.contains(&escape(&idea.sentence))));
            assert!(page.contains(&escape(&player.head(lang).answer)) && !page.contains("<script"));
        }
    }
}
