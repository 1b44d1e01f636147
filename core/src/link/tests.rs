use super::*;
use crate::spec::Lang;
use proptest::prelude::*;

const TEXT: &str = "iommu-playground 1\ntitle \"网卡直通\"\nmachine vt-d\nram 0 .. 4G\n";

fn link(text: &str) -> String {
    encode(text, &Options::default()).unwrap()
}

fn text(fragment: &str) -> Result<String, LinkError> {
    decode(fragment).map(|link| link.target.text().into())
}

#[test]
fn presets_have_links_under_sixty_characters() {
    let all = Options {
        arch: None,
        at: Some(Position::Step(999)),
        depth: Some(Depth::Idea),
        view: Some(View::Diagram),
        lang: Some(Lang::Zh),
        theme: Some(Theme::Light),
    };
    for preset in PRESETS {
        let full = encode_preset(preset, &all);
        assert_eq!(
            decode(&full),
            Ok(Link { target: Target::Preset(preset), options: all.clone(), ignored: vec![] })
        );
        let with_position = encode_preset(
            preset,
            &Options { at: Some(Position::Step(999)), lang: Some(Lang::Zh), ..Default::default() },
        );
        assert!(with_position.len() < 60, "{with_position}");
    }
}

#[test]
fn a_preset_that_is_not_there_names_a_near_one() {
    let error = decode("#p=howtoo").unwrap_err();
    assert_eq!(error, LinkError::UnknownPreset { name: "howtoo".into(), suggestion: Some("howto") });
    assert_eq!(error.to_string(), "there is no preset called `howtoo`; did you mean `howto`?");
}

#[test]
fn every_preset_fits_as_a_text() {
    let lengths: Vec<usize> = PRESETS.iter().map(|p| link(p.text).len()).collect();
    for (preset, length) in PRESETS.iter().zip(&lengths) {
        assert_eq!(text(&link(preset.text)).as_deref(), Ok(preset.text));
        assert!(*length < 4000, "{}: {length}", preset.name);
    }
}

#[test]
fn what_is_done_to_a_link_on_its_way_is_undone() {
    let made =
        encode(TEXT, &Options { at: Some(Position::Step(3)), lang: Some(Lang::Zh), ..Default::default() })
            .unwrap();
    let wrapped: String = made
        .chars()
        .enumerate()
        .map(|(i, c)| if i % 40 == 39 { format!("{c}\r\n") } else { c.into() })
        .collect();
    for seen in [
        format!("https://example.org/play/{made}"),
        made[1..].to_string(),
        format!("<{made}>"),
        format!("({made})."),
        format!(" {made}。"),
        made.replace('&', "&amp;"),
        made.replace('#', "%23").replace('&', "%26").replace('=', "%3D").replace('.', "%2E"),
        made.replace('-', "+").replace('_', "/"),
        wrapped,
    ] {
        let read = decode(&seen).unwrap_or_else(|error| panic!("{seen}: {error}"));
        assert_eq!(
            (read.target.text(), read.options.at, read.options.lang),
            (TEXT, Some(Position::Step(3)), Some(Lang::Zh))
        );
    }
}

#[test]
fn unknown_parameters_are_skipped_and_wrong_values_named() {
    let read = decode("#p=howto&speed=3&at=-1&view=walk&view=full&theme=pink&depth=deep&at=+4&lang").unwrap();
    assert_eq!(read.options, Options { view: Some(View::Walk), ..Options::default() });
    assert_eq!(read.ignored, ["at=-1", "theme=pink", "depth=deep", "at=+4", "lang"]);
}

