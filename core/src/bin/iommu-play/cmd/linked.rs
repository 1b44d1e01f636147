//! What a link in a document opens: `iommu-play figures` answers `{"link": ADDRESS}` with its scenario, what is passed over of it, and
//! whether its place is one of the run, so that a documentation tool finds a link that has gone wrong.

use super::figures::{Ran, Runs, Wrong};
use iommu_core::link::{decode, Link, Position};
use iommu_core::spec::Lang;
use iommu_core::view::links::read;
use iommu_core::view::types::Course;
use serde_json::{json, Value};

/// What a link opens, or why it opens nothing.
pub(super) fn linked(address: &str, lang: Lang, runs: &mut Runs) -> Result<Value, Vec<Wrong>> {
    let link = decode(address).map_err(|error| Wrong::request(error.message(lang)))?;
    let mut said = passed_over(&link, lang);
    match runs.of(link.target.text(), lang) {
        Ok(Ran { course, .. }) => {
            let at = link.options.at.as_ref();
            said.extend(at.and_then(|at| gone(at, course, address, lang)));
        }
        // People share texts to ask what is wrong: the link opens, and the page says what.
        Err(problems) => said.extend(problems.into_iter().take(1).map(|problem| problem.message)),
    }
    let warnings: Vec<Value> = said.into_iter().flat_map(Wrong::request).map(|one| one.json()).collect();
    Ok(json!({ "link": address, "warnings": warnings, "stopped": [] }))
}

/// Why the place of a link is none of the run.
fn gone(at: &Position, course: &Course, address: &str, lang: Lang) -> Option<String> {
    let why = match (at, at.among(&course.marks)) {
        (Position::Step(step), _) if *step > course.length => match lang {
            Lang::En => format!("the run has {} steps", course.length),
            Lang::Zh => format!("这次运行只有 {} 步", course.length),
        },
        (_, Some(_)) => return None,
        (_, None) => match (read(address, lang).no_fault, lang) {
            (why, _) if !why.is_empty() => why,
            (_, Lang::En) => "no access of the run is refused so".into(),
            (_, Lang::Zh) => "这次运行中没有访问被这样拒绝".into(),
        },
    };
    Some(match lang {
        Lang::En => format!("at={at}: {why}"),
        Lang::Zh => format!("at={at}：{why}"),
    })
}

fn passed_over(link: &Link, lang: Lang) -> Vec<String> {
    let said = |part: &String| match (link.why(part), lang) {
        (Some(why), Lang::En) => format!("{part} is passed over: {}", why.en),
        (Some(why), Lang::Zh) => format!("略过了 {part}：{}", why.zh),
        (None, Lang::En) => format!("{part} is not understood"),
        (None, Lang::Zh) => format!("读不懂 {part}"),
    };
    link.ignored.iter().map(said).collect()
}
