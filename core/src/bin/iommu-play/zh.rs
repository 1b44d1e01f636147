//! The command line in Chinese: help of every command and option, and what clap says of a command line that it does not take.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, Error};
use iommu_core::spec::Lang;

/// What is said of a command (`""`) and of each of its options. Options of all commands are with the command `*`.
const TEXTS: &[(&str, &str, &str)] = &[
    ("", "", "运行、绘制和检查 IOMMU 与 DMA 的场景，解读故障日志，回放一致性测试数据。\n\nSCENARIO 可以是文件、预设名，或 -（标准输入）。"),
    ("*", "lang", "输出语言：en 或 zh；默认取自环境变量 LC_ALL、LC_MESSAGES、LANG"),
    ("*", "zh", "等同于 --lang zh"),
    ("*", "en", "等同于 --lang en"),
    ("*", "help", "显示帮助（--help 更详细）"),
    ("*", "version", "显示版本"),
    ("*", "json", "以 JSON 输出"),
    ("*", "scenario", "文件、预设名，或 -（标准输入）"),
    ("*", "at", "执行轨迹中的位置：步数、fault（第一次转换错误）或 fault:CODE[:N]（第 N 次出现该错误码）；默认是结尾"),
    ("across", "", "在每种架构上各运行一遍同一个场景，按要点并排对照"),
    ("across", "json", "以 JSON 输出"),
    ("across", "on", "只列出这些架构"),
    ("check", "", "检查场景能否运行、期望是否成立"),
    ("check", "arch", "改在这种架构上运行，不用场景里写的那种"),
    ("check", "json", "以 JSON 输出执行轨迹"),
    ("check", "scenarios", "文件、预设名，或 -（标准输入，默认）"),
    ("completions", "", "输出 shell 的补全脚本"),
    ("completions", "shell", "shell 的名字：bash、elvish、fish、powershell、zsh"),
    ("draw", "", "画出场景在某一步的图"),
    ("draw", "arch", "改在这种架构上运行，不用场景里写的那种"),
    ("draw", "ascii", "用 ASCII 字符画图（默认）"),
    ("draw", "unicode", "用 Unicode 的框线字符画图"),
    ("draw", "svg", "输出 SVG"),
    ("draw", "steps", "输出动画 SVG：从一步到另一步（如 40..80），或逐个要点（ideas）"),
    ("draw", "handout", "输出可以打印的讲义：每个要点一张图，附说明"),
    ("draw", "width", "图最宽多少个字符"),
    ("draw", "units", "在每个区间旁标出长度"),
    ("draw", "title", "在图的上方写出场景标题"),
    ("draw", "c", "写成 C 注释"),
    ("draw", "rst", "写成 reStructuredText 的字面块（literal block）"),
    ("draw", "markdown", "写成 Markdown 代码块"),
    ("draw", "theme", "SVG 的配色：auto（默认）、light 或 dark"),
    ("explain", "", "解读内核或模拟器打印的故障日志"),
    ("explain", "scenario", "同时输出能重现该转换错误的场景"),
    ("explain", "json", "以 JSON 输出报告"),
    ("explain", "schema", "输出报告的 JSON Schema"),
    ("explain", "tables", "更新这些文档里的表（格式、原因、JSON 字段），写在标记之间"),
    ("explain", "file", "日志文件；不写或写 - 时读标准输入"),
    ("figures", "", "为文档批量生成图、说明和链接：标准输入每行一个 JSON 请求，每个请求得到一行结果"),
    ("fmt", "", "把场景改写成规范格式：文件就地修改，标准输入的结果写到标准输出"),
    ("fmt", "check", "只检查，不修改；有场景不合规范格式时，退出状态为 1"),
    ("fmt", "files", "文件，或 -（标准输入，默认）"),
    ("gallery", "", "以 JSON 输出全部预设场景：两种语言的文本、主题和图"),
    ("gallery", "pictures", "同时把每个场景的图（两种语言各一份）写进这个文件夹"),
    ("import", "", "把一台真实机器的信息变成场景：lspci、/proc/iomem、启动日志、IOMMU 组、ACPI 表、设备树"),
    ("import", "report", "不输出场景，而是报告找到了什么、还缺什么"),
    ("import", "files", "上述文本或表，可以混在一起；不写或写 - 时读标准输入"),
    ("link", "", "输出打开该场景的链接"),
    ("link", "base", "页面的网址，即链接中 # 之前的部分"),
    ("link", "arch", "换到哪种架构：vt-d、riscv、smmuv3 或 amd-vi"),
    ("link", "at", "执行轨迹中的位置：步数、fault（第一次转换错误）或 fault:CODE[:N]（第 N 次出现该错误码）"),
    ("link", "view", "页面显示什么：diagram、walk 或 full"),
    ("link", "depth", "页面里一步走多远：idea、operation 或 read"),
    ("link", "theme", "页面的配色：auto、light 或 dark"),
    ("link", "whole", "写入预设的全文，而不只是名字"),
    ("link", "unchecked", "不检查文本是不是合法的场景"),
    ("man", "", "输出手册页（man page）"),
    ("oracle", "", "读入每行一个的 JSON 请求（含机器的描述），算出这台机器应给出的结果，供其他实现做测试"),
    ("oracle", "brief", "回答里不列出每次访问"),
    ("oracle", "check", "与各行写明的期望结果比较，输出一致的有多少"),
    ("oracle", "answers", "改为与另一个程序的回答比较，一行请求对应一行回答"),
    ("oracle", "show", "列出多少处差异（默认 0）"),
    ("oracle", "files", "写有请求的文件，每行一个；不写或写 - 时读标准输入"),
    ("replay", "", "与另一个实现记录下来的结果逐条比较"),
    ("replay", "show", "列出多少处差异（默认 0），并说明跳过了什么"),
    ("replay", "without", "不计另一个实现的这项偏差；可以多次使用"),
    ("replay", "specification", "以规范为准：跳过标明有偏差的结果"),
    ("replay", "files", "记录下来的结果，每行一种配置"),
    ("replay-trace", "", "解读 Linux 或 QEMU 的 DMA 跟踪记录：哪些还映射着、有没有泄漏、有没有解除不存在的映射、出错的访问缺了哪个映射"),
    ("replay-trace", "at", "停在跟踪记录的这一时刻（秒），列出并画出当时的映射"),
    ("replay-trace", "file", "trace 文件，或 trace-cmd report、perf script、qemu -trace 的输出；不写或写 - 时读标准输入"),
    ("rosetta", "", "把各种架构的名称、结构、开销和转换错误对照成一张表，以 Markdown 输出"),
    ("rosetta", "json", "以 JSON 输出，含两种语言"),
    ("rosetta", "base", "页面的网址，即每个链接中 # 之前的部分"),
    ("run", "", "运行场景，说明发生了什么：可以只讲要点，也可以讲到每次读写、执行轨迹的每一步"),
    ("run", "arch", "改在这种架构上运行，不用场景里写的那种"),
    ("run", "depth", "讲到多细：idea（要点）、operation（操作）、read（每次读写）或 step（每一步，默认）"),
    ("run", "json", "以 JSON 输出执行轨迹"),
    ("run", "scenarios", "文件、预设名，或 -（标准输入，默认）"),
    ("serve", "", "在本机提供页面（只供本机访问），并输出网址"),
    ("serve", "port", "端口（默认 8080）；被占用时依次试后面几个，0 表示任选一个空闲端口"),
    ("serve", "page", "单文件页面；默认用构建时带上的那个"),
    ("serve", "at", "执行轨迹中的位置：步数、fault（第一次转换错误）或 fault:CODE[:N]（第 N 次出现该错误码）"),
    ("serve", "scenario", "页面打开时显示的场景：文件、预设名，或 -（标准输入）"),
    ("unlink", "", "输出链接里的场景"),
    ("unlink", "url", "链接、链接中 # 之后的部分，或 -（标准输入）"),
    ("unlink", "recover", "链接损坏时，输出还能读出的部分；退出状态仍表明出错"),
    ("where", "arch", "改在这种架构上运行，不用场景里写的那种"),
    ("where", "", "列出同一处内存在 CPU、设备等各方看来的地址，以及谁能访问它"),
    ("where", "address", "数字，或场景里起的名字，如 0x1234_5000、rx、buf+0x40"),
    ("where", "of", "数字是谁的地址：kernel、physical，或进程、客户机、设备的名字；不写则依次当作每一方的"),
];

