//! Lists that count pages (contract `login-flow.md` 6.7, `beyond-login.md` 1.14): input, slice and links.

use crate::bounds::LARGEST_LIST;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::json;

/// Items per page when the client asks for no number.
const DEFAULT_SIZE: usize = 250;

/// The part of a list that a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Counts from 0.
    pub number: usize,
    /// Items per page, at least 1.
    pub size: usize,
}

#[derive(Deserialize)]
struct Token {
    offset: String,
    v: u8,
}

impl Page {
    /// Reads the query: `page_token` and `page_size` if either is there, else `page` beside `per_page`. A malformed
    /// number counts as absent.
    pub fn parse<'a>(query: impl Fn(&str) -> Option<&'a str>, most: usize) -> Self {
        if query("page_token").is_none() && query("page_size").is_none() {
            let per_page = query("per_page");
            return Self::by_number(per_page.and(query("page")), per_page, most);
        }
        let first = Self::by_number(None, query("page_size"), most);
        Self { number: query("page_token").and_then(offset).map_or(0, |offset| offset / first.size), ..first }
    }

    /// Reads a page by its number and size.
    pub fn by_number(number: Option<&str>, size: Option<&str>, most: usize) -> Self {
        let size = match size.map(str::parse::<i64>) {
            None | Some(Err(_)) => DEFAULT_SIZE,
            Some(Ok(n)) => usize::try_from(n.max(1)).unwrap_or(most),
        };
        Self { number: number.and_then(|text| text.parse().ok()).unwrap_or(0), size: size.min(most) }
    }

    /// The same with no more items than an answer has room for, when each takes so many bytes of the answer. Its links go on from
    /// there, since they name the size.
    pub fn with_room(self, item: usize) -> Self {
        Self { size: self.size.min((LARGEST_LIST / item.max(1)).max(1)), ..self }
    }

    /// The items of this page.
    pub fn slice<'a, T>(&self, items: &'a [T]) -> &'a [T] {
        let from = self.number.saturating_mul(self.size).min(items.len());
        &items[from..from.saturating_add(self.size).min(items.len())]
    }

    /// The `Link` header for a list of `total` items below `path`; `kept` are the other parameters of the query.
    pub fn links(&self, path: &str, kept: &[(String, String)], total: usize) -> String {
        let shown = self.size.min(total).to_string();
        self.rels(total, |page| {
            let token = URL_SAFE_NO_PAD.encode(json!({"offset": (page * self.size).to_string(), "v": 2}).to_string());
            let own =
                [("page", &page.to_string()), ("page_size", &shown), ("page_token", &token), ("per_page", &shown)];
            let others = kept.iter().filter(|(key, _)| !own.iter().any(|(own, _)| own == key));
            let mut pairs: Vec<(&str, &str)> = others.map(|(key, value)| (key.as_str(), value.as_str())).collect();
            pairs.extend(own.map(|(key, value)| (key, value.as_str())));
            pairs.sort_by_key(|(key, _)| *key);
            format!("{path}?{}", form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish())
        })
    }

    /// The `Link` header of a list that knows page numbers alone.
    pub fn numbered_links(&self, path: &str, total: usize) -> String {
        let shown = self.size.min(total);
        self.rels(total, |page| format!("{path}?page={page}&per_page={shown}"))
    }

    /// The only page links `first`; the first of several `next` and `last`; one between all four; the last `first` and `prev`.
    fn rels(&self, total: usize, url: impl Fn(usize) -> String) -> String {
        let last = total.saturating_sub(1) / self.size;
        let link = |page: usize, rel: &str| format!("<{}>; rel=\"{rel}\"", url(page));
        let mut rels = Vec::new();
        if last == 0 || self.number > 0 {
            rels.push(link(0, "first"));
        }
        if self.number < last {
            rels.push(link(self.number + 1, "next"));
        }
        if self.number > 0 {
            rels.push(link(self.number.min(last + 1) - 1, "prev"));
        }
        if self.number < last {
            rels.push(link(last, "last"));
        }
        rels.join(",")
    }
}

