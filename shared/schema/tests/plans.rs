//! The numbering plans beside the crate that they are taken from: the same text, and the same verdict on every number tried.
//!
//! `LATCHKEY_WRITE_PLANS=1 cargo test -p latchkey-schema --test plans` writes the plans anew after an update of the crate.

use latchkey_schema::{Via, normalize_address};
use phonenumber::metadata::{DATABASE, Descriptor};
use phonenumber::{Metadata, Mode};
use proptest::prelude::*;
use regex_automata::nfa::thompson::{NFA, State};
use regex_automata::util::{primitives::StateID, syntax};
use std::collections::{BTreeSet, HashMap};

const PLANS: &str = include_str!("../data/phone-plans.tsv");
const DIGITS: &[u8] = include_bytes!("../data/phone-digits.bin");
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data");

/// Most digits of a number without its calling code.
const MOST: usize = 17;

/// Every region, by calling code, the main one first.
fn regions() -> Vec<&'static Metadata> {
    let codes: BTreeSet<u16> = DATABASE.iter().map(Metadata::country_code).collect();
    codes.iter().flat_map(|code| DATABASE.by_code(code).expect("a known code")).collect()
}

/// The kinds of which a number must be one, as the crate asks for them.
fn kinds(region: &'static Metadata) -> Vec<&'static Descriptor> {
    let all = region.descriptors();
    let named = [
        all.premium_rate(),
        all.toll_free(),
        all.shared_cost(),
        all.voip(),
        all.personal_number(),
        all.pager(),
        all.uan(),
        all.voicemail(),
        all.fixed_line(),
        all.mobile(),
    ];
    named.into_iter().flatten().collect()
}

/// A pattern as an automaton. The crate passes over the blanks in its patterns, and asks for a match at the start alone.
struct Pattern {
    nfa: NFA,
    /// How long the whole number may be; any length where this is empty.
    lengths: Vec<usize>,
}

/// Where a pattern is after some digits.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Place {
    Matched,
    /// The states that wait for a digit; none of them is left where the pattern cannot match any more.
    Waiting(Vec<StateID>),
}

impl Pattern {
    fn new(text: &str, lengths: &[u16]) -> Self {
        let text: String = text.split_whitespace().collect();
        let bytes = syntax::Config::new().unicode(false).utf8(false);
        let nfa = NFA::compiler().syntax(bytes).build(&text).expect("a pattern");
        Self { nfa, lengths: lengths.iter().map(|&length| length.into()).collect() }
    }

    fn of(kind: &Descriptor) -> Self {
        Self::new(kind.national_number().as_str(), kind.possible_length())
    }

    fn start(&self) -> Place {
        self.place([self.nfa.start_anchored()])
    }

    /// Follows what needs no digit.
    fn place(&self, from: impl IntoIterator<Item = StateID>) -> Place {
        let (mut left, mut seen, mut waiting): (Vec<_>, BTreeSet<_>, Vec<_>) =
            (from.into_iter().collect(), BTreeSet::new(), Vec::new());
        while let Some(id) = left.pop() {
            if !seen.insert(id) {
                continue;
            }
            match self.nfa.state(id) {
                State::Match { .. } => return Place::Matched,
                State::Union { alternates } => left.extend(alternates.iter()),
                State::BinaryUnion { alt1, alt2 } => left.extend([*alt1, *alt2]),
                State::Capture { next, .. } => left.push(*next),
                State::ByteRange { .. } | State::Sparse(_) | State::Dense(_) => waiting.push(id),
                State::Fail => {}
                State::Look { look, .. } => panic!("{look:?} in a plan"),
            }
        }
        waiting.sort_unstable();
        Place::Waiting(waiting)
    }

    fn after(&self, place: &Place, digit: u8) -> Place {
        let Place::Waiting(waiting) = place else { return Place::Matched };
        self.place(waiting.iter().filter_map(|&id| match self.nfa.state(id) {
            State::ByteRange { trans } => trans.matches_byte(digit).then_some(trans.next),
            State::Sparse(all) => all.matches_byte(digit),
            State::Dense(all) => all.matches_byte(digit),
            _ => None,
        }))
    }

