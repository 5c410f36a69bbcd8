//! What one node of a cluster says when it is asked who serves what.

use super::slots::{Served, served};
use crate::redis::{
    reply::{Failure, failure, unreached},
    server::{
        Server,
        tasks::{Task, Use},
    },
};
use cachify_core::{Cause, drive::beside, time::Timer};
use redis::Value;
use std::sync::Arc;

pub(super) const NO_NODE: Cause = Cause::NotNow("no node of the cluster serves this key's slot");

/// What one node knows.
pub(super) struct Known {
    /// Grows with each change that all nodes agree on.
    epoch: u64,
    pub(super) served: Vec<Served>,
}

impl Known {
    /// The newest, and of these the one that knows of most slots.
    pub(super) fn rank(&self) -> (u64, usize) {
        (self.epoch, self.served.iter().map(|served| served.slots.len()).sum())
    }
}

/// Asks one node.
pub(super) async fn ask(server: &Arc<Server>) -> Result<Known, Cause> {
    let until = server.deadline();
    let task = Task::new(Use::Leases, until, server.op_timeout());
    let questions = || {
        let mut pipe = redis::pipe();
        pipe.cmd("CLUSTER").arg("SLOTS").cmd("CLUSTER").arg("INFO");
        pipe
    };
    let limit = server.common.clock.sleep_until(until);
    let answers = match beside(task.send_all(server, questions, 2), limit).await {
        Ok(answers) => answers.map_err(|failure| unreached(&failure))?,
        Err(()) => {
            task.timed_out();
            return Err(unreached(&Failure::TimedOut));
        }
    };
    let mut answers = answers.into_iter();
    let slots = answers.next().ok_or(Cause::Unreachable)?.extract_error();
    let all = served(&slots.map_err(|error| unreached(&failure(&error)))?, &server.address.host())?;
    if all.is_empty() {
        return Err(NO_NODE);
    }
    // who may not be asked for that is believed as the others are
    Ok(Known { epoch: answers.next().map(epoch).unwrap_or_default(), served: all })
}

fn epoch(info: Value) -> u64 {
    let info: String = redis::from_redis_value(info).unwrap_or_default();
    let field = info.lines().find_map(|line| line.strip_prefix("cluster_current_epoch:"));
    field.and_then(|epoch| epoch.trim().parse().ok()).unwrap_or_default()
}