fn said(command: &str, what: &str) -> Option<&'static str> {
    let of = |name: &str| TEXTS.iter().find(|(c, w, _)| *c == name && *w == what).map(|(_, _, text)| *text);
    of(command).or_else(|| of("*").filter(|_| !what.is_empty()))
}

/// The command line, with its help in Chinese.
pub fn in_chinese(mut cli: Command) -> Command {
    cli.build();
    let names: Vec<String> = cli.get_subcommands().map(|c| c.get_name().to_string()).collect();
    let mut cli = one(cli, "").subcommand_help_heading("命令");
    for name in names {
        cli = cli.mut_subcommand(&name, |command| match name.as_str() {
            "help" => command.about("显示帮助，或某个命令的帮助"),
            _ => one(command, &name),
        });
    }
    cli
}

fn one(command: Command, name: &str) -> Command {
    let about = said(name, "").unwrap_or_default();
    let ids: Vec<String> = command.get_arguments().map(|arg| arg.get_id().to_string()).collect();
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage:").trim();
    let usage = usage.replace("[OPTIONS]", "[选项]").replace("<COMMAND>", "<命令>");
    // clap's own headings are English, and it puts a heading of ours where its first argument is.
    let mut template = String::from("{about-with-newline}\n用法：{usage}");
    let parts = [
        (command.has_subcommands(), "命令：\n{subcommands}"),
        (command.get_positionals().next().is_some(), "参数：\n{positionals}"),
        (true, "选项：\n{options}{after-help}"),
    ];
    parts.iter().filter(|(has, _)| *has).for_each(|(_, part)| template += &format!("\n\n{part}"));
    let mut command = command
        .about(about.lines().next().unwrap_or_default())
        .long_about(about)
        .override_usage(usage)
        .help_template(template);
    for id in ids {
        let text = said(name, &id).unwrap_or_default();
        command = command.mut_arg(&id, |arg| {
            let heading = if arg.is_positional() { "参数" } else { "选项" };
            let arg = arg.hide_possible_values(true).hide_default_value(true).help_heading(heading);
            arg.help(text).long_help(text)
        });
    }
    command
}

