//! Lines that are sockets and serial ones, several of them at once, and what becomes of them.

use super::lines::{memory, on, run, tcp, works};
use cachify::secs;
use cachify_tests::program::{Program, insecure_gateway, port_of};
use rustix::{
    io::ioctl_fionbio,
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
};
use std::{
    fs::{self, File},
    io::{Read, Write},
    os::unix::{fs::symlink, net::UnixStream as Blocking},
    path::PathBuf,
    process::id,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};
use tokio::net::UnixStream;

fn path(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("cachify-{name}-{}", id()))
}

#[test]
fn a_socket_is_replaced_when_it_is_dead_and_respected_when_it_lives() {
    let path = path("socket");
    let line = format!("unix:{}", path.display());
    let listens = |gateway: &Program| {
        gateway.says(|said| said == format!("gateway: listening on {line}"));
    };
    let first = memory(&line);
    listens(&first);
    assert_eq!(memory(&line).end(), Some(1), "somebody listens there");
    drop(first);
    assert!(path.exists(), "it was killed");
    let mut second = memory(&line);
    listens(&second);
    run(async { on(UnixStream::connect(&path).await.unwrap(), 1, async |device| works(device, "k").await).await });
    second.interrupt();
    assert_eq!(second.end(), Some(0));
    assert!(!path.exists(), "it was asked to end");
}

/// A serial line: the name of one end, and the other end as a socket. It breaks when that is closed.
fn serial() -> (String, Blocking) {
    // not for programs that are started meanwhile: they would keep it open
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let master = openpt(flags).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    ioctl_fionbio(&master, true).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
    let (near, far) = Blocking::pair().unwrap();
    let mut up = File::from(master);
    let (mut down, mut to, mut from) = (up.try_clone().unwrap(), far.try_clone().unwrap(), far);
    let carry = |from: &mut dyn Read, to: &mut dyn Write, broken: &AtomicBool| {
        let mut bytes = [0; 256];
        while !broken.load(SeqCst) {
            match from.read(&mut bytes) {
                Ok(length @ 1..) if to.write_all(&bytes[..length]).is_ok() => {}
                // nothing has come, or nobody has opened the other end yet
                Err(_) => thread::sleep(Duration::from_millis(5)),
                _ => broken.store(true, SeqCst),
            }
        }
    };
    let broken = Arc::new(AtomicBool::new(false));
    let too = broken.clone();
    thread::spawn(move || carry(&mut down, &mut to, &broken));
    thread::spawn(move || carry(&mut from, &mut up, &too));
    (name, near)
}

#[test]
fn a_serial_line_carries_a_device() {
    let (name, device) = serial();
    let gateway = insecure_gateway(&["--listen", &format!("serial:{name}"), "--memory", "--baud", "115200"]);
    gateway.says(|line| line.starts_with("device 1: came on serial:"));
    device.set_nonblocking(true).unwrap();
    // after a reset it is another one, on the same line
    for session in 1..=2 {
        run(async {
            let line = UnixStream::from_std(device.try_clone().unwrap()).unwrap();
            on(line, session, async |device| works(device, &format!("life {session}")).await).await;
        });
    }
}

#[test]
fn a_serial_line_that_breaks_is_opened_again() {
    let path = path("serial");
    let plugged = || {
        let (name, device) = serial();
        symlink(name, &path).unwrap();
        device.set_nonblocking(true).unwrap();
        device
    };
    let mut device = plugged();
    let gateway = insecure_gateway(&["--listen", &format!("serial:{}", path.display()), "--memory"]);
    for session in 1..=2 {
        gateway.says(|line| line.starts_with(&format!("device {session}: came on serial:")));
        run(async {
            on(UnixStream::from_std(device).unwrap(), session, async |device| works(device, "k").await).await;
        });
        fs::remove_file(&path).unwrap();
        device = plugged();
    }
    fs::remove_file(&path).unwrap();
}

#[test]
fn devices_of_several_lines_share_one_store() {
    let path = path("both");
    let mut words = vec!["--memory".to_owned()];
    for line in ["tcp:127.0.0.1:0".to_owned(), format!("unix:{}", path.display())] {
        words.extend(["--listen".to_owned(), line]);
    }
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let gateway = insecure_gateway(&words);
    let port = port_of(&gateway);
    gateway.says(|line| line.starts_with("gateway: listening on unix:"));
    run(async {
        let there = UnixStream::connect(&path).await.unwrap();
        let shared = on(tcp(port).await, 1, async |here| {
            on(there, 2, async |there| {
                let held = here.lock("k").acquire().await.unwrap();
                let refused = there.lock("k").acquire().await.map(drop).unwrap_err();
                assert!(refused.is_contended());
                held.release().await.unwrap();
                assert!(there.lock("k").acquire().await.unwrap().fence() > cachify::FencingToken(0));
                assert_eq!(here.cache("v").ttl(secs(9)).get_or_insert_with(async || Ok::<_, ()>(5_u8)).await, Ok(5));
                assert_eq!(there.cache("v").get::<u8>().await, Ok(Some(5)));
            })
            .await;
        });
        Box::pin(shared).await;
    });
}
