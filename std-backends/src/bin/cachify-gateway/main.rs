//! The gateway of a site: devices on its lines share the locks, runs, pools and caches of the fleet.
//!
//! `options.rs` reads the command line, `listen.rs` waits for devices, `seats.rs` has room for so many, `doorway.rs` refuses one that
//! is there already, `device.rs` serves one.

mod device;
mod doorway;
mod listen;
mod options;
mod seats;

use cachify::{Cachify, secs};
use device::{Devices, say};
use options::{Backend, Failure, Options};
use std::{process::ExitCode, sync::Arc};
use tokio::{
    signal::unix::{SignalKind, signal},
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
    let Some(options) = Options::asked()? else {
        say(format_args!("{}", options::HELP));
        return Ok(());
    };
    let instance = instance(&options)?;
    instance.ping().await.map_err(Failure::Store)?;
    let devices = Arc::new(Devices::new(instance.raw(), &options));
    // before it says that it listens: whoever reads that may end it
    let heard = |kind| signal(kind).map_err(Failure::Signal);
    let (mut interrupted, mut ended) = (heard(SignalKind::interrupt())?, heard(SignalKind::terminate())?);
    let mut lines = JoinSet::new();
    for line in options.listen {
        lines.spawn(listen::on(line, options.baud, devices.clone()));
    }
    let failed = tokio::select! {
        Some(line) = lines.join_next() => Some(line),
        _ = interrupted.recv() => None,
        _ = ended.recv() => None,
    };
    // futures of devices are dropped: what they asked for is done or not done, and they ask again
    lines.shutdown().await;
    instance.shutdown(secs(5)).await;
    say(format_args!("gateway: ended, {} served", devices.count()));
    match failed {
        Some(Ok(Err(failure))) => Err(failure),
        Some(Ok(Ok(never))) => match never {},
        Some(Err(_)) => Err(Failure::Broken),
        None => Ok(()),
    }
}

fn instance(options: &Options) -> Result<Cachify, Failure> {
    let builder = Cachify::builder().prefix(&options.prefix);
    let builder = match &options.backend {
        Backend::Redis(url) => builder.redis(url),
        Backend::Memory => builder,
    };
    builder.build().map_err(Failure::Store)
}
