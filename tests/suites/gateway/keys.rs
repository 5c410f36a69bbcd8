//! A gateway that knows its devices: who proves who it is may do what the file says, and nobody else anything.

use crate::{
    firmware::Folder,
    lines::{run, tcp, works},
};
use cachify::{
    Cachify, Cause, Refused,
    cachify_core::{Instance, drive::beside, guard::BlockingLockGuard, store::lock::NoLock},
    clock::StdClock,
    secs,
};
use cachify_link::{
    RemoteStore, Session, Timing,
    frame::encode,
    keyed::{DeviceKey, Keyed},
};
use cachify_tests::{
    program::{Program, gateway, port_of},
    server::{Engine, Server},
};
use embedded_io_adapters::tokio_1::FromTokio;
use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf, process::Command};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
};

type Device = Instance<RemoteStore<NoLock, StdClock>>;

/// A file of a gateway, in a folder of its own.
struct File {
    path: PathBuf,
    _folder: Folder,
}

const HEAD: &str = "listen = [\"tcp:127.0.0.1:0\"]\nmemory = true\nprefix = \"t\"\nsilence = 2\n";

/// Device `n` with the key of `key` times `kk`.
fn device(n: u32, key: &str, more: &str) -> String {
    let keys: Vec<_> = key.chars().map(|digit| format!("{:?}", digit.to_string().repeat(32))).collect();
    format!("[[device]]\nid = \"{n:08x}-00000007\"\nname = \"unit {n}\"\nkeys = [{}]\n{more}\n", keys.join(", "))
}

const ALL: &str = r#"allow = ["lock:*", "once:*", "pool:*", "cached:*"]"#;

impl File {
    fn new(text: &str) -> Self {
        let folder = Folder::new();
        let file = Self { path: folder.0.join("gateway.toml"), _folder: folder };
        file.write(text);
        file
    }

