//! CRC-32 as in zip, gzip and PNG (ISO/IEC 8802-3; reflected polynomial 0xedb8_8320). Bit by bit: a link is short.

/// The checksum of `bytes`.
pub fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |mut crc, byte| {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
        }
        crc
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_check_value_holds() {
        // The check value that catalogues of CRCs give for CRC-32.
        assert_eq!(super::crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(super::crc32(b""), 0);
    }
}
