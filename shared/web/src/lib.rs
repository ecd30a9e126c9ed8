//! The edge: an API Gateway request in, a response out.
//!
//! Handlers decide with values of `latchkey-core` and know no headers. This crate establishes the client and its session, and turns the
//! outcome into a status, headers, cookies and a body for that kind of client.
//!
//! | module | holds |
//! |---|---|
//! | [`lambda`] | the five lines of each function's `main`: start once, answer events |
//! | [`authorize`] | the edge of a Lambda authorizer |
//! | [`edge`] | what surrounds every request: parsing, limits, CORS, the anti-CSRF layer, the log line |
//! | [`call`] | one request, parsed |
//! | [`reply`] | one answer, and the errors |
//! | [`negotiate`] | whether a client wants JSON |
//! | [`payload`] | submitted forms and JSON, as flat fields |
//! | [`browser`] | answers for browsers only: cookies, redirects, the error page |
//! | [`caller`] | the session that a client presents |
//! | [`device`] | the address and user agent of a request |
//! | [`audit`] | the audit log of the admin API |
//! | [`routes`] | every path and verb, and how the anti-CSRF layer treats it |
//! | `infrastructure` | cookies of load balancers and content networks, which identify no client |
//! | `hint` | hints for developers beside an error, in development mode |

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
pub use latchkey_core::error::Fault;
pub use reply::Reply;

/// A request as `lambda_http` hands it over.
pub type Request = lambda_http::Request;
/// A response as `lambda_http` takes it.
pub type Response = lambda_http::Response<lambda_http::Body>;
