//! Decodes the bytes of a file to UTF-8 without a byte order mark.

use latchkey_core::text::Encoding;
use std::io::{BufRead, Error, ErrorKind, Read};

/// Bytes per read.
const CHUNK: usize = 1 << 16;

/// Whether a text uses two bytes for an ASCII character.
pub(super) fn is_utf16(encoding: Encoding) -> bool {
    matches!(encoding, Encoding::Utf16Le | Encoding::Utf16Be)
}

/// A reader of text.
pub(super) struct Decoded<R> {
    input: R,
    encoding: Option<Encoding>,
    /// Bytes that were read and not decoded yet: a part of a character.
    rest: Vec<u8>,
    text: Vec<u8>,
    at: usize,
}

impl<R: Read> Decoded<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, encoding: None, rest: Vec::new(), text: Vec::new(), at: 0 }
    }

    fn refill(&mut self) -> std::io::Result<()> {
        (self.text, self.at) = (Vec::new(), 0);
        loop {
            let had = self.rest.len();
            self.rest.resize(had + CHUNK, 0);
            let read = self.input.read(&mut self.rest[had..]);
            self.rest.truncate(had + *read.as_ref().unwrap_or(&0));
            let ended = match read {
                Err(e) if e.kind() == ErrorKind::Interrupted => false,
                read => read? == 0,
            };
            let encoding = match self.encoding {
                Some(encoding) => encoding,
                None if self.rest.len() < 3 && !ended => continue,
                None => {
                    let encoding = Encoding::of(&self.rest);
                    self.rest.drain(
                        ..match encoding {
                            Encoding::Utf8(mark) => mark,
                            Encoding::Utf16Le | Encoding::Utf16Be => 2,
                        },
                    );
                    *self.encoding.insert(encoding)
                }
            };
            match encoding {
                Encoding::Utf8(_) => std::mem::swap(&mut self.text, &mut self.rest),
                Encoding::Utf16Le => self.decode(u16::from_le_bytes, ended)?,
                Encoding::Utf16Be => self.decode(u16::from_be_bytes, ended)?,
            }
            if ended || !self.text.is_empty() {
                return Ok(());
            }
        }
    }

    /// Decodes the complete code units of UTF-16.
    fn decode(&mut self, unit: fn([u8; 2]) -> u16, ended: bool) -> std::io::Result<()> {
        let (pairs, _) = self.rest.as_chunks::<2>();
        let units: Vec<u16> = pairs.iter().map(|pair| unit(*pair)).collect();
        // The first half of a surrogate pair waits for the second one.
        let waits = units.last().is_some_and(|unit| (0xD800..0xDC00).contains(unit));
        let whole = &units[..units.len() - usize::from(waits && !ended)];
        let text: Result<String, _> = char::decode_utf16(whole.iter().copied()).collect();
        let odd = ended && self.rest.len() % 2 == 1;
        let fault = || Error::new(ErrorKind::InvalidData, "it is not text in UTF-16, as its first two bytes say");
        self.text = text.ok().filter(|_| !odd).ok_or_else(fault)?.into_bytes();
        self.rest.drain(..2 * whole.len());
        Ok(())
    }
}

impl<R: Read> Read for Decoded<R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let length = self.fill_buf()?.read(into)?;
        self.consume(length);
        Ok(length)
    }
}

impl<R: Read> BufRead for Decoded<R> {
    fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
        if self.at == self.text.len() {
            self.refill()?;
        }
        Ok(&self.text[self.at..])
    }

    fn consume(&mut self, length: usize) {
        self.at += length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns one byte at a time.
    struct Slow(Vec<u8>);

    impl Read for Slow {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            if self.0.is_empty() {
                return Ok(0);
            }
            into[0] = self.0.remove(0);
            Ok(1)
        }
    }

    #[test]
    fn characters_split_between_reads_are_whole() {
        for text in ["", "a", "ab", "é🎉z\n"] {
            let units = text.encode_utf16().flat_map(u16::to_le_bytes);
            let utf16: Vec<u8> = [0xFF, 0xFE].into_iter().chain(units).collect();
            for bytes in [text.as_bytes().to_vec(), [b"\xEF\xBB\xBF", text.as_bytes()].concat(), utf16] {
                let mut read = String::new();
                Decoded::new(Slow(bytes)).read_to_string(&mut read).unwrap();
                assert_eq!(read, text);
            }
        }
    }
}
