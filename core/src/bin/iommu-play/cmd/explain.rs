//! `iommu-play explain`: fault logs on standard input, explained.

use super::encoding::utf8;
use crate::cli::Explain;
use crate::terminal::shown;
use crate::zh;
use iommu_core::explain::logs::answer::LogReport;
use iommu_core::explain::logs::schema::{fields_table, schema};
use iommu_core::explain::logs::{causes_table, forms_table, render, Report};
use iommu_core::import::trace::{TracedLog, LONGEST};
use iommu_core::spec::Lang;
use std::io::{BufRead, BufReader, Write};
use std::process::ExitCode;

/// Runs it. Status 0 when something about an IOMMU was understood, 1 when
/// nothing was, 2 when it could not be read.
pub fn run(args: &Explain, lang: Lang) -> ExitCode {
    explain(args, lang).unwrap_or_else(|error| {
        errln!("iommu-play explain{}{error}", zh::colon(lang));
        ExitCode::from(2)
    })
}

fn explain(args: &Explain, lang: Lang) -> Result<ExitCode, String> {
    if args.schema {
        let _ = std::io::stdout().write_all(schema().as_bytes());
        return Ok(ExitCode::SUCCESS);
    }
    if !args.tables.is_empty() {
        return tables(&args.tables);
    }
    let (scenarios, json) = (args.scenario, args.json);
    let file = args.file.as_deref().filter(|file| *file != "-");
    let report = match file {
        Some(path) => std::fs::File::open(path).and_then(|file| read(BufReader::new(file))),
        None => read(std::io::stdin().lock()),
    };
    let report = report.map_err(|error| match lang {
        Lang::En => format!("{}: {error}", file.unwrap_or("standard input")),
        Lang::Zh => format!("{}：{}", file.unwrap_or("标准输入"), zh::io(&error)),
    })?;
    let text = if json {
        let answer = LogReport::new(&report, lang);
        serde_json::to_string_pretty(&answer).map_err(|error| error.to_string())? + "\n"
    } else {
        shown(&render(&report, lang, scenarios))
    };
    // A closed pipe (`| head`) is no error.
    let _ = std::io::stdout().write_all(text.as_bytes());
    Ok(ExitCode::from(u8::from(!report.understood())))
}

/// Reads line by line: a gigabyte of a log from a pipe takes no more memory than a page.
fn read(from: impl BufRead) -> std::io::Result<Report> {
    let mut from = utf8(from)?;
    let mut reader = TracedLog::default();
    let mut line = Vec::new();
    loop {
        let (used, ended) = {
            let bytes = from.fill_buf()?;
            if bytes.is_empty() {
                break;
            }
            let end = bytes.iter().position(|&byte| byte == b'\n');
            let part = &bytes[..end.unwrap_or(bytes.len())];
            // One byte more, so that a line that is too long is seen to be.
            let room = (LONGEST + 1).saturating_sub(line.len());
            line.extend_from_slice(&part[..part.len().min(room)]);
            (end.map_or(bytes.len(), |end| end + 1), end.is_some())
        };
        from.consume(used);
        if ended {
            one(&mut reader, &mut line);
        }
    }
    if !line.is_empty() {
        one(&mut reader, &mut line);
    }
    Ok(reader.finish().0)
}

fn one(reader: &mut TracedLog, line: &mut Vec<u8>) {
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    // A kernel log may hold bytes that are no UTF-8.
    reader.line(&String::from_utf8_lossy(line));
    line.clear();
}

/// `--tables FILE...`: writes the tables of the code into the documents, between their marks.
fn tables(files: &[String]) -> Result<ExitCode, String> {
    for path in files {
        let lang = if path.ends_with(".zh.md") { Lang::Zh } else { Lang::En };
        let mut text = std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
        for (name, table) in
            [("forms", forms_table(lang)), ("causes", causes_table(lang)), ("json", fields_table())]
        {
            let (start, end) = (format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->"));
            let Some(from) = text.find(&start).map(|at| at + start.len()) else { continue };
            let Some(to) = text[from..].find(&end).map(|at| at + from) else {
                return Err(format!("{path}: no `{end}`"));
            };
            text.replace_range(from..to, &table);
        }
        std::fs::write(path, text).map_err(|error| format!("{path}: {error}"))?;
    }
    Ok(ExitCode::SUCCESS)
}
