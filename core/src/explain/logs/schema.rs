//! What `explain --json` prints, described: as a JSON Schema for programs, and as a table for readers. Both are made from
//! the types themselves.

use super::answer::{SCHEMA, TYPES};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// `how_to_tell` as JSON has it: `howToTell`.
fn camel(name: &str) -> String {
    let mut out = String::new();
    for (i, part) in name.split('_').enumerate() {
        let mut chars = part.chars();
        match (i, chars.next()) {
            (0, _) => out.push_str(part),
            (_, Some(first)) => {
                out.push(first.to_ascii_uppercase());
                out.push_str(chars.as_str());
            }
            _ => {}
        }
    }
    out
}

/// A type of Rust as the keywords of a JSON Schema.
fn keywords(rust: &str) -> String {
    let inside = |outer: &str| rust.strip_prefix(outer).and_then(|rest| rest.strip_suffix('>'));
    if let Some(inner) = inside("Option<") {
        return format!(r#""anyOf": [{{ {} }}, {{ "type": "null" }}]"#, keywords(inner));
    }
    if let Some(inner) = inside("Vec<") {
        return format!(r#""type": "array", "items": {{ {} }}"#, keywords(inner));
    }
    match rust {
        "u32" => String::from(r#""type": "integer", "minimum": 0"#),
        "f64" => String::from(r#""type": "number""#),
        "bool" => String::from(r#""type": "boolean""#),
        "String" | "&'staticstr" => String::from(r#""type": "string""#),
        other => format!(r##""$ref": "#/$defs/{other}""##),
    }
}

/// Returns the JSON Schema (draft 2020-12) of what `explain --json` prints.
pub fn schema() -> String {
    let mut out = format!(
        "{{\n  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n  \"title\": \"iommu-play explain --json, version {SCHEMA}\",\n  \"$ref\": \"#/$defs/{}\",\n  \"$defs\": {{",
        TYPES[0].0
    );
    for (i, (name, fields)) in TYPES.iter().enumerate() {
        let comma = if i == 0 { "" } else { "," };
        let required: Vec<String> =
            fields.iter().map(|(field, ..)| format!("\"{}\"", camel(field))).collect();
        let required = required.join(", ");
        out.push_str(&format!(
            "{comma}\n    \"{name}\": {{\n      \"type\": \"object\",\n      \"required\": [{required}],\n      \"properties\": {{"
        ));
        for (j, (field, rust, words)) in fields.iter().enumerate() {
            let comma = if j == 0 { "" } else { "," };
            let words = words.concat().trim().replace('\\', "\\\\").replace('"', "\\\"");
            let kind = keywords(&rust.replace(' ', ""));
            out.push_str(&format!(
                "{comma}\n        \"{}\": {{ \"description\": \"{words}\", {kind} }}",
                camel(field)
            ));
        }
        out.push_str("\n      }\n    }");
    }
    out.push_str("\n  }\n}\n");
    out
}

/// Returns the fields of all types, with what they mean, as a Markdown table.
pub fn fields_table() -> String {
    let mut out = String::from("| type | field | meaning |\n|---|---|---|\n");
    for (name, fields) in TYPES {
        for (field, _, words) in *fields {
            out.push_str(&format!("| {name} | `{}` | {} |\n", camel(field), words.concat().trim()));
        }
    }
    out
}