    fn may_be(&self, length: usize) -> bool {
        self.lengths.is_empty() || self.lengths.contains(&length)
    }
}

/// A place in the tree of digits: whether the digits so far are accepted, and where each further digit leads.
type Node = (bool, [u16; 10]);
const NOTHING: u16 = 0;
const ANYTHING: u16 = 1;

/// The trees of all plans. Equal parts of them are one.
struct Digits {
    nodes: Vec<Node>,
    known: HashMap<Node, u16>,
}

impl Digits {
    fn new() -> Self {
        let mut digits = Self { nodes: Vec::new(), known: HashMap::new() };
        assert_eq!(digits.node((false, [NOTHING; 10])), NOTHING);
        assert_eq!(digits.node((true, [ANYTHING; 10])), ANYTHING);
        digits
    }

    fn node(&mut self, node: Node) -> u16 {
        *self.known.entry(node).or_insert_with(|| {
            self.nodes.push(node);
            u16::try_from(self.nodes.len() - 1).expect("few nodes")
        })
    }

    /// What starts with a pattern.
    fn starting(&mut self, pattern: &Pattern, place: Place, known: &mut HashMap<Place, u16>) -> u16 {
        match &place {
            Place::Matched => return ANYTHING,
            Place::Waiting(waiting) if waiting.is_empty() => return NOTHING,
            Place::Waiting(_) => {}
        }
        if let Some(&node) = known.get(&place) {
            return node;
        }
        let next =
            std::array::from_fn(|digit| self.starting(pattern, pattern.after(&place, b'0' + digit as u8), known));
        let node = self.node((false, next));
        known.insert(place, node);
        node
    }

    /// What is a number: it starts as every number of the region, and is of some kind.
    fn valid(&mut self, region: &'static Metadata) -> u16 {
        let general = region.descriptors().general();
        let patterns: Vec<Pattern> = [general].into_iter().chain(kinds(region)).map(Pattern::of).collect();
        let places = patterns.iter().map(Pattern::start).collect();
        self.numbers(&patterns, 0, places, &mut HashMap::new())
    }

    fn numbers(
        &mut self,
        patterns: &[Pattern],
        length: usize,
        places: Vec<Place>,
        known: &mut HashMap<(usize, Vec<Place>), u16>,
    ) -> u16 {
        if length > MOST || places[0] == Place::Waiting(Vec::new()) {
            return NOTHING;
        }
        let key = (length, places);
        if let Some(&node) = known.get(&key) {
            return node;
        }
        let accepted = |(pattern, place): (&Pattern, &Place)| *place == Place::Matched && pattern.may_be(length);
        let mut all = patterns.iter().zip(&key.1);
        let is_number = all.next().is_some_and(accepted) && all.any(accepted);
        let next = std::array::from_fn(|digit| {
            let after = |(pattern, place): (&Pattern, &Place)| pattern.after(place, b'0' + digit as u8);
            self.numbers(patterns, length + 1, patterns.iter().zip(&key.1).map(after).collect(), known)
        });
        let node = self.node((is_number, next));
        known.insert(key, node);
        node
    }

    /// The file: how many nodes there are; where the steps of each begin; of each, a bit for every digit that leads elsewhere than
    /// the digit before it, and one (the eleventh) where it accepts; the steps, one for each such bit. Every entry has two bytes.
    fn bytes(&self) -> Vec<u8> {
        let (mut begins, mut marks, mut steps) = (Vec::new(), Vec::new(), Vec::<u16>::new());
        for (accepts, next) in &self.nodes {
            begins.push(u16::try_from(steps.len()).expect("few steps"));
            let mut mark = u16::from(*accepts) << 10;
            let mut before = NOTHING;
            for (digit, &to) in next.iter().enumerate() {
                if to != before {
                    mark |= 1 << digit;
                    steps.push(to);
                }
                before = to;
            }
            marks.push(mark);
        }
        let count = u16::try_from(self.nodes.len()).expect("few nodes");
        [count].into_iter().chain(begins).chain(marks).chain(steps).flat_map(u16::to_le_bytes).collect()
    }
}

