//! What is said of a server that cannot be used: the same to tasks and to threads.

use super::world::{patient, run};
use cachify::{Builder, Cause, Error, secs};
use cachify_tests::{
    resp::Client,
    server::{Engine, Options, Server},
};
use std::{
    io::{Read, Write},
    net::TcpListener,
    thread,
};

/// What both faces say, to the first caller of an instance and to the next.
#[track_caller]
fn says(url: &str, what: &str) -> Vec<Cause> {
    built_so_says(|| patient(url), what)
}

#[track_caller]
fn built_so_says(builder: impl Fn() -> Builder, what: &str) -> Vec<Cause> {
    let build = || builder().op_timeout(secs(5)).build().unwrap();
    let (threads, tasks) = (build(), build());
    let mut causes = Vec::new();
    for _ in 0..2 {
        let told = [threads.ping_blocking().unwrap_err(), run(async { tasks.ping().await.unwrap_err() })];
        for (face, why) in ["threads", "tasks"].iter().zip(told) {
            assert!(why.to_string().contains(what), "{face}: {why:?}");
            let Error::Store(cause) = why else { panic!("{why:?}") };
            causes.push(cause);
        }
    }
    causes
}

fn will_not_pass(causes: &[Cause]) -> bool {
    causes.iter().all(|cause| matches!(cause, Cause::Rejected { .. }))
}

fn as_tls(url: &str) -> String {
    url.replace("redis://", "rediss://")
}

fn as_plain(url: &str) -> String {
    url.replace("rediss://", "redis://")
}

#[test]
fn a_server_that_is_full_of_clients_is_called_so_and_that_may_pass() {
    for engine in Engine::ALL {
        for password in [None, Some("sesame")] {
            let server = Server::of(engine).option("maxclients", 1);
            let server = password.into_iter().fold(server, Options::password).start();
            let only = Client::to(server.port()).unwrap();
            let causes = says(&server.url(), "as many clients as it takes");
            assert!(causes.iter().all(|cause| cause.may_pass()), "{causes:?}");
            let waits = thread::spawn({
                let c = patient(server.url()).build().unwrap();
                move || c.lock("k").wait(secs(30)).run_blocking(|_| 1)
            });
            thread::sleep(secs(1));
            assert!(!waits.is_finished(), "it was granted, or refused, while the server was full");
            drop(only);
            assert_eq!(waits.join().unwrap(), Ok(1), "a place is free");
        }
    }
}

#[test]
fn tls_at_a_plain_port_is_called_so() {
    for engine in Engine::ALL {
        for password in [None, Some("sesame")] {
            let server = password.into_iter().fold(Server::of(engine), Options::password).start();
            assert!(will_not_pass(&says(&as_tls(&server.url()), "speaks no TLS")));
        }
    }
}

#[test]
fn plain_words_at_a_port_of_tls_are_called_so() {
    for engine in Engine::ALL {
        for password in [None, Some("sesame")] {
            let server = Server::of(engine).tls();
            let server = password.into_iter().fold(server, Options::password).start();
            assert!(will_not_pass(&says(&as_plain(&server.url()), "speaks TLS")));
        }
    }
}

#[test]
fn a_certificate_is_spoken_of_as_what_it_is() {
    let server = Server::of(Engine::Redis).tls().start();
    assert!(will_not_pass(&says(&server.url(), "the server's certificate is not trusted")));
}

#[test]
fn a_server_that_wants_a_certificate_is_called_so() {
    for engine in Engine::ALL {
        let server = Server::of(engine).tls().start();
        server.command(&["CONFIG", "SET", "tls-auth-clients", "yes"]);
        let root = std::fs::read(server.authority()).unwrap();
        let client = || {
            let certificates = redis::TlsCertificates { client_tls: None, root_cert: Some(root.clone()) };
            redis::Client::build_with_tls(server.url(), certificates).unwrap()
        };
        let causes =
            built_so_says(|| patient(server.url()).redis_client(client()), "wants a certificate of its client");
        assert!(will_not_pass(&causes));
    }
}

#[test]
fn a_password_is_spoken_of_as_what_it_is() {
    for engine in Engine::ALL {
        let server = Server::of(engine).password("sesame").user("app on >pw ~* &* +@all").start();
        let at = |user: &str| server.url().replace(":sesame@", user);
        for user in ["", ":rhubarb@", "app:sesame@", "nobody:sesame@"] {
            assert!(will_not_pass(&says(&at(user), "user name or password")));
        }
    }
}

/// What says one thing to whoever comes, after it was asked or before.
fn parrot(word: &'static str, asked: bool) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    // ends with the test's process
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || {
                if asked {
                    let _ = stream.read(&mut [0; 512]);
                }
                stream.write_all(word.as_bytes())
            });
        }
    });
    port
}

#[test]
fn what_is_no_redis_server_is_called_so() {
    let words =
        [("HTTP/1.1 400 Bad Request\r\n\r\n", true), ("SSH-2.0-OpenSSH_9.6\r\n", false), ("220 mail\r\n", false)];
    for (word, asked) in words {
        for scheme in ["redis", "rediss"] {
            let causes = says(&format!("{scheme}://127.0.0.1:{}", parrot(word, asked)), "no Redis server");
            assert!(will_not_pass(&causes));
        }
    }
}

#[test]
fn a_server_in_protected_mode_is_called_so() {
    let word = "-DENIED Redis is running in protected mode because protected mode is enabled\r\n";
    for password in ["", ":sesame@"] {
        let url = format!("redis://{password}127.0.0.1:{}", parrot(word, false));
        assert!(will_not_pass(&says(&url, "protected mode")));
    }
}

#[test]
fn who_is_gone_without_a_word_is_not_reached() {
    let causes = says(&format!("redis://127.0.0.1:{}", parrot("", true)), "cannot be reached");
    assert!(causes.iter().all(|cause| *cause == Cause::Unreachable));
}