fn offset(token: &str) -> Option<usize> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let token: Token = serde_json::from_slice(&bytes).ok()?;
    (token.v == 2).then(|| token.offset.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(query: &str) -> Page {
        let pairs: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Page::parse(|key| pairs.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str()), 1000)
    }

    fn rels(page: Page, total: usize) -> Vec<String> {
        page.links("/sessions", &[], total)
            .split("rel=\"")
            .skip(1)
            .map(|s| s.split('"').next().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn query_selects_page_and_size() {
        assert_eq!(page(""), Page { number: 0, size: 250 });
        assert_eq!(page("page_size=0"), Page { number: 0, size: 1 });
        assert_eq!(page("page_size=x"), Page { number: 0, size: 250 });
        assert_eq!(page("page_size=99999"), Page { number: 0, size: 1000 });
        assert_eq!(page("page=2&per_page=3"), Page { number: 2, size: 3 });
        assert_eq!(page("page=2"), Page { number: 0, size: 250 }, "read only next to per_page");
        assert_eq!(page("page=2&per_page=3&page_size=4"), Page { number: 0, size: 4 });
        assert_eq!(page("page_token=rubbish&page_size=4"), Page { number: 0, size: 4 });
    }

    #[test]
    fn links_depend_on_the_page() {
        assert_eq!(rels(page("page_size=5"), 5), ["first"]);
        assert_eq!(rels(page("page_size=2"), 5), ["next", "last"]);
        assert_eq!(rels(page("page=1&per_page=2"), 5), ["first", "next", "prev", "last"]);
        assert_eq!(rels(page("page=2&per_page=2"), 5), ["first", "prev"]);
        assert_eq!(rels(page(""), 0), ["first"]);
        assert!(
            page("").links("/sessions", &[], 2).contains("page=0&page_size=2&"),
            "the size shown is never above the total"
        );
        let kept = [("active".to_owned(), "true&".to_owned()), ("page_size".to_owned(), "9".to_owned())];
        let links = page("page_size=2").links("/sessions", &kept, 3);
        assert!(links.starts_with("</sessions?active=true%26&page=1&page_size=2&page_token="), "{links}");
        let legacy = |number: &str| Page::by_number(Some(number), Some("2"), 500).numbered_links("/x", 5);
        assert_eq!(legacy("0"), "</x?page=1&per_page=2>; rel=\"next\",</x?page=2&per_page=2>; rel=\"last\"");
        assert_eq!(legacy("2"), "</x?page=0&per_page=2>; rel=\"first\",</x?page=1&per_page=2>; rel=\"prev\"");
    }

    #[test]
    fn page_fits_into_an_answer() {
        for (asked, item, size) in
            [("", 1, 250), ("page_size=9", LARGEST_LIST / 4, 4), ("page_size=9", usize::MAX, 1), ("", 0, 250)]
        {
            assert_eq!(page(asked).with_room(item).size, size, "{asked} {item}");
        }
    }

    #[test]
    fn following_next_shows_every_item_once() {
        following("page_size=3", 1);
        following("page_size=5", LARGEST_LIST / 2);
        following("", LARGEST_LIST);
    }

    fn following(asked: &str, item: usize) {
        let items: Vec<u32> = (0..7).collect();
        let (mut seen, mut query) = (Vec::new(), asked.to_owned());
        loop {
            let here = page(&query).with_room(item);
            seen.extend_from_slice(here.slice(&items));
            let links = here.links("/sessions", &[], items.len());
            match links.split(',').find(|l| l.contains("rel=\"next\"")) {
                Some(next) => query = next.split(['?', '>']).nth(1).unwrap().to_owned(),
                None => break,
            }
        }
        assert_eq!(seen, items);
    }
}