#[test]
fn a_damaged_link_says_how_and_gives_what_it_can() {
    let long: String = (0..200).map(|i| format!("map 0x{:x} {i}\n", i * 7919)).collect();
    let made = link(&long);
    for cut in 3..made.len() {
        match decode(&made[..cut]) {
            Err(LinkError::Truncated { recovered }) => {
                let recovered = recovered.unwrap_or_default();
                assert!(long.starts_with(recovered.trim_end_matches('\u{fffd}')), "{cut}");
                assert!(cut < made.len() * 3 / 4 || recovered.len() > long.len() / 3, "{cut}");
            }
            other => panic!("{cut}: {other:?}"),
        }
    }
    let flipped = |at: usize| {
        let mut bytes = made.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        String::from_utf8(bytes).unwrap()
    };
    for at in 3..made.len() - 9 {
        match decode(&flipped(at)) {
            Err(LinkError::Checksum { .. } | LinkError::Mangled { .. } | LinkError::Bomb { .. }) => {}
            // The bits after the last byte of the packed text mean nothing.
            Ok(read) => assert!(at == made.len() - 10 && read.target.text() == long, "{at}"),
            other => panic!("{at}: {other:?}"),
        }
    }
    let last = made.len() - 1;
    let swapped = format!("{}{}", &made[..last], if made.ends_with('0') { '1' } else { '0' });
    match decode(&swapped) {
        Err(LinkError::Checksum { recovered, .. }) => assert_eq!(recovered.as_deref(), Some(&*long)),
        other => panic!("{other:?}"),
    }
    match decode(&made.replacen(&made[100..101], "*", 1)) {
        Err(LinkError::BadCharacter { found: '*', .. }) => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn sizes_are_bounded() {
    // 64 MiB of zeros in 65 KB; inside the limit of characters.
    let bomb = format!("#1.{}.00000000", base64url::encode(&compress_to_vec(&vec![b'a'; 64 << 20], 6)));
    match decode(&bomb) {
        Err(LinkError::Bomb { recovered }) => assert_eq!(recovered.unwrap().len(), MAX_TEXT),
        other => panic!("{:?}", other.map(|_| ())),
    }
    assert_eq!(decode(&"A".repeat(MAX_FRAGMENT + 1)), Err(LinkError::Oversized(MAX_FRAGMENT + 1)));
    assert_eq!(encode(&"a".repeat(MAX_TEXT + 1), &Options::default()), Err(TooLong(MAX_TEXT + 1)));
    let largest = "a".repeat(MAX_TEXT);
    assert_eq!(text(&link(&largest)), Ok(largest));
}

#[test]
fn a_text_that_does_not_pack_still_fits() {
    let mut seed = 1u64;
    let noise: String = (0..MAX_TEXT)
        .map(|_| {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            char::from((seed >> 57) as u8)
        })
        .collect();
    let made = link(&noise);
    assert!(made.len() < MAX_FRAGMENT, "{}", made.len());
    assert_eq!(text(&made), Ok(noise));
}

#[test]
fn what_is_no_link_is_told() {
    assert_eq!(decode(""), Err(LinkError::Empty));
    assert_eq!(decode("#"), Err(LinkError::Empty));
    assert_eq!(decode("https://example.org/play/"), Err(LinkError::Empty));
    assert_eq!(decode("#install"), Err(LinkError::NotALink));
    assert_eq!(decode("#2.AAAA.00000000"), Err(LinkError::UnknownVersion("2".into())));
    assert_eq!(decode("#1"), Err(LinkError::Truncated { recovered: None }));
    // Not UTF-8, though packed and summed well.
    let bytes = [0xff, 0xfe];
    let bad = format!("#1.{}.{:08x}", base64url::encode(&compress_to_vec(&bytes, 6)), crc::crc32(&bytes));
    assert!(matches!(decode(&bad), Err(LinkError::Mangled { .. })));
}

#[test]
fn a_fault_as_a_position_is_kept_on_the_way_there_and_back() {
    for at in ["fault", "fault:0x5", "fault:LGN.2", "fault:F_TRANSLATION:2", "fault:Write/AMO-page-fault"] {
        let options = Options { at: Position::parse(at), ..Options::default() };
        for made in
            [encode(TEXT, &options).unwrap(), encode_preset(by_name("fault-ladder").unwrap(), &options)]
        {
            assert!(made.ends_with(&["&at=", at].concat()), "{made}");
            for seen in [made.clone(), format!("({made})."), made.replace(':', "%3A").replace('/', "%2F")] {
                let read = decode(&seen).unwrap();
                assert_eq!((&read.options, read.ignored.len()), (&options, 0), "{seen}");
            }
        }
    }
    // Spaces do not stay in a link, and do not count in a name.
    let read = decode("#p=fault-ladder-riscv&at=fault:Read%20guest-page%20fault:2").unwrap();
    assert_eq!(read.options.at, Position::parse("fault:Readguest-pagefault:2"));
    // What no fault is called is passed over and named.
    assert_eq!(decode("#p=howto&at=fault:0x10000").unwrap().ignored, ["at=fault:0x10000"]);
    // What cannot be a place says nothing of a machine.
    let link = decode("#p=howto&arch=foo&at=40").unwrap();
    assert!(link.why("at=40").unwrap().en.contains("that machine") && link.why("at=x").is_none());
}

proptest! {
    #[test]
    fn a_text_survives(text in "\\PC{0,400}", lines in prop::collection::vec("[ -~网域]{0,60}", 0..40), at: Option<u32>) {
        let text = format!("{text}\n{}", lines.join("\n"));
        let options = Options { at: at.map(Position::Step), ..Options::default() };
        let made = encode(&text, &options).unwrap();
        prop_assert!(made.bytes().all(|b| b.is_ascii_alphanumeric() || b"#.-_&=".contains(&b)));
        prop_assert_eq!(decode(&made), Ok(Link { target: Target::Text(text), options, ignored: vec![] }));
    }

    #[test]
    fn nothing_makes_reading_panic(input in "\\PC{0,200}") {
        let _ = decode(&input);
        let _ = decode(&format!("#1.{input}"));
        let _ = decode(&format!("#p={input}"));
    }

    #[test]
    fn no_bytes_make_inflating_panic(bytes: Vec<u8>, sum: u32) {
        if let Err(error) = decode(&format!("#1.{}.{sum:08x}", base64url::encode(&bytes))) {
            prop_assert!(!error.message(Lang::Zh).is_empty() && !error.to_string().is_empty());
            prop_assert!(error.recovered().is_none_or(|text| text.len() <= 3 * MAX_TEXT));
        }
    }

    /// Any one character changed, put in or taken out: the same text, or an error, never another text.
    #[test]
    fn a_damaged_link_never_opens_as_another(at in 3usize..80, with in "[A-Za-z0-9_.%&#=*-]", kind in 0..3) {
        let made = link(TEXT);
        let at = at.min(made.len() - 1);
        let (before, after) = made.split_at(at);
        let damaged = match kind {
            0 => format!("{before}{with}{}", &after[1..]),
            1 => format!("{before}{with}{after}"),
            _ => format!("{before}{}", &after[1..]),
        };
        if let Ok(read) = decode(&damaged) {
            prop_assert_eq!(read.target.text(), TEXT);
        }
    }
}
