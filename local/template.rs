//! What `template.yaml` says, as far as a stack on one machine needs it: tables, functions, routes.
//!
//! Local and deployed are the same program because both are read from the same file: a route, a table or a variable that is
//! missing there is missing here too.

use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The template that this program was built with.
const TEMPLATE: &str = include_str!("../template.yaml");
/// How long a function may take when the template does not say, in seconds; Lambda's own default.
const DEFAULT_TIMEOUT: u64 = 3;

/// The function of the login pages.
const PAGES: &str = "UiFunction";

/// The parts of the template that the local stack needs.
#[derive(Clone, Debug)]
pub struct Template {
    /// Tables, each as `CreateTable` takes it.
    pub tables: Vec<Table>,
    /// Functions by the name of their binary and, where one binary serves twice, of their resource.
    pub functions: Vec<Function>,
    /// Routes of the public API.
    pub public: Vec<Route>,
    /// Routes of the login pages. In a deployment they belong to the public API; here they have an address of their own.
    pub pages: Vec<Route>,
    /// Routes of the admin API.
    pub admin: Vec<Route>,
    /// Queues.
    pub queues: Vec<Queue>,
    /// Event sources of functions.
    pub triggers: Vec<Trigger>,
}

/// A queue.
#[derive(Clone, Debug)]
pub struct Queue {
    /// Its resource in the template.
    pub resource: String,
    /// How long a message stays hidden after a failed receive.
    pub hidden: Duration,
    /// How often a message is received before it goes to the dead-letter queue.
    pub most_receives: u32,
    /// The resource of the dead-letter queue.
    pub dead_letters: Option<String>,
}

/// An event source of a function.
#[derive(Clone, Debug)]
pub struct Trigger {
    /// The resource of the function.
    pub function: String,
    /// Where its events come from.
    pub source: Source,
    /// Most records of an event.
    pub batch: usize,
    /// Kinds of change that trigger the function; empty for all.
    pub events: Vec<String>,
}

/// Where the events of a [`Trigger`] come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The stream of this table, by its resource.
    Stream(String),
    /// This queue, by its resource.
    Queue(String),
}

/// A table.
#[derive(Clone, Debug)]
pub struct Table {
    /// Its resource in the template, by which functions refer to it.
    pub resource: String,
    /// Its name on this machine.
    pub name: String,
    /// A `CreateTable` request.
    pub create: Value,
    /// The attribute that holds the time to live.
    pub ttl: Option<String>,
}

/// A function.
#[derive(Clone, Debug)]
pub struct Function {
    /// Its resource in the template.
    pub resource: String,
    /// The binary that it runs.
    pub binary: String,
    /// Its environment variables, with the names of tables on this machine.
    pub env: BTreeMap<String, String>,
    /// Variables that hold the URL of a queue, with the queue's resource.
    pub queues: BTreeMap<String, String>,
    /// The names of all its variables, including those without a meaning on this machine.
    pub variables: BTreeSet<String>,
    /// Its timeout, in seconds.
    pub timeout: u64,
}

/// A route.
#[derive(Clone, Debug)]
pub struct Route {
    /// The verb; `None` for `ANY`.
    pub method: Option<String>,
    /// The path's segments; `None` for `$default`.
    pub path: Option<Vec<Segment>>,
    /// The resource of the function that answers.
    pub function: String,
    /// Whether the gateway demands a request that IAM has authorised.
    pub signed: bool,
    /// The resource of the function that the gateway asks first, if any.
    pub authorizer: Option<String>,
    /// The route key, as the template writes it.
    pub key: String,
}

/// A part of a route's path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Segment {
    /// Exactly this text.
    Text(String),
    /// Any one segment that is not empty.
    Any,
    /// The rest of the path.
    Rest,
}

impl Template {
    /// Reads the template that this program was built with.
    ///
    /// # Errors
    /// Names what is missing in the template.
    pub fn load() -> Result<Self, String> {
        Self::parse(TEMPLATE)
    }

