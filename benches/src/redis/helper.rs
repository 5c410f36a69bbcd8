//! Another process that takes part: asked by a line, it answers by lines.

use std::{
    cell::RefCell,
    ffi::OsStr,
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

/// A process. It ends when its standard input does.
#[derive(Debug)]
pub(super) struct Helper {
    child: RefCell<Child>,
    asked: RefCell<Option<ChildStdin>>,
    answers: RefCell<BufReader<ChildStdout>>,
}

impl Helper {
    /// `None` if it cannot be started or does not say that it is ready.
    pub(super) fn start(program: impl AsRef<OsStr>, words: &[&str]) -> Option<Self> {
        let command = Command::new(program).args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = command.ok()?;
        let asked = child.stdin.take();
        let answers = BufReader::new(child.stdout.take()?);
        let helper = Self { child: child.into(), asked: asked.into(), answers: answers.into() };
        (helper.line().as_deref() == Some("ready")).then_some(helper)
    }

    pub(super) fn tell(&self, line: &str) {
        let mut asked = self.asked.borrow_mut();
        let pipe = asked.as_mut().expect("open until it is dropped");
        writeln!(pipe, "{line}").and_then(|()| pipe.flush()).expect("the helper runs");
    }

    fn line(&self) -> Option<String> {
        let mut line = String::new();
        let read = self.answers.borrow_mut().read_line(&mut line).unwrap_or_default();
        (read > 0).then(|| line.trim().to_owned())
    }

    /// Its next line.
    pub(super) fn hear(&self) -> String {
        self.line().expect("the helper runs")
    }

    /// The numbers by which it answers.
    pub(super) fn ask<const N: usize>(&self, line: &str) -> [f64; N] {
        self.tell(line);
        let answer = self.hear();
        let numbers: Vec<f64> = answer.split(' ').filter_map(|word| word.parse().ok()).collect();
        numbers.try_into().unwrap_or_else(|_| panic!("to `{line}` the helper said `{answer}`"))
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        self.asked.replace(None);
        let _ = self.child.get_mut().wait();
    }
}
