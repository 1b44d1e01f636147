//! The command line: help, completions, the manual page, and what happens to a wrong call.

use std::process::{Command, Output};

fn play(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_iommu-play")).args(args).output().expect("it runs")
}

/// What is said of an input, to whoever reads answers.
fn answered(args: &[&str], input: &str) -> String {
    use std::io::Write;
    let mut child = Command::new(env!("CARGO_BIN_EXE_iommu-play"))
        .args(args)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    text(&child.wait_with_output().unwrap().stdout)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

const COMMANDS: [&str; 15] = [
    "figures",
    "check",
    "completions",
    "draw",
    "explain",
    "fmt",
    "gallery",
    "link",
    "man",
    "oracle",
    "replay",
    "run",
    "serve",
    "unlink",
    "where",
];

#[test]
fn help_completions_and_the_manual_page_name_every_command() {
    let help = play(&["--help"]);
    assert!(help.status.success() && help.stderr.is_empty());
    let man = text(&play(&["man"]).stdout);
    for command in COMMANDS {
        assert!(text(&help.stdout).contains(&format!("\n  {command} ")), "{command}");
        assert!(man.contains(&format!("iommu\\-play\\-{command}")), "{command}");
        assert!(play(&[command, "--help"]).status.success(), "{command}");
    }
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = text(&play(&["completions", shell]).stdout);
        assert!(script.contains("recover") && script.contains("specification"), "{shell}");
    }
}

#[test]
fn a_wrong_call_exits_with_2_says_what_is_wrong_and_prints_nothing_else() {
    for (args, what) in [
        (&[][..], "Usage"),
        (&["fly"], "fly"),
        (&["draw"], "SCENARIO"),
        (&["draw", "why-iommu", "--at", "x"], "--at"),
        (&["draw", "why-iommu", "--lang", "fr"], "zh"),
        (&["draw", "why-iommu", "--colour"], "--colour"),
        (&["link", "why-iommu", "--depth", "deep"], "operation"),
        (&["link", "why-iommu", "--base", ""], "--base"),
        (&["replay"], "FILE"),
        (&["replay", "--show"], "--show"),
        (&["unlink"], "URL"),
        (&["unlink", "a", "b"], "b"),
        (&["where", "why-iommu"], "ADDRESS"),
        (&["explain", "--tables"], "--tables"),
    ] {
        let out = play(args);
        assert_eq!(out.status.code(), Some(2), "{args:?}");
        assert!(out.stdout.is_empty(), "{args:?}");
        assert!(text(&out.stderr).contains(what), "{args:?}: {}", text(&out.stderr));
    }
    // What an argument holds cannot command the terminal.
    assert!(!text(&play(&["\u{1b}]0;x\u{7}"]).stderr).contains('\u{7}'));
}

#[test]
fn both_ways_to_choose_a_language_work_everywhere() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/machine/sva.scn");
    for args in [&["run"][..], &["draw", "--title"], &["where"], &["check"]] {
        let with = |more: &[&str]| {
            let mut args: Vec<&str> = [args, &[file]].concat();
            args.extend((args[0] == "where").then_some("0x7f00_0000_1000"));
            let out = play(&[&args, more].concat());
            assert!(out.status.success(), "{args:?} {more:?}: {}", text(&out.stderr));
            text(&out.stdout)
        };
        assert_eq!(with(&["--zh"]), with(&["--lang", "zh"]));
        assert_eq!(with(&[]), with(&["--lang=en"]));
        assert!(args[0] == "check" || args[0] == "draw" || with(&[]) != with(&["--zh"]), "{args:?}");
    }
}

