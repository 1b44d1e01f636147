//! The tables of the documentation, from the tables that the code uses.

use super::causes::{named, Cause, CAUSES};
use super::evidence::{Weight, RULES};
use super::formats::forms;
use crate::spec::{Lang, Text};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// Returns every wording that is read as a Markdown table: whose, the wording, and which program prints it.
pub fn forms_table(lang: Lang) -> String {
    let heads = match lang {
        Lang::En => "| speaker | form | printed by |",
        Lang::Zh => "| 来源 | 格式 | 打印者 |",
    };
    let mut out = format!("{heads}\n|---|---|---|\n");
    let mut all: Vec<_> = forms().collect();
    all.sort_by_key(|form| form.arch);
    for form in all {
        let wording = form.plain().replace('|', "\\|");
        out.push_str(&format!("| {} | `{wording}` | {} |\n", form.arch.name(), form.source));
    }
    out
}

/// Returns every cause as a Markdown table: what it is, what speaks for and against it, and the public reports that
/// taught it.
pub fn causes_table(lang: Lang) -> String {
    let heads = match lang {
        Lang::En => "| cause | decides | for | against or rules out | known from |",
        Lang::Zh => "| 原因 | 决定性证据 | 佐证 | 反证或排除 | 来源 |",
    };
    let mut out = format!("{heads}\n|---|---|---|---|---|\n");
    for cause in CAUSES {
        let of = |weights: &[Weight]| clues(cause, weights, lang);
        out.push_str(&format!(
            "| {} | {} | {} | {} | {} |\n",
            cause.text.get(lang),
            of(&[Weight::Decides]),
            of(&[Weight::For]),
            of(&[Weight::Against, Weight::Excludes]),
            cause.taught_by.iter().map(|source| named(source, lang)).collect::<Vec<_>>().join(", ")
        ));
    }
    out
}

fn clues(cause: &Cause, weights: &[Weight], lang: Lang) -> String {
    let said: Vec<&str> = RULES
        .iter()
        .filter(|rule| rule.cause == cause && weights.contains(&rule.weight))
        .map(|rule| rule.clue.text().get(lang))
        .collect();
    said.join(Text::new("; ", "；").get(lang))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The part of a document between its marks.
    fn between<'a>(document: &'a str, name: &str) -> &'a str {
        let (start, end) = (format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->"));
        let from = document.find(&start).unwrap_or_else(|| panic!("no {start}")) + start.len();
        &document[from..from + document[from..].find(&end).unwrap()]
    }

    #[test]
    fn the_documents_have_the_tables_of_the_code() {
        let english = include_str!("../../../../docs/fault-logs.md");
        let chinese = include_str!("../../../../docs/fault-logs.zh.md");
        for (document, lang) in [(english, Lang::En), (chinese, Lang::Zh)] {
            let hint = "run `iommu-play explain --tables docs/fault-logs.md docs/fault-logs.zh.md`";
            assert_eq!(between(document, "forms").trim(), forms_table(lang).trim(), "{hint}");
            assert_eq!(between(document, "causes").trim(), causes_table(lang).trim(), "{hint}");
        }
    }
}
