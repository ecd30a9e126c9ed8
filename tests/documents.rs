//! What the project says about itself is so.

use latchkey::template::{Route, Segment, Template};
use latchkey_web::routes;

/// The routes of the table in code, one by verb, in the template's spelling.
fn in_code(table: &[routes::Route], prefixes: &[&str]) -> Vec<String> {
    let mut all: Vec<String> = table
        .iter()
        .flat_map(|route| {
            let methods = route.methods.unwrap_or(&["ANY"]);
            methods.iter().flat_map(move |method| prefixes.iter().map(move |prefix| (*method, *prefix, route.path)))
        })
        .map(|(method, prefix, path)| format!("{method} {}", path.replacen("/admin", prefix, 1)))
        .collect();
    all.sort();
    all
}

/// The routes of the template but for those that are there for what is left over.
fn in_template(routes: &[Route]) -> Vec<String> {
    let mut all: Vec<String> = routes
        .iter()
        .filter_map(|route| {
            let path = route.path.as_ref()?;
            let parts = path.iter().map(|segment| match segment {
                Segment::Text(text) => Some(format!("/{text}")),
                Segment::Any => Some("/{}".to_owned()),
                Segment::Rest => None,
            });
            let path: String = parts.collect::<Option<Vec<_>>>()?.concat();
            let unmatched = route.function.contains("Unmatched");
            (!unmatched).then(|| format!("{} {path}", route.method.as_deref().unwrap_or("ANY")))
        })
        .collect();
    all.sort();
    all
}

#[test]
fn the_template_routes_what_the_functions_know() {
    let template = Template::load().unwrap();
    let mut public = in_template(&template.public);
    // A verb of its own beside ANY, so that no route with a parameter takes it.
    public.retain(|route| route != "DELETE /sessions/whoami");
    assert_eq!(public, in_code(routes::PUBLIC, &["/admin"]));
    assert_eq!(in_template(&template.admin), in_code(routes::ADMIN, &["/admin", ""]));
}
