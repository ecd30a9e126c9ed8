//! The system at its edge: requests in, answers out, through the events that API Gateway sends, against a store that speaks
//! DynamoDB's API. All tests are one program, because linking it takes most of the time.
#![expect(unreachable_pub, reason = "a test program exports nothing")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

mod addresses;
mod admin;
mod authorizer;
mod bad_input;
mod checking;
mod cli;
mod code;
mod code_entry;
mod code_limits;
mod concurrency;
mod continuity;
mod cost;
mod courier;
mod csrf;
mod deployment;
mod documents;
mod erasure;
mod events;
mod examples;
mod faults;
mod flow_ownership;
mod fuzz;
mod hints;
mod identifiers;
mod inbox;
mod known_devices;
mod late;
mod leaks;
mod listeners;
mod login;
mod pages;
mod password_limits;
mod passwords;
mod permissions;
mod rate_limits;
mod records;
mod refresh;
mod reload;
mod rotation;
mod secrets;
mod sessions;
mod suppressed;
