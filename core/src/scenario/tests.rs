use super::*;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// The sketch of the design, made better.
const SKETCH: &str = r#"iommu-playground 1
title "One NIC, straight into a guest"
title.zh "一块网卡，直通给客户机"
machine vt-d scalable width 48 iotlb 64
iommu strict
ram 0 .. 3G
bridge cpu 0xc000_0000 +256M -> bus 0x8000_0000

# the only device
device nic 00:03.0 mask 64 pasid
  bar 0 64K at bus 0x8001_0000
  engine linked-list max-payload 256
vm blue ram 0 +64M at 0x1_0000_0000
process db in blue pasid 7
steps
  attach nic to blue
  bind nic to db pasid 7
  note "Three pages, from all over."
  note.zh "三页，各在一处。"
  map db 0x7f00_0000_0000 +12K rw scattered
  dma nic write 0x7f00_0000_0000 +6000 pasid 7 data pattern  # two pages touched
  expect fault none
  expect fault vt-d 0x6 riscv 13 at 0x7f00_0000_0000
"#;

fn ok(text: &str) -> Scenario {
    parse(text).unwrap_or_else(|p| panic!("{p}\n{text}"))
}

/// The lines alone, whatever the names in them are.
fn lines(text: &str) -> Scenario {
    let (scenario, problems) = parse::read(text);
    assert!(problems.is_empty(), "{}\n{text}", Problems(problems));
    scenario
}

/// The lines that say something.
fn said(scenario: &Scenario) -> Vec<&ast::Line> {
    scenario.lines.iter().filter(|l| l.statement.is_some() || l.comment.is_some()).collect()
}

#[test]
fn the_sketch_is_canonical() {
    let scenario = ok(SKETCH);
    assert_eq!(print(&scenario), SKETCH);
    let outline = Outline::new(&scenario);
    assert_eq!(outline.title.zh, Some("一块网卡，直通给客户机"));
    assert_eq!(outline.devices[0].bars.len(), 1);
    assert_eq!(outline.steps.len(), 6);
    assert_eq!(outline.steps[2].notes[0].zh, Some("三页，各在一处。"));
}

#[test]
fn spelling_and_spacing_become_canonical() {
    let text = "iommu-playground 1\r\n\n\nram  0..4G   #all\nsteps\n#one\nalloc rx 0x1800   scattered\ncpu read rx+0x0\n\n\n";
    let printed = print(&ok(text));
    assert_eq!(
        printed,
        "iommu-playground 1\n\nram 0 .. 4G  #all\nsteps\n  #one\n  alloc rx 0x1800 scattered\n  cpu read rx\n"
    );
    assert_eq!(ok(&printed), ok(&print(&ok(&printed))));
}

/// The problems of a step line, after a minimal machine.
fn step_problem(line: &str) -> String {
    let text = alloc::format!("iommu-playground 1\nsteps\n{line}\n");
    parse(&text).expect_err(line).to_string()
}

#[test]
fn problems_say_where_what_and_what_would_be_right() {
    for (line, message) in [
        ("dmaa nic read 0", "3:1: `dmaa` is no statement; did you mean `dma`?"),
        ("dma nic wirte 0", "3:9: expected `read` or `write`, found `wirte`; did you mean `write`?"),
        (
            "dma nic write 0x1000 +4K pasdi 7",
            "3:26: expected `pasid`, `data`, `privileged`, `execute`, `translated`, `requester`, `times` or `stride`, found `pasdi`; did you mean `pasid`?",
        ),
        ("dma nic write 0x1000 +4K pasid", "3:31: expected a PASID from 0 to 1048575, found the end of the line"),
        ("dma nic write 0x1_0000_0000_0000_0000 +4K", "3:15: `0x1_0000_0000_0000_0000` does not fit 64 bits"),
        ("dma nic write 0x1000+4K", "3:21: a length is a word of its own: write a space before `+4K`"),
        ("map d0 0x2000 .. 0x1000", "3:8: the range ends before it begins"),
        ("map d0 0xffff_ffff_ffff_f000 +8K", "3:8: the range runs past the end of 64 bits"),
        ("map d0 0 +4K rw r", "3:17: `r` comes after `rw`: only one of them fits (3:14: the first is here)"),
        ("alloc rx 4K high high", "3:18: `high` is given twice (3:13: the first is here)"),
        ("cpu raed 0", "3:5: expected `read`, `write`, `evict`, `in`, `out`, `config-read` or `config-write`, found `raed`; did you mean `read`?"),
        ("expect fault none", "3:1: nothing has been done yet that this could be about"),
        ("rx = alloc nic 4K", "3:1: this statement gives nothing that could take a name"),
        ("dma_map_single nic rx to-device", "3:1: this call gives an address: name it, as in `rx = ...`"),
        ("device nic 00:03.0", "3:1: `device` must stand before `steps` (2:1: the steps begin here)"),
        ("fill rx \"abc", "3:13: expected `\"` to end the text, found the end of the line"),
        ("fill rx \"a\\q\"", "3:11: expected `\\n`, `\\t`, `\\r`, `\\\"` or `\\\\`, found `\\q`"),
        ("fill 网卡 \"a\" x", "3:6: expected an address such as `0x1000`, `rx+0x40` or `nic.bar0`, found `网卡`"),
        ("note \"x\"", "3:1: this note has no statement after it"),
    ] {
        let found = step_problem(line);
        assert!(found.ends_with(message) || found.contains(message), "{line}\n  {found}\n  {message}");
    }
    assert!(parse("").is_err());
    assert!(parse("iommu-playgroung 1")
        .unwrap_err()
        .to_string()
        .contains("did you mean `iommu-playground`?"));
    assert!(parse("iommu-playground 2").is_ok());
    assert!(parse("iommu-playground 3").unwrap_err().to_string().starts_with("1:18: language version 3"));
    let big = "#".repeat(MAX_TEXT + 1);
    assert!(parse(&big).unwrap_err().to_string().contains("262145 bytes"));
}

