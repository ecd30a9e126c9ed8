//! Jsonnet of a configuration, as Kratos has it: a function of one argument, `ctx`, that makes a JSON value. The bodies of HTTP
//! requests and the mapping of a provider's data are such functions.
//!
//! Administrators write the programs, and clients supply values of the context, so an evaluation has a [`Budget`]. It runs on a
//! thread of its own. A thread cannot be stopped: one that exceeds its time is abandoned, and until it ends the same program is not
//! evaluated again, so that abandoned threads do not add up. A program reads no file, no variable of the environment and no network.

mod error;
mod evaluate;

pub use error::{Cause, Error};

use evaluate::{Located, check, evaluate};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{Mutex, oneshot};

/// What one evaluation may use. Its memory is bounded by what it can allocate in its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// How long it may take.
    pub time: Duration,
    /// How deep its calls may be nested.
    pub depth: usize,
    /// The largest result, in bytes of JSON.
    pub output: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { time: Duration::from_secs(1), depth: 200, output: 1024 * 1024 }
    }
}

/// A program that was read once and can be evaluated many times.
#[derive(Debug)]
pub struct Jsonnet {
    source_name: String,
    text: Arc<str>,
    budget: Budget,
    /// Evaluations take turns, so that a slow one is told from one that exceeded its time.
    turn: Mutex<()>,
    /// Whether a thread evaluates it; while the turn is free, whether an abandoned one still does.
    is_running: Arc<AtomicBool>,
}

impl Jsonnet {
    /// Reads a program. `source_name` is its file or its configuration key, for errors.
    ///
    /// # Errors
    /// When the text is not valid Jsonnet.
    pub fn parse(source_name: &str, text: &str, budget: Budget) -> Result<Self, Error> {
        check(text).map_err(|located| at(source_name, located))?;
        Ok(Self {
            source_name: source_name.to_owned(),
            text: text.into(),
            budget,
            turn: Mutex::default(),
            is_running: Arc::default(),
        })
    }

    /// Calls the program with a context; gives JSON.
    ///
    /// # Errors
    /// When the program fails on the context, or exceeds its budget.
    pub async fn evaluate(&self, context: &Value) -> Result<String, Error> {
        let whole = |cause| Error { source_name: self.source_name.clone(), line: None, cause };
        let _turn = self.turn.lock().await;
        if self.is_running.swap(true, Ordering::SeqCst) {
            return Err(whole(Cause::Endless));
        }
        let (sender, receiver) = oneshot::channel();
        let (text, context, budget) = (Arc::clone(&self.text), context.to_string(), self.budget);
        let running = Running(Arc::clone(&self.is_running));
        let started = std::thread::Builder::new().name("jsonnet".to_owned()).spawn(move || {
            let made = evaluate(&text, &context, budget.depth, budget.output);
            drop(running);
            // An abandoned evaluation has no receiver.
            let _ = sender.send(made);
        });
        if started.is_err() {
            return Err(whole(Cause::NoThread));
        }
        match tokio::time::timeout(self.budget.time, receiver).await {
            Ok(Ok(made)) => made.map_err(|located| at(&self.source_name, located)),
            // The thread panicked.
            Ok(Err(_)) => Err(whole(Cause::Failed)),
            Err(_) => Err(whole(Cause::Endless)),
        }
    }
}

fn at(source_name: &str, (line, cause): Located) -> Error {
    Error { source_name: source_name.to_owned(), line: Some(line), cause }
}

/// Says that a program runs, until it is dropped: when its thread ends, panics or cannot start.
struct Running(Arc<AtomicBool>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::future::join_all;
    use serde_json::json;

    fn parse(text: &str) -> Result<Jsonnet, Error> {
        Jsonnet::parse("body", text, Budget::default())
    }

    #[tokio::test]
    async fn function_of_the_context_makes_json() {
        let text = "function(ctx) { to: ctx.recipient, [if 'x' in ctx then 'x']: 1, l: std.length(ctx.body) }";
        let made = parse(text).unwrap().evaluate(&json!({"recipient": "+49\n\u{e9}", "body": "abc"})).await.unwrap();
        let made: Value = serde_json::from_str(&made).unwrap();
        assert_eq!(made, json!({"to": "+49\n\u{e9}", "l": 3}));
    }

    #[tokio::test]
    async fn errors_name_the_line_and_quote_nothing() {
        for (text, says) in [
            ("function(ctx) {\n to: ctx.recipient", "body:2: it is not valid Jsonnet"),
            ("function(ctx)\n\n ctxx", "body:3: there is no variable \"ctxx\""),
            ("'open", "body:1: it is not valid Jsonnet"),
        ] {
            let error = parse(text).err().map(|e| e.to_string()).unwrap();
            assert!(error.starts_with(says), "{text}: {error}");
        }
        for text in [
            "function(ctx) ctx.nothing",
            "function(ctx) error ctx.code",
            "function(ctx) import 'etc'",
            "{}",
            "function(ctx) std.extVar('HOME')",
        ] {
            let error = parse(text).unwrap().evaluate(&json!({"code": "123456"})).await.unwrap_err();
            assert_eq!(error.to_string(), "body:1: it fails on these values", "{text}");
        }
    }

    #[tokio::test]
    async fn endless_programs_exceed_their_budget() {
        let deep = parse("function(ctx) local f(n) = 1 + f(n + 1); f(0)").unwrap();
        assert_eq!(deep.evaluate(&json!({})).await.unwrap_err().cause, Cause::TooDeep);
        let long = "function(ctx) local f(n) = if n < 2 then 1 else f(n - 1) + f(n - 2); f(40)";
        let budget = Budget { time: Duration::from_millis(100), ..Budget::default() };
        let long = Jsonnet::parse("body", long, budget).unwrap();
        for _ in 0..2 {
            assert_eq!(long.evaluate(&json!({})).await.unwrap_err().to_string(), "body: it does not end");
        }
        let small = Budget { output: 10, ..Budget::default() };
        let large = Jsonnet::parse("body", "function(ctx) std.repeat('x', ctx.n)", small).unwrap();
        assert_eq!(large.evaluate(&json!({"n": 8})).await.unwrap(), "\"xxxxxxxx\"");
        assert_eq!(large.evaluate(&json!({"n": 9})).await.unwrap_err().cause, Cause::TooLarge(10));
    }

    #[tokio::test]
    async fn evaluations_at_once_take_turns() {
        let double = parse("function(ctx) 2 * ctx.n").unwrap();
        let contexts: Vec<Value> = (0..16).map(|n| json!({ "n": n })).collect();
        let made = join_all(contexts.iter().map(|context| double.evaluate(context))).await;
        let made: Vec<String> = made.into_iter().map(Result::unwrap).collect();
        assert_eq!(made, (0..16).map(|n| (2 * n).to_string()).collect::<Vec<_>>());
    }
}
