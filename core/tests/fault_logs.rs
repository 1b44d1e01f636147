//! Fault logs from the field, each with the whole answer that they get, in both languages.
//!
//! The inputs are in `data/faultlogs/cases`; `UPDATE_GOLDEN=1` writes the answers beside them.

use iommu_core::explain::logs::{parse_log, render, System};
use iommu_core::spec::Lang;
use std::fmt::Write;
use std::path::PathBuf;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/faultlogs/cases")
}

/// The cases of a file: heading and log.
fn cases(file: &str) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(folder().join(file)).unwrap();
    let mut cases: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        match line.strip_prefix("#### ") {
            Some(heading) => cases.push((heading.into(), String::new())),
            None => {
                let (_, log) = cases.last_mut().expect("a heading comes first");
                log.push_str(line);
                log.push('\n');
            }
        }
    }
    cases
}

const FILES: [&str; 8] = ["vtd", "amd", "arm", "others", "field", "reports", "own", "words"];

#[test]
fn a_line_says_no_more_than_it_does() {
    let said = |log: &str| [Lang::En, Lang::Zh].map(|lang| render(&parse_log(log), lang, false));
    // What a unit can do is not what it does.
    for line in [
        "arm-smmu-v3 arm-smmu-v3.0.auto: ias 44-bit, oas 44-bit (features 0x00008305)",
        "AMD-Vi: Extended features (0x58f77ef22294a5a, 0x0): PPR NX GT IA GA PC GA_vAPIC",
    ] {
        let [en, zh] = said(line);
        assert!(en.contains("found an IOMMU") && en.contains("not whether devices are translated"), "{en}");
        assert!(!zh.contains("正在转换") && !zh.contains("已启用"), "{zh}");
    }
    // A warning of the kernel's IOMMU code is about an IOMMU; one of another's is not.
    let at = |file| format!("WARNING: CPU: 3 PID: 12 at {file}:1264 iommu_dma_unmap_page+0x9c/0xa0");
    assert!(said(&at("drivers/iommu/dma-iommu.c"))[0].contains("not understood"));
    assert!(said(&at("net/core/dev.c"))[0].starts_with("Nothing about an IOMMU"));
    // A status line alone may be all that was copied.
    let [en, zh] = said("DMAR: DRHD: handling fault status reg 2");
    assert!(en.contains("not copied") && zh.contains("没有把故障记录一起贴来"), "{en}{zh}");
    // Stage 2 knows no user: its entries have S2AP.
    let stage = |stage| {
        format!(
            "arm-smmu-v3 a: event: F_PERMISSION client: 0000:00:03.0 sid: 0x18 ssid: 0x0 iova: 0x100000 ipa: 0x0\n\
             arm-smmu-v3 a: unpriv data write {stage} \"Input address caused fault\" stag: 0x0\n"
        )
    };
    assert!(said(&stage("s1"))[0].contains("AP[1]") && !said(&stage("s2"))[0].contains("AP[1]"));
}

/// As the command and the page answer: what a trace in a log shows its replay judges.
#[cfg(feature = "import")]
#[test]
fn every_case_has_its_whole_answer() {
    use iommu_core::import::trace::explain;
    for file in FILES {
        for (lang, tag) in [(Lang::En, "en"), (Lang::Zh, "zh")] {
            let mut out = String::new();
            for (heading, log) in cases(&format!("{file}.txt")) {
                let _ = writeln!(out, "#### {heading}\n{}", render(&explain(&log), lang, false));
            }
            let path = folder().join(format!("{file}.{tag}.golden"));
            if std::env::var_os("UPDATE_GOLDEN").is_some() {
                std::fs::write(&path, &out).unwrap();
            }
            let golden = std::fs::read_to_string(&path).unwrap_or_default();
            for (case, expect) in out.split("#### ").zip(golden.split("#### ")) {
                assert_eq!(case, expect, "{}", path.display());
            }
            assert_eq!(out.len(), golden.len(), "{}", path.display());
        }
    }
}

#[test]
fn no_control_character_reaches_a_terminal() {
    for file in FILES {
        for (heading, log) in cases(&format!("{file}.txt")) {
            for lang in [Lang::En, Lang::Zh] {
                let text = render(&parse_log(&log), lang, false);
                assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{heading}");
            }
        }
    }
}

