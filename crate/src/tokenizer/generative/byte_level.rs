//! How byte-level vocabularies write bytes: as 256 printable characters.
//!
//! Printable characters of Latin-1 stand for themselves; the other 68 bytes for U+0100 and on, in their order
//! (GPT-2's `bytes_to_unicode`).

/// The bytes of a token as a byte-level vocabulary spells it, or `None` where a character stands for no byte.
pub(super) fn bytes_of(token: &str) -> Option<Vec<u8>> {
    token.chars().map(byte_of).collect()
}

fn byte_of(c: char) -> Option<u8> {
    let code = u32::from(c);
    if let Ok(byte) = u8::try_from(code) {
        return prints(byte).then_some(byte);
    }
    let nth = usize::try_from(code.checked_sub(0x100)?).ok()?;
    (0..=u8::MAX).filter(|&byte| !prints(byte)).nth(nth)
}

fn prints(byte: u8) -> bool {
    matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_one_character() {
        let mut seen = [0; 256];
        for byte in (0..0x400).filter_map(char::from_u32).filter_map(byte_of) {
            seen[usize::from(byte)] += 1;
        }
        assert_eq!(seen, [1; 256]);
    }

    #[test]
    fn the_usual_spellings() {
        assert_eq!(bytes_of("Ġhello"), Some(b" hello".to_vec()));
        assert_eq!(bytes_of("Ċ"), Some(b"\n".to_vec()));
        assert_eq!(bytes_of("Ã©"), Some("é".as_bytes().to_vec()));
        assert_eq!(bytes_of("\u{143}"), Some(vec![0xad]));
        assert_eq!(bytes_of("a b"), None);
        assert_eq!(bytes_of("｜"), None);
    }
}
