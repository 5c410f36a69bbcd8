//! The gateway of a site: devices on its lines share the locks, runs, pools and caches of the fleet.
//!
//! `options.rs` reads the command line and `config.rs` a file, whose devices `registry.rs` knows. `listen.rs` waits for them,
//! `seats.rs` has room for so many, `device.rs` lets one in and serves it, and `doorway.rs` says what it may do. `status.rs` shows people
//! and machines how it is, and `counts.rs` counts that.

mod config;
mod counts;
mod device;
mod doorway;
mod listen;
mod options;
mod registry;
mod seats;
mod status;

use cachify::{Cachify, secs};
use device::{Devices, say};
use options::{Asked, Backend, Failure, Options};
use registry::Known;
use status::Status;
use std::{convert::Infallible, path::PathBuf, process::ExitCode, sync::Arc};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    task::JoinSet,
};

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("cachify-gateway: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Failure> {
    let (options, known, file) = match Asked::read()? {
        Asked::Help => {
            say(format_args!("{}", options::HELP));
            return Ok(());
        }
        Asked::Words(options) => (options, Known::default(), None),
        Asked::File { path, is_check } => {
            let (options, known) = config::read(&path)?;
            if is_check {
                say(format_args!("gateway: {} is well: {} devices", path.display(), known.devices.len()));
                return Ok(());
            }
            (options, known, Some(path))
        }
    };
    if options.is_insecure {
        say(format_args!("gateway: insecure: whoever reaches a line is served, and may do everything"));
    }
    raise_limit();
    let status = match &options.status {
        Some(address) => Some(Status::open(address).await?),
        None => None,
    };
    let instance = instance(&options)?;
    instance.ping().await.map_err(Failure::Store)?;
    let devices = Arc::new(Devices::new(instance.raw(), &options, known));
    // before it says that it listens: whoever reads that may end it
    let heard = |kind| signal(kind).map_err(Failure::Signal);
    let (mut interrupted, mut ended) = (heard(SignalKind::interrupt())?, heard(SignalKind::terminate())?);
    let hung_up = heard(SignalKind::hangup())?;
    let mut lines = JoinSet::new();
    if let Some(status) = status {
        say(format_args!("gateway: its status is on http://{}", status.address()));
        let instance = instance.clone();
        lines.spawn(async move { Ok(status.serve(instance).await) });
    }
    for line in options.listen {
        lines.spawn(listen::on(line, options.baud, devices.clone()));
    }
    let failed = tokio::select! {
        Some(line) = lines.join_next() => Some(line),
        _ = interrupted.recv() => None,
        _ = ended.recv() => None,
        never = read_again(hung_up, file, &devices) => match never {},
    };
    // futures of devices are dropped: what they asked for is done or not done, and they ask again
    lines.shutdown().await;
    instance.shutdown(secs(5)).await;
    say_good_bye(&devices);
    match failed {
        Some(Ok(Err(failure))) => Err(failure),
        Some(Ok(Ok(never))) => match never {},
        Some(Err(_)) => Err(Failure::Broken),
        None => Ok(()),
    }
}

fn say_good_bye(devices: &Devices) {
    match devices.registry().dropped() {
        0 => say(format_args!("gateway: ended, {} served", devices.count())),
        dropped => {
            say(format_args!("gateway: ended, {} served, {dropped} records of nobody dropped", devices.count()));
        }
    }
}

/// As many devices as the system allows: each is an open file, of which a process has 1,024 unless it asks for more.
#[cfg(target_os = "linux")]
fn raise_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // else there is room for fewer
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}

#[cfg(not(target_os = "linux"))]
const fn raise_limit() {}

/// Reads the file again whenever that is asked for: keys, rights and limits of devices count from then on.
async fn read_again(mut asked: Signal, file: Option<PathBuf>, devices: &Devices) -> Infallible {
    loop {
        let Some(path) = &file else { return std::future::pending().await };
        if asked.recv().await.is_none() {
            return std::future::pending().await;
        }
        match config::read(path) {
            Ok((options, _)) if options.is_insecure == devices.registry().is_secure() => {
                say(format_args!(
                    "gateway: {}: with and without keys is said at the start; nothing is changed",
                    path.display()
                ));
            }
            Ok((_, known)) => {
                say(format_args!("gateway: {} was read again: {} devices", path.display(), known.devices.len()));
                devices.registry().replace(known);
            }
            Err(failure) => say(format_args!("gateway: {failure}; nothing is changed")),
        }
    }
}

fn instance(options: &Options) -> Result<Cachify, Failure> {
    let builder = Cachify::builder().prefix(&options.prefix).metrics(options.status.is_some());
    let builder = match &options.backend {
        Backend::Redis(url) => builder.redis(url),
        Backend::Memory => builder,
    };
    builder.build().map_err(Failure::Store)
}