    fn write(&self, text: &str) {
        fs::write(&self.path, text).unwrap();
        fs::set_permissions(&self.path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn words(&self) -> [&str; 2] {
        ["--config", self.path.to_str().unwrap()]
    }

    fn gateway(&self) -> Program {
        gateway(&self.words())
    }

    /// What the check of it says, and whether that is a failure.
    fn check(&self) -> (bool, String) {
        let out =
            Command::new(cachify_tests::program::gateway_path()).args(self.words()).arg("--check").output().unwrap();
        (out.status.success(), String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned())
    }
}

/// A device with a key does something over a line.
async fn on<T>(
    stream: impl AsyncRead + AsyncWrite,
    session: Session,
    key: char,
    does: impl AsyncFnOnce(&Device) -> T,
) -> Option<T> {
    let device = Instance::new(RemoteStore::<NoLock, _>::new(StdClock::system()));
    device.store().start_with(session, Timing { op_timeout: secs(10), ..Timing::DEFAULT });
    let key = DeviceKey::parse(&key.to_string().repeat(32)).unwrap();
    let keyed = Keyed::new(key, session, StdClock::system());
    let (reader, writer) = tokio::io::split(stream);
    let (mut reader, mut writer) = (FromTokio::new(reader), FromTokio::new(writer));
    let line = async {
        let (reader, writer) = keyed.open(&mut reader, &mut writer).await.ok()?;
        Some(device.store().pump(reader, writer).await)
    };
    // nested ones would be large
    Box::pin(beside(does(&device), line)).await.ok()
}

fn unit(n: u32, life: u32) -> Session {
    Session { id: life, device: [n, 7] }
}

async fn is_silent(mut stream: TcpStream) -> bool {
    matches!(tokio::time::timeout(secs(20), stream.read(&mut [0; 64])).await, Ok(Ok(0)))
}

#[test]
fn who_has_its_key_may_do_what_the_file_says() {
    let server = Server::start(Engine::Redis);
    let rights = r#"allow = ["lock:door:*", "cached:config:*"]"#;
    let top = HEAD.replace("memory = true", &format!("redis = \"{}\"", server.url()));
    let file = File::new(
        &[&*top, &device(1, "a", rights), &device(2, "b", ALL), &device(3, "c", &[ALL, "\nforce = true"].concat())]
            .concat(),
    );
    let gateway = file.gateway();
    let port = port_of(&gateway);
    let c = Cachify::builder().redis(server.url()).prefix("t").op_timeout(secs(10)).build().unwrap();
    let held = c.lock("door:9").ttl(secs(60)).acquire_blocking().unwrap();
    run(async {
        on(tcp(port).await, unit(1, 1), 'a', async |device| {
            let denied =
                |refused: Refused| matches!(refused, Refused::Unavailable { cause: Cause::Rejected { .. }, .. });
            device.lock("door:1").acquire().await.unwrap().release().await.unwrap();
            assert_eq!(
                device.cache("config:x").ttl(secs(60)).get_or_insert_with(async || Ok::<_, ()>(5_u32)).await,
                Ok(5)
            );
            assert!(denied(device.lock("gate").acquire().await.map(drop).unwrap_err()));
            assert!(denied(device.pool("door:1", 2).take().await.map(drop).unwrap_err()), "another kind");
            assert!(device.lock("door:9").force_release().await.is_err(), "what another one holds");
            assert!(device.lock("door:9").try_acquire().await.unwrap().is_none());
            // computed, and not stored
            let value = device.cache("other").ttl(secs(60)).get_or_insert_with(async || Ok::<_, ()>(6_u32)).await;
            assert_eq!(value, Ok(6));
        })
        .await
        .expect("it is let in");
        assert_eq!(c.cache("config:x").get::<u32>().await, Ok(Some(5)));
        assert_eq!(c.cache("other").get::<u32>().await, Ok(None));
        assert!(held.is_valid());
        on(tcp(port).await, unit(2, 1), 'b', async |device| works(device, "k").await).await.expect("it is let in");
        on(tcp(port).await, unit(3, 1), 'c', async |device| {
            assert_eq!(device.lock("door:9").force_release().await, Ok(true), "it may");
        })
        .await
        .expect("it is let in");
    });
    gateway.says(|line| line == "device 1: is unit 1");
    let said = gateway.says(|line| line.contains("is denied"));
    assert!(said.contains("unit 1 is denied lock:gate"), "{said}");
}

#[test]
fn who_proves_nothing_is_named_and_shown_out() {
    let file = File::new(&[HEAD, &device(1, "a", ALL)].concat());
    let gateway = file.gateway();
    let port = port_of(&gateway);
    run(async {
        // wrong, and of nobody
        for (session, key, why) in
            [(unit(1, 1), 'b', "another key than the one here"), (unit(9, 1), 'a', "there is no key of this device")]
        {
            let never = async |_: &Device| std::future::pending::<()>().await;
            assert!(on(tcp(port).await, session, key, never).await.is_none(), "its line is closed");
            gateway.says(|line| line.contains("is refused") && line.contains(why));
        }
        // without a key; silent; slow; and a giant frame
        let mut plain = tcp(port).await;
        let mut frame = [0; 64];
        let len = encode(&mut frame, |to| to.put(&[1, 1, 1, 2, 1, b'k', 6])).unwrap();
        plain.write_all(&frame[..len]).await.unwrap();
        let mut slow = tcp(port).await;
        slow.write_all(&[0, 35, 1]).await.unwrap();
        let mut giant = tcp(port).await;
        giant.write_all(&vec![0x55; 1 << 20]).await.unwrap();
        for stream in [plain, slow, giant, tcp(port).await] {
            assert!(is_silent(stream).await, "nothing is said to it, and its line is closed");
        }
        on(tcp(port).await, unit(1, 2), 'a', async |device| works(device, "k").await).await.expect("it is let in");
        // the same life once more
        assert!(
            on(tcp(port).await, unit(1, 1), 'a', async |_: &Device| std::future::pending::<()>().await).await.is_none()
        );
        gateway.says(|line| line.contains("unit 1 is refused") && line.contains("boot count went back"));
    });
}

#[test]
fn the_file_is_read_again_and_what_is_held_stays_held() {
    let file = File::new(&[HEAD, &device(1, "a", ALL)].concat());
    let gateway = file.gateway();
    let port = port_of(&gateway);
    run(async {
        on(tcp(port).await, unit(1, 1), 'a', async |one| {
            let held = one.lock("k").ttl(secs(60)).acquire().await.unwrap();
            // a second device, a second key for the first one
            file.write(&[HEAD, &device(1, "ab", ALL), &device(2, "c", ALL)].concat());
            gateway.hang_up();
            gateway.says(|line| line.ends_with("was read again: 2 devices"));
            on(tcp(port).await, unit(2, 1), 'c', async |two| {
                assert!(two.lock("k").try_acquire().await.unwrap().is_none(), "it is held still");
            })
            .await
            .expect("it is let in");
            // a mistake changes nothing
            file.write("listen = 7");
            gateway.hang_up();
            gateway.says(|line| line.ends_with("nothing is changed"));
            held.release().await.unwrap();
        })
        .await
        .expect("it is let in");
        for (life, key) in [(2, 'a'), (3, 'b')] {
            on(tcp(port).await, unit(1, life), key, async |device| works(device, "k").await).await.expect("both keys");
        }
        // withdrawn while it is here
        on(tcp(port).await, unit(1, 4), 'b', async |one| {
            works(one, "k").await;
            file.write(&[HEAD, &device(2, "c", ALL)].concat());
            gateway.hang_up();
            gateway.says(|line| line.ends_with("was read again: 1 devices"));
            assert!(one.lock("k").acquire().await.is_err(), "it is known no more");
        })
        .await
        .expect("it is let in");
    });
}

#[test]
fn a_namespace_is_not_left() {
    let server = Server::start(Engine::Redis);
    let top = HEAD.replace("memory = true", &format!("redis = \"{}\"", server.url()));
    let within = [ALL, "\nnamespace = \"site7\""].concat();
    let file = File::new(&[&*top, &device(1, "a", &within)].concat());
    let gateway = file.gateway();
    let port = port_of(&gateway);
    let outside = Cachify::builder().redis(server.url()).prefix("t").op_timeout(secs(10)).build().unwrap();
    let inside = Cachify::builder().redis(server.url()).prefix("t:site7").op_timeout(secs(10)).build().unwrap();
    let keys = ["k", ":k", "..:k", "../k", "l:%7Bk%7D", "%7D:k", "\u{0}k", "t:l:k"];
    let held: Vec<_> = keys.iter().map(|key| outside.lock(*key).ttl(secs(60)).acquire_blocking().unwrap()).collect();
    run(async {
        on(tcp(port).await, unit(1, 1), 'a', async |device| {
            for key in keys {
                let guard = device.lock(key).ttl(secs(60)).try_acquire().await.unwrap().expect("free in there");
                assert_eq!(inside.lock(key).is_locked().await, Ok(true), "{key:?}");
                guard.release().await.unwrap();
            }
        })
        .await
        .expect("it is let in");
    });
    assert!(held.iter().all(BlockingLockGuard::is_valid));
}

#[test]
fn a_file_that_is_wrong_is_one_sentence_and_a_failure() {
    let good = [HEAD, &device(1, "a", ALL)].concat();
    let well = File::new(&good).check();
    assert!(well.0 && well.1.contains("is well: 1 devices"), "{well:?}");
    for (text, why) in [
        (good.replace("prefix", "prefiks"), "prefiks"),
        (good.replace("memory = true", ""), "memory = true"),
        (good.replace("tcp:", "pigeon:"), "pigeon:127.0.0.1:0"),
        (HEAD.to_owned(), "insecure = true"),
        (["insecure = true\n", &good].concat(), "insecure = true"),
        (good.replace("00000001-00000007", "1-7"), "an id is two numbers"),
        (good.replace("aaaa", "xyzz"), "32 hexadecimal digits"),
        ([HEAD, &device(1, "abc", ALL)].concat(), "one key, or two"),
        ([HEAD, &device(1, "a", "allow = []")].concat(), "it may do nothing"),
        ([HEAD, &device(1, "a", r#"allow = ["door:*"]"#)].concat(), "`door:*` is no pattern"),
        ([HEAD, &device(1, "a", &[ALL, "\nnamespace = \"a:b\""].concat())].concat(), "a namespace is made of"),
        ([&*good, &device(1, "b", ALL)].concat(), "it is there twice"),
        (good.replace("silence = 2", "silence = 0"), "`silence` is at least 1"),
        (good.replace("silence = 2", "limits = { held = 0 }"), "`limits.held` is at least 1"),
    ] {
        let (is_well, said) = File::new(&text).check();
        assert!(!is_well && said.contains(why), "{why}: {said}");
        assert!(!said.contains("aaaaaaaa"), "no key in it: {said}");
    }
    let open = File::new(&good);
    fs::set_permissions(&open.path, fs::Permissions::from_mode(0o640)).unwrap();
    let (is_well, said) = open.check();
    assert!(!is_well && said.contains("chmod 600"), "{said}");
    let gone = File::new(&good);
    fs::remove_file(&gone.path).unwrap();
    let (is_well, said) = gone.check();
    assert!(!is_well && said.contains("cannot be read"), "{said}");
}

#[test]
fn without_keys_it_has_to_be_said_and_is_said() {
    let mut refused = gateway(&["--listen", "tcp:127.0.0.1:0", "--memory"]);
    assert_eq!(refused.end(), Some(1));
    let gateway = cachify_tests::program::insecure_gateway(&["--listen", "tcp:127.0.0.1:0", "--memory"]);
    gateway.says(|line| line.starts_with("gateway: insecure: "));
}