#[test]
fn help_the_manual_page_and_what_is_wrong_are_in_the_language_that_is_asked_for() {
    let said = |args: &[&str]| {
        let out = play(args);
        text(&out.stdout) + &text(&out.stderr)
    };
    assert_eq!(said(&["help", "run", "--lang", "zh"]), said(&["run", "--help", "--zh"]));
    assert_eq!(said(&["help", "run"]), said(&["run", "--help"]));
    assert_eq!(said(&["--zh", "help"]), said(&["--help", "--zh"]));
    assert!(said(&["help", "run", "--lang", "zh"]).contains("用法："));
    let man = said(&["man", "--lang", "zh"]);
    for english in ["NAME", "SYNOPSIS", "DESCRIPTION", "SUBCOMMANDS", "Print ", "default"] {
        assert!(!man.contains(english), "{english}");
    }
    let refused = said(&["gallery", "--zh", "--pictures", "/proc/nope"]);
    assert!(refused.contains("/proc/nope：") && !refused.contains("os error"), "{refused}");
    let missing = said(&["draw", "why-iommu", "--zh", "--at", "fault:0x1"]);
    assert!(missing.contains("这次运行里没有这种转换错误"), "{missing}");
    let answer = answered(&["figures", "--zh"], "no JSON\n");
    assert!(answer.contains("这不是 JSON，第 1 行第 2 列："), "{answer}");
    let answer = answered(&["oracle", "--zh"], "{\"arc\":1}\n");
    assert!(answer.contains("这里没有这一项；有：oracle、arch、"), "{answer}");
    // Where the command line names no language that there is, the system's holds.
    let out = Command::new(env!("CARGO_BIN_EXE_iommu-play"))
        .args(["run", "why-iommu", "--lang", "xx"])
        .env("LC_ALL", "zh_CN.UTF-8")
        .output()
        .expect("it runs");
    assert!(text(&out.stderr).starts_with("错误："), "{}", text(&out.stderr));
}

#[test]
fn the_command_that_a_log_leads_to_draws_the_fault() {
    let log = "DMAR: [DMA Write NO_PASID] Request device [00:1f.2] fault addr 0xfffe1000 [fault reason 0x05] PTE Write access is not set";
    let path = std::env::temp_dir().join(format!("iommu-play-{}.log", std::process::id()));
    std::fs::write(&path, log).expect("a file");
    let answer = text(&play(&["explain", path.to_str().expect("a name")]).stdout);
    std::fs::remove_file(&path).expect("a file");
    let command = answer.split_once("iommu-play draw ").expect("a command").1.lines().next().expect("a line");
    // Which rung it is stands behind, as a shell's comment.
    let command = command.split("  #").next().expect("a command").trim_end();
    let drawn = |args: &[&str]| text(&play(&[&["draw"], args].concat()).stdout);
    let words: Vec<&str> = command.split(' ').collect();
    assert_eq!(words, ["fault-ladder", "--at", "fault:0x5"]);
    // The token at the foot of the picture is a refused one.
    assert!(drawn(&words).contains("\nx IOVA"), "{}", drawn(&words));
    assert_ne!(drawn(&words), drawn(&["fault-ladder"]));
    assert_eq!(play(&["draw", "fault-ladder", "--at", "falt"]).status.code(), Some(2));
}

#[test]
fn a_depth_that_there_is_not_shows_ideas_and_says_so() {
    let out = play(&["run", "--depth", "deep", "why-iommu"]);
    assert!(out.status.success() && text(&out.stderr).contains("there is no depth `deep`"));
    assert_eq!(text(&out.stdout), text(&play(&["run", "--depth=idea", "why-iommu"]).stdout));
}

#[test]
fn a_film_has_a_frame_for_each_stop_and_a_handout_a_picture_for_each_idea() {
    let drawn = |args: &[&str]| {
        let out = play(&[&["draw", "why-iommu"], args].concat());
        assert!(out.status.success() && out.stderr.is_empty(), "{args:?}: {}", text(&out.stderr));
        text(&out.stdout)
    };
    let transcript = text(&play(&["run", "--depth=idea", "why-iommu"]).stdout);
    let [film, part] = ["ideas", "40..80"].map(|steps| drawn(&["--steps", steps]));
    for film in [&film, &part] {
        assert!(film.starts_with("<svg") && film.trim_end().ends_with("</svg>") && film.contains("<animate"));
    }
    assert_ne!(film, part);
    let handout = drawn(&["--handout"]);
    // A picture an idea, and the answer.
    let ideas = handout.matches("<svg").count();
    assert!(transcript.contains(&format!("\n{ideas} of {ideas} ")), "{ideas} ideas");
    assert_eq!(handout.matches("<article>").count(), ideas + 1);
    assert!(drawn(&["--handout", "--zh"]).contains("答案"));
    for wrong in [
        &["--steps", "80"][..],
        &["--steps", "a..b"],
        &["--steps", "1..2", "--at", "3"],
        &["--handout", "--svg"],
    ] {
        assert_eq!(play(&[&["draw", "why-iommu"], wrong].concat()).status.code(), Some(2), "{wrong:?}");
    }
}

