//! `latchkey user import`: creates many identities from a file of JSON lines, through batches of the admin API.
//!
//! Lines are read one after the other, so a file may be larger than memory. Several batches are in flight at the same time and
//! settled in the order of the file. So [`state`] always describes a beginning of the file, and a later run continues from there
//! after an interruption at any moment.
//!
//! Every identity gets its id here: the id of its line, or one derived from the import and the number of the line. That makes
//! repeating safe. When a line that may have been sent before is refused as a conflict, the command asks whether an identity with
//! this line's id exists. If so, this import has created it.

mod decoded;
mod lines;
mod progress;
mod sending;
mod state;

use crate::cli::api::{Admin, Target};
use crate::cli::{Failure, interrupted, print};
use clap::Args;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesOrdered;
use http::Method;
use lines::Lines;
use progress::Progress;
use sending::{Limits, Sender};
use serde_json::json;
use state::State;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Help of the command.
pub const ABOUT: &str = "\
Create many identities from a file with one JSON object per line

A line is what POST /admin/identities takes: schema_id, traits, state, external_id, metadata_public, metadata_admin, \
verifiable_addresses, credentials. Passwords come as hashes (credentials.password.config.hashed_password, in any format that \
the admin API takes) or in clear text (credentials.password.config.password), which costs the stack a hash each. A line may have \
an id, a UUID, which the identity keeps. The output of GET /admin/identities?include_credential=password of an Ory Kratos, one \
identity per line, is accepted as it is; the times of creation and change are not kept.

Goes on where it ended: what is done is kept in FILE.latchkey-import, and the same command does not create it again, however \
the first one ended. Lines that were refused are written to FILE.refused.jsonl with the reason and the line as it was, \
passwords included, readable for you alone.";

/// How often progress is checked for output.
const BEAT: Duration = Duration::from_secs(1);

/// The exit code after Ctrl-C, by the convention of shells.
const STOPPED: u8 = 130;

/// Options of an import.
#[derive(Debug, Args)]
pub struct Import {
    /// File with one JSON object per line; - reads standard input, which cannot be resumed
    #[arg(value_name = "FILE.jsonl")]
    file: PathBuf,
    /// Check every line and send nothing
    #[arg(long)]
    dry_run: bool,
    /// Start from the first line, whatever was done before
    #[arg(long)]
    restart: bool,
    /// File for refused lines [default: beside the input]
    #[arg(long, value_name = "FILE")]
    refused: Option<PathBuf>,
    /// Batches in flight at the same time
    #[arg(long, value_name = "COUNT", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=32))]
    parallel: u8,
}

/// Counts of lines by result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    created: u64,
    refused: u64,
}

/// Runs an import.
///
/// # Errors
/// When a line was refused, the file is unusable, or the stack stops answering.
pub async fn run(target: &Target, what: &Import, json: bool) -> Result<(), Failure> {
    if what.dry_run {
        return look(&what.file, json);
    }
    let admin = Admin::open(target)?;
    let refused = what.refused.clone().unwrap_or_else(|| beside(&what.file, ".refused.jsonl"));
    let stack = admin.base.to_string();
    let (mut lines, size, mut state) = if is_stdin(&what.file) {
        (Lines::stdin(), None, State::unsaved(stack, &refused)?)
    } else {
        let (mut lines, size) = Lines::open(&what.file)?;
        let place = beside(&what.file, ".latchkey-import");
        let state = State::resume(place, stack, &refused, what.restart, &mut lines)?;
        (lines, Some(size), state)
    };
    let stopped = interrupted();
    // Missing rights and a wrong URL are better reported before the first batch.
    admin.call(Method::GET, "/admin/identities", Some("page_size=1"), None).await?;
    let mut progress = Progress::start(size, lines.bytes(), state.done.lines);
    if state.done.lines > 0 {
        progress.say(&format!("Going on after line {}.", state.done.lines));
    }
    let sent = tokio::select! {
        sent = send_all(&admin, what, &mut lines, &mut state, &mut progress) => Some(sent),
        () = stopped => None,
    };
    progress.end();
    sent.unwrap_or_else(|| Err(stop(&what.file, &state)))?;
    state.end();
    report(&state, &refused, json)
}

/// The message after Ctrl-C. Batches in flight may have been done; the next run finds out.
fn stop(file: &Path, state: &State) -> Failure {
    let lines = state.done.lines;
    let text = if is_stdin(file) {
        format!("Stopped. The first {lines} lines are done; standard input cannot be gone on with.")
    } else {
        format!("Stopped after line {lines}. Run the same command to go on.")
    };
    Failure { code: STOPPED, text }
}

fn is_stdin(file: &Path) -> bool {
    file == Path::new("-")
}

/// The path of a file beside the input; in the working folder for standard input.
fn beside(file: &Path, suffix: &str) -> PathBuf {
    if is_stdin(file) {
        return PathBuf::from(format!("latchkey-import{suffix}"));
    }
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

async fn send_all(
    admin: &Admin,
    what: &Import,
    lines: &mut Lines,
    state: &mut State,
    progress: &mut Progress,
) -> Result<(), Failure> {
    let limits = Limits::default();
    let sender = Sender { admin, limits: &limits };
    let mut sent = FuturesOrdered::new();
    // Progress is shown while a slow batch is in flight, too.
    let mut beat = tokio::time::interval(BEAT);
    loop {
        while sent.len() < usize::from(what.parallel) {
            let Some(batch) = lines.batch(&limits, state)? else { break };
            // Saved before sending: from now on these lines may have been done.
            state.may_be_done(batch.end.lines)?;
            sent.push_back(sender.settle(batch));
        }
        if sent.is_empty() {
            return Ok(());
        }
        tokio::select! {
            Some(settled) = sent.next() => state.settle(&settled?)?,
            _ = beat.tick() => {}
        }
        progress.show(state.done.bytes, state.done.lines, state.counts);
    }
}

fn report(state: &State, refused: &Path, json: bool) -> Result<(), Failure> {
    let Counts { created, refused: count } = state.counts;
    if json {
        let file = (count > 0).then(|| refused.display().to_string());
        print(
            &json!({"lines": state.done.lines, "created": created, "refused": count, "refused_file": file}).to_string(),
        )?;
    } else {
        print(&format!(
            "{created} identities were created and {count} lines were refused, of {} lines.",
            state.done.lines
        ))?;
    }
    if count == 0 {
        return Ok(());
    }
    Err(Failure::refused(format!("the refused lines and why they were are in {}", refused.display())))
}

/// Checks every line without a stack.
fn look(file: &Path, json: bool) -> Result<(), Failure> {
    let (mut lines, size) = if is_stdin(file) {
        (Lines::stdin(), None)
    } else {
        let (lines, size) = Lines::open(file)?;
        (lines, Some(size))
    };
    let mut progress = Progress::start(size, 0, 0);
    let mut counts = Counts::default();
    while let Some(line) = lines.next_line()? {
        match line.item(uuid::Uuid::nil()) {
            Ok(None) => {}
            Ok(Some(_)) => counts.created += 1,
            Err(reason) => {
                counts.refused += 1;
                if json {
                    print(&json!({"line": line.number, "reason": reason}).to_string())?;
                } else {
                    print(&format!("line {}: {reason}", line.number))?;
                }
            }
        }
        progress.show(lines.bytes(), line.number, counts);
    }
    progress.end();
    let Counts { created, refused } = counts;
    eprintln!("{created} lines have the right form, {refused} have not. Nothing was sent.");
    if refused == 0 { Ok(()) } else { Err(Failure::refused("")) }
}
