//! CRC-32 as in zip, gzip and PNG (ISO/IEC 8802-3).

use crc::{Crc, NoTable, CRC_32_ISO_HDLC};

/// Bit by bit, without a table: a link is short.
const CRC: Crc<u32, NoTable> = Crc::<u32, NoTable>::new(&CRC_32_ISO_HDLC);

/// Returns the checksum of `bytes`.
pub fn crc32(bytes: &[u8]) -> u32 {
    CRC.checksum(bytes)
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