/// What is wrong with a command line.
pub fn error(error: &Error) -> String {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.join("、"),
        Some(ContextValue::StyledStr(text)) => text.to_string(),
        Some(ContextValue::Number(number)) => number.to_string(),
        _ => String::new(),
    };
    let (arg, value) = (text(ContextKind::InvalidArg), text(ContextKind::InvalidValue));
    let mut said = match error.kind() {
        ErrorKind::InvalidSubcommand => format!("没有 `{}` 这个命令", text(ContextKind::InvalidSubcommand)),
        ErrorKind::UnknownArgument => format!("没有 `{arg}` 这个选项"),
        ErrorKind::MissingRequiredArgument => format!("还缺少 {arg}"),
        ErrorKind::InvalidValue if value.is_empty() => format!("`{arg}` 后面要有值"),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => format!("`{arg}` 不能是 `{value}`"),
        ErrorKind::NoEquals | ErrorKind::TooFewValues => format!("`{arg}` 的值太少"),
        ErrorKind::TooManyValues | ErrorKind::WrongNumberOfValues => format!("`{arg}` 的值的个数不对"),
        ErrorKind::ArgumentConflict => {
            format!("`{arg}` 不能与 `{}` 一起用", text(ContextKind::PriorArg))
        }
        ErrorKind::MissingSubcommand => "还缺少命令".into(),
        _ => "读不懂这个命令行".into(),
    };
    let valid = [text(ContextKind::ValidValue), text(ContextKind::ValidSubcommand)].concat();
    if !valid.is_empty() {
        said += &format!("；可以是 {valid}");
    }
    let near = [ContextKind::SuggestedSubcommand, ContextKind::SuggestedArg, ContextKind::SuggestedValue]
        .map(text)
        .concat();
    let end = if near.is_empty() { String::from("。") } else { format!("；是不是 `{near}`？") };
    format!("错误：{said}{end}\n详见 `iommu-play --help --lang zh`。")
}

