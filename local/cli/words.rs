//! Puts the schema validator's report on traits into words for a terminal.

use percent_encoding::percent_decode_str;

/// One error: its depth in the report, its path in the traits, and its text.
struct Fault<'a> {
    depth: usize,
    place: &'a str,
    text: &'a str,
}

/// Turns a report such as `I[#/traits/email] S[#/properties/traits/properties/email/format] "x" is not valid "email"` into one line
/// per trait and error, without schema paths: `email: "x" is not a valid email`. Returns `None` for any other text.
pub(crate) fn of_report(report: &str) -> Option<String> {
    let faults = report.lines().map(read).collect::<Option<Vec<_>>>()?;
    let mut said: Vec<String> = Vec::new();
    for (n, fault) in faults.iter().enumerate() {
        // The deepest error is the cause.
        if faults.get(n + 1).is_some_and(|next| next.depth > fault.depth) {
            continue;
        }
        let place = match name(fault.place) {
            name if name.is_empty() => name,
            name => format!("{name}: "),
        };
        let text = in_words(fault.text);
        // The format of a trait and its address are often wrong together.
        if !said.iter().any(|line| line.starts_with(&place) && line.ends_with(&text)) {
            said.push(format!("{place}{text}"));
        }
    }
    (!said.is_empty()).then(|| said.join("\n  "))
}

fn read(line: &str) -> Option<Fault<'_>> {
    if line.trim() == "..." {
        return Some(Fault { depth: 0, place: "", text: "…" });
    }
    let inner = line.trim_start_matches(' ');
    let (place, rest) = inner.strip_prefix("I[")?.split_once("] S[")?;
    Some(Fault { depth: line.len() - inner.len(), place, text: rest.split_once("] ")?.1 })
}

/// `#/traits/name/first` in the spelling of the command line: `name.first`.
fn name(place: &str) -> String {
    let decoded = percent_decode_str(place).decode_utf8_lossy();
    let steps = decoded.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~"));
    steps.skip_while(|step| step == "traits").collect::<Vec<_>>().join(".")
}

/// The validator's texts, which clients of the API know, in plain words.
fn in_words(text: &str) -> String {
    let between = |from: &str, to: &str| text.strip_prefix(from)?.strip_suffix(to).map(str::to_owned);
    if let Some(names) = between("missing properties: ", "") {
        return format!("{names} is missing");
    }
    if let Some(names) = between("additionalProperties ", " not allowed") {
        return format!("the schema has no trait {names}");
    }
    if let Some((value, format)) = text.split_once(" is not valid ") {
        let what = match format {
            "\"email\"" => "an e-mail address",
            "\"tel\"" => "a telephone number with its country code, such as +49 30 123456",
            "\"uri\"" => "a URL",
            "\"date\"" => "a date, such as 2026-07-29",
            other => return format!("{value} is not valid as {}", other.trim_matches('"')),
        };
        return format!("{value} is not {what}");
    }
    if let Some((wanted, found)) = text.strip_prefix("expected ").and_then(|rest| rest.split_once(", but got ")) {
        return format!("must be of type {wanted}, is {found}");
    }
    for (sign, says) in [("length must be >= ", "at least"), ("length must be <= ", "at most")] {
        if let Some((bound, found)) = text.strip_prefix(sign).and_then(|rest| rest.split_once(", but got ")) {
            return format!("must have {says} {bound} characters, has {found}");
        }
    }
    match text {
        "mail: missing '@' or angle-addr" | "mail: the text is not an address" => "is not an e-mail address".to_owned(),
        "the phone number supplied is not a number" => "is not a telephone number with its country code".to_owned(),
        other => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn report_becomes_plain_words() {
        for (report, words) in [
            (
                "I[#/traits/email] S[#/properties/traits/properties/email/format] \"x\" is not valid \"email\"",
                "email: \"x\" is not an e-mail address",
            ),
            (
                "I[#/traits] S[#/properties/traits] validation failed\n  I[#/traits] S[#/properties/traits/required] missing properties: \"email\"\n  \
                 I[#/traits/name] S[#/properties/traits/properties/name] validation failed\n    \
                 I[#/traits/name/first] S[#/properties/traits/properties/name/properties/first/minLength] length must be >= 3, but got 1\n    \
                 I[#/traits/name] S[#/properties/traits/properties/name/additionalProperties] additionalProperties \"x\" not allowed",
                "\"email\" is missing\n  name.first: must have at least 3 characters, has 1\n  name: the schema has no trait \"x\"",
            ),
            ("I[#/traits/a%20b~1c] S[#/x] expected string, but got number", "a b/c: must be of type string, is number"),
            (
                "I[#/traits/e] S[#/x] \"x\" is not valid \"email\"\nI[#/traits/e] S[#/x] mail: missing '@' or angle-addr",
                "e: \"x\" is not an e-mail address",
            ),
            (
                "I[#/traits/p] S[#/x] the phone number supplied is not a number",
                "p: is not a telephone number with its country code",
            ),
            ("I[#/traits/p] S[#/x] something else", "p: something else"),
        ] {
            assert_eq!(of_report(report).as_deref(), Some(words), "{report}");
        }
        for other in ["", "This identity conflicts with another identity that already exists.", "I[x", "I[#] S[#]"] {
            assert_eq!(of_report(other), None, "{other}");
        }
    }
}
