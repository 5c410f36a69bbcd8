//! Parameters of all kinds, rendered into keys.

use crate::{Answer, User, setup};
use cachify::{cached, lock};
use std::{collections::HashMap, fmt::Display};

#[cached(key = "name:{id}:{who}", ttl = "250ms")]
#[inline]
pub(crate) fn name(id: u32, who: &str) -> Option<String> {
    if id == 0 {
        None?;
    }
    Some(format!("{who}{id}"))
}

/// Its companions borrow what it owns.
#[cached(key = "owned:{who}:{what}")]
#[lock(key = "owned:{what}")]
fn owned(mut who: String, what: std::string::String) -> Answer<String> {
    who.push_str(&what);
    Ok(who)
}

#[cached(key = "gen:{id}")]
fn generic<T: Display + Clone, const N: usize>(id: T, _unrelated: [u8; N]) -> String
where
    T: Send,
{
    format!("<{id}>{N}")
}

#[cached(key = "pat:{a}:{id}")]
fn patterns((a, _b): (u8, u8), User { id }: User) -> u64 {
    u64::from(a) + id
}

#[cached(key = "imp:{x}")]
fn impl_argument(x: impl Display, mut n: u64) -> u64 {
    n += u64::from(x.to_string() == "q");
    n
}

#[cached(key = "map:{m[\"k\"]}:{v[1]}")]
fn elements(m: HashMap<String, u8>, v: Vec<u8>) -> u8 {
    m.get("k").copied().unwrap_or_default() + v.len() as u8
}

#[cached(key = "wrapped:{id}", ttl = forever)]
fn generic_value<T: Clone + Send + Sync + serde::Serialize + serde::de::DeserializeOwned + 'static>(
    id: u64,
    v: T,
) -> Result<T, String> {
    let _ = id;
    Ok(v)
}

#[test]
fn arguments_of_all_kinds_render() {
    setup();
    assert_eq!(name(3, "a:b%").as_deref(), Some("a:b%3"));
    assert_eq!(name::key(3, "a:b%").unwrap(), "name:3:a%3Ab%25");
    assert!(name::reset(3, "a:b%").unwrap());
    assert!(!name::reset(3, "a:b%").unwrap());
    assert_eq!(owned("a{".into(), "b".into()).unwrap(), "a{b");
    assert_eq!(owned::key("a{", "b").unwrap(), "owned:a%7B:b");
    assert!(!owned::is_locked("b").unwrap() && owned::reset("a{", "b").unwrap());
    assert_eq!(generic("x", [0; 3]), "<x>3");
    assert!(generic::reset("x").unwrap());
    assert_eq!(patterns((1, 2), User { id: 3 }), 4);
    assert_eq!(impl_argument("q", 1), 2);
    assert_eq!(generic_value(1, 5_u8), Ok(5));
    let map = HashMap::from([("k".to_owned(), 5)]);
    assert_eq!(elements::key(map, vec![1, 2]).unwrap(), "map:5:2");
    assert!(elements::key(HashMap::new(), vec![1, 2]).is_err());
    assert_eq!(elements(HashMap::new(), vec![]), 0, "without a key the body simply runs");
}
