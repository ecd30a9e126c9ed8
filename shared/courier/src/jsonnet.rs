//! Jsonnet that makes the body of a call, as configurations of Kratos have it: a function of one argument, `ctx`.
//!
//! It runs on a thread of its own with a bound on its depth and its time. A thread cannot be stopped; one that did not end in time
//! is waited for by nobody, and as long as it runs no second one is started.

use rsjsonnet_lang::arena::Arena;
use rsjsonnet_lang::interner::InternedStr;
use rsjsonnet_lang::lexer::LexError;
use rsjsonnet_lang::parser::ParseError;
use rsjsonnet_lang::program::{
    AnalyzeError, Callbacks, EvalErrorKind, EvalStackTraceItem, ImportError, LoadError, NativeError, Program, Thunk,
    Value,
};
use rsjsonnet_lang::span::SpanId;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How long it may take.
const PATIENCE: Duration = Duration::from_secs(1);
/// How deep functions may call each other.
const DEEPEST: usize = 200;

/// A function from a message to the body of a call.
pub(crate) struct Jsonnet {
    source: String,
    text: Arc<str>,
    running: Arc<AtomicBool>,
}

impl Jsonnet {
    /// Reads it.
    ///
    /// # Errors
    /// Why it cannot be read, with its file or key and the line.
    pub(crate) fn new(source: &str, text: &str) -> Result<Self, String> {
        let arena = Arena::new();
        load(&mut Program::new(&arena), text).map_err(|why| format!("{source}:{why}"))?;
        Ok(Self { source: source.to_owned(), text: text.into(), running: Arc::default() })
    }

    /// Calls it with `ctx`, which is JSON; gives JSON.
    ///
    /// # Errors
    /// Why there is none. Holds nothing of `ctx`.
    pub(crate) async fn call(&self, ctx: String) -> Result<String, String> {
        let never_ends = || format!("{}: it does not end", self.source);
        if self.running.swap(true, Ordering::SeqCst) {
            return Err(never_ends());
        }
        let (tell, told) = tokio::sync::oneshot::channel();
        let (text, running) = (Arc::clone(&self.text), Arc::clone(&self.running));
        let started = std::thread::Builder::new().name("jsonnet".to_owned()).spawn(move || {
            let made = evaluate(&text, &ctx);
            running.store(false, Ordering::SeqCst);
            // Nobody may wait any more.
            let _ = tell.send(made);
        });
        if started.is_err() {
            self.running.store(false, Ordering::SeqCst);
            return Err(format!("{}: there is no thread to run it on", self.source));
        }
        match tokio::time::timeout(PATIENCE, told).await {
            Ok(Ok(made)) => made.map_err(|why| format!("{}:{why}", self.source)),
            Ok(Err(_)) => {
                self.running.store(false, Ordering::SeqCst);
                Err(format!("{}: it cannot be evaluated", self.source))
            }
            Err(_) => Err(never_ends()),
        }
    }
}

fn load<'p>(program: &mut Program<'p>, text: &str) -> Result<Thunk<'p>, String> {
    let (context, _) = program.span_manager_mut().insert_source_context(text.len());
    program.load_source(context, text.as_bytes(), true, "body.jsonnet").map_err(|error| {
        let (span, why) = told(&error);
        let line = span.map_or(1, |span| {
            let (_, start, _) = program.span_manager().get_span(span);
            text.as_bytes().iter().take(start).filter(|byte| **byte == b'\n').count() + 1
        });
        format!("{line}: {why}")
    })
}

/// Where an error is, and what it is.
fn told(error: &LoadError) -> (Option<SpanId>, String) {
    match error {
        LoadError::Lex(
            LexError::InvalidChar { span, .. }
            | LexError::InvalidUtf8 { span, .. }
            | LexError::UnfinishedMultilineComment { span }
            | LexError::LeadingZeroInNumber { span }
            | LexError::MissingFracDigits { span }
            | LexError::MissingExpDigits { span }
            | LexError::MissingDigitAfterUnderscore { span }
            | LexError::ExpOverflow { span }
            | LexError::InvalidEscapeInString { span, .. }
            | LexError::IncompleteUnicodeEscape { span }
            | LexError::InvalidUtf16EscapeSequence { span, .. }
            | LexError::UnfinishedString { span }
            | LexError::MissingLineBreakAfterTextBlockStart { span }
            | LexError::MissingWhitespaceTextBlockStart { span }
            | LexError::InvalidTextBlockTermination { span },
        ) => (Some(*span), "no Jsonnet".to_owned()),
        LoadError::Parse(ParseError::Expected { span, .. }) => {
            (Some(*span), "no Jsonnet: something else is expected here".to_owned())
        }
        LoadError::Analyze(AnalyzeError::UnknownVariable { span, name }) => {
            (Some(*span), format!("there is no variable {name:?}"))
        }
        LoadError::Analyze(_) => (None, "no Jsonnet: names do not fit together".to_owned()),
    }
}

