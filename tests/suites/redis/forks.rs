//! Children of a process that built an instance: each has tokens, connections, waiters and threads of its own.

use super::world::everywhere;
use cachify_tests::{program::Program, server::Server};
use std::{collections::BTreeSet, process::Command};

#[test]
fn children_of_a_fork_share_a_server_like_strangers() {
    everywhere(|server| as_strangers(&server, &[]));
}

#[test]
fn they_do_not_write_to_the_connections_of_their_parent_s_program() {
    everywhere(|server| as_strangers(&server, &["lent"]));
}

fn as_strangers(server: &Server, how: &[&str]) {
    {
        let mut command = Command::new(env!("CARGO_BIN_EXE_forks"));
        let mut parent = Program::start("forks", command.args([server.url(), server.port().to_string()]).args(how));
        assert_eq!(parent.end(), Some(0));
        let lines = parent.lines();
        let saying = |word: &str| -> Vec<Vec<String>> {
            let words = lines.iter().map(|line| line.split(' ').map(str::to_owned).collect::<Vec<_>>());
            words.filter(|words| words[0] == word).map(|words| words[1..].to_vec()).collect()
        };
        let grants = saying("grant");
        assert_eq!(grants.len(), 64, "four children, eight grants on each face");
        let distinct = |at: usize| grants.iter().map(|grant| grant[at].clone()).collect::<BTreeSet<_>>().len();
        assert_eq!((distinct(0), distinct(1)), (64, 64), "fences and tokens: {grants:#?}");
        assert!(grants.iter().all(|grant| grant[2] == "0"), "alone inside: {grants:#?}");
        assert_eq!(saying("renewed"), vec![["true"]; 4], "a child renews by a thread of its own");
        assert_eq!(saying("at"), [["once", "20"]], "however soon after the fork");
        assert_eq!(saying("memory"), vec![["true"]; 4], "renewed and timed by a child's own threads");
        assert_eq!(saying("own"), vec![["true"]; 4], "given back by a child's own thread");
        assert_eq!(saying("ended"), vec![["true"]; 4]);
        assert_eq!(saying("kept"), [["true", "true"]], "what the parent holds is not a child's to give back");
        assert_eq!(saying("served"), [["true"]], "no child takes the parent's turn");
    }
}
