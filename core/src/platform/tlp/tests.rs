use super::*;
use proptest::prelude::*;

#[test]
fn known_headers() {
    let nic = RequesterId::bdf(1, 0, 0);
    // A 4-byte write of an MSI to 0xfee00000.
    let msi = Tlp::memory(nic, 0, true, BusAddr::new(0xfee0_0000), 4).encode();
    assert_eq!((msi.dw, msi.len), ([0x4000_0001, 0x0100_000f, 0xfee0_0000, 0], 3));
    // A 128-byte read above 4 GiB: four double words.
    let read = Tlp::memory(nic, 7, false, BusAddr::new(0x1_0000_1000), 128).encode();
    assert_eq!((read.dw, read.len), ([0x2000_0020, 0x0100_07ff, 1, 0x1000], 4));
    let tag = PasidPrefix { pasid: Pasid::new(7).unwrap(), privileged: true, execute: false };
    let with = Tlp::memory(nic, 0, false, BusAddr::new(0), 4).with_pasid(Some(tag)).encode();
    assert_eq!(with.prefix, Some(0x9120_0007));
    // A completion with 4 bytes of data.
    let read = Tlp::memory(nic, 3, false, BusAddr::new(0x1004), 4);
    let done = read.completion(RequesterId::default(), Status::Success, 4, 4, 0).encode();
    assert_eq!(done.dw, [0x4a00_0001, 0x0000_0004, 0x0100_0304, 0]);
    let ur = read.completion(RequesterId::default(), Status::UnsupportedRequest, 4, 4, 0).encode();
    assert_eq!(ur.dw, [0x0a00_0000, 0x0000_2004, 0x0100_0304, 0]);
    // Reading the vendor id of 00:03.0, and writing one byte of an I/O port.
    let cfg = Tlp::config(RequesterId::default(), 0, false, RequesterId::bdf(0, 3, 0), 0, 2, false);
    assert_eq!(cfg.encode().dw, [0x0400_0001, 0x0000_0003, 0x0018_0000, 0]);
    let io = Tlp::io(RequesterId::default(), 0, true, 0xc001, 1);
    assert_eq!(io.encode().dw, [0x4200_0001, 0x0000_0002, 0xc000, 0]);
}

#[test]
fn a_full_page_is_length_zero_on_the_wire() {
    let t = Tlp::memory(RequesterId::default(), 0, true, BusAddr::new(0x1000), 4096);
    assert_eq!(t.encode().dw[0] & 0x3ff, 0);
    assert_eq!(t.span(), Some((0x1000, 4096)));
    assert_eq!(Tlp::decode(&t.encode()), Ok(t));
}

#[test]
fn reserved_codes_are_refused() {
    let header = |dw0, dw1| Header { dw: [dw0, dw1, 0, 0], len: 3, prefix: None };
    assert_eq!(Tlp::decode(&header(0x1f00_0000, 0)), Err(TlpError::Type(0x1f)));
    assert_eq!(Tlp::decode(&header(0xc00, 0)), Err(TlpError::Field("AT", 3)));
    assert_eq!(Tlp::decode(&header(0x0a00_0000, 0x6000)), Err(TlpError::Field("completion status", 3)));
    let prefix = Header { prefix: Some(0x9000_0000), ..header(0, 0xf) };
    assert_eq!(Tlp::decode(&prefix), Err(TlpError::Prefix(0x9000_0000)));
}

fn body() -> impl Strategy<Value = Body> {
    let id = || any::<u16>().prop_map(|v| RequesterId::new(v.into()));
    let kinds = prop_oneof![
        Just(AddressType::Untranslated),
        Just(AddressType::TranslationRequest),
        Just(AddressType::Translated)
    ];
    let statuses = prop_oneof![
        Just(Status::Success),
        Just(Status::UnsupportedRequest),
        Just(Status::Retry),
        Just(Status::CompleterAbort)
    ];
    let ways = prop_oneof![Just(Routing::RootComplex), id().prop_map(Routing::Id), Just(Routing::Local)];
    prop_oneof![
        (any::<bool>(), any::<u64>(), kinds, 1..=1024u16, 0..16u8, 0..16u8, any::<bool>()).prop_map(
            |(write, address, kind, dwords, first_be, last_be, nw)| Body::Memory {
                write,
                address: BusAddr::new(address & !3),
                kind,
                dwords,
                first_be,
                last_be,
                no_write: nw && kind == AddressType::TranslationRequest,
            }
        ),
        (any::<bool>(), any::<u32>(), 0..16u8).prop_map(|(write, a, first_be)| Body::Io {
            write,
            address: a & !3,
            first_be
        }),
        (any::<bool>(), any::<bool>(), id(), 0..0x400u16, 0..16u8).prop_map(
            |(write, forwarded, target, r, first_be)| Body::Config {
                write,
                forwarded,
                target,
                register: r * 4,
                first_be
            }
        ),
        (id(), statuses, 1..=4096u16, 0..128u8, 0..=1024u16).prop_map(
            |(completer, status, byte_count, lower_address, dwords)| Body::Completion {
                completer,
                status,
                byte_count,
                lower_address,
                dwords
            }
        ),
        (ways, any::<u8>(), any::<[u32; 2]>(), 0..=1024u16).prop_map(|(routing, code, mut words, dwords)| {
            if matches!(routing, Routing::Id(_)) {
                words[0] &= 0xffff;
            }
            Body::Message { routing, code, words, dwords }
        }),
    ]
}

proptest! {
    #[test]
    fn encode_then_decode_is_the_identity(
        body in body(), requester: u16, tag in 0..1024u16, class in 0..8u8, attr in 0..8u8,
        poisoned: bool, pasid in proptest::option::of((0..=Pasid::MAX, any::<bool>(), any::<bool>())),
    ) {
        let pasid = pasid.map(|(p, privileged, execute)| PasidPrefix {
            pasid: Pasid::new(p).unwrap(), privileged, execute,
        });
        let requester = RequesterId::new(requester.into());
        let tlp = Tlp { body, requester, tag, class, attr, poisoned, pasid };
        prop_assert_eq!(Tlp::decode(&tlp.encode()), Ok(tlp));
    }

    #[test]
    fn decode_never_panics(dw: [u32; 4], len in 3..5u8, prefix: Option<u32>) {
        let _ = Tlp::decode(&Header { dw, len, prefix });
    }

    /// Byte enables name exactly the requested bytes.
    #[test]
    fn byte_enables_cover_the_bytes(at in 0u64..1 << 40, bytes in 1u32..4000) {
        let tlp = Tlp::memory(RequesterId::default(), 0, true, BusAddr::new(at), bytes);
        prop_assert_eq!(tlp.span(), Some((at, bytes)));
        if let Body::Memory { dwords, first_be, last_be, .. } = tlp.body {
            prop_assert!(first_be != 0 && (dwords == 1) == (last_be == 0));
        }
    }
}
