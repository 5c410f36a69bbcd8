//! The node of the example: what is the fleet's it shares, and what is near it has without a line.

use crate::firmware::{Folder, Site};
use cachify::{Ran, secs};
use cachify_tests::program::node;

const NEAR: [&str; 6] = [
    "bus: 10 transfers",
    "bus: 10 transfers",
    "dma: 5 copies",
    "dma: 5 copies",
    "dma: 5 copies",
    "sensor: 50 readings",
];

/// What it said of that, however it was with the line.
fn near(lines: &[String]) -> Vec<&str> {
    let mut near: Vec<_> =
        lines.iter().filter(|line| !line.starts_with("upload")).map(|line| line.split(',').next().unwrap()).collect();
    near.sort_unstable();
    near
}

#[test]
fn a_node_does_what_nobody_did_and_takes_what_is_there() {
    let (site, flash) = (Site::new(), Folder::new());
    let c = site.server();
    assert!(matches!(c.once(("upload", 1)).keep(secs(3_600)).run_blocking(|_| Some(())), Ok(Ran::Ran(_))));
    c.cache(("temperature", 1)).ttl(secs(60)).insert_blocking(19_500_u32).unwrap();
    let mut node = node(Some(site.port), &flash.0);
    assert_eq!(node.end(), Some(0));
    let lines = node.lines();
    for said in [
        "upload: batch 0 is sent",
        "upload: batch 1 was sent by another one",
        "upload: batch 2 is sent",
        "sensor: 50 readings, the last 19500; the sensor itself was asked 0 times",
    ] {
        assert!(lines.iter().any(|line| line == said), "{said}: {lines:#?}");
    }
    assert_eq!(near(&lines), NEAR);
    assert!(matches!(c.once(("upload", 2)).run_blocking(|_| Some(())), Ok(Ran::Skipped(_))), "the fleet knows of it");
}

#[test]
fn without_a_line_what_is_near_goes_on() {
    let flash = Folder::new();
    let mut node = node(None, &flash.0);
    assert_eq!(node.end(), Some(0));
    let lines = node.lines();
    assert_eq!(near(&lines), NEAR);
    let read = "sensor: 50 readings, the last 21001; the sensor itself was asked 1 times";
    assert!(lines.iter().any(|line| line == read), "{lines:#?}");
    assert_eq!(lines.iter().filter(|line| line.contains(" stays here: ")).count(), 3, "{lines:#?}");
}
