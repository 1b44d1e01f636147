//! base64url without padding: RFC 4648, section 5.

use alloc::string::String;
use alloc::vec::Vec;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::Engine;

/// Bits left over at the end are dropped: the checksum of a link tells whether they mattered.
const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Returns the bytes as text.
pub fn encode(bytes: &[u8]) -> String {
    ENGINE.encode(bytes)
}

/// Returns the bytes of `text`, up to the first character that can't be; and where that is (a byte index), if there is
/// one. The two characters of plain base64 are read as well: some tools "correct" them.
pub fn decode(text: &str) -> (Vec<u8>, Option<usize>) {
    let text = text.trim_end_matches('=').replace('+', "-").replace('/', "_");
    let known = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let bad = text.bytes().position(|byte| !known(byte));
    let good = &text[..bad.unwrap_or(text.len())];
    // One character behind groups of four holds no whole byte.
    let whole = good.len() - usize::from(good.len() % 4 == 1);
    (ENGINE.decode(&good[..whole]).unwrap_or_default(), bad)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_vectors_of_rfc_4648_hold() {
        // Section 10, without the padding.
        for (plain, coded) in [
            ("", ""),
            ("f", "Zg"),
            ("fo", "Zm8"),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg"),
            ("fooba", "Zm9vYmE"),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(encode(plain.as_bytes()), coded);
            assert_eq!(decode(coded), (plain.as_bytes().to_vec(), None));
        }
        assert_eq!(encode(&[0xfb, 0xff]), "-_8");
        assert_eq!(decode("+/8="), (vec![0xfb, 0xff], None));
        assert_eq!(decode("Zm9v*A"), (b"foo".to_vec(), Some(4)));
    }

    proptest! {
        #[test]
        fn bytes_survive(bytes: Vec<u8>) {
            prop_assert_eq!(decode(&encode(&bytes)), (bytes, None));
        }
        /// Whatever is where a link should be, the characters before the first wrong one are read.
        #[test]
        fn what_precedes_a_wrong_character_is_read(bytes: Vec<u8>, tail in "[*.~ é中][a-z]{0,8}") {
            let good = encode(&bytes);
            prop_assert_eq!(decode(&format!("{good}{tail}")), (bytes, Some(good.len())));
        }
        #[test]
        fn nothing_panics(text: String) {
            let (bytes, bad) = decode(&text);
            prop_assert!(bytes.len() <= text.len() && bad.is_none_or(|at| text.is_char_boundary(at)));
        }
    }
}