#[test]
fn spans_find_their_text() {
    let text = "iommu-playground 1\ntitle \"网卡\" oops\n";
    let problem = &parse(text).unwrap_err().0[0];
    assert_eq!(&text[problem.span.bytes(text)], "oops");
}

#[test]
fn every_verb_is_one_of_a_kind_and_describes_itself() {
    let entries = reference::reference();
    let mut verbs: Vec<_> = entries.iter().map(|e| e.verb).collect();
    verbs.sort_unstable();
    verbs.dedup();
    assert_eq!(verbs.len(), entries.len());
    let device = entries.iter().find(|e| e.verb == "device").unwrap();
    assert!(
        device.syntax.starts_with("device NAME BDF [behind PORT] [mask BITS] [pasid]"),
        "{}",
        device.syntax
    );
}

#[test]
fn names_must_be_known_and_of_the_right_kind() {
    let head = "iommu-playground 1\ndevice nic 00:03.0\nvm blue\nprocess db in blue\nsteps\nalloc buf 4K\nrx = dma_map_single nic buf to-device\n";
    for (line, message) in [
        ("dma nik read rx", "8:5: nothing is called `nik` here; did you mean `nic`?"),
        ("dma nic read rxx", "8:14: nothing is called `rxx` here; did you mean `rx`?"),
        ("dma db read rx", "8:5: expected the name of a device; `db` is a process (4:9: it is given here)"),
        ("dma nic read nic.bar9", "8:14: `nic` is a device: it has no part `bar9`; did you mean `bar0`?"),
        ("alloc nic 4K", "8:7: the name `nic` is taken by a device (2:8: it is given here)"),
        ("free rx", "8:6: expected the name of a buffer; `rx` is a DMA address (7:1: it is given here)"),
        ("cpu read tx", "8:10: nothing is called `tx` here; did you mean `rx`?"),
    ] {
        assert_eq!(parse(&alloc::format!("{head}{line}\n")).expect_err(line).to_string(), message);
    }
    // A call may give its name again; an operation's name is not known before it.
    ok(&alloc::format!(
        "{head}dma_unmap_single rx\nrx = dma_map_single nic buf to-device\nattach nic to blocked\n"
    ));
    assert!(parse("iommu-playground 1\nsteps\nfree buf\nalloc buf 4K\n").is_err());
}

#[test]
fn names_are_found_with_their_roles() {
    let scenario = lines("iommu-playground 1\nsteps\nrx = dma_map_single nic buf+0x40 to-device\n");
    let statement = scenario.lines[2].statement.as_ref().unwrap();
    let found: Vec<_> = mentions(statement).into_iter().map(|m| (m.name, m.role)).collect();
    use noun::Noun;
    assert_eq!(
        found,
        [("rx".into(), Noun::NewName), ("nic".into(), Noun::Device), ("buf".into(), Noun::Address)]
    );
}

/// Lines made from the syntax lines: every statement with every clause, each in and out.
mod generated {
    use super::*;
    use proptest::prelude::*;

