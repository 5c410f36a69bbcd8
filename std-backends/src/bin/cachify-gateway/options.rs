//! What was asked for on the command line, and what can go wrong before a device is served.

use std::{env, ffi::OsString, fmt, fs, io, path::PathBuf};

pub(crate) const HELP: &str = "\
Usage: cachify-gateway --config FILE [--check]
       cachify-gateway --insecure --listen LINE [--listen LINE ..] (--redis URL | --memory) [--prefix PREFIX]
                       [--baud RATE] [--devices NUMBER] [--silence SECONDS] [--id TEXT] [--status HOST:PORT]

Serves devices that speak cachify's link. FILE says what follows by the same names, and which devices there are, with a
key for each and what it may do; it is read again on SIGHUP, and --check only reads it. Without a file nobody has a key:
--insecure serves everybody who reaches a line. LINE is one of
  tcp:HOST:PORT    each connection is a device
  unix:PATH        the same, on a socket
  serial:DEVICE    a serial line, opened again when it breaks
With --redis they share the locks, runs, pools and values of everything that uses the same server and prefix; with
--memory only among themselves. PREFIX is `cachify` unless said, RATE 115200.

At most NUMBER devices are served at a time on tcp: and unix: lines (256); when all places are taken, one that has not
been heard for SECONDS (10) makes room for one that comes, and one that is to prove who it is has as long for that. TEXT tells this gateway from all others, so that two units
that were flashed alike hold nothing together; it is the machine's id unless said, and the same for gateways that take
each other's place. On HOST:PORT, which says as much to whoever reaches it, are /health (200 while the store answers, else
503, with the reason) and /metrics (for Prometheus). Ends with Ctrl-C.";

/// What to do.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) listen: Vec<Line>,
    pub(crate) backend: Backend,
    pub(crate) prefix: String,
    pub(crate) baud: u32,
    pub(crate) devices: usize,
    /// In seconds.
    pub(crate) silence: u32,
    pub(crate) id: String,
    /// Where people and machines look.
    pub(crate) status: Option<String>,
    /// Everybody is served.
    pub(crate) is_insecure: bool,
}

/// What was asked for.
#[derive(Debug)]
pub(crate) enum Asked {
    Help,
    /// Nobody has a key.
    Words(Options),
    /// All of it is in a file, which may only be read.
    File {
        path: PathBuf,
        is_check: bool,
    },
}

/// Where devices come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    Tcp(String),
    Unix(PathBuf),
    Serial(PathBuf),
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "tcp:{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Serial(path) => write!(f, "serial:{}", path.display()),
        }
    }
}

/// Where their rights live.
#[derive(Debug)]
pub(crate) enum Backend {
    Redis(String),
    Memory,
}

/// Why the gateway does not run.
#[derive(Debug)]
pub(crate) enum Failure {
    Usage(&'static str),
    Store(cachify::Error),
    Listen(Line, io::Error),
    Taken(PathBuf),
    Signal(io::Error),
    Config(PathBuf, String),
    /// A mistake of ours.
    Broken,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(what) => write!(f, "{what}; --help says more"),
            Self::Store(why) => write!(f, "the store cannot be used: {why}"),
            Self::Listen(line, why) => write!(f, "{line} cannot be opened: {why}"),
            Self::Taken(path) => write!(f, "somebody already listens on {}", path.display()),
            Self::Broken => f.write_str("a line ended in a way it never should; this is a bug"),
            Self::Config(path, why) => write!(f, "{}: {why}", path.display()),
            Self::Signal(why) => write!(f, "signals cannot be heard: {why}"),
        }
    }
}

impl Asked {
    /// What the command line says.
    pub(crate) fn read() -> Result<Self, Failure> {
        let words = env::args_os().skip(1).collect::<Vec<_>>();
        let is = |word: &OsString, one: &str| word.to_str() == Some(one);
        if words.iter().any(|word| is(word, "--help") || is(word, "-h")) {
            return Ok(Self::Help);
        }
        if !words.iter().any(|word| is(word, "--config")) {
            return Options::read(words).map(Self::Words);
        }
        match &*words {
            [config, path] if is(config, "--config") => Ok(Self::File { path: path.into(), is_check: false }),
            [config, path, check] | [check, config, path] if is(config, "--config") && is(check, "--check") => {
                Ok(Self::File { path: path.into(), is_check: true })
            }
            _ => Err(Failure::Usage("with `--config FILE` everything else is said in the file")),
        }
    }
}

