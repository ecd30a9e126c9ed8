//! Lists of identities, in id order, page by page (contract `beyond-login.md` 1.3).

use crate::App;
use crate::show::{self, Versions, included};
use lambda_http::http::{HeaderName, header};
use latchkey_core::bounds::{LARGEST_LIST, escaped_length};
use latchkey_core::error::ApiError;
use latchkey_core::identity::CredentialType;
use latchkey_core::identity::Unique;
use latchkey_core::paging::Page;
use latchkey_schema::normalize_identifier;
use latchkey_store::accounts::Profile;
use latchkey_store::credentials::Credential;
use latchkey_web::call::encode_query;
use latchkey_web::{Call, Fault, Reply};
use serde_json::Value;
use std::collections::BTreeSet;
use uuid::Uuid;

const TOTAL: HeaderName = HeaderName::from_static("x-total-count");
/// Header with the ids of a page whose records cannot be read, so that they can be repaired or deleted.
const UNREADABLE: HeaderName = HeaderName::from_static("latchkey-unreadable");
/// Most ids in it.
const MOST_NAMED: usize = 20;
/// Items on a page by default.
const DEFAULT_SIZE: usize = 250;
/// Most items on a page, and most ids in a filter.
const LARGEST: usize = 500;
/// The last page by number.
const LAST_NUMBERED: usize = 1000;

/// The filter of a list.
enum Wanted {
    /// Identities with these ids.
    Ids(BTreeSet<Uuid>),
    /// The identity with this identifier.
    Identifier(String),
    /// All identities.
    All,
}

/// The part of the list.
#[derive(Clone, Copy)]
enum Part {
    /// At most this many after an id.
    After(Uuid, usize),
    /// A page by number.
    Numbered(Page),
}

pub(crate) async fn list(app: &App, call: &Call<'_>) -> Result<Reply, Fault> {
    let kinds = included(call)?;
    let (wanted, part) = (wanted(call)?, part(call)?);
    let with_credentials = matches!(wanted, Wanted::Identifier(_)) || call.query("include_credential").is_some();
    let chosen = chosen(app, wanted).await?;
    let (ids, total) = find(app, part, chosen).await?;
    let shown = match part {
        Part::After(_, size) => &ids[..ids.len().min(size)],
        Part::Numbered(_) => &ids,
    };
    let Read { items, unreadable, cut } = read(app, shown, &kinds, with_credentials).await?;
    let link = match part {
        Part::After(_, size) => {
            let mut rels = vec![(Uuid::nil(), "first")];
            let last = cut.or_else(|| shown.last().copied().filter(|_| ids.len() > size));
            rels.extend(last.map(|last| (last, "next")));
            link(call, &rels, size)
        }
        Part::Numbered(_) if cut.is_some() => {
            let reason =
                "This page is larger than an answer can be. Ask for fewer per page, or use page_token and page_size.";
            return Err(ApiError::bad_request(reason).into());
        }
        Part::Numbered(page) => page.numbered_links("/admin/identities", total),
    };
    let mut reply = Reply::json(200, &Value::Array(items), "listed");
    if let Part::Numbered(_) = part {
        reply = reply.header(TOTAL, &total.to_string());
    }
    reply = reply.header(header::LINK, &link);
    if !unreadable.is_empty() {
        let ids: Vec<String> = unreadable.iter().take(MOST_NAMED).map(Uuid::to_string).collect();
        reply = reply.header(UNREADABLE, &ids.join(","));
    }
    Ok(reply)
}

/// Identities that were read for a page.
#[derive(Default)]
struct Read {
    items: Vec<Value>,
    /// The ids of unreadable records.
    unreadable: Vec<Uuid>,
    /// The last identity that an answer has room for, when there are more.
    cut: Option<Uuid>,
}

/// Reads identities in the order of their ids, as far as an answer has room.
async fn read(app: &App, ids: &[Uuid], kinds: &[CredentialType], with_credentials: bool) -> Result<Read, Fault> {
    let (mut read, mut room, mut last) = (Read::default(), LARGEST_LIST, None);
    for chunk in ids.chunks(100) {
        let ((mut profiles, unreadable), secrets) =
            tokio::try_join!(app.accounts.profiles(chunk), app.credentials.of_many(chunk, kinds))?;
        read.unreadable.extend(unreadable);
        profiles.sort_by_key(|p| p.identity.id);
        for profile in &profiles {
            let item = item(app, profile, &secrets, with_credentials);
            let size = escaped_length(&item.to_string()) + 1;
            if size > room && last.is_some() {
                read.cut = last;
                return Ok(read);
            }
            room = room.saturating_sub(size);
            last = Some(profile.identity.id);
            read.items.push(item);
        }
    }
    Ok(read)
}

fn item(app: &App, profile: &Profile, secrets: &[(Uuid, Credential)], with_credentials: bool) -> Value {
    let identity = &profile.identity;
    let own: Vec<&Credential> = secrets.iter().filter(|(id, _)| *id == identity.id).map(|(_, c)| c).collect();
    let credentials = with_credentials.then(|| show::credentials(identity, &own, Versions::AsRead));
    identity.admin(app.edge.base_url(), credentials)
}

