//! The numbers of `docs/rate-limits.md`: computed from the configuration's defaults by the code that counts, with time handed in, and
//! compared with the page.
//!
//! `LATCHKEY_WRITE_DOCS=1 cargo test --test edge rate_limits` writes them.

use crate::support::{CONFIG, page};
use latchkey_config::RateLimits;
use latchkey_core::code::{SentCode, after_another_send};
use latchkey_core::identity::CodeAddress;
use latchkey_core::identity::Via;
use latchkey_core::rate_limit::{FailureLimit, Failures, MONTH, RateLimit, Span};
use latchkey_selfservice::submit::limits::limits_of;
use std::collections::{BTreeMap, HashMap};
use time::macros::datetime;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

const START: OffsetDateTime = datetime!(2026-07-29 0:00 UTC);

fn defaults() -> RateLimits {
    let (folder, _) = crate::support::written(CONFIG);
    let loaded = latchkey_config::read(CONFIG, Some(folder.path()), &[], false).unwrap_or_else(|e| panic!("{e}"));
    loaded.config.rate_limits.expect("limits are on by default")
}

/// Counters in memory.
#[derive(Default)]
struct Counters {
    parts: HashMap<String, BTreeMap<i64, u64>>,
    row: u64,
    last: Option<OffsetDateTime>,
}

impl Counters {
    /// Repeats an action as often as one limit allows within a day. Returns how often.
    fn exhaust(limit: &RateLimit, length: Duration) -> u64 {
        let mut counters = Self::default();
        let parts = counters.parts.entry(limit.key.clone()).or_default();
        let (mut now, mut done) = (START, 0);
        while now < START + length {
            match limit.span().wait(|part| parts.get(&part).copied().unwrap_or(0), limit.most, now) {
                None => {
                    *parts.entry(limit.span().part(now)).or_default() += 1;
                    done += 1;
                }
                Some(wait) => now += wait,
            }
        }
        done
    }

    fn standing(&mut self, now: OffsetDateTime) -> Failures {
        if self.last.is_some_and(|last| now >= last + MONTH.length) {
            *self = Self::default();
        }
        let days = self.parts.entry(String::new()).or_default();
        let at = |part| days.get(&part).copied().unwrap_or(0);
        Failures { in_a_row: self.row, month: MONTH.sum(at, now), today: at(MONTH.part(now)) }
    }

    fn raise(&mut self, now: OffsetDateTime) {
        self.row += 1;
        self.last = Some(now);
        *self.parts.entry(String::new()).or_default().entry(MONTH.part(now)).or_default() += 1;
    }
}

/// Guesses at one identity on the first day, and in a year. The attacker has any number of networks, knows the hidden limit and stops
/// where a guess would not be compared. `owner`: the owner signs in on a new device every day, which resets the count.
fn guesses(bound: FailureLimit, passwords: bool, owner: bool, rest: Duration) -> (u64, u64) {
    let (mut counters, mut first, mut year) = (Counters::default(), 0, 0);
    let mut resting_until = START;
    for day in 0..365 {
        let now = START + Duration::days(day);
        if owner {
            counters.row = 0;
        }
        let mut today = 0;
        while now >= resting_until {
            let mut next = counters.standing(now);
            (next.in_a_row, next.month, next.today) = (next.in_a_row + 1, next.month + 1, next.today + 1);
            let looked_at = if passwords { bound.admits_password(&next) } else { bound.admits_code(&next, false) };
            if !looked_at {
                if rest > Duration::ZERO {
                    resting_until = now + rest;
                }
                break;
            }
            counters.raise(now);
            today += 1;
        }
        if day == 0 {
            first = today;
        }
        year += today;
    }
    (first, year)
}

/// The most guesses, whether or not the attacker waits until all failures are forgotten.
fn most(bound: FailureLimit, passwords: bool, owner: bool) -> (u64, u64) {
    let all = [Duration::ZERO, MONTH.length].map(|rest| guesses(bound, passwords, owner, rest));
    (all[0].0.max(all[1].0), all[0].1.max(all[1].1))
}

fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().map(|g| std::str::from_utf8(g).unwrap()).collect();
    groups.join(",")
}

