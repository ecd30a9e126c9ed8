//! One function's process behind a Runtime API that keeps time.
//!
//! It uses plain sockets and one thread, so that it does not disturb the measurement of the function.

use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A process that has asked for its first event.
pub(crate) struct Process {
    child: Child,
    listener: TcpListener,
    connection: BufReader<TcpStream>,
    began: Instant,
    /// From the start of the process to its first question for an event.
    pub(crate) first_poll: Duration,
    next_id: u32,
    log: tempfile::NamedTempFile,
}

impl Drop for Process {
    fn drop(&mut self) {
        // It never ends by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Process {
    /// Starts a binary and waits until it asks for an event.
    pub(crate) fn start(binary: &Path, env: &[(String, String)]) -> Result<Self, String> {
        let said = |e: std::io::Error| format!("{}: {e}", binary.display());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(said)?;
        let address = listener.local_addr().map_err(said)?;
        let log = tempfile::NamedTempFile::new().map_err(said)?;
        let out = log.reopen().map_err(said)?;
        let began = Instant::now();
        let child = Command::new(binary)
            .env_clear()
            .envs(env.iter().cloned())
            .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", "bench")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1769")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(Stdio::inherit())
            .spawn()
            .map_err(said)?;
        let connection = BufReader::new(listener.accept().map_err(said)?.0);
        let mut process = Self { child, listener, connection, began, first_poll: Duration::ZERO, next_id: 0, log };
        process.read_request().map_err(said)?;
        process.first_poll = process.began.elapsed();
        Ok(process)
    }

    /// Sends one event and takes the answer; afterwards the process asks for the next. Gives the answer.
    pub(crate) fn call(&mut self, event: &str) -> Result<String, String> {
        let said = |e: std::io::Error| format!("a function does not answer: {e}");
        self.next_id += 1;
        let head = format!(
            "HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: {}\r\nLambda-Runtime-Deadline-Ms: 4102444800000\r\n\
             Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:local:000000000000:function:bench\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            self.next_id,
            event.len()
        );
        self.write(&[head.as_bytes(), event.as_bytes()].concat()).map_err(said)?;
        let answer = self.read_request().map_err(said)?;
        self.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n").map_err(said)?;
        self.read_request().map_err(said)?;
        Ok(answer)
    }

    /// A value of the last line that the function logged of a request.
    pub(crate) fn last_logged(&self, key: &str) -> Option<String> {
        let text = std::fs::read_to_string(self.log.path()).ok()?;
        let line: Value = serde_json::from_str(text.lines().last()?).ok()?;
        line.get(key).map(Value::to_string)
    }

    /// From the start of the process until now.
    pub(crate) fn age(&self) -> Duration {
        self.began.elapsed()
    }

    /// CPU time of the process so far, user and system.
    pub(crate) fn cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/schedstat", self.child.id())).unwrap_or_default();
        // Threads have accounts of their own.
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).into_iter().flatten().flatten();
        let of = |text: &str| text.split_whitespace().next().and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
        let sum: u64 =
            tasks.filter_map(|task| std::fs::read_to_string(task.path().join("schedstat")).ok()).map(|t| of(&t)).sum();
        Duration::from_nanos(sum.max(of(&stat)))
    }

    /// The most memory that was ever resident, in KiB.
    pub(crate) fn peak_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap_or_default();
        line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).unwrap_or(0)
    }

    fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.connection.get_mut().write_all(bytes)
    }

    /// Reads a request; gives its body. A client that opens another connection is followed there.
    fn read_request(&mut self) -> std::io::Result<String> {
        let mut length = 0;
        let mut line = String::new();
        loop {
            line.clear();
            if self.connection.read_line(&mut line)? == 0 {
                self.connection = BufReader::new(self.listener.accept()?.0);
                continue;
            }
            let lower = line.to_ascii_lowercase();
            if let Some(value) = lower.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            } else if lower.starts_with("transfer-encoding:") {
                length = usize::MAX;
            } else if line == "\r\n" {
                break;
            }
        }
        let mut body = Vec::new();
        if length == usize::MAX {
            self.read_chunks(&mut body)?;
        } else {
            body.resize(length, 0);
            self.connection.read_exact(&mut body)?;
        }
        Ok(String::from_utf8_lossy(&body).into_owned())
    }

    fn read_chunks(&mut self, body: &mut Vec<u8>) -> std::io::Result<()> {
        let mut line = String::new();
        loop {
            line.clear();
            self.connection.read_line(&mut line)?;
            let size = usize::from_str_radix(line.trim(), 16).unwrap_or(0);
            let start = body.len();
            body.resize(start + size + 2, 0);
            self.connection.read_exact(&mut body[start..])?;
            body.truncate(start + size);
            if size == 0 {
                return Ok(());
            }
        }
    }
}
