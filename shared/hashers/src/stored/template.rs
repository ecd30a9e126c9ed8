//! The text that a template makes of salt and password.

/// Where the salt goes.
const SALT: &[u8] = b"{SALT}";
/// Where the password goes.
pub(super) const PASSWORD: &[u8] = b"{PASSWORD}";

/// Replaces `{SALT}` and `{PASSWORD}` in one pass: inserted text is not searched again.
pub(super) fn fill(template: &[u8], salt: &[u8], password: &[u8]) -> Vec<u8> {
    let mut filled = Vec::with_capacity(template.len() + salt.len() + password.len());
    let mut rest = template;
    while let Some((&first, after)) = rest.split_first() {
        if let Some(after) = rest.strip_prefix(SALT) {
            filled.extend_from_slice(salt);
            rest = after;
        } else if let Some(after) = rest.strip_prefix(PASSWORD) {
            filled.extend_from_slice(password);
            rest = after;
        } else {
            filled.push(first);
            rest = after;
        }
    }
    filled
}

/// An upper bound of a template's output in bytes: overlapping marks are counted each.
pub(super) fn filled_length(template: &[u8], salt: usize, password: usize) -> usize {
    let count = |mark: &[u8]| template.windows(mark.len()).filter(|window| *window == mark).count();
    template.len() + count(SALT) * salt + count(PASSWORD) * password
}

/// Whether the password is part of a template's output.
pub(super) fn has_password(template: &[u8]) -> bool {
    template.windows(PASSWORD.len()).any(|window| window == PASSWORD)
}

#[cfg(test)]
mod tests {
    use super::{fill, filled_length, has_password};

    #[test]
    fn both_marks_are_replaced_everywhere() {
        assert_eq!(fill(b"{SALT}{PASSWORD}", b"s", b"p"), b"sp");
        assert_eq!(fill(b"a{PASSWORD}-{SALT}-{SALT}}", b"s", b"p"), b"ap-s-s}");
        assert_eq!(fill(b"", b"s", b"p"), b"");
        assert!(filled_length(b"{SALT}{PASSWORD}{PASSWORD}", 1, 100) >= 201);
        assert!(has_password(b"x{PASSWORD}") && !has_password(b"{SALT}{password}"));
    }

    #[test]
    fn salt_like_a_mark_is_not_replaced() {
        assert_eq!(fill(b"{SALT}{PASSWORD}", b"{PASSWORD}", b"p"), b"{PASSWORD}p");
    }
}
