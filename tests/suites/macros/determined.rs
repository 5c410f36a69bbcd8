//! Generic functions that must go on compiling: parameters that the arguments determine, in all the ways there are, and
//! types that nobody can tell from a future.

use cachify::{Cachify, Memory, Refused, cached, lock, once};
use std::{fmt::Display, marker::PhantomData, sync::LazyLock};

static LOCAL: LazyLock<Cachify<Memory>> = LazyLock::new(|| Cachify::builder().build_memory());

#[cached(instance = LOCAL, key = "d1:{of}")]
fn directly<T: Display>(of: &T) -> String {
    of.to_string()
}
#[cached(instance = LOCAL, key = "d2:{}")]
fn in_a_type<T, const N: usize>(name: u8, _of: PhantomData<T>, _all: &[Vec<T>; N]) -> usize {
    size_of::<T>() * N + usize::from(name)
}
#[cached(instance = LOCAL, key = "d3")]
async fn by_a_bound<I: Iterator<Item = T>, T: Display>(all: I) -> String {
    all.map(|one| one.to_string()).collect()
}
#[cached(instance = LOCAL, key = "d4")]
fn by_a_clause<T, I>(all: I) -> String
where
    T: Display,
    I: IntoIterator,
    I::IntoIter: Iterator<Item = T>,
{
    all.into_iter().map(|one| one.to_string()).collect()
}
#[cached(instance = LOCAL, key = "d5")]
fn by_an_anonymous_one<T: Display>(all: impl IntoIterator<Item = T>) -> String {
    all.into_iter().map(|one| one.to_string()).collect()
}
#[cached(instance = LOCAL, key = "d6")]
fn by_a_function<A: Default, B: Display, F: Fn(A) -> B>(f: F) -> String {
    f(A::default()).to_string()
}
#[cached(instance = LOCAL, key = "d7")]
fn by_a_slice<T: Display>(all: impl AsRef<[T]>) -> String {
    all.as_ref().iter().map(ToString::to_string).collect()
}
#[cached(instance = LOCAL, key = "d8:{name}")]
fn lifetimes_never_matter<'a, 'b: 'a>(name: &'a str, other: &'b str) -> usize {
    name.len() + other.len()
}
/// Only a cached value can be shared.
#[lock(instance = LOCAL, key = "d9")]
fn nothing_is_kept<T: Default>() -> Result<T, Refused> {
    Ok(T::default())
}

/// Only what is inside `Ok` is kept, so calls that differ in their error may share it.
#[cached(instance = LOCAL, key = "error:{id}", ttl = 60)]
fn only_the_error_is_generic<E: From<Refused>>(id: u8) -> Result<u8, E> {
    Ok(id)
}

#[tokio::test]
async fn parameters_that_arguments_determine_compile() {
    assert_eq!((directly(&1), directly::reset(&1), directly(&"x")), ("1".to_owned(), Ok(true), "x".to_owned()));
    assert_eq!(in_a_type(1, PhantomData::<u16>, &[vec![], vec![]]), 5);
    assert_eq!(by_a_bound([1, 2].into_iter()).await, "12");
    assert_eq!((by_a_clause([3]), by_an_anonymous_one([4])), ("3".to_owned(), "4".to_owned()));
    assert_eq!((by_a_function(|n: u8| n + 5), by_a_slice([6_u8])), ("5".to_owned(), "6".to_owned()));
    assert_eq!(only_the_error_is_generic::<Refused>(7), Ok(7));
    assert_eq!((lifetimes_never_matter("a", "b"), nothing_is_kept::<u8>()), (2, Ok(0)));
}

/// A generic type that may be a future, or not: nobody can tell, so it compiles.
#[lock(instance = LOCAL, key = "any", otherwise = value)]
fn any<T>(value: T) -> T {
    value
}

/// A handle of what runs by itself.
#[once(instance = LOCAL, key = "spawned")]
fn spawned() -> Option<tokio::task::JoinHandle<u8>> {
    Some(tokio::spawn(async { 1 }))
}

#[tokio::test]
async fn what_may_not_be_a_future_compiles() {
    assert_eq!(any(1), 1);
    assert_eq!(spawned().unwrap().await.unwrap(), 1);
}
