//! Fixed-length base 62 for 64-byte tokens.
//!
//! Tokens use `[0-9A-Za-z]` alone, because clients and log scrubbers recognise session tokens by that alphabet. The length
//! is fixed, so every token has exactly one spelling and a changed character is always another token.

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Characters that 64 bytes need: 62^86 is the first power above 2^512.
pub(crate) const LENGTH: usize = 86;

/// The 86 characters for 64 bytes, most significant first.
pub(crate) fn encode(bytes: &[u8; 64]) -> String {
    let mut limbs = [0u32; 16];
    for (limb, chunk) in limbs.iter_mut().zip(bytes.chunks_exact(4)) {
        *limb = u32::from_be_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]);
    }
    let mut text = [0u8; LENGTH];
    for digit in text.iter_mut().rev() {
        let mut rest = 0u64;
        for limb in &mut limbs {
            let value = (rest << 32) | u64::from(*limb);
            *limb = (value / 62) as u32;
            rest = value % 62;
        }
        *digit = ALPHABET[rest as usize];
    }
    text.iter().map(|&b| char::from(b)).collect()
}

/// The 64 bytes of 86 characters; `None` for another length, a foreign character, or a number beyond 64 bytes.
pub(crate) fn decode(text: &str) -> Option<[u8; 64]> {
    if text.len() != LENGTH {
        return None;
    }
    let mut limbs = [0u32; 16];
    for byte in text.bytes() {
        let mut carry = u64::from(digit(byte)?);
        for limb in limbs.iter_mut().rev() {
            let value = u64::from(*limb) * 62 + carry;
            *limb = value as u32;
            carry = value >> 32;
        }
        if carry != 0 {
            return None;
        }
    }
    let mut bytes = [0u8; 64];
    for (chunk, limb) in bytes.chunks_exact_mut(4).zip(limbs) {
        chunk.copy_from_slice(&limb.to_be_bytes());
    }
    Some(bytes)
}

/// Characters of the alphabet from random bytes, without bias: bytes that would favour some characters are skipped.
///
/// Returns `None` when `random` runs out; three times the wanted length never does in practice (a byte is kept with 248/256).
pub(crate) fn characters(random: &[u8], length: usize) -> Option<String> {
    let text: String =
        random.iter().filter(|&&b| b < 248).take(length).map(|&b| char::from(ALPHABET[usize::from(b) % 62])).collect();
    (text.len() == length).then_some(text)
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'A'..=b'Z' => Some(byte - b'A' + 10),
        b'a'..=b'z' => Some(byte - b'a' + 36),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn smallest_and_largest_numbers_are_exact() {
        assert_eq!(decode(&encode(&[0; 64])), Some([0; 64]));
        assert_eq!(decode(&encode(&[255; 64])), Some([255; 64]));
        assert_eq!(decode(&"z".repeat(LENGTH)), None, "larger than 64 bytes");
        assert_eq!(decode(&"0".repeat(LENGTH - 1)), None);
        assert_eq!(decode(&"0".repeat(LENGTH + 1)), None);
        assert_eq!(decode(&format!("{}-", "0".repeat(LENGTH - 1))), None);
    }

    proptest! {
        #[test]
        fn any_bytes_read_back(bytes in proptest::array::uniform32(any::<u8>()), more in proptest::array::uniform32(any::<u8>())) {
            let mut all = [0; 64];
            all[..32].copy_from_slice(&bytes);
            all[32..].copy_from_slice(&more);
            prop_assert_eq!(decode(&encode(&all)), Some(all));
        }

        #[test]
        fn any_text_is_decoded_without_panic(text in ".{0,100}") {
            if let Some(bytes) = decode(&text) {
                prop_assert_eq!(encode(&bytes), text);
            }
        }
    }
}