    /// Reads a template. Tags such as `!Ref` are ignored: only the name behind them matters here. Conditions are ignored too, so optional
    /// resources of a deployment always exist on this machine.
    ///
    /// # Errors
    /// Names what is missing in the template.
    pub fn parse(text: &str) -> Result<Self, String> {
        let document: Value = serde_saphyr::from_str(text).map_err(|e| format!("template.yaml: {e}"))?;
        let resources = document["Resources"].as_object().ok_or("template.yaml: there are no Resources")?;
        let of_type = |kind: &'static str| {
            resources
                .iter()
                .filter(move |(_, resource)| resource["Type"] == kind)
                .map(|(name, r)| (name, &r["Properties"]))
        };
        let tables: Vec<Table> = of_type("AWS::DynamoDB::Table").map(|(name, table)| read_table(name, table)).collect();
        let queues: Vec<Queue> = of_type("AWS::SQS::Queue").map(|(name, queue)| read_queue(name, queue)).collect();
        let triggers = of_type("AWS::Lambda::EventSourceMapping")
            .map(|(name, trigger)| read_trigger(name, trigger, &tables, &queues))
            .collect::<Result<_, _>>()?;
        let globals = &document["Globals"]["Function"];
        let functions: Vec<Function> = of_type("AWS::Serverless::Function")
            .map(|(name, properties)| {
                read_function(name, properties, &resources[name]["Metadata"], globals, (&tables, &queues))
            })
            .collect::<Result<_, _>>()?;
        let integrations: BTreeMap<&str, &str> = of_type("AWS::ApiGatewayV2::Integration")
            .filter_map(|(name, p)| Some((name.as_str(), p["IntegrationUri"].as_str()?.trim_end_matches(".Arn"))))
            .collect();
        let authorizers: BTreeMap<&str, &str> = of_type("AWS::ApiGatewayV2::Authorizer")
            .filter_map(|(name, p)| Some((name.as_str(), function_of_uri(p["AuthorizerUri"].as_str()?)?)))
            .collect();
        let routes = |api: &'static str| {
            of_type("AWS::ApiGatewayV2::Route")
                .filter(move |(_, properties)| properties["ApiId"] == api)
                .map(|(name, properties)| read_route(name, properties, &integrations, &authorizers))
                .collect::<Result<Vec<_>, _>>()
        };
        let (mut pages, public): (Vec<_>, Vec<_>) =
            routes("PublicApi")?.into_iter().partition(|route| route.function == PAGES);
        // Other paths on the address of the login pages are answered in the design of these pages.
        pages.push(Route {
            method: None,
            path: None,
            function: PAGES.to_owned(),
            signed: false,
            authorizer: None,
            key: "$default".to_owned(),
        });
        Ok(Self { tables, functions, public, pages, admin: routes("AdminApi")?, queues, triggers })
    }
}

fn read_table(resource: &str, properties: &Value) -> Table {
    let name = resource.trim_end_matches("Table").to_ascii_lowercase();
    let mut create = Map::new();
    create.insert("TableName".to_owned(), Value::from(name.as_str()));
    for key in ["BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes"] {
        if let Some(value) = properties.get(key) {
            create.insert(key.to_owned(), value.clone());
        }
    }
    if let Some(stream) = properties.get("StreamSpecification") {
        let stream = json!({"StreamEnabled": true, "StreamViewType": stream["StreamViewType"]});
        create.insert("StreamSpecification".to_owned(), stream);
    }
    let ttl = properties["TimeToLiveSpecification"]["AttributeName"].as_str().map(str::to_owned);
    Table { resource: resource.to_owned(), name, create: Value::Object(create), ttl }
}