fn wanted(call: &Call<'_>) -> Result<Wanted, ApiError> {
    let ids: Vec<&str> = call.query_all("ids").collect();
    let identifier = call.query_filled("credentials_identifier");
    let similar = call.query_filled("preview_credentials_identifier_similar");
    let organization = call.query_filled("organization_id");
    let filters = [!ids.is_empty(), identifier.is_some(), similar.is_some(), organization.is_some()];
    if filters.iter().filter(|&&set| set).count() > 1 {
        return Err(ApiError::bad_request("You cannot combine multiple filters in this API"));
    }
    if similar.is_some() || organization.is_some() {
        let name = if similar.is_some() { "preview_credentials_identifier_similar" } else { "organization_id" };
        return Err(ApiError::bad_request(format!(
            "The filter {name} is not supported: it would read every identity."
        )));
    }
    if ids.len() > LARGEST {
        return Err(ApiError::bad_request(format!("The number of ids to filter must not exceed {LARGEST}.")));
    }
    if !ids.is_empty() {
        let parse = |id: &&str| {
            let fault = || ApiError::bad_request(format!("Invalid UUID value `{id}` for parameter `ids`."));
            Uuid::try_parse(id).map_err(|_| fault())
        };
        return Ok(Wanted::Ids(ids.iter().map(parse).collect::<Result<_, _>>()?));
    }
    Ok(identifier.map_or(Wanted::All, |identifier| Wanted::Identifier(identifier.to_owned())))
}

fn part(call: &Call<'_>) -> Result<Part, ApiError> {
    if call.query("page").is_some() && call.query("page_token").is_none() && call.query("page_size").is_none() {
        let page = Page::by_number(call.query("page"), call.query("per_page"), LARGEST);
        if page.number.saturating_mul(page.size) > LAST_NUMBERED {
            return Err(ApiError::bad_request(
                "Legacy pagination is not supported for enumerating over 1000 items. Please switch to using page_token \
                 and page_size.",
            ));
        }
        return Ok(Part::Numbered(page));
    }
    let size = match call.query_filled("page_size").or(call.query_filled("per_page")) {
        None => DEFAULT_SIZE,
        Some(text) => match text.parse::<i64>() {
            Ok(size) if size <= 0 => DEFAULT_SIZE,
            Ok(size) => usize::try_from(size).unwrap_or(LARGEST).min(LARGEST),
            Err(error) => {
                use std::num::IntErrorKind::{NegOverflow, PosOverflow};
                let beyond = matches!(error.kind(), PosOverflow | NegOverflow);
                let fault = if beyond { "value out of range" } else { "invalid syntax" };
                return Err(ApiError::new(400).saying(format!("strconv.Atoi: parsing \"{text}\": {fault}")));
            }
        },
    };
    let after = match call.query_filled("page_token") {
        None => Uuid::nil(),
        Some(token) => Uuid::try_parse(token)
            .map_err(|_| ApiError::bad_request("The page token is invalid, do not craft your own page tokens"))?,
    };
    Ok(Part::After(after, size))
}

/// The ids that a filter selects; `None` for all.
async fn chosen(app: &App, wanted: Wanted) -> Result<Option<BTreeSet<Uuid>>, Fault> {
    Ok(match wanted {
        Wanted::Ids(ids) => Some(ids),
        Wanted::Identifier(identifier) => {
            let owners = app.credentials.owners(&lookups(&identifier)).await?;
            Some(owners.into_iter().flatten().map(|guard| guard.identity).collect())
        }
        Wanted::All => None,
    })
}

/// The ids of a part of the list, and the total where pages are numbered. A part after an id has one id more than a page, which tells
/// whether there is a next page.
async fn find(app: &App, part: Part, chosen: Option<BTreeSet<Uuid>>) -> Result<(Vec<Uuid>, usize), Fault> {
    Ok(match part {
        Part::After(after, size) => {
            let ids: Vec<Uuid> = match chosen {
                Some(chosen) => chosen.into_iter().filter(|id| *id > after).take(size + 1).collect(),
                None => app.accounts.ids_after(after, size + 1).await?,
            };
            (ids, 0)
        }
        Part::Numbered(page) => {
            let upto = page.number.saturating_add(1).saturating_mul(page.size);
            let (total, ids) = match chosen {
                Some(chosen) => (chosen.len(), chosen.into_iter().collect()),
                None => tokio::try_join!(app.accounts.count(), app.accounts.ids_after(Uuid::nil(), upto))?,
            };
            (page.slice(&ids).to_vec(), total)
        }
    })
}

/// An identifier may be one of any credential type; the raw form is tried as well as the normalised one.
fn lookups(identifier: &str) -> Vec<Unique> {
    let spellings: BTreeSet<String> = [normalize_identifier(identifier), identifier.to_owned()].into();
    // An empty identifier finds no identity.
    let spellings = spellings.iter().filter(|spelling| !spelling.is_empty());
    spellings
        .flat_map(|spelling| CredentialType::ALL.iter().map(move |&kind| Unique::Identifier(kind, spelling.clone())))
        .collect()
}

/// Links of a list after an id; other parameters stay, sorted.
fn link(call: &Call<'_>, rels: &[(Uuid, &str)], size: usize) -> String {
    let kept = call
        .query_pairs()
        .iter()
        .filter(|(k, _)| !matches!(k.as_str(), "page_size" | "page_token" | "per_page" | "page"));
    let kept: Vec<(String, String)> = kept.cloned().collect();
    let one = |(token, rel): &(Uuid, &str)| {
        let mut pairs = kept.clone();
        pairs.push(("page_size".into(), size.to_string()));
        pairs.push(("page_token".into(), token.to_string()));
        // Values of one key keep their order.
        pairs.sort_by(|a, b| a.0.cmp(&b.0));
        let query: Vec<String> =
            pairs.iter().map(|(k, v)| format!("{}={}", encode_query(k), encode_query(v))).collect();
        format!("</admin/identities?{}>; rel=\"{rel}\"", query.join("&"))
    };
    rels.iter().map(one).collect::<Vec<_>>().join(",")
}