/// Whatever another system than Linux prints, the whole answer has no word that only Linux has.
#[test]
fn no_answer_to_another_system_speaks_linux() {
    const LINUX: &str = include_str!("data/faultlogs/linux-words.txt");
    let mut seen = std::collections::BTreeSet::new();
    for file in FILES {
        for (heading, log) in cases(&format!("{file}.txt")) {
            let report = parse_log(&log);
            for item in report.items.iter().filter(|item| item.system != System::Linux) {
                seen.insert(format!("{:?}", item.system));
                for lang in [Lang::En, Lang::Zh] {
                    let mut said = vec![item.title.get(lang).to_string()];
                    for field in &item.fields {
                        said.push(field.meaning.get(lang).to_string());
                    }
                    for likely in &item.causes {
                        assert!(likely.cause.whom.has(item.system), "{heading}: {}", likely.cause.id);
                        said.push(likely.cause.text.get(lang).to_string());
                        said.push(likely.cause.how_to_tell(item.system, lang));
                        let clues = likely.because.iter().chain(&likely.despite);
                        said.extend(clues.map(|clue| clue.text().get(lang).to_string()));
                    }
                    for text in said {
                        let word = LINUX.lines().find(|word| text.contains(word));
                        assert!(word.is_none(), "{heading}: {word:?} in {text}");
                    }
                }
            }
        }
    }
    assert!(seen.len() >= 8, "{seen:?}");
}

/// Programs read the same: what is printed follows the schema, and the schema is the one that is documented.
#[cfg(feature = "cli")]
mod programs {
    use super::*;
    use iommu_core::explain::logs::answer::LogReport;
    use iommu_core::explain::logs::schema::schema;
    use serde_json::Value;
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    /// Does the value follow the schema? Only the keywords that ours has.
    fn follows(value: &Value, kind: &Value, all: &Value, path: &str) {
        if let Some(name) = kind["$ref"].as_str() {
            let kind = &all["$defs"][name.rsplit('/').next().unwrap()];
            assert!(kind.is_object(), "{path}: {name}");
            return follows(value, kind, all, path);
        }
        if let Some(kinds) = kind["anyOf"].as_array() {
            let kind = if value.is_null() { &kinds[1] } else { &kinds[0] };
            return follows(value, kind, all, path);
        }
        match kind["type"].as_str() {
            Some("object") => {
                let (have, want) = (value.as_object().expect(path), kind["properties"].as_object().unwrap());
                for key in have.keys() {
                    follows(&value[key], want.get(key).expect(key), all, &format!("{path}.{key}"));
                }
                for key in kind["required"].as_array().unwrap() {
                    assert!(have.contains_key(key.as_str().unwrap()), "{path} lacks {key}");
                }
            }
            Some("array") => {
                for (i, item) in value.as_array().expect(path).iter().enumerate() {
                    follows(item, &kind["items"], all, &format!("{path}[{i}]"));
                }
            }
            Some("integer") => assert!(value.is_u64(), "{path}: {value}"),
            Some("number") => assert!(value.is_number(), "{path}: {value}"),
            Some("boolean") => assert!(value.is_boolean(), "{path}: {value}"),
            Some("string") => assert!(value.is_string(), "{path}: {value}"),
            Some("null") => assert!(value.is_null(), "{path}: {value}"),
            other => panic!("{path}: {other:?}"),
        }
    }

    #[test]
    fn the_schema_is_the_documented_one() {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/explain.schema.json");
        let documented = std::fs::read_to_string(path).unwrap();
        assert_eq!(schema(), documented, "run `iommu-play explain --schema > docs/explain.schema.json`");
    }

    #[test]
    fn every_answer_follows_the_schema() {
        let all: Value = serde_json::from_str(&schema()).unwrap();
        for file in FILES {
            for (heading, log) in cases(&format!("{file}.txt")) {
                for lang in [Lang::En, Lang::Zh] {
                    let answer = serde_json::to_value(LogReport::new(&parse_log(&log), lang)).unwrap();
                    follows(&answer, &all, &all, &heading);
                }
            }
        }
    }

    fn status(args: &[&str], log: &str) -> (Option<i32>, String) {
        let mut child = Command::new(env!("CARGO_BIN_EXE_iommu-play"))
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let _ = child.stdin.take().unwrap().write_all(log.as_bytes());
        let out = child.wait_with_output().unwrap();
        (out.status.code(), String::from_utf8(out.stdout).unwrap())
    }

    #[test]
    fn the_status_says_whether_something_was_understood() {
        let fault = "DMAR: [DMA Read] Request device [00:02.0] fault addr 1000 [fault reason 06] x\n";
        for (args, log, want) in [
            (&["explain"][..], fault, 0),
            (&["explain", "--json"], fault, 0),
            (&["explain"], "hello\n", 1),
            (&["explain", "--json"], "hello\n", 1),
            (&["explain"], "", 1),
            (&["explain", "--nonsense"], fault, 2),
            (&["explain", "/no/such/file"], "", 2),
            (&["explain", "--schema"], "", 0),
        ] {
            let (code, out) = status(args, log);
            assert_eq!(code, Some(want), "{args:?} {log}");
            if args.contains(&"--json") {
                assert_eq!(serde_json::from_str::<Value>(&out).unwrap()["schema"], 1);
            }
        }
    }
}
