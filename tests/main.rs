//! The system at its edge: requests in, answers out, through the events that API Gateway sends, against a store that speaks
//! DynamoDB's API. One program for all of it, because linking it is what takes the time.
#![expect(unreachable_pub, reason = "a test program has nobody to export to")]

mod support;

mod admin;
mod bad_input;
mod concurrency;
mod cost;
mod csrf;
mod documents;
mod events;
mod faults;
mod login;
mod secrets;
mod sessions;
