//! By what people know a holder: the same on every store.
#![allow(clippy::missing_panics_doc, clippy::missing_errors_doc, reason = "a test that fails says so by a panic")]

use cachify::{Builder, Cachify, Error, Ran, Refused, lock, once, secs};
use cachify_core::testing::block_on;
use std::cell::RefCell;

struct Job<'a> {
    c: &'a Cachify,
    name: String,
}

impl Job<'_> {
    #[lock(instance = self.c, key = "job:{n}", label = &self.name)]
    fn run(&self, n: u8, seen: &RefCell<Vec<Option<String>>>) -> Result<(), Refused> {
        seen.borrow_mut().push(holder(&self.c.lock(("job", n)).inspect_blocking()));
        Ok(())
    }

    #[once(instance = self.c, key = "job:{n}", label = "nightly")]
    async fn run_once(&self, n: u8, seen: &RefCell<Vec<Option<String>>>) -> Result<(), Refused> {
        let inspected = self.c.once(("job", n)).inspect().await;
        seen.borrow_mut().push(holder(&inspected));
        Ok(())
    }
}

fn holder(seen: &Result<cachify::backend::Inspection, Error>) -> Option<String> {
    seen.as_ref().unwrap().label().map(str::to_owned)
}

/// Two instances over one store, whose builders these are; the second one has no label of its own.
pub fn are_told(first: Builder, second: Builder) {
    let (first, second) = (first.label("api-1").build().unwrap(), second.build().unwrap());
    let label = |key: &str| holder(&second.lock(key).inspect_blocking());
    let some = |text: &str| Some(text.to_owned());

    let guard = first.lock("k").ttl(secs(60)).acquire_blocking().unwrap();
    assert_eq!(label("k"), some("api-1"));
    guard.release().unwrap();
    assert_eq!(label("k"), None, "nobody holds it");
    // a character that does not fit is not cut
    let long = ["x".repeat(31), "é".into()].concat();
    let guard = first.lock("k").label(&long).acquire_blocking().unwrap();
    assert_eq!(label("k"), some(&long[..31]));
    guard.release().unwrap();
    let _guard = block_on(second.lock("k").acquire()).unwrap();
    assert_eq!(label("k"), None, "it said none");

    let run = || {
        block_on(
            first
                .once("run")
                .label("import")
                .keep(secs(9))
                .run(async |_| holder(&second.once("run").inspect_blocking())),
        )
    };
    assert!(matches!(run(), Ok(Ran::Ran(Some(seen))) if seen == "import"));
    assert_eq!(holder(&second.once("run").inspect_blocking()), None, "a marker is nobody's");

    let (job, seen) = (Job { c: &first, name: "cleaner".into() }, RefCell::default());
    job.run(1, &seen).unwrap();
    block_on(job.run_once(1, &seen)).unwrap();
    assert_eq!(seen.take(), [some("cleaner"), some("nightly")]);
    let inspected = first.lock(("job", 2)).label("").acquire_blocking().unwrap();
    assert_eq!(holder(&job.run_inspect(2)), some("api-1"), "an empty one is none of its own");
    drop(inspected);
}

/// What is no label is told when the instance is built.
pub fn are_checked(builder: impl Fn() -> Builder) {
    for bad in ["x".repeat(33), "two\nlines".into(), "\u{7f}".into()] {
        let told = builder().label(&bad).build().unwrap_err();
        assert_eq!(told, Error::Config("`label` is longer than 32 bytes, or has a control character"), "{bad:?}");
    }
    builder().label(&"x".repeat(32)).build().unwrap();
}