fn line(region: &'static Metadata, digits: &mut Digits) -> String {
    let or_none = |column: Option<String>| column.unwrap_or_else(|| "-".to_owned());
    let mut starting = |pattern: Pattern| digits.starting(&pattern, pattern.start(), &mut HashMap::new()).to_string();
    let columns = [
        region.country_code().to_string(),
        region.id().to_owned(),
        or_none(region.leading_digits().map(|leading| starting(Pattern::new(leading.as_str(), &[])))),
        starting(Pattern::of(region.descriptors().general())),
        digits.valid(region).to_string(),
        or_none(region.national_prefix().map(str::to_owned)),
        or_none(region.national_prefix_for_parsing().map(|prefixes| prefixes.as_str().split_whitespace().collect())),
        or_none(region.national_prefix_transform_rule().map(str::to_owned)),
    ];
    columns.join("\t") + "\n"
}

#[test]
fn plans_are_those_of_the_crate() {
    let mut digits = Digits::new();
    let lines: String = regions().into_iter().map(|region| line(region, &mut digits)).collect();
    if std::env::var_os("LATCHKEY_WRITE_PLANS").is_some() {
        std::fs::write(format!("{FOLDER}/phone-plans.tsv"), &lines).unwrap();
        std::fs::write(format!("{FOLDER}/phone-digits.bin"), digits.bytes()).unwrap();
        return;
    }
    assert!(lines == PLANS && digits.bytes() == DIGITS, "the crate has other plans than {FOLDER}");
}

/// The crate would compare lengths that no region of it has; the port leaves that out.
#[test]
fn no_region_bounds_all_its_lengths() {
    for region in regions() {
        assert!(region.descriptors().general().possible_length().is_empty(), "{}", region.id());
    }
}

fn of_the_crate(text: &str) -> Option<String> {
    let number = phonenumber::parse(None, text).ok()?;
    phonenumber::is_valid(&number).then(|| number.format().mode(Mode::E164).to_string())
}

#[track_caller]
fn same(text: &str) -> bool {
    let (ours, theirs) = (normalize_address(Via::Sms, text).ok(), of_the_crate(text));
    assert_eq!(ours, theirs, "{text}");
    ours.is_some()
}

/// What users make of a number: dialled as at home, a digit too many, too few or wrong.
fn spellings(code: u16, national: &str) -> Vec<String> {
    let (first, last) = (&national[1..], &national[..national.len() - 1]);
    let before = ["", "0", "00", "1", "8", "01", "9"].iter().map(|before| format!("+{code}{before}{national}"));
    let after = ["0", "5", "123"].iter().map(|after| format!("+{code}{national}{after}"));
    let wrong = (0..4).map(|at| format!("+{code}{}{}{}", &national[..at], (at * 7 + 4) % 10, &national[at + 1..]));
    let short = [first, last].map(|short| format!("+{code}{short}"));
    before.chain(after).chain(wrong).chain(short).collect()
}

#[test]
fn example_numbers_of_every_region_get_the_verdict_of_the_crate() {
    let (mut valid, mut refused) = (0, Vec::new());
    for region in regions() {
        let examples = kinds(region).into_iter().filter_map(Descriptor::example).collect::<BTreeSet<_>>();
        assert!(!examples.is_empty(), "{}", region.id());
        for example in examples {
            if !same(&format!("+{}{example}", region.country_code())) {
                refused.push(format!("{} {example}", region.id()));
            }
            for spelling in spellings(region.country_code(), example) {
                valid += usize::from(same(&spelling));
            }
        }
    }
    // The crate takes their 8 for the digit that dials out.
    let refused: BTreeSet<&str> = refused.iter().filter_map(|number| number.split(' ').next()).collect();
    assert_eq!(refused.into_iter().collect::<Vec<_>>(), ["BY", "KZ", "LT", "RU"]);
    assert!(valid > 5_000, "only {valid} of the spellings are valid");
}

proptest! {
    #[test]
    fn any_digits_get_the_verdict_of_the_crate(digits in "[1-9][0-9]{2,19}") {
        same(&format!("+{digits}"));
    }

    #[test]
    fn any_digits_of_a_region_get_the_verdict_of_the_crate(at in any::<proptest::sample::Index>(), digits in "[0-9]{4,13}") {
        let regions = regions();
        same(&format!("+{}{digits}", at.get(&regions).country_code()));
    }
}