fn evaluate(text: &str, ctx: &str) -> Result<String, String> {
    let arena = Arena::new();
    let mut program = Program::new(&arena);
    program.set_max_stack(DEEPEST);
    let function = load(&mut program, text)?;
    let ctx = load(&mut program, ctx).map_err(|_| "1: the message cannot be given to it".to_owned())?;
    let made =
        program.eval_call(&function, &[ctx], &[], &mut Alone).and_then(|value| program.manifest_json(&value, false));
    made.map_err(|error| {
        let why = match error.kind {
            EvalErrorKind::StackOverflow | EvalErrorKind::InfiniteRecursion => "it calls itself without end",
            // Its text may quote the message.
            _ => "it fails on this message",
        };
        format!("1: {why}")
    })
}

/// Reads no files and writes nothing.
struct Alone;

impl<'p> Callbacks<'p> for Alone {
    fn import(&mut self, _: &mut Program<'p>, _: SpanId, _: &str) -> Result<Thunk<'p>, ImportError> {
        Err(ImportError)
    }

    fn import_str(&mut self, _: &mut Program<'p>, _: SpanId, _: &str) -> Result<String, ImportError> {
        Err(ImportError)
    }

    fn import_bin(&mut self, _: &mut Program<'p>, _: SpanId, _: &str) -> Result<Vec<u8>, ImportError> {
        Err(ImportError)
    }

    fn trace(&mut self, _: &mut Program<'p>, _: &str, _: &[EvalStackTraceItem]) {}

    fn native_call(
        &mut self,
        _: &mut Program<'p>,
        _: InternedStr<'p>,
        _: &[Value<'p>],
    ) -> Result<Value<'p>, NativeError> {
        Err(NativeError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_function_of_the_message() {
        let body = Jsonnet::new(
            "body",
            "function(ctx) { to: ctx.recipient, [if 'x' in ctx then 'x']: 1, l: std.length(ctx.body) }",
        );
        let made = body.unwrap().call(r#"{"recipient":"+49\n\u00e9","body":"abc"}"#.to_owned()).await.unwrap();
        let made: serde_json::Value = serde_json::from_str(&made).unwrap();
        assert_eq!(made, serde_json::json!({"to": "+49\n\u{e9}", "l": 3}));
    }

    #[tokio::test]
    async fn what_is_broken_says_where_and_what_fails_quotes_nothing() {
        for (text, says) in [
            ("function(ctx) {\n to: ctx.recipient", "body:2: no Jsonnet"),
            ("function(ctx)\n\n ctxx", "body:3: there is no variable \"ctxx\""),
            ("'open", "body:1: no Jsonnet"),
        ] {
            assert!(Jsonnet::new("body", text).err().unwrap().starts_with(says), "{text}");
        }
        for text in [
            "function(ctx) ctx.nothing",
            "function(ctx) error ctx.code",
            "function(ctx) import 'etc'",
            "{}",
            "function(ctx) std.extVar('HOME')",
        ] {
            let error = Jsonnet::new("body", text).unwrap().call(r#"{"code":"123456"}"#.to_owned()).await.unwrap_err();
            assert_eq!(error, "body:1: it fails on this message", "{text}");
        }
    }

    #[tokio::test]
    async fn what_does_not_end_is_left_alone() {
        let deep = Jsonnet::new("body", "function(ctx) local f(n) = 1 + f(n + 1); f(0)").unwrap();
        assert_eq!(deep.call("{}".to_owned()).await.unwrap_err(), "body:1: it calls itself without end");
        let long = "function(ctx) local f(n) = if n < 2 then 1 else f(n - 1) + f(n - 2); f(40)";
        let long = Jsonnet::new("body", long).unwrap();
        for _ in 0..2 {
            assert_eq!(long.call("{}".to_owned()).await.unwrap_err(), "body: it does not end");
        }
    }
}