    /// A sample of what a slot of the syntax line stands for, or the word itself.
    fn sample(slot: &str, pick: usize) -> String {
        let choices: &[&str] = match slot {
            "ADDRESS" => {
                &["0x1000", "0", "rx", "nic.bar0", "rx.pa+0x40", "4G", "buf+1K", "0xffff_ffff_ffff_0000"]
            }
            "ADDRESS..." => &["rx", "a b+0x800 c", "0x1000"],
            "+LENGTH" => &["+4K", "+1", "+0x2000"],
            "SIZE" | "COUNT" | "NUMBER" => &["1", "64K", "0x40", "6000"],
            "BITS" => &["32", "64", "0"],
            "VERSION" => &["1", "2"],
            "PAGE" => &["4K", "2M", "1G"],
            "1|2|4|8" => &["1", "2", "4", "8"],
            "1|2" => &["1", "2"],
            "BDF" => &["00:03.0", "0001:3a:1f.7"],
            "PASID" => &["7", "1048575"],
            "VECTOR" => &["0x41", "255"],
            "BAR" => &["0", "5"],
            "BYTE" => &["0xff"],
            "LEVEL" => &["1", "4"],
            "SEGMENT" => &["1", "255"],
            "OFFSET" => &["0x10"],
            "DEVICE|BDF" => &["nic", "00:03.0"],
            "DOMAIN|VM|pass-through|blocked" => &["d0", "pass-through"],
            "\"TEXT\"" => &["\"a \\\"b\\\" # \\\\ 网卡\"", "\"\""],
            "REGISTER" => &["0x34", "FSTS_REG", "fqcsr"],
            "ERROR" => &["none", "\"is full\""],
            "DATA" => {
                &["\"hello\"", "byte 0xff", "hex \"de ad\"", "pattern", "pattern 7", "zero", "of rx+0x10"]
            }
            "VALUE|DATA" => &["1", "0xffff_ffff", "\"hello\"", "pattern"],
            "FAULT" => &["none", "0x6", "any"],
            "NAME" | "DEVICE" | "PORT" | "PROCESS" | "VM" | "DOMAIN" | "SPACE" | "BUFFER" | "HANDLE" => {
                &["a", "nic", "rx-ring_2"]
            }
            word if word.contains('|') => {
                let words: Vec<&str> = word.split('|').collect();
                return words[pick % words.len()].to_string();
            }
            word => return word.to_string(),
        };
        choices[pick % choices.len()].to_string()
    }

    /// One line of `syntax`: `seed` decides which clauses stand and what fills the slots.
    fn line(syntax: &str, mut seed: u64) -> String {
        let mut next = || {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed as usize
        };
        // ` | ` at the top separates alternatives of what is left of the line, up to a clause.
        let (head, tail) =
            syntax.split_once(" [").map_or((syntax, String::new()), |(h, t)| (h, alloc::format!("[{t}")));
        let mut words: Vec<String> = Vec::new();
        match head.split_once(" | ") {
            None => words.extend(head.split(' ').map(|w| sample(w, next()))),
            Some((left, right)) => {
                // `verb ... A | B C`: the alternatives are the last word of `left`, and `right`.
                let (common, last) = left.rsplit_once(' ').unwrap_or(("", left));
                words.extend(common.split(' ').map(|w| sample(w, next())));
                if next() % 2 == 0 {
                    words.push(sample(last, next()));
                } else {
                    words.extend(right.split(' ').map(|w| sample(w, next())));
                }
            }
        }
        let mut rest = tail.as_str();
        while let Some(start) = rest.find(['[', ']']) {
            words.extend(rest[..start].split_whitespace().map(|w| sample(w, next())));
            let opens = rest[start..].starts_with('[');
            rest = &rest[start + 1..];
            if opens && next() % 2 != 0 {
                rest = &rest[clause(rest)..];
            }
        }
        words.extend(rest.split_whitespace().map(|w| sample(w, next())));
        words.join(" ")
    }

    /// Where the clause ends whose bracket was opened before `rest`: others may stand in it.
    fn clause(rest: &str) -> usize {
        let mut depth = 1;
        let end = rest.find(|c| {
            depth += i32::from(c == '[') - i32::from(c == ']');
            depth == 0
        });
        end.map_or(rest.len(), |at| at + 1)
    }

