//! Programs of the project, built, and read line by line as they say what they do: the gateway, firmware under QEMU.
#![allow(clippy::missing_panics_doc, reason = "a harness that cannot go on ends the test")]
#![allow(clippy::disallowed_methods, reason = "real programs live in real time")]

use std::{
    env,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running program; it is killed when dropped.
#[derive(Debug)]
pub struct Program {
    child: Child,
    said: Arc<Said>,
    name: &'static str,
}

#[derive(Debug, Default)]
struct Said {
    lines: Mutex<(Vec<String>, bool)>,
    more: Condvar,
}

impl Said {
    fn lines(&self) -> MutexGuard<'_, (Vec<String>, bool)> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Program {
    /// Starts it; what it writes to standard output is kept, its errors are the test's.
    #[must_use]
    pub fn start(name: &'static str, command: &mut Command) -> Self {
        let spawned = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let mut child = spawned.unwrap_or_else(|why| panic!("{name} cannot be started: {why}"));
        let said = Arc::<Said>::default();
        let output = child.stdout.take().expect("it is piped");
        thread::spawn({
            let said = said.clone();
            move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    println!("{name}: {line}");
                    said.lines().0.push(line);
                    said.more.notify_all();
                }
                said.lines().1 = true;
                said.more.notify_all();
            }
        });
        Self { child, said, name }
    }

    /// What it has said so far.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.said.lines().0.clone()
    }

    /// Waits for a line of which `is` is true, and returns it.
    pub fn says(&self, is: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + PATIENCE;
        let mut lines = self.said.lines();
        loop {
            if let Some(line) = lines.0.iter().find(|line| is(line)) {
                return line.clone();
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!lines.1 && !left.is_zero(), "{} never said it, but: {:#?}", self.name, lines.0);
            lines = self.said.more.wait_timeout(lines, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits until it ends by itself; its exit code.
    pub fn end(&mut self) -> Option<i32> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                // what it said last is on its way
                while !self.said.lines().1 {
                    thread::sleep(Duration::from_millis(2));
                }
                return status.code();
            }
            thread::sleep(Duration::from_millis(5));
        }
        panic!("{} does not end: {:#?}", self.name, self.lines());
    }

    /// Asks it to end, as Ctrl-C does.
    pub fn interrupt(&self) {
        self.signal("INT");
    }

    /// Asks it to end, as a supervisor does.
    pub fn terminate(&self) {
        self.signal("TERM");
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to read its file again.
    pub fn hang_up(&self) {
        self.signal("HUP");
    }

    fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().expect("there is a shell").success());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests lie in the project")
}

/// Builds one program of the project, a binary or an example, and returns where it lies.
#[must_use]
pub fn built(program: &[&str]) -> PathBuf {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // what tells a test of its own package would make ring's build script run again, and once more for the next tests
    for name in env::vars_os().filter_map(|(name, _)| name.into_string().ok()) {
        if name == "OUT_DIR" || name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(name);
        }
    }
    // of the whole workspace, whose tests ask for the same features: nothing is compiled twice
    cargo.args(["build", "--quiet", "--workspace", "--message-format=json"]).args(program);
    let built = cargo.current_dir(root()).stderr(Stdio::inherit()).output().expect("there is cargo");
    assert!(built.status.success(), "{program:?} does not build");
    let messages = String::from_utf8_lossy(&built.stdout).into_owned();
    let path = messages.split(r#""executable":""#).nth(1).and_then(|rest| rest.split('"').next());
    path.expect("cargo names the executable").into()
}

/// The gateway's binary, built when first asked for.
static GATEWAY: LazyLock<PathBuf> =
    LazyLock::new(|| built(&["--features", "cachify/gateway", "--bin", "cachify-gateway"]));

/// Where the gateway's binary lies.
#[must_use]
pub fn gateway_path() -> &'static Path {
    &GATEWAY
}

/// Starts the gateway with these words.
#[must_use]
pub fn gateway(words: &[&str]) -> Program {
    Program::start("gateway", Command::new(&*GATEWAY).args(words))
}

/// Starts a gateway that serves everybody, with these words.
#[must_use]
pub fn insecure_gateway(words: &[&str]) -> Program {
    gateway(&[&["--insecure"], words].concat())
}

/// The port of the TCP line on which a gateway said that it listens.
#[must_use]
pub fn port_of(gateway: &Program) -> u16 {
    let said = gateway.says(|line| line.starts_with("gateway: listening on tcp:"));
    said.rsplit(':').next().and_then(|port| port.parse().ok()).expect("the line ends with a port")
}

/// Builds firmware with a gateway at its UART.
fn building(binary: &str, identity: Option<&str>) -> Command {
    let script = root().join("embedded-example/image.sh");
    let mut build = Command::new("bash");
    build.arg(script).args(["thumbv7em-none-eabihf", binary, "--features", "link"]);
    // it is a workspace of its own
    build.env_remove("CARGO_TARGET_DIR").env_remove("RUSTFLAGS").env_remove("DEVICE_IDENTITY");
    build.envs(identity.map(|identity| ("DEVICE_IDENTITY", identity)));
    build
}

/// What is said when that firmware is built with an identity that is none.
#[must_use]
pub fn device_without(identity: Option<&str>) -> String {
    let built = building("device", identity).output().expect("there is bash");
    assert!(!built.status.success(), "the firmware builds");
    String::from_utf8_lossy(&built.stderr).into_owned()
}

fn image(building: &mut Command) -> PathBuf {
    let built = building.stderr(Stdio::inherit()).output().expect("there is bash");
    assert!(built.status.success(), "the firmware does not build");
    String::from_utf8_lossy(&built.stdout).trim().into()
}

/// The firmware, built when first asked for.
static IMAGE: LazyLock<PathBuf> = LazyLock::new(|| image(&mut building("device", Some("cac41f1000000001"))));

/// That of another unit, in a folder of its own: tests run side by side, and both images are `device`.
static SECOND: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = root().join("embedded-example/target/second");
    image(building("device", Some("cac41f1000000002")).env("CARGO_TARGET_DIR", folder))
});

/// Starts the device under QEMU with its UART on a TCP port; what it keeps across resets lies in `directory`.
///
/// Time there is the host's, since it talks to it.
#[must_use]
pub fn device(port: u16, directory: &Path) -> Program {
    emulated("device", &IMAGE, port, directory)
}

/// The node of the example, the same way; `None` leaves its line without a gateway.
#[must_use]
pub fn node(port: Option<u16>, directory: &Path) -> Program {
    static NODE: LazyLock<PathBuf> = LazyLock::new(|| image(&mut building("node", Some("cac41f1000000003"))));
    // nobody listens on the first port
    emulated("node", &NODE, port.unwrap_or(1), directory)
}

/// The same source, built for another unit.
#[must_use]
pub fn second_device(port: u16, directory: &Path) -> Program {
    emulated("second", &SECOND, port, directory)
}

fn emulated(name: &'static str, image: &Path, port: u16, directory: &Path) -> Program {
    let line = format!("socket,id=line,host=127.0.0.1,port={port},reconnect=1");
    let mut qemu = Command::new("qemu-system-arm");
    qemu.args(["-M", "mps2-an386", "-display", "none", "-monitor", "none", "-serial", "null", "-chardev", &line]);
    qemu.args(["-serial", "chardev:line", "-semihosting-config", "enable=on,target=native", "-kernel"]);
    Program::start(name, qemu.arg(image).current_dir(directory))
}
