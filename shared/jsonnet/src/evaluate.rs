//! One evaluation, without bounds on its time: [`Jsonnet`](crate::Jsonnet) has those.

use crate::error::Cause;
use rsjsonnet_lang::arena::Arena;
use rsjsonnet_lang::interner::InternedStr;
use rsjsonnet_lang::lexer::LexError;
use rsjsonnet_lang::parser::ParseError;
use rsjsonnet_lang::program::{
    AnalyzeError, Callbacks, EvalErrorKind, EvalStackTraceItem, ImportError, LoadError, NativeError, Program, Thunk,
    Value,
};
use rsjsonnet_lang::span::SpanId;

/// A cause, and the line that it is in.
pub(crate) type Located = (usize, Cause);

/// Reads a program.
pub(crate) fn check(text: &str) -> Result<(), Located> {
    let arena = Arena::new();
    load(&mut Program::new(&arena), text).map(|_| ())
}

/// Calls a program, a function of one argument, with this JSON; gives JSON.
pub(crate) fn evaluate(text: &str, context: &str, depth: usize, output: usize) -> Result<String, Located> {
    let arena = Arena::new();
    let mut program = Program::new(&arena);
    program.set_max_stack(depth);
    let function = load(&mut program, text)?;
    let context = load(&mut program, context).map_err(|_| (1, Cause::Failed))?;
    let made = program
        .eval_call(&function, &[context], &[], &mut Isolated)
        .and_then(|value| program.manifest_json(&value, false));
    match made {
        Ok(json) if json.len() > output => Err((1, Cause::TooLarge(output))),
        Ok(json) => Ok(json),
        Err(error) => match error.kind {
            EvalErrorKind::StackOverflow | EvalErrorKind::InfiniteRecursion => Err((1, Cause::TooDeep)),
            // The text of the error may quote a value.
            _ => Err((1, Cause::Failed)),
        },
    }
}

fn load<'p>(program: &mut Program<'p>, text: &str) -> Result<Thunk<'p>, Located> {
    let (context, _) = program.span_manager_mut().insert_source_context(text.len());
    program.load_source(context, text.as_bytes(), true, "program.jsonnet").map_err(|error| {
        let (span, why) = described(&error);
        let line = span.map_or(1, |span| {
            let (_, start, _) = program.span_manager().get_span(span);
            text.as_bytes().iter().take(start).filter(|byte| **byte == b'\n').count() + 1
        });
        (line, Cause::Syntax(why))
    })
}

/// Where an error is, and what it is.
fn described(error: &LoadError) -> (Option<SpanId>, String) {
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
        ) => (Some(*span), "it is not valid Jsonnet".to_owned()),
        LoadError::Parse(ParseError::Expected { span, .. }) => {
            (Some(*span), "it is not valid Jsonnet: something else is expected here".to_owned())
        }
        LoadError::Analyze(AnalyzeError::UnknownVariable { span, name }) => {
            (Some(*span), format!("there is no variable {name:?}"))
        }
        LoadError::Analyze(_) => (None, "it is not valid Jsonnet: its names do not fit together".to_owned()),
    }
}

/// Lets a program read no file and write no log.
struct Isolated;

impl<'p> Callbacks<'p> for Isolated {
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
