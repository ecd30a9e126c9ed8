//! The numbering plans of all calling codes: which digits are a valid number, and which of them only dial out.
//!
//! The plans are those of libphonenumber, as the crate `phonenumber` has them. That crate also formats, names operators and compiles
//! an expression for each kind of number; here only validity counts, so the expressions are compiled into a tree of digits before
//! the project is built. `tests/plans.rs` writes the tree from the crate and compares every verdict with the crate's.

use regex_lite::Regex;

/// The plans: one region a line, the main region of a calling code first. The columns are those of [`Region`]; `-` is an absent one.
const PLANS: &str = include_str!("../../data/phone-plans.tsv");
/// The tree of digits, whose format `tests/plans.rs` describes.
const DIGITS: &[u8] = include_bytes!("../../data/phone-digits.bin");

/// Longest calling code, in digits.
const LONGEST_CODE: usize = 3;
/// Fewest and most digits of a number without its calling code, as in libphonenumber.
const NATIONAL: std::ops::RangeInclusive<usize> = 2..=17;
/// The first value that libphonenumber does not hold.
const TOO_LARGE: u64 = 1 << 56;

/// The plan of one region. Nodes are places in the tree of digits.
#[derive(Clone, Copy)]
struct Region<'p> {
    /// The leading digits by which it is told from the others that share its calling code.
    leading: Option<Node>,
    /// What every number of the region starts with.
    general: Node,
    /// The numbers of the region.
    numbers: Node,
    /// The digits that dial a long-distance number within the region.
    prefix: Option<&'p str>,
    /// A pattern of such digits, where there is more than one way.
    prefixes: Option<&'p str>,
    /// What a match of that pattern becomes.
    rule: Option<&'p str>,
}

/// A place in the tree of digits.
#[derive(Clone, Copy)]
struct Node(usize);

/// The number that these digits are, in E.164. They begin with a calling code.
pub(super) fn e164(digits: &str) -> Option<String> {
    if digits.len() < LONGEST_CODE || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let (code, dialled) =
        (1..=LONGEST_CODE).map(|at| digits.split_at(at)).find(|(code, _)| regions(code).next().is_some())?;
    let region = region(code, dialled.trim_start_matches('0'));
    let national = region.map_or_else(|| dialled.to_owned(), |region| region.without_prefix(dialled));
    let value = national.trim_start_matches('0').parse::<u64>().ok()?;
    let fits = NATIONAL.contains(&national.len()) && value < TOO_LARGE;
    (fits && self::region(code, &national)?.numbers.accepts(&national)).then(|| format!("+{code}{national}"))
}

/// The regions of a calling code.
fn regions(code: &str) -> impl Iterator<Item = Region<'static>> {
    PLANS.lines().filter_map(move |line| {
        let (of, plan) = line.split_once('\t')?;
        if of != code { None } else { Region::read(plan) }
    })
}

/// The region of a number.
fn region(code: &str, national: &str) -> Option<Region<'static>> {
    let mut all = regions(code);
    let first = all.next()?;
    let Some(second) = all.next() else { return Some(first) };
    [first, second].into_iter().chain(all).find(|region| match region.leading {
        Some(leading) => leading.accepts(national),
        None => region.numbers.accepts(national),
    })
}

impl<'p> Region<'p> {
    fn read(plan: &'p str) -> Option<Self> {
        let mut columns = plan.split('\t').skip(1);
        let mut next = || columns.next().filter(|column| *column != "-");
        let node = |column: &str| column.parse().ok().map(Node);
        Some(Self {
            leading: next().and_then(node),
            general: node(next()?)?,
            numbers: node(next()?)?,
            prefix: next(),
            prefixes: next(),
            rule: next(),
        })
    }

    /// A number without what only dials it within its region.
    fn without_prefix(&self, dialled: &str) -> String {
        let once = self.without_prefixes(dialled).unwrap_or_else(|| dialled.to_owned());
        // The crate does this after the pattern, and again where there is none.
        match self.prefix.and_then(|prefix| once.strip_prefix(prefix)) {
            Some(rest) => rest.to_owned(),
            None => once,
        }
    }

    fn without_prefixes(&self, dialled: &str) -> Option<String> {
        let Some(prefixes) = self.prefixes else { return Some(dialled.strip_prefix(self.prefix?)?.to_owned()) };
        let prefixes = anchored(prefixes)?;
        let found = prefixes.captures(dialled)?;
        let last = found.get(found.len() - 1);
        let Some(rule) = self.rule.filter(|_| last.is_some()) else {
            return Some(dialled[found.get(0)?.end()..].to_owned());
        };
        let changed = prefixes.replace(dialled, rule).into_owned();
        (!self.general.accepts(dialled) || self.general.accepts(&changed)).then_some(changed)
    }
}

impl Node {
    fn accepts(self, digits: &str) -> bool {
        let last = digits.bytes().try_fold(self, |node, digit| node.after(digit.wrapping_sub(b'0')));
        last.is_some_and(|node| node.marks() & 1 << 10 != 0)
    }

    /// Where a digit leads, if anywhere: the step of the nearest digit not above it that has one.
    fn after(self, digit: u8) -> Option<Self> {
        let up_to = (2_usize << digit) - 1;
        let steps = (self.marks() & up_to & ((1 << 10) - 1)).count_ones() as usize;
        let step = entry(self.0 + 1) + steps.checked_sub(1)?;
        Some(Self(entry(1 + 2 * entry(0) + step))).filter(|node| node.0 != 0)
    }

    fn marks(self) -> usize {
        entry(1 + entry(0) + self.0)
    }
}

/// An entry of [`DIGITS`].
fn entry(at: usize) -> usize {
    DIGITS
        .get(2 * at..2 * at + 2)
        .and_then(|bytes| bytes.try_into().ok())
        .map_or(0, |bytes| u16::from_le_bytes(bytes).into())
}

/// A pattern at the start of a text. A test compiles all of them.
fn anchored(pattern: &str) -> Option<Regex> {
    Regex::new(&format!("^(?:{pattern})")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_plan_is_read_and_every_pattern_compiles() {
        for line in PLANS.lines() {
            let (code, plan) = line.split_once('\t').unwrap();
            assert!(!code.is_empty() && code.len() <= LONGEST_CODE, "{line}");
            let region = Region::read(plan).unwrap_or_else(|| panic!("{line}"));
            if let Some(pattern) = region.prefixes {
                assert!(anchored(pattern).is_some(), "{pattern}");
            }
        }
    }
}
