//! How the texts of a configuration are read.

pub(crate) mod color;
pub(crate) mod duration;
pub(crate) mod memory;
pub(crate) mod url;
