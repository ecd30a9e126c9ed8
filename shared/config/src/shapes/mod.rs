//! Shapes: keys that stand in several sections, declared once. A section mounts a shape at a path, as
//! `Section::new("selfservice.flows.login", flow::KEYS)` does.

pub(crate) mod flow;
pub(crate) mod method;
pub(crate) mod request;
pub(crate) mod template;
