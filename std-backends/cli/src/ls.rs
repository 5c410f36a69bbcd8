//! `ls`: what is held, done and kept.

use crate::{
    connect::Fleet,
    failure::{Failure, warn},
    look::table,
    options::Listed,
    output::{Out, shown},
    scan::Which,
    survey::survey,
};
use std::process::ExitCode;

/// Lists it, sorted by kind and key.
pub(crate) fn run(fleet: &Fleet, asked: &Listed, out: &mut Out) -> Result<ExitCode, Failure> {
    let survey = survey(fleet, &Which::of(&asked.filter), asked.limit, asked.all)?;
    if out.json {
        survey.seen.iter().try_for_each(|seen| out.value(&seen.json(fleet.prefix())))?;
    } else if survey.seen.is_empty() {
        warn(&format!("nothing like that is held or kept under the prefix `{}`", shown(fleet.prefix(), 60)));
    } else {
        table(out, &survey.seen)?;
    }
    survey.tell_unseen(out)?;
    Ok(ExitCode::SUCCESS)
}