#[test]
fn figures_answer_each_line_with_a_line_and_say_where_a_wrong_one_is_wrong() {
    use std::io::Write;
    let requests = [
        r#"{"preset":"why-iommu","at":"fault","width":70}"#,
        r#"{"preset":"why-iomu"}"#,
        r#"{"scenario":"iommu-playground 1\nmachine x\n","lang":"zh"}"#,
        r#"{"preset":"why-iommu","arch":"smmuv3","at":"start"}"#,
        r#"{"preset":"stream-id","arch":"vt-d"}"#,
        r#"{"preset":"why-iommu","at":"falt"}"#,
        "no JSON",
        "{}",
        "[\n{\"preset\":\"howto\",\"theme\":\"light\",\n\"id\":\"a\"},\n\n{\"preset\":\"hwto\",\"id\":7}]",
    ];
    let mut child = Command::new(env!("CARGO_BIN_EXE_iommu-play"))
        .args(["figures", "--en"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(requests.join("\n").as_bytes()).unwrap();
    let out = child.wait_with_output().unwrap();
    // Of a list, what is wrong is said to whoever looks at no answer.
    assert_eq!(out.status.code(), Some(1));
    let stderr = text(&out.stderr);
    assert!(stderr.starts_with("error: figure 2 (hwto): nothing is called `hwto`;"), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    let said = text(&out.stdout);
    let answers: Vec<serde_json::Value> =
        said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), requests.len());
    let first = &answers[0];
    assert!(first["svg"].as_str().unwrap().starts_with("<svg") && first["warnings"] == serde_json::json!([]));
    assert!(first["text"].as_str().unwrap().lines().all(|line| line.chars().count() <= 70));
    let fragment = first["fragment"].as_str().unwrap();
    assert!(fragment.starts_with("#p=why-iommu&at="), "{fragment}");
    assert!(answers[3]["fragment"].as_str().unwrap().contains("arch=smmuv3"));
    let error = |n: usize| answers[n]["errors"][0]["message"].as_str().unwrap_or_default().to_string();
    assert!(error(1).ends_with("did you mean `why-iommu`?"), "{}", error(1));
    assert_eq!(answers[2]["errors"][0]["line"], 2);
    assert!(error(2).contains("写的却是"), "{}", error(2));
    assert!(error(4).contains("Arm's StreamIDs"), "{}", error(4));
    assert!(error(5).ends_with("did you mean `fault`?"), "{}", error(5));
    assert!(error(6).starts_with("this is not JSON: ") && !error(7).is_empty(), "{}", error(6));
    // A list of requests is answered by a list.
    let both = answers[8].as_array().unwrap();
    assert!(both.len() == 2 && both[0]["svg"].as_str().unwrap().starts_with("<svg"));
    // Colours that are fixed are attributes, for viewers without custom properties.
    let fixed = both[0]["svg"].as_str().unwrap();
    assert!(!fixed.contains("var(") && fixed.contains("fill=\"#1b1f26\"") && fixed.ends_with("</svg>\n"));
    assert!(first["svg"].as_str().unwrap().contains("var(--ip-ink,#1b1f26)"));
    assert!(both[0]["id"] == "a" && both[1]["id"] == 7);
    assert!(both[1]["errors"][0]["message"].as_str().unwrap().contains("did you mean `howto`?"));
}

#[test]
fn figures_say_of_a_link_where_it_leads_no_more() {
    use std::io::Write;
    let mut child = Command::new(env!("CARGO_BIN_EXE_iommu-play"))
        .args(["figures", "--en"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let written = text(&play(&["link", "why-iommu", "--whole", "--at", "fault"]).stdout).trim().to_string();
    let links = [
        "https://play.example/#p=why-iommu&at=fault",
        written.as_str(),
        "https://play.example/index.zh.html#p=why-iomu",
        "#1.abc.00000000",
        "#p=why-iommu&at=99999",
        "#p=why-iommu&at=fault:0x77",
        "#p=why-iommu&at=fault:F_TRANSLATION",
        "#p=why-iommu&arch=arm",
    ];
    let mut stdin = child.stdin.take().unwrap();
    for link in links {
        writeln!(stdin, "{}", serde_json::json!({ "link": link })).unwrap();
    }
    drop(stdin);
    let said = text(&child.wait_with_output().unwrap().stdout);
    let answers: Vec<serde_json::Value> =
        said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let message = |n: usize, kind: &str| {
        answers[n][kind]
            .as_array()
            .map_or("", |all| all.first().map_or("", |one| one["message"].as_str().unwrap()))
    };
    assert_eq!(answers.len(), links.len());
    for good in [0, 1] {
        assert_eq!(answers[good]["warnings"], serde_json::json!([]), "{}", links[good]);
    }
    assert!(message(2, "errors").ends_with("did you mean `why-iommu`?"), "{said}");
    assert!(message(3, "errors").contains("damaged"), "{said}");
    assert!(message(4, "warnings").starts_with("at=99999: the run has "), "{said}");
    assert_eq!(message(5, "warnings"), "at=fault:0x77: no access of the run is refused so");
    assert!(message(6, "warnings").ends_with("has no fault called `F_TRANSLATION`; `smmuv3` has"), "{said}");
    assert_eq!(message(7, "warnings"), "arch=arm is passed over: did you mean `arch=smmuv3`?");
}

/// What a browser that wants `path` of the server at `address` is answered.
fn asked(address: &str, request: &str) -> String {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn serve_opens_the_page_at_a_scenario_and_nothing_else() {
    use std::io::{BufRead, BufReader};
    let page = std::env::temp_dir().join(format!("iommu-play-page-{}.html", std::process::id()));
    std::fs::write(&page, "<!doctype html><title>the page</title>").unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_iommu-play"))
        .args(["serve", "--port", "0", "--at", "7", "--page"])
        .arg(&page)
        .arg("why-iommu")
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("http://").unwrap();
    let (address, fragment) = address.split_once('/').unwrap();
    assert!(address.starts_with("127.0.0.1:") && fragment == "#p=why-iommu&at=7", "{line}");
    let got = asked(address, "GET /?x HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(got.starts_with("HTTP/1.1 200 ") && got.ends_with("<title>the page</title>"), "{got}");
    let head = asked(address, "HEAD / HTTP/1.1\r\n\r\n");
    assert!(head.contains("Content-Length: 38\r\n") && head.ends_with("\r\n\r\n"), "{head}");
    assert!(asked(address, "GET /../Cargo.toml HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404 "));
    assert!(asked(address, "POST / HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 405 "));
    assert!(asked(address, "\r\n\r\n").starts_with("HTTP/1.1 405 "));
    child.kill().unwrap();
    child.wait().unwrap();
    std::fs::remove_file(&page).unwrap();
    let wrong = play(&["serve", "--page", "/nowhere"]);
    assert!(wrong.status.code() == Some(1) && text(&wrong.stderr).contains("/nowhere"));
    assert_eq!(play(&["serve", "--at", "3"]).status.code(), Some(2));
}

#[test]
fn a_link_to_a_fault_keeps_it_on_the_way_there_and_back() {
    for at in ["fault", "fault:0x5", "fault:LGN.2:2", "12"] {
        let made = text(&play(&["link", "fault-ladder", "--at", at]).stdout);
        assert_eq!(made, format!("#p=fault-ladder&at={at}\n"));
        let back = play(&["--en", "unlink", made.trim()]);
        assert!(text(&back.stderr).lines().any(|line| line == format!("at {at}")), "{}", text(&back.stderr));
    }
    assert_eq!(play(&["link", "howto", "--at", "fault:"]).status.code(), Some(2));
    // Where an address leads when an access is refused.
    let there = |at| text(&play(&["--en", "where", "use-after-unmap", "rx", "--at", at]).stdout);
    assert_ne!(there("fault"), "");
    // On another machine it leads by that machine's tables.
    let on = |arch| {
        text(&play(&["--en", "where", "use-after-unmap", "rx", "--at", "fault", "--arch", arch]).stdout)
    };
    assert!(on("smmuv3") != there("fault") && on("vt-d") == there("fault"), "{}", on("smmuv3"));
    assert_eq!(
        play(&["--en", "where", "use-after-unmap", "rx", "--at", "fault:0x99"]).status.code(),
        Some(1)
    );
}

/// With its text a link is to the family's member that runs there, as it is by its name.
#[test]
fn a_link_with_the_whole_text_runs_where_it_is_for() {
    for (preset, arch) in [
        ("fault-ladder", "riscv"),
        ("fault-ladder", "smmuv3"),
        ("fault-ladder-arm", "riscv"),
        ("fault-ladder", "vt-d"),
        ("howto", "amd-vi"),
    ] {
        let out = play(&["link", preset, "--arch", arch, "--whole"]);
        assert!(out.status.success());
        let url = text(&out.stdout);
        let iommu_core::link::Target::Text(carried) = iommu_core::link::decode(url.trim()).unwrap().target
        else {
            panic!("{preset} on {arch} is no text: {url}");
        };
        assert!(
            carried.lines().any(|line| line.starts_with(&format!("machine {arch}"))),
            "{preset} on {arch}"
        );
        let run = iommu_core::machine::run(&carried).unwrap();
        assert_eq!(run.failures().count(), 0, "{preset} on {arch}");
    }
}

#[test]
fn a_text_that_no_link_holds_is_said_to_be_passed_on_as_a_file() {
    let large =
        format!("{}{}", "iommu-playground 1\nram 0 +3G\n", "# x\n".repeat(iommu_core::link::MAX_TEXT / 4));
    let file = std::env::temp_dir().join(format!("iommu-play-large-{}.scn", std::process::id()));
    std::fs::write(&file, large).unwrap();
    for (lang, said) in [("--en", "at most: pass it on as a file"), ("--zh", "请传文件")] {
        let out = play(&[lang, "link", file.to_str().unwrap()]);
        let told = text(&out.stderr);
        assert!(!out.status.success() && told.contains(said) && !told.contains(":1:1"), "{told}");
    }
    std::fs::remove_file(file).unwrap();
}

/// As PowerShell's `>` and editors of Windows write it.
#[test]
fn texts_in_utf_16_are_read_as_they_would_be_in_utf_8() {
    let fault = "DMAR: [DMA Write] Request device [00:05.0] fault addr 0xf1000000 [fault reason 0x05] PTE Write access is not set";
    let wide = |text: &str| -> Vec<u8> {
        "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
    };
    let trace = format!("k-1 [000] ..... 10.000010: dma_map_phys: 0000:00:05.0 dir=TO_DEVICE dma_addr=f1000000 size=4096 phys_addr=2000 attrs=\r\n[   10.000020] {fault}\r\n");
    let machine = "00:05.0 Ethernet controller [0200]: 名字 [8086:1533]\r\n";
    let file = std::env::temp_dir().join(format!("iommu-play-wide-{}.txt", std::process::id()));
    let path = file.to_str().unwrap();
    for (command, texts) in [("explain", fault), ("replay-trace", &trace), ("import", machine)] {
        let said = |bytes: &[u8]| {
            std::fs::write(&file, bytes).unwrap();
            text(&play(&["--en", command, path]).stdout)
        };
        let told = said(&wide(texts));
        assert!(told.len() > 60 && told == said(texts.as_bytes()), "{told}");
    }
    // A scenario, as `import > machine.scn` writes it there.
    let scenario = "iommu-playground 1\r\ntitle \"名字\"\r\nmachine vt-d\r\nram 0 .. 1G\r\ndevice nic 00:03.0\r\ndma nic read 0x1000 8\r\n";
    for command in ["run", "check", "link", "draw"] {
        let said = |bytes: &[u8]| {
            std::fs::write(&file, bytes).unwrap();
            let output = play(&["--en", command, path]);
            (output.status.code(), text(&output.stdout), text(&output.stderr))
        };
        let told = said(&wide(scenario));
        assert!(told == said(scenario.as_bytes()) && !told.2.contains("UTF-8"), "{command} {told:?}");
    }
    std::fs::remove_file(file).unwrap();
}
