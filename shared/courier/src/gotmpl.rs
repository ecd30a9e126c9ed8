//! Templates in Go's language, as Kratos has them. An expression that inserts a value is converted; for everything else the error
//! says how to write it.

use crate::values::variables;

/// What begins a statement or a call of Go's templates, and what to write in its place.
const STATEMENTS: [(&str, &str); 17] = [
    ("if", "{% if login_code %}"),
    ("else", "{% else %}"),
    ("end", "{% endif %} or {% endfor %}"),
    ("range", "{% for item in identity.traits.list %}"),
    ("with", "{% set %}, or the whole name"),
    ("define", "the text itself, or {% macro name() %}"),
    ("template", "the text itself, or {{ name() }} of a macro"),
    ("block", "the text itself"),
    ("printf", "the text and {{ variables }} in it"),
    ("print", "the text and {{ variables }} in it"),
    ("index", "{{ identity.traits.name }}"),
    ("len", "{{ identity.traits.list | length }}"),
    ("eq", "{% if a == b %}"),
    ("ne", "{% if a != b %}"),
    ("and", "{% if a and b %}"),
    ("or", "{% if a or b %}"),
    ("not", "{% if not a %}"),
];

/// The same template for our engine.
///
/// # Errors
/// The line, what stands there and what to write instead.
pub(crate) fn converted(text: &str) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("{{") {
        let (before, from) = rest.split_at(start);
        out.push_str(before);
        rest = from;
        let Some(end) = from.find("}}") else { break };
        let block = &from[..end + 2];
        let line = text[..text.len() - from.len()].matches('\n').count() + 1;
        out.push_str(&expression(block).map_err(|why| format!("{line}: {why}"))?);
        rest = &from[end + 2..];
    }
    out.push_str(rest);
    Ok(out)
}

fn expression(block: &str) -> Result<String, String> {
    let inner = block[2..block.len() - 2].trim_start_matches('-').trim_end_matches('-').trim();
    let instead = |write: &str| Err(format!("{block} is Go's template language; write {write} instead"));
    if inner.starts_with("/*") {
        return instead("{# … #}");
    }
    if inner.starts_with('$') {
        return instead("{% set name = value %} and {{ name }}");
    }
    let word = inner.split(|c: char| c.is_whitespace()).next().unwrap_or_default();
    if let Some((_, write)) = STATEMENTS.iter().find(|(statement, _)| *statement == word) {
        return instead(write);
    }
    let Some(path) = inner.strip_prefix('.') else { return Ok(block.to_owned()) };
    let end = path.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(path.len());
    let (name, after) = path.split_at(end);
    let Some((ours, _)) = variables().find(|(_, theirs)| *theirs == name) else {
        let names: Vec<String> = variables().map(|(_, theirs)| format!(".{theirs}")).collect();
        return Err(format!("{block}: there is no .{name}; a template may use {}", names.join(", ")));
    };
    let fields = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '.').unwrap_or(after.len());
    let (_, filters) = after.split_at(fields);
    if !filters.is_empty() && !filters.trim_start().starts_with('|') {
        return instead(&format!("{{{{ {ours} }}}}"));
    }
    Ok(block.replacen(&format!(".{name}"), ours, 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_values_are_converted() {
        for (theirs, ours) in [
            ("Hi {{ .LoginCode }}!", "Hi {{ login_code }}!"),
            ("{{- .RequestURLDomain -}}", "{{- request_url_domain -}}"),
            ("{{.Identity.traits.email}} {{ .To | upper }}", "{{identity.traits.email}} {{ to | upper }}"),
            ("{{ login_code }} {% if to %}{{ to }}{% endif %}", "{{ login_code }} {% if to %}{{ to }}{% endif %}"),
            ("{{ range(3) }} {{ open", "{{ range(3) }} {{ open"),
        ] {
            assert_eq!(converted(theirs).unwrap(), ours);
        }
    }

    #[test]
    fn go_statements_are_refused_with_a_hint() {
        for (theirs, says) in [
            ("a\n{{ if .To }}", "2: {{ if .To }} is Go's template language; write {% if login_code %} instead"),
            ("{{- define \"en\" -}}", "1: {{- define \"en\" -}} is Go's"),
            ("\n\n{{/* note */}}", "3: {{/* note */}} is Go's template language; write {# … #} instead"),
            (
                "{{ .RecoveryCode }}",
                "1: {{ .RecoveryCode }}: there is no .RecoveryCode; a template may use .To, .LoginCode",
            ),
            ("{{ .To .LoginCode }}", "1: {{ .To .LoginCode }} is Go's template language; write {{ to }} instead"),
            ("{{ end }}", "1: {{ end }} is Go's"),
        ] {
            let error = converted(theirs).unwrap_err();
            assert!(error.starts_with(says), "{error}");
        }
    }
}
