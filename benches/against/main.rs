//! Two versions of the library in one program, in turns, with the older one twice: how much it differs from itself is
//! how much a difference means. `benches/compare.sh --against COMMIT` makes this program and runs it.
//!
//! Words: `memory`, `redis`. Ends with 1 if anything is slower than the older version by more than its limit, and than
//! that one is at times than itself.

use std::{
    env,
    net::{TcpListener, TcpStream},
    process::{Child, Command, ExitCode, Stdio},
    thread,
    time::{Duration, Instant},
};
use tokio::runtime::{Builder, Runtime};

mod old {
    use cachify_old as lib;
    include!("old.rs");
}

mod new {
    use cachify_new as lib;
    include!("new.rs");
}

/// How long one turn of one side takes, about, and how many there are.
const TURN: Duration = Duration::from_millis(12);
const ROUNDS: usize = 41;

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let runtime: &'static Runtime =
        Box::leak(Box::new(Builder::new_current_thread().enable_all().build().expect("a runtime")));
    let mut slower = 0;
    if words.iter().any(|word| word == "memory") {
        let sides = [old::memory(runtime), new::memory(runtime), old::memory(runtime)];
        slower += compare("memory", sides);
    }
    if words.iter().any(|word| word == "redis") {
        let server = Server::start();
        let url = format!("redis://127.0.0.1:{}", server.port);
        let sides = [old::redis(&url, runtime), new::redis(&url, runtime), old::redis(&url, runtime)];
        slower += compare("redis", sides);
    }
    println!("{slower} slower");
    ExitCode::from(u8::from(slower > 0))
}

/// By how much an operation may be slower than it was. What is fair hands over where the greedy went on.
fn limit(op: &str) -> f64 {
    match op {
        op if op.ends_with("of 5 ms") => 1.1,
        op if op.ends_with("of 1 ms") => 1.3,
        _ => 1.05,
    }
}

/// Every operation of all three sides in turns; how many are slower. What only one version measures is left out.
fn compare(store: &str, sides: [Vec<old::Op>; 3]) -> usize {
    let [old, mut new, control] = sides;
    let mut slower = 0;
    for (one, three) in old.into_iter().zip(control) {
        let Some(at) = new.iter().position(|op| op.0 == one.0) else { continue };
        let two = new.swap_remove(at);
        let mut ops = [one.1, two.1, three.1];
        let many = calibrated(&mut ops[0]);
        let mut times: [Vec<f64>; 3] = Default::default();
        for round in 0..ROUNDS {
            // forth and back, so that a machine that grows slower does so for all
            for at in [[0, 1, 2], [2, 1, 0]][round % 2] {
                times[at].push(turn(&mut ops[at], many));
            }
        }
        let ratios = |at: usize| sorted(times[at].iter().zip(&times[0]).map(|(side, old)| side / old).collect());
        let (ratio, control) = (ratios(1), ratios(2));
        let bound = quantile(&control, 0.9).max(limit(one.0));
        let is_slower = quantile(&ratio, 0.5) > bound;
        slower += usize::from(is_slower);
        let median = |at: usize| quantile(&sorted(times[at].clone()), 0.5);
        println!(
            "against {store:<6} {:<28} old={:>9.1} new={:>9.1} ns x{:.3} ({:.3}..{:.3}) control x{:.3} ({:.3}..{:.3}) {}",
            one.0,
            median(0),
            median(1),
            quantile(&ratio, 0.5),
            quantile(&ratio, 0.25),
            quantile(&ratio, 0.75),
            quantile(&control, 0.5),
            quantile(&control, 0.25),
            quantile(&control, 0.75),
            if is_slower { "SLOWER" } else { "ok" },
        );
    }
    slower
}

/// Nanoseconds of one operation, of so many.
fn turn(op: &mut dyn FnMut(u32), many: u32) -> f64 {
    let began = Instant::now();
    op(many);
    began.elapsed().as_secs_f64() * 1e9 / f64::from(many)
}

/// How often an operation is to be done for one turn.
fn calibrated(op: &mut dyn FnMut(u32)) -> u32 {
    let mut many = 1;
    // the quickest of three: a machine that stalls is no reason for short turns
    while many < 1 << 20 && (0..3).any(|_| turn(op, many) * f64::from(many) < TURN.as_nanos() as f64 / 2.0) {
        many *= 2;
    }
    many
}

fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    values
}

fn quantile(sorted: &[f64], part: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * part).round() as usize]
}

/// A server of this program's own.
struct Server {
    child: Child,
    port: u16,
}

impl Server {
    fn start() -> Self {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port");
        let port = free.port();
        let mut command = Command::new("redis-server");
        command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
        let child = command.stdout(Stdio::null()).spawn().expect("redis-server is here: run tests/servers.sh");
        let end = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(("127.0.0.1", port)).is_err() && Instant::now() < end {
            thread::sleep(Duration::from_millis(10));
        }
        Self { child, port }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
