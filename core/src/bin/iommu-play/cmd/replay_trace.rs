//! `iommu-play replay-trace`: what a trace of DMA events, Linux's or QEMU's, shows.

use super::encoding::utf8;
use crate::cli::ReplayTrace;
use crate::zh;
use iommu_core::import::trace::{Replay, LONGEST};
use iommu_core::spec::Lang;
use std::io::{BufRead, BufReader, Read};
use std::process::ExitCode;

/// Runs it. Status 0 when events were recognised, 1 when none were, 2 when the trace could not be read.
pub fn run(args: &ReplayTrace, lang: Lang) -> ExitCode {
    let file = args.file.as_deref().filter(|file| *file != "-");
    let until = args.at.map(|seconds| (seconds * 1e9) as u64);
    let replay = match file {
        Some(path) => std::fs::File::open(path).and_then(|file| read(BufReader::new(file), until)),
        None => read(std::io::stdin().lock(), until),
    };
    match replay {
        Ok(replay) if replay.is_later() => {
            outln!(
                "{}",
                match lang {
                    Lang::En => "Nothing happened before that: the first event is later.",
                    Lang::Zh => "在那之前什么也没有发生：第一个事件在它之后。",
                }
            );
            ExitCode::SUCCESS
        }
        Ok(replay) => {
            out!("{}", replay.report(lang));
            if let Some(moment) = until.and_then(|_| replay.last(lang)) {
                out!("\n{moment}");
            }
            ExitCode::from(u8::from(replay.is_empty()))
        }
        Err(error) => {
            match lang {
                Lang::En => errln!("iommu-play replay-trace: {}: {error}", file.unwrap_or("standard input")),
                Lang::Zh => {
                    errln!("iommu-play replay-trace：{}：{}", file.unwrap_or("标准输入"), zh::io(&error))
                }
            }
            ExitCode::from(2)
        }
    }
}

/// Reads line by line.
fn read(from: impl BufRead, until: Option<u64>) -> std::io::Result<Replay> {
    let mut from = utf8(from)?;
    let mut replay = Replay::default();
    let mut line = Vec::new();
    loop {
        line.clear();
        // One byte more, so that a line that is too long is seen to be.
        if from.by_ref().take(LONGEST as u64 + 1).read_until(b'\n', &mut line)? == 0 {
            replay.finish(until);
            return Ok(replay);
        }
        if line.len() > LONGEST && line.last() != Some(&b'\n') {
            from.skip_until(b'\n')?;
        }
        replay.line(&String::from_utf8_lossy(&line), until);
    }
}