fn read_function(
    resource: &str,
    properties: &Value,
    metadata: &Value,
    globals: &Value,
    (tables, queues): (&[Table], &[Queue]),
) -> Result<Function, String> {
    let binary = metadata["BuildProperties"]["Binary"]
        .as_str()
        .ok_or_else(|| format!("template.yaml: {resource} names no binary in Metadata.BuildProperties.Binary"))?;
    let variables = || properties["Environment"]["Variables"].as_object().into_iter().flatten();
    // Only variables that name a table or a queue are set here. Other AWS resources do not exist on this machine.
    let of_queue = |(name, value): (&String, &Value)| {
        let queue = queues.iter().find(|queue| *value == queue.resource.as_str())?;
        Some((name.clone(), queue.resource.clone()))
    };
    let env: BTreeMap<String, String> = variables()
        .filter_map(|(name, value)| {
            let table = tables.iter().find(|table| *value == table.resource.as_str())?;
            Some((name.clone(), table.name.clone()))
        })
        .collect();
    let timeout = properties["Timeout"].as_u64().or_else(|| globals["Timeout"].as_u64()).unwrap_or(DEFAULT_TIMEOUT);
    Ok(Function {
        resource: resource.to_owned(),
        binary: binary.to_owned(),
        env,
        queues: variables().filter_map(of_queue).collect(),
        variables: variables().map(|(name, _)| name.clone()).collect(),
        timeout,
    })
}

fn read_queue(resource: &str, properties: &Value) -> Queue {
    let redrive = &properties["RedrivePolicy"];
    let dead_letters = redrive["deadLetterTargetArn"].as_str().map(|arn| arn.trim_end_matches(".Arn").to_owned());
    Queue {
        resource: resource.to_owned(),
        // SQS' own default.
        hidden: Duration::from_secs(properties["VisibilityTimeout"].as_u64().unwrap_or(30)),
        most_receives: redrive["maxReceiveCount"].as_u64().and_then(|n| u32::try_from(n).ok()).unwrap_or(u32::MAX),
        dead_letters,
    }
}

fn read_trigger(name: &str, properties: &Value, tables: &[Table], queues: &[Queue]) -> Result<Trigger, String> {
    let source = properties["EventSourceArn"].as_str().unwrap_or_default();
    let table = source.strip_suffix(".StreamArn").filter(|table| tables.iter().any(|known| known.resource == *table));
    let queue = source.strip_suffix(".Arn").filter(|queue| queues.iter().any(|known| known.resource == *queue));
    let source = match (table, queue) {
        (Some(table), _) => Source::Stream(table.to_owned()),
        (None, Some(queue)) => Source::Queue(queue.to_owned()),
        (None, None) => {
            return Err(format!("template.yaml: {name} reads neither a stream nor a queue of the template"));
        }
    };
    let function =
        properties["FunctionName"].as_str().ok_or_else(|| format!("template.yaml: {name} starts no function"))?;
    let mut events = Vec::new();
    for filter in properties["FilterCriteria"]["Filters"].as_array().into_iter().flatten() {
        let pattern: Value = serde_json::from_str(filter["Pattern"].as_str().unwrap_or_default())
            .map_err(|e| format!("template.yaml: {name} has a filter that cannot be read: {e}"))?;
        let names = pattern["eventName"].as_array().filter(|_| pattern.as_object().is_some_and(|p| p.len() == 1));
        let names = names.ok_or_else(|| format!("template.yaml: {name}: only filters by eventName are known here"))?;
        events.extend(names.iter().filter_map(Value::as_str).map(str::to_owned));
    }
    let batch = properties["BatchSize"].as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or(10).max(1);
    Ok(Trigger { function: function.to_owned(), source, batch, events })
}

/// The function that an authorizer's address names: `…/functions/${Function.Arn}/invocations`.
fn function_of_uri(uri: &str) -> Option<&str> {
    uri.split_once("/functions/${")?.1.strip_suffix(".Arn}/invocations")
}

