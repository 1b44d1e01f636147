//! `docs/rosetta.md` and `docs/rosetta.zh.md` are what the machines say now; `UPDATE_DOCS=1` writes them.

use iommu_core::spec::Lang;
use iommu_core::view::rosetta::{rosetta, Machines};

/// Where the links of the documents lead: the page of this checkout, once it is served.
const BASE: &str = "http://localhost:8080/";

#[test]
fn the_documents_are_the_machines_own() {
    let machines = Machines::run();
    for (lang, name) in [(Lang::En, "rosetta.md"), (Lang::Zh, "rosetta.zh.md")] {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name);
        let text = rosetta(&machines, lang).markdown(BASE);
        let (first, rest) = text.split_once("\n\n").unwrap();
        let other = match lang {
            Lang::En => "中文版：[rosetta.zh.md](rosetta.zh.md)",
            Lang::Zh => "English: [rosetta.md](rosetta.md)",
        };
        let note = match lang {
            Lang::En => {
                "Generated from running machines. `./build.sh serve` serves the page that the arrows lead to."
            }
            Lang::Zh => "由运行的机器生成。箭头指向 `./build.sh serve` 提供的页面。",
        };
        let text = format!("{first}\n\n{other}\n\n{note}\n\n{rest}");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let there = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            there == text,
            "{name} is not what the machines say: UPDATE_DOCS=1 cargo test --test rosetta writes it"
        );
    }
}
