//! Fault logs for the page: what `explain::logs` reads, in one language, as JSON.
//!
//! A module of its own, loaded when the box is first opened: it weighs as much as the rest of a first visit may.
//!
//! The report is made of a few short strings, so a writer of a few lines does; the page's types are in
//! `www/src/explain/types.ts`.

use iommu_core::explain::logs::{parse_log, Certainty, Item, Kind};
use iommu_core::spec::Lang;
use wasm_bindgen::prelude::*;

/// Reads a log and tells what it says, in Chinese or English: JSON of the page's type `Report`.
#[wasm_bindgen(js_name = explainLog)]
pub fn explain_log(text: &str, zh: bool) -> String {
    let report = parse_log(text);
    let lang = if zh { Lang::Zh } else { Lang::En };
    let mut out = Json::default();
    out.open('{');
    out.key("lines");
    out.number(report.lines);
    out.key("items");
    out.open('[');
    for one in report.items.iter().filter(|item| !matches!(item.kind, Kind::Other)) {
        item(&mut out, one, lang);
    }
    out.close(']');
    out.close('}');
    out.text
}

fn item(out: &mut Json, item: &Item, lang: Lang) {
    out.open('{');
    let (kind, nearest) = match &item.kind {
        Kind::Fault(_) => ("fault", None),
        Kind::Status => ("status", None),
        Kind::Tables => ("tables", None),
        Kind::Unknown { nearest } => ("unknown", *nearest),
        Kind::Other => ("other", None),
    };
    out.pair("kind", kind);
    out.key("first");
    out.number(item.lines.first);
    out.key("last");
    out.number(item.lines.last);
    out.pair("title", item.title.get(lang));
    out.pair("arch", item.arch.map_or("", |arch| arch.name()));
    out.key("times");
    out.number(item.repeats.len() + 1);
    out.key("fields");
    out.open('[');
    for field in &item.fields {
        out.open('{');
        out.pair("name", field.name.get(lang));
        out.pair("value", field.value.get(lang));
        out.pair("meaning", field.meaning.get(lang));
        out.key("inferred");
        out.bool(field.certainty == Certainty::Inferred);
        out.close('}');
    }
    out.close(']');
    out.key("causes");
    out.open('[');
    for cause in &item.causes {
        out.open('{');
        out.pair("text", cause.text.get(lang));
        out.pair("howToTell", cause.how_to_tell.get(lang));
        out.close('}');
    }
    out.close(']');
    if let Some(scenario) = &item.scenario {
        out.pair("scenario", &scenario.text);
    }
    if let Some(form) = nearest {
        out.pair("nearest", form.wording);
        out.pair("source", form.source);
    }
    out.close('}');
}

/// Writes JSON: the commas and the escapes.
#[derive(Default)]
struct Json {
    text: String,
    /// A value stands before the next one, at this depth.
    comma: bool,
}

impl Json {
    fn next(&mut self) {
        if self.comma {
            self.text.push(',');
        }
        self.comma = true;
    }
    fn open(&mut self, bracket: char) {
        self.next();
        self.text.push(bracket);
        self.comma = false;
    }
    fn close(&mut self, bracket: char) {
        self.text.push(bracket);
        self.comma = true;
    }
    fn key(&mut self, key: &str) {
        self.string(key);
        self.text.push(':');
        self.comma = false;
    }
    fn pair(&mut self, key: &str, value: &str) {
        self.key(key);
        self.string(value);
    }
    fn number(&mut self, value: usize) {
        self.next();
        self.text.push_str(&value.to_string());
    }
    fn bool(&mut self, value: bool) {
        self.next();
        self.text.push_str(if value { "true" } else { "false" });
    }
    fn string(&mut self, value: &str) {
        self.next();
        self.text.push('"');
        for c in value.chars() {
            match c {
                '"' => self.text.push_str("\\\""),
                '\\' => self.text.push_str("\\\\"),
                c if c < ' ' => self.text.push_str(&format!("\\u{:04x}", c as u32)),
                c => self.text.push(c),
            }
        }
        self.text.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_json_whatever_was_pasted() {
        let log =
            "DMAR: [DMA Write] Request device [00:12.0] fault addr 0 [fault reason 05] x\nDMAR \"\\\u{1}中\n";
        for zh in [false, true] {
            let json: serde_json::Value = serde_json::from_str(&explain_log(log, zh)).unwrap();
            assert_eq!(json["lines"], 2);
            assert_eq!(json["items"][0]["kind"], "fault");
            assert_eq!(json["items"][0]["first"], 1);
            assert!(json["items"][0]["scenario"].as_str().unwrap().starts_with("iommu-playground 1\n"));
            assert_eq!(json["items"][1]["kind"], "unknown");
        }
        assert_eq!(explain_log("", false), r#"{"lines":0,"items":[]}"#);
    }
}