fn read_route(
    name: &str,
    properties: &Value,
    integrations: &BTreeMap<&str, &str>,
    authorizers: &BTreeMap<&str, &str>,
) -> Result<Route, String> {
    let key = properties["RouteKey"].as_str().ok_or_else(|| format!("template.yaml: {name} has no RouteKey"))?;
    let function = properties["Target"]
        .as_str()
        .and_then(|target| target.strip_prefix("integrations/${")?.strip_suffix('}'))
        .and_then(|integration| integrations.get(integration))
        .ok_or_else(|| format!("template.yaml: {name} leads to no integration"))?;
    let (method, path) = match key.split_once(' ') {
        None => (None, None),
        Some((method, path)) => ((method != "ANY").then(|| method.to_owned()), Some(segments(path))),
    };
    // A route whose authorizer is missing must not become public.
    let authorizer = match properties["AuthorizationType"].as_str() {
        Some("CUSTOM") => {
            let known = properties["AuthorizerId"].as_str().and_then(|id| authorizers.get(id));
            Some(
                (*known.ok_or_else(|| format!("template.yaml: {name} names no authorizer of the template"))?)
                    .to_owned(),
            )
        }
        _ => None,
    };
    Ok(Route {
        method,
        path,
        function: (*function).to_owned(),
        signed: properties["AuthorizationType"] == "AWS_IAM",
        authorizer,
        key: key.to_owned(),
    })
}

fn segments(path: &str) -> Vec<Segment> {
    path.split('/')
        .skip(1)
        .map(|part| match part.strip_prefix('{') {
            Some(name) if name.ends_with("+}") => Segment::Rest,
            Some(_) => Segment::Any,
            None => Segment::Text(part.to_owned()),
        })
        .collect()
}

