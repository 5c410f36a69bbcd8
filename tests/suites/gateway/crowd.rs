//! A thousand devices on one gateway: all of them are served, and what that takes is bounded.

use crate::lines::{all, run};
use cachify::{
    cachify_core::{Instance, drive::beside, store::lock::NoLock},
    clock::StdClock,
    secs,
};
use cachify_link::{
    RemoteStore, Session, Timing,
    keyed::{DeviceKey, Keyed},
};
use cachify_tests::{
    program::gateway,
    server::{Engine, Server},
};
use embedded_io_adapters::tokio_1::FromTokio;
use std::{fmt::Write, fs, future::Future, os::unix::fs::PermissionsExt, pin::Pin};

const DEVICES: u32 = 1_000;

/// Resident memory of a process, in KiB.
fn resident(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let figure = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    figure.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn a_thousand_devices_with_keys_are_served_side_by_side() {
    let (server, folder) = (Server::start(Engine::Redis), crate::firmware::Folder::new());
    let mut text = format!(
        "listen = [\"unix:{}\"]\nredis = {:?}\nprefix = \"t\"\ndevices = {DEVICES}\nsilence = 60\n",
        folder.0.join("line").display(),
        server.url()
    );
    for n in 0..DEVICES {
        let key = format!("{n:032x}");
        writeln!(text, "[[device]]\nid = \"{n:08x}-00000001\"\nkeys = [\"{key}\"]\nallow = [\"lock:*\"]").unwrap();
    }
    let file = folder.0.join("gateway.toml");
    fs::write(&file, text).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let gateway = gateway(&["--config", file.to_str().unwrap()]);
    gateway.says(|line| line.starts_with("gateway: listening on unix:"));
    let before = resident(gateway.pid());
    run(async {
        let devices: Vec<Pin<Box<dyn Future<Output = ()>>>> = (0..DEVICES)
            .map(|n| {
                let path = folder.0.join("line");
                Box::pin(async move {
                    let stream = tokio::net::UnixStream::connect(path).await.unwrap();
                    let device = Instance::new(RemoteStore::<NoLock, _>::new(StdClock::system()));
                    let session = Session { id: 1, device: [n, 1] };
                    device.store().start_with(session, Timing { op_timeout: secs(60), ..Timing::DEFAULT });
                    let keyed =
                        Keyed::new(DeviceKey::parse(&format!("{n:032x}")).unwrap(), session, StdClock::system());
                    let (reader, writer) = tokio::io::split(stream);
                    let (mut reader, mut writer) = (FromTokio::new(reader), FromTokio::new(writer));
                    let works = async {
                        for _ in 0..3 {
                            let own = device.lock(("own", n)).ttl(secs(60)).acquire().await.unwrap();
                            own.release().await.unwrap();
                        }
                    };
                    let line = async {
                        let (reader, writer) = keyed.open(&mut reader, &mut writer).await.unwrap();
                        device.store().pump(reader, writer).await
                    };
                    assert!(beside(works, line).await.is_ok(), "device {n} loses its line");
                }) as Pin<Box<dyn Future<Output = ()>>>
            })
            .collect();
        all(devices).await;
    });
    let taken = resident(gateway.pid()) - before;
    println!("{DEVICES} devices: {taken} KiB more");
    assert!(taken < 100 * 1_024, "{taken} KiB");
    gateway.interrupt();
    gateway.says(|line| line == format!("gateway: ended, {DEVICES} served"));
}
