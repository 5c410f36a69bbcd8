//! Values that stand in a key by their hash.

use cachify::{
    Arguments, Cachify, Hashed, KeyError, KeyTemplate, Memory, Refused, cached,
    cachify_core::{self, FixedStore, Instance, key::KeyBuffer, store::lock::NoLock},
    lock,
};
use cachify_core::testing::{ManualClock, block_on};
use std::{collections::BTreeSet, sync::LazyLock};

static LOCAL: LazyLock<Cachify<Memory>> = LazyLock::new(|| Cachify::builder().build_memory());

/// SHA-256 of `abc` and the byte that ends a text, as other programs tell it.
const ABC: &str = "8e3b08dc1236880bf0c55873db58b12d";

#[derive(Clone, Hash)]
struct Body {
    title: String,
    parts: Vec<(u8, Option<char>)>,
}

fn body(title: &str, parts: &[(u8, Option<char>)]) -> Body {
    Body { title: title.into(), parts: parts.into() }
}

#[cached(instance = LOCAL, key = "render:{body:hash}:{width}", ttl = 5)]
fn render(body: &Body, width: u8) -> usize {
    body.title.len() + body.parts.len() + usize::from(width)
}

#[lock(instance = LOCAL, key = "field:{body.title:hash}a{0.parts[0].1:hash}", wait = 1)]
async fn field(body: Body) -> Result<usize, Refused> {
    Ok(body.parts.len())
}

#[cached(instance = LOCAL, key("text:{}:{both:hash}", both = (&n, &text)), ttl = 5)]
fn text<T: std::hash::Hash + std::fmt::Display>(text: String, n: T) -> usize {
    text.len() + n.to_string().len()
}

#[cached(instance = LOCAL, key = "owned:{text:hash}", ttl = 5)]
fn owned(text: String) -> usize {
    text.len()
}

impl Body {
    #[cached(instance = LOCAL, key = "method:{self:hash}", ttl = 5)]
    fn length(&self) -> usize {
        self.title.len()
    }
}

#[test]
fn a_value_stands_in_a_key_by_its_hash() {
    let (one, other) = (body("a", &[(1, None)]), body("a", &[(1, Some('b'))]));
    assert_eq!((render(&one, 1), render(&other, 1), render(&one, 1)), (3, 3, 3));
    let keys = [&one, &other, &body("b", &[]), &body("", &[])].map(|body| render::key(body, 1).unwrap());
    assert_eq!(BTreeSet::from(keys.clone()).len(), 4);
    for key in keys {
        let digits = key.strip_prefix("render:").and_then(|key| key.strip_suffix(":1")).unwrap();
        assert!(
            digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)),
            "{key}"
        );
    }
    assert_eq!(
        (render::reset(&one, 1), render::reset(&one, 1), render::reset(&other, 1)),
        (Ok(true), Ok(false), Ok(true))
    );
}

#[test]
fn a_part_of_a_value_is_hashed_and_companions_follow() {
    assert_eq!(owned::key("abc").unwrap(), format!("owned:{ABC}"));
    let body = body("abc", &[(1, None)]);
    assert_eq!((body.length(), body.length_reset()), (3, Ok(true)));
    let key = field::key(body.clone()).unwrap();
    assert!(key.starts_with(&format!("field:{ABC}a")) && key.len() == 6 + 32 + 1 + 32, "{key}");
    assert_eq!(block_on(field(body.clone())), Ok(1));
    let without = Body { parts: Vec::new(), ..body };
    assert_eq!(field::key(without).unwrap_err(), cachify::Error::Key(KeyError::Missing));
    assert_eq!(text("abc".into(), 7_u8), 4);
    assert_ne!(text::key("abc", 7_u8), text::key("abc", 8_u8));
}

#[test]
fn a_value_that_is_hashed_is_the_same_key_by_value() {
    let by_value = LOCAL.cache(("owned", Hashed("abc")));
    assert_eq!((owned("abc".into()), by_value.get_blocking::<usize>()), (3, Ok(Some(3))));
    let by_template = KeyTemplate::parse("owned:{}").unwrap();
    let named = by_template.with(Arguments { positional: &[&Hashed("abc")], named: &[] });
    assert_eq!(LOCAL.cache(named).get_blocking::<usize>(), Ok(Some(3)));
    assert_eq!(KeyTemplate::parse("owned:{body:hash}"), Err(KeyError::SpecAtRunTime));
}

type Device<'c> = Instance<FixedStore<NoLock, &'c ManualClock, 8, u32, 48>>;

#[cachify_core::cached(instance = device, key = "owned:{name:hash}", ttl = 5)]
async fn on_a_device(device: &Device<'_>, name: &str) -> u32 {
    name.len() as u32
}

#[test]
fn a_device_has_the_same_hash() {
    let clock = ManualClock::new();
    let device = Device::new(FixedStore::<NoLock, _, 8, u32, 48>::new(&clock));
    assert_eq!(block_on(on_a_device(&device, "abc")), 3);
    let key = on_a_device::key(&device, "abc").unwrap();
    assert_eq!(key.bytes(), Ok(format!("owned:{ABC}").as_bytes()));
    assert_eq!(block_on(on_a_device::reset(&device, "abc")), Ok(true));
}