/// What went wrong with a file, in words.
pub fn trouble(error: &std::io::Error, lang: Lang) -> String {
    match lang {
        Lang::En => error.to_string(),
        Lang::Zh => io(error),
    }
}

/// Between what is spoken of and what is said of it.
pub fn colon(lang: Lang) -> &'static str {
    match lang {
        Lang::En => ": ",
        Lang::Zh => "：",
    }
}

/// What is wrong with a file, in Chinese.
pub fn io(error: &std::io::Error) -> String {
    use std::io::ErrorKind as Io;
    match error.kind() {
        Io::NotFound => "没有这个文件或文件夹".into(),
        Io::PermissionDenied => "没有权限".into(),
        Io::IsADirectory => "这是一个文件夹".into(),
        Io::NotADirectory => "路径里有一段不是文件夹".into(),
        Io::AlreadyExists => "已经有同名的文件".into(),
        Io::ReadOnlyFilesystem => "这个文件系统只读".into(),
        Io::StorageFull => "磁盘已满".into(),
        Io::AddrInUse => "端口已被占用".into(),
        Io::InvalidData => "不是 UTF-8 文本".into(),
        _ => match error.raw_os_error() {
            Some(number) => format!("无法读写（系统错误 {number}）"),
            None => "无法读写".into(),
        },
    }
}

/// The headings of a manual page in Chinese: clap's renderer has its own.
pub fn headings(page: &str) -> String {
    let said = [("NAME", "名称"), ("SYNOPSIS", "用法"), ("DESCRIPTION", "说明"), ("VERSION", "版本")];
    let line = |line: &str| match said.iter().find(|(en, _)| line.strip_prefix(".SH ") == Some(en)) {
        Some((_, zh)) => format!(".SH {zh}\n"),
        None => format!("{}\n", line.replace("<\\fIsubcommands\\fR>", "<\\fI命令\\fR>")),
    };
    page.lines().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;
    use clap::CommandFactory;

    #[test]
    fn every_command_and_option_is_said_in_chinese() {
        let mut cli = Cli::command();
        cli.build();
        let mut commands = vec![("", &cli)];
        commands.extend(cli.get_subcommands().filter(|c| c.get_name() != "help").map(|c| (c.get_name(), c)));
        for (name, command) in commands {
            assert!(said(name, "").is_some(), "{name}");
            for arg in command.get_arguments() {
                assert!(said(name, arg.get_id().as_str()).is_some(), "{name} {}", arg.get_id());
            }
        }
        // And nothing is said of what there is not.
        for (name, what, _) in TEXTS.iter().filter(|(name, ..)| !["", "*"].contains(name)) {
            let command = cli.find_subcommand(name).unwrap_or_else(|| panic!("{name}"));
            assert!(
                what.is_empty() || command.get_arguments().any(|arg| arg.get_id() == what),
                "{name} {what}"
            );
        }
    }

    #[test]
    fn help_and_errors_have_no_english_sentence() {
        let mut cli = in_chinese(Cli::command());
        let help = cli.render_long_help().to_string()
            + &cli.find_subcommand_mut("draw").map_or(String::new(), |c| c.render_long_help().to_string());
        assert!(help.contains("\n选项：\n") && help.contains("\n参数：\n  <SCENARIO>"), "{help}");
        for english in ["Usage", "Options", "Commands", "Print", "possible", "default"] {
            assert!(!help.contains(english), "{english}: {help}");
        }
        assert_eq!(headings(".SH NAME\nx\n.SH 选项\n"), ".SH 名称\nx\n.SH 选项\n");
        for args in [
            &["iommu-play", "rnu"][..],
            &["iommu-play", "draw"],
            &["iommu-play", "draw", "x", "--theme", "red"],
            &["iommu-play", "run", "--nosuch"],
        ] {
            let said = error(&Cli::command().try_get_matches_from(args).unwrap_err());
            assert!(said.starts_with("错误：") && !said.contains("读不懂"), "{said}");
        }
    }
}
