//! Why a program gives no value.

/// Why a program gives no value. It names the program and the line, and quotes no value of the context.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Error {
    /// The file or the configuration key of the program.
    pub source_name: String,
    /// The line, counted from 1; `None` where the whole program is the cause.
    pub line: Option<usize>,
    /// What is wrong.
    pub cause: Cause,
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.source_name)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}", self.cause)
    }
}

/// What is wrong with a program, or with its evaluation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// The program is not valid Jsonnet.
    #[error("{0}")]
    Syntax(String),
    /// The program fails on this context, or is no function of one argument.
    #[error("it fails on these values")]
    Failed,
    /// Its calls are nested too deeply.
    #[error("it calls itself without end")]
    TooDeep,
    /// It takes longer than its budget.
    #[error("it does not end")]
    Endless,
    /// Its result has more bytes than its budget.
    #[error("its result has more than {0} bytes")]
    TooLarge(usize),
    /// The machine has no thread for it.
    #[error("there is no thread to run it on")]
    NoThread,
}
