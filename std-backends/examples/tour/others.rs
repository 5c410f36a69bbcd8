//! The other processes of a tour: copies of this one, with the same arguments and a number.

use crate::{
    failure::Failure,
    options::{MEMBER, Member},
    share::Share,
};
use std::{
    env,
    io::{self, Read},
    process::{Child, Command, Stdio},
    time::Duration,
};
use tokio::time::{sleep, timeout};

/// How often somebody looks whether a process has ended.
const LOOK: Duration = Duration::from_millis(10);

/// The other processes. Dropped, they are gone: none outlives the first one's tour, however that ends.
#[derive(Default)]
pub(crate) struct Others(Vec<(usize, Child)>);

impl Others {
    /// The second to the last of so many processes; their keys begin with `prefix`.
    pub(crate) fn start(processes: usize, prefix: &str) -> Result<Self, Failure> {
        let mut others = Self::default();
        for number in 2..=processes {
            let member = Member { number, prefix: prefix.to_owned() };
            others.0.push((number, copy(&member).map_err(Failure::Process)?));
        }
        Ok(others)
    }

    /// What each counted; who is not done `within` this time is ended.
    pub(crate) async fn shares(mut self, within: Duration) -> Result<Vec<Share>, Failure> {
        let mut shares = Vec::new();
        let all = timeout(within, async {
            for (number, child) in &mut self.0 {
                shares.push(share(child).await.map_err(Failure::Process)?.ok_or(Failure::Member(*number))?);
            }
            Ok(())
        });
        all.await.unwrap_or(Err(Failure::Straggler))?;
        Ok(shares)
    }

    /// Leaves them so much time to end by themselves.
    pub(crate) async fn end(mut self, within: Duration) {
        let all = async {
            for (_, child) in &mut self.0 {
                let _ = share(child).await;
            }
        };
        let _ = timeout(within, all).await;
    }
}

impl Drop for Others {
    fn drop(&mut self) {
        for (_, child) in &mut self.0 {
            // one that has ended already only needs to be waited for
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Its standard error is ours, so that it can say for itself what goes wrong.
fn copy(member: &Member) -> io::Result<Child> {
    let mut command = Command::new(env::current_exe()?);
    command.args(env::args_os().skip(1)).arg(MEMBER).arg(member.word());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()
}

/// What a process counted, once it has ended; `None` if it failed.
async fn share(child: &mut Child) -> io::Result<Option<Share>> {
    let ended = loop {
        if let Some(ended) = child.try_wait()? {
            break ended;
        }
        sleep(LOOK).await;
    };
    let mut said = String::new();
    if let Some(mut stdout) = child.stdout.take() {
        // a few words, which a pipe holds until they are read
        stdout.read_to_string(&mut said)?;
    }
    Ok(Share::read(&said).filter(|_| ended.success()))
}
