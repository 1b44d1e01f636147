//! `iommu-play oracle`: what it answers, what is wrong with lines, and the conformance files.

use serde_json::{json, Value};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const FILES: [&str; 4] = ["vt-d", "riscv", "smmuv3", "amd-vi"];

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs")
}

fn file(arch: &str) -> String {
    std::fs::read_to_string(docs().join(format!("conformance/{arch}.jsonl"))).expect("a conformance file")
}

/// Runs the command with this as its standard input.
fn oracle(args: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_iommu-play"))
        .arg("oracle")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut stdin = child.stdin.take().expect("its input");
    let input = input.to_vec();
    // In a thread of its own: it answers while it reads.
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let out = child.wait_with_output().expect("it ends");
    writer.join().expect("no panic").expect("it reads all");
    out
}

fn lines(out: &Output) -> Vec<Value> {
    let text = String::from_utf8_lossy(&out.stdout);
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn ask(value: &Value) -> Vec<Value> {
    lines(&oracle(&[], value.to_string().as_bytes()))
}

fn agree(out: &Output) -> (u64, u64) {
    let text = String::from_utf8_lossy(&out.stdout);
    let last = text.lines().last().unwrap_or_default();
    let number = |word: &str| {
        let before = last.split(word).next().unwrap_or_default().trim();
        before.rsplit([' ', ':']).next().and_then(|n| n.parse().ok()).unwrap_or(u64::MAX)
    };
    (number("agree"), number("differ"))
}

#[test]
fn every_conformance_file_agrees_and_says_whose_it_is() {
    for arch in FILES {
        let text = file(arch);
        let count = text.matches("\"expect\"").count() as u64;
        assert!(count > 100 && text.lines().all(|line| line.contains("\"source\"")), "{arch}");
        let path = docs().join(format!("conformance/{arch}.jsonl"));
        let out = oracle(&["--check", "--show", "3", &path.to_string_lossy()], b"");
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stdout));
        assert_eq!(agree(&out), (count, 0), "{arch}");
    }
}

