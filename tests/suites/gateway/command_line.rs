//! What the gateway says when it cannot do what it was asked.

use cachify_tests::program::{Program, gateway, insecure_gateway, port_of};

/// It ends by itself with a failure.
fn refuses(words: &[&str]) {
    assert_eq!(insecure_gateway(words).end(), Some(1), "{words:?}");
}

#[test]
fn what_cannot_be_done_is_one_sentence_and_a_failure() {
    refuses(&[]);
    refuses(&["--memory"]);
    refuses(&["--listen", "tcp:127.0.0.1:0"]);
    refuses(&["--listen", "carrier-pigeon:", "--memory"]);
    refuses(&["--listen", "tcp:127.0.0.1:0", "--memory", "--redis", "redis://localhost"]);
    refuses(&["--listen", "tcp:127.0.0.1:0", "--redis", "redis://127.0.0.1:1"]);
    refuses(&["--listen", "tcp:127.0.0.1:0", "--redis", "no url"]);
    refuses(&["--listen", "serial:/dev/no-such-line", "--memory"]);
    refuses(&["--listen", "unix:/no/such/folder", "--memory"]);
    refuses(&["--listen", "tcp:127.0.0.1:0", "--memory", "--baud", "fast"]);
    refuses(&["--listen", "tcp:127.0.0.1:0", "--memory", "--devices", "0"]);
    refuses(&["--listen", "tcp:127.0.0.1:0", "--memory", "--silence", "-1"]);
    refuses(&["--listen", "tcp:127.0.0.1:0", "--memory", "--id"]);
}

#[test]
fn help_is_no_failure() {
    let mut help = gateway(&["--help"]);
    assert_eq!(help.end(), Some(0));
    assert!(help.lines()[0].starts_with("Usage: cachify-gateway --config FILE"));
    for wrong in [&["--config"][..], &["--config", "a", "--memory"], &["--check"]] {
        assert_eq!(gateway(wrong).end(), Some(1), "{wrong:?}");
    }
}

#[test]
fn ctrl_c_and_a_supervisor_end_it_well() {
    for asked in [Program::interrupt, Program::terminate] {
        let mut gateway = insecure_gateway(&["--listen", "tcp:127.0.0.1:0", "--memory"]);
        let _ = port_of(&gateway);
        asked(&gateway);
        assert_eq!(gateway.end(), Some(0));
    }
}