    /// A scenario with the line where it may stand.
    fn wrap(verb: &str, line: &str) -> String {
        let before = match verb {
            MAGIC => return alloc::format!("{line}\n"),
            "steps" => "",
            "bar" | "sriov" | "vf-bar" | "local" | "engine" | "vectors" => "device d 00:01.0\n",
            "window" => "rootport p 00:01.0\n",
            verb if verb.starts_with("expect") => "steps\nflush\n",
            verb if ast::Operation::VERBS.iter().any(|(v, _)| *v == verb) => "steps\n",
            _ => "",
        };
        let after = if verb.starts_with("note") { "\nram 0 +4K" } else { "" };
        alloc::format!("iommu-playground 1\n{before}{line}{after}\n")
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn every_statement_reads_what_its_syntax_says_and_prints_it_back(seed in 1u64..) {
            for entry in reference::reference() {
                let line = line(&entry.syntax, seed);
                let text = wrap(entry.verb, &line);
                let (scenario, problems) = parse::read(&text);
                prop_assert!(problems.is_empty(), "{}\n{}\n{}", entry.syntax, Problems(problems), text);
                let printed = print(&scenario);
                prop_assert_eq!(&lines(&printed), &scenario, "{}", text);
                prop_assert_eq!(print(&lines(&printed)), printed);
            }
        }

        #[test]
        fn any_text_is_read_without_a_panic(text in any::<String>()) {
            let _ = parse(&text);
            let _ = parse(&alloc::format!("iommu-playground 1\n{text}"));
        }

        #[test]
        fn any_words_are_read_without_a_panic_and_what_is_right_prints_back(
            words in proptest::collection::vec(
                (0usize..64, 0usize..16, any::<u64>()), 0..200),
        ) {
            let mut text = String::from("iommu-playground 1\n");
            let entries = reference::reference();
            for (kind, spaces, seed) in words {
                match kind {
                    0..=19 => {
                        // A right line, in one piece or cut short.
                        let entry = &entries[seed as usize % entries.len()];
                        let mut whole = line(&entry.syntax, seed | 1);
                        if spaces == 0 {
                            whole.truncate(whole.char_indices().nth(seed as usize % 40).map_or(0, |(i, _)| i));
                        }
                        text.push('\n');
                        text.push_str(&whole);
                    }
                    20 => text.push_str(" # why\n"),
                    21 => text.push_str("\nsteps\n"),
                    22 => text.push('"'),
                    23 => text.push_str("->"),
                    24 => text.push_str(".."),
                    25 => text.push('='),
                    26 => text.push('+'),
                    27 => text.push('\u{3000}'),
                    28 => text.push('\n'),
                    _ => {
                        text.push_str(&" ".repeat(spaces));
                        text.push_str(entries[seed as usize % entries.len()].verb);
                    }
                }
            }
            let (scenario, problems) = parse_all(&text);
            for problem in problems {
                let _ = (problem.to_string(), &text[problem.span.bytes(&text)]);
            }
            let _ = Outline::new(&scenario);
            if let (scenario, []) = (scenario, &parse::read(&text).1[..]) {
                // Printing takes empty lines away (all at the ends, all but one in between) and nothing else.
                let printed = print(&scenario);
                let again = lines(&printed);
                prop_assert_eq!(said(&again), said(&scenario));
                prop_assert_eq!(print(&again), printed);
            }
        }
    }

    #[test]
    fn the_longest_scenario_is_read_in_one_go() {
        let mut text = String::from("iommu-playground 1\nsteps\n");
        for _ in 0..MAX_STEPS {
            text.push_str("poke 0 1\n");
        }
        let scenario = ok(&text);
        assert_eq!(Outline::new(&scenario).steps.len(), MAX_STEPS);
        text.push_str("poke 0 1\n");
        assert!(parse(&text).unwrap_err().to_string().contains("more than 20000 steps"));
    }
}

#[test]
fn a_name_that_is_too_long_is_told_how_long_it_may_be() {
    let (fits, long) = ("n".repeat(MAX_NAME), "n".repeat(MAX_NAME + 8));
    let text =
        |name: &str| format!("iommu-playground 1\nmachine vt-d\nram 0 .. 1G\ndevice {name} 00:03.0\nsteps\n");
    ok(&text(&fits));
    let problems = parse(&text(&long)).unwrap_err();
    let said = problems.to_string();
    assert!(said.contains("a name has at most 40 characters; this one has 48"), "{said}");
    // What is no name at all is still told what one is.
    let said = parse(&text(&format!("3{long}"))).unwrap_err().to_string();
    assert!(said.contains("expected a name"), "{said}");
    // And before `=`.
    let text = format!("{}  alloc {long} 4K\n  {long} = dma_map_single n n from-device\n", text("n"));
    let said = parse(&text).unwrap_err().to_string();
    assert_eq!(said.matches("at most 40").count(), 2, "{said}");
}
