//! `iommu-play serve`: the page, on this machine only. The page is one file with its own Content-Security-Policy; a binary that
//! was built with one in `core/page` carries it (`core/build.rs`).

use super::scenario::named;
use crate::cli::Serve;
use crate::zh::{self, colon};
use iommu_core::link::{encode, encode_preset, Options};
use iommu_core::scenario::presets::by_name;
use iommu_core::spec::Lang;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

include!(concat!(env!("OUT_DIR"), "/page.rs"));

/// As many ports are tried after the one that is wanted.
const TRIES: u16 = 50;
/// No request of a browser for a page is longer.
const REQUEST: u64 = 64 << 10;
/// A browser that says nothing for as long is let go.
const PATIENCE: Duration = Duration::from_secs(10);

/// Serves the page until it is stopped; prints its address first.
pub fn run(args: &Serve, given: Option<Lang>, lang: Lang) -> ExitCode {
    let page = match (&args.page, PAGE) {
        (Some(path), _) => match std::fs::read(path) {
            Ok(page) => page,
            Err(error) => {
                errln!("{}{}{}", path.display(), colon(lang), zh::trouble(&error, lang));
                return ExitCode::FAILURE;
            }
        },
        (None, Some(page)) => page.to_vec(),
        (None, None) => {
            match lang {
                Lang::En => errln!(
                    "this iommu-play was built without the page: name a file with --page (./build.sh dist makes \
                     dist/iommu-playground.html), or build it with ./build.sh command"
                ),
                Lang::Zh => errln!(
                    "这个 iommu-play 构建时没有带上页面：用 --page 指定文件（./build.sh dist 会生成 \
                     dist/iommu-playground.html），或用 ./build.sh command 重新构建"
                ),
            }
            return ExitCode::FAILURE;
        }
    };
    let Some(fragment) = fragment(args, given, lang) else { return ExitCode::FAILURE };
    let (listener, address) = match listen(args.port) {
        Ok(both) => both,
        Err(error) => {
            errln!("127.0.0.1:{}{}{}", args.port, colon(lang), zh::trouble(&error, lang));
            return ExitCode::FAILURE;
        }
    };
    outln!("http://{address}/{fragment}");
    let _ = std::io::stdout().flush();
    let page = Arc::new(page);
    // Bounded: by who stops the command; each connection by its patience.
    for stream in listener.incoming().flatten() {
        let page = Arc::clone(&page);
        // A browser that is gone is no error; the others are served.
        std::thread::spawn(move || answer(&stream, &page));
    }
    ExitCode::SUCCESS
}

/// Listens at a port, or at the first after it that is free.
fn listen(port: u16) -> std::io::Result<(TcpListener, SocketAddr)> {
    let mut bound = TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    // Bounded: TRIES.
    for port in (1..=TRIES).filter_map(|more| port.checked_add(more)) {
        if bound.is_ok() {
            break;
        }
        bound = TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    }
    let listener = bound?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// The fragment of the scenario that the page opens with; empty without one; `None` once what is wrong is said.
fn fragment(args: &Serve, given: Option<Lang>, lang: Lang) -> Option<String> {
    let options = Options { at: args.at.clone(), lang: given, ..Options::default() };
    let Some(source) = args.scenario.as_deref() else { return Some(String::new()) };
    if let Some(preset) = by_name(source) {
        return Some(encode_preset(preset, &options));
    }
    let (_, text, _) = named(source, lang == Lang::Zh)?;
    encode(&text, &options).map_err(|error| errln!("{source}{}{}", colon(lang), error.message(lang))).ok()
}

/// Answers one request: the page, or that there is nothing else.
fn answer(stream: &TcpStream, page: &[u8]) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut lines = BufReader::new(stream.take(REQUEST)).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    // Bounded: REQUEST bytes.
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    let mut words = first.split_ascii_whitespace();
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let (status, kind, body): (_, _, &[u8]) = match (method, path) {
        ("GET" | "HEAD", "/" | "/index.html" | "/iommu-playground.html") => ("200 OK", "text/html", page),
        ("GET" | "HEAD", _) => ("404 Not Found", "text/plain", b"not found\n"),
        _ => ("405 Method Not Allowed", "text/plain", b"only GET and HEAD\n"),
    };
    let mut stream = stream;
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}; charset=utf-8\r\nContent-Length: {}\r\nCache-Control: no-cache\r\n\
         X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n",
        body.len()
    )?;
    if method != "HEAD" {
        stream.write_all(body)?;
    }
    stream.flush()
}
