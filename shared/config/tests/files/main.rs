//! Configuration files: what they are read as, what is refused, and what of them travels to functions.

mod courier;
mod defaults;
mod published;
mod reading;
mod refusing;
mod support;
mod travelling;
