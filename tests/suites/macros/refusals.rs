//! What a call returns that did not run: by the error type, and by what the attribute says of a busy key.

use cachify::{Cachify, Error, KeyError, Memory, Refused, lock, once, pooled};
use std::sync::LazyLock;

static LOCAL: LazyLock<Cachify<Memory>> = LazyLock::new(|| Cachify::builder().build_memory());

/// Knows the errors of the library by one name.
#[derive(Debug, PartialEq)]
enum AppError {
    Cachify(Error),
}

impl From<Error> for AppError {
    fn from(e: Error) -> Self {
        Self::Cachify(e)
    }
}

type Answer<T> = Result<T, AppError>;

/// Knows both, and tells them apart.
#[derive(Debug, PartialEq)]
enum Both {
    Refused(Refused),
    Cachify,
}

impl From<Refused> for Both {
    fn from(why: Refused) -> Self {
        Self::Refused(why)
    }
}

impl From<Error> for Both {
    fn from(_: Error) -> Self {
        Self::Cachify
    }
}

/// Calls itself, so that the inner call meets the outer one.
#[lock(instance = LOCAL, key = "lock")]
fn locked(depth: u32) -> Answer<u32> {
    if depth == 0 { Ok(0) } else { locked(depth - 1) }
}

#[once(instance = LOCAL, key = "once")]
async fn run(depth: u32) -> Result<u32, Error> {
    if depth == 0 { Ok(0) } else { Box::pin(run(depth - 1)).await }
}

#[pooled(instance = LOCAL, key = "pool", size = 1)]
async fn permitted(depth: u32) -> Answer<Option<u32>> {
    if depth == 0 { Ok(Some(0)) } else { Box::pin(permitted(depth - 1)).await }
}

#[lock(instance = LOCAL, key = "both")]
fn both(depth: u32) -> Result<u32, Both> {
    if depth == 0 { Ok(0) } else { both(depth - 1) }
}

#[lock(instance = LOCAL, key = "generic")]
fn generic<E: From<Error>>(depth: u32) -> Result<u32, E> {
    if depth == 0 { Ok(0) } else { generic(depth - 1) }
}

fn later(depth: u32, _: u32) -> Answer<u32> {
    depth.checked_add(100).ok_or(AppError::Cachify(Error::NotInitialised))
}

/// A full pool is the handler's; any other reason the caller's.
#[pooled(instance = LOCAL, key = "handed", size = size, on_full = later, companions = false)]
fn handed(depth: u32, size: u32) -> Answer<u32> {
    if depth == 0 { Ok(0) } else { handed(depth - 1, size) }
}

#[tokio::test]
async fn an_error_type_may_come_from_that_of_the_library() {
    let refused = |why| matches!(why, Error::Refused(why) if why.is_contended());
    assert!(matches!(locked(1), Err(AppError::Cachify(why)) if refused(why)));
    assert!(matches!(run(1).await, Err(why) if refused(why)));
    assert!(matches!(permitted(1).await, Err(AppError::Cachify(why)) if refused(why)));
    assert!(matches!(generic::<AppError>(1), Err(AppError::Cachify(why)) if refused(why)));
    assert!(matches!(both(1), Err(Both::Refused(Refused::Busy { .. }))), "the reason itself, where it fits");
    assert_eq!((handed(0, 1), handed(1, 1)), (Ok(0), Ok(100)));
    assert_eq!(handed(0, 0), Err(AppError::Cachify(Error::Refused(Refused::Zero))));
}

/// A skip is no failure, an outage is.
#[lock(instance = LOCAL, key = "skip", when_busy = Ok(None))]
fn skips(depth: u32) -> Answer<Option<u32>> {
    if depth == 0 { Ok(Some(0)) } else { skips(depth - 1) }
}

#[once(instance = LOCAL, key = "skip:{id}", keep = 60, when_busy = |why| Ok(Some(u32::from(matches!(why, Refused::Done(_))))))]
async fn skips_what_is_done(id: u32, fine: bool) -> Result<Option<u32>, Refused> {
    Ok(fine.then_some(id))
}

/// Beside `otherwise`, which has the rest.
#[pooled(instance = LOCAL, key = "beside", size = size, when_busy = 1, otherwise = |_| 2, companions = false)]
fn beside(depth: u32, size: u32) -> u32 {
    if depth == 0 { 0 } else { beside(depth - 1, size) }
}

/// What is said of a busy key, and nothing else, may leave the function.
#[lock(instance = LOCAL, key = "leaves:{list[0]}", when_busy = return Err(Error::Config("busy").into()))]
fn leaves(list: &[u32], depth: u32) -> Answer<u32> {
    if depth == 0 { Ok(0) } else { leaves(list, depth - 1) }
}

#[once(instance = LOCAL, key = "nothing:{list[0]}", when_busy = ())]
fn nothing(list: &[u32], runs: &mut u32) {
    *runs += 1;
    if *runs == 1 {
        nothing(list, runs);
    }
}

#[tokio::test]
async fn a_busy_key_is_no_failure_where_that_is_said() {
    assert_eq!((skips(0), skips(1)), (Ok(Some(0)), Ok(None)));
    assert_eq!((skips_what_is_done(7, true).await, skips_what_is_done(7, true).await), (Ok(Some(7)), Ok(Some(1))));
    assert_eq!((beside(0, 1), beside(1, 1), beside(0, 0)), (0, 1, 2));
    assert_eq!((leaves(&[1], 0), leaves(&[1], 1)), (Ok(0), Err(AppError::Cachify(Error::Config("busy")))));
    let bad_key = Err(AppError::Cachify(Error::Refused(Refused::BadKey(KeyError::Missing))));
    assert_eq!(leaves(&[], 0), bad_key, "no key is no busy key");
    let mut runs = 0;
    nothing(&[1], &mut runs);
    nothing(&[], &mut runs);
    assert_eq!(runs, 1);
}