impl Options {
    fn read(words: Vec<OsString>) -> Result<Self, Failure> {
        let (mut listen, mut backend, mut prefix, mut baud) = (Vec::new(), None, String::from("cachify"), 115_200);
        let (mut devices, mut silence, mut id, mut status) = (256, 10, None, None);
        let (mut said, mut is_insecure) = (words.into_iter(), false);
        while let Some(word) = said.next() {
            let mut value = |what| text(said.next()).ok_or(Failure::Usage(what));
            match word.to_str() {
                Some("--insecure") => is_insecure = true,
                Some("--listen") => {
                    let line = Line::read(&value("`--listen` needs a line")?);
                    listen
                        .push(line.ok_or(Failure::Usage("a line is `tcp:HOST:PORT`, `unix:PATH` or `serial:DEVICE`"))?);
                }
                Some("--redis") if backend.is_none() => backend = Some(Backend::Redis(value("`--redis` needs a URL")?)),
                Some("--memory") if backend.is_none() => backend = Some(Backend::Memory),
                Some("--redis" | "--memory") => return Err(Failure::Usage("say `--redis` or `--memory` once")),
                Some("--prefix") => prefix = value("`--prefix` needs a prefix")?,
                Some("--devices") => {
                    devices = number(&value("`--devices` needs a number")?, "`--devices` needs a number")?;
                }
                Some("--silence") => {
                    silence = number(&value("`--silence` needs seconds")?, "`--silence` needs a number of seconds")?;
                }
                Some("--id") => id = Some(value("`--id` needs a text")?),
                Some("--status") => status = Some(value("`--status` needs HOST:PORT")?),
                Some("--baud") => {
                    let rate = value("`--baud` needs a rate")?.parse().ok().filter(|rate| *rate > 0);
                    baud = rate.ok_or(Failure::Usage("`--baud` needs a rate in bits per second"))?;
                }
                _ => return Err(Failure::Usage("there is no such option")),
            }
        }
        let backend = backend.ok_or(Failure::Usage("say `--redis URL` or `--memory`"))?;
        if listen.is_empty() {
            return Err(Failure::Usage("say where devices come from: `--listen LINE`"));
        }
        let id = id.unwrap_or_else(machine);
        if !is_insecure {
            return Err(Failure::Usage(
                "no device has a key: give each one with `--config FILE`, or serve everybody who reaches a line with `--insecure`",
            ));
        }
        Ok(Self { listen, backend, prefix, baud, devices, silence, id, status, is_insecure })
    }
}

/// A number of at least one.
fn number<T: TryFrom<u32>>(word: &str, sentence: &'static str) -> Result<T, Failure> {
    let number = word.parse::<u32>().ok().filter(|number| *number > 0);
    number.and_then(|number| T::try_from(number).ok()).ok_or(Failure::Usage(sentence))
}

/// What tells this machine from all others; its name, where it has no number.
pub(crate) fn machine() -> String {
    let read = |path| fs::read_to_string(path).ok().filter(|text| !text.trim().is_empty());
    read("/etc/machine-id").or_else(|| read("/etc/hostname")).unwrap_or_default().trim().to_owned()
}

fn text(word: Option<OsString>) -> Option<String> {
    word?.into_string().ok()
}

impl Line {
    pub(crate) fn read(word: &str) -> Option<Self> {
        match word.split_once(':') {
            Some(("tcp", address)) if address.contains(':') => Some(Self::Tcp(address.to_owned())),
            Some(("unix", path)) if !path.is_empty() => Some(Self::Unix(path.into())),
            Some(("serial", device)) if !device.is_empty() => Some(Self::Serial(device.into())),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_or_refused() {
        assert_eq!(Line::read("tcp:[::1]:7000"), Some(Line::Tcp("[::1]:7000".into())));
        assert_eq!(Line::read("unix:/run/x"), Some(Line::Unix("/run/x".into())));
        assert_eq!(Line::read("serial:/dev/ttyS0"), Some(Line::Serial("/dev/ttyS0".into())));
        for wrong in ["", "tcp:", "tcp:localhost", "unix:", "serial:", "udp:localhost:1", "/dev/ttyS0"] {
            assert_eq!(Line::read(wrong), None, "{wrong}");
        }
    }
}
