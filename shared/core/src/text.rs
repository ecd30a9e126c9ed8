//! Text files as programs write them: UTF-8 with or without a byte order mark, and UTF-16 with one, which is what Windows and Excel
//! call "Unicode".

use std::borrow::Cow;

/// The byte order mark, as a character.
pub const MARK: char = '\u{FEFF}';

/// How the bytes of a text are to be read, told by how they begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8; the number of bytes that its mark takes, 0 or 3.
    Utf8(usize),
    /// UTF-16, the low byte first.
    Utf16Le,
    /// UTF-16, the high byte first.
    Utf16Be,
}

impl Encoding {
    /// Looks at the first bytes of a text, of which three are enough.
    pub fn of(start: &[u8]) -> Self {
        match start {
            [0xEF, 0xBB, 0xBF, ..] => Self::Utf8(3),
            [0xFF, 0xFE, ..] => Self::Utf16Le,
            [0xFE, 0xFF, ..] => Self::Utf16Be,
            _ => Self::Utf8(0),
        }
    }
}

/// The text of a file, without its byte order mark.
///
/// # Errors
/// Says what the bytes are not.
pub fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, &'static str> {
    match Encoding::of(bytes) {
        Encoding::Utf8(mark) => {
            std::str::from_utf8(&bytes[mark..]).map(Cow::Borrowed).map_err(|_| "it is not text in UTF-8 or UTF-16")
        }
        Encoding::Utf16Le => utf16(&bytes[2..], u16::from_le_bytes),
        Encoding::Utf16Be => utf16(&bytes[2..], u16::from_be_bytes),
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<Cow<'static, str>, &'static str> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let text: Result<String, _> = char::decode_utf16(pairs.iter().map(|pair| unit(*pair))).collect();
    match text {
        Ok(text) if rest.is_empty() => Ok(Cow::Owned(text)),
        _ => Err("it is not text in UTF-16, as its first two bytes say"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_encoding_reads_as_the_same_text() {
        let text = "a: \"é🎉\"\r\n";
        let units: Vec<u16> = text.encode_utf16().collect();
        let utf16 = |mark: [u8; 2], bytes: fn(u16) -> [u8; 2]| {
            [mark.to_vec(), units.iter().flat_map(|unit| bytes(*unit)).collect()].concat()
        };
        for bytes in [
            text.as_bytes().to_vec(),
            [b"\xEF\xBB\xBF", text.as_bytes()].concat(),
            utf16([0xFF, 0xFE], u16::to_le_bytes),
            utf16([0xFE, 0xFF], u16::to_be_bytes),
        ] {
            assert_eq!(decode(&bytes).as_deref(), Ok(text));
        }
        assert_eq!(decode(b"").as_deref(), Ok(""));
    }

    #[test]
    fn bytes_of_no_encoding_are_refused() {
        for bytes in [&b"\xFF\xFEa"[..], b"\xFF\xFE\x00\xD8", b"a\xFF", b"\xEF\xBB\xBF\x80"] {
            assert!(decode(bytes).is_err(), "{bytes:?}");
        }
    }
}