/// The most codes of one address that are valid at the same time in a flow.
fn live_codes() -> u64 {
    let address = || CodeAddress { via: Via::Email, value: "ada@example.org".to_owned() };
    let code = || SentCode::new("123456", (Uuid::nil(), Uuid::nil()), address(), START + Duration::HOUR, b"key");
    let sends = std::iter::successors(Some(Vec::new()), |live| Some(after_another_send(live, vec![code()], START)));
    sends.take(10).map(|live| live.len() as u64).max().unwrap_or_default()
}

/// The chance that this many guesses match one of the six-digit codes that each is compared with.
fn odds(guesses: u64) -> String {
    format!("{:.4} %", (guesses * live_codes()) as f64 / 1e6 * 100.0)
}

fn tables() -> String {
    let (attempts, sends) = limits_of(&defaults());
    let by_day = |limit: &RateLimit| Counters::exhaust(limit, Duration::DAY);
    let unknown = attempts.unknown_device("t", "n");
    let (here, network) = (by_day(&unknown[0]), by_day(&unknown[1]));
    let device = by_day(&attempts.known_device("d"));
    let bound = attempts.failures;
    let ((first, year), (_, year_with_owner)) = (most(bound, true, false), most(bound, true, true));
    let ((code_first, code_year), (_, code_year_with_owner)) = (most(bound, false, false), most(bound, false, true));
    let mut out = String::from(
        "\n| who guesses | one account, first day | one account, each later day | one account, a year | a thousand accounts, first day |\n|---|---|---|---|---|\n",
    );
    for (who, networks) in [("passwords, one network", 1), ("passwords, a thousand networks", 1000)] {
        out += &format!(
            "| {who} | {} | {} | {} | {} |\n",
            thousands(first.min(here * networks)),
            bound.beyond,
            thousands(year.min(here * networks * 365)),
            thousands((networks * network).min(1000 * first)),
        );
    }
    for (who, networks) in [("six-digit codes, one network", 1), ("six-digit codes, a thousand networks", 1000)] {
        out += &format!(
            "| {who} | {} | 0 | {} | {} |\n",
            thousands(code_first.min(here * networks)),
            thousands(code_year.min(here * networks * 365)),
            thousands((networks * network).min(1000 * code_first)),
        );
    }
    out += "\n| chance to guess a six-digit code of one account | in one day | in a year |\n|---|---|---|\n";
    out += &format!("| its owner signs in on known devices only | {} | {} |\n", odds(code_first), odds(code_year));
    out += &format!(
        "| its owner signs in on a new device every day, which ends each row | {} | {} |\n",
        odds(code_first),
        odds(code_year_with_owner)
    );
    out += &format!(
        "\nPasswords in a year where the owner signs in on a new device every day: {}.\n",
        thousands(year_with_owner)
    );
    out += "\n| at most in a day | |\n|---|---|\n";
    let sent = sends.of("user@example.org", "n", None).unwrap();
    let text = sends.of("+4917667111638", "n", None).unwrap();
    let own = sends.of("user@example.org", "n", Some("d")).unwrap();
    for (what, number) in [
        ("attempts with one identifier from one network that are answered as attempts", here),
        ("attempts with any identifier from one network", network),
        ("attempts from one known device", device),
        ("codes to one address at the request of one network", by_day(&sent[0])),
        ("codes to one address at the request of any number of unknown devices", by_day(&sent[1])),
        ("codes to any address at the request of one network", by_day(&sent[2])),
        ("codes at the request of one known device", by_day(&own[0])),
        ("text messages to one country at the request of unknown devices", by_day(&text[3])),
        ("text messages at the request of one network", by_day(&text[4])),
    ] {
        out += &format!("| {what} | {} |\n", thousands(number));
    }
    out + "\n"
}

#[test]
fn page_has_the_numbers_of_the_defaults() {
    page::holds("rate-limits.md", "numbers", "rate_limits", &tables());
}

#[test]
fn limits_add_up_to_their_promise() {
    let (attempts, _) = limits_of(&defaults());
    let bound = attempts.failures;
    assert!(bound.in_a_row <= 100, "NIST SP 800-63B");
    for (passwords, owner) in [(true, false), (true, true), (false, false), (false, true)] {
        let (first, year) = most(bound, passwords, owner);
        assert!(first <= u64::from(bound.in_a_row), "{first}");
        let trickle = if passwords { u64::from(bound.beyond) * 365 } else { 0 };
        // The monthly limit in each month, and the days on which the months of the year overlap.
        assert!(year <= u64::from(bound.month) * 13 + trickle, "{year}");
    }
    assert_eq!(Span::of(attempts.window).parts, 12);
}
