//! What the instances of two processes on one store promise each other, one message per MUST.
//!
//! The second process is a program of the user's that calls [`peer`]; it is asked by lines of text and answers each by
//! one.

use super::{Broken, Pace, SILENT, Time, must};
use crate::{BlockingLockGuard, BlockingPermit, Cachify, Ran, Refused, clock::StdClock};
use cachify_core::{
    Holding,
    time::{Clock, Sleep},
};
use std::{
    env,
    future::pending,
    io::{self, BufRead, BufReader, Write},
    pin::pin,
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

/// How long callers wait for their turn, and longer, the second process to answer.
const PATIENCE: Duration = Duration::from_secs(30);
const ANSWERED: Duration = Duration::from_secs(45);
/// Longer than a waiter sleeps whom nobody wakes.
const POLL: Duration = Duration::from_millis(300);
/// How many TTLs of the suite the turn of one who died may last: 4 s and more.
const TURNS: u32 = 10;
/// For how long a lease is taken where none is to end; what is left of a suite that broke off ends then.
const LONG: Duration = Duration::from_secs(60);
/// By which the second process knows that it is one.
const ASKED: &str = "CACHIFY_PEER";
/// How many TTLs of the suite the lease of a process has that dies.
const LATE: u32 = 5;
const KEY: &str = "shared";
/// What comes before an answer: a test's program writes other lines too.
const ANSWER: &str = "cachify-peer: ";

/// The second process of [`two_processes`]: does what the first one asks on standard input, until that ends.
///
/// Returns at once in a process that `two_processes` did not start. What the program writes besides is not heard, so it
/// may be a test of its own:
///
/// ```no_run
/// use cachify::{Cachify, testing};
/// use std::{env, process::Command};
///
/// fn shared() -> Cachify {
///     let builder = Cachify::builder().prefix("suite"); // with `.store(mine)`
///     builder.build().unwrap()
/// }
///
/// #[test]
/// #[ignore = "the second process of the other"]
/// fn second() {
///     testing::peer(&shared()).unwrap();
/// }
///
/// #[test]
/// fn my_store_is_shared_by_processes() {
///     let mut second = Command::new(env::current_exe().unwrap());
///     second.args(["--exact", "second", "--ignored"]); // with the modules it is in
///     testing::two_processes(&shared(), &mut second, &std::thread::sleep).unwrap();
/// }
/// ```
///
/// # Errors
/// Standard input or output failed.
pub fn peer(instance: &Cachify) -> io::Result<()> {
    if env::var_os(ASKED).is_none() {
        return Ok(());
    }
    say("ready")?;
    let mut held = Held::default();
    for line in io::stdin().lock().lines() {
        let line = line?;
        if line.starts_with("wait") {
            say("waiting")?;
        }
        say(&held.asked(instance, &line))?;
    }
    Ok(())
}

fn say(answer: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{ANSWER}{answer}")?;
    out.flush()
}

/// What the second process holds from one question to the next.
#[derive(Default)]
struct Held {
    lock: Option<BlockingLockGuard>,
    permit: Option<BlockingPermit>,
}

impl Held {
    fn asked(&mut self, c: &Cachify, question: &str) -> String {
        let (verb, number) = question.split_once(' ').unwrap_or((question, "0"));
        let number = number.parse().unwrap_or_default();
        self.done(c, verb, number).unwrap_or_else(|why| match why {
            why if why.is_contended() => "busy".into(),
            why => {
                eprintln!("{question}: {why}");
                "failed".into()
            }
        })
    }

    fn done(&mut self, c: &Cachify, verb: &str, number: u64) -> Result<String, Refused> {
        let lock = c.lock(KEY).ttl(Duration::from_millis(number.max(1)));
        let given_back = |holding| if holding == Ok(Holding::Held) { "held".into() } else { "lost".into() };
        Ok(match verb {
            "lock" | "wait" => {
                let lock = if verb == "wait" { lock.wait(PATIENCE) } else { lock };
                self.lock.insert(lock.acquire_blocking()?).fence().0.to_string()
            }
            "unlock" => self.lock.take().map_or("nothing".into(), |guard| given_back(guard.release())),
            "permit" => self.permit.insert(c.pool(KEY, 1).ttl(LONG).take_blocking()?).fence().0.to_string(),
            "return" => self.permit.take().map_or("nothing".into(), |permit| given_back(permit.release())),
            "run" => match c.once(KEY).keep(LONG).run_blocking(|_| ())? {
                Ran::Ran(()) => "ran".into(),
                Ran::Skipped(_) => "skipped".into(),
            },
            "value" => c.cache(KEY).ttl(LONG).get_or_insert_blocking(|| number).to_string(),
            "look" => c.cache(KEY).get_blocking::<u64>()?.map_or("none".into(), |value| value.to_string()),
            _ => "unknown".into(),
        })
    }
}

/// The second process, as the first one sees it. It ends with this.
struct Second {
    child: Child,
    input: ChildStdin,
    answers: Receiver<String>,
}

impl Second {
    fn start(command: &mut Command) -> Result<Self, Broken> {
        const NONE: Broken = Broken("have a second process, which calls `peer`");
        let mut child =
            command.env(ASKED, "yes").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(|_| NONE)?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else { return Err(NONE) };
        let (told, answers) = channel();
        thread::spawn(move || {
            let lines = BufReader::new(output).lines().map_while(Result::ok);
            let mut said = lines.filter_map(|line| Some(line.split_once(ANSWER)?.1.to_owned()));
            said.try_for_each(|answer| told.send(answer))
        });
        let second = Self { child, input, answers };
        if second.answers.recv_timeout(ANSWERED).is_ok() { Ok(second) } else { Err(NONE) }
    }

    fn say(&mut self, question: &str) -> Result<(), Broken> {
        writeln!(self.input, "{question}").map_err(|_| Broken("let the second process go on"))
    }

    fn answer(&self) -> Result<String, Broken> {
        self.answers.recv_timeout(ANSWERED).map_err(|_| Broken("answer the second process in time"))
    }

    fn ask(&mut self, question: &str) -> Result<String, Broken> {
        self.say(question)?;
        self.answer()
    }

    /// Begins to wait for the lock; the answer comes when it is granted.
    fn wait(&mut self) -> Result<(), Broken> {
        self.must(&format!("wait {}", LONG.as_millis()), "waiting", "answer the second process in time")?;
        let clock = StdClock::system();
        clock.wait(clock.now().saturating_add(POLL), pin!(pending::<()>()));
        Ok(())
    }

    /// Asks for what has a fence.
    fn fence(&mut self, question: &str, what: &'static str) -> Result<u64, Broken> {
        self.ask(question)?.parse().map_err(|_| Broken(what))
    }

    fn must(&mut self, question: &str, answer: &str, what: &'static str) -> Result<(), Broken> {
        if self.ask(question)? == answer { Ok(()) } else { Err(Broken(what)) }
    }
}

impl Drop for Second {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What two processes on one store promise each other. `second` is a program that calls [`peer`], with an instance on
/// the same store and of the same prefix, which nobody else uses.
///
/// It is killed and started again meanwhile, so it must be that process itself, not a shell or `cargo run`. Callers of
/// both wait, so their clocks are real ones; `time` is the store's.
///
/// # Errors
/// The first promise that is not kept.
pub fn two_processes(instance: &Cachify, second: &mut Command, time: &impl Time) -> Result<(), Broken> {
    let pace = Pace::of(time);
    clear(instance)?;
    let mut peer = Second::start(second)?;
    locks(instance, &mut peer)?;
    rest(instance, &mut peer)?;
    // one that dies while it waits, and one that dies while it holds
    let lock = instance.lock(KEY).ttl(LONG).wait(PATIENCE);
    let guard = granted(lock.acquire_blocking())?;
    peer.wait()?;
    drop(peer);
    guard.release().map_err(|_| SILENT)?;
    after_the_dead(instance, &pace)?;
    let mut peer = Second::start(second)?;
    // of some length, for on a real clock a busy machine is late
    let lease = pace.ttl() * LATE;
    peer.fence(&format!("lock {}", lease.as_millis()), "grant a free lease to a process that began later")?;
    drop(peer);
    let refused = instance.lock(KEY).acquire_blocking();
    must(matches!(refused, Err(Refused::Busy { .. })), "keep the lease of a process that died until its TTL")?;
    (0..LATE).for_each(|_| pace.pass());
    let after = instance.lock(KEY).acquire_blocking();
    let after = after.map_err(|_| Broken("end the lease of a process that died at its TTL"))?;
    after.release().map_err(|_| SILENT)?;
    clear(instance)
}

/// Grants what was released although somebody died who waited for it, and may have had a turn first.
fn after_the_dead(c: &Cachify, pace: &Pace<'_, impl Time>) -> Result<(), Broken> {
    for _ in 0..TURNS {
        if let Ok(guard) = c.lock(KEY).ttl(LONG).acquire_blocking() {
            return guard.release().map(drop).map_err(|_| SILENT);
        }
        pace.pass();
    }
    Err(Broken("grant what was released, soon after somebody died who waited for it"))
}

/// Nothing is left of this suite, or of one that broke off.
fn clear(c: &Cachify) -> Result<(), Broken> {
    c.lock(KEY).force_release_blocking().map_err(|_| SILENT)?;
    c.once(KEY).force_release_blocking().map_err(|_| SILENT)?;
    c.cache(KEY).reset_blocking().map_err(|_| SILENT)?;
    Ok(())
}

fn granted(got: Result<BlockingLockGuard, Refused>) -> Result<BlockingLockGuard, Broken> {
    got.map_err(|_| Broken("grant a lease that was released"))
}

/// One holder at a time, fences that grow, and a release that is seen.
fn locks(c: &Cachify, peer: &mut Second) -> Result<(), Broken> {
    let lock = c.lock(KEY).ttl(LONG).wait(PATIENCE);
    let first = granted(lock.acquire_blocking())?;
    let long = LONG.as_millis();
    peer.must(&format!("lock {long}"), "busy", "refuse a second holder in another process")?;
    peer.wait()?;
    let fence = first.fence().0;
    first.release().map_err(|_| SILENT)?;
    let second: u64 = peer.answer()?.parse().map_err(|_| Broken("grant what was released to who waits elsewhere"))?;
    must(second > fence, "give a higher fence with every grant, in whatever process")?;
    let refused = c.lock(KEY).acquire_blocking();
    must(matches!(refused, Err(Refused::Busy { .. })), "refuse a second holder in another process")?;
    peer.must("unlock", "held", "release for the holder")?;
    let third = granted(lock.acquire_blocking())?;
    must(third.fence().0 > second, "give a higher fence with every grant, in whatever process")?;
    // by force, from elsewhere
    third.release().map_err(|_| SILENT)?;
    peer.fence(&format!("lock {long}"), "grant a released lease")?;
    must(c.lock(KEY).force_release_blocking() == Ok(true), "free by force what another process holds")?;
    peer.must("unlock", "lost", "answer `Lost` to a holder that was forced out from elsewhere")
}

/// Permits, markers and values are shared.
fn rest(c: &Cachify, peer: &mut Second) -> Result<(), Broken> {
    peer.fence("permit", "grant a free permit")?;
    let full = c.pool(KEY, 1).take_blocking();
    must(matches!(full, Err(Refused::Full { .. })), "count the permits of all processes")?;
    peer.must("return", "held", "give a permit back for its holder")?;
    must(c.pool(KEY, 1).take_blocking().is_ok(), "grant the permit that another process gave back")?;
    peer.must("run", "ran", "let the first one run")?;
    let again = c.once(KEY).keep(LONG).run_blocking(|_| ());
    must(matches!(again, Ok(Ran::Skipped(_))), "skip a run that another process did")?;
    peer.must("value 1", "1", "keep a value")?;
    must(c.cache(KEY).get_or_insert_blocking(|| 2_u64) == 1, "give the value of another process")?;
    must(c.cache(KEY).reset_blocking() == Ok(true), "forget the value of another process")?;
    peer.must("look", "none", "forget a value for all processes")?;
    peer.must("value 3", "3", "compute again what was forgotten")
}
