//! The lines of `redis-cli` in the guide, run as they stand there.

use super::world::patient;
use cachify::{Arguments, KeyTemplate, secs};
use cachify_tests::server::{Engine, Server};
use std::{fs, path::Path, process::Command};

/// The commands of the guide's one block for a shell.
fn lines() -> Vec<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../std-backends/guide/redis.md");
    let page = fs::read_to_string(page).unwrap();
    let (_, block) = page.split_once("```sh\n").unwrap();
    block.split_once("```").unwrap().0.lines().map(str::to_owned).collect()
}

/// What a shell says to the line; only where the server is was added to it.
fn said(engine: Engine, server: &Server, line: &str) -> String {
    let client = if engine == Engine::Redis { "redis-cli" } else { "valkey-cli" };
    let authority = format!("{client} -u {}", server.url());
    let out = Command::new("sh").args(["-c", &line.replacen("redis-cli", &authority, 1)]).output().unwrap();
    assert!(out.status.success() && out.stderr.is_empty(), "{line}: {out:?}");
    String::from_utf8(out.stdout).unwrap().trim_end().to_owned()
}

#[test]
fn the_lines_of_the_guide_show_what_they_say() {
    for engine in Engine::ALL {
        let server = Server::start(engine);
        let c = patient(server.url()).prefix("app").build().unwrap();
        let user = c.cache(("user", 42)).ttl(secs(300));
        user.get_or_insert_with_blocking(|| Ok::<u8, ()>(1)).unwrap();
        let brace = KeyTemplate::parse("a{{b").unwrap().with(Arguments::default());
        let held = [c.lock(("item", 7)), c.lock(brace)].map(|lock| lock.acquire_blocking());
        let lines = lines();
        let said: Vec<_> = lines.iter().map(|line| said(engine, &server, line)).collect();
        assert!(lines.iter().all(|line| line.starts_with("redis-cli ")), "{lines:?}");
        let [scan, kept, holder, line, other, gone] = &said[..] else { panic!("{said:?}") };
        assert!(scan.lines().any(|key| key == "app:c:{user:42}"), "{scan}");
        assert!((200_000..=300_000).contains(&kept.parse().unwrap()), "{kept}");
        for (shown, held) in [holder, other].into_iter().zip(&held) {
            let token = held.as_ref().unwrap().token();
            assert_eq!(shown, &token.0.map(|word| format!("{word:08x}")).concat());
        }
        assert_eq!((&line[..], &gone[..], user.get_blocking::<u8>()), ("0", "1", Ok(None)));
    }
}
