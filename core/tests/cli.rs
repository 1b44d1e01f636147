//! The command line: help, completions, the manual page, and what happens to a wrong call.

use std::process::{Command, Output};

fn play(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_iommu-play")).args(args).output().expect("it runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

const COMMANDS: [&str; 12] = [
    "check",
    "completions",
    "draw",
    "explain",
    "fmt",
    "gallery",
    "link",
    "man",
    "replay",
    "run",
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
