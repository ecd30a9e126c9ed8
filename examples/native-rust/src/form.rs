//! Draws a login form as prompts. The fields come from the form's nodes, so fields of later releases are asked for too.

use serde_json::{Map, Value};
use std::io::{BufRead as _, IsTerminal as _, Write as _};

/// Where answers come from: the command line first, then prompts.
pub(crate) struct Prompts {
    identifier: Option<String>,
    password_stdin: bool,
}

impl Prompts {
    pub(crate) fn new(identifier: Option<String>, password_stdin: bool) -> Self {
        Self { identifier, password_stdin }
    }

    /// Whether a second attempt could have other answers than the first.
    pub(crate) fn can_ask_again(&mut self) -> bool {
        // The answer on the command line was wrong, or may have been.
        self.identifier = None;
        !self.password_stdin && std::io::stdin().is_terminal()
    }

    /// Fills in a form for the password method.
    pub(crate) fn fill(&self, ui: &Value) -> Result<Value, String> {
        let inputs = inputs(ui);
        let Some(button) = inputs.iter().find(|input| input.name == "method" && input.value == "password") else {
            return Err("this deployment has no login by password".to_owned());
        };
        let mut filled = Map::new();
        filled.insert(button.name.to_owned(), Value::from(button.value));
        for input in inputs.iter().filter(|input| input.group == "default" || input.group == button.group) {
            let answer = match input.kind {
                "submit" | "button" => continue,
                "hidden" => input.value.to_owned(),
                "password" => self.secret(input.label)?,
                _ => self.line(input.label)?,
            };
            filled.insert(input.name.to_owned(), Value::from(answer));
        }
        Ok(Value::Object(filled))
    }

    fn line(&self, label: &str) -> Result<String, String> {
        match &self.identifier {
            Some(given) => Ok(given.clone()),
            None => {
                print!("{label}: ");
                std::io::stdout().flush().map_err(|e| e.to_string())?;
                read_line()
            }
        }
    }

    fn secret(&self, label: &str) -> Result<String, String> {
        if self.password_stdin {
            return read_line();
        }
        rpassword::prompt_password(format!("{label}: "))
            .map_err(|e| format!("there is no terminal to ask for the password ({e}); give it by --password-stdin"))
    }
}

fn read_line() -> Result<String, String> {
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line).map_err(|e| format!("standard input: {e}"))?;
    if read == 0 {
        return Err("standard input ended before it was answered".to_owned());
    }
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

struct Input<'a> {
    name: &'a str,
    kind: &'a str,
    group: &'a str,
    value: &'a str,
    label: &'a str,
}

fn inputs(ui: &Value) -> Vec<Input<'_>> {
    let nodes = ui["nodes"].as_array().into_iter().flatten();
    let inputs = nodes.filter(|node| node["type"] == "input").filter_map(|node| {
        let attributes = &node["attributes"];
        let name = attributes["name"].as_str()?;
        Some(Input {
            name,
            kind: attributes["type"].as_str()?,
            group: node["group"].as_str().unwrap_or_default(),
            value: attributes["value"].as_str().unwrap_or_default(),
            label: node["meta"]["label"]["text"].as_str().unwrap_or(name),
        })
    });
    inputs.collect()
}

/// Every error of a form, one per line.
pub(crate) fn messages(ui: &Value) -> String {
    let of_nodes = ui["nodes"].as_array().into_iter().flatten().map(|node| &node["messages"]);
    let lists = std::iter::once(&ui["messages"]).chain(of_nodes);
    let texts = lists.flat_map(|list| list.as_array().into_iter().flatten());
    texts.filter_map(|message| message["text"].as_str()).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn node(group: &str, name: &str, kind: &str, value: &str) -> Value {
        json!({"type": "input", "group": group, "attributes": {"name": name, "type": kind, "value": value}, "messages": [], "meta": {}})
    }

    #[test]
    fn fields_of_method_and_of_all_methods_are_sent() {
        let ui = json!({"nodes": [
            node("default", "csrf_token", "hidden", "t"),
            node("default", "identifier", "text", ""),
            node("code", "code", "text", ""),
            node("code", "method", "submit", "code"),
            node("password", "method", "submit", "password"),
        ]});
        let filled = Prompts::new(Some("ada".to_owned()), true).fill(&ui).unwrap();
        assert_eq!(filled, json!({"method": "password", "csrf_token": "t", "identifier": "ada"}));
        let other = json!({"nodes": [node("code", "method", "submit", "code")]});
        assert!(Prompts::new(None, true).fill(&other).unwrap_err().contains("no login by password"));
    }

    #[test]
    fn every_message_is_printed() {
        let mut field = node("password", "password", "password", "");
        field["messages"] = json!([{"text": "Too short."}]);
        let ui = json!({"messages": [{"text": "That was wrong."}], "nodes": [field]});
        assert_eq!(messages(&ui), "That was wrong.\nToo short.");
        assert_eq!(messages(&json!({})), "");
    }
}