#[test]
fn other_programs_answers_are_held_against_the_same_file() {
    let folder = std::env::temp_dir().join(format!("iommu-play-oracle-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let asked = folder.join("asked.jsonl");
    let text: String = file("riscv").lines().take(12).map(|line| format!("{line}\n")).collect();
    std::fs::write(&asked, &text).expect("a file");
    let asked = asked.to_string_lossy().into_owned();
    let answers = folder.join("answers.jsonl");
    let check = |content: &str| {
        std::fs::write(&answers, content).expect("a file");
        oracle(&["--check", "--show", "9", "--answers", &answers.to_string_lossy(), &asked], b"")
    };
    let ours = String::from_utf8(oracle(&["--brief", &asked], b"").stdout).expect("text");
    let count = text.matches("\"expect\"").count() as u64;
    assert_eq!(agree(&check(&ours)), (count, 0));
    // Upper case and plain numbers are the same numbers; another number is not.
    assert_eq!(agree(&check(&ours.replace("\"size\":4096", "\"size\":\"0X1000\""))), (count, 0));
    let changed = check(&ours.replace("\"code\":258", "\"code\":259"));
    let wrong = ours.matches("\"code\":258").count() as u64;
    assert!(wrong > 0 && !changed.status.success());
    assert_eq!(agree(&changed), (count - wrong, wrong));
    assert!(String::from_utf8_lossy(&changed.stdout).contains("expected: {\"code\":258"));
    // A program that stops early agrees no further; a file that expects nothing proves nothing.
    let short: String = ours.lines().take(3).map(|line| format!("{line}\n")).collect();
    assert!(!check(&short).status.success());
    std::fs::write(&asked, text.replace("\"expect\"", "\"id\"")).expect("a file");
    assert!(!check(&ours).status.success());
    std::fs::remove_dir_all(&folder).expect("the folder");
}

#[test]
fn the_documents_show_what_is_said() {
    for name in ["oracle.md", "oracle.zh.md"] {
        let text = std::fs::read_to_string(docs().join(name)).expect("a document");
        let blocks: Vec<&str> =
            text.split("```json\n").skip(1).filter_map(|b| b.split("```").next()).collect();
        let [asked, answered] = blocks[..] else { panic!("{name} has two examples") };
        let asked: Value = serde_json::from_str(asked).expect("JSON");
        let answered: Value = serde_json::from_str(answered).expect("JSON");
        assert_eq!(lines(&oracle(&["--brief"], asked.to_string().as_bytes())), [answered]);
        // All that may be written is in the tables.
        let said =
            lines(&oracle(&[], b"{\"x\":1}\n{\"oracle\":1,\"arch\":\"riscv\",\"requests\":[{\"x\":1}]}"));
        for error in &said {
            let known =
                error["error"].as_str().expect("an error").rsplit(": ").next().expect("a list").to_owned();
            for key in known.split(", ") {
                assert!(text.contains(&format!("`{key}`")), "{name}: {key}");
            }
        }
    }
}

#[test]
fn what_is_wrong_is_said_by_line_and_column_or_field_and_the_next_line_is_answered() {
    let good = json!({"oracle": 1, "arch": "riscv", "id": 7});
    let request = |change: Value| {
        let mut request = json!({"requester": 1, "address": 0, "op": "read"});
        request.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        json!({"oracle": 1, "arch": "riscv", "requests": [request]}).to_string()
    };
    let with = |key: &str, value: Value| {
        let mut line = json!({"oracle": 1, "arch": "vt-d"});
        line[key] = value;
        line.to_string()
    };
    let cases = [
        ("{\"oracle\":1,,}".to_owned(), json!({"column": 13})),
        ("[]".into(), json!({"field": "the line"})),
        (json!({"oracle": 2, "arch": "vt-d"}).to_string(), json!({"field": "oracle"})),
        (json!({"arch": "vt-d"}).to_string(), json!({"field": "oracle"})),
        (json!({"oracle": 1}).to_string(), json!({"field": "arch"})),
        (with("arch", json!("vax")), json!({"field": "arch"})),
        (with("memry", json!([])), json!({"field": "memry"})),
        (with("memory", json!([["0x8", 1], ["0x9", 1]])), json!({"field": "memory[1]"})),
        (with("memory", json!([[1]])), json!({"field": "memory[0]"})),
        (with("failures", json!([["0x8", 0, "access"]])), json!({"field": "failures[0]"})),
        (with("failures", json!([["0x8", 8, "flood"]])), json!({"field": "failures[0]"})),
        (with("registers", json!([["CAP", 1]])), json!({"field": "registers[0]"})),
        (with("registers", json!([["0x18", 3, 1]])), json!({"field": "registers[0]"})),
        (with("unit", json!({"efr": 1})), json!({"field": "unit.efr"})),
        (with("unit", json!({"cap": -1})), json!({"field": "unit.cap"})),
        (with("unit", json!({"host_bits": 80})), json!({"field": "unit"})),
        (with("caches", json!("yes")), json!({"field": "caches"})),
        (with("requests", json!([{"memory": []}])), json!({"field": "requests[0].memory"})),
        (request(json!({"pasid": 1 << 20})), json!({"field": "requests[0].pasid"})),
        (request(json!({"op": "erase"})), json!({"field": "requests[0].op"})),
        (request(json!({"address": "12"})), json!({"field": "requests[0].address"})),
        (request(json!({"requester": "0x1000000"})), json!({"field": "requests[0].requester"})),
        (request(json!({"adress": 1})), json!({"field": "requests[0].adress"})),
    ];
    for lang in ["en", "zh"] {
        let mut input = String::new();
        for (line, _) in &cases {
            input += &format!("{line}\n\n{good}\n");
        }
        let out = oracle(&["--lang", lang], input.as_bytes());
        assert_eq!(out.status.code(), Some(1));
        let said = lines(&out);
        assert_eq!(said.len(), cases.len() * 2);
        for (i, (line, place)) in cases.iter().enumerate() {
            let (error, next) = (&said[i * 2], &said[i * 2 + 1]);
            assert_eq!(error["line"], json!(i * 3 + 1), "{line}: {error}");
            for (key, value) in place.as_object().unwrap() {
                assert_eq!(&error[key], value, "{line}: {error}");
            }
            let chinese = error["error"].as_str().unwrap().chars().any(|c| c > '\u{2fff}');
            assert_eq!(chinese, lang == "zh", "{error}");
            assert_eq!(next, &json!({"oracle": 1, "arch": "riscv", "id": 7, "results": []}));
        }
    }
}

#[test]
fn sequences_keep_what_was_done_and_may_look() {
    // RISC-V with caches: Sv39, a page that moves; the cache says the old place until the command is taken.
    let table = |to: u64| json!(["0x40028", format!("{:#x}", to >> 12 << 10 | 0xd7)]);
    let asked = |n: u64| json!({"requester": "0x18", "address": format!("{:#x}", 0x5000 + n), "op": "write"});
    let line = json!({
        "oracle": 1, "arch": "riscv", "caches": true, "sequence": true,
        "memory": [["0x10600", 1], ["0x10618", "0x8000000000000020"], ["0x20000", "0xc001"], ["0x30000", "0x10001"],
            table(0x8000_0000)],
        "registers": [["cqb", format!("{:#x}", 0x5_0000u64 >> 12 << 10 | 3)], ["cqcsr", 1],
            ["ddtp", format!("{:#x}", 0x1_0000u64 >> 12 << 10 | 2)]],
        "requests": [asked(1), {"memory": [table(0x9000_0000)]}, asked(2),
            // IOTINVAL.VMA of everything, and an IOFENCE.C that writes nothing.
            {"memory": [["0x50000", 1], ["0x50008", 0], ["0x50010", 2], ["0x50018", 0]]}, {"registers": [["cqt", 2]], "id": "go"},
            asked(3), {"look": {"registers": ["cqh", "0x24"], "memory": ["0x40028"]}}],
    });
    let said = ask(&line);
    let results = said[0]["results"].as_array().unwrap_or_else(|| panic!("{said:?}"));
    let to = |i: usize| results[i]["address"].as_str().unwrap_or("none").to_owned();
    assert_eq!([to(0), to(2), to(5)], ["0x80000001", "0x80000002", "0x90000003"], "{}", said[0]);
    assert_eq!((&results[2]["cached"], &results[4]["id"]), (&json!(true), &json!("go")));
    let read =
        results[4]["steps"].as_array().unwrap().iter().filter(|step| step.get("read").is_some()).count();
    assert_eq!(read, 2, "two commands");
    assert_eq!(results[6]["registers"], json!({"cqh": "0x2", "0x24": "0x2"}));
    assert_eq!(results[6]["memory"][0][0], json!("0x40028"));
}

/// Damaged lines are answered, each with one line, and none stops the command.
#[test]
fn any_line_is_answered_with_one_line() {
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |n: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % n
    };
    let mut input = Vec::new();
    let mut count = 0;
    for arch in FILES {
        let text = file(arch);
        let all: Vec<&str> = text.lines().collect();
        for _ in 0..150 {
            let mut line = all[next(all.len())].as_bytes().to_vec();
            // Half of them only get other digits: mostly still JSON, and other machines.
            let digits_only = next(2) == 0;
            let times = if digits_only { 1 } else { 1 + next(4) };
            for _ in 0..times {
                let at = next(line.len());
                match if digits_only { 3 } else { next(4) } {
                    0 => line[at] = b"0123456789abcdef\",:[]{}-\x00\xff"[next(26)],
                    1 => drop(line.remove(at)),
                    2 => line.truncate(at.max(1)),
                    _ => {
                        let digits = line.iter_mut().skip(at).filter(|byte| byte.is_ascii_digit());
                        digits.take(1 + next(3)).for_each(|byte| *byte = b'0' + (*byte + 7) % 10);
                    }
                }
            }
            line.retain(|byte| *byte != b'\n');
            if line.trim_ascii().is_empty() {
                continue;
            }
            count += 1;
            input.extend(line);
            input.push(b'\n');
        }
    }
    let out = oracle(&["--brief"], &input);
    let said = lines(&out);
    assert_eq!(said.len(), count, "{}", String::from_utf8_lossy(&out.stderr));
    let answered = said.iter().filter(|line| line.get("results").is_some()).count();
    println!("{answered} of {count} answered");
    assert!(answered > 50 && said.iter().all(|l| l.get("results").is_some() != l.get("error").is_some()));
}