/// The route that the gateway picks: the most specific path wins, then the one that names the verb, then `$default`.
pub fn pick<'r>(routes: &'r [Route], method: &str, path: &str) -> Option<&'r Route> {
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    let rank = |route: &Route| {
        let segments = route.path.as_ref()?;
        let verb = match &route.method {
            Some(named) if named == method => true,
            Some(_) => return None,
            None => false,
        };
        let greedy = segments.last() == Some(&Segment::Rest);
        let fits = if greedy { parts.len() >= segments.len() } else { parts.len() == segments.len() };
        let matches = segments.iter().zip(&parts).all(|(segment, part)| match segment {
            Segment::Text(text) => text == part,
            Segment::Any => !part.is_empty(),
            Segment::Rest => true,
        });
        let exact: Vec<bool> = segments.iter().map(|segment| matches!(segment, Segment::Text(_))).collect();
        // A route that names the verb beats one that takes any, even if its path is less specific.
        (fits && matches).then_some((!greedy, verb, exact))
    };
    let best = routes.iter().filter_map(|route| Some((rank(route)?, route))).max_by(|a, b| a.0.cmp(&b.0));
    best.map(|(_, route)| route).or_else(|| routes.iter().find(|route| route.path.is_none()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picked(routes: &[Route], method: &str, path: &str) -> String {
        pick(routes, method, path).map(|route| route.key.clone()).unwrap_or_default()
    }

    #[test]
    fn gateway_prefers_the_most_specific_route() {
        let template = Template::load().unwrap();
        for (method, path, key) in [
            ("GET", "/sessions/whoami", "ANY /sessions/whoami"),
            ("PUT", "/sessions/whoami", "ANY /sessions/whoami"),
            ("DELETE", "/sessions/whoami", "DELETE /sessions/whoami"),
            ("DELETE", "/sessions/abc", "DELETE /sessions/{id}"),
            ("GET", "/sessions/abc", "$default"),
            ("GET", "/sessions/", "$default"),
            ("OPTIONS", "/self-service/login", "OPTIONS /{proxy+}"),
            ("POST", "/self-service/login", "POST /self-service/login"),
            ("POST", "/self-service/login/", "$default"),
        ] {
            assert_eq!(picked(&template.public, method, path), key, "{method} {path}");
        }
        for (method, path, key) in [
            ("GET", "/login", "GET /login"),
            ("GET", "/assets/style.css", "GET /assets/{file}"),
            ("POST", "/login", "$default"),
            ("GET", "/self-service/login/browser", "$default"),
        ] {
            assert_eq!(picked(&template.pages, method, path), key, "{method} {path}");
            assert!(
                path.starts_with("/self-service") || picked(&template.public, method, path) == "$default",
                "{path}"
            );
        }
        assert_eq!(
            picked(&template.admin, "GET", "/admin/identities/by/external/x"),
            "GET /admin/identities/by/external/{external_id}"
        );
    }

    #[test]
    fn admin_routes_are_signed_and_public_ones_are_not() {
        let template = Template::load().unwrap();
        assert!(template.admin.iter().all(|route| route.signed));
        assert!(template.public.iter().all(|route| !route.signed));
    }

    #[test]
    fn route_names_its_authorizer_or_is_refused() {
        let template = Template::load().unwrap();
        let sample = template.public.iter().find(|route| route.key == "GET /sample").unwrap();
        assert_eq!(sample.authorizer.as_deref(), Some("AuthorizerFunction"));
        assert_eq!(template.public.iter().filter(|route| route.authorizer.is_some()).count(), 1);
        let without = TEMPLATE.replace("AuthorizerId: !Ref PublicAuthorizer", "AuthorizerId: !Ref Other");
        assert!(Template::parse(&without).unwrap_err().contains("names no authorizer"));
    }

    #[test]
    fn table_names_reach_the_functions() {
        let template = Template::load().unwrap();
        let submit = template.functions.iter().find(|f| f.binary == "login-submit").unwrap();
        assert_eq!(submit.env["LATCHKEY_TABLE_FLOWS"], "flows");
        assert_eq!(submit.timeout, 29);
        let flows = template.tables.iter().find(|t| t.name == "flows").unwrap();
        assert_eq!(flows.ttl.as_deref(), Some("ttl"));
    }

    #[test]
    fn streams_and_queues_trigger_the_courier() {
        let template = Template::load().unwrap();
        let sources: Vec<_> = template.triggers.iter().map(|t| (t.function.as_str(), t.source.clone())).collect();
        let stream = Source::Stream("OutboxTable".to_owned());
        let queue = Source::Queue("CourierQueue".to_owned());
        assert_eq!(sources, [("CourierFunction", queue), ("CourierFunction", stream)]);
        assert_eq!(
            (&template.triggers[0].events[..], &template.triggers[1].events[..]),
            (&[][..], &["INSERT".to_owned()][..])
        );
        let courier = template.functions.iter().find(|f| f.binary == "courier").unwrap();
        assert_eq!(courier.queues["LATCHKEY_QUEUE"], "CourierQueue");
        let outbox = template.tables.iter().find(|t| t.name == "outbox").unwrap();
        assert_eq!(outbox.create["StreamSpecification"]["StreamViewType"], "KEYS_ONLY");
        let queue = template.queues.iter().find(|q| q.resource == "CourierQueue").unwrap();
        assert_eq!(queue.dead_letters.as_deref(), Some("CourierDeadLetters"));
        // The claim of a message must outlive the courier that holds it.
        assert!(courier.timeout < 45, "see CLAIM in shared/store/src/outbox.rs");
    }

    #[test]
    fn only_courier_and_courier_key_know_the_secret() {
        let template = Template::load().unwrap();
        let knows = |f: &&Function| f.variables.contains("LATCHKEY_COURIER_SECRET_ARN");
        let know: Vec<_> = template.functions.iter().filter(knows).map(|f| f.binary.as_str()).collect();
        assert_eq!(know, ["courier", "courier-key"]);
    }
}
