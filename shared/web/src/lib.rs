//! The edge: an API Gateway request in, a response out.
//!
//! Handlers decide with values from `latchkey-core` and know nothing of headers; this crate reads who is asking and what
//! kind of client it is, and turns the outcome into a status, headers, cookies and a body for that kind of client.
//!
//! | module | holds |
//! |---|---|
//! | [`lambda`] | the five lines of each function's `main`: start once, answer events |
//! | [`authorize`] | the edge of an authorizer: API Gateway's question in, its simple answer out |
//! | [`edge`] | what wraps every request: parsing, limits, CORS, the anti-CSRF layer, the log line |
//! | [`call`] | one request, read |
//! | [`reply`] | one answer, and the errors it may be |
//! | [`negotiate`] | whether a client wants JSON |
//! | [`payload`] | submitted forms and JSON, as flat fields |
//! | [`browser`] | what only browsers get: cookies, redirects, the error page |
//! | [`caller`] | the session a client presents |
//! | [`device`] | where a request comes from |
//! | [`audit`] | who changed what, for the log of the admin API |
//! | [`routes`] | every path and verb, and how the anti-CSRF layer treats it |
//! | `infrastructure` | cookies of load balancers and content networks, by which nobody is known |
//! | `hint` | what a developer is told beside an error, in development mode |

mod address;
pub mod audit;
pub mod authorize;
pub mod browser;
pub mod call;
pub mod caller;
pub mod device;
pub mod edge;
pub mod lambda;
pub mod negotiate;
pub mod payload;
pub mod reply;
pub mod routes;

mod cookies;
mod cors;
mod hint;
mod infrastructure;
mod log;

pub use call::Call;
pub use edge::Edge;
pub use reply::{Fault, Reply};

/// A request as `lambda_http` hands it over.
pub type Request = lambda_http::Request;
/// A response as `lambda_http` takes it.
pub type Response = lambda_http::Response<lambda_http::Body>;
