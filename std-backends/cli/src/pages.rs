//! What a shell and `man` know of the tool.

use crate::{failure::Failure, options::Options, output::Out};
use clap::CommandFactory;
use clap_complete::Shell;
use std::process::ExitCode;

/// Writes the completions of a shell.
pub(crate) fn completions(shell: Shell, out: &mut Out) -> Result<ExitCode, Failure> {
    // it ends the program if it cannot write, so it writes where it always can
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Options::command(), "cachify", &mut script);
    out.bytes(&script)?;
    Ok(ExitCode::SUCCESS)
}

/// Writes the manual page.
pub(crate) fn man(out: &mut Out) -> Result<ExitCode, Failure> {
    let mut page = Vec::new();
    clap_mangen::Man::new(Options::command()).render(&mut page)?;
    out.bytes(&page)?;
    Ok(ExitCode::SUCCESS)
}
