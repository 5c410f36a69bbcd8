//! Whether what changes something may be done: by `--yes`, or by whoever sits at the terminal.

use crate::failure::Failure;
use std::io::{self, IsTerminal, Write};

/// Nothing, if it may be done.
pub(crate) fn consent(question: &str, yes: bool) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(Failure::Wrong(format!("nobody can be asked here: say --yes ({question})")));
    }
    write!(io::stderr(), "{question} [y/N] ")?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(Failure::Refused("nothing was done".into())),
    }
}
